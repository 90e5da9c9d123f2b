/* Aggressive use of denial records (RFC 8198): what may come in, and what it proves. The order of
 * the records only chooses candidates; the validator's own rules (dnssec/proof.h) judge them, so
 * that nothing is answered from here that they would not take from a server. */
#include "cache/denial_impl.h"

#include "dns/rdata.h"
#include "dnssec/proof.h"
#include "dnssec/rrsig.h"

/* --- What may come in --- */

/* RRSIGs of an honest record: two algorithms, two keys each. */
struct fit_sigs {
    struct rrset set;
    uint8_t rdata[LIMIT_REFERRAL];
};

/* Keeps those RRSIGs that could be the zone's own over the set: signer, type, and as many labels as
 * the owner has, so that it was not made from a wildcard (RFC 4035 section 5.3.2, RFC 4034
 * section 3.1.3). False if there are none. */
static bool sigs_fit(const uint8_t *zone, const struct rrset *set, const struct rrset *sigs,
                     struct fit_sigs *ret)
{
    struct writer w = wr_of(ret->rdata, sizeof ret->rdata);
    unsigned labels = name_labels(set->owner) - name_is_wildcard(set->owner);
    if (sigs->type != RR_RRSIG || sigs->rclass != CLASS_IN || !name_equal(sigs->owner, set->owner))
        return false;
    ret->set = *sigs;
    ret->set.count = 0;
    struct rdata_iter it = rdata_iter(sigs);
    for (struct bytes rd;
         ret->set.count < LIMIT_SIGNATURES_OF_A_SET && rdata_iter_next(&it, &rd);) {
        struct rrsig sig;
        if (!rrsig_read(rd, &sig) || sig.covered != set->type || sig.labels != labels ||
            !name_equal(sig.signer, zone))
            continue;
        wr_u16(&w, (uint16_t)rd.n);
        wr_bytes(&w, rd.p, rd.n);
        ret->set.count++;
    }
    ret->set.rdata = ret->rdata;
    ret->set.rdata_size = (uint32_t)wr_len(&w);
    return wr_ok(&w) && ret->set.count > 0;
}

/* One record of the zone, whole. */
static bool record_of(const uint8_t *zone, const struct rrset *set, struct bytes *ret)
{
    struct rdata_iter it = rdata_iter(set);
    return set->count == 1 && set->rclass == CLASS_IN && set->rdata_size <= LIMIT_REFERRAL &&
           name_in(set->owner, zone) && rdata_iter_next(&it, ret) &&
           set->rdata_size == ret->n + 2 && rdata_check(set->type, *ret) == ST_OK;
}

/* The next name lies in the zone and behind the owner, or is the zone's (RFC 4034 section 4.1.1);
 * the owner has the two types that it must have (RFC 4035 section 2.3), which those lack that make
 * bitmaps up. */
static bool nsec_fits(const uint8_t *zone, const uint8_t *owner, struct bytes rd)
{
    struct nsec v;
    return nsec_read(rd, &v) && name_in(v.next, zone) &&
           (name_equal(v.next, zone) || name_compare(owner, v.next) < 0) &&
           bitmap_has(v.bitmap, RR_NSEC) && bitmap_has(v.bitmap, RR_RRSIG);
}

/* Of a kind that is known and says no less than it seems to: with opt-out there may be names
 * (RFC 8198 section 5.2, RFC 5155 section 8.1, RFC 9276 section 3.2). */
static bool nsec3_fits(const uint8_t *zone, const uint8_t *owner, struct bytes rd,
                       uint8_t *ret_hash, struct nsec3 *ret)
{
    return nsec3_read(rd, ret) && ret->algorithm == NSEC3_SHA1 && ret->flags == 0 &&
           ret->iterations <= LIMIT_NSEC3_ITERATIONS && ret->next.n == NSEC3_HASH &&
           nsec3_owner_hash(owner, ret_hash) && name_equal(name_parent(owner), zone);
}

