/* Where the lab keeps its particulars, and whether its processes are still those it started. */
#include "app/lab.h"

#include "io/files.h"
#include "sim/lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STATE_BYTES = 65536, TOPOLOGY_BYTES = 4 << 20 };

void lab_path(char ret[LAB_PATH], const char *dir, const char *name)
{
    if (snprintf(ret, LAB_PATH, "%s/%s", dir, name) >= LAB_PATH)
        ret[0] = '\0'; /* opening it says so */
}

void lab_run_dir(char ret[LAB_PATH])
{
    const char *given = getenv("BANYAN_LAB_RUN"), *xdg = getenv("XDG_RUNTIME_DIR");
    if (given != NULL && given[0] != '\0')
        snprintf(ret, LAB_PATH, "%s", given);
    else if (xdg != NULL && xdg[0] == '/' && access(xdg, W_OK) == 0)
        snprintf(ret, LAB_PATH, "%s/banyan-lab", xdg);
    else
        snprintf(ret, LAB_PATH, "/tmp/banyan-lab-%u", (unsigned)getuid());
}

/* The folder of the running program, without the last slash. */
static bool program_dir(char ret[LAB_PATH])
{
    ssize_t n = readlink("/proc/self/exe", ret, LAB_PATH - 1);
    if (n <= 0)
        return false;
    ret[n] = '\0';
    char *slash = strrchr(ret, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

void lab_program(const char *name, char ret[LAB_PATH])
{
    char dir[LAB_PATH];
    if (program_dir(dir)) {
        lab_path(ret, dir, name);
        if (access(ret, X_OK) == 0)
            return;
        char sub[LAB_PATH]; /* as meson builds it */
        lab_path(sub, dir, "src/app");
        lab_path(ret, sub, name);
        if (access(ret, X_OK) == 0)
            return;
    }
    snprintf(ret, LAB_PATH, "%s", name);
}

static bool has_topology(const char *dir)
{
    char path[LAB_PATH];
    lab_path(path, dir, "topology.yaml");
    return access(path, R_OK) == 0;
}

bool lab_data_dir(const char *given, char ret[LAB_PATH], struct diag *d)
{
    static const char *const near[] = {"../lab", "../../lab", "../../../lab",
                                       "../share/banyan/lab"};
    const char *env = getenv("BANYAN_LAB");
    char here[LAB_PATH], resolved[4096];
    if (given == NULL && env != NULL && env[0] != '\0')
        given = env;
    if (given != NULL) {
        if (has_topology(given) && realpath(given, resolved) != NULL) {
            snprintf(ret, LAB_PATH, "%.*s", LAB_PATH - 1, resolved);
            return true;
        }
        diag_set(d, SEV_ERROR, "no-lab-data", NULL, "%s has no topology.yaml", given);
        return false;
    }
    for (size_t i = 0; program_dir(here) && i < ARRAY_LEN(near); i++) {
        char try[LAB_PATH];
        lab_path(try, here, near[i]);
        if (has_topology(try) && realpath(try, resolved) != NULL) {
            snprintf(ret, LAB_PATH, "%.*s", LAB_PATH - 1, resolved);
            return true;
        }
    }
    snprintf(ret, LAB_PATH, "%s", BANYAN_SOURCE_DIR "/lab");
    if (has_topology(ret))
        return true;
    diag_set(d, SEV_ERROR, "no-lab-data", "give its folder with --data",
             "the lab's data are nowhere to be found");
    return false;
}

/* Field 22 of /proc/PID/stat: when the process began, in ticks since boot. */
static uint64_t start_time(pid_t pid)
{
    char path[64], buf[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    size_t n = fread(buf, 1, sizeof buf - 1, f);
    fclose(f);
    buf[n] = '\0';
    const char *p = strrchr(buf, ')');
    if (p == NULL || p[1] == '\0' || p[2] == 'Z')
        return 0; /* a zombie is as good as gone */
    p += 2;
    for (int field = 3; field < 22 && p != NULL; field++)
        p = strchr(p + 1, ' ');
    return p ? strtoull(p, NULL, 10) : 0;
}

struct lab_process lab_process_of(pid_t pid)
{
    return (struct lab_process){pid, start_time(pid)};
}

bool lab_process_lives(const struct lab_process *p)
{
    return p->pid > 1 && p->started != 0 && start_time(p->pid) == p->started;
}

enum status lab_state_write(const struct lab_state *s, struct diag *d)
{
    struct text t = text_heap(STATE_BYTES);
    char path[LAB_PATH];
    text_fmt(&t, "data %s\ncontrol %s\nhints %s\nupstream-port %u\nnamespace %d\n", s->data,
             s->control, s->hints, s->upstream_port, s->in_namespace);
    text_fmt(&t, "servers %d %" PRIu64 "\ndaemon %d %" PRIu64 "\nkeeper %d %" PRIu64 "\nresolver ",
             (int)s->servers.pid, s->servers.started, (int)s->daemon.pid, s->daemon.started,
             (int)s->keeper.pid, s->keeper.started);
    netaddr_text_port(&s->resolver, &t);
    text_char(&t, '\n');
    lab_path(path, s->dir, "state");
    enum status st = file_replace(path, bytes_of(t.p, t.n), d);
    text_free(&t);
    return st;
}

static void read_process(struct bytes line, struct lab_process *ret)
{
    struct bytes pid, started;
    uint64_t p = 0, s = 0;
    if (word_next(&line, &pid) && word_next(&line, &started) && word_uint(pid, INT32_MAX, &p) &&
        word_uint(started, UINT64_MAX, &s))
        *ret = (struct lab_process){(pid_t)p, s};
}

static void read_path(struct bytes line, char ret[LAB_PATH])
{
    line = line_rest(line);
    snprintf(ret, LAB_PATH, "%.*s", (int)MIN(line.n, (size_t)LAB_PATH - 1), (const char *)line.p);
}

static void read_state_line(struct lab_state *s, struct bytes line)
{
    struct bytes key, word;
    uint64_t v = 0;
    if (!word_next(&line, &key))
        return;
    if (word_is(key, "data"))
        read_path(line, s->data);
    else if (word_is(key, "control"))
        read_path(line, s->control);
    else if (word_is(key, "hints"))
        read_path(line, s->hints);
    else if (word_is(key, "servers"))
        read_process(line, &s->servers);
    else if (word_is(key, "daemon"))
        read_process(line, &s->daemon);
    else if (word_is(key, "keeper"))
        read_process(line, &s->keeper);
    else if (word_is(key, "upstream-port") && word_next(&line, &word) && word_uint(word, 65535, &v))
        s->upstream_port = (uint16_t)v;
    else if (word_is(key, "namespace") && word_next(&line, &word) && word_uint(word, 1, &v))
        s->in_namespace = v == 1;
    else if (word_is(key, "resolver") && word_next(&line, &word) &&
             netaddr_parse_port(word, 53, &s->resolver) != ST_OK)
        s->resolver = (struct netaddr){0};
}

bool lab_state_read(const char *dir, struct lab_state *ret)
{
    char path[LAB_PATH], *text = NULL;
    size_t n;
    struct diag d;
    struct lab_state clean = {0};
    if (dir != NULL)
        snprintf(clean.dir, sizeof clean.dir, "%s", dir); /* dir may point into *ret */
    else
        lab_run_dir(clean.dir);
    *ret = clean;
    lab_path(path, ret->dir, "state");
    if (access(path, R_OK) != 0 || file_read_whole(path, STATE_BYTES, &text, &n, &d) != ST_OK)
        return false;
    struct bytes rest = bytes_of(text, n), line;
    while (line_next(&rest, &line))
        read_state_line(ret, line);
    free(text);
    return true;
}

bool lab_find(struct lab_state *ret)
{
    return lab_state_read(NULL, ret) && lab_process_lives(&ret->servers) &&
           lab_process_lives(&ret->daemon);
}

static void print_diag(void *ctx, const struct diag *d)
{
    struct text t = text_heap(4096);
    (void)ctx;
    diag_text(d, isatty(2), &t);
    fputs(text_cstr(&t), stderr);
    text_free(&t);
}

struct diag_sink lab_sink(void)
{
    return (struct diag_sink){.emit = print_diag};
}

enum status lab_topology(const char *data, struct topology *ret)
{
    char path[LAB_PATH], *text = NULL;
    size_t n;
    struct diag d = {0};
    struct diag_sink sink = lab_sink();
    lab_path(path, data, "topology.yaml");
    enum status st = file_read_whole(path, TOPOLOGY_BYTES, &text, &n, &d);
    if (st != ST_OK) {
        diag_emit(&sink, &d);
        return st;
    }
    st = topology_init(ret);
    if (st == ST_OK) {
        st = topology_parse(ret, bytes_of(text, n), path, &sink);
        if (st != ST_OK)
            topology_free(ret);
    }
    free(text);
    return st;
}

enum status lab_faults_read(const char *dir, struct breakage ret[INTERNET_BREAKAGES],
                            unsigned *ret_n, struct diag *d)
{
    char path[LAB_PATH], *text = NULL;
    size_t n;
    lab_path(path, dir, "faults");
    *ret_n = 0;
    if (access(path, R_OK) != 0)
        return ST_OK;
    TRY(file_read_whole(path, STATE_BYTES, &text, &n, d));
    enum status st = breakages_parse(bytes_of(text, n), ret, INTERNET_BREAKAGES, ret_n, d);
    free(text);
    return st;
}
