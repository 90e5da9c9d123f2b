/* One question on its way: the cache, the zone to ask, a server, again, until it is answered. */
#include "resolver/machine.h"

#include "dns/rdata.h"
#include <stdio.h>

enum { STEPS_MAX = 256, VERDICT_RECORDS = 4 };

void note(struct lookup *l, struct now now, enum reason why, const struct trace_detail *d)
{
    struct job *j = l->job;
    trace_add(&j->trace, now, why, l->number, l->depth, d);
    if (reason_kind(why) != REASON_PROBLEM || reason_ede(why) < 0 || d == NULL)
        return;
    /* Giving up says less than what led to it. */
    if (j->culprit.why != 0 && (why == WHY_SERVERS_FAILED || why == WHY_SERVERS_UNKNOWN ||
                                why == WHY_DEADLINE || why == WHY_BUDGET_SPENT))
        return;
    if (j->culprit.why >= WHY_BOGUS_OK && why < WHY_BOGUS_OK)
        return;
    j->culprit = (struct culprit){.why = (uint16_t)why,
                                  .type = d->type,
                                  .rcode = d->rcode,
                                  .value = d->value,
                                  .address = d->address,
                                  .has_name = d->name != NULL,
                                  .has_zone = d->zone != NULL};
    if (d->name != NULL)
        name_copy(j->culprit.name.w, d->name);
    if (d->zone != NULL)
        name_copy(j->culprit.zone.w, d->zone);
    if (d->text != NULL)
        snprintf(j->culprit.text, sizeof j->culprit.text, "%s", d->text);
}

bool spend(struct lookup *l, enum budget_item item, uint32_t amount, struct now now)
{
    if (budget_take(&l->job->budget, item, amount))
        return true;
    char buf[64];
    struct text t = text_of(buf, sizeof buf);
    text_fmt(&t, "%u %s", budget_limit(item), budget_words(item));
    struct trace_detail d = {.text = buf, .zone = l->cut.zone.w};
    note(l, now, WHY_BUDGET_SPENT, &d);
    return false;
}

void lookup_answer(struct lookup *l, const struct rrset *set, const struct rrset *sigs)
{
    if (l->answers == ANSWERS_MAX)
        return;
    l->answer[l->answers] = *set;
    l->answer_sigs[l->answers++] = sigs != NULL ? *sigs : (struct rrset){.count = 0};
}

void lookup_trust(struct lookup *l, enum cache_trust part, uint16_t reason)
{
    if (part >= l->trust)
        return;
    l->trust = part;
    l->trust_reason = reason;
    l->trust_at = l->at;
}

void lookup_alias(struct resolver *r, struct lookup *l, const uint8_t *target, struct now now)
{
    struct trace_detail d = {.name = target, .type = l->type, .value = LIMIT_CHAIN};
    for (unsigned i = 0; i < l->answers; i++)
        if (l->answer[i].type == RR_CNAME && name_equal(l->answer[i].owner, target)) {
            note(l, now, WHY_ALIAS_LOOP, &d);
            lookup_fail(r, l, "aliases in a circle", now);
            return;
        }
    if (!budget_take(&l->job->budget, BUDGET_CHAIN, 1)) {
        note(l, now, WHY_ALIAS_TOO_LONG, &d);
        lookup_fail(r, l, "too many aliases", now);
        return;
    }
    const uint8_t *copy = arena_dup(&l->arena, target, name_len(target));
    if (copy == NULL) {
        lookup_fail(r, l, "out of memory", now);
        return;
    }
    l->at = copy;
    l->phase = PHASE_CACHE;
    l->full = false;
    l->shown = 0;
    l->cut_max = LIMIT_LABELS;
    l->referrals = 0;
    note(l, now, WHY_ALIAS_FOLLOWED, &d);
}

void lookup_dname(struct resolver *r, struct lookup *l, const struct rrset *dname, struct now now)
{
    struct rrset cname;
    switch (dname_cname(&l->arena, dname, l->at, &cname)) {
    case ST_OK:
        lookup_answer(l, &cname, NULL);
        if (l->type == RR_CNAME)
            lookup_end(r, l, WHY_ANSWERED, RCODE_NOERROR, "made from a DNAME", now);
        else
            lookup_alias(r, l, cname.rdata + 2, now);
        return;
    case ST_ENAME: /* RFC 6672 section 2.2 */
        lookup_end(r, l, WHY_FAILED, RCODE_YXDOMAIN, "the alias leads to a name that is too long",
                   now);
        return;
    default:
        lookup_fail(r, l, "out of memory", now);
    }
}

