/* From files to tokens: buffers, lines, quotes, parentheses, comments. */
#include "zone/scan_impl.h"

#include <stdlib.h>

/* --- Telling --- */

/* The text of the line that `at` stands on, without what would harm a terminal. */
static void source_line(const uint8_t *from, const uint8_t *end, const uint8_t *at, char *out,
                        size_t cap)
{
    const uint8_t *p = at, *q = at;
    while (p > from && p[-1] != '\n')
        p--;
    while (q < end && *q != '\n' && (size_t)(q - p) < cap - 1)
        q++;
    if (q > p && q[-1] == '\r')
        q--;
    size_t n = MIN((size_t)(q - p), cap - 1);
    for (size_t i = 0; i < n; i++)
        out[i] = p[i] == '\t' ? '\t' : p[i] < 0x20 || p[i] == 0x7f ? '?' : (char)p[i];
    out[n] = '\0';
}

static void put_place(const struct zone_scan *s, const struct token *at, struct diag *d)
{
    if (s->depth > 0)
        d->file = s->file[s->depth - 1].path;
    if (at == NULL)
        return;
    d->line = at->line;
    d->column = at->column;
    if (s->gen.active) { /* the directive's place, not that in the line it made */
        d->column = 1;
        memcpy(d->source, s->gen.source, sizeof d->source);
    } else if (s->depth > 0 && at->text.p != NULL) {
        const struct scan_file *f = &s->file[s->depth - 1];
        source_line(f->buf + f->start, f->buf + f->end, at->text.p, d->source, sizeof d->source);
    }
}

void zone_scan_place(const struct zone_scan *s, struct diag *d)
{
    put_place(s, &s->last, d);
}

void scan_tell_diag(struct zone_scan *s, const struct token *at, struct diag *d)
{
    put_place(s, at, d);
    diag_emit(s->sink, d);
    if (s->opt->max_errors > 0 && s->sink != NULL && s->sink->errors >= s->opt->max_errors)
        s->stopped = true;
}

void scan_tell(struct zone_scan *s, enum severity sev, const struct token *at, const char *code,
               const char *hint, const char *fmt, ...)
{
    struct diag d = {0};
    char message[sizeof d.message];
    struct text t = text_of(message, sizeof message);
    va_list ap;
    va_start(ap, fmt);
    text_vfmt(&t, fmt, ap);
    va_end(ap);
    diag_set(&d, sev, code, hint, "%s", message);
    scan_tell_diag(s, at, &d);
}

/* --- Files --- */

bool scan_open(struct zone_scan *s, const char *path, const struct token *at)
{
    struct diag d = {0};
    size_t n = strlen(path) + 1;
    struct scan_path *keep = malloc(sizeof *keep + n);
    uint8_t *buf = malloc(SCAN_BUFFER);
    void *handle = keep != NULL && buf != NULL ? s->fs->open(s->fs->ctx, path, &d) : NULL;
    if (handle == NULL) {
        d.severity = SEV_ERROR;
        if (d.message[0] == '\0')
            diag_set(&d, SEV_ERROR, "", NULL, "cannot open %s", path);
        if (d.code[0] == '\0')
            memcpy(d.code, "cannot-open", sizeof "cannot-open");
        d.file = path;
        scan_tell_diag(s, at, &d);
        free(keep);
        free(buf);
        return false;
    }
    memcpy(keep->path, path, n);
    keep->next = s->paths;
    s->paths = keep;
    s->file[s->depth++] = (struct scan_file){.handle = handle,
                                             .path = keep->path,
                                             .buf = buf,
                                             .cap = SCAN_BUFFER,
                                             .line = 1,
                                             .origin = s->origin,
                                             .owner = s->owner,
                                             .has_origin = s->has_origin,
                                             .has_owner = s->has_owner,
                                             .has_ttl = s->has_ttl,
                                             .has_last_ttl = s->has_last_ttl,
                                             .ttl = s->ttl,
                                             .last_ttl = s->last_ttl};
    return true;
}

