#include "zone/testlib.h"

#include "base/hash.h"
#include "base/test.h"
#include "zone/table.h"

static struct name nm(const char *text)
{
    struct name n;
    if (name_from(text, &n) != ST_OK)
        test_fail(__FILE__, __LINE__, "bad name %s", text);
    return n;
}

static struct zone *zone_of(const char *origin, const char *const *rr) /* "owner type" ... NULL */
{
    static struct oracle o;
    struct zone_builder *b;
    struct zone *z = NULL;
    struct diag d = {0};
    struct name org = nm(origin);
    oracle_begin(&o, &b, org.w);
    for (; *rr != NULL; rr++) {
        char owner[300], type[20];
        uint16_t t = 0;
        struct name n;
        if (sscanf(*rr, "%299s %19s", owner, type) != 2 || !rr_type_parse(bytes_str(type), &t) ||
            name_parse(bytes_str(owner), org.w, &n) != ST_OK)
            test_fail(__FILE__, __LINE__, "bad record %s", *rr);
        oracle_add(&o, b, n.w, t);
    }
    if (zone_builder_finish(b, &z, &d) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", d.message);
    zone_builder_free(b);
    return z;
}

static const char *const match_name[] = {"exact",      "wildcard", "nxdomain",
                                         "delegation", "dname",    "outside"};

/* "match node encloser" of a question, for tables of expectations. */
static const char *ask(const struct zone *z, const char *q)
{
    static char buf[1200];
    char a[NAME_TEXT_MAX], b[NAME_TEXT_MAX];
    uint8_t node[LIMIT_NAME], enc[LIMIT_NAME];
    struct zone_found f;
    struct name n = nm(q);
    zone_find(z, n.w, &f);
    if (f.node != NULL)
        zone_node_name(z, f.node, node);
    if (f.encloser != NULL)
        zone_node_name(z, f.encloser, enc);
    snprintf(buf, sizeof buf, "%s%s %s %s", match_name[f.match], f.at_cut ? "!" : "",
             f.node != NULL ? name_str(node, a) : "-", f.encloser != NULL ? name_str(enc, b) : "-");
    return buf;
}

/* The example of RFC 4592 section 2.2.1, and its answers. */
TEST(wildcards_as_in_rfc_4592)
{
    static const char *const rr[] = {
        "* TXT",     "* MX", "sub.* TXT", "host1 A", "_ssh._tcp.host1 SRV", "_ssh._tcp.host2 SRV",
        "subdel NS", NULL};
    struct zone *z = zone_of("example.", rr);
    REQUIRE(z != NULL);
    CHECK_STR(ask(z, "host3.example."), "wildcard *.example. example.");
    CHECK_STR(ask(z, "foo.bar.example."), "wildcard *.example. example.");
    CHECK_STR(ask(z, "host1.example."), "exact host1.example. host1.example.");
    CHECK_STR(ask(z, "sub.*.example."), "exact sub.*.example. sub.*.example.");
    CHECK_STR(ask(z, "_telnet._tcp.host1.example."), "nxdomain - _tcp.host1.example.");
    CHECK_STR(ask(z, "host.subdel.example."), "delegation subdel.example. subdel.example.");
    CHECK_STR(ask(z, "subdel.example."), "delegation! subdel.example. subdel.example.");
    CHECK_STR(ask(z, "ghost.*.example."), "nxdomain - *.example.");
    CHECK_STR(ask(z, "*.example."), "exact *.example. *.example.");
    CHECK_STR(ask(z, "_tcp.host2.example."), "exact _tcp.host2.example. _tcp.host2.example.");
    CHECK_STR(ask(z, "example."), "exact example. example.");
    CHECK_STR(ask(z, "EXAMPLE."), "exact example. example.");
    CHECK_STR(ask(z, "examples."), "outside - -");
    CHECK_STR(ask(z, "xexample."), "outside - -");
    CHECK_STR(ask(z, "."), "outside - -");
    CHECK(!zone_node_empty(zone_apex(z)));
    struct name tcp = nm("_TCP.host1.EXAMPLE.");
    const struct zone_node *ent = zone_node_of(z, tcp.w);
    CHECK(ent != NULL && zone_node_empty(ent));
    zone_drop(z);
}

/* A wildcard whose node is an empty non-terminal still matches (RFC 4592 section 2.2.3). */
TEST(wildcard_as_empty_non_terminal)
{
    static const char *const rr[] = {"a.* A", "w.cut A", "cut NS", "*.cut A", NULL};
    struct zone *z = zone_of("z.", rr);
    REQUIRE(z != NULL);
    CHECK_STR(ask(z, "b.z."), "wildcard *.z. z.");
    CHECK_STR(ask(z, "x.y.z."), "wildcard *.z. z.");
    CHECK_STR(ask(z, "x.cut.z."), "delegation cut.z. cut.z.");
    CHECK_STR(ask(z, "*.cut.z."), "delegation cut.z. cut.z.");
    zone_drop(z);
}

/* RFC 6672: below a DNAME everything is redirected, its owner is not; a cut above or at it wins. */
TEST(dname_and_cut)
{
    static const char *const rr[] = {"d DNAME",     "under.d A",  "both DNAME", "both NS", "cut NS",
                                     "d.cut DNAME", "a.b.deep A", "deep DNAME", NULL};
    struct zone *z = zone_of("z.", rr);
    REQUIRE(z != NULL);
    CHECK_STR(ask(z, "d.z."), "exact d.z. d.z.");
    CHECK_STR(ask(z, "x.d.z."), "dname d.z. d.z.");
    CHECK_STR(ask(z, "under.d.z."), "dname d.z. d.z.");
    CHECK_STR(ask(z, "x.under.D.z."), "dname d.z. d.z.");
    CHECK_STR(ask(z, "both.z."), "delegation! both.z. both.z.");
    CHECK_STR(ask(z, "x.both.z."), "delegation both.z. both.z.");
    CHECK_STR(ask(z, "x.d.cut.z."), "delegation cut.z. cut.z.");
    CHECK_STR(ask(z, "a.b.deep.z."), "dname deep.z. deep.z.");
    struct name n = nm("under.d.z.");
    const struct zone_node *hid = zone_node_of(z, n.w);
    CHECK(hid != NULL && zone_node_hidden(hid));
    zone_drop(z);
    static const char *const apex[] = {"@ DNAME", "x A", NULL};
    z = zone_of("z.", apex);
    REQUIRE(z != NULL);
    CHECK_STR(ask(z, "z."), "exact z. z.");
    CHECK_STR(ask(z, "x.z."), "dname z. z.");
    zone_drop(z);
}

TEST(root_zone)
{
    static const char *const rr[] = {"com. NS", "ns.com. A", NULL};
    struct zone *z = zone_of(".", rr);
    REQUIRE(z != NULL);
    CHECK_STR(ask(z, "."), "exact . .");
    CHECK_STR(ask(z, "www.com."), "delegation com. com.");
    CHECK_STR(ask(z, "com."), "delegation! com. com.");
    CHECK_STR(ask(z, "org."), "nxdomain - .");
    struct rrset set;
    struct name ns = nm("NS.com."), gone = nm("gone.com.");
    CHECK(zone_glue(z, ns.w, RR_A, &set));
    CHECK(!zone_glue(z, ns.w, RR_AAAA, &set));
    CHECK(!zone_glue(z, gone.w, RR_A, &set));
    CHECK_EQ(zone_stats(z).delegations, 1);
    CHECK_EQ(zone_stats(z).names, 3);
    zone_drop(z);
}

/* 127 labels of one byte are the deepest name there is. */
TEST(deepest_name)
{
    struct name deep;
    for (unsigned i = 0; i < 127; i++) {
        deep.w[2 * i] = 1;
        deep.w[2 * i + 1] = (uint8_t)i;
    }
    deep.w[254] = 0;
    static struct oracle o;
    struct zone_builder *b;
    struct zone *z;
    oracle_begin(&o, &b, name_root);
    oracle_add(&o, b, deep.w, RR_A);
    REQUIRE(zone_builder_finish(b, &z, NULL) == ST_OK);
    zone_builder_free(b);
    for (unsigned i = 0; i <= 127; i++) {
        CHECK(oracle_differs(&o, z, name_skip(deep.w, i)) == NULL);
        struct name other = deep;
        if (i < 127)
            other.w[2 * i + 1] = 200;
        CHECK(oracle_differs(&o, z, other.w) == NULL);
    }
    CHECK_EQ(zone_stats(z).names, 128);
    zone_drop(z);
}

/* Random zones of every shape against the naive search. */
static void random_name(struct prng *r, const uint8_t *origin, unsigned depth, unsigned alphabet,
                        struct name *ret)
{
    unsigned n = (unsigned)prng_below(r, depth + 1);
    name_copy(ret->w, origin);
    for (unsigned i = 0; i < n; i++) {
        uint8_t l[4];
        size_t len = 1 + prng_below(r, 2);
        unsigned k = (unsigned)prng_below(r, alphabet);
        l[0] = (uint8_t)(k % 5 == 0 ? '*' : k < 20 ? 'a' + k : 'A' + k * 7);
        l[1] = (uint8_t)(k * 37);
        if (l[0] == '*' && prng_below(r, 4) != 0)
            len = 1;
        struct name up = *ret;
        if (name_prepend(bytes_of(l, len), up.w, ret) != ST_OK)
            *ret = up;
    }
}

static void random_zone(uint64_t seed, unsigned records, unsigned depth, unsigned alphabet)
{
    static const uint16_t types[] = {RR_A, RR_A, RR_TXT, RR_MX, RR_NS, RR_DNAME, RR_CNAME, RR_PTR};
    static struct oracle o;
    struct prng r = {seed};
    struct zone_builder *b;
    struct zone *z;
    struct name n, origin = nm(seed % 3 == 0 ? "." : seed % 3 == 1 ? "zone.test." : "t.");
    oracle_begin(&o, &b, origin.w);
    for (unsigned i = 0; i < records; i++) {
        random_name(&r, origin.w, depth, alphabet, &n);
        unsigned pick = (unsigned)prng_below(&r, 64);
        oracle_add(&o, b, n.w, types[pick < 40 ? pick % 4 : pick % 8]);
    }
    REQUIRE(zone_builder_finish(b, &z, NULL) == ST_OK);
    zone_builder_free(b);
    for (unsigned i = 0; i < records; i++) {
        random_name(&r, origin.w, depth + 1, alphabet + 2, &n);
        const char *what = oracle_differs(&o, z, n.w);
        char text[NAME_TEXT_MAX];
        if (what != NULL)
            test_fail(__FILE__, __LINE__, "seed %llu, %s: %s differs", (unsigned long long)seed,
                      name_str(n.w, text), what);
    }
    uint8_t prev[LIMIT_NAME], cur[LIMIT_NAME];
    size_t names = 0;
    for (const struct zone_node *node = NULL; (node = zone_next(z, node)) != NULL; names++) {
        zone_node_name(z, node, cur);
        CHECK(names == 0 || name_compare(prev, cur) < 0);
        CHECK(oracle_exists(&o, cur) && zone_node_of(z, cur) == node);
        name_copy(prev, cur);
    }
    CHECK_EQ(names, zone_stats(z).names);
    CHECK_EQ(zone_stats(z).records, o.n);
    zone_drop(z);
}

TEST(random_zones_as_the_naive_search)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        random_zone(seed, 60, 4, 8);
    for (uint64_t seed = 100; seed < 104; seed++)
        random_zone(seed, 1200, 6, 30);
    random_zone(200, 800, 60, 12);
}

