/* A scenario being played; private to the player. */
#ifndef BANYAN_SIM_PLAYER_STATE_H
#define BANYAN_SIM_PLAYER_STATE_H

#include "core/trace.h"
#include "sim/player.h"
#include "sim/sim.h"

struct script_host;

struct player {
    struct scenario *sc;
    const char *file;
    struct diag_sink *sink;
    struct text *log;
    struct internet internet;
    struct script_host *script_host; /* one a host */
    struct env env;
    struct prng random;
    struct root_hint *hints;
    size_t hint_count;
    struct netprefix allow[2];
    size_t allow_count;
    struct resolver_options options;
    struct sim_net net;
    struct sim *sim;
    struct arena arena;
    /* about the last question: */
    uint64_t asked_us, took_us;
    unsigned sent, sent_tcp, answers;
    unsigned *sent_to; /* by host */
    bool reason[WHY_COUNT];
    size_t wire_n; /* 0: no answer */
    uint8_t wire[65535];
};

/* Tells a difference at the step's line. */
void player_differs(struct player *p, const struct step *s, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* A step that expects something. */
void player_check(struct player *p, const struct step *s);

#endif
