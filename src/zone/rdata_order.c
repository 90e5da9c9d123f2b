#include "zone/rdata_order.h"

#include "dns/rdata.h"

#include <stdlib.h>

static int compare(const void *a, const void *b, void *type)
{
    const uint8_t *x = *(const uint8_t *const *)a, *y = *(const uint8_t *const *)b;
    return rdata_compare(*(uint16_t *)type, rdata_next(&x), rdata_next(&y));
}

void rdata_order(const struct rrset *set, const uint8_t **ret)
{
    const uint8_t *p = set->rdata;
    uint16_t type = set->type;
    for (unsigned i = 0; i < set->count; i++) {
        ret[i] = p;
        p += 2 + get_be16(p);
    }
    if (set->count > 1)
        qsort_r(ret, set->count, sizeof *ret, compare, &type);
}
