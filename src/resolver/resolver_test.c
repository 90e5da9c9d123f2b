/* The resolver among scripted servers, in virtual time: one behaviour a row, with the RFC or the
 * attack it answers. Whole Internets with real servers are the simulator's. */
#include "base/test.h"
#include "dns/encode.h"
#include "dns/rdata.h"
#include "resolver/machine.h"

#include <stdio.h>
#include <stdlib.h>

/* A world is lines "SERVER QNAME TYPE FLAGS [; SECTION OWNER TTL TYPE RDATA]...": the first that
 * fits a question answers it. SERVER is the last octet of 192.0.2.x. The lines of a row go before
 * these. */
static const char base_world[] =
    "1 . NS aa; n . 86400 NS a.root.; x a.root. 86400 A 192.0.2.1\n"
    "1 *.org A -; u org. 86400 NS a.org.; x a.org. 86400 A 192.0.2.2\n"
    "1 *.org * -; u org. 86400 NS a.org.; x a.org. 86400 A 192.0.2.2\n"
    "1 *.net * -; u net. 86400 NS a.net.; x a.net. 86400 A 192.0.2.5\n"
    "1 * * aa,rcode=3; u . 86400 SOA a. b. 1 1 1 1 900\n"
    "2 *.example.org * -; u example.org. 3600 NS ns.example.org.; x ns.example.org. 3600 A "
    "192.0.2.3\n"
    "2 * * aa,rcode=3; u org. 900 SOA a. b. 1 1 1 1 300\n"
    "3 www.example.org A aa; n www.example.org. 300 A 192.0.2.80\n"
    "3 nodata.example.org * aa; u example.org. 900 SOA a. b. 1 1 1 1 60\n"
    "3 example.org * aa; u example.org. 900 SOA a. b. 1 1 1 1 60\n"
    "3 ns.example.org A aa; n ns.example.org. 300 A 192.0.2.3\n"
    "3 ns.example.org * aa; u example.org. 900 SOA a. b. 1 1 1 1 60\n"
    "3 * * aa,rcode=3; u example.org. 900 SOA a. b. 1 1 1 1 60\n"
    "5 *.other.net * -; u other.net. 3600 NS ns.other.net.; x ns.other.net. 3600 A 192.0.2.6\n"
    "6 www.other.net A aa; n www.other.net. 300 A 192.0.2.90\n"
    "6 * * aa,rcode=3; u other.net. 900 SOA a. b. 1 1 1 1 60\n";

/* Questions are separated by ";": "NAME TYPE [FLAGS]", or "+SECONDS". What is wanted is of the
 * last: RCODE and answer section, and how many packets it took at most. */
static const struct row {
    const char *about, *rfc, *world, *ask, *want;
    int packets; /* at most; -1: any */
    int ede;     /* -1: any */
} rows[] = {
#include "resolver/rows.def"
};

struct world {
    const char *lines[2];
    uint64_t seed; /* 0: as always */
    struct prng rng;
    struct env env;
    struct resolver_options opt;
    struct root_hint hint;
    struct local_data *local;
    struct cache *cache;
    struct resolver *r;
    struct now now;
    unsigned sent, tcp;
    uint8_t in[65536], out[65536], reply[65536];
    size_t out_n;
    bool answered;
    const char *until; /* pump() returns when this name's addresses are looked up; NULL: at rest */
};

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

static struct name nm(const char *s)
{
    struct name n = {{0}};
    if (name_from(s, &n) != ST_OK)
        test_fail(__FILE__, __LINE__, "bad name %s", s);
    return n;
}

static bool fits(const char *pattern, const uint8_t *name)
{
    if (strcmp(pattern, "*") == 0)
        return true;
    if (strncmp(pattern, "*.", 2) == 0)
        return name_in(name, nm(pattern + 2).w);
    return name_equal(nm(pattern).w, name);
}

static void put_record(struct encode *e, char *text)
{
    char section, owner[500], type[20];
    unsigned ttl;
    int at = 0;
    uint8_t rd[600];
    uint16_t code;
    struct writer w = wr_of(rd, sizeof rd);
    struct diag d = {0};
    if (sscanf(text, " %c %499s %u %19s %n", &section, owner, &ttl, type, &at) < 4 ||
        !rr_type_parse(bytes_str(type), &code) ||
        rdata_parse_line(code, bytes_str(text + at), name_root, &w, &d) != ST_OK) {
        test_fail(__FILE__, __LINE__, "bad record: %s", text);
        return;
    }
    enum msg_section s = section == 'n'   ? SECTION_ANSWER
                         : section == 'u' ? SECTION_AUTHORITY
                                          : SECTION_ADDITIONAL;
    (void)!encode_rr(e, s, nm(owner).w, code, CLASS_IN, ttl, wr_done(&w));
}

