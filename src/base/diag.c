#include "base/diag.h"

#include <stdio.h>

const char *severity_name(enum severity s)
{
    return s == SEV_ERROR ? "error" : s == SEV_WARNING ? "warning" : "info";
}

void diag_emit(struct diag_sink *sink, const struct diag *d)
{
    if (sink == NULL)
        return;
    if (d->severity == SEV_ERROR)
        sink->errors++;
    else if (d->severity == SEV_WARNING)
        sink->warnings++;
    if (sink->emit != NULL)
        sink->emit(sink->ctx, d);
}

void diag_set(struct diag *d, enum severity sev, const char *code, const char *hint,
              const char *fmt, ...)
{
    d->severity = sev;
    snprintf(d->code, sizeof d->code, "%s", code);
    snprintf(d->hint, sizeof d->hint, "%s", hint ? hint : "");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->message, sizeof d->message, fmt, ap);
    va_end(ap);
}

void diag_text(const struct diag *d, bool colour, struct text *out)
{
    const char *bold = colour ? "\033[1m" : "", *off = colour ? "\033[0m" : "";
    const char *sev = !colour                      ? ""
                      : d->severity == SEV_ERROR   ? "\033[1;31m"
                      : d->severity == SEV_WARNING ? "\033[1;35m"
                                                   : "\033[1;36m";
    text_str(out, bold);
    if (d->file != NULL)
        text_fmt(out, "%s:", d->file);
    if (d->line > 0)
        text_fmt(out, "%u:", d->line);
    if (d->column > 0)
        text_fmt(out, "%u:", d->column);
    if (d->file != NULL || d->line > 0)
        text_char(out, ' ');
    text_fmt(out, "%s%s%s:%s %s", off, sev, severity_name(d->severity), off, d->message);
    if (d->code[0] != '\0')
        text_fmt(out, " [%s]", d->code);
    text_char(out, '\n');
    if (d->source[0] != '\0') {
        text_fmt(out, "    %s\n", d->source);
        if (d->column > 0 && d->column <= strlen(d->source) + 1) {
            text_str(out, "    ");
            for (uint32_t i = 1; i < d->column; i++)
                text_char(out, d->source[i - 1] == '\t' ? '\t' : ' ');
            text_str(out, "^\n");
        }
    }
    if (d->hint[0] != '\0')
        text_fmt(out, "    hint: %s\n", d->hint);
}

void diag_json(const struct diag *d, struct json *out)
{
    json_object(out);
    json_kv_str(out, "severity", severity_name(d->severity));
    json_kv_str(out, "code", d->code);
    json_kv_str(out, "message", d->message);
    if (d->file != NULL)
        json_kv_str(out, "file", d->file);
    if (d->line > 0)
        json_kv_uint(out, "line", d->line);
    if (d->column > 0)
        json_kv_uint(out, "column", d->column);
    if (d->hint[0] != '\0')
        json_kv_str(out, "hint", d->hint);
    if (d->source[0] != '\0')
        json_kv_str(out, "source", d->source);
    json_object_end(out);
}

enum { WORD_MAX = 48 };

/* Levenshtein distance of two short words. */
static unsigned distance(const char *a, size_t an, const char *b, size_t bn)
{
    unsigned row[WORD_MAX + 1];
    for (size_t j = 0; j <= bn; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= an; i++) {
        unsigned diag = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= bn; j++) {
            unsigned up = row[j], cost = diag + (a[i - 1] != b[j - 1]);
            row[j] = MIN(MIN(up + 1, row[j - 1] + 1), cost);
            diag = up;
        }
    }
    return row[bn];
}

const char *nearest_word(const char *word, const char *const *words, size_t count)
{
    size_t n = strlen(word);
    const char *best = NULL;
    unsigned best_d = (unsigned)(n <= 3 ? 1 : n <= 6 ? 2 : 3) + 1;
    if (n == 0 || n > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t m = strlen(words[i]);
        if (m > WORD_MAX)
            continue;
        unsigned d = distance(word, n, words[i], m);
        if (d < best_d && d < m) {
            best = words[i];
            best_d = d;
        }
    }
    return best;
}
