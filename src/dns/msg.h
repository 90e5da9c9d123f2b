/* Messages as received (RFC 1035 section 4): the header, the question, and an index of the records.
 *
 * msg_parse() walks the whole message once, validates names and bounds, and leaves an index; RDATA
 * is looked at only on demand (rdata_from_wire). The message bytes are borrowed throughout. */
#ifndef BANYAN_DNS_MSG_H
#define BANYAN_DNS_MSG_H

#include "base/arena.h"
#include "dns/codes.h"
#include "dns/edns.h"
#include "dns/rrset.h"

enum { MSG_HEADER = 12 };

/* Header bits, in the 16-bit flags word. */
enum msg_flag {
    MSG_QR = 0x8000,
    MSG_AA = 0x0400,
    MSG_TC = 0x0200,
    MSG_RD = 0x0100,
    MSG_RA = 0x0080,
    MSG_Z = 0x0040,
    MSG_AD = 0x0020,
    MSG_CD = 0x0010
};

enum msg_section {
    SECTION_QUESTION = 0,
    SECTION_ANSWER = 1,
    SECTION_AUTHORITY = 2,
    SECTION_ADDITIONAL = 3
};

struct msg_header {
    uint16_t id;
    uint16_t flags;    /* with opcode and RCODE bits */
    uint16_t count[4]; /* by enum msg_section */
};

static inline unsigned msg_opcode(uint16_t flags)
{
    return flags >> 11 & 15;
}

/* ST_ESHORT. */
enum status msg_header_read(struct bytes wire, struct msg_header *ret) MUST_USE;

struct question {
    struct name name; /* case as sent (for 0x20 and for echoing) */
    uint8_t len;      /* bytes of name */
    uint8_t labels;
    uint16_t type, rclass;
};

/* The first question, at offset 12. ST_ESHORT, ST_ENAME, ST_EPOINTER. *ret_end: offset behind it.
 * Fast path of every server: no allocation. */
enum status msg_question_read(struct bytes wire, struct question *ret, size_t *ret_end) MUST_USE;

struct rr_view {
    uint16_t owner_off; /* offset of the owner name */
    uint16_t type, rclass;
    uint16_t rdata_off, rdata_len;
    uint8_t section; /* enum msg_section */
    uint32_t ttl;    /* as sent; a set top bit is read as 0 (RFC 2181 section 8) */
};

struct msg {
    struct bytes wire;
    struct msg_header h;
    bool has_question; /* QDCOUNT was 1 */
    struct question q;
    uint16_t rr_count;  /* records of all three sections but OPT */
    struct rr_view *rr; /* in the arena given */
    struct edns edns;   /* edns.present false if there is no OPT */
    bool has_tsig;      /* the last record is a TSIG */
    size_t trailing;    /* bytes behind the last record */
};

/* Parses a whole message; ret and its index live in the arena. QDCOUNT above 1 is ST_EFORMAT (RFC
 * 9619); two OPTs, an OPT outside additional or owned by anything but the root ST_EFORMAT (RFC 6891
 * section 6.1.1); ST_ESHORT, ST_ENAME, ST_EPOINTER, ST_ELIMIT, ST_ENOMEM. */
enum status msg_parse(struct bytes wire, struct arena *a, struct msg *ret) MUST_USE;
/* Full RCODE, with EDNS's upper bits. */
unsigned msg_rcode(const struct msg *m);
/* Owner of a record. */
enum status msg_owner(const struct msg *m, const struct rr_view *rr, struct name *ret) MUST_USE;
/* Collects the records of (owner, type, class) in a section into an RRset whose packed RDATA and
 * owner live in the arena: TTL is the smallest (RFC 2181 section 5.2), duplicates are dropped.
 * ST_ENOTFOUND if there are none; errors of rdata_from_wire; ST_ENOMEM. */
enum status msg_rrset(const struct msg *m, struct arena *a, unsigned section, const uint8_t *owner,
                      uint16_t type, struct rrset *ret) MUST_USE;

/* Reads only what a server's fast path needs from a query: header, one question, EDNS. No
 * allocation. Same errors as msg_parse; on an error *ret holds what was read so far (ret->h always,
 * if there were 12 bytes), so that a FORMERR can be answered. Records in answer and authority are
 * skipped but checked for bounds. */
struct query_view {
    struct msg_header h;
    bool has_question;
    struct question q;
    size_t question_end; /* offset */
    struct edns edns;
    bool has_tsig;
};
enum status query_parse(struct bytes wire, struct query_view *ret) MUST_USE;

#endif
