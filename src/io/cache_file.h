/* The cache's file: read when the server starts, written now and then and when it ends, all on a
 * thread of its own, while the workers use the cache. What is flushed is noted in the file before
 * the flush is acknowledged, so that it does not come back, however the server ends. */
#ifndef BANYAN_IO_CACHE_FILE_H
#define BANYAN_IO_CACHE_FILE_H

#include "cache/cache.h"
#include "cache/snapshot.h"

struct cache_file;

/* What is told about it. */
struct cache_file_state {
    uint64_t loaded;       /* entries, at the start */
    uint64_t saved;        /* entries, last time */
    uint64_t saved_wall_s; /* when; 0: not yet */
    uint64_t saves, failures;
};

/* Begins to load path, then saves every interval_s (0: only at the end). rules: what validation
 * goes by (resolver_trust_digest()). Borrows the cache. NULL without memory or a thread. */
struct cache_file *cache_file_start(const char *path, uint32_t interval_s, struct cache *c,
                                    struct hash_key rules) MUST_USE;
/* Validation goes by other rules from now on; after cache_distrust(). */
void cache_file_rules(struct cache_file *f, struct hash_key rules);
/* What is about to be flushed is not to come back: before it is. False if that could not be noted.
 */
bool cache_file_flush(struct cache_file *f, const struct snapshot_flush *what) MUST_USE;
void cache_file_state(struct cache_file *f, struct cache_file_state *ret);
/* Saves, and frees f. The workers have ended. */
void cache_file_finish(struct cache_file *f);

#endif
