/* Where everything begins: the root's servers, from the hints and then from themselves (RFC 9609).
 * Nothing is asked before the first question needs it. */
#include "resolver/machine.h"

static void cut_hints(struct resolver *r, struct cut *c)
{
    cut_begin(c, name_root, UINT64_MAX);
    for (size_t i = 0; i < r->opt->hint_count; i++) {
        const struct root_hint *h = &r->opt->hints[i];
        uint8_t rd[2 + LIMIT_NAME];
        struct rrset ns = {.type = RR_NS, .count = 1, .rdata = rd};
        size_t n = name_copy(rd + 2, h->server.w);
        put_be16(rd, (uint16_t)n);
        ns.rdata_size = (uint32_t)(2 + n);
        cut_servers(c, &ns);
        unsigned k = 0;
        while (k < c->servers && !name_equal(c->server[k].name.w, h->server.w))
            k++;
        struct netaddr a = h->address;
        if (k == c->servers || c->addresses == CUT_ADDRESSES || !address_possible(r, &a))
            continue;
        if (a.port == 0)
            a.port = r->opt->upstream_port;
        c->server[k].has_address = true;
        c->address[c->addresses++] = (struct cut_address){.addr = a, .server = (uint8_t)k};
    }
    for (unsigned k = 0; k < c->servers; k++)
        c->server[k].hopeless = true; /* looking it up would need the root */
}

void prime_cut(struct resolver *r, struct lookup *l, struct now now)
{
    bool self = l->type == RR_NS && name_is_root(l->at);
    cut_hints(r, &l->cut);
    if (!r->opt->prime || self || l->primed || now.mono_us < r->prime_again_us)
        return;
    l->primed = true;
    note(l, now, WHY_PRIMING, NULL);
    if (!lookup_child(r, l, name_root, RR_NS, 0, NO_SERVER, now))
        l->phase = PHASE_ASK;
}

void prime_store(struct resolver *r, struct lookup *l, const struct msg *m, struct now now)
{
    static const uint16_t types[] = {RR_A, RR_AAAA};
    struct cache *c = l->job->cache;
    struct bailiwick b = {.zone = name_root, .name = name_root};
    struct rrset ns, set;
    if (msg_rrset(m, &l->arena, SECTION_ANSWER, name_root, RR_NS, &ns) != ST_OK)
        return;
    b.ns = &ns;
    ns.ttl = MIN(ns.ttl, r->opt->ttl_max_s);
    bool any = false;
    struct rdata_iter it = rdata_iter(&ns);
    struct bytes rd;
    for (unsigned k = 0; k < LIMIT_DELEGATION_SERVERS && rdata_iter_next(&it, &rd); k++)
        for (unsigned t = 0; t < 2; t++) {
            if (!bailiwick_allows(&b, SECTION_ADDITIONAL, rd.p, types[t]) ||
                msg_rrset(m, &l->arena, SECTION_ADDITIONAL, rd.p, types[t], &set) != ST_OK)
                continue;
            any = true;
            set.rclass = CACHE_CLASS_CUT;
            set.ttl = MIN(set.ttl, ns.ttl);
            cache_put(c, &set, RANK_GLUE, NULL, now);
        }
    ns.rclass = CACHE_CLASS_CUT;
    if (any) /* without addresses the hints serve better */
        cache_put(c, &ns, RANK_REFERRAL, NULL, now);
}
