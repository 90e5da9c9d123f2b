/* A message as RRsets with their signatures, in one pass over its records: each is compared with
 * the owners seen before by where its name stands in the message, and only then by the name itself.
 */
#include "base/limits.h"
#include "dns/rdata.h"
#include "dns/rr_type.h"
#include "dnssec/judge.h"

enum { NO_SET = UINT16_MAX, SEEN_BITS = 16 /* for each record */ };

/* One RRset while it is collected. */
struct collecting {
    uint16_t owner_off; /* where its name stands, pointers followed */
    uint16_t type;
    uint8_t section;
    uint32_t bound[2];   /* bytes that data and signatures may take */
    uint16_t most[2];    /* records of both */
    uint8_t *seen[2];    /* a bit for each hash of RDATA that is there */
    struct writer to[2]; /* 0: the data, 1: the signatures */
};

struct collector {
    const struct msg *m;
    const struct hash_key *key;
    struct reply *reply;
    struct collecting *set;
    uint16_t *of; /* of each record: the set it belongs to, or NO_SET */
};

/* Where a name really begins: behind the pointers at its front. */
static uint16_t name_at(struct bytes wire, uint16_t off)
{
    for (int i = 0; i < LIMIT_POINTERS && off + 1u < wire.n && wire.p[off] >= 0xc0; i++)
        off = get_be16(wire.p + off) & 0x3fff;
    return off;
}

static bool same_owner(const struct collector *c, const struct collecting *s,
                       const struct reply_set *set, const struct rr_view *rr, uint16_t at,
                       struct name *room, bool *unpacked)
{
    if (s->owner_off == at)
        return true;
    if (!*unpacked)
        *unpacked = msg_owner(c->m, rr, room) == ST_OK;
    return *unpacked && name_equal(room->w, set->set.owner);
}

/* The set of a record's owner and type in a section; for an RRSIG that of the type it covers. */
static uint16_t find(const struct collector *c, const struct rr_view *rr, unsigned section,
                     uint16_t type, struct name *room, bool *unpacked)
{
    uint16_t at = name_at(c->m->wire, rr->owner_off);
    /* Records of a set mostly stand together: the newest first. */
    for (unsigned i = c->reply->n; i-- > 0;)
        if (c->set[i].type == type && c->set[i].section == section &&
            same_owner(c, &c->set[i], &c->reply->set[i], rr, at, room, unpacked))
            return (uint16_t)i;
    return NO_SET;
}

static bool counts(const struct rr_view *rr)
{
    return rr->section != SECTION_ADDITIONAL && rr->rclass == CLASS_IN;
}

/* Exactly, if it is short: hundreds of signatures or names must not take room for the longest. */
static uint32_t room_for(const struct collector *c, const struct rr_view *rr)
{
    uint8_t tmp[1024];
    struct writer w = wr_of(tmp, sizeof tmp);
    if (!rr_type_has_names(rr->type))
        return 2u + rr->rdata_len;
    if (rdata_from_wire(rr->type, c->m->wire, rr->rdata_off, rr->rdata_len, &w) == ST_OK &&
        wr_ok(&w))
        return 2u + (uint32_t)wr_len(&w);
    return 2u + rr->rdata_len + 2u * LIMIT_NAME;
}

/* Every record but the signatures makes or joins a set. */
static enum status find_sets(struct collector *c, struct arena *a)
{
    struct reply *r = c->reply;
    for (unsigned i = 0; i < c->m->rr_count; i++) {
        const struct rr_view *rr = &c->m->rr[i];
        struct name room;
        bool unpacked = false;
        c->of[i] = NO_SET;
        if (!counts(rr) || rr->type == RR_RRSIG)
            continue;
        uint16_t k = find(c, rr, rr->section, rr->type, &room, &unpacked);
        if (k == NO_SET) {
            if (r->n == LIMIT_REPLY_SETS)
                return ST_ELIMIT;
            k = (uint16_t)r->n++;
            if (!unpacked)
                TRY(msg_owner(c->m, rr, &room));
            const uint8_t *owner = arena_dup(a, room.w, name_len(room.w));
            if (owner == NULL)
                return ST_ENOMEM;
            c->set[k] = (struct collecting){.owner_off = name_at(c->m->wire, rr->owner_off),
                                            .type = rr->type,
                                            .section = rr->section};
            r->set[k] =
                (struct reply_set){.set = {owner, rr->type, CLASS_IN, UINT32_MAX, 0, 0, NULL},
                                   .sigs = {owner, RR_RRSIG, CLASS_IN, UINT32_MAX, 0, 0, NULL},
                                   .section = rr->section};
        }
        c->of[i] = k;
        c->set[k].bound[0] += room_for(c, rr);
        c->set[k].most[0]++;
    }
    return ST_OK;
}

/* A signature belongs to the set of its owner and of the type that it covers; one that covers
 * nothing here is left out. It should stand in that set's section (RFC 4035 section 3.1.1), but
 * proves as much where some servers put it: among the additional records. */
