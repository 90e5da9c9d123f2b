/* banyan query. */
#ifndef BANYAN_APP_CMD_QUERY_H
#define BANYAN_APP_CMD_QUERY_H

/* Exit status: 0 there was a reply, 2 wrong usage, 9 no reply, 10 an error here. */
int cmd_query(int argc, char **argv);

#endif
