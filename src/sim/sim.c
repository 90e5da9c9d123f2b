#include "sim/sim.h"

#include "cache/snapshot.h"

#include <stdlib.h>

enum {
    TCP_GIVE_UP_US = 20000000, /* a connection nobody answers */
    MESSAGE_ROOM = 65535,
};

enum event_kind { AT_HOST, AT_RESOLVER, FAILED };

struct event {
    struct heap_node node; /* key: time and, for equal times, order of making */
    enum event_kind kind;
    uint64_t exchange;
    enum transport transport;
    struct netaddr peer, local;
    enum status why;
    size_t n;
    uint8_t wire[];
};

enum { SNAPSHOT_ROOM = SNAPSHOT_MAGIC + 2 * (SNAPSHOT_BLOCK_HEAD + SNAPSHOT_BLOCK) };

struct exchange {
    uint64_t id;
    struct netaddr to, from;
    enum transport transport;
};

struct sim {
    struct now now;
    struct prng net_random, machine_random;
    struct env env;
    struct internet *in;
    struct sim_net net;
    struct sim_watch watch;
    struct cache *cache;
    struct resolver *resolver;
    struct heap events;
    uint64_t order;
    struct exchange exchange[SIM_EXCHANGES];
    uint32_t exchange_count;
    struct sim_counts counts;
    uint64_t hash;
    struct arena scratch;
    uint8_t out[MESSAGE_ROOM];
};

static void sim_random(void *ctx, void *buf, size_t n)
{
    struct sim *s = ctx;
    uint8_t *p = buf;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t v = prng_next(&s->machine_random);
        memcpy(p + i, &v, MIN(n - i, sizeof v));
    }
}

/* Everything that happens goes into the hash, with its time. */
static void note(struct sim *s, uint64_t what, const struct netaddr *peer, struct bytes wire)
{
    static const struct hash_key key = {0x62616e79616e, 0x73696d};
    uint64_t in[5] = {s->hash, s->now.mono_us, what, wire.n ? siphash13(&key, wire.p, wire.n) : 0,
                      peer ? siphash13(&key, peer->a, sizeof peer->a) : 0};
    s->hash = siphash13(&key, in, sizeof in);
}

struct sim *sim_new(const struct sim_setup *setup)
{
    struct sim *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->now = (struct now){.mono_us = 1000000, .wall_s = SIM_START_WALL_S};
    s->net_random.s = hash_mix(setup->seed ^ 0x6e6574);
    s->machine_random.s = hash_mix(setup->seed ^ 0x6d616368);
    s->env = (struct env){.ctx = s, .random = sim_random};
    s->in = setup->internet;
    s->net = setup->net;
    s->watch = setup->watch;
    heap_init(&s->events, SIM_EVENTS);
    arena_init(&s->scratch, MESSAGE_ROOM, 0);
    s->cache = cache_new(setup->cache_bytes, 1, &s->env);
    if (s->cache != NULL)
        s->resolver = resolver_new(setup->resolver, s->cache, &s->env);
    if (s->resolver == NULL) {
        sim_free(s);
        return NULL;
    }
    return s;
}

static void events_drop(struct sim *s)
{
    for (struct heap_node *n; (n = heap_top(&s->events)) != NULL;) {
        heap_remove(&s->events, n);
        free(CONTAINER_OF(n, struct event, node));
    }
}

void sim_free(struct sim *s)
{
    if (s == NULL)
        return;
    if (s->resolver != NULL)
        resolver_free(s->resolver);
    if (s->cache != NULL)
        cache_free(s->cache);
    events_drop(s);
    heap_free(&s->events);
    arena_free(&s->scratch);
    free(s);
}

/* The cache as the file that io/cache_file.c would write. */
static enum status cache_save(const struct sim *s, const struct hash_key *rules, struct text *out)
{
    uint8_t *block = malloc(SNAPSHOT_ROOM);
    struct snapshot_walk walk = {.epoch = cache_epoch(s->cache)};
    bool more = true;
    if (block == NULL)
        return ST_ENOMEM;
    struct writer w = wr_of(block, SNAPSHOT_ROOM);
    snapshot_begin(&(struct snapshot_info){s->now.wall_s, *rules}, &w);
    while (more) {
        more = snapshot_some(s->cache, &walk, s->now, &w);
        struct bytes b = wr_done(&w);
        text_bytes(out, (const char *)b.p, b.n);
        w = wr_of(block, SNAPSHOT_ROOM);
    }
    free(block);
    return ST_OK;
}

