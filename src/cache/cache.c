#include "cache/cache.h"

#include "cache/store.h"
#include "core/trace.h"
#include "dns/rr_type.h"

#include <stdlib.h>

enum {
    /* One part in so many of the bytes is for denial records. */
    DENIAL_SHARE = 8,
    SHARDS_MAX = 64,
    /* Bytes of a shard that hold the largest sets that are kept. */
    SHARD_LEAST = 512 << 10,
    /* For the alignment of what is taken from malloc. */
    PAGE = 4096,
};

/* A power of two. */
static unsigned shard_count(size_t max_bytes, unsigned shards)
{
    unsigned n = 1, most = shards > 0 ? shards : SHARDS_MAX;
    while (2 * n <= most && (shards > 0 || max_bytes / (2 * n) >= SHARD_LEAST))
        n *= 2;
    return n;
}

/* Cuts what may be taken into segments and deals them out. */
static bool cut_pool(struct cache *c, size_t max_bytes)
{
    size_t share = max_bytes / c->shards, seg_bytes = SEG_MIN;
    while (seg_bytes < SEG_MAX && share / (2 * seg_bytes) >= SEGS_WANTED)
        seg_bytes *= 2;
    size_t quota = share / (seg_bytes + sizeof(struct seg) + sizeof(uint32_t *));
    quota = MIN(MAX(quota, (size_t)SEGS_LEAST), (size_t)UINT32_MAX / c->shards);
    size_t segs = quota * c->shards, chunks = quota / 8 + 1, unit_bits = 3;
    while (segs * seg_bytes >> unit_bits > UINT32_MAX)
        unit_bits++;
    struct seg *seg = malloc(segs * sizeof *seg + c->shards * chunks * sizeof(uint32_t *));
    c->meta = seg;
    c->pool = aligned_alloc(PAGE, (segs * seg_bytes + PAGE - 1) / PAGE * PAGE);
    if (seg == NULL || c->pool == NULL)
        return false;
    uint32_t **chunk = (uint32_t **)(void *)(seg + segs);
    for (unsigned i = 0; i < c->shards; i++) {
        struct shard *s = &c->shard[i];
        s->seg = seg;
        s->chunk = chunk + i * chunks;
        s->chunks_max = (uint32_t)chunks;
        store_init(s, c, (uint32_t)quota, (uint32_t)seg_bytes, (uint8_t)unit_bits);
    }
    return true;
}

struct cache *cache_new(size_t max_bytes, unsigned shards, const struct env *env)
{
    shards = shard_count(max_bytes, shards);
    size_t size = sizeof(struct cache) + shards * sizeof(struct shard);
    struct cache *c = aligned_alloc(64, (size + 63) / 64 * 64);
    if (c == NULL)
        return NULL;
    memset(c, 0, size);
    env->random(env->ctx, &c->key, sizeof c->key);
    c->shards = shards;
    atomic_flag_clear(&c->flushing);
    c->denial = denial_new(max_bytes / DENIAL_SHARE, env);
    if (c->denial == NULL || !cut_pool(c, max_bytes - max_bytes / DENIAL_SHARE)) {
        cache_free(c);
        return NULL;
    }
    return c;
}

void cache_free(struct cache *c)
{
    if (c == NULL)
        return;
    denial_free(c->denial);
    free(c->meta);
    free(c->pool);
    free(c);
}

struct denial_cache *cache_denial(struct cache *c)
{
    return c->denial;
}

static uint64_t name_hash(const struct cache *c, const uint8_t *lower, size_t n)
{
    return siphash13(&c->key, lower, n);
}

/* Seconds left by the clock that ends it first. */
static uint32_t ttl_left(const struct entry *e, struct now now)
{
    uint64_t mono = (((uint64_t)e->dies_mono_tick << TICK_BITS) - now.mono_us + 999999) / 1000000,
             wall = e->dies_wall_s32 - now.wall_s;
    return (uint32_t)MIN(mono, wall);
}

/* How far an entry was checked by the rules of today. */
static enum cache_trust trust_of(const struct entry *e, uint8_t epoch)
{
    return e->epoch == epoch ? (enum cache_trust)e->trust : CACHE_UNCHECKED;
}

static struct rrset no_set(void)
{
    return (struct rrset){.count = 0};
}

/* --- What is kept with an entry --- */

/* A set in `more`: length of its owner (0: the entry's own), owner, type, count, size, RDATA. */
enum { MORE_HEAD = 1 + 2 + 2 + 4 };

