/* One upstream question and its answer: a random ID (RFC 5452), exact matching, and a time-out that
 * follows what is known about the server. */
#include "resolver/machine.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TCP_TIMEOUT_MS = 3000, /* connecting takes a round trip of its own, often two */
    SLOT_BITS = 16,
    NO_ROUTE_MAX = 3,
    NO_ROUTE_US = 60000000,
};

static struct exchange *exchange_new(struct resolver *r)
{
    if (r->exchange_count == LIMIT_EXCHANGES)
        return NULL;
    uint32_t slot = r->exchange_free;
    while (r->exchange[slot] != NULL)
        slot = (slot + 1) % LIMIT_EXCHANGES;
    struct exchange *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    r->exchange[slot] = x;
    r->exchange_free = (slot + 1) % LIMIT_EXCHANGES;
    r->exchange_count++;
    x->id = ++r->generation << SLOT_BITS | slot;
    list_init(&x->link);
    return x;
}

void exchange_free(struct resolver *r, struct exchange *x)
{
    heap_remove(&r->timers, &x->timer);
    list_remove(&x->link);
    r->exchange[x->id & ((1u << SLOT_BITS) - 1)] = NULL;
    r->exchange_count--;
    free(x);
}

struct exchange *exchange_of(struct resolver *r, uint64_t id)
{
    uint32_t slot = id & ((1u << SLOT_BITS) - 1);
    struct exchange *x = slot < LIMIT_EXCHANGES ? r->exchange[slot] : NULL;
    return x != NULL && x->id == id && x->lookup != NULL ? x : NULL;
}

void exchange_end(struct resolver *r, struct exchange *x)
{
    if (x->sent)
        waits_add(&x->lookup->job->waits, &x->to, r->now.mono_us - x->sent_us, !x->answered);
    x->lookup->exchange = NULL;
    x->lookup = NULL;
    heap_remove(&r->timers, &x->timer);
    list_remove(&x->link);
    if (x->sent)
        list_append(&r->closing, &x->link);
    else
        exchange_free(r, x);
}

/* Letters in random case: up to a bit of each that a forger off the path has to guess as well,
 * since servers copy the question as it is (draft-vixie-dnsext-dns0x20). */
static void mix_case(const struct resolver *r, const uint8_t *name, struct name *ret)
{
    uint64_t bits = 0;
    size_t n = name_len(name);
    for (size_t i = 0; i < n; i++) { /* length bytes are below 'A' */
        if (i % 64 == 0)
            bits = env_random64(r->env);
        bool letter = (name[i] | 0x20) >= 'a' && (name[i] | 0x20) <= 'z';
        ret->w[i] = letter ? (uint8_t)(name[i] ^ (bits >> i % 64 & 1) << 5) : name[i];
    }
}

static void question_write(struct resolver *r, struct lookup *l, struct exchange *x, struct now now)
{
    uint8_t options[4 + JAR_MAX];
    /* RFC 4035 section 3.2.1: DO always, so that what is kept serves those who validate too. */
    struct edns_out o = {.present = x->edns, .udp_size = r->opt->udp_size, .dnssec_ok = true};
    o.options = bytes_of(options, jar_put(r, x, options, sizeof options, now));
    struct name mixed;
    /* A forwarder resolves for us. What it thinks bogus is for us to judge (RFC 4035
     * section 4.9.2). */
    uint16_t flags = l->cut.forward ? MSG_RD | (validating(r) ? MSG_CD : 0) : 0;
    x->qid = env_random16(r->env);
    if (x->random_case)
        mix_case(r, l->asked.w, &mixed);
    x->size = encode_query(x->wire, sizeof x->wire, x->qid, flags,
                           x->random_case ? mixed.w : l->asked.w, l->asked_type, CLASS_IN, &o);
    ASSERT(x->size > 0);
}

