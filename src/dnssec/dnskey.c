#include "dnssec/dnskey.h"

#include "crypto/digest.h"

#include <string.h>

bool dnskey_read(struct bytes rdata, struct dnskey *ret)
{
    if (rdata.n < 4)
        return false;
    *ret = (struct dnskey){.flags = get_be16(rdata.p),
                           .protocol = rdata.p[2],
                           .algorithm = rdata.p[3],
                           .tag = dnskey_tag(rdata),
                           .public_key = bytes_of(rdata.p + 4, rdata.n - 4)};
    return true;
}

bool ds_read(struct bytes rdata, struct ds *ret)
{
    if (rdata.n < 5)
        return false;
    *ret = (struct ds){.tag = get_be16(rdata.p),
                       .algorithm = rdata.p[2],
                       .digest_type = rdata.p[3],
                       .digest = bytes_of(rdata.p + 4, rdata.n - 4)};
    return true;
}

uint16_t dnskey_tag(struct bytes rdata)
{
    uint32_t sum = 0;
    /* Algorithm 1 took its tag from the modulus (RFC 4034 appendix B.1). */
    if (rdata.n >= 7 && rdata.p[3] == 1)
        return get_be16(rdata.p + rdata.n - 3);
    size_t i = 0;
    for (; i + 2 <= rdata.n; i += 2)
        sum += get_be16(rdata.p + i);
    if (i < rdata.n)
        sum += (uint32_t)rdata.p[i] << 8;
    return (uint16_t)(sum + (sum >> 16));
}

bool dnskey_is_zone_key(const struct dnskey *k)
{
    return k->protocol == 3 && (k->flags & DNSKEY_ZONE) != 0 && (k->flags & DNSKEY_REVOKE) == 0;
}

enum status dnskey_write(const struct sec_key *k, uint16_t flags, struct writer *out)
{
    wr_u16(out, flags);
    wr_u8(out, 3);
    wr_u8(out, sec_key_algorithm(k));
    return sec_key_public_write(k, out);
}

enum status dnskey_open(struct bytes rdata, struct sec_key **ret)
{
    struct dnskey k;
    if (!dnskey_read(rdata, &k))
        return ST_EFORMAT;
    return sec_key_public(k.algorithm, k.public_key, ret);
}

enum status ds_digest(uint8_t digest_type, const uint8_t *owner, struct bytes dnskey,
                      uint8_t ret[DS_DIGEST_MAX], size_t *ret_n)
{
    static const struct {
        uint8_t type;
        enum digest_kind kind;
    } known[] = {{DS_SHA1, DIGEST_SHA1}, {DS_SHA256, DIGEST_SHA256}, {DS_SHA384, DIGEST_SHA384}};
    uint8_t low[LIMIT_NAME], md[DIGEST_MAX];
    size_t i = 0;
    while (i < ARRAY_LEN(known) && known[i].type != digest_type)
        i++;
    if (i == ARRAY_LEN(known))
        return ST_EUNSUPPORTED;
    struct digest *d = digest_new(known[i].kind);
    if (d == NULL)
        return ST_ENOMEM;
    digest_update(d, bytes_of(low, name_lower(low, owner)));
    digest_update(d, dnskey);
    enum status st = digest_final(d, md);
    digest_free(d);
    TRY(st);
    *ret_n = digest_size(known[i].kind);
    memcpy(ret, md, *ret_n);
    return ST_OK;
}

enum status ds_write(uint8_t digest_type, const uint8_t *owner, struct bytes dnskey,
                     struct writer *out)
{
    uint8_t digest[DS_DIGEST_MAX];
    size_t n;
    struct dnskey k;
    if (!dnskey_read(dnskey, &k))
        return ST_EFORMAT;
    TRY(ds_digest(digest_type, owner, dnskey, digest, &n));
    wr_u16(out, k.tag);
    wr_u8(out, k.algorithm);
    wr_u8(out, digest_type);
    wr_bytes(out, digest, n);
    return wr_ok(out) ? ST_OK : ST_ENOSPACE;
}

bool ds_matches(const struct ds *ds, const uint8_t *owner, struct bytes dnskey)
{
    uint8_t digest[DS_DIGEST_MAX];
    size_t n;
    struct dnskey k;
    return dnskey_read(dnskey, &k) && k.tag == ds->tag && k.algorithm == ds->algorithm &&
           ds_digest(ds->digest_type, owner, dnskey, digest, &n) == ST_OK && n == ds->digest.n &&
           memcmp(digest, ds->digest.p, n) == 0;
}
