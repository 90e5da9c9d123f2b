/* `banyan lab serve`: all name servers of the lab in one process, each on its own address, one port
 * for all.
 *
 * Answers leave after the server's delay, by this process's own timers, so that a trace shows the
 * distances of the topology. SIGHUP loads everything anew (zones, topology, faults) and keeps what
 * was served on an error; the file `applied` of the run directory says how that went. */
#include "app/lab.h"

#include "io/clock.h"
#include "io/files.h"
#include "io/loop.h"
#include "io/sock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    LISTENERS = 2048,
    CONNECTIONS = 512,
    ANSWERS = 65536, /* on their way at once */
    PORTS_TRIED = 100,
    PORT_FIRST = 5300,
    MESSAGE = 65535,
    UDP_BATCH = 64,
};

struct serve;

struct listener {
    struct loop_watch watch; /* UDP; fd -1: closed */
    struct loop_watch accept;
    struct serve *s;
    struct netaddr addr;
};

struct connection {
    struct loop_watch watch; /* fd -1: free */
    struct serve *s;
    struct netaddr peer, local;
    uint64_t serial; /* tells it from a later one in the same place */
    bool greeted;    /* the handshake's round trip has been waited for */
    size_t n;
    uint8_t buf[2 + MESSAGE];
};

/* An answer waiting for its time. */
struct answer {
    struct loop_timer timer;
    struct serve *s;
    struct connection *conn; /* NULL: UDP */
    uint64_t serial;
    struct netaddr from, to;
    bool reset;
    size_t n;
    uint8_t wire[];
};

struct serve {
    const struct lab_options *opt;
    char data[LAB_PATH];
    struct loop loop;
    struct random_pool pool;
    struct env env;
    struct prng rnd;
    struct topology topology;
    struct internet internet;
    uint16_t port;
    struct listener listener[LISTENERS];
    unsigned listener_count;
    struct connection *conn[CONNECTIONS];
    uint64_t serial;
    struct arena arena;
    uint8_t in[MESSAGE], out[MESSAGE];
};

static volatile sig_atomic_t stop_asked, reload_asked;

static void on_signal(int sig)
{
    if (sig == SIGHUP)
        reload_asked = 1;
    else
        stop_asked = 1;
}

static void hang_up(struct connection *c)
{
    if (c->watch.fd >= 0)
        loop_close(&c->s->loop, &c->watch);
    c->serial = 0;
}

static void reset(struct connection *c)
{
    struct linger l = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    hang_up(c);
}

static struct listener *listener_of(struct serve *s, const struct netaddr *a)
{
    for (unsigned i = 0; i < s->listener_count; i++)
        if (netaddr_same_host(&s->listener[i].addr, a))
            return &s->listener[i];
    return NULL;
}

