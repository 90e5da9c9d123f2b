#include "base/test.h"
#include "cache/snapshot.h"
#include "dns/rr_type.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

static struct prng rng = {11};
static const struct env env = {&rng, seeded};
static const struct hash_key rules = {1, 2};

enum { FILE_MAX = 8 << 20 };
static uint8_t file[FILE_MAX];
static struct arena arena;

/* The monotonic clock begins anew with the machine. */
static struct now at(uint64_t boot_s, uint64_t s)
{
    return (struct now){.mono_us = 1000000 * (boot_s + s), .wall_s = 1700000000 + s};
}

static struct name nm(const char *s)
{
    struct name n = {{0}};
    if (name_from(s, &n) != ST_OK)
        test_fail(__FILE__, __LINE__, "bad name %s", s);
    return n;
}

static void put_a(struct cache *c, const char *name, uint16_t rclass, uint8_t last, uint32_t ttl)
{
    uint8_t rd[] = {0, 4, 192, 0, 2, last};
    struct name n = nm(name);
    cache_put(c, &(struct rrset){n.w, RR_A, rclass, ttl, 1, sizeof rd, rd}, RANK_ANSWER, NULL,
              at(500, 0));
}

static enum cache_kind get(struct cache *c, const char *name, uint16_t type, uint16_t rclass,
                           struct now now, struct cache_entry *e)
{
    struct name n = nm(name);
    if (arena.chunk_size == 0)
        arena_init(&arena, 4096, 0);
    arena_reset(&arena);
    return cache_get_more(c, n.w, type, rclass, now, &arena, e);
}

static const uint8_t soa_rd[] = {0, 22, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2,
                                 0, 0,  0, 3, 0, 0, 0, 4, 0, 0, 0, 5};

/* One of each kind. */
static void fill(struct cache *c)
{
    struct name org = nm("example.org."), sec = nm("signed.example.org."),
                nx = nm("nx.example.org.");
    put_a(c, "www.example.org.", CLASS_IN, 1, 100);
    put_a(c, "short.example.org.", CLASS_IN, 2, 10);
    put_a(c, "ns.example.org.", CACHE_CLASS_CUT, 3, 100);
    put_a(c, "gone.example.com.", CLASS_IN, 4, 100);
    uint8_t rd[] = {0, 4, 192, 0, 2, 9}, sig[2 + 18 + 1 + 8] = {0, 27, 0, RR_A, 13, 3};
    struct rrset rrsig = {sec.w, RR_RRSIG, CLASS_IN, 100, 1, sizeof sig, sig};
    struct cache_with w = {.trust = CACHE_SECURE, .more = &rrsig, .more_count = 1};
    cache_put(c, &(struct rrset){sec.w, RR_A, CLASS_IN, 100, 1, sizeof rd, rd}, RANK_ANSWER, &w,
              at(500, 0));
    struct rrset soa = {org.w, RR_SOA, CLASS_IN, 100, 1, sizeof soa_rd, soa_rd};
    cache_put_negative(c, CACHE_NXDOMAIN, nx.w, RR_A, CLASS_IN, 50, &soa, 0, NULL, at(500, 0));
    cache_put_negative(c, CACHE_NODATA, org.w, RR_MX, CLASS_IN, 50, NULL, 0, NULL, at(500, 0));
    cache_put_negative(c, CACHE_FAILURE, org.w, RR_TXT, CLASS_IN, 50, NULL, 7, NULL, at(500, 0));
}

static struct bytes save(struct cache *c, struct now now)
{
    struct writer w = wr_of(file, sizeof file);
    struct snapshot_walk walk = {.epoch = cache_epoch(c)};
    snapshot_begin(&(struct snapshot_info){now.wall_s, rules}, &w);
    while (snapshot_some(c, &walk, now, &w))
        ;
    snapshot_end(&walk, &w);
    CHECK(wr_ok(&w));
    return wr_done(&w);
}

