/* What the aggressive cache refuses, how it forgets, and that threads may share it. What it proves
 * is tested against whole zones in denial_zone_test.c. */
#include "base/test.h"
#include "cache/denial_testlib.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

static struct prng rng = {7};
static const struct env env = {&rng, seeded};
static const uint16_t plain[] = {RR_A, RR_RRSIG, RR_NSEC, 0}, none[] = {RR_RRSIG, RR_NSEC, 0},
                      apex[] = {RR_NS, RR_SOA, RR_RRSIG, RR_NSEC, 0},
                      cut[] = {RR_NS, RR_RRSIG, RR_NSEC, 0},
                      dname[] = {RR_DNAME, RR_RRSIG, RR_NSEC, 0},
                      nxname[] = {RR_RRSIG, RR_NSEC, RR_NXNAME, 0}, made_up[] = {RR_A, 0},
                      no_nsec[] = {RR_A, RR_RRSIG, 0}, no_rrsig[] = {RR_A, RR_NSEC, 0},
                      cut3[] = {RR_NS, 0}, data3[] = {RR_A, RR_RRSIG, 0};
static const struct made_how rightly;

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

/* A cache, what a worker has beside it, and the last answer. */
struct bench {
    struct denial_cache *d;
    struct nsec3_hasher *hasher;
    struct arena arena;
    struct denial_found f;
};

static void begin(struct bench *b, size_t max)
{
    *b = (struct bench){.d = denial_new(max, &env), .hasher = nsec3_hasher_new()};
    arena_init(&b->arena, 8192, 0);
}

static void end(struct bench *b)
{
    denial_free(b->d);
    nsec3_hasher_free(b->hasher);
    arena_free(&b->arena);
}

static void put_soa(struct bench *b, const char *zone, uint32_t ttl, struct now now)
{
    struct made m;
    struct name z = nm(zone);
    made_soa(&m, z.w, 3600, &rightly);
    denial_put_soa(b->d, z.w, &m.set, &m.sigs, ttl, now);
}

static void put_how(struct bench *b, const char *zone, const char *owner, const char *next,
                    const uint16_t *types, uint32_t ttl, struct now now, const struct made_how *h)
{
    struct made m;
    struct name z = nm(zone), o = nm(owner), n = nm(next);
    made_nsec(&m, z.w, o.w, n.w, types, h);
    denial_put(b->d, z.w, &m.set, &m.sigs, ttl, now);
}

static void put(struct bench *b, const char *zone, const char *owner, const char *next,
                const uint16_t *types, uint32_t ttl, struct now now)
{
    put_how(b, zone, owner, next, types, ttl, now, &rightly);
}

/* The record of one name, which covers no other (RFC 9824). */
static void put_single(struct bench *b, const char *zone, int i, const uint16_t *types,
                       struct now now)
{
    char o[64], n[64];
    snprintf(o, sizeof o, "x%d.%s", i, zone);
    snprintf(n, sizeof n, "\\000.%s", o);
    put(b, zone, o, n, types, 10000, now);
}

static enum denial_kind find_in(struct bench *b, const char *zone, const char *name, uint16_t type,
                                struct now now)
{
    struct name n = nm(name), z = {{0}};
    if (zone != NULL)
        z = nm(zone);
    arena_reset(&b->arena);
    return denial_find(b->d, zone != NULL ? z.w : NULL, n.w, type, b->hasher, NULL, now, &b->arena,
                       &b->f);
}

static enum denial_kind find(struct bench *b, const char *name, uint16_t type, struct now now)
{
    return find_in(b, NULL, name, type, now);
}

static uint64_t records(const struct bench *b)
{
    return denial_stats(b->d).records;
}

/* --- Answers --- */

