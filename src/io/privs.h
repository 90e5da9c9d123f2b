/* Rights the server does not need once its ports are open, the service manager, and the process's
 * limits. */
#ifndef BANYAN_IO_PRIVS_H
#define BANYAN_IO_PRIVS_H

#include "base/diag.h"

/* Becomes user (and group, or the user's own), for good; without a user it only gives capabilities
 * up. False with *d filled when that fails. In a user namespace that does not know the user: a
 * warning, and true. */
bool privs_drop(const char *user, const char *group, struct diag *d);
/* Numbers of the user, for the owner of files made before the change; false if unknown. */
bool privs_lookup(const char *user, const char *group, unsigned *ret_uid, unsigned *ret_gid);
/* As many open files as the hard limit allows. */
void privs_raise_files(void);
/* Tells the service manager (sd_notify's protocol); nothing happens without one. */
void notify_manager(const char *state);

#endif
