/* The records a signer adds: signatures, NSEC, NSEC3. Signatures of the zone as it was last signed
 * are kept where the set is the same, so that little changes when little changed. */
#include "base/hash.h"
#include "dnssec/sign_impl.h"
#include "zone/rdata_order.h"

#include <stdlib.h>
#include <string.h>

/* Room for n bytes at the end, or NULL. */
static uint8_t *chunk_room(struct chunk *c, size_t n)
{
    if (c->cap - c->n < n) {
        size_t cap = c->cap + c->cap / 2 + n + 4096;
        uint8_t *p = realloc(c->p, cap);
        if (p == NULL)
            return NULL;
        c->p = p;
        c->cap = cap;
    }
    return c->p + c->n;
}

static enum status chunk_add(struct chunk *c, uint32_t name, uint16_t type, uint32_t ttl,
                             struct bytes rdata)
{
    struct made_head h = {name, ttl, type, (uint16_t)rdata.n};
    uint8_t *p = chunk_room(c, sizeof h + rdata.n);
    if (p == NULL)
        return ST_ENOMEM;
    memcpy(p, &h, sizeof h);
    memcpy(p + sizeof h, rdata.p, rdata.n);
    c->n += sizeof h + rdata.n;
    return ST_OK;
}

bool chunk_next(const struct chunk *c, size_t *at, struct made_head *ret, struct bytes *rdata)
{
    if (*at >= c->n)
        return false;
    memcpy(ret, c->p + *at, sizeof *ret);
    *rdata = bytes_of(c->p + *at + sizeof *ret, ret->length);
    *at += sizeof *ret + ret->length;
    return true;
}

/* Over how much expirations are spread: at most half of the time that a new signature has until it
 * is to be renewed, or some would be so at once, for ever. */
static uint32_t spread(const struct sign_policy *p)
{
    uint32_t time = p->validity_s > p->refresh_s ? p->validity_s - p->refresh_s : 0;
    return MIN(p->jitter_s, time / 2);
}

/* Seconds that a new signature of this set ends before the longest: the same for a set each time,
 * spread evenly over all sets, so that they do not have to be renewed in one moment. */
static uint32_t jitter(const struct signer *s, const struct rrset *set)
{
    static const struct hash_key key = {0x6a69747465722031u, 0x6a69747465722032u};
    uint8_t id[LIMIT_NAME + 2];
    uint32_t range = spread(&s->plan->policy);
    if (range == 0)
        return 0;
    size_t n = name_lower(id, set->owner);
    put_be16(id + n, set->type);
    return (uint32_t)(siphash13(&key, id, n + 2) % range);
}

static void note_expiry(const struct signer *s, struct lane *l, uint32_t expiration)
{
    uint64_t at = s->plan->now + (uint64_t)(int64_t)(int32_t)(expiration - (uint32_t)s->plan->now);
    if (l->stats.expires == 0 || at < l->stats.expires)
        l->stats.expires = at;
}

/* Signatures are renewed a little early where others are due anyway, so that a zone whose
 * signatures are spread over a day is published anew some dozen times, not once for each. */
static bool good_for_long(const struct signer *s, const struct rrsig *g)
{
    const struct sign_policy *p = &s->plan->policy;
    uint32_t now = (uint32_t)s->plan->now;
    int64_t left = (int32_t)(g->expiration - now);
    return rrsig_time(g, now) == RRSIG_VALID && left > (int64_t)p->refresh_s + spread(p) / 24 &&
           left <= (int64_t)p->validity_s;
}

/* The signature of the same set by this key in the old zone, as RDATA. */
static bool kept(const struct signer *s, const struct rrset *set, const struct rrset *old_sigs,
                 const struct sign_key *k, struct bytes *ret, uint32_t *ret_expiration)
{
    struct rrsig g;
    struct rdata_iter it = rdata_iter(old_sigs);
    while (rdata_iter_next(&it, ret))
        if (rrsig_read(*ret, &g) && g.tag == k->tag && g.algorithm == k->algorithm &&
            g.original_ttl == set->ttl && name_equal(g.signer, zone_origin(s->in)) &&
            good_for_long(s, &g)) {
            *ret_expiration = g.expiration;
            return true;
        }
    return false;
}

