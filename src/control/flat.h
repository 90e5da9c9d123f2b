/* One flat JSON object (RFC 8259), member by member: all that the control protocol sends. Reading
 * is jansson's; here stand the bounds. */
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
    void *object; /* owned */
    void *member;
    unsigned members;
};

/* Opens the object in `line`; flat_end() gives it back, also after an error. ST_ESYNTAX. */
enum status flat_begin(struct flat *f, struct bytes line) MUST_USE;
/* The next member: ST_OK, ST_ENOTFOUND at the end, ST_ESYNTAX (a member that is an object, an array
 * or no whole positive number), ST_ELIMIT (too many, or too long). */
enum status flat_next(struct flat *f, char key[FLAT_TEXT], struct flat_value *ret) MUST_USE;
void flat_end(struct flat *f);

#endif
