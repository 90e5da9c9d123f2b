/* Binary min-heap of deadlines, intrusive: a machine's timers, with removal in O(log n). */
#ifndef BANYAN_BASE_HEAP_H
#define BANYAN_BASE_HEAP_H

#include "base/attr.h"
#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;  /* smallest comes first; equal keys keep no order */
    uint32_t slot; /* 1 + index in the heap; 0 when not in it */
};

struct heap {
    struct heap_node **v;
    uint32_t n, cap, max;
};

/* Owns its array, which grows up to max nodes. The nodes belong to the caller. */
void heap_init(struct heap *h, uint32_t max);
void heap_free(struct heap *h);
/* Puts node in, or moves it if it is in already. ST_ELIMIT past max, ST_ENOMEM. */
enum status heap_set(struct heap *h, struct heap_node *node, uint64_t key) MUST_USE;
/* Takes node out; nothing happens if it is not in. */
void heap_remove(struct heap *h, struct heap_node *node);
/* The node with the smallest key, or NULL. */
struct heap_node *heap_top(const struct heap *h);

static inline bool heap_has(const struct heap_node *node)
{
    return node->slot != 0;
}

#endif
