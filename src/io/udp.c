/* Queries over UDP: received and answered in batches as large as the load makes them. A single
 * query is a batch of one and waits for nobody. */
#include "io/bundle.h"
#include "io/front.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <sys/epoll.h>

/* A page and two cache lines apart, so that the slots of a batch do not fight for the same cache
 * sets. */
enum {
    SLOT = UDP_SIZE + 128,
    CONTROL = 64,
    ROUNDS = 4,
    REFUSALS = 16,
    LATE_BYTES = LIMIT_MESSAGE,
    AGAIN_US = 1000000
};

struct udp_slot {
    uint8_t in[SLOT];
    uint8_t out[SLOT];
};

/* Answers that came late, to leave at the end of the turn. */
struct udp_late {
    unsigned n;
    size_t used; /* of data */
    struct listener *from;
    struct mmsghdr tx[UDP_BATCH];
    struct iovec iov[UDP_BATCH];
    union sockaddr_any client[UDP_BATCH];
    ALIGNED(16) uint8_t control[UDP_BATCH][CONTROL];
    uint8_t data[LATE_BYTES];
};

struct udp_batch {
    struct mmsghdr rx[UDP_BATCH], tx[UDP_BATCH];
    struct iovec rx_iov[UDP_BATCH], tx_iov[UDP_BATCH];
    union sockaddr_any client[UDP_BATCH];
    ALIGNED(16) uint8_t control[UDP_BATCH][CONTROL];
    struct bundles bundles;
    struct udp_late late;
    struct udp_slot slot[UDP_BATCH];
};

struct udp_batch *udp_batch_new(void)
{
    struct udp_batch *b = calloc(1, sizeof *b);
    for (int i = 0; b != NULL && i < UDP_BATCH; i++) {
        b->rx_iov[i] = (struct iovec){b->slot[i].in, UDP_SIZE};
        b->rx[i].msg_hdr = (struct msghdr){.msg_name = &b->client[i],
                                           .msg_namelen = sizeof b->client[i],
                                           .msg_iov = &b->rx_iov[i],
                                           .msg_iovlen = 1,
                                           .msg_control = b->control[i]};
    }
    return b;
}

/* The address a datagram was sent to, and the same data made ready to send the answer from it. */
static bool asked_address(struct msghdr *m, const struct listener *l, struct netaddr *ret)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo *info = (struct in_pktinfo *)(void *)CMSG_DATA(c);
            *ret = netaddr_v4((const uint8_t *)&info->ipi_addr, l->local.port);
            info->ipi_spec_dst = info->ipi_addr;
            info->ipi_ifindex = 0; /* the route decides */
            return true;
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo *info = (struct in6_pktinfo *)(void *)CMSG_DATA(c);
            *ret = netaddr_v6((const uint8_t *)&info->ipi6_addr, l->local.port);
            if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
                info->ipi6_ifindex = 0;
            return true;
        }
    }
    return false;
}

enum { AHEAD_LEAST = 4 }; /* fewer do not wait for one another */

static void look_ahead(struct front *f, const struct udp_batch *b, int n)
{
    struct bytes wire[SERVICE_AHEAD];
    unsigned many = 0;
    for (int i = 0; i < n && many < SERVICE_AHEAD; i++)
        wire[many++] = bytes_of(b->slot[i].in, b->rx[i].msg_len);
    f->service.ahead(f->service.ctx, wire, many);
}

/* Handles datagram i; true if an answer of *ret_n bytes stands in its slot. */
static bool handle_one(struct front *f, struct listener *l, struct udp_batch *b, int i, bool behind,
                       size_t *ret_n)
{
    struct msghdr *m = &b->rx[i].msg_hdr;
    if (m->msg_flags & MSG_TRUNC) {
        f->count->udp_oversize++;
        return false;
    }
    struct request rq = {.client = sockaddr_get(&b->client[i]),
                         .local = l->local,
                         .transport = TRANSPORT_UDP,
                         .now = f->loop->now,
                         .wire = bytes_of(b->slot[i].in, b->rx[i].msg_len),
                         .out = b->slot[i].out,
                         .out_cap = UDP_SIZE,
                         .behind = behind};
    if (rq.client.port == 0 || (l->any && !asked_address(m, l, &rq.local)))
        return false;
    struct waiting *w = waiting_next(f, &rq.token);
    if (UNLIKELY(w == NULL)) {
        f->count->waiting_full++;
        return false;
    }
    enum outcome o = f->service.handle(f->service.ctx, &rq, ret_n);
    if (o == OUTCOME_LATER) {
        w->udp = l;
        w->client = b->client[i];
        w->local = rq.local;
        waiting_keep(f, w);
    }
    return o == OUTCOME_ANSWER;
}

/* A bundle that the kernel did not take, in pieces. */
static void send_parts(struct front *f, struct listener *l, const struct msghdr *m)
{
    if (errno == EIO || ++l->refused == REFUSALS)
        l->alone = true; /* nor will it take the next */
    for (size_t i = 0; i < m->msg_iovlen; i++) {
        struct msghdr one = bundle_part(m, i);
        if (sendmsg(l->w.fd, &one, MSG_DONTWAIT) >= 0)
            f->count->udp_answers++;
        else
            f->count->udp_send_errors++;
    }
}

