#include "base/arena.h"

#include <stdlib.h>

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* whole, with this header */
    uint8_t data[] ALIGNED(16);
};

enum { ARENA_ALIGN = 16 };

void arena_init(struct arena *a, size_t chunk_size, size_t max_bytes)
{
    *a = (struct arena){.chunk_size = chunk_size < 256 ? 256 : chunk_size, .max = max_bytes};
}

static void chunks_free(struct arena_chunk *c)
{
    while (c != NULL) {
        struct arena_chunk *next = c->next;
        free(c);
        c = next;
    }
}

void arena_free(struct arena *a)
{
    chunks_free(a->head);
    arena_init(a, a->chunk_size, a->max);
}

void arena_reset(struct arena *a)
{
    if (a->head == NULL)
        return;
    chunks_free(a->head->next);
    a->head->next = NULL;
    a->total = a->head->size;
    a->p = a->head->data;
    a->end = (uint8_t *)a->head + a->head->size;
}

static bool chunk_add(struct arena *a, size_t need)
{
    size_t size = sizeof(struct arena_chunk) + need + ARENA_ALIGN;
    if (size < a->chunk_size)
        size = a->chunk_size;
    if (a->max != 0 && (size > a->max || a->total > a->max - size))
        return false;
    struct arena_chunk *c = malloc(size);
    if (c == NULL)
        return false;
    c->size = size;
    c->next = a->head;
    a->head = c;
    a->total += size;
    a->p = c->data;
    a->end = (uint8_t *)c + size;
    return true;
}

static void *alloc_aligned(struct arena *a, size_t n, size_t align)
{
    if (n > SIZE_MAX / 4)
        return NULL;
    size_t pad = a->p ? (size_t)(-(uintptr_t)a->p & (align - 1)) : 0;
    if (a->p == NULL || (size_t)(a->end - a->p) < n + pad) {
        if (!chunk_add(a, n))
            return NULL;
        pad = (size_t)(-(uintptr_t)a->p & (align - 1));
    }
    uint8_t *p = a->p + pad;
    a->p = p + n;
    return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
    return alloc_aligned(a, n, ARENA_ALIGN);
}

void *arena_alloc_bytes(struct arena *a, size_t n)
{
    return alloc_aligned(a, n, 1);
}

void arena_shrink(struct arena *a, const void *p, size_t n, size_t keep)
{
    if (a->p != NULL && (const uint8_t *)p + n == a->p)
        a->p -= n - keep;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);
    if (p != NULL)
        memset(p, 0, n);
    return p;
}

void *arena_dup(struct arena *a, const void *src, size_t n)
{
    void *p = arena_alloc_bytes(a, n);
    if (p != NULL && n > 0)
        memcpy(p, src, n);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_dup(a, s, strlen(s) + 1);
}
