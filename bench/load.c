/* load: asks a name server as fast as it answers, and counts.
 *
 * A closed loop: SOCKETS sockets with WINDOW queries each in flight (--sockets N: so many, with one
 * each), a new query for every answer,
 * sent and received in batches so that the client costs much less than any server. The queries are
 * made beforehand (data.py): a file of messages, each after its length in two bytes. Here only the
 * ID is put in. An ID is a window's slot and how often the slot has been used, so that a late
 * answer is told from a new one. Prints one JSON object.
 *
 * Over TCP (load_tcp.c): --tcp keeps CONNECTIONS streams with WINDOW pipelined queries each in
 * flight; --tcp-connect opens a connection for every query, CONNECTIONS at a time.
 *
 * --rate N (load_rate.c) is an open loop: N queries a second, whether they are answered or not.
 * SIGUSR1 begins the next phase, which has latencies of its own; SIGTERM ends it. --skip N begins
 * at the N-th query.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WINDOW    16 /* a power of two; at most BATCH */
#define BATCH     16
#define REPLY_MAX 4096
#define STEPS     16 /* steps of the latency histogram within a factor of two */

struct slot {
    uint64_t sent_ns; /* 0: free */
    uint16_t id;
};

struct line {
    int fd;
    struct slot slots[WINDOW];
};

static const uint8_t *queries;
static size_t queries_len, next_query;
static struct line lines[SOCKETS_MAX];
static unsigned line_n = SOCKETS, in_flight = WINDOW;
static uint64_t reply_bytes, rcodes[16], latency[PHASES][64 * STEPS], most_ns[PHASES];
uint64_t sent, answered, lost, quota = UINT64_MAX, timeout_ns = 1000000000;

void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void map_queries(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0)
        fail(path);
    queries_len = (size_t)st.st_size;
    queries = mmap(NULL, queries_len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (queries == MAP_FAILED)
        fail(path);
    close(fd);
}

static uint64_t count_queries(void)
{
    uint64_t n = 0;

    for (size_t at = 0; at + 2 <= queries_len; n++) {
        size_t len = (size_t)queries[at] << 8 | queries[at + 1];
        if (len < 12 || len > QUERY_MAX || at + 2 + len > queries_len) {
            errno = EBADMSG;
            fail("the file of queries");
        }
        at += 2 + len;
    }
    return n;
}

size_t take_query(uint8_t *to)
{
    size_t len = (size_t)queries[next_query] << 8 | queries[next_query + 1];

    memcpy(to, queries + next_query + 2, len);
    next_query += 2 + len;
    if (next_query >= queries_len)
        next_query = 0;
    return len;
}

int line_fd(unsigned i)
{
    return lines[i].fd;
}

void open_lines(const char *address, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    int bytes = 4 << 20;

    if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
        fail(address);
    for (unsigned i = 0; i < line_n; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
            fail("socket");
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
        lines[i].fd = fd;
        for (unsigned k = 0; k < WINDOW; k++)
            lines[i].slots[k].id = (uint16_t)k;
    }
}

static void note_latency(uint64_t ns, unsigned phase)
{
    unsigned power = 63 - (unsigned)__builtin_clzll(ns | STEPS);
    unsigned step = (unsigned)(ns >> (power - 4)) & (STEPS - 1);
    latency[phase][power * STEPS + step]++;
    if (ns > most_ns[phase])
        most_ns[phase] = ns;
}

static uint64_t phase_answered(unsigned phase)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < 64 * STEPS; i++)
        n += latency[phase][i];
    return n;
}

static double latency_us(double part, unsigned phase)
{
    uint64_t left = (uint64_t)(part * (double)phase_answered(phase));

    for (unsigned i = 0; i < 64 * STEPS; i++) {
        if (left < latency[phase][i])
            return (double)((uint64_t)(STEPS + i % STEPS) << (i / STEPS - 4)) / 1000;
        left -= latency[phase][i];
    }
    return 0;
}

void note_answer(const uint8_t *p, size_t len, uint64_t ns, unsigned phase)
{
    note_latency(ns, phase);
    answered++;
    reply_bytes += len;
    rcodes[p[3] & 15]++;
}

