/* How often one network may ask: a limit per client prefix that all workers share without locks.
 *
 * A prefix has a place in each of two tables, found by a keyed hash. A place holds the moment up to
 * which what was asked there is paid for; it runs ahead of the clock by at most the burst. A prefix
 * is over its limit when both its places are: two strangers would have to meet it in both. */
#ifndef BANYAN_CORE_RATE_H
#define BANYAN_CORE_RATE_H

#include "base/hash.h"
#include "base/netaddr.h"

#include <stdatomic.h>

enum { RATE_TABLES = 2, RATE_PLACES = 1 << 16 };

/* 1 MiB, all zero at the start but the key, which is random. */
struct rate_table {
    struct hash_key key;
    _Atomic uint64_t place[RATE_TABLES][RATE_PLACES]; /* µs of the monotonic clock */
};

struct rate_limit {
    uint32_t per_s;               /* 0: none */
    uint32_t burst;               /* so many at once; 0: as many as a second allows */
    uint8_t ipv4_bits, ipv6_bits; /* length of the prefix that counts as one client */
};

/* Counts one question of `who` at now_us; false if it is one too many (it is not counted then).
 * Different limits on one table must differ in `salt`. */
bool rate_take(struct rate_table *t, const struct rate_limit *l, uint64_t salt,
               const struct netaddr *who, uint64_t now_us);

#endif
