/* What a reply says: an answer, an alias, a denial (RFC 2308 section 2), a referral, or that this
 * server is of no use for the zone. Works only on records that bailiwick.c lets through. */
#include "resolver/machine.h"

enum status dname_cname(struct arena *a, const struct rrset *dname, const uint8_t *name,
                        struct rrset *ret)
{
    struct name target;
    TRY(name_replace_suffix(name, name_labels(dname->owner), dname->rdata + 2, &target));
    size_t n = name_len(target.w);
    uint8_t *rd = arena_alloc_bytes(a, 2 + n);
    const uint8_t *owner = arena_dup(a, name, name_len(name));
    if (rd == NULL || owner == NULL)
        return ST_ENOMEM;
    put_be16(rd, (uint16_t)n);
    memcpy(rd + 2, target.w, n);
    *ret = (struct rrset){.owner = owner,
                          .type = RR_CNAME,
                          .rclass = CLASS_IN,
                          .ttl = dname->ttl, /* RFC 6672 section 3.1 */
                          .count = 1,
                          .rdata_size = (uint32_t)(2 + n),
                          .rdata = rd};
    return ST_OK;
}

/* The first record of a type in a section that may be believed; its owner goes to *ret. */
static bool find(const struct msg *m, const struct bailiwick *b, unsigned section, uint16_t type,
                 struct name *ret)
{
    for (unsigned i = 0; i < m->rr_count; i++)
        if (m->rr[i].section == section && m->rr[i].type == type && m->rr[i].rclass == CLASS_IN &&
            msg_owner(m, &m->rr[i], ret) == ST_OK && bailiwick_allows(b, section, ret->w, type))
            return true;
    return false;
}

/* From a cache, where the zone's own server was asked: another server is asked first. */
static bool recursive_only(const struct lookup *l, const struct msg *m, struct reading *ret)
{
    if (l->cut.forward || (m->h.flags & (MSG_AA | MSG_RA)) != MSG_RA)
        return false;
    ret->weak = true;
    return !l->cut.lenient;
}

/* Takes the DNAME above the name and the CNAME it makes; ST_ENOTFOUND: there is none. Nothing
 * stands below a DNAME, so it goes before any other record (RFC 6672 section 2.4). */
static enum status dname(struct lookup *l, const struct msg *m, struct bailiwick *b,
                         struct reading *ret)
{
    struct rrset *set = &ret->alias[ret->chain];
    struct name owner;
    if (!find(m, b, SECTION_ANSWER, RR_DNAME, &owner) || name_equal(owner.w, b->name))
        return ST_ENOTFOUND;
    TRY(msg_rrset(m, &l->arena, SECTION_ANSWER, owner.w, RR_DNAME, set));
    if (set->count != 1)
        return ST_ENOTFOUND;
    enum status st = dname_cname(&l->arena, set, b->name, set + 1);
    if (st != ST_OK && st != ST_ENAME)
        return st;
    ret->too_long = st == ST_ENAME;
    ret->chain += ret->too_long ? 1 : 2;
    if (!ret->too_long)
        b->name = set[1].rdata + 2;
    return ST_OK;
}

static enum status cname(struct lookup *l, const struct msg *m, struct bailiwick *b,
                         struct reading *ret)
{
    struct rrset *set = &ret->alias[ret->chain];
    if (l->asked_type == RR_CNAME)
        return ST_ENOTFOUND;
    TRY(msg_rrset(m, &l->arena, SECTION_ANSWER, b->name, RR_CNAME, set));
    if (set->count != 1)
        return ST_ENOTFOUND;
    ret->chain++;
    b->name = set->rdata + 2;
    return ST_OK;
}

static enum reply_kind malformed(struct reading *ret, const char *text)
{
    ret->text = text;
    return KIND_MALFORMED;
}

/* Denial records of the zone: only its own servers have them, with AA or without. */
static bool has_denial(const struct msg *m, const uint8_t *zone)
{
    struct name owner;
    for (unsigned i = 0; i < m->rr_count; i++)
        if (m->rr[i].section == SECTION_AUTHORITY &&
            (m->rr[i].type == RR_NSEC || m->rr[i].type == RR_NSEC3) &&
            msg_owner(m, &m->rr[i], &owner) == ST_OK && name_in(owner.w, zone))
            return true;
    return false;
}

/* Records of a name in the answer section that were not asked for. */
static bool has_other(const struct msg *m, const uint8_t *name)
{
    struct name owner;
    for (unsigned i = 0; i < m->rr_count; i++)
        if (m->rr[i].section == SECTION_ANSWER && msg_owner(m, &m->rr[i], &owner) == ST_OK &&
            name_equal(owner.w, name))
            return true;
    return false;
}