static void find_signatures(struct collector *c)
{
    for (unsigned i = 0; i < c->m->rr_count; i++) {
        const struct rr_view *rr = &c->m->rr[i];
        struct name room;
        bool unpacked = false;
        if (rr->rclass != CLASS_IN || rr->type != RR_RRSIG || rr->rdata_len < 2)
            continue;
        bool stray = rr->section == SECTION_ADDITIONAL;
        c->of[i] = find(c, rr, stray ? SECTION_ANSWER : rr->section,
                        get_be16(c->m->wire.p + rr->rdata_off), &room, &unpacked);
        if (c->of[i] == NO_SET)
            continue;
        c->set[c->of[i]].bound[1] += room_for(c, rr);
        c->set[c->of[i]].most[1]++;
    }
}

/* Whether the records before `end` hold this one. Most that do not are told by a bit: comparing all
 * with all would make the work grow with the square (CVE-2024-11187). */
static bool holds(const struct hash_key *key, struct collecting *s, unsigned part,
                  const struct rrset *set, const uint8_t *end, struct bytes rd)
{
    uint64_t bit = siphash13(key, rd.p, rd.n) % ((uint64_t)s->most[part] * SEEN_BITS);
    uint8_t *byte = &s->seen[part][bit / 8], mask = (uint8_t)(1u << bit % 8);
    bool maybe = (*byte & mask) != 0;
    *byte |= mask;
    const uint8_t *p = set->rdata;
    while (maybe && p < end)
        if (bytes_equal(rdata_next(&p), rd))
            return true;
    return false;
}

static enum status append(struct collector *c, const struct rr_view *rr, struct collecting *s,
                          unsigned part, struct rrset *set)
{
    struct writer *w = &s->to[part];
    uint8_t *mark = wr_mark(w);
    wr_u16(w, 0);
    TRY(rdata_from_wire(rr->type, c->m->wire, rr->rdata_off, rr->rdata_len, w));
    if (!wr_ok(w))
        return ST_ENOSPACE;
    struct bytes rd = bytes_of(mark + 2, (size_t)(w->p - mark - 2));
    set->ttl = MIN(set->ttl, rr->ttl); /* RFC 2181 section 5.2 */
    if (holds(c->key, s, part, set, mark, rd)) {
        wr_rollback(w, mark); /* RFC 2181 section 5: a duplicate */
        return ST_OK;
    }
    if (set->count == LIMIT_RRSET_RECORDS)
        return ST_ELIMIT;
    put_be16(mark, (uint16_t)rd.n);
    set->count++;
    set->rdata_size = (uint32_t)wr_len(w);
    return ST_OK;
}

static enum status fill(struct collector *c, struct arena *a)
{
    for (unsigned k = 0; k < c->reply->n; k++)
        for (unsigned part = 0; part < 2; part++) {
            struct reply_set *s = &c->reply->set[k];
            uint32_t n = c->set[k].bound[part];
            uint8_t *p = n > 0 ? arena_alloc_bytes(a, n) : NULL;
            uint8_t *seen = n > 0 ? arena_zalloc(a, c->set[k].most[part] * SEEN_BITS / 8u) : NULL;
            if (n > 0 && (p == NULL || seen == NULL))
                return ST_ENOMEM;
            c->set[k].seen[part] = seen;
            c->set[k].to[part] = wr_of(p, n);
            *(part == 0 ? &s->set.rdata : &s->sigs.rdata) = p;
        }
    for (unsigned i = 0; i < c->m->rr_count; i++) {
        const struct rr_view *rr = &c->m->rr[i];
        if (c->of[i] == NO_SET)
            continue;
        struct reply_set *s = &c->reply->set[c->of[i]];
        bool sig = rr->type == RR_RRSIG;
        TRY(append(c, rr, &c->set[c->of[i]], sig, sig ? &s->sigs : &s->set));
    }
    return ST_OK;
}

enum status reply_of(const struct msg *m, const struct hash_key *key, struct arena *a,
                     struct reply *ret)
{
    uint8_t *name = arena_dup(a, m->q.name.w, name_len(m->q.name.w));
    unsigned most = 0; /* sets, of those records that count */
    for (unsigned i = 0; i < m->rr_count; i++)
        most += counts(&m->rr[i]) && m->rr[i].type != RR_RRSIG;
    most = MIN(most, (unsigned)LIMIT_REPLY_SETS) + 1;
    *ret = (struct reply){.name = name, .type = m->q.type, .rcode = (uint16_t)msg_rcode(m)};
    struct collector c = {m, key, ret, arena_alloc(a, most * sizeof *c.set),
                          arena_alloc(a, (m->rr_count + 1u) * sizeof *c.of)};
    ret->set = arena_alloc(a, most * sizeof *ret->set);
    if (name == NULL || c.set == NULL || c.of == NULL || ret->set == NULL)
        return ST_ENOMEM;
    TRY(find_sets(&c, a));
    find_signatures(&c);
    return fill(&c, a);
}
