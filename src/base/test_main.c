/* The runner of a folder's unit tests: TAP on standard output. With arguments, only the tests whose
 * names contain one of them. */
#include "base/test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct test_case *cases, **cases_end = &cases;
static int failures, points, failed_points;
static const char *running;

void test_register(struct test_case *t)
{
    *cases_end = t;
    cases_end = &t->next;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
    char buf[2000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    failures++;
    printf("# %s:%d: in %s: %s\n", file, line, running, buf);
}

void test_point(bool ok, const char *fmt, ...)
{
    va_list ap;
    printf("%s %d - ", ok ? "ok" : "not ok", ++points);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    failed_points += !ok;
}

const char *test_source_dir(void)
{
    const char *d = getenv("BANYAN_SOURCE");
    return d != NULL ? d : BANYAN_SOURCE_DIR;
}

char *test_file(const char *path, size_t *ret_n)
{
    char full[4096];
    snprintf(full, sizeof full, "%s/%s", test_source_dir(), path);
    FILE *f = fopen(full, "rb");
    if (f == NULL)
        return NULL;
    size_t n = 0, cap = 1 << 16;
    char *p = malloc(cap);
    while (p != NULL) {
        n += fread(p + n, 1, cap - n - 1, f);
        if (n < cap - 1)
            break;
        char *q = realloc(p, cap *= 2);
        if (q == NULL)
            free(p);
        p = q;
    }
    fclose(f);
    if (p != NULL)
        p[n] = '\0';
    if (ret_n != NULL)
        *ret_n = n;
    return p;
}

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strstr(name, argv[i]) != NULL)
            return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (struct test_case *t = cases; t != NULL; t = t->next) {
        if (!wanted(t->name, argc, argv))
            continue;
        failures = 0;
        running = t->name;
        t->run();
        test_point(failures == 0, "%s", t->name);
    }
    printf("1..%d\n", points);
    return failed_points > 0;
}
