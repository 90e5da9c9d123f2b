/* The memory of the aggressive cache: zones in shards, the byte budget and who has to go. A record
 * is the unit that is thrown out; a zone goes with its last one. */
#include "cache/denial_impl.h"

#include "cache/spin.h"

#include <stdlib.h>

enum {
    /* A record with more goes unkept: LIMIT_REFERRAL is room for the largest honest one. */
    ITEM_MAX = LIMIT_REFERRAL,
    /* Memory for which a shard is worth it. A zone lives in one shard, so few and large ones leave
     * more room for a large zone. */
    SHARD_BYTES = 8 << 20,
    SHARDS_MAX = 16,
    /* A zone has at most one part in so many of its shard: who asks for random names of one zone
     * pushes out what is known of that zone, not what is known of others. */
    ZONE_SHARE = 2,
    /* What is given up is freed so many records at a time. */
    REAP = 16,
};

void shard_lock(struct denial_shard *s)
{
    spin_lock(&s->lock);
}

void shard_unlock(struct denial_shard *s)
{
    spin_unlock(&s->lock);
}

struct denial_cache *denial_new(size_t max_bytes, const struct env *env)
{
    unsigned shards = (unsigned)MAX(1u, MIN(max_bytes / SHARD_BYTES, (size_t)SHARDS_MAX));
    size_t size = sizeof(struct denial_cache) + shards * sizeof(struct denial_shard);
    struct denial_cache *d = aligned_alloc(64, size + (64 - size % 64) % 64);
    if (d == NULL)
        return NULL;
    memset(d, 0, size);
    env->random(env->ctx, &d->key, sizeof d->key);
    atomic_init(&d->dice, env_random64(env));
    d->shards = shards;
    for (unsigned i = 0; i < shards; i++) {
        struct denial_shard *s = &d->shard[i];
        atomic_flag_clear(&s->lock);
        list_init(&s->dead);
        s->random.s = env_random64(env);
        s->max = max_bytes / shards;
        uint32_t want = 16;
        while (want < s->max / 4096 && want < 1u << 16)
            want *= 2;
        s->mask = want - 1;
        s->bytes = want * sizeof(struct denial_zone *);
        s->bucket = calloc(want, sizeof(struct denial_zone *));
        if (s->bucket == NULL) {
            denial_free(d);
            return NULL;
        }
    }
    return d;
}

/* --- Zones --- */

void place_of(struct denial_cache *d, const uint8_t *zone, struct denial_place *ret)
{
    ret->n = name_lower(ret->name, zone);
    ret->labels = name_labels(zone);
    ret->hash = siphash13(&d->key, ret->name, ret->n);
    ret->shard = &d->shard[(ret->hash >> 40) % d->shards];
}

struct denial_zone *zone_at(const struct denial_place *at)
{
    struct denial_zone *z = at->shard->bucket[at->hash & at->shard->mask];
    while (z != NULL &&
           (z->hash != at->hash || z->name_n != at->n || memcmp(z->name, at->name, at->n) != 0))
        z = z->next;
    return z;
}

static size_t zone_size(size_t name_n)
{
    return sizeof(struct denial_zone) + name_n;
}

static struct denial_zone *zone_add(struct denial_cache *d, const struct denial_place *at)
{
    struct denial_zone *z = calloc(1, zone_size(at->n)), **b;
    if (z == NULL)
        return NULL;
    z->hash = at->hash;
    z->labels = (uint8_t)at->labels;
    z->name_n = (uint8_t)at->n;
    memcpy(z->name, at->name, at->n);
    b = &at->shard->bucket[at->hash & at->shard->mask];
    z->next = *b;
    *b = z;
    at->shard->bytes += zone_size(at->n) + ALLOC_OVERHEAD;
    at->shard->zones++;
    atomic_fetch_add_explicit(&d->zones_at[at->labels], 1, memory_order_relaxed);
    return z;
}

/* The zone has no chain left. */
static void zone_drop_empty(struct denial_cache *d, struct denial_shard *s, struct denial_zone *z)
{
    struct denial_zone **p = &s->bucket[z->hash & s->mask];
    for (unsigned k = 0; k < CHAINS; k++)
        if (z->chain[k] != NULL)
            return;
    while (*p != z)
        p = &(*p)->next;
    *p = z->next;
    s->bytes -= zone_size(z->name_n) + ALLOC_OVERHEAD;
    s->zones--;
    atomic_fetch_sub_explicit(&d->zones_at[z->labels], 1, memory_order_relaxed);
    free(z);
}

/* --- Chains --- */

static size_t chain_size(enum chain_kind kind, size_t salt_n)
{
    unsigned levels = kind == CHAIN_SOA ? 1 : CHAIN_LEVELS;
    return sizeof(struct chain) + levels * sizeof(struct link) + salt_n;
}

