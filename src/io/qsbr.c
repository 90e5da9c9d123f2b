#include "io/qsbr.h"

void qsbr_init(struct qsbr *q)
{
    atomic_init(&q->epoch, 1);
    q->retired = NULL;
    for (unsigned i = 0; i < QSBR_READERS; i++)
        atomic_init(&q->reader[i].seen, UINT64_MAX);
}

void qsbr_offline(struct qsbr *q, unsigned reader)
{
    atomic_store_explicit(&q->reader[reader].seen, UINT64_MAX, memory_order_release);
}

void qsbr_retire(struct qsbr *q, struct qsbr_item *item)
{
    item->epoch = atomic_fetch_add_explicit(&q->epoch, 1, memory_order_acq_rel) + 1;
    item->next = q->retired;
    q->retired = item;
}

bool qsbr_collect(struct qsbr *q)
{
    uint64_t oldest = UINT64_MAX;
    for (unsigned i = 0; i < QSBR_READERS; i++) {
        uint64_t seen = atomic_load_explicit(&q->reader[i].seen, memory_order_acquire);
        oldest = MIN(oldest, seen);
    }
    for (struct qsbr_item **p = &q->retired; *p != NULL;) {
        struct qsbr_item *item = *p;
        if (item->epoch <= oldest) {
            *p = item->next;
            item->free(item);
        } else {
            p = &item->next;
        }
    }
    return q->retired == NULL;
}
