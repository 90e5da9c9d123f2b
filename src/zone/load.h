/* Master files to zones: the scanner's records into the builder, with every error of the file told.
 */
#ifndef BANYAN_ZONE_LOAD_H
#define BANYAN_ZONE_LOAD_H

#include "base/diag.h"
#include "zone/zone.h"

/* How files are reached: given by io/ or sim/ or a test, so that zone/ makes no syscalls. */
struct file_source {
    void *ctx;
    /* Opens a file; NULL with *d filled (message only) if it cannot. */
    void *(*open)(void *ctx, const char *path, struct diag *d);
    /* Reads at most n bytes; 0 at the end, -1 on error. */
    long (*read)(void *ctx, void *file, void *buf, size_t n);
    void (*close)(void *ctx, void *file);
};

struct zone_load_options {
    const uint8_t *origin; /* NULL: the owner of the SOA, or $ORIGIN before it */
    uint32_t default_ttl;  /* used where the file gives none; 0: that is an error (RFC 2308 s. 4) */
    const char
        *include_dir;    /* $INCLUDE may only reach files below it; NULL: the zone file's folder */
    bool no_include;     /* refuse $INCLUDE */
    uint32_t max_errors; /* stop after so many; 0: all are reported */
    uint64_t size; /* about how many bytes the file has: memory is sized by it; 0: not known */
};

/* Loads a zone. On any error nothing is returned and every error of the file went to sink. *ret is
 * owned by the caller (zone_drop). */
enum status zone_load(const struct file_source *fs, const char *path,
                      const struct zone_load_options *opt, struct diag_sink *sink,
                      struct zone **ret) MUST_USE;

#endif
