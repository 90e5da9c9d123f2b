#include "query/query.h"

struct answer_item *answer_add(struct answer *a, enum msg_section s, enum answer_why why, bool may)
{
    if (UNLIKELY(a->n == ANSWER_ITEMS)) {
        a->overflow |= !may;
        return NULL;
    }
    struct answer_item *it = &a->item[a->n++];
    it->section = (uint8_t)s;
    it->why = (uint8_t)why;
    it->may = may;
    it->wildcard = false;
    it->first = 0;
    return it;
}

void answer_put(struct answer *a, enum msg_section s, enum answer_why why, bool may,
                const struct rrset *set)
{
    struct answer_item *it = answer_add(a, s, why, may);
    if (it != NULL)
        it->set = *set;
}

bool answer_has(const struct answer *a, const uint8_t *owner, uint16_t type)
{
    for (unsigned i = 0; i < a->n; i++)
        if (a->item[i].set.type == type && name_equal(a->item[i].set.owner, owner))
            return true;
    return false;
}

const uint8_t *answer_synthesise(struct answer *a, const uint8_t *owner, const uint8_t *target,
                                 uint32_t ttl)
{
    if (a->syntheses == ANSWER_SYNTHESES)
        return NULL;
    struct answer_item *it = answer_add(a, SECTION_ANSWER, ANSWER_SYNTHESIS, false);
    if (it == NULL)
        return NULL;
    struct synthesis *s = &a->synthesis[a->syntheses++];
    size_t n = name_copy(s->rdata + 2, target);
    put_be16(s->rdata, (uint16_t)n);
    it->set = (struct rrset){.owner = owner,
                             .type = RR_CNAME,
                             .rclass = CLASS_IN,
                             .ttl = ttl,
                             .count = 1,
                             .rdata_size = (uint32_t)(2 + n),
                             .rdata = s->rdata};
    return s->rdata + 2;
}

void query_begin(struct query *q, struct request *rq, const struct query_options *opt,
                 const struct env *env, void *role)
{
    q->rq = rq;
    q->opt = opt;
    q->env = env;
    q->role = role;
    q->at = 0;
    q->reply.rcode = RCODE_NOERROR;
    q->reply.flags = 0;
    q->reply.ede = QUERY_NO_EDE;
    q->reply.ede_text = (struct bytes){NULL, 0};
    q->reply.no_question = false;
    q->cookie_state = COOKIE_NONE;
    q->opt_out = false;
    q->limit = LIMIT_UDP_PLAIN;
    q->zone = NULL;
    q->dnssec = false;
    q->name = NULL;
    q->ready = NULL;
    q->keep = false;
    q->left_out = false;
    q->steps = 0;
    q->shape = SHAPE_NONE;
    q->any_class = false;
    q->truncated = false;
    q->size = 0;
    q->answer.n = 0;
    q->answer.syntheses = 0;
    q->answer.overflow = false;
}

enum outcome query_run(struct query *q, const struct role *role, size_t *ret_n)
{
    const struct stage *s = role->stage + q->at, *end = role->stage + role->n;
    bool done = false;
    *ret_n = 0;
    for (; s != end; s++) {
        if (UNLIKELY(done) && !s->always)
            continue;
        enum stage_result r = s->run(q);
        if (LIKELY(r == STAGE_NEXT))
            continue;
        if (r == STAGE_DROP)
            return OUTCOME_DROP;
        if (r == STAGE_WAIT) {
            q->at = (uint16_t)(s + 1 - role->stage);
            return OUTCOME_LATER;
        }
        done = true;
    }
    q->at = (uint16_t)role->n;
    *ret_n = q->size;
    return q->size > 0 ? OUTCOME_ANSWER : OUTCOME_DROP;
}

const char *role_check(const struct role *role)
{
    uint32_t given = role->given, sure = role->given;
    for (unsigned i = 0; i < role->n; i++) {
        const struct stage *s = &role->stage[i];
        bool always = s->always || i == 0;
        if ((s->needs & ~(always ? sure : given)) != 0 || (s->gives & given) != 0)
            return s->name;
        given |= s->gives;
        if (always)
            sure |= s->gives;
    }
    return (sure & PART_WIRE) != 0 ? NULL : role->name;
}

enum stage_result query_error(struct query *q, unsigned rcode, int ede)
{
    q->reply.rcode = (uint16_t)rcode;
    q->reply.ede = (int16_t)ede;
    q->reply.flags = 0;
    q->answer.n = 0;
    q->shape = SHAPE_NONE;
    return STAGE_DONE;
}
