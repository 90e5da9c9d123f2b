#include "dnssec/trust.h"

#include "crypto/digest.h"
#include "dnssec/dnskey.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word, *text, *act;
    unsigned ede;
} reasons[] = {
#define TRUST_REASON(name, word, ede, text, act) {word, text, act, ede},
#include "core/trust_reasons.def"
#undef TRUST_REASON
};

const char *trust_reason_word(enum trust_reason r)
{
    return reasons[r].word;
}

const char *trust_reason_text(enum trust_reason r)
{
    return reasons[r].text;
}

const char *trust_reason_act(enum trust_reason r)
{
    return reasons[r].act;
}

enum trust_reason trust_reason_of_anchor(enum trust_reason r)
{
    return r == TRUST_NO_DS_KEY     ? TRUST_NO_ANCHOR_KEY
           : r == TRUST_DS_MISMATCH ? TRUST_ANCHOR_MISMATCH
           : r == TRUST_NO_DNSKEY   ? TRUST_ANCHOR_NO_DNSKEY
                                    : r;
}

unsigned trust_reason_ede(enum trust_reason r)
{
    return reasons[r].ede;
}

enum { GOOD_SIGNATURES = 32, GOOD_DIGEST = 32 };

struct one_key {
    struct bytes dnskey;
    uint16_t tag;
    uint8_t algorithm;
    bool broken;         /* cannot be parsed */
    struct sec_key *key; /* opened when it is first needed */
};

struct zone_keys {
    struct name name;
    struct sig_buffer buffer;
    struct digest *digest; /* for `good`; made when it is first needed */
    /* Signatures found good, by SHA-256 over set and RRSIG: none is verified twice, neither for one
     * question (a denial that is looked at for two proofs) nor for many (a zone's SOA and the NSEC
     * about its apex are in many answers). Each has one place. */
    uint8_t (
        *good)[GOOD_DIGEST]; /* GOOD_SIGNATURES of them, where no memo does that for all zones */
    unsigned n;
    size_t size;    /* of the block */
    uint8_t *bytes; /* RDATA, behind the keys */
    struct one_key key[];
};

void zone_keys_free(struct zone_keys *k)
{
    if (k == NULL)
        return;
    for (unsigned i = 0; i < k->n; i++)
        sec_key_free(k->key[i].key);
    sig_buffer_free(&k->buffer);
    digest_free(k->digest);
    free(k->good);
    free(k);
}

size_t zone_keys_size(const struct zone_keys *k)
{
    /* A key that is open: what the crypto library keeps beside it. */
    enum { OPEN = 2048 };
    return k->size + k->n * (size_t)OPEN;
}

const uint8_t *zone_keys_name(const struct zone_keys *k)
{
    return k->name.w;
}

/* --- What was checked lately --- */

enum { MEMO_SETS = 1024, MEMO_WAYS = 4 };
enum memo { MEMO_NONE, MEMO_GOOD, MEMO_BAD };

struct memo_tag {
    uint64_t a, b;
};

struct sig_memo {
    struct hash_key key;
    int32_t left; /* units of this turn */
    bool put_off;
    uint8_t next[MEMO_SETS];          /* the place to be used next */
    uint8_t is[MEMO_SETS][MEMO_WAYS]; /* enum memo */
    struct memo_tag tag[MEMO_SETS][MEMO_WAYS];
};

struct sig_memo *sig_memo_new(const struct hash_key *key)
{
    struct sig_memo *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->key = *key;
    m->left = INT32_MAX;
    return m;
}

void sig_memo_free(struct sig_memo *m)
{
    free(m);
}

void sig_memo_turn(struct sig_memo *m, int32_t units)
{
    m->left = units;
}

int32_t sig_memo_left(const struct sig_memo *m)
{
    return m->left;
}

bool sig_memo_put_off(struct sig_memo *m)
{
    bool r = sig_memo_waits(m);
    if (r)
        m->put_off = false;
    return r;
}

bool sig_memo_waits(const struct sig_memo *m)
{
    return m != NULL && m->put_off;
}

/* What stands for this set with this RRSIG and this key. Whoever does not know the hash's key can
 * make no two that are taken for one another. */
