#include "dnssec/online.h"

#include "base/hash.h"
#include "dnssec/nsec3.h"
#include "dnssec/rrsig.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct online_zone {
    uint64_t id; /* tells it from every other, also from one that had its address before */
    struct name name;
    struct sign_policy policy;
    unsigned keys;
    struct sign_key key[SIGN_KEYS]; /* dnskey unset */
};

/* A worker's own handles of a zone's keys. */
struct opened {
    uint64_t id;
    struct sec_key *key[SIGN_KEYS];
};

/* A signature made before. */
struct remembered {
    uint64_t set[2]; /* what was signed, with which key: 0, 0 is none */
    uint32_t expiration;
    uint16_t n;
    bool recent;
    uint8_t *rdata;
};

enum { OPENED = 64, WAYS = 4, SCRATCH = 131072 };

struct online {
    struct opened opened[OPENED];
    struct remembered *slot; /* LIMIT_ONLINE_SIGNATURES */
    struct hash_key hash[2];
    struct sig_buffer buffer;
    struct online_stats stats;
    size_t used;
    uint8_t scratch[SCRATCH];
};

/* --- Zones --- */

enum status online_zone_new(const uint8_t *zone, const struct sign_plan *plan,
                            struct online_zone **ret)
{
    static _Atomic uint64_t last;
    struct online_zone *z = calloc(1, sizeof *z);
    if (z == NULL)
        return ST_ENOMEM;
    z->id = atomic_fetch_add(&last, 1) + 1;
    name_copy(z->name.w, zone);
    z->policy = plan->policy;
    for (unsigned i = 0; i < plan->keys; i++) {
        const struct sign_key *k = &plan->key[i];
        if (k->key == NULL || (!k->sign_zone && !k->sign_keys))
            continue;
        struct sign_key *mine = &z->key[z->keys];
        *mine = *k;
        mine->dnskey = (struct bytes){0};
        mine->key = sec_key_share(k->key);
        if (mine->key == NULL) {
            online_zone_free(z);
            return ST_ENOMEM;
        }
        z->keys++;
    }
    if (z->keys == 0) {
        online_zone_free(z);
        return ST_ESEMANTIC;
    }
    *ret = z;
    return ST_OK;
}

void online_zone_free(void *zone)
{
    struct online_zone *z = zone;
    if (z == NULL)
        return;
    for (unsigned i = 0; i < z->keys; i++)
        sec_key_free(z->key[i].key);
    free(z);
}

/* --- Workers --- */

struct online *online_new(void)
{
    struct online *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    o->slot = calloc(LIMIT_ONLINE_SIGNATURES, sizeof *o->slot);
    if (o->slot == NULL) {
        free(o);
        return NULL;
    }
    o->hash[0] = (struct hash_key){0x6f6e6c696e652031u, 0x62616e79616e2031u};
    o->hash[1] = (struct hash_key){0x6f6e6c696e652032u, 0x62616e79616e2032u};
    return o;
}

static void close_keys(struct opened *k)
{
    for (unsigned i = 0; i < SIGN_KEYS; i++) {
        sec_key_free(k->key[i]);
        k->key[i] = NULL;
    }
    k->id = 0;
}

void online_free(struct online *o)
{
    if (o == NULL)
        return;
    for (unsigned i = 0; i < OPENED; i++)
        close_keys(&o->opened[i]);
    for (unsigned i = 0; i < LIMIT_ONLINE_SIGNATURES; i++)
        free(o->slot[i].rdata);
    sig_buffer_free(&o->buffer);
    free(o->slot);
    free(o);
}

void online_begin(struct online *o)
{
    o->used = 0;
}

struct online_stats online_stats(const struct online *o)
{
    return o->stats;
}

static uint8_t *scratch(struct online *o, size_t n)
{
    if (SCRATCH - o->used < n)
        return NULL;
    uint8_t *p = o->scratch + o->used;
    o->used += n;
    return p;
}

static struct sec_key *key_of(struct online *o, const struct online_zone *z, unsigned i)
{
    struct opened *k = &o->opened[z->id % OPENED];
    if (k->id != z->id)
        close_keys(k);
    k->id = z->id;
    if (k->key[i] == NULL)
        k->key[i] = sec_key_share(z->key[i].key);
    return k->key[i];
}

/* --- Signatures made before --- */

/* Names a signature by all that goes into it: 128 bits of two keyed hashes, so that nobody can
 * construct two sets with the same name. */
static void identify(const struct online *o, const struct online_zone *z, unsigned key,
                     const struct rrset *set, uint64_t ret[2])
{
    uint8_t head[LIMIT_NAME + 32];
    size_t n = name_lower(head, set->owner);
    put_be16(head + n, set->type);
    put_be32(head + n + 2, set->ttl);
    put_be64(head + n + 6, z->id);
    head[n + 14] = (uint8_t)key;
    for (int i = 0; i < 2; i++) {
        struct hash_key k = o->hash[i];
        k.k0 ^= siphash24(&o->hash[i], head, n + 15);
        ret[i] = siphash24(&k, set->rdata, set->rdata_size) | 1;
    }
}

static struct remembered *bucket(struct online *o, const uint64_t id[2])
{
    return &o->slot[id[0] / 2 % (LIMIT_ONLINE_SIGNATURES / WAYS) * WAYS];
}

static const struct remembered *recall(struct online *o, const uint64_t id[2],
                                       const struct online_zone *z, uint64_t now)
{
    struct remembered *r = bucket(o, id);
    for (int i = 0; i < WAYS; i++, r++)
        if (r->set[0] == id[0] && r->set[1] == id[1]) {
            int64_t left = (int32_t)(r->expiration - (uint32_t)now);
            r->recent = true;
            /* RFC 1982; longer than any that is made: the clock was set back. */
            return left > (int64_t)z->policy.refresh_s && left <= (int64_t)z->policy.validity_s
                       ? r
                       : NULL;
        }
    return NULL;
}

