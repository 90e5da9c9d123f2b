#include "auth/state.h"

#include <stdlib.h>

static const struct stage stages[] = {
    STAGE_PARSE,
    STAGE_EDNS,
    {"local", auth_local, PART_QUESTION | PART_EDNS, PART_NORMAL, false},
    {"find", auth_find, PART_NORMAL, PART_ZONE, false},
    {"answer", auth_answer, PART_ZONE, PART_ANSWER, false},
    {"prove", auth_prove, PART_ZONE | PART_ANSWER, PART_PROOF, false},
    {"extra", auth_extra, PART_ZONE | PART_ANSWER, PART_EXTRA, false},
    STAGE_ENCODE,
    {"account", auth_account, PART_WIRE, PART_ACCOUNT, true},
};

const struct role auth_role = {"auth", stages, ARRAY_LEN(stages), PART_REQUEST};

void auth_options_default(struct auth_options *opt)
{
    *opt = (struct auth_options){.udp_size = LIMIT_EDNS_UDP,
                                 .rotation = ROTATE_FIXED,
                                 .minimal_any = true,
                                 .cookies = true,
                                 .keepalive_ms = 10000};
}

void auth_swap(struct auth *a, const struct zone_table *table, const struct auth_options *opt)
{
    a->table = table;
    a->opt = opt;
    a->shared = (struct query_options){.udp_size = MAX(opt->udp_size, LIMIT_UDP_PLAIN),
                                       .cookies = opt->cookies,
                                       .require_cookie = opt->require_cookie,
                                       .key = opt->cookie_key,
                                       .has_old = opt->has_cookie_key_old,
                                       .old = opt->cookie_key_old,
                                       .keepalive_ms = opt->keepalive_ms};
    if (opt->identity != NULL)
        a->shared.nsid = bytes_of(opt->identity, strnlen(opt->identity, QUERY_NSID_MAX));
    if (opt->report_agent != NULL)
        a->shared.report_agent = bytes_of(opt->report_agent, name_len(opt->report_agent));
}

struct auth *auth_new(const struct zone_table *table, const struct auth_options *opt,
                      const struct env *env)
{
    struct auth *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->env = env;
    a->shuffle.s = env_random64(env);
    auth_swap(a, table, opt);
    return a;
}

void auth_free(struct auth *a)
{
    if (a == NULL)
        return;
    online_free(a->online);
    nsec3_hasher_free(a->hasher);
    free(a);
}

const struct auth_counters *auth_counters(const struct auth *a)
{
    return &a->count;
}

static enum outcome handle(void *ctx, struct request *rq, size_t *ret_n)
{
    struct auth *a = ctx;
    query_begin(&a->query, rq, &a->shared, a->env, a);
    a->count.queries++;
    enum outcome o = query_run(&a->query, &auth_role, ret_n);
    a->count.dropped += o == OUTCOME_DROP;
    return o;
}

struct service auth_service(struct auth *a)
{
    return (struct service){a, handle};
}

enum stage_result auth_account(struct query *q)
{
    struct auth_counters *c = &auth_of(q)->count;
    c->truncated += q->truncated;
    switch ((enum shape)q->shape) {
    case SHAPE_ANSWER:
    case SHAPE_ALIAS:
        c->answers++;
        break;
    case SHAPE_NODATA:
        c->nodata++;
        break;
    case SHAPE_NXDOMAIN:
        c->nxdomain++;
        break;
    case SHAPE_REFERRAL:
        c->referrals++;
        break;
    case SHAPE_NONE:
        c->refused += q->reply.rcode == RCODE_REFUSED;
        c->formerr += q->reply.rcode == RCODE_FORMERR;
        c->notimp += q->reply.rcode == RCODE_NOTIMP;
        break;
    }
    return STAGE_NEXT;
}
