/* The text of SvcParams (RFC 9460 section 2.1 and appendix A): key, key=value or key="value", in
 * any order. */
#include "base/codec.h"
#include "base/netaddr.h"
#include "dns/kind_svcb.h"

/* A registered name or keyN without leading zeros. */
static bool key_of(struct bytes t, uint16_t *ret)
{
    uint64_t n;
    for (unsigned i = 0; i < SVC_ROWS; i++) {
        if (word_equal(t, svc_rows[i].name)) {
            *ret = (uint16_t)i;
            return true;
        }
    }
    if (t.n < 4 || !word_equal(bytes_of(t.p, 3), "key") || (t.p[3] == '0' && t.n > 4) ||
        !number_of(bytes_of(t.p + 3, t.n - 3), SVC_INVALID - 1, &n))
        return false;
    *ret = (uint16_t)n;
    return true;
}

/* The next item of a simple list; false at the end. */
static bool list_item(struct bytes *list, struct bytes *item)
{
    if (list->p == NULL)
        return false;
    const uint8_t *comma = list->n > 0 ? memchr(list->p, ',', list->n) : NULL;
    *item = *list;
    if (comma == NULL) {
        *list = bytes_of(NULL, 0);
        return true;
    }
    item->n = (size_t)(comma - list->p);
    *list = bytes_of(comma + 1, list->n - item->n - 1);
    return true;
}

static enum status keys_parse(struct bytes list, struct writer *out)
{
    uint8_t *start = wr_mark(out);
    for (struct bytes item; list_item(&list, &item);) {
        uint16_t key;
        if (!key_of(item, &key))
            return ST_EUNKNOWN;
        uint8_t *end = wr_room(out, 2), *at = end;
        if (end == NULL)
            return ST_ENOSPACE;
        for (; at > start && get_be16(at - 2) >= key; at -= 2) {
            if (get_be16(at - 2) == key)
                return ST_EEXIST;
            memcpy(at, at - 2, 2);
        }
        put_be16(at, key);
    }
    return ST_OK;
}

static enum status addrs_parse(struct bytes list, uint8_t family, struct writer *out)
{
    for (struct bytes item; list_item(&list, &item);) {
        struct netaddr a;
        if (netaddr_parse(item, &a) != ST_OK || a.family != family)
            return ST_ESYNTAX;
        wr_bytes(out, a.a, netaddr_size(&a));
    }
    return ST_OK;
}

static enum status numbers_parse(struct bytes list, struct writer *out)
{
    for (struct bytes item; list_item(&list, &item);) {
        uint64_t n;
        if (!number_of(item, UINT16_MAX, &n))
            return ST_ESYNTAX;
        wr_u16(out, (uint16_t)n);
    }
    return ST_OK;
}

/* Into the room that is left. */
static enum status raw_unescape(struct bytes text, uint8_t *to, size_t cap, size_t *ret_n)
{
    enum status st = unescape(text, to, cap, ret_n);
    return st == ST_ERANGE ? ST_ENOSPACE : st;
}

/* A list of strings (RFC 9460 appendix A.1): unescaped as a string into `to`, one byte behind where
 * its first length will stand, then taken apart in place; what is written never overtakes what is
 * read. */
static enum status strs_value_parse(struct bytes text, struct writer *out)
{
    size_t n, w = 0, item = 0;
    if (wr_left(out) < 1)
        return ST_ENOSPACE;
    uint8_t *to = out->p;
    TRY(raw_unescape(text, to + 1, wr_left(out) - 1, &n));
    if (n == 0)
        return ST_OK;
    w = 1;
    for (size_t r = 1; r <= n; r++) {
        uint8_t c = to[r];
        if (c == ',') {
            if (w - item - 1 == 0 || w - item - 1 > 255)
                return ST_ESYNTAX;
            to[item] = (uint8_t)(w - item - 1);
            item = w++;
            continue;
        }
        if (c == '\\') {
            if (++r > n)
                return ST_ESYNTAX;
            c = to[r];
        }
        to[w++] = c;
    }
    if (w - item - 1 == 0 || w - item - 1 > 255)
        return ST_ESYNTAX;
    to[item] = (uint8_t)(w - item - 1);
    (void)wr_room(out, w);
    return ST_OK;
}

