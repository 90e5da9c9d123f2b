/* Builds text: bounded, never overruns, remembers whether anything was cut.
 *
 * Two kinds: over a caller's buffer, or growing on the heap up to a stated maximum. */
#ifndef BANYAN_BASE_TEXT_H
#define BANYAN_BASE_TEXT_H

#include "base/attr.h"
#include "base/bytes.h"
#include <stdarg.h>

struct text {
    char *p;    /* always NUL-terminated when cap > 0 */
    size_t n;   /* length without the NUL */
    size_t cap; /* room, with the NUL */
    size_t max; /* largest cap it may grow to; equal to cap for a caller's buffer */
    bool heap;  /* p belongs to this object */
    bool cut;   /* something did not fit */
};

/* Borrows buf. */
struct text text_of(char *buf, size_t cap);
/* Owns heap memory, at most max bytes; text_free() gives it back. */
struct text text_heap(size_t max);
void text_free(struct text *t);
void text_clear(struct text *t);
void text_char(struct text *t, char c);
void text_str(struct text *t, const char *s);
void text_bytes(struct text *t, const void *p, size_t n);
void text_fmt(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_vfmt(struct text *t, const char *fmt, va_list ap);
void text_uint(struct text *t, uint64_t v);
/* Spaces up to column col (counted from byte `from`), at least one. */
void text_pad(struct text *t, size_t from, size_t col);
/* What is too long is cut at the end of a word, and ends in "...". How much of a text of n bytes
 * (UTF-8) to keep before these three where there is room for max; n if all of it fits. */
size_t text_shorten(const char *p, size_t n, size_t max);
/* Ends a text so, if something did not fit. */
void text_end_cut(struct text *t);
/* The text so far; "" if nothing was ever written. */
const char *text_cstr(const struct text *t);

#endif
