/* DNSKEY and what is derived from it: tags, DS, CDS, CDNSKEY (RFC 4034, 7344, 8078). */
#ifndef BANYAN_DNSSEC_DNSKEY_H
#define BANYAN_DNSSEC_DNSKEY_H

#include "base/bytes.h"
#include "base/status.h"
#include "base/writer.h"
#include "crypto/key.h"
#include "dns/name.h"

enum {
    DNSKEY_ZONE = 0x0100,   /* RFC 4034 section 2.1.1 */
    DNSKEY_REVOKE = 0x0080, /* RFC 5011 section 2.1 */
    DNSKEY_SEP = 0x0001,
    DNSKEY_RDATA_MAX = 4 + PUBLIC_KEY_MAX,
};

enum { DS_SHA1 = 1, DS_SHA256 = 2, DS_SHA384 = 4, DS_DIGEST_MAX = 48 };

struct dnskey {
    uint16_t flags;
    uint8_t protocol, algorithm;
    uint16_t tag;
    struct bytes public_key; /* borrowed */
};

struct ds {
    uint16_t tag;
    uint8_t algorithm, digest_type;
    struct bytes digest; /* borrowed */
};

/* Views of RDATA; false if it is too short. */
bool dnskey_read(struct bytes rdata, struct dnskey *ret);
bool ds_read(struct bytes rdata, struct ds *ret);
/* Key tag of DNSKEY RDATA (RFC 4034 appendix B). */
uint16_t dnskey_tag(struct bytes rdata);
/* True for a key that may sign zone data: protocol 3, zone flag, not revoked (RFC 4034 s. 2.1). */
bool dnskey_is_zone_key(const struct dnskey *k);
/* Appends the RDATA of a DNSKEY. */
enum status dnskey_write(const struct sec_key *k, uint16_t flags, struct writer *out) MUST_USE;
/* Parses the public key of DNSKEY RDATA. ST_EUNSUPPORTED, ST_EFORMAT. */
enum status dnskey_open(struct bytes rdata, struct sec_key **ret) MUST_USE;
/* The digest of a DS (RFC 4034 section 5.1.4, RFC 4509, RFC 6605): over the owner in lower case and
 * the DNSKEY's RDATA. ST_EUNSUPPORTED for an unknown digest type. */
enum status ds_digest(uint8_t digest_type, const uint8_t *owner, struct bytes dnskey,
                      uint8_t ret[DS_DIGEST_MAX], size_t *ret_n) MUST_USE;
/* Appends the RDATA of a DS or CDS for a key. */
enum status ds_write(uint8_t digest_type, const uint8_t *owner, struct bytes dnskey,
                     struct writer *out) MUST_USE;
/* True if the DS names this key (tag, algorithm and digest). */
bool ds_matches(const struct ds *ds, const uint8_t *owner, struct bytes dnskey);

#endif
