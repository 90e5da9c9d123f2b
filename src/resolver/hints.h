/* Root hints (RFC 9609): where a resolver starts when it knows nothing. */
#ifndef BANYAN_RESOLVER_HINTS_H
#define BANYAN_RESOLVER_HINTS_H

#include "base/diag.h"
#include "resolver/resolver.h"

enum { ROOT_HINTS_MAX = 64 };

/* Reads a hints file (master-file lines `. NS x.`, `x. [ttl] [class] A ...`, `x. AAAA ...`) into
 * ret, at most max entries; *ret_n tells how many. Only addresses of names that the file lists as
 * NS of the root count. ST_ESYNTAX with *d (may be NULL) filled on a line that cannot be read;
 * ST_ENOTFOUND: no hint in it. */
enum status root_hints_read(struct bytes text, struct root_hint *ret, size_t max, size_t *ret_n,
                            struct diag *d) MUST_USE;
/* The root servers of the Internet, compiled in; returns how many were written. */
size_t root_hints_builtin(struct root_hint *ret, size_t max);

#endif
