/* banyand: the server. Wiring only: command line to configuration, then server_run(). */
#include "io/files.h"
#include "io/server.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/banyan/banyan.conf"

enum { SETTINGS_MAX = 256 };

/* What the command line says, kept so that a reload can say it again. */
struct command_line {
    const char *config;                                   /* file, or NULL */
    const char *path[SETTINGS_MAX], *value[SETTINGS_MAX]; /* options set by hand */
    size_t n;
    const char *zone[SETTINGS_MAX]; /* NAME=FILE */
    size_t zone_n;
    bool check;
};

static const char usage[] =
    "usage: banyand [--config FILE] [--check]\n"
    "       banyand --listen ADDRESS@PORT --zone NAME=FILE [--zone ...]\n"
    "       banyand --listen ADDRESS@PORT --resolver [--root-hints FILE]\n"
    "\n"
    "  -c, --config FILE      configuration, " DEFAULT_CONFIG " by default; see banyan.conf(5)\n"
    "      --check            check the configuration, do not start\n"
    "  -l, --listen ADDR@PORT answer there; may be given several times\n"
    "  -z, --zone NAME=FILE   serve a zone from a master file; may be given several times\n"
    "  -r, --resolver         resolve names for clients on this machine\n"
    "      --root-hints FILE  root servers to begin with\n"
    "  -w, --workers N        threads that answer; 0: one for each processor\n"
    "      --control PATH     control socket for `banyan ctl`; \"\" for none\n"
    "  -s, --set OPTION=VALUE any option of the configuration, as server.udp-size=1400\n"
    "      --version, --help\n"
    "\n"
    "It stays in the foreground and logs to the standard error output. SIGHUP reloads, SIGUSR1 "
    "logs the\n"
    "counters, SIGTERM ends it with status 0.\n";

static bool add(struct command_line *cl, const char *path, const char *value)
{
    if (cl->n == SETTINGS_MAX) {
        fprintf(stderr, "banyand: too many options\n");
        return false;
    }
    cl->path[cl->n] = path;
    cl->value[cl->n++] = value;
    return true;
}

static void complain(struct diag_sink *sink, const struct diag *d)
{
    struct diag copy = *d;
    copy.severity = SEV_ERROR;
    diag_emit(sink, &copy);
}

static enum status apply(const struct command_line *cl, struct config *c, struct diag_sink *sink)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < cl->n; i++) {
        struct diag d = {0};
        enum status one = config_set(c, cl->path[i], cl->value[i], &d);
        if (one != ST_OK) {
            complain(sink, &d);
            st = one;
        }
    }
    for (size_t i = 0; i < cl->zone_n; i++) {
        struct diag d = {0};
        char name[NAME_TEXT_MAX];
        struct text t = text_of(name, sizeof name);
        const char *eq = strchr(cl->zone[i], '=');
        text_bytes(&t, cl->zone[i], (size_t)(eq - cl->zone[i]));
        enum status one = config_add_zone(c, name, eq + 1, &d);
        if (one != ST_OK) {
            complain(sink, &d);
            st = one;
        }
    }
    return st;
}

/* The configuration, at the start and for every reload. */
static enum status make_config(void *ctx, struct diag_sink *sink, struct config **ret)
{
    const struct command_line *cl = ctx;
    struct config *c = NULL;
    if (cl->config != NULL) {
        TRY(config_read_file(cl->config, sink, &c));
    } else {
        c = config_default();
        if (c == NULL)
            return ST_ENOMEM;
    }
    enum status st = apply(cl, c, sink);
    if (st == ST_OK && (cl->n > 0 || cl->zone_n > 0))
        st = config_check(c, cl->config, sink);
    if (st == ST_OK)
        *ret = c;
    else
        config_free(c);
    return st;
}

static void print_diag(void *ctx, const struct diag *d)
{
    struct text t = text_heap(8192);
    (void)ctx;
    diag_text(d, isatty(2), &t);
    fputs(text_cstr(&t), stderr);
    text_free(&t);
}

static int check(struct command_line *cl)
{
    struct diag_sink sink = {print_diag, NULL, 0, 0};
    struct config *c = NULL;
    const char *what = cl->config ? cl->config : "the command line";
    if (make_config(cl, &sink, &c) != ST_OK) {
        fprintf(stderr, "banyand: %u error%s in %s\n", sink.errors, sink.errors == 1 ? "" : "s",
                what);
        return 1;
    }
    printf("%s is good\n", what);
    config_free(c);
    return 0;
}

enum { OPT_CHECK = 256, OPT_HINTS, OPT_CONTROL, OPT_VERSION, OPT_HELP };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},  {"check", no_argument, NULL, OPT_CHECK},
    {"listen", required_argument, NULL, 'l'},  {"zone", required_argument, NULL, 'z'},
    {"resolver", no_argument, NULL, 'r'},      {"root-hints", required_argument, NULL, OPT_HINTS},
    {"workers", required_argument, NULL, 'w'}, {"control", required_argument, NULL, OPT_CONTROL},
    {"set", required_argument, NULL, 's'},     {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},     {NULL, 0, NULL, 0},
};

/* One option of the command line; false after a complaint. */
static bool take(struct command_line *cl, int opt, char *arg)
{
    char *eq;
    switch (opt) {
    case 'c':
        cl->config = arg;
        return true;
    case OPT_CHECK:
        cl->check = true;
        return true;
    case 'l':
        return add(cl, "server.listen", arg);
    case 'w':
        return add(cl, "server.workers", arg);
    case 'r':
        return add(cl, "resolver.enabled", "yes");
    case OPT_HINTS:
        return add(cl, "resolver.root-hints", arg);
    case OPT_CONTROL:
        return add(cl, "control.socket", arg);
    case 's':
        eq = strchr(arg, '=');
        if (eq == NULL) {
            fprintf(stderr, "banyand: --set wants OPTION=VALUE, not '%s'\n", arg);
            return false;
        }
        *eq = '\0';
        return add(cl, arg, eq + 1);
    case 'z':
        if (strchr(arg, '=') == NULL || cl->zone_n == SETTINGS_MAX) {
            fprintf(stderr, "banyand: --zone wants NAME=FILE, not '%s'\n", arg);
            return false;
        }
        cl->zone[cl->zone_n++] = arg;
        return true;
    default:
        fprintf(stderr, "banyand --help lists the options\n");
        return false;
    }
}

int main(int argc, char **argv)
{
    static struct command_line cl;
    files_hold_standard();
    for (int opt; (opt = getopt_long(argc, argv, "c:l:z:rw:s:", options, NULL)) != -1;) {
        if (opt == OPT_VERSION) {
            printf("banyand %s\n", BANYAN_VERSION);
            return 0;
        }
        if (opt == OPT_HELP) {
            fputs(usage, stdout);
            return 0;
        }
        if (!take(&cl, opt, optarg))
            return 2;
    }
    if (optind < argc) {
        fprintf(stderr, "banyand: '%s' is not an option\nbanyand --help lists the options\n",
                argv[optind]);
        return 2;
    }
    if (cl.config == NULL && cl.n == 0 && cl.zone_n == 0) {
        cl.config = DEFAULT_CONFIG;
        if (access(cl.config, R_OK) != 0) {
            fprintf(stderr,
                    "banyand: there is no %s\n"
                    "    hint: give --config FILE, or try: banyand --listen 127.0.0.1@5300 --zone "
                    "NAME=FILE\n",
                    cl.config);
            return 1;
        }
    }
    if (cl.check)
        return check(&cl);
    struct server_options opt = {make_config, &cl, cl.config};
    return server_run(&opt);
}
