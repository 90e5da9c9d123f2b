/* The client side: who may ask, what is answered without asking anybody, and how answers are
 * written. */
#include "resolver/machine.h"

#include <stdlib.h>

static struct resolver *resolver_of(struct query *q)
{
    return q->role;
}

/* Access control on the one client object, whatever the transport. */
static enum stage_result admit(struct query *q)
{
    struct resolver *r = resolver_of(q);
    if (q->rq->transport == TRANSPORT_LOCAL)
        return STAGE_NEXT;
    for (size_t i = 0; i < r->opt->allow_count; i++)
        if (netprefix_covers(&r->opt->allow[i], &q->rq->client))
            return STAGE_NEXT;
    r->count.refused++;
    return query_error(q, RCODE_REFUSED, reason_ede(WHY_REFUSED_CLIENT));
}

static const uint8_t *question_name(const struct query *q)
{
    return q->rq->wire.p + MSG_HEADER; /* validated, uncompressed: compresses without a search */
}

static void negative_put(struct query *q, unsigned rcode, const struct rrset *soa)
{
    q->reply.rcode = (uint16_t)rcode;
    if (soa != NULL && soa->count > 0)
        answer_put(&q->answer, SECTION_AUTHORITY, ANSWER_NEGATIVE, true, soa);
}

/* RFC 6761 section 6.3: names under localhost are the loopback addresses. */
static enum stage_result localhost(struct query *q)
{
    static const uint8_t v4[] = {0, 4, 127, 0, 0, 1};
    static const uint8_t v6[] = {0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    bool is_v4 = q->in.q.type == RR_A;
    if (is_v4 || q->in.q.type == RR_AAAA)
        answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false,
                   &(struct rrset){question_name(q), q->in.q.type, CLASS_IN, 86400, 1,
                                   is_v4 ? sizeof v4 : sizeof v6, is_v4 ? v4 : v6});
    return STAGE_DONE;
}

/* CHAOS id.server and hostname.bind (RFC 4892). */
static enum stage_result chaos(struct query *q)
{
    struct resolver *r = resolver_of(q);
    struct name id;
    if (r->opt->identity == NULL || (q->in.q.type != RR_TXT && q->in.q.type != RR_ANY) ||
        name_from("id.server.", &id) != ST_OK || !name_equal(id.w, q->in.q.name.w))
        return query_error(q, RCODE_REFUSED, QUERY_NO_EDE);
    size_t n = MIN(strlen(r->opt->identity), (size_t)255);
    uint8_t *rd = arena_alloc_bytes(&r->scratch, n + 3);
    if (rd == NULL)
        return query_error(q, RCODE_SERVFAIL, QUERY_NO_EDE);
    put_be16(rd, (uint16_t)(n + 1));
    rd[2] = (uint8_t)n;
    memcpy(rd + 3, r->opt->identity, n);
    answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false,
               &(struct rrset){question_name(q), RR_TXT, CLASS_CH, 0, 1, (uint32_t)(n + 3), rd});
    return STAGE_DONE;
}

