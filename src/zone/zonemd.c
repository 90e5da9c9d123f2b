#include "zone/zonemd.h"

#include "base/writer.h"
#include "dns/rdata.h"
#include "zone/rdata_order.h"

#include <stdlib.h>

struct hashing {
    const struct zone *z;
    struct digest *d;
    const uint8_t **order;
    size_t order_cap;
    uint8_t owner[LIMIT_NAME]; /* lower case */
    size_t owner_len;
    uint8_t *rdata; /* one RDATA in canonical form */
};

static enum status set_hash(struct hashing *h, const struct rrset *s)
{
    if (s->count > h->order_cap) {
        const uint8_t **v = realloc(h->order, s->count * sizeof *v);
        if (v == NULL)
            return ST_ENOMEM;
        h->order = v;
        h->order_cap = s->count;
    }
    rdata_order(s, h->order);
    for (unsigned i = 0; i < s->count; i++) {
        uint8_t head[10];
        const uint8_t *p = h->order[i];
        struct writer w = wr_of(h->rdata, UINT16_MAX);
        TRY(rdata_canonical(s->type, rdata_next(&p), &w));
        put_be16(head, s->type);
        put_be16(head + 2, s->rclass);
        put_be32(head + 4, s->ttl);
        put_be16(head + 8, (uint16_t)wr_len(&w));
        digest_update(h->d, bytes_of(h->owner, h->owner_len));
        digest_update(h->d, bytes_of(head, sizeof head));
        digest_update(h->d, wr_done(&w));
    }
    return ST_OK;
}

static bool left_out(const struct hashing *h, const struct zone_node *n, const struct rrset *s)
{
    if (n != zone_apex(h->z))
        return false;
    return s->type == RR_ZONEMD || (s->type == RR_RRSIG && get_be16(s->rdata + 2) == RR_ZONEMD);
}

/* RRSIGs come last from zone_rrset_next(), but have their place among the types. */
static enum status node_hash_sets(struct hashing *h, const struct zone_node *n)
{
    struct rrset s;
    bool sigs_done = false;
    for (uint32_t cursor = 0; zone_rrset_next(h->z, n, h->owner, &cursor, &s);) {
        if (s.type == RR_RRSIG && sigs_done)
            break;
        if (s.type >= RR_RRSIG && !sigs_done) {
            struct rrset sig;
            for (uint32_t c = 0; zone_rrset_next(h->z, n, h->owner, &c, &sig);)
                if (sig.type == RR_RRSIG && !left_out(h, n, &sig))
                    TRY(set_hash(h, &sig));
            sigs_done = true;
        }
        if (s.type != RR_RRSIG && !left_out(h, n, &s))
            TRY(set_hash(h, &s));
    }
    return ST_OK;
}

enum status zonemd_compute(const struct zone *z, unsigned hash, uint8_t ret[DIGEST_MAX],
                           size_t *ret_len)
{
    if (hash != ZONEMD_SHA384 && hash != ZONEMD_SHA512)
        return ST_EUNSUPPORTED;
    enum digest_kind kind = hash == ZONEMD_SHA384 ? DIGEST_SHA384 : DIGEST_SHA512;
    struct hashing h = {.z = z, .d = digest_new(kind), .rdata = malloc(UINT16_MAX)};
    enum status st = h.d != NULL && h.rdata != NULL ? ST_OK : ST_ENOMEM;
    for (const struct zone_node *n = NULL; st == ST_OK && (n = zone_next(z, n)) != NULL;) {
        if (zone_node_empty(n))
            continue;
        h.owner_len = zone_node_name(z, n, h.owner);
        name_lower_inplace(h.owner);
        st = node_hash_sets(&h, n);
    }
    if (st == ST_OK)
        st = digest_final(h.d, ret);
    *ret_len = digest_size(kind);
    digest_free(h.d);
    free(h.rdata);
    free(h.order);
    return st;
}

/* True if another record of the set has the same scheme and hash: such are all invalid (section 2).
 */
static bool repeated(const struct rrset *s, struct bytes rd)
{
    struct bytes o;
    unsigned same = 0;
    for (struct rdata_iter it = rdata_iter(s); rdata_iter_next(&it, &o);)
        same += o.n >= 6 && o.p[4] == rd.p[4] && o.p[5] == rd.p[5];
    return same > 1;
}

enum zonemd_result zonemd_verify(const struct zone *z)
{
    struct rrset s;
    struct bytes rd;
    enum zonemd_result res = ZONEMD_UNSUPPORTED;
    if (!zone_rrset(z, zone_apex(z), RR_ZONEMD, zone_origin(z), &s))
        return ZONEMD_NONE;
    for (struct rdata_iter it = rdata_iter(&s); rdata_iter_next(&it, &rd);) {
        uint8_t digest[DIGEST_MAX];
        size_t len;
        if (rd.n < 6 || rd.p[4] != ZONEMD_SIMPLE || repeated(&s, rd))
            continue;
        if (get_be32(rd.p) != zone_serial(z)) {
            res = res == ZONEMD_UNSUPPORTED ? ZONEMD_SERIAL : res;
            continue;
        }
        if (zonemd_compute(z, rd.p[5], digest, &len) != ST_OK)
            continue;
        if (rd.n - 6 == len && memcmp(rd.p + 6, digest, len) == 0)
            return ZONEMD_MATCH;
        res = ZONEMD_MISMATCH;
    }
    return res;
}
