#include "io/ctl_client.h"

#include "base/limits.h"
#include "io/server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static enum status open_socket(const char *path, int *ret_fd, struct diag *d)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    char found[128];
    if (path == NULL) {
        if (!control_socket_path(NULL, false, found, sizeof found)) {
            diag_set(d, SEV_ERROR, "control",
                     "start banyand, or name its socket with --socket PATH or $BANYAN_CONTROL",
                     "no running server was found: there is no control socket");
            return ST_ENOTFOUND;
        }
        path = found;
    }
    if (strlen(path) >= sizeof sa.sun_path) {
        diag_set(d, SEV_ERROR, "control", NULL, "the path of the control socket is too long");
        return ST_ENOTFOUND;
    }
    memcpy(sa.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0) {
        *ret_fd = fd;
        return ST_OK;
    }
    int err = errno;
    if (fd >= 0)
        close(fd);
    if (err == ENOENT)
        diag_set(d, SEV_ERROR, "control", "is banyand running, with this control.socket?",
                 "there is no control socket %s", path);
    else if (err == ECONNREFUSED)
        diag_set(d, SEV_ERROR, "control", "the server has ended: start banyand again",
                 "nobody answers on the control socket %s", path);
    else if (err == EACCES || err == EPERM)
        diag_set(d, SEV_ERROR, "control",
                 "only root and the user that banyand runs as may use it: try sudo",
                 "no permission for the control socket %s", path);
    else
        diag_set(d, SEV_ERROR, "control", NULL, "cannot reach %s: %s", path, strerror(err));
    return err == ENOENT ? ST_ENOTFOUND : ST_EREFUSED;
}

static bool send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

/* Reads the header line into line and everything after it into payload. */
static enum status receive(int fd, uint64_t deadline, struct control_reply *ret,
                           struct text *payload)
{
    char buf[16384];
    struct text line = text_heap(16384);
    enum status st = ST_ESHORT;
    bool have = false;
    while (!have || payload->n < ret->size) {
        struct pollfd p = {fd, POLLIN, 0};
        uint64_t now = clock_ms();
        if (now >= deadline || poll(&p, 1, (int)MIN(deadline - now, 60000u)) < 0) {
            st = ST_ETIMEOUT;
            break;
        }
        if (!(p.revents & (POLLIN | POLLHUP | POLLERR)))
            continue;
        ssize_t got = recv(fd, buf, sizeof buf, 0);
        if (got <= 0) {
            st = ST_EIO;
            break;
        }
        char *nl = have ? NULL : memchr(buf, '\n', (size_t)got);
        size_t head = have ? 0 : nl ? (size_t)(nl - buf) + 1 : (size_t)got;
        text_bytes(&line, buf, nl ? head - 1 : head);
        if (nl != NULL) {
            have = control_reply_parse(bytes_of(line.p, line.n), ret) == ST_OK;
            if (!have) {
                st = ST_EFORMAT;
                break;
            }
        }
        text_bytes(payload, buf + head, (size_t)got - head);
        if (line.cut || payload->cut) {
            st = ST_ELIMIT;
            break;
        }
    }
    text_free(&line);
    return have && payload->n >= ret->size ? ST_OK : st;
}

enum status control_call(const char *path, const struct control_request *rq, uint32_t timeout_ms,
                         struct control_reply *ret, struct text *payload, struct diag *d)
{
    int fd;
    struct text line = text_heap(LIMIT_CONTROL_LINE);
    memset(ret, 0, sizeof *ret);
    TRY(open_socket(path, &fd, d));
    control_write(rq, &line);
    enum status st =
        send_all(fd, line.p, line.n) ? receive(fd, clock_ms() + timeout_ms, ret, payload) : ST_EIO;
    text_free(&line);
    close(fd);
    if (st == ST_ETIMEOUT)
        diag_set(d, SEV_ERROR, "control", NULL, "the server did not answer within %u s",
                 timeout_ms / 1000);
    else if (st != ST_OK)
        diag_set(d, SEV_ERROR, "control", "its log may say why",
                 "the server broke the connection off");
    return st;
}
