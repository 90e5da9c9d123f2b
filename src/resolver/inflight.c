/* Lookups in flight: equal questions are joined (RFC 5452 section 5: one question outstanding, so
 * that a forger gets one chance), sub-queries belong to the job of their parent, and circles of
 * lookups that would wait for each other are seen before they close. */
#include "resolver/machine.h"

#include <stdlib.h>

enum { SPARE_MAX = 64, WAITS_MAX = 64 };

struct job *job_new(struct resolver *r, struct now now, const struct resolve_task *task)
{
    struct job *j = calloc(1, sizeof *j);
    if (j == NULL)
        return NULL;
    j->cold = task != NULL && task->cold;
    j->alone = task != NULL && cold_or_armed(task);
    j->cache = r->cache;
    j->keyring = r->keyring;
    /* What is found on the way has to be kept somewhere: a cold job has a cache of its own. */
    if (j->cold) {
        j->cache = cache_new((size_t)1 << 20, 1, r->env);
        j->keyring = keyring_new(KEYRING_COLD, &r->key);
        if (j->cache == NULL || j->keyring == NULL) {
            cache_free(j->cache);
            keyring_free(j->keyring);
            free(j);
            return NULL;
        }
    }
    j->epoch = cache_epoch(j->cache);
    j->budget.deadline_us = now.mono_us + (uint64_t)LIMIT_QUERY_MS * 1000;
    trace_init(&j->trace, now, task != NULL && task->armed);
    return j;
}

void job_drop(struct job *j)
{
    if (j->refs > 0 && --j->refs > 0)
        return;
    trace_free(&j->trace);
    if (j->cold) {
        cache_free(j->cache);
        keyring_free(j->keyring);
    }
    free(j);
}

static uint64_t question_hash(const struct resolver *r, const struct job *j, const uint8_t *name,
                              uint16_t type, unsigned flags)
{
    uint8_t lower[LIMIT_NAME];
    uint64_t h = siphash13(&r->key, lower, name_lower(lower, name));
    return hash_mix(h ^ type ^ (uint64_t)flags << 16 ^ (j != NULL && j->alone ? (uintptr_t)j : 0));
}

static struct lookup *table_find(struct resolver *r, const struct job *j, const uint8_t *name,
                                 uint16_t type, unsigned flags, uint64_t h)
{
    for (struct lookup *l = r->table[h & r->table_mask]; l != NULL; l = l->chain)
        if (l->hash == h && l->type == type && l->flags == flags && name_equal(l->name.w, name) &&
            (j != NULL && j->alone ? l->job == j : !l->job->alone))
            return l;
    return NULL;
}

struct lookup *lookup_find(struct resolver *r, const struct job *j, const uint8_t *name,
                           uint16_t type, unsigned flags)
{
    return table_find(r, j, name, type, flags, question_hash(r, j, name, type, flags));
}

static void table_put(struct resolver *r, struct lookup *l)
{
    struct lookup **p = &r->table[l->hash & r->table_mask];
    l->in_table = true;
    l->chain = *p;
    *p = l;
}

static void table_remove(struct resolver *r, struct lookup *l)
{
    struct lookup **p = &r->table[l->hash & r->table_mask];
    while (*p != l)
        p = &(*p)->chain;
    *p = l->chain;
    l->in_table = false;
}

/* Clears all but the large parts, which would cost more than the rest of a short lookup. */
static void clear(struct lookup *l)
{
    memset(l, 0, offsetof(struct lookup, cut));
    cut_begin(&l->cut, name_root, 0);
    l->asked.w[0] = 0;
    l->walk.at = NULL;
    l->walk.ds.count = 0;
}

static struct lookup *lookup_alloc(struct resolver *r)
{
    struct lookup *l = r->spare;
    if (l != NULL) {
        struct arena a = l->arena;
        r->spare = l->chain;
        r->spare_count--;
        clear(l);
        l->arena = a;
        return l;
    }
    l = malloc(sizeof *l);
    if (l == NULL)
        return NULL;
    clear(l);
    arena_init(&l->arena, 8192, LIMIT_LOOKUP_BYTES);
    return l;
}

struct lookup *lookup_get(struct resolver *r, struct job *j, const uint8_t *name, uint16_t type,
                          unsigned flags, struct lookup *parent, struct now now)
{
    uint64_t h = question_hash(r, j, name, type, flags);
    struct lookup *l = r->lookup_count < LIMIT_LOOKUPS ? lookup_alloc(r) : NULL;
    if (l == NULL)
        return NULL;
    name_copy(l->name.w, name);
    l->type = type;
    l->flags = (uint8_t)flags;
    l->trust = CACHE_SECURE;
    l->hash = h;
    l->at = l->name.w;
    l->cut_max = LIMIT_LABELS;
    l->depth = parent != NULL ? (uint8_t)(parent->depth + 1) : 0;
    l->number = j->lookups < UINT8_MAX ? j->lookups++ : UINT8_MAX;
    l->wait.kind = WAIT_LOOKUP;
    list_init(&l->wait.link);
    list_init(&l->waiters);
    list_init(&l->link);
    l->job = j;
    if (heap_set(&r->deadlines, &l->deadline, j->budget.deadline_us) != ST_OK) {
        l->chain = r->spare;
        r->spare = l;
        r->spare_count++;
        return NULL;
    }
    j->refs++;
    list_append(&r->lookups, &l->all);
    r->lookup_count++;
    table_put(r, l);
    struct trace_detail d = {.name = l->name.w, .type = type};
    note(l, now, WHY_QUERY_BEGIN, &d);
    lookup_ready(r, l);
    return l;
}

