/* Denial of existence: every name that must have an NSEC or NSEC3 has the right one, and the chain
 * is whole (RFC 4034 section 4, RFC 4035 section 2.3, RFC 5155 sections 6 and 7.1). */
#include "dnssec/verify_impl.h"

#include <stdio.h>
#include <string.h>

enum { OPT_OUT = 1, TYPES_TOLD = 4 };

/* --- What names are --- */

static bool has(const struct verifier *v, const struct zone_node *n, uint16_t type)
{
    struct rrset set;
    return zone_rrset(v->z, n, type, zone_origin(v->z), &set);
}

/* The fields that NSEC3 and NSEC3PARAM share, but for the flags. */
static bool same_params(const struct nsec3 *r, const struct zone_nsec3_param *p)
{
    return r->algorithm == NSEC3_SHA1 && r->iterations == p->iterations &&
           bytes_equal(r->salt, p->salt);
}

/* The NSEC3 of the chain in a set; how many there are. */
static unsigned pick(const struct verifier *v, const struct rrset *set, struct nsec3 *ret)
{
    struct nsec3 r;
    unsigned n = 0;
    struct rdata_iter it = rdata_iter(set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (nsec3_read(rd, &r) && same_params(&r, &v->param) && n++ == 0)
            *ret = r;
    return n;
}

uint8_t verify_name_of(const struct verifier *v, const struct zone_node *n)
{
    uint8_t bits = 0, hash[NSEC3_HASH];
    uint32_t cursor = 0;
    bool data = false, ds = false;
    struct rrset set;
    struct nsec3 r;
    while (zone_rrset_next(v->z, n, zone_origin(v->z), &cursor, &set) && set.type != RR_RRSIG) {
        if (set.type == RR_NSEC) {
            bits |= NAME_NSEC;
        } else if (set.type != RR_NSEC3) {
            data = true;
            ds |= set.type == RR_DS;
        } else if (v->nsec3 && zone_node_parent(v->z, n) == zone_apex(v->z) &&
                   pick(v, &set, &r) > 0) {
            uint8_t name[LIMIT_NAME];
            zone_node_name(v->z, n, name);
            if (!nsec3_owner_hash(name, hash))
                continue;
            bits |= NAME_NSEC3;
            bits |= r.flags & OPT_OUT ? NAME_OPT_OUT : 0;
        }
    }
    if (zone_node_hidden(n)) /* hashes stand below a DNAME of the apex */
        return (bits & NAME_NSEC3) && !data ? bits : (uint8_t)(bits | NAME_HIDDEN);
    if (!data)
        return bits;
    if (zone_node_cut(n))
        return (uint8_t)(bits | (ds ? NAME_SECURE : NAME_INSECURE));
    return (uint8_t)(bits | NAME_DATA);
}

void verify_find_empty(struct verifier *v)
{
    const struct zone_node *apex = zone_apex(v->z);
    for (uint32_t r = 1; r < v->names; r++) {
        enum verify_name kind = verify_kind(v, r);
        uint8_t mark = kind == NAME_INSECURE ? NAME_ENT_OPT : NAME_ENT;
        if (kind < NAME_DATA)
            continue;
        const struct zone_node *n = zone_node_parent(v->z, zone_node_at(v->z, r));
        for (; n != apex; n = zone_node_parent(v->z, n)) {
            uint8_t *up = &v->name[zone_node_rank(n)];
            if ((*up & NAME_KIND) != NAME_NOTHING || *up & (NAME_ENT | mark))
                break;
            *up |= mark;
        }
    }
}

/* --- Which chains there are --- */

static void judge_params(struct verifier *v, struct verify_lane *l)
{
    struct rdata_iter it = rdata_iter(&v->params);
    unsigned good = 0;
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        if (rd.n < 5)
            continue;
        if (rd.p[1] != 0)
            verify_tell(v, l, VERIFY_PARAM_FLAGS, 0, RR_NSEC3PARAM,
                        "an NSEC3PARAM record has the flags %u", rd.p[1]);
        good += rd.p[1] == 0;
    }
    if (good > 1)
        verify_tell(v, l, VERIFY_PARAM_MANY, 0, RR_NSEC3PARAM,
                    "%u NSEC3PARAM records announce as many chains", good);
    if (!v->nsec3) {
        if (good > 0)
            verify_tell(v, l, VERIFY_CHAIN_MISSING, 0, RR_NSEC3PARAM,
                        "there is no NSEC3 with the parameters of NSEC3PARAM");
        return;
    }
    v->hashed = v->param.iterations <= LIMIT_NSEC3_ITERATIONS;
    if (!v->hashed)
        verify_tell(v, l, VERIFY_ITERATIONS_HIGH, 0, RR_NSEC3PARAM,
                    "NSEC3 with %u iterations, more than %d; its names were not compared",
                    v->param.iterations, LIMIT_NSEC3_ITERATIONS);
    else if (v->param.iterations > 0)
        verify_tell(v, l, VERIFY_ITERATIONS, 0, RR_NSEC3PARAM, "NSEC3 with %u iterations",
                    v->param.iterations);
    if (v->param.salt.n > 0)
        verify_tell(v, l, VERIFY_SALT, 0, RR_NSEC3PARAM, "NSEC3 with a salt of %zu bytes",
                    v->param.salt.n);
}

