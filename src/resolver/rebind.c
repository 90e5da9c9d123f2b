/* Names of the Internet that lead to addresses of the own network: a web page may use them to reach
 * what stands there with the rights of its reader (DNS rebinding). */
#include "resolver/machine.h"

/* Zones that the configuration sends elsewhere may have such addresses; not all of the Internet. */
static bool own_zone(const struct resolver *r, const uint8_t *name)
{
    for (size_t i = 0; i < r->opt->route_count; i++)
        if (!name_is_root(r->opt->route[i].zone.w) && name_in(name, r->opt->route[i].zone.w))
            return true;
    return false;
}

/* The IPv4 address that an IPv6 address stands for: packets to it end there. False: it stands for
 * itself. */
static bool embedded(const struct netaddr *a, struct netaddr *ret)
{
    static const struct {
        uint8_t prefix[12], bytes, at;
    } forms[] = {
        {{[10] = 0xff, [11] = 0xff}, 12, 12}, /* ::ffff:0:0/96 (RFC 4291 section 2.5.5.2) */
        {{0}, 12, 12},                        /* ::/96 (RFC 4291 section 2.5.5.1) */
        {{0, 0x64, 0xff, 0x9b}, 12, 12},      /* 64:ff9b::/96, NAT64 (RFC 6052) */
        {{0, 0x64, 0xff, 0x9b, 0, 1}, 6, 12}, /* 64:ff9b:1::/48 (RFC 8215) */
        {{0x20, 0x02}, 2, 2},                 /* 2002::/16, 6to4 (RFC 3056) */
    };
    for (size_t i = 0; a->family == ADDR_V6 && i < ARRAY_LEN(forms); i++)
        if (memcmp(a->a, forms[i].prefix, forms[i].bytes) == 0) {
            *ret = netaddr_v4(a->a + forms[i].at, 0);
            return true;
        }
    return false;
}

static bool covered(const struct resolver *r, const struct netaddr *a)
{
    for (size_t i = 0; i < r->opt->private_count; i++)
        if (netprefix_covers(&r->opt->private_nets[i], a))
            return true;
    return false;
}

/* *ret: what to call it. */
static bool is_private(const struct resolver *r, const uint8_t *p, size_t n, struct netaddr *ret)
{
    struct netaddr inner;
    *ret = n == 4 ? netaddr_v4(p, 0) : netaddr_v6(p, 0);
    if (covered(r, ret))
        return true;
    if (!embedded(ret, &inner) || !covered(r, &inner))
        return false;
    *ret = inner;
    return true;
}

/* ipv4hint and ipv6hint of SVCB and HTTPS (RFC 9460 section 7.3). */
static bool private_hint(const struct resolver *r, struct bytes rd, struct netaddr *ret)
{
    enum { KEY_IPV4HINT = 4, KEY_IPV6HINT = 6 };
    size_t n = 0;
    if (rd.n < 2 || name_scan(bytes_of(rd.p + 2, rd.n - 2), &n) != ST_OK)
        return false;
    for (size_t at = 2 + n; at + 4 <= rd.n;) {
        uint16_t key = get_be16(rd.p + at), len = get_be16(rd.p + at + 2);
        size_t one = key == KEY_IPV4HINT ? 4 : key == KEY_IPV6HINT ? 16 : 0;
        at += 4;
        if (len > rd.n - at)
            return false;
        for (size_t i = 0; one > 0 && i + one <= len; i += one)
            if (is_private(r, rd.p + at + i, one, ret))
                return true;
        at += len;
    }
    return false;
}

bool rebinds(const struct resolver *r, const struct rrset *set, struct netaddr *ret)
{
    bool address = set->type == RR_A || set->type == RR_AAAA;
    bool hints = set->type == RR_SVCB || set->type == RR_HTTPS;
    if (r->opt->private_count == 0 || (!address && !hints) || own_zone(r, set->owner))
        return false;
    struct rdata_iter it = rdata_iter(set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (hints ? private_hint(r, rd, ret)
                  : (rd.n == 4 || rd.n == 16) && is_private(r, rd.p, rd.n, ret))
            return true;
    return false;
}
