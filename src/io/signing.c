#include "io/signing.h"

#include "base/hash.h"
#include "base/when.h"
#include "dnssec/online.h"
#include "dnssec/rrsig.h"
#include "dnssec/verify.h"
#include "io/clock.h"
#include "io/jobs.h"
#include "io/key_store.h"
#include "io/log.h"
#include "zone/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    RETRY_S = 60,       /* after a failure */
    ONLINE_S = 86400,   /* how often a zone signed when asked looks after its keys */
    ALONE_NAMES = 5000, /* zones with fewer are signed on one thread: others load beside them */
    LAST_MOMENT_S = 3600,
    CLOCK_SLACK_S = 86400,
    CLOCK_WAIT_S = 900,
    PROGRAM_S = 1763856000, /* 2025-11-23 */
    CACHE_S = 604800        /* nothing is held longer (RFC 8767 section 4) */
};

struct signing {
    _Atomic(struct key_store *) store; /* NULL until the first zone needs it; set once */
    char dir[STATE_DIR_MAX];
    int lock_fd;               /* -1: not yet */
    pthread_mutex_t lock;      /* of opening */
    _Atomic uint64_t doubt_us; /* since when the clock has been doubted, monotonic; 0: never */
    struct signing_counters count;
};

struct signing *signing_new(void)
{
    struct signing *g = calloc(1, sizeof *g);
    if (g != NULL) {
        g->lock_fd = -1;
        pthread_mutex_init(&g->lock, NULL);
    }
    return g;
}

