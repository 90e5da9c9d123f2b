#include "io/cpus.h"

#include <sched.h>

unsigned cpus_allowed(unsigned ret[CPUS_MAX])
{
    cpu_set_t set;
    unsigned n = 0;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 0;
    for (unsigned i = 0; i < CPU_SETSIZE && n < CPUS_MAX; i++)
        if (CPU_ISSET(i, &set))
            ret[n++] = i;
    return n;
}

bool cpu_stay(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}
