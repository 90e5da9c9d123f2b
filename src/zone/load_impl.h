/* Loading with its findings handed to the caller; private to load.c and check.c. */
#ifndef BANYAN_ZONE_LOAD_IMPL_H
#define BANYAN_ZONE_LOAD_IMPL_H

#include "zone/locate.h"

/* Like zone_load(), but what is wrong or odd about the data (not the text) goes to keep(places,
 * ...), untold. *ret is NULL unless the snapshot could be made; it is made even of a file with
 * errors in its text. */
enum status zone_load_places(const struct file_source *fs, const char *path,
                             const struct zone_load_options *opt, struct diag_sink *sink,
                             struct zone_places *places, zone_finding_fn *keep,
                             struct zone **ret) MUST_USE;

#endif
