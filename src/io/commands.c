/* What a running server does for `banyan ctl`. Counters and traces are collected on the workers'
 * own threads. */
#include "base/when.h"
#include "core/trace_render.h"
#include "crypto/key.h"
#include "dns/codes.h"
#include "dns/rdata.h"
#include "dns/rr_type.h"
#include "dnssec/dnskey.h"
#include "io/anchor_keeper.h"
#include "io/cache_file.h"
#include "io/ctl.h"
#include "io/incidents.h"
#include "io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- counters --------------------------------------------------------------------------------- */

struct survey_part {
    struct loop_job job;
    struct survey *survey;
    struct worker *worker;
};

struct survey {
    struct loop_job done;
    struct server *server;
    struct ctl *client; /* NULL: to the log */
    bool json;
    _Atomic unsigned left;
    pthread_mutex_t lock;
    struct io_counters io;
    struct auth_counters auth;
    struct resolver_counters resolver;
    struct latency latency;
    struct survey_part part[];
};

/* Adds n counters; all counter structs are arrays of uint64_t. */
static void add_counters(void *sum, const void *v, size_t size)
{
    uint64_t *to = sum;
    const uint64_t *from = v;
    for (size_t i = 0; i < size / sizeof *to; i++)
        to[i] += from[i];
}

static void survey_worker(struct loop_job *job)
{
    struct survey_part *p = CONTAINER_OF(job, struct survey_part, job);
    struct survey *s = p->survey;
    struct worker *w = p->worker;
    pthread_mutex_lock(&s->lock);
    add_counters(&s->io, &w->count, sizeof s->io);
    add_counters(&s->auth, auth_counters(w->auth), sizeof s->auth);
    if (w->resolver != NULL) {
        add_counters(&s->resolver, resolver_counters(w->resolver), sizeof s->resolver);
        add_counters(&s->latency, resolver_latency(w->resolver), sizeof s->latency);
    }
    pthread_mutex_unlock(&s->lock);
    if (atomic_fetch_sub(&s->left, 1) == 1)
        loop_post(&s->server->loop, &s->done);
}

enum { STATS_MAX = 160 };

