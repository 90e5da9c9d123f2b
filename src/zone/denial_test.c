#include "zone/denial.h"

#include "base/codec.h"
#include "base/hash.h"
#include "base/test.h"
#include "zone/testlib.h"

static struct oracle oracle;

static struct name random_name(struct prng *r, const uint8_t *origin)
{
    static const char *const labels[] = {"a", "b", "B-", "ab", "*", "z", "\xff", "0"};
    struct name n, longer;
    name_copy(n.w, origin);
    for (uint64_t depth = 1 + prng_below(r, 4); depth > 0; depth--)
        if (name_prepend(bytes_str(labels[prng_below(r, ARRAY_LEN(labels))]), n.w, &longer) ==
            ST_OK)
            n = longer;
    return n;
}

/* Below a cut or a DNAME. */
static bool hidden(const uint8_t *name)
{
    for (const uint8_t *p = name_parent(name); name_labels(p) > name_labels(oracle.origin.w);
         p = name_parent(p))
        if (oracle_has(&oracle, p, RR_NS) || oracle_has(&oracle, p, RR_DNAME))
            return true;
    return !name_equal(name, oracle.origin.w) && oracle_has(&oracle, oracle.origin.w, RR_DNAME);
}

/* The last owner of an NSEC at or before a name, by looking at all of them. */
static const uint8_t *last_owner(const uint8_t *name)
{
    const uint8_t *best = oracle.origin.w;
    for (size_t i = 0; i < oracle.n; i++) {
        const uint8_t *o = oracle.rr[i].owner.w;
        if (oracle.rr[i].type == RR_NSEC && name_compare(o, name) <= 0 && name_compare(o, best) > 0)
            best = o;
    }
    return best;
}

static bool is_named(const struct zone *z, const struct zone_node *n, const uint8_t *want)
{
    uint8_t name[LIMIT_NAME];
    if (n == NULL)
        return false;
    zone_node_name(z, n, name);
    return name_equal(name, want);
}

