/* RR types: codes, mnemonics and properties, all from rr_types.def. */
#ifndef BANYAN_DNS_RR_TYPE_H
#define BANYAN_DNS_RR_TYPE_H

#include "base/bytes.h"
#include "base/text.h"

/* RR_A = 1, RR_NS = 2, ... "-" in a mnemonic becomes "_" (RR_NSAP_PTR). */
enum rr_type {
#define RR(name, code, ...) RR_##name = code,
#include "dns/rr_types.def"
#undef RR
};

/* What a type is, besides its fields. */
enum rr_flag {
    RRF_META = 1 << 0,      /* never stored in a zone: OPT, TSIG, TKEY, AXFR, ANY ... */
    RRF_QTYPE = 1 << 1,     /* only asked for: AXFR, IXFR, MAILA, MAILB, ANY */
    RRF_SINGLETON = 1 << 2, /* at most one record of it at a name: SOA, CNAME, DNAME */
    RRF_OBSOLETE = 1 << 3,
    RRF_PARENT = 1 << 4, /* belongs to the parent side of a zone cut: DS */
    RRF_DNSSEC =
        1 << 5, /* may stand beside a CNAME: RRSIG, NSEC (KEY, SIG, NXT: RFC 2181 section 10.1) */
};

struct rr_info; /* dns/rr_table.h; private to dns/ */

/* enum rr_flag bits; 0 for an unknown type. */
unsigned rr_type_flags(uint16_t type);
/* False for a type that the table does not know (RFC 3597). */
bool rr_type_known(uint16_t type);
/* RDATA holds domain names, so it has a canonical form of its own or may be compressed. */
bool rr_type_has_names(uint16_t type);
/* Mnemonic, or TYPEn (RFC 3597 section 5). */
void rr_type_text(uint16_t type, struct text *out);
/* The same into a caller's buffer, for printf. */
const char *rr_type_str(uint16_t type, char buf[24]);
/* Mnemonic in either case or TYPEn. */
bool rr_type_parse(struct bytes text, uint16_t *ret);
void rr_class_text(uint16_t rclass, struct text *out);
/* IN, CH, HS, NONE, ANY or CLASSn. */
bool rr_class_parse(struct bytes text, uint16_t *ret);
/* The next known type code after `type` in ascending order, or 0: for walks over the table. Start
 * with 0. */
uint16_t rr_type_next(uint16_t type);
/* The RFC that defines it, for documentation; "" if unknown. */
const char *rr_type_reference(uint16_t type);

#endif
