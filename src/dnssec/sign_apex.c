/* The sets of the apex that signing changes or makes: SOA, DNSKEY, CDS, CDNSKEY, NSEC3PARAM,
 * ZONEMD.
 */
#include "dnssec/dnskey.h"
#include "dnssec/sign_impl.h"
#include "zone/zonemd.h"

#include <stdlib.h>
#include <string.h>

static enum status apex_put(struct apex_set *a, struct bytes rdata)
{
    struct rdata_iter it = rdata_iter(&a->set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (bytes_equal(rd, rdata))
            return ST_OK;
    size_t need = a->set.rdata_size + 2 + rdata.n;
    if (need > LIMIT_MESSAGE)
        return ST_ELIMIT;
    if (need > a->cap) {
        uint8_t *p = realloc(a->bytes, need + 512);
        if (p == NULL)
            return ST_ENOMEM;
        a->bytes = p;
        a->cap = need + 512;
    }
    uint8_t *at = a->bytes + a->set.rdata_size;
    put_be16(at, (uint16_t)rdata.n);
    memcpy(at + 2, rdata.p, rdata.n);
    a->set.rdata = a->bytes;
    a->set.rdata_size = (uint32_t)need;
    a->set.count++;
    return ST_OK;
}

static struct apex_set *apex_new(struct signer *s, uint16_t type, uint32_t ttl)
{
    struct apex_set *a = &s->apex[s->apex_n++];
    ASSERT(s->apex_n <= APEX_SETS);
    a->set =
        (struct rrset){.owner = zone_origin(s->in), .type = type, .rclass = CLASS_IN, .ttl = ttl};
    return a;
}

/* The records of that type which the owner has put there. */
static enum status apex_keep(struct signer *s, struct apex_set *a)
{
    struct rrset set;
    unsigned theirs = a->set.type == RR_DNSKEY ? THEIR_DNSKEY
                      : a->set.type == RR_CDS  ? THEIR_CDS
                                               : THEIR_CDNSKEY;
    if (s->plan->theirs != NULL && a->set.type != RR_SOA)
        set = s->plan->theirs[theirs];
    else if (!zone_rrset(s->in, zone_apex(s->in), a->set.type, zone_origin(s->in), &set))
        return ST_OK;
    struct rdata_iter it = rdata_iter(&set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        TRY(apex_put(a, rd));
    return ST_OK;
}

static enum status make_soa(struct signer *s)
{
    struct rrset set;
    if (!zone_rrset(s->in, zone_apex(s->in), RR_SOA, zone_origin(s->in), &set))
        return ST_ESEMANTIC;
    struct apex_set *a = apex_new(s, RR_SOA, set.ttl);
    TRY(apex_keep(s, a));
    size_t names = name_len(a->bytes + 2);
    names += name_len(a->bytes + 2 + names);
    put_be32(a->bytes + 2 + names, s->plan->serial);
    return ST_OK;
}

/* The keys of the file beside ours: those of other signers (RFC 8901). */
static enum status make_dnskey(struct signer *s)
{
    struct apex_set *a = apex_new(s, RR_DNSKEY, s->plan->policy.dnskey_ttl_s);
    for (unsigned i = 0; i < s->plan->keys; i++)
        if (s->plan->key[i].publish)
            TRY(apex_put(a, s->plan->key[i].dnskey));
    return apex_keep(s, a);
}

/* RFC 7344 section 4.1; RFC 8078 section 4: the deletion stands alone. */
static enum status make_cds(struct signer *s, uint16_t type)
{
    static const uint8_t none[5] = {0}, none_key[5] = {0, 0, 3, 0, 0};
    struct apex_set *a = apex_new(s, type, s->plan->policy.dnskey_ttl_s);
    if (s->plan->policy.cds == CDS_DELETE)
        return apex_put(a, bytes_of(type == RR_CDS ? none : none_key, 5));
    for (unsigned i = 0; s->plan->policy.cds == CDS_ALWAYS && i < s->plan->keys; i++) {
        const struct sign_key *k = &s->plan->key[i];
        uint8_t ds[4 + DS_DIGEST_MAX];
        struct writer w = wr_of(ds, sizeof ds);
        if (!k->cds)
            continue;
        TRY(ds_write(DS_SHA256, zone_origin(s->in), k->dnskey, &w));
        TRY(apex_put(a, type == RR_CDS ? wr_done(&w) : k->dnskey));
    }
    TRY(apex_keep(s, a));
    if (a->set.count == 0)
        s->apex_n--;
    return ST_OK;
}

static enum status make_nsec3param(struct signer *s)
{
    uint8_t rdata[5 + 255];
    struct writer w = wr_of(rdata, sizeof rdata);
    wr_u8(&w, NSEC3_SHA1);
    wr_u8(&w, 0); /* RFC 5155 section 4.1.2: the opt-out flag stands in the NSEC3 only */
    wr_u16(&w, s->plan->iterations);
    wr_u8(&w, (uint8_t)s->plan->salt.n);
    wr_bytes(&w, s->plan->salt.p, s->plan->salt.n);
    return wr_ok(&w) ? apex_put(apex_new(s, RR_NSEC3PARAM, 0), wr_done(&w)) : ST_ERANGE;
}

/* A ZONEMD that is right but for its digest. */
static enum status make_zonemd(struct signer *s)
{
    uint8_t rdata[6 + 48] = {0};
    put_be32(rdata, s->plan->serial);
    rdata[4] = ZONEMD_SIMPLE;
    rdata[5] = ZONEMD_SHA384;
    return apex_put(apex_new(s, RR_ZONEMD, s->apex[0].set.ttl), bytes_of(rdata, sizeof rdata));
}

/* RFC 4035 section 2.2: a signature by every algorithm of the DNSKEY set. */
static enum status check_algorithm(struct signer *s, struct bytes dnskey)
{
    struct dnskey k;
    bool keys = false, zone = false;
    if (!dnskey_read(dnskey, &k) || !dnskey_is_zone_key(&k))
        return ST_OK;
    for (unsigned i = 0; i < s->plan->keys; i++) {
        const struct sign_key *p = &s->plan->key[i];
        keys |= p->sign_keys && p->algorithm == k.algorithm;
        zone |= p->sign_zone && p->algorithm == k.algorithm;
    }
    if (keys && zone)
        return ST_OK;
    diag_set(s->d, SEV_ERROR, "algorithm-without-signatures",
             "every algorithm of the DNSKEY set must sign the whole zone (RFC 4035 section 2.2)",
             "key %u of algorithm %u is in the zone, but no key of that algorithm signs %s", k.tag,
             k.algorithm, keys ? "its data" : "the DNSKEY set");
    return ST_ESEMANTIC;
}

static enum status check_keys(struct signer *s)
{
    bool zone = false;
    for (unsigned i = 0; i < s->plan->keys; i++) {
        const struct sign_key *k = &s->plan->key[i];
        zone |= k->sign_zone;
        if ((k->sign_zone || k->sign_keys) && (k->key == NULL || !sec_key_is_private(k->key))) {
            diag_set(s->d, SEV_ERROR, "no-private-key", NULL,
                     "key %u is to sign, but its private half is not here", k->tag);
            return ST_ESEMANTIC;
        }
    }
    if (!zone || s->plan->keys > SIGN_KEYS) {
        diag_set(s->d, SEV_ERROR, "no-signing-key", NULL,
                 zone ? "too many keys" : "no key signs the zone");
        return ST_ESEMANTIC;
    }
    for (unsigned i = 0; i < s->apex_n; i++) {
        if (s->apex[i].set.type != RR_DNSKEY)
            continue;
        struct rdata_iter it = rdata_iter(&s->apex[i].set);
        for (struct bytes rd; rdata_iter_next(&it, &rd);)
            TRY(check_algorithm(s, rd));
    }
    return ST_OK;
}

enum status apex_make(struct signer *s)
{
    TRY(make_soa(s));
    TRY(make_dnskey(s));
    TRY(make_cds(s, RR_CDS));
    TRY(make_cds(s, RR_CDNSKEY));
    if (sign_nsec3(s))
        TRY(make_nsec3param(s));
    if (s->plan->policy.zonemd)
        TRY(make_zonemd(s));
    return check_keys(s);
}

/* What a signer makes anew, wherever the zone came from. */
static bool made_by_signers(const struct signer *s, const struct zone_node *n, uint16_t type)
{
    if (type == RR_RRSIG || type == RR_NSEC || type == RR_NSEC3 || type == RR_NSEC3PARAM)
        return true;
    if (n != zone_apex(s->in))
        return false;
    for (unsigned i = 0; i < s->apex_n; i++)
        if (s->apex[i].set.type == type)
            return true;
    return type == RR_ZONEMD;
}

bool sign_next_set(const struct signer *s, const struct zone_node *n, const uint8_t *owner,
                   struct set_cursor *c, struct rrset *ret)
{
    while (c->own == 0 && zone_rrset_next(s->in, n, owner, &c->at, ret))
        if (!made_by_signers(s, n, ret->type))
            return true;
    if (n != zone_apex(s->in) || c->own >= s->apex_n)
        return false;
    *ret = s->apex[c->own++].set;
    ret->owner = owner;
    return true;
}
