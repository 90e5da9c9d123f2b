#include "core/rate.h"

enum {
    /* Others may write the same place meanwhile; after so many tries a question goes uncounted. */
    TRIES = 4,
    /* Workers read the clock once a turn: another may be ahead by a long turn of ours. */
    LAG_US = 2000000,
};

static uint64_t prefix_hash(const struct rate_table *t, const struct rate_limit *l, uint64_t salt,
                            const struct netaddr *who)
{
    bool v4 = who->family == ADDR_V4;
    unsigned bits = v4 ? l->ipv4_bits : l->ipv6_bits, most = v4 ? 32 : 128;
    uint8_t p[8 + 1 + 16] = {0};
    bits = MIN(bits, most);
    memcpy(p, &salt, sizeof salt);
    p[8] = v4 ? 4 : 6;
    memcpy(p + 9, who->a, (bits + 7) / 8);
    if (bits % 8 != 0)
        p[9 + bits / 8] &= (uint8_t)(0xff00 >> bits % 8);
    return siphash13(&t->key, p, sizeof p);
}

/* True if there was room; then it is taken. */
static bool place_take(_Atomic uint64_t *place, uint64_t now, uint64_t each, uint64_t ahead)
{
    uint64_t was = atomic_load_explicit(place, memory_order_relaxed);
    for (unsigned i = 0; i < TRIES; i++) {
        /* What is much further ahead than a burst was left by a clock that has since been set back,
         * or by a limit that was another. */
        uint64_t paid = was > now && was <= now + ahead + each + LAG_US ? was : now;
        if (paid > now + ahead)
            return false;
        if (atomic_compare_exchange_weak_explicit(place, &was, paid + each, memory_order_relaxed,
                                                  memory_order_relaxed))
            break;
    }
    return true;
}

bool rate_take(struct rate_table *t, const struct rate_limit *l, uint64_t salt,
               const struct netaddr *who, uint64_t now_us)
{
    if (l->per_s == 0)
        return true;
    uint64_t h = prefix_hash(t, l, salt, who), each = MAX(1000000u / l->per_s, 1u);
    uint64_t ahead = each * ((l->burst != 0 ? l->burst : l->per_s) - 1u);
    bool room = false;
    for (unsigned i = 0; i < RATE_TABLES; i++)
        room |= place_take(&t->place[i][h >> 32 * i & (RATE_PLACES - 1)], now_us, each, ahead);
    return room;
}