static void cache_bring_back(struct sim *s, const struct hash_key *rules, struct bytes file)
{
    struct snapshot_load l = {.epoch = cache_epoch(s->cache)};
    struct snapshot_block head;
    for (size_t p = SNAPSHOT_MAGIC; p + SNAPSHOT_BLOCK_HEAD <= file.n; p += head.n) {
        if (snapshot_block_read(bytes_of(file.p + p, SNAPSHOT_BLOCK_HEAD), &head) != ST_OK ||
            head.n > file.n - p - SNAPSHOT_BLOCK_HEAD)
            return;
        p += SNAPSHOT_BLOCK_HEAD;
        struct bytes content = bytes_of(file.p + p, head.n);
        if (head.kind == 'H' && snapshot_info_read(content, &l.info) == ST_OK)
            l.trusted = memcmp(&l.info.rules, rules, sizeof *rules) == 0;
        else if (head.kind == 'E' && snapshot_put(&l, s->cache, content, s->now) != ST_OK)
            return;
    }
}

void sim_reload(struct sim *s, const struct resolver_options *opt)
{
    resolver_swap(s->resolver, opt);
}

enum status sim_restart(struct sim *s, const struct resolver_options *opt, size_t cache_bytes,
                        uint64_t down_us)
{
    struct text file = text_heap(64u << 20);
    struct hash_key rules = resolver_trust_digest(opt);
    enum status st = cache_save(s, &rules, &file);
    resolver_free(s->resolver);
    cache_free(s->cache);
    s->resolver = NULL;
    s->exchange_count = 0;
    events_drop(s);
    s->now.mono_us += down_us;
    s->now.wall_s += down_us / 1000000;
    s->cache = cache_new(cache_bytes, 1, &s->env);
    if (s->cache != NULL)
        s->resolver = resolver_new(opt, s->cache, &s->env);
    if (st == ST_OK && s->resolver != NULL)
        cache_bring_back(s, &rules, bytes_of(file.p, file.n));
    text_free(&file);
    return s->resolver != NULL ? st : ST_ENOMEM;
}

static struct event *post(struct sim *s, enum event_kind kind, uint64_t delay_us, struct bytes wire)
{
    struct event *e = malloc(sizeof *e + wire.n);
    ASSERT(e != NULL);
    *e = (struct event){.kind = kind, .n = wire.n};
    if (wire.n > 0)
        memcpy(e->wire, wire.p, wire.n);
    uint64_t key = (s->now.mono_us + delay_us) << 16 | (s->order++ & 0xffff);
    if (heap_set(&s->events, &e->node, key) != ST_OK) {
        free(e);
        return NULL; /* a flood beyond SIM_EVENTS: the network drops it */
    }
    return e;
}

static struct exchange *exchange_find(struct sim *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->exchange_count; i++)
        if (s->exchange[i].id == id)
            return &s->exchange[i];
    return NULL;
}

static bool happens(struct sim *s, uint32_t ppm)
{
    return ppm > 0 && prng_below(&s->net_random, 1000000) < ppm;
}

static uint64_t link_delay(struct sim *s)
{
    return s->net.link_us + (s->net.jitter_us ? prng_below(&s->net_random, s->net.jitter_us) : 0);
}

