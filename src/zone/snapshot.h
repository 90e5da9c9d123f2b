/* How a snapshot lies in memory; private to zone/.
 *
 * One arena of 32-bit words holds nodes and RRsets, addressed by word offset ("ref", 0 is none), so
 * that a million names need 4-byte links. A node keeps only its own label and its parent's ref. The
 * index finds a node by (parent, label): its hash is chained down from the apex, keyed, so it needs
 * no memory access before the bucket's. Canonical order stands apart in an array of refs; a node
 * knows its rank there. RRsets that are equal in type, TTL and RDATA are stored once: a TLD repeats
 * its NS sets. */
#ifndef BANYAN_ZONE_SNAPSHOT_H
#define BANYAN_ZONE_SNAPSHOT_H

#include "base/hash.h"
#include "zone/zone.h"

#include <stdatomic.h>

enum node_flag {
    NODE_CUT = 1 << 0,    /* NS, and not the apex */
    NODE_DNAME = 1 << 1,  /* owns a DNAME */
    NODE_WILD = 1 << 2,   /* has a child "*" */
    NODE_SIGNED = 1 << 3, /* has RRSIGs */
    NODE_MANY = 1 << 4,   /* sets is the ref of a struct set_table, else of one struct set */
    NODE_HIDDEN = 1 << 5, /* below a cut or a DNAME: glue or occluded */
    NODE_KIDS = 1 << 6,   /* has children */
    NODE_LOOSE = 1 << 7,  /* while building: more records wait in the loose store */
    NODE_NSEC3 = 1 << 7,  /* after it: has nothing but NSEC3 (and is a child of the apex) */
};

struct zone_node {
    uint32_t parent; /* ref; 0 for the apex */
    uint32_t sets;   /* ref; 0: none */
    uint32_t rank;   /* place in canonical order; while building half of the name's hash */
    uint8_t flags;   /* enum node_flag */
    uint8_t labels;  /* of the full name, the root not counted */
    uint8_t
        label[]; /* length byte and that many bytes, case as first seen; length 0 for the apex */
};

struct set {
    uint16_t type, count;
    uint32_t ttl;
    uint32_t size;   /* bytes of packed RDATA */
    uint8_t rdata[]; /* RRSIGs stand sorted by the type they cover */
};

struct set_entry {
    uint32_t ref;
    uint16_t type, spare;
};

struct set_table {
    uint32_t count;
    struct set_entry at[]; /* ascending by type */
};

/* Twelve one-byte tags, then the refs: one cache line. */
enum { BUCKET_SLOTS = 12 };

struct bucket {
    uint8_t tag[BUCKET_SLOTS];
    uint8_t used;
    uint8_t more; /* something that belongs here stands in a later bucket */
    uint8_t spare[2];
    uint32_t ref[BUCKET_SLOTS];
} ALIGNED(64);

/* Bit 8i+7 is set where byte i of v is zero (and perhaps for bytes above one that is: callers
 * verify). */
static inline uint64_t zero_bytes(uint64_t v)
{
    return (v - 0x0101010101010101u) & ~v & 0x8080808080808080u;
}

