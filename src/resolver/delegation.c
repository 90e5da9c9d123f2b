/* The zone to ask: the deepest delegation that the cache knows, or the root; its servers and their
 * addresses.
 *
 * Delegations come from the parent's referrals only (CACHE_CLASS_CUT), and none lives longer than
 * the one above it: a domain taken back by its parent is gone when the parent said so, whatever its
 * servers keep telling (ghost and phoenix domains). */
#include "resolver/machine.h"

/* Of one network only, so that nobody outside of it has a server there (RFC 1918, RFC 6598, RFC
 * 3927, RFC 4193, RFC 4291 section 2.5.6). */
static bool is_private(const struct netaddr *a)
{
    const uint8_t *p = a->a;
    if (a->family == ADDR_V6)
        return (p[0] & 0xfe) == 0xfc || (p[0] == 0xfe && (p[1] & 0xc0) == 0x80);
    return p[0] == 10 || (p[0] == 172 && (p[1] & 0xf0) == 16) || (p[0] == 192 && p[1] == 168) ||
           (p[0] == 100 && (p[1] & 0xc0) == 64) || (p[0] == 169 && p[1] == 254);
}

/* None of those that no server can have, whoever says so: a query sent there would come back to us
 * or go to many (CVE-2026-50251: glue of 0.0.0.0). */
bool address_possible(const struct resolver *r, const struct netaddr *a)
{
    if (a->family == ADDR_V4) {
        if (!r->opt->ipv4 || a->a[0] == 0 || a->a[0] >= 224)
            return false;
    } else {
        /* Through ::ffff:0:0/96 an IPv6 socket would talk to IPv4, past the checks above; ::/96 is
         * gone (RFC 4291 section 2.5.5.1) but for ::1. */
        static const uint8_t zero[12], mapped[12] = {[10] = 0xff, [11] = 0xff};
        if (!r->opt->ipv6 || a->family != ADDR_V6 || a->a[0] == 0xff ||
            memcmp(a->a, mapped, 12) == 0 ||
            (memcmp(a->a, zero, 12) == 0 && !netaddr_is_loopback(a)))
            return false;
    }
    return true;
}

bool address_usable(const struct resolver *r, const struct netaddr *a)
{
    return address_possible(r, a) && (r->opt->query_loopback || !netaddr_is_loopback(a)) &&
           (r->opt->query_private || !is_private(a));
}

void cut_begin(struct cut *c, const uint8_t *zone, uint64_t dies_us)
{
    name_copy(c->zone.w, zone);
    c->labels = (uint8_t)name_labels(zone);
    c->from_cache = c->forward = c->fallback = c->here = false;
    c->lenient = c->looked_again = false;
    c->dies_us = dies_us;
    c->servers = c->addresses = c->tries = 0;
}

static void add_server(struct cut *c, const uint8_t *name)
{
    for (unsigned i = 0; i < c->servers; i++)
        if (name_equal(c->server[i].name.w, name))
            return;
    if (c->servers == LIMIT_DELEGATION_SERVERS)
        return;
    struct cut_server *s = &c->server[c->servers++];
    name_copy(s->name.w, name);
    s->has_address = s->asked_a = s->asked_aaaa = s->no_name = s->failed = false;
    s->hopeless = name_in(name, c->zone.w);
}

void cut_servers(struct cut *c, const struct rrset *ns)
{
    struct rdata_iter it = rdata_iter(ns);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        add_server(c, rd.p);
}

static void add_address(struct resolver *r, struct cut *c, unsigned k, const struct netaddr *a)
{
    unsigned of_server = 0;
    if (!address_usable(r, a) || c->addresses == CUT_ADDRESSES)
        return;
    for (unsigned i = 0; i < c->addresses; i++) {
        if (netaddr_equal(&c->address[i].addr, a))
            return;
        of_server += c->address[i].server == k;
    }
    if (of_server == LIMIT_SERVER_ADDRESSES)
        return;
    c->address[c->addresses++] = (struct cut_address){.addr = *a, .server = (uint8_t)k};
}

void cut_add(struct resolver *r, struct cut *c, unsigned k, const struct rrset *set)
{
    struct rdata_iter it = rdata_iter(set);
    if (k < c->servers)
        c->server[k].has_address = true;
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct netaddr a;
        if (set->type == RR_A && rd.n == 4)
            a = netaddr_v4(rd.p, r->opt->upstream_port);
        else if (set->type == RR_AAAA && rd.n == 16)
            a = netaddr_v6(rd.p, r->opt->upstream_port);
        else
            continue;
        add_address(r, c, k, &a);
    }
}

