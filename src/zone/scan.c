/* From tokens to records: owner, TTL, class, type, RDATA, and the directives. */
#include "base/hash.h"
#include "zone/scan_impl.h"

#include <stdio.h>
#include <stdlib.h>

/* --- Opening and closing --- */

struct zone_scan *zone_scan_new(const struct file_source *fs, const char *path,
                                const struct zone_load_options *opt, struct diag_sink *sink)
{
    struct zone_scan *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->fs = fs;
    s->opt = opt;
    s->sink = sink;
    s->tok_cap = 64;
    s->tok = malloc(s->tok_cap * sizeof *s->tok);
    const char *slash = strrchr(path, '/');
    if (opt->include_dir != NULL)
        s->dir = strdup(opt->include_dir);
    else
        s->dir =
            slash == NULL ? strdup("") : strndup(path, (size_t)(slash - path + (slash == path)));
    if (opt->origin != NULL) {
        s->origin_len = name_copy(s->origin.w, opt->origin);
        s->has_origin = true;
    }
    if (s->tok == NULL || s->dir == NULL || !scan_open(s, path, NULL)) {
        zone_scan_free(s);
        return NULL;
    }
    return s;
}

void zone_scan_free(struct zone_scan *s)
{
    if (s == NULL)
        return;
    while (s->depth > 0)
        scan_close(s);
    for (struct scan_path *p = s->paths, *next; p != NULL; p = next) {
        next = p->next;
        free(p);
    }
    free(s->gen.text);
    text_free(&s->gen.out);
    free(s->tok);
    free(s->dir);
    free(s);
}

uint64_t zone_scan_read(const struct zone_scan *s)
{
    return s->file[0].read - (s->file[0].end - s->file[0].start);
}

const uint8_t *zone_scan_origin(const struct zone_scan *s)
{
    return s->has_origin ? s->origin.w : NULL;
}

unsigned zone_scan_features(const struct zone_scan *s)
{
    return s->features;
}

void zone_scan_report(struct zone_scan *s, enum severity sev, const char *code, const char *hint,
                      const char *message)
{
    scan_tell(s, sev, s->last.text.p != NULL ? &s->last : NULL, code, hint, "%s", message);
}

/* --- Words --- */

enum status zone_ttl_parse(struct bytes t, uint32_t *ret)
{
    uint64_t total = 0, v = 0;
    bool digits = false, units = false;
    for (size_t i = 0; i < t.n; i++) {
        uint8_t c = t.p[i];
        if (c >= '0' && c <= '9') {
            v = v * 10 + (unsigned)(c - '0');
            if (v > UINT32_MAX)
                return ST_ERANGE;
            digits = true;
            continue;
        }
        c = ascii_lower(c);
        uint32_t unit = c == 's'   ? 1
                        : c == 'm' ? 60
                        : c == 'h' ? 3600
                        : c == 'd' ? 86400
                        : c == 'w' ? 604800
                                   : 0;
        if (unit == 0 || !digits)
            return ST_ESYNTAX;
        total += v * unit;
        if (total > INT32_MAX)
            return ST_ERANGE;
        v = 0;
        digits = false;
        units = true;
    }
    if (!digits && !units)
        return ST_ESYNTAX;
    total += v;
    if (total > INT32_MAX)
        return ST_ERANGE;
    *ret = (uint32_t)total;
    return ST_OK;
}

/* The longest piece of a word that is worth showing. */
static int shown(struct bytes t)
{
    return (int)MIN(t.n, 60);
}

static void bad_name(struct zone_scan *s, const struct token *t, const char *what)
{
    bool relative = t->text.n > 0 && t->text.p[t->text.n - 1] != '.';
    if (!s->has_origin && relative)
        scan_tell(s, SEV_ERROR, t, "no-origin",
                  "give the zone's name: an $ORIGIN line, a final dot, or the origin by option",
                  "%s \"%.*s\" is relative, but no origin is known", what, shown(t->text),
                  (const char *)t->text.p);
    else
        scan_tell(s, SEV_ERROR, t, "bad-name",
                  "a label has 1 to 63 bytes, a name at most 255, an escape is \\X or \\DDD",
                  "%s \"%.*s\" is not a domain name", what, shown(t->text),
                  (const char *)t->text.p);
}

