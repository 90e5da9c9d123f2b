/* The resolver's insides, shared by its files.
 *
 *     client.c    a client's question: access, local answers, the cache, and the answer written
 *     lookup.c    one question on its way: from the cache through zone cuts to its end; in-flight
 * table cut.c       the zone to ask: its servers and their addresses, from the cache or the hints
 *     choose.c    which address to ask next
 *     exchange.c  one upstream question and its answer: IDs, matching, time-outs
 *     reply.c     what a reply says, and which of its records may be believed
 *     servers.c   what is known about addresses: how fast, how faulty
 *     resolver.c  the object, its timers and effects */
#ifndef BANYAN_RESOLVER_MACHINE_H
#define BANYAN_RESOLVER_MACHINE_H

#include "base/heap.h"
#include "base/limits.h"
#include "base/list.h"
#include "core/budget.h"
#include "dns/encode.h"
#include "dns/msg.h"
#include "dns/rdata.h"
#include "query/query.h"
#include "resolver/resolver.h"
#include "resolver/servers.h"

enum {
    /* Zone cuts are kept under a type of their own, apart from what a client gets for an NS
     * question: a child can so never prolong its own delegation (ghost domains, CVE-2022-30698).
     * From the private-use range of RFC 6895 section 3.1. */
    TYPE_DELEGATION = 65281,
    /* Addresses looked at for one cut. */
    CUT_ADDRESSES = 2 * LIMIT_DELEGATION_SERVERS,
    EFFECTS_MAX = 1024,
    WIRE_QUERY_MAX = MSG_HEADER + LIMIT_NAME + 4 + 11 + 64,
};

/* --- work for one client question ----------------------------------------------------------------
 */

/* Shared by all lookups made for one client question; counted. */
struct job {
    struct budget budget;
    struct trace trace;
    uint32_t refs;
    uint8_t lookups; /* numbers given out */
    bool cold;
};

enum waiter_kind { WAIT_CLIENT, WAIT_TASK, WAIT_LOOKUP };

/* Who waits for a lookup: the first member of a client or task, or inside the lookup that waits. */
struct waiter {
    struct list link; /* in lookup.waiters */
    enum waiter_kind kind;
    struct lookup *parent, *child; /* WAIT_LOOKUP: who waits and for whom; child NULL: not in use */
};

struct client {
    struct waiter waiter;
    struct netaddr from, local;
    enum transport transport;
    uint64_t token;
    size_t out_cap, wire_n;
    uint8_t wire[]; /* the query as it came */
};

struct task {
    struct waiter waiter;
    struct resolve_task task; /* its name is not used past the start */
};

/* --- the zone being asked ------------------------------------------------------------------------
 */

enum names_state { SERVER_NEW, SERVER_ASKED, SERVER_KNOWN };

struct cut_server {
    struct name name;
    uint8_t state; /* enum names_state: of its addresses */
};

struct cut_address {
    struct netaddr addr;
    uint8_t server; /* index; 255: none */
    uint8_t tries;
    bool bad; /* answered uselessly: not asked again for this zone */
};

struct cut {
    struct name zone;
    uint8_t labels;
    bool from_hints;
    uint8_t servers, addresses;
    struct cut_server server[LIMIT_DELEGATION_SERVERS];
    struct cut_address address[CUT_ADDRESSES];
};

/* --- one question --------------------------------------------------------------------------------
 */

enum phase {
    PHASE_CACHE, /* look for the current name in the cache */
    PHASE_CUT,   /* find the zone to ask */
    PHASE_ASK,   /* choose a server and send */
    PHASE_REPLY, /* waiting for a reply */
    PHASE_CHILD, /* waiting for addresses of a server */
    PHASE_DONE,
};

struct lookup {
    struct list link;     /* in resolver.ready while it can run */
    struct list all;      /* in resolver.lookups */
    struct lookup *chain; /* in the in-flight table */
    uint64_t hash;
    bool in_table, ready;

    struct job *job;
    struct name name; /* the question: key of the in-flight table */
    uint16_t type;
    uint8_t depth, number;

    enum phase phase;
    const uint8_t *at; /* where aliases have led: name.w or in the arena */
    struct cut cut;
    uint8_t shown;     /* labels of `at` that are asked (RFC 9156) */
    uint8_t minimised; /* minimised questions sent */
    bool full;         /* no more minimisation for this zone */
    bool alias_seen;
    struct name asked;
    uint16_t asked_type;
    uint64_t exchange;     /* 0: none */
    struct waiter wait[2]; /* for children */

    struct arena arena;
    struct list waiters;

