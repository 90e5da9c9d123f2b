/* Master files as data: vectors/zone/good/NAME.zone reads as what NAME.fmt says; bad/ and check/
 * give exactly the diagnostics of NAME.expect ("line:column severity code" a line). */
#include "zone/testlib.h"

#include "base/test.h"
#include "zone/check.h"
#include "zone/diff.h"
#include "zone/print.h"
#include "zone/scan.h"

#include <dirent.h>

/* --- Files of the source tree --- */

struct dir_source {
    size_t chunk; /* bytes a read gives at most */
};

static void *dir_open(void *ctx, const char *path, struct diag *d)
{
    (void)ctx;
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        diag_set(d, SEV_ERROR, "cannot-open", NULL, "cannot open %s", path);
    return f;
}

static long dir_read(void *ctx, void *file, void *buf, size_t n)
{
    struct dir_source *s = ctx;
    return (long)fread(buf, 1, s->chunk > 0 ? MIN(n, s->chunk) : n, file);
}

static void dir_close(void *ctx, void *file)
{
    (void)ctx;
    fclose(file);
}

static struct file_source dir_files(struct dir_source *s)
{
    return (struct file_source){s, dir_open, dir_read, dir_close};
}

/* --- Lists of vectors --- */

static int name_cmp(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Names, without ".zone", of the vectors in a folder. */
static size_t vectors(const char *folder, char v[][64], size_t max)
{
    char path[1000];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/vectors/zone/%s", test_source_dir(), folder);
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot != NULL && strcmp(dot, ".zone") == 0 && n < max && dot - e->d_name < 64)
            snprintf(v[n++], 64, "%.*s", (int)(dot - e->d_name), e->d_name);
    }
    if (d != NULL)
        closedir(d);
    qsort(v, n, 64, name_cmp);
    return n;
}

/* BANYAN_BLESS=1 writes what is expected from what came out: for new vectors, to be read before
 * commit. */
static bool expected(const char *folder, const char *name, const char *ext, const char *got)
{
    char path[300], full[1300];
    snprintf(path, sizeof path, "vectors/zone/%s/%s.%s", folder, name, ext);
    if (getenv("BANYAN_BLESS") != NULL) {
        snprintf(full, sizeof full, "%s/%s", test_source_dir(), path);
        FILE *f = fopen(full, "wb");
        if (f != NULL) {
            fputs(got, f);
            fclose(f);
        }
    }
    char *want = test_file(path, NULL);
    bool same = want != NULL && strcmp(want, got) == 0;
    if (!same)
        test_fail(__FILE__, __LINE__, "%s: got\n%s\nexpected\n%s", path, got,
                  want ? want : "(no file)");
    free(want);
    return same;
}

static void note(void *ctx, const struct diag *d)
{
    const char *file = d->file != NULL ? strrchr(d->file, '/') : NULL;
    struct text *t = ctx;
    text_fmt(t, "%u:%u %s %s %s\n", d->line, d->column, severity_name(d->severity), d->code,
             file != NULL ? file + 1 : "-");
    CHECK(d->message[0] != '\0' && d->code[0] != '\0');
    CHECK(d->line == 0 || d->source[0] != '\0' || d->column <= 1);
}

static struct name origin_of(const char *name)
{
    struct name n;
    const char *text = strstr(name, "root") != NULL  ? "."
                       : strstr(name, "dot-missing") ? "example.test."
                                                     : "example.";
    if (name_from(text, &n) != ST_OK)
        test_fail(__FILE__, __LINE__, "name");
    return n;
}

static void print_all(const struct zone *z, struct text *out)
{
    struct zone_print p;
    zone_print_begin(&p, z);
    while (zone_print_next(&p, out))
        ;
    zone_print_end(&p);
}

static void no_change(void *ctx, const struct zone_change *c)
{
    (void)ctx;
    (void)c;
}

