/* Zones with `dnssec: auto` (or another policy): signed when they are loaded, and again before
 * signatures expire or keys change.
 *
 * The order of what is written makes any moment safe to be killed at: keys are in the store before
 * they sign; the signed zone and then its serial are on disk before it is served. So a serial that
 * was served is never given to another content, and a restart goes on with the same signatures. */
#ifndef BANYAN_IO_SIGNING_H
#define BANYAN_IO_SIGNING_H

#include "config/config.h"
#include "dnssec/keyset.h"
#include "dnssec/sign.h"

#include <stdatomic.h>

#define SIGNING_COUNTERS(COUNTER)                                                                  \
    COUNTER(runs, "times that a zone was signed, wholly or in part")                               \
    COUNTER(made, "signatures made")                                                               \
    COUNTER(kept, "signatures that were still good")                                               \
    COUNTER(failures, "times that a zone could not be signed: its last signatures are served")

struct signing_counters {
#define COUNTER(name, help) _Atomic uint64_t name;
    SIGNING_COUNTERS(COUNTER)
#undef COUNTER
};

/* What a server has for it: the key store, opened when the first zone needs it. Used by all loading
 * threads at once. */
struct signing;
struct signing *signing_new(void) MUST_USE;
void signing_free(struct signing *g);
const struct signing_counters *signing_counters(const struct signing *g);

/* What is known of a zone that is signed here; beside the zone in its entry. */
struct zone_signing {
    bool on;      /* it is to be signed */
    bool failing; /* it could not be, the last time */
    uint32_t source_serial;
    struct rrset theirs[THEIR_SETS]; /* RDATA in theirs_bytes */
    uint8_t *theirs_bytes;
    uint64_t expires;    /* when the first signature does; seconds since 1970; 0: made when asked */
    uint64_t at;         /* when it was signed */
    uint64_t due;        /* when to sign again */
    uint64_t key_change; /* when a key's state changes next; 0: never */
    uint64_t keys;       /* hash over the keys it was signed with */
    uint64_t policy;     /* hash over how it was to be signed */
};
void zone_signing_free(struct zone_signing *s);
/* A copy with memory of its own; without, `on` is false. */
struct zone_signing zone_signing_copy(const struct zone_signing *s);

/* One zone to be signed. */
struct signing_task {
    const struct config *config;
    const uint8_t *name;
    const char *word;                 /* zones[].dnssec */
    const struct zone *source;        /* unsigned, as loaded; NULL: sign `before` again */
    const struct zone *before;        /* served until now, or NULL */
    const struct zone_signing *state; /* of `before`; on is false if it was not signed here */
};

/* True if a zone's entry says anything but off. */
bool signing_wants(const char *word);
/* Signs. *ret is a new reference: of the signed zone, or of `before` when nothing had to be
 * changed. When it fails, *ret is the last good version (`before`, or the copy kept on disk) or
 * NULL, and state->due the moment to try again. Complaints go to say and to the log. */
enum status signing_run(struct signing *g, const struct signing_task *t,
                        struct zone_signing *ret_state, struct zone **ret,
                        struct text *say) MUST_USE;
/* True if a zone should be signed again now: signatures run out, or (looked after only with `look`)
 * somebody has changed its keys. */
bool signing_due(struct signing *g, const uint8_t *name, const struct zone_signing *s, uint64_t now,
                 bool look);
/* True if the configuration now says something else of how to sign it. */
bool signing_other_policy(const struct config *c, const char *word, const struct zone_signing *s);
/* Another number when anything in the key store has changed. */
uint64_t signing_revision(const struct signing *g);

/* --- signed_copy.c: the signed zone on disk --- */

/* Writes it whole into the state folder; its SHA-256 goes to digest. */
enum status signed_copy_write(const char *state_dir, const struct zone *z, uint8_t digest[32],
                              struct diag *d) MUST_USE;
/* Removes what was being written when a server was killed. Nobody may be writing. */
void signed_copy_sweep(const char *state_dir);
/* Its path; false if there is none. ret has room for 4096 bytes. */
bool signed_copy_path(const char *state_dir, const uint8_t *name, char *ret);
/* Reads it back; ST_ENOTFOUND if there is none, ST_EFORMAT if it is not the one with that digest.
 */
enum status signed_copy_read(const char *state_dir, const uint8_t *name, const uint8_t digest[32],
                             struct zone **ret) MUST_USE;

#endif
