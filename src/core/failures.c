/* The lists of failures and of slow answers: a ring with a small table to find repetitions by, and
 * for slow answers the slowest since the start and of each quarter of an hour. */
#include "core/failures.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 2048, /* of the table of repetitions: about twice LIMIT_FAILURES */
    QUARTERS = 5, /* one more than an hour has: the oldest runs out piece by piece */
    QUARTER_S = 900,
    PREFIX_V4 = 24, /* enough to know whose network it is, and not who */
    PREFIX_V6 = 48,
};

struct held {
    _Atomic uint32_t refs;
    struct incident i;
};

struct failures {
    struct hash_key key;
    uint32_t next, n;
    uint16_t slot[SLOTS]; /* 1 + index of the newest with that hash */
    struct incident_seen ring[LIMIT_FAILURES];
};

struct slow_table {
    uint64_t quarter; /* which one since 1970; 0: the one since the start */
    uint32_t n;
    struct incident_seen v[LIMIT_SLOW_ANSWERS];
};

struct slow_answers {
    struct slow_table ever, quarter[QUARTERS];
};

void waits_add(struct upstream_waits *w, const struct netaddr *to, uint64_t us, bool lost)
{
    unsigned k = 0;
    while (k < w->n && !netaddr_same_host(&w->v[k].to, to))
        k++;
    if (k == WAITS_KEPT)
        return;
    if (k == w->n)
        w->v[w->n++] = (struct upstream_wait){.to = *to};
    w->v[k].us = (uint32_t)MIN(w->v[k].us + us, UINT32_MAX);
    w->v[k].asked += w->v[k].asked < UINT16_MAX;
    w->v[k].lost += lost && w->v[k].lost < UINT16_MAX;
}

/* --- one incident ------------------------------------------------------------------------------
 */

static size_t detail_size(const struct trace_detail *d)
{
    return sizeof(struct incident_step) + (d->name ? name_len(d->name) : 0) +
           (d->zone ? name_len(d->zone) : 0) + (d->server ? name_len(d->server) : 0) +
           (d->text ? strlen(d->text) + 1 : 0);
}

/* Copies n bytes to *at and moves it on; NULL stays NULL. */
static const void *put(uint8_t **at, const void *p, size_t n)
{
    uint8_t *to = *at;
    if (p == NULL)
        return NULL;
    memcpy(to, p, n);
    *at += n;
    return to;
}

static void put_step(struct incident_step *s, const struct trace_event *e,
                     const struct trace_detail *d, uint8_t **at)
{
    s->event = *e;
    s->event.detail = 0;
    s->detail = *d;
    s->detail.name = put(at, d->name, d->name ? name_len(d->name) : 0);
    s->detail.zone = put(at, d->zone, d->zone ? name_len(d->zone) : 0);
    s->detail.server = put(at, d->server, d->server ? name_len(d->server) : 0);
    s->detail.text = put(at, d->text, d->text ? strlen(d->text) + 1 : 0);
}

/* Which events are kept: those with details, the last ones where there is no room for all. */
static size_t measure(const struct trace *t, size_t room, uint32_t *ret_first, unsigned *ret_steps)
{
    const struct trace_event *e[LIMIT_TRACE_RING];
    uint32_t n = 0, skipped = 0;
    size_t size = 0;
    for (uint32_t i = 0; t != NULL && (e[n] = trace_next(t, &i)) != NULL;)
        if (e[n]->detail > 0 && ++n == LIMIT_TRACE_RING)
            break;
    *ret_steps = 0;
    for (uint32_t i = n; i-- > 0; ++*ret_steps) {
        size_t more = detail_size(trace_detail_of(t, e[i]));
        if (size + more > room) {
            skipped = i + 1;
            break;
        }
        size += more;
    }
    *ret_first = skipped;
    return size;
}

