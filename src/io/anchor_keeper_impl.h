/* Shared by anchor_keeper.c and anchor_keeper_show.c. */
#ifndef BANYAN_IO_ANCHOR_KEEPER_IMPL_H
#define BANYAN_IO_ANCHOR_KEEPER_IMPL_H

#include "io/anchor_keeper.h"

#include <pthread.h>

struct anchor_point {
    struct anchor_roll roll;
    char path[ANCHOR_PATH_MAX];
    bool wanted;      /* still configured */
    bool tried;       /* by this run of the program */
    bool unreached;   /* the last time */
    uint64_t tried_s; /* wall clock */
    enum roll_outcome outcome;
    unsigned alarms; /* bit by enum anchor_alarm; OVERDUE is found when asked */
};

struct anchor_keeper {
    char *dir;
    pthread_mutex_t change; /* held while something is changed, files written included */
    pthread_mutex_t lock;   /* of all that follows, held for moments; to write: both */
    struct anchor_point *point[LIMIT_ANCHORS];
    unsigned n;
    struct anchors *unusable; /* of the configuration, that nobody can follow; under `change` */
    _Atomic uint64_t version;
    struct anchor_counters count;
};

/* The alarms of a trust point at a moment. */
unsigned anchor_point_alarms(const struct anchor_point *p, struct now now);

#endif
