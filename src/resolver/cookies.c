/* Cookies of other servers (RFC 7873): a forger off the path does not know the one that was sent,
 * and a server that has given one of its own does not leave it out. */
#include "resolver/machine.h"

#include "dns/edns.h"

size_t jar_put(struct resolver *r, struct exchange *x, uint8_t *buf, size_t cap, struct now now)
{
    uint8_t cookie[JAR_MAX];
    struct writer w = wr_of(buf, cap);
    x->cookie = 0;
    if (!r->opt->cookies || !x->edns)
        return 0;
    size_t n = servers_cookie(r->servers, &x->to, r->env, now, cookie);
    if (n == 0)
        return 0;
    edns_put(&w, EDNS_COOKIE, bytes_of(cookie, n));
    if (!wr_ok(&w))
        return 0;
    x->cookie = (uint8_t)n;
    memcpy(x->client_cookie, cookie, JAR_CLIENT);
    return wr_len(&w);
}

bool jar_judge(struct resolver *r, const struct exchange *x, const struct msg *m, struct now now)
{
    if (x->cookie == 0 || (!m->edns.has_cookie && x->cookie == JAR_CLIENT))
        return true;
    if (m->edns.has_cookie && m->edns.cookie.n >= JAR_CLIENT &&
        memcmp(m->edns.cookie.p, x->client_cookie, JAR_CLIENT) == 0) {
        servers_cookie_keep(r->servers, &x->to, m->edns.cookie, now);
        return true;
    }
    /* RFC 7873 section 5.3. Over TCP nobody can forge: that is how the server is. */
    if (x->transport == TRANSPORT_UDP)
        return false;
    servers_cookie_forget(r->servers, &x->to, now);
    return true;
}
