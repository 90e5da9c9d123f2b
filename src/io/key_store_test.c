/* The key store: what is put in comes out, others are kept out, damage and death do no harm. */
#include "io/key_store.h"

#include "base/hash.h"
#include "base/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { T0 = 1800000000, ZONES = 60, KILLS = 30, DAMAGES = 40 };

struct place {
    char dir[64], data[128], lock[128], keys[128];
};

static struct place place_new(void)
{
    struct place p = {.dir = "/tmp/banyan-keys-XXXXXX"};
    if (mkdtemp(p.dir) == NULL)
        abort();
    snprintf(p.keys, sizeof p.keys, "%s/keys", p.dir);
    snprintf(p.data, sizeof p.data, "%s/keys/data.mdb", p.dir);
    snprintf(p.lock, sizeof p.lock, "%s/keys/lock.mdb", p.dir);
    return p;
}

static void place_free(const struct place *p)
{
    (void)chmod(p->dir, 0700);
    (void)chmod(p->keys, 0700);
    unlink(p->data);
    unlink(p->lock);
    rmdir(p->keys);
    rmdir(p->dir);
}

static struct key_store *opened(const struct place *p, bool read_only)
{
    struct key_store *ks = NULL;
    struct diag d = {0};
    if (key_store_open(p->dir, read_only, &ks, &d) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s", d.message);
    return ks;
}

static struct name zone_name(unsigned i)
{
    char text[64];
    struct name n;
    snprintf(text, sizeof text, "Zone%u.example.", i);
    if (name_from(text, &n) != ST_OK)
        abort();
    return n;
}

static enum status begin_keys(void *ctx, struct keyset *s, struct diag *d)
{
    struct sign_policy p = sign_policy_default();
    bool made;
    (void)ctx;
    (void)d;
    p.algorithm = SEC_ED25519;
    p.split = true;
    return keyset_begin(s, &p, T0, &made);
}

static enum status fail(void *ctx, struct keyset *s, struct diag *d)
{
    (void)ctx;
    (void)d;
    s->n = 0;
    return ST_EREFUSED;
}

static bool count(void *ctx, const uint8_t *zone)
{
    (void)zone;
    ++*(unsigned *)ctx;
    return true;
}

TEST(keys_that_are_put_in_come_out)
{
    struct place p = place_new();
    struct diag d = {0};
    static struct keyset a, b;
    struct key_store_state st = {7, 8, T0, {1, 2, 3}, 4, 5, 6, 7}, back;
    struct key_store *ks = opened(&p, false);
    REQUIRE(ks != NULL);
    struct name z = zone_name(1), other = zone_name(2);
    CHECK(key_store_get(ks, z.w, &a, &d) == ST_ENOTFOUND);
    CHECK(key_store_state_get(ks, z.w, &back, &d) == ST_ENOTFOUND);
    CHECK(key_store_update(ks, z.w, begin_keys, NULL, &d) == ST_OK);
    uint64_t rev = key_store_revision(ks);
    CHECK(key_store_update(ks, z.w, begin_keys, NULL, &d) == ST_OK); /* nothing to do */
    CHECK_EQ(key_store_revision(ks), rev);
    CHECK(key_store_update(ks, z.w, fail, NULL, &d) == ST_EREFUSED);
    REQUIRE(key_store_get(ks, z.w, &a, &d) == ST_OK);
    CHECK_EQ(a.n, 2);
    CHECK(key_store_put(ks, &a, &d) == ST_OK);
    CHECK(key_store_state_put(ks, z.w, &st, &d) == ST_OK);
    CHECK(key_store_revision(ks) > rev);
    struct key_store *twice;
    CHECK(key_store_open(p.dir, true, &twice, &d) == ST_EEXIST);
    key_store_close(ks);
    ks = opened(&p, true);
    REQUIRE(ks != NULL);
    REQUIRE(key_store_get(ks, z.w, &b, &d) == ST_OK);
    CHECK_EQ(b.n, 2);
    CHECK(bytes_equal(a.key[0].secret, b.key[0].secret));
    CHECK(key_store_state_get(ks, z.w, &back, &d) == ST_OK);
    CHECK(memcmp(&st, &back, sizeof st) == 0);
    CHECK(key_store_get(ks, other.w, &a, &d) == ST_ENOTFOUND);
    CHECK(key_store_put(ks, &b, &d) == ST_EREFUSED); /* read-only */
    key_store_close(ks);
    ks = opened(&p, false);
    unsigned n = 0;
    CHECK(key_store_list(ks, count, &n, &d) == ST_OK && n == 1);
    CHECK(key_store_delete(ks, z.w, &d) == ST_OK);
    CHECK(key_store_delete(ks, z.w, &d) == ST_ENOTFOUND);
    CHECK(key_store_get(ks, z.w, &a, &d) == ST_ENOTFOUND);
    key_store_close(ks);
    keyset_free(&a);
    keyset_free(&b);
    place_free(&p);
}

TEST(a_store_open_to_others_is_refused)
{
    struct place p = place_new();
    struct diag d = {0};
    struct stat st;
    struct key_store *ks;
    CHECK(key_store_open(p.dir, true, &ks, &d) == ST_ENOTFOUND);
    key_store_close(opened(&p, false));
    CHECK(stat(p.keys, &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK(stat(p.data, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(stat(p.lock, &st) == 0 && (st.st_mode & 0777) == 0600);
    const struct {
        const char *path;
        mode_t bad, good;
        const char *hint;
    } modes[] = {{p.dir, 0770, 0700, "chmod go-w"},
                 {p.dir, 0707, 0755, "chmod go-w"},
                 {p.keys, 0730, 0700, "chmod go-w"},
                 {p.data, 0640, 0600, "chmod 600"},
                 {p.lock, 0604, 0600, "chmod 600"}};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        CHECK(chmod(modes[i].path, modes[i].bad) == 0);
        CHECK(key_store_open(p.dir, false, &ks, &d) == ST_EREFUSED);
        CHECK(strncmp(d.hint, modes[i].hint, strlen(modes[i].hint)) == 0);
        CHECK(strstr(d.hint, modes[i].path) != NULL);
        CHECK(chmod(modes[i].path, modes[i].good) == 0);
    }
    CHECK(unlink(p.data) == 0 && symlink("/etc/passwd", p.data) == 0);
    CHECK(key_store_open(p.dir, false, &ks, &d) == ST_EREFUSED);
    place_free(&p);
}

/* --- Damage --- */

/* Opens and uses a store as a server does; the exit status of a child. 0: all zones are there; 1:
 * an error in words. */
static int use(const struct place *p)
{
    struct key_store *ks;
    struct diag d = {0};
    static struct keyset s;
    bool fine = true;
    if (key_store_open(p->dir, false, &ks, &d) != ST_OK)
        return d.message[0] != '\0' ? 1 : 2;
    for (unsigned i = 0; i < ZONES; i++) {
        struct name z = zone_name(i);
        enum status st = key_store_get(ks, z.w, &s, &d);
        fine &= st == ST_OK && s.n == 2;
        if (st == ST_ENOTFOUND)
            return 3; /* a zone is silently gone: a server would make new keys */
        if (st == ST_OK)
            keyset_free(&s);
    }
    for (unsigned i = 0; i < 2 * ZONES; i++) {
        struct name z = zone_name(i);
        fine &= key_store_update(ks, z.w, begin_keys, NULL, &d) == ST_OK;
    }
    for (unsigned i = 0; i < ZONES; i += 2) {
        struct name z = zone_name(i);
        fine &= key_store_delete(ks, z.w, &d) == ST_OK;
    }
    key_store_close(ks);
    return fine ? 0 : 1;
}

static size_t fill(const struct place *p, char **ret)
{
    struct key_store *ks = opened(p, false);
    struct diag d = {0};
    struct key_store_state st = {1, 2, 3, {4}, 5, 6, 7, 8};
    for (unsigned i = 0; ks != NULL && i < 2 * ZONES; i++) {
        struct name z = zone_name(i);
        CHECK(key_store_update(ks, z.w, begin_keys, NULL, &d) == ST_OK);
        CHECK(key_store_state_put(ks, z.w, &st, &d) == ST_OK);
    }
    for (unsigned i = ZONES; ks != NULL && i < 2 * ZONES; i++) { /* so that pages are free */
        struct name z = zone_name(i);
        CHECK(key_store_delete(ks, z.w, &d) == ST_OK);
    }
    key_store_close(ks);
    struct stat s;
    int fd = open(p->data, O_RDONLY);
    if (fd < 0 || fstat(fd, &s) != 0)
        abort();
    *ret = malloc((size_t)s.st_size);
    if (read(fd, *ret, (size_t)s.st_size) != s.st_size)
        abort();
    close(fd);
    return (size_t)s.st_size;
}

static void write_copy(const struct place *p, const char *b, size_t n)
{
    int fd = open(p->data, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    if (fd < 0 || write(fd, b, n) != (ssize_t)n)
        abort();
    close(fd);
}

/* Ways in which a file gets damaged. */
static size_t damage(struct prng *r, char *b, size_t n, const char **ret_what)
{
    size_t pages = n / 4096, at = (size_t)prng_below(r, pages) * 4096;
    switch (prng_below(r, 8)) {
    case 0:
        *ret_what = "a page of noise";
        for (size_t i = 0; i < 4096; i++)
            b[at + i] = (char)prng_next(r);
        return n;
    case 1:
        *ret_what = "a page of zeros";
        memset(b + at, 0, 4096);
        return n;
    case 2:
        *ret_what = "a page twice";
        memmove(b + at, b + (size_t)prng_below(r, pages) * 4096, 4096);
        return n;
    case 3:
        *ret_what = "cut at a page";
        return at;
    case 4:
        *ret_what = "cut anywhere";
        return (size_t)prng_below(r, n);
    case 5:
        *ret_what = "a byte";
        b[prng_below(r, n)] = (char)prng_next(r);
        return n;
    case 6:
        *ret_what = "a head of a page";
        b[at + (size_t)prng_below(r, 160)] = (char)prng_next(r);
        return n;
    default:
        *ret_what = "several bits";
        for (int i = 0; i < 20; i++)
            b[prng_below(r, n)] ^= (char)(1 << prng_below(r, 8));
        return n;
    }
}

TEST(a_damaged_file_is_an_error_not_a_crash)
{
    struct place p = place_new();
    struct prng r = {4711};
    char *whole = NULL;
    unsigned refused = 0, harmless = 0;
    size_t n = fill(&p, &whole);
    char *b = malloc(n);
    for (unsigned i = 0; i < DAMAGES; i++) {
        const char *what;
        uint64_t seed = r.s;
        int status;
        memcpy(b, whole, n);
        size_t cut = damage(&r, b, n, &what);
        unlink(p.lock);
        write_copy(&p, b, cut);
        pid_t pid = fork();
        if (pid == 0) {
            alarm(60);
            _exit(use(&p));
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            abort();
        if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
            test_fail(__FILE__, __LINE__, "damage %u (%s, seed %llu): %s %d", i, what,
                      (unsigned long long)seed, WIFEXITED(status) ? "exit" : "signal",
                      WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        else
            *(WEXITSTATUS(status) == 1 ? &refused : &harmless) += 1;
    }
    CHECK(refused > DAMAGES / 4);
    CHECK(harmless > 0); /* in free pages, in the older head */
    free(b);
    free(whole);
    place_free(&p);
}

/* --- Death and full disks --- */

static enum status count_up(void *ctx, struct keyset *s, struct diag *d)
{
    struct sign_policy p = sign_policy_default();
    struct zone_key *k;
    bool made;
    (void)ctx;
    (void)d;
    p.algorithm = SEC_ED25519;
    if (s->n == 0)
        return keyset_begin(s, &p, T0, &made);
    s->key[0].at[KEY_DS_SEEN] += 1;
    if (s->n > 20)
        s->n = 3;
    return keyset_generate(s, KEY_ZSK, SEC_ED25519, 0, T0, &k);
}

static void write_for_ever(const struct place *p)
{
    struct diag d = {0};
    struct key_store *ks;
    if (key_store_open(p->dir, false, &ks, &d) != ST_OK)
        _exit(1);
    for (unsigned i = 0; i < 1000000; i++) {
        struct name z = zone_name(i % 3);
        if (key_store_update(ks, z.w, count_up, NULL, &d) != ST_OK)
            _exit(2);
    }
    _exit(3);
}

TEST(a_killed_writer_leaves_whole_keys)
{
    struct place p = place_new();
    struct diag d = {0};
    struct prng r = {99};
    static struct keyset s;
    uint64_t last = 0, moved = 0;
    bool written[3] = {false};
    key_store_close(opened(&p, false));
    for (int i = 0; i < KILLS; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            write_for_ever(&p);
        struct timespec t = {0, 5000000 + (long)prng_below(&r, 60000000)};
        nanosleep(&t, NULL);
        kill(pid, SIGKILL);
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            abort();
        CHECK(WIFSIGNALED(status));
        struct key_store *ks = opened(&p, false);
        REQUIRE(ks != NULL);
        for (unsigned z = 0; z < 3; z++) {
            struct name n = zone_name(z);
            enum status st = key_store_get(ks, n.w, &s, &d);
            if (st == ST_ENOTFOUND && !written[z])
                continue; /* killed before its first transaction */
            REQUIRE(st == ST_OK);
            written[z] = true;
            CHECK(s.n >= 1 && s.key[0].secret.n > 0);
            if (z == 0) {
                CHECK(s.key[0].at[KEY_DS_SEEN] >= last); /* nothing that was done is undone */
                moved += s.key[0].at[KEY_DS_SEEN] > last;
                last = s.key[0].at[KEY_DS_SEEN];
            }
            keyset_free(&s);
        }
        key_store_close(ks);
    }
    CHECK(moved > 5);
    place_free(&p);
}

TEST(a_full_disk_leaves_what_was_there)
{
    struct place p = place_new();
    struct diag d = {0};
    char *whole;
    size_t n = fill(&p, &whole);
    free(whole);
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit l = {n + 8192, n + 8192};
        struct key_store *ks;
        static struct keyset s;
        signal(SIGXFSZ, SIG_IGN);
        if (key_store_open(p.dir, false, &ks, &d) != ST_OK || setrlimit(RLIMIT_FSIZE, &l) != 0)
            _exit(1);
        unsigned i = 1000;
        enum status st = ST_OK;
        for (; st == ST_OK && i < 5000; i++) {
            struct name z = zone_name(i);
            st = key_store_update(ks, z.w, begin_keys, NULL, &d);
        }
        if (st != ST_EIO || strstr(d.message, "no space left") == NULL)
            _exit(2);
        struct name first = zone_name(0), failed = zone_name(i - 1);
        if (key_store_get(ks, first.w, &s, &d) != ST_OK)
            _exit(3);
        keyset_free(&s);
        if (key_store_get(ks, failed.w, &s, &d) != ST_ENOTFOUND)
            _exit(4);
        key_store_close(ks);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        abort();
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 0);
    CHECK_EQ(use(&p), 0);
    place_free(&p);
}

/* --- Threads --- */

struct readers {
    struct key_store *ks;
    _Atomic bool stop;
    _Atomic unsigned read, failed;
};

static void *read_on(void *arg)
{
    struct readers *r = arg;
    struct diag d = {0};
    struct keyset *s = malloc(sizeof *s);
    while (s != NULL && !r->stop) {
        struct name z = zone_name(r->read % 3);
        enum status st = key_store_get(r->ks, z.w, s, &d);
        r->failed += st != ST_OK || s->n == 0;
        if (st == ST_OK)
            keyset_free(s);
        r->read++;
    }
    free(s);
    return NULL;
}

TEST(threads_read_while_one_writes)
{
    struct place p = place_new();
    struct diag d = {0};
    struct readers r = {.ks = opened(&p, false)};
    pthread_t t[4];
    REQUIRE(r.ks != NULL);
    for (unsigned i = 0; i < 3; i++) {
        struct name z = zone_name(i);
        CHECK(key_store_update(r.ks, z.w, begin_keys, NULL, &d) == ST_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        if (pthread_create(&t[i], NULL, read_on, &r) != 0)
            abort();
    for (unsigned i = 0; i < 60; i++) {
        struct name z = zone_name(i % 3);
        CHECK(key_store_update(r.ks, z.w, count_up, NULL, &d) == ST_OK);
    }
    r.stop = true;
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        pthread_join(t[i], NULL);
    CHECK(r.read > 10);
    CHECK_EQ(r.failed, 0);
    key_store_close(r.ks);
    place_free(&p);
}

TEST(the_state_folder_is_found)
{
    char dir[STATE_DIR_MAX];
    struct diag d;
    CHECK(key_store_dir("/x/y", dir, &d) == ST_OK);
    CHECK_STR(dir, "/x/y");
    setenv("BANYAN_STATE", "/from/env", 1);
    CHECK(key_store_dir(NULL, dir, &d) == ST_OK);
    CHECK_STR(dir, "/from/env");
    CHECK(key_store_dir("/x/y", dir, &d) == ST_OK);
    CHECK_STR(dir, "/x/y");
    unsetenv("BANYAN_STATE");
    CHECK(key_store_dir("", dir, &d) == ST_OK && dir[0] == '/');
}
