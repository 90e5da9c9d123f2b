/* What the files of the aggressive cache share: denial.c checks what comes in and decides what it
 * proves, denial_store.c owns the memory, denial_chain.c keeps one chain in order. */
#ifndef BANYAN_CACHE_DENIAL_IMPL_H
#define BANYAN_CACHE_DENIAL_IMPL_H

#include "base/hash.h"
#include "base/limits.h"
#include "base/list.h"
#include "cache/denial.h"

#include <stdatomic.h>

enum {
    /* Of a skip list with half of the records on the next level: as many as a zone may well have
     * are found in some 17 steps; more are a little slower. */
    CHAIN_LEVELS = 17,
    /* A name below its zone as bytes whose order is the canonical one; each may need two. */
    KEY_MAX = 2 * LIMIT_NAME,
    /* What malloc costs beside what was asked for. */
    ALLOC_OVERHEAD = 24,
    /* Thrown out for one insertion at most: bounds the time under the lock. */
    EVICT_MAX = 64,
};

/* What a zone has of each: the SOA is a chain of one record. */
enum chain_kind { CHAIN_SOA, CHAIN_NSEC, CHAIN_NSEC3, CHAIN_NSEC3_OTHER, CHAINS };

/* Ordered as bytes. */
struct chain_key {
    uint64_t prefix; /* the first eight bytes, big-endian, padded with 0 */
    const uint8_t *p;
    size_t n;
};

struct item;
struct link {
    uint64_t prefix; /* of the key of `to`, so that most are passed by without being touched */
    struct item *to;
};

/* One record and its RRSIGs. Behind the links: key, owner, packed RDATA, packed RDATA of the
 * RRSIGs. */
struct item {
    struct chain *chain;
    struct item *newer, *older;         /* of its shard, in the order of insertion, for SIEVE */
    uint64_t dies_mono_us, dies_wall_s; /* whichever clock says so first */
    uint32_t size;                      /* bytes charged to the budget */
    uint16_t key_n, owner_n, rdata_n, sigs_n, sigs, type;
    uint8_t levels;
    bool visited;
    struct link link[];
};

/* A skip list: what strangers choose decides the order of the records, never the shape. */
struct chain {
    struct denial_zone *zone; /* NULL: given up, its records are freed bit by bit */
    struct list dead;
    enum chain_kind kind;
    uint32_t count;
    size_t bytes, own; /* of its records; of itself */
    bool pinned;       /* being worked on: not freed when it becomes empty */
    uint16_t iterations;
    struct bytes salt; /* behind the links */
    unsigned levels;
    struct link head[];
};

struct denial_zone {
    struct denial_zone *next; /* in its bucket */
    uint64_t hash;
    struct chain *chain[CHAINS];
    uint8_t labels, name_n, newer; /* newer: which NSEC3 chain was put into last */
    uint8_t name[];                /* in lower case */
};

struct denial_shard {
    _Alignas(64) atomic_flag lock;
    struct denial_zone **bucket;
    uint32_t mask;
    struct item *newest, *oldest, *hand;
    struct list dead; /* chains given up */
    struct prng random;
    size_t bytes, max;
    uint64_t zones, records, evictions;
    _Atomic uint64_t hits, misses;
};

struct denial_cache {
    struct hash_key key;
    _Atomic uint64_t dice;                   /* heights of items */
    _Atomic uint32_t zones_at[LIMIT_LABELS]; /* how many zones have so many labels */
    unsigned shards;
    struct denial_shard shard[];
};

/* --- denial_chain.c --- */

struct chain_key key_of(const uint8_t *p, size_t n);
/* The key of a name for a zone of so many labels; buf holds it. */
struct chain_key key_of_name(const uint8_t *name, unsigned zone_labels, uint8_t buf[KEY_MAX]);

const uint8_t *item_key(const struct item *e);
const uint8_t *item_owner(const struct item *e);
struct bytes item_rdata(const struct item *e);
struct bytes item_sigs(const struct item *e);
bool item_expired(const struct item *e, struct now now);
/* False when the arena is full. */
bool item_copy(const struct item *e, struct now now, struct arena *a, struct denial_record *ret);

/* The last record at or before the key; *ret_exact: at it. NULL: all are behind it. */
struct item *chain_floor(const struct chain *c, struct chain_key k, bool *ret_exact);
/* The same in the circle of hashes: before the first comes the last. */
struct item *chain_floor_circle(const struct chain *c, struct chain_key k, bool *ret_exact);
/* Puts in a record whose key is not there. */
void chain_insert(struct chain *c, struct item *e);
void chain_remove(struct chain *c, struct item *e);
/* One of the records, any. */
struct item *chain_any(const struct chain *c, struct prng *random);
/* A record that the new one contradicts: one says that the owner of the other does not exist. */
struct item *chain_contradicted(const struct chain *c, const struct item *e);
/* The span of the NSEC or NSEC3 holds the name, or its hash. */
bool nsec_spans(const struct item *e, const uint8_t *name, const uint8_t *zone);
bool nsec3_spans(const struct item *e, const uint8_t *hash);

/* --- denial_store.c --- */

/* A zone's place, whether it is there or not. */
struct denial_place {
    struct denial_shard *shard;
    uint64_t hash;
    unsigned labels;
    size_t n;
    uint8_t name[LIMIT_NAME];
};
void place_of(struct denial_cache *d, const uint8_t *zone, struct denial_place *ret);
/* The shard's lock must be held. NULL if it is not there. */
struct denial_zone *zone_at(const struct denial_place *at);
void shard_lock(struct denial_shard *s);
void shard_unlock(struct denial_shard *s);

/* What is put in: checked already. */
struct denial_new {
    enum chain_kind kind; /* CHAIN_NSEC3 for either */
    struct chain_key key;
    struct rrset set, sigs;
    struct bytes salt;
    uint16_t iterations;
};
void store_put(struct denial_cache *d, const uint8_t *zone, const struct denial_new *n,
               uint32_t ttl_s, struct now now);

#endif
