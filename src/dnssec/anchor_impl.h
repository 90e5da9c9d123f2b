/* What the readers of trust anchor files share; private to anchor*.c. */
#ifndef BANYAN_DNSSEC_ANCHOR_IMPL_H
#define BANYAN_DNSSEC_ANCHOR_IMPL_H

#include "dns/rr_type.h"
#include "dnssec/anchor.h"

/* A file that is being read, into a copy of the table that is thrown away on error. */
struct anchor_file {
    struct anchors *to;
    const char *name;
    struct bytes text; /* without a byte order mark */
    uint64_t wall_s;
    struct diag *d;
    unsigned met; /* anchors taken or passed over */
};

/* Tells what is wrong at a place in the text (NULL: at none). Returns ST_ESYNTAX. */
enum status anchor_tell(const struct anchor_file *f, const uint8_t *at, const char *code,
                        const char *hint, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Adds a DS or DNSKEY; any other type is an error. */
enum status anchor_take(struct anchor_file *f, const uint8_t *zone, uint16_t type,
                        struct bytes rdata, const uint8_t *at) MUST_USE;
/* Notes that an anchor does not count and why ("its key is revoked"): an error at the end if the
 * zone has no other (a warning, if all are only of other algorithms). */
enum status anchor_pass(struct anchor_file *f, const uint8_t *zone, const uint8_t *at,
                        const char *why) MUST_USE;

/* Whether a DS can be used here: ST_EFORMAT, ST_EUNSUPPORTED (algorithm or digest). */
enum status anchor_ds_check(struct bytes rdata) MUST_USE;

/* --- anchor_text.c, anchor_bind.c, anchor_xml.c: the three forms --- */

enum status anchor_read_master(struct anchor_file *f) MUST_USE;
bool anchor_is_bind(struct bytes text);
enum status anchor_read_bind(struct anchor_file *f) MUST_USE;
enum status anchor_read_xml(struct anchor_file *f) MUST_USE;

#endif
