/* Zones by name: open addressing over a hash chained label by label from the root, so that one walk
 * over the question's labels probes for every suffix, and only for lengths (in labels) that some
 * zone has. */
#include "zone/table.h"

#include "zone/snapshot.h"

#include <stdlib.h>

/* So few zones are compared with the name one by one. */
enum { FEW = 4 };

struct zone_table {
    size_t count;
    uint32_t mask;
    struct hash_key key;
    uint64_t depth[2]; /* bit n: some zone has n labels */
    unsigned deepest;  /* the most labels that a zone has */
    struct zone_slot {
        uint32_t hash; /* upper half of the name's hash */
        uint32_t zone; /* 1 + index */
    } * slot;
    struct zone **zone;           /* in canonical order */
    uint8_t low[FEW][LIMIT_NAME]; /* their names in lower case, if they are few */
};

static uint64_t name_hash(const struct hash_key *key, const uint8_t *name)
{
    uint8_t at[LIMIT_LABELS];
    unsigned n = 0;
    uint64_t h = 0;
    for (const uint8_t *q = name; *q != 0; q += 1 + *q)
        at[n++] = (uint8_t)(q - name);
    while (n-- > 0)
        h = node_hash(key, h, name + at[n]);
    return h;
}

static struct zone *probe(const struct zone_table *t, uint64_t hash, const uint8_t *name)
{
    for (uint32_t i = (uint32_t)hash & t->mask; t->slot[i].zone != 0; i = (i + 1) & t->mask)
        if (t->slot[i].hash == (uint32_t)(hash >> 32)) {
            struct zone *z = t->zone[t->slot[i].zone - 1];
            if (name_equal(z->origin, name))
                return z;
        }
    return NULL;
}

static int zone_cmp(const void *a, const void *b)
{
    const struct zone *const *x = a, *const *y = b;
    return name_compare((*x)->origin, (*y)->origin);
}

static enum status slots_fill(struct zone_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        struct zone *z = t->zone[i];
        uint64_t h = name_hash(&t->key, z->origin);
        uint32_t at = (uint32_t)h & t->mask;
        while (t->slot[at].zone != 0)
            at = (at + 1) & t->mask;
        t->slot[at] = (struct zone_slot){(uint32_t)(h >> 32), (uint32_t)i + 1};
        t->depth[z->origin_labels / 64] |= 1ull << z->origin_labels % 64;
        if (t->count <= FEW)
            name_lower(t->low[i], z->origin);
        t->deepest = MAX(t->deepest, (unsigned)z->origin_labels);
        if (i > 0 && name_equal(z->origin, t->zone[i - 1]->origin))
            return ST_EEXIST;
    }
    return ST_OK;
}

enum status zone_table_new(struct zone *const *zones, size_t n, struct zone_table **ret)
{
    if (n > UINT32_MAX / 4)
        return ST_ELIMIT;
    size_t slots = 4;
    while (slots < n * 2)
        slots *= 2;
    struct zone_table *t = calloc(1, sizeof *t);
    if (t == NULL)
        return ST_ENOMEM;
    t->slot = calloc(slots, sizeof *t->slot);
    t->zone = malloc((n + 1) * sizeof(struct zone *));
    t->mask = (uint32_t)slots - 1;
    t->key = n > 0 ? zones[0]->key : (struct hash_key){0, 0};
    enum status st = t->slot != NULL && t->zone != NULL ? ST_OK : ST_ENOMEM;
    if (st == ST_OK && n > 0) {
        memcpy(t->zone, zones, n * sizeof *zones);
        qsort(t->zone, n, sizeof(struct zone *), zone_cmp);
        t->count = n;
        st = slots_fill(t);
    }
    for (size_t i = 0; i < t->count; i++)
        zone_take(t->zone[i]);
    if (st != ST_OK) {
        zone_table_free(t);
        return st;
    }
    *ret = t;
    return ST_OK;
}

void zone_table_free(struct zone_table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->count; i++)
        zone_drop(t->zone[i]);
    free(t->zone);
    free(t->slot);
    free(t);
}

/* In canonical order a zone stands behind those above it: of those that hold the name the last one
 * is the deepest. */
static const struct zone *find_few(const struct zone_table *t, const struct zone_path *p,
                                   bool parent_side)
{
    const struct zone *best = NULL, *above = NULL;
    for (size_t i = 0; i < t->count; i++) {
        const struct zone *z = t->zone[i];
        unsigned n = z->origin_labels;
        if (p->labels < n)
            continue;
        size_t off = n == p->labels ? 0 : n == 0 ? p->len - 1u : p->at[p->labels - n];
        if (off + z->origin_len != p->len || memcmp(p->low + off, t->low[i], z->origin_len) != 0)
            continue;
        above = best;
        best = z;
    }
    bool at_apex = best != NULL && best->origin_labels == p->labels;
    return parent_side && at_apex && above != NULL ? above : best;
}

const struct zone *zone_table_find_path(const struct zone_table *t, const struct zone_path *p,
                                        bool parent_side)
{
    if (t->count <= FEW)
        return find_few(t, p, parent_side);
    unsigned labels = p->labels, last = MIN(labels, t->deepest);
    const struct zone *best = NULL, *above = NULL;
    uint64_t h = 0;
    if (t->depth[0] & 1)
        best = probe(t, 0, name_root);
    for (unsigned n = 1; n <= last; n++) {
        const uint8_t *suffix = p->low + p->at[labels - n];
        h = label_hash(&t->key, h, suffix);
        if (t->depth[n / 64] >> n % 64 & 1) {
            const struct zone *z = probe(t, h, suffix);
            if (z != NULL) {
                above = best;
                best = z;
            }
        }
    }
    bool at_apex = best != NULL && best->origin_labels == labels;
    return parent_side && at_apex && above != NULL ? above : best;
}

const struct zone *zone_table_find(const struct zone_table *t, const uint8_t *qname,
                                   bool parent_side)
{
    struct zone_path p;
    zone_path(qname, &p);
    return zone_table_find_path(t, &p, parent_side);
}

struct zone *zone_table_get(const struct zone_table *t, const uint8_t *origin)
{
    return probe(t, name_hash(&t->key, origin), origin);
}

size_t zone_table_count(const struct zone_table *t)
{
    return t->count;
}

struct zone *zone_table_at(const struct zone_table *t, size_t i)
{
    return i < t->count ? t->zone[i] : NULL;
}
