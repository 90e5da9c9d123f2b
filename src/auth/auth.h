/* The authoritative role (RFC 1034 section 4.3.2 with everything since): a request in, the answer
 * out, at once; it never waits. One object a worker; zones and options are shared snapshots. */
#ifndef BANYAN_AUTH_AUTH_H
#define BANYAN_AUTH_AUTH_H

#include "base/hash.h"
#include "query/request.h"
#include "zone/table.h"

enum rotation { ROTATE_FIXED, ROTATE_CYCLIC, ROTATE_RANDOM };

/* Options of the role; strings and prefixes are borrowed from the configuration snapshot. */
struct auth_options {
    uint16_t udp_size;      /* largest UDP answer, default LIMIT_EDNS_UDP */
    enum rotation rotation; /* of multi-address answers */
    bool minimal_any;       /* RFC 8482, default on */
    bool ready;   /* answers are kept as they were written, default on (off: to compare) */
    bool cookies; /* RFC 7873, default on */
    struct hash_key cookie_key; /* server secret (RFC 9018 section 4.4), the same on all workers */
    bool require_cookie; /* BADCOOKIE over UDP to a client without a good server cookie, default off
                          */
    bool has_cookie_key_old; /* the secret before is still taken (RFC 9018 section 5) */
    struct hash_key cookie_key_old;
    const char *version;         /* version.bind / version.server CH TXT; NULL: REFUSED */
    const char *hostname;        /* hostname.bind */
    const char *identity;        /* id.server and NSID (RFC 4892, RFC 5001); NULL: none */
    const uint8_t *report_agent; /* name of who wants to hear of failures (RFC 9567), or NULL */
    uint32_t keepalive_ms;       /* TCP idle time told to clients (RFC 7828) */
};

struct auth;

/* Counters by outcome, read by control/ without locks (each worker owns its own). */
#define AUTH_COUNTERS(COUNTER)                                                                     \
    COUNTER(queries, "queries received")                                                           \
    COUNTER(answers, "positive answers")                                                           \
    COUNTER(nodata, "answers that the type does not exist")                                        \
    COUNTER(nxdomain, "answers that the name does not exist")                                      \
    COUNTER(referrals, "referrals to a child zone")                                                \
    COUNTER(refused, "refused: not our zone")                                                      \
    COUNTER(formerr, "malformed queries")                                                          \
    COUNTER(notimp, "queries not implemented")                                                     \
    COUNTER(truncated, "answers cut to the size allowed")                                          \
    COUNTER(dropped, "packets that deserve no answer")

struct auth_counters {
#define COUNTER(name, help) uint64_t name;
    AUTH_COUNTERS(COUNTER)
#undef COUNTER
};

/* Borrows table and options until auth_swap() or auth_free(). NULL when memory is out. */
struct auth *auth_new(const struct zone_table *table, const struct auth_options *opt,
                      const struct env *env) MUST_USE;
void auth_free(struct auth *a);
/* Changes to a new snapshot, between two requests. */
void auth_swap(struct auth *a, const struct zone_table *table, const struct auth_options *opt);
/* The service for drivers. */
struct service auth_service(struct auth *a);
const struct auth_counters *auth_counters(const struct auth *a);
/* Fills the defaults named above (cookie_key zero). */
void auth_options_default(struct auth_options *opt);

#endif
