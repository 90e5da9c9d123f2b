#include "io/forget.h"

#include "io/log.h"

#include <string.h>

enum { FORGET_MANY = 32 /* each looks through the whole cache once */ };

struct changes {
    const uint8_t *name[FORGET_MANY];
    unsigned n;
    bool many;
};

static void change(struct changes *c, const uint8_t *name)
{
    for (unsigned i = 0; i < c->n; i++)
        if (name_in(name, c->name[i]))
            return;
    if (c->n == FORGET_MANY)
        c->many = true;
    else
        c->name[c->n++] = name;
}

static bool same_route(const struct route *a, const struct route *b)
{
    if (!name_equal(a->zone.w, b->zone.w) || a->recursive != b->recursive || a->here != b->here ||
        a->fallback != b->fallback || a->address_count != b->address_count)
        return false;
    for (size_t i = 0; i < a->address_count; i++)
        if (!netaddr_equal(&a->address[i], &b->address[i]))
            return false;
    return true;
}

/* The zones of `a` that are not the same in `b`. The root's copy says what its servers say; other
 * files may have changed with or without a sign of it. */
static void compare(const struct served *old, const struct served *fresh, struct changes *c)
{
    const struct resolver_options *a = &old->resolver, *b = &fresh->resolver;
    for (size_t i = 0; i < a->route_count; i++) {
        const struct route *t = &a->route[i];
        bool same = t->here && (t->fallback || old->own == fresh->own);
        for (size_t k = 0; k < b->route_count && !same && !t->here; k++)
            same = same_route(t, &b->route[k]);
        if (!same)
            change(c, t->zone.w);
    }
}

static void forget(struct cache *cache, struct cache_file *file, const uint8_t *name,
                   struct text *say)
{
    struct snapshot_flush what = {.below = true};
    char text[NAME_TEXT_MAX];
    name_copy(what.name.w, name);
    bool noted = file == NULL || cache_file_flush(file, &what);
    uint64_t n = cache_flush_below(cache, name);
    name_str(name, text);
    if (say == NULL)
        return;
    text_fmt(say, "cache: %llu entries below %s forgotten, whose servers are others now%s\n",
             (unsigned long long)n, text,
             noted ? "" : " (but not in the cache's file, which cannot be written)");
    log_event(LEVEL_INFO, "flush", "name=%s below=yes reason=reload", text);
}

void forget_changed(struct cache *cache, struct cache_file *file, const struct served *old,
                    const struct served *fresh, struct text *say)
{
    struct changes c = {.n = 0};
    if (cache == NULL)
        return;
    compare(old, fresh, &c);
    compare(fresh, old, &c);
    if (c.many)
        forget(cache, file, name_root, say);
    for (unsigned i = 0; i < c.n && !c.many; i++)
        forget(cache, file, c.name[i], say);
}