TEST(records_in_any_order)
{
    struct name org = nm("z."), a = nm("a.z."), up = nm("A.Z.");
    struct zone_builder *b = zone_builder_new(org.w);
    struct zone *z;
    struct rrset set;
    static const uint8_t ip[3][4] = {{1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}};
    REQUIRE(b != NULL);
    CHECK(zone_builder_add(b, a.w, RR_A, 30, bytes_of(ip[0], 4)) == ST_OK);
    CHECK(zone_builder_add(b, org.w, RR_NS, 60, oracle_rdata(RR_NS)) == ST_OK);
    CHECK(zone_builder_add(b, up.w, RR_A, 20, bytes_of(ip[1], 4)) == ST_OK);
    CHECK(zone_builder_add(b, a.w, RR_A, 40, bytes_of(ip[0], 4)) == ST_OK); /* again */
    CHECK(zone_builder_add(b, a.w, RR_TXT, 50, oracle_rdata(RR_TXT)) == ST_OK);
    CHECK(zone_builder_add(b, org.w, RR_SOA, 60, oracle_rdata(RR_SOA)) == ST_OK);
    CHECK(zone_builder_add(b, a.w, RR_A, 40, bytes_of(ip[2], 4)) == ST_OK);
    struct name other = nm("a.y.");
    CHECK(zone_builder_add(b, other.w, RR_A, 40, bytes_of(ip[2], 4)) == ST_ESEMANTIC);
    REQUIRE(zone_builder_finish(b, &z, NULL) == ST_OK);
    zone_builder_free(b);
    const struct zone_node *n = zone_node_of(z, up.w);
    REQUIRE(n != NULL && zone_rrset(z, n, RR_A, a.w, &set));
    CHECK_EQ(set.count, 3);
    CHECK_EQ(set.ttl, 20); /* the smallest: RFC 2181 section 5.2 */
    CHECK(set.owner == a.w);
    CHECK(memcmp(set.rdata + 2, ip[0], 4) == 0 && memcmp(set.rdata + 14, ip[2], 4) == 0);
    CHECK(zone_rrset(z, n, RR_TXT, a.w, &set));
    CHECK_EQ(zone_negative_soa(z)->ttl, 5); /* MINIMUM: RFC 2308 section 3 */
    CHECK_EQ(zone_serial(z), 1);
    zone_drop(z);
}

