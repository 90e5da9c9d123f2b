/* HashDoS: who picks names so that they fall together in one resolver's tables has picked nothing
 * for the next one, or for this one after a restart. */
#include "base/test.h"
#include "cache/store.h"
#include "resolver/machine.h"

#include <stdio.h>

enum { BUCKETS = 256, NAMES = 64, TRIES = 200000 };

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

struct side {
    struct prng rng;
    struct env env;
    struct resolver_options opt;
    struct root_hint hint;
    struct cache *cache;
    struct resolver *r;
    struct job *job;
};

static const struct now start = {1000000, 1700000000};

static void side_open(struct side *s, uint64_t seed)
{
    static const uint8_t root[] = {192, 0, 2, 1};
    s->rng.s = seed;
    s->env = (struct env){&s->rng, seeded};
    resolver_options_default(&s->opt);
    CHECK_EQ(name_from("a.root.", &s->hint.server), ST_OK);
    s->hint.address = netaddr_v4(root, 0);
    s->opt.hints = &s->hint;
    s->opt.hint_count = 1;
    s->cache = cache_new(1 << 20, 1, &s->env);
    s->r = resolver_new(&s->opt, s->cache, &s->env);
    s->job = job_new(s->r, start, NULL);
    s->job->refs++;
}

static void side_close(struct side *s)
{
    job_drop(s->job);
    resolver_free(s->r);
    cache_free(s->cache);
}

static unsigned place_of(struct side *s, const struct name *n)
{
    struct lookup *l = lookup_get(s->r, s->job, n->w, RR_A, 0, NULL, start);
    if (l == NULL)
        return BUCKETS;
    unsigned b = (unsigned)(l->hash & s->r->table_mask) % BUCKETS;
    lookup_unlist(s->r, l);
    lookup_free(s->r, l);
    return b;
}

TEST(names_that_fall_together_do_so_once)
{
    static struct side a, b;
    static struct name v[NAMES];
    bool used[BUCKETS] = {false};
    unsigned n = 0, buckets = 0;
    side_open(&a, 5);
    side_open(&b, 6);
    for (unsigned i = 0; i < TRIES && n < NAMES; i++) {
        char text[64];
        snprintf(text, sizeof text, "n%u.example.", i);
        CHECK_EQ(name_from(text, &v[n]), ST_OK);
        n += place_of(&a, &v[n]) == 0;
    }
    CHECK_EQ(n, NAMES);
    for (unsigned i = 0; i < n; i++) {
        unsigned k = place_of(&b, &v[i]);
        buckets += !used[k];
        used[k] = true;
    }
    CHECK(buckets > NAMES / 2); /* 57 by chance */
    /* The other tables: of the cache, of denials, of servers, of zones' keys, of clients. */
    CHECK(a.cache->key.k0 != b.cache->key.k0 && a.cache->key.k1 != b.cache->key.k1);
    CHECK(a.r->key.k0 != b.r->key.k0 && a.r->key.k1 != b.r->key.k1);
    CHECK(a.cache->key.k0 != a.r->key.k0);
    side_close(&a);
    side_close(&b);
}
