/* The tree of a file, checked against the schema, into a struct config. */
#include "base/limits.h"
#include "config/check.h"
#include "config/schema.h"
#include "config/yaml.h"

#include <stdlib.h>

struct parse {
    struct config *c;
    struct diag_sink *sink;
    const struct config_files *files;
    const struct yaml_source *src; /* the file being read */
    const char *base_dir;
    unsigned depth; /* of includes */
    unsigned files_read;
    struct arena *nodes;
    struct places *places;
};

static void complain_at(struct parse *p, const struct yaml_node *n, const char *code,
                        const char *hint, const char *what)
{
    if (p->sink->errors >= LIMIT_CONFIG_ERRORS)
        return;
    struct diag d = {0};
    diag_set(&d, SEV_ERROR, code, hint, "%s", what);
    yaml_place(p->src, n->line, n->column, &d);
    diag_emit(p->sink, &d);
}

#define COMPLAIN(p, n, code, hint, ...)                                                            \
    do {                                                                                           \
        char what_[400];                                                                           \
        struct text t_ = text_of(what_, sizeof what_);                                             \
        text_fmt(&t_, __VA_ARGS__);                                                                \
        complain_at(p, n, code, hint, text_cstr(&t_));                                             \
    } while (0)

/* The words allowed below `parent`, for "did you mean". */
static void unknown_key(struct parse *p, const struct yaml_node *n, const char *parent)
{
    const char *words[CONFIG_ROWS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < option_count; i++)
        if (option_below(&option_table[i], parent))
            words[count++] = option_word(&option_table[i]);
    if (parent[0] == '\0')
        words[count++] = "include";
    const char *near = nearest_word(n->key->text, words, count);
    char hint[200];
    struct text t = text_of(hint, sizeof hint);
    if (near != NULL) {
        text_fmt(&t, "did you mean '%s'?", near);
    } else {
        for (size_t i = 0; i < option_count && near == NULL; i++)
            if (strcmp(option_word(&option_table[i]), n->key->text) == 0)
                near = option_table[i].path;
        if (near != NULL)
            text_fmt(&t, "there is '%s'", near);
        else if (parent[0] != '\0')
            text_fmt(&t, "'banyan config explain %s' lists what is known here", parent);
    }
    COMPLAIN(p, n->key, "unknown-key", hint, "unknown option '%.60s'%s%s", n->key->text,
             parent[0] ? " in " : "", parent);
}

static bool check_keys(struct parse *p, const struct yaml_node *map)
{
    bool ok = true;
    for (struct yaml_node *n = map->child; n != NULL; n = n->next) {
        struct yaml_node *other = map->child;
        unsigned looked =
            0; /* no mapping of ours has so many members: the rest is unknown anyway */
        while (other != n && looked++ < CONFIG_ROWS_MAX &&
               strcmp(other->key->text, n->key->text) != 0)
            other = other->next;
        if (looked > CONFIG_ROWS_MAX)
            break;
        if (other != n) {
            COMPLAIN(p, n->key, "duplicate-key", NULL,
                     "'%.60s' stands here twice: first in line %u", n->key->text, other->key->line);
            ok = false;
        }
    }
    return ok;
}

static void read_scalar(struct parse *p, const struct option *o, const struct yaml_node *n,
                        void *at)
{
    char why[300];
    struct text t = text_of(why, sizeof why);
    if (n->kind != YAML_SCALAR) {
        option_type_text(o, &t);
        COMPLAIN(p, n, "type", NULL, "%s must be %s%s", o->path, option_is_list(o) ? "" : why,
                 option_is_list(o) ? "a list of plain values" : "");
        return;
    }
    struct value_reader vr = {&p->c->arena, p->base_dir, &t};
    if (!value_read(&vr, o, n->text, n->size, at))
        COMPLAIN(p, n, "value", o->help, "%s: '%.80s' %s", o->path, n->text,
                 t.n > 0 ? why : "cannot be kept: out of memory");
}

