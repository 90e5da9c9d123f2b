/* `banyan lab`: the small Internet on this machine, from the command line. */
#include "app/lab.h"

#include "control/control.h"
#include "io/clock.h"
#include "io/files.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { APPLY_MS = 5000, FAULTS_BYTES = 65536, RECIPES_HINTED = 1000 };

static const char usage[] =
    "usage: banyan lab COMMAND [OPTIONS]\n"
    "\n"
    "A small Internet on this machine: root, top-level domains, hosters and their zones, served\n"
    "by Banyan itself on 127.53.x.y, and a resolver that knows no other.\n"
    "\n"
    "  up                     start it (no root needed)\n"
    "  down                   stop it\n"
    "  status                 is it running, where, and what is broken\n"
    "  list                   its servers and zones\n"
    "  anchor                 the trust anchor of its root: DS and DNSKEY; or --ds, --dnskey, and\n"
    "                         --unbound, --bind: as their configuration wants it\n"
    "  break FAULT [TARGET]   break something; TARGET is a server or a name in a zone\n"
    "  break --list           the faults there are\n"
    "  fix [TARGET]           mend what was broken at TARGET, or everything\n"
    "  shell [COMMAND...]     a shell (or command) inside, for a lab started with --namespace\n"
    "\n"
    "  --namespace   up: in its own network namespace, with real addresses, IPv6 and port 53\n"
    "  --data DIR    topology.yaml, zones/ and faults/ (default: the lab folder of the source)\n"
    "  --run DIR     run directory (default: $BANYAN_LAB_RUN, $XDG_RUNTIME_DIR/banyan-lab, or\n"
    "                /tmp/banyan-lab-UID)\n"
    "  --port N      up: port of all name servers (default: the first free one from 5300)\n"
    "  --json        status, list: for programs\n";

static void complain(const char *code, const char *hint, const char *fmt, const char *arg)
{
    struct diag d = {0};
    struct diag_sink sink = lab_sink();
    char what[300];
    snprintf(what, sizeof what, "%s%s", fmt, arg);
    diag_set(&d, SEV_ERROR, code, hint, "%s", what);
    diag_emit(&sink, &d);
}

static bool running(const struct lab_options *opt, struct lab_state *s)
{
    if (lab_state_read(opt->dir, s) && lab_process_lives(&s->servers))
        return true;
    complain("not-running", "start it with `banyan lab up`", "the lab is not running", "");
    return false;
}

/* Has the resolver forget what it knows, so that a change shows at once. */
static bool flush_resolver(const struct lab_state *s)
{
    struct control_request rq = {.command = CONTROL_FLUSH, .has_command = true, .all = true};
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct text t = text_heap(1000);
    struct timeval patience = {.tv_sec = 3};
    char line[1000];
    ssize_t n = -1;
    struct control_reply reply = {0};
    if (snprintf(to.sun_path, sizeof to.sun_path, "%s", s->control) >= (int)sizeof to.sun_path)
        return false;
    control_write(&rq, &t);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 &&
        send(fd, t.p, t.n, MSG_NOSIGNAL) == (ssize_t)t.n)
        n = recv(fd, line, sizeof line, 0);
    if (fd >= 0)
        close(fd);
    text_free(&t);
    const char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
    bool ok = end != NULL &&
              control_reply_parse(bytes_of(line, (size_t)(end - line)), &reply) == ST_OK &&
              reply.ok;
    if (!ok)
        fprintf(stderr, "note: the resolver may remember old answers for a while\n");
    return ok;
}