    /* result */
    struct rrset answer[2 * LIMIT_CHAIN + 2];
    uint8_t answers;
    bool authentic_nx;
    struct rrset soa; /* count 0: none */
    uint16_t rcode;
    uint16_t why; /* enum reason of the verdict; a failure's culprit */
};

/* --- one upstream question
 * ------------------------------------------------------------------------ */

struct exchange {
    struct heap_node timer;
    uint64_t id; /* generation << 16 | slot */
    struct lookup *lookup;
    struct netaddr to;
    enum transport transport;
    uint8_t address; /* index in the cut */
    uint8_t mismatches;
    bool edns;
    uint16_t qid;
    uint64_t sent_us;
    uint32_t timeout_ms;
    size_t size;
    uint8_t wire[WIRE_QUERY_MAX];
};

struct resolver {
    const struct resolver_options *opt;
    struct cache *cache;
    const struct env *env;
    struct hash_key key;
    struct query_options shared; /* for the pipeline's stages */
    struct resolver_counters count;
    struct servers *servers;

    struct list ready, lookups;
    uint32_t lookup_count, client_count;
    struct lookup **table; /* in flight, by question */
    uint32_t table_mask;

    struct exchange **exchange;
    uint32_t exchange_cap, exchange_free; /* free: 1 + slot of a likely free one */
    uint32_t exchange_count;
    uint64_t generation;
    struct heap timers;
    uint64_t primed_until_us;

    struct effect effect[EFFECTS_MAX];
    uint32_t effect_head, effect_n;
    struct arena effect_data;
    struct arena scratch; /* for one call */

    struct query query;         /* the client side's pipeline object */
    const struct lookup *ended; /* what a late answer is written from */
    uint8_t late[LIMIT_MESSAGE];
};

/* resolver.c */
void effect_push(struct resolver *r, const struct effect *e);
/* Runs everything that is ready. */
void resolver_run(struct resolver *r, struct now now);

/* lookup.c */
struct job *job_new(struct now now, bool cold, bool armed);
void job_drop(struct job *j);
/* Finds an equal question in flight, or starts one; NULL: no memory or too many. name is copied.
 * The caller adds its waiter. */
struct lookup *lookup_get(struct resolver *r, struct job *j, const uint8_t *name, uint16_t type,
                          unsigned depth, bool *ret_joined);
void lookup_ready(struct resolver *r, struct lookup *l);
void lookup_run(struct resolver *r, struct lookup *l, struct now now);
void lookup_end(struct resolver *r, struct lookup *l, enum reason why, uint16_t rcode,
                struct now now);
/* Goes on with the name an alias leads to; copies it. */
void lookup_alias(struct resolver *r, struct lookup *l, const uint8_t *target, struct now now);
/* Appends to the answer; set is borrowed and must live in the lookup's arena. */
bool lookup_answer(struct lookup *l, const struct rrset *set);
void lookup_free(struct resolver *r, struct lookup *l);
void note(struct lookup *l, struct now now, enum reason why, const struct trace_detail *d);

/* cut.c */
void cut_find(struct resolver *r, struct lookup *l, struct now now);
/* The cut that a referral names; false if it has no usable server. */
bool cut_referral(struct resolver *r, struct lookup *l, const struct msg *m, const struct rrset *ns,
                  struct now now);
/* Adds addresses of the cut's server k from an RRset. */
void cut_add(struct resolver *r, struct cut *c, unsigned k, const struct rrset *set);

/* choose.c */
void choose(struct resolver *r, struct lookup *l, struct now now);
/* The next longer part of the name will be asked. */
void minimise_next(struct lookup *l);

/* exchange.c */
void exchange_send(struct resolver *r, struct lookup *l, unsigned address, enum transport transport,
                   struct now now);
void exchange_end(struct resolver *r, struct exchange *x, bool close);
struct exchange *exchange_of(struct resolver *r, uint64_t id);
void exchange_expired(struct resolver *r, struct exchange *x, struct now now);

/* reply.c */
void reply_handle(struct resolver *r, struct exchange *x, const struct msg *m, struct now now);
/* Asks the same server again over TCP. */
void reply_truncated(struct resolver *r, struct exchange *x, struct now now);

/* client.c: both end the waiter's life. */
void client_answer(struct resolver *r, struct client *c, const struct lookup *l, struct now now);
void task_answer(struct resolver *r, struct task *t, struct lookup *l);
extern const struct role resolver_role, resolver_late_role;

static inline bool resolver_allows(const struct resolver *r, const struct netaddr *a)
{
    return (a->family == ADDR_V4 ? r->opt->ipv4 : r->opt->ipv6) &&
           (r->opt->query_loopback || !netaddr_is_loopback(a));
}

#endif