void signing_free(struct signing *g)
{
    if (g == NULL)
        return;
    key_store_close(g->store);
    if (g->lock_fd >= 0)
        close(g->lock_fd);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

const struct signing_counters *signing_counters(const struct signing *g)
{
    return &g->count;
}

bool signing_wants(const char *word)
{
    return word != NULL && strcmp(word, "off") != 0;
}

void zone_signing_free(struct zone_signing *s)
{
    free(s->theirs_bytes);
    *s = (struct zone_signing){0};
}

/* Gives s its own copy of the sets. */
static bool keep_theirs(struct zone_signing *s, const struct rrset theirs[THEIR_SETS])
{
    size_t n = 1;
    for (int i = 0; i < THEIR_SETS; i++)
        n += theirs[i].rdata_size;
    uint8_t *p = s->theirs_bytes = malloc(n);
    if (p == NULL)
        return false;
    for (int i = 0; i < THEIR_SETS; i++) {
        s->theirs[i] = theirs[i];
        s->theirs[i].owner = name_root;
        s->theirs[i].rdata = p;
        if (theirs[i].rdata_size > 0)
            memcpy(p, theirs[i].rdata, theirs[i].rdata_size);
        p += theirs[i].rdata_size;
    }
    return true;
}

struct zone_signing zone_signing_copy(const struct zone_signing *s)
{
    struct zone_signing c = *s;
    c.theirs_bytes = NULL;
    c.on = s->on && keep_theirs(&c, s->theirs);
    return c;
}

/* --- Policy --- */

static struct sign_policy policy_of(const struct config *c, const char *word)
{
    static const uint8_t algorithms[] = CONFIG_ALGORITHMS;
    const struct config_policy *f = config_policy_find(c, word);
    struct sign_policy p = sign_policy_default();
    if (f == NULL)
        return p;
    p.algorithm = algorithms[f->algorithm];
    p.rsa_bits = f->rsa_bits;
    p.split = f->keys != 0;
    p.denial = f->denial;
    p.opt_out = f->opt_out;
    p.serial = f->serial;
    p.cds = f->cds;
    p.zonemd = f->zonemd;
    p.validity_s = f->validity_s;
    p.refresh_s = f->refresh_s;
    p.jitter_s = f->jitter_s;
    p.backdate_s = f->backdate_s;
    p.dnskey_ttl_s = f->dnskey_ttl_s;
    p.propagation_s = f->propagation_s;
    p.ds_ttl_s = f->ds_ttl_s;
    return p;
}

static uint64_t policy_hash(const struct sign_policy *p)
{
    static const struct hash_key key = {3, 4};
    const uint32_t v[] = {p->algorithm,    p->rsa_bits,      p->split,    p->denial,
                          p->opt_out,      p->serial,        p->cds,      p->zonemd,
                          p->validity_s,   p->refresh_s,     p->jitter_s, p->backdate_s,
                          p->dnskey_ttl_s, p->propagation_s, p->ds_ttl_s};
    return siphash13(&key, v, sizeof v);
}

bool signing_other_policy(const struct config *c, const char *word, const struct zone_signing *s)
{
    struct sign_policy p = policy_of(c, word);
    return s->on && signing_wants(word) && policy_hash(&p) != s->policy;
}

/* --- Keys --- */

/* One server a state folder: two would give one serial number to different contents. */
static enum status lock_state(struct signing *g, struct diag *d)
{
    char path[STATE_DIR_MAX + 16];
    snprintf(path, sizeof path, "%s/server.lock", g->dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        diag_set(d, SEV_ERROR, "state-dir", NULL, "cannot open %s: %s", path, strerror(errno));
        return ST_EIO;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        diag_set(d, SEV_ERROR, "state-dir-in-use", "give each server its own dnssec.state-dir",
                 "another banyand signs with the state folder %s", g->dir);
        return ST_EEXIST;
    }
    g->lock_fd = fd;
    return ST_OK;
}

static enum status open_store(struct signing *g, const struct config *c, struct diag *d)
{
    enum status st = ST_OK;
    pthread_mutex_lock(&g->lock);
    if (g->store == NULL)
        st = key_store_dir(c->dnssec.state_dir, g->dir, d);
    struct key_store *fresh = NULL;
    if (st == ST_OK && g->store == NULL &&
        (st = key_store_open(g->dir, false, &fresh, d)) == ST_OK) {
        st = g->lock_fd >= 0 ? ST_OK : lock_state(g, d);
        if (st == ST_OK) {
            signed_copy_sweep(g->dir);
            g->store = fresh;
        } else {
            key_store_close(fresh);
        }
    }
    pthread_mutex_unlock(&g->lock);
    return st;
}

static uint64_t keys_hash(const struct keyset *s)
{
    static const struct hash_key key = {1, 2};
    struct text t = text_heap(KEYSET_TEXT_MAX);
    uint64_t h = keyset_text(s, &t) == ST_OK ? siphash13(&key, t.p, t.n) : 0;
    if (t.p != NULL)
        explicit_bzero(t.p, t.n);
    text_free(&t);
    return h;
}

struct beginning {
    const struct sign_policy *policy;
    uint64_t now, last; /* last: when the zone was signed last; 0: never */
    bool made;
};

static enum status begin_keys(void *ctx, struct keyset *s, struct diag *d)
{
    struct beginning *b = ctx;
    /* Changes of keys that nobody carried out, because the server was off, begin now. */
    (void)keyset_put_off(s, b->last, b->now, b->policy->propagation_s);
    enum status st = keyset_begin(s, b->policy, b->now, &b->made);
    if (st != ST_OK && d->message[0] == '\0')
        diag_set(d, SEV_ERROR, "no-keys", NULL, "no keys could be made: %s", status_text(st));
    return st;
}

/* The keys of the zone, the first ones made. */
static enum status take_keys(struct signing *g, const struct signing_task *t,
                             const struct sign_policy *p, uint64_t now, uint64_t last,
                             struct keyset *ret, struct diag *d)
{
    struct beginning b = {p, now, last, false};
    char name[NAME_TEXT_MAX], path[4096];
    enum status st = key_store_get(g->store, t->name, ret, d);
    if (st == ST_OK)
        keyset_free(ret);
    else if (st != ST_ENOTFOUND)
        return st;
    /* New keys would make the zone bogus for everybody who has the DS of the old ones. */
    if (st == ST_ENOTFOUND && signed_copy_path(g->dir, t->name, path)) {
        diag_set(d, SEV_ERROR, "keys-lost",
                 "put the keys back (banyan keys import), or remove that file to begin anew",
                 "the zone was signed before (%s), but its keys are not in %s", path,
                 key_store_path(g->store));
        return ST_ESEMANTIC;
    }
    TRY(key_store_update(g->store, t->name, begin_keys, &b, d));
    if (b.made)
        log_event(LEVEL_INFO, "keys-made", "zone=%s next=\"banyan keys status %s\"",
                  name_str(t->name, name), name);
    return key_store_get(g->store, t->name, ret, d);
}

/* --- Signing --- */

/* One run, from keys to a zone on disk. */
struct run {
    struct signing *g;
    const struct signing_task *t;
    struct sign_plan plan;
    struct sign_key key[KEYSET_KEYS];
    struct keyset keys;
    struct key_store_state last; /* zero: never signed */
    bool remembers;              /* the store told so */
    struct zone *copy;           /* read back from disk */
    struct rrset theirs[THEIR_SETS];
    uint32_t source_serial;
    struct sign_stats stats;
};

static void find_theirs(struct run *r)
{
    static const uint16_t types[THEIR_SETS] = {RR_DNSKEY, RR_CDS, RR_CDNSKEY};
    const struct zone *z = r->t->source;
    if (z == NULL) {
        memcpy(r->theirs, r->t->state->theirs, sizeof r->theirs);
        r->source_serial = r->t->state->source_serial;
        return;
    }
    r->source_serial = zone_serial(z);
    for (int i = 0; i < THEIR_SETS; i++)
        if (!zone_rrset(z, zone_apex(z), types[i], name_root, &r->theirs[i]))
            r->theirs[i] = (struct rrset){.owner = name_root, .type = types[i], .rclass = CLASS_IN};
}

static void pass_by(void *ctx, const struct zone_finding *f)
{
    (void)ctx;
    (void)f;
}

/* Without the store nobody knows what the copy on disk should be: its signatures must say it. */
static bool verifies(const struct run *r, const struct zone *z)
{
    struct zone_verify_options opt = {.now = r->plan.now};
    struct zone_verify_result res;
    return zone_verify(z, &opt, pass_by, NULL, &res) == ST_OK && res.errors == 0;
}

/* The version signed last: served now, or kept on disk. */
static const struct zone *find_old(struct run *r)
{
    if (r->t->before != NULL && r->t->state->on)
        return r->t->before;
    if (r->copy == NULL && r->last.at != 0 &&
        signed_copy_read(r->g->dir, r->t->name, r->last.digest, &r->copy) != ST_OK)
        r->copy = NULL;
    if (r->copy == NULL && !r->remembers &&
        signed_copy_read(r->g->dir, r->t->name, NULL, &r->copy) == ST_OK && !verifies(r, r->copy)) {
        zone_drop(r->copy);
        r->copy = NULL;
    }
    return r->copy;
}

static void another_change(void *ctx, const struct zone_change *c)
{
    bool *any = ctx;
    bool serial = c->type == RR_SOA || c->type == RR_ZONEMD ||
                  (c->type == RR_RRSIG &&
                   (get_be16(c->rdata.p) == RR_SOA || get_be16(c->rdata.p) == RR_ZONEMD));
    *any = *any || !serial;
}

/* The SOA of both but for its serial. */
static bool same_soa(const struct zone *a, const struct zone *b)
{
    struct rrset x, y;
    if (!zone_rrset(a, zone_apex(a), RR_SOA, name_root, &x) ||
        !zone_rrset(b, zone_apex(b), RR_SOA, name_root, &y) || x.ttl != y.ttl)
        return false;
    const uint8_t *p = x.rdata, *q = y.rdata;
    struct bytes v = rdata_next(&p), w = rdata_next(&q);
    size_t serial = name_len(v.p);
    serial += name_len(v.p + serial);
    size_t behind = serial + 4;
    return v.n == w.n && memcmp(v.p, w.p, serial) == 0 &&
           memcmp(v.p + behind, w.p + behind, v.n - behind) == 0;
}

/* True if the new version says nothing but a new serial, and nobody asked for that. */
static bool nothing_new(const struct run *r, const struct zone *old, const struct zone *z)
{
    bool any = false;
    uint64_t changes;
    return old != NULL && r->source_serial == r->last.source_serial &&
           zone_stats(old).records == zone_stats(z).records && same_soa(old, z) &&
           r->stats.made <= 2 * (uint64_t)r->plan.keys && /* SOA and ZONEMD */
           zone_diff(old, z, another_change, &any, &changes) == ST_OK && !any;
}

/* Whether the sets with the serial in them are signed for long enough yet in the version served:
 * nothing_new() does not see them. Their end is what the zone's may be now. */
static bool serial_lasts(struct run *r, const struct zone *old)
{
    static const uint16_t types[] = {RR_SOA, RR_ZONEMD};
    uint64_t refresh = r->plan.policy.refresh_s, first = UINT64_MAX;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct rrset sigs;
        if (!zone_rrsig(old, zone_apex(old), types[i], name_root, &sigs)) {
            if (types[i] == RR_SOA)
                return false;
            continue;
        }
        struct rdata_iter it = rdata_iter(&sigs);
        for (struct bytes rd; rdata_iter_next(&it, &rd);) {
            int64_t left = (int32_t)(get_be32(rd.p + 8) - (uint32_t)r->plan.now);
            if (left <= (int64_t)refresh)
                return false;
            first = MIN(first, r->plan.now + (uint64_t)left);
        }
    }
    r->stats.expires = MIN(r->stats.expires, first);
    r->stats.due = MIN(r->stats.due, first - refresh);
    return true;
}

