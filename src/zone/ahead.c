/* Lookups that are about to come. A large zone lies in memory that no cache holds: one after
 * another its bucket, node and RRset are waited for. For many questions at hand, each step is begun
 * for all of them before the first one goes on. */
#include "zone/snapshot.h"

void zone_ahead_begin(const struct zone *z, const struct zone_path *p, struct zone_ahead *ret)
{
    ret->zone = NULL;
    if (p->labels <= z->origin_labels)
        return; /* the apex: always at hand */
    ret->zone = z;
    ret->hash = label_hash(&z->key, 0, p->low + p->at[p->labels - z->origin_labels - 1]);
    __builtin_prefetch(&z->bucket[bucket_home(ret->hash, z->buckets)]);
}

void zone_ahead_node(struct zone_ahead *a)
{
    if (a->zone == NULL)
        return;
    const struct bucket *b = &a->zone->bucket[bucket_home(a->hash, a->zone->buckets)];
    unsigned m = bucket_match(b, bucket_tag(a->hash));
    a->ref = m != 0 ? b->ref[__builtin_ctz(m)] : 0; /* most likely the one */
    if (a->ref != 0)
        __builtin_prefetch(node_at(a->zone->mem, a->ref));
}

void zone_ahead_sets(const struct zone_ahead *a)
{
    if (a->zone == NULL || a->ref == 0)
        return;
    const struct zone_node *n = node_at(a->zone->mem, a->ref);
    if (n->sets == 0)
        return;
    const uint8_t *s = (const uint8_t *)(a->zone->mem + n->sets);
    __builtin_prefetch(s);
    __builtin_prefetch(s + 64);
}