static struct chain *chain_add(struct denial_shard *s, struct denial_zone *z, enum chain_kind kind,
                               const struct denial_new *n)
{
    size_t size = chain_size(kind, n->salt.n);
    struct chain *c = calloc(1, size);
    if (c == NULL)
        return NULL;
    c->zone = z;
    c->kind = kind;
    c->levels = kind == CHAIN_SOA ? 1 : CHAIN_LEVELS;
    c->own = size + ALLOC_OVERHEAD;
    c->iterations = n->iterations;
    uint8_t *salt = (uint8_t *)&c->head[c->levels];
    if (n->salt.n > 0)
        memcpy(salt, n->salt.p, n->salt.n);
    c->salt = bytes_of(salt, n->salt.n);
    s->bytes += c->own;
    z->chain[kind] = c;
    return c;
}

/* Frees a chain without records, and a zone without chains. */
static void chain_settle(struct denial_cache *d, struct denial_shard *s, struct chain *c)
{
    struct denial_zone *z = c->zone;
    if (c->count > 0 || c->pinned)
        return;
    s->bytes -= c->own;
    if (z == NULL) {
        list_remove(&c->dead);
    } else {
        z->chain[c->kind] = NULL;
        zone_drop_empty(d, s, z);
    }
    free(c);
}

/* Takes a chain out of its zone at once; its records are freed later. */
static void chain_retire(struct denial_shard *s, struct chain *c)
{
    c->zone->chain[c->kind] = NULL;
    c->zone = NULL;
    list_append(&s->dead, &c->dead);
}

/* --- Records --- */

static void item_remove(struct denial_shard *s, struct item *e)
{
    if (s->hand == e)
        s->hand = e->newer;
    if (e->newer != NULL)
        e->newer->older = e->older;
    else
        s->newest = e->older;
    if (e->older != NULL)
        e->older->newer = e->newer;
    else
        s->oldest = e->newer;
    chain_remove(e->chain, e);
    s->bytes -= e->size;
    s->records--;
    free(e);
}

static void item_link(struct denial_shard *s, struct item *e)
{
    e->older = s->newest;
    e->newer = NULL;
    if (s->newest != NULL)
        s->newest->newer = e;
    else
        s->oldest = e;
    s->newest = e;
    s->bytes += e->size;
    s->records++;
}

/* A record of its own memory; NULL if it is too large or memory is out. */
static struct item *item_new(struct denial_cache *d, const struct denial_new *n)
{
    uint64_t dice = hash_mix(
        atomic_fetch_add_explicit(&d->dice, 0x9e3779b97f4a7c15u, memory_order_relaxed) ^ d->key.k0);
    unsigned levels = 1;
    while (n->kind != CHAIN_SOA && levels < CHAIN_LEVELS && (dice & 1) == 0) {
        levels++;
        dice >>= 1;
    }
    size_t owner_n = name_len(n->set.owner),
           data = n->key.n + owner_n + n->set.rdata_size + n->sigs.rdata_size;
    size_t size = sizeof(struct item) + levels * sizeof(struct link) + data;
    struct item *e = data > ITEM_MAX ? NULL : malloc(size);
    if (e == NULL)
        return NULL;
    memset(e, 0, sizeof *e);
    e->size = (uint32_t)size + ALLOC_OVERHEAD;
    e->levels = (uint8_t)levels;
    e->key_n = (uint16_t)n->key.n;
    e->owner_n = (uint16_t)owner_n;
    e->rdata_n = (uint16_t)n->set.rdata_size;
    e->sigs_n = (uint16_t)n->sigs.rdata_size;
    e->sigs = n->sigs.count;
    e->type = n->set.type;
    uint8_t *p = (uint8_t *)&e->link[levels];
    if (n->key.n > 0)
        memcpy(p, n->key.p, n->key.n);
    p += n->key.n;
    memcpy(p, n->set.owner, owner_n);
    memcpy(p + owner_n, n->set.rdata, e->rdata_n);
    memcpy(p + owner_n + e->rdata_n, n->sigs.rdata, e->sigs_n);
    return e;
}

static bool item_same(const struct item *a, const struct item *b)
{
    return a->owner_n == b->owner_n && a->rdata_n == b->rdata_n && a->sigs_n == b->sigs_n &&
           memcmp(item_owner(a), item_owner(b), (size_t)a->owner_n + a->rdata_n + a->sigs_n) == 0;
}

/* --- Who has to go --- */

