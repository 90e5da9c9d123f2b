/* What a careful person would say about a zone before publishing it: beyond what makes a zone
 * invalid (which zone_load() refuses), what makes it fail or surprise in use. */
#ifndef BANYAN_ZONE_CHECK_H
#define BANYAN_ZONE_CHECK_H

#include "zone/builder.h"
#include "zone/load.h"

struct zone_check_options {
    uint32_t now; /* seconds since 1970, for signatures; 0: their times are not looked at */
};

/* Checks a zone; every finding goes to fn. Codes are those of check.def. */
void zone_check(const struct zone *z, const struct zone_check_options *opt, zone_finding_fn *fn,
                void *ctx);
/* Loads a file and tells everything that is wrong or odd about its text and data, each with its
 * place. The result is ST_OK unless there were errors; *ret (NULL allowed) gets the zone if it
 * could be made at all. */
enum status zone_check_file(const struct file_source *fs, const char *path,
                            const struct zone_load_options *load,
                            const struct zone_check_options *opt, struct diag_sink *sink,
                            struct zone **ret) MUST_USE;

#endif
