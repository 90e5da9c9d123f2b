/* The seam between transports and roles: one request in, one response out, now or later.
 *
 * io/ (or sim/) fills a request and calls service.handle; a role answers at once into the buffer
 * given, drops it, or keeps the token and answers later through an effect. */
#ifndef BANYAN_QUERY_REQUEST_H
#define BANYAN_QUERY_REQUEST_H

#include "base/netaddr.h"
#include "core/env.h"

enum transport { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_LOCAL /* control socket, own process */ };

struct request {
    struct netaddr client; /* who asks */
    struct netaddr local;  /* the address that was asked */
    enum transport transport;
    uint64_t token; /* the driver's handle, given back with a late answer */
    struct now now;
    struct bytes wire; /* the query; borrowed for the call */
    uint8_t *out;      /* response buffer */
    size_t out_cap;    /* 65,535 for TCP; at least 4,096 for UDP */
    bool behind;       /* queries wait unread: only what costs little is worth doing */
};

enum outcome {
    OUTCOME_ANSWER, /* *ret_n bytes stand in out */
    OUTCOME_DROP,   /* no answer at all */
    OUTCOME_LATER,  /* an EFFECT_ANSWER with the token will follow, or an EFFECT_FORGET */
};

struct service {
    void *ctx;
    enum outcome (*handle)(void *ctx, struct request *rq, size_t *ret_n);
    /* Requests that will be handled next, so that what they need can be fetched for all at once.
     * May be NULL; n is at most SERVICE_AHEAD. */
    void (*ahead)(void *ctx, const struct bytes *wire, unsigned n);
};
enum { SERVICE_AHEAD = 64 };

/* What a machine wants done: drained by its driver after every call into it. */
enum effect_kind {
    EFFECT_SEND,   /* send `data` to `to` (TCP: the driver connects and frames); replies come back
                      with `id` */
    EFFECT_CLOSE,  /* exchange `id` is over: forget its socket, or keep it if `answered` */
    EFFECT_ANSWER, /* `data` answers the request with token `id` */
    EFFECT_FORGET, /* the request with token `id` gets no answer */
};

struct effect {
    enum effect_kind kind;
    enum transport transport;
    bool answered;       /* CLOSE: one message came, and it was the reply */
    uint64_t id;         /* exchange number (SEND, CLOSE) or request token (ANSWER, FORGET) */
    struct netaddr to;   /* SEND: with port */
    struct netaddr from; /* SEND: source address to use; family ADDR_NONE: any */
    struct bytes data;   /* borrowed until the next call into the machine */
};

#endif
