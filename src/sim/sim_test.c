/* The simulator's own parts, the lab's data, seeds, and every scenario. */
#include "sim/sim.h"

#include "base/test.h"
#include "core/trace.h"
#include "dnssec/verify.h"
#include "sim/fault.h"
#include "sim/lines.h"
#include "sim/oracle_data.h"
#include "sim/player.h"
#include "sim/run.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static void *test_open(void *ctx, const char *path, struct diag *d)
{
    (void)ctx;
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        diag_set(d, SEV_ERROR, "no-file", NULL, "cannot open %s", path);
    return f;
}

static long test_read(void *ctx, void *file, void *buf, size_t n)
{
    (void)ctx;
    return (long)fread(buf, 1, n, file);
}

static void test_close(void *ctx, void *file)
{
    (void)ctx;
    fclose(file);
}

static const struct file_source files = {NULL, test_open, test_read, test_close};

static void fixed_random(void *ctx, void *buf, size_t n)
{
    (void)ctx;
    memset(buf, 7, n);
}

static const struct env env = {NULL, fixed_random};

static void print_diag(void *ctx, const struct diag *d)
{
    struct text t = text_heap(4096);
    (void)ctx;
    diag_text(d, false, &t);
    printf("# ");
    for (const char *p = text_cstr(&t); *p != '\0'; p++)
        printf(*p == '\n' && p[1] != '\0' ? "\n# " : "%c", *p);
    text_free(&t);
}

static struct name name_of(const char *s)
{
    struct name n = {{0}};
    if (name_from(s, &n) != ST_OK)
        test_fail(__FILE__, __LINE__, "bad name %s", s);
    return n;
}

static void keep(void *ctx, const struct diag *d)
{
    if (((struct diag *)ctx)->code[0] == '\0') /* the first one */
        *(struct diag *)ctx = *d;
}

TEST(every_fault_names_a_reason_that_exists)
{
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        const char *want = fault_reason((enum fault)i);
        bool found = want[0] == '\0';
        for (unsigned k = 0; k < WHY_COUNT && !found; k++)
            found = strcmp(reason_word((enum reason)k), want) == 0;
        if (!found)
            test_fail(__FILE__, __LINE__, "fault %s: no reason %s", fault_word((enum fault)i),
                      want);
    }
    CHECK_STR(fault_nearest("lmae"), "lame");
}

TEST(lines_and_words)
{
    struct bytes text = bytes_str("a  b # comment\n\"x # y\" z\n#all\nlast"), line, w;
    uint64_t v;
    REQUIRE(line_next(&text, &line));
    CHECK(word_next(&line, &w) && word_is(w, "a"));
    CHECK(word_next(&line, &w) && word_is(w, "b"));
    CHECK(!word_next(&line, &w));
    REQUIRE(line_next(&text, &line));
    CHECK(word_next(&line, &w) && word_is(w, "x # y"));
    REQUIRE(line_next(&text, &line));
    CHECK_EQ(line.n, 0);
    REQUIRE(line_next(&text, &line));
    CHECK(word_next(&line, &w) && word_is(w, "last"));
    CHECK(!line_next(&text, &line));
    CHECK(word_uint(bytes_str("65535"), 65535, &v) && v == 65535);
    CHECK(!word_uint(bytes_str("65536"), 65535, &v));
    CHECK(!word_uint(bytes_str("1x"), 99, &v));
    CHECK(!word_uint(bytes_str(""), 99, &v));
}

