/* What an attacker's zone makes a validator spend on one question (KeyTrap, CVE-2023-50387; NSEC3
 * hashing, CVE-2023-50868 and CVE-2026-1519; deep chains, many and huge records): never more than
 * the question's budget, and at most COST_FACTOR times the CPU of an ordinary question in the same
 * lab. The numbers are in docs/validation-costs.md. */
#include "sim/walk_testlib.h"

#include "dns/encode.h"

/* The sanitizers make our own loops dearer, and the arithmetic of the crypto library not. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { COST_FACTOR = 50 };
#else
enum { COST_FACTOR = 20 };
#endif
enum { MEASURED = 5, DEPTH_MOST = 30 };

struct cost {
    struct verdict v;
    uint64_t cpu_ns; /* the least of MEASURED */
    uint64_t bytes;
    uint32_t signatures, hashes;
};

/* One question as a resolver asks it: what is bogus is asked for again elsewhere, and the budget is
 * the same. Nothing is cached. */
static void one_question(struct walk *w, const char *name, uint16_t type, struct cost *ret)
{
    struct name n;
    if (name_from(name, &n) != ST_OK)
        abort();
    w->budget = (struct budget){0};
    w->cpu_ns = w->bytes = 0;
    for (w->turn = 0; w->turn < LIMIT_BOGUS_TRIES; w->turn++) {
        arena_reset(&w->arena);
        ret->v = verdict_of(w, n.w, type);
        if (ret->v.trust != TRUST_BOGUS)
            break;
    }
    ret->cpu_ns = w->cpu_ns;
    ret->bytes = w->bytes;
    ret->signatures = w->budget.spent[BUDGET_SIGNATURES];
    ret->hashes = w->budget.spent[BUDGET_HASHES];
}

static struct cost cost_of(struct walk *w, const char *name, uint16_t type)
{
    struct cost best, c;
    one_question(w, name, type, &best);
    for (int i = 0; i < MEASURED; i++) {
        one_question(w, name, type, &c);
        best.cpu_ns = MIN(best.cpu_ns, c.cpu_ns);
    }
    return best;
}

/* www.example.org: four zones' worth of signatures, all good. */
static uint64_t ordinary_ns(void)
{
    static uint64_t known;
    static struct walk w;
    if (known == 0 && walk_open(&w, NULL, 0, false)) {
        struct cost c = cost_of(&w, "www.example.org", RR_A);
        known = c.v.trust == TRUST_SECURE ? c.cpu_ns : 0;
        printf("# ordinary: %u signatures, %llu bytes, %.2f ms\n", c.signatures,
               (unsigned long long)c.bytes, (double)c.cpu_ns / 1e6);
        walk_close(&w);
    }
    return known;
}

static void judge_cost(const char *what, const struct cost *c)
{
    uint64_t usual = ordinary_ns();
    bool ok = usual > 0 && c->cpu_ns <= COST_FACTOR * usual &&
              c->signatures <= LIMIT_QUERY_SIGNATURES && c->hashes <= LIMIT_QUERY_HASHES;
    test_point(ok, "%s: %s; %u signatures, %u hashes, %llu bytes, %.2f ms: %.1f times the usual",
               what, trust_reason_word(c->v.reason), c->signatures, c->hashes,
               (unsigned long long)c->bytes, (double)c->cpu_ns / 1e6,
               (double)c->cpu_ns / (double)MAX(usual, (uint64_t)1));
}

static void try_attack(const char *word)
{
    struct recipe r;
    struct diag d = {0};
    char dir[1200];
    struct breakage b = {0};
    uint16_t type;
    static struct walk w;
    snprintf(dir, sizeof dir, "%s/lab", test_source_dir());
    snprintf(b.word, sizeof b.word, "%s", word);
    if (recipe_load(&files, dir, word, &r, &d) != ST_OK ||
        name_from(r.target, &b.target) != ST_OK || !rr_type_parse(bytes_str(r.qtype), &type) ||
        !walk_open(&w, &b, 1, false)) {
        test_point(false, "%s: %s", word, d.message);
        return;
    }
    struct cost c = cost_of(&w, r.qname, type);
    judge_cost(word, &c);
    walk_close(&w);
}

