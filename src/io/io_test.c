#include "base/test.h"
#include "dnssec/dnskey.h"
#include "dnssec/sign.h"
#include "io/clock.h"
#include "io/front.h"
#include "io/jobs.h"
#include "io/log.h"
#include "io/qsbr.h"
#include "io/upstream.h"
#include "io/zones.h"
#include "zone/builder.h"
#include "zone/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- clocks and randomness -------------------------------------------------------------------- */

TEST(clock_moves_forward)
{
    struct now a = now_read(), b = now_read();
    CHECK(b.mono_us >= a.mono_us && a.mono_us > 0);
    CHECK(a.wall_s > 1600000000u);
}

TEST(random_pool_gives_every_byte_once)
{
    static struct random_pool p;
    uint8_t big[3000] = {0};
    uint64_t v[64];
    random_fill(&p, big, sizeof big);
    CHECK(memchr(big, 0, sizeof big) == NULL || big[0] | big[1] | big[2] | big[3]);
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        random_fill(&p, &v[i], sizeof v[i]);
        for (size_t k = 0; k < i; k++)
            CHECK(v[i] != v[k]);
    }
    size_t used = sizeof p.buf - p.left;
    for (size_t i = 0; i < used; i++)
        CHECK(p.buf[i] == 0); /* wiped: what was given out cannot be read back */
}

/* --- log -------------------------------------------------------------------------------------- */

TEST(log_values_stand_in_quotes_where_needed)
{
    char buf[64];
    struct text t = text_of(buf, sizeof buf);
    log_value("plain", &t);
    text_char(&t, ' ');
    log_value("two words", &t);
    text_char(&t, ' ');
    log_value("a\"b\nc", &t);
    text_char(&t, ' ');
    log_value("", &t);
    CHECK_STR(buf, "plain \"two words\" \"a\\\"b c\" \"\"");
    enum config_log_level level;
    CHECK(log_level_from("debug", &level) && level == LEVEL_DEBUG);
    CHECK(!log_level_from("loud", &level));
}

/* --- loop ------------------------------------------------------------------------------------- */

struct order {
    struct loop_timer timer[5];
    int seen[5], n;
};

static struct order *order;

static void timer_seen(struct loop_timer *t)
{
    order->seen[order->n++] = (int)(t - order->timer);
}

TEST(loop_timers_fire_in_order)
{
    static const uint64_t at[] = {3000, 1000, 2000, 9000000, 1500};
    struct loop l;
    struct order o = {.n = 0};
    order = &o;
    REQUIRE(loop_init(&l, 16) == ST_OK);
    uint64_t start = now_read().mono_us;
    for (int i = 0; i < 5; i++) {
        o.timer[i].fire = timer_seen;
        loop_timer_set(&l, &o.timer[i], start + at[i]);
    }
    loop_timer_stop(&l, &o.timer[4]);
    for (int i = 0; i < 50 && o.n < 3; i++)
        loop_turn(&l, start + 20000);
    CHECK(o.n == 3 && o.seen[0] == 1 && o.seen[1] == 2 && o.seen[2] == 0);
    CHECK(now_read().mono_us - start >= 3000);
    loop_timer_stop(&l, &o.timer[3]);
    loop_free(&l);
}

struct sum {
    struct loop_job job;
    struct loop *loop;
    int *total;
    int add;
};

static void sum_run(struct loop_job *job)
{
    struct sum *s = CONTAINER_OF(job, struct sum, job);
    *s->total += s->add;
}

static void *post_many(void *arg)
{
    struct sum *s = arg;
    for (int i = 0; i < 100; i++)
        loop_post(s[i].loop, &s[i].job);
    return NULL;
}