TEST(topology_errors_have_their_place)
{
    static const struct {
        const char *text;
        uint32_t line;
        const char *code;
    } cases[] = {
        {"servers:\n  - name: a.example\n    adresses: [192.0.2.1]\n", 3, "unknown-key"},
        {"servers:\n  - name: a.example\n    addresses: [192.0.2.300]\n", 3, "bad-address"},
        {"servers:\n  - name: a.example\n    addresses: [192.0.2.1]\n    faults: [lmae]\n", 4,
         "unknown-fault"},
        {"servers:\n  - name: a.example\n    addresses: [192.0.2.1]\n    delay: soon\n", 4,
         "bad-delay"},
        {"servers:\n  - name: a.example\n    addresses: [192.0.2.1]\n  - name: A.example\n", 4,
         "twice"},
        {"servers:\n  - name: a.example\n    addresses: [192.0.2.1]\n    loopback: 192.0.2.1\n", 4,
         "not-loopback"},
        {"servers: {\n", 0, ""},
        {"", 0, "no-servers"},
        {"other: 1\n", 0, "no-servers"},
        {"servers: []\nother: 1\n", 2, "unknown-key"},
        {"dnssec: aut\nservers: []\n", 1, "bad-dnssec"},
        {"zones:\n  - {name: a, algorithm: 5}\nservers: []\n", 2, "bad-algorithm"},
        {"zones:\n  - {name: a, keys: both}\nservers: []\n", 2, "bad-keys"},
        {"zones:\n  - {name: a, key: split}\nservers: []\n", 2, "unknown-key"},
        {"zones:\n  - {name: a}\nservers: []\n", 2, "unknown-zone"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct topology t;
        struct diag last = {0};
        struct diag_sink sink = {.ctx = &last};
        REQUIRE(topology_init(&t) == ST_OK);
        sink.emit = keep;
        CHECK_EQ(topology_parse(&t, bytes_str(cases[i].text), "t.yaml", &sink), ST_ESYNTAX);
        if (cases[i].code[0] != '\0')
            CHECK_STR(last.code, cases[i].code);
        if (cases[i].line > 0)
            CHECK_EQ(last.line, cases[i].line);
        topology_free(&t);
    }
}

TEST(recipe_errors_have_their_line)
{
    static const struct {
        const char *line, *hint;
    } wrong[] = {
        {"at nowhere drop x A", ""},
        {"at zon drop x A", "did you mean \"zone\"?"},
        {"at zone dorp x A", "did you mean \"drop\"?"},
        {"at zone sign x A", ""},
        {"signed parent ds x", ""},
        {"signed zone policy zonemd yes", ""},
        {"at server drop x A", ""},
        {"at zone policy dnssec nsec4", ""},
        {"at zone policy iteration 4", "did you mean \"iterations\"?"},
        {"at zone policy iterations many", ""},
        {"at zone drop x A more", ""},
        {"at zone drop x", ""},
        {"at zone drop x NOTYPE", ""},
        {"signed zone drop x RRSIG/NOTYPE", ""},
        {"signed zone drop x MX/1", ""},
        {"signed zone drop x..y A", ""},
        {"signed zone change x RRSIG/A expirtion -1d", "did you mean \"expiration\"?"},
        {"signed zone change x RRSIG/A expiration", ""},
        {"signed zone change x RRSIG/A signature 5", ""},
        {"signed zone change x MX next self", "drop the record and add another"},
        {"at zone add x MX 10 y", ""},
        {"verdict bogos", "did you mean \"bogus\"?"},
        {"ede many", ""},
        {"try x.", ""},
        {"what", ""},
        {"verdit bogus", "did you mean \"verdict\"?"},
    };
    struct recipe r;
    struct diag d;
    CHECK_EQ(
        recipe_parse(&r, bytes_str("help h\nexpect timeout\nat parent drop {server} A\n"), "r", &d),
        ST_OK);
    CHECK_EQ(r.edit_count, 1);
    CHECK(r.edit[0].where == RECIPE_PARENT && r.edit[0].verb == RECIPE_DROP && !r.edit[0].after);
    CHECK_STR(r.expect, "timeout");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char text[200];
        snprintf(text, sizeof text, "help h\n%s\n", wrong[i].line);
        bool ok = recipe_parse(&r, bytes_str(text), "r", &d) == ST_ESYNTAX && d.line == 2 &&
                  d.message[0] != '\0' && strcmp(d.hint, wrong[i].hint) == 0;
        test_point(ok, "%s: %s (%s)", wrong[i].line, d.message, d.hint);
    }
}

struct lab {
    struct topology t;
    struct internet in;
};

enum { TEST_NOW_S = 1800000000 };

/* now_s 0: nothing is signed. */
static bool lab_open_at(struct lab *l, enum internet_form form, uint64_t now_s,
                        const struct breakage *b, unsigned n)
{
    size_t len;
    char *text = test_file("lab/topology.yaml", &len), dir[1200];
    struct diag_sink sink = {.emit = print_diag};
    snprintf(dir, sizeof dir, "%s/lab", test_source_dir());
    struct internet_plan plan = {.topology = &l->t,
                                 .files = &files,
                                 .dir = dir,
                                 .form = form,
                                 .broken = b,
                                 .broken_count = n,
                                 .env = &env,
                                 .now_s = now_s,
                                 .repeatable = form == FORM_REAL};
    bool ok = text != NULL && topology_init(&l->t) == ST_OK &&
              topology_parse(&l->t, bytes_of(text, len), "lab/topology.yaml", &sink) == ST_OK &&
              internet_open(&l->in, &plan, &sink) == ST_OK;
    free(text);
    if (!ok)
        test_fail(__FILE__, __LINE__, "the lab's data do not load");
    return ok;
}

