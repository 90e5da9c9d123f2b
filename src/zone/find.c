/* Lookups in a snapshot: down from the apex, one label at a time (RFC 1034 section 4.3.2). */
#include "zone/snapshot.h"

/* Eight bytes in lower case at once: those from A to Z get the bit by which they differ. */
static inline uint64_t lower8(uint64_t v)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t low7 = v & 0x7f * ones, ascii = ~v & 0x80 * ones;
    uint64_t from_a = low7 + (0x80 - 'A') * ones, past_z = low7 + (0x7f - 'Z') * ones;
    return v | (((from_a ^ past_z) & ascii) >> 2);
}

void zone_path(const uint8_t *name, struct zone_path *ret)
{
    unsigned labels = 0;
    const uint8_t *q = name;
    for (; *q != 0; q += 1 + *q)
        ret->at[labels++] = (uint8_t)(q - name);
    ret->labels = (uint8_t)labels;
    size_t n = (size_t)(q - name) + 1;
    ret->len = (uint8_t)n;
    memcpy(ret->low, name, n);
    /* Length bytes are below 'A'. */
    for (size_t i = 0; i < n; i += 8) {
        uint64_t v;
        memcpy(&v, ret->low + i, 8);
        v = lower8(v);
        memcpy(ret->low + i, &v, 8);
    }
}

/* True if the name is in the zone. */
static bool path_inside(const struct zone *z, const struct zone_path *p)
{
    return p->labels >= z->origin_labels &&
           name_equal(p->labels == z->origin_labels ? p->low
                      : z->origin_labels == 0       ? name_root
                                                    : p->low + p->at[p->labels - z->origin_labels],
                      z->origin);
}

/* low: the label in lower case. */
static uint32_t child(const struct zone *z, uint64_t *hash, uint32_t parent, const uint8_t *low)
{
    *hash = label_hash(&z->key, *hash, low);
    return index_find(z->bucket, z->buckets, z->mem, *hash, parent, low);
}

static void found(struct zone_found *ret, enum zone_match m, const struct zone_node *n,
                  const struct zone_node *encloser)
{
    ret->match = m;
    ret->node = n;
    ret->node_labels = n != NULL ? n->labels : 0;
    ret->encloser = encloser;
    ret->encloser_labels = encloser->labels;
}

/* Nothing below n, whose hash is given, is the name: a wildcard, or there is none. An owner of
 * NSEC3 alone does not exist either, and the apex is above it (RFC 5155 section 7.2.8). */
static void absent(const struct zone *z, const struct zone_node *n, uint64_t hash,
                   struct zone_found *ret)
{
    static const uint8_t star[2] = {1, '*'};
    if (UNLIKELY(n->flags & NODE_NSEC3)) {
        n = node_at(z->mem, z->apex);
        hash = 0;
    }
    uint32_t wild = n->flags & NODE_WILD ? child(z, &hash, node_ref(z, n), star) : 0;
    found(ret, wild != 0 ? ZONE_WILDCARD : ZONE_NXDOMAIN, wild != 0 ? node_at(z->mem, wild) : NULL,
          n);
}

void zone_find(const struct zone *z, const uint8_t *qname, struct zone_found *ret)
{
    struct zone_path p;
    zone_path(qname, &p);
    if (path_inside(z, &p))
        zone_find_path(z, &p, ret);
    else
        *ret = (struct zone_found){.match = ZONE_OUTSIDE};
}

void zone_find_path(const struct zone *z, const struct zone_path *p, struct zone_found *ret)
{
    *ret = (struct zone_found){.match = ZONE_OUTSIDE};
    uint32_t ref = z->apex;
    uint64_t hash = 0;
    const struct zone_node *n = node_at(z->mem, ref);
    for (unsigned i = p->labels - z->origin_labels; i-- > 0;) {
        if (n->flags & NODE_DNAME) { /* RFC 6672 section 2.3: below, not at, its owner */
            found(ret, ZONE_DNAME, n, n);
            return;
        }
        uint64_t h = hash;
        uint32_t next = child(z, &h, ref, p->low + p->at[i]);
        if (next == 0) {
            absent(z, n, hash, ret);
            return;
        }
        ref = next;
        hash = h;
        n = node_at(z->mem, ref);
        if (n->flags & NODE_CUT) {
            found(ret, ZONE_DELEGATION, n, n);
            ret->at_cut = i == 0;
            return;
        }
    }
    if (UNLIKELY(n->flags & NODE_NSEC3)) {
        absent(z, n, hash, ret);
        return;
    }
    found(ret, ZONE_EXACT, n, n);
}

