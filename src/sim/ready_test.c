/* Answers kept as they were written say the same as those made anew: the zones of the lab, the root
 * and zones made up at random, signed and not, their names and names beside and below them, every
 * type, with DNSSEC records and without, at several sizes. */
#include "sim/lab_testlib.h"

#include "auth/auth.h"
#include "dns/rdata.h"
#include "sim/signing.h"

enum { ANSWER_MAX = 65535, TIMES = 4 };

static char lots[251];

/* A zone file in memory. */
struct text_source {
    const char *p;
    size_t n, at;
};

static void *text_open(void *ctx, const char *path, struct diag *d)
{
    (void)path, (void)d;
    return ctx;
}

static long text_read(void *ctx, void *file, void *buf, size_t n)
{
    struct text_source *s = file;
    (void)ctx;
    n = MIN(n, s->n - s->at);
    memcpy(buf, s->p + s->at, n);
    s->at += n;
    return (long)n;
}

static void text_close(void *ctx, void *file)
{
    (void)ctx, (void)file;
}

/* What a command prints. */
static void *pipe_open(void *ctx, const char *path, struct diag *d)
{
    (void)path, (void)d;
    return popen(ctx, "r");
}

static void pipe_close(void *ctx, void *file)
{
    (void)ctx;
    pclose(file);
}

struct two {
    struct auth *kept, *anew;
    struct auth_options opt[2];
    uint8_t out[2][ANSWER_MAX];
    struct arena arena;
    unsigned asked, ready, bad;
};

struct how {
    bool edns, dnssec_ok;
    uint16_t size;
    enum transport transport;
};

static const struct how hows[] = {{false, false, 0, TRANSPORT_UDP},
                                  {true, false, 1232, TRANSPORT_UDP},
                                  {true, true, 1232, TRANSPORT_UDP},
                                  {true, true, 512, TRANSPORT_UDP},
                                  {true, true, 1232, TRANSPORT_TCP}};
static const uint16_t types[] = {RR_A,  RR_AAAA,   RR_NS,  RR_MX,  RR_TXT,  RR_SOA,  RR_CNAME,
                                 RR_DS, RR_DNSKEY, RR_SRV, RR_ANY, RR_NSEC, RR_HTTPS};

static size_t answer_of(struct two *t, unsigned who, struct bytes wire, enum transport transport)
{
    size_t n = 0;
    struct service s = auth_service(who == 0 ? t->kept : t->anew);
    struct request rq = {
        .transport = transport, .wire = wire, .out = t->out[who], .out_cap = ANSWER_MAX};
    rq.client = netaddr_v4((const uint8_t[4]){192, 0, 2, 1}, 5353);
    rq.local = netaddr_v4((const uint8_t[4]){192, 0, 2, 53}, 53);
    rq.now = (struct now){.mono_us = 1000000, .wall_s = SIM_START_WALL_S};
    return s.handle(s.ctx, &rq, &n) == OUTCOME_ANSWER ? n : 0;
}

static bool same_record(const struct msg *a, const struct msg *b, unsigned i)
{
    static uint8_t data[2][ANSWER_MAX];
    const struct rr_view *x = &a->rr[i], *y = &b->rr[i];
    struct name n[2];
    struct writer w[2] = {wr_of(data[0], sizeof data[0]), wr_of(data[1], sizeof data[1])};
    return x->section == y->section && x->type == y->type && x->rclass == y->rclass &&
           x->ttl == y->ttl && msg_owner(a, x, &n[0]) == ST_OK && msg_owner(b, y, &n[1]) == ST_OK &&
           name_equal(n[0].w, n[1].w) &&
           rdata_from_wire(x->type, a->wire, x->rdata_off, x->rdata_len, &w[0]) == ST_OK &&
           rdata_from_wire(y->type, b->wire, y->rdata_off, y->rdata_len, &w[1]) == ST_OK &&
           bytes_equal(wr_done(&w[0]), wr_done(&w[1]));
}

static bool same(struct two *t, const size_t n[2])
{
    struct msg a, b;
    arena_reset(&t->arena);
    if (n[0] == n[1] && memcmp(t->out[0], t->out[1], n[0]) == 0)
        return true;
    if (msg_parse(bytes_of(t->out[0], n[0]), &t->arena, &a) != ST_OK ||
        msg_parse(bytes_of(t->out[1], n[1]), &t->arena, &b) != ST_OK)
        return false;
    t->ready++; /* pointers to what is in front cannot be kept: at least those differ */
    bool good = memcmp(t->out[0], t->out[1], MSG_HEADER) == 0 && a.rr_count == b.rr_count &&
                name_equal(a.q.name.w, b.q.name.w) && a.trailing == 0;
    for (unsigned i = 0; good && i < a.rr_count; i++)
        good = same_record(&a, &b, i);
    return good;
}

