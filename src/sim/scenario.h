/* Scenarios: one behaviour each, as data (scenarios/README.md explains the format). A file says
 * which servers and zones there are, what clients ask at which virtual time, and what must come of
 * it: the answer, the number of upstream packets and where they went, the reasons in the trace.
 *
 * This file parses; sim/player.h plays. */
#ifndef BANYAN_SIM_SCENARIO_H
#define BANYAN_SIM_SCENARIO_H

#include "core/budget.h"
#include "resolver/local_data.h"
#include "sim/world.h"

enum {
    SCENARIO_STEPS = 512,
    SCENARIO_SCRIPTS = 64,
    SCENARIO_SCRIPT_RRS = 32,
    SCENARIO_REPLAYS = 8,
    SCENARIO_REPLAY_TYPES = 8,
    SCENARIO_OPTIONS = 32,
    SCENARIO_BROKEN = 32,
    SCENARIO_RECIPES = 8, /* written in the scenario itself */
    SCENARIO_ANCHORS = 8,
    SCENARIO_ROUTES = 4, /* and addresses of each */
    SCENARIO_PART = 160, /* of a text that is to be contained */
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
    bool tcp, no_edns, cold, dnssec_ok, no_rd, none, cd, ad;
    bool any_name; /* "*" in the place of a name */
    bool numbered; /* each of the questions has a name of its own, below this one */
    bool mixed;    /* each has other flags and another client subnet */
    bool spread;   /* each is from another address of the client's network */
    bool some;     /* not all need to be answered */
    struct netaddr client;
    enum compare compare;
    int64_t value;            /* count, microseconds, seconds, RCODE: as the kind says */
    char word[64];            /* fault, reason, flag, item of the budget */
    char part[SCENARIO_PART]; /* what a text contains; "" for any */
    struct scenario_rr *rr;
};

/* Records of an answer to another question, as a server would give it now: for replayed signatures
 * and proofs, and for answers from which something was taken. */
struct replay {
    struct name server; /* whose */
    struct name name;
    bool same_name; /* the name asked */
    uint16_t type;  /* 0: the type asked */
    bool section[4];
    bool renamed;
    struct name as; /* what the owner `name` becomes, in all sections */
    bool only;      /* the types are those that are taken, else those that are not */
    uint16_t types[SCENARIO_REPLAY_TYPES];
    unsigned type_count;
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
    bool silent, any_name, below, no_qr, no_opt, has_rcode;
    struct replay replay[SCENARIO_REPLAYS];
    unsigned replay_count;
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
    struct breakage broken[SCENARIO_BROKEN];
    unsigned broken_count;
    struct text recipe[SCENARIO_RECIPES]; /* the files of some of those */
    unsigned recipe_count;
    struct name anchor[SCENARIO_ANCHORS]; /* zones whose keys are trusted; none given: the root */
    unsigned anchor_count;
    bool anchor_none, anchor_wrong, anchor_altered;
    struct {
        struct name name;
        uint64_t for_s; /* UINT64_MAX: for good */
    } negative[SCENARIO_ANCHORS];
    unsigned negative_count;
    struct scenario_route {
        struct name zone;
        struct netaddr address[SCENARIO_ROUTES];
        unsigned address_count;
        bool stub, fallback;
    } route[SCENARIO_ROUTES];
    unsigned route_count;
    struct local_data *local;          /* owned; NULL: nothing */
    struct name copy[SCENARIO_ROUTES]; /* zones that the resolver has as they are at the start */
    unsigned copy_count;
    struct {
        struct name server, agent; /* whom its answers name for reports of failures (RFC 9567) */
    } agent[SCENARIO_ANCHORS];
    unsigned agent_count;
    /* Set by the caller before it plays: where recipes and RSA keys are read. May be NULL. */
    const struct file_source *files;
    const char *lab;
    /* Where the costs of hostile questions are told, a line each (sim/player_cost.c). May be NULL.
     */
    struct text *costs;
};

/* The word of a recipe that stands in the scenario itself. */
#define SCENARIO_RECIPE_WORD "in-this-scenario-%u"

/* Parses; file is for messages. ST_ESYNTAX with *d filled, ST_ENOMEM. scenario_free() in any case.
 */
enum status scenario_parse(struct scenario *sc, struct bytes text, const char *file,
                           struct diag *d) MUST_USE;
void scenario_free(struct scenario *sc);
/* "signatures": BUDGET_SIGNATURES; BUDGET_ITEMS if there is none of that name. */
enum budget_item scenario_budget(const char *word);

#endif
