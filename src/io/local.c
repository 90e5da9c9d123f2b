#include "io/local.h"

#include "base/limits.h"
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LOCAL_EXCHANGES = 64 };

/* One upstream exchange: a connected socket, and for TCP what is still to be written or read. */
struct exchange {
    int fd; /* -1: free */
    uint64_t id;
    bool tcp;
    struct netaddr to;
    uint8_t *buf; /* TCP: first the framed query, then the framed reply */
    size_t n, at; /* bytes in buf; bytes already written */
    bool writing;
};

struct local {
    struct env env;
    struct cache *cache;
    struct resolver *resolver;
    struct exchange x[LOCAL_EXCHANGES];
    bool finished, late; /* late: a resolution did not end, and may still call back */
    const struct resolve_task *task;
    const _Atomic bool *stop; /* NULL: nobody ends a run */
};

static void random_bytes(void *ctx, void *buf, size_t n)
{
    (void)ctx;
    for (size_t got = 0; got < n;) {
        ssize_t k = getrandom((uint8_t *)buf + got, n - got, 0);
        if (k > 0)
            got += (size_t)k;
    }
}

static struct now now_read(void)
{
    struct timespec mono, wall;
    clock_gettime(CLOCK_BOOTTIME, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct now){(uint64_t)mono.tv_sec * 1000000 + (uint64_t)mono.tv_nsec / 1000,
                        (uint64_t)wall.tv_sec};
}