/* Counters of signing, and what to be alarmed about. */
static size_t signing_rows(const struct server *s, struct control_stat *v, size_t n)
{
    const struct zone_set *z = s->served->zones;
    const struct signing_counters *c = signing_counters(s->signing);
    uint64_t on = 0, failing = 0, expires = UINT64_MAX, now = now_read().wall_s;
    for (size_t i = 0; i < z->n; i++) {
        on += z->v[i].signing.on;
        failing += z->v[i].signing.failing;
        if (z->v[i].signing.on && z->v[i].signing.expires != 0)
            expires = MIN(expires, z->v[i].signing.expires);
    }
    if (on == 0)
        return n;
#define COUNTER(name, help)                                                                        \
    v[n++] = (struct control_stat){"signing", #name, help, atomic_load(&c->name)};
    SIGNING_COUNTERS(COUNTER)
#undef COUNTER
    v[n++] = (struct control_stat){"signing", "zones", "zones signed here", on};
    v[n++] =
        (struct control_stat){"signing", "zones_failing",
                              "zones that cannot be signed now: act before they expire", failing};
    if (expires != UINT64_MAX)
        v[n++] = (struct control_stat){"signing", "expires_s",
                                       "seconds until the first signature of any zone expires",
                                       expires > now ? expires - now : 0};
    return n;
}

/* Counters of trust anchors that are followed, and what to be alarmed about. */
static size_t anchor_rows(const struct server *s, struct control_stat *v, size_t n)
{
    struct anchor_summary a;
    if (s->anchors == NULL)
        return n;
    anchor_keeper_summary(s->anchors, now_read(), &a);
#define COUNTER(name, help) v[n++] = (struct control_stat){"anchors", #name, help, a.count.name};
    ANCHOR_COUNTERS(COUNTER)
#undef COUNTER
    const struct control_stat more[] = {
        {"anchors", "points", "trust points that are followed", a.points},
        {"anchors", "trusted", "keys that are trusted", a.trusted},
        {"anchors", "waiting", "new keys that are not yet trusted", a.waiting},
        {"anchors", "alarms", "trust points that need somebody: `banyan ctl anchors`", a.alarms},
        {"anchors", "next_check_s", "seconds until keys are asked for again", a.next_s},
    };
    memcpy(v + n, more, sizeof more);
    return n + ARRAY_LEN(more);
}

static uint64_t share(uint64_t part, uint64_t of, uint32_t scale)
{
    return of > 0 ? (uint64_t)((long double)part * scale / of) : 0;
}

/* What is to be watched: shares and times, made from the counters. */
static size_t summary_rows(const struct survey *s, struct control_stat *v, size_t n)
{
    const struct resolver_counters *c = &s->resolver;
    const uint64_t hits = c->cache_hits, all = hits + c->cache_misses;
    const struct latency *l = &s->latency;
    const struct control_stat rows[] = {
        {"answers", "hit_percent", "of the answers came from the cache", share(hits, all, 100)},
        {"answers", "negative_percent", "of the answers say that there is no such name or data",
         share(c->negative, all, 100)},
        {"answers", "servfail_per_million", "of the answers are SERVFAIL",
         share(c->servfail, all, 1000000)},
        {"answers", "p50_us", "half of the answers took no longer (0: from the cache)",
         latency_within(l, hits, 500000)},
        {"answers", "p99_us", "99 % of the answers took no longer (0: from the cache)",
         latency_within(l, hits, 990000)},
        {"answers", "miss_p50_us", "the same of those that were not in the cache: half",
         latency_within(l, 0, 500000)},
        {"answers", "miss_p99_us", "the same of those that were not in the cache: 99 %",
         latency_within(l, 0, 990000)},
    };
    memcpy(v + n, rows, sizeof rows);
    return n + ARRAY_LEN(rows);
}

/* What is kept of the cache while the server does not run. */
static size_t cache_file_rows(const struct server *s, struct control_stat *v, size_t n)
{
    struct cache_file_state f;
    if (s->cache_file == NULL)
        return n;
    cache_file_state(s->cache_file, &f);
    const struct control_stat rows[] = {
        {"cache", "file_loaded", "entries read from the cache's file at the start", f.loaded},
        {"cache", "file_saved", "entries written to it last time", f.saved},
        {"cache", "file_saves", "times it was written", f.saves},
        {"cache", "file_failures", "times it could not be written", f.failures},
    };
    memcpy(v + n, rows, sizeof rows);
    return n + ARRAY_LEN(rows);
}

static size_t survey_rows(const struct survey *s, struct control_stat *v)
{
    size_t n = 0;
    const struct served *served = s->server->served;
#define COUNTER(name, help)                                                                        \
    v[n++] = (struct control_stat){"authoritative", #name, help, s->auth.name};
    AUTH_COUNTERS(COUNTER)
#undef COUNTER
    if (s->server->shared.cache != NULL) {
        struct cache_stats c = cache_stats(s->server->shared.cache);
#define COUNTER(name, help)                                                                        \
    v[n++] = (struct control_stat){"resolver", #name, help, s->resolver.name};
        RESOLVER_COUNTERS(COUNTER)
#undef COUNTER
        n = summary_rows(s, v, n);
        const struct control_stat cache[] = {
            {"cache", "entries", "entries kept", c.entries},
            {"cache", "bytes", "bytes used", c.bytes},
            {"cache", "max_bytes", "bytes allowed", c.max_bytes},
            {"cache", "hits", "lookups that found something", c.hits},
            {"cache", "misses", "lookups that found nothing", c.misses},
            {"cache", "inserts", "entries put in", c.inserts},
            {"cache", "evictions", "entries thrown out for others", c.evictions},
            {"cache", "expired", "entries that ran out", c.expired},
            {"cache", "negative", "entries that say there is none", c.negative},
        };
        memcpy(v + n, cache, sizeof cache);
        n += ARRAY_LEN(cache);
        n = cache_file_rows(s->server, v, n);
    }
#define COUNTER(name, help) v[n++] = (struct control_stat){"transport", #name, help, s->io.name};
    IO_COUNTERS(COUNTER)
#undef COUNTER
    v[n++] = (struct control_stat){"transport", "tcp_open", "TCP connections open now",
                                   atomic_load(&s->server->shared.clients.total)};
    n = signing_rows(s->server, v, n);
    n = anchor_rows(s->server, v, n);
    uint64_t up = now_read().wall_s - s->server->started_wall_s;
    const struct control_stat server[] = {
        {"server", "uptime_s", "seconds since the start", up},
        {"server", "workers", "threads that answer", s->server->worker_n},
        {"server", "zones", "zones configured", served->zones->n},
        {"server", "zones_bad", "zones without data", served->zones->bad},
        {"server", "zones_kept", "zones whose new file is bad", served->zones->kept},
        {"server", "reloads", "reloads done", s->server->reloads},
        {"server", "reload_failures", "reloads that changed nothing", s->server->reload_failures},
    };
    memcpy(v + n, server, sizeof server);
    return n + ARRAY_LEN(server);
}

static void log_survey(const struct control_stat *v, size_t n)
{
    struct text t = text_heap(8192);
    for (size_t i = 0; i < n; i++) {
        text_fmt(&t, "%s%s=%llu", t.n ? " " : "", v[i].name, (unsigned long long)v[i].value);
        if (i + 1 == n || strcmp(v[i].section, v[i + 1].section) != 0) {
            log_event(LEVEL_INFO, "stats", "part=%s %s", v[i].section, text_cstr(&t));
            text_clear(&t);
        }
    }
    text_free(&t);
}

static void survey_done(struct loop_job *job)
{
    struct survey *s = CONTAINER_OF(job, struct survey, done);
    struct control_stat rows[STATS_MAX];
    size_t n = survey_rows(s, rows);
    struct text t = text_heap(1 << 20);
    if (s->client == NULL) {
        log_survey(rows, n);
    } else {
        (s->json ? control_stats_json : control_stats_text)(rows, n, &t);
        ctl_reply(s->client, NULL, NULL, &t);
    }
    text_free(&t);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void survey_begin(struct server *s, struct ctl *client, bool json)
{
    struct survey *v = calloc(1, sizeof *v + s->worker_n * sizeof v->part[0]);
    if (v == NULL) {
        if (client != NULL)
            ctl_reply(client, "out of memory", NULL, NULL);
        return;
    }
    v->server = s;
    v->client = client;
    v->json = json;
    v->done.run = survey_done;
    pthread_mutex_init(&v->lock, NULL);
    atomic_init(&v->left, s->worker_n);
    for (unsigned i = 0; i < s->worker_n; i++) {
        v->part[i] = (struct survey_part){{.run = survey_worker}, v, s->workers[i]};
        loop_post(&s->workers[i]->loop, &v->part[i].job);
    }
}

void command_log_stats(struct server *s)
{
    survey_begin(s, NULL, false);
}

/* --- trace ------------------------------------------------------------------------------------ */

struct tracing {
    struct loop_job job; /* to the worker, then back */
    struct server *server;
    struct worker *worker;
    struct ctl *client;
    struct control_request rq;
    struct text out;
    const char *error;
    bool failed; /* the resolution, not the request: told by a hint beside ok */
};

static void trace_reply(struct loop_job *job)
{
    struct tracing *t = CONTAINER_OF(job, struct tracing, job);
    ctl_reply(t->client, t->error, t->failed ? "the name could not be resolved" : NULL, &t->out);
    text_free(&t->out);
    free(t);
}

static void trace_back(struct tracing *t)
{
    t->job.run = trace_reply;
    loop_post(&t->server->loop, &t->job);
}

static void trace_done(void *ctx, struct bytes answer, const struct trace *trace)
{
    struct tracing *t = ctx;
    struct json j = json_of(&t->out, true);
    (void)answer;
    t->failed = trace->rcode != RCODE_NOERROR && trace->rcode != RCODE_NXDOMAIN;
    switch (t->rq.format) {
    case FORMAT_JSON:
        trace_json(trace, &j);
        text_char(&t->out, '\n');
        break;
    case FORMAT_MERMAID:
        trace_mermaid(trace, &t->out);
        break;
    case FORMAT_EXPLAIN:
        trace_explain(trace, &t->out);
        break;
    default:
        trace_timeline(trace, t->rq.colour, &t->out);
    }
    trace_back(t);
}

static void trace_worker(struct loop_job *job)
{
    struct tracing *t = CONTAINER_OF(job, struct tracing, job);
    struct worker *w = t->worker;
    struct resolve_task task = {.name = t->rq.name.w,
                                .type = t->rq.type,
                                .rclass = CLASS_IN,
                                .cold = t->rq.cold,
                                .armed = true,
                                .done = trace_done,
                                .ctx = t};
    enum status st = resolver_resolve(w->resolver, &task, w->loop.now);
    if (st != ST_OK) {
        t->error = st == ST_ELIMIT ? "too many queries are under way" : status_text(st);
        trace_back(t);
    }
    worker_drain(w);
}

static void trace_begin(struct server *s, struct ctl *client, const struct control_request *rq)
{
    if (s->shared.cache == NULL) {
        ctl_reply(client, "this server does not resolve names", "set resolver.enabled", NULL);
        return;
    }
    struct tracing *t = calloc(1, sizeof *t);
    if (t == NULL) {
        ctl_reply(client, "out of memory", NULL, NULL);
        return;
    }
    t->server = s;
    t->worker = s->workers[s->trace_next++ % s->worker_n];
    t->client = client;
    t->rq = *rq;
    t->out = text_heap(4 << 20);
    t->job.run = trace_worker;
    loop_post(&t->worker->loop, &t->job);
}

/* --- the rest --------------------------------------------------------------------------------- */

static const char *const state_words[] = {"loaded", "loaded", "kept: its file is bad",
                                          "missing: its file is bad"};

static void show_signing(const struct zone_signing *g, struct text *out)
{
    uint64_t now = now_read().wall_s;
    if (!g->on)
        return;
    text_str(out, ", signed");
    if (g->expires == 0)
        return;
    text_str(out, g->expires > now ? ", good for " : ", expired for ");
    when_length(g->expires > now ? g->expires - now : now - g->expires, out);
}

static void list_zones(const struct server *s, bool json, struct text *out)
{
    const struct zone_set *z = s->served->zones;
    struct json j = json_of(out, true);
    char name[NAME_TEXT_MAX];
    if (json)
        json_array(&j);
    for (size_t i = 0; i < z->n; i++) {
        const struct zone_entry *e = &z->v[i];
        struct zone_stats st = {0};
        if (e->zone != NULL)
            st = zone_stats(e->zone);
        uint32_t serial = e->zone ? zone_serial(e->zone) : 0;
        name_str(e->name, name);
        if (!json) {
            size_t from = out->n;
            text_str(out, name);
            text_pad(out, from, 32);
            text_fmt(out, "serial %-10u %9llu names %9llu records %11llu bytes  %s", serial,
                     (unsigned long long)st.names, (unsigned long long)st.records,
                     (unsigned long long)st.bytes,
                     e->signing.failing ? "cannot be signed" : state_words[e->state]);
            show_signing(&e->signing, out);
            text_char(out, '\n');
            continue;
        }
        json_object(&j);
        json_kv_str(&j, "zone", name);
        json_kv_str(&j, "file", e->file);
        json_kv_str(&j, "state", state_words[e->state]);
        json_kv_uint(&j, "serial", serial);
        json_kv_uint(&j, "names", st.names);
        json_kv_uint(&j, "records", st.records);
        json_kv_uint(&j, "delegations", st.delegations);
        json_kv_uint(&j, "bytes", st.bytes);
        json_kv_uint(&j, "load_ms", e->load_ms);
        json_kv_str(&j, "dnssec", e->dnssec);
        if (e->signing.on) {
            json_kv_bool(&j, "signing_failing", e->signing.failing);
            json_kv_uint(&j, "signed_at", e->signing.at);
            json_kv_uint(&j, "signed_until", e->signing.expires);
            json_kv_uint(&j, "sign_again_at", e->signing.due);
        }
        json_object_end(&j);
    }
    if (json) {
        json_array_end(&j);
        text_char(out, '\n');
    }
}

/* The anchors in force, where nobody follows them. */
static void show_static_anchors(const struct server *s, struct text *out)
{
    const struct anchors *a = s->served->resolver.anchors;
    const struct rrset *set;
    char name[NAME_TEXT_MAX];
    text_str(out,
             !s->served->config->resolver.validate
                 ? "validation is off (resolver.validate: no): nothing is validated, and trust "
                   "anchors are not read\n"
             : a != NULL ? "trust anchors stay as they are configured: "
                           "resolver.trust-anchor-state would follow changes of keys\n"
                         : "there are no trust anchors: nothing is validated\n");
    for (unsigned i = 0; a != NULL && (set = anchors_at(a, i)) != NULL; i++) {
        struct rdata_iter it = rdata_iter(set);
        for (struct bytes rd; rdata_iter_next(&it, &rd);) {
            text_fmt(out, "  %s DS ", name_str(set->owner, name));
            rdata_text(RR_DS, rd, out);
            text_char(out, '\n');
        }
    }
}

/* The same members as those of anchors that are followed, as far as there is something to say. */
static void static_anchors_json(const struct server *s, struct json *j)
{
    const struct anchors *a = s->served->resolver.anchors;
    const struct rrset *set;
    char name[NAME_TEXT_MAX];
    json_array(j);
    for (unsigned i = 0; a != NULL && (set = anchors_at(a, i)) != NULL; i++) {
        struct rdata_iter it = rdata_iter(set);
        struct ds d;
        json_object(j);
        json_kv_str(j, "zone", name_str(set->owner, name));
        json_key(j, "alarms");
        json_array(j);
        json_array_end(j);
        json_key(j, "keys");
        json_array(j);
        for (struct bytes rd; rdata_iter_next(&it, &rd);) {
            struct text t = text_heap(1 << 10);
            if (!ds_read(rd, &d))
                continue;
            const char *algorithm = sec_algorithm_name(d.algorithm);
            rdata_text(RR_DS, rd, &t);
            json_object(j);
            json_kv_uint(j, "tag", d.tag);
            json_kv_str(j, "algorithm", algorithm != NULL ? algorithm : "unknown");
            json_kv_str(j, "state", "configured");
            json_kv_bool(j, "trusted", true);
            json_kv_str(j, "ds", text_cstr(&t));
            json_object_end(j);
            text_free(&t);
        }
        json_array_end(j);
        json_object_end(j);
    }
    json_array_end(j);
}

static void show_anchors(const struct server *s, bool json, struct text *out)
{
    struct json j = json_of(out, true);
    bool followed = s->anchors != NULL && s->served->config->resolver.validate;
    if (!json && followed)
        anchor_keeper_text(s->anchors, now_read(), out);
    else if (!json)
        show_static_anchors(s, out);
    if (!json)
        return;
    json_object(&j);
    json_kv_bool(&j, "validate", s->served->resolver.anchors != NULL);
    json_kv_bool(&j, "followed", followed);
    json_key(&j, "points");
    if (followed)
        anchor_keeper_json(s->anchors, now_read(), &j);
    else
        static_anchors_json(s, &j);
    json_object_end(&j);
    text_char(out, '\n');
}

/* One line of the status. */
static void summarise_anchors(const struct server *s, struct text *out)
{
    struct anchor_summary a;
    if (s->shared.cache != NULL && s->served->resolver.anchors == NULL)
        text_str(out, s->served->config->resolver.validate
                          ? "validation: off, for want of a trust anchor\n"
                          : "validation: off (resolver.validate: no)\n");
    if (s->anchors == NULL || !s->served->config->resolver.validate)
        return;
    anchor_keeper_summary(s->anchors, now_read(), &a);
    text_fmt(out, "trust anchors: followed (RFC 5011), %llu keys trusted, %llu waiting",
             (unsigned long long)a.trusted, (unsigned long long)a.waiting);
    if (a.alarms > 0)
        text_str(out, "; ALARM: `banyan ctl anchors` tells");
    text_char(out, '\n');
}

static void show_status(const struct server *s, bool json, struct text *out)
{
    uint64_t up = now_read().wall_s - s->started_wall_s;
    const struct zone_set *z = s->served->zones;
    if (json) {
        struct json j = json_of(out, true);
        json_object(&j);
        json_kv_str(&j, "version", BANYAN_VERSION);
        json_kv_uint(&j, "pid", (uint64_t)getpid());
        json_kv_uint(&j, "uptime_s", up);
        json_kv_uint(&j, "workers", s->worker_n);
        json_kv_uint(&j, "zones", z->n);
        json_kv_uint(&j, "zones_bad", z->bad + z->kept);
        json_kv_bool(&j, "resolver", s->shared.cache != NULL);
        if (s->anchors != NULL) {
            struct anchor_summary a;
            anchor_keeper_summary(s->anchors, now_read(), &a);
            json_kv_uint(&j, "anchor_alarms", a.alarms);
        }
        json_kv_bool(&j, "reloading", s->reload != NULL);
        json_kv_str(&j, "config", s->opt->file ? s->opt->file : "");
        json_key(&j, "listen");
        json_array(&j);
        for (size_t i = 0; i < s->served->config->server.listen.n; i++) {
            char a[NETADDR_TEXT_MAX];
            struct text t = text_of(a, sizeof a);
            netaddr_text_port(&s->served->config->server.listen.v[i], &t);
            json_str(&j, a);
        }
        json_array_end(&j);
        json_object_end(&j);
        text_char(out, '\n');
        return;
    }
    text_fmt(out, "banyand %s runs as process %d since %llu s, with %u workers%s\n", BANYAN_VERSION,
             (int)getpid(), (unsigned long long)up, s->worker_n,
             s->reload ? ", and is reloading" : "");
    text_fmt(out, "configuration: %s\n", s->opt->file ? s->opt->file : "(command line)");
    text_fmt(out, "zones: %zu%s", z->n, z->bad + z->kept ? "" : ", all good\n");
    if (z->bad + z->kept > 0)
        text_fmt(out, ", %u of them with a bad file: `banyan ctl zones` shows which\n",
                 z->bad + z->kept);
    text_fmt(out, "resolver: %s\n", s->shared.cache ? "on" : "off");
    summarise_anchors(s, out);
    for (size_t i = 0; i < s->served->config->server.listen.n; i++) {
        text_str(out, i ? ", " : "listens on: ");
        netaddr_text_port(&s->served->config->server.listen.v[i], out);
    }
    text_char(out, '\n');
}

static void set_log_level(struct ctl *c, const char *word, struct text *out)
{
    enum config_log_level level;
    if (!log_level_from(word, &level)) {
        ctl_reply(c, "there is no such level", "error, warning, info or debug", NULL);
        return;
    }
    log_set_level(level);
    text_fmt(out, "the log begins at level %s until the next reload\n", word);
    ctl_reply(c, NULL, NULL, out);
}

void command_run(struct server *s, struct ctl *c, const struct control_request *rq)
{
    struct text t = text_heap(LIMIT_CONTROL_REPLY);
    switch (rq->command) {
    case CONTROL_STATUS:
        show_status(s, rq->json, &t);
        ctl_reply(c, NULL, NULL, &t);
        break;
    case CONTROL_STATS:
        survey_begin(s, c, rq->json);
        break;
    case CONTROL_RELOAD:
        reload_begin(s, rq->has_name ? rq->name.w : NULL, c);
        break;
    case CONTROL_ZONES:
        list_zones(s, rq->json, &t);
        ctl_reply(c, NULL, NULL, &t);
        break;
    case CONTROL_ANCHORS:
        show_anchors(s, rq->json, &t);
        ctl_reply(c, NULL, NULL, &t);
        break;
    case CONTROL_FLUSH:
        flush_begin(s, c, rq);
        break;
    case CONTROL_TRACE:
        trace_begin(s, c, rq);
        break;
    case CONTROL_FAILURES:
    case CONTROL_SLOW:
    case CONTROL_SERVERS:
        incidents_show(s, c, rq);
        break;
    case CONTROL_LOG_LEVEL:
        set_log_level(c, rq->level, &t);
        break;
    case CONTROL_STOP:
        log_event(LEVEL_INFO, "control", "command=stop");
        text_str(&t, "stopping\n");
        ctl_reply(c, NULL, NULL, &t);
        s->stop = true;
        break;
    case CONTROL_VERSION:
        text_fmt(&t, "%s\n", BANYAN_VERSION);
        ctl_reply(c, NULL, NULL, &t);
        break;
    case CONTROL_COUNT:
        break;
    }
    text_free(&t);
}