static bool lab_open(struct lab *l, enum internet_form form, const struct breakage *b, unsigned n)
{
    return lab_open_at(l, form, 0, b, n);
}

static void lab_close(struct lab *l)
{
    internet_close(&l->in);
    topology_free(&l->t);
}

TEST(lab_data_load_in_both_forms)
{
    struct lab l;
    struct rrset set;
    REQUIRE(lab_open(&l, FORM_REAL, NULL, 0));
    CHECK(l.in.zone_count >= 60);
    CHECK(l.in.host_count >= 55);
    struct zone *org = internet_zone(&l.in, name_of("org").w);
    REQUIRE(org != NULL);
    CHECK(zone_glue(org, name_of("ns1.example.org").w, RR_A, &set) && set.rdata[2] == 192);
    CHECK(zone_glue(org, name_of("ns1.example.org").w, RR_AAAA, &set));
    lab_close(&l);
    REQUIRE(lab_open(&l, FORM_LOOPBACK, NULL, 0));
    org = internet_zone(&l.in, name_of("org").w);
    REQUIRE(org != NULL);
    CHECK(zone_glue(org, name_of("ns1.example.org").w, RR_A, &set) && set.rdata[2] == 127);
    CHECK(!zone_glue(org, name_of("ns1.example.org").w, RR_AAAA, &set));
    lab_close(&l);
}

/* Every address that a delegation leads to is in 127.0.0.0/8: nothing may ever leave the machine.
 */
static void check_stays_here(const struct internet *in)
{
    for (unsigned i = 0; i < in->zone_count; i++) {
        const struct zone *z = in->zone[i];
        for (const struct zone_node *n = zone_next(z, NULL); n != NULL; n = zone_next(z, n)) {
            uint8_t owner[LIMIT_NAME];
            struct rrset ns, a;
            zone_node_name(z, n, owner);
            if (!zone_rrset(z, n, RR_NS, owner, &ns))
                continue;
            struct rdata_iter it = rdata_iter(&ns);
            for (struct bytes rd; rdata_iter_next(&it, &rd);)
                if (zone_glue(z, rd.p, RR_A, &a) && a.rdata[2] != 127)
                    test_fail(__FILE__, __LINE__, "an address outside 127.0.0.0/8");
        }
    }
}

TEST(lab_on_loopback_points_nowhere_else)
{
    struct lab l;
    REQUIRE(lab_open(&l, FORM_LOOPBACK, NULL, 0));
    check_stays_here(&l.in);
    lab_close(&l);
}

static void count_finding(void *ctx, const struct zone_finding *f)
{
    char owner[NAME_TEXT_MAX];
    if (f->severity == SEV_INFO)
        return;
    ++*(unsigned *)ctx;
    printf("# %s: %s: %s\n", name_str(f->owner, owner), f->code, f->message);
}

/* Every zone of the lab verifies, and follows from its parent's DS up to the exported anchor. */
TEST(lab_is_signed_from_the_root)
{
    struct lab l;
    unsigned secure = 0;
    struct rrset ds;
    struct name parent;
    REQUIRE(lab_open_at(&l, FORM_LOOPBACK, TEST_NOW_S, NULL, 0));
    for (unsigned i = 0; i < l.in.zone_count; i++) {
        const struct zone *z = l.in.zone[i], *p = NULL;
        unsigned findings = 0;
        struct zone_verify_options opt = {.now = TEST_NOW_S};
        struct zone_verify_result sum;
        if (!zone_is_signed(z))
            continue;
        if (!name_is_root(zone_origin(z)) &&
            topology_zone_of(&l.t, name_parent(zone_origin(z)), &parent))
            p = internet_zone(&l.in, parent.w);
        if (p != NULL && zone_is_signed(p)) {
            CHECK(zone_rrset(p, zone_node_of(p, zone_origin(z)), RR_DS, zone_origin(z), &ds));
            opt.ds = &ds;
            secure++;
        }
        CHECK_EQ(zone_verify(z, &opt, count_finding, &findings, &sum), ST_OK);
        CHECK_EQ(findings, 0);
    }
    CHECK(secure >= 35);
    lab_close(&l);
}

