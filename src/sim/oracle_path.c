/* The oracle's view of the way to a zone: who serves it, whether anybody can get there, and whether
 * a fault may spoil the journey. */
#include "sim/oracle_data.h"

#include "dns/rdata.h"

#include <stdlib.h>

/* NSEC3 records and their signatures: a name with nothing else does not exist for those who ask
 * (RFC 5155 section 7.2.8). */
static bool of_nsec3(const struct rrset *set)
{
    return set->type == RR_NSEC3 ||
           (set->type == RR_RRSIG && set->rdata_size >= 4 && get_be16(set->rdata + 2) == RR_NSEC3);
}

static enum status copy_zone(struct oracle *o, const struct zone *z, struct oracle_zone *ret)
{
    struct zone_stats st = zone_stats(z);
    struct rrset set;
    *ret = (struct oracle_zone){.until_us = UINT64_MAX, .reachable = true};
    ret->origin = arena_dup(&o->arena, zone_origin(z), name_len(zone_origin(z)));
    ret->rr = arena_alloc(&o->arena, (st.records + 1) * sizeof *ret->rr);
    if (ret->origin == NULL || ret->rr == NULL)
        return ST_ENOMEM;
    for (const struct zone_node *n = zone_next(z, NULL); n != NULL; n = zone_next(z, n)) {
        uint8_t owner[LIMIT_NAME];
        uint32_t cursor = 0;
        size_t len = zone_node_name(z, n, owner);
        const uint8_t *kept = arena_dup(&o->arena, owner, len);
        if (kept == NULL)
            return ST_ENOMEM;
        while (zone_rrset_next(z, n, kept, &cursor, &set)) {
            struct rdata_iter it = rdata_iter(&set);
            if (of_nsec3(&set))
                continue;
            for (struct bytes rd; rdata_iter_next(&it, &rd);) {
                const uint8_t *copy = arena_dup(&o->arena, rd.p, rd.n);
                if (copy == NULL || ret->rr_count == st.records)
                    return ST_ENOMEM;
                ret->rr[ret->rr_count++] = (struct oracle_rr){
                    .owner = kept, .type = set.type, .ttl = set.ttl, .rdata = bytes_of(copy, rd.n)};
            }
        }
    }
    return ST_OK;
}

struct oracle *oracle_new(const struct internet *in)
{
    struct oracle *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    arena_init(&o->arena, 65536, 0);
    o->in = in;
    for (unsigned i = 0; i < in->zone_count; i++) {
        if (copy_zone(o, in->zone[i], &o->zone[o->zone_count]) != ST_OK) {
            oracle_free(o);
            return NULL;
        }
        o->zone_count++;
    }
    oracle_survey(o);
    return o;
}

void oracle_free(struct oracle *o)
{
    if (o != NULL)
        arena_free(&o->arena);
    free(o);
}

enum status oracle_update(struct oracle *o, const struct zone *z, uint64_t now_us)
{
    if (o->zone_count == INTERNET_ZONES)
        return ST_ELIMIT;
    for (uint32_t i = 0; i < o->zone_count; i++)
        if (name_equal(o->zone[i].origin, zone_origin(z)) && o->zone[i].until_us == UINT64_MAX)
            o->zone[i].until_us = now_us;
    TRY(copy_zone(o, z, &o->zone[o->zone_count]));
    o->zone_count++;
    oracle_survey(o);
    return ST_OK;
}

unsigned oracle_zones(const struct oracle *o)
{
    return o->zone_count;
}

static bool served_by(const struct host *h, const uint8_t *origin)
{
    return zone_table_get(h->table, origin) != NULL;
}

/* The host that a server name's address records, wherever they stand, point at; NULL if none does.
 */
static const struct host *host_of(const struct oracle *o, const struct oracle_zone *z,
                                  const uint8_t *ns)
{
    for (uint32_t i = 0; i < z->rr_count; i++) {
        const struct oracle_rr *rr = &z->rr[i];
        if ((rr->type != RR_A && rr->type != RR_AAAA) || !name_equal(rr->owner, ns))
            continue;
        struct netaddr addr =
            rr->type == RR_A ? netaddr_v4(rr->rdata.p, 0) : netaddr_v6(rr->rdata.p, 0);
        const struct host *h = internet_host(o->in, &addr);
        if (h != NULL)
            return h;
    }
    return NULL;
}