void verify_chain_begin(struct verifier *v, struct verify_lane *l)
{
    const struct zone_node *apex = zone_apex(v->z);
    v->nsec = has(v, apex, RR_NSEC);
    v->nsec3 = zone_nsec3_param(v->z, &v->param);
    if (!zone_rrset(v->z, apex, RR_NSEC3PARAM, zone_origin(v->z), &v->params))
        v->params = (struct rrset){0};
    judge_params(v, l);
}

/* --- Bitmaps --- */

/* The types of the name, ascending, as its bitmap has them. */
static void find_types(struct verifier *v, struct verify_lane *l, const struct zone_node *n)
{
    bool cut = zone_node_cut(n), sig = false;
    uint32_t cursor = 0;
    unsigned count = 0, at = 0;
    struct rrset set;
    while (zone_rrset_next(v->z, n, l->owner, &cursor, &set)) {
        uint16_t type = set.type, covered = type == RR_RRSIG ? get_be16(set.rdata + 2) : type;
        /* RFC 4035 section 2.3: of a delegation only what the zone has authority for, and NS. */
        if (covered == RR_NSEC3 || (cut && covered != RR_DS && covered != RR_NSEC && type != RR_NS))
            continue;
        if (type == RR_RRSIG)
            sig = true;
        else
            l->types[count++] = type;
    }
    if (sig) {
        for (at = count; at > 0 && l->types[at - 1] > RR_RRSIG; at--)
            l->types[at] = l->types[at - 1];
        l->types[at] = RR_RRSIG;
        count++;
    }
    l->type_count = count;
}

static bool has_type(const struct verify_lane *l, uint16_t type)
{
    for (unsigned i = 0; i < l->type_count; i++)
        if (l->types[i] == type)
            return true;
    return false;
}

static void name_type(struct text *t, unsigned *told, uint16_t type)
{
    char word[24];
    if (*told == TYPES_TOLD)
        text_str(t, " ...");
    else if (*told < TYPES_TOLD)
        text_fmt(t, " %s", rr_type_str(type, word));
    *told += 1;
}

/* How a bitmap differs from the types that are there. */
static void check_bitmap(struct verifier *v, struct verify_lane *l, uint32_t rank, uint16_t type,
                         struct bytes bitmap)
{
    struct writer w = wr_of(l->bitmap, sizeof l->bitmap);
    char lacks[160] = "", extra[160] = "", owner[NAME_TEXT_MAX];
    struct text tl = text_of(lacks, sizeof lacks), te = text_of(extra, sizeof extra);
    unsigned lack = 0, more = 0;
    if (bitmap_write(l->types, l->type_count, &w) == ST_OK && bytes_equal(wr_done(&w), bitmap))
        return;
    for (unsigned i = 0; i < l->type_count; i++)
        if (!bitmap_has(bitmap, l->types[i]))
            name_type(&tl, &lack, l->types[i]);
    for (unsigned t = 1; t < VERIFY_TYPES; t++)
        if (bitmap_has(bitmap, (uint16_t)t) && !has_type(l, (uint16_t)t))
            name_type(&te, &more, (uint16_t)t);
    verify_tell(v, l, type == RR_NSEC ? VERIFY_NSEC_BITMAP : VERIFY_NSEC3_BITMAP, rank, type,
                "the %s of %.160s %s%s%s%s%s", type == RR_NSEC ? "NSEC" : "NSEC3",
                name_str(l->owner, owner), lack > 0 ? "lacks" : "", text_cstr(&tl),
                lack > 0 && more > 0 ? " and " : "", more > 0 ? "has too much:" : "",
                more > 0    ? text_cstr(&te)
                : lack == 0 ? "has its types in a wrong form"
                            : "");
}

/* --- NSEC --- */