static void compare(struct two *t, const uint8_t *name, uint16_t type)
{
    for (size_t h = 0; h < ARRAY_LEN(hows); h++) {
        uint8_t wire[512];
        struct edns_out o = {
            .present = hows[h].edns, .udp_size = hows[h].size, .dnssec_ok = hows[h].dnssec_ok};
        size_t q = encode_query(wire, sizeof wire, (uint16_t)t->asked, 0, name, type, CLASS_IN, &o);
        size_t n[2] = {answer_of(t, 0, bytes_of(wire, q), hows[h].transport),
                       answer_of(t, 1, bytes_of(wire, q), hows[h].transport)};
        t->asked++;
        if (same(t, n))
            continue;
        char text[NAME_TEXT_MAX];
        if (t->bad++ < 5)
            test_point(false, "%s type %u, way %zu: kept %zu bytes, anew %zu", name_str(name, text),
                       type, h, n[0], n[1]);
    }
}

/* The name, names below it, and one beside it. Asked in turns, so that what one leaves behind is
 * used for the next, which is longer or shorter. */
static void compare_around(struct two *t, const uint8_t *name)
{
    static const char *const labels[] = {"x", "a-longer-one", "*", "ns1"};
    struct name below[ARRAY_LEN(labels) + 1], beside;
    size_t n = 1;
    name_copy(below[0].w, name);
    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        if (name_prepend(bytes_str(labels[i]), name, &below[n]) == ST_OK)
            n++;
    for (unsigned time = 0; time < TIMES; time++)
        for (size_t k = 0; k < ARRAY_LEN(types); k++) {
            for (size_t i = 0; i < n; i++)
                compare(t, below[i].w, types[k]);
            if (!name_is_root(name) &&
                name_prepend(bytes_str("beside"), name_parent(name), &beside) == ST_OK)
                compare(t, beside.w, types[k]);
        }
}

static void two_open(struct two *t)
{
    *t = (struct two){.asked = 0};
    arena_init(&t->arena, 65536, 0);
    for (unsigned k = 0; k < 2; k++) {
        auth_options_default(&t->opt[k]);
        t->opt[k].ready = k == 0;
    }
}

static bool two_serve(struct two *t, struct zone_table *table)
{
    t->kept = auth_new(table, &t->opt[0], &env);
    t->anew = auth_new(table, &t->opt[1], &env);
    return t->kept != NULL && t->anew != NULL;
}

static void two_close(struct two *t)
{
    auth_free(t->kept);
    auth_free(t->anew);
    t->kept = t->anew = NULL;
}

static void two_judge(const struct two *t, unsigned zones)
{
    test_point(t->bad == 0, "%u questions about %u zones: %u answers differ", t->asked, zones,
               t->bad);
    test_point(t->ready > 100, "%u of them were laid out in another way", t->ready);
}

/* --- Zones made up at random --- */

enum { ROUNDS = 24, NODES = 40 };

static void random_label(struct prng *r, struct text *t)
{
    static const char *const some[] = {"a", "b", "www", "*", "ns1", "mail", "a-longer-label", "X"};
    text_str(t, some[prng_below(r, ARRAY_LEN(some))]);
}

static void random_target(struct prng *r, struct text *t)
{
    if (prng_below(r, 4) == 0)
        text_str(t, "elsewhere.test.");
    for (uint64_t n = 1 + prng_below(r, 2); t->p[t->n - 1] != '.' && n > 0; n--) {
        random_label(r, t);
        if (n > 1)
            text_str(t, ".");
    }
}

static void random_record(struct prng *r, struct text *t)
{
    static const char *const plain[] = {"A 192.0.2.1",
                                        "A 192.0.2.2",
                                        "AAAA 2001:db8::1",
                                        "TXT \"something to say\"",
                                        "DS 1 13 2 e2d3c916f6deeac73294e8268fb5885044a833fc5459588f"
                                        "4a9184cfc41a5766",
                                        "SRV 1 2 3 mail",
                                        "HTTPS 1 . alpn=h2"};
    static const char *const pointing[] = {"NS ", "NS ", "MX 10 ", "CNAME ", "DNAME "};
    uint64_t k = prng_below(r, ARRAY_LEN(plain) + ARRAY_LEN(pointing) + 1);
    if (k < ARRAY_LEN(plain)) {
        text_str(t, plain[k]);
    } else if (k < ARRAY_LEN(plain) + ARRAY_LEN(pointing)) {
        text_str(t, pointing[k - ARRAY_LEN(plain)]);
        random_target(r, t);
    } else {
        text_str(t, "TXT");
        for (unsigned i = 0; i < 5; i++)
            text_fmt(t, " \"%.*s\"", 250, lots);
    }
}

