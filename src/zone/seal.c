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

/* The ref of a set equal to the one in scratch (n bytes), stored now if there was none. 0: no
 * memory. */
static uint32_t set_intern(struct zone_builder *b, size_t n)
{
    const struct set *s = (const struct set *)(const void *)b->scratch;
    bool share = worth_sharing(s->type);
    uint32_t at = 0, hash = 0;
    if (share) {
        if (b->slots_used >= b->slots / 4 * 3 && !slots_grow(b))
            return 0;
        hash = (uint32_t)siphash13(&b->key, b->scratch, n);
        for (at = hash & (b->slots - 1); b->slot[at] != 0; at = (at + 1) & (b->slots - 1))
            if (b->slot_hash[at] == hash) {
                const struct set *o = set_at(b->mem, b->slot[at]);
                if (o->size == s->size && memcmp(o, s, n) == 0) /* header and RDATA */
                    return b->slot[at];
            }
    }
    uint32_t ref = build_alloc(b, n);
    if (ref == 0)
        return 0;
    memcpy(b->mem + ref, b->scratch, n);
    if (share) {
        b->slot[at] = ref;
        b->slot_hash[at] = hash;
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

static bool scratch_room(struct zone_builder *b, size_t n)
{
    if (n <= b->scratch_cap)
        return true;
    size_t cap = n * 2 + 256;
    uint8_t *p = realloc(b->scratch, cap);
    if (p == NULL)
        return false;
    b->scratch = p;
    b->scratch_cap = cap;
    return true;
}

/* One RRset of the records v[0..n), all of one type, into scratch and from there into the arena. */
static enum status set_make(struct zone_builder *b, const struct pends *p, const struct pend *v,
                            uint32_t n, uint32_t *ret)
{
    size_t size = sizeof(struct set);
    for (uint32_t i = 0; i < n; i++)
        size += 2u + v[i].len;
    if (!scratch_room(b, size))
        return ST_ENOMEM;
    struct set *s = (struct set *)(void *)b->scratch;
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
    *ret = set_intern(b, sizeof *s + s->size);
    return *ret != 0 ? ST_OK : ST_ENOMEM;
}

static int pend_cmp(const void *x, const void *y)
{
    const struct pend *a = x, *b = y;
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

static void pends_sort(struct pend *v, uint32_t n)
{
    if (n > SORT_SMALL) {
        qsort(v, n, sizeof *v, pend_cmp);
        return;
    }
    for (uint32_t i = 1; i < n; i++) {
        struct pend x = v[i];
        uint32_t j = i;
        for (; j > 0 && pend_cmp(&v[j - 1], &x) > 0; j--)
            v[j] = v[j - 1];
        v[j] = x;
    }
}

/* Gives the node, which has no sets yet, those of the sorted records v[0..n). */
static enum status sets_make(struct zone_builder *b, const struct pends *p, const struct pend *v,
                             uint32_t n)
{
    uint32_t groups = 0, node = v[0].node, table = 0, last = 0;
    for (uint32_t i = 0; i < n; i++)
        groups += i == 0 || v[i].key >> 16 != v[i - 1].key >> 16;
    if (groups > 1) {
        table = build_alloc(b, sizeof(struct set_table) + groups * sizeof(struct set_entry));
        if (table == 0)
            return ST_ENOMEM;
        table_at(b->mem, table)->count = groups;
    }
    uint32_t g = 0;
    for (uint32_t i = 0, end; i < n; i = end, g++) {
        for (end = i + 1; end < n && v[end].key >> 16 == v[i].key >> 16;)
            end++;
        TRY(set_make(b, p, v + i, end - i, &last));
        if (table != 0)
            table_at(b->mem, table)->at[g] =
                (struct set_entry){.ref = last, .type = (uint16_t)(v[i].key >> 16)};
    }
    struct zone_node *at = node_at(b->mem, node);
    at->sets = table != 0 ? table : last;
    at->flags = (uint8_t)((at->flags & ~NODE_MANY) | (table != 0 ? NODE_MANY : 0));
    return ST_OK;
}

enum status build_seal(struct zone_builder *b)
{
    struct pends *p = &b->now;
    if (p->n == 0)
        return ST_OK;
    struct zone_node *n = node_at(b->mem, b->cur);
    enum status st = ST_OK;
    if (n->sets != 0 || n->flags & NODE_LOOSE) {
        n->flags |= NODE_LOOSE;
        for (uint32_t i = 0; i < p->n && st == ST_OK; i++) {
            struct pend rec = p->v[i];
            rec.seq = b->loose.n;
            st = pends_add(&b->loose, rec, bytes_of(p->bytes + rec.off, rec.len));
        }
    } else {
        pends_sort(p->v, p->n);
        st = sets_make(b, p, p->v, p->n);
    }
    p->n = p->used = 0;
    return st;
}

/* Puts the records of a finished set before those that came later. */
static enum status set_undo(struct zone_builder *b, uint32_t node, const struct set *s,
                            struct pends *out)
{
    for (const uint8_t *p = s->rdata; p < s->rdata + s->size;) {
        struct bytes rd = rdata_next(&p);
        uint32_t covers = s->type == RR_RRSIG ? rrsig_covers(rd) : 0;
        struct pend rec = {
            .node = node, .key = (uint32_t)s->type << 16 | covers, .seq = out->n, .ttl = s->ttl};
        TRY(pends_add(out, rec, rd));
    }
    (void)b;
    return ST_OK;
}

enum status build_seal_loose(struct zone_builder *b)
{
    TRY(build_seal(b));
    struct pends *l = &b->loose, *p = &b->now;
    if (l->n > 1)
        qsort(l->v, l->n, sizeof *l->v, pend_cmp);
    for (uint32_t i = 0, end; i < l->n; i = end) {
        struct zone_node *n = node_at(b->mem, l->v[i].node);
        p->n = p->used = 0;
        const struct set *s;
        for (uint32_t k = 0; (s = build_set(b, n, k)) != NULL; k++)
            TRY(set_undo(b, l->v[i].node, s, p));
        for (end = i; end < l->n && l->v[end].node == l->v[i].node; end++) {
            struct pend rec = l->v[end];
            rec.seq = p->n;
            TRY(pends_add(p, rec, bytes_of(l->bytes + rec.off, rec.len)));
        }
        n->sets = 0;
        n->flags &= (uint8_t)~NODE_LOOSE;
        pends_sort(p->v, p->n);
        TRY(sets_make(b, p, p->v, p->n));
    }
    p->n = p->used = 0;
    pends_free(l);
    return ST_OK;
}
