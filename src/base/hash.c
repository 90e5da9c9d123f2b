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

/* The 1 to 7 bytes at the end of n, as the low bytes of a word. */
static inline uint64_t tail_of(const uint8_t *p, size_t left, size_t n)
{
    if (left == 0)
        return 0;
    if (n >= 8) /* read once more what stands before them */
        return get_le64(p + left - 8) >> (8 * (8 - left));
    uint64_t v = 0;
    for (size_t i = 0; i < left; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static inline void sip_word(struct sip *s, uint64_t m, int c)
{
    s->v3 ^= m;
    for (int i = 0; i < c; i++)
        sip_round(s);
    s->v0 ^= m;
}

static inline struct sip sip_begin(const struct hash_key *key)
{
    return (struct sip){key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
                        key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u};
}

static inline void sip_data(struct sip *s, const uint8_t *p, size_t n, int c)
{
    size_t left = n;
    for (; left >= 8; p += 8, left -= 8)
        sip_word(s, get_le64(p), c);
    sip_word(s, (uint64_t)n << 56 | tail_of(p, left, n), c);
}

static inline uint64_t sip_end(struct sip *s, int d)
{
    for (int i = 0; i < d; i++)
        sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static inline uint64_t sip_hash(const struct hash_key *key, const uint8_t *p, size_t n, int c,
                                int d)
{
    struct sip s = sip_begin(key);
    sip_data(&s, p, n, c);
    s.v2 ^= 0xff;
    return sip_end(&s, d);
}

static inline struct hash_key sip_hash128(const struct hash_key *key, const uint8_t *p, size_t n,
                                          int c, int d)
{
    struct sip s = sip_begin(key);
    struct hash_key r;
    s.v1 ^= 0xee;
    sip_data(&s, p, n, c);
    s.v2 ^= 0xee;
    r.k0 = sip_end(&s, d);
    s.v1 ^= 0xdd;
    r.k1 = sip_end(&s, d);
    return r;
}

uint64_t siphash13(const struct hash_key *key, const void *p, size_t n)
{
    return sip_hash(key, p, n, 1, 3);
}

uint64_t siphash24(const struct hash_key *key, const void *p, size_t n)
{
    return sip_hash(key, p, n, 2, 4);
}

struct hash_key siphash13_128(const struct hash_key *key, const void *p, size_t n)
{
    return sip_hash128(key, p, n, 1, 3);
}

struct hash_key siphash24_128(const struct hash_key *key, const void *p, size_t n)
{
    return sip_hash128(key, p, n, 2, 4);
}
