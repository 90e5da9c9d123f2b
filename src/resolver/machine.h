/* The resolver's insides, shared by its files.
 *
 *     client.c     a client's question: access, the cache, waiting, and the answer written
 *     early.c      clients that are answered, or given up, before their lookup ends
 *     stale.c      answers out of data that has run out (RFC 8767)
 *     prefetch.c   answers fetched anew before they run out
 *     local.c      what is answered without asking anybody: CHAOS, types that are none
 *     local_data.c own records and zones, special names; local_hosts.c: those of a hosts file
 *     inflight.c    lookups in flight: equal questions joined, sub-queries, loops among them
 *     lookup.c     one question on its way: from the cache through zone cuts to its end
 *     delegation.c the zone to ask: its servers and their addresses, from the cache or the hints
 *     prime.c      the first zone (RFC 9609)
 *     here.c       zones that are known in this process
 *     route.c      zones whose questions go to servers of the configuration
 *     choose.c     which address to ask next
 *     minimise.c   how much of the name to show it (RFC 9156)
 *     cookies.c    those of other servers (RFC 7873)
 *     exchange.c   one upstream question and its answer: IDs, matching, time-outs
 *     classify.c   what a reply says
 *     bailiwick.c  which of its records may be believed
 *     rebind.c     answers that lead into the own network
 *     follow.c     what a reply leads to
 *     validate.c   whether it may be believed (RFC 4035 section 5), and what is done when not
 *     walk.c       from a trust anchor to the keys that must have signed it
 *     aggressive.c answers made from denial records in the cache (RFC 8198)
 *     incidents.c  failures and slow answers, kept for who asks
 *     sentinel.c   names that tell users which keys of the root are trusted (RFC 8509)
 *     report.c     failures told to who asked for that (RFC 9567)
 *     keys.c       a zone's DNSKEY set, checked by the DS set above it
 *     with.c       the signatures and proofs that are kept and sent with an answer
 *     words.c      verdicts in plain words
 *     keyring.c    what is known of zones: keys, or that they are not signed
 *     servers.c    what is known about addresses: how fast, how faulty
 *     servers_show.c  the same for people
 *     resolver.c   the object, its timers and effects */
#ifndef BANYAN_RESOLVER_MACHINE_H
#define BANYAN_RESOLVER_MACHINE_H

#include "base/heap.h"
#include "base/limits.h"
#include "base/list.h"
#include "core/budget.h"
#include "core/failures.h"
#include "dns/encode.h"
#include "dns/msg.h"
#include "dns/rr_type.h"
#include "dnssec/anchor.h"
#include "query/query.h"
#include "resolver/keyring.h"
#include "resolver/resolver.h"
#include "resolver/servers.h"

enum {
    /* Addresses looked at for one cut. */
    CUT_ADDRESSES = 2 * LIMIT_DELEGATION_SERVERS,
    WIRE_QUERY_MAX = MSG_HEADER + LIMIT_NAME + 4 + 11 + 64,
    NO_SERVER = 255,
    /* Counts of waiting questions by client; the one more is for those that are not counted. */
    CLIENT_SLOTS = 4096,
    CHILD_OF_WALK = 254,               /* the sub-query is for a chain of trust */
    ANSWERS_MAX = 2 * LIMIT_CHAIN + 2, /* a DNAME and a CNAME for each step */
    PROOFS_MAX = 4 * LIMIT_PROOF_RECORDS,
    WORDS_MAX = 320,
};

/* --- work for one client question ----------------------------------------------------------------
 */

/* What went wrong last, kept for the EDE of the answer (RFC 8914). */
struct culprit {
    uint16_t why; /* enum reason; 0: nothing */
    uint16_t type, rcode;
    uint32_t value;
    struct netaddr address;
    struct name name, zone;
    bool has_name, has_zone;
    char text[WORDS_MAX];
};

enum { KEYRING_COLD = 64 /* zones that are remembered for a job alone */ };

/* Shared by all lookups made for one client question; counted. */
struct job {
    struct budget budget;
    struct trace trace;
    struct culprit culprit;
    struct upstream_waits waits;
    struct cache *cache;     /* the shared one, or its own when it is cold */
    struct keyring *keyring; /* in the same way */
    uint32_t refs;
    uint8_t lookups; /* numbers given out */
    bool cold;
    bool is_report; /* nobody waits for it, and its failure is not reported */
    bool has_agent;
    struct name agent; /* who wants to hear of failures (RFC 9567) */
    bool alone;        /* its lookups are not shared with other jobs: cold, armed or outdated */
    uint8_t epoch;     /* of the rules that it began with: cache_epoch() */
};

