/* The port map of WKS (RFC 1035 section 3.4.2): bit n stands for port n. */
#include "dns/rr_table.h"

enum { PORTS_MAX = 8192 };

static enum status ports_check(const struct field *f, struct rdview *v)
{
    (void)f;
    size_t n = view_left(v);
    if (n > PORTS_MAX)
        return ST_ETRAIL;
    v->odd |= n > 0 && v->p[n - 1] == 0; /* zero bytes at the end have no text */
    v->p = v->end;
    return ST_OK;
}

/* The services that the old hosts tables knew; the rest are written as numbers. */
static const struct service {
    const char *name;
    uint16_t port;
} services[] = {{"ftp-data", 20}, {"ftp", 21},    {"ssh", 22},     {"telnet", 23}, {"smtp", 25},
                {"time", 37},     {"domain", 53}, {"tftp", 69},    {"gopher", 70}, {"finger", 79},
                {"http", 80},     {"pop3", 110},  {"sunrpc", 111}, {"nntp", 119},  {"ntp", 123},
                {"imap", 143},    {"snmp", 161},  {"bgp", 179},    {"https", 443}};

static bool port_of(struct bytes t, uint64_t *ret)
{
    if (number_of(t, UINT16_MAX, ret))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        if (word_equal(t, services[i].name)) {
            *ret = services[i].port;
            return true;
        }
    }
    return false;
}

static enum status ports_parse(const struct field *f, struct rdparse *ps)
{
    uint8_t map[PORTS_MAX];
    size_t used = 0;
    for (; parse_more(ps); ps->i++) {
        const struct token *t = &ps->tok[ps->i];
        uint64_t port;
        if (!port_of(t->text, &port))
            return parse_fail(ps, t, ST_EUNKNOWN, "%s: \"%.*s\" is not a port", f->key,
                              (int)MIN(t->text.n, (size_t)60), (const char *)t->text.p);
        size_t at = (size_t)port / 8;
        if (at >= used) {
            memset(map + used, 0, at + 1 - used);
            used = at + 1;
        }
        map[at] |= (uint8_t)(0x80 >> port % 8);
    }
    wr_bytes(ps->out, map, used);
    return parse_done(ps);
}

static void ports_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    bool any = false;
    for (size_t i = 0; i < 8 * view_left(v); i++) {
        if (!(v->p[i / 8] & (0x80 >> i % 8)))
            continue;
        if (any)
            text_char(out, ' ');
        any = true;
        text_uint(out, i);
    }
    v->p = v->end;
}

static void ports_json(const struct field *f, struct rdview *v, struct json *out)
{
    (void)f;
    json_array(out);
    for (size_t i = 0; i < 8 * view_left(v); i++)
        if (v->p[i / 8] & (0x80 >> i % 8))
            json_uint(out, i);
    json_array_end(out);
    v->p = v->end;
}

const struct kind kind_ports = {.check = ports_check,
                                .parse = ports_parse,
                                .usage = "[PORT ...]",
                                .print = ports_print,
                                .json = ports_json,
                                .flags = KF_REST};