static bool own_owner(const struct rrset *set, const uint8_t *owner)
{
    return name_equal(set->owner, owner);
}

static size_t more_size(const struct cache_with *w, const uint8_t *owner)
{
    size_t n = 0;
    if (w == NULL)
        return 0;
    for (unsigned i = 0; i < MIN(w->more_count, (unsigned)CACHE_MORE_SETS); i++)
        n += MORE_HEAD + w->more[i].rdata_size +
             (own_owner(&w->more[i], owner) ? 0 : name_len(w->more[i].owner));
    return n + (w->text != NULL ? strlen(w->text) + 1 : 0);
}

static void pack_more(uint8_t *p, const struct cache_with *w, const uint8_t *owner)
{
    for (unsigned i = 0; i < MIN(w->more_count, (unsigned)CACHE_MORE_SETS); i++) {
        const struct rrset *s = &w->more[i];
        size_t n = own_owner(s, owner) ? 0 : name_len(s->owner);
        *p++ = (uint8_t)n;
        memcpy(p, s->owner, n);
        p += n;
        put_be16(p, s->type);
        put_be16(p + 2, s->count);
        put_be32(p + 4, s->rdata_size);
        memcpy(p + 8, s->rdata, s->rdata_size);
        p += 8 + s->rdata_size;
    }
    if (w->text != NULL)
        memcpy(p, w->text, strlen(w->text) + 1);
}

/* p: a copy of e's `more`; owner: as in the entry. */
static void unpack_more(const struct entry *e, const uint8_t *p, const uint8_t *owner,
                        struct cache_entry *ret)
{
    const uint8_t *end = p + e->more_size;
    ret->more_count = 0;
    ret->text = NULL;
    if (e->kind == CACHE_FAILURE) {
        ret->text = p < end ? (const char *)p : NULL;
        return;
    }
    while (p < end && ret->more_count < CACHE_MORE_SETS) {
        struct rrset *s = &ret->more[ret->more_count++];
        size_t n = *p++;
        *s = (struct rrset){.owner = n > 0 ? p : owner,
                            .type = get_be16(p + n),
                            .rclass = CLASS_IN,
                            .ttl = ret->ttl_s,
                            .count = get_be16(p + n + 2),
                            .rdata_size = get_be32(p + n + 4),
                            .rdata = p + n + 8};
        p += n + 8 + s->rdata_size;
    }
}

/* Copies an entry out; false when the arena is full. */
static bool copy_out(const struct entry *e, uint8_t epoch, const uint8_t *name, uint32_t ttl_s,
                     bool more, struct arena *a, struct cache_entry *ret)
{
    ret->kind = (enum cache_kind)e->kind;
    ret->rank = (enum cache_rank)e->rank;
    ret->ttl_s = ttl_s;
    ret->late = false;
    ret->asked = 0;
    ret->stale_s = 0;
    ret->reason = e->reason;
    ret->trust = trust_of(e, epoch);
    ret->cut = e->cut;
    ret->text = NULL;
    ret->more_count = 0;
    ret->set = ret->soa = no_set();
    size_t n = (size_t)e->soa_len + e->rdata_size, extra = more ? e->more_size : 0;
    if (n + extra == 0)
        return true;
    uint8_t *p = arena_alloc_bytes(a, n + extra);
    if (p == NULL)
        return false;
    memcpy(p, entry_data(e) + e->name_len, n + extra);
    if (extra > 0)
        unpack_more(e, p + n, e->soa_len > 0 ? p : name, ret);
    struct rrset set = {.owner = name,
                        .type = e->type,
                        .rclass = e->rclass,
                        .ttl = ret->ttl_s,
                        .count = e->count,
                        .rdata_size = e->rdata_size,
                        .rdata = p + e->soa_len};
    if (e->kind == CACHE_RRSET) {
        ret->set = set;
    } else if (e->soa_len > 0) {
        set.owner = p;
        set.type = RR_SOA;
        ret->soa = set;
    }
    return true;
}

static COLD void asked_late(struct entry *e, struct cache_entry *ret)
{
    e->asked += e->asked < UINT8_MAX ? 1u : 0u;
    ret->asked = (uint8_t)e->asked;
    ret->late = (uint64_t)ret->ttl_s * 10 <= e->ttl_s;
}