enum waiter_kind { WAIT_CLIENT, WAIT_TASK, WAIT_LOOKUP };

/* Who waits for a lookup: the first member of a client, a task or (inside) a lookup. */
struct waiter {
    struct list link; /* in lookup.waiters */
    enum waiter_kind kind;
};

/* A client's question that could not be answered at once. */
struct client {
    struct waiter wait;
    struct netaddr from, local;
    enum transport transport;
    uint64_t token;
    struct lookup *lookup;             /* that it waits for; NULL once it is in resolver.early */
    struct list by_stale, by_patience; /* in the resolver's lists of those names */
    uint64_t asked_us;                 /* mono time */
    bool give_up;                      /* in resolver.early: without an answer */
    bool explain;                      /* why.c: is told how it went */
    uint32_t slot;                     /* in resolver.waiting */
    size_t out_cap;
    struct resolve_task task; /* WAIT_TASK; its name is not used past the start */
    size_t n;
    uint8_t wire[]; /* the question as it came */
};

/* --- the zone being asked ------------------------------------------------------------------------
 */

struct cut_server {
    struct name name;
    bool has_address;
    bool hopeless; /* inside the zone and without glue: asking for it would go in a circle */
    bool asked_a, asked_aaaa; /* a sub-query for its address was made */
    bool no_name, failed;     /* it does not exist; looking it up did not work */
};

struct cut_address {
    struct netaddr addr;
    uint8_t server; /* index, or NO_SERVER */
    uint8_t tries;
    bool bad; /* answered uselessly: not asked again for this zone */
    bool tcp; /* to be asked over TCP only */
    bool no_edns;
    bool plain;          /* the last question went without EDNS */
    bool tcp_to_be_sure; /* over TCP because a reply may have been forged */
    bool cookie_again;   /* it wanted another cookie, and has got one */
    bool edns_again;     /* tried with it once more, for the sake of signatures */
    bool truncated;      /* over TCP because the answer does not fit into UDP */
    uint16_t waited_ms;  /* for replies that did not come */
    bool weak;           /* all that its reply lacked was authority */
};

struct cut {
    struct name zone;
    uint8_t labels;
    bool from_cache;
    bool forward, fallback, here; /* struct route */
    bool lenient;      /* none of its servers has authority: what they say is taken all the same */
    bool looked_again; /* for addresses that became known meanwhile */
    uint64_t dies_us;  /* mono time at which the delegation runs out */
    uint8_t servers, addresses, tries;
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
    PHASE_CHILD, /* waiting for a sub-query */
    PHASE_TRUST, /* find the keys for the reply that is kept */
    PHASE_TURN,  /* the reply that is kept is read again when it is our turn to check */
    PHASE_DONE,
};

/* Lookups that differ in these are not the same. */
enum lookup_flags {
    LOOKUP_CHECK = 1, /* what it finds is validated */
    LOOKUP_KEYS = 2,  /* the DNSKEY set of a zone, for walk.c */
};

/* On the way from a trust anchor to a zone. */
struct walk {
    struct zone_trust *at; /* the zone reached, counted; NULL: the keys of `zone` are wanted */
    struct name target, zone;
    struct rrset ds;      /* of zone, in the lookup's arena */
    uint8_t labels;       /* names on the way with up to so many labels are no cuts below `at` */
    bool asked;           /* the keys of `zone` were asked for */
    uint8_t ds_asked;     /* labels of the name whose DS was asked for; 0: none */
    uint8_t hint;         /* labels of a zone between that signatures tell of; 0: none */
    uint8_t referral_bad; /* labels of the name whose referral does not prove anything; 0: none */
};

struct lookup {
    struct list link;     /* in resolver.ready while it can run, in resolver.done at the end */
    struct list all;      /* in resolver.lookups */
    struct lookup *chain; /* in the in-flight table */
    uint64_t hash;
    bool in_table, is_ready, is_later;
    struct heap_node deadline;

    struct job *job;
    uint16_t type;
    uint8_t depth, number;
    uint8_t flags; /* enum lookup_flags */

