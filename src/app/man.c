#include "app/man.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Text in which roff sees no orders of its own. */
static void plain(const char *s)
{
    if (*s == '.' || *s == '\'')
        fputs("\\&", stdout);
    for (; *s != '\0'; s++)
        if (*s == '\\')
            fputs("\\e", stdout);
        else if (*s == '-')
            fputs("\\-", stdout);
        else
            putchar(*s);
    putchar('\n');
}

/* A line at the margin that ends in a colon begins a section; lines further in stay as they are. */
static void line(char *l, bool *verbatim)
{
    size_t n = strlen(l);
    bool inner = l[0] == ' ';
    if (n > 0 && *verbatim != inner) {
        puts(inner ? ".nf" : ".fi");
        *verbatim = inner;
    }
    if (strncmp(l, "usage: ", 7) == 0) {
        puts(".SH SYNOPSIS\n.nf");
        plain(l + 7);
        *verbatim = true;
    } else if (n > 1 && !inner && l[n - 1] == ':') {
        l[n - 1] = '\0';
        fputs(".SH ", stdout);
        for (char *p = l; *p != '\0'; p++)
            *p = (char)toupper((unsigned char)*p);
        plain(l);
    } else if (n == 0) {
        puts(".PP");
    } else {
        plain(l);
    }
}

/* What run prints to standard output, rewound; NULL if there is no room for a file. */
static FILE *capture(int (*run)(int argc, char **argv), const char *name)
{
    char word[64];
    snprintf(word, sizeof word, "%s", name);
    char *argv[] = {word, (char *)"--help", NULL};
    FILE *f = tmpfile();
    fflush(stdout);
    int keep = dup(STDOUT_FILENO);
    if (f == NULL || keep < 0 || dup2(fileno(f), STDOUT_FILENO) < 0) {
        perror("banyan help");
        return NULL;
    }
    (void)run(2, argv);
    fflush(stdout);
    bool back = dup2(keep, STDOUT_FILENO) >= 0;
    close(keep);
    rewind(f);
    return back ? f : NULL;
}

int man_print(const char *name, const char *summary, int (*run)(int argc, char **argv))
{
    char buf[1024];
    bool verbatim = false, described = false, synopsis = false;
    const char *dash = *name != '\0' ? "\\-" : "";
    FILE *f = capture(run, name);
    if (f == NULL)
        return 10;
    printf(".TH \"BANYAN%s%s\" 1\n.SH NAME\nbanyan%s%s \\- %s\n", dash, name, dash, name, summary);
    while (fgets(buf, sizeof buf, f) != NULL) {
        buf[strcspn(buf, "\n")] = '\0';
        if (synopsis && !described && buf[0] == '\0') {
            puts(".fi\n.SH DESCRIPTION");
            verbatim = false;
            described = true;
            continue;
        }
        synopsis = synopsis || strncmp(buf, "usage: ", 7) == 0;
        line(buf, &verbatim);
    }
    if (verbatim)
        puts(".fi");
    puts(".SH SEE ALSO\n.BR banyan (1),\n.BR banyan.conf (5)");
    fclose(f);
    return 0;
}
