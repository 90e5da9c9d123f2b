/* Keeps trust anchors up to date (RFC 5011): the trust points of a server, each with its state
 * file.
 *
 * The order of what happens makes any moment safe to be killed at: a state is on the disk before
 * the anchors that come of it are used. A state that cannot be written is used all the same (a
 * revoked key must not be trusted on because a disk is full), with an alarm: a restart would not
 * know it.
 *
 * Who is asked and when anchors take effect is anchor_watch.c's. All functions may be called from
 * every thread; those that change something wait for one another, also while a file is written. */
#ifndef BANYAN_IO_ANCHOR_KEEPER_H
#define BANYAN_IO_ANCHOR_KEEPER_H

#include "io/anchors.h"

#define ANCHOR_COUNTERS(COUNTER)                                                                   \
    COUNTER(checks, "times that a zone's keys were asked for")                                     \
    COUNTER(seen, "key sets that were signed by a trusted key, and counted")                       \
    COUNTER(passed, "key sets that did not count")                                                 \
    COUNTER(unreached, "times that no key set could be had")                                       \
    COUNTER(changes, "keys that changed their state")                                              \
    COUNTER(writes, "state files written")                                                         \
    COUNTER(write_failures, "state files that could not be written")

struct anchor_counters {
#define COUNTER(name, help) uint64_t name;
    ANCHOR_COUNTERS(COUNTER)
#undef COUNTER
};

/* ANCHOR_ALARM(NAME, word, what is wrong, what to do) */
#define ANCHOR_ALARMS                                                                              \
    ANCHOR_ALARM(LOST, "lost",                                                                     \
                 "every key was revoked by the zone's owner: nothing below is validated by it "    \
                 "(RFC 5011 section 5)",                                                           \
                 "get the zone's present trust anchor from where it is published, and put it "     \
                 "into resolver.trust-anchors")                                                    \
    ANCHOR_ALARM(STRANGERS, "strangers", "the zone has none of the keys that are trusted",         \
                 "get the zone's present trust anchor from where it is published, and put it "     \
                 "into resolver.trust-anchors")                                                    \
    ANCHOR_ALARM(FULL, "full", "there are more keys than can be followed",                         \
                 "look through the keys of the state file; removed, it begins anew")               \
    ANCHOR_ALARM(REFUSED, "refused",                                                               \
                 "the state file could not be used: the configured anchors are, whatever was "     \
                 "learned since",                                                                  \
                 "see that the configured anchors are the present ones, then `banyan ctl reload`") \
    ANCHOR_ALARM(UNWRITTEN, "unwritten",                                                           \
                 "the state file cannot be written: a restart forgets what was learned",           \
                 "look at the folder's rights and at the disk, then `banyan ctl reload`")          \
    ANCHOR_ALARM(OVERDUE, "overdue", "the zone's keys were not seen for more than 15 days",        \
                 "see why they cannot be had: a change of keys would be missed")

enum anchor_alarm {
#define ANCHOR_ALARM(name, word, text, act) ANCHOR_##name,
    ANCHOR_ALARMS
#undef ANCHOR_ALARM
        ANCHOR_ALARM_COUNT
};

struct anchor_keeper;

/* dir: the folder of the state files. What is wrong with it goes to the log and to say; the keeper
 * works without it, with an alarm. NULL: no memory. */
struct anchor_keeper *anchor_keeper_new(const char *dir, struct text *say) MUST_USE;
void anchor_keeper_free(struct anchor_keeper *k);

/* The anchors to use: those of the trust points that are configured, each with what is known of it,
 * from its file if it is new here. configured NULL: as they are. *ret is to be freed; *ret_version
 * is another number when the anchors are others. ST_ENOMEM. */
enum status anchor_keeper_take(struct anchor_keeper *k, const struct anchors *configured,
                               struct text *say, struct anchors **ret,
                               uint64_t *ret_version) MUST_USE;
uint64_t anchor_keeper_version(const struct anchor_keeper *k);

/* The trust point that is to be looked at next, and in how many seconds (0: now). False if there is
 * none. */
bool anchor_keeper_due(struct anchor_keeper *k, struct now now, struct name *ret_zone,
                       uint32_t *ret_s);
/* The zone's key set was had. */
void anchor_keeper_see(struct anchor_keeper *k, const uint8_t *zone, const struct rrset *dnskey,
                       const struct rrset *sigs, struct now now);
/* It was not; why: words. */
void anchor_keeper_failed(struct anchor_keeper *k, const uint8_t *zone, const char *why,
                          struct now now);

/* --- For people and for scripts --- */

struct anchor_summary {
    struct anchor_counters count;
    uint64_t points, trusted, waiting; /* trust points; keys */
    uint64_t alarms;                   /* trust points that need somebody now */
    uint64_t next_s;                   /* seconds until the next check */
};

void anchor_keeper_summary(struct anchor_keeper *k, struct now now, struct anchor_summary *ret);
/* All trust points with their keys. */
void anchor_keeper_text(struct anchor_keeper *k, struct now now, struct text *out);
void anchor_keeper_json(struct anchor_keeper *k, struct now now, struct json *j);

#endif
