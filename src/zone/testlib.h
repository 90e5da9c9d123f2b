/* What the tests and fuzz targets of zone/ share: files in memory, and a second, naive zone_find()
 * by linear search over a list of records, to compare the real one with. */
#ifndef BANYAN_ZONE_TESTLIB_H
#define BANYAN_ZONE_TESTLIB_H

#include "zone/builder.h"
#include "zone/load.h"

#include <stdio.h>
#include <stdlib.h>

/* --- Files in memory --- */

struct mem_file {
    const char *path;
    const char *text;
    size_t n; /* 0: text is a C string */
};

struct mem_files {
    const struct mem_file *v;
    size_t n;
    size_t chunk; /* bytes a read gives at most; 0: all */
};

struct mem_open {
    const struct mem_file *f;
    size_t at, n, chunk;
};

static inline void *mem_open(void *ctx, const char *path, struct diag *d)
{
    struct mem_files *m = ctx;
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->v[i].path, path) == 0) {
            struct mem_open *o = malloc(sizeof *o);
            if (o == NULL)
                abort();
            *o = (struct mem_open){&m->v[i], 0, m->v[i].n ? m->v[i].n : strlen(m->v[i].text),
                                   m->chunk};
            return o;
        }
    diag_set(d, SEV_ERROR, "cannot-open", NULL, "%s: no such file", path);
    return NULL;
}

static inline long mem_read(void *ctx, void *file, void *buf, size_t n)
{
    struct mem_open *o = file;
    (void)ctx;
    n = MIN(n, o->n - o->at);
    if (o->chunk > 0)
        n = MIN(n, o->chunk);
    if (n > 0)
        memcpy(buf, o->f->text + o->at, n);
    o->at += n;
    return (long)n;
}

static inline void mem_close(void *ctx, void *file)
{
    (void)ctx;
    free(file);
}

static inline struct file_source mem_source(struct mem_files *m)
{
    return (struct file_source){m, mem_open, mem_read, mem_close};
}

/* --- The naive zone --- */

enum { ORACLE_MAX = 8192 };

struct oracle {
    struct name origin;
    size_t n;
    struct {
        struct name owner;
        uint16_t type;
    } rr[ORACLE_MAX];
};

struct oracle_found {
    enum zone_match match;
    bool at_cut;
    struct name node, encloser;
};

static inline bool oracle_has(const struct oracle *o, const uint8_t *name, uint16_t type)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->rr[i].type == type && name_equal(o->rr[i].owner.w, name))
            return true;
    return false;
}

/* A name exists if it or anything below it owns a record (RFC 4592 section 2.2.2); the apex always
 * does. */
static inline bool oracle_exists(const struct oracle *o, const uint8_t *name)
{
    if (name_equal(name, o->origin.w))
        return true;
    for (size_t i = 0; i < o->n; i++)
        if (name_in(o->rr[i].owner.w, name))
            return true;
    return false;
}

static inline void oracle_find(const struct oracle *o, const uint8_t *q, struct oracle_found *ret)
{
    *ret = (struct oracle_found){.match = ZONE_OUTSIDE};
    if (!name_in(q, o->origin.w))
        return;
    unsigned ql = name_labels(q), ol = name_labels(o->origin.w);
    for (unsigned l = ol; l <= ql; l++) {
        const uint8_t *a = name_skip(q, ql - l);
        bool cut = l > ol && oracle_has(o, a, RR_NS);
        if (cut || (l < ql && oracle_has(o, a, RR_DNAME))) {
            ret->match = cut ? ZONE_DELEGATION : ZONE_DNAME;
            ret->at_cut = cut && l == ql;
            name_copy(ret->node.w, a);
            name_copy(ret->encloser.w, a);
            return;
        }
    }
    if (oracle_exists(o, q)) {
        ret->match = ZONE_EXACT;
        name_copy(ret->node.w, q);
        name_copy(ret->encloser.w, q);
        return;
    }
    const uint8_t *ce = name_parent(q);
    while (!oracle_exists(o, ce))
        ce = name_parent(ce);
    name_copy(ret->encloser.w, ce);
    ret->match = ZONE_NXDOMAIN;
    if (name_prepend(bytes_str("*"), ce, &ret->node) == ST_OK && oracle_exists(o, ret->node.w))
        ret->match = ZONE_WILDCARD;
}

/* NULL if zone_find() says the same as the oracle, else what differs. */
static inline const char *oracle_differs(const struct oracle *o, const struct zone *z,
                                         const uint8_t *q)
{
    struct oracle_found want;
    struct zone_found got;
    uint8_t name[LIMIT_NAME];
    oracle_find(o, q, &want);
    zone_find(z, q, &got);
    if (got.match != want.match)
        return "match";
    if (got.match == ZONE_OUTSIDE)
        return got.node == NULL && got.encloser == NULL ? NULL : "outside with a node";
    if (got.at_cut != want.at_cut)
        return "at_cut";
    zone_node_name(z, got.encloser, name);
    if (!name_equal(name, want.encloser.w) || got.encloser_labels != name_labels(name))
        return "encloser";
    if (got.match == ZONE_NXDOMAIN)
        return got.node == NULL ? NULL : "a node for NXDOMAIN";
    zone_node_name(z, got.node, name);
    if (!name_equal(name, want.node.w) || got.node_labels != name_labels(name))
        return "node";
    struct rrset set;
    for (uint16_t type = 1; type < 64; type++)
        if (zone_rrset(z, got.node, type, q, &set) != oracle_has(o, want.node.w, type))
            return "types at the node";
    return NULL;
}

/* RDATA good enough for the types the tests use. */
static inline struct bytes oracle_rdata(uint16_t type)
{
    static const uint8_t name[] = {1, 'x', 4, 't', 'e', 's', 't', 0}, a[] = {192, 0, 2, 1},
                         txt[] = {1, 't'};
    static const uint8_t soa[] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5};
    switch (type) {
    case RR_SOA:
        return bytes_of(soa, sizeof soa);
    case RR_A:
        return bytes_of(a, sizeof a);
    case RR_TXT:
        return bytes_of(txt, sizeof txt);
    default:
        return bytes_of(name, sizeof name);
    }
}

/* Adds a record to both; one that makes the zone invalid is left out. */
static inline void oracle_add(struct oracle *o, struct zone_builder *b, const uint8_t *owner,
                              uint16_t type)
{
    bool alias = type == RR_CNAME;
    if (o->n == ORACLE_MAX || !name_in(owner, o->origin.w) || oracle_has(o, owner, type))
        return;
    if (!alias && oracle_has(o, owner, RR_CNAME))
        return;
    for (uint16_t t = 1; alias && t < 64; t++)
        if (oracle_has(o, owner, t))
            return;
    name_copy(o->rr[o->n].owner.w, owner);
    o->rr[o->n++].type = type;
    enum status st = zone_builder_add(b, owner, type, 3600, oracle_rdata(type));
    ASSERT(st == ST_OK);
}

static inline void oracle_begin(struct oracle *o, struct zone_builder **b, const uint8_t *origin)
{
    o->n = 0;
    name_copy(o->origin.w, origin);
    *b = zone_builder_new(origin);
    if (*b == NULL)
        abort();
    oracle_add(o, *b, origin, RR_SOA);
    oracle_add(o, *b, origin, RR_NS);
}

#endif
