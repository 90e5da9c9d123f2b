/* Presentation text to RDATA: the interpreter, the generic form (RFC 3597 section 5), and what the
 * kinds share. */
#include "base/codec.h"
#include "base/limits.h"
#include "dns/rdata.h"
#include "dns/rr_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* "MX: preference exchange": what the record looks like. */
static void usage_text(uint16_t type, struct text *out)
{
    const struct rr_info *r = rr_find(type);
    text_str(out, "write: ");
    rr_type_text(type, out);
    if (r == NULL || rr_derived[RR_SLOT(type)].opaque) {
        text_str(out, " \\# LENGTH HEX");
        return;
    }
    for (const struct field *f = r->field; f->kind != NULL; f++)
        text_fmt(out, " %s", f->kind->usage != NULL ? f->kind->usage : f->key);
}

enum status parse_fail(struct rdparse *ps, const struct token *t, enum status st, const char *fmt,
                       ...)
{
    struct diag *d = ps->d;
    if (d == NULL)
        return st;
    char what[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    char type[24];
    diag_set(d, SEV_ERROR, "bad-rdata", NULL, "%s: %s", rr_type_str(ps->type, type), what);
    struct text hint = text_of(d->hint, sizeof d->hint);
    usage_text(ps->type, &hint);
    if (t == NULL && ps->n > 0) { /* the end: just after the last token */
        t = &ps->tok[ps->n - 1];
        d->line = t->line;
        d->column = t->column > 0 ? t->column + (uint32_t)t->text.n + (t->quoted ? 2u : 0u) : 0;
    } else if (t != NULL) {
        d->line = t->line;
        d->column = t->column;
    }
    return st;
}

const struct token *parse_next(struct rdparse *ps, const char *what)
{
    if (LIKELY(ps->i < ps->n))
        return &ps->tok[ps->i++];
    (void)parse_fail(ps, NULL, ST_ESHORT, "%s is missing", what);
    return NULL;
}

enum status parse_done(struct rdparse *ps)
{
    if (LIKELY(wr_ok(ps->out)))
        return ST_OK;
    return parse_fail(ps, NULL, ST_ENOSPACE, "the record data are too long");
}

bool number_of(struct bytes t, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;
    if (t.n == 0)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        unsigned c = (unsigned)(t.p[i] - '0');
        if (c > 9 || v > (UINT64_MAX - c) / 10)
            return false;
        v = v * 10 + c;
    }
    *ret = v;
    return v <= max;
}

enum status parse_number(struct rdparse *ps, const char *what, uint64_t max, uint64_t *ret)
{
    const struct token *t = parse_next(ps, what);
    if (t == NULL)
        return ST_ESHORT;
    if (LIKELY(number_of(t->text, max, ret)))
        return ST_OK;
    return parse_fail(ps, t, ST_ESYNTAX, "%s is \"%.*s\", not a number from 0 to %llu", what,
                      (int)MIN(t->text.n, (size_t)60), (const char *)t->text.p,
                      (unsigned long long)max);
}

enum status unescape(struct bytes t, uint8_t *buf, size_t cap, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < t.n; n++) {
        unsigned c = t.p[i++];
        if (c == '\\') {
            if (i >= t.n)
                return ST_ESYNTAX;
            c = t.p[i++];
            if (c >= '0' && c <= '9') {
                if (t.n - i < 2 || (unsigned)(t.p[i] - '0') > 9 || (unsigned)(t.p[i + 1] - '0') > 9)
                    return ST_ESYNTAX;
                c = (c - '0') * 100 + (unsigned)(t.p[i] - '0') * 10 + (unsigned)(t.p[i + 1] - '0');
                i += 2;
                if (c > 255)
                    return ST_ESYNTAX;
            }
        }
        if (n >= cap)
            return ST_ERANGE;
        buf[n] = (uint8_t)c;
    }
    *ret_n = n;
    return ST_OK;
}

