/* A zone's keys: made, kept apart, and what each does at a time. */
#include "dnssec/keyset_impl.h"

#include <string.h>

/* A new key's tag may be that of another; five tries fail once in 10^15 sets of 32 keys. */
enum { TAG_TRIES = 5 };

static const char *const role_names[KEY_ROLES] = {"csk", "ksk", "zsk"};

const char *key_role_name(enum key_role r)
{
    return role_names[r];
}

bool key_role_parse(struct bytes text, enum key_role *ret)
{
    for (int r = 0; r < KEY_ROLES; r++) {
        size_t i = 0;
        while (i < text.n && i < 3 && ascii_lower(text.p[i]) == (uint8_t)role_names[r][i])
            i++;
        if (i == 3 && text.n == 3) {
            *ret = (enum key_role)r;
            return true;
        }
    }
    return false;
}

const char *key_state_name(enum key_state st)
{
    static const char *const names[] = {"generated", "published", "ready",
                                        "active",    "retired",   "removed"};
    return names[st];
}

/* --- The set --- */

void keyset_init(struct keyset *s, const uint8_t *zone)
{
    memset(s, 0, sizeof *s);
    name_lower(s->zone.w, zone);
    arena_init(&s->arena, 4096, 2u << 20);
}

static void secret_wipe(struct zone_key *k)
{
    if (k->secret.n > 0)
        explicit_bzero((void *)(uintptr_t)k->secret.p, k->secret.n);
}

void keyset_free(struct keyset *s)
{
    for (unsigned i = 0; i < s->n; i++)
        secret_wipe(&s->key[i]);
    arena_free(&s->arena);
    s->n = 0;
}

struct zone_key *keyset_find(struct keyset *s, uint16_t tag)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->key[i].tag == tag)
            return &s->key[i];
    return NULL;
}

static void keyset_drop(struct keyset *s, struct zone_key *k)
{
    secret_wipe(k);
    unsigned i = (unsigned)(k - s->key);
    memmove(k, k + 1, (s->n - i - 1) * sizeof *k);
    s->n--;
}

enum status keyset_room(struct keyset *s, uint64_t now, struct zone_key **ret)
{
    struct zone_key *gone = NULL;
    for (unsigned i = 0; s->n == KEYSET_KEYS && i < s->n; i++) {
        struct zone_key *k = &s->key[i];
        if (key_state_at(k, now) == KEY_STATE_REMOVED &&
            (gone == NULL || k->at[KEY_REMOVE] < gone->at[KEY_REMOVE]))
            gone = k;
    }
    if (gone != NULL)
        keyset_drop(s, gone);
    if (s->n == KEYSET_KEYS)
        return ST_ELIMIT;
    *ret = &s->key[s->n++];
    memset(*ret, 0, sizeof **ret);
    return ST_OK;
}

static unsigned public_bits(struct bytes dnskey)
{
    struct sec_key *k;
    if (dnskey_open(dnskey, &k) != ST_OK)
        return 0;
    unsigned bits = sec_key_bits(k);
    sec_key_free(k);
    return bits;
}

enum status keyset_fill(struct keyset *s, struct zone_key *k, struct bytes dnskey,
                        struct bytes secret)
{
    struct dnskey v;
    if (!dnskey_read(dnskey, &v) || !dnskey_is_zone_key(&v) || dnskey.n > DNSKEY_RDATA_MAX ||
        v.public_key.n == 0 || secret.n > KEYSET_SECRET_MAX)
        return ST_EFORMAT;
    void *pub = arena_dup(&s->arena, dnskey.p, dnskey.n);
    void *sec = secret.n > 0 ? arena_dup(&s->arena, secret.p, secret.n) : NULL;
    if (pub == NULL || (secret.n > 0 && sec == NULL))
        return ST_ENOMEM;
    k->flags = v.flags;
    k->algorithm = v.algorithm;
    k->tag = v.tag;
    k->dnskey = bytes_of(pub, dnskey.n);
    k->secret = bytes_of(sec, secret.n);
    if (k->bits == 0)
        k->bits = (uint16_t)public_bits(k->dnskey);
    return ST_OK;
}

/* --- Making keys --- */

static bool tag_taken(const struct keyset *s, uint16_t tag)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->key[i].tag == tag)
            return true;
    return false;
}