/* Sends one packet over the network: lost, late, twice or damaged, as the options say. */
static void carry(struct sim *s, const struct event *like, uint64_t delay_us, struct bytes wire)
{
    bool udp = like->transport == TRANSPORT_UDP;
    unsigned copies = 1;
    if (udp && s->net.mtu > 0 && wire.n + 28 > s->net.mtu) {
        s->counts.too_big++;
        return;
    }
    if (udp && happens(s, s->net.loss_ppm)) {
        s->counts.lost++;
        return;
    }
    if (udp && happens(s, s->net.duplicate_ppm)) {
        s->counts.duplicated++;
        copies = 2;
    }
    for (unsigned i = 0; i < copies; i++) {
        struct event *e = post(s, like->kind, delay_us + link_delay(s), wire);
        if (e == NULL)
            return;
        e->exchange = like->exchange;
        e->transport = like->transport;
        e->peer = like->peer;
        e->local = like->local;
        if (udp && e->n > 0 && happens(s, s->net.corrupt_ppm)) {
            s->counts.corrupted++;
            e->wire[prng_below(&s->net_random, e->n)] ^=
                (uint8_t)(1 + prng_below(&s->net_random, 255));
        }
    }
}

static void do_send(struct sim *s, const struct effect *e)
{
    struct exchange *x = exchange_find(s, e->id);
    bool tcp = e->transport == TRANSPORT_TCP;
    note(s, 1 + (unsigned)e->transport, &e->to, e->data);
    s->counts.sent_udp += !tcp;
    s->counts.sent_tcp += tcp;
    if (s->watch.sent != NULL)
        s->watch.sent(s->watch.ctx, e);
    if (x == NULL && s->exchange_count < SIM_EXCHANGES)
        x = &s->exchange[s->exchange_count++];
    ASSERT(x != NULL);
    *x = (struct exchange){.id = e->id, .to = e->to, .from = e->from, .transport = e->transport};
    const struct host *h = internet_host(s->in, &e->to);
    struct event like = {.kind = AT_HOST,
                         .exchange = e->id,
                         .transport = e->transport,
                         .peer = e->from,
                         .local = e->to};
    /* A TCP connection costs one round trip more, at the host's distance. */
    carry(s, &like, tcp && h != NULL ? h->delay_us + 2ull * s->net.link_us : 0, e->data);
    if (tcp) {
        struct event *give_up = post(s, FAILED, TCP_GIVE_UP_US, (struct bytes){0});
        if (give_up != NULL) {
            give_up->exchange = e->id;
            give_up->why = ST_ETIMEOUT;
        }
    }
}

static void drain(struct sim *s)
{
    struct effect e;
    while (resolver_effect(s->resolver, &e)) {
        switch (e.kind) {
        case EFFECT_SEND:
            do_send(s, &e);
            break;
        case EFFECT_CLOSE: {
            struct exchange *x = exchange_find(s, e.id);
            if (x != NULL)
                *x = s->exchange[--s->exchange_count];
            break;
        }
        case EFFECT_ANSWER:
            note(s, 8, NULL, e.data);
            if (s->watch.answer != NULL)
                s->watch.answer(s->watch.ctx, e.id, e.data);
            break;
        case EFFECT_FORGET:
            note(s, 9, NULL, (struct bytes){0});
            if (s->watch.answer != NULL)
                s->watch.answer(s->watch.ctx, e.id, (struct bytes){0});
            break;
        }
    }
}

void sim_kick(struct sim *s)
{
    drain(s);
}

void sim_ask(struct sim *s, uint64_t token, const struct netaddr *client, enum transport transport,
             struct bytes wire)
{
    static const uint8_t here[4] = {127, 0, 0, 1};
    size_t n = 0;
    struct request rq = {.client = *client,
                         .local = netaddr_v4(here, 53),
                         .transport = transport,
                         .token = token,
                         .now = s->now,
                         .wire = wire,
                         .out = s->out,
                         .out_cap = transport == TRANSPORT_UDP ? 4096 : sizeof s->out};
    note(s, 7, client, wire);
    enum outcome o = resolver_request(s->resolver, &rq, &n);
    if (o == OUTCOME_ANSWER)
        note(s, 8, NULL, bytes_of(s->out, n));
    if (o != OUTCOME_LATER && s->watch.answer != NULL)
        s->watch.answer(s->watch.ctx, token, bytes_of(s->out, o == OUTCOME_ANSWER ? n : 0));
    drain(s);
}

