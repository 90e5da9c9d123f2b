/* A zone taken apart into records that can be changed one by one, and put together again: how
 * recipes work on zones. */
#ifndef BANYAN_SIM_RECORDS_H
#define BANYAN_SIM_RECORDS_H

#include "base/arena.h"
#include "base/diag.h"
#include "dns/rrset.h"
#include "zone/zone.h"

struct record {
    struct name owner;
    uint16_t type;
    uint32_t ttl;
    struct bytes rdata; /* in the list's arena */
    bool gone;
};

struct records {
    struct arena arena;
    struct record *v;
    size_t n, cap;
    struct name origin;
};

/* ST_ENOMEM; records_free() in any case. */
enum status records_of(struct records *r, const struct zone *z) MUST_USE;
void records_free(struct records *r);
/* Adds a record; rdata is copied. */
enum status records_add(struct records *r, const uint8_t *owner, uint16_t type, uint32_t ttl,
                        struct bytes rdata) MUST_USE;
/* Builds the zone; errors as zone_builder_finish(). */
enum status records_zone(const struct records *r, struct zone **ret, struct diag *d) MUST_USE;
/* The set of a name and type, packed into the arena; count 0 if there is none. */
enum status records_set(struct records *r, const uint8_t *owner, uint16_t type,
                        struct rrset *ret) MUST_USE;
/* The NSEC or NSEC3 that is about a name: owned by it (or by its hash), or, with `covering`, whose
 * span holds it. NULL if there is none. */
struct record *records_denial(struct records *r, const uint8_t *name, bool covering);
/* The type that an RRSIG covers; 0 for other records. */
static inline uint16_t record_covered(const struct record *rec)
{
    return rec->type == RR_RRSIG && rec->rdata.n >= 2 ? get_be16(rec->rdata.p) : 0;
}

#endif
