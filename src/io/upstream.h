/* The side of a worker that asks other servers: exchanges over UDP and TCP for the resolver
 * machine.
 *
 * Over UDP every query in flight has its own connected socket on a random port of the whole range
 * (RFC 5452 section 9.2), so that a forger must guess the port, and the kernel drops what comes
 * from elsewhere. A port that one server has seen is no secret from whoever runs it, so a socket
 * never serves another server; after a reply that was taken, it may serve the same one a few times
 * more (LIMIT_SOCKET_USES), for a few seconds only: who has to find out a port by trying (SAD DNS)
 * takes a minute for that. A TCP connection is kept in the same way (RFC 7766 section 6.2.1). */
#ifndef BANYAN_IO_UPSTREAM_H
#define BANYAN_IO_UPSTREAM_H

#include "base/hash.h"
#include "io/front.h"
#include "query/request.h"

enum { EXCHANGE_BUCKETS = 4096, EXCHANGES_MAX = 16384, IDLE_BUCKETS = 256 };

struct exchange;

struct upstream {
    struct loop *loop;
    struct io_counters *count;
    const struct env *env;
    void *ctx;
    /* A message came for an exchange; and an exchange that cannot go on. */
    void (*reply)(void *ctx, uint64_t id, const struct netaddr *from, struct bytes wire);
    void (*failed)(void *ctx, uint64_t id, enum status why);
    struct exchange *bucket[EXCHANGE_BUCKETS];
    uint32_t exchanges;
    struct hash_key key; /* of idle_bucket */
    struct exchange *idle_bucket[IDLE_BUCKETS];
    struct list idle; /* sockets between two questions to the same server, oldest first */
    uint32_t idle_count;
    struct loop_timer sweep; /* closes idle sockets */
    uint8_t *buf;            /* LIMIT_MESSAGE bytes */
};

/* Borrows all. ST_ENOMEM. */
enum status upstream_init(struct upstream *u, struct loop *loop, struct io_counters *count,
                          const struct env *env) MUST_USE;
void upstream_free(struct upstream *u);
/* Starts an exchange: what an EFFECT_SEND says. Failures are told through failed(). */
void upstream_send(struct upstream *u, const struct effect *e);
/* EFFECT_CLOSE; an unknown id does nothing. answered: the exchange ended with a reply that was
 * taken, and nothing else came. */
void upstream_close(struct upstream *u, uint64_t id, bool answered);

#endif
