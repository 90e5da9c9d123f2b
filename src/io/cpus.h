/* Processors: which of them the process may use, and threads that stay on one. */
#ifndef BANYAN_IO_CPUS_H
#define BANYAN_IO_CPUS_H

#include "base/attr.h"

#include <stdbool.h>

enum { CPUS_MAX = 1024 };

/* The numbers of those that the calling thread may run on, in order: at most CPUS_MAX. Returns how
 * many; 0 if the kernel does not tell. */
unsigned cpus_allowed(unsigned ret[CPUS_MAX]);
/* Keeps the calling thread on one of them. False if the kernel refuses. */
bool cpu_stay(unsigned cpu);

#endif
