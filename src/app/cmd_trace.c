/* Resolves a name and shows how: in this process from the root, or inside a running resolver. */
#include "app/cmd_trace.h"

#include "app/from_root.h"
#include "app/lab.h"
#include "app/opts.h"
#include "core/trace_render.h"
#include "dns/codes.h"
#include "dns/rr_type.h"
#include "io/ctl_client.h"
#include "io/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRACE_TEXT_MAX = 64 << 20, STATUS_BYTES = 65536, STATUS_MS = 3000 };

struct options {
    bool explain; /* the command is explain */
    bool cold, json, mermaid, lab, no_ipv4, no_ipv6, no_minimise, no_validate;
    const char *hints, *socket, *server, *anchor;
    uint32_t port, timeout_ms;
    struct name name;
    uint16_t type;
    uint16_t rcode; /* how it ended */
};

static const char trace_about[] =
    "Resolves NAME (type A unless TYPE is given) and prints every step: cache, zone cut, server "
    "chosen\n"
    "and why, packets, replies, verdict, the budget spent.\n"
    "Without @SERVER it starts at the root by itself, in this process, with an empty cache.\n"
    "With @SERVER a running resolver does it now: @lab is the resolver of a running lab, @/PATH "
    "one\n"
    "with that control socket, @ADDRESS the one of this machine that listens there.";
static const char trace_examples[] =
    "  banyan trace www.example.org              from the root servers, step by step\n"
    "  banyan trace @lab www.example.org AAAA    in the lab's resolver, with its cache\n"
    "  banyan trace @lab --cold www.example.org  the same, passing by the cache\n"
    "  banyan trace --lab www.example.org        by itself, from the lab's root\n"
    "  banyan trace --mermaid example.org MX     a sequence diagram to paste into a page\n";
static const char explain_about[] = "Resolves NAME and says in one plain paragraph what happened, "
                                    "whose fault it is if it failed, and\n"
                                    "what to do about it. @SERVER as for `banyan trace`; in a "
                                    "running resolver the cache is passed by,\n"
                                    "so that what is said is true now.";
static const char explain_examples[] = "  banyan explain www.example.org\n"
                                       "  banyan explain @lab www.lame.org\n";

static int complain(const struct options *o, const char *hint, const char *fmt, const char *arg)
{
    fprintf(stderr, "banyan %s: ", o->explain ? "explain" : "trace");
    fprintf(stderr, fmt, arg);
    if (hint != NULL)
        fprintf(stderr, "\n    hint: %s", hint);
    fputc('\n', stderr);
    return 2;
}

static void render(const struct options *o, const struct trace *t, struct text *out)
{
    if (o->json) {
        struct json j = json_of(out, true);
        trace_json(t, &j);
        text_char(out, '\n');
    } else if (o->mermaid) {
        trace_mermaid(t, out);
    } else if (o->explain) {
        trace_explain(t, out);
    } else {
        trace_timeline(t, term_colour(), out);
    }
}

static void done(void *ctx, struct bytes answer, const struct trace *trace)
{
    struct options *o = ctx;
    struct text out = text_heap(TRACE_TEXT_MAX);
    (void)answer;
    render(o, trace, &out);
    fwrite(text_cstr(&out), 1, out.n, stdout);
    fflush(stdout);
    text_free(&out);
    o->rcode = trace->rcode;
}

static int resolve_here(struct options *o)
{
    const struct from_root_wish wish = {.command = o->explain ? "explain" : "trace",
                                        .lab = o->lab,
                                        .hints = o->hints,
                                        .anchor = o->anchor,
                                        .no_validate = o->no_validate};
    struct from_root from;
    int rc = from_root_open(&wish, &from);
    if (rc != 0) {
        from_root_close(&from);
        return rc;
    }
    struct resolver_options *ro = &from.options;
    ro->minimise = !o->no_minimise;
    ro->ipv4 = !o->no_ipv4;
    ro->ipv6 = ro->ipv6 && !o->no_ipv6;
    if (o->port != 0)
        ro->upstream_port = (uint16_t)o->port;
    struct resolve_task task = {.name = o->name.w,
                                .type = o->type,
                                .rclass = CLASS_IN,
                                .armed = true,
                                .done = done,
                                .ctx = o};
    enum status st = local_resolve(ro, &task, o->timeout_ms);
    from_root_close(&from);
    if (st != ST_OK) {
        complain(o, NULL, "the resolution did not end: %s", status_text(st));
        return 1;
    }
    return o->rcode == RCODE_NOERROR || o->rcode == RCODE_NXDOMAIN ? 0 : 1;
}

