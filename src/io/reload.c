/* A reload: configuration and zones are read by a thread of their own, and swapped in whole when
 * they are good. Queries go on meanwhile, from what was there before. */
#include "io/cache_file.h"
#include "io/forget.h"
#include "io/idle.h"
#include "io/log.h"
#include "io/privs.h"
#include "io/state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What is done anew. */
enum reload_what {
    RELOAD_ALL,   /* configuration, files, and what has to be signed again */
    SIGN_DUE,     /* only what has to be signed again because its time has come */
    SIGN_CHANGED, /* that, and where keys were changed */
    ANCHORS,      /* as SIGN_DUE, because trust anchors have changed */
};

struct reload {
    struct loop_job job; /* back to the main thread */
    struct server *server;
    struct ctl *client;
    bool has_only;
    enum reload_what what;
    struct name only;
    pthread_t thread;
    struct served *served; /* the outcome; NULL: failed */
    struct text say;
    unsigned restarts; /* options that need a new start */
};

static void say_diag(void *ctx, const struct diag *d)
{
    struct reload *r = ctx;
    diag_text(d, false, &r->say);
    log_diag(d->severity == SEV_ERROR ? "config-error" : "config-warning", d);
}

/* A file that is being written looks like one in which everything was deleted. */
static bool serves_nothing(const struct config *c)
{
    return c->zones.n == 0 && c->zones_dir == NULL && !c->resolver.enabled;
}

/* A thread that gets no signals; false if there is none to be had. */
static bool thread_start(pthread_t *ret, void *(*fn)(void *arg), void *arg)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(ret, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc == 0;
}

/* For whoever reloads by a signal, and for later: one event for each change. */
static void log_changes(struct text *changes)
{
    enum { TOLD = 50 };
    const char *p = text_cstr(changes);
    for (unsigned n = 0; *p != '\0'; n++) {
        size_t len = strcspn(p, "\n");
        struct text line = text_heap(65536), value = text_heap(65536);
        text_bytes(&line, p, len);
        log_value(n < TOLD ? text_cstr(&line) : "... and more", &value);
        log_event(LEVEL_INFO, "config-change", "text=%s", text_cstr(&value));
        text_free(&line);
        text_free(&value);
        p += len + (p[len] == '\n');
        if (n == TOLD)
            return;
    }
}

/* On the reload's own thread. The snapshot in force stays in force until the job comes back. */
static void *reload_main(void *arg)
{
    struct reload *r = arg;
    struct server *s = r->server;
    struct diag_sink sink = {say_diag, r, 0, 0};
    struct config *c = NULL;
    struct zone_set *zones = NULL;
    struct text changes = text_heap(1 << 20); /* told only if they come into force */
    struct zone_set_how how = {.old = s->served->zones,
                               .only = r->has_only ? r->only.w : NULL,
                               .only_due = r->what != RELOAD_ALL,
                               .look = r->what == RELOAD_ALL || r->what == SIGN_CHANGED,
                               .signing = s->signing};
    enum status st = ST_OK;
    idle_begin();
    if (r->what != RELOAD_ALL)
        c = config_take(s->served->config);
    else
        st = s->opt->make(s->opt->ctx, &sink, &c);
    if (st == ST_OK && serves_nothing(c) && !serves_nothing(s->served->config)) {
        static const char why[] = "the new configuration has neither zones nor a resolver";
        text_fmt(&r->say, "error: %s\n    hint: was the file read while it was being written?\n",
                 why);
        log_event(LEVEL_ERROR, "config-error", "reason=\"%s\"", why);
        st = ST_ESEMANTIC;
    }
    if (st == ST_OK) {
        r->restarts = config_diff(s->served->config, c, s->started, &changes);
        st = zone_set_load(c, &how, &r->say, &zones);
    }
    struct served_how as = {.cookie_key = s->cookie_key,
                            .workers = s->worker_n,
                            .rates = &s->shared.rates,
                            .keeper = s->anchors,
                            .old = r->what != RELOAD_ALL ? s->served : NULL};
    if (st == ST_OK)
        st = served_new(c, zones, &as, &r->say, &r->served);
    else
        config_free(c);
    if (st == ST_OK) {
        log_changes(&changes);
        if (changes.n == 0)
            text_str(&changes, "the configuration is the same\n");
        text_bytes(&changes, r->say.p, r->say.n);
        const struct text said = r->say;
        r->say = changes;
        changes = said;
    } else {
        r->served = NULL;
    }
    text_free(&changes);
    if (st == ST_ENOTFOUND)
        text_str(&r->say, "there is no such zone in the configuration\n");
    loop_post(&s->loop, &r->job);
    return NULL;
}

