/* The table of zones a server is authoritative for: immutable, swapped whole on a reload. */
#ifndef BANYAN_ZONE_TABLE_H
#define BANYAN_ZONE_TABLE_H

#include "zone/zone.h"

struct zone_table;

/* Takes a reference of each zone. ST_EEXIST if two have the same name, ST_ENOMEM. */
enum status zone_table_new(struct zone *const *zones, size_t n, struct zone_table **ret) MUST_USE;
/* Gives the references back. */
void zone_table_free(struct zone_table *t);
/* The zone whose name is the longest suffix of qname (RFC 1034 section 4.3.2 step 2), or NULL. With
 * `parent_side` (for QTYPE DS, RFC 4035 section 3.1.4.1) a zone whose name equals qname is passed
 * by if an ancestor zone is in the table too. */
const struct zone *zone_table_find(const struct zone_table *t, const uint8_t *qname,
                                   bool parent_side);
/* The same for a name made ready. */
const struct zone *zone_table_find_path(const struct zone_table *t, const struct zone_path *p,
                                        bool parent_side);
/* The zone of exactly this name, or NULL. */
struct zone *zone_table_get(const struct zone_table *t, const uint8_t *origin);
size_t zone_table_count(const struct zone_table *t);
struct zone *zone_table_at(const struct zone_table *t, size_t i);

#endif