/* RFC 8198 section 5.4: the least TTL of all; either clock ends a record. */
TEST(denial_expires_by_either_clock)
{
    struct bench b;
    begin(&b, 1 << 20);
    put(&b, "example.", "example.", "b.example.", apex, 100, at(0));
    put(&b, "example.", "b.example.", "example.", plain, 60, at(10));
    CHECK_EQ(find(&b, "c.example.", RR_A, at(11)), DENIAL_NONE); /* no SOA yet */
    put_soa(&b, "example.", 50, at(10));
    CHECK_EQ(find(&b, "C.Example.", RR_A, at(20)), DENIAL_NXDOMAIN);
    CHECK_EQ(b.f.ttl_s, 40);
    CHECK_EQ(b.f.soa.set.ttl, 40);
    CHECK_EQ(b.f.soa.sigs.ttl, 40);
    REQUIRE(b.f.proofs == 2);
    CHECK_EQ(b.f.proof[0].set.ttl, 50);
    CHECK_EQ(b.f.proof[1].set.ttl, 80);
    CHECK(name_equal(b.f.proof[0].set.owner, nm("b.example.").w));
    CHECK_EQ(find(&b, "c.example.", RR_A, at(60)), DENIAL_NONE); /* the SOA is gone */
    put_soa(&b, "example.", 500, at(60));
    CHECK_EQ(find(&b, "c.example.", RR_A, at(69)), DENIAL_NXDOMAIN);
    CHECK_EQ(b.f.ttl_s, 1);
    struct now jumped = {.mono_us = at(69).mono_us, .wall_s = at(200).wall_s},
               stuck = {.mono_us = at(200).mono_us, .wall_s = at(0).wall_s};
    CHECK_EQ(find(&b, "c.example.", RR_A, jumped), DENIAL_NONE);
    CHECK_EQ(find(&b, "c.example.", RR_A, stuck), DENIAL_NONE);
    CHECK_EQ(find(&b, "c.example.", RR_A, at(70)), DENIAL_NONE);
    CHECK_EQ(find(&b, "example.", RR_MX, at(70)), DENIAL_NODATA);
    /* The SOA's MINIMUM is an upper bound (RFC 2308 section 5). */
    put_soa(&b, "example.", 9000, at(70));
    put(&b, "example.", "example.", "b.example.", apex, 9000, at(70));
    CHECK_EQ(find(&b, "example.", RR_MX, at(70)), DENIAL_NODATA);
    CHECK_EQ(b.f.ttl_s, 3600);
    end(&b);
}

/* RFC 6840 section 4.1, RFC 4035 section 3.1.4.1 */
TEST(denial_keeps_to_its_side_of_a_cut)
{
    struct bench b;
    begin(&b, 1 << 20);
    put_soa(&b, "example.", 100, at(0));
    put(&b, "example.", "example.", "d.example.", apex, 100, at(0));
    put(&b, "example.", "d.example.", "sub.example.", dname, 100, at(0));
    put(&b, "example.", "sub.example.", "x.example.", cut, 100, at(0));
    CHECK_EQ(find(&b, "a.sub.example.", RR_A, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "sub.example.", RR_A, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "sub.example.", RR_DS, at(1)), DENIAL_NODATA);
    CHECK_EQ(find(&b, "a.d.example.", RR_A, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "d.example.", RR_A, at(1)), DENIAL_NODATA);
    CHECK_EQ(find(&b, "e.example.", RR_A, at(1)), DENIAL_NXDOMAIN);
    CHECK_EQ(find(&b, "example.", RR_DS, at(1)), DENIAL_NONE);
    CHECK_EQ(find_in(&b, "example.", "example.", RR_DS, at(1)), DENIAL_NONE);
    put(&b, "example.", "example.", "d.example.", plain, 100, at(0)); /* which lies: no SOA */
    CHECK_EQ(find_in(&b, "example.", "example.", RR_DS, at(1)), DENIAL_NONE);
    put(&b, "example.", "example.", "d.example.", apex, 100, at(0));
    CHECK_EQ(find(&b, "test.", RR_A, at(1)), DENIAL_NONE);
    CHECK_EQ(find_in(&b, "example.", "test.", RR_A, at(1)), DENIAL_NONE);
    /* The child's own records speak for the rest, and for no DS of its apex. */
    put_soa(&b, "sub.example.", 100, at(0));
    put(&b, "sub.example.", "sub.example.", "sub.example.", apex, 100, at(0));
    CHECK_EQ(find(&b, "a.sub.example.", RR_A, at(1)), DENIAL_NXDOMAIN);
    CHECK(name_equal(b.f.zone.w, nm("sub.example.").w));
    CHECK_EQ(find(&b, "sub.example.", RR_MX, at(1)), DENIAL_NODATA);
    CHECK_EQ(find(&b, "sub.example.", RR_DS, at(1)), DENIAL_NODATA);
    CHECK(name_equal(b.f.zone.w, nm("example.").w));
    CHECK_EQ(find_in(&b, "example.", "a.sub.example.", RR_A, at(1)), DENIAL_NONE);
    /* The root has no parent. */
    put_soa(&b, ".", 100, at(0));
    put(&b, ".", ".", "example.", apex, 100, at(0));
    CHECK_EQ(find(&b, ".", RR_DS, at(1)), DENIAL_NODATA);
    CHECK_EQ(find(&b, "arpa.", RR_A, at(1)), DENIAL_NXDOMAIN);
    CHECK_EQ(find(&b, "example.", RR_DS, at(1)), DENIAL_NONE);
    end(&b);
}

