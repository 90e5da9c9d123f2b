#include "control/flat.h"

#include "base/text.h"

static void skip_space(struct flat *f)
{
    while (f->p < f->end && (*f->p == ' ' || *f->p == '\t' || *f->p == '\r' || *f->p == '\n'))
        f->p++;
}

static bool take(struct flat *f, char c)
{
    skip_space(f);
    if (f->p == f->end || *f->p != (uint8_t)c)
        return false;
    f->p++;
    return true;
}

static bool take_word(struct flat *f, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(f->end - f->p) < n || memcmp(f->p, word, n) != 0)
        return false;
    f->p += n;
    return true;
}

enum status flat_begin(struct flat *f, struct bytes line)
{
    *f = (struct flat){line.p, line.p + line.n, 0};
    return take(f, '{') ? ST_OK : ST_ESYNTAX;
}

/* Four hex digits after \u. */
static bool take_hex4(struct flat *f, uint32_t *ret)
{
    uint32_t v = 0;
    if (f->end - f->p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        uint8_t c = *f->p++;
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0)
            return false;
        v = v << 4 | (uint32_t)d;
    }
    *ret = v;
    return true;
}

static void put_utf8(struct text *t, uint32_t c)
{
    if (c < 0x80) {
        text_char(t, (char)c);
    } else if (c < 0x800) {
        text_char(t, (char)(0xc0 | c >> 6));
        text_char(t, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        text_char(t, (char)(0xe0 | c >> 12));
        text_char(t, (char)(0x80 | (c >> 6 & 0x3f)));
        text_char(t, (char)(0x80 | (c & 0x3f)));
    } else {
        text_char(t, (char)(0xf0 | c >> 18));
        text_char(t, (char)(0x80 | (c >> 12 & 0x3f)));
        text_char(t, (char)(0x80 | (c >> 6 & 0x3f)));
        text_char(t, (char)(0x80 | (c & 0x3f)));
    }
}

static bool take_escape(struct flat *f, struct text *t)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (f->p == f->end)
        return false;
    uint8_t c = *f->p++;
    if (c != 'u') {
        const char *at = c ? strchr(from, c) : NULL;
        if (at == NULL)
            return false;
        text_char(t, to[at - from]);
        return true;
    }
    uint32_t u, low;
    if (!take_hex4(f, &u) || u == 0 || (u >= 0xdc00 && u <= 0xdfff))
        return false;
    if (u >= 0xd800 && u <= 0xdbff) { /* a pair of surrogates */
        if (!take_word(f, "\\u") || !take_hex4(f, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(t, u);
    return true;
}

static enum status take_string(struct flat *f, char ret[FLAT_TEXT])
{
    struct text t = text_of(ret, FLAT_TEXT);
    if (!take(f, '"'))
        return ST_ESYNTAX;
    while (f->p < f->end && *f->p != '"') {
        uint8_t c = *f->p++;
        if (c < 0x20 || (c == '\\' && !take_escape(f, &t)))
            return ST_ESYNTAX;
        if (c != '\\')
            text_char(&t, (char)c);
        if (t.cut)
            return ST_ELIMIT;
    }
    ret[t.n] = '\0';
    return take(f, '"') ? ST_OK : ST_ESYNTAX;
}

static enum status take_number(struct flat *f, uint64_t *ret)
{
    uint64_t v = 0;
    const uint8_t *start = f->p;
    for (; f->p < f->end && *f->p >= '0' && *f->p <= '9'; f->p++) {
        if (f->p - start >= 18)
            return ST_ELIMIT;
        v = v * 10 + (uint64_t)(*f->p - '0');
    }
    *ret = v;
    return f->p > start && (f->p - start == 1 || *start != '0') ? ST_OK : ST_ESYNTAX;
}

static enum status take_value(struct flat *f, struct flat_value *ret)
{
    ret->text[0] = '\0';
    ret->truth = false;
    ret->number = 0;
    skip_space(f);
    if (f->p == f->end)
        return ST_ESYNTAX;
    if (*f->p == '"') {
        ret->kind = FLAT_STRING;
        return take_string(f, ret->text);
    }
    if (*f->p >= '0' && *f->p <= '9') {
        ret->kind = FLAT_NUMBER;
        return take_number(f, &ret->number);
    }
    ret->kind = FLAT_BOOL;
    ret->truth = take_word(f, "true");
    if (ret->truth || take_word(f, "false"))
        return ST_OK;
    ret->kind = FLAT_NULL;
    return take_word(f, "null") ? ST_OK : ST_ESYNTAX;
}

enum status flat_next(struct flat *f, char key[FLAT_TEXT], struct flat_value *ret)
{
    if (take(f, '}')) {
        skip_space(f);
        return f->p == f->end ? ST_ENOTFOUND : ST_ESYNTAX;
    }
    if (f->members > 0 && !take(f, ','))
        return ST_ESYNTAX;
    if (f->members++ == FLAT_MEMBERS)
        return ST_ELIMIT;
    TRY(take_string(f, key));
    return take(f, ':') ? take_value(f, ret) : ST_ESYNTAX;
}
