/* All listening sockets, opened before the server becomes an ordinary user. */
#include "io/cpus.h"
#include "io/log.h"
#include "io/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void complain(const struct diag *d)
{
    char buf[900];
    struct text t = text_of(buf, sizeof buf);
    diag_text(d, isatty(2), &t);
    fputs(buf, stderr);
}

/* The addresses that are to be served. Those of the default need not all exist. */
static bool usable(const struct config *c, const struct netaddr *a, bool *ret_skip)
{
    struct diag d = {0};
    *ret_skip = false;
    bool in_use = socket_in_use(a, &d);
    if (d.message[0] == '\0')
        return true;
    struct netaddr first = c->server.listen.v[0];
    bool second_of_default = c->server.listen.n == 2 && a->family == ADDR_V6 && a->port == 53 &&
                             netaddr_is_loopback(a) && netaddr_is_loopback(&first);
    if (!in_use && second_of_default) {
        *ret_skip = true;
        log_event(LEVEL_DEBUG, "listen-skipped", "address=::1 reason=\"no IPv6 here\"");
        return true;
    }
    complain(&d);
    return false;
}

static bool open_worker(const struct config *c, const struct netaddr *v, size_t n, int (*fds)[2])
{
    struct diag d = {0};
    for (size_t i = 0; i < n; i++) {
        fds[i][0] = socket_udp_listen(&v[i], c->server.udp_buffer, &d);
        if (fds[i][0] >= 0)
            fds[i][1] = socket_tcp_listen(&v[i], &d);
        if (fds[i][0] < 0 || fds[i][1] < 0) {
            complain(&d);
            return false;
        }
    }
    return true;
}

/* The worker on the processor that received a query gets it. */
static void steer(int (*fds)[2], size_t n, unsigned workers)
{
    unsigned cpus[CPUS_MAX], cpu_n = cpus_allowed(cpus);
    for (size_t i = 0; i < 2 * n; i++)
        if (!socket_steer(fds[i / 2][i % 2], cpus, MIN(cpu_n, workers))) {
            log_event(LEVEL_WARNING, "pin-workers",
                      "text=\"the kernel does not steer queries by processor\"");
            return;
        }
}

bool listen_all(const struct config *c, unsigned workers, struct netaddr **ret_addrs,
                int (**ret_fds)[2], size_t *ret_n)
{
    size_t n = 0;
    bool ok = true;
    struct netaddr *v = calloc(c->server.listen.n + 1, sizeof *v);
    int(*fds)[2] = calloc(c->server.listen.n * workers + 1, sizeof *fds);
    *ret_addrs = v;
    *ret_fds = fds;
    if (v == NULL || fds == NULL)
        return false;
    for (size_t i = 0; i < c->server.listen.n; i++) {
        bool skip;
        if (!usable(c, &c->server.listen.v[i], &skip))
            ok = false;
        else if (!skip)
            v[n++] = c->server.listen.v[i];
    }
    *ret_n = n;
    for (unsigned w = 0; ok && w < workers; w++)
        ok = open_worker(c, v, n, fds + w * n);
    if (ok && c->server.pin_workers)
        steer(fds, n, workers);
    return ok && n > 0;
}
