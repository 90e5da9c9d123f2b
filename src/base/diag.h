/* Where something is wrong and what to do about it: filled by the innermost function that knows,
 * printed only by programs (library code never logs). */
#ifndef BANYAN_BASE_DIAG_H
#define BANYAN_BASE_DIAG_H

#include "base/json.h"
#include "base/status.h"

enum severity { SEV_INFO, SEV_WARNING, SEV_ERROR };

struct diag {
    enum severity severity;
    const char *file; /* borrowed; NULL when there is none */
    uint32_t line;    /* 1-based; 0 when unknown */
    uint32_t column;  /* 1-based, in bytes; 0 when unknown */
    char code[32];    /* stable word for scripts, e.g. "cname-and-other-data" */
    char message[400];
    char hint[200];   /* "" when there is none */
    char source[200]; /* the line itself, cut, without control characters; "" when unknown */
};

/* Receives diagnostics one by one. The diag is borrowed for the call. */
struct diag_sink {
    void (*emit)(void *ctx, const struct diag *d);
    void *ctx;
    uint32_t errors, warnings; /* counted by diag_emit */
};

void diag_emit(struct diag_sink *sink, const struct diag *d);
/* Fills message and hint; hint may be NULL. */
void diag_set(struct diag *d, enum severity sev, const char *code, const char *hint,
              const char *fmt, ...) PRINTF_LIKE(5, 6);
/* "file:line:col: error: message" + source line with a caret + "hint: ..."; colour with ANSI codes.
 */
void diag_text(const struct diag *d, bool colour, struct text *out);
void diag_json(const struct diag *d, struct json *out);
const char *severity_name(enum severity s);

/* The word of `words` (count of them) nearest to `word` by edit distance, or NULL when none is near
 * enough to be meant. */
const char *nearest_word(const char *word, const char *const *words, size_t count);

#endif
