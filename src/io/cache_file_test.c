#include "base/test.h"
#include "dns/rr_type.h"
#include "io/cache_file.h"
#include "io/clock.h"
#include "io/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

static struct prng rng = {3};
static const struct env env = {&rng, seeded};

struct place {
    char dir[64], path[160];
};

static const char *in(struct place *p, const char *file)
{
    snprintf(p->path, sizeof p->path, "%s/%s", p->dir, file);
    return p->path;
}

static void put_file(struct place *p, const char *file, struct bytes b, mode_t mode, int age_s)
{
    struct timespec t[2] = {{.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};
    int fd = open(in(p, file), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    CHECK(fd >= 0 && write(fd, b.p, b.n) == (ssize_t)b.n && futimens(fd, t) == 0);
    close(fd);
}

/* Loads, and saves at its end. */
static void run_once(struct place *p, struct cache *c)
{
    struct cache_file *f = cache_file_start(in(p, "cache"), 0, c, (struct hash_key){1, 2});
    CHECK(f != NULL);
    cache_file_finish(f);
}

/* What a killed save left behind goes; what only looks so by its name stays. */
TEST(unfinished_cache_files_are_removed)
{
    static const struct {
        const char *name;
        bool whole, foreign;
        mode_t mode;
        int age_s;
        bool stays;
    } rows[] = {
        {"cache.aB3xYz", false, false, 0600, 100, false},
        {"cache.backup", true, false, 0600, 100, true},
        {"cache.secret", false, true, 0600, 100, true},
        {"cache.public", false, false, 0644, 100, true},
        {"cache.a-b_c.", false, false, 0600, 100, true},
        {"cache.aB3xY", false, false, 0600, 100, true},
        {"other.aB3xYz", false, false, 0600, 100, true},
        {"cache.nowNOW", false, false, 0600, 0, true}, /* somebody is writing it */
    };
    struct place p = {.dir = "/tmp/banyan-cache-XXXXXX"};
    struct cache *c = cache_new(1 << 20, 1, &env);
    uint8_t rd[] = {0, 4, 192, 0, 2, 1};
    char *text = NULL;
    size_t n = 0;
    struct diag d = {0};
    REQUIRE(c != NULL && mkdtemp(p.dir) != NULL);
    cache_put(c, &(struct rrset){name_root, RR_A, CLASS_IN, 600, 1, sizeof rd, rd}, RANK_ANSWER,
              NULL, now_read());
    run_once(&p, c);
    REQUIRE(file_read_whole(in(&p, "cache"), 1 << 20, &text, &n, &d) == ST_OK && n > 60);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        put_file(&p, rows[i].name,
                 rows[i].foreign ? bytes_str("other")
                                 : bytes_of((uint8_t *)text, rows[i].whole ? n : n - 24),
                 rows[i].mode, rows[i].age_s);
    run_once(&p, c);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool there = access(in(&p, rows[i].name), F_OK) == 0;
        if (there != rows[i].stays)
            test_fail(__FILE__, __LINE__, "%s: there %d", rows[i].name, there);
        unlink(p.path);
    }
    unlink(in(&p, "cache"));
    CHECK_EQ(rmdir(p.dir), 0); /* nothing else was left */
    free(text);
    cache_free(c);
}

/* A server that is stopped while it still loads must not replace its file by the part it has. */
TEST(a_load_that_is_broken_off_keeps_the_file)
{
    enum { MANY = 4000 };
    struct place p = {.dir = "/tmp/banyan-cache-XXXXXX"};
    struct cache *c = cache_new(8 << 20, 1, &env);
    struct stat before, after;
    static uint8_t rd[202] = {0, 200};
    REQUIRE(c != NULL && mkdtemp(p.dir) != NULL);
    for (unsigned i = 0; i < MANY; i++) {
        char text[32];
        struct name n;
        snprintf(text, sizeof text, "n%u.example.", i);
        REQUIRE(name_from(text, &n) == ST_OK);
        cache_put(c, &(struct rrset){n.w, RR_NULL, CLASS_IN, 600, 1, sizeof rd, rd}, RANK_ANSWER,
                  NULL, now_read());
    }
    run_once(&p, c);
    CHECK(stat(in(&p, "cache"), &before) == 0 && before.st_size > MANY * 200);
    cache_flush_all(c);
    run_once(&p, c); /* the end comes at once */
    CHECK(stat(in(&p, "cache"), &after) == 0 && after.st_size == before.st_size);
    unlink(in(&p, "cache"));
    CHECK_EQ(rmdir(p.dir), 0);
    cache_free(c);
}