    enum phase phase;
    const uint8_t *at; /* where aliases have led: name.w or in the arena */
    uint8_t cut_max;   /* zones with more labels are not considered any more */
    uint8_t shown;     /* labels of `at` that are asked (RFC 9156) */
    uint8_t minimised; /* minimised questions sent */
    uint8_t referrals; /* followed for `at` */
    bool full;         /* no more minimisation for this zone */
    uint8_t told;      /* 1 + labels of a zone whose servers know the name already; 0: none */
    bool refresh;      /* what the cache has of the name is passed by */
    bool no_forward;   /* the forwarders have failed */
    bool primed;       /* has waited for priming */
    bool rejoined;     /* a sub-query shared with another job failed for that job's sake */
    bool starved;      /* a sub-query it needs was refused for the sake of limits */
    bool overloaded;   /* this host is out of something: no fault of the question */
    uint16_t asked_type;
    struct exchange *exchange;

    struct waiter wait; /* as the waiter for its child */
    struct lookup *child;
    uint8_t child_server; /* index in the cut, or NO_SERVER: priming */
    uint16_t child_type;

    /* validation */
    struct reply reply;      /* the sets of the reply being read, in resolver.scratch */
    struct bytes pending;    /* a reply that waits for keys, in the arena */
    uint8_t pending_address; /* index in the cut */
    bool walked;             /* `walk` has come to its end for this reply */
    bool deepened;           /* once more, with a zone further down */
    uint8_t pauses;          /* turns that it took so far to check the reply */
    uint8_t bogus_tries;     /* servers whose replies failed */
    bool was_bad;            /* the failure came out of the cache */
    bool failed_before;      /* likewise: of the name itself, not of a server's address */
    bool has_bad;            /* `bad` says why */
    struct rrset ds;         /* KEYS: the DS set that the keys are checked by */
    enum cache_trust part;   /* of the reply being read */
    uint16_t part_reason;    /* enum trust_reason */

    struct arena arena;
    struct list waiters;
    uint32_t waiter_count;

    /* result */
    enum cache_trust trust;  /* the least of all its parts */
    uint16_t trust_reason;   /* enum trust_reason, where it is not secure */
    const uint8_t *trust_at; /* the name of that part */
    bool shows_cut;          /* a denial of DS: an unsigned delegation */
    uint8_t answers, proofs;
    struct rrset soa; /* count 0: none */
    uint16_t rcode;
    uint16_t why; /* enum reason of the verdict */

    /* Large, and cleared where they are first used: see lookup_alloc(). */
    struct cut cut;
    struct name name; /* the question: key of the in-flight table */
    struct name asked;
    struct verdict first; /* before `deepened` */
    struct name first_zone;
    struct verdict bad;
    struct name bad_zone; /* whose keys it was judged by */
    struct walk walk;
    struct rrset answer[ANSWERS_MAX], answer_sigs[ANSWERS_MAX];
    struct rrset proof[PROOFS_MAX]; /* for the authority section, with their signatures */
};

/* --- one upstream question
 * ------------------------------------------------------------------------ */

struct exchange {
    struct heap_node timer;
    struct list link;      /* in resolver.sending or resolver.closing */
    uint64_t id;           /* generation << 16 | slot */
    struct lookup *lookup; /* NULL: over, only its CLOSE is still to be told */
    struct netaddr to;
    enum transport transport;
    uint8_t address; /* index in the cut */
    uint8_t mismatches;
    const char *mismatch; /* what was wrong with the last of them */
    bool edns;
    bool sent;     /* the driver has taken it */
    bool answered; /* by the first message that came */
    bool random_case;
    uint8_t cookie; /* bytes of the cookie that was sent; 0: none */
    uint8_t client_cookie[JAR_CLIENT];
    uint16_t qid;
    uint64_t sent_us;
    uint32_t timeout_ms;
    size_t size;
    uint8_t wire[WIRE_QUERY_MAX];
};

/* --- what a reply says ---------------------------------------------------------------------------
 */

enum reply_kind {
    KIND_ANSWER,
    KIND_ALIAS, /* CNAME or DNAME, ending at a name that needs another question */
    KIND_NXDOMAIN,
    KIND_NODATA,
    KIND_REFERRAL,
    KIND_LAME,
    KIND_UPWARD,
    KIND_RCODE, /* an error code */
    KIND_MALFORMED,
};
/* What a reply says about l->asked; sets are in l->arena. */
struct reading {
    enum reply_kind kind;
    unsigned chain; /* alias RRsets */
    struct rrset alias[ANSWERS_MAX];
    const uint8_t *end; /* where the aliases lead */
    struct rrset set;   /* ANSWER */
    struct rrset soa;   /* NXDOMAIN, NODATA: count 0 if there was none */
    struct rrset ns;    /* REFERRAL; UPWARD: what it named */
    bool too_long;      /* the DNAME's target does not fit (RFC 6672 section 2.2) */
    bool weak;          /* LAME: for want of AA alone */
    const char *text;
};

