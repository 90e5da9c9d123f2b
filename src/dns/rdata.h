/* RDATA in its five forms: message wire (maybe compressed), stored wire (uncompressed), canonical
 * wire (RFC 4034 section 6.2), presentation text (RFC 1035 section 5) and JSON. One table of types
 * (rr_types.def) over one table of field kinds drives them all; unknown types follow RFC 3597. */
#ifndef BANYAN_DNS_RDATA_H
#define BANYAN_DNS_RDATA_H

#include "base/bytes.h"
#include "base/diag.h"
#include "base/json.h"
#include "base/status.h"
#include "base/writer.h"
#include "dns/name.h"
#include "dns/rr_type.h"

/* One word of a master file: raw text, escapes not yet undone, quotes taken off. */
struct token {
    struct bytes text;
    bool quoted;
    uint32_t line, column; /* 1-based; 0 when unknown */
};

/* Decompresses and validates the RDATA of msg[off, off+len) and appends it, uncompressed, to out.
 * ST_ESHORT, ST_ETRAIL, ST_EFORMAT, ST_ENAME, ST_EPOINTER, ST_ENOSPACE. */
enum status rdata_from_wire(uint16_t type, struct bytes msg, size_t off, size_t len,
                            struct writer *out) MUST_USE;
/* Validates stored (uncompressed) RDATA. */
enum status rdata_check(uint16_t type, struct bytes rdata) MUST_USE;
/* Reads presentation form from tokens (those after the type), also \# generic form for any type.
 * Relative names get `origin`. On failure *d (may be NULL) says what and at which token: d->line,
 * d->column, d->message, d->hint are filled. Appends to out. */
enum status rdata_parse(uint16_t type, const struct token *tok, size_t n, const uint8_t *origin,
                        struct writer *out, struct diag *d) MUST_USE;
/* Splits one line of presentation RDATA into tokens and parses it: for tests, tools and API input.
 */
enum status rdata_parse_line(uint16_t type, struct bytes line, const uint8_t *origin,
                             struct writer *out, struct diag *d) MUST_USE;
/* Presentation form; RDATA must be valid for the type (else the generic \# form is printed). */
void rdata_text(uint16_t type, struct bytes rdata, struct text *out);
/* False when only the generic form can say what RDATA holds: unknown types, types without a form of
 * their own, and data that no text form can express (such as SVCB whose "mandatory" names a missing
 * key: acceptable on the wire, refused in a zone). */
bool rdata_has_text(uint16_t type, struct bytes rdata);
/* Generic \# form of RFC 3597 section 5. */
void rdata_text_generic(struct bytes rdata, struct text *out);
/* A JSON object of named fields, e.g. {"preference":10,"exchange":"mx.example."}. */
void rdata_json(uint16_t type, struct bytes rdata, struct json *out);
/* Canonical form: names that RFC 4034 section 6.2 (as amended by RFC 6840 section 5.1) lists in
 * lower case. Appends to out. */
enum status rdata_canonical(uint16_t type, struct bytes rdata, struct writer *out) MUST_USE;
/* Canonical order of two RDATA of a type (RFC 4034 section 6.3): -1, 0, 1. */
int rdata_compare(uint16_t type, struct bytes a, struct bytes b);

/* A place of a name inside stored RDATA, for compression and additional-section work. */
struct rdata_name {
    uint16_t off;    /* offset of the name inside the RDATA */
    bool compress;   /* may be compressed when sent (RFC 3597 section 4: RFC 1035 types only) */
    bool additional; /* its addresses belong into the additional section: NS, MX, SRV, SVCB ... */
};
enum { RDATA_NAMES_MAX = 4 };
/* Finds at most RDATA_NAMES_MAX names that are compressible or have additionals; returns how many.
 * (HIP rendezvous servers and the like are neither.) RDATA must be valid. */
unsigned rdata_names(uint16_t type, struct bytes rdata, struct rdata_name ret[RDATA_NAMES_MAX]);

#endif
