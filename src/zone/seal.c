/* Makes RRsets out of records: grouped by type, without duplicates, equal ones stored once. */
#include "dns/rdata.h"
#include "zone/build.h"

#include <stdio.h>
#include <stdlib.h>

enum { SORT_SMALL = 24 };

enum status pends_add(struct pends *p, struct pend rec, struct bytes rdata)
{
    if (p->n == p->cap) {
        if (p->cap > UINT32_MAX / 4)
            return ST_ELIMIT;
        uint32_t cap = p->cap ? p->cap * 2 : 8;
        struct pend *v = realloc(p->v, cap * sizeof *v);
        if (v == NULL)
            return ST_ENOMEM;
        p->v = v;
        p->cap = cap;
    }
    if (p->room - p->used < rdata.n) {
        uint64_t room = (uint64_t)p->room * 2 + rdata.n + 256;
        if (room > UINT32_MAX)
            return ST_ELIMIT;
        uint8_t *q = realloc(p->bytes, room);
        if (q == NULL)
            return ST_ENOMEM;
        p->bytes = q;
        p->room = (uint32_t)room;
    }
    rec.off = p->used;
    rec.len = (uint16_t)rdata.n;
    if (rdata.n > 0)
        memcpy(p->bytes + p->used, rdata.p, rdata.n);
    p->used += (uint32_t)rdata.n;
    p->v[p->n++] = rec;
    return ST_OK;
}

void pends_free(struct pends *p)
{
    free(p->v);
    free(p->bytes);
    *p = (struct pends){0};
}

size_t build_name(const struct zone_builder *b, uint32_t ref, uint8_t ret[LIMIT_NAME])
{
    size_t len = 0;
    for (const struct zone_node *n = node_at(b->mem, ref); n->parent != 0;
         n = node_at(b->mem, n->parent)) {
        memcpy(ret + len, n->label, 1u + n->label[0]);
        len += 1u + n->label[0];
    }
    memcpy(ret + len, b->origin, b->origin_len);
    return len + b->origin_len;
}

void build_finding(struct zone_builder *b, enum severity sev, const char *code, uint32_t node,
                   uint16_t type, unsigned nth, const char *hint, const char *fmt, ...)
{
    uint8_t owner[LIMIT_NAME];
    if (sev == SEV_ERROR)
        b->errors++;
    bool want_first = sev == SEV_ERROR && b->errors == 1 && b->first != NULL;
    if (b->fn == NULL && !want_first)
        return;
    build_name(b, node, owner);
    struct zone_finding f = {
        .severity = sev, .code = code, .owner = owner, .type = type, .nth = nth, .hint = hint};
    char name[NAME_TEXT_MAX];
    int n = snprintf(f.message, sizeof f.message, "%.200s: ", name_str(owner, name));
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f.message + n, sizeof f.message - (size_t)n, fmt, ap);
    va_end(ap);
    if (want_first)
        diag_set(b->first, sev, code, hint, "%s", f.message);
    if (b->fn != NULL)
        b->fn(b->fn_ctx, &f);
}

const struct set *build_set(const struct zone_builder *b, const struct zone_node *n, uint32_t k)
{
    if (n->sets == 0)
        return NULL;
    if (!(n->flags & NODE_MANY))
        return k == 0 ? set_at(b->mem, n->sets) : NULL;
    const struct set_table *t = table_at(b->mem, n->sets);
    return k < t->count ? set_at(b->mem, t->at[k].ref) : NULL;
}

const struct set *build_set_of(const struct zone_builder *b, const struct zone_node *n,
                               uint16_t type)
{
    const struct set *s;
    for (uint32_t k = 0; (s = build_set(b, n, k)) != NULL; k++)
        if (s->type == type)
            return s;
    return NULL;
}

static bool slots_grow(struct zone_builder *b)
{
    uint32_t cap = b->slots ? b->slots * 2 : 16;
    uint32_t *slot = calloc(cap, sizeof *slot), *hash = malloc(cap * sizeof *hash);
    if (slot == NULL || hash == NULL) {
        free(slot);
        free(hash);
        return false;
    }
    for (uint32_t i = 0; i < b->slots; i++) {
        if (b->slot[i] == 0)
            continue;
        uint32_t at = b->slot_hash[i] & (cap - 1);
        while (slot[at] != 0)
            at = (at + 1) & (cap - 1);
        slot[at] = b->slot[i];
        hash[at] = b->slot_hash[i];
    }
    free(b->slot);
    free(b->slot_hash);
    b->slot = slot;
    b->slot_hash = hash;
    b->slots = cap;
    return true;
}

