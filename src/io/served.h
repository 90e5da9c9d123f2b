/* Everything that workers read and a reload replaces: one immutable snapshot. */
#ifndef BANYAN_IO_SERVED_H
#define BANYAN_IO_SERVED_H

#include "auth/auth.h"
#include "io/anchor_keeper.h"
#include "io/front.h"
#include "io/own.h"
#include "io/qsbr.h"
#include "io/zones.h"
#include "resolver/hints.h"

struct served {
    struct qsbr_item item;
    struct config *config;
    struct zone_set *zones;
    struct auth_options auth;
    struct resolver_options resolver;
    struct root_hint hints[ROOT_HINTS_MAX];
    struct anchors *anchors;  /* NULL: nothing is validated */
    uint64_t anchors_version; /* of the keeper's */
    struct negative_anchor *negative;
    struct route *route;
    struct own *own;
    struct auth_options own_auth; /* for its zones */
    struct front_limits limits;
    struct cache *distrust;    /* when nobody uses this any more: what was checked by its rules */
    struct server *retired_by; /* who frees it */
    bool has_zones;            /* some zone is configured: local names are looked for first */
};

struct served_how {
    struct hash_key cookie_key; /* to use where the configuration names none */
    unsigned workers;
    struct rate_table *rates;     /* what they share */
    struct anchor_keeper *keeper; /* whose trust anchors are used; NULL: the configured ones */
    const struct served *old;     /* the configuration is this one's: its files are not read again;
                                   * or NULL */
};

/* Makes a snapshot from a configuration and its zones; takes both over, also when it fails. ST_EIO
 * with text in say (root hints file). */
enum status served_new(struct config *c, struct zone_set *zones, const struct served_how *how,
                       struct text *say, struct served **ret) MUST_USE;
void served_free(struct served *s);

#endif