void exchange_send(struct resolver *r, struct lookup *l, unsigned address, struct now now)
{
    struct cut_address *a = &l->cut.address[address];
    struct server_info s = servers_get(r->servers, &a->addr, r->opt->timeout_ms, now);
    struct trace_detail d = {.address = a->addr, .zone = l->cut.zone.w};
    if (!spend(l, BUDGET_PACKETS, 1, now)) {
        lookup_fail(r, l, "the budget of the question is spent", now);
        return;
    }
    struct exchange *x = exchange_new(r);
    if (x == NULL) {
        lookup_overload(r, l, "too many questions are on their way", now);
        return;
    }
    minimise(r, l);
    x->lookup = l;
    x->to = a->addr;
    x->address = (uint8_t)address;
    x->transport = a->tcp ? TRANSPORT_TCP : TRANSPORT_UDP;
    /* A server that never answered may be one that drops EDNS: the last try goes without. */
    x->edns = a->edns_again
                  ? !a->no_edns
                  : !(a->no_edns || s.no_edns || (!s.known && a->tries + 1 == LIMIT_ADDRESS_TRIES));
    a->plain = !x->edns;
    x->random_case = r->opt->random_case && !s.no_case;
    x->timeout_ms = a->tcp ? MAX(s.timeout_ms, (uint32_t)TCP_TIMEOUT_MS) : s.timeout_ms;
    x->sent_us = now.mono_us;
    question_write(r, l, x, now);
    uint64_t due = now.mono_us + (uint64_t)x->timeout_ms * 1000;
    if (heap_set(&r->timers, &x->timer, MIN(due, l->job->budget.deadline_us)) != ST_OK) {
        exchange_free(r, x);
        lookup_overload(r, l, "out of memory", now);
        return;
    }
    a->tries++;
    l->cut.tries++;
    l->exchange = x;
    l->phase = PHASE_REPLY;
    list_append(&r->sending, &x->link);
    if (a->tcp)
        r->count.upstream_tcp++;
    else
        r->count.upstream_udp++;
    d.name = l->asked.w;
    d.type = l->asked_type;
    if (is_minimised(l)) {
        l->minimised++;
        note(l, now, WHY_MINIMISED, &d);
    }
    if (a->server < l->cut.servers)
        d.server = l->cut.server[a->server].name.w;
    note(l, now, a->tcp ? WHY_SEND_TCP : WHY_SEND_UDP, &d);
}

/* TCP was to tell whether a reply was forged, and does not work there. Many servers are like that:
 * for a while this one is asked without what it may have changed, as it would be by a resolver that
 * knows nothing of that; ID and port are to be guessed all the same. False: it was asked over TCP
 * for another reason. */
static bool without_extras(struct resolver *r, struct lookup *l, const struct exchange *x,
                           struct now now)
{
    struct cut_address *a = &l->cut.address[x->address];
    if (x->transport != TRANSPORT_TCP || !a->tcp_to_be_sure)
        return false;
    struct trace_detail d = {.zone = l->cut.zone.w,
                             .text = "TCP does not work there: over UDP, without cookie and case"};
    note(l, now, WHY_RETRY, &d);
    servers_no_case(r->servers, &x->to, now);
    servers_cookie_forget(r->servers, &x->to, now);
    a->tcp = a->tcp_to_be_sure = false;
    a->tries = 0;
    return true;
}

/* Silence, and what is known of it: an operator mends a closed TCP port, a middlebox and a server
 * that is down in different ways. */
static void note_silence(struct lookup *l, const struct exchange *x, struct now now)
{
    struct cut_address *a = &l->cut.address[x->address];
    uint32_t waited_ms = (uint32_t)((now.mono_us - x->sent_us) / 1000);
    char buf[128];
    struct text t = text_of(buf, sizeof buf);
    struct trace_detail d = {.address = x->to,
                             .zone = l->cut.zone.w,
                             .name = l->asked.w,
                             .type = l->asked_type,
                             .value = waited_ms,
                             .text = buf};
    buf[0] = '\0';
    a->waited_ms = (uint16_t)MIN(a->waited_ms + waited_ms, (uint32_t)UINT16_MAX);
    if (a->tries > 1)
        text_fmt(&t, " (asked %u times, %u ms in all)", a->tries, a->waited_ms);
    if (x->transport == TRANSPORT_TCP && a->truncated)
        text_str(&t, "; over UDP it says that the answer does not fit");
    if (x->mismatches > 0)
        text_fmt(&t, ": %s", x->mismatch);
    note(l, now,
         x->mismatches > 0               ? WHY_STRANGE_REPLIES
         : x->transport == TRANSPORT_TCP ? WHY_TIMEOUT_TCP
                                         : WHY_TIMEOUT,
         &d);
}

