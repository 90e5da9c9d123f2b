/* Trust anchors out of files, and the state of those that are followed (RFC 5011) as files. */
#ifndef BANYAN_IO_ANCHORS_H
#define BANYAN_IO_ANCHORS_H

#include "base/text.h"
#include "dnssec/anchor.h"
#include "dnssec/anchor_roll.h"

enum { ANCHOR_PATH_MAX = 4096 };

/* Reads the files into *ret, which is to be freed. ST_EIO, ST_ESYNTAX and others with the
 * complaint in *d. */
enum status anchors_load(const char *const *files, size_t n, struct anchors **ret,
                         struct diag *d) MUST_USE;
/* A copy, to be freed. ST_ENOMEM. */
enum status anchors_copy(const struct anchors *a, struct anchors **ret) MUST_USE;

/* The state file of a trust point: DIR/root.anchors, DIR/zone.example.org.anchors. False if the
 * folder's name is too long. */
bool anchor_state_path(const char *dir, const uint8_t *zone, char ret[ANCHOR_PATH_MAX]) MUST_USE;
/* Makes the folder if it is not there, and removes what was being written when a server was killed.
 * ST_EIO with *d filled. */
enum status anchor_state_dir(const char *dir, struct diag *d) MUST_USE;
/* Reads the state of a zone from its file. On failure *ret is a trust point without keys.
 * ST_ENOTFOUND: there is no file; ST_EIO; ST_ENOMEM; ST_ESYNTAX, ST_EUNSUPPORTED, ST_ELIMIT:
 * refused. */
enum status anchor_state_read(const char *path, const uint8_t *zone, struct anchor_roll *ret,
                              struct diag *d) MUST_USE;
/* Puts a file that was refused aside, as PATH.bad. */
enum status anchor_state_aside(const char *path, struct diag *d) MUST_USE;
/* Replaces the file; when it returns, the new one is on the disk. ST_EIO with *d filled,
 * ST_ENOMEM. */
enum status anchor_state_write(const char *path, const struct anchor_roll *r,
                               struct diag *d) MUST_USE;

#endif
