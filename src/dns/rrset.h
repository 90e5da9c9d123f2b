/* RRsets as everything above dns/ passes them around: borrowed views over packed RDATA.
 *
 * Packed RDATA is `count` times [2-byte big-endian length][that many bytes], uncompressed and valid
 * for the type. Zones, the cache and parsed messages all keep it in this form, so an RRset goes
 * from any of them into an answer without being rewritten. */
#ifndef BANYAN_DNS_RRSET_H
#define BANYAN_DNS_RRSET_H

#include "base/bytes.h"
#include "dns/name.h"

enum { CLASS_IN = 1, CLASS_CH = 3, CLASS_HS = 4, CLASS_NONE = 254, CLASS_ANY = 255 };

struct rrset {
    const uint8_t *owner; /* name, borrowed */
    uint16_t type;
    uint16_t rclass;
    uint32_t ttl; /* seconds */
    uint16_t count;
    uint32_t rdata_size;  /* bytes of rdata, length fields included */
    const uint8_t *rdata; /* packed, borrowed */
};

/* The RDATA at *p of packed RDATA; moves *p to the next. */
static inline struct bytes rdata_next(const uint8_t **p)
{
    struct bytes b = {*p + 2, get_be16(*p)};
    *p += 2 + b.n;
    return b;
}

/* Walks the RDATA of a set:
 *
 *     struct rdata_iter it = rdata_iter(&set);
 *     for (struct bytes rd; rdata_iter_next(&it, &rd);) ... */
struct rdata_iter {
    const uint8_t *p, *end;
};

static inline struct rdata_iter rdata_iter(const struct rrset *s)
{
    return (struct rdata_iter){s->rdata, s->rdata + s->rdata_size};
}

static inline bool rdata_iter_next(struct rdata_iter *it, struct bytes *ret)
{
    if (it->p >= it->end)
        return false;
    *ret = rdata_next(&it->p);
    return true;
}

#endif