struct resolver {
    const struct resolver_options *opt;
    const uint32_t *local_ends; /* of opt->local, or NULL */
    struct cache *cache;
    const struct env *env;
    struct service own; /* for routes that are `here` */
    struct hash_key key, own_cookie_key;
    struct query_options shared; /* for the pipeline's stages */
    struct keyring *keyring;
    struct keyring *outdated; /* of jobs that began by other rules than those of now */
    struct sig_memo *memo;
    uint64_t turn_us; /* mono time of the turn that the memo counts for */
    struct nsec3_hasher *hasher;
    unsigned flushes;  /* of the cache when the keyring was last in step with it */
    uint64_t report_s; /* the second in which `reports` were made */
    uint32_t reports;
    uint64_t behind_s; /* the second in which somebody was last turned away */
    struct resolver_counters count;
    struct servers *servers;
    struct failures *failures; /* NULL: none yet */
    struct slow_answers *slow;
    struct latency latency; /* of what was not in the cache */
    struct now now;         /* of the last call */

    struct list ready, lookups, done;
    struct list later; /* lookups that go on in a later turn */
    uint32_t lookup_count, client_count;
    uint32_t explains;                  /* clients of why.c */
    uint32_t waiting[CLIENT_SLOTS + 1]; /* questions of each client, by keyed hash */
    struct lookup **table;              /* in flight, by question */
    uint32_t table_mask;
    struct lookup *spare; /* freed lookups, by chain */
    uint32_t spare_count;

    struct exchange **exchange;
    uint32_t exchange_free; /* where to begin looking for a free slot */
    uint32_t exchange_count;
    uint64_t generation;
    struct heap timers, deadlines;
    struct list sending, closing;
    /* Waiting clients, who came first in front: of two times that are the same for all, so that
     * nothing has to be sorted; and those whose time has come. */
    struct list by_stale, by_patience, early;
    uint32_t stale_s;          /* how long ago the data of the last stale answer ran out */
    uint8_t no_route;          /* IPv6 queries that found no route, in a row */
    uint64_t no_ipv6_until_us; /* mono time: IPv6 is the last choice until then */
    uint64_t prime_again_us;   /* priming failed: not before this mono time */

    struct arena scratch; /* for one call */
    struct reading reading;
    bool running;

    uint8_t *reply_buf;  /* LIMIT_MESSAGE bytes for late answers */
    struct request late; /* of a client that waited */
    struct query query;  /* the client side's pipeline object */
};

/* resolver.c */
/* Begins a new turn of checking signatures, if time has gone on since the last one began. */
void resolver_turn(struct resolver *r, struct now now);
/* Runs everything that is ready. */
void resolver_run(struct resolver *r, struct now now);
static inline bool cold_or_armed(const struct resolve_task *t)
{
    return t->cold || t->armed;
}

/* inflight.c */
struct job *job_new(struct resolver *r, struct now now, const struct resolve_task *task);
void job_drop(struct job *j);
/* Other rules are in force: what is under way goes on with what it began with, shares nothing with
 * what begins from now on, and what it finds is not taken for checked by the new rules. */
void jobs_outdate(struct resolver *r);
/* Finds an equal question in flight, or starts one; NULL: no memory or too many. name is copied.
 * The caller adds its waiter. */
struct lookup *lookup_get(struct resolver *r, struct job *j, const uint8_t *name, uint16_t type,
                          unsigned flags, struct lookup *parent, struct now now);
/* An equal question in flight of this job's kind, or NULL. j may be NULL: for an ordinary client.
 */
struct lookup *lookup_find(struct resolver *r, const struct job *j, const uint8_t *name,
                           uint16_t type, unsigned flags);
void lookup_wait(struct lookup *l, struct waiter *w);
/* Makes l wait for a sub-query; false if that may not be (limits, loops). */
bool lookup_child(struct resolver *r, struct lookup *l, const uint8_t *name, uint16_t type,
                  unsigned flags, unsigned server, struct now now);