static void *reap_main(void *served)
{
    idle_begin();
    served_free(served);
    return NULL;
}

void reload_reap(struct server *s)
{
    if (!s->reaping)
        return;
    idle_hurry();
    pthread_join(s->reaper, NULL);
    s->reaping = false;
}

/* What was checked so far was so by other rules than those in force now. */
static void distrust(struct server *s)
{
    cache_distrust(s->shared.cache);
    if (s->cache_file != NULL)
        cache_file_rules(s->cache_file, resolver_trust_digest(&s->served->resolver));
}

/* A zone of a million names takes milliseconds to be freed, and answers would wait for them. */
static void served_retired(struct qsbr_item *item)
{
    struct served *old = CONTAINER_OF(item, struct served, item);
    struct server *s = old->retired_by;
    /* What workers have checked by the old rules since is distrusted, too. */
    if (old->distrust != NULL)
        distrust(s);
    forget_changed(s->shared.cache, s->cache_file, old, s->served, NULL); /* the same */
    reload_reap(s);
    s->reaping = thread_start(&s->reaper, reap_main, old);
    if (!s->reaping)
        served_free(old);
}

static void hurry_fired(struct loop_timer *t)
{
    (void)t;
    idle_hurry();
}

static void collect_fired(struct loop_timer *t)
{
    struct server *s = CONTAINER_OF(t, struct server, collect);
    if (!qsbr_collect(&s->shared.qsbr))
        loop_timer_set(&s->loop, t, s->loop.now.mono_us + 10000);
}

static void nothing(struct loop_job *job)
{
    free(job);
}

/* Puts the new snapshot in force. say: what else that does. */
static void swap(struct server *s, struct served *fresh, struct text *say)
{
    struct served *old = s->served;
    s->served = fresh;
    if (s->shared.cache != NULL && !resolver_same_trust(&old->resolver, &fresh->resolver)) {
        old->distrust = s->shared.cache;
        distrust(s);
    }
    atomic_store_explicit(&s->shared.current, fresh, memory_order_release);
    forget_changed(s->shared.cache, s->cache_file, old, fresh, say);
    old->item.free = served_retired;
    old->retired_by = s;
    qsbr_retire(&s->shared.qsbr, &old->item);
    for (unsigned i = 0; i < s->worker_n; i++) {
        struct loop_job *wake = calloc(1, sizeof *wake);
        if (wake != NULL) { /* else it wakes with its next query */
            wake->run = nothing;
            loop_post(&s->workers[i]->loop, wake);
        }
    }
    s->collect.fire = collect_fired;
    loop_timer_set(&s->loop, &s->collect, s->loop.now.mono_us + 1000);
    log_set_level((enum config_log_level)fresh->config->log.level);
}

static void begin(struct server *s, const uint8_t *only, enum reload_what what, struct ctl *client);

static void reload_done(struct loop_job *job)
{
    struct reload *r = CONTAINER_OF(job, struct reload, job);
    struct server *s = r->server;
    pthread_join(r->thread, NULL);
    loop_timer_stop(&s->loop, &s->hurry);
    s->reload = NULL;
    if (r->served != NULL) {
        const struct zone_set *z = r->served->zones;
        text_fmt(&r->say,
                 "%u zones loaded, %u unchanged, %u kept as they were because their files are bad, "
                 "%u missing\n",
                 z->loaded, z->same, z->kept, z->bad);
        bool told = r->what == RELOAD_ALL || r->what == ANCHORS;
        log_event(!told              ? LEVEL_DEBUG
                  : z->bad + z->kept ? LEVEL_WARNING
                                     : LEVEL_INFO,
                  r->what == RELOAD_ALL ? "reloaded"
                  : r->what == ANCHORS  ? "trust-anchors-in-force"
                                        : "signed-again",
                  "loaded=%u same=%u kept=%u bad=%u need_restart=%u", z->loaded, z->same, z->kept,
                  z->bad, r->restarts);
        s->reloads += r->what == RELOAD_ALL;
        const char *error = z->bad + z->kept ? "some zones could not be loaded" : NULL;
        swap(s, r->served, &r->say);
        if (r->client != NULL)
            ctl_reply(r->client, error, error ? "what was served before goes on" : NULL, &r->say);
    } else {
        s->reload_failures++;
        log_event(LEVEL_ERROR, "reload-failed", "running=unchanged");
        if (r->client != NULL)
            ctl_reply(r->client, "nothing was changed", NULL, &r->say);
    }
    text_free(&r->say);
    free(r);
    notify_manager("READY=1");
    if (s->reload_again && !s->stop) {
        s->reload_again = false;
        reload_begin(s, NULL, NULL);
    }
}