/* Reads a name; tells what is wrong with it. */
static bool name_word(struct zone_scan *s, const struct token *t, const char *what,
                      struct name *ret, size_t *ret_len)
{
    *ret_len = s->has_origin ? scan_fast_name(t->text, s->origin.w, s->origin_len, ret->w) : 0;
    if (LIKELY(*ret_len > 0))
        return true;
    bool relative = t->text.n == 0 || (t->text.p[t->text.n - 1] != '.' && !s->has_origin);
    if (relative || name_parse(t->text, s->has_origin ? s->origin.w : NULL, ret) != ST_OK) {
        bad_name(s, t, what);
        return false;
    }
    *ret_len = name_len(ret->w);
    return true;
}

/* A type's mnemonic through a small table of those met before. */
static bool type_word(struct zone_scan *s, struct bytes t, uint16_t *ret)
{
    uint64_t key = 0;
    if (t.n == 0 || t.n > 8)
        return rr_type_parse(t, ret);
    for (size_t i = 0; i < t.n; i++)
        key = key << 8 | t.p[i];
    unsigned at = (unsigned)(hash_mix(key) & 63);
    if (s->type_key[at] == key) {
        *ret = s->type_val[at];
        return true;
    }
    if (!rr_type_parse(t, ret))
        return false;
    s->type_key[at] = key;
    s->type_val[at] = *ret;
    return true;
}

/* Guessing costs more than reading: a file that is no zone at all must not take minutes. */
enum { GUESSES_MAX = 100 };

static const char *type_guess(struct bytes t, char buf[64])
{
    char word[16], names[256][16];
    const char *list[256];
    size_t n = 0;
    if (t.n == 0 || t.n >= sizeof word)
        return NULL;
    for (size_t i = 0; i < t.n; i++)
        word[i] = (char)(t.p[i] >= 'a' && t.p[i] <= 'z' ? t.p[i] - 32 : t.p[i]);
    word[t.n] = '\0';
    for (uint16_t c = rr_type_next(0); c != 0 && n < ARRAY_LEN(list); c = rr_type_next(c)) {
        char text[24];
        if (rr_type_flags(c) & (RRF_META | RRF_OBSOLETE))
            continue;
        snprintf(names[n], sizeof names[n], "%.15s", rr_type_str(c, text));
        list[n] = names[n];
        n++;
    }
    const char *near = nearest_word(word, list, n);
    if (near == NULL)
        return NULL;
    snprintf(buf, 64, "did you mean %s?", near);
    return buf;
}

/* --- Records --- */

struct head {
    uint32_t i; /* first token of the RDATA */
    uint16_t type;
    uint32_t ttl;
    bool has_ttl;
};

static void unknown_type(struct zone_scan *s, const struct token *t)
{
    char buf[64];
    uint16_t type;
    const char *hint = s->guesses < GUESSES_MAX ? type_guess(t->text, buf) : NULL;
    s->guesses++;
    if (!s->blank_owner && t != s->tok && type_word(s, s->tok[0].text, &type))
        hint = "a line that leaves out the owner begins with a blank";
    scan_tell(s, SEV_ERROR, t, "unknown-type", hint, "\"%.*s\" is not a record type, class or TTL",
              shown(t->text), (const char *)t->text.p);
}

