/* The small numbers of the header and of EDNS, by name: opcodes, RCODEs, EDNS options, EDE codes.
 * Each list stands once, in codes.def. */
#ifndef BANYAN_DNS_CODES_H
#define BANYAN_DNS_CODES_H

#include "base/attr.h"
#include "base/bytes.h"

enum opcode {
    OPCODE_QUERY = 0,
    OPCODE_IQUERY = 1,
    OPCODE_STATUS = 2,
    OPCODE_NOTIFY = 4,
    OPCODE_UPDATE = 5,
    OPCODE_DSO = 6
};

/* RFC 6895 section 2.3; above 15 only with EDNS (RFC 6891 section 6.1.3). */
enum rcode {
    RCODE_NOERROR = 0,
    RCODE_FORMERR = 1,
    RCODE_SERVFAIL = 2,
    RCODE_NXDOMAIN = 3,
    RCODE_NOTIMP = 4,
    RCODE_REFUSED = 5,
    RCODE_YXDOMAIN = 6,
    RCODE_YXRRSET = 7,
    RCODE_NXRRSET = 8,
    RCODE_NOTAUTH = 9,
    RCODE_NOTZONE = 10,
    RCODE_DSOTYPENI = 11,
    RCODE_BADVERS = 16,
    RCODE_BADKEY = 17,
    RCODE_BADTIME = 18,
    RCODE_BADMODE = 19,
    RCODE_BADNAME = 20,
    RCODE_BADALG = 21,
    RCODE_BADTRUNC = 22,
    RCODE_BADCOOKIE = 23
};

/* EDNS option codes of the IANA registry that have a meaning here. */
enum edns_code {
    EDNS_LLQ = 1,
    EDNS_UL = 2,
    EDNS_NSID = 3,
    EDNS_DAU = 5,
    EDNS_DHU = 6,
    EDNS_N3U = 7,
    EDNS_ECS = 8,
    EDNS_EXPIRE = 9,
    EDNS_COOKIE = 10,
    EDNS_KEEPALIVE = 11,
    EDNS_PADDING = 12,
    EDNS_CHAIN = 13,
    EDNS_KEY_TAG = 14,
    EDNS_EDE = 15,
    EDNS_CLIENT_TAG = 16,
    EDNS_SERVER_TAG = 17,
    EDNS_REPORT_CHANNEL = 18,
    EDNS_ZONEVERSION = 19
};

/* Names as the registries write them; a number in words ("OPCODE7", "RCODE99", "OPT1234") if
 * unknown. */
const char *opcode_str(unsigned opcode, char buf[24]);
const char *rcode_str(unsigned rcode, char buf[24]);
const char *edns_code_str(unsigned code, char buf[24]);
/* Purpose of an Extended DNS Error (RFC 8914 section 4 and registry), "Unknown" if unregistered. */
const char *ede_str(unsigned info_code);
bool rcode_parse(struct bytes text, uint16_t *ret);
bool opcode_parse(struct bytes text, uint16_t *ret);

#endif