static bool has(const char *flags, const char *word)
{
    return strstr(flags, word) != NULL;
}

/* Answers one query out of the script; 0: silence. */
static size_t serve(struct world *w, const struct effect *e, const char *lines, bool *found)
{
    struct msg m;
    struct arena a;
    size_t n = 0;
    arena_init(&a, 4096, 0);
    if (msg_parse(e->data, &a, &m) != ST_OK)
        test_fail(__FILE__, __LINE__, "the resolver sent something broken");
    for (const char *p = lines; *p != 0; p += strcspn(p, "\n") + (p[strcspn(p, "\n")] == '\n')) {
        char line[4096], name[500], type[20], flags[100];
        unsigned ip;
        int at = 0;
        uint16_t code = 0;
        snprintf(line, sizeof line, "%.*s", (int)strcspn(p, "\n"), p);
        if (sscanf(line, "%u %499s %19s %99[^; ]%n", &ip, name, type, flags, &at) < 4)
            continue;
        bool any = strcmp(type, "*") == 0 || rr_type_parse(bytes_str(type), &code);
        if (!any || ip != e->to.a[3] || !fits(name, m.q.name.w) || (code && code != m.q.type) ||
            (has(flags, "udp") && e->transport == TRANSPORT_TCP) ||
            (has(flags, "opt") && !m.edns.present))
            continue;
        *found = true;
        if (has(flags, "silent"))
            break;
        const char *rc = strstr(flags, "rcode=");
        struct encode enc;
        struct name q = has(flags, "badq") ? nm("wrong.example.") : m.q.name;
        encode_begin(&enc, w->reply, sizeof w->reply,
                     (uint16_t)(m.h.id + (has(flags, "badid") ? 1 : 0)),
                     (uint16_t)((has(flags, "noqr") ? 0 : MSG_QR) |
                                (has(flags, "aa") ? MSG_AA : 0) | (has(flags, "tc") ? MSG_TC : 0) |
                                (has(flags, "ra") ? MSG_RA : 0) | (rc ? atoi(rc + 6) : 0)));
        if (!has(flags, "noq") || has(flags, "noqr"))
            (void)!encode_question(&enc, q.w, m.q.type, CLASS_IN);
        for (char *rr = strtok(line + at, ";"); rr != NULL; rr = strtok(NULL, ";"))
            put_record(&enc, rr);
        n = encode_finish(&enc);
        if (has(flags, "cut"))
            n -= 5;
        break;
    }
    arena_free(&a);
    return n;
}

static void pump(struct world *w)
{
    for (int turn = 0; turn < 3000; turn++) {
        struct effect e;
        bool any = false;
        while (resolver_effect(w->r, &e)) {
            any = true;
            if (e.kind == EFFECT_ANSWER) {
                memcpy(w->out, e.data.p, e.data.n);
                w->out_n = e.data.n;
                w->answered = true;
            }
            if (e.kind != EFFECT_SEND)
                continue;
            w->sent++;
            w->tcp += e.transport == TRANSPORT_TCP;
            struct netaddr to = e.to;
            bool found = false;
            size_t n = serve(w, &e, w->lines[0], &found);
            if (!found)
                n = serve(w, &e, w->lines[1], &found);
            w->now.mono_us += 10000;
            if (n > 0)
                resolver_reply(w->r, e.id, &to, bytes_of(w->reply, n), w->now);
            if (w->until != NULL && lookup_find(w->r, NULL, nm(w->until).w, RR_A, 0) != NULL)
                return;
        }
        if (any)
            continue;
        uint64_t due = resolver_deadline(w->r);
        if (due == UINT64_MAX)
            return;
        w->now.mono_us = MAX(due, w->now.mono_us);
        resolver_tick(w->r, w->now);
    }
    test_fail(__FILE__, __LINE__, "does not come to rest");
}

