#include "sim/internet.h"

#include "dns/name.h"
#include "sim/zone_edit.h"

#include <stdio.h>
#include <stdlib.h>

/* What internet_open works on. */
struct making {
    struct internet *in;
    const struct internet_plan *plan;
    struct diag_sink *sink;
    struct zone_edit *edit; /* scratch: ZONE_EDITS of them */
    struct recipe *recipe;  /* scratch */
};

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

static void tell(struct making *m, struct diag *d, const char *fallback)
{
    if (d->message[0] == '\0')
        diag_set(d, SEV_ERROR, "lab", NULL, "%s", fallback);
    d->severity = SEV_ERROR;
    diag_emit(m->sink, d);
}

/* Puts `with` in the place of every `{key}` of *text, which has room for RECIPE_LINE bytes. */
static bool fill_in(char *text, const char *key, const char *with)
{
    char out[RECIPE_LINE];
    size_t n = 0, klen = strlen(key), wlen = strlen(with);
    for (const char *p = text; *p != '\0';) {
        bool hit = strncmp(p, key, klen) == 0;
        size_t add = hit ? wlen : 1;
        if (n + add >= sizeof out)
            return false;
        memcpy(out + n, hit ? with : p, add);
        n += add;
        p += hit ? klen : 1;
    }
    out[n] = '\0';
    memcpy(text, out, n + 1);
    return true;
}

struct target {
    struct name zone, parent;
    char zone_text[NAME_TEXT_MAX], parent_text[NAME_TEXT_MAX], name_text[NAME_TEXT_MAX];
};

static bool find_target(const struct topology *t, const struct breakage *b, struct target *ret)
{
    if (!topology_zone_of(t, b->target.w, &ret->zone))
        return false;
    ret->parent = ret->zone;
    if (!name_is_root(ret->zone.w) && !topology_zone_of(t, name_parent(ret->zone.w), &ret->parent))
        return false;
    name_str(ret->zone.w, ret->zone_text);
    name_str(ret->parent.w, ret->parent_text);
    name_str(b->target.w, ret->name_text);
    return true;
}

static enum status add_edit(struct making *m, unsigned *n, const struct recipe_edit *re,
                            const struct target *t, const char *server)
{
    char text[RECIPE_LINE];
    struct diag d = {0};
    memcpy(text, re->text, sizeof text);
    if (!fill_in(text, "{zone}", t->zone_text) || !fill_in(text, "{parent}", t->parent_text) ||
        !fill_in(text, "{name}", t->name_text) || !fill_in(text, "{server}", server) ||
        *n == ZONE_EDITS || zone_edit_parse(re->add, bytes_str(text), &m->edit[*n], &d) != ST_OK) {
        tell(m, &d, "a recipe cannot be applied");
        return ST_ESYNTAX;
    }
    (*n)++;
    return ST_OK;
}

/* The edits that a recipe makes in `zone`. */
static enum status recipe_edits(struct making *m, const uint8_t *zone, const struct breakage *b,
                                unsigned *n)
{
    const struct topology *topo = m->plan->topology;
    struct target t;
    if (!find_target(topo, b, &t))
        return ST_OK;
    for (unsigned i = 0; i < m->recipe->edit_count; i++) {
        const struct recipe_edit *re = &m->recipe->edit[i];
        if (!name_equal(zone, re->parent ? t.parent.w : t.zone.w))
            continue;
        if (strstr(re->text, "{server}") == NULL) {
            TRY(add_edit(m, n, re, &t, ""));
            continue;
        }
        for (unsigned s = 0; s < topo->server_count; s++) {
            char server[NAME_TEXT_MAX];
            if (topo_serves(&topo->server[s], t.zone.w))
                TRY(add_edit(m, n, re, &t, name_str(topo->server[s].name.w, server)));
        }
    }
    return ST_OK;
}

static enum status zone_edits(struct making *m, const uint8_t *zone, unsigned *ret_n)
{
    *ret_n = 0;
    for (unsigned i = 0; i < m->plan->broken_count; i++) {
        const struct breakage *b = &m->plan->broken[i];
        enum fault f;
        struct diag d = {0};
        if (fault_parse(bytes_str(b->word), &f))
            continue;
        if (recipe_load(m->plan->files, m->plan->dir, b->word, m->recipe, &d) != ST_OK) {
            tell(m, &d, "a recipe cannot be read");
            return ST_ESYNTAX;
        }
        TRY(recipe_edits(m, zone, b, ret_n));
    }
    return ST_OK;
}

static void zone_path(const char *dir, const uint8_t *zone, char *ret, size_t cap)
{
    char text[NAME_TEXT_MAX];
    name_str(zone, text);
    size_t n = strlen(text);
    if (n > 1)
        text[n - 1] = '\0';
    for (char *p = text; *p != '\0'; p++)
        if (*p == '/')
            *p = '-';
    snprintf(ret, cap, "%s/zones/%s.zone", dir, name_is_root(zone) ? "root" : text);
}

static enum status make_zone(struct making *m, const uint8_t *name)
{
    char path[4096];
    struct zone *z = NULL, *edited = NULL;
    struct diag d = {0};
    unsigned n;
    if (internet_zone(m->in, name) != NULL)
        return ST_OK;
    if (m->in->zone_count == INTERNET_ZONES)
        return ST_ELIMIT;
    zone_path(m->plan->dir, name, path, sizeof path);
    struct zone_load_options opt = {.origin = name};
    TRY(zone_load(m->plan->files, path, &opt, m->sink, &z));
    enum status st = zone_edits(m, name, &n);
    bool loopback = m->plan->form == FORM_LOOPBACK;
    if (st == ST_OK && (loopback || n > 0)) {
        st = zone_edited(z, loopback ? m->plan->topology : NULL, m->edit, n, &edited, &d);
        zone_drop(z);
        z = edited;
        if (st != ST_OK)
            tell(m, &d, status_text(st));
    }
    if (st == ST_OK)
        m->in->zone[m->in->zone_count++] = z;
    else if (z != NULL && edited == NULL)
        zone_drop(z);
    return st;
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
    if (st != ST_OK)
        host_close(h);
    else
        m->in->host_count++;
    return st;
}

static enum status make_all(struct making *m)
{
    const struct topology *t = m->plan->topology;
    enum status worst = ST_OK;
    for (unsigned i = 0; i < t->server_count; i++) {
        for (unsigned k = 0; k < t->server[i].zone_count; k++) {
            enum status st = make_zone(m, zone_name_at(t, i, k)->w);
            if (st != ST_OK)
                worst = st; /* and go on: all errors are told */
        }
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
    in->zone = calloc(INTERNET_ZONES, sizeof *in->zone);
    m.edit = calloc(ZONE_EDITS, sizeof *m.edit);
    m.recipe = calloc(1, sizeof *m.recipe);
    enum status st = ST_ENOMEM;
    if (in->host != NULL && in->zone != NULL && m.edit != NULL && m.recipe != NULL)
        st = make_all(&m);
    free(m.edit);
    free(m.recipe);
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