bool word_equal(struct bytes t, const char *word)
{
    size_t n = strlen(word);
    if (t.n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (ascii_lower(t.p[i]) != ascii_lower((uint8_t)word[i]))
            return false;
    return true;
}

enum status parse_name(struct rdparse *ps, const struct token *t)
{
    struct name n;
    if (UNLIKELY(name_parse(t->text, ps->origin, &n) != ST_OK))
        return parse_fail(ps, t, ST_ENAME, "\"%.*s\" is not a domain name",
                          (int)MIN(t->text.n, (size_t)120), (const char *)t->text.p);
    wr_bytes(ps->out, n.w, name_len(n.w));
    return parse_done(ps);
}

/* Tokens may be cut anywhere, also inside a group of digits; what is left of a token is carried to
 * the next. */
static enum status parse_groups(struct rdparse *ps, size_t group, const char *what,
                                enum status (*decode)(struct bytes, struct writer *))
{
    uint8_t carry[4];
    size_t carried = 0;
    bool ended = false; /* base64 padding was seen */
    for (; ps->i < ps->n; ps->i++) {
        const struct token *t = &ps->tok[ps->i];
        struct bytes b = t->text;
        if (ended && b.n > 0)
            return parse_fail(ps, t, ST_ESYNTAX, "%s goes on after its padding", what);
        while (carried > 0 && carried < group && b.n > 0) {
            carry[carried++] = *b.p++;
            b.n--;
        }
        if (carried == group) {
            if (decode(bytes_of(carry, group), ps->out) == ST_ESYNTAX)
                return parse_fail(ps, t, ST_ESYNTAX, "%s has a wrong character", what);
            ended = carry[group - 1] == '=';
            carried = 0;
        }
        size_t whole = b.n - b.n % group;
        if (ended && b.n > 0)
            return parse_fail(ps, t, ST_ESYNTAX, "%s goes on after its padding", what);
        if (whole > 0 && decode(bytes_of(b.p, whole), ps->out) == ST_ESYNTAX)
            return parse_fail(ps, t, ST_ESYNTAX, "%s has a wrong character", what);
        ended |= whole > 0 && b.p[whole - 1] == '=';
        if (ended && whole < b.n)
            return parse_fail(ps, t, ST_ESYNTAX, "%s goes on after its padding", what);
        for (size_t i = whole; i < b.n; i++)
            carry[carried++] = b.p[i];
    }
    if (carried > 0)
        return parse_fail(ps, NULL, ST_ESYNTAX, "%s ends inside a group of %zu digits", what,
                          group);
    return parse_done(ps);
}

enum status parse_hex_rest(struct rdparse *ps, const char *what)
{
    return parse_groups(ps, 2, what, hex_parse);
}

enum status parse_base64_rest(struct rdparse *ps, const char *what)
{
    return parse_groups(ps, 4, what, base64_parse);
}

static bool is_generic(const struct token *tok, size_t n)
{
    return n > 0 && tok[0].text.n == 2 && !tok[0].quoted && tok[0].text.p[0] == '\\' &&
           tok[0].text.p[1] == '#';
}

/* \# length hex (RFC 3597 section 5); data of a known type must be valid for it. */
static enum status parse_generic(struct rdparse *ps)
{
    uint64_t len;
    ps->i = 1;
    TRY(parse_number(ps, "length", 65535, &len));
    TRY(parse_hex_rest(ps, "generic data"));
    size_t n = (size_t)(ps->out->p - ps->start);
    if (n != len)
        return parse_fail(ps, &ps->tok[1], ST_ESYNTAX,
                          "the length says %llu bytes, the data are %zu", (unsigned long long)len,
                          n);
    enum status st = rdata_check(ps->type, bytes_of(ps->start, n));
    if (st != ST_OK)
        return parse_fail(ps, &ps->tok[0], st, "generic data not valid for the type: %s",
                          status_text(st));
    return ST_OK;
}

static enum status parse_fields(const struct rr_info *r, struct rdparse *ps)
{
    for (const struct field *f = r->field; f->kind != NULL; f++)
        TRY(f->kind->parse(f, ps));
    if (UNLIKELY(ps->i < ps->n)) {
        const struct token *t = &ps->tok[ps->i];
        return parse_fail(ps, t, ST_ETRAIL, "\"%.*s\" is one word too many",
                          (int)MIN(t->text.n, (size_t)60), (const char *)t->text.p);
    }
    return ps->out->p - ps->start <= 65535
               ? ST_OK
               : parse_fail(ps, NULL, ST_ERANGE, "the record data are longer than 65535 bytes");
}

enum status rdata_parse(uint16_t type, const struct token *tok, size_t n, const uint8_t *origin,
                        struct writer *out, struct diag *d)
{
    struct rdparse ps = {tok, n, 0, origin, out, wr_mark(out), type, d};
    const struct rr_info *r = rr_find(type);
    enum status st;
    if (UNLIKELY(is_generic(tok, n)))
        st = parse_generic(&ps);
    else if (LIKELY(r != NULL && !rr_derived[RR_SLOT(type)].opaque))
        st = parse_fields(r, &ps);
    else
        st = parse_fail(&ps, n > 0 ? tok : NULL, ST_ESYNTAX,
                        "data of this type are written as \\# LENGTH HEX");
    if (UNLIKELY(st != ST_OK))
        wr_rollback(out, ps.start);
    return st;
}

/* Where a quoted string that begins at i ends, or line.n when it does not. */
static size_t quote_end(struct bytes line, size_t i)
{
    for (; i < line.n && line.p[i] != '"'; i++)
        i += line.p[i] == '\\';
    return MIN(i, line.n);
}

/* As in master files: parentheses divide words as blanks do, ";" begins a remark. */
static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '(' || c == ')';
}

