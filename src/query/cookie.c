#include "query/cookie.h"

static uint64_t get_le64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

struct hash_key cookie_key(const uint8_t secret[16])
{
    return (struct hash_key){get_le64(secret), get_le64(secret + 8)};
}

/* RFC 9018 section 4: hash of client cookie | version | reserved | timestamp | client address. The
 * first 16 bytes of `cookie` hold all but the address. */
static uint64_t cookie_hash(const struct hash_key *key, const uint8_t *cookie,
                            const struct netaddr *addr)
{
    uint8_t in[16 + 16];
    size_t n = netaddr_size(addr);
    memcpy(in, cookie, 16);
    memcpy(in + 16, addr->a, n);
    return siphash24(key, in, 16 + n);
}

static void put_hash(uint8_t *p, uint64_t h)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(h >> 8 * i);
}

void cookie_make(const struct hash_key *key, const uint8_t client[COOKIE_CLIENT_SIZE],
                 const struct netaddr *addr, uint32_t now_s, uint8_t ret[COOKIE_SIZE])
{
    memcpy(ret, client, COOKIE_CLIENT_SIZE);
    ret[8] = 1; /* version; three reserved bytes follow */
    ret[9] = ret[10] = ret[11] = 0;
    put_be32(ret + 12, now_s);
    put_hash(ret + 16, cookie_hash(key, ret, addr));
}

int32_t cookie_age(struct bytes cookie, uint32_t now_s)
{
    /* Serial arithmetic (RFC 1982), as RFC 9018 section 4.3 says. */
    return cookie.n >= 16 ? (int32_t)(now_s - get_be32(cookie.p + 12)) : INT32_MAX;
}

bool cookie_check(const struct hash_key *key, struct bytes cookie, const struct netaddr *addr,
                  uint32_t now_s)
{
    if (cookie.n != COOKIE_SIZE || cookie.p[8] != 1)
        return false;
    int32_t age = cookie_age(cookie, now_s);
    if (age > COOKIE_OLD || age < -COOKIE_FUTURE)
        return false;
    /* Reserved bytes are hashed as they came (RFC 9018 section 4.2). */
    uint8_t want[8], diff = 0;
    put_hash(want, cookie_hash(key, cookie.p, addr));
    for (int i = 0; i < 8; i++)
        diff |= want[i] ^ cookie.p[16 + i];
    return diff == 0;
}
