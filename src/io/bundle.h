/* Several answers to one client in one call to the kernel's UDP: its stack is gone through once for
 * all of them (UDP_SEGMENT, Linux 4.18), and they leave as datagrams of their own. Most of an
 * answer's time is that way through. Works where one socket asks much: forwarders, balancers,
 * resolvers with few ports. */
#ifndef BANYAN_IO_BUNDLE_H
#define BANYAN_IO_BUNDLE_H

#include "io/sock.h"

#include <stdint.h>
#include <sys/uio.h>

enum {
    BUNDLE_ANSWERS = 64,  /* most answers at once, and in one bundle */
    BUNDLE_SIZE = 1232,   /* larger answers go alone: they might not fit the path */
    BUNDLE_BYTES = 60000, /* most bytes in one bundle */
    BUNDLE_CONTROL = 64,  /* room for a source address and a segment size */
};

struct bundles {
    struct mmsghdr m[BUNDLE_ANSWERS];
    struct iovec iov[BUNDLE_ANSWERS];
    ALIGNED(16) uint8_t control[BUNDLE_ANSWERS][BUNDLE_CONTROL];
};

/* Sorts n messages of one part each into bundles; returns how many these are, or 0 if no two go to
 * the same client from the same address. Parts of one bundle are as long as its first, the last may
 * be shorter. Borrows names and parts. */
unsigned bundles_make(struct bundles *b, const struct mmsghdr *tx, unsigned n);
/* Part i of a bundle as a message of its own. */
struct msghdr bundle_part(const struct msghdr *m, size_t i);

#endif
