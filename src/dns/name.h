/* Domain names (RFC 1035 section 3.1, RFC 4343).
 *
 * A name is uncompressed wire bytes: it ends at its root label and so knows its own length. A
 * `const uint8_t *` called a name has been validated once (by one of the parsers below) and is
 * trusted from then on. Comparison is without regard to ASCII case (RFC 4343); case is kept as
 * given. */
#ifndef BANYAN_DNS_NAME_H
#define BANYAN_DNS_NAME_H

#include "base/bytes.h"
#include "base/limits.h"
#include "base/status.h"
#include "base/text.h"

/* Room for any name. */
struct name {
    uint8_t w[LIMIT_NAME];
};

enum { NAME_TEXT_MAX = 4 * LIMIT_NAME + 2 };

extern const uint8_t name_root[1];

static inline uint8_t ascii_lower(uint8_t c)
{
    return (uint8_t)(c + ((unsigned)(c - 'A') < 26u ? 32 : 0));
}

/* Bytes of a name, the root label included. */
size_t name_len(const uint8_t *n) MUST_USE;
/* Labels of a name, the root label not counted. */
unsigned name_labels(const uint8_t *n) MUST_USE;
static inline bool name_is_root(const uint8_t *n)
{
    return n[0] == 0;
}
/* The name without its first label; the root stays the root. */
static inline const uint8_t *name_parent(const uint8_t *n)
{
    return n[0] == 0 ? n : n + 1 + n[0];
}
/* The name without its first `count` labels. */
const uint8_t *name_skip(const uint8_t *n, unsigned count);

/* Checks that b is exactly one uncompressed name. */
enum status name_check(struct bytes b) MUST_USE;
/* Length of the uncompressed name at the start of b, validated. ST_ENAME also for a pointer. */
enum status name_scan(struct bytes b, size_t *ret_len) MUST_USE;
/* Reads a possibly compressed name at offset `off` of a message. Pointers must point strictly
 * backwards of the place they are read from, and at most LIMIT_POINTERS are followed. *ret_next is
 * the offset just after the name in place. Copies to ret. */
enum status name_unpack(struct bytes msg, size_t off, struct name *ret, size_t *ret_next) MUST_USE;

/* Copies src; returns its length. dst has room for LIMIT_NAME bytes. */
size_t name_copy(uint8_t *dst, const uint8_t *src);
/* Copies src in lower case (the canonical form of RFC 4034 section 6.2); returns its length. */
size_t name_lower(uint8_t *dst, const uint8_t *src);
void name_lower_inplace(uint8_t *n);

bool name_equal(const uint8_t *a, const uint8_t *b) MUST_USE;
/* Canonical order (RFC 4034 section 6.1): -1, 0, 1. */
int name_compare(const uint8_t *a, const uint8_t *b) MUST_USE;
/* True if n is `zone` or below it. */
bool name_in(const uint8_t *n, const uint8_t *zone) MUST_USE;
/* Labels that the two names share from the root. */
unsigned name_common(const uint8_t *a, const uint8_t *b) MUST_USE;
/* Puts `prefix` (a name whose last `cut` labels are dropped) before `suffix`: the substitution of
 * DNAME (RFC 6672 section 2.2). ST_ENAME when the result is longer than 255 bytes. */
enum status name_replace_suffix(const uint8_t *n, unsigned cut, const uint8_t *suffix,
                                struct name *ret) MUST_USE;
/* One label before a name; ST_ENAME if too long. */
enum status name_prepend(struct bytes label, const uint8_t *suffix, struct name *ret) MUST_USE;
bool name_is_wildcard(const uint8_t *n);

/* Presentation format (RFC 1035 section 5.1, RFC 4343 section 2.1): \. \\ \DDD escapes. A relative
 * name gets `origin` appended; "@" is the origin; with origin NULL relative names are taken as
 * absolute. ST_ENAME: empty label, label over 63, name over 255, bad escape. */
enum status name_parse(struct bytes text, const uint8_t *origin, struct name *ret) MUST_USE;
/* C-string convenience over name_parse with a NULL origin. */
enum status name_from(const char *text, struct name *ret) MUST_USE;
/* Writes with the final dot. */
void name_text(const uint8_t *n, struct text *out);
/* Prints into a caller's buffer of NAME_TEXT_MAX bytes and returns it. */
const char *name_str(const uint8_t *n, char buf[NAME_TEXT_MAX]);

#endif
