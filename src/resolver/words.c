/* Verdicts in plain words: what is wrong with whose signature, and since when. */
#include "resolver/machine.h"

#include "base/when.h"
#include "crypto/key.h"

/* Times in signatures are 32 bits, near now (RFC 4034 section 3.1.5). */
static uint64_t full_time(uint32_t time, struct now now)
{
    return now.wall_s + (uint64_t)(int64_t)(int32_t)(time - (uint32_t)now.wall_s);
}

static void key_words(uint16_t tag, uint8_t algorithm, struct text *t)
{
    text_fmt(t, "key %u", tag);
    if (algorithm != 0) {
        const char *name = sec_algorithm_name(algorithm);
        if (name != NULL)
            text_fmt(t, " (%s)", name);
        else
            text_fmt(t, " (algorithm %u)", algorithm);
    }
}

void signature_words(const struct trust_result *by, struct now now, struct text *t)
{
    key_words(by->tag, by->algorithm, t);
    if (by->expiration == 0 && by->inception == 0)
        return;
    int32_t left = (int32_t)(by->expiration - (uint32_t)now.wall_s);
    text_str(t, ", signature valid for ");
    when_length(left > 0 ? (uint64_t)left : 0, t);
    text_str(t, " more");
}

static void time_words(uint32_t time, struct now now, struct text *t)
{
    when_text(full_time(time, now), t);
}

static void set_words(const struct verdict *v, struct text *t)
{
    name_text(v->owner.w, t);
    text_char(t, ' ');
    rr_type_text(v->type, t);
}

static void time_is_wrong(const struct verdict *v, const uint8_t *zone, struct now now,
                          struct text *t)
{
    bool early = v->reason == TRUST_NOT_YET;
    uint32_t wall = (uint32_t)now.wall_s;
    text_str(t, "the signature of ");
    set_words(v, t);
    text_str(t, " by ");
    key_words(v->by.tag, v->by.algorithm, t);
    text_str(t, early ? " becomes valid only in " : " expired ");
    when_length(early ? v->by.inception - wall : wall - v->by.expiration, t);
    text_str(t, early ? ", on " : " ago, on ");
    time_words(early ? v->by.inception : v->by.expiration, now, t);
    if (zone == NULL || !name_is_root(zone))
        return;
    /* The root is signed well: then it is not the root that is wrong. */
    text_str(t, "; the clock of this machine says ");
    time_words(wall, now, t);
    text_str(t, ": that is probably wrong");
}

void verdict_words(const struct verdict *v, const uint8_t *zone, struct now now, struct text *t)
{
    switch (v->reason) {
    case TRUST_EXPIRED:
    case TRUST_NOT_YET:
        time_is_wrong(v, zone, now, t);
        return;
    case TRUST_BAD_SIGNATURE:
    case TRUST_NEVER:
    case TRUST_LABELS:
    case TRUST_NO_KEY:
    case TRUST_WRONG_SIGNER:
    case TRUST_NO_SIGNATURE:
    case TRUST_NO_ZONE_KEY:
    case TRUST_PROTOCOL:
    case TRUST_REVOKED:
        text_str(t, "the signature of ");
        set_words(v, t);
        if (v->by.tag != 0) {
            text_str(t, " by ");
            key_words(v->by.tag, v->by.algorithm, t);
        }
        text_fmt(t, " %s", trust_reason_text(v->reason));
        if (v->reason == TRUST_NO_SIGNATURE && zone != NULL) {
            text_str(t, ", though ");
            name_text(zone, t);
            text_str(t, " is signed");
        }
        return;
    case TRUST_NO_PROOF:
        name_text(zone != NULL ? zone : v->owner.w, t);
        text_str(t, " does not prove that there is no ");
        set_words(v, t);
        return;
    default:
        text_str(t, "the zone ");
        name_text(zone != NULL ? zone : v->owner.w, t);
        text_fmt(t, " %s", trust_reason_text(v->reason));
        if (v->reason == TRUST_NO_REPLY) {
            text_str(t, " for ");
            set_words(v, t);
        }
        if (v->by.tag != 0) {
            text_str(t, " (");
            key_words(v->by.tag, v->by.algorithm, t);
            text_char(t, ')');
        }
        return;
    }
}
