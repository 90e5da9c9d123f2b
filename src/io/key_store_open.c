/* The key store's folder: where it is, whether it is safe, and opening it. */
#include "io/key_store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHECK_TRIES = 8, DATABASES = 4, READERS = 126 };

/* LMDB's locks do not work when a process opens an environment twice. */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct key_store *open_stores;

static enum status state_dir_set(const char *how, const char *a, const char *b,
                                 char ret[STATE_DIR_MAX], struct diag *d)
{
    if (snprintf(ret, STATE_DIR_MAX, "%s%s", a, b) < STATE_DIR_MAX)
        return ST_OK;
    diag_set(d, SEV_ERROR, "state-dir-too-long", NULL, "the state folder that %s names is too long",
             how);
    return ST_ELIMIT;
}

static const char *env_of(const char *name)
{
    const char *v = getenv(name);
    return v != NULL && v[0] == '/' ? v : NULL;
}

enum status key_store_dir(const char *configured, char ret[STATE_DIR_MAX], struct diag *d)
{
    static const char system_dir[] = "/var/lib/banyan";
    const char *env = getenv("BANYAN_STATE");
    if (configured != NULL && configured[0] != '\0')
        return state_dir_set("the option", configured, "", ret, d);
    if (env != NULL && env[0] != '\0')
        return state_dir_set("$BANYAN_STATE", env, "", ret, d);
    bool there = access(system_dir, F_OK) == 0;
    if (access(there ? system_dir : "/var/lib", W_OK | X_OK) == 0)
        return state_dir_set("", system_dir, "", ret, d);
    if ((env = env_of("XDG_STATE_HOME")) != NULL)
        return state_dir_set("$XDG_STATE_HOME", env, "/banyan", ret, d);
    if ((env = env_of("HOME")) != NULL)
        return state_dir_set("$HOME", env, "/.local/state/banyan", ret, d);
    return state_dir_set("", system_dir, "", ret, d);
}

/* --- Is it safe? --- */

static enum status unsafe(struct diag *d, const char *path, const char *what, const char *mode)
{
    char hint[200];
    snprintf(hint, sizeof hint, "chmod %s %s", mode, path);
    diag_set(d, SEV_ERROR, "key-store-open-to-others", hint,
             "%s can be %s by others: keys are "
             "not kept in it",
             path, what);
    return ST_EREFUSED;
}

/* Folders that others can write to could be swapped for theirs; a sticky one (/tmp) could not. */
static enum status check_dir(const char *path, struct diag *d)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return key_store_fail(path, errno, d);
    if (!S_ISDIR(st.st_mode))
        return key_store_fail(path, ENOTDIR, d);
    return (st.st_mode & 022) != 0 && (st.st_mode & S_ISVTX) == 0
               ? unsafe(d, path, "written to", "go-w")
               : ST_OK;
}

static enum status check_file(const char *dir, const char *name, bool *ret_there, struct diag *d)
{
    char path[STATE_DIR_MAX + 32];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    *ret_there = lstat(path, &st) == 0;
    if (!*ret_there)
        return errno == ENOENT ? ST_OK : key_store_fail(path, errno, d);
    if (!S_ISREG(st.st_mode)) {
        diag_set(d, SEV_ERROR, "key-store-no-file", NULL, "%s is no ordinary file", path);
        return ST_EREFUSED;
    }
    return (st.st_mode & 077) != 0 ? unsafe(d, path, "read", "600") : ST_OK;
}

static enum status make_dirs(char *path, struct diag *d)
{
    for (char *p = path + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            enum status st = key_store_fail(path, errno, d);
            *p = end;
            return st;
        }
        *p = end;
        if (end == '\0')
            return ST_OK;
    }
}

