/* Replays files through a fuzz target when the build has no libFuzzer: every file named, every file
 * in every directory named, and for each also its prefixes and some deterministic mutations. */
#include "base/hash.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20, MUTATIONS = 32 };

static size_t inputs;

static void run_one(const uint8_t *p, size_t n)
{
    /* An exact-size heap copy, so that the address sanitizer sees any overrun. */
    uint8_t *copy = calloc(1, n ? n : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, p, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
    inputs++;
}

static void run_input(uint8_t *p, size_t n)
{
    struct prng r = {n * 2654435761u + 1};
    run_one(p, n);
    for (int i = 0; n > 0 && i < MUTATIONS; i++) {
        size_t at = prng_below(&r, n);
        uint8_t old = p[at];
        p[at] = (uint8_t)prng_next(&r);
        run_one(p, i % 4 == 3 ? at : n);
        p[at] = old;
    }
}

static void run_path(const char *path, int depth)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return;
    if (S_ISDIR(st.st_mode) && depth < 4) {
        DIR *d = opendir(path);
        for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
            char sub[4096];
            if (e->d_name[0] != '.' &&
                snprintf(sub, sizeof sub, "%s/%s", path, e->d_name) < (int)sizeof sub)
                run_path(sub, depth + 1);
        }
        if (d != NULL)
            closedir(d);
        return;
    }
    FILE *f = fopen(path, "rb");
    uint8_t *buf = malloc(INPUT_MAX);
    if (f != NULL && buf != NULL)
        run_input(buf, fread(buf, 1, INPUT_MAX, f));
    free(buf);
    if (f != NULL)
        fclose(f);
}

int main(int argc, char **argv)
{
    run_one((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        run_path(argv[i], 0);
    bool some = argc == 1 || inputs > 1; /* a folder that is not there tests nothing */
    printf("%s 1 - %zu inputs\n1..1\n", some ? "ok" : "not ok", inputs);
    return some ? 0 : 1;
}