/* Whether two sets hold the same records, in whatever order: a set has none, and a zone that was
 * written to a file and read again has them in the canonical one. */
static bool same_records(struct lane *l, const struct rrset *a, const struct rrset *b)
{
    if (a->count != b->count || a->rdata_size != b->rdata_size)
        return false;
    if (memcmp(a->rdata, b->rdata, a->rdata_size) == 0)
        return true;
    if (a->count < 2)
        return false;
    if (l->order_cap < 2u * a->count) {
        const uint8_t **v = realloc(l->order, 2u * a->count * sizeof *v);
        if (v == NULL)
            return false;
        l->order = v;
        l->order_cap = 2u * a->count;
    }
    rdata_order(a, l->order);
    rdata_order(b, l->order + a->count);
    for (unsigned i = 0; i < a->count; i++) {
        const uint8_t *x = l->order[i], *y = l->order[a->count + i];
        if (!bytes_equal(rdata_next(&x), rdata_next(&y)))
            return false;
    }
    return true;
}

/* The signatures of the set in the old zone, if the set was the same there. */
static bool old_signatures(const struct signer *s, struct lane *l, const struct rrset *set,
                           const struct zone_node *old, struct rrset *ret)
{
    struct rrset was;
    return old != NULL && zone_rrset(s->plan->old, old, set->type, set->owner, &was) &&
           was.ttl == set->ttl && same_records(l, &was, set) &&
           zone_rrsig(s->plan->old, old, set->type, set->owner, ret);
}

/* RFC 7344 section 4.1: CDS and CDNSKEY are signed as the DNSKEY set is. */
static bool signs(const struct sign_key *k, uint16_t type)
{
    bool keys = type == RR_DNSKEY || type == RR_CDS || type == RR_CDNSKEY;
    return keys ? k->sign_keys : k->sign_zone;
}

enum status sign_set(struct signer *s, struct lane *l, const struct rrset *set,
                     const struct zone_node *old, uint32_t name, struct chunk *out)
{
    const struct sign_policy *p = &s->plan->policy;
    struct rrset old_sigs;
    bool same = old_signatures(s, l, set, old, &old_sigs);
    struct rrsig head = {
        .expiration = (uint32_t)(s->plan->now + p->validity_s - jitter(s, set)),
        .inception = (uint32_t)(s->plan->now - p->backdate_s),
        .signer = zone_origin(s->in),
    };
    for (unsigned i = 0; i < s->plan->keys; i++) {
        const struct sign_key *k = &s->plan->key[i];
        uint8_t rdata[RRSIG_RDATA_MAX];
        struct writer w = wr_of(rdata, sizeof rdata);
        struct bytes rd;
        uint32_t expiration = head.expiration;
        if (!signs(k, set->type))
            continue;
        if (same && kept(s, set, &old_sigs, k, &rd, &expiration)) {
            l->stats.kept++;
        } else {
            head.tag = k->tag;
            TRY(rrsig_make(l->key[i], set, &head, &l->buffer, &w));
            rd = wr_done(&w);
            l->stats.made++;
        }
        note_expiry(s, l, expiration);
        TRY(chunk_add(out, name, RR_RRSIG, set->ttl, rd));
    }
    return ST_OK;
}