/* Puts an entry into the result. */
static void from_entry(struct resolver *r, struct lookup *l, const struct cache_entry *e,
                       struct now now)
{
    bool denial = e->kind != CACHE_RRSET;
    if (e->trust == CACHE_INSECURE && trust_reason_ede((enum trust_reason)e->reason) != 0)
        note_insecure(r, l, (enum trust_reason)e->reason, now);
    if (denial) {
        l->soa = e->soa;
        l->shows_cut = e->cut;
    } else {
        lookup_answer(l, &e->set, NULL);
    }
    lookup_with(l, e->more, e->more_count, denial);
    lookup_trust(l, e->trust, e->reason);
}

/* What was not validated is no answer for one who wants that. */
static bool may_use(const struct lookup *l, const struct cache_entry *e)
{
    return (l->flags & LOOKUP_CHECK) == 0 || e->kind == CACHE_FAILURE ||
           e->trust != CACHE_UNCHECKED;
}

/* Validation failed a moment ago (RFC 4035 section 4.7). */
static bool known_bad(struct resolver *r, struct lookup *l, struct now now)
{
    struct cache_entry e;
    if ((l->flags & LOOKUP_CHECK) == 0 ||
        cache_get_more(l->job->cache, l->at, l->type, CACHE_CLASS_BAD, now, &l->arena, &e) !=
            CACHE_FAILURE)
        return false;
    struct trace_detail d = {.name = l->at, .type = l->type, .value = e.ttl_s};
    note(l, now, WHY_CACHE_FAILURE, &d);
    struct trace_detail why = {.name = l->at, .type = l->type, .text = e.text};
    note(l, now, (enum reason)e.reason, &why);
    l->was_bad = l->has_bad = true;
    l->bad = (struct verdict){.trust = TRUST_BOGUS,
                              .reason = (enum trust_reason)(e.reason - WHY_BOGUS_OK),
                              .type = l->type};
    name_copy(l->bad.owner.w, l->at);
    name_copy(l->bad_zone.w, l->at);
    lookup_end(r, l, WHY_FAILED, RCODE_SERVFAIL, "it failed validation a moment ago", now);
    return true;
}

/* It failed a moment ago (RFC 9520); of what it failed is said once more. */
static void failed_before(struct lookup *l, const struct cache_entry *e, struct now now)
{
    struct culprit *k = &l->job->culprit;
    *k = (struct culprit){
        .why = WHY_CACHE_FAILURE, .value = e->ttl_s, .type = l->type, .has_name = true};
    name_copy(k->name.w, l->at);
    l->failed_before = true;
    if (e->text != NULL)
        snprintf(k->text, sizeof k->text, ": %s", e->text);
    struct trace_detail d = {
        .name = l->at, .type = l->type, .value = e->ttl_s, .text = e->text ? k->text : NULL};
    note(l, now, WHY_CACHE_FAILURE, &d);
}

/* Settles the lookup from a cache entry; false if that is not possible. */
static bool settle(struct resolver *r, struct lookup *l, const struct cache_entry *e,
                   struct now now)
{
    struct trace_detail d = {.name = l->at, .type = l->type, .value = e->ttl_s};
    switch (e->kind) {
    case CACHE_RRSET:
        note(l, now, WHY_CACHE_HIT, &d);
        from_entry(r, l, e, now);
        lookup_end(r, l, WHY_ANSWERED, RCODE_NOERROR, "from the cache", now);
        return true;
    case CACHE_NODATA:
    case CACHE_NXDOMAIN:
        note(l, now, WHY_CACHE_NEGATIVE, &d);
        from_entry(r, l, e, now);
        if (e->kind == CACHE_NODATA)
            lookup_end(r, l, WHY_ANSWERED_NODATA, RCODE_NOERROR, NULL, now);
        else
            lookup_end(r, l, WHY_ANSWERED_NXDOMAIN, RCODE_NXDOMAIN, NULL, now);
        return true;
    case CACHE_FAILURE:
        failed_before(l, e, now);
        lookup_end(r, l, WHY_FAILED, RCODE_SERVFAIL, "it failed a moment ago", now);
        return true;
    case CACHE_NONE:
        break;
    }
    return false;
}

/* Whether a denial counts for the names below, too. */
static bool nothing_below(const struct resolver *r, const struct cache_entry *e)
{
    enum nxdomain_cut c = r->opt->nxdomain_cut;
    return c == NXDOMAIN_CUT_ALL || (c == NXDOMAIN_CUT_SECURE && e->trust == CACHE_SECURE) ||
           (r->opt->minimise && r->opt->minimise_strict);
}

