/* What a reload makes wrong of what the cache knows: zones that are asked elsewhere from now on. */
#ifndef BANYAN_IO_FORGET_H
#define BANYAN_IO_FORGET_H

#include "cache/cache.h"
#include "io/cache_file.h"
#include "io/served.h"

/* Forgets everything below the zones of resolver.forward-zones, resolver.stub-zones and files of
 * resolver.local-zones that are other than before, and says so (say may be NULL). Other local data
 * is looked for before the cache: nothing of that is in it. file: where the cache is kept, or NULL.
 */
void forget_changed(struct cache *cache, struct cache_file *file, const struct served *old,
                    const struct served *fresh, struct text *say);

#endif
