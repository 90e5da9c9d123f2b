/* The first stages of every role: what was asked, and what the asker says about itself. */
#include "query/cookie.h"
#include "query/query.h"

/* RFC 7873 section 5.4: an empty question with a COOKIE asks for a server cookie. */
static bool asks_for_cookie(const struct query *q)
{
    return q->in.h.count[SECTION_QUESTION] == 0 && q->in.edns.present && q->in.edns.has_cookie;
}

enum stage_result stage_parse(struct query *q)
{
    struct query_view *in = &q->in;
    struct bytes wire = q->rq->wire;
    if (UNLIKELY(wire.n < MSG_HEADER))
        return STAGE_DROP;
    enum status st = query_parse(wire, in);
    if (UNLIKELY((in->h.flags & MSG_QR) != 0))
        return STAGE_DROP; /* answering answers would make loops between servers */
    if (UNLIKELY(msg_opcode(in->h.flags) != OPCODE_QUERY)) {
        /* Whatever the rest means under that opcode, it is no OPT of ours to read (RFC 8906
         * section 3.1.4). */
        if (st != ST_OK)
            in->edns.present = in->has_question = false;
        return query_error(q, RCODE_NOTIMP, QUERY_NO_EDE);
    }
    if (UNLIKELY(st != ST_OK)) {
        /* An OPT that was seen is answered with one, so that FORMERR is not taken for "knows no
         * EDNS" (RFC 6891 section 7); its options are not to be trusted. Of several OPTs none is
         * (section 6.1.1). */
        in->edns.present &= in->h.count[SECTION_ADDITIONAL] == 1;
        in->edns.has_cookie = in->edns.nsid = in->edns.keepalive = in->edns.has_zoneversion = false;
        return query_error(q, RCODE_FORMERR, QUERY_NO_EDE);
    }
    if (UNLIKELY(!in->has_question)) {
        if (asks_for_cookie(q) && q->opt->cookies)
            return STAGE_DONE;
        return query_error(q, RCODE_FORMERR, QUERY_NO_EDE);
    }
    return STAGE_NEXT;
}

/* Checks the client's cookie and makes the one to send. A young good one is sent back as it is, so
 * that clients need not change it at every answer (RFC 9018 section 4.3). */
static void cookie_read(struct query *q)
{
    struct bytes c = q->in.edns.cookie;
    const struct netaddr *who = &q->rq->client;
    uint32_t now = (uint32_t)q->rq->now.wall_s;
    bool current = cookie_check(&q->opt->key, c, who, now);
    if (c.n == COOKIE_CLIENT_SIZE)
        q->cookie_state = COOKIE_CLIENT;
    else if (current || (q->opt->has_old && cookie_check(&q->opt->old, c, who, now)))
        q->cookie_state = COOKIE_GOOD;
    else
        q->cookie_state = COOKIE_INVALID;
    int32_t age = cookie_age(c, now);
    if (current && age >= 0 && age <= COOKIE_RENEW)
        memcpy(q->cookie, c.p, COOKIE_SIZE);
    else
        cookie_make(&q->opt->key, c.p, who, now, q->cookie);
}

static bool cookie_refused(const struct query *q)
{
    if (q->cookie_state != COOKIE_CLIENT && q->cookie_state != COOKIE_INVALID)
        return false;
    if (!q->in.has_question) /* RFC 7873 section 5.4: a client cookie alone is what it is for */
        return q->cookie_state == COOKIE_INVALID;
    return q->opt->require_cookie && q->rq->transport == TRANSPORT_UDP;
}

enum stage_result stage_edns(struct query *q)
{
    const struct edns *e = &q->in.edns;
    size_t limit = LIMIT_MESSAGE;
    if (q->rq->transport == TRANSPORT_UDP) {
        limit = LIMIT_UDP_PLAIN;
        if (e->present) /* RFC 6891 section 6.2.3: below 512 counts as 512 */
            limit = MAX(limit, MIN(e->udp_size, q->opt->udp_size));
    }
    q->limit = (uint32_t)MIN(limit, q->rq->out_cap);
    if (!e->present)
        return STAGE_NEXT;
    q->opt_out = true;
    if (q->opt->cookies && e->has_cookie)
        cookie_read(q);
    if (q->reply.rcode != RCODE_NOERROR)
        return STAGE_DONE;
    if (UNLIKELY(e->version != 0)) /* RFC 6891 section 6.1.3 */
        return query_error(q, RCODE_BADVERS, QUERY_NO_EDE);
    if (UNLIKELY(cookie_refused(q)))
        return query_error(q, RCODE_BADCOOKIE, QUERY_NO_EDE);
    return STAGE_NEXT;
}