static void begin(struct world *w, const char *lines)
{
    static const uint8_t root[] = {192, 0, 2, 1};
    w->lines[0] = lines;
    w->lines[1] = base_world;
    w->rng.s = w->seed + 5;
    w->env = (struct env){&w->rng, seeded};
    resolver_options_default(&w->opt);
    w->hint = (struct root_hint){nm("a.root."), netaddr_v4(root, 0)};
    w->opt.hints = &w->hint;
    w->opt.hint_count = 1;
    w->opt.ipv6 = false;
    w->local = local_data_new(&(struct hash_key){5, 6});
    CHECK_EQ(local_data_special(w->local, NULL, 0), ST_OK);
    w->opt.local = w->local;
    w->now = (struct now){1000000, 1700000000};
    w->cache = cache_new(1 << 20, 1, &w->env);
    w->r = resolver_new(&w->opt, w->cache, &w->env);
}

static void end(struct world *w)
{
    CHECK_EQ(w->r->lookup_count, 0);
    CHECK_EQ(w->r->client_count, 0);
    CHECK_EQ(w->r->exchange_count, 0);
    resolver_free(w->r);
    cache_free(w->cache);
    local_data_free(w->local);
}

static void ask(struct world *w, const char *q)
{
    char name[500] = "", type[20] = "A", flags[100] = "";
    uint16_t code = RR_A;
    if (*q == '+') {
        w->now.mono_us += (uint64_t)atoi(q + 1) * 1000000;
        w->now.wall_s += (uint64_t)atoi(q + 1);
        return;
    }
    sscanf(q, "%499s %19s %99s", name, type, flags);
    (void)rr_type_parse(bytes_str(type), &code);
    struct edns_out o = {.present = !has(flags, "plain"), .udp_size = 1232};
    uint8_t host = has(flags, "stranger") ? 9 : 1, client[] = {host == 9 ? 198 : 127, 0, 0, host};
    size_t n = encode_query(w->in, sizeof w->in, 77, has(flags, "nord") ? 0 : MSG_RD, nm(name).w,
                            code, has(flags, "chaos") ? CLASS_CH : CLASS_IN, &o);
    struct request rq = {.client = netaddr_v4(client, 1234),
                         .now = w->now,
                         .wire = bytes_of(w->in, n),
                         .out = w->out,
                         .out_cap = 4096,
                         .behind = has(flags, "behind")};
    w->sent = 0;
    w->answered = false;
    enum outcome how = resolver_request(w->r, &rq, &w->out_n);
    if (how == OUTCOME_ANSWER)
        w->answered = true;
    pump(w);
}

/* "NOERROR owner ttl TYPE rdata; ..." */
static void render(struct world *w, struct text *t, int *ret_ede)
{
    struct msg m;
    struct arena a;
    char buf[NAME_TEXT_MAX + 1000], type[24];
    arena_init(&a, 4096, 0);
    *ret_ede = -1;
    if (!w->answered || msg_parse(bytes_of(w->out, w->out_n), &a, &m) != ST_OK) {
        text_str(t, "no answer");
        arena_free(&a);
        return;
    }
    *ret_ede = m.edns.has_ede ? m.edns.ede_code : -1;
    text_str(t, rcode_str(msg_rcode(&m), buf));
    text_str(t, m.h.flags & MSG_TC ? " TC" : "");
    for (unsigned i = 0; i < m.rr_count; i++) {
        struct name n;
        uint8_t rd[2048];
        struct writer wr = wr_of(rd, sizeof rd);
        const struct rr_view *rr = &m.rr[i];
        if (rr->section != SECTION_ANSWER || msg_owner(&m, rr, &n) != ST_OK ||
            rdata_from_wire(rr->type, m.wire, rr->rdata_off, rr->rdata_len, &wr) != ST_OK)
            continue;
        text_fmt(t, "; %s %u %s ", name_str(n.w, buf), rr->ttl, rr_type_str(rr->type, type));
        rdata_text(rr->type, wr_done(&wr), t);
    }
    arena_free(&a);
}

