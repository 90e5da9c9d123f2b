/* banyan ctl: talks to a running server. */
#include "app/cmd_ctl.h"

#include "dns/rr_type.h"
#include "io/ctl_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALL_MS = 20000, RELOAD_MS = 600000 };

static void print_usage(FILE *f)
{
    fputs("usage: banyan ctl [--socket PATH] COMMAND [ARGUMENTS]\n\n", f);
    for (int i = 0; i < CONTROL_COUNT; i++) {
        enum control_command c = (enum control_command)i;
        fprintf(f, "  %s %s\n        %s\n", control_word(c), control_args(c), control_help(c));
    }
    fputs(
        "\n  --socket PATH  control socket; else $BANYAN_CONTROL, /run/banyan/control.sock,\n"
        "                 $XDG_RUNTIME_DIR/banyan-control.sock, /tmp/banyan-UID/control.sock\n"
        "  --json         JSON instead of text\n"
        "  --below NAME   flush, failures, slow: NAME and everything below it\n"
        "  --reason WORD  failures: only for reasons that begin so (timeout, dnssec, reply-lame)\n"
        "  --last N       failures, slow, servers: so many\n"
        "  --hour         slow: of the last hour\n"
        "  --over MS      slow: that took so many milliseconds or more\n"
        "  --cold         trace: pass by the cache and leave it unchanged\n"
        "  --format F     trace: text, json, mermaid or explain\n",
        f);
}

static int bad(const char *what, const char *arg)
{
    fprintf(stderr, "banyan ctl: %s '%s'\n    hint: banyan ctl --help\n", what, arg);
    return 2;
}

static bool take_name(struct control_request *rq, const char *arg)
{
    rq->has_name = true;
    return name_from(arg, &rq->name) == ST_OK;
}

/* Options that choose among rows; -1: it is none of them. Else as take_option(). */
static int take_choice(struct control_request *rq, const char *a, const char *value, int *i)
{
    if (strcmp(a, "--hour") == 0) {
        rq->hour = true;
        return 0;
    }
    bool last = strcmp(a, "--last") == 0, reason = strcmp(a, "--reason") == 0;
    if (!last && !reason && strcmp(a, "--over") != 0)
        return -1;
    if (value == NULL)
        return bad("the value is missing of", a);
    ++*i;
    char *end;
    unsigned long n = strtoul(value, &end, 10);
    bool number = *value >= '0' && *value <= '9' && *end == '\0' && n <= UINT32_MAX;
    if (reason) {
        bool word = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(value);
        if (!word ||
            (size_t)snprintf(rq->reason, sizeof rq->reason, "%s", value) >= sizeof rq->reason)
            return bad("there is no reason", value);
    } else if (!number) {
        return bad("not a number:", value);
    } else {
        *(last ? &rq->last : &rq->over_ms) = (uint32_t)n;
    }
    return 0;
}

/* An option (it begins with '-'); moves *i past its value. 0, or an exit status. */
static int take_option(struct control_request *rq, int argc, char **argv, int *i, const char **path)
{
    const char *a = argv[*i], *value = *i + 1 < argc ? argv[*i + 1] : NULL;
    int taken = take_choice(rq, a, value, i);
    if (taken >= 0)
        return taken;
    if (strcmp(a, "--json") == 0) {
        rq->json = true;
        rq->format = FORMAT_JSON;
    } else if (strcmp(a, "--cold") == 0) {
        rq->cold = true;
    } else if (strcmp(a, "--all") == 0) {
        rq->all = true;
    } else if (strcmp(a, "--mermaid") == 0) {
        rq->format = FORMAT_MERMAID;
    } else if (strcmp(a, "--explain") == 0) {
        rq->format = FORMAT_EXPLAIN;
    } else if (value == NULL) {
        return bad("unknown option, or its value is missing:", a);
    } else if (strcmp(a, "--socket") == 0) {
        *path = value;
        ++*i;
    } else if (strcmp(a, "--below") == 0) {
        rq->below = true;
        ++*i;
        if (!take_name(rq, value))
            return bad("not a domain name:", value);
    } else if (strcmp(a, "--format") == 0) {
        ++*i;
        if (!control_format_from(value, &rq->format))
            return bad("there is no format", value);
    } else {
        return bad("unknown option", a);
    }
    return 0;
}