/* Gives the zone its signer. like: a version with the same content, whose serial it keeps, or NULL.
 */
static enum status attach(struct run *r, const struct zone *like, struct zone **z, struct diag *d)
{
    struct online_zone *oz;
    const struct signing_task *t = r->t;
    if (like != NULL && zone_serial(like) != zone_serial(*z)) {
        zone_drop(*z);
        *z = NULL;
        r->plan.serial = zone_serial(like);
        TRY(zone_sign(t->source != NULL ? t->source : t->before, &r->plan, NULL, z, &r->stats, d));
    }
    TRY(online_zone_new(zone_origin(*z), &r->plan, &oz));
    zone_attach(*z, oz, online_zone_free);
    return ST_OK;
}

/* The longest TTL of what is signed: caches hold signatures so long (RFC 7583 section 3.2.1). */
static uint32_t longest_ttl(const struct zone *z)
{
    uint32_t names = (uint32_t)zone_stats(z).names, ttl = 0;
    for (uint32_t i = 0; i < names; i++) {
        const struct zone_node *n = zone_node_at(z, i);
        uint32_t cursor = 0;
        struct rrset set;
        while (!zone_node_hidden(n) && zone_rrset_next(z, n, name_root, &cursor, &set))
            if (!zone_node_cut(n) || set.type == RR_DS || set.type == RR_NSEC)
                ttl = MAX(ttl, set.ttl);
    }
    return MIN(ttl, (uint32_t)CACHE_S);
}

