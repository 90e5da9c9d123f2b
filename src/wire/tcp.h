/* DNS over a byte stream (RFC 1035 section 4.2.2, RFC 7766) as a byte machine: bytes go in, whole
 * messages come out, and the other way. No sockets: io/ reads into the room offered and writes what
 * is pending; sim/ does the same with its own bytes.
 *
 *     p = tcp_in_room(&in, &n); got = read(fd, p, n); tcp_in_added(&in, got);
 *     while ((st = tcp_in_next(&in, &msg)) == ST_OK) answer(msg);
 *     if (st == ST_EFORMAT) close
 *
 *     tcp_out_add(&out, answer);  b = tcp_out_pending(&out); put = write(fd, b.p, b.n);
 *     tcp_out_sent(&out, put);
 *
 * Both buffers start small, grow on demand to a maximum given at the start, and are given back when
 * they run empty, so that an idle connection costs no memory. */
#ifndef BANYAN_WIRE_TCP_H
#define BANYAN_WIRE_TCP_H

#include "base/bytes.h"
#include "base/limits.h"
#include "base/status.h"

enum {
    TCP_PREFIX = 2,                          /* length field before each message */
    TCP_IN_MAX = TCP_PREFIX + LIMIT_MESSAGE, /* room for any one message */
    TCP_IN_START = 2048,                     /* first buffer: an ordinary query or a few */
    TCP_OUT_MAX = LIMIT_TCP_PENDING,         /* answers waiting for the peer to read them */
};

/* The receiving half. Owns its buffer. */
struct tcp_in {
    uint8_t *buf;
    uint32_t cap;         /* bytes of buf */
    uint32_t max_message; /* longest message taken */
    uint32_t start, end;  /* unread bytes: buf[start, end) */
    uint64_t messages;    /* whole messages given out so far */
};

/* max_message: the longest message that is accepted, at most LIMIT_MESSAGE. Allocates nothing. */
void tcp_in_init(struct tcp_in *t, size_t max_message);
void tcp_in_free(struct tcp_in *t);
/* Where the next bytes from the peer go, *ret_n of them at most (never 0). Messages given out
 * before are no longer valid. NULL when memory is out. Take all messages out before asking for
 * room. */
uint8_t *tcp_in_room(struct tcp_in *t, size_t *ret_n) MUST_USE;
/* n bytes were put into the room. */
void tcp_in_added(struct tcp_in *t, size_t n);
/* The next whole message, borrowed until the next call of a tcp_in function.
 * ST_ESHORT: more bytes are needed. ST_EFORMAT: a length below a header's 12 bytes, ST_ELIMIT: one
 * above max_message; after either the stream is lost: close it. */
enum status tcp_in_next(struct tcp_in *t, struct bytes *ret) MUST_USE;
/* Copies bytes in, as many as there is room for: for drivers without a read call of their own.
 * *ret_used may be less than b.n: take the messages out and feed the rest. ST_ENOMEM. */
enum status tcp_in_feed(struct tcp_in *t, struct bytes b, size_t *ret_used) MUST_USE;
/* For drivers that read into a buffer shared by many connections: takes the next whole message off
 * the front of *b, as tcp_in_next does; */
enum status tcp_split(struct bytes *b, size_t max_message, struct bytes *ret) MUST_USE;
/* and keeps what is left of it, behind what is kept already. ST_ENOMEM. */
enum status tcp_in_keep(struct tcp_in *t, struct bytes b) MUST_USE;
/* True when a message has begun and is not whole: an end of stream now is an error of the peer. */
static inline bool tcp_in_partial(const struct tcp_in *t)
{
    return t->end > t->start;
}

/* The sending half. Owns its buffer. */
struct tcp_out {
    uint8_t *buf;
    uint32_t cap, max;   /* max: bytes that may wait at once */
    uint32_t start, end; /* unsent bytes: buf[start, end) */
};

/* max_pending 0: TCP_OUT_MAX. */
void tcp_out_init(struct tcp_out *t, size_t max_pending);
void tcp_out_free(struct tcp_out *t);
/* Queues one message with its length before it, so that both leave in one segment (RFC 7766 section
 * 8). Copies. ST_ELIMIT: the peer does not read: stop reading from it, or close. ST_ERANGE: longer
 * than LIMIT_MESSAGE. ST_ENOMEM. */
enum status tcp_out_add(struct tcp_out *t, struct bytes msg) MUST_USE;
/* True if a message of n bytes could be queued now. */
static inline bool tcp_out_fits(const struct tcp_out *t, size_t n)
{
    return n <= LIMIT_MESSAGE && t->end - t->start + TCP_PREFIX + n <= t->max;
}
/* Queues bytes that have their length fields already: what the peer did not take of them.
 * ST_ELIMIT, ST_ENOMEM. */
enum status tcp_out_keep(struct tcp_out *t, struct bytes b) MUST_USE;
/* What waits to be sent; n is 0 when nothing does. Borrowed until the next call. */
static inline struct bytes tcp_out_pending(const struct tcp_out *t)
{
    if (t->buf == NULL)
        return (struct bytes){NULL, 0};
    return bytes_of(t->buf + t->start, t->end - t->start);
}
/* n bytes of it were written. */
void tcp_out_sent(struct tcp_out *t, size_t n);

#endif
