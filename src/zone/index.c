/* The index of a snapshot: 64-byte buckets with one-byte tags, so that a lookup touches one line
 * before the node's own. A full bucket spills into the next and says so. */
#include "zone/snapshot.h"

#include <stdlib.h>

bool label_equal(const uint8_t *a, const uint8_t *b)
{
    unsigned n = a[0];
    if (n != b[0])
        return false;
    for (unsigned i = 1; i <= n; i++)
        if (a[i] != b[i] && ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    return true;
}

int label_order(const uint8_t *a, const uint8_t *b)
{
    unsigned an = a[0], bn = b[0], n = MIN(an, bn);
    for (unsigned i = 1; i <= n; i++) {
        int d = ascii_lower(a[i]) - ascii_lower(b[i]);
        if (d != 0)
            return d;
    }
    return (int)an - (int)bn;
}

struct bucket *index_new(uint32_t buckets)
{
    struct bucket *b = aligned_alloc(64, (size_t)buckets * sizeof *b);
    if (b != NULL)
        memset(b, 0, (size_t)buckets * sizeof *b);
    return b;
}

uint32_t index_find(const struct bucket *b, uint32_t buckets, const uint32_t *mem, uint64_t hash,
                    uint32_t parent, const uint8_t *label)
{
    uint32_t at = bucket_home(hash, buckets);
    for (uint32_t step = 0; step < buckets; step++) {
        for (unsigned m = bucket_match(&b[at], bucket_tag(hash)); m != 0; m &= m - 1) {
            uint32_t ref = b[at].ref[__builtin_ctz(m)];
            const struct zone_node *n = node_at(mem, ref);
            if (n->parent == parent && label_equal(n->label, label))
                return ref;
        }
        if (!b[at].more)
            return 0;
        at = at + 1 == buckets ? 0 : at + 1;
    }
    return 0;
}

void index_put(struct bucket *b, uint32_t buckets, uint64_t hash, uint32_t ref)
{
    uint32_t at = bucket_home(hash, buckets);
    while (b[at].used == BUCKET_SLOTS) {
        b[at].more = 1;
        at = at + 1 == buckets ? 0 : at + 1;
    }
    b[at].tag[b[at].used] = bucket_tag(hash);
    b[at].ref[b[at].used++] = ref;
}
