/* Writing messages: name compression, whole RRsets, the OPT record, counts.
 *
 * Compression finds suffixes without regard to case (RFC 1035 section 4.1.4 with RFC 4343): a name
 * may come back in the case of the question, which clients that use 0x20 expect. The common names
 * are the question's own and its ancestors: callers pass those as pointers into the question, and
 * they cost no search. */
#include "dns/encode.h"

#include "dns/rdata.h"

enum { POINTER_MAX = 0x3fff, PROBES = 6 };

void encode_begin(struct encode *e, uint8_t *buf, size_t limit, uint16_t id, uint16_t flags)
{
    e->w = wr_of(buf, MIN(limit, (size_t)LIMIT_MESSAGE));
    e->reserve = 0;
    e->count[0] = e->count[1] = e->count[2] = e->count[3] = 0;
    e->flags = flags;
    e->id = id;
    e->pointers = NULL;
    e->qname = NULL;
    e->qname_len = 0;
    e->slots_ready = false;
    (void)wr_room(&e->w, MSG_HEADER);
}

void encode_reserve(struct encode *e, size_t n)
{
    ASSERT(n <= wr_left(&e->w));
    e->reserve += n;
    e->w.end -= n;
}

enum status encode_question_raw(struct encode *e, struct bytes question)
{
    wr_bytes(&e->w, question.p, question.n);
    if (!wr_ok(&e->w))
        return ST_ENOSPACE;
    e->qname = question.p;
    e->qname_len = (uint8_t)(question.n - 4);
    e->count[SECTION_QUESTION]++;
    return ST_OK;
}

enum status encode_question(struct encode *e, const uint8_t *name, uint16_t type, uint16_t rclass)
{
    size_t n = name_len(name);
    wr_bytes(&e->w, name, n);
    wr_u16(&e->w, type);
    wr_u16(&e->w, rclass);
    if (!wr_ok(&e->w))
        return ST_ENOSPACE;
    e->qname = name;
    e->qname_len = (uint8_t)n;
    e->count[SECTION_QUESTION]++;
    return ST_OK;
}

/* Is the name written at offset `off` equal to n? Pointers in our own message are sound. */
static bool written_equal(const uint8_t *msg, size_t off, const uint8_t *n)
{
    for (;;) {
        while (msg[off] >= 0xc0)
            off = get_be16(msg + off) & POINTER_MAX;
        uint8_t l = msg[off];
        if (l != *n)
            return false;
        if (l == 0)
            return true;
        for (unsigned i = 1; i <= l; i++)
            if (msg[off + i] != n[i] && ascii_lower(msg[off + i]) != ascii_lower(n[i]))
                return false;
        off += 1u + l;
        n += 1u + l;
    }
}

struct suffixes {
    unsigned n;                  /* labels, the root not counted */
    uint8_t at[LIMIT_LABELS];    /* offset of each label in the name */
    uint32_t hash[LIMIT_LABELS]; /* of the suffix that begins there */
};

/* Bytes of a label with its length, without regard to case: the bit that tells capitals from small
 * letters is left out, and with it what little it tells of other bytes. */
static inline uint64_t label_hash(const uint8_t *l)
{
    const uint64_t caseless = 0xdfdfdfdfdfdfdfdfu;
    unsigned n = 1u + *l; /* at least 2 */
    uint64_t a = 0, b = 0;
    if (n >= 8) {
        uint64_t h = 0;
        for (unsigned i = 0; i + 8 < n; i += 8) {
            memcpy(&a, l + i, 8);
            h = (h ^ (a & caseless)) * 0x9e3779b97f4a7c15u;
        }
        memcpy(&b, l + n - 8, 8);
        return h ^ (b & caseless) ^ (uint64_t)n << 59;
    }
    if (n >= 4) {
        memcpy(&a, l, 4);
        memcpy(&b, l + n - 4, 4);
        return ((a | b << 32) & caseless) ^ (uint64_t)n << 59;
    }
    a = get_be16(l);
    return ((a << 8 | l[n - 1]) & caseless) ^ (uint64_t)n << 59;
}