void lookup_unwait(struct resolver *r, struct lookup *l);
void lookup_unlist(struct resolver *r, struct lookup *l);
void lookup_free(struct resolver *r, struct lookup *l);
void lookup_ready(struct resolver *r, struct lookup *l);

/* lookup.c */
void lookup_run(struct resolver *r, struct lookup *l, struct now now);
void lookup_end(struct resolver *r, struct lookup *l, enum reason why, uint16_t rcode,
                const char *text, struct now now);
static inline void lookup_fail(struct resolver *r, struct lookup *l, const char *text,
                               struct now now)
{
    lookup_end(r, l, WHY_FAILED, RCODE_SERVFAIL, text, now);
}
/* The same for want of something here, which says nothing of the name: not remembered. */
static inline void lookup_overload(struct resolver *r, struct lookup *l, const char *text,
                                   struct now now)
{
    l->overloaded = true;
    lookup_fail(r, l, text, now);
}
/* Goes on with the name an alias leads to; copies it. */
void lookup_alias(struct resolver *r, struct lookup *l, const uint8_t *target, struct now now);
/* Follows a DNAME whose RRset stands in the answer already. */
void lookup_dname(struct resolver *r, struct lookup *l, const struct rrset *dname, struct now now);
/* Appends to the answer; set and sigs (may be NULL) are borrowed and must live in the lookup's
 * arena. */
void lookup_answer(struct lookup *l, const struct rrset *set, const struct rrset *sigs);
/* Lowers the trust of the whole to that of a part. */
void lookup_trust(struct lookup *l, enum cache_trust part, uint16_t reason);
void note(struct lookup *l, struct now now, enum reason why, const struct trace_detail *d);
/* Takes from the budget, noting when it is spent. */
bool spend(struct lookup *l, enum budget_item item, uint32_t amount, struct now now);

/* delegation.c */
void cut_find(struct resolver *r, struct lookup *l, struct now now);
void cut_begin(struct cut *c, const uint8_t *zone, uint64_t dies_us);
/* Of each server, why it has no address. */
void cut_words(const struct cut *c, struct text *t);
/* Has an address, or a server that can be looked up. */
bool cut_usable(const struct cut *c);
void cut_servers(struct cut *c, const struct rrset *ns);
/* Adds addresses of the cut's server k from an RRset. */
void cut_add(struct resolver *r, struct cut *c, unsigned k, const struct rrset *set);
void cut_addresses_cached(struct resolver *r, struct lookup *l, struct now now);
/* An address that some server may have; that an unknown server may have and be asked at. Root hints
 * are the configuration's, and need only be possible. */
bool address_possible(const struct resolver *r, const struct netaddr *a);
bool address_usable(const struct resolver *r, const struct netaddr *a);

/* prime.c */
void prime_cut(struct resolver *r, struct lookup *l, struct now now);
void prime_store(struct resolver *r, struct lookup *l, const struct msg *m, struct now now);

/* choose.c */
void choose(struct resolver *r, struct lookup *l, struct now now);

/* route.c: the route for a name, or NULL; and its servers as the zone to ask. */
const struct route *route_find(const struct resolver *r, const struct lookup *l,
                               const uint8_t *name);
/* Labels of the zone of the route for the lookup's question; 0 if there is none. */
unsigned route_labels(const struct resolver *r, const struct lookup *l);
void cut_route(struct resolver *r, struct lookup *l, const struct route *t, struct now now);

/* here.c: asks the service of this process for the zone of the lookup's cut. */
void here_ask(struct resolver *r, struct lookup *l, struct now now);

/* cookies.c: the option that goes with the question to x->to; its length. */
size_t jar_put(struct resolver *r, struct exchange *x, uint8_t *buf, size_t cap, struct now now);
/* False: the reply has another cookie, or none where the server has given one before. */
bool jar_judge(struct resolver *r, const struct exchange *x, const struct msg *m, struct now now);

/* rebind.c: true if the set has an address that its name may not have; that goes to *ret. */
bool rebinds(const struct resolver *r, const struct rrset *set, struct netaddr *ret);

/* minimise.c: sets l->asked and l->asked_type */
void minimise(const struct resolver *r, struct lookup *l);
/* The minimised question got an answer that shows no cut: one step more. */
static inline bool is_minimised(const struct lookup *l)
{
    return l->asked_type != l->type || !name_equal(l->asked.w, l->at);
}

