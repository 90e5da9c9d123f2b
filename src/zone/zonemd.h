/* The digest over a whole zone (RFC 8976). */
#ifndef BANYAN_ZONE_ZONEMD_H
#define BANYAN_ZONE_ZONEMD_H

#include "crypto/digest.h"
#include "zone/zone.h"

enum { ZONEMD_SIMPLE = 1, ZONEMD_SHA384 = 1, ZONEMD_SHA512 = 2 };

/* The digest of scheme SIMPLE (section 3.3.1): every record of the zone in canonical form and
 * order, without the apex ZONEMD and its signatures. hash: ZONEMD_SHA384 or ZONEMD_SHA512, else
 * ST_EUNSUPPORTED. ST_ENOMEM. */
enum status zonemd_compute(const struct zone *z, unsigned hash, uint8_t ret[DIGEST_MAX],
                           size_t *ret_len) MUST_USE;

enum zonemd_result {
    ZONEMD_NONE,
    ZONEMD_MATCH,
    ZONEMD_MISMATCH,
    ZONEMD_SERIAL,
    ZONEMD_UNSUPPORTED
};

/* Verifies the apex ZONEMD records (section 4): one that matches is enough. */
enum zonemd_result zonemd_verify(const struct zone *z);

#endif