static void suffixes_of(const uint8_t *name, struct suffixes *s)
{
    s->n = 0;
    for (const uint8_t *p = name; *p != 0; p += 1 + *p)
        s->at[s->n++] = (uint8_t)(p - name);
    uint64_t h = 0;
    for (unsigned i = s->n; i-- > 0;) {
        h = (h ^ label_hash(name + s->at[i])) * 0xff51afd7ed558ccdu;
        s->hash[i] = (uint32_t)(h >> 32);
    }
}

static void slot_put(struct encode *e, uint32_t hash, size_t off)
{
    if (off > POINTER_MAX || e->slots_used >= LIMIT_COMPRESS_NAMES)
        return;
    for (unsigned i = 0; i < PROBES; i++) {
        uint16_t *s = &e->slot[(hash + i) % ENCODE_SLOTS];
        if (*s == 0) {
            *s = (uint16_t)off;
            e->slots_used++;
            return;
        }
    }
}

static size_t slot_find(const struct encode *e, uint32_t hash, const uint8_t *suffix)
{
    for (unsigned i = 0; i < PROBES; i++) {
        uint16_t off = e->slot[(hash + i) % ENCODE_SLOTS];
        if (off == 0)
            return 0;
        if (written_equal(e->w.base, off, suffix))
            return off;
    }
    return 0;
}

static void slots_prepare(struct encode *e)
{
    memset(e->slot, 0, sizeof e->slot);
    e->slots_used = 0;
    e->slots_ready = true;
    if (e->qname == NULL)
        return;
    struct suffixes s;
    suffixes_of(e->qname, &s);
    for (unsigned i = 0; i < s.n; i++)
        slot_put(e, s.hash[i], (size_t)MSG_HEADER + s.at[i]);
}

static inline void put_pointer(struct encode *e, uint16_t pointer)
{
    if (UNLIKELY(e->pointers != NULL) && e->pointers->n <= ENCODE_POINTERS) {
        if (e->pointers->n < ENCODE_POINTERS)
            e->pointers->at[e->pointers->n] = (uint16_t)wr_len(&e->w);
        e->pointers->n++;
    }
    wr_u16(&e->w, pointer);
}

/* A name with compression. */
static void put_name(struct encode *e, const uint8_t *name)
{
    if (*name == 0) {
        wr_u8(&e->w, 0);
        return;
    }
    if (e->qname != NULL && name >= e->qname && name < e->qname + e->qname_len) {
        put_pointer(e, (uint16_t)(0xc000 | (MSG_HEADER + (name - e->qname))));
        return;
    }
    if (!e->slots_ready) {
        if (e->qname != NULL && name_equal(name, e->qname)) {
            put_pointer(e, 0xc000 | MSG_HEADER);
            return;
        }
        slots_prepare(e);
    }
    struct suffixes s;
    suffixes_of(name, &s);
    size_t start = wr_len(&e->w), found = 0;
    unsigned i = 0;
    while (i < s.n && (found = slot_find(e, s.hash[i], name + s.at[i])) == 0)
        i++;
    size_t head = i < s.n ? s.at[i] : name_len(name) - 1;
    wr_bytes(&e->w, name, head);
    if (found != 0)
        put_pointer(e, (uint16_t)(0xc000 | found));
    else
        wr_u8(&e->w, 0);
    if (!wr_ok(&e->w))
        return;
    for (unsigned k = 0; k < i; k++)
        slot_put(e, s.hash[k], start + s.at[k]);
}

