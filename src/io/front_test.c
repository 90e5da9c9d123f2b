#include "base/hash.h"
#include "base/test.h"
#include "io/bundle.h"
#include "io/clock.h"
#include "io/cpus.h"
#include "io/front.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- turns ------------------------------------------------------------------------------------ */

enum { PATIENT = 100 };

struct counted {
    struct loop_watch w;
    unsigned n;
};

static unsigned this_turn;

static void count_patient(struct loop_watch *w, uint32_t events)
{
    (void)events;
    CONTAINER_OF(w, struct counted, w)->n++;
    this_turn++;
}

static void count_other(struct loop_watch *w, uint32_t events)
{
    (void)events;
    CONTAINER_OF(w, struct counted, w)->n++;
}

/* However many connections are ready, a socket of another kind waits for some of them only; and
 * each of them has its turn. */
TEST(loop_serves_some_of_the_patient_a_turn)
{
    static struct counted c[PATIENT], other;
    struct loop l;
    REQUIRE(loop_init(&l, 16) == ST_OK);
    for (int i = 0; i < PATIENT; i++) {
        c[i] = (struct counted){{.fd = eventfd(1, 0), .patient = true, .ready = count_patient}, 0};
        REQUIRE(loop_add(&l, &c[i].w, EPOLLIN) == ST_OK);
    }
    other = (struct counted){{.fd = eventfd(1, 0), .ready = count_other}, 0};
    REQUIRE(loop_add(&l, &other.w, EPOLLIN) == ST_OK);
    for (unsigned turn = 1; turn <= 8; turn++) {
        this_turn = 0;
        loop_turn(&l, 0);
        CHECK(this_turn > 0 && this_turn <= 32);
        CHECK_EQ(other.n, turn);
    }
    for (int i = 0; i < PATIENT; i++) {
        CHECK(c[i].n >= 2 && c[i].n <= 3);
        if (i % 2 == 0)
            loop_close(&l, &c[i].w);
        else
            loop_drop(&c[i].w);
    }
    loop_close(&l, &other.w);
    loop_turn(&l, 0);
    loop_free(&l);
}

static void note_job(struct loop_job *job)
{
    (void)job;
    this_turn++;
}

/* With loop_spin the loop comes back without having slept, for so long after the last event. */
TEST(loop_looks_a_while_before_it_sleeps)
{
    struct loop l;
    struct loop_job job = {NULL, note_job};
    enum { SPIN_US = 30000 };
    REQUIRE(loop_init(&l, 16) == ST_OK);
    loop_spin(&l, SPIN_US);
    this_turn = 0;
    loop_post(&l, &job);
    loop_turn(&l, UINT64_MAX); /* would sleep for ever if nothing came */
    CHECK_EQ(this_turn, 1);
    uint64_t began = l.now.mono_us;
    unsigned n = 0;
    while (l.now.mono_us - began < SPIN_US && n < 10000000) {
        loop_turn(&l, began + 10000000);
        n++;
    }
    CHECK(n >= 10);
    uint64_t after = now_read().mono_us;
    loop_turn(&l, after + 50000); /* now it sleeps */
    CHECK(now_read().mono_us - after >= 40000);
    loop_free(&l);
}

/* --- processors ------------------------------------------------------------------------------- */