TEST(behaviours)
{
    static struct world w;
    for (size_t i = 0, again = 0; i < ARRAY_LEN(rows); i += again == 0) {
        char questions[600], got[4096];
        struct text t = text_of(got, sizeof got);
        int ede;
        memset(&w, 0, sizeof w);
        w.seed = again;
        /* Where there are two servers, chance must have it that the bad one is asked, too. */
        again = strstr(rows[i].world, "nt.example.org") != NULL ? (again + 1) % 8 : 0;
        begin(&w, rows[i].world);
        snprintf(questions, sizeof questions, "%s", rows[i].ask);
        char *save = NULL;
        for (char *q = strtok_r(questions, ";", &save); q != NULL; q = strtok_r(NULL, ";", &save))
            ask(&w, q + strspn(q, " "));
        render(&w, &t, &ede);
        bool ok = strcmp(got, rows[i].want) == 0 &&
                  (rows[i].packets < 0 || w.sent <= (unsigned)rows[i].packets) &&
                  (rows[i].ede < 0 || ede == rows[i].ede);
        test_point(ok, "%s (%s): %s, %u packets, EDE %d; wanted %s", rows[i].about, rows[i].rfc,
                   got, w.sent, ede, rows[i].want);
        end(&w);
    }
}

TEST(pipeline_is_in_order)
{
    CHECK(role_check(&resolver_role) == NULL);
}

static enum outcome submit_as(struct world *w, const char *client, const char *name, uint64_t token,
                              struct bytes options)
{
    struct edns_out o = {.present = true, .udp_size = 1232, .options = options};
    size_t n = encode_query(w->in, sizeof w->in, 1, MSG_RD, nm(name).w, RR_A, CLASS_IN, &o);
    struct netaddr from = {0};
    CHECK_EQ(netaddr_parse(bytes_str(client), &from), ST_OK);
    struct request rq = {.client = from,
                         .now = w->now,
                         .token = token,
                         .wire = bytes_of(w->in, n),
                         .out = w->out,
                         .out_cap = 4096};
    return resolver_request(w->r, &rq, &w->out_n);
}

static enum outcome submit(struct world *w, const char *name, uint64_t token)
{
    return submit_as(w, "127.0.0.1", name, token, bytes_of(NULL, 0));
}

/* RFC 5452 section 5: a thousand equal questions cost what one costs. */
TEST(equal_questions_are_joined)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    begin(&w, "");
    for (uint64_t i = 0; i < 1000; i++)
        CHECK_EQ(submit(&w, "www.example.org.", i), OUTCOME_LATER);
    CHECK_EQ(submit(&w, "www.example.org.", 1000), OUTCOME_ANSWER); /* LIMIT_WAITERS: SERVFAIL */
    CHECK_EQ(resolver_counters(w.r)->overload, 1);
    pump(&w);
    CHECK_EQ(w.sent, 4);
    CHECK_EQ(resolver_counters(w.r)->coalesced, 999);
    end(&w);
}

TEST(clients_beyond_the_limit_are_told_at_once)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    begin(&w, "");
    w.opt.max_clients = 2;
    CHECK_EQ(submit(&w, "a.example.org.", 1), OUTCOME_LATER);
    CHECK_EQ(submit(&w, "b.example.org.", 2), OUTCOME_LATER);
    CHECK_EQ(submit(&w, "c.example.org.", 3), OUTCOME_ANSWER);
    CHECK_EQ(w.out[3] & 15, RCODE_SERVFAIL);
    pump(&w);
    end(&w);
}

/* One client whose questions stay open leaves places for others; the machine's own may have all. */
TEST(one_client_gets_a_share_of_the_waiting_places)
{
    static struct world w;
    struct netprefix all = {.addr = {.family = ADDR_V4}}, all6 = {.addr = {.family = ADDR_V6}};
    struct netprefix both[] = {all, all6};
    static const char *const greedy[] = {"198.51.100.1", "2001:db8:0:1::1"};
    memset(&w, 0, sizeof w);
    begin(&w, "");
    w.opt.allow = both;
    w.opt.allow_count = 2;
    w.opt.max_clients = 40;
    char name[40];
    uint64_t token = 0;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 12; i++) {
            snprintf(name, sizeof name, "a%d-%d.example.org.", k, i);
            enum outcome o = submit_as(&w, greedy[k], name, ++token, bytes_of(NULL, 0));
            CHECK_EQ(o, i < 10 ? OUTCOME_LATER : OUTCOME_ANSWER);
        }
    CHECK_EQ(submit_as(&w, "2001:db8:0:1::2", "b.example.org.", ++token, bytes_of(NULL, 0)),
             OUTCOME_ANSWER); /* the same /64 */
    CHECK_EQ(submit_as(&w, "198.51.100.2", "b.example.org.", ++token, bytes_of(NULL, 0)),
             OUTCOME_LATER);
    for (int i = 0; i < 19; i++) {
        snprintf(name, sizeof name, "c%d.example.org.", i);
        CHECK_EQ(submit(&w, name, ++token), OUTCOME_LATER);
    }
    CHECK_EQ(submit(&w, "d.example.org.", ++token), OUTCOME_ANSWER);
    pump(&w);
    CHECK_EQ(submit_as(&w, greedy[0], "e.example.org.", ++token, bytes_of(NULL, 0)), OUTCOME_LATER);
    pump(&w);
    end(&w);
}

