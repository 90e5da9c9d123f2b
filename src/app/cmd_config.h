/* banyan config check|dump|explain|schema|man. */
#ifndef BANYAN_APP_CMD_CONFIG_H
#define BANYAN_APP_CMD_CONFIG_H

/* argv[0] is "config". Exit status: 0 well, 1 the configuration is bad, 2 wrong usage. */
int cmd_config(int argc, char **argv);

#endif
