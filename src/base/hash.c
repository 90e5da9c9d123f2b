#include "base/hash.h"

#define ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = ROTL(s->v1, 13) ^ s->v0;
    s->v0 = ROTL(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = ROTL(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = ROTL(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = ROTL(s->v1, 17) ^ s->v2;
    s->v2 = ROTL(s->v2, 32);
}

static inline uint64_t get_le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline uint64_t sip_hash(const struct hash_key *key, const uint8_t *p, size_t n, int c,
                                int d)
{
    struct sip s = {key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
                    key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)n << 56;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t m = get_le64(p);
        s.v3 ^= m;
        for (int i = 0; i < c; i++)
            sip_round(&s);
        s.v0 ^= m;
    }
    for (size_t i = 0; i < n; i++)
        last |= (uint64_t)p[i] << (8 * i);
    s.v3 ^= last;
    for (int i = 0; i < c; i++)
        sip_round(&s);
    s.v0 ^= last;
    s.v2 ^= 0xff;
    for (int i = 0; i < d; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t siphash13(const struct hash_key *key, const void *p, size_t n)
{
    return sip_hash(key, p, n, 1, 3);
}

uint64_t siphash24(const struct hash_key *key, const void *p, size_t n)
{
    return sip_hash(key, p, n, 2, 4);
}
