/* The trace of one query: what every decision leaves behind, and what metrics, EDE, `explain` and
 * the timeline read.
 *
 * Unarmed, a trace is a ring of the last LIMIT_TRACE_RING 16-byte events, without names but where
 * something went wrong (the first LIMIT_TRACE_TROUBLES times): enough to say why a query failed.
 * Armed, it keeps every event with names, addresses and words, bounded by LIMIT_TRACE_EVENTS and
 * LIMIT_TRACE_BYTES. A cache hit writes no event unless armed. */
#ifndef BANYAN_CORE_TRACE_H
#define BANYAN_CORE_TRACE_H

#include "base/arena.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/netaddr.h"
#include "core/budget.h"
#include "core/env.h"
#include "dns/name.h"

enum reason_kind {
    REASON_STEP,
    REASON_SEND,
    REASON_REPLY,
    REASON_CACHE,
    REASON_PROBLEM,
    REASON_VERDICT
};

enum reason {
#define REASON(name, word, kind, ede, sentence) WHY_##name,
#include "core/reasons.def"
#undef REASON
    WHY_COUNT
};

const char *reason_word(enum reason r);
enum reason_kind reason_kind(enum reason r);
/* Extended DNS Error code (RFC 8914), or -1. */
int reason_ede(enum reason r);
const char *reason_sentence(enum reason r);

/* What an event is about; every member may be left zero. Borrowed by trace_add, copied when armed.
 */
struct trace_detail {
    const uint8_t *name, *zone, *server; /* names; server is the name server's host name */
    uint16_t type;
    uint16_t rcode;
    struct netaddr address;
    uint32_t value;  /* seconds, milliseconds, bytes or a count: as the reason says */
    uint32_t rtt_us; /* for REPLY events */
    const char *text;
};

/* In the text of a failed validation: then it is not for want of a signer. */
#define WORDS_NO_EDNS "does not take EDNS"

struct trace_event {
    uint32_t at_us; /* since the query began */
    uint16_t reason;
    uint8_t depth; /* of sub-queries */
    uint8_t query; /* number of the (sub-)query inside this trace, 0 the client's */
    uint32_t value;
    uint32_t detail; /* 1 + index into details; 0: none kept */
};

struct trace {
    uint64_t start_us;
    bool armed;
    bool cut;                                  /* events were lost to a limit */
    uint32_t total;                            /* events ever added */
    struct trace_event ring[LIMIT_TRACE_RING]; /* unarmed: the last ones */
    struct trace_event *events;                /* armed: all */
    struct trace_detail *details;              /* of events; unarmed: of troubles */
    uint32_t n, cap;                           /* of details */
    struct arena arena;
    struct budget spent; /* copied when the query ends */
    uint32_t total_us;
    uint16_t rcode; /* how it ended */
};

void trace_init(struct trace *t, struct now now, bool armed);
void trace_free(struct trace *t);
/* Adds an event; d may be NULL. Never fails: past its limits it drops and notes that. */
void trace_add(struct trace *t, struct now now, enum reason why, unsigned query, unsigned depth,
               const struct trace_detail *d);
/* The event by which the query's failure is best explained (the last PROBLEM), or NULL. */
const struct trace_event *trace_culprit(const struct trace *t);
/* Events in order: of the ring if unarmed. Start with *i 0. */
const struct trace_event *trace_next(const struct trace *t, uint32_t *i);
const struct trace_detail *trace_detail_of(const struct trace *t, const struct trace_event *e);

#endif
