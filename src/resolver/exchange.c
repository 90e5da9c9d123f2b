/* One upstream question: its ID, its time-out, and whether a reply is the reply to it. */
#include "resolver/machine.h"

#include <stdlib.h>

enum {
    TCP_TIMEOUT_MS = 3000,
    /* Replies that almost match before the question moves to TCP, where guessing does not help
     * (Kaminsky; PowerDNS's spoof-nearmiss-max is 1). */
    MISMATCHES_MAX = 3,
};

struct exchange *exchange_of(struct resolver *r, uint64_t id)
{
    uint32_t slot = (uint32_t)(id & 0xffff);
    struct exchange *x = slot < r->exchange_cap ? r->exchange[slot] : NULL;
    return x != NULL && x->id == id && id != 0 ? x : NULL;
}

static struct exchange *exchange_new(struct resolver *r)
{
    for (uint32_t i = 0; i < r->exchange_cap; i++) {
        uint32_t slot = (r->exchange_free + i) % r->exchange_cap;
        struct exchange *x = r->exchange[slot];
        if (x != NULL && x->id != 0)
            continue;
        if (x == NULL && (x = r->exchange[slot] = calloc(1, sizeof *x)) == NULL)
            return NULL;
        r->exchange_free = slot + 1;
        r->exchange_count++;
        x->id = ++r->generation << 16 | slot;
        return x;
    }
    return NULL;
}

void exchange_end(struct resolver *r, struct exchange *x, bool close)
{
    if (x == NULL)
        return;
    heap_remove(&r->timers, &x->timer);
    if (close)
        effect_push(r, &(struct effect){.kind = EFFECT_CLOSE, .id = x->id});
    x->lookup->exchange = 0;
    r->exchange_free = (uint32_t)(x->id & 0xffff);
    r->exchange_count--;
    x->id = 0;
}

static struct netaddr outgoing(const struct resolver *r, const struct netaddr *to)
{
    for (size_t i = 0; i < r->opt->outgoing_count; i++)
        if (r->opt->outgoing[i].family == to->family)
            return r->opt->outgoing[i];
    return (struct netaddr){.family = ADDR_NONE};
}

static void send_failed(struct resolver *r, struct lookup *l, enum reason why, const char *text,
                        struct now now)
{
    note(l, now, why, &(struct trace_detail){.text = text});
    lookup_end(r, l, why, RCODE_SERVFAIL, now);
}

/* When to give up on a reply: never later than the whole query's deadline. */
static uint64_t deadline(const struct exchange *x, const struct lookup *l, struct now now)
{
    return MIN(now.mono_us + (uint64_t)x->timeout_ms * 1000, l->job->budget.deadline_us);
}

void exchange_send(struct resolver *r, struct lookup *l, unsigned address, enum transport transport,
                   struct now now)
{
    const struct cut_address *a = &l->cut.address[address];
    if (!budget_take(&l->job->budget, BUDGET_PACKETS, 1)) {
        send_failed(r, l, WHY_BUDGET_SPENT, budget_words(BUDGET_PACKETS), now);
        return;
    }
    struct exchange *x = exchange_new(r);
    if (x == NULL) {
        send_failed(r, l, WHY_FAILED, "too many questions under way", now);
        return;
    }
    struct server_info info = servers_get(r->servers, &a->addr, r->opt->timeout_ms, now);
    bool tcp = transport == TRANSPORT_TCP;
    x->lookup = l;
    x->to = a->addr;
    x->transport = transport;
    x->address = (uint8_t)address;
    x->mismatches = 0;
    x->edns = !info.no_edns;
    x->qid = env_random16(r->env);
    x->sent_us = now.mono_us;
    x->timeout_ms = tcp ? TCP_TIMEOUT_MS : info.timeout_ms;
    struct edns_out o = {.present = x->edns, .udp_size = r->shared.udp_size};
    x->size =
        encode_query(x->wire, sizeof x->wire, x->qid, 0, l->asked.w, l->asked_type, CLASS_IN, &o);
    l->exchange = x->id;
    l->phase = PHASE_REPLY;
    if (heap_set(&r->timers, &x->timer, deadline(x, l, now)) != ST_OK) {
        exchange_end(r, x, false);
        send_failed(r, l, WHY_FAILED, "too many timers", now);
        return;
    }
    if (tcp)
        r->count.upstream_tcp++;
    else
        r->count.upstream_udp++;
    note(l, now, tcp ? WHY_SEND_TCP : WHY_SEND_UDP,
         &(struct trace_detail){
             .address = x->to,
             .name = l->asked.w,
             .type = l->asked_type,
             .zone = l->cut.zone.w,
             .server = a->server < l->cut.servers ? l->cut.server[a->server].name.w : NULL});
    effect_push(r, &(struct effect){.kind = EFFECT_SEND,
                                    .transport = transport,
                                    .id = x->id,
                                    .to = x->to,
                                    .from = outgoing(r, &x->to),
                                    .data = bytes_of(x->wire, x->size)});
}

