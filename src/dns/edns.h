/* EDNS(0) (RFC 6891) and its options, both ways. */
#ifndef BANYAN_DNS_EDNS_H
#define BANYAN_DNS_EDNS_H

#include "base/json.h"
#include "base/netaddr.h"
#include "base/writer.h"
#include "dns/name.h"

/* Client subnet (RFC 7871 section 6). */
struct edns_ecs {
    uint16_t family; /* 1 or 2 */
    uint8_t source, scope;
    uint8_t addr[16]; /* bits past `source` are zero */
};

/* An OPT record as received. Options that occur are also found ready-made; their bytes are borrowed
 * from the message. */
struct edns {
    bool present;
    uint8_t ext_rcode; /* upper 8 bits of the RCODE */
    uint8_t version;
    bool dnssec_ok;
    uint16_t z;        /* the other 15 flag bits */
    uint16_t udp_size; /* as sent; below 512 counts as 512 */
    uint16_t option_count;
    struct bytes options; /* all, raw */
    bool nsid, keepalive, padding, expire;
    bool has_cookie, has_ecs, has_zoneversion;
    struct bytes cookie; /* 8, or 16 to 40 bytes (RFC 7873 section 4) */
    struct edns_ecs ecs;
    uint16_t keepalive_timeout; /* of 100 ms; 0 when absent */
    struct bytes zoneversion;
    struct bytes nsid_data;
    uint8_t report_labels; /* labels of report_agent; 0 when absent (RFC 9567) */
    struct name report_agent;
    bool has_ede;
    uint16_t ede_code; /* the first one */
    struct bytes ede_text;
};

/* Parses the OPT record: rclass, ttl and RDATA as they stand on the wire. ST_EFORMAT: an option
 * that overruns, more than LIMIT_EDNS_OPTIONS, a known option with an impossible length, or twice
 * (cookie, ECS, NSID, keepalive ...). */
enum status edns_parse(uint16_t rclass, uint32_t ttl, struct bytes rdata,
                       struct edns *ret) MUST_USE;

/* Walks the options of an OPT's RDATA: start with *off 0. False at the end or at a malformed rest.
 */
bool edns_option_next(struct bytes options, size_t *off, uint16_t *ret_code,
                      struct bytes *ret_data);

/* An OPT record to be sent: filled by the caller, written by encode_opt(). */
struct edns_out {
    bool present;
    uint16_t udp_size;
    uint16_t rcode; /* whole RCODE; encode takes the upper bits */
    bool dnssec_ok;
    uint8_t version;
    struct bytes options; /* raw options, made with edns_put_* */
    uint16_t pad_block;   /* RFC 8467: pad the message to a multiple of this; 0: no padding */
};

/* Append one option to w. */
void edns_put(struct writer *w, uint16_t code, struct bytes data);
/* Where there is too little room the text is cut at a word, and ends in "...". */
void edns_put_ede(struct writer *w, uint16_t info_code, struct bytes text);
void edns_put_ecs(struct writer *w, const struct edns_ecs *e);

/* One option in dig's manner, "NSID: 6e7331 ("ns1")"; every registered option is taken apart. */
void edns_option_text(uint16_t code, struct bytes data, struct text *out);
void edns_option_json(uint16_t code, struct bytes data, struct json *out);
/* "192.0.2.0/24" to ECS and back. */
enum status edns_ecs_parse(struct bytes text, struct edns_ecs *ret) MUST_USE;

#endif