TEST(snapshot_brings_back_what_was_there)
{
    struct cache *c = cache_new(1 << 20, 2, &env), *d = cache_new(4 << 20, 0, &env);
    struct snapshot_load l = {.trusted = true, .epoch = cache_epoch(d)};
    struct cache_entry e;
    fill(c);
    struct bytes b = save(c, at(500, 5));
    /* Booted anew, ten seconds later. */
    struct now later = at(0, 15);
    CHECK_EQ(snapshot_put_all(&l, d, b, later), ST_OK);
    CHECK_EQ(l.loaded, 6);
    CHECK_EQ(l.dropped, 1);
    CHECK_EQ(cache_stats(d).entries, 6);
    REQUIRE(get(d, "www.example.org.", RR_A, CLASS_IN, later, &e) == CACHE_RRSET);
    CHECK_EQ(e.ttl_s, 85);
    CHECK_EQ(e.set.rdata[5], 1);
    CHECK_EQ(get(d, "short.example.org.", RR_A, CLASS_IN, later, &e), CACHE_NONE);
    CHECK_EQ(get(d, "ns.example.org.", RR_A, CLASS_IN, later, &e), CACHE_NONE);
    CHECK_EQ(get(d, "ns.example.org.", RR_A, CACHE_CLASS_CUT, later, &e), CACHE_RRSET);
    REQUIRE(get(d, "nx.example.org.", RR_AAAA, CLASS_IN, later, &e) == CACHE_NXDOMAIN);
    CHECK_EQ(e.soa.count, 1);
    CHECK_EQ(e.ttl_s, 35);
    CHECK_EQ(get(d, "example.org.", RR_MX, CLASS_IN, later, &e), CACHE_NODATA);
    CHECK_EQ(get(d, "example.org.", RR_TXT, CLASS_IN, later, &e), CACHE_NONE);
    REQUIRE(get(d, "signed.example.org.", RR_A, CLASS_IN, later, &e) == CACHE_RRSET);
    CHECK_EQ(e.trust, CACHE_SECURE);
    CHECK_EQ(e.more_count, 1);
    CHECK_EQ(e.more[0].type, RR_RRSIG);
    CHECK_EQ(get(d, "signed.example.org.", RR_A, CLASS_IN, at(0, 100), &e), CACHE_NONE);
    cache_free(c);
    cache_free(d);
    arena_free(&arena);
    arena.chunk_size = 0;
}

TEST(snapshot_gives_way_to_what_is_known)
{
    struct cache *c = cache_new(1 << 20, 1, &env), *d = cache_new(1 << 20, 1, &env);
    struct snapshot_load l = {.trusted = false};
    struct snapshot_flush f[2] = {{.name = nm("www.EXAMPLE.org."), .type = RR_A},
                                  {.name = nm("example.com."), .below = true}};
    struct cache_entry e;
    struct name nx = nm("ns.example.org.");
    fill(c);
    put_a(c, "other.example.org.", CLASS_IN, 6, 100);
    put_a(d, "other.example.org.", CLASS_IN, 7, 50);
    cache_put_negative(d, CACHE_NXDOMAIN, nx.w, RR_A, CACHE_CLASS_CUT, 50, NULL, 0, NULL,
                       at(500, 0));
    l.flush = f;
    l.flushes = 2;
    struct bytes b = save(c, at(500, 5));
    CHECK_EQ(snapshot_put_all(&l, d, b, at(500, 6)), ST_OK);
    REQUIRE(get(d, "other.example.org.", RR_A, CLASS_IN, at(500, 6), &e) == CACHE_RRSET);
    CHECK_EQ(e.set.rdata[5], 7);
    CHECK_EQ(e.ttl_s, 44);
    CHECK_EQ(get(d, "ns.example.org.", RR_A, CACHE_CLASS_CUT, at(500, 6), &e), CACHE_NXDOMAIN);
    CHECK_EQ(get(d, "www.example.org.", RR_A, CLASS_IN, at(500, 6), &e), CACHE_NONE);
    CHECK_EQ(get(d, "gone.example.com.", RR_A, CLASS_IN, at(500, 6), &e), CACHE_NONE);
    REQUIRE(get(d, "signed.example.org.", RR_A, CLASS_IN, at(500, 6), &e) == CACHE_RRSET);
    CHECK_EQ(e.trust, CACHE_UNCHECKED); /* other rules */
    cache_free(c);
    cache_free(d);
    /* The clock was set back: it is from the future. */
    d = cache_new(1 << 20, 1, &env);
    CHECK_EQ(snapshot_put_all(&l, d, b, (struct now){1000000, 1700000004}), ST_OK);
    CHECK_EQ(cache_stats(d).entries, 0);
    cache_free(d);
    arena_free(&arena);
    arena.chunk_size = 0;
}

