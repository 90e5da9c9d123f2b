/* The address forms of OSI and ATM: NSAP (RFC 1706) and ATMA (ATM Forum AF-SAA-0069.000). */
#include "base/codec.h"
#include "dns/rr_table.h"

/* Hex digits with dots between them for the reader. */
static enum status dotted_hex(const struct field *f, struct rdparse *ps, const struct token *t,
                              struct bytes b)
{
    uint8_t pair[2];
    size_t held = 0, digits = 0;
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '.')
            continue;
        pair[held++] = b.p[i];
        digits++;
        if (held == 2) {
            if (hex_parse(bytes_of(pair, 2), ps->out) == ST_ESYNTAX)
                return parse_fail(ps, t, ST_ESYNTAX, "%s has a wrong character", f->key);
            held = 0;
        }
    }
    if (held > 0 || digits == 0)
        return parse_fail(ps, t, ST_ESYNTAX, "%s is not an even number of hex digits", f->key);
    return parse_done(ps);
}

static enum status nsap_check(const struct field *f, struct rdview *v)
{
    (void)f;
    if (view_left(v) == 0)
        return ST_ESHORT;
    v->p = v->end;
    return ST_OK;
}

static enum status nsap_parse(const struct field *f, struct rdparse *ps)
{
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    if (t->text.n < 3 || t->text.p[0] != '0' || ascii_lower(t->text.p[1]) != 'x')
        return parse_fail(ps, t, ST_ESYNTAX, "%s does not begin with 0x", f->key);
    return dotted_hex(f, ps, t, bytes_of(t->text.p + 2, t->text.n - 2));
}

static void nsap_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    text_bytes(out, "0x", 2);
    hex_text(bytes_of(v->p, view_left(v)), out);
    v->p = v->end;
}

const struct kind kind_nsap = {.check = nsap_check,
                               .parse = nsap_parse,
                               .usage = "0xHEX",
                               .print = nsap_print,
                               .flags = KF_REST};

enum { ATM_AESA = 0, ATM_E164 = 1 };

/* A format byte, then an end system address or the digits of an E.164 number. */
static enum status atm_check(const struct field *f, struct rdview *v)
{
    (void)f;
    if (view_left(v) < 2)
        return ST_ESHORT;
    if (v->p[0] == ATM_E164) {
        for (const uint8_t *p = v->p + 1; p < v->end; p++)
            if (*p < '0' || *p > '9')
                return ST_EFORMAT;
    } else if (v->p[0] != ATM_AESA) {
        v->odd = true;
    }
    v->p = v->end;
    return ST_OK;
}

static enum status atm_parse(const struct field *f, struct rdparse *ps)
{
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    if (t->text.n == 0 || t->text.p[0] != '+') {
        wr_u8(ps->out, ATM_AESA);
        return dotted_hex(f, ps, t, t->text);
    }
    wr_u8(ps->out, ATM_E164);
    size_t digits = 0;
    for (size_t i = 1; i < t->text.n; i++) {
        uint8_t c = t->text.p[i];
        if (c == '.')
            continue;
        if (c < '0' || c > '9')
            return parse_fail(ps, t, ST_ESYNTAX, "%s has something else than digits after +",
                              f->key);
        wr_u8(ps->out, c);
        digits++;
    }
    if (digits == 0)
        return parse_fail(ps, t, ST_ESYNTAX, "%s is empty", f->key);
    return parse_done(ps);
}

static void atm_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    struct bytes b = {v->p + 1, view_left(v) - 1};
    if (v->p[0] == ATM_E164) {
        text_char(out, '+');
        text_bytes(out, b.p, b.n);
    } else {
        hex_text(b, out);
    }
    v->p = v->end;
}

const struct kind kind_atm = {.check = atm_check,
                              .parse = atm_parse,
                              .usage = "HEX or +DIGITS",
                              .print = atm_print,
                              .flags = KF_REST};