/* Frees a few records of chains that were given up. True if there are more. */
static bool reap(struct denial_cache *d, struct denial_shard *s, int records)
{
    while (!list_empty(&s->dead) && records-- > 0) {
        struct chain *c = CONTAINER_OF(s->dead.next, struct chain, dead);
        if (c->count > 0)
            item_remove(s, c->head[0].to);
        chain_settle(d, s, c);
    }
    return !list_empty(&s->dead);
}

/* Makes room for `need` bytes by SIEVE: a hand walks from old to new, spares what was used since it
 * last came by, and throws out the first that was not. */
static bool make_room(struct denial_cache *d, struct denial_shard *s, size_t need, struct now now)
{
    for (int i = 0; i < EVICT_MAX && s->bytes + need > s->max && s->oldest != NULL; i++) {
        struct item *e = s->hand != NULL ? s->hand : s->oldest;
        /* At most one round of sparing, so that the walk ends. */
        for (int k = 0; e->visited && !item_expired(e, now) && k < 256; k++) {
            e->visited = false;
            e = e->newer != NULL ? e->newer : s->oldest;
        }
        struct chain *c = e->chain;
        s->hand = e->newer;
        s->evictions += !item_expired(e, now);
        item_remove(s, e);
        chain_settle(d, s, c);
    }
    return s->bytes + need <= s->max;
}

static size_t zone_bytes(const struct denial_zone *z, struct chain **ret_largest)
{
    size_t n = 0;
    *ret_largest = NULL;
    for (unsigned k = 0; k < CHAINS; k++) {
        if (z->chain[k] == NULL)
            continue;
        n += z->chain[k]->bytes;
        if (*ret_largest == NULL || z->chain[k]->bytes > (*ret_largest)->bytes)
            *ret_largest = z->chain[k];
    }
    return n;
}

/* Keeps a zone within its share: of a few records that stand together the first goes that was not
 * used. The zone has a pinned chain. */
static bool make_zone_room(struct denial_cache *d, struct denial_shard *s, struct denial_zone *z,
                           size_t need, struct now now)
{
    struct chain *c;
    size_t max = s->max / ZONE_SHARE;
    for (int i = 0; i < EVICT_MAX && zone_bytes(z, &c) + need > max && c != NULL; i++) {
        struct item *e = chain_any(c, &s->random);
        if (e == NULL)
            return false;
        for (int k = 0; e->visited && !item_expired(e, now) && e->link[0].to != NULL && k < 8;
             k++) {
            e->visited = false;
            e = e->link[0].to;
        }
        s->evictions += !item_expired(e, now);
        item_remove(s, e);
        chain_settle(d, s, c);
    }
    return zone_bytes(z, &c) + need <= max;
}

/* --- Putting in --- */

static bool chain_is(const struct chain *c, const struct denial_new *n)
{
    return c->iterations == n->iterations && bytes_equal(c->salt, n->salt);
}

/* Which of the zone's chains the record belongs to; for NSEC3 the one with its parameters, else
 * one that is free, else the one not put into last is given up. */
static enum chain_kind kind_of(struct denial_shard *s, struct denial_zone *z,
                               const struct denial_new *n)
{
    if (n->kind != CHAIN_NSEC3)
        return n->kind;
    for (unsigned k = CHAIN_NSEC3; k <= CHAIN_NSEC3_OTHER; k++)
        if (z->chain[k] != NULL && chain_is(z->chain[k], n))
            return (enum chain_kind)k;
    for (unsigned k = CHAIN_NSEC3; k <= CHAIN_NSEC3_OTHER; k++)
        if (z->chain[k] == NULL)
            return (enum chain_kind)k;
    enum chain_kind k = z->newer == CHAIN_NSEC3 ? CHAIN_NSEC3_OTHER : CHAIN_NSEC3;
    chain_retire(s, z->chain[k]);
    return k;
}

/* Takes out the older record of the same owner and those that the new one contradicts: the zone has
 * changed. False if they are too many for now. */
static bool clear_for(struct denial_shard *s, struct chain *c, struct item *e)
{
    bool exact;
    struct item *old = chain_floor(c, key_of(item_key(e), e->key_n), &exact);
    if (exact) {
        e->visited = old->visited;
        item_remove(s, old);
    }
    for (int i = 0; i < EVICT_MAX; i++) {
        if ((old = chain_contradicted(c, e)) == NULL)
            return true;
        item_remove(s, old);
    }
    return chain_contradicted(c, e) == NULL;
}