static int type_order(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* The types that the denial record of a name tells of (RFC 4034 section 4.1.2, RFC 4035
 * section 2.3, RFC 5155 section 7.1). */
static size_t types_of(const struct signer *s, struct lane *l, const struct zone_node *n,
                       const uint8_t *owner)
{
    size_t count = 0;
    struct set_cursor cursor = {0};
    struct rrset set;
    enum name_kind kind = s->kind[zone_node_rank(n)];
    if (kind == NAME_EMPTY)
        return 0;
    while (sign_next_set(s, n, owner, &cursor, &set))
        if (kind == NAME_DATA || set.type == RR_NS || set.type == RR_DS)
            l->types[count++] = set.type;
    if (!sign_nsec3(s))
        l->types[count++] = RR_NSEC;
    if (kind != NAME_INSECURE || !sign_nsec3(s))
        l->types[count++] = RR_RRSIG;
    qsort(l->types, count, sizeof *l->types, type_order);
    return count;
}

/* Adds a denial record and its signatures. */
static enum status add_denial(struct signer *s, struct lane *l, const uint8_t *owner, uint16_t type,
                              struct bytes rdata, const struct zone_node *old, uint32_t name,
                              struct chunk *out)
{
    uint8_t packed[2 + LIMIT_NAME + 9000];
    put_be16(packed, (uint16_t)rdata.n);
    memcpy(packed + 2, rdata.p, rdata.n);
    struct rrset set = {owner, type, CLASS_IN, s->denial_ttl, 1, (uint32_t)rdata.n + 2, packed};
    l->stats.denials++;
    TRY(chunk_add(out, name, type, s->denial_ttl, rdata));
    return sign_set(s, l, &set, old, name, out);
}

static enum status add_nsec(struct signer *s, struct lane *l, const struct zone_node *n,
                            const uint8_t *owner, uint32_t link, const struct zone_node *old,
                            struct chunk *out)
{
    uint8_t rdata[LIMIT_NAME + 9000];
    const struct link *next = &s->chain[link + 1 < s->links ? link + 1 : 0];
    struct writer w = wr_of(rdata, sizeof rdata);
    w.p += zone_node_name(s->in, zone_node_at(s->in, next->rank), rdata);
    TRY(bitmap_write(l->types, types_of(s, l, n, owner), &w));
    return add_denial(s, l, owner, RR_NSEC, wr_done(&w), old, zone_node_rank(n), out);
}

static const struct zone_node *old_node(const struct signer *s, const uint8_t *owner)
{
    return s->plan->old != NULL ? zone_node_of(s->plan->old, owner) : NULL;
}

enum status sign_names(struct signer *s, struct lane *l, uint32_t chunk)
{
    struct chunk *out = &s->of_names[chunk];
    uint32_t first = chunk * SIGN_CHUNK, end = MIN(first + SIGN_CHUNK, s->names);
    uint32_t link = sign_nsec3(s) ? 0 : chain_from(s, first);
    for (uint32_t r = first; r < end; r++) {
        enum name_kind kind = s->kind[r];
        bool chained = !sign_nsec3(s) && kind >= NAME_DATA;
        if (kind < NAME_DATA || (kind == NAME_INSECURE && !chained))
            continue;
        uint8_t owner[LIMIT_NAME];
        struct set_cursor cursor = {0};
        struct rrset set;
        const struct zone_node *n = zone_node_at(s->in, r);
        zone_node_name(s->in, n, owner);
        const struct zone_node *old = old_node(s, owner);
        while (sign_next_set(s, n, owner, &cursor, &set))
            if (kind == NAME_DATA || set.type == RR_DS)
                TRY(sign_set(s, l, &set, old, r, out));
        if (chained)
            TRY(add_nsec(s, l, n, owner, link++, old, out));
    }
    return ST_OK;
}

enum status sign_links(struct signer *s, struct lane *l, uint32_t chunk)
{
    struct chunk *out = &s->of_links[chunk];
    uint32_t end = MIN((chunk + 1) * SIGN_CHUNK, s->links);
    for (uint32_t i = chunk * SIGN_CHUNK; i < end; i++) {
        uint8_t rdata[300 + 9000], name[LIMIT_NAME];
        struct name owner;
        struct writer w = wr_of(rdata, sizeof rdata);
        const struct zone_node *n = zone_node_at(s->in, s->chain[i].rank);
        zone_node_name(s->in, n, name);
        wr_u8(&w, NSEC3_SHA1);
        wr_u8(&w, s->plan->policy.opt_out);
        wr_u16(&w, s->plan->iterations);
        wr_u8(&w, (uint8_t)s->plan->salt.n);
        wr_bytes(&w, s->plan->salt.p, s->plan->salt.n);
        wr_u8(&w, NSEC3_HASH);
        wr_bytes(&w, s->chain[i + 1 < s->links ? i + 1 : 0].hash, NSEC3_HASH);
        TRY(bitmap_write(l->types, types_of(s, l, n, name), &w));
        TRY(nsec3_owner(s->chain[i].hash, zone_origin(s->in), &owner));
        TRY(add_denial(s, l, owner.w, RR_NSEC3, wr_done(&w), old_node(s, owner.w), i, out));
    }
    return ST_OK;
}
