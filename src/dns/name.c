#include "dns/name.h"

const uint8_t name_root[1] = {0};

size_t name_len(const uint8_t *n)
{
    const uint8_t *p = n;
    while (*p != 0)
        p += 1 + *p;
    return (size_t)(p - n) + 1;
}

unsigned name_labels(const uint8_t *n)
{
    unsigned c = 0;
    for (; *n != 0; n += 1 + *n)
        c++;
    return c;
}

const uint8_t *name_skip(const uint8_t *n, unsigned count)
{
    while (count-- > 0 && *n != 0)
        n += 1 + *n;
    return n;
}

enum status name_scan(struct bytes b, size_t *ret_len)
{
    size_t off = 0;
    while (off < b.n) {
        uint8_t l = b.p[off];
        if (l > LIMIT_LABEL)
            return ST_ENAME;
        off += 1u + l;
        if (off > LIMIT_NAME)
            return ST_ENAME;
        if (l == 0) {
            *ret_len = off;
            return ST_OK;
        }
    }
    return ST_ESHORT;
}

enum status name_check(struct bytes b)
{
    size_t len;
    TRY(name_scan(b, &len));
    return len == b.n ? ST_OK : ST_ETRAIL;
}

enum status name_unpack(struct bytes msg, size_t off, struct name *ret, size_t *ret_next)
{
    size_t n = 0, barrier = off; /* a pointer must go below where the current run began */
    unsigned hops = 0;
    size_t next = 0;
    for (;;) {
        if (off >= msg.n)
            return ST_ESHORT;
        uint8_t l = msg.p[off];
        if (l <= LIMIT_LABEL) {
            if (off + 1u + l > msg.n)
                return ST_ESHORT;
            if (n + 1u + l > LIMIT_NAME)
                return ST_ENAME;
            memcpy(ret->w + n, msg.p + off, 1u + l);
            n += 1u + l;
            off += 1u + l;
            if (l == 0)
                break;
        } else if (l >= 0xc0) {
            if (off + 2 > msg.n)
                return ST_ESHORT;
            size_t to = get_be16(msg.p + off) & 0x3fff;
            if (hops == 0)
                next = off + 2;
            if (to >= barrier || to < 12 || ++hops > LIMIT_POINTERS)
                return ST_EPOINTER;
            barrier = off = to;
        } else {
            return ST_ENAME; /* RFC 6891 section 5: extended label types are gone */
        }
    }
    *ret_next = hops ? next : off;
    return ST_OK;
}

size_t name_copy(uint8_t *dst, const uint8_t *src)
{
    size_t n = name_len(src);
    memcpy(dst, src, n);
    return n;
}

/* Eight bytes at once: in each, 0x80 is set where 'A' <= byte <= 'Z'. */
static uint64_t lower8(uint64_t x)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
    uint64_t low = x & ~high;
    uint64_t upper = ((low + (0x80 - 'A') * ones) ^ (low + (0x7f - 'Z') * ones)) & ~x & high;
    return x | upper >> 2;
}

size_t name_lower(uint8_t *dst, const uint8_t *src)
{
    size_t n = name_len(src), i = 0; /* length bytes are below 'A' */
    uint64_t x;
    for (; i + 8 <= n; i += 8) {
        memcpy(&x, src + i, 8);
        x = lower8(x);
        memcpy(dst + i, &x, 8);
    }
    for (; i < n; i++)
        dst[i] = ascii_lower(src[i]);
    return n;
}

void name_lower_inplace(uint8_t *n)
{
    name_lower(n, n);
}

/* Lengths are at most 63, below 'A', so whole names fold byte by byte. */
static bool fold_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i] && ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    return true;
}

bool name_equal(const uint8_t *a, const uint8_t *b)
{
    while (*a == *b) {
        size_t n = *a;
        if (n == 0)
            return true;
        if (!fold_equal(a + 1, b + 1, n))
            return false;
        a += 1 + n;
        b += 1 + n;
    }
    return false;
}

static unsigned label_starts(const uint8_t *n, uint8_t at[LIMIT_LABELS])
{
    unsigned c = 0;
    for (const uint8_t *p = n; *p != 0; p += 1 + *p)
        at[c++] = (uint8_t)(p - n);
    return c;
}

static int label_compare(const uint8_t *a, const uint8_t *b)
{
    unsigned an = *a, bn = *b;
    for (unsigned i = 1; i <= an && i <= bn; i++) {
        int d = ascii_lower(a[i]) - ascii_lower(b[i]);
        if (d != 0)
            return d < 0 ? -1 : 1;
    }
    return (an > bn) - (an < bn);
}

int name_compare(const uint8_t *a, const uint8_t *b)
{
    uint8_t at_a[LIMIT_LABELS], at_b[LIMIT_LABELS];
    unsigned an = label_starts(a, at_a), bn = label_starts(b, at_b);
    for (unsigned i = 1; i <= an && i <= bn; i++) {
        int d = label_compare(a + at_a[an - i], b + at_b[bn - i]);
        if (d != 0)
            return d;
    }
    return (an > bn) - (an < bn);
}

