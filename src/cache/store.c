#include "cache/store.h"

#include <stdlib.h>

enum {
    /* Segments that are kept free for the collector to copy to, and from when on it works ahead. */
    SEGS_SPARE = 1,
    SEGS_LOW = 2,
    /* Entries looked at for one insertion: usually, and before there is no room for it. Bounds the
     * time under the lock. */
    AHEAD_MAX = 8,
    COLLECT_MAX = 64,
    /* `small` has one part in so many of what is kept. */
    SMALL_SHARE = 10,
};

/* --- Segments --- */

static uint8_t *seg_memory(const struct shard *s, uint32_t i)
{
    return s->pool + (size_t)i * s->seg_bytes;
}

static uint32_t segs_left(const struct shard *s)
{
    return s->free_n + s->quota - s->taken;
}

static uint32_t seg_take(struct shard *s)
{
    uint32_t i = s->free_segs;
    if (i != SEG_NONE) {
        s->free_segs = s->seg[i].newer;
        s->free_n--;
    } else if (s->taken < s->quota) {
        s->taken++;
        i = atomic_fetch_add_explicit(s->fresh, 1, memory_order_relaxed);
    }
    return i;
}

static void seg_give(struct shard *s, uint32_t i)
{
    s->seg[i].newer = s->free_segs;
    s->free_segs = i;
    s->free_n++;
}

static void log_append(struct shard *s, struct seg_log *g, uint32_t i)
{
    s->seg[i] = (struct seg){.older = g->newest, .newer = SEG_NONE};
    /* The unit at 0 is nobody's: a reference to it would be REF_NONE. */
    s->seg[i].used = 1u << s->unit_bits;
    s->bytes += s->seg[i].used;
    if (g->newest != SEG_NONE)
        s->seg[g->newest].newer = i;
    else
        g->oldest = i;
    g->newest = i;
    g->segs++;
}

static void log_unlink(struct shard *s, struct seg_log *g, uint32_t i)
{
    struct seg *x = &s->seg[i];
    if (x->older != SEG_NONE)
        s->seg[x->older].newer = x->newer;
    else
        g->oldest = x->newer;
    if (x->newer != SEG_NONE)
        s->seg[x->newer].older = x->older;
    else
        g->newest = x->older;
    g->segs--;
    s->bytes -= x->used;
}

/* --- Hash table --- */

/* Adds a bucket, with what belongs there out of the one that it splits. */
static void table_grow(struct shard *s)
{
    uint32_t to = s->buckets, chunk = to >> s->chunk_bits;
    if (chunk >= s->chunks) {
        if (chunk >= s->chunks_max || segs_left(s) <= SEGS_LOW)
            return; /* chains grow longer, that is all */
        uint32_t i = seg_take(s);
        s->chunk[s->chunks++] = (uint32_t *)(void *)seg_memory(s, i);
        s->bytes += s->seg_bytes;
    }
    uint32_t *from = bucket_at(s, to - s->low), *into = bucket_at(s, to);
    uint32_t bit = s->low;
    *into = REF_NONE;
    s->buckets++;
    if (s->buckets == 2 * s->low)
        s->low = s->buckets;
    while (*from != REF_NONE) {
        struct entry *e = entry_at(s, *from);
        if (e->addr & bit) {
            uint32_t ref = *from;
            *from = e->chain;
            e->chain = *into;
            *into = ref;
        } else {
            from = &e->chain;
        }
    }
}

/* What points to e in its chain. */
static uint32_t *link_of(struct shard *s, const struct entry *e)
{
    uint32_t *p = bucket_of(s, e->addr);
    while (entry_at(s, *p) != e)
        p = &entry_at(s, *p)->chain;
    return p;
}

bool store_flushed(struct shard *s, struct entry *e)
{
    if (s->rule == NULL || e->old == s->old)
        return false;
    if (!name_in(entry_data(e), s->rule->below)) {
        e->old = s->old;
        return false;
    }
    store_remove(s, e);
    return true;
}