TEST(loop_takes_jobs_from_threads)
{
    enum { THREADS = 4 };
    static struct sum s[THREADS][100];
    pthread_t thread[THREADS];
    struct loop l;
    int total = 0, sum = 0;
    REQUIRE(loop_init(&l, 16) == ST_OK);
    for (int t = 0; t < THREADS; t++)
        for (int i = 0; i < 100; i++) {
            s[t][i] = (struct sum){{.run = sum_run}, &l, &total, t + i};
            sum += t + i;
        }
    for (int t = 0; t < THREADS; t++)
        REQUIRE(pthread_create(&thread[t], NULL, post_many, s[t]) == 0);
    uint64_t end = now_read().mono_us + 5000000;
    while (total != sum && now_read().mono_us < end)
        loop_turn(&l, now_read().mono_us + 10000);
    for (int t = 0; t < THREADS; t++)
        pthread_join(thread[t], NULL);
    CHECK_EQ(total, sum);
    loop_free(&l);
}

/* --- snapshots -------------------------------------------------------------------------------- */

struct snapshot {
    struct qsbr_item item;
    uint64_t value, copy;
};

static struct qsbr qsbr;
static _Atomic(struct snapshot *) published;
static _Atomic bool done;

static void snapshot_free(struct qsbr_item *item)
{
    struct snapshot *s = CONTAINER_OF(item, struct snapshot, item);
    s->copy = ~s->value; /* a reader that still holds it would see this, or the sanitizer would */
    free(s);
}

static void *snapshot_reader(void *arg)
{
    unsigned id = *(unsigned *)arg;
    uint64_t wrong = 0;
    const struct snapshot *mine = NULL;
    while (!atomic_load(&done)) {
        uint64_t e = qsbr_begin(&qsbr);
        mine = atomic_load_explicit(&published, memory_order_acquire);
        qsbr_quiescent(&qsbr, id, e);
        for (int i = 0; i < 50; i++)
            wrong += mine->value != mine->copy;
    }
    qsbr_offline(&qsbr, id);
    return wrong ? arg : NULL;
}

TEST(qsbr_frees_nothing_that_is_read)
{
    static unsigned ids[3] = {0, 1, 2};
    pthread_t thread[3];
    qsbr_init(&qsbr);
    atomic_store(&done, false);
    atomic_store(&published, calloc(1, sizeof(struct snapshot)));
    for (int i = 0; i < 3; i++) {
        qsbr_quiescent(&qsbr, ids[i], qsbr_begin(&qsbr));
        REQUIRE(pthread_create(&thread[i], NULL, snapshot_reader, &ids[i]) == 0);
    }
    for (uint64_t v = 1; v < 3000; v++) {
        struct snapshot *s = calloc(1, sizeof *s);
        REQUIRE(s != NULL);
        s->value = s->copy = v;
        struct snapshot *old = atomic_exchange(&published, s);
        old->item.free = snapshot_free;
        qsbr_retire(&qsbr, &old->item);
        qsbr_collect(&qsbr);
    }
    atomic_store(&done, true);
    for (int i = 0; i < 3; i++) {
        void *wrong = NULL;
        pthread_join(thread[i], &wrong);
        CHECK(wrong == NULL);
    }
    CHECK(qsbr_collect(&qsbr));
    free(atomic_load(&published));
}

static unsigned freed;

static void count_free(struct qsbr_item *item)
{
    (void)item;
    freed++;
}

TEST(qsbr_waits_for_the_slowest_reader)
{
    struct qsbr_item a = {.free = count_free}, b = {.free = count_free};
    qsbr_init(&qsbr);
    freed = 0;
    qsbr_quiescent(&qsbr, 0, qsbr_begin(&qsbr));
    qsbr_quiescent(&qsbr, 1, qsbr_begin(&qsbr));
    qsbr_retire(&qsbr, &a);
    CHECK(!qsbr_collect(&qsbr) && freed == 0);
    qsbr_quiescent(&qsbr, 0, qsbr_begin(&qsbr));
    CHECK(!qsbr_collect(&qsbr) && freed == 0);
    qsbr_retire(&qsbr, &b);
    qsbr_quiescent(&qsbr, 1, qsbr_begin(&qsbr)); /* has passed both, reader 0 only the first */
    CHECK(!qsbr_collect(&qsbr) && freed == 1);
    qsbr_offline(&qsbr, 0);
    CHECK(qsbr_collect(&qsbr) && freed == 2);
}

