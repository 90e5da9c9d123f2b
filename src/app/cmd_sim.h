/* banyan sim: seeds and scenarios in virtual time. */
#ifndef BANYAN_APP_CMD_SIM_H
#define BANYAN_APP_CMD_SIM_H

/* argv[0] is "sim". Returns the exit status: 0 all as it must be, 1 violations, 2 wrong usage. */
int cmd_sim(int argc, char **argv);

#endif