/* The printed zone reads back as the same zone, and prints the same. */
static void reads_back(const char *name, const struct zone *z, const char *text)
{
    struct mem_file f = {"fmt", text, 0};
    struct mem_files m = {&f, 1, 0};
    struct file_source fs = mem_source(&m);
    struct zone_load_options opt = {0}; /* the printed form names its origin itself */
    struct zone *again;
    struct text t = text_heap(1 << 24);
    uint64_t changes = 1;
    if (zone_load(&fs, "fmt", &opt, NULL, &again) != ST_OK) {
        test_fail(__FILE__, __LINE__, "%s: what was printed does not load", name);
        text_free(&t);
        return;
    }
    CHECK(zone_diff(z, again, no_change, NULL, &changes) == ST_OK && changes == 0);
    print_all(again, &t);
    CHECK_STR(text_cstr(&t), text);
    zone_drop(again);
    text_free(&t);
}

TEST(good_vectors)
{
    static char v[300][64];
    size_t n = vectors("good", v, 300);
    CHECK(n >= 20);
    for (size_t i = 0; i < n; i++) {
        static const size_t chunks[] = {0, 1, 13};
        for (size_t k = 0; k < ARRAY_LEN(chunks); k++) {
            struct dir_source s = {chunks[k]};
            struct file_source fs = dir_files(&s);
            struct name origin = origin_of(v[i]);
            struct zone_load_options opt = {.origin = origin.w};
            struct text log = text_heap(1 << 20), out = text_heap(1 << 20);
            struct diag_sink sink = {note, &log, 0, 0};
            struct zone *z;
            char path[1200];
            snprintf(path, sizeof path, "%s/vectors/zone/good/%s.zone", test_source_dir(), v[i]);
            enum status st = zone_load(&fs, path, &opt, &sink, &z);
            if (st == ST_OK) {
                print_all(z, &out);
                bool ok = expected("good", v[i], "fmt", text_cstr(&out));
                if (k == 0) {
                    reads_back(v[i], z, text_cstr(&out));
                    test_point(ok, "good/%s", v[i]);
                }
            } else {
                test_fail(__FILE__, __LINE__, "%s: %s", v[i], text_cstr(&log));
            }
            zone_drop(z);
            text_free(&log);
            text_free(&out);
        }
    }
}

static void diagnosed(const char *folder, const char *name, size_t chunk, bool check)
{
    struct dir_source s = {chunk};
    struct file_source fs = dir_files(&s);
    struct name origin = origin_of(name);
    struct zone_load_options opt = {.origin = strstr(name, "no-origin") ? NULL : origin.w,
                                    .default_ttl = check ? 3600 : 0};
    struct zone_check_options now = {1767225600};
    struct text log = text_heap(1 << 20);
    struct diag_sink sink = {note, &log, 0, 0};
    struct zone *z = NULL;
    char path[1200];
    snprintf(path, sizeof path, "%s/vectors/zone/%s/%s.zone", test_source_dir(), folder, name);
    enum status st = check ? zone_check_file(&fs, path, &opt, &now, &sink, NULL)
                           : zone_load(&fs, path, &opt, &sink, &z);
    CHECK((st == ST_OK) == (sink.errors == 0));
    CHECK(z == NULL);
    bool ok = expected(folder, name, "expect", text_cstr(&log));
    if (chunk == 0)
        test_point(ok, "%s/%s", folder, name);
    text_free(&log);
}

TEST(bad_vectors)
{
    static char v[300][64];
    size_t n = vectors("bad", v, 300);
    CHECK(n >= 60);
    for (size_t i = 0; i < n; i++) {
        diagnosed("bad", v[i], 0, false);
        diagnosed("bad", v[i], 1, false);
    }
}

TEST(check_vectors)
{
    static char v[300][64];
    size_t n = vectors("check", v, 300);
    CHECK(n >= 20);
    for (size_t i = 0; i < n; i++)
        diagnosed("check", v[i], 0, true);
}

/* --- What files cannot show well --- */

static enum status load_text(const char *text, size_t n, struct text *log, struct zone **ret)
{
    struct mem_file f = {"t", text, n};
    struct mem_files m = {&f, 1, 0};
    struct file_source fs = mem_source(&m);
    struct name origin = origin_of("");
    struct zone_load_options opt = {.origin = origin.w, .default_ttl = 60};
    struct diag_sink sink = {note, log, 0, 0};
    return zone_load(&fs, "t", &opt, &sink, ret);
}

