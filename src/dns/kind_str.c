/* Field kinds that are text: <character-string> (RFC 1035 section 3.3), lists of them, and the long
 * string without a length of CAA and URI. */
#include "dns/rr_table.h"

static enum status str_check(const struct field *f, struct rdview *v)
{
    (void)f;
    if (view_left(v) < 1 || view_left(v) < 1u + *v->p)
        return ST_ESHORT;
    v->p += 1 + *v->p;
    return ST_OK;
}

/* Never split in silence: what does not fit into one string is an error. */
static enum status put_string(const struct field *f, struct rdparse *ps, const struct token *t)
{
    uint8_t buf[255];
    size_t n;
    enum status st = unescape(t->text, buf, sizeof buf, &n);
    if (st == ST_ERANGE)
        return parse_fail(ps, t, st, "%s: a string is longer than 255 bytes", f->key);
    if (st != ST_OK)
        return parse_fail(ps, t, st, "%s: bad escape; write \\DDD (000 to 255) or \\X", f->key);
    wr_u8(ps->out, (uint8_t)n);
    wr_bytes(ps->out, buf, n);
    return parse_done(ps);
}

static enum status str_parse(const struct field *f, struct rdparse *ps)
{
    const struct token *t = parse_next(ps, f->key);
    return t != NULL ? put_string(f, ps, t) : ST_ESHORT;
}

static struct bytes take_string(struct rdview *v)
{
    struct bytes s = {v->p + 1, v->p[0]};
    v->p += 1 + s.n;
    return s;
}

static void str_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    quoted_text(take_string(v), out);
}

static void str_json(const struct field *f, struct rdview *v, struct json *out)
{
    (void)f;
    json_bytes(out, take_string(v));
}

const struct kind kind_str = {
    .check = str_check, .parse = str_parse, .print = str_print, .json = str_json};

static enum status str_optional_check(const struct field *f, struct rdview *v)
{
    return view_left(v) == 0 ? ST_OK : str_check(f, v);
}

static enum status str_optional_parse(const struct field *f, struct rdparse *ps)
{
    return parse_more(ps) ? str_parse(f, ps) : ST_OK;
}

static void str_optional_print(const struct field *f, struct rdview *v, struct text *out)
{
    if (view_left(v) > 0)
        str_print(f, v, out);
}

static void str_optional_json(const struct field *f, struct rdview *v, struct json *out)
{
    if (view_left(v) > 0)
        str_json(f, v, out);
    else
        json_null(out);
}

const struct kind kind_str_optional = {.check = str_optional_check,
                                       .parse = str_optional_parse,
                                       .usage = "[subaddress]",
                                       .print = str_optional_print,
                                       .json = str_optional_json,
                                       .flags = KF_REST};

static enum status strs_check(const struct field *f, struct rdview *v)
{
    do
        TRY(str_check(f, v));
    while (view_left(v) > 0);
    return ST_OK;
}

static enum status strs_parse(const struct field *f, struct rdparse *ps)
{
    do
        TRY(str_parse(f, ps));
    while (parse_more(ps));
    return ST_OK;
}

static void strs_print(const struct field *f, struct rdview *v, struct text *out)
{
    for (str_print(f, v, out); view_left(v) > 0; str_print(f, v, out))
        text_char(out, ' ');
}

static void strs_json(const struct field *f, struct rdview *v, struct json *out)
{
    json_array(out);
    while (view_left(v) > 0)
        str_json(f, v, out);
    json_array_end(out);
}

const struct kind kind_strs = {.check = strs_check,
                               .parse = strs_parse,
                               .usage = "\"STRING\" ...",
                               .print = strs_print,
                               .json = strs_json,
                               .flags = KF_REST};

/* All that is left, without a length byte (RFC 8659 section 4.1, RFC 7553 section 4.4). field.arg:
 * the least number of bytes. */
static enum status long_str_check(const struct field *f, struct rdview *v)
{
    if (view_left(v) < f->arg)
        return ST_ESHORT;
    v->p = v->end;
    return ST_OK;
}