static struct incident *incident_new(const struct incident_news *w)
{
    uint32_t first, at = 0;
    unsigned steps;
    size_t fixed = sizeof(struct held) + name_len(w->name);
    size_t more = measure(w->trace, LIMIT_INCIDENT_BYTES - fixed, &first, &steps);
    struct held *h = malloc(fixed + more);
    if (h == NULL)
        return NULL;
    struct incident *i = &h->i;
    atomic_init(&h->refs, 1);
    *i = (struct incident){.took_us = w->took_us,
                           .type = w->type,
                           .rcode = w->rcode,
                           .why = w->why,
                           .ede = w->ede,
                           .cut = first > 0,
                           .step = (struct incident_step *)(h + 1)};
    if (w->waits != NULL)
        i->waits = *w->waits;
    uint8_t *end = (uint8_t *)(i->step + steps);
    i->name = put(&end, w->name, name_len(w->name));
    const struct trace_event *e;
    for (uint32_t k = 0; steps > 0 && i->steps < steps && (e = trace_next(w->trace, &k)) != NULL;)
        if (e->detail > 0 && at++ >= first)
            put_step(&i->step[i->steps++], e, trace_detail_of(w->trace, e), &end);
    return i;
}

struct incident *incident_keep(struct incident *i)
{
    atomic_fetch_add_explicit(&CONTAINER_OF(i, struct held, i)->refs, 1, memory_order_relaxed);
    return i;
}

void incident_drop(struct incident *i)
{
    if (i == NULL)
        return;
    struct held *h = CONTAINER_OF(i, struct held, i);
    if (atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) == 1)
        free(h);
}

void incident_trace(const struct incident *i, struct trace *ret)
{
    struct now t = {.mono_us = 0};
    struct trace_detail d = {.name = i->name, .type = i->type};
    trace_init(ret, t, true);
    trace_add(ret, t, WHY_QUERY_BEGIN, 0, 0, &d);
    for (unsigned k = 0; k < i->steps; k++) {
        const struct trace_event *e = &i->step[k].event;
        t.mono_us = e->at_us;
        trace_add(ret, t, (enum reason)e->reason, e->query, e->depth, &i->step[k].detail);
    }
    ret->cut |= i->cut;
    ret->rcode = i->rcode;
    ret->total_us = i->took_us;
}

static struct incident_seen seen_of(struct incident *i, const struct incident_news *w,
                                    struct now now)
{
    struct incident_seen s = {.what = i,
                              .first_s = now.wall_s,
                              .last_s = now.wall_s,
                              .count = MAX(w->clients, 1u),
                              .client = {.addr = w->client}};
    unsigned bits = w->client.family == ADDR_V4 ? PREFIX_V4 : PREFIX_V6;
    size_t n = netaddr_size(&w->client);
    s.client.bits = n > 0 ? (uint8_t)bits : 0;
    s.client.addr.port = 0;
    s.client.addr.scope = 0;
    if (n > bits / 8)
        memset(s.client.addr.a + bits / 8, 0, n - bits / 8);
    return s;
}

/* --- failures ----------------------------------------------------------------------------------
 */

struct failures *failures_new(const struct hash_key *key)
{
    struct failures *f = calloc(1, sizeof *f);
    if (f != NULL)
        f->key = *key;
    return f;
}

void failures_free(struct failures *f)
{
    for (uint32_t i = 0; f != NULL && i < f->n; i++)
        incident_drop(f->ring[i].what);
    free(f);
}

/* It only says that it failed before, and not why. */
static bool repeats(uint16_t why)
{
    return why == WHY_CACHE_FAILURE;
}

static bool same(const struct incident *i, const struct incident_news *w)
{
    return i->type == w->type && i->rcode == w->rcode && (i->why == w->why || repeats(w->why)) &&
           name_equal(i->name, w->name);
}

