/* The open loop: queries leave by the clock, whether or not earlier ones were answered, so that a
 * server that stalls is seen to stall (a closed loop would stop asking), and one that is asked for
 * more than it can do is seen to lose. The client never sleeps. Each socket remembers when it used
 * an ID; what is not answered by the time the ID comes again is lost. */
#include "load.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH     16
#define IDS       65536
#define REPLY_MAX 4096
#define LAST_NS   500000000 /* for the last answers */
#define LATE_NS   2000000   /* further behind than this, the clock is set back instead of a burst */

struct asked {
    uint64_t sent_ns; /* 0: answered or never used */
    unsigned phase;
};

static struct asked asked[SOCKETS][IDS];
static uint16_t next_id[SOCKETS];
static volatile sig_atomic_t phase, enough;

static void next_phase(int sig)
{
    (void)sig;
    if (phase + 1 < PHASES)
        phase++;
}

static void stop(int sig)
{
    (void)sig;
    enough = 1;
}

static void receive(unsigned i)
{
    static uint8_t data[BATCH][REPLY_MAX];
    struct iovec vec[BATCH];
    struct mmsghdr msg[BATCH];

    for (int k = 0; k < BATCH; k++) {
        vec[k] = (struct iovec){data[k], REPLY_MAX};
        msg[k].msg_hdr = (struct msghdr){.msg_iov = &vec[k], .msg_iovlen = 1};
    }
    int got = recvmmsg(line_fd(i), msg, BATCH, MSG_DONTWAIT, NULL);
    uint64_t now = now_ns();
    for (int k = 0; k < got; k++) {
        const uint8_t *p = data[k];
        if (msg[k].msg_len < 12 || (p[2] & 0x80) == 0)
            continue;
        struct asked *a = &asked[i][p[0] << 8 | p[1]];
        if (a->sent_ns == 0)
            continue;
        note_answer(p, msg[k].msg_len, now - a->sent_ns, a->phase);
        a->sent_ns = 0;
    }
}

static void ask(unsigned i, unsigned n)
{
    static uint8_t data[BATCH][QUERY_MAX];
    struct iovec vec[BATCH];
    struct mmsghdr msg[BATCH];

    for (unsigned k = 0; k < n; k++) {
        uint16_t id = (uint16_t)(next_id[i] + k);
        vec[k] = (struct iovec){data[k], take_query(data[k])};
        data[k][0] = (uint8_t)(id >> 8);
        data[k][1] = (uint8_t)id;
        msg[k].msg_hdr = (struct msghdr){.msg_iov = &vec[k], .msg_iovlen = 1};
    }
    uint64_t now = now_ns();
    int done = sendmmsg(line_fd(i), msg, n, MSG_DONTWAIT);
    for (int k = 0; k < done; k++) {
        struct asked *a = &asked[i][next_id[i]++];
        *a = (struct asked){now, (unsigned)phase};
    }
    sent += done > 0 ? (uint64_t)done : 0; /* what the kernel did not take is skipped */
}

double run_rate(const char *address, const char *port, double per_s, uint64_t ns,
                unsigned *ret_phases)
{
    struct sigaction act = {.sa_handler = next_phase}, end = {.sa_handler = stop};
    double taken = 0; /* queries that the clock has called for */

    open_lines(address, port);
    (void)sigaction(SIGUSR1, &act, NULL);
    (void)sigaction(SIGTERM, &end, NULL);
    uint64_t start = now_ns(), clock = start, now = start;
    for (unsigned i = 0; now < start + ns + LAST_NS; i = (i + 1) % SOCKETS) {
        now = now_ns();
        if (enough && now < start + ns)
            ns = now - start;
        if (now < start + ns) {
            double due = (double)(now - clock) * per_s / 1e9 - taken;
            unsigned n = due < BATCH ? (unsigned)due : BATCH;
            if (n > 0)
                ask(i, n);
            taken += n;
            if ((due - n) / per_s * 1e9 > LATE_NS) {
                clock = now;
                taken = 0;
            }
        }
        receive(i);
    }
    lost = sent - answered;
    *ret_phases = (unsigned)phase + 1;
    return (double)ns / 1e9;
}
