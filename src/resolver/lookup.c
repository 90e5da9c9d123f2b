/* One question on its way from the cache to its end, and the table of those in flight. */
#include "resolver/machine.h"

#include <stdlib.h>

enum {
    LOOKUPS_MAX = 20000,
    LOOKUP_ARENA_MAX = 256 << 10,
    RUN_PHASES = 64,
    FAILURE_TTL_S = 5, /* RFC 9520 section 3.2: at least 1 s, at most 5 min */
};

struct job *job_new(struct now now, bool cold, bool armed)
{
    struct job *j = malloc(sizeof *j);
    if (j == NULL)
        return NULL;
    j->budget = (struct budget){.deadline_us = now.mono_us + (uint64_t)LIMIT_QUERY_MS * 1000};
    trace_init(&j->trace, now, armed);
    j->refs = 1;
    j->lookups = 0;
    j->cold = cold;
    return j;
}

void job_drop(struct job *j)
{
    if (--j->refs > 0)
        return;
    trace_free(&j->trace);
    free(j);
}

void note(struct lookup *l, struct now now, enum reason why, const struct trace_detail *d)
{
    trace_add(&l->job->trace, now, why, l->number, l->depth, d);
}

static uint64_t key_hash(const struct resolver *r, const uint8_t *name, uint16_t type)
{
    uint8_t key[LIMIT_NAME + 2];
    size_t n = name_lower(key, name);
    put_be16(key + n, type);
    return siphash13(&r->key, key, n + 2);
}

static struct lookup *table_find(const struct resolver *r, uint64_t hash, const uint8_t *name,
                                 uint16_t type)
{
    for (struct lookup *l = r->table[hash & r->table_mask]; l != NULL; l = l->chain)
        if (l->hash == hash && l->type == type && name_equal(l->name.w, name))
            return l;
    return NULL;
}

static void table_remove(struct resolver *r, struct lookup *l)
{
    struct lookup **p = &r->table[l->hash & r->table_mask];
    if (!l->in_table)
        return;
    while (*p != l)
        p = &(*p)->chain;
    *p = l->chain;
    l->in_table = false;
}

static void table_put(struct resolver *r, struct lookup *l, uint64_t hash)
{
    l->hash = hash;
    l->in_table = true;
    l->chain = r->table[hash & r->table_mask];
    r->table[hash & r->table_mask] = l;
}

struct lookup *lookup_get(struct resolver *r, struct job *j, const uint8_t *name, uint16_t type,
                          unsigned depth, bool *ret_joined)
{
    /* A traced or cold resolution shows its own work: it shares nothing with others. */
    bool alone = j->cold || j->trace.armed;
    uint64_t hash = key_hash(r, name, type);
    struct lookup *l = alone ? NULL : table_find(r, hash, name, type);
    *ret_joined = l != NULL;
    if (l != NULL)
        return l;
    if (r->lookup_count >= LOOKUPS_MAX || (l = calloc(1, sizeof *l)) == NULL)
        return NULL;
    r->lookup_count++;
    l->job = j;
    j->refs++;
    l->number = j->lookups++;
    l->depth = (uint8_t)depth;
    l->type = type;
    name_copy(l->name.w, name);
    l->at = l->name.w;
    list_init(&l->link);
    list_init(&l->waiters);
    list_append(&r->lookups, &l->all);
    arena_init(&l->arena, 2048, LOOKUP_ARENA_MAX);
    if (!alone)
        table_put(r, l, hash);
    lookup_ready(r, l);
    return l;
}

void lookup_free(struct resolver *r, struct lookup *l)
{
    if (l->exchange != 0)
        exchange_end(r, exchange_of(r, l->exchange), true);
    table_remove(r, l);
    for (unsigned i = 0; i < ARRAY_LEN(l->wait); i++)
        if (l->wait[i].child != NULL)
            list_remove(&l->wait[i].link);
    list_remove(&l->link);
    list_remove(&l->all);
    arena_free(&l->arena);
    job_drop(l->job);
    r->lookup_count--;
    free(l);
}

void lookup_ready(struct resolver *r, struct lookup *l)
{
    if (l->ready)
        return;
    l->ready = true;
    list_append(&r->ready, &l->link);
}