/* Queries that wait are kept as they came: 65,535 bytes each would be a way to use up memory. */
TEST(long_queries_do_not_wait)
{
    static struct world w;
    static uint8_t padding[60000];
    memset(&w, 0, sizeof w);
    begin(&w, "");
    put_be16(padding, EDNS_PADDING);
    put_be16(padding + 2, sizeof padding - 4);
    struct bytes options = bytes_of(padding, sizeof padding);
    CHECK_EQ(submit_as(&w, "127.0.0.1", "www.example.org.", 1, options), OUTCOME_ANSWER);
    CHECK_EQ(w.out[3] & 15, RCODE_SERVFAIL);
    CHECK_EQ(submit(&w, "www.example.org.", 2), OUTCOME_LATER);
    pump(&w);
    CHECK_EQ(submit_as(&w, "127.0.0.1", "www.example.org.", 3, options), OUTCOME_ANSWER);
    CHECK_EQ(w.out[3] & 15, RCODE_NOERROR); /* out of the cache */
    end(&w);
}

struct task_result {
    unsigned calls, events;
    uint16_t rcode, culprit;
};

static void task_done(void *ctx, struct bytes answer, const struct trace *trace)
{
    struct task_result *t = ctx;
    const struct trace_event *e = trace_culprit(trace);
    t->calls++;
    t->events = trace->total;
    t->rcode = answer.n > 3 ? answer.p[3] & 15 : 99;
    t->culprit = e != NULL ? e->reason : 0;
}

static struct task_result run_task(struct world *w, const char *name, bool cold)
{
    struct task_result t = {0};
    struct name n = nm(name);
    struct resolve_task task = {.name = n.w,
                                .type = RR_A,
                                .rclass = CLASS_IN,
                                .cold = cold,
                                .armed = true,
                                .done = task_done,
                                .ctx = &t};
    w->sent = 0;
    CHECK_EQ(resolver_resolve(w->r, &task, w->now), ST_OK);
    pump(w);
    CHECK_EQ(t.calls, 1);
    return t;
}

TEST(a_cold_task_leaves_the_cache_alone)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    begin(&w, "");
    struct task_result t = run_task(&w, "www.example.org.", true);
    CHECK_EQ(t.rcode, RCODE_NOERROR);
    CHECK_EQ(w.sent, 4);
    CHECK(t.events > 10);
    CHECK_EQ(cache_stats(w.cache).inserts, 0);
    run_task(&w, "www.example.org.", false);
    CHECK_EQ(w.sent, 4);
    run_task(&w, "www.example.org.", false);
    CHECK_EQ(w.sent, 0);
    run_task(&w, "www.example.org.", true);
    CHECK_EQ(w.sent, 4);
    CHECK_EQ(run_task(&w, "localhost.", true).rcode, RCODE_NOERROR);
    end(&w);
}

TEST(a_failure_names_its_culprit)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    begin(&w, "3 * * rcode=5\n");
    struct task_result t = run_task(&w, "www.example.org.", false);
    CHECK_EQ(t.rcode, RCODE_SERVFAIL);
    CHECK_EQ(t.culprit, WHY_REPLY_LAME);
    end(&w);
}