void exchange_expired(struct resolver *r, struct exchange *x, struct now now)
{
    struct lookup *l = x->lookup;
    r->count.upstream_timeouts++;
    note(l, now, WHY_TIMEOUT,
         &(struct trace_detail){.address = x->to,
                                .zone = l->cut.zone.w,
                                .value = (uint32_t)((now.mono_us - x->sent_us + 500) / 1000)});
    servers_failed(r->servers, &x->to, now);
    exchange_end(r, x, true);
    l->phase = PHASE_ASK;
    lookup_ready(r, l);
}

/* RFC 5452 section 9.1: the reply must come from the address asked, with our ID, for our question.
 * Returns what is wrong, or NULL. */
static const char *mismatch(const struct exchange *x, const struct netaddr *from,
                            const struct msg *m, const struct lookup *l)
{
    if (from != NULL && !netaddr_equal(from, &x->to))
        return "another address";
    if (m->h.id != x->qid)
        return "another ID";
    if ((m->h.flags & MSG_QR) == 0)
        return "a question, not a reply";
    if (msg_opcode(m->h.flags) != OPCODE_QUERY)
        return "another opcode";
    if (!m->has_question) /* some servers leave it out of an error (RFC 8906) */
        return (m->h.flags & 15) == RCODE_NOERROR ? "no question" : NULL;
    if (m->q.type != l->asked_type || m->q.rclass != CLASS_IN ||
        !name_equal(m->q.name.w, l->asked.w))
        return "another question";
    return NULL;
}

static void mismatched(struct resolver *r, struct exchange *x, const char *what, struct now now)
{
    struct lookup *l = x->lookup;
    unsigned address = x->address;
    r->count.upstream_mismatch++;
    note(l, now, WHY_REPLY_MISMATCH, &(struct trace_detail){.address = x->to, .text = what});
    if (x->transport == TRANSPORT_UDP && ++x->mismatches < MISMATCHES_MAX)
        return;
    bool udp = x->transport == TRANSPORT_UDP;
    exchange_end(r, x, true);
    if (udp) {
        note(l, now, WHY_RETRY, &(struct trace_detail){.text = "over TCP: replies look forged"});
        exchange_send(r, l, address, TRANSPORT_TCP, now);
    } else {
        l->cut.address[address].bad = true;
        l->phase = PHASE_ASK;
        lookup_ready(r, l);
    }
}

void resolver_reply(struct resolver *r, uint64_t id, const struct netaddr *from, struct bytes wire,
                    struct now now)
{
    struct exchange *x = exchange_of(r, id);
    if (r->effect_n == 0)
        arena_reset(&r->effect_data);
    arena_reset(&r->scratch);
    if (x == NULL)
        return;
    struct lookup *l = x->lookup;
    struct msg m;
    enum status st = msg_parse(wire, &r->scratch, &m);
    bool ours = from == NULL || netaddr_equal(from, &x->to);
    const char *what = st == ST_OK ? mismatch(x, from, &m, l)
                       : ours && m.h.id == x->qid && (m.h.flags & MSG_QR) != 0 ? NULL
                                                                               : "unreadable";
    if (what != NULL) {
        mismatched(r, x, what, now);
    } else if (!budget_take(&l->job->budget, BUDGET_BYTES, (uint32_t)wire.n)) {
        exchange_end(r, x, true);
        send_failed(r, l, WHY_BUDGET_SPENT, budget_words(BUDGET_BYTES), now);
    } else if (st != ST_OK && (m.h.flags & MSG_TC) != 0 && x->transport == TRANSPORT_UDP) {
        reply_truncated(r, x, now); /* cut in the middle of a record */
    } else if (st != ST_OK) {
        note(l, now, WHY_REPLY_MALFORMED,
             &(struct trace_detail){
                 .address = x->to, .zone = l->cut.zone.w, .text = status_text(st)});
        l->cut.address[x->address].bad = true;
        exchange_end(r, x, true);
        l->phase = PHASE_ASK;
        lookup_ready(r, l);
    } else {
        servers_answered(r->servers, &x->to, (uint32_t)MIN(now.mono_us - x->sent_us, UINT32_MAX),
                         now);
        reply_handle(r, x, &m, now);
    }
    resolver_run(r, now);
}
