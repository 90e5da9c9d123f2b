/* Words of a line, for the small text formats of this folder (recipes, scenarios). */
#ifndef BANYAN_SIM_LINES_H
#define BANYAN_SIM_LINES_H

#include "base/bytes.h"

/* Takes the next line off *text, without its end; comments ("#" at the start or after a blank,
 * outside quotes) and blanks at the end are cut. False at the end of the text. */
bool line_next(struct bytes *text, struct bytes *ret);
/* Takes the next word off *line; false when none is left. A word in double quotes keeps its blanks
 * and loses the quotes. */
bool word_next(struct bytes *line, struct bytes *ret);
/* What is left of the line, without blanks before it. */
struct bytes line_rest(struct bytes line);
bool word_is(struct bytes word, const char *s);
/* A decimal number up to max; false if it is none. */
bool word_uint(struct bytes word, uint64_t max, uint64_t *ret);

#endif
