#include "io/anchors.h"

#include "base/limits.h"
#include "io/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    ANCHOR_FILE_MAX = 1 << 20,
    FILE_NAME_MAX = 240, /* 255, but for ".XXXXXX" while it is written, and ".bad" */
    UNFINISHED_S = 60    /* a younger file is perhaps being written by somebody */
};

static const char ending[] = ".anchors";

/* --- Configured anchors --- */

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

enum status anchors_copy(const struct anchors *a, struct anchors **ret)
{
    struct anchors *fresh = anchors_new();
    const struct rrset *set;
    enum status st = fresh != NULL ? ST_OK : ST_ENOMEM;
    for (unsigned i = 0; st == ST_OK && (set = anchors_at(a, i)) != NULL; i++) {
        struct rdata_iter it = rdata_iter(set);
        for (struct bytes rd; st == ST_OK && rdata_iter_next(&it, &rd);)
            st = anchors_usable(set) ? anchors_add_ds(fresh, set->owner, rd)
                                     : anchors_add_unusable(fresh, set->owner, rd);
    }
    if (st == ST_OK)
        *ret = fresh;
    else
        anchors_free(fresh);
    return st;
}

/* --- State files --- */

static enum status fail(struct diag *d, const char *what, const char *path)
{
    diag_set(d, SEV_ERROR, "trust-anchor-state", NULL, "cannot %s %s: %s", what, path,
             strerror(errno));
    return ST_EIO;
}

bool anchor_state_path(const char *dir, const uint8_t *zone, char ret[ANCHOR_PATH_MAX])
{
    char file[FILE_NAME_MAX + 16];
    struct text path = text_of(ret, ANCHOR_PATH_MAX);
    bool ok = true;
    if (name_is_root(zone))
        snprintf(file, sizeof file, "root");
    else
        ok = file_name_of(zone, FILE_NAME_MAX - sizeof "zone." - sizeof ending, file, sizeof file);
    text_fmt(&path, "%s/%s%s%s", dir, name_is_root(zone) ? "" : "zone.", file, ending);
    return ok && !path.cut;
}

/* "root.anchors.XXXXXX", as file_replace() calls what it writes, with the mode of a file that is
 * not finished. */
static bool unfinished(int dir, const char *file)
{
    size_t n = strlen(file), e = sizeof ending - 1;
    struct stat st;
    return n > e + 7 && memcmp(file + n - 7 - e, ending, e) == 0 && file[n - 7] == '.' &&
           strcspn(file + n - 6, ".%-_") == 6 &&
           fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           (st.st_mode & 07777) == 0600 && st.st_mtime + UNFINISHED_S < time(NULL);
}

enum status anchor_state_dir(const char *dir, struct diag *d)
{
    if (mkdir(dir, 0755) != 0 && errno != EEXIST)
        return fail(d, "make the folder", dir);
    DIR *f = opendir(dir);
    if (f == NULL)
        return fail(d, "open the folder", dir);
    for (const struct dirent *e; (e = readdir(f)) != NULL;)
        if (unfinished(dirfd(f), e->d_name))
            (void)unlinkat(dirfd(f), e->d_name, 0);
    closedir(f);
    return ST_OK;
}

enum status anchor_state_read(const char *path, const uint8_t *zone, struct anchor_roll *ret,
                              struct diag *d)
{
    struct stat there;
    char *text = NULL;
    size_t n = 0;
    anchor_roll_init(ret, zone);
    d->file = path;
    if (stat(path, &there) != 0)
        return errno == ENOENT || errno == ENOTDIR ? ST_ENOTFOUND : fail(d, "read", path);
    if (!S_ISREG(there.st_mode)) {
        diag_set(d, SEV_ERROR, "trust-anchor-state", NULL, "it is no plain file");
        return ST_EIO;
    }
    TRY(file_read_whole(path, ROLL_TEXT_MAX, &text, &n, d));
    enum status st = anchor_roll_parse(ret, path, bytes_of(text, n), d);
    free(text);
    if (st == ST_OK && !name_equal(ret->zone.w, zone)) {
        diag_set(d, SEV_ERROR, "trust-anchor-state", NULL, "it is the state of another zone");
        d->line = 2;
        st = ST_ESYNTAX;
    }
    if (st != ST_OK)
        anchor_roll_init(ret, zone);
    return st;
}

enum status anchor_state_aside(const char *path, struct diag *d)
{
    char bad[ANCHOR_PATH_MAX + 8];
    snprintf(bad, sizeof bad, "%s.bad", path);
    return rename(path, bad) == 0 ? ST_OK : fail(d, "put aside", path);
}

/* What rename() did is on the disk only when its folder is. */
static enum status sync_folder(const char *path, struct diag *d)
{
    char dir[ANCHOR_PATH_MAX];
    snprintf(dir, sizeof dir, "%s", path);
    *strrchr(dir, '/') = '\0';
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    enum status st = ok ? ST_OK : fail(d, "write the folder", dir);
    if (fd >= 0)
        close(fd);
    return st;
}

enum status anchor_state_write(const char *path, const struct anchor_roll *r, struct diag *d)
{
    struct text t = text_heap(ROLL_TEXT_MAX + 1);
    enum status st = anchor_roll_text(r, &t);
    if (st == ST_OK)
        st = file_replace(path, bytes_of(t.p, t.n), d);
    if (st == ST_OK)
        st = sync_folder(path, d);
    text_free(&t);
    return st;
}