static const char head[] = "$TTL 1\n@ SOA a. b. 1 2 3 4 5\n@ NS ns.test.\n";

/* RDATA of 65,535 bytes, and entries past any sense. */
TEST(huge_entries)
{
    struct text t = text_heap(1 << 22), log = text_heap(1 << 16);
    struct zone *z;
    text_str(&t, head);
    text_str(&t, "big TXT (");
    for (unsigned i = 0; i < 255; i++) { /* 255 strings of 256 bytes and one of 254 */
        text_str(&t, " \"");
        for (unsigned k = 0; k < 255; k++)
            text_str(&t, "\\001");
        text_str(&t, "\"\n");
    }
    text_str(&t, ")\nafter A 192.0.2.1\n");
    REQUIRE(load_text(t.p, t.n, &log, &z) == ST_OK);
    CHECK_EQ(zone_stats(z).records, 4);
    zone_drop(z);
    text_clear(&t);
    text_str(&t, head);
    text_str(&t, "x TXT ");
    for (unsigned i = 0; i < LIMIT_ZONE_ENTRY; i++)
        text_char(&t, 'a');
    text_str(&t, "\nx BAD\n");
    CHECK(load_text(t.p, t.n, &log, &z) != ST_OK);
    CHECK_STR(text_cstr(&log), "4:1 error line-too-long -\n5:3 error unknown-type -\n");
    text_clear(&t);
    text_clear(&log);
    text_str(&t, head);
    for (unsigned i = 0; i < 1000; i++)
        text_str(&t, "x TXT (\n");
    CHECK(load_text(t.p, t.n, &log, &z) != ST_OK);
    CHECK(strstr(text_cstr(&log), "too-many-errors") != NULL); /* and no quadratic time */
    text_clear(&t);
    text_clear(&log);
    text_str(&t, head);
    text_str(&t, "x TXT (");
    for (unsigned i = 0; i < LIMIT_ZONE_TOKENS + 10; i++)
        text_str(&t, " a");
    text_str(&t, ")\nx BAD\n");
    CHECK(load_text(t.p, t.n, &log, &z) != ST_OK);
    CHECK_STR(text_cstr(&log), "4:131077 error too-many-words -\n5:3 error unknown-type -\n");
    text_free(&t);
    text_free(&log);
}

TEST(ttl_units)
{
    static const struct {
        const char *text;
        long want; /* negative: status */
    } t[] = {{"0", 0},
             {"3600", 3600},
             {"1h30m", 5400},
             {"1H", 3600},
             {"1w2d3h4m5s", 788645},
             {"1h30", 3630},
             {"2147483647", 2147483647},
             {"2147483648", -ST_ERANGE},
             {"3551w", -ST_ERANGE},
             {"18446744073709551617", -ST_ERANGE},
             {"", -ST_ESYNTAX},
             {"h", -ST_ESYNTAX},
             {"1y", -ST_ESYNTAX},
             {"1hh", -ST_ESYNTAX},
             {"-1", -ST_ESYNTAX}};
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        uint32_t v = 0;
        enum status st = zone_ttl_parse(bytes_str(t[i].text), &v);
        CHECK_EQ(st == ST_OK ? (long)v : -(long)st, t[i].want);
    }
}

TEST(includes_are_bounded)
{
    static const char inc[] = "$INCLUDE b\n";
    struct mem_file f[] = {{"a", "$INCLUDE b\n", 0},
                           {"b", "$INCLUDE c\n", 0},
                           {"c", "$INCLUDE a\n", 0},
                           {"d/z", "$INCLUDE d/y\n$INCLUDE y\n", 0},
                           {"d/y", inc, 0}};
    struct mem_files m = {f, ARRAY_LEN(f), 0};
    struct file_source fs = mem_source(&m);
    struct name origin = origin_of("");
    struct zone_load_options opt = {.origin = origin.w};
    struct text log = text_heap(1 << 16);
    struct diag_sink sink = {note, &log, 0, 0};
    struct zone *z;
    CHECK(zone_load(&fs, "a", &opt, &sink, &z) != ST_OK);
    CHECK_STR(text_cstr(&log), "1:10 error include-loop -\n");
    text_clear(&log);
    opt.no_include = true;
    CHECK(zone_load(&fs, "a", &opt, &sink, &z) != ST_OK);
    CHECK_STR(text_cstr(&log), "1:1 error include-refused -\n");
    text_clear(&log);
    opt.no_include = false;
    CHECK(zone_load(&fs, "d/z", &opt, &sink, &z) != ST_OK);
    CHECK(strstr(text_cstr(&log), "cannot-open") != NULL);
    text_free(&log);
}