/* An RRset of more records than anybody needs is no answer (CVE-2024-11187). */
TEST(huge_rrsets_are_refused)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    struct encode e;
    static uint8_t wire[65536];
    begin(&w, "3 * * silent\n");
    CHECK_EQ(submit(&w, "www.example.org.", 1), OUTCOME_LATER);
    struct effect f;
    bool answered = false;
    for (int turn = 0; turn < 50 && !answered; turn++) {
        while (resolver_effect(w.r, &f)) {
            answered |= f.kind == EFFECT_ANSWER;
            if (f.kind == EFFECT_ANSWER)
                CHECK_EQ(f.data.p[3] & 15, RCODE_SERVFAIL);
            bool found = false;
            if (f.kind != EFFECT_SEND)
                continue;
            struct netaddr to = f.to;
            size_t n;
            if (to.a[3] != 3) {
                n = serve(&w, &f, base_world, &found);
                resolver_reply(w.r, f.id, &to, bytes_of(w.reply, n), w.now);
                continue;
            }
            struct name q = nm("www.example.org.");
            encode_begin(&e, wire, sizeof wire, get_be16(f.data.p), MSG_QR | MSG_AA);
            (void)!encode_question(&e, q.w, RR_A, CLASS_IN);
            for (unsigned i = 0; i <= LIMIT_RRSET_RECORDS; i++) {
                uint8_t rd[] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};
                (void)!encode_rr(&e, SECTION_ANSWER, q.w, RR_A, CLASS_IN, 60, bytes_of(rd, 4));
            }
            n = encode_finish(&e);
            resolver_reply(w.r, f.id, &to, bytes_of(wire, n), w.now);
        }
        uint64_t due = resolver_deadline(w.r);
        if (due != UINT64_MAX)
            w.now.mono_us = MAX(due, w.now.mono_us);
        resolver_tick(w.r, w.now);
    }
    CHECK(answered);
    end(&w);
}

/* Off-path forgery: after a few near misses the question goes over TCP, and no forgery ends it. */
TEST(near_misses_lead_to_tcp)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    begin(&w, "3 www.example.org A badid,udp; n www.example.org. 9 A 6.6.6.6\n");
    CHECK_EQ(submit(&w, "www.example.org.", 1), OUTCOME_LATER);
    struct effect f;
    unsigned tcp = 0;
    for (int turn = 0; turn < 100; turn++)
        while (resolver_effect(w.r, &f)) {
            if (f.kind != EFFECT_SEND)
                continue;
            struct netaddr to = f.to;
            bool found = false;
            uint64_t id = f.id;
            tcp += f.transport == TRANSPORT_TCP;
            size_t n = serve(&w, &f, w.lines[0], &found);
            bool forged = found;
            if (!found)
                n = serve(&w, &f, base_world, &found);
            for (int i = 0; i < (forged ? LIMIT_MISMATCHES : 1); i++)
                resolver_reply(w.r, id, &to, bytes_of(w.reply, n), w.now);
        }
    CHECK_EQ(tcp, 1);
    CHECK_EQ(resolver_counters(w.r)->upstream_mismatch, LIMIT_MISMATCHES);
    ask(&w, "www.example.org A");
    CHECK_EQ(w.sent, 0);
    end(&w);
}

/* IDs come from the random source: no two runs of them alike, none twice in a row more often than
 * chance has it (CVE-2025-40780). */
TEST(ids_are_spread)
{
    static struct world w;
    static uint16_t seen[65536];
    memset(&w, 0, sizeof w);
    memset(seen, 0, sizeof seen);
    begin(&w, "");
    struct effect f;
    unsigned ids = 0, twice = 0;
    for (int i = 0; i < 1000; i++) {
        char name[64];
        snprintf(name, sizeof name, "n%d.example.org.", i);
        (void)submit(&w, name, 1);
        while (resolver_effect(w.r, &f)) {
            bool found = false;
            if (f.kind != EFFECT_SEND)
                continue;
            twice += seen[get_be16(f.data.p)]++ > 0;
            ids++;
            struct netaddr to = f.to;
            size_t n = serve(&w, &f, base_world, &found);
            resolver_reply(w.r, f.id, &to, bytes_of(w.reply, n), w.now);
        }
    }
    CHECK(ids > 1000);
    CHECK(twice < 40); /* 1000 * 1000 / 2 / 65536 = 8 by chance */
    end(&w);
}

/* RFC 9715: no server is asked for replies that would come in fragments; and none is told of a
 * client's network, by which equal questions would differ (RebirthDay). */
TEST(questions_ask_for_no_fragments)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    begin(&w, "");
    struct effect f;
    struct msg m;
    struct arena a;
    arena_init(&a, 4096, 0);
    (void)submit(&w, "www.example.org.", 1);
    REQUIRE(resolver_effect(w.r, &f) && f.kind == EFFECT_SEND && f.transport == TRANSPORT_UDP);
    REQUIRE(msg_parse(f.data, &a, &m) == ST_OK && m.edns.present);
    CHECK_EQ(m.edns.udp_size, 1232);
    CHECK(!m.edns.has_ecs);
    arena_free(&a);
    pump(&w);
    end(&w);
}