/* Lines that no zone may have (data beside a CNAME, say) are left out by trying again. */
static struct zone *random_zone(struct prng *r)
{
    static const struct zone_load_options opt = {.default_ttl = 300};
    for (unsigned tries = 0; tries < 1000; tries++) {
        struct text t = text_heap(1 << 18);
        struct diag_sink none = {0};
        struct zone *z = NULL;
        text_str(&t, "$ORIGIN zone.test.\n@ SOA a b 1 2 3 4 5\n@ NS ns1\n@ NS elsewhere.test.\n");
        for (uint64_t n = prng_below(r, NODES); n > 0; n--) {
            random_target(r, &t);
            text_str(&t, " ");
            random_record(r, &t);
            text_str(&t, "\n");
        }
        const char *text = text_cstr(&t);
        struct text_source src = {text, strlen(text), 0};
        struct file_source fs = {&src, text_open, text_read, text_close};
        enum status st = zone_load(&fs, "random", &opt, &none, &z);
        text_free(&t);
        if (st == ST_OK)
            return z;
    }
    return NULL;
}

static struct zone *random_signed(struct zone *z, enum topo_dnssec how)
{
    const struct sim_signing_source src = {.repeatable = true};
    struct sim_signing s = {.how = {.dnssec = how, .algorithm = SEC_ED25519}};
    struct zone *out = NULL;
    struct diag d;
    if (sim_signing_open(&s, &src, zone_origin(z), &d) != ST_OK ||
        sim_signing_apply(&s, z, SIM_START_WALL_S, &out, &d) != ST_OK)
        printf("# %s\n", d.message);
    sim_signing_free(&s);
    zone_drop(z);
    return out;
}

static void compare_zone(struct two *t, struct zone *z)
{
    struct zone_table *table;
    REQUIRE(zone_table_new(&z, 1, &table) == ST_OK);
    REQUIRE(two_serve(t, table));
    for (const struct zone_node *n = zone_next(z, NULL); n != NULL; n = zone_next(z, n)) {
        uint8_t name[LIMIT_NAME];
        (void)zone_node_name(z, n, name);
        compare_around(t, name);
    }
    two_close(t);
    zone_table_free(table);
}

TEST(kept_answers_of_random_zones_say_the_same)
{
    static const enum topo_dnssec how[] = {TOPO_UNSIGNED, TOPO_NSEC, TOPO_NSEC3, TOPO_OPT_OUT};
    static struct two t;
    struct prng r = {20261123};
    memset(lots, 'x', sizeof lots - 1);
    two_open(&t);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct zone *z = random_zone(&r);
        if (z != NULL && how[i % 4] != TOPO_UNSIGNED)
            z = random_signed(z, how[i % 4]);
        REQUIRE(z != NULL);
        compare_zone(&t, z);
        zone_drop(z);
    }
    two_judge(&t, ROUNDS);
    arena_free(&t.arena);
}

/* --- The root zone as it was published, signed; and one without signatures --- */

static void root_zone(struct two *t, const char *file, unsigned every)
{
    char command[1024];
    struct zone_load_options opt = {.origin = name_root};
    struct diag_sink none = {0};
    struct zone *z = NULL;
    struct zone_table *table;
    snprintf(command, sizeof command, "xz -dc '%s/vectors/root/%s'", test_source_dir(), file);
    struct file_source fs = {command, pipe_open, test_read, pipe_close};
    REQUIRE(zone_load(&fs, file, &opt, &none, &z) == ST_OK);
    REQUIRE(zone_table_new(&z, 1, &table) == ST_OK);
    REQUIRE(two_serve(t, table));
    unsigned i = 0;
    for (const struct zone_node *n = zone_next(z, NULL); n != NULL; n = zone_next(z, n)) {
        uint8_t name[LIMIT_NAME];
        (void)zone_node_name(z, n, name);
        if (i++ % every == 0)
            compare_around(t, name);
    }
    two_close(t);
    zone_table_free(table);
    zone_drop(z);
}

TEST(kept_answers_of_the_root_say_the_same)
{
    static struct two t;
    two_open(&t);
    root_zone(&t, "root-2020101902.signed.zone.xz", 23);
    root_zone(&t, "root-2026082201.stripped.zone.xz", 23);
    two_judge(&t, 2);
    arena_free(&t.arena);
}

TEST(kept_answers_of_the_lab_say_the_same)
{
    static struct lab l;
    static struct two t;
    unsigned zones = 0, names = 0;
    REQUIRE(lab_open(&l, NULL, 0));
    two_open(&t);
    for (unsigned i = 0; i < l.in.host_count; i++) {
        struct zone_table *table = l.in.host[i].table;
        REQUIRE(two_serve(&t, table));
        for (size_t z = 0; i % 3 == 0 && z < zone_table_count(table); z++) {
            const struct zone *zone = zone_table_at(table, z);
            zones++;
            for (const struct zone_node *n = zone_next(zone, NULL); n != NULL;
                 n = zone_next(zone, n)) {
                uint8_t name[LIMIT_NAME];
                (void)zone_node_name(zone, n, name);
                if (++names % 3 == 0 || zone_node_cut(n) || zone_stats(zone).names < 12)
                    compare_around(&t, name);
            }
        }
        two_close(&t);
    }
    two_judge(&t, zones);
    arena_free(&t.arena);
    lab_close(&l);
}