void store_remove(struct shard *s, struct entry *e)
{
    uint32_t *p = link_of(s, e), i = seg_of(s, e);
    *p = e->chain;
    e->live = false;
    s->live_bytes -= store_room(s, e);
    s->st.entries--;
    s->st.negative -= e->kind != CACHE_RRSET;
    if (--s->seg[i].live > 0 || i == s->small.newest || i == s->main.newest || i == s->victim)
        return;
    /* Nothing is left in it. Of which log it is shows at its ends only, and in the entry. */
    log_unlink(s, e->proven ? &s->main : &s->small, i);
    seg_give(s, i);
}

/* --- Queues --- */

static uint16_t *ghost_slot(const struct shard *s, uint32_t addr)
{
    return &s->ghost[(addr * 0x9e3779b1u) >> (32 - s->ghost_bits)];
}

static uint16_t ghost_tag(uint32_t addr)
{
    return (uint16_t)((addr * 0x85ebca6bu) >> 16 | 1);
}

/* Room in a log: REF_NONE if it would be taken from the segments that are kept for others. */
static uint32_t log_room(struct shard *s, struct seg_log *g, size_t units, uint32_t spare)
{
    size_t n = units << s->unit_bits;
    if (g == &s->main && segs_left(s) < spare)
        return REF_NONE; /* the collector has begun the last one, and needs all of it */
    if (g->newest == SEG_NONE || s->seg[g->newest].used + n > s->seg_bytes ||
        g->newest == s->victim) {
        if (segs_left(s) <= spare)
            return REF_NONE;
        log_append(s, g, seg_take(s));
    }
    struct seg *x = &s->seg[g->newest];
    uint32_t ref = (uint32_t)(((size_t)g->newest * s->seg_bytes + x->used) >> s->unit_bits);
    x->used += (uint32_t)n;
    x->live++;
    s->bytes += n;
    s->live_bytes += n;
    return ref;
}

/* More than half is what once was: then the collector makes room before more is taken. Not for a
 * few segments. */
static bool wasteful(const struct shard *s)
{
    return s->small.segs + s->main.segs > SEGS_LEAST && 2 * s->live_bytes < s->bytes;
}

/* Copies e to the young end of a log. There is always room: what is copied out of one segment fits
 * into the one kept free. */
static void move_on(struct shard *s, struct entry *e, struct seg_log *g)
{
    uint32_t ref = log_room(s, g, e->units, 0), *p = link_of(s, e);
    ASSERT(ref != REF_NONE);
    memcpy(entry_at(s, ref), e, store_room(s, e));
    s->seg[seg_of(s, e)].live--;
    s->live_bytes -= store_room(s, e);
    *p = ref;
    e->live = false;
    if (g == &s->main) {
        e = entry_at(s, ref);
        e->used = e->proven && e->used > 0 ? (e->used - 1u) & USED_MAX : 0;
        e->proven = true;
    }
}

static void forget(struct shard *s, struct entry *e, struct now now)
{
    bool is_old = expired(e, now);
    if (is_old)
        s->st.expired++;
    else
        s->st.evictions++;
    if (!is_old && !e->proven && s->ghost != NULL)
        *ghost_slot(s, e->addr) = ghost_tag(e->addr);
    store_remove(s, e);
}

static void victim_choose(struct shard *s)
{
    uint32_t all = s->small.segs + s->main.segs;
    s->victim_small =
        s->main.segs == 0 || (s->small.segs > 0 && s->small.segs * SMALL_SHARE >= all);
    s->victim = s->victim_small ? s->small.oldest : s->main.oldest;
    s->victim_at = 1u << s->unit_bits;
}

static void victim_done(struct shard *s)
{
    uint32_t i = s->victim;
    log_unlink(s, s->victim_small ? &s->small : &s->main, i);
    s->victim = SEG_NONE;
    if (s->ghost == NULL && segs_left(s) >= SEGS_SPARE) {
        /* One of the first stays: from now on it knows what was thrown out. */
        s->ghost = (uint16_t *)(void *)seg_memory(s, i);
        memset(s->ghost, 0, s->seg_bytes);
        s->bytes += s->seg_bytes;
    } else {
        seg_give(s, i);
    }
}

