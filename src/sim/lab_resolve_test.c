/* The resolver, validating, in the signed lab: whole, and with every recipe's fault put in. Each
 * recipe must give the client what it says: SERVFAIL with its EDE code and words, an answer with
 * AD, or one without. */
#include "dnssec/dnskey.h"
#include "resolver/machine.h"
#include "sim/lab_testlib.h"

#include <dirent.h>

static bool as_expected(const struct lab *l, const struct recipe *r)
{
    unsigned rcode = msg_rcode(&l->m), ede = l->m.edns.has_ede ? l->m.edns.ede_code : 0;
    if (r->ede != RECIPE_NO_EDE && ede != r->ede)
        return false;
    switch (r->verdict) {
    case VERDICT_BOGUS:
        return rcode == RCODE_SERVFAIL && l->ede_text[0] != '\0';
    case VERDICT_SECURE:
        return rcode != RCODE_SERVFAIL && has_ad(l);
    case VERDICT_INSECURE:
        return rcode != RCODE_SERVFAIL && !has_ad(l);
    default:
        return true;
    }
}

static void try_recipe(const char *word)
{
    struct recipe r;
    struct diag d = {0};
    char dir[1200];
    struct breakage b = {0};
    uint16_t type;
    static struct lab l;
    snprintf(dir, sizeof dir, "%s/lab", test_source_dir());
    if (recipe_load(&files, dir, word, &r, &d) != ST_OK) {
        test_point(false, "%s: %s", word, d.message);
        return;
    }
    if (r.verdict == VERDICT_NONE)
        return;
    snprintf(b.word, sizeof b.word, "%s", word);
    if (name_from(r.target, &b.target) != ST_OK || !rr_type_parse(bytes_str(r.qtype), &type) ||
        !lab_open(&l, &b, 1)) {
        test_point(false, "%s: the lab does not open", word);
        return;
    }
    bool got = ask(&l, r.qname, type, 0);
    test_point(got && as_expected(&l, &r), "%s: %s %d: RCODE %u%s, EDE %d %s", word,
               recipe_verdict_word(r.verdict), r.ede == RECIPE_NO_EDE ? -1 : (int)r.ede,
               got ? msg_rcode(&l.m) : 99, got && has_ad(&l) ? " AD" : "",
               got && l.m.edns.has_ede ? (int)l.m.edns.ede_code : -1, l.ede_text);
    lab_close(&l);
}

static void show(void *ctx, struct bytes answer, const struct trace *trace)
{
    struct text t = text_heap(1 << 20);
    (void)ctx;
    (void)answer;
    trace_timeline(trace, false, &t);
    printf("%s\n", text_cstr(&t));
    text_free(&t);
}

/* For a person: LAB_TRACE="NAME [FAULT TARGET]" prints how www is resolved. */
TEST(lab_resolve_trace)
{
    const char *what = getenv("LAB_TRACE");
    static struct lab l;
    struct breakage b = {0};
    char name[100], fault[64] = "", target[100] = ".";
    struct name n;
    if (what == NULL)
        return;
    sscanf(what, "%99s %63s %99s", name, fault, target);
    snprintf(b.word, sizeof b.word, "%.31s", fault);
    REQUIRE(name_from(name, &n) == ST_OK && name_from(target, &b.target) == ST_OK);
    REQUIRE(lab_open(&l, &b, fault[0] != '\0'));
    struct resolve_task task = {
        .name = n.w, .type = RR_A, .rclass = CLASS_IN, .cold = true, .armed = true, .done = show};
    CHECK(resolver_resolve(sim_resolver(l.sim), &task, sim_now(l.sim)) == ST_OK);
    sim_kick(l.sim);
    sim_run_until(l.sim, sim_now(l.sim).mono_us + ANSWER_US);
    lab_close(&l);
}

/* Every recipe that names a verdict. */
TEST(lab_resolve_recipes)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/lab/faults", test_source_dir());
    DIR *d = opendir(path);
    REQUIRE(d != NULL);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char *dot = strstr(e->d_name, ".fault");
        if (dot == NULL)
            continue;
        *dot = '\0';
        try_recipe(e->d_name);
        n++;
    }
    closedir(d);
    CHECK(n >= 40);
}

