/* The gateway of IPSECKEY (RFC 4025 section 2.5) and the relay of AMTRELAY (RFC 8777
 * section 4.2.4): nothing, an address or a name, as the type byte at offset 1 says. */
#include "base/netaddr.h"
#include "dns/rr_table.h"

enum { GATEWAY_NONE, GATEWAY_V4, GATEWAY_V6, GATEWAY_NAME };

/* field.arg 1: AMTRELAY, whose type byte has the discovery bit on top. */
static unsigned gateway_type(const struct field *f, const uint8_t *start)
{
    return f->arg == 1 ? start[1] & 0x7f : start[1];
}

static enum status gateway_check(const struct field *f, struct rdview *v)
{
    unsigned type = gateway_type(f, v->start);
    size_t n = type == GATEWAY_V4 ? 4 : type == GATEWAY_V6 ? 16 : 0;
    if (type == GATEWAY_NAME) {
        TRY(name_scan(bytes_of(v->p, view_left(v)), &n));
    } else if (type > GATEWAY_NAME) {
        if (f->arg == 0)
            return ST_EFORMAT; /* where the key begins cannot be told */
        v->odd = true;
        n = view_left(v);
    }
    if (view_left(v) < n)
        return ST_ESHORT;
    v->p += n;
    return ST_OK;
}

static enum status gateway_parse(const struct field *f, struct rdparse *ps)
{
    unsigned type = gateway_type(f, ps->start);
    const struct token *t = parse_next(ps, f->key);
    struct netaddr a;
    if (t == NULL)
        return ST_ESHORT;
    if (type == GATEWAY_NAME)
        return parse_name(ps, t);
    if (type == GATEWAY_NONE) {
        if (word_equal(t->text, "."))
            return ST_OK;
    } else if (type > GATEWAY_NAME) {
        return parse_fail(ps, t, ST_EUNSUPPORTED, "type %u has no text form; use \\#", type);
    } else if (netaddr_parse(t->text, &a) == ST_OK &&
               a.family == (type == GATEWAY_V4 ? ADDR_V4 : ADDR_V6)) {
        wr_bytes(ps->out, a.a, netaddr_size(&a));
        return parse_done(ps);
    }
    static const char *const want[] = {".", "an IPv4 address", "an IPv6 address"};
    return parse_fail(ps, t, ST_ESYNTAX, "%s of type %u must be %s", f->key, type, want[type]);
}

static void gateway_print(const struct field *f, struct rdview *v, struct text *out)
{
    unsigned type = gateway_type(f, v->start);
    if (type == GATEWAY_NAME) {
        name_text(v->p, out);
        v->p += name_len(v->p);
    } else if (type == GATEWAY_V4 || type == GATEWAY_V6) {
        struct netaddr a = type == GATEWAY_V4 ? netaddr_v4(v->p, 0) : netaddr_v6(v->p, 0);
        netaddr_text(&a, out);
        v->p += netaddr_size(&a);
    } else {
        text_char(out, '.');
        if (type > GATEWAY_NAME)
            v->p = v->end;
    }
}

const struct kind kind_gateway = {
    .check = gateway_check, .parse = gateway_parse, .print = gateway_print};

/* The discovery-optional bit and the relay type, two words of text (RFC 8777 section 4.3). */
static enum status amt_type_parse(const struct field *f, struct rdparse *ps)
{
    uint64_t d, type;
    TRY(parse_number(ps, "discovery optional", 1, &d));
    TRY(parse_number(ps, f->key, 127, &type));
    wr_u8(ps->out, (uint8_t)(d << 7 | type));
    return parse_done(ps);
}

static void amt_type_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    text_fmt(out, "%u %u", v->p[0] >> 7, v->p[0] & 0x7f);
    v->p++;
}

static void amt_type_json(const struct field *f, struct rdview *v, struct json *out)
{
    (void)f;
    json_uint(out, v->p[0] & 0x7f);
    json_kv_bool(out, "discovery_optional", v->p[0] >> 7);
    v->p++;
}

const struct kind kind_amt_type = {.parse = amt_type_parse,
                                   .usage = "DISCOVERY(0|1) TYPE",
                                   .print = amt_type_print,
                                   .json = amt_type_json};
