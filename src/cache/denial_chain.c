/* One chain of denial records in order: by name (RFC 4034 section 6.1) or by hash (RFC 5155
 * section 3.1.7). */
#include "cache/denial_impl.h"

struct chain_key key_of(const uint8_t *p, size_t n)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++)
        prefix = prefix << 8 | (i < n ? p[i] : 0);
    return (struct chain_key){prefix, p, n};
}

/* Labels from the zone downward, each ended by 0; the bytes 0 and 1 in a label get a 1 before them,
 * so that the end of a label comes before all else. */
struct chain_key key_of_name(const uint8_t *name, unsigned zone_labels, uint8_t buf[KEY_MAX])
{
    const uint8_t *at[LIMIT_LABELS];
    unsigned labels = 0;
    size_t n = 0;
    for (; *name != 0; name += 1 + *name)
        at[labels++] = name;
    ASSERT(labels >= zone_labels);
    for (unsigned i = labels - zone_labels; i-- > 0;) {
        for (unsigned k = 1; k <= at[i][0]; k++) {
            uint8_t c = ascii_lower(at[i][k]);
            if (c <= 1)
                buf[n++] = 1;
            buf[n++] = (uint8_t)(c + (c <= 1));
        }
        buf[n++] = 0;
    }
    return key_of(buf, n);
}

const uint8_t *item_key(const struct item *e)
{
    return (const uint8_t *)&e->link[e->levels];
}

const uint8_t *item_owner(const struct item *e)
{
    return item_key(e) + e->key_n;
}

struct bytes item_rdata(const struct item *e)
{
    return bytes_of(item_owner(e) + e->owner_n + 2, e->rdata_n - 2u);
}

struct bytes item_sigs(const struct item *e)
{
    return bytes_of(item_owner(e) + e->owner_n + e->rdata_n, e->sigs_n);
}

bool item_expired(const struct item *e, struct now now)
{
    return now.mono_us >= e->dies_mono_us || now.wall_s >= e->dies_wall_s;
}

bool item_copy(const struct item *e, struct now now, struct arena *a, struct denial_record *ret)
{
    size_t n = (size_t)e->owner_n + e->rdata_n + e->sigs_n;
    uint8_t *p = arena_alloc_bytes(a, n);
    if (p == NULL)
        return false;
    memcpy(p, item_owner(e), n);
    uint64_t mono = (e->dies_mono_us - now.mono_us + 999999) / 1000000,
             wall = e->dies_wall_s - now.wall_s;
    ret->set = (struct rrset){.owner = p,
                              .type = e->type,
                              .rclass = CLASS_IN,
                              .ttl = (uint32_t)MIN(mono, wall),
                              .count = 1,
                              .rdata_size = e->rdata_n,
                              .rdata = p + e->owner_n};
    ret->sigs = ret->set;
    ret->sigs.type = RR_RRSIG;
    ret->sigs.count = e->sigs;
    ret->sigs.rdata_size = e->sigs_n;
    ret->sigs.rdata = p + e->owner_n + e->rdata_n;
    return true;
}

/* --- The skip list --- */

static int link_compare(const struct link *l, const struct chain_key *k)
{
    if (l->prefix != k->prefix)
        return l->prefix < k->prefix ? -1 : 1;
    int d = memcmp(item_key(l->to), k->p, MIN((size_t)l->to->key_n, k->n));
    return d != 0 ? d : (l->to->key_n > k->n) - (l->to->key_n < k->n);
}

struct item *chain_floor(const struct chain *c, struct chain_key k, bool *ret_exact)
{
    struct item *found = NULL;
    const struct link *at = c->head;
    int d = -1;
    for (unsigned l = c->levels; l-- > 0;)
        while (d != 0 && at[l].to != NULL) {
            int step = link_compare(&at[l], &k);
            if (step > 0)
                break;
            d = step;
            found = at[l].to;
            at = found->link;
        }
    *ret_exact = d == 0;
    return found;
}

