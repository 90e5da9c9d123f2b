/* The oracle's own lists of records; private to the oracle. */
#ifndef BANYAN_SIM_ORACLE_DATA_H
#define BANYAN_SIM_ORACLE_DATA_H

#include "sim/oracle.h"

struct oracle_rr {
    const uint8_t *owner; /* name */
    uint16_t type;
    uint32_t ttl;
    struct bytes rdata;
};

struct oracle_zone {
    const uint8_t *origin;
    struct oracle_rr *rr;
    uint32_t rr_count;
    uint64_t until_us; /* UINT64_MAX: this is the newest version */
    bool reachable;    /* some server of it can be found and asked */
    bool suspect;      /* a fault stands on the way to it */
};

struct oracle {
    struct arena arena;
    const struct internet *in;
    struct oracle_zone zone[INTERNET_ZONES];
    uint32_t zone_count;
};

const struct oracle_zone *oracle_zone_at(const struct oracle *o, const uint8_t *origin,
                                         unsigned age);
/* The zone that is authoritative for a name as seen from the root; NULL: a delegation leads
 * nowhere. */
const struct oracle_zone *oracle_authority(const struct oracle *o, const uint8_t *name,
                                           uint16_t type, unsigned age);
const struct oracle_rr *oracle_first(const struct oracle_zone *z, const uint8_t *owner,
                                     uint16_t type);
bool oracle_has_name(const struct oracle_zone *z, const uint8_t *name);
/* True if a fault stands anywhere on the way to name. */
bool oracle_suspect(const struct oracle *o, const uint8_t *name);
/* Works out reachable and suspect of all zones. */
void oracle_survey(struct oracle *o);

#endif