/* --- requests that wait ----------------------------------------------------------------------- */

/* An echo that answers later: it keeps tokens. */
static uint64_t tokens[600];
static unsigned token_n;

static enum outcome keep_token(void *ctx, struct request *rq, size_t *ret_n)
{
    (void)ctx;
    (void)ret_n;
    tokens[token_n++] = rq->token;
    return OUTCOME_LATER;
}

static int udp_client(struct netaddr *ret_server, struct front *f, struct loop *l)
{
    struct diag d = {0};
    static const uint8_t lo[4] = {127, 0, 0, 1};
    union sockaddr_any sa;
    socklen_t n = sizeof sa;
    struct netaddr any_port = netaddr_v4(lo, 0);
    int fds[1][2] = {{socket_udp_listen(&any_port, 1 << 20, &d), socket_tcp_listen(&any_port, &d)}};
    (void)l;
    if (fds[0][0] < 0 || fds[0][1] < 0 || getsockname(fds[0][0], &sa.sa, &n) != 0)
        return -1;
    *ret_server = sockaddr_get(&sa);
    if (front_listen(f, ret_server, (const int(*)[2])fds, 1) != ST_OK)
        return -1;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    n = sockaddr_put(ret_server, &sa);
    return fd >= 0 && connect(fd, &sa.sa, n) == 0 ? fd : -1;
}

TEST(front_answers_late_and_forgets_old_tokens)
{
    static struct client_table clients;
    static struct io_counters count;
    struct loop l;
    struct front f;
    struct netaddr server;
    enum { QUERIES = 500 }; /* more than the table has at first: it grows with requests inside */
    REQUIRE(loop_init(&l, 64) == ST_OK && front_init(&f, &l, &clients, &count) == ST_OK);
    f.service = (struct service){NULL, keep_token};
    f.limits = (struct front_limits){10, 10, 1000, 10, 1000};
    int fd = udp_client(&server, &f, &l);
    REQUIRE(fd >= 0);
    token_n = 0;
    for (uint16_t i = 0; i < QUERIES; i++) {
        uint8_t q[12] = {(uint8_t)(i >> 8), (uint8_t)i};
        CHECK(send(fd, q, sizeof q, 0) == sizeof q);
        if (i % 50 == 49)
            loop_turn(&l, now_read().mono_us + 10000);
    }
    for (int i = 0; i < 50 && token_n < QUERIES; i++)
        loop_turn(&l, now_read().mono_us + 10000);
    REQUIRE(token_n == QUERIES);
    uint64_t old = tokens[7];
    front_forget(&f, old);
    front_answer(&f, old, bytes_str("never")); /* its place is free: nothing is sent */
    unsigned got = 0, v;
    for (unsigned i = 0; i < token_n; i++) {
        front_answer(&f, tokens[i], bytes_of(&i, sizeof i));
        while (recv(fd, &v, sizeof v, 0) == sizeof v)
            got += v != 7;
    }
    CHECK_EQ(got, QUERIES - 1);
    CHECK_EQ(count.udp_answers, QUERIES - 1);
    CHECK_EQ(count.udp_queries, QUERIES);
    front_answer(&f, 0, bytes_str("x"));
    front_answer(&f, UINT64_MAX, bytes_str("x"));
    close(fd);
    front_free(&f);
    loop_free(&l);
}

/* --- sockets ---------------------------------------------------------------------------------- */

