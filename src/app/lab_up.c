/* `banyan lab up` and `down`: the lab's two processes, begun, told apart from strangers, and ended.
 */
#include "app/lab.h"

#include "io/clock.h"
#include "io/files.h"
#include "io/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READY_MS = 15000,  /* for the servers to load everything */
    ANSWER_MS = 15000, /* for the resolver to answer */
    END_MS = 5000,     /* for a process to end when asked */
    RESOLVER_PORT = 5353,
    PORTS_TRIED = 50,
};

static void complain(const struct diag *d)
{
    struct diag_sink sink = lab_sink();
    diag_emit(&sink, d);
}

static int failed(struct diag *d)
{
    if (d->message[0] == '\0')
        diag_set(d, SEV_ERROR, "lab", NULL, "that did not work: %s", strerror(errno));
    complain(d);
    return 1;
}

/* The run directory: ours, and nobody else's to look into. */
static bool make_run_dir(const char *dir, struct diag *d)
{
    struct stat st;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        diag_set(d, SEV_ERROR, "run-dir", NULL, "cannot make %s: %s", dir, strerror(errno));
        return false;
    }
    if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != getuid() ||
        (st.st_mode & 022)) {
        diag_set(d, SEV_ERROR, "run-dir", "set $BANYAN_LAB_RUN to another folder",
                 "%s is not a folder of yours alone", dir);
        return false;
    }
    return true;
}

/* Starts a program with its output in a file of the run directory. ready_fd >= 0 stays open in it.
 */
static pid_t start(const char *dir, const char *log, char *const argv[], int ready_fd,
                   struct diag *d)
{
    char path[LAB_PATH];
    lab_path(path, dir, log);
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_t pid = out >= 0 && in >= 0 ? fork() : -1;
    if (pid == 0) {
        setsid();
        if (ready_fd >= 0)
            (void)fcntl(ready_fd, F_SETFD, 0);
        if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0)
            execvp(argv[0], argv);
        fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    if (pid < 0)
        diag_set(d, SEV_ERROR, "start", NULL, "cannot start %s: %s", argv[0], strerror(errno));
    if (out >= 0)
        close(out);
    if (in >= 0)
        close(in);
    return pid;
}

