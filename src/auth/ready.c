#include "auth/ready.h"

#include <stdlib.h>
#include <string.h>

enum { READY_SLOTS = 4096 };

struct slot {
    struct ready_key key;
    struct ready answer;
};

struct ready_table {
    uint32_t mark[READY_SLOTS]; /* of what is kept there; 0: nothing */
    uint32_t seen[READY_SLOTS]; /* of what was asked last and is not kept */
    struct slot *slot[READY_SLOTS];
};

struct ready_table *ready_new(void)
{
    return calloc(1, sizeof(struct ready_table));
}

void ready_free(struct ready_table *t)
{
    for (unsigned i = 0; t != NULL && i < READY_SLOTS; i++)
        free(t->slot[i]);
    free(t);
}

void ready_clear(struct ready_table *t)
{
    memset(t->mark, 0, sizeof t->mark);
    memset(t->seen, 0, sizeof t->seen);
}

/* Strangers put nothing in here but what our zones have: a hash without a key will do. */
static uint32_t mark_of(const struct ready_key *k)
{
    uint64_t h = (uint64_t)(uintptr_t)k->node * 0x9e3779b97f4a7c15u;
    h ^= ((uint64_t)k->type << 8 | k->kind) * 0xff51afd7ed558ccdu;
    h ^= h >> 32;
    h *= 0x94d049bb133111ebu;
    return (uint32_t)(h >> 32) | 1;
}

static unsigned index_of(uint32_t mark)
{
    return mark >> 1 & (READY_SLOTS - 1);
}

const struct ready *ready_find(struct ready_table *t, const struct ready_key *k, bool *ret_keep)
{
    uint32_t mark = mark_of(k);
    unsigned i = index_of(mark);
    *ret_keep = false;
    if (t->mark[i] == mark) {
        const struct ready_key *at = &t->slot[i]->key;
        if (at->node == k->node && at->type == k->type && at->kind == k->kind &&
            at->zone == k->zone)
            return &t->slot[i]->answer;
    }
    *ret_keep = t->seen[i] == mark;
    t->seen[i] = mark;
    return NULL;
}

struct ready *ready_keep(struct ready_table *t, const struct ready_key *k)
{
    uint32_t mark = mark_of(k);
    unsigned i = index_of(mark);
    t->mark[i] = 0;
    if (t->slot[i] == NULL && (t->slot[i] = malloc(sizeof *t->slot[i])) == NULL)
        return NULL;
    t->slot[i]->key = *k;
    t->mark[i] = mark;
    return &t->slot[i]->answer;
}
