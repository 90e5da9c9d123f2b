#include "auth/state.h"

#include "dns/rdata.h"

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
                                 .ready = true,
                                 .keepalive_ms = 10000};
}

/* Zones of so many bytes are mostly not in the processor's caches. */
enum { LARGE_BYTES = 8 << 20 };

static bool is_large(const struct zone_table *t)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < zone_table_count(t) && bytes < LARGE_BYTES; i++)
        bytes += zone_stats(zone_table_at(t, i)).bytes;
    return bytes >= LARGE_BYTES;
}

void auth_swap(struct auth *a, const struct zone_table *table, const struct auth_options *opt)
{
    a->table = table;
    a->large = is_large(table);
    a->opt = opt;
    if (a->ready == NULL && opt->ready)
        a->ready = ready_new(); /* without it, it is only slower */
    else if (a->ready != NULL)
        ready_clear(a->ready);
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

static void ahead(void *ctx, const struct bytes *wire, unsigned n)
{
    struct auth *a = ctx;
    struct zone_ahead look[SERVICE_AHEAD];
    struct zone_path p;
    unsigned many = 0;
    size_t end;
    if (!a->large)
        return;
    for (unsigned i = 0; i < n; i++) {
        struct bytes m = wire[i];
        if (m.n < MSG_HEADER + 5 || (m.p[2] & 0x80) != 0 || get_be16(m.p + 4) != 1 ||
            name_scan(bytes_of(m.p + MSG_HEADER, m.n - MSG_HEADER), &end) != ST_OK)
            continue;
        zone_path(m.p + MSG_HEADER, &p);
        const struct zone *z = zone_table_find_path(a->table, &p, false);
        if (z != NULL)
            zone_ahead_begin(z, &p, &look[many++]);
    }
    for (unsigned i = 0; i < many; i++)
        zone_ahead_node(&look[i]);
    for (unsigned i = 0; i < many; i++)
        zone_ahead_sets(&look[i]);
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
    ready_free(a->ready);
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
    return (struct service){a, handle, ahead};
}

/* Whether the answer has the question's name where it does not stand for "the name asked for": then
 * it says something else for another name below the same wildcard. */
static bool means_itself(const struct query *q)
{
    const uint8_t *name = q->rq->wire.p + MSG_HEADER;
    for (unsigned i = 0; i < q->answer.n; i++) {
        const struct rrset *set = &q->answer.item[i].set;
        struct rdata_iter it = rdata_iter(set);
        struct rdata_name names[RDATA_NAMES_MAX];
        if (set->owner != name && name_equal(set->owner, name))
            return true;
        for (struct bytes rd; rr_type_has_names(set->type) && rdata_iter_next(&it, &rd);)
            for (unsigned k = rdata_names(set->type, rd, names); k-- > 0;)
                if (name_equal(rd.p + names[k].off, name))
                    return true;
    }
    return false;
}

/* Keeps the sections just written for the next question like this one. */
static void keep(struct query *q)
{
    struct auth *a = auth_of(q);
    const struct encode *e = &q->enc;
    size_t start = q->in.question_end, size = q->sections_end - start;
    uint8_t lead = a->key.lead;
    bool whole = a->key.kind >> 1 == ZONE_WILDCARD;
    if (q->truncated || q->left_out || q->reply.ede != QUERY_NO_EDE || size > READY_BYTES ||
        q->pointers.n > READY_POINTERS || (whole && means_itself(q)))
        return;
    for (unsigned i = 0; i < q->pointers.n; i++) {
        unsigned to = get_be16(q->rq->out + q->pointers.at[i]) & 0x3fff;
        if (to < (unsigned)MSG_HEADER + lead && !(whole && to == MSG_HEADER))
            return; /* to what is the question's alone */
    }
    struct ready *r = ready_keep(a->ready, &a->key);
    if (r == NULL)
        return;
    r->rcode = q->reply.rcode;
    r->flags = q->reply.flags;
    r->shape = q->shape;
    r->lead = lead;
    r->whole = whole;
    for (unsigned s = 0; s < 3; s++)
        r->count[s] = e->count[SECTION_ANSWER + s];
    r->count[2] = (uint16_t)(r->count[2] - q->opt_out);
    r->size = (uint16_t)size;
    memcpy(r->data, q->rq->out + start, size);
    r->pointers = (uint8_t)q->pointers.n;
    for (unsigned i = 0; i < q->pointers.n; i++)
        r->at[i] = (uint16_t)(q->pointers.at[i] - start);
}

enum stage_result auth_account(struct query *q)
{
    struct auth_counters *c = &auth_of(q)->count;
    c->truncated += q->truncated;
    if (UNLIKELY(q->keep))
        keep(q);
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