/* The next name that has an NSEC by right; the last one's is the apex. */
static uint32_t next_name(const struct verifier *v, uint32_t rank)
{
    for (uint32_t r = rank + 1; r < v->names; r++)
        if (verify_kind(v, r) >= NAME_DATA)
            return r;
    return 0;
}

static void check_nsec(struct verifier *v, struct verify_lane *l, const struct zone_node *n)
{
    uint32_t rank = zone_node_rank(n);
    char owner[NAME_TEXT_MAX], next[NAME_TEXT_MAX], want[NAME_TEXT_MAX];
    uint8_t name[LIMIT_NAME];
    struct rrset set;
    struct nsec r;
    name_str(l->owner, owner);
    if (!zone_rrset(v->z, n, RR_NSEC, l->owner, &set)) {
        verify_tell(v, l, VERIFY_NSEC_MISSING, rank, 0, "%.200s has no NSEC", owner);
        return;
    }
    l->sum.denials += set.count;
    if (set.count != 1) {
        verify_tell(v, l, VERIFY_NSEC_MANY, rank, RR_NSEC, "%.200s has %u NSEC records", owner,
                    set.count);
        return;
    }
    const uint8_t *p = set.rdata;
    if (!nsec_read(rdata_next(&p), &r))
        return; /* no zone has such */
    zone_node_name(v->z, zone_node_at(v->z, next_name(v, rank)), name);
    if (!name_equal(r.next, name))
        verify_tell(v, l, VERIFY_NSEC_NEXT, rank, RR_NSEC,
                    "the NSEC of %.120s leads to %.120s, but the next name is %.120s", owner,
                    name_str(r.next, next), name_str(name, want));
    if (set.ttl != v->denial_ttl)
        verify_tell(v, l, VERIFY_NSEC_TTL, rank, RR_NSEC,
                    "the NSEC of %.200s has the TTL %u, not %u", owner, set.ttl, v->denial_ttl);
    check_bitmap(v, l, rank, RR_NSEC, r.bitmap);
}

/* An NSEC where none belongs. */
static void check_nsec_extra(struct verifier *v, struct verify_lane *l, uint32_t rank)
{
    char owner[NAME_TEXT_MAX];
    const char *why = verify_kind(v, rank) == NAME_HIDDEN ? "lies below a delegation or DNAME"
                      : v->nsec                           ? "has nothing else"
                                                          : "the apex has none";
    verify_tell(v, l, VERIFY_NSEC_EXTRA, rank, RR_NSEC, "%.200s has an NSEC, but %s",
                name_str(l->owner, owner), why);
}

/* --- NSEC3 --- */

static uint32_t next_hash(const struct verifier *v, uint32_t rank)
{
    for (uint32_t i = 1; i < v->names; i++) {
        uint32_t r = (rank + i) % v->names;
        if (v->name[r] & NAME_NSEC3)
            return r;
    }
    return rank;
}

/* A set of NSEC3: form, place, and that it leads to the next. */
static void check_nsec3_set(struct verifier *v, struct verify_lane *l, const struct zone_node *n,
                            const struct rrset *set)
{
    uint32_t rank = zone_node_rank(n);
    char owner[NAME_TEXT_MAX];
    uint8_t next[LIMIT_NAME], hash[NSEC3_HASH];
    struct nsec3 r;
    l->sum.denials += set->count;
    if (v->params.count == 0) {
        atomic_store(&v->stray, true); /* told once */
        return;
    }
    name_str(l->owner, owner);
    if (zone_node_parent(v->z, n) != zone_apex(v->z) || !nsec3_owner_hash(l->owner, hash)) {
        verify_tell(v, l, VERIFY_NSEC3_OWNER, rank, RR_NSEC3,
                    "%.200s has an NSEC3, but is no hash in this zone", owner);
        return;
    }
    unsigned count = v->nsec3 ? pick(v, set, &r) : 0;
    if (count < set->count && (v->params.count < 2 || count == 0))
        verify_tell(v, l, VERIFY_NSEC3_PARAMS, rank, RR_NSEC3,
                    "the NSEC3 of %.200s has other parameters than NSEC3PARAM", owner);
    if (count == 0)
        return;
    if (count > 1)
        verify_tell(v, l, VERIFY_NSEC3_MANY, rank, RR_NSEC3, "%.200s has %u NSEC3 of one chain",
                    owner, count);
    if (r.flags & ~OPT_OUT)
        verify_tell(v, l, VERIFY_NSEC3_FLAGS, rank, RR_NSEC3,
                    "the NSEC3 of %.200s has the flags %u", owner, r.flags);
    if (set->ttl != v->denial_ttl)
        verify_tell(v, l, VERIFY_NSEC3_TTL, rank, RR_NSEC3,
                    "the NSEC3 of %.200s has the TTL %u, not %u", owner, set->ttl, v->denial_ttl);
    zone_node_name(v->z, zone_node_at(v->z, next_hash(v, rank)), next);
    if (!nsec3_owner_hash(next, hash) || r.next.n != NSEC3_HASH ||
        memcmp(r.next.p, hash, NSEC3_HASH) != 0)
        verify_tell(v, l, VERIFY_NSEC3_NEXT, rank, RR_NSEC3,
                    "the NSEC3 of %.160s does not lead to the next, %.160s", owner,
                    name_str(next, (char[NAME_TEXT_MAX]){0}));
}

