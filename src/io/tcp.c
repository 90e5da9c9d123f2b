/* Queries over TCP (RFC 7766, RFC 9210): pipelined, answered as answers get ready, with limits on
 * everything a client can hold: connections, time, queries in progress, answers it does not read.
 */
#include "wire/tcp.h"
#include "base/hash.h"
#include "base/limits.h"
#include "io/front.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { ACCEPTS_A_TURN = 64, STALLED_US = 1000000 };

struct conn {
    struct loop_grave grave;
    struct loop_watch w;
    struct loop_timer timer;
    struct front *front;
    struct netaddr peer, local;
    struct tcp_in in;
    struct tcp_out out;
    struct list waiting; /* struct waiting.of_conn */
    struct list lru;
    uint32_t slot;      /* in the client table */
    unsigned busy;      /* queries without an answer yet */
    bool eof;           /* the client sends no more */
    uint64_t active_us; /* last whole query, or last answer written */
};

static uint32_t client_slot(const struct client_table *t, const struct netaddr *a)
{
    struct hash_key key = {t->key[0], t->key[1]};
    return (uint32_t)(siphash13(&key, a->a, a->family == ADDR_V4 ? 4 : 8) % CLIENT_SLOTS);
}

static void leave(struct front *f, uint32_t slot)
{
    atomic_fetch_sub_explicit(&f->clients->count[slot], 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&f->clients->total, 1, memory_order_relaxed);
}

void conn_close(struct conn *c)
{
    struct front *f = c->front;
    if (c->w.fd < 0)
        return;
    LIST_FOR_SAFE(it, tmp, &c->waiting)
    waiting_free(f, CONTAINER_OF(it, struct waiting, of_conn));
    loop_timer_stop(f->loop, &c->timer);
    loop_close(f->loop, &c->w);
    list_remove(&c->lru);
    tcp_in_free(&c->in);
    tcp_out_free(&c->out);
    leave(f, c->slot);
    loop_bury(f->loop, &c->grave);
}

void conns_close(struct front *f)
{
    LIST_FOR_SAFE(it, tmp, &f->conns)
    conn_close(CONTAINER_OF(it, struct conn, lru));
}

static void set_timer(struct conn *c)
{
    const struct front_limits *l = &c->front->limits;
    uint64_t wait = tcp_out_pending(&c->out).n > 0 ? l->send_ms : l->idle_ms;
    if (c->busy > 0 && tcp_out_pending(&c->out).n == 0)
        loop_timer_stop(c->front->loop, &c->timer); /* our turn: the resolver has its own clock */
    else
        loop_timer_set(c->front->loop, &c->timer, c->active_us + wait * 1000);
}

static void timer_fired(struct loop_timer *t)
{
    struct conn *c = CONTAINER_OF(t, struct conn, timer);
    if (tcp_out_pending(&c->out).n > 0)
        c->front->count->tcp_slow_closed++;
    else
        c->front->count->tcp_idle_closed++;
    conn_close(c);
}

static void touch(struct conn *c)
{
    c->active_us = c->front->loop->now.mono_us;
    list_remove(&c->lru);
    list_append(&c->front->conns, &c->lru);
}

