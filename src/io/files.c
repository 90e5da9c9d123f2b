#include "io/files.h"

#include "base/codec.h"
#include "crypto/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void told(struct diag *d, const char *code, const char *path, const char *what)
{
    if (d != NULL)
        diag_set(d, SEV_ERROR, code, NULL, "%s %s: %s", what, path, strerror(errno));
}

static int open_regular(const char *path, struct diag *d)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        told(d, "cannot-open", path, "cannot open");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        told(d, "cannot-open", path, "cannot open");
        close(fd);
        return -1;
    }
    return fd;
}

static void *source_open(void *ctx, const char *path, struct diag *d)
{
    (void)ctx;
    int fd = open_regular(path, d);
    return fd < 0 ? NULL : (void *)(intptr_t)(fd + 1);
}

static long source_read(void *ctx, void *file, void *buf, size_t n)
{
    (void)ctx;
    ssize_t got;
    do
        got = read((int)(intptr_t)file - 1, buf, n);
    while (got < 0 && errno == EINTR);
    return (long)got;
}

static void source_close(void *ctx, void *file)
{
    (void)ctx;
    close((int)(intptr_t)file - 1);
}

const struct file_source file_source_os = {NULL, source_open, source_read, source_close};

enum status file_read_whole(const char *path, size_t max, char **ret, size_t *ret_n, struct diag *d)
{
    bool in = strcmp(path, "-") == 0;
    int fd = in ? STDIN_FILENO : open_regular(path, d);
    if (fd < 0)
        return ST_EIO;
    size_t n = 0, cap = 1 << 16;
    char *p = malloc(cap);
    enum status st = p != NULL ? ST_OK : ST_ENOMEM;
    while (st == ST_OK) {
        long got = source_read(NULL, (void *)(intptr_t)(fd + 1), p + n, cap - n - 1);
        if (got < 0) {
            told(d, "read-failed", path, "cannot read");
            st = ST_EIO;
        }
        if (got <= 0)
            break;
        n += (size_t)got;
        if (n > max)
            st = ST_ELIMIT;
        if (n < cap - 1)
            continue;
        char *q = realloc(p, cap *= 2);
        if (q == NULL)
            st = ST_ENOMEM;
        else
            p = q;
    }
    if (!in)
        close(fd);
    if (st != ST_OK) {
        if (st == ST_ELIMIT && d != NULL)
            diag_set(d, SEV_ERROR, "file-too-large", NULL, "%s is larger than %zu bytes", path,
                     max);
        free(p);
        return st;
    }
    p[n] = '\0';
    *ret = p;
    *ret_n = n;
    return ST_OK;
}

static bool write_all(int fd, struct bytes b)
{
    while (b.n > 0) {
        ssize_t n = write(fd, b.p, b.n);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            b.p += n;
            b.n -= (size_t)n;
        }
    }
    return true;
}

struct file_out {
    int fd;
    char *path; /* NULL: standard output */
    char tmp[4096];
    mode_t mode;
};

enum status file_out_begin(const char *path, unsigned mode, struct file_out **ret, struct diag *d)
{
    struct stat old;
    struct file_out *f = calloc(1, sizeof *f);
    if (f == NULL)
        return ST_ENOMEM;
    if (strcmp(path, "-") == 0) {
        f->fd = STDOUT_FILENO;
        *ret = f;
        return ST_OK;
    }
    f->fd = -1;
    f->path = strdup(path);
    f->mode = stat(path, &old) == 0 ? old.st_mode & 07777 : (mode_t)mode;
    errno = ENAMETOOLONG;
    if (f->path != NULL && snprintf(f->tmp, sizeof f->tmp, "%s.XXXXXX", path) < (int)sizeof f->tmp)
        f->fd = mkostemp(f->tmp, O_CLOEXEC);
    if (f->fd < 0) {
        told(d, "cannot-write", path, "cannot write");
        free(f->path);
        free(f);
        return ST_EIO;
    }
    *ret = f;
    return ST_OK;
}

enum status file_out_write(struct file_out *f, struct bytes b, struct diag *d)
{
    if (write_all(f->fd, b))
        return ST_OK;
    told(d, "cannot-write", f->path != NULL ? f->path : "standard output", "cannot write");
    return ST_EIO;
}

void file_out_abort(struct file_out *f)
{
    if (f->path != NULL) {
        unlink(f->tmp);
        close(f->fd);
    }
    free(f->path);
    free(f);
}

enum status file_out_commit(struct file_out *f, struct diag *d)
{
    if (f->path != NULL &&
        (fchmod(f->fd, f->mode) != 0 || fsync(f->fd) != 0 || rename(f->tmp, f->path) != 0)) {
        told(d, "cannot-write", f->path, "cannot write");
        file_out_abort(f);
        return ST_EIO;
    }
    if (f->path != NULL)
        close(f->fd);
    free(f->path);
    free(f);
    return ST_OK;
}

enum status file_replace(const char *path, struct bytes b, struct diag *d)
{
    struct file_out *f;
    TRY(file_out_begin(path, 0644, &f, d));
    enum status st = file_out_write(f, b, d);
    if (st == ST_OK)
        return file_out_commit(f, d);
    file_out_abort(f);
    return st;
}

/* What a name too long for a file's has in its place: its beginning and its digest. */
static bool shortened(const uint8_t *zone, size_t most, struct text *file)
{
    enum { HEX = 64 };
    uint8_t low[LIMIT_NAME], md[DIGEST_MAX];
    if (digest_once(DIGEST_SHA256, bytes_of(low, name_lower(low, zone)), md) != ST_OK)
        return false;
    file->n = most - HEX - 1;
    file->cut = false;
    text_char(file, '%');
    hex_text(bytes_of(md, digest_size(DIGEST_SHA256)), file);
    return !file->cut;
}

bool file_name_of(const uint8_t *zone, size_t most, char *ret, size_t cap)
{
    char text[NAME_TEXT_MAX];
    struct text t = text_of(ret, cap);
    name_str(zone, text);
    size_t n = strlen(text);
    for (size_t i = 0; i + 1 < n; i++) { /* but for the last dot */
        char c = (char)ascii_lower((uint8_t)text[i]);
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                     (c == '.' && i > 0);
        if (plain)
            text_char(&t, c);
        else
            text_fmt(&t, "%%%02x", (unsigned)(uint8_t)c);
    }
    return (t.n <= most && !t.cut) || shortened(zone, most, &t);
}

void files_hold_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            return;
}
