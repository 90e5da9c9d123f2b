#include "io/anchor_keeper_impl.h"

#include "base/limits.h"
#include "io/clock.h"
#include "io/log.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 1024 };

static bool trusted(enum roll_state s)
{
    return s == ROLL_VALID || s == ROLL_MISSING;
}

static void complain(const struct diag *d, struct text *say)
{
    log_diag("trust-anchors", d);
    if (say != NULL)
        diag_text(d, false, say);
}

struct anchor_keeper *anchor_keeper_new(const char *dir, struct text *say)
{
    struct diag d = {0};
    struct anchor_keeper *k = calloc(1, sizeof *k);
    if (k == NULL)
        return NULL;
    pthread_mutex_init(&k->change, NULL);
    pthread_mutex_init(&k->lock, NULL);
    k->dir = strdup(dir);
    if (k->dir == NULL) {
        anchor_keeper_free(k);
        return NULL;
    }
    if (anchor_state_dir(dir, &d) != ST_OK)
        complain(&d, say);
    return k;
}

void anchor_keeper_free(struct anchor_keeper *k)
{
    if (k == NULL)
        return;
    for (unsigned i = 0; i < k->n; i++)
        free(k->point[i]);
    pthread_mutex_destroy(&k->change);
    pthread_mutex_destroy(&k->lock);
    anchors_free(k->unusable);
    free(k->dir);
    free(k);
}

uint64_t anchor_keeper_version(const struct anchor_keeper *k)
{
    return atomic_load(&k->version);
}

static struct anchor_point *find(const struct anchor_keeper *k, const uint8_t *zone)
{
    for (unsigned i = 0; i < k->n; i++)
        if (name_equal(k->point[i]->roll.zone.w, zone))
            return k->point[i];
    return NULL;
}

/* --- What happened, for the log --- */

static void set_alarm(struct anchor_point *p, enum anchor_alarm a, bool on)
{
    p->alarms = (p->alarms & ~(1u << a)) | (unsigned)on << a;
}

/* Logs each change; true if others are trusted than before. */
static bool tell_changes(struct anchor_keeper *k, const uint8_t *zone, const struct roll_report *r)
{
    bool others = false;
    char buf[LINE], name[NAME_TEXT_MAX];
    for (unsigned i = 0; i < r->n; i++) {
        const struct roll_change *c = &r->change[i];
        struct text t = text_of(buf, sizeof buf);
        roll_change_text(zone, c, &t);
        bool matters = trusted(c->from) != trusted(c->to);
        log_event(c->to == ROLL_REVOKED || c->to == ROLL_MISSING ? LEVEL_WARNING : LEVEL_INFO,
                  "trust-anchor", "zone=%s tag=%u from=%s to=%s text=\"%s\"", name_str(zone, name),
                  c->tag, roll_state_name(c->from), roll_state_name(c->to), buf);
        others |= matters;
    }
    pthread_mutex_lock(&k->lock);
    k->count.changes += r->n;
    pthread_mutex_unlock(&k->lock);
    return others;
}

static void tell_lost(const uint8_t *zone)
{
    char name[NAME_TEXT_MAX];
    log_event(LEVEL_ERROR, "trust-anchor-lost",
              "zone=%s text=\"every key of this trust point was revoked by its owner: names below "
              "it are no longer validated by it (RFC 5011 section 5)\" act=\"%s\"",
              name_str(zone, name), roll_outcome_act(ROLL_ALL_REVOKED));
}

/* --- Files --- */

/* Writes a state; the alarm tells how that went. p is reached by this thread alone, or `change` is
 * held. */
static void save(struct anchor_keeper *k, struct anchor_point *p, const struct anchor_roll *r,
                 struct text *say)
{
    struct diag d = {0};
    enum status st = anchor_state_write(p->path, r, &d);
    if (st != ST_OK) {
        if (d.message[0] == '\0')
            diag_set(&d, SEV_ERROR, "trust-anchor-state", NULL, "cannot write %s: %s", p->path,
                     status_text(st));
        complain(&d, say);
    }
    pthread_mutex_lock(&k->lock);
    set_alarm(p, ANCHOR_UNWRITTEN, st != ST_OK);
    k->count.writes += st == ST_OK;
    k->count.write_failures += st != ST_OK;
    pthread_mutex_unlock(&k->lock);
}

/* A file that is refused is put aside, so that nobody takes it for the state, and can be looked
 * at. */
static void refuse(struct anchor_point *p, enum status st, struct diag *d, struct text *say)
{
    struct diag then = {0};
    char name[NAME_TEXT_MAX];
    if (d->message[0] == '\0')
        diag_set(d, SEV_ERROR, "trust-anchor-state", NULL, "the state file: %s", status_text(st));
    d->severity = SEV_WARNING;
    complain(d, say);
    diag_set(&then, SEV_WARNING, "trust-anchor-state", "see that those are the present ones",
             "the state of %s cannot be used%s: its configured trust anchors are",
             name_str(p->roll.zone.w, name), st == ST_EIO ? "" : " and is put aside as .bad");
    complain(&then, say);
    set_alarm(p, ANCHOR_REFUSED, true);
    if (st != ST_EIO && anchor_state_aside(p->path, &then) != ST_OK)
        complain(&then, say);
}

