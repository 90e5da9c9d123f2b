#include "sim/recipe.h"

#include "sim/lines.h"
#include "sim/sign_edit.h"

#include <stdio.h>

static const char *const verbs[RECIPE_VERBS] = {"add",   "drop", "change", "sign",
                                                "clone", "ds",   "policy"};
static const char *const verdicts[VERDICTS] = {"", "secure", "insecure", "bogus", "indeterminate"};

static void keep(char *dst, size_t cap, struct bytes src)
{
    size_t n = MIN(src.n, cap - 1);
    memcpy(dst, src.p, n);
    dst[n] = '\0';
}

static enum status wrong(struct diag *d, const char *near, const char *what)
{
    char hint[100] = "";
    if (near != NULL)
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
    diag_set(d, SEV_ERROR, "recipe", hint, "%s", what);
    return ST_ESYNTAX;
}

/* The place of a word among words; count if it is none of them, then *d is filled. */
static unsigned choose(struct bytes word, const char *const *words, unsigned count,
                       const char *what, struct diag *d)
{
    char text[40], message[200];
    for (unsigned i = 0; i < count; i++)
        if (words[i][0] != '\0' && word_is(word, words[i]))
            return i;
    keep(text, sizeof text, word);
    snprintf(message, sizeof message, "%s \"%s\"", what, text);
    (void)wrong(d, nearest_word(text, words, count), message);
    return count;
}

/* Where a verb makes sense. */
static bool fits(const struct recipe_edit *e)
{
    if (e->verb == RECIPE_SIGN || e->verb == RECIPE_CLONE || e->where == RECIPE_SERVER)
        return e->after && e->verb != RECIPE_DS && e->verb != RECIPE_POLICY;
    if (e->verb == RECIPE_DS)
        return !e->after && e->where == RECIPE_PARENT;
    return e->verb != RECIPE_POLICY || !e->after;
}

static enum status read_edit(struct recipe *r, bool after, struct bytes line, struct diag *d)
{
    static const char *const places[] = {"zone", "parent", "server"};
    struct bytes where, verb;
    struct recipe_edit e = {.after = after};
    if (!word_next(&line, &where) || !word_next(&line, &verb))
        return wrong(d, NULL, "write: at|signed zone|parent|server VERB ...");
    unsigned at = choose(where, places, ARRAY_LEN(places), "there is no place", d);
    unsigned what = choose(verb, verbs, RECIPE_VERBS, "there is no verb", d);
    if (at == ARRAY_LEN(places) || what == RECIPE_VERBS)
        return ST_ESYNTAX;
    e.where = (enum recipe_where)at;
    e.verb = (enum recipe_verb)what;
    if (!fits(&e))
        return wrong(d, NULL,
                     "this cannot be done here, or not at this moment (at: before the "
                     "signing; signed: after it)");
    line = line_rest(line);
    if (line.n >= sizeof e.text)
        return wrong(d, NULL, "the line is too long");
    if (r->edit_count == RECIPE_EDITS)
        return wrong(d, NULL, "too many edits");
    TRY(sign_edit_check(e.verb, line, d));
    keep(e.text, sizeof e.text, line);
    r->edit[r->edit_count++] = e;
    return ST_OK;
}

static enum status read_try(struct recipe *r, struct bytes line, struct diag *d)
{
    struct bytes target, name, type;
    struct name n;
    uint16_t t;
    if (!word_next(&line, &target) || !word_next(&line, &name) || !word_next(&line, &type) ||
        name_parse(target, NULL, &n) != ST_OK || name_parse(name, NULL, &n) != ST_OK ||
        !rr_type_parse(type, &t))
        return wrong(d, NULL, "write: try TARGET NAME TYPE");
    keep(r->target, sizeof r->target, target);
    keep(r->qname, sizeof r->qname, name);
    keep(r->qtype, sizeof r->qtype, type);
    return ST_OK;
}

static enum status read_line(struct recipe *r, struct bytes line, struct diag *d)
{
    static const char *const keys[] = {"help", "expect", "verdict", "ede", "try", "at", "signed"};
    struct bytes key;
    uint64_t v;
    if (!word_next(&line, &key))
        return ST_OK;
    struct bytes rest = line_rest(line);
    switch (choose(key, keys, ARRAY_LEN(keys), "no line begins with", d)) {
    case 0:
        keep(r->help, sizeof r->help, rest);
        return ST_OK;
    case 1:
        keep(r->expect, sizeof r->expect, rest);
        return ST_OK;
    case 2:
        r->verdict =
            (enum recipe_verdict)choose(rest, verdicts, VERDICTS, "there is no verdict", d);
        return r->verdict < VERDICTS ? ST_OK : ST_ESYNTAX;
    case 3:
        if (!word_uint(rest, RECIPE_NO_EDE - 1, &v))
            return wrong(d, NULL, "ede: a number of RFC 8914 is expected");
        r->ede = (uint16_t)v;
        return ST_OK;
    case 4:
        return read_try(r, rest, d);
    case 5:
        return read_edit(r, false, rest, d);
    case 6:
        return read_edit(r, true, rest, d);
    default:
        return ST_ESYNTAX;
    }
}

enum status recipe_parse(struct recipe *r, struct bytes text, const char *file, struct diag *d)
{
    struct bytes line;
    uint32_t number = 0;
    r->help[0] = r->expect[0] = r->target[0] = r->qname[0] = r->qtype[0] = '\0';
    r->edit_count = 0;
    r->verdict = VERDICT_NONE;
    r->ede = RECIPE_NO_EDE;
    while (line_next(&text, &line)) {
        number++;
        *d = (struct diag){.file = file, .line = number, .column = 1};
        if (read_line(r, line, d) != ST_OK) {
            keep(d->source, sizeof d->source, line);
            return ST_ESYNTAX;
        }
    }
    return ST_OK;
}

const char *recipe_verdict_word(enum recipe_verdict v)
{
    return v < VERDICTS ? verdicts[v] : "";
}