/* RFC 9824 section 3.1, and types that are in no bitmap (RFC 6895 section 3.1). */
TEST(denial_compact_and_odd_types)
{
    struct bench b;
    begin(&b, 1 << 20);
    put_soa(&b, "example.", 100, at(0));
    put(&b, "example.", "no.example.", "\\000.no.example.", nxname, 100, at(0));
    put(&b, "example.", "yes.example.", "\\000.yes.example.", plain, 100, at(0));
    CHECK_EQ(find(&b, "no.example.", RR_A, at(1)), DENIAL_NXDOMAIN);
    CHECK_EQ(b.f.proofs, 1);
    CHECK_EQ(find(&b, "a.no.example.", RR_A, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "yes.example.", RR_A, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "yes.example.", RR_MX, at(1)), DENIAL_NODATA);
    CHECK_EQ(find(&b, "yes.example.", 65280, at(1)), DENIAL_NODATA);
    CHECK_EQ(find(&b, "yes.example.", RR_ANY, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "yes.example.", RR_NXNAME, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "yes.example.", 200, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "yes.example.", RR_OPT, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "yes.example.", 0, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "no.example.", RR_ANY, at(1)), DENIAL_NXDOMAIN);
    end(&b);
}

/* RFC 8198 section 5.3: the wildcard that an answer may be made of. */
TEST(denial_wildcards)
{
    struct bench b;
    begin(&b, 1 << 20);
    put_soa(&b, "example.", 100, at(0));
    put(&b, "example.", "m.example.", "q.example.", plain, 90, at(0));
    /* Nothing is known of the wildcard. */
    CHECK_EQ(find(&b, "a.n.example.", RR_A, at(1)), DENIAL_WILDCARD);
    CHECK(name_equal(b.f.wildcard.w, nm("*.example.").w));
    CHECK_EQ(b.f.proofs, 1);
    CHECK_EQ(b.f.ttl_s, 89);
    CHECK_EQ(find(&b, "a.m.example.", RR_A, at(1)), DENIAL_NXDOMAIN); /* no *.m either */
    CHECK_EQ(find(&b, "n.example.", RR_ANY, at(1)), DENIAL_NONE);
    put(&b, "example.", "*.example.", "c.example.", plain, 80, at(0));
    CHECK_EQ(find(&b, "n.example.", RR_A, at(1)), DENIAL_WILDCARD);
    CHECK_EQ(b.f.proofs, 1);
    CHECK(name_equal(b.f.proof[0].set.owner, nm("m.example.").w));
    CHECK_EQ(find(&b, "n.example.", RR_MX, at(1)), DENIAL_NODATA);
    CHECK_EQ(b.f.proofs, 2);
    /* Nobody agrees on what these stand for. */
    put(&b, "example.", "*.example.", "c.example.", dname, 80, at(0));
    CHECK_EQ(find(&b, "n.example.", RR_A, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "n.example.", RR_DNAME, at(1)), DENIAL_NONE);
    put(&b, "example.", "*.example.", "c.example.", cut, 80, at(0));
    CHECK_EQ(find(&b, "n.example.", RR_A, at(1)), DENIAL_NONE);
    /* A wildcard that is an empty non-terminal stands for a name without types. */
    denial_flush_zone(b.d, nm("example.").w);
    put_soa(&b, "example.", 100, at(0));
    put(&b, "example.", "example.", "x.*.example.", apex, 80, at(0));
    put(&b, "example.", "x.*.example.", "example.", plain, 80, at(0));
    CHECK_EQ(find(&b, "n.example.", RR_A, at(1)), DENIAL_NODATA);
    end(&b);
}

/* --- What is declined --- */