/* A trust point that is new here. */
static enum status point_new(struct anchor_keeper *k, const uint8_t *zone, struct text *say,
                             struct anchor_point **ret, bool *ret_known)
{
    struct diag d = {0};
    char name[NAME_TEXT_MAX];
    struct anchor_point *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ST_ENOMEM;
    anchor_roll_init(&p->roll, zone);
    enum status st = ST_ENOTFOUND;
    if (anchor_state_path(k->dir, zone, p->path))
        st = anchor_state_read(p->path, zone, &p->roll, &d);
    if (st == ST_ENOMEM) {
        free(p);
        return st;
    }
    if (st == ST_OK)
        log_event(LEVEL_INFO, "trust-anchors-read", "zone=%s keys=%u file=%s", name_str(zone, name),
                  p->roll.n, p->path);
    else if (st != ST_ENOTFOUND)
        refuse(p, st, &d, say);
    *ret_known = st == ST_OK;
    *ret = p;
    return ST_OK;
}

/* --- Configured --- */

/* Brings one configured set in, and its state to the disk. */
static enum status configure(struct anchor_keeper *k, const struct rrset *ds, struct text *say)
{
    struct anchor_point *p = find(k, ds->owner);
    struct roll_report report;
    bool known = true, old = p != NULL;
    if (!old) {
        if (k->n == LIMIT_ANCHORS)
            return ST_ELIMIT;
        TRY(point_new(k, ds->owner, say, &p, &known));
    }
    struct anchor_roll after = p->roll;
    enum status st = anchor_roll_configure(&after, ds, now_read(), &report);
    if (st == ST_ELIMIT) {
        char name[NAME_TEXT_MAX];
        struct diag d = {.file = p->path};
        diag_set(&d, SEV_WARNING, "trust-anchors", "remove the state file to begin anew",
                 "no more keys can be trusted for %s: configured ones are left out",
                 name_str(ds->owner, name));
        complain(&d, say);
        after = p->roll;
        report = (struct roll_report){.outcome = ROLL_SEEN};
    }
    (void)tell_changes(k, ds->owner, &report);
    if (report.outcome == ROLL_ALL_REVOKED)
        tell_lost(ds->owner);
    if (report.save || !known || (p->alarms & 1u << ANCHOR_UNWRITTEN))
        save(k, p, &after, say);
    pthread_mutex_lock(&k->lock);
    p->roll = after;
    p->wanted = true;
    if (old)
        set_alarm(p, ANCHOR_REFUSED, false); /* somebody was there */
    set_alarm(p, ANCHOR_FULL, st == ST_ELIMIT);
    set_alarm(p, ANCHOR_LOST, report.outcome == ROLL_ALL_REVOKED);
    if (!old)
        k->point[k->n++] = p;
    pthread_mutex_unlock(&k->lock);
    return ST_OK;
}

/* Forgets trust points that are not configured any more; their files stay. */
static void drop_unwanted(struct anchor_keeper *k)
{
    unsigned n = 0;
    pthread_mutex_lock(&k->lock);
    for (unsigned i = 0; i < k->n; i++) {
        if (k->point[i]->wanted)
            k->point[n++] = k->point[i];
        else
            free(k->point[i]);
    }
    k->n = n;
    pthread_mutex_unlock(&k->lock);
}

