/* Trust anchors as records of a master file (RFC 1035 section 5), read by the scanner of zone
 * files.
 *
 * Resolvers that keep their anchors by RFC 5011 write such a file too; what they think of a key
 * stands in a comment, which the scanner passes over, so it is looked for in the text between one
 * record and the next. */
#include "dnssec/anchor_impl.h"
#include "zone/scan.h"

#include <stdlib.h>

/* --- The text as a file --- */

struct source {
    struct bytes left;
};

static void *source_open(void *ctx, const char *path, struct diag *d)
{
    (void)path;
    (void)d;
    return ctx;
}

static long source_read(void *ctx, void *file, void *buf, size_t n)
{
    struct source *s = ctx;
    (void)file;
    n = MIN(n, s->left.n);
    if (n > 0)
        memcpy(buf, s->left.p, n);
    s->left = bytes_of(s->left.p + n, s->left.n - n);
    return (long)n;
}

static void source_close(void *ctx, void *file)
{
    (void)ctx;
    (void)file;
}

/* --- Records --- */

/* A record that waits until it is known where the next begins. */
struct pending {
    bool any;
    struct name owner;
    uint16_t type;
    const uint8_t *at;
    size_t n;
    uint8_t rdata[UINT16_MAX];
};

struct reader {
    struct anchor_file *f;
    const uint8_t *line; /* where line number line_no begins */
    uint32_t line_no;
    bool told; /* the scanner told an error */
    struct pending wait;
};

static void hear(void *ctx, const struct diag *d)
{
    struct reader *r = ctx;
    if (d->severity != SEV_ERROR || r->told)
        return;
    r->told = true;
    *r->f->d = *d;
    r->f->d->file = r->f->name;
}

/* Where a line and column are; lines are asked for in their order. */
static const uint8_t *place(struct reader *r, uint32_t line, uint32_t column)
{
    const uint8_t *end = r->f->text.p + r->f->text.n;
    while (r->line_no < line) {
        const uint8_t *q = memchr(r->line, '\n', (size_t)(end - r->line));
        if (q == NULL)
            break;
        r->line = q + 1;
        r->line_no++;
    }
    return r->line + MIN((size_t)(column - 1), (size_t)(end - r->line));
}

/* --- States (RFC 5011 section 4) in the comments of autotrust files --- */

static const char mark[] = ";;state=";

static const uint8_t *find_mark(const uint8_t *p, const uint8_t *end)
{
    size_t n = sizeof mark - 1;
    for (; (size_t)(end - p) >= n; p++) {
        p = memchr(p, ';', (size_t)(end - p) - n + 1);
        if (p == NULL)
            return NULL;
        if (memcmp(p, mark, n) == 0)
            return p;
    }
    return NULL;
}

/* "2 [  VALID  ]": the number, and if the word stands there too, it must be that of the number. */
static bool read_state(const uint8_t *p, const uint8_t *end, unsigned *ret)
{
    static const char *const words[] = {"START",   "ADDPEND", "VALID",
                                        "MISSING", "REVOKED", "REMOVED"};
    if (p == end || *p < '0' || *p >= '0' + (int)ARRAY_LEN(words))
        return false;
    *ret = (unsigned)(*p++ - '0');
    if (p < end && *p >= '0' && *p <= '9')
        return false;
    while (p < end && *p == ' ')
        p++;
    if (p == end || *p != '[')
        return true;
    p++;
    while (p < end && *p == ' ')
        p++;
    size_t n = strlen(words[*ret]);
    return (size_t)(end - p) > n && memcmp(p, words[*ret], n) == 0 && (p[n] == ' ' || p[n] == ']');
}

/* Takes the record that waits; the next one begins at `end`. */
static enum status flush(struct reader *r, const uint8_t *end)
{
    enum { VALID = 2, MISSING = 3 };
    struct pending *w = &r->wait;
    unsigned state;
    if (!w->any)
        return ST_OK;
    w->any = false;
    const uint8_t *s = find_mark(w->at, end);
    if (s != NULL) {
        if (!read_state(s + sizeof mark - 1, end, &state))
            return anchor_tell(r->f, s, "bad-state",
                               "states are 0 to 5, as in \";;state=2 [  VALID  ]\"",
                               "the state of this key cannot be read");
        if (state != VALID && state != MISSING)
            return anchor_pass(r->f, w->owner.w, w->at,
                               "the file itself says that its key is not trusted");
    }
    return anchor_take(r->f, w->owner.w, w->type, bytes_of(w->rdata, w->n), w->at);
}

static enum status read_records(struct reader *r, struct zone_scan *scan)
{
    struct zone_record rec;
    while (zone_scan_next(scan, &rec)) {
        const uint8_t *at = place(r, rec.line, rec.column);
        if (r->told)
            return ST_ESYNTAX;
        if (rec.generated)
            return anchor_tell(r->f, at, "bad-directive", NULL, "$GENERATE makes no trust anchors");
        TRY(flush(r, at));
        r->wait.any = true;
        r->wait.type = rec.type;
        r->wait.at = at;
        r->wait.n = rec.rdata.n;
        name_copy(r->wait.owner.w, rec.owner);
        memcpy(r->wait.rdata, rec.rdata.p, rec.rdata.n);
    }
    return r->told ? ST_ESYNTAX : flush(r, r->f->text.p + r->f->text.n);
}

enum status anchor_read_master(struct anchor_file *f)
{
    struct source src = {f->text};
    struct file_source fs = {&src, source_open, source_read, source_close};
    struct zone_load_options opt = {
        .origin = name_root, .default_ttl = 3600, .no_include = true, .max_errors = 1};
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return ST_ENOMEM;
    r->f = f;
    r->line = f->text.p;
    r->line_no = 1;
    struct diag_sink sink = {hear, r, 0, 0};
    struct zone_scan *scan = zone_scan_new(&fs, f->name, &opt, &sink);
    enum status st = scan != NULL ? read_records(r, scan) : ST_ENOMEM;
    zone_scan_free(scan);
    free(r);
    return st;
}
