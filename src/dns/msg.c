/* Messages as received: the one walk over them. */
#include "dns/msg.h"

#include "base/reader.h"
#include "dns/rdata.h"
#include "dns/rr_type.h"

enum status msg_header_read(struct bytes wire, struct msg_header *ret)
{
    if (wire.n < MSG_HEADER)
        return ST_ESHORT;
    ret->id = get_be16(wire.p);
    ret->flags = get_be16(wire.p + 2);
    for (int i = 0; i < 4; i++)
        ret->count[i] = get_be16(wire.p + 4 + 2 * i);
    return ST_OK;
}

enum status msg_question_read(struct bytes wire, struct question *ret, size_t *ret_end)
{
    /* The first name of a message has nothing before it to point to: labels only. */
    size_t off = MSG_HEADER, n = 0;
    unsigned labels = 0;
    for (;;) {
        if (off >= wire.n)
            return ST_ESHORT;
        uint8_t l = wire.p[off];
        if (l > LIMIT_LABEL)
            return l >= 0xc0 ? ST_EPOINTER : ST_ENAME;
        n += 1u + l;
        if (n > LIMIT_NAME)
            return ST_ENAME;
        off += 1u + l;
        if (l == 0)
            break;
        labels++;
    }
    if (off + 4 > wire.n)
        return ST_ESHORT;
    memcpy(ret->name.w, wire.p + MSG_HEADER, n);
    ret->len = (uint8_t)n;
    ret->labels = (uint8_t)labels;
    ret->type = get_be16(wire.p + off);
    ret->rclass = get_be16(wire.p + off + 2);
    *ret_end = off + 4;
    return ST_OK;
}

/* Steps over a name in place without following pointers; the bytes it points to are checked by
 * whoever unpacks it. */
static enum status name_step(struct bytes wire, size_t *off)
{
    size_t n = 0;
    for (;;) {
        if (*off >= wire.n)
            return ST_ESHORT;
        uint8_t l = wire.p[*off];
        if (l >= 0xc0) {
            *off += 2;
            return *off <= wire.n ? ST_OK : ST_ESHORT;
        }
        n += 1u + l;
        if (l > LIMIT_LABEL || n > LIMIT_NAME)
            return ST_ENAME;
        *off += 1u + l;
        if (l == 0)
            return *off <= wire.n ? ST_OK : ST_ESHORT;
    }
}

static enum status rr_read(struct bytes wire, unsigned section, size_t *off, struct rr_view *ret)
{
    ret->owner_off = (uint16_t)*off;
    ret->section = (uint8_t)section;
    TRY(name_step(wire, off));
    if (*off + 10 > wire.n)
        return ST_ESHORT;
    const uint8_t *p = wire.p + *off;
    ret->type = get_be16(p);
    ret->rclass = get_be16(p + 2);
    ret->ttl = get_be32(p + 4);
    ret->rdata_len = get_be16(p + 8);
    ret->rdata_off = (uint16_t)(*off + 10);
    *off += 10u + ret->rdata_len;
    return *off <= wire.n ? ST_OK : ST_ESHORT;
}

/* RFC 6891 section 6.1.1: at most one OPT, in the additional section, owned by the root. */
static enum status opt_read(struct bytes wire, const struct rr_view *rr, struct edns *e)
{
    if (e->present || rr->section != SECTION_ADDITIONAL || wire.p[rr->owner_off] != 0)
        return ST_EFORMAT;
    return edns_parse(rr->rclass, rr->ttl, bytes_of(wire.p + rr->rdata_off, rr->rdata_len), e);
}

static void edns_clear(struct edns *e)
{
    e->present = false;
    e->ext_rcode = e->version = 0;
    e->dnssec_ok = e->nsid = e->keepalive = e->padding = e->expire = false;
    e->has_cookie = e->has_ecs = e->has_zoneversion = e->has_ede = false;
    e->report_labels = 0;
    e->udp_size = LIMIT_UDP_PLAIN;
    e->option_count = 0;
    e->z = 0;
    e->options = bytes_of(NULL, 0);
}

/* Nothing but an OPT without options, as most queries have it; false: to be read like all others.
 */
static bool opt_alone(struct bytes wire, size_t off, const struct msg_header *h, struct edns *e)
{
    const uint8_t *p = wire.p + off;
    if (h->count[SECTION_ANSWER] + h->count[SECTION_AUTHORITY] != 0 ||
        h->count[SECTION_ADDITIONAL] != 1 || wire.n - off != 11 || p[0] != 0 ||
        get_be16(p + 1) != RR_OPT || get_be16(p + 9) != 0)
        return false;
    uint16_t size = get_be16(p + 3);
    e->present = true;
    e->udp_size = MAX(size, (uint16_t)LIMIT_UDP_PLAIN);
    e->ext_rcode = p[5];
    e->version = p[6];
    e->dnssec_ok = (p[7] & 0x80) != 0;
    e->z = get_be16(p + 7) & 0x7fff;
    return true;
}

enum status query_parse(struct bytes wire, struct query_view *ret)
{
    ret->has_question = ret->has_tsig = false;
    ret->question_end = MSG_HEADER;
    edns_clear(&ret->edns);
    ret->h = (struct msg_header){0};
    TRY(msg_header_read(wire, &ret->h));
    size_t off = MSG_HEADER;
    if (ret->h.count[SECTION_QUESTION] > 1)
        return ST_EFORMAT; /* RFC 9619 */
    if (ret->h.count[SECTION_QUESTION] == 1) {
        TRY(msg_question_read(wire, &ret->q, &off));
        ret->has_question = true;
        ret->question_end = off;
        if (LIKELY(opt_alone(wire, off, &ret->h, &ret->edns)))
            return ST_OK;
    }
    for (unsigned s = SECTION_ANSWER; s <= SECTION_ADDITIONAL; s++)
        for (unsigned i = 0; i < ret->h.count[s]; i++) {
            struct rr_view rr;
            ret->has_tsig = false;
            TRY(rr_read(wire, s, &off, &rr));
            if (rr.type == RR_OPT)
                TRY(opt_read(wire, &rr, &ret->edns));
            else if (rr.type == RR_TSIG)
                ret->has_tsig = s == SECTION_ADDITIONAL;
        }
    return ST_OK;
}

