#include "cache/cache.h"

#include "core/trace.h"
#include "dns/rr_type.h"
#include <stdatomic.h>
#include <stdlib.h>

/* One cached answer. Its bytes follow it: owner name, packed RDATA, for a negative entry the SOA's
 * owner and packed RDATA in place of the RDATA, and what is kept with it (pack_more). */
struct entry {
    struct entry *chain;         /* in its bucket */
    struct entry *newer, *older; /* in the order of insertion, for SIEVE */
    uint64_t hash;
    uint64_t dies_mono_us, dies_wall_s; /* whichever clock says so first */
    uint32_t size;                      /* bytes charged to the budget */
    uint32_t rdata_size, more_size;
    uint16_t type, rclass, count, reason;
    uint8_t kind, rank, name_len, soa_len; /* soa_len: of the SOA's owner; 0: there is no SOA */
    uint8_t trust;
    bool visited, cut;
    uint8_t epoch; /* of the rules that it was checked by */
    /* The whole of its time, 0 once somebody fetches it anew; how often it was asked for in the
     * second half. */
    uint32_t ttl_s : 24, asked : 8;
    uint8_t data[];
};

struct shard {
    _Alignas(64) atomic_flag lock;
    struct entry **bucket;
    uint32_t mask;
    struct entry *newest, *oldest, *hand;
    size_t bytes, max;
    struct cache_stats st;
};

struct cache {
    struct hash_key key;
    struct denial_cache *denial;
    atomic_uint flushes;
    atomic_uchar epoch;
    unsigned shards;
    struct shard shard[];
};

enum {
    /* What malloc and the bucket array cost beside an entry. */
    ENTRY_OVERHEAD = 24,
    /* PowerDNS takes 8,192 bytes an entry; a TXT or DNSKEY set may be larger, a whole 64 KiB answer
     * pushes out hundreds of others. */
    ENTRY_MAX = 32768,
    ENTRY_TTL_MAX = (1 << 24) - 1,
    /* Entries thrown out for one insertion at most: bounds the time under the lock. */
    EVICT_MAX = 64,
    /* One part in so many of the bytes is for denial records. */
    DENIAL_SHARE = 8,
};

static void lock(struct shard *s)
{
    while (atomic_flag_test_and_set_explicit(&s->lock, memory_order_acquire)) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
}

static void unlock(struct shard *s)
{
    atomic_flag_clear_explicit(&s->lock, memory_order_release);
}

struct cache *cache_new(size_t max_bytes, unsigned shards, const struct env *env)
{
    if (shards == 0)
        shards = max_bytes >= (size_t)16 << 20 ? 64 : 4;
    struct cache *c =
        aligned_alloc(64, sizeof *c + (64 - sizeof *c % 64) + shards * sizeof c->shard[0]);
    if (c == NULL)
        return NULL;
    memset(c, 0, sizeof *c + shards * sizeof c->shard[0]);
    env->random(env->ctx, &c->key, sizeof c->key);
    c->shards = shards;
    c->denial = denial_new(max_bytes / DENIAL_SHARE, env);
    if (c->denial == NULL) {
        free(c);
        return NULL;
    }
    max_bytes -= max_bytes / DENIAL_SHARE;
    for (unsigned i = 0; i < shards; i++) {
        struct shard *s = &c->shard[i];
        atomic_flag_clear(&s->lock);
        s->max = max_bytes / shards;
        uint32_t want = 64;
        while (want < s->max / 256 && want < 1u << 24)
            want *= 2;
        s->mask = want - 1;
        s->bytes = want * sizeof(struct entry *);
        s->bucket = calloc(want, sizeof(struct entry *));
        if (s->bucket == NULL) {
            cache_free(c);
            return NULL;
        }
    }
    return c;
}

static void unlink_order(struct shard *s, struct entry *e)
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
}

/* Takes e out of the shard and frees it. */
static void entry_remove(struct shard *s, struct entry *e)
{
    struct entry **p = &s->bucket[e->hash & s->mask];
    while (*p != e)
        p = &(*p)->chain;
    *p = e->chain;
    unlink_order(s, e);
    s->bytes -= e->size;
    s->st.entries--;
    s->st.negative -= e->kind != CACHE_RRSET;
    free(e);
}

