/* Queries over TCP (RFC 7766, RFC 9210): pipelined, answered as answers get ready, with limits on
 * everything a client can hold: connections, time, queries in progress, answers it does not read.
 *
 * All that has arrived is read at once, all answers to it leave in one write, and both go through
 * buffers of the worker: a connection owns memory only for the rest of a query, and for answers its
 * client does not take. A new connection is read before it is watched: its first query is mostly
 * there. */
#include "wire/tcp.h"
#include "base/hash.h"
#include "base/limits.h"
#include "io/front.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    ACCEPTS_A_TURN = 16,
    CLOSES_A_TURN = 256,
    STALLED_US = 1000000,
};

struct conn {
    struct loop_grave grave;
    struct loop_watch w;
    struct front *front;
    struct netaddr peer, local;
    struct tcp_in in;
    struct tcp_out out;
    struct list waiting; /* struct waiting.of_conn */
    struct list lru;     /* in front.conns */
    struct list late;    /* in front.late */
    uint32_t slot;       /* in the client table */
    unsigned busy;       /* queries without an answer yet */
    enum conn_queue queue;
    bool watched;       /* by the loop */
    bool moved;         /* progress in this turn */
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

static void conn_close(struct conn *c)
{
    struct front *f = c->front;
    if (c->w.fd < 0)
        return;
    LIST_FOR_SAFE(it, tmp, &c->waiting)
    waiting_free(f, CONTAINER_OF(it, struct waiting, of_conn));
    loop_drop(&c->w);
    list_remove(&c->lru);
    list_remove(&c->late);
    tcp_in_free(&c->in);
    tcp_out_free(&c->out);
    f->tcp_out_n = 0; /* its answers, if any stand there */
    leave(f, c->slot);
    loop_bury(f->loop, &c->grave);
}

void conns_close(struct front *f)
{
    for (int q = 0; q < CONN_QUEUES; q++)
        LIST_FOR_SAFE(it, tmp, &f->conns[q])
    conn_close(CONTAINER_OF(it, struct conn, lru));
    loop_timer_stop(f->loop, &f->conn_timer);
}

/* --- time ------------------------------------------------------------------------------------- */

static uint64_t patience_us(const struct front *f, enum conn_queue q)
{
    return 1000 * (uint64_t)(q == CONN_IDLE ? f->limits.idle_ms : f->limits.send_ms);
}

/* One timer serves all connections: every list is in the order of time. */
static void set_timer(struct front *f, enum conn_queue q, uint64_t active_us)
{
    uint64_t at = active_us + patience_us(f, q);
    if (!heap_has(&f->conn_timer.node) || at < f->conn_timer.node.key)
        loop_timer_set(f->loop, &f->conn_timer, at);
}

static void time_over(struct loop_timer *t)
{
    struct front *f = CONTAINER_OF(t, struct front, conn_timer);
    unsigned closed = 0;
    for (enum conn_queue q = CONN_IDLE; q <= CONN_SENDING; q++) {
        while (!list_empty(&f->conns[q])) {
            struct conn *c = CONTAINER_OF(f->conns[q].next, struct conn, lru);
            if (c->active_us + patience_us(f, q) > f->loop->now.mono_us ||
                ++closed > CLOSES_A_TURN) {
                set_timer(f, q, c->active_us);
                break;
            }
            if (q == CONN_IDLE)
                f->count->tcp_idle_closed++;
            else
                f->count->tcp_slow_closed++;
            conn_close(c);
        }
    }
}

/* Puts c into the list where it belongs, behind all that moved before it. */
static void queue_up(struct conn *c)
{
    struct front *f = c->front;
    enum conn_queue q = tcp_out_pending(&c->out).n > 0 ? CONN_SENDING
                        : c->busy > 0                  ? CONN_BUSY
                                                       : CONN_IDLE;
    if (!c->moved && q == c->queue)
        return;
    c->moved = false;
    c->queue = q;
    c->active_us = f->loop->now.mono_us;
    list_remove(&c->lru);
    list_append(&f->conns[q], &c->lru);
    if (q != CONN_BUSY)
        set_timer(f, q, c->active_us);
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* Writes some of b: how much; 0: the client has to read first; negative: the connection is gone. */
static ssize_t write_some(struct conn *c, struct bytes b)
{
    for (;;) {
        ssize_t put = send(c->w.fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0) {
            c->moved = true;
            return put;
        }
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return 0;
        conn_close(c);
        return -1;
    }
}

/* Writes all that the client takes and keeps the rest; false if the connection is gone. */
static bool flush(struct conn *c)
{
    struct front *f = c->front;
    for (struct bytes b; (b = tcp_out_pending(&c->out)).n > 0;) {
        ssize_t put = write_some(c, b);
        if (put <= 0)
            return put == 0; /* nothing stands in the shared buffer then */
        tcp_out_sent(&c->out, (size_t)put);
    }
    struct bytes b = bytes_of(f->tcp_out, f->tcp_out_n);
    f->tcp_out_n = 0;
    while (b.n > 0) {
        ssize_t put = write_some(c, b);
        if (put < 0)
            return false;
        b = bytes_of(b.p + put, b.n - (size_t)put);
        if (put > 0)
            continue;
        if (tcp_out_keep(&c->out, b) == ST_OK)
            return true;
        conn_close(c);
        return false;
    }
    return true;
}

/* Adds an answer of n bytes that stands behind the place of its length in the shared buffer. */
static enum status add_answer(struct conn *c, size_t n)
{
    struct front *f = c->front;
    uint8_t *at = f->tcp_out + f->tcp_out_n;
    f->count->tcp_answers++;
    if (tcp_out_pending(&c->out).n > 0) /* it has to wait behind others */
        return tcp_out_add(&c->out, bytes_of(at + TCP_PREFIX, n));
    put_be16(at, (uint16_t)n);
    f->tcp_out_n += (uint32_t)(TCP_PREFIX + n);
    return ST_OK;
}

static bool may_take(const struct conn *c)
{
    return c->busy < c->front->limits.pipeline && tcp_out_fits(&c->out, LIMIT_MESSAGE);
}

static enum status handle_one(struct conn *c, struct bytes msg)
{
    struct front *f = c->front;
    struct request rq = {.client = c->peer,
                         .local = c->local,
                         .transport = TRANSPORT_TCP,
                         .now = f->loop->now,
                         .wire = msg,
                         .out = f->tcp_out + f->tcp_out_n + TCP_PREFIX,
                         .out_cap = LIMIT_MESSAGE};
    size_t n = 0;
    struct waiting *w = waiting_next(f, &rq.token);
    f->count->tcp_queries++;
    c->moved = true;
    if (w == NULL) {
        f->count->waiting_full++;
        return ST_OK;
    }
    enum outcome o = f->service.handle(f->service.ctx, &rq, &n);
    if (o == OUTCOME_ANSWER)
        return add_answer(c, n);
    if (o == OUTCOME_LATER) {
        w->conn = c;
        waiting_keep(f, w);
        list_append(&c->waiting, &w->of_conn);
        c->busy++;
    }
    return ST_OK;
}

/* Takes whole messages as far as limits allow, from what was read just now or (NULL) from what the
 * connection keeps. False if the connection is gone. */
static bool take_messages(struct conn *c, struct bytes *read)
{
    struct front *f = c->front;
    struct bytes msg;
    for (;;) {
        if (read != NULL && read->n == 0)
            return true;
        if (f->tcp_out_n > TCP_WRITE - TCP_IN_MAX && !flush(c)) /* room for any one answer */
            return false;
        if (!may_take(c))
            return true;
        enum status st =
            read != NULL ? tcp_split(read, LIMIT_MESSAGE, &msg) : tcp_in_next(&c->in, &msg);
        if (st == ST_ESHORT)
            return true;
        if (st != ST_OK || handle_one(c, msg) != ST_OK) {
            f->count->tcp_malformed++;
            if (flush(c))
                conn_close(c);
            return false;
        }
    }
}

/* True when a whole message is kept because of a limit. */
static bool message_waits(const struct conn *c)
{
    uint32_t have = c->in.end - c->in.start;
    return have >= TCP_PREFIX && have >= TCP_PREFIX + (uint32_t)get_be16(c->in.buf + c->in.start);
}

/* One read; false if the connection is gone. */
static bool read_some(struct conn *c)
{
    struct front *f = c->front;
    bool kept = tcp_in_partial(&c->in);
    size_t room = TCP_READ;
    uint8_t *p = kept ? tcp_in_room(&c->in, &room) : f->tcp_in;
    ssize_t got = p == NULL ? -1 : recv(c->w.fd, p, room, MSG_DONTWAIT);
    if (p == NULL || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        conn_close(c);
        return false;
    }
    c->eof = got == 0;
    if (got <= 0)
        return true;
    if (kept) {
        tcp_in_added(&c->in, (size_t)got);
        return true;
    }
    struct bytes b = bytes_of(p, (size_t)got);
    if (!take_messages(c, &b))
        return false;
    if (b.n > 0 && tcp_in_keep(&c->in, b) != ST_OK) {
        conn_close(c);
        return false;
    }
    return true;
}

/* --- a connection's turn ---------------------------------------------------------------------- */

/* After any change: writes, decides what to wait for, closes what is over. */
static void settle(struct conn *c)
{
    /* Answers that left make room for queries that wait in our buffer: bounded by that buffer's
     * size. */
    do {
        if ((tcp_in_partial(&c->in) && !take_messages(c, NULL)) || !flush(c))
            return;
    } while (message_waits(c) && may_take(c));
    bool pending = tcp_out_pending(&c->out).n > 0;
    if (c->eof && !pending && c->busy == 0) {
        conn_close(c);
        return;
    }
    if (c->in.buf != NULL && !tcp_in_partial(&c->in))
        tcp_in_free(&c->in);
    if (c->out.buf != NULL && !pending)
        tcp_out_free(&c->out);
    uint32_t want =
        (pending ? (uint32_t)EPOLLOUT : 0u) | (!c->eof && may_take(c) ? (uint32_t)EPOLLIN : 0u);
    queue_up(c);
    if (c->watched) {
        loop_change(c->front->loop, &c->w, want);
    } else {
        c->watched = true;
        if (loop_add(c->front->loop, &c->w, want) != ST_OK)
            conn_close(c);
    }
}

static void conn_ready(struct loop_watch *w, uint32_t events)
{
    struct conn *c = CONTAINER_OF(w, struct conn, w);
    struct front *f = c->front;
    if (events & (EPOLLERR | EPOLLHUP)) {
        conn_close(c);
        return;
    }
    if ((events & EPOLLIN) && !c->eof && may_take(c) && !read_some(c))
        return;
    settle(c);
    if (f->after != NULL)
        f->after(f->after_ctx);
}

void conns_init(struct front *f)
{
    for (int q = 0; q < CONN_QUEUES; q++)
        list_init(&f->conns[q]);
    list_init(&f->late);
    f->conn_timer.fire = time_over;
}

void tcp_answered(struct front *f, struct waiting *w)
{
    struct conn *c = w->conn;
    waiting_free(f, w);
    c->busy--;
    settle(c);
}

void conns_flush(struct front *f)
{
    while (!list_empty(&f->late)) {
        struct conn *c = CONTAINER_OF(f->late.next, struct conn, late);
        list_remove(&c->late);
        settle(c);
    }
}

void tcp_answer(struct front *f, struct waiting *w, struct bytes answer)
{
    struct conn *c = w->conn;
    f->count->tcp_answers++;
    if (!tcp_out_fits(&c->out, answer.n) && !flush(c))
        return; /* gone, and w with it */
    if (tcp_out_add(&c->out, answer) != ST_OK) {
        f->count->tcp_slow_closed++;
        conn_close(c);
        return;
    }
    waiting_free(f, w);
    c->busy--;
    list_remove(&c->late);
    list_append(&f->late, &c->late);
    if (!f->collect)
        conns_flush(f);
}

/* --- new connections -------------------------------------------------------------------------- */

/* The connection of this worker that was idle longest makes room for a new one; if none is idle,
 * one whose client has not read its answers for a while. */
static bool close_idlest(struct front *f)
{
    if (!list_empty(&f->conns[CONN_IDLE])) {
        f->count->tcp_idle_closed++;
        conn_close(CONTAINER_OF(f->conns[CONN_IDLE].next, struct conn, lru));
        return true;
    }
    if (list_empty(&f->conns[CONN_SENDING]))
        return false;
    struct conn *c = CONTAINER_OF(f->conns[CONN_SENDING].next, struct conn, lru);
    if (c->active_us + STALLED_US >= f->loop->now.mono_us)
        return false;
    f->count->tcp_slow_closed++;
    conn_close(c);
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
    c->queue = CONN_IDLE;
    list_init(&c->waiting);
    list_init(&c->lru);
    list_init(&c->late);
    list_append(&f->conns[CONN_IDLE], &c->lru);
    set_timer(f, CONN_IDLE, c->active_us);
    tcp_in_init(&c->in, LIMIT_MESSAGE);
    tcp_out_init(&c->out, 0);
    c->w = (struct loop_watch){.fd = fd, .patient = true, .ready = conn_ready};
    if (l->any) {
        union sockaddr_any own;
        socklen_t n = sizeof own;
        if (getsockname(fd, &own.sa, &n) == 0)
            c->local = sockaddr_get(&own);
    }
    f->count->tcp_accepted++;
    if (read_some(c))
        settle(c);
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
    unsigned n = MAX(l->burst, 1u), got = 0;
    (void)events;
    for (unsigned i = 0; i < n; i++) {
        union sockaddr_any sa;
        socklen_t size = sizeof sa;
        int fd = accept4(w->fd, &sa.sa, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            conn_new(f, l, fd, &sa);
            got++;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (close_idlest(f))
                continue;
            /* Nothing to give: leave the queue to the kernel for a moment instead of spinning. */
            loop_change(f->loop, w, 0);
            l->again.fire = accept_again;
            loop_timer_set(f->loop, &l->again, f->loop->now.mono_us + 100000);
            break;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            break;
        }
    }
    /* As many may come the next time, or more: asking in vain costs a call. */
    l->burst = got == n ? MIN(2 * n, (unsigned)ACCEPTS_A_TURN) : got;
    if (f->after != NULL)
        f->after(f->after_ctx);
}
