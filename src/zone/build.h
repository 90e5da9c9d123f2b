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

/* An owner whose records wait: a batch of them is worked off step by step, so that the memory each
 * step needs was asked for one step before (the index and the table of shared sets do not fit the
 * processor's caches). */
enum { STAGE_OWNERS = 32, STAGE_HASHES = 3, STAGE_BYTES = 1 << 20 };

struct staged {
    uint64_t hash[STAGE_HASHES]; /* of the name's last labels below the apex */
    uint32_t first, end;         /* its records in zone_builder.now */
    uint32_t first_set, end_set; /* its sets in zone_builder.made */
    uint32_t ref;                /* its node */
    uint8_t len, below;          /* bytes of the name; labels below the apex */
    bool again;                  /* the node has records already */
    uint8_t name[LIMIT_NAME];
};

/* A set put together in zone_builder.blobs, not yet in the arena. */
struct made {
    uint32_t off, size;
    uint32_t hash;
    uint16_t type;
};

struct zone_builder {
    uint32_t *mem;
    uint32_t words, cap;
    struct bucket *bucket;
    uint32_t buckets, nodes;
    uint32_t *ref;        /* by number of the node */
    uint64_t part, whole; /* zone_builder_progress() */
    uint32_t node_cap;
    uint32_t apex;

    uint32_t *slot; /* refs of the interned sets, open addressing */
    uint32_t *slot_hash;
    uint32_t slots, slots_used;

    struct staged stage[STAGE_OWNERS];
    uint32_t staged;
    struct pends now;   /* records of the staged owners */
    struct pends loose; /* records of owners that were left and came back */
    uint8_t *blobs;
    size_t blobs_used, blobs_cap;
    struct made *made;
    uint32_t mades, made_cap;
    enum status broken; /* what a step failed with: there is no going on */

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

/* A new index with room for the nodes there are. */
enum status build_index(struct zone_builder *b, uint32_t buckets) MUST_USE;
/* Words for n bytes at the end of the arena; 0 when memory or the 32-bit space is out. */
uint32_t build_alloc(struct zone_builder *b, size_t n) MUST_USE;
enum status pends_add(struct pends *p, struct pend rec, struct bytes rdata) MUST_USE;
void pends_free(struct pends *p);
/* Finds or makes the node of a staged owner. */
enum status build_node(struct zone_builder *b, struct staged *o) MUST_USE;
/* Works off the staged owners. */
enum status build_flush(struct zone_builder *b) MUST_USE;
/* The same, and makes RRsets of all records that were put aside. */
enum status build_flush_all(struct zone_builder *b) MUST_USE;
/* Puts the sets of the records [o->first, o->end) of p together, as o->first_set to o->end_set. */
enum status sets_prepare(struct zone_builder *b, const struct pends *p, struct staged *o) MUST_USE;
/* Brings the memory near that set_intern() will look at. */
void set_prefetch_slot(const struct zone_builder *b, const struct made *m);
void set_prefetch_set(const struct zone_builder *b, const struct made *m);
/* Gives the node of o the sets that were prepared. */
enum status sets_attach(struct zone_builder *b, const struct staged *o) MUST_USE;
/* Puts b->ref into canonical order and numbers the nodes by it (order.c). The index has to be done.
 */
enum status build_order(struct zone_builder *b) MUST_USE;
void pends_sort(struct pend *v, uint32_t n);
int pend_order(const void *x, const void *y);
void build_finding(struct zone_builder *b, enum severity sev, const char *code, uint32_t node,
                   uint16_t type, unsigned nth, const char *hint, const char *fmt, ...)
    PRINTF_LIKE(8, 9);

/* The k-th set of a node under construction, or NULL. */
const struct set *build_set(const struct zone_builder *b, const struct zone_node *n, uint32_t k);
const struct set *build_set_of(const struct zone_builder *b, const struct zone_node *n,
                               uint16_t type);
size_t build_name(const struct zone_builder *b, uint32_t ref, uint8_t ret[LIMIT_NAME]);

#endif
