/* Lookups that denial of existence needs: the NSEC before a name in canonical order (RFC 4034
 * section 4), the NSEC3 at or before a hash (RFC 5155 section 7). The zone is served as it was
 * signed; what its signer left out is not found. Nothing here allocates but zone_denial_build(). */
#ifndef BANYAN_ZONE_DENIAL_H
#define BANYAN_ZONE_DENIAL_H

#include "zone/zone.h"

enum { NSEC3_HASH = 20, NSEC3_SHA1 = 1 };

/* How a zone's NSEC3 owner names were made (RFC 5155 section 4.2); salt points into the zone. */
struct zone_nsec3_param {
    struct bytes salt;
    uint16_t iterations;
};

/* True if the zone has a chain of NSEC3: the first NSEC3PARAM with flags 0 and a known hash that
 * has NSEC3 records; it is then to be used, also beside NSEC (RFC 5155 section 7.3, 10.4). */
bool zone_nsec3_param(const struct zone *z, struct zone_nsec3_param *ret);
/* The NSEC3 whose hash is `hash` (*ret_equal true), or the one before it in the circle, so that
 * its span holds it. NULL if there is no chain. */
const struct zone_node *zone_nsec3_find(const struct zone *z, const uint8_t hash[NSEC3_HASH],
                                        bool *ret_equal);

/* Two names whose NSEC3 nearly every denial needs: what zone_nsec3_find() said of them may be kept
 * with the zone, so that they are hashed once. Any thread may do so. */
enum zone_nsec3_name { NSEC3_OF_APEX, NSEC3_OF_APEX_WILDCARD };
void zone_nsec3_keep(const struct zone *z, enum zone_nsec3_name which, const struct zone_node *n,
                     bool equal);
/* NULL if nothing was kept. */
const struct zone_node *zone_nsec3_kept(const struct zone *z, enum zone_nsec3_name which,
                                        bool *ret_equal);

/* The node whose NSEC covers label.parent, a name that does not exist while parent does. NULL if
 * the zone has none. */
const struct zone_node *zone_nsec_before(const struct zone *z, const struct zone_node *parent,
                                         const uint8_t *label);
/* The node whose NSEC speaks of n: n itself, or for an empty non-terminal the one before it. */
const struct zone_node *zone_nsec_of(const struct zone *z, const struct zone_node *n);

/* Makes the index of NSEC3 and marks owners of nothing else; called once, at the end of building.
 * Costs nothing in zones without NSEC3PARAM. */
enum status zone_denial_build(struct zone *z) MUST_USE;

#endif
