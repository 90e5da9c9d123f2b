/* Zones as master files again: one record a line, in canonical order, aligned; equal zones give
 * equal text and the text reads back as the same zone. */
#ifndef BANYAN_ZONE_PRINT_H
#define BANYAN_ZONE_PRINT_H

#include "base/text.h"
#include "zone/zone.h"

struct zone_print {
    const struct zone *z;
    const struct zone_node *at; /* printed last; NULL before the first */
    uint32_t ttl;               /* of the $TTL line: the most frequent one */
    size_t type_col, rdata_col; /* columns where type and RDATA begin */
    const uint8_t **order;      /* RDATA of a set, sorted */
    size_t order_cap;
};

/* Begins; borrows z. zone_print_end() gives back what it took. */
void zone_print_begin(struct zone_print *p, const struct zone *z);
void zone_print_end(struct zone_print *p);
/* Appends the next part (first the $ORIGIN and $TTL lines, then a name's records); false at the
 * end. The caller empties `out` as it likes. */
bool zone_print_next(struct zone_print *p, struct text *out);
/* One record as a line with absolute names: owner, TTL, class, type, RDATA, without a line break.
 */
void zone_print_record(const uint8_t *owner, uint16_t type, uint32_t ttl, struct bytes rdata,
                       struct text *out);

#endif
