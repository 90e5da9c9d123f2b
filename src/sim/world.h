/* An Internet made up from a seed: a topology, and zones as master-file text, served from memory as
 * if they were files. Root, top-level domains, hosters, customers with and without glue, child
 * zones, aliases across zones, DNAMEs, wildcards, empty non-terminals, big sets, and servers with
 * faults. */
#ifndef BANYAN_SIM_WORLD_H
#define BANYAN_SIM_WORLD_H

#include "base/hash.h"
#include "sim/internet.h"

enum { WORLD_ZONES = 96, WORLD_NAMES = 1024 };

struct world_zone {
    struct name origin;
    struct text text;
};

struct world {
    struct topology topology;
    struct world_zone zone[WORLD_ZONES];
    unsigned zone_count;
    struct name name[WORLD_NAMES]; /* names worth asking for */
    unsigned name_count;
    struct file_source files; /* finds the zones above */
    void *open;               /* the file being read */
    size_t open_at;
};

struct world_options {
    bool faults; /* let some servers have some */
};

/* Makes a world; *w may be large: allocate it. ST_ENOMEM, ST_ELIMIT. */
enum status world_make(struct world *w, uint64_t seed, const struct world_options *opt) MUST_USE;
/* One without servers and zones, to be filled by hand. */
enum status world_empty(struct world *w) MUST_USE;
void world_free(struct world *w);

#endif
