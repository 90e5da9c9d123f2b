/* The cache as a file, so that a restart forgets nothing: its format, written and read a block at a
 * time while others go on using the cache. Pure: io/cache_file.c has the file.
 *
 *     "banyan cache 1\r\n"
 *     blocks: kind (1 byte), 3 zeros, length (4), check (8: SipHash-1-3 of kind, length, content)
 *       'H'   when it was saved (Unix time, 8), the rules of validation (16)
 *       'E'   entries, as many as fit
 *       'Z'   how many there were (8): the end
 *       'F'   a flush that came later: below (1), type (2), name; appended, any number
 *
 * Numbers are big-endian. The check finds damage, not forgery: a file is trusted like the rest of
 * the server's state. Denials of aggressive use (RFC 8198) and failures are left out. */
#ifndef BANYAN_CACHE_SNAPSHOT_H
#define BANYAN_CACHE_SNAPSHOT_H

#include "base/hash.h"
#include "base/writer.h"
#include "cache/cache.h"

enum {
    SNAPSHOT_MAGIC = 16,
    SNAPSHOT_BLOCK_HEAD = 16,
    SNAPSHOT_BLOCK = 1 << 17, /* bytes of a block's content at most */
};

struct snapshot_info {
    uint64_t saved_wall_s;
    struct hash_key rules; /* what validation goes by, in a digest */
};

/* --- Writing --- */

/* Where a walk over the whole cache is; zero at first. */
struct snapshot_walk {
    unsigned shard;
    uint32_t bucket;
    uint64_t entries;
    uint8_t epoch; /* cache_epoch() when `rules` were in force */
};

void snapshot_begin(const struct snapshot_info *info, struct writer *w);
/* Appends a block of entries and moves on; false when there are no more. w has room for a whole
 * block. Each shard is locked for a few buckets at a time. */
bool snapshot_some(struct cache *c, struct snapshot_walk *walk, struct now now, struct writer *w);
void snapshot_end(const struct snapshot_walk *walk, struct writer *w);

/* What was flushed: name and below (everything: below the root). */
struct snapshot_flush {
    struct name name;
    uint16_t type; /* 0: all */
    bool below;
};
void snapshot_flush(const struct snapshot_flush *f, struct writer *w);

/* --- Reading --- */

/* Whether a file begins as ours does: something else must not be written over. */
bool snapshot_is_ours(struct bytes start);
struct snapshot_block {
    uint8_t kind;
    uint32_t n;
    uint64_t check;
};
/* From SNAPSHOT_BLOCK_HEAD bytes; ST_EFORMAT. */
enum status snapshot_block_read(struct bytes head, struct snapshot_block *ret) MUST_USE;
/* ST_EFORMAT if the content is not what was written. */
enum status snapshot_block_check(const struct snapshot_block *b, struct bytes content) MUST_USE;
enum status snapshot_info_read(struct bytes content, struct snapshot_info *ret) MUST_USE;
enum status snapshot_flush_read(struct bytes content, struct snapshot_flush *ret) MUST_USE;

struct snapshot_load {
    struct snapshot_info info;
    bool trusted;  /* the rules of validation are those of now */
    uint8_t epoch; /* cache_epoch() when that was found out */
    const struct snapshot_flush *flush;
    size_t flushes;
    uint64_t loaded, dropped; /* entries: put in, and not (expired, flushed, known already) */
};
/* Puts the entries of a block into the cache: with what is left of their time by the wall clock,
 * and never more than when they were saved; never over what is there. ST_EFORMAT for a malformed
 * entry: what came before it has been put in. */
enum status snapshot_put(struct snapshot_load *l, struct cache *c, struct bytes content,
                         struct now now) MUST_USE;
/* A whole file that lies in memory; l's info is filled. ST_EFORMAT, ST_ESHORT: what came before the
 * damage has been put in. */
enum status snapshot_put_all(struct snapshot_load *l, struct cache *c, struct bytes file,
                             struct now now) MUST_USE;

#endif
