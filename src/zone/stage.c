/* Works off owners by the batch, one step for all of them before the next: nodes, sets, shared
 * sets. */
#include "zone/build.h"

#include <stdlib.h>

/* Stands for sets that are being made, so that the same owner again in the batch is seen. */
enum { SETS_COMING = 1 };

static enum status put_aside(struct zone_builder *b, const struct staged *o)
{
    const struct pends *p = &b->now;
    node_at(b->mem, o->ref)->flags |= NODE_LOOSE;
    for (uint32_t i = o->first; i < o->end; i++) {
        struct pend rec = p->v[i];
        rec.node = o->ref;
        rec.seq = b->loose.n;
        TRY(pends_add(&b->loose, rec, bytes_of(p->bytes + rec.off, rec.len)));
    }
    return ST_OK;
}

static enum status flush(struct zone_builder *b)
{
    struct staged *o = b->stage, *end = b->stage + b->staged;
    for (o = b->stage; o < end; o++) {
        TRY(build_node(b, o));
        struct zone_node *n = node_at(b->mem, o->ref);
        o->again = n->sets != 0 || n->flags & NODE_LOOSE;
        if (!o->again)
            n->sets = SETS_COMING;
    }
    b->mades = 0;
    b->blobs_used = 0;
    for (o = b->stage; o < end; o++) {
        if (o->again) {
            TRY(put_aside(b, o));
            continue;
        }
        TRY(sets_prepare(b, &b->now, o));
        for (uint32_t i = o->first_set; i < o->end_set; i++)
            set_prefetch_slot(b, &b->made[i]);
    }
    for (uint32_t i = 0; i < b->mades; i++)
        set_prefetch_set(b, &b->made[i]);
    for (o = b->stage; o < end; o++)
        if (!o->again)
            TRY(sets_attach(b, o));
    b->staged = 0;
    b->now.n = b->now.used = 0;
    return ST_OK;
}

enum status build_flush(struct zone_builder *b)
{
    if (b->broken == ST_OK)
        b->broken = flush(b);
    return b->broken;
}

/* Puts the records of a finished set before those that came later. */
static enum status set_undo(uint32_t node, const struct set *s, struct pends *out)
{
    for (const uint8_t *p = s->rdata; p < s->rdata + s->size;) {
        struct bytes rd = rdata_next(&p);
        uint32_t covers = s->type == RR_RRSIG ? rrsig_covers(rd) : 0;
        struct pend rec = {
            .node = node, .key = (uint32_t)s->type << 16 | covers, .seq = out->n, .ttl = s->ttl};
        TRY(pends_add(out, rec, rd));
    }
    return ST_OK;
}

/* Makes the sets of one node anew out of what it has and the records put aside, l->v[from..end). */
static enum status node_again(struct zone_builder *b, uint32_t from, uint32_t end)
{
    struct pends *l = &b->loose, *p = &b->now;
    struct staged o = {.ref = l->v[from].node};
    struct zone_node *n = node_at(b->mem, o.ref);
    const struct set *s;
    p->n = p->used = 0;
    for (uint32_t k = 0; (s = build_set(b, n, k)) != NULL; k++)
        TRY(set_undo(o.ref, s, p));
    for (uint32_t i = from; i < end; i++) {
        struct pend rec = l->v[i];
        rec.seq = p->n;
        TRY(pends_add(p, rec, bytes_of(l->bytes + rec.off, rec.len)));
    }
    o.end = p->n;
    n->flags &= (uint8_t)~NODE_LOOSE;
    b->mades = 0;
    b->blobs_used = 0;
    TRY(sets_prepare(b, p, &o));
    return sets_attach(b, &o);
}

static enum status flush_all(struct zone_builder *b)
{
    struct pends *l = &b->loose;
    TRY(flush(b));
    if (l->n > 1)
        qsort(l->v, l->n, sizeof *l->v, pend_order);
    for (uint32_t i = 0, end; i < l->n; i = end) {
        for (end = i + 1; end < l->n && l->v[end].node == l->v[i].node;)
            end++;
        TRY(node_again(b, i, end));
    }
    pends_free(l);
    return ST_OK;
}

enum status build_flush_all(struct zone_builder *b)
{
    if (b->broken == ST_OK)
        b->broken = flush_all(b);
    return b->broken;
}
