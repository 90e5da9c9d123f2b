/* banyan: the person's tool. A table of subcommands, nothing more. */
#include "app/man.h"
#include "base/diag.h"
#include "io/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COMMAND(name, function, group, summary) int function(int argc, char **argv);
#include "app/commands.def"
#undef COMMAND

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *group, *summary;
} commands[] = {
#define COMMAND(name, function, group, summary) {name, function, group, summary},
#include "app/commands.def"
#undef COMMAND
};

static const struct {
    const char *group, *title;
} groups[] = {{"ask", "Ask and understand"},
              {"zones", "Zones"},
              {"serve", "Servers"},
              {"try", "Try things out"}};

static void usage(FILE *f)
{
    fputs("usage: banyan COMMAND [ARGUMENTS]        (the server itself is banyand)\n", f);
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        fprintf(f, "\n%s\n", groups[g].title);
        for (size_t i = 0; i < ARRAY_LEN(commands); i++)
            if (strcmp(commands[i].group, groups[g].group) == 0)
                fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\n`banyan COMMAND --help` tells more, with examples. Try: banyan lab up\n", f);
}

static int unknown(const char *word)
{
    const char *names[ARRAY_LEN(commands)];
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        names[i] = commands[i].name;
    const char *near = nearest_word(word, names, ARRAY_LEN(names));
    fprintf(stderr, "banyan: there is no command '%s'\n    hint: %s%s\n", word,
            near ? "did you mean: banyan " : "`banyan help` lists them", near ? near : "");
    return 2;
}

static int run_usage(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    usage(stdout);
    return 0;
}

/* banyan help --man [COMMAND]: its manual page; tools/e2e_man.py --write writes them all. */
static int man(const char *word)
{
    if (word == NULL)
        return man_print("", "the whole DNS: questions, zones, servers, a lab", run_usage);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, word) == 0)
            return man_print(word, commands[i].summary, commands[i].run);
    return unknown(word);
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 || strcmp(word, "version") == 0) {
        puts("banyan " BANYAN_VERSION);
        return 0;
    }
    bool help = strcmp(word, "help") == 0;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (help && argc < 3)) {
        usage(stdout);
        return 0;
    }
    if (help && strcmp(argv[2], "--man") == 0)
        return man(argv[3]);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, help ? argv[2] : word) != 0)
            continue;
        char *asked[] = {argv[2], (char *)"--help", NULL};
        return help ? commands[i].run(2, asked) : commands[i].run(argc - 1, argv + 1);
    }
    return unknown(help ? argv[2] : word);
}

/* A full disk must not pass for success. */
static int finish(int status)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "banyan: the output could not be written%s%s\n", errno != 0 ? ": " : "",
            errno != 0 ? strerror(errno) : "");
    return status != 0 ? status : 1;
}

int main(int argc, char **argv)
{
    files_hold_standard();
    return finish(dispatch(argc, argv));
}
