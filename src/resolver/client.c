/* The side of those who ask: access, an answer out of the cache on the spot, waiting for a lookup,
 * and the answer written at last. */
#include "core/trace_render.h"
#include "resolver/machine.h"

#include <stdlib.h>

static const char TOO_MANY[] = "too many questions are waiting";
static const char BEHIND[] = "more questions come in than can be looked up";

enum { EDE_OTHER = 0, EDE_NOT_AUTHORITATIVE = 20, EDE_TEXT_MAX = 400 };

static struct resolver *resolver_of(const struct query *q)
{
    return q->role;
}

/* An error with nothing else; CD comes back in it too (RFC 4035 section 3.2.2). */
static enum stage_result fail(struct query *q, unsigned rcode, int ede)
{
    enum stage_result st = query_error(q, rcode, ede);
    q->reply.flags |= q->in.h.flags & MSG_CD;
    return st;
}

/* Who may ask: evaluated once, on the address itself, whatever the transport. */
static bool may_ask(const struct resolver *r, const struct request *rq)
{
    if (rq->transport == TRANSPORT_LOCAL)
        return true;
    if (r->opt->allow_count == 0)
        return netaddr_is_loopback(&rq->client);
    for (size_t i = 0; i < r->opt->allow_count; i++)
        if (netprefix_covers(&r->opt->allow[i], &rq->client))
            return true;
    return false;
}

enum rate_salt { RATE_ALL, RATE_MISSES };

static bool over_rate(const struct query *q, const struct rate_limit *l, enum rate_salt salt)
{
    const struct request *rq = q->rq;
    if (LIKELY(l->per_s == 0) || rq->transport == TRANSPORT_LOCAL ||
        netaddr_is_loopback(&rq->client))
        return false;
    return !rate_take(resolver_of(q)->opt->rates, l, salt, &rq->client, rq->now.mono_us);
}

/* A UDP query may have somebody else's address: an answer no larger than it, to every second one,
 * is enough for a real client to come back over TCP (RFC 7766 section 5). */
static COLD enum stage_result turn_away(struct query *q, const char *why)
{
    struct resolver *r = resolver_of(q);
    r->count.limited++;
    if (q->rq->transport == TRANSPORT_UDP && q->cookie_state != COOKIE_GOOD) {
        if (r->count.limited % 2 == 0)
            return STAGE_DROP;
        (void)fail(q, RCODE_NOERROR, QUERY_NO_EDE);
        q->reply.flags |= MSG_TC;
        return STAGE_DONE;
    }
    (void)fail(q, RCODE_REFUSED, EDE_OTHER);
    q->reply.ede_text = bytes_str(why);
    return STAGE_DONE;
}

static enum stage_result access_stage(struct query *q)
{
    struct resolver *r = resolver_of(q);
    if (UNLIKELY(over_rate(q, &r->opt->rate, RATE_ALL)))
        return turn_away(q, "more queries of your network than resolver.client-rate allows");
    if (LIKELY(may_ask(r, q->rq)))
        return STAGE_NEXT;
    r->count.refused++;
    return fail(q, RCODE_REFUSED, reason_ede(WHY_REFUSED_CLIENT));
}

/* ANY gets one RRset of the name (RFC 8482 section 4.1): the addresses, found like any other
 * question, so that ANY costs and brings no more than A. */
uint16_t client_type(const struct query *q)
{
    return q->in.q.type == RR_ANY ? RR_A : q->in.q.type;
}

/* Whether what this client is told has to be validated: not if it does so itself (CD, RFC 4035
 * section 3.2.2), and signatures are not signed. */
static inline bool wants_check(const struct query *q)
{
    return validating(resolver_of(q)) && (q->in.h.flags & MSG_CD) == 0 && q->in.q.type != RR_RRSIG;
}

bool client_checks(const struct query *q)
{
    return wants_check(q);
}

static bool wants_dnssec(const struct query *q)
{
    return q->in.edns.present && q->in.edns.dnssec_ok;
}