/* From an address that the lab does not own: a socket for this one packet. */
static void send_from_elsewhere(const struct answer *a)
{
    union sockaddr_any to, from;
    socklen_t to_len = sockaddr_put(&a->to, &to), from_len = sockaddr_put(&a->from, &from);
    int fd = socket(from.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (bind(fd, &from.sa, from_len) == 0)
        (void)sendto(fd, a->wire, a->n, MSG_DONTWAIT, &to.sa, to_len);
    close(fd);
}

static void send_tcp(const struct answer *a)
{
    uint8_t head[2];
    struct iovec iov[2] = {{head, 2}, {(void *)(uintptr_t)a->wire, a->n}};
    struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 2};
    struct connection *c = a->conn;
    if (c->serial != a->serial || c->watch.fd < 0)
        return; /* the client has left */
    if (a->reset) {
        reset(c);
        return;
    }
    put_be16(head, (uint16_t)a->n);
    if (sendmsg(c->watch.fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(a->n + 2))
        hang_up(c); /* a client that does not read */
}

static void answer_due(struct loop_timer *t)
{
    struct answer *a = CONTAINER_OF(t, struct answer, timer);
    if (a->conn != NULL) {
        send_tcp(a);
    } else if (!a->reset) {
        union sockaddr_any to;
        socklen_t len = sockaddr_put(&a->to, &to);
        struct listener *l = listener_of(a->s, &a->from);
        if (l != NULL && l->watch.fd >= 0)
            (void)sendto(l->watch.fd, a->wire, a->n, MSG_DONTWAIT, &to.sa, len);
        else
            send_from_elsewhere(a);
    }
    free(a);
}

/* Asks the host behind `local` and puts its packets onto timers. */
static void ask(struct serve *s, struct request *rq, struct connection *c)
{
    struct host *h = internet_host(&s->internet, &rq->local);
    struct host_out out;
    if (h == NULL)
        return;
    arena_reset(&s->arena);
    rq->now = s->loop.now;
    rq->out = s->out;
    rq->out_cap = sizeof s->out;
    host_ask(h, rq, &s->rnd, &s->arena, &out);
    for (unsigned i = 0; i < out.n; i++) {
        const struct host_packet *p = &out.packet[i];
        struct answer *a = malloc(sizeof *a + p->wire.n);
        if (a == NULL)
            return;
        *a = (struct answer){.timer = {.fire = answer_due},
                             .s = s,
                             .conn = c,
                             .serial = c ? c->serial : 0,
                             .from = p->from,
                             .to = rq->client,
                             .reset = p->unreachable,
                             .n = p->wire.n};
        a->from.port = s->port;
        if (p->wire.n > 0)
            memcpy(a->wire, p->wire.p, p->wire.n);
        uint64_t delay = p->delay_us + (c != NULL && !c->greeted ? h->delay_us : 0);
        loop_timer_set(&s->loop, &a->timer, s->loop.now.mono_us + delay);
    }
    if (c != NULL)
        c->greeted = true;
}

static void udp_ready(struct loop_watch *w, uint32_t events)
{
    struct listener *l = CONTAINER_OF(w, struct listener, watch);
    struct serve *s = l->s;
    (void)events;
    for (int i = 0; i < UDP_BATCH; i++) {
        union sockaddr_any from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(w->fd, s->in, sizeof s->in, MSG_DONTWAIT, &from.sa, &len);
        if (n <= 0)
            return;
        struct request rq = {.client = sockaddr_get(&from),
                             .local = l->addr,
                             .transport = TRANSPORT_UDP,
                             .wire = bytes_of(s->in, (size_t)n)};
        ask(s, &rq, NULL);
    }
}

static void tcp_ready(struct loop_watch *w, uint32_t events)
{
    struct connection *c = CONTAINER_OF(w, struct connection, watch);
    (void)events;
    ssize_t n = recv(w->fd, c->buf + c->n, sizeof c->buf - c->n, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        hang_up(c);
        return;
    }
    c->n += (size_t)n;
    while (c->n >= 2 && c->n >= 2u + get_be16(c->buf) && c->watch.fd >= 0) {
        size_t len = get_be16(c->buf);
        struct request rq = {.client = c->peer,
                             .local = c->local,
                             .transport = TRANSPORT_TCP,
                             .wire = bytes_of(c->buf + 2, len)};
        ask(c->s, &rq, c);
        c->n -= 2 + len;
        memmove(c->buf, c->buf + 2 + len, c->n);
    }
}

static struct connection *free_connection(struct serve *s)
{
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (s->conn[i] == NULL) {
            s->conn[i] = calloc(1, sizeof *s->conn[i]);
            if (s->conn[i] != NULL)
                s->conn[i]->watch.fd = -1;
            return s->conn[i];
        }
        if (s->conn[i]->watch.fd < 0)
            return s->conn[i];
    }
    return NULL;
}

