/* The last steps of a snapshot: what must hold of every zone, flags, exact sizes. */
#include "zone/build.h"
#include "zone/denial.h"

#include <stdlib.h>

/* --- What no zone may have --- */

static bool beside_cname(uint16_t type)
{
    return rr_type_flags(type) & RRF_DNSSEC; /* RFC 4034 section 3, RFC 2181 section 10.1 */
}

static void check_alias(struct zone_builder *b, uint32_t ref, const struct zone_node *n)
{
    const struct set *s, *cname = build_set_of(b, n, RR_CNAME),
                         *dname = build_set_of(b, n, RR_DNAME);
    char type[24];
    if (cname != NULL && cname->count > 1)
        build_finding(b, SEV_ERROR, "multiple-cname", ref, RR_CNAME, 2,
                      "a name is an alias of one other name (RFC 2181 section 10.1)",
                      "%u different CNAME records", cname->count);
    if (dname != NULL && dname->count > 1)
        build_finding(b, SEV_ERROR, "multiple-dname", ref, RR_DNAME, 2, "RFC 6672 section 2.4",
                      "%u different DNAME records", dname->count);
    for (uint32_t k = 0; cname != NULL && (s = build_set(b, n, k)) != NULL; k++)
        if (s->type != RR_CNAME && !beside_cname(s->type))
            build_finding(b, SEV_ERROR, "cname-and-other-data", ref, s->type, 1,
                          ref == b->apex
                              ? "the apex needs SOA and NS, so it cannot be a CNAME"
                              : "a name with a CNAME has no other data (RFC 1034 section 3.6.2)",
                          "%s stands beside a CNAME", rr_type_str(s->type, type));
}

static void check_apex(struct zone_builder *b)
{
    const struct zone_node *apex = node_at(b->mem, b->apex);
    const struct set *soa = build_set_of(b, apex, RR_SOA);
    if (soa == NULL)
        build_finding(b, SEV_ERROR, "no-soa", b->apex, 0, 1,
                      "every zone has one SOA record at its apex", "the zone has no SOA record");
    else if (soa->count > 1)
        build_finding(b, SEV_ERROR, "multiple-soa", b->apex, RR_SOA, 2, NULL,
                      "%u different SOA records", soa->count);
    if (build_set_of(b, apex, RR_NS) == NULL)
        build_finding(b, SEV_ERROR, "no-ns", b->apex, RR_SOA, 1,
                      "add the zone's name servers, e.g. \"@ NS ns1\"",
                      "the zone has no NS record at its apex");
}

enum { AHEAD = 12 }; /* nodes that are fetched before they are needed */

/* Flags that depend on the sets; counts; problems. */
static void nodes_scan(struct zone_builder *b)
{
    b->stats = (struct zone_stats){.names = b->nodes};
    for (uint32_t i = 0; i < b->nodes; i++) {
        struct zone_node *n = node_at(b->mem, b->ref[i]);
        const struct set *s;
        if (i + 2 * AHEAD < b->nodes) {
            __builtin_prefetch(node_at(b->mem, b->ref[i + 2 * AHEAD]), 1);
            __builtin_prefetch(set_at(b->mem, node_at(b->mem, b->ref[i + AHEAD])->sets));
        }
        for (uint32_t k = 0; (s = build_set(b, n, k)) != NULL; k++) {
            b->stats.rrsets++;
            b->stats.records += s->count;
            if (s->type == RR_NS && i > 0)
                n->flags |= NODE_CUT;
            else if (s->type == RR_DNAME)
                n->flags |= NODE_DNAME;
            else if (s->type == RR_RRSIG)
                n->flags |= NODE_SIGNED;
            else if (s->type == RR_SOA && i > 0)
                build_finding(b, SEV_ERROR, "soa-below-apex", b->ref[i], RR_SOA, 1,
                              "another zone's data has come into this file",
                              "a SOA record below the apex");
            b->is_signed |= s->type == RR_RRSIG;
        }
        if (n->flags & NODE_MANY || n->flags & NODE_DNAME ||
            (n->sets != 0 && set_at(b->mem, n->sets)->type == RR_CNAME))
            check_alias(b, b->ref[i], n);
    }
    check_apex(b);
}

/* --- Exact sizes --- */

static enum status index_pack(struct zone_builder *b)
{
    uint32_t want = (uint32_t)((uint64_t)b->nodes * 5 / (BUCKET_SLOTS * 4)) + 1; /* 80 % full */
    if (want + want / 8 >= b->buckets)
        return ST_OK;
    return build_index(b, want);
}

/* realloc to less: the old block if that fails. */
static void *shrink(void *p, size_t n)
{
    void *q = realloc(p, n);
    return q != NULL ? q : p;
}

static void soa_fields(struct zone *z)
{
    struct rrset soa;
    bool has = zone_rrset(z, zone_apex(z), RR_SOA, z->origin, &soa);
    ASSERT(has);
    const uint8_t *end = soa.rdata + 2 + get_be16(soa.rdata);
    z->serial = get_be32(end - 20);
    soa.ttl = MIN(soa.ttl, get_be32(end - 4)); /* RFC 2308 section 3 */
    z->negative_soa = soa;
}

static struct zone *zone_make(struct zone_builder *b)
{
    struct zone *z = calloc(1, sizeof *z + b->origin_len);
    if (z == NULL)
        return NULL;
    z->mem = shrink(b->mem, (size_t)b->words * 4);
    z->order = shrink(b->ref, (size_t)b->nodes * 4);
    z->bucket = b->bucket;
    z->buckets = b->buckets;
    z->words = b->words;
    z->nodes = b->nodes;
    z->apex = b->apex;
    z->key = b->key;
    z->origin_len = b->origin_len;
    z->origin_labels = b->origin_labels;
    memcpy(z->origin, b->origin, b->origin_len);
    atomic_init(&z->refs, 1);
    b->mem = NULL;
    b->ref = NULL;
    b->bucket = NULL;
    z->stats = b->stats;
    z->stats.bytes = sizeof *z + b->origin_len + (uint64_t)b->words * 4 + (uint64_t)b->nodes * 4 +
                     (uint64_t)b->buckets * sizeof(struct bucket);
    soa_fields(z);
    struct rrset keys;
    z->is_signed = b->is_signed && zone_rrset(z, zone_apex(z), RR_DNSKEY, z->origin, &keys);
    return z;
}

enum status zone_builder_finish(struct zone_builder *b, struct zone **ret, struct diag *d)
{
    b->first = d;
    TRY(build_flush_all(b));
    pends_free(&b->now);
    free(b->slot);
    free(b->slot_hash);
    b->slot = b->slot_hash = NULL;
    b->slots = b->slots_used = 0;
    nodes_scan(b);
    if (b->errors > 0)
        return ST_ESEMANTIC;
    TRY(index_pack(b));
    TRY(build_order(b));
    struct zone *z = zone_make(b);
    if (z == NULL)
        return ST_ENOMEM;
    if (zone_denial_build(z) != ST_OK) {
        zone_drop(z);
        return ST_ENOMEM;
    }
    *ret = z;
    return ST_OK;
}