TEST(denial_declines_what_is_not_the_zones_own)
{
    static const struct made_how theirs = {.signer = (const uint8_t *)"\4test"},
                                 parents = {.signer = (const uint8_t *)""},
                                 other_type = {.covered = RR_A}, expanded = {.labels_plus = 255},
                                 too_many = {.labels_plus = 1};
    struct bench b;
    begin(&b, 1 << 20);
    put_soa(&b, "example.", 100, at(0));
    CHECK_EQ(records(&b), 1);
    put(&b, "example.", "a.example.", "b.example.", plain, 0, at(0)); /* TTL 0 */
    put(&b, "example.", "a.example.", "b.test.", plain, 100, at(0));  /* CVE-2026-44690 */
    put(&b, "example.", "a.example.", ".", plain, 100, at(0));
    put(&b, "example.", "a.test.", "example.", plain, 100, at(0));
    put(&b, "example.", "b.example.", "a.example.", plain, 100, at(0)); /* backwards */
    put(&b, "example.", "b.example.", "b.example.", plain, 100, at(0));
    put(&b, "example.", "a.example.", "b.example.", made_up, 100, at(0));
    put(&b, "example.", "a.example.", "b.example.", no_nsec, 100, at(0));
    put(&b, "example.", "a.example.", "b.example.", no_rrsig, 100, at(0));
    put_how(&b, "example.", "a.example.", "b.example.", plain, 100, at(0), &theirs);
    put_how(&b, "example.", "a.example.", "b.example.", plain, 100, at(0), &parents);
    put_how(&b, "example.", "a.example.", "b.example.", plain, 100, at(0), &other_type);
    put_how(&b, "example.", "a.example.", "b.example.", plain, 100, at(0), &expanded);
    put_how(&b, "example.", "a.example.", "b.example.", plain, 100, at(0), &too_many);
    CHECK_EQ(records(&b), 1);
    /* The labels of a wildcard's own record do not count the "*" (RFC 4034 section 3.1.3). */
    put_how(&b, "example.", "*.example.", "b.example.", plain, 100, at(0), &too_many);
    CHECK_EQ(records(&b), 1);
    put(&b, "example.", "*.example.", "b.example.", plain, 100, at(0));
    CHECK_EQ(records(&b), 2);
    end(&b);
}

TEST(denial_declines_odd_sets)
{
    struct bench b;
    struct made m, two;
    struct name z = nm("example."), a = nm("a.example."), c = nm("c.example.");
    begin(&b, 1 << 20);
    made_nsec(&m, z.w, a.w, c.w, plain, &rightly);
    made_nsec(&two, z.w, c.w, z.w, plain, &rightly);
    struct rrset odd = m.set, sigs = m.sigs;
    odd.count = 2;
    denial_put(b.d, z.w, &odd, &sigs, 100, at(0));
    odd = m.set;
    odd.rclass = CLASS_CH;
    denial_put(b.d, z.w, &odd, &sigs, 100, at(0));
    odd = m.set;
    odd.type = RR_TXT;
    denial_put(b.d, z.w, &odd, &sigs, 100, at(0));
    odd = m.set;
    odd.rdata_size = 0;
    denial_put(b.d, z.w, &odd, &sigs, 100, at(0));
    /* RRSIGs of another owner, of another type, none at all. */
    denial_put(b.d, z.w, &m.set, &two.sigs, 100, at(0));
    sigs.type = RR_NSEC;
    denial_put(b.d, z.w, &m.set, &sigs, 100, at(0));
    sigs = m.sigs;
    sigs.count = sigs.rdata_size = 0;
    denial_put(b.d, z.w, &m.set, &sigs, 100, at(0));
    /* A bitmap that is malformed. */
    m.rdata[m.set.rdata_size - 1] = 0;
    denial_put(b.d, z.w, &m.set, &m.sigs, 100, at(0));
    CHECK_EQ(records(&b), 0);
    CHECK_EQ(denial_stats(b.d).zones, 0);
    /* An SOA that is not the zone's. */
    made_soa(&m, a.w, 100, &(struct made_how){.signer = z.w});
    denial_put_soa(b.d, z.w, &m.set, &m.sigs, 100, at(0));
    made_soa(&m, z.w, 100, &(struct made_how){.signer = name_root});
    denial_put_soa(b.d, z.w, &m.set, &m.sigs, 100, at(0));
    made_soa(&m, z.w, 0, &rightly);
    denial_put_soa(b.d, z.w, &m.set, &m.sigs, 100, at(0));
    CHECK_EQ(records(&b), 0);
    end(&b);
}

/* A foreign RRSIG beside the good one is left out. */
TEST(denial_keeps_the_zones_signatures_only)
{
    struct bench b;
    struct made m, foreign;
    uint8_t both[sizeof m.sig + sizeof foreign.sig];
    struct name z = nm("example."), a = nm("a.example."), c = nm("c.example."), t = nm("test.");
    begin(&b, 1 << 20);
    put_soa(&b, "example.", 100, at(0));
    made_nsec(&m, z.w, a.w, c.w, plain, &rightly);
    made_nsec(&foreign, z.w, a.w, c.w, plain, &(struct made_how){.signer = t.w});
    memcpy(both, foreign.sig, foreign.sigs.rdata_size);
    memcpy(both + foreign.sigs.rdata_size, m.sig, m.sigs.rdata_size);
    struct rrset sigs = m.sigs;
    sigs.count = 2;
    sigs.rdata = both;
    sigs.rdata_size = foreign.sigs.rdata_size + m.sigs.rdata_size;
    denial_put(b.d, z.w, &m.set, &sigs, 100, at(0));
    REQUIRE(find(&b, "a.example.", RR_MX, at(1)) == DENIAL_NODATA);
    CHECK_EQ(b.f.proof[0].sigs.count, 1);
    CHECK(bytes_equal(bytes_of(b.f.proof[0].sigs.rdata, b.f.proof[0].sigs.rdata_size),
                      bytes_of(m.sig, m.sigs.rdata_size)));
    end(&b);
}