static int udp_to(const struct netaddr *a)
{
    union sockaddr_any sa;
    socklen_t n = sockaddr_put(a, &sa);
    int fd = socket(sa.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    return connect(fd, &sa.sa, n) == 0 ? fd : -1;
}

TEST(socket_steer_follows_the_processor)
{
    enum { SOCKETS = 3, SENT = 64 };
    static const uint8_t lo[4] = {127, 0, 0, 1};
    static unsigned cpus[CPUS_MAX];
    cpu_set_t mine;
    struct netaddr a = netaddr_v4(lo, 0);
    struct diag d = {0};
    int fds[SOCKETS];
    unsigned n = cpus_allowed(cpus), order[SOCKETS] = {9999, cpus[0], 9998};
    REQUIRE(n > 0 && sched_getaffinity(0, sizeof mine, &mine) == 0);
    for (int i = 0; i < SOCKETS; i++) {
        union sockaddr_any sa = {0};
        socklen_t size = sizeof sa;
        fds[i] = socket_udp_listen(&a, 65536, &d);
        REQUIRE(fds[i] >= 0 && getsockname(fds[i], &sa.sa, &size) == 0);
        a = sockaddr_get(&sa);
    }
    REQUIRE(socket_steer(fds[2], order, SOCKETS) && cpu_stay(cpus[0]));
    for (int i = 0; i < SENT; i++) {
        int fd = udp_to(&a); /* by hash they would go everywhere */
        CHECK(fd >= 0 && send(fd, "x", 1, 0) == 1);
        close(fd);
    }
    sched_setaffinity(0, sizeof mine, &mine);
    unsigned got[SOCKETS] = {0};
    for (int i = 0, tries = 0; tries < 6000 && got[0] + got[1] + got[2] < SENT; i++, tries++) {
        char b;
        if (recv(fds[i % SOCKETS], &b, 1, MSG_DONTWAIT) == 1)
            got[i % SOCKETS]++;
        else
            usleep(300);
    }
    for (int i = 0; i < SOCKETS; i++) {
        CHECK_EQ(got[i], i == 1 ? SENT : 0);
        close(fds[i]);
    }
    CHECK(!cpu_stay(CPUS_MAX - 1) || n == CPUS_MAX);
    sched_setaffinity(0, sizeof mine, &mine);
}

/* --- bundles ---------------------------------------------------------------------------------- */

/* Every message leaves exactly once, in bundles that the kernel takes: parts as long as the first,
 * the last may be shorter; all for one client, from one address. */
TEST(bundles_are_what_the_kernel_takes)
{
    enum { CLIENTS = 5 };
    static struct bundles b;
    static uint8_t data[BUNDLE_ANSWERS][4096];
    unsigned bundled = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct prng r = {seed};
        struct mmsghdr tx[BUNDLE_ANSWERS];
        struct iovec iov[BUNDLE_ANSWERS];
        union sockaddr_any to[CLIENTS] = {0};
        uint64_t control[2][4] = {{1, 2, 3, 4}, {1, 2, 3, 5}};
        bool seen[BUNDLE_ANSWERS] = {false};
        unsigned n = 1 + (unsigned)prng_below(&r, BUNDLE_ANSWERS);
        for (unsigned i = 0; i < CLIENTS; i++)
            to[i].v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(1000 + i % 3)};
        to[3].v4.sin_addr.s_addr = 1;
        to[4].v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = 1};
        for (unsigned i = 0; i < n; i++) {
            unsigned c = (unsigned)prng_below(&r, CLIENTS), from = (unsigned)prng_below(&r, 3);
            iov[i] = (struct iovec){data[i], seed % 50 == 0 ? 500 + prng_below(&r, 3000)
                                                            : 12 + prng_below(&r, 20)};
            tx[i].msg_hdr = (struct msghdr){
                &to[c], c < 4 ? sizeof to[c].v4 : sizeof to[c].v6, &iov[i], 1, NULL, 0, 0};
            if (seed % 2 == 0 && from < 2) {
                tx[i].msg_hdr.msg_control = control[from];
                tx[i].msg_hdr.msg_controllen = sizeof control[from];
            }
        }
        unsigned k = bundles_make(&b, tx, n), parts = 0;
        for (unsigned m = 0; m < k; m++) {
            const struct msghdr *h = &b.m[m].msg_hdr;
            size_t bytes = 0;
            parts += (unsigned)h->msg_iovlen;
            bundled += h->msg_iovlen > 1;
            for (size_t p = 0; p < h->msg_iovlen; p++) {
                unsigned i = (unsigned)(((uint8_t *)h->msg_iov[p].iov_base - data[0]) / 4096);
                struct msghdr one = bundle_part(h, p);
                REQUIRE(i < n && !seen[i]);
                seen[i] = true;
                CHECK(one.msg_name == tx[i].msg_hdr.msg_name || tx[i].msg_hdr.msg_namelen > 0);
                CHECK(memcmp(one.msg_name, tx[i].msg_hdr.msg_name, one.msg_namelen) == 0);
                CHECK_EQ(one.msg_controllen, tx[i].msg_hdr.msg_controllen);
                CHECK(one.msg_controllen == 0 ||
                      memcmp(one.msg_control, tx[i].msg_hdr.msg_control, one.msg_controllen) == 0);
                CHECK(one.msg_iovlen == 1 && one.msg_iov->iov_base == data[i]);
                CHECK_EQ(one.msg_iov->iov_len, iov[i].iov_len);
                size_t first = h->msg_iov[0].iov_len, size = h->msg_iov[p].iov_len;
                CHECK(p + 1 < h->msg_iovlen ? size == first : size <= first);
                bytes += size;
            }
            CHECK(h->msg_iovlen == 1 ||
                  (h->msg_iov[0].iov_len <= BUNDLE_SIZE && bytes <= BUNDLE_BYTES));
        }
        CHECK(k == 0 || parts == n);
    }
    CHECK(bundled > 1000);
}

