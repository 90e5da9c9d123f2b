/* The world's time and randomness for the machines: what core/env.h asks for, from the kernel. */
#ifndef BANYAN_IO_CLOCK_H
#define BANYAN_IO_CLOCK_H

#include "core/env.h"

/* Both clocks now: CLOCK_BOOTTIME and the wall clock through libc. */
struct now now_read(void);

/* A buffer of kernel randomness: every byte is given out once. One object a thread. */
struct random_pool {
    uint8_t buf[1024];
    size_t left;
};

/* Ends the process if the kernel gives none: nothing may go on with guessable numbers. */
void random_fill(struct random_pool *p, void *ret, size_t n);
/* The environment of a machine on this thread; borrows p. */
struct env env_of(struct random_pool *p);

#endif