/* Writes the list of what is broken and has the servers take it up; waits until they have. */
static enum status apply(const struct lab_state *s, const struct breakage *b, unsigned n,
                         struct diag *d)
{
    char path[LAB_PATH], stamp[64], *got = NULL, name[NAME_TEXT_MAX];
    struct text t = text_heap(FAULTS_BYTES);
    size_t len;
    snprintf(stamp, sizeof stamp, "# change %llu\n", (unsigned long long)now_read().mono_us);
    text_str(&t, stamp);
    for (unsigned i = 0; i < n; i++)
        text_fmt(&t, "%s %s\n", b[i].word, name_str(b[i].target.w, name));
    lab_path(path, s->dir, "faults");
    enum status st = file_replace(path, bytes_of(t.p, t.n), d);
    text_free(&t);
    TRY(st);
    if (kill(s->servers.pid, SIGHUP) != 0)
        return ST_EIO;
    lab_path(path, s->dir, "applied");
    for (int i = 0; i < APPLY_MS / 10; i++) {
        usleep(10000);
        if (file_read_whole(path, FAULTS_BYTES, &got, &len, d) != ST_OK)
            continue;
        bool ours = strncmp(got, stamp, strlen(stamp)) == 0;
        bool ok = ours && strcmp(got + strlen(stamp), "ok\n") == 0;
        if (ours && !ok) {
            got[strcspn(got + strlen(stamp), "\n") + strlen(stamp)] = '\0';
            diag_set(d, SEV_ERROR, "not-applied", NULL, "%s", got + strlen(stamp));
        }
        free(got);
        if (ours)
            return ok ? ST_OK : ST_ESEMANTIC;
    }
    diag_set(d, SEV_ERROR, "not-applied", NULL, "the lab's servers do not react");
    return ST_ETIMEOUT;
}

/* The recipes there are, in order: those that say what a validator should make of them, or the
 * others. */
static void list_recipes(const char *data, bool dnssec, struct recipe *r)
{
    char dir[LAB_PATH];
    struct diag d = {0};
    struct dirent **v = NULL;
    lab_path(dir, data, "faults");
    int n = scandir(dir, &v, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char word[256];
        snprintf(word, sizeof word, "%s", v[i]->d_name);
        size_t len = strlen(word);
        free(v[i]);
        if (len <= 6 || strcmp(word + len - 6, ".fault") != 0)
            continue;
        word[len - 6] = '\0';
        if (recipe_load(&file_source_os, data, word, r, &d) != ST_OK ||
            dnssec != (r->verdict != VERDICT_NONE))
            continue;
        printf("  %-21s ", word);
        if (dnssec && r->ede != RECIPE_NO_EDE)
            printf("%-8s %3u  ", recipe_verdict_word(r->verdict), r->ede);
        else if (dnssec)
            printf("%-8s      ", recipe_verdict_word(r->verdict));
        printf("%s\n", r->help);
    }
    free(v);
}

static int list_faults(const struct lab_options *opt)
{
    char data[LAB_PATH];
    struct diag d = {0};
    struct recipe *r = malloc(sizeof *r);
    printf("Faults of servers (TARGET: a server, or a zone on all its servers):\n");
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        printf("  %-21s %s\n", fault_word((enum fault)i), fault_help((enum fault)i));
    if (r != NULL && lab_data_dir(opt->data, data, &d)) {
        printf("\nFaults of zone data (TARGET: a zone, or a name in it):\n");
        list_recipes(data, false, r);
        printf(
            "\nFaults of signed zones, with the verdict and the extended error (RFC 8914) that a\n"
            "validator should come to (TARGET: likewise; without one, that of the recipe):\n");
        list_recipes(data, true, r);
    }
    free(r);
    return 0;
}

/* A recipe called nearly so, as a hint. */
static void hint_recipe(const char *data, const char *word, struct diag *d)
{
    char dir[LAB_PATH];
    const char *words[RECIPES_HINTED];
    struct dirent **v = NULL;
    size_t count = 0;
    lab_path(dir, data, "faults");
    int n = scandir(dir, &v, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char *end = strstr(v[i]->d_name, ".fault");
        if (end == NULL || count == RECIPES_HINTED)
            continue;
        *end = '\0';
        words[count++] = v[i]->d_name;
    }
    const char *near = nearest_word(word, words, count);
    if (near != NULL)
        snprintf(d->hint, sizeof d->hint, "did you mean \"%s\"?", near);
    for (int i = 0; i < n; i++)
        free(v[i]);
    free(v);
}

/* What `break WORD` alone means: the target that the recipe is to be tried with. */
static bool usual_target(const struct lab_options *opt, const char *word, char ret[300])
{
    enum fault f;
    char data[LAB_PATH];
    struct diag d = {0};
    struct lab_state s;
    struct recipe *r = calloc(1, sizeof *r);
    const char *given = opt->data == NULL && lab_state_read(opt->dir, &s) ? s.data : opt->data;
    ret[0] = '\0';
    if (r != NULL && lab_data_dir(given, data, &d) && !fault_parse(bytes_str(word), &f)) {
        enum status st = recipe_load(&file_source_os, data, word, r, &d);
        if (st == ST_OK)
            snprintf(ret, 300, "%s", r->target);
        else
            snprintf(ret, 300, "."); /* what is wrong with the word is told in a moment */
    }
    free(r);
    return ret[0] != '\0';
}