/* Looks at one more entry of the segment that is to be freed; returns its bytes. */
static size_t collect(struct shard *s, struct now now)
{
    if (s->victim == SEG_NONE)
        victim_choose(s);
    if (s->victim == SEG_NONE)
        return s->seg_bytes;
    struct seg *x = &s->seg[s->victim];
    if (s->victim_at >= x->used || x->live == 0) {
        victim_done(s);
        return 0;
    }
    struct entry *e = (struct entry *)(void *)(seg_memory(s, s->victim) + s->victim_at);
    size_t n = (size_t)e->units << s->unit_bits;
    s->victim_at += (uint32_t)n;
    if (!e->live || (UNLIKELY(s->rule != NULL) && store_flushed(s, e)))
        return n;
    bool full = segs_left(s) < SEGS_LOW;
    if (expired(e, now))
        forget(s, e, now);
    else if (e->used > 0)
        move_on(s, e, &s->main);
    else if (!full)
        move_on(s, e, e->proven ? &s->main : &s->small);
    else
        forget(s, e, now);
    return n;
}

struct entry *store_insert(struct shard *s, uint32_t addr, size_t size, bool proven, struct now now)
{
    size_t units = (size + (1u << s->unit_bits) - 1) >> s->unit_bits, done = 0;
    if (size > store_entry_max(s))
        return NULL;
    if (!proven && s->ghost != NULL && *ghost_slot(s, addr) == ghost_tag(addr)) {
        *ghost_slot(s, addr) = 0;
        proven = true;
    }
    struct seg_log *g = proven ? &s->main : &s->small;
    uint32_t ref;
    for (int i = 0; i < AHEAD_MAX && done < 2 * size && (segs_left(s) < SEGS_LOW || wasteful(s));
         i++)
        done += collect(s, now);
    for (int i = 0; (ref = log_room(s, g, units, SEGS_SPARE)) == REF_NONE; i++) {
        if (i == COLLECT_MAX)
            return NULL; /* everything it saw is in use: this one is not yet */
        (void)collect(s, now);
    }
    if (s->st.entries >= s->buckets)
        table_grow(s);
    struct entry *e = entry_at(s, ref);
    uint32_t *b = bucket_of(s, addr);
    memset(e, 0, sizeof *e);
    e->chain = *b;
    *b = ref;
    e->addr = addr;
    e->units = (uint16_t)units;
    e->live = true;
    e->proven = proven;
    e->old = s->old;
    s->st.entries++;
    s->st.inserts++;
    return e;
}

size_t store_entry_max(const struct shard *s)
{
    return s->seg_bytes - (1u << s->unit_bits);
}

size_t store_room(const struct shard *s, const struct entry *e)
{
    return (size_t)e->units << s->unit_bits;
}

/* --- Life --- */

static void table_clear(struct shard *s)
{
    s->buckets = s->low = BUCKETS_FIRST;
    memset(s->chunk[0], 0, BUCKETS_FIRST * sizeof(uint32_t));
}

void store_clear(struct shard *s)
{
    struct seg_log *logs[] = {&s->small, &s->main};
    for (unsigned k = 0; k < ARRAY_LEN(logs); k++)
        while (logs[k]->oldest != SEG_NONE) {
            uint32_t i = logs[k]->oldest;
            log_unlink(s, logs[k], i);
            seg_give(s, i);
        }
    s->victim = SEG_NONE;
    s->st.entries = s->st.negative = s->live_bytes = 0;
    table_clear(s);
}

void store_init(struct shard *s, struct cache *c, uint32_t quota, uint32_t seg_bytes,
                uint8_t unit_bits)
{
    atomic_flag_clear(&s->lock);
    s->pool = c->pool;
    s->fresh = &c->fresh;
    s->unit_bits = unit_bits;
    s->seg_bytes = seg_bytes;
    s->quota = quota;
    s->free_segs = s->victim = SEG_NONE;
    s->small = s->main = (struct seg_log){SEG_NONE, SEG_NONE, 0};
    while (1u << s->seg_bits < seg_bytes)
        s->seg_bits++;
    while (1u << s->chunk_bits < seg_bytes / sizeof(uint32_t))
        s->chunk_bits++;
    while (1u << s->ghost_bits < seg_bytes / sizeof(uint16_t))
        s->ghost_bits++;
    s->chunk[0] = (uint32_t *)(void *)seg_memory(s, seg_take(s));
    s->chunks = 1;
    s->bytes = seg_bytes;
    table_clear(s);
}
