#include "io/idle.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    LEAST_NICE = 19,
    ALLOWS_LEAST = 1, /* RLIMIT_NICE counts from the other end */
};

void idle_prepare(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NICE, &r) != 0 || r.rlim_cur >= ALLOWS_LEAST)
        return;
    r.rlim_cur = ALLOWS_LEAST;
    if (r.rlim_max < ALLOWS_LEAST)
        r.rlim_max = ALLOWS_LEAST;
    (void)setrlimit(RLIMIT_NICE, &r);
}

static bool step_back(pid_t thread)
{
    const struct sched_param none = {0};
    (void)setpriority(PRIO_PROCESS, (id_t)thread, LEAST_NICE); /* on Linux: of a thread */
    return sched_setscheduler(thread, SCHED_BATCH, &none) == 0;
}

static bool step_out(void)
{
    const struct sched_param none = {0};
    return sched_setscheduler(0, SCHED_IDLE, &none) == 0;
}

/* Whoever may not leave SCHED_IDLE must not go there; this thread may. */
static void *try_main(void *ret)
{
    step_back(0);
    *(bool *)ret = step_out() && step_back(0);
    return NULL;
}

void idle_begin(void)
{
    pthread_t t;
    bool can_return = false;
    if (pthread_create(&t, NULL, try_main, &can_return) == 0)
        pthread_join(t, NULL);
    step_back(0);
    if (can_return)
        step_out();
}

void idle_hurry(void)
{
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL)
        return;
    for (const struct dirent *e; (e = readdir(tasks)) != NULL;) {
        pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);
        if (tid > 0 && sched_getscheduler(tid) == SCHED_IDLE)
            step_back(tid);
    }
    closedir(tasks);
}