static void take_reply(struct line *l, const uint8_t *p, size_t len, uint64_t now)
{
    if (len < 12 || (p[2] & 0x80) == 0)
        return;
    uint16_t id = (uint16_t)(p[0] << 8 | p[1]);
    struct slot *s = &l->slots[id % WINDOW];
    if (s->sent_ns == 0 || s->id != id)
        return;
    note_answer(p, len, now - s->sent_ns, 0);
    s->sent_ns = 0;
}

static unsigned receive(struct line *l)
{
    static uint8_t data[BATCH][REPLY_MAX];
    struct iovec vec[BATCH];
    struct mmsghdr msg[BATCH];

    for (int i = 0; i < BATCH; i++) {
        vec[i] = (struct iovec){data[i], REPLY_MAX};
        msg[i].msg_hdr = (struct msghdr){.msg_iov = &vec[i], .msg_iovlen = 1};
    }
    int got = recvmmsg(l->fd, msg, BATCH, MSG_DONTWAIT, NULL);
    if (got <= 0)
        return 0;
    uint64_t now = now_ns();
    for (int i = 0; i < got; i++)
        take_reply(l, data[i], msg[i].msg_len, now);
    return (unsigned)got;
}

static void refill(struct line *l)
{
    static uint8_t data[BATCH][QUERY_MAX];
    struct iovec vec[BATCH];
    struct mmsghdr msg[BATCH];
    struct slot *used[BATCH];
    unsigned n = 0;

    for (unsigned k = 0; k < in_flight && n < BATCH && quota > 0; k++) {
        struct slot *s = &l->slots[k];
        if (s->sent_ns != 0)
            continue;
        s->id = (uint16_t)(s->id + WINDOW);
        vec[n] = (struct iovec){data[n], take_query(data[n])};
        data[n][0] = (uint8_t)(s->id >> 8);
        data[n][1] = (uint8_t)s->id;
        msg[n].msg_hdr = (struct msghdr){.msg_iov = &vec[n], .msg_iovlen = 1};
        used[n++] = s;
        quota--;
    }
    uint64_t now = now_ns();
    int done = n > 0 ? sendmmsg(l->fd, msg, n, MSG_DONTWAIT) : 0;
    for (int i = 0; i < done; i++)
        used[i]->sent_ns = now;
    sent += done > 0 ? (uint64_t)done : 0; /* what the kernel did not take is skipped */
}

/* Gives up queries that nobody has answered; true while any is in flight. */
static bool expire(void)
{
    uint64_t now = now_ns(); /* not before any query was sent */
    bool flying = false;

    for (unsigned i = 0; i < line_n; i++)
        for (unsigned k = 0; k < WINDOW; k++) {
            struct slot *s = &lines[i].slots[k];
            if (s->sent_ns != 0 && now - s->sent_ns > timeout_ns) {
                s->sent_ns = 0;
                lost++;
            }
            flying |= s->sent_ns != 0;
        }
    return flying;
}

static void wait_any(void)
{
    struct pollfd p[SOCKETS_MAX];

    for (unsigned i = 0; i < line_n; i++)
        p[i] = (struct pollfd){lines[i].fd, POLLIN, 0};
    (void)poll(p, line_n, 1);
}

/* Returns the time for which queries were sent. */
static uint64_t run(uint64_t ns)
{
    uint64_t start = now_ns(), end = start + ns, stopped = 0, looked = start;

    for (;;) {
        uint64_t now = now_ns();
        unsigned got = 0;

        if (stopped == 0 && (now >= end || quota == 0))
            stopped = now;
        for (unsigned i = 0; i < line_n; i++) {
            got += receive(&lines[i]);
            if (stopped == 0)
                refill(&lines[i]);
        }
        if (got > 0 && now - looked < 10000000)
            continue;
        looked = now;
        if (!expire() && stopped != 0)
            return stopped - start;
        if (got == 0)
            wait_any();
    }
}

