#include "io/served.h"

#include "base/limits.h"
#include "base/when.h"
#include "io/anchors.h"
#include "io/files.h"
#include "io/log.h"

#include <stdlib.h>

enum { HINTS_FILE_MAX = 1 << 20, INTERNET_ROOTS_LEAST = 7 };

static void set_auth(struct served *s, struct hash_key cookie_key)
{
    const struct config *c = s->config;
    auth_options_default(&s->auth);
    s->auth.udp_size = (uint16_t)c->server.udp_size;
    s->auth.rotation = c->server.rotation == CONFIG_CYCLIC   ? ROTATE_CYCLIC
                       : c->server.rotation == CONFIG_RANDOM ? ROTATE_RANDOM
                                                             : ROTATE_FIXED;
    s->auth.minimal_any = c->server.minimal_any;
    s->auth.cookies = c->server.cookies;
    s->auth.cookie_key = cookie_key;
    if (c->server.cookie_secret.set)
        memcpy(&s->auth.cookie_key, c->server.cookie_secret.key, sizeof s->auth.cookie_key);
    s->auth.version = c->server.version;
    s->auth.report_agent = c->server.report_agent;
    s->auth.hostname = c->server.hostname;
    s->auth.identity = c->server.identity;
    s->auth.keepalive_ms = c->tcp.keepalive ? c->tcp.idle_ms : 0;
    s->limits = (struct front_limits){c->tcp.max_connections, c->tcp.max_per_client, c->tcp.idle_ms,
                                      c->tcp.pipeline, c->tcp.send_ms};
}

static enum status set_hints(struct served *s, const struct served *old, struct text *say)
{
    const struct config *c = s->config;
    size_t n = 0;
    if (old != NULL) {
        memcpy(s->hints, old->hints, sizeof s->hints);
        s->resolver.hints = s->hints;
        s->resolver.hint_count = old->resolver.hint_count;
        return ST_OK;
    }
    for (size_t i = 0; i < c->resolver.hints.n; i++) {
        const struct config_hint *h = &c->resolver.hints.v[i];
        for (size_t k = 0; k < h->addresses.n && n < ROOT_HINTS_MAX; k++) {
            name_copy(s->hints[n].server.w, h->name);
            s->hints[n++].address = h->addresses.v[k];
        }
    }
    if (c->resolver.root_hints != NULL) {
        char *text = NULL;
        size_t size = 0;
        struct diag d = {.file = c->resolver.root_hints};
        enum status st = file_read_whole(c->resolver.root_hints, HINTS_FILE_MAX, &text, &size, &d);
        if (st == ST_OK)
            st = root_hints_read(bytes_of(text, size), s->hints, ROOT_HINTS_MAX, &n, &d);
        free(text);
        if (st != ST_OK) {
            if (d.message[0] == '\0')
                diag_set(&d, SEV_ERROR, "root-hints", NULL, "root hints: %s", status_text(st));
            diag_text(&d, false, say);
            log_diag("root-hints", &d);
            return st;
        }
    }
    if (n == 0)
        n = root_hints_builtin(s->hints, ROOT_HINTS_MAX);
    s->resolver.hints = s->hints;
    s->resolver.hint_count = n;
    return ST_OK;
}

static void complain(const struct diag *d, struct text *say)
{
    diag_text(d, false, say);
    log_diag("trust-anchors", d);
}

/* Another root than the Internet's has other keys, too. A laboratory may borrow the names of a root
 * server or two; a list of the Internet's root has most of the thirteen and nothing else. */
static bool internet_root(const struct served *s)
{
    struct root_hint known[ROOT_HINTS_MAX];
    size_t n = root_hints_builtin(known, ROOT_HINTS_MAX), found = 0, distinct = 0;
    for (size_t k = 0; k < n; k++) {
        bool listed = false, again = false;
        for (size_t i = 0; i < k; i++)
            again |= name_equal(known[k].server.w, known[i].server.w);
        for (size_t i = 0; !again && i < s->resolver.hint_count; i++)
            if (name_equal(known[k].server.w, s->hints[i].server.w)) {
                listed = true;
                found++;
            }
        distinct += listed;
    }
    return found == s->resolver.hint_count && distinct >= INTERNET_ROOTS_LEAST;
}

