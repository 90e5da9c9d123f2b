/* The order of a chain and what contradicts what, against models that are too slow to be wrong. */
#include "base/test.h"
#include "cache/denial_impl.h"
#include "cache/denial_testlib.h"
#include "dnssec/proof.h"

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

static struct prng rng = {7};
static const struct env env = {&rng, seeded};
static const struct now now = {.mono_us = 1000000, .wall_s = 1700000000};
static const struct made_how rightly;

/* As a chain compares them. */
static int order(struct chain_key a, struct chain_key b)
{
    int d = memcmp(a.p, b.p, MIN(a.n, b.n));
    if (a.prefix != b.prefix)
        return a.prefix < b.prefix ? -1 : 1;
    return d != 0 ? (d > 0) - (d < 0) : (a.n > b.n) - (a.n < b.n);
}

/* Keys have the canonical order of the names (RFC 4034 section 6.1). */
TEST(denial_keys_are_in_canonical_order)
{
    static const uint8_t bytes[] = {0, 1, 2, 'a', 'A', 'b', '-', 255};
    struct prng r = {8};
    struct name n[2], zone, longer;
    uint8_t buf[2][KEY_MAX], label[63];
    unsigned seen[3] = {0};
    REQUIRE(name_from("zone.example.", &zone) == ST_OK);
    for (int i = 0; i < 100000; i++) {
        for (unsigned k = 0; k < 2; k++) {
            n[k] = k == 1 && prng_below(&r, 2) == 0 ? n[0] : zone;
            for (uint64_t labels = prng_below(&r, 4); labels > 0; labels--) {
                size_t len = prng_below(&r, 40) == 0 ? 63 : 1 + prng_below(&r, 3);
                for (size_t c = 0; c < len; c++)
                    label[c] = bytes[prng_below(&r, sizeof bytes)];
                if (name_prepend(bytes_of(label, len), n[k].w, &longer) == ST_OK)
                    n[k] = longer;
            }
        }
        int want = name_compare(n[0].w, n[1].w),
            got = order(key_of_name(n[0].w, 2, buf[0]), key_of_name(n[1].w, 2, buf[1]));
        CHECK_EQ(got, want);
        seen[want + 1]++;
    }
    CHECK(seen[0] > 1000 && seen[1] > 1000 && seen[2] > 1000);
}

enum { MODEL_NAMES = 24 };

struct model {
    struct made rec[MODEL_NAMES];
    bool used[MODEL_NAMES];
    unsigned next[MODEL_NAMES];
};

/* i, at its place in the circle of names, lies in the span from a to b. */
static bool in_span(unsigned i, unsigned a, unsigned b)
{
    return a < b ? i > a && i < b : i > a || i < b;
}

static void model_put(struct model *m, unsigned owner, unsigned next)
{
    for (unsigned i = 0; i < MODEL_NAMES; i++)
        if (m->used[i] && i != owner && (in_span(i, owner, next) || in_span(owner, i, m->next[i])))
            m->used[i] = false;
    m->used[owner] = true;
    m->next[owner] = next;
}

static unsigned model_count(const struct model *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < MODEL_NAMES; i++)
        n += m->used[i];
    return n;
}

/* Random spans over hashes: what is kept never contradicts itself. */
TEST(denial_nsec3_agrees_with_a_plain_model)
{
    static struct model m;
    static const uint16_t data[] = {RR_A, RR_RRSIG, 0};
    struct denial_cache *d = denial_new(1 << 20, &env);
    struct made rec;
    struct prng r = {5};
    struct name z;
    REQUIRE(d != NULL && name_from("example.", &z) == ST_OK);
    for (int i = 0; i < 20000; i++) {
        unsigned owner = (unsigned)prng_below(&r, MODEL_NAMES),
                 next = prng_below(&r, 8) == 0
                            ? (unsigned)prng_below(&r, MODEL_NAMES)
                            : (owner + 1 + (unsigned)prng_below(&r, 3)) % MODEL_NAMES;
        uint8_t h[2][NSEC3_HASH] = {{(uint8_t)(owner * 10)}, {(uint8_t)(next * 10)}};
        model_put(&m, owner, next);
        made_nsec3(&rec, z.w, h[0], h[1], data, &rightly);
        denial_put(d, z.w, &rec.set, &rec.sigs, 100, now);
        CHECK_EQ(denial_stats(d).records, model_count(&m));
    }
    denial_free(d);
}

