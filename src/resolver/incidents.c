/* Failures and slow answers, kept as they happen for `banyan ctl failures` and `banyan ctl slow`.
 * Nothing here is reached by answers out of the cache, but for failures that are remembered. */
#include "resolver/machine.h"

static const uint8_t *first_client(const struct lookup *l, uint32_t *ret_n, struct netaddr *ret)
{
    *ret_n = 0;
    LIST_FOR(it, &l->waiters)
    {
        const struct waiter *w = CONTAINER_OF(it, struct waiter, link);
        if (w->kind == WAIT_CLIENT && (*ret_n)++ == 0)
            *ret = CONTAINER_OF(w, const struct client, wait)->from;
    }
    return *ret_n > 0 ? l->name.w : NULL;
}

/* The list, made at the first need; NULL: no memory. */
static struct failures *failures_of(struct resolver *r)
{
    if (r->failures == NULL)
        r->failures = failures_new(&r->key);
    return r->failures;
}

static void add_failure(struct resolver *r, const struct incident_news *w, struct now now)
{
    struct failures *f = failures_of(r);
    if (f != NULL)
        failures_add(f, w, now);
}

static uint32_t since_us(const struct job *j, struct now now)
{
    return (uint32_t)MIN(now.mono_us - j->trace.start_us, UINT32_MAX);
}

static struct incident_news news_of(const struct lookup *l, struct now now)
{
    const struct job *j = l->job;
    unsigned told = j->culprit.why != 0 ? j->culprit.why : l->why;
    return (struct incident_news){.name = l->name.w,
                                  .type = l->type,
                                  .rcode = l->rcode,
                                  .why = l->why,
                                  .ede = (int16_t)reason_ede((enum reason)told),
                                  .took_us = since_us(j, now),
                                  .waits = &j->waits,
                                  .trace = &j->trace};
}

void incident_end(struct resolver *r, const struct lookup *l, struct now now)
{
    struct incident_news w = news_of(l, now);
    if (first_client(l, &w.clients, &w.client) == NULL)
        return;
    if (l->rcode == RCODE_SERVFAIL) {
        const struct trace_event *e = trace_culprit(&l->job->trace);
        if (l->job->culprit.why >= WHY_BOGUS_OK)
            w.why = l->job->culprit.why;
        else if (e != NULL)
            w.why = e->reason;
        add_failure(r, &w, now);
    } else {
        w.ede = -1;
    }
    latency_count(&r->latency, w.took_us, w.clients);
    if (slow_wants(r->slow, w.took_us, now))
        slow_add(r->slow, &w, now);
}

void incident_gave_up(struct resolver *r, const struct client *c, struct now now)
{
    struct incident_news w = news_of(c->lookup, now);
    w.why = WHY_GAVE_UP;
    w.rcode = RCODE_SERVFAIL;
    w.ede = -1;
    w.client = c->from;
    w.took_us = (uint32_t)MIN(now.mono_us - c->asked_us, UINT32_MAX);
    add_failure(r, &w, now);
}

void incident_at_once(const struct query *q, enum reason why, const char *text)
{
    struct resolver *r = q->role;
    struct trace t;
    struct trace_detail d = {.name = q->in.q.name.w, .type = q->in.q.type, .text = text};
    struct incident_news w = {.name = q->in.q.name.w,
                              .type = q->in.q.type == RR_ANY ? RR_A : q->in.q.type,
                              .rcode = RCODE_SERVFAIL,
                              .why = (uint16_t)why,
                              .ede = (int16_t)reason_ede(why),
                              .client = q->rq->client,
                              .trace = &t};
    if (q->rq->transport == TRANSPORT_LOCAL)
        return;
    trace_init(&t, q->rq->now, false);
    trace_add(&t, q->rq->now, why, 0, 0, &d);
    add_failure(r, &w, q->rq->now);
    trace_free(&t);
}

bool resolver_failures(const struct resolver *r, const struct incident_filter *want,
                       struct incident_list *to)
{
    return failures_read(r->failures, want, to);
}

bool resolver_slow(const struct resolver *r, const struct incident_filter *want, struct now now,
                   struct incident_list *to)
{
    return slow_read(r->slow, want, now, to);
}

const struct latency *resolver_latency(const struct resolver *r)
{
    return &r->latency;
}
