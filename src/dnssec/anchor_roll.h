/* Automated updates of trust anchors (RFC 5011): what becomes of the keys of one trust point as its
 * DNSKEY set is seen again and again. Pure: somebody else asks, keeps the state file and the time.
 *
 * Time. A new key must be seen in every set for 30 days. They are added up from one accepted set to
 * the next, and a step counts the smallest of three: what the wall clock says, what the clock since
 * boot says, if both sets were seen by one run of the program, and 15 days, the longest that RFC
 * 5011 section 2.3 lets pass between two. So a wall clock that is set ahead while the program runs
 * wins nothing. Between two runs only the wall clock is there: set ahead, each restart can win up
 * to 15 days, and only if the zone's signatures are valid at that false time too. A clock that is
 * behind makes the wait longer, never shorter.
 *
 * Replay. A set whose newest signature by a trusted key began before that of the set that counted
 * last is passed over: recorded before a key was added or removed, it could else take a new key's
 * time away or make a key come back. Revocations count always (section 2.1).
 *
 * Not in the RFC: of keys that were taken out without being revoked (MISSING), which section 2.2
 * keeps for ever, the one missing longest (30 days at least) is dropped when LIMIT_DS_TRIED keys
 * are trusted and another one's time is over. */
#ifndef BANYAN_DNSSEC_ANCHOR_ROLL_H
#define BANYAN_DNSSEC_ANCHOR_ROLL_H

#include "core/env.h"
#include "dnssec/anchor.h"
#include "dnssec/anchor_roll.def"
#include "dnssec/dnskey.h"

/* RFC 5011 section 4.2; the numbers are those of other resolvers' files. A key in START is not
 * remembered. Trusted are VALID and MISSING. */
enum roll_state {
    ROLL_START,
    ROLL_ADDPEND,
    ROLL_VALID,
    ROLL_MISSING,
    ROLL_REVOKED,
    ROLL_REMOVED,
    ROLL_STATES
};

enum {
    ROLL_HOLD_S = 30 * 86400,    /* RFC 5011 sections 2.4.1, 2.4.2 */
    ROLL_GAP_MAX_S = 15 * 86400, /* section 2.3 */
    ROLL_RETRY_MIN_S = 3600,
    ROLL_RETRY_MAX_S = 86400,
    ROLL_TEXT_MAX = 1 << 16 /* of a state file */
};

struct roll_key {
    enum roll_state state;
    bool is_ds;   /* configured by its DS and not yet seen: rdata is that of the DS */
    uint16_t tag; /* without the REVOKE flag; a revoked key is published under another */
    uint8_t algorithm;
    uint16_t n;
    uint8_t rdata[DNSKEY_RDATA_MAX]; /* without the REVOKE flag */
    uint64_t since_s;                /* in this state, wall clock */
    uint64_t seen_s;                 /* last in an accepted set; 0: never */
    uint32_t held_s; /* ADDPEND: seconds in every set; REVOKED: seconds gone from it */
    uint32_t hold_s; /* ADDPEND: seconds that are needed */
    uint32_t by;     /* ADDPEND: bit i: key[i] signed the set in which it first stood */
};

/* One trust point. */
struct anchor_roll {
    struct name zone; /* lower case */
    unsigned n;
    struct roll_key key[LIMIT_ROLL_KEYS];
    uint64_t checked_s; /* the last accepted set, wall clock; 0: none yet */
    uint64_t newest_s;  /* begin of its newest signature by a trusted key */
    uint64_t next_s;    /* when to ask next, wall clock; 0: now */
    uint32_t retry_s;
    /* Clock since boot: of no use to another run of the program, so not in the state file. */
    bool same_run;                /* the last accepted set was seen by this run */
    uint64_t mono_s, next_mono_s; /* then; when to ask next, 0: not known */
};

enum roll_outcome {
#define ROLL_OUTCOME(name, word, text, act) ROLL_##name,
    ROLL_OUTCOMES
#undef ROLL_OUTCOME
};
const char *roll_outcome_word(enum roll_outcome o);
/* Words that go on from "the key set is ...". */
const char *roll_outcome_text(enum roll_outcome o);
/* What the operator should do; "" if nothing. */
const char *roll_outcome_act(enum roll_outcome o);

enum roll_event {
#define ROLL_EVENT(name, word, text) ROLL_EVENT_##name,
    ROLL_EVENTS
#undef ROLL_EVENT
};

struct roll_change {
    uint16_t tag;
    uint8_t algorithm;
    enum roll_state from, to;
    enum roll_event event;
};

enum { ROLL_CHANGES = 4 * LIMIT_ROLL_KEYS };

/* What an observation came to. */
struct roll_report {
    enum roll_outcome outcome;
    bool full;  /* a new key could not be followed, or not be trusted: there are too many */
    bool alarm; /* the trust point is, or will be, lost unless somebody acts: tell the operator */
    bool save;  /* the state is another: write it before it is used */
    unsigned n;
    struct roll_change change[ROLL_CHANGES];
    uint32_t ask_after_s; /* RFC 5011 section 2.3 */
};

/* "key 38696 (RSASHA256) of . is trusted from now on: ..." for a log line. */
void roll_change_text(const uint8_t *zone, const struct roll_change *c, struct text *out);
const char *roll_state_name(enum roll_state s);

/* A trust point without keys. */
void anchor_roll_init(struct anchor_roll *r, const uint8_t *zone);
/* Makes the configured DS (of this zone; those that cannot be used here are passed over) trusted
 * keys, in addition to what there is. A key that waits is trusted at once; one that was revoked
 * stays revoked. ST_ELIMIT. */
enum status anchor_roll_configure(struct anchor_roll *r, const struct rrset *ds, struct now now,
                                  struct roll_report *ret) MUST_USE;
/* The zone's DNSKEY set was fetched, with its RRSIGs (of any type covered): checks it and moves the
 * keys through RFC 5011's states. ST_ENOMEM: nothing happened. */
enum status anchor_roll_see(struct anchor_roll *r, const struct rrset *dnskey,
                            const struct rrset *sigs, struct now now,
                            struct roll_report *ret) MUST_USE;
/* It could not be fetched: when to try again, in seconds. */
uint32_t anchor_roll_failed(struct anchor_roll *r, struct now now);
/* Seconds until the set should be fetched (0: now), also after the clock was set. */
uint32_t anchor_roll_due_s(const struct anchor_roll *r, struct now now);
/* Adds the DS of the trusted keys. ST_ENOTFOUND: there is none; RFC 5011 section 5 has the trust
 * point deleted then, which would make the zone pass as unsigned: the caller must not do so without
 * the operator knowing. ST_ELIMIT, ST_ENOMEM. */
enum status anchor_roll_ds(const struct anchor_roll *r, struct anchors *a) MUST_USE;

/* --- anchor_roll_text.c --- */

/* Appends the state file, at most ROLL_TEXT_MAX bytes. As a file of trust anchors it can be read
 * too (anchors_add_file): by its comments only the trusted keys count. ST_ENOMEM. */
enum status anchor_roll_text(const struct anchor_roll *r, struct text *out) MUST_USE;
/* Initialises *r from a state file; there is one way only to write a state, any other is refused.
 * On failure *r is without keys and *d (may be NULL) tells file, line, column and what. ST_ESYNTAX,
 * ST_EUNSUPPORTED (written by a newer version), ST_ENOMEM. */
enum status anchor_roll_parse(struct anchor_roll *r, const char *file, struct bytes text,
                              struct diag *d) MUST_USE;

#endif