bool name_in(const uint8_t *n, const uint8_t *zone)
{
    unsigned nl = name_labels(n), zl = name_labels(zone);
    return nl >= zl && name_equal(name_skip(n, nl - zl), zone);
}

unsigned name_common(const uint8_t *a, const uint8_t *b)
{
    unsigned an = name_labels(a), bn = name_labels(b);
    unsigned n = MIN(an, bn), common = 0;
    a = name_skip(a, an - n);
    b = name_skip(b, bn - n);
    for (unsigned i = 0; i < n; i++, a = name_parent(a), b = name_parent(b))
        common = label_compare(a, b) == 0 ? common + 1 : 0;
    return common;
}

enum status name_replace_suffix(const uint8_t *n, unsigned cut, const uint8_t *suffix,
                                struct name *ret)
{
    unsigned labels = name_labels(n);
    ASSERT(cut <= labels);
    size_t head = (size_t)(name_skip(n, labels - cut) - n), tail = name_len(suffix);
    if (head + tail > LIMIT_NAME)
        return ST_ENAME;
    memmove(ret->w, n, head);
    memmove(ret->w + head, suffix, tail);
    return ST_OK;
}

enum status name_prepend(struct bytes label, const uint8_t *suffix, struct name *ret)
{
    size_t tail = name_len(suffix);
    if (label.n == 0 || label.n > LIMIT_LABEL || 1 + label.n + tail > LIMIT_NAME)
        return ST_ENAME;
    memmove(ret->w + 1 + label.n, suffix, tail);
    ret->w[0] = (uint8_t)label.n;
    memcpy(ret->w + 1, label.p, label.n);
    return ST_OK;
}

bool name_is_wildcard(const uint8_t *n)
{
    return n[0] == 1 && n[1] == '*';
}

/* One character of a label, with escapes; *i moves past it. */
static enum status label_char(struct bytes t, size_t *i, uint8_t *ret)
{
    uint8_t c = t.p[(*i)++];
    if (c != '\\') {
        *ret = c;
        return ST_OK;
    }
    if (*i >= t.n)
        return ST_ENAME;
    c = t.p[*i];
    if (c < '0' || c > '9') {
        *ret = c;
        *i += 1;
        return ST_OK;
    }
    unsigned v = 0;
    for (int k = 0; k < 3; k++, (*i)++) {
        if (*i >= t.n || t.p[*i] < '0' || t.p[*i] > '9')
            return ST_ENAME;
        v = v * 10 + (unsigned)(t.p[*i] - '0');
    }
    if (v > 255)
        return ST_ENAME;
    *ret = (uint8_t)v;
    return ST_OK;
}

enum status name_parse(struct bytes t, const uint8_t *origin, struct name *ret)
{
    const uint8_t *suffix = name_root;
    size_t n = 0, label = 0; /* label: offset of the open label's length byte */
    if (t.n == 0)
        return ST_ENAME;
    if (t.n == 1 && t.p[0] == '.') {
        ret->w[0] = 0;
        return ST_OK;
    }
    if (t.n == 1 && t.p[0] == '@' && origin != NULL) {
        name_copy(ret->w, origin);
        return ST_OK;
    }
    n = 1;
    bool dot = false;
    for (size_t i = 0; i < t.n;) {
        dot = t.p[i] == '.';
        if (dot) {
            if (n - label == 1)
                return ST_ENAME; /* empty label */
            i++;
            ret->w[label] = (uint8_t)(n - label - 1);
            label = n;
            if (n >= LIMIT_NAME)
                return ST_ENAME;
            n++;
            continue;
        }
        uint8_t c;
        TRY(label_char(t, &i, &c));
        if (n - label > LIMIT_LABEL || n >= LIMIT_NAME - 1)
            return ST_ENAME;
        ret->w[n++] = c;
    }
    if (dot) {
        ret->w[label] = 0;
        return ST_OK;
    }
    ret->w[label] = (uint8_t)(n - label - 1);
    if (origin != NULL)
        suffix = origin;
    size_t tail = name_len(suffix);
    if (n + tail > LIMIT_NAME)
        return ST_ENAME;
    memmove(ret->w + n, suffix, tail);
    return ST_OK;
}

enum status name_from(const char *text, struct name *ret)
{
    return name_parse(bytes_str(text), NULL, ret);
}

void name_text(const uint8_t *n, struct text *out)
{
    if (*n == 0) {
        text_char(out, '.');
        return;
    }
    for (; *n != 0; n += 1 + *n) {
        for (unsigned i = 1; i <= *n; i++) {
            uint8_t c = n[i];
            if (c == '.' || c == '\\' || c == '"' || c == '(' || c == ')' || c == ';' || c == '@' ||
                c == '$') {
                char e[2] = {'\\', (char)c};
                text_bytes(out, e, 2);
            } else if (c <= 0x20 || c >= 0x7f) {
                text_fmt(out, "\\%03u", c);
            } else {
                text_char(out, (char)c);
            }
        }
        text_char(out, '.');
    }
}

const char *name_str(const uint8_t *n, char buf[NAME_TEXT_MAX])
{
    struct text t = text_of(buf, NAME_TEXT_MAX);
    name_text(n, &t);
    return buf;
}
