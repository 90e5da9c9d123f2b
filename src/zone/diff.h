/* The difference of two versions of a zone, record by record, in canonical order. */
#ifndef BANYAN_ZONE_DIFF_H
#define BANYAN_ZONE_DIFF_H

#include "base/status.h"
#include "zone/zone.h"

/* One change; everything is borrowed for the call. A TTL that changed is a removal and an addition.
 */
struct zone_change {
    bool added;
    const uint8_t *owner;
    uint16_t type;
    uint32_t ttl;
    struct bytes rdata;
};
typedef void zone_change_fn(void *ctx, const struct zone_change *c);

/* Tells every change that leads from a to b: of a name and type first what was removed. Returns how
 * many. ST_ESEMANTIC: the zones have different names. ST_ENOMEM. */
enum status zone_diff(const struct zone *a, const struct zone *b, zone_change_fn *fn, void *ctx,
                      uint64_t *ret_changes) MUST_USE;

#endif
