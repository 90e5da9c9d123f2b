#include "app/opts.h"

#include "base/diag.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool term_colour(void)
{
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
    return isatty(1) && (no == NULL || no[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
}

void opts_help(const struct opt_command *c)
{
    printf("usage: %s %s\n\n%s\n", c->name, c->synopsis, c->about);
    if (c->n > 0)
        puts("\noptions:");
    for (size_t i = 0; i < c->n; i++) {
        char left[64];
        const struct opt *o = &c->opt[i];
        char letter[8] = "    ";
        if (o->letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s%s%s%s", letter, o->name, o->arg ? " " : "",
                 o->arg ? o->arg : "");
        printf("  %-26s %s\n", left, o->help);
    }
    if (c->examples != NULL)
        printf("\nexamples:\n%s", c->examples);
}

static const struct opt *find(const struct opt_command *c, const char *a, size_t n)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct opt *o = &c->opt[i];
        if ((strlen(o->name) == n && strncmp(o->name, a, n) == 0) ||
            (n == 2 && a[0] == '-' && a[1] == o->letter))
            return o;
    }
    return NULL;
}

static bool complain(const struct opt_command *c, const char *a, size_t n)
{
    const char *names[64];
    char word[64];
    size_t count = 0;
    for (size_t i = 0; i < c->n && count < ARRAY_LEN(names); i++)
        names[count++] = c->opt[i].name;
    snprintf(word, sizeof word, "%.*s", (int)n, a);
    const char *near = nearest_word(word, names, count);
    fprintf(stderr, "%s: there is no option '%s'\n    hint: %s%s\n", c->name, word,
            near ? "did you mean " : "see --help", near ? near : "");
    return false;
}

static bool take_value(const struct opt_command *c, const struct opt *o, const char *value)
{
    if (o->value != NULL)
        *o->value = value;
    if (o->number == NULL)
        return true;
    char *end;
    unsigned long v = strtoul(value, &end, 10);
    if (*value == '\0' || *end != '\0' || v < o->min || v > o->max) {
        fprintf(stderr, "%s: %s takes a number from %u to %u, not '%s'\n", c->name, o->name, o->min,
                o->max, value);
        return false;
    }
    *o->number = (uint32_t)v;
    return true;
}

/* The option at argv[*i]; moves *i past its value. */
static bool take(const struct opt_command *c, int argc, char **argv, int *i)
{
    const char *a = argv[*i], *eq = strchr(a, '=');
    size_t n = eq != NULL ? (size_t)(eq - a) : strlen(a);
    const struct opt *o = find(c, a, n);
    if (o == NULL)
        return complain(c, a, n);
    if (o->arg == NULL) {
        if (eq != NULL) {
            fprintf(stderr, "%s: %s takes no value\n", c->name, o->name);
            return false;
        }
        *o->flag = true;
        return true;
    }
    const char *value = eq != NULL ? eq + 1 : *i + 1 < argc ? argv[++*i] : NULL;
    if (value == NULL) {
        fprintf(stderr, "%s: %s needs a value: %s\n", c->name, o->name, o->arg);
        return false;
    }
    return take_value(c, o, value);
}

enum opts_result opts_parse(const struct opt_command *c, int argc, char **argv, int *ret_n)
{
    int n = 1;
    bool only_arguments = false;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (only_arguments || a[0] != '-' || a[1] == '\0') {
            argv[n++] = argv[i];
        } else if (strcmp(a, "--") == 0) {
            only_arguments = true;
        } else if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
            opts_help(c);
            return OPTS_HELP;
        } else if (!take(c, argc, argv, &i)) {
            return OPTS_BAD;
        }
    }
    *ret_n = n - 1;
    return OPTS_GO;
}
