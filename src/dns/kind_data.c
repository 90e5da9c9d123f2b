/* Field kinds that are opaque bytes, written in hex, base64 or base32hex. */
#include "base/codec.h"
#include "dns/rr_table.h"

static enum status some_check(const struct field *f, struct rdview *v)
{
    (void)f;
    if (view_left(v) == 0)
        return ST_ESHORT;
    v->p = v->end;
    return ST_OK;
}

static enum status any_check(const struct field *f, struct rdview *v)
{
    (void)f;
    v->p = v->end;
    return ST_OK;
}

static struct bytes take_rest(struct rdview *v)
{
    struct bytes b = {v->p, view_left(v)};
    v->p = v->end;
    return b;
}

/* Decodes the rest and refuses an empty result. */
static enum status some_parse(const struct field *f, struct rdparse *ps,
                              enum status (*rest)(struct rdparse *, const char *))
{
    uint8_t *mark = wr_mark(ps->out);
    TRY(rest(ps, f->key));
    if (wr_mark(ps->out) == mark)
        return parse_fail(ps, NULL, ST_ESHORT, "%s is missing", f->key);
    return ST_OK;
}

static enum status hex_field_parse(const struct field *f, struct rdparse *ps)
{
    return some_parse(f, ps, parse_hex_rest);
}

static void hex_field_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    hex_text(take_rest(v), out);
}

const struct kind kind_hex = {
    .check = some_check, .parse = hex_field_parse, .print = hex_field_print, .flags = KF_REST};

static enum status base64_field_parse(const struct field *f, struct rdparse *ps)
{
    return some_parse(f, ps, parse_base64_rest);
}

static void base64_field_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    base64_text(take_rest(v), out);
}

const struct kind kind_base64 = {.check = some_check,
                                 .parse = base64_field_parse,
                                 .print = base64_field_print,
                                 .flags = KF_REST};

/* field.arg 1: a KEY is empty only when its flags say so (RFC 2535 section 3.1.2). */
static bool may_be_empty(const struct field *f, const uint8_t *start)
{
    return f->arg == 0 || (start[0] & 0xc0) == 0xc0;
}

static enum status base64_optional_check(const struct field *f, struct rdview *v)
{
    if (view_left(v) == 0 && !may_be_empty(f, v->start))
        return ST_ESHORT;
    v->p = v->end;
    return ST_OK;
}

static enum status base64_optional_parse(const struct field *f, struct rdparse *ps)
{
    return may_be_empty(f, ps->start) ? parse_base64_rest(ps, f->key)
                                      : some_parse(f, ps, parse_base64_rest);
}

const struct kind kind_base64_optional = {.check = base64_optional_check,
                                          .parse = base64_optional_parse,
                                          .print = base64_field_print,
                                          .flags = KF_REST};

/* "-" stands for no data (DOA). */
static enum status base64_dash_parse(const struct field *f, struct rdparse *ps)
{
    if (parse_more(ps) && word_equal(ps->tok[ps->i].text, "-")) {
        ps->i++;
        return ST_OK;
    }
    return some_parse(f, ps, parse_base64_rest);
}

static void base64_dash_print(const struct field *f, struct rdview *v, struct text *out)
{
    if (view_left(v) == 0)
        text_char(out, '-');
    else
        base64_field_print(f, v, out);
}

const struct kind kind_base64_dash = {
    .check = any_check, .parse = base64_dash_parse, .print = base64_dash_print, .flags = KF_REST};

/* The least and the largest length of a digest, by the algorithm named before it: where the
 * algorithm is known the length is too. field.arg says which record. */
static void digest_bounds(const struct field *f, const uint8_t *start, size_t *ret_min,
                          size_t *ret_max)
{
    static const uint8_t ds[] = {0, 20, 32, 32, 48}, sshfp[] = {0, 20, 32}, zonemd[] = {0, 48, 64};
    unsigned alg = f->arg == 'S' ? start[1] : f->arg == 'Z' ? start[5] : start[3];
    size_t known = 0;
    if (f->arg == 'D') /* RFC 4034, 4509, 5933, 6605 */
        known = alg < sizeof ds ? ds[alg] : 0;
    else if (f->arg == 'S') /* RFC 4255 section 3.1.2, RFC 6594 */
        known = alg < sizeof sshfp ? sshfp[alg] : 0;
    else if (start[4] == 1) /* RFC 8976 section 2.2: the scheme and the algorithm together */
        known = alg < sizeof zonemd ? zonemd[alg] : 0;
    *ret_min = known > 0 ? known : f->arg == 'Z' ? 12 : 1; /* RFC 8976 section 2.2.4: 12 at least */
    *ret_max = known > 0 ? known : SIZE_MAX;
}

static enum status digest_check(const struct field *f, struct rdview *v)
{
    size_t min, max, n = view_left(v);
    digest_bounds(f, v->start, &min, &max);
    if (n < min || n > max)
        return n < min ? ST_ESHORT : ST_ETRAIL;
    v->p = v->end;
    return ST_OK;
}

