/* The same closed loop over TCP. A stream keeps its queries in flight by their IDs, since a server
 * may answer in any order (RFC 7766 section 7); what it can send at once leaves in one write, and
 * all that has arrived is read at once. With a connection for every query, each comes from the next
 * of many addresses of 127.0.0.0/8: the ports of one would soon be used up. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 10000
#define WINDOW_MAX      64
#define IN_SIZE         (2 + 65535)
#define OUT_SIZE        (WINDOW_MAX * (2 + QUERY_MAX))
#define SOURCES         200

struct flight {
    uint64_t sent_ns; /* 0: free */
    uint16_t id;
};

struct stream {
    int fd; /* -1: none */
    unsigned flying, out_at, out_n;
    size_t in_n;
    uint64_t active_ns;
    bool want_out;
    struct flight flight[WINDOW_MAX];
    uint8_t *in, *out;
};

static struct stream *streams;
static unsigned stream_n, window;
static struct sockaddr_in target;
static bool each, stopped;
static int epoll_fd;

static void set_events(struct stream *s, int how, bool out)
{
    struct epoll_event e = {.events = EPOLLIN | (out ? (uint32_t)EPOLLOUT : 0u), .data.ptr = s};
    s->want_out = out;
    if (epoll_ctl(epoll_fd, how, s->fd, &e) < 0)
        fail("epoll_ctl");
}

static void open_stream(struct stream *s)
{
    static unsigned next_source;
    int one = 1;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        fail("socket");
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (each && ntohl(target.sin_addr.s_addr) >> 24 == 127) {
        struct sockaddr_in from = {.sin_family = AF_INET};
        from.sin_addr.s_addr = htonl(0x7f010001 + next_source++ % SOURCES);
        (void)setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(s->fd, (struct sockaddr *)&from, sizeof from) < 0)
            fail("bind");
    }
    if (connect(s->fd, (struct sockaddr *)&target, sizeof target) < 0 && errno != EINPROGRESS)
        fail("connect");
    s->in_n = s->out_at = s->out_n = 0;
    s->active_ns = now_ns();
}

static void close_stream(struct stream *s)
{
    for (unsigned k = 0; k < window; k++)
        s->flight[k].sent_ns = 0;
    lost += s->flying;
    s->flying = 0;
    close(s->fd);
    s->fd = -1;
}

static void put_queries(struct stream *s, uint64_t now)
{
    for (unsigned k = 0; k < window && s->flying < window && quota > 0; k++) {
        struct flight *f = &s->flight[k];
        if (f->sent_ns != 0)
            continue;
        if (s->out_n + 2 + QUERY_MAX > OUT_SIZE)
            return;
        uint8_t *to = s->out + s->out_n;
        size_t n = take_query(to + 2);
        f->id = (uint16_t)(f->id + window);
        to[0] = (uint8_t)(n >> 8);
        to[1] = (uint8_t)n;
        to[2] = (uint8_t)(f->id >> 8);
        to[3] = (uint8_t)f->id;
        f->sent_ns = now;
        s->out_n += (unsigned)(2 + n);
        s->flying++;
        sent++;
        quota--;
    }
}

/* Writes what waits; false if the connection is gone. */
static bool flush(struct stream *s)
{
    while (s->out_at < s->out_n) {
        ssize_t k = send(s->fd, s->out + s->out_at, s->out_n - s->out_at, MSG_NOSIGNAL);
        if (k < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
            if (!s->want_out)
                set_events(s, EPOLL_CTL_MOD, true);
            return true;
        }
        if (k <= 0)
            return false;
        s->out_at += (unsigned)k;
    }
    s->out_at = s->out_n = 0;
    if (s->want_out)
        set_events(s, EPOLL_CTL_MOD, false);
    return true;
}

static void begin(struct stream *s)
{
    open_stream(s);
    set_events(s, EPOLL_CTL_ADD, false);
    put_queries(s, s->active_ns);
    if (!flush(s))
        close_stream(s);
}