static bool last_label_is(const uint8_t *n, const char *label)
{
    unsigned labels = name_labels(n);
    const uint8_t *l = labels > 0 ? name_skip(n, labels - 1) : n;
    size_t len = strlen(label);
    if (*l != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (ascii_lower(l[1 + i]) != (uint8_t)label[i])
            return false;
    return true;
}

/* What needs no zone and no cache. */
static enum stage_result local(struct query *q)
{
    static const uint8_t hinfo[] = {0, 9, 7, 'R', 'F', 'C', '8', '4', '8', '2', 0};
    const uint8_t *n = q->in.q.name.w;
    unsigned type = q->in.q.type;
    if (q->in.q.rclass == CLASS_CH)
        return chaos(q);
    if (q->in.q.rclass != CLASS_IN)
        return query_error(q, RCODE_REFUSED, QUERY_NO_EDE);
    if (type == RR_ANY) { /* RFC 8482 section 4.2 */
        answer_put(
            &q->answer, SECTION_ANSWER, ANSWER_DATA, false,
            &(struct rrset){question_name(q), RR_HINFO, CLASS_IN, 3600, 1, sizeof hinfo, hinfo});
        return STAGE_DONE;
    }
    if (type == RR_AXFR || type == RR_IXFR)
        return query_error(q, RCODE_REFUSED, QUERY_NO_EDE);
    if (type == 0 || (rr_type_flags((uint16_t)type) & RRF_META) != 0)
        return query_error(q, RCODE_NOTIMP, QUERY_NO_EDE);
    if (last_label_is(n, "localhost"))
        return localhost(q);
    if (last_label_is(n, "invalid") ||
        last_label_is(n, "onion")) { /* RFC 6761 section 6.4, RFC 7686 */
        negative_put(q, RCODE_NXDOMAIN, NULL);
        return STAGE_DONE;
    }
    return STAGE_NEXT;
}

static enum stage_result failed(struct query *q, enum reason why)
{
    struct resolver *r = resolver_of(q);
    r->count.servfail++;
    query_error(q, RCODE_SERVFAIL, reason_ede(why) >= 0 ? reason_ede(why) : 0);
    q->reply.ede_text = bytes_str(reason_word(why));
    return STAGE_DONE;
}

/* Answers from the cache alone: the hot path. Follows aliases there. */
static enum stage_result from_cache(struct query *q)
{
    struct resolver *r = resolver_of(q);
    const uint8_t *name = question_name(q);
    uint16_t type = q->in.q.type;
    struct now now = q->rq->now;
    q->reply.flags = (uint16_t)(q->in.h.flags & MSG_CD); /* RFC 4035 section 3.2.2 */
    for (unsigned step = 0; step < LIMIT_CHAIN; step++) {
        struct cache_entry e;
        enum cache_kind kind = cache_get(r->cache, name, type, CLASS_IN, now, &r->scratch, &e);
        if (kind == CACHE_NONE && type != RR_CNAME)
            kind = cache_get(r->cache, name, RR_CNAME, CLASS_IN, now, &r->scratch, &e);
        if (kind == CACHE_RRSET && e.rank >= RANK_NONAUTH_ANSWER) {
            answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false, &e.set);
            if (e.set.type == type) {
                r->count.cache_hits++;
                return STAGE_DONE;
            }
            name = e.set.rdata + 2;
            continue;
        }
        if (kind == CACHE_NXDOMAIN || (kind == CACHE_NODATA && e.kind == CACHE_NODATA)) {
            r->count.cache_hits++;
            negative_put(q, kind == CACHE_NXDOMAIN ? RCODE_NXDOMAIN : RCODE_NOERROR, &e.soa);
            return STAGE_DONE;
        }
        if (kind == CACHE_FAILURE && step == 0) {
            r->count.cache_hits++;
            return failed(q, WHY_CACHE_FAILURE);
        }
        break;
    }
    q->answer.n = 0;
    return STAGE_NEXT;
}

/* Hands the question to a lookup; the answer comes later. */
static enum stage_result recurse(struct query *q)
{
    struct resolver *r = resolver_of(q);
    const struct request *rq = q->rq;
    bool joined;
    if ((q->in.h.flags & MSG_RD) == 0)
        return query_error(q, RCODE_REFUSED, 20 /* Not Authoritative: nothing in the cache */);
    if (r->client_count >= r->opt->max_clients) {
        r->count.overload++;
        return failed(q, WHY_DEADLINE);
    }
    r->count.cache_misses++;
    struct client *c = malloc(sizeof *c + rq->wire.n);
    struct job *j = job_new(rq->now, false, false);
    struct lookup *l =
        c != NULL && j != NULL ? lookup_get(r, j, q->in.q.name.w, q->in.q.type, 0, &joined) : NULL;
    if (l == NULL) {
        free(c);
        if (j != NULL)
            job_drop(j);
        r->count.overload++;
        return failed(q, WHY_FAILED);
    }
    r->count.coalesced += joined;
    if (!joined)
        note(l, rq->now, WHY_QUERY_BEGIN,
             &(struct trace_detail){.name = l->name.w, .type = l->type});
    job_drop(j); /* the lookup holds it, or an older one's job does the work */
    *c = (struct client){.from = rq->client,
                         .local = rq->local,
                         .transport = rq->transport,
                         .token = rq->token,
                         .out_cap = rq->out_cap,
                         .wire_n = rq->wire.n};
    c->waiter.kind = WAIT_CLIENT;
    memcpy(c->wire, rq->wire.p, rq->wire.n);
    list_append(&l->waiters, &c->waiter.link);
    r->client_count++;
    return STAGE_WAIT;
}

