#include "auth/state.h"
#include "auth/testlib.h"
#include "base/test.h"

/* Every stage's needs are given before it runs, also after a stage that settles the reply. */
TEST(auth_role_is_in_order)
{
    CHECK(role_check(&auth_role) == NULL);
    CHECK_STR(auth_role.stage[0].name, "parse");
    CHECK_STR(auth_role.stage[auth_role.n - 1].name, "account");
}

static const char addresses[] = "@ 60 SOA ns host 1 2 3 4 30\n"
                                "@ 60 NS ns\n"
                                "ns 60 A 192.0.2.1\nns 60 A 192.0.2.2\nns 60 A 192.0.2.3\n"
                                "one 60 A 192.0.2.9\n";

static size_t ask(struct lab *l, const char *name, uint16_t type, uint8_t *buf, struct bytes *ret)
{
    struct name n;
    struct edns_out none = {0};
    if (name_from(name, &n) != ST_OK)
        return 0;
    size_t len = encode_query(buf, 512, 77, 0, n.w, type, CLASS_IN, &none);
    (void)lab_feed(l, bytes_of(buf, len), TRANSPORT_UDP, 4096, ret);
    return ret->n;
}

/* The last byte of the first address in the answer. */
static unsigned first_address(struct lab *l, const char *name)
{
    uint8_t q[512];
    struct bytes r;
    size_t n = ask(l, name, RR_A, q, &r);
    struct arena a;
    struct msg m;
    unsigned last = 0;
    arena_init(&a, 4096, 0);
    if (n > 0 && msg_parse(r, &a, &m) == ST_OK && m.rr_count > 0)
        last = r.p[m.rr[0].rdata_off + 3];
    arena_free(&a);
    return last;
}

TEST(auth_rotates_addresses_in_turn)
{
    struct lab *l = lab_new();
    l->opt.rotation = ROTATE_CYCLIC;
    REQUIRE(lab_text(l, "example.", addresses) && lab_start(l));
    unsigned seen[6];
    for (int i = 0; i < 6; i++)
        seen[i] = first_address(l, "ns.example.");
    for (int i = 0; i < 6; i++)
        CHECK_EQ(seen[i], 1 + i % 3);
    CHECK_EQ(first_address(l, "one.example."), 9);
    lab_free(l);
}

TEST(auth_rotates_addresses_at_random)
{
    struct lab *l = lab_new();
    l->opt.rotation = ROTATE_RANDOM;
    REQUIRE(lab_text(l, "example.", addresses) && lab_start(l));
    unsigned count[4] = {0};
    for (int i = 0; i < 600; i++)
        count[first_address(l, "ns.example.") & 3]++;
    for (int i = 1; i <= 3; i++)
        CHECK(count[i] > 130 && count[i] < 270);
    lab_free(l);
}

TEST(auth_counts_outcomes)
{
    struct lab *l = lab_new();
    uint8_t q[512];
    struct bytes r;
    REQUIRE(lab_text(l, "example.", addresses) && lab_start(l));
    CHECK(ask(l, "ns.example.", RR_A, q, &r) > 0);
    CHECK(ask(l, "ns.example.", RR_MX, q, &r) > 0);
    CHECK(ask(l, "nope.example.", RR_A, q, &r) > 0);
    CHECK(ask(l, "elsewhere.", RR_A, q, &r) > 0);
    (void)lab_feed(l, bytes_of("short", 5), TRANSPORT_UDP, 4096, &r);
    const struct auth_counters *c = auth_counters(l->auth);
    CHECK_EQ(c->queries, 5);
    CHECK_EQ(c->answers, 1);
    CHECK_EQ(c->nodata, 1);
    CHECK_EQ(c->nxdomain, 1);
    CHECK_EQ(c->refused, 1);
    CHECK_EQ(c->dropped, 1);
    lab_free(l);
}

TEST(auth_swaps_to_new_zones)
{
    struct lab *a = lab_new(), *b = lab_new();
    REQUIRE(lab_text(a, "example.", addresses) && lab_start(a));
    REQUIRE(
        lab_text(b, "example.", "@ 60 SOA ns host 2 2 3 4 30\n@ 60 NS ns\nns 60 A 192.0.2.7\n") &&
        lab_start(b));
    CHECK_EQ(first_address(a, "ns.example."), 1);
    auth_swap(a->auth, b->table, &b->opt);
    CHECK_EQ(first_address(a, "ns.example."), 7);
    lab_free(a);
    lab_free(b);
}

/* The response never is larger than the buffer, and ends whole wherever it is cut. */
TEST(auth_respects_small_buffers)
{
    struct lab *l = lab_new();
    uint8_t q[512];
    struct bytes r;
    REQUIRE(lab_text(l, "example.", addresses) && lab_start(l));
    size_t n = ask(l, "ns.example.", RR_A, q, &r);
    CHECK(n > 60);
    struct arena a;
    struct msg m;
    arena_init(&a, 4096, 0);
    for (size_t cap = 28; cap < n; cap++) {
        CHECK_EQ(lab_feed(l, bytes_of(q, 28), TRANSPORT_TCP, cap, &r), OUTCOME_ANSWER);
        CHECK(r.n <= cap);
        CHECK_EQ(msg_parse(r, &a, &m), ST_OK);
        CHECK((m.h.flags & MSG_TC) != 0 && m.rr_count == 0);
    }
    arena_free(&a);
    lab_free(l);
}
