/* Every registered EDNS option, taken apart for people and programs. */
#include "base/codec.h"
#include "dns/codes.h"
#include "dns/edns.h"
#include "dns/rr_type.h"

static void quoted(struct bytes b, struct text *out)
{
    text_char(out, '"');
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] >= 0x20 && b.p[i] < 0x7f && b.p[i] != '"' && b.p[i] != '\\')
            text_char(out, (char)b.p[i]);
        else
            text_fmt(out, "\\%03u", b.p[i]);
    text_char(out, '"');
}

static void nsid_value(struct bytes d, struct text *out)
{
    hex_text(d, out);
    text_char(out, ' ');
    quoted(d, out);
}

/* DAU, DHU, N3U: algorithm numbers (RFC 6975). */
static void algorithms_value(struct bytes d, struct text *out)
{
    for (size_t i = 0; i < d.n; i++)
        text_fmt(out, "%s%u", i ? " " : "", d.p[i]);
}

static void ecs_value(struct bytes d, struct text *out)
{
    struct netaddr a = {.family = d.n < 4 ? ADDR_NONE : get_be16(d.p) == 1 ? ADDR_V4 : ADDR_V6};
    if (d.n < 4 || d.n - 4 > 16 || get_be16(d.p) > 2) {
        hex_text(d, out);
        return;
    }
    memcpy(a.a, d.p + 4, d.n - 4);
    netaddr_text(&a, out);
    text_fmt(out, "/%u/%u", d.p[2], d.p[3]);
}

static void seconds_value(struct bytes d, struct text *out)
{
    if (d.n == 4)
        text_fmt(out, "%u s", get_be32(d.p));
}

static void keepalive_value(struct bytes d, struct text *out)
{
    if (d.n == 2)
        text_fmt(out, "%u.%u s", get_be16(d.p) / 10, get_be16(d.p) % 10);
}

static void cookie_value(struct bytes d, struct text *out)
{
    hex_text(d, out);
    text_str(out, d.n == 8 ? " (client only)" : d.n >= 16 ? " (client and server)" : "");
}

static void padding_value(struct bytes d, struct text *out)
{
    text_fmt(out, "%zu bytes", d.n);
}

static void name_value(struct bytes d, struct text *out)
{
    if (name_check(d) == ST_OK)
        name_text(d.p, out);
    else
        hex_text(d, out);
}

/* KEY-TAG (RFC 8145 section 4.1) and the tags of clients and servers. */
static void tags_value(struct bytes d, struct text *out)
{
    for (size_t i = 0; i + 2 <= d.n; i += 2)
        text_fmt(out, "%s%u", i ? " " : "", get_be16(d.p + i));
}

static void ede_value(struct bytes d, struct text *out)
{
    if (d.n < 2)
        return;
    text_fmt(out, "%u (%s)", get_be16(d.p), ede_str(get_be16(d.p)));
    if (d.n > 2) {
        text_str(out, ": ");
        quoted(bytes_of(d.p + 2, d.n - 2), out);
    }
}

/* RFC 9660 section 2. */
static void zoneversion_value(struct bytes d, struct text *out)
{
    if (d.n == 6 && d.p[1] == 0)
        text_fmt(out, "%u labels, SOA serial %u", d.p[0], get_be32(d.p + 2));
    else
        hex_text(d, out);
}

static void llq_value(struct bytes d, struct text *out)
{
    if (d.n == 18)
        text_fmt(out, "version %u, opcode %u, error %u, id %016llx, lease %u s", get_be16(d.p),
                 get_be16(d.p + 2), get_be16(d.p + 4), (unsigned long long)get_be64(d.p + 6),
                 get_be32(d.p + 14));
    else
        hex_text(d, out);
}

static void lease_value(struct bytes d, struct text *out)
{
    if (d.n == 4)
        text_fmt(out, "%u s", get_be32(d.p));
    else if (d.n == 8)
        text_fmt(out, "%u s, KEY %u s", get_be32(d.p), get_be32(d.p + 4));
    else
        hex_text(d, out);
}

static const struct {
    uint16_t code;
    void (*value)(struct bytes d, struct text *out);
} values[] = {{EDNS_LLQ, llq_value},
              {EDNS_UL, lease_value},
              {EDNS_NSID, nsid_value},
              {EDNS_DAU, algorithms_value},
              {EDNS_DHU, algorithms_value},
              {EDNS_N3U, algorithms_value},
              {EDNS_ECS, ecs_value},
              {EDNS_EXPIRE, seconds_value},
              {EDNS_COOKIE, cookie_value},
              {EDNS_KEEPALIVE, keepalive_value},
              {EDNS_PADDING, padding_value},
              {EDNS_CHAIN, name_value},
              {EDNS_KEY_TAG, tags_value},
              {EDNS_EDE, ede_value},
              {EDNS_CLIENT_TAG, tags_value},
              {EDNS_SERVER_TAG, tags_value},
              {EDNS_REPORT_CHANNEL, name_value},
              {EDNS_ZONEVERSION, zoneversion_value}};

static void option_value(uint16_t code, struct bytes data, struct text *out)
{
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        if (values[i].code == code) {
            values[i].value(data, out);
            return;
        }
    hex_text(data, out);
}

void edns_option_text(uint16_t code, struct bytes data, struct text *out)
{
    char buf[24];
    text_str(out, edns_code_str(code, buf));
    text_char(out, ':');
    if (data.n > 0) {
        text_char(out, ' ');
        option_value(code, data, out);
    }
}

void edns_option_json(uint16_t code, struct bytes data, struct json *out)
{
    char buf[24];
    struct text t = text_heap(1 << 20);
    json_object(out);
    json_kv_uint(out, "code", code);
    json_kv_str(out, "name", edns_code_str(code, buf));
    hex_text(data, &t);
    json_kv_str(out, "hex", text_cstr(&t));
    text_clear(&t);
    option_value(code, data, &t);
    json_kv_str(out, "value", text_cstr(&t));
    json_object_end(out);
    text_free(&t);
}
