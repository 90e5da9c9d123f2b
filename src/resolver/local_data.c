#include "resolver/local_data.h"

#include "base/arena.h"
#include "dns/rr_type.h"

#include <stdlib.h>

enum { LOCAL_TTL_S = 10800, NODES_FIRST = 256, NODES_MAX = 1 << 26, KIND_NONE = 255 };

struct local_set {
    struct local_set *next;
    uint16_t type, count;
    uint32_t ttl, size, cap;
    uint8_t *rdata;
};

struct local_node {
    const uint8_t *name; /* in lower case */
    uint64_t hash;
    struct local_set *sets;
    uint8_t kind; /* enum local_kind, or KIND_NONE: no zone begins here */
    bool special;
};

struct local_data {
    struct arena arena;
    struct hash_key key;
    struct local_node *node;
    size_t n, cap;
    uint32_t *table; /* 1 + index into node; 0: free */
    size_t mask;
    uint64_t depths[3]; /* bit: a zone with so many labels is there */
    uint32_t ends[32];  /* local_data_ends() */
    bool has_data;      /* some name has records */
    struct local_counts count;
};

/* localhost. nobody.invalid. 1 3600 1200 604800 10800 */
static const uint8_t made_soa[] = {0,   47,  9,   108, 111, 99,  97,  108, 104, 111, 115, 116, 0,
                                   6,   110, 111, 98,  111, 100, 121, 7,   105, 110, 118, 97,  108,
                                   105, 100, 0,   0,   0,   0,   1,   0,   0,   14,  16,  0,   0,
                                   4,   176, 0,   9,   58,  128, 0,   0,   42,  48};
static const uint8_t made_ns[] = {0, 11, 9, 'l', 'o', 'c', 'a', 'l', 'h', 'o', 's', 't', 0};

static const struct {
    const char *name;
    enum local_kind kind;
} special[] = {
#define EMPTY                    LOCAL_STATIC
#define NXDOMAIN                 LOCAL_NXDOMAIN
#define LOCALHOST                LOCAL_LOCALHOST
#define SPECIAL(name, kind, rfc) {name, kind},
#include "resolver/special.def"
#undef SPECIAL
#undef EMPTY
#undef NXDOMAIN
#undef LOCALHOST
};

struct local_data *local_data_new(const struct hash_key *key)
{
    struct local_data *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    arena_init(&d->arena, 65536, 0);
    d->key = *key;
    d->mask = 2 * NODES_FIRST - 1;
    d->cap = NODES_FIRST;
    d->node = malloc(d->cap * sizeof *d->node);
    d->table = calloc(d->mask + 1, sizeof *d->table);
    if (d->node == NULL || d->table == NULL) {
        local_data_free(d);
        return NULL;
    }
    return d;
}

void local_data_free(struct local_data *d)
{
    if (d == NULL)
        return;
    arena_free(&d->arena);
    free(d->node);
    free(d->table);
    free(d);
}

static struct local_node *node_find(const struct local_data *d, const uint8_t *low, size_t n,
                                    uint64_t hash)
{
    for (size_t i = hash & d->mask; d->table[i] != 0; i = (i + 1) & d->mask) {
        struct local_node *e = &d->node[d->table[i] - 1];
        if (e->hash == hash && memcmp(e->name, low, n) == 0)
            return e;
    }
    return NULL;
}

static bool node_room(struct local_data *d)
{
    if (d->n < d->cap)
        return true;
    size_t cap = 2 * d->cap, size = 2 * cap;
    struct local_node *v = cap <= NODES_MAX ? realloc(d->node, cap * sizeof *v) : NULL;
    if (v == NULL)
        return false;
    d->node = v;
    uint32_t *t = calloc(size, sizeof *t);
    if (t == NULL)
        return false;
    free(d->table);
    d->table = t;
    d->mask = size - 1;
    d->cap = cap;
    for (size_t k = 0; k < d->n; k++) {
        size_t i = v[k].hash & d->mask;
        while (t[i] != 0)
            i = (i + 1) & d->mask;
        t[i] = (uint32_t)k + 1;
    }
    return true;
}