static struct memo_tag memo_tag(const struct sig_memo *m, const struct rrset *set,
                                struct bytes rrsig, struct bytes dnskey)
{
    if (m == NULL)
        return (struct memo_tag){0, 0};
    struct hash_key k = siphash13_128(&m->key, set->owner, name_len(set->owner));
    k = siphash13_128(&k, set->rdata, set->rdata_size);
    k = siphash13_128(&k, rrsig.p, rrsig.n);
    k = siphash13_128(&k, dnskey.p, dnskey.n);
    return (struct memo_tag){k.k0, k.k1};
}

static enum memo memo_find(const struct sig_memo *m, const struct memo_tag *t)
{
    unsigned set = (unsigned)(t->a % MEMO_SETS);
    for (unsigned i = 0; m != NULL && i < MEMO_WAYS; i++)
        if (m->is[set][i] != MEMO_NONE && m->tag[set][i].a == t->a && m->tag[set][i].b == t->b)
            return (enum memo)m->is[set][i];
    return MEMO_NONE;
}

static void memo_put(struct sig_memo *m, const struct memo_tag *t, enum memo what)
{
    if (m == NULL)
        return;
    unsigned set = (unsigned)(t->a % MEMO_SETS), i = m->next[set]++ % MEMO_WAYS;
    m->tag[set][i] = *t;
    m->is[set][i] = (uint8_t)what;
}

/* Whether a check of this weight may be made in this turn. */
static bool memo_may(struct sig_memo *m, uint32_t weight)
{
    if (m == NULL || m->left == INT32_MAX)
        return true;
    if (m->left <= 0) {
        m->put_off = true;
        return false;
    }
    m->left -= (int32_t)weight;
    return true;
}

/* --- Signatures --- */

static bool usable(const struct trust_rules *r, uint8_t algorithm)
{
    return sec_algorithm_known(algorithm) && (r->rsa_sha1 || sec_algorithm_signs(algorithm));
}

static enum trust_reason check_time(const struct rrsig *s, const struct trust_rules *r)
{
    switch (rrsig_time(s, r->now)) {
    case RRSIG_EXPIRED:
        return rrsig_time(s, r->now - r->skew) == RRSIG_VALID ? TRUST_OK : TRUST_EXPIRED;
    case RRSIG_NOT_YET:
        return rrsig_time(s, r->now + r->skew) == RRSIG_VALID ? TRUST_OK : TRUST_NOT_YET;
    case RRSIG_NEVER:
        return TRUST_NEVER;
    case RRSIG_VALID:
        break;
    }
    return TRUST_OK;
}

/* Everything about a signature that needs no arithmetic (RFC 4035 section 5.3.1). */
static enum trust_reason check_head(const struct zone_keys *k, const struct rrset *set,
                                    const struct rrsig *s, const struct trust_rules *r)
{
    unsigned labels = name_labels(set->owner) - name_is_wildcard(set->owner);
    if (!name_equal(s->signer, k->name.w) || !name_in(set->owner, k->name.w))
        return TRUST_WRONG_SIGNER;
    if (s->labels > labels || s->labels < name_labels(k->name.w))
        return TRUST_LABELS;
    if (!usable(r, s->algorithm))
        return TRUST_ALGORITHM;
    return check_time(s, r);
}

/* A set that is being checked. */
struct checking {
    struct zone_keys *keys;
    const struct rrset *set;
    struct sig_memo *memo;
    struct budget *budget;
    bool spent;  /* the budget ran out */
    bool hashed; /* content is known */
    uint8_t content[DIGEST_MAX];
};

/* What stands for this set with this RRSIG. The owner's case and the order of the records would not
 * change the signature, but they do not change from answer to answer either. */
static enum status memo_of(struct checking *c, struct bytes rrsig, uint8_t ret[DIGEST_MAX])
{
    struct digest *d = c->keys->digest;
    if (d == NULL && (d = c->keys->digest = digest_new(DIGEST_SHA256)) == NULL)
        return ST_ENOMEM;
    if (!c->hashed) {
        digest_update(d, bytes_of(c->set->owner, name_len(c->set->owner)));
        digest_update(d, bytes_of(c->set->rdata, c->set->rdata_size));
        TRY(digest_final(d, c->content));
        c->hashed = true;
    }
    digest_update(d, bytes_of(c->content, GOOD_DIGEST));
    digest_update(d, rrsig);
    return digest_final(d, ret);
}

