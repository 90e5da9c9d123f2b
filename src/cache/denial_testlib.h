/* What the tests, the fuzz target and the benchmark of the aggressive cache share: records made
 * without a signer, for the cache itself looks at no signature's bits. */
#ifndef BANYAN_CACHE_DENIAL_TESTLIB_H
#define BANYAN_CACHE_DENIAL_TESTLIB_H

#include "base/hash.h"
#include "base/writer.h"
#include "cache/denial.h"
#include "dns/rr_type.h"

#include <stdlib.h>

/* A record and one RRSIG of it. */
struct made {
    struct name owner;
    uint8_t rdata[1024], sig[2 + 18 + LIMIT_NAME + 64];
    struct rrset set, sigs;
};

/* What is signed, and how; 0 and NULL: rightly. */
struct made_how {
    const uint8_t *signer;
    uint16_t covered;
    uint8_t labels_plus; /* added to the right number */
    uint8_t flags;       /* of NSEC3 */
    uint16_t iterations;
    const char *salt;
};

static inline void made_sign(struct made *m, const uint8_t *zone, const struct made_how *h)
{
    struct writer w = wr_of(m->sig, sizeof m->sig);
    const uint8_t *signer = h->signer != NULL ? h->signer : zone;
    unsigned labels = name_labels(m->owner.w) - name_is_wildcard(m->owner.w) + h->labels_plus;
    wr_u16(&w, 0);
    wr_u16(&w, h->covered != 0 ? h->covered : m->set.type);
    wr_u8(&w, 13);
    wr_u8(&w, (uint8_t)labels);
    wr_u32(&w, 300);
    wr_u32(&w, 1900000000);
    wr_u32(&w, 1600000000);
    wr_u16(&w, 4711);
    wr_bytes(&w, signer, name_len(signer));
    for (unsigned i = 0; i < 64; i++)
        wr_u8(&w, (uint8_t)i);
    put_be16(m->sig, (uint16_t)(wr_len(&w) - 2));
    m->sigs = (struct rrset){m->owner.w, RR_RRSIG, CLASS_IN, 300, 1, (uint32_t)wr_len(&w), m->sig};
}

static inline void made_begin(struct made *m, const uint8_t *owner, uint16_t type)
{
    name_copy(m->owner.w, owner);
    m->set = (struct rrset){m->owner.w, type, CLASS_IN, 300, 1, 0, m->rdata};
}

static inline void made_end(struct made *m, const struct writer *w, const uint8_t *zone,
                            const struct made_how *h)
{
    m->set.rdata_size = (uint32_t)wr_len(w);
    put_be16(m->rdata, (uint16_t)(wr_len(w) - 2));
    made_sign(m, zone, h);
}

/* types: ascending, ended by 0. */
static inline void made_types(struct writer *w, const uint16_t *types)
{
    size_t n = 0;
    while (types[n] != 0)
        n++;
    if (bitmap_write(types, n, w) != ST_OK)
        abort();
}

static inline void made_nsec(struct made *m, const uint8_t *zone, const uint8_t *owner,
                             const uint8_t *next, const uint16_t *types, const struct made_how *h)
{
    struct writer w = wr_of(m->rdata, sizeof m->rdata);
    made_begin(m, owner, RR_NSEC);
    wr_u16(&w, 0);
    wr_bytes(&w, next, name_len(next));
    made_types(&w, types);
    made_end(m, &w, zone, h);
}

static inline void made_nsec3(struct made *m, const uint8_t *zone, const uint8_t *hash,
                              const uint8_t *next, const uint16_t *types, const struct made_how *h)
{
    struct writer w = wr_of(m->rdata, sizeof m->rdata);
    struct name owner;
    size_t salt = h->salt != NULL ? strlen(h->salt) : 0;
    if (nsec3_owner(hash, zone, &owner) != ST_OK)
        abort();
    made_begin(m, owner.w, RR_NSEC3);
    wr_u16(&w, 0);
    wr_u8(&w, NSEC3_SHA1);
    wr_u8(&w, h->flags);
    wr_u16(&w, h->iterations);
    wr_u8(&w, (uint8_t)salt);
    wr_bytes(&w, h->salt, salt);
    wr_u8(&w, NSEC3_HASH);
    wr_bytes(&w, next, NSEC3_HASH);
    made_types(&w, types);
    made_end(m, &w, zone, h);
}

static inline void made_soa(struct made *m, const uint8_t *zone, uint32_t minimum,
                            const struct made_how *h)
{
    struct writer w = wr_of(m->rdata, sizeof m->rdata);
    made_begin(m, zone, RR_SOA);
    wr_u16(&w, 0);
    wr_u8(&w, 0);
    wr_u8(&w, 0);
    for (unsigned i = 0; i < 4; i++)
        wr_u32(&w, 1);
    wr_u32(&w, minimum);
    made_end(m, &w, zone, h);
}

#endif
