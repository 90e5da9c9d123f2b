/* When may a snapshot that readers use without locks be freed? When every reader has said, after it
 * was replaced, that it holds none of the old ones (quiescent-state-based reclamation).
 *
 *   writer: publish the new pointer; qsbr_retire(q, old); now and then qsbr_collect(q)
 *   reader, once a loop turn: e = qsbr_begin(q); take the published pointer, give up the old;
 * qsbr_quiescent(r, e)
 *
 * A reader that sleeps keeps its snapshot: the writer wakes it after publishing. */
#ifndef BANYAN_IO_QSBR_H
#define BANYAN_IO_QSBR_H

#include "base/list.h"
#include "base/status.h"

#include <stdatomic.h>
#include <stdint.h>

enum { QSBR_READERS = 256 };

struct qsbr_reader {
    ALIGNED(64) _Atomic uint64_t seen; /* newest epoch it has passed; UINT64_MAX: no reader here */
};

/* Put into what will be retired. */
struct qsbr_item {
    struct qsbr_item *next;
    uint64_t epoch;
    void (*free)(struct qsbr_item *item);
};

struct qsbr {
    ALIGNED(64) _Atomic uint64_t epoch;
    struct qsbr_reader reader[QSBR_READERS];
    struct qsbr_item *retired; /* the writer's own */
};

void qsbr_init(struct qsbr *q);
/* A reader that holds nothing, ever again. */
void qsbr_offline(struct qsbr *q, unsigned reader);

static inline uint64_t qsbr_begin(struct qsbr *q)
{
    return atomic_load_explicit(&q->epoch, memory_order_acquire);
}

/* The reader holds no snapshot that was replaced before epoch e. */
static inline void qsbr_quiescent(struct qsbr *q, unsigned reader, uint64_t e)
{
    _Atomic uint64_t *seen = &q->reader[reader].seen;
    if (atomic_load_explicit(seen, memory_order_relaxed) != e)
        atomic_store_explicit(seen, e, memory_order_release);
}

/* The writer's side; one thread. The new pointer is published already. */
void qsbr_retire(struct qsbr *q, struct qsbr_item *item);
/* Frees what nobody holds; true if nothing is left to free. */
bool qsbr_collect(struct qsbr *q);

#endif