void failures_add(struct failures *f, const struct incident_news *w, struct now now)
{
    uint8_t lower[LIMIT_NAME];
    uint64_t h = hash_mix(siphash13(&f->key, lower, name_lower(lower, w->name)) ^ w->type);
    uint16_t *slot = &f->slot[h % SLOTS];
    struct incident_seen *old = *slot > 0 ? &f->ring[*slot - 1] : NULL;
    if (old != NULL && same(old->what, w)) {
        /* The newest tells how things are now, unless it is out of the cache. */
        struct incident *newer = w->waits == NULL || repeats(w->why) ? NULL : incident_new(w);
        struct incident_seen s = seen_of(old->what, w, now);
        if (newer != NULL) {
            incident_drop(old->what);
            old->what = newer;
        }
        old->last_s = now.wall_s;
        old->count += s.count;
        if (s.client.addr.family != ADDR_NONE)
            old->client = s.client;
        return;
    }
    struct incident *i = incident_new(w);
    if (i == NULL)
        return;
    struct incident_seen *at = &f->ring[f->next];
    incident_drop(at->what);
    *at = seen_of(i, w, now);
    *slot = (uint16_t)(f->next + 1);
    f->next = (f->next + 1) % LIMIT_FAILURES;
    f->n = MIN(f->n + 1, (uint32_t)LIMIT_FAILURES);
}

/* --- slow answers ------------------------------------------------------------------------------
 */

struct slow_answers *slow_new(void)
{
    return calloc(1, sizeof(struct slow_answers));
}

static void slow_clear(struct slow_table *t)
{
    while (t->n > 0)
        incident_drop(t->v[--t->n].what);
}

void slow_free(struct slow_answers *s)
{
    if (s == NULL)
        return;
    slow_clear(&s->ever);
    for (int i = 0; i < QUARTERS; i++)
        slow_clear(&s->quarter[i]);
    free(s);
}

/* v[0] is the one that goes first. */
static bool table_wants(const struct slow_table *t, uint32_t took_us)
{
    return t->n < LIMIT_SLOW_ANSWERS || t->v[0].what->took_us < took_us;
}

static void table_add(struct slow_table *t, const struct incident_seen *s)
{
    if (!table_wants(t, s->what->took_us))
        return;
    if (t->n < LIMIT_SLOW_ANSWERS) {
        t->v[t->n++] = *s;
    } else {
        incident_drop(t->v[0].what);
        t->v[0] = *s;
    }
    incident_keep(s->what);
    uint32_t least = 0;
    for (uint32_t i = 1; i < t->n; i++)
        if (t->v[i].what->took_us < t->v[least].what->took_us)
            least = i;
    struct incident_seen swap = t->v[0];
    t->v[0] = t->v[least];
    t->v[least] = swap;
}

bool slow_wants(const struct slow_answers *s, uint32_t took_us, struct now now)
{
    const struct slow_table *q = &s->quarter[now.wall_s / QUARTER_S % QUARTERS];
    return q->quarter != now.wall_s / QUARTER_S || table_wants(q, took_us) ||
           table_wants(&s->ever, took_us);
}

void slow_add(struct slow_answers *s, const struct incident_news *w, struct now now)
{
    struct incident *i = incident_new(w);
    struct slow_table *q = &s->quarter[now.wall_s / QUARTER_S % QUARTERS];
    if (i == NULL)
        return;
    struct incident_seen seen = seen_of(i, w, now);
    if (q->quarter != now.wall_s / QUARTER_S)
        slow_clear(q);
    q->quarter = now.wall_s / QUARTER_S;
    table_add(q, &seen);
    table_add(&s->ever, &seen);
    incident_drop(i);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static bool matches(const struct incident_seen *s, const struct incident_filter *want)
{
    const struct incident *i = s->what;
    if (want->name != NULL &&
        !(want->below ? name_in(i->name, want->name) : name_equal(i->name, want->name)))
        return false;
    if (want->type != 0 && want->type != i->type)
        return false;
    if (want->reason != NULL && want->reason[0] != '\0' &&
        strncmp(reason_word((enum reason)i->why), want->reason, strlen(want->reason)) != 0)
        return false;
    return i->took_us / 1000 >= want->over_ms;
}

static bool append(struct incident_list *l, const struct incident_seen *s)
{
    if (l->n == l->cap) {
        size_t cap = l->cap > 0 ? l->cap * 2 : 64;
        struct incident_seen *v = realloc(l->v, cap * sizeof *v);
        if (v == NULL)
            return false;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n] = *s;
    incident_keep(l->v[l->n++].what);
    return true;
}

bool failures_read(const struct failures *f, const struct incident_filter *want,
                   struct incident_list *to)
{
    for (uint32_t i = 0; f != NULL && i < f->n; i++)
        if (matches(&f->ring[i], want) && !append(to, &f->ring[i]))
            return false;
    return true;
}

static bool read_table(const struct slow_table *t, const struct incident_filter *want,
                       uint64_t since_s, struct incident_list *to)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (t->v[i].last_s >= since_s && matches(&t->v[i], want) && !append(to, &t->v[i]))
            return false;
    return true;
}

