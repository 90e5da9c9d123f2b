/* Trust anchors of an Internet: keys of its zones that have the SEP flag. */
#include "dnssec/dnskey.h"
#include "sim/internet.h"

enum status internet_anchors_add(const struct internet *in, const uint8_t *zone, struct anchors *a)
{
    struct rrset set;
    uint8_t ds[4 + DS_DIGEST_MAX];
    const struct zone *z = internet_zone(in, zone);
    if (z == NULL || !zone_rrset(z, zone_apex(z), RR_DNSKEY, name_root, &set))
        return ST_ENOTFOUND;
    struct rdata_iter it = rdata_iter(&set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct writer w = wr_of(ds, sizeof ds);
        if ((get_be16(rd.p) & DNSKEY_SEP) == 0)
            continue;
        TRY(ds_write(DS_SHA256, zone_origin(z), rd, &w));
        enum status st = anchors_add_ds(a, zone_origin(z), wr_done(&w));
        if (st == ST_EUNSUPPORTED)
            st = anchors_add_unusable(a, zone_origin(z), wr_done(&w));
        TRY(st);
    }
    return ST_OK;
}

struct anchors *internet_anchors(const struct internet *in)
{
    struct anchors *a = anchors_new();
    if (a == NULL || internet_anchors_add(in, name_root, a) == ST_OK)
        return a;
    anchors_free(a);
    return NULL;
}