TEST(rrsigs_by_covered_type)
{
    struct name org = nm("z.");
    struct zone_builder *b = zone_builder_new(org.w);
    struct zone *z;
    struct rrset set;
    REQUIRE(b != NULL);
    uint8_t sig[24] = {0};
    static const uint16_t covers[] = {RR_NS, RR_SOA, RR_NS, RR_A};
    CHECK(zone_builder_add(b, org.w, RR_SOA, 77, oracle_rdata(RR_SOA)) == ST_OK);
    CHECK(zone_builder_add(b, org.w, RR_NS, 66, oracle_rdata(RR_NS)) == ST_OK);
    for (unsigned i = 0; i < 4; i++) {
        put_be16(sig, covers[i]);
        put_be32(sig + 4, 55);
        sig[20] = (uint8_t)i;
        CHECK(zone_builder_add(b, org.w, RR_RRSIG, 77 - i, bytes_of(sig, sizeof sig)) == ST_OK);
    }
    REQUIRE(zone_builder_finish(b, &z, NULL) == ST_OK);
    zone_builder_free(b);
    const struct zone_node *n = zone_apex(z);
    CHECK(zone_rrset(z, n, RR_RRSIG, org.w, &set) && set.count == 4);
    CHECK(zone_rrsig(z, n, RR_NS, org.w, &set) && set.count == 2 && set.ttl == 66);
    CHECK(zone_rrsig(z, n, RR_SOA, org.w, &set) && set.count == 1 && set.ttl == 77);
    CHECK(zone_rrsig(z, n, RR_A, org.w, &set) && set.ttl == 55); /* original TTL: nothing covered */
    CHECK(!zone_rrsig(z, n, RR_TXT, org.w, &set));
    uint32_t cursor = 0;
    unsigned seen = 0;
    while (zone_rrset_next(z, n, org.w, &cursor, &set))
        seen += set.count;
    CHECK_EQ(seen, 6);
    zone_drop(z);
}

