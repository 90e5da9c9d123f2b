#include "dnssec/trust.h"

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

unsigned trust_reason_ede(enum trust_reason r)
{
    return reasons[r].ede;
}

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
    unsigned n;
    struct one_key key[LIMIT_ZONE_KEYS];
    uint8_t bytes[]; /* RDATA */
};

void zone_keys_free(struct zone_keys *k)
{
    if (k == NULL)
        return;
    for (unsigned i = 0; i < k->n; i++)
        sec_key_free(k->key[i].key);
    sig_buffer_free(&k->buffer);
    free(k);
}

const uint8_t *zone_keys_name(const struct zone_keys *k)
{
    return k->name.w;
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

/* Tries the keys with the signature's tag: several may have it, but not many (KeyTrap). */
static enum status try_keys(struct zone_keys *k, const struct rrset *set, const struct rrsig *s,
                            struct budget *b, enum trust_reason *ret)
{
    unsigned same = 0;
    *ret = TRUST_NO_KEY;
    for (unsigned i = 0; i < k->n; i++) {
        struct one_key *key = &k->key[i];
        if (key->tag != s->tag || key->algorithm != s->algorithm || key->broken)
            continue;
        if (++same > LIMIT_KEYS_OF_A_TAG || !budget_take(b, BUDGET_SIGNATURES, 1)) {
            *ret = TRUST_TOO_MUCH;
            return ST_OK;
        }
        enum status st = key->key != NULL ? ST_OK : dnskey_open(key->dnskey, &key->key);
        key->broken = st != ST_OK;
        if (st == ST_OK)
            st = rrsig_verify(key->key, set, s, &k->buffer);
        if (st == ST_ENOMEM)
            return st;
        *ret = st == ST_OK ? TRUST_OK : TRUST_BAD_SIGNATURE;
        if (st == ST_OK)
            return ST_OK;
    }
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

enum status rrset_trust(struct zone_keys *keys, const struct rrset *set, const struct rrset *sigs,
                        const struct trust_rules *rules, struct budget *b, struct trust_result *ret)
{
    unsigned tried = 0;
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
                TRY(try_keys(keys, set, &s, b, &why));
        }
        if (why == TRUST_TOO_MUCH) {
            *ret = (struct trust_result){.trust = TRUST_LIMIT, .reason = why, .tag = s.tag};
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

static struct zone_keys *keys_new(const struct rrset *dnskey)
{
    struct zone_keys *k = calloc(1, sizeof *k + dnskey->rdata_size);
    if (k != NULL)
        name_copy(k->name.w, dnskey->owner);
    return k;
}

/* Adds a key whose RDATA stands at `off` of the set's. */
static void keys_add(struct zone_keys *k, const struct rrset *dnskey, struct bytes rd)
{
    struct dnskey v;
    if (k->n == LIMIT_ZONE_KEYS || !dnskey_read(rd, &v))
        return;
    size_t off = (size_t)(rd.p - dnskey->rdata);
    memcpy(k->bytes + off, rd.p, rd.n);
    k->key[k->n++] = (struct one_key){
        .dnskey = bytes_of(k->bytes + off, rd.n), .tag = v.tag, .algorithm = v.algorithm};
}

/* The digests that count: SHA-1 only where the parent has no better one (RFC 4509 section 3). */
static bool ds_counts(const struct rrset *ds, const struct ds *d, const struct trust_rules *r)
{
    struct ds other;
    if (!usable(r, d->algorithm))
        return false;
    if (d->digest_type == DS_SHA256 || d->digest_type == DS_SHA384)
        return true;
    struct rdata_iter it = rdata_iter(ds);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (ds_read(rd, &other) && usable(r, other.algorithm) &&
            (other.digest_type == DS_SHA256 || other.digest_type == DS_SHA384))
            return false;
    return d->digest_type == DS_SHA1;
}

/* Whether the parent knows the zone only by what is not supported here. */
static bool only_unsupported(const struct rrset *ds, const struct trust_rules *r,
                             struct trust_result *ret)
{
    struct ds d;
    ret->reason = TRUST_ALGORITHM;
    struct rdata_iter it = rdata_iter(ds);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        if (!ds_read(rd, &d))
            continue;
        if (ds_counts(ds, &d, r))
            return false;
        if (usable(r, d.algorithm))
            ret->reason = TRUST_DIGEST;
        ret->tag = d.tag;
        ret->algorithm = d.algorithm;
    }
    ret->trust = TRUST_INSECURE;
    return true;
}

/* One key that a DS names: it must have signed the set. */
static enum status try_entry(const struct rrset *dnskey, const struct rrset *sigs, struct bytes rd,
                             const struct trust_rules *r, struct budget *b,
                             struct trust_result *ret)
{
    struct dnskey v;
    if (!dnskey_read(rd, &v) || !dnskey_is_zone_key(&v)) {
        enum trust_reason why = v.flags & DNSKEY_REVOKE ? TRUST_REVOKED
                                : v.protocol != 3       ? TRUST_PROTOCOL
                                                        : TRUST_NO_ZONE_KEY;
        if (why < ret->reason)
            *ret = (struct trust_result){TRUST_BOGUS, why, v.tag, v.algorithm};
        return ST_OK;
    }
    struct zone_keys *k = keys_new(dnskey);
    struct trust_result one;
    if (k == NULL)
        return ST_ENOMEM;
    keys_add(k, dnskey, rd);
    enum status st = rrset_trust(k, dnskey, sigs, r, b, &one);
    zone_keys_free(k);
    if (st != ST_OK)
        return st;
    /* Signed by other keys of the set only: by this one, which alone counts, it is not. */
    if (one.reason == TRUST_NO_KEY)
        one.reason = TRUST_NO_SIGNATURE;
    if (one.reason < ret->reason || one.trust == TRUST_LIMIT)
        *ret = one;
    return ST_OK;
}

static enum status try_ds(const struct rrset *dnskey, const struct rrset *sigs,
                          const struct rrset *ds, const struct ds *d, const struct trust_rules *r,
                          struct budget *b, struct trust_result *ret)
{
    struct dnskey v;
    unsigned same = 0;
    struct rdata_iter it = rdata_iter(dnskey);
    (void)ds;
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        if (!dnskey_read(rd, &v) || v.tag != d->tag || v.algorithm != d->algorithm)
            continue;
        if (++same > LIMIT_KEYS_OF_A_TAG) {
            *ret = (struct trust_result){TRUST_LIMIT, TRUST_TOO_MUCH, d->tag, d->algorithm};
            return ST_OK;
        }
        if (ds_matches(d, dnskey->owner, rd))
            TRY(try_entry(dnskey, sigs, rd, r, b, ret));
        else if (TRUST_DS_MISMATCH < ret->reason || ret->reason == TRUST_NO_DS_KEY)
            *ret = (struct trust_result){TRUST_BOGUS, TRUST_DS_MISMATCH, d->tag, d->algorithm};
        if (ret->trust != TRUST_BOGUS)
            return ST_OK;
    }
    return ST_OK;
}

static struct zone_keys *keep_keys(const struct rrset *dnskey)
{
    struct dnskey v;
    struct zone_keys *k = keys_new(dnskey);
    struct rdata_iter it = rdata_iter(dnskey);
    for (struct bytes rd; k != NULL && rdata_iter_next(&it, &rd);)
        if (dnskey_read(rd, &v) && dnskey_is_zone_key(&v))
            keys_add(k, dnskey, rd);
    return k;
}

enum status zone_keys_trust(const struct rrset *dnskey, const struct rrset *sigs,
                            const struct rrset *ds, const struct trust_rules *rules,
                            struct budget *b, struct trust_result *ret, struct zone_keys **ret_keys)
{
    unsigned tried = 0;
    *ret_keys = NULL;
    *ret = (struct trust_result){.trust = TRUST_BOGUS, .reason = TRUST_NO_DS_KEY};
    if (only_unsupported(ds, rules, ret))
        return ST_OK;
    *ret = (struct trust_result){.trust = TRUST_BOGUS,
                                 .reason = dnskey->count > 0 ? TRUST_NO_DS_KEY : TRUST_NO_DNSKEY};
    struct rdata_iter it = rdata_iter(ds);
    for (struct bytes rd; ret->trust == TRUST_BOGUS && rdata_iter_next(&it, &rd);) {
        struct ds d;
        if (!ds_read(rd, &d) || !ds_counts(ds, &d, rules))
            continue;
        if (ret->reason == TRUST_NO_DS_KEY)
            ret->tag = d.tag;
        if (++tried > LIMIT_DS_TRIED) {
            *ret = (struct trust_result){TRUST_LIMIT, TRUST_TOO_MUCH, d.tag, d.algorithm};
            break;
        }
        TRY(try_ds(dnskey, sigs, ds, &d, rules, b, ret));
    }
    if (ret->trust != TRUST_SECURE)
        return ST_OK;
    *ret_keys = keep_keys(dnskey);
    return *ret_keys != NULL ? ST_OK : ST_ENOMEM;
}

struct zone_keys *zone_keys_of(const struct rrset *dnskey)
{
    return keep_keys(dnskey);
}