static enum status long_str_parse(const struct field *f, struct rdparse *ps)
{
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    if (wr_left(ps->out) == 0 && t->text.n > 0)
        return parse_fail(ps, t, ST_ENOSPACE, "%s is too long", f->key);
    size_t n;
    enum status st = unescape(t->text, ps->out->p, wr_left(ps->out), &n);
    if (st == ST_ERANGE)
        return parse_fail(ps, t, ST_ENOSPACE, "%s is too long", f->key);
    if (st != ST_OK)
        return parse_fail(ps, t, st, "%s: bad escape; write \\DDD (000 to 255) or \\X", f->key);
    if (n < f->arg)
        return parse_fail(ps, t, ST_ESHORT, "%s is empty", f->key);
    (void)wr_room(ps->out, n);
    return ST_OK;
}

static void long_str_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    quoted_text(bytes_of(v->p, view_left(v)), out);
    v->p = v->end;
}

static void long_str_json(const struct field *f, struct rdview *v, struct json *out)
{
    (void)f;
    json_bytes(out, bytes_of(v->p, view_left(v)));
    v->p = v->end;
}

const struct kind kind_long_str = {.check = long_str_check,
                                   .parse = long_str_parse,
                                   .print = long_str_print,
                                   .json = long_str_json,
                                   .flags = KF_REST};

/* A string kind whose content has rules: parse, then look at what was written. */
static enum status ruled_check(const struct field *f, struct rdview *v,
                               bool (*rule)(const struct field *, struct bytes))
{
    const uint8_t *p = v->p;
    TRY(str_check(f, v));
    return rule(f, bytes_of(p + 1, p[0])) ? ST_OK : ST_EFORMAT;
}

static enum status ruled_parse(const struct field *f, struct rdparse *ps,
                               bool (*rule)(const struct field *, struct bytes), const char *want)
{
    uint8_t *p = ps->out->p;
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    TRY(put_string(f, ps, t));
    if (!rule(f, bytes_of(p + 1, p[0])))
        return parse_fail(ps, t, ST_ESYNTAX, "%s is not %s", f->key, want);
    return ST_OK;
}

/* RFC 1183 section 3.1: the DNIC, four digits, and the network's number. */
static bool psdn_rule(const struct field *f, struct bytes s)
{
    (void)f;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n >= 4;
}

static enum status psdn_check(const struct field *f, struct rdview *v)
{
    return ruled_check(f, v, psdn_rule);
}

static enum status psdn_parse(const struct field *f, struct rdparse *ps)
{
    return ruled_parse(f, ps, psdn_rule, "a number of at least four digits");
}

const struct kind kind_psdn = {
    .check = psdn_check, .parse = psdn_parse, .print = str_print, .json = str_json};

/* RFC 1712 section 3: a decimal number; field.arg is the largest size (0: none). */
static bool degrees_rule(const struct field *f, struct bytes s)
{
    size_t i = 0, digits = 0;
    unsigned whole = 0;
    bool rest = false;
    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
        i++;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, digits++)
        whole = MIN(whole * 10 + (unsigned)(s.p[i] - '0'), 100000u);
    if (i < s.n && s.p[i] == '.')
        for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++, digits++)
            rest |= s.p[i] != '0';
    return i == s.n && digits > 0 && (f->arg == 0 || whole < f->arg || (whole == f->arg && !rest));
}

/* On the wire any strings pass, as with all peers. */
static enum status degrees_check(const struct field *f, struct rdview *v)
{
    const uint8_t *p = v->p;
    TRY(str_check(f, v));
    v->odd |= !degrees_rule(f, bytes_of(p + 1, p[0]));
    return ST_OK;
}

static enum status degrees_parse(const struct field *f, struct rdparse *ps)
{
    return ruled_parse(f, ps, degrees_rule, "a decimal number in its range");
}

const struct kind kind_degrees = {
    .check = degrees_check, .parse = degrees_parse, .print = str_print, .json = str_json};

/* RFC 8659 section 4.1: one or more ASCII letters and digits. */
static bool tag_rule(const struct field *f, struct bytes s)
{
    (void)f;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = ascii_lower(s.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return false;
    }
    return s.n > 0;
}

static enum status tag_check(const struct field *f, struct rdview *v)
{
    return ruled_check(f, v, tag_rule);
}

static enum status tag_parse(const struct field *f, struct rdparse *ps)
{
    return ruled_parse(f, ps, tag_rule, "made of letters and digits");
}

static void tag_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    struct bytes s = take_string(v);
    text_bytes(out, s.p, s.n);
}

const struct kind kind_tag = {
    .check = tag_check, .parse = tag_parse, .print = tag_print, .json = str_json};
