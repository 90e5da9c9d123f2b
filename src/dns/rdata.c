/* The interpreter of the type table over bytes: checks, decompression, canonical form, names. Text
 * and JSON are in rdata_text.c, parsing in rdata_parse.c. */
#include "dns/rdata.h"
#include "dns/rr_table.h"

enum { RDATA_MAX = 65535 };

static inline enum status check_field(const struct field *f, struct rdview *v)
{
    if (f->kind->check != NULL)
        return f->kind->check(f, v);
    if (view_left(v) < f->size)
        return ST_ESHORT;
    v->p += f->size;
    return ST_OK;
}

/* Walks all fields; v->odd tells the caller whether the presentation form would lose something. */
static enum status check_fields(const struct rr_info *r, struct rdview *v)
{
    for (const struct field *f = r->field; f->kind != NULL; f++)
        TRY(check_field(f, v));
    return v->p == v->end ? ST_OK : ST_ETRAIL;
}

enum status rdata_check(uint16_t type, struct bytes rd)
{
    const struct rr_info *r = rr_find(type);
    if (rd.n > RDATA_MAX)
        return ST_ERANGE;
    if (r == NULL)
        return ST_OK;
    size_t fixed = rr_derived[RR_SLOT(type)].fixed_len;
    if (fixed != 0)
        return rd.n == fixed ? ST_OK : rd.n < fixed ? ST_ESHORT : ST_ETRAIL;
    struct rdview v = {rd.p, rd.p, rd.p + rd.n, false};
    return check_fields(r, &v);
}

bool rdata_has_text(uint16_t type, struct bytes rd)
{
    const struct rr_info *r = rr_find(type);
    if (r == NULL || rr_derived[RR_SLOT(type)].opaque || rd.n > RDATA_MAX)
        return false;
    struct rdview v = {rd.p, rd.p, rd.p + rd.n, false};
    return check_fields(r, &v) == ST_OK && !v.odd;
}

/* RDATA with names that may be compressed: names are unpacked, all else is checked and copied.
 * Checks see only their own field, which is enough: no type of this sort has fields that depend on
 * others. */
static enum status unpack_fields(const struct rr_info *r, struct bytes msg, size_t off, size_t len,
                                 struct writer *out)
{
    const uint8_t *start = msg.p + off;
    struct rdview v = {start, start, start + len, false};
    struct bytes seen = {msg.p, off + len}; /* a name may not run past the RDATA */
    for (const struct field *f = r->field; f->kind != NULL; f++) {
        const uint8_t *p = v.p;
        if ((f->kind->flags & KF_NAME) && (f->arg & NF_D)) {
            struct name n;
            size_t next;
            TRY(name_unpack(seen, (size_t)(p - msg.p), &n, &next));
            wr_bytes(out, n.w, name_len(n.w));
            v.p = msg.p + next;
        } else {
            TRY(check_field(f, &v));
            wr_bytes(out, p, (size_t)(v.p - p));
        }
    }
    return v.p == v.end ? ST_OK : ST_ETRAIL;
}

enum status rdata_from_wire(uint16_t type, struct bytes msg, size_t off, size_t len,
                            struct writer *out)
{
    if (off > msg.n || len > msg.n - off)
        return ST_ESHORT;
    const struct rr_info *r = rr_find(type);
    if (r != NULL && rr_derived[RR_SLOT(type)].decompress) {
        uint8_t *mark = wr_mark(out);
        enum status st = unpack_fields(r, msg, off, len, out);
        if (st == ST_OK && wr_ok(out))
            return (size_t)(out->p - mark) <= RDATA_MAX ? ST_OK : ST_ERANGE;
        if (st != ST_OK)
            wr_rollback(out, mark);
        return st != ST_OK ? st : ST_ENOSPACE;
    }
    TRY(rdata_check(type, bytes_of(msg.p + off, len)));
    wr_bytes(out, msg.p + off, len);
    return wr_ok(out) ? ST_OK : ST_ENOSPACE;
}

