/* The YAML reader of lab/topology.yaml: every error with its place, unknown keys with a suggestion.
 */
#include "sim/topology.h"

#include <libfyaml.h>
#include <stdlib.h>

struct yaml {
    struct topology *t;
    struct diag_sink *sink;
    const char *file;
    struct bytes text;
    struct topo_server *s; /* the server being read */
};

static void source_line(const struct yaml *y, struct diag *d)
{
    size_t at = 0;
    for (uint32_t line = 1; at < y->text.n && line < d->line; at++)
        line += y->text.p[at] == '\n';
    size_t n = 0;
    while (at < y->text.n && y->text.p[at] != '\n' && n + 1 < sizeof d->source) {
        uint8_t c = y->text.p[at++];
        d->source[n++] = (char)(c < 0x20 || c == 0x7f ? ' ' : c);
    }
    d->source[n] = '\0';
}

static void complain(const struct yaml *y, struct fy_token *tok, const char *code, const char *hint,
                     const char *fmt, ...) PRINTF_LIKE(5, 6);

static void complain(const struct yaml *y, struct fy_token *tok, const char *code, const char *hint,
                     const char *fmt, ...)
{
    char what[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    struct diag d = {.file = y->file};
    diag_set(&d, SEV_ERROR, code, hint, "%s", what);
    const struct fy_mark *m = tok ? fy_token_start_mark(tok) : NULL;
    if (m != NULL) {
        d.line = (uint32_t)m->line + 1;
        d.column = (uint32_t)m->column + 1;
        source_line(y, &d);
    }
    diag_emit(y->sink, &d);
}

/* The text of a scalar as a C string in the topology's arena; NULL (told) if it is none. */
static const char *scalar(const struct yaml *y, struct fy_node *n, const char *what)
{
    size_t len = 0;
    const char *p = n != NULL && fy_node_is_scalar(n) ? fy_node_get_scalar(n, &len) : NULL;
    if (p == NULL || len > 1000) {
        complain(y, NULL, "not-a-value", NULL, "%s: one value is expected", what);
        return NULL;
    }
    char *s = arena_alloc_bytes(&y->t->arena, len + 1);
    if (s != NULL) {
        memcpy(s, p, len);
        s[len] = '\0';
    }
    return s;
}

static void read_name(struct yaml *y, struct fy_node *n, const char *what, struct name *ret,
                      bool *ok)
{
    const char *s = scalar(y, n, what);
    *ok = s != NULL && name_from(s, ret) == ST_OK;
    if (s != NULL && !*ok)
        complain(y, fy_node_get_scalar_token(n), "bad-name", NULL, "\"%s\" is not a domain name",
                 s);
}

static void read_address(struct yaml *y, struct fy_node *n, struct netaddr *ret, bool *ok)
{
    const char *s = scalar(y, n, "address");
    *ok = s != NULL && netaddr_parse(bytes_str(s), ret) == ST_OK;
    if (s != NULL && !*ok)
        complain(y, fy_node_get_scalar_token(n), "bad-address", NULL, "\"%s\" is not an IP address",
                 s);
}

static void read_addresses(struct yaml *y, struct fy_node *n)
{
    void *it = NULL;
    if (!fy_node_is_sequence(n)) {
        complain(y, fy_node_get_scalar_token(n), "not-a-list", "write [192.0.2.1, \"2001:db8::1\"]",
                 "addresses: a list is expected");
        return;
    }
    for (struct fy_node *i; (i = fy_node_sequence_iterate(n, &it)) != NULL;) {
        bool ok = y->s->addr_count < TOPO_ADDRESSES;
        if (!ok)
            complain(y, fy_node_get_scalar_token(i), "too-many", NULL, "more than %d addresses",
                     TOPO_ADDRESSES);
        else
            read_address(y, i, &y->s->addr[y->s->addr_count], &ok);
        y->s->addr_count += ok;
    }
}

static void read_zones(struct yaml *y, struct fy_node *n)
{
    void *it = NULL;
    if (!fy_node_is_sequence(n)) {
        complain(y, fy_node_get_scalar_token(n), "not-a-list", "write [example.org]",
                 "zones: a list is expected");
        return;
    }
    for (struct fy_node *i; (i = fy_node_sequence_iterate(n, &it)) != NULL;) {
        struct name z;
        bool ok;
        read_name(y, i, "zone", &z, &ok);
        if (ok && topology_serve(y->t, y->s, z.w) != ST_OK)
            complain(y, fy_node_get_scalar_token(i), "too-many", NULL,
                     "more than %d zones on a server", TOPO_SERVER_ZONES);
    }
}

static void read_faults(struct yaml *y, struct fy_node *n)
{
    void *it = NULL;
    if (!fy_node_is_sequence(n)) {
        complain(y, fy_node_get_scalar_token(n), "not-a-list", "write [lame]",
                 "faults: a list is expected");
        return;
    }
    for (struct fy_node *i; (i = fy_node_sequence_iterate(n, &it)) != NULL;) {
        const char *s = scalar(y, i, "fault");
        if (s == NULL)
            continue;
        if (y->s->fault_count == TOPO_FAULTS) {
            complain(y, fy_node_get_scalar_token(i), "too-many", NULL, "more than %d faults",
                     TOPO_FAULTS);
        } else if (fault_parse(bytes_str(s), &y->s->fault[y->s->fault_count])) {
            y->s->fault_count++;
        } else {
            char hint[64] = "";
            const char *near = fault_nearest(s);
            if (near != NULL)
                snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
            complain(y, fy_node_get_scalar_token(i), "unknown-fault", hint,
                     "no fault is called \"%s\"", s);
        }
    }
}

static void read_delay(struct yaml *y, struct fy_node *n)
{
    const char *s = scalar(y, n, "delay");
    if (s == NULL)
        return;
    char *end;
    unsigned long v = strtoul(s, &end, 10);
    while (*end == ' ')
        end++;
    if (end == s || v > 60000 || (strcmp(end, "ms") != 0 && *end != '\0'))
        complain(y, fy_node_get_scalar_token(n), "bad-delay", "write 45 ms",
                 "\"%s\" is not a delay", s);
    else
        y->s->delay_us = (uint32_t)v * 1000;
}

static void read_server_key(struct yaml *y, const char *key, struct fy_token *tok,
                            struct fy_node *v)
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
            complain(y, fy_node_get_scalar_token(v), "not-loopback", "use one in 127.0.0.0/8",
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
        complain(y, tok, "unknown-key", hint, "a server has no \"%s\"", key);
    }
}

