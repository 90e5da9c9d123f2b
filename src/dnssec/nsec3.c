#include "dnssec/nsec3.h"

#include "base/codec.h"
#include "crypto/digest.h"

#include <stdlib.h>
#include <string.h>

struct nsec3_hasher {
    struct digest *digest;
};

struct nsec3_hasher *nsec3_hasher_new(void)
{
    struct nsec3_hasher *h = calloc(1, sizeof *h);
    if (h != NULL && (h->digest = digest_new(DIGEST_SHA1)) == NULL) {
        free(h);
        return NULL;
    }
    return h;
}

void nsec3_hasher_free(struct nsec3_hasher *h)
{
    if (h == NULL)
        return;
    digest_free(h->digest);
    free(h);
}

enum status nsec3_hash(struct nsec3_hasher *h, const uint8_t *name, struct bytes salt,
                       uint16_t iterations, uint8_t ret[NSEC3_HASH])
{
    uint8_t buf[LIMIT_NAME + 255], md[DIGEST_MAX];
    if (salt.n > 255)
        return ST_ERANGE;
    size_t n = name_lower(buf, name);
    for (unsigned i = 0; i <= iterations; i++) {
        if (salt.n > 0)
            memcpy(buf + n, salt.p, salt.n);
        digest_update(h->digest, bytes_of(buf, n + salt.n));
        TRY(digest_final(h->digest, md));
        memcpy(buf, md, n = NSEC3_HASH);
    }
    memcpy(ret, md, NSEC3_HASH);
    return ST_OK;
}

enum status nsec3_owner(const uint8_t hash[NSEC3_HASH], const uint8_t *zone, struct name *ret)
{
    char label[40];
    struct text t = text_of(label, sizeof label);
    base32hex_text(bytes_of(hash, NSEC3_HASH), &t);
    return name_prepend(bytes_of(label, t.n), zone, ret);
}

bool nsec3_owner_hash(const uint8_t *owner, uint8_t ret[NSEC3_HASH])
{
    struct writer w = wr_of(ret, NSEC3_HASH);
    return owner[0] == 32 && base32hex_parse(bytes_of(owner + 1, 32), &w) == ST_OK &&
           wr_len(&w) == NSEC3_HASH;
}

bool nsec_read(struct bytes rdata, struct nsec *ret)
{
    size_t n;
    if (name_scan(rdata, &n) != ST_OK)
        return false;
    *ret = (struct nsec){rdata.p, bytes_of(rdata.p + n, rdata.n - n)};
    return true;
}

bool nsec3_read(struct bytes rdata, struct nsec3 *ret)
{
    const uint8_t *p = rdata.p;
    if (rdata.n < 6 || rdata.n < 6u + p[4])
        return false;
    size_t at = 5u + p[4], hash = p[at];
    if (hash == 0 || rdata.n < at + 1 + hash)
        return false;
    *ret = (struct nsec3){.algorithm = p[0],
                          .flags = p[1],
                          .iterations = get_be16(p + 2),
                          .salt = bytes_of(p + 5, p[4]),
                          .next = bytes_of(p + at + 1, hash),
                          .bitmap = bytes_of(p + at + 1 + hash, rdata.n - at - 1 - hash)};
    return true;
}

enum status bitmap_write(const uint16_t *types, size_t n, struct writer *out)
{
    for (size_t i = 0; i < n;) {
        uint8_t bits[32] = {0}, window = (uint8_t)(types[i] >> 8);
        size_t len = 0;
        for (; i < n && types[i] >> 8 == window; i++) {
            unsigned low = types[i] & 255u;
            bits[low / 8] |= (uint8_t)(0x80 >> low % 8);
            len = low / 8 + 1;
        }
        wr_u8(out, window);
        wr_u8(out, (uint8_t)len);
        wr_bytes(out, bits, len);
    }
    return wr_ok(out) ? ST_OK : ST_ENOSPACE;
}

bool bitmap_has(struct bytes bitmap, uint16_t type)
{
    const uint8_t *p = bitmap.p, *end = p + bitmap.n;
    while (end - p >= 2 && end - p >= 2 + p[1]) {
        unsigned len = p[1], low = type & 255u;
        if (p[0] == type >> 8)
            return low / 8 < len && (p[2 + low / 8] & 0x80 >> low % 8) != 0;
        p += 2 + len;
    }
    return false;
}
