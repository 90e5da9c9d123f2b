#include "io/bundle.h"

#include <string.h>

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
/* Not in every libc's headers. */
enum { UDP_SEGMENT_OPTION = 103, SLOTS = 256 };

/* What is known of the answers at hand. */
struct answers {
    const struct mmsghdr *tx;
    uint64_t way[BUNDLE_ANSWERS]; /* the client: an IPv4 address and port, or a digest */
    uint32_t size[BUNDLE_ANSWERS];
};

static uint64_t way_of(const struct msghdr *m)
{
    const union sockaddr_any *a = m->msg_name;
    if (a->sa.sa_family == AF_INET)
        return (uint64_t)a->v4.sin_addr.s_addr << 16 | a->v4.sin_port;
    uint64_t v[2];
    memcpy(v, &a->v6.sin6_addr, sizeof v);
    return v[0] ^ v[1] << 16 ^ v[1] >> 48 ^ a->v6.sin6_port;
}

static bool same_way(const struct answers *a, unsigned i, unsigned k)
{
    const struct msghdr *x = &a->tx[i].msg_hdr, *y = &a->tx[k].msg_hdr;
    if (a->way[i] != a->way[k] || x->msg_namelen != y->msg_namelen ||
        x->msg_controllen != y->msg_controllen)
        return false;
    return (x->msg_namelen == sizeof(struct sockaddr_in) ||
            memcmp(x->msg_name, y->msg_name, x->msg_namelen) == 0) &&
           (x->msg_controllen == 0 ||
            memcmp(x->msg_control, y->msg_control, x->msg_controllen) == 0);
}

/* Adds bundle `at` of the first k answers in v, whose parts stand at iov. */
static void add(struct bundles *b, unsigned at, struct iovec *iov, const struct mmsghdr *tx,
                const uint8_t *v, unsigned k)
{
    struct msghdr *m = &b->m[at].msg_hdr;
    *m = tx[v[0]].msg_hdr;
    m->msg_iov = iov;
    m->msg_iovlen = k;
    for (unsigned i = 0; i < k; i++)
        iov[i] = *tx[v[i]].msg_hdr.msg_iov;
    if (k == 1)
        return;
    size_t have = m->msg_controllen;
    uint16_t size = (uint16_t)iov[0].iov_len;
    struct cmsghdr c = {
        .cmsg_len = CMSG_LEN(sizeof size), .cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT_OPTION};
    if (have > 0)
        memcpy(b->control[at], m->msg_control, have);
    memset(b->control[at] + have, 0, CMSG_SPACE(sizeof size));
    memcpy(b->control[at] + have, &c, sizeof c);
    memcpy(b->control[at] + have + CMSG_LEN(0), &size, sizeof size);
    m->msg_control = b->control[at];
    m->msg_controllen = have + CMSG_SPACE(sizeof size);
}

/* How many of v, the largest first, may leave in one bundle. */
static unsigned bundle_of(const struct answers *a, const uint8_t *v, unsigned n)
{
    size_t size = a->size[v[0]], bytes = size;
    unsigned k = 1;
    if (size > BUNDLE_SIZE ||
        a->tx[v[0]].msg_hdr.msg_controllen + CMSG_SPACE(sizeof(uint16_t)) > BUNDLE_CONTROL)
        return 1;
    while (k < n && bytes + a->size[v[k]] <= BUNDLE_BYTES) {
        bytes += a->size[v[k]];
        if (a->size[v[k++]] < size)
            break;
    }
    return k;
}

/* The answers of one client, taken from the chain that begins with `first`: largest first. */
static unsigned sort_chain(const struct answers *a, unsigned first, const uint8_t *next,
                           uint8_t *ret)
{
    unsigned n = 0;
    for (unsigned i = first; i != 0; i = next[i - 1], n++) {
        unsigned at = n;
        for (; at > 0 && a->size[ret[at - 1]] < a->size[i - 1]; at--)
            ret[at] = ret[at - 1];
        ret[at] = (uint8_t)(i - 1);
    }
    return n;
}

unsigned bundles_make(struct bundles *b, const struct mmsghdr *tx, unsigned n)
{
    uint8_t slot[SLOTS] = {0};     /* 1 + the last answer to a client */
    uint8_t next[BUNDLE_ANSWERS];  /* 1 + the next one to the same; 0: none */
    uint8_t first[BUNDLE_ANSWERS]; /* 1 + the first answer to each client */
    unsigned clients = 0;
    struct answers a;
    ASSERT(n <= BUNDLE_ANSWERS);
    a.tx = tx;
    for (unsigned i = 0; i < n; i++) {
        a.way[i] = way_of(&tx[i].msg_hdr);
        a.size[i] = (uint32_t)tx[i].msg_hdr.msg_iov->iov_len;
        uint8_t *s = &slot[a.way[i] * 0x9e3779b97f4a7c15u >> 56];
        next[i] = 0;
        if (*s != 0 && same_way(&a, *s - 1u, i)) {
            next[*s - 1] = (uint8_t)(i + 1);
        } else {
            first[clients++] = (uint8_t)(i + 1); /* a client who shares a slot starts again */
        }
        *s = (uint8_t)(i + 1);
    }
    if (clients == n)
        return 0;
    unsigned made = 0;
    struct iovec *iov = b->iov;
    for (unsigned c = 0; c < clients; c++) {
        uint8_t v[BUNDLE_ANSWERS];
        unsigned k = sort_chain(&a, first[c], next, v);
        for (unsigned at = 0, m; at < k; at += m, iov += m) {
            m = bundle_of(&a, v + at, k - at);
            add(b, made++, iov, tx, v + at, m);
        }
    }
    return made;
}

struct msghdr bundle_part(const struct msghdr *m, size_t i)
{
    struct msghdr one = *m;
    one.msg_iov = &m->msg_iov[i];
    if (m->msg_iovlen > 1)
        one.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
    one.msg_iovlen = 1;
    return one;
}
