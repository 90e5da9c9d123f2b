#include "io/jobs.h"

#include <pthread.h>
#include <unistd.h>

enum { JOBS_MAX = 64 };

struct job {
    pthread_t thread;
    void (*fn)(void *arg, unsigned lane);
    void *arg;
    unsigned lane;
    bool started;
};

static void *job_main(void *arg)
{
    struct job *j = arg;
    j->fn(j->arg, j->lane);
    return NULL;
}

static void run(void *ctx, unsigned lanes, void (*fn)(void *arg, unsigned lane), void *arg)
{
    struct job job[JOBS_MAX];
    (void)ctx;
    for (unsigned i = 1; i < lanes; i++) {
        job[i] = (struct job){.fn = fn, .arg = arg, .lane = i};
        job[i].started = pthread_create(&job[i].thread, NULL, job_main, &job[i]) == 0;
    }
    fn(arg, 0);
    for (unsigned i = 1; i < lanes; i++) {
        if (job[i].started)
            pthread_join(job[i].thread, NULL);
        else
            fn(arg, i);
    }
}

struct sign_jobs jobs_threads(unsigned lanes)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (lanes == 0)
        lanes = cpus > 0 ? (unsigned)cpus : 1;
    return (struct sign_jobs){.lanes = MIN(lanes, (unsigned)JOBS_MAX), .run = run};
}
