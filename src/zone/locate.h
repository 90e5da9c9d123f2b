/* Gives findings about a zone's data their place in the master file: the file is read a second
 * time, which costs nothing as long as nothing is found. */
#ifndef BANYAN_ZONE_LOCATE_H
#define BANYAN_ZONE_LOCATE_H

#include "zone/builder.h"
#include "zone/load.h"

struct zone_places;

struct zone_places *zone_places_new(void) MUST_USE;
void zone_places_free(struct zone_places *p);
/* A zone_finding_fn; keeps a copy. Past LIMIT_FINDINGS, and when memory is out, findings are only
 * counted. */
void zone_places_add(void *places, const struct zone_finding *f);
/* Forgets the findings of one code. */
void zone_places_remove(struct zone_places *p, const char *code);
size_t zone_places_count(const struct zone_places *p);
/* Reads the file again and tells every finding, in the order of its lines. */
void zone_places_emit(struct zone_places *p, const struct file_source *fs, const char *path,
                      const struct zone_load_options *opt, struct diag_sink *sink);

#endif