/* Many blocks; and a damaged byte anywhere is seen. */
TEST(snapshot_of_many)
{
    struct cache *c = cache_new(8 << 20, 0, &env), *d = cache_new(8 << 20, 0, &env);
    struct snapshot_load l = {.trusted = true};
    char t[64];
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(t, sizeof t, "host%u.example.", i);
        put_a(c, t, CLASS_IN, (uint8_t)i, 100);
    }
    struct bytes b = save(c, at(500, 1));
    CHECK_EQ(snapshot_put_all(&l, d, b, at(0, 2)), ST_OK);
    CHECK_EQ(cache_stats(d).entries, 20000);
    CHECK(b.n > 5 * SNAPSHOT_BLOCK);
    struct prng r = {3};
    for (unsigned i = 0; i < 200; i++) {
        size_t p = prng_below(&r, b.n);
        uint8_t bit = (uint8_t)(1 << i % 8);
        file[p] ^= bit;
        cache_flush_all(d);
        CHECK(snapshot_put_all(&l, d, b, at(0, 2)) != ST_OK);
        file[p] ^= bit;
    }
    for (unsigned i = 0; i < 50; i++) {
        size_t n = prng_below(&r, b.n);
        CHECK(snapshot_put_all(&l, d, bytes_of(file, n), at(0, 2)) != ST_OK || n < b.n);
        CHECK(cache_stats(d).entries <= 20000);
    }
    cache_free(c);
    cache_free(d);
}

/* Entries with right checks and wrong content: each field by itself. */
TEST(snapshot_refuses_what_it_never_wrote)
{
    struct cache *c = cache_new(1 << 20, 1, &env);
    put_a(c, "a.", CLASS_IN, 1, 100);
    struct bytes b = save(c, at(500, 1));
    size_t first = SNAPSHOT_MAGIC + SNAPSHOT_BLOCK_HEAD + 24 + SNAPSHOT_BLOCK_HEAD;
    REQUIRE(b.n > first + 24);
    uint8_t *e = file + first;
    const struct {
        unsigned at;
        uint8_t v;
    } bad[] = {
        {0, 0x15}, {0, 0x45}, {0, 0x10}, {0, 0x17}, /* kind and rank */
        {1, 0x30},                                  /* trust */
        {2, 2},    {2, 4},    {2, 0},               /* name's length */
        {3, 1},                                     /* an SOA's owner */
        {5, 0},    {5, 28},                         /* type: 0, and one of 16 bytes */
        {7, 3},                                     /* class */
        {9, 0},    {9, 2},                          /* count */
        {19, 7},   {19, 0},   {16, 255},            /* RDATA's size */
        {23, 1},   {20, 255},                       /* of what goes with it */
        {24, 64},  {24, 0},   {28, 5},              /* the name, the RDATA's length */
    };
    struct snapshot_load l = {.trusted = true, .info = {.saved_wall_s = 1}};
    size_t n = b.n - first - SNAPSHOT_BLOCK_HEAD - 8;
    CHECK_EQ(snapshot_put(&l, c, bytes_of(e, n), at(0, 2)), ST_OK);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t was = e[bad[i].at];
        e[bad[i].at] = bad[i].v;
        if (bad[i].at == 0 && bad[i].v == 0x15)
            CHECK_EQ(snapshot_put(&l, c, bytes_of(e, n), at(0, 2)), ST_OK); /* this one is fine */
        else if (snapshot_put(&l, c, bytes_of(e, n), at(0, 2)) == ST_OK)
            test_fail(__FILE__, __LINE__, "byte %u = %u was taken", bad[i].at, bad[i].v);
        e[bad[i].at] = was;
    }
    cache_free(c);
}

