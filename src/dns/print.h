/* Messages and records for people and for programs. */
#ifndef BANYAN_DNS_PRINT_H
#define BANYAN_DNS_PRINT_H

#include "dns/msg.h"

/* "owner TTL class type rdata", one line without the line feed. */
void rr_text(const uint8_t *owner, uint32_t ttl, uint16_t rclass, uint16_t type, struct bytes rdata,
             struct text *out);
/* All records of a set, a line each. */
void rrset_text(const struct rrset *set, struct text *out);
/* {"name":...,"type":...,"ttl":...,"class":...,"data":{...},"rdata":"..."} */
void rr_json(const uint8_t *owner, uint32_t ttl, uint16_t rclass, uint16_t type, struct bytes rdata,
             struct json *out);
/* The whole message in dig's layout. */
void msg_text(const struct msg *m, struct text *out);
/* JSON in the spirit of RFC 8427, with RDATA also taken apart into fields. */
void msg_json(const struct msg *m, struct json *out);
/* "qr aa rd ra" */
void msg_flags_text(uint16_t flags, struct text *out);

#endif