/* Signed twice for the same moment, where that is wanted: the same bytes. */
TEST(signing_can_be_repeated)
{
    struct lab a, b;
    REQUIRE(lab_open_at(&a, FORM_REAL, TEST_NOW_S, NULL, 0));
    REQUIRE(lab_open_at(&b, FORM_REAL, TEST_NOW_S, NULL, 0));
    for (unsigned i = 0; i < a.in.zone_count; i++) {
        const struct zone_node *n = zone_apex(a.in.zone[i]), *m = zone_apex(b.in.zone[i]);
        const uint8_t *origin = zone_origin(a.in.zone[i]);
        struct rrset x, y;
        bool has = zone_rrset(a.in.zone[i], n, RR_RRSIG, origin, &x);
        CHECK_EQ(has, zone_rrset(b.in.zone[i], m, RR_RRSIG, origin, &y));
        if (has)
            CHECK(x.rdata_size == y.rdata_size && memcmp(x.rdata, y.rdata, x.rdata_size) == 0);
    }
    lab_close(&a);
    lab_close(&b);
}

/* Every recipe applies to what it says it is to be tried with, and does something; those about
 * signatures say what a validator should make of it. */
static void try_recipe(const char *word)
{
    char dir[1200];
    struct breakage b = {.target = name_of("www.example.org")};
    struct recipe r;
    struct diag d;
    struct lab l;
    snprintf(dir, sizeof dir, "%s/lab", test_source_dir());
    snprintf(b.word, sizeof b.word, "%s", word);
    if (recipe_load(&files, dir, word, &r, &d) != ST_OK) {
        print_diag(NULL, &d);
        test_point(false, "lab/faults/%s", word);
        return;
    }
    if (r.target[0] != '\0')
        b.target = name_of(r.target);
    bool ok = (r.verdict == VERDICT_NONE) == (r.target[0] == '\0') && r.help[0] != '\0' &&
              r.expect[0] != '\0' && (r.verdict != VERDICT_BOGUS || r.ede != RECIPE_NO_EDE);
    for (unsigned form = 0; ok && form < 2; form++) {
        ok = lab_open_at(&l, form ? FORM_LOOPBACK : FORM_REAL, TEST_NOW_S, &b, 1);
        if (ok && form)
            check_stays_here(&l.in);
        if (ok)
            lab_close(&l);
    }
    test_point(ok, "lab/faults/%s", word);
}

TEST(every_recipe_of_the_lab_applies)
{
    char dir[1200];
    DIR *d;
    snprintf(dir, sizeof dir, "%s/lab/faults", test_source_dir());
    d = opendir(dir);
    REQUIRE(d != NULL);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char word[300];
        size_t len = strlen(e->d_name);
        if (len <= 6 || strcmp(e->d_name + len - 6, ".fault") != 0)
            continue;
        snprintf(word, sizeof word, "%.*s", (int)(len - 6), e->d_name);
        try_recipe(word);
        n++;
    }
    closedir(d);
    CHECK(n >= 40);
}

/* What cannot be done is told, and nothing is made. */
TEST(recipes_that_do_not_fit_are_refused)
{
    static const char *const words[] = {"sig-expired", "stale-secondary", "ds-wrong-digest"};
    size_t len;
    char *text = test_file("lab/topology.yaml", &len), dir[1200];
    snprintf(dir, sizeof dir, "%s/lab", test_source_dir());
    for (size_t i = 0; text != NULL && i < ARRAY_LEN(words); i++) {
        struct breakage b = {.target = name_of("www.example.net")}; /* not signed */
        struct topology t;
        struct internet in;
        struct diag first = {0};
        struct diag_sink sink = {.emit = keep, .ctx = &first}, told = {.emit = print_diag};
        struct internet_plan plan = {.topology = &t,
                                     .files = &files,
                                     .dir = dir,
                                     .form = FORM_LOOPBACK,
                                     .broken = &b,
                                     .broken_count = 1,
                                     .env = &env,
                                     .now_s = TEST_NOW_S};
        snprintf(b.word, sizeof b.word, "%s", words[i]);
        REQUIRE(topology_init(&t) == ST_OK);
        CHECK_EQ(topology_parse(&t, bytes_of(text, len), "lab/topology.yaml", &told), ST_OK);
        CHECK(internet_open(&in, &plan, &sink) != ST_OK);
        CHECK(strstr(first.message, "is the zone signed?") != NULL);
        topology_free(&t);
    }
    CHECK(text != NULL);
    free(text);
}