void denial_put(struct denial_cache *d, const uint8_t *zone, const struct rrset *set,
                const struct rrset *sigs, uint32_t ttl_s, struct now now)
{
    struct bytes rd;
    struct fit_sigs fit;
    struct nsec3 v;
    uint8_t key[KEY_MAX];
    struct denial_new n = {.set = *set};
    if (ttl_s == 0 || (set->type != RR_NSEC && set->type != RR_NSEC3) ||
        !record_of(zone, set, &rd) || !sigs_fit(zone, set, sigs, &fit))
        return;
    n.sigs = fit.set;
    if (set->type == RR_NSEC) {
        if (!nsec_fits(zone, set->owner, rd))
            return;
        n.kind = CHAIN_NSEC;
        n.key = key_of_name(set->owner, name_labels(zone), key);
    } else {
        if (!nsec3_fits(zone, set->owner, rd, key, &v))
            return;
        n.kind = CHAIN_NSEC3;
        n.key = key_of(key, NSEC3_HASH);
        n.salt = v.salt;
        n.iterations = v.iterations;
    }
    store_put(d, zone, &n, ttl_s, now);
}

void denial_put_soa(struct denial_cache *d, const uint8_t *zone, const struct rrset *soa,
                    const struct rrset *sigs, uint32_t ttl_s, struct now now)
{
    struct bytes rd;
    struct fit_sigs fit;
    struct denial_new n = {.kind = CHAIN_SOA, .set = *soa, .key = key_of(name_root, 0)};
    if (soa->type != RR_SOA || !name_equal(soa->owner, zone) || !record_of(zone, soa, &rd) ||
        !sigs_fit(zone, soa, sigs, &fit))
        return;
    n.sigs = fit.set;
    /* MINIMUM is the last field. */
    ttl_s = MIN(ttl_s, get_be32(rd.p + rd.n - 4));
    if (ttl_s > 0)
        store_put(d, zone, &n, ttl_s, now);
}

/* --- What it proves --- */

/* What is known of the wildcard that would stand for a name that does not exist. */
enum wild { WILD_NONE, WILD_UNKNOWN, WILD_COVERED, WILD_EXISTS, WILD_AVOID };

struct search {
    struct denial_cache *d;
    const uint8_t *name;
    uint16_t type;
    struct now now;
    struct arena *arena;
    struct nsec3_hasher *hasher;
    struct budget *budget; /* this search's own part */
    struct denial_place at;
    struct denial_found *ret;
    bool has_soa;
    unsigned expander; /* 1 + which of the proofs says that the name itself does not exist */
    unsigned encloser; /* labels of the closest encloser */
    enum wild wild;
};

/* Types that no bitmap speaks of (RFC 6895 section 3.1). */
static bool type_is_data(uint16_t type)
{
    return type != 0 && (type < 128 || type > 255) &&
           (rr_type_flags(type) & (RRF_META | RRF_QTYPE)) == 0;
}

/* A record for the answer, which may be there already; NULL if it cannot be copied. */
static struct denial_record *take(struct search *s, struct item *e)
{
    struct denial_found *f = s->ret;
    for (unsigned i = 0; i < f->proofs; i++)
        if (f->proof[i].set.type == e->type && name_equal(f->proof[i].set.owner, item_owner(e)))
            return &f->proof[i];
    if (f->proofs == DENIAL_PROOFS || !item_copy(e, s->now, s->arena, &f->proof[f->proofs]))
        return NULL;
    e->visited = true;
    return &f->proof[f->proofs++];
}

/* A record of the chain at the key or before it; NULL if there is none that is still good. */
static struct item *look(const struct search *s, const struct chain *c, struct chain_key k,
                         bool *ret_exact)
{
    struct item *e =
        c->kind == CHAIN_NSEC ? chain_floor(c, k, ret_exact) : chain_floor_circle(c, k, ret_exact);
    return e != NULL && !item_expired(e, s->now) ? e : NULL;
}

/* The SOA goes with every denial, but not with what a wildcard stands for. The lock is held. */
static void take_soa(struct search *s, const struct denial_zone *z)
{
    struct item *e = z->chain[CHAIN_SOA] != NULL ? z->chain[CHAIN_SOA]->head[0].to : NULL;
    if (e == NULL || item_expired(e, s->now))
        return;
    e->visited = true;
    s->has_soa = item_copy(e, s->now, s->arena, &s->ret->soa);
}

static bool wildcard_of(const uint8_t *name, unsigned labels, struct name *ret)
{
    return name_prepend(bytes_str("*"), name_skip(name, name_labels(name) - labels), ret) == ST_OK;
}

/* A delegation or DNAME (RFC 6840 section 4.1). */
static bool hides(struct bytes bitmap)
{
    return bitmap_has(bitmap, RR_DNAME) ||
           (bitmap_has(bitmap, RR_NS) && !bitmap_has(bitmap, RR_SOA));
}