/* The lab as it is. */
TEST(lab_resolve_whole)
{
    static const struct {
        const char *name;
        uint16_t type;
        bool secure;
    } asked[] = {{"www.example.org", RR_A, true},
                 {"nope.example.org", RR_A, true},
                 {"www.example.org", RR_MX, true},
                 {"www.example.com", RR_A, true},
                 {"nope.example.com", RR_A, true},
                 {"q.wildcard.org", RR_A, true},
                 {"x.ent.wildcard.org", RR_A, true},
                 {"host.wildcard.org", RR_TXT, true},
                 {"www.old.moved.org", RR_A, true},
                 {"shop.example.co.uk", RR_A, true},
                 {"example.org", RR_DS, true},
                 {"nothing-here", RR_A, true},
                 {".", RR_NS, true},
                 {".", RR_DNSKEY, true}};
    static struct lab l;
    REQUIRE(lab_open(&l, NULL, 0));
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        unsigned first = 0;
        for (unsigned turn = 0; turn < 2; turn++) { /* from the servers, then out of the cache */
            bool got = ask(&l, asked[i].name, asked[i].type, 0);
            if (turn == 0)
                first = l.sent;
            test_point(got && msg_rcode(&l.m) != RCODE_SERVFAIL && has_ad(&l) == asked[i].secure &&
                           (turn == 0 || l.sent == 0),
                       "%s %u: RCODE %u%s, %u records, %u sent, EDE %d %s", asked[i].name,
                       asked[i].type, got ? msg_rcode(&l.m) : 99, got && has_ad(&l) ? " AD" : "",
                       got ? l.m.rr_count : 0, turn == 0 ? first : l.sent,
                       got && l.m.edns.has_ede ? (int)l.m.edns.ede_code : -1, l.ede_text);
        }
    }
    lab_close(&l);
}

/* What was checked by rules that are no longer those of today counts as unchecked; a flush reaches
 * what is known of zones. */
TEST(lab_distrust)
{
    static struct lab l;
    REQUIRE(lab_open(&l, NULL, 0));
    REQUIRE(ask(&l, "www.example.org", RR_A, 0));
    REQUIRE(ask(&l, "www.example.org", RR_A, 0));
    CHECK(l.sent == 0 && has_ad(&l));
    cache_distrust(sim_cache(l.sim));
    REQUIRE(ask(&l, "www.example.org", RR_A, 0));
    CHECK(l.sent > 0 && has_ad(&l));
    cache_flush_below(sim_cache(l.sim), name_root);
    REQUIRE(ask(&l, "www.example.org", RR_MX, 0));
    test_point(l.sent >= 6 && has_ad(&l), "after a flush the whole chain is asked for: %u sent",
               l.sent);
    lab_close(&l);
}

static bool break_lab(struct lab *l, const char *word, const char *target)
{
    struct breakage b = {0};
    snprintf(b.word, sizeof b.word, "%s", word);
    return name_from(target, &b.target) == ST_OK && lab_open(l, &b, 1);
}

/* RFC 8198: what was proved answers what was not asked; NSEC and NSEC3. */
TEST(lab_aggressive)
{
    static struct lab l;
    static const char *const first[] = {"nope.example.org", "nope.example.com"};
    static const char *const next[] = {"nopf.example.org", "nope.example.com"};
    REQUIRE(lab_open(&l, NULL, 0));
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        REQUIRE(ask(&l, first[i], RR_A, 0));
        CHECK(l.sent > 0);
        REQUIRE(ask(&l, next[i], RR_TXT, 0));
        test_point(l.sent == 0 && msg_rcode(&l.m) == RCODE_NXDOMAIN && has_ad(&l) &&
                       l.m.rr_count >= 4,
                   "%s TXT is known not to exist: %u sent, RCODE %u, %u records", next[i], l.sent,
                   msg_rcode(&l.m), l.m.rr_count);
    }
    /* RFC 8198 section 5.3: another name of the same wildcard. */
    REQUIRE(ask(&l, "q1.wildcard.org", RR_A, 0));
    CHECK(l.sent > 0);
    REQUIRE(ask(&l, "q2.wildcard.org", RR_A, 0));
    test_point(l.sent == 0 && msg_rcode(&l.m) == RCODE_NOERROR && has_ad(&l) && l.m.rr_count == 4,
               "a wildcard answers another name: %u sent, %u records", l.sent, l.m.rr_count);
    CHECK(resolver_counters(sim_resolver(l.sim))->aggressive >= 2);
    lab_close(&l);
}

/* RFC 8509 section 3.2. */
TEST(lab_sentinel)
{
    static struct lab l;
    char name[120];
    struct ds d;
    struct bytes rd;
    REQUIRE(lab_open(&l, NULL, 0));
    struct rdata_iter it = rdata_iter(anchors_find(l.anchors, name_root));
    REQUIRE(rdata_iter_next(&it, &rd) && ds_read(rd, &d));
    for (unsigned i = 0; i < 4; i++) {
        unsigned tag = i & 1 ? d.tag : (d.tag + 1) % 65536;
        bool is = i < 2, fails = is != ((i & 1) != 0);
        snprintf(name, sizeof name, "root-key-sentinel-%s-ta-%05u.wildcard.org", is ? "is" : "not",
                 tag);
        REQUIRE(ask(&l, name, RR_A, 0));
        test_point((msg_rcode(&l.m) == RCODE_SERVFAIL) == fails, "%s: RCODE %u", name,
                   msg_rcode(&l.m));
        REQUIRE(ask(&l, name, RR_A, 0)); /* out of the cache */
        CHECK((msg_rcode(&l.m) == RCODE_SERVFAIL) == fails);
        REQUIRE(ask(&l, name, RR_A, MSG_CD));
        CHECK(msg_rcode(&l.m) == RCODE_NOERROR);
    }
    lab_close(&l);
}

