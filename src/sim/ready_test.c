/* Answers kept as they were written say the same as those made anew: every zone of the lab, signed
 * and not, every node with names beside and below it, every type, with DNSSEC records and without,
 * at several sizes. */
#include "sim/lab_testlib.h"

#include "auth/auth.h"
#include "dns/rdata.h"

enum { ANSWER_MAX = 65535, TIMES = 4 };

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

TEST(kept_answers_say_the_same)
{
    static struct lab l;
    static struct two t;
    unsigned zones = 0, names = 0;
    REQUIRE(lab_open(&l, NULL, 0));
    arena_init(&t.arena, 65536, 0);
    for (unsigned k = 0; k < 2; k++) {
        auth_options_default(&t.opt[k]);
        t.opt[k].ready = k == 0;
    }
    for (unsigned i = 0; i < l.in.host_count; i++) {
        struct zone_table *table = l.in.host[i].table;
        t.kept = auth_new(table, &t.opt[0], &env);
        t.anew = auth_new(table, &t.opt[1], &env);
        REQUIRE(t.kept != NULL && t.anew != NULL);
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
        auth_free(t.kept);
        auth_free(t.anew);
    }
    test_point(t.bad == 0, "%u questions about %u zones: %u answers differ", t.asked, zones, t.bad);
    test_point(t.ready > 100, "%u of them were laid out in another way", t.ready);
    arena_free(&t.arena);
    lab_close(&l);
}