/* What the wildcard's own record leaves open: its data may stand for the name, but what a wildcard
 * with NS or DNAME stands for nobody agrees on (RFC 4592 sections 4.2, 4.4). */
static enum wild wild_by(struct bytes bitmap)
{
    return hides(bitmap) ? WILD_AVOID : WILD_EXISTS;
}

/* The candidates of an NSEC chain: the record at or before the name, and the one at or before the
 * wildcard. The lock is held. */
static bool choose_nsec(struct search *s, const struct denial_zone *z)
{
    const struct chain *c = z->chain[CHAIN_NSEC];
    uint8_t buf[KEY_MAX];
    struct nsec v;
    bool exact;
    struct item *e = c == NULL ? NULL : look(s, c, key_of_name(s->name, z->labels, buf), &exact);
    if (e == NULL || !(exact || nsec_spans(e, s->name, z->name)) || take(s, e) == NULL)
        return false;
    take_soa(s, z);
    /* At the name, or an empty non-terminal above the next one: that says all. */
    if (exact || !nsec_read(item_rdata(e), &v) || name_in(v.next, s->name))
        return true;
    s->expander = s->ret->proofs;
    s->encloser = MAX(name_common(s->name, item_owner(e)), name_common(s->name, v.next));
    if (!wildcard_of(s->name, s->encloser, &s->ret->wildcard)) {
        s->wild = WILD_AVOID;
        return true;
    }
    s->wild = WILD_UNKNOWN;
    e = look(s, c, key_of_name(s->ret->wildcard.w, z->labels, buf), &exact);
    if (e == NULL || !(exact || nsec_spans(e, s->ret->wildcard.w, z->name)))
        return true;
    s->wild = exact && nsec_read(item_rdata(e), &v) ? wild_by(v.bitmap) : WILD_COVERED;
    return take(s, e) != NULL;
}

/* The proofs chosen hold, by the validator's rules, for one kind of answer. */
static enum denial_kind judge(struct search *s)
{
    struct denial_found *f = s->ret;
    struct rrset set[DENIAL_PROOFS];
    struct proofs p = {
        .zone = f->zone.w, .set = set, .n = f->proofs, .hasher = s->hasher, .budget = s->budget};
    bool nsec = f->proof[0].set.type == RR_NSEC, data = type_is_data(s->type);
    for (unsigned i = 0; i < f->proofs; i++)
        set[i] = f->proof[i].set;
    /* Of NSEC3, where each try costs hashes, only what the choice was made for. */
    if ((nsec || s->wild == WILD_COVERED) && proof_no_name(&p, s->name) == PROOF_HOLDS)
        return DENIAL_NXDOMAIN;
    if (!data)
        return DENIAL_NONE;
    if ((nsec || s->wild == WILD_NONE || s->wild == WILD_EXISTS) && s->wild != WILD_AVOID &&
        proof_no_type(&p, s->name, s->type) == PROOF_HOLDS)
        return DENIAL_NODATA;
    if (s->wild != WILD_UNKNOWN && s->wild != WILD_EXISTS)
        return DENIAL_NONE;
    /* The answer is then the wildcard's data, and one record the proof that goes with it. */
    f->proof[0] = f->proof[s->expander - 1];
    set[0] = f->proof[0].set;
    f->proofs = p.n = 1;
    return proof_expansion(&p, s->name, s->encloser) == PROOF_HOLDS ? DENIAL_WILDCARD : DENIAL_NONE;
}

static enum denial_kind with_soa(const struct search *s, enum denial_kind kind)
{
    return s->has_soa || kind == DENIAL_WILDCARD ? kind : DENIAL_NONE;
}

static enum denial_kind search_nsec(struct search *s)
{
    shard_lock(s->at.shard);
    struct denial_zone *z = zone_at(&s->at);
    bool chosen = z != NULL && choose_nsec(s, z);
    shard_unlock(s->at.shard);
    return chosen ? with_soa(s, judge(s)) : DENIAL_NONE;
}

/* --- NSEC3 --- */

struct params {
    uint16_t iterations;
    uint8_t salt_n, salt[255];
};

/* The parameters with which the zone has NSEC3 records; how many. */
static unsigned params_of(const struct search *s, struct params ret[2])
{
    unsigned n = 0;
    shard_lock(s->at.shard);
    struct denial_zone *z = zone_at(&s->at);
    for (unsigned k = CHAIN_NSEC3; z != NULL && k <= CHAIN_NSEC3_OTHER; k++) {
        const struct chain *c = z->chain[k];
        if (c == NULL)
            continue;
        ret[n].iterations = c->iterations;
        ret[n].salt_n = (uint8_t)c->salt.n;
        memcpy(ret[n++].salt, c->salt.p, c->salt.n);
    }
    shard_unlock(s->at.shard);
    return n;
}

