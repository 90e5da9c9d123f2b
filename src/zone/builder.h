/* Builds a zone snapshot from records in any order. */
#ifndef BANYAN_ZONE_BUILDER_H
#define BANYAN_ZONE_BUILDER_H

#include "base/diag.h"
#include "zone/zone.h"

struct zone_builder;

/* origin is copied. NULL when memory is out. */
struct zone_builder *zone_builder_new(const uint8_t *origin) MUST_USE;
void zone_builder_free(struct zone_builder *b);
/* Adds one record. rdata is stored (uncompressed, valid) RDATA and is copied. Duplicates are dropped
 * (RFC 2181 section 5). ST_ESEMANTIC: owner outside the zone. ST_ELIMIT, ST_ENOMEM. A TTL that differs
 * inside an RRset: the smallest is taken (RFC 2181 section 5.2). */
enum status zone_builder_add(struct zone_builder *b, const uint8_t *owner, uint16_t type, uint32_t ttl,
                             struct bytes rdata) MUST_USE;
/* Makes the snapshot; the builder is empty after it and can only be freed. ST_ESEMANTIC with *d filled:
 * no SOA or several, no NS at the apex, CNAME beside other data, several CNAMEs or DNAMEs at a name. */
enum status zone_builder_finish(struct zone_builder *b, struct zone **ret, struct diag *d) MUST_USE;

#endif
