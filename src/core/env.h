/* What a machine needs from the world and may not take for itself: time and randomness. io/
 * supplies real ones, sim/ ones that follow from a seed. */
#ifndef BANYAN_CORE_ENV_H
#define BANYAN_CORE_ENV_H

#include "base/bytes.h"

/* Both clocks, read once a loop turn. A timer uses mono_us; an expiry uses both, so that a clock
 * that steps harms nothing. */
struct now {
    uint64_t mono_us; /* since boot, running during suspend */
    uint64_t wall_s;  /* Unix time */
};

struct env {
    void *ctx;
    /* Fills n bytes from a cryptographically secure source (in the simulator: from the seed). */
    void (*random)(void *ctx, void *buf, size_t n);
};

static inline uint16_t env_random16(const struct env *e)
{
    uint16_t v;
    e->random(e->ctx, &v, sizeof v);
    return v;
}

static inline uint64_t env_random64(const struct env *e)
{
    uint64_t v;
    e->random(e->ctx, &v, sizeof v);
    return v;
}

/* Uniform in [0, n), n > 0; the bias of 2^-32 does not matter for what it is used for. */
static inline uint32_t env_random_below(const struct env *e, uint32_t n)
{
    return (uint32_t)(((env_random64(e) >> 32) * n) >> 32);
}

#endif