bool slow_read(const struct slow_answers *s, const struct incident_filter *want, struct now now,
               struct incident_list *to)
{
    if (s == NULL)
        return true;
    if (!want->hour)
        return read_table(&s->ever, want, 0, to);
    uint64_t since_s = now.wall_s - MIN(now.wall_s, (uint64_t)3600);
    for (int i = 0; i < QUARTERS; i++)
        if (!read_table(&s->quarter[i], want, since_s, to))
            return false;
    return true;
}

static int newest_first(const void *a, const void *b)
{
    const struct incident_seen *x = a, *y = b;
    return x->last_s != y->last_s ? (x->last_s < y->last_s ? 1 : -1)
                                  : (x->first_s < y->first_s) - (x->first_s > y->first_s);
}

static int slowest_first(const void *a, const void *b)
{
    const struct incident_seen *x = a, *y = b;
    return (x->what->took_us < y->what->took_us) - (x->what->took_us > y->what->took_us);
}

/* Equal failures together, the one with a cause first. */
static int by_question(const void *a, const void *b)
{
    const struct incident *x = ((const struct incident_seen *)a)->what;
    const struct incident *y = ((const struct incident_seen *)b)->what;
    int c = name_compare(x->name, y->name);
    if (c == 0)
        c = x->type - y->type;
    if (c == 0)
        c = repeats(x->why) - repeats(y->why);
    return c != 0 ? c : x->why - y->why;
}

/* What several workers saw of one failure becomes one row: the newest incident, and the sums. */
static void merge_failures(struct incident_list *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct incident_seen *to = n > 0 ? &l->v[n - 1] : NULL, *s = &l->v[i];
        if (to == NULL || to->what->type != s->what->type ||
            (to->what->why != s->what->why && !repeats(s->what->why)) ||
            !name_equal(to->what->name, s->what->name)) {
            l->v[n++] = *s;
            continue;
        }
        struct incident *gone = s->what;
        to->count += s->count;
        to->first_s = MIN(to->first_s, s->first_s);
        if (s->last_s > to->last_s) {
            to->last_s = s->last_s;
            to->client = s->client;
            if (!repeats(s->what->why)) {
                gone = to->what;
                to->what = s->what;
            }
        }
        incident_drop(gone);
    }
    l->n = n;
}

void incidents_sort(struct incident_list *l, const struct incident_filter *want, bool slow)
{
    if (!slow && l->n > 1) {
        qsort(l->v, l->n, sizeof l->v[0], by_question);
        merge_failures(l);
    }
    if (l->n > 1)
        qsort(l->v, l->n, sizeof l->v[0], slow ? slowest_first : newest_first);
    while (want->last > 0 && l->n > want->last)
        incident_drop(l->v[--l->n].what);
}

void incidents_free(struct incident_list *l)
{
    while (l->n > 0)
        incident_drop(l->v[--l->n].what);
    free(l->v);
    *l = (struct incident_list){.n = 0};
}