/* What is said of a name above: a DNAME (RFC 6672 section 3.2: the cache makes CNAMEs from it), or
 * that it does not exist, nor then what is below it (RFC 8020 section 2; the same denial records
 * prove both). */
static bool cached_above(struct resolver *r, struct lookup *l, struct now now)
{
    struct cache_entry e;
    unsigned labels = name_labels(l->at), top = MAX(route_labels(r, l), 1u);
    const uint8_t *n = l->at;
    while (labels-- > top) {
        n = name_parent(n);
        enum cache_kind kind =
            cache_get_more(l->job->cache, n, RR_DNAME, CLASS_IN, now, &l->arena, &e);
        struct trace_detail d = {.name = n, .type = RR_DNAME, .value = e.ttl_s};
        if (kind == CACHE_NONE || !may_use(l, &e))
            continue;
        if (kind == CACHE_NXDOMAIN && nothing_below(r, &e)) {
            note(l, now, WHY_CACHE_ABOVE, &d);
            from_entry(r, l, &e, now);
            lookup_end(r, l, WHY_ANSWERED_NXDOMAIN, RCODE_NXDOMAIN, NULL, now);
            return true;
        }
        if (kind != CACHE_RRSET)
            continue;
        note(l, now, WHY_CACHE_HIT, &d);
        e.set.owner = arena_dup(&l->arena, n, name_len(n));
        if (e.set.owner == NULL)
            return false;
        from_entry(r, l, &e, now);
        lookup_dname(r, l, &e.set, now);
        return true;
    }
    return false;
}

static void from_cache(struct resolver *r, struct lookup *l, struct now now)
{
    struct cache *c = l->job->cache;
    struct cache_entry e;
    struct trace_detail d = {.name = l->at, .type = l->type};
    if ((l->flags & LOOKUP_KEYS) != 0) {
        if (!keys_cached(r, l, now))
            l->phase = PHASE_CUT;
        return;
    }
    if (r->opt->local != NULL && local_lookup(r, l, now))
        return;
    if (l->refresh) {
        l->refresh = false;
        note(l, now, WHY_PREFETCH, &d);
        l->phase = PHASE_CUT;
        return;
    }
    (void)cache_get_more(c, l->at, l->type, CLASS_IN, now, &l->arena, &e);
    if (may_use(l, &e) && settle(r, l, &e, now))
        return;
    if (r->opt->serve_stale &&
        cache_get_more(c, l->at, l->type, CACHE_CLASS_FAILED, now, &l->arena, &e) ==
            CACHE_FAILURE &&
        settle(r, l, &e, now))
        return;
    if (known_bad(r, l, now))
        return;
    if (l->type != RR_CNAME &&
        cache_get_more(c, l->at, RR_CNAME, CLASS_IN, now, &l->arena, &e) == CACHE_RRSET &&
        may_use(l, &e)) {
        struct trace_detail alias = {.name = l->at, .type = RR_CNAME, .value = e.ttl_s};
        note(l, now, WHY_CACHE_HIT, &alias);
        from_entry(r, l, &e, now);
        lookup_alias(r, l, e.set.rdata + 2, now);
        return;
    }
    if (cached_above(r, l, now) || aggressive_answer(r, l, now))
        return;
    note(l, now, l->job->cold ? WHY_CACHE_BYPASS : WHY_CACHE_MISS, &d);
    l->phase = PHASE_CUT;
}

void lookup_run(struct resolver *r, struct lookup *l, struct now now)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        if (l->phase == PHASE_DONE || l->phase == PHASE_REPLY || l->phase == PHASE_CHILD ||
            l->is_later)
            return;
        if (l->phase == PHASE_TURN) {
            reply_resume(r, l, now);
        } else if (l->phase == PHASE_TRUST) {
            if (walk_on(r, l, now))
                reply_resume(r, l, now);
        } else if (l->phase == PHASE_CACHE)
            from_cache(r, l, now);
        else if (l->phase == PHASE_CUT)
            cut_find(r, l, now);
        else
            choose(r, l, now);
    }
    lookup_fail(r, l, "no progress", now);
}

/* It ended for want of what its job may cost. */
static bool ran_out(const struct lookup *l, struct now now)
{
    return l->starved || l->job->budget.exhausted != 0 || now.mono_us >= l->job->budget.deadline_us;
}