static void read_server(struct yaml *y, struct fy_node *n)
{
    struct name name;
    bool ok;
    struct fy_node *nn =
        fy_node_is_mapping(n) ? fy_node_mapping_lookup_by_string(n, "name", 4) : NULL;
    if (nn == NULL) {
        complain(y, fy_node_get_scalar_token(n), "no-name", NULL, "a server without a name");
        return;
    }
    read_name(y, nn, "name", &name, &ok);
    if (!ok)
        return;
    if (topology_find(y->t, name.w) != NULL) {
        complain(y, fy_node_get_scalar_token(nn), "twice", NULL, "this server stands here twice");
        return;
    }
    y->s = topology_add(y->t, name.w);
    if (y->s == NULL) {
        complain(y, fy_node_get_scalar_token(nn), "too-many", NULL, "more than %d servers",
                 TOPO_SERVERS);
        return;
    }
    void *it = NULL;
    for (struct fy_node_pair *p; (p = fy_node_mapping_iterate(n, &it)) != NULL;) {
        struct fy_node *k = fy_node_pair_key(p);
        const char *key = scalar(y, k, "key");
        if (key != NULL)
            read_server_key(y, key, fy_node_get_scalar_token(k), fy_node_pair_value(p));
    }
    if (y->s->addr_count == 0 && y->s->loopback.family == ADDR_NONE)
        complain(y, fy_node_get_scalar_token(nn), "no-address", NULL, "the server has no address");
}

/* What libfyaml itself found wrong. */
static void syntax_errors(struct yaml *y, struct fy_diag *fd)
{
    void *it = NULL;
    bool any = false;
    for (struct fy_diag_error *e; (e = fy_diag_errors_iterate(fd, &it)) != NULL;) {
        struct diag d = {.file = y->file,
                         .line = (uint32_t)MAX(e->line, 0),
                         .column = (uint32_t)MAX(e->column, 0)};
        diag_set(&d, SEV_ERROR, "yaml", NULL, "%s", e->msg ? e->msg : "not YAML");
        source_line(y, &d);
        diag_emit(y->sink, &d);
        any = true;
    }
    if (!any)
        complain(y, NULL, "yaml", NULL, "this is not YAML");
}

static void read_document(struct yaml *y, struct fy_node *root)
{
    struct fy_node *list = root != NULL && fy_node_is_mapping(root)
                               ? fy_node_mapping_lookup_by_string(root, "servers", 7)
                               : NULL;
    if (list == NULL || !fy_node_is_sequence(list)) {
        complain(y, NULL, "no-servers", NULL, "a list called \"servers\" is expected");
        return;
    }
    void *it = NULL;
    for (struct fy_node *n; (n = fy_node_sequence_iterate(list, &it)) != NULL;)
        read_server(y, n);
}

enum status topology_parse(struct topology *t, struct bytes text, const char *file,
                           struct diag_sink *sink)
{
    struct yaml y = {.t = t, .sink = sink, .file = file, .text = text};
    uint32_t before = sink->errors;
    if (text.n == 0) {
        complain(&y, NULL, "empty", NULL, "the file is empty");
        return ST_ESYNTAX;
    }
    struct fy_diag_cfg dc;
    fy_diag_cfg_default(&dc);
    dc.fp = NULL;
    struct fy_diag *fd = fy_diag_create(&dc);
    if (fd == NULL)
        return ST_ENOMEM;
    fy_diag_set_collect_errors(fd, true);
    struct fy_parse_cfg pc = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = fd};
    struct fy_document *doc = fy_document_build_from_string(&pc, (const char *)text.p, text.n);
    if (doc == NULL)
        syntax_errors(&y, fd);
    else
        read_document(&y, fy_document_root(doc));
    fy_document_destroy(doc);
    fy_diag_destroy(fd);
    return sink->errors > before ? ST_ESYNTAX : ST_OK;
}