static inline FLATTEN enum cache_kind get(struct cache *c, const uint8_t *name, uint16_t type,
                                          uint16_t rclass, struct now now, bool more,
                                          struct arena *a, struct cache_entry *ret)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, name);
    uint64_t nh = name_hash(c, lower, n);
    struct shard *s = shard_of(c, nh);
    uint8_t epoch = atomic_load_explicit(&c->epoch, memory_order_relaxed);
    ret->kind = CACHE_NONE;
    spin_lock(&s->lock);
    struct entry *e = store_find(s, entry_addr(nh, type, rclass), lower, n, type, rclass);
    if (e == NULL || expired(e, now)) /* RFC 2308 section 5: NXDOMAIN holds for every type */
        e = store_find(s, entry_addr(nh, 0, rclass), lower, n, 0, rclass);
    /* A verdict by older rules that was stored after these came. */
    if (e != NULL && e->rclass == CACHE_CLASS_BAD && e->epoch != epoch)
        e = NULL;
    if (e != NULL && !expired(e, now) && copy_out(e, epoch, name, ttl_left(e, now), more, a, ret)) {
        store_used(e, now);
        if (UNLIKELY(ret->ttl_s <= e->ttl_s / 2))
            asked_late(e, ret);
        s->hits++;
    } else {
        ret->kind = CACHE_NONE;
        s->misses++;
    }
    spin_unlock(&s->lock);
    return ret->kind;
}

enum cache_kind cache_get(struct cache *c, const uint8_t *name, uint16_t type, uint16_t rclass,
                          struct now now, struct arena *a, struct cache_entry *ret)
{
    return get(c, name, type, rclass, now, false, a, ret);
}

enum cache_kind cache_get_more(struct cache *c, const uint8_t *name, uint16_t type, uint16_t rclass,
                               struct now now, struct arena *a, struct cache_entry *ret)
{
    return get(c, name, type, rclass, now, true, a, ret);
}

bool cache_is_large(struct cache *c)
{
    /* Of a first and second level a core has some 2 MiB. */
    enum { LARGE = 4 << 20 };
    size_t segs = atomic_load_explicit(&c->fresh, memory_order_relaxed);
    return segs * c->shard[0].seg_bytes > LARGE;
}

void cache_ahead_begin(struct cache *c, const uint8_t *name, uint16_t type, struct cache_ahead *ret)
{
    uint8_t lower[LIMIT_NAME];
    ret->name_hash = name_hash(c, lower, name_lower(lower, name));
    ret->type = type;
    store_ahead(shard_of(c, ret->name_hash), entry_addr(ret->name_hash, type, CLASS_IN), false);
}

void cache_ahead_entry(struct cache *c, const struct cache_ahead *a)
{
    store_ahead(shard_of(c, a->name_hash), entry_addr(a->name_hash, a->type, CLASS_IN), true);
}

/* Seconds since it ran out, by the clock that says more; 0: it is fresh. */
static uint64_t over_s(const struct entry *e, struct now now)
{
    uint64_t dies_us = (uint64_t)e->dies_mono_tick << TICK_BITS;
    uint64_t mono = now.mono_us >= dies_us ? (now.mono_us - dies_us) / 1000000 + 1 : 0,
             wall = now.wall_s >= e->dies_wall_s32 ? now.wall_s - e->dies_wall_s32 + 1 : 0;
    return MAX(mono, wall);
}

COLD enum cache_kind cache_get_stale(struct cache *c, const uint8_t *name, uint16_t type,
                                     uint16_t rclass, struct now now, uint32_t max_s,
                                     uint32_t ttl_s, struct arena *a, struct cache_entry *ret)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, name);
    uint64_t nh = name_hash(c, lower, n), over = 0;
    struct shard *s = shard_of(c, nh);
    uint8_t epoch = atomic_load_explicit(&c->epoch, memory_order_relaxed);
    ret->kind = CACHE_NONE;
    spin_lock(&s->lock);
    struct entry *e = store_find(s, entry_addr(nh, type, rclass), lower, n, type, rclass);
    struct entry *nx = store_find(s, entry_addr(nh, 0, rclass), lower, n, 0, rclass);
    /* What was learnt last counts, "no such name" as well as data: that ran out last. */
    if (e == NULL || (nx != NULL && over_s(e, now) > over_s(nx, now)))
        e = nx;
    if (e != NULL && e->kind != CACHE_FAILURE && (over = over_s(e, now)) <= max_s &&
        copy_out(e, epoch, name, over > 0 ? ttl_s : ttl_left(e, now), true, a, ret)) {
        ret->stale_s = (uint32_t)over;
        store_used(e, now);
    } else {
        ret->kind = CACHE_NONE;
    }
    spin_unlock(&s->lock);
    return ret->kind;
}