/* Which zone it is whose fault, and what follows: the code alone tells neither (RFC 8914). */
static COLD void say_unvalidated(struct query *q, struct cache *from, const uint8_t *at,
                                 enum trust_reason why)
{
    struct resolver *r = resolver_of(q);
    const struct insecure_where w = {.r = r, .cache = from};
    struct insecure i;
    char buf[EDE_TEXT_MAX];
    struct text t = text_of(buf, sizeof buf);
    insecure_find(&w, at, client_type(q), why, q->rq->now, &i);
    insecure_words(&i, &t);
    text_end_cut(&t);
    const char *kept = arena_strdup(&r->scratch, buf);
    q->reply.ede_text = bytes_str(kept != NULL ? kept : trust_reason_text(why));
}

/* RFC 6840 section 5.8: for those who understand it. at: the name whose data is trusted least. */
static void put_trust(struct query *q, struct cache *from, const uint8_t *at,
                      enum cache_trust trust, uint16_t reason)
{
    struct resolver *r = resolver_of(q);
    if (trust == CACHE_SECURE && validating(r)) {
        r->count.secure++;
        if (UNLIKELY(sentinel_fails(r, q->in.q.name.w, q->in.q.type)) &&
            (q->in.h.flags & MSG_CD) == 0) {
            (void)fail(q, RCODE_SERVFAIL, EDE_OTHER);
            q->reply.ede_text = bytes_str("root key trust anchor sentinel (RFC 8509)");
            return;
        }
        /* Who sets CD checks by itself, and is told nothing (RFC 4035 section 3.2.2). */
        if ((wants_dnssec(q) || (q->in.h.flags & MSG_AD) != 0) && (q->in.h.flags & MSG_CD) == 0)
            q->reply.flags |= MSG_AD;
    }
    enum trust_reason why = (enum trust_reason)reason;
    if (UNLIKELY(trust == CACHE_INSECURE && trust_reason_ede(why) != 0)) {
        q->reply.ede = (int16_t)trust_reason_ede(why);
        if (q->in.edns.present)
            say_unvalidated(q, from, at, why);
    }
}

/* What goes with an answer, for one who wants DNSSEC records: the signatures of the item before,
 * and denial records. */
static void put_more(struct query *q, const struct rrset *more, unsigned n, bool denial)
{
    unsigned i = 0;
    if (n > 0 && more[0].type == RR_RRSIG)
        answer_put(&q->answer, denial ? SECTION_AUTHORITY : SECTION_ANSWER, ANSWER_SIGNATURE, false,
                   &more[i++]);
    for (; i + 1 < n; i += 2) {
        if (answer_has(&q->answer, more[i].owner, more[i].type))
            continue;
        answer_put(&q->answer, SECTION_AUTHORITY, ANSWER_PROOF, false, &more[i]);
        answer_put(&q->answer, SECTION_AUTHORITY, ANSWER_SIGNATURE, false, &more[i + 1]);
    }
}

static void put_negative(struct query *q, const struct rrset *soa, bool nx)
{
    if (soa->count > 0)
        answer_put(&q->answer, SECTION_AUTHORITY, ANSWER_NEGATIVE, false, soa);
    resolver_of(q)->count.negative++;
    q->reply.rcode = nx ? RCODE_NXDOMAIN : RCODE_NOERROR;
    q->shape = nx ? SHAPE_NXDOMAIN : SHAPE_NODATA;
}

/* RFC 8482 section 4.2: the name exists but has no addresses. */
static void put_hinfo(struct query *q)
{
    static const uint8_t rd[] = {0, 9, 7, 'R', 'F', 'C', '8', '4', '8', '2', 0};
    struct rrset set = {.owner = q->in.q.name.w,
                        .type = RR_HINFO,
                        .rclass = CLASS_IN,
                        .ttl = 3600,
                        .count = 1,
                        .rdata_size = sizeof rd,
                        .rdata = rd};
    q->answer.n = 0;
    answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false, &set);
    q->reply.rcode = RCODE_NOERROR;
    q->reply.flags &= (uint16_t)~MSG_AD; /* nobody has signed it */
    q->shape = SHAPE_ANSWER;
}

