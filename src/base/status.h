/* One result type for every function that can fail. */
#ifndef BANYAN_BASE_STATUS_H
#define BANYAN_BASE_STATUS_H

#include "base/attr.h"

enum status {
#define STATUS(name, text) ST_##name,
#include "base/status.def"
#undef STATUS
    ST_COUNT
};

/* Plain words for a status; never NULL. */
const char *status_text(enum status st);

/* Leaves the function with the status of expr unless that is ST_OK. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        enum status try_st_ = (expr);                                                              \
        if (UNLIKELY(try_st_ != ST_OK))                                                            \
            return try_st_;                                                                        \
    } while (0)

#endif
