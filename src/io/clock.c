#include "io/clock.h"

#include "base/attr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

struct now now_read(void)
{
    struct timespec ts = {0};
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (struct now){(uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000,
                        (uint64_t)time(NULL)};
}

static void from_kernel(uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            perror("banyan: the kernel gives no random numbers");
            abort();
        }
        p += got;
        n -= (size_t)got;
    }
}

void random_fill(struct random_pool *p, void *ret, size_t n)
{
    if (n > sizeof p->buf) {
        from_kernel(ret, n);
        return;
    }
    if (p->left < n) {
        from_kernel(p->buf, sizeof p->buf);
        p->left = sizeof p->buf;
    }
    uint8_t *at = p->buf + sizeof p->buf - p->left;
    memcpy(ret, at, n);
    memset(at, 0, n); /* what was given out cannot be read back */
    p->left -= n;
}

static void env_random_fill(void *ctx, void *buf, size_t n)
{
    random_fill(ctx, buf, n);
}

struct env env_of(struct random_pool *p)
{
    return (struct env){p, env_random_fill};
}
