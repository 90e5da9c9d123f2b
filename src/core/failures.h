/* What went wrong lately, and what was slow: always kept, without anybody having asked for it.
 *
 * A failure is one question with all that led to its end; the same question failing again in the
 * same way is counted. A resolver keeps the last LIMIT_FAILURES of them and the slowest answers,
 * each LIMIT_INCIDENT_BYTES at most: nothing of this is touched by an answer that is good and fast.
 *
 * What is kept does not change any more and is counted by references, so that a reader on another
 * thread takes it without a copy. The lists themselves belong to one thread. */
#ifndef BANYAN_CORE_FAILURES_H
#define BANYAN_CORE_FAILURES_H

#include "base/hash.h"
#include "core/trace.h"

enum { WAITS_KEPT = 6 };

/* For whom the question waited. */
struct upstream_wait {
    struct netaddr to;
    uint32_t us;
    uint16_t asked, lost; /* questions sent; those without any reply */
};

struct upstream_waits {
    uint8_t n;
    struct upstream_wait v[WAITS_KEPT];
};

/* Adds to the server's sum; a server too many is left out. */
void waits_add(struct upstream_waits *w, const struct netaddr *to, uint64_t us, bool lost);

/* One event of the trace that says something about the end. */
struct incident_step {
    struct trace_event event;
    struct trace_detail detail; /* points into the incident */
};

struct incident {
    uint32_t took_us;
    uint16_t type, rcode;
    uint16_t why;  /* enum reason */
    int16_t ede;   /* as told to the client (RFC 8914), or -1 */
    uint8_t steps; /* events kept of the trace */
    bool cut;      /* there were more */
    struct upstream_waits waits;
    const uint8_t *name;
    struct incident_step *step;
};

/* As told by who saw it; all is borrowed. */
struct incident_news {
    const uint8_t *name;
    uint16_t type, rcode, why;
    int16_t ede;
    uint32_t took_us;
    uint32_t clients;                   /* who waited for it: counted as so many; 0 as one */
    struct netaddr client;              /* one of them; family NONE: not known */
    const struct upstream_waits *waits; /* or NULL */
    const struct trace *trace;          /* or NULL */
};

/* One row of a list. */
struct incident_seen {
    struct incident *what;    /* a reference: incident_drop() */
    struct netprefix client;  /* the last one; family NONE: not known */
    uint64_t first_s, last_s; /* wall time */
    uint64_t count;
};

struct incident *incident_keep(struct incident *i);
void incident_drop(struct incident *i);
/* The trace of it, armed, for trace_explain() and trace_timeline(); trace_free() it. */
void incident_trace(const struct incident *i, struct trace *ret);

/* --- failures --- */
struct failures;
/* NULL when memory is out. */
struct failures *failures_new(const struct hash_key *key) MUST_USE;
void failures_free(struct failures *f);
/* Adds it, or counts it. A failure that only repeats what is remembered (WHY_CACHE_FAILURE, or a
 * verdict out of the cache) is counted with the first. Without memory nothing is kept. */
void failures_add(struct failures *f, const struct incident_news *news, struct now now);

/* --- slow answers --- */
struct slow_answers;
struct slow_answers *slow_new(void) MUST_USE;
void slow_free(struct slow_answers *s);
/* Whether an answer that took so long would be kept. */
bool slow_wants(const struct slow_answers *s, uint32_t took_us, struct now now);
void slow_add(struct slow_answers *s, const struct incident_news *news, struct now now);

/* --- reading --- */
struct incident_list {
    struct incident_seen *v;
    size_t n, cap;
};

/* Which rows are wanted. */
struct incident_filter {
    const uint8_t *name; /* this name alone; with `below` it and all below; NULL: any */
    bool below;
    uint16_t type;      /* 0: any */
    const char *reason; /* how the reason's word begins; NULL or "": any */
    uint32_t last;      /* the newest (or slowest) so many; 0: all */
    uint32_t over_ms;   /* slow answers: at least so long */
    bool hour;          /* slow answers: of the last hour; else since the start */
};

/* Adds references to what matches; false: no memory. */
bool failures_read(const struct failures *f, const struct incident_filter *want,
                   struct incident_list *to) MUST_USE;
bool slow_read(const struct slow_answers *s, const struct incident_filter *want, struct now now,
               struct incident_list *to) MUST_USE;
/* Failures: joins what several workers saw of one. Newest first, or slowest first; cuts the list to
 * want->last. */
void incidents_sort(struct incident_list *l, const struct incident_filter *want, bool slow);
void incidents_free(struct incident_list *l);

/* One line each, for people. */
void failures_table(const struct incident_list *l, struct text *out);
void slow_table(const struct incident_list *l, struct text *out);
/* A paragraph each: what trace_explain() says. */
void failures_paragraphs(const struct incident_list *l, struct text *out);
/* An array with all that is known. */
void incidents_json(const struct incident_list *l, struct json *out);

#endif