/* --- NSEC3 --- */

static void hash_of(struct bench *b, const char *name, const struct made_how *h,
                    uint8_t ret[NSEC3_HASH])
{
    struct name n = nm(name);
    if (nsec3_hash(b->hasher, n.w, bytes_str(h->salt != NULL ? h->salt : ""), h->iterations, ret) !=
        ST_OK)
        abort();
}

/* The zone "example." with the name "a" alone: two records that cover all else. */
static void put_small_nsec3(struct bench *b, const struct made_how *h)
{
    uint8_t hash[2][NSEC3_HASH];
    struct name z = nm("example.");
    struct made m;
    hash_of(b, "example.", h, hash[0]);
    hash_of(b, "a.example.", h, hash[1]);
    for (unsigned i = 0; i < 2; i++) {
        made_nsec3(&m, z.w, hash[i], hash[1 - i], i == 0 ? apex : data3, h);
        denial_put(b->d, z.w, &m.set, &m.sigs, 100, at(0));
    }
}

TEST(denial_nsec3_that_is_not_used)
{
    static const struct made_how opt_out = {.flags = 1}, unknown = {.flags = 2},
                                 slow = {.iterations = LIMIT_NSEC3_ITERATIONS + 1},
                                 theirs = {.signer = (const uint8_t *)"\4test"},
                                 expanded = {.labels_plus = 255};
    struct bench b;
    struct made m;
    struct name z = nm("example.");
    uint8_t hash[NSEC3_HASH] = {1}, next[NSEC3_HASH] = {2};
    begin(&b, 1 << 20);
    put_soa(&b, "example.", 100, at(0));
    put_small_nsec3(&b, &opt_out);
    put_small_nsec3(&b, &unknown);
    put_small_nsec3(&b, &slow);
    put_small_nsec3(&b, &theirs);
    put_small_nsec3(&b, &expanded);
    /* Deeper than it may be, of another hash function, of another length. */
    made_nsec3(&m, nm("x.example.").w, hash, next, data3, &(struct made_how){.signer = z.w});
    denial_put(b.d, z.w, &m.set, &m.sigs, 100, at(0));
    made_nsec3(&m, z.w, hash, next, data3, &rightly);
    m.rdata[2] = 2;
    denial_put(b.d, z.w, &m.set, &m.sigs, 100, at(0));
    made_nsec3(&m, z.w, hash, next, data3, &rightly);
    m.rdata[7]--;
    denial_put(b.d, z.w, &m.set, &m.sigs, 100, at(0));
    CHECK_EQ(records(&b), 1);
    put_small_nsec3(&b, &rightly);
    CHECK_EQ(records(&b), 3);
    CHECK_EQ(find(&b, "x.y.z.example.", RR_A, at(1)), DENIAL_NXDOMAIN);
    CHECK_EQ(find(&b, "a.example.", RR_MX, at(1)), DENIAL_NODATA);
    end(&b);
}

/* Two sets of parameters are kept, the one put into last among them (RFC 5155 section 10.4). */
TEST(denial_nsec3_parameters)
{
    static const struct made_how how[] = {{.salt = NULL}, {.salt = "salt"}, {.iterations = 3}};
    struct bench b;
    begin(&b, 1 << 20);
    put_soa(&b, "example.", 100, at(0));
    for (unsigned i = 0; i < 3; i++) {
        put_small_nsec3(&b, &how[i]);
        put_small_nsec3(&b, &how[i]);
        CHECK_EQ(find(&b, "x.example.", RR_A, at(1)), DENIAL_NXDOMAIN);
        CHECK_EQ(records(&b), i == 0 ? 3 : 5);
    }
    put_small_nsec3(&b, &how[0]);
    CHECK_EQ(records(&b), 5);
    CHECK_EQ(find(&b, "x.example.", RR_A, at(1)), DENIAL_NXDOMAIN);
    CHECK_EQ(find(&b, "x.example.", RR_A, at(101)), DENIAL_NONE);
    end(&b);
}

