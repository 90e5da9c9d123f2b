/* Looks after trust anchors while the server runs: asks for the keys of zones when their time has
 * come, on a thread of its own, and puts other anchors in force when the keeper has some.
 *
 * A server that nobody has asked anything stays quiet: the first check waits until an answer from
 * outside has come into the cache, so until a client's question had to be asked on. */
#include "base/limits.h"
#include "dns/codes.h"
#include "dns/msg.h"
#include "dns/rr_type.h"
#include "io/anchor_keeper.h"
#include "io/local.h"
#include "io/log.h"
#include "io/state.h"

#include <signal.h>
#include <stdlib.h>

enum { TICK_US = 5000000, SWAP_AGAIN_US = 60000000, ASK_MS = 30000, ARENA = 1 << 20 };

struct anchor_check {
    struct loop_job job; /* back to the main thread */
    struct server *server;
    pthread_t thread;
    _Atomic bool stop;
    struct name zone;
    struct config *config; /* whose strings and lists the options borrow */
    struct resolver_options options;
    struct root_hint hints[ROOT_HINTS_MAX];
    struct anchors *anchors;
    struct route *route;
    /* the answer */
    bool answered;
    unsigned rcode;
    size_t n;
    uint8_t wire[LIMIT_MESSAGE];
};

static void check_free(struct anchor_check *c)
{
    config_free(c->config);
    anchors_free(c->anchors);
    free(c->route);
    free(c);
}

/* --- On the check's own thread --- */

static void keep_answer(void *ctx, struct bytes answer, const struct trace *trace)
{
    struct anchor_check *c = ctx;
    c->answered = answer.n > 0 && answer.n <= sizeof c->wire;
    c->rcode = trace->rcode;
    c->n = c->answered ? answer.n : 0;
    if (c->answered)
        memcpy(c->wire, answer.p, answer.n);
}

/* Validated first, so that the resolver turns to other servers of the zone when one sends what is
 * no good; unchecked if that leads to nothing: RFC 5011 has its own rules for a key set. */
static enum status ask(struct anchor_check *c)
{
    struct resolve_task task = {.name = c->zone.w,
                                .type = RR_DNSKEY,
                                .rclass = CLASS_IN,
                                .dnssec = true,
                                .done = keep_answer,
                                .ctx = c};
    struct local *l = local_new(&c->options);
    if (l == NULL)
        return ST_ENOMEM;
    local_stop_when(l, &c->stop);
    enum status st = local_run(l, &task, ASK_MS);
    if (st == ST_OK && c->rcode == RCODE_SERVFAIL) {
        task.unchecked = task.cold = true; /* cold: the failure is remembered */
        st = local_run(l, &task, ASK_MS);
    }
    local_free(l);
    return st;
}

static void look(struct anchor_check *c, struct anchor_keeper *k)
{
    struct arena a;
    struct msg m;
    struct rrset keys, sigs = {.owner = c->zone.w, .type = RR_RRSIG, .rclass = CLASS_IN};
    arena_init(&a, ARENA, 8 * ARENA);
    enum status st = msg_parse(bytes_of(c->wire, c->n), &a, &m);
    if (st == ST_OK)
        st = msg_rrset(&m, &a, SECTION_ANSWER, c->zone.w, RR_DNSKEY, &keys);
    if (st == ST_OK) {
        st = msg_rrset(&m, &a, SECTION_ANSWER, c->zone.w, RR_RRSIG, &sigs);
        st = st == ST_ENOTFOUND ? ST_OK : st;
    }
    if (st == ST_OK)
        anchor_keeper_see(k, c->zone.w, &keys, &sigs, now_read());
    else
        anchor_keeper_failed(k, c->zone.w,
                             st == ST_ENOTFOUND ? "the answer holds no keys"
                                                : "the answer could not be read",
                             now_read());
    arena_free(&a);
}