TEST(breakage_hits_whom_it_names)
{
    struct lab l;
    struct breakage b[2] = {{.word = "lame", .target = name_of("www.example.org")},
                            {.word = "no-glue", .target = name_of("example.org")}};
    struct rrset set;
    REQUIRE(lab_open(&l, FORM_REAL, b, 2));
    const struct topo_server *s = topology_find(&l.t, name_of("ns1.example.org").w);
    REQUIRE(s != NULL);
    struct host *h = internet_host(&l.in, &s->addr[0]);
    REQUIRE(h != NULL);
    CHECK(host_has(h, FAULT_LAME, name_of("mail.example.org").w));
    CHECK(!host_has(h, FAULT_LAME, name_of("wildcard.org").w));
    struct zone *org = internet_zone(&l.in, name_of("org").w);
    REQUIRE(org != NULL);
    CHECK(!zone_glue(org, name_of("ns1.example.org").w, RR_A, &set));
    CHECK(zone_glue(org, name_of("ns1.dead.org").w, RR_A, &set));
    lab_close(&l);
}

TEST(oracle_knows_the_lab)
{
    static const struct {
        const char *name;
        uint16_t type;
        enum oracle_end end;
        unsigned sets;
    } cases[] = {
        {"www.example.org", RR_A, END_POSITIVE, 1},
        {"www.example.org", RR_SRV, END_NODATA, 0},
        {"nope.example.org", RR_A, END_NXDOMAIN, 0},
        {"c.b.example.com", RR_A, END_NXDOMAIN, 0},
        {"a.b.example.com", RR_A, END_NODATA, 0},
        {"q.wildcard.org", RR_A, END_POSITIVE, 1},
        {"x.ent.wildcard.org", RR_A, END_NXDOMAIN, 0},
        {"host.wildcard.org", RR_TXT, END_NODATA, 0},
        {"www.old.moved.org", RR_A, END_POSITIVE, 3},
        {"shop.example.co.uk", RR_A, END_POSITIVE, 3},
        {"loop.chain.org", RR_A, END_LOOP, 12},
        {"www.cyclic.org", RR_A, END_BROKEN, 0},
        {"example.org", RR_DS, END_NODATA, 0},
        {"dev.example.com", RR_NS, END_POSITIVE, 1},
    };
    struct lab l;
    struct arena a;
    REQUIRE(lab_open(&l, FORM_REAL, NULL, 0));
    struct oracle *o = oracle_new(&l.in);
    arena_init(&a, 65536, 0);
    for (size_t i = 0; o != NULL && i < ARRAY_LEN(cases); i++) {
        struct oracle_answer want;
        oracle_ask(o, name_of(cases[i].name).w, cases[i].type, 0, &a, &want);
        bool ok = want.end == cases[i].end && want.set_count == cases[i].sets;
        if (!ok)
            test_fail(__FILE__, __LINE__, "%s: end %d with %u sets", cases[i].name, want.end,
                      want.set_count);
    }
    CHECK(o != NULL && !oracle_suspect(o, name_of("www.example.org").w));
    CHECK(o != NULL && oracle_suspect(o, name_of("www.gone.net").w));
    CHECK(o != NULL && oracle_suspect(o, name_of("www.cyclic.org").w));
    CHECK(o != NULL && !oracle_suspect(o, name_of("www.example.net").w));
    arena_free(&a);
    oracle_free(o);
    lab_close(&l);
}

static void report(const struct run_result *r)
{
    for (unsigned i = 0; i < MIN(r->violations, (unsigned)RUN_VIOLATIONS); i++)
        printf("# %s\n", r->violation[i]);
}

TEST(one_seed_one_hash)
{
    struct diag_sink sink = {.emit = print_diag};
    struct run_result a, b, c;
    struct run_options opt = {.seed = 42, .faults = true};
    CHECK_EQ(run_seed(&opt, &sink, &a), ST_OK);
    CHECK_EQ(run_seed(&opt, &sink, &b), ST_OK);
    opt.seed = 43;
    CHECK_EQ(run_seed(&opt, &sink, &c), ST_OK);
    CHECK(a.hash == b.hash);
    CHECK(a.hash != c.hash);
}

