/* The simulator: one resolver machine, the hosts of an Internet, and a network between them that
 * loses, delays, doubles, reorders and damages packets, all in virtual time and out of one seed.
 *
 * It is the other implementation of what io/ does: it feeds the machines, drains their effects, and
 * supplies the clock and the randomness. Two runs with one seed are the same to the last byte;
 * sim_hash() proves it. */
#ifndef BANYAN_SIM_SIM_H
#define BANYAN_SIM_SIM_H

#include "base/heap.h"
#include "resolver/resolver.h"
#include "sim/internet.h"

enum {
    SIM_EXCHANGES = 4096,
    SIM_EVENTS = 65536,
    SIM_START_WALL_S = 1767225600 /* 2026-01-01: virtual time begins here */
};

struct sim_net {
    uint32_t link_us;   /* one way between resolver and every host, besides the host's own delay */
    uint32_t jitter_us; /* at most so much more, at random: this also reorders */
    uint32_t loss_ppm;  /* of a million packets, each way */
    uint32_t duplicate_ppm;
    uint32_t corrupt_ppm; /* one byte changed */
    uint32_t mtu;         /* larger UDP packets are lost, as where fragments are; 0: none */
};

/* Told about what goes on; every member may be NULL. */
struct sim_watch {
    void *ctx;
    /* The answer to a client; wire.n 0: it gets none. */
    void (*answer)(void *ctx, uint64_t token, struct bytes wire);
    /* A packet of the resolver to a server. */
    void (*sent)(void *ctx, const struct effect *e);
    /* A packet of a server as it arrives. */
    void (*received)(void *ctx, const struct netaddr *from, struct bytes wire);
};

struct sim_setup {
    uint64_t seed;
    struct internet *internet; /* borrowed */
    const struct resolver_options *resolver;
    size_t cache_bytes;
    struct sim_net net;
    struct sim_watch watch;
};

struct sim;

/* NULL when memory is out. */
struct sim *sim_new(const struct sim_setup *setup) MUST_USE;
void sim_free(struct sim *s);
/* A client's question, now; the answer comes through watch.answer, perhaps at once. */
void sim_ask(struct sim *s, uint64_t token, const struct netaddr *client, enum transport transport,
             struct bytes wire);
/* Carries out what the machine wants after something was done with it directly (resolver_resolve).
 */
void sim_kick(struct sim *s);
/* Lets everything happen up to and including that time of the virtual clock. */
void sim_run_until(struct sim *s, uint64_t mono_us);
/* Runs until nothing is on its way and the machine has no timer before `limit_us`. */
void sim_run_idle(struct sim *s, uint64_t limit_us);
/* Time of the next thing that happens; UINT64_MAX: nothing will. */
uint64_t sim_next(const struct sim *s);
struct now sim_now(const struct sim *s);
struct resolver *sim_resolver(struct sim *s);
struct cache *sim_cache(struct sim *s);
const struct env *sim_env(struct sim *s);
/* As a reload does: other options, everything else stays. */
void sim_reload(struct sim *s, const struct resolver_options *opt);
/* The process ends and another one begins after down_us: what is on its way is lost, and so are the
 * questions that wait; the cache comes back out of a snapshot. ST_ENOMEM. */
enum status sim_restart(struct sim *s, const struct resolver_options *opt, size_t cache_bytes,
                        uint64_t down_us) MUST_USE;
/* Moves the wall clock alone, as a person or NTP does. */
void sim_step_wall(struct sim *s, int64_t by_s);

struct sim_counts {
    uint64_t sent_udp, sent_tcp, received, lost, duplicated, corrupted, too_big, open_exchanges;
};
struct sim_counts sim_counts(const struct sim *s);
/* Hash over everything that happened so far. */
uint64_t sim_hash(const struct sim *s);

#endif