/* --- everything at once --- */

struct crowd {
    struct cache *c;
    atomic_bool over;
    atomic_ullong clock_s;
};

/* Sets of 4 bytes to many thousands, all bytes the same, and answers checked for that. */
static void *crowd_worker(void *arg)
{
    enum { BIGGEST = 9000, STEPS = 40000 };
    struct crowd *w = arg;
    struct prng r = {(uintptr_t)&r};
    struct arena a;
    static _Thread_local uint8_t rd[BIGGEST + 2];
    arena_init(&a, 4096, 0);
    for (int i = 0; i < STEPS; i++) {
        char text[40];
        struct name n;
        struct cache_entry e;
        struct now now = at(500, atomic_fetch_add(&w->clock_s, i % 64 == 0));
        snprintf(text, sizeof text, "n%u.z%u.example.", (unsigned)prng_below(&r, 3000),
                 (unsigned)prng_below(&r, 5));
        arena_reset(&a);
        if (name_from(text, &n) != ST_OK)
            continue;
        if (prng_below(&r, 3) == 0) {
            size_t size = prng_below(&r, 20) == 0 ? prng_below(&r, BIGGEST) : prng_below(&r, 200);
            memset(rd, i & 0xff, size + 2);
            put_be16(rd, (uint16_t)size);
            cache_put(
                w->c,
                &(struct rrset){n.w, RR_NULL, CLASS_IN, 1 + i % 500, 1, (uint32_t)size + 2, rd},
                RANK_ANSWER, &(struct cache_with){.epoch = cache_epoch(w->c)}, now);
        } else if (prng_below(&r, 16) == 0) {
            cache_put_negative(w->c, CACHE_NXDOMAIN, n.w, RR_A, CLASS_IN, 20, NULL, 0, NULL, now);
        } else if (cache_get_stale(w->c, n.w, RR_NULL, CLASS_IN, now, 100, 30, &a, &e) ==
                   CACHE_RRSET) {
            for (uint32_t k = 2; k < e.set.rdata_size; k++)
                if (e.set.rdata[k] != e.set.rdata[2])
                    abort();
        }
    }
    arena_free(&a);
    return NULL;
}

static void *crowd_flusher(void *arg)
{
    struct crowd *w = arg;
    for (unsigned i = 0; !atomic_load(&w->over); i++) {
        char text[40];
        struct name n;
        snprintf(text, sizeof text, "z%u.example.", i % 5);
        if (name_from(text, &n) != ST_OK)
            break;
        usleep(300);
        if (i % 256 == 255)
            cache_flush_all(w->c);
        else if (i % 16 == 8)
            cache_distrust(w->c);
        else if (i % 2 == 0)
            (void)cache_flush_below(w->c, n.w);
        else
            (void)cache_flush_name(w->c, n.w, 0);
    }
    return NULL;
}

/* Lookups, insertions that push others out, flushes, new rules, a save and a load. */
TEST(all_at_once)
{
    struct crowd w = {.c = cache_new(512 << 10, 4, &env)};
    pthread_t t[4];
    REQUIRE(w.c != NULL);
    for (int i = 0; i < 3; i++)
        REQUIRE(pthread_create(&t[i], NULL, crowd_worker, &w) == 0);
    REQUIRE(pthread_create(&t[3], NULL, crowd_flusher, &w) == 0);
    for (int i = 0; i < 40; i++) {
        struct now now = at(500, atomic_load(&w.clock_s));
        struct bytes b = save(w.c, now);
        struct snapshot_load l = {.epoch = cache_epoch(w.c)};
        CHECK_EQ(snapshot_put_all(&l, w.c, b, now), ST_OK);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    atomic_store(&w.over, true);
    pthread_join(t[3], NULL);
    struct cache_stats st = cache_stats(w.c);
    CHECK(st.bytes <= 512 << 10 && st.evictions > 0 && st.negative <= st.entries);
    cache_flush_all(w.c);
    st = cache_stats(w.c);
    CHECK_EQ(st.entries, 0);
    CHECK_EQ(st.negative, 0);
    cache_free(w.c);
}