void scan_close(struct zone_scan *s)
{
    struct scan_file *f = &s->file[--s->depth];
    s->fs->close(s->fs->ctx, f->handle);
    free(f->buf);
    if (s->depth == 0)
        return;
    s->origin = f->origin;
    s->origin_len = f->has_origin ? name_len(f->origin.w) : 0;
    s->owner = f->owner;
    s->has_origin = f->has_origin;
    s->has_owner = f->has_owner;
    s->has_ttl = f->has_ttl;
    s->has_last_ttl = f->has_last_ttl;
    s->ttl = f->ttl;
    s->last_ttl = f->last_ttl;
}

/* Brings more bytes in; the unread ones move to the front. False if there is no room for more. */
static bool fill(struct zone_scan *s, struct scan_file *f)
{
    if (f->start > 0) {
        memmove(f->buf, f->buf + f->start, f->end - f->start);
        f->end -= f->start;
        f->start = 0;
    }
    if (f->end == f->cap) {
        if (f->cap >= LIMIT_ZONE_ENTRY)
            return false;
        uint8_t *p = realloc(f->buf, f->cap * 2);
        if (p == NULL)
            return false;
        f->buf = p;
        f->cap *= 2;
    }
    while (f->end < f->cap && !f->eof) {
        long n = s->fs->read(s->fs->ctx, f->handle, f->buf + f->end, f->cap - f->end);
        if (n < 0) {
            scan_tell(s, SEV_ERROR, NULL, "read-failed", NULL, "reading failed after line %u",
                      f->line);
            s->stopped = true;
        }
        if (n <= 0)
            f->eof = true;
        else
            f->end += (size_t)n;
        f->read += n > 0 ? (uint64_t)n : 0;
    }
    return true;
}

/* --- Tokens --- */

enum char_class { PLAIN, BLANK, SPECIAL };

static const uint8_t char_class[256] = {
    [0] = SPECIAL,   ['\t'] = BLANK,  ['\n'] = SPECIAL, ['\r'] = SPECIAL, [' '] = BLANK,
    ['"'] = SPECIAL, ['('] = SPECIAL, [')'] = SPECIAL,  [';'] = SPECIAL,  ['\\'] = SPECIAL,
};

/* Where the reading of an entry stands. */
struct cursor {
    const uint8_t *p, *end, *line_start;
    uint32_t line;
    unsigned depth; /* of parentheses */
    bool eof;
    const uint8_t *open; /* the outermost parenthesis */
    const uint8_t *open_line;
    uint32_t open_at;
};

enum step { STEP_ON, STEP_DONE, STEP_MORE, STEP_BAD };

static struct token place(const struct cursor *c, const uint8_t *p)
{
    return (struct token){
        .text = {p, 0}, .line = c->line, .column = (uint32_t)(p - c->line_start) + 1};
}

static enum step token_add(struct zone_scan *s, const struct cursor *c, const uint8_t *p,
                           const uint8_t *end, bool quoted)
{
    if (UNLIKELY(s->toks == s->tok_cap)) {
        uint32_t cap = s->tok_cap * 2;
        struct token *t = cap <= LIMIT_ZONE_TOKENS ? realloc(s->tok, cap * sizeof *t) : NULL;
        if (t == NULL) {
            struct token at = place(c, p);
            scan_tell(s, SEV_ERROR, &at, "too-many-words", "is a parenthesis not closed?",
                      "more than %u words in one entry", s->tok_cap);
            return STEP_BAD;
        }
        s->tok = t;
        s->tok_cap = cap;
    }
    struct token *t = &s->tok[s->toks++];
    t->text = (struct bytes){p, (size_t)(end - p)};
    t->quoted = quoted;
    t->line = c->line;
    t->column = (uint32_t)(p - quoted - c->line_start) + 1;
    return STEP_ON;
}

/* From an opening quote to behind the closing one; *ret is the closing one. */
static enum step quoted_end(struct zone_scan *s, const struct cursor *c, const uint8_t *open,
                            const uint8_t **ret)
{
    const uint8_t *p = open + 1;
    for (; p < c->end && *p != '"' && *p != '\n' && *p != '\0'; p++)
        if (*p == '\\' && p + 1 < c->end && p[1] != '\n' && p[1] != '\0')
            p++;
    if (p < c->end && *p == '"') {
        *ret = p;
        return STEP_ON;
    }
    if (p >= c->end && !c->eof)
        return STEP_MORE;
    struct token at = place(c, open);
    if (p < c->end && *p == '\0')
        scan_tell(s, SEV_ERROR, &at, "nul-byte", NULL, "a NUL byte inside quotes");
    else
        scan_tell(s, SEV_ERROR, &at, "unclosed-quote",
                  "a quoted string ends on its line; write a line break as \\010",
                  "this quote is not closed before the end of the line");
    return STEP_BAD;
}

