/* Finding the right answer: RFC 1034 section 4.3.2 over all zones at once, RFC 4592, RFC 6672. */
#include "sim/oracle.h"

#include "dns/rdata.h"
#include "sim/oracle_data.h"

#include <stdlib.h>

bool oracle_has_name(const struct oracle_zone *z, const uint8_t *name)
{
    for (uint32_t i = 0; i < z->rr_count; i++)
        if (name_in(z->rr[i].owner, name))
            return true; /* it owns records, or something below it does (RFC 8020) */
    return false;
}

/* True if (owner, type) exists; type 0 means any. */
static bool has_set(const struct oracle_zone *z, const uint8_t *owner, uint16_t type)
{
    for (uint32_t i = 0; i < z->rr_count; i++)
        if ((type == 0 || z->rr[i].type == type) && name_equal(z->rr[i].owner, owner))
            return true;
    return false;
}

const struct oracle_rr *oracle_first(const struct oracle_zone *z, const uint8_t *owner,
                                     uint16_t type)
{
    for (uint32_t i = 0; i < z->rr_count; i++)
        if (z->rr[i].type == type && name_equal(z->rr[i].owner, owner))
            return &z->rr[i];
    return NULL;
}

const struct oracle_zone *oracle_zone_at(const struct oracle *o, const uint8_t *origin,
                                         unsigned age)
{
    const struct oracle_zone *best = NULL;
    for (uint32_t i = 0; i < o->zone_count; i++)
        if (name_equal(o->zone[i].origin, origin) && (best == NULL || age == 0))
            best = &o->zone[i]; /* later entries are newer */
    return best;
}

/* The topmost cut of the zone on the way to name, or NULL. */
static const uint8_t *cut_above(const struct oracle_zone *z, const uint8_t *name, bool parent_side)
{
    unsigned own = name_labels(z->origin), all = name_labels(name);
    for (unsigned labels = own + 1; labels <= all; labels++) {
        const uint8_t *at = name_skip(name, all - labels);
        if (has_set(z, at, RR_NS))
            return parent_side && labels == all ? NULL : at;
    }
    return NULL;
}

const struct oracle_zone *oracle_authority(const struct oracle *o, const uint8_t *name,
                                           uint16_t type, unsigned age)
{
    const struct oracle_zone *z = oracle_zone_at(o, name_root, age);
    for (unsigned steps = 0; z != NULL && steps < LIMIT_LABELS; steps++) {
        const uint8_t *cut = cut_above(z, name, type == RR_DS);
        if (cut == NULL)
            return z;
        z = oracle_zone_at(o, cut, age);
        if (z != NULL && !z->reachable)
            z = NULL;
    }
    return NULL;
}

/* Collects the set (from, type) of the zone under the name `owner`. */
static bool collect(const struct oracle_zone *z, const uint8_t *from, uint16_t type,
                    const uint8_t *owner, struct arena *a, struct oracle_answer *ret)
{
    size_t size = 0;
    uint16_t count = 0;
    uint32_t ttl = 0;
    if (ret->set_count == ORACLE_STEPS)
        return false;
    for (uint32_t i = 0; i < z->rr_count; i++) {
        if (z->rr[i].type == type && name_equal(z->rr[i].owner, from)) {
            size += 2u + z->rr[i].rdata.n;
            ttl = z->rr[i].ttl;
            count++;
        }
    }
    uint8_t *p = arena_alloc_bytes(a, size + 1);
    uint8_t *n = arena_dup(a, owner, name_len(owner));
    if (p == NULL || n == NULL)
        return false;
    ret->set[ret->set_count++] = (struct oracle_set){.set = {.owner = n,
                                                             .type = type,
                                                             .rclass = CLASS_IN,
                                                             .ttl = ttl,
                                                             .count = count,
                                                             .rdata_size = (uint32_t)size,
                                                             .rdata = p},
                                                     .until_us = z->until_us};
    for (uint32_t i = 0; i < z->rr_count; i++) {
        if (z->rr[i].type == type && name_equal(z->rr[i].owner, from)) {
            put_be16(p, (uint16_t)z->rr[i].rdata.n);
            memcpy(p + 2, z->rr[i].rdata.p, z->rr[i].rdata.n);
            p += 2 + z->rr[i].rdata.n;
        }
    }
    return true;
}

static void negative(const struct oracle_zone *z, enum oracle_end end, struct oracle_answer *ret)
{
    const struct oracle_rr *soa = oracle_first(z, z->origin, RR_SOA);
    ret->end = end;
    name_copy(ret->soa.w, z->origin);
    ret->negative_until_us = z->until_us;
    ret->negative_ttl_s = soa ? MIN(soa->ttl, get_be32(soa->rdata.p + soa->rdata.n - 4)) : 0;
}

