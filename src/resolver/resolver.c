/* The resolver as an object: its options, its timers, and what it wants done. */
#include "resolver/machine.h"

#include <stdlib.h>

enum { TABLE_SIZE = 4096, TURNS_MAX = 1 << 20 };

void resolver_options_default(struct resolver_options *opt)
{
    *opt = (struct resolver_options){.upstream_port = 53,
                                     .udp_size = LIMIT_EDNS_UDP,
                                     .rate = {.ipv4_bits = 32, .ipv6_bits = 64},
                                     .miss_rate = {.ipv4_bits = 32, .ipv6_bits = 64},
                                     .ipv4 = true,
                                     .ipv6 = true,
                                     .minimise = true,
                                     .cookies = true,
                                     .random_case = true,
                                     .nxdomain_cut = NXDOMAIN_CUT_SECURE,
                                     .prime = true,
                                     .query_private = true,
                                     .harden_glue = true,
                                     .minimal_any = true,
                                     .aggressive = true,
                                     .ttl_max_s = 86400,
                                     .prefetch = PREFETCH_LAST_TENTH,
                                     .patience_ms = 1900,
                                     .stale_max_s = 86400,
                                     .stale_ttl_s = 30,
                                     .stale_wait_ms = 1800,
                                     .stale_recheck_s = 30,
                                     .negative_ttl_max_s = 3600,
                                     .timeout_ms = 376,
                                     .keepalive_ms = 10000,
                                     .max_clients = 10000};
}

static bool same_anchors(const struct anchors *a, const struct anchors *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    for (unsigned i = 0;; i++) {
        const struct rrset *x = anchors_at(a, i), *y = anchors_at(b, i);
        if (x == NULL || y == NULL)
            return x == y;
        if (!name_equal(x->owner, y->owner) || x->rdata_size != y->rdata_size ||
            memcmp(x->rdata, y->rdata, x->rdata_size) != 0)
            return false;
    }
}

bool resolver_same_trust(const struct resolver_options *a, const struct resolver_options *b)
{
    if (a->rsa_sha1 != b->rsa_sha1 || a->negative_count != b->negative_count)
        return false;
    for (size_t i = 0; i < a->negative_count; i++)
        if (a->negative[i].until_s != b->negative[i].until_s ||
            !name_equal(a->negative[i].name.w, b->negative[i].name.w))
            return false;
    return same_anchors(a->anchors, b->anchors);
}

/* Takes one thing more into the digest. */
static void digest_add(struct hash_key *k, const void *p, size_t n)
{
    *k = siphash13_128(k, p, n);
}

struct hash_key resolver_trust_digest(const struct resolver_options *opt)
{
    struct hash_key k = {opt->rsa_sha1, opt->negative_count};
    const struct rrset *s;
    for (size_t i = 0; i < opt->negative_count; i++) {
        uint64_t until_s = opt->negative[i].until_s;
        digest_add(&k, &until_s, sizeof until_s);
        digest_add(&k, opt->negative[i].name.w, name_len(opt->negative[i].name.w));
    }
    digest_add(&k, "", opt->anchors != NULL);
    for (unsigned i = 0; opt->anchors != NULL && (s = anchors_at(opt->anchors, i)) != NULL; i++) {
        uint8_t low[LIMIT_NAME];
        digest_add(&k, low, name_lower(low, s->owner));
        digest_add(&k, s->rdata, s->rdata_size);
    }
    return k;
}

void resolver_swap(struct resolver *r, const struct resolver_options *opt)
{
    /* Other anchors, other verdicts. */
    if (r->opt != NULL && r->keyring != NULL) {
        keyring_flush(r->keyring);
        jobs_outdate(r);
    }
    r->opt = opt;
    r->local_ends = opt->local != NULL ? local_data_ends(opt->local) : NULL;
    r->shared.udp_size = MAX(opt->udp_size, (uint16_t)LIMIT_UDP_PLAIN);
    r->shared.recursion = true;
    r->shared.cookies = true;
    bool given = (opt->cookie_key.k0 | opt->cookie_key.k1) != 0;
    r->shared.key = given ? opt->cookie_key : r->own_cookie_key;
    r->shared.keepalive_ms = opt->keepalive_ms;
    r->shared.nsid =
        opt->identity != NULL ? bytes_str(opt->identity) : (struct bytes){.p = NULL, .n = 0};
}

