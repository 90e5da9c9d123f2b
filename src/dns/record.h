/* One record written as a line of a master file (RFC 1035 section 5.1), without its directives:
 * what people write into configurations. */
#ifndef BANYAN_DNS_RECORD_H
#define BANYAN_DNS_RECORD_H

#include "base/diag.h"
#include "dns/name.h"
#include "dns/rdata.h"

enum { RECORD_TTL = 3600 /* where the line has none */ };

struct record_line {
    struct name owner;
    uint16_t type;
    uint32_t ttl;
    struct bytes rdata; /* in the caller's writer */
};

/* Reads "OWNER [TTL] [CLASS] TYPE RDATA": names are absolute with or without the last dot, the TTL
 * is in seconds or as 1h30m, the class IN. ST_ESYNTAX and the errors of rdata_parse, with the
 * message and column (1-based, in text) of *d filled. */
enum status record_parse(struct bytes text, struct writer *rdata, struct record_line *ret,
                         struct diag *d) MUST_USE;

#endif
