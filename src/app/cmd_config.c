/* banyan config: everything about configurations that needs no running server. */
#include "app/cmd_config.h"

#include "app/config_files.h"
#include "config/config.h"
#include "io/server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: banyan config COMMAND\n"
    "\n"
    "  check FILE [--json]         are there mistakes, in it or in the files that it names? "
    "(status 1 "
    "if so)\n"
    "  dump [--effective] [FILE]   the configuration as it is read; --effective: with all "
    "defaults\n"
    "  explain [OPTION|SECTION]    what it means, its bounds and its default\n"
    "  schema                      JSON Schema, for editors\n"
    "  man                         the manual page banyan.conf(5)\n";

struct output {
    bool json;
    unsigned n;
};

static void print_diag(void *ctx, const struct diag *d)
{
    struct output *o = ctx;
    struct text t = text_heap(8192);
    struct json j = json_of(&t, false);
    if (o->json) {
        text_str(&t, o->n++ ? ",\n" : "");
        diag_json(d, &j);
    } else {
        diag_text(d, isatty(2), &t);
    }
    fputs(text_cstr(&t), o->json ? stdout : stderr);
    text_free(&t);
}

static int check(const char *file, bool as_json)
{
    struct output o = {as_json, 0};
    struct diag_sink sink = {print_diag, &o, 0, 0};
    struct config *c = NULL;
    if (as_json)
        putchar('[');
    enum status st = config_read_file(file, &sink, &c);
    if (st == ST_OK) {
        config_files_check(c, file, &sink);
        st = sink.errors == 0 ? ST_OK : ST_ESEMANTIC;
    }
    if (as_json)
        puts("]");
    else if (st == ST_OK)
        printf("%s is good%s\n", file, sink.warnings ? ", with warnings" : "");
    else
        fprintf(stderr, "%u error%s in %s and the files that it names\n", sink.errors,
                sink.errors == 1 ? "" : "s", file);
    config_free(c);
    return st == ST_OK ? 0 : 1;
}

static int dump(const char *file, bool effective)
{
    struct output o = {false, 0};
    struct diag_sink sink = {print_diag, &o, 0, 0};
    struct config *c = NULL;
    struct text t = text_heap(64u << 20);
    if (file == NULL)
        c = config_default();
    else if (config_read_file(file, &sink, &c) != ST_OK)
        return 1;
    if (c == NULL)
        return 1;
    config_dump(c, effective || file == NULL, &t);
    fputs(text_cstr(&t), stdout);
    text_free(&t);
    config_free(c);
    return 0;
}

static int explain(const char *path)
{
    struct text t = text_heap(65536);
    const char *near = NULL;
    bool found = config_explain(path, &t, &near);
    if (found)
        fputs(text_cstr(&t), stdout);
    else
        fprintf(stderr, "there is no option '%s'\n    hint: %s%s%s\n", path,
                near ? "did you mean '" : "", near ? near : "`banyan config explain` lists all",
                near ? "'?" : "");
    text_free(&t);
    return found ? 0 : 1;
}

static int print(void (*make)(struct text *))
{
    struct text t = text_heap(1u << 20);
    make(&t);
    fputs(text_cstr(&t), stdout);
    text_free(&t);
    return 0;
}

int cmd_config(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "", *file = NULL;
    bool json = false, effective = false;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--effective") == 0) {
            effective = true;
        } else if (file == NULL && argv[i][0] != '-') {
            file = argv[i];
        } else {
            fprintf(stderr, "banyan config: what is '%s'?\n\n%s", argv[i], usage);
            return 2;
        }
    }
    if (strcmp(word, "check") == 0 && file != NULL)
        return check(file, json);
    if (strcmp(word, "dump") == 0)
        return dump(file, effective);
    if (strcmp(word, "explain") == 0)
        return explain(file ? file : "");
    if (strcmp(word, "schema") == 0)
        return print(config_json_schema);
    if (strcmp(word, "man") == 0)
        return print(config_man);
    bool help = strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
    fputs(usage, help ? stdout : stderr);
    return help ? 0 : 2;
}