/* Those of the configuration; empty where nothing is to be validated. */
static enum status configured_anchors(const struct served *s, struct text *say,
                                      struct anchors **ret)
{
    const struct config *c = s->config;
    const char *files[64] = {NULL};
    struct diag d = {0};
    size_t n = MIN(c->resolver.trust_anchors.n, ARRAY_LEN(files));
    for (size_t i = 0; i < n; i++)
        files[i] = c->resolver.trust_anchors.v[i].file;
    enum status st = anchors_load(files, n, ret, &d);
    if (st == ST_OK && n == 0 && internet_root(s)) {
        st = anchors_add_builtin(*ret);
    } else if (st == ST_OK && n == 0 && c->resolver.enabled) {
        diag_set(&d, SEV_WARNING, "trust-anchors", "give the root's keys in resolver.trust-anchors",
                 "other root servers than the Internet's, and no trust anchors: nothing is "
                 "validated");
        complain(&d, say);
    }
    if (st != ST_OK || (n > 0 && d.message[0] != '\0')) /* a warning: anchors of no use here */
        complain(&d, say);
    return st;
}

static enum status set_anchors(struct served *s, const struct served_how *how, struct text *say)
{
    struct anchors *configured = NULL;
    if (!s->config->resolver.validate)
        return ST_OK;
    bool again = how->old != NULL && how->old->anchors != NULL;
    if (again && how->keeper == NULL)
        TRY(anchors_copy(how->old->anchors, &s->anchors));
    if (!again)
        TRY(configured_anchors(s, say, &configured));
    if (how->keeper != NULL) {
        enum status st =
            anchor_keeper_take(how->keeper, configured, say, &s->anchors, &s->anchors_version);
        anchors_free(configured);
        TRY(st);
    } else if (!again) {
        s->anchors = configured;
    }
    s->resolver.anchors = anchors_at(s->anchors, 0) != NULL ? s->anchors : NULL;
    return ST_OK;
}

static void say_own(void *ctx, const struct diag *d)
{
    diag_text(d, false, ctx);
    log_diag("local-data", d);
}

static enum status set_own(struct served *s, const struct served_how *how, struct text *say)
{
    struct diag_sink sink = {say_own, say, 0, 0};
    auth_options_default(&s->own_auth);
    if (how->old != NULL)
        s->own = own_take(how->old->own);
    else
        TRY(own_load(s->config, &how->cookie_key, &sink, &s->own));
    s->resolver.local = s->own->local;
    return ST_OK;
}

/* Zones that are known here, behind the others: a forwarder for all goes before the root's copy. */
static void add_own_routes(struct served *s, size_t n)
{
    for (size_t i = 0; i < zone_table_count(s->own->zones); i++) {
        const uint8_t *name = zone_origin(zone_table_at(s->own->zones, i));
        bool root = name_is_root(name) && s->own->has_root;
        s->route[n + i] = (struct route){
            .here = true, .fallback = root, .until_s = root ? s->own->root_until_s : 0};
        name_copy(s->route[n + i].zone.w, name);
    }
}

static enum status set_routes(struct served *s)
{
    const struct config *c = s->config;
    size_t forward = c->resolver.forward_zones.n, stub = c->resolver.stub_zones.n;
    size_t own = zone_table_count(s->own->zones);
    if (forward + stub + own == 0)
        return ST_OK;
    s->route = calloc(forward + stub + own, sizeof *s->route);
    if (s->route == NULL)
        return ST_ENOMEM;
    for (size_t i = 0; i < forward + stub; i++) {
        const struct config_route *v =
            i < forward ? &c->resolver.forward_zones.v[i] : &c->resolver.stub_zones.v[i - forward];
        s->route[i] = (struct route){.address = v->servers.v,
                                     .address_count = v->servers.n,
                                     .recursive = i < forward,
                                     .fallback = v->fallback};
        name_copy(s->route[i].zone.w, v->zone);
    }
    s->resolver.route = s->route;
    add_own_routes(s, forward + stub);
    s->resolver.route_count = forward + stub + own;
    return ST_OK;
}

static enum status set_negative(struct served *s)
{
    const struct config *c = s->config;
    size_t n = c->resolver.negative_trust_anchors.n, own = zone_table_count(s->own->zones);
    if (n + own == 0)
        return ST_OK;
    s->negative = calloc(n + own, sizeof *s->negative);
    if (s->negative == NULL)
        return ST_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct config_negative *v = &c->resolver.negative_trust_anchors.v[i];
        name_copy(s->negative[i].name.w, v->name);
        s->negative[i].until_s = UINT64_MAX;
        if (v->until != NULL && !when_parse(bytes_str(v->until), &s->negative[i].until_s))
            return ST_ESYNTAX; /* was checked */
    }
    for (size_t i = 0; i < own; i++) { /* files of the configuration need no proof */
        const uint8_t *name = zone_origin(zone_table_at(s->own->zones, i));
        if (name_is_root(name) && s->own->has_root)
            continue;
        name_copy(s->negative[n].name.w, name);
        s->negative[n++].until_s = UINT64_MAX;
    }
    s->resolver.negative = s->negative;
    s->resolver.negative_count = n;
    return ST_OK;
}