/* --- TCP -------------------------------------------------------------------------------------- */

static const struct front_limits usual = {10, 10, 5000, 100, 5000};

/* A query says in its third byte what is to happen. */
enum { ASK_ECHO, ASK_LATER, ASK_BIG, BIG = 60000 };

static struct front f;
static struct loop l;
static struct client_table clients;
static struct io_counters count;
static uint64_t tokens[200]; /* as many as a test asks for */
static unsigned token_n;

static enum outcome serve(void *ctx, struct request *rq, size_t *ret_n)
{
    (void)ctx;
    if (rq->wire.p[2] == ASK_LATER) {
        tokens[token_n++] = rq->token;
        return OUTCOME_LATER;
    }
    *ret_n = rq->wire.p[2] == ASK_BIG ? BIG : rq->wire.n;
    memset(rq->out, 'x', *ret_n);
    memcpy(rq->out, rq->wire.p, rq->wire.n);
    return OUTCOME_ANSWER;
}

static struct netaddr start_at(const char *address, const struct front_limits *limits)
{
    struct diag d = {0};
    struct netaddr a = {0};
    union sockaddr_any sa = {0};
    socklen_t n = sizeof sa;
    if (netaddr_parse_port(bytes_str(address), 0, &a) != ST_OK)
        return (struct netaddr){0};
    int fds[1][2] = {{socket_udp_listen(&a, 1 << 20, &d), -1}};
    if (fds[0][0] < 0 || getsockname(fds[0][0], &sa.sa, &n) != 0)
        return (struct netaddr){0};
    a = sockaddr_get(&sa);
    fds[0][1] = socket_tcp_listen(&a, &d);
    memset(&count, 0, sizeof count);
    token_n = 0;
    bool ok = loop_init(&l, 64) == ST_OK && front_init(&f, &l, &clients, &count) == ST_OK;
    f.service = (struct service){NULL, serve};
    f.limits = *limits;
    if (!ok || front_listen(&f, &a, (const int(*)[2])fds, 1) != ST_OK)
        a.family = ADDR_NONE;
    return a;
}

static struct netaddr start(const struct front_limits *limits)
{
    return start_at("127.0.0.1", limits);
}

static void stop(void)
{
    front_free(&f);
    loop_free(&l);
    CHECK_EQ(atomic_load(&clients.total), 0);
}

