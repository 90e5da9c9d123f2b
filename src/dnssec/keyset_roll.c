/* Rolls: the plan is written into the moments of old and new keys, and time carries it out. */
#include "dnssec/keyset_impl.h"

struct roll {
    struct keyset *s;
    const struct sign_policy *p;
    uint64_t now;
    struct diag *d;
};

/* The time after which nobody holds a DNSKEY set without a key published now (RFC 7583 section
 * 3.2.1: Ipub), a signature made before (Iret), a DS that has left the parent, or a DNSKEY that has
 * left the zone. */
static uint64_t known_after(const struct sign_policy *p)
{
    return (uint64_t)p->dnskey_ttl_s + p->propagation_s;
}

static uint64_t signatures_after(const struct sign_policy *p)
{
    return (uint64_t)p->zone_ttl_s + p->propagation_s;
}

static uint64_t ds_after(const struct sign_policy *p)
{
    return (uint64_t)p->ds_ttl_s + p->propagation_s;
}

static bool has_ds(const struct zone_key *k)
{
    return k->role != KEY_ZSK;
}

/* --- Roll --- */

/* A key whose beginning lies ahead, or whose end has begun. */
static const struct zone_key *under_way(const struct keyset *s, bool ds, bool zone, uint64_t now)
{
    for (unsigned i = 0; i < s->n; i++) {
        const struct zone_key *k = &s->key[i];
        if (k->secret.n == 0 || !((ds && has_ds(k)) || (zone && k->role != KEY_KSK)))
            continue;
        if (k->at[KEY_PUBLISH] > now || k->at[KEY_ACTIVE] > now || k->at[KEY_SYNC] > now)
            return k;
        if (key_state_at(k, now) == KEY_STATE_RETIRED)
            return k;
    }
    return NULL;
}

static bool is_old(const struct zone_key *k, enum key_role role, uint64_t now)
{
    return k->role == role && k->secret.n > 0 && key_past(k, KEY_ACTIVE, now) &&
           !key_past(k, KEY_RETIRE, now) && !key_past(k, KEY_UNSYNC, now) &&
           !key_past(k, KEY_REMOVE, now);
}

/* What the old keys of a role are: how many, and how many of the algorithm. */
static unsigned count_old(const struct roll *r, enum key_role role, unsigned *ret_same)
{
    unsigned n = 0;
    *ret_same = 0;
    for (unsigned i = 0; i < r->s->n; i++)
        if (is_old(&r->s->key[i], role, r->now)) {
            n++;
            *ret_same += r->s->key[i].algorithm == r->p->algorithm;
        }
    return n;
}

/* The plan of the successor, and the ends of the old ones as far as they are known. */
static void plan_same(const struct roll *r, enum key_role role, struct zone_key *new_key)
{
    uint64_t known = r->now + known_after(r->p);
    for (unsigned i = 0; i < r->s->n; i++) {
        struct zone_key *k = &r->s->key[i];
        if (k == new_key || !is_old(k, role, r->now) || k->algorithm != r->p->algorithm)
            continue;
        k->at[KEY_RETIRE] = known;
        if (has_ds(k))
            k->at[KEY_UNSYNC] = known;
        else
            k->at[KEY_REMOVE] = known + signatures_after(r->p);
    }
    new_key->at[KEY_PUBLISH] = r->now;
    new_key->at[KEY_ACTIVE] = role == KEY_KSK ? r->now : known;
    if (has_ds(new_key))
        new_key->at[KEY_SYNC] = known;
}

/* Another algorithm: first the signatures, then the key, then the DS (RFC 6781 section 4.1.4). */
static void plan_algorithm(const struct roll *r, struct zone_key *new_key)
{
    uint64_t publish = r->now + signatures_after(r->p), sync = publish + known_after(r->p);
    new_key->at[KEY_PUBLISH] = publish;
    new_key->at[KEY_ACTIVE] = new_key->role == KEY_KSK ? publish : r->now;
    if (!has_ds(new_key))
        return;
    new_key->at[KEY_SYNC] = sync;
    for (unsigned i = 0; i < r->s->n; i++) {
        struct zone_key *k = &r->s->key[i];
        if (k != new_key && is_old(k, new_key->role, r->now))
            k->at[KEY_UNSYNC] = sync;
    }
}

static enum status roll_algorithm(const struct roll *r, enum key_role role, struct zone_key **ret)
{
    struct zone_key *k;
    if (role != KEY_CSK) {
        unsigned same;
        if (count_old(r, KEY_KSK, &same) == 0 || count_old(r, KEY_ZSK, &same) == 0) {
            diag_set(r->d, SEV_ERROR, "no-such-key", NULL,
                     "a change of the algorithm needs a KSK and a ZSK that sign");
            return ST_ENOTFOUND;
        }
        TRY(keyset_fresh(r->s, KEY_ZSK, r->p->algorithm, r->p->rsa_bits, r->now, &k));
        plan_algorithm(r, k);
        role = KEY_KSK;
    }
    enum status st = keyset_fresh(r->s, role, r->p->algorithm, r->p->rsa_bits, r->now, &k);
    if (st == ST_OK) {
        plan_algorithm(r, k);
        *ret = k;
        return ST_OK;
    }
    /* Take the ZSK's plan back. */
    for (unsigned i = 0; i < r->s->n; i++)
        if (r->s->key[i].role == KEY_ZSK && r->s->key[i].at[KEY_PUBLISH] > r->now)
            r->s->key[i].at[KEY_PUBLISH] = r->s->key[i].at[KEY_ACTIVE] = 0;
    return st;
}

