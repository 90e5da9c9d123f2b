/* What one client query may cost, shared by everything done on its behalf: sub-queries, retries,
 * TCP, CNAME restarts, later validation. Nothing resets it (CVE-2026-50045, -32665; NXNSAttack,
 * CAMP). */
#ifndef BANYAN_CORE_BUDGET_H
#define BANYAN_CORE_BUDGET_H

#include "base/attr.h"
#include <stdbool.h>
#include <stdint.h>

/* BUDGET(name, limit constant in base/limits.h, words) */
#define BUDGET_TABLE(BUDGET)                                                                       \
    BUDGET(PACKETS, LIMIT_QUERY_PACKETS, "upstream packets")                                       \
    BUDGET(BYTES, LIMIT_QUERY_BYTES, "bytes received")                                             \
    BUDGET(SUBQUERIES, LIMIT_QUERY_SUBQUERIES, "sub-queries")                                      \
    BUDGET(NO_ADDRESS, LIMIT_QUERY_NO_ADDRESS, "servers without an address")                       \
    BUDGET(CHAIN, LIMIT_CHAIN, "alias steps")                                                      \
    BUDGET(SIGNATURES, LIMIT_QUERY_SIGNATURES, "signature checks")                                 \
    BUDGET(HASHES, LIMIT_QUERY_HASHES, "NSEC3 hashes")                                             \
    BUDGET(LONG_HASHES, LIMIT_QUERY_LONG_HASHES, "hashes of NSEC3 with many iterations")

enum budget_item {
#define BUDGET(name, limit, words) BUDGET_##name,
    BUDGET_TABLE(BUDGET)
#undef BUDGET
        BUDGET_ITEMS
};

struct budget {
    uint32_t spent[BUDGET_ITEMS];
    uint64_t deadline_us; /* mono time at which all work for the query ends */
    uint8_t exhausted;    /* 1 + enum budget_item that ran out first; 0: none */
};

/* Takes `amount`; false, and nothing is taken, if that would pass the limit. */
bool budget_take(struct budget *b, enum budget_item item, uint32_t amount) MUST_USE;
uint32_t budget_limit(enum budget_item item);
const char *budget_words(enum budget_item item);

#endif
