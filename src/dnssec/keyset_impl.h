/* The inside of key sets. */
#ifndef BANYAN_DNSSEC_KEYSET_IMPL_H
#define BANYAN_DNSSEC_KEYSET_IMPL_H

#include "dnssec/keyset.h"

/* Room for one more key, zeroed; n is counted up. ST_ELIMIT when all are in use at `now`. */
enum status keyset_room(struct keyset *s, uint64_t now, struct zone_key **ret) MUST_USE;
/* Fills a key from DNSKEY RDATA and the text of its private half, both copied. ST_EFORMAT: no key
 * of a zone; ST_ENOMEM. */
enum status keyset_fill(struct keyset *s, struct zone_key *k, struct bytes dnskey,
                        struct bytes secret) MUST_USE;
/* True if a moment is known and has come. */
static inline bool key_past(const struct zone_key *k, enum key_moment m, uint64_t now)
{
    return k->at[m] != 0 && k->at[m] <= now;
}
/* True if the key has no plan at all. */
bool key_unused(const struct zone_key *k);
/* True if the key signs (anything) or is planned to, and its end is not planned. */
bool key_in_use(const struct zone_key *k, uint64_t now);
/* A key of the role and algorithm without any plan and with its private half; else a new one. */
enum status keyset_fresh(struct keyset *s, enum key_role role, uint8_t algorithm, unsigned bits,
                         uint64_t now, struct zone_key **ret) MUST_USE;

#endif