/* The same by names, and what is proved is what the validator says of all that is left. */
TEST(denial_nsec_agrees_with_a_plain_model)
{
    static const char *const text[] = {"example.",     "*.example.",         "a.example.",
                                       "*.a.example.", "x.a.example.",       "b.example.",
                                       "c.b.example.", "\\000.c.b.example.", "\\001.c.b.example.",
                                       "e.example.",   "y.e.example.",       "f.example."};
    enum { N = ARRAY_LEN(text) };
    static const uint16_t plain[] = {RR_A, RR_RRSIG, RR_NSEC, 0}, none[] = {RR_RRSIG, RR_NSEC, 0},
                          apex[] = {RR_NS, RR_SOA, RR_RRSIG, RR_NSEC, 0},
                          cut[] = {RR_NS, RR_RRSIG, RR_NSEC, 0},
                          dname[] = {RR_DNAME, RR_RRSIG, RR_NSEC, 0},
                          nxname[] = {RR_RRSIG, RR_NSEC, RR_NXNAME, 0};
    static const uint16_t *const maps[] = {plain, none, cut, dname, nxname};
    static const uint16_t types[] = {RR_A, RR_MX, RR_DS};
    static struct model m;
    struct denial_cache *d = denial_new(1 << 20, &env);
    struct nsec3_hasher *hasher = nsec3_hasher_new();
    struct denial_found f;
    struct arena a;
    struct made soa;
    struct name name[N];
    struct prng r = {6};
    unsigned seen[4] = {0};
    arena_init(&a, 8192, 0);
    for (unsigned i = 0; i < N; i++)
        REQUIRE(name_from(text[i], &name[i]) == ST_OK);
    made_soa(&soa, name[0].w, 100, &rightly);
    denial_put_soa(d, name[0].w, &soa.set, &soa.sigs, 100, now);
    for (int i = 0; i < 30000; i++) {
        unsigned owner = (unsigned)prng_below(&r, N - 1),
                 behind = owner + 1 + (unsigned)prng_below(&r, 4), next = behind < N ? behind : 0,
                 n = 0;
        /* NS and DNAME at a wildcard are not used. */
        const uint16_t *map =
            owner == 0 ? apex : maps[prng_below(&r, text[owner][0] == '*' ? 2 : ARRAY_LEN(maps))];
        struct made *rec = &m.rec[owner];
        model_put(&m, owner, next);
        made_nsec(rec, name[0].w, name[owner].w, name[next].w, map, &rightly);
        denial_put(d, name[0].w, &rec->set, &rec->sigs, 100, now);
        CHECK_EQ(denial_stats(d).records, model_count(&m) + 1);
        struct rrset set[MODEL_NAMES];
        struct budget budget = {0};
        for (unsigned k = 0; k < N; k++)
            if (m.used[k])
                set[n++] = m.rec[k].set;
        struct proofs p = {name[0].w, set, n, hasher, &budget};
        const uint8_t *q = name[1 + prng_below(&r, N - 1)].w;
        uint16_t type = types[prng_below(&r, ARRAY_LEN(types))];
        enum denial_kind want = proof_no_name(&p, q) == PROOF_HOLDS         ? DENIAL_NXDOMAIN
                                : proof_no_type(&p, q, type) == PROOF_HOLDS ? DENIAL_NODATA
                                                                            : DENIAL_NONE,
                         got = denial_find(d, NULL, q, type, hasher, &budget, now, &a, &f);
        arena_reset(&a);
        seen[got]++;
        CHECK(got == want || (got == DENIAL_WILDCARD && want == DENIAL_NONE));
    }
    CHECK(seen[DENIAL_NXDOMAIN] > 100 && seen[DENIAL_NODATA] > 100 && seen[DENIAL_WILDCARD] > 100);
    denial_free(d);
    nsec3_hasher_free(hasher);
    arena_free(&a);
}
