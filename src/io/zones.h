/* The zones of a server: loaded from their files by several threads, with what of an older set is
 * still good taken over. */
#ifndef BANYAN_IO_ZONES_H
#define BANYAN_IO_ZONES_H

#include "config/config.h"
#include "io/signing.h"
#include "zone/table.h"

/* A file as it was when a zone was read from it. */
struct file_mark {
    char *path;
    uint64_t size, inode, mtime_ns;
};

enum zone_state {
    ZONE_LOADED, /* read now */
    ZONE_SAME,   /* its files have not changed: taken over */
    ZONE_KEPT,   /* its file is bad: the old one goes on */
    ZONE_BAD,    /* its file is bad and there is no old one */
};

struct zone_entry {
    const uint8_t *name;
    const char *file;
    const char *dnssec;          /* off, auto or a policy */
    struct zone_signing signing; /* on: zone is signed here */
    struct zone *zone;           /* a reference; NULL: BAD */
    enum zone_state state;
    struct file_mark *marks; /* all files it was read from */
    size_t mark_n;
    bool fresh; /* a file was so new that a later change might not show in its time */
    uint32_t load_ms;
};

struct zone_set {
    struct arena arena;
    struct zone_entry *v; /* sorted by name */
    size_t n;
    struct zone_table *table;
    uint32_t bad, kept, loaded, same;
};

/* How a set is made. */
struct zone_set_how {
    const struct zone_set *old; /* so far, or NULL */
    const uint8_t *only; /* load this zone anew, even if its files look the same, and take over
                          * all others; NULL: load those that changed */
    bool only_due;       /* look at no file: sign again what is due */
    bool look;           /* also at keys that somebody has changed */
    struct signing *signing;
};

/* Loads what c names (zones, and NAME.zone files of zones-dir). Zones to be signed are signed.
 * Complaints go to `say` as text for people, and to the log. Never keeps a good zone
 * from being replaced by nothing: see enum zone_state. ST_ENOMEM, ST_EIO (zones-dir), ST_ENOTFOUND
 * (only is none of ours). */
enum status zone_set_load(const struct config *c, const struct zone_set_how *how, struct text *say,
                          struct zone_set **ret) MUST_USE;
void zone_set_free(struct zone_set *s);
const struct zone_entry *zone_set_find(const struct zone_set *s, const uint8_t *name);

#endif
