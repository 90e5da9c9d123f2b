/* How the cache keeps its entries: private to this folder.
 *
 * All memory is one pool of equal segments, taken at the start and touched only as it is needed, so
 * the budget holds to the byte and nothing is lost between pieces of many sizes. A shard appends
 * entries to two logs of segments, which are its FIFO queues (S3-FIFO, Yang et al. 2023): `small`
 * for what is new, `main` for what was asked for again while it was there. A collector eats the
 * older end of a log: what is still in use is copied to the younger end of `main`, all else is
 * forgotten. It works a little with each insertion, so no insertion waits long.
 *
 * The hash table grows a bucket at a time (linear hashing), out of the same pool. All types of a
 * name share one line of buckets. */
#ifndef BANYAN_CACHE_STORE_H
#define BANYAN_CACHE_STORE_H

#include "cache/cache.h"
#include "cache/spin.h"

#include <stdatomic.h>

/* Where an entry begins in the pool, in units of its alignment; REF_NONE: nowhere. */
enum { REF_NONE = 0 };
#define SEG_NONE UINT32_MAX

/* One cached answer. Its bytes follow it: owner name, packed RDATA, for a negative entry the SOA's
 * owner and packed RDATA in place of the RDATA, and what is kept with it (pack_more). Ordered by
 * what a lookup looks at first. */
struct entry {
    uint32_t chain; /* in its bucket */
    uint32_t addr;  /* its address in the hash table */
    uint16_t type, rclass;
    unsigned name_len : 8;
    unsigned kind : 3;
    unsigned rank : 3;
    unsigned trust : 2;
    unsigned cut : 1;
    unsigned live : 1;
    unsigned proven : 1;                    /* in `main`, not in `small` */
    unsigned used : 2;                      /* how often it was asked for, up to 3 */
    unsigned old : 1;                       /* shard.old when it was last looked at by a flush */
    uint32_t dies_mono_tick, dies_wall_s32; /* whichever clock says so first */
    uint16_t units;                         /* of its place, which may be larger than it is */
    uint16_t rdata_size, more_size;
    uint16_t count, reason;
    uint8_t soa_len; /* of the SOA's owner; 0: there is no SOA */
    uint8_t epoch;   /* of the rules that it was checked by */
    /* The whole of its time, 0 once somebody fetches it anew; how often it was asked for in the
     * second half. */
    uint32_t ttl_s : 24, asked : 8;
};

struct seg {
    uint32_t older, newer; /* in its log; `newer` links free ones */
    uint32_t used;         /* bytes appended */
    uint32_t live;         /* entries */
};

/* Oldest segment to newest; the newest is being appended to. */
struct seg_log {
    uint32_t oldest, newest;
    uint32_t segs;
};

/* What a flush in progress hides. */
struct flush_rule {
    const uint8_t *below;
};

struct shard {
    /* What a lookup needs: one line. */
    _Alignas(64) atomic_flag lock;
    bool old;           /* toggled by each flush: entries that differ have not been looked at */
    uint8_t chunk_bits; /* buckets of a chunk */
    uint8_t unit_bits;  /* bytes of a unit */
    uint8_t seg_bits;
    uint32_t buckets, low; /* in use; the largest power of two not above it */
    uint8_t *pool;
    uint32_t **chunk;
    const struct flush_rule *rule;
    uint64_t hits, misses;

    struct seg *seg;
    struct seg_log small, main;
    uint32_t free_segs, free_n, taken, quota; /* of segments */
    uint32_t seg_bytes, chunks, chunks_max;
    uint32_t victim, victim_at; /* the segment that is being collected, and how far */
    bool victim_small;
    uint16_t *ghost; /* of what was forgotten unused: slots of tags */
    uint32_t ghost_bits;
    size_t bytes, live_bytes; /* in use at all, and by entries */
    atomic_uint *fresh;       /* first segment of the pool that no shard has */
    struct cache_stats st;
};

struct cache {
    struct hash_key key;
    struct denial_cache *denial;
    uint8_t *pool;
    void *meta;
    atomic_uint flushes, fresh;
    atomic_uchar epoch;
    atomic_flag flushing;
    unsigned shards; /* a power of two */
    struct shard shard[];
};

enum {
    /* PowerDNS takes 8,192 bytes an entry; a TXT or DNSKEY set may be larger, a whole 64 KiB answer
     * pushes out hundreds of others. */
    SEG_MAX = 32768,
    SEG_MIN = 1024,
    /* Segments of a shard: more are less waste, fewer hold larger sets. */
    SEGS_WANTED = 24,
    SEGS_LEAST = 12,
    /* The buckets of all types of a name. */
    LINE = 16,
    BUCKETS_FIRST = 64,
    /* Of the monotonic clock: 2^17 us. */
    TICK_BITS = 17,
    USED_MAX = 3,
    NEW_TICKS = 8, /* a second */
    ENTRY_TTL_MAX = (1 << 24) - 1,
};