/* Remembers a failure (RFC 9520), but only of the question that the job is for: what ran out of a
 * hostile question's budget on the way, or stood too deep below it to be finished, must not fail
 * for others. */
static void remember_failure(struct resolver *r, struct lookup *l, struct now now)
{
    const struct culprit *k = &l->job->culprit;
    if (l->was_bad)
        return;
    /* A bad reply, and nothing left to ask the zone's other servers with, is no verdict. */
    bool half = l->depth > 0 && l->bogus_tries < LIMIT_BOGUS_TRIES && ran_out(l, now);
    if (l->has_bad && l->bad.trust != TRUST_LIMIT && !half) {
        struct cache_with w = {.text =
                                   k->why >= WHY_BOGUS_OK && k->text[0] != '\0' ? k->text : NULL,
                               .epoch = l->job->epoch};
        if ((l->flags & LOOKUP_KEYS) == 0) {
            cache_put_negative(l->job->cache, CACHE_FAILURE, l->name.w, l->type, CACHE_CLASS_BAD,
                               LIMIT_BOGUS_S, NULL,
                               (uint16_t)(WHY_BOGUS_OK + (unsigned)l->bad.reason), &w, now);
            return;
        }
        /* The DS may be an old one: whoever mends it at the parent need not wait until it runs out.
         */
        if (l->bad.reason == TRUST_NO_DS_KEY || l->bad.reason == TRUST_DS_MISMATCH ||
            l->bad.reason == TRUST_NO_DNSKEY) {
            cache_drop(l->job->cache, l->name.w, RR_DS, CLASS_IN);
            cache_drop(l->job->cache, l->name.w, RR_DS, CACHE_CLASS_CUT);
        }
        struct zone_trust *t =
            keyring_put(l->job->keyring, l->name.w, &l->bad, NULL, LIMIT_BOGUS_S, now);
        zone_trust_say(t, k->why >= WHY_BOGUS_OK ? k->text : "");
        zone_trust_drop(t);
        return;
    }
    if ((l->flags & LOOKUP_KEYS) != 0)
        return;
    if (l->overloaded || l->failed_before || (l->depth > 0 && ran_out(l, now)))
        return;
    if (r->opt->serve_stale && stale_helps(l) && stale_known(r, l, now)) {
        cache_put_negative(l->job->cache, CACHE_FAILURE, l->name.w, l->type, CACHE_CLASS_FAILED,
                           r->opt->stale_recheck_s, NULL, k->why, NULL, now);
        return;
    }
    /* What was there and too dear to check is there for those who check by themselves (CD). */
    bool dear =
        l->has_bad && l->bad.trust == TRUST_LIMIT && l->type != RR_DS && l->type != RR_DNSKEY;
    /* Where a sub-query's failure was known, ours is none that begins now. */
    uint32_t ttl_s = k->why == WHY_CACHE_FAILURE ? MAX(MIN(k->value, (uint32_t)LIMIT_FAILURE_S), 1u)
                                                 : LIMIT_FAILURE_S;
    char words[WORDS_MAX];
    struct cache_with w = {.epoch = l->job->epoch};
    if (k->why == WHY_CACHE_FAILURE && k->text[0] != '\0')
        w.text = k->text + 2; /* past ": ": of what the sub-query's question failed */
    else if (k->why != 0 && culprit_words(k, now, words, sizeof words).n > 0)
        w.text = k->why >= WHY_BOGUS_OK && k->text[0] != '\0' ? k->text : words;
    cache_put_negative(l->job->cache, CACHE_FAILURE, l->name.w, l->type,
                       dear ? CACHE_CLASS_BAD : CLASS_IN, ttl_s, NULL,
                       dear ? (uint16_t)(WHY_BOGUS_OK + (unsigned)l->bad.reason) : k->why, &w, now);
}

/* A sub-query for a server's address has ended: what it found, or one more that has none. */
static void server_done(struct lookup *parent, const struct lookup *c, struct resolver *r)
{
    struct cut_server *s = &parent->cut.server[parent->child_server];
    uint32_t *strangers = &parent->job->budget.spent[BUDGET_NO_ADDRESS];
    for (unsigned i = 0; i < c->answers; i++)
        if (c->answer[i].type == parent->child_type)
            cut_add(r, &parent->cut, parent->child_server, &c->answer[i]);
    s->no_name |= c->rcode == RCODE_NXDOMAIN;
    s->failed |= c->rcode == RCODE_SERVFAIL;
    parent->phase = PHASE_ASK;
    /* Another question's budget ran out, not ours: once more. */
    if (c->rcode == RCODE_SERVFAIL && c->job != parent->job && !parent->rejoined) {
        parent->rejoined = true;
        *(parent->child_type == RR_A ? &s->asked_a : &s->asked_aaaa) = false;
        return;
    }
    if (c->rcode == RCODE_NXDOMAIN)
        s->asked_a = s->asked_aaaa = true;
    if (!s->has_address && (c->rcode != RCODE_NOERROR || (s->asked_a && s->asked_aaaa)))
        *strangers += *strangers < LIMIT_QUERY_NO_ADDRESS;
}

