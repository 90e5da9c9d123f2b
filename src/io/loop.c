#include "io/loop.h"

#include "io/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A turn of patient ones takes about a millisecond at most: so long others may have to wait. */
enum { EVENTS_A_TURN = 128, PATIENT_A_TURN = 32 };

static void run_events(const struct epoll_event *events, int n)
{
    for (int i = 0; i < n; i++) {
        struct loop_watch *w = events[i].data.ptr;
        if (w->fd >= 0)
            w->ready(w, events[i].events);
    }
}

static void patient_ready(struct loop_watch *w, uint32_t events)
{
    struct epoll_event some[PATIENT_A_TURN];
    (void)events;
    run_events(some, epoll_wait(w->fd, some, PATIENT_A_TURN, 0));
}

static void wake_ready(struct loop_watch *w, uint32_t events)
{
    struct loop *l = CONTAINER_OF(w, struct loop, wake);
    uint64_t count;
    (void)events;
    if (read(w->fd, &count, sizeof count) < 0)
        return; /* somebody else's wake-up: the jobs were done already */
    pthread_mutex_lock(&l->lock);
    struct loop_job *job = l->jobs;
    l->jobs = NULL;
    l->jobs_end = &l->jobs;
    pthread_mutex_unlock(&l->lock);
    while (job != NULL) {
        struct loop_job *next = job->next;
        job->run(job);
        job = next;
    }
}

enum status loop_init(struct loop *l, uint32_t max_timers)
{
    memset(l, 0, sizeof *l);
    l->jobs_end = &l->jobs;
    pthread_mutex_init(&l->lock, NULL);
    heap_init(&l->timers, max_timers);
    l->now = now_read();
    l->wake = (struct loop_watch){.fd = -1, .ready = wake_ready};
    l->patient = (struct loop_watch){.fd = -1, .ready = patient_ready};
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0)
        return ST_EIO;
    l->wake.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->patient.fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->wake.fd < 0 || l->patient.fd < 0)
        return ST_EIO;
    TRY(loop_add(l, &l->patient, EPOLLIN));
    return loop_add(l, &l->wake, EPOLLIN);
}

static void free_graves(struct loop *l)
{
    while (l->graves != NULL) {
        struct loop_grave *g = l->graves;
        l->graves = g->next;
        free(g);
    }
}

void loop_free(struct loop *l)
{
    free_graves(l);
    if (l->wake.fd >= 0)
        close(l->wake.fd);
    if (l->patient.fd >= 0)
        close(l->patient.fd);
    if (l->epoll >= 0)
        close(l->epoll);
    heap_free(&l->timers);
    pthread_mutex_destroy(&l->lock);
}

static int epoll_of(const struct loop *l, const struct loop_watch *w)
{
    return w->patient ? l->patient.fd : l->epoll;
}

enum status loop_add(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = w};
    w->events = events;
    return epoll_ctl(epoll_of(l, w), EPOLL_CTL_ADD, w->fd, &e) == 0 ? ST_OK : ST_EIO;
}

void loop_change(struct loop *l, struct loop_watch *w, uint32_t events)
{
    if (w->fd < 0 || w->events == events)
        return;
    struct epoll_event e = {.events = events, .data.ptr = w};
    w->events = events;
    epoll_ctl(epoll_of(l, w), EPOLL_CTL_MOD, w->fd, &e);
}

void loop_close(struct loop *l, struct loop_watch *w)
{
    if (w->fd < 0)
        return;
    /* Before the close: the descriptor may be shared with a child process. */
    epoll_ctl(epoll_of(l, w), EPOLL_CTL_DEL, w->fd, NULL);
    close(w->fd);
    w->fd = -1;
}

void loop_drop(struct loop_watch *w)
{
    if (w->fd < 0)
        return;
    close(w->fd); /* the last of its file: the kernel stops watching it */
    w->fd = -1;
}

void loop_bury(struct loop *l, struct loop_grave *p)
{
    p->next = l->graves;
    l->graves = p;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_us)
{
    if (heap_set(&l->timers, &t->node, at_us) != ST_OK)
        t->fire(t); /* no room: better too early than never */
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
    heap_remove(&l->timers, &t->node);
}

void loop_post(struct loop *l, struct loop_job *job)
{
    uint64_t one = 1;
    job->next = NULL;
    pthread_mutex_lock(&l->lock);
    *l->jobs_end = job;
    l->jobs_end = &job->next;
    pthread_mutex_unlock(&l->lock);
    ssize_t put = write(l->wake.fd, &one, sizeof one);
    (void)put; /* fails only when it is awake anyway */
}

void loop_spin(struct loop *l, uint32_t spin_us)
{
    /* struct epoll_params and EPIOCSPARAMS of Linux 6.9; headers may be older */
    struct {
        uint32_t busy_poll_usecs;
        uint16_t busy_poll_budget;
        uint8_t prefer_busy_poll, pad;
    } params = {spin_us, 64, 1, 0};
    l->spin_us = spin_us;
    if (spin_us == 0)
        return;
    (void)ioctl(l->epoll, _IOW(0x8A, 0x01, params), &params); /* without it only we look */
    (void)ioctl(l->patient.fd, _IOW(0x8A, 0x01, params), &params);
}

static int wait_ms(struct loop *l, uint64_t deadline_us)
{
    const struct heap_node *top = heap_top(&l->timers);
    if (top != NULL)
        deadline_us = MIN(deadline_us, top->key);
    if (deadline_us == UINT64_MAX)
        return -1;
    uint64_t now = now_read().mono_us;
    if (deadline_us <= now)
        return 0;
    return (int)MIN((deadline_us - now + 999) / 1000, 60000u);
}

void loop_turn(struct loop *l, uint64_t deadline_us)
{
    struct epoll_event events[EVENTS_A_TURN];
    bool spin = l->spin_us > 0 && l->now.mono_us < l->spin_end_us;
    int n = epoll_wait(l->epoll, events, EVENTS_A_TURN, spin ? 0 : wait_ms(l, deadline_us));
    l->now = now_read();
    if (n > 0)
        l->spin_end_us = l->now.mono_us + l->spin_us;
    run_events(events, n);
    for (int i = 0; i < EVENTS_A_TURN; i++) { /* timers, in bounded number a turn */
        struct heap_node *top = heap_top(&l->timers);
        if (top == NULL || top->key > l->now.mono_us)
            break;
        heap_remove(&l->timers, top);
        struct loop_timer *t = CONTAINER_OF(top, struct loop_timer, node);
        t->fire(t);
    }
    free_graves(l);
}