/* What the node `from` gives for the question; *next is the target of an alias. True: go on with
 * it. */
static bool at_node(const struct oracle_zone *z, const uint8_t *from, const uint8_t *qname,
                    uint16_t qtype, struct arena *a, struct oracle_answer *ret, struct name *next)
{
    const struct oracle_rr *cname = oracle_first(z, from, RR_CNAME);
    if (cname != NULL && qtype != RR_CNAME && qtype != RR_ANY) {
        if (!collect(z, from, RR_CNAME, qname, a, ret)) {
            ret->end = END_LOOP;
            return false;
        }
        memcpy(next->w, cname->rdata.p, cname->rdata.n);
        return true;
    }
    if (has_set(z, from, qtype)) {
        ret->end = collect(z, from, qtype, qname, a, ret) ? END_POSITIVE : END_LOOP;
        return false;
    }
    negative(z, END_NODATA, ret);
    return false;
}

/* DNAME at an ancestor: the substitution and the CNAME made for it (RFC 6672 section 3.2). */
static bool at_dname(const struct oracle_zone *z, const uint8_t *owner, const uint8_t *qname,
                     uint16_t qtype, struct arena *a, struct oracle_answer *ret, struct name *next)
{
    const struct oracle_rr *rr = oracle_first(z, owner, RR_DNAME);
    if (!collect(z, owner, RR_DNAME, owner, a, ret) || ret->set_count == ORACLE_STEPS) {
        ret->end = END_LOOP;
        return false;
    }
    if (name_replace_suffix(qname, name_labels(owner), rr->rdata.p, next) != ST_OK) {
        ret->end = END_YXDOMAIN;
        return false;
    }
    size_t n = name_len(next->w);
    uint8_t *rd = arena_alloc_bytes(a, n + 2);
    uint8_t *own = arena_dup(a, qname, name_len(qname));
    if (rd == NULL || own == NULL) {
        ret->end = END_LOOP;
        return false;
    }
    put_be16(rd, (uint16_t)n);
    memcpy(rd + 2, next->w, n);
    ret->set[ret->set_count++] = (struct oracle_set){.set = {.owner = own,
                                                             .type = RR_CNAME,
                                                             .rclass = CLASS_IN,
                                                             .ttl = rr->ttl,
                                                             .count = 1,
                                                             .rdata_size = (uint32_t)n + 2,
                                                             .rdata = rd},
                                                     .until_us = z->until_us,
                                                     .synthesised = true};
    /* Who asks for the CNAME has it now: RFC 1034 section 4.3.2 goes on only for other types. */
    if (qtype == RR_CNAME)
        ret->end = END_POSITIVE;
    return qtype != RR_CNAME;
}

/* One name in the zone that is authoritative for it. True: *next is to be asked now. */
static bool in_zone(const struct oracle_zone *z, const uint8_t *qname, uint16_t qtype,
                    struct arena *a, struct oracle_answer *ret, struct name *next)
{
    unsigned own = name_labels(z->origin), all = name_labels(qname);
    const uint8_t *encloser = z->origin;
    for (unsigned labels = own; labels <= all; labels++) {
        const uint8_t *at = name_skip(qname, all - labels);
        if (labels < all && has_set(z, at, RR_DNAME))
            return at_dname(z, at, qname, qtype, a, ret, next);
        if (!oracle_has_name(z, at))
            break;
        encloser = at;
    }
    if (name_labels(encloser) == all)
        return at_node(z, qname, qname, qtype, a, ret, next);
    struct name wild;
    if (name_prepend(bytes_str("*"), encloser, &wild) == ST_OK && has_set(z, wild.w, 0))
        return at_node(z, wild.w, qname, qtype, a, ret, next);
    negative(z, END_NXDOMAIN, ret);
    /* An empty "*" (only names below it) still exists: NODATA (RFC 4592 section 2.2.1). */
    if (name_prepend(bytes_str("*"), encloser, &wild) == ST_OK && oracle_has_name(z, wild.w))
        ret->end = END_NODATA;
    return false;
}

void oracle_ask(struct oracle *o, const uint8_t *qname, uint16_t qtype, unsigned age,
                struct arena *a, struct oracle_answer *ret)
{
    struct name at, next;
    *ret = (struct oracle_answer){.end = END_LOOP};
    name_copy(at.w, qname);
    for (unsigned aliases = 0; aliases <= LIMIT_CHAIN; aliases++) {
        ret->suspect |= oracle_suspect(o, at.w);
        const struct oracle_zone *z = oracle_authority(o, at.w, qtype, age);
        if (z == NULL) {
            ret->end = END_BROKEN;
            return;
        }
        if (!in_zone(z, at.w, qtype, a, ret, &next))
            return;
        name_copy(at.w, next.w);
    }
}
