/* $GENERATE start-stop[/step] template: a line for each number, `$` or ${offset,width,base} in it
 * replaced (BIND's directive; it is in no RFC). */
#include "zone/scan_impl.h"

#include <stdio.h>
#include <stdlib.h>

static bool digits(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
    const uint8_t *from = *p;
    uint64_t v = 0;
    for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
        v = v * 10 + (uint64_t)(**p - '0');
        if (v > UINT32_MAX)
            return false;
    }
    *ret = v;
    return *p > from;
}

/* start-stop[/step] */
static bool range(struct bytes t, struct scan_generate *g)
{
    const uint8_t *p = t.p, *end = t.p + t.n;
    g->step = 1;
    if (!digits(&p, end, &g->at) || p == end || *p++ != '-' || !digits(&p, end, &g->stop))
        return false;
    if (p < end && (*p++ != '/' || !digits(&p, end, &g->step)))
        return false;
    return p == end && g->step > 0 && g->at <= g->stop;
}

/* What stands behind the range: the entry's text up to its end, without its line break. A quoted
 * RDATA (BIND's way to put blanks into it) loses its quotes unless the type's RDATA are strings. */
static bool template_keep(struct zone_scan *s)
{
    struct scan_generate *g = &s->gen;
    const struct scan_file *f = &s->file[s->depth - 1];
    const struct token *last = &s->tok[s->toks - 1];
    const uint8_t *p = s->tok[2].text.p - s->tok[2].quoted, *end = f->buf + s->next;
    while (end > p && (end[-1] == '\n' || end[-1] == '\r'))
        end--;
    uint16_t type = 0;
    bool strip = last->quoted && s->toks >= 5 && rr_type_parse(last[-1].text, &type) &&
                 type != RR_TXT && type != 99;
    free(g->text);
    g->n = (size_t)(end - p);
    g->text = malloc(g->n + 1);
    if (g->text == NULL)
        return false;
    memcpy(g->text, p, g->n);
    if (strip) {
        size_t at = (size_t)(last->text.p - p);
        g->text[at - 1] = g->text[at + last->text.n] = ' ';
    }
    g->text[g->n] = '\n';
    return true;
}

void scan_generate_begin(struct zone_scan *s)
{
    struct scan_generate *g = &s->gen;
    const struct token *t = &s->tok[0];
    s->features |= SCAN_GENERATE;
    if (s->toks < 5) {
        scan_tell(s, SEV_ERROR, t, "bad-directive", "$GENERATE 1-254 host-$ A 192.0.2.$",
                  "$GENERATE wants a range, an owner, a type and RDATA");
        return;
    }
    if (!range(s->tok[1].text, g)) {
        scan_tell(s, SEV_ERROR, &s->tok[1], "bad-generate",
                  "a range is start-stop or start-stop/step", "\"%.*s\" is not a range",
                  (int)MIN(s->tok[1].text.n, 60), (const char *)s->tok[1].text.p);
        return;
    }
    if ((g->stop - g->at) / g->step >= LIMIT_GENERATE) {
        scan_tell(s, SEV_ERROR, &s->tok[1], "generate-too-many", NULL,
                  "$GENERATE makes more than %d records", LIMIT_GENERATE);
        return;
    }
    if (!template_keep(s))
        return;
    g->line = t->line;
    struct token here = *t;
    const struct scan_file *f = &s->file[s->depth - 1];
    const uint8_t *end = memchr(here.text.p, '\n', (size_t)(f->buf + f->end - here.text.p));
    size_t n = (size_t)((end != NULL ? end : f->buf + f->end) - here.text.p);
    n = MIN(n, sizeof g->source - 1);
    for (size_t i = 0; i < n; i++)
        g->source[i] = here.text.p[i] < 0x20 || here.text.p[i] == 0x7f ? ' ' : (char)here.text.p[i];
    g->source[n] = '\0';
    if (g->out.p == NULL)
        g->out = text_heap(2 * LIMIT_ZONE_ENTRY);
    g->active = true;
}

