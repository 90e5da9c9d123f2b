/* Reading files from the disk, for zones, configuration and tools. */
#ifndef BANYAN_IO_FILES_H
#define BANYAN_IO_FILES_H

#include "base/diag.h"
#include "zone/load.h"

/* Files of the operating system. Folders and devices that are no streams are refused. */
extern const struct file_source file_source_os;

/* A whole file, NUL-terminated, at most max bytes; the caller frees *ret. "-" is standard input.
 * ST_EIO with *d filled, ST_ELIMIT (longer than max), ST_ENOMEM. */
enum status file_read_whole(const char *path, size_t max, char **ret, size_t *ret_n,
                            struct diag *d) MUST_USE;
/* Replaces a file by one with these bytes: written beside it, synced, renamed over it, so that it
 * is whole at every moment; keeps the mode of what it replaces. ST_EIO with *d filled. */
enum status file_replace(const char *path, struct bytes b, struct diag *d) MUST_USE;

/* The same piece by piece: nothing is seen of the new file before the commit. path "-": standard
 * output, written as it comes. mode: of a file that was not there. */
struct file_out;
enum status file_out_begin(const char *path, unsigned mode, struct file_out **ret,
                           struct diag *d) MUST_USE;
enum status file_out_write(struct file_out *f, struct bytes b, struct diag *d) MUST_USE;
/* Both free f. */
enum status file_out_commit(struct file_out *f, struct diag *d) MUST_USE;
void file_out_abort(struct file_out *f);

/* A zone's name as a file's, at most `most` bytes: in lower case, bytes that do not belong there as
 * %XX, no dot in front; of a name too long for that its beginning and its digest. cap > most + 3
 * bytes. False only without a digest. */
bool file_name_of(const uint8_t *zone, size_t most, char *ret, size_t cap) MUST_USE;

/* Opens what is closed of the descriptors 0 to 2, so that no file or socket takes their place and
 * gets what is meant for people: first thing in main(). Reading and writing them goes on to fail.
 */
void files_hold_standard(void);

#endif