struct denial_cache *cache_denial(struct cache *c)
{
    return c->denial;
}

unsigned cache_flushes(const struct cache *c)
{
    return atomic_load_explicit(&c->flushes, memory_order_relaxed);
}

/* At the end of a flush: who saw the count before would learn the same again from what is left. */
static void count_flush(struct cache *c)
{
    atomic_fetch_add_explicit(&c->flushes, 1, memory_order_relaxed);
}

void cache_flush_all(struct cache *c)
{
    denial_flush_all(c->denial);
    for (unsigned i = 0; i < c->shards; i++) {
        struct shard *s = &c->shard[i];
        lock(s);
        while (s->oldest != NULL)
            entry_remove(s, s->oldest);
        unlock(s);
    }
    count_flush(c);
}

void cache_free(struct cache *c)
{
    if (c == NULL)
        return;
    for (unsigned i = 0; i < c->shards; i++)
        if (c->shard[i].bucket != NULL) {
            while (c->shard[i].oldest != NULL)
                entry_remove(&c->shard[i], c->shard[i].oldest);
            free(c->shard[i].bucket);
        }
    denial_free(c->denial);
    free(c);
}

static uint64_t name_hash(const struct cache *c, const uint8_t *lower, size_t n)
{
    return siphash13(&c->key, lower, n);
}

/* The hash of an entry from that of its name: one SipHash serves all types of a name. */
static uint64_t entry_hash(uint64_t name_hash, uint16_t type, uint16_t rclass)
{
    return hash_mix(name_hash ^ ((uint64_t)type << 16 | rclass) * 0x9e3779b97f4a7c15u);
}

/* All types of a name live in one shard. */
static struct shard *shard_of(struct cache *c, uint64_t name_hash)
{
    return &c->shard[(name_hash >> 40) % c->shards];
}

static struct entry *find(struct shard *s, uint64_t hash, const uint8_t *lower, size_t n,
                          uint16_t type, uint16_t rclass)
{
    for (struct entry *e = s->bucket[hash & s->mask]; e != NULL; e = e->chain)
        if (e->hash == hash && e->type == type && e->rclass == rclass && e->name_len == n &&
            memcmp(e->data, lower, n) == 0)
            return e;
    return NULL;
}

static bool expired(const struct entry *e, struct now now)
{
    return now.mono_us >= e->dies_mono_us || now.wall_s >= e->dies_wall_s;
}

/* Seconds left by the clock that ends it first. */
static uint32_t ttl_left(const struct entry *e, struct now now)
{
    uint64_t mono = (e->dies_mono_us - now.mono_us + 999999) / 1000000,
             wall = e->dies_wall_s - now.wall_s;
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
    memcpy(p, e->data + e->name_len, n + extra);
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

static void asked_late(struct entry *e, struct cache_entry *ret)
{
    e->asked += e->asked < UINT8_MAX ? 1u : 0u;
    ret->asked = (uint8_t)e->asked;
    ret->late = (uint64_t)ret->ttl_s * 10 <= e->ttl_s;
}

static enum cache_kind get(struct cache *c, const uint8_t *name, uint16_t type, uint16_t rclass,
                           struct now now, bool more, struct arena *a, struct cache_entry *ret)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, name);
    uint64_t nh = name_hash(c, lower, n);
    struct shard *s = shard_of(c, nh);
    uint8_t epoch = atomic_load_explicit(&c->epoch, memory_order_relaxed);
    ret->kind = CACHE_NONE;
    lock(s);
    struct entry *e = find(s, entry_hash(nh, type, rclass), lower, n, type, rclass);
    if (e == NULL || expired(e, now)) /* RFC 2308 section 5: NXDOMAIN holds for every type */
        e = find(s, entry_hash(nh, 0, rclass), lower, n, 0, rclass);
    /* A verdict by older rules that was stored after these came. */
    if (e != NULL && e->rclass == CACHE_CLASS_BAD && e->epoch != epoch)
        e = NULL;
    if (e != NULL && !expired(e, now) && copy_out(e, epoch, name, ttl_left(e, now), more, a, ret)) {
        e->visited = true;
        if (UNLIKELY(ret->ttl_s <= e->ttl_s / 2))
            asked_late(e, ret);
        s->st.hits++;
    } else {
        ret->kind = CACHE_NONE;
        s->st.misses++;
    }
    unlock(s);
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