static inline struct entry *entry_at(const struct shard *s, uint32_t ref)
{
    return (struct entry *)(void *)(s->pool + ((size_t)ref << s->unit_bits));
}

/* Its bytes. */
static inline uint8_t *entry_data(const struct entry *e)
{
    return (uint8_t *)(uintptr_t)(e + 1);
}

/* The bucket of an address. */
static inline uint32_t *bucket_at(const struct shard *s, uint32_t i)
{
    return &s->chunk[i >> s->chunk_bits][i & ((1u << s->chunk_bits) - 1)];
}

static inline uint32_t *bucket_of(const struct shard *s, uint32_t addr)
{
    uint32_t i = addr & (2 * s->low - 1);
    return bucket_at(s, i >= s->buckets ? i & (s->low - 1) : i);
}

static inline bool expired(const struct entry *e, struct now now)
{
    return now.mono_us >> TICK_BITS >= e->dies_mono_tick || now.wall_s >= e->dies_wall_s32;
}

static inline uint32_t seg_of(const struct shard *s, const struct entry *e)
{
    return (uint32_t)((size_t)((const uint8_t *)e - s->pool) >> s->seg_bits);
}

/* It was asked for. Not counted while it is new: a resolution reads at once what it has just
 * learnt, and a scan would look like use. Written seldom, so that its line stays clean in every
 * core's cache. */
static inline void store_used(struct entry *e, struct now now)
{
    if (e->used == USED_MAX)
        return;
    uint64_t whole_ticks = (uint64_t)e->ttl_s * 1000000 >> TICK_BITS;
    if ((now.mono_us >> TICK_BITS) + whole_ticks >= e->dies_mono_tick + (uint64_t)NEW_TICKS)
        e->used = (e->used + 1u) & USED_MAX;
}

/* The address of an entry from the hash of its name: all of a name are in one line. */
static inline uint32_t entry_addr(uint64_t name_hash, uint16_t type, uint16_t rclass)
{
    uint64_t k = ((uint64_t)type << 16 | rclass) * 0x9e3779b97f4a7c15u;
    return (uint32_t)name_hash << 4 | (uint32_t)(((name_hash ^ k) * 0xbf58476d1ce4e5b9u) >> 60);
}

/* All types of a name live in one shard. */
static inline struct shard *shard_of(struct cache *c, uint64_t name_hash)
{
    return &c->shard[(name_hash >> 40) & (c->shards - 1)];
}

/* Begins to fetch the bucket of an address, and later the first entry there. */
static inline void store_ahead(struct shard *s, uint32_t addr, bool entry)
{
    spin_lock(&s->lock);
    const uint32_t *b = bucket_of(s, addr);
    const struct entry *e = entry ? entry_at(s, *b) : NULL;
    spin_unlock(&s->lock);
    __builtin_prefetch(entry ? (const void *)e : b);
    if (entry)
        __builtin_prefetch((const uint8_t *)e + 64);
}

/* True if a flush in progress has taken e away: it is gone then. */
bool store_flushed(struct shard *s, struct entry *e);
void store_remove(struct shard *s, struct entry *e);
/* NULL if there is none, or it has been flushed. */
static inline struct entry *store_find(struct shard *s, uint32_t addr, const uint8_t *lower,
                                       size_t n, uint16_t type, uint16_t rclass)
{
    for (uint32_t r = *bucket_of(s, addr); r != REF_NONE;) {
        struct entry *e = entry_at(s, r);
        if (e->addr == addr && e->type == type && e->rclass == rclass && e->name_len == n &&
            memcmp(entry_data(e), lower, n) == 0)
            return UNLIKELY(s->rule != NULL) && store_flushed(s, e) ? NULL : e;
        r = e->chain;
    }
    return NULL;
}
/* A place for an entry of so many bytes, which the caller has to fill at once: chain, addr, units,
 * live, used and old are set. NULL if there is no room. proven: it was in use before. */
struct entry *store_insert(struct shard *s, uint32_t addr, size_t size, bool proven,
                           struct now now);
/* The most that store_insert() takes. */
size_t store_entry_max(const struct shard *s);
/* Bytes of e's place. */
size_t store_room(const struct shard *s, const struct entry *e);
/* Forgets everything at once. */
void store_clear(struct shard *s);
/* chunk and chunks_max have been set. */
void store_init(struct shard *s, struct cache *c, uint32_t quota, uint32_t seg_bytes,
                uint8_t unit_bits);

#endif