/* The root and what lies below a top label of which something is known may be asked for. */
static void note_end(struct local_data *d, const uint8_t *name, size_t n)
{
    if (n >= 3)
        d->ends[name[n - 3] & 31] |= 1u << (name[n - 2] & 31);
}

static void note_root(struct local_data *d)
{
    memset(d->ends, 0xff, sizeof d->ends);
}

/* The node of a name, made if there is none; NULL: no memory. */
static struct local_node *node_get(struct local_data *d, const uint8_t *name)
{
    uint8_t low[LIMIT_NAME];
    size_t n = name_lower(low, name);
    uint64_t hash = siphash13(&d->key, low, n);
    struct local_node *e = node_find(d, low, n, hash);
    if (e != NULL)
        return e;
    const uint8_t *copy = node_room(d) ? arena_alloc_bytes(&d->arena, n) : NULL;
    if (copy == NULL)
        return NULL;
    memcpy((uint8_t *)(uintptr_t)copy, low, n);
    size_t i = hash & d->mask;
    while (d->table[i] != 0)
        i = (i + 1) & d->mask;
    e = &d->node[d->n++];
    d->table[i] = (uint32_t)d->n;
    *e = (struct local_node){.name = copy, .hash = hash, .kind = KIND_NONE};
    note_end(d, copy, n);
    return e;
}

/* The names above one that exists in a zone where names may not exist: they do. */
static enum status exist_above(struct local_data *d, const uint8_t *owner)
{
    for (const uint8_t *n = owner; !name_is_root(n);) {
        n = name_parent(n);
        size_t before = d->n;
        if (node_get(d, n) == NULL)
            return ST_ENOMEM;
        if (d->n == before) /* and those above it, too */
            break;
    }
    return ST_OK;
}

enum status local_data_zone(struct local_data *d, const uint8_t *name, enum local_kind kind)
{
    struct local_node *e = node_get(d, name);
    if (e == NULL)
        return ST_ENOMEM;
    if (e->kind != KIND_NONE)
        return ST_EEXIST;
    e->kind = (uint8_t)kind;
    unsigned labels = name_labels(name);
    d->depths[labels / 64] |= 1ull << labels % 64;
    d->count.zones++;
    if (labels == 0)
        note_root(d);
    return exist_above(d, name);
}

bool local_special_known(const uint8_t *name)
{
    struct name n;
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (name_from(special[i].name, &n) == ST_OK && name_equal(n.w, name))
            return true;
    return false;
}

static struct local_set *set_of(const struct local_node *e, uint16_t type)
{
    struct local_set *s = e->sets;
    while (s != NULL && s->type != type)
        s = s->next;
    return s;
}