static void at_host(struct sim *s, const struct event *e)
{
    struct host *h = internet_host(s->in, &e->local);
    struct host_out out;
    if (h == NULL)
        return; /* nobody has the address */
    arena_reset(&s->scratch);
    struct request rq = {.client = e->peer,
                         .local = e->local,
                         .transport = e->transport,
                         .now = s->now,
                         .wire = bytes_of(e->wire, e->n),
                         .out = s->out,
                         .out_cap = e->transport == TRANSPORT_UDP ? 4096 : sizeof s->out};
    host_ask(h, &rq, &s->net_random, &s->scratch, &out);
    for (unsigned i = 0; i < out.n; i++) {
        const struct host_packet *p = &out.packet[i];
        struct event like = {.kind = AT_RESOLVER,
                             .exchange = e->exchange,
                             .transport = e->transport,
                             .peer = p->from};
        like.peer.port = e->local.port;
        if (!p->unreachable) {
            carry(s, &like, p->delay_us, p->wire);
            continue;
        }
        struct event *f = post(s, FAILED, p->delay_us + link_delay(s), (struct bytes){0});
        if (f != NULL) {
            f->exchange = e->exchange;
            f->why = ST_EREFUSED;
        }
    }
}

static void at_resolver(struct sim *s, const struct event *e)
{
    struct bytes wire = bytes_of(e->wire, e->n);
    if (exchange_find(s, e->exchange) == NULL)
        return; /* its socket is closed */
    s->counts.received++;
    note(s, 4, &e->peer, wire);
    if (s->watch.received != NULL)
        s->watch.received(s->watch.ctx, &e->peer, wire);
    resolver_reply(s->resolver, e->exchange, &e->peer, wire, s->now);
}

static void happen(struct sim *s, struct event *e)
{
    switch (e->kind) {
    case AT_HOST:
        at_host(s, e);
        break;
    case AT_RESOLVER:
        at_resolver(s, e);
        break;
    case FAILED:
        if (exchange_find(s, e->exchange) == NULL)
            break;
        note(s, 5, NULL, (struct bytes){0});
        resolver_failed(s->resolver, e->exchange, e->why, s->now);
        break;
    }
    free(e);
}

static void advance(struct sim *s, uint64_t mono_us)
{
    if (mono_us <= s->now.mono_us)
        return;
    s->now.wall_s += mono_us / 1000000 - s->now.mono_us / 1000000;
    s->now.mono_us = mono_us;
}

uint64_t sim_next(const struct sim *s)
{
    const struct heap_node *top = heap_top(&s->events);
    uint64_t event = top ? top->key >> 16 : UINT64_MAX;
    return MIN(event, resolver_deadline(s->resolver));
}

void sim_run_until(struct sim *s, uint64_t mono_us)
{
    for (uint64_t at; (at = sim_next(s)) <= mono_us;) {
        struct heap_node *top = heap_top(&s->events);
        advance(s, at);
        if (top != NULL && top->key >> 16 <= at) {
            heap_remove(&s->events, top);
            happen(s, CONTAINER_OF(top, struct event, node));
        }
        if (resolver_deadline(s->resolver) <= s->now.mono_us)
            resolver_tick(s->resolver, s->now);
        drain(s);
    }
    advance(s, mono_us);
}

void sim_run_idle(struct sim *s, uint64_t limit_us)
{
    for (uint64_t at; (at = sim_next(s)) <= limit_us;)
        sim_run_until(s, at);
}

struct now sim_now(const struct sim *s)
{
    return s->now;
}

struct resolver *sim_resolver(struct sim *s)
{
    return s->resolver;
}

struct cache *sim_cache(struct sim *s)
{
    return s->cache;
}

const struct env *sim_env(struct sim *s)
{
    return &s->env;
}

void sim_step_wall(struct sim *s, int64_t by_s)
{
    s->now.wall_s = (uint64_t)((int64_t)s->now.wall_s + by_s);
}

struct sim_counts sim_counts(const struct sim *s)
{
    struct sim_counts c = s->counts;
    c.open_exchanges = s->exchange_count;
    return c;
}

uint64_t sim_hash(const struct sim *s)
{
    return s->hash;
}
