/* The digest of the zone that has just been made, put into the place kept for it (RFC 8976). */
#include "dnssec/sign_impl.h"
#include "zone/zonemd.h"

#include <string.h>

static enum status sign_again(struct signer *s, struct zone *z, const struct rrset *set)
{
    struct lane *l = &s->lane[0];
    struct rrset sigs;
    if (!zone_rrsig(z, zone_apex(z), RR_ZONEMD, zone_origin(z), &sigs))
        return ST_ESEMANTIC;
    struct rdata_iter it = rdata_iter(&sigs);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct rrsig g;
        uint8_t rdata[RRSIG_RDATA_MAX];
        struct writer w = wr_of(rdata, sizeof rdata);
        if (!rrsig_read(rd, &g))
            return ST_EFORMAT;
        for (unsigned i = 0; i < s->plan->keys; i++) {
            const struct sign_key *k = &s->plan->key[i];
            if (!k->sign_zone || k->tag != g.tag || k->algorithm != g.algorithm || wr_len(&w) > 0)
                continue;
            TRY(rrsig_make(l->key[i], set, &g, &l->buffer, &w));
            zone_overwrite(z, rd, wr_done(&w));
        }
    }
    return ST_OK;
}

enum status zonemd_put(struct signer *s, struct zone *z)
{
    uint8_t digest[DIGEST_MAX], rdata[6 + DIGEST_MAX];
    struct rrset set;
    size_t n;
    if (!zone_rrset(z, zone_apex(z), RR_ZONEMD, zone_origin(z), &set))
        return ST_ESEMANTIC;
    TRY(zonemd_compute(z, ZONEMD_SHA384, digest, &n));
    const uint8_t *p = set.rdata;
    struct bytes rd = rdata_next(&p);
    memcpy(rdata, rd.p, 6);
    memcpy(rdata + 6, digest, n);
    zone_overwrite(z, rd, bytes_of(rdata, 6 + n));
    return sign_again(s, z, &set);
}
