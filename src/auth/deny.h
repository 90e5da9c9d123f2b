/* The two ways to prove that something does not exist; private to auth/. All speak of q->name and
 * q->found, and add to the authority section. */
#ifndef BANYAN_AUTH_DENY_H
#define BANYAN_AUTH_DENY_H

#include "auth/state.h"
#include "zone/denial.h"

struct deny_kind {
    /* The name exists as n, or is below the cut n, but n has no such type (no DS for a cut). */
    void (*type)(struct query *q, const struct zone_node *n);
    /* Neither the name nor a wildcard for it exists. */
    void (*name)(struct query *q);
    /* The name does not exist, so that the wildcard was rightly taken for it. */
    void (*expansion)(struct query *q);
    /* The same, and the wildcard has no such type. */
    void (*wild_type)(struct query *q);
};

extern const struct deny_kind deny_nsec, deny_nsec3, deny_compact;

/* Adds a node's NSEC or NSEC3 once, with its signatures. False if it has none. */
bool deny_put(struct query *q, const struct zone_node *n, uint16_t type);

#endif