enum status msg_parse(struct bytes wire, struct arena *a, struct msg *ret)
{
    *ret = (struct msg){.wire = wire};
    edns_clear(&ret->edns);
    TRY(msg_header_read(wire, &ret->h));
    size_t off = MSG_HEADER;
    if (wire.n > LIMIT_MESSAGE)
        return ST_ELIMIT;
    if (ret->h.count[SECTION_QUESTION] > 1)
        return ST_EFORMAT; /* RFC 9619 */
    if (ret->h.count[SECTION_QUESTION] == 1) {
        TRY(msg_question_read(wire, &ret->q, &off));
        ret->has_question = true;
    }
    /* A record is at least 11 bytes: the counts cannot make us allocate more than the bytes allow.
     */
    size_t claimed = (size_t)ret->h.count[1] + ret->h.count[2] + ret->h.count[3];
    if (claimed > (wire.n - off) / 11)
        return ST_ESHORT;
    if (claimed > LIMIT_MESSAGE_RRS)
        return ST_ELIMIT;
    ret->rr = arena_alloc(a, (claimed + 1) * sizeof *ret->rr);
    if (ret->rr == NULL)
        return ST_ENOMEM;
    for (unsigned s = SECTION_ANSWER; s <= SECTION_ADDITIONAL; s++)
        for (unsigned i = 0; i < ret->h.count[s]; i++) {
            struct rr_view *rr = &ret->rr[ret->rr_count];
            ret->has_tsig = false;
            TRY(rr_read(wire, s, &off, rr));
            if (rr->type == RR_OPT) {
                TRY(opt_read(wire, rr, &ret->edns));
                continue;
            }
            ret->has_tsig = rr->type == RR_TSIG && s == SECTION_ADDITIONAL;
            if (rr->ttl > INT32_MAX)
                rr->ttl = 0; /* RFC 2181 section 8 */
            ret->rr_count++;
        }
    ret->trailing = wire.n - off;
    return ST_OK;
}

unsigned msg_rcode(const struct msg *m)
{
    return (m->h.flags & 15u) | (m->edns.present ? (unsigned)m->edns.ext_rcode << 4 : 0);
}

enum status msg_owner(const struct msg *m, const struct rr_view *rr, struct name *ret)
{
    size_t next;
    return name_unpack(m->wire, rr->owner_off, ret, &next);
}

static bool holds(const uint8_t *p, size_t n, struct bytes rd)
{
    for (const uint8_t *end = p + n; p < end;)
        if (bytes_equal(rdata_next(&p), rd))
            return true;
    return false;
}

/* Rough need of a packed set: names in RDATA may grow to 255 bytes when decompressed. */
static size_t packed_bound(const struct msg *m, unsigned section, uint16_t type)
{
    size_t n = 0, extra = rr_type_has_names(type) ? 2 * LIMIT_NAME : 0;
    for (unsigned i = 0; i < m->rr_count; i++)
        if (m->rr[i].section == section && m->rr[i].type == type)
            n += 2u + m->rr[i].rdata_len + extra;
    return n;
}

enum status msg_rrset(const struct msg *m, struct arena *a, unsigned section, const uint8_t *owner,
                      uint16_t type, struct rrset *ret)
{
    size_t bound = packed_bound(m, section, type);
    if (bound == 0)
        return ST_ENOTFOUND;
    uint8_t *buf = arena_alloc_bytes(a, bound);
    if (buf == NULL)
        return ST_ENOMEM;
    struct writer w = wr_of(buf, bound);
    *ret = (struct rrset){.type = type, .rclass = CLASS_IN, .ttl = UINT32_MAX, .rdata = buf};
    for (unsigned i = 0; i < m->rr_count; i++) {
        const struct rr_view *rr = &m->rr[i];
        struct name n;
        if (rr->section != section || rr->type != type)
            continue;
        TRY(msg_owner(m, rr, &n));
        if (!name_equal(n.w, owner) || (m->has_question && rr->rclass != m->q.rclass))
            continue;
        uint8_t *mark = wr_mark(&w);
        wr_u16(&w, 0);
        TRY(rdata_from_wire(type, m->wire, rr->rdata_off, rr->rdata_len, &w));
        if (!wr_ok(&w))
            return ST_ENOSPACE;
        struct bytes rd = bytes_of(mark + 2, (size_t)(w.p - mark - 2));
        ret->rclass = rr->rclass;
        ret->ttl = MIN(ret->ttl, rr->ttl);
        if (holds(buf, (size_t)(mark - buf), rd)) {
            wr_rollback(&w, mark); /* RFC 2181 section 5: a duplicate */
            continue;
        }
        if (ret->count == LIMIT_RRSET_RECORDS)
            return ST_ELIMIT;
        put_be16(mark, (uint16_t)rd.n);
        ret->count++;
    }
    /* Room was taken for all records of the type, with names as long as can be. */
    arena_shrink(a, buf, bound, wr_len(&w));
    if (ret->count == 0)
        return ST_ENOTFOUND;
    ret->rdata_size = (uint32_t)wr_len(&w);
    ret->owner = arena_dup(a, owner, name_len(owner));
    return ret->owner != NULL ? ST_OK : ST_ENOMEM;
}