/* The sentence about a failure is cut to the room there is: the OPT stays well formed whatever
 * names stand in it. */
TEST(a_long_explanation_is_cut)
{
    static struct world w;
    static char label[400], lines[800], q[500]; /* four characters for each byte of the labels */
    memset(&w, 0, sizeof w);
    for (size_t i = 0; i < 48; i++)
        memcpy(label + 4 * i, "\\001", 5);
    memcpy(label + 192, ".", 1);
    memcpy(label + 193, label, 192);
    snprintf(lines, sizeof lines,
             "3 * * rcode=5\n2 *.example.org * -; u %s.example.org. 3600 NS ns.example.org.; "
             "x ns.example.org. 3600 A 192.0.2.3\n",
             label);
    snprintf(q, sizeof q, "www.%s.example.org.", label);
    begin(&w, lines);
    ask(&w, q);
    struct msg m;
    struct arena a;
    arena_init(&a, 4096, 0);
    REQUIRE(w.answered);
    CHECK_EQ(msg_parse(bytes_of(w.out, w.out_n), &a, &m), ST_OK);
    CHECK_EQ(msg_rcode(&m), RCODE_SERVFAIL);
    CHECK(m.edns.has_ede && m.edns.ede_text.n > 100);
    CHECK(memcmp(m.edns.ede_text.p + m.edns.ede_text.n - 3, "...", 3) == 0);
    arena_free(&a);
    end(&w);
}

/* Mapped addresses would lead an IPv6 socket to the IPv4 address inside: to ourselves. */
TEST(mapped_addresses_are_no_servers)
{
    static struct world w;
    struct netaddr a;
    memset(&w, 0, sizeof w);
    begin(&w, "");
    w.opt.ipv6 = true;
    static const char *const bad[] = {
        "::ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:192.0.2.1", "::",       "::1",
        "ff02::1",          "127.0.0.1",      "0.0.0.0",          "224.0.0.1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        REQUIRE(netaddr_parse(bytes_str(bad[i]), &a) == ST_OK);
        CHECK(!address_usable(w.r, &a));
    }
    REQUIRE(netaddr_parse(bytes_str("2001:db8::1"), &a) == ST_OK);
    CHECK(address_usable(w.r, &a));
    end(&w);
}

/* Chains of sub-queries grow longer than one job allows where jobs share lookups: all of one that
 * nobody waits for any more goes. */
TEST(a_chain_of_lookups_ends_whole)
{
    enum { CHAIN = 150 };
    static struct world w;
    struct lookup *l[CHAIN];
    memset(&w, 0, sizeof w);
    begin(&w, "");
    for (int i = 0; i < CHAIN; i++) {
        char name[32];
        struct job *j = job_new(w.r, w.now, NULL);
        snprintf(name, sizeof name, "n%d.example.org.", i);
        l[i] = lookup_get(w.r, j, nm(name).w, RR_A, 0, NULL, w.now);
        REQUIRE(l[i] != NULL);
        l[i]->phase = PHASE_CHILD;
        if (i > 0) {
            lookup_wait(l[i], &l[i - 1]->wait);
            l[i - 1]->child = l[i];
        }
    }
    lookup_unwait(w.r, l[0]);
    CHECK_EQ(w.r->lookup_count, 1);
    CHECK(list_empty(&l[0]->wait.link));
    lookup_unlist(w.r, l[0]);
    lookup_free(w.r, l[0]);
    end(&w);
}

/* A question that hangs deep below somebody else's has what is left of that one's budget: a client
 * who asks it gets a lookup of his own. */
