/* What the keys of a zone vouch for: from a DS to the zone's keys, from keys to RRsets (RFC 4035
 * section 5, RFC 6840). Pure: no lookups, no clock; every signature checked is taken from the
 * budget of the query (KeyTrap, CVE-2023-50387), dear ones several times. */
#ifndef BANYAN_DNSSEC_TRUST_H
#define BANYAN_DNSSEC_TRUST_H

#include "base/hash.h"
#include "core/budget.h"
#include "dnssec/rrsig.h"

enum trust {
    TRUST_SECURE,
    TRUST_INSECURE, /* nobody here can check it, as the parent says itself (RFC 4035 section 5.2) */
    TRUST_BOGUS,
    TRUST_LIMIT /* the budget of the question ran out: no verdict. A set that wants too much by
                 * itself is bogus, for TRUST_TOO_MUCH. */
};

/* Why: the worst that can be said for sure. */
enum trust_reason {
#define TRUST_REASON(name, word, ede, text, act) TRUST_##name,
#include "core/trust_reasons.def"
#undef TRUST_REASON
    TRUST_REASONS
};
const char *trust_reason_word(enum trust_reason r);
/* Words that go on from "the signature ..." or "the zone ...". */
const char *trust_reason_text(enum trust_reason r);
/* Who must do what about it; {zone} stands for the zone. */
const char *trust_reason_act(enum trust_reason r);
/* The same where a trust anchor takes the place of the DS at the parent. */
enum trust_reason trust_reason_of_anchor(enum trust_reason r);
/* RFC 8914 info code. */
unsigned trust_reason_ede(enum trust_reason r);

struct trust_result {
    enum trust trust;
    enum trust_reason reason; /* TRUST_OK when secure */
    uint16_t tag;             /* of the key or DS that decided */
    uint8_t algorithm;
    bool wildcard;  /* the owner was made from a wildcard: the proof that it does not exist itself
                     * is still owed */
    uint8_t labels; /* of the name that was signed, without the "*" */
    uint32_t inception; /* of the signature that decided */
    uint32_t expiration;
    uint32_t ttl; /* the most that the set may be kept (RFC 4035 section 5.3.3) */
};

/* What a worker has checked lately, good and bad, by a keyed hash; and how much it may check before
 * others have their turn, so that one hostile answer does not keep them waiting. One thread. */
struct sig_memo;
struct sig_memo *sig_memo_new(const struct hash_key *key) MUST_USE;
void sig_memo_free(struct sig_memo *m);
/* Begins a turn of so many units (see BUDGET_SIGNATURES). A check that would be one too many is put
 * off: the verdict is then TRUST_LIMIT, and asking again in a later turn goes on where this
 * stopped, because what was checked is remembered. Without a call there is no limit. */
void sig_memo_turn(struct sig_memo *m, int32_t units);
int32_t sig_memo_left(const struct sig_memo *m);
/* Whether a check was put off since the last call; and the same without forgetting it. m may be
 * NULL.
 */
bool sig_memo_put_off(struct sig_memo *m);
bool sig_memo_waits(const struct sig_memo *m);

/* What may be used, and when it is. */
struct trust_rules {
    uint32_t now;
    uint32_t skew;         /* seconds that clocks may differ, at both ends of a validity period */
    bool rsa_sha1;         /* take algorithms 5 and 7 (RFC 9905: off) */
    struct sig_memo *memo; /* NULL: nothing is remembered, nothing put off */
};

/* Keys that are trusted to sign a zone. One thread at a time. */
struct zone_keys;
void zone_keys_free(struct zone_keys *k);
const uint8_t *zone_keys_name(const struct zone_keys *k);
/* Bytes that they may come to hold, about. */
size_t zone_keys_size(const struct zone_keys *k);

/* Trusts the zone's DNSKEY set if a key that a DS names has signed it; ds: the parent's set or a
 * trust anchor, already trusted. With TRUST_SECURE *ret_keys is to be freed; else it is NULL.
 * TRUST_INSECURE when every DS is of an algorithm or digest that is not supported (RFC 4035
 * section 5.2, RFC 6840 section 5.2). DS of SHA-1 count only if there is no other (RFC 4509 section
 * 3). ST_ENOMEM. */
enum status zone_keys_trust(const struct rrset *dnskey, const struct rrset *sigs,
                            const struct rrset *ds, const struct trust_rules *rules,
                            struct budget *b, struct trust_result *ret,
                            struct zone_keys **ret_keys) MUST_USE;
/* The zone keys of a DNSKEY set that was trusted before (out of a cache). NULL: no memory. */
struct zone_keys *zone_keys_of(const struct rrset *dnskey);
/* Trusts a set if one of sigs (RRSIGs of its owner, of any type covered) is a good signature by one
 * of the keys (RFC 4035 section 5.3). sigs count 0: TRUST_NO_SIGNATURE. ST_ENOMEM. */
enum status rrset_trust(struct zone_keys *keys, const struct rrset *set, const struct rrset *sigs,
                        const struct trust_rules *rules, struct budget *b,
                        struct trust_result *ret) MUST_USE;

#endif