TEST(socket_complaints_say_what_to_do)
{
    struct diag d = {0};
    struct netaddr a;
    REQUIRE(netaddr_parse_port(bytes_str("192.0.2.1@53"), 53, &a) == ST_OK);
    socket_diag(&d, "UDP", &a, EADDRINUSE);
    CHECK_STR(d.message, "cannot listen on 192.0.2.1:53 (UDP): the port is in use");
    CHECK(strstr(d.hint, "ss -lnptu") != NULL);
    socket_diag(&d, "TCP", &a, EACCES);
    CHECK(strstr(d.message, "no permission") && strstr(d.hint, "CAP_NET_BIND_SERVICE"));
    CHECK(socket_udp_listen(&a, 65536, &d) < 0 && strstr(d.message, "no such address"));
    struct netaddr any = {.family = ADDR_V6}, v4 = {.family = ADDR_V4, .a = {127}};
    CHECK(netaddr_is_any(&any) && !netaddr_is_any(&v4));
    union sockaddr_any sa;
    CHECK(sockaddr_put(&a, &sa) > 0);
    struct netaddr back = sockaddr_get(&sa);
    CHECK(netaddr_equal(&a, &back));
}

/* --- upstream --------------------------------------------------------------------------------- */

struct asked {
    unsigned failed, replied;
    enum status why;
};

static void on_reply(void *ctx, uint64_t id, const struct netaddr *from, struct bytes wire)
{
    (void)from;
    ((struct asked *)ctx)->replied += id == 5 && wire.n == 4;
}

static void on_failed(void *ctx, uint64_t id, enum status why)
{
    (void)id;
    ((struct asked *)ctx)->failed++;
    ((struct asked *)ctx)->why = why;
}

TEST(upstream_hears_refusals_and_only_the_one_asked)
{
    static struct random_pool pool;
    static struct io_counters count;
    static struct upstream u;
    static const uint8_t lo[4] = {127, 0, 0, 1};
    struct env env = env_of(&pool);
    struct asked asked = {0};
    struct loop l;
    REQUIRE(loop_init(&l, 64) == ST_OK && upstream_init(&u, &l, &count, &env) == ST_OK);
    u.ctx = &asked;
    u.reply = on_reply;
    u.failed = on_failed;
    int fd = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0);
    struct netaddr a = netaddr_v4(lo, 0);
    union sockaddr_any sa, from;
    socklen_t n = sockaddr_put(&a, &sa), from_n = sizeof from;
    REQUIRE(bind(fd, &sa.sa, n) == 0 && bind(other, &sa.sa, n) == 0);
    REQUIRE(getsockname(fd, &sa.sa, &n) == 0);
    struct effect e = {
        .kind = EFFECT_SEND, .id = 5, .to = sockaddr_get(&sa), .data = bytes_str("ask")};
    upstream_send(&u, &e);
    char buf[16];
    REQUIRE(recvfrom(fd, buf, sizeof buf, 0, &from.sa, &from_n) == 3);
    CHECK(ntohs(from.v4.sin_port) >= 1024);
    CHECK(sendto(other, "forg", 4, 0, &from.sa, from_n) ==
          4); /* from another port: the kernel drops it */
    CHECK(sendto(fd, "real", 4, 0, &from.sa, from_n) == 4);
    for (int i = 0; i < 10 && asked.replied == 0; i++)
        loop_turn(&l, now_read().mono_us + 10000);
    CHECK_EQ(asked.replied, 1);
    upstream_close(&u, 5, false);
    CHECK_EQ(u.exchanges, 0);
    close(fd); /* nobody there any more: ICMP says so */
    e.id = 6;
    upstream_send(&u, &e);
    for (int i = 0; i < 20 && asked.failed == 0; i++)
        loop_turn(&l, now_read().mono_us + 10000);
    CHECK(asked.failed == 1 && asked.why == ST_EREFUSED);
    e.id = 7;
    e.transport = TRANSPORT_TCP;
    upstream_send(&u, &e);
    for (int i = 0; i < 20 && asked.failed == 1; i++)
        loop_turn(&l, now_read().mono_us + 10000);
    CHECK(asked.failed == 2 && asked.why == ST_EREFUSED);
    /* Out of descriptors: not the server's fault, nor a lack of IPv6. */
    struct rlimit old, none;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
    none = (struct rlimit){(rlim_t)dup(other), old.rlim_max};
    close((int)none.rlim_cur);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    e.id = 8;
    upstream_send(&u, &e);
    CHECK(asked.failed == 3 && asked.why == ST_ELIMIT);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &old) == 0);
    close(other);
    upstream_free(&u);
    loop_free(&l);
}

