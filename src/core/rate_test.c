#include "base/test.h"
#include "core/rate.h"

#include <stdlib.h>

static struct netaddr v4(unsigned n)
{
    const uint8_t a[4] = {198, 51, (uint8_t)(n >> 8), (uint8_t)n};
    return netaddr_v4(a, 1024);
}

static unsigned taken(struct rate_table *t, const struct rate_limit *l, const struct netaddr *who,
                      uint64_t from_us, unsigned n, uint64_t step_us)
{
    unsigned ok = 0;
    for (unsigned i = 0; i < n; i++)
        ok += rate_take(t, l, 0, who, from_us + i * step_us);
    return ok;
}

TEST(a_rate_is_kept_and_comes_back)
{
    struct rate_table *t = calloc(1, sizeof *t);
    const struct rate_limit l = {.per_s = 100, .burst = 20, .ipv4_bits = 32, .ipv6_bits = 64};
    struct netaddr a = v4(1), b = v4(2);
    REQUIRE(t != NULL);
    CHECK_EQ(taken(t, &l, &a, 1000000, 1000, 0), 20);     /* at once: the burst */
    CHECK_EQ(taken(t, &l, &b, 1000000, 5, 0), 5);         /* another client is not concerned */
    CHECK_EQ(taken(t, &l, &a, 2000000, 1000, 0), 20);     /* a second later: full again */
    unsigned ok = taken(t, &l, &a, 3000000, 10000, 1000); /* ten seconds of 1,000 a second */
    CHECK(ok >= 1000 && ok <= 1025);
    CHECK_EQ(taken(t, &l, &b, 20000000, 500, 10000), 500); /* as fast as allowed: all */
    CHECK_EQ(taken(t, &l, &a, 500000, 1, 0), 1);           /* the clock was set back */
    const struct rate_limit off = {0};
    CHECK_EQ(taken(t, &off, &a, 0, 1000, 0), 1000);
    free(t);
}

/* Workers read the clock once a turn: one that is behind must not open the way again. */
TEST(a_worker_that_is_behind_does_not_forget)
{
    struct rate_table *t = calloc(1, sizeof *t);
    const struct rate_limit l = {.per_s = 100, .burst = 20, .ipv4_bits = 32, .ipv6_bits = 64};
    struct netaddr a = v4(1);
    REQUIRE(t != NULL);
    CHECK_EQ(taken(t, &l, &a, 3000000, 100, 0), 20);
    CHECK_EQ(taken(t, &l, &a, 2999000, 100, 0), 0);
    CHECK_EQ(taken(t, &l, &a, 2000000, 100, 0), 0);
    CHECK_EQ(taken(t, &l, &a, 3010000, 100, 0), 1);
    free(t);
}

TEST(a_prefix_is_one_client)
{
    struct rate_table *t = calloc(1, sizeof *t);
    struct rate_limit l = {.per_s = 10, .burst = 10, .ipv4_bits = 24, .ipv6_bits = 56};
    uint8_t a6[16] = {0x20, 1, 0xd, 0xb8};
    unsigned ok = 0;
    REQUIRE(t != NULL);
    for (unsigned i = 0; i < 256; i++) {
        struct netaddr a = v4(i);
        ok += rate_take(t, &l, 0, &a, 1000000);
    }
    CHECK_EQ(ok, 10);
    for (unsigned i = ok = 0; i < 256; i++) {
        a6[7] = (uint8_t)i;
        a6[15] = (uint8_t)i;
        struct netaddr a = netaddr_v6(a6, 1024);
        ok += rate_take(t, &l, 0, &a, 1000000);
    }
    CHECK_EQ(ok, 10);
    a6[6] = 1; /* the next prefix of 56 bits */
    struct netaddr a = netaddr_v6(a6, 1024);
    CHECK(rate_take(t, &l, 0, &a, 1000000));
    free(t);
}

/* One network floods; of 20,000 others nearly nobody notices. */
TEST(strangers_hardly_ever_meet)
{
    struct rate_table *t = calloc(1, sizeof *t);
    const struct rate_limit l = {.per_s = 5, .burst = 5, .ipv4_bits = 32, .ipv6_bits = 64};
    unsigned turned_away = 0;
    REQUIRE(t != NULL);
    for (unsigned i = 0; i < 1000; i++) { /* a thousand flooders */
        struct netaddr a = v4(i);
        (void)taken(t, &l, &a, 1000000, 50, 0);
    }
    for (unsigned i = 1000; i < 21000; i++) {
        struct netaddr a = v4(i);
        turned_away += !rate_take(t, &l, 0, &a, 1000000);
    }
    CHECK(turned_away < 20);
    free(t);
}
