#include "base/test.h"
#include "dns/encode.h"
#include "resolver/machine.h"

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

/* An explanation that cannot begin is refused, whatever is not to be had, and nothing is left. */
TEST(an_explanation_that_cannot_begin_is_refused)
{
    static const struct {
        const char *name;
        bool full; /* no lookup can be made */
        unsigned rcode;
    } rows[] = {{"www.example.org.A.explain.banyan.", true, RCODE_SERVFAIL},
                {"www.example.org.TYPE0.explain.banyan.", false, RCODE_FORMERR},
                {"www.example.org.ANY.explain.banyan.", false, RCODE_FORMERR}};
    static uint8_t out[4096];
    struct prng rng = {7};
    const struct env env = {&rng, seeded};
    struct resolver_options opt;
    resolver_options_default(&opt);
    struct cache *cache = cache_new(1 << 20, 1, &env);
    REQUIRE(cache != NULL);
    struct resolver *r = resolver_new(&opt, cache, &env);
    REQUIRE(r != NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t in[300];
        struct name n;
        size_t size;
        REQUIRE(name_from(rows[i].name, &n) == ST_OK);
        struct request rq = {.transport = TRANSPORT_LOCAL,
                             .now = {1000000, 1700000000},
                             .wire = bytes_of(in, encode_query(in, sizeof in, 1, MSG_RD, n.w,
                                                               RR_TXT, CLASS_CH, NULL)),
                             .out = out,
                             .out_cap = sizeof out};
        r->lookup_count = rows[i].full ? LIMIT_LOOKUPS : 0;
        CHECK_EQ(resolver_request(r, &rq, &size), OUTCOME_ANSWER);
        CHECK_EQ(get_be16(out + 2) & 15, rows[i].rcode);
        CHECK_EQ(r->client_count + r->explains, 0);
    }
    r->lookup_count = 0;
    resolver_free(r);
    cache_free(cache);
}