/* Opens one exchange and returns the port that the server sees. */
static uint16_t port_shown(struct upstream *u, int server, uint64_t id, const struct netaddr *to)
{
    union sockaddr_any from = {0};
    socklen_t n = sizeof from;
    char buf[16];
    struct effect e = {.kind = EFFECT_SEND, .id = id, .to = *to, .data = bytes_str("ask")};
    upstream_send(u, &e);
    CHECK_EQ(recvfrom(server, buf, sizeof buf, 0, &from.sa, &n), 3);
    upstream_close(u, id, true);
    return ntohs(from.v4.sin_port);
}

/* RFC 5452 section 9.2. Whoever has a resolver ask his own server sees its ports: they must say
 * nothing about those of the questions to others. */
TEST(upstream_ports_shown_to_one_server_are_not_used_for_another)
{
    static struct random_pool pool;
    static struct io_counters count;
    static struct upstream u;
    static uint8_t shown[65536];
    static const uint8_t lo[4] = {127, 0, 0, 1};
    struct env env = env_of(&pool);
    struct asked asked = {0};
    struct loop l;
    int fd[2];
    struct netaddr at[2];
    REQUIRE(loop_init(&l, 64) == ST_OK && upstream_init(&u, &l, &count, &env) == ST_OK);
    u.ctx = &asked;
    u.reply = on_reply;
    u.failed = on_failed;
    for (int i = 0; i < 2; i++) {
        struct netaddr a = netaddr_v4(lo, 0);
        union sockaddr_any sa;
        socklen_t n = sockaddr_put(&a, &sa);
        fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
        REQUIRE(fd[i] >= 0 && bind(fd[i], &sa.sa, n) == 0 && getsockname(fd[i], &sa.sa, &n) == 0);
        at[i] = sockaddr_get(&sa);
    }
    unsigned known = 0;
    for (uint64_t i = 1; i <= 300; i++)
        shown[port_shown(&u, fd[0], i, &at[0])] = 1;
    for (uint64_t i = 301; i <= 400; i++)
        known += shown[port_shown(&u, fd[1], i, &at[1])];
    CHECK(known < 10); /* by chance 0.5 of the 100 */
    CHECK_EQ(count.upstream_sockets, 300 / LIMIT_SOCKET_USES + 1 + 100 / LIMIT_SOCKET_USES + 1);
    /* What comes while nobody has asked ends the socket: the next question has another port. */
    uint16_t before = port_shown(&u, fd[1], 401, &at[1]);
    CHECK_EQ(port_shown(&u, fd[1], 402, &at[1]), before);
    struct netaddr there = netaddr_v4(lo, before);
    union sockaddr_any sa;
    socklen_t n = sockaddr_put(&there, &sa);
    CHECK_EQ(sendto(fd[1], "late", 4, 0, &sa.sa, n), 4);
    loop_turn(&l, now_read().mono_us + 10000);
    CHECK(port_shown(&u, fd[1], 403, &at[1]) != before && asked.replied == 0);
    /* One that timed out, or heard something else, serves nobody any more; nor does an old one. */
    before = port_shown(&u, fd[1], 404, &at[1]);
    struct effect e = {.kind = EFFECT_SEND, .id = 405, .to = at[1], .data = bytes_str("ask")};
    char buf[16];
    upstream_send(&u, &e);
    CHECK_EQ(recv(fd[1], buf, sizeof buf, 0), 3);
    upstream_close(&u, 405, false);
    CHECK(port_shown(&u, fd[1], 406, &at[1]) != before);
    before = port_shown(&u, fd[1], 407, &at[1]);
    l.now.mono_us += LIMIT_SOCKET_LIFE_MS * 1000u;
    CHECK(port_shown(&u, fd[1], 408, &at[1]) != before);
    CHECK_EQ(asked.failed, 0);
    close(fd[0]);
    close(fd[1]);
    upstream_free(&u);
    loop_free(&l);
}

