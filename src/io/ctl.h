/* A client of the control socket. */
#ifndef BANYAN_IO_CTL_H
#define BANYAN_IO_CTL_H

#include "io/state.h"

struct ctl {
    struct loop_grave grave;
    struct loop_watch w;
    struct loop_timer timer;
    struct list link;
    struct server *server;
    char *in; /* the request line so far */
    size_t in_n;
    char *out; /* reply, being written */
    size_t out_n, out_at;
    bool busy;   /* a command works for it: not freed before its reply */
    bool taking; /* next_request() is at work */
    bool gone;   /* the client has left meanwhile */
};

#endif
