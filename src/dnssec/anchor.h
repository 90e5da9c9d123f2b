/* Trust anchors (RFC 4033 section 2): the DS sets that a validator begins with, from files in every
 * form that people have them in. Pure; a machine borrows them until its options are swapped. */
#ifndef BANYAN_DNSSEC_ANCHOR_H
#define BANYAN_DNSSEC_ANCHOR_H

#include "base/diag.h"
#include "dns/rrset.h"

/* DS sets by zone, at most LIMIT_ANCHORS of them. */
struct anchors;

/* NULL: no memory. */
struct anchors *anchors_new(void) MUST_USE;
void anchors_free(struct anchors *a);
/* The root's keys as IANA publishes them (KSK-2017, KSK-2024); for when no file is given.
 * ST_ENOMEM.
 */
enum status anchors_add_builtin(struct anchors *a) MUST_USE;
/* Adds a DS; of a DNSKEY that stands in a file the DS with SHA-256 is added. Twice the same is
 * once. ST_ELIMIT, ST_ENOMEM. */
enum status anchors_add_ds(struct anchors *a, const uint8_t *zone, struct bytes ds) MUST_USE;
/* Adds what a file holds: lines of DS or DNSKEY records as in a master file (owner, optional TTL
 * and class; comments; parentheses; autotrust files of other resolvers read as such), or IANA's
 * root-anchors.xml (RFC 9718; a KeyDigest counts if wall_s lies in its validity). ST_ESYNTAX with
 * *d filled (file, line, column, what and a hint); then nothing was added. */
enum status anchors_add_file(struct anchors *a, const char *file, struct bytes text,
                             uint64_t wall_s, struct diag *d) MUST_USE;
/* The DS set of the deepest anchor at or above a name, or NULL. Borrowed. */
const struct rrset *anchors_find(const struct anchors *a, const uint8_t *name);
/* Each set in turn; NULL at the end. */
const struct rrset *anchors_at(const struct anchors *a, unsigned i);

#endif
