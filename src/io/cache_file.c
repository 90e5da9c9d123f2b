#include "io/cache_file.h"

#include "base/limits.h"
#include "base/reader.h"
#include "io/clock.h"
#include "io/files.h"
#include "io/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BUFFER = SNAPSHOT_BLOCK + 2 * SNAPSHOT_BLOCK_HEAD,
    NICE = 10,
    UNFINISHED_S = 10, /* nobody writes to it any more */
};

struct cache_file {
    char *path;
    uint32_t interval_s;
    struct cache *cache;
    pthread_t thread;
    pthread_cond_t wake;
    pthread_mutex_t lock; /* of all below, and of the file */
    struct hash_key rules;
    uint8_t epoch; /* the cache's, when the rules came */
    bool stop;
    bool foreign; /* the file is somebody else's: never written over */
    bool busy;    /* loading or saving: flushes are collected */
    bool partly;  /* the end came while it was being loaded: the file has more than the cache */
    struct snapshot_flush *flush;
    size_t flushes;
    struct cache_file_state state;
    uint8_t *buffer; /* the thread's */
};

/* --- Flushes --- */

/* Keeps one in mind for the load or save in progress. Too many become one of everything. */
static bool flush_note(struct cache_file *f, const struct snapshot_flush *what)
{
    if (f->flush == NULL)
        f->flush = malloc(LIMIT_CACHE_FILE_FLUSHES * sizeof *f->flush);
    if (f->flush == NULL)
        return false;
    if (f->flushes == LIMIT_CACHE_FILE_FLUSHES) {
        f->flush[0] = (struct snapshot_flush){.below = true};
        f->flushes = 1;
    } else {
        f->flush[f->flushes++] = *what;
    }
    return true;
}

static bool ends_whole(const char *path, int fd, off_t size, struct bytes b)
{
    if (write(fd, b.p, b.n) == (ssize_t)b.n && fdatasync(fd) == 0)
        return true;
    if (ftruncate(fd, size) != 0) /* half a block would spoil the file */
        unlink(path);
    return false;
}

