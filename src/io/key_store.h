/* Where the keys of zones are kept: an LMDB environment in the folder `keys` of the state folder.
 *
 * `banyan keys` and a running server use it at the same time; every change is one durable
 * transaction, so that a crash or a full disk leaves the state before it. Docs: decision 010.
 *
 * A process opens a store once and keeps it; all its threads may use it at the same time. A forked
 * child must not use the parent's. */
#ifndef BANYAN_IO_KEY_STORE_H
#define BANYAN_IO_KEY_STORE_H

#include "base/diag.h"
#include "dnssec/keyset.h"

struct key_store;

enum { STATE_DIR_MAX = 1024 };

/* The state folder: `configured` (the option dnssec.state-dir; NULL or "": not set), else
 * $BANYAN_STATE, else /var/lib/banyan if this process can write to it or make it, else
 * $XDG_STATE_HOME/banyan or ~/.local/state/banyan. Nothing is made. ST_ELIMIT: too long. */
enum status key_store_dir(const char *configured, char ret[STATE_DIR_MAX], struct diag *d) MUST_USE;

/* Opens the store in a state folder, which is made if it is not there (not with read_only:
 * ST_ENOTFOUND). The file's structure is checked before LMDB maps it, and unless read_only all that
 * is kept in it, so that a zone whose record was damaged is not taken for a new one.
 * ST_EFORMAT: damaged; ST_EREFUSED: others may read or write it, or no permission; ST_EEXIST: this
 * process has it open; ST_EIO. *d says what, and which command mends it. */
enum status key_store_open(const char *state_dir, bool read_only, struct key_store **ret,
                           struct diag *d) MUST_USE;
/* NULL is fine. */
void key_store_close(struct key_store *ks);
/* The folder, for messages. */
const char *key_store_path(const struct key_store *ks);
/* Counts up with every change by anyone: who remembers it knows whether to look again. */
uint64_t key_store_revision(const struct key_store *ks);

/* The functions below: ST_ENOTFOUND without *d filled; ST_EFORMAT (what is kept of this zone is
 * damaged), ST_EIO (no space left, device failure), ST_ELIMIT (the store is full), ST_EREFUSED (no
 * permission), ST_ENOMEM with *d filled. */

/* Initialises *ret, which the caller frees, unless it fails. */
enum status key_store_get(struct key_store *ks, const uint8_t *zone, struct keyset *ret,
                          struct diag *d) MUST_USE;
enum status key_store_put(struct key_store *ks, const struct keyset *s, struct diag *d) MUST_USE;
/* Reads a zone's keys (an empty set if there are none), lets fn change them and writes them, with
 * all other writers of all processes shut out. Nothing is written when fn fails (its status is
 * returned) or changes nothing; an empty set is forgotten. fn must not use the store. */
enum status key_store_update(struct key_store *ks, const uint8_t *zone,
                             enum status (*fn)(void *ctx, struct keyset *s, struct diag *d),
                             void *ctx, struct diag *d) MUST_USE;
/* Forgets the keys and the state of a zone. */
enum status key_store_delete(struct key_store *ks, const uint8_t *zone, struct diag *d) MUST_USE;
/* Calls fn for every zone that has keys, until it returns false. fn may read the store. */
enum status key_store_list(struct key_store *ks, bool (*fn)(void *ctx, const uint8_t *zone),
                           void *ctx, struct diag *d) MUST_USE;

/* What was signed last. */
struct key_store_state {
    uint32_t source_serial; /* of the unsigned zone */
    uint32_t signed_serial; /* of the signed one that was published */
    uint64_t at;            /* when; seconds since 1970 */
    uint8_t digest[32];     /* SHA-256 of the signed zone, as it was written to disk */
    /* How long caches hold things, for the plans of rolls; dnskey_ttl_s 0: none of them is known */
    uint32_t dnskey_ttl_s, propagation_s, ds_ttl_s, zone_ttl_s;
};
enum status key_store_state_get(struct key_store *ks, const uint8_t *zone,
                                struct key_store_state *ret, struct diag *d) MUST_USE;
enum status key_store_state_put(struct key_store *ks, const uint8_t *zone,
                                const struct key_store_state *v, struct diag *d) MUST_USE;

/* key_store_check.c: checks the structure of an LMDB data file: every page and node that LMDB will
 * follow lies inside the file and is what it is taken for. LMDB itself trusts its file and would be
 * killed by a damaged one. False with the reason in *ret_what. *ret_txn is the number of the last
 * transaction: a file that changed meanwhile is worth another look. */
bool key_store_check(int fd, uint64_t *ret_txn, const char **ret_what);

#endif
