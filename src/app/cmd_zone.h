/* banyan zone check|fmt|diff|stats|sign. */
#ifndef BANYAN_APP_CMD_ZONE_H
#define BANYAN_APP_CMD_ZONE_H

/* argv[0] is "zone". Returns the exit status: 0 well, 1 something was found, 2 it could not be
 * done. */
int cmd_zone(int argc, char **argv);
/* argv[0] is "sign". */
int cmd_zone_sign(int argc, char **argv);

#endif