/* How long caches hold what is published: `banyan keys` plans rolls with it. */
static void set_times(const struct run *r, uint32_t zone_ttl_s, struct key_store_state *s)
{
    const struct sign_policy *p = &r->plan.policy;
    s->dnskey_ttl_s = p->dnskey_ttl_s;
    s->propagation_s = p->propagation_s;
    s->ds_ttl_s = p->ds_ttl_s;
    s->zone_ttl_s = zone_ttl_s;
}

/* A change of keys that shows nowhere in the zone was carried out, too: else it would be put off
 * with all behind it, again and again. */
static enum status carried_out(struct run *r, const struct zone *z, struct diag *d)
{
    struct key_store_state now = r->last;
    uint64_t moment = keyset_next_change(&r->keys, r->last.at);
    set_times(r, longest_ttl(z), &now);
    if (moment != 0 && moment <= r->plan.now)
        now.at = r->plan.now;
    if (!r->remembers || memcmp(&now, &r->last, sizeof now) == 0)
        return ST_OK;
    return key_store_state_put(r->g->store, r->t->name, &now, d);
}

static enum status publish(struct run *r, const struct zone *old, struct zone **z, struct diag *d)
{
    struct key_store_state now = {
        .source_serial = r->source_serial, .signed_serial = zone_serial(*z), .at = r->plan.now};
    bool same = nothing_new(r, old, *z);
    if (r->plan.policy.denial == DENIAL_COMPACT) {
        TRY(attach(r, same ? old : NULL, z, d));
        now.signed_serial = zone_serial(*z);
    } else if (same && serial_lasts(r, old)) {
        zone_drop(*z);
        *z = zone_take((struct zone *)(uintptr_t)old);
        return carried_out(r, old, d);
    }
    set_times(r, longest_ttl(*z), &now);
    TRY(signed_copy_write(r->g->dir, *z, now.digest, d));
    return key_store_state_put(r->g->store, r->t->name, &now, d);
}

/* What is served when signing failed: what was served until now, also if it was not signed; at the
 * start the last signed version, if there is one. If that is about to expire, and the new one could
 * only not be written to disk, then the new one: a serial that may be used again after a crash does
 * less harm than a zone nobody can validate. */