/* One line from the servers: "ready port N", or "error WHY". */
static bool await_ready(int fd, uint16_t *ret_port, struct diag *d)
{
    char line[700];
    size_t n = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (n < sizeof line - 1 && memchr(line, '\n', n) == NULL) {
        if (poll(&p, 1, READY_MS) <= 0) {
            diag_set(d, SEV_ERROR, "start", NULL, "the lab's servers are not ready after %d s",
                     READY_MS / 1000);
            return false;
        }
        ssize_t got = read(fd, line + n, sizeof line - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    line[n] = '\0';
    line[strcspn(line, "\n")] = '\0';
    unsigned port;
    if (sscanf(line, "ready port %u", &port) == 1) {
        *ret_port = (uint16_t)port;
        return true;
    }
    diag_set(d, SEV_ERROR, "start", NULL, "the lab's servers did not start: %s",
             strncmp(line, "error ", 6) == 0 ? line + 6 : "see lab.log");
    return false;
}

static bool write_file(const char *dir, const char *name, const struct text *t, struct diag *d)
{
    char path[LAB_PATH];
    lab_path(path, dir, name);
    return file_replace(path, bytes_of(t->p, t->n), d) == ST_OK;
}

/* Root hints out of the topology. */
static bool write_hints(const struct lab_state *s, const struct topology *t, struct diag *d)
{
    struct text out = text_heap(1 << 20);
    char name[NAME_TEXT_MAX];
    text_str(&out, "; root servers of the lab, made by `banyan lab up`\n");
    for (unsigned i = 0; i < t->server_count; i++) {
        const struct topo_server *srv = &t->server[i];
        if (!topo_serves(srv, name_root))
            continue;
        name_str(srv->name.w, name);
        text_fmt(&out, ". 3600000 NS %s\n", name);
        for (unsigned k = 0; k < (s->in_namespace ? srv->addr_count : 1u); k++) {
            const struct netaddr *a = s->in_namespace ? &srv->addr[k] : &srv->loopback;
            text_fmt(&out, "%s 3600000 %s ", name, a->family == ADDR_V4 ? "A" : "AAAA");
            netaddr_text(a, &out);
            text_char(&out, '\n');
        }
    }
    bool ok = write_file(s->dir, "root.hints", &out, d);
    text_free(&out);
    return ok;
}

/* The root's trust anchor; nothing if the root is not signed. */
static bool write_anchor(const struct lab_state *s, const struct topology *t, struct diag *d)
{
    bool ok = true;
    if (topology_signing(t, name_root).dnssec == TOPO_UNSIGNED)
        return true;
    for (unsigned form = ANCHOR_DS; ok && form <= ANCHOR_DNSKEY; form++) {
        struct text out = text_heap(65536);
        text_str(&out, "; trust anchor of the lab's root, made by `banyan lab up`\n");
        ok = lab_anchor_text(s->data, t, (enum anchor_form)form, &out, d) == ST_OK &&
             write_file(s->dir, form == ANCHOR_DS ? "anchor.ds" : "anchor.key", &out, d);
        text_free(&out);
    }
    return ok;
}

static bool write_config(const struct lab_state *s, bool anchor, struct diag *d)
{
    struct text t = text_heap(65536);
    text_str(&t, "# the lab's resolver, made by `banyan lab up`\nserver:\n  listen: [\"");
    netaddr_text(&s->resolver, &t);
    text_fmt(&t, "@%u\"]\n  workers: 1\n", s->resolver.port);
    text_fmt(&t, "control:\n  socket: \"%s\"\n", s->control);
    text_fmt(&t, "resolver:\n  enabled: yes\n  root-hints: \"%s\"\n  upstream-port: %u\n", s->hints,
             s->upstream_port);
    text_fmt(&t, "  query-loopback: yes\n  ipv6: %s\n", s->in_namespace ? "yes" : "no");
    text_str(&t, "  special-zones: no\n"); /* the lab has zones of that kind */
    if (!s->in_namespace) /* a packet from this address cannot leave the machine, whatever a zone
                             says */
        text_str(&t, "  outgoing: [\"127.0.0.1\"]\n");
    if (anchor)
        text_fmt(&t, "  trust-anchors:\n    - file: \"%s/anchor.ds\"\n", s->dir);
    bool ok = write_file(s->dir, "banyand.yaml", &t, d);
    text_free(&t);
    return ok;
}

static bool choose_resolver_port(struct lab_state *s, struct diag *d)
{
    static const uint8_t here[4] = {127, 0, 0, 1};
    for (unsigned i = 0; i < PORTS_TRIED; i++) {
        s->resolver = netaddr_v4(here, (uint16_t)(s->in_namespace ? 53 : RESOLVER_PORT + i));
        if (!socket_in_use(&s->resolver, d))
            return true;
    }
    return false;
}

/* Any answer to any question will do: the resolver is up. */
static bool await_resolver(const struct lab_state *s, struct diag *d)
{
    static const uint8_t query[] = {0x4c, 0x41, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1};
    union sockaddr_any to;
    socklen_t len = sockaddr_put(&s->resolver, &to);
    int fd = socket(to.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = false;
    if (fd < 0 || connect(fd, &to.sa, len) != 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    uint64_t end = now_read().mono_us + ANSWER_MS * 1000ull;
    while (!up && now_read().mono_us < end && lab_process_lives(&s->daemon)) {
        uint8_t buf[4096];
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (send(fd, query, sizeof query, 0) == (ssize_t)sizeof query && poll(&p, 1, 100) > 0 &&
            recv(fd, buf, sizeof buf, MSG_DONTWAIT) > 2)
            up = true;
        else
            usleep(20000);
    }
    close(fd);
    if (!up)
        diag_set(d, SEV_ERROR, "start", NULL, "the resolver does not answer: see %s/banyand.log",
                 s->dir);
    return up;
}

static bool start_servers(struct lab_state *s, const struct lab_options *opt, struct diag *d)
{
    char self[] = "/proc/self/exe", port[16], fd_text[16];
    char *argv[] = {self,
                    (char[]){"lab"},
                    (char[]){"serve"},
                    (char[]){"--run"},
                    s->dir,
                    (char[]){"--data"},
                    s->data,
                    (char[]){"--ready-fd"},
                    fd_text,
                    (char[]){"--port"},
                    port,
                    s->in_namespace ? (char[]){"--namespace"} : NULL,
                    NULL};
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    snprintf(port, sizeof port, "%u", opt->port);
    snprintf(fd_text, sizeof fd_text, "%d", fds[1]);
    pid_t pid = start(s->dir, "lab.log", argv, fds[1], d);
    close(fds[1]);
    bool ok = false;
    if (pid > 0) {
        s->servers = lab_process_of(pid);
        ok = await_ready(fds[0], &s->upstream_port, d);
    }
    close(fds[0]);
    return ok;
}

static bool start_resolver(struct lab_state *s, struct diag *d)
{
    char program[LAB_PATH], config[LAB_PATH];
    lab_program("banyand", program);
    lab_path(config, s->dir, "banyand.yaml");
    char *argv[] = {program, (char[]){"-c"}, config, NULL};
    pid_t pid = start(s->dir, "banyand.log", argv, -1, d);
    if (pid <= 0)
        return false;
    s->daemon = lab_process_of(pid);
    return await_resolver(s, d);
}

/* Ends a process that is still the one we started. */
static void end_process(const struct lab_process *p)
{
    if (!lab_process_lives(p))
        return;
    kill(p->pid, SIGTERM);
    for (int i = 0; i < END_MS / 10 && lab_process_lives(p); i++) {
        (void)waitpid(p->pid, NULL, WNOHANG);
        usleep(10000);
    }
    if (lab_process_lives(p))
        kill(p->pid, SIGKILL);
    (void)waitpid(p->pid, NULL, WNOHANG);
}

static void end_all(const struct lab_state *s)
{
    end_process(&s->daemon);
    end_process(&s->servers);
    end_process(&s->keeper);
}

static unsigned count_zones(const struct topology *t)
{
    unsigned n = 0;
    for (unsigned i = 0; i < t->server_count; i++)
        for (unsigned k = 0; k < t->server[i].zone_count; k++) {
            bool first = true;
            for (unsigned j = 0; j < i && first; j++)
                first = !topo_serves(&t->server[j], t->server[i].zones[k]->w);
            n += first;
        }
    return n;
}

static void print_up(const struct lab_state *s, const struct topology *t)
{
    struct text a = text_heap(200);
    netaddr_text(&s->resolver, &a);
    printf("The lab Internet is up: %u name servers, %u zones, all out of %s\n\n", t->server_count,
           count_zones(t), s->data);
    printf("  name servers   %s, port %u (pid %d)\n",
           s->in_namespace ? "at their real addresses, in a network namespace" : "at 127.53.x.y",
           s->upstream_port, (int)s->servers.pid);
    printf("  resolver       %s, port %u (pid %d)\n", text_cstr(&a), s->resolver.port,
           (int)s->daemon.pid);
    printf("  run directory  %s\n\n", s->dir);
    if (s->in_namespace)
        printf("Next:\n  banyan lab shell                        a shell inside, where dig and "
               "others just work\n"
               "  banyan lab shell dig www.example.org\n");
    else
        printf("Next:\n  banyan trace @lab www.example.org       the journey of a name, from the "
               "root\n"
               "  banyan explain @lab www.alllame.org     why a name does not resolve\n"
               "  banyan lab break lame example.org       break something, explain it, then: "
               "banyan lab fix\n"
               "  dig @%s -p %u shop.example.co.uk\n",
               text_cstr(&a), s->resolver.port);
    printf("  banyan lab list                         all servers and zones\n"
           "  banyan lab down                         stop it\n");
    text_free(&a);
}

/* In the namespace form a child makes the namespaces, starts both processes in them, and stays: as
 * long as it lives, `lab shell` can get in. It tells the particulars over the state file. */
static int start_all(struct lab_state *s, const struct lab_options *opt, const struct topology *t,
                     struct diag *d)
{
    if (!start_servers(s, opt, d) || !choose_resolver_port(s, d) || !write_hints(s, t, d) ||
        !write_anchor(s, t, d) ||
        !write_config(s, topology_signing(t, name_root).dnssec != TOPO_UNSIGNED, d) ||
        !start_resolver(s, d) || lab_state_write(s, d) != ST_OK) {
        end_all(s);
        return failed(d);
    }
    return 0;
}

static bool write_resolv_conf(const struct lab_state *s, struct diag *d)
{
    struct text t = text_heap(1000);
    text_str(&t, "# the lab's resolver\nnameserver 127.0.0.1\n");
    bool ok = write_file(s->dir, "resolv.conf", &t, d);
    text_free(&t);
    return ok;
}

static void keep(struct lab_state *s, const struct lab_options *opt, const struct topology *t,
                 int ready)
{
    struct diag d = {0};
    setsid();
    if (!lab_enter_new_namespace(t, s->dir, &d)) {
        failed(&d);
        _exit(1);
    }
    s->keeper = lab_process_of(getpid());
    if (start_all(s, opt, t, &d) != 0 || write(ready, "+", 1) != 1)
        _exit(1);
    close(ready);
    for (int i = 0; i < 3; i++)
        close(i);
    signal(SIGTERM, SIG_DFL);
    while (lab_process_lives(&s->servers) || lab_process_lives(&s->daemon))
        while (waitpid(-1, NULL, 0) > 0)
            ;
    pause();
    _exit(0);
}

static int up_in_namespace(struct lab_state *s, const struct lab_options *opt,
                           const struct topology *t)
{
    struct diag d = {0};
    int fds[2];
    char yes = 0;
    if (!write_resolv_conf(s, &d) || pipe2(fds, O_CLOEXEC) != 0)
        return failed(&d);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        keep(s, opt, t, fds[1]);
    }
    close(fds[1]);
    bool ok = pid > 0 && read(fds[0], &yes, 1) == 1;
    close(fds[0]);
    if (!ok || !lab_state_read(s->dir, s)) {
        if (pid > 0)
            (void)waitpid(pid, NULL, 0);
        return 1; /* the child has said why */
    }
    return 0;
}

/* The servers would read it, or fail to write it at the first `banyan lab break`. */
static int not_cleared(const char *path)
{
    struct diag d = {0};
    diag_set(&d, SEV_ERROR, "faults", "remove it, or give another folder with --run",
             "%s is in the way and cannot be removed: %s", path, strerror(errno));
    return failed(&d);
}

int lab_up(const struct lab_options *opt)
{
    struct lab_state s, old;
    struct topology t;
    struct diag d = {0};
    char faults[LAB_PATH];
    if (lab_state_read(opt->dir, &old)) {
        bool servers = lab_process_lives(&old.servers), daemon = lab_process_lives(&old.daemon);
        if (servers && daemon) {
            printf("The lab is already running (run directory %s).\n", old.dir);
            return 0;
        }
        end_all(&old); /* what is left of one that broke */
    }
    s = (struct lab_state){.in_namespace = opt->in_namespace};
    if (opt->dir != NULL)
        snprintf(s.dir, sizeof s.dir, "%s", opt->dir);
    else
        lab_run_dir(s.dir);
    if (!lab_data_dir(opt->data, s.data, &d) || !make_run_dir(s.dir, &d))
        return failed(&d);
    lab_path(faults, s.dir, "faults");
    if (unlink(faults) == 0) /* a new lab is whole */
        printf("Faults of an earlier run were still in %s: cleared.\n", faults);
    else if (errno != ENOENT)
        return not_cleared(faults);
    lab_path(s.control, s.dir, "control");
    lab_path(s.hints, s.dir, "root.hints");
    if (lab_topology(s.data, &t) != ST_OK)
        return 1;
    int rc = s.in_namespace ? up_in_namespace(&s, opt, &t) : start_all(&s, opt, &t, &d);
    if (rc == 0)
        print_up(&s, &t);
    topology_free(&t);
    return rc;
}

int lab_down(const struct lab_options *opt)
{
    static const char *const files[] = {"state",        "faults",    "applied",     "root.hints",
                                        "banyand.yaml", "control",   "resolv.conf", "banyand.log",
                                        "lab.log",      "anchor.ds", "anchor.key"};
    struct lab_state s;
    if (!lab_state_read(opt->dir, &s)) {
        printf("No lab is running.\n");
        return 0;
    }
    end_all(&s);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[LAB_PATH];
        lab_path(path, s.dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(s.dir);
    printf("The lab is down.\n");
    return 0;
}