COLD bool cache_claim(struct cache *c, const uint8_t *name, uint16_t type, uint16_t rclass)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, name);
    uint64_t nh = name_hash(c, lower, n);
    struct shard *s = shard_of(c, nh);
    spin_lock(&s->lock);
    struct entry *e = store_find(s, entry_addr(nh, type, rclass), lower, n, type, rclass);
    bool first = e != NULL && e->ttl_s > 0;
    if (first)
        e->ttl_s = 0;
    spin_unlock(&s->lock);
    return first;
}

/* --- Storing --- */

/* An entry on its way into a shard. */
struct draft {
    struct entry head; /* all that store_insert() does not set */
    const uint8_t *lower;
    const struct rrset *set, *soa; /* one of them, or neither */
    const struct cache_with *with; /* may be NULL */
    const uint8_t *owner;          /* of the set or SOA */
};

static size_t draft_size(const struct draft *d)
{
    return sizeof(struct entry) + d->head.name_len + d->head.soa_len + d->head.rdata_size +
           d->head.more_size;
}

/* False if a field cannot hold it: far too big anyway. */
static bool draft_set(struct draft *d, const uint8_t *lower, size_t n, const struct rrset *set,
                      const struct cache_with *w)
{
    size_t more = more_size(w, d->owner), rdata = set != NULL ? set->rdata_size : 0;
    if (MAX(more, rdata) > SEG_MAX)
        return false;
    d->lower = lower;
    d->with = w;
    d->head.name_len = n & 0xff;
    d->head.rdata_size = (uint16_t)rdata;
    d->head.more_size = (uint16_t)more;
    d->head.count = set != NULL ? set->count : 0;
    if (w != NULL) {
        d->head.trust = w->trust & 3u;
        d->head.epoch = w->epoch;
        d->head.cut = w->cut;
        d->head.reason = w->reason;
    }
    return true;
}

/* Writes it where it is to be; what belongs to the place stays. */
static void draft_write(const struct draft *d, struct entry *e)
{
    struct entry place = *e;
    *e = d->head;
    e->chain = place.chain;
    e->addr = place.addr;
    e->units = place.units;
    e->live = place.live;
    e->proven = place.proven;
    e->used = place.used;
    e->old = place.old;
    uint8_t *p = entry_data(e);
    memcpy(p, d->lower, d->head.name_len);
    p += d->head.name_len;
    const struct rrset *set = d->set != NULL ? d->set : d->soa;
    if (d->soa != NULL)
        memcpy(p, d->soa->owner, d->head.soa_len);
    p += d->head.soa_len;
    if (set != NULL)
        memcpy(p, set->rdata, set->rdata_size);
    if (d->with != NULL)
        pack_more(p + d->head.rdata_size, d->with, d->owner);
}

/* RFC 2181 section 5.4.1: data of lower rank never replace fresh data of higher rank; nor what was
 * not validated what was. */
static bool outranked(const struct draft *d, const struct entry *old, uint8_t epoch, struct now now)
{
    enum cache_trust mine = trust_of(&d->head, epoch), theirs = trust_of(old, epoch);
    bool restored = d->with != NULL && d->with->restored;
    return !expired(old, now) &&
           (restored || theirs > mine || (theirs == mine && old->rank > d->head.rank));
}

/* In the place of an entry of the same question, if it is about as large. */
static bool overwrite(struct shard *s, struct entry *old, const struct draft *d)
{
    size_t size = draft_size(d), room = store_room(s, old);
    if (size > room || 2 * size < room)
        return false;
    s->st.negative += d->head.kind != CACHE_RRSET;
    s->st.negative -= old->kind != CACHE_RRSET;
    s->st.inserts++;
    draft_write(d, old);
    return true;
}

