/* NSEC and NSEC3 of a snapshot.
 *
 * NSEC needs no index: nodes stand in canonical order. NSEC3 owners are children of the apex and
 * base32hex keeps the order of what it encodes, so in canonical order they stand by hash; the index
 * is an array of them beside the first eight bytes of each hash, which decide nearly always. */
#include "zone/denial.h"

#include "base/codec.h"
#include "zone/snapshot.h"

#include <stdlib.h>

enum {
    NSEC3_LABEL = 32, /* characters of a hash in base32hex */
    /* Steps back to an NSEC: out of what is hidden, and over a chain of empty non-terminals. More
     * are only taken where the signer left NSECs out. */
    BACK_MAX = 2 * LIMIT_LABELS,
};

/* --- NSEC --- */

static bool has_nsec(const struct zone *z, const struct zone_node *n)
{
    struct rrset set;
    return zone_rrset(z, n, RR_NSEC, z->origin, &set);
}

/* The last node with an NSEC up to n. */
static const struct zone_node *nsec_back(const struct zone *z, const struct zone_node *n)
{
    for (unsigned i = 0; i < BACK_MAX; i++) {
        while (n->flags & NODE_HIDDEN) /* to the cut or DNAME: any number of names below it */
            n = node_at(z->mem, n->parent);
        if (has_nsec(z, n))
            return n;
        if (n->rank == 0)
            return NULL;
        n = node_at(z->mem, z->order[n->rank - 1]);
    }
    return NULL;
}

const struct zone_node *zone_nsec_of(const struct zone *z, const struct zone_node *n)
{
    return nsec_back(z, n);
}

/* Does n stand before label.parent? Known: n's rank is above that of parent. */
static bool stands_before(const struct zone *z, const struct zone_node *n,
                          const struct zone_node *parent, const uint8_t *label)
{
    if (n->labels <= parent->labels)
        return false; /* behind all of parent's */
    while (n->labels > parent->labels + 1)
        n = node_at(z->mem, n->parent);
    return node_at(z->mem, n->parent) == parent && label_order(n->label, label) < 0;
}

const struct zone_node *zone_nsec_before(const struct zone *z, const struct zone_node *parent,
                                         const uint8_t *label)
{
    uint32_t lo = parent->rank, hi = z->nodes; /* lo stands before it, hi does not */
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (stands_before(z, node_at(z->mem, z->order[mid]), parent, label))
            lo = mid;
        else
            hi = mid;
    }
    return nsec_back(z, node_at(z->mem, z->order[lo]));
}

/* --- NSEC3 --- */

bool zone_nsec3_param(const struct zone *z, struct zone_nsec3_param *ret)
{
    if (z->nsec3s == 0 || z->nsec3_iterations > LIMIT_NSEC3_ITERATIONS_SERVED)
        return false;
    *ret = (struct zone_nsec3_param){z->nsec3_salt, z->nsec3_iterations};
    return true;
}

/* Hashes are spread evenly, so a key stands about where its value says: narrows [lo, hi) down to
 * the neighbourhood where that is so, and leaves it right in any case. */
static void nsec3_near(const struct zone *z, uint64_t key, uint32_t *lo, uint32_t *hi)
{
    enum { STEP = 8 };
    const uint64_t *v = z->nsec3_key;
    uint32_t n = *hi, at = (uint32_t)((key >> 32) * n >> 32), step;
    for (step = STEP; step <= at && v[at - step] >= key;)
        step *= 2;
    *lo = step <= at ? at - step + 1 : 0; /* before it all are smaller */
    for (step = STEP; step < n - at && v[at + step] <= key;)
        step *= 2;
    *hi = step < n - at ? at + step : n; /* from it on all are greater */
}

