#include "sim/records.h"

#include "dnssec/nsec3.h"
#include "zone/builder.h"

#include <stdlib.h>

enum { RECORDS_MAX = 1 << 20 };

enum status records_add(struct records *r, const uint8_t *owner, uint16_t type, uint32_t ttl,
                        struct bytes rdata)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 256;
        struct record *v = cap <= RECORDS_MAX ? realloc(r->v, cap * sizeof *v) : NULL;
        if (v == NULL)
            return ST_ENOMEM;
        r->v = v;
        r->cap = cap;
    }
    uint8_t *copy = arena_dup(&r->arena, rdata.p, rdata.n);
    if (copy == NULL)
        return ST_ENOMEM;
    struct record *rec = &r->v[r->n++];
    *rec = (struct record){.type = type, .ttl = ttl, .rdata = bytes_of(copy, rdata.n)};
    name_copy(rec->owner.w, owner);
    return ST_OK;
}

enum status records_of(struct records *r, const struct zone *z)
{
    *r = (struct records){0};
    arena_init(&r->arena, 65536, 0);
    name_copy(r->origin.w, zone_origin(z));
    for (const struct zone_node *n = zone_next(z, NULL); n != NULL; n = zone_next(z, n)) {
        uint8_t owner[LIMIT_NAME];
        uint32_t cursor = 0;
        struct rrset set;
        zone_node_name(z, n, owner);
        while (zone_rrset_next(z, n, owner, &cursor, &set)) {
            struct rdata_iter it = rdata_iter(&set);
            for (struct bytes rd; rdata_iter_next(&it, &rd);)
                TRY(records_add(r, owner, set.type, set.ttl, rd));
        }
    }
    return ST_OK;
}

void records_free(struct records *r)
{
    free(r->v);
    arena_free(&r->arena);
    r->v = NULL;
    r->n = r->cap = 0;
}

enum status records_zone(const struct records *r, struct zone **ret, struct diag *d)
{
    struct zone_builder *b = zone_builder_new(r->origin.w);
    enum status st = b != NULL ? ST_OK : ST_ENOMEM;
    for (size_t i = 0; st == ST_OK && i < r->n; i++)
        if (!r->v[i].gone)
            st = zone_builder_add(b, r->v[i].owner.w, r->v[i].type, r->v[i].ttl, r->v[i].rdata);
    if (st == ST_OK)
        st = zone_builder_finish(b, ret, d);
    zone_builder_free(b);
    return st;
}

enum status records_set(struct records *r, const uint8_t *owner, uint16_t type, struct rrset *ret)
{
    size_t size = 0;
    *ret = (struct rrset){.owner = owner, .type = type, .rclass = CLASS_IN};
    for (int pass = 0; pass < 2; pass++) {
        uint8_t *p = NULL;
        if (pass == 1 && (p = arena_alloc(&r->arena, size + 1)) == NULL)
            return ST_ENOMEM;
        ret->rdata = p;
        for (size_t i = 0; i < r->n; i++) {
            const struct record *rec = &r->v[i];
            if (rec->gone || rec->type != type || !name_equal(rec->owner.w, owner))
                continue;
            if (pass == 0) {
                size += 2 + rec->rdata.n;
                continue;
            }
            put_be16(p, (uint16_t)rec->rdata.n);
            memcpy(p + 2, rec->rdata.p, rec->rdata.n);
            p += 2 + rec->rdata.n;
            ret->ttl = rec->ttl;
            ret->count++;
        }
    }
    ret->rdata_size = (uint32_t)size;
    return ST_OK;
}

/* The record with the greatest key that is at most the name's; round the circle: the greatest of
 * all. */
static struct record *nsec_denial(struct records *r, const uint8_t *name, bool covering)
{
    struct record *best = NULL;
    for (size_t i = 0; i < r->n; i++) {
        struct record *rec = &r->v[i];
        if (rec->gone || rec->type != RR_NSEC)
            continue;
        int c = name_compare(rec->owner.w, name);
        if (covering ? c < 0 && (best == NULL || name_compare(best->owner.w, rec->owner.w) < 0)
                     : c == 0)
            best = rec;
    }
    return best;
}

static struct record *nsec3_denial(struct records *r, const struct nsec3 *param,
                                   const uint8_t *name, bool covering)
{
    struct nsec3_hasher *h = nsec3_hasher_new();
    struct record *below = NULL, *last = NULL;
    uint8_t want[NSEC3_HASH], have[NSEC3_HASH], low[NSEC3_HASH], high[NSEC3_HASH];
    bool hashed = h != NULL && nsec3_hash(h, name, param->salt, param->iterations, want) == ST_OK;
    nsec3_hasher_free(h);
    for (size_t i = 0; hashed && i < r->n; i++) {
        struct record *rec = &r->v[i];
        if (rec->gone || rec->type != RR_NSEC3 || !nsec3_owner_hash(rec->owner.w, have))
            continue;
        int c = memcmp(have, want, sizeof want);
        if (c == 0 && !covering)
            return rec;
        if (c < 0 && (below == NULL || memcmp(have, low, sizeof low) > 0)) {
            below = rec;
            memcpy(low, have, sizeof low);
        }
        if (last == NULL || memcmp(have, high, sizeof high) > 0) {
            last = rec;
            memcpy(high, have, sizeof high);
        }
    }
    if (!covering)
        return NULL;
    return below != NULL ? below : last;
}

struct record *records_denial(struct records *r, const uint8_t *name, bool covering)
{
    struct nsec3 param;
    for (size_t i = 0; i < r->n; i++)
        if (!r->v[i].gone && r->v[i].type == RR_NSEC3 && nsec3_read(r->v[i].rdata, &param))
            return nsec3_denial(r, &param, name, covering);
    return nsec_denial(r, name, covering);
}