/* What to ask now, and what a validator should say. */
static void print_broken(const char *data, const char *word, const char *target)
{
    struct recipe *r = calloc(1, sizeof *r);
    struct diag d = {0};
    printf("Broken: %s %s\n", word, target);
    if (r != NULL && recipe_load(&file_source_os, data, word, r, &d) == ST_OK &&
        r->verdict != VERDICT_NONE) {
        printf("A validator should find %s %s %s", r->qname, r->qtype,
               recipe_verdict_word(r->verdict));
        if (r->ede != RECIPE_NO_EDE)
            printf(", extended error %u", r->ede);
        printf("%s\n", strcmp(r->target, target) == 0 ? "" : " (when the target is its usual one)");
    }
    printf("Mend it with: banyan lab fix %s\n", target);
    free(r);
}

int lab_break(const struct lab_options *opt, char **argv)
{
    struct lab_state s;
    struct diag d = {0};
    struct diag_sink sink = lab_sink();
    struct topology t;
    char usual[300];
    if (opt->list)
        return list_faults(opt);
    if (argv[0] != NULL && argv[1] == NULL && usual_target(opt, argv[0], usual))
        argv[1] = usual;
    if (argv[0] == NULL || argv[1] == NULL) {
        complain("usage", "`banyan lab break --list` shows the faults", "break what, and whom? ",
                 "");
        return 2;
    }
    if (!running(opt, &s) || lab_topology(s.data, &t) != ST_OK)
        return 1;
    struct breakage *b = calloc(INTERNET_BREAKAGES + 1, sizeof *b), new = {0};
    unsigned n = 0;
    struct internet_plan plan = {.topology = &t, .files = &file_source_os, .dir = s.data};
    enum status st = b == NULL ? ST_ENOMEM : lab_faults_read(s.dir, b, &n, &d);
    snprintf(new.word, sizeof new.word, "%s", argv[0]);
    if (st == ST_OK && (st = name_from(argv[1], &new.target)) != ST_OK)
        diag_set(&d, SEV_ERROR, "bad-name", NULL, "\"%s\" is not a domain name", argv[1]);
    if (st == ST_OK)
        st = breakage_check(&plan, &new, &d);
    if (st == ST_ENOTFOUND && strcmp(d.code, "unknown-fault") == 0 &&
        fault_nearest(argv[0]) == NULL)
        hint_recipe(s.data, argv[0], &d);
    if (st == ST_OK) {
        bool there = false;
        for (unsigned i = 0; i < n; i++)
            there |= strcmp(b[i].word, new.word) == 0 && name_equal(b[i].target.w, new.target.w);
        if (!there)
            b[n] = new;
        d = (struct diag){0};
        st = apply(&s, b, n + !there, &d);
        if (st != ST_OK) {
            struct diag ignored;
            enum status back = apply(&s, b, n, &ignored); /* as it was */
            (void)back;
        }
    }
    if (st != ST_OK) {
        if (d.message[0] == '\0')
            diag_set(&d, SEV_ERROR, "lab", NULL, "%s", status_text(st));
        diag_emit(&sink, &d);
    } else {
        (void)flush_resolver(&s);
        print_broken(s.data, argv[0], argv[1]);
    }
    free(b);
    topology_free(&t);
    return st != ST_OK;
}

int lab_fix(const struct lab_options *opt, char **argv)
{
    struct lab_state s;
    struct diag d = {0};
    struct diag_sink sink = lab_sink();
    struct name target;
    unsigned n = 0, kept = 0;
    if (argv[0] != NULL && name_from(argv[0], &target) != ST_OK) {
        complain("bad-name", NULL, "not a domain name: ", argv[0]);
        return 2;
    }
    if (!running(opt, &s))
        return 1;
    struct breakage *b = calloc(INTERNET_BREAKAGES, sizeof *b);
    enum status st = b == NULL ? ST_ENOMEM : lab_faults_read(s.dir, b, &n, &d);
    for (unsigned i = 0; st == ST_OK && i < n; i++)
        if (argv[0] != NULL && !name_equal(b[i].target.w, target.w))
            b[kept++] = b[i];
    if (st == ST_OK && kept == n) {
        printf("Nothing was broken%s%s.\n", argv[0] ? " at " : "", argv[0] ? argv[0] : "");
    } else if (st == ST_OK) {
        st = apply(&s, b, kept, &d);
        if (st == ST_OK) {
            (void)flush_resolver(&s);
            printf("Mended: %u of %u faults.\n", n - kept, n);
        }
    }
    if (st != ST_OK)
        diag_emit(&sink, &d);
    free(b);
    return st != ST_OK;
}

