/* A spin lock: for a few hundred instructions that no worker may sleep in. Whoever holds it may be
 * a thread of lower priority that has lost the processor to one who waits: then that gives way. */
#ifndef BANYAN_CACHE_SPIN_H
#define BANYAN_CACHE_SPIN_H

#include <sched.h>
#include <stdatomic.h>

static inline void spin_lock(atomic_flag *f)
{
    enum { PATIENCE = 1000 };
    for (unsigned i = 1; atomic_flag_test_and_set_explicit(f, memory_order_acquire); i++) {
        if (i % PATIENCE == 0)
            sched_yield();
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
}

static inline void spin_unlock(atomic_flag *f)
{
    atomic_flag_clear_explicit(f, memory_order_release);
}

#endif