/* Hex digits, lowest first, with dots between: for ip6.arpa. width counts characters. */
static void nibbles(struct text *out, uint64_t v, uint64_t width, bool upper)
{
    int64_t left = (int64_t)width;
    do {
        unsigned d = (unsigned)(v & 15);
        text_char(out, upper ? "0123456789ABCDEF"[d] : "0123456789abcdef"[d]);
        v >>= 4;
        left--;
        if (left > 0 || v != 0) {
            text_char(out, '.');
            left--;
        }
    } while (v != 0 || left > 0);
}

/* The format behind "${": offset[,width[,base]]} */
static bool format(struct scan_generate *g, size_t *i, uint64_t value)
{
    int64_t offset = 0;
    unsigned width = 0;
    int used = 0;
    char base = 'd', spec[64];
    size_t n = 0;
    while (*i < g->n && g->text[*i] != '}' && n < sizeof spec - 1)
        spec[n++] = g->text[(*i)++];
    spec[n] = '\0';
    if (*i >= g->n || g->text[*i] != '}')
        return false;
    ++*i;
    long long off;
    int got = sscanf(spec, "%lld%n", &off, &used);
    if (got != 1 || off < -(long long)UINT32_MAX || off > (long long)UINT32_MAX)
        return false;
    offset = off;
    if (spec[used] == ',') {
        int more = 0;
        if (sscanf(spec + used + 1, "%3u%n", &width, &more) != 1 || width > 255)
            return false;
        used += 1 + more;
        if (spec[used] == ',') {
            base = spec[used + 1];
            used += 2;
        }
    }
    if ((size_t)used > n || spec[used] != '\0' || strchr("doxXnN", base) == NULL || base == '\0')
        return false;
    int64_t v = (int64_t)value + offset;
    if (v < 0)
        return false;
    if (base == 'n' || base == 'N')
        nibbles(&g->out, (uint64_t)v, width, base == 'N');
    else if (base == 'd')
        text_fmt(&g->out, "%0*llu", (int)width, (unsigned long long)v);
    else if (base == 'o')
        text_fmt(&g->out, "%0*llo", (int)width, (unsigned long long)v);
    else if (base == 'x')
        text_fmt(&g->out, "%0*llx", (int)width, (unsigned long long)v);
    else
        text_fmt(&g->out, "%0*llX", (int)width, (unsigned long long)v);
    return true;
}

bool scan_generate_expand(struct zone_scan *s, uint64_t value)
{
    struct scan_generate *g = &s->gen;
    text_clear(&g->out);
    for (size_t i = 0; i <= g->n;) { /* with the line break */
        char c = g->text[i++];
        if (c == '\\' && i < g->n) {
            if (g->text[i] != '$')
                text_char(&g->out, c);
            text_char(&g->out, g->text[i++]);
        } else if (c != '$') {
            text_char(&g->out, c);
        } else if (i < g->n && g->text[i] == '$') {
            text_char(&g->out, '$');
            i++;
        } else if (i < g->n && g->text[i] == '{') {
            i++;
            if (!format(g, &i, value)) {
                struct token at = {.line = g->line, .column = 1};
                scan_tell(s, SEV_ERROR, &at, "bad-generate",
                          "${offset,width,base}: width at most 255, base d, o, x, X, n or N, never "
                          "below zero",
                          "a bad ${...} in $GENERATE");
                return false;
            }
        } else {
            text_uint(&g->out, value);
        }
    }
    return true;
}

bool scan_generate_next(struct zone_scan *s)
{
    struct scan_generate *g = &s->gen;
    if (g->at > g->stop || s->stopped) {
        g->active = false;
        return false;
    }
    uint64_t value = g->at;
    g->at += g->step;
    if (scan_generate_expand(s, value) &&
        scan_line(s, bytes_of(text_cstr(&g->out), g->out.n), g->line))
        return true;
    g->active = false; /* one mistake, one error */
    return false;
}