static void remember(struct online *o, const uint64_t id[2], uint32_t expiration,
                     struct bytes rdata)
{
    struct remembered *r = bucket(o, id), *to = NULL;
    for (int i = 0; i < WAYS && to == NULL; i++)
        if (r[i].set[0] == id[0] && r[i].set[1] == id[1])
            to = &r[i];
    for (int i = 0; i < 2 * WAYS && to == NULL; i++) {
        struct remembered *c = &r[i % WAYS];
        if (!c->recent)
            to = c;
        c->recent = false;
    }
    uint8_t *p = realloc(to->rdata, rdata.n);
    if (p == NULL)
        return;
    memcpy(p, rdata.p, rdata.n);
    *to = (struct remembered){{id[0], id[1]}, expiration, (uint16_t)rdata.n, false, p};
}

/* --- Making --- */

/* One signature's RDATA into w. */
static bool sign_with(struct online *o, const struct online_zone *z, unsigned key,
                      const struct rrset *set, uint64_t now, struct writer *w)
{
    const struct sign_policy *p = &z->policy;
    uint64_t id[2];
    identify(o, z, key, set, id);
    const struct remembered *r = recall(o, id, z, now);
    if (r != NULL) {
        wr_bytes(w, r->rdata, r->n);
        o->stats.kept++;
        return wr_ok(w);
    }
    struct sec_key *k = key_of(o, z, key);
    struct rrsig head = {.expiration = (uint32_t)(now + p->validity_s),
                         .inception = (uint32_t)(now - p->backdate_s),
                         .tag = z->key[key].tag,
                         .signer = z->name.w};
    uint8_t *mark = wr_mark(w);
    if (k == NULL || rrsig_make(k, set, &head, &o->buffer, w) != ST_OK)
        return false;
    o->stats.made++;
    remember(o, id, head.expiration, bytes_of(mark, (size_t)(w->p - mark)));
    return true;
}

bool online_sign(struct online *o, const struct online_zone *z, const struct rrset *set,
                 uint64_t now, struct rrset *ret)
{
    uint8_t *start = o->scratch + o->used;
    struct writer w = wr_of(start, SCRATCH - o->used);
    bool keys = set->type == RR_DNSKEY || set->type == RR_CDS || set->type == RR_CDNSKEY;
    uint16_t count = 0;
    for (unsigned i = 0; i < z->keys; i++) {
        if (!(keys ? z->key[i].sign_keys : z->key[i].sign_zone))
            continue;
        uint8_t *length = wr_room(&w, 2);
        if (length == NULL || !sign_with(o, z, i, set, now, &w))
            return false;
        put_be16(length, (uint16_t)(w.p - length - 2));
        count++;
    }
    if (count == 0)
        return false;
    o->used += wr_len(&w);
    *ret = (struct rrset){set->owner,           RR_RRSIG, CLASS_IN, set->ttl, count,
                          (uint32_t)wr_len(&w), start};
    return true;
}

/* The next name after n and all below it, of those that have no label before n's first one; false
 * if there is none. */
static bool next_sibling(const uint8_t *n, struct name *ret)
{
    size_t len = name_len(n), label = n[0];
    if (len + 1 <= LIMIT_NAME && label < LIMIT_LABEL) {
        ret->w[0] = (uint8_t)(label + 1);
        memcpy(ret->w + 1, n + 1, label);
        ret->w[1 + label] = 0;
        memcpy(ret->w + 2 + label, n + 1 + label, len - 1 - label);
        return true;
    }
    /* No room: the last byte that can be is made one higher, and those behind it are left out.
     * Capital letters sort as small ones (RFC 4034 section 6.1). */
    name_lower(ret->w, n);
    while (label > 0 && ret->w[label] == 0xff)
        label--;
    if (label == 0)
        return false;
    uint8_t *c = &ret->w[label];
    *c = *c == '@' ? '[' : (uint8_t)(*c + 1);
    memmove(ret->w + 1 + label, ret->w + 1 + n[0], len - 1 - n[0]);
    ret->w[0] = (uint8_t)label;
    return true;
}

void name_successor(const uint8_t *n, const uint8_t *zone, struct name *ret)
{
    if (name_len(n) + 2 <= LIMIT_NAME) {
        ret->w[0] = 1;
        ret->w[1] = 0;
        name_copy(ret->w + 2, n);
        return;
    }
    for (; !name_equal(n, zone); n = name_parent(n))
        if (next_sibling(n, ret))
            return;
    name_copy(ret->w, zone); /* nothing can follow: the circle closes */
}

static int type_order(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

bool online_nsec(struct online *o, const struct online_zone *z, const uint8_t *owner,
                 uint16_t *types, size_t n, uint32_t ttl, struct rrset *ret)
{
    enum { BITMAP_MAX = 256 * 34 };
    uint8_t buf[LIMIT_NAME + BITMAP_MAX];
    struct writer w = wr_of(buf, sizeof buf);
    struct name next;
    name_successor(owner, z->name.w, &next);
    wr_bytes(&w, next.w, name_len(next.w));
    qsort(types, n, sizeof *types, type_order);
    uint8_t *p;
    if (bitmap_write(types, n, &w) != ST_OK || (p = scratch(o, 2 + wr_len(&w))) == NULL)
        return false;
    put_be16(p, (uint16_t)wr_len(&w));
    memcpy(p + 2, buf, wr_len(&w));
    *ret = (struct rrset){owner, RR_NSEC, CLASS_IN, ttl, 1, (uint32_t)(2 + wr_len(&w)), p};
    return true;
}
