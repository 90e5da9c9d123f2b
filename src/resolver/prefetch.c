/* Answers fetched anew before they run out, so that what is asked for often is always there.
 *
 * Only a client's question does it, never a fetch before; and of all workers the first alone, once
 * in an entry's time. The lookup has a budget of its own, like that of a client. */
#include "resolver/machine.h"

void prefetch_begin(struct resolver *r, const uint8_t *name, uint16_t type, unsigned flags,
                    bool refresh, struct now now)
{
    /* What is left belongs to clients. */
    if (r->lookup_count >= LIMIT_LOOKUPS / 2 || lookup_find(r, NULL, name, type, flags) != NULL)
        return;
    struct job *j = job_new(r, now, NULL);
    struct lookup *l = j != NULL ? lookup_get(r, j, name, type, flags, NULL, now) : NULL;
    if (l == NULL) {
        if (j != NULL)
            job_drop(j);
        return;
    }
    l->refresh = refresh;
    r->count.prefetches++;
    /* Not from within an answer: in the next tick. */
    list_remove(&l->link);
    l->is_ready = false;
    l->is_later = true;
    list_append(&r->later, &l->link);
}

COLD void prefetch(struct query *q, const uint8_t *name, uint16_t type, const struct cache_entry *e)
{
    struct resolver *r = q->role;
    bool due =
        e->late || (r->opt->prefetch == PREFETCH_POPULAR && e->asked >= LIMIT_PREFETCH_POPULAR);
    if (!due || r->opt->prefetch == PREFETCH_NO || e->kind != CACHE_RRSET ||
        (q->in.h.flags & MSG_RD) == 0 || !cache_claim(r->cache, name, e->set.type, CLASS_IN))
        return;
    prefetch_begin(r, name, type, validating(r) && type != RR_RRSIG ? LOOKUP_CHECK : 0, true,
                   q->rq->now);
}