/* RDATA with its length; names that the type allows are compressed (RFC 3597 section 4). */
static void put_rdata(struct encode *e, uint16_t type, struct bytes rd)
{
    if (LIKELY(!rr_type_has_names(type))) {
        wr_u16(&e->w, (uint16_t)rd.n);
        wr_bytes(&e->w, rd.p, rd.n);
        return;
    }
    struct rdata_name names[RDATA_NAMES_MAX];
    unsigned n = rdata_names(type, rd, names);
    uint8_t *len = wr_room(&e->w, 2);
    size_t done = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!names[i].compress)
            continue;
        wr_bytes(&e->w, rd.p + done, names[i].off - done);
        put_name(e, rd.p + names[i].off);
        done = names[i].off + name_len(rd.p + names[i].off);
    }
    wr_bytes(&e->w, rd.p + done, rd.n - done);
    if (wr_ok(&e->w))
        put_be16(len, (uint16_t)(e->w.p - len - 2));
}

/* Forgets suffixes written past the mark: needed when an RRset is taken back. */
static void take_back(struct encode *e, uint8_t *mark)
{
    size_t off = (size_t)(mark - e->w.base);
    wr_rollback(&e->w, mark);
    if (!e->slots_ready)
        return;
    /* Open addressing must keep its runs whole: rebuild what stays. Rare: once an answer is cut. */
    uint16_t keep[ENCODE_SLOTS];
    unsigned n = 0;
    for (unsigned i = 0; i < ENCODE_SLOTS; i++)
        if (e->slot[i] != 0 && e->slot[i] < off)
            keep[n++] = e->slot[i];
    memset(e->slot, 0, sizeof e->slot);
    e->slots_used = 0;
    for (unsigned i = 0; i < n; i++) {
        struct name name;
        struct suffixes s;
        size_t next;
        if (name_unpack(wr_done(&e->w), keep[i], &name, &next) != ST_OK)
            continue;
        suffixes_of(name.w, &s);
        slot_put(e, s.hash[0], keep[i]);
    }
}

static void put_fixed(struct encode *e, uint16_t type, uint16_t rclass, uint32_t ttl)
{
    uint8_t *p = wr_room(&e->w, 8);
    if (p == NULL)
        return;
    put_be16(p, type);
    put_be16(p + 2, rclass);
    put_be32(p + 4, ttl);
}

/* Starts at the first-th record and goes round. */
static const uint8_t *rotate_to(const struct rrset *set, unsigned first)
{
    const uint8_t *p = set->rdata;
    while (first-- > 0)
        (void)rdata_next(&p);
    return p;
}

/* One record without names, as most answers are. */
static enum status put_single(struct encode *e, enum msg_section s, const struct rrset *set)
{
    uint8_t *mark = wr_mark(&e->w);
    uint32_t n = set->rdata_size; /* its length stands in front already */
    put_name(e, set->owner);
    uint8_t *p = wr_room(&e->w, 8 + n);
    if (UNLIKELY(p == NULL)) {
        take_back(e, mark);
        return ST_ENOSPACE;
    }
    put_be16(p, set->type);
    put_be16(p + 2, set->rclass);
    put_be32(p + 4, set->ttl);
    memcpy(p + 8, set->rdata, n);
    e->count[s]++;
    return ST_OK;
}

enum status encode_rrset(struct encode *e, enum msg_section s, const struct rrset *set,
                         unsigned first)
{
    if (LIKELY(set->count == 1 && !rr_type_has_names(set->type)))
        return put_single(e, s, set);
    uint8_t *mark = wr_mark(&e->w);
    const uint8_t *end = set->rdata + set->rdata_size;
    const uint8_t *p =
        first == 0 || set->count == 0 ? set->rdata : rotate_to(set, first % set->count);
    uint16_t pointer = 0;
    for (unsigned i = 0; i < set->count && wr_ok(&e->w); i++) {
        size_t at = wr_len(&e->w);
        if (p == end)
            p = set->rdata;
        if (pointer != 0)
            put_pointer(e, pointer);
        else
            put_name(e, set->owner);
        put_fixed(e, set->type, set->rclass, set->ttl);
        put_rdata(e, set->type, rdata_next(&p));
        if (i == 0 && wr_ok(&e->w)) {
            const uint8_t *owner = e->w.base + at;
            if (owner[0] >= 0xc0)
                pointer = get_be16(owner);
            else if (owner[0] != 0 && at <= POINTER_MAX)
                pointer = (uint16_t)(0xc000 | at);
        }
    }
    if (UNLIKELY(!wr_ok(&e->w))) {
        take_back(e, mark);
        return ST_ENOSPACE;
    }
    e->count[s] = (uint16_t)(e->count[s] + set->count);
    return ST_OK;
}