static const struct chain *nsec3_chain(const struct denial_zone *z, const struct params *p)
{
    for (unsigned k = CHAIN_NSEC3; k <= CHAIN_NSEC3_OTHER; k++) {
        const struct chain *c = z->chain[k];
        if (c != NULL && c->iterations == p->iterations &&
            bytes_equal(c->salt, bytes_of(p->salt, p->salt_n)))
            return c;
    }
    return NULL;
}

static bool hash_of(struct search *s, const struct params *p, const uint8_t *name,
                    uint8_t ret[NSEC3_HASH])
{
    return budget_take(s->budget, BUDGET_HASHES, 1u + p->iterations) &&
           nsec3_hash(s->hasher, name, bytes_of(p->salt, p->salt_n), p->iterations, ret) == ST_OK;
}

enum seen { SEEN_NOTHING, SEEN_MATCH, SEEN_COVER };

/* What there is of a hash. The lock is held. */
static enum seen seen(struct search *s, const struct params *p, const uint8_t *hash,
                      struct item **ret)
{
    struct denial_zone *z = zone_at(&s->at);
    const struct chain *c = z != NULL ? nsec3_chain(z, p) : NULL;
    bool exact;
    *ret = c != NULL ? look(s, c, key_of(hash, NSEC3_HASH), &exact) : NULL;
    if (*ret == NULL)
        return SEEN_NOTHING;
    return exact ? SEEN_MATCH : nsec3_spans(*ret, hash) ? SEEN_COVER : SEEN_NOTHING;
}

/* Takes the record of a hash; what there was of it. */
static enum seen take_seen(struct search *s, const struct params *p, const uint8_t *hash,
                           bool match_only, struct nsec3 *ret)
{
    struct item *e;
    struct denial_record *took = NULL;
    shard_lock(s->at.shard);
    enum seen r = seen(s, p, hash, &e);
    if (r == SEEN_MATCH || (r == SEEN_COVER && !match_only))
        took = take(s, e);
    shard_unlock(s->at.shard);
    return took != NULL && nsec3_read(bytes_of(took->set.rdata + 2, took->set.rdata_size - 2u), ret)
               ? r
               : SEEN_NOTHING;
}

/* From the zone downward to the first name that does not exist; if its parent is known to exist,
 * the two are the closest encloser proof (RFC 5155 section 8.3). Downward, because names under
 * attack are often deep below where nothing exists. That the zone's own name exists needs no
 * record: without it there is no proof for others, but its wildcard can be used (section 8.8). */
static bool enclose(struct search *s, const struct params *p)
{
    uint8_t hash[2][NSEC3_HASH];
    unsigned all = name_labels(s->name), turn = 0;
    enum seen last = SEEN_NOTHING;
    struct nsec3 v;
    for (unsigned labels = s->at.labels; labels <= all; labels++, turn ^= 1) {
        struct item *e;
        if (!hash_of(s, p, name_skip(s->name, all - labels), hash[turn]))
            return false;
        shard_lock(s->at.shard);
        enum seen now = seen(s, p, hash[turn], &e);
        bool exists = last == SEEN_MATCH || labels == s->at.labels + 1u;
        bool took = now == SEEN_COVER && exists && take(s, e) != NULL;
        shard_unlock(s->at.shard);
        if (took) {
            s->expander = s->ret->proofs;
            s->encloser = labels - 1;
            if (last != SEEN_MATCH)
                return true;
            return take_seen(s, p, hash[turn ^ 1], true, &v) == SEEN_MATCH && !hides(v.bitmap);
        }
        if (now == SEEN_COVER)
            return false;
        last = now;
    }
    return false;
}

/* The candidates of an NSEC3 chain: the record of the name itself, or those of the closest encloser
 * proof and of the wildcard. */