TEST(zones_that_cannot_be)
{
    static const struct {
        const char *rr[6], *code;
    } t[] = {{{"a CNAME", "a2 A", NULL}, ""},
             {{"a CNAME", "a A", NULL}, "cname-and-other-data"},
             {{"a CNAME", "a NS", NULL}, "cname-and-other-data"},
             {{"a CNAME", "a CNAME", NULL}, "multiple-cname"},
             {{"a DNAME", "a DNAME", NULL}, "multiple-dname"},
             {{"a SOA", NULL}, "soa-below-apex"},
             {{"z. CNAME", NULL}, "cname-and-other-data"}};
    struct name org = nm("z.");
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct zone_builder *b = zone_builder_new(org.w);
        struct zone *z = NULL;
        struct diag d = {0};
        REQUIRE(b != NULL);
        CHECK(zone_builder_add(b, org.w, RR_SOA, 1, oracle_rdata(RR_SOA)) == ST_OK);
        CHECK(zone_builder_add(b, org.w, RR_NS, 1, oracle_rdata(RR_NS)) == ST_OK);
        for (unsigned k = 0; t[i].rr[k] != NULL; k++) {
            char owner[20], type[20];
            struct name n;
            uint16_t ty;
            REQUIRE(sscanf(t[i].rr[k], "%19s %19s", owner, type) == 2);
            REQUIRE(name_parse(bytes_str(owner), org.w, &n) == ST_OK &&
                    rr_type_parse(bytes_str(type), &ty));
            uint8_t rd[8];
            memcpy(rd, "\001a\004test", 8);
            rd[1] = (uint8_t)('a' + k);
            CHECK(zone_builder_add(b, n.w, ty, 1,
                                   ty == RR_SOA ? oracle_rdata(ty) : bytes_of(rd, 8)) == ST_OK);
        }
        enum status st = zone_builder_finish(b, &z, &d);
        CHECK_STR(d.code, t[i].code);
        CHECK(st == (t[i].code[0] ? ST_ESEMANTIC : ST_OK));
        zone_drop(z);
        zone_builder_free(b);
    }
}