static void *check_main(void *arg)
{
    struct anchor_check *c = arg;
    struct anchor_keeper *k = c->server->anchors;
    enum status st = ask(c);
    if (c->stop)
        ;
    else if (st == ST_OK && c->answered)
        look(c, k);
    else
        anchor_keeper_failed(k, c->zone.w,
                             st == ST_ETIMEOUT ? "no answer in time" : "the keys could not be had",
                             now_read());
    loop_post(&c->server->loop, &c->job);
    return NULL;
}

/* --- On the main thread --- */

static void tick(struct server *s);

static void check_done(struct loop_job *job)
{
    struct anchor_check *c = CONTAINER_OF(job, struct anchor_check, job);
    struct server *s = c->server;
    pthread_join(c->thread, NULL);
    s->anchor_check = NULL;
    check_free(c);
    tick(s);
}

/* Those that lead to servers, whose addresses are the configuration's. */
static bool take_routes(struct anchor_check *c, const struct resolver_options *from)
{
    c->options.route = c->route = calloc(from->route_count + 1, sizeof *c->route);
    c->options.route_count = 0;
    for (size_t i = 0; c->route != NULL && i < from->route_count; i++)
        if (!from->route[i].here)
            c->route[c->options.route_count++] = from->route[i];
    return c->route != NULL;
}

static void check_begin(struct server *s, const uint8_t *zone)
{
    uint64_t version;
    struct anchor_check *c = calloc(1, sizeof *c);
    if (c == NULL)
        return; /* the next tick tries again */
    const struct served *served = s->served;
    c->server = s;
    c->job.run = check_done;
    name_copy(c->zone.w, zone);
    c->config = config_take(served->config);
    c->options = served->resolver;
    memcpy(c->hints, served->hints, sizeof c->hints);
    c->options.hints = c->hints;
    c->options.negative = NULL;
    c->options.negative_count = 0;
    c->options.local = NULL;
    if (!take_routes(c, &served->resolver)) {
        check_free(c);
        return;
    }
    c->options.error_reporting = false;
    c->options.cookie_key = (struct hash_key){0};
    if (anchor_keeper_take(s->anchors, NULL, NULL, &c->anchors, &version) != ST_OK) {
        check_free(c);
        return;
    }
    c->options.anchors = anchors_at(c->anchors, 0) != NULL ? c->anchors : NULL;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&c->thread, NULL, check_main, c);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0) {
        s->anchor_check = c;
        return;
    }
    log_event(LEVEL_ERROR, "trust-anchor-check", "outcome=unreached text=\"no thread\"");
    anchor_keeper_failed(s->anchors, zone, "no thread could be started", now_read());
    check_free(c);
}

/* Whether the anchors in force are not those of the keeper. */
static bool outdated(const struct server *s)
{
    return s->served->anchors_version != anchor_keeper_version(s->anchors);
}

static void tick(struct server *s)
{
    struct name zone;
    uint32_t due_s;
    struct now now = now_read();
    if (s->stop || !s->served->config->resolver.validate || s->shared.cache == NULL)
        return;
    if (outdated(s)) {
        if (s->reload == NULL && now.mono_us >= s->anchor_swap_us) {
            s->anchor_swap_us = now.mono_us + SWAP_AGAIN_US;
            reload_anchors(s);
        }
        return;
    }
    s->anchor_swap_us = 0;
    if (s->anchor_check == NULL && s->reload == NULL && cache_stats(s->shared.cache).inserts > 0 &&
        anchor_keeper_due(s->anchors, now, &zone, &due_s) && due_s == 0)
        check_begin(s, zone.w);
}

static void timer_fired(struct loop_timer *t)
{
    struct server *s = CONTAINER_OF(t, struct server, anchor_timer);
    tick(s);
    loop_timer_set(&s->loop, t, s->loop.now.mono_us + TICK_US);
}

void anchors_watch(struct server *s)
{
    if (s->anchors == NULL)
        return;
    s->anchor_timer.fire = timer_fired;
    loop_timer_set(&s->loop, &s->anchor_timer, s->loop.now.mono_us + TICK_US);
}

void anchors_finish(struct server *s)
{
    if (s->anchor_check != NULL)
        s->anchor_check->stop = true;
    while (s->anchor_check != NULL)
        loop_turn(&s->loop, s->loop.now.mono_us + 100000);
}
