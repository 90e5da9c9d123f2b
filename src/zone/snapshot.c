/* The plain accessors of a snapshot and its reference count. */
#include "zone/snapshot.h"

#include "zone/builder.h"

#include <stdlib.h>

const uint8_t *zone_origin(const struct zone *z)
{
    return z->origin;
}

uint32_t zone_serial(const struct zone *z)
{
    return z->serial;
}

const struct rrset *zone_negative_soa(const struct zone *z)
{
    return &z->negative_soa;
}

const struct zone_node *zone_apex(const struct zone *z)
{
    return node_at(z->mem, z->apex);
}

bool zone_is_signed(const struct zone *z)
{
    return z->is_signed;
}

bool zone_node_empty(const struct zone_node *n)
{
    return n->sets == 0;
}

bool zone_node_cut(const struct zone_node *n)
{
    return n->flags & NODE_CUT;
}

bool zone_node_hidden(const struct zone_node *n)
{
    return n->flags & NODE_HIDDEN;
}

unsigned zone_node_labels(const struct zone_node *n)
{
    return n->labels;
}

uint32_t zone_node_rank(const struct zone_node *n)
{
    return n->rank;
}

const struct zone_node *zone_node_parent(const struct zone *z, const struct zone_node *n)
{
    return n->parent != 0 ? node_at(z->mem, n->parent) : NULL;
}

size_t zone_node_name(const struct zone *z, const struct zone_node *n, uint8_t ret[LIMIT_NAME])
{
    size_t len = 0;
    for (; n->parent != 0; n = node_at(z->mem, n->parent)) {
        memcpy(ret + len, n->label, 1u + n->label[0]);
        len += 1u + n->label[0];
    }
    memcpy(ret + len, z->origin, z->origin_len);
    return len + z->origin_len;
}

const struct zone_node *zone_next(const struct zone *z, const struct zone_node *n)
{
    uint32_t rank = n == NULL ? 0 : n->rank + 1;
    return rank < z->nodes ? node_at(z->mem, z->order[rank]) : NULL;
}

const struct zone_node *zone_node_at(const struct zone *z, uint32_t rank)
{
    return node_at(z->mem, z->order[rank]);
}

void zone_overwrite(struct zone *z, struct bytes rdata, struct bytes with)
{
    uint8_t *first = (uint8_t *)z->mem, *at = first + (rdata.p - first);
    ASSERT(rdata.n == with.n && rdata.p >= first &&
           rdata.p + rdata.n <= first + 4u * (size_t)z->words);
    memcpy(at, with.p, with.n);
}

struct zone_stats zone_stats(const struct zone *z)
{
    return z->stats;
}

void zone_attach(struct zone *z, void *object, void (*drop)(void *object))
{
    ASSERT(z->attached == NULL);
    z->attached = object;
    z->attached_drop = drop;
}

void *zone_attached(const struct zone *z)
{
    return z->attached;
}

struct zone *zone_take(struct zone *z)
{
    atomic_fetch_add_explicit(&z->refs, 1, memory_order_relaxed);
    return z;
}

void zone_drop(struct zone *z)
{
    if (z == NULL || atomic_fetch_sub_explicit(&z->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(z->mem);
    free(z->bucket);
    free(z->order);
    free(z->nsec3);
    free(z->nsec3_key);
    if (z->attached_drop != NULL)
        z->attached_drop(z->attached);
    free(z);
}
