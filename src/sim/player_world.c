/* What a scenario is played with: its Internet, its trust anchors, the resolver's options. */
#include "crypto/key.h"
#include "dnssec/dnskey.h"
#include "sim/player_state.h"

#include <stdio.h>
#include <stdlib.h>

enum { HINTS_MAX = 64 };

static void player_random(void *ctx, void *buf, size_t n)
{
    struct player *p = ctx;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)buf)[i] = (uint8_t)prng_next(&p->random);
}

/* --- Options --- */

enum option_kind { KIND_BOOL, KIND_U16, KIND_U32, KIND_OTHER };

#define RESOLVER(word, kind, field)                                                                \
    {                                                                                              \
        word, kind, offsetof(struct resolver_options, field)                                       \
    }

/* Those of the resolver, and where they go. */
static const struct {
    const char *word;
    enum option_kind kind;
    size_t at;
} options[] = {
    RESOLVER("minimise", KIND_BOOL, minimise),
    RESOLVER("minimise-strict", KIND_BOOL, minimise_strict),
    RESOLVER("minimise-ns", KIND_BOOL, minimise_ns),
    RESOLVER("cookies", KIND_BOOL, cookies),
    RESOLVER("random-case", KIND_BOOL, random_case),
    RESOLVER("nxdomain-cut", KIND_U32, nxdomain_cut),
    RESOLVER("prime", KIND_BOOL, prime),
    RESOLVER("ipv4", KIND_BOOL, ipv4),
    RESOLVER("ipv6", KIND_BOOL, ipv6),
    RESOLVER("udp-size", KIND_U16, udp_size),
    RESOLVER("ttl-min", KIND_U32, ttl_min_s),
    RESOLVER("ttl-max", KIND_U32, ttl_max_s),
    RESOLVER("negative-ttl-max", KIND_U32, negative_ttl_max_s),
    RESOLVER("negative-ttl-min", KIND_U32, negative_ttl_min_s),
    RESOLVER("prefetch", KIND_U32, prefetch),
    RESOLVER("patience", KIND_U32, patience_ms),
    RESOLVER("serve-stale", KIND_BOOL, serve_stale),
    RESOLVER("stale-max", KIND_U32, stale_max_s),
    RESOLVER("stale-ttl", KIND_U32, stale_ttl_s),
    RESOLVER("stale-wait", KIND_U32, stale_wait_ms),
    RESOLVER("stale-recheck", KIND_U32, stale_recheck_s),
    RESOLVER("timeout", KIND_U32, timeout_ms),
    RESOLVER("loopback", KIND_BOOL, query_loopback),
    RESOLVER("query-private", KIND_BOOL, query_private),
    RESOLVER("harden-glue", KIND_BOOL, harden_glue),
    RESOLVER("minimal-any", KIND_BOOL, minimal_any),
    RESOLVER("clients", KIND_U32, max_clients),
    RESOLVER("client-rate", KIND_U32, rate.per_s),
    RESOLVER("client-miss-rate", KIND_U32, miss_rate.per_s),
    RESOLVER("rsa-sha1", KIND_BOOL, rsa_sha1),
    RESOLVER("aggressive", KIND_BOOL, aggressive),
    RESOLVER("error-reporting", KIND_BOOL, error_reporting),
};
#undef RESOLVER

static bool set_option(struct player *p, const char *word, uint64_t v)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        char *at = (char *)&p->options + options[i].at;
        if (strcmp(word, options[i].word) != 0)
            continue;
        if (options[i].kind == KIND_BOOL)
            *(bool *)at = v != 0;
        else if (options[i].kind == KIND_U16)
            *(uint16_t *)(void *)at = (uint16_t)v;
        else
            *(uint32_t *)(void *)at = (uint32_t)v;
        return true;
    }
    if (strcmp(word, "private") == 0) {
        p->options.private_nets = &p->private_net;
        p->options.private_count = v != 0;
        return netprefix_parse(bytes_str("10.0.0.0/8"), &p->private_net) == ST_OK;
    }
    if (strcmp(word, "loss") == 0)
        p->net.loss_ppm = (uint32_t)v * 10000;
    else if (strcmp(word, "duplicate") == 0)
        p->net.duplicate_ppm = (uint32_t)v * 10000;
    else if (strcmp(word, "mtu") == 0)
        p->net.mtu = (uint32_t)v;
    else if (strcmp(word, "allow-all") == 0)
        p->allow_count = v ? 2 : 1;
    else if (strcmp(word, "client-bits") == 0)
        p->options.rate.ipv4_bits = p->options.miss_rate.ipv4_bits = (uint8_t)MIN(v, (uint64_t)32);
    else if (strcmp(word, "validate") == 0)
        p->options.anchors = v ? p->anchors : NULL;
    else
        return false;
    return true;
}