/* An entry that this client may be told; else e->kind is CACHE_NONE. */
static enum cache_kind usable(const struct query *q, const uint8_t *name, uint16_t type,
                              struct cache_entry *e)
{
    struct resolver *r = resolver_of(q);
    enum cache_kind (*get)(struct cache *, const uint8_t *, uint16_t, uint16_t, struct now,
                           struct arena *, struct cache_entry *) =
        wants_dnssec(q) ? cache_get_more : cache_get;
    enum cache_kind k = get(r->cache, name, type, CLASS_IN, q->rq->now, &r->scratch, e);
    if (k != CACHE_NONE && k != CACHE_FAILURE && e->trust == CACHE_UNCHECKED && wants_check(q))
        e->kind = CACHE_NONE;
    return e->kind;
}

/* Where more than one RRset is wanted (resolver.minimal-any): what the cache has of the name. */
static COLD void put_all(struct query *q)
{
    const uint8_t *name = q->in.q.name.w;
    struct cache_entry e;
    for (uint16_t type = rr_type_next(0); type != 0; type = rr_type_next(type)) {
        if ((rr_type_flags(type) & (RRF_META | RRF_QTYPE)) != 0 || type == RR_CNAME ||
            answer_has(&q->answer, name, type) || usable(q, name, type, &e) != CACHE_RRSET)
            continue;
        if (e.trust < CACHE_SECURE)
            q->reply.flags &= (uint16_t)~MSG_AD;
        client_put(q, &e, false);
        q->reply.rcode = RCODE_NOERROR;
    }
}

/* For ANY only what stands at the name itself counts: an alias is an answer, wherever it leads (RFC
 * 1034 section 3.6.2); one made from a DNAME comes behind it. */
void client_any(struct query *q)
{
    bool dname = q->answer.n > 0 && q->answer.item[0].set.type == RR_DNAME &&
                 !name_equal(q->answer.item[0].set.owner, q->in.q.name.w);
    if (q->in.q.type != RR_ANY || q->reply.rcode == RCODE_SERVFAIL ||
        (dname && q->reply.rcode == RCODE_YXDOMAIN && q->answer.n == 1))
        return;
    if (q->answer.n > 0 && q->answer.item[0].section == SECTION_ANSWER) {
        /* Signatures go with what they sign (RFC 8482 section 4.1). */
        unsigned n = 0, keep = dname ? 2 : 1;
        while (n < q->answer.n && q->answer.item[n].section == SECTION_ANSWER &&
               (q->answer.item[n].set.type == RR_RRSIG || keep-- > 0))
            n++;
        q->answer.n = n;
        q->reply.rcode = RCODE_NOERROR;
        if (!resolver_of(q)->opt->minimal_any && q->answer.item[0].set.type != RR_CNAME && !dname)
            put_all(q);
    } else if (q->shape == SHAPE_NODATA) {
        q->answer.n = 0;
        if (!resolver_of(q)->opt->minimal_any)
            put_all(q);
        if (q->answer.n == 0)
            put_hinfo(q);
    }
}

/* Validation of it failed a moment ago (RFC 4035 section 4.7). */
static COLD bool known_bad(struct query *q, const uint8_t *name, uint16_t type)
{
    struct resolver *r = resolver_of(q);
    struct cache_entry e;
    if (!wants_check(q) || cache_get_more(r->cache, name, type, CACHE_CLASS_BAD, q->rq->now,
                                          &r->scratch, &e) != CACHE_FAILURE)
        return false;
    (void)fail(q, RCODE_SERVFAIL, reason_ede((enum reason)e.reason));
    if (e.text != NULL)
        q->reply.ede_text = bytes_str(e.text);
    incident_at_once(q, (enum reason)e.reason, e.text);
    r->count.servfail++;
    return true;
}

