/* Reads master files (RFC 1035 section 5, RFC 2308 section 4, RFC 3597 section 5): one record after
 * another, in a buffer, with every error told at its line and column.
 *
 * After an error the reading goes on with the next entry, so that one run shows them all. */
#ifndef BANYAN_ZONE_SCAN_H
#define BANYAN_ZONE_SCAN_H

#include "dns/rdata.h"
#include "zone/load.h"

struct zone_scan;

/* A record as read; everything is borrowed until the next call. */
struct zone_record {
    const uint8_t *owner; /* absolute */
    uint16_t type;
    uint32_t ttl;
    struct bytes rdata;
    const char *file;
    uint32_t line;   /* where the entry begins, or the $GENERATE */
    uint32_t column; /* of the owner or, where it is left out, of what comes first */
    bool generated;
};

/* Opens the file; *opt and its strings must outlive the scan. NULL when memory is out or the file
 * cannot be opened (told to the sink). */
struct zone_scan *zone_scan_new(const struct file_source *fs, const char *path,
                                const struct zone_load_options *opt,
                                struct diag_sink *sink) MUST_USE;
void zone_scan_free(struct zone_scan *s);
/* The next record; false at the end. Errors go to the sink and are counted there. */
bool zone_scan_next(struct zone_scan *s, struct zone_record *ret);
/* What has been met so far that a rewritten file would lose. */
enum zone_scan_feature { SCAN_COMMENT = 1 << 0, SCAN_INCLUDE = 1 << 1, SCAN_GENERATE = 1 << 2 };
unsigned zone_scan_features(const struct zone_scan *s);
/* The origin in force, or NULL as long as none is known. */
const uint8_t *zone_scan_origin(const struct zone_scan *s);
/* Bytes of the zone's own file that were read so far. */
uint64_t zone_scan_read(const struct zone_scan *s);
/* Puts the place and the line of the record returned last into *d (d->file is valid until
 * zone_scan_free). */
void zone_scan_place(const struct zone_scan *s, struct diag *d);
/* Tells of something about the record that zone_scan_next returned last, with its place and line.
 */
void zone_scan_report(struct zone_scan *s, enum severity sev, const char *code, const char *hint,
                      const char *message);

/* A TTL with or without units: "3600", "1h30m", "2W" (at most 2^31-1, RFC 2181 section 8).
 * ST_ESYNTAX, ST_ERANGE. */
enum status zone_ttl_parse(struct bytes text, uint32_t *ret) MUST_USE;

#endif
