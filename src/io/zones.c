#include "io/zones.h"

#include "io/clock.h"
#include "io/files.h"
#include "io/log.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MARKS_MAX = 64, LOADERS_MAX = 16, SAY_MAX = 262144, OWN_PAGES = 1 << 20 };

/* One zone being loaded: who reads which files, and what was wrong. */
struct loading {
    struct zone_entry *entry;
    struct text say;
    bool first; /* at the start the complaints are printed: the log need not repeat them */
};

struct load {
    struct zone_set *set;
    const struct config *config;
    const struct zone_set_how *how;
    _Atomic size_t next;
    struct loading *jobs;
};

static bool mark_of(const char *path, struct file_mark *ret)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    ret->size = (uint64_t)st.st_size;
    ret->inode = (uint64_t)st.st_ino;
    ret->mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    return true;
}

/* The files of the operating system, with a note of every one that is opened. */
static void *noting_open(void *ctx, const char *path, struct diag *d)
{
    struct zone_entry *e = ctx;
    struct stat there;
    /* A pipe or a device could keep the server waiting for ever, or read for ever. */
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        diag_set(d, SEV_ERROR, "not-a-file", "a server reads zones from ordinary files",
                 "%s is not an ordinary file", path);
        e->fresh = true;
        return NULL;
    }
    void *f = file_source_os.open(file_source_os.ctx, path, d);
    struct file_mark m = {0};
    if (f == NULL || e->mark_n >= MARKS_MAX || !mark_of(path, &m)) {
        e->fresh = e->fresh || f == NULL || e->mark_n >= MARKS_MAX;
        return f;
    }
    m.path = strdup(path);
    struct file_mark *v = realloc(e->marks, (e->mark_n + 1) * sizeof *v);
    if (v != NULL)
        e->marks = v;
    if (v == NULL || m.path == NULL) {
        e->fresh = true;
        free(m.path);
        return f;
    }
    /* A change within the same second may leave time and size as they were. */
    e->fresh = e->fresh || m.mtime_ns / 1000000000u + 2 >= now_read().wall_s;
    e->marks[e->mark_n++] = m;
    return f;
}

static long noting_read(void *ctx, void *file, void *buf, size_t n)
{
    (void)ctx;
    return file_source_os.read(file_source_os.ctx, file, buf, n);
}

static void noting_close(void *ctx, void *file)
{
    (void)ctx;
    file_source_os.close(file_source_os.ctx, file);
}

static bool unchanged(const struct zone_entry *old, const char *file)
{
    if (old == NULL || old->zone == NULL || old->fresh || old->state == ZONE_KEPT ||
        old->mark_n == 0 || strcmp(old->file, file) != 0)
        return false;
    for (size_t i = 0; i < old->mark_n; i++) {
        struct file_mark m = {0};
        if (!mark_of(old->marks[i].path, &m) || m.size != old->marks[i].size ||
            m.inode != old->marks[i].inode || m.mtime_ns != old->marks[i].mtime_ns)
            return false;
    }
    return true;
}

static void marks_copy(struct zone_entry *to, const struct zone_entry *from)
{
    to->fresh = from->fresh;
    to->load_ms = from->load_ms;
    to->marks = calloc(from->mark_n + 1, sizeof *to->marks);
    for (size_t i = 0; to->marks != NULL && i < from->mark_n; i++) {
        to->marks[i] = from->marks[i];
        to->marks[i].path = strdup(from->marks[i].path);
        if (to->marks[i].path == NULL)
            break;
        to->mark_n++;
    }
    to->fresh = to->fresh || to->mark_n != from->mark_n;
}

static void say_diag(void *ctx, const struct diag *d)
{
    struct loading *job = ctx;
    if (d->severity == SEV_INFO)
        return;
    diag_text(d, false, &job->say);
    if (!job->first)
        log_diag(d->severity == SEV_ERROR ? "zone-error" : "zone-warning", d);
}

/* True if a zone goes on as it is, as far as its files are concerned. */
static bool taken_over(const struct load *l, const struct zone_entry *e,
                       const struct zone_entry *old)
{
    bool only = l->how->only != NULL;
    if (old == NULL || (only && name_equal(l->how->only, e->name)))
        return false;
    /* What could not be signed is read again, so that the newest is signed when it can be. */
    if (l->how->only_due && old->signing.failing && now_read().wall_s >= old->signing.due)
        return false;
    if (old->zone == NULL)
        return l->how->only_due;
    if (only || l->how->only_due)
        return true;
    return strcmp(old->dnssec, e->dnssec) == 0 && unchanged(old, e->file);
}

