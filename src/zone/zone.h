/* A zone as it is served: an immutable, compact snapshot, and how to find things in it.
 *
 * A snapshot is built once (zone/builder.h), shared by all workers without locks, and freed when no
 * reader is left (the owner of the pointer sees to that). Names are looked up without regard to
 * case. Nothing here allocates. */
#ifndef BANYAN_ZONE_ZONE_H
#define BANYAN_ZONE_ZONE_H

#include "dns/rr_type.h"
#include "dns/rrset.h"

struct zone;
struct zone_node; /* a name of the zone that exists, empty non-terminals included; points into the
                     zone */

/* What a name turns out to be (RFC 1034 section 4.3.2 step 3, RFC 4592, RFC 6672). */
enum zone_match {
    ZONE_EXACT,      /* the name exists: node has its RRsets (none: an empty non-terminal) */
    ZONE_WILDCARD,   /* it does not exist, but *.encloser does: node is that wildcard */
    ZONE_NXDOMAIN,   /* neither: encloser is the closest that exists */
    ZONE_DELEGATION, /* at or below a zone cut: node is the cut; at_cut tells whether the name is it
                      */
    ZONE_DNAME,      /* an ancestor owns a DNAME: node is that ancestor */
    ZONE_OUTSIDE,    /* not in this zone at all */
};

struct zone_found {
    enum zone_match match;
    bool at_cut;
    uint8_t node_labels;              /* labels of node's name, the root not counted */
    uint8_t encloser_labels;          /* labels of the closest encloser's name */
    const struct zone_node *node;     /* NULL for NXDOMAIN and OUTSIDE */
    const struct zone_node *encloser; /* closest encloser that exists (RFC 4592 section 2.2.1) */
};

/* The zone's name. */
const uint8_t *zone_origin(const struct zone *z);
uint32_t zone_serial(const struct zone *z);
/* The SOA of the apex with the TTL negative answers use: the smaller of its own and its MINIMUM
 * field (RFC 2308 section 3). Ready at load. */
const struct rrset *zone_negative_soa(const struct zone *z);
const struct zone_node *zone_apex(const struct zone *z);
/* True when the apex holds DNSKEY and the zone carries RRSIGs. */
bool zone_is_signed(const struct zone *z);

/* A name made ready for lookups: split into labels and in lower case. */
struct zone_path {
    uint8_t labels, len;         /* the root not counted; bytes of the name */
    uint8_t at[LIMIT_LABELS];    /* offset of each label in `low`, the leftmost first */
    uint8_t low[LIMIT_NAME + 8]; /* the name; the bytes behind it are any */
};
void zone_path(const uint8_t *name, struct zone_path *ret);
/* The same as zone_find() for a name that is known to be in the zone. */
void zone_find_path(const struct zone *z, const struct zone_path *p, struct zone_found *ret);

/* What is to be fetched for a name that will be looked for soon (ahead.c): first the place of the
 * name below the apex, then its node, then its RRset. Each step is only worth while if others are
 * taken in between. Says nothing about the name. */
struct zone_ahead {
    const struct zone *zone; /* NULL: nothing to be fetched */
    uint64_t hash;
    uint32_t ref;
};
/* For a name that is known to be in the zone. */
void zone_ahead_begin(const struct zone *z, const struct zone_path *p, struct zone_ahead *ret);
void zone_ahead_node(struct zone_ahead *a);
void zone_ahead_sets(const struct zone_ahead *a);

/* Finds qname. A cut hides what lies below it and beside NS at it (glue is reached by zone_glue());
 * the apex is no cut. A DNAME at a cut loses to the cut. */
void zone_find(const struct zone *z, const uint8_t *qname, struct zone_found *ret);

/* The RRset of a type at a node; false if there is none. For RRSIG all of them, sorted by the type
 * they cover. owner, the name it shall have in an answer, is put into *ret and borrowed: for an
 * exact match or wildcard it is the question's name. */
bool zone_rrset(const struct zone *z, const struct zone_node *n, uint16_t type,
                const uint8_t *owner, struct rrset *ret);
/* All RRsets of a node one after another: start with *cursor 0; false at the end. Ascending by
 * type, but RRSIGs come last, one set for each type they cover, with the TTL of what they cover
 * (RFC 4034 section 3). */
bool zone_rrset_next(const struct zone *z, const struct zone_node *n, const uint8_t *owner,
                     uint32_t *cursor, struct rrset *ret);
/* True for an empty non-terminal. */
bool zone_node_empty(const struct zone_node *n);
/* Address records (A or AAAA) of a name in or below the zone for the additional section, also below
 * a cut (glue) and occluded ones; false if there are none. owner is borrowed. */
bool zone_glue(const struct zone *z, const uint8_t *name, uint16_t type, struct rrset *ret);
/* The RRSIGs at a node that cover `type`, as an RRset of type RRSIG. */
bool zone_rrsig(const struct zone *z, const struct zone_node *n, uint16_t type,
                const uint8_t *owner, struct rrset *ret);

/* The node of exactly this name, hidden ones (below a cut or a DNAME) too; NULL if it does not
 * exist. */
const struct zone_node *zone_node_of(const struct zone *z, const uint8_t *name);
/* True for a node with NS that is not the apex. */
bool zone_node_cut(const struct zone_node *n);
/* True for a name below a cut or below a DNAME: glue, or occluded data that is never served as
 * such. */
bool zone_node_hidden(const struct zone_node *n);
/* Labels of the node's name, the root not counted. */
unsigned zone_node_labels(const struct zone_node *n);
/* Place of the node in canonical order: 0 for the apex. */
uint32_t zone_node_rank(const struct zone_node *n);
/* The node of a rank below zone_stats().names. */
const struct zone_node *zone_node_at(const struct zone *z, uint32_t rank);
/* The node one label up; NULL for the apex. */
const struct zone_node *zone_node_parent(const struct zone *z, const struct zone_node *n);
/* Writes the node's full name; returns its length. */
size_t zone_node_name(const struct zone *z, const struct zone_node *n, uint8_t ret[LIMIT_NAME]);
/* Walks all nodes in canonical order (RFC 4034 section 6.1), glue and occluded names included;
 * start with NULL, NULL at the end. */
const struct zone_node *zone_next(const struct zone *z, const struct zone_node *n);

struct zone_stats {
    uint64_t names, rrsets, records, delegations, bytes; /* bytes: memory of the whole snapshot */
};
struct zone_stats zone_stats(const struct zone *z);

/* Something that goes with this snapshot and is dropped with it (who signs its answers: see
 * dnssec/online.h); set once, before anybody else sees the zone. */
void zone_attach(struct zone *z, void *object, void (*drop)(void *object));
/* NULL if there is nothing. */
void *zone_attached(const struct zone *z);

/* Counted reference: whoever keeps a zone beyond a reload takes one. */
struct zone *zone_take(struct zone *z);
/* Gives a reference back; the last one frees the zone. NULL is allowed. */
void zone_drop(struct zone *z);

#endif