/* What a check costs, in units of one with ECDSA P-256 or Ed25519 over little data. The numbers are
 * measured (docs/validation-costs.md): P-384 takes ten times as long with the library we use, but
 * an honest zone needs five such checks for a denial, and its parent may need two. A long exponent
 * makes RSA that much slower; the data has to be sorted, copied and hashed. */
static uint32_t weight_of(const struct one_key *k, const struct rrset *set)
{
    uint32_t data = 1 + set->rdata_size / 16384 + set->count / 128;
    switch (k->algorithm) {
    case SEC_ECDSAP384SHA384:
        return data + 3;
    case SEC_ED448:
        return data + 1;
    case SEC_ECDSAP256SHA256:
    case SEC_ED25519:
        return data;
    default: /* RSA: the length of the exponent stands first (RFC 3110 section 2) */
        return data + (k->dnskey.n > 4 && k->dnskey.p[4] > 3 ? 2 : 0);
    }
}

/* Tries the keys with the signature's tag: several may have it, but not many (KeyTrap). */
static enum status try_keys(struct checking *c, const struct rrsig *s, struct bytes rrsig,
                            enum trust_reason *ret)
{
    struct zone_keys *k = c->keys;
    struct bytes data = {0};
    unsigned same = 0;
    *ret = TRUST_NO_KEY;
    for (unsigned i = 0; i < k->n; i++) {
        struct one_key *key = &k->key[i];
        if (key->tag != s->tag || key->algorithm != s->algorithm || key->broken)
            continue;
        if (++same > LIMIT_KEYS_OF_A_TAG) {
            *ret = TRUST_TOO_MUCH;
            return ST_OK;
        }
        struct memo_tag tag = memo_tag(c->memo, c->set, rrsig, key->dnskey);
        enum memo known = memo_find(c->memo, &tag);
        if (known != MEMO_NONE) {
            *ret = known == MEMO_GOOD ? TRUST_OK : TRUST_BAD_SIGNATURE;
            if (known == MEMO_GOOD)
                return ST_OK;
            continue;
        }
        uint32_t weight = weight_of(key, c->set);
        c->spent = !memo_may(c->memo, weight) || !budget_take(c->budget, BUDGET_SIGNATURES, weight);
        if (c->spent) {
            *ret = TRUST_TOO_MUCH;
            return ST_OK;
        }
        enum status st = key->key != NULL ? ST_OK : dnskey_open(key->dnskey, &key->key);
        key->broken = st != ST_OK;
        if (st == ST_OK && data.p == NULL)
            st = rrsig_data(c->set, s, &k->buffer, &data);
        if (st == ST_OK)
            st = sec_verify(key->key, data, s->signature);
        if (st == ST_ENOMEM)
            return st;
        *ret = st == ST_OK ? TRUST_OK : TRUST_BAD_SIGNATURE;
        memo_put(c->memo, &tag, st == ST_OK ? MEMO_GOOD : MEMO_BAD);
        if (st == ST_OK)
            return ST_OK;
    }
    return ST_OK;
}

/* One signature whose head is right. */
static enum status try_signature(struct checking *c, const struct rrsig *s, struct bytes rrsig,
                                 enum trust_reason *ret)
{
    uint8_t memo[DIGEST_MAX];
    if (c->memo != NULL)
        return try_keys(c, s, rrsig, ret);
    TRY(memo_of(c, rrsig, memo));
    if (c->keys->good == NULL &&
        (c->keys->good = calloc(GOOD_SIGNATURES, sizeof c->keys->good[0])) == NULL)
        return ST_ENOMEM;
    uint8_t *place = c->keys->good[memo[0] % GOOD_SIGNATURES];
    if (memcmp(place, memo, GOOD_DIGEST) == 0) {
        *ret = TRUST_OK;
        return ST_OK;
    }
    TRY(try_keys(c, s, rrsig, ret));
    if (*ret == TRUST_OK)
        memcpy(place, memo, GOOD_DIGEST);
    return ST_OK;
}

/* RFC 4035 section 5.3.3: no longer than the original TTL, nor than the signature is valid. */
static uint32_t most_ttl(const struct rrset *set, const struct rrsig *s,
                         const struct trust_rules *r)
{
    int64_t left = (int32_t)(s->expiration - r->now);
    uint32_t ttl = MIN(set->ttl, s->original_ttl);
    return left <= 0 ? 0 : MIN(ttl, (uint32_t)left);
}