void exchange_expired(struct resolver *r, struct exchange *x, struct now now)
{
    struct lookup *l = x->lookup;
    note_silence(l, x, now);
    r->count.upstream_timeouts++;
    servers_failed(r->servers, &x->to, now);
    if (!without_extras(r, l, x, now) && x->transport == TRANSPORT_TCP)
        l->cut.address[x->address].bad = true;
    exchange_end(r, x);
    l->phase = PHASE_ASK;
    lookup_ready(r, l);
}

static const char no_question[] = "no question";

/* What is wrong with a message for being the reply to x; NULL if it is the reply. */
static const char *mismatch(const struct exchange *x, const struct netaddr *from, struct bytes wire)
{
    struct msg_header h;
    struct question q;
    size_t end;
    if (!netaddr_equal(from, &x->to))
        return "another address";
    if (msg_header_read(wire, &h) != ST_OK)
        return "too short";
    if ((h.flags & MSG_QR) == 0)
        return "not a response";
    if (h.id != x->qid)
        return "another ID";
    if (msg_opcode(h.flags) != OPCODE_QUERY)
        return "another opcode";
    unsigned rcode = h.flags & 15;
    if (h.count[SECTION_QUESTION] == 0 && (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP))
        return NULL; /* servers that did not get as far as the question (RFC 6891 section 7) */
    if (h.count[SECTION_QUESTION] != 1 || msg_question_read(wire, &q, &end) != ST_OK)
        return no_question;
    if (q.type != x->lookup->asked_type || q.rclass != CLASS_IN ||
        !name_equal(q.name.w, x->lookup->asked.w))
        return "another question";
    return NULL;
}

/* What came may be forged: the same question, to where nobody can guess. */
static void ask_by_tcp(struct resolver *r, struct exchange *x, enum reason why, struct now now)
{
    struct lookup *l = x->lookup;
    struct trace_detail d = {.address = x->to, .zone = l->cut.zone.w};
    note(l, now, why, &d);
    r->count.upstream_mismatch++;
    l->cut.address[x->address].tcp = true;
    l->cut.address[x->address].tcp_to_be_sure = true;
    exchange_end(r, x);
    l->phase = PHASE_ASK;
    lookup_ready(r, l);
}

/* The question came back with letters in another case: over UDP it may be forged, so it is asked
 * over TCP; over TCP that is how the server is. */
static bool other_case(struct resolver *r, struct exchange *x, struct bytes wire, struct now now)
{
    size_t n = name_len(x->wire + MSG_HEADER);
    if (!x->random_case || get_be16(wire.p + 4) == 0 ||
        memcmp(wire.p + MSG_HEADER, x->wire + MSG_HEADER, n) == 0)
        return false;
    if (x->transport == TRANSPORT_TCP) {
        servers_no_case(r->servers, &x->to, now);
        return false;
    }
    ask_by_tcp(r, x, WHY_REPLY_CASE, now);
    return true;
}

/* The reply with the question as it was before its case was mixed, so that nothing of that gets
 * into names that are kept. NULL: no memory. */
static const uint8_t *case_restored(struct resolver *r, const struct exchange *x, struct bytes wire)
{
    uint8_t *copy = arena_dup(&r->scratch, wire.p, wire.n);
    if (copy != NULL && get_be16(wire.p + 4) != 0)
        name_copy(copy + MSG_HEADER, x->lookup->asked.w);
    return copy;
}

/* The message is not the reply. Whoever sent it may be guessing: after some of them the question is
 * asked where nobody can guess. */