TEST(cost_attacks)
{
    static const char *const words[] = {
        "keytrap-below",       "keytrap",
        "keytrap-sigjam",      "keytrap-lockcram",
        "keytrap-hashtrap",    "keytrap-dnskey",
        "tag-collision",       "sigs-wrong-before",
        "sigs-expired-before", "sigs-wrong-chain",
        "nsec3-encloser",      "nsec3-deep",
        "nsec3-encloser-deep", "nsec3-encloser-2500",
        "nsec3-iterations",    "ds-many-wrong",
        "ds-many-unknown",     "ds-only-unknown",
        "dnskey-huge",         "dnskey-large",
        "rsa-exponent",        "rsa-16384",
        "p384-wrong",          "ed448-wrong",
        "unsigned-iterations", "unsigned-iterations-2500",
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        try_attack(words[i]);
}

/* --- A chain of delegations of one label each, all signed --- */

struct deep {
    unsigned depth;
    char text[2000];
    size_t n, at;
};

/* "t2.t1.t0." for level 2; "." for the root, level -1. */
static void zone_at(int level, char *ret, size_t cap)
{
    size_t n = (size_t)snprintf(ret, cap, "%s", level < 0 ? "." : "");
    for (int i = level; i >= 0; i--)
        n += (size_t)snprintf(ret + n, cap - n, "t%d.", i);
}

static void *deep_open(void *ctx, const char *path, struct diag *d)
{
    struct deep *f = ctx;
    char zone[400], below[400], file[500];
    for (int level = -1; level < (int)f->depth; level++) {
        zone_at(level, zone, sizeof zone);
        snprintf(file, sizeof file, "x/zones/%s%s", level < 0 ? "root." : zone, "zone");
        if (strcmp(file, path) != 0)
            continue;
        f->at = 0;
        f->n =
            (size_t)snprintf(f->text, sizeof f->text,
                             "$TTL 3600\n%s SOA ns.x. h.x. 1 2 3 4 5\n%s NS ns.x.\n", zone, zone);
        zone_at(level + 1, below, sizeof below);
        f->n += (size_t)snprintf(f->text + f->n, sizeof f->text - f->n,
                                 level + 1 < (int)f->depth ? "%s NS ns.x.\n" : "%s A 192.0.2.9\n",
                                 below);
        if (level < 0)
            f->n += (size_t)snprintf(f->text + f->n, sizeof f->text - f->n, "ns.x. A 192.0.2.1\n");
        return f;
    }
    diag_set(d, SEV_ERROR, "no-file", NULL, "cannot open %s", path);
    return NULL;
}

static long deep_read(void *ctx, void *file, void *buf, size_t n)
{
    struct deep *f = file;
    (void)ctx;
    n = MIN(n, f->n - f->at);
    memcpy(buf, f->text + f->at, n);
    f->at += n;
    return (long)n;
}

static void deep_close(void *ctx, void *file)
{
    (void)ctx;
    (void)file;
}

static struct cost deep_cost(unsigned depth)
{
    static struct walk w;
    struct deep f = {.depth = depth};
    struct file_source fs = {&f, deep_open, deep_read, deep_close};
    struct cost c = {.v = {.trust = TRUST_BOGUS}};
    char text[16000], zone[400];
    size_t n = (size_t)snprintf(text, sizeof text,
                                "dnssec: auto\nservers:\n  - name: ns.x\n    addresses: "
                                "[192.0.2.1]\n    loopback: 127.53.9.1\n    zones: [\".\"");
    for (int level = 0; level < (int)depth; level++) {
        zone_at(level, zone, sizeof zone);
        n += (size_t)snprintf(text + n, sizeof text - n, ", \"%s\"", zone);
    }
    snprintf(text + n, sizeof text - n, "]\n");
    if (!walk_open_at(&w, text, &fs, "x", NULL, 0, false)) {
        test_point(false, "a chain of %u does not open", depth);
        return c;
    }
    zone_at((int)depth, zone, sizeof zone);
    c = cost_of(&w, zone, RR_A);
    walk_close(&w);
    return c;
}

TEST(cost_deep_chain)
{
    struct cost c = deep_cost(12);
    CHECK(c.v.trust == TRUST_SECURE);
    judge_cost("a chain of 12 signed delegations", &c);
    c = deep_cost(DEPTH_MOST);
    CHECK(c.v.trust == TRUST_LIMIT); /* by one question; keys that were found wait for the next */
    judge_cost("a chain of 30 signed delegations", &c);
}

/* --- Messages that are large, but hold nothing to verify --- */

static uint64_t sort_ns(const uint8_t *wire, size_t n, enum status *ret)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < MEASURED; i++) {
        struct arena a;
        struct reply r;
        arena_init(&a, 1 << 16, 0);
        struct msg *m = arena_alloc(&a, sizeof *m);
        uint64_t from = thread_ns();
        *ret = m == NULL ? ST_ENOMEM : msg_parse(bytes_of(wire, n), &a, m);
        if (*ret == ST_OK)
            *ret = reply_of(m, &(struct hash_key){1, 2}, &a, &r);
        best = MIN(best, thread_ns() - from);
        arena_free(&a);
    }
    return best;
}