static void note(struct trust_result *ret, enum trust_reason reason, const struct rrset *set,
                 const struct rrsig *s, const struct trust_rules *r)
{
    ret->reason = reason;
    ret->tag = s->tag;
    ret->algorithm = s->algorithm;
    ret->labels = s->labels;
    ret->inception = s->inception;
    ret->expiration = s->expiration;
    if (reason != TRUST_OK)
        return;
    ret->trust = TRUST_SECURE;
    ret->wildcard = s->labels < name_labels(set->owner) - name_is_wildcard(set->owner);
    ret->ttl = most_ttl(set, s, r);
}

/* A set that asks for too much by itself does so for everybody: that is a verdict, to be
 * remembered. What one question could no longer pay may be good for the next. */
static struct trust_result too_much(bool spent, uint16_t tag, uint8_t algorithm)
{
    return (struct trust_result){.trust = spent ? TRUST_LIMIT : TRUST_BOGUS,
                                 .reason = TRUST_TOO_MUCH,
                                 .tag = tag,
                                 .algorithm = algorithm};
}

enum status rrset_trust(struct zone_keys *keys, const struct rrset *set, const struct rrset *sigs,
                        const struct trust_rules *rules, struct budget *b, struct trust_result *ret)
{
    unsigned tried = 0;
    struct checking c = {.keys = keys, .set = set, .memo = rules->memo, .budget = b};
    *ret = (struct trust_result){.trust = TRUST_BOGUS, .reason = TRUST_NO_SIGNATURE};
    struct rdata_iter it = rdata_iter(sigs);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct rrsig s;
        if (!rrsig_read(rd, &s) || s.covered != set->type)
            continue;
        enum trust_reason why = check_head(keys, set, &s, rules);
        if (why == TRUST_OK) {
            if (++tried > LIMIT_SIGNATURES_OF_A_SET)
                why = TRUST_TOO_MUCH;
            else
                TRY(try_signature(&c, &s, rd, &why));
        }
        if (why == TRUST_TOO_MUCH) {
            *ret = too_much(c.spent, s.tag, s.algorithm);
            return ST_OK;
        }
        if (why < ret->reason || ret->reason == TRUST_NO_SIGNATURE)
            note(ret, why, set, &s, rules);
        if (why == TRUST_OK)
            return ST_OK;
    }
    return ST_OK;
}

/* --- From DS to keys --- */

/* Room for RDATA of so many bytes. */
static struct zone_keys *keys_new(const uint8_t *name, unsigned n, size_t bytes)
{
    size_t head = sizeof(struct zone_keys) + n * sizeof(struct one_key);
    struct zone_keys *k = calloc(1, head + bytes);
    if (k == NULL)
        return NULL;
    name_copy(k->name.w, name);
    k->size = head + bytes;
    k->bytes = (uint8_t *)k + head;
    return k;
}

/* A key that is longer than any that can be used here is none; its digest and tag are not made. */
static bool read_key(struct bytes rd, struct dnskey *ret)
{
    return rd.n <= DNSKEY_RDATA_MAX && dnskey_read(rd, ret);
}

/* Adds a key; its RDATA goes to `off` of the bytes. */
static void keys_add(struct zone_keys *k, size_t off, struct bytes rd, const struct dnskey *v)
{
    memcpy(k->bytes + off, rd.p, rd.n);
    k->key[k->n++] = (struct one_key){
        .dnskey = bytes_of(k->bytes + off, rd.n), .tag = v->tag, .algorithm = v->algorithm};
}

static bool strong_digest(const struct ds *d)
{
    return d->digest_type == DS_SHA256 || d->digest_type == DS_SHA384;
}

/* Whether the set has a DS that is more than SHA-1. */
static bool has_strong(const struct rrset *ds, const struct trust_rules *r)
{
    struct ds d;
    struct rdata_iter it = rdata_iter(ds);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (ds_read(rd, &d) && usable(r, d.algorithm) && strong_digest(&d))
            return true;
    return false;
}

/* The digests that count: SHA-1 only where the parent has no better one (RFC 4509 section 3). */
static bool ds_counts(const struct ds *d, bool strong, const struct trust_rules *r)
{
    return usable(r, d->algorithm) && (strong_digest(d) || (!strong && d->digest_type == DS_SHA1));
}

