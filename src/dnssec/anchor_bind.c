/* Trust anchors as BIND's configuration has them (bind.keys):
 *
 *     trust-anchors { . static-ds 20326 8 2 "E06D..."; example.org. initial-key 257 3 13
 * "mdsswUyr..."; };
 *
 * and the older managed-keys and trusted-keys. What "initial" and "static" tell apart, whether the
 * key is then followed by RFC 5011, is not decided by the file here. */
#include "dnssec/anchor_impl.h"

#include "dns/rdata.h"

enum { WORDS_MAX = 128 }; /* of one anchor: a key of 4096 bits may stand in lines */

enum lex { LEX_END, LEX_OPEN, LEX_CLOSE, LEX_SEMICOLON, LEX_WORD, LEX_STRING, LEX_BAD };

struct lexer {
    struct anchor_file *f;
    const uint8_t *p, *end;
    enum lex kind; /* of the piece read last */
    const uint8_t *at;
    struct bytes text;
};

static const char *const statements[] = {"trust-anchors", "managed-keys", "trusted-keys"};

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(struct bytes t, const char *word)
{
    return bytes_equal(t, bytes_str(word));
}

bool anchor_is_bind(struct bytes t)
{
    if (t.n > 0 && t.p[0] == '#')
        return true;
    if (t.n > 1 && t.p[0] == '/' && (t.p[1] == '/' || t.p[1] == '*'))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
        size_t n = strlen(statements[i]);
        if (t.n > n && memcmp(t.p, statements[i], n) == 0 && (is_blank(t.p[n]) || t.p[n] == '{'))
            return true;
    }
    return false;
}

/* Moves over blanks and comments; false if one is not closed. */
static bool skip(struct lexer *l)
{
    while (l->p < l->end) {
        size_t left = (size_t)(l->end - l->p);
        bool slash = left > 1 && l->p[0] == '/';
        if (is_blank(*l->p)) {
            l->p++;
        } else if (*l->p == '#' || (slash && l->p[1] == '/')) {
            const uint8_t *q = memchr(l->p, '\n', left);
            l->p = q != NULL ? q + 1 : l->end;
        } else if (slash && l->p[1] == '*') {
            const uint8_t *q = memmem(l->p + 2, left - 2, "*/", 2);
            if (q == NULL)
                return false;
            l->p = q + 2;
        } else {
            return true;
        }
    }
    return true;
}

static enum status next(struct lexer *l)
{
    if (!skip(l))
        return anchor_tell(l->f, l->p, "unclosed-comment", NULL, "this comment is not closed");
    const uint8_t *p = l->p;
    l->at = p;
    l->text = bytes_of(p, 0);
    if (p == l->end) {
        l->kind = LEX_END;
        return ST_OK;
    }
    if (*p == '{' || *p == '}' || *p == ';') {
        l->kind = *p == '{' ? LEX_OPEN : *p == '}' ? LEX_CLOSE : LEX_SEMICOLON;
        l->p = p + 1;
        return ST_OK;
    }
    if (*p == '"') {
        const uint8_t *q = memchr(p + 1, '"', (size_t)(l->end - p) - 1);
        if (q == NULL)
            return anchor_tell(l->f, p, "unclosed-quote", NULL, "this quote is not closed");
        l->kind = LEX_STRING;
        l->text = bytes_of(p + 1, (size_t)(q - p) - 1);
        l->p = q + 1;
        return ST_OK;
    }
    while (p < l->end && !is_blank(*p) && *p != '{' && *p != '}' && *p != ';' && *p != '"')
        p++;
    l->kind = LEX_WORD;
    l->text = bytes_of(l->p, (size_t)(p - l->p));
    l->p = p;
    return ST_OK;
}

static enum status want(struct lexer *l, enum lex kind, const char *what)
{
    TRY(next(l));
    if (l->kind == kind)
        return ST_OK;
    return anchor_tell(l->f, l->at, "syntax", "an anchor reads: . static-ds 20326 8 2 \"E06D...\";",
                       "%s is expected here", what);
}

/* Words of an anchor behind its kind, as the RDATA parser wants them. A token's line is its number
 * here; what it is called in the file is found again by that. */
struct words {
    struct token tok[WORDS_MAX];
    size_t n;
};

