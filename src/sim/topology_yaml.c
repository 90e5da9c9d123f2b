/* The YAML reader of lab/topology.yaml: every error with its place, unknown keys with a suggestion.
 */
#include "config/yaml.h"
#include "crypto/key.h"
#include "sim/topology.h"

#include <stdio.h>
#include <stdlib.h>

struct yaml {
    struct topology *t;
    struct diag_sink *sink;
    struct yaml_source src;
    struct topo_server *s; /* the server being read */
};

static void complain(const struct yaml *y, const struct yaml_node *at, const char *code,
                     const char *hint, const char *fmt, ...) PRINTF_LIKE(5, 6);

static void complain(const struct yaml *y, const struct yaml_node *at, const char *code,
                     const char *hint, const char *fmt, ...)
{
    char what[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    struct diag d = {.file = y->src.file};
    diag_set(&d, SEV_ERROR, code, hint, "%s", what);
    if (at != NULL)
        yaml_place(&y->src, at->line, at->column, &d);
    diag_emit(y->sink, &d);
}

/* The text of a scalar; NULL (told) if it is none. */
static const char *scalar(const struct yaml *y, const struct yaml_node *n, const char *what)
{
    if (n != NULL && n->kind == YAML_SCALAR)
        return n->text;
    complain(y, n, "not-a-value", NULL, "%s: one value is expected", what);
    return NULL;
}

static void read_name(struct yaml *y, const struct yaml_node *n, const char *what, struct name *ret,
                      bool *ok)
{
    const char *s = scalar(y, n, what);
    *ok = s != NULL && name_from(s, ret) == ST_OK;
    if (s != NULL && !*ok)
        complain(y, n, "bad-name", NULL, "\"%s\" is not a domain name", s);
}

static void read_address(struct yaml *y, const struct yaml_node *n, struct netaddr *ret, bool *ok)
{
    const char *s = scalar(y, n, "address");
    *ok = s != NULL && netaddr_parse(bytes_str(s), ret) == ST_OK;
    if (s != NULL && !*ok)
        complain(y, n, "bad-address", NULL, "\"%s\" is not an IP address", s);
}

static void read_addresses(struct yaml *y, const struct yaml_node *n)
{
    if (n->kind != YAML_SEQ) {
        complain(y, n, "not-a-list", "write [192.0.2.1, \"2001:db8::1\"]",
                 "addresses: a list is expected");
        return;
    }
    for (const struct yaml_node *i = n->child; i != NULL; i = i->next) {
        bool ok = y->s->addr_count < TOPO_ADDRESSES;
        if (!ok)
            complain(y, i, "too-many", NULL, "more than %d addresses", TOPO_ADDRESSES);
        else
            read_address(y, i, &y->s->addr[y->s->addr_count], &ok);
        y->s->addr_count += ok;
    }
}

static void read_zones(struct yaml *y, const struct yaml_node *n)
{
    if (n->kind != YAML_SEQ) {
        complain(y, n, "not-a-list", "write [example.org]", "zones: a list is expected");
        return;
    }
    for (const struct yaml_node *i = n->child; i != NULL; i = i->next) {
        struct name z;
        bool ok;
        read_name(y, i, "zone", &z, &ok);
        if (ok && topology_serve(y->t, y->s, z.w) != ST_OK)
            complain(y, i, "too-many", NULL, "more than %d zones on a server", TOPO_SERVER_ZONES);
    }
}

static void read_faults(struct yaml *y, const struct yaml_node *n)
{
    if (n->kind != YAML_SEQ) {
        complain(y, n, "not-a-list", "write [lame]", "faults: a list is expected");
        return;
    }
    for (const struct yaml_node *i = n->child; i != NULL; i = i->next) {
        const char *s = scalar(y, i, "fault");
        if (s == NULL)
            continue;
        if (y->s->fault_count == TOPO_FAULTS) {
            complain(y, i, "too-many", NULL, "more than %d faults", TOPO_FAULTS);
        } else if (fault_parse(bytes_str(s), &y->s->fault[y->s->fault_count])) {
            y->s->fault_count++;
        } else {
            char hint[64] = "";
            const char *near = fault_nearest(s);
            if (near != NULL)
                snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
            complain(y, i, "unknown-fault", hint, "no fault is called \"%s\"", s);
        }
    }
}

static void read_delay(struct yaml *y, const struct yaml_node *n)
{
    const char *s = scalar(y, n, "delay");
    if (s == NULL)
        return;
    char *end;
    unsigned long v = strtoul(s, &end, 10);
    while (*end == ' ')
        end++;
    if (end == s || v > 60000 || (strcmp(end, "ms") != 0 && *end != '\0'))
        complain(y, n, "bad-delay", "write 45 ms", "\"%s\" is not a delay", s);
    else
        y->s->delay_us = (uint32_t)v * 1000;
}

static void read_server_key(struct yaml *y, const char *key, const struct yaml_node *at,
                            const struct yaml_node *v)
{
    static const char *const keys[] = {"name", "addresses", "loopback", "delay", "zones", "faults"};
    bool ok;
    if (strcmp(key, "name") == 0)
        return;
    if (strcmp(key, "addresses") == 0) {
        read_addresses(y, v);
    } else if (strcmp(key, "loopback") == 0) {
        read_address(y, v, &y->s->loopback, &ok);
        if (ok && !netaddr_is_loopback(&y->s->loopback))
            complain(y, v, "not-loopback", "use one in 127.0.0.0/8",
                     "the loopback address is not a loopback address");
    } else if (strcmp(key, "delay") == 0) {
        read_delay(y, v);
    } else if (strcmp(key, "zones") == 0) {
        read_zones(y, v);
    } else if (strcmp(key, "faults") == 0) {
        read_faults(y, v);
    } else {
        char hint[64] = "";
        const char *near = nearest_word(key, keys, ARRAY_LEN(keys));
        if (near != NULL)
            snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
        complain(y, at, "unknown-key", hint, "a server has no \"%s\"", key);
    }
}

/* The member of a mapping, or NULL. */
static const struct yaml_node *member(const struct yaml_node *n, const char *key)
{
    if (n == NULL || n->kind != YAML_MAP)
        return NULL;
    for (const struct yaml_node *v = n->child; v != NULL; v = v->next)
        if (strcmp(v->key->text, key) == 0)
            return v;
    return NULL;
}

static void read_server(struct yaml *y, const struct yaml_node *n)
{
    struct name name;
    bool ok;
    const struct yaml_node *nn = member(n, "name");
    if (nn == NULL) {
        complain(y, n, "no-name", NULL, "a server without a name");
        return;
    }
    read_name(y, nn, "name", &name, &ok);
    if (!ok)
        return;
    if (topology_find(y->t, name.w) != NULL) {
        complain(y, nn, "twice", NULL, "this server stands here twice");
        return;
    }
    y->s = topology_add(y->t, name.w);
    if (y->s == NULL) {
        complain(y, nn, "too-many", NULL, "more than %d servers", TOPO_SERVERS);
        return;
    }
    for (const struct yaml_node *v = n->child; v != NULL; v = v->next)
        read_server_key(y, v->key->text, v->key, v);
    if (y->s->addr_count == 0 && y->s->loopback.family == ADDR_NONE)
        complain(y, nn, "no-address", NULL, "the server has no address");
}

static void unknown(const struct yaml *y, const struct yaml_node *at, const char *code,
                    const char *what, const char *word, const char *near)
{
    char hint[64] = "";
    if (near != NULL)
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
    complain(y, at, code, hint, "%s \"%s\"", what, word);
}

static void read_dnssec(struct yaml *y, const struct yaml_node *n, struct topo_signing *ret)
{
    const char *s = scalar(y, n, "dnssec");
    if (s != NULL && !topo_dnssec_parse(s, &ret->dnssec))
        unknown(y, n, "bad-dnssec", "no way of signing is called", s, topo_dnssec_nearest(s));
}

static void read_algorithm(struct yaml *y, const struct yaml_node *n, struct topo_signing *ret)
{
    const char *s = scalar(y, n, "algorithm");
    if (s != NULL && (!sec_algorithm_parse(bytes_str(s), &ret->algorithm) ||
                      !sec_algorithm_signs(ret->algorithm) || ret->algorithm == SEC_RSASHA512))
        complain(y, n, "bad-algorithm", "8, 13, 14, 15 or 16",
                 "\"%s\" is no algorithm of the lab's keys", s);
}

static void read_zone_key(struct yaml *y, const struct yaml_node *key, const struct yaml_node *v,
                          struct topo_signing *ret)
{
    static const char *const keys[] = {"name", "dnssec", "algorithm", "keys"};
    const char *s;
    if (strcmp(key->text, "dnssec") == 0)
        read_dnssec(y, v, ret);
    else if (strcmp(key->text, "algorithm") == 0)
        read_algorithm(y, v, ret);
    else if (strcmp(key->text, "keys") == 0) {
        s = scalar(y, v, "keys");
        if (s != NULL && strcmp(s, "single") != 0 && strcmp(s, "split") != 0)
            complain(y, v, "bad-keys", "single or split", "keys: \"%s\"", s);
        ret->split = s != NULL && strcmp(s, "split") == 0;
    } else if (strcmp(key->text, "name") != 0)
        unknown(y, key, "unknown-key", "a zone has no", key->text,
                nearest_word(key->text, keys, ARRAY_LEN(keys)));
}

static void read_zone(struct yaml *y, const struct yaml_node *n)
{
    const struct yaml_node *nn = member(n, "name");
    struct topo_zone z = {.signing = y->t->signing};
    bool ok;
    if (nn == NULL) {
        complain(y, n, "no-name", NULL, "a zone without a name");
        return;
    }
    read_name(y, nn, "name", &z.name, &ok);
    for (const struct yaml_node *v = n->child; v != NULL; v = v->next)
        read_zone_key(y, v->key, v, &z.signing);
    for (unsigned i = 0; ok && i < y->t->zone_count; i++)
        if (name_equal(y->t->zone[i].name.w, z.name.w)) {
            complain(y, nn, "twice", NULL, "this zone stands here twice");
            return;
        }
    if (ok && y->t->zone_count == TOPO_ZONES)
        complain(y, nn, "too-many", NULL, "more than %d zones", TOPO_ZONES);
    else if (ok)
        y->t->zone[y->t->zone_count++] = z;
}

/* Particulars of zones must be about zones that a server has. */
static void check_zone_names(const struct yaml *y, const struct yaml_node *list)
{
    const struct topology *t = y->t;
    for (unsigned i = 0; i < t->zone_count; i++) {
        bool found = false;
        char text[NAME_TEXT_MAX];
        for (unsigned k = 0; k < t->server_count && !found; k++)
            found = topo_serves(&t->server[k], t->zone[i].name.w);
        if (!found)
            complain(y, list, "unknown-zone", NULL, "no server has the zone %s",
                     name_str(t->zone[i].name.w, text));
    }
}

static void read_top(struct yaml *y, const struct yaml_node *root)
{
    static const char *const keys[] = {"servers", "dnssec", "zones"};
    const struct yaml_node *zones = member(root, "zones"), *dnssec = member(root, "dnssec");
    for (const struct yaml_node *v = root->child; v != NULL; v = v->next) {
        const char *near = nearest_word(v->key->text, keys, ARRAY_LEN(keys));
        if (near == NULL || strcmp(near, v->key->text) != 0)
            unknown(y, v->key, "unknown-key", "there is no", v->key->text, near);
    }
    if (dnssec != NULL)
        read_dnssec(y, dnssec, &y->t->signing);
    if (zones == NULL)
        return;
    if (zones->kind != YAML_SEQ) {
        complain(y, zones, "not-a-list", NULL, "zones: a list is expected");
        return;
    }
    for (const struct yaml_node *n = zones->child; n != NULL; n = n->next)
        read_zone(y, n);
    check_zone_names(y, zones);
}

enum status topology_parse(struct topology *t, struct bytes text, const char *file,
                           struct diag_sink *sink)
{
    struct yaml y = {.t = t, .sink = sink, .src = {.file = file, .text = text}};
    struct yaml_node *root = NULL;
    uint32_t before = sink->errors;
    TRY(yaml_parse(&y.src, &t->arena, sink, &root));
    const struct yaml_node *list = member(root, "servers");
    if (list == NULL || list->kind != YAML_SEQ)
        complain(&y, root, "no-servers", NULL, "a list called \"servers\" is expected");
    else
        for (const struct yaml_node *n = list->child; n != NULL; n = n->next)
            read_server(&y, n);
    if (list != NULL && list->kind == YAML_SEQ)
        read_top(&y, root);
    return sink->errors > before ? ST_ESYNTAX : ST_OK;
}
