/* What a worker knows of zones: their keys, or that they are not signed, or why they cannot be
 * trusted. Least recently used ones go first; keys can be had again from the cache without checking
 * a signature a second time. */
#ifndef BANYAN_RESOLVER_KEYRING_H
#define BANYAN_RESOLVER_KEYRING_H

#include "base/hash.h"
#include "core/env.h"
#include "dnssec/judge.h"

/* Counted; one thread. */
struct zone_trust {
    struct zone_trust *chain, *newer, *older;
    uint64_t hash;
    uint32_t refs;
    bool listed;
    uint64_t dies_mono_us, dies_wall_s; /* whichever clock says so first */
    enum trust trust;                   /* SECURE, INSECURE or BOGUS */
    struct zone_keys *keys;             /* SECURE */
    struct verdict why;                 /* else */
    struct name zone;
    char *words;       /* what was said of it; NULL: nothing */
    struct name blame; /* whose data are wrong: this zone's, or one's above it */
};

struct keyring;

/* Remembers `max` zones. NULL: no memory. */
struct keyring *keyring_new(unsigned max, const struct hash_key *key) MUST_USE;
void keyring_free(struct keyring *k);
void keyring_flush(struct keyring *k);
/* Forgets what is known of zones at or below a name. */
void keyring_flush_below(struct keyring *k, const uint8_t *name);
/* Remembers; takes `keys` over (also when it fails) and returns a counted reference, or NULL: no
 * memory. */
struct zone_trust *keyring_put(struct keyring *k, const uint8_t *zone, const struct verdict *v,
                               struct zone_keys *keys, uint32_t ttl_s, struct now now);
/* Exactly this zone, or the deepest that encloses a name. A counted reference, or NULL. */
struct zone_trust *keyring_get(struct keyring *k, const uint8_t *zone, struct now now);
struct zone_trust *keyring_above(struct keyring *k, const uint8_t *name, struct now now);
void zone_trust_drop(struct zone_trust *t);
/* Keeps a copy of what was said, as far as there is memory. */
void zone_trust_say(struct zone_trust *t, const char *words);

#endif