static enum status add_words(struct lexer *l, struct words *w)
{
    const uint8_t *p = l->text.p, *end = p + l->text.n;
    while (p < end) {
        const uint8_t *from = p;
        while (p < end && !is_blank(*p))
            p++;
        if (p > from && w->n == WORDS_MAX)
            return anchor_tell(l->f, from, "too-many-words", "is a semicolon missing?",
                               "more than %d words in one trust anchor", WORDS_MAX);
        if (p > from) {
            w->tok[w->n] = (struct token){.text = bytes_of(from, (size_t)(p - from)),
                                          .line = (uint32_t)w->n + 1,
                                          .column = 1};
            w->n++;
        }
        while (p < end && is_blank(*p))
            p++;
    }
    return ST_OK;
}

/* "static-ds" and the like; a key without such a word is one of trusted-keys. */
static bool kind_word(struct bytes t, uint16_t *ret)
{
    static const struct {
        const char *word;
        uint16_t type;
    } kinds[] = {{"static-ds", RR_DS},
                 {"initial-ds", RR_DS},
                 {"static-key", RR_DNSKEY},
                 {"initial-key", RR_DNSKEY}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (is_word(t, kinds[i].word)) {
            *ret = kinds[i].type;
            return true;
        }
    return false;
}

static enum status parse_rdata(struct lexer *l, uint16_t type, const struct words *w,
                               const uint8_t *at, struct writer *out)
{
    struct diag d = {0};
    enum status st = rdata_parse(type, w->tok, w->n, name_root, out, &d);
    if (st == ST_OK || st == ST_ENOMEM)
        return st;
    if (d.line > 0 && d.line <= w->n)
        at = w->tok[d.line - 1].text.p;
    return anchor_tell(l->f, at, d.code, d.hint, "%s", d.message);
}

/* One anchor, whose name has just been read. */
static enum status read_anchor(struct lexer *l, bool trusted)
{
    uint8_t rdata[8192];
    struct writer out = wr_of(rdata, sizeof rdata);
    struct words w = {.n = 0};
    struct name zone;
    uint16_t type = RR_DNSKEY;
    const uint8_t *at = l->at;
    if (l->kind == LEX_END)
        return anchor_tell(l->f, at, "syntax", "after the last anchor stands };",
                           "the file ends in the middle of a statement");
    if ((l->kind != LEX_WORD && l->kind != LEX_STRING) || name_parse(l->text, NULL, &zone) != ST_OK)
        return anchor_tell(l->f, at, "bad-name", NULL, "this is not the name of a zone");
    TRY(next(l));
    if (!trusted) {
        if (!kind_word(l->text, &type))
            return anchor_tell(l->f, l->at, "syntax", NULL,
                               "static-ds, initial-ds, static-key or initial-key is expected here");
        TRY(next(l));
    }
    for (; l->kind == LEX_WORD || l->kind == LEX_STRING;) {
        TRY(add_words(l, &w));
        TRY(next(l));
    }
    if (l->kind != LEX_SEMICOLON)
        return anchor_tell(l->f, l->at, "syntax", NULL, "a semicolon is expected here");
    TRY(parse_rdata(l, type, &w, at, &out));
    return anchor_take(l->f, zone.w, type, wr_done(&out), at);
}

enum status anchor_read_bind(struct anchor_file *f)
{
    struct lexer l = {.f = f, .p = f->text.p, .end = f->text.p + f->text.n};
    for (;;) {
        size_t i = 0;
        TRY(next(&l));
        if (l.kind == LEX_END)
            return ST_OK;
        while (i < ARRAY_LEN(statements) && !(l.kind == LEX_WORD && is_word(l.text, statements[i])))
            i++;
        if (i == ARRAY_LEN(statements))
            return anchor_tell(f, l.at, "unknown-statement",
                               "of BIND's configuration only trust-anchors, managed-keys and "
                               "trusted-keys are read",
                               "a statement that holds no trust anchors");
        bool trusted = strcmp(statements[i], "trusted-keys") == 0;
        TRY(want(&l, LEX_OPEN, "{"));
        for (;;) {
            TRY(next(&l));
            if (l.kind == LEX_CLOSE)
                break;
            TRY(read_anchor(&l, trusted));
        }
        TRY(want(&l, LEX_SEMICOLON, "a semicolon"));
    }
}
