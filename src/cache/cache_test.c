#include "base/test.h"
#include "cache/cache.h"
#include "dns/rr_type.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

static struct prng rng = {7};
static const struct env env = {&rng, seeded};

static struct now at(uint64_t s)
{
    return (struct now){.mono_us = 1000000 * (100 + s), .wall_s = 1700000000 + s};
}

static struct name nm(const char *s)
{
    struct name n = {{0}};
    if (name_from(s, &n) != ST_OK)
        test_fail(__FILE__, __LINE__, "bad name %s", s);
    return n;
}

static void put_a(struct cache *c, const struct name *n, uint8_t last, uint32_t ttl,
                  enum cache_rank rank, struct now now)
{
    uint8_t rd[] = {0, 4, 192, 0, 2, last};
    cache_put(c, &(struct rrset){n->w, RR_A, CLASS_IN, ttl, 1, sizeof rd, rd}, rank, NULL, now);
}

static int get_a(struct cache *c, const struct name *n, struct now now, struct cache_entry *e)
{
    static struct arena a;
    if (a.chunk_size == 0)
        arena_init(&a, 4096, 0);
    arena_reset(&a);
    return cache_get(c, n->w, RR_A, CLASS_IN, now, &a, e) == CACHE_RRSET ? e->set.rdata[5] : -1;
}

TEST(entries_expire_by_either_clock)
{
    struct cache *c = cache_new(1 << 20, 2, &env);
    struct name n = nm("www.example.org."), upper = nm("WWW.Example.ORG.");
    struct cache_entry e;
    put_a(c, &n, 1, 60, RANK_ANSWER, at(0));
    CHECK_EQ(get_a(c, &upper, at(10), &e), 1);
    CHECK_EQ(e.ttl_s, 50);
    CHECK_EQ(e.set.ttl, 50);
    CHECK_EQ(get_a(c, &n, at(60), &e), -1);
    struct now jumped = {.mono_us = at(5).mono_us, .wall_s = at(100).wall_s};
    CHECK_EQ(get_a(c, &n, jumped, &e), -1);
    struct now stuck = {.mono_us = at(100).mono_us, .wall_s = at(0).wall_s};
    CHECK_EQ(get_a(c, &n, stuck, &e), -1);
    put_a(c, &n, 1, 0, RANK_ANSWER, at(0));
    put_a(c, &upper, 2, 60, RANK_ANSWER, at(0));
    CHECK_EQ(get_a(c, &n, at(1), &e), 2);
    cache_free(c);
}

/* RFC 8767: what has run out is found by who asks for it, for a while, by either clock. */
TEST(stale_entries)
{
    struct cache *c = cache_new(1 << 20, 1, &env);
    struct name n = nm("www.example.org.");
    struct cache_entry e;
    struct arena a;
    arena_init(&a, 4096, 0);
    put_a(c, &n, 1, 60, RANK_ANSWER, at(0));
    CHECK_EQ(cache_get_stale(c, n.w, RR_A, CLASS_IN, at(20), 100, 30, &a, &e), CACHE_RRSET);
    CHECK_EQ(e.ttl_s, 40);
    CHECK_EQ(e.stale_s, 0);
    CHECK_EQ(get_a(c, &n, at(60), &e), -1);
    CHECK_EQ(cache_get_stale(c, n.w, RR_A, CLASS_IN, at(60), 100, 30, &a, &e), CACHE_RRSET);
    CHECK_EQ(e.ttl_s, 30);
    CHECK_EQ(e.set.ttl, 30);
    CHECK(e.stale_s > 0);
    CHECK_EQ(cache_get_stale(c, n.w, RR_A, CLASS_IN, at(161), 100, 30, &a, &e), CACHE_NONE);
    struct now ahead = {.mono_us = at(70).mono_us, .wall_s = at(900000).wall_s};
    CHECK_EQ(cache_get_stale(c, n.w, RR_A, CLASS_IN, ahead, 100, 30, &a, &e), CACHE_NONE);
    struct now back = {.mono_us = at(70).mono_us, .wall_s = 5};
    CHECK_EQ(cache_get_stale(c, n.w, RR_A, CLASS_IN, back, 100, 30, &a, &e), CACHE_RRSET);
    CHECK(e.stale_s > 9);
    /* "No such name", learnt later, counts more, also when both have run out. */
    cache_put_negative(c, CACHE_NXDOMAIN, n.w, RR_A, CLASS_IN, 10, NULL, 0, NULL, at(70));
    CHECK_EQ(cache_get_stale(c, n.w, RR_A, CLASS_IN, at(75), 100, 30, &a, &e), CACHE_NXDOMAIN);
    CHECK_EQ(cache_get_stale(c, n.w, RR_A, CLASS_IN, at(90), 100, 30, &a, &e), CACHE_NXDOMAIN);
    /* A failure is never told as data. */
    struct name f = nm("failed.example.org.");
    cache_put_negative(c, CACHE_FAILURE, f.w, RR_A, CLASS_IN, 5, NULL, 0, NULL, at(0));
    CHECK_EQ(cache_get_stale(c, f.w, RR_A, CLASS_IN, at(1), 100, 30, &a, &e), CACHE_NONE);
    arena_free(&a);
    cache_free(c);
}

