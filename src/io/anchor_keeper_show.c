/* What is told of the trust points that are followed. */
#include "base/limits.h"
#include "base/when.h"
#include "crypto/key.h"
#include "io/anchor_keeper_impl.h"

static const struct {
    const char *word, *text, *act;
} alarms[] = {
#define ANCHOR_ALARM(name, word, text, act) {word, text, act},
    ANCHOR_ALARMS
#undef ANCHOR_ALARM
};

static bool trusted(const struct roll_key *k)
{
    return k->state == ROLL_VALID || k->state == ROLL_MISSING;
}

unsigned anchor_point_alarms(const struct anchor_point *p, struct now now)
{
    bool late = p->roll.checked_s != 0 && p->roll.checked_s + ROLL_GAP_MAX_S < now.wall_s;
    bool failing = p->tried && (p->unreached || p->outcome != ROLL_SEEN);
    return p->alarms | (unsigned)(late && failing) << ANCHOR_OVERDUE;
}

/* Seconds until a key that waits can be trusted, at the earliest. */
static uint64_t left_s(const struct anchor_roll *r, const struct roll_key *k, struct now now)
{
    uint64_t at = r->checked_s + (k->hold_s - k->held_s);
    return at > now.wall_s ? at - now.wall_s : 0;
}

void anchor_keeper_summary(struct anchor_keeper *k, struct now now, struct anchor_summary *ret)
{
    *ret = (struct anchor_summary){.next_s = UINT64_MAX};
    pthread_mutex_lock(&k->lock);
    ret->count = k->count;
    ret->points = k->n;
    for (unsigned i = 0; i < k->n; i++) {
        const struct anchor_roll *r = &k->point[i]->roll;
        ret->alarms += anchor_point_alarms(k->point[i], now) != 0;
        ret->next_s = MIN(ret->next_s, (uint64_t)anchor_roll_due_s(r, now));
        for (unsigned j = 0; j < r->n; j++) {
            ret->trusted += trusted(&r->key[j]);
            ret->waiting += r->key[j].state == ROLL_ADDPEND;
        }
    }
    pthread_mutex_unlock(&k->lock);
    if (ret->points == 0)
        ret->next_s = 0;
}

static const char *algorithm_name(const struct roll_key *k)
{
    const char *name = sec_algorithm_name(k->algorithm);
    return name != NULL ? name : "unknown";
}

/* --- Text --- */

static void put_key(const struct anchor_roll *r, const struct roll_key *k, struct now now,
                    struct text *out)
{
    size_t from = out->n;
    text_fmt(out, "  key %u %s", k->tag, algorithm_name(k));
    text_pad(out, from, 32);
    text_str(out, roll_state_name(k->state));
    text_pad(out, from, 41);
    text_str(out, "since ");
    when_text(k->since_s, out);
    if (k->state == ROLL_ADDPEND) {
        uint64_t left = left_s(r, k, now);
        text_str(out, left > 0 ? ", trusted in " : ", trusted after the next check");
        if (left > 0) {
            when_length(left, out);
            text_str(out, " if it stays in the zone");
        }
    } else if (trusted(k) && k->seen_s == 0) {
        text_str(out, ", not yet seen in the zone");
    } else if (k->state == ROLL_MISSING) {
        text_str(out, ", not in the zone any more, still trusted");
    }
    text_char(out, '\n');
}

static void put_point(const struct anchor_point *p, struct now now, struct text *out)
{
    char name[NAME_TEXT_MAX];
    uint32_t due = anchor_roll_due_s(&p->roll, now);
    unsigned set = anchor_point_alarms(p, now);
    text_fmt(out, "trust point %s, state in %s\n", name_str(p->roll.zone.w, name), p->path);
    for (int i = 0; i < ANCHOR_ALARM_COUNT; i++)
        if (set >> i & 1)
            text_fmt(out, "  ALARM: %s\n    hint: %s\n", alarms[i].text, alarms[i].act);
    if (p->roll.checked_s != 0) {
        text_str(out, "  keys last seen ");
        when_text(p->roll.checked_s, out);
    } else {
        text_str(out, "  keys not yet seen");
    }
    if (p->tried && p->unreached)
        text_str(out, "; the last time they could not be had");
    else if (p->tried && p->outcome != ROLL_SEEN)
        text_fmt(out, "; the last set was %s", roll_outcome_text(p->outcome));
    text_str(out, due > 0 ? "; next check in " : "; next check now\n");
    if (due > 0) {
        when_length(due, out);
        text_char(out, '\n');
    }
    for (unsigned i = 0; i < p->roll.n; i++)
        put_key(&p->roll, &p->roll.key[i], now, out);
}

void anchor_keeper_text(struct anchor_keeper *k, struct now now, struct text *out)
{
    pthread_mutex_lock(&k->lock);
    for (unsigned i = 0; i < k->n; i++)
        put_point(k->point[i], now, out);
    if (k->n == 0)
        text_str(out, "no trust anchors are configured: nothing is validated\n");
    pthread_mutex_unlock(&k->lock);
}

/* --- JSON --- */

static void key_json(const struct anchor_roll *r, const struct roll_key *k, struct now now,
                     struct json *j)
{
    json_object(j);
    json_kv_uint(j, "tag", k->tag);
    json_kv_str(j, "algorithm", algorithm_name(k));
    json_kv_str(j, "state", roll_state_name(k->state));
    json_kv_bool(j, "trusted", trusted(k));
    json_kv_uint(j, "since", k->since_s);
    json_kv_uint(j, "seen", k->seen_s);
    if (k->state == ROLL_ADDPEND)
        json_kv_uint(j, "trusted_in_s", left_s(r, k, now));
    json_object_end(j);
}

static void point_json(const struct anchor_point *p, struct now now, struct json *j)
{
    char name[NAME_TEXT_MAX];
    unsigned set = anchor_point_alarms(p, now);
    json_object(j);
    json_kv_str(j, "zone", name_str(p->roll.zone.w, name));
    json_kv_str(j, "file", p->path);
    json_kv_uint(j, "checked", p->roll.checked_s);
    json_kv_uint(j, "tried", p->tried_s);
    json_kv_str(j, "outcome",
                !p->tried      ? "none"
                : p->unreached ? "unreached"
                               : roll_outcome_word(p->outcome));
    json_kv_uint(j, "next_s", anchor_roll_due_s(&p->roll, now));
    json_key(j, "alarms");
    json_array(j);
    for (int i = 0; i < ANCHOR_ALARM_COUNT; i++)
        if (set >> i & 1)
            json_str(j, alarms[i].word);
    json_array_end(j);
    json_key(j, "keys");
    json_array(j);
    for (unsigned i = 0; i < p->roll.n; i++)
        key_json(&p->roll, &p->roll.key[i], now, j);
    json_array_end(j);
    json_object_end(j);
}

void anchor_keeper_json(struct anchor_keeper *k, struct now now, struct json *j)
{
    pthread_mutex_lock(&k->lock);
    json_array(j);
    for (unsigned i = 0; i < k->n; i++)
        point_json(k->point[i], now, j);
    json_array_end(j);
    pthread_mutex_unlock(&k->lock);
}
