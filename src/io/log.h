/* The operational log: one line an event, `word key=value ...`, to the standard error output.
 *
 * For people and for grep: the first word says what happened and never changes, values with blanks
 * stand in quotes. With a priority prefix instead of the time when the journal reads it. */
#ifndef BANYAN_IO_LOG_H
#define BANYAN_IO_LOG_H

#include "base/diag.h"
#include "base/netaddr.h"
#include "config/config.h"

/* Chooses the form of lines; TARGET_AUTO finds out whether the journal reads. */
void log_open(enum config_log_target target);
void log_set_level(enum config_log_level level);
enum config_log_level log_level(void);
const char *log_level_name(enum config_log_level level);
/* False if there is no such level. */
bool log_level_from(const char *name, enum config_log_level *ret);

/* Writes one line; safe from every thread. event: a word with dashes. fmt: the key=value part, or
 * NULL. */
void log_event(enum config_log_level level, const char *event, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* A diagnostic as an event `word`. */
void log_diag(const char *event, const struct diag *d);
/* s as a value: in quotes if it needs them, without control characters. */
void log_value(const char *s, struct text *out);

#endif
