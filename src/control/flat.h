/* Reads one flat JSON object (RFC 8259): members are strings, numbers without fraction, true, false
 * or null. That is all the control protocol sends, and a parser of this size can be trusted with
 * what a local user sends. */
#ifndef BANYAN_CONTROL_FLAT_H
#define BANYAN_CONTROL_FLAT_H

#include "base/bytes.h"
#include "base/status.h"

enum { FLAT_TEXT = 1100, FLAT_MEMBERS = 32 };

enum flat_kind { FLAT_STRING, FLAT_NUMBER, FLAT_BOOL, FLAT_NULL };

struct flat_value {
    enum flat_kind kind;
    char text[FLAT_TEXT]; /* STRING, NUL-terminated, no NUL inside */
    uint64_t number;
    bool truth;
};

struct flat {
    const uint8_t *p, *end;
    unsigned members;
};

/* Opens the object in `line`. ST_ESYNTAX. */
enum status flat_begin(struct flat *f, struct bytes line) MUST_USE;
/* The next member: ST_OK, ST_ENOTFOUND at the end of a well-formed object, ST_ESYNTAX, ST_ELIMIT
 * (too many, or too long). */
enum status flat_next(struct flat *f, char key[FLAT_TEXT], struct flat_value *ret) MUST_USE;

#endif
