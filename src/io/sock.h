/* Sockets as the server wants them, and addresses as the kernel wants them. */
#ifndef BANYAN_IO_SOCK_H
#define BANYAN_IO_SOCK_H

#include "base/diag.h"
#include "base/netaddr.h"

#include <netinet/in.h>
#include <sys/socket.h>

union sockaddr_any {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Returns the size of what was written; 0 for family ADDR_NONE. */
socklen_t sockaddr_put(const struct netaddr *a, union sockaddr_any *ret);
struct netaddr sockaddr_get(const union sockaddr_any *sa);
bool netaddr_is_any(const struct netaddr *a);

/* A listening socket that shares its address with those of other workers (SO_REUSEPORT). -1 with *d
 * filled (message and hint) if it cannot be had. buffer: bytes for the kernel's buffers, each way.
 */
int socket_udp_listen(const struct netaddr *a, uint64_t buffer, struct diag *d);
int socket_tcp_listen(const struct netaddr *a, struct diag *d);
/* Of the sockets that share an address with fd, from now on the i-th bound gets what processor
 * cpus[i] receives; what others receive is shared out by hash. False if the kernel cannot. */
bool socket_steer(int fd, const unsigned *cpus, unsigned n);
/* True if somebody else already serves this address: SO_REUSEPORT would hide that from bind. */
bool socket_in_use(const struct netaddr *a, struct diag *d);
/* A socket to ask others from: UDP bound to `from` (family ADDR_NONE in `from`: any address) and
 * that very port, or any port if 0. -1: errno tells. */
int socket_outgoing(int type, uint8_t family, const struct netaddr *from, uint16_t port);

/* Fills in "cannot listen on ADDRESS (UDP): why" and what to do about it. */
void socket_diag(struct diag *d, const char *what, const struct netaddr *a, int err);

#endif
