/* Scenarios: one behaviour each, as data (scenarios/README.md explains the format). A file says
 * which servers and zones there are, what clients ask at which virtual time, and what must come of
 * it: the answer, the number of upstream packets and where they went, the reasons in the trace.
 *
 * This file parses; sim/player.h plays. */
#ifndef BANYAN_SIM_SCENARIO_H
#define BANYAN_SIM_SCENARIO_H

#include "sim/world.h"

enum {
    SCENARIO_STEPS = 512,
    SCENARIO_SCRIPTS = 64,
    SCENARIO_SCRIPT_RRS = 32,
    SCENARIO_OPTIONS = 32
};

enum step_kind {
#define STEP(name, word, help) STEP_##name,
#include "sim/steps.def"
#undef STEP
    STEP_COUNT
};

/* How a number of the run is compared. */
enum compare { COMPARE_EQUAL, COMPARE_AT_MOST, COMPARE_AT_LEAST };

/* A record as written in the file. */
struct scenario_rr {
    struct name owner;
    uint32_t ttl;
    bool any_ttl;
    uint16_t type;
    uint16_t rdata_n;
    uint8_t rdata[1024];
};

struct step {
    enum step_kind kind;
    uint32_t line;
    bool negate;      /* "not" before it */
    struct name name; /* question or target */
    uint16_t type;
    struct name server; /* the server asked directly, or counted */
    bool direct;        /* ask @SERVER */
    bool tcp, no_edns, cold, dnssec_ok, no_rd, none;
    struct netaddr client;
    enum compare compare;
    int64_t value; /* count, microseconds, seconds, RCODE: as the kind says */
    char word[64]; /* fault, reason, flag */
    struct scenario_rr *rr;
};

/* A server's own answer in the place of what its zones would say. */
struct script {
    struct name server, name;
    uint16_t type;  /* 0: any */
    int transport;  /* -1: any */
    unsigned times; /* 0: always */
    unsigned used;
    uint16_t flags; /* QR is set unless no_qr */
    uint16_t rcode;
    bool silent, any_name, below, no_qr;
    uint8_t section[SCENARIO_SCRIPT_RRS];
    struct scenario_rr *rr[SCENARIO_SCRIPT_RRS];
    unsigned rr_count;
};

struct scenario {
    char about[200], rfc[200];
    struct world *world; /* owned: servers and zones */
    struct arena arena;
    struct step *step; /* SCENARIO_STEPS of them, in the arena */
    unsigned step_count;
    struct script *script; /* SCENARIO_SCRIPTS of them */
    unsigned script_count;
    struct {
        char word[32];
        uint64_t value;
        uint32_t line;
    } option[SCENARIO_OPTIONS];
    unsigned option_count;
};

/* Parses; file is for messages. ST_ESYNTAX with *d filled, ST_ENOMEM. scenario_free() in any case.
 */
enum status scenario_parse(struct scenario *sc, struct bytes text, const char *file,
                           struct diag *d) MUST_USE;
void scenario_free(struct scenario *sc);

#endif
