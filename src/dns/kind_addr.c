/* Field kinds that are addresses of a fixed size: IPv4, IPv6, 64-bit locators, EUI-48 and EUI-64.
 */
#include "base/netaddr.h"
#include "dns/rr_table.h"

static enum status addr_parse(const struct field *f, struct rdparse *ps, uint8_t family)
{
    struct netaddr a;
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    if (UNLIKELY(netaddr_parse(t->text, &a) != ST_OK || a.family != family))
        return parse_fail(ps, t, ST_ESYNTAX, "\"%.*s\" is not an IPv%d address",
                          (int)MIN(t->text.n, (size_t)60), (const char *)t->text.p, family);
    wr_bytes(ps->out, a.a, f->size);
    return parse_done(ps);
}

static enum status ipv4_parse(const struct field *f, struct rdparse *ps)
{
    return addr_parse(f, ps, ADDR_V4);
}

static void ipv4_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    struct netaddr a = netaddr_v4(v->p, 0);
    v->p += 4;
    netaddr_text(&a, out);
}

static enum status ipv6_parse(const struct field *f, struct rdparse *ps)
{
    return addr_parse(f, ps, ADDR_V6);
}

static void ipv6_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    struct netaddr a = netaddr_v6(v->p, 0);
    v->p += 16;
    netaddr_text(&a, out);
}

const struct kind kind_ipv4 = {.parse = ipv4_parse, .print = ipv4_print};
const struct kind kind_ipv6 = {.parse = ipv6_parse, .print = ipv6_print};

static int hex_value(uint8_t c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four groups of one to four hex digits, with colons (RFC 6742 section 2.1.2). */
static enum status locator64_parse(const struct field *f, struct rdparse *ps)
{
    uint8_t b[8];
    size_t i = 0;
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    bool ok = true;
    for (int g = 0; g < 4 && ok; g++) {
        unsigned v = 0, digits = 0;
        for (; i < t->text.n && digits < 4 && hex_value(t->text.p[i]) >= 0; i++, digits++)
            v = v << 4 | (unsigned)hex_value(t->text.p[i]);
        ok = digits > 0 && (g == 3 ? i == t->text.n : i < t->text.n && t->text.p[i++] == ':');
        put_be16(b + 2 * g, (uint16_t)v);
    }
    if (!ok)
        return parse_fail(ps, t, ST_ESYNTAX,
                          "%s is not four groups of hex digits like 2001:db8:0:1", f->key);
    wr_bytes(ps->out, b, 8);
    return parse_done(ps);
}

static void locator64_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    for (int g = 0; g < 4; g++, v->p += 2)
        text_fmt(out, "%s%x", g > 0 ? ":" : "", get_be16(v->p));
}

const struct kind kind_locator64 = {.parse = locator64_parse, .print = locator64_print};

/* Six or eight pairs of hex digits with hyphens (RFC 7043 sections 3.2 and 4.2). */
static enum status eui_parse(const struct field *f, struct rdparse *ps)
{
    uint8_t b[8];
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    bool ok = t->text.n == 3u * f->size - 1;
    for (size_t i = 0; i < f->size && ok; i++) {
        int hi = hex_value(t->text.p[3 * i]), lo = hex_value(t->text.p[3 * i + 1]);
        ok = hi >= 0 && lo >= 0 && (i + 1u == f->size || t->text.p[3 * i + 2] == '-');
        b[i] = (uint8_t)(hi * 16 + lo);
    }
    if (!ok)
        return parse_fail(ps, t, ST_ESYNTAX, "%s is not %u pairs of hex digits with hyphens",
                          f->key, f->size);
    wr_bytes(ps->out, b, f->size);
    return parse_done(ps);
}

static void eui_print(const struct field *f, struct rdview *v, struct text *out)
{
    for (size_t i = 0; i < f->size; i++)
        text_fmt(out, "%s%02x", i > 0 ? "-" : "", v->p[i]);
    v->p += f->size;
}

const struct kind kind_eui = {.parse = eui_parse, .print = eui_print};