/* A word that begins at c->p: ends at a blank or a special character, quotes inside belong to it
 * (key="a b"). */
static enum step word(struct zone_scan *s, struct cursor *c)
{
    const uint8_t *p = c->p;
    for (;;) {
        while (p < c->end && char_class[*p] == PLAIN)
            p++;
        if (p == c->end) {
            if (!c->eof)
                return STEP_MORE;
            break;
        }
        if (*p == '\\') {
            if (p + 1 >= c->end && !c->eof)
                return STEP_MORE;
            if (p + 1 >= c->end || p[1] == '\n' || p[1] == '\r' || p[1] == '\0') {
                struct token at = place(c, p);
                scan_tell(s, SEV_ERROR, &at, "bad-escape", "write a backslash as \\\\",
                          "a backslash at the end of the line");
                return STEP_BAD;
            }
            p += 2;
        } else if (*p == '"' && p > c->p && p[-1] == '=') {
            const uint8_t *q;
            enum step st = quoted_end(s, c, p, &q);
            if (st != STEP_ON)
                return st;
            p = q + 1;
        } else {
            break;
        }
    }
    enum step st = token_add(s, c, c->p, p, false);
    c->p = p;
    return st;
}

static enum step parenthesis(struct zone_scan *s, struct cursor *c)
{
    if (*c->p == '(') {
        if (c->depth++ == 0) {
            c->open = c->p;
            c->open_line = c->line_start;
            c->open_at = c->line;
        }
    } else if (c->depth == 0) {
        struct token at = place(c, c->p);
        scan_tell(s, SEV_ERROR, &at, "unopened-parenthesis", NULL,
                  "a closing parenthesis without an opening one");
        return STEP_BAD;
    } else {
        c->depth--;
    }
    c->p++;
    return STEP_ON;
}

/* The end of what was read: more may come, or the file is at its end. */
static enum step at_end(const struct cursor *c)
{
    if (!c->eof)
        return STEP_MORE;
    if (c->depth == 0)
        return STEP_DONE;
    return STEP_BAD;
}

static enum step special(struct zone_scan *s, struct cursor *c)
{
    const uint8_t *q;
    enum step st;
    switch (*c->p) {
    case '\n':
        c->p++;
        c->line++;
        c->line_start = c->p;
        return c->depth == 0 ? STEP_DONE : STEP_ON;
    case ';':
        s->features |= SCAN_COMMENT;
        q = memchr(c->p, '\n', (size_t)(c->end - c->p));
        c->p = q != NULL ? q : c->end;
        return STEP_ON;
    case '(':
    case ')':
        return parenthesis(s, c);
    case '"':
        st = quoted_end(s, c, c->p, &q);
        if (st == STEP_ON) {
            st = token_add(s, c, c->p + 1, q, true);
            c->p = q + 1;
        }
        return st;
    case '\r':
        if (c->p + 1 >= c->end && !c->eof)
            return STEP_MORE;
        if (c->p + 1 >= c->end || c->p[1] == '\n') {
            c->p++;
            return STEP_ON;
        }
        break;
    case '\\':
        return word(s, c);
    default:
        break;
    }
    struct token at = place(c, c->p);
    if (*c->p == '\0')
        scan_tell(s, SEV_ERROR, &at, "nul-byte", "is this a text file?", "a NUL byte");
    else
        scan_tell(s, SEV_ERROR, &at, "stray-cr", NULL, "a carriage return in the middle of a line");
    return STEP_BAD;
}

static enum step entry(struct zone_scan *s, struct cursor *c)
{
    s->toks = 0;
    if (c->p < c->end)
        s->blank_owner = char_class[*c->p] == BLANK;
    for (enum step st = STEP_ON; st == STEP_ON;) {
        while (c->p < c->end && char_class[*c->p] == BLANK)
            c->p++;
        if (c->p == c->end)
            return at_end(c);
        st = char_class[*c->p] == PLAIN ? word(s, c) : special(s, c);
        if (st != STEP_ON)
            return st;
    }
    return STEP_DONE;
}

