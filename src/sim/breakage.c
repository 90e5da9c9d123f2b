/* What was broken on purpose: reading it, and checking it before it is put in. */
#include "sim/internet.h"
#include "sim/lines.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECIPE_BYTES = 65536 };

char *file_read(const struct file_source *files, const char *path, size_t max, size_t *ret_n,
                struct diag *d)
{
    void *f = files->open(files->ctx, path, d);
    if (f == NULL)
        return NULL;
    char *buf = malloc(max + 1);
    size_t n = 0;
    long got = 0;
    while (buf != NULL && n < max && (got = files->read(files->ctx, f, buf + n, max - n)) > 0)
        n += (size_t)got;
    files->close(files->ctx, f);
    if (buf == NULL || got < 0 || n == max) {
        diag_set(d, SEV_ERROR, "file", NULL, "%s: cannot be read, or is longer than %zu bytes",
                 path, max);
        free(buf);
        return NULL;
    }
    buf[n] = '\0';
    if (ret_n != NULL)
        *ret_n = n;
    return buf;
}

enum status recipe_load(const struct file_source *files, const char *dir, const char *word,
                        struct recipe *ret, struct diag *d)
{
    char path[4096];
    size_t n;
    if (strchr(word, '/') != NULL || word[0] == '.' || strlen(word) >= RECIPE_WORD)
        return ST_ENOTFOUND;
    snprintf(path, sizeof path, "%s/faults/%s.fault", dir, word);
    char *text = file_read(files, path, RECIPE_BYTES, &n, d);
    if (text == NULL)
        return ST_ENOTFOUND;
    snprintf(ret->word, sizeof ret->word, "%s", word);
    enum status st = recipe_parse(ret, bytes_of(text, n), word, d);
    free(text);
    return st;
}

enum status breakage_check(const struct internet_plan *plan, const struct breakage *b,
                           struct diag *d)
{
    enum fault f;
    struct name zone;
    *d = (struct diag){0};
    if (!fault_parse(bytes_str(b->word), &f)) {
        struct recipe *r = malloc(sizeof *r);
        enum status st = r ? recipe_load(plan->files, plan->dir, b->word, r, d) : ST_ENOMEM;
        free(r);
        if (st == ST_ENOTFOUND) {
            char hint[100] = "`banyan lab break --list` shows all";
            const char *near = fault_nearest(b->word);
            if (near != NULL)
                snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
            diag_set(d, SEV_ERROR, "unknown-fault", hint, "no fault is called \"%s\"", b->word);
        }
        TRY(st);
    }
    if (topology_find(plan->topology, b->target.w) == NULL &&
        (!topology_zone_of(plan->topology, b->target.w, &zone) || name_is_root(zone.w)) &&
        !name_is_root(b->target.w)) {
        char text[NAME_TEXT_MAX];
        diag_set(d, SEV_ERROR, "unknown-target", "`banyan lab list` shows servers and zones",
                 "%s is neither a server nor in a zone of the lab", name_str(b->target.w, text));
        return ST_ENOTFOUND;
    }
    return ST_OK;
}

enum status breakages_parse(struct bytes text, struct breakage *ret, unsigned max, unsigned *ret_n,
                            struct diag *d)
{
    struct bytes line, word, target;
    *ret_n = 0;
    for (uint32_t number = 1; line_next(&text, &line); number++) {
        if (!word_next(&line, &word))
            continue;
        struct breakage *b = &ret[*ret_n];
        if (*ret_n == max || word.n >= sizeof b->word || !word_next(&line, &target) ||
            name_parse(target, NULL, &b->target) != ST_OK) {
            *d = (struct diag){.line = number};
            diag_set(d, SEV_ERROR, "faults", NULL, "a line is: FAULT TARGET, and at most %u lines",
                     max);
            return ST_ESYNTAX;
        }
        memcpy(b->word, word.p, word.n);
        b->word[word.n] = '\0';
        (*ret_n)++;
    }
    return ST_OK;
}