TEST(late_entries_are_claimed_once)
{
    struct cache *c = cache_new(1 << 20, 1, &env);
    struct name n = nm("www.example.org.");
    struct cache_entry e;
    put_a(c, &n, 1, 100, RANK_ANSWER, at(0));
    CHECK_EQ(get_a(c, &n, at(49), &e), 1);
    CHECK_EQ(e.asked, 0);
    CHECK_EQ(get_a(c, &n, at(50), &e), 1);
    CHECK_EQ(e.asked, 1);
    CHECK(!e.late);
    CHECK_EQ(get_a(c, &n, at(89), &e), 1);
    CHECK_EQ(e.asked, 2);
    CHECK(!e.late);
    CHECK_EQ(get_a(c, &n, at(90), &e), 1);
    CHECK(e.late);
    for (int i = 0; i < 400; i++)
        CHECK_EQ(get_a(c, &n, at(91), &e), 1);
    CHECK_EQ(e.asked, 255);
    CHECK(cache_claim(c, n.w, RR_A, CLASS_IN));
    CHECK(!cache_claim(c, n.w, RR_A, CLASS_IN));
    CHECK_EQ(get_a(c, &n, at(99), &e), 1);
    CHECK_EQ(e.asked, 0);
    CHECK(!e.late);
    put_a(c, &n, 2, 100, RANK_ANSWER, at(99));
    CHECK(cache_claim(c, n.w, RR_A, CLASS_IN));
    cache_free(c);
}

/* RFC 2181 section 5.4.1 */
TEST(lower_rank_never_replaces_higher)
{
    struct cache *c = cache_new(1 << 20, 1, &env);
    struct name n = nm("ns1.example.org.");
    struct cache_entry e;
    put_a(c, &n, 1, 60, RANK_ANSWER, at(0));
    put_a(c, &n, 2, 600, RANK_GLUE, at(1));
    CHECK_EQ(get_a(c, &n, at(2), &e), 1);
    put_a(c, &n, 3, 600, RANK_ANSWER, at(3));
    CHECK_EQ(get_a(c, &n, at(4), &e), 3);
    put_a(c, &n, 4, 60, RANK_GLUE, at(700));
    CHECK_EQ(get_a(c, &n, at(701), &e), 4);
    CHECK_EQ(e.rank, RANK_GLUE);
    cache_free(c);
}

/* RFC 2308 section 5: NXDOMAIN for every type, NODATA for one. */
TEST(negative_entries)
{
    struct cache *c = cache_new(1 << 20, 1, &env);
    struct arena a;
    arena_init(&a, 4096, 0);
    struct name n = nm("nx.example.org."), o = nm("example.org.");
    uint8_t rd[] = {0, 22, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5};
    struct rrset soa = {o.w, RR_SOA, CLASS_IN, 5, 1, sizeof rd, rd};
    struct cache_entry e;
    cache_put_negative(c, CACHE_NXDOMAIN, n.w, RR_A, CLASS_IN, 30, &soa, 0, NULL, at(0));
    CHECK_EQ(cache_get(c, n.w, RR_MX, CLASS_IN, at(1), &a, &e), CACHE_NXDOMAIN);
    CHECK_EQ(e.soa.count, 1);
    CHECK_EQ(e.soa.ttl, 29);
    CHECK(name_equal(e.soa.owner, o.w));
    cache_put_negative(c, CACHE_NODATA, o.w, RR_MX, CLASS_IN, 30, &soa, 0, NULL, at(0));
    CHECK_EQ(cache_get(c, o.w, RR_MX, CLASS_IN, at(1), &a, &e), CACHE_NODATA);
    CHECK_EQ(cache_get(c, o.w, RR_A, CLASS_IN, at(1), &a, &e), CACHE_NONE);
    put_a(c, &n, 9, 60, RANK_ANSWER, at(2)); /* the name exists after all */
    CHECK_EQ(cache_get(c, n.w, RR_MX, CLASS_IN, at(3), &a, &e), CACHE_NONE);
    cache_put_negative(c, CACHE_FAILURE, n.w, RR_A, CLASS_IN, 5, NULL, 7, NULL, at(3));
    CHECK_EQ(get_a(c, &n, at(4), &e), 9); /* a failure hides no answer */
    cache_put_negative(c, CACHE_FAILURE, n.w, RR_TXT, CLASS_IN, 5, NULL, 7, NULL, at(3));
    CHECK_EQ(cache_get(c, n.w, RR_TXT, CLASS_IN, at(4), &a, &e), CACHE_FAILURE);
    CHECK_EQ(e.reason, 7);
    arena_free(&a);
    cache_free(c);
}

