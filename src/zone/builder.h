/* Builds a zone snapshot from records in any order. */
#ifndef BANYAN_ZONE_BUILDER_H
#define BANYAN_ZONE_BUILDER_H

#include "base/diag.h"
#include "base/hash.h"
#include "zone/zone.h"

struct zone_builder;

/* Something about the data of a zone, found while it was built or by zone/check.h: the place is a
 * name and a type; whoever has the file finds the line (zone/locate.h). */
struct zone_finding {
    enum severity severity;
    const char *code;     /* stable word */
    const uint8_t *owner; /* borrowed for the call */
    uint16_t type;        /* 0: the name as a whole */
    unsigned nth;         /* which record of that RRset in the file; 0 and 1: the first */
    const char *hint;     /* or NULL */
    char message[400];
};
typedef void zone_finding_fn(void *ctx, const struct zone_finding *f);

/* The key of the hashes of all zones built from now on: set once at start, from a CSPRNG, before
 * the first zone is built. Without it a fixed key is used (simulator, tests). */
void zone_hash_seed(struct hash_key key);

/* origin is copied. NULL when memory is out. */
struct zone_builder *zone_builder_new(const uint8_t *origin) MUST_USE;
void zone_builder_free(struct zone_builder *b);
/* Tells of what is wrong or odd (duplicates, TTLs that differ, every problem of
 * zone_builder_finish). */
void zone_builder_watch(struct zone_builder *b, zone_finding_fn *fn, void *ctx);
/* Adds one record. rdata is stored (uncompressed, valid) RDATA and is copied. Duplicates are
 * dropped (RFC 2181 section 5). ST_ESEMANTIC: owner outside the zone. ST_ELIMIT, ST_ENOMEM. A TTL
 * that differs inside an RRset: the smallest is taken (RFC 2181 section 5.2). */
enum status zone_builder_add(struct zone_builder *b, const uint8_t *owner, uint16_t type,
                             uint32_t ttl, struct bytes rdata) MUST_USE;
/* Says that what was added is `part` of `whole`, so that memory can be sized for the rest. Any
 * values are safe. */
void zone_builder_progress(struct zone_builder *b, uint64_t part, uint64_t whole);
/* Makes the snapshot; the builder is empty after it and can only be freed. ST_ESEMANTIC with *d
 * filled (d may be NULL) for the first of: no SOA or several, no NS at the apex, CNAME beside other
 * data, several CNAMEs or DNAMEs at a name, an RRset larger than any message. */
enum status zone_builder_finish(struct zone_builder *b, struct zone **ret, struct diag *d) MUST_USE;
/* Puts other bytes into the place of RDATA of a snapshot that nobody else has seen yet: for what
 * can only be known when all the rest is (ZONEMD). Of the same length, and so that order and index
 * stay right. */
void zone_overwrite(struct zone *z, struct bytes rdata, struct bytes with);

#endif