/* The nearest zone above (strictly) an origin that exists. */
static struct oracle_zone *parent_of(struct oracle *o, const uint8_t *origin)
{
    const uint8_t *up = origin;
    while (!name_is_root(up)) {
        up = name_parent(up);
        const struct oracle_zone *z = oracle_zone_at(o, up, 0);
        if (z != NULL)
            return &o->zone[z - o->zone];
    }
    return NULL;
}

/* The deepest zone that holds a name. */
static const struct oracle_zone *holder_of(const struct oracle *o, const uint8_t *name)
{
    for (const uint8_t *up = name;; up = name_parent(up)) {
        const struct oracle_zone *z = oracle_zone_at(o, up, 0);
        if (z != NULL || name_is_root(up))
            return z;
    }
}

/* One look at a zone's delegation: may it be reached now, and is anything on the way doubtful? */
static void look_at(struct oracle *o, struct oracle_zone *z, bool *ret_reachable, bool *ret_suspect)
{
    struct oracle_zone *p = parent_of(o, z->origin);
    unsigned listed = 0;
    *ret_reachable = false;
    *ret_suspect = p != NULL && p->suspect;
    if (p != NULL && !p->reachable)
        return;
    const struct oracle_zone *list = p ? p : z;
    for (uint32_t i = 0; i < list->rr_count; i++) {
        const struct oracle_rr *rr = &list->rr[i];
        if (rr->type != RR_NS || !name_equal(rr->owner, z->origin))
            continue;
        listed++;
        const uint8_t *ns = rr->rdata.p;
        const struct host *h = host_of(o, list, ns);
        const struct oracle_zone *home = holder_of(o, ns);
        if (h == NULL && home != NULL && home != z) {
            if (home->suspect || !home->reachable)
                *ret_suspect = true;
            h = home->reachable ? host_of(o, home, ns) : NULL;
        }
        /* The child's own word about its servers' addresses may be asked for as well. */
        if (home != NULL && home != z && home->suspect)
            *ret_suspect = true;
        if (h == NULL || host_faulty(h, z->origin) || !served_by(h, z->origin))
            *ret_suspect = true;
        /* Without EDNS there are no signatures. */
        else if (oracle_first(z, z->origin, RR_DNSKEY) != NULL &&
                 host_has(h, FAULT_NO_EDNS, z->origin))
            *ret_suspect = true;
        if (h != NULL && served_by(h, z->origin))
            *ret_reachable = true;
    }
    *ret_suspect |= listed == 0;
}

void oracle_survey(struct oracle *o)
{
    for (uint32_t i = 0; i < o->zone_count; i++)
        o->zone[i].reachable = o->zone[i].suspect = false;
    /* Reachability grows and doubt spreads until nothing changes; each round settles at least one
     * zone. */
    for (uint32_t round = 0, changed = 1; changed && round <= 2 * o->zone_count; round++) {
        changed = 0;
        for (uint32_t i = 0; i < o->zone_count; i++) {
            bool reachable, suspect;
            look_at(o, &o->zone[i], &reachable, &suspect);
            if (reachable && !o->zone[i].reachable)
                o->zone[i].reachable = true, changed = 1;
        }
    }
    for (uint32_t round = 0, changed = 1; changed && round <= 2 * o->zone_count; round++) {
        changed = 0;
        for (uint32_t i = 0; i < o->zone_count; i++) {
            bool reachable, suspect;
            look_at(o, &o->zone[i], &reachable, &suspect);
            if ((suspect || !o->zone[i].reachable) && !o->zone[i].suspect)
                o->zone[i].suspect = true, changed = 1;
        }
    }
}

bool oracle_suspect(const struct oracle *o, const uint8_t *name)
{
    const struct oracle_zone *z = holder_of(o, name);
    return z == NULL || z->suspect;
}