/* With the lock held. False if the record is not to be kept. */
static bool put(struct denial_cache *d, const struct denial_place *at, const struct denial_new *n,
                struct item *e, struct now now)
{
    struct denial_shard *s = at->shard;
    bool exact = false;
    struct denial_zone *z = zone_at(at);
    struct chain *c;
    /* Room for all that may have to be made. */
    reap(d, s, REAP);
    if (!make_room(d, s,
                   e->size + zone_size(at->n) + 2 * chain_size(CHAIN_NSEC, n->salt.n) +
                       3 * ALLOC_OVERHEAD,
                   now) ||
        ((z = zone_at(at)) == NULL && (z = zone_add(d, at)) == NULL))
        return false;
    enum chain_kind kind = kind_of(s, z, n);
    if ((c = z->chain[kind]) == NULL && (c = chain_add(s, z, kind, n)) == NULL) {
        zone_drop_empty(d, s, z);
        return false;
    }
    z->newer = kind >= CHAIN_NSEC3 ? (uint8_t)kind : z->newer;
    struct item *old = chain_floor(c, n->key, &exact);
    if (exact && item_same(old, e)) {
        old->dies_mono_us = e->dies_mono_us;
        old->dies_wall_s = e->dies_wall_s;
        return false;
    }
    c->pinned = true;
    if (!clear_for(s, c, e)) {
        /* Another zone, as good as: what is left of the old one is not looked at again. */
        c->pinned = false;
        chain_retire(s, c);
        if ((c = chain_add(s, z, kind, n)) == NULL) {
            zone_drop_empty(d, s, z);
            return false;
        }
        c->pinned = true;
    }
    bool kept = make_zone_room(d, s, z, e->size, now);
    if (kept) {
        chain_insert(c, e);
        item_link(s, e);
    }
    c->pinned = false;
    chain_settle(d, s, c);
    return kept;
}

void store_put(struct denial_cache *d, const uint8_t *zone, const struct denial_new *n,
               uint32_t ttl_s, struct now now)
{
    struct denial_place at;
    struct item *e = item_new(d, n);
    if (e == NULL)
        return;
    e->dies_mono_us = now.mono_us + (uint64_t)ttl_s * 1000000;
    e->dies_wall_s = now.wall_s + ttl_s;
    place_of(d, zone, &at);
    shard_lock(at.shard);
    bool kept = put(d, &at, n, e, now);
    shard_unlock(at.shard);
    if (!kept)
        free(e);
}

/* --- Flushing --- */

static void zone_retire(struct denial_cache *d, struct denial_shard *s, struct denial_zone *z)
{
    for (unsigned k = 0; k < CHAINS; k++)
        if (z->chain[k] != NULL)
            chain_retire(s, z->chain[k]);
    zone_drop_empty(d, s, z);
}

/* Frees what was given up, without keeping others from the shard for long. */
static void reap_all(struct denial_cache *d, struct denial_shard *s)
{
    bool more = true;
    while (more) {
        shard_lock(s);
        more = reap(d, s, EVICT_MAX);
        shard_unlock(s);
    }
}

void denial_flush_zone(struct denial_cache *d, const uint8_t *zone)
{
    struct denial_place at;
    place_of(d, zone, &at);
    shard_lock(at.shard);
    struct denial_zone *z = zone_at(&at);
    if (z != NULL)
        zone_retire(d, at.shard, z);
    shard_unlock(at.shard);
    reap_all(d, at.shard);
}

void denial_flush_all(struct denial_cache *d)
{
    for (unsigned i = 0; i < d->shards; i++) {
        struct denial_shard *s = &d->shard[i];
        shard_lock(s);
        for (uint32_t b = 0; b <= s->mask; b++)
            while (s->bucket[b] != NULL)
                zone_retire(d, s, s->bucket[b]);
        shard_unlock(s);
        reap_all(d, s);
    }
}

void denial_free(struct denial_cache *d)
{
    if (d == NULL)
        return;
    for (unsigned i = 0; i < d->shards; i++) {
        struct denial_shard *s = &d->shard[i];
        for (uint32_t b = 0; s->bucket != NULL && b <= s->mask; b++)
            while (s->bucket[b] != NULL)
                zone_retire(d, s, s->bucket[b]);
        if (s->bucket != NULL)
            reap_all(d, s);
        free(s->bucket);
    }
    free(d);
}

struct denial_stats denial_stats(const struct denial_cache *d)
{
    struct denial_stats t = {0};
    for (unsigned i = 0; i < d->shards; i++) {
        struct denial_shard *s = (struct denial_shard *)(uintptr_t)&d->shard[i];
        shard_lock(s);
        t.zones += s->zones;
        t.records += s->records;
        t.bytes += s->bytes;
        t.max_bytes += s->max;
        t.evictions += s->evictions;
        shard_unlock(s);
        t.hits += atomic_load_explicit(&s->hits, memory_order_relaxed);
        t.misses += atomic_load_explicit(&s->misses, memory_order_relaxed);
    }
    return t;
}