/* Types whose sets hardly ever repeat would only fill the table. */
static bool worth_sharing(uint16_t type)
{
    return type != RR_RRSIG && type != RR_NSEC && type != RR_NSEC3 && type != RR_DS &&
           type != RR_SOA;
}

void set_prefetch_slot(const struct zone_builder *b, const struct made *m)
{
    if (b->slots == 0 || !worth_sharing(m->type))
        return;
    __builtin_prefetch(&b->slot[m->hash & (b->slots - 1)], 1);
    __builtin_prefetch(&b->slot_hash[m->hash & (b->slots - 1)], 1);
}

void set_prefetch_set(const struct zone_builder *b, const struct made *m)
{
    if (b->slots == 0 || !worth_sharing(m->type))
        return;
    uint32_t at = m->hash & (b->slots - 1);
    if (b->slot[at] != 0 && b->slot_hash[at] == m->hash)
        __builtin_prefetch(b->mem + b->slot[at]);
}

/* The ref of a set equal to the one prepared, stored now if there was none. 0: no memory. */
static uint32_t set_intern(struct zone_builder *b, const struct made *m)
{
    const struct set *s = (const struct set *)(const void *)(b->blobs + m->off);
    bool share = worth_sharing(s->type);
    uint32_t at = 0;
    if (share) {
        if (b->slots_used >= b->slots / 4 * 3 && !slots_grow(b))
            return 0;
        for (at = m->hash & (b->slots - 1); b->slot[at] != 0; at = (at + 1) & (b->slots - 1))
            if (b->slot_hash[at] == m->hash) {
                const struct set *o = set_at(b->mem, b->slot[at]);
                if (o->size == s->size && memcmp(o, s, m->size) == 0) /* header and RDATA */
                    return b->slot[at];
            }
    }
    uint32_t ref = build_alloc(b, m->size);
    if (ref == 0)
        return 0;
    memcpy(b->mem + ref, s, m->size);
    if (share) {
        b->slot[at] = ref;
        b->slot_hash[at] = m->hash;
        b->slots_used++;
    }
    return ref;
}

