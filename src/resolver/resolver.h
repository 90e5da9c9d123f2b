/* The recursive resolver (RFC 1034 section 5.3.3, RFC 9156 and others) as a machine without input
 * and output.
 *
 * A driver feeds it requests, replies and the time, then drains effects and asks for the next
 * deadline:
 *
 *     resolver_request(r, &rq, &n)  ->  answer at once, drop, or later
 *     resolver_reply(r, id, bytes, now), resolver_failed(r, id, why, now), resolver_tick(r, now)
 *     while (resolver_effect(r, &e)) do what e says
 *     sleep until resolver_deadline(r)
 *
 * One object a worker; the cache is shared by all workers. */
#ifndef BANYAN_RESOLVER_RESOLVER_H
#define BANYAN_RESOLVER_RESOLVER_H

#include "base/hash.h"
#include "base/netaddr.h"
#include "cache/cache.h"
#include "core/failures.h"
#include "core/latency.h"
#include "core/rate.h"
#include "core/trace.h"
#include "dns/rrset.h"
#include "dnssec/anchor.h"
#include "query/request.h"
#include "resolver/local_data.h"
#include "resolver/servers.h"

/* Whether "no such name" holds for all names below it, too (RFC 8020): from anybody, or only where
 * DNSSEC proves it (some servers deny names that have others below them). */
enum nxdomain_cut { NXDOMAIN_CUT_NO, NXDOMAIN_CUT_SECURE, NXDOMAIN_CUT_ALL };

/* When an answer in the cache is fetched anew for the sake of those who ask for it: never, in the
 * last tenth of its time, or after half of it where many ask. */
enum prefetch { PREFETCH_NO, PREFETCH_LAST_TENTH, PREFETCH_POPULAR };

struct root_hint {
    struct name server;
    struct netaddr address; /* port 0: the upstream port */
};

/* Names below which nothing is validated, for a while (RFC 7646). */
struct negative_anchor {
    struct name name;
    uint64_t until_s; /* wall time; UINT64_MAX: for good */
};

/* Where questions for a zone and all below it go instead of down from the root. Of several the one
 * with the longest name counts. */
struct route {
    struct name zone;
    const struct netaddr *address; /* port 0: the upstream port */
    size_t address_count;
    bool recursive;   /* forwarders; else servers of the zone itself (a stub zone) */
    bool fallback;    /* when no forwarder answers: down from the root after all */
    bool here;        /* no address: the zone is known to the service of resolver_own_zones() */
    uint64_t until_s; /* here: not used from this wall time on; 0: for good */
};

/* Borrowed from the configuration snapshot until resolver_swap(). */
struct resolver_options {
    const struct root_hint *hints;
    size_t hint_count;
    const struct netprefix *allow; /* clients that may ask; default: loopback only */
    size_t allow_count;
    const struct netprefix *private_nets; /* addresses that no name of the Internet may have */
    size_t private_count;
    const struct netaddr
        *outgoing; /* source addresses to use, at most one of each family; may be none */
    size_t outgoing_count;
    const struct netprefix *explain; /* clients that are told why (why.c); may be none */
    size_t explain_count;
    uint16_t upstream_port; /* 53 but in a lab */
    uint16_t udp_size;      /* EDNS size, both ways */
    bool ipv4, ipv6;        /* families to use upstream */
    bool minimise;          /* RFC 9156 */
    bool minimise_strict;   /* believes a "no such name" for a part of the name (section 3) */
    bool minimise_ns;       /* asks for NS then, whoever is asked */
    bool cookies;           /* RFC 7873, upstream */
    bool random_case;       /* the question's letters carry random bits (0x20) */
    enum nxdomain_cut nxdomain_cut;
    bool prime;          /* RFC 9609, at the first need */
    bool query_loopback; /* may servers be at 127.0.0.0/8 and ::1? default no */
    bool query_private;  /* at private addresses (RFC 1918 and others)? default yes */
    bool harden_glue;    /* addresses with a referral count only inside the zone that refers */
    bool minimal_any;    /* RFC 8482 */
    uint32_t ttl_min_s, ttl_max_s, negative_ttl_min_s, negative_ttl_max_s;
    uint32_t timeout_ms;               /* for a server never asked before (376 ms in Unbound) */
    uint32_t keepalive_ms;             /* TCP idle time told to clients (RFC 7828); 0: none */
    uint32_t max_clients;              /* client queries waiting at once on this worker */
    struct rate_table *rates;          /* of all workers; NULL: no limits */
    struct rate_limit rate, miss_rate; /* of one client network: all queries, and cache misses */
    const char *identity;              /* NSID */
    struct hash_key cookie_key;        /* RFC 9018, the same on all workers; zero: one of its own */
    const struct anchors *anchors;     /* NULL: nothing is validated */
    const struct negative_anchor *negative;
    size_t negative_count;
    const struct route *route;
    size_t route_count;
    const struct local_data *local; /* what is answered without asking anybody, or NULL */
    bool rsa_sha1;                  /* algorithms 5 and 7 count (RFC 9905: no) */
    bool error_reporting;           /* RFC 9567 */
    enum prefetch prefetch;
    uint32_t patience_ms;     /* UDP clients that may be forged get no answer later; 0: they do */
    bool serve_stale;         /* RFC 8767 */
    uint32_t stale_max_s;     /* how long after its time an answer may be given */
    uint32_t stale_ttl_s;     /* with this TTL */
    uint32_t stale_wait_ms;   /* and after so long a wait; 0: at once, and fetched anew meanwhile */
    uint32_t stale_recheck_s; /* not tried again for so long, when that has failed */
    bool aggressive;          /* denial records answer what was not asked (RFC 8198) */
};

