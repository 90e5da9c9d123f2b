/* The zone to ask: the deepest cut known, with its servers and their addresses. */
#include "resolver/machine.h"

static void cut_clear(struct cut *c, const uint8_t *zone)
{
    name_copy(c->zone.w, zone);
    c->labels = (uint8_t)name_labels(zone);
    c->from_hints = false;
    c->servers = c->addresses = 0;
}

static void address_add(struct resolver *r, struct cut *c, unsigned k, struct netaddr a)
{
    unsigned of_server = 0;
    if (c->addresses == CUT_ADDRESSES || !resolver_allows(r, &a))
        return;
    for (unsigned i = 0; i < c->addresses; i++) {
        of_server += c->address[i].server == k;
        if (netaddr_same_host(&c->address[i].addr, &a))
            return;
    }
    if (of_server >= LIMIT_SERVER_ADDRESSES)
        return;
    if (a.port == 0)
        a.port = r->opt->upstream_port;
    c->address[c->addresses++] = (struct cut_address){.addr = a, .server = (uint8_t)k};
}

void cut_add(struct resolver *r, struct cut *c, unsigned k, const struct rrset *set)
{
    struct rdata_iter it = rdata_iter(set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        if (set->type == RR_A && rd.n == 4)
            address_add(r, c, k, netaddr_v4(rd.p, 0));
        else if (set->type == RR_AAAA && rd.n == 16)
            address_add(r, c, k, netaddr_v6(rd.p, 0));
    }
    c->server[k].state = SERVER_KNOWN;
}

/* The servers of an NS RRset. Past LIMIT_DELEGATION_SERVERS they are not looked at (NXNSAttack). */
static void servers_add(struct cut *c, const struct rrset *ns)
{
    struct rdata_iter it = rdata_iter(ns);
    for (struct bytes rd; c->servers < LIMIT_DELEGATION_SERVERS && rdata_iter_next(&it, &rd);) {
        if (name_check(rd) != ST_OK)
            continue;
        name_copy(c->server[c->servers].name.w, rd.p);
        c->server[c->servers++].state = SERVER_NEW;
    }
}

/* Addresses of the servers that the cache knows, glue included. */
static void addresses_from_cache(struct resolver *r, struct lookup *l, struct now now)
{
    static const uint16_t types[] = {RR_A, RR_AAAA};
    struct cut *c = &l->cut;
    for (unsigned k = 0; k < c->servers; k++)
        for (unsigned t = 0; t < ARRAY_LEN(types); t++) {
            struct cache_entry e;
            if (types[t] == RR_A ? !r->opt->ipv4 : !r->opt->ipv6)
                continue;
            if (cache_get(r->cache, c->server[k].name.w, types[t], CLASS_IN, now, &r->scratch,
                          &e) == CACHE_RRSET)
                cut_add(r, c, k, &e.set);
        }
}

/* A server inside the zone it serves cannot be found without glue. */
static bool hopeless(const struct cut *c, unsigned k)
{
    return c->server[k].state == SERVER_NEW && name_in(c->server[k].name.w, c->zone.w);
}

static bool cut_usable(struct cut *c)
{
    bool any = c->addresses > 0;
    for (unsigned k = 0; k < c->servers; k++) {
        if (c->labels > 0 && hopeless(c, k))
            c->server[k].state = SERVER_KNOWN;
        any |= c->server[k].state == SERVER_NEW;
    }
    return any;
}

static void cut_from_hints(struct resolver *r, struct lookup *l)
{
    struct cut *c = &l->cut;
    cut_clear(c, name_root);
    c->from_hints = true;
    for (size_t i = 0; i < r->opt->hint_count; i++) {
        const struct root_hint *h = &r->opt->hints[i];
        unsigned k = 0;
        while (k < c->servers && !name_equal(c->server[k].name.w, h->server.w))
            k++;
        if (k == c->servers) {
            if (k == LIMIT_DELEGATION_SERVERS)
                continue;
            c->server[c->servers++] = (struct cut_server){.name = h->server, .state = SERVER_KNOWN};
        }
        address_add(r, c, k, h->address);
    }
}

/* RFC 9609 section 3: the list of root servers is asked for once, when something is first needed
 * from them. */
static void prime(struct resolver *r, struct lookup *l, struct now now)
{
    if (!r->opt->prime || l->job->cold || now.mono_us < r->primed_until_us ||
        (l->type == RR_NS && name_is_root(l->name.w)))
        return;
    bool joined;
    struct job *j = job_new(now, false, false);
    r->primed_until_us = now.mono_us + 60 * 1000000;
    if (j == NULL)
        return;
    if (lookup_get(r, j, name_root, RR_NS, 0, &joined) != NULL)
        note(l, now, WHY_PRIMING, NULL);
    job_drop(j);
}

void cut_find(struct resolver *r, struct lookup *l, struct now now)
{
    struct cut *c = &l->cut;
    const uint8_t *n = l->type == RR_DS ? name_parent(l->at) : l->at; /* RFC 4035 section 4.2 */
    l->phase = PHASE_ASK;
    l->full = false;
    c->servers = 0;
    while (!l->job->cold) {
        struct cache_entry e;
        if (cache_get(r->cache, n, TYPE_DELEGATION, CLASS_IN, now, &r->scratch, &e) ==
            CACHE_RRSET) {
            cut_clear(c, n);
            servers_add(c, &e.set);
            addresses_from_cache(r, l, now);
            if (cut_usable(c))
                break;
            c->servers = 0;
        }
        if (name_is_root(n))
            break;
        n = name_parent(n);
    }
    if (c->servers == 0) {
        cut_from_hints(r, l);
        prime(r, l, now);
    }
    note(l, now, WHY_ZONE_CUT, &(struct trace_detail){.zone = c->zone.w, .value = c->servers});
}

/* Glue: addresses from the additional section, believed for names inside the zone that was asked
 * (RFC 5452 section 6), because its servers are the ones that say where those are. */
static void glue_take(struct resolver *r, struct lookup *l, const struct msg *m,
                      const uint8_t *asked_zone, uint32_t ttl_max, struct now now)
{
    static const uint16_t types[] = {RR_A, RR_AAAA};
    struct cut *c = &l->cut;
    for (unsigned k = 0; k < c->servers; k++)
        for (unsigned t = 0; t < ARRAY_LEN(types); t++) {
            struct rrset set;
            if (!name_in(c->server[k].name.w, asked_zone) ||
                msg_rrset(m, &r->scratch, SECTION_ADDITIONAL, c->server[k].name.w, types[t],
                          &set) != ST_OK)
                continue;
            set.ttl = MIN(set.ttl, ttl_max);
            cut_add(r, c, k, &set);
            if (!l->job->cold)
                cache_put(r->cache, &set, RANK_GLUE, now);
        }
}

bool cut_referral(struct resolver *r, struct lookup *l, const struct msg *m, const struct rrset *ns,
                  struct now now)
{
    struct name asked_zone = l->cut.zone;
    struct rrset kept = *ns;
    kept.type = TYPE_DELEGATION;
    kept.ttl = MIN(ns->ttl, r->opt->ttl_max_s);
    cut_clear(&l->cut, ns->owner);
    servers_add(&l->cut, ns);
    if (!l->job->cold)
        cache_put(r->cache, &kept, RANK_REFERRAL, now);
    glue_take(r, l, m, asked_zone.w, kept.ttl, now);
    if (!l->job->cold)
        addresses_from_cache(r, l, now);
    return cut_usable(&l->cut);
}