static bool choose_nsec3(struct search *s, const struct params *p)
{
    uint8_t hash[NSEC3_HASH];
    struct nsec3 v;
    if (!hash_of(s, p, s->name, hash))
        return false;
    if (take_seen(s, p, hash, true, &v) == SEEN_MATCH)
        return true;
    if (!enclose(s, p))
        return false;
    if (!wildcard_of(s->name, s->encloser, &s->ret->wildcard)) {
        s->wild = WILD_AVOID;
        return true;
    }
    if (!hash_of(s, p, s->ret->wildcard.w, hash))
        return false;
    enum seen r = take_seen(s, p, hash, false, &v);
    s->wild = r == SEEN_COVER ? WILD_COVERED : r == SEEN_MATCH ? wild_by(v.bitmap) : WILD_UNKNOWN;
    return true;
}

static enum denial_kind search_nsec3(struct search *s)
{
    struct params params[2];
    unsigned n = s->hasher != NULL ? params_of(s, params) : 0;
    for (unsigned i = 0; i < n; i++) {
        s->ret->proofs = s->expander = s->encloser = 0;
        s->wild = WILD_NONE;
        enum denial_kind kind = choose_nsec3(s, &params[i]) ? judge(s) : DENIAL_NONE;
        if (kind == DENIAL_NONE)
            continue;
        shard_lock(s->at.shard);
        struct denial_zone *z = zone_at(&s->at);
        if (z != NULL)
            take_soa(s, z);
        shard_unlock(s->at.shard);
        return with_soa(s, kind);
    }
    return DENIAL_NONE;
}

/* --- Asking --- */

/* The zone to ask: the one given, or the deepest that is known. DS is the parent's to deny, except
 * that the root has none (RFC 4035 section 3.1.4.1). */
static bool choose_zone(struct search *s, const uint8_t *zone)
{
    bool ds = s->type == RR_DS && !name_is_root(s->name);
    place_of(s->d, zone != NULL ? zone : name_root, &s->at);
    if (zone != NULL)
        return name_in(s->name, zone) && !(ds && name_equal(s->name, zone));
    const uint8_t *p = ds ? name_parent(s->name) : s->name;
    for (unsigned labels = name_labels(p) + 1; labels-- > 0; p = name_parent(p)) {
        if (atomic_load_explicit(&s->d->zones_at[labels], memory_order_relaxed) == 0)
            continue;
        place_of(s->d, p, &s->at);
        shard_lock(s->at.shard);
        bool found = zone_at(&s->at) != NULL;
        shard_unlock(s->at.shard);
        if (found)
            return true;
    }
    return false;
}

/* At most LIMIT_DENIAL_HASHES, and so many that half of what the query has is left for the
 * validation of what is asked for if this finds nothing. */
static uint32_t hashes_from(const struct budget *b)
{
    uint32_t limit = budget_limit(BUDGET_HASHES), spent = b != NULL ? b->spent[BUDGET_HASHES] : 0;
    return MAX(limit - LIMIT_DENIAL_HASHES, MIN(limit, spent + limit / 2));
}

static void finish(struct denial_found *f)
{
    f->ttl_s = f->kind == DENIAL_WILDCARD ? UINT32_MAX : f->soa.set.ttl;
    for (unsigned i = 0; i < f->proofs; i++)
        f->ttl_s = MIN(f->ttl_s, f->proof[i].set.ttl);
}

enum denial_kind denial_find(struct denial_cache *d, const uint8_t *zone, const uint8_t *name,
                             uint16_t type, struct nsec3_hasher *hasher, struct budget *b,
                             struct now now, struct arena *a, struct denial_found *ret)
{
    uint32_t from = hashes_from(b);
    struct budget mine = {.spent = {[BUDGET_HASHES] = from}};
    struct search s = {.d = d,
                       .name = name,
                       .type = type,
                       .now = now,
                       .arena = a,
                       .hasher = hasher,
                       .budget = &mine,
                       .ret = ret};
    ret->kind = DENIAL_NONE;
    ret->ttl_s = ret->proofs = 0;
    ret->soa.set.count = 0;
    if (choose_zone(&s, zone)) {
        name_copy(ret->zone.w, s.at.name);
        ret->kind = search_nsec(&s);
        if (ret->kind == DENIAL_NONE)
            ret->kind = search_nsec3(&s);
    }
    if (b != NULL)
        b->spent[BUDGET_HASHES] += mine.spent[BUDGET_HASHES] - from;
    if (ret->kind == DENIAL_NONE)
        ret->proofs = 0;
    else
        finish(ret);
    atomic_fetch_add_explicit(ret->kind != DENIAL_NONE ? &s.at.shard->hits : &s.at.shard->misses, 1,
                              memory_order_relaxed);
    return ret->kind;
}