/* [TTL] [class] type in any order of the first two (RFC 1035 section 5.1). */
static bool head_read(struct zone_scan *s, struct head *h)
{
    bool has_class = false;
    for (; h->i < s->toks; h->i++) {
        const struct token *t = &s->tok[h->i];
        uint8_t c = t->text.n > 0 ? t->text.p[0] : 0;
        uint16_t v;
        if (t->quoted) {
            unknown_type(s, t);
            return false;
        }
        if (c >= '0' && c <= '9') {
            enum status st = h->has_ttl ? ST_ESYNTAX : zone_ttl_parse(t->text, &h->ttl);
            if (st == ST_ERANGE)
                scan_tell(s, SEV_ERROR, t, "ttl-too-large",
                          "at most 2147483647 seconds (RFC 2181 section 8)",
                          "TTL %.*s is too large", shown(t->text), (const char *)t->text.p);
            else if (st != ST_OK)
                unknown_type(s, t);
            if (st != ST_OK)
                return false;
            h->has_ttl = true;
        } else if (t->text.n == 2 && !has_class && (c | 32) == 'i' && (t->text.p[1] | 32) == 'n') {
            has_class = true;
        } else if (type_word(s, t->text, &h->type)) {
            h->i++;
            return true;
        } else if (!has_class && rr_class_parse(t->text, &v)) {
            has_class = true;
            if (v != CLASS_IN) {
                scan_tell(s, SEV_ERROR, t, "class-not-in", NULL,
                          "class %.*s: zones here are of class IN", shown(t->text),
                          (const char *)t->text.p);
                return false;
            }
        } else {
            unknown_type(s, t);
            return false;
        }
    }
    uint16_t type;
    const char *hint = s->toks == 1 && type_word(s, s->tok[0].text, &type) && !s->blank_owner
                           ? "a line that leaves out the owner begins with a blank"
                           : NULL;
    scan_tell(s, SEV_ERROR, &s->tok[s->toks - 1], "missing-type", hint,
              "the record ends before its type");
    return false;
}

static bool rdata_read(struct zone_scan *s, struct head *h, size_t *ret_len)
{
    const struct token *type = &s->tok[h->i - 1], *tok = s->tok + h->i;
    size_t n = s->toks - h->i;
    if (rr_type_flags(h->type) & (RRF_META | RRF_QTYPE)) {
        scan_tell(s, SEV_ERROR, type, "meta-type", "it occurs in messages only",
                  "type %.*s cannot stand in a zone", shown(type->text),
                  (const char *)type->text.p);
        return false;
    }
    if (LIKELY(s->has_origin && scan_fast_rdata(s, h->type, tok, n, ret_len)))
        return true;
    struct writer w = wr_of(s->rdata, sizeof s->rdata);
    struct diag d = {0};
    enum status st = rdata_parse(h->type, tok, n, s->has_origin ? s->origin.w : NULL, &w, &d);
    if (st == ST_OK) {
        *ret_len = wr_len(&w);
        return true;
    }
    const struct token *at = n == 0 ? type : &s->tok[s->toks - 1];
    for (size_t i = 0; i < n; i++)
        if (tok[i].line == d.line && tok[i].column == d.column)
            at = &tok[i];
    d.severity = SEV_ERROR;
    if (d.code[0] == '\0')
        memcpy(d.code, "bad-rdata", sizeof "bad-rdata");
    if (d.message[0] == '\0')
        snprintf(d.message, sizeof d.message, "bad RDATA: %s", status_text(st));
    scan_tell_diag(s, at, &d);
    return false;
}

/* The TTL of a record: its own, $TTL (RFC 2308 section 4), the last one stated (RFC 1035
 * section 5.1), the option. */
static bool ttl_choose(struct zone_scan *s, struct head *h)
{
    if (h->has_ttl) {
        s->last_ttl = h->ttl;
        s->has_last_ttl = true;
        return true;
    }
    if (s->has_ttl)
        h->ttl = s->ttl;
    else if (s->has_last_ttl)
        h->ttl = s->last_ttl;
    else if (s->opt->default_ttl > 0) {
        h->ttl = s->opt->default_ttl;
        if (!s->ttl_told)
            scan_tell(s, SEV_WARNING, &s->tok[h->i - 1], "no-ttl",
                      "put a line like \"$TTL 1h\" at the top of the file",
                      "neither a TTL nor $TTL before it: %u is used", h->ttl);
        s->ttl_told = true;
    } else {
        scan_tell(s, SEV_ERROR, &s->tok[h->i - 1], "no-ttl",
                  "put a line like \"$TTL 1h\" at the top of the file",
                  "the record has no TTL and there is no $TTL before it");
        s->last_ttl = 3600; /* told once */
        s->has_last_ttl = true;
        return false;
    }
    return true;
}

