/* The keys of the zone that is verified, the trust anchors they must follow from, and what CDS and
 * CDNSKEY ask the parent to make of them. */
#include "dnssec/verify_impl.h"

#include <string.h>

static void read_one(struct verifier *v, struct verify_lane *l, struct bytes rdata)
{
    struct verify_key *k = &v->key[v->keys++];
    *k = (struct verify_key){.rdata = rdata};
    if (!dnskey_read(rdata, &k->k)) {
        verify_tell(v, l, VERIFY_KEY_BAD, 0, RR_DNSKEY, "a DNSKEY record is too short");
        return;
    }
    k->zone = dnskey_is_zone_key(&k->k);
    k->revoked = (k->k.flags & (DNSKEY_ZONE | DNSKEY_REVOKE)) == (DNSKEY_ZONE | DNSKEY_REVOKE);
    if (k->k.protocol != 3)
        verify_tell(v, l, VERIFY_KEY_PROTOCOL, 0, RR_DNSKEY, "key %u has protocol %u", k->k.tag,
                    k->k.protocol);
    if (k->k.algorithm == 0) /* RFC 8078 section 4: only in CDNSKEY */
        k->zone = false;
    if (!k->zone && !k->revoked)
        return;
    enum status st = dnskey_open(rdata, &k->key);
    k->unknown = st == ST_EUNSUPPORTED;
    if (st == ST_ENOMEM)
        verify_fail(v, st);
    else if (k->unknown)
        verify_tell(v, l, VERIFY_KEY_UNKNOWN, 0, RR_DNSKEY,
                    "key %u is of algorithm %u, which is not known", k->k.tag, k->k.algorithm);
    else if (st != ST_OK)
        verify_tell(v, l, VERIFY_KEY_BAD, 0, RR_DNSKEY, "the public key of %u (%s) is malformed",
                    k->k.tag, sec_algorithm_name(k->k.algorithm));
    else if (!sec_algorithm_signs(k->k.algorithm))
        verify_tell(v, l, VERIFY_KEY_OLD, 0, RR_DNSKEY, "key %u is of the old algorithm %s",
                    k->k.tag, sec_algorithm_name(k->k.algorithm));
    if (k->zone)
        v->needed[k->k.algorithm] = true;
}

bool verify_keys_read(struct verifier *v, struct verify_lane *l)
{
    struct rrset set;
    bool any = false;
    if (!zone_rrset(v->z, zone_apex(v->z), RR_DNSKEY, zone_origin(v->z), &set)) {
        verify_tell(v, l, VERIFY_NO_DNSKEY, 0, RR_SOA, "the zone has no DNSKEY record");
        return false;
    }
    struct rdata_iter it = rdata_iter(&set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        if (v->keys == LIMIT_ZONE_KEYS) {
            verify_tell(v, l, VERIFY_KEYS_MANY, 0, RR_DNSKEY,
                        "the zone has %u keys; %d are looked at", set.count, LIMIT_ZONE_KEYS);
            break;
        }
        read_one(v, l, rd);
    }
    for (unsigned i = 0; i < v->keys; i++)
        any |= v->key[i].zone && v->key[i].key != NULL;
    if (!any)
        verify_tell(v, l, VERIFY_NO_KEY, 0, RR_DNSKEY,
                    "no key of the zone can be used to verify its signatures");
    return any;
}

/* --- Trust anchors --- */

struct anchoring {
    bool named, signs;                /* an anchor is a key; that key signs the DNSKEY set */
    bool wanted[256], algorithm[256]; /* of anchors; of those with a key that signs */
};

static void anchor_key(struct verifier *v, struct anchoring *a, const struct verify_key *k,
                       uint8_t algorithm)
{
    (void)v;
    a->named = true;
    a->signs |= k->signs_keys;
    a->algorithm[algorithm] |= k->signs_keys;
}

static void anchors_ds(struct verifier *v, struct anchoring *a, const struct rrset *set)
{
    struct rdata_iter it = rdata_iter(set);
    struct ds ds;
    bool strong = false;
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        strong |= ds_read(rd, &ds) && (ds.digest_type == DS_SHA256 || ds.digest_type == DS_SHA384);
    it = rdata_iter(set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        if (!ds_read(rd, &ds) || (strong && ds.digest_type == DS_SHA1)) /* RFC 4509 section 3 */
            continue;
        a->wanted[ds.algorithm] = true;
        for (unsigned i = 0; i < v->keys; i++)
            if (v->key[i].zone && ds_matches(&ds, zone_origin(v->z), v->key[i].rdata))
                anchor_key(v, a, &v->key[i], ds.algorithm);
    }
}

static void anchors_dnskey(struct verifier *v, struct anchoring *a, const struct rrset *set)
{
    struct rdata_iter it = rdata_iter(set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct dnskey k;
        if (!dnskey_read(rd, &k))
            continue;
        a->wanted[k.algorithm] = true;
        for (unsigned i = 0; i < v->keys; i++)
            if (v->key[i].zone && bytes_equal(v->key[i].rdata, rd))
                anchor_key(v, a, &v->key[i], k.algorithm);
    }
}