/* CVE-2023-50868: the search stops at its own limit, and leaves the query half of its budget. */
TEST(denial_nsec3_work_is_bounded)
{
    static const struct made_how slow = {.iterations = LIMIT_NSEC3_ITERATIONS};
    struct bench b;
    struct name deep = nm("example."), longer;
    begin(&b, 1 << 20);
    put_soa(&b, "example.", 100, at(0));
    put_small_nsec3(&b, &slow);
    while (name_prepend(bytes_str("x"), deep.w, &longer) == ST_OK)
        deep = longer;
    struct budget budget = {0};
    uint32_t spent = 0;
    for (unsigned i = 0; i < 10; i++) {
        CHECK_EQ(denial_find(b.d, NULL, deep.w, RR_A, b.hasher, &budget, at(1), &b.arena, &b.f),
                 DENIAL_NONE);
        CHECK(budget.spent[BUDGET_HASHES] - spent <= LIMIT_DENIAL_HASHES);
        spent = budget.spent[BUDGET_HASHES];
    }
    CHECK(spent > 0 && spent <= LIMIT_QUERY_HASHES / 2);
    CHECK_EQ(budget.exhausted, 0);
    /* Without iterations a name as deep is still no trouble from the top, but the proof is. */
    put_small_nsec3(&b, &rightly);
    CHECK_EQ(find(&b, "a.b.c.d.example.", RR_A, at(1)), DENIAL_NXDOMAIN);
    CHECK_EQ(denial_find(b.d, NULL, deep.w, RR_A, NULL, NULL, at(1), &b.arena, &b.f), DENIAL_NONE);
    end(&b);
}

/* RFC 5155 section 8.3, 8.8: a cut or DNAME encloses nothing, and a wildcard needs its encloser. */
TEST(denial_nsec3_under_a_cut)
{
    struct bench b;
    struct made m;
    struct name z = nm("example.");
    uint8_t hash[2][NSEC3_HASH];
    begin(&b, 1 << 20);
    put_soa(&b, "example.", 100, at(0));
    hash_of(&b, "sub.example.", &rightly, hash[0]);
    hash_of(&b, "other.example.", &rightly, hash[1]);
    for (unsigned i = 0; i < 2; i++) {
        made_nsec3(&m, z.w, hash[i], hash[1 - i], i == 0 ? cut3 : data3, &rightly);
        denial_put(b.d, z.w, &m.set, &m.sigs, 100, at(0));
    }
    CHECK_EQ(find(&b, "a.sub.example.", RR_A, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "sub.example.", RR_DS, at(1)), DENIAL_NODATA);
    CHECK_EQ(find(&b, "sub.example.", RR_A, at(1)), DENIAL_NONE);
    end(&b);
}

/* RFC 5155 section 8.8, RFC 8198 section 5.3: that the zone's own name exists is known without its
 * record, so a record that covers the name alone lets the wildcard speak, and proves nothing else.
 */
TEST(denial_nsec3_wildcard_below_the_zone)
{
    struct bench b;
    struct made m;
    struct name z = nm("example.");
    uint8_t hash[NSEC3_HASH], before[NSEC3_HASH], after[NSEC3_HASH];
    begin(&b, 1 << 20);
    put_soa(&b, "example.", 100, at(0));
    hash_of(&b, "b.example.", &rightly, hash);
    memcpy(before, hash, sizeof before);
    memcpy(after, hash, sizeof after);
    before[NSEC3_HASH - 1]--;
    after[NSEC3_HASH - 1]++;
    REQUIRE(before[NSEC3_HASH - 1] != 0xff && after[NSEC3_HASH - 1] != 0);
    made_nsec3(&m, z.w, before, after, data3, &rightly);
    denial_put(b.d, z.w, &m.set, &m.sigs, 100, at(0));
    CHECK_EQ(find(&b, "b.example.", RR_A, at(1)), DENIAL_WILDCARD);
    CHECK(name_equal(b.f.wildcard.w, nm("*.example.").w));
    CHECK_EQ(b.f.proofs, 1);
    CHECK_EQ(find(&b, "x.b.example.", RR_A, at(1)), DENIAL_WILDCARD);
    CHECK_EQ(find(&b, "c.example.", RR_A, at(1)), DENIAL_NONE);
    end(&b);
}

/* --- Forgetting --- */

