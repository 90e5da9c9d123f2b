/* The one way to write a packet or a record: bounds-checked, with mark and rollback.
 *
 * A write that does not fit sets the sticky `full` flag and writes nothing; wr_rollback() to an
 * earlier mark clears it. So an encoder writes a whole RRset, asks once, and takes it back if it
 * did not fit. */
#ifndef BANYAN_BASE_WRITER_H
#define BANYAN_BASE_WRITER_H

#include "base/attr.h"
#include "base/bytes.h"

struct writer {
    uint8_t *base;
    uint8_t *p;
    uint8_t *end;
    bool full;
};

static inline struct writer wr_of(void *buf, size_t cap)
{
    return (struct writer){buf, buf, (uint8_t *)buf + cap, false};
}

static inline bool wr_ok(const struct writer *w)
{
    return !w->full;
}

static inline size_t wr_len(const struct writer *w)
{
    return (size_t)(w->p - w->base);
}

static inline size_t wr_left(const struct writer *w)
{
    return (size_t)(w->end - w->p);
}

static inline struct bytes wr_done(const struct writer *w)
{
    return (struct bytes){w->base, wr_len(w)};
}

static inline uint8_t *wr_mark(const struct writer *w)
{
    return w->p;
}

static inline void wr_rollback(struct writer *w, uint8_t *mark)
{
    w->p = mark;
    w->full = false;
}

/* Room for n bytes that the caller fills, or NULL. */
static inline uint8_t *wr_room(struct writer *w, size_t n)
{
    if (UNLIKELY(w->full || (size_t)(w->end - w->p) < n)) {
        w->full = true;
        return NULL;
    }
    uint8_t *p = w->p;
    w->p += n;
    return p;
}

static inline void wr_bytes(struct writer *w, const void *src, size_t n)
{
    uint8_t *p = wr_room(w, n);
    if (LIKELY(p != NULL) && n > 0)
        memcpy(p, src, n);
}

static inline void wr_u8(struct writer *w, uint8_t v)
{
    uint8_t *p = wr_room(w, 1);
    if (LIKELY(p != NULL))
        p[0] = v;
}

static inline void wr_u16(struct writer *w, uint16_t v)
{
    uint8_t *p = wr_room(w, 2);
    if (LIKELY(p != NULL))
        put_be16(p, v);
}

static inline void wr_u32(struct writer *w, uint32_t v)
{
    uint8_t *p = wr_room(w, 4);
    if (LIKELY(p != NULL))
        put_be32(p, v);
}

static inline void wr_u48(struct writer *w, uint64_t v)
{
    wr_u16(w, (uint16_t)(v >> 32));
    wr_u32(w, (uint32_t)v);
}

static inline void wr_u64(struct writer *w, uint64_t v)
{
    uint8_t *p = wr_room(w, 8);
    if (LIKELY(p != NULL))
        put_be64(p, v);
}

#endif