/* RFC 4035 sections 2.2 and 5.2. */
static void judge_anchors(struct verifier *v, struct verify_lane *l)
{
    const struct rrset *ds = v->opt->ds, *dnskey = v->opt->dnskey;
    struct anchoring a = {0};
    bool any = (ds != NULL && ds->count > 0) || (dnskey != NULL && dnskey->count > 0);
    if (!any)
        return;
    if (ds != NULL)
        anchors_ds(v, &a, ds);
    if (dnskey != NULL)
        anchors_dnskey(v, &a, dnskey);
    if (!a.named) {
        verify_tell(v, l, VERIFY_ANCHOR, 0, RR_DNSKEY,
                    "no trust anchor is that of a key of the zone");
        return;
    }
    if (!a.signs) {
        verify_tell(v, l, VERIFY_ANCHOR_UNSIGNED, 0, RR_DNSKEY,
                    "no key that a trust anchor names signs the DNSKEY set");
        return;
    }
    for (unsigned i = 0; i < 256; i++)
        if (a.wanted[i] && !a.algorithm[i])
            verify_tell(v, l, VERIFY_ANCHOR_ALGORITHM, 0, RR_DNSKEY,
                        "no key that a trust anchor of algorithm %u names signs the DNSKEY set", i);
}

/* --- CDS and CDNSKEY (RFC 7344, RFC 8078) --- */

static bool is_delete(uint16_t type, struct bytes rd)
{
    return rd.n >= 4 && rd.p[type == RR_CDS ? 2 : 3] == 0;
}

static bool names_key(const struct verifier *v, uint16_t type, struct bytes rd, unsigned key)
{
    struct ds ds;
    if (type == RR_CDNSKEY)
        return bytes_equal(v->key[key].rdata, rd);
    return ds_read(rd, &ds) && ds_matches(&ds, zone_origin(v->z), v->key[key].rdata);
}

/* Sets named[key]; deletes: how many records ask for it. */
static bool judge_child(struct verifier *v, struct verify_lane *l, uint16_t type,
                        bool named[LIMIT_ZONE_KEYS], unsigned *deletes)
{
    struct rrset set;
    if (!zone_rrset(v->z, zone_apex(v->z), type, zone_origin(v->z), &set))
        return false;
    struct rdata_iter it = rdata_iter(&set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        bool found = is_delete(type, rd);
        *deletes += found;
        for (unsigned k = 0; k < v->keys; k++)
            if (names_key(v, type, rd, k))
                found = named[k] = true;
        if (!found)
            verify_tell(v, l, type == RR_CDS ? VERIFY_CDS_KEY : VERIFY_CDNSKEY_KEY, 0, type,
                        "a %s record is of a key that is not in the DNSKEY set",
                        type == RR_CDS ? "CDS" : "CDNSKEY");
    }
    if (*deletes > 0 && set.count > 1)
        verify_tell(v, l, VERIFY_CDS_DELETE, 0, type,
                    "a %s record that asks to delete the DS stands beside others",
                    type == RR_CDS ? "CDS" : "CDNSKEY");
    return true;
}

static void judge_children(struct verifier *v, struct verify_lane *l)
{
    bool cds[LIMIT_ZONE_KEYS] = {0}, cdnskey[LIMIT_ZONE_KEYS] = {0};
    unsigned cds_deletes = 0, cdnskey_deletes = 0;
    bool one = judge_child(v, l, RR_CDS, cds, &cds_deletes);
    bool other = judge_child(v, l, RR_CDNSKEY, cdnskey, &cdnskey_deletes);
    if (one && other &&
        (memcmp(cds, cdnskey, sizeof cds) != 0 || (cds_deletes > 0) != (cdnskey_deletes > 0)))
        verify_tell(v, l, VERIFY_CDS_DIFFER, 0, RR_CDS,
                    "CDS and CDNSKEY do not name the same keys");
}

void verify_keys_judge(struct verifier *v, struct verify_lane *l)
{
    bool sep = false, signs = false, anchored = v->opt->ds != NULL || v->opt->dnskey != NULL;
    for (unsigned i = 0; i < v->keys; i++) {
        const struct verify_key *k = &v->key[i];
        sep |= k->zone && (k->k.flags & DNSKEY_SEP) != 0;
        signs |= k->signs_keys && k->zone && (k->k.flags & DNSKEY_SEP) != 0;
        if (k->revoked && k->key != NULL && !k->signs_keys)
            verify_tell(v, l, VERIFY_REVOKED_UNSIGNED, 0, RR_DNSKEY,
                        "key %u is revoked but does not sign the DNSKEY set", k->k.tag);
    }
    if (!signs) /* with trust anchors it is theirs to say which key signs */
        verify_tell_as(v, l, sep && !anchored ? SEV_ERROR : SEV_WARNING, VERIFY_NO_SEP, 0,
                       RR_DNSKEY, "no key with the SEP flag signs the DNSKEY set");
    judge_anchors(v, l);
    judge_children(v, l);
}
