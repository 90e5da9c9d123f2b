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

bool rebinds(const struct resolver *r, const struct rrset *set, struct netaddr *ret)
{
    if (r->opt->private_count == 0 || (set->type != RR_A && set->type != RR_AAAA) ||
        own_zone(r, set->owner))
        return false;
    struct rdata_iter it = rdata_iter(set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
        bool v4 = rd.n == 4 || (rd.n == 16 && memcmp(rd.p, mapped, 12) == 0);
        *ret = v4 ? netaddr_v4(rd.p + rd.n - 4, 0) : netaddr_v6(rd.p, 0);
        for (size_t i = 0; i < r->opt->private_count; i++)
            if (netprefix_covers(&r->opt->private_nets[i], ret))
                return true;
    }
    return false;
}