/* exchange.c */
void exchange_send(struct resolver *r, struct lookup *l, unsigned address, struct now now);
void exchange_end(struct resolver *r, struct exchange *x);
struct exchange *exchange_of(struct resolver *r, uint64_t id);
void exchange_expired(struct resolver *r, struct exchange *x, struct now now);
void exchange_free(struct resolver *r, struct exchange *x);

/* bailiwick.c */
struct bailiwick {
    const uint8_t *zone;    /* the zone whose server was asked */
    const uint8_t *name;    /* the name the section is about: asked, or where aliases led */
    const struct rrset *ns; /* of the referral whose glue is wanted, or NULL */
};
bool bailiwick_allows(const struct bailiwick *b, unsigned section, const uint8_t *owner,
                      uint16_t type);

/* classify.c */
void classify(struct lookup *l, const struct msg *m, struct reading *ret);
/* The CNAME that a DNAME makes for a name (RFC 6672 section 3.1); ST_ENAME: too long. */
enum status dname_cname(struct arena *a, const struct rrset *dname, const uint8_t *name,
                        struct rrset *ret);

/* follow.c */
/* Goes on with a reply that says what *rd does. a: who gave it. */
void reply_take(struct resolver *r, struct lookup *l, const struct msg *m, struct reading *rd,
                struct cut_address *a, struct now now);
enum reason reply_reason(const struct reading *rd);
void reply_follow(struct resolver *r, struct lookup *l, struct exchange *x, struct msg *m,
                  struct now now);

/* Keeps a reply that cannot be judged yet; false: there was no memory, the lookup has ended. */
bool reply_keep(struct resolver *r, struct lookup *l, const struct msg *m,
                const struct cut_address *a, struct now now);
/* Goes on in a later turn, in the phase that is set. */
void lookup_later(struct resolver *r, struct lookup *l);
/* Takes the kept reply up again, once the walk is done. */
void reply_resume(struct resolver *r, struct lookup *l, struct now now);

/* validate.c */
/* Whether anything is validated at all. */
static inline bool validating(const struct resolver *r)
{
    return r->opt->anchors != NULL;
}
/* Reads the sets of a reply into *ret; false if that cannot be done. Without signatures there are
 * none, unless somebody has to judge that. */
bool reply_sets(const struct resolver *r, const struct lookup *l, const struct msg *m,
                struct arena *a, struct reply *ret);
/* Judges the reply to the whole question, kept in l->reply. True: go on with it, l->part says how
 * far it may be trusted (*rd may have been shortened to the aliases that can be). False: the lookup
 * waits for keys, tries another server, or has ended. */
bool reply_valid(struct resolver *r, struct lookup *l, const struct msg *m, struct reading *rd,
                 struct cut_address *a, struct now now);
/* What a judge needs. */
struct judging_kit {
    struct trust_rules rules;
    struct judge judge;
    struct judge_seen seen;
};
void judge_begin(struct resolver *r, struct lookup *l, struct now now, struct judging_kit *ret);
/* Notes that validation failed of what a server sent (NULL: of what was found before): with these
 * words, or (NULL) those of the verdict; and `more`. */
void note_bogus(struct lookup *l, struct now now, const struct verdict *v, const uint8_t *zone,
                const struct cut_address *a, const char *words, const char *more);
/* What there is to say of a missing signature where the server was asked without EDNS, or "". */
const char *plain_words(const struct verdict *v, const struct cut_address *a);
/* Signatures are missing where the server was asked without EDNS: asks it with EDNS once more. What
 * is remembered of a server's lack of EDNS came from unsigned replies, and must not take the
 * signatures of a zone away for long (CVE-2026-52690). False: that is not so, or was done. */
bool edns_once_more(struct resolver *r, struct lookup *l, const struct verdict *v,
                    struct cut_address *a, struct now now);
/* The same server is no use: another one, or the end. */
void bogus_try_next(struct resolver *r, struct lookup *l, const struct verdict *v,
                    struct cut_address *a, struct now now);
/* Remembers the first verdict: that is what is told in the end. */
void bogus_keep(struct lookup *l, const struct verdict *v, const uint8_t *zone);