/* Ports come from the whole of their range, and no port says what the next one is (RFC 5452 section
 * 9.2, CVE-2008-1447, CVE-2026-50252). */
TEST(upstream_ports_are_spread)
{
    enum { QUESTIONS = 512, SLICES = 16, SLICE = (65536 - 1024) / SLICES };
    static struct random_pool pool;
    static struct io_counters count;
    static struct upstream u;
    static const uint8_t lo[4] = {127, 0, 0, 1};
    struct env env = env_of(&pool);
    struct loop l;
    struct netaddr a = netaddr_v4(lo, 0);
    union sockaddr_any sa;
    socklen_t n = sockaddr_put(&a, &sa);
    unsigned slice[SLICES + 1] = {0}, near = 0, before = 0;
    REQUIRE(loop_init(&l, 64) == ST_OK && upstream_init(&u, &l, &count, &env) == ST_OK);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    REQUIRE(fd >= 0 && bind(fd, &sa.sa, n) == 0 && getsockname(fd, &sa.sa, &n) == 0);
    a = sockaddr_get(&sa);
    for (uint64_t id = 1; id <= QUESTIONS; id++) {
        union sockaddr_any from = {0};
        socklen_t from_n = sizeof from;
        char buf[16];
        struct effect e = {.kind = EFFECT_SEND, .id = id, .to = a, .data = bytes_str("ask")};
        upstream_send(&u, &e);
        REQUIRE(recvfrom(fd, buf, sizeof buf, 0, &from.sa, &from_n) == 3);
        upstream_close(&u, id, false); /* no reply came: the next one has a port of its own */
        unsigned port = ntohs(from.v4.sin_port);
        REQUIRE(port >= 1024);
        slice[(port - 1024) / SLICE]++;
        near += port - before + 64 <= 128;
        before = port;
    }
    for (unsigned i = 0; i < SLICES; i++) /* 32 as a rule */
        CHECK(slice[i] >= 8 && slice[i] <= 72);
    CHECK(near < 12); /* by chance 1 */
    close(fd);
    upstream_free(&u);
    loop_free(&l);
}

/* Reads one query of 3 bytes from a connection and sends four bytes back. */
static void serve_tcp(int fd)
{
    char buf[16];
    CHECK_EQ(recv(fd, buf, 5, MSG_WAITALL), 5);
    CHECK_EQ(send(fd, "\0\014real.answer.", 14, 0), 14);
}

static void on_tcp_reply(void *ctx, uint64_t id, const struct netaddr *from, struct bytes wire)
{
    (void)from;
    (void)id;
    ((struct asked *)ctx)->replied += wire.n == 12;
}

