/* Faults of zone data as recipes: small files (lab/faults/WORD.fault) that say which records of a
 * zone or of its parent to take out or put in. A person can add one without touching the program.
 *
 *     help   the parent lost the addresses of the zone's servers
 *     expect no-server-address
 *     at parent drop {server} A
 *     at zone   add  {name} 300 CNAME {name}
 *
 * `expect` is the word of the reason (core/reasons.def) a resolver should give, "ok" if it still
 * answers. {zone} is the zone broken, {parent} its parent, {name} the name the user gave; a line
 * with {server} is repeated for each server of the zone. Names are absolute. "drop NAME *" drops
 * all types. */
#ifndef BANYAN_SIM_RECIPE_H
#define BANYAN_SIM_RECIPE_H

#include "base/diag.h"

enum { RECIPE_EDITS = 16, RECIPE_LINE = 400, RECIPE_WORD = 32 };

struct recipe_edit {
    bool parent; /* in the parent zone */
    bool add;
    char text[RECIPE_LINE]; /* what follows add or drop, placeholders as written */
};

struct recipe {
    char word[RECIPE_WORD];
    char help[200];
    char expect[RECIPE_WORD];
    struct recipe_edit edit[RECIPE_EDITS];
    unsigned edit_count;
};

/* Reads a recipe; r->word is the caller's. ST_ESYNTAX with *d filled (line, column, message). */
enum status recipe_parse(struct recipe *r, struct bytes text, const char *file,
                         struct diag *d) MUST_USE;

#endif
