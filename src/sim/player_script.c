/* Servers that answer otherwise than their zones say, as a scenario's scripts tell. */
#include "dns/encode.h"
#include "sim/pick.h"
#include "sim/player_state.h"

/* The script that answers this question at this host, or NULL. */
static struct script *script_for(struct player *p, const struct host *h, const struct query_view *q,
                                 enum transport transport)
{
    for (unsigned i = 0; i < p->sc->script_count; i++) {
        struct script *s = &p->sc->script[i];
        if (!name_equal(s->server.w, h->name.w) || (s->type != 0 && s->type != q->q.type) ||
            (s->transport >= 0 && s->transport != (int)transport) ||
            (s->times > 0 && s->used >= s->times))
            continue;
        if (s->any_name ||
            (s->below ? name_in(q->q.name.w, s->name.w) && !name_equal(q->q.name.w, s->name.w)
                      : name_equal(q->q.name.w, s->name.w)))
            return s;
    }
    return NULL;
}

/* Asks a server's zones. False: it does not answer; else *ret is in the player's script arena. */
static bool ask_zones(struct player *p, const struct host *h, const struct request *rq,
                      const struct query_view *q, const struct replay *y, struct msg *ret)
{
    static uint8_t out[LIMIT_MESSAGE];
    uint8_t buf[512];
    struct edns_out edns = {
        .present = q->edns.present, .udp_size = LIMIT_EDNS_UDP, .dnssec_ok = q->edns.dnssec_ok};
    size_t n = encode_query(
        buf, sizeof buf, q->h.id, q->h.flags & MSG_RD, y->same_name ? q->q.name.w : y->name.w,
        y->type != 0 ? y->type : q->q.type, CLASS_IN, edns.present ? &edns : NULL);
    struct request own = {.client = rq->client,
                          .local = h->addr[0],
                          .transport = TRANSPORT_TCP,
                          .now = rq->now,
                          .wire = bytes_of(buf, n),
                          .out = out,
                          .out_cap = sizeof out};
    struct service s = auth_service(h->auth);
    arena_reset(&p->script_arena);
    if (s.handle(s.ctx, &own, &n) != OUTCOME_ANSWER)
        return false;
    uint8_t *copy = arena_dup(&p->script_arena, out, n);
    return copy != NULL && msg_parse(bytes_of(copy, n), &p->script_arena, ret) == ST_OK;
}

static bool replayed(void *ctx, const struct rr_view *rr)
{
    const struct replay *y = ctx;
    bool named = false;
    for (unsigned i = 0; i < y->type_count; i++)
        named |= y->types[i] == rr->type;
    return y->section[rr->section] && (y->type_count == 0 || named == y->only);
}

/* Adds the records of all replays; flags and RCODE are those of the last one. */
static enum status put_replays(struct player *p, struct script *s, const struct request *rq,
                               const struct query_view *q, struct encode *e)
{
    for (unsigned i = 0; i < s->replay_count; i++) {
        struct replay *y = &s->replay[i];
        struct msg m;
        const struct host *h = NULL;
        for (unsigned k = 0; k < p->internet.host_count; k++)
            if (name_equal(p->internet.host[k].name.w, y->server.w))
                h = &p->internet.host[k];
        if (h == NULL || !ask_zones(p, h, rq, q, y, &m))
            return ST_ENOTFOUND;
        struct pick how = {y, replayed, y->same_name ? NULL : y->name.w,
                           y->renamed ? y->as.w : q->q.name.w, y->renamed};
        TRY(pick_records(e, &m, &how));
        e->flags |= (m.h.flags & MSG_AA) | (s->has_rcode ? 0 : m.h.flags & 15);
    }
    return ST_OK;
}

static enum status put_records(const struct script *s, struct encode *e)
{
    for (unsigned i = 0; i < s->rr_count; i++) {
        const struct scenario_rr *rr = s->rr[i];
        TRY(encode_rr(e, (enum msg_section)s->section[i], rr->owner.w, rr->type, CLASS_IN, rr->ttl,
                      bytes_of(rr->rdata, rr->rdata_n)));
    }
    return ST_OK;
}

bool player_script(void *ctx, const struct request *rq, size_t *ret_n)
{
    const struct script_host *sh = ctx;
    struct query_view q;
    struct encode e;
    *ret_n = 0;
    if (query_parse(rq->wire, &q) != ST_OK || !q.has_question)
        return false;
    struct script *s = script_for(sh->p, sh->h, &q, rq->transport);
    if (s == NULL)
        return false;
    s->used++;
    if (s->silent)
        return true;
    struct edns_out opt = {.present = q.edns.present && !s->no_opt,
                           .udp_size = LIMIT_EDNS_UDP,
                           .rcode = s->rcode,
                           .dnssec_ok = q.edns.dnssec_ok};
    encode_begin(
        &e, rq->out, rq->out_cap, q.h.id,
        (uint16_t)((s->no_qr ? 0 : MSG_QR) | (q.h.flags & MSG_RD) | s->flags | (s->rcode & 15)));
    if (opt.present)
        encode_reserve(&e, encode_opt_size(&opt));
    if (encode_question(&e, q.q.name.w, q.q.type, q.q.rclass) != ST_OK ||
        put_replays(sh->p, s, rq, &q, &e) != ST_OK || put_records(s, &e) != ST_OK ||
        (opt.present && encode_opt(&e, &opt) != ST_OK))
        return true;
    *ret_n = encode_finish(&e);
    return true;
}