/* A zone with NSEC at every name that should have one (RFC 4035 section 2.3). */
static struct zone *random_zone(struct prng *r)
{
    static const uint16_t types[] = {RR_A, RR_A, RR_A, RR_TXT, RR_NS, RR_DNAME};
    struct zone_builder *b;
    struct zone *z = NULL;
    struct name origin;
    if (name_from("Example.", &origin) != ST_OK)
        abort();
    oracle_begin(&oracle, &b, origin.w);
    for (uint64_t n = prng_below(r, 60); n > 0; n--)
        oracle_add(&oracle, b, random_name(r, origin.w).w, types[prng_below(r, ARRAY_LEN(types))]);
    size_t n = oracle.n;
    for (size_t i = 0; i < n; i++)
        if (!hidden(oracle.rr[i].owner.w))
            oracle_add(&oracle, b, oracle.rr[i].owner.w, RR_NSEC);
    struct diag d = {0};
    if (zone_builder_finish(b, &z, &d) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", d.message);
    zone_builder_free(b);
    return z;
}

TEST(nsec_is_the_one_before_in_canonical_order) /* RFC 4034 section 6.1 */
{
    struct prng r = {.s = 77};
    unsigned absent = 0, empty = 0;
    for (unsigned round = 0; round < 200; round++) {
        struct zone *z = random_zone(&r);
        for (unsigned i = 0; i < 100; i++) {
            struct name q = random_name(&r, oracle.origin.w);
            struct zone_found f;
            zone_find(z, q.w, &f);
            if (f.match != ZONE_NXDOMAIN && f.match != ZONE_WILDCARD)
                continue;
            const uint8_t *next = name_skip(q.w, name_labels(q.w) - f.encloser_labels - 1);
            REQUIRE(is_named(z, zone_nsec_before(z, f.encloser, next), last_owner(next)));
            absent++;
        }
        for (const struct zone_node *n = NULL; (n = zone_next(z, n)) != NULL;) {
            uint8_t name[LIMIT_NAME];
            zone_node_name(z, n, name);
            if (zone_node_hidden(n))
                continue;
            REQUIRE(is_named(z, zone_nsec_of(z, n), last_owner(name)));
            empty += zone_node_empty(n);
        }
        zone_drop(z);
    }
    CHECK(absent > 1000 && empty > 100);
}

enum { HASHES = 50 };

TEST(nsec3_is_found_by_hash) /* RFC 5155 section 7.2.1 */
{
    static const uint8_t param[] = {1, 0, 0, 0, 0};
    static const uint8_t other[] = {1, 0, 0, 9, 0, 1, 0};
    static const uint8_t record[] = {1, 0, 0, 0, 0, 1, 0}; /* as far as the index reads it */
    struct prng r = {.s = 5};
    struct zone_builder *b;
    struct zone *z = NULL;
    struct name origin, owner;
    static uint8_t hash[HASHES][NSEC3_HASH];
    REQUIRE(name_from("example.", &origin) == ST_OK);
    oracle_begin(&oracle, &b, origin.w);
    REQUIRE(zone_builder_add(b, origin.w, RR_NSEC3PARAM, 0, bytes_of(param, 5)) == ST_OK);
    for (unsigned i = 0; i < HASHES; i++) {
        char label[40];
        struct text t = text_of(label, sizeof label);
        for (unsigned k = 0; k < NSEC3_HASH; k++) /* every other one shares its first bytes */
            hash[i][k] = (uint8_t)(i % 2 == 1 && k < 12 ? hash[i - 1][k] : prng_next(&r));
        base32hex_text(bytes_of(hash[i], NSEC3_HASH), &t);
        REQUIRE(name_prepend(bytes_of(t.p, t.n), origin.w, &owner) == ST_OK);
        struct bytes rd = i == 0 ? bytes_of(other, sizeof other) : bytes_of(record, sizeof record);
        REQUIRE(zone_builder_add(b, owner.w, RR_NSEC3, 60, rd) == ST_OK); /* 0: another chain */
    }
    REQUIRE(zone_builder_finish(b, &z, NULL) == ST_OK);
    zone_builder_free(b);
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t q[NSEC3_HASH], name[LIMIT_NAME];
        memcpy(q, hash[prng_below(&r, HASHES)], sizeof q);
        q[prng_below(&r, NSEC3_HASH)] ^= (uint8_t)(prng_next(&r) & prng_next(&r));
        const uint8_t *best = NULL, *last = hash[1];
        for (unsigned k = 1; k < HASHES; k++) {
            if (memcmp(hash[k], q, sizeof q) <= 0 &&
                (best == NULL || memcmp(hash[k], best, sizeof q) > 0))
                best = hash[k];
            if (memcmp(hash[k], last, sizeof q) > 0)
                last = hash[k];
        }
        best = best != NULL ? best : last; /* the circle is closed */
        bool equal;
        uint8_t got[NSEC3_HASH];
        struct writer w = wr_of(got, sizeof got);
        const struct zone_node *n = zone_nsec3_find(z, q, &equal);
        REQUIRE(n != NULL);
        zone_node_name(z, n, name);
        REQUIRE(base32hex_parse(bytes_of(name + 1, name[0]), &w) == ST_OK);
        REQUIRE(memcmp(got, best, sizeof got) == 0 && equal == (memcmp(q, best, sizeof q) == 0));
        struct zone_found f;
        zone_find(z, name, &f); /* RFC 5155 section 7.2.8 */
        REQUIRE(f.match == ZONE_NXDOMAIN && f.encloser == zone_apex(z));
    }
    zone_drop(z);
}

TEST(no_nsec_at_all)
{
    struct zone_builder *b;
    struct zone *z = NULL;
    struct name origin;
    bool equal;
    static const uint8_t label[] = {1, 'x'}, hash[NSEC3_HASH];
    REQUIRE(name_from("example.", &origin) == ST_OK);
    oracle_begin(&oracle, &b, origin.w);
    REQUIRE(zone_builder_finish(b, &z, NULL) == ST_OK);
    zone_builder_free(b);
    CHECK(zone_nsec_before(z, zone_apex(z), label) == NULL);
    CHECK(zone_nsec_of(z, zone_apex(z)) == NULL);
    CHECK(zone_nsec3_find(z, hash, &equal) == NULL && !equal);
    zone_drop(z);
}
