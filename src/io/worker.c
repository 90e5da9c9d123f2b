#include "io/worker.h"

#include "base/limits.h"
#include "dns/rr_type.h"
#include "io/cpus.h"
#include "io/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/* Does the question belong to a zone of ours (or to the CHAOS class, where servers tell of
 * themselves), and not to the resolver? What cannot be read is the resolver's to refuse. */
static bool is_local(const struct worker *w, struct bytes m)
{
    size_t n;
    if (m.n < 12 + 5 || get_be16(m.p + 4) != 1 || (m.p[2] & 0xf8) != 0 ||
        name_scan(bytes_of(m.p + 12, m.n - 12), &n) != ST_OK || m.n - 12 < n + 4)
        return false;
    uint16_t type = get_be16(m.p + 12 + n), rclass = get_be16(m.p + 14 + n);
    if (rclass == CLASS_CH)
        return !resolver_explains(m.p + 12);
    return w->served->has_zones &&
           zone_table_find(w->served->zones->table, m.p + 12, type == RR_DS) != NULL;
}

static void ahead(void *ctx, const struct bytes *wire, unsigned n)
{
    struct worker *w = ctx;
    if (w->served->has_zones)
        w->auth_service.ahead(w->auth_service.ctx, wire, n);
    if (w->resolver != NULL)
        w->resolver_service.ahead(w->resolver_service.ctx, wire, n);
}

static enum outcome handle(void *ctx, struct request *rq, size_t *ret_n)
{
    struct worker *w = ctx;
    if (w->resolver != NULL && !is_local(w, rq->wire))
        return w->resolver_service.handle(w->resolver_service.ctx, rq, ret_n);
    return w->auth_service.handle(w->auth_service.ctx, rq, ret_n);
}

void worker_drain(struct worker *w)
{
    struct effect e;
    while (w->resolver != NULL && resolver_effect(w->resolver, &e)) {
        switch (e.kind) {
        case EFFECT_SEND:
            upstream_send(&w->upstream, &e);
            break;
        case EFFECT_CLOSE:
            upstream_close(&w->upstream, e.id, e.answered);
            break;
        case EFFECT_ANSWER:
            front_answer(&w->front, e.id, e.data);
            break;
        case EFFECT_FORGET:
            front_forget(&w->front, e.id);
            break;
        }
    }
}

static void after_requests(void *ctx)
{
    worker_drain(ctx);
}

static void upstream_reply(void *ctx, uint64_t id, const struct netaddr *from, struct bytes wire)
{
    struct worker *w = ctx;
    resolver_reply(w->resolver, id, from, wire, w->loop.now);
    worker_drain(w);
}

static void upstream_failed(void *ctx, uint64_t id, enum status why)
{
    struct worker *w = ctx;
    resolver_failed(w->resolver, id, why, w->loop.now);
    /* Called from inside worker_drain as well: its loop goes on with what this brought. */
}

/* Takes the newest snapshot, if there is one. */
static void adopt(struct worker *w)
{
    struct shared *sh = w->shared;
    uint64_t e = qsbr_begin(&sh->qsbr);
    const struct served *s = atomic_load_explicit(&sh->current, memory_order_acquire);
    if (s != w->served) {
        auth_swap(w->auth, s->zones->table, &s->auth);
        if (w->resolver != NULL)
            resolver_swap(w->resolver, &s->resolver);
        if (w->own != NULL)
            auth_swap(w->own, s->own->zones, &s->own_auth);
        w->front.limits = s->limits;
        w->served = s;
    }
    qsbr_quiescent(&sh->qsbr, w->index, e);
}

enum status worker_init(struct worker *w, unsigned index, struct shared *sh,
                        const struct netaddr *addrs, const int (*fds)[2], size_t n)
{
    const struct served *s = atomic_load(&sh->current);
    memset(w, 0, sizeof *w);
    w->index = index;
    w->cpu = -1;
    w->shared = sh;
    w->served = s;
    w->env = env_of(&w->random);
    TRY(loop_init(&w->loop, 1u << 20));
    TRY(front_init(&w->front, &w->loop, &sh->clients, &w->count));
    TRY(upstream_init(&w->upstream, &w->loop, &w->count, &w->env));
    w->auth = auth_new(s->zones->table, &s->auth, &w->env);
    if (w->auth == NULL)
        return ST_ENOMEM;
    w->auth_service = auth_service(w->auth);
    if (sh->cache != NULL) {
        w->resolver = resolver_new(&s->resolver, sh->cache, &w->env);
        if (w->resolver == NULL)
            return ST_ENOMEM;
        w->resolver_service = resolver_service(w->resolver);
        w->own = auth_new(s->own->zones, &s->own_auth, &w->env);
        if (w->own == NULL)
            return ST_ENOMEM;
        resolver_own_zones(w->resolver, auth_service(w->own));
    }
    w->front.service = (struct service){w, handle, ahead};
    w->front.limits = s->limits;
    if (w->resolver != NULL) {
        w->front.after = after_requests;
        w->front.after_ctx = w;
    } else {
        w->front.service = w->auth_service; /* nothing to choose */
    }
    w->upstream.ctx = w;
    w->upstream.reply = upstream_reply;
    w->upstream.failed = upstream_failed;
    w->front.collect = true;
    w->front.alone = !s->config->server.udp_bundle;
    loop_spin(&w->loop, s->config->server.busy_poll_us);
    qsbr_quiescent(&sh->qsbr, index, qsbr_begin(&sh->qsbr));
    return front_listen(&w->front, addrs, fds, n);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    if (w->cpu >= 0 && !cpu_stay((unsigned)w->cpu))
        log_event(LEVEL_WARNING, "pin-workers", "worker=%u cpu=%d text=\"%s\"", w->index, w->cpu,
                  strerror(errno));
    while (!w->stop) {
        adopt(w);
        loop_turn(&w->loop, w->resolver ? resolver_deadline(w->resolver) : UINT64_MAX);
        if (w->resolver != NULL) {
            if (resolver_deadline(w->resolver) <= w->loop.now.mono_us)
                resolver_tick(w->resolver, w->loop.now);
            worker_drain(w);
            front_flush(&w->front);
        }
    }
    return NULL;
}

enum status worker_start(struct worker *w)
{
    /* Signals are the main thread's business. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&w->thread, NULL, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    w->started = rc == 0;
    return rc == 0 ? ST_OK : ST_EIO;
}

static void stop_now(struct loop_job *job)
{
    CONTAINER_OF(job, struct worker, stop_job)->stop = true;
}

void worker_stop(struct worker *w)
{
    if (!w->started)
        return;
    w->stop_job.run = stop_now;
    loop_post(&w->loop, &w->stop_job);
    pthread_join(w->thread, NULL);
    w->started = false;
    qsbr_offline(&w->shared->qsbr, w->index);
}

void worker_free(struct worker *w)
{
    front_free(&w->front);
    upstream_free(&w->upstream);
    if (w->resolver != NULL)
        resolver_free(w->resolver);
    if (w->own != NULL)
        auth_free(w->own);
    if (w->auth != NULL)
        auth_free(w->auth);
    loop_free(&w->loop);
}