/* Slots whose tag may be `tag`, one bit each. */
static inline unsigned bucket_match(const struct bucket *b, uint8_t tag)
{
    unsigned m = 0;
    uint64_t lo, pat = tag * 0x0101010101010101u;
    uint32_t hi;
    memcpy(&lo, b->tag, 8);
    memcpy(&hi, b->tag + 8, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    lo = __builtin_bswap64(lo);
    hi = __builtin_bswap32(hi);
#endif
    for (uint64_t z = zero_bytes(lo ^ pat); z != 0; z &= z - 1)
        m |= 1u << (__builtin_ctzll(z) >> 3);
    for (uint64_t z = zero_bytes((hi ^ (uint32_t)pat) | 0xffffffff00000000u); z != 0; z &= z - 1)
        m |= 256u << (__builtin_ctzll(z) >> 3);
    return m & ((1u << b->used) - 1);
}

struct zone {
    uint32_t *mem; /* the arena; word 0 is unused */
    struct bucket *bucket;
    uint32_t *order; /* refs in canonical order */
    uint32_t words;  /* used of mem */
    uint32_t buckets;
    uint32_t nodes; /* the apex included */
    uint32_t apex;  /* ref */
    uint32_t serial;
    uint8_t origin_len, origin_labels;
    bool is_signed;
    _Atomic uint32_t refs;
    struct hash_key key;
    struct rrset negative_soa;
    struct zone_stats stats;
    /* zone/denial.c: the chain of NSEC3 in the order of their hashes */
    uint32_t *nsec3;     /* refs */
    uint64_t *nsec3_key; /* first eight bytes of each hash */
    uint32_t nsec3s;
    _Atomic uint64_t nsec3_known[2]; /* by enum zone_nsec3_name: ref << 1 | equal; 0: not yet */
    uint16_t nsec3_iterations;
    struct bytes nsec3_salt; /* in mem */
    void *attached;          /* zone_attach() */
    void (*attached_drop)(void *object);
    uint8_t origin[];
};

static inline struct zone_node *node_at(const uint32_t *mem, uint32_t ref)
{
    return (struct zone_node *)(void *)(mem + ref);
}

static inline struct set *set_at(const uint32_t *mem, uint32_t ref)
{
    return (struct set *)(void *)(mem + ref);
}

static inline struct set_table *table_at(const uint32_t *mem, uint32_t ref)
{
    return (struct set_table *)(void *)(mem + ref);
}

static inline uint32_t node_ref(const struct zone *z, const struct zone_node *n)
{
    return (uint32_t)((const uint32_t *)(const void *)n - z->mem);
}

/* The hash of a name from that of its parent and its first label (length byte first). The apex has
 * 0. */
static inline uint64_t node_hash(const struct hash_key *key, uint64_t parent, const uint8_t *label)
{
    uint8_t low[LIMIT_LABEL];
    struct hash_key k = {key->k0 ^ parent, key->k1};
    unsigned n = label[0];
    for (unsigned i = 0; i < n; i++)
        low[i] = ascii_lower(label[1 + i]);
    return siphash13(&k, low, n);
}

/* The same of a label in lower case. */
static inline uint64_t label_hash(const struct hash_key *key, uint64_t parent, const uint8_t *low)
{
    struct hash_key k = {key->k0 ^ parent, key->k1};
    return siphash13(&k, low + 1, low[0]);
}

static inline uint32_t bucket_home(uint64_t hash, uint32_t buckets)
{
    return (uint32_t)((hash >> 32) * buckets >> 32);
}

static inline uint8_t bucket_tag(uint64_t hash)
{
    return (uint8_t)(hash >> 32);
}

bool label_equal(const uint8_t *a, const uint8_t *b);
/* Canonical order of two labels: bytes in lower case, the shorter first (RFC 4034 section 6.1). */
int label_order(const uint8_t *a, const uint8_t *b);

/* The child of `parent` with this label, or 0. */
uint32_t index_find(const struct bucket *b, uint32_t buckets, const uint32_t *mem, uint64_t hash,
                    uint32_t parent, const uint8_t *label);
/* Puts ref in; there must be room in some bucket. */
void index_put(struct bucket *b, uint32_t buckets, uint64_t hash, uint32_t ref);
/* Zeroed, 64-byte aligned; NULL when memory is out. */
struct bucket *index_new(uint32_t buckets) MUST_USE;

/* Bytes of the covered type's field at the start of an RRSIG's RDATA (RFC 4034 section 3.1). */
static inline uint16_t rrsig_covers(struct bytes rdata)
{
    return rdata.n >= 2 ? get_be16(rdata.p) : 0;
}

#endif
