/* The inside of the signer. sign.c says what happens in which order; sign_apex.c makes the sets of
 * the apex, sign_chain.c the names that get denial records, sign_sets.c the records and signatures,
 * sign_zonemd.c the digest over all. */
#ifndef BANYAN_DNSSEC_SIGN_IMPL_H
#define BANYAN_DNSSEC_SIGN_IMPL_H

#include "dnssec/nsec3.h"
#include "dnssec/rrsig.h"
#include "dnssec/sign.h"
#include "zone/builder.h"
#include "zone/denial.h"

#include <stdatomic.h>

enum { APEX_SETS = 8, SIGN_LANES = 64, SIGN_CHUNK = 2048, SIGN_TYPES = 65536 };

/* A set of the apex that the signer changes or makes. */
struct apex_set {
    struct rrset set; /* RDATA in `bytes` */
    uint8_t *bytes;
    size_t cap;
};

/* What a name of the zone is to the signer. */
enum name_kind {
    NAME_NOTHING,  /* glue, occluded, or left without records */
    NAME_EMPTY,    /* an empty non-terminal: has NSEC3 only */
    NAME_DATA,     /* authoritative */
    NAME_SECURE,   /* a delegation with DS */
    NAME_INSECURE, /* a delegation without */
};

/* A name in the chain of denial records. */
struct link {
    uint8_t hash[NSEC3_HASH]; /* NSEC3 only */
    uint32_t rank;
};

/* Records made for one chunk of names or links: heads, each followed by its RDATA. */
struct made_head {
    uint32_t name; /* rank of the owner, or number of its link */
    uint32_t ttl;
    uint16_t type, length;
};

struct chunk {
    uint8_t *p;
    size_t n, cap;
};

/* What one thread works with. */
struct lane {
    struct sec_key *key[SIGN_KEYS];
    struct sig_buffer buffer;
    struct nsec3_hasher *hasher;
    uint16_t *types;       /* SIGN_TYPES */
    const uint8_t **order; /* of two sets that are compared */
    size_t order_cap;
    struct sign_stats stats;
};

struct signer {
    const struct zone *in;
    const struct sign_plan *plan;
    struct diag *d;
    struct apex_set apex[APEX_SETS];
    unsigned apex_n;
    uint8_t *kind; /* enum name_kind, by rank */
    uint32_t names;
    struct link *chain; /* NSEC: by rank; NSEC3: by hash */
    uint32_t links;
    struct chunk *of_names, *of_links;
    uint32_t name_chunks, link_chunks;
    uint32_t denial_ttl; /* RFC 9077 */
    struct lane *lane;
    unsigned lanes;
    /* The work under way: chunks of `count` items. */
    enum status (*work)(struct signer *s, struct lane *l, uint32_t chunk);
    uint32_t chunks;
    _Atomic uint32_t next;
    _Atomic int failed; /* enum status of the first failure */
};

static inline bool sign_nsec3(const struct signer *s)
{
    return s->plan->policy.denial == DENIAL_NSEC3;
}

static inline uint32_t chunk_count(uint32_t items)
{
    return (items + SIGN_CHUNK - 1) / SIGN_CHUNK;
}

/* --- sign_apex.c --- */

/* Makes the sets of the apex and checks that the keys can sign the zone. */
enum status apex_make(struct signer *s) MUST_USE;
/* The sets of a name as the signed zone will have them, but for RRSIG and denial; ours of the apex
 * last. Start with a zeroed cursor. */
struct set_cursor {
    uint32_t at;
    unsigned own; /* of ours, how many have been told */
};
bool sign_next_set(const struct signer *s, const struct zone_node *n, const uint8_t *owner,
                   struct set_cursor *c, struct rrset *ret);

/* --- sign_chain.c --- */

/* Finds out what every name is, and makes the chain. */
enum status chain_make(struct signer *s, const struct sign_jobs *jobs) MUST_USE;
/* Number of the first link at or behind a rank (NSEC). */
uint32_t chain_from(const struct signer *s, uint32_t rank);

/* --- sign_sets.c --- */

/* Makes the records of a chunk of names, or of links (NSEC3). */
enum status sign_names(struct signer *s, struct lane *l, uint32_t chunk) MUST_USE;
enum status sign_links(struct signer *s, struct lane *l, uint32_t chunk) MUST_USE;
/* Signs one set with every key that is to sign it; old: the same name in plan->old, or NULL. */
enum status sign_set(struct signer *s, struct lane *l, const struct rrset *set,
                     const struct zone_node *old, uint32_t name, struct chunk *out) MUST_USE;
/* The next record of a chunk; false at the end. */
bool chunk_next(const struct chunk *c, size_t *at, struct made_head *ret, struct bytes *rdata);

/* --- sign_zonemd.c --- */

/* Puts the digest and its signatures into their places in the finished zone. */
enum status zonemd_put(struct signer *s, struct zone *z) MUST_USE;

/* --- sign.c --- */

/* Runs work over the chunks on all lanes. */
enum status sign_run(struct signer *s, const struct sign_jobs *jobs,
                     enum status (*work)(struct signer *s, struct lane *l, uint32_t chunk),
                     uint32_t chunks) MUST_USE;

#endif