/* It failed a moment ago, and is not tried again yet (RFC 9520). */
static COLD bool failed_before(struct query *q, const uint8_t *name, uint16_t type)
{
    struct resolver *r = resolver_of(q);
    struct cache_entry e;
    (void)fail(q, RCODE_SERVFAIL, reason_ede(WHY_CACHE_FAILURE));
    if (cache_get_more(r->cache, name, type, CLASS_IN, q->rq->now, &r->scratch, &e) ==
            CACHE_FAILURE &&
        e.text != NULL)
        q->reply.ede_text = bytes_str(e.text);
    incident_at_once(q, WHY_CACHE_FAILURE, NULL);
    r->count.servfail++;
    return true;
}

void client_lower(struct least *least, const uint8_t *name, const struct cache_entry *e)
{
    if (e->trust < least->trust)
        *least = (struct least){e->trust, e->reason, name};
}

void client_put(struct query *q, const struct cache_entry *e, bool alias)
{
    if (e->kind == CACHE_RRSET) {
        answer_put(&q->answer, SECTION_ANSWER, alias ? ANSWER_ALIAS : ANSWER_DATA, false, &e->set);
        q->shape = SHAPE_ANSWER;
    } else {
        put_negative(q, &e->soa, e->kind == CACHE_NXDOMAIN);
    }
    if (wants_dnssec(q))
        put_more(q, e->more, e->more_count, e->kind != CACHE_RRSET);
}

void client_trust(struct query *q, struct cache *from, const struct least *least)
{
    put_trust(q, from, least->at, least->trust, least->reason);
}

/* The whole answer out of the cache, aliases too; false if something is missing. */
static FLATTEN bool from_cache(struct query *q)
{
    struct resolver *r = resolver_of(q);
    const uint8_t *name =
        q->rq->wire.p + MSG_HEADER; /* the encoder points to it without a search */
    uint16_t type = client_type(q);
    struct least least = {CACHE_SECURE, 0, name};
    struct local_answer local;
    if (UNLIKELY(q->name != NULL)) { /* where an alias of our own leads */
        name = q->name;
        least.trust = CACHE_INSECURE;
    }
    struct cache_entry e;
    arena_reset(&r->scratch);
    for (unsigned i = 0; i < LIMIT_CHAIN; i++) {
        switch (usable(q, name, type, &e)) {
        case CACHE_RRSET:
        case CACHE_NODATA:
        case CACHE_NXDOMAIN:
            if (UNLIKELY(e.asked > 0))
                prefetch(q, name, type, &e);
            if (e.kind == CACHE_RRSET) {
                answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false, &e.set);
                q->shape = SHAPE_ANSWER;
            } else {
                put_negative(q, &e.soa, e.kind == CACHE_NXDOMAIN);
            }
            put_more(q, e.more, e.more_count, e.kind != CACHE_RRSET);
            client_lower(&least, name, &e);
            put_trust(q, r->cache, least.at, least.trust, least.reason);
            return true;
        case CACHE_FAILURE:
            if (q->in.q.type != RR_ANY || usable(q, name, RR_CNAME, &e) != CACHE_RRSET)
                return failed_before(q, name, type);
            break;
        case CACHE_NONE:
            if (known_bad(q, name, type))
                return true;
            break;
        }
        if (type == RR_CNAME || usable(q, name, RR_CNAME, &e) != CACHE_RRSET)
            return false;
        if (UNLIKELY(e.asked > 0))
            prefetch(q, name, type, &e);
        answer_put(&q->answer, SECTION_ANSWER, ANSWER_ALIAS, false, &e.set);
        put_more(q, e.more, e.more_count, false);
        client_lower(&least, name, &e);
        if (q->in.q.type == RR_ANY) {
            q->shape = SHAPE_ANSWER;
            put_trust(q, r->cache, least.at, least.trust, least.reason);
            return true;
        }
        name = e.set.rdata + 2;
        if (local_says(r, name, type, &local)) /* the lookup puts it in */
            return false;
    }
    return false;
}

