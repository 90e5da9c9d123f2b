/* The scanner's inside; private to scan*.c. */
#ifndef BANYAN_ZONE_SCAN_IMPL_H
#define BANYAN_ZONE_SCAN_IMPL_H

#include "zone/scan.h"

enum { SCAN_BUFFER = 256 * 1024, SCAN_UNCLOSED_MAX = 8 };

struct scan_file {
    void *handle;
    const char *path; /* in the scan's list */
    uint8_t *buf;
    size_t cap, start, end; /* unread bytes are [start, end) */
    uint64_t read;          /* bytes */
    uint32_t line;          /* number of the line at start */
    bool eof, skip_line;    /* skip_line: drop up to the next newline */
    unsigned unclosed;      /* parentheses left open so far */
    /* What the includer had, to be restored at the end (RFC 1035 section 5.1). */
    struct name origin, owner;
    bool has_origin, has_owner, has_ttl, has_last_ttl;
    uint32_t ttl, last_ttl;
};

struct scan_path {
    struct scan_path *next;
    char path[];
};

/* A $GENERATE that is being carried out. */
struct scan_generate {
    bool active;
    uint64_t at, stop, step;
    uint32_t line;
    char *text; /* what stands behind the range */
    size_t n;
    struct text out; /* the line of this turn */
    char source[200];
};

struct zone_scan {
    const struct file_source *fs;
    const struct zone_load_options *opt;
    struct diag_sink *sink;
    char *dir; /* files below it may be included; "" is the current folder */
    struct scan_path *paths;
    struct scan_file file[LIMIT_INCLUDE_DEPTH];
    unsigned depth; /* files open */
    bool stopped;   /* max_errors reached or memory out */
    bool resync;    /* after an error inside parentheses: skip lines that begin with a blank */

    /* The entry being read. */
    struct token *tok;
    uint32_t toks, tok_cap;
    bool blank_owner;
    unsigned features;  /* enum zone_scan_feature */
    size_t next;        /* offset behind it */
    uint32_t next_line; /* number of the line there */

    struct name origin, owner;
    size_t origin_len;
    bool has_origin, has_owner, has_ttl, has_last_ttl;
    bool ttl_told;          /* that there is none */
    unsigned guesses;       /* hints looked for so far */
    uint32_t ttl, last_ttl; /* $TTL, and the last one stated */
    uint64_t type_key[64];  /* mnemonics met so far and their types */
    uint16_t type_val[64];
    struct scan_generate gen;
    struct token last; /* first token of the record returned last */
    uint8_t rdata[UINT16_MAX];
};

enum scan_result { SCAN_ENTRY, SCAN_END, SCAN_BAD };

/* Opens a file on top of the stack; errors are told at `at` (NULL for the zone file itself). */
bool scan_open(struct zone_scan *s, const char *path, const struct token *at);
/* Closes the file on top and restores what its includer had. */
void scan_close(struct zone_scan *s);
/* Reads the tokens of the next entry of the file on top. SCAN_BAD: an error, told; call again. */
enum scan_result scan_entry(struct zone_scan *s);
/* Splits one line of text, which must end with a newline, into s->tok, all at `line`. */
bool scan_line(struct zone_scan *s, struct bytes text, uint32_t line);
/* Tells an error, warning ... at a token of the current entry. */
void scan_tell(struct zone_scan *s, enum severity sev, const struct token *at, const char *code,
               const char *hint, const char *fmt, ...) PRINTF_LIKE(6, 7);
void scan_tell_diag(struct zone_scan *s, const struct token *at, struct diag *d);

/* $GENERATE: sets it up from the current entry; then one line a call into s->tok, false at the end.
 */
void scan_generate_begin(struct zone_scan *s);
bool scan_generate_next(struct zone_scan *s);
/* What `$`, `${...}` in the template become for one value: told and false on a bad format. */
bool scan_generate_expand(struct zone_scan *s, uint64_t value);

/* RDATA of the commonest types straight from their tokens: true if it was one of them and well
 * formed, and then exactly what rdata_parse() gives; anything else is left to that. */
bool scan_fast_rdata(struct zone_scan *s, uint16_t type, const struct token *tok, size_t n,
                     size_t *ret_len);
/* A name without escapes; 0 if it needs name_parse() (or is wrong). Returns its length. */
size_t scan_fast_name(struct bytes text, const uint8_t *origin, size_t origin_len,
                      uint8_t ret[LIMIT_NAME]);

#endif
