#include "io/upstream.h"

#include "base/limits.h"
#include "wire/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { REPLIES_A_TURN = 8, PORT_TRIES = 16, PORT_FIRST = 1024, SWEEP_US = 100000 };

struct exchange {
    struct loop_grave grave;
    struct loop_watch w;
    struct upstream *up;
    struct exchange *next; /* in its bucket, or that of the idle ones */
    uint64_t id;           /* 0: idle */
    struct netaddr to, from;
    enum transport transport;
    bool connecting;
    uint8_t uses;
    uint64_t retire_us; /* mono time from which it serves nobody any more */
    struct list by_age; /* in upstream.idle */
    uint8_t *again;     /* the query, as long as it may have met a connection that was closed */
    size_t again_size;
    struct tcp_in in;
    struct tcp_out out;
};

static struct exchange **slot_of(struct upstream *u, uint64_t id)
{
    struct exchange **p = &u->bucket[id % EXCHANGE_BUCKETS];
    while (*p != NULL && (*p)->id != id)
        p = &(*p)->next;
    return p;
}

/* What follows is about sockets between two questions. */
static struct exchange **idle_slot(struct upstream *u, const struct netaddr *to)
{
    return &u->idle_bucket[siphash13(&u->key, to->a, sizeof to->a) % IDLE_BUCKETS];
}

static void destroy(struct exchange *x)
{
    loop_close(x->up->loop, &x->w);
    tcp_in_free(&x->in);
    tcp_out_free(&x->out);
    free(x->again);
    x->again = NULL;
    loop_bury(x->up->loop, &x->grave);
}

/* Takes x out of the table and closes its socket; x lives to the end of the loop's turn. */
static void release(struct exchange *x)
{
    struct upstream *u = x->up;
    struct exchange **p = slot_of(u, x->id);
    if (*p == x) {
        *p = x->next;
        u->exchanges--;
    }
    destroy(x);
}

static void idle_remove(struct exchange *x)
{
    struct upstream *u = x->up;
    struct exchange **p = idle_slot(u, &x->to);
    while (*p != x)
        p = &(*p)->next;
    *p = x->next;
    list_remove(&x->by_age);
    u->idle_count--;
}

static void idle_close(struct exchange *x)
{
    idle_remove(x);
    destroy(x);
}

static void sweep(struct loop_timer *t)
{
    struct upstream *u = CONTAINER_OF(t, struct upstream, sweep);
    while (!list_empty(&u->idle)) {
        struct exchange *x = CONTAINER_OF(u->idle.next, struct exchange, by_age);
        if (x->retire_us > u->loop->now.mono_us) {
            loop_timer_set(u->loop, t, x->retire_us + SWEEP_US);
            return;
        }
        idle_close(x);
    }
}

/* Keeps the socket for the next question to the same server. */
static void idle_add(struct exchange *x)
{
    struct upstream *u = x->up;
    if (x->in.cap > TCP_IN_START)
        tcp_in_free(&x->in); /* a long reply: its buffer is not kept while idle */
    if (u->idle_count == LIMIT_SOCKETS_IDLE)
        idle_close(CONTAINER_OF(u->idle.next, struct exchange, by_age));
    if (u->idle_count++ == 0)
        loop_timer_set(u->loop, &u->sweep, x->retire_us + SWEEP_US);
    struct exchange **p = idle_slot(u, &x->to);
    x->id = 0;
    x->next = *p;
    *p = x;
    list_append(&u->idle, &x->by_age);
}

static struct exchange *idle_take(struct upstream *u, const struct effect *e)
{
    for (struct exchange *x = *idle_slot(u, &e->to); x != NULL; x = x->next)
        if (x->transport == e->transport && x->retire_us > u->loop->now.mono_us &&
            netaddr_equal(&x->to, &e->to) && netaddr_equal(&x->from, &e->from)) {
            idle_remove(x);
            return x;
        }
    return NULL;
}

void upstream_close(struct upstream *u, uint64_t id, bool answered)
{
    struct exchange **p = slot_of(u, id), *x = *p;
    if (x == NULL)
        return;
    if (!answered || tcp_in_partial(&x->in) || x->uses >= LIMIT_SOCKET_USES ||
        x->retire_us <= u->loop->now.mono_us) {
        release(x);
        return;
    }
    *p = x->next;
    u->exchanges--;
    idle_add(x);
}