/* A reply of `count` records; each in turn of one of `owners` names, which are below "q.". */
static size_t many_records(uint8_t *wire, size_t cap, unsigned count, unsigned owners,
                           uint16_t type, unsigned rdata_n)
{
    struct writer w = wr_of(wire, cap);
    static const uint8_t head[] = {0, 9, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'q', 0};
    uint16_t where[300];
    wr_bytes(&w, head, sizeof head);
    wr_u16(&w, RR_A);
    wr_u16(&w, CLASS_IN);
    put_be16(wire + 6, (uint16_t)count);
    for (unsigned i = 0; i < count; i++) {
        unsigned k = i % owners;
        if (i < owners) {
            where[k] = (uint16_t)wr_len(&w);
            wr_u8(&w, 2);
            wr_u16(&w, (uint16_t)(0x6161 + (k / 26 << 8) + k % 26));
            wr_u16(&w, 0xc00c);
        } else {
            wr_u16(&w, 0xc000 | where[k]);
        }
        wr_u16(&w, type);
        wr_u16(&w, CLASS_IN);
        wr_u32(&w, 60);
        wr_u16(&w, (uint16_t)rdata_n);
        for (unsigned b = 0; b < rdata_n; b++)
            wr_u8(&w, b < 4 ? (uint8_t)(i >> (24 - 8 * b)) : 0);
    }
    return wr_ok(&w) ? wr_len(&w) : 0;
}

TEST(cost_large_replies)
{
    static const struct {
        const char *what;
        unsigned count, owners;
        uint16_t type;
        unsigned rdata_n;
    } cases[] = {
        {"4,000 addresses of 8 names", 4000, 8, RR_A, 4},
        {"4,000 addresses of 250 names", 4000, 250, RR_A, 4},
        {"500 addresses of one name", 500, 1, RR_A, 4},
        {"5,000 empty NULL records of 250 names", 5000, 250, 10, 0},
        {"2,400 signatures that cover nothing", 2400, 200, RR_RRSIG, 14},
    };
    static uint8_t wire[LIMIT_MESSAGE];
    uint64_t usual = ordinary_ns();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum status st;
        size_t n = many_records(wire, sizeof wire, cases[i].count, cases[i].owners, cases[i].type,
                                cases[i].rdata_n);
        REQUIRE(n > 0);
        uint64_t ns = sort_ns(wire, n, &st);
        test_point(ns <= COST_FACTOR * usual, "%s: %zu bytes, %.2f ms: %.1f times the usual (%s)",
                   cases[i].what, n, (double)ns / 1e6, (double)ns / (double)usual, status_text(st));
    }
}

/* --- Names that are nothing but pointers --- */

/* The largest reply in which each owner is a pointer to the one before, up to `deep` of them, and
 * all further ones lead through all of these; each record's data is one more such name. */
static size_t many_pointers(uint8_t *wire, size_t cap, unsigned deep)
{
    struct writer w = wr_of(wire, cap);
    static const uint8_t head[] = {0, 9, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'q', 0};
    size_t target = MSG_HEADER;
    unsigned count = 0, depth = 0;
    wr_bytes(&w, head, sizeof head);
    wr_u16(&w, RR_A);
    wr_u16(&w, CLASS_IN);
    for (; wr_len(&w) + 14 <= cap; count++) {
        size_t at = wr_len(&w);
        wr_u16(&w, (uint16_t)(0xc000 | target));
        wr_u16(&w, RR_NS);
        wr_u16(&w, CLASS_IN);
        wr_u32(&w, 60);
        wr_u16(&w, 2);
        wr_u16(&w, (uint16_t)(0xc000 | target));
        if (depth < deep && at < 0x3fff) {
            target = at;
            depth++;
        }
    }
    put_be16(wire + 8, (uint16_t)count);
    return wr_ok(&w) ? wr_len(&w) : 0;
}

TEST(cost_pointer_chains)
{
    static uint8_t wire[LIMIT_MESSAGE];
    static const struct {
        unsigned deep;
        bool good;
    } cases[] = {{1, true}, {LIMIT_POINTERS - 2, true}, {LIMIT_POINTERS + 1, false}, {1100, false}};
    uint64_t usual = ordinary_ns();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum status st;
        size_t n = many_pointers(wire, sizeof wire, cases[i].deep);
        REQUIRE(n > 60000);
        uint64_t ns = sort_ns(wire, n, &st);
        CHECK((st == ST_OK) == cases[i].good);
        test_point(ns <= COST_FACTOR * usual,
                   "chains of %u pointers: %zu bytes, %.2f ms: %.1f times the usual (%s)",
                   cases[i].deep, n, (double)ns / 1e6, (double)ns / (double)usual, status_text(st));
    }
}
