/* What an answer out of the cache costs in this process: the figure to set beside Unbound's. */
#include "dns/encode.h"
#include "dns/rr_type.h"
#include "resolver/resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NAMES = 100000, QUERIES = 3000000 };

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void)
{
    static uint8_t out[4096];
    static struct {
        uint8_t w[96];
        uint16_t n;
    } query[NAMES];
    struct prng rng = {1};
    const struct env env = {&rng, seeded};
    struct now now = {.mono_us = 1000000, .wall_s = 1700000000};
    struct resolver_options opt;
    resolver_options_default(&opt);
    struct cache *cache = cache_new((size_t)256 << 20, 0, &env);
    struct resolver *r = resolver_new(&opt, cache, &env);
    struct edns_out o = {.present = true, .udp_size = 1232};
    for (unsigned i = 0; i < NAMES; i++) {
        char text[64];
        struct name n;
        uint8_t rd[] = {0, 4, 192, 0, (uint8_t)(i >> 8), (uint8_t)i};
        snprintf(text, sizeof text, "host%u.domain%u.example.", i, i % 997);
        if (name_from(text, &n) != ST_OK)
            return 1;
        cache_put(cache, &(struct rrset){n.w, RR_A, CLASS_IN, 3600, 1, sizeof rd, rd}, RANK_ANSWER,
                  NULL, now);
        query[i].n = (uint16_t)encode_query(query[i].w, sizeof query[i].w, (uint16_t)i, MSG_RD, n.w,
                                            RR_A, CLASS_IN, &o);
    }
    struct cache_stats st = cache_stats(cache);
    printf("%.0f bytes a cached name\n", (double)st.bytes / (double)st.entries);
    for (unsigned working = 100; working <= NAMES; working *= 1000) {
        double t = cpu_s();
        size_t sum = 0;
        for (unsigned i = 0; i < QUERIES; i++) {
            unsigned k = (unsigned)prng_below(&rng, working);
            size_t n = 0;
            struct request rq = {.client = netaddr_v4((const uint8_t[]){127, 0, 0, 1}, 999),
                                 .now = now,
                                 .wire = bytes_of(query[k].w, query[k].n),
                                 .out = out,
                                 .out_cap = sizeof out};
            if (resolver_request(r, &rq, &n) != OUTCOME_ANSWER)
                return 1;
            sum += n;
        }
        printf("%u names: %.0f ns a hit (%zu bytes)\n", working, (cpu_s() - t) * 1e9 / QUERIES,
               sum / QUERIES);
    }
    resolver_free(r);
    cache_free(cache);
    return 0;
}
