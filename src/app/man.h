/* Manual pages out of what --help says, so that they cannot be out of date. */
#ifndef BANYAN_APP_MAN_H
#define BANYAN_APP_MAN_H

/* Runs `run` with --help, and prints its words as a manual page in roff. name is "" for the page of
 * `banyan` itself. Returns the exit status. */
int man_print(const char *name, const char *summary, int (*run)(int argc, char **argv));

#endif