/* What root makes in somebody else's folder is to be theirs: the server runs as them. */
static void give_away(const char *state_dir, const char *path)
{
    struct stat st;
    char file[STATE_DIR_MAX + 32];
    static const char *const names[] = {"", "/data.mdb", "/lock.mdb"};
    if (geteuid() != 0 || stat(state_dir, &st) != 0 || st.st_uid == 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(file, sizeof file, "%s%s", path, names[i]);
        if (lchown(file, st.st_uid, st.st_gid) != 0)
            return;
    }
}

/* --- Is it whole? --- */

static enum status damaged(const char *path, const char *what, struct diag *d)
{
    diag_set(d, SEV_ERROR, "key-store-damaged",
             "put back a copy of it; zones go on being served with the signatures they have",
             "the key store %s is damaged: %s", path, what);
    return ST_EFORMAT;
}

/* Another process may write meanwhile: what looks damaged is looked at again if it changed. */
static enum status check_data(const char *path, struct diag *d)
{
    char file[STATE_DIR_MAX + 32];
    uint64_t txn = 0, last = UINT64_MAX;
    const char *what = "";
    struct stat st;
    snprintf(file, sizeof file, "%s/data.mdb", path);
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return key_store_fail(file, errno, d);
    if (fstat(fd, &st) == 0 && st.st_size == 0) {
        close(fd);
        return damaged(path, "it is empty", d);
    }
    bool ok = key_store_check(fd, &txn, &what);
    for (int i = 0; !ok && i < CHECK_TRIES && txn != last; i++) {
        last = txn;
        usleep(20000);
        ok = key_store_check(fd, &txn, &what);
    }
    close(fd);
    return ok ? ST_OK : damaged(path, what, d);
}

/* --- Open --- */