/* Appends to the file as it is. True also if there is none. */
static bool flush_append(struct cache_file *f, const struct snapshot_flush *what)
{
    uint8_t b[SNAPSHOT_BLOCK_HEAD + 8 + LIMIT_NAME];
    struct writer w = wr_of(b, sizeof b);
    struct stat st;
    if (f->foreign)
        return true;
    /* Everything: then the file has nothing to tell. */
    if (what->below && name_is_root(what->name.w))
        return unlink(f->path) == 0 || errno == ENOENT;
    int fd = open(f->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT;
    snapshot_flush(what, &w);
    bool fine = fstat(fd, &st) == 0 && ends_whole(f->path, fd, st.st_size, wr_done(&w));
    close(fd);
    return fine;
}

bool cache_file_flush(struct cache_file *f, const struct snapshot_flush *what)
{
    pthread_mutex_lock(&f->lock);
    bool fine = flush_append(f, what);
    if (f->busy)
        fine &= flush_note(f, what);
    pthread_mutex_unlock(&f->lock);
    if (!fine)
        log_event(LEVEL_WARNING, "cache-file", "action=flush error=\"%s\"", strerror(errno));
    return fine;
}

/* --- Loading, on the thread --- */

/* A file that is being read. */
struct source {
    int fd;
    uint64_t at, size;
    struct snapshot_block block;
};

static bool read_at(int fd, uint64_t at, void *buf, size_t n)
{
    for (uint8_t *p = buf; n > 0;) {
        ssize_t got = pread(fd, p, n, (off_t)at);
        if (got <= 0 && !(got < 0 && errno == EINTR))
            return false;
        if (got > 0) {
            p += got;
            at += (uint64_t)got;
            n -= (size_t)got;
        }
    }
    return true;
}

/* The next block's head; its content is at `at`. */
static bool next_block(struct source *s)
{
    uint8_t head[SNAPSHOT_BLOCK_HEAD];
    if (s->size - s->at < sizeof head || !read_at(s->fd, s->at, head, sizeof head) ||
        snapshot_block_read(bytes_of(head, sizeof head), &s->block) != ST_OK ||
        s->block.n > s->size - s->at - sizeof head)
        return false;
    s->at += sizeof head;
    return true;
}

static bool content(struct cache_file *f, struct source *s, struct bytes *ret)
{
    *ret = bytes_of(f->buffer, s->block.n);
    return read_at(s->fd, s->at, f->buffer, s->block.n) &&
           snapshot_block_check(&s->block, *ret) == ST_OK;
}

/* Looks the file over before anything of it is used: what was flushed stands at its end. NULL, or
 * what is wrong. */
static const char *look_over(struct cache_file *f, struct source *s, struct snapshot_load *l)
{
    struct bytes b;
    bool ended = false;
    s->at = SNAPSHOT_MAGIC;
    if (!next_block(s) || s->block.kind != 'H' || !content(f, s, &b) ||
        snapshot_info_read(b, &l->info) != ST_OK)
        return "its beginning is damaged";
    for (s->at += s->block.n; s->at < s->size; s->at += s->block.n) {
        if (!next_block(s))
            return ended ? "it has something at its end that is not ours" : "it breaks off";
        if (s->block.kind == 'Z') {
            ended = true;
        } else if (s->block.kind == 'F') {
            struct snapshot_flush what;
            if (!content(f, s, &b) || snapshot_flush_read(b, &what) != ST_OK)
                return "what was flushed cannot be read";
            if (!flush_note(f, &what))
                return "no memory";
        }
    }
    return ended ? NULL : "it breaks off";
}

static const char *load_blocks(struct cache_file *f, struct source *s, struct snapshot_load *l)
{
    const char *wrong = NULL;
    bool stop = false;
    for (s->at = SNAPSHOT_MAGIC; !stop && s->at < s->size && next_block(s); s->at += s->block.n) {
        struct bytes b;
        if (s->block.kind != 'E')
            continue;
        if (!content(f, s, &b)) {
            wrong = "a part of it is damaged and was left out";
            continue;
        }
        pthread_mutex_lock(&f->lock); /* a flush waits for this block at most */
        l->flush = f->flush;
        l->flushes = f->flushes;
        if (snapshot_put(l, f->cache, b, now_read()) != ST_OK)
            wrong = "a part of it is malformed and was left out";
        f->state.loaded = l->loaded;
        stop = f->stop;
        f->partly = stop;
        pthread_mutex_unlock(&f->lock);
    }
    return wrong;
}

static const char *not_ours(struct cache_file *f, const char *why)
{
    pthread_mutex_lock(&f->lock);
    f->foreign = true;
    pthread_mutex_unlock(&f->lock);
    return why;
}

static const char *load_file(struct cache_file *f, int fd, struct snapshot_load *l)
{
    struct stat st;
    uint8_t start[SNAPSHOT_MAGIC];
    struct source s = {.fd = fd};
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return not_ours(f, "it is no plain file; nothing will be saved");
    s.size = (uint64_t)st.st_size;
    if (s.size == 0)
        return NULL;
    if (s.size < sizeof start || !read_at(fd, 0, start, sizeof start) ||
        !snapshot_is_ours(bytes_of(start, sizeof start)))
        return not_ours(f, "it holds something else, and is left alone; nothing will be saved");
    pthread_mutex_lock(&f->lock);
    const char *wrong = look_over(f, &s, l);
    l->trusted = l->info.rules.k0 == f->rules.k0 && l->info.rules.k1 == f->rules.k1;
    l->epoch = f->epoch;
    pthread_mutex_unlock(&f->lock);
    if (wrong == NULL && now_read().wall_s < l->info.saved_wall_s)
        wrong = "it is from the future by this machine's clock";
    return wrong != NULL ? wrong : load_blocks(f, &s, l);
}

/* A save that was killed, as file_out_begin() calls what it writes: "FILE.XXXXXX" without an end.
 * What somebody calls "FILE.backup" has one. */
static bool unfinished(int dir, const char *file, const char *name)
{
    size_t n = strlen(name);
    struct stat st;
    uint8_t start[SNAPSHOT_MAGIC];
    if (strncmp(file, name, n) != 0 || file[n] != '.' || strlen(file + n + 1) != 6 ||
        strcspn(file + n + 1, ".%-_") != 6)
        return false;
    struct source s = {.fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK),
                       .at = SNAPSHOT_MAGIC};
    if (s.fd < 0)
        return false;
    bool gone = fstat(s.fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
                (st.st_mode & 07777) == 0600 && st.st_size >= SNAPSHOT_MAGIC &&
                st.st_mtime + UNFINISHED_S < time(NULL) && read_at(s.fd, 0, start, sizeof start) &&
                snapshot_is_ours(bytes_of(start, sizeof start));
    for (s.size = (uint64_t)st.st_size; gone && s.at < s.size && next_block(&s); s.at += s.block.n)
        gone = s.block.kind != 'Z';
    close(s.fd);
    return gone;
}

static void sweep(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int n = slash == NULL ? 0 : slash == path ? 1 : (int)(slash - path);
    if (snprintf(folder, sizeof folder, "%.*s", n > 0 ? n : 1, n > 0 ? path : ".") >=
        (int)sizeof folder)
        return;
    DIR *d = opendir(folder);
    if (d == NULL)
        return;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        if (unfinished(dirfd(d), e->d_name, slash != NULL ? slash + 1 : path))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

/* Told at once, not when it is saved for the first time. */
static bool folder_takes_files(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return access(".", W_OK | X_OK) == 0;
    int n = slash == path ? 1 : (int)(slash - path);
    return snprintf(folder, sizeof folder, "%.*s", n, path) < (int)sizeof folder &&
           access(folder, W_OK | X_OK) == 0;
}

static void load(struct cache_file *f)
{
    struct snapshot_load l = {.loaded = 0};
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *wrong = NULL;
    if (fd >= 0)
        wrong = load_file(f, fd, &l);
    else if (errno != ENOENT || !folder_takes_files(f->path))
        wrong = strerror(errno);
    if (fd >= 0)
        close(fd);
    if (wrong != NULL)
        log_event(LEVEL_WARNING, "cache-file", "action=load file=%s error=\"%s\" entries=%llu",
                  f->path, wrong, (unsigned long long)l.loaded);
    else if (fd >= 0)
        log_event(LEVEL_INFO, "cache-file",
                  "action=load file=%s entries=%llu left_out=%llu validation=%s", f->path,
                  (unsigned long long)l.loaded, (unsigned long long)l.dropped,
                  l.trusted ? "kept" : "anew");
}

/* --- Saving, on the thread --- */

static enum status save_entries(struct cache_file *f, struct file_out *out,
                                struct snapshot_walk *walk, struct diag *d)
{
    for (bool more = true; more;) {
        struct writer w = wr_of(f->buffer, BUFFER);
        more = snapshot_some(f->cache, walk, now_read(), &w);
        TRY(file_out_write(out, wr_done(&w), d));
    }
    return ST_OK;
}

/* The end, and what was flushed meanwhile; then it is the file. Under the lock. */
static enum status save_end(struct cache_file *f, struct file_out *out,
                            const struct snapshot_walk *walk, struct diag *d)
{
    struct writer w = wr_of(f->buffer, BUFFER);
    enum status st = ST_OK;
    snapshot_end(walk, &w);
    for (size_t i = 0; st == ST_OK && i < f->flushes; i++) {
        if (wr_left(&w) < SNAPSHOT_BLOCK_HEAD + 8 + LIMIT_NAME) {
            st = file_out_write(out, wr_done(&w), d);
            w = wr_of(f->buffer, BUFFER);
        }
        snapshot_flush(&f->flush[i], &w);
    }
    if (st == ST_OK)
        st = file_out_write(out, wr_done(&w), d);
    if (st == ST_OK)
        return file_out_commit(out, d);
    file_out_abort(out);
    return st;
}

static enum status save_file(struct cache_file *f, struct snapshot_info *info,
                             struct snapshot_walk *walk, struct diag *d)
{
    struct writer w = wr_of(f->buffer, BUFFER);
    struct file_out *out;
    TRY(file_out_begin(f->path, 0600, &out, d));
    snapshot_begin(info, &w);
    enum status st = file_out_write(out, wr_done(&w), d);
    if (st == ST_OK)
        st = save_entries(f, out, walk, d);
    if (st != ST_OK) {
        file_out_abort(out);
        return st;
    }
    pthread_mutex_lock(&f->lock);
    st = save_end(f, out, walk, d);
    pthread_mutex_unlock(&f->lock);
    return st;
}

static void begin_busy(struct cache_file *f, bool busy)
{
    pthread_mutex_lock(&f->lock);
    f->busy = busy;
    f->flushes = 0;
    pthread_mutex_unlock(&f->lock);
}

static void save(struct cache_file *f)
{
    struct diag d = {0};
    struct snapshot_info info = {.saved_wall_s = now_read().wall_s};
    struct snapshot_walk walk = {.shard = 0};
    if (f->foreign)
        return;
    begin_busy(f, true);
    pthread_mutex_lock(&f->lock);
    info.rules = f->rules;
    walk.epoch = f->epoch;
    pthread_mutex_unlock(&f->lock);
    uint64_t start_us = now_read().mono_us;
    enum status st = save_file(f, &info, &walk, &d);
    pthread_mutex_lock(&f->lock);
    if (st == ST_OK) {
        f->state.saves++;
        f->state.saved = walk.entries;
        f->state.saved_wall_s = info.saved_wall_s;
    } else {
        f->state.failures++;
    }
    pthread_mutex_unlock(&f->lock);
    begin_busy(f, false);
    if (st == ST_OK)
        log_event(LEVEL_INFO, "cache-file", "action=save file=%s entries=%llu ms=%llu", f->path,
                  (unsigned long long)walk.entries,
                  (unsigned long long)(now_read().mono_us - start_us) / 1000);
    else
        log_event(LEVEL_WARNING, "cache-file", "action=save file=%s error=\"%s\"", f->path,
                  d.message[0] != '\0' ? d.message : status_text(st));
}

/* --- The thread --- */

/* Waits for the next time; false at the end. */
static bool wait_interval(struct cache_file *f)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += f->interval_s;
    int rc = 0;
    pthread_mutex_lock(&f->lock);
    while (!f->stop && rc != ETIMEDOUT)
        rc = f->interval_s > 0 ? pthread_cond_timedwait(&f->wake, &f->lock, &until)
                               : pthread_cond_wait(&f->wake, &f->lock);
    bool go_on = !f->stop;
    pthread_mutex_unlock(&f->lock);
    return go_on;
}

static void *file_main(void *arg)
{
    struct cache_file *f = arg;
    (void)setpriority(PRIO_PROCESS, 0, NICE); /* on Linux: of this thread */
    sweep(f->path);
    load(f);
    begin_busy(f, false);
    while (wait_interval(f))
        save(f);
    if (!f->partly)
        save(f);
    return NULL;
}

static bool start_thread(struct cache_file *f)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&f->thread, NULL, file_main, f);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc == 0;
}