static enum status add_unusable(struct anchors *to, const struct rrset *set)
{
    struct rdata_iter it = rdata_iter(set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        TRY(anchors_add_unusable(to, set->owner, rd));
    return ST_OK;
}

static enum status configure_all(struct anchor_keeper *k, const struct anchors *configured,
                                 struct text *say)
{
    const struct rrset *set;
    for (unsigned i = 0; i < k->n; i++)
        k->point[i]->wanted = false;
    anchors_free(k->unusable);
    k->unusable = anchors_new();
    if (k->unusable == NULL)
        return ST_ENOMEM;
    for (unsigned i = 0; (set = anchors_at(configured, i)) != NULL; i++)
        TRY(anchors_usable(set) ? configure(k, set, say) : add_unusable(k->unusable, set));
    drop_unwanted(k);
    atomic_fetch_add(&k->version, 1);
    return ST_OK;
}

enum status anchor_keeper_take(struct anchor_keeper *k, const struct anchors *configured,
                               struct text *say, struct anchors **ret, uint64_t *ret_version)
{
    enum status st = ST_OK;
    struct anchors *a = anchors_new();
    if (a == NULL)
        return ST_ENOMEM;
    pthread_mutex_lock(&k->change);
    if (configured != NULL)
        st = configure_all(k, configured, say);
    for (unsigned i = 0; st == ST_OK && i < k->n; i++) {
        st = anchor_roll_ds(&k->point[i]->roll, a);
        if (st == ST_ENOTFOUND) /* the trust point is gone; everybody was told */
            st = ST_OK;
    }
    const struct rrset *set;
    for (unsigned i = 0;
         st == ST_OK && k->unusable != NULL && (set = anchors_at(k->unusable, i)) != NULL; i++)
        st = add_unusable(a, set);
    *ret_version = atomic_load(&k->version);
    pthread_mutex_unlock(&k->change);
    if (st == ST_OK)
        *ret = a;
    else
        anchors_free(a);
    return st;
}

/* --- Checks --- */

bool anchor_keeper_due(struct anchor_keeper *k, struct now now, struct name *ret_zone,
                       uint32_t *ret_s)
{
    bool any = false;
    pthread_mutex_lock(&k->lock);
    for (unsigned i = 0; i < k->n; i++) {
        uint32_t s = anchor_roll_due_s(&k->point[i]->roll, now);
        if (any && s >= *ret_s)
            continue;
        any = true;
        *ret_s = s;
        *ret_zone = k->point[i]->roll.zone;
    }
    pthread_mutex_unlock(&k->lock);
    return any;
}

static void tell_outcome(const uint8_t *zone, const struct roll_report *r)
{
    char name[NAME_TEXT_MAX];
    const char *act = roll_outcome_act(r->outcome);
    if (r->outcome == ROLL_ALL_REVOKED) {
        tell_lost(zone);
        return;
    }
    log_event(r->alarm                  ? LEVEL_ERROR
              : r->outcome == ROLL_SEEN ? LEVEL_DEBUG
                                        : LEVEL_WARNING,
              "trust-anchor-check", "zone=%s outcome=%s text=\"the key set is %s\"%s%s%s next_s=%u",
              name_str(zone, name), roll_outcome_word(r->outcome), roll_outcome_text(r->outcome),
              act[0] ? " act=\"" : "", act, act[0] ? "\"" : "", r->ask_after_s);
    if (r->full)
        log_event(LEVEL_ERROR, "trust-anchor-full",
                  "zone=%s text=\"there are more keys than can be followed\"", name);
}

void anchor_keeper_see(struct anchor_keeper *k, const uint8_t *zone, const struct rrset *dnskey,
                       const struct rrset *sigs, struct now now)
{
    struct roll_report report;
    pthread_mutex_lock(&k->change);
    struct anchor_point *p = find(k, zone);
    if (p != NULL) {
        struct anchor_roll after = p->roll;
        enum status st = anchor_roll_see(&after, dnskey, sigs, now, &report);
        if (st != ST_OK) {
            (void)anchor_roll_failed(&after, now);
            report = (struct roll_report){.outcome = p->outcome, .alarm = false};
        }
        bool others = tell_changes(k, zone, &report);
        if (st == ST_OK)
            tell_outcome(zone, &report);
        if (report.save)
            save(k, p, &after, NULL);
        pthread_mutex_lock(&k->lock);
        p->roll = after;
        p->tried = true;
        p->tried_s = now.wall_s;
        p->unreached = st != ST_OK;
        p->outcome = report.outcome;
        k->count.checks++;
        if (st == ST_OK) {
            set_alarm(p, ANCHOR_LOST, report.outcome == ROLL_ALL_REVOKED);
            set_alarm(p, ANCHOR_STRANGERS, report.outcome == ROLL_STRANGERS);
            set_alarm(p, ANCHOR_FULL, report.full);
            k->count.seen += report.outcome == ROLL_SEEN;
            k->count.passed += report.outcome != ROLL_SEEN;
        }
        pthread_mutex_unlock(&k->lock);
        if (others)
            atomic_fetch_add(&k->version, 1);
    }
    pthread_mutex_unlock(&k->change);
}

void anchor_keeper_failed(struct anchor_keeper *k, const uint8_t *zone, const char *why,
                          struct now now)
{
    char name[NAME_TEXT_MAX];
    uint32_t after_s = 0;
    pthread_mutex_lock(&k->change);
    pthread_mutex_lock(&k->lock);
    struct anchor_point *p = find(k, zone);
    if (p != NULL) {
        after_s = anchor_roll_failed(&p->roll, now);
        p->tried = p->unreached = true;
        p->tried_s = now.wall_s;
        k->count.checks++;
        k->count.unreached++;
    }
    pthread_mutex_unlock(&k->lock);
    pthread_mutex_unlock(&k->change);
    if (p != NULL)
        log_event(LEVEL_WARNING, "trust-anchor-check",
                  "zone=%s outcome=unreached text=\"%s\" next_s=%u", name_str(zone, name), why,
                  after_s);
}
