#include "io/client.h"

#include "base/limits.h"
#include "dns/msg.h"
#include "io/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

/* A flood of wrong replies must end some time. */
enum { IGNORED_MAX = 1000 };

static uint64_t clock_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

bool client_matches(struct bytes query, struct bytes reply)
{
    struct msg_header q, r;
    struct question asked, said;
    size_t end;
    if (msg_header_read(query, &q) != ST_OK || msg_header_read(reply, &r) != ST_OK)
        return false;
    if (r.id != q.id || (r.flags & MSG_QR) == 0 || msg_opcode(r.flags) != msg_opcode(q.flags))
        return false;
    if (q.count[SECTION_QUESTION] == 0 || r.count[SECTION_QUESTION] == 0)
        return q.count[SECTION_QUESTION] == 0 || (r.flags & 15) != RCODE_NOERROR;
    if (msg_question_read(query, &asked, &end) != ST_OK ||
        msg_question_read(reply, &said, &end) != ST_OK)
        return false;
    return asked.type == said.type && asked.rclass == said.rclass &&
           name_equal(asked.name.w, said.name.w);
}

/* Waits until fd is ready; false when the time is over. */
static bool wait_ready(int fd, short events, uint64_t deadline)
{
    for (;;) {
        uint64_t now = clock_us();
        if (now >= deadline)
            return false;
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, (int)((deadline - now) / 1000) + 1);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

static int open_connected(const struct client_call *c, int type, bool wait, uint64_t deadline)
{
    union sockaddr_any to, from;
    socklen_t n = sockaddr_put(&c->server, &to);
    int fd = socket(to.sa.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int err = 0;
    socklen_t err_n = sizeof err;
    if (c->from.family != ADDR_NONE && bind(fd, &from.sa, sockaddr_put(&c->from, &from)) != 0)
        err = errno;
    if (err == 0 && connect(fd, &to.sa, n) != 0)
        err = errno;
    if (err == EINPROGRESS) {
        if (!wait || !wait_ready(fd, POLLOUT, deadline))
            err = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &err_n) != 0)
            err = errno;
    }
    if (err == 0)
        return fd;
    close(fd);
    errno = err;
    return -1;
}

static enum status fail(struct client_reply *ret)
{
    ret->err = errno;
    return errno == ETIMEDOUT ? ST_ETIMEOUT : ST_EIO;
}

/* One packet and the replies to it. */
static enum status udp_try(int fd, struct bytes query, uint32_t timeout_ms, uint8_t *buf,
                           struct client_reply *ret)
{
    uint64_t start = clock_us(), deadline = start + (uint64_t)timeout_ms * 1000;
    ret->tries++;
    if (send(fd, query.p, query.n, 0) < 0)
        return fail(ret);
    while (wait_ready(fd, POLLIN, deadline)) {
        ssize_t n = recv(fd, buf, LIMIT_MESSAGE, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n < 0)
            return fail(ret);
        if (client_matches(query, bytes_of(buf, (size_t)n))) {
            ret->wire = bytes_of(buf, (size_t)n);
            ret->elapsed_us = clock_us() - start;
            return ST_OK;
        }
        if (++ret->ignored >= IGNORED_MAX)
            break;
    }
    return ST_ETIMEOUT;
}

static enum status ask_udp(const struct client_call *c, struct bytes query, uint8_t *buf,
                           struct client_reply *ret)
{
    enum status st = ST_ETIMEOUT;
    int fd = open_connected(c, SOCK_DGRAM, false, 0);
    if (fd < 0)
        return fail(ret);
    for (uint32_t i = 0; i < MAX(c->tries, 1u) && st == ST_ETIMEOUT; i++)
        st = udp_try(fd, query, c->timeout_ms, buf, ret);
    close(fd);
    return st;
}

static enum status send_all(int fd, const uint8_t *p, size_t n, uint64_t deadline)
{
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EAGAIN) {
            if (!wait_ready(fd, POLLOUT, deadline))
                return ST_ETIMEOUT;
        } else if (k < 0 && errno != EINTR) {
            return ST_EIO;
        } else if (k > 0) {
            p += k;
            n -= (size_t)k;
        }
    }
    return ST_OK;
}

static enum status receive_all(int fd, uint8_t *p, size_t n, uint64_t deadline)
{
    while (n > 0) {
        if (!wait_ready(fd, POLLIN, deadline))
            return ST_ETIMEOUT;
        ssize_t k = recv(fd, p, n, 0);
        if (k == 0)
            errno = ECONNRESET;
        if (k == 0 || (k < 0 && errno != EAGAIN && errno != EINTR))
            return ST_EIO;
        if (k > 0) {
            p += k;
            n -= (size_t)k;
        }
    }
    return ST_OK;
}

static enum status tcp_exchange(int fd, struct bytes query, uint8_t *buf, uint64_t deadline,
                                struct client_reply *ret)
{
    uint8_t length[2];
    put_be16(length, (uint16_t)query.n);
    TRY(send_all(fd, length, 2, deadline));
    TRY(send_all(fd, query.p, query.n, deadline));
    for (;;) {
        TRY(receive_all(fd, length, 2, deadline));
        TRY(receive_all(fd, buf, get_be16(length), deadline));
        ret->wire = bytes_of(buf, get_be16(length));
        if (client_matches(query, ret->wire))
            return ST_OK;
        if (++ret->ignored >= IGNORED_MAX)
            return ST_EFORMAT;
    }
}

static enum status ask_tcp(const struct client_call *c, struct bytes query, uint8_t *buf,
                           struct client_reply *ret)
{
    uint64_t start = clock_us(), deadline = start + (uint64_t)c->timeout_ms * 1000;
    int fd = open_connected(c, SOCK_STREAM, true, deadline);
    ret->tcp = true;
    if (fd < 0)
        return fail(ret);
    enum status st = tcp_exchange(fd, query, buf, deadline, ret);
    ret->err = errno;
    ret->elapsed_us = clock_us() - start;
    close(fd);
    return st;
}

enum status client_ask(const struct client_call *c, struct bytes query, uint8_t *buf,
                       struct client_reply *ret)
{
    *ret = (struct client_reply){0};
    if (query.n > LIMIT_MESSAGE)
        return ST_ELIMIT;
    if (c->tcp)
        return ask_tcp(c, query, buf, ret);
    TRY(ask_udp(c, query, buf, ret));
    if ((get_be16(ret->wire.p + 2) & MSG_TC) == 0 || c->keep_truncated)
        return ST_OK;
    ret->was_truncated = true;
    return ask_tcp(c, query, buf, ret);
}
