/* Answers kept as they were written. What an answer says depends on few things: the node that was
 * found, the type, and whether DNSSEC records are wanted; not on the rest of the question's name,
 * nor on who asks. So its sections are kept, and copied behind the next such question.
 *
 * Not for everything: denials that prove something of the very name, answers made from a DNAME,
 * types that are treated in their own ways, and zones that are signed as they are asked. What is
 * asked once only is not kept: a zone of a million names has no use for this. */
#ifndef BANYAN_AUTH_READY_H
#define BANYAN_AUTH_READY_H

#include "query/query.h"

struct ready_table;

/* What an answer depends on, for a question whose zone and node have been found. */
struct ready_key {
    const struct zone *zone;
    const struct zone_node *node;
    uint16_t type; /* 0: any */
    uint8_t kind;  /* enum zone_match, and whether DNSSEC records are wanted */
    uint8_t lead;  /* bytes of the question's name that the answer does not depend on */
};

struct ready_table *ready_new(void) MUST_USE;
void ready_free(struct ready_table *t);
/* Forgets everything: the zones are others. */
void ready_clear(struct ready_table *t);
/* The sections for such a question, or NULL. *ret_keep: it was asked before, so the answer about to
 * be written is to be kept (ready_keep). */
const struct ready *ready_find(struct ready_table *t, const struct ready_key *k, bool *ret_keep);
/* Room for the sections of an answer, whose caller fills in all of it; replaces another one. */
struct ready *ready_keep(struct ready_table *t, const struct ready_key *k);

#endif
