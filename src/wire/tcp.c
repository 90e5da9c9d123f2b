#include "wire/tcp.h"

#include "base/attr.h"

#include <stdlib.h>

enum { HEADER_SIZE = 12 };

void tcp_in_init(struct tcp_in *t, size_t max_message)
{
    ASSERT(max_message >= HEADER_SIZE && max_message <= LIMIT_MESSAGE);
    *t = (struct tcp_in){.max_message = (uint32_t)max_message};
}

void tcp_in_free(struct tcp_in *t)
{
    free(t->buf);
    t->buf = NULL;
    t->cap = t->start = t->end = 0;
}

/* Bytes of buffer that the message at the front will need; the least buffer if its length is not
 * known yet. */
static uint32_t in_wanted(const struct tcp_in *t)
{
    if (t->end - t->start < TCP_PREFIX)
        return TCP_PREFIX;
    return TCP_PREFIX + MIN(get_be16(t->buf + t->start), t->max_message);
}

uint8_t *tcp_in_room(struct tcp_in *t, size_t *ret_n)
{
    uint32_t have = t->end - t->start, want = in_wanted(t);
    if (have >= want) /* the caller left whole messages inside: keep them and find room behind */
        want = have + 1;
    if (have == 0)
        t->start = t->end = 0;
    if (t->start + want > t->cap || t->end == t->cap) {
        if (t->start > 0) {
            memmove(t->buf, t->buf + t->start, have);
            t->start = 0;
            t->end = have;
        }
        if (want > t->cap) {
            uint32_t cap = MAX(want, (uint32_t)TCP_IN_START);
            uint8_t *p = realloc(t->buf, cap);
            if (p == NULL)
                return NULL;
            t->buf = p;
            t->cap = cap;
        }
    }
    *ret_n = t->cap - t->end;
    return t->buf + t->end;
}

void tcp_in_added(struct tcp_in *t, size_t n)
{
    ASSERT(n <= t->cap - t->end);
    t->end += (uint32_t)n;
}

enum status tcp_in_next(struct tcp_in *t, struct bytes *ret)
{
    uint32_t have = t->end - t->start;
    if (have < TCP_PREFIX) {
        if (have == 0 && t->cap > TCP_IN_START)
            tcp_in_free(t); /* a long message came by: do not keep its buffer while idle */
        return ST_ESHORT;
    }
    struct bytes b = bytes_of(t->buf + t->start, have);
    TRY(tcp_split(&b, t->max_message, ret));
    t->start = t->end - (uint32_t)b.n;
    t->messages++;
    return ST_OK;
}

enum status tcp_split(struct bytes *b, size_t max_message, struct bytes *ret)
{
    if (b->n < TCP_PREFIX)
        return ST_ESHORT;
    size_t n = get_be16(b->p);
    if (n < HEADER_SIZE)
        return ST_EFORMAT;
    if (n > max_message)
        return ST_ELIMIT;
    if (b->n < TCP_PREFIX + n)
        return ST_ESHORT;
    *ret = bytes_of(b->p + TCP_PREFIX, n);
    *b = bytes_of(b->p + TCP_PREFIX + n, b->n - TCP_PREFIX - n);
    return ST_OK;
}

enum status tcp_in_keep(struct tcp_in *t, struct bytes b)
{
    uint32_t have = t->end - t->start;
    ASSERT(b.n <= TCP_IN_MAX);
    if (have + b.n > t->cap) {
        uint32_t cap = (uint32_t)MAX(have + b.n, (size_t)TCP_IN_START);
        uint8_t *p = malloc(cap);
        if (p == NULL)
            return ST_ENOMEM;
        if (have > 0)
            memcpy(p, t->buf + t->start, have);
        free(t->buf);
        t->buf = p;
        t->cap = cap;
        t->start = 0;
    } else if (t->start > 0) {
        memmove(t->buf, t->buf + t->start, have);
        t->start = 0;
    }
    if (b.n > 0)
        memcpy(t->buf + have, b.p, b.n);
    t->end = have + (uint32_t)b.n;
    return ST_OK;
}

enum status tcp_in_feed(struct tcp_in *t, struct bytes b, size_t *ret_used)
{
    *ret_used = 0;
    if (b.n == 0)
        return ST_OK;
    size_t room;
    uint8_t *p = tcp_in_room(t, &room);
    if (p == NULL)
        return ST_ENOMEM;
    size_t n = MIN(room, b.n);
    memcpy(p, b.p, n);
    tcp_in_added(t, n);
    *ret_used = n;
    return ST_OK;
}

void tcp_out_init(struct tcp_out *t, size_t max_pending)
{
    ASSERT(max_pending <= UINT32_MAX / 2);
    *t = (struct tcp_out){.max = max_pending != 0 ? (uint32_t)max_pending : (uint32_t)TCP_OUT_MAX};
}

void tcp_out_free(struct tcp_out *t)
{
    free(t->buf);
    t->buf = NULL;
    t->cap = t->start = t->end = 0;
}

/* Room for n bytes more, behind what waits. ST_ENOMEM. */
static enum status out_reserve(struct tcp_out *t, uint32_t n)
{
    uint32_t have = t->end - t->start;
    if (t->end + n > t->cap && t->start > 0) {
        memmove(t->buf, t->buf + t->start, have);
        t->start = 0;
        t->end = have;
    }
    if (t->end + n > t->cap) {
        uint32_t cap = MAX(MIN(t->cap * 2, t->max), MAX(have + n, (uint32_t)TCP_IN_START));
        uint8_t *p = realloc(t->buf, cap);
        if (p == NULL)
            return ST_ENOMEM;
        t->buf = p;
        t->cap = cap;
    }
    return ST_OK;
}

enum status tcp_out_add(struct tcp_out *t, struct bytes msg)
{
    if (msg.n > LIMIT_MESSAGE)
        return ST_ERANGE;
    if (!tcp_out_fits(t, msg.n))
        return ST_ELIMIT;
    TRY(out_reserve(t, (uint32_t)(TCP_PREFIX + msg.n)));
    put_be16(t->buf + t->end, (uint16_t)msg.n);
    if (msg.n > 0)
        memcpy(t->buf + t->end + TCP_PREFIX, msg.p, msg.n);
    t->end += (uint32_t)(TCP_PREFIX + msg.n);
    return ST_OK;
}

enum status tcp_out_keep(struct tcp_out *t, struct bytes b)
{
    if (b.n > t->max - (t->end - t->start))
        return ST_ELIMIT;
    TRY(out_reserve(t, (uint32_t)b.n));
    if (b.n > 0)
        memcpy(t->buf + t->end, b.p, b.n);
    t->end += (uint32_t)b.n;
    return ST_OK;
}

void tcp_out_sent(struct tcp_out *t, size_t n)
{
    ASSERT(n <= t->end - t->start);
    t->start += (uint32_t)n;
    if (t->start == t->end) {
        t->start = t->end = 0;
        if (t->cap > TCP_IN_START)
            tcp_out_free(t);
    }
}