void client_free(struct resolver *r, struct client *c)
{
    list_remove(&c->wait.link);
    list_remove(&c->by_stale);
    list_remove(&c->by_patience);
    r->client_count--;
    r->waiting[c->slot]--;
    r->explains -= c->explain;
    free(c);
}

/* Where a client's waiting questions are counted; those who share a place share its limit. */
static uint32_t slot_of(const struct resolver *r, const struct request *rq)
{
    const struct netaddr *a = &rq->client;
    if (rq->transport == TRANSPORT_LOCAL || netaddr_is_loopback(a))
        return CLIENT_SLOTS;
    return (uint32_t)(siphash13(&r->key, a->a, a->family == ADDR_V4 ? 4 : 8) % CLIENT_SLOTS);
}

static bool may_wait(const struct resolver *r, const struct request *rq)
{
    uint32_t slot = slot_of(r, rq), share = MAX(r->opt->max_clients / LIMIT_CLIENT_SHARE, 1u);
    return r->client_count < r->opt->max_clients &&
           (slot == CLIENT_SLOTS || r->waiting[slot] < share);
}

struct client *client_new(struct resolver *r, const struct request *rq)
{
    struct client *c = malloc(sizeof *c + rq->wire.n);
    if (c == NULL)
        return NULL;
    memset(c, 0, sizeof *c);
    c->wait.kind = WAIT_CLIENT;
    list_init(&c->wait.link);
    list_init(&c->by_stale);
    list_init(&c->by_patience);
    c->from = rq->client;
    c->local = rq->local;
    c->transport = rq->transport;
    c->token = rq->token;
    c->out_cap = rq->out_cap;
    c->n = rq->wire.n;
    memcpy(c->wire, rq->wire.p, rq->wire.n);
    c->slot = slot_of(r, rq);
    r->client_count++;
    r->waiting[c->slot]++;
    return c;
}

static enum stage_result overload(struct query *q, const char *why)
{
    struct resolver *r = resolver_of(q);
    r->count.overload++;
    if (r->opt->serve_stale && stale_answer(q, bytes_str(why))) {
        r->count.stale++;
        client_any(q);
        return STAGE_NEXT;
    }
    (void)fail(q, RCODE_SERVFAIL, EDE_OTHER);
    q->reply.ede_text = bytes_str(why);
    /* One a second is enough in the list of failures: there are others in it, of more use. */
    if (why != BEHIND || r->behind_s != q->rq->now.mono_us / 1000000)
        incident_at_once(q, WHY_OVERLOADED, why);
    r->behind_s = q->rq->now.mono_us / 1000000;
    return STAGE_DONE;
}

/* An equal question of a client in flight, or NULL. A sub-query is not joined: it has what is left
 * of somebody else's budget, who may have spent it for just that. A second lookup of the question
 * is the most that comes of it: clients after this one join that. */
static struct lookup *joinable(struct resolver *r, const uint8_t *name, uint16_t type,
                               unsigned flags)
{
    struct lookup *l = lookup_find(r, NULL, name, type, flags);
    return l != NULL && l->depth == 0 ? l : NULL;
}

/* Joins the question to one in flight, or starts a lookup. */
static enum stage_result begin_waiting(struct query *q)
{
    struct resolver *r = resolver_of(q);
    const uint8_t *name = q->in.q.name.w;
    uint16_t type = client_type(q);
    unsigned flags = wants_check(q) ? LOOKUP_CHECK : 0;
    struct lookup *l = joinable(r, name, type, flags);
    if (q->rq->wire.n > LIMIT_WAITING_QUERY)
        return overload(q, "the query is too long to be kept");
    if (q->rq->behind && l == NULL)
        return overload(q, BEHIND);
    if (!may_wait(r, q->rq) || (l != NULL && l->waiter_count >= LIMIT_WAITERS))
        return overload(q, TOO_MANY);
    struct client *c = client_new(r, q->rq);
    if (c == NULL)
        return overload(q, TOO_MANY);
    if (l != NULL) {
        r->count.coalesced++;
    } else {
        struct job *j = job_new(r, q->rq->now, NULL);
        if (j != NULL && (l = lookup_get(r, j, name, type, flags, NULL, q->rq->now)) == NULL)
            job_drop(j);
        if (l == NULL) {
            client_free(r, c);
            return overload(q, TOO_MANY);
        }
    }
    lookup_wait(l, &c->wait);
    early_begin(r, c, l, q);
    return STAGE_WAIT;
}

