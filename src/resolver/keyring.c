#include "resolver/keyring.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

struct keyring {
    struct hash_key key;
    unsigned n, max;
    size_t bytes;
    uint32_t mask;
    struct zone_trust *newest, *oldest;
    struct zone_trust *bucket[];
};

struct keyring *keyring_new(unsigned max, const struct hash_key *key)
{
    uint32_t want = 16;
    while (want < max)
        want *= 2;
    struct keyring *k = calloc(1, sizeof *k + want * sizeof k->bucket[0]);
    if (k == NULL)
        return NULL;
    k->key = *key;
    k->max = max;
    k->mask = want - 1;
    return k;
}

void zone_trust_drop(struct zone_trust *t)
{
    if (t == NULL || --t->refs > 0)
        return;
    zone_keys_free(t->keys);
    free(t->words);
    free(t);
}

void zone_trust_say(struct zone_trust *t, const char *words)
{
    if (t == NULL || words[0] == '\0')
        return;
    free(t->words);
    t->words = strdup(words);
}

static void unlink_order(struct keyring *k, struct zone_trust *t)
{
    *(t->newer != NULL ? &t->newer->older : &k->newest) = t->older;
    *(t->older != NULL ? &t->older->newer : &k->oldest) = t->newer;
}

static void link_newest(struct keyring *k, struct zone_trust *t)
{
    t->older = k->newest;
    t->newer = NULL;
    *(k->newest != NULL ? &k->newest->newer : &k->oldest) = t;
    k->newest = t;
}

static size_t size_of(const struct zone_trust *t)
{
    return sizeof *t + (t->keys != NULL ? zone_keys_size(t->keys) : 0);
}

static void forget(struct keyring *k, struct zone_trust *t)
{
    struct zone_trust **p = &k->bucket[t->hash & k->mask];
    while (*p != t)
        p = &(*p)->chain;
    *p = t->chain;
    unlink_order(k, t);
    t->listed = false;
    k->n--;
    k->bytes -= size_of(t);
    zone_trust_drop(t);
}

void keyring_flush(struct keyring *k)
{
    while (k->oldest != NULL)
        forget(k, k->oldest);
}

void keyring_flush_below(struct keyring *k, const uint8_t *name)
{
    for (struct zone_trust *t = k->oldest, *next; t != NULL; t = next) {
        next = t->newer;
        if (name_in(t->zone.w, name))
            forget(k, t);
    }
}

void keyring_free(struct keyring *k)
{
    if (k == NULL)
        return;
    keyring_flush(k);
    free(k);
}

static uint64_t hash_of(const struct keyring *k, const uint8_t *zone)
{
    uint8_t lower[LIMIT_NAME];
    return siphash13(&k->key, lower, name_lower(lower, zone));
}

static struct zone_trust *find(struct keyring *k, uint64_t h, const uint8_t *zone)
{
    for (struct zone_trust *t = k->bucket[h & k->mask]; t != NULL; t = t->chain)
        if (t->hash == h && name_equal(t->zone.w, zone))
            return t;
    return NULL;
}

struct zone_trust *keyring_put(struct keyring *k, const uint8_t *zone, const struct verdict *v,
                               struct zone_keys *keys, uint32_t ttl_s, struct now now)
{
    struct zone_trust *t = calloc(1, sizeof *t);
    if (t == NULL) {
        zone_keys_free(keys);
        return NULL;
    }
    t->hash = hash_of(k, zone);
    struct zone_trust *old = find(k, t->hash, zone);
    if (old != NULL)
        forget(k, old);
    name_copy(t->zone.w, zone);
    name_copy(t->blame.w, zone);
    t->trust = v->trust;
    t->keys = keys;
    t->why = *v;
    t->dies_mono_us = now.mono_us + (uint64_t)ttl_s * 1000000;
    t->dies_wall_s = now.wall_s + ttl_s;
    t->refs = 2;
    t->listed = true;
    t->chain = k->bucket[t->hash & k->mask];
    k->bucket[t->hash & k->mask] = t;
    link_newest(k, t);
    k->n++;
    k->bytes += size_of(t);
    while (k->oldest != t && (k->n > k->max || k->bytes > LIMIT_KEYRING_BYTES))
        forget(k, k->oldest);
    return t;
}

struct zone_trust *keyring_get(struct keyring *k, const uint8_t *zone, struct now now)
{
    struct zone_trust *t = find(k, hash_of(k, zone), zone);
    if (t == NULL)
        return NULL;
    if (now.mono_us >= t->dies_mono_us || now.wall_s >= t->dies_wall_s) {
        forget(k, t);
        return NULL;
    }
    unlink_order(k, t);
    link_newest(k, t);
    t->refs++;
    return t;
}

struct zone_trust *keyring_above(struct keyring *k, const uint8_t *name, struct now now)
{
    for (;; name = name_parent(name)) {
        struct zone_trust *t = keyring_get(k, name, now);
        if (t != NULL || name_is_root(name))
            return t;
    }
}