static void lower_field(const struct field *f, uint8_t *p, size_t n)
{
    if ((f->kind->flags & KF_NAME) && (f->arg & NF_L))
        name_lower_inplace(p);
    else if (f->kind->lower != NULL)
        f->kind->lower(p, n);
}

enum status rdata_canonical(uint16_t type, struct bytes rd, struct writer *out)
{
    const struct rr_info *r = rr_find(type);
    uint8_t *copy = wr_room(out, rd.n);
    if (copy == NULL)
        return ST_ENOSPACE;
    if (rd.n > 0)
        memcpy(copy, rd.p, rd.n);
    if (r == NULL || !rr_derived[RR_SLOT(type)].names)
        return ST_OK;
    struct rdview v = {rd.p, rd.p, rd.p + rd.n, false};
    for (const struct field *f = r->field; f->kind != NULL; f++) {
        const uint8_t *p = v.p;
        enum status st = check_field(f, &v);
        if (st != ST_OK) {
            wr_rollback(out, copy);
            return st;
        }
        lower_field(f, copy + (p - rd.p), (size_t)(v.p - p));
    }
    return ST_OK;
}

static int compare_bytes(struct bytes a, struct bytes b)
{
    size_t n = MIN(a.n, b.n);
    int c = n > 0 ? memcmp(a.p, b.p, n) : 0;
    if (c == 0)
        c = a.n < b.n ? -1 : a.n > b.n;
    return c < 0 ? -1 : c > 0;
}

/* The canonical bytes of one field of a composite or name kind, at most a name long each. */
static int compare_field(const struct field *f, struct bytes a, struct bytes b)
{
    uint8_t x[LIMIT_NAME + 32], y[LIMIT_NAME + 32];
    bool lowers = f->kind->lower != NULL || ((f->kind->flags & KF_NAME) && (f->arg & NF_L));
    if (!lowers || a.n > sizeof x || b.n > sizeof y)
        return compare_bytes(a, b);
    memcpy(x, a.p, a.n);
    memcpy(y, b.p, b.n);
    lower_field(f, x, a.n);
    lower_field(f, y, b.n);
    return compare_bytes(bytes_of(x, a.n), bytes_of(y, b.n));
}

int rdata_compare(uint16_t type, struct bytes a, struct bytes b)
{
    const struct rr_info *r = rr_find(type);
    if (r == NULL || !rr_derived[RR_SLOT(type)].names)
        return compare_bytes(a, b);
    struct rdview va = {a.p, a.p, a.p + a.n, false}, vb = {b.p, b.p, b.p + b.n, false};
    for (const struct field *f = r->field; f->kind != NULL; f++) {
        const uint8_t *pa = va.p, *pb = vb.p;
        if (check_field(f, &va) != ST_OK || check_field(f, &vb) != ST_OK)
            return compare_bytes(a, b);
        /* A field that is not the last delimits itself, so comparing field by field is the same as
         * comparing the whole. */
        int c =
            compare_field(f, bytes_of(pa, (size_t)(va.p - pa)), bytes_of(pb, (size_t)(vb.p - pb)));
        if (c != 0)
            return c;
    }
    return 0;
}

unsigned rdata_names(uint16_t type, struct bytes rd, struct rdata_name ret[RDATA_NAMES_MAX])
{
    const struct rr_info *r = rr_find(type);
    unsigned n = 0;
    if (r == NULL)
        return 0;
    unsigned count = MIN(rr_derived[RR_SLOT(type)].marked, (unsigned)RDATA_NAMES_MAX);
    struct rdview v = {rd.p, rd.p, rd.p + rd.n, false};
    for (const struct field *f = r->field; n < count; f++) {
        if ((f->kind->flags & KF_NAME) && (f->arg & (NF_C | NF_G))) {
            ret[n++] = (struct rdata_name){(uint16_t)(v.p - rd.p), (f->arg & NF_C) != 0,
                                           (f->arg & NF_G) != 0};
            if (n == count)
                break;
        }
        if (check_field(f, &v) != ST_OK)
            return 0;
    }
    return n;
}