static enum status digest_parse(const struct field *f, struct rdparse *ps)
{
    const struct token *t = parse_more(ps) ? &ps->tok[ps->i] : NULL;
    uint8_t *mark = wr_mark(ps->out);
    size_t min, max;
    TRY(some_parse(f, ps, parse_hex_rest));
    digest_bounds(f, ps->start, &min, &max);
    size_t n = (size_t)(wr_mark(ps->out) - mark);
    if (n < min || n > max)
        return parse_fail(ps, t, ST_EFORMAT, "%s has %zu bytes; its algorithm needs %s%zu", f->key,
                          n, min == max ? "" : "at least ", min);
    return ST_OK;
}

const struct kind kind_digest = {
    .check = digest_check, .parse = digest_parse, .print = hex_field_print, .flags = KF_REST};

static enum status sized_check(const struct field *f, struct rdview *v)
{
    (void)f;
    if (view_left(v) < 1 || view_left(v) < 1u + *v->p)
        return ST_ESHORT;
    v->p += 1 + *v->p;
    return ST_OK;
}

/* One token decoded behind a length byte; at most 255 bytes. */
static enum status sized_parse(const struct field *f, struct rdparse *ps, const struct token *t,
                               enum status (*decode)(struct bytes, struct writer *))
{
    uint8_t *len = wr_room(ps->out, 1);
    if (len == NULL)
        return parse_done(ps);
    if (decode(t->text, ps->out) == ST_ESYNTAX)
        return parse_fail(ps, t, ST_ESYNTAX, "%s has wrong characters or a wrong length", f->key);
    TRY(parse_done(ps));
    size_t n = (size_t)(ps->out->p - len - 1);
    if (n > 255)
        return parse_fail(ps, t, ST_ERANGE, "%s is longer than 255 bytes", f->key);
    *len = (uint8_t)n;
    return ST_OK;
}

/* RFC 5155 section 3.3: hex without white space, "-" when empty. */
static enum status salt_parse(const struct field *f, struct rdparse *ps)
{
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    if (t->text.n == 1 && t->text.p[0] == '-') {
        wr_u8(ps->out, 0);
        return parse_done(ps);
    }
    if (t->text.n == 0)
        return parse_fail(ps, t, ST_ESYNTAX, "an empty %s is written \"-\"", f->key);
    return sized_parse(f, ps, t, hex_parse);
}

static void salt_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    if (v->p[0] == 0)
        text_char(out, '-');
    else
        hex_text(bytes_of(v->p + 1, v->p[0]), out);
    v->p += 1 + v->p[0];
}

const struct kind kind_salt = {.check = sized_check, .parse = salt_parse, .print = salt_print};

/* RFC 5155 section 3.2: the hash length is at least 1. */
static enum status hash32_check(const struct field *f, struct rdview *v)
{
    if (view_left(v) > 0 && *v->p == 0)
        return ST_EFORMAT;
    return sized_check(f, v);
}

static enum status hash32_parse(const struct field *f, struct rdparse *ps)
{
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    if (t->text.n == 0)
        return parse_fail(ps, t, ST_ESYNTAX, "%s is empty", f->key);
    return sized_parse(f, ps, t, base32hex_parse);
}

static void hash32_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    base32hex_text(bytes_of(v->p + 1, v->p[0]), out);
    v->p += 1 + v->p[0];
}

const struct kind kind_hash32 = {
    .check = hash32_check, .parse = hash32_parse, .print = hash32_print};

/* Two-byte length and data, printed as the length and base64 (TSIG, TKEY). */
static enum status sized64_check(const struct field *f, struct rdview *v)
{
    (void)f;
    if (view_left(v) < 2 || view_left(v) - 2 < get_be16(v->p))
        return ST_ESHORT;
    v->p += 2 + get_be16(v->p);
    return ST_OK;
}

static enum status sized64_parse(const struct field *f, struct rdparse *ps)
{
    uint64_t n;
    TRY(parse_number(ps, f->key, 65535, &n));
    wr_u16(ps->out, (uint16_t)n);
    if (n == 0)
        return parse_done(ps);
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    uint8_t *mark = wr_mark(ps->out);
    if (base64_parse(t->text, ps->out) == ST_ESYNTAX)
        return parse_fail(ps, t, ST_ESYNTAX, "%s is not base64", f->key);
    TRY(parse_done(ps));
    if ((size_t)(wr_mark(ps->out) - mark) != n)
        return parse_fail(ps, t, ST_ESYNTAX, "%s does not have the length given", f->key);
    return ST_OK;
}

static void sized64_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    size_t n = get_be16(v->p);
    text_uint(out, n);
    if (n > 0) {
        text_char(out, ' ');
        base64_text(bytes_of(v->p + 2, n), out);
    }
    v->p += 2 + n;
}

static void sized64_json(const struct field *f, struct rdview *v, struct json *out)
{
    (void)f;
    struct text t = text_heap(2 * 65536);
    size_t n = get_be16(v->p);
    base64_text(bytes_of(v->p + 2, n), &t);
    json_bytes(out, bytes_of(text_cstr(&t), t.n));
    text_free(&t);
    v->p += 2 + n;
}

const struct kind kind_sized64 = {.check = sized64_check,
                                  .parse = sized64_parse,
                                  .usage = "SIZE [BASE64]",
                                  .print = sized64_print,
                                  .json = sized64_json};

/* Types without a presentation form of their own (NULL and the like): only \# is read and printed.
 */
const struct kind kind_opaque = {.check = any_check, .print = hex_field_print, .flags = KF_REST};
