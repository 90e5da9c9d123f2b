/* Judges whole replies, and walks from a trust anchor down to the keys of a zone (RFC 4035 section
 * 5). Pure: whoever drives it asks the questions and feeds the replies. */
#ifndef BANYAN_DNSSEC_JUDGE_H
#define BANYAN_DNSSEC_JUDGE_H

#include "base/arena.h"
#include "base/hash.h"
#include "dns/msg.h"
#include "dnssec/proof.h"
#include "dnssec/trust.h"

/* --- A reply as sets with their signatures --- */

struct reply_set {
    struct rrset set, sigs; /* sigs: those that cover the set; count 0: none */
    uint8_t section;        /* SECTION_ANSWER or SECTION_AUTHORITY */
    bool judged;            /* reply_judge() looked at it, and its signature is good */
};

struct reply {
    const uint8_t *name; /* of the question */
    uint16_t type, rcode;
    struct reply_set *set;
    unsigned n;
};

/* Collects the sets of answer and authority; all lives in the arena. key: secret, so that nobody
 * can make records that are costly to tell apart. ST_ELIMIT: more than LIMIT_REPLY_SETS; ST_ENOMEM;
 * errors of rdata_from_wire. */
enum status reply_of(const struct msg *m, const struct hash_key *key, struct arena *a,
                     struct reply *ret) MUST_USE;

/* --- What it proves --- */

/* The denial records of a reply that are well signed, for who wants to keep them. */
struct judge_seen {
    const struct reply_set *proof[LIMIT_PROOF_RECORDS];
    unsigned n;
};

/* What a judge needs besides: borrowed. */
struct judge {
    const struct trust_rules *rules;
    struct nsec3_hasher *hasher;
    struct budget *budget;
    struct judge_seen *seen; /* NULL: nobody */
};

struct verdict {
    enum trust trust;
    enum trust_reason reason;
    struct trust_result by; /* the signature, key or DS that decided; zero where none did */
    struct name owner;      /* what it is about */
    uint16_t type;
    const uint8_t *last; /* the name that was judged last, in the reply or in *room; NULL: none */
};

/* Judges the reply of a server of the zone that the keys are of, to its question; not a referral.
 * *ret_next: where an alias leads out of the reply, with the rest to be asked and judged on its
 * own, in the reply or in *room; else NULL. ST_ENOMEM. */
enum status reply_judge(const struct judge *j, struct zone_keys *keys, const struct reply *r,
                        struct verdict *ret, struct name *room, const uint8_t **ret_next) MUST_USE;

/* Whether a reply without DS shows a delegation at the name: then what is below is not signed. */
enum status reply_shows_cut(const struct judge *j, struct zone_keys *keys, const struct reply *r,
                            const uint8_t *name, bool *ret) MUST_USE;

/* --- From an anchor to a zone --- */

struct chain; /* heap */

/* The next question of the walk. */
struct chain_ask {
    const uint8_t *name;
    uint16_t type;       /* DS or DNSKEY */
    const uint8_t *zone; /* whose servers know */
};

/* Begins at `anchor`, a DS set for a zone that `target` lies in. target: the zone (or a name in it)
 * whose keys are wanted. NULL: no memory. */
struct chain *chain_new(const struct rrset *anchor, const uint8_t *target) MUST_USE;
void chain_free(struct chain *c);
/* True with the next question; false at the end. */
bool chain_next(const struct chain *c, struct chain_ask *ret);
/* The reply to it; NULL: nobody could tell. ST_ENOMEM. */
enum status chain_feed(struct chain *c, const struct judge *j, const struct reply *r) MUST_USE;
/* The keys by which the reply to a question for a DS will be judged; NULL at a question for a
 * DNSKEY. Borrowed until the next reply. */
struct zone_keys *chain_keys(const struct chain *c);
/* At the end: TRUST_SECURE with the keys of the deepest zone that encloses the target, which the
 * caller then owns; else why not, and of which zone. */
struct verdict chain_verdict(const struct chain *c);
struct zone_keys *chain_take_keys(struct chain *c);

#endif
