#include "base/heap.h"

#include <stdlib.h>

void heap_init(struct heap *h, uint32_t max)
{
    *h = (struct heap){.max = max};
}

void heap_free(struct heap *h)
{
    free(h->v);
    *h = (struct heap){.max = h->max};
}

static void put(struct heap *h, uint32_t i, struct heap_node *node)
{
    h->v[i] = node;
    node->slot = i + 1;
}

static void sift_up(struct heap *h, uint32_t i)
{
    struct heap_node *node = h->v[i];
    while (i > 0 && h->v[(i - 1) / 2]->key > node->key) {
        put(h, i, h->v[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(h, i, node);
}

static void sift_down(struct heap *h, uint32_t i)
{
    struct heap_node *node = h->v[i];
    for (;;) {
        uint32_t c = 2 * i + 1;
        if (c >= h->n)
            break;
        if (c + 1 < h->n && h->v[c + 1]->key < h->v[c]->key)
            c++;
        if (h->v[c]->key >= node->key)
            break;
        put(h, i, h->v[c]);
        i = c;
    }
    put(h, i, node);
}

enum status heap_set(struct heap *h, struct heap_node *node, uint64_t key)
{
    if (heap_has(node)) {
        uint32_t i = node->slot - 1;
        bool up = key < node->key;
        node->key = key;
        if (up)
            sift_up(h, i);
        else
            sift_down(h, i);
        return ST_OK;
    }
    if (h->n >= h->max)
        return ST_ELIMIT;
    if (h->n == h->cap) {
        uint32_t cap = h->cap ? h->cap * 2 : 64;
        struct heap_node **v = realloc(h->v, cap * sizeof(struct heap_node *));
        if (v == NULL)
            return ST_ENOMEM;
        h->v = v;
        h->cap = cap;
    }
    node->key = key;
    put(h, h->n++, node);
    sift_up(h, h->n - 1);
    return ST_OK;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    if (!heap_has(node))
        return;
    uint32_t i = node->slot - 1;
    node->slot = 0;
    struct heap_node *last = h->v[--h->n];
    if (last == node)
        return;
    put(h, i, last);
    sift_up(h, i);
    sift_down(h, last->slot - 1);
}

struct heap_node *heap_top(const struct heap *h)
{
    return h->n > 0 ? h->v[0] : NULL;
}
