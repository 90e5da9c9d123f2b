/* What an answer costs inside the resolver: questions go in, and a made-up Internet of three levels
 * replies at once, in this process; prints nanoseconds each.
 *
 *     resolver_bench [CASE [COUNT]]
 *
 * For instruction counts run it under callgrind with --toggle-collect=bench_counted_*: only the
 * calls into the machine are counted then; divide by COUNT. */
#include "dns/encode.h"
#include "dns/rr_type.h"
#include "resolver/resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HOSTS = 100, ROUND_TRIP_US = 200, BATCH = 16 };

/* Names are hostH.zZ.tT. where H and Z tell the question's number. */
static const struct bench_case {
    const char *name;
    enum { NO_EDNS, WITH_EDNS, WITH_DO, WITH_COOKIE } how;
    unsigned names;    /* different ones; 0: every question has a new one */
    unsigned per_zone; /* names of one zone */
    bool at_random, ahead;
} cases[] = {
    {"hit", NO_EDNS, 1000, HOSTS},       {"hit-edns", WITH_EDNS, 1000, HOSTS},
    {"hit-do", WITH_DO, 1000, HOSTS},    {"hit-cookie", WITH_COOKIE, 1000, HOSTS},
    {"known-zone", WITH_EDNS, 0, HOSTS}, /* one question upstream, and a hundredth */
    {"new-zone", WITH_EDNS, 0, 1},       /* two upstream: a referral first */
};
/* Not among "all": for time, not for instructions. Names chosen at random, too many for what the
 * processor keeps of memory; looked at in batches first, or not. */
static const struct bench_case many[] = {
    {"hit-many", NO_EDNS, 200000, HOSTS, true, false},
    {"hit-many-ahead", NO_EDNS, 200000, HOSTS, true, true},
};

struct bench {
    struct prng rng;
    struct cache *cache;
    struct resolver *r;
    struct now now;
    unsigned upstream;
    bool warm; /* all names are there */
    uint8_t query[512], out[4096], reply[4096];
    size_t query_n;
};

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

/* Global and never one within the other, so that callgrind finds them by name. */
enum outcome bench_counted_request(struct resolver *r, struct request *rq, size_t *ret_n);
void bench_counted_reply(struct resolver *r, uint64_t id, const struct netaddr *from,
                         struct bytes wire, struct now now);
bool bench_counted_effect(struct resolver *r, struct effect *ret);

__attribute__((noinline)) enum outcome bench_counted_request(struct resolver *r, struct request *rq,
                                                             size_t *ret_n)
{
    return resolver_request(r, rq, ret_n);
}

__attribute__((noinline)) void bench_counted_reply(struct resolver *r, uint64_t id,
                                                   const struct netaddr *from, struct bytes wire,
                                                   struct now now)
{
    resolver_reply(r, id, from, wire, now);
    resolver_tick(r, now);
}

__attribute__((noinline)) bool bench_counted_effect(struct resolver *r, struct effect *ret)
{
    return resolver_effect(r, ret);
}

/* Appends a record whose owner begins at `owner` in the message. */
static void put_record(struct writer *w, size_t owner, uint16_t type, struct bytes rdata)
{
    wr_u16(w, (uint16_t)(0xc000 | owner));
    wr_u16(w, type);
    wr_u16(w, CLASS_IN);
    wr_u32(w, 86400);
    wr_u16(w, (uint16_t)rdata.n);
    wr_bytes(w, rdata.p, rdata.n);
}

/* What a server says: the root (192.0.2.1) and the TLD (.2) refer, the leaf (.3) answers. */
static size_t serve(struct bench *b, const struct effect *e)
{
    const uint8_t *q = e->data.p;
    size_t at[8], labels = 0, end = 12;
    for (; q[end] != 0; end += 1 + q[end])
        at[labels++ % ARRAY_LEN(at)] = end;
    unsigned level = e->to.a[3]; /* 1: root, 2: TLD, 3: leaf */
    struct writer w = wr_of(b->reply, sizeof b->reply);
    bool refer = level < 3 && labels >= level;
    wr_bytes(&w, q, 2);
    wr_u16(&w, refer ? MSG_QR : MSG_QR | MSG_AA);
    wr_u16(&w, 1);
    wr_u16(&w, refer ? 0 : 1);
    wr_u16(&w, refer ? 1 : 0);
    wr_u16(&w, refer ? 1 : 0);
    wr_bytes(&w, q + 12, end + 5 - 12);
    uint8_t address[] = {192, 0, 2, (uint8_t)(level + 1)};
    if (!refer) {
        put_record(&w, 12, RR_A, bytes_of(address, 4));
        return wr_done(&w).n;
    }
    size_t cut = at[labels - level];
    uint8_t ns[] = {2, 'n', 's', (uint8_t)(0xc0 | cut >> 8), (uint8_t)cut};
    put_record(&w, cut, RR_NS, bytes_of(ns, sizeof ns));
    put_record(&w, wr_done(&w).n - sizeof ns, RR_A, bytes_of(address, 4));
    return wr_done(&w).n;
}

/* The number of a question's name. */
static unsigned number(const struct bench *b, const struct bench_case *c, unsigned i)
{
    if (b->warm && c->at_random)
        return (unsigned)(hash_mix(i) % c->names);
    return c->names > 0 ? i % c->names : i;
}

