#include "io/sock.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

/* Not in every libc's headers: leave the interface's MTU alone and never set DF from path MTU
 * messages, which can be forged (RFC 9715 section 3, R1). */
enum { PMTUDISC_OMIT = 5 };

/* Connections that wait to be accepted; the kernel has a limit of its own (net.core.somaxconn). */
enum { BACKLOG = 4096 };

socklen_t sockaddr_put(const struct netaddr *a, union sockaddr_any *ret)
{
    memset(ret, 0, sizeof *ret);
    if (a->family == ADDR_V4) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(a->port);
        memcpy(&ret->v4.sin_addr, a->a, 4);
        return sizeof ret->v4;
    }
    if (a->family == ADDR_V6) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(a->port);
        ret->v6.sin6_scope_id = a->scope;
        memcpy(&ret->v6.sin6_addr, a->a, 16);
        return sizeof ret->v6;
    }
    return 0;
}

struct netaddr sockaddr_get(const union sockaddr_any *sa)
{
    if (sa->sa.sa_family == AF_INET)
        return netaddr_v4((const uint8_t *)&sa->v4.sin_addr, ntohs(sa->v4.sin_port));
    if (sa->sa.sa_family != AF_INET6)
        return (struct netaddr){0};
    struct netaddr a = netaddr_v6((const uint8_t *)&sa->v6.sin6_addr, ntohs(sa->v6.sin6_port));
    a.scope = sa->v6.sin6_scope_id;
    return a;
}

bool netaddr_is_any(const struct netaddr *a)
{
    static const uint8_t zero[16];
    return memcmp(a->a, zero, 16) == 0;
}

void socket_diag(struct diag *d, const char *what, const struct netaddr *a, int err)
{
    char where[NETADDR_TEXT_MAX + 8], hint[200];
    struct text t = text_of(where, sizeof where), h = text_of(hint, sizeof hint);
    netaddr_text_port(a, &t);
    if (err == EADDRINUSE)
        text_fmt(&h, "another program serves this port: `ss -lnptu 'sport = :%u'` shows which",
                 a->port);
    else if (err == EACCES || err == EPERM)
        text_fmt(&h, "ports below 1024 need root, CAP_NET_BIND_SERVICE, or a lower "
                     "net.ipv4.ip_unprivileged_port_start");
    else if (err == EADDRNOTAVAIL)
        text_str(&h, "this machine has no such address: `ip address` lists those it has");
    else if (err == EAFNOSUPPORT)
        text_str(&h, "this machine has no IPv6");
    else if (err == EMFILE || err == ENFILE)
        text_str(&h, "too many open files: raise the limit (`ulimit -n`, LimitNOFILE=)");
    const char *why = err == EADDRINUSE               ? "the port is in use"
                      : err == EACCES || err == EPERM ? "no permission"
                      : err == EADDRNOTAVAIL          ? "no such address on this machine"
                                                      : strerror(err);
    diag_set(d, SEV_ERROR, "listen", text_cstr(&h), "cannot listen on %s (%s): %s", where, what,
             why);
}

static int set_on(int fd, int level, int name)
{
    int one = 1;
    return setsockopt(fd, level, name, &one, sizeof one);
}

static int open_bound(int type, const struct netaddr *a, bool share)
{
    union sockaddr_any sa;
    socklen_t n = sockaddr_put(a, &sa);
    int fd = socket(sa.sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (type == SOCK_STREAM)
        set_on(fd, SOL_SOCKET, SO_REUSEADDR); /* kill -9 and restart serve again at once */
    if (a->family == ADDR_V6)
        set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if ((share && set_on(fd, SOL_SOCKET, SO_REUSEPORT) < 0) || bind(fd, &sa.sa, n) < 0) {
        int err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

static void set_buffer(int fd, int name, int force, uint64_t bytes)
{
    int v = (int)MIN(bytes / 2, 1u << 30); /* the kernel doubles it */
    if (setsockopt(fd, SOL_SOCKET, force, &v, sizeof v) < 0)
        setsockopt(fd, SOL_SOCKET, name, &v, sizeof v);
}

int socket_udp_listen(const struct netaddr *a, uint64_t buffer, struct diag *d)
{
    int fd = open_bound(SOCK_DGRAM, a, true);
    if (fd < 0) {
        socket_diag(d, "UDP", a, errno);
        return -1;
    }
    int omit = PMTUDISC_OMIT;
    if (a->family == ADDR_V4)
        setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &omit, sizeof omit);
    else
        setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &omit, sizeof omit);
    if (netaddr_is_any(a)) {
        if (a->family == ADDR_V4)
            set_on(fd, IPPROTO_IP, IP_PKTINFO);
        else
            set_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
    }
    set_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, buffer);
    set_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, buffer);
    return fd;
}

/* What accepted sockets inherit or never see; the kernel may know none of it. */
static void tune_listener(int fd)
{
    int off = 0, wait_s = 1, queue = 256;
    set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    /* An acknowledgement waits for the answer and travels with it. */
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
    /* Nobody is woken for a connection before its first query, or a second, has come. */
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &wait_s, sizeof wait_s);
    /* Where the system allows it: a query in the SYN (RFC 7413, RFC 7766 section 6.2.1). */
    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof queue);
}

int socket_tcp_listen(const struct netaddr *a, struct diag *d)
{
    int fd = open_bound(SOCK_STREAM, a, true);
    if (fd < 0 || listen(fd, BACKLOG) < 0) {
        socket_diag(d, "TCP", a, errno);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    tune_listener(fd);
    return fd;
}

bool socket_steer(int fd, const unsigned *cpus, unsigned n)
{
    enum { PROGRAM_MAX = 2 + 2 * 256 };
    struct sock_filter p[PROGRAM_MAX];
    uint16_t at = 0;
    n = MIN(n, 256u);
    p[at++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_CPU));
    for (unsigned i = 0; i < n; i++) {
        p[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, cpus[i], 0, 1);
        p[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, i);
    }
    p[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX); /* nobody: by hash */
    struct sock_fprog prog = {at, p};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof prog) == 0;
}

bool socket_in_use(const struct netaddr *a, struct diag *d)
{
    static const int types[] = {SOCK_DGRAM, SOCK_STREAM};
    for (int i = 0; i < 2; i++) {
        int fd = open_bound(types[i], a, false);
        int err = errno;
        if (fd >= 0 && types[i] == SOCK_STREAM && listen(fd, 1) < 0) {
            err = errno;
            close(fd);
            fd = -1;
        }
        if (fd < 0) {
            socket_diag(d, i == 0 ? "UDP" : "TCP", a, err);
            return err == EADDRINUSE;
        }
        close(fd);
    }
    return false;
}

int socket_outgoing(int type, uint8_t family, const struct netaddr *from, uint16_t port)
{
    struct netaddr a = {.family = family, .port = port};
    if (from->family == family) {
        a = *from;
        a.port = port;
    }
    union sockaddr_any sa;
    socklen_t n = sockaddr_put(&a, &sa);
    int fd = socket(sa.sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (type == SOCK_STREAM) {
        set_on(fd, IPPROTO_TCP, TCP_NODELAY);
        if (from->family == family && port == 0)
            set_on(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    } else {
        int omit = PMTUDISC_OMIT;
        if (family == ADDR_V4)
            setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &omit, sizeof omit);
        else
            setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &omit, sizeof omit);
    }
    if ((port != 0 || from->family == family) && bind(fd, &sa.sa, n) < 0) {
        int err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}