static void status_json(const struct lab_state *s, bool found, const struct breakage *b, unsigned n)
{
    struct text t = text_heap(1 << 20), a = text_heap(200);
    struct json j = json_of(&t, true);
    char name[NAME_TEXT_MAX];
    bool up = found && lab_process_lives(&s->servers) && lab_process_lives(&s->daemon);
    netaddr_text(&s->resolver, &a);
    json_object(&j);
    json_kv_bool(&j, "running", up);
    if (found) {
        json_kv_str(&j, "run_directory", s->dir);
        json_kv_str(&j, "data", s->data);
        json_kv_bool(&j, "namespace", s->in_namespace);
        json_kv_bool(&j, "servers_alive", lab_process_lives(&s->servers));
        json_kv_uint(&j, "servers_pid", (uint64_t)s->servers.pid);
        json_kv_uint(&j, "servers_port", s->upstream_port);
        json_kv_bool(&j, "resolver_alive", lab_process_lives(&s->daemon));
        json_kv_uint(&j, "resolver_pid", (uint64_t)s->daemon.pid);
        json_kv_str(&j, "resolver_address", text_cstr(&a));
        json_kv_uint(&j, "resolver_port", s->resolver.port);
        json_kv_str(&j, "control", s->control);
        json_key(&j, "faults");
        json_array(&j);
        for (unsigned i = 0; i < n; i++) {
            json_object(&j);
            json_kv_str(&j, "fault", b[i].word);
            json_kv_str(&j, "target", name_str(b[i].target.w, name));
            json_object_end(&j);
        }
        json_array_end(&j);
    }
    json_object_end(&j);
    puts(text_cstr(&t));
    text_free(&t);
    text_free(&a);
}

static void status_text_out(const struct lab_state *s, const struct breakage *b, unsigned n)
{
    struct text a = text_heap(200);
    char name[NAME_TEXT_MAX];
    bool servers = lab_process_lives(&s->servers), daemon = lab_process_lives(&s->daemon);
    netaddr_text(&s->resolver, &a);
    printf("%s\n", servers && daemon ? "The lab is running."
                   : servers || daemon
                       ? "The lab is only half alive: `banyan lab up` starts it anew."
                       : "The lab has died: `banyan lab up` starts it anew.");
    printf("  name servers   port %u, pid %d%s\n", s->upstream_port, (int)s->servers.pid,
           servers ? "" : " (gone)");
    printf("  resolver       %s, port %u, pid %d%s\n", text_cstr(&a), s->resolver.port,
           (int)s->daemon.pid, daemon ? "" : " (gone)");
    printf("  run directory  %s\n  data           %s\n", s->dir, s->data);
    printf("  broken         %s\n", n ? "" : "nothing");
    for (unsigned i = 0; i < n; i++)
        printf("    %s %s\n", b[i].word, name_str(b[i].target.w, name));
    text_free(&a);
}

int lab_status(const struct lab_options *opt)
{
    struct lab_state s;
    struct diag d = {0};
    unsigned n = 0;
    bool found = lab_state_read(opt->dir, &s);
    struct breakage *b = calloc(INTERNET_BREAKAGES, sizeof *b);
    if (b != NULL && found && lab_faults_read(s.dir, b, &n, &d) != ST_OK)
        n = 0;
    if (opt->json)
        status_json(&s, found, b, n);
    else if (!found)
        printf("No lab is running. `banyan lab up` starts one.\n");
    else
        status_text_out(&s, b, n);
    free(b);
    return found && lab_process_lives(&s.servers) && lab_process_lives(&s.daemon) ? 0 : 1;
}

