/* What NSEC and NSEC3 records of one answer prove (RFC 4035 section 5.4, RFC 5155 section 8, RFC
 * 6840 section 4, RFC 9077, RFC 9824). Pure; each NSEC3 hash is taken from the budget of the query
 * (CVE-2023-50868). */
#ifndef BANYAN_DNSSEC_PROOF_H
#define BANYAN_DNSSEC_PROOF_H

#include "core/budget.h"
#include "dns/rrset.h"
#include "dnssec/nsec3.h"

enum proof {
    PROOF_HOLDS,
    PROOF_OPT_OUT, /* nothing is said of unsigned delegations there: insecure (RFC 5155 s. 12.2) */
    PROOF_ITERATIONS, /* NSEC3 with more iterations than are taken: insecure (RFC 9276 section 3.2),
                       * and they do match or cover what they are used for */
    PROOF_FAILS,
    PROOF_LIMIT /* too much work */
};

/* The denial records of an answer: each an RRset of one record whose signature by `zone` is good
 * and was not made from a wildcard. Others are passed by. */
struct proofs {
    const uint8_t *zone;
    const struct rrset *set; /* NSEC and NSEC3 */
    unsigned n;
    struct nsec3_hasher *hasher;
    struct budget *budget;
};

/* The name does not exist, and no wildcard stands for it. */
enum proof proof_no_name(const struct proofs *p, const uint8_t *name);
/* The name exists, or a wildcard for it, or it is an empty non-terminal; but it has no such type
 * and is no alias. For DS the parent's side is asked (RFC 4035 section 5.2). */
enum proof proof_no_type(const struct proofs *p, const uint8_t *name, uint16_t type);
/* The name's own NSEC says that it does not exist: then a reply that there is nothing of the type
 * is right, too, and what compact denial answers (RFC 9824 section 3.1). */
bool proof_nxname(const struct proofs *p, const uint8_t *name);
/* The name does not exist itself, so that an answer from the wildcard whose name without the "*"
 * has `labels` labels is right (RFC 4035 section 5.3.4). */
enum proof proof_expansion(const struct proofs *p, const uint8_t *name, unsigned labels);
/* The name is a delegation without DS: what is below it is not signed, or not from here. */
enum proof proof_unsigned(const struct proofs *p, const uint8_t *name);

#endif
