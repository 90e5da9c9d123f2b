/* Clients that do not wait until their lookup ends: after a while a stale answer is better than
 * none (RFC 8767 section 5), and later no answer is better than a late one, for clients that may be
 * forged: who could make many questions wait would let all answers loose on a victim at one moment
 * (DNSBomb, CVE-2024-33655). The lookup goes on, and what it finds is kept for the next question.
 */
#include "resolver/machine.h"

void early_init(struct resolver *r)
{
    list_init(&r->by_stale);
    list_init(&r->by_patience);
    list_init(&r->early);
}

void early_free(struct resolver *r)
{
    LIST_FOR_SAFE(it, next, &r->early)
    client_free(r, CONTAINER_OF(it, struct client, wait.link));
}

/* Nobody else can have sent it: over TCP, with our cookie, or on this host. */
static bool proven(const struct query *q)
{
    return q->rq->transport != TRANSPORT_UDP || q->cookie_state == COOKIE_GOOD ||
           netaddr_is_loopback(&q->rq->client);
}

void early_begin(struct resolver *r, struct client *c, struct lookup *l, const struct query *q)
{
    c->lookup = l;
    c->asked_us = q->rq->now.mono_us;
    if (r->opt->serve_stale && r->opt->stale_wait_ms > 0)
        list_append(&r->by_stale, &c->by_stale);
    if (r->opt->patience_ms > 0 && !proven(q))
        list_append(&r->by_patience, &c->by_patience);
}

static uint64_t stale_us(const struct resolver *r, const struct list *it)
{
    return CONTAINER_OF(it, struct client, by_stale)->asked_us +
           (uint64_t)r->opt->stale_wait_ms * 1000;
}

static uint64_t patience_us(const struct resolver *r, const struct list *it)
{
    return CONTAINER_OF(it, struct client, by_patience)->asked_us +
           (uint64_t)r->opt->patience_ms * 1000;
}

/* It no longer waits for its lookup. */
static void leave(struct resolver *r, struct client *c, bool give_up)
{
    list_remove(&c->wait.link);
    c->lookup->waiter_count--;
    c->lookup = NULL;
    c->give_up = give_up;
    list_remove(&c->by_stale);
    list_remove(&c->by_patience);
    list_append(&r->early, &c->wait.link);
}

/* Whether there is a stale answer for it now. */
static bool has_stale(struct resolver *r, struct client *c, struct now now)
{
    return r->opt->serve_stale && stale_helps(c->lookup) && client_question(r, c, now) &&
           stale_answer(&r->query, bytes_str(""));
}

void early_tick(struct resolver *r, struct now now)
{
    while (!list_empty(&r->by_stale) && stale_us(r, r->by_stale.next) <= now.mono_us) {
        struct client *c = CONTAINER_OF(r->by_stale.next, struct client, by_stale);
        list_remove(&c->by_stale);
        if (c->lookup->phase != PHASE_DONE && has_stale(r, c, now)) {
            stale_note(&r->query, c->lookup, now);
            leave(r, c, false);
        }
    }
    while (!list_empty(&r->by_patience) && patience_us(r, r->by_patience.next) <= now.mono_us) {
        struct client *c = CONTAINER_OF(r->by_patience.next, struct client, by_patience);
        list_remove(&c->by_patience);
        /* A reload may have taken the limit away. */
        if (c->lookup->phase == PHASE_DONE || r->opt->patience_ms == 0)
            continue;
        if (has_stale(r, c, now)) {
            stale_note(&r->query, c->lookup, now);
            leave(r, c, false);
            continue;
        }
        struct trace_detail d = {.address = c->from, .value = r->opt->patience_ms};
        note(c->lookup, now, WHY_GAVE_UP, &d);
        r->count.impatient++;
        incident_gave_up(r, c, now);
        leave(r, c, true);
    }
}

uint64_t early_deadline(const struct resolver *r)
{
    uint64_t a = list_empty(&r->by_stale) ? UINT64_MAX : stale_us(r, r->by_stale.next);
    uint64_t b = list_empty(&r->by_patience) ? UINT64_MAX : patience_us(r, r->by_patience.next);
    return MIN(a, b);
}

bool early_effect(struct resolver *r, struct effect *ret)
{
    if (LIKELY(list_empty(&r->early)))
        return false;
    struct client *c = CONTAINER_OF(r->early.next, struct client, wait.link);
    size_t n = 0;
    if (!c->give_up && client_question(r, c, r->now) &&
        stale_answer(&r->query, bytes_str("no fresh answer yet"))) {
        client_any(&r->query);
        r->count.stale++;
        n = stage_encode(&r->query) == STAGE_NEXT ? r->query.size : 0;
    }
    *ret = (struct effect){.kind = n > 0 ? EFFECT_ANSWER : EFFECT_FORGET,
                           .transport = c->transport,
                           .id = c->token,
                           .to = c->from,
                           .from = c->local,
                           .data = bytes_of(r->reply_buf, n)};
    client_free(r, c);
    return true;
}
