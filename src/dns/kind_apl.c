/* APL (RFC 3123): a list of address prefixes, some of them negated. */
#include "base/netaddr.h"
#include "dns/rr_table.h"

enum { APL_V4 = 1, APL_V6 = 2 };

/* Trailing zero bytes of an address are left out, always (RFC 3123 section 4). */
static enum status apl_check(const struct field *f, struct rdview *v)
{
    (void)f;
    while (v->p < v->end) {
        if (view_left(v) < 4)
            return ST_ESHORT;
        unsigned family = get_be16(v->p), bits = v->p[2], n = v->p[3] & 0x7f;
        if (view_left(v) < 4 + n)
            return ST_ESHORT;
        if (n > 0 && v->p[3 + n] == 0)
            return ST_EFORMAT;
        if (family == APL_V4 || family == APL_V6) {
            unsigned size = family == APL_V4 ? 4 : 16;
            if (n > size || bits > size * 8)
                return ST_EFORMAT;
        } else {
            v->odd = true;
        }
        v->p += 4 + n;
    }
    return ST_OK;
}

/* [!]family:address/bits */
static bool apl_item(struct bytes t, uint8_t buf[20], size_t *ret_n)
{
    uint64_t family, bits;
    struct netaddr a;
    bool negated = t.n > 0 && t.p[0] == '!';
    if (negated)
        t = bytes_of(t.p + 1, t.n - 1);
    const uint8_t *colon = t.n > 0 ? memchr(t.p, ':', t.n) : NULL;
    const uint8_t *slash = t.n > 0 ? memchr(t.p, '/', t.n) : NULL;
    if (colon == NULL || slash == NULL || slash < colon)
        return false;
    if (!number_of(bytes_of(t.p, (size_t)(colon - t.p)), 2, &family) || family == 0)
        return false;
    size_t size = family == APL_V4 ? 4 : 16;
    if (netaddr_parse(bytes_of(colon + 1, (size_t)(slash - colon - 1)), &a) != ST_OK ||
        netaddr_size(&a) != size ||
        !number_of(bytes_of(slash + 1, (size_t)(t.p + t.n - slash - 1)), size * 8, &bits))
        return false;
    size_t n = size;
    while (n > 0 && a.a[n - 1] == 0)
        n--;
    put_be16(buf, (uint16_t)family);
    buf[2] = (uint8_t)bits;
    buf[3] = (uint8_t)((negated ? 0x80 : 0) | n);
    memcpy(buf + 4, a.a, n);
    *ret_n = 4 + n;
    return true;
}

static enum status apl_parse(const struct field *f, struct rdparse *ps)
{
    for (; parse_more(ps); ps->i++) {
        const struct token *t = &ps->tok[ps->i];
        uint8_t buf[20];
        size_t n;
        if (!apl_item(t->text, buf, &n))
            return parse_fail(ps, t, ST_ESYNTAX,
                              "%s: \"%.*s\" is not like 1:192.0.2.0/24 or !2:::/0", f->key,
                              (int)MIN(t->text.n, (size_t)60), (const char *)t->text.p);
        wr_bytes(ps->out, buf, n);
    }
    return parse_done(ps);
}

static void apl_item_print(struct rdview *v, struct text *out)
{
    unsigned family = get_be16(v->p), n = v->p[3] & 0x7f;
    uint8_t full[16] = {0};
    memcpy(full, v->p + 4, MIN(n, (unsigned)sizeof full));
    struct netaddr a = family == APL_V4 ? netaddr_v4(full, 0) : netaddr_v6(full, 0);
    text_fmt(out, "%s%u:", v->p[3] & 0x80 ? "!" : "", family);
    netaddr_text(&a, out);
    text_fmt(out, "/%u", v->p[2]);
    v->p += 4 + n;
}

static void apl_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    for (bool any = false; v->p < v->end; any = true) {
        if (any)
            text_char(out, ' ');
        apl_item_print(v, out);
    }
}

static void apl_json(const struct field *f, struct rdview *v, struct json *out)
{
    (void)f;
    json_array(out);
    while (v->p < v->end) {
        char buf[NETADDR_TEXT_MAX + 32];
        struct text t = text_of(buf, sizeof buf);
        apl_item_print(v, &t);
        json_str(out, buf);
    }
    json_array_end(out);
}

const struct kind kind_apl = {.check = apl_check,
                              .parse = apl_parse,
                              .usage = "[!]1:IPV4/BITS or [!]2:IPV6/BITS ...",
                              .print = apl_print,
                              .json = apl_json,
                              .flags = KF_REST};