void resolver_own_zones(struct resolver *r, struct service own)
{
    r->own = own;
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
    env->random(env->ctx, &r->own_cookie_key, sizeof r->own_cookie_key);
    list_init(&r->ready);
    list_init(&r->lookups);
    list_init(&r->done);
    list_init(&r->later);
    list_init(&r->sending);
    list_init(&r->closing);
    early_init(r);
    heap_init(&r->timers, LIMIT_EXCHANGES);
    heap_init(&r->deadlines, LIMIT_LOOKUPS);
    arena_init(&r->scratch, 16384, 2 * LIMIT_LOOKUP_BYTES);
    r->keyring = keyring_new(LIMIT_KEYRING, &r->key);
    r->outdated = keyring_new(KEYRING_COLD, &r->key);
    r->hasher = nsec3_hasher_new();
    r->memo = sig_memo_new(&r->key);
    r->servers = servers_new(LIMIT_SERVERS_KNOWN, &r->key);
    r->slow = slow_new();
    r->table = calloc(TABLE_SIZE, sizeof(struct lookup *));
    r->table_mask = TABLE_SIZE - 1;
    r->exchange = calloc(LIMIT_EXCHANGES, sizeof(struct exchange *));
    r->reply_buf = malloc(LIMIT_MESSAGE);
    resolver_swap(r, opt);
    if (r->keyring == NULL || r->outdated == NULL || r->hasher == NULL || r->memo == NULL ||
        r->servers == NULL || r->slow == NULL || r->table == NULL || r->exchange == NULL ||
        r->reply_buf == NULL) {
        resolver_free(r);
        return NULL;
    }
    return r;
}

void resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    LIST_FOR_SAFE(it, next, &r->lookups)
    {
        struct lookup *l = CONTAINER_OF(it, struct lookup, all);
        LIST_FOR_SAFE(w, wn, &l->waiters)
        if (CONTAINER_OF(w, struct waiter, link)->kind != WAIT_LOOKUP)
            client_free(r, CONTAINER_OF(w, struct client, wait.link));
        list_init(&l->waiters);
        l->child = NULL;
        l->exchange = NULL;
        lookup_free(r, l);
    }
    early_free(r);
    for (uint32_t i = 0; r->exchange != NULL && i < LIMIT_EXCHANGES; i++)
        free(r->exchange[i]);
    while (r->spare != NULL) {
        struct lookup *l = r->spare;
        r->spare = l->chain;
        arena_free(&l->arena);
        free(l);
    }
    heap_free(&r->timers);
    heap_free(&r->deadlines);
    arena_free(&r->scratch);
    servers_free(r->servers);
    failures_free(r->failures);
    slow_free(r->slow);
    keyring_free(r->keyring);
    keyring_free(r->outdated);
    nsec3_hasher_free(r->hasher);
    sig_memo_free(r->memo);
    free(r->table);
    free(r->exchange);
    free(r->reply_buf);
    free(r);
}

static enum outcome handle(void *ctx, struct request *rq, size_t *ret_n)
{
    return resolver_request(ctx, rq, ret_n);
}

static void ahead(void *ctx, const struct bytes *wire, unsigned n)
{
    struct resolver *r = ctx;
    struct cache_ahead look[SERVICE_AHEAD];
    unsigned some = 0;
    size_t end;
    if (!cache_is_large(r->cache))
        return;
    for (unsigned i = 0; i < n; i++) {
        struct bytes m = wire[i];
        if (m.n < MSG_HEADER + 5 || (m.p[2] & 0x80) != 0 || get_be16(m.p + 4) != 1 ||
            name_scan(bytes_of(m.p + MSG_HEADER, m.n - MSG_HEADER - 4), &end) != ST_OK)
            continue;
        cache_ahead_begin(r->cache, m.p + MSG_HEADER, get_be16(m.p + MSG_HEADER + end),
                          &look[some++]);
    }
    for (unsigned i = 0; i < some; i++)
        cache_ahead_entry(r->cache, &look[i]);
}

struct service resolver_service(struct resolver *r)
{
    return (struct service){r, handle, ahead};
}

const struct resolver_counters *resolver_counters(const struct resolver *r)
{
    return &r->count;
}

/* Answers the tasks of ended lookups; clients are answered one by one as their effects are taken.
 */
static bool tasks_answer(struct resolver *r, struct now now)
{
    LIST_FOR_SAFE(it, next, &r->done)
    {
        struct lookup *l = CONTAINER_OF(it, struct lookup, link);
        LIST_FOR_SAFE(w, wn, &l->waiters)
        {
            struct client *c = CONTAINER_OF(w, struct client, wait.link);
            if (c->wait.kind != WAIT_TASK)
                continue;
            size_t n = client_answer(r, c, l, now);
            struct resolve_task task = c->task;
            client_free(r, c);
            task.done(task.ctx, bytes_of(r->reply_buf, n), &l->job->trace);
            return true; /* the callback may have changed the lists */
        }
        if (list_empty(&l->waiters))
            lookup_free(r, l);
    }
    return false;
}

