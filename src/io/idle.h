/* Work that may wait: loading new zones, freeing old ones. On a processor that workers need, too,
 * it takes only what they leave, so that answers hardly wait for it. */
#ifndef BANYAN_IO_IDLE_H
#define BANYAN_IO_IDLE_H

#include "base/attr.h"

/* Once, while the process still has the rights it was started with: sees to it that a thread that
 * has stepped back altogether can come forward again (setrlimit(2), RLIMIT_NICE). */
void idle_prepare(void);
/* The calling thread, and those it starts from now on, step back: altogether (SCHED_IDLE) where
 * that can be undone, else as far as nice(2) goes. If refused, all goes on as it was. */
void idle_begin(void);
/* Threads of this process that stepped back altogether get a small part of a busy processor from
 * now on: for work that would never be done otherwise. */
void idle_hurry(void);

#endif
