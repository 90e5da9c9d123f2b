#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

struct text text_of(char *buf, size_t cap)
{
    if (cap > 0)
        buf[0] = '\0';
    return (struct text){.p = buf, .cap = cap, .max = cap};
}

struct text text_heap(size_t max)
{
    return (struct text){.max = max, .heap = true};
}

void text_free(struct text *t)
{
    if (t->heap)
        free(t->p);
    *t = (struct text){.max = t->max, .heap = t->heap};
}

void text_clear(struct text *t)
{
    t->n = 0;
    t->cut = false;
    if (t->cap > 0)
        t->p[0] = '\0';
}

/* Room for n more bytes and the NUL; grows a heap text. */
static bool text_room(struct text *t, size_t n)
{
    if (t->cap > t->n && t->cap - t->n > n)
        return true;
    if (!t->heap || n >= t->max || t->n >= t->max - n)
        return false;
    size_t want = MAX(t->n + n + 1, MIN(t->cap * 2, t->max));
    want = MIN(MAX(want, (size_t)256), t->max);
    char *p = realloc(t->p, want);
    if (p == NULL)
        return false;
    t->p = p;
    t->cap = want;
    return true;
}

void text_bytes(struct text *t, const void *p, size_t n)
{
    if (!text_room(t, n)) {
        t->cut = true;
        if (t->cap <= t->n + 1)
            return;
        n = t->cap - t->n - 1;
    }
    if (n > 0)
        memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = '\0';
}

void text_char(struct text *t, char c)
{
    text_bytes(t, &c, 1);
}

void text_str(struct text *t, const char *s)
{
    text_bytes(t, s, strlen(s));
}

void text_vfmt(struct text *t, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    char small[256];
    int n = vsnprintf(small, sizeof small, fmt, ap);
    if (n >= 0 && (size_t)n < sizeof small) {
        text_bytes(t, small, (size_t)n);
    } else if (n >= 0) {
        char *big = malloc((size_t)n + 1);
        if (big != NULL) {
            vsnprintf(big, (size_t)n + 1, fmt, again);
            text_bytes(t, big, (size_t)n);
            free(big);
        } else {
            t->cut = true;
        }
    }
    va_end(again);
}

void text_fmt(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    text_vfmt(t, fmt, ap);
    va_end(ap);
}

void text_uint(struct text *t, uint64_t v)
{
    char buf[20];
    size_t i = sizeof buf;
    do {
        buf[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    text_bytes(t, buf + i, sizeof buf - i);
}

void text_pad(struct text *t, size_t from, size_t col)
{
    do
        text_char(t, ' ');
    while (!t->cut && t->n - from < col);
}

const char *text_cstr(const struct text *t)
{
    return t->cap > 0 && t->p != NULL ? t->p : "";
}

size_t text_shorten(const char *p, size_t n, size_t max)
{
    enum { DOTS = 3 };
    if (n <= max)
        return n;
    size_t most = max > DOTS ? max - DOTS : 0, keep = most;
    while (keep > most / 2 && p[keep] != ' ')
        keep--;
    if (keep == 0 || p[keep] != ' ') { /* one very long word: anywhere, but between characters */
        keep = most;
        while (keep > 0 && ((uint8_t)p[keep] & 0xc0) == 0x80)
            keep--;
    }
    while (keep > 0 && strchr(" ,;:(", p[keep - 1]) != NULL)
        keep--;
    return keep;
}

void text_end_cut(struct text *t)
{
    if (!t->cut || t->cap < 8)
        return;
    /* It is full: the last byte may be a part of a character. */
    t->n = text_shorten(t->p, t->n, t->n - 1);
    t->p[t->n] = '\0';
    t->cut = false;
    text_str(t, "...");
    t->cut = true;
}