static struct zone *fallback(struct run *r, struct zone *z, enum status st)
{
    const struct zone *old = r->t->before != NULL ? r->t->before : find_old(r);
    bool ends = old == NULL || (r->t->state->on && r->t->state->expires != 0 &&
                                r->t->state->expires < r->plan.now + LAST_MOMENT_S);
    struct rrset sigs; /* a zone that is signed when it is asked for has none on the disk */
    ends |=
        old != NULL && old == r->copy && !zone_rrsig(old, zone_apex(old), RR_SOA, name_root, &sigs);
    if (z != NULL && st == ST_EIO && ends)
        return z;
    zone_drop(z);
    return old != NULL ? zone_take((struct zone *)(uintptr_t)old) : NULL;
}

/* A clock that stands before this program was written makes signatures that nobody takes. One that
 * stands before the last signing is either behind, and will come right when the time service has
 * been reached, or was ahead then: it is believed after a while. */
static enum status check_clock(const struct run *r, struct diag *d)
{
    uint64_t least = MAX((uint64_t)PROGRAM_S, r->last.at), mono = now_read().mono_us, none = 0;
    char now[32], was[32];
    struct text tn = text_of(now, sizeof now), tw = text_of(was, sizeof was);
    if (r->plan.now + CLOCK_SLACK_S >= least)
        return ST_OK;
    atomic_compare_exchange_strong(&r->g->doubt_us, &none, mono);
    if (r->plan.now >= PROGRAM_S &&
        mono - atomic_load(&r->g->doubt_us) >= (uint64_t)CLOCK_WAIT_S * 1000000u)
        return ST_OK;
    when_text(r->plan.now, &tn);
    when_text(least, &tw);
    diag_set(d, SEV_ERROR, "clock", "set the clock; signing goes on by itself",
             "the clock says %s, but it was %s before", now, was);
    return ST_ESEMANTIC;
}

/* When the first signature expires of a version whose signing nobody remembers; 0: it has none. */
static uint64_t first_expiry(const struct zone *z, uint64_t now)
{
    uint32_t names = z != NULL ? (uint32_t)zone_stats(z).names : 0;
    uint64_t first = 0;
    for (uint32_t i = 0; i < names; i++) {
        struct rrset set;
        uint32_t cursor = 0;
        while (zone_rrset_next(z, zone_node_at(z, i), name_root, &cursor, &set)) {
            struct rdata_iter it = rdata_iter(&set);
            struct rrsig g;
            for (struct bytes rd; set.type == RR_RRSIG && rdata_iter_next(&it, &rd);) {
                if (!rrsig_read(rd, &g))
                    continue;
                uint64_t at = now + (uint64_t)(int64_t)(int32_t)(g.expiration - (uint32_t)now);
                first = first == 0 ? at : MIN(first, at);
            }
        }
    }
    return first;
}

static enum status sign(struct run *r, struct zone **ret, struct diag *d)
{
    const struct signing_task *t = r->t;
    unsigned n = 0;
    enum status st = key_store_state_get(r->g->store, t->name, &r->last, d);
    if (st != ST_OK && st != ST_ENOTFOUND)
        return st;
    r->remembers = st == ST_OK;
    TRY(check_clock(r, d));
    TRY(take_keys(r->g, t, &r->plan.policy, r->plan.now, r->last.at, &r->keys, d));
    TRY(keyset_sign_keys(&r->keys, &r->plan.policy, r->plan.now, r->key, &n, d));
    r->plan.key = r->key;
    r->plan.keys = n;
    const struct zone *old = find_old(r), *in = t->source != NULL ? t->source : t->before;
    struct sign_jobs jobs =
        jobs_threads(zone_stats(in).names < ALONE_NAMES ? 1 : t->config->dnssec.jobs);
    r->plan.old = r->plan.policy.denial == DENIAL_COMPACT ? NULL : old;
    r->plan.theirs = r->theirs;
    r->plan.serial =
        sign_serial_next(&r->plan.policy, r->source_serial, r->last.signed_serial, r->plan.now);
    TRY(zone_sign(in, &r->plan, &jobs, ret, &r->stats, d));
    return publish(r, old, ret, d);
}

