/* DNSSEC keys and signatures (RFC 4034, 5702, 6605, 8080): the only place that talks to the crypto
 * library.
 *
 * Algorithms are fetched once (crypto_init), contexts belong to a thread, keys are parsed once:
 * OpenSSL 3's implicit fetching at each call costs two to four times as much and does not scale. */
#ifndef BANYAN_CRYPTO_KEY_H
#define BANYAN_CRYPTO_KEY_H

#include "base/bytes.h"
#include "base/status.h"
#include "base/writer.h"

/* DNSSEC algorithm numbers (IANA). */
enum sec_algorithm {
    SEC_RSASHA1 = 5,
    SEC_RSASHA1_NSEC3 = 7,
    SEC_RSASHA256 = 8,
    SEC_RSASHA512 = 10,
    SEC_ECDSAP256 = 13,
    SEC_ECDSAP384 = 14,
    SEC_ED25519 = 15,
    SEC_ED448 = 16,
};

enum { SIGNATURE_MAX = 512, PUBLIC_KEY_MAX = 520 };

struct sec_key; /* a public key, maybe with its private half */

/* True if verifying is supported at all; RFC 9905: 5 and 7 only when allowed by the caller's
 * switch. */
bool sec_algorithm_known(uint8_t algorithm);
/* Mnemonic as in the registry ("ECDSAP256SHA256"); NULL if unknown. */
const char *sec_algorithm_name(uint8_t algorithm);
bool sec_algorithm_parse(struct bytes text, uint8_t *ret);

/* Parses the public key field of a DNSKEY. ST_EUNSUPPORTED, ST_EFORMAT (RSA below 512 or above 4096
 * bits, a point not on the curve ...). */
enum status sec_key_public(uint8_t algorithm, struct bytes public_key,
                           struct sec_key **ret) MUST_USE;
/* Makes a new key pair; bits only matter for RSA. */
enum status sec_key_generate(uint8_t algorithm, unsigned bits, struct sec_key **ret) MUST_USE;
/* Reads the fields of a BIND private-key file (v1.2/v1.3 text) that belongs to public_key. */
enum status sec_key_private(uint8_t algorithm, struct bytes public_key, struct bytes file,
                            struct sec_key **ret) MUST_USE;
void sec_key_free(struct sec_key *k);
/* The public key field of a DNSKEY, appended to out. */
enum status sec_key_public_write(const struct sec_key *k, struct writer *out) MUST_USE;
uint8_t sec_key_algorithm(const struct sec_key *k);
bool sec_key_is_private(const struct sec_key *k);

/* Signs data; *ret_n bytes go to sig. Thread-safe: the key is only read. */
enum status sec_sign(const struct sec_key *k, struct bytes data, uint8_t sig[SIGNATURE_MAX],
                     size_t *ret_n) MUST_USE;
/* ST_OK only if sig is the signature of data by this key; ST_EFORMAT: it is not. */
enum status sec_verify(const struct sec_key *k, struct bytes data, struct bytes sig) MUST_USE;

/* Key tag of DNSKEY RDATA (RFC 4034 appendix B). */
uint16_t sec_key_tag(struct bytes dnskey_rdata);
/* Digest of DS (RFC 4034 section 5.1.4, RFC 4509, RFC 6605): type 1, 2 or 4 over owner (lower case)
 * and DNSKEY RDATA; *ret_n bytes. ST_EUNSUPPORTED. */
enum status sec_ds_digest(uint8_t digest_type, const uint8_t *owner, struct bytes dnskey_rdata,
                          uint8_t ret[48], size_t *ret_n) MUST_USE;
/* NSEC3 hash (RFC 5155 section 5) of a name in canonical form. */
enum status sec_nsec3_hash(const uint8_t *name_lower, size_t name_len, struct bytes salt,
                           uint16_t iterations, uint8_t ret[20]) MUST_USE;

#endif
