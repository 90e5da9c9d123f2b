/* DNSSEC keys and signatures (RFC 3110, 5702, 6605, 8080): beside digest.h the only place that
 * talks to the crypto library.
 *
 * Algorithms are fetched once and a key keeps its contexts: fetching at every use costs two to four
 * times as much and does not scale over threads. Therefore a key belongs to one thread at a time;
 * sec_key_share() makes another handle of the same key for another thread. */
#ifndef BANYAN_CRYPTO_KEY_H
#define BANYAN_CRYPTO_KEY_H

#include "base/bytes.h"
#include "base/diag.h"
#include "base/status.h"
#include "base/text.h"
#include "base/writer.h"

/* SEC_RSASHA256 = 8, SEC_ED25519 = 15, ... */
enum sec_algorithm {
#define ALGORITHM(number, name, ...) SEC_##name = number,
#include "crypto/algorithms.def"
#undef ALGORITHM
};

enum { SIGNATURE_MAX = 512, PUBLIC_KEY_MAX = 532 };

struct sec_key; /* a public key, maybe with its private half */

/* False for a number that this library can neither sign nor verify. */
bool sec_algorithm_known(uint8_t algorithm);
/* True if keys may be made and signatures given; else the algorithm is only verified (RFC 9905). */
bool sec_algorithm_signs(uint8_t algorithm);
/* Mnemonic of the registry ("ECDSAP256SHA256"); NULL if unknown. */
const char *sec_algorithm_name(uint8_t algorithm);
/* Mnemonic in either case, with "-" for "_", or the number. */
bool sec_algorithm_parse(struct bytes text, uint8_t *ret);
/* The next known number after `algorithm`, or 0: start with 0. */
uint8_t sec_algorithm_next(uint8_t algorithm);

/* Parses the public key field of a DNSKEY. ST_EUNSUPPORTED, ST_EFORMAT (RSA below 512 or above 4096
 * bits, an exponent beyond 64 bits or even, a point that is not on the curve, wrong length). */
enum status sec_key_public(uint8_t algorithm, struct bytes public_key,
                           struct sec_key **ret) MUST_USE;
/* Makes a new pair with the library's random source; bits only matter for RSA (1024 to 4096, else
 * ST_ERANGE; 0: 2048). ST_EUNSUPPORTED, ST_ENOMEM. */
enum status sec_key_generate(uint8_t algorithm, unsigned bits, struct sec_key **ret) MUST_USE;
/* The pair whose private half is `secret`: the scalar (13, 14: 32 and 48 bytes) or the seed (15,
 * 16: 32 and 57 bytes); the same secret gives the same key, for the simulator and the lab.
 * ST_EFORMAT. */
enum status sec_key_from_secret(uint8_t algorithm, struct bytes secret,
                                struct sec_key **ret) MUST_USE;
/* Reads the text of a private-key file as BIND's tools write it (Private-key-format v1.2, v1.3).
 * Fields of timing are passed by. On failure *d (may be NULL) says what, with the line.
 * ST_ESYNTAX, ST_EFORMAT, ST_EUNSUPPORTED. */
enum status sec_key_private(struct bytes file, struct sec_key **ret, struct diag *d) MUST_USE;
/* Writes such a file: format v1.3, without timing. ST_EUNSUPPORTED for a key without private half.
 */
enum status sec_key_private_text(const struct sec_key *k, struct text *out) MUST_USE;
/* Another handle of the same key, for another thread; NULL when memory is out. */
struct sec_key *sec_key_share(const struct sec_key *k) MUST_USE;
void sec_key_free(struct sec_key *k);

uint8_t sec_key_algorithm(const struct sec_key *k);
/* Size in bits as people name it: 2048, 256, 384; 256 and 456 for Ed25519 and Ed448. */
unsigned sec_key_bits(const struct sec_key *k);
bool sec_key_is_private(const struct sec_key *k);
/* Appends the public key field of a DNSKEY. */
enum status sec_key_public_write(const struct sec_key *k, struct writer *out) MUST_USE;
/* Bytes of every signature by this key. */
size_t sec_signature_size(const struct sec_key *k);

/* Signs data; *ret_n bytes go to sig. Given the same data, algorithms 8, 10, 15 and 16 always give
 * the same signature, 13 and 14 never. ST_EUNSUPPORTED without private half. */
enum status sec_sign(struct sec_key *k, struct bytes data, uint8_t sig[SIGNATURE_MAX],
                     size_t *ret_n) MUST_USE;
/* ST_OK only if sig is the signature of data by this key; ST_EFORMAT: it is not. */
enum status sec_verify(struct sec_key *k, struct bytes data, struct bytes sig) MUST_USE;

#endif
