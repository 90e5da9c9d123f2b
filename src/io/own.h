/* What the resolver knows by itself, read from the configuration and its files: see
 * resolver/local_data.h, and resolver_own_zones() for the zones. */
#ifndef BANYAN_IO_OWN_H
#define BANYAN_IO_OWN_H

#include "config/config.h"
#include "resolver/local_data.h"
#include "zone/table.h"

#include <stdatomic.h>

struct own {
    _Atomic unsigned refs;    /* besides the first */
    struct local_data *local; /* NULL: there is none */
    struct zone_table *zones; /* files of resolver.local-zones, and the root's copy */
    bool has_root;
    uint64_t root_until_s; /* wall time: then the copy of the root is too old */
};

/* Complaints go to sink: warnings where it goes on without (the root's copy), errors where not.
 * ST_ESEMANTIC, ST_ENOMEM. */
enum status own_load(const struct config *c, const struct hash_key *key, struct diag_sink *sink,
                     struct own **ret) MUST_USE;
struct own *own_take(struct own *o) MUST_USE;
void own_drop(struct own *o);

#endif