/* A pair whose tag no key of the set has, nor would have when revoked (RFC 5011 section 2.1). */
static enum status make_pair(const struct keyset *s, uint16_t flags, uint8_t algorithm,
                             unsigned bits, struct writer *dnskey, struct sec_key **ret)
{
    uint8_t *start = wr_mark(dnskey);
    for (int i = 0; i < TAG_TRIES; i++) {
        wr_rollback(dnskey, start);
        TRY(sec_key_generate(algorithm, bits, ret));
        enum status st = dnskey_write(*ret, flags, dnskey);
        if (st == ST_OK && !tag_taken(s, dnskey_tag(wr_done(dnskey))))
            return ST_OK;
        sec_key_free(*ret);
        TRY(st);
    }
    return ST_ELIMIT;
}

enum status keyset_generate(struct keyset *s, enum key_role role, uint8_t algorithm, unsigned bits,
                            uint64_t now, struct zone_key **ret)
{
    uint8_t rdata[DNSKEY_RDATA_MAX];
    struct writer w = wr_of(rdata, sizeof rdata);
    struct sec_key *pair;
    struct zone_key *k;
    char buf[KEYSET_SECRET_MAX];
    struct text secret = text_of(buf, sizeof buf);
    uint16_t flags = role == KEY_ZSK ? DNSKEY_ZONE : DNSKEY_ZONE | DNSKEY_SEP;
    TRY(keyset_room(s, now, &k));
    s->n--; /* not in the set before it is whole */
    TRY(make_pair(s, flags, algorithm, bits, &w, &pair));
    enum status st = sec_key_private_text(pair, &secret);
    if (st == ST_OK)
        st = secret.cut ? ST_ELIMIT : keyset_fill(s, k, wr_done(&w), bytes_of(secret.p, secret.n));
    k->bits = (uint16_t)sec_key_bits(pair);
    explicit_bzero(buf, sizeof buf);
    sec_key_free(pair);
    TRY(st);
    k->role = role;
    k->at[KEY_CREATED] = now;
    s->n++;
    *ret = k;
    return ST_OK;
}

bool key_unused(const struct zone_key *k)
{
    for (int m = 0; m < KEY_MOMENTS; m++)
        if (m != KEY_CREATED && k->at[m] != 0)
            return false;
    return true;
}

bool key_in_use(const struct zone_key *k, uint64_t now)
{
    return k->secret.n > 0 && k->at[KEY_ACTIVE] != 0 && !key_past(k, KEY_RETIRE, now) &&
           !key_past(k, KEY_REMOVE, now);
}

enum status keyset_fresh(struct keyset *s, enum key_role role, uint8_t algorithm, unsigned bits,
                         uint64_t now, struct zone_key **ret)
{
    for (unsigned i = 0; i < s->n; i++) {
        struct zone_key *k = &s->key[i];
        if (k->role == role && k->algorithm == algorithm && k->secret.n > 0 && key_unused(k)) {
            *ret = k;
            return ST_OK;
        }
    }
    return keyset_generate(s, role, algorithm, bits, now, ret);
}

static enum status begin_role(struct keyset *s, enum key_role role, const struct sign_policy *p,
                              uint64_t now)
{
    struct zone_key *k;
    TRY(keyset_fresh(s, role, p->algorithm, p->rsa_bits, now, &k));
    k->at[KEY_PUBLISH] = k->at[KEY_ACTIVE] = now;
    if (role != KEY_ZSK)
        k->at[KEY_SYNC] = now;
    return ST_OK;
}

enum status keyset_begin(struct keyset *s, const struct sign_policy *p, uint64_t now,
                         bool *ret_made)
{
    *ret_made = false;
    for (unsigned i = 0; i < s->n; i++)
        if (key_in_use(&s->key[i], now))
            return ST_OK;
    TRY(begin_role(s, p->split ? KEY_KSK : KEY_CSK, p, now));
    if (p->split)
        TRY(begin_role(s, KEY_ZSK, p, now));
    *ret_made = true;
    return ST_OK;
}

enum status keyset_delete(struct keyset *s, uint16_t tag, uint64_t now, bool force, struct diag *d)
{
    struct zone_key *k = keyset_find(s, tag);
    if (k == NULL) {
        diag_set(d, SEV_ERROR, "no-such-key", NULL, "the zone has no key %u", tag);
        return ST_ENOTFOUND;
    }
    enum key_state st = key_state_at(k, now);
    if (!force && st != KEY_STATE_REMOVED && !key_unused(k)) {
        diag_set(d, SEV_ERROR, "key-in-use", "retire it first, or --force",
                 "key %u is %s: without it the zone may not be validated", tag, key_state_name(st));
        return ST_ESEMANTIC;
    }
    keyset_drop(s, k);
    return ST_OK;
}

/* --- What a key does --- */