static enum status set_options(struct player *p)
{
    resolver_options_default(&p->options);
    p->allow_count = 1;
    p->options.hints = p->hints;
    p->options.hint_count = p->hint_count;
    p->options.max_clients = 1000;
    p->options.rates = &p->rates;
    p->options.anchors = p->anchors;
    p->options.negative = p->negative;
    p->options.negative_count = p->sc->negative_count;
    p->options.route = p->route;
    p->options.route_count = p->sc->route_count;
    for (unsigned i = 0; i < p->sc->route_count; i++) {
        const struct scenario_route *t = &p->sc->route[i];
        p->route[i] = (struct route){t->zone, t->address, t->address_count, !t->stub, t->fallback};
    }
    p->options.local = p->sc->local;
    for (unsigned i = 0; i < p->sc->copy_count; i++)
        p->route[p->options.route_count++] = (struct route){
            .zone = p->sc->copy[i], .here = true, .fallback = name_is_root(p->sc->copy[i].w)};
    for (unsigned i = 0; i < p->sc->negative_count; i++) {
        uint64_t for_s = p->sc->negative[i].for_s;
        p->negative[i] = (struct negative_anchor){
            p->sc->negative[i].name, for_s == UINT64_MAX ? for_s : SIM_START_WALL_S + for_s};
    }
    for (unsigned i = 0; i < p->sc->option_count; i++) {
        if (!set_option(p, p->sc->option[i].word, p->sc->option[i].value)) {
            struct step at = {.line = p->sc->option[i].line};
            player_differs(p, &at, "there is no option \"%s\"", p->sc->option[i].word);
            return ST_ESEMANTIC;
        }
    }
    if (netprefix_parse(bytes_str("127.0.0.0/8"), &p->allow[0]) != ST_OK ||
        netprefix_parse(bytes_str("0.0.0.0/0"), &p->allow[1]) != ST_OK)
        return ST_ESEMANTIC;
    p->options.allow = p->allow;
    p->options.allow_count = p->allow_count;
    return ST_OK;
}

/* --- Trust anchors --- */

/* The tags stay, the digests do not fit any more. */
static enum status alter_anchors(struct player *p)
{
    struct anchors *fresh = anchors_new();
    const struct rrset *set = p->anchors != NULL ? anchors_at(p->anchors, 0) : NULL;
    enum status st = fresh != NULL && set != NULL ? ST_OK : ST_ENOMEM;
    struct rdata_iter it = rdata_iter(set != NULL ? set : &(struct rrset){.count = 0});
    for (struct bytes rd; st == ST_OK && rdata_iter_next(&it, &rd);) {
        uint8_t ds[256];
        memcpy(ds, rd.p, MIN(rd.n, sizeof ds));
        ds[rd.n - 1] ^= 1;
        st = anchors_add_ds(fresh, set->owner, bytes_of(ds, MIN(rd.n, sizeof ds)));
    }
    anchors_free(p->anchors);
    p->anchors = fresh;
    return st;
}

/* The root's keys, unless the scenario says otherwise. NULL: nothing is validated. */
static enum status make_anchors(struct player *p)
{
    static const uint8_t wrong[36] = {0x12, 0x34, SEC_ED25519, DS_SHA256, 1, 2, 3};
    const struct scenario *sc = p->sc;
    if (sc->anchor_count == 0 && !sc->anchor_wrong && !sc->anchor_none) {
        p->anchors = internet_anchors(&p->internet);
        return sc->anchor_altered ? alter_anchors(p) : ST_OK;
    }
    p->anchors = anchors_new();
    if (p->anchors == NULL)
        return ST_ENOMEM;
    if (sc->anchor_wrong)
        TRY(anchors_add_ds(p->anchors, name_root, bytes_of(wrong, sizeof wrong)));
    for (unsigned i = 0; i < sc->anchor_count; i++)
        if (internet_anchors_add(&p->internet, sc->anchor[i].w, p->anchors) != ST_OK) {
            struct step at = {0};
            player_differs(p, &at, "an anchor is no signed zone");
            return ST_ESEMANTIC;
        }
    return ST_OK;
}

/* --- Files --- */

enum file_kind { FILE_ZONE, FILE_RECIPE, FILE_LAB };

struct file {
    enum file_kind kind;
    void *inner;
    const struct text *text;
    size_t at;
};

static void *open_file(void *ctx, const char *path, struct diag *d)
{
    struct player *p = ctx;
    const struct scenario *sc = p->sc;
    struct file *f = calloc(1, sizeof *f);
    char own[64], lab[4096];
    if (f == NULL)
        return NULL;
    for (unsigned i = 0; i < sc->recipe_count; i++) {
        snprintf(own, sizeof own, "/faults/" SCENARIO_RECIPE_WORD ".fault", i);
        if (strcmp(path, own) == 0) {
            *f = (struct file){.kind = FILE_RECIPE, .text = &sc->recipe[i]};
            return f;
        }
    }
    if (strncmp(path, "/zones/", 7) == 0) {
        f->kind = FILE_ZONE;
        f->inner = sc->world->files.open(sc->world->files.ctx, path, d);
    } else if (sc->files != NULL && sc->lab != NULL &&
               snprintf(lab, sizeof lab, "%s%s", sc->lab, path) < (int)sizeof lab) {
        f->kind = FILE_LAB;
        f->inner = sc->files->open(sc->files->ctx, lab, d);
    } else {
        diag_set(d, SEV_ERROR, "no-file", NULL, "there is no %s", path);
    }
    if (f->inner != NULL)
        return f;
    free(f);
    return NULL;
}