/* Seconds since it ran out, by the clock that says more; 0: it is fresh. */
static uint64_t over_s(const struct entry *e, struct now now)
{
    uint64_t mono =
                 now.mono_us >= e->dies_mono_us ? (now.mono_us - e->dies_mono_us) / 1000000 + 1 : 0,
             wall = now.wall_s >= e->dies_wall_s ? now.wall_s - e->dies_wall_s + 1 : 0;
    return MAX(mono, wall);
}

enum cache_kind cache_get_stale(struct cache *c, const uint8_t *name, uint16_t type,
                                uint16_t rclass, struct now now, uint32_t max_s, uint32_t ttl_s,
                                struct arena *a, struct cache_entry *ret)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, name);
    uint64_t nh = name_hash(c, lower, n), over = 0;
    struct shard *s = shard_of(c, nh);
    uint8_t epoch = atomic_load_explicit(&c->epoch, memory_order_relaxed);
    ret->kind = CACHE_NONE;
    lock(s);
    struct entry *e = find(s, entry_hash(nh, type, rclass), lower, n, type, rclass);
    struct entry *nx = find(s, entry_hash(nh, 0, rclass), lower, n, 0, rclass);
    /* What was learnt last counts, "no such name" as well as data: that ran out last. */
    if (e == NULL || (nx != NULL && over_s(e, now) > over_s(nx, now)))
        e = nx;
    if (e != NULL && e->kind != CACHE_FAILURE && (over = over_s(e, now)) <= max_s &&
        copy_out(e, epoch, name, over > 0 ? ttl_s : ttl_left(e, now), true, a, ret)) {
        ret->stale_s = (uint32_t)over;
        e->visited = true;
    } else {
        ret->kind = CACHE_NONE;
    }
    unlock(s);
    return ret->kind;
}

bool cache_claim(struct cache *c, const uint8_t *name, uint16_t type, uint16_t rclass)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, name);
    uint64_t nh = name_hash(c, lower, n);
    struct shard *s = shard_of(c, nh);
    lock(s);
    struct entry *e = find(s, entry_hash(nh, type, rclass), lower, n, type, rclass);
    bool first = e != NULL && e->ttl_s > 0;
    if (first)
        e->ttl_s = 0;
    unlock(s);
    return first;
}

/* Makes room for `need` bytes by SIEVE: a hand walks from old to new, spares what was used since it
 * last came by, and throws out the first that was not. */
static void make_room(struct shard *s, size_t need, struct now now)
{
    for (int i = 0; i < EVICT_MAX && s->bytes + need > s->max && s->oldest != NULL; i++) {
        struct entry *e = s->hand != NULL ? s->hand : s->oldest;
        /* At most one round of sparing, so that the walk ends. */
        for (uint32_t k = 0; e->visited && !expired(e, now) && k < 256; k++) {
            e->visited = false;
            e = e->newer != NULL ? e->newer : s->oldest;
        }
        s->hand = e->newer;
        if (expired(e, now))
            s->st.expired++;
        else
            s->st.evictions++;
        entry_remove(s, e);
    }
}

static void insert(struct shard *s, struct entry *e, struct now now)
{
    make_room(s, e->size, now);
    if (s->bytes + e->size > s->max) {
        free(e);
        return;
    }
    struct entry **b = &s->bucket[e->hash & s->mask];
    e->chain = *b;
    *b = e;
    e->older = s->newest;
    e->newer = NULL;
    if (s->newest != NULL)
        s->newest->newer = e;
    else
        s->oldest = e;
    s->newest = e;
    s->bytes += e->size;
    s->st.entries++;
    s->st.inserts++;
    s->st.negative += e->kind != CACHE_RRSET;
}