static void draft_put(struct cache *c, struct draft *d, uint32_t ttl_s, struct now now)
{
    size_t n = d->head.name_len;
    uint64_t nh = name_hash(c, d->lower, n);
    struct shard *s = shard_of(c, nh);
    uint8_t epoch = atomic_load_explicit(&c->epoch, memory_order_relaxed);
    uint16_t type = d->head.type, rclass = d->head.rclass;
    uint32_t addr = entry_addr(nh, type, rclass);
    uint64_t dies_mono = (now.mono_us + (uint64_t)ttl_s * 1000000) >> TICK_BITS;
    d->head.dies_mono_tick = (uint32_t)MIN(dies_mono, UINT32_MAX);
    d->head.dies_wall_s32 = (uint32_t)MIN(now.wall_s + ttl_s, UINT32_MAX);
    d->head.ttl_s = MIN(ttl_s, (uint32_t)ENTRY_TTL_MAX) & ENTRY_TTL_MAX;
    spin_lock(&s->lock);
    struct entry *old = store_find(s, addr, d->lower, n, type, rclass);
    if (old != NULL && outranked(d, old, epoch, now)) {
        spin_unlock(&s->lock);
        return;
    }
    /* A name that has data exists: an older NXDOMAIN for it is wrong. */
    struct entry *nx = d->head.kind == CACHE_RRSET && d->head.rank > RANK_GLUE
                           ? store_find(s, entry_addr(nh, 0, rclass), d->lower, n, 0, rclass)
                           : NULL;
    if (nx != NULL && outranked(d, nx, epoch, now) && d->with != NULL && d->with->restored) {
        spin_unlock(&s->lock);
        return;
    }
    if (nx != NULL && trust_of(nx, epoch) <= trust_of(&d->head, epoch))
        store_remove(s, nx);
    bool proven = old != NULL ? old->proven : d->with != NULL && d->with->used;
    unsigned used = old != NULL ? old->used : 0;
    if (old == NULL || !overwrite(s, old, d)) {
        if (old != NULL)
            store_remove(s, old);
        struct entry *e = store_insert(s, addr, draft_size(d), proven, now);
        if (e != NULL) {
            e->used = used & USED_MAX;
            draft_write(d, e);
            s->st.negative += e->kind != CACHE_RRSET;
        }
    }
    spin_unlock(&s->lock);
}

void cache_put(struct cache *c, const struct rrset *set, enum cache_rank rank,
               const struct cache_with *with, struct now now)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, set->owner);
    struct draft d = {
        .head = {.kind = CACHE_RRSET, .rank = rank & 7u, .type = set->type, .rclass = set->rclass},
        .set = set,
        .owner = set->owner};
    /* Type 0 is no data (RFC 6895 section 3.1), and the place of "no such name". */
    if (set->ttl > 0 && set->count > 0 && set->type != 0 && draft_set(&d, lower, n, set, with))
        draft_put(c, &d, set->ttl, now);
}

void cache_put_negative(struct cache *c, enum cache_kind kind, const uint8_t *name, uint16_t type,
                        uint16_t rclass, uint32_t ttl_s, const struct rrset *soa, uint16_t reason,
                        const struct cache_with *with, struct now now)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, name);
    /* A failure never hides an answer that is still good. */
    enum cache_rank rank = kind == CACHE_FAILURE ? RANK_GLUE : RANK_AUTHORITY;
    struct draft d = {.head = {.kind = kind & 7u,
                               .rank = rank & 7u,
                               .type = kind == CACHE_NXDOMAIN ? 0 : type,
                               .rclass = rclass},
                      .soa = soa,
                      .owner = soa != NULL ? soa->owner : name};
    if (ttl_s == 0 || !draft_set(&d, lower, n, soa, with))
        return;
    if (kind == CACHE_FAILURE)
        d.head.reason = reason;
    if (soa != NULL)
        d.head.soa_len = (uint8_t)name_len(soa->owner);
    draft_put(c, &d, ttl_s, now);
}

void cache_drop(struct cache *c, const uint8_t *name, uint16_t type, uint16_t rclass)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, name);
    uint64_t nh = name_hash(c, lower, n);
    struct shard *s = shard_of(c, nh);
    spin_lock(&s->lock);
    struct entry *e = store_find(s, entry_addr(nh, type, rclass), lower, n, type, rclass);
    if (e != NULL)
        store_remove(s, e);
    spin_unlock(&s->lock);
}

struct cache_stats cache_stats(const struct cache *c)
{
    struct cache_stats t = {0};
    for (unsigned i = 0; i < c->shards; i++) {
        struct shard *s = (struct shard *)(uintptr_t)&c->shard[i];
        spin_lock(&s->lock);
        t.entries += s->st.entries;
        t.bytes += s->bytes;
        t.max_bytes += (uint64_t)s->quota * s->seg_bytes;
        t.hits += s->hits;
        t.misses += s->misses;
        t.inserts += s->st.inserts;
        t.evictions += s->st.evictions;
        t.expired += s->st.expired;
        t.negative += s->st.negative;
        spin_unlock(&s->lock);
    }
    return t;
}
