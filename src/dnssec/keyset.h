/* The keys of a zone over their life (RFC 6781, RFC 7583): what is known about each, and which are
 * published and sign at a given moment. Pure data: where it is kept is the business of io/. */
#ifndef BANYAN_DNSSEC_KEYSET_H
#define BANYAN_DNSSEC_KEYSET_H

#include "base/arena.h"
#include "base/diag.h"
#include "dnssec/dnskey.h"
#include "dnssec/policy.h"
#include "dnssec/sign.h"

/* What a key signs: the DNSKEY, CDS and CDNSKEY sets (KSK), the other data (ZSK), both (CSK). */
enum key_role { KEY_CSK, KEY_KSK, KEY_ZSK };
enum { KEY_ROLES = 3 };

/* Moments in a key's life, seconds since 1970; 0: not yet known. A moment in the future is a plan.
 * What a key does at a time follows from them alone (`from <= now < until`):
 *   in the DNSKEY set:      PUBLISH until REMOVE
 *   signs the zone:         ACTIVE until RETIRE (ZSK, CSK)
 *   signs the DNSKEY set:   while in it; a KSK from ACTIVE on
 *   in CDS and CDNSKEY:     SYNC until UNSYNC or RETIRE, while in the DNSKEY set
 * When the algorithm changes, ACTIVE comes before PUBLISH and RETIRE after REMOVE: a validator that
 * knows of an algorithm's key must find its signatures everywhere (RFC 6781 section 4.1.4). */
enum key_moment {
#define MOMENT(NAME, word, help) KEY_##NAME,
#include "dnssec/key_moments.def"
#undef MOMENT
    KEY_MOMENTS
};

/* What a key is at a moment (RFC 7583 section 3.1). */
enum key_state {
    KEY_STATE_GENERATED, /* nothing of it is in the zone */
    KEY_STATE_PUBLISHED, /* its DNSKEY or its signatures are being made known */
    KEY_STATE_READY,     /* waits for its DS to be seen at the parent; it may sign already */
    KEY_STATE_ACTIVE,
    KEY_STATE_RETIRED, /* still in the zone for those who remember its signatures or its DS */
    KEY_STATE_REMOVED
};

struct zone_key {
    enum key_role role;
    uint16_t flags; /* of the DNSKEY: 256 or 257 */
    uint8_t algorithm;
    uint16_t tag, bits;
    struct bytes dnskey; /* RDATA; owned by the keyset's arena */
    struct bytes secret; /* text of the private-key file; n 0: the private half is elsewhere */
    uint64_t at[KEY_MOMENTS];
};

enum {
    KEYSET_KEYS = 32,
    KEYSET_TEXT_MAX = 1 << 19,    /* of the text form */
    KEYSET_SECRET_MAX = 8192,     /* text of one private key */
    KEYSET_KEY_FILE_MAX = 1 << 16 /* of a key file to be imported */
};

struct keyset {
    struct name zone; /* lower case */
    struct zone_key key[KEYSET_KEYS];
    unsigned n;
    struct arena arena;
};

/* Empty set of a zone. */
void keyset_init(struct keyset *s, const uint8_t *zone);
/* Overwrites the private halves. */
void keyset_free(struct keyset *s);
/* The key with a tag (no two keys of a set have the same), or NULL. */
struct zone_key *keyset_find(struct keyset *s, uint16_t tag);

/* --- keyset_text.c --- */

/* Appends the text form: lines, the last of which is a SHA-256 over those before, so that damage is
 * noticed. Contains private keys. ST_ENOMEM. */
enum status keyset_text(const struct keyset *s, struct text *out) MUST_USE;
/* Initialises *s, also on failure. ST_EFORMAT with *d filled (what and where) for anything damaged:
 * nothing is taken from it. ST_EUNSUPPORTED: written by a newer version. ST_ENOMEM. */
enum status keyset_parse(struct keyset *s, struct bytes text, struct diag *d) MUST_USE;

/* --- keyset.c --- */

/* Makes the first keys a policy wants, active at once, if the zone has no key that signs or is
 * planned to. Keys without plan that were made before are taken first. Returns whether something
 * was made or taken in *ret_made. ST_EUNSUPPORTED, ST_ERANGE, ST_ELIMIT, ST_ENOMEM. */
enum status keyset_begin(struct keyset *s, const struct sign_policy *p, uint64_t now,
                         bool *ret_made) MUST_USE;
/* Adds a new key whose moments are all unknown but the creation; no other key of the set has its
 * tag. When the set is full the key that was removed first makes room. ST_EUNSUPPORTED (algorithm),
 * ST_ERANGE (bits), ST_ELIMIT, ST_ENOMEM. */
enum status keyset_generate(struct keyset *s, enum key_role role, uint8_t algorithm, unsigned bits,
                            uint64_t now, struct zone_key **ret) MUST_USE;
/* Forgets a key: ST_ENOTFOUND, ST_ESEMANTIC (it is still in use; not with force); *d says what. */
enum status keyset_delete(struct keyset *s, uint16_t tag, uint64_t now, bool force,
                          struct diag *d) MUST_USE;