/* RFC 6895 section 3.1: type 0 is no data. Its place is that of NXDOMAIN, which stays whole. */
TEST(type_0_is_not_kept)
{
    struct cache *c = cache_new(1 << 20, 1, &env);
    struct arena a;
    struct name n = nm("nx.example.org.");
    struct cache_entry e;
    uint8_t rd[] = {0, 4, 192, 0, 2, 1};
    struct rrset set = {n.w, 0, CLASS_IN, 60, 1, sizeof rd, rd};
    arena_init(&a, 4096, 0);
    cache_put_negative(c, CACHE_NXDOMAIN, n.w, RR_A, CLASS_IN, 30, NULL, 0, NULL, at(0));
    cache_put(c, &set, RANK_ANSWER, NULL, at(1));
    CHECK_EQ(cache_get(c, n.w, RR_A, CLASS_IN, at(2), &a, &e), CACHE_NXDOMAIN);
    CHECK_EQ(cache_stats(c).entries, 1);
    arena_free(&a);
    cache_free(c);
}

/* A scan of names used once does not push out what is in use, and the budget holds. */
TEST(budget_holds_and_scans_do_no_harm)
{
    struct cache *c = cache_new(256 << 10, 1, &env);
    struct cache_entry e;
    char t[64];
    for (int i = 0; i < 50; i++) {
        snprintf(t, sizeof t, "hot%d.example.", i);
        struct name n = nm(t);
        put_a(c, &n, (uint8_t)i, 86400, RANK_ANSWER, at(0));
    }
    for (int i = 0; i < 20000; i++) {
        snprintf(t, sizeof t, "scan%d.example.", i);
        struct name n = nm(t);
        put_a(c, &n, 1, 86400, RANK_ANSWER, at(1));
        snprintf(t, sizeof t, "hot%d.example.", i % 50);
        n = nm(t);
        if (i < 19900)
            (void)get_a(c, &n, at(1 + i / 1000), &e);
        CHECK(i % 997 || cache_stats(c).bytes <= 256 << 10);
    }
    int kept = 0;
    for (int i = 0; i < 50; i++) {
        snprintf(t, sizeof t, "hot%d.example.", i);
        struct name n = nm(t);
        kept += get_a(c, &n, at(2), &e) == i;
    }
    CHECK_EQ(kept, 50);
    CHECK(cache_stats(c).evictions > 10000);
    cache_free(c);
}

TEST(flushes)
{
    struct cache *c = cache_new(1 << 20, 4, &env);
    struct name a = nm("a.example.org."), b = nm("b.example.org."), x = nm("example.com."),
                o = nm("Example.org.");
    struct cache_entry e;
    put_a(c, &a, 1, 60, RANK_ANSWER, at(0));
    put_a(c, &b, 2, 60, RANK_ANSWER, at(0));
    put_a(c, &x, 3, 60, RANK_ANSWER, at(0));
    CHECK_EQ(cache_flush_name(c, a.w, RR_MX), 0);
    CHECK_EQ(cache_flush_name(c, a.w, RR_A), 1);
    CHECK_EQ(get_a(c, &a, at(1), &e), -1);
    put_a(c, &a, 1, 60, RANK_ANSWER, at(0));
    CHECK_EQ(cache_flush_below(c, o.w), 2);
    CHECK_EQ(get_a(c, &x, at(1), &e), 3);
    cache_flush_all(c);
    CHECK_EQ(cache_stats(c).entries, 0);
    cache_free(c);
}

