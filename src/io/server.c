#include "io/server.h"

#include "base/limits.h"
#include "io/cache_file.h"
#include "io/cpus.h"
#include "io/files.h"
#include "io/idle.h"
#include "io/log.h"
#include "io/privs.h"
#include "io/state.h"
#include "zone/builder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void print_text(const char *s)
{
    fputs(s, stderr);
}

static void print_diag(void *ctx, const struct diag *d)
{
    struct text t = text_heap(8192);
    (void)ctx;
    diag_text(d, isatty(2), &t);
    print_text(text_cstr(&t));
    text_free(&t);
}

static void signal_ready(struct loop_watch *w, uint32_t events)
{
    struct server *s = CONTAINER_OF(w, struct server, signals);
    struct signalfd_siginfo info;
    (void)events;
    while (read(w->fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            log_event(LEVEL_INFO, "signal", "name=HUP action=reload");
            reload_begin(s, NULL, NULL);
        } else if (info.ssi_signo == SIGUSR1) {
            command_log_stats(s);
        } else {
            log_event(LEVEL_INFO, "signal", "name=%s action=stop",
                      info.ssi_signo == SIGTERM ? "TERM" : "INT");
            s->stop = true;
        }
    }
}

static bool watch_signals(struct server *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write() like a full disk */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    s->signals = (struct loop_watch){.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC),
                                     .ready = signal_ready};
    return s->signals.fd >= 0 && loop_add(&s->loop, &s->signals, EPOLLIN) == ST_OK;
}