const struct zone_node *zone_nsec3_find(const struct zone *z, const uint8_t hash[NSEC3_HASH],
                                        bool *ret_equal)
{
    *ret_equal = false;
    if (z->nsec3s == 0)
        return NULL;
    uint64_t key = get_be64(hash);
    char label[1 + NSEC3_LABEL + 1] = {0}; /* made when a key is equal */
    uint32_t lo = 0, hi = z->nsec3s; /* those before lo are smaller or equal, from hi on greater */
    nsec3_near(z, key, &lo, &hi);
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        const struct zone_node *n = node_at(z->mem, z->nsec3[mid]);
        int c = z->nsec3_key[mid] < key ? -1 : 1;
        if (z->nsec3_key[mid] == key) {
            if (label[0] == 0) {
                struct text t = text_of(label + 1, sizeof label - 1);
                base32hex_text(bytes_of(hash, NSEC3_HASH), &t);
                label[0] = NSEC3_LABEL;
            }
            c = label_order(n->label, (const uint8_t *)label);
        }
        if (c == 0) {
            *ret_equal = true;
            return n;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return node_at(z->mem,
                   z->nsec3[(lo > 0 ? lo : z->nsec3s) - 1]); /* the last closes the circle */
}

void zone_nsec3_keep(const struct zone *z, enum zone_nsec3_name which, const struct zone_node *n,
                     bool equal)
{
    /* No part of what is served changes. */
    _Atomic uint64_t *known = &((struct zone *)(uintptr_t)z)->nsec3_known[which];
    atomic_store_explicit(known, (uint64_t)node_ref(z, n) << 1 | equal, memory_order_relaxed);
}

const struct zone_node *zone_nsec3_kept(const struct zone *z, enum zone_nsec3_name which,
                                        bool *ret_equal)
{
    uint64_t known = atomic_load_explicit(&z->nsec3_known[which], memory_order_relaxed);
    *ret_equal = known & 1;
    return known != 0 ? node_at(z->mem, (uint32_t)(known >> 1)) : NULL;
}

/* The fields from the iterations on, which NSEC3 and NSEC3PARAM share (RFC 5155 sections 3.2, 4.2).
 */
static struct bytes nsec3_fields(struct bytes rd)
{
    size_t n = rd.n >= 5 ? 5u + rd.p[4] : 0;
    return n <= rd.n && n > 0 ? bytes_of(rd.p + 2, n - 2) : bytes_of(NULL, 0);
}

/* Is n part of the chain with these fields? */
static bool in_chain(const struct zone *z, const struct zone_node *n, struct bytes fields,
                     uint64_t *ret_key)
{
    struct rrset set;
    uint8_t hash[NSEC3_HASH];
    struct writer w = wr_of(hash, sizeof hash);
    if (n->parent != z->apex || n->label[0] != NSEC3_LABEL ||
        !zone_rrset(z, n, RR_NSEC3, z->origin, &set) ||
        base32hex_parse(bytes_of(n->label + 1, NSEC3_LABEL), &w) != ST_OK ||
        wr_len(&w) != NSEC3_HASH)
        return false;
    *ret_key = get_be64(hash);
    struct rdata_iter it = rdata_iter(&set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (rd.n > 0 && rd.p[0] == NSEC3_SHA1 && bytes_equal(nsec3_fields(rd), fields))
            return true;
    return false;
}

/* Nothing but NSEC3 and its signatures: for a question there is no such name (RFC 5155
 * section 7.2.8). */
static bool only_nsec3(const struct zone *z, const struct zone_node *n)
{
    uint32_t cursor = 0;
    struct rrset set;
    if (n->flags & NODE_KIDS)
        return false;
    while (zone_rrset_next(z, n, z->origin, &cursor, &set))
        if (set.type != RR_NSEC3 && set.type != RR_RRSIG)
            return false;
    return true;
}

/* Counts the NSEC3 of a chain, or puts them into the index. */
static uint32_t chain_scan(struct zone *z, struct bytes fields, bool put)
{
    uint32_t n = 0;
    uint64_t key;
    for (uint32_t i = 1; i < z->nodes; i++) {
        struct zone_node *node = node_at(z->mem, z->order[i]);
        if (!in_chain(z, node, fields, &key))
            continue;
        if (put) {
            z->nsec3[n] = z->order[i];
            z->nsec3_key[n] = key;
        }
        n++;
    }
    return n;
}

static void mark_nsec3(struct zone *z)
{
    struct rrset set;
    for (uint32_t i = 1; i < z->nodes; i++) {
        struct zone_node *n = node_at(z->mem, z->order[i]);
        if (n->parent == z->apex && zone_rrset(z, n, RR_NSEC3, z->origin, &set) && only_nsec3(z, n))
            n->flags |= NODE_NSEC3;
    }
}

enum status zone_denial_build(struct zone *z)
{
    struct rrset params;
    if (!zone_rrset(z, zone_apex(z), RR_NSEC3PARAM, z->origin, &params))
        return ST_OK;
    mark_nsec3(z);
    struct rdata_iter it = rdata_iter(&params);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct bytes fields = nsec3_fields(rd);
        if (fields.n == 0 || rd.p[0] != NSEC3_SHA1 || rd.p[1] != 0)
            continue;
        uint32_t n = chain_scan(z, fields, false);
        if (n == 0)
            continue;
        z->nsec3 = malloc(n * sizeof *z->nsec3);
        z->nsec3_key = malloc(n * sizeof *z->nsec3_key);
        if (z->nsec3 == NULL || z->nsec3_key == NULL)
            return ST_ENOMEM;
        z->nsec3s = chain_scan(z, fields, true);
        z->nsec3_iterations = get_be16(fields.p);
        z->nsec3_salt = bytes_of(fields.p + 3, fields.n - 3);
        z->stats.bytes += (uint64_t)n * (sizeof *z->nsec3 + sizeof *z->nsec3_key);
        break;
    }
    return ST_OK;
}
