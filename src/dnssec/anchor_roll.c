/* RFC 5011's state table, and what must be true of a DNSKEY set before it may move a key. */
#include "dnssec/anchor_roll.h"

#include "core/budget.h"
#include "dnssec/anchor_impl.h"
#include "dnssec/rrsig.h"

#include <stdlib.h>

#define WALL_MAX 253370764800u /* the year 9999: later ones cannot be written */

struct look {
    struct anchor_roll *r;
    const struct rrset *set, *sigs;
    uint64_t wall_s, mono_s;
    struct budget budget;
    struct sig_buffer buffer;
    struct roll_report *ret;
    uint32_t signers; /* bit i: key[i] is trusted and signed the set */
    uint64_t newest_s;
    uint32_t original_ttl, left_s; /* the least of the signatures by trusted keys */
};

/* --- Words --- */

static const struct {
    const char *word, *text, *act;
} outcomes[] = {
#define ROLL_OUTCOME(name, word, text, act) {word, text, act},
    ROLL_OUTCOMES
#undef ROLL_OUTCOME
};

static const struct {
    const char *word, *text;
} events[] = {
#define ROLL_EVENT(name, word, text) {word, text},
    ROLL_EVENTS
#undef ROLL_EVENT
};

const char *roll_outcome_word(enum roll_outcome o)
{
    return outcomes[o].word;
}

const char *roll_outcome_text(enum roll_outcome o)
{
    return outcomes[o].text;
}

const char *roll_outcome_act(enum roll_outcome o)
{
    return outcomes[o].act;
}

const char *roll_state_name(enum roll_state s)
{
    static const char *const names[ROLL_STATES] = {"START",   "ADDPEND", "VALID",
                                                   "MISSING", "REVOKED", "REMOVED"};
    return names[s];
}

void roll_change_text(const uint8_t *zone, const struct roll_change *c, struct text *out)
{
    char buf[NAME_TEXT_MAX];
    const char *algorithm = sec_algorithm_name(c->algorithm);
    text_fmt(out, "key %u (%s) of %s %s", c->tag, algorithm != NULL ? algorithm : "unknown",
             name_str(zone, buf), events[c->event].text);
    if (c->from == ROLL_VALID && c->to == ROLL_MISSING)
        text_str(out, "; it stays trusted until it is revoked");
    else if (c->from == ROLL_ADDPEND && c->to == ROLL_START)
        text_str(out, "; its time begins anew if it comes back");
    text_fmt(out, " (RFC 5011: %s, %s to %s)", events[c->event].word, roll_state_name(c->from),
             roll_state_name(c->to));
}

/* --- Keys --- */

static bool trusted(const struct roll_key *k)
{
    return k->state == ROLL_VALID || k->state == ROLL_MISSING;
}

static unsigned count_trusted(const struct anchor_roll *r)
{
    unsigned n = 0;
    for (unsigned i = 0; i < r->n; i++)
        n += trusted(&r->key[i]);
    return n;
}

static struct bytes rdata_of(const struct roll_key *k)
{
    return bytes_of(k->rdata, k->n);
}

static void change(struct look *l, struct roll_key *k, enum roll_state to, enum roll_event event)
{
    struct roll_report *ret = l->ret;
    if (ret->n < ROLL_CHANGES)
        ret->change[ret->n++] = (struct roll_change){k->tag, k->algorithm, k->state, to, event};
    ret->save = true;
    k->state = to;
    k->since_s = l->wall_s;
    k->held_s = k->hold_s = k->by = 0;
}

static void key_set(struct roll_key *k, struct bytes dnskey)
{
    struct dnskey v;
    ASSERT(dnskey.n <= sizeof k->rdata && dnskey_read(dnskey, &v));
    k->is_ds = false;
    k->tag = v.tag;
    k->algorithm = v.algorithm;
    k->n = (uint16_t)dnskey.n;
    memcpy(k->rdata, dnskey.p, dnskey.n);
}