enum status upstream_init(struct upstream *u, struct loop *loop, struct io_counters *count,
                          const struct env *env)
{
    memset(u, 0, sizeof *u);
    u->loop = loop;
    u->count = count;
    u->env = env;
    u->key = (struct hash_key){env_random64(env), env_random64(env)};
    list_init(&u->idle);
    u->sweep.fire = sweep;
    u->buf = malloc(LIMIT_MESSAGE);
    return u->buf ? ST_OK : ST_ENOMEM;
}

void upstream_free(struct upstream *u)
{
    while (u->idle.next != NULL && !list_empty(&u->idle))
        idle_close(CONTAINER_OF(u->idle.next, struct exchange, by_age));
    if (u->loop != NULL)
        loop_timer_stop(u->loop, &u->sweep);
    for (size_t i = 0; u->loop != NULL && i < EXCHANGE_BUCKETS; i++) {
        while (u->bucket[i] != NULL) {
            struct exchange *x = u->bucket[i];
            u->bucket[i] = x->next;
            destroy(x);
        }
    }
    free(u->buf);
}

static enum status why_of(int err)
{
    return err == ECONNREFUSED || err == ECONNRESET ? ST_EREFUSED
           : err == ETIMEDOUT                       ? ST_ETIMEOUT
                                                    : ST_EIO;
}

/* Ends x and tells the machine. */
static void fail(struct exchange *x, enum status why)
{
    struct upstream *u = x->up;
    uint64_t id = x->id;
    release(x);
    u->count->upstream_errors++;
    u->failed(u->ctx, id, why);
}

static void send_first(struct upstream *u, const struct effect *e);

/* A connection that was kept may have been closed while the query was under way: it is sent once
 * more, through another one (RFC 7766 section 6.2.4). */
static void tcp_fail(struct exchange *x, enum status why)
{
    struct upstream *u = x->up;
    struct effect e = {.kind = EFFECT_SEND,
                       .transport = TRANSPORT_TCP,
                       .id = x->id,
                       .to = x->to,
                       .from = x->from,
                       .data = bytes_of(x->again, x->again_size)};
    if (x->again == NULL) {
        fail(x, why);
        return;
    }
    uint8_t *query = x->again;
    x->again = NULL;
    release(x);
    send_first(u, &e);
    free(query);
}

