/* The resolver's cache: the one writable thing that all workers share.
 *
 * Sharded by a keyed hash of the name; each shard has its own spin lock and its own part of the
 * byte budget, and throws out by S3-FIFO, so that a scan does not push out what is in use
 * (store.h). An entry is one contiguous blob without pointers. Expiry is decided by both clocks
 * (core/env.h). */
#ifndef BANYAN_CACHE_CACHE_H
#define BANYAN_CACHE_CACHE_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/limits.h"
#include "cache/denial.h"
#include "core/env.h"
#include "dns/rrset.h"

struct cache;

enum {
    /* Delegations and glue are kept in a class of their own (private use, RFC 6895 section 3.2),
     * apart from what clients get for the same names: a child's own NS RRset can so never prolong
     * or change its delegation (ghost domains, CVE-2022-30698), and glue is never an answer. */
    CACHE_CLASS_CUT = 0xff00,
    /* Questions whose answers failed validation (RFC 4035 section 4.7): apart, because clients that
     * set CD get the data all the same. */
    CACHE_CLASS_BAD = 0xff01,
    /* Questions that failed while an answer was there that has run out: apart, because a failure in
     * its place would push that out (RFC 8767 section 5, RFC 9520 section 3.2). */
    CACHE_CLASS_FAILED = 0xff02,
};

/* How far data may be trusted (RFC 2181 section 5.4.1): higher replaces lower, lower never replaces
 * higher while that is fresh. */
enum cache_rank {
    RANK_GLUE = 1,       /* additional section of a referral */
    RANK_REFERRAL,       /* NS of the authority section of a referral */
    RANK_NONAUTH_ANSWER, /* answer section without AA */
    RANK_AUTHORITY,      /* authority section of an authoritative answer */
    RANK_ANSWER,         /* answer section with AA */
    RANK_LOCAL,          /* hints, local data */
};

enum cache_kind { CACHE_NONE, CACHE_RRSET, CACHE_NODATA, CACHE_NXDOMAIN, CACHE_FAILURE };

/* Whether it was validated (RFC 4035 section 4.3): more replaces less whatever the rank, and less
 * never replaces more while that is fresh. What is bogus is not kept. */
enum cache_trust {
    CACHE_UNCHECKED,
    CACHE_INSECURE, /* proved not to be signed */
    CACHE_SECURE,
};

enum { CACHE_MORE_SETS = 1 + 2 * LIMIT_PROOF_RECORDS };

/* What is kept with an entry; borrowed. */
struct cache_with {
    enum cache_trust trust;
    bool cut;                 /* a denial of DS that proves an unsigned delegation */
    const struct rrset *more; /* the RRSIGs of the set or SOA, and the denial records with theirs,
                               * in the order in which they are to be sent */
    unsigned more_count;      /* past CACHE_MORE_SETS they are left out */
    uint16_t reason;          /* why it is not secure: for who keeps it to know */
    const char *text;         /* FAILURE: what went wrong, or NULL */
    uint8_t epoch;            /* cache_epoch() when the work began whose verdict this is */
    bool restored;            /* out of a snapshot: gives way to whatever is there and fresh */
    bool used;                /* it was asked for before */
};

/* An entry, copied out into the caller's arena. */
struct cache_entry {
    enum cache_kind kind;
    enum cache_rank rank;
    uint32_t ttl_s;   /* left */
    struct rrset set; /* RRSET: with the TTL left */
    struct rrset
        soa; /* NODATA, NXDOMAIN: the SOA for the authority section; count 0 if there was none */
    uint16_t reason; /* FAILURE: enum reason of the culprit */
    enum cache_trust trust;
    bool cut;
    bool late;     /* less than a tenth of its time is left */
    uint8_t asked; /* times it was asked for in the second half of its time; 0: it is not there */
    uint32_t stale_s; /* how long ago it ran out: by cache_get_stale() only */
    /* By cache_get_more() only: */
    const char *text; /* FAILURE: NULL if there is none */
    unsigned more_count;
    struct rrset more[CACHE_MORE_SETS];
};

/* Owns max_bytes at most. shards 0: as many as suit the size. NULL when memory is out. */
struct cache *cache_new(size_t max_bytes, unsigned shards, const struct env *env) MUST_USE;
void cache_free(struct cache *c);
/* Looks up exactly (name, type, class): an NXDOMAIN entry is found under every type. Expired
 * entries are CACHE_NONE. */
enum cache_kind cache_get(struct cache *c, const uint8_t *name, uint16_t type, uint16_t rclass,
                          struct now now, struct arena *a, struct cache_entry *ret);
/* The same with what was kept beside it. */
enum cache_kind cache_get_more(struct cache *c, const uint8_t *name, uint16_t type, uint16_t rclass,
                               struct now now, struct arena *a, struct cache_entry *ret);
/* The same for what ran out no longer than max_s ago by either clock (RFC 8767), or is fresh: told
 * with ttl_s. Never a failure. */
enum cache_kind cache_get_stale(struct cache *c, const uint8_t *name, uint16_t type,
                                uint16_t rclass, struct now now, uint32_t max_s, uint32_t ttl_s,
                                struct arena *a, struct cache_entry *ret);
/* Lookups that are about to come: for a cache that no processor's own cache holds, each step is
 * begun for all of them before the first goes on. */
struct cache_ahead {
    uint64_t name_hash;
    uint16_t type;
};
/* Whether it is worth while. */
bool cache_is_large(struct cache *c);
void cache_ahead_begin(struct cache *c, const uint8_t *name, uint16_t type,
                       struct cache_ahead *ret);
void cache_ahead_entry(struct cache *c, const struct cache_ahead *a);
/* True for the first who means to fetch an entry anew before it runs out: from then on it is never
 * late. */
bool cache_claim(struct cache *c, const uint8_t *name, uint16_t type, uint16_t rclass) MUST_USE;
/* Stores; silently declines what is too big, has TTL 0, or ranks below a fresh entry. with: NULL is
 * unchecked and nothing more. */
void cache_put(struct cache *c, const struct rrset *set, enum cache_rank rank,
               const struct cache_with *with, struct now now);
/* kind NODATA, NXDOMAIN or FAILURE; soa and with may be NULL. */
void cache_put_negative(struct cache *c, enum cache_kind kind, const uint8_t *name, uint16_t type,
                        uint16_t rclass, uint32_t ttl_s, const struct rrset *soa, uint16_t reason,
                        const struct cache_with *with, struct now now);
/* Forgets one entry. */
void cache_drop(struct cache *c, const uint8_t *name, uint16_t type, uint16_t rclass);
/* Flushes: takes effect at once for lookups. type 0: all types. Returns entries removed or hidden.
 */
uint64_t cache_flush_name(struct cache *c, const uint8_t *name, uint16_t type);
uint64_t cache_flush_below(struct cache *c, const uint8_t *apex);
void cache_flush_all(struct cache *c);
/* Counts the flushes: who keeps something that follows from the cache looks whether it changed. */
unsigned cache_flushes(const struct cache *c);
/* The rules of validation have changed: everything counts as unchecked from now on, and what was
 * proved not to exist, or to fail validation, is forgotten. */
void cache_distrust(struct cache *c);
/* Of the rules in force. What was begun under older ones is stored as unchecked. */
uint8_t cache_epoch(const struct cache *c);

/* What is known not to exist (RFC 8198): a part of the byte budget is its. */
struct denial_cache *cache_denial(struct cache *c);

struct cache_stats {
    uint64_t entries, bytes, max_bytes, hits, misses, inserts, evictions, expired, negative;
};
struct cache_stats cache_stats(const struct cache *c);

#endif