static bool write_pidfile(const char *path, struct diag *d)
{
    char pid[32];
    int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 || write(fd, pid, (size_t)n) != n) {
        diag_set(d, SEV_ERROR, "pidfile", NULL, "cannot write %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    close(fd);
    return true;
}

static unsigned worker_count(const struct config *c)
{
    unsigned cpus[CPUS_MAX];
    unsigned n = c->server.workers ? c->server.workers : MAX(cpus_allowed(cpus), 1u);
    return MIN(n, (unsigned)QSBR_READERS);
}

/* Zones and all else of the first snapshot; false after complaints. Takes c over. */
static bool first_snapshot(struct server *s, struct config *c)
{
    struct text say = text_heap(1 << 20);
    struct zone_set *zones = NULL;
    struct zone_set_how how = {.signing = s->signing};
    if (c->resolver.trust_anchor_state != NULL && c->resolver.enabled) {
        s->anchors = anchor_keeper_new(c->resolver.trust_anchor_state, &say);
        if (s->anchors == NULL) {
            config_free(c);
            return false;
        }
    }
    struct served_how as = {.cookie_key = s->cookie_key,
                            .workers = s->worker_n,
                            .rates = &s->shared.rates,
                            .keeper = s->anchors};
    enum status st = zone_set_load(c, &how, &say, &zones);
    if (st == ST_OK && zones->bad > 0 && !c->server.start_without) {
        text_fmt(&say,
                 "banyand: %u of %zu zones could not be loaded: not started "
                 "(server.start-without: yes starts without them)\n",
                 zones->bad, zones->n);
        zone_set_free(zones);
        zones = NULL;
        st = ST_ESEMANTIC;
    }
    if (st == ST_OK)
        st = served_new(c, zones, &as, &say, &s->served);
    else
        config_free(c);
    print_text(text_cstr(&say));
    if (st == ST_OK) {
        atomic_store(&s->shared.current, s->served);
        s->started = config_take(s->served->config);
    } else if (say.n == 0) {
        fprintf(stderr, "banyand: %s\n", status_text(st));
    }
    text_free(&say);
    return st == ST_OK;
}

/* What is left of the memory for the cache beside questions in flight, known servers and zones'
 * keys: measured 2 MiB with some hundred questions in flight. */
static size_t cache_bytes(const struct config *c)
{
    enum { OTHERS = 2 << 20 };
    size_t all = c->resolver.cache_size;
    return all - MAX(all / 16, MIN(all / 4, (size_t)OTHERS));
}

static bool start_workers(struct server *s, const struct netaddr *addrs, int (*fds)[2], size_t n)
{
    const struct config *c = s->served->config;
    if (c->resolver.enabled) {
        s->shared.cache = cache_new(cache_bytes(c), 0, &s->env);
        if (s->shared.cache == NULL) {
            fprintf(stderr, "banyand: no memory for a cache of %llu bytes\n",
                    (unsigned long long)c->resolver.cache_size);
            return false;
        }
    }
    unsigned cpus[CPUS_MAX], cpu_n = c->server.pin_workers ? cpus_allowed(cpus) : 0;
    s->workers = calloc(s->worker_n, sizeof *s->workers);
    for (unsigned i = 0; s->workers != NULL && i < s->worker_n; i++) {
        s->workers[i] = aligned_alloc(64, (sizeof(struct worker) + 63) / 64 * 64);
        if (s->workers[i] == NULL || worker_init(s->workers[i], i, &s->shared, addrs,
                                                 (const int(*)[2])(fds + i * n), n) != ST_OK) {
            fprintf(stderr, "banyand: worker %u cannot be made: %s\n", i, strerror(errno));
            return false;
        }
        if (cpu_n > 0)
            s->workers[i]->cpu = (int)cpus[i % cpu_n];
    }
    for (unsigned i = 0; s->workers != NULL && i < s->worker_n; i++) {
        if (worker_start(s->workers[i]) != ST_OK) {
            fprintf(stderr, "banyand: no thread for worker %u\n", i);
            return false;
        }
    }
    return s->workers != NULL;
}

static void stop_all(struct server *s)
{
    for (unsigned i = 0; s->workers != NULL && i < s->worker_n; i++)
        if (s->workers[i] != NULL)
            worker_stop(s->workers[i]);
    anchors_finish(s);
    reload_finish(s);
    flush_finish(s);
    cache_file_finish(s->cache_file);
    s->cache_file = NULL;
    ctl_close_all(s);
    for (unsigned i = 0; s->workers != NULL && i < s->worker_n; i++) {
        if (s->workers[i] != NULL)
            worker_free(s->workers[i]);
        free(s->workers[i]);
    }
    free(s->workers);
    qsbr_collect(&s->shared.qsbr);
    reload_reap(s);
    if (s->pidfile != NULL)
        unlink(s->pidfile);
    served_free(s->served);
    config_free(s->started);
    cache_free(s->shared.cache);
    anchor_keeper_free(s->anchors);
}

/* Everything that needs to be root: sockets, control socket, pid file; then no longer root. */
static bool open_and_drop(struct server *s, const struct config *c, struct netaddr **addrs,
                          int (**fds)[2], size_t *n)
{
    struct diag d = {0};
    if (!listen_all(c, s->worker_n, addrs, fds, n))
        return false;
    bool ok = ctl_open(s, c, &d) &&
              (c->server.pidfile == NULL || write_pidfile(c->server.pidfile, &d)) &&
              privs_drop(c->server.user, c->server.group, &d);
    if (!ok)
        print_diag(NULL, &d);
    return ok;
}

/* The cache of last time, if it is kept. */
static void keep_cache(struct server *s)
{
    const struct config *c = s->served->config;
    if (c->resolver.cache_file == NULL || s->shared.cache == NULL)
        return;
    s->cache_file = cache_file_start(c->resolver.cache_file, c->resolver.cache_save_interval_s,
                                     s->shared.cache, resolver_trust_digest(&s->served->resolver));
    if (s->cache_file == NULL)
        log_event(LEVEL_WARNING, "cache-file", "action=start error=\"no memory or no thread\"");
}

static void log_ready(const struct server *s, const struct netaddr *addrs, size_t n)
{
    char buf[1024];
    struct text t = text_of(buf, sizeof buf);
    for (size_t i = 0; i < n; i++) {
        text_str(&t, i ? "," : "");
        netaddr_text_port(&addrs[i], &t);
    }
    log_event(LEVEL_INFO, "ready",
              "version=%s listen=%s workers=%u zones=%zu resolver=%s control=%s", BANYAN_VERSION,
              buf, s->worker_n, s->served->zones->n,
              s->served->config->resolver.enabled ? "on" : "off",
              s->control_path[0] ? s->control_path : "none");
    notify_manager("READY=1\nSTATUS=serving");
}

static int run(struct server *s, struct config *c)
{
    struct netaddr *addrs = NULL;
    int(*fds)[2] = NULL;
    size_t n = 0;
    int rc = 1;
    s->worker_n = worker_count(c);
    if (!watch_signals(s)) {
        fprintf(stderr, "banyand: cannot watch for signals: %s\n", strerror(errno));
        config_free(c);
    } else if (!open_and_drop(s, c, &addrs, &fds, &n)) {
        config_free(c);
    } else if (first_snapshot(s, c) && start_workers(s, addrs, fds, n)) {
        if (s->served->config->server.pidfile != NULL)
            s->pidfile = strdup(s->served->config->server.pidfile);
        keep_cache(s);
        log_ready(s, addrs, n);
        signing_watch(s);
        anchors_watch(s);
        while (!s->stop)
            loop_turn(&s->loop, UINT64_MAX);
        notify_manager("STOPPING=1");
        rc = 0;
    }
    stop_all(s);
    free(addrs);
    free(fds);
    if (rc == 0)
        log_event(LEVEL_INFO, "stopped", NULL);
    return rc;
}

int server_run(const struct server_options *opt)
{
    struct diag_sink sink = {print_diag, NULL, 0, 0};
    struct config *c = NULL;
    if (opt->make(opt->ctx, &sink, &c) != ST_OK) {
        fprintf(stderr, "banyand: not started: %u error%s in %s\n", sink.errors,
                sink.errors == 1 ? "" : "s", opt->file ? opt->file : "the command line");
        return 1;
    }
    struct server *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    if (s == NULL) {
        config_free(c);
        return 1;
    }
    memset(s, 0, sizeof *s);
    s->opt = opt;
    s->control.fd = -1;
    s->signals.fd = -1;
    list_init(&s->ctls);
    qsbr_init(&s->shared.qsbr);
    s->env = env_of(&s->random);
    random_fill(&s->random, &s->cookie_key, sizeof s->cookie_key);
    random_fill(&s->random, s->shared.clients.key, sizeof s->shared.clients.key);
    random_fill(&s->random, &s->shared.rates.key, sizeof s->shared.rates.key);
    struct hash_key zone_key;
    random_fill(&s->random, &zone_key, sizeof zone_key);
    zone_hash_seed(zone_key);
    s->started_wall_s = now_read().wall_s;
    log_open((enum config_log_target)c->log.target);
    log_set_level((enum config_log_level)c->log.level);
    privs_raise_files();
    idle_prepare();
    int rc = 1;
    s->signing = signing_new();
    if (s->signing != NULL && loop_init(&s->loop, 4096) == ST_OK)
        rc = run(s, c);
    else
        config_free(c);
    loop_close(&s->loop, &s->signals);
    loop_free(&s->loop);
    signing_free(s->signing);
    free((char *)(uintptr_t)s->pidfile);
    free(s);
    return rc;
}

/* --- configuration files ---------------------------------------------------------------------- */

/* Texts of included files, kept until the parse is over. */
struct included {
    char *text[64];
    unsigned n;
};

static bool include_read(void *ctx, const char *path, struct bytes *ret, struct diag *d)
{
    struct included *in = ctx;
    size_t n = 0;
    if (in->n == ARRAY_LEN(in->text)) {
        diag_set(d, SEV_ERROR, "include", NULL, "more than %u files are included", in->n);
        return false;
    }
    if (file_read_whole(path, LIMIT_CONFIG_SIZE, &in->text[in->n], &n, d) != ST_OK) {
        if (d->message[0] == '\0')
            diag_set(d, SEV_ERROR, "include", NULL, "cannot read %s", path);
        return false;
    }
    *ret = bytes_of(in->text[in->n++], n);
    return true;
}

enum status config_read_file(const char *path, struct diag_sink *sink, struct config **ret)
{
    struct diag d = {.file = path};
    struct included in = {.n = 0};
    char *text = NULL;
    size_t n = 0;
    *ret = NULL;
    enum status st = file_read_whole(path, LIMIT_CONFIG_SIZE, &text, &n, &d);
    if (st != ST_OK) {
        if (d.message[0] == '\0')
            diag_set(&d, SEV_ERROR, "config", NULL, "cannot read %s: %s", path, status_text(st));
        d.severity = SEV_ERROR;
        diag_emit(sink, &d);
        return st;
    }
    struct config_files files = {&in, include_read};
    st = config_parse(path, bytes_of(text, n), &files, sink, ret);
    for (unsigned i = 0; i < in.n; i++)
        free(in.text[i]);
    free(text);
    return st;
}
