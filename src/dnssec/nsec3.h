/* NSEC and NSEC3 records: hashes of names, views of RDATA, type bitmaps (RFC 4034 section 4, RFC
 * 5155).
 */
#ifndef BANYAN_DNSSEC_NSEC3_H
#define BANYAN_DNSSEC_NSEC3_H

#include "base/bytes.h"
#include "base/status.h"
#include "base/writer.h"
#include "dns/name.h"
#include "zone/denial.h"

/* Hashes names; belongs to one thread. NULL when memory is out. */
struct nsec3_hasher;
struct nsec3_hasher *nsec3_hasher_new(void) MUST_USE;
void nsec3_hasher_free(struct nsec3_hasher *h);
/* RFC 5155 section 5: SHA-1 over the name in lower case and the salt, then `iterations` times over
 * hash and salt. */
enum status nsec3_hash(struct nsec3_hasher *h, const uint8_t *name, struct bytes salt,
                       uint16_t iterations, uint8_t ret[NSEC3_HASH]) MUST_USE;
/* The owner of an NSEC3: the hash in base32hex as one label before the zone's name (RFC 5155
 * section 3.3). ST_ENAME if that is too long. */
enum status nsec3_owner(const uint8_t hash[NSEC3_HASH], const uint8_t *zone,
                        struct name *ret) MUST_USE;
/* The hash in an owner name's first label; false if it is none of SHA-1. */
bool nsec3_owner_hash(const uint8_t *owner, uint8_t ret[NSEC3_HASH]);

struct nsec {
    const uint8_t *next; /* name, borrowed */
    struct bytes bitmap;
};

struct nsec3 {
    uint8_t algorithm, flags; /* flag 1: opt-out */
    uint16_t iterations;
    struct bytes salt, next; /* next: the hash itself */
    struct bytes bitmap;
};

/* Views; false if RDATA is malformed. */
bool nsec_read(struct bytes rdata, struct nsec *ret);
bool nsec3_read(struct bytes rdata, struct nsec3 *ret);

/* Appends the bitmap of types, which are ascending (RFC 4034 section 4.1.2). */
enum status bitmap_write(const uint16_t *types, size_t n, struct writer *out) MUST_USE;
bool bitmap_has(struct bytes bitmap, uint16_t type);

#endif
