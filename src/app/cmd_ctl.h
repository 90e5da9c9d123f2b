/* banyan ctl COMMAND: asks a running server. */
#ifndef BANYAN_APP_CMD_CTL_H
#define BANYAN_APP_CMD_CTL_H

/* argv[0] is "ctl". Exit status: 0 well, 1 the server said no or is not there, 2 wrong usage. */
int cmd_ctl(int argc, char **argv);

#endif