/* Random operations against a plain array that never forgets. */
TEST(agrees_with_a_plain_model)
{
    struct cache *c = cache_new(8 << 20, 4, &env);
    struct {
        uint8_t v;
        uint64_t dies;
        enum cache_rank rank;
    } model[64] = {{0}};
    struct prng r = {99};
    uint64_t t = 0;
    for (int i = 0; i < 50000; i++) {
        unsigned k = (unsigned)prng_below(&r, 64);
        char text[32];
        snprintf(text, sizeof text, "n%u.example.", k);
        struct name n = nm(text);
        t += prng_below(&r, 3);
        if (prng_below(&r, 2)) {
            uint32_t ttl = 1 + (uint32_t)prng_below(&r, 100);
            enum cache_rank rank = 1 + (enum cache_rank)prng_below(&r, 5);
            put_a(c, &n, (uint8_t)i, ttl, rank, at(t));
            if (model[k].dies <= t || model[k].rank <= rank) {
                model[k].v = (uint8_t)i;
                model[k].dies = t + ttl;
                model[k].rank = rank;
            }
        } else {
            struct cache_entry e;
            int got = get_a(c, &n, at(t), &e), want = model[k].dies > t ? model[k].v : -1;
            CHECK_EQ(got, want);
            CHECK(got < 0 || e.ttl_s == model[k].dies - t);
        }
    }
    cache_free(c);
}

static void *hammer(void *arg)
{
    struct cache *c = arg;
    struct prng r = {(uint64_t)(uintptr_t)&r};
    struct arena a;
    arena_init(&a, 4096, 0);
    for (int i = 0; i < 20000; i++) {
        char text[32];
        snprintf(text, sizeof text, "n%u.example.", (unsigned)prng_below(&r, 500));
        struct name n;
        struct cache_entry e;
        if (name_from(text, &n) != ST_OK)
            continue;
        arena_reset(&a);
        if (prng_below(&r, 4) == 0)
            put_a(c, &n, 1, 60, RANK_ANSWER, at(0));
        else if (cache_get(c, n.w, RR_A, CLASS_IN, at(1), &a, &e) == CACHE_RRSET &&
                 e.set.rdata[5] != 1)
            abort();
        if (i % 5000 == 0)
            cache_flush_below(c, n.w);
    }
    arena_free(&a);
    return NULL;
}

TEST(threads_share_it)
{
    struct cache *c = cache_new(64 << 10, 4, &env);
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_create(&t[i], NULL, hammer, c) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    CHECK(cache_stats(c).bytes <= 64 << 10);
    cache_free(c);
}

/* What was begun by older rules is stored as unchecked: neither its trust nor its failure is taken
 * for one of today (RFC 4035 sections 4.3 and 4.7). */
TEST(older_rules_give_no_trust)
{
    struct cache *c = cache_new(1 << 20, 1, &env);
    struct name n = nm("www.example.org.");
    struct cache_entry e;
    struct arena a;
    arena_init(&a, 4096, 0);
    uint8_t rd[] = {0, 4, 192, 0, 2, 1}, old = cache_epoch(c);
    struct rrset set = {n.w, RR_A, CLASS_IN, 60, 1, sizeof rd, rd};
    cache_distrust(c);
    struct cache_with with = {.trust = CACHE_SECURE, .epoch = old};
    cache_put(c, &set, RANK_ANSWER, &with, at(0));
    REQUIRE(get_a(c, &n, at(1), &e) == 1);
    CHECK_EQ(e.trust, CACHE_UNCHECKED);
    cache_put_negative(c, CACHE_FAILURE, n.w, RR_A, CACHE_CLASS_BAD, 60, NULL, 0, &with, at(1));
    CHECK_EQ(cache_get(c, n.w, RR_A, CACHE_CLASS_BAD, at(2), &a, &e), CACHE_NONE);
    with.epoch = cache_epoch(c);
    cache_put(c, &set, RANK_ANSWER, &with, at(2));
    REQUIRE(get_a(c, &n, at(3), &e) == 1);
    CHECK_EQ(e.trust, CACHE_SECURE);
    with.epoch = old;
    rd[5] = 2;
    cache_put(c, &set, RANK_LOCAL, &with, at(3));
    REQUIRE(get_a(c, &n, at(4), &e) == 1);
    CHECK_EQ(e.trust, CACHE_SECURE);
    cache_put_negative(c, CACHE_FAILURE, n.w, RR_A, CACHE_CLASS_BAD, 60, NULL, 0,
                       &(struct cache_with){.epoch = cache_epoch(c)}, at(3));
    CHECK_EQ(cache_get(c, n.w, RR_A, CACHE_CLASS_BAD, at(4), &a, &e), CACHE_FAILURE);
    arena_free(&a);
    cache_free(c);
}