static void read_option(struct parse *p, const struct option *o, const struct yaml_node *n,
                        void *at)
{
    if (yaml_is_null(n)) {
        if (o->def != NULL)
            COMPLAIN(p, n, "value", "leave the line out for the default", "%s has no value",
                     o->path);
        return;
    }
    if (!option_is_list(o)) {
        read_scalar(p, o, n, at);
        return;
    }
    memset(at, 0, sizeof(struct option_list)); /* the default goes */
    if (n->kind == YAML_MAP) {
        COMPLAIN(p, n, "type", NULL, "%s must be a list", o->path);
        return;
    }
    uint32_t before = p->sink->errors;
    if (n->kind == YAML_SCALAR)
        read_scalar(p, o, n, at);
    for (const struct yaml_node *e = n->kind == YAML_SEQ ? n->child : NULL; e != NULL; e = e->next)
        read_scalar(p, o, e, at);
    if (((struct option_list *)at)->n < o->min && p->sink->errors == before)
        COMPLAIN(p, n, "value", NULL, "%s needs at least %llu element", o->path,
                 (unsigned long long)o->min);
}

static void read_items(struct parse *p, const struct option *o, const struct yaml_node *n,
                       void *at);

/* One mapping: the whole file, a section, or an item of a list. */
static void read_map(struct parse *p, const char *path, const struct yaml_node *map, void *base)
{
    bool item = strchr(path, '[') != NULL;
    if (!check_keys(p, map))
        return;
    for (const struct yaml_node *n = map->child; n != NULL; n = n->next) {
        char full[128];
        struct text t = text_of(full, sizeof full);
        text_fmt(&t, "%s%s%s", path, path[0] ? "." : "", n->key->text);
        if (path[0] == '\0' && strcmp(n->key->text, "include") == 0)
            continue; /* done before */
        const struct option *o = t.cut ? NULL : option_find(full, t.n);
        if (o == NULL) {
            unknown_key(p, n, path);
        } else if (o->type == OPT_SECTION) {
            if (n->kind == YAML_MAP)
                read_map(p, o->path, n, base);
            else if (!yaml_is_null(n))
                COMPLAIN(p, n, "type", "indent its options below it",
                         "%s is a section with options", o->path);
        } else {
            bool *set = &p->c->set[o - option_table];
            if (*set && !item && o->type != OPT_ITEMS)
                COMPLAIN(p, n->key, "duplicate-key", NULL, "%s was set in another file already",
                         o->path);
            *set = true;
            if (o->type == OPT_ITEMS)
                read_items(p, o, n, (char *)base + o->offset);
            else
                read_option(p, o, n, (char *)base + o->offset);
        }
    }
}

/* What a new element has before it is read. */
static bool item_defaults(struct parse *p, const char *path, void *item)
{
    char why[300];
    struct text t = text_of(why, sizeof why);
    struct value_reader vr = {&p->c->arena, "", &t};
    for (size_t i = 0; i < option_count; i++) {
        const struct option *f = &option_table[i];
        if (f->def != NULL && f->def != option_required && !option_is_list(f) &&
            option_below(f, path) && !value_default(&vr, f, (char *)item + f->offset))
            return false;
    }
    return true;
}

static void read_items(struct parse *p, const struct option *o, const struct yaml_node *n, void *at)
{
    char path[64];
    struct text t = text_of(path, sizeof path);
    text_fmt(&t, "%s[]", o->path);
    if (yaml_is_null(n))
        return;
    if (n->kind != YAML_SEQ) {
        COMPLAIN(p, n, "type", "begin each with '- '", "%s must be a list", o->path);
        return;
    }
    for (const struct yaml_node *e = n->child; e != NULL; e = e->next) {
        struct option_list *l = at;
        if (e->kind != YAML_MAP) {
            COMPLAIN(p, e, "type", NULL,
                     "each element of %s has options of its own, such as '%s: ...'", o->path,
                     "name");
            continue;
        }
        void *item = l->n < o->max ? list_grow(&p->c->arena, l, o->item_size) : NULL;
        if (item == NULL) {
            COMPLAIN(p, e, "value", NULL, "%s has too many elements", o->path);
            return;
        }
        uint32_t before = p->sink->errors;
        if (!item_defaults(p, path, item))
            COMPLAIN(p, e, "value", NULL, "%s: out of memory", o->path);
        read_map(p, path, e, item);
        bool whole = p->sink->errors == before;
        for (size_t i = 0; i < option_count && whole; i++) {
            const struct option *f = &option_table[i];
            if (!option_below(f, path) || f->def != option_required)
                continue;
            struct option_list *fl = (void *)((char *)item + f->offset);
            if (option_is_list(f) ? fl->n == 0 : value_unset(f, fl)) {
                COMPLAIN(p, e, "missing", f->help, "%s is missing", f->path);
                whole = false;
            }
        }
        if (whole)
            place_add(p->places, o, l->n - 1, p->src, e->line, e->column);
    }
}

