#include "io/anchors.h"

#include "base/limits.h"
#include "io/files.h"

#include <stdlib.h>
#include <time.h>

enum { ANCHOR_FILE_MAX = 1 << 20 };

enum status anchors_load(const char *const *files, size_t n, struct anchors **ret, struct diag *d)
{
    enum status st = ST_OK;
    *ret = anchors_new();
    for (size_t i = 0; *ret != NULL && st == ST_OK && i < n; i++) {
        char *text = NULL;
        size_t size = 0;
        d->file = files[i];
        st = file_read_whole(files[i], ANCHOR_FILE_MAX, &text, &size, d);
        if (st == ST_OK)
            st = anchors_add_file(*ret, files[i], bytes_of(text, size), (uint64_t)time(NULL), d);
        free(text);
    }
    if (*ret == NULL)
        st = ST_ENOMEM;
    if (st == ST_OK)
        return ST_OK;
    if (d->message[0] == '\0')
        diag_set(d, SEV_ERROR, "trust-anchors", NULL, "trust anchors: %s", status_text(st));
    anchors_free(*ret);
    *ret = NULL;
    return st;
}