/* --- Scans: popular names stay --- */

enum { NAMES = 20000, POPULAR = 2000, ASKED = 200000 };

static void put_numbered(struct cache *c, const char *kind, unsigned k, struct now now)
{
    char t[64];
    snprintf(t, sizeof t, "%s%u.example.", kind, k);
    struct name n = nm(t);
    put_a(c, &n, (uint8_t)k, 86400, RANK_ANSWER, now);
}

static bool has_numbered(struct cache *c, const char *kind, unsigned k, struct now now)
{
    struct cache_entry e;
    char t[64];
    snprintf(t, sizeof t, "%s%u.example.", kind, k);
    struct name n = nm(t);
    return get_a(c, &n, now, &e) >= 0;
}

/* Zipf with exponent 1: the k-th name is asked for with a probability of about 1 / k. */
static unsigned zipf(struct prng *r)
{
    double u = (double)(prng_next(r) >> 11) / 9007199254740992.0;
    double v = 1, step = 1.3627; /* e^(9.903 / 32), and e^9.903 = 20,000 */
    for (; u >= 1 / 32.0; u -= 1 / 32.0)
        v *= step;
    return (unsigned)(v * (1 + u * 32 * (step - 1))) % NAMES;
}

struct rates {
    unsigned popular, all; /* hits per 10,000 */
};

/* Names are asked for, while so many others are put in for each question; `read_back`: these are
 * looked up at once, as a resolver does with what it has just learnt. */
static struct rates hit_rate(size_t bytes, unsigned scan, bool read_back)
{
    struct cache *c = cache_new(bytes, 0, &env);
    struct prng r = {4711};
    unsigned hits[2] = {0}, asked[2] = {0}, scanned = 0;
    for (unsigned i = 0; i < 2 * ASKED; i++) {
        unsigned k = zipf(&r);
        struct now now = at(i / 1000); /* 1,000 questions a second */
        bool hit = has_numbered(c, "name", k, now);
        if (!hit)
            put_numbered(c, "name", k, now);
        if (i >= ASKED) { /* the first half fills it */
            hits[k < POPULAR] += hit;
            asked[k < POPULAR]++;
        }
        for (unsigned j = 0; j < scan && i >= ASKED / 2; j++) {
            put_numbered(c, "scan", ++scanned, now);
            if (read_back)
                (void)has_numbered(c, "scan", scanned, now);
        }
    }
    cache_free(c);
    return (struct rates){(unsigned)(hits[1] * 10000ull / MAX(asked[1], 1u)),
                          (unsigned)((hits[0] + hits[1]) * 10000ull / ASKED)};
}

/* What 2,000 of 20,000 names make 77 % of the questions stay, when five of six questions are for
 * names never asked before; and names that are asked for seldom lose little. */
TEST(popular_names_survive_a_scan)
{
    /* Room for all names twice, and for a third of them. */
    static const size_t bytes[] = {4 << 20, 640 << 10};
    for (unsigned i = 0; i < ARRAY_LEN(bytes); i++) {
        struct rates calm = hit_rate(bytes[i], 0, false);
        for (unsigned read_back = 0; read_back < 2; read_back++) {
            struct rates scan = hit_rate(bytes[i], 5, read_back);
            printf("# %zu KiB: popular %.1f %%, all %.1f %%; in a scan %.1f %%, %.1f %%\n",
                   bytes[i] >> 10, calm.popular / 100.0, calm.all / 100.0, scan.popular / 100.0,
                   scan.all / 100.0);
            CHECK(scan.popular + 200 >= calm.popular);
            CHECK(scan.all + 800 >= calm.all);
        }
    }
}

/* --- Sets of all sizes, thrown out, replaced and flushed: what is found is what was put in last
 * --- */

/* A set of `count` TXT records whose bytes tell the name and the version. */
static size_t sized_rdata(uint8_t *rd, unsigned k, unsigned version, unsigned size)
{
    put_be16(rd, (uint16_t)(size + 1));
    rd[2] = (uint8_t)size;
    for (unsigned i = 0; i < size; i++)
        rd[3 + i] = (uint8_t)(k * 7 + version * 13 + i);
    return size + 3;
}