/* Does the server behind this control socket listen at the address? A server that cannot be asked
 * is found out about by the request itself. */
static bool listens_at(const char *path, const struct netaddr *a)
{
    const struct control_request rq = {
        .command = CONTROL_STATUS, .has_command = true, .json = true};
    struct control_reply reply;
    struct diag d = {0};
    struct text payload = text_heap(STATUS_BYTES);
    char own[NETADDR_TEXT_MAX], any[NETADDR_TEXT_MAX];
    struct text t = text_of(own, sizeof own), u = text_of(any, sizeof any);
    text_char(&t, '"');
    netaddr_text_port(a, &t);
    text_char(&t, '"');
    text_fmt(&u, a->family == ADDR_V4 ? "\"0.0.0.0:%u\"" : "\"[::]:%u\"", a->port);
    bool yes = control_call(path, &rq, STATUS_MS, &reply, &payload, &d) != ST_OK || !reply.ok ||
               strstr(text_cstr(&payload), own) != NULL || strstr(text_cstr(&payload), any) != NULL;
    text_free(&payload);
    return yes;
}

/* The control socket that @SERVER means; NULL in *ret: the usual ones. 0, or an exit status. */
static int socket_of(const struct options *o, struct lab_state *lab, const char **ret)
{
    struct netaddr a;
    *ret = o->socket;
    bool lab_runs = lab_find(lab);
    if (strcmp(o->server, "lab") == 0) {
        if (!lab_runs)
            return complain(o, "start it with: banyan lab up", "%s", "no lab is running");
        *ret = lab->control;
    } else if (strchr(o->server, '/') != NULL) {
        *ret = o->server;
    } else if (netaddr_parse_port(bytes_str(o->server), 53, &a) != ST_OK) {
        return complain(
            o,
            "@lab, @ADDRESS[:PORT] of a resolver on this machine, or @/PATH of its control socket",
            "'%s' is no server", o->server);
    } else if (lab_runs && netaddr_equal(&a, &lab->resolver)) {
        *ret = lab->control;
    } else if (!listens_at(*ret, &a)) {
        return complain(o, "give its control socket: @/PATH or --socket PATH",
                        "the server behind the control socket does not listen at %s", o->server);
    }
    return 0;
}

static int resolve_there(const struct options *o)
{
    struct lab_state lab;
    const char *path;
    int rc = socket_of(o, &lab, &path);
    if (rc != 0)
        return rc;
    struct control_request rq = {.command = CONTROL_TRACE,
                                 .has_command = true,
                                 .has_name = true,
                                 .name = o->name,
                                 .type = o->type,
                                 .cold = o->cold || o->explain,
                                 .colour = term_colour(),
                                 .json = o->json,
                                 .format = o->json      ? FORMAT_JSON
                                           : o->mermaid ? FORMAT_MERMAID
                                           : o->explain ? FORMAT_EXPLAIN
                                                        : FORMAT_TEXT};
    struct control_reply reply;
    struct diag d = {0};
    struct text payload = text_heap(TRACE_TEXT_MAX), t = text_heap(4096);
    enum status st = control_call(path, &rq, o->timeout_ms, &reply, &payload, &d);
    if (st == ST_OK && !reply.ok)
        diag_set(&d, SEV_ERROR, "server", reply.hint, "%s", reply.error);
    fwrite(text_cstr(&payload), 1, payload.n, stdout);
    fflush(stdout);
    if (d.message[0] != '\0') {
        diag_text(&d, isatty(2), &t);
        fprintf(stderr, "banyan %s: %s", o->explain ? "explain" : "trace", text_cstr(&t));
    }
    text_free(&payload);
    text_free(&t);
    /* A hint beside success says that the resolution itself failed. */
    return st == ST_OK && reply.ok && reply.hint[0] == '\0' ? 0 : 1;
}

