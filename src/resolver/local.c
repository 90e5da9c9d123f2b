/* What is answered without asking anybody: the server's own names (RFC 4892), types that are no
 * data, own records and names with a special meaning (local_data.h). */
#include "resolver/machine.h"

enum { EDE_INVALID_QUERY_TYPE = 30, TYPE_NXNAME = 128, EDE_BLOCKED = 15, TYPE_DATA_END = 127 };

static struct rrset one_record(const uint8_t *owner, uint16_t type, uint16_t rclass, uint32_t ttl,
                               const uint8_t *packed)
{
    return (struct rrset){.owner = owner,
                          .type = type,
                          .rclass = rclass,
                          .ttl = ttl,
                          .count = 1,
                          .rdata_size = 2u + get_be16(packed),
                          .rdata = packed};
}

static enum stage_result chaos(struct query *q)
{
    static const struct {
        const char *name; /* as on the wire, without the root label, which the string's end is */
        bool version;
    } names[] = {{"\7version\4bind", true},
                 {"\7version\6server", true},
                 {"\10hostname\4bind", false},
                 {"\2id\6server", false}};
    const struct resolver *r = q->role;
    const struct question *ask = &q->in.q;
    const char *text = NULL;
    if (why_asked(ask))
        return why_begin(q);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (name_equal((const uint8_t *)names[i].name, ask->name.w))
            text = names[i].version ? "Banyan " BANYAN_VERSION : r->opt->identity;
    if (text == NULL || (ask->type != RR_TXT && ask->type != RR_ANY))
        return query_error(q, RCODE_REFUSED, QUERY_NO_EDE);
    struct bytes b = bytes_str(text);
    uint8_t *rd = q->answer.synthesis[0].rdata;
    b.n = MIN(b.n, (size_t)LIMIT_NAME - 1);
    put_be16(rd, (uint16_t)(b.n + 1));
    rd[2] = (uint8_t)b.n;
    memcpy(rd + 3, b.p, b.n);
    struct rrset set = one_record(ask->name.w, RR_TXT, CLASS_CH, 0, rd);
    answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false, &set);
    q->shape = SHAPE_ANSWER;
    return STAGE_DONE;
}

/* RFC 6895 section 3.1: 0, OPT and 128 to 255 are not data. */
static enum stage_result meta_type(struct query *q, uint16_t type)
{
    switch (type) {
    case RR_ANY:
        return STAGE_NEXT;
    case RR_AXFR:
    case RR_IXFR:
        return query_error(q, RCODE_REFUSED, QUERY_NO_EDE);
    case RR_MAILA:
    case RR_MAILB:
        return query_error(q, RCODE_NOTIMP, QUERY_NO_EDE);
    case TYPE_NXNAME: /* RFC 9824 section 4 */
        return query_error(q, RCODE_FORMERR, EDE_INVALID_QUERY_TYPE);
    case 0:
    case RR_OPT:
    case RR_TSIG:
    case RR_TKEY:
        return query_error(q, RCODE_FORMERR, QUERY_NO_EDE);
    default:
        return STAGE_NEXT;
    }
}

/* A network's own servers go before the special meaning of a name. */
static bool routed(const struct resolver *r, const uint8_t *name, const uint8_t *zone)
{
    for (size_t i = 0; i < r->opt->route_count; i++)
        if (name_in(name, r->opt->route[i].zone.w) && name_in(r->opt->route[i].zone.w, zone))
            return true;
    return false;
}

static COLD bool looked_up(const struct resolver *r, const uint8_t *name, uint16_t type,
                           struct local_answer *ret)
{
    return local_data_find(r->opt->local, name, type, ret) != LOCAL_NOTHING &&
           (ret->at == NULL || ret->says == LOCAL_ALIAS || ret->says == LOCAL_DATA ||
            !routed(r, name, ret->at));
}

bool local_says(const struct resolver *r, const uint8_t *name, uint16_t type,
                struct local_answer *ret)
{
    return r->local_ends != NULL && local_ends_may(r->local_ends, name, name_len(name)) &&
           looked_up(r, name, type, ret);
}

