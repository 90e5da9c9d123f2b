#include "io/upstream.h"

#include "base/limits.h"
#include "wire/tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { REPLIES_A_TURN = 8, PORT_TRIES = 16, PORT_FIRST = 1024 };

struct exchange {
    struct loop_grave grave;
    struct loop_watch w;
    struct upstream *up;
    struct exchange *next; /* in its bucket */
    uint64_t id;
    struct netaddr to;
    enum transport transport;
    bool connecting;
    struct tcp_in in;
    struct tcp_out out;
};

enum status upstream_init(struct upstream *u, struct loop *loop, struct io_counters *count,
                          const struct env *env)
{
    memset(u, 0, sizeof *u);
    u->loop = loop;
    u->count = count;
    u->env = env;
    u->buf = malloc(LIMIT_MESSAGE);
    return u->buf ? ST_OK : ST_ENOMEM;
}

static struct exchange **slot_of(struct upstream *u, uint64_t id)
{
    struct exchange **p = &u->bucket[id % EXCHANGE_BUCKETS];
    while (*p != NULL && (*p)->id != id)
        p = &(*p)->next;
    return p;
}

static void destroy(struct exchange *x)
{
    loop_close(x->up->loop, &x->w);
    tcp_in_free(&x->in);
    tcp_out_free(&x->out);
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

void upstream_close(struct upstream *u, uint64_t id)
{
    struct exchange *x = *slot_of(u, id);
    if (x != NULL)
        release(x);
}

void upstream_free(struct upstream *u)
{
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

static void udp_reply_ready(struct loop_watch *w, uint32_t events)
{
    struct exchange *x = CONTAINER_OF(w, struct exchange, w);
    struct upstream *u = x->up;
    (void)events;
    for (int i = 0; i < REPLIES_A_TURN && w->fd >= 0; i++) {
        union sockaddr_any sa = {0};
        socklen_t n = sizeof sa;
        ssize_t got = recvfrom(w->fd, u->buf, LIMIT_MESSAGE, MSG_DONTWAIT, &sa.sa, &n);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            return;
        if (got < 0) {
            fail(x, why_of(errno));
            return;
        }
        struct netaddr from = sockaddr_get(&sa);
        if (netaddr_same_host(&from, &x->to) && from.port == x->to.port)
            u->reply(u->ctx, x->id, &from, bytes_of(u->buf, (size_t)got));
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
            fail(x, why_of(errno));
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
        fail(x, p == NULL ? ST_ENOMEM : got == 0 ? ST_EREFUSED : why_of(errno));
        return;
    }
    tcp_in_added(&x->in, (size_t)got);
    struct bytes msg;
    while (x->w.fd >= 0) {
        enum status st = tcp_in_next(&x->in, &msg);
        if (st == ST_ESHORT)
            return;
        if (st != ST_OK) {
            fail(x, ST_EIO);
            return;
        }
        u->reply(u->ctx, x->id, &x->to, msg);
    }
}

static void tcp_reply_ready(struct loop_watch *w, uint32_t events)
{
    struct exchange *x = CONTAINER_OF(w, struct exchange, w);
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

void upstream_send(struct upstream *u, const struct effect *e)
{
    union sockaddr_any sa;
    upstream_close(u, e->id);
    errno = ENOBUFS;
    struct exchange *x = u->exchanges < EXCHANGES_MAX ? open_exchange(u, e) : NULL;
    if (x == NULL) {
        u->count->upstream_errors++;
        u->failed(u->ctx, e->id, why_not_open(errno));
        return;
    }
    struct exchange **p = &u->bucket[e->id % EXCHANGE_BUCKETS];
    x->id = e->id;
    x->next = *p;
    *p = x;
    u->exchanges++;
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