static int dial(const struct netaddr *a, int buffer)
{
    union sockaddr_any sa;
    socklen_t n = sockaddr_put(a, &sa);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (buffer > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    return connect(fd, &sa.sa, n) == 0 ? fd : -1;
}

static void turns(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        loop_turn(&l, now_read().mono_us + 1000);
}

/* n queries of 12 bytes, their IDs from `first` on. */
static size_t put_queries(uint8_t *p, unsigned first, unsigned n, uint8_t what)
{
    for (unsigned i = 0; i < n; i++, p += 14) {
        memset(p, 0, 14);
        put_be16(p, 12);
        put_be16(p + 2, (uint16_t)(first + i));
        p[4] = what;
    }
    return (size_t)n * 14;
}

static bool send_whole(int fd, const uint8_t *p, size_t n)
{
    return send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* Reads answers as the loop sends them: their number, with the IDs in order from `first` on. */
static unsigned take_answers(int fd, unsigned first, unsigned n, size_t size)
{
    static uint8_t buf[2 + 65535];
    unsigned got = 0;
    size_t have = 0;
    for (int tries = 0; tries < 3000 && got < n; tries++) {
        ssize_t k = recv(fd, buf + have, 2 + size - have, MSG_DONTWAIT);
        if (k == 0)
            break;
        if (k < 0)
            turns(1);
        else
            have += (size_t)k;
        if (have == 2 + size) {
            if (get_be16(buf) != size || get_be16(buf + 2) != (uint16_t)(first + got))
                break;
            have = 0;
            got++;
        }
    }
    return got;
}

static bool at_end(int fd)
{
    uint8_t b;
    for (int tries = 0; tries < 300; tries++) {
        ssize_t k = recv(fd, &b, 1, MSG_DONTWAIT);
        if (k == 0 || (k < 0 && errno == ECONNRESET))
            return true;
        if (k > 0)
            return false;
        turns(1);
    }
    return false;
}

/* RFC 7766 section 6.2.1.1. More than one read can take. */
TEST(tcp_answers_what_is_pipelined)
{
    static uint8_t wire[700 * 14];
    struct netaddr a = start(&usual);
    REQUIRE(a.family != ADDR_NONE);
    int fd = dial(&a, 0);
    REQUIRE(fd >= 0 && send_whole(fd, wire, put_queries(wire, 0, 700, ASK_ECHO)));
    CHECK_EQ(take_answers(fd, 0, 700, 12), 700);
    CHECK_EQ(count.tcp_queries, 700);
    CHECK_EQ(count.tcp_answers, 700);
    /* RFC 7766 section 8: in any pieces. */
    size_t n = put_queries(wire, 7, 3, ASK_ECHO);
    for (size_t i = 0; i < n; i++) {
        REQUIRE(send_whole(fd, wire + i, 1));
        if (i % 5 == 0)
            turns(1);
    }
    CHECK_EQ(take_answers(fd, 7, 3, 12), 3);
    /* Answers before the mistake are not lost. */
    n = put_queries(wire, 1, 4, ASK_ECHO);
    wire[3 * 14 + 1] = 11;
    REQUIRE(send_whole(fd, wire, n));
    CHECK_EQ(take_answers(fd, 1, 3, 12), 3);
    CHECK(at_end(fd) && count.tcp_malformed == 1);
    close(fd);
    stop();
}

TEST(tcp_works_on_so_many_at_once)
{
    static uint8_t wire[150 * 14];
    struct front_limits limits = usual;
    limits.pipeline = 10;
    struct netaddr a = start(&limits);
    REQUIRE(a.family != ADDR_NONE);
    int fd = dial(&a, 0);
    REQUIRE(fd >= 0 && send_whole(fd, wire, put_queries(wire, 0, 150, ASK_LATER)));
    unsigned done = 0;
    for (int i = 0; i < 500 && done < 150; i++) {
        turns(1);
        CHECK(token_n <= done + 10);
        while (done < token_n) {
            uint8_t answer[12] = {(uint8_t)(done >> 8), (uint8_t)done};
            front_answer(&f, tokens[done++], bytes_of(answer, sizeof answer));
        }
    }
    CHECK_EQ(take_answers(fd, 0, 150, 12), 150);
    /* All of a turn leave together. */
    token_n = 0;
    f.collect = true;
    REQUIRE(send_whole(fd, wire, put_queries(wire, 0, 9, ASK_LATER)));
    for (int i = 0; i < 100 && token_n < 9; i++)
        turns(1);
    for (unsigned i = 0; i < token_n; i++)
        front_answer(&f, tokens[i], bytes_of(wire + 14 * i + 2, 12));
    CHECK(recv(fd, wire, sizeof wire, MSG_DONTWAIT) < 0);
    front_flush(&f);
    CHECK_EQ(recv(fd, wire, 9 * 14, MSG_WAITALL), 9 * 14);
    f.collect = false;
    /* A client that is gone takes its tokens with it. */
    token_n = 0;
    REQUIRE(send_whole(fd, wire, put_queries(wire, 0, 5, ASK_LATER)));
    for (int i = 0; i < 100 && token_n < 5; i++)
        turns(1);
    struct linger rst = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &rst, sizeof rst);
    close(fd);
    for (int i = 0; i < 100 && atomic_load(&clients.total) > 0; i++)
        turns(1);
    CHECK_EQ(atomic_load(&clients.total), 0);
    front_answer(&f, tokens[0], bytes_str("nobody"));
    stop();
}

/* What a client does not read waits, within the limit, and goes on when it reads again. */
TEST(tcp_keeps_answers_for_slow_readers)
{
    static uint8_t wire[100 * 14];
    struct front_limits limits = usual;
    limits.send_ms = 300;
    struct netaddr a = start(&limits);
    REQUIRE(a.family != ADDR_NONE);
    int fd = dial(&a, 4096);
    REQUIRE(fd >= 0 && send_whole(fd, wire, put_queries(wire, 0, 100, ASK_BIG)));
    turns(50);
    CHECK(count.tcp_queries > 0 && count.tcp_queries < 100);
    CHECK_EQ(take_answers(fd, 0, 100, BIG), 100);
    CHECK_EQ(count.tcp_slow_closed, 0);
    REQUIRE(send_whole(fd, wire, put_queries(wire, 0, 100, ASK_BIG)));
    uint64_t began = now_read().mono_us;
    while (count.tcp_slow_closed == 0 && now_read().mono_us - began < 3000000)
        loop_turn(&l, now_read().mono_us + 10000);
    CHECK(now_read().mono_us - began >= 250000);
    CHECK_EQ(count.tcp_slow_closed, 1);
    CHECK_EQ(count.tcp_idle_closed, 0);
    close(fd);
    stop();
}

/* One timer for all: those with progress stay. */
TEST(tcp_closes_the_idle_ones_in_time)
{
    uint8_t wire[14];
    struct front_limits limits = usual;
    limits.idle_ms = 200;
    struct netaddr a = start(&limits);
    REQUIRE(a.family != ADDR_NONE);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(&a, 0);
        REQUIRE(fds[i] >= 0 && send_whole(fds[i], wire, put_queries(wire, 0, 1, ASK_ECHO)));
        CHECK_EQ(take_answers(fds[i], 0, 1, 12), 1);
    }
    REQUIRE(send_whole(fds[2], wire, put_queries(wire, 9, 1, ASK_LATER))); /* our turn */
    uint64_t began = now_read().mono_us;
    unsigned asked = 0;
    while (now_read().mono_us - began < 600000) {
        loop_turn(&l, now_read().mono_us + 10000);
        if (now_read().mono_us - began > (asked + 1) * 100000u) {
            REQUIRE(send_whole(fds[1], wire, put_queries(wire, ++asked, 1, ASK_ECHO)));
            CHECK_EQ(take_answers(fds[1], asked, 1, 12), 1);
        }
    }
    CHECK_EQ(count.tcp_idle_closed, 1);
    CHECK(at_end(fds[0]));
    front_forget(&f, tokens[0]);
    CHECK(at_end(fds[1]) && at_end(fds[2]));
    CHECK_EQ(count.tcp_idle_closed, 3);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    stop();
}