bool lookup_answer(struct lookup *l, const struct rrset *set)
{
    if (l->answers == ARRAY_LEN(l->answer))
        return false;
    l->answer[l->answers++] = *set;
    return true;
}

/* A parent takes the addresses its child found and goes on. */
static void parent_continue(struct resolver *r, struct waiter *w, const struct lookup *child)
{
    struct lookup *p = w->parent;
    w->child = NULL;
    for (unsigned k = 0; k < p->cut.servers; k++) {
        if (!name_equal(p->cut.server[k].name.w, child->name.w))
            continue;
        p->cut.server[k].state = SERVER_KNOWN;
        for (unsigned i = 0; i < child->answers; i++)
            if (child->answer[i].type == child->type)
                cut_add(r, &p->cut, k, &child->answer[i]);
    }
    if (p->phase == PHASE_CHILD) {
        p->phase = PHASE_ASK;
        lookup_ready(r, p);
    }
}

static void failure_remember(struct resolver *r, struct lookup *l, struct now now)
{
    if (l->rcode == RCODE_SERVFAIL && !l->job->cold)
        cache_put_negative(r->cache, CACHE_FAILURE, l->name.w, l->type, CLASS_IN, FAILURE_TTL_S,
                           NULL, l->why, now);
}

/* Words for the verdict: the first few RDATA. */
static void answer_words(const struct lookup *l, struct text *out)
{
    unsigned shown = 0;
    for (unsigned i = 0; i < l->answers; i++) {
        struct rdata_iter it = rdata_iter(&l->answer[i]);
        for (struct bytes rd; rdata_iter_next(&it, &rd);) {
            if (l->answer[i].type != l->type && i + 1 < l->answers)
                continue;
            if (shown++ == 4) {
                text_str(out, ", ...");
                return;
            }
            if (shown > 1)
                text_str(out, ", ");
            rdata_text(l->answer[i].type, rd, out);
        }
    }
}

static void verdict_note(struct lookup *l, enum reason why, struct now now)
{
    char words[400];
    struct text t = text_of(words, sizeof words);
    struct trace_detail d = {.name = l->at, .type = l->type, .rcode = l->rcode, .text = words};
    if (why == WHY_FAILED)
        text_str(&t, reason_word((enum reason)l->why));
    else
        answer_words(l, &t);
    for (unsigned i = 0; i < l->answers; i++)
        d.value += l->answer[i].count;
    note(l, now, why, &d);
}

void lookup_end(struct resolver *r, struct lookup *l, enum reason why, uint16_t rcode,
                struct now now)
{
    l->phase = PHASE_DONE;
    l->rcode = rcode;
    l->why = (uint16_t)why;
    if (rcode == RCODE_SERVFAIL) {
        const struct trace_event *culprit = trace_culprit(&l->job->trace);
        if (why == WHY_FAILED && culprit != NULL)
            l->why = culprit->reason;
        l->answers = 0;
        l->soa.count = 0;
        failure_remember(r, l, now);
        verdict_note(l, WHY_FAILED, now);
    } else {
        verdict_note(l, why, now);
    }
    if (l->depth == 0) {
        struct trace *t = &l->job->trace;
        t->spent = l->job->budget;
        t->total_us = (uint32_t)(now.mono_us - t->start_us);
        t->rcode = rcode;
        r->count.budget_exhausted += l->job->budget.exhausted != 0;
    }
    table_remove(r, l);
    LIST_FOR_SAFE(it, next, &l->waiters)
    {
        struct waiter *w = CONTAINER_OF(it, struct waiter, link);
        list_remove(&w->link);
        if (w->kind == WAIT_LOOKUP)
            parent_continue(r, w, l);
        else if (w->kind == WAIT_CLIENT)
            client_answer(r, CONTAINER_OF(w, struct client, waiter), l, now);
        else
            task_answer(r, CONTAINER_OF(w, struct task, waiter), l);
    }
    lookup_ready(r, l); /* to be freed once nobody up the stack looks at it */
}