static socklen_t sockaddr_of(const struct netaddr *a, struct sockaddr_storage *ss)
{
    memset(ss, 0, sizeof *ss);
    if (a->family == ADDR_V4) {
        struct sockaddr_in *in = (struct sockaddr_in *)ss;
        in->sin_family = AF_INET;
        in->sin_port = htons(a->port);
        memcpy(&in->sin_addr, a->a, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(a->port);
    in6->sin6_scope_id = a->scope;
    memcpy(&in6->sin6_addr, a->a, 16);
    return sizeof *in6;
}

static void exchange_close(struct exchange *x)
{
    if (x->fd >= 0)
        close(x->fd);
    free(x->buf);
    *x = (struct exchange){.fd = -1};
}

/* Binds to a random port of the whole range (RFC 5452 section 10), the kernel's choice if none is
 * free. */
static void bind_random(int fd, const struct effect *e)
{
    struct netaddr from = e->from;
    if (from.family == ADDR_NONE)
        from = (struct netaddr){.family = e->to.family};
    for (int i = 0; i < 8; i++) {
        struct sockaddr_storage ss;
        random_bytes(NULL, &from.port, sizeof from.port);
        if (from.port < 1024)
            continue;
        socklen_t n = sockaddr_of(&from, &ss);
        if (bind(fd, (struct sockaddr *)&ss, n) == 0)
            return;
    }
}

static enum status exchange_open(struct exchange *x, const struct effect *e)
{
    struct sockaddr_storage ss;
    socklen_t n = sockaddr_of(&e->to, &ss);
    bool tcp = e->transport == TRANSPORT_TCP;
    int fd =
        socket(ss.ss_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ST_EIO;
    *x = (struct exchange){.fd = fd, .id = e->id, .tcp = tcp, .to = e->to, .writing = tcp};
    bind_random(fd, e);
    if (connect(fd, (struct sockaddr *)&ss, n) != 0 && errno != EINPROGRESS)
        return errno == ECONNREFUSED ? ST_EREFUSED : ST_EIO;
    if (!tcp)
        return send(fd, e->data.p, e->data.n, 0) == (ssize_t)e->data.n ? ST_OK : ST_EIO;
    x->buf = malloc(2 + LIMIT_MESSAGE);
    if (x->buf == NULL || e->data.n > LIMIT_MESSAGE)
        return ST_ENOMEM;
    put_be16(x->buf, (uint16_t)e->data.n);
    memcpy(x->buf + 2, e->data.p, e->data.n);
    x->n = 2 + e->data.n;
    return ST_OK;
}

static void send_effect(struct local *l, const struct effect *e, struct now now)
{
    for (int i = 0; i < LOCAL_EXCHANGES; i++) {
        if (l->x[i].fd >= 0)
            continue;
        enum status st = exchange_open(&l->x[i], e);
        if (st != ST_OK) {
            exchange_close(&l->x[i]);
            resolver_failed(l->resolver, e->id, st, now);
        }
        return;
    }
    resolver_failed(l->resolver, e->id, ST_ELIMIT, now);
}

static void drain(struct local *l, struct now now)
{
    struct effect e;
    while (resolver_effect(l->resolver, &e)) {
        if (e.kind == EFFECT_SEND)
            send_effect(l, &e, now);
        for (int i = 0; e.kind == EFFECT_CLOSE && i < LOCAL_EXCHANGES; i++)
            if (l->x[i].fd >= 0 && l->x[i].id == e.id)
                exchange_close(&l->x[i]);
    }
}

static void fail(struct local *l, struct exchange *x, enum status st, struct now now)
{
    uint64_t id = x->id;
    exchange_close(x);
    resolver_failed(l->resolver, id, st, now);
}

static void udp_ready(struct local *l, struct exchange *x, struct now now)
{
    uint8_t buf[LIMIT_MESSAGE];
    ssize_t n = recv(x->fd, buf, sizeof buf, 0);
    if (n >= 0)
        resolver_reply(l->resolver, x->id, &x->to, bytes_of(buf, (size_t)n), now);
    else if (errno == ECONNREFUSED)
        fail(l, x, ST_EREFUSED, now);
    else if (errno != EAGAIN && errno != EINTR)
        fail(l, x, ST_EIO, now);
}

static void tcp_ready(struct local *l, struct exchange *x, struct now now)
{
    ssize_t k;
    if (x->writing) {
        k = send(x->fd, x->buf + x->at, x->n - x->at, MSG_NOSIGNAL);
        if (k > 0 && (x->at += (size_t)k) == x->n) {
            x->writing = false;
            x->n = 0;
        }
    } else {
        size_t want = x->n < 2 ? 2 : 2u + get_be16(x->buf);
        k = recv(x->fd, x->buf + x->n, want - x->n, 0);
        if (k == 0) {
            fail(l, x, ST_EIO, now);
            return;
        }
        if (k > 0)
            x->n += (size_t)k;
        if (x->n >= 2 && x->n == 2u + get_be16(x->buf)) {
            size_t n = x->n - 2;
            x->n = 0;
            resolver_reply(l->resolver, x->id, &x->to, bytes_of(x->buf + 2, n), now);
            return;
        }
    }
    if (k < 0 && errno != EAGAIN && errno != EINTR)
        fail(l, x, errno == ECONNREFUSED ? ST_EREFUSED : ST_EIO, now);
}

static int wait_ms(const struct local *l, struct now now, uint64_t end_us)
{
    uint64_t due = MIN(resolver_deadline(l->resolver), end_us);
    uint64_t most_ms = l->stop != NULL ? 200 : 10000;
    return due <= now.mono_us ? 0 : (int)MIN((due - now.mono_us + 999) / 1000, most_ms);
}

static void loop(struct local *l, uint64_t end_us)
{
    struct now now = now_read();
    while (!l->finished && now.mono_us < end_us && !(l->stop != NULL && *l->stop)) {
        struct pollfd p[LOCAL_EXCHANGES];
        for (int i = 0; i < LOCAL_EXCHANGES; i++)
            p[i] = (struct pollfd){.fd = l->x[i].fd, .events = l->x[i].writing ? POLLOUT : POLLIN};
        if (poll(p, LOCAL_EXCHANGES, wait_ms(l, now, end_us)) < 0 && errno != EINTR)
            return;
        now = now_read();
        for (int i = 0; i < LOCAL_EXCHANGES; i++) {
            struct exchange *x = &l->x[i];
            /* An earlier event of this turn may have closed or reused the slot. */
            if (p[i].revents == 0 || x->fd != p[i].fd)
                continue;
            if (x->tcp)
                tcp_ready(l, x, now);
            else
                udp_ready(l, x, now);
            drain(l, now);
        }
        resolver_tick(l->resolver, now);
        drain(l, now);
    }
}

static void task_done(void *ctx, struct bytes answer, const struct trace *trace)
{
    struct local *l = ctx;
    if (l->late)
        return;
    l->finished = true;
    l->task->done(l->task->ctx, answer, trace);
}

struct local *local_new(const struct resolver_options *opt)
{
    struct local *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    for (int i = 0; i < LOCAL_EXCHANGES; i++)
        l->x[i].fd = -1;
    l->env = (struct env){.random = random_bytes};
    l->cache = cache_new((size_t)8 << 20, 1, &l->env);
    if (l->cache != NULL)
        l->resolver = resolver_new(opt, l->cache, &l->env);
    if (l->resolver != NULL)
        return l;
    local_free(l);
    return NULL;
}

void local_free(struct local *l)
{
    if (l == NULL)
        return;
    l->late = true;
    for (int i = 0; i < LOCAL_EXCHANGES; i++)
        exchange_close(&l->x[i]);
    if (l->resolver != NULL)
        resolver_free(l->resolver);
    cache_free(l->cache);
    free(l);
}

void local_stop_when(struct local *l, const _Atomic bool *stop)
{
    l->stop = stop;
}

enum status local_run(struct local *l, const struct resolve_task *task, uint32_t timeout_ms)
{
    if (l->late)
        return ST_ETIMEOUT;
    struct resolve_task own = *task;
    own.done = task_done;
    own.ctx = l;
    l->task = task;
    l->finished = false;
    struct now now = now_read();
    TRY(resolver_resolve(l->resolver, &own, now));
    drain(l, now);
    loop(l, now.mono_us + (uint64_t)timeout_ms * 1000);
    l->late = !l->finished;
    return l->finished ? ST_OK : ST_ETIMEOUT;
}

enum status local_resolve(const struct resolver_options *opt, const struct resolve_task *task,
                          uint32_t timeout_ms)
{
    struct local *l = local_new(opt);
    enum status st = l == NULL ? ST_ENOMEM : local_run(l, task, timeout_ms);
    local_free(l);
    return st;
}