static enum stage_result resolve_stage(struct query *q)
{
    struct resolver *r = resolver_of(q);
    q->reply.flags |= q->in.h.flags & MSG_CD; /* RFC 4035 section 3.2.2 */
    if (from_cache(q)) {
        r->count.cache_hits++;
        client_any(q);
        return STAGE_NEXT;
    }
    q->answer.n = 0;
    if ((q->in.h.flags & MSG_RD) == 0) /* what the cache does not hold is not ours to tell */
        return fail(q, RCODE_REFUSED, EDE_NOT_AUTHORITATIVE);
    if (r->opt->serve_stale && q->name == NULL && stale_at_once(q)) {
        client_any(q);
        return STAGE_NEXT;
    }
    if (UNLIKELY(over_rate(q, &r->opt->miss_rate, RATE_MISSES)))
        return turn_away(q, "more queries of your network than resolver.client-miss-rate allows");
    r->count.cache_misses++;
    return begin_waiting(q);
}

static const struct stage stages[] = {
    STAGE_PARSE,
    STAGE_EDNS,
    {"access", access_stage, PART_QUESTION | PART_EDNS, PART_CLIENT, false},
    {"local", local_stage, PART_CLIENT, PART_NORMAL, false},
    {"resolve", resolve_stage, PART_NORMAL, PART_ANSWER, false},
    STAGE_ENCODE,
};

const struct role resolver_role = {"resolver", stages, ARRAY_LEN(stages), PART_REQUEST};

enum outcome resolver_request(struct resolver *r, struct request *rq, size_t *ret_n)
{
    r->now = rq->now;
    r->count.queries++;
    query_begin(&r->query, rq, &r->shared, r->env, r);
    enum outcome o = query_run(&r->query, &resolver_role, ret_n);
    if (o == OUTCOME_LATER)
        resolver_run(r, rq->now);
    return o;
}

/* Puts a lookup's result into the answer. */
static void fill(struct query *q, struct lookup *l, char text[EDE_TEXT_MAX])
{
    struct resolver *r = resolver_of(q);
    q->reply.flags |= q->in.h.flags & MSG_CD;
    bool alias_enough = q->in.q.type == RR_ANY && l->answers > 0;
    if (l->rcode == RCODE_SERVFAIL && !alias_enough) {
        unsigned why = l->job->culprit.why;
        struct bytes words =
            why != 0 ? culprit_words(&l->job->culprit, r->now, text, EDE_TEXT_MAX) : bytes_str("");
        if (r->opt->serve_stale && stale_instead(q, l, words)) {
            client_any(q);
            return;
        }
        r->count.servfail++;
        (void)fail(q, RCODE_SERVFAIL, reason_ede((enum reason)(why != 0 ? why : l->why)));
        if (why != 0)
            q->reply.ede_text = words;
        /* A circle is shown whole. */
        for (unsigned i = 0; why == WHY_ALIAS_LOOP && i < l->answers; i++)
            answer_put(&q->answer, SECTION_ANSWER, ANSWER_ALIAS, false, &l->answer[i]);
        return;
    }
    bool more = wants_dnssec(q);
    for (unsigned i = 0; i < l->answers; i++) {
        /* A DNAME above itself is met twice, and told once (RFC 2181 section 5). */
        if (l->answer[i].type == RR_DNAME && answer_has(&q->answer, l->answer[i].owner, RR_DNAME))
            continue;
        answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false, &l->answer[i]);
        if (more && l->answer_sigs[i].count > 0)
            put_more(q, &l->answer_sigs[i], 1, false);
    }
    q->reply.rcode = l->rcode == RCODE_SERVFAIL ? RCODE_NOERROR : l->rcode;
    q->shape = SHAPE_ANSWER;
    if (l->why == WHY_ANSWERED_NODATA || l->why == WHY_ANSWERED_NXDOMAIN)
        put_negative(q, &l->soa, l->why == WHY_ANSWERED_NXDOMAIN);
    for (unsigned i = 0; more && i < l->proofs; i++)
        answer_put(&q->answer, SECTION_AUTHORITY,
                   l->proof[i].type == RR_RRSIG ? ANSWER_SIGNATURE : ANSWER_PROOF, false,
                   &l->proof[i]);
    put_trust(q, l->job->cache, l->trust_at != NULL ? l->trust_at : l->name.w, l->trust,
              l->trust_reason);
    client_any(q);
}

