/* Verifies a whole signed zone as strictly as its publisher could wish: whatever any validator
 * might ask about it must have a correct, valid signature, and whatever it might ask in vain a
 * correct proof (RFC 4035 section 2, RFC 5155 section 7.1, RFC 6840, RFC 9077, RFC 9276, RFC 8976).
 */
#ifndef BANYAN_DNSSEC_VERIFY_H
#define BANYAN_DNSSEC_VERIFY_H

#include "dnssec/sign.h"
#include "zone/builder.h"
#include "zone/zonemd.h"

struct zone_verify_options {
    uint64_t now; /* seconds since 1970: signatures must be valid then */
    /* Trust anchors: records of type DS and DNSKEY, of which one must lead to the zone's keys; NULL
     * or empty for both: the DNSKEY set is taken if it signs itself. */
    const struct rrset *ds, *dnskey;
    const struct sign_jobs *jobs; /* NULL: all in the calling thread */
    /* NULL, or called now and then by the calling thread while there are names to go. */
    void (*progress)(void *ctx, uint64_t done, uint64_t all);
    void *progress_ctx;
};

enum verify_denial {
    VERIFY_DENIAL_NONE,
    VERIFY_DENIAL_NSEC,
    VERIFY_DENIAL_NSEC3,
    VERIFY_DENIAL_OPT_OUT, /* NSEC3 of which at least one opts out */
    VERIFY_DENIAL_BOTH     /* NSEC and NSEC3, as in a change from one to the other */
};

struct zone_verify_result {
    uint64_t errors, warnings; /* the zone is good if there is no error */
    uint64_t untold;           /* findings beyond LIMIT_FINDINGS */
    uint64_t rrsets;           /* that must be signed */
    uint64_t signatures;       /* that are good */
    uint64_t unknown;          /* that are of an algorithm which cannot be verified here */
    uint64_t denials;          /* NSEC and NSEC3 records */
    uint64_t expires;          /* when the first good signature expires; 0: there is none */
    unsigned keys;             /* in the DNSKEY set */
    enum verify_denial denial;
    enum zonemd_result zonemd;
};

/* Verifies z. Findings go to fn by the calling thread when all is done, in canonical order of their
 * names; their codes are those of verify.def. ST_ENOMEM: no verdict. */
enum status zone_verify(const struct zone *z, const struct zone_verify_options *opt,
                        zone_finding_fn *fn, void *ctx, struct zone_verify_result *ret) MUST_USE;

#endif