/* Writes what waits; false if the connection is gone. */
static bool flush(struct conn *c)
{
    for (;;) {
        struct bytes b = tcp_out_pending(&c->out);
        if (b.n == 0)
            return true;
        ssize_t put = send(c->w.fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (put <= 0) {
            conn_close(c);
            return false;
        }
        tcp_out_sent(&c->out, (size_t)put);
        touch(c);
    }
}

static bool may_take(const struct conn *c)
{
    return c->busy < c->front->limits.pipeline && tcp_out_fits(&c->out, LIMIT_MESSAGE);
}

static bool handle_one(struct conn *c, struct bytes msg)
{
    struct front *f = c->front;
    struct request rq = {.client = c->peer,
                         .local = c->local,
                         .transport = TRANSPORT_TCP,
                         .now = f->loop->now,
                         .wire = msg,
                         .out = f->tcp_answer,
                         .out_cap = LIMIT_MESSAGE};
    size_t n = 0;
    struct waiting *w = waiting_next(f, &rq.token);
    f->count->tcp_queries++;
    touch(c);
    if (w == NULL) {
        f->count->waiting_full++;
        return true;
    }
    enum outcome o = f->service.handle(f->service.ctx, &rq, &n);
    if (o == OUTCOME_ANSWER) {
        f->count->tcp_answers++;
        return tcp_out_add(&c->out, bytes_of(f->tcp_answer, n)) == ST_OK;
    }
    if (o == OUTCOME_LATER) {
        w->conn = c;
        waiting_keep(f, w);
        list_append(&c->waiting, &w->of_conn);
        c->busy++;
    }
    return true;
}

/* Takes the whole messages that have arrived as far as limits allow. False if the connection is
 * gone. */
static bool take_messages(struct conn *c)
{
    struct bytes msg;
    while (may_take(c)) {
        enum status st = tcp_in_next(&c->in, &msg);
        if (st == ST_ESHORT)
            break;
        if (st != ST_OK || !handle_one(c, msg)) {
            c->front->count->tcp_malformed++;
            conn_close(c);
            return false;
        }
    }
    return true;
}

/* True when a whole message stands in the buffer, left there because of a limit. */
static bool message_waits(const struct conn *c)
{
    uint32_t have = c->in.end - c->in.start;
    return have >= TCP_PREFIX && have >= TCP_PREFIX + (uint32_t)get_be16(c->in.buf + c->in.start);
}

/* After any change: writes, decides what to wait for, closes what is over. */
static void settle(struct conn *c)
{
    /* Answers that left make room for queries that wait in our buffer: bounded by that buffer's
     * size. */
    do {
        if (!take_messages(c) || !flush(c))
            return;
    } while (may_take(c) && message_waits(c));
    bool pending = tcp_out_pending(&c->out).n > 0;
    if (c->eof && !pending && c->busy == 0) {
        conn_close(c);
        return;
    }
    uint32_t want =
        (pending ? (uint32_t)EPOLLOUT : 0u) | (!c->eof && may_take(c) ? (uint32_t)EPOLLIN : 0u);
    loop_change(c->front->loop, &c->w, want);
    set_timer(c);
}

static void conn_ready(struct loop_watch *w, uint32_t events)
{
    struct conn *c = CONTAINER_OF(w, struct conn, w);
    if (events & (EPOLLERR | EPOLLHUP)) {
        conn_close(c);
        return;
    }
    if ((events & EPOLLIN) && !c->eof && may_take(c)) {
        size_t room;
        uint8_t *p = tcp_in_room(&c->in, &room);
        ssize_t got = p == NULL ? -1 : recv(w->fd, p, room, MSG_DONTWAIT);
        if (p == NULL || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            conn_close(c);
            return;
        }
        if (got == 0)
            c->eof = true;
        if (got > 0)
            tcp_in_added(&c->in, (size_t)got);
    }
    struct front *f = c->front;
    settle(c);
    if (f->after != NULL)
        f->after(f->after_ctx);
}

void tcp_answered(struct front *f, struct waiting *w)
{
    struct conn *c = w->conn;
    waiting_free(f, w);
    c->busy--;
    settle(c);
}

void tcp_answer(struct front *f, struct waiting *w, struct bytes answer)
{
    f->count->tcp_answers++;
    if (!tcp_out_fits(&w->conn->out, answer.n) && !flush(w->conn))
        return; /* gone, and w with it */
    if (tcp_out_add(&w->conn->out, answer) != ST_OK) {
        f->count->tcp_slow_closed++;
        conn_close(w->conn);
        return;
    }
    tcp_answered(f, w);
}

/* The connection of this worker that was idle longest makes room for a new one; if none is idle,
 * one whose client has not read its answers for a while. */
static bool close_idlest(struct front *f)
{
    unsigned looked = 0;
    struct conn *stalled = NULL;
    LIST_FOR(it, &f->conns)
    {
        struct conn *c = CONTAINER_OF(it, struct conn, lru);
        if (c->busy == 0 && tcp_out_pending(&c->out).n == 0) {
            f->count->tcp_idle_closed++;
            conn_close(c);
            return true;
        }
        if (c->busy == 0 && stalled == NULL && c->active_us + STALLED_US < f->loop->now.mono_us)
            stalled = c;
        if (++looked == 64)
            break;
    }
    if (stalled == NULL)
        return false;
    f->count->tcp_slow_closed++;
    conn_close(stalled);
    return true;
}

/* Counts a new connection in; false when the client or the server has too many. */
static bool admit(struct front *f, uint32_t slot)
{
    struct client_table *t = f->clients;
    uint32_t mine = atomic_fetch_add_explicit(&t->count[slot], 1, memory_order_relaxed);
    uint32_t all = atomic_fetch_add_explicit(&t->total, 1, memory_order_relaxed);
    if (mine < MIN(f->limits.max_per_client, 65000u) &&
        (all < f->limits.max_connections || close_idlest(f)))
        return true;
    leave(f, slot);
    return false;
}

static void conn_new(struct front *f, const struct listener *l, int fd,
                     const union sockaddr_any *sa)
{
    struct netaddr peer = sockaddr_get(sa);
    uint32_t slot = client_slot(f->clients, &peer);
    bool admitted = admit(f, slot);
    struct conn *c = admitted ? calloc(1, sizeof *c) : NULL;
    if (c == NULL) {
        if (admitted)
            leave(f, slot);
        f->count->tcp_refused++;
        close(fd);
        return;
    }
    c->front = f;
    c->peer = peer;
    c->local = l->local;
    c->slot = slot;
    c->active_us = f->loop->now.mono_us;
    c->timer.fire = timer_fired;
    list_init(&c->waiting);
    list_init(&c->lru);
    list_append(&f->conns, &c->lru);
    tcp_in_init(&c->in, LIMIT_MESSAGE);
    tcp_out_init(&c->out, 0);
    c->w = (struct loop_watch){.fd = fd, .ready = conn_ready};
    if (l->any) {
        union sockaddr_any own;
        socklen_t n = sizeof own;
        if (getsockname(fd, &own.sa, &n) == 0)
            c->local = sockaddr_get(&own);
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    f->count->tcp_accepted++;
    if (loop_add(f->loop, &c->w, EPOLLIN) != ST_OK) {
        conn_close(c);
        return;
    }
    set_timer(c);
}

static void accept_again(struct loop_timer *t)
{
    struct listener *l = CONTAINER_OF(t, struct listener, again);
    loop_change(l->front->loop, &l->w, EPOLLIN);
}

void tcp_accept_ready(struct loop_watch *w, uint32_t events)
{
    struct listener *l = CONTAINER_OF(w, struct listener, w);
    struct front *f = l->front;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        union sockaddr_any sa;
        socklen_t n = sizeof sa;
        int fd = accept4(w->fd, &sa.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            conn_new(f, l, fd, &sa);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (close_idlest(f))
                continue;
            /* Nothing to give: leave the queue to the kernel for a moment instead of spinning. */
            loop_change(f->loop, w, 0);
            l->again.fire = accept_again;
            loop_timer_set(f->loop, &l->again, f->loop->now.mono_us + 100000);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}