/* Signs a zone: the one that was just read, or with source NULL the one that is served. */
static void sign_one(struct load *l, struct loading *job, struct zone *source,
                     const struct zone_entry *old)
{
    struct zone_entry *e = job->entry;
    static const struct zone_signing never;
    struct zone_signing state = {0};
    struct zone *z = NULL;
    struct signing_task t = {.config = l->config,
                             .name = e->name,
                             .word = e->dnssec,
                             .source = source,
                             .before = old != NULL ? old->zone : NULL,
                             .state = old != NULL ? &old->signing : &never};
    enum status st = signing_run(l->how->signing, &t, &state, &z, &job->say);
    zone_signing_free(&e->signing);
    zone_drop(e->zone);
    e->signing = state;
    e->zone = z;
    if (st != ST_OK) {
        e->state = z != NULL ? ZONE_KEPT : ZONE_BAD;
        e->fresh = true;
    }
}

/* The zone of the old set, signed again if that is due. */
static void take_over(struct load *l, struct loading *job, const struct zone_entry *old)
{
    struct zone_entry *e = job->entry;
    e->zone = old->zone != NULL ? zone_take(old->zone) : NULL;
    e->signing = zone_signing_copy(&old->signing);
    if (e->zone != NULL &&
        (signing_due(l->how->signing, e->name, &e->signing, now_read().wall_s, l->how->look) ||
         signing_other_policy(l->config, e->dnssec, &e->signing)))
        sign_one(l, job, NULL, old);
}

static void loaded(const struct load *l, const struct zone_entry *e)
{
    char name[NAME_TEXT_MAX];
    struct zone_stats s = zone_stats(e->zone);
    log_event(l->set->n > 1000 ? LEVEL_DEBUG : LEVEL_INFO, "zone-loaded",
              "zone=%s serial=%u names=%llu bytes=%llu ms=%u", name_str(e->name, name),
              zone_serial(e->zone), (unsigned long long)s.names, (unsigned long long)s.bytes,
              e->load_ms);
}

static void not_loaded(struct load *l, struct loading *job, const struct zone_entry *old,
                       enum status st, uint32_t errors)
{
    struct zone_entry *e = job->entry;
    char name[NAME_TEXT_MAX];
    e->fresh = true;
    if (old != NULL)
        take_over(l, job, old);
    e->state = e->zone != NULL ? ZONE_KEPT : ZONE_BAD;
    if (errors == 0)
        text_fmt(&job->say, "%s: error: %s\n", e->file, status_text(st));
    if (!job->first)
        log_event(LEVEL_ERROR, "zone-not-loaded", "zone=%s file=%s errors=%u reason=\"%s\" old=%s",
                  name_str(e->name, name), e->file, errors, status_text(st),
                  e->zone ? "kept" : "none");
}

/* The file of a zone that is no longer signed goes on with its own serial (RFC 1982). */
static void warn_serial(struct loading *job, uint32_t was)
{
    const struct zone_entry *e = job->entry;
    char name[NAME_TEXT_MAX];
    name_str(e->name, name);
    text_fmt(&job->say,
             "zone %s: warning: its serial %u is older than %u, which was served while it was "
             "signed: secondaries will not take it\n    hint: give the file a serial above %u\n",
             name, zone_serial(e->zone), was, was);
    log_event(LEVEL_WARNING, "serial-went-back", "zone=%s serial=%u was=%u", name,
              zone_serial(e->zone), was);
}