static bool name_of(const struct bench_case *c, unsigned k, struct name *ret)
{
    char text[80];
    snprintf(text, sizeof text, "host%u.z%u.t%u.", k % c->per_zone, k / c->per_zone,
             k / c->per_zone % 10);
    return name_from(text, ret) == ST_OK;
}

/* As a driver does that has a batch of them. */
static void announce(struct bench *b, const struct bench_case *c, unsigned first)
{
    static uint8_t query[BATCH][128];
    struct bytes wire[BATCH];
    struct service s = resolver_service(b->r);
    struct name n;
    for (unsigned i = 0; i < BATCH && name_of(c, number(b, c, first + i), &n); i++) {
        size_t len = encode_query(query[i], sizeof query[i], 0, 0, n.w, RR_A, CLASS_IN, NULL);
        wire[i] = bytes_of(query[i], len);
    }
    if (c->ahead)
        s.ahead(s.ctx, wire, BATCH);
}

/* Asks one question and lets it come to its end; false if it is not answered. */
static bool ask(struct bench *b, const struct bench_case *c, unsigned i)
{
    struct name n;
    size_t len = 0;
    /* A client's cookie (RFC 7873 section 4.1). */
    static const uint8_t cookie[] = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    struct edns_out o = {.present = c->how != NO_EDNS,
                         .udp_size = 1232,
                         .dnssec_ok = c->how == WITH_DO,
                         .options = bytes_of(cookie, c->how == WITH_COOKIE ? sizeof cookie : 0)};
    if (b->warm && c->at_random && i % BATCH == 0)
        announce(b, c, i);
    if (!name_of(c, number(b, c, i), &n))
        return false;
    b->query_n = encode_query(b->query, sizeof b->query, (uint16_t)i, MSG_RD, n.w, RR_A, CLASS_IN,
                              o.present ? &o : NULL);
    struct request rq = {.client = netaddr_v4((const uint8_t[]){127, 0, 0, 1}, 999),
                         .now = b->now,
                         .token = i,
                         .wire = bytes_of(b->query, b->query_n),
                         .out = b->out,
                         .out_cap = sizeof b->out};
    enum outcome got = bench_counted_request(b->r, &rq, &len);
    if (got == OUTCOME_ANSWER)
        return len > 12 && (b->out[3] & 15) == 0 && get_be16(b->out + 6) == 1;
    bool answered = false;
    struct effect e;
    for (unsigned turn = 0; turn < 100 && bench_counted_effect(b->r, &e); turn++) {
        if (e.kind == EFFECT_ANSWER)
            answered = (e.data.p[3] & 15) == 0 && get_be16(e.data.p + 6) == 1;
        if (e.kind != EFFECT_SEND)
            continue;
        struct netaddr from = e.to;
        uint64_t id = e.id;
        size_t reply_n = serve(b, &e);
        b->upstream++;
        b->now.mono_us += ROUND_TRIP_US;
        bench_counted_reply(b->r, id, &from, bytes_of(b->reply, reply_n), b->now);
    }
    return answered;
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool run(const struct bench_case *c, unsigned count)
{
    static struct bench b;
    const struct env env = {&b.rng, seeded};
    struct resolver_options opt;
    struct root_hint hint = {.address = netaddr_v4((const uint8_t[]){192, 0, 2, 1}, 0)};
    bool fine = true;

    memset(&b, 0, sizeof b);
    b.rng.s = 1;
    b.now = (struct now){.mono_us = 1000000, .wall_s = 1700000000};
    resolver_options_default(&opt);
    if (name_from("ns.root.", &hint.server) != ST_OK)
        return false;
    opt.hints = &hint;
    opt.hint_count = 1;
    opt.prime = false;
    /* As in a server: names with a special meaning are looked for. */
    struct local_data *local = local_data_new(&(struct hash_key){1, 2});
    if (local == NULL || local_data_special(local, NULL, 0) != ST_OK)
        return false;
    opt.local = local;
    b.cache = cache_new((size_t)256 << 20, 0, &env);
    b.r = b.cache != NULL ? resolver_new(&opt, b.cache, &env) : NULL;
    if (b.r == NULL)
        return false;
    for (unsigned i = 0; i < c->names; i++) /* so that they are there */
        fine &= ask(&b, c, i);
    b.warm = true;
    double start = cpu_s();
    b.upstream = 0;
    for (unsigned i = 0; i < count; i++)
        fine &= ask(&b, c, i);
    struct cache_stats st = cache_stats(b.cache);
    printf("%-10s %8.1f ns an answer, %.2f upstream, %.0f bytes a cached set\n", c->name,
           (cpu_s() - start) * 1e9 / count, (double)b.upstream / count,
           (double)st.bytes / (double)MAX(st.entries, 1));
    resolver_free(b.r);
    local_data_free(local);
    cache_free(b.cache);
    return fine;
}

int main(int argc, char **argv)
{
    unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100000;
    bool fine = true;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (argc <= 1 || strcmp(argv[1], cases[i].name) == 0 || strcmp(argv[1], "all") == 0)
            fine &= run(&cases[i], count);
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        if (argc > 1 && strcmp(argv[1], many[i].name) == 0)
            fine &= run(&many[i], count);
    if (!fine)
        printf("a question was not answered as it should be\n");
    return fine ? 0 : 1;
}
