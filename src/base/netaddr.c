#include "base/netaddr.h"

struct netaddr netaddr_v4(const uint8_t a[4], uint16_t port)
{
    struct netaddr r = {.family = ADDR_V4, .port = port};
    memcpy(r.a, a, 4);
    return r;
}

struct netaddr netaddr_v6(const uint8_t a[16], uint16_t port)
{
    struct netaddr r = {.family = ADDR_V6, .port = port};
    memcpy(r.a, a, 16);
    return r;
}

/* A decimal number without leading zeros, at most max; moves *p past it. */
static bool parse_dec(const uint8_t **p, const uint8_t *end, unsigned max, unsigned *ret)
{
    const uint8_t *s = *p;
    unsigned v = 0;
    while (s < end && *s >= '0' && *s <= '9' && s - *p < 6)
        v = v * 10 + (unsigned)(*s++ - '0');
    if (s == *p || v > max || (**p == '0' && s - *p > 1))
        return false;
    *p = s;
    *ret = v;
    return true;
}

static bool parse_v4(const uint8_t *p, const uint8_t *end, uint8_t out[4])
{
    for (int i = 0; i < 4; i++) {
        unsigned v;
        if (i > 0 && (p >= end || *p++ != '.'))
            return false;
        if (!parse_dec(&p, end, 255, &v))
            return false;
        out[i] = (uint8_t)v;
    }
    return p == end;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* RFC 4291 section 2.2: groups of hex digits, one "::", a dotted quad at the end. */
static bool parse_v6(const uint8_t *p, const uint8_t *end, uint8_t out[16])
{
    uint8_t buf[16];
    size_t n = 0, gap = 99;
    if (end - p >= 2 && p[0] == ':' && p[1] == ':') {
        gap = 0;
        p += 2;
    }
    while (p < end) {
        const uint8_t *q = p;
        unsigned v = 0;
        while (q < end && q - p < 4 && hex_digit(*q) >= 0)
            v = v << 4 | (unsigned)hex_digit(*q++);
        if (q < end && *q == '.') {
            if (n > 12 || !parse_v4(p, end, buf + n))
                return false;
            n += 4;
            p = end;
            break;
        }
        if (q == p || n > 14)
            return false;
        put_be16(buf + n, (uint16_t)v);
        n += 2;
        p = q;
        if (p == end)
            break;
        if (*p++ != ':' || p == end)
            return false;
        if (*p == ':') {
            if (gap != 99)
                return false;
            gap = n;
            p++;
        }
    }
    if (gap == 99 ? n != 16 : n > 14)
        return false;
    memset(out, 0, 16);
    size_t head = gap == 99 ? n : gap;
    memcpy(out, buf, head);
    memcpy(out + 16 - (n - head), buf + head, n - head);
    return true;
}

enum status netaddr_parse(struct bytes t, struct netaddr *ret)
{
    uint8_t a[16];
    if (t.n == 0)
        return ST_ESYNTAX;
    if (parse_v4(t.p, t.p + t.n, a))
        *ret = netaddr_v4(a, 0);
    else if (parse_v6(t.p, t.p + t.n, a))
        *ret = netaddr_v6(a, 0);
    else
        return ST_ESYNTAX;
    return ST_OK;
}

static enum status parse_port(struct bytes t, uint16_t *ret)
{
    const uint8_t *p = t.p;
    unsigned v;
    if (t.n == 0 || !parse_dec(&p, t.p + t.n, 65535, &v) || p != t.p + t.n)
        return ST_ESYNTAX;
    *ret = (uint16_t)v;
    return ST_OK;
}

enum status netaddr_parse_port(struct bytes t, uint16_t default_port, struct netaddr *ret)
{
    uint16_t port = default_port;
    struct bytes host = t;
    const uint8_t *at = t.n ? memchr(t.p, '@', t.n) : NULL;
    const uint8_t *colon = t.n ? memchr(t.p, ':', t.n) : NULL;
    if (t.n > 0 && t.p[0] == '[') {
        const uint8_t *close = memchr(t.p, ']', t.n);
        if (close == NULL)
            return ST_ESYNTAX;
        host = bytes_of(t.p + 1, (size_t)(close - t.p - 1));
        size_t rest = t.n - (size_t)(close + 1 - t.p);
        if (rest > 0) {
            if (close[1] != ':' && close[1] != '@')
                return ST_ESYNTAX;
            TRY(parse_port(bytes_of(close + 2, rest - 1), &port));
        }
    } else if (at != NULL) {
        host.n = (size_t)(at - t.p);
        TRY(parse_port(bytes_of(at + 1, t.n - host.n - 1), &port));
    } else if (colon != NULL && memchr(colon + 1, ':', t.n - (size_t)(colon + 1 - t.p)) == NULL) {
        host.n = (size_t)(colon - t.p);
        TRY(parse_port(bytes_of(colon + 1, t.n - host.n - 1), &port));
    }
    TRY(netaddr_parse(host, ret));
    ret->port = port;
    return ST_OK;
}

enum status netprefix_parse(struct bytes t, struct netprefix *ret)
{
    const uint8_t *slash = t.n ? memchr(t.p, '/', t.n) : NULL;
    struct bytes host = {t.p, slash ? (size_t)(slash - t.p) : t.n};
    TRY(netaddr_parse(host, &ret->addr));
    unsigned max = (unsigned)netaddr_size(&ret->addr) * 8, bits = max;
    if (slash != NULL) {
        const uint8_t *p = slash + 1;
        if (!parse_dec(&p, t.p + t.n, max, &bits) || p != t.p + t.n)
            return ST_ESYNTAX;
    }
    ret->bits = (uint8_t)bits;
    for (unsigned i = bits; i < max; i++)
        if (ret->addr.a[i / 8] >> (7 - i % 8) & 1)
            return ST_ESEMANTIC;
    return ST_OK;
}

/* RFC 5952: the longest run of two or more zero groups becomes "::", the first of equals. */
static void text_v6(const uint8_t a[16], struct text *out)
{
    int best = -1, best_len = 1;
    for (int i = 0; i < 8; i++) {
        int len = 0;
        while (i + len < 8 && get_be16(a + 2 * (i + len)) == 0)
            len++;
        if (len > best_len) {
            best = i;
            best_len = len;
        }
    }
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(a, mapped, 12) == 0) {
        text_fmt(out, "::ffff:%u.%u.%u.%u", a[12], a[13], a[14], a[15]);
        return;
    }
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            text_str(out, "::");
            i += best_len - 1;
            continue;
        }
        if (i > 0 && i != best + best_len)
            text_char(out, ':');
        else if (i > 0 && best < 0)
            text_char(out, ':');
        text_fmt(out, "%x", get_be16(a + 2 * i));
    }
}