/* Whether the parent knows the zone only by what is not supported here. */
static bool only_unsupported(const struct rrset *ds, bool strong, const struct trust_rules *r,
                             struct trust_result *ret)
{
    struct ds d;
    ret->reason = TRUST_ALGORITHM;
    struct rdata_iter it = rdata_iter(ds);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        if (!ds_read(rd, &d))
            continue;
        if (ds_counts(&d, strong, r))
            return false;
        if (usable(r, d.algorithm))
            ret->reason = TRUST_DIGEST;
        ret->tag = d.tag;
        ret->algorithm = d.algorithm;
    }
    ret->trust = TRUST_INSECURE;
    return true;
}

/* The step from a DS set to a DNSKEY set. */
struct entering {
    const struct rrset *dnskey, *sigs;
    const struct trust_rules *rules;
    struct budget *budget;
    struct trust_result *ret;
    struct sec_key *key;               /* that signed the set, and its RDATA */
    struct bytes rdata;                /* borrowed from dnskey */
    uint16_t tag[LIMIT_RRSET_RECORDS]; /* of each key; made once for all DS */
    bool useful[LIMIT_RRSET_RECORDS];  /* the key can be read */
};

static void find_tags(struct entering *e)
{
    struct dnskey v;
    unsigned i = 0;
    struct rdata_iter it = rdata_iter(e->dnskey);
    for (struct bytes rd; i < LIMIT_RRSET_RECORDS && rdata_iter_next(&it, &rd); i++)
        if ((e->useful[i] = read_key(rd, &v)))
            e->tag[i] = v.tag;
}

/* One key that a DS names: it must have signed the set. */
static enum status try_entry(struct entering *e, struct bytes rd)
{
    struct dnskey v = {0};
    struct trust_result *ret = e->ret, one;
    if (!read_key(rd, &v) || !dnskey_is_zone_key(&v)) {
        enum trust_reason why = v.flags & DNSKEY_REVOKE ? TRUST_REVOKED
                                : v.protocol != 3       ? TRUST_PROTOCOL
                                                        : TRUST_NO_ZONE_KEY;
        if (why < ret->reason)
            *ret = (struct trust_result){TRUST_BOGUS, why, v.tag, v.algorithm};
        return ST_OK;
    }
    struct zone_keys *k = keys_new(e->dnskey->owner, 1, rd.n);
    if (k == NULL)
        return ST_ENOMEM;
    keys_add(k, 0, rd, &v);
    enum status st = rrset_trust(k, e->dnskey, e->sigs, e->rules, e->budget, &one);
    if (st == ST_OK && one.trust == TRUST_SECURE) {
        e->key = k->key[0].key;
        e->rdata = rd;
        k->key[0].key = NULL;
    }
    zone_keys_free(k);
    if (st != ST_OK)
        return st;
    /* Signed by other keys of the set only: by this one, which alone counts, it is not. */
    if (one.reason == TRUST_NO_KEY)
        one.reason = TRUST_NO_SIGNATURE;
    if (one.reason < ret->reason || one.reason == TRUST_TOO_MUCH)
        *ret = one;
    return ST_OK;
}

/* No other DS or key is looked at. */
static bool ended(const struct trust_result *r)
{
    return r->trust != TRUST_BOGUS || r->reason == TRUST_TOO_MUCH;
}

static enum status try_ds(struct entering *e, const struct ds *d)
{
    struct trust_result *ret = e->ret;
    unsigned same = 0, i = 0;
    struct rdata_iter it = rdata_iter(e->dnskey);
    for (struct bytes rd; i < LIMIT_RRSET_RECORDS && rdata_iter_next(&it, &rd); i++) {
        if (!e->useful[i] || e->tag[i] != d->tag || rd.p[3] != d->algorithm)
            continue;
        if (++same > LIMIT_KEYS_OF_A_TAG) {
            *ret = too_much(false, d->tag, d->algorithm);
            return ST_OK;
        }
        if (ds_matches(d, e->dnskey->owner, rd))
            TRY(try_entry(e, rd));
        else if (TRUST_DS_MISMATCH < ret->reason || ret->reason == TRUST_NO_DS_KEY)
            *ret = (struct trust_result){TRUST_BOGUS, TRUST_DS_MISMATCH, d->tag, d->algorithm};
        if (ended(ret))
            return ST_OK;
    }
    return ST_OK;
}