/* --- UDP -------------------------------------------------------------------------------------- */

/* Answers to several clients at once, bundled or alone: each arrives as it was, from the address
 * that was asked. */
enum how { BUNDLED, ALONE, REFUSED };

static void ask_together(const char *listen, const char *ask, enum how how)
{
    enum { SOCKETS = 3, QUERIES = 40 };
    uint8_t q[300], got[300];
    struct netaddr a = start_at(listen, &usual), to;
    if (a.family == ADDR_NONE)
        return; /* no IPv6 here */
    REQUIRE(netaddr_parse_port(bytes_str(ask), a.port, &to) == ST_OK);
    f.listeners[0].alone = how == ALONE;
    int one = 1; /* no checksums, no bundles: the kernel says EINVAL */
    if (how == REFUSED)
        setsockopt(f.listeners[0].w.fd, SOL_SOCKET, SO_NO_CHECK, &one, sizeof one);
    int fds[SOCKETS];
    unsigned answered = 0;
    bool seen[SOCKETS][QUERIES] = {{false}};
    for (int i = 0; i < SOCKETS; i++)
        fds[i] = udp_to(&to);
    for (unsigned k = 0; k < QUERIES; k++)
        for (unsigned i = 0; i < SOCKETS; i++) {
            memset(q, (int)(k + i), sizeof q);
            put_be16(q, (uint16_t)(k * SOCKETS + i));
            q[2] = ASK_ECHO;
            size_t n = 12 + k * (i + 1) % 7;
            CHECK(send(fds[i], q, n, 0) == (ssize_t)n);
        }
    /* On a busy machine the kernel may take its time, both ways. */
    for (int i = 0; i < 2000 && count.udp_answers < SOCKETS * QUERIES; i++)
        turns(1);
    for (unsigned i = 0; i < SOCKETS; i++) {
        struct timeval patience = {2, 0};
        setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        fcntl(fds[i], F_SETFL, 0);
        for (ssize_t n; answered < (i + 1) * QUERIES && (n = recv(fds[i], got, sizeof got, 0)) > 0;
             answered++) {
            unsigned k = get_be16(got) / SOCKETS;
            REQUIRE(n >= 12 && k < QUERIES && !seen[i][k]);
            seen[i][k] = true;
            CHECK(get_be16(got) % SOCKETS == i && (size_t)n == 12 + k * (i + 1) % 7);
            CHECK(got[3] == (uint8_t)(k + i) && got[n - 1] == (uint8_t)(k + i));
        }
        close(fds[i]);
    }
    CHECK_EQ(answered, SOCKETS * QUERIES);
    CHECK_EQ(count.udp_answers, SOCKETS * QUERIES);
    CHECK_EQ(count.udp_send_errors, 0);
    CHECK_EQ(f.listeners[0].alone || f.listeners[0].refused > 0, how != BUNDLED);
    stop();
}