/* The words that are no options: @SERVER, NAME and TYPE. 0, or an exit status. */
static int take_words(struct options *o, int n, char **argv)
{
    bool named = false;
    for (int i = 1; i <= n; i++) {
        const char *a = argv[i];
        if (a[0] == '@' && o->server == NULL) {
            o->server = a + 1;
        } else if (!named) {
            if (name_from(a, &o->name) != ST_OK)
                return complain(o, "labels of at most 63 characters, 255 in all",
                                "'%s' is no domain name", a);
            named = true;
        } else if (o->type == 0) {
            if (!rr_type_parse(bytes_str(a), &o->type))
                return complain(o, "A, AAAA, MX, TXT ... or TYPE123", "there is no RR type '%s'",
                                a);
        } else {
            return complain(o, "see --help", "what is '%s'?", a);
        }
    }
    if (!named)
        return complain(o, "see --help", "%s", "which name?");
    if (o->type == 0)
        o->type = RR_A;
    if (o->server == NULL && o->socket != NULL)
        o->server = o->socket;
    return 0;
}

static int run(bool explain, int argc, char **argv)
{
    struct options o = {.explain = explain, .timeout_ms = 20000};
    const struct opt table[] = {
        {"--cold", 'c', NULL, "pass by the running resolver's cache and leave it unchanged",
         &o.cold, NULL, NULL, 0, 0},
        {"--json", 'j', NULL, "the trace as JSON", &o.json, NULL, NULL, 0, 0},
        {"--mermaid", 'm', NULL, "the trace as a Mermaid sequence diagram", &o.mermaid, NULL, NULL,
         0, 0},
        {"--lab", 0, NULL, "start at the root of the running lab, by itself", &o.lab, NULL, NULL, 0,
         0},
        {"--hints", 0, "FILE", "root hints to start from", NULL, &o.hints, NULL, 0, 0},
        {"--anchor", 'a', "FILE",
         "trust anchors to validate with (default: the lab's; the Internet's root)", NULL,
         &o.anchor, NULL, 0, 0},
        {"--no-validate", 0, NULL, "do not check signatures", &o.no_validate, NULL, NULL, 0, 0},
        {"--port", 'p', "N", "port of all name servers (default 53)", NULL, NULL, &o.port, 1,
         65535},
        {"--no-ipv4", '6', NULL, "ask over IPv6 only", &o.no_ipv4, NULL, NULL, 0, 0},
        {"--no-ipv6", '4', NULL, "ask over IPv4 only", &o.no_ipv6, NULL, NULL, 0, 0},
        {"--no-minimise", 0, NULL, "send the whole name to every server (not RFC 9156)",
         &o.no_minimise, NULL, NULL, 0, 0},
        {"--socket", 's', "PATH", "control socket of the running resolver", NULL, &o.socket, NULL,
         0, 0},
        {"--timeout", 't', "MS", "give up after so many milliseconds (default 20000)", NULL, NULL,
         &o.timeout_ms, 1, 600000},
    };
    const struct opt_command c = {explain ? "banyan explain" : "banyan trace",
                                  "[@SERVER] NAME [TYPE] [OPTIONS]",
                                  explain ? explain_about : trace_about,
                                  explain ? explain_examples : trace_examples,
                                  table,
                                  ARRAY_LEN(table)};
    int n;
    enum opts_result r = opts_parse(&c, argc, argv, &n);
    if (r != OPTS_GO)
        return r == OPTS_HELP ? 0 : 2;
    int rc = take_words(&o, n, argv);
    if (rc != 0)
        return rc;
    return o.server != NULL ? resolve_there(&o) : resolve_here(&o);
}

int cmd_trace(int argc, char **argv)
{
    return run(false, argc, argv);
}

int cmd_explain(int argc, char **argv)
{
    return run(true, argc, argv);
}
