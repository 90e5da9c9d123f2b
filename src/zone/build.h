/* The builder's inside; private to builder.c, seal.c and finish.c. */
#ifndef BANYAN_ZONE_BUILD_H
#define BANYAN_ZONE_BUILD_H

#include "zone/builder.h"
#include "zone/snapshot.h"

/* A record that waits to become part of an RRset. */
struct pend {
    uint32_t node; /* ref */
    uint32_t key;  /* type << 16 | covered type (RRSIG) */
    uint32_t seq;
    uint32_t ttl;
    uint32_t off; /* RDATA in the bytes beside */
    uint16_t len;
};

struct pends {
    struct pend *v;
    uint32_t n, cap;
    uint8_t *bytes;
    uint32_t used, room;
};

struct zone_builder {
    uint32_t *mem;
    uint32_t words, cap;
    struct bucket *bucket;
    uint32_t buckets, nodes;
    uint64_t *hash; /* by number of the node */
    uint32_t *ref;  /* by number of the node */
    uint32_t node_cap;
    uint32_t apex;

    uint32_t *slot; /* refs of the interned sets, open addressing */
    uint32_t *slot_hash;
    uint32_t slots, slots_used;

    uint32_t cur; /* node of the owner that is being read; 0: none */
    uint8_t cur_len;
    uint8_t cur_name[LIMIT_NAME];
    struct pends now;   /* its records */
    struct pends loose; /* records of owners that were left and came back */
    uint8_t *scratch;   /* a set being put together */
    size_t scratch_cap;

    struct hash_key key;
    zone_finding_fn *fn;
    void *fn_ctx;
    uint32_t errors;
    struct diag *first; /* where the first error goes, or NULL */
    struct zone_stats stats;
    bool is_signed;
    uint8_t origin_len, origin_labels;
    uint8_t origin[LIMIT_NAME];
};

/* Words for n bytes at the end of the arena; 0 when memory or the 32-bit space is out. */
uint32_t build_alloc(struct zone_builder *b, size_t n) MUST_USE;
enum status pends_add(struct pends *p, struct pend rec, struct bytes rdata) MUST_USE;
void pends_free(struct pends *p);
/* Makes the RRsets of the current owner, or puts its records aside if it has some already. */
enum status build_seal(struct zone_builder *b) MUST_USE;
/* Makes RRsets of all records put aside. */
enum status build_seal_loose(struct zone_builder *b) MUST_USE;
void build_finding(struct zone_builder *b, enum severity sev, const char *code, uint32_t node,
                   uint16_t type, unsigned nth, const char *hint, const char *fmt, ...)
    PRINTF_LIKE(8, 9);

/* The k-th set of a node under construction, or NULL. */
const struct set *build_set(const struct zone_builder *b, const struct zone_node *n, uint32_t k);
const struct set *build_set_of(const struct zone_builder *b, const struct zone_node *n,
                               uint16_t type);
size_t build_name(const struct zone_builder *b, uint32_t ref, uint8_t ret[LIMIT_NAME]);

#endif