/* Equal RDATA (RFC 2181 section 5), names in them without regard to case. */
static bool rdata_same(uint16_t type, struct bytes a, struct bytes b)
{
    if (a.n != b.n)
        return false;
    if (a.n == 0 || memcmp(a.p, b.p, a.n) == 0)
        return true;
    if (!rr_type_has_names(type))
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (a.p[i] != b.p[i] && ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return rdata_compare(type, a, b) == 0;
}

static bool set_holds(const struct set *s, struct bytes rdata)
{
    for (const uint8_t *p = s->rdata; p < s->rdata + s->size;)
        if (rdata_same(s->type, rdata_next(&p), rdata))
            return true;
    return false;
}

/* Room for n more bytes of prepared sets and one more entry. */
static bool made_room(struct zone_builder *b, size_t n)
{
    if (b->blobs_cap - b->blobs_used < n) {
        size_t cap = b->blobs_cap * 2 + n + 4096;
        uint8_t *p = cap <= UINT32_MAX ? realloc(b->blobs, cap) : NULL;
        if (p == NULL)
            return false;
        b->blobs = p;
        b->blobs_cap = cap;
    }
    if (b->mades == b->made_cap) {
        uint32_t cap = b->made_cap * 2 + 64;
        struct made *m = realloc(b->made, cap * sizeof *m);
        if (m == NULL)
            return false;
        b->made = m;
        b->made_cap = cap;
    }
    return true;
}

/* One RRset of the records v[0..n), all of one type. */
static enum status set_make(struct zone_builder *b, const struct pends *p, const struct pend *v,
                            uint32_t n)
{
    size_t size = sizeof(struct set);
    for (uint32_t i = 0; i < n; i++)
        size += 2u + v[i].len;
    if (!made_room(b, size + 3))
        return ST_ENOMEM;
    struct set *s = (struct set *)(void *)(b->blobs + b->blobs_used);
    *s = (struct set){.type = (uint16_t)(v[0].key >> 16), .ttl = v[0].ttl};
    bool told = false;
    char type[24];
    for (uint32_t i = 0; i < n; i++) {
        struct bytes rd = {p->bytes + v[i].off, v[i].len};
        if (v[i].ttl != s->ttl && !told && (i == 0 || v[i].key == v[i - 1].key)) {
            build_finding(
                b, SEV_WARNING, "ttl-mismatch", v[i].node, s->type, i + 1,
                "all records of an RRset have one TTL; the smallest is used (RFC 2181 section 5.2)",
                "TTLs of the %s RRset differ: %u and %u", rr_type_str(s->type, type), s->ttl,
                v[i].ttl);
            told = true;
        }
        s->ttl = MIN(s->ttl, v[i].ttl);
        if (i > 0 && set_holds(s, rd)) {
            build_finding(b, SEV_WARNING, "duplicate-record", v[i].node, s->type, i + 1, NULL,
                          "this %s record stands here more than once", rr_type_str(s->type, type));
            continue;
        }
        if (s->count == LIMIT_MESSAGE_RRS) {
            build_finding(b, SEV_ERROR, "rrset-too-large", v[i].node, s->type, i + 1, NULL,
                          "more %s records than any message can hold (%d)",
                          rr_type_str(s->type, type), LIMIT_MESSAGE_RRS);
            break;
        }
        put_be16(s->rdata + s->size, (uint16_t)rd.n);
        if (rd.n > 0)
            memcpy(s->rdata + s->size + 2, rd.p, rd.n);
        s->size += 2u + (uint32_t)rd.n;
        s->count++;
    }
    struct made *m = &b->made[b->mades++];
    m->type = s->type;
    m->off = (uint32_t)b->blobs_used;
    m->size = (uint32_t)sizeof *s + s->size;
    m->hash = worth_sharing(s->type) ? (uint32_t)siphash13(&b->key, s, m->size) : 0;
    b->blobs_used += (m->size + 3) & ~(size_t)3;
    return ST_OK;
}

int pend_order(const void *x, const void *y)
{
    const struct pend *a = x, *b = y;
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

void pends_sort(struct pend *v, uint32_t n)
{
    if (n > SORT_SMALL) {
        qsort(v, n, sizeof *v, pend_order);
        return;
    }
    for (uint32_t i = 1; i < n; i++) {
        struct pend x = v[i];
        uint32_t j = i;
        for (; j > 0 && pend_order(&v[j - 1], &x) > 0; j--)
            v[j] = v[j - 1];
        v[j] = x;
    }
}

enum status sets_prepare(struct zone_builder *b, const struct pends *p, struct staged *o)
{
    struct pend *v = p->v;
    o->first_set = b->mades;
    for (uint32_t i = o->first; i < o->end; i++)
        v[i].node = o->ref;
    pends_sort(v + o->first, o->end - o->first);
    for (uint32_t i = o->first, end; i < o->end; i = end) {
        for (end = i + 1; end < o->end && v[end].key >> 16 == v[i].key >> 16;)
            end++;
        TRY(set_make(b, p, v + i, end - i));
    }
    o->end_set = b->mades;
    return ST_OK;
}

enum status sets_attach(struct zone_builder *b, const struct staged *o)
{
    uint32_t groups = o->end_set - o->first_set, table = 0, ref = 0;
    if (groups > 1) {
        table = build_alloc(b, sizeof(struct set_table) + groups * sizeof(struct set_entry));
        if (table == 0)
            return ST_ENOMEM;
        table_at(b->mem, table)->count = groups;
    }
    for (uint32_t g = 0; g < groups; g++) {
        const struct made *m = &b->made[o->first_set + g];
        ref = set_intern(b, m);
        if (ref == 0)
            return ST_ENOMEM;
        if (table != 0)
            table_at(b->mem, table)->at[g] = (struct set_entry){.ref = ref, .type = m->type};
    }
    struct zone_node *n = node_at(b->mem, o->ref);
    n->sets = table != 0 ? table : ref;
    n->flags = (uint8_t)((n->flags & ~NODE_MANY) | (table != 0 ? NODE_MANY : 0));
    return ST_OK;
}