static int open_databases(struct key_store *ks)
{
    MDB_txn *txn;
    unsigned flags = ks->read_only ? 0 : MDB_CREATE;
    int rc = mdb_txn_begin(ks->env, NULL, ks->read_only ? MDB_RDONLY : 0, &txn);
    if (rc != 0)
        return rc;
    if ((rc = mdb_dbi_open(txn, "keys", flags, &ks->keys)) == 0 &&
        (rc = mdb_dbi_open(txn, "state", flags, &ks->states)) == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

static int open_env(struct key_store *ks, const char *path)
{
    int dead;
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (ks->read_only ? MDB_RDONLY : 0);
    int rc = mdb_env_create(&ks->env);
    if (rc == 0 && (rc = mdb_env_set_maxdbs(ks->env, DATABASES)) == 0 &&
        (rc = mdb_env_set_maxreaders(ks->env, READERS)) == 0 &&
        (rc = mdb_env_set_mapsize(ks->env, LIMIT_KEY_STORE_BYTES)) == 0 &&
        (rc = mdb_env_open(ks->env, path, flags, 0600)) == 0 &&
        (rc = mdb_reader_check(ks->env, &dead)) == 0)
        rc = open_databases(ks);
    return rc;
}

static void close_env(struct key_store *ks)
{
    if (ks->env != NULL)
        mdb_env_close(ks->env);
    ks->env = NULL;
}

/* A name in a folder outlives a power failure only when the folder was synced, too. */
static int sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return rc == EINVAL ? 0 : rc; /* not every file system can */
}

/* Makes the file beside its place and links it there when it is whole: a command killed while the
 * first key is made leaves no half of a store, and of two at once one is too late. */
static enum status make_data(struct key_store *ks, const char *state_dir, struct diag *d)
{
    char dir[STATE_DIR_MAX + 32], from[STATE_DIR_MAX + 64], to[STATE_DIR_MAX + 32];
    snprintf(dir, sizeof dir, "%s/new-XXXXXX", ks->path);
    snprintf(to, sizeof to, "%s/data.mdb", ks->path);
    if (mkdtemp(dir) == NULL)
        return key_store_fail(ks->path, errno, d);
    int rc = open_env(ks, dir);
    close_env(ks);
    snprintf(from, sizeof from, "%s/data.mdb", dir);
    if (rc == 0 && link(from, to) != 0 && errno != EEXIST)
        rc = errno;
    if (rc == 0 && (rc = sync_folder(ks->path)) == 0)
        rc = sync_folder(state_dir);
    unlink(from);
    snprintf(from, sizeof from, "%s/lock.mdb", dir);
    unlink(from);
    rmdir(dir);
    return rc == 0 ? ST_OK : key_store_fail(ks->path, rc, d);
}

static enum status prepare(struct key_store *ks, const char *state_dir, struct diag *d)
{
    bool data, lock;
    struct stat st;
    if (stat(ks->path, &st) != 0) {
        if (ks->read_only && errno == ENOENT) {
            diag_set(d, SEV_ERROR, "no-key-store",
                     "`banyan keys generate ZONE` makes the first key there; --state-dir names "
                     "another",
                     "there is no key store in %s", state_dir);
            return ST_ENOTFOUND;
        }
        if (errno != ENOENT)
            return key_store_fail(ks->path, errno, d);
        TRY(make_dirs(ks->path, d));
    }
    TRY(check_dir(state_dir, d));
    TRY(check_dir(ks->path, d));
    if (stat(ks->path, &st) != 0)
        return key_store_fail(ks->path, errno, d);
    ks->dev = st.st_dev;
    ks->ino = st.st_ino;
    TRY(check_file(ks->path, "data.mdb", &data, d));
    TRY(check_file(ks->path, "lock.mdb", &lock, d));
    if (data)
        return check_data(ks->path, d);
    if (!ks->read_only)
        return make_data(ks, state_dir, d);
    diag_set(d, SEV_ERROR, "no-key-store", NULL, "there is no key store in %s", state_dir);
    return ST_ENOTFOUND;
}

/* With open_lock held. */
static enum status open_locked(struct key_store *ks, const char *state_dir, struct diag *d)
{
    TRY(prepare(ks, state_dir, d));
    for (const struct key_store *o = open_stores; o != NULL; o = o->next)
        if (o->dev == ks->dev && o->ino == ks->ino) {
            diag_set(d, SEV_ERROR, "key-store-open", NULL, "this process has %s open already",
                     ks->path);
            return ST_EEXIST;
        }
    int rc = open_env(ks, ks->path);
    if (rc != 0)
        return key_store_fail(ks->path, rc, d);
    give_away(state_dir, ks->path);
    if (!ks->read_only)
        TRY(key_store_check_records(ks, d));
    ks->next = open_stores;
    open_stores = ks;
    return ST_OK;
}

enum status key_store_open(const char *state_dir, bool read_only, struct key_store **ret,
                           struct diag *d)
{
    struct key_store *ks = calloc(1, sizeof *ks);
    if (ks == NULL)
        return key_store_fail(state_dir, ENOMEM, d);
    ks->read_only = read_only;
    enum status st = ST_ELIMIT;
    if (strlen(state_dir) < STATE_DIR_MAX) {
        snprintf(ks->path, sizeof ks->path, "%s/keys", state_dir);
        pthread_mutex_lock(&open_lock);
        st = open_locked(ks, state_dir, d);
        pthread_mutex_unlock(&open_lock);
    } else {
        diag_set(d, SEV_ERROR, "state-dir-too-long", NULL,
                 "the path of the state folder is too "
                 "long");
    }
    if (st == ST_OK) {
        *ret = ks;
        return ST_OK;
    }
    close_env(ks);
    free(ks);
    return st;
}

void key_store_close(struct key_store *ks)
{
    if (ks == NULL)
        return;
    pthread_mutex_lock(&open_lock);
    struct key_store **p = &open_stores;
    while (*p != ks)
        p = &(*p)->next;
    *p = ks->next;
    mdb_env_close(ks->env);
    pthread_mutex_unlock(&open_lock);
    free(ks);
}

const char *key_store_path(const struct key_store *ks)
{
    return ks->path;
}