static const struct file_source *source_of(const struct player *p, const struct file *f)
{
    return f->kind == FILE_ZONE ? &p->sc->world->files : p->sc->files;
}

static long read_file(void *ctx, void *file, void *buf, size_t n)
{
    struct file *f = file;
    if (f->kind != FILE_RECIPE) {
        const struct file_source *s = source_of(ctx, f);
        return s->read(s->ctx, f->inner, buf, n);
    }
    n = MIN(n, f->text->n - f->at);
    memcpy(buf, f->text->p + f->at, n);
    f->at += n;
    return (long)n;
}

static void close_file(void *ctx, void *file)
{
    struct file *f = file;
    if (f->kind != FILE_RECIPE) {
        const struct file_source *s = source_of(ctx, f);
        s->close(s->ctx, f->inner);
    }
    free(f);
}

/* --- The Internet --- */

static void name_agent(const struct player *p, struct host *h)
{
    for (unsigned i = 0; i < p->sc->agent_count; i++) {
        if (!name_equal(p->sc->agent[i].server.w, h->name.w))
            continue;
        h->options.report_agent = p->sc->agent[i].agent.w;
        auth_swap(h->auth, h->table, &h->options);
    }
}

static enum status open_internet(struct player *p)
{
    struct world *w = p->sc->world;
    p->env = (struct env){.ctx = p, .random = player_random};
    struct internet_plan plan = {.topology = &w->topology,
                                 .files = &p->files,
                                 .dir = "",
                                 .form = FORM_REAL,
                                 .broken = p->sc->broken,
                                 .broken_count = p->sc->broken_count,
                                 .env = &p->env,
                                 .now_s = SIM_START_WALL_S,
                                 .repeatable = true};
    p->files = (struct file_source){p, open_file, read_file, close_file};
    for (unsigned i = 0; i < p->sc->broken_count; i++) {
        struct diag d;
        enum status st = breakage_check(&plan, &p->sc->broken[i], &d);
        if (st != ST_OK) {
            struct step at = {0};
            player_differs(p, &at, "%s", d.message);
            return st;
        }
    }
    TRY(internet_open(&p->internet, &plan, p->sink));
    p->script_host = calloc(p->internet.host_count + 1, sizeof *p->script_host);
    p->sent_to = calloc(p->internet.host_count + 1, sizeof *p->sent_to);
    p->hints = calloc(HINTS_MAX, sizeof *p->hints);
    if (p->script_host == NULL || p->sent_to == NULL || p->hints == NULL)
        return ST_ENOMEM;
    for (unsigned i = 0; i < p->internet.host_count; i++) {
        p->script_host[i] = (struct script_host){p, &p->internet.host[i]};
        p->internet.host[i].script = (struct host_script){&p->script_host[i], player_script};
        name_agent(p, &p->internet.host[i]);
        const struct topo_server *s = topology_find(&w->topology, p->internet.host[i].name.w);
        for (unsigned k = 0;
             topo_serves(s, name_root) && k < s->addr_count && p->hint_count < HINTS_MAX; k++)
            p->hints[p->hint_count++] =
                (struct root_hint){.server = s->name, .address = s->addr[k]};
    }
    return ST_OK;
}

/* The zones that the resolver has itself, as they are now. */
static enum status open_copies(struct player *p)
{
    struct zone *zones[SCENARIO_ROUTES];
    unsigned n = 0;
    for (unsigned i = 0; i < p->sc->copy_count; i++)
        for (unsigned k = 0; k < p->internet.zone_count; k++)
            if (name_equal(zone_origin(p->internet.zone[k]), p->sc->copy[i].w))
                zones[n++] = p->internet.zone[k];
    if (n < p->sc->copy_count) {
        struct step at = {0};
        player_differs(p, &at, "there is no such zone to be copied");
        return ST_ESEMANTIC;
    }
    if (n == 0)
        return ST_OK;
    auth_options_default(&p->own_options);
    TRY(zone_table_new(zones, n, &p->own_table));
    p->own = auth_new(p->own_table, &p->own_options, &p->env);
    return p->own != NULL ? ST_OK : ST_ENOMEM;
}

enum status player_open(struct player *p)
{
    TRY(open_internet(p));
    TRY(open_copies(p));
    TRY(make_anchors(p));
    return set_options(p);
}
