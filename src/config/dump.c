/* A configuration as text: the whole of it, or what changes between two. */
#include "config/schema.h"

#include <stdlib.h>

enum { DIFF_ELEMENTS = 16 };

static void dump_key(const struct option *o, unsigned indent, bool dash, struct text *out)
{
    for (unsigned i = 0; i + (dash ? 1 : 0) < indent; i++)
        text_str(out, "  ");
    text_fmt(out, "%s%s:", dash ? "- " : "", option_word(o));
}

static void dump_value(const struct option *o, const void *at, struct text *out)
{
    text_char(out, ' ');
    if (option_is_list(o)) {
        const struct option_list *l = at;
        text_char(out, '[');
        for (size_t i = 0; i < l->n; i++) {
            text_str(out, i ? ", " : "");
            value_text(o, at, i, out);
        }
        text_char(out, ']');
    } else {
        value_text(o, at, 0, out);
    }
    text_char(out, '\n');
}

/* True if a value of an item is what it would be without being written. */
static bool is_default(const struct option *o, const void *at)
{
    char why[300];
    union {
        uint64_t number;
        void *pointer;
        uint8_t room[64];
    } def = {0};
    struct text t = text_of(why, sizeof why);
    struct arena a;
    if (o->def == NULL || o->def == option_required || option_is_list(o))
        return false;
    arena_init(&a, 256, 0);
    struct value_reader vr = {&a, "", &t};
    bool same = value_default(&vr, o, &def) && value_equal(o, &def, at);
    arena_free(&a);
    return same;
}

static void dump_items(const struct option *o, const struct option_list *l, unsigned indent,
                       bool effective, struct text *out)
{
    char path[64];
    struct text t = text_of(path, sizeof path);
    text_fmt(&t, "%s[]", o->path);
    dump_key(o, indent, false, out);
    text_str(out, l->n == 0 ? " []\n" : "\n");
    for (size_t i = 0; i < l->n; i++) {
        const char *item = (const char *)l->v + i * o->item_size;
        bool first = true;
        for (size_t r = 0; r < option_count; r++) {
            const struct option *f = &option_table[r];
            if (!option_below(f, path) || value_unset(f, item + f->offset) ||
                (!effective && is_default(f, item + f->offset)))
                continue;
            dump_key(f, indent + 2, first, out);
            dump_value(f, item + f->offset, out);
            first = false;
        }
    }
}

void config_dump(const struct config *c, bool effective, struct text *out)
{
    const struct option *section = NULL;
    bool opened = false;
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        const char *at = (const char *)c + o->offset;
        if (o->type == OPT_SECTION) {
            section = o;
            opened = false;
            continue;
        }
        if (strchr(o->path, '[') != NULL)
            continue;
        bool items = o->type == OPT_ITEMS;
        bool some = items ? ((const struct option_list *)(const void *)at)->n > 0 : c->set[i];
        if (!effective && !some)
            continue;
        bool inside = section != NULL && option_below(o, section->path);
        if (inside && !opened) {
            text_fmt(out, "%s:\n", section->path);
            opened = true;
        }
        if (items) {
            dump_items(o, (const void *)at, inside ? 1 : 0, effective, out);
        } else if (value_unset(o, at)) {
            text_fmt(out, "%s# %s: (unset)\n", inside ? "  " : "", option_word(o));
        } else {
            dump_key(o, inside ? 1 : 0, false, out);
            dump_value(o, at, out);
        }
    }
}

static int zone_order(const void *a, const void *b)
{
    return name_compare((*(const struct config_zone *const *)a)->name,
                        (*(const struct config_zone *const *)b)->name);
}

static const struct config_zone **zones_sorted(const struct config *c)
{
    const struct config_zone **v = malloc((c->zones.n + 1) * sizeof *v);
    for (size_t i = 0; v != NULL && i < c->zones.n; i++)
        v[i] = &c->zones.v[i];
    if (v != NULL && c->zones.n > 1)
        qsort(v, c->zones.n, sizeof *v, zone_order);
    return v;
}

static void diff_zones(const struct config *a, const struct config *b, struct text *out)
{
    const struct config_zone **x = zones_sorted(a), **y = zones_sorted(b);
    char name[NAME_TEXT_MAX];
    size_t i = 0, j = 0;
    while (x != NULL && y != NULL && (i < a->zones.n || j < b->zones.n)) {
        int c = i == a->zones.n ? 1 : j == b->zones.n ? -1 : name_compare(x[i]->name, y[j]->name);
        if (c < 0)
            text_fmt(out, "zone %s: removed\n", name_str(x[i]->name, name));
        else if (c > 0)
            text_fmt(out, "zone %s: added\n", name_str(y[j]->name, name));
        else if (strcmp(x[i]->file, y[j]->file) != 0)
            text_fmt(out, "zone %s: %s -> %s\n", name_str(x[i]->name, name), x[i]->file,
                     y[j]->file);
        else if (strcmp(x[i]->dnssec, y[j]->dnssec) != 0)
            text_fmt(out, "zone %s: dnssec: %s -> %s\n", name_str(x[i]->name, name), x[i]->dnssec,
                     y[j]->dnssec);
        i += c <= 0;
        j += c >= 0;
    }
    free(x);
    free(y);
}

/* Two lists of items as text. */
static bool items_equal(const struct option *o, const void *a, const void *b)
{
    struct text x = text_heap(1 << 20), y = text_heap(1 << 20);
    dump_items(o, a, 0, true, &x);
    dump_items(o, b, 0, true, &y);
    bool same = strcmp(text_cstr(&x), text_cstr(&y)) == 0;
    text_free(&x);
    text_free(&y);
    return same;
}

/* Of a long list only how long it is. */
static void diff_value(const struct option *o, const void *at, struct text *out)
{
    size_t n = option_is_list(o) ? ((const struct option_list *)at)->n : 0;
    if (n > DIFF_ELEMENTS) {
        text_fmt(out, " (%zu of them)", n);
        return;
    }
    dump_value(o, at, out);
    out->n--; /* its line break */
}

unsigned config_diff(const struct config *a, const struct config *b, const struct config *started,
                     struct text *out)
{
    unsigned restarts = 0;
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        const struct config *from = o->reload == RELOAD_RESTART ? started : a;
        const void *x = (const char *)from + o->offset, *y = (const char *)b + o->offset;
        if (o->type == OPT_SECTION || strchr(o->path, '[') || strcmp(o->path, "zones") == 0)
            continue;
        if (o->type == OPT_ITEMS ? items_equal(o, x, y) : value_equal(o, x, y))
            continue;
        text_fmt(out, "%s:", o->path);
        if (o->type == OPT_ITEMS) {
            text_str(out, " changed");
        } else if (o->type == OPT_HEX128) {
            text_str(out, " changed (not shown)");
        } else {
            diff_value(o, x, out);
            text_str(out, " ->");
            diff_value(o, y, out);
        }
        if (o->reload == RELOAD_RESTART) {
            text_str(out, " (needs a new start)");
            restarts++;
        }
        text_char(out, '\n');
    }
    diff_zones(a, b, out);
    return restarts;
}
