/* A spin lock: for a few hundred instructions that no worker may sleep in. */
#ifndef BANYAN_CACHE_SPIN_H
#define BANYAN_CACHE_SPIN_H

#include <stdatomic.h>

static inline void spin_lock(atomic_flag *f)
{
    while (atomic_flag_test_and_set_explicit(f, memory_order_acquire)) {
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