static void ignore(struct resolver *r, struct exchange *x, const struct netaddr *from,
                   const char *text, struct now now)
{
    struct lookup *l = x->lookup;
    struct trace_detail d = {.address = *from, .text = text, .zone = l->cut.zone.w};
    note(l, now, WHY_REPLY_MISMATCH, &d);
    r->count.upstream_mismatch++;
    x->mismatch = text;
    /* Who knows the ID and leaves the question out need not be waited for: that is the server, or
     * one who would be believed anyway. */
    if (text != no_question && ++x->mismatches < LIMIT_MISMATCHES && x->transport == TRANSPORT_UDP)
        return;
    struct cut_address *a = &l->cut.address[x->address];
    a->bad |= a->tcp;
    a->tcp = true;
    exchange_end(r, x);
    l->phase = PHASE_ASK;
    lookup_ready(r, l);
}

/* The reply to x, as far as the header and the question say. */
static void take_reply(struct resolver *r, struct exchange *x, struct bytes wire, struct now now)
{
    struct msg m;
    enum status st = ST_OK;
    arena_reset(&r->scratch);
    if (x->random_case) {
        wire.p = case_restored(r, x, wire);
        st = wire.p != NULL ? ST_OK : ST_ENOMEM;
    }
    if (st == ST_OK)
        st = msg_parse(wire, &r->scratch, &m);
    if (st == ST_OK && !jar_judge(r, x, &m, now)) {
        ask_by_tcp(r, x, WHY_REPLY_COOKIE, now);
        return;
    }
    x->answered = x->mismatches == 0;
    if (x->to.family == ADDR_V6)
        r->no_route = 0;
    servers_answered(r->servers, &x->to, (uint32_t)MIN(now.mono_us - x->sent_us, UINT32_MAX), now);
    reply_follow(r, x->lookup, x, st == ST_OK ? &m : NULL, now);
}

void resolver_reply(struct resolver *r, uint64_t id, const struct netaddr *from, struct bytes wire,
                    struct now now)
{
    r->now = now;
    resolver_turn(r, now);
    struct exchange *x = exchange_of(r, id);
    if (x == NULL)
        return;
    struct lookup *l = x->lookup;
    const char *text = mismatch(x, from, wire);
    if (!spend(l, BUDGET_BYTES, (uint32_t)wire.n, now)) {
        lookup_fail(r, l, "the budget of the question is spent", now);
    } else if (text != NULL) {
        ignore(r, x, from, text, now);
    } else if (!other_case(r, x, wire, now)) {
        take_reply(r, x, wire, now);
    }
    resolver_run(r, now);
}

void resolver_failed(struct resolver *r, uint64_t id, enum status why, struct now now)
{
    r->now = now;
    struct exchange *x = exchange_of(r, id);
    if (x == NULL)
        return;
    struct lookup *l = x->lookup;
    bool tcp = x->transport == TRANSPORT_TCP;
    char buf[128];
    snprintf(buf, sizeof buf, "%s%s",
             why == ST_EREFUSED   ? (tcp ? "it refuses TCP connections" : "nobody listens there")
             : why == ST_ETIMEOUT ? "no connection in time"
                                  : status_text(why),
             tcp && l->cut.address[x->address].truncated
                 ? "; over UDP it says that the answer does not fit"
                 : "");
    struct trace_detail d = {.address = x->to, .zone = l->cut.zone.w, .text = buf};
    note(l, now, WHY_UNREACHABLE, &d);
    /* A host without IPv6 finds that out here, not at every server anew. */
    if (why == ST_EIO && x->to.family == ADDR_V6 && ++r->no_route >= NO_ROUTE_MAX) {
        r->no_route = 0;
        r->no_ipv6_until_us = now.mono_us + NO_ROUTE_US;
    }
    if (why != ST_ELIMIT)
        servers_failed(r->servers, &x->to, now);
    if (!without_extras(r, l, x, now))
        l->cut.address[x->address].bad = true;
    exchange_end(r, x);
    l->phase = PHASE_ASK;
    lookup_ready(r, l);
    resolver_run(r, now);
}