/* One token of a line. Quotes behind "=" stay in its text (key="a b"); elsewhere a quote begins a
 * token of its own. */
static bool line_token(struct bytes line, size_t *pos, struct token *t)
{
    size_t i = *pos, from = i;
    t->quoted = line.p[i] == '"';
    t->line = 1;
    t->column = (uint32_t)i + 1;
    if (t->quoted) {
        i = quote_end(line, ++from);
        t->text = bytes_of(line.p + from, i - from);
        *pos = i + 1;
        return i < line.n; /* false: an open quote */
    }
    for (; i < line.n && !is_blank(line.p[i]) && line.p[i] != ';'; i++) {
        if (line.p[i] == '\\') {
            i++;
        } else if (line.p[i] == '"') {
            if (line.p[i - 1] != '=')
                break;
            i = quote_end(line, i + 1);
            if (i == line.n)
                return false;
        }
    }
    if (i > line.n)
        return false; /* a lone backslash at the end */
    t->text = bytes_of(line.p + from, i - from);
    *pos = i;
    return true;
}

enum status rdata_parse_line(uint16_t type, struct bytes line, const uint8_t *origin,
                             struct writer *out, struct diag *d)
{
    static const size_t first = 64;
    struct token few[64], *tok = few;
    size_t n = 0, cap = first;
    enum status st = ST_OK;
    for (size_t i = 0; i < line.n && st == ST_OK;) {
        if (is_blank(line.p[i])) {
            i++;
            continue;
        }
        if (line.p[i] == ';')
            break;
        if (n == cap) {
            struct token *more = cap < LIMIT_ZONE_TOKENS ? malloc(2 * cap * sizeof *tok) : NULL;
            if (more == NULL) {
                st = ST_ELIMIT;
                break;
            }
            memcpy(more, tok, n * sizeof *tok);
            if (tok != few)
                free(tok);
            tok = more;
            cap *= 2;
        }
        if (line_token(line, &i, &tok[n]))
            n++;
        else
            st = ST_ESYNTAX;
    }
    if (st == ST_OK)
        st = rdata_parse(type, tok, n, origin, out, d);
    else if (d != NULL)
        diag_set(d, SEV_ERROR, "bad-rdata", NULL, "the line cannot be split into words");
    if (tok != few)
        free(tok);
    return st;
}