int lab_shell(const struct lab_options *opt, char **argv)
{
    struct lab_state s;
    struct diag d = {0};
    struct diag_sink sink = lab_sink();
    const char *shell = getenv("SHELL");
    char *plain[] = {(char *)(uintptr_t)(shell != NULL && shell[0] == '/' ? shell : "/bin/sh"),
                     NULL};
    if (!running(opt, &s))
        return 1;
    if (!s.in_namespace) {
        complain("no-namespace", "`banyan lab down`, then `banyan lab up --namespace`",
                 "this lab has no namespace of its own", "");
        return 1;
    }
    if (!lab_join_namespace(s.keeper.pid, &d)) {
        diag_emit(&sink, &d);
        return 1;
    }
    setenv("BANYAN_LAB_RUN", s.dir, 1);
    char **run = argv[0] != NULL ? argv : plain;
    execvp(run[0], run);
    complain("not-run", NULL, "cannot run ", run[0]);
    return 127;
}

static bool anchor_option(const char *word, struct lab_options *opt)
{
    static const char *const words[ANCHOR_FORMS] = {
        [ANCHOR_DS] = "--ds",
        [ANCHOR_DNSKEY] = "--dnskey",
        [ANCHOR_UNBOUND] = "--unbound",
        [ANCHOR_BIND] = "--bind",
    };
    for (unsigned i = 0; i < ANCHOR_FORMS; i++) {
        if (strcmp(word, words[i]) == 0) {
            opt->anchor |= 1u << i;
            return true;
        }
    }
    return false;
}

/* Options may stand anywhere before the arguments of `shell`. Returns the number of words kept in
 * words. */
static int read_options(int argc, char **argv, struct lab_options *opt, char **words, bool *ret_ok)
{
    int n = 0;
    *ret_ok = true;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool shell = n > 0 && strcmp(words[0], "shell") == 0;
        if (a[0] != '-' || shell) {
            words[n++] = argv[i];
        } else if (strcmp(a, "--namespace") == 0) {
            opt->in_namespace = true;
        } else if (strcmp(a, "--json") == 0) {
            opt->json = true;
        } else if (anchor_option(a, opt)) {
            continue;
        } else if (strcmp(a, "--list") == 0) {
            opt->list = true;
        } else if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
            n = 0;
            break;
        } else if (value != NULL && (strcmp(a, "--data") == 0 || strcmp(a, "--run") == 0)) {
            *(a[2] == 'd' ? &opt->data : &opt->dir) = value;
            i++;
        } else if (value != NULL && strcmp(a, "--port") == 0) {
            char *end;
            unsigned long port = strtoul(value, &end, 10);
            if (end == value || *end != '\0' || port > 65000) { /* 0: the usual one */
                complain("usage", "a number up to 65000", "--port cannot be ", value);
                *ret_ok = false;
            }
            opt->port = (uint16_t)port;
            i++;
        } else if (value != NULL && strcmp(a, "--ready-fd") == 0) {
            opt->ready_fd = (int)strtol(value, NULL, 10);
            i++;
        } else {
            complain("usage", "`banyan lab --help` shows all", "unknown option ", a);
            *ret_ok = false;
        }
    }
    words[n] = NULL;
    return n;
}

int cmd_lab(int argc, char **argv)
{
    struct lab_options opt = {.ready_fd = -1};
    char *words[64];
    bool ok;
    if (argc > 60) {
        complain("usage", NULL, "too many arguments", "");
        return 2;
    }
    int n = read_options(argc, argv, &opt, words, &ok);
    if (!ok)
        return 2;
    if (n == 0) {
        fputs(usage, stdout);
        return argc > 1 ? 0 : 2;
    }
    if (strcmp(words[0], "up") == 0)
        return lab_up(&opt);
    if (strcmp(words[0], "down") == 0)
        return lab_down(&opt);
    if (strcmp(words[0], "serve") == 0)
        return lab_serve(&opt);
    if (strcmp(words[0], "status") == 0)
        return lab_status(&opt);
    if (strcmp(words[0], "list") == 0)
        return lab_list(&opt);
    if (strcmp(words[0], "anchor") == 0)
        return lab_anchor(&opt);
    if (strcmp(words[0], "break") == 0)
        return lab_break(&opt, words + 1);
    if (strcmp(words[0], "fix") == 0)
        return lab_fix(&opt, words + 1);
    if (strcmp(words[0], "shell") == 0)
        return lab_shell(&opt, words + 1);
    complain("usage", "`banyan lab --help` shows all", "unknown command ", words[0]);
    return 2;
}