TEST(udp_answers_leave_together_and_arrive_apart)
{
    ask_together("127.0.0.1", "127.0.0.1", BUNDLED);
    ask_together("127.0.0.1", "127.0.0.1", ALONE);
    ask_together("127.0.0.1", "127.0.0.1", REFUSED);
    ask_together("0.0.0.0", "127.0.0.7", BUNDLED);
    ask_together("::1", "::1", BUNDLED);
    ask_together("::", "::1", BUNDLED);
}

/* Late answers wait for the end of the turn, as long as there is room. */
TEST(udp_late_answers_leave_together)
{
    enum { QUERIES = 150, LARGE = 1600 };
    static uint8_t big[LARGE], got[LARGE + 1];
    uint8_t q[12] = {0, 0, ASK_LATER};
    struct netaddr a = start_at("0.0.0.0", &usual), to;
    REQUIRE(a.family != ADDR_NONE &&
            netaddr_parse_port(bytes_str("127.0.0.9"), a.port, &to) == ST_OK);
    f.collect = true;
    int fd = udp_to(&to), room = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    for (unsigned i = 0; i < QUERIES; i++)
        CHECK(send(fd, q, sizeof q, 0) == sizeof q);
    for (int i = 0; i < 2000 && token_n < QUERIES; i++)
        turns(1);
    REQUIRE(token_n == QUERIES);
    for (unsigned i = 0; i < 40; i++)
        front_answer(&f, tokens[i], bytes_of(q, sizeof q));
    CHECK(recv(fd, got, sizeof got, MSG_DONTWAIT) < 0);
    front_flush(&f);
    unsigned n = 0;
    struct timeval patience = {2, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    fcntl(fd, F_SETFL, 0);
    while (n < 40 && recv(fd, got, sizeof got, 0) == sizeof q)
        n++;
    CHECK_EQ(n, 40);
    for (unsigned i = 40; i < QUERIES; i++) { /* more than there is room for */
        memset(big, (int)i, sizeof big);
        front_answer(&f, tokens[i], bytes_of(big, sizeof big));
    }
    front_flush(&f);
    front_flush(&f);
    for (n = 40; n < QUERIES && recv(fd, got, sizeof got, 0) == LARGE; n++)
        CHECK(got[0] == n && got[LARGE - 1] == n);
    CHECK_EQ(n, QUERIES);
    CHECK_EQ(count.udp_answers, QUERIES);
    close(fd);
    stop();
}