bool key_in_zone(const struct zone_key *k, uint64_t now);    /* in the DNSKEY set */
bool key_signs_zone(const struct zone_key *k, uint64_t now); /* if its private half is here */
bool key_signs_keys(const struct zone_key *k, uint64_t now); /* likewise */
bool key_wants_ds(const struct zone_key *k, uint64_t now);   /* in CDS and CDNSKEY */
/* For a KSK and CSK: READY between SYNC and DS_SEEN, also when it signs (a first key). */
enum key_state key_state_at(const struct zone_key *k, uint64_t now);
const char *key_state_name(enum key_state st);
const char *key_role_name(enum key_role r);
/* "csk", "ksk", "zsk" in either case. */
bool key_role_parse(struct bytes text, enum key_role *ret);
/* When some key changes next after now; 0: never, or not before the owner says something. */
uint64_t keyset_next_change(const struct keyset *s, uint64_t now);

/* The keys as the signer wants them at `now`: those that are published or sign. ret has room for
 * KEYSET_KEYS; dnskey points into the set; private halves of keys that sign are opened
 * (sign_keys_free). A key whose private half is elsewhere is published and signs nothing. p may be
 * NULL; with CDS_NEVER or CDS_DELETE no key has the cds flag. On failure nothing is to be freed and
 * *d tells of the key that cannot be read. */
enum status keyset_sign_keys(const struct keyset *s, const struct sign_policy *p, uint64_t now,
                             struct sign_key *ret, unsigned *ret_n, struct diag *d) MUST_USE;
void sign_keys_free(struct sign_key *v, unsigned n);

/* --- keyset_roll.c --- */

/* Begins a roll of the role's keys to a new key: writes the plan into the moments of old and new.
 * A key of the wanted role and algorithm without any plan is taken as the new one, else one is
 * made.
 *   ZSK: pre-publication (RFC 6781 section 4.1.1.1, RFC 7583 section 3.2.1).
 *   KSK: double signature; the old key stays until the DS is known to be swapped (RFC 6781 section
 *        4.1.2, RFC 7583 section 3.3.1): keyset_ds_seen.
 *   CSK: both at once; the new key signs the zone after its DNSKEY is known everywhere.
 *   Another algorithm than that of all keys of the role: conservative (RFC 6781 section 4.1.4); KSK
 *        and ZSK go together, and *ret is the new KSK.
 * ST_EEXIST: a roll is under way; ST_ENOTFOUND: no key of this role signs; *d says what. Also what
 * keyset_generate returns. */
enum status keyset_roll(struct keyset *s, enum key_role role, const struct sign_policy *p,
                        uint64_t now, struct zone_key **ret, struct diag *d) MUST_USE;
/* The owner says that the parent publishes the DS of a key and no longer those of the keys it
 * replaces: the roll goes on. ST_ENOTFOUND; ST_ESEMANTIC with *d: a ZSK has no DS, or the key is
 * not yet known everywhere. Saying it again changes nothing. */
enum status keyset_ds_seen(struct keyset *s, uint16_t tag, const struct sign_policy *p,
                           uint64_t now, struct diag *d) MUST_USE;
/* Plans a key's end: from now on it signs no zone data (unless it is the last of its algorithm,
 * whose signatures must outlive its DNSKEY), and leaves the zone when caches have forgotten its
 * signatures and its DS. With the last KSK of an algorithm go the ZSKs of it. Refused
 * (ST_ESEMANTIC, *d) when the zone could not be validated afterwards; not with force. ST_ENOTFOUND.
 */
enum status keyset_retire(struct keyset *s, uint16_t tag, const struct sign_policy *p, uint64_t now,
                          bool force, struct diag *d) MUST_USE;

/* A plan holds only if somebody carried it out: when the zone was signed last at `last` and moments
 * have passed since by more than tolerance_s, that change and all after it are put off, so that the
 * waiting begins now. To be called before signing with the time of the signing before (0: none,
 * does nothing). True if something was put off: the set is to be kept. */
bool keyset_put_off(struct keyset *s, uint64_t last, uint64_t now, uint32_t tolerance_s);

/* --- keyset_import.c --- */

/* Adds a key made elsewhere: DNSKEY RDATA, private-key file text (n 0: public half only, RFC 8901:
 * published from now on, signs nothing). The text's timing fields (BIND: Created, Publish,
 * Activate, Inactive, Delete, SyncPublish, SyncDelete, DSPublish) are taken over; without Publish
 * and Activate the key is in use from now on, as BIND takes it. A key with the SEP flag becomes a
 * KSK if the set has a ZSK of its algorithm, else a CSK; one without a ZSK: change (*ret)->role if
 * you know better. ST_EEXIST, ST_EFORMAT (the halves do not belong together), ST_EUNSUPPORTED,
 * ST_ELIMIT, ST_ENOMEM; *d says what. */
enum status keyset_import(struct keyset *s, struct bytes dnskey, struct bytes secret, uint64_t now,
                          struct zone_key **ret, struct diag *d) MUST_USE;
/* Appends the text of the .key and the .private file as BIND's tools write them, with timing. */
void key_public_file(const struct keyset *s, const struct zone_key *k, uint32_t ttl,
                     struct text *out);
void key_private_file(const struct zone_key *k, struct text *out);
/* "Kexample.org.+013+12345" */
void key_file_stem(const struct keyset *s, const struct zone_key *k, struct text *out);

#endif