/* NS records of the authority section: a referral downwards, or a sign of lameness. */
static enum reply_kind authority(struct lookup *l, const struct msg *m, const struct bailiwick *b,
                                 struct reading *ret)
{
    struct name owner;
    if (l->cut.forward) /* it was to find that out itself */
        return find(m, b, SECTION_AUTHORITY, RR_NS, &owner) ? KIND_LAME : KIND_NODATA;
    bool serves = (m->h.flags & MSG_AA) != 0 || has_denial(m, b->zone);
    if (find(m, b, SECTION_AUTHORITY, RR_NS, &owner)) {
        /* A server that does not know DS refers to the child instead (RFC 4035 section 3.1.4.1). */
        if (l->asked_type == RR_DS && name_equal(owner.w, b->name))
            return KIND_NODATA;
        if (msg_rrset(m, &l->arena, SECTION_AUTHORITY, owner.w, RR_NS, &ret->ns) != ST_OK)
            return malformed(ret, "NS records that cannot be read");
        return KIND_REFERRAL;
    }
    for (unsigned i = 0; i < m->rr_count; i++) {
        if (m->rr[i].section != SECTION_AUTHORITY || m->rr[i].type != RR_NS ||
            msg_owner(m, &m->rr[i], &owner) != ST_OK)
            continue;
        if (name_equal(owner.w, b->zone))
            return serves ? KIND_NODATA : KIND_LAME;
        ret->ns.owner = arena_dup(&l->arena, owner.w, name_len(owner.w));
        return name_in(b->zone, owner.w) && ret->ns.owner != NULL ? KIND_UPWARD : KIND_LAME;
    }
    /* Something else of the name, from one that does not resolve for others either. */
    ret->weak = !serves && (m->h.flags & MSG_RA) == 0 && has_other(m, b->name);
    return serves || (ret->weak && l->cut.lenient) ? KIND_NODATA : KIND_LAME;
}

/* No data for the last name of the chain. */
static enum reply_kind negative(struct lookup *l, const struct msg *m, const struct bailiwick *b,
                                unsigned rcode, struct reading *ret)
{
    struct name owner;
    bool soa = find(m, b, SECTION_AUTHORITY, RR_SOA, &owner);
    if (ret->chain > 0 && (ret->too_long || !name_in(b->name, b->zone) || !soa))
        return KIND_ALIAS;
    /* Servers that resolve for others as well set RA in their referrals, too. */
    if ((soa || rcode == RCODE_NXDOMAIN) && recursive_only(l, m, ret))
        return KIND_LAME;
    if (soa && (msg_rrset(m, &l->arena, SECTION_AUTHORITY, owner.w, RR_SOA, &ret->soa) != ST_OK ||
                ret->soa.count != 1))
        return malformed(ret, "an SOA record that cannot be read");
    if (rcode == RCODE_NXDOMAIN)
        return KIND_NXDOMAIN;
    return soa ? KIND_NODATA : authority(l, m, b, ret);
}

static enum reply_kind reading(struct lookup *l, const struct msg *m, struct reading *ret)
{
    static const char *const codes[16] = {"no error", "FORMERR",  "SERVFAIL", "NXDOMAIN",
                                          "NOTIMP",   "REFUSED",  "YXDOMAIN", "YXRRSET",
                                          "NXRRSET",  "NOTAUTH",  "NOTZONE",  "RCODE 11",
                                          "RCODE 12", "RCODE 13", "RCODE 14", "RCODE 15"};
    struct bailiwick b = {.zone = l->cut.zone.w, .name = l->asked.w};
    unsigned rcode = msg_rcode(m);
    ret->text = rcode < 16 ? codes[rcode] : "an extended error code";
    if (rcode == RCODE_REFUSED || rcode == RCODE_NOTAUTH)
        return KIND_LAME; /* what servers say today about zones that they do not have */
    if (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN && rcode != RCODE_YXDOMAIN)
        return KIND_RCODE;
    for (unsigned i = 0; i < LIMIT_CHAIN && name_in(b.name, b.zone); i++) {
        enum status st = dname(l, m, &b, ret);
        if (st == ST_OK) {
            ret->end = b.name;
            if (ret->too_long || l->asked_type == RR_CNAME)
                return KIND_ALIAS;
            continue;
        }
        /* A record that cannot be read is not one that is not there. */
        if (st != ST_ENOTFOUND)
            return malformed(ret, status_text(st));
        st = msg_rrset(m, &l->arena, SECTION_ANSWER, b.name, l->asked_type, &ret->set);
        if (st == ST_OK) {
            if (recursive_only(l, m, ret))
                return KIND_LAME;
            /* Old servers put a referral into the answer section when asked for NS; what a
             * forwarder has there is the answer, and a part of the name was not all. */
            if (l->type == RR_NS && !l->cut.forward && !is_minimised(l) &&
                (m->h.flags & MSG_AA) == 0 && !name_equal(b.name, b.zone) && ret->chain == 0) {
                ret->ns = ret->set;
                return KIND_REFERRAL;
            }
            return KIND_ANSWER;
        }
        if (st != ST_ENOTFOUND)
            return malformed(ret, st == ST_ELIMIT ? "too many records" : status_text(st));
        st = cname(l, m, &b, ret);
        if (st == ST_ENOTFOUND)
            break;
        if (st != ST_OK)
            return malformed(ret, status_text(st));
        ret->end = b.name;
    }
    if (rcode == RCODE_YXDOMAIN && !ret->too_long)
        return KIND_RCODE;
    if (ret->chain > 0 && recursive_only(l, m, ret))
        return KIND_LAME;
    return negative(l, m, &b, rcode, ret);
}

void classify(struct lookup *l, const struct msg *m, struct reading *ret)
{
    ret->chain = 0;
    ret->end = l->asked.w;
    ret->soa.count = ret->set.count = ret->ns.count = 0;
    ret->ns.owner = NULL;
    ret->too_long = ret->weak = false;
    ret->kind = reading(l, m, ret);
}
