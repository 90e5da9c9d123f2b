/* One zone of an Internet of ours: read, turned to the form wanted, broken as recipes say, signed.
 */
#include "sim/internet_impl.h"

#include "dnssec/dnskey.h"

#include <stdio.h>
#include <stdlib.h>

static const char *words_of(enum status st)
{
    return st == ST_ESEMANTIC ? "a record does not fit into the zone: is its name outside of it?"
                              : status_text(st);
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

/* Which edits are wanted. */
struct wanted {
    const uint8_t *zone;
    bool after, policy;
    const struct topo_server *server; /* not NULL: those for the zone as this one serves it */
};

static enum status add_edit(struct making *m, unsigned *n, const struct recipe_edit *re,
                            const struct target *t, const char *server)
{
    char text[RECIPE_LINE];
    struct diag d = {0};
    memcpy(text, re->text, sizeof text);
    if (!fill_in(text, "{zone}", t->zone_text) || !fill_in(text, "{parent}", t->parent_text) ||
        !fill_in(text, "{name}", t->name_text) || !fill_in(text, "{server}", server) ||
        *n == ZONE_EDITS) {
        tell(m, &d, "a recipe cannot be applied");
        return ST_ESYNTAX;
    }
    m->filled[*n].verb = re->verb;
    memcpy(m->filled[(*n)++].text, text, sizeof text);
    return ST_OK;
}

static bool wants(const struct wanted *w, const struct recipe_edit *re, const struct target *t)
{
    return name_equal(w->zone, re->where == RECIPE_PARENT ? t->parent.w : t->zone.w) &&
           re->after == w->after && (re->verb == RECIPE_POLICY) == w->policy &&
           (re->where == RECIPE_SERVER) == (w->server != NULL);
}

/* The first server of the topology that has a zone. */
static const struct topo_server *first_server(const struct topology *t, const uint8_t *zone)
{
    for (unsigned i = 0; i < t->server_count; i++)
        if (topo_serves(&t->server[i], zone))
            return &t->server[i];
    return NULL;
}

/* The edits that a recipe makes in a zone. */
static enum status recipe_edits(struct making *m, const struct wanted *w, const struct breakage *b,
                                unsigned *n)
{
    const struct topology *topo = m->plan->topology;
    struct target t;
    if (!find_target(topo, b, &t))
        return ST_OK;
    for (unsigned i = 0; i < m->recipe->edit_count; i++) {
        const struct recipe_edit *re = &m->recipe->edit[i];
        if (!wants(w, re, &t) || (w->server != NULL && first_server(topo, t.zone.w) != w->server))
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

/* All edits wanted, filled in. */
static enum status find_edits(struct making *m, const struct wanted *w, unsigned *ret_n)
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
        TRY(recipe_edits(m, w, b, ret_n));
    }
    return ST_OK;
}

static const struct zone *zone_now(void *ctx, const uint8_t *origin)
{
    return internet_zone(ctx, origin);
}

/* Makes the edits wanted in a zone; *ret stays NULL if there are none. */
static enum status make_edits(struct making *m, const struct wanted *w,
                              const struct sim_signing *signing, const struct zone *z,
                              struct zone **ret)
{
    struct sign_edit_context cx = {
        .signing = signing, .now_s = m->plan->now_s, .zone = zone_now, .ctx = m->in};
    struct diag d = {0};
    unsigned n;
    *ret = NULL;
    TRY(find_edits(m, w, &n));
    enum status st = ST_OK;
    for (unsigned i = 0; st == ST_OK && i < n; i++)
        st = sign_edit_parse(m->filled[i].verb, bytes_str(m->filled[i].text), &m->sign_edit[i], &d);
    if (st == ST_OK && n > 0)
        st = zone_sign_edited(z, m->sign_edit, n, &cx, ret, &d);
    if (st != ST_OK)
        tell(m, &d, words_of(st));
    return st;
}

/* What recipes say of how a zone is to be signed. */
static enum status apply_policy(struct making *m, struct made_zone *made)
{
    struct wanted w = {.zone = made->name.w, .policy = true};
    unsigned n;
    TRY(find_edits(m, &w, &n));
    for (unsigned i = 0; i < n; i++) {
        struct diag d = {0};
        enum status st = sign_policy_set(&made->signing, bytes_str(m->filled[i].text), &d);
        if (st != ST_OK) {
            tell(m, &d, words_of(st));
            return st;
        }
    }
    return ST_OK;
}

static void zone_file_path(const char *dir, const uint8_t *zone, char *ret, size_t cap)
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

/* Takes the new zone in the place of the old one, which is dropped in any case. */
static enum status step(struct making *m, enum status st, struct zone **z, struct zone **new,
                        struct diag *d)
{
    zone_drop(*z);
    *z = st == ST_OK ? *new : NULL;
    if (st != ST_OK)
        tell(m, d, words_of(st));
    return st;
}

/* The DS that a child's keys ask for (RFC 4034 section 5), as edits of the parent. */
static enum status add_ds(struct making *m, const struct made_zone *child, unsigned *n)
{
    for (unsigned i = 0; i < child->signing.keys; i++) {
        if (!child->signing.key[i].sign_keys)
            continue;
        if (*n == ZONE_EDITS)
            return ST_ELIMIT;
        struct zone_edit *e = &m->edit[(*n)++];
        *e = (struct zone_edit){.add = true, .type = RR_DS, .ttl = DS_TTL_S};
        name_copy(e->owner.w, child->name.w);
        struct writer w = wr_of(e->rdata, sizeof e->rdata);
        TRY(ds_write(DS_SHA256, child->name.w, child->signing.key[i].dnskey, &w));
        e->rdata_n = (uint16_t)wr_len(&w);
    }
    return ST_OK;
}

/* DS of the children, if the zone is to be signed. */
static enum status child_edits(struct making *m, const struct made_zone *z, unsigned *n)
{
    *n = 0;
    for (unsigned i = 0; z->signing.keys > 0 && i < m->made_count; i++) {
        const struct made_zone *c = &m->made[i];
        struct name parent;
        if (c->zone != NULL && !name_is_root(c->name.w) &&
            topology_zone_of(m->plan->topology, name_parent(c->name.w), &parent) &&
            name_equal(parent.w, z->name.w))
            TRY(add_ds(m, c, n));
    }
    return ST_OK;
}

static enum status edit_zone(struct making *m, const struct made_zone *made, struct zone **z)
{
    struct wanted w = {.zone = made->name.w};
    const struct topology *loopback = m->plan->form == FORM_LOOPBACK ? m->plan->topology : NULL;
    struct zone *new = NULL;
    struct diag d = {0};
    unsigned n;
    TRY(child_edits(m, made, &n));
    if (n > 0)
        TRY(step(m, zone_edited(*z, NULL, m->edit, n, &new, &d), z, &new, &d));
    TRY(make_edits(m, &w, &made->signing, *z, &new));
    if (new != NULL)
        TRY(step(m, ST_OK, z, &new, &d));
    if (loopback != NULL)
        TRY(step(m, zone_edited(*z, loopback, NULL, 0, &new, &d), z, &new, &d));
    return ST_OK;
}

static enum status sign_zone(struct making *m, const struct made_zone *made, struct zone **z)
{
    struct wanted w = {.zone = made->name.w, .after = true};
    struct zone *new = NULL;
    struct diag d = {0};
    if (made->signing.keys > 0)
        TRY(step(m, sim_signing_apply(&made->signing, *z, m->plan->now_s, &new, &d), z, &new, &d));
    TRY(make_edits(m, &w, &made->signing, *z, &new));
    return new != NULL ? step(m, ST_OK, z, &new, &d) : ST_OK;
}

static enum status open_signing(struct making *m, struct made_zone *made)
{
    struct sim_signing_source src = {m->plan->files, m->plan->dir, m->plan->repeatable};
    struct diag d = {0};
    made->signing.how = topology_signing(m->plan->topology, made->name.w);
    TRY(apply_policy(m, made));
    if (m->plan->now_s == 0)
        made->signing.how.dnssec = TOPO_UNSIGNED;
    enum status st = sim_signing_open(&made->signing, &src, made->name.w, &d);
    if (st != ST_OK)
        tell(m, &d, "a key of the lab cannot be made");
    return st;
}

enum status internet_make_zone(struct making *m, struct made_zone *made)
{
    char path[4096];
    struct zone *z = NULL;
    struct zone_load_options opt = {.origin = made->name.w};
    TRY(open_signing(m, made));
    zone_file_path(m->plan->dir, made->name.w, path, sizeof path);
    TRY(zone_load(m->plan->files, path, &opt, m->sink, &z));
    enum status st = edit_zone(m, made, &z);
    if (st == ST_OK)
        st = sign_zone(m, made, &z);
    if (st != ST_OK) {
        zone_drop(z);
        return st;
    }
    made->zone = z;
    m->in->zone[m->in->zone_count++] = z;
    return ST_OK;
}

enum status internet_zone_of_server(struct making *m, const struct topo_server *s,
                                    const struct made_zone *made, struct zone **ret)
{
    struct wanted w = {.zone = made->name.w, .after = true, .server = s};
    return make_edits(m, &w, &made->signing, made->zone, ret);
}