bool key_in_zone(const struct zone_key *k, uint64_t now)
{
    return key_past(k, KEY_PUBLISH, now) && !key_past(k, KEY_REMOVE, now);
}

bool key_signs_zone(const struct zone_key *k, uint64_t now)
{
    return k->role != KEY_KSK && k->secret.n > 0 && key_past(k, KEY_ACTIVE, now) &&
           !key_past(k, KEY_RETIRE, now);
}

bool key_signs_keys(const struct zone_key *k, uint64_t now)
{
    return k->role != KEY_ZSK && k->secret.n > 0 && key_in_zone(k, now) &&
           (k->role == KEY_CSK ? k->at[KEY_ACTIVE] != 0 : key_past(k, KEY_ACTIVE, now));
}

bool key_wants_ds(const struct zone_key *k, uint64_t now)
{
    return k->role != KEY_ZSK && key_in_zone(k, now) && key_past(k, KEY_SYNC, now) &&
           !key_past(k, KEY_UNSYNC, now) && !key_past(k, KEY_RETIRE, now);
}

enum key_state key_state_at(const struct zone_key *k, uint64_t now)
{
    bool removed = key_past(k, KEY_REMOVE, now), retired = key_past(k, KEY_RETIRE, now);
    if (removed && (retired || k->at[KEY_RETIRE] == 0))
        return KEY_STATE_REMOVED;
    if (removed || retired || key_past(k, KEY_UNSYNC, now))
        return KEY_STATE_RETIRED;
    if (!key_past(k, KEY_PUBLISH, now))
        return key_past(k, KEY_ACTIVE, now) ? KEY_STATE_PUBLISHED : KEY_STATE_GENERATED;
    if (k->role != KEY_ZSK && k->at[KEY_SYNC] != 0 && !key_past(k, KEY_DS_SEEN, now))
        return key_past(k, KEY_SYNC, now) ? KEY_STATE_READY : KEY_STATE_PUBLISHED;
    return key_past(k, KEY_ACTIVE, now) ? KEY_STATE_ACTIVE : KEY_STATE_PUBLISHED;
}

uint64_t keyset_next_change(const struct keyset *s, uint64_t now)
{
    uint64_t next = 0;
    for (unsigned i = 0; i < s->n; i++)
        for (int m = 0; m < KEY_MOMENTS; m++) {
            uint64_t t = s->key[i].at[m];
            if (t > now && m != KEY_CREATED && (next == 0 || t < next))
                next = t;
        }
    return next;
}

/* --- For the signer --- */

static enum status open_secret(const struct zone_key *k, struct sec_key **ret, struct diag *d)
{
    struct diag why = {0};
    uint8_t rdata[DNSKEY_RDATA_MAX];
    struct writer w = wr_of(rdata, sizeof rdata);
    enum status st = sec_key_private(k->secret, ret, &why);
    if (st == ST_OK &&
        (dnskey_write(*ret, k->flags, &w) != ST_OK || !bytes_equal(wr_done(&w), k->dnskey))) {
        sec_key_free(*ret);
        *ret = NULL;
        st = ST_EFORMAT;
        diag_set(&why, SEV_ERROR, "", NULL, "it does not belong to the public half");
    }
    if (st != ST_OK)
        diag_set(d, SEV_ERROR, "bad-private-key", NULL,
                 "the private half of key %u cannot be used: %s", k->tag,
                 why.message[0] != '\0' ? why.message : status_text(st));
    return st;
}

enum status keyset_sign_keys(const struct keyset *s, const struct sign_policy *p, uint64_t now,
                             struct sign_key *ret, unsigned *ret_n, struct diag *d)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->n; i++) {
        const struct zone_key *k = &s->key[i];
        struct sign_key *v = &ret[n];
        *v = (struct sign_key){
            .dnskey = k->dnskey,
            .tag = k->tag,
            .algorithm = k->algorithm,
            .publish = key_in_zone(k, now),
            .sign_keys = key_signs_keys(k, now),
            .sign_zone = key_signs_zone(k, now),
            .cds = (p == NULL || p->cds == CDS_ALWAYS) && key_wants_ds(k, now),
        };
        if (!v->publish && !v->sign_zone)
            continue;
        enum status st = v->sign_keys || v->sign_zone ? open_secret(k, &v->key, d) : ST_OK;
        if (st != ST_OK) {
            sign_keys_free(ret, n);
            return st;
        }
        n++;
    }
    *ret_n = n;
    return ST_OK;
}

void sign_keys_free(struct sign_key *v, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sec_key_free(v[i].key);
        v[i].key = NULL;
    }
}