TEST(seeds)
{
    struct diag_sink sink = {.emit = print_diag};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct run_result r;
        struct run_options opt = {.seed = seed, .faults = seed % 4 != 0, .queries = 40};
        bool ok =
            run_seed(&opt, &sink, &r) == ST_OK && r.violations == 0 && r.answered == r.queries;
        report(&r);
        test_point(ok, "seed %llu: %u answers, %u SERVFAIL", (unsigned long long)seed, r.answered,
                   r.servfail);
    }
}

/* With reloads, restarts out of a snapshot, flushes and steps of the clock in between. */
TEST(seeds_with_events)
{
    struct diag_sink sink = {.emit = print_diag};
    unsigned events = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct run_result r;
        struct run_options opt = {.seed = seed,
                                  .faults = seed % 4 != 0,
                                  .events = true,
                                  .dnssec = seed % 8 == 0,
                                  .queries = 40};
        bool ok =
            run_seed(&opt, &sink, &r) == ST_OK && r.violations == 0 && r.answered == r.queries;
        report(&r);
        events += r.events;
        test_point(ok, "events, seed %llu: %u answers, %u events", (unsigned long long)seed,
                   r.answered, r.events);
    }
    CHECK(events > 100);
}

TEST(seeds_of_signed_worlds)
{
    struct diag_sink sink = {.emit = print_diag};
    struct run_result a, b;
    struct run_options opt = {.seed = 5, .faults = true, .dnssec = true, .queries = 40};
    for (; opt.seed <= 12; opt.seed++) {
        bool ok = run_seed(&opt, &sink, &a) == ST_OK && a.violations == 0 && a.answered == 40;
        report(&a);
        test_point(ok, "signed, seed %llu: %u answers", (unsigned long long)opt.seed, a.answered);
    }
    opt.seed = 5;
    CHECK_EQ(run_seed(&opt, &sink, &a), ST_OK);
    CHECK_EQ(run_seed(&opt, &sink, &b), ST_OK);
    CHECK(a.hash == b.hash);
}

/* Every seed that once showed a mistake of the validator. */
TEST(seeds_kept)
{
    static const uint64_t kept[] = {6, 108, 142, 194, 291, 2256};
    struct diag_sink sink = {.emit = print_diag};
    struct run_result r;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        struct run_options opt = {.seed = kept[i], .faults = true, .dnssec = true};
        bool ok = run_seed(&opt, &sink, &r) == ST_OK && r.violations == 0;
        report(&r);
        test_point(ok && r.secure > 0, "signed, seed %llu: %u answers, %u secure",
                   (unsigned long long)kept[i], r.answered, r.secure);
    }
}

TEST(lab_in_the_simulator)
{
    struct diag_sink sink = {.emit = print_diag};
    struct run_result r;
    struct lab l;
    char dir[1200];
    snprintf(dir, sizeof dir, "%s/lab", test_source_dir());
    REQUIRE(lab_open(&l, FORM_REAL, NULL, 0));
    struct run_options opt = {
        .seed = 7, .queries = 200, .topology = &l.t, .files = &files, .dir = dir};
    CHECK_EQ(run_seed(&opt, &sink, &r), ST_OK);
    report(&r);
    CHECK_EQ(r.violations, 0);
    CHECK_EQ(r.answered, 200);
    lab_close(&l);
}

static int is_scenario(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 4 && strcmp(e->d_name + n - 4, ".scn") == 0;
}

TEST(scenarios)
{
    char dir[1200], lab[1200];
    struct dirent **v = NULL;
    snprintf(dir, sizeof dir, "%s/scenarios", test_source_dir());
    snprintf(lab, sizeof lab, "%s/lab", test_source_dir());
    int n = scandir(dir, &v, is_scenario, alphasort);
    CHECK(n >= 30);
    for (int i = 0; i < n; i++) {
        struct diag_sink sink = {.emit = print_diag};
        struct scenario sc;
        struct diag d;
        char path[300];
        size_t len = 0;
        snprintf(path, sizeof path, "scenarios/%s", v[i]->d_name);
        char *text = test_file(path, &len);
        enum status st = text ? scenario_parse(&sc, bytes_of(text, len), path, &d) : ST_EIO;
        sc.files = &files;
        sc.lab = lab;
        if (st == ST_OK)
            st = scenario_play(&sc, path, &sink, NULL);
        else if (text != NULL)
            print_diag(NULL, &d);
        test_point(st == ST_OK, "%s: %s", path, sc.about);
        if (text != NULL)
            scenario_free(&sc);
        free(text);
        free(v[i]);
    }
    free(v);
}

