/* Canonical order (RFC 4034 section 6.1) of a snapshot's names.
 *
 * The names of one parent are put side by side, split by one byte of their labels after another
 * until a part fits the processor's cache, and that part is sorted by eight bytes at once. Beside
 * the order itself this needs four bytes a name: a reload has the old zone in memory, too. */
#include "zone/build.h"

#include <stdlib.h>

enum {
    AHEAD = 12,     /* nodes that are fetched before they are needed */
    PART = 1 << 14, /* names that are sorted at once */
    FEW = 24,       /* so few are sorted by comparing */
    DIGITS = 8,     /* bytes of a prefix */
    VALUES = 256,   /* of a byte */
};

struct item {
    uint64_t prefix; /* eight bytes of the label in lower case */
    uint32_t ref;
};

struct order {
    const uint32_t *mem;
    struct item *items, *room; /* PART of them each */
};

static unsigned label_byte(const uint8_t *label, unsigned at)
{
    return at < label[0] ? ascii_lower(label[1 + at]) : 0;
}

static uint64_t label_prefix(const uint8_t *label, unsigned from)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < DIGITS; i++)
        v = v << 8 | label_byte(label, from + i);
    return v;
}

static int ref_cmp(const void *x, const void *y, void *mem)
{
    const uint32_t *a = x, *b = y;
    return label_order(node_at(mem, *a)->label, node_at(mem, *b)->label);
}

static void refs_sort(const struct order *o, uint32_t *v, uint32_t n)
{
    if (n > FEW) {
        qsort_r(v, n, sizeof *v, ref_cmp, (void *)(uintptr_t)o->mem);
        return;
    }
    for (uint32_t i = 1; i < n; i++) {
        uint32_t x = v[i], j = i;
        const uint8_t *label = node_at(o->mem, x)->label;
        for (; j > 0 && label_order(node_at(o->mem, v[j - 1])->label, label) > 0; j--)
            v[j] = v[j - 1];
        v[j] = x;
    }
}

/* Digit by digit, the last first; those that all have in common are passed over. Returns where the
 * result is. */
static const struct item *items_sort(const struct order *o, uint32_t n)
{
    uint32_t count[DIGITS][VALUES] = {0};
    struct item *from = o->items, *to = o->room;
    for (uint32_t i = 0; i < n; i++)
        for (unsigned d = 0; d < DIGITS; d++)
            count[d][from[i].prefix >> 8 * d & 0xff]++;
    for (unsigned d = 0; d < DIGITS; d++) {
        uint32_t at = 0;
        if (count[d][from[0].prefix >> 8 * d & 0xff] == n)
            continue;
        for (unsigned k = 0; k < VALUES; k++) {
            uint32_t here = count[d][k];
            count[d][k] = at;
            at += here;
        }
        for (uint32_t i = 0; i < n; i++)
            to[count[d][from[i].prefix >> 8 * d & 0xff]++] = from[i];
        struct item *t = from;
        from = to;
        to = t;
    }
    return from;
}