/* RFC 4034 section 6.1, where names are too many to be compared with one another: of all lengths,
 * at several depths, many alike in their first eight bytes and in case. */
TEST(many_names_stand_in_canonical_order)
{
    enum { NAMES = 20000 };
    struct text t = text_heap(1 << 21);
    struct prng r = {7};
    text_str(&t, "@ 60 SOA a b 1 2 3 4 5\n@ 60 NS a\n");
    for (unsigned i = 0; i < NAMES; i++) {
        static const char *const heads[] = {"", "samelong", "Samelong", "x-", "\\001", "\\255"};
        text_fmt(&t, "%s%llx", heads[prng_below(&r, ARRAY_LEN(heads))],
                 (unsigned long long)prng_below(&r, 1u << (4 + i % 26)));
        for (uint64_t k = prng_below(&r, 3); k > 0; k--)
            text_fmt(&t, ".%c%llx", (int)('A' + prng_below(&r, 50) % 26),
                     (unsigned long long)prng_below(&r, 40));
        text_str(&t, " 60 A 192.0.2.1\n");
    }
    struct mem_file f[] = {{"z", text_cstr(&t), 0}};
    struct mem_files m = {f, 1, 0};
    struct file_source fs = mem_source(&m);
    struct name origin = origin_of("");
    struct zone_load_options opt = {.origin = origin.w};
    struct text log = text_heap(1 << 16);
    struct diag_sink sink = {note, &log, 0, 0};
    struct zone *z;
    REQUIRE(zone_load(&fs, "z", &opt, &sink, &z) == ST_OK);
    uint8_t name[2][LIMIT_NAME];
    unsigned n = 0, wrong = 0;
    for (const struct zone_node *at = zone_next(z, NULL); at != NULL; at = zone_next(z, at), n++) {
        (void)zone_node_name(z, at, name[n % 2]);
        wrong += n > 0 && name_compare(name[(n + 1) % 2], name[n % 2]) >= 0;
        wrong += zone_node_rank(at) != n;
    }
    CHECK(n > NAMES / 2);
    CHECK_EQ(n, zone_stats(z).names);
    CHECK_EQ(wrong, 0);
    zone_drop(z);
    text_free(&log);
    text_free(&t);
}

/* More children of one name than are sorted at once, with beginnings in common; whatever size was
 * said beforehand, every name is found. */
TEST(many_siblings_in_order_and_found)
{
    enum { MANY = 50000 };
    static const uint64_t said[] = {0, 1, 1000, MANY * 20, UINT64_MAX};
    struct prng r = {7};
    struct text t = text_heap(8 << 20);
    text_str(&t, "$ORIGIN long.\n$TTL 60\n@ SOA a. b. 1 2 3 4 5\n@ NS a.\n");
    for (unsigned i = 0; i < MANY; i++) {
        unsigned pad = (unsigned)prng_below(&r, 3) * 12;
        text_fmt(&t, "%.*s%c%llx%s A 192.0.2.1\n", (int)pad, "AbcdefghijkLmnopqrstuvwx",
                 (int)('a' + prng_below(&r, 3)), (unsigned long long)prng_below(&r, 1u << 20),
                 i % 1000 == 0 ? "\\000" : "");
    }
    struct mem_file f[] = {{"z", text_cstr(&t), 0}};
    struct mem_files m = {f, 1, 0};
    struct file_source fs = mem_source(&m);
    struct diag_sink sink = {0};
    for (unsigned k = 0; k < sizeof said / sizeof *said; k++) {
        struct zone_load_options opt = {.size = said[k]};
        struct zone *z;
        uint8_t name[2][LIMIT_NAME];
        unsigned n = 0, wrong = 0;
        REQUIRE(zone_load(&fs, "z", &opt, &sink, &z) == ST_OK);
        for (const struct zone_node *at = zone_next(z, NULL); at != NULL;
             at = zone_next(z, at), n++) {
            (void)zone_node_name(z, at, name[n % 2]);
            wrong += n > 0 && name_compare(name[(n + 1) % 2], name[n % 2]) >= 0;
            wrong += zone_node_rank(at) != n || zone_node_of(z, name[n % 2]) != at;
        }
        CHECK(n > MANY / 2);
        CHECK_EQ(n, zone_stats(z).names);
        CHECK_EQ(wrong, 0);
        zone_drop(z);
    }
    text_free(&t);
}

