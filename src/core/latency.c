#include "core/latency.h"

static unsigned bucket(uint32_t us)
{
    if (us < LATENCY_STEPS)
        return us;
    unsigned top = 31 - (unsigned)__builtin_clz(us); /* 3 at least */
    unsigned b = (top - 2) * LATENCY_STEPS + (us >> (top - 3) & (LATENCY_STEPS - 1));
    return MIN(b, (unsigned)LATENCY_BUCKETS - 1);
}

/* The largest time in it. */
static uint64_t edge(unsigned b)
{
    unsigned shift = b < 2 * LATENCY_STEPS ? 0 : b / LATENCY_STEPS - 1;
    uint64_t first = b < LATENCY_STEPS ? b : (LATENCY_STEPS + b % LATENCY_STEPS);
    return ((first + 1) << shift) - 1;
}

void latency_count(struct latency *l, uint32_t us, uint32_t n)
{
    l->count[bucket(us)] += n;
}

uint64_t latency_within(const struct latency *l, uint64_t at_once, uint32_t of_million)
{
    uint64_t all = at_once, below = at_once;
    for (unsigned b = 0; b < LATENCY_BUCKETS; b++)
        all += l->count[b];
    uint64_t want = all / 1000000 * of_million + all % 1000000 * of_million / 1000000;
    want += want < all; /* rounded up */
    if (all == 0 || want <= below)
        return 0;
    for (unsigned b = 0; b < LATENCY_BUCKETS; b++) {
        below += l->count[b];
        if (below >= want)
            return edge(b);
    }
    return edge(LATENCY_BUCKETS - 1);
}