TEST(sets_of_all_sizes)
{
    enum { KEYS = 3000, STEPS = 60000 };
    struct cache *c = cache_new(192 << 10, 1, &env);
    static unsigned version[KEYS];
    struct prng r = {5};
    struct arena a;
    unsigned found = 0;
    arena_init(&a, 4096, 0);
    for (unsigned i = 1; i < STEPS; i++) {
        unsigned k = (unsigned)(prng_below(&r, KEYS) * prng_below(&r, KEYS) / KEYS), n = 0;
        char t[64];
        uint8_t rd[300];
        snprintf(t, sizeof t, "n%u.z%u.example.", k, k % 5);
        struct name name = nm(t);
        struct cache_entry e;
        unsigned what = (unsigned)prng_below(&r, 1000);
        arena_reset(&a);
        if (what < 400) {
            version[k] = i;
            n = (unsigned)sized_rdata(rd, k, i, (unsigned)prng_below(&r, 256));
            cache_put(c, &(struct rrset){name.w, RR_TXT, CLASS_IN, 50, 1, n, rd}, RANK_ANSWER, NULL,
                      at(i / 100));
        } else if (what < 990) {
            if (cache_get(c, name.w, RR_TXT, CLASS_IN, at(i / 100), &a, &e) != CACHE_RRSET)
                continue;
            found++;
            REQUIRE(version[k] != 0);
            n = (unsigned)sized_rdata(rd, k, version[k], e.set.rdata[2]);
            REQUIRE(e.set.rdata_size == n && memcmp(e.set.rdata, rd, n) == 0);
        } else if (what < 995) {
            cache_flush_name(c, name.w, 0);
            version[k] = 0;
        } else if (what < 998) {
            cache_drop(c, name.w, RR_TXT, CLASS_IN);
            version[k] = 0;
        } else {
            uint64_t before = cache_stats(c).entries,
                     gone = cache_flush_below(c, name_parent(name.w));
            CHECK_EQ(cache_stats(c).entries, before - gone);
            for (unsigned j = k % 5; j < KEYS; j += 5)
                version[j] = 0;
        }
        struct cache_stats st = cache_stats(c);
        CHECK(st.bytes <= st.max_bytes && st.max_bytes <= 192 << 10);
    }
    CHECK(found > STEPS / 10);
    CHECK(cache_stats(c).evictions > 1000);
    cache_flush_all(c);
    CHECK_EQ(cache_stats(c).entries, 0);
    arena_free(&a);
    cache_free(c);
}

/* Looking ahead changes nothing, whatever is there. */
TEST(looking_ahead)
{
    struct cache *c = cache_new(16 << 20, 0, &env);
    struct cache_ahead look[8];
    struct cache_entry e;
    struct name n = nm("name7.example.");
    CHECK(!cache_is_large(c));
    for (unsigned i = 0; i < 120000; i++)
        put_numbered(c, "name", i, at(0));
    CHECK(cache_is_large(c));
    struct cache_stats before = cache_stats(c);
    for (uint16_t i = 0; i < ARRAY_LEN(look); i++)
        cache_ahead_begin(c, n.w, i, &look[i]);
    for (uint16_t i = 0; i < ARRAY_LEN(look); i++)
        cache_ahead_entry(c, &look[i]);
    CHECK_EQ(cache_stats(c).hits, before.hits);
    CHECK_EQ(cache_stats(c).misses, before.misses);
    CHECK_EQ(get_a(c, &n, at(1), &e), 7);
    cache_free(c);
}

/* Refreshing what is there takes no more and more room. */
TEST(refreshing_takes_no_room)
{
    struct cache *c = cache_new(8 << 20, 1, &env);
    uint8_t rd[300];
    for (unsigned i = 0; i < 200000; i++) {
        char t[64];
        snprintf(t, sizeof t, "n%u.example.", i % 5000);
        struct name name = nm(t);
        unsigned n = (unsigned)sized_rdata(rd, i % 5000, i, i * 31 % 250);
        cache_put(c, &(struct rrset){name.w, RR_TXT, CLASS_IN, 3600, 1, n, rd}, RANK_ANSWER, NULL,
                  at(0));
    }
    struct cache_stats st = cache_stats(c);
    CHECK_EQ(st.entries, 5000);
    CHECK(st.bytes < 5000 * 200 * 3);
    CHECK_EQ(st.evictions, 0);
    printf("# %zu bytes for 5,000 sets of 150 on average\n", (size_t)st.bytes);
    cache_free(c);
}
