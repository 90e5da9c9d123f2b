/* What all workers remember of failures, slow answers and other servers, for the control socket. */
#ifndef BANYAN_IO_INCIDENTS_H
#define BANYAN_IO_INCIDENTS_H

#include "io/ctl.h"

/* CONTROL_FAILURES, CONTROL_SLOW and CONTROL_SERVERS: replies later. */
void incidents_show(struct server *s, struct ctl *client, const struct control_request *rq);

#endif
