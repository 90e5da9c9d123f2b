/* Some records of an answer, for another one: what middleboxes leave of an answer, and what those
 * who replay signatures take out of one. */
#ifndef BANYAN_SIM_PICK_H
#define BANYAN_SIM_PICK_H

#include "dns/encode.h"

struct pick {
    void *ctx;
    bool (*keep)(void *ctx, const struct rr_view *rr);
    const uint8_t *from, *to; /* owners `from` in the answer section become `to`; may be NULL */
    bool everywhere;          /* and in the other sections */
};

/* Writes the records that are to be kept into the same sections of e. Errors of msg_owner(),
 * rdata_from_wire() and encode_rr(). */
enum status pick_records(struct encode *e, const struct msg *m, const struct pick *how) MUST_USE;

#endif
