/* What one answer costs inside the role: feeds queries in process and prints nanoseconds each.
 *
 *     auth_bench [CASE [COUNT]]
 *
 * For instruction counts run it under callgrind with --toggle-collect=auth_bench_round: only the
 * answers are counted then; divide by COUNT. */
#include "auth/testlib.h"

#include <time.h>

enum { BENCH_QUERIES = 64 };

struct bench_query {
    uint8_t wire[512];
    size_t n;
};

struct bench_case {
    const char *name;
    uint16_t type;
    bool edns, dnssec_ok, cookie;
    const char *pattern; /* of the names asked for; % is 1 to 64 */
};

static const struct bench_case cases[] = {
    {"plain", RR_A, false, false, false, "h%.example."},
    {"edns", RR_A, true, false, false, "h%.example."},
    {"cookie", RR_A, true, false, true, "h%.example."},
    {"nxdomain", RR_A, true, false, false, "no%.example."},
    {"nodata", RR_MX, true, false, false, "h%.example."},
    {"alias", RR_A, true, false, false, "c%.example."},
    {"wildcard", RR_A, true, false, false, "x%.wild.example."},
    {"referral", RR_A, true, false, false, "www.d%.example."},
    {"mx", RR_MX, true, false, false, "m%.example."},
    {"dname", RR_A, true, false, false, "h%.dn.example."},
    {"refused", RR_A, true, false, false, "h%.elsewhere."},
};

static const char zone[] =
    "@ 3600 SOA ns1 host 1 7200 3600 1209600 300\n@ 3600 NS ns1\n@ 3600 NS ns2\nns1 3600 A "
    "192.0.2.1\n"
    "ns2 3600 A 192.0.2.2\nrepeat 64 h% 300 A 192.0.2.%\nrepeat 64 c% 300 CNAME h%\n*.wild 300 A "
    "192.0.2.9\n"
    "repeat 64 d% 3600 NS ns1.d%\nrepeat 64 d% 3600 NS ns2.d%\nrepeat 64 ns1.d% 3600 A 192.0.2.%\n"
    "repeat 64 ns2.d% 3600 AAAA 2001:db8::%\nrepeat 64 m% 300 MX 10 h%\nrepeat 64 m% 300 MX 20 "
    "ns1\n"
    "dn 300 DNAME example.\n";

static void make_queries(const struct bench_case *c, struct bench_query *q)
{
    for (unsigned i = 0; i < BENCH_QUERIES; i++) {
        char text[100];
        struct text t = text_of(text, sizeof text);
        for (const char *p = c->pattern; *p != '\0'; p++) {
            if (*p == '%')
                text_uint(&t, i + 1);
            else
                text_char(&t, *p);
        }
        struct name n;
        uint8_t options[64];
        struct writer w = wr_of(options, sizeof options);
        if (c->cookie)
            edns_put(&w, EDNS_COOKIE, bytes_of("\1\2\3\4\5\6\7\10", 8));
        struct edns_out opt = {.present = c->edns,
                               .dnssec_ok = c->dnssec_ok,
                               .udp_size = 1232,
                               .options = wr_done(&w)};
        if (name_from(text, &n) != ST_OK)
            abort();
        q[i].n =
            encode_query(q[i].wire, sizeof q[i].wire, (uint16_t)i, 0, n.w, c->type, CLASS_IN, &opt);
    }
}

/* Global, so that callgrind finds it by name. */
size_t auth_bench_round(struct service s, struct request *rq, const struct bench_query *q,
                        size_t count);

__attribute__((noinline)) size_t auth_bench_round(struct service s, struct request *rq,
                                                  const struct bench_query *q, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        size_t n = 0;
        rq->wire = bytes_of(q[i % BENCH_QUERIES].wire, q[i % BENCH_QUERIES].n);
        (void)s.handle(s.ctx, rq, &n);
        sum += n;
    }
    return sum;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000000;
    struct lab *l = lab_new();
    if (!lab_text(l, "example.", zone) || !lab_start(l))
        return 1;
    struct request rq = {.transport = TRANSPORT_UDP, .out = l->out, .out_cap = 4096};
    rq.client = netaddr_v4((const uint8_t[4]){192, 0, 2, 1}, 5353);
    rq.local = netaddr_v4((const uint8_t[4]){192, 0, 2, 53}, 53);
    rq.now = (struct now){.mono_us = 1000000, .wall_s = 1559731985};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench_query q[BENCH_QUERIES];
        if (argc > 1 && strcmp(argv[1], cases[i].name) != 0 && strcmp(argv[1], "all") != 0)
            continue;
        make_queries(&cases[i], q);
        double start = now_ns();
        size_t sum = auth_bench_round(auth_service(l->auth), &rq, q, count);
        printf("%-10s %8.1f ns an answer, %zu bytes\n", cases[i].name,
               (now_ns() - start) / (double)count, sum / count);
    }
    lab_free(l);
    return 0;
}
