#include "config/yaml.h"

#include "base/limits.h"

#include <libfyaml.h>
#include <stdlib.h>

struct builder {
    const struct yaml_source *src;
    struct arena *arena;
    struct diag_sink *sink;
    struct yaml_node *stack[LIMIT_CONFIG_DEPTH];
    struct yaml_node *last[LIMIT_CONFIG_DEPTH]; /* newest child of the node beside it */
    struct yaml_node *key[LIMIT_CONFIG_DEPTH];  /* MAP: a key that waits for its value */
    unsigned depth;
    unsigned documents;
    struct yaml_node *root;
};

void yaml_place(const struct yaml_source *src, uint32_t line, uint32_t column, struct diag *d)
{
    d->file = src->file;
    d->line = line;
    d->column = column;
    d->source[0] = '\0';
    const uint8_t *p = src->text.p, *end = p + src->text.n;
    for (uint32_t i = 1; i < line && p < end; i++) {
        const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));
        p = nl == NULL ? end : nl + 1;
    }
    size_t n = 0;
    for (; p < end && *p != '\n' && *p != '\r' && n < sizeof d->source - 1; p++, n++)
        d->source[n] = (char)(*p < 0x20 && *p != '\t' ? ' ' : *p);
    d->source[n] = '\0';
}

bool yaml_is_null(const struct yaml_node *n)
{
    return n->kind == YAML_SCALAR && !n->quoted &&
           (n->size == 0 || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}

static void complain(struct builder *b, uint32_t line, uint32_t column, const char *hint,
                     const char *what)
{
    struct diag d = {0};
    diag_set(&d, SEV_ERROR, "yaml", hint, "%s", what);
    yaml_place(b->src, line, column, &d);
    diag_emit(b->sink, &d);
}

/* Hangs a finished or opening node below the innermost open one. */
static enum status attach(struct builder *b, struct yaml_node *n)
{
    if (b->depth == 0) {
        b->root = n;
        return ST_OK;
    }
    unsigned top = b->depth - 1;
    struct yaml_node *parent = b->stack[top];
    if (parent->kind == YAML_MAP && b->key[top] == NULL) {
        if (n->kind != YAML_SCALAR) {
            complain(b, n->line, n->column, NULL, "a key must be a plain word");
            return ST_ESYNTAX;
        }
        b->key[top] = n;
        return ST_OK;
    }
    n->key = b->key[top];
    b->key[top] = NULL;
    if (b->last[top] == NULL)
        parent->child = n;
    else
        b->last[top]->next = n;
    b->last[top] = n;
    return ST_OK;
}

static enum status add_node(struct builder *b, enum yaml_kind kind, struct fy_token *token,
                            struct fy_token *anchor, struct fy_token *tag)
{
    struct yaml_node *n = arena_zalloc(b->arena, sizeof *n);
    if (n == NULL)
        return ST_ENOMEM;
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    n->kind = kind;
    n->line = mark ? (uint32_t)mark->line + 1 : 1;
    n->column = mark ? (uint32_t)mark->column + 1 : 1;
    if (anchor != NULL || tag != NULL) {
        complain(b, n->line, n->column, "write the value out",
                 "anchors and tags are not used in a configuration");
        return ST_ESYNTAX;
    }
    if (kind == YAML_SCALAR) {
        size_t size = 0;
        const char *text = token ? fy_token_get_text(token, &size) : "";
        enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
        n->quoted = style != FYSS_PLAIN;
        if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED)
            n->column -= n->column > 1; /* the mark stands behind the quote */
        char *copy = arena_alloc_bytes(b->arena, size + 1);
        if (copy == NULL || text == NULL)
            return ST_ENOMEM;
        memcpy(copy, text, size);
        copy[size] = '\0';
        if (memchr(copy, '\0', size) != NULL) {
            complain(b, n->line, n->column, NULL, "a value may not contain a zero byte");
            return ST_ESYNTAX;
        }
        n->text = copy;
        n->size = size;
    }
    TRY(attach(b, n));
    if (kind == YAML_SCALAR)
        return ST_OK;
    if (b->depth == LIMIT_CONFIG_DEPTH) {
        complain(b, n->line, n->column, NULL, "nested too deep");
        return ST_ELIMIT;
    }
    b->stack[b->depth] = n;
    b->last[b->depth] = NULL;
    b->key[b->depth++] = NULL;
    return ST_OK;
}

