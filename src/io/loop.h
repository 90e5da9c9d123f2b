/* One event loop: epoll, timers, and a letter box through which other threads hand it work. */
#ifndef BANYAN_IO_LOOP_H
#define BANYAN_IO_LOOP_H

#include "base/heap.h"
#include "base/list.h"
#include "core/env.h"

#include <pthread.h>

struct loop_watch {
    int fd; /* -1: closed; events still under way are passed by */
    uint32_t events;
    bool patient; /* one of very many: some of them are served a turn, after all others */
    void (*ready)(struct loop_watch *w, uint32_t events);
};

struct loop_timer {
    struct heap_node node;
    void (*fire)(struct loop_timer *t);
};

/* Work for a loop from any thread; embedded in whatever it works on. */
struct loop_job {
    struct loop_job *next;
    void (*run)(struct loop_job *job);
};

/* Memory that a turn may still refer to: freed at its end. */
struct loop_grave {
    struct loop_grave *next;
};

struct loop {
    int epoll;
    struct loop_watch patient; /* an epoll of the patient ones, watched by the other */
    struct loop_watch wake;    /* eventfd */
    struct heap timers;
    struct now now;       /* read once a turn */
    uint32_t spin_us;     /* looks for events so long before it sleeps */
    uint64_t spin_end_us; /* until then, if nothing happens */
    struct loop_grave *graves;
    pthread_mutex_t lock; /* of jobs */
    struct loop_job *jobs, **jobs_end;
};

/* ST_EIO with errno set, ST_ENOMEM. max_timers bounds the heap. */
enum status loop_init(struct loop *l, uint32_t max_timers) MUST_USE;
void loop_free(struct loop *l);
/* Begins to watch w->fd. ST_EIO. */
enum status loop_add(struct loop *l, struct loop_watch *w, uint32_t events) MUST_USE;
void loop_change(struct loop *l, struct loop_watch *w, uint32_t events);
/* Stops watching and closes the descriptor. */
void loop_close(struct loop *l, struct loop_watch *w);
/* The same for a descriptor that no other process shares, whether it is watched or not: one call
 * less. */
void loop_drop(struct loop_watch *w);
/* Frees p (whose first member is a struct loop_grave) at the end of the turn. */
void loop_bury(struct loop *l, struct loop_grave *p);
/* Sets or moves a timer; mono time in microseconds. Past the bound of the heap it fires at once,
 * next turn. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_us);
void loop_timer_stop(struct loop *l, struct loop_timer *t);
/* Hands work over, from any thread. */
void loop_post(struct loop *l, struct loop_job *job);
/* From now on, after the last event the loop keeps looking for the next one so long before it
 * sleeps; network cards are polled meanwhile where the kernel can. */
void loop_spin(struct loop *l, uint32_t spin_us);
/* Waits for events, at most until deadline_us (UINT64_MAX: for ever), and handles them. */
void loop_turn(struct loop *l, uint64_t deadline_us);

#endif