void netaddr_text(const struct netaddr *a, struct text *out)
{
    if (a->family == ADDR_V4)
        text_fmt(out, "%u.%u.%u.%u", a->a[0], a->a[1], a->a[2], a->a[3]);
    else if (a->family == ADDR_V6)
        text_v6(a->a, out);
    else
        text_str(out, "none");
}

void netaddr_text_port(const struct netaddr *a, struct text *out)
{
    if (a->family == ADDR_V6)
        text_char(out, '[');
    netaddr_text(a, out);
    if (a->family == ADDR_V6)
        text_char(out, ']');
    text_char(out, ':');
    text_uint(out, a->port);
}

bool netaddr_same_host(const struct netaddr *a, const struct netaddr *b)
{
    return a->family == b->family && memcmp(a->a, b->a, 16) == 0 && a->scope == b->scope;
}

bool netaddr_equal(const struct netaddr *a, const struct netaddr *b)
{
    return netaddr_same_host(a, b) && a->port == b->port;
}

bool netprefix_covers(const struct netprefix *p, const struct netaddr *a)
{
    if (p->addr.family != a->family)
        return false;
    size_t whole = p->bits / 8, rest = p->bits % 8;
    if (memcmp(p->addr.a, a->a, whole) != 0)
        return false;
    return rest == 0 || ((p->addr.a[whole] ^ a->a[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

bool netaddr_is_loopback(const struct netaddr *a)
{
    static const uint8_t one[16] = {[15] = 1};
    return a->family == ADDR_V4 ? a->a[0] == 127 : a->family == ADDR_V6 && !memcmp(a->a, one, 16);
}