struct seen {
    unsigned added, removed;
};

static void count_change(void *ctx, const struct zone_change *c)
{
    struct seen *s = ctx;
    s->added += c->added;
    s->removed += !c->added;
}

TEST(differences)
{
    struct zone *a, *b;
    struct text log = text_heap(1 << 16), t = text_heap(1 << 16);
    struct seen s = {0, 0};
    uint64_t n;
    text_fmt(&t, "%s%s", head,
             "a A 192.0.2.1\na A 192.0.2.2\nb TXT x\nc 5 A 192.0.2.1\nd MX 1 X.test.\n");
    REQUIRE(load_text(t.p, 0, &log, &a) == ST_OK);
    text_clear(&t);
    text_fmt(&t, "%s%s", head,
             "a A 192.0.2.3\na A 192.0.2.2\nc 6 A 192.0.2.1\nD MX 1 x.TEST.\ne A 192.0.2.1\n");
    REQUIRE(load_text(t.p, 0, &log, &b) == ST_OK);
    CHECK(zone_diff(a, b, count_change, &s, &n) == ST_OK);
    CHECK_EQ(s.added, 3); /* a's new address, c's TTL, e */
    CHECK_EQ(s.removed, 3);
    CHECK_EQ(n, 6);
    CHECK(zone_diff(a, a, count_change, &s, &n) == ST_OK && n == 0);
    zone_drop(a);
    zone_drop(b);
    text_free(&log);
    text_free(&t);
}

/* The root zones as IANA publishes them, where they are at hand (BANYAN_DATA): every record comes
 * back. */
static void real_zone(const char *dir, const char *file)
{
    char path[1200];
    struct dir_source s = {0};
    struct file_source fs = dir_files(&s);
    struct zone_load_options opt = {.origin = name_root};
    struct zone *z;
    snprintf(path, sizeof path, "%s/%s", dir, file);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        printf("# %s is not here\n", path);
        return;
    }
    fclose(f);
    REQUIRE(zone_load(&fs, path, &opt, NULL, &z) == ST_OK);
    struct diag_sink quiet = {0};
    struct zone_scan *scan = zone_scan_new(&fs, path, &opt, &quiet);
    REQUIRE(scan != NULL);
    struct zone_record r;
    size_t n = 0, lost = 0;
    while (zone_scan_next(scan, &r)) {
        const struct zone_node *node = zone_node_of(z, r.owner);
        struct rrset set;
        bool found = false;
        struct bytes rd;
        if (node != NULL &&
            (r.type == RR_RRSIG ? zone_rrsig(z, node, get_be16(r.rdata.p), r.owner, &set)
                                : zone_rrset(z, node, r.type, r.owner, &set)))
            for (struct rdata_iter it = rdata_iter(&set); rdata_iter_next(&it, &rd);)
                found |= bytes_equal(rd, r.rdata) && set.ttl == r.ttl;
        lost += !found;
        n++;
    }
    zone_scan_free(scan);
    CHECK_EQ(lost, 0);
    CHECK_EQ(n, zone_stats(z).records);
    struct text out = text_heap(1 << 26);
    print_all(z, &out);
    reads_back(file, z, text_cstr(&out));
    printf("# %s: %zu records\n", file, n);
    text_free(&out);
    zone_drop(z);
}

TEST(real_root_zones)
{
    const char *dir = getenv("BANYAN_DATA");
    if (dir == NULL) {
        printf("# BANYAN_DATA names no folder with root zones\n");
        return;
    }
    real_zone(dir, "root-2020101902.signed.zone");
    real_zone(dir, "root-2026082201.stripped.zone");
}
