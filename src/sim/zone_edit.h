/* A zone with some records changed: how the lab's forms and recipes are made. */
#ifndef BANYAN_SIM_ZONE_EDIT_H
#define BANYAN_SIM_ZONE_EDIT_H

#include "base/diag.h"
#include "sim/topology.h"
#include "zone/zone.h"

enum { ZONE_EDITS = 256 };

struct zone_edit {
    bool add;
    struct name owner;
    uint16_t type; /* 0 in a drop: all types */
    uint32_t ttl;
    uint16_t rdata_n;
    uint8_t rdata[512];
};

/* Parses "NAME TYPE" (drop) or "NAME TTL TYPE RDATA" (add), placeholders already filled in. */
enum status zone_edit_parse(bool add, struct bytes text, struct zone_edit *ret,
                            struct diag *d) MUST_USE;
/* Makes a copy of z: drops first, then adds; with `loopback` not NULL also the addresses of that
 * topology are turned into loopback ones. Errors as zone_builder_finish(). */
enum status zone_edited(const struct zone *z, const struct topology *loopback,
                        const struct zone_edit *edit, unsigned n, struct zone **ret,
                        struct diag *d) MUST_USE;

#endif
