/* Asking a running server over its control socket. */
#ifndef BANYAN_IO_CTL_CLIENT_H
#define BANYAN_IO_CTL_CLIENT_H

#include "control/control.h"

/* One request, one reply. path NULL: found by the usual order (control_socket_path). payload gets
 * what the server sent, also beside an error it reports (ret->ok false). ST_OK: the server replied.
 * Otherwise *d says in plain words what is wrong and what to do: ST_ENOTFOUND (no socket: not
 * running?), ST_EREFUSED (left behind, or no permission), ST_ETIMEOUT, ST_EIO. */
enum status control_call(const char *path, const struct control_request *rq, uint32_t timeout_ms,
                         struct control_reply *ret, struct text *payload, struct diag *d) MUST_USE;

#endif