/* RFC 7766 sections 6.2.1 and 6.2.4. */
TEST(upstream_tcp_connections_are_used_again)
{
    static struct random_pool pool;
    static struct io_counters count;
    static struct upstream u;
    static const uint8_t lo[4] = {127, 0, 0, 1};
    struct env env = env_of(&pool);
    struct asked asked = {0};
    struct loop l;
    memset(&u, 0, sizeof u);
    memset(&count, 0, sizeof count);
    REQUIRE(loop_init(&l, 64) == ST_OK && upstream_init(&u, &l, &count, &env) == ST_OK);
    u.ctx = &asked;
    u.reply = on_tcp_reply;
    u.failed = on_failed;
    int fd = socket(AF_INET, SOCK_STREAM, 0), to = -1;
    struct netaddr a = netaddr_v4(lo, 0);
    union sockaddr_any sa;
    socklen_t n = sockaddr_put(&a, &sa);
    REQUIRE(bind(fd, &sa.sa, n) == 0 && listen(fd, 4) == 0 && getsockname(fd, &sa.sa, &n) == 0);
    struct effect e = {.kind = EFFECT_SEND,
                       .transport = TRANSPORT_TCP,
                       .to = sockaddr_get(&sa),
                       .data = bytes_str("ask")};
    for (e.id = 1; e.id <= 5; e.id++) {
        /* 2 goes over 1's connection; 3 finds that closed; 4 sees it close while it waits. */
        upstream_send(&u, &e);
        loop_turn(&l, now_read().mono_us + 10000);
        if (e.id == 4) { /* the query is there, but is not answered */
            char buf[16];
            CHECK_EQ(recv(to, buf, 5, MSG_WAITALL), 5);
        }
        if (e.id == 3 || e.id == 4)
            close(to);
        for (int i = 0; i < 5 && (e.id == 3 || e.id == 4); i++)
            loop_turn(&l, now_read().mono_us + 2000);
        if (e.id != 2 && e.id != 5)
            REQUIRE((to = accept(fd, NULL, NULL)) >= 0);
        loop_turn(&l, now_read().mono_us + 2000);
        serve_tcp(to);
        for (int i = 0; i < 10 && asked.replied < e.id; i++)
            loop_turn(&l, now_read().mono_us + 10000);
        CHECK_EQ(asked.replied, e.id);
        upstream_close(&u, e.id, true);
    }
    CHECK_EQ(asked.failed, 0);
    CHECK_EQ(count.upstream_sockets, 3);
    CHECK_EQ(u.idle_count, 1);
    close(to); /* while nobody asks */
    for (int i = 0; i < 5; i++)
        loop_turn(&l, now_read().mono_us + 2000);
    CHECK_EQ(u.idle_count, 0);
    close(fd);
    upstream_free(&u);
    loop_free(&l);
}

/* --- zones ------------------------------------------------------------------------------------ */

static char folder[64];

static void put_zone(const char *file, unsigned serial, const char *extra, int age_s)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "w");
    if (f == NULL)
        return;
    fprintf(f, "$TTL 60\n@ SOA ns h %u 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n%s", serial, extra);
    fclose(f);
    struct timespec ts[2] = {{time(NULL) - age_s, 0}, {time(NULL) - age_s, 0}};
    utimensat(AT_FDCWD, path, ts, 0);
}

static struct zone_set *load(const struct config *c, const struct zone_set *old, const char *only)
{
    struct text say = text_heap(65536);
    struct name n;
    struct zone_set *s = NULL;
    CHECK(only == NULL || name_from(only, &n) == ST_OK);
    enum status st =
        zone_set_load(c, &(struct zone_set_how){.old = old, .only = only ? n.w : NULL}, &say, &s);
    CHECK(st == ST_OK || s == NULL);
    text_free(&say);
    return s;
}

TEST(zones_are_kept_taken_over_or_loaded)
{
    snprintf(folder, sizeof folder, "/tmp/banyan-io-test-%d", (int)getpid());
    mkdir(folder, 0700);
    log_set_level(LEVEL_ERROR);
    put_zone("a.test.zone", 1, "", 100);
    put_zone("b.test.zone", 1, "", 100);
    struct config *c = config_default();
    REQUIRE(c != NULL);
    c->zones_dir = folder;
    struct zone_set *one = load(c, NULL, NULL);
    REQUIRE(one != NULL && one->n == 2 && one->loaded == 2);
    put_zone("a.test.zone", 2, "", 50);
    struct zone_set *two = load(c, one, NULL);
    REQUIRE(two != NULL && two->loaded == 1 && two->same == 1);
    CHECK(two->v[1].zone == one->v[1].zone && zone_serial(two->v[0].zone) == 2);
    zone_set_free(one);
    int null_log = dup(2); /* the complaints about the bad zone are not for the test's output */
    FILE *sink = freopen("/dev/null", "w", stderr);
    put_zone("b.test.zone", 3, "bad A x\n", 50);
    struct zone_set *three = load(c, two, NULL);
    CHECK(sink != NULL && dup2(null_log, 2) == 2);
    close(null_log);
    REQUIRE(three != NULL && three->kept == 1 && three->same == 1);
    CHECK(zone_serial(three->v[1].zone) == 1);
    zone_set_free(two);
    put_zone("b.test.zone", 3, "", 50);
    struct zone_set *four = load(c, three, NULL);
    REQUIRE(four != NULL && four->loaded == 1 && zone_serial(four->v[1].zone) == 3);
    zone_set_free(three);
    struct zone_set *five = load(c, four, "a.test");
    REQUIRE(five != NULL && five->loaded == 1 && five->same == 1 &&
            five->v[0].state == ZONE_LOADED);
    CHECK(load(c, five, "nosuch.test") == NULL);
    zone_set_free(four);
    zone_set_free(five);
    c->zones_dir = NULL;
    config_free(c);
    char path[128];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%c.test.zone", folder, 'a' + i);
        unlink(path);
    }
    rmdir(folder);
    log_set_level(LEVEL_INFO);
}

