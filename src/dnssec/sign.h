/* Signs a whole zone: an unsigned snapshot in, a signed one out (RFC 4035 section 2, RFC 5155
 * section 7.1, RFC 9276, RFC 8976). */
#ifndef BANYAN_DNSSEC_SIGN_H
#define BANYAN_DNSSEC_SIGN_H

#include "base/diag.h"
#include "crypto/key.h"
#include "dnssec/policy.h"
#include "zone/zone.h"

enum { SIGN_KEYS = 32 };

struct sign_key {
    struct sec_key *key; /* NULL: only its public half is known */
    struct bytes dnskey; /* RDATA */
    uint16_t tag;
    uint8_t algorithm;
    bool publish;   /* stands in the DNSKEY RRset; keys may sign without (RFC 6781 section 4.1.4) */
    bool sign_keys; /* signs the DNSKEY, CDS and CDNSKEY RRsets */
    bool sign_zone; /* signs everything else */
    bool cds;       /* CDS and CDNSKEY are published for it */
};

/* Sets of the apex where the owner's own records stand beside ours (RFC 8901). */
enum sign_theirs { THEIR_DNSKEY, THEIR_CDS, THEIR_CDNSKEY, THEIR_SETS };

struct sign_plan {
    const struct sign_key *key;
    unsigned keys;
    struct sign_policy policy; /* algorithm, bits and split are not looked at */
    uint64_t now;              /* seconds since 1970 */
    uint32_t serial;           /* of the signed zone */
    struct bytes salt;         /* of NSEC3: empty (RFC 9276), but for odd tests */
    uint16_t iterations;       /* likewise 0 */
    /* The zone as it was last signed, or NULL: signatures whose RRset is the same and which are
     * good for longer than policy.refresh_s are kept. */
    const struct zone *old;
    /* What the unsigned zone has in those sets (count 0: nothing), when `in` is a zone that was
     * signed here and has ours in them too; NULL: `in` is unsigned. */
    const struct rrset *theirs;
};

/* Runs fn(arg, lane) for every lane in [0, lanes) and returns when all are done. */
struct sign_jobs {
    void *ctx;
    unsigned lanes;
    void (*run)(void *ctx, unsigned lanes, void (*fn)(void *arg, unsigned lane), void *arg);
};

struct sign_stats {
    uint64_t made, kept; /* signatures */
    uint64_t denials;    /* NSEC or NSEC3 records */
    uint64_t due;        /* when the first signature has only policy.refresh_s left; seconds */
    uint64_t expires;    /* when the first one expires */
};

/* Signs. With DENIAL_COMPACT only the sets of the apex are made, and everything is signed when it
 * is asked for (dnssec/online.h). Records of DNSSEC in `in` that a signer makes (RRSIG, NSEC,
 * NSEC3, NSEC3PARAM, and ZONEMD if the policy makes one) are left out; DNSKEY, CDS and CDNSKEY
 * there stay beside ours (RFC 8901). jobs NULL: all in the calling thread. ST_ESEMANTIC with *d
 * filled (no key signs the zone, a key without private half is wanted, an algorithm signs only half
 * of the zone), ST_ENOMEM. */
enum status zone_sign(const struct zone *in, const struct sign_plan *plan,
                      const struct sign_jobs *jobs, struct zone **ret, struct sign_stats *stats,
                      struct diag *d) MUST_USE;

/* The serial the signed zone gets: source is the unsigned zone's, last the one published last (0:
 * none yet), both by serial arithmetic (RFC 1982). Never one that secondaries would not take as
 * newer than `last`, unless the policy is SERIAL_KEEP. */
uint32_t sign_serial_next(const struct sign_policy *p, uint32_t source, uint32_t last,
                          uint64_t now);

#endif
