#include "zone/locate.h"

#include "base/arena.h"
#include "base/hash.h"
#include "zone/scan.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLACES_SLOTS = 1 << 12 };

struct found {
    struct found *chain; /* of its slot */
    const uint8_t *owner;
    uint16_t type;
    uint32_t nth, seen, seq;
    struct diag d;
};

struct zone_places {
    struct arena a;
    struct found **v;
    struct found *slot[PLACES_SLOTS];
    size_t n, cap, lost;
};

struct zone_places *zone_places_new(void)
{
    struct zone_places *p = calloc(1, sizeof *p);
    if (p != NULL)
        arena_init(&p->a, 1 << 16, 0);
    return p;
}

void zone_places_free(struct zone_places *p)
{
    if (p == NULL)
        return;
    arena_free(&p->a);
    free(p->v);
    free(p);
}

size_t zone_places_count(const struct zone_places *p)
{
    return p->n + p->lost;
}

static unsigned slot_of(const uint8_t *owner)
{
    uint8_t low[LIMIT_NAME];
    static const struct hash_key key = {1, 2};
    size_t n = name_lower(low, owner);
    return (unsigned)(siphash13(&key, low, n) % PLACES_SLOTS);
}

void zone_places_add(void *places, const struct zone_finding *f)
{
    struct zone_places *p = places;
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        struct found **v = cap <= LIMIT_FINDINGS ? realloc(p->v, cap * sizeof *v) : NULL;
        if (v == NULL) {
            p->lost++;
            return;
        }
        p->v = v;
        p->cap = cap;
    }
    struct found *x = arena_zalloc(&p->a, sizeof *x);
    uint8_t *owner = x != NULL ? arena_dup(&p->a, f->owner, name_len(f->owner)) : NULL;
    if (owner == NULL) {
        p->lost++;
        return;
    }
    x->owner = owner;
    x->type = f->type;
    x->nth = MAX(f->nth, 1);
    x->seq = (uint32_t)p->n;
    diag_set(&x->d, f->severity, f->code, f->hint, "%s", f->message);
    p->v[p->n++] = x;
}

void zone_places_remove(struct zone_places *p, const char *code)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->v[i]->d.code, code) != 0)
            p->v[n++] = p->v[i];
    p->n = n;
}

static void match(struct zone_places *p, struct zone_scan *s, const struct zone_record *r)
{
    for (struct found *x = p->slot[slot_of(r->owner)]; x != NULL; x = x->chain)
        if (x->d.line == 0 && (x->type == 0 || x->type == r->type) &&
            name_equal(x->owner, r->owner) && ++x->seen == x->nth)
            zone_scan_place(s, &x->d);
}

static int by_line(const void *a, const void *b)
{
    const struct found *x = *(struct found *const *)a, *y = *(struct found *const *)b;
    uint32_t xl = x->d.line ? x->d.line : UINT32_MAX, yl = y->d.line ? y->d.line : UINT32_MAX;
    if (xl != yl)
        return xl < yl ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void zone_places_emit(struct zone_places *p, const struct file_source *fs, const char *path,
                      const struct zone_load_options *opt, struct diag_sink *sink)
{
    if (p->n == 0)
        return;
    for (size_t i = 0; i < p->n; i++) {
        unsigned at = slot_of(p->v[i]->owner);
        p->v[i]->chain = p->slot[at];
        p->slot[at] = p->v[i];
    }
    struct diag_sink quiet = {0};
    struct zone_load_options all = *opt;
    all.max_errors = 0;
    struct zone_scan *s = zone_scan_new(fs, path, &all, &quiet);
    struct zone_record r;
    while (s != NULL && zone_scan_next(s, &r))
        match(p, s, &r);
    qsort(p->v, p->n, sizeof(struct found *), by_line);
    for (size_t i = 0; i < p->n; i++) {
        if (p->v[i]->d.file == NULL)
            p->v[i]->d.file = path;
        diag_emit(sink, &p->v[i]->d);
    }
    if (p->lost > 0) {
        struct diag d = {.file = path};
        diag_set(&d, SEV_WARNING, "more-findings", NULL, "%zu more findings are not shown",
                 p->lost);
        diag_emit(sink, &d);
    }
    zone_scan_free(s);
    memset(p->slot, 0, sizeof p->slot);
}