/* Is it a name of class CHAOS that asks for an explanation (why.c)? */
bool resolver_explains(const uint8_t *name);

void resolver_options_default(struct resolver_options *opt);

struct resolver;

/* Borrows all. NULL when memory is out. */
struct resolver *resolver_new(const struct resolver_options *opt, struct cache *cache,
                              const struct env *env) MUST_USE;
void resolver_free(struct resolver *r);
/* Whether two sets of options validate by the same rules; if not, what was checked by one must not
 * be believed by the other: cache_distrust(). */
bool resolver_same_trust(const struct resolver_options *a, const struct resolver_options *b);
/* The same in a digest, for what outlives the process. */
struct hash_key resolver_trust_digest(const struct resolver_options *opt);
/* Who knows the zones of routes that are `here`, with answers like a server's; borrowed with its
 * object. Without it there are none. */
void resolver_own_zones(struct resolver *r, struct service own);
void resolver_swap(struct resolver *r, const struct resolver_options *opt);

enum outcome resolver_request(struct resolver *r, struct request *rq, size_t *ret_n);
struct service resolver_service(struct resolver *r);
/* A message for exchange `id` arrived (TCP: without its length prefix). `from` is who sent it. */
void resolver_reply(struct resolver *r, uint64_t id, const struct netaddr *from, struct bytes wire,
                    struct now now);
/* Exchange `id` cannot go on: ST_EREFUSED (ICMP or RST), ST_EIO (no route), ST_ETIMEOUT (connect).
 */
void resolver_failed(struct resolver *r, uint64_t id, enum status why, struct now now);
/* Runs timers that are due. */
void resolver_tick(struct resolver *r, struct now now);
/* Mono time of the next timer, UINT64_MAX if none. */
uint64_t resolver_deadline(const struct resolver *r);
/* The next thing to do; false when there is none. */
bool resolver_effect(struct resolver *r, struct effect *ret);

/* A resolution from inside (tools, control, simulator): the same machine with a trace. done is
 * called once, from inside one of the calls above or from resolver_resolve itself; the answer
 * message and the trace are borrowed for that call. */
struct resolve_task {
    const uint8_t *name;
    uint16_t type, rclass;
    bool cold;      /* pass by the cache and leave it unchanged */
    bool armed;     /* keep a whole trace */
    bool unchecked; /* do not validate */
    bool dnssec;    /* with signatures and proofs */
    void (*done)(void *ctx, struct bytes answer, const struct trace *trace);
    void *ctx;
};
enum status resolver_resolve(struct resolver *r, const struct resolve_task *task,
                             struct now now) MUST_USE;

#define RESOLVER_COUNTERS(COUNTER)                                                                 \
    COUNTER(queries, "queries from clients")                                                       \
    COUNTER(refused, "queries refused by access control")                                          \
    COUNTER(local, "client queries answered with local data or for names with a special meaning")  \
    COUNTER(cache_hits, "client queries answered from the cache")                                  \
    COUNTER(cache_misses, "client queries that needed work")                                       \
    COUNTER(stale, "client queries answered with data that has run out (RFC 8767)")                \
    COUNTER(prefetches, "lookups made before the answer in the cache ran out")                     \
    COUNTER(impatient, "client queries left without an answer because it came too late")           \
    COUNTER(coalesced, "client queries joined to one in flight")                                   \
    COUNTER(negative, "answers that there is no such name or data")                                \
    COUNTER(servfail, "SERVFAIL answers")                                                          \
    COUNTER(upstream_udp, "queries sent over UDP")                                                 \
    COUNTER(upstream_tcp, "queries sent over TCP")                                                 \
    COUNTER(upstream_timeouts, "upstream queries without a reply")                                 \
    COUNTER(upstream_mismatch, "replies that did not match")                                       \
    COUNTER(budget_exhausted, "queries that used up their budget")                                 \
    COUNTER(secure, "client queries answered with validated data")                                 \
    COUNTER(aggressive, "lookups answered by denial records in the cache (RFC 8198)")              \
    COUNTER(reports, "failures told to a zone's operator (RFC 9567)")                              \
    COUNTER(pauses, "replies put aside while others had their turn")                               \
    COUNTER(bogus, "lookups whose answer failed validation")                                       \
    COUNTER(overload, "client queries turned away at the limit")                                   \
    COUNTER(limited, "client queries over the rate of their network")

struct resolver_counters {
#define COUNTER(name, help) uint64_t name;
    RESOLVER_COUNTERS(COUNTER)
#undef COUNTER
};
const struct resolver_counters *resolver_counters(const struct resolver *r);

/* Failures and slow answers of clients: added to the list; false: no memory. */
bool resolver_failures(const struct resolver *r, const struct incident_filter *want,
                       struct incident_list *to) MUST_USE;
bool resolver_slow(const struct resolver *r, const struct incident_filter *want, struct now now,
                   struct incident_list *to) MUST_USE;
/* What is known of a zone's servers (those that the cache knows), of one address, or (NULL and
 * family NONE) of all; added to what other workers know. False: no memory. */
bool resolver_servers(struct resolver *r, const uint8_t *zone, const struct netaddr *only,
                      struct now now, struct server_list *to) MUST_USE;
/* How long it took to answer what was not in the cache. */
const struct latency *resolver_latency(const struct resolver *r);

#endif