/* Fills the answer from a lookup that has ended. */
static enum stage_result fill(struct query *q)
{
    struct resolver *r = resolver_of(q);
    const struct lookup *l = r->ended;
    q->reply.flags = (uint16_t)(q->in.h.flags & MSG_CD);
    if (l->rcode == RCODE_SERVFAIL)
        return failed(q, (enum reason)l->why);
    q->reply.rcode = l->rcode;
    for (unsigned i = 0; i < l->answers; i++) {
        struct rrset set = l->answer[i];
        if (name_equal(set.owner, question_name(q)))
            set.owner = question_name(q); /* in the client's own case */
        answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false, &set);
    }
    if (l->soa.count > 0)
        answer_put(&q->answer, SECTION_AUTHORITY, ANSWER_NEGATIVE, true, &l->soa);
    return STAGE_NEXT;
}

static const struct stage stages[] = {
    STAGE_PARSE,
    STAGE_EDNS,
    {"admit", admit, PART_QUESTION, PART_CLIENT, false},
    {"local", local, PART_QUESTION | PART_CLIENT, PART_NORMAL, false},
    {"cache", from_cache, PART_NORMAL, PART_ZONE, false},
    {"recurse", recurse, PART_NORMAL, PART_ANSWER, false},
    STAGE_ENCODE,
};
const struct role resolver_role = {"resolver", stages, ARRAY_LEN(stages), PART_REQUEST};

static const struct stage late_stages[] = {
    STAGE_PARSE,
    STAGE_EDNS,
    {"fill", fill, PART_QUESTION, PART_ANSWER, false},
    STAGE_ENCODE,
};
const struct role resolver_late_role = {"resolver-late", late_stages, ARRAY_LEN(late_stages),
                                        PART_REQUEST};

/* Writes the answer of an ended lookup to a query into r->late. */
static size_t late_answer(struct resolver *r, struct request *rq, const struct lookup *l)
{
    size_t n = 0;
    rq->out = r->late;
    rq->out_cap = MIN(rq->out_cap, sizeof r->late);
    r->ended = l;
    query_begin(&r->query, rq, &r->shared, r->env, r);
    if (query_run(&r->query, &resolver_late_role, &n) != OUTCOME_ANSWER)
        n = 0;
    r->ended = NULL;
    return n;
}

void client_answer(struct resolver *r, struct client *c, const struct lookup *l, struct now now)
{
    struct request rq = {.client = c->from,
                         .local = c->local,
                         .transport = c->transport,
                         .token = c->token,
                         .now = now,
                         .wire = bytes_of(c->wire, c->wire_n),
                         .out_cap = c->out_cap};
    size_t n = late_answer(r, &rq, l);
    uint8_t *p = n > 0 ? arena_dup(&r->effect_data, r->late, n) : NULL;
    effect_push(r, &(struct effect){.kind = p != NULL ? EFFECT_ANSWER : EFFECT_FORGET,
                                    .transport = c->transport,
                                    .id = c->token,
                                    .data = bytes_of(p, p != NULL ? n : 0)});
    r->client_count--;
    free(c);
}

void task_answer(struct resolver *r, struct task *t, struct lookup *l)
{
    uint8_t wire[MSG_HEADER + LIMIT_NAME + 32];
    struct edns_out o = {.present = true, .udp_size = LIMIT_EDNS_UDP};
    struct request rq = {.transport = TRANSPORT_TCP, .out_cap = LIMIT_MESSAGE};
    rq.wire = bytes_of(
        wire, encode_query(wire, sizeof wire, 0, MSG_RD, l->name.w, l->type, CLASS_IN, &o));
    size_t n = late_answer(r, &rq, l);
    t->task.done(t->task.ctx, bytes_of(r->late, n), &l->job->trace);
    free(t);
}

enum status resolver_resolve(struct resolver *r, const struct resolve_task *task, struct now now)
{
    bool joined;
    if (task->rclass != CLASS_IN && task->rclass != 0)
        return ST_EUNSUPPORTED;
    struct task *t = malloc(sizeof *t);
    struct job *j = job_new(now, task->cold, task->armed);
    struct lookup *l =
        t != NULL && j != NULL ? lookup_get(r, j, task->name, task->type, 0, &joined) : NULL;
    if (j != NULL && l == NULL)
        job_drop(j);
    if (l == NULL) {
        free(t);
        return ST_ENOMEM;
    }
    if (!joined)
        note(l, now, WHY_QUERY_BEGIN, &(struct trace_detail){.name = l->name.w, .type = l->type});
    job_drop(j);
    *t = (struct task){.task = *task};
    t->waiter.kind = WAIT_TASK;
    list_append(&l->waiters, &t->waiter.link);
    resolver_run(r, now);
    return ST_OK;
}
