#include "io/bundle.h"

#include <string.h>

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
/* Not in every libc's headers. */
enum { UDP_SEGMENT_OPTION = 103, SLOTS = 256 };

static unsigned slot_of(const struct msghdr *m)
{
    const union sockaddr_any *a = m->msg_name;
    uint64_t x;
    if (a->sa.sa_family == AF_INET) {
        x = (uint64_t)a->v4.sin_addr.s_addr << 16 | a->v4.sin_port;
    } else {
        uint64_t v[2];
        memcpy(v, &a->v6.sin6_addr, sizeof v);
        x = v[0] ^ v[1] << 16 ^ v[1] >> 48 ^ a->v6.sin6_port;
    }
    return (unsigned)(x * 0x9e3779b97f4a7c15u >> 56);
}

static bool same_way(const struct msghdr *a, const struct msghdr *b)
{
    return a->msg_namelen == b->msg_namelen && a->msg_controllen == b->msg_controllen &&
           memcmp(a->msg_name, b->msg_name, a->msg_namelen) == 0 &&
           (a->msg_controllen == 0 ||
            memcmp(a->msg_control, b->msg_control, a->msg_controllen) == 0);
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

static size_t size_of(const struct mmsghdr *tx, uint8_t i)
{
    return tx[i].msg_hdr.msg_iov->iov_len;
}

/* How many of v, the largest first, may leave in one bundle. */
static unsigned bundle_of(const struct mmsghdr *tx, const uint8_t *v, unsigned n)
{
    size_t size = size_of(tx, v[0]), bytes = size;
    unsigned k = 1;
    if (size > BUNDLE_SIZE ||
        tx[v[0]].msg_hdr.msg_controllen + CMSG_SPACE(sizeof(uint16_t)) > BUNDLE_CONTROL)
        return 1;
    while (k < n && bytes + size_of(tx, v[k]) <= BUNDLE_BYTES) {
        bytes += size_of(tx, v[k]);
        if (size_of(tx, v[k++]) < size)
            break;
    }
    return k;
}

/* The answers of one client, taken from the chain that begins with `first`: largest first. */
static unsigned sort_chain(const struct mmsghdr *tx, unsigned first, const uint8_t *next,
                           uint8_t *ret)
{
    unsigned n = 0;
    for (unsigned i = first; i != 0; i = next[i - 1], n++) {
        unsigned at = n;
        for (; at > 0 && size_of(tx, ret[at - 1]) < size_of(tx, (uint8_t)(i - 1)); at--)
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
    ASSERT(n <= BUNDLE_ANSWERS);
    for (unsigned i = 0; i < n; i++) {
        uint8_t *s = &slot[slot_of(&tx[i].msg_hdr)];
        next[i] = 0;
        if (*s != 0 && same_way(&tx[*s - 1].msg_hdr, &tx[i].msg_hdr)) {
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
        unsigned k = sort_chain(tx, first[c], next, v);
        for (unsigned at = 0, m; at < k; at += m, iov += m) {
            m = bundle_of(tx, v + at, k - at);
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