void lookup_alias(struct resolver *r, struct lookup *l, const uint8_t *target, struct now now)
{
    struct trace_detail d = {.name = target, .type = l->type, .value = LIMIT_CHAIN};
    for (unsigned i = 0; i < l->answers; i++)
        if (l->answer[i].type == RR_CNAME && name_equal(l->answer[i].owner, target)) {
            note(l, now, WHY_ALIAS_LOOP, &d);
            lookup_end(r, l, WHY_ALIAS_LOOP, RCODE_SERVFAIL, now);
            return;
        }
    const uint8_t *copy = arena_dup(&l->arena, target, name_len(target));
    if (copy == NULL || !budget_take(&l->job->budget, BUDGET_CHAIN, 1)) {
        note(l, now, WHY_ALIAS_TOO_LONG, &d);
        lookup_end(r, l, WHY_ALIAS_TOO_LONG, RCODE_SERVFAIL, now);
        return;
    }
    note(l, now, WHY_ALIAS_FOLLOWED, &d);
    l->at = copy;
    l->full = false;
    l->minimised = 0;
    l->phase = PHASE_CACHE;
}

static bool usable(const struct cache_entry *e)
{
    return e->rank >= RANK_NONAUTH_ANSWER;
}

/* An alias of the current name that the cache knows: its own CNAME, or a DNAME above it (RFC 6672
 * section 3.2). True if the lookup went on (or ended). */
static bool cached_alias(struct resolver *r, struct lookup *l, struct now now)
{
    struct cache_entry e;
    if (l->type != RR_CNAME &&
        cache_get(r->cache, l->at, RR_CNAME, CLASS_IN, now, &l->arena, &e) == CACHE_RRSET &&
        usable(&e)) {
        note(l, now, WHY_CACHE_HIT,
             &(struct trace_detail){.name = l->at, .type = RR_CNAME, .value = e.ttl_s});
        if (lookup_answer(l, &e.set))
            lookup_alias(r, l, e.set.rdata + 2, now);
        return true;
    }
    return false;
}

static void cache_phase(struct resolver *r, struct lookup *l, struct now now)
{
    struct cache_entry e;
    struct trace_detail d = {.name = l->at, .type = l->type};
    l->phase = PHASE_CUT;
    if (l->job->cold) {
        if (l->answers == 0 && l->depth == 0)
            note(l, now, WHY_CACHE_BYPASS, &d);
        return;
    }
    enum cache_kind kind = cache_get(r->cache, l->at, l->type, CLASS_IN, now, &l->arena, &e);
    d.value = e.ttl_s;
    if (kind == CACHE_RRSET && usable(&e)) {
        note(l, now, WHY_CACHE_HIT, &d);
        if (lookup_answer(l, &e.set))
            lookup_end(r, l, WHY_ANSWERED, RCODE_NOERROR, now);
    } else if (kind == CACHE_NODATA || kind == CACHE_NXDOMAIN) {
        note(l, now, WHY_CACHE_NEGATIVE, &d);
        l->soa = e.soa;
        if (kind == CACHE_NXDOMAIN)
            lookup_end(r, l, WHY_ANSWERED_NXDOMAIN, RCODE_NXDOMAIN, now);
        else
            lookup_end(r, l, WHY_ANSWERED_NODATA, RCODE_NOERROR, now);
    } else if (kind == CACHE_FAILURE) {
        note(l, now, WHY_CACHE_FAILURE, &d);
        lookup_end(r, l, WHY_CACHE_FAILURE, RCODE_SERVFAIL, now);
    } else if (!cached_alias(r, l, now)) {
        note(l, now, WHY_CACHE_MISS, &d);
    }
}

void lookup_run(struct resolver *r, struct lookup *l, struct now now)
{
    for (int i = 0; i < RUN_PHASES; i++) {
        switch (l->phase) {
        case PHASE_CACHE:
            cache_phase(r, l, now);
            break;
        case PHASE_CUT:
            cut_find(r, l, now);
            break;
        case PHASE_ASK:
            choose(r, l, now);
            break;
        case PHASE_REPLY:
        case PHASE_CHILD:
            return;
        case PHASE_DONE:
            lookup_free(r, l);
            return;
        }
    }
    lookup_ready(r, l);
}