static double run_udp(const char *address, const char *port, double seconds)
{
    open_lines(address, port);
    return (double)run((uint64_t)(seconds * 1e9)) / 1e9;
}

static void usage(void)
{
    fprintf(stderr, "usage: load [--tcp | --tcp-connect | --rate N] [--connections N] [--window N] "
                    "[--skip N] [--sockets N] ADDRESS PORT QUERIES SECONDS|once\n");
    exit(2);
}

static void print_latency(unsigned phase)
{
    printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"most_us\": %.1f",
           latency_us(0.5, phase), latency_us(0.99, phase), latency_us(0.999, phase),
           (double)most_ns[phase] / 1000);
}

static void print_result(double took, unsigned phases)
{
    printf(
        "{\"seconds\": %.4f, \"sent\": %llu, \"answered\": %llu, \"lost\": %llu, \"rate\": %.0f, ",
        took, (unsigned long long)sent, (unsigned long long)answered, (unsigned long long)lost,
        (double)answered / took);
    printf("\"mean_bytes\": %.1f, ", answered > 0 ? (double)reply_bytes / (double)answered : 0);
    print_latency(0);
    printf(", \"phases\": [");
    for (unsigned i = 0; i < phases; i++) {
        printf("%s{\"answered\": %llu, ", i > 0 ? ", " : "", (unsigned long long)phase_answered(i));
        print_latency(i);
        printf("}");
    }
    printf("], \"rcodes\": {");
    const char *comma = "";
    for (int i = 0; i < 16; i++)
        if (rcodes[i] > 0) {
            printf("%s\"%d\": %llu", comma, i, (unsigned long long)rcodes[i]);
            comma = ", ";
        }
    printf("}}\n");
}

struct how {
    struct tcp_how tcp;
    bool over_tcp;
    double rate;
    uint64_t skip;
};

static void read_options(int argc, char **argv, struct how *h)
{
    static const struct option names[] = {{"tcp", no_argument, NULL, 't'},
                                          {"tcp-connect", no_argument, NULL, 'c'},
                                          {"connections", required_argument, NULL, 'n'},
                                          {"window", required_argument, NULL, 'w'},
                                          {"rate", required_argument, NULL, 'r'},
                                          {"skip", required_argument, NULL, 's'},
                                          {"sockets", required_argument, NULL, 'k'},
                                          {0}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (c == '?')
            usage();
        h->over_tcp |= c == 't' || c == 'c';
        h->tcp.connect_each |= c == 'c';
        if (c == 'n')
            h->tcp.connections = (unsigned)strtoul(optarg, NULL, 10);
        if (c == 'w')
            h->tcp.window = (unsigned)strtoul(optarg, NULL, 10);
        if (c == 'r')
            h->rate = strtod(optarg, NULL);
        if (c == 's')
            h->skip = strtoull(optarg, NULL, 10);
        if (c == 'k') {
            line_n = (unsigned)strtoul(optarg, NULL, 10);
            in_flight = 1;
        }
    }
    if (argc - optind != 4 || line_n < SOCKETS || line_n > SOCKETS_MAX)
        usage();
}

int main(int argc, char **argv)
{
    struct how h = {0};
    static uint8_t skipped[QUERY_MAX];

    read_options(argc, argv, &h);
    argv += optind;
    map_queries(argv[2]);
    uint64_t n = count_queries();
    for (uint64_t i = 0; i < h.skip % n; i++)
        (void)take_query(skipped);
    double seconds = strtod(argv[3], NULL);
    if (strcmp(argv[3], "once") == 0) {
        quota = n;
        seconds = 300;
        timeout_ns = 3000000000;
    }
    uint64_t ns = (uint64_t)(seconds * 1e9);
    unsigned phases = 0;
    double took;
    h.tcp.address = argv[0];
    h.tcp.port = argv[1];
    if (h.over_tcp)
        took = run_tcp(&h.tcp, ns);
    else if (h.rate > 0)
        took = run_rate(argv[0], argv[1], h.rate, ns, &phases);
    else
        took = run_udp(argv[0], argv[1], seconds);
    print_result(took, phases);
    return 0;
}