TEST(scenario_errors_have_their_line)
{
    static const struct {
        const char *text;
        uint32_t line;
    } cases[] = {
        {"about x\nrfc y\nserver a. 1.2.3\n", 3},
        {"about x\nrfc y\nserver a. 1.2.3.4\nzone . b.\n", 4},
        {"about x\nrfc y\nserver a. 1.2.3.4\nzone . a.\nexpect noerror\n", 5},
        {"about x\nrfc y\nserver a. 1.2.3.4\nzone . a.\nask x. A sideways\n", 5},
        {"about x\nrfc y\nserver a. 1.2.3.4\nzone . a.\nask x. A\nanswer x. 60 A 1.2.3\n", 6},
        {"about x\nrfc y\nserver a. 1.2.3.4\nzone . a.\nask x. A\nwait 5\n", 6},
        {"about x\nrfc y\nserver a. 1.2.3.4\nzone . a.\nask x. A\nfly away\n", 6},
        {"about x\nrfc y\nserver a. 1.2.3.4\nzone . a. signed backwards\n", 4},
        {"about x\nrfc y\nserver a. 1.2.3.4\nzone . a. signed algorithm 5\n", 4},
        {"about x\nrfc y\nserver a. 1.2.3.4\nbroken sig-expired\n", 4},
        {"about x\nrfc y\nserver a. 1.2.3.4\nnegative-anchor a. 5\n", 4},
        {"about x\nrfc y\nserver a. 1.2.3.4\nscript a. * *\n  replay b. A from c.\n", 5},
        {"about x\nrfc y\nserver a. 1.2.3.4\nzone . a.\nask x. A\nspent money 5\n", 6},
        {"about x\nrfc y\nserver a. 1.2.3.4\nzone . a.\nask x. A\nsays\n", 6},
        {"about x\nrfc y\nserver a. 1.2.3.4\nzone . a.\nask x. A\nnot ede 5\n", 6},
        {"rfc y\n", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scenario sc;
        struct diag d;
        CHECK_EQ(scenario_parse(&sc, bytes_str(cases[i].text), "s", &d), ST_ESYNTAX);
        CHECK_EQ(d.line, cases[i].line);
        scenario_free(&sc);
    }
}

/* A scenario that expects what does not happen fails, at that line. */
TEST(scenario_differences_are_told)
{
    static const char begin[] =
        "about x\nrfc y\nserver a. 1.2.3.4\nzone . a. signed\n  x A 192.0.2.1\n";
    static const char *const expected[] = {
        "ask x. A\nexpect nxdomain\n",   "ask x. A\nflag ad\n",
        "ask x. A\nsignature x. A\n",    "ask x. A do\nnot signature x. A\n",
        "ask x. MX do\nproof y. NSEC\n", "ask x. A\nede 7\n",
        "ask x. A\nspent packets 1\n",   "trace x. A\nspent packets 1\n",
        "trace x. A\nsays nonsense\n",   "trace x. A\nnot says secure\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        struct scenario sc;
        struct diag d = {0};
        struct diag_sink sink = {.emit = keep, .ctx = &d};
        char text[300];
        snprintf(text, sizeof text, "%s%s", begin, expected[i]);
        REQUIRE(scenario_parse(&sc, bytes_str(text), "s", &d) == ST_OK);
        CHECK_EQ(scenario_play(&sc, "s", &sink, NULL), ST_ESEMANTIC);
        CHECK_EQ(d.line, 7);
        scenario_free(&sc);
    }
    /* A recipe that does not exist. */
    struct scenario sc;
    struct diag d = {0};
    struct diag_sink sink = {.emit = keep, .ctx = &d};
    const char *text = "about x\nrfc y\nserver a. 1.2.3.4\nzone . a. signed\nbroken nothing x.\n";
    REQUIRE(scenario_parse(&sc, bytes_str(text), "s", &d) == ST_OK);
    CHECK(scenario_play(&sc, "s", &sink, NULL) != ST_OK);
    CHECK(strstr(d.message, "nothing") != NULL);
    scenario_free(&sc);
}