static void missing_nsec3(struct verifier *v, struct verify_lane *l, const struct zone_node *n,
                          const struct zone_node *before)
{
    uint32_t rank = zone_node_rank(n);
    enum verify_name kind = verify_kind(v, rank);
    char owner[NAME_TEXT_MAX];
    bool leave = kind == NAME_INSECURE || (kind == NAME_NOTHING && (v->name[rank] & NAME_ENT) == 0);
    name_str(l->owner, owner);
    if (leave && before != NULL && v->name[zone_node_rank(before)] & NAME_OPT_OUT)
        return;
    if (leave)
        verify_tell(v, l, VERIFY_NSEC3_OPT_OUT, rank, 0,
                    "%.200s has no NSEC3, and the one before it does not opt out", owner);
    else
        verify_tell(v, l, VERIFY_NSEC3_MISSING, rank, 0, "%.200s has no NSEC3%s", owner,
                    kind == NAME_NOTHING ? " (it is an empty non-terminal)" : "");
}

/* The NSEC3 about a name. */
static void check_nsec3_of(struct verifier *v, struct verify_lane *l, const struct zone_node *n)
{
    uint8_t hash[NSEC3_HASH];
    bool equal;
    struct rrset set;
    struct nsec3 r;
    enum status st = nsec3_hash(l->hasher, l->owner, v->param.salt, v->param.iterations, hash);
    if (st != ST_OK) {
        verify_fail(v, st);
        return;
    }
    const struct zone_node *at = zone_nsec3_find(v->z, hash, &equal);
    if (!equal) {
        missing_nsec3(v, l, n, at);
        return;
    }
    uint32_t rank = zone_node_rank(at);
    atomic_store_explicit(&v->used[rank], 1, memory_order_relaxed);
    if (!zone_rrset(v->z, at, RR_NSEC3, l->owner, &set) || pick(v, &set, &r) == 0)
        return;
    find_types(v, l, n);
    check_bitmap(v, l, rank, RR_NSEC3, r.bitmap);
}

void verify_denial(struct verifier *v, struct verify_lane *l, const struct zone_node *n)
{
    uint32_t rank = zone_node_rank(n);
    enum verify_name kind = verify_kind(v, rank);
    struct rrset set;
    if (v->nsec && kind >= NAME_DATA) {
        find_types(v, l, n);
        check_nsec(v, l, n);
    } else if (v->name[rank] & NAME_NSEC) {
        check_nsec_extra(v, l, rank);
    }
    if (zone_rrset(v->z, n, RR_NSEC3, l->owner, &set))
        check_nsec3_set(v, l, n, &set);
    if (v->hashed && (kind >= NAME_DATA || v->name[rank] & (NAME_ENT | NAME_ENT_OPT)))
        check_nsec3_of(v, l, n);
}

void verify_extra(struct verifier *v, struct verify_lane *l)
{
    uint8_t name[LIMIT_NAME];
    char owner[NAME_TEXT_MAX];
    if (atomic_load(&v->stray))
        verify_tell(v, l, VERIFY_PARAM_MISSING, 0, RR_SOA,
                    "there are NSEC3 records, but no NSEC3PARAM at the apex");
    else if (!v->nsec && v->params.count == 0)
        verify_tell(v, l, VERIFY_NO_DENIAL, 0, RR_SOA, "the apex has neither NSEC nor NSEC3PARAM");
    for (uint32_t r = 0; v->hashed && r < v->names; r++) {
        if (!(v->name[r] & NAME_NSEC3) || atomic_load_explicit(&v->used[r], memory_order_relaxed))
            continue;
        zone_node_name(v->z, zone_node_at(v->z, r), name);
        verify_tell(v, l, VERIFY_NSEC3_EXTRA, r, RR_NSEC3, "%.200s is the hash of no name",
                    name_str(name, owner));
    }
}