/* walk.c */
void walk_begin(struct resolver *r, struct lookup *l, const uint8_t *target, struct now now);
/* True when l->walk.at is what is known of the target; false: the lookup waits or has ended. */
bool walk_on(struct resolver *r, struct lookup *l, struct now now);
/* No more than a look: true if the walk is at its end without a step. */
bool walk_settled(const struct walk *w);
/* The negative trust anchor in force for a name, or NULL. */
const struct negative_anchor *negative_anchor(const struct resolver *r, const uint8_t *name,
                                              struct now now);
/* What is believed for the sake of a negative trust anchor lives no longer than that (RFC 7646). */
void negative_bound(const struct resolver *r, const struct lookup *l, uint32_t *ttl,
                    struct now now);
void walk_child_done(struct resolver *r, struct lookup *parent, const struct lookup *c,
                     struct now now);
void walk_end(struct lookup *l);

/* keys.c: takes the reply of a KEYS lookup, or what the cache has. */
void keys_take(struct resolver *r, struct lookup *l, const struct msg *m, const struct reading *rd,
               struct cut_address *a, struct now now);
bool keys_cached(struct resolver *r, struct lookup *l, struct now now);

/* sentinel.c: RFC 8509 section 3.2: a validated answer that has to become SERVFAIL. */
bool sentinel_fails(const struct resolver *r, const uint8_t *name, uint16_t type);

/* report.c */
/* Remembers the agent that a reply names. */
void report_agent(struct lookup *l, const struct msg *m);
/* The lookup has failed: tells the agent, if that is wanted. */
void report_failure(struct resolver *r, struct lookup *l, struct now now);

/* incidents.c */
/* A lookup of a client's question has ended; called while its clients still wait. */
void incident_end(struct resolver *r, const struct lookup *l, struct now now);
/* A client waited long enough and gets no answer. */
void incident_gave_up(struct resolver *r, const struct client *c, struct now now);
/* A client is told of a failure on the spot. text: for the reason's sentence, or NULL. */
void incident_at_once(const struct query *q, enum reason why, const char *text);

/* aggressive.c */
void aggressive_keep(struct resolver *r, struct lookup *l, const struct judge_seen *seen,
                     struct now now);
void aggressive_keep_soa(struct resolver *r, struct lookup *l, const struct rrset *soa,
                         const struct rrset *sigs, struct now now);
/* Ends the lookup, or sends it on along an alias, if denial records can. */
bool aggressive_answer(struct resolver *r, struct lookup *l, struct now now);

/* with.c */
/* RFC 4035 section 5.3.3: no longer than the original TTL, nor than the signatures are valid. */
void sigs_bound(const struct rrset *sigs, uint32_t *ttl, struct now now);
/* The signatures of a set of the reply's answer section. */
struct rrset reply_sigs(struct lookup *l, unsigned section, const uint8_t *owner, uint16_t type);
/* Fills w (and more[CACHE_MORE_SETS]) with what belongs to a positive set, or a denial (set: the
 * SOA, or count 0) of the reply being read; bounds *ttl by the validity of the signatures. */
void with_reply(struct lookup *l, const struct rrset *set, bool denial, uint32_t *ttl,
                struct now now, struct cache_with *w, struct rrset *more);
/* Puts what goes with the last answer, or with a denial, into the result. */
void lookup_with(struct lookup *l, const struct rrset *more, unsigned n, bool denial);
/* The same with copies in the lookup's arena; false: no room. */
bool lookup_keep(struct lookup *l, const struct rrset *more, unsigned n, bool denial);
/* What a referral says of the child's keys, kept as the reply to a question for DS. */
void referral_keep(struct resolver *r, struct lookup *l, const struct msg *m, const uint8_t *zone,
                   uint32_t ttl_s, struct now now);

/* words.c */
void verdict_words(const struct verdict *v, const uint8_t *zone, struct now now, struct text *t);
/* Why an answer that was not validated is served all the same. */
struct insecure {
    enum trust_reason reason;
    const uint8_t *zone;
    bool unsure;            /* it is a name in the zone, which is not known any more */
    const struct rrset *ds; /* ALGORITHM, DIGEST: the zone's; NULL: not known */
    uint32_t iterations;    /* ITERATIONS; 0: not known */
    uint64_t until_s;       /* NEGATIVE_ANCHOR: its end; 0: not known */
};
/* "the zone example.org. is signed only with algorithm 16 (ED448), not supported here: the
 * answer is served unvalidated" */