/* Forgets the keys in START; who vouched for whom stays right. */
static void sweep(struct look *l)
{
    struct anchor_roll *r = l->r;
    for (unsigned i = r->n; i-- > 0;) {
        uint32_t low = (UINT32_C(1) << i) - 1;
        if (r->key[i].state != ROLL_START)
            continue;
        memmove(&r->key[i], &r->key[i + 1], (r->n - i - 1) * sizeof r->key[0]);
        r->n--;
        for (unsigned j = 0; j < r->n; j++)
            r->key[j].by = (r->key[j].by & low) | ((r->key[j].by >> 1) & ~low);
        l->signers = (l->signers & low) | ((l->signers >> 1) & ~low);
    }
}

/* A place for another key: that of the one that was removed first, when all are taken. NULL. */
static struct roll_key *make_room(struct look *l)
{
    struct anchor_roll *r = l->r;
    struct roll_key *oldest = NULL;
    for (unsigned i = 0; i < r->n; i++)
        if (r->key[i].state == ROLL_REMOVED &&
            (oldest == NULL || r->key[i].since_s < oldest->since_s))
            oldest = &r->key[i];
    if (r->n == LIMIT_ROLL_KEYS && oldest != NULL) {
        oldest->state = ROLL_START;
        sweep(l);
    }
    if (r->n == LIMIT_ROLL_KEYS)
        return NULL;
    r->key[r->n] = (struct roll_key){.since_s = l->wall_s};
    return &r->key[r->n++];
}

/* --- The set --- */

/* A key of the set with its REVOKE flag taken off, so that it is the same before and after. */
struct base {
    bool revoked;
    uint16_t flags;
    size_t n;
    uint8_t rdata[DNSKEY_RDATA_MAX];
};

/* False for what can be no trust anchor (RFC 4034 section 2.1). */
static bool base_of(struct bytes rd, struct base *ret)
{
    struct dnskey v;
    if (!dnskey_read(rd, &v) || rd.n > sizeof ret->rdata || v.protocol != 3 ||
        (v.flags & DNSKEY_ZONE) == 0)
        return false;
    ret->revoked = (v.flags & DNSKEY_REVOKE) != 0;
    ret->flags = (uint16_t)(v.flags & ~DNSKEY_REVOKE);
    ret->n = rd.n;
    memcpy(ret->rdata, rd.p, rd.n);
    put_be16(ret->rdata, ret->flags);
    return true;
}

static bool same(const struct anchor_roll *r, const struct roll_key *k, const struct base *b)
{
    struct ds ds;
    struct bytes rdata = bytes_of(b->rdata, b->n);
    if (!k->is_ds)
        return bytes_equal(rdata_of(k), rdata);
    return ds_read(rdata_of(k), &ds) && ds_matches(&ds, r->zone.w, rdata);
}

