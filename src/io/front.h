/* The side of a worker that faces clients: UDP and TCP listeners, and the requests that wait for a
 * late answer. */
#ifndef BANYAN_IO_FRONT_H
#define BANYAN_IO_FRONT_H

#include "base/limits.h"
#include "io/loop.h"
#include "io/sock.h"
#include "query/request.h"

#include <stdatomic.h>

#define IO_COUNTERS(COUNTER)                                                                       \
    COUNTER(udp_queries, "datagrams received")                                                     \
    COUNTER(udp_answers, "answers sent over UDP")                                                  \
    COUNTER(udp_batches, "receive calls that brought something")                                   \
    COUNTER(udp_send_errors, "answers the kernel did not take")                                    \
    COUNTER(udp_oversize, "datagrams too large to be a query")                                     \
    COUNTER(tcp_accepted, "TCP connections accepted")                                              \
    COUNTER(tcp_refused, "TCP connections turned away at a limit")                                 \
    COUNTER(tcp_idle_closed, "TCP connections closed because they were idle")                      \
    COUNTER(tcp_slow_closed, "TCP connections dropped because the client did not read")            \
    COUNTER(tcp_malformed, "TCP connections closed for a malformed stream")                        \
    COUNTER(tcp_queries, "queries received over TCP")                                              \
    COUNTER(tcp_answers, "answers sent over TCP")                                                  \
    COUNTER(waiting_full, "queries dropped because too many waited")                               \
    COUNTER(upstream_sockets, "sockets opened to ask other servers")                               \
    COUNTER(upstream_errors, "upstream sends and connects that failed at once")

struct io_counters {
#define COUNTER(name, help) uint64_t name;
    IO_COUNTERS(COUNTER)
#undef COUNTER
};

/* Connections of each client over all workers: a table of counts, by keyed hash of the address
 * (IPv6: its /64). Clients that share a slot share its limit: with 65,536 slots that is rare and
 * harmless. */
enum { CLIENT_SLOTS = 65536 };
struct client_table {
    _Atomic uint32_t total;
    _Atomic uint16_t count[CLIENT_SLOTS];
    uint64_t key[2];
};

/* TCP limits; replaced whole by a reload, on the worker's own thread. */
struct front_limits {
    uint32_t max_connections, max_per_client, idle_ms, pipeline, send_ms;
};

struct listener {
    struct loop_watch w;
    struct front *front;
    struct netaddr local;
    bool any; /* wildcard: the asked address comes with each datagram */
    bool tcp;
    bool alone;              /* UDP: every answer in a call of its own */
    unsigned refused;        /* UDP: bundles that the kernel did not take, one after the other */
    bool behind;             /* UDP: too much waits unread; until a batch is not full */
    unsigned burst;          /* TCP: connections that are probably waiting to be accepted */
    struct loop_timer again; /* TCP: accept again after the descriptors ran out */
};

struct conn;
struct udp_batch;

/* Connections by what is waited for, each list in the order of the time of its last progress. */
enum conn_queue {
    CONN_IDLE,    /* the client's next query */
    CONN_SENDING, /* the client's reading */
    CONN_BUSY,    /* an answer of our own: the resolver has a clock for that */
    CONN_QUEUES
};

/* A request whose answer comes later. */
struct waiting {
    uint32_t generation;
    uint32_t next_free; /* 1 + index; 0: none */
    bool used;
    struct listener *udp; /* NULL for TCP */
    union sockaddr_any client;
    struct netaddr local;
    struct conn *conn;
    struct list of_conn;
};

struct front {
    struct loop *loop;
    struct service service;
    void (*after)(void *ctx); /* called after requests were handled: drains effects */
    void *after_ctx;
    struct front_limits limits;
    struct client_table *clients;
    struct io_counters *count;
    struct waiting *waiting;
    uint32_t waiting_n, waiting_free; /* free: 1 + index */
    struct udp_batch *batch;
    bool alone;   /* no bundles of answers */
    bool collect; /* the owner calls front_flush() */
    /* TCP: one buffer each way serves all connections; they own memory only for what is left over.
     */
    uint8_t *tcp_in, *tcp_out; /* TCP_READ and TCP_WRITE bytes */
    uint32_t tcp_out_n;        /* bytes of answers to the connection at hand */
    struct list conns[CONN_QUEUES];
    struct loop_timer conn_timer; /* of the oldest of them */
    struct list late;             /* connections whose late answers wait for the end of the turn */
    struct listener *listeners;
    size_t listener_n;
};

enum { WAITING_MAX = 65536, UDP_BATCH = 64, UDP_SIZE = 4096 };
enum { TCP_READ = 4096, TCP_WRITE = LIMIT_TCP_PENDING };

/* ST_ENOMEM. Borrows loop, clients, count; service, after and limits are set by the owner. */
enum status front_init(struct front *f, struct loop *loop, struct client_table *clients,
                       struct io_counters *count) MUST_USE;
/* Takes over open listening sockets (udp and tcp fd for each address). ST_ENOMEM, ST_EIO. */
enum status front_listen(struct front *f, const struct netaddr *addrs, const int (*fds)[2],
                         size_t n) MUST_USE;
/* Closes all. */
void front_free(struct front *f);
/* The late answer to a request, or that there will be none. Unknown tokens (the client has gone) do
 * nothing. */
void front_answer(struct front *f, uint64_t token, struct bytes answer);
void front_forget(struct front *f, uint64_t token);
/* Sends the late answers that wait for others to leave with: at the end of every turn, if collect
 * is set. */
void front_flush(struct front *f);

/* --- between udp.c, tcp.c and front.c --- */
/* A place for a request that may have to wait; NULL when too many wait. Taken only by
 * waiting_keep(). */
bool waiting_grow(struct front *f);
static inline struct waiting *waiting_next(struct front *f, uint64_t *ret_token)
{
    if (UNLIKELY(f->waiting_free == 0) && !waiting_grow(f))
        return NULL;
    struct waiting *w = &f->waiting[f->waiting_free - 1];
    *ret_token = (uint64_t)w->generation << 32 | f->waiting_free;
    return w;
}
void waiting_keep(struct front *f, struct waiting *w);
void waiting_free(struct front *f, struct waiting *w);
void udp_ready(struct loop_watch *w, uint32_t events);
struct udp_batch *udp_batch_new(void);
void udp_flush(struct front *f);
void udp_answer(struct front *f, struct waiting *w, struct bytes answer);
void tcp_accept_ready(struct loop_watch *w, uint32_t events);
void conns_flush(struct front *f);
void tcp_answer(struct front *f, struct waiting *w, struct bytes answer);
/* The request gets no answer; the connection goes on. */
void tcp_answered(struct front *f, struct waiting *w);
void conns_init(struct front *f);
void conns_close(struct front *f);

#endif
