/* One run of the simulator: an Internet, some clients, every answer judged by the oracle, and the
 * promises that hold for all runs checked at the end. */
#ifndef BANYAN_SIM_RUN_H
#define BANYAN_SIM_RUN_H

#include "sim/sim.h"

struct run_options {
    uint64_t seed;
    unsigned queries;                /* 0: 60 */
    bool faults;                     /* broken servers and a bad network, as the seed says */
    const struct topology *topology; /* NULL: an Internet made up from the seed */
    bool dnssec;    /* an Internet made up is signed, too (topologies say it themselves) */
    bool events;    /* reloads, restarts, flushes and steps of the clock between the questions */
    bool unchecked; /* signed or not, the resolver does not validate */
    const struct file_source *files; /* with a topology: where its zones are */
    const char *dir;
    struct text *log;  /* every event in words; NULL: none */
    const char *trace; /* "NAME [TYPE]": asked last, its timeline in trace_out */
    struct text *trace_out;
};

enum { RUN_VIOLATIONS = 8, RUN_VIOLATION_TEXT = 600 };

struct run_result {
    uint64_t hash;
    unsigned queries, answered, servfail, secure, excused, updates, events;
    uint64_t packets, virtual_us, most_packets; /* most for one question asked alone */
    unsigned violations; /* counted; the first RUN_VIOLATIONS are kept in words */
    char violation[RUN_VIOLATIONS][RUN_VIOLATION_TEXT];
};

/* ST_OK also when there were violations. Errors of making the Internet go to sink. */
enum status run_seed(const struct run_options *opt, struct diag_sink *sink,
                     struct run_result *ret) MUST_USE;

#endif