static void tell(const struct run *r, enum status st, struct diag *d, bool served, struct text *say)
{
    char name[NAME_TEXT_MAX];
    name_str(r->t->name, name);
    if (d->message[0] == '\0')
        diag_set(d, SEV_ERROR, "not-signed", NULL, "%s", status_text(st));
    text_fmt(say, "zone %s: error: not signed: %s%s\n", name, d->message,
             served ? " (its last signatures go on being served)" : "");
    if (d->hint[0] != '\0')
        text_fmt(say, "    hint: %s\n", d->hint);
    log_event(LEVEL_ERROR, "sign-failed", "zone=%s reason=\"%s\" hint=\"%s\" served=%s", name,
              d->message, d->hint, served ? "the last signed version" : "nothing");
}

static void note(struct run *r, const struct zone *z, bool changed, struct zone_signing *ret)
{
    char name[NAME_TEXT_MAX];
    struct signing_counters *c = &r->g->count;
    ret->expires = r->stats.expires;
    ret->due = r->plan.policy.denial == DENIAL_COMPACT ? r->plan.now + ONLINE_S : r->stats.due;
    /* With a clock or a policy out of joint it would be due at once, for ever. */
    ret->due = MAX(ret->due, r->plan.now + RETRY_S);
    ret->key_change = keyset_next_change(&r->keys, r->plan.now);
    ret->keys = keys_hash(&r->keys);
    ret->at = r->plan.now;
    if (!changed)
        return;
    atomic_fetch_add(&c->runs, 1);
    atomic_fetch_add(&c->made, r->stats.made);
    atomic_fetch_add(&c->kept, r->stats.kept);
    log_event(LEVEL_INFO, "zone-signed", "zone=%s serial=%u made=%llu kept=%llu due_s=%llu",
              name_str(r->t->name, name), zone_serial(z), (unsigned long long)r->stats.made,
              (unsigned long long)r->stats.kept, (unsigned long long)(ret->due - r->plan.now));
}

enum status signing_run(struct signing *g, const struct signing_task *t,
                        struct zone_signing *ret_state, struct zone **ret, struct text *say)
{
    struct diag d = {0};
    struct run *r = calloc(1, sizeof *r);
    struct zone *z = NULL;
    *ret = NULL;
    if (r == NULL)
        return ST_ENOMEM;
    r->g = g;
    r->t = t;
    r->plan.policy = policy_of(t->config, t->word);
    r->plan.now = now_read().wall_s;
    keyset_init(&r->keys, t->name);
    find_theirs(r);
    *ret_state = (struct zone_signing){
        .on = true, .source_serial = r->source_serial, .policy = policy_hash(&r->plan.policy)};
    enum status st = keep_theirs(ret_state, r->theirs) ? open_store(g, t->config, &d) : ST_ENOMEM;
    if (st == ST_OK)
        st = sign(r, &z, &d);
    if (st == ST_OK) {
        note(r, z, z != t->before && z != r->copy, ret_state);
        *ret = z;
    } else {
        *ret = fallback(r, z, st);
        ret_state->failing = true;
        ret_state->due = r->plan.now + RETRY_S;
        ret_state->expires = *ret == z && z != NULL              ? r->stats.expires
                             : t->before != NULL && t->state->on ? t->state->expires
                                                                 : first_expiry(*ret, r->plan.now);
        atomic_fetch_add(&g->count.failures, 1);
        tell(r, st, &d, *ret != NULL, say);
    }
    zone_drop(r->copy);
    sign_keys_free(r->key, r->plan.keys);
    keyset_free(&r->keys);
    free(r);
    return st;
}

static bool keys_changed(struct signing *g, const uint8_t *name, const struct zone_signing *s)
{
    struct keyset keys;
    struct diag d = {0};
    if (g->store == NULL || key_store_get(g->store, name, &keys, &d) != ST_OK)
        return false;
    bool changed = keys_hash(&keys) != s->keys;
    keyset_free(&keys);
    return changed;
}

bool signing_due(struct signing *g, const uint8_t *name, const struct zone_signing *s, uint64_t now,
                 bool look)
{
    if (!s->on)
        return false;
    if (now >= s->due || (s->key_change != 0 && now >= s->key_change))
        return true;
    /* The clock was ahead and has come right: signatures from the future are of no use. */
    if (!s->failing && now + CLOCK_SLACK_S < s->at)
        return true;
    return look && !s->failing && keys_changed(g, name, s);
}

uint64_t signing_revision(const struct signing *g)
{
    return g->store != NULL ? key_store_revision(g->store) : 0;
}