static void take_answer(struct stream *s, const uint8_t *p, size_t n, uint64_t now)
{
    if (n < 12 || (p[2] & 0x80) == 0)
        return;
    uint16_t id = (uint16_t)(p[0] << 8 | p[1]);
    struct flight *f = &s->flight[id % window];
    if (f->sent_ns == 0 || f->id != id)
        return;
    note_answer(p, n, now - f->sent_ns, 0);
    f->sent_ns = 0;
    s->flying--;
    s->active_ns = now;
}

/* Reads all that is there; false if the connection is over. */
static bool take_answers(struct stream *s)
{
    ssize_t k = recv(s->fd, s->in + s->in_n, IN_SIZE - s->in_n, 0);
    if (k < 0 && errno == EAGAIN)
        return true;
    if (k <= 0)
        return false;
    s->in_n += (size_t)k;
    uint64_t now = now_ns();
    size_t at = 0;
    while (s->in_n - at >= 2) {
        size_t n = (size_t)s->in[at] << 8 | s->in[at + 1];
        if (s->in_n - at < 2 + n)
            break;
        take_answer(s, s->in + at + 2, n, now);
        at += 2 + n;
    }
    memmove(s->in, s->in + at, s->in_n - at);
    s->in_n -= at;
    return true;
}

static void ready(struct stream *s, uint32_t events)
{
    bool alive = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0 || take_answers(s);
    if (alive && each && s->flying == 0)
        alive = false; /* done with it */
    if (alive && !stopped && !each)
        put_queries(s, now_ns());
    if (!alive || !flush(s))
        close_stream(s);
    if (s->fd < 0 && !stopped && quota > 0)
        begin(s);
}

/* Gives up streams that stay silent with queries in flight; true while any flies. */
static bool expire(void)
{
    uint64_t now = now_ns(); /* not before any query was sent */
    bool flying = false;
    for (unsigned i = 0; i < stream_n; i++) {
        struct stream *s = &streams[i];
        if (s->flying > 0 && now - s->active_ns > timeout_ns) {
            close_stream(s);
            if (!stopped && quota > 0)
                begin(s);
        }
        flying |= s->flying > 0;
    }
    return flying;
}

static void prepare(const struct tcp_how *how)
{
    each = how->connect_each;
    window = each ? 1 : how->window ? how->window : 16;
    stream_n = how->connections ? how->connections : each ? 128 : 8;
    if (window > WINDOW_MAX || (window & (window - 1)) != 0 || stream_n > CONNECTIONS_MAX) {
        errno = ERANGE;
        fail("--window (a power of two, at most 64) or --connections (at most 10000)");
    }
    target.sin_family = AF_INET;
    target.sin_port = htons((uint16_t)strtoul(how->port, NULL, 10));
    if (inet_pton(AF_INET, how->address, &target.sin_addr) != 1)
        fail(how->address);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    streams = calloc(stream_n, sizeof *streams);
    if (epoll_fd < 0 || streams == NULL)
        fail("memory");
    for (unsigned i = 0; i < stream_n; i++) {
        streams[i].in = malloc(IN_SIZE);
        streams[i].out = malloc(OUT_SIZE);
        if (streams[i].in == NULL || streams[i].out == NULL)
            fail("memory");
        for (unsigned k = 0; k < window; k++)
            streams[i].flight[k].id = (uint16_t)k;
    }
}

double run_tcp(const struct tcp_how *how, uint64_t ns)
{
    struct epoll_event events[256];
    prepare(how);
    uint64_t start = now_ns(), end = start + ns, looked = start, last = 0;
    for (unsigned i = 0; i < stream_n && quota > 0; i++)
        begin(&streams[i]);
    for (;;) {
        int n = epoll_wait(epoll_fd, events, 256, 10);
        uint64_t now = now_ns();
        if (!stopped && (now >= end || quota == 0)) {
            stopped = true;
            last = now;
        }
        for (int i = 0; i < n; i++) {
            struct stream *s = events[i].data.ptr;
            if (s->fd >= 0)
                ready(s, events[i].events);
        }
        if (n > 0 && now - looked < 10000000 && !stopped)
            continue;
        looked = now;
        if (!expire() && stopped)
            return (double)(last - start) / 1e9;
    }
}