enum { SIGN_TICK_US = 5000000, SIGN_LOOK = 5000 };

/* Looks at a part of the zones for keys that were changed by somebody since the last look at all of
 * them: everything that is signed here changes the store too, and there may be very many. */
static bool keys_changed(struct server *s, uint64_t now)
{
    const struct zone_set *z = s->served->zones;
    uint64_t revision = signing_revision(s->signing);
    bool changed = false;
    if (s->sign_at == 0)
        s->sign_pass = revision;
    if (revision == s->sign_revision && s->sign_at == 0)
        return false;
    for (unsigned n = 0; n < SIGN_LOOK && s->sign_at < z->n; n++, s->sign_at++) {
        const struct zone_entry *e = &z->v[s->sign_at];
        changed |= signing_due(s->signing, e->name, &e->signing, now, true);
    }
    if (s->sign_at >= z->n) {
        s->sign_at = 0;
        s->sign_revision = s->sign_pass;
    }
    return changed;
}

static void sign_fired(struct loop_timer *t)
{
    struct server *s = CONTAINER_OF(t, struct server, sign);
    const struct zone_set *z = s->served->zones;
    uint64_t now = now_read().wall_s;
    if (s->reload == NULL) {
        bool due = false, look = keys_changed(s, now);
        for (size_t i = 0; i < z->n && !due; i++)
            due = signing_due(s->signing, z->v[i].name, &z->v[i].signing, now, false);
        if (due || look)
            begin(s, NULL, look ? SIGN_CHANGED : SIGN_DUE, NULL);
    }
    loop_timer_set(&s->loop, t, s->loop.now.mono_us + SIGN_TICK_US);
}

void signing_watch(struct server *s)
{
    s->sign.fire = sign_fired;
    loop_timer_set(&s->loop, &s->sign, s->loop.now.mono_us + SIGN_TICK_US);
}

void reload_begin(struct server *s, const uint8_t *only, struct ctl *client)
{
    begin(s, only, RELOAD_ALL, client);
}

void reload_anchors(struct server *s)
{
    if (s->reload == NULL)
        begin(s, NULL, ANCHORS, NULL);
}

static void begin(struct server *s, const uint8_t *only, enum reload_what what, struct ctl *client)
{
    char state[64];
    struct timespec ts;
    if (s->reload != NULL) {
        if (client != NULL)
            ctl_reply(client, "a reload is under way", "try again when it is done", NULL);
        else
            s->reload_again = true;
        return;
    }
    struct reload *r = calloc(1, sizeof *r);
    if (r == NULL) {
        log_event(LEVEL_ERROR, "reload-failed", "reason=\"out of memory\"");
        if (client != NULL)
            ctl_reply(client, "out of memory", NULL, NULL);
        return;
    }
    r->server = s;
    r->client = client;
    r->job.run = reload_done;
    r->say = text_heap(1 << 20);
    r->has_only = only != NULL;
    r->what = what;
    if (only != NULL)
        name_copy(r->only.w, only);
    clock_gettime(CLOCK_MONOTONIC, &ts);
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)ts.tv_sec * 1000000u + (unsigned long long)ts.tv_nsec / 1000u);
    notify_manager(state);
    s->reload = r;
    idle_hurry(); /* the one before may still be freed */
    s->hurry.fire = hurry_fired;
    loop_timer_set(&s->loop, &s->hurry, s->loop.now.mono_us + LIMIT_RELOAD_IDLE_MS * 1000ull);
    if (!thread_start(&r->thread, reload_main, r)) {
        s->reload = NULL;
        log_event(LEVEL_ERROR, "reload-failed", "reason=\"no thread\"");
        if (client != NULL)
            ctl_reply(client, "no thread could be started", NULL, NULL);
        text_free(&r->say);
        free(r);
    }
}

void reload_finish(struct server *s)
{
    if (s->reload != NULL)
        idle_hurry();
    while (s->reload != NULL)
        loop_turn(&s->loop, s->loop.now.mono_us + 100000);
}