TEST(clients_do_not_join_sub_queries)
{
    static struct world w;
    char got[512];
    struct text t = text_of(got, sizeof got);
    int ede;
    memset(&w, 0, sizeof w);
    begin(&w, "2 *.evil.org * -; u evil.org. 3600 NS www.example.org.\n"
              "3 www.example.org AAAA aa; n www.example.org. 300 AAAA 2001:db8::80\n");
    CHECK_EQ(submit(&w, "a.evil.org.", 1), OUTCOME_LATER);
    w.until = "www.example.org.";
    pump(&w);
    struct lookup *l = lookup_find(w.r, NULL, nm(w.until).w, RR_A, 0);
    REQUIRE(l != NULL && l->depth == 1);
    while (budget_take(&l->job->budget, BUDGET_PACKETS, 1))
        ;
    w.until = NULL;
    CHECK_EQ(submit(&w, "www.example.org.", 2), OUTCOME_LATER);
    CHECK_EQ(submit(&w, "www.example.org.", 3), OUTCOME_LATER);
    CHECK_EQ(resolver_counters(w.r)->coalesced, 1);
    pump(&w);
    CHECK_EQ(get_be16(w.out + 2) & 15, RCODE_NOERROR);
    render(&w, &t, &ede);
    CHECK_STR(got, "NOERROR; www.example.org. 300 A 192.0.2.80");
    end(&w);
}

/* When this host has no room for another question, that says nothing of the name: the failure is
 * not kept (RFC 9520 section 2 is about failures of resolution). */
TEST(overload_is_not_remembered)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    begin(&w, "");
    uint32_t count = w.r->exchange_count;
    w.r->exchange_count = LIMIT_EXCHANGES;
    CHECK_EQ(submit(&w, "www.example.org.", 1), OUTCOME_LATER);
    pump(&w);
    CHECK_EQ(get_be16(w.out + 2) & 15, RCODE_SERVFAIL);
    w.r->exchange_count = count;
    CHECK_EQ(submit(&w, "www.example.org.", 2), OUTCOME_LATER);
    pump(&w);
    CHECK_EQ(get_be16(w.out + 2) & 15, RCODE_NOERROR);
    end(&w);
}

/* Who may not wait is told what is known still (RFC 8767 section 4). */
TEST(overload_is_answered_stale)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    begin(&w, "");
    CHECK_EQ(submit(&w, "www.example.org.", 1), OUTCOME_LATER);
    pump(&w);
    w.now.mono_us += 86400000000u;
    w.now.wall_s += 86400;
    w.opt.max_clients = 1;
    CHECK_EQ(submit(&w, "a.example.org.", 2), OUTCOME_LATER); /* the only place */
    CHECK_EQ(submit(&w, "www.example.org.", 3), OUTCOME_ANSWER);
    CHECK_EQ(get_be16(w.out + 2) & 15, RCODE_SERVFAIL);
    w.opt.serve_stale = true;
    CHECK_EQ(submit(&w, "www.example.org.", 4), OUTCOME_ANSWER);
    CHECK_EQ(get_be16(w.out + 2) & 15, RCODE_NOERROR);
    CHECK_EQ(get_be16(w.out + 6), 1);
    pump(&w);
    end(&w);
}

/* What clients were refused or failed is kept, and answers that are good are not. */
TEST(failures_of_clients_are_kept)
{
    static struct world w;
    struct incident_filter all = {.last = 0};
    struct incident_list l = {.n = 0};
    memset(&w, 0, sizeof w);
    begin(&w, "");
    CHECK_EQ(submit(&w, "www.example.org.", 1), OUTCOME_LATER);
    pump(&w);
    CHECK_EQ(submit(&w, "www.example.org.", 2), OUTCOME_ANSWER);
    CHECK(w.r->failures == NULL); /* nothing was even made for them */
    w.opt.max_clients = 1;
    CHECK_EQ(submit(&w, "a.example.org.", 3), OUTCOME_LATER);
    CHECK_EQ(submit(&w, "b.example.org.", 4), OUTCOME_ANSWER);
    pump(&w);
    w.r->exchange_count = LIMIT_EXCHANGES;
    CHECK_EQ(submit(&w, "c.example.org.", 5), OUTCOME_LATER);
    pump(&w);
    w.r->exchange_count = 0;
    REQUIRE(resolver_failures(w.r, &all, &l) && l.n == 2);
    incidents_sort(&l, &all, false);
    for (size_t i = 0; i < 2; i++) {
        const struct incident *x = l.v[i].what;
        bool b = x->name[1] == 'b';
        CHECK_EQ(x->why, b ? WHY_OVERLOADED : WHY_FAILED);
        CHECK(x->steps > 0 && x->rcode == RCODE_SERVFAIL && l.v[i].client.bits == 24);
    }
    incidents_free(&l);
    REQUIRE(resolver_slow(w.r, &all, w.now, &l) && l.n >= 3); /* all that was not in the cache */
    incidents_free(&l);
    end(&w);
}
