/* The last signed version of each zone, as a master file in the state folder: after a restart its
 * signatures go on being used, and when signing fails it is what is served. */
#include "crypto/digest.h"
#include "io/files.h"
#include "io/signing.h"
#include "zone/load.h"
#include "zone/print.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* FILE_NAME: 255, but for what file_out_begin() adds while it writes. */
enum { PATH_MAX_ = 4096, CHUNK = 1 << 18, FILE_NAME = 240 };

/* STATE/signed/NAME.zone */
static bool path_of(const char *state_dir, const uint8_t *name, char ret[PATH_MAX_])
{
    char file[FILE_NAME + 8] = "%2e"; /* the root */
    struct text path = text_of(ret, PATH_MAX_);
    const char *dot = name_is_root(name) ? "" : ".";
    if (!name_is_root(name) && !file_name_of(name, FILE_NAME - 5, file, sizeof file))
        return false;
    text_fmt(&path, "%s/signed/%s%szone", state_dir, file, dot);
    return !path.cut;
}

/* "NAME.zone.XXXXXX", as file_out_begin() calls what it writes; a zone's own ends in ".zone". */
static bool unfinished(const char *file)
{
    static const char middle[] = ".zone.";
    size_t n = strlen(file), ending = 6, m = sizeof middle - 1;
    if (n < m + ending || memcmp(file + n - ending - m, middle, m) != 0)
        return false;
    return strcspn(file + n - ending, ".%-_") == ending;
}

void signed_copy_sweep(const char *state_dir)
{
    char path[PATH_MAX_];
    snprintf(path, sizeof path, "%s/signed", state_dir);
    DIR *d = opendir(path);
    if (d == NULL)
        return;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        if (unfinished(e->d_name))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

static enum status write_parts(const struct zone *z, struct file_out *f, struct digest *sum,
                               struct diag *d)
{
    struct zone_print p;
    struct text t = text_heap(SIZE_MAX / 2);
    enum status st = ST_OK;
    zone_print_begin(&p, z);
    for (bool more = true; more && st == ST_OK;) {
        more = zone_print_next(&p, &t);
        if (t.n < CHUNK && more)
            continue;
        st = t.cut ? ST_ENOMEM : file_out_write(f, bytes_of(t.p, t.n), d);
        digest_update(sum, bytes_of(t.p, t.n));
        text_clear(&t);
    }
    zone_print_end(&p);
    text_free(&t);
    return st;
}

enum status signed_copy_write(const char *state_dir, const struct zone *z, uint8_t digest[32],
                              struct diag *d)
{
    char path[PATH_MAX_];
    uint8_t md[DIGEST_MAX];
    struct file_out *f;
    snprintf(path, sizeof path, "%s/signed", state_dir);
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        diag_set(d, SEV_ERROR, "state-dir", NULL, "cannot make %s: %s", path, strerror(errno));
        return ST_EIO;
    }
    if (!path_of(state_dir, zone_origin(z), path))
        return ST_ELIMIT;
    TRY(file_out_begin(path, 0600, &f, d));
    struct digest *sum = digest_new(DIGEST_SHA256);
    enum status st = sum != NULL ? write_parts(z, f, sum, d) : ST_ENOMEM;
    if (st == ST_OK)
        st = digest_final(sum, md);
    digest_free(sum);
    if (st != ST_OK) {
        file_out_abort(f);
        return st;
    }
    memcpy(digest, md, 32);
    return file_out_commit(f, d);
}

/* --- Reading --- */

bool signed_copy_path(const char *state_dir, const uint8_t *name, char *ret)
{
    struct stat there;
    return path_of(state_dir, name, ret) && stat(ret, &there) == 0;
}

struct summed {
    void *file;
    struct digest *sum;
};

static void *summed_open(void *ctx, const char *path, struct diag *d)
{
    struct summed *s = ctx;
    return s->file = file_source_os.open(file_source_os.ctx, path, d);
}

static long summed_read(void *ctx, void *file, void *buf, size_t n)
{
    struct summed *s = ctx;
    long got = file_source_os.read(file_source_os.ctx, file, buf, n);
    if (got > 0)
        digest_update(s->sum, bytes_of(buf, (size_t)got));
    return got;
}

static void summed_close(void *ctx, void *file)
{
    (void)ctx;
    file_source_os.close(file_source_os.ctx, file);
}

enum status signed_copy_read(const char *state_dir, const uint8_t *name, const uint8_t digest[32],
                             struct zone **ret)
{
    char path[PATH_MAX_];
    uint8_t md[DIGEST_MAX];
    struct stat there;
    if (!path_of(state_dir, name, path) || stat(path, &there) != 0)
        return ST_ENOTFOUND;
    if (!S_ISREG(there.st_mode)) /* a pipe would keep the server waiting for ever */
        return ST_EFORMAT;
    struct summed s = {.sum = digest_new(DIGEST_SHA256)};
    if (s.sum == NULL)
        return ST_ENOMEM;
    struct file_source fs = {&s, summed_open, summed_read, summed_close};
    struct zone_load_options opt = {.origin = name, .no_include = true, .max_errors = 1};
    struct diag_sink sink = {0};
    struct zone *z = NULL;
    enum status st = zone_load(&fs, path, &opt, &sink, &z);
    if (digest_final(s.sum, md) != ST_OK || (digest != NULL && memcmp(md, digest, 32) != 0))
        st = ST_EFORMAT;
    digest_free(s.sum);
    if (st == ST_OK)
        *ret = z;
    else
        zone_drop(z);
    return st == ST_OK ? ST_OK : ST_EFORMAT;
}
