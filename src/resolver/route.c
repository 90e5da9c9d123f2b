/* Zones whose questions go to servers of the configuration: forwarders, which resolve for us, or
 * the zone's own servers, where no delegation leads to them (stub zones); or to nobody, where the
 * zone is known here. */
#include "resolver/machine.h"

const struct route *route_find(const struct resolver *r, const struct lookup *l,
                               const uint8_t *name)
{
    const struct route *best = NULL;
    for (size_t i = 0; i < r->opt->route_count; i++) {
        const struct route *t = &r->opt->route[i];
        if (name_in(name, t->zone.w) && !((t->recursive || t->fallback) && l->no_forward) &&
            !(t->here &&
              (r->own.handle == NULL || (t->until_s != 0 && r->now.wall_s >= t->until_s))) &&
            (best == NULL || name_labels(t->zone.w) > name_labels(best->zone.w)))
            best = t;
    }
    return best;
}

unsigned route_labels(const struct resolver *r, const struct lookup *l)
{
    /* DS is the parent's. */
    const uint8_t *n = l->type == RR_DS && !name_is_root(l->at) ? name_parent(l->at) : l->at;
    const struct route *t = route_find(r, l, n);
    return t != NULL ? name_labels(t->zone.w) : 0;
}

void cut_route(struct resolver *r, struct lookup *l, const struct route *t, struct now now)
{
    struct cut *c = &l->cut;
    cut_begin(c, t->zone.w, UINT64_MAX);
    c->forward = t->recursive;
    c->fallback = t->fallback;
    c->here = t->here;
    if (t->here) {
        c->address[c->addresses++] = (struct cut_address){.server = NO_SERVER};
        struct trace_detail own = {.zone = t->zone.w};
        note(l, now, WHY_OWN_ZONE, &own);
        return;
    }
    for (size_t i = 0; i < t->address_count && c->addresses < CUT_ADDRESSES; i++) {
        struct netaddr a = t->address[i]; /* may be private, or of this host: it was chosen */
        if (a.port == 0)
            a.port = r->opt->upstream_port;
        c->address[c->addresses++] = (struct cut_address){.addr = a, .server = NO_SERVER};
    }
    struct trace_detail d = {.zone = t->zone.w, .value = c->addresses};
    note(l, now, t->recursive ? WHY_FORWARD : WHY_STUB, &d);
}
