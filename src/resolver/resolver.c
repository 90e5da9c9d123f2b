/* The resolver as an object: made, driven, drained. */
#include "resolver/machine.h"

#include <stdlib.h>

enum {
    TABLE_SIZE = 4096,
    SERVERS_SIZE = 8192,
    EXCHANGES_MAX = 16384,
    EFFECT_BYTES_MAX = 32 << 20,
    SCRATCH_MAX = 1 << 20,
    RUN_STEPS = 100000,
};

void resolver_options_default(struct resolver_options *opt)
{
    static const struct netprefix loopback[] = {
        {{.family = ADDR_V4, .a = {127}}, 8},
        {{.family = ADDR_V6, .a = {[15] = 1}}, 128},
    };
    *opt = (struct resolver_options){.allow = loopback,
                                     .allow_count = ARRAY_LEN(loopback),
                                     .upstream_port = 53,
                                     .udp_size = LIMIT_EDNS_UDP,
                                     .ipv4 = true,
                                     .ipv6 = true,
                                     .minimise = true,
                                     .prime = true,
                                     .ttl_max_s = 86400,
                                     .negative_ttl_max_s = 3600,
                                     .timeout_ms = 376,
                                     .max_clients = 4096};
}

struct resolver *resolver_new(const struct resolver_options *opt, struct cache *cache,
                              const struct env *env)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->cache = cache;
    r->env = env;
    env->random(env->ctx, &r->key, sizeof r->key);
    list_init(&r->ready);
    list_init(&r->lookups);
    arena_init(&r->effect_data, 8192, EFFECT_BYTES_MAX);
    arena_init(&r->scratch, 16384, SCRATCH_MAX);
    heap_init(&r->timers, EXCHANGES_MAX);
    r->table = calloc(TABLE_SIZE, sizeof(struct lookup *));
    r->table_mask = TABLE_SIZE - 1;
    r->exchange = calloc(EXCHANGES_MAX, sizeof(struct exchange *));
    r->exchange_cap = EXCHANGES_MAX;
    r->servers = servers_new(SERVERS_SIZE, &r->key);
    if (r->table == NULL || r->exchange == NULL || r->servers == NULL) {
        resolver_free(r);
        return NULL;
    }
    resolver_swap(r, opt);
    env->random(env->ctx, &r->shared.key, sizeof r->shared.key);
    return r;
}

void resolver_swap(struct resolver *r, const struct resolver_options *opt)
{
    r->opt = opt;
    r->shared.udp_size = MAX(opt->udp_size, LIMIT_UDP_PLAIN);
    r->shared.recursion = true;
    r->shared.cookies = true;
    r->shared.nsid = opt->identity ? bytes_str(opt->identity) : (struct bytes){NULL, 0};
}

void resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    while (!list_empty(&r->lookups)) {
        struct lookup *l = CONTAINER_OF(r->lookups.next, struct lookup, all);
        LIST_FOR_SAFE(it, next, &l->waiters)
        {
            struct waiter *w = CONTAINER_OF(it, struct waiter, link);
            list_remove(&w->link);
            if (w->kind != WAIT_LOOKUP)
                free(w);
        }
        lookup_free(r, l);
    }
    for (uint32_t i = 0; r->exchange != NULL && i < r->exchange_cap; i++)
        free(r->exchange[i]);
    heap_free(&r->timers);
    arena_free(&r->effect_data);
    arena_free(&r->scratch);
    servers_free(r->servers);
    free(r->exchange);
    free(r->table);
    free(r);
}

void effect_push(struct resolver *r, const struct effect *e)
{
    if (r->effect_n == EFFECTS_MAX)
        return; /* a driver that never drains: its loss */
    r->effect[(r->effect_head + r->effect_n++) % EFFECTS_MAX] = *e;
}

bool resolver_effect(struct resolver *r, struct effect *ret)
{
    if (r->effect_n == 0)
        return false;
    *ret = r->effect[r->effect_head];
    r->effect_head = (r->effect_head + 1) % EFFECTS_MAX;
    r->effect_n--;
    return true;
}

/* The bytes of effects live until the next call that finds all of them drained. */
static void call_begin(struct resolver *r)
{
    if (r->effect_n == 0)
        arena_reset(&r->effect_data);
    arena_reset(&r->scratch);
}

void resolver_run(struct resolver *r, struct now now)
{
    for (int i = 0; i < RUN_STEPS && !list_empty(&r->ready); i++) {
        struct lookup *l = CONTAINER_OF(r->ready.next, struct lookup, link);
        list_remove(&l->link);
        l->ready = false;
        lookup_run(r, l, now);
    }
}

static enum outcome handle(void *ctx, struct request *rq, size_t *ret_n)
{
    return resolver_request(ctx, rq, ret_n);
}

struct service resolver_service(struct resolver *r)
{
    return (struct service){r, handle};
}

enum outcome resolver_request(struct resolver *r, struct request *rq, size_t *ret_n)
{
    call_begin(r);
    r->count.queries++;
    query_begin(&r->query, rq, &r->shared, r->env, r);
    enum outcome o = query_run(&r->query, &resolver_role, ret_n);
    resolver_run(r, rq->now);
    return o;
}

void resolver_tick(struct resolver *r, struct now now)
{
    call_begin(r);
    for (struct heap_node *n; (n = heap_top(&r->timers)) != NULL && n->key <= now.mono_us;)
        exchange_expired(r, CONTAINER_OF(n, struct exchange, timer), now);
    resolver_run(r, now);
}

uint64_t resolver_deadline(const struct resolver *r)
{
    const struct heap_node *n = heap_top(&r->timers);
    return n != NULL ? n->key : UINT64_MAX;
}

void resolver_failed(struct resolver *r, uint64_t id, enum status why, struct now now)
{
    struct exchange *x = exchange_of(r, id);
    call_begin(r);
    if (x == NULL)
        return;
    struct lookup *l = x->lookup;
    note(l, now, WHY_UNREACHABLE,
         &(struct trace_detail){.address = x->to, .zone = l->cut.zone.w, .text = status_text(why)});
    servers_failed(r->servers, &x->to, now);
    l->cut.address[x->address].bad = true;
    exchange_end(r, x, false);
    l->phase = PHASE_ASK;
    lookup_ready(r, l);
    resolver_run(r, now);
}

const struct resolver_counters *resolver_counters(const struct resolver *r)
{
    return &r->count;
}
