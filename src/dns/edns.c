/* The OPT record, read and written (RFC 6891). */
#include "dns/edns.h"

#include "base/limits.h"
#include "base/reader.h"
#include "dns/codes.h"

bool edns_option_next(struct bytes options, size_t *off, uint16_t *ret_code, struct bytes *ret_data)
{
    if (*off + 4 > options.n)
        return false;
    size_t len = get_be16(options.p + *off + 2);
    if (*off + 4 + len > options.n)
        return false;
    *ret_code = get_be16(options.p + *off);
    *ret_data = bytes_of(options.p + *off + 4, len);
    *off += 4 + len;
    return true;
}

/* RFC 7871 section 6: exactly the bytes SOURCE PREFIX-LENGTH needs, and no bit set past it. */
static enum status ecs_read(struct bytes d, struct edns_ecs *ret)
{
    if (d.n < 4)
        return ST_EFORMAT;
    *ret = (struct edns_ecs){.family = get_be16(d.p), .source = d.p[2], .scope = d.p[3]};
    size_t max = ret->family == 1 ? 32 : ret->family == 2 ? 128 : 0;
    size_t n = (ret->source + 7u) / 8;
    if (ret->source > max || ret->scope > max || d.n != 4 + n)
        return ST_EFORMAT;
    if (n > 0)
        memcpy(ret->addr, d.p + 4, n);
    if (ret->source % 8 != 0 && (ret->addr[n - 1] & (0xff >> ret->source % 8)) != 0)
        return ST_EFORMAT;
    return ST_OK;
}

static enum status cookie_read(struct bytes d, struct edns *e)
{
    /* RFC 7873 section 5.2.2: 8 bytes of the client, then none or 8 to 32 of the server. */
    if (e->has_cookie || !(d.n == 8 || (d.n >= 16 && d.n <= 40)))
        return ST_EFORMAT;
    e->has_cookie = true;
    e->cookie = d;
    return ST_OK;
}

static enum status option_read(uint16_t code, struct bytes d, struct edns *e)
{
    switch (code) {
    case EDNS_COOKIE:
        return cookie_read(d, e);
    case EDNS_ECS:
        if (e->has_ecs)
            return ST_EFORMAT;
        e->has_ecs = true;
        return ecs_read(d, &e->ecs);
    case EDNS_NSID:
        if (e->nsid)
            return ST_EFORMAT;
        e->nsid = true;
        e->nsid_data = d;
        return ST_OK;
    case EDNS_KEEPALIVE: /* RFC 7828 section 3.1 */
        if (e->keepalive || (d.n != 0 && d.n != 2))
            return ST_EFORMAT;
        e->keepalive = true;
        e->keepalive_timeout = d.n == 2 ? get_be16(d.p) : 0;
        return ST_OK;
    case EDNS_EXPIRE: /* RFC 7314 section 2 */
        if (e->expire || (d.n != 0 && d.n != 4))
            return ST_EFORMAT;
        e->expire = true;
        return ST_OK;
    case EDNS_PADDING: /* RFC 7830 section 3: once */
        if (e->padding)
            return ST_EFORMAT;
        e->padding = true;
        return ST_OK;
    case EDNS_ZONEVERSION: /* RFC 9660 section 2: empty, or labels, type and version */
        if (e->has_zoneversion || d.n == 1)
            return ST_EFORMAT;
        e->has_zoneversion = true;
        e->zoneversion = d;
        return ST_OK;
    case EDNS_REPORT_CHANNEL: /* RFC 9567 section 5: one agent domain, else ignored */
        if (e->report_labels == 0 && name_check(d) == ST_OK) {
            name_copy(e->report_agent.w, d.p);
            e->report_labels = (uint8_t)name_labels(d.p);
        }
        return ST_OK;
    case EDNS_EDE: /* RFC 8914 section 2; may occur several times */
        if (d.n < 2)
            return ST_EFORMAT;
        if (!e->has_ede) {
            e->has_ede = true;
            e->ede_code = get_be16(d.p);
            e->ede_text = bytes_of(d.p + 2, d.n - 2);
        }
        return ST_OK;
    default:
        return ST_OK;
    }
}

enum status edns_parse(uint16_t rclass, uint32_t ttl, struct bytes rdata, struct edns *ret)
{
    ret->present = true;
    ret->udp_size =
        rclass < LIMIT_UDP_PLAIN ? LIMIT_UDP_PLAIN : rclass; /* RFC 6891 section 6.2.3 */
    ret->ext_rcode = (uint8_t)(ttl >> 24);
    ret->version = (uint8_t)(ttl >> 16);
    ret->dnssec_ok = (ttl & 0x8000) != 0;
    ret->z = (uint16_t)(ttl & 0x7fff);
    ret->options = rdata;
    ret->option_count = 0;
    if (ret->version != 0)
        return ST_OK; /* another version may lay out its options differently */
    size_t off = 0;
    uint16_t code;
    struct bytes data;
    while (edns_option_next(rdata, &off, &code, &data)) {
        if (++ret->option_count > LIMIT_EDNS_OPTIONS)
            return ST_EFORMAT;
        TRY(option_read(code, data, ret));
    }
    return off == rdata.n ? ST_OK : ST_EFORMAT;
}

void edns_put(struct writer *w, uint16_t code, struct bytes data)
{
    uint8_t *mark = wr_mark(w);
    wr_u16(w, code);
    wr_u16(w, (uint16_t)data.n);
    wr_bytes(w, data.p, data.n);
    if (!wr_ok(w)) {
        wr_rollback(w, mark);
        w->full = true;
    }
}

void edns_put_ede(struct writer *w, uint16_t info_code, struct bytes text)
{
    enum { FIXED = 6 }; /* code, length, info code */
    if (!wr_ok(w) || wr_left(w) < FIXED) {
        w->full = true;
        return;
    }
    size_t room = wr_left(w) - FIXED, keep = text_shorten((const char *)text.p, text.n, room);
    const struct bytes dots =
        keep < text.n && room >= 3 ? bytes_str("...") : (struct bytes){NULL, 0};
    wr_u16(w, EDNS_EDE);
    wr_u16(w, (uint16_t)(2 + keep + dots.n));
    wr_u16(w, info_code);
    wr_bytes(w, text.p, keep);
    wr_bytes(w, dots.p, dots.n);
}

void edns_put_ecs(struct writer *w, const struct edns_ecs *e)
{
    size_t n = (e->source + 7u) / 8;
    wr_u16(w, EDNS_ECS);
    wr_u16(w, (uint16_t)(4 + n));
    wr_u16(w, e->family);
    wr_u8(w, e->source);
    wr_u8(w, e->scope);
    wr_bytes(w, e->addr, n);
}

enum status edns_ecs_parse(struct bytes text, struct edns_ecs *ret)
{
    struct netprefix p;
    enum status st = netprefix_parse(text, &p);
    if (st != ST_OK && st != ST_ESEMANTIC)
        return st;
    *ret = (struct edns_ecs){.family = p.addr.family == ADDR_V4 ? 1 : 2, .source = p.bits};
    memcpy(ret->addr, p.addr.a, 16);
    for (unsigned i = p.bits; i < 128; i++) /* bits past the prefix are not sent */
        ret->addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    return ST_OK;
}
