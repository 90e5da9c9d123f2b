/* Takes records in any order and gives every owner its node; seal.c makes the RRsets, finish.c the
 * snapshot.
 *
 * Records of one owner mostly stand together, so an owner's RRsets are made as soon as the next
 * owner begins, straight into the arena the snapshot will keep: nothing is held twice. */
#include "zone/build.h"

#include <stdlib.h>

enum {
    FIRST_WORDS = 128,
    FIRST_NODES = 12,
    FULL = 85,     /* percent of the index */
    GROW_MOST = 4, /* times, at once */
    AHEAD = 12,    /* nodes that are fetched before they are needed */
};

/* What bucket_home() and bucket_tag() take of a node's hash. */
static uint64_t build_hash(const struct zone_builder *b, uint32_t i)
{
    return (uint64_t)node_at(b->mem, b->ref[i])->rank << 32;
}

static struct hash_key seed = {0x62616e79616e2d7au, 0x6f6e652d68617368u};

void zone_hash_seed(struct hash_key key)
{
    seed = key;
}

uint32_t build_alloc(struct zone_builder *b, size_t n)
{
    size_t need = (n + 3) / 4;
    if (need > UINT32_MAX - b->words)
        return 0;
    if (need > b->cap - b->words) {
        size_t cap = b->cap + (size_t)b->cap / 2 + need + FIRST_WORDS;
        cap = MIN(cap, UINT32_MAX);
        uint32_t *p = realloc(b->mem, cap * 4);
        if (p == NULL)
            return 0;
        b->mem = p;
        b->cap = (uint32_t)cap;
    }
    uint32_t at = b->words;
    b->words += (uint32_t)need;
    return at;
}

enum status build_index(struct zone_builder *b, uint32_t buckets)
{
    struct bucket *nb = index_new(buckets);
    if (nb == NULL)
        return ST_ENOMEM;
    for (uint32_t i = 1; i < b->nodes; i++) { /* the apex is not in the index */
        if (i + 2 * AHEAD < b->nodes)
            __builtin_prefetch(node_at(b->mem, b->ref[i + 2 * AHEAD]));
        if (i + AHEAD < b->nodes)
            __builtin_prefetch(&nb[bucket_home(build_hash(b, i + AHEAD), buckets)], 1);
        index_put(nb, buckets, build_hash(b, i), b->ref[i]);
    }
    free(b->bucket);
    b->bucket = nb;
    b->buckets = buckets;
    return ST_OK;
}

/* Room in the index for one more node, at most 85 % full. */
static bool index_room(struct zone_builder *b)
{
    if (b->nodes < (uint64_t)b->buckets * BUCKET_SLOTS * FULL / 100)
        return true;
    uint64_t buckets = (uint64_t)b->buckets * 2;
    if (b->whole > b->part && b->part > 0) { /* else the end is not in sight */
        uint64_t all = (uint64_t)((double)b->nodes * (double)b->whole / (double)b->part);
        all = MIN(all + all / 32, (uint64_t)b->nodes * GROW_MOST);
        buckets = MAX(all * 100 / (BUCKET_SLOTS * FULL), buckets * 5 / 8);
    }
    return buckets <= UINT32_MAX && build_index(b, (uint32_t)buckets) == ST_OK;
}

/* A new node; 0 when memory is out. */
static uint32_t node_new(struct zone_builder *b, uint32_t parent, uint64_t hash,
                         const uint8_t *label)
{
    if (b->nodes == b->node_cap) {
        uint32_t cap = b->node_cap * 2;
        uint32_t *r = realloc(b->ref, cap * sizeof *r);
        if (r == NULL)
            return 0;
        b->ref = r;
        b->node_cap = cap;
    }
    if (!index_room(b))
        return 0;
    uint32_t ref = build_alloc(b, sizeof(struct zone_node) + 1u + label[0]);
    if (ref == 0)
        return 0;
    struct zone_node *n = node_at(b->mem, ref);
    unsigned above = b->origin_labels;
    if (parent != 0) {
        struct zone_node *up = node_at(b->mem, parent);
        up->flags |= NODE_KIDS | (label[0] == 1 && label[1] == '*' ? NODE_WILD : 0);
        above = up->labels + 1u;
        index_put(b->bucket, b->buckets, hash, ref);
    }
    *n = (struct zone_node){
        .parent = parent, .rank = (uint32_t)(hash >> 32), .labels = (uint8_t)above};
    memcpy(n->label, label, 1u + label[0]);
    b->ref[b->nodes++] = ref;
    return ref;
}

void zone_builder_progress(struct zone_builder *b, uint64_t part, uint64_t whole)
{
    b->part = part;
    b->whole = whole;
}