static enum status value_parse(unsigned key, bool generic, struct bytes text, struct writer *out)
{
    size_t n;
    switch (generic ? SVF_BYTES : svc_form(key)) {
    case SVF_KEYS:
        return keys_parse(text, out);
    case SVF_STRS:
    case SVF_PATH:
        return strs_value_parse(text, out);
    case SVF_NONE:
        return text.n == 0 ? ST_OK : ST_ETRAIL;
    case SVF_U16: {
        uint64_t v;
        if (!number_of(text, UINT16_MAX, &v))
            return ST_ESYNTAX;
        wr_u16(out, (uint16_t)v);
        return ST_OK;
    }
    case SVF_IPV4:
        return addrs_parse(text, ADDR_V4, out);
    case SVF_IPV6:
        return addrs_parse(text, ADDR_V6, out);
    case SVF_BASE64:
        return base64_parse(text, out);
    case SVF_GROUPS:
        return numbers_parse(text, out);
    case SVF_BYTES:
    case SVF_TEMPLATE:
        TRY(raw_unescape(text, out->p, wr_left(out), &n));
        (void)wr_room(out, n);
        return ST_OK;
    }
    return ST_ESYNTAX;
}

static void reverse(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        uint8_t c = p[i];
        p[i] = p[n - 1 - i];
        p[n - 1 - i] = c;
    }
}

/* Moves the parameter at `last` (n bytes, the newest) to where its key belongs; false if the key is
 * there. */
static bool sort_in(uint8_t *first, uint8_t *last, size_t n, uint16_t key)
{
    uint8_t *at = first;
    while (at < last && get_be16(at) < key)
        at += 4 + get_be16(at + 2);
    if (at == last)
        return true;
    if (get_be16(at) == key)
        return false;
    reverse(at, (size_t)(last - at));
    reverse(last, n);
    reverse(at, (size_t)(last - at) + n);
    return true;
}

/* Splits a token (and a quoted one that was cut off behind "=") into key and value. */
static struct bytes split_param(struct rdparse *ps, const struct token *t, struct bytes *ret_value,
                                bool *ret_has_value)
{
    const uint8_t *eq = t->text.n > 0 ? memchr(t->text.p, '=', t->text.n) : NULL;
    *ret_value = bytes_of(NULL, 0);
    *ret_has_value = eq != NULL;
    if (eq == NULL)
        return t->text;
    struct bytes key = {t->text.p, (size_t)(eq - t->text.p)};
    struct bytes v = {eq + 1, t->text.n - key.n - 1};
    if (v.n == 0 && parse_more(ps) && ps->tok[ps->i].quoted)
        v = ps->tok[ps->i++].text;
    else if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
        v = bytes_of(v.p + 1, v.n - 2);
    *ret_value = v;
    return key;
}

static enum status param_parse(struct rdparse *ps, uint8_t *first, const struct token *t)
{
    struct bytes value;
    bool has_value, odd = false;
    uint16_t key;
    struct bytes word = split_param(ps, t, &value, &has_value);
    int len = (int)MIN(word.n, (size_t)40);
    if (t->quoted || !key_of(word, &key))
        return parse_fail(ps, t, ST_EUNKNOWN, "\"%.*s\" is not a parameter key", len,
                          (const char *)word.p);
    uint8_t *at = wr_room(ps->out, 4);
    if (at == NULL)
        return parse_done(ps);
    bool generic = ascii_lower(word.p[0]) == 'k';
    enum status st = value_parse(key, generic, value, ps->out);
    TRY(parse_done(ps));
    size_t n = (size_t)(wr_mark(ps->out) - at - 4);
    if (st == ST_OK && n <= UINT16_MAX)
        st = svc_value_check(key, bytes_of(at + 4, n), &odd);
    if (st == ST_ENOSPACE)
        return parse_fail(ps, t, st, "the record data are too long");
    if (st != ST_OK || odd || n > UINT16_MAX)
        return parse_fail(ps, t, st != ST_OK ? st : ST_ESYNTAX, "the value of \"%.*s\" is %s", len,
                          (const char *)word.p, has_value ? "malformed" : "missing");
    put_be16(at, key);
    put_be16(at + 2, (uint16_t)n);
    if (!sort_in(first, at, 4 + n, key))
        return parse_fail(ps, t, ST_EEXIST, "\"%.*s\" stands there twice", len,
                          (const char *)word.p);
    return ST_OK;
}

enum status svc_params_parse(const struct field *f, struct rdparse *ps)
{
    (void)f;
    uint8_t *first = wr_mark(ps->out);
    bool odd = false;
    while (parse_more(ps))
        TRY(param_parse(ps, first, &ps->tok[ps->i++]));
    struct bytes all = {first, (size_t)(wr_mark(ps->out) - first)};
    enum status st = svc_params_check(all, get_be16(ps->start) == 0, &odd);
    if (st == ST_OK && odd)
        st = ST_ESEMANTIC;
    if (st != ST_OK)
        return parse_fail(
            ps, NULL, st,
            "a key that \"mandatory\" names is missing, or no-default-alpn has no alpn");
    return ST_OK;
}