/* More zone keys than are kept: which ones would decide. */
static bool too_many_keys(const struct rrset *dnskey)
{
    unsigned n = 0;
    struct rdata_iter it = rdata_iter(dnskey);
    for (struct bytes rd; n <= LIMIT_ZONE_KEYS && rdata_iter_next(&it, &rd);)
        n += rd.n <= DNSKEY_RDATA_MAX && rd.n > 4 && (get_be16(rd.p) & DNSKEY_ZONE) != 0;
    return n > LIMIT_ZONE_KEYS;
}

/* The zone keys of the set, at most LIMIT_ZONE_KEYS of them. */
static struct zone_keys *keep_keys(const struct rrset *dnskey)
{
    struct dnskey v;
    struct bytes keep[LIMIT_ZONE_KEYS];
    size_t bytes = 0, off = 0;
    unsigned n = 0;
    struct rdata_iter it = rdata_iter(dnskey);
    for (struct bytes rd; n < LIMIT_ZONE_KEYS && rdata_iter_next(&it, &rd);) {
        if (!read_key(rd, &v) || !dnskey_is_zone_key(&v))
            continue;
        keep[n++] = rd;
        bytes += rd.n;
    }
    struct zone_keys *k = keys_new(dnskey->owner, n, bytes);
    for (unsigned i = 0; k != NULL && i < n; off += keep[i++].n)
        if (read_key(keep[i], &v))
            keys_add(k, off, keep[i], &v);
    return k;
}

/* The key that was parsed on the way in is one of them. */
static void hand_over(struct entering *e, struct zone_keys *k)
{
    for (unsigned i = 0; i < k->n && e->key != NULL; i++)
        if (bytes_equal(k->key[i].dnskey, e->rdata)) {
            k->key[i].key = e->key;
            e->key = NULL;
        }
}

static enum status enter(struct entering *e, const struct rrset *ds, bool strong)
{
    unsigned tried = 0;
    struct trust_result *ret = e->ret;
    struct rdata_iter it = rdata_iter(ds);
    find_tags(e);
    for (struct bytes rd; !ended(ret) && rdata_iter_next(&it, &rd);) {
        struct ds d;
        if (!ds_read(rd, &d) || !ds_counts(&d, strong, e->rules))
            continue;
        if (ret->reason == TRUST_NO_DS_KEY)
            ret->tag = d.tag;
        if (++tried > LIMIT_DS_TRIED) {
            *ret = too_much(false, d.tag, d.algorithm);
            break;
        }
        TRY(try_ds(e, &d));
    }
    return ST_OK;
}

enum status zone_keys_trust(const struct rrset *dnskey, const struct rrset *sigs,
                            const struct rrset *ds, const struct trust_rules *rules,
                            struct budget *b, struct trust_result *ret, struct zone_keys **ret_keys)
{
    struct entering e = {
        .dnskey = dnskey, .sigs = sigs, .rules = rules, .budget = b, .ret = ret, .key = NULL};
    bool strong = has_strong(ds, rules);
    *ret_keys = NULL;
    *ret = (struct trust_result){.trust = TRUST_BOGUS, .reason = TRUST_NO_DS_KEY};
    if (only_unsupported(ds, strong, rules, ret))
        return ST_OK;
    *ret = (struct trust_result){.trust = TRUST_BOGUS,
                                 .reason = dnskey->count > 0 ? TRUST_NO_DS_KEY : TRUST_NO_DNSKEY};
    if (too_many_keys(dnskey)) {
        *ret = too_much(false, 0, 0);
        return ST_OK;
    }
    enum status st = enter(&e, ds, strong);
    if (st == ST_OK && ret->trust == TRUST_SECURE) {
        *ret_keys = keep_keys(dnskey);
        st = *ret_keys != NULL ? ST_OK : ST_ENOMEM;
    }
    if (*ret_keys != NULL)
        hand_over(&e, *ret_keys);
    sec_key_free(e.key);
    return st;
}

struct zone_keys *zone_keys_of(const struct rrset *dnskey)
{
    return keep_keys(dnskey);
}
