/* What is known about upstream addresses: how fast they answer, how they failed. A fixed table; old
 * entries give way to new ones. Learned per address, never per zone, so one faulty zone does not
 * condemn a hoster. */
#ifndef BANYAN_RESOLVER_SERVERS_H
#define BANYAN_RESOLVER_SERVERS_H

#include "base/hash.h"
#include "base/json.h"
#include "base/netaddr.h"
#include "core/env.h"

enum { JAR_CLIENT = 8, JAR_MAX = 40 }; /* bytes of a cookie (RFC 7873 section 4) */

struct servers;

struct server_info {
    bool known;          /* has answered at least once lately */
    bool no_edns;        /* answers FORMERR or NOTIMP to EDNS */
    bool no_case;        /* does not send the question back as it was written */
    uint8_t timeouts;    /* in a row */
    uint32_t srtt_us;    /* smoothed round trip; for an unknown one a guess */
    uint32_t timeout_ms; /* how long to wait for it now */
};

/* entries: a power of two. NULL when memory is out. */
struct servers *servers_new(uint32_t entries, const struct hash_key *key) MUST_USE;
void servers_free(struct servers *s);
struct server_info servers_get(const struct servers *s, const struct netaddr *a,
                               uint32_t unknown_timeout_ms, struct now now);
/* An answer came after rtt_us. */
void servers_answered(struct servers *s, const struct netaddr *a, uint32_t rtt_us, struct now now);
/* No answer within the time-out, or unreachable. */
void servers_failed(struct servers *s, const struct netaddr *a, struct now now);
void servers_no_edns(struct servers *s, const struct netaddr *a, struct now now);
/* The cookie to send: that of ours for this server, with what it gave, if anything. Returns its
 * length; 0 for a server that has lost interest in cookies. */
size_t servers_cookie(struct servers *s, const struct netaddr *a, const struct env *env,
                      struct now now, uint8_t ret[JAR_MAX]);
/* What it gave: a whole cookie, ours in front. One without a server's part changes nothing. */
void servers_cookie_keep(struct servers *s, const struct netaddr *a, struct bytes cookie,
                         struct now now);
/* Over TCP it left the cookie out that it once gave: no more of them for a while. */
void servers_cookie_forget(struct servers *s, const struct netaddr *a, struct now now);
/* Over TCP, where nobody can forge: it changes the case of names. */
void servers_no_case(struct servers *s, const struct netaddr *a, struct now now);
/* Forgets the lack of EDNS. */
void servers_edns_again(struct servers *s, const struct netaddr *a, struct now now);

/* What is known of one, for people. Times until something ends, in seconds; 0: it is not so. */
struct server_row {
    struct netaddr addr;
    uint32_t srtt_us;       /* smoothed; 0: it has never answered */
    uint32_t timeout_ms;    /* how long it would be waited for now */
    uint32_t answers, lost; /* questions answered; without a reply, or it could not be reached */
    uint32_t silent;        /* the last so many in a row */
    uint32_t avoided_s;     /* asked after all others, for its silence */
    uint32_t no_edns_s, no_case_s, no_cookie_s;
    bool cookie; /* it gave one */
    uint64_t idle_s;
};
/* False: nothing is known of it. */
bool servers_row(const struct servers *s, const struct netaddr *a, uint32_t unknown_timeout_ms,
                 struct now now, struct server_row *ret);
/* The first one from *i on, which is moved behind it; start with 0. False: no more. */
bool servers_next(const struct servers *s, uint32_t *i, uint32_t unknown_timeout_ms, struct now now,
                  struct server_row *ret);

struct server_list {
    struct server_row *v;
    size_t n, cap;
};

/* Joins the rows of one server; those with most trouble first, so many (0: all). */
void servers_sort(struct server_list *l, uint32_t last);
void servers_list_free(struct server_list *l);
void servers_table(const struct server_list *l, struct text *out);
void servers_json(const struct server_list *l, struct json *j);

#endif
