/* Answers out of data that has run out, where no server gives a new one (RFC 8767).
 *
 * Data stay in the cache until their room is wanted. A whole answer is made of them, aliases too,
 * with parts that are still fresh; with the trust that each part had. Nothing is changed in the
 * cache by it, and what was found out since counts more: a fresh "no such name", and that an answer
 * failed validation. */
#include "resolver/machine.h"

#include <stdio.h>

/* Where to look, and for whom. */
struct search {
    struct resolver *r;
    struct cache *cache;
    struct arena *arena;
    struct now now;
    bool check; /* only for what was validated */
};

static bool one(const struct search *s, const uint8_t *name, uint16_t type, struct cache_entry *e)
{
    const struct resolver_options *o = s->r->opt;
    struct cache_entry bad;
    if (cache_get_stale(s->cache, name, type, CLASS_IN, s->now, o->stale_max_s, o->stale_ttl_s,
                        s->arena, e) == CACHE_NONE ||
        (s->check && e->trust == CACHE_UNCHECKED))
        return false;
    return !s->check || e->stale_s == 0 ||
           cache_get(s->cache, name, type, CACHE_CLASS_BAD, s->now, s->arena, &bad) !=
               CACHE_FAILURE;
}

/* The data of a name, or its alias: whichever ran out last. */
static bool either(const struct search *s, const uint8_t *name, uint16_t type,
                   struct cache_entry *e)
{
    struct cache_entry alias;
    bool has = one(s, name, type, e);
    if (type == RR_CNAME || (has && e->stale_s == 0))
        return has;
    if (one(s, name, RR_CNAME, &alias) && alias.kind == CACHE_RRSET &&
        (!has || alias.stale_s < e->stale_s)) {
        *e = alias;
        return true;
    }
    return has;
}

static bool is_alias(const struct cache_entry *e, uint16_t type)
{
    return e->kind == CACHE_RRSET && e->set.type == RR_CNAME && type != RR_CNAME;
}

bool stale_known(struct resolver *r, struct lookup *l, struct now now)
{
    struct search s = {r, l->job->cache, &l->arena, now, (l->flags & LOOKUP_CHECK) != 0};
    const uint8_t *name = l->name.w;
    struct cache_entry e;
    for (unsigned i = 0; i < LIMIT_CHAIN && either(&s, name, l->type, &e); i++) {
        if (!is_alias(&e, l->type))
            return true;
        name = e.set.rdata + 2;
    }
    return false;
}

bool stale_helps(const struct lookup *l)
{
    unsigned why = l->job->culprit.why;
    return !l->job->cold && !l->has_bad && !l->was_bad && why < WHY_BOGUS_OK &&
           why != WHY_REBINDING;
}

static bool finish(struct query *q, uint32_t stale_s, bool nx, struct bytes why)
{
    struct resolver *r = q->role;
    r->stale_s = stale_s;
    if (q->reply.rcode == RCODE_SERVFAIL || stale_s == 0) /* the sentinel; fresh meanwhile */
        return true;
    q->reply.ede = (int16_t)reason_ede(nx ? WHY_STALE_NXDOMAIN : WHY_STALE);
    size_t cap = why.n + 64;
    char *text = q->in.edns.present ? (char *)arena_alloc_bytes(&r->scratch, cap) : NULL;
    if (text != NULL) {
        snprintf(text, cap, "ran out %u s ago%s%.*s", stale_s, why.n > 0 ? "; " : "", (int)why.n,
                 (const char *)why.p);
        q->reply.ede_text = bytes_str(text);
    }
    return true;
}

bool stale_answer(struct query *q, struct bytes why)
{
    struct resolver *r = q->role;
    const uint8_t *name = q->rq->wire.p + MSG_HEADER;
    uint16_t type = client_type(q);
    struct search s = {r, r->cache, &r->scratch, q->rq->now, client_checks(q)};
    struct least least = {CACHE_SECURE, 0, name};
    struct cache_entry e;
    uint32_t stale_s = 0;
    arena_reset(&r->scratch);
    q->reply.flags |= q->in.h.flags & MSG_CD; /* RFC 4035 section 3.2.2 */
    for (unsigned i = 0; i < LIMIT_CHAIN && either(&s, name, type, &e); i++) {
        bool alias = is_alias(&e, type);
        stale_s = MAX(stale_s, e.stale_s);
        client_put(q, &e, alias);
        client_lower(&least, name, &e);
        if (!alias || q->in.q.type == RR_ANY) {
            client_trust(q, r->cache, &least);
            return finish(q, stale_s, e.kind == CACHE_NXDOMAIN && e.stale_s > 0, why);
        }
        name = e.set.rdata + 2;
    }
    q->answer.n = 0;
    q->reply.rcode = RCODE_NOERROR;
    return false;
}

void stale_note(const struct query *q, struct lookup *l, struct now now)
{
    bool nx = q->reply.rcode == RCODE_NXDOMAIN;
    const struct resolver *r = q->role;
    struct trace_detail d = {.name = l->name.w, .type = l->type, .value = r->stale_s};
    note(l, now, nx ? WHY_STALE_NXDOMAIN : WHY_STALE, &d);
}

bool stale_at_once(struct query *q)
{
    struct resolver *r = q->role;
    const uint8_t *name = q->in.q.name.w;
    uint16_t type = client_type(q);
    struct cache_entry e;
    bool failed = cache_get_more(r->cache, name, type, CACHE_CLASS_FAILED, q->rq->now, &r->scratch,
                                 &e) == CACHE_FAILURE;
    if ((!failed && r->opt->stale_wait_ms > 0) ||
        !stale_answer(q, failed ? bytes_str("no server answered a moment ago") : bytes_str("")))
        return false;
    r->count.stale++;
    if (!failed)
        prefetch_begin(r, name, type, client_checks(q) ? LOOKUP_CHECK : 0, false, q->rq->now);
    return true;
}

bool stale_instead(struct query *q, struct lookup *l, struct bytes why)
{
    struct resolver *r = q->role;
    if (!stale_helps(l) || !stale_answer(q, why))
        return false;
    r->count.stale++;
    stale_note(q, l, r->now);
    l->job->trace.rcode = q->reply.rcode; /* what the client is told */
    return true;
}