/* Tells a parent what came of its sub-query. */
static void child_done(struct resolver *r, struct lookup *parent, const struct lookup *c,
                       struct now now)
{
    bool out = c->rcode == RCODE_SERVFAIL && ran_out(c, now);
    bool walk = parent->child_server == CHILD_OF_WALK;
    /* Another question's budget ran out, not ours: once more, on our own account. */
    bool again = walk && out && c->job != parent->job && !parent->rejoined;
    parent->child = NULL;
    parent->starved |= out && !again;
    if (again) {
        parent->rejoined = true;
        parent->walk.asked = false;
        parent->walk.ds_asked = 0;
        parent->phase = PHASE_TRUST;
    } else if (walk) {
        walk_child_done(r, parent, c, now);
    } else if (parent->child_server == NO_SERVER) { /* priming */
        if (c->rcode != RCODE_NOERROR)
            r->prime_again_us = now.mono_us + 60000000;
        parent->phase = PHASE_CUT;
    } else {
        server_done(parent, c, r);
    }
    if (parent->phase != PHASE_DONE) /* it may have ended for want of memory */
        lookup_ready(r, parent);
}

/* The first few RDATA of the answer, for the verdict of an armed trace; NULL if there are none. */
static const char *answer_words(const struct lookup *l, char *buf, size_t cap)
{
    struct text t = text_of(buf, cap);
    unsigned shown = 0;
    for (unsigned i = 0; l->job->trace.armed && i < l->answers; i++) {
        struct rdata_iter it = rdata_iter(&l->answer[i]);
        bool last = i + 1 == l->answers;
        for (struct bytes rd;
             (last || l->answer[i].type == l->type) && rdata_iter_next(&it, &rd);) {
            text_str(&t, shown == 0 ? "" : shown == VERDICT_RECORDS ? ", ..." : ", ");
            if (shown++ == VERDICT_RECORDS)
                return buf;
            rdata_text(l->answer[i].type, rd, &t);
        }
    }
    return shown > 0 ? buf : NULL;
}

void lookup_end(struct resolver *r, struct lookup *l, enum reason why, uint16_t rcode,
                const char *text, struct now now)
{
    struct job *j = l->job;
    if (l->phase == PHASE_DONE)
        return;
    lookup_unwait(r, l);
    lookup_unlist(r, l);
    l->phase = PHASE_DONE;
    l->why = (uint16_t)why;
    l->rcode = rcode;
    unsigned records = 0;
    for (unsigned i = 0; i < l->answers; i++)
        records += l->answer[i].count;
    char buf[400];
    const char *words = why == WHY_ANSWERED ? answer_words(l, buf, sizeof buf) : NULL;
    struct trace_detail d = {.name = l->at,
                             .type = l->type,
                             .rcode = rcode,
                             .value = records,
                             .text = words != NULL ? words : text};
    note(l, now, why, &d);
    if (rcode == RCODE_SERVFAIL) {
        r->count.bogus += l->depth == 0 && l->has_bad;
        r->count.budget_exhausted += l->depth == 0 && j->budget.exhausted != 0;
        remember_failure(r, l, now);
        report_failure(r, l, now);
    }
    if (l->depth == 0) {
        j->trace.spent = j->budget;
        j->trace.total_us = (uint32_t)MIN(now.mono_us - j->trace.start_us, UINT32_MAX);
        j->trace.rcode = rcode;
        incident_end(r, l, now);
    }
    LIST_FOR_SAFE(it, next, &l->waiters)
    {
        struct waiter *w = CONTAINER_OF(it, struct waiter, link);
        if (w->kind != WAIT_LOOKUP)
            continue;
        list_remove(it);
        l->waiter_count--;
        child_done(r, CONTAINER_OF(w, struct lookup, wait), l, now);
    }
    /* Freed by resolver_run() at the earliest: callers still look at it. */
    list_append(&r->done, &l->link);
}