static struct entry *entry_new(const uint8_t *lower, size_t n, size_t extra)
{
    size_t size = sizeof(struct entry) + n + extra;
    struct entry *e = size + ENTRY_OVERHEAD > ENTRY_MAX ? NULL : malloc(size);
    if (e == NULL)
        return NULL;
    memset(e, 0, sizeof *e);
    e->size = (uint32_t)(size + ENTRY_OVERHEAD);
    e->name_len = (uint8_t)n;
    memcpy(e->data, lower, n);
    return e;
}

static void entry_put(struct cache *c, struct entry *e, uint64_t nh, uint32_t ttl_s, struct now now)
{
    struct shard *s = shard_of(c, nh);
    uint8_t epoch = atomic_load_explicit(&c->epoch, memory_order_relaxed);
    e->hash = entry_hash(nh, e->type, e->rclass);
    e->dies_mono_us = now.mono_us + (uint64_t)ttl_s * 1000000;
    e->dies_wall_s = now.wall_s + ttl_s;
    e->ttl_s = MIN(ttl_s, ENTRY_TTL_MAX);
    lock(s);
    struct entry *old = find(s, e->hash, e->data, e->name_len, e->type, e->rclass);
    /* RFC 2181 section 5.4.1: data of lower rank never replace fresh data of higher rank; nor what
     * was not validated what was. */
    if (old != NULL && !expired(old, now) &&
        (trust_of(old, epoch) > trust_of(e, epoch) ||
         (trust_of(old, epoch) == trust_of(e, epoch) && old->rank > e->rank))) {
        unlock(s);
        free(e);
        return;
    }
    if (old != NULL) {
        e->visited = old->visited;
        entry_remove(s, old);
    }
    /* A name that has data exists: an older NXDOMAIN for it is wrong. */
    struct entry *nx =
        e->kind == CACHE_RRSET && e->rank > RANK_GLUE
            ? find(s, entry_hash(nh, 0, e->rclass), e->data, e->name_len, 0, e->rclass)
            : NULL;
    if (nx != NULL && trust_of(nx, epoch) <= trust_of(e, epoch))
        entry_remove(s, nx);
    insert(s, e, now);
    unlock(s);
}

/* Room for `extra` bytes of data and for what goes with them; that is put in. */
static struct entry *entry_with(const uint8_t *lower, size_t n, size_t extra,
                                const struct cache_with *w, const uint8_t *owner)
{
    size_t more = more_size(w, owner);
    struct entry *e = entry_new(lower, n, extra + more);
    if (e == NULL || w == NULL)
        return e;
    e->trust = (uint8_t)w->trust;
    e->epoch = w->epoch;
    e->cut = w->cut;
    e->reason = w->reason;
    e->more_size = (uint32_t)more;
    pack_more(e->data + n + extra, w, owner);
    return e;
}

void cache_put(struct cache *c, const struct rrset *set, enum cache_rank rank,
               const struct cache_with *with, struct now now)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, set->owner);
    if (set->ttl == 0 || set->count == 0)
        return;
    struct entry *e = entry_with(lower, n, set->rdata_size, with, set->owner);
    if (e == NULL)
        return;
    e->kind = CACHE_RRSET;
    e->rank = (uint8_t)rank;
    e->type = set->type;
    e->rclass = set->rclass;
    e->count = set->count;
    e->rdata_size = set->rdata_size;
    memcpy(e->data + n, set->rdata, set->rdata_size);
    entry_put(c, e, name_hash(c, lower, n), set->ttl, now);
}

void cache_put_negative(struct cache *c, enum cache_kind kind, const uint8_t *name, uint16_t type,
                        uint16_t rclass, uint32_t ttl_s, const struct rrset *soa, uint16_t reason,
                        const struct cache_with *with, struct now now)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, name);
    size_t soa_len = soa != NULL ? name_len(soa->owner) : 0;
    if (ttl_s == 0)
        return;
    struct entry *e = entry_with(lower, n, soa != NULL ? soa_len + soa->rdata_size : 0, with,
                                 soa != NULL ? soa->owner : name);
    if (e == NULL)
        return;
    e->kind = (uint8_t)kind;
    /* A failure never hides an answer that is still good. */
    e->rank = kind == CACHE_FAILURE ? RANK_GLUE : RANK_AUTHORITY;
    e->type = kind == CACHE_NXDOMAIN ? 0 : type;
    e->rclass = rclass;
    if (kind == CACHE_FAILURE)
        e->reason = reason;
    if (soa != NULL) {
        e->count = soa->count;
        e->soa_len = (uint8_t)soa_len;
        e->rdata_size = soa->rdata_size;
        memcpy(e->data + n, soa->owner, soa_len);
        memcpy(e->data + n + soa_len, soa->rdata, soa->rdata_size);
    }
    entry_put(c, e, name_hash(c, lower, n), ttl_s, now);
}

