/* Options of a command as a table: parsing, "did you mean" and --help come from it. */
#ifndef BANYAN_APP_OPTS_H
#define BANYAN_APP_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct opt {
    const char *name; /* "--json" */
    char letter;      /* 'j'; 0: none */
    const char *arg;  /* name of the value for help; NULL: a flag */
    const char *help;
    bool *flag;         /* set by a flag */
    const char **value; /* set by a value */
    uint32_t *number;   /* set by a value that is a number in [min, max] */
    uint32_t min, max;
};

struct opt_command {
    const char *name;     /* "banyan trace" */
    const char *synopsis; /* "[@SERVER] NAME [TYPE] [OPTIONS]" */
    const char *about;    /* a paragraph */
    const char *examples; /* lines */
    const struct opt *opt;
    size_t n;
};

enum opts_result { OPTS_GO, OPTS_HELP, OPTS_BAD };

/* Takes options out of argv; the other arguments move to the front (from argv[1] on) and *ret_n
 * tells how many there are. --help prints help to standard output (OPTS_HELP: end with 0); a
 * mistake is told on standard error (OPTS_BAD: end with 2). "--" ends the options. */
enum opts_result opts_parse(const struct opt_command *c, int argc, char **argv, int *ret_n);

/* Prints what --help prints: usage, about, options, examples. */
void opts_help(const struct opt_command *c);

/* Colour on standard output: a terminal, and neither NO_COLOR nor TERM=dumb. */
bool term_colour(void);

#endif