/* Whether the key stands in the set, as it is or revoked; *ret is what stands there. */
static bool in_set(const struct look *l, const struct roll_key *k, bool revoked, struct base *ret)
{
    struct rdata_iter it = rdata_iter(l->set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (base_of(rd, ret) && ret->revoked == revoked && same(l->r, k, ret))
            return true;
    return false;
}

/* --- Signatures --- */

/* Everything about a signature of the set that needs no arithmetic (RFC 4035 section 5.3.1). */
static enum roll_outcome check_head(const struct look *l, const struct rrsig *s)
{
    uint32_t now = (uint32_t)l->wall_s;
    if (!name_equal(s->signer, l->r->zone.w) || s->labels != name_labels(l->r->zone.w))
        return ROLL_NOT_SIGNED;
    if (rrsig_time(s, now) == RRSIG_EXPIRED &&
        rrsig_time(s, now - LIMIT_CLOCK_SKEW_S) == RRSIG_EXPIRED)
        return ROLL_EXPIRED;
    if (rrsig_time(s, now) == RRSIG_NOT_YET &&
        rrsig_time(s, now + LIMIT_CLOCK_SKEW_S) == RRSIG_NOT_YET)
        return ROLL_NOT_YET;
    return rrsig_time(s, now) == RRSIG_NEVER ? ROLL_BAD_SIGNATURE : ROLL_SEEN;
}

/* The times of a good signature, if *newest and the like are wanted. */
static void note_times(struct look *l, const struct rrsig *s)
{
    uint32_t now = (uint32_t)l->wall_s;
    int64_t begin = (int64_t)l->wall_s + (int32_t)(s->inception - now);
    int32_t left = (int32_t)(s->expiration - now);
    l->newest_s = MAX(l->newest_s, begin > 0 ? (uint64_t)begin : 0);
    /* RFC 2181 section 8: the highest bit set means 0. */
    l->original_ttl = MIN(l->original_ttl, s->original_ttl > INT32_MAX ? 0 : s->original_ttl);
    l->left_s = MIN(l->left_s, left > 0 ? (uint32_t)left : 0);
}

/* Whether a key, given as it stands in the set, signed it. *ret is the best that can be said. */
static enum status signed_by(struct look *l, struct bytes rdata, bool times, enum roll_outcome *ret)
{
    struct dnskey v;
    struct sec_key *key;
    unsigned tried = 0;
    *ret = ROLL_NOT_SIGNED;
    if (!dnskey_read(rdata, &v))
        return ST_OK;
    enum status st = dnskey_open(rdata, &key);
    if (st != ST_OK)
        return st == ST_ENOMEM ? st : ST_OK;
    struct rdata_iter it = rdata_iter(l->sigs);
    for (struct bytes rd; st != ST_ENOMEM && rdata_iter_next(&it, &rd);) {
        struct rrsig s;
        if (!rrsig_read(rd, &s) || s.covered != RR_DNSKEY || s.tag != v.tag ||
            s.algorithm != v.algorithm)
            continue;
        enum roll_outcome one = check_head(l, &s);
        if (one == ROLL_SEEN) {
            if (++tried > LIMIT_KEYS_OF_A_TAG || !budget_take(&l->budget, BUDGET_SIGNATURES, 1)) {
                if (*ret != ROLL_SEEN)
                    *ret = ROLL_TOO_MUCH;
                break;
            }
            st = rrsig_verify(key, l->set, &s, &l->buffer);
            one = st == ST_OK ? ROLL_SEEN : ROLL_BAD_SIGNATURE;
        }
        if (one == ROLL_SEEN && times)
            note_times(l, &s);
        *ret = MIN(*ret, one);
    }
    sec_key_free(key);
    return st == ST_ENOMEM ? st : ST_OK;
}

/* --- Steps --- */

/* RFC 5011 section 2.1: a trusted key that stands in the set with the REVOKE flag and signed it so
 * is revoked, whatever else is to be said of the set. */
static enum status see_revoked(struct look *l)
{
    struct anchor_roll *r = l->r;
    struct base b;
    for (unsigned i = 0; i < r->n; i++) {
        enum roll_outcome o;
        struct roll_key *k = &r->key[i];
        if (!trusted(k) || !in_set(l, k, true, &b))
            continue;
        struct bytes base = bytes_of(b.rdata, b.n);
        put_be16(b.rdata, b.flags | DNSKEY_REVOKE);
        TRY(signed_by(l, base, false, &o));
        if (o != ROLL_SEEN)
            continue;
        put_be16(b.rdata, b.flags);
        key_set(k, base);
        change(l, k, ROLL_REVOKED, ROLL_EVENT_REV_BIT);
        k->seen_s = l->wall_s;
        /* Section 2.2: a key that only revoked ones vouched for begins anew. */
        for (unsigned j = 0; j < r->n; j++) {
            struct roll_key *p = &r->key[j];
            p->by &= ~(UINT32_C(1) << i);
            if (p->state == ROLL_ADDPEND && p->by == 0)
                change(l, p, ROLL_START, ROLL_EVENT_NO_VOUCHER);
        }
    }
    sweep(l);
    return ST_OK;
}

/* Who of the trusted keys signed the set. */
static enum status see_signers(struct look *l, enum roll_outcome *ret)
{
    struct anchor_roll *r = l->r;
    struct base b;
    *ret = count_trusted(r) > 0 ? ROLL_STRANGERS : ROLL_ALL_REVOKED;
    for (unsigned i = 0; i < r->n; i++) {
        enum roll_outcome o;
        if (!trusted(&r->key[i]) || !in_set(l, &r->key[i], false, &b))
            continue;
        TRY(signed_by(l, bytes_of(b.rdata, b.n), true, &o));
        if (o == ROLL_SEEN)
            l->signers |= UINT32_C(1) << i;
        *ret = *ret == ROLL_STRANGERS ? o : MIN(*ret, o);
    }
    return ST_OK;
}

/* Keys that were configured by a DS are known from now on; several DS may name one. */
static void see_configured(struct look *l)
{
    struct anchor_roll *r = l->r;
    struct base b;
    for (unsigned i = 0; i < r->n; i++) {
        if (r->key[i].state == ROLL_START || !r->key[i].is_ds || !in_set(l, &r->key[i], false, &b))
            continue;
        key_set(&r->key[i], bytes_of(b.rdata, b.n));
        for (unsigned j = 0; j < r->n; j++)
            if (j != i && same(r, &r->key[j], &b))
                r->key[j].state = ROLL_START;
    }
    sweep(l);
}

/* Seconds that count for keys that stood, or did not stand, in the last set and in this one. */
static uint32_t credit(const struct look *l)
{
    const struct anchor_roll *r = l->r;
    uint64_t s = l->wall_s > r->checked_s ? l->wall_s - r->checked_s : 0;
    if (r->checked_s == 0)
        return 0;
    if (r->same_run)
        s = MIN(s, l->mono_s > r->mono_s ? l->mono_s - r->mono_s : 0);
    return (uint32_t)MIN(s, (uint64_t)ROLL_GAP_MAX_S);
}

/* A key's hold-down time is over. */
static void admit(struct look *l, struct roll_key *k)
{
    struct roll_key *gone = NULL;
    struct base b;
    if (count_trusted(l->r) >= LIMIT_DS_TRIED) {
        for (unsigned i = 0; i < l->r->n; i++) {
            struct roll_key *o = &l->r->key[i];
            if (o->state == ROLL_MISSING && o->since_s + ROLL_HOLD_S <= l->wall_s &&
                (gone == NULL || o->since_s < gone->since_s) && !in_set(l, o, false, &b))
                gone = o;
        }
        if (gone == NULL) {
            l->ret->full = true;
            return;
        }
        change(l, gone, ROLL_START, ROLL_EVENT_ROOM);
    }
    change(l, k, ROLL_VALID, ROLL_EVENT_ADD_TIME);
}

/* One key through the table of RFC 5011 section 4. */
static void move_key(struct look *l, struct roll_key *k, uint32_t step_s)
{
    struct base b;
    bool here = in_set(l, k, false, &b);
    switch (k->state) {
    case ROLL_VALID:
        if (!here)
            change(l, k, ROLL_MISSING, ROLL_EVENT_KEY_REM);
        break;
    case ROLL_MISSING:
        if (here)
            change(l, k, ROLL_VALID, ROLL_EVENT_KEY_PRES);
        break;
    case ROLL_ADDPEND:
        if (!here) {
            change(l, k, ROLL_START, ROLL_EVENT_KEY_REM);
            break;
        }
        k->held_s = MIN(k->held_s + step_s, k->hold_s);
        if (k->held_s >= k->hold_s)
            admit(l, k);
        break;
    case ROLL_REVOKED:
        here = here || in_set(l, k, true, &b);
        if (here || k->seen_s >= l->r->checked_s)
            k->held_s = 0; /* it was there at one of the step's ends */
        else
            k->held_s = MIN(k->held_s + step_s, (uint32_t)ROLL_HOLD_S);
        if (k->held_s >= ROLL_HOLD_S)
            change(l, k, ROLL_REMOVED, ROLL_EVENT_REM_TIME);
        break;
    default:
        break;
    }
    if (here)
        k->seen_s = l->wall_s;
}

/* RFC 5011 section 2.2: keys with the SEP flag that were never seen begin to wait. */
static enum status see_new(struct look *l)
{
    struct anchor_roll *r = l->r;
    struct base b;
    struct rdata_iter it = rdata_iter(l->set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct sec_key *key;
        bool known = false;
        if (!base_of(rd, &b) || b.revoked || (b.flags & DNSKEY_SEP) == 0)
            continue;
        for (unsigned i = 0; i < r->n && !known; i++)
            known = same(r, &r->key[i], &b);
        enum status st = known ? ST_EEXIST : dnskey_open(rd, &key);
        if (st == ST_ENOMEM)
            return st;
        if (st != ST_OK)
            continue;
        sec_key_free(key);
        struct roll_key *k = make_room(l);
        if (k == NULL) {
            l->ret->full = true;
            return ST_OK;
        }
        key_set(k, rd);
        change(l, k, ROLL_ADDPEND, ROLL_EVENT_NEW_KEY);
        k->seen_s = l->wall_s;
        k->hold_s = MAX((uint32_t)ROLL_HOLD_S, l->original_ttl); /* section 2.4.1 */
        k->by = l->signers;
    }
    return ST_OK;
}

/* --- When to ask (RFC 5011 section 2.3) --- */

static void plan(struct anchor_roll *r, uint64_t wall_s, uint64_t mono_s, uint32_t after_s)
{
    r->next_s = wall_s + after_s;
    r->next_mono_s = mono_s + after_s;
}

static uint32_t retry_s(const struct anchor_roll *r)
{
    return r->retry_s > 0 ? r->retry_s : ROLL_RETRY_MIN_S;
}

static uint32_t between(uint32_t least, uint32_t most, uint32_t v)
{
    return v < least ? least : v > most ? most : v;
}

static void accept(struct look *l)
{
    struct anchor_roll *r = l->r;
    uint32_t shorter = MIN(l->original_ttl, l->left_s);
    r->checked_s = l->wall_s;
    r->newest_s = l->newest_s;
    r->same_run = true;
    r->mono_s = l->mono_s;
    r->retry_s = between(ROLL_RETRY_MIN_S, ROLL_RETRY_MAX_S, shorter / 10);
    l->ret->ask_after_s = between(ROLL_RETRY_MIN_S, ROLL_GAP_MAX_S, shorter / 2);
    l->ret->save = true;
}

static enum status look_at(struct look *l)
{
    struct anchor_roll *r = l->r;
    if (l->set->type != RR_DNSKEY || l->set->count == 0 || l->set->count > LIMIT_ZONE_KEYS ||
        !name_equal(l->set->owner, r->zone.w)) {
        l->ret->outcome = ROLL_MALFORMED;
        return ST_OK;
    }
    TRY(see_revoked(l));
    TRY(see_signers(l, &l->ret->outcome));
    if (l->ret->outcome != ROLL_SEEN)
        return ST_OK;
    if (l->newest_s < r->newest_s) {
        l->ret->outcome = ROLL_OLD;
        return ST_OK;
    }
    uint32_t step_s = credit(l);
    see_configured(l);
    for (unsigned i = 0; i < r->n; i++)
        move_key(l, &r->key[i], step_s);
    sweep(l);
    TRY(see_new(l));
    accept(l);
    return ST_OK;
}

static struct look look_of(struct anchor_roll *r, struct now now, struct roll_report *ret)
{
    *ret = (struct roll_report){.ask_after_s = retry_s(r)};
    return (struct look){.r = r,
                         .wall_s = MIN(now.wall_s, (uint64_t)WALL_MAX),
                         .mono_s = now.mono_us / 1000000,
                         .ret = ret,
                         .original_ttl = UINT32_MAX,
                         .left_s = UINT32_MAX};
}

enum status anchor_roll_see(struct anchor_roll *r, const struct rrset *dnskey,
                            const struct rrset *sigs, struct now now, struct roll_report *ret)
{
    struct anchor_roll after = *r;
    struct look l = look_of(&after, now, ret);
    l.set = dnskey;
    l.sigs = sigs;
    enum status st = look_at(&l);
    sig_buffer_free(&l.buffer);
    if (st != ST_OK)
        return st;
    plan(&after, l.wall_s, l.mono_s, ret->ask_after_s);
    if (count_trusted(&after) == 0)
        ret->outcome = ROLL_ALL_REVOKED;
    ret->alarm = ret->full || ret->outcome == ROLL_ALL_REVOKED || ret->outcome == ROLL_STRANGERS;
    *r = after;
    return ST_OK;
}

uint32_t anchor_roll_failed(struct anchor_roll *r, struct now now)
{
    plan(r, MIN(now.wall_s, (uint64_t)WALL_MAX), now.mono_us / 1000000, retry_s(r));
    return retry_s(r);
}

uint32_t anchor_roll_due_s(const struct anchor_roll *r, struct now now)
{
    uint64_t mono_s = now.mono_us / 1000000, wall_s = MIN(now.wall_s, (uint64_t)WALL_MAX);
    uint64_t left = r->next_s > wall_s ? r->next_s - wall_s : 0;
    if (r->next_mono_s > 0)
        left = MIN(left, r->next_mono_s > mono_s ? r->next_mono_s - mono_s : 0);
    return (uint32_t)MIN(left, (uint64_t)ROLL_GAP_MAX_S);
}

/* --- Configured anchors in, trusted ones out --- */

void anchor_roll_init(struct anchor_roll *r, const uint8_t *zone)
{
    *r = (struct anchor_roll){0};
    name_lower(r->zone.w, zone);
}

/* The key that a DS names, or NULL. */
static struct roll_key *named_by(struct anchor_roll *r, struct bytes rdata, const struct ds *ds)
{
    for (unsigned i = 0; i < r->n; i++) {
        struct roll_key *k = &r->key[i];
        if (k->is_ds ? bytes_equal(rdata_of(k), rdata) : ds_matches(ds, r->zone.w, rdata_of(k)))
            return k;
    }
    return NULL;
}

enum status anchor_roll_configure(struct anchor_roll *r, const struct rrset *ds, struct now now,
                                  struct roll_report *ret)
{
    struct anchor_roll after = *r;
    struct look l = look_of(&after, now, ret);
    struct rdata_iter it = rdata_iter(ds);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct ds v;
        if (anchor_ds_check(rd) != ST_OK || !ds_read(rd, &v))
            continue;
        struct roll_key *k = named_by(&after, rd, &v);
        if (k != NULL && k->state != ROLL_ADDPEND)
            continue;
        if (k == NULL) {
            k = make_room(&l);
            if (k == NULL)
                return ST_ELIMIT;
            k->is_ds = true;
            k->tag = v.tag;
            k->algorithm = v.algorithm;
            k->n = (uint16_t)rd.n;
            memcpy(k->rdata, rd.p, rd.n);
        }
        if (count_trusted(&after) >= LIMIT_DS_TRIED)
            return ST_ELIMIT;
        change(&l, k, ROLL_VALID, ROLL_EVENT_CONFIGURED);
    }
    ret->alarm = count_trusted(&after) == 0;
    ret->outcome = ret->alarm ? ROLL_ALL_REVOKED : ROLL_SEEN;
    *r = after;
    return ST_OK;
}

enum status anchor_roll_ds(const struct anchor_roll *r, struct anchors *a)
{
    if (count_trusted(r) == 0)
        return ST_ENOTFOUND;
    for (unsigned i = 0; i < r->n; i++) {
        uint8_t buf[4 + DS_DIGEST_MAX];
        struct writer w = wr_of(buf, sizeof buf);
        const struct roll_key *k = &r->key[i];
        if (!trusted(k))
            continue;
        if (k->is_ds)
            wr_bytes(&w, k->rdata, k->n);
        else
            TRY(ds_write(DS_SHA256, r->zone.w, rdata_of(k), &w));
        TRY(anchors_add_ds(a, r->zone.w, wr_done(&w)));
    }
    return ST_OK;
}
