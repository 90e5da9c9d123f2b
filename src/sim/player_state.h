/* A scenario being played; private to the player. */
#ifndef BANYAN_SIM_PLAYER_STATE_H
#define BANYAN_SIM_PLAYER_STATE_H

#include "auth/auth.h"
#include "core/trace.h"
#include "sim/player.h"
#include "sim/sim.h"

/* A host and who plays it. */
struct script_host {
    struct player *p;
    struct host *h;
};

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
    struct anchors *anchors;
    struct negative_anchor negative[SCENARIO_ANCHORS];
    struct netprefix private_net;
    struct route route[2 * SCENARIO_ROUTES];
    struct zone_table *own_table; /* of the scenario's copies */
    struct auth_options own_options;
    struct auth *own;
    struct file_source files; /* zones and recipes of the scenario, others of the lab */
    struct netprefix allow[2];
    size_t allow_count;
    struct resolver_options options;
    struct rate_table rates;
    struct sim_net net;
    struct sim *sim;
    struct arena arena, script_arena;
    /* about the last question: */
    uint64_t asked_us, took_us;
    unsigned sent, sent_tcp, answers, questions;
    size_t received;   /* bytes */
    unsigned *sent_to; /* by host */
    bool reason[WHY_COUNT];
    bool traced;
    struct budget spent;
    struct text timeline;
    size_t wire_n; /* 0: no answer */
    uint8_t wire[65535];
};

/* Tells a difference at the step's line. */
void player_differs(struct player *p, const struct step *s, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Makes the Internet of the scenario, and the resolver's options. ST_ESEMANTIC (told), ST_ENOMEM.
 */
enum status player_open(struct player *p) MUST_USE;
/* The scripts of a host (struct host_script); ctx is a script_host. */
bool player_script(void *ctx, const struct request *rq, size_t *ret_n);
/* Appends what the last question cost to p->sc->costs, as a row of a Markdown table. */
void player_cost(struct player *p, const struct step *s);
/* A step that expects something. */
void player_check(struct player *p, const struct step *s);

#endif
