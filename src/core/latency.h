/* How long answers take: a histogram with eight steps to each doubling, so that a percentile read
 * from it is at most an eighth too high. What comes out of the cache is not timed: it is counted
 * elsewhere, and takes its place below everything here. */
#ifndef BANYAN_CORE_LATENCY_H
#define BANYAN_CORE_LATENCY_H

#include "base/attr.h"
#include "base/bytes.h"

enum { LATENCY_STEPS = 8, LATENCY_BUCKETS = 24 * LATENCY_STEPS }; /* up to 2^25 us and more */

struct latency {
    uint64_t count[LATENCY_BUCKETS];
};

void latency_count(struct latency *l, uint32_t us, uint32_t n);
/* The time in us within which so many of a million answers were given, where `at_once` more took no
 * time; 0 if there were none. */
uint64_t latency_within(const struct latency *l, uint64_t at_once, uint32_t of_million);

#endif