static enum status take_event(struct builder *b, struct fy_event *e)
{
    switch (e->type) {
    case FYET_SCALAR:
        return add_node(b, YAML_SCALAR, e->scalar.value, e->scalar.anchor, e->scalar.tag);
    case FYET_MAPPING_START:
        return add_node(b, YAML_MAP, e->mapping_start.mapping_start, e->mapping_start.anchor,
                        e->mapping_start.tag);
    case FYET_SEQUENCE_START:
        return add_node(b, YAML_SEQ, e->sequence_start.sequence_start, e->sequence_start.anchor,
                        e->sequence_start.tag);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        if (b->depth > 0)
            b->depth--;
        return ST_OK;
    case FYET_DOCUMENT_START:
        if (b->documents++ == 0)
            return ST_OK;
        complain(b, 1, 1, NULL, "a configuration is one document, here is a second ('---')");
        return ST_ESYNTAX;
    case FYET_ALIAS:
        complain(b, 1, 1, "write the value out",
                 "aliases ('*name') are not used in a configuration");
        return ST_ESYNTAX;
    default:
        return ST_OK;
    }
}

/* The library's own complaints, with their places. */
static void report_library(struct builder *b, struct fy_diag *diag)
{
    void *prev = NULL;
    unsigned n = 0;
    for (struct fy_diag_error *e; (e = fy_diag_errors_iterate(diag, &prev)) != NULL && n < 20;) {
        if (e->type != FYET_ERROR)
            continue;
        complain(b, e->line > 0 ? (uint32_t)e->line : 1, e->column > 0 ? (uint32_t)e->column : 1,
                 NULL, e->msg ? e->msg : "malformed YAML");
        n++;
    }
    if (n == 0)
        complain(b, 1, 1, NULL, "malformed YAML");
}

static enum status run_parser(struct builder *b, struct fy_parser *p, struct fy_diag *diag)
{
    enum status st = ST_OK;
    bool ended = false;
    uint32_t events = 0;
    for (struct fy_event *e; st == ST_OK && (e = fy_parser_parse(p)) != NULL;) {
        ended = e->type == FYET_STREAM_END;
        st = ++events > LIMIT_CONFIG_NODES ? ST_ELIMIT : take_event(b, e);
        fy_parser_event_free(p, e);
        if (ended)
            break;
    }
    if (st == ST_OK && !ended) {
        report_library(b, diag);
        st = ST_ESYNTAX;
    }
    return st;
}

/* Bytes of the UTF-8 character at p; 0 if it is none (RFC 3629 section 4, surrogates and overlong
 * forms included in what is refused). */
static size_t utf8_size(const uint8_t *p, const uint8_t *end)
{
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (n == 0 || (size_t)(end - p) < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
               (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return bad ? 0 : n;
}

/* What no configuration contains and parsers stumble over: refused before the library sees it.
 * (libfyaml 0.7.12 does not come back from some malformed directives.) */
static bool check_bytes(struct builder *b)
{
    const uint8_t *p = b->src->text.p, *end = p + b->src->text.n, *start = p;
    uint32_t line = 1, column = 1;
    bool fresh = true; /* at the start of a line, by any line break that YAML has known */
    const char *what = NULL;
    while (p < end && what == NULL) {
        size_t n = utf8_size(p, end);
        uint32_t c = n == 2   ? (uint32_t)(p[0] << 8 | p[1])
                     : n == 3 ? (uint32_t)(p[0] << 16 | p[1] << 8 | p[2])
                              : p[0];
        if (n == 0)
            what = "a byte that is not UTF-8: is this a text file?";
        else if ((n == 1 && c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
            what = "a control character: is this a text file?";
        else if (fresh && c == '%')
            what = "YAML directives ('%') are not used in a configuration";
        if (what != NULL)
            complain(b, line, column, NULL, what);
        bool mark = n == 3 && c == 0xefbbbf && p == start; /* byte order mark */
        fresh = c == '\n' || c == '\r' || (n == 2 && c == 0xc285) ||
                (n == 3 && (c == 0xe280a8 || c == 0xe280a9)) || mark;
        column = c == '\n' ? 1 : column + (uint32_t)n;
        line += c == '\n';
        p += n;
    }
    return what == NULL;
}

enum status yaml_parse(const struct yaml_source *src, struct arena *a, struct diag_sink *sink,
                       struct yaml_node **ret)
{
    struct builder b = {.src = src, .arena = a, .sink = sink};
    *ret = NULL;
    if (src->text.n > LIMIT_CONFIG_SIZE) {
        complain(&b, 1, 1, NULL, "the file is too big for a configuration");
        return ST_ELIMIT;
    }
    if (!check_bytes(&b))
        return ST_ESYNTAX;
    if (src->text.n == 0)
        return ST_OK;
    struct fy_diag_cfg dcfg;
    fy_diag_cfg_default(&dcfg);
    dcfg.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&dcfg);
    if (diag == NULL)
        return ST_ENOMEM;
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag};
    struct fy_parser *p = fy_parser_create(&cfg);
    enum status st = ST_ENOMEM;
    if (p != NULL && fy_parser_set_string(p, (const char *)src->text.p, src->text.n) == 0)
        st = run_parser(&b, p, diag);
    if (p != NULL)
        fy_parser_destroy(p);
    fy_diag_destroy(diag);
    *ret = st == ST_OK ? b.root : NULL;
    return st;
}