/* The zone changed: what the new record denies is no longer said, nor what denied the new one. */
TEST(denial_newer_records_win)
{
    struct bench b;
    begin(&b, 1 << 20);
    put_soa(&b, "example.", 100, at(0));
    put(&b, "example.", "example.", "m.example.", apex, 100, at(0));
    put(&b, "example.", "m.example.", "example.", plain, 100, at(0));
    CHECK_EQ(find(&b, "c.example.", RR_A, at(1)), DENIAL_NXDOMAIN);
    put(&b, "example.", "c.example.", "d.example.", plain, 100, at(0)); /* c was added */
    CHECK_EQ(find(&b, "c.example.", RR_MX, at(1)), DENIAL_NODATA);
    CHECK_EQ(find(&b, "b.example.", RR_A, at(1)), DENIAL_NONE);
    put(&b, "example.", "example.", "z.example.", apex, 100, at(0)); /* c, d and m went */
    CHECK_EQ(records(&b), 2);
    CHECK_EQ(find(&b, "m.example.", RR_A, at(1)), DENIAL_NXDOMAIN);
    put(&b, "example.", "EXAMPLE.", "y.example.", apex, 50, at(0)); /* the same owner */
    CHECK_EQ(records(&b), 2);
    CHECK_EQ(find(&b, "m.example.", RR_A, at(1)), DENIAL_NXDOMAIN);
    CHECK_EQ(b.f.ttl_s, 49);
    end(&b);
}

/* More than may be freed at once is given up at once and freed bit by bit. */
TEST(denial_a_whole_zone_changes)
{
    struct bench b;
    char o[64], n[64];
    begin(&b, 8 << 20);
    put_soa(&b, "example.", 100, at(0));
    for (int i = 0; i < 1000; i++) {
        snprintf(o, sizeof o, "n%04d.example.", i);
        snprintf(n, sizeof n, "n%04d.example.", i + 1);
        put(&b, "example.", o, n, plain, 100, at(0));
    }
    CHECK_EQ(records(&b), 1001);
    put(&b, "example.", "example.", "z.example.", apex, 100, at(0));
    CHECK_EQ(find(&b, "n0500.example.", RR_MX, at(1)), DENIAL_NXDOMAIN);
    for (int i = 0; i < 70; i++)
        put_soa(&b, "example.", 100, at(0));
    CHECK_EQ(records(&b), 2);
    denial_flush_all(b.d);
    CHECK_EQ(records(&b), 0);
    CHECK_EQ(denial_stats(b.d).zones, 0);
    end(&b);
}

TEST(denial_flushes)
{
    struct bench b;
    static const char *const zones[] = {"example.", "test.", "sub.example."};
    begin(&b, 1 << 20);
    for (unsigned i = 0; i < 3; i++) {
        put_soa(&b, zones[i], 100, at(0));
        put(&b, zones[i], zones[i], zones[i], apex, 100, at(0));
    }
    size_t before = denial_stats(b.d).bytes;
    denial_flush_zone(b.d, nm("EXAMPLE.").w);
    denial_flush_zone(b.d, nm("nothing.").w);
    CHECK_EQ(find(&b, "a.example.", RR_A, at(1)), DENIAL_NONE);
    CHECK_EQ(find(&b, "a.sub.example.", RR_A, at(1)), DENIAL_NXDOMAIN);
    CHECK_EQ(find(&b, "a.test.", RR_A, at(1)), DENIAL_NXDOMAIN);
    CHECK(denial_stats(b.d).bytes < before);
    CHECK_EQ(denial_stats(b.d).zones, 2);
    denial_flush_all(b.d);
    CHECK_EQ(find(&b, "a.test.", RR_A, at(1)), DENIAL_NONE);
    CHECK_EQ(denial_stats(b.d).records, 0);
    CHECK_EQ(denial_stats(b.d).hits, 2);
    CHECK_EQ(denial_stats(b.d).misses, 2);
    end(&b);
}

/* --- The budget --- */

extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

#ifdef __SANITIZE_THREAD__
enum { ROUNDS_UP = 1 };
#else
enum { ROUNDS_UP = 0 };
#endif

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL
               ? __sanitizer_get_current_allocated_bytes()
               : mallinfo2().uordblks;
}

/* Random names of one zone, then of many zones: what is in use stays, and the bytes are counted
 * rightly. */
