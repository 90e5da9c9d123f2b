/* banyan zone check|fmt|diff|stats|sign|verify. */
#ifndef BANYAN_APP_CMD_ZONE_H
#define BANYAN_APP_CMD_ZONE_H

#include "zone/load.h"

/* argv[0] is "zone". Returns the exit status: 0 well, 1 something was found, 2 it could not be
 * done. */
int cmd_zone(int argc, char **argv);
/* argv[0] is "sign". */
int cmd_zone_sign(int argc, char **argv);
/* argv[0] is "verify". */
int cmd_zone_verify(int argc, char **argv);

/* Files and, as "-", standard input, which may be opened again. */
extern const struct file_source cmd_zone_source;
/* The options for one file: without an origin in *load a file that does not tell its zone has the
 * name that its own name says: example.org, example.org.zone, db.example.org. *name keeps it. */
struct zone_load_options cmd_zone_load_options(const struct zone_load_options *load,
                                               const char *path, struct name *name);

#endif