static enum status no_old(const struct roll *r, enum key_role role)
{
    unsigned same;
    const char *hint = NULL;
    if (role != KEY_CSK && count_old(r, KEY_CSK, &same) > 0)
        hint = "it has a CSK, one key for both: roll that";
    else if (role == KEY_CSK && count_old(r, KEY_KSK, &same) > 0)
        hint = "it has a KSK and a ZSK: roll one of these";
    diag_set(r->d, SEV_ERROR, "no-such-key", hint, "the zone has no %s that signs",
             key_role_name(role));
    return ST_ENOTFOUND;
}

enum status keyset_roll(struct keyset *s, enum key_role role, const struct sign_policy *p,
                        uint64_t now, struct zone_key **ret, struct diag *d)
{
    struct roll r = {s, p, now, d};
    unsigned same, old = count_old(&r, role, &same);
    bool other = old > 0 && same == 0;
    const struct zone_key *busy =
        under_way(s, role != KEY_ZSK || other, role != KEY_KSK || other, now);
    if (busy != NULL) {
        diag_set(d, SEV_ERROR, "roll-under-way", "`banyan keys status` tells what it waits for",
                 "a roll is under way: key %u is %s", busy->tag,
                 key_state_name(key_state_at(busy, now)));
        return ST_EEXIST;
    }
    if (old == 0)
        return no_old(&r, role);
    if (other)
        return roll_algorithm(&r, role, ret);
    struct zone_key *k;
    TRY(keyset_fresh(s, role, p->algorithm, p->rsa_bits, now, &k));
    plan_same(&r, role, k);
    *ret = k;
    return ST_OK;
}

/* --- The DS was seen --- */

/* True if another key of the algorithm stays that signs the DNSKEY set. */
static bool algorithm_stays(const struct keyset *s, const struct zone_key *gone, uint64_t now)
{
    for (unsigned i = 0; i < s->n; i++) {
        const struct zone_key *k = &s->key[i];
        if (k != gone && k->algorithm == gone->algorithm && key_signs_keys(k, now) &&
            k->at[KEY_REMOVE] == 0 && k->at[KEY_UNSYNC] == 0)
            return true;
    }
    return false;
}

/* The signatures of an algorithm stay until its last DNSKEY is forgotten everywhere. */
static void end_algorithm(const struct roll *r, uint8_t algorithm, uint64_t remove)
{
    for (unsigned i = 0; i < r->s->n; i++) {
        struct zone_key *k = &r->s->key[i];
        if (k->algorithm != algorithm || !key_in_zone(k, r->now) || k->role == KEY_KSK)
            continue;
        k->at[KEY_REMOVE] = remove;
        if (!key_past(k, KEY_RETIRE, r->now))
            k->at[KEY_RETIRE] = remove + known_after(r->p);
    }
}

/* The end of a KSK or CSK whose DS leaves the parent now. */
static void end_secure_entry(const struct roll *r, struct zone_key *k)
{
    uint64_t remove = r->now + ds_after(r->p);
    if (k->role == KEY_CSK && k->at[KEY_RETIRE] != 0)
        remove = MAX(remove, k->at[KEY_RETIRE] + signatures_after(r->p));
    k->at[KEY_REMOVE] = remove;
    if (!algorithm_stays(r->s, k, r->now))
        end_algorithm(r, k->algorithm, remove);
    if (k->at[KEY_RETIRE] == 0)
        k->at[KEY_RETIRE] = k->role == KEY_KSK ? r->now : remove;
}

enum status keyset_ds_seen(struct keyset *s, uint16_t tag, const struct sign_policy *p,
                           uint64_t now, struct diag *d)
{
    struct roll r = {s, p, now, d};
    struct zone_key *k = keyset_find(s, tag);
    if (k == NULL) {
        diag_set(d, SEV_ERROR, "no-such-key", NULL, "the zone has no key %u", tag);
        return ST_ENOTFOUND;
    }
    if (!has_ds(k)) {
        diag_set(d, SEV_ERROR, "no-ds", NULL, "key %u is a ZSK: it has no DS at the parent", tag);
        return ST_ESEMANTIC;
    }
    if (!key_in_zone(k, now) || k->at[KEY_SYNC] > now || key_past(k, KEY_UNSYNC, now)) {
        diag_set(d, SEV_ERROR, "ds-at-the-wrong-time",
                 "validators that do not know the key fail if only its DS is at the parent",
                 "key %u is %s, its DS %s", tag, key_state_name(key_state_at(k, now)),
                 key_past(k, KEY_UNSYNC, now) ? "was to be replaced"
                                              : "does not belong at the parent yet");
        return ST_ESEMANTIC;
    }
    if (!key_past(k, KEY_DS_SEEN, now))
        k->at[KEY_DS_SEEN] = now;
    for (unsigned i = 0; i < s->n; i++) {
        struct zone_key *old = &s->key[i];
        if (old != k && has_ds(old) && key_past(old, KEY_UNSYNC, now) && old->at[KEY_REMOVE] == 0)
            end_secure_entry(&r, old);
    }
    return ST_OK;
}