bool client_question(struct resolver *r, struct client *c, struct now now)
{
    struct query *q = &r->query;
    r->late = (struct request){.client = c->from,
                               .local = c->local,
                               .transport = c->transport,
                               .token = c->token,
                               .now = now,
                               .wire = bytes_of(c->wire, c->n),
                               .out = r->reply_buf,
                               .out_cap = MIN(c->out_cap, (size_t)LIMIT_MESSAGE)};
    query_begin(q, &r->late, &r->shared, r->env, r);
    return stage_parse(q) == STAGE_NEXT && stage_edns(q) == STAGE_NEXT;
}

size_t client_answer(struct resolver *r, struct client *c, struct lookup *l, struct now now)
{
    char text[EDE_TEXT_MAX];
    struct query *q = &r->query;
    if (!client_question(r, c, now))
        return 0;
    if (l != NULL && c->explain)
        why_fill(q, l);
    else if (l != NULL)
        fill(q, l, text);
    else if (local_stage(q) != STAGE_DONE)
        return 0;
    return stage_encode(q) == STAGE_NEXT ? q->size : 0;
}

enum status resolver_resolve(struct resolver *r, const struct resolve_task *task, struct now now)
{
    uint8_t wire[WIRE_QUERY_MAX];
    struct edns_out o = {.present = true, .udp_size = LIMIT_EDNS_UDP, .dnssec_ok = task->dnssec};
    struct request rq = {.transport = TRANSPORT_LOCAL, .now = now, .out_cap = LIMIT_MESSAGE};
    r->now = now;
    rq.wire = bytes_of(wire, encode_query(wire, sizeof wire, 0, MSG_RD | MSG_AD, task->name,
                                          task->type, task->rclass, &o));
    struct client *c = client_new(r, &rq);
    struct job *j = job_new(r, now, task);
    size_t n = 0;
    if (c != NULL) {
        c->wait.kind = WAIT_TASK;
        c->task = *task;
        n = client_answer(r, c, NULL, now);
    }
    if (n > 0 && j != NULL) { /* answered without a lookup */
        struct trace_detail d = {.name = task->name, .type = task->type, .text = "known here"};
        trace_add(&j->trace, now, WHY_QUERY_BEGIN, 0, 0, &d);
        trace_add(&j->trace, now, WHY_ANSWERED, 0, 0, &d);
        client_free(r, c);
        task->done(task->ctx, bytes_of(r->reply_buf, n), &j->trace);
        job_drop(j);
        return ST_OK;
    }
    struct lookup *l = NULL;
    unsigned flags = validating(r) && !task->unchecked && task->type != RR_RRSIG ? LOOKUP_CHECK : 0;
    if (c != NULL && j != NULL) {
        uint16_t type = client_type(&r->query);
        if (!j->alone)
            l = joinable(r, task->name, type, flags);
        if (l == NULL && (l = lookup_get(r, j, task->name, type, flags, NULL, now)) != NULL)
            j = NULL; /* the lookup has it now */
    }
    if (j != NULL)
        job_drop(j);
    if (l == NULL) {
        if (c != NULL)
            client_free(r, c);
        return ST_ENOMEM;
    }
    lookup_wait(l, &c->wait);
    resolver_run(r, now);
    return ST_OK;
}
