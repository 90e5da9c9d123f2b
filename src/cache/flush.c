/* Forgetting on demand: takes effect at once, and no lookup waits for it. A name's entries are all
 * in one line of buckets. For everything below a name, each shard gets a rule first that lookups
 * look at; then the caller sweeps the shards, a few buckets at a time. Everything is forgotten by
 * forgetting where it was. */
#include "cache/store.h"

/* Buckets swept under one hold of the lock: some 20 us when all of it has to come from memory. */
enum { SWEEP_BUCKETS = 128 };

unsigned cache_flushes(const struct cache *c)
{
    return atomic_load_explicit(&c->flushes, memory_order_relaxed);
}

uint8_t cache_epoch(const struct cache *c)
{
    return atomic_load_explicit(&c->epoch, memory_order_relaxed);
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
        spin_lock(&c->shard[i].lock);
        store_clear(&c->shard[i]);
        spin_unlock(&c->shard[i].lock);
    }
    count_flush(c);
}

/* Removes what `hit` says yes to of n buckets. */
static uint64_t sweep_some(struct shard *s, uint32_t from, uint32_t n,
                           bool (*hit)(struct shard *, struct entry *))
{
    uint64_t gone = 0;
    for (uint32_t i = from; i < from + n && i < s->buckets; i++)
        for (uint32_t r = *bucket_at(s, i); r != REF_NONE;) {
            struct entry *e = entry_at(s, r);
            r = e->chain;
            gone += hit(s, e);
        }
    return gone;
}

/* Buckets that split meanwhile do so upwards, where the sweep comes later. */
static uint64_t sweep(struct shard *s, bool (*hit)(struct shard *, struct entry *))
{
    uint64_t gone = 0;
    bool more = true;
    for (uint32_t i = 0; more; i += SWEEP_BUCKETS) {
        spin_lock(&s->lock);
        gone += sweep_some(s, i, SWEEP_BUCKETS, hit);
        more = i + SWEEP_BUCKETS < s->buckets;
        spin_unlock(&s->lock);
    }
    return gone;
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
    uint64_t nh = siphash13(&c->key, lower, n), gone = 0;
    struct shard *s = shard_of(c, nh);
    flush_denials(c, name);
    spin_lock(&s->lock);
    for (uint32_t k = 0; k < LINE; k++)
        for (uint32_t r = *bucket_of(s, (uint32_t)nh << 4 | k); r != REF_NONE;) {
            struct entry *e = entry_at(s, r);
            r = e->chain;
            if (e->name_len != n || memcmp(entry_data(e), lower, n) != 0 ||
                (type != 0 && e->type != type && e->type != 0))
                continue;
            store_remove(s, e);
            gone++;
        }
    spin_unlock(&s->lock);
    count_flush(c);
    return gone;
}

static void set_rule(struct cache *c, const struct flush_rule *rule)
{
    for (unsigned i = 0; i < c->shards; i++) {
        struct shard *s = &c->shard[i];
        spin_lock(&s->lock);
        s->rule = rule;
        s->old ^= rule != NULL; /* what is there has not been looked at, what comes now need not */
        spin_unlock(&s->lock);
    }
}

uint64_t cache_flush_below(struct cache *c, const uint8_t *apex)
{
    uint64_t n = 0;
    const struct flush_rule rule = {apex};
    spin_lock(&c->flushing);
    denial_flush_all(c->denial); /* zones below are not found by name; they are soon known again */
    set_rule(c, &rule);
    count_flush(c);
    for (unsigned i = 0; i < c->shards; i++)
        n += sweep(&c->shard[i], store_flushed);
    set_rule(c, NULL);
    spin_unlock(&c->flushing);
    return n;
}

static bool hit_bad(struct shard *s, struct entry *e)
{
    if (e->rclass != CACHE_CLASS_BAD)
        return false;
    store_remove(s, e);
    return true;
}

void cache_distrust(struct cache *c)
{
    /* Once round: nothing that old may look new again. */
    if (atomic_fetch_add_explicit(&c->epoch, 1, memory_order_relaxed) == UINT8_MAX)
        cache_flush_all(c);
    count_flush(c);
    denial_flush_all(c->denial);
    for (unsigned i = 0; i < c->shards; i++)
        (void)sweep(&c->shard[i], hit_bad);
}
