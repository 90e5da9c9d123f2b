#include "core/trace.h"

#include "base/limits.h"
#include <stdlib.h>

static const struct {
    const char *word, *sentence;
    enum reason_kind kind;
    int ede;
} reasons[] = {
#define REASON(name, word, kind, ede, sentence) {word, sentence, REASON_##kind, ede},
#include "core/reasons.def"
#undef REASON
};

const char *reason_word(enum reason r)
{
    return reasons[r].word;
}

enum reason_kind reason_kind(enum reason r)
{
    return reasons[r].kind;
}

int reason_ede(enum reason r)
{
    return reasons[r].ede;
}

const char *reason_sentence(enum reason r)
{
    return reasons[r].sentence;
}

void trace_init(struct trace *t, struct now now, bool armed)
{
    t->start_us = now.mono_us;
    t->armed = armed;
    t->cut = false;
    t->total = 0;
    t->events = NULL;
    t->details = NULL;
    t->n = t->cap = 0;
    t->spent = (struct budget){0};
    t->total_us = 0;
    t->rcode = 0;
    arena_init(&t->arena, 4096, LIMIT_TRACE_BYTES);
}

void trace_free(struct trace *t)
{
    free(t->events);
    free(t->details);
    t->events = NULL;
    t->details = NULL;
    t->n = t->cap = 0;
    arena_free(&t->arena);
}

/* Worth a word afterwards even when nobody traces. */
static bool is_trouble(enum reason why)
{
    return reason_kind(why) == REASON_PROBLEM || why == WHY_REPLY_RCODE ||
           why == WHY_CACHE_FAILURE || why == WHY_FAILED || why == WHY_GAVE_UP ||
           why == WHY_OVERLOADED;
}

static bool trace_grow(struct trace *t)
{
    if (t->n < t->cap)
        return true;
    uint32_t cap = t->cap ? t->cap * 2 : 64;
    if (t->n >= LIMIT_TRACE_EVENTS)
        return false;
    struct trace_event *e = realloc(t->events, cap * sizeof *e);
    if (e != NULL)
        t->events = e;
    struct trace_detail *d = realloc(t->details, cap * sizeof *d);
    if (d != NULL)
        t->details = d;
    if (e == NULL || d == NULL)
        return false;
    t->cap = cap;
    return true;
}

static const uint8_t *keep_name(struct trace *t, const uint8_t *n)
{
    return n ? arena_dup(&t->arena, n, name_len(n)) : NULL;
}

/* Keeps a copy of *d as details[n]. */
static void keep_detail(struct trace *t, const struct trace_detail *d)
{
    struct trace_detail copy = *d;
    copy.name = keep_name(t, d->name);
    copy.zone = keep_name(t, d->zone);
    copy.server = keep_name(t, d->server);
    copy.text = d->text ? arena_strdup(&t->arena, d->text) : NULL;
    t->cut |= (d->name && !copy.name) || (d->zone && !copy.zone) || (d->server && !copy.server) ||
              (d->text && !copy.text);
    t->details[t->n] = copy;
}

/* Unarmed. The index of the details plus one; 0: none are kept. */
static uint32_t keep_trouble(struct trace *t, enum reason why, const struct trace_detail *d)
{
    if (d == NULL || !is_trouble(why) || t->n == LIMIT_TRACE_TROUBLES)
        return 0;
    if (t->details == NULL) {
        t->details = malloc(LIMIT_TRACE_TROUBLES * sizeof *t->details);
        arena_init(&t->arena, 1024, LIMIT_TRACE_TROUBLE_BYTES);
    }
    if (t->details == NULL)
        return 0;
    keep_detail(t, d);
    return ++t->n;
}

void trace_add(struct trace *t, struct now now, enum reason why, unsigned query, unsigned depth,
               const struct trace_detail *d)
{
    struct trace_event e = {.at_us = (uint32_t)MIN(now.mono_us - t->start_us, UINT32_MAX),
                            .reason = (uint16_t)why,
                            .depth = (uint8_t)MIN(depth, 255u),
                            .query = (uint8_t)MIN(query, 255u),
                            .value = d ? d->value : 0};
    t->total++;
    if (!t->armed) {
        e.detail = keep_trouble(t, why, d);
        t->ring[(t->total - 1) % LIMIT_TRACE_RING] = e;
        return;
    }
    if (!trace_grow(t)) {
        t->cut = true;
        return;
    }
    if (d != NULL) {
        keep_detail(t, d);
        e.detail = t->n + 1;
    }
    t->events[t->n++] = e;
}

const struct trace_event *trace_next(const struct trace *t, uint32_t *i)
{
    if (t->armed)
        return *i < t->n ? &t->events[(*i)++] : NULL;
    uint32_t first = t->total > LIMIT_TRACE_RING ? t->total - LIMIT_TRACE_RING : 0;
    if (*i < first)
        *i = first;
    return *i < t->total ? &t->ring[(*i)++ % LIMIT_TRACE_RING] : NULL;
}

const struct trace_detail *trace_detail_of(const struct trace *t, const struct trace_event *e)
{
    static const struct trace_detail none;
    return e->detail > 0 ? &t->details[e->detail - 1] : &none;
}

const struct trace_event *trace_culprit(const struct trace *t)
{
    const struct trace_event *best = NULL, *e;
    int best_weight = 0;
    for (uint32_t i = 0; (e = trace_next(t, &i)) != NULL;) {
        /* Giving up says least: it is believed only when nothing said why. */
        int weight = e->reason == WHY_SERVERS_FAILED || e->reason == WHY_GAVE_UP ||
                             e->reason == WHY_OVERLOADED || e->reason == WHY_DEADLINE ||
                             e->reason == WHY_SERVERS_UNKNOWN
                         ? 1
                     : e->reason == WHY_CACHE_FAILURE || e->reason == WHY_REPLY_RCODE ? 2
                     : e->reason >= WHY_BOGUS_OK                                      ? 4
                     : reason_kind((enum reason)e->reason) == REASON_PROBLEM          ? 3
                                                                                      : 0;
        if (e->reason == WHY_REPLY_MISMATCH || e->reason == WHY_OUT_OF_BAILIWICK ||
            e->reason == WHY_REPLY_NO_EDNS)
            weight = 1;
        if (weight > 0 && weight >= best_weight) {
            best = e;
            best_weight = weight;
        }
    }
    return best;
}