void insecure_words(const struct insecure *i, struct text *t);
/* Fills in zone and iterations from a set of NSEC3 records with too many; false: it is none. */
bool insecure_nsec3(const struct rrset *set, struct insecure *ret);
/* Notes it of data out of the cache, for who traces. */
void note_insecure(struct resolver *r, struct lookup *l, enum trust_reason why, struct now now);
/* Where the numbers of that sentence may be known. */
struct insecure_where {
    struct resolver *r;
    struct cache *cache;
    const uint8_t *zone;       /* where it is known; else NULL */
    const struct reply *reply; /* likewise */
};
/* Finds them for the data at a name; what it finds lives in r->scratch. */
void insecure_find(const struct insecure_where *w, const uint8_t *name, uint16_t type,
                   enum trust_reason why, struct now now, struct insecure *ret);
/* "key 12345 (ECDSAP256SHA256), valid for 12 d more" */
void signature_words(const struct trust_result *by, struct now now, struct text *t);

/* local.c */
enum stage_result local_stage(struct query *q);
/* Whether something is said of a name here: then nobody else is asked, nor the cache. */
bool local_says(const struct resolver *r, const uint8_t *name, uint16_t type,
                struct local_answer *ret);
/* Ends the lookup, or sends it on along an alias, with local data; false: there is none. */
bool local_lookup(struct resolver *r, struct lookup *l, struct now now);

/* early.c */
void early_init(struct resolver *r);
void early_free(struct resolver *r);
/* A client begins to wait for l. */
void early_begin(struct resolver *r, struct client *c, struct lookup *l, const struct query *q);
/* Those whose time has come: see resolver.early. */
void early_tick(struct resolver *r, struct now now);
uint64_t early_deadline(const struct resolver *r);
bool early_effect(struct resolver *r, struct effect *ret);

/* stale.c */
/* A whole answer of which parts have run out, for the reader of EDE: `why` (may be empty)
 * is what went wrong. False if there is none; then nothing is in the answer. */
bool stale_answer(struct query *q, struct bytes why);
/* The same for a client that need not wait. */
bool stale_at_once(struct query *q);
/* The same in the place of a lookup's failure. */
bool stale_instead(struct query *q, struct lookup *l, struct bytes why);
/* Notes the last one in the trace. */
void stale_note(const struct query *q, struct lookup *l, struct now now);
/* Whether there is one for this lookup. */
bool stale_known(struct resolver *r, struct lookup *l, struct now now);
/* Whether stale data may help at all where the lookup failed: not against what it found. */
bool stale_helps(const struct lookup *l);

/* prefetch.c */
/* A client was given this entry, which is in the second half of its time. type: that was asked. */
void prefetch(struct query *q, const uint8_t *name, uint16_t type, const struct cache_entry *e);
/* Starts a lookup that nobody waits for, in a turn of its own. */
void prefetch_begin(struct resolver *r, const uint8_t *name, uint16_t type, unsigned flags,
                    bool refresh, struct now now);

/* client.c */
/* What is trusted least of an answer. */
struct least {
    enum cache_trust trust;
    uint16_t reason;
    const uint8_t *at;
};
void client_lower(struct least *least, const uint8_t *name, const struct cache_entry *e);
uint16_t client_type(const struct query *q);
bool client_checks(const struct query *q);
/* Puts an entry that ends an answer, or an alias on the way, into the answer. */
void client_put(struct query *q, const struct cache_entry *e, bool alias);
void client_trust(struct query *q, struct cache *from, const struct least *least);
void client_any(struct query *q);
/* Reads the question of one who waited into r->query; false: there is nothing to be answered. */
bool client_question(struct resolver *r, struct client *c, struct now now);
extern const struct role resolver_role;
/* Writes the answer for one who waited; returns its size, 0 for none. */
size_t client_answer(struct resolver *r, struct client *c, struct lookup *l, struct now now);
/* A client that waits, with its question kept; NULL: no memory. */
struct client *client_new(struct resolver *r, const struct request *rq) MUST_USE;

/* why.c: is this a question for an explanation? Begins one; puts its words into the answer. */
bool why_asked(const struct question *ask);
enum stage_result why_begin(struct query *q);
void why_fill(struct query *q, const struct lookup *l);
/* What went wrong, in a sentence: for the EDE, and for who asks again (in buf, or the culprit's).
 */
struct bytes culprit_words(const struct culprit *c, struct now now, char *buf, size_t cap);
void client_free(struct resolver *r, struct client *c);

#endif