/* RFC 9567: the agent that the broken zone's servers name is asked, once, and only if wanted. */
TEST(lab_error_report)
{
    static struct lab l;
    struct name agent;
    for (unsigned on = 0; on < 2; on++) {
        REQUIRE(break_lab(&l, "sig-expired", "www.example.org"));
        REQUIRE(name_from("wildcard.org", &agent) == ST_OK);
        l.opt.error_reporting = on;
        for (unsigned i = 0; i < l.in.host_count; i++) {
            l.in.host[i].options.report_agent = agent.w;
            auth_swap(l.in.host[i].auth, l.in.host[i].table, &l.in.host[i].options);
        }
        REQUIRE(ask(&l, "www.example.org", RR_A, 0));
        CHECK_EQ(msg_rcode(&l.m), RCODE_SERVFAIL);
        CHECK_EQ(resolver_counters(sim_resolver(l.sim))->reports, on);
        test_point((strcasecmp(l.last, "_er.1.www.example.org.7._er.wildcard.org.") == 0) == on,
                   "reporting %s: asked for %s", on ? "on" : "off", l.last);
        REQUIRE(ask(&l, "www.example.org", RR_A, 0)); /* known to fail: not told again */
        CHECK_EQ(l.sent, 0);
        CHECK_EQ(resolver_counters(sim_resolver(l.sim))->reports, on);
        lab_close(&l);
    }
}

/* A DS that names no key of the zone is asked for again once the failure is forgotten, not when it
 * runs out. */
TEST(lab_old_ds)
{
    static struct lab l;
    REQUIRE(break_lab(&l, "ds-wrong-digest", "example.org"));
    for (unsigned turn = 0; turn < 2; turn++) {
        REQUIRE(ask(&l, "www.example.org", RR_A, 0));
        test_point(msg_rcode(&l.m) == RCODE_SERVFAIL && l.sent >= 3, "%u sent: DS, DNSKEY, data",
                   l.sent);
        CHECK_EQ(resolver_counters(sim_resolver(l.sim))->bogus, turn + 1);
        REQUIRE(ask(&l, "www.example.org", RR_A, 0));
        CHECK_EQ(l.sent, 0);
        sim_run_until(l.sim, sim_now(l.sim).mono_us + (LIMIT_BOGUS_S + 1) * 1000000ull);
    }
    lab_close(&l);
}

/* KeyTrap (CVE-2023-50387): an answer that takes many checks is checked bit by bit, and others have
 * their turn between. */
TEST(lab_turns)
{
    static struct lab l;
    REQUIRE(break_lab(&l, "keytrap-below", "www.example.org"));
    REQUIRE(ask(&l, "www.example.com", RR_A, 0));
    uint64_t before = resolver_counters(sim_resolver(l.sim))->pauses;
    REQUIRE(ask(&l, "www.example.org", RR_A, 0));
    uint64_t pauses = resolver_counters(sim_resolver(l.sim))->pauses - before;
    test_point(has_ad(&l) && pauses >= 3, "%u pauses, RCODE %u", (unsigned)pauses, msg_rcode(&l.m));
    lab_close(&l);
}

/* RFC 7646: not checked until its time is over; RFC 4035 section 3.2.2: CD gets the data, and
 * others do not get it by that. */
TEST(lab_negative_anchor_and_cd)
{
    static struct lab l;
    struct negative_anchor n = {.until_s = SIM_START_WALL_S + 600};
    REQUIRE(break_lab(&l, "sig-expired", "www.example.org"));
    REQUIRE(ask(&l, "www.example.org", RR_A, MSG_CD));
    CHECK(msg_rcode(&l.m) == RCODE_NOERROR && !has_ad(&l) && l.m.rr_count == 2);
    REQUIRE(ask(&l, "www.example.org", RR_A, 0));
    CHECK_EQ(msg_rcode(&l.m), RCODE_SERVFAIL);
    CHECK_EQ(l.m.edns.ede_code, 7);
    REQUIRE(ask(&l, "www.example.org", RR_A, MSG_CD));
    CHECK_EQ(msg_rcode(&l.m), RCODE_NOERROR);
    REQUIRE(name_from("example.org", &n.name) == ST_OK);
    l.opt.negative = &n;
    l.opt.negative_count = 1;
    resolver_swap(sim_resolver(l.sim), &l.opt);
    sim_run_until(l.sim, sim_now(l.sim).mono_us + (LIMIT_BOGUS_S + 1) * 1000000ull);
    REQUIRE(ask(&l, "www.example.org", RR_A, 0));
    CHECK(msg_rcode(&l.m) == RCODE_NOERROR && !has_ad(&l));
    CHECK_EQ(l.m.edns.ede_code, 33);
    REQUIRE(ask(&l, "www.example.com", RR_A, 0));
    CHECK(has_ad(&l));
    sim_run_until(l.sim, sim_now(l.sim).mono_us + 4000 * 1000000ull);
    REQUIRE(ask(&l, "www.example.org", RR_A, 0));
    CHECK_EQ(msg_rcode(&l.m), RCODE_SERVFAIL);
    lab_close(&l);
}