static void load_one(struct load *l, struct loading *job)
{
    struct zone_entry *e = job->entry;
    const struct zone_entry *old = l->how->old ? zone_set_find(l->how->old, e->name) : NULL;
    if (taken_over(l, e, old)) {
        e->state = old->state == ZONE_LOADED ? ZONE_SAME : old->state;
        marks_copy(e, old);
        take_over(l, job, old);
        return;
    }
    struct file_source fs = {e, noting_open, noting_read, noting_close};
    struct zone_load_options opt = {.origin = e->name};
    struct diag_sink sink = {say_diag, job, 0, 0};
    struct stat file;
    if (stat(e->file, &file) == 0)
        opt.size = (uint64_t)file.st_size;
    uint64_t start = now_read().mono_us;
    enum status st = zone_load(&fs, e->file, &opt, &sink, &e->zone);
    e->load_ms = (uint32_t)((now_read().mono_us - start) / 1000);
    if (st != ST_OK) {
        not_loaded(l, job, old, st, sink.errors);
        return;
    }
    e->state = ZONE_LOADED;
    loaded(l, e);
    if (signing_wants(e->dnssec)) {
        struct zone *source = e->zone;
        e->zone = NULL;
        sign_one(l, job, source, old);
        zone_drop(source);
    } else if (old != NULL && old->signing.on && old->zone != NULL &&
               (int32_t)(zone_serial(e->zone) - zone_serial(old->zone)) < 0) {
        warn_serial(job, zone_serial(old->zone));
    }
}

static void *loader_main(void *arg)
{
    struct load *l = arg;
    for (size_t i; (i = atomic_fetch_add(&l->next, 1)) < l->set->n;)
        load_one(l, &l->jobs[i]);
    return NULL;
}

static int entry_order(const void *a, const void *b)
{
    return name_compare(((const struct zone_entry *)a)->name, ((const struct zone_entry *)b)->name);
}

const struct zone_entry *zone_set_find(const struct zone_set *s, const uint8_t *name)
{
    struct zone_entry key = {.name = name};
    return s->n ? bsearch(&key, s->v, s->n, sizeof key, entry_order) : NULL;
}

static enum status add_entry(struct zone_set *s, size_t *cap, const uint8_t *name, const char *file,
                             const char *dnssec)
{
    if (s->n == *cap) {
        size_t n = *cap ? 2 * *cap : 16;
        struct zone_entry *v = realloc(s->v, n * sizeof *v);
        if (v == NULL)
            return ST_ENOMEM;
        s->v = v;
        *cap = n;
    }
    struct zone_entry e = {.name = arena_dup(&s->arena, name, name_len(name)),
                           .file = arena_strdup(&s->arena, file),
                           .dnssec = arena_strdup(&s->arena, dnssec)};
    if (e.name == NULL || e.file == NULL || e.dnssec == NULL)
        return ST_ENOMEM;
    s->v[s->n++] = e;
    return ST_OK;
}

/* NAME.zone files of a folder; names that a `zones` entry has already are passed by. */
static enum status add_folder(struct zone_set *s, size_t *cap, const char *dir, const char *dnssec,
                              struct text *say)
{
    size_t listed = s->n;
    DIR *d = opendir(dir);
    if (d == NULL) {
        text_fmt(say, "zones-dir: cannot read %s: %s\n", dir, strerror(errno));
        log_event(LEVEL_ERROR, "zones-dir", "path=%s error=\"%s\"", dir, strerror(errno));
        return ST_EIO;
    }
    if (listed > 0)
        qsort(s->v, listed, sizeof *s->v, entry_order);
    enum status st = ST_OK;
    for (struct dirent *de; st == ST_OK && (de = readdir(d)) != NULL;) {
        size_t n = strlen(de->d_name);
        char path[4096];
        struct text t = text_of(path, sizeof path);
        struct name name;
        if (n < 5 || strcmp(de->d_name + n - 5, ".zone") != 0 || de->d_name[0] == '.')
            continue;
        bool root = strcmp(de->d_name, "root.zone") == 0;
        if (name_parse(bytes_of(root ? "." : de->d_name, root ? 1 : n - 5), name_root, &name) !=
            ST_OK)
            continue;
        text_fmt(&t, "%s/%s", dir, de->d_name);
        name_lower_inplace(name.w);
        struct zone_entry key = {.name = name.w};
        if (!t.cut && (listed == 0 || !bsearch(&key, s->v, listed, sizeof key, entry_order)))
            st = add_entry(s, cap, name.w, path, dnssec);
    }
    closedir(d);
    return st;
}

static unsigned loader_count(size_t zones)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t n = MIN(zones, (size_t)(cpus > 0 ? cpus : 1));
    return (unsigned)MIN(n, (size_t)LOADERS_MAX);
}

