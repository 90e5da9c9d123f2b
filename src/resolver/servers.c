#include "resolver/servers.h"

#include <stdlib.h>
#include <string.h>

struct server {
    struct netaddr addr;
    uint32_t srtt_us, rttvar_us;
    uint64_t used_us;       /* mono time of the last news */
    uint64_t no_edns_us;    /* until then EDNS is left out */
    uint64_t no_case_us;    /* until then the question goes as it is */
    uint64_t no_cookie_us;  /* until then no cookie is sent */
    uint64_t cookie_us;     /* when the client's part was made */
    uint32_t answers, lost; /* in all */
    uint8_t timeouts;
    uint8_t cookie_size;
    uint8_t cookie[JAR_MAX];
};

struct servers {
    struct hash_key key;
    uint32_t mask;
    struct server slot[];
};

/* A client's cookie says who it is as long as it stays the same, wherever it goes (RFC 7873 section
 * 7.1). */
#define COOKIE_LIFE_US UINT64_C(3600000000)

enum {
    WAYS = 4, /* slots an address may stand in */
    TIMEOUT_MIN_MS = 150,
    TIMEOUT_MAX_MS = 3000,
    /* A silent server is tried again as if unknown after this time. */
    FORGET_US = 120 * 1000000,
    NO_EDNS_US = 600 * 1000000,
    NO_CASE_US = 600 * 1000000,
    NO_COOKIE_US = 600 * 1000000,
    /* What an unknown server is taken for, so that it gets its chance beside ones known to be slow.
     */
    UNKNOWN_US = 100000,
};

struct servers *servers_new(uint32_t entries, const struct hash_key *key)
{
    struct servers *s = calloc(1, sizeof *s + entries * sizeof s->slot[0]);
    if (s == NULL)
        return NULL;
    s->key = *key;
    s->mask = entries - 1;
    return s;
}

void servers_free(struct servers *s)
{
    free(s);
}

static struct server *find(const struct servers *s, const struct netaddr *a, bool make,
                           struct now now)
{
    uint64_t h = siphash13(&s->key, a->a, sizeof a->a);
    struct server *oldest = NULL;
    for (uint32_t i = 0; i < WAYS; i++) {
        struct server *e = (struct server *)&s->slot[(h + i) & s->mask];
        if (netaddr_same_host(&e->addr, a))
            return e;
        if (oldest == NULL || e->used_us < oldest->used_us)
            oldest = e;
    }
    if (!make)
        return NULL;
    *oldest = (struct server){.addr = *a, .used_us = now.mono_us};
    return oldest;
}

struct server_info servers_get(const struct servers *s, const struct netaddr *a,
                               uint32_t unknown_timeout_ms, struct now now)
{
    struct server_info i = {.srtt_us = UNKNOWN_US, .timeout_ms = unknown_timeout_ms};
    const struct server *e = find(s, a, false, now);
    if (e == NULL)
        return i;
    i.no_edns = e->no_edns_us > now.mono_us;
    i.no_case = e->no_case_us > now.mono_us;
    if (now.mono_us - e->used_us > FORGET_US && e->timeouts > 0)
        return i;
    i.timeouts = e->timeouts;
    i.known = e->srtt_us > 0;
    if (i.known) {
        i.srtt_us = e->srtt_us;
        uint32_t rto_ms = (e->srtt_us + 4 * e->rttvar_us) / 1000; /* RFC 6298 section 2 */
        i.timeout_ms = MAX(rto_ms, (uint32_t)TIMEOUT_MIN_MS);
    }
    /* Each silence doubles both the wait and the price of asking again. */
    unsigned shift = MIN(e->timeouts, (uint8_t)5);
    i.timeout_ms = MIN(i.timeout_ms << shift, (uint32_t)TIMEOUT_MAX_MS);
    if (e->timeouts > 0)
        i.srtt_us = MAX(i.srtt_us, i.timeout_ms * 1000);
    return i;
}

void servers_answered(struct servers *s, const struct netaddr *a, uint32_t rtt_us, struct now now)
{
    struct server *e = find(s, a, true, now);
    rtt_us = MAX(rtt_us, 1u);
    if (e->srtt_us == 0) { /* RFC 6298 section 2.2 and 2.3 */
        e->srtt_us = rtt_us;
        e->rttvar_us = rtt_us / 2;
    } else {
        uint32_t diff = e->srtt_us > rtt_us ? e->srtt_us - rtt_us : rtt_us - e->srtt_us;
        e->rttvar_us = e->rttvar_us - e->rttvar_us / 4 + diff / 4;
        e->srtt_us = MAX(e->srtt_us - e->srtt_us / 8 + rtt_us / 8, 1u);
    }
    e->timeouts = 0;
    e->answers++;
    e->used_us = now.mono_us;
}

