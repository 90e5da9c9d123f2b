#include "sim/internet_impl.h"

#include "dns/name.h"

#include <stdlib.h>

static const struct name *zone_name_at(const struct topology *t, unsigned server, unsigned zone)
{
    return t->server[server].zones[zone];
}

bool topology_zone_of(const struct topology *t, const uint8_t *name, struct name *ret)
{
    const uint8_t *best = NULL;
    for (unsigned i = 0; i < t->server_count; i++) {
        for (unsigned k = 0; k < t->server[i].zone_count; k++) {
            const uint8_t *z = zone_name_at(t, i, k)->w;
            if (name_in(name, z) && (best == NULL || name_labels(z) > name_labels(best)))
                best = z;
        }
    }
    if (best != NULL)
        name_copy(ret->w, best);
    return best != NULL;
}

/* Faults of the topology and those put in later that hit this server. */
static enum status make_faults(struct making *m, struct host *h, const struct topo_server *s)
{
    for (unsigned i = 0; i < s->fault_count; i++)
        TRY(host_break(h, s->fault[i], NULL));
    for (unsigned i = 0; i < m->plan->broken_count; i++) {
        const struct breakage *b = &m->plan->broken[i];
        enum fault f;
        struct name zone;
        if (!fault_parse(bytes_str(b->word), &f))
            continue;
        if (name_equal(b->target.w, s->name.w))
            TRY(host_break(h, f, NULL));
        else if (topology_find(m->plan->topology, b->target.w) == NULL &&
                 topology_zone_of(m->plan->topology, b->target.w, &zone) && topo_serves(s, zone.w))
            TRY(host_break(h, f, zone.w));
    }
    return ST_OK;
}

/* Zones that only this server has like that. */
static enum status make_own_zones(struct making *m, struct host *h, const struct topo_server *s)
{
    for (unsigned i = 0; i < m->made_count; i++) {
        struct zone *z = NULL;
        if (!topo_serves(s, m->made[i].name.w))
            continue;
        TRY(internet_zone_of_server(m, s, &m->made[i], &z));
        if (z == NULL)
            continue;
        enum status st = host_replace(h, z);
        zone_drop(z); /* the host has its own reference */
        TRY(st);
    }
    return ST_OK;
}

static enum status make_host(struct making *m, const struct topo_server *s)
{
    struct zone *zones[TOPO_SERVER_ZONES];
    struct zone_table *table = NULL;
    struct host *h = &m->in->host[m->in->host_count];
    *h = (struct host){.name = s->name, .delay_us = s->delay_us};
    for (unsigned i = 0; i < s->zone_count; i++)
        zones[i] = internet_zone(m->in, s->zones[i]->w);
    if (m->plan->form == FORM_LOOPBACK) {
        if (s->loopback.family == ADDR_NONE)
            return ST_OK;
        h->addr[h->addr_count++] = s->loopback;
    } else {
        for (unsigned i = 0; i < s->addr_count; i++)
            h->addr[h->addr_count++] = s->addr[i];
    }
    TRY(zone_table_new(zones, s->zone_count, &table));
    enum status st = host_open(h, table, m->plan->env);
    if (st == ST_OK)
        st = make_faults(m, h, s);
    if (st == ST_OK)
        st = make_own_zones(m, h, s);
    if (st != ST_OK)
        host_close(h);
    else
        m->in->host_count++;
    return st;
}

/* Every zone once, the deepest first: a parent needs the DS of its children. */
static enum status list_zones(struct making *m)
{
    const struct topology *t = m->plan->topology;
    for (unsigned i = 0; i < t->server_count; i++) {
        for (unsigned k = 0; k < t->server[i].zone_count; k++) {
            const uint8_t *zone = zone_name_at(t, i, k)->w;
            bool there = false;
            for (unsigned j = 0; j < m->made_count && !there; j++)
                there = name_equal(m->made[j].name.w, zone);
            if (there)
                continue;
            if (m->made_count == INTERNET_ZONES)
                return ST_ELIMIT;
            unsigned at = m->made_count++;
            for (; at > 0 && name_labels(m->made[at - 1].name.w) < name_labels(zone); at--)
                m->made[at] = m->made[at - 1];
            m->made[at] = (struct made_zone){0};
            name_copy(m->made[at].name.w, zone);
        }
    }
    return ST_OK;
}

static enum status make_all(struct making *m)
{
    const struct topology *t = m->plan->topology;
    enum status worst = ST_OK;
    TRY(list_zones(m));
    for (unsigned i = 0; i < m->made_count; i++) {
        enum status st = internet_make_zone(m, &m->made[i]);
        if (st != ST_OK)
            worst = st; /* and go on: all errors are told */
    }
    TRY(worst);
    for (unsigned i = 0; i < t->server_count; i++)
        TRY(make_host(m, &t->server[i]));
    return ST_OK;
}

enum status internet_open(struct internet *in, const struct internet_plan *plan,
                          struct diag_sink *sink)
{
    struct making m = {.in = in, .plan = plan, .sink = sink};
    *in = (struct internet){0};
    in->host = calloc(plan->topology->server_count + 1, sizeof *in->host);
    in->zone = calloc(INTERNET_ZONES, sizeof(struct zone *));
    m.made = calloc(INTERNET_ZONES, sizeof *m.made);
    m.edit = calloc(ZONE_EDITS, sizeof *m.edit);
    m.recipe = calloc(1, sizeof *m.recipe);
    m.filled = calloc(ZONE_EDITS, sizeof *m.filled);
    m.sign_edit = calloc(ZONE_EDITS, sizeof *m.sign_edit);
    enum status st = ST_ENOMEM;
    if (in->host != NULL && in->zone != NULL && m.made != NULL && m.edit != NULL &&
        m.recipe != NULL && m.filled != NULL && m.sign_edit != NULL)
        st = make_all(&m);
    for (unsigned i = 0; i < m.made_count; i++)
        sim_signing_free(&m.made[i].signing);
    free(m.made);
    free(m.edit);
    free(m.recipe);
    free(m.filled);
    free(m.sign_edit);
    if (st != ST_OK)
        internet_close(in);
    return st;
}

void internet_close(struct internet *in)
{
    for (unsigned i = 0; i < in->host_count; i++)
        host_close(&in->host[i]);
    for (unsigned i = 0; i < in->zone_count; i++)
        zone_drop(in->zone[i]);
    free(in->host);
    free(in->zone);
    *in = (struct internet){0};
}

struct host *internet_host(const struct internet *in, const struct netaddr *addr)
{
    for (unsigned i = 0; i < in->host_count; i++)
        for (unsigned k = 0; k < in->host[i].addr_count; k++)
            if (netaddr_same_host(&in->host[i].addr[k], addr))
                return &in->host[i];
    return NULL;
}

struct zone *internet_zone(const struct internet *in, const uint8_t *origin)
{
    for (unsigned i = 0; i < in->zone_count; i++)
        if (name_equal(zone_origin(in->zone[i]), origin))
            return in->zone[i];
    return NULL;
}
