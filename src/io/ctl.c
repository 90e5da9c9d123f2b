#include "io/ctl.h"

#include "base/limits.h"
#include "io/log.h"
#include "io/privs.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A client that neither asks nor reads for so long is dropped. */
enum { CLIENT_MS = 30000, AGAIN_MS = 200 };

static void client_close(struct ctl *c)
{
    struct server *s = c->server;
    if (c->w.fd >= 0) {
        loop_timer_stop(&s->loop, &c->timer);
        loop_close(&s->loop, &c->w);
    }
    if (c->busy) {
        c->gone = true;
        return;
    }
    list_remove(&c->link);
    s->ctl_n--;
    free(c->in);
    free(c->out);
    loop_bury(&s->loop, &c->grave);
}

static void client_timeout(struct loop_timer *t)
{
    struct ctl *c = CONTAINER_OF(t, struct ctl, timer);
    if (c->busy)
        loop_timer_set(&c->server->loop, t, c->server->loop.now.mono_us + CLIENT_MS * 1000ull);
    else
        client_close(c);
}

static void client_touch(struct ctl *c)
{
    loop_timer_set(&c->server->loop, &c->timer, c->server->loop.now.mono_us + CLIENT_MS * 1000ull);
}

static void next_request(struct ctl *c);

static void client_flush(struct ctl *c)
{
    while (c->out_at < c->out_n) {
        ssize_t put =
            send(c->w.fd, c->out + c->out_at, c->out_n - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            break;
        if (put <= 0) {
            client_close(c);
            return;
        }
        c->out_at += (size_t)put;
        client_touch(c);
    }
    bool done = c->out_at == c->out_n;
    if (done) {
        free(c->out);
        c->out = NULL;
        c->out_n = c->out_at = 0;
    }
    loop_change(&c->server->loop, &c->w, done ? EPOLLIN : EPOLLOUT);
    if (done)
        next_request(c);
}

void ctl_reply(struct ctl *c, const char *error, const char *hint, const struct text *payload)
{
    size_t n = payload ? payload->n : 0;
    struct text t = text_heap(LIMIT_CONTROL_REPLY + 4096u);
    c->busy = false;
    if (c->gone) {
        client_close(c);
        return;
    }
    control_reply_header(error, hint, n, &t);
    if (n > 0)
        text_bytes(&t, payload->p, n);
    if (t.cut) {
        text_clear(&t);
        t.cut = false;
        control_reply_header("the answer is too long", NULL, 0, &t);
    }
    c->out = t.p;
    c->out_n = t.n;
    c->out_at = 0;
    client_flush(c);
}

static void request_line(struct ctl *c, struct bytes line)
{
    struct control_request rq;
    struct diag d = {0};
    c->busy = true;
    if (control_parse(line, &rq, &d) != ST_OK)
        ctl_reply(c, d.message, d.hint, NULL);
    else
        command_run(c->server, c, &rq);
}

/* Takes the next line out of what has come; NULL when there is none, or when the client is gone. */
static char *take_line(struct ctl *c, size_t *ret_n)
{
    char *nl = memchr(c->in, '\n', c->in_n);
    if (nl == NULL)
        return NULL;
    *ret_n = (size_t)(nl - c->in);
    char *line = malloc(*ret_n + 1);
    if (line == NULL) {
        client_close(c);
        return NULL;
    }
    memcpy(line, c->in, *ret_n);
    c->in_n -= *ret_n + 1;
    memmove(c->in, nl + 1, c->in_n);
    return line;
}

/* Carries out whole lines, one after the other, as long as each is answered at once. Replies call
 * this too: then the loop that is under way goes on, and the stack does not grow with the lines. */
static void next_request(struct ctl *c)
{
    char *line;
    size_t n;
    if (c->taking)
        return;
    c->taking = true;
    while (!c->busy && c->out == NULL && c->w.fd >= 0 && (line = take_line(c, &n)) != NULL) {
        request_line(c, bytes_of(line, n));
        free(line);
    }
    c->taking = false;
}

static void client_ready(struct loop_watch *w, uint32_t events)
{
    struct ctl *c = CONTAINER_OF(w, struct ctl, w);
    if (events & EPOLLOUT) {
        client_flush(c);
        return;
    }
    ssize_t got = recv(w->fd, c->in + c->in_n, LIMIT_CONTROL_LINE - c->in_n, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        client_close(c); /* a line of full length without an end comes here too */
        return;
    }
    c->in_n += (size_t)got;
    client_touch(c);
    next_request(c);
    if (w->fd >= 0 && c->busy) /* more is read when this one is answered */
        loop_change(&c->server->loop, w, c->in_n < LIMIT_CONTROL_LINE ? EPOLLIN : 0);
}

static void accept_again(struct loop_timer *t)
{
    struct server *s = CONTAINER_OF(t, struct server, control_again);
    loop_change(&s->loop, &s->control, EPOLLIN);
}

static void accept_ready(struct loop_watch *w, uint32_t events)
{
    struct server *s = CONTAINER_OF(w, struct server, control);
    (void)events;
    int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        /* The connection stays where it is: look again later instead of all the time. */
        loop_change(&s->loop, w, 0);
        s->control_again.fire = accept_again;
        loop_timer_set(&s->loop, &s->control_again, s->loop.now.mono_us + AGAIN_MS * 1000ull);
    }
    if (fd < 0)
        return;
    struct ctl *c = s->ctl_n < LIMIT_CONTROL_CLIENTS ? calloc(1, sizeof *c) : NULL;
    if (c != NULL)
        c->in = malloc(LIMIT_CONTROL_LINE);
    if (c == NULL || c->in == NULL) {
        free(c);
        close(fd);
        return;
    }
    c->server = s;
    c->w = (struct loop_watch){.fd = fd, .ready = client_ready};
    c->timer.fire = client_timeout;
    list_init(&c->link);
    list_append(&s->ctls, &c->link);
    s->ctl_n++;
    if (loop_add(&s->loop, &c->w, EPOLLIN) != ST_OK)
        client_close(c);
    else
        client_touch(c);
}