/* Sorts labels whose first `from` bytes are equal; at most PART. */
static void part_sort(const struct order *o, uint32_t *v, uint32_t n, unsigned from)
{
    if (n <= FEW) {
        refs_sort(o, v, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            __builtin_prefetch(node_at(o->mem, v[i + AHEAD]));
        o->items[i] = (struct item){label_prefix(node_at(o->mem, v[i])->label, from), v[i]};
    }
    const struct item *s = items_sort(o, n);
    for (uint32_t i = 0; i < n; i++)
        v[i] = s[i].ref;
    for (uint32_t i = 0, end; i < n; i = end) { /* those that differ further on only */
        for (end = i + 1; end < n && s[end].prefix == s[i].prefix;)
            end++;
        if (end - i > 1)
            refs_sort(o, v + i, end - i);
    }
}

static uint32_t byte_of(const struct order *o, const uint32_t *v, uint32_t i, uint32_t n,
                        unsigned from)
{
    if (i + AHEAD < n)
        __builtin_prefetch(node_at(o->mem, v[i + AHEAD]));
    return label_byte(node_at(o->mem, v[i])->label, from);
}

/* The same for any number; `room` is as large as v. */
static void group_sort(const struct order *o, uint32_t *v, uint32_t *room, uint32_t n,
                       unsigned from)
{
    for (; n > PART && from < LIMIT_LABEL; from++) {
        uint32_t end[VALUES] = {0};
        for (uint32_t i = 0; i < n; i++)
            end[byte_of(o, v, i, n, from)]++;
        if (end[byte_of(o, v, 0, 1, from)] == n)
            continue;
        for (uint32_t k = 0, at = 0; k < VALUES; k++) {
            uint32_t here = end[k];
            end[k] = at;
            at += here;
        }
        for (uint32_t i = 0; i < n; i++)
            room[end[byte_of(o, v, i, n, from)]++] = v[i];
        memcpy(v, room, n * sizeof *v);
        for (uint32_t k = 0, at = 0; k < VALUES; at = end[k++])
            if (end[k] > at)
                group_sort(o, v + at, room, end[k] - at, from + 1);
        return;
    }
    ASSERT(n <= PART); /* no two siblings are equal: before the end of the label they part */
    part_sort(o, v, n, from);
}

/* Puts the children of each node side by side into `kids`, in the order they came, and where they
 * begin into the node's rank. */
static void kids_group(struct zone_builder *b, uint32_t *kids)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < b->nodes; i++)
        node_at(b->mem, b->ref[i])->rank = 0;
    for (uint32_t i = 1; i < b->nodes; i++)
        node_at(b->mem, node_at(b->mem, b->ref[i])->parent)->rank++;
    for (uint32_t i = 0; i < b->nodes; i++) {
        struct zone_node *n = node_at(b->mem, b->ref[i]);
        at += n->rank;
        n->rank = at;
    }
    for (uint32_t i = b->nodes - 1; i > 0; i--)
        kids[--node_at(b->mem, node_at(b->mem, b->ref[i])->parent)->rank] = b->ref[i];
}

/* Sorts every group that is not in order yet; b->ref is room for it. */
static enum status kids_sort(struct zone_builder *b, uint32_t *kids, uint32_t n)
{
    struct order o = {.mem = b->mem};
    for (uint32_t i = 0, end; i < n; i = end) {
        const struct zone_node *x, *last = node_at(b->mem, kids[i]);
        bool sorted = true;
        for (end = i + 1; end < n; end++, last = x) {
            x = node_at(b->mem, kids[end]);
            if (x->parent != last->parent)
                break;
            sorted = sorted && label_order(last->label, x->label) < 0;
        }
        if (sorted)
            continue;
        if (end - i > FEW && o.items == NULL) {
            o.items = malloc(2 * PART * sizeof *o.items);
            if (o.items == NULL)
                return ST_ENOMEM;
            o.room = o.items + PART;
        }
        group_sort(&o, kids + i, b->ref, end - i, 0);
    }
    free(o.items);
    return ST_OK;
}

/* Walks the tree from the apex, children in order, and so meets the names in canonical order.
 * Writes b->ref and the nodes' ranks; marks what is hidden, and counts the delegations. */
static void order_walk(struct zone_builder *b, const uint32_t *kids, uint32_t n)
{
    struct {
        uint32_t at, parent;
    } stack[LIMIT_LABELS + 1];
    unsigned depth = 0;
    uint32_t rank = 0, ref = b->apex;
    for (;;) {
        struct zone_node *x = node_at(b->mem, ref);
        const struct zone_node *up = node_at(b->mem, x->parent != 0 ? x->parent : b->apex);
        if (x->parent != 0 && up->flags & (NODE_CUT | NODE_DNAME | NODE_HIDDEN))
            x->flags |= NODE_HIDDEN;
        if ((x->flags & (NODE_CUT | NODE_HIDDEN)) == NODE_CUT)
            b->stats.delegations++;
        if (x->flags & NODE_KIDS) {
            stack[depth].at = x->rank;
            stack[depth++].parent = ref;
        }
        x->rank = rank;
        b->ref[rank++] = ref;
        for (; depth > 0; depth--) {
            uint32_t at = stack[depth - 1].at;
            if (at < n && node_at(b->mem, kids[at])->parent == stack[depth - 1].parent)
                break;
        }
        if (depth == 0)
            break;
        uint32_t at = stack[depth - 1].at++;
        if (at + AHEAD < n)
            __builtin_prefetch(node_at(b->mem, kids[at + AHEAD]), 1);
        ref = kids[at];
    }
    ASSERT(rank == b->nodes);
}

enum status build_order(struct zone_builder *b)
{
    uint32_t n = b->nodes - 1, *kids = malloc((n + 1) * sizeof *kids);
    if (kids == NULL)
        return ST_ENOMEM;
    kids_group(b, kids);
    enum status st = kids_sort(b, kids, n);
    if (st == ST_OK)
        order_walk(b, kids, n);
    free(kids);
    return st;
}
