/* The trust anchor of an Internet: its root's keys with the SEP flag. */
#include "dnssec/dnskey.h"
#include "sim/internet.h"

struct anchors *internet_anchors(const struct internet *in)
{
    struct rrset set;
    uint8_t ds[4 + DS_DIGEST_MAX];
    const struct zone *root = internet_zone(in, name_root);
    if (root == NULL || !zone_rrset(root, zone_apex(root), RR_DNSKEY, name_root, &set))
        return NULL;
    struct anchors *a = anchors_new();
    struct rdata_iter it = rdata_iter(&set);
    for (struct bytes rd; a != NULL && rdata_iter_next(&it, &rd);) {
        struct writer w = wr_of(ds, sizeof ds);
        if ((get_be16(rd.p) & DNSKEY_SEP) == 0)
            continue;
        if (ds_write(DS_SHA256, name_root, rd, &w) != ST_OK ||
            anchors_add_ds(a, name_root, wr_done(&w)) != ST_OK) {
            anchors_free(a);
            a = NULL;
        }
    }
    return a;
}
