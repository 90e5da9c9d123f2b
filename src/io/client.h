/* A small DNS client for tools: one question, one server, blocking. (The servers ask through the
 * resolver machine and io/upstream.h.) */
#ifndef BANYAN_IO_CLIENT_H
#define BANYAN_IO_CLIENT_H

#include "base/netaddr.h"
#include "base/status.h"

struct client_call {
    struct netaddr server;
    struct netaddr from; /* family ADDR_NONE: whichever the system picks */
    bool tcp;            /* at once, without UDP first */
    bool keep_truncated; /* do not ask again over TCP when TC is set */
    uint32_t timeout_ms; /* of one try */
    uint32_t tries;      /* over UDP; at least 1 */
};

struct client_reply {
    struct bytes wire;   /* in the caller's buffer */
    bool tcp;            /* how it came */
    bool was_truncated;  /* a truncated answer over UDP came first */
    uint32_t tries;      /* UDP packets sent */
    uint32_t ignored;    /* packets that were no answer to this question */
    uint64_t elapsed_us; /* from the packet that was answered to its reply */
    int err;             /* errno of ST_EIO */
};

/* Sends `query` (a whole message, its ID included) and waits for its reply in buf, LIMIT_MESSAGE
 * bytes. A reply counts only if it comes from the server's address and port, and its ID, opcode and
 * question are the query's (RFC 5452 section 9); an error reply may leave the question out.
 * Truncated answers are asked for again over TCP (RFC 7766 section 5). ST_ETIMEOUT; ST_EIO with
 * ret->err; ST_EFORMAT: the server sent something else over TCP. */
enum status client_ask(const struct client_call *c, struct bytes query, uint8_t *buf,
                       struct client_reply *ret) MUST_USE;
/* True if reply answers query, by the rules above. */
bool client_matches(struct bytes query, struct bytes reply);

#endif
