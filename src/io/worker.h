/* A worker: one thread that receives, answers, and asks other servers, with machines of its own. */
#ifndef BANYAN_IO_WORKER_H
#define BANYAN_IO_WORKER_H

#include "io/clock.h"
#include "io/served.h"
#include "io/upstream.h"

/* What all workers share. */
struct shared {
    _Atomic(struct served *) current;
    struct qsbr qsbr;
    struct client_table clients;
    struct rate_table rates;
    struct cache *cache; /* NULL: no resolver */
};

struct worker {
    struct loop loop;
    struct front front;
    struct upstream upstream;
    struct random_pool random;
    struct env env;
    struct io_counters count;
    struct shared *shared;
    const struct served *served;
    struct auth *auth;
    struct auth *own;          /* the zones that the resolver knows by itself */
    struct resolver *resolver; /* NULL: none */
    struct service auth_service, resolver_service;
    pthread_t thread;
    unsigned index;
    int cpu; /* to stay on; -1: any */
    bool started;
    bool stop; /* set on the worker's own thread, by a job */
    struct loop_job stop_job;
};

/* Makes worker `index` ready; takes the listening sockets over, two for each address. */
enum status worker_init(struct worker *w, unsigned index, struct shared *sh,
                        const struct netaddr *addrs, const int (*fds)[2], size_t n) MUST_USE;
/* Starts its thread. ST_EIO. */
enum status worker_start(struct worker *w) MUST_USE;
/* Tells it to end, from another thread, and waits for that. */
void worker_stop(struct worker *w);
void worker_free(struct worker *w);
/* Runs effects of the resolver until there are none: after every call into it. */
void worker_drain(struct worker *w);

#endif