static void accept_ready(struct loop_watch *w, uint32_t events)
{
    struct listener *l = CONTAINER_OF(w, struct listener, accept);
    union sockaddr_any from;
    socklen_t len = sizeof from;
    (void)events;
    int fd = accept4(w->fd, &from.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *c = free_connection(l->s);
    if (c == NULL) {
        close(fd);
        return;
    }
    c->watch = (struct loop_watch){.fd = fd, .ready = tcp_ready};
    c->s = l->s;
    c->peer = sockaddr_get(&from);
    c->local = l->addr;
    c->serial = ++l->s->serial;
    c->greeted = false;
    c->n = 0;
    if (loop_add(&l->s->loop, &c->watch, EPOLLIN) != ST_OK)
        hang_up(c);
}

static bool listen_on(struct serve *s, struct listener *l, struct diag *d)
{
    struct netaddr a = l->addr;
    a.port = s->port;
    if (socket_in_use(&a, d))
        return false;
    l->watch = (struct loop_watch){.fd = socket_udp_listen(&a, 1 << 16, d), .ready = udp_ready};
    l->accept = (struct loop_watch){.fd = -1, .ready = accept_ready};
    if (l->watch.fd < 0)
        return false;
    l->accept.fd = socket_tcp_listen(&a, d);
    if (l->accept.fd < 0) {
        close(l->watch.fd);
        l->watch.fd = -1;
        return false;
    }
    return loop_add(&s->loop, &l->watch, EPOLLIN) == ST_OK &&
           loop_add(&s->loop, &l->accept, EPOLLIN) == ST_OK;
}

static void unlisten(struct serve *s, struct listener *l)
{
    if (l->watch.fd >= 0)
        loop_close(&s->loop, &l->watch);
    if (l->accept.fd >= 0)
        loop_close(&s->loop, &l->accept);
    l->watch.fd = l->accept.fd = -1;
}

/* Opens sockets for the addresses of all hosts that do not have them yet, and closes those of hosts
 * that nobody shall reach. */
static bool listen_all(struct serve *s, struct diag *d)
{
    for (unsigned i = 0; i < s->internet.host_count; i++) {
        const struct host *h = &s->internet.host[i];
        bool wanted = !host_has(h, FAULT_UNREACHABLE, name_root);
        for (unsigned k = 0; k < h->addr_count; k++) {
            struct listener *l = listener_of(s, &h->addr[k]);
            if (l == NULL) {
                if (s->listener_count == LISTENERS)
                    return false;
                l = &s->listener[s->listener_count++];
                *l = (struct listener){.watch.fd = -1, .accept.fd = -1, .s = s, .addr = h->addr[k]};
            }
            if (wanted && l->watch.fd < 0 && !listen_on(s, l, d))
                return false;
            if (!wanted)
                unlisten(s, l);
        }
    }
    return true;
}

static void unlisten_all(struct serve *s)
{
    for (unsigned i = 0; i < s->listener_count; i++)
        unlisten(s, &s->listener[i]);
    s->listener_count = 0;
}

/* One port for all: the first on which every address is free. */
static bool find_port(struct serve *s, struct diag *d)
{
    uint16_t first = s->opt->in_namespace ? 53 : s->opt->port ? s->opt->port : PORT_FIRST;
    unsigned tries = s->opt->in_namespace || s->opt->port ? 1 : PORTS_TRIED;
    for (unsigned i = 0; i < tries; i++) {
        s->port = (uint16_t)(first + i);
        if (listen_all(s, d))
            return true;
        unlisten_all(s);
    }
    return false;
}

/* Loads everything into new objects. */
static enum status load(struct serve *s, struct topology *t, struct internet *in,
                        struct diag_sink *sink)
{
    struct breakage *broken = calloc(INTERNET_BREAKAGES, sizeof *broken);
    struct internet_plan plan = {.topology = t,
                                 .files = &file_source_os,
                                 .dir = s->data,
                                 .form = s->opt->in_namespace ? FORM_REAL : FORM_LOOPBACK,
                                 .broken = broken,
                                 .env = &s->env,
                                 .now_s = now_read().wall_s};
    struct diag d = {0};
    if (broken == NULL)
        return ST_ENOMEM;
    enum status st = lab_faults_read(s->opt->dir, broken, &plan.broken_count, &d);
    if (st != ST_OK)
        diag_emit(sink, &d);
    else
        st = lab_topology(s->data, t);
    if (st == ST_OK) {
        st = internet_open(in, &plan, sink);
        if (st != ST_OK)
            topology_free(t);
    }
    free(broken);
    return st;
}

static void first_words(void *ctx, const struct diag *d)
{
    struct diag *first = ctx;
    struct text t = text_heap(4096);
    diag_text(d, false, &t);
    fputs(text_cstr(&t), stderr);
    text_free(&t);
    if (first->message[0] == '\0')
        *first = *d;
}

/* Tells `banyan lab break`, which waits for it, how it went: the stamp of the faults file, and the
 * outcome. */
static void say_applied(struct serve *s, bool ok, const char *why)
{
    char path[LAB_PATH], *faults = NULL;
    size_t n = 0;
    struct diag d;
    struct text t = text_heap(8192);
    lab_path(path, s->opt->dir, "faults");
    if (access(path, R_OK) == 0 && file_read_whole(path, 65536, &faults, &n, &d) == ST_OK) {
        const char *end = memchr(faults, '\n', n);
        if (faults[0] == '#' && end != NULL)
            text_bytes(&t, faults, (size_t)(end - faults) + 1);
    }
    free(faults);
    text_fmt(&t, "%s\n", ok ? "ok" : why);
    lab_path(path, s->opt->dir, "applied");
    if (file_replace(path, bytes_of(t.p, t.n), &d) != ST_OK)
        fprintf(stderr, "%s\n", d.message);
    text_free(&t);
}

static void reload(struct serve *s)
{
    struct topology t;
    struct internet in;
    struct diag first = {0}, d = {0};
    struct diag_sink sink = {.emit = first_words, .ctx = &first};
    if (load(s, &t, &in, &sink) != ST_OK) {
        say_applied(s, false, first.message[0] ? first.message : "the lab's data cannot be loaded");
        return;
    }
    internet_close(&s->internet);
    topology_free(&s->topology);
    s->internet = in;
    s->topology = t;
    bool ok = listen_all(s, &d);
    if (!ok)
        fprintf(stderr, "%s\n", d.message);
    say_applied(s, ok, d.message);
}

static void say_ready(const struct lab_options *opt, const char *fmt, const char *what,
                      unsigned port)
{
    char line[600];
    int n = snprintf(line, sizeof line, fmt, what, port);
    if (opt->ready_fd >= 0 && n > 0) {
        if (write(opt->ready_fd, line, MIN((size_t)n, sizeof line - 1)) < 0)
            perror("lab serve");
        close(opt->ready_fd);
    }
}

static void catch_signals(sigset_t *ret_before)
{
    struct sigaction sa = {.sa_handler = on_signal};
    static const int signals[] = {SIGHUP, SIGTERM, SIGINT};
    sigprocmask(SIG_SETMASK, NULL, ret_before);
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void run(struct serve *s)
{
    while (!stop_asked) {
        if (reload_asked) {
            reload_asked = 0;
            reload(s);
        }
        /* A signal between the look above and the wait is noticed within a fifth of a second. */
        loop_turn(&s->loop, now_read().mono_us + 200000);
    }
}

static void tear_down(struct serve *s)
{
    unlisten_all(s);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (s->conn[i] != NULL)
            hang_up(s->conn[i]);
        free(s->conn[i]);
    }
    for (struct heap_node *n; (n = heap_top(&s->loop.timers)) != NULL;) {
        heap_remove(&s->loop.timers, n);
        free(CONTAINER_OF(n, struct answer, timer.node));
    }
    internet_close(&s->internet);
    topology_free(&s->topology);
    arena_free(&s->arena);
    loop_free(&s->loop);
}

int lab_serve(const struct lab_options *opt)
{
    struct serve *s = calloc(1, sizeof *s);
    struct diag d = {0};
    struct diag_sink sink = lab_sink();
    sigset_t before;
    if (s == NULL || !lab_data_dir(opt->data, s->data, &d)) {
        say_ready(opt, "error %s\n", d.message, 0);
        free(s);
        return 1;
    }
    s->opt = opt;
    s->env = env_of(&s->pool);
    random_fill(&s->pool, &s->rnd.s, sizeof s->rnd.s);
    arena_init(&s->arena, MESSAGE, 0);
    catch_signals(&before);
    int rc = 1;
    if (loop_init(&s->loop, ANSWERS) != ST_OK) {
        say_ready(opt, "error %s\n", "no event loop", 0);
        free(s);
        return 1;
    }
    if (load(s, &s->topology, &s->internet, &sink) != ST_OK) {
        say_ready(opt, "error %s\n", "the lab's data cannot be loaded", 0);
    } else if (!find_port(s, &d)) {
        say_ready(opt, "error %s\n", d.message, 0);
    } else {
        say_applied(s, true, "");
        say_ready(opt, "ready %s %u\n", "port", s->port);
        run(s);
        rc = 0;
    }
    tear_down(s);
    free(s);
    return rc;
}
