/* The server: configuration to running workers, and everything that happens to them until the end.
 */
#ifndef BANYAN_IO_SERVER_H
#define BANYAN_IO_SERVER_H

#include "base/diag.h"
#include "config/config.h"

struct server_options {
    /* Makes the configuration, at the start and for each reload; complaints go to sink. */
    enum status (*make)(void *ctx, struct diag_sink *sink, struct config **ret);
    void *ctx;
    const char *file; /* where it comes from, for messages; NULL: the command line */
};

/* Runs until told to stop. Exit status: 0 after a clean end, 1 when it could not start. */
int server_run(const struct server_options *opt);
/* Reads a configuration file, with the files it includes. Complaints go to sink. */
enum status config_read_file(const char *path, struct diag_sink *sink,
                             struct config **ret) MUST_USE;
/* The path of the control socket: configured, or by the order that `banyan config explain
 * control.socket` tells. writable: the first whose folder can be written to (for the server); else
 * the first that exists (for clients). */
bool control_socket_path(const char *configured, bool writable, char *ret, size_t cap);

#endif
