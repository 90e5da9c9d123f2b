/* The only place where responses are written: section order, truncation, OPT, header. */
#include "query/query.h"

/* The options of our OPT, into q->options. */
static struct bytes options_write(struct query *q)
{
    const struct edns *e = &q->in.edns;
    if (LIKELY(e->option_count == 0 && q->reply.ede == QUERY_NO_EDE && q->opt->report_agent.n == 0))
        return bytes_of(NULL, 0);
    enum { AROUND = MSG_HEADER + LIMIT_NAME + 4 + 11 };     /* header, question, OPT */
    size_t cap = MIN(sizeof q->options, q->limit - AROUND); /* the limit is at least 512 */
    struct writer w = wr_of(q->options, cap);
    if (q->cookie_state != COOKIE_NONE)
        edns_put(&w, EDNS_COOKIE, bytes_of(q->cookie, sizeof q->cookie));
    if (UNLIKELY(e->nsid && q->opt->nsid.n > 0))
        edns_put(&w, EDNS_NSID, q->opt->nsid);
    if (UNLIKELY(e->keepalive && q->rq->transport == TRANSPORT_TCP && q->opt->keepalive_ms > 0)) {
        uint8_t t[2]; /* RFC 7828 section 3.1: units of 100 ms */
        put_be16(t, (uint16_t)MIN(q->opt->keepalive_ms / 100, UINT16_MAX));
        edns_put(&w, EDNS_KEEPALIVE, bytes_of(t, sizeof t));
    }
    if (UNLIKELY(e->has_zoneversion && e->zoneversion.n == 0 && q->zone != NULL &&
                 q->reply.rcode != RCODE_REFUSED)) {
        uint8_t v[6]; /* RFC 9660 section 2: labels of the zone, type SOA-SERIAL, serial */
        v[0] = (uint8_t)name_labels(zone_origin(q->zone));
        v[1] = 0;
        put_be32(v + 2, zone_serial(q->zone));
        edns_put(&w, EDNS_ZONEVERSION, bytes_of(v, sizeof v));
    }
    if (UNLIKELY(q->reply.ede != QUERY_NO_EDE))
        edns_put_ede(&w, (uint16_t)q->reply.ede, q->reply.ede_text);
    /* RFC 9567 section 5: in every answer, if there is room. */
    struct bytes agent = q->opt->report_agent;
    if (UNLIKELY(agent.n > 0) && wr_len(&w) + 4 + agent.n <= cap)
        edns_put(&w, EDNS_REPORT_CHANNEL, agent);
    return wr_done(&w);
}

/* Writes the items of one section; false when one that must be there did not fit. */
static bool section_write(struct query *q, enum msg_section s)
{
    bool last_left_out = false;
    for (unsigned i = 0; i < q->answer.n; i++) {
        const struct answer_item *it = &q->answer.item[i];
        if (it->section != s)
            continue;
        if (it->why == ANSWER_SIGNATURE && last_left_out)
            continue; /* no signature without what it signs */
        last_left_out = encode_rrset(&q->enc, s, &it->set, it->first) != ST_OK;
        if (LIKELY(!last_left_out))
            continue;
        q->left_out = true;
        if (!it->may)
            return false;
    }
    return true;
}

/* The sections as they stand elsewhere: the question's name is longer or shorter, so what stands
 * behind its beginning has moved. */
static bool ready_write(struct query *q)
{
    const struct ready *r = q->ready;
    struct encode *e = &q->enc;
    uint8_t *p = wr_room(&e->w, r->size);
    if (UNLIKELY(p == NULL))
        return false;
    memcpy(p, r->data, r->size);
    int shift = (int)q->lead - r->lead;
    for (unsigned i = 0; shift != 0 && i < r->pointers; i++) {
        unsigned to = get_be16(p + r->at[i]);
        if (!(r->whole && to == (0xc000 | MSG_HEADER)))
            put_be16(p + r->at[i], (uint16_t)((int)to + shift));
    }
    for (unsigned s = 0; s < 3; s++)
        e->count[SECTION_ANSWER + s] = r->count[s];
    return true;
}

/* Writes the message up to its OPT; false if not all of it fits. */
static bool sections_write(struct query *q, struct edns_out *opt)
{
    struct encode *e = &q->enc;
    const struct query_view *in = &q->in;
    uint16_t flags = (uint16_t)(MSG_QR | (in->h.flags & (0x7800 | MSG_RD)) | q->reply.flags |
                                (q->opt->recursion ? MSG_RA : 0) | (q->reply.rcode & 15));
    encode_begin(e, q->rq->out, q->limit, in->h.id, flags);
    if (q->opt_out) {
        *opt = (struct edns_out){.present = true,
                                 .udp_size = q->opt->udp_size,
                                 .rcode = q->reply.rcode,
                                 .dnssec_ok = in->edns.dnssec_ok,
                                 .options = options_write(q)};
        encode_reserve(e, encode_opt_size(opt));
    }
    bool fits = true;
    if (in->has_question && !q->reply.no_question) /* byte for byte: case kept (0x20) */
        fits = encode_question_raw(
                   e, bytes_of(q->rq->wire.p + MSG_HEADER, in->question_end - MSG_HEADER)) == ST_OK;
    if (UNLIKELY(q->keep)) {
        q->pointers.n = 0;
        e->pointers = &q->pointers;
    }
    if (q->ready != NULL) {
        fits = fits && ready_write(q);
    } else if (q->answer.n > 0) {
        fits = fits && section_write(q, SECTION_ANSWER) && section_write(q, SECTION_AUTHORITY) &&
               section_write(q, SECTION_ADDITIONAL);
    }
    return fits;
}

enum stage_result stage_encode(struct query *q)
{
    struct encode *e = &q->enc;
    struct edns_out opt;
    bool fits = sections_write(q, &opt);
    if (UNLIKELY(!fits && q->reply.ede != QUERY_NO_EDE && q->reply.ede_text.n > 0)) {
        /* RFC 8914 section 3: words go before data. The code stays, so nothing is missing. */
        q->reply.ede_text.n = 0;
        fits = sections_write(q, &opt);
    }
    if (UNLIKELY(!fits || q->answer.overflow)) {
        e->flags |= MSG_TC;
        q->truncated = true;
    }
    q->sections_end = (uint32_t)wr_len(&e->w);
    if (q->opt_out && encode_opt(e, &opt) != ST_OK) {
        /* Cannot be: its room was reserved, and q->limit is at least 512. */
        return STAGE_DROP;
    }
    q->size = encode_finish(e);
    return STAGE_NEXT;
}