/* --- Retire --- */

static bool other_signs(const struct keyset *s, const struct zone_key * not, bool zone,
                        uint8_t algorithm, uint64_t now)
{
    for (unsigned i = 0; i < s->n; i++) {
        const struct zone_key *k = &s->key[i];
        if (k != not &&(algorithm == 0 || k->algorithm == algorithm) && k->at[KEY_RETIRE] == 0 &&
            k->at[KEY_REMOVE] == 0 && key_in_zone(k, now) &&
            (zone ? key_signs_zone(k, now) : key_signs_keys(k, now)))
            return true;
    }
    return false;
}

/* Another key whose DS is at the parent, as far as is known. */
static bool other_entry(const struct keyset *s, const struct zone_key * not, uint64_t now)
{
    for (unsigned i = 0; i < s->n; i++) {
        const struct zone_key *k = &s->key[i];
        if (k != not &&has_ds(k) && key_state_at(k, now) == KEY_STATE_ACTIVE &&
            key_past(k, KEY_DS_SEEN, now))
            return true;
    }
    return false;
}

static enum status refuse(const struct roll *r, const struct zone_key *k, const char *why,
                          const char *hint)
{
    diag_set(r->d, SEV_ERROR, "key-is-needed", hint, "key %u cannot be retired: %s", k->tag, why);
    return ST_ESEMANTIC;
}

static enum status may_retire(const struct roll *r, const struct zone_key *k)
{
    const char *roll = "roll it: `banyan keys roll` puts another in its place";
    if (key_signs_zone(k, r->now) && !other_signs(r->s, k, true, 0, r->now))
        return refuse(r, k, "it is the last that signs the zone", roll);
    if (key_signs_keys(k, r->now) && !other_signs(r->s, k, false, 0, r->now))
        return refuse(r, k, "it is the last that signs the DNSKEY set", roll);
    if (key_signs_keys(k, r->now) && !other_entry(r->s, k, r->now))
        return refuse(r, k, "no other key's DS was seen at the parent",
                      "when it is there say: banyan keys ds-seen ZONE TAG");
    if (k->role == KEY_ZSK && key_signs_zone(k, r->now) &&
        !other_signs(r->s, k, true, k->algorithm, r->now))
        return refuse(r, k, "it is the last of its algorithm",
                      "retire the KSK of that algorithm: its ZSKs go with it");
    return ST_OK;
}

enum status keyset_retire(struct keyset *s, uint16_t tag, const struct sign_policy *p, uint64_t now,
                          bool force, struct diag *d)
{
    struct roll r = {s, p, now, d};
    struct zone_key *k = keyset_find(s, tag);
    if (k == NULL) {
        diag_set(d, SEV_ERROR, "no-such-key", NULL, "the zone has no key %u", tag);
        return ST_ENOTFOUND;
    }
    if (!force)
        TRY(may_retire(&r, k));
    if (k->role == KEY_ZSK || !key_in_zone(k, now)) {
        bool seen = key_past(k, KEY_ACTIVE, now);
        if (!key_past(k, KEY_RETIRE, now))
            k->at[KEY_RETIRE] = now;
        if (k->at[KEY_REMOVE] == 0 || k->at[KEY_REMOVE] > now)
            k->at[KEY_REMOVE] = seen ? k->at[KEY_RETIRE] + signatures_after(p) : now;
        return ST_OK;
    }
    bool zone_stays = other_signs(s, k, true, k->algorithm, now);
    if (!key_past(k, KEY_UNSYNC, now))
        k->at[KEY_UNSYNC] = now;
    if (k->at[KEY_RETIRE] > now || (k->at[KEY_RETIRE] == 0 && (zone_stays || k->role == KEY_KSK)))
        k->at[KEY_RETIRE] = now;
    end_secure_entry(&r, k);
    return ST_OK;
}

/* --- A plan that nobody carried out --- */

static bool is_planned(int moment)
{
    return moment != KEY_CREATED && moment != KEY_DS_SEEN;
}

bool keyset_put_off(struct keyset *s, uint64_t last, uint64_t now, uint32_t tolerance_s)
{
    uint64_t first = now;
    for (unsigned i = 0; i < s->n; i++)
        for (int m = 0; m < KEY_MOMENTS; m++)
            if (is_planned(m) && s->key[i].at[m] > last && s->key[i].at[m] < first)
                first = s->key[i].at[m];
    if (last == 0 || now - first <= tolerance_s)
        return false;
    for (unsigned i = 0; i < s->n; i++)
        for (int m = 0; m < KEY_MOMENTS; m++)
            if (is_planned(m) && s->key[i].at[m] >= first)
                s->key[i].at[m] += now - first;
    return true;
}
