/* What the tests of the verifier share: zones taken apart into records, changed, put together
 * again, and what the verifier says of them. */
#ifndef BANYAN_DNSSEC_VERIFY_TESTLIB_H
#define BANYAN_DNSSEC_VERIFY_TESTLIB_H

#include "dnssec/testlib.h"
#include "dnssec/verify.h"

struct rec {
    struct name owner;
    uint16_t type;
    uint32_t ttl;
    uint16_t n;
    uint8_t *rd; /* NULL: taken out */
};

struct recs {
    struct rec *v;
    size_t n, cap;
};

static inline uint8_t *bytes_copy(struct bytes b)
{
    uint8_t *p = malloc(b.n + 1);
    if (p == NULL)
        abort();
    memcpy(p, b.p, b.n);
    return p;
}

static inline struct rec *recs_add(struct recs *r, const uint8_t *owner, uint16_t type,
                                   uint32_t ttl, struct bytes rd)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 256;
        r->v = realloc(r->v, r->cap * sizeof *r->v);
        if (r->v == NULL)
            abort();
    }
    struct rec *x = &r->v[r->n++];
    *x = (struct rec){.type = type, .ttl = ttl, .n = (uint16_t)rd.n, .rd = bytes_copy(rd)};
    name_copy(x->owner.w, owner);
    return x;
}

static inline void recs_of(struct recs *r, const struct zone *z)
{
    *r = (struct recs){0};
    for (const struct zone_node *n = NULL; (n = zone_next(z, n)) != NULL;) {
        uint8_t owner[LIMIT_NAME];
        uint32_t cursor = 0;
        struct rrset set;
        zone_node_name(z, n, owner);
        while (zone_rrset_next(z, n, owner, &cursor, &set)) {
            struct rdata_iter it = rdata_iter(&set);
            for (struct bytes rd; rdata_iter_next(&it, &rd);)
                recs_add(r, owner, set.type, set.ttl, rd);
        }
    }
}

static inline void recs_free(struct recs *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->v[i].rd);
    free(r->v);
    *r = (struct recs){0};
}

/* NULL if no zone can be made of them. */
static inline struct zone *recs_zone(const struct recs *r, const uint8_t *origin)
{
    struct zone_builder *b = zone_builder_new(origin);
    struct zone *z = NULL;
    struct diag d = {0};
    enum status st = b != NULL ? ST_OK : ST_ENOMEM;
    for (size_t i = 0; st == ST_OK && i < r->n; i++)
        if (r->v[i].rd != NULL)
            st = zone_builder_add(b, r->v[i].owner.w, r->v[i].type, r->v[i].ttl,
                                  bytes_of(r->v[i].rd, r->v[i].n));
    if (st == ST_OK && zone_builder_finish(b, &z, &d) != ST_OK)
        z = NULL;
    zone_builder_free(b);
    return z;
}

/* Findings of one verification. */
struct told {
    struct {
        char code[40];
        enum severity severity;
        struct name owner;
    } v[4096];
    size_t n;
};

static inline void told_add(void *ctx, const struct zone_finding *f)
{
    struct told *t = ctx;
    if (t->n == ARRAY_LEN(t->v))
        return;
    snprintf(t->v[t->n].code, sizeof t->v[t->n].code, "%s", f->code);
    t->v[t->n].severity = f->severity;
    name_copy(t->v[t->n++].owner.w, f->owner);
}

static inline bool told_has(const struct told *t, const char *code)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->v[i].code, code) == 0)
            return true;
    return false;
}

/* An error or warning at this name. */
static inline bool told_at(const struct told *t, const uint8_t *owner)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].severity != SEV_INFO && name_equal(t->v[i].owner.w, owner))
            return true;
    return false;
}

struct text_file {
    const char *p;
    size_t n, at;
};

static inline void *text_open(void *ctx, const char *path, struct diag *d)
{
    struct text_file *f = ctx;
    (void)path;
    (void)d;
    f->at = 0;
    return f;
}

static inline long text_read(void *ctx, void *file, void *buf, size_t n)
{
    struct text_file *f = file;
    (void)ctx;
    n = MIN(n, f->n - f->at);
    memcpy(buf, f->p + f->at, n);
    f->at += n;
    return (long)n;
}

static inline void text_close(void *ctx, void *file)
{
    (void)ctx;
    (void)file;
}

static inline struct zone *zone_of_text(const char *text, size_t size)
{
    struct text_file f = {text, size, 0};
    struct file_source fs = {&f, text_open, text_read, text_close};
    struct zone_load_options opt = {.default_ttl = 3600};
    struct zone *z = NULL;
    return zone_load(&fs, "text", &opt, NULL, &z) == ST_OK ? z : NULL;
}

#endif
