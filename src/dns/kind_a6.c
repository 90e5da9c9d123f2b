/* A6 (RFC 2874 section 3.1; historic by RFC 6563): how many bits come from elsewhere, the bits that
 * do not, and the name where the others are. */
#include "base/netaddr.h"
#include "dns/rr_table.h"

static size_t suffix_size(unsigned prefix)
{
    return (128 - prefix + 7) / 8;
}

static enum status a6_check(const struct field *f, struct rdview *v)
{
    (void)f;
    if (view_left(v) < 1)
        return ST_ESHORT;
    unsigned prefix = v->p[0];
    if (prefix > 128)
        return ST_EFORMAT;
    size_t n = suffix_size(prefix), name = 0;
    if (view_left(v) < 1 + n)
        return ST_ESHORT;
    if (n > 0 && (v->p[1] & ~(0xff >> prefix % 8)))
        return ST_EFORMAT; /* the padding is zero */
    if (prefix > 0)
        TRY(name_scan(bytes_of(v->p + 1 + n, view_left(v) - 1 - n), &name));
    v->p += 1 + n + name;
    return ST_OK;
}

static enum status a6_parse(const struct field *f, struct rdparse *ps)
{
    uint64_t prefix;
    (void)f;
    TRY(parse_number(ps, "prefix length", 128, &prefix));
    wr_u8(ps->out, (uint8_t)prefix);
    if (prefix < 128) {
        struct netaddr a;
        const struct token *t = parse_next(ps, "address suffix");
        if (t == NULL)
            return ST_ESHORT;
        if (netaddr_parse(t->text, &a) != ST_OK || a.family != ADDR_V6)
            return parse_fail(ps, t, ST_ESYNTAX, "the suffix is not an IPv6 address");
        size_t skip = 16 - suffix_size((unsigned)prefix);
        unsigned set = prefix % 8 ? a.a[skip] & ~(0xffu >> prefix % 8) : 0;
        for (size_t i = 0; i < skip; i++)
            set |= a.a[i];
        if (set)
            return parse_fail(ps, t, ST_ESEMANTIC, "the suffix has bits set inside the prefix");
        wr_bytes(ps->out, a.a + skip, 16 - skip);
    }
    if (prefix > 0) {
        const struct token *t = parse_next(ps, "prefix name");
        if (t == NULL)
            return ST_ESHORT;
        return parse_name(ps, t);
    }
    return parse_done(ps);
}

static void a6_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    unsigned prefix = *v->p++;
    size_t n = suffix_size(prefix);
    text_uint(out, prefix);
    if (n > 0) {
        uint8_t full[16] = {0};
        memcpy(full + 16 - n, v->p, n);
        struct netaddr a = netaddr_v6(full, 0);
        text_char(out, ' ');
        netaddr_text(&a, out);
        v->p += n;
    }
    if (prefix > 0) {
        text_char(out, ' ');
        name_text(v->p, out);
        v->p += name_len(v->p);
    }
}

static void a6_lower(uint8_t *p, size_t n)
{
    (void)n;
    if (p[0] > 0)
        name_lower_inplace(p + 1 + suffix_size(p[0]));
}

const struct kind kind_a6 = {.check = a6_check,
                             .parse = a6_parse,
                             .usage = "PREFIX-LENGTH [IPV6-SUFFIX] [NAME]",
                             .print = a6_print,
                             .lower = a6_lower};