void lookup_ready(struct resolver *r, struct lookup *l)
{
    if (l->is_ready || l->is_later)
        return;
    l->is_ready = true;
    list_append(&r->ready, &l->link);
}

void lookup_later(struct resolver *r, struct lookup *l)
{
    l->pauses += l->pauses < UINT8_MAX;
    r->count.pauses++;
    list_remove(&l->link);
    l->is_ready = false;
    l->is_later = true;
    list_append(&r->later, &l->link);
}

void lookup_wait(struct lookup *l, struct waiter *w)
{
    list_append(&l->waiters, &w->link);
    l->waiter_count++;
}

/* True if `from` waits, over any number of steps, for `for_whom`. */
static bool waits_for(const struct lookup *from, const struct lookup *for_whom)
{
    for (int i = 0; i < WAITS_MAX && from != NULL; i++) {
        if (from == for_whom)
            return true;
        from = from->child;
    }
    return from != NULL; /* so long a chain is taken for a circle */
}

bool lookup_child(struct resolver *r, struct lookup *l, const uint8_t *name, uint16_t type,
                  unsigned flags, unsigned server, struct now now)
{
    struct lookup *c = lookup_find(r, l->job, name, type, flags);
    if (c != NULL && (waits_for(c, l) || c->waiter_count >= LIMIT_WAITERS)) {
        struct trace_detail d = {.name = name, .zone = l->cut.zone.w, .type = type};
        note(l, now, WHY_SERVER_LOOP, &d);
        l->starved |= c->waiter_count >= LIMIT_WAITERS;
        return false;
    }
    if (c == NULL) {
        if (l->depth >= LIMIT_QUERY_DEPTH) {
            struct trace_detail d = {.text = "too many sub-queries below one another"};
            note(l, now, WHY_BUDGET_SPENT, &d);
            l->starved = true;
            return false;
        }
        if (!spend(l, BUDGET_SUBQUERIES, 1, now))
            return false;
        c = lookup_get(r, l->job, name, type, flags, l, now);
        l->starved |= c == NULL;
        if (c == NULL)
            return false;
        if (server == CHILD_OF_WALK)
            c->told = (uint8_t)(l->cut.labels + 1);
    } else {
        r->count.coalesced++;
        note(l, now, WHY_COALESCED, NULL);
    }
    lookup_wait(c, &l->wait);
    l->child = c;
    l->child_server = (uint8_t)server;
    l->child_type = type;
    l->phase = PHASE_CHILD;
    return true;
}

void lookup_unwait(struct resolver *r, struct lookup *l)
{
    struct lookup *c = l->child;
    l->child = NULL;
    /* A child that nobody waits for any more ends, and so on downwards, to the end of the chain:
     * what would be left still named l as the one who waits. Jobs that share lookups make chains
     * longer than any one job may; each step frees one lookup. */
    while (c != NULL) {
        list_remove(&l->wait.link);
        c->waiter_count--;
        if (c->phase == PHASE_DONE || !list_empty(&c->waiters))
            return;
        struct lookup *next = c->child;
        c->phase = PHASE_DONE;
        c->child = NULL;
        lookup_unlist(r, c);
        if (next == NULL) {
            lookup_free(r, c);
            return;
        }
        list_remove(&c->wait.link);
        next->waiter_count--;
        bool more = next->phase != PHASE_DONE && list_empty(&next->waiters);
        if (more) /* as if l had waited for it */
            lookup_wait(next, &l->wait);
        lookup_free(r, c);
        c = more ? next : NULL;
    }
}

void jobs_outdate(struct resolver *r)
{
    keyring_flush(r->outdated);
    LIST_FOR_SAFE(it, next, &r->lookups)
    {
        struct lookup *l = CONTAINER_OF(it, struct lookup, all);
        if (l->job->cold)
            continue;
        l->job->alone = true;
        l->job->keyring = r->outdated;
        if (!l->in_table)
            continue;
        table_remove(r, l);
        l->hash = question_hash(r, l->job, l->name.w, l->type, l->flags);
        table_put(r, l);
    }
}

void lookup_unlist(struct resolver *r, struct lookup *l)
{
    if (l->exchange != NULL)
        exchange_end(r, l->exchange);
    if (l->in_table)
        table_remove(r, l);
    heap_remove(&r->deadlines, &l->deadline);
    list_remove(&l->link);
    l->is_ready = l->is_later = false;
}

void lookup_free(struct resolver *r, struct lookup *l)
{
    walk_end(l);
    list_remove(&l->link);
    list_remove(&l->all);
    r->lookup_count--;
    job_drop(l->job);
    arena_reset(&l->arena);
    if (r->spare_count < SPARE_MAX) {
        l->chain = r->spare;
        r->spare = l;
        r->spare_count++;
        return;
    }
    arena_free(&l->arena);
    free(l);
}