static void parse_text(struct parse *p, const char *file, struct bytes text);

static void include_file(struct parse *p, const struct yaml_node *n)
{
    if (n->kind != YAML_SCALAR || n->size == 0) {
        COMPLAIN(p, n, "include", NULL, "include must be a path or a list of paths");
        return;
    }
    if (p->files == NULL || p->depth >= LIMIT_CONFIG_INCLUDES ||
        p->files_read++ >= LIMIT_CONFIG_FILES) {
        COMPLAIN(p, n, "include", NULL, "%s",
                 p->files == NULL                    ? "files cannot be included here"
                 : p->depth >= LIMIT_CONFIG_INCLUDES ? "files include one another too deep"
                                                     : "too many files are included");
        return;
    }
    struct option path = {.path = "include", .type = OPT_PATH, .min = 1, .max = 4095};
    struct text none = text_of(NULL, 0);
    struct value_reader vr = {p->nodes, p->base_dir, &none};
    const char *full = NULL;
    struct bytes text;
    struct diag d = {0};
    if (!value_read(&vr, &path, n->text, n->size, &full))
        COMPLAIN(p, n, "include", NULL, "this path is too long");
    else if (!p->files->read(p->files->ctx, full, &text, &d))
        COMPLAIN(p, n, "include", d.hint, "%s", d.message);
    else
        parse_text(p, full, text);
}

/* Parses one file into p->c. The order does not matter: an option may be set only once in all
 * files. */
static void parse_text(struct parse *p, const char *file, struct bytes text)
{
    struct parse outer = *p;
    struct yaml_node *root = NULL;
    const char *slash = strrchr(file, '/');
    size_t dir = slash ? (size_t)(slash - file) : 0;
    char *base = arena_alloc_bytes(p->nodes, dir + 1);
    struct yaml_source *src = arena_zalloc(p->nodes, sizeof *src);
    char *name = arena_strdup(&p->c->arena, file);
    if (base == NULL || src == NULL || name == NULL) {
        p->sink->errors++;
        return;
    }
    memcpy(base, file, dir);
    base[dir] = '\0';
    *src = (struct yaml_source){name, text};
    p->src = src;
    p->base_dir = base;
    p->depth++;
    uint32_t before = p->sink->errors;
    enum status st = yaml_parse(src, p->nodes, p->sink, &root);
    struct yaml_node top = {.line = 1, .column = 1};
    if (st != ST_OK && p->sink->errors == before)
        COMPLAIN(p, &top, "yaml", NULL, "%s", status_text(st));
    else if (st == ST_OK && root != NULL && root->kind != YAML_MAP && !yaml_is_null(root))
        COMPLAIN(p, root, "type",
                 "for example 'server:' and 'listen: 127.0.0.1@53' indented below it",
                 "a configuration is made of sections and options");
    else if (st == ST_OK && root != NULL && root->kind == YAML_MAP) {
        for (const struct yaml_node *n = root->child; n != NULL; n = n->next) {
            if (strcmp(n->key->text, "include") != 0)
                continue;
            if (n->kind != YAML_SEQ)
                include_file(p, n);
            for (const struct yaml_node *e = n->kind == YAML_SEQ ? n->child : NULL; e; e = e->next)
                include_file(p, e);
        }
        read_map(p, "", root, p->c);
    }
    p->src = outer.src;
    p->base_dir = outer.base_dir;
    p->depth = outer.depth;
}