/* --- the socket ------------------------------------------------------------------------------- */

static bool try_path(const char *path, bool writable)
{
    char dir[256];
    struct text t = text_of(dir, sizeof dir);
    const char *slash = strrchr(path, '/');
    text_bytes(&t, path, slash ? (size_t)(slash - path) : 0);
    return writable ? access(slash == path ? "/"
                             : slash       ? dir
                                           : ".",
                             W_OK | X_OK) == 0
                    : access(path, F_OK) == 0;
}

bool control_socket_path(const char *configured, bool writable, char *ret, size_t cap)
{
    const char *env = getenv("BANYAN_CONTROL"), *run = getenv("XDG_RUNTIME_DIR");
    struct text t = text_of(ret, cap);
    if (configured != NULL || (env != NULL && env[0] != '\0')) {
        text_str(&t, configured ? configured : env);
        return !t.cut;
    }
    for (int i = 0; i < 3; i++) {
        text_clear(&t);
        t.cut = false;
        if (i == 0) {
            if (writable && geteuid() == 0)
                mkdir("/run/banyan", 0755);
            text_str(&t, "/run/banyan/control.sock");
        } else if (i == 1 && run != NULL && run[0] == '/') {
            text_fmt(&t, "%s/banyan-control.sock", run);
        } else if (i == 2) {
            /* A folder of one's own: nobody else can put a socket there. */
            text_fmt(&t, "/tmp/banyan-%u", (unsigned)geteuid());
            struct stat st;
            if (writable)
                mkdir(ret, 0700);
            if (lstat(ret, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
                continue;
            text_str(&t, "/control.sock");
        }
        if (t.n > 0 && !t.cut && try_path(ret, writable))
            return true;
    }
    return false;
}

static bool is_socket(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* A socket that nobody answers on was left behind by a server that was killed. Connecting to a file
 * that is no socket is refused as well: that one is somebody's, and stays. */
static bool is_stale(const struct sockaddr_un *sa)
{
    if (!is_socket(sa->sun_path))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool stale = connect(fd, (const struct sockaddr *)sa, sizeof *sa) < 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static int open_socket(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof sa.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(sa.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (is_stale(&sa))
        unlink(path);
    mode_t old = umask(0177); /* mode 0600 from its first moment */
    int rc = bind(fd, (struct sockaddr *)&sa, sizeof sa);
    int err = errno;
    umask(old);
    if (rc < 0 || listen(fd, 16) < 0) {
        close(fd);
        errno = rc < 0 ? err : errno;
        return -1;
    }
    return fd;
}

bool ctl_open(struct server *s, const struct config *conf, struct diag *d)
{
    const char *configured = conf->control.socket;
    unsigned uid, gid;
    char *path = s->control_path;
    s->control = (struct loop_watch){.fd = -1, .ready = accept_ready};
    if (configured != NULL && configured[0] == '\0')
        return true; /* not wanted */
    if (control_socket_path(configured, true, path, sizeof s->control_path))
        s->control.fd = open_socket(path);
    bool explicit = configured != NULL || getenv("BANYAN_CONTROL") != NULL;
    if (s->control.fd < 0) {
        int err = errno;
        if (explicit) {
            diag_set(d, SEV_ERROR, "control",
                     err != EADDRINUSE ? NULL
                     : is_socket(path) ? "is another server running with it?"
                                       : "a file that is no socket stands there",
                     "cannot make the control socket %s: %s", path, strerror(err));
            return false;
        }
        log_event(LEVEL_WARNING, "no-control-socket",
                  "path=%s reason=\"%s\" hint=\"set control.socket\"", path,
                  err == EADDRINUSE ? "another server has it" : strerror(err));
        path[0] = '\0';
        return true;
    }
    if (conf->server.user != NULL && geteuid() == 0 &&
        privs_lookup(conf->server.user, conf->server.group, &uid, &gid) &&
        chown(path, uid, gid) != 0)
        log_event(LEVEL_WARNING, "control-owner", "path=%s error=\"%s\"", path, strerror(errno));
    return loop_add(&s->loop, &s->control, EPOLLIN) == ST_OK;
}

void ctl_close_all(struct server *s)
{
    LIST_FOR_SAFE(it, tmp, &s->ctls)
    {
        struct ctl *c = CONTAINER_OF(it, struct ctl, link);
        c->busy = false; /* whoever worked for it has ended */
        client_close(c);
    }
    loop_timer_stop(&s->loop, &s->control_again);
    if (s->control.fd >= 0) {
        loop_close(&s->loop, &s->control);
        unlink(s->control_path);
    }
}
