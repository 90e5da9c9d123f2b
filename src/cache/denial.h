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

/* Owns max_bytes at most: records not used lately go first (SIEVE), and a zone goes with its last
 * record; one zone gets half of its shard at most. A shard has 8 MiB or more. NULL when memory is
 * out. */
struct denial_cache *denial_new(size_t max_bytes, const struct env *env) MUST_USE;
void denial_free(struct denial_cache *d);
/* Stores an NSEC or NSEC3 RRset (one record) of the zone with the RRSIGs it came with; ttl_s from
 * now: the caller's, that is not more than the signature allows (RFC 4035 section 5.3.3) nor than
 * what the SOA says (RFC 9077). The owner of a set is its signed owner: "*.example." for a
 * wildcard's own record.
 *
 * Silently declines what may not be used: TTL 0; not one well-formed record of the zone; no RRSIG
 * of this type by the zone with as many labels as the owner has (RRSIGs of others are left out); an
 * NSEC whose next name is outside the zone or before its owner, or without NSEC and RRSIG in its
 * bitmap (RFC 4035 section 2.3); an NSEC3 not directly below the zone, with a flag (opt-out), not
 * of SHA-1, or with more than LIMIT_NSEC3_ITERATIONS; more than LIMIT_REFERRAL bytes.
 *
 * Replaces the older record of the same owner, and drops those that the new one contradicts: spans
 * that overlap show that the zone has changed. Of NSEC3 parameters the two used last are kept. */
void denial_put(struct denial_cache *d, const uint8_t *zone, const struct rrset *set,
                const struct rrset *sigs, uint32_t ttl_s, struct now now);
/* The zone's SOA, without which nothing is denied; its TTL is already that of RFC 2308 section 5
 * (and is cut to MINIMUM again). */
void denial_put_soa(struct denial_cache *d, const uint8_t *zone, const struct rrset *soa,
                    const struct rrset *sigs, uint32_t ttl_s, struct now now);
/* Exactly this zone, not those below it. */
void denial_flush_zone(struct denial_cache *d, const uint8_t *zone);
void denial_flush_all(struct denial_cache *d);

enum denial_kind {
    DENIAL_NONE,     /* nothing is known */
    DENIAL_NXDOMAIN, /* the name does not exist, nor a wildcard for it */
    DENIAL_NODATA,   /* it exists (or an empty non-terminal, or a wildcard that stands for it does),
                      * without the type and without CNAME */
    DENIAL_WILDCARD, /* the name does not exist, nor anything between it and its closest encloser,
                      * so that only `wildcard` can stand for it. That wildcard exists with the type
                      * or CNAME in its bitmap, or nothing is known of it (it may not exist at all):
                      * who holds its validated data may answer with them (RFC 8198 section 5.3).
                      * One proof: that which goes with such an answer (RFC 4035 section 3.1.3.3) */
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
 * of the zone get DENIAL_NONE (RFC 6840 section 4.1), and so do NODATA of types that no bitmap
 * speaks of (ANY and other meta types) and names that a wildcard with NS or DNAME stands for.
 * Whatever is answered holds by dnssec/proof.h with the proofs that are returned.
 *
 * NSEC3 hashes are taken from the budget (may be NULL), at most LIMIT_DENIAL_HASHES of them and
 * only as long as half of the query's are left; running out of them here does not exhaust the
 * budget. hasher NULL: NSEC3 is not looked at. The arena takes at most some 45 KiB, mostly less
 * than 2; when it is full the answer is DENIAL_NONE. In *ret all but the kind is valid only if the
 * kind is not DENIAL_NONE; `wildcard` is set for DENIAL_WILDCARD. */
enum denial_kind denial_find(struct denial_cache *d, const uint8_t *zone, const uint8_t *name,
                             uint16_t type, struct nsec3_hasher *hasher, struct budget *b,
                             struct now now, struct arena *a, struct denial_found *ret);

struct denial_stats {
    uint64_t zones, records, bytes, max_bytes, hits, misses, evictions;
};
struct denial_stats denial_stats(const struct denial_cache *d);

#endif