/* Defaults where nothing was set; a zone's file from its name. */
static bool fill_defaults(struct config *c, const char *base_dir)
{
    char why[300];
    struct text t = text_of(why, sizeof why);
    struct value_reader vr = {&c->arena, "", &t};
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (o->type == OPT_SECTION || o->type == OPT_ITEMS || strchr(o->path, '[') || c->set[i])
            continue;
        if (!value_default(&vr, o, (char *)c + o->offset))
            return false;
    }
    for (size_t i = 0; i < c->zones.n; i++) {
        if (c->zones.v[i].file != NULL || c->zones.v[i].name == NULL)
            continue;
        char name[NAME_TEXT_MAX], path[NAME_TEXT_MAX + 4200];
        struct text f = text_of(path, sizeof path);
        name_str(c->zones.v[i].name, name);
        text_fmt(&f, "%s%s%s", base_dir, base_dir[0] ? "/" : "",
                 name_is_root(c->zones.v[i].name) ? "root." : name);
        text_str(&f, "zone");
        c->zones.v[i].file = arena_strdup(&c->arena, path);
        if (c->zones.v[i].file == NULL)
            return false;
    }
    return true;
}

struct config *config_default(void)
{
    struct config *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    arena_init(&c->arena, 4096, 0);
    if (!fill_defaults(c, "")) {
        config_free(c);
        return NULL;
    }
    return c;
}

void config_free(struct config *c)
{
    if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 0)
        return;
    arena_free(&c->arena);
    free(c);
}

struct config *config_take(struct config *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

const struct config_policy *config_policy_find(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->dnssec.policies.n; i++)
        if (c->dnssec.policies.v[i].name != NULL && strcmp(c->dnssec.policies.v[i].name, name) == 0)
            return &c->dnssec.policies.v[i];
    return NULL;
}

enum status config_parse(const char *file, struct bytes text, const struct config_files *files,
                         struct diag_sink *sink, struct config **ret)
{
    *ret = NULL;
    struct config *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ST_ENOMEM;
    arena_init(&c->arena, 16384, 0);
    struct arena nodes;
    arena_init(&nodes, 65536, 0);
    struct places places = {.arena = &nodes};
    uint32_t before = sink->errors;
    struct parse p = {
        .c = c, .sink = sink, .files = files, .base_dir = "", .nodes = &nodes, .places = &places};
    parse_text(&p, file, text);
    enum status st = sink->errors == before ? ST_OK : ST_ESYNTAX;
    const char *slash = strrchr(file, '/');
    char dir[4096];
    struct text t = text_of(dir, sizeof dir);
    text_bytes(&t, file, slash ? (size_t)(slash - file) : 0);
    if (st == ST_OK && !fill_defaults(c, text_cstr(&t)))
        st = ST_ENOMEM;
    if (st == ST_OK)
        st = config_check_at(c, file, &places, sink);
    arena_free(&nodes);
    if (st == ST_OK)
        *ret = c;
    else
        config_free(c);
    return st;
}

enum status config_set(struct config *c, const char *path, const char *value, struct diag *d)
{
    const struct option *o = option_find(path, strlen(path));
    if (o == NULL || o->type == OPT_SECTION || o->type == OPT_ITEMS || strchr(path, '[')) {
        diag_set(d, SEV_ERROR, "unknown-key", NULL, "unknown option '%s'", path);
        return ST_EUNKNOWN;
    }
    char why[300];
    struct text t = text_of(why, sizeof why);
    struct value_reader vr = {&c->arena, "", &t};
    void *at = (char *)c + o->offset;
    if (option_is_list(o) && !c->set[o - option_table])
        memset(at, 0, sizeof(struct option_list));
    if (!value_read(&vr, o, value, strlen(value), at)) {
        diag_set(d, SEV_ERROR, "value", o->help, "%s: '%s' %s", path, value, why);
        return ST_ESYNTAX;
    }
    c->set[o - option_table] = true;
    return ST_OK;
}

enum status config_add_zone(struct config *c, const char *name, const char *file, struct diag *d)
{
    struct name n;
    if (name_parse(bytes_str(name), name_root, &n) != ST_OK) {
        diag_set(d, SEV_ERROR, "value", NULL, "'%s' is not a domain name", name);
        return ST_ENAME;
    }
    name_lower_inplace(n.w);
    struct option_list l = {c->zones.v, c->zones.n};
    struct config_zone *z = list_grow(&c->arena, &l, sizeof *z);
    uint8_t *copy = arena_dup(&c->arena, n.w, name_len(n.w));
    char *path = arena_strdup(&c->arena, file);
    if (z == NULL || copy == NULL || path == NULL)
        return ST_ENOMEM;
    *z = (struct config_zone){copy, path, "off"};
    c->zones.v = l.v;
    c->zones.n = l.n;
    return ST_OK;
}
