/* Trust anchors (RFC 4033 section 2): the DS sets that a validator begins with, from files in every
 * form that people have them in. Pure; a machine borrows them until its options are swapped.
 *
 * An anchor that nobody here could check would make its zone pass as unsigned (RFC 4035 section
 * 5.2), so the table holds only DS of algorithms and digests that are known here, and a file that
 * leaves a zone with none of them is refused. */
#ifndef BANYAN_DNSSEC_ANCHOR_H
#define BANYAN_DNSSEC_ANCHOR_H

#include "base/diag.h"
#include "dns/rrset.h"

/* DS sets by zone, at most LIMIT_ANCHORS of them, each of at most LIMIT_DS_TRIED records. */
struct anchors;

/* NULL: no memory. */
struct anchors *anchors_new(void) MUST_USE;
void anchors_free(struct anchors *a);
/* The root's keys as IANA publishes them (KSK-2017, KSK-2024); for when no file is given.
 * ST_ELIMIT, ST_ENOMEM. */
enum status anchors_add_builtin(struct anchors *a) MUST_USE;
/* Adds a DS (its RDATA). Twice the same is once. ST_EFORMAT (malformed, or a digest of the wrong
 * length), ST_EUNSUPPORTED (algorithm or digest), ST_ELIMIT, ST_ENOMEM. */
enum status anchors_add_ds(struct anchors *a, const uint8_t *zone, struct bytes ds) MUST_USE;
/* The same for one that nobody here can check, so that nothing of the zone is believed: whoever
 * gave an anchor wants the zone checked, other than a parent who gives a DS (RFC 4035 section 5.2).
 */
enum status anchors_add_unusable(struct anchors *a, const uint8_t *zone, struct bytes ds) MUST_USE;
/* Whether one of a zone's anchors can be checked here. */
bool anchors_usable(const struct rrset *set);
/* Adds what a file holds, in one of these forms, told apart by how it begins:
 * - lines of DS or DNSKEY records as in a master file (owner, optional TTL and class; comments;
 *   parentheses). Of a DNSKEY the DS with SHA-256 is added; a revoked one is passed over, and so is
 *   one whose comment holds the state of another resolver's autotrust file (";;state=1") unless
 *   that is VALID or MISSING (RFC 5011 section 4);
 * - BIND's statements trust-anchors, managed-keys and trusted-keys;
 * - IANA's root-anchors.xml (RFC 9718): a KeyDigest counts if wall_s lies in its validity.
 * A zone below the root whose anchors are all of algorithms or digests not supported here: one is
 * added (see anchors_usable()), and *d holds a warning.
 * On any failure nothing was added and *d (may be NULL) says why, with file, line, column and a
 * hint; d->file is `file`, borrowed. ST_ESYNTAX, ST_ELIMIT, ST_ENOMEM. */
enum status anchors_add_file(struct anchors *a, const char *file, struct bytes text,
                             uint64_t wall_s, struct diag *d) MUST_USE;
/* The DS set of the deepest anchor at or above a name, or NULL. Borrowed. */
const struct rrset *anchors_find(const struct anchors *a, const uint8_t *name);
/* Each set in turn, in the order in which their zones were first added; NULL at the end. The owner
 * is in lower case, the TTL LIMIT_KEYRING_MAX_S. */
const struct rrset *anchors_at(const struct anchors *a, unsigned i);

#endif