/* What a zone's own servers say goes before glue; both are taken when both are there. */
void cut_addresses_cached(struct resolver *r, struct lookup *l, struct now now)
{
    static const uint16_t types[] = {RR_A, RR_AAAA}, classes[] = {CLASS_IN, CACHE_CLASS_CUT};
    struct cut *c = &l->cut;
    struct cache_entry e;
    arena_reset(&r->scratch);
    for (unsigned k = 0; k < c->servers; k++)
        for (unsigned t = 0; t < 2; t++) {
            bool *asked = t == 0 ? &c->server[k].asked_a : &c->server[k].asked_aaaa;
            if (!(t == 0 ? r->opt->ipv4 : r->opt->ipv6)) {
                *asked = true;
                continue;
            }
            for (unsigned k2 = 0; k2 < 2; k2++) {
                enum cache_kind kind = cache_get(l->job->cache, c->server[k].name.w, types[t],
                                                 classes[k2], now, &r->scratch, &e);
                if (kind == CACHE_RRSET)
                    cut_add(r, c, k, &e.set);
                *asked |= kind != CACHE_NONE; /* nothing to learn from asking */
                c->server[k].no_name |= kind == CACHE_NXDOMAIN;
                c->server[k].failed |= kind == CACHE_FAILURE;
            }
        }
}

void cut_words(const struct cut *c, struct text *t)
{
    for (unsigned k = 0; k < c->servers; k++) {
        const struct cut_server *s = &c->server[k];
        text_str(t, k == 0 ? ": " : "; ");
        name_text(s->name.w, t);
        text_str(t, s->has_address ? " has only addresses that are not asked here"
                    : s->no_name   ? " does not exist"
                    : s->hopeless  ? " is inside the zone, and the parent gives no address of it "
                                     "(glue)"
                    : s->failed    ? " could not be looked up"
                    : s->asked_a && s->asked_aaaa ? " has no address"
                                                  : " was not looked up any more");
    }
}

bool cut_usable(const struct cut *c)
{
    for (unsigned k = 0; k < c->servers; k++)
        if (!c->server[k].hopeless && !(c->server[k].asked_a && c->server[k].asked_aaaa))
            return true;
    return c->addresses > 0;
}

static bool cut_cached(struct resolver *r, struct lookup *l, const uint8_t *zone, struct now now)
{
    struct cache_entry e;
    arena_reset(&r->scratch);
    if (cache_get(l->job->cache, zone, RR_NS, CACHE_CLASS_CUT, now, &r->scratch, &e) != CACHE_RRSET)
        return false;
    cut_begin(&l->cut, zone, now.mono_us + (uint64_t)e.ttl_s * 1000000);
    l->cut.from_cache = true;
    cut_servers(&l->cut, &e.set);
    cut_addresses_cached(r, l, now);
    return cut_usable(&l->cut);
}

void cut_find(struct resolver *r, struct lookup *l, struct now now)
{
    const uint8_t *n = l->at;
    /* RFC 4035 section 3.1.4.1: DS is the parent's. */
    if (l->type == RR_DS && !name_is_root(n))
        n = name_parent(n);
    unsigned labels = name_labels(n);
    l->phase = PHASE_ASK;
    l->full = false;
    l->shown = 0;
    const struct route *t = route_find(r, l, n);
    unsigned stop = t != NULL ? name_labels(t->zone.w) : 0;
    if (t != NULL && t->recursive) { /* whatever is known of zones below */
        cut_route(r, l, t, now);
        return;
    }
    for (; labels > stop; n = name_parent(n), labels--)
        if (labels <= l->cut_max && cut_cached(r, l, n, now))
            break;
    if (t != NULL && labels == stop) {
        cut_route(r, l, t, now);
        return;
    }
    if (name_is_root(n) && !cut_cached(r, l, n, now))
        prime_cut(r, l, now);
    if (l->phase != PHASE_ASK)
        return;
    struct trace_detail d = {.zone = l->cut.zone.w, .value = l->cut.servers};
    note(l, now, WHY_ZONE_CUT, &d);
}