/* Removes every entry of a shard that `hit` says yes to. */
static uint64_t sweep(struct shard *s, bool (*hit)(const struct entry *, const void *),
                      const void *what)
{
    uint64_t n = 0;
    lock(s);
    for (struct entry *e = s->oldest, *next; e != NULL; e = next) {
        next = e->newer;
        if (hit(e, what)) {
            entry_remove(s, e);
            n++;
        }
    }
    unlock(s);
    return n;
}

struct flush_what {
    const uint8_t *name;
    uint16_t type;
};

static bool hit_name(const struct entry *e, const void *what)
{
    const struct flush_what *w = what;
    return name_equal(e->data, w->name) && (w->type == 0 || e->type == w->type || e->type == 0);
}

static bool hit_below(const struct entry *e, const void *what)
{
    const struct flush_what *w = what;
    return name_in(e->data, w->name);
}

/* The denials of every zone that could speak of a name. */
static void flush_denials(struct cache *c, const uint8_t *name)
{
    for (;; name = name_parent(name)) {
        denial_flush_zone(c->denial, name);
        if (name_is_root(name))
            return;
    }
}

uint64_t cache_flush_name(struct cache *c, const uint8_t *name, uint16_t type)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, name);
    struct flush_what w = {name, type};
    flush_denials(c, name);
    uint64_t swept = sweep(shard_of(c, name_hash(c, lower, n)), hit_name, &w);
    count_flush(c);
    return swept;
}

uint64_t cache_flush_below(struct cache *c, const uint8_t *apex)
{
    uint64_t n = 0;
    struct flush_what w = {apex, 0};
    denial_flush_all(c->denial); /* zones below are not found by name; they are soon known again */
    for (unsigned i = 0; i < c->shards; i++)
        n += sweep(&c->shard[i], hit_below, &w);
    count_flush(c);
    return n;
}

struct cache_stats cache_stats(const struct cache *c)
{
    struct cache_stats t = {0};
    for (unsigned i = 0; i < c->shards; i++) {
        struct shard *s = (struct shard *)(uintptr_t)&c->shard[i];
        lock(s);
        t.entries += s->st.entries;
        t.bytes += s->bytes;
        t.max_bytes += s->max;
        t.hits += s->st.hits;
        t.misses += s->st.misses;
        t.inserts += s->st.inserts;
        t.evictions += s->st.evictions;
        t.expired += s->st.expired;
        t.negative += s->st.negative;
        unlock(s);
    }
    return t;
}

static bool hit_bad(const struct entry *e, const void *what)
{
    (void)what;
    return e->rclass == CACHE_CLASS_BAD;
}

void cache_distrust(struct cache *c)
{
    /* Once round: nothing that old may look new again. */
    if (atomic_fetch_add_explicit(&c->epoch, 1, memory_order_relaxed) == UINT8_MAX)
        cache_flush_all(c);
    count_flush(c);
    denial_flush_all(c->denial);
    for (unsigned i = 0; i < c->shards; i++)
        (void)sweep(&c->shard[i], hit_bad, NULL);
}

uint8_t cache_epoch(const struct cache *c)
{
    return atomic_load_explicit(&c->epoch, memory_order_relaxed);
}

void cache_drop(struct cache *c, const uint8_t *name, uint16_t type, uint16_t rclass)
{
    uint8_t lower[LIMIT_NAME];
    size_t n = name_lower(lower, name);
    uint64_t nh = name_hash(c, lower, n);
    struct shard *s = shard_of(c, nh);
    lock(s);
    struct entry *e = find(s, entry_hash(nh, type, rclass), lower, n, type, rclass);
    if (e != NULL)
        entry_remove(s, e);
    unlock(s);
}
