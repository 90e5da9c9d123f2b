/* banyan trace and banyan explain: one resolution, shown step by step or told in a paragraph. */
#ifndef BANYAN_APP_CMD_TRACE_H
#define BANYAN_APP_CMD_TRACE_H

/* Exit status: 0 answered (also that there is nothing), 1 failed, 2 wrong usage. */
int cmd_trace(int argc, char **argv);
int cmd_explain(int argc, char **argv);

#endif
