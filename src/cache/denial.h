/* Aggressive use of denial records (RFC 8198): NSEC and NSEC3 records that were fully checked
 * answer questions that were never asked. Shared by all workers; sharded by zone, each shard with
 * its own lock and part of the byte budget; expiry by both clocks (core/env.h).
 *
 * Only what was verified by its own zone's keys, not made from a wildcard, with owner, next name
 * and signer inside that zone may be put in (the caller has checked the signatures, this checks the
 * rest again: CVE-2026-44690 and its kin). */
#ifndef BANYAN_CACHE_DENIAL_H
#define BANYAN_CACHE_DENIAL_H

#include "base/arena.h"
#include "core/budget.h"
#include "core/env.h"
#include "dns/rrset.h"
#include "dnssec/nsec3.h"

struct denial_cache;

/* Owns max_bytes at most. NULL when memory is out. */
struct denial_cache *denial_new(size_t max_bytes, const struct env *env) MUST_USE;
void denial_free(struct denial_cache *d);
/* Stores an NSEC or NSEC3 RRset (one record) of the zone with the RRSIGs it came with; ttl_s from
 * now. Silently declines what may not be used: a record that is not of the zone, an NSEC3 with
 * opt-out or with more than LIMIT_NSEC3_ITERATIONS, TTL 0. */
void denial_put(struct denial_cache *d, const uint8_t *zone, const struct rrset *set,
                const struct rrset *sigs, uint32_t ttl_s, struct now now);
/* The zone's SOA, without which nothing is answered; its TTL is already that of RFC 2308 section 5.
 */
void denial_put_soa(struct denial_cache *d, const uint8_t *zone, const struct rrset *soa,
                    const struct rrset *sigs, uint32_t ttl_s, struct now now);
void denial_flush_zone(struct denial_cache *d, const uint8_t *zone);
void denial_flush_all(struct denial_cache *d);

enum denial_kind {
    DENIAL_NONE,     /* nothing is known */
    DENIAL_NXDOMAIN, /* the name does not exist, nor a wildcard for it */
    DENIAL_NODATA,   /* it exists (or an empty non-terminal, or a wildcard that stands for it does),
                      * without the type and without CNAME */
    DENIAL_WILDCARD, /* it does not exist, but the wildcard `wildcard` does, with the type (or
                      * CNAME) in its bitmap or with a bitmap not known: who holds its data may
                      * answer (RFC 8198 section 5.3) */
};
enum { DENIAL_PROOFS = 4 };
struct denial_record {
    struct rrset set, sigs; /* with the TTL left; in the caller's arena */
};
struct denial_found {
    enum denial_kind kind;
    uint32_t ttl_s; /* the least of all that is used */
    struct name zone, wildcard;
    struct denial_record soa, proof[DENIAL_PROOFS];
    unsigned proofs;
};

/* What is known of a name by the records of `zone` (the deepest zone with records that encloses the
 * name, if zone is NULL). For DS the parent's zone is searched. Names below a delegation or DNAME
 * of the zone get DENIAL_NONE (RFC 6840 section 4.1), and so do names that an ancestor delegation's
 * record would speak of wrongly. NSEC3 hashes are taken from the budget (may be NULL: not limited).
 */
enum denial_kind denial_find(struct denial_cache *d, const uint8_t *zone, const uint8_t *name,
                             uint16_t type, struct nsec3_hasher *hasher, struct budget *b,
                             struct now now, struct arena *a, struct denial_found *ret);

struct denial_stats {
    uint64_t zones, records, bytes, max_bytes, hits, misses, evictions;
};
struct denial_stats denial_stats(const struct denial_cache *d);

#endif
