/* The one way to read bytes that came from outside: bounds-checked, with a sticky failure.
 *
 * After an overrun every read returns zero and rd_ok() is false for good, so a parser reads a whole
 * record and asks once. */
#ifndef BANYAN_BASE_READER_H
#define BANYAN_BASE_READER_H

#include "base/attr.h"
#include "base/bytes.h"

struct reader {
    const uint8_t *base; /* start of the whole buffer: offsets are counted from here */
    const uint8_t *p;    /* next byte */
    const uint8_t *end;
    bool failed;
};

static inline struct reader rd_of(struct bytes b)
{
    return (struct reader){b.p, b.p, b.p + b.n, false};
}

/* A reader of base[off, off+n), keeping offsets relative to the whole buffer. The caller has
 * checked that the range lies inside. */
static inline struct reader rd_part(struct bytes whole, size_t off, size_t n)
{
    return (struct reader){whole.p, whole.p + off, whole.p + off + n, false};
}

static inline bool rd_ok(const struct reader *r)
{
    return !r->failed;
}

static inline size_t rd_left(const struct reader *r)
{
    return r->failed ? 0 : (size_t)(r->end - r->p);
}

static inline size_t rd_offset(const struct reader *r)
{
    return (size_t)(r->p - r->base);
}

/* The next n bytes in place, or NULL (and failure) if fewer are left. */
static inline const uint8_t *rd_take(struct reader *r, size_t n)
{
    if (UNLIKELY(r->failed || (size_t)(r->end - r->p) < n)) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    return p;
}

static inline void rd_skip(struct reader *r, size_t n)
{
    (void)rd_take(r, n);
}

static inline struct bytes rd_bytes(struct reader *r, size_t n)
{
    const uint8_t *p = rd_take(r, n);
    return (struct bytes){p, p ? n : 0};
}

static inline struct bytes rd_rest(struct reader *r)
{
    return rd_bytes(r, rd_left(r));
}

static inline uint8_t rd_u8(struct reader *r)
{
    const uint8_t *p = rd_take(r, 1);
    return p ? p[0] : 0;
}

static inline uint16_t rd_u16(struct reader *r)
{
    const uint8_t *p = rd_take(r, 2);
    return p ? get_be16(p) : 0;
}

static inline uint32_t rd_u32(struct reader *r)
{
    const uint8_t *p = rd_take(r, 4);
    return p ? get_be32(p) : 0;
}

static inline uint64_t rd_u48(struct reader *r)
{
    const uint8_t *p = rd_take(r, 6);
    return p ? get_be48(p) : 0;
}

static inline uint64_t rd_u64(struct reader *r)
{
    const uint8_t *p = rd_take(r, 8);
    return p ? get_be64(p) : 0;
}

#endif
