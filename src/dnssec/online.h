/* Signatures made when they are asked for, for answers that do not exist before: compact denial
 * (RFC 9824), and names whose answer depends on who asks. */
#ifndef BANYAN_DNSSEC_ONLINE_H
#define BANYAN_DNSSEC_ONLINE_H

#include "dns/rrset.h"
#include "dnssec/sign.h"

/* What signs a zone: immutable, shared by all workers. */
struct online_zone;
/* Copies what it needs of the keys that sign. ST_ESEMANTIC: none signs; ST_ENOMEM. */
enum status online_zone_new(const uint8_t *zone, const struct sign_plan *plan,
                            struct online_zone **ret) MUST_USE;
/* Takes a struct online_zone, as zone_attach() wants it. */
void online_zone_free(void *z);

/* A worker's signer, with the signatures it made last. */
struct online;
struct online *online_new(void) MUST_USE;
void online_free(struct online *o);
/* A new answer begins: what the functions below returned is no longer needed. */
void online_begin(struct online *o);
/* The RRSIGs over a set by every key that is to sign it, in *ret; false if they cannot be made or
 * the answer has too many. Borrowed until online_begin(). The set's owner is signed as it is: a
 * name found by a wildcard counts as one that exists (RFC 9824 section 3.3). now: seconds since
 * 1970. */
bool online_sign(struct online *o, const struct online_zone *z, const struct rrset *set,
                 uint64_t now, struct rrset *ret);
/* An NSEC that says what types a name has and nothing of any other name (RFC 9824 section 3.2).
 * types need not be sorted; owner is borrowed. False when the answer has too many. */
bool online_nsec(struct online *o, const struct online_zone *z, const uint8_t *owner,
                 uint16_t *types, size_t n, uint32_t ttl, struct rrset *ret);

struct online_stats {
    uint64_t made, kept; /* signatures made, and taken from those made before */
};
struct online_stats online_stats(const struct online *o);

/* The name that follows n, a name of the zone, directly in canonical order (RFC 4471
 * section 3.1.2): \000.n if that is not too long; the zone's own behind the last name there can be.
 */
void name_successor(const uint8_t *n, const uint8_t *zone, struct name *ret);

#endif