static enum status run_loaders(struct load *l, struct text *say)
{
    struct zone_set *s = l->set;
    l->jobs = calloc(s->n + 1, sizeof *l->jobs);
    if (l->jobs == NULL)
        return ST_ENOMEM;
    for (size_t i = 0; i < s->n; i++)
        l->jobs[i] = (struct loading){&s->v[i], text_heap(SAY_MAX), l->how->old == NULL};
    pthread_t thread[LOADERS_MAX];
    unsigned n = 0, want = loader_count(s->n);
    while (n + 1 < want && pthread_create(&thread[n], NULL, loader_main, l) == 0)
        n++;
    loader_main(l);
    for (unsigned i = 0; i < n; i++)
        pthread_join(thread[i], NULL);
    for (size_t i = 0; i < s->n; i++) {
        text_str(say, text_cstr(&l->jobs[i].say));
        text_free(&l->jobs[i].say);
        s->bad += s->v[i].state == ZONE_BAD;
        s->kept += s->v[i].state == ZONE_KEPT;
        s->loaded += s->v[i].state == ZONE_LOADED;
        s->same += s->v[i].state == ZONE_SAME;
    }
    free(l->jobs);
    return ST_OK;
}

static enum status make_table(struct zone_set *s)
{
    struct zone **v = malloc((s->n + 1) * sizeof *v);
    size_t n = 0;
    if (v == NULL)
        return ST_ENOMEM;
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].zone != NULL)
            v[n++] = s->v[i].zone;
    enum status st = zone_table_new(v, n, &s->table);
    free(v);
    return st;
}

/* The zones there are to be; how->only_due: those there were. */
static enum status list_zones(struct zone_set *s, const struct config *c,
                              const struct zone_set_how *how, struct text *say)
{
    size_t cap = 0;
    enum status st = ST_OK;
    for (size_t i = 0; how->only_due && st == ST_OK && i < how->old->n; i++) {
        const struct zone_entry *e = &how->old->v[i];
        st = add_entry(s, &cap, e->name, e->file, e->dnssec);
    }
    if (how->only_due)
        return st;
    for (size_t i = 0; st == ST_OK && i < c->zones.n; i++)
        st = add_entry(s, &cap, c->zones.v[i].name, c->zones.v[i].file, c->zones.v[i].dnssec);
    if (st == ST_OK && c->zones_dir != NULL)
        st = add_folder(s, &cap, c->zones_dir, c->zones_dir_dnssec, say);
    return st;
}

/* Large blocks get pages of their own, which go back when they are freed. Left alone, glibc raises
 * the bound to 32 MiB with the first load, and what later loads free stays with the process. */
static void large_blocks_apart(void)
{
#ifdef M_MMAP_THRESHOLD
    (void)mallopt(M_MMAP_THRESHOLD, OWN_PAGES);
#endif
}

enum status zone_set_load(const struct config *c, const struct zone_set_how *how, struct text *say,
                          struct zone_set **ret)
{
    struct zone_set *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ST_ENOMEM;
    large_blocks_apart();
    arena_init(&s->arena, 16384, 0);
    enum status st = list_zones(s, c, how, say);
    if (st == ST_OK && s->n > 0)
        qsort(s->v, s->n, sizeof *s->v, entry_order);
    if (st == ST_OK && how->only != NULL && zone_set_find(s, how->only) == NULL)
        st = ST_ENOTFOUND;
    struct load l = {.set = s, .config = c, .how = how};
    if (st == ST_OK)
        st = run_loaders(&l, say);
    if (st == ST_OK)
        st = make_table(s);
    if (st == ST_OK)
        *ret = s;
    else
        zone_set_free(s);
    return st;
}

void zone_set_free(struct zone_set *s)
{
    if (s == NULL)
        return;
    if (s->table != NULL)
        zone_table_free(s->table);
    for (size_t i = 0; i < s->n; i++) {
        zone_drop(s->v[i].zone);
        zone_signing_free(&s->v[i].signing);
        for (size_t k = 0; k < s->v[i].mark_n; k++)
            free(s->v[i].marks[k].path);
        free(s->v[i].marks);
    }
    free(s->v);
    arena_free(&s->arena);
    free(s);
}