void resolver_run(struct resolver *r, struct now now)
{
    if (r->running)
        return;
    r->running = true;
    for (int i = 0; i < TURNS_MAX; i++) {
        if (list_empty(&r->ready)) {
            if (tasks_answer(r, now))
                continue;
            break;
        }
        struct lookup *l = CONTAINER_OF(r->ready.next, struct lookup, link);
        list_remove(&l->link);
        l->is_ready = false;
        lookup_run(r, l, now);
    }
    r->running = false;
}

void resolver_turn(struct resolver *r, struct now now)
{
    if (now.mono_us == r->turn_us)
        return;
    r->turn_us = now.mono_us;
    sig_memo_turn(r->memo, LIMIT_TURN_SIGNATURES);
}

/* Lookups that were put off, one after another until the turn is used up again. */
static void run_later(struct resolver *r, struct now now)
{
    sig_memo_turn(r->memo, LIMIT_TURN_SIGNATURES);
    for (uint32_t n = r->lookup_count; n > 0 && !list_empty(&r->later); n--) {
        struct lookup *l = CONTAINER_OF(r->later.next, struct lookup, link);
        list_remove(&l->link);
        l->is_later = false;
        lookup_ready(r, l);
        resolver_run(r, now);
        if (sig_memo_left(r->memo) <= 0)
            return;
    }
}

void resolver_tick(struct resolver *r, struct now now)
{
    r->now = now;
    if (!list_empty(&r->later))
        run_later(r, now);
    r->turn_us = now.mono_us;
    for (struct heap_node *n; (n = heap_top(&r->timers)) != NULL && n->key <= now.mono_us;)
        exchange_expired(r, CONTAINER_OF(n, struct exchange, timer), now);
    for (struct heap_node *n; (n = heap_top(&r->deadlines)) != NULL && n->key <= now.mono_us;) {
        struct lookup *l = CONTAINER_OF(n, struct lookup, deadline);
        struct trace_detail d = {.value = LIMIT_QUERY_MS, .zone = l->cut.zone.w};
        note(l, now, WHY_DEADLINE, &d);
        lookup_fail(r, l, "it took too long", now);
    }
    early_tick(r, now);
    resolver_run(r, now);
}

uint64_t resolver_deadline(const struct resolver *r)
{
    const struct heap_node *a = heap_top(&r->timers), *b = heap_top(&r->deadlines);
    if (!list_empty(&r->later))
        return r->now.mono_us; /* at once, but not before others */
    uint64_t first = MIN(a != NULL ? a->key : UINT64_MAX, b != NULL ? b->key : UINT64_MAX);
    return MIN(first, early_deadline(r));
}

static void effect_send(struct resolver *r, struct exchange *x, struct effect *ret)
{
    *ret = (struct effect){.kind = EFFECT_SEND,
                           .transport = x->transport,
                           .id = x->id,
                           .to = x->to,
                           .data = bytes_of(x->wire, x->size)};
    for (size_t i = 0; i < r->opt->outgoing_count; i++)
        if (r->opt->outgoing[i].family == x->to.family)
            ret->from = r->opt->outgoing[i];
    x->sent = true;
    list_remove(&x->link);
}

static void effect_answer(struct resolver *r, struct client *c, struct lookup *l,
                          struct effect *ret)
{
    size_t n = client_answer(r, c, l, r->now);
    *ret = (struct effect){.kind = n > 0 ? EFFECT_ANSWER : EFFECT_FORGET,
                           .transport = c->transport,
                           .id = c->token,
                           .to = c->from,
                           .from = c->local,
                           .data = bytes_of(r->reply_buf, n)};
    client_free(r, c);
    if (list_empty(&l->waiters))
        lookup_free(r, l);
}

bool resolver_effect(struct resolver *r, struct effect *ret)
{
    if (!list_empty(&r->closing)) {
        struct exchange *x = CONTAINER_OF(r->closing.next, struct exchange, link);
        *ret = (struct effect){
            .kind = EFFECT_CLOSE, .transport = x->transport, .answered = x->answered, .id = x->id};
        exchange_free(r, x);
        return true;
    }
    if (!list_empty(&r->sending)) {
        effect_send(r, CONTAINER_OF(r->sending.next, struct exchange, link), ret);
        return true;
    }
    if (early_effect(r, ret))
        return true;
    struct lookup *l;
    for (;;) {
        if (list_empty(&r->done))
            return false;
        l = CONTAINER_OF(r->done.next, struct lookup, link);
        if (!list_empty(&l->waiters))
            break;
        lookup_free(r, l);
    }
    effect_answer(r, CONTAINER_OF(l->waiters.next, struct client, wait.link), l, ret);
    return true;
}