void servers_failed(struct servers *s, const struct netaddr *a, struct now now)
{
    struct server *e = find(s, a, true, now);
    e->timeouts = (uint8_t)MIN(e->timeouts + 1, 200);
    e->lost++;
    e->used_us = now.mono_us;
}

void servers_no_edns(struct servers *s, const struct netaddr *a, struct now now)
{
    struct server *e = find(s, a, true, now);
    e->no_edns_us = now.mono_us + NO_EDNS_US;
    e->used_us = now.mono_us;
}

void servers_no_case(struct servers *s, const struct netaddr *a, struct now now)
{
    struct server *e = find(s, a, true, now);
    e->no_case_us = now.mono_us + NO_CASE_US;
    e->used_us = now.mono_us;
}

size_t servers_cookie(struct servers *s, const struct netaddr *a, const struct env *env,
                      struct now now, uint8_t ret[JAR_MAX])
{
    struct server *e = find(s, a, true, now);
    if (e->no_cookie_us > now.mono_us)
        return 0;
    if (e->cookie_size == 0 || now.mono_us - e->cookie_us > COOKIE_LIFE_US) {
        put_be64(e->cookie, env_random64(env));
        e->cookie_size = JAR_CLIENT;
        e->cookie_us = now.mono_us;
    }
    memcpy(ret, e->cookie, e->cookie_size);
    return e->cookie_size;
}

void servers_cookie_keep(struct servers *s, const struct netaddr *a, struct bytes cookie,
                         struct now now)
{
    struct server *e = find(s, a, false, now);
    if (e == NULL || cookie.n <= JAR_CLIENT || cookie.n > JAR_MAX || e->cookie_size == 0 ||
        memcmp(e->cookie, cookie.p, JAR_CLIENT) != 0)
        return;
    memcpy(e->cookie, cookie.p, cookie.n);
    e->cookie_size = (uint8_t)cookie.n;
}

void servers_cookie_forget(struct servers *s, const struct netaddr *a, struct now now)
{
    struct server *e = find(s, a, true, now);
    e->cookie_size = 0;
    e->no_cookie_us = now.mono_us + NO_COOKIE_US;
}

void servers_edns_again(struct servers *s, const struct netaddr *a, struct now now)
{
    struct server *e = find(s, a, false, now);
    if (e != NULL)
        e->no_edns_us = 0;
}

static uint32_t left_s(uint64_t until_us, struct now now)
{
    return until_us > now.mono_us ? (uint32_t)((until_us - now.mono_us) / 1000000 + 1) : 0;
}

static void row_of(const struct servers *s, const struct server *e, uint32_t unknown_timeout_ms,
                   struct now now, struct server_row *ret)
{
    *ret = (struct server_row){
        .addr = e->addr,
        .srtt_us = e->srtt_us,
        .timeout_ms = servers_get(s, &e->addr, unknown_timeout_ms, now).timeout_ms,
        .answers = e->answers,
        .lost = e->lost,
        .silent = e->timeouts,
        .avoided_s = e->timeouts > 0 ? left_s(e->used_us + FORGET_US, now) : 0,
        .no_edns_s = left_s(e->no_edns_us, now),
        .no_case_s = left_s(e->no_case_us, now),
        .no_cookie_s = left_s(e->no_cookie_us, now),
        .cookie = e->cookie_size > JAR_CLIENT,
        .idle_s = (now.mono_us - MIN(e->used_us, now.mono_us)) / 1000000};
}

bool servers_row(const struct servers *s, const struct netaddr *a, uint32_t unknown_timeout_ms,
                 struct now now, struct server_row *ret)
{
    const struct server *e = find(s, a, false, now);
    if (e != NULL)
        row_of(s, e, unknown_timeout_ms, now, ret);
    return e != NULL;
}

bool servers_next(const struct servers *s, uint32_t *i, uint32_t unknown_timeout_ms, struct now now,
                  struct server_row *ret)
{
    while (*i <= s->mask && s->slot[*i].addr.family == ADDR_NONE)
        ++*i;
    if (*i > s->mask)
        return false;
    row_of(s, &s->slot[(*i)++], unknown_timeout_ms, now, ret);
    return true;
}
