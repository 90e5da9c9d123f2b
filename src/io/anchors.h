/* Trust anchors out of files. */
#ifndef BANYAN_IO_ANCHORS_H
#define BANYAN_IO_ANCHORS_H

#include "base/text.h"
#include "dnssec/anchor.h"

/* Reads the files into *ret, which is to be freed. ST_EIO, ST_ESYNTAX and others with the
 * complaint in *d. */
enum status anchors_load(const char *const *files, size_t n, struct anchors **ret,
                         struct diag *d) MUST_USE;

#endif
