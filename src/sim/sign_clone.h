/* Records that look like others and are none: many keys with one tag, many signatures that fit no
 * data, many DS. What attacks on a validator's CPU are made of (KeyTrap, CVE-2023-50387). */
#ifndef BANYAN_SIM_SIGN_CLONE_H
#define BANYAN_SIM_SIGN_CLONE_H

#include "sim/records.h"

enum { CLONES_MAX = 500, CLONE_RSA_BITS_MAX = 16384, CLONE_RSA_EXPONENT_MAX = 255 };

struct clone_how {
    unsigned count;
    bool expired;          /* RRSIG: ten days ago */
    unsigned rsa_bits;     /* 0: the algorithm of the original; else RSASHA256 with so many bits */
    unsigned rsa_exponent; /* bytes of its public exponent */
};

/* "COUNT", "COUNT expired", "COUNT rsa BITS EXPONENT-BYTES"; false if it is something else. */
bool clone_how_parse(struct bytes text, struct clone_how *ret);
/* Adds the clones of a DNSKEY, DS or RRSIG to the list. Each has the tag of the original; keys can
 * be used and signatures be checked, but none is good. The original comes behind them.
 * ST_EUNSUPPORTED for other types, ST_ENOMEM. */
enum status records_clone(struct records *list, const struct record *original,
                          const struct clone_how *how, uint64_t now_s) MUST_USE;

#endif