/* What a special zone has besides being there. */
static enum status special_records(struct local_data *d, const uint8_t *zone)
{
    static const char *const loopback[] = {
        "1.0.0.127.in-addr.arpa.",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa."};
    struct name n;
    const struct local_node *e = node_get(d, zone);
    if (e != NULL && set_of(e, RR_CNAME) != NULL) /* own data goes before */
        return ST_OK;
    TRY(local_data_add(d, zone, RR_SOA, LOCAL_TTL_S, bytes_of(made_soa + 2, sizeof made_soa - 2)));
    TRY(local_data_add(d, zone, RR_NS, LOCAL_TTL_S, bytes_of(made_ns + 2, sizeof made_ns - 2)));
    for (size_t i = 0; i < ARRAY_LEN(loopback); i++) {
        TRY(name_from(loopback[i], &n));
        e = node_get(d, n.w);
        if (name_in(n.w, zone) && e != NULL && set_of(e, RR_PTR) == NULL &&
            set_of(e, RR_CNAME) == NULL)
            TRY(local_data_add(d, n.w, RR_PTR, LOCAL_TTL_S,
                               bytes_of(made_ns + 2, sizeof made_ns - 2)));
    }
    return ST_OK;
}

enum status local_data_special(struct local_data *d, const uint8_t *const *except,
                               size_t except_count)
{
    struct local_counts before = d->count;
    bool data = d->has_data;
    for (size_t i = 0; i < ARRAY_LEN(special); i++) {
        struct name n;
        bool skip = false;
        TRY(name_from(special[i].name, &n));
        for (size_t k = 0; k < except_count; k++)
            skip |= name_equal(except[k], n.w);
        enum status st = skip ? ST_EEXIST : local_data_zone(d, n.w, special[i].kind);
        if (st == ST_EEXIST)
            continue;
        TRY(st);
        node_get(d, n.w)->special = true;
        if (special[i].kind == LOCAL_STATIC)
            TRY(special_records(d, n.w));
    }
    d->count.special = d->count.zones - before.zones;
    d->count.zones = before.zones;
    d->count.names = before.names;
    d->count.records = before.records;
    d->has_data = data; /* these are found by their zones */
    return ST_OK;
}

/* Room for n bytes more. */
static bool set_room(struct local_data *d, struct local_set *s, size_t n)
{
    if (s->cap - s->size >= n)
        return true;
    size_t cap = s->cap == 0 ? n : 2 * (s->cap + n);
    uint8_t *p = cap <= UINT32_MAX ? arena_alloc_bytes(&d->arena, cap) : NULL;
    if (p == NULL)
        return false;
    if (s->size > 0)
        memcpy(p, s->rdata, s->size);
    s->rdata = p;
    s->cap = (uint32_t)cap;
    return true;
}

enum status local_data_add(struct local_data *d, const uint8_t *owner, uint16_t type, uint32_t ttl,
                           struct bytes rdata)
{
    struct local_node *e = node_get(d, owner);
    if (e == NULL)
        return ST_ENOMEM;
    struct local_set *s = set_of(e, type), **end = &e->sets;
    bool first = e->sets == NULL;
    for (; *end != NULL; end = &(*end)->next)
        if (((*end)->type == RR_CNAME) != (type == RR_CNAME))
            return ST_ESEMANTIC; /* RFC 1034 section 3.6.2 */
    if (s == NULL) {
        if ((s = arena_zalloc(&d->arena, sizeof *s)) == NULL)
            return ST_ENOMEM;
        *s = (struct local_set){.type = type, .ttl = ttl};
        *end = s;
    }
    const struct rrset view = {.count = s->count,
                               .rdata_size = s->size,
                               .rdata = s->size > 0 ? s->rdata : rdata.p}; /* never NULL */
    struct rdata_iter it = rdata_iter(&view);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (bytes_equal(rd, rdata))
            return ST_OK;
    if (s->count > 0 && (rr_type_flags(type) & RRF_SINGLETON) != 0)
        return ST_ESEMANTIC;
    if (s->count == LIMIT_RRSET_RECORDS)
        return ST_ELIMIT;
    if (!set_room(d, s, 2 + rdata.n))
        return ST_ENOMEM;
    put_be16(s->rdata + s->size, (uint16_t)rdata.n);
    memcpy(s->rdata + s->size + 2, rdata.p, rdata.n);
    s->size += (uint32_t)(2 + rdata.n);
    s->count++;
    s->ttl = MIN(s->ttl, ttl); /* RFC 2181 section 5.2 */
    d->has_data = true;
    d->count.names += first;
    d->count.records++;
    return first ? exist_above(d, owner) : ST_OK;
}

struct local_counts local_data_counts(const struct local_data *d)
{
    return d->count;
}

const uint32_t *local_data_ends(const struct local_data *d)
{
    return d->ends;
}

/* --- what is said ------------------------------------------------------------------------------
 */

static struct rrset view_of(const struct local_set *s, const uint8_t *owner)
{
    return (struct rrset){.owner = owner,
                          .type = s->type,
                          .rclass = CLASS_IN,
                          .ttl = s->ttl,
                          .count = s->count,
                          .rdata_size = s->size,
                          .rdata = s->rdata};
}

static struct rrset made(const uint8_t *owner, uint16_t type, const uint8_t *packed)
{
    return (struct rrset){.owner = owner,
                          .type = type,
                          .rclass = CLASS_IN,
                          .ttl = LOCAL_TTL_S,
                          .count = 1,
                          .rdata_size = 2u + get_be16(packed),
                          .rdata = packed};
}

/* The records of a node, for a name (that of the node or one that it stands for). */
static enum local_says from_node(const struct local_node *e, const uint8_t *name, uint16_t type,
                                 struct local_answer *ret)
{
    const struct local_set *s = type == RR_ANY ? e->sets : set_of(e, type);
    if (s != NULL) {
        ret->set = view_of(s, name);
        return LOCAL_DATA;
    }
    if ((s = set_of(e, RR_CNAME)) != NULL) {
        ret->set = view_of(s, name);
        return LOCAL_ALIAS;
    }
    return LOCAL_SAYS_NODATA;
}

static enum local_says localhost(const uint8_t *name, uint16_t type, struct local_answer *ret)
{
    static const uint8_t v4[] = {0, 4, 127, 0, 0, 1};
    static const uint8_t v6[] = {0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    if (type != RR_A && type != RR_AAAA && type != RR_ANY)
        return LOCAL_SAYS_NODATA;
    ret->set = made(name, type == RR_AAAA ? RR_AAAA : RR_A, type == RR_AAAA ? v6 : v4);
    return LOCAL_DATA;
}

/* What the zone says of a name in it; e: the name's node, or NULL. */
static enum local_says from_zone(const struct local_node *z, const struct local_node *e,
                                 const uint8_t *name, uint16_t type, struct local_answer *ret)
{
    switch ((enum local_kind)z->kind) {
    case LOCAL_TRANSPARENT:
        return LOCAL_NOTHING;
    case LOCAL_STATIC:
        return e != NULL ? LOCAL_SAYS_NODATA : LOCAL_SAYS_NXDOMAIN;
    case LOCAL_REDIRECT:
        return from_node(z, name, type, ret);
    case LOCAL_NODATA:
        return LOCAL_SAYS_NODATA;
    case LOCAL_NXDOMAIN:
        return LOCAL_SAYS_NXDOMAIN;
    case LOCAL_REFUSE:
        return LOCAL_SAYS_REFUSED;
    case LOCAL_LOCALHOST:
        return localhost(name, type, ret);
    }
    return LOCAL_NOTHING;
}

static bool any_depth(const struct local_data *d, unsigned labels)
{
    return (d->depths[labels / 64] >> labels % 64 & 1) != 0;
}

enum local_says local_data_find(const struct local_data *d, const uint8_t *name, uint16_t type,
                                struct local_answer *ret)
{
    uint8_t low[LIMIT_NAME];
    size_t n = name_lower(low, name), at = 0, skipped = 0;
    unsigned labels = name_labels(low), all = labels;
    const struct local_node *zone = NULL, *own = NULL;
    bool looked = false;
    ret->says = LOCAL_NOTHING;
    ret->at = NULL;
    ret->blocked = false;
    for (;; at += 1u + low[at], labels--) {
        /* The parent's answer to DS stands above the zone (RFC 4035 section 3.1.4.1). */
        bool may = any_depth(d, labels) && !(type == RR_DS && labels == all && labels > 0);
        if (may || (at == 0 && d->has_data)) {
            const struct local_node *e =
                node_find(d, low + at, n - at, siphash13(&d->key, low + at, n - at));
            if (at == 0) {
                own = e;
                looked = true;
            }
            if (may && e != NULL && e->kind != KIND_NONE) {
                zone = e;
                skipped = at;
                break;
            }
        }
        if (low[at] == 0)
            break;
    }
    if (!looked && zone != NULL)
        own = node_find(d, low, n, siphash13(&d->key, low, n));
    bool has = own != NULL && own->sets != NULL;
    if (zone == NULL && !has)
        return LOCAL_NOTHING;
    enum local_says says = has ? from_node(own, name, type, ret) : LOCAL_SAYS_NODATA;
    if (type == RR_DS && says != LOCAL_DATA && zone == NULL)
        return LOCAL_NOTHING;
    if (!has)
        says = from_zone(zone, own, name, type, ret);
    ret->says = says;
    if (zone != NULL && zone->special)
        ret->at = zone->name;
    ret->blocked =
        zone != NULL && !zone->special && !has &&
        (zone->kind == LOCAL_NXDOMAIN || zone->kind == LOCAL_REFUSE || zone->kind == LOCAL_NODATA);
    const struct local_set *soa = zone != NULL ? set_of(zone, RR_SOA) : NULL;
    ret->soa = soa != NULL ? view_of(soa, name + skipped)
                           : made(zone != NULL ? name + skipped : name, RR_SOA, made_soa);
    return says;
}
