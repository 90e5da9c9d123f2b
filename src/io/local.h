/* Resolutions inside the calling process: a resolver machine of its own, driven with poll(2).
 * For tools that resolve from the root by themselves; the server has its own loop. */
#ifndef BANYAN_IO_LOCAL_H
#define BANYAN_IO_LOCAL_H

#include "resolver/resolver.h"

struct local;

/* For several resolutions with one cache. Borrows opt. NULL: no memory. */
struct local *local_new(const struct resolver_options *opt) MUST_USE;
void local_free(struct local *l);
/* Runs task to its end (task->done is called once) or until timeout_ms: then nothing more can be
 * run. ST_ETIMEOUT, or what resolver_resolve said. */
enum status local_run(struct local *l, const struct resolve_task *task,
                      uint32_t timeout_ms) MUST_USE;
/* From now on a run ends soon after *stop is true, as if its time were over. Borrows stop. */
void local_stop_when(struct local *l, const _Atomic bool *stop);
/* One resolution with a cache of its own: runs task to its end (task->done is called once) or until
 * timeout_ms. ST_ETIMEOUT, ST_ENOMEM, or what resolver_resolve said. */
enum status local_resolve(const struct resolver_options *opt, const struct resolve_task *task,
                          uint32_t timeout_ms) MUST_USE;

#endif
