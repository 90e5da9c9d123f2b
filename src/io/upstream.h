/* The side of a worker that asks other servers: exchanges over UDP and TCP for the resolver
 * machine.
 *
 * Over UDP every query in flight has its own connected socket on a random port of the whole range
 * (RFC 5452 section 9.2), so that a forger must guess the port, and the kernel drops what comes
 * from elsewhere. No socket is used twice: a port that one server has seen would no longer be a
 * secret from whoever runs it when the next server is asked. */
#ifndef BANYAN_IO_UPSTREAM_H
#define BANYAN_IO_UPSTREAM_H

#include "io/front.h"
#include "query/request.h"

enum { EXCHANGE_BUCKETS = 4096, EXCHANGES_MAX = 16384 };

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
    uint8_t *buf; /* LIMIT_MESSAGE bytes */
};

/* Borrows all. ST_ENOMEM. */
enum status upstream_init(struct upstream *u, struct loop *loop, struct io_counters *count,
                          const struct env *env) MUST_USE;
void upstream_free(struct upstream *u);
/* Starts an exchange: what an EFFECT_SEND says. Failures are told through failed(). */
void upstream_send(struct upstream *u, const struct effect *e);
/* EFFECT_CLOSE; an unknown id does nothing. */
void upstream_close(struct upstream *u, uint64_t id);

#endif