static void udp_reply_ready(struct loop_watch *w, uint32_t events)
{
    struct exchange *x = CONTAINER_OF(w, struct exchange, w);
    struct upstream *u = x->up;
    (void)events;
    if (x->id == 0) { /* nobody asked: a late duplicate, or a forger */
        idle_close(x);
        return;
    }
    for (int i = 0; i < REPLIES_A_TURN && w->fd >= 0 && x->id != 0; i++) {
        /* It is connected: nothing comes from elsewhere. */
        ssize_t got = recv(w->fd, u->buf, LIMIT_MESSAGE, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        if (got < 0) {
            fail(x, why_of(errno));
            return;
        }
        u->reply(u->ctx, x->id, &x->to, bytes_of(u->buf, (size_t)got));
    }
}

static void tcp_flush(struct exchange *x)
{
    struct bytes b = tcp_out_pending(&x->out);
    while (b.n > 0) {
        ssize_t put = send(x->w.fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            break;
        if (put <= 0) {
            tcp_fail(x, why_of(errno));
            return;
        }
        tcp_out_sent(&x->out, (size_t)put);
        b = tcp_out_pending(&x->out);
    }
    loop_change(x->up->loop, &x->w, b.n > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void tcp_read(struct exchange *x)
{
    struct upstream *u = x->up;
    size_t room;
    uint8_t *p = tcp_in_room(&x->in, &room);
    ssize_t got = p == NULL ? -1 : recv(x->w.fd, p, room, MSG_DONTWAIT);
    if (got < 0 && p != NULL && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (got <= 0) {
        tcp_fail(x, p == NULL ? ST_ENOMEM : got == 0 ? ST_EREFUSED : why_of(errno));
        return;
    }
    tcp_in_added(&x->in, (size_t)got);
    struct bytes msg;
    while (x->w.fd >= 0 && x->id != 0) {
        enum status st = tcp_in_next(&x->in, &msg);
        if (st == ST_ESHORT)
            return;
        if (st != ST_OK) {
            fail(x, ST_EIO);
            return;
        }
        free(x->again);
        x->again = NULL;
        u->reply(u->ctx, x->id, &x->to, msg);
    }
}

static void tcp_reply_ready(struct loop_watch *w, uint32_t events)
{
    struct exchange *x = CONTAINER_OF(w, struct exchange, w);
    if (x->id == 0) { /* nobody asked; mostly it is the end */
        idle_close(x);
        return;
    }
    if (x->connecting) {
        int err = 0;
        socklen_t n = sizeof err;
        if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0 || err != 0) {
            fail(x, why_of(err));
            return;
        }
        x->connecting = false;
    }
    if (events & EPOLLOUT)
        tcp_flush(x);
    if (w->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        tcp_read(x);
}

/* A fresh UDP socket on a random port: from 1024 up, all alike. */
static int open_random_port(struct upstream *u, const struct effect *e)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t port = (uint16_t)(PORT_FIRST + env_random_below(u->env, 65536 - PORT_FIRST));
        int fd = socket_outgoing(SOCK_DGRAM, e->to.family, &e->from, port);
        if (fd >= 0 || (errno != EADDRINUSE && errno != EACCES))
            return fd;
    }
    return socket_outgoing(SOCK_DGRAM, e->to.family, &e->from, 0);
}

static struct exchange *open_exchange(struct upstream *u, const struct effect *e)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    bool udp = e->transport == TRANSPORT_UDP;
    x->up = u;
    x->transport = e->transport;
    x->to = e->to;
    x->from = e->from;
    x->retire_us = u->loop->now.mono_us + LIMIT_SOCKET_LIFE_MS * 1000u;
    tcp_in_init(&x->in, LIMIT_MESSAGE);
    tcp_out_init(&x->out, 0);
    x->w.ready = udp ? udp_reply_ready : tcp_reply_ready;
    x->w.fd =
        udp ? open_random_port(u, e) : socket_outgoing(SOCK_STREAM, e->to.family, &e->from, 0);
    u->count->upstream_sockets++;
    if (x->w.fd < 0 || loop_add(u->loop, &x->w, udp ? EPOLLIN : EPOLLIN | EPOLLOUT) != ST_OK) {
        int err = errno;
        if (x->w.fd >= 0)
            close(x->w.fd);
        free(x);
        errno = err;
        return NULL;
    }
    return x;
}

/* Why there is no exchange: what this host has run out of says nothing about the server. */
static enum status why_not_open(int err)
{
    return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM || err == ENOSPC
               ? ST_ELIMIT
               : ST_EIO;
}

static void exchange_enter(struct upstream *u, struct exchange *x, uint64_t id)
{
    struct exchange **p = &u->bucket[id % EXCHANGE_BUCKETS];
    x->id = id;
    x->uses++;
    x->next = *p;
    *p = x;
    u->exchanges++;
}

/* Asks through a socket that has asked this server before. What was heard of the server since then
 * ends the socket, not the question. */
static bool send_again(struct upstream *u, const struct effect *e)
{
    struct exchange *x = idle_take(u, e);
    if (x == NULL)
        return false;
    if (e->transport == TRANSPORT_UDP) {
        if (send(x->w.fd, e->data.p, e->data.n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            destroy(x);
            return false;
        }
        exchange_enter(u, x, e->id);
        return true;
    }
    x->again = malloc(e->data.n);
    if (x->again == NULL || tcp_out_add(&x->out, e->data) != ST_OK) {
        destroy(x);
        return false;
    }
    memcpy(x->again, e->data.p, e->data.n);
    x->again_size = e->data.n;
    exchange_enter(u, x, e->id);
    tcp_flush(x);
    return true;
}

/* Asks through a socket of its own. */
static void send_first(struct upstream *u, const struct effect *e)
{
    union sockaddr_any sa;
    errno = ENOBUFS;
    struct exchange *x = u->exchanges < EXCHANGES_MAX ? open_exchange(u, e) : NULL;
    if (x == NULL) {
        u->count->upstream_errors++;
        u->failed(u->ctx, e->id, why_not_open(errno));
        return;
    }
    exchange_enter(u, x, e->id);
    socklen_t n = sockaddr_put(&e->to, &sa);
    int rc = connect(x->w.fd, &sa.sa, n);
    if (e->transport == TRANSPORT_UDP) {
        if (rc < 0 || send(x->w.fd, e->data.p, e->data.n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            fail(x, why_of(errno));
        return;
    }
    if (rc < 0 && errno != EINPROGRESS)
        fail(x, why_of(errno));
    else if (tcp_out_add(&x->out, e->data) != ST_OK)
        fail(x, ST_ENOMEM);
    else
        x->connecting = true;
}

void upstream_send(struct upstream *u, const struct effect *e)
{
    upstream_close(u, e->id, false);
    if (!send_again(u, e))
        send_first(u, e);
}