/* A plain argument of the command: a name, then a type; or a level. */
static int take_argument(struct control_request *rq, const char *a)
{
    bool named = rq->command == CONTROL_RELOAD || rq->command == CONTROL_FLUSH ||
                 rq->command == CONTROL_TRACE || rq->command == CONTROL_FAILURES ||
                 rq->command == CONTROL_SLOW || rq->command == CONTROL_SERVERS;
    if (rq->command == CONTROL_SERVERS && !rq->has_name && rq->address.family == ADDR_NONE &&
        netaddr_parse(bytes_str(a), &rq->address) == ST_OK)
        return 0;
    if (rq->command == CONTROL_LOG_LEVEL && rq->level[0] == '\0') {
        snprintf(rq->level, sizeof rq->level, "%s", a);
    } else if (named && !rq->has_name) {
        if (!take_name(rq, a))
            return bad("not a domain name:", a);
    } else if (named && rq->command != CONTROL_RELOAD && rq->command != CONTROL_SERVERS &&
               rq->type == 0) {
        if (!rr_type_parse(bytes_str(a), &rq->type))
            return bad("there is no RR type", a);
    } else {
        return bad("what is", a);
    }
    return 0;
}

static int call(const char *path, const struct control_request *rq)
{
    struct control_reply reply;
    struct diag d = {0};
    struct text payload = text_heap(512u << 20), t = text_heap(4096);
    enum status st = control_call(path, rq, rq->command == CONTROL_RELOAD ? RELOAD_MS : CALL_MS,
                                  &reply, &payload, &d);
    if (st == ST_OK && !reply.ok)
        diag_set(&d, SEV_ERROR, "server", reply.hint, "%s", reply.error);
    if (payload.n > 0)
        fwrite(payload.p, 1, payload.n, stdout);
    fflush(stdout);
    if (d.message[0] != '\0') {
        diag_text(&d, isatty(2), &t);
        fprintf(stderr, "banyan ctl: %s", text_cstr(&t));
    }
    text_free(&payload);
    text_free(&t);
    return st == ST_OK && reply.ok ? 0 : 1;
}

int cmd_ctl(int argc, char **argv)
{
    struct control_request rq = {0};
    const char *path = NULL;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        int rc = 0;
        if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0 || strcmp(a, "help") == 0) {
            print_usage(stdout);
            return 0;
        }
        if (a[0] == '-' && a[1] != '\0') {
            rc = take_option(&rq, argc, argv, &i, &path);
        } else if (!rq.has_command) {
            rq.has_command = control_from_word(a, &rq.command);
            if (!rq.has_command) {
                const char *near = control_nearest(a);
                fprintf(stderr, "banyan ctl: there is no command '%s'\n    hint: %s%s\n", a,
                        near ? "did you mean " : "banyan ctl --help lists them", near ? near : "");
                return 2;
            }
        } else {
            rc = take_argument(&rq, a);
        }
        if (rc != 0)
            return rc;
    }
    if (!rq.has_command) {
        print_usage(stderr);
        return 2;
    }
    if ((rq.command == CONTROL_FLUSH && !rq.has_name && !rq.all) ||
        (rq.command == CONTROL_TRACE && !rq.has_name) ||
        (rq.command == CONTROL_LOG_LEVEL && rq.level[0] == '\0')) {
        fprintf(stderr, "usage: banyan ctl %s %s\n", control_word(rq.command),
                control_args(rq.command));
        return 2;
    }
    rq.colour = isatty(1);
    return call(path, &rq);
}