static void file_free(struct cache_file *f)
{
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    free(f->path);
    free(f->buffer);
    free(f->flush);
    free(f);
}

struct cache_file *cache_file_start(const char *path, uint32_t interval_s, struct cache *c,
                                    struct hash_key rules)
{
    struct cache_file *f = calloc(1, sizeof *f);
    pthread_condattr_t attr;
    if (f == NULL)
        return NULL;
    f->path = strdup(path);
    f->interval_s = interval_s;
    f->cache = c;
    f->rules = rules;
    f->epoch = cache_epoch(c);
    f->busy = true; /* it begins with loading */
    f->buffer = malloc(BUFFER);
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (f->path != NULL && f->buffer != NULL && start_thread(f))
        return f;
    file_free(f);
    return NULL;
}

void cache_file_rules(struct cache_file *f, struct hash_key rules)
{
    pthread_mutex_lock(&f->lock);
    f->rules = rules;
    f->epoch = cache_epoch(f->cache);
    pthread_mutex_unlock(&f->lock);
}

void cache_file_state(struct cache_file *f, struct cache_file_state *ret)
{
    pthread_mutex_lock(&f->lock);
    *ret = f->state;
    pthread_mutex_unlock(&f->lock);
}

void cache_file_finish(struct cache_file *f)
{
    if (f == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_signal(&f->wake);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    file_free(f);
}