TEST(denial_budget_holds_under_a_flood)
{
    enum { MAX = 256 << 10, HOT = 20 };
    struct bench b;
    char o[64], z[64];
    unsigned kept = 0;
    size_t before = allocated(), most = 0;
    begin(&b, MAX);
    for (int i = 0; i < HOT; i++) {
        snprintf(z, sizeof z, "hot%d.", i);
        put_soa(&b, z, 10000, at(0));
        put(&b, z, z, z, apex, 10000, at(0));
    }
    for (int i = 0; i < 20000; i++) {
        snprintf(z, sizeof z, "flood%d.", MAX(i, 10000));
        put_soa(&b, z, 10000, at(1));
        put_single(&b, z, i, none, at(1));
        snprintf(o, sizeof o, "a.hot%d.", i % HOT);
        if (i < 19900)
            CHECK_EQ(find(&b, o, RR_A, at(2)), DENIAL_NXDOMAIN);
        if (i % 100 == 0) {
            size_t now = allocated() - before;
            most = MAX(most, now);
            CHECK(denial_stats(b.d).bytes <= MAX);
        }
    }
    for (int i = 0; i < HOT; i++) {
        snprintf(o, sizeof o, "a.hot%d.", i);
        kept += find(&b, o, RR_A, at(3)) == DENIAL_NXDOMAIN;
    }
    CHECK_EQ(kept, HOT);
    CHECK(denial_stats(b.d).evictions > 10000);
    printf("# %zu bytes allocated at most, budget %d\n", most, MAX);
    /* 16 KiB: the arena and hasher of this test. The thread sanitizer's allocator rounds up. */
    CHECK(most > MAX / 2 && (most <= MAX + 16384 || ROUNDS_UP));
    end(&b);
}

/* One zone leaves others their half of the shard, also when all of both is in use. */
TEST(denial_a_zone_has_its_share)
{
    enum { MAX = 256 << 10 };
    struct bench b;
    begin(&b, MAX);
    for (int i = 0; i < 200; i++)
        put_single(&b, "small.", i, plain, at(0));
    uint64_t small = records(&b);
    CHECK_EQ(small, 200);
    for (int i = 0; i < 5000; i++)
        put_single(&b, "large.", i, plain, at(0));
    uint64_t all = records(&b);
    denial_flush_zone(b.d, nm("large.").w);
    CHECK_EQ(records(&b), small);
    CHECK(all - small > 200 && denial_stats(b.d).bytes < MAX / 2);
    end(&b);
}

/* Nothing fits into no room, and nothing breaks. */
TEST(denial_tiny_budgets)
{
    for (size_t max = 0; max < 6000; max += 500) {
        struct bench b;
        begin(&b, max);
        for (int i = 0; i < 100; i++) {
            put_soa(&b, "example.", 100, at(0));
            put_single(&b, "example.", i, plain, at(0));
            (void)find(&b, "x1.example.", RR_MX, at(1));
            CHECK(max < 500 || denial_stats(b.d).bytes <= max);
        }
        end(&b);
    }
}

/* --- Threads --- */

static struct denial_cache *shared;

static void *hammer(void *arg)
{
    struct bench b = {.d = shared, .hasher = nsec3_hasher_new()};
    struct prng r = {(uint64_t)(uintptr_t)arg};
    static const char *const zones[] = {"one.", "two.", "three.test.", "test."};
    arena_init(&b.arena, 8192, 0);
    for (unsigned i = 0; i < 12000; i++) {
        const char *z = zones[prng_below(&r, 4)];
        char o[64], n[64];
        unsigned k = (unsigned)prng_below(&r, 200);
        snprintf(o, sizeof o, "x%03u.%s", k, z);
        snprintf(n, sizeof n, "x%03u.%s", k + 1 + (unsigned)prng_below(&r, 3), z);
        switch (prng_below(&r, 8)) {
        case 0:
            put_soa(&b, z, 100, at(0));
            break;
        case 1:
        case 2:
            put(&b, z, o, n, plain, 100, at(0));
            break;
        case 3:
            if (strcmp(z, "test.") == 0)
                put_small_nsec3(&b, &rightly);
            break;
        case 4:
            if (prng_below(&r, 50) == 0)
                denial_flush_zone(shared, nm(z).w);
            else if (prng_below(&r, 200) == 0)
                denial_flush_all(shared);
            break;
        default:
            /* What a wildcard stands for needs no SOA. */
            if (find(&b, o, RR_MX, at(1)) != DENIAL_NONE &&
                (b.f.proofs == 0 || b.f.ttl_s > 99 ||
                 (b.f.kind != DENIAL_WILDCARD && b.f.soa.set.count != 1)))
                abort();
        }
    }
    arena_free(&b.arena);
    nsec3_hasher_free(b.hasher);
    return NULL;
}

TEST(denial_threads_share_it)
{
    pthread_t t[4];
    shared = denial_new(128 << 10, &env);
    for (uintptr_t i = 0; i < 4; i++)
        REQUIRE(pthread_create(&t[i], NULL, hammer, (void *)(i + 1)) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    CHECK(denial_stats(shared).bytes <= 128 << 10);
    CHECK(denial_stats(shared).hits > 100);
    denial_flush_all(shared);
    CHECK_EQ(denial_stats(shared).records, 0);
    denial_free(shared);
}