static enum stage_result settled(struct query *q, const struct local_answer *a)
{
    struct resolver *r = q->role;
    r->count.local++;
    /* Records of the configuration are nobody's authority; a zone that is answered here is ours
     * (RFC 6303 section 3). */
    if (a->at != NULL || (a->says != LOCAL_DATA && a->says != LOCAL_ALIAS))
        q->reply.flags |= MSG_AA;
    if (a->blocked)
        q->reply.ede = EDE_BLOCKED;
    if (a->says == LOCAL_DATA || a->says == LOCAL_ALIAS) {
        q->shape = SHAPE_ANSWER;
        return STAGE_DONE;
    }
    answer_put(&q->answer, SECTION_AUTHORITY, ANSWER_NEGATIVE, false, &a->soa);
    q->reply.rcode = a->says == LOCAL_SAYS_NXDOMAIN ? RCODE_NXDOMAIN : RCODE_NOERROR;
    q->shape = a->says == LOCAL_SAYS_NXDOMAIN ? SHAPE_NXDOMAIN : SHAPE_NODATA;
    return STAGE_DONE;
}

/* Along the aliases; where they lead out of what is known here, q->name is where to go on. */
static COLD enum stage_result answered(struct query *q, struct local_answer *a)
{
    const struct resolver *r = q->role;
    uint16_t type = q->in.q.type;
    for (unsigned i = 0; i < LIMIT_CHAIN; i++) {
        if (a->says == LOCAL_SAYS_REFUSED)
            return query_error(q, RCODE_REFUSED, EDE_BLOCKED);
        if (a->says == LOCAL_DATA || a->says == LOCAL_ALIAS)
            answer_put(&q->answer, SECTION_ANSWER,
                       a->says == LOCAL_ALIAS ? ANSWER_ALIAS : ANSWER_DATA, false, &a->set);
        if (a->says != LOCAL_ALIAS)
            return settled(q, a);
        q->name = a->set.rdata + 2;
        if (!local_says(r, q->name, type, a))
            return STAGE_NEXT;
    }
    return query_error(q, RCODE_SERVFAIL, QUERY_NO_EDE);
}

static COLD enum stage_result own_names(struct query *q)
{
    struct local_answer a;
    return looked_up(q->role, q->in.q.name.w, q->in.q.type, &a) ? answered(q, &a) : STAGE_NEXT;
}

enum stage_result local_stage(struct query *q)
{
    const struct question *ask = &q->in.q;
    const struct resolver *r = q->role;
    uint16_t type = ask->type;
    if (UNLIKELY(q->in.has_tsig)) /* RFC 8945 section 5.2.1: no key of ours */
        return query_error(q, RCODE_NOTAUTH, QUERY_NO_EDE);
    if (UNLIKELY(ask->rclass != CLASS_IN))
        return ask->rclass == CLASS_CH ? chaos(q) : query_error(q, RCODE_REFUSED, QUERY_NO_EDE);
    if (UNLIKELY((type > TYPE_DATA_END && type < 256) || type == RR_OPT || type == 0)) {
        enum stage_result s = meta_type(q, type);
        if (s != STAGE_NEXT)
            return s;
    }
    if (LIKELY(r->local_ends == NULL || !local_ends_may(r->local_ends, ask->name.w, ask->len)))
        return STAGE_NEXT;
    return own_names(q);
}

/* --- on the way of a lookup --- */

static bool kept(struct lookup *l, struct rrset *set)
{
    set->owner = arena_dup(&l->arena, set->owner, name_len(set->owner));
    set->rdata = arena_dup(&l->arena, set->rdata, set->rdata_size);
    return set->owner != NULL && set->rdata != NULL;
}

bool local_lookup(struct resolver *r, struct lookup *l, struct now now)
{
    struct local_answer a;
    /* Only for clients: where a zone's servers are is the zone's business. */
    if ((l->depth > 0 && l->at == l->name.w) || !local_says(r, l->at, l->type, &a))
        return false;
    struct trace_detail d = {.name = l->at, .type = l->type};
    bool data = a.says == LOCAL_DATA || a.says == LOCAL_ALIAS;
    note(l, now, WHY_LOCAL, &d);
    lookup_trust(l, CACHE_INSECURE, 0);
    if (!kept(l, data ? &a.set : &a.soa)) {
        lookup_overload(r, l, "out of memory", now);
        return true;
    }
    if (data)
        lookup_answer(l, &a.set, NULL);
    else
        l->soa = a.soa;
    if (a.says == LOCAL_ALIAS)
        lookup_alias(r, l, a.set.rdata + 2, now);
    else if (data)
        lookup_end(r, l, WHY_ANSWERED, RCODE_NOERROR, "known here", now);
    else if (a.says == LOCAL_SAYS_NODATA)
        lookup_end(r, l, WHY_ANSWERED_NODATA, RCODE_NOERROR, NULL, now);
    else /* an alias may not lead to what is refused either */
        lookup_end(r, l, WHY_ANSWERED_NXDOMAIN, RCODE_NXDOMAIN, NULL, now);
    return true;
}