static enum status set_resolver(struct served *s, const struct served_how *how, struct text *say)
{
    const struct config *c = s->config;
    struct resolver_options *r = &s->resolver;
    resolver_options_default(r);
    r->allow = c->resolver.allow.v;
    r->allow_count = c->resolver.allow.n;
    r->explain = c->resolver.explain_clients.v;
    r->explain_count = c->resolver.explain_clients.n;
    r->private_nets = c->resolver.private_addresses.v;
    r->private_count = c->resolver.private_addresses.n;
    r->outgoing = c->resolver.outgoing.v;
    r->outgoing_count = c->resolver.outgoing.n;
    r->upstream_port = (uint16_t)c->resolver.upstream_port;
    r->udp_size = (uint16_t)c->resolver.udp_size;
    r->ipv4 = c->resolver.ipv4;
    r->ipv6 = c->resolver.ipv6;
    r->minimise = c->resolver.minimise != 0; /* no, yes, strict */
    r->minimise_strict = c->resolver.minimise == 2;
    r->minimise_ns = c->resolver.minimise_ns;
    r->cookies = c->resolver.cookies;
    r->random_case = c->resolver.random_case;
    r->nxdomain_cut = (enum nxdomain_cut)c->resolver.nxdomain_cut;
    r->prime = c->resolver.prime;
    r->query_loopback = c->resolver.query_loopback;
    r->query_private = c->resolver.query_private;
    r->harden_glue = c->resolver.harden_glue;
    r->minimal_any = c->resolver.minimal_any;
    r->ttl_min_s = c->resolver.ttl_min_s;
    r->ttl_max_s = c->resolver.ttl_max_s;
    r->negative_ttl_max_s = c->resolver.negative_ttl_max_s;
    r->negative_ttl_min_s = c->resolver.negative_ttl_min_s;
    r->prefetch = (enum prefetch)c->resolver.prefetch;
    r->patience_ms = c->resolver.patience_ms;
    r->serve_stale = c->resolver.serve_stale;
    r->stale_max_s = c->resolver.stale_max_s;
    r->stale_ttl_s = c->resolver.stale_ttl_s;
    r->stale_wait_ms = c->resolver.stale_wait_ms;
    r->stale_recheck_s = c->resolver.stale_recheck_s;
    r->timeout_ms = c->resolver.timeout_ms;
    r->max_clients = MAX(c->resolver.max_clients / how->workers, 1u);
    r->rates = how->rates;
    r->rate = (struct rate_limit){.per_s = c->resolver.client_rate,
                                  .ipv4_bits = (uint8_t)c->resolver.client_ipv4_bits,
                                  .ipv6_bits = (uint8_t)c->resolver.client_ipv6_bits};
    r->miss_rate = r->rate;
    r->miss_rate.per_s = c->resolver.client_miss_rate;
    r->identity = c->server.identity;
    r->keepalive_ms = s->auth.keepalive_ms;
    r->cookie_key = s->auth.cookie_key;
    r->error_reporting = c->resolver.error_reporting;
    r->aggressive = c->resolver.aggressive;
    r->rsa_sha1 = c->resolver.rsa_sha1;
    TRY(set_hints(s, how->old, say));
    TRY(set_own(s, how, say));
    TRY(set_negative(s));
    TRY(set_routes(s));
    return set_anchors(s, how, say); /* last: the keeper goes on from what it was given */
}

enum status served_new(struct config *c, struct zone_set *zones, const struct served_how *how,
                       struct text *say, struct served **ret)
{
    struct served *s = calloc(1, sizeof *s);
    if (s == NULL) {
        zone_set_free(zones);
        config_free(c);
        return ST_ENOMEM;
    }
    s->config = c;
    s->zones = zones;
    s->has_zones = zones->n > 0;
    set_auth(s, how->cookie_key);
    /* Also when it is off: a reload may say so while the workers still have theirs, until the next
     * start. */
    enum status st = set_resolver(s, how, say);
    if (st == ST_OK)
        *ret = s;
    else
        served_free(s);
    return st;
}

void served_free(struct served *s)
{
    if (s == NULL)
        return;
    zone_set_free(s->zones);
    config_free(s->config);
    anchors_free(s->anchors);
    free(s->negative);
    free(s->route);
    own_drop(s->own);
    free(s);
}
