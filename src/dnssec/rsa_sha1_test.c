/* Algorithms 5 and 7: verified where that is wanted, and else as good as not signed (RFC 9905). */
#include "dnssec/dnskey.h"
#include "dnssec/trust.h"
#include "dnssec/verify_testlib.h"

enum { AT = 1780000000 };

/* The records of an owner and type, packed into buf. */
static struct rrset set_of(const struct recs *r, const uint8_t *owner, uint16_t type, uint8_t *buf,
                           size_t cap)
{
    struct writer w = wr_of(buf, cap);
    struct rrset ret = {.owner = owner, .type = type, .rclass = CLASS_IN, .rdata = buf};
    for (size_t i = 0; i < r->n; i++) {
        const struct rec *x = &r->v[i];
        if (x->type != type || !name_equal(x->owner.w, owner))
            continue;
        wr_u16(&w, x->n);
        wr_bytes(&w, x->rd, x->n);
        ret.ttl = x->ttl;
        ret.count++;
    }
    ret.rdata_size = (uint32_t)wr_len(&w);
    return ret;
}

static struct rrset ds_of(const struct rrset *dnskey, uint8_t *buf, size_t cap)
{
    struct writer w = wr_of(buf, cap);
    struct rrset ret = {.owner = dnskey->owner, .type = RR_DS, .rclass = CLASS_IN, .rdata = buf};
    struct rdata_iter it = rdata_iter(dnskey);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        if ((get_be16(rd.p) & DNSKEY_SEP) == 0)
            continue;
        wr_u16(&w, 36);
        CHECK(ds_write(DS_SHA256, dnskey->owner, rd, &w) == ST_OK);
        ret.count++;
    }
    ret.rdata_size = (uint32_t)wr_len(&w);
    return ret;
}

static void try_zone(const char *path)
{
    static uint8_t keys_buf[8192], sigs_buf[8192], ds_buf[256], set_buf[4096], other_buf[8192];
    size_t n = 0;
    struct recs r;
    struct name owner;
    char *text = test_file(path, &n);
    struct zone *z = text != NULL ? zone_of_text(text, n) : NULL;
    free(text);
    REQUIRE(z != NULL);
    recs_of(&r, z);
    const uint8_t *apex = zone_origin(z);
    struct rrset dnskey = set_of(&r, apex, RR_DNSKEY, keys_buf, sizeof keys_buf);
    struct rrset sigs = set_of(&r, apex, RR_RRSIG, sigs_buf, sizeof sigs_buf);
    struct rrset ds = ds_of(&dnskey, ds_buf, sizeof ds_buf);
    CHECK_EQ(ds.count, 1);
    for (unsigned on = 0; on < 2; on++) {
        struct trust_rules rules = {.now = AT, .rsa_sha1 = on};
        struct budget b = {0};
        struct trust_result t;
        struct zone_keys *keys;
        REQUIRE(zone_keys_trust(&dnskey, &sigs, &ds, &rules, &b, &t, &keys) == ST_OK);
        if (!on) {
            CHECK(t.trust == TRUST_INSECURE && t.reason == TRUST_ALGORITHM && keys == NULL);
            continue;
        }
        REQUIRE(t.trust == TRUST_SECURE);
        REQUIRE(name_prepend(bytes_str("www"), apex, &owner) == ST_OK);
        struct rrset set = set_of(&r, owner.w, RR_A, set_buf, sizeof set_buf);
        struct rrset own = set_of(&r, owner.w, RR_RRSIG, other_buf, sizeof other_buf);
        CHECK_EQ(set.count, 2);
        REQUIRE(rrset_trust(keys, &set, &own, &rules, &b, &t) == ST_OK);
        test_point(t.trust == TRUST_SECURE, "%s: www A: %s", path, trust_reason_word(t.reason));
        for (uint32_t i = 2; i < set.rdata_size; i++) {
            if (i == 6 || i == 7) /* the length of the second */
                continue;
            set_buf[i] ^= 1;
            b = (struct budget){0};
            REQUIRE(rrset_trust(keys, &set, &own, &rules, &b, &t) == ST_OK);
            CHECK(t.trust == TRUST_BOGUS && t.reason == TRUST_BAD_SIGNATURE);
            set_buf[i] ^= 1;
        }
        zone_keys_free(keys);
    }
    recs_free(&r);
    zone_drop(z);
}

TEST(rsa_sha1_by_others)
{
    try_zone("vectors/zone-signed/rsasha1.zone");
    try_zone("vectors/zone-signed/nsec3rsasha1.zone");
}