TEST(table_finds_the_longest_match)
{
    static const char *const none[] = {NULL};
    static const char *const names[] = {".", "com.", "example.com.", "a.b.c.example.com.", "test."};
    struct zone *z[5];
    struct zone_table *t = NULL, *t2 = NULL;
    for (int i = 0; i < 5; i++)
        z[i] = zone_of(names[i], none);
    REQUIRE(zone_table_new(z, 5, &t) == ST_OK);
    struct name q = nm("www.Example.com.");
    CHECK(zone_table_find(t, q.w, false) == z[2]);
    CHECK(zone_table_find(t, q.w, true) == z[2]);
    q = nm("example.com.");
    CHECK(zone_table_find(t, q.w, false) == z[2]);
    CHECK(zone_table_find(t, q.w, true) == z[1]); /* DS: the parent's side */
    q = nm("b.c.example.com.");
    CHECK(zone_table_find(t, q.w, false) == z[2]);
    q = nm("x.A.b.c.example.com.");
    CHECK(zone_table_find(t, q.w, false) == z[3]);
    CHECK(zone_table_find(t, name_root, true) == z[0]);
    q = nm("org.");
    CHECK(zone_table_find(t, q.w, false) == z[0]);
    CHECK(zone_table_get(t, q.w) == NULL);
    q = nm("TEST.");
    CHECK(zone_table_get(t, q.w) == z[4]);
    CHECK_EQ(zone_table_count(t), 5);
    CHECK(zone_table_at(t, 0) == z[0]); /* canonical order */
    zone_table_free(t);
    CHECK(zone_table_new(z + 1, 2, &t) == ST_OK);
    CHECK(zone_table_find(t, q.w, false) == NULL);
    zone_table_free(t);
    struct zone *twice[2] = {z[1], z[1]};
    CHECK(zone_table_new(twice, 2, &t2) == ST_EEXIST);
    CHECK(zone_table_new(NULL, 0, &t2) == ST_OK);
    CHECK(zone_table_find(t2, q.w, false) == NULL);
    zone_table_free(t2);
    for (int i = 0; i < 5; i++)
        zone_drop(z[i]);
}

/* Few zones are compared one by one, many are looked up by hash: both find what a search over the
 * names finds. */
TEST(table_few_and_many_agree)
{
    static const char *const none[] = {NULL};
    static const char *const names[] = {".",        "Com.",  "example.com.", "a.example.com.",
                                        "b.a.com.", "test.", "x.test.",      "a.b."};
    static const char *const asked[] = {".",
                                        "com.",
                                        "example.COM.",
                                        "www.example.com.",
                                        "A.example.com.",
                                        "z.a.example.com.",
                                        "a.com.",
                                        "b.a.com.",
                                        "c.b.a.com.",
                                        "test.",
                                        "x.test.",
                                        "y.x.test.",
                                        "xample.com.",
                                        "est.",
                                        "b.",
                                        "a.b.",
                                        "q.a.b."};
    struct zone *z[8];
    for (int i = 0; i < 8; i++)
        z[i] = zone_of(names[i], none);
    for (unsigned set = 0; set < 256; set++) {
        struct zone *v[8];
        size_t n = 0;
        struct zone_table *t = NULL;
        for (unsigned i = 0; i < 8; i++)
            if (set >> i & 1)
                v[n++] = z[i];
        REQUIRE(zone_table_new(v, n, &t) == ST_OK);
        for (size_t k = 0; k < ARRAY_LEN(asked); k++) {
            struct name q = nm(asked[k]);
            const struct zone *best = NULL, *above = NULL;
            for (unsigned labels = 0; labels <= name_labels(q.w); labels++)
                for (size_t i = 0; i < n; i++)
                    if (name_labels(zone_origin(v[i])) == labels &&
                        name_in(q.w, zone_origin(v[i]))) {
                        above = best;
                        best = v[i];
                    }
            CHECK(zone_table_find(t, q.w, false) == best);
            bool apex = best != NULL && name_equal(zone_origin(best), q.w) && above != NULL;
            CHECK(zone_table_find(t, q.w, true) == (apex ? above : best));
        }
        zone_table_free(t);
    }
    for (int i = 0; i < 8; i++)
        zone_drop(z[i]);
}