/* The exact node of a name, whatever stands above it; NULL if there is none. */
static const struct zone_node *node_exact(const struct zone *z, const uint8_t *name)
{
    struct zone_path p;
    zone_path(name, &p);
    if (!path_inside(z, &p))
        return NULL;
    uint32_t ref = z->apex;
    uint64_t hash = 0;
    for (unsigned i = p.labels - z->origin_labels; i-- > 0 && ref != 0;)
        ref = child(z, &hash, ref, p.low + p.at[i]);
    return ref != 0 ? node_at(z->mem, ref) : NULL;
}

const struct zone_node *zone_node_of(const struct zone *z, const uint8_t *name)
{
    return node_exact(z, name);
}

static const struct set *set_find(const struct zone *z, const struct zone_node *n, uint16_t type)
{
    if (n->sets == 0)
        return NULL;
    if (!(n->flags & NODE_MANY)) {
        const struct set *s = set_at(z->mem, n->sets);
        return s->type == type ? s : NULL;
    }
    const struct set_table *t = table_at(z->mem, n->sets);
    uint32_t lo = 0, hi = t->count;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (t->at[mid].type < type)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < t->count && t->at[lo].type == type ? set_at(z->mem, t->at[lo].ref) : NULL;
}

static void set_view(const struct set *s, const uint8_t *owner, struct rrset *ret)
{
    *ret = (struct rrset){.owner = owner,
                          .type = s->type,
                          .rclass = CLASS_IN,
                          .ttl = s->ttl,
                          .count = s->count,
                          .rdata_size = s->size,
                          .rdata = s->rdata};
}

bool zone_rrset(const struct zone *z, const struct zone_node *n, uint16_t type,
                const uint8_t *owner, struct rrset *ret)
{
    const struct set *s = set_find(z, n, type);
    if (s == NULL)
        return false;
    set_view(s, owner, ret);
    return true;
}

bool zone_glue(const struct zone *z, const uint8_t *name, uint16_t type, struct rrset *ret)
{
    const struct zone_node *n = node_exact(z, name);
    return n != NULL && zone_rrset(z, n, type, name, ret);
}

/* The run of RRSIGs from byte `from` on that cover one type; its TTL is that of the RRset it covers
 * (RFC 4034 section 3), or the original TTL field if the zone lacks that RRset. */
static void rrsig_run(const struct zone *z, const struct zone_node *n, const struct set *s,
                      uint32_t from, struct rrset *ret)
{
    const uint8_t *p = s->rdata + from, *end = s->rdata + s->size;
    uint16_t covers = get_be16(p + 2), count = 0;
    const uint8_t *q = p;
    while (q < end && get_be16(q + 2) == covers) {
        q += 2 + get_be16(q);
        count++;
    }
    const struct set *c = covers != RR_RRSIG ? set_find(z, n, covers) : NULL;
    ret->count = count;
    ret->rdata = p;
    ret->rdata_size = (uint32_t)(q - p);
    ret->ttl = c != NULL ? c->ttl : get_be16(p) >= 8 ? get_be32(p + 6) : s->ttl;
}

bool zone_rrsig(const struct zone *z, const struct zone_node *n, uint16_t type,
                const uint8_t *owner, struct rrset *ret)
{
    if (!(n->flags & NODE_SIGNED))
        return false;
    const struct set *s = set_find(z, n, RR_RRSIG);
    for (uint32_t at = 0; s != NULL && at < s->size; at += 2u + get_be16(s->rdata + at))
        if (get_be16(s->rdata + at + 2) == type) {
            set_view(s, owner, ret);
            rrsig_run(z, n, s, at, ret);
            return true;
        }
    return false;
}

/* The cursor counts the sets; RRSIGs come last, one covered type at a time, and then the cursor is
 * the top bit and the offset of the next one. */
bool zone_rrset_next(const struct zone *z, const struct zone_node *n, const uint8_t *owner,
                     uint32_t *cursor, struct rrset *ret)
{
    const uint32_t IN_RRSIG = 1u << 31;
    if (n->sets == 0)
        return false;
    uint32_t count = n->flags & NODE_MANY ? table_at(z->mem, n->sets)->count : 1;
    if (!(*cursor & IN_RRSIG)) {
        while (*cursor < count) {
            uint32_t i = (*cursor)++;
            uint32_t ref = n->flags & NODE_MANY ? table_at(z->mem, n->sets)->at[i].ref : n->sets;
            const struct set *s = set_at(z->mem, ref);
            if (s->type == RR_RRSIG)
                continue;
            set_view(s, owner, ret);
            return true;
        }
        if (!(n->flags & NODE_SIGNED))
            return false;
        *cursor = IN_RRSIG;
    }
    const struct set *s = set_find(z, n, RR_RRSIG);
    uint32_t at = *cursor & ~IN_RRSIG;
    if (s == NULL || at >= s->size)
        return false;
    set_view(s, owner, ret);
    rrsig_run(z, n, s, at, ret);
    *cursor = IN_RRSIG | (at + ret->rdata_size);
    return true;
}