static void send_all(struct front *f, struct listener *l, struct udp_batch *b, struct mmsghdr *m,
                     unsigned n)
{
    unsigned done = 0, made = 0;
    if (n > 1 && !l->alone)
        made = bundles_make(&b->bundles, m, n);
    if (made > 0) {
        m = b->bundles.m;
        n = made;
    }
    while (done < n) {
        int put = sendmmsg(l->w.fd, m + done, n - done, MSG_DONTWAIT);
        for (int i = 0; i < put; i++)
            f->count->udp_answers += m[done + (unsigned)i].msg_hdr.msg_iovlen;
        if (put > 0) {
            done += (unsigned)put;
            l->refused = 0;
        } else if (errno != EINTR) { /* this one: unreachable, or the buffer is full */
            if (m[done].msg_hdr.msg_iovlen > 1 && errno != EAGAIN && errno != ENOBUFS)
                send_parts(f, l, &m[done].msg_hdr);
            else
                f->count->udp_send_errors += m[done].msg_hdr.msg_iovlen;
            done++;
        }
    }
}

/* Whether too much waits unread, now that n came at once. The kernel is asked only where some of it
 * may have to be looked up, and more is there than one turn takes. */
static bool is_behind(struct listener *l, int n)
{
    uint32_t mem[SK_MEMINFO_VARS];
    socklen_t size = sizeof mem;
    if (n < UDP_BATCH)
        l->behind = false;
    else if (!l->behind && l->front->after != NULL &&
             getsockopt(l->w.fd, SOL_SOCKET, SO_MEMINFO, mem, &size) == 0 &&
             size > SK_MEMINFO_RCVBUF * sizeof *mem)
        l->behind = (uint64_t)mem[SK_MEMINFO_RMEM_ALLOC] * 100 >
                    (uint64_t)mem[SK_MEMINFO_RCVBUF] * LIMIT_BEHIND_PERCENT;
    return l->behind;
}

void udp_ready(struct loop_watch *watch, uint32_t events)
{
    struct listener *l = CONTAINER_OF(watch, struct listener, w);
    struct front *f = l->front;
    struct udp_batch *b = f->batch;
    (void)events;
    /* What a resolver has asked for comes in first: with more in progress at once each costs more.
     */
    int rounds = f->after != NULL ? 1 : ROUNDS;
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; l->any && i < UDP_BATCH; i++)
            b->rx[i].msg_hdr.msg_controllen = CONTROL;
        int n = recvmmsg(watch->fd, b->rx, UDP_BATCH, MSG_DONTWAIT, NULL);
        if (n <= 0) {
            l->behind = false;
            break;
        }
        f->count->udp_queries += (unsigned)n;
        f->count->udp_batches++;
        unsigned answers = 0;
        bool behind = is_behind(l, n);
        if (n >= AHEAD_LEAST && f->service.ahead != NULL)
            look_ahead(f, b, n);
        for (int i = 0; i < n; i++) {
            size_t size = 0;
            struct msghdr *m = &b->rx[i].msg_hdr;
            if (handle_one(f, l, b, i, behind, &size)) {
                b->tx_iov[answers] = (struct iovec){b->slot[i].out, size};
                b->tx[answers].msg_hdr = (struct msghdr){.msg_name = &b->client[i],
                                                         .msg_namelen = m->msg_namelen,
                                                         .msg_iov = &b->tx_iov[answers],
                                                         .msg_iovlen = 1};
                if (l->any) {
                    b->tx[answers].msg_hdr.msg_control = m->msg_control;
                    b->tx[answers].msg_hdr.msg_controllen = m->msg_controllen;
                }
                answers++;
            }
            m->msg_namelen = sizeof b->client[i];
            m->msg_controllen = 0;
        }
        send_all(f, l, b, b->tx, answers);
        if (f->after != NULL)
            f->after(f->after_ctx);
        if (n < UDP_BATCH)
            break;
    }
}

/* Says in m, whose control has CONTROL bytes, from which address the answer is to leave. */
static void set_source(struct msghdr *m, const struct waiting *w)
{
    struct cmsghdr *c = m->msg_control;
    memset(c, 0, CONTROL);
    if (w->local.family == ADDR_V4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, w->local.a, 4);
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(c), &info, sizeof info);
        m->msg_controllen = CMSG_SPACE(sizeof info);
    } else {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, w->local.a, 16);
        if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
            info.ipi6_ifindex = w->client.v6.sin6_scope_id;
        c->cmsg_level = IPPROTO_IPV6;
        c->cmsg_type = IPV6_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(c), &info, sizeof info);
        m->msg_controllen = CMSG_SPACE(sizeof info);
    }
}

void udp_flush(struct front *f)
{
    struct udp_late *u = &f->batch->late;
    if (u->n > 0)
        send_all(f, u->from, f->batch, u->tx, u->n);
    u->n = 0;
    u->used = 0;
}

void udp_answer(struct front *f, struct waiting *w, struct bytes answer)
{
    struct udp_late *u = &f->batch->late;
    ASSERT(answer.n <= LATE_BYTES);
    if (u->n == UDP_BATCH || answer.n > LATE_BYTES - u->used || (u->n > 0 && u->from != w->udp))
        udp_flush(f);
    unsigned i = u->n++;
    u->from = w->udp;
    u->client[i] = w->client;
    u->iov[i] = (struct iovec){u->data + u->used, answer.n};
    memcpy(u->data + u->used, answer.p, answer.n);
    u->used += answer.n;
    struct msghdr *m = &u->tx[i].msg_hdr;
    *m = (struct msghdr){.msg_name = &u->client[i], .msg_iov = &u->iov[i], .msg_iovlen = 1};
    m->msg_namelen = w->client.sa.sa_family == AF_INET ? sizeof w->client.v4 : sizeof w->client.v6;
    if (w->udp->any) {
        m->msg_control = u->control[i];
        set_source(m, w);
    }
    waiting_free(f, w);
    if (!f->collect)
        udp_flush(f);
}
