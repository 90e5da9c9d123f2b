/* A cache's file with any content: blocks as the file has them, and their content as entries
 * without a check, so that what comes behind the check is reached. */
#include "cache/snapshot.h"
#include "dns/rr_type.h"

#include <stdlib.h>

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

static void look(struct cache *c, struct now now)
{
    struct arena a;
    struct cache_entry e;
    const uint8_t name[] = {1, 'a', 0};
    arena_init(&a, 4096, 1 << 20);
    for (uint16_t type = 0; type < 64; type++)
        (void)cache_get_more(c, name, type, CLASS_IN, now, &a, &e);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned good = 0;
    struct prng r = {1};
    const struct env env = {&r, seeded};
    struct now now = {.mono_us = 1000000, .wall_s = 1700000000};
    struct cache *c = cache_new(1 << 16, 1, &env);
    struct snapshot_load l = {.trusted = true, .info = {.saved_wall_s = 1600000000}};
    struct bytes b = bytes_of(data, size);
    if (c == NULL)
        abort();
    good += snapshot_put(&l, c, b, now) == ST_OK;
    if (snapshot_is_ours(b))
        for (size_t p = SNAPSHOT_MAGIC; p < size;) {
            struct snapshot_block head;
            struct snapshot_flush f;
            struct snapshot_info info;
            if (snapshot_block_read(bytes_of(data + p, MIN(size - p, (size_t)SNAPSHOT_BLOCK_HEAD)),
                                    &head) != ST_OK ||
                head.n > size - p - SNAPSHOT_BLOCK_HEAD)
                break;
            p += SNAPSHOT_BLOCK_HEAD;
            struct bytes content = bytes_of(data + p, head.n);
            good += snapshot_block_check(&head, content) == ST_OK;
            good += snapshot_info_read(content, &info) == ST_OK;
            if (snapshot_flush_read(content, &f) == ST_OK && name_len(f.name.w) > LIMIT_NAME)
                abort();
            good += snapshot_put(&l, c, content, now) == ST_OK;
            p += head.n;
        }
    look(c, now);
    /* What was taken is written and taken again. */
    static uint8_t out[1 << 18];
    struct writer w = wr_of(out, sizeof out);
    struct snapshot_walk walk = {.epoch = cache_epoch(c)};
    uint64_t loaded = l.loaded;
    if (snapshot_some(c, &walk, now, &w) && wr_ok(&w)) {
        struct bytes again = wr_done(&w);
        cache_flush_all(c);
        again.p += SNAPSHOT_BLOCK_HEAD;
        again.n -= SNAPSHOT_BLOCK_HEAD;
        if (snapshot_put(&l, c, again, now) != ST_OK || l.loaded - loaded != walk.entries)
            abort();
    }
    cache_free(c);
    return good > size + 9 ? 1 : 0;
}
