/* Writes messages: the only place that lays out answers, so that truncation, compression, counts
 * and the OPT record are decided once.
 *
 * RRsets go in whole or not at all. Names compress against everything written before (RFC 1035
 * section 4.1.4); which names inside RDATA may, the RR table knows. */
#ifndef BANYAN_DNS_ENCODE_H
#define BANYAN_DNS_ENCODE_H

#include "base/writer.h"
#include "dns/edns.h"
#include "dns/msg.h"
#include "dns/rrset.h"

enum {
    ENCODE_SLOTS = 128, /* remembered suffixes: a power of two */
    ENCODE_POINTERS = 64,
};

/* Where compression pointers were written, in bytes from the beginning of the message. */
struct encode_pointers {
    uint16_t n; /* more than ENCODE_POINTERS: not all are here */
    uint16_t at[ENCODE_POINTERS];
};

struct encode {
    struct writer w;
    size_t reserve;    /* bytes kept free for OPT */
    uint16_t count[4]; /* by enum msg_section */
    uint16_t flags;    /* written by encode_finish */
    uint16_t id;
    struct encode_pointers *pointers; /* NULL: nobody wants to know */
    const uint8_t *qname;             /* the question's name as the caller holds it, or NULL */
    uint8_t qname_len;
    uint8_t slots_used;
    bool slots_ready;            /* slot[] is filled only when the first name needs it */
    uint16_t slot[ENCODE_SLOTS]; /* hash table: offsets of name suffixes already written */
};

/* Begins a message in buf; limit is the most it may become (not above 65,535). */
void encode_begin(struct encode *e, uint8_t *buf, size_t limit, uint16_t id, uint16_t flags);
/* Keeps n bytes free from now on (for OPT). */
void encode_reserve(struct encode *e, size_t n);
enum status encode_question(struct encode *e, const uint8_t *name, uint16_t type,
                            uint16_t rclass) MUST_USE;
/* Copies the question bytes of a query as they are (case kept), and remembers the name for
 * compression. */
enum status encode_question_raw(struct encode *e, struct bytes question) MUST_USE;
/* A whole RRset, starting with its `first`-th record (rotation); on ST_ENOSPACE nothing was
 * written. */
enum status encode_rrset(struct encode *e, enum msg_section s, const struct rrset *set,
                         unsigned first) MUST_USE;
enum status encode_rr(struct encode *e, enum msg_section s, const uint8_t *owner, uint16_t type,
                      uint16_t rclass, uint32_t ttl, struct bytes rdata) MUST_USE;
/* Size of the OPT record that edns_out will need, padding not counted. */
size_t encode_opt_size(const struct edns_out *o);
/* Writes OPT into the reserved room. */
enum status encode_opt(struct encode *e, const struct edns_out *o) MUST_USE;
/* Writes header and counts; returns the length. */
size_t encode_finish(struct encode *e);

/* A whole query at once: returns its length, 0 if cap is too small. */
size_t encode_query(uint8_t *buf, size_t cap, uint16_t id, uint16_t flags, const uint8_t *name,
                    uint16_t type, uint16_t rclass, const struct edns_out *o);

#endif