static bool record_read(struct zone_scan *s, struct zone_record *ret)
{
    struct head h = {0};
    size_t len;
    if (!s->blank_owner) {
        struct name n;
        h.i = 1;
        if (!name_word(s, &s->tok[0], "owner", &n, &len)) {
            s->has_owner = false; /* what follows with a blank owner must not go to another name */
            return false;
        }
        memcpy(s->owner.w, n.w, len);
        s->has_owner = true;
    }
    if (!head_read(s, &h))
        return false;
    if (!s->has_owner) {
        scan_tell(s, SEV_ERROR, &s->tok[0], "no-owner",
                  "a line that begins with a blank takes the owner of the line before",
                  "there is no owner to take");
        return false;
    }
    if (!rdata_read(s, &h, &len) || !ttl_choose(s, &h))
        return false;
    s->last = s->tok[0];
    *ret = (struct zone_record){.owner = s->owner.w,
                                .type = h.type,
                                .ttl = h.ttl,
                                .rdata = {s->rdata, len},
                                .file = s->file[s->depth - 1].path,
                                .line = s->tok[0].line,
                                .column = s->tok[0].column,
                                .generated = s->gen.active};
    return true;
}

/* --- Directives --- */

/* A path below the folder that may be included from, or NULL. */
static char *include_path(const struct zone_scan *s, struct bytes t)
{
    size_t dir = strlen(s->dir);
    if (t.n == 0 || t.n > 4000 || memchr(t.p, '\\', t.n) != NULL)
        return NULL;
    bool absolute = t.p[0] == '/';
    if (absolute && (dir == 0 || t.n <= dir || memcmp(t.p, s->dir, dir) != 0 ||
                     (s->dir[dir - 1] != '/' && t.p[dir] != '/')))
        return NULL;
    for (size_t i = 0; i + 1 < t.n; i++) /* no ".." between slashes */
        if (t.p[i] == '.' && t.p[i + 1] == '.' && (i == 0 || t.p[i - 1] == '/') &&
            (i + 2 == t.n || t.p[i + 2] == '/'))
            return NULL;
    char *path = malloc(dir + t.n + 2);
    if (path == NULL)
        return NULL;
    size_t n = 0;
    if (!absolute && dir > 0) {
        memcpy(path, s->dir, dir);
        n = dir;
        if (path[n - 1] != '/')
            path[n++] = '/';
    }
    memcpy(path + n, t.p, t.n);
    path[n + t.n] = '\0';
    return path;
}

static void advance(struct zone_scan *s)
{
    struct scan_file *f = &s->file[s->depth - 1];
    f->start = s->next;
    f->line = s->next_line;
}

static void include_file(struct zone_scan *s, const char *path)
{
    const struct token *t = &s->tok[1];
    for (unsigned i = 0; i < s->depth; i++)
        if (strcmp(s->file[i].path, path) == 0) {
            scan_tell(s, SEV_ERROR, t, "include-loop", NULL, "%s includes itself", path);
            return;
        }
    if (s->depth == LIMIT_INCLUDE_DEPTH) {
        scan_tell(s, SEV_ERROR, t, "include-depth", NULL, "$INCLUDE goes deeper than %d files",
                  LIMIT_INCLUDE_DEPTH);
        return;
    }
    struct name origin;
    size_t len = 0;
    if (s->toks == 3 && !name_word(s, &s->tok[2], "origin", &origin, &len))
        return;
    if (!scan_open(s, path, t))
        return;
    s->depth--; /* the includer goes on behind the directive */
    advance(s);
    s->depth++;
    if (len > 0) {
        memcpy(s->origin.w, origin.w, len);
        s->origin_len = len;
        s->has_origin = true;
    }
}

static void directive_include(struct zone_scan *s)
{
    const struct token *t = &s->tok[1];
    s->features |= SCAN_INCLUDE;
    if (s->toks < 2 || s->toks > 3) {
        scan_tell(s, SEV_ERROR, &s->tok[0], "bad-directive", NULL,
                  "$INCLUDE wants a file and perhaps an origin");
        return;
    }
    if (s->opt->no_include) {
        scan_tell(s, SEV_ERROR, &s->tok[0], "include-refused", NULL,
                  "$INCLUDE is not allowed here");
        return;
    }
    char *path = include_path(s, t->text);
    if (path == NULL)
        scan_tell(s, SEV_ERROR, t, "include-outside", "name a file below the zone file's folder",
                  "\"%.*s\" may not be included", shown(t->text), (const char *)t->text.p);
    else
        include_file(s, path);
    free(path);
}

