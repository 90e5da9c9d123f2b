/* Zones that this process knows itself: the root's copy (RFC 8806), zone files of the
 * configuration. They are asked like a server, and what they say is judged like a server's reply;
 * only that no packet leaves. */
#include "resolver/machine.h"

static const char *words(const struct reading *rd)
{
    switch (rd->kind) {
    case KIND_ANSWER:
        return "an answer";
    case KIND_ALIAS:
        return "an alias";
    case KIND_NXDOMAIN:
        return "no such name";
    case KIND_NODATA:
        return "no such data";
    case KIND_REFERRAL:
        return "other servers know";
    default:
        return "nothing of use";
    }
}

/* The service's message in the scratch arena; n 0: there is none. */
static struct bytes own_reply(struct resolver *r, const struct lookup *l, struct now now)
{
    uint8_t query[WIRE_QUERY_MAX];
    struct edns_out o = {.present = true, .udp_size = LIMIT_EDNS_UDP, .dnssec_ok = true};
    size_t n = encode_query(query, sizeof query, 0, 0, l->asked.w, l->asked_type, CLASS_IN, &o);
    struct request rq = {.transport = TRANSPORT_LOCAL,
                         .now = now,
                         .wire = bytes_of(query, n),
                         .out = r->reply_buf,
                         .out_cap = LIMIT_MESSAGE};
    arena_reset(&r->scratch);
    if (r->own.handle == NULL || r->own.handle(r->own.ctx, &rq, &n) != OUTCOME_ANSWER)
        return (struct bytes){NULL, 0};
    /* What is kept of a referral is written where it stands now. */
    const uint8_t *copy = arena_dup(&r->scratch, r->reply_buf, n);
    return bytes_of(copy, copy != NULL ? n : 0);
}

void here_ask(struct resolver *r, struct lookup *l, struct now now)
{
    struct cut_address *a = &l->cut.address[0];
    struct reading *rd = &r->reading;
    struct msg m;
    l->full = true; /* nobody sees the name */
    minimise(r, l);
    a->tries++;
    struct bytes wire = own_reply(r, l, now);
    l->phase = PHASE_ASK;
    if (a->tries > LIMIT_ZONE_TRIES || wire.n == 0 || msg_parse(wire, &r->scratch, &m) != ST_OK) {
        a->bad = true;
        return;
    }
    classify(l, &m, rd);
    struct trace_detail d = {
        .zone = l->cut.zone.w, .name = l->asked.w, .type = l->asked_type, .text = words(rd)};
    note(l, now, WHY_OWN_ZONE_SAYS, &d);
    reply_take(r, l, &m, rd, a, now);
}