/* --- jobs and signing --- */

/* A zone of many names; the same each time. */
static struct zone *many_names(void)
{
    static const uint8_t soa[] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0,
                                  0, 0, 3, 0, 0, 0, 4, 0, 0, 1, 44};
    static const uint8_t ns[] = {2, 'n', 's', 4, 't', 'e', 's', 't', 0}, a[] = {192, 0, 2, 1};
    struct name origin, n;
    struct zone *z = NULL;
    if (name_from("example.", &origin) != ST_OK)
        return NULL;
    struct zone_builder *b = zone_builder_new(origin.w);
    bool ok = b != NULL &&
              zone_builder_add(b, origin.w, RR_SOA, 300, bytes_of(soa, sizeof soa)) == ST_OK &&
              zone_builder_add(b, origin.w, RR_NS, 300, bytes_of(ns, sizeof ns)) == ST_OK;
    for (int i = 0; ok && i < 9000; i++) {
        char text[64];
        snprintf(text, sizeof text, "h%d.d%d.example.", i, i % 100);
        ok = name_from(text, &n) == ST_OK &&
             zone_builder_add(b, n.w, RR_A, 300, bytes_of(a, sizeof a)) == ST_OK;
    }
    if (ok && zone_builder_finish(b, &z, NULL) != ST_OK)
        z = NULL;
    zone_builder_free(b);
    return z;
}

static void any_change(void *ctx, const struct zone_change *c)
{
    (void)ctx;
    (void)c;
}

/* However many threads sign a zone, the result is the same (and ThreadSanitizer is content). */
TEST(parallel_signing)
{
    const uint8_t secret[32] = {9};
    uint8_t dnskey[DNSKEY_RDATA_MAX];
    struct writer w = wr_of(dnskey, sizeof dnskey);
    struct sign_key k = {
        .algorithm = SEC_ED25519, .publish = true, .sign_keys = true, .sign_zone = true};
    struct zone *in = many_names(), *one = NULL, *four = NULL;
    struct sign_stats stats;
    struct diag d = {0};
    REQUIRE(in != NULL && sec_key_from_secret(SEC_ED25519, bytes_of(secret, 32), &k.key) == ST_OK &&
            dnskey_write(k.key, 257, &w) == ST_OK);
    k.dnskey = wr_done(&w);
    k.tag = dnskey_tag(k.dnskey);
    struct sign_plan plan = {
        .key = &k, .keys = 1, .policy = sign_policy_default(), .now = 1700000000, .serial = 2};
    struct sign_jobs jobs = jobs_threads(4);
    for (int nsec3 = 0; nsec3 < 2; nsec3++) {
        uint64_t changes = 1;
        plan.policy.denial = nsec3 ? DENIAL_NSEC3 : DENIAL_NSEC;
        REQUIRE(zone_sign(in, &plan, NULL, &one, &stats, &d) == ST_OK);
        REQUIRE(zone_sign(in, &plan, &jobs, &four, &stats, &d) == ST_OK);
        CHECK(zone_diff(one, four, any_change, NULL, &changes) == ST_OK && changes == 0);
        CHECK(stats.made > 18000);
        zone_drop(one);
        zone_drop(four);
    }
    sec_key_free(k.key);
    zone_drop(in);
}
