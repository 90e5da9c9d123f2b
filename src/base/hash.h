/* Hashes: SipHash for tables that strangers fill and for DNS cookies, and a deterministic random
 * source for the simulator and tests. */
#ifndef BANYAN_BASE_HASH_H
#define BANYAN_BASE_HASH_H

#include "base/attr.h"
#include "base/bytes.h"

__extension__ typedef unsigned __int128 uint128;

struct hash_key {
    uint64_t k0, k1;
};

/* SipHash-1-3: for hash tables. */
uint64_t siphash13(const struct hash_key *key, const void *p, size_t n);
/* SipHash-2-4: for DNS cookies (RFC 9018 section 4.4). */
uint64_t siphash24(const struct hash_key *key, const void *p, size_t n);
/* The same with 128 bits, which can be the key for what comes next: nobody who does not know the
 * first key can make two inputs that are taken for one another. */
struct hash_key siphash13_128(const struct hash_key *key, const void *p, size_t n);
struct hash_key siphash24_128(const struct hash_key *key, const void *p, size_t n);

/* Mixes a 64-bit value well (splitmix64's finaliser): not keyed, for trusted input only. */
static inline uint64_t hash_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* A deterministic generator (splitmix64) for the simulator and tests: never for IDs or ports that
 * strangers see. */
struct prng {
    uint64_t s;
};

static inline uint64_t prng_next(struct prng *r)
{
    return hash_mix(r->s += 0x9e3779b97f4a7c15u);
}

/* Uniform in [0, n); n > 0. */
static inline uint64_t prng_below(struct prng *r, uint64_t n)
{
    return (uint64_t)(((uint128)prng_next(r) * n) >> 64);
}

#endif