static struct item *chain_last(const struct chain *c)
{
    struct item *found = NULL;
    const struct link *at = c->head;
    for (unsigned l = c->levels; l-- > 0;)
        while (at[l].to != NULL) {
            found = at[l].to;
            at = found->link;
        }
    return found;
}

struct item *chain_floor_circle(const struct chain *c, struct chain_key k, bool *ret_exact)
{
    struct item *e = chain_floor(c, k, ret_exact);
    return e != NULL ? e : chain_last(c);
}

/* The links that a record with this key hangs on, or would. */
static void chain_path(struct chain *c, struct chain_key k, struct link *ret[CHAIN_LEVELS])
{
    struct link *at = c->head;
    for (unsigned l = c->levels; l-- > 0;) {
        while (at[l].to != NULL && link_compare(&at[l], &k) < 0)
            at = at[l].to->link;
        ret[l] = &at[l];
    }
}

void chain_insert(struct chain *c, struct item *e)
{
    struct link *path[CHAIN_LEVELS];
    struct chain_key k = key_of(item_key(e), e->key_n);
    ASSERT(e->levels <= c->levels);
    chain_path(c, k, path);
    for (unsigned l = 0; l < e->levels; l++) {
        e->link[l] = *path[l];
        *path[l] = (struct link){k.prefix, e};
    }
    e->chain = c;
    c->count++;
    c->bytes += e->size;
}

void chain_remove(struct chain *c, struct item *e)
{
    struct link *path[CHAIN_LEVELS];
    chain_path(c, key_of(item_key(e), e->key_n), path);
    for (unsigned l = 0; l < e->levels; l++) {
        ASSERT(path[l]->to == e);
        *path[l] = e->link[l];
    }
    c->count--;
    c->bytes -= e->size;
}

struct item *chain_any(const struct chain *c, struct prng *random)
{
    struct item *found = c->head[0].to;
    const struct link *at = c->head;
    for (unsigned l = c->levels; l-- > 0;)
        for (uint64_t steps = prng_below(random, 5); steps > 0 && at[l].to != NULL; steps--) {
            found = at[l].to;
            at = found->link;
        }
    return found;
}

/* --- Spans --- */

bool nsec_spans(const struct item *e, const uint8_t *name, const uint8_t *zone)
{
    const uint8_t *next = item_rdata(e).p;
    return name_compare(item_owner(e), name) < 0 &&
           (name_compare(name, next) < 0 || name_equal(next, zone));
}

bool nsec3_spans(const struct item *e, const uint8_t *hash)
{
    struct nsec3 v;
    const uint8_t *owner = item_key(e);
    if (!nsec3_read(item_rdata(e), &v))
        return false;
    bool after = memcmp(hash, owner, NSEC3_HASH) > 0,
         before = memcmp(hash, v.next.p, NSEC3_HASH) < 0;
    return memcmp(owner, v.next.p, NSEC3_HASH) < 0 ? after && before : after || before;
}

static bool item_denies(const struct item *e, const struct item *other, const struct chain *c)
{
    return e->type == RR_NSEC ? nsec_spans(e, item_owner(other), c->zone->name)
                              : nsec3_spans(e, item_key(other));
}

struct item *chain_contradicted(const struct chain *c, const struct item *e)
{
    bool exact;
    struct item *before = chain_floor(c, key_of(item_key(e), e->key_n), &exact);
    struct item *next = before != NULL ? before->link[0].to : c->head[0].to;
    if (c->kind == CHAIN_SOA)
        return NULL;
    if (next != NULL && item_denies(e, next, c))
        return next;
    if (c->kind == CHAIN_NSEC)
        return before != NULL && item_denies(before, e, c) ? before : NULL;
    struct item *first = c->head[0].to;
    if (before == NULL)
        before = chain_last(c);
    if (before != NULL && item_denies(before, e, c))
        return before;
    return first != NULL && item_denies(e, first, c) ? first : NULL;
}
