/* The RDATA of a set in canonical order (RFC 4034 section 6.3), as an array of places. */
#ifndef BANYAN_ZONE_RDATA_ORDER_H
#define BANYAN_ZONE_RDATA_ORDER_H

#include "dns/rrset.h"

/* ret has room for set->count pointers; each is to a length field of the packed RDATA. */
void rdata_order(const struct rrset *set, const uint8_t **ret);

#endif
