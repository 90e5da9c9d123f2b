/* Plays a scenario in virtual time and compares what happens with what it expects. */
#ifndef BANYAN_SIM_PLAYER_H
#define BANYAN_SIM_PLAYER_H

#include "sim/scenario.h"

/* Plays sc, which scenario_parse() has read. Every difference goes to sink as an error with its
 * line; so do mistakes in its zones. log (may be NULL): every packet in words. ST_OK if everything
 * was as expected, ST_ESEMANTIC if not, ST_ENOMEM. */
enum status scenario_play(struct scenario *sc, const char *file, struct diag_sink *sink,
                          struct text *log) MUST_USE;

#endif