struct zone_builder *zone_builder_new(const uint8_t *origin)
{
    struct zone_builder *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->origin_len = (uint8_t)name_copy(b->origin, origin);
    b->origin_labels = (uint8_t)name_labels(origin);
    b->key = seed;
    b->buckets = 1;
    b->node_cap = FIRST_NODES;
    b->bucket = index_new(1);
    b->ref = malloc(FIRST_NODES * sizeof *b->ref);
    b->mem = malloc(FIRST_WORDS * sizeof *b->mem);
    if (b->bucket != NULL && b->ref != NULL && b->mem != NULL) {
        b->cap = FIRST_WORDS;
        b->mem[0] = 0;
        b->words = 1;
        b->apex = node_new(b, 0, 0, name_root);
        if (b->apex != 0)
            return b;
    }
    zone_builder_free(b);
    return NULL;
}

void zone_builder_free(struct zone_builder *b)
{
    if (b == NULL)
        return;
    free(b->mem);
    free(b->bucket);
    free(b->ref);
    free(b->slot);
    free(b->slot_hash);
    free(b->blobs);
    free(b->made);
    pends_free(&b->now);
    pends_free(&b->loose);
    free(b);
}

void zone_builder_watch(struct zone_builder *b, zone_finding_fn *fn, void *ctx)
{
    b->fn = fn;
    b->fn_ctx = ctx;
}

/* Splits a name below the origin and hashes its last labels; false if it is not in the zone. */
static bool stage_name(const struct zone_builder *b, const uint8_t *owner, size_t len,
                       struct staged *o)
{
    uint8_t at[LIMIT_LABELS];
    unsigned labels = 0;
    const uint8_t *q = owner;
    for (; *q != 0; q += 1 + *q)
        at[labels++] = (uint8_t)(q - owner);
    if (labels < b->origin_labels)
        return false;
    unsigned below = labels - b->origin_labels;
    const uint8_t *tail = below < labels ? owner + at[below] : q;
    if (!name_equal(tail, b->origin))
        return false;
    memcpy(o->name, owner, len);
    o->len = (uint8_t)len;
    o->below = (uint8_t)below;
    uint64_t h = 0;
    for (unsigned i = 0; i < MIN(below, STAGE_HASHES); i++) {
        h = o->hash[i] = node_hash(&b->key, h, owner + at[below - 1 - i]);
        __builtin_prefetch(&b->bucket[bucket_home(h, b->buckets)], 1);
    }
    return true;
}

enum status build_node(struct zone_builder *b, struct staged *o)
{
    uint8_t at[LIMIT_LABELS];
    const uint8_t *q = o->name;
    for (unsigned i = 0; i < o->below; i++, q += 1 + *q)
        at[i] = (uint8_t)(q - o->name);
    uint32_t ref = b->apex;
    uint64_t hash = 0;
    for (unsigned i = 0; i < o->below; i++) {
        const uint8_t *label = o->name + at[o->below - 1 - i];
        hash = i < STAGE_HASHES ? o->hash[i] : node_hash(&b->key, hash, label);
        uint32_t next = index_find(b->bucket, b->buckets, b->mem, hash, ref, label);
        if (next == 0)
            next = node_new(b, ref, hash, label);
        if (next == 0)
            return ST_ENOMEM;
        ref = next;
    }
    o->ref = ref;
    return ST_OK;
}

enum status zone_builder_add(struct zone_builder *b, const uint8_t *owner, uint16_t type,
                             uint32_t ttl, struct bytes rdata)
{
    if (rdata.n > UINT16_MAX || (type == RR_RRSIG && rdata.n < 19) ||
        (type == RR_SOA && rdata.n < 22))
        return ST_EFORMAT;
    if (rr_type_flags(type) & RRF_META)
        return ST_EUNSUPPORTED;
    TRY(b->broken);
    size_t len = name_len(owner);
    struct staged *o = b->staged > 0 ? &b->stage[b->staged - 1] : NULL;
    if (o == NULL || len != o->len || memcmp(owner, o->name, len) != 0) {
        if (b->staged == STAGE_OWNERS || b->now.used > STAGE_BYTES)
            TRY(build_flush(b));
        o = &b->stage[b->staged];
        if (!stage_name(b, owner, len, o)) {
            o->len = 0;
            return ST_ESEMANTIC;
        }
        o->first = o->end = b->now.n;
        b->staged++;
    }
    uint32_t covers = type == RR_RRSIG ? rrsig_covers(rdata) : 0;
    struct pend rec = {.key = (uint32_t)type << 16 | covers, .seq = b->now.n, .ttl = ttl};
    b->broken = pends_add(&b->now, rec, rdata);
    o->end = b->now.n;
    return b->broken;
}
