#include "zone/diff.h"

#include "dns/rdata.h"
#include "zone/rdata_order.h"

#include <stdlib.h>

struct differ {
    const struct zone *a, *b;
    zone_change_fn *fn;
    void *ctx;
    uint64_t changes;
    const uint8_t **x, **y; /* RDATA of two sets, sorted */
};

static void tell(struct differ *d, bool added, const struct rrset *s, const uint8_t *rd)
{
    struct zone_change c = {.added = added,
                            .owner = s->owner,
                            .type = s->type,
                            .ttl = s->ttl,
                            .rdata = rdata_next(&rd)};
    d->changes++;
    d->fn(d->ctx, &c);
}

/* What is in `from` but not in `other`, both sorted; all of it if the TTLs differ. */
static void set_minus(struct differ *d, bool added, const struct rrset *from, const uint8_t **v,
                      const struct rrset *other, const uint8_t **w)
{
    unsigned j = 0, count = other != NULL && other->ttl == from->ttl ? other->count : 0;
    for (unsigned i = 0; i < from->count; i++) {
        const uint8_t *p = v[i];
        struct bytes rd = rdata_next(&p);
        int order = 1;
        for (; j < count; j++) {
            const uint8_t *q = w[j];
            order = rdata_compare(from->type, rdata_next(&q), rd);
            if (order >= 0)
                break;
        }
        if (j == count || order != 0)
            tell(d, added, from, v[i]);
    }
}

/* Two versions of a set, either of which may be missing. */
static void set_diff(struct differ *d, const struct rrset *a, const struct rrset *b)
{
    if (a != NULL && b != NULL && a->ttl == b->ttl && a->rdata_size == b->rdata_size &&
        memcmp(a->rdata, b->rdata, a->rdata_size) == 0)
        return;
    if (a != NULL)
        rdata_order(a, d->x);
    if (b != NULL)
        rdata_order(b, d->y);
    if (a != NULL)
        set_minus(d, false, a, d->x, b, d->y);
    if (b != NULL)
        set_minus(d, true, b, d->y, a, d->x);
}

/* The set of `n` that is the counterpart of s: for RRSIGs that over the same type. */
static bool counterpart(const struct zone *z, const struct zone_node *n, const struct rrset *s,
                        struct rrset *ret)
{
    if (n == NULL)
        return false;
    if (s->type == RR_RRSIG)
        return zone_rrsig(z, n, get_be16(s->rdata + 2), s->owner, ret);
    return zone_rrset(z, n, s->type, s->owner, ret);
}

static void node_diff(struct differ *d, const struct zone_node *a, const struct zone_node *b)
{
    uint8_t owner[LIMIT_NAME];
    struct rrset s, other;
    uint32_t cursor = 0;
    zone_node_name(a != NULL ? d->a : d->b, a != NULL ? a : b, owner);
    while (a != NULL && zone_rrset_next(d->a, a, owner, &cursor, &s)) {
        bool both = counterpart(d->b, b, &s, &other);
        set_diff(d, &s, both ? &other : NULL);
    }
    cursor = 0;
    while (b != NULL && zone_rrset_next(d->b, b, owner, &cursor, &s))
        if (!counterpart(d->a, a, &s, &other))
            set_diff(d, NULL, &s);
}

enum status zone_diff(const struct zone *a, const struct zone *b, zone_change_fn *fn, void *ctx,
                      uint64_t *ret_changes)
{
    if (!name_equal(zone_origin(a), zone_origin(b)))
        return ST_ESEMANTIC;
    struct differ d = {.a = a, .b = b, .fn = fn, .ctx = ctx};
    d.x = malloc(LIMIT_MESSAGE_RRS * sizeof *d.x); /* no set is larger: zone/builder.h */
    d.y = malloc(LIMIT_MESSAGE_RRS * sizeof *d.y);
    enum status st = d.x != NULL && d.y != NULL ? ST_OK : ST_ENOMEM;
    const struct zone_node *m = zone_next(a, NULL), *n = zone_next(b, NULL);
    while (st == ST_OK && (m != NULL || n != NULL)) {
        uint8_t x[LIMIT_NAME], y[LIMIT_NAME];
        int order = m == NULL ? 1 : n == NULL ? -1 : 0;
        if (order == 0) {
            zone_node_name(a, m, x);
            zone_node_name(b, n, y);
            order = name_compare(x, y);
        }
        node_diff(&d, order <= 0 ? m : NULL, order >= 0 ? n : NULL);
        if (order <= 0)
            m = zone_next(a, m);
        if (order >= 0)
            n = zone_next(b, n);
    }
    free(d.x);
    free(d.y);
    *ret_changes = d.changes;
    return st;
}
