#include "sim/recipe.h"

#include "sim/lines.h"

static void keep(char *dst, size_t cap, struct bytes src)
{
    size_t n = MIN(src.n, cap - 1);
    memcpy(dst, src.p, n);
    dst[n] = '\0';
}

static enum status read_edit(struct recipe *r, struct bytes line, const char **ret_what)
{
    struct bytes where, verb;
    *ret_what = "write: at zone|parent add|drop NAME ...";
    if (!word_next(&line, &where) || !word_next(&line, &verb))
        return ST_ESYNTAX;
    struct recipe_edit e = {.parent = word_is(where, "parent"), .add = word_is(verb, "add")};
    if ((!e.parent && !word_is(where, "zone")) || (!e.add && !word_is(verb, "drop")))
        return ST_ESYNTAX;
    line = line_rest(line);
    if (line.n == 0 || line.n >= sizeof e.text)
        return ST_ESYNTAX;
    *ret_what = "too many edits";
    if (r->edit_count == RECIPE_EDITS)
        return ST_ELIMIT;
    keep(e.text, sizeof e.text, line);
    r->edit[r->edit_count++] = e;
    return ST_OK;
}

static enum status read_line(struct recipe *r, struct bytes line, const char **ret_what)
{
    struct bytes key;
    if (!word_next(&line, &key))
        return ST_OK;
    if (word_is(key, "help"))
        keep(r->help, sizeof r->help, line_rest(line));
    else if (word_is(key, "expect"))
        keep(r->expect, sizeof r->expect, line_rest(line));
    else if (word_is(key, "at"))
        return read_edit(r, line, ret_what);
    else {
        *ret_what = "a line begins with help, expect or at";
        return ST_ESYNTAX;
    }
    return ST_OK;
}

enum status recipe_parse(struct recipe *r, struct bytes text, const char *file, struct diag *d)
{
    struct bytes line;
    uint32_t number = 0;
    r->help[0] = r->expect[0] = '\0';
    r->edit_count = 0;
    while (line_next(&text, &line)) {
        const char *what = "";
        number++;
        if (read_line(r, line, &what) != ST_OK) {
            *d = (struct diag){.file = file, .line = number, .column = 1};
            diag_set(d, SEV_ERROR, "recipe", NULL, "%s", what);
            keep(d->source, sizeof d->source, line);
            return ST_ESYNTAX;
        }
    }
    return ST_OK;
}