/* The rules change while a question is under way: what it still finds by the old ones (here that
 * nothing below example.org. is to be validated) is not taken for checked by the new ones. Tried at
 * every moment of the first question. */
TEST(lab_rules_change_under_way)
{
    static const uint8_t here[4] = {127, 0, 0, 1};
    struct netaddr from = netaddr_v4(here, 5353);
    struct edns_out edns = {.present = true, .udp_size = LIMIT_EDNS_UDP, .dnssec_ok = true};
    unsigned old = 0;
    for (unsigned steps = 1; steps < 40; steps++) {
        static struct lab l;
        struct negative_anchor n = {.until_s = SIM_START_WALL_S + 600};
        struct name name;
        uint8_t buf[512];
        REQUIRE(break_lab(&l, "sig-expired", "www.example.org"));
        struct resolver_options before = l.opt;
        REQUIRE(name_from("example.org", &n.name) == ST_OK);
        before.negative = &n;
        before.negative_count = 1;
        resolver_swap(sim_resolver(l.sim), &before);
        REQUIRE(name_from("www.example.org", &name) == ST_OK);
        size_t size = encode_query(buf, sizeof buf, 77, MSG_RD, name.w, RR_A, CLASS_IN, &edns);
        l.n = 0;
        sim_ask(l.sim, 1, &from, TRANSPORT_TCP, bytes_of(buf, size));
        for (unsigned i = 0; i < steps && l.n == 0; i++)
            sim_run_until(l.sim, sim_now(l.sim).mono_us + 500);
        bool over = l.n > 0;
        /* As at a reload: distrusted when the new rules come, and when the last has left the old.
         */
        cache_distrust(sim_cache(l.sim));
        resolver_swap(sim_resolver(l.sim), &l.opt);
        cache_distrust(sim_cache(l.sim));
        sim_run_until(l.sim, sim_now(l.sim).mono_us + ANSWER_US);
        REQUIRE(ask(&l, "www.example.org", RR_A, 0));
        old += msg_rcode(&l.m) != RCODE_SERVFAIL;
        lab_close(&l);
        if (over)
            break;
    }
    CHECK_EQ(old, 0);
}

/* No memory is left for the DS that a lookup waits for: it fails alone, and in one list. */
TEST(lab_full_while_waiting)
{
    static struct lab l;
    static const uint8_t here[4] = {127, 0, 0, 1};
    struct netaddr from = netaddr_v4(here, 5353);
    struct lookup *full = NULL;
    uint8_t buf[512];
    struct name n;
    REQUIRE(lab_open(&l, NULL, 0));
    struct resolver *r = sim_resolver(l.sim);
    REQUIRE(name_from("shop.example.co.uk", &n) == ST_OK);
    size_t size = encode_query(buf, sizeof buf, 77, MSG_RD, n.w, RR_A, CLASS_IN, NULL);
    sim_ask(l.sim, 1, &from, TRANSPORT_TCP, bytes_of(buf, size));
    for (unsigned ms = 1; ms < 3000 && full == NULL; ms++) {
        sim_run_until(l.sim, sim_now(l.sim).mono_us + 1000);
        LIST_FOR(it, &r->lookups)
        {
            struct lookup *a = CONTAINER_OF(it, struct lookup, all);
            if (a->child != NULL && a->child_server == CHILD_OF_WALK && a->child_type == RR_DS)
                full = a;
        }
    }
    REQUIRE(full != NULL);
    for (size_t take = 65536; take > 0; take /= 2)
        while (arena_alloc_bytes(&full->arena, take) != NULL)
            continue;
    sim_run_until(l.sim, sim_now(l.sim).mono_us + ANSWER_US);
    REQUIRE(l.n > 0);
    CHECK_EQ(l.wire[3] & 15, RCODE_SERVFAIL);
    CHECK(list_empty(&r->lookups) && list_empty(&r->done) && list_empty(&r->ready));
    REQUIRE(ask(&l, "shop.example.co.uk", RR_A, 0));
    CHECK(has_ad(&l));
    lab_close(&l);
}