enum status encode_rr(struct encode *e, enum msg_section s, const uint8_t *owner, uint16_t type,
                      uint16_t rclass, uint32_t ttl, struct bytes rdata)
{
    uint8_t *mark = wr_mark(&e->w);
    put_name(e, owner);
    put_fixed(e, type, rclass, ttl);
    put_rdata(e, type, rdata);
    if (!wr_ok(&e->w)) {
        take_back(e, mark);
        return ST_ENOSPACE;
    }
    e->count[s]++;
    return ST_OK;
}

enum { OPT_FIXED = 11, OPTION_HEADER = 4 };

size_t encode_opt_size(const struct edns_out *o)
{
    return o->present ? OPT_FIXED + o->options.n + (o->pad_block ? OPTION_HEADER : 0) : 0;
}

enum status encode_opt(struct encode *e, const struct edns_out *o)
{
    if (!o->present)
        return ST_OK;
    e->w.end += e->reserve;
    e->reserve = 0;
    size_t pad = 0, total = wr_len(&e->w) + encode_opt_size(o);
    if (total > wr_len(&e->w) + wr_left(&e->w))
        return ST_ENOSPACE;
    if (o->pad_block > 0) { /* RFC 7830 section 3, RFC 8467 section 4.1 */
        pad = (o->pad_block - total % o->pad_block) % o->pad_block;
        pad = MIN(pad, wr_left(&e->w) - encode_opt_size(o));
    }
    uint8_t *opt = wr_room(&e->w, OPT_FIXED);
    if (opt == NULL)
        return ST_ENOSPACE;
    opt[0] = 0;
    put_be16(opt + 1, RR_OPT);
    put_be16(opt + 3, o->udp_size);
    opt[5] = (uint8_t)(o->rcode >> 4);
    opt[6] = o->version;
    put_be16(opt + 7, o->dnssec_ok ? 0x8000 : 0);
    put_be16(opt + 9, (uint16_t)(o->options.n + (o->pad_block ? OPTION_HEADER + pad : 0)));
    if (o->options.n > 0)
        wr_bytes(&e->w, o->options.p, o->options.n);
    if (o->pad_block > 0) {
        wr_u16(&e->w, EDNS_PADDING);
        wr_u16(&e->w, (uint16_t)pad);
        uint8_t *p = wr_room(&e->w, pad);
        if (p != NULL)
            memset(p, 0, pad);
    }
    e->count[SECTION_ADDITIONAL]++;
    return wr_ok(&e->w) ? ST_OK : ST_ENOSPACE;
}

size_t encode_finish(struct encode *e)
{
    uint8_t *p = e->w.base;
    put_be16(p, e->id);
    put_be16(p + 2, e->flags);
    for (int i = 0; i < 4; i++)
        put_be16(p + 4 + 2 * i, e->count[i]);
    return wr_len(&e->w);
}

size_t encode_query(uint8_t *buf, size_t cap, uint16_t id, uint16_t flags, const uint8_t *name,
                    uint16_t type, uint16_t rclass, const struct edns_out *o)
{
    struct encode e;
    if (cap < MSG_HEADER)
        return 0;
    encode_begin(&e, buf, cap, id, flags);
    if (encode_question(&e, name, type, rclass) != ST_OK ||
        (o != NULL && encode_opt(&e, o) != ST_OK))
        return 0;
    return encode_finish(&e);
}