/* Leaves an entry with an error: on to the next line, and if parentheses were open past their
 * indented rest. */
static void recover(struct zone_scan *s, struct scan_file *f, const struct cursor *c,
                    const uint8_t *from, uint32_t line)
{
    const uint8_t *q = memchr(from, '\n', (size_t)(c->end - from));
    f->start = (size_t)((q != NULL ? q + 1 : c->end) - f->buf);
    f->line = line + (q != NULL);
    f->skip_line = q == NULL && !f->eof;
    s->resync = c->depth > 0;
}

/* A parenthesis that stays open to the end of the file (or of patience). */
static void unclosed(struct zone_scan *s, struct scan_file *f, struct cursor *c, const char *what)
{
    struct token at = {
        .text = {c->open, 0}, .line = c->open_at, .column = (uint32_t)(c->open - c->open_line) + 1};
    scan_tell(s, SEV_ERROR, &at, "unclosed-parenthesis", NULL, "this parenthesis is not closed%s",
              what);
    if (++f->unclosed >= SCAN_UNCLOSED_MAX) {
        scan_tell(s, SEV_ERROR, NULL, "too-many-errors", NULL,
                  "too many open parentheses: giving up");
        s->stopped = true;
    }
    recover(s, f, c, c->open, c->open_at);
}

/* Drops lines as skip_line and resync ask; false at the end of the file. */
static bool skip(struct zone_scan *s, struct scan_file *f)
{
    for (;;) {
        if (f->start == f->end) {
            if (f->eof)
                return false;
            if (!fill(s, f) || s->stopped)
                return false;
            continue;
        }
        uint8_t first = f->buf[f->start];
        if (!f->skip_line && !(s->resync && (char_class[first] == BLANK || first == ')'))) {
            s->resync = false;
            return true;
        }
        const uint8_t *p = f->buf + f->start, *q = memchr(p, '\n', f->end - f->start);
        f->skip_line = q == NULL;
        f->line += q != NULL;
        f->start = q != NULL ? (size_t)(q + 1 - f->buf) : f->end;
    }
}

enum scan_result scan_entry(struct zone_scan *s)
{
    static const uint8_t bom[3] = {0xef, 0xbb, 0xbf};
    struct scan_file *f = &s->file[s->depth - 1];
    for (;;) {
        if (s->stopped || !skip(s, f))
            return SCAN_END;
        if (f->line == 1 && f->end - f->start >= 3 && memcmp(f->buf + f->start, bom, 3) == 0)
            f->start += 3; /* only ever at the very beginning: line 1 has one entry start */
        struct cursor c = {.p = f->buf + f->start,
                           .end = f->buf + f->end,
                           .line_start = f->buf + f->start,
                           .line = f->line,
                           .eof = f->eof};
        switch (entry(s, &c)) {
        case STEP_DONE:
        case STEP_ON:
            s->next = (size_t)(c.p - f->buf);
            s->next_line = c.line;
            return SCAN_ENTRY;
        case STEP_MORE:
            if (fill(s, f))
                continue;
            if (c.depth > 0) {
                unclosed(s, f, &c, " within a megabyte");
            } else {
                struct token at = place(&c, c.line_start);
                scan_tell(s, SEV_ERROR, &at, "line-too-long", NULL,
                          "an entry longer than a megabyte");
                recover(s, f, &c, c.end, c.line);
            }
            return SCAN_BAD;
        case STEP_BAD:
            if (c.p == c.end && c.depth > 0)
                unclosed(s, f, &c, "");
            else
                recover(s, f, &c, c.p, c.line);
            return SCAN_BAD;
        }
    }
}

bool scan_line(struct zone_scan *s, struct bytes text, uint32_t line)
{
    struct cursor c = {
        .p = text.p, .end = text.p + text.n, .line_start = text.p, .line = line, .eof = true};
    s->blank_owner = false;
    if (entry(s, &c) == STEP_BAD) {
        struct token at = {.line = line, .column = 1};
        if (c.p == c.end && c.depth > 0)
            scan_tell(s, SEV_ERROR, &at, "unclosed-parenthesis", NULL,
                      "a parenthesis is not closed in the line");
        return false;
    }
    for (uint32_t i = 0; i < s->toks; i++) {
        s->tok[i].line = line;
        s->tok[i].column = 1;
    }
    return true;
}