static void directive_origin(struct zone_scan *s)
{
    struct name n;
    size_t len;
    if (s->toks != 2) {
        scan_tell(s, SEV_ERROR, &s->tok[0], "bad-directive", NULL, "$ORIGIN wants one name");
        return;
    }
    if (!name_word(s, &s->tok[1], "origin", &n, &len))
        return;
    memcpy(s->origin.w, n.w, len);
    s->origin_len = len;
    s->has_origin = true;
}

static void directive_ttl(struct zone_scan *s)
{
    if (s->toks != 2) {
        scan_tell(s, SEV_ERROR, &s->tok[0], "bad-directive", NULL, "$TTL wants one TTL");
        return;
    }
    const struct token *t = &s->tok[1];
    enum status st = zone_ttl_parse(t->text, &s->ttl);
    s->has_ttl = true; /* even if wrong: one mistake, one error */
    if (st == ST_ERANGE)
        scan_tell(s, SEV_ERROR, t, "ttl-too-large",
                  "at most 2147483647 seconds (RFC 2181 section 8)", "TTL %.*s is too large",
                  shown(t->text), (const char *)t->text.p);
    else if (st != ST_OK)
        scan_tell(s, SEV_ERROR, t, "bad-ttl", "seconds, or units: 1h30m, 2d, 1w",
                  "\"%.*s\" is not a TTL", shown(t->text), (const char *)t->text.p);
}

static bool word_is(struct bytes t, const char *upper)
{
    size_t n = strlen(upper);
    if (t.n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (ascii_lower(t.p[i]) != ascii_lower((uint8_t)upper[i]))
            return false;
    return true;
}

static void directive(struct zone_scan *s)
{
    static const struct {
        const char *word;
        void (*run)(struct zone_scan *);
    } known[] = {{"$ORIGIN", directive_origin},
                 {"$TTL", directive_ttl},
                 {"$INCLUDE", directive_include},
                 {"$GENERATE", scan_generate_begin}};
    const char *words[ARRAY_LEN(known)];
    struct bytes t = s->tok[0].text;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        words[i] = known[i].word;
        if (word_is(t, words[i])) {
            known[i].run(s);
            return;
        }
    }
    char word[24], hint[64];
    snprintf(word, sizeof word, "%.*s", (int)MIN(t.n, sizeof word - 1), (const char *)t.p);
    for (char *p = word; *p != '\0'; p++)
        *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
    const char *near = nearest_word(word, words, ARRAY_LEN(words));
    snprintf(hint, sizeof hint, "did you mean %s?", near != NULL ? near : "");
    scan_tell(s, SEV_ERROR, &s->tok[0], "unknown-directive",
              near != NULL ? hint : "a name that begins with $ is written \\$",
              "%.*s is no directive", shown(t), (const char *)t.p);
}

bool zone_scan_next(struct zone_scan *s, struct zone_record *ret)
{
    bool fresh = false; /* an entry was read in this call */
    while (s->depth > 0 && !s->stopped) {
        if (s->gen.active) {
            if (!scan_generate_next(s) || s->toks == 0)
                continue;
            if (record_read(s, ret))
                return true;
            s->gen.active = false; /* the other lines would have the same mistake: tell it once */
            continue;
        }
        if (!fresh && s->next != 0) {
            advance(s);
            s->next = 0;
        }
        fresh = false;
        switch (scan_entry(s)) {
        case SCAN_END:
            s->next = 0;
            if (!s->stopped)
                scan_close(s);
            continue;
        case SCAN_BAD:
            s->next = 0;
            fresh = true;
            continue;
        case SCAN_ENTRY:
            break;
        }
        if (s->toks == 0)
            continue;
        if (!s->blank_owner && !s->tok[0].quoted && s->tok[0].text.p[0] == '$') {
            unsigned depth = s->depth;
            directive(s);
            if (s->depth != depth) /* the includer has moved on already */
                s->next = 0;
            continue;
        }
        if (record_read(s, ret))
            return true;
    }
    return false;
}
