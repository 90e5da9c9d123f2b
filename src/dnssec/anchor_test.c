/* Trust anchor files as data: vectors/anchor/good/NAME holds what NAME.want lists, bad/NAME is
 * refused at the place and for the reason that NAME.want says. */
#include "base/test.h"
#include "dnssec/anchor.h"
#include "dnssec/dnskey.h"
#include "dnssec/testlib.h"

#include <dirent.h>

enum { WALL = 1767225600 }; /* 2026-01-01 */

/* --- Vectors --- */

static int name_cmp(const void *a, const void *b)
{
    return strcmp(a, b);
}

static size_t vectors(const char *folder, char v[][64], size_t max)
{
    char path[1000];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/vectors/anchor/%s", test_source_dir(), folder);
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && strstr(e->d_name, ".want") == NULL && n < max)
            snprintf(v[n++], 64, "%s", e->d_name);
    if (d != NULL)
        closedir(d);
    qsort(v, n, 64, name_cmp);
    return n;
}

/* BANYAN_BLESS=1 writes what is expected from what came out: for new vectors, to be read before
 * commit. */
static void compare(const char *folder, const char *name, const char *got)
{
    char path[300], full[1300];
    snprintf(path, sizeof path, "vectors/anchor/%s/%s.want", folder, name);
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
    test_point(same, "%s/%s", folder, name);
    free(want);
}

static void list(const struct anchors *a, struct text *out)
{
    char buf[NAME_TEXT_MAX];
    const struct rrset *s;
    for (unsigned i = 0; (s = anchors_at(a, i)) != NULL; i++) {
        struct rdata_iter it = rdata_iter(s);
        unsigned n = 0;
        for (struct bytes rd; rdata_iter_next(&it, &rd); n++) {
            text_fmt(out, "%s DS ", name_str(s->owner, buf));
            rdata_text(RR_DS, rd, out);
            text_char(out, '\n');
        }
        CHECK_EQ(n, s->count);
        CHECK(n > 0 && s->type == RR_DS && s->rclass == CLASS_IN);
    }
}

static enum status add(struct anchors *a, const char *text, uint64_t wall_s, struct diag *d)
{
    return anchors_add_file(a, "file", bytes_str(text), wall_s, d);
}

static void good(const char *name)
{
    char path[300];
    size_t n;
    struct anchors *a = anchors_new();
    struct text got = text_heap(65536), again = text_heap(65536);
    struct diag d = {0};
    snprintf(path, sizeof path, "vectors/anchor/good/%s", name);
    char *text = test_file(path, &n);
    REQUIRE(text != NULL && a != NULL);
    enum status st = anchors_add_file(a, path, bytes_of(text, n), WALL, &d);
    if (st != ST_OK)
        test_fail(__FILE__, __LINE__, "%s:%u:%u: %s", path, d.line, d.column, d.message);
    list(a, &got);
    compare("good", name, text_cstr(&got));
    /* What was read can be written as DS lines and read again: the same; and added again: once. */
    CHECK_EQ(anchors_add_file(a, path, bytes_of(text, n), WALL, &d), ST_OK);
    CHECK_EQ(add(a, text_cstr(&got), WALL, &d), ST_OK);
    list(a, &again);
    CHECK_STR(text_cstr(&again), text_cstr(&got));
    text_free(&got);
    text_free(&again);
    anchors_free(a);
    free(text);
}

static void bad(const char *name)
{
    char path[300], before[2000], after[2000];
    size_t n;
    struct anchors *a = anchors_new();
    struct text got = text_heap(65536), t = text_of(before, sizeof before);
    struct diag d = {0};
    snprintf(path, sizeof path, "vectors/anchor/bad/%s", name);
    char *text = test_file(path, &n);
    REQUIRE(text != NULL && a != NULL);
    CHECK_EQ(add(a, "test. DS 1 13 1 0000000000000000000000000000000000000000\n", WALL, &d), ST_OK);
    list(a, &t);
    enum status st = anchors_add_file(a, path, bytes_of(text, n), WALL, &d);
    if (st != ST_ESYNTAX && st != ST_ELIMIT)
        test_fail(__FILE__, __LINE__, "%s: status %d", path, st);
    /* All or nothing. */
    t = text_of(after, sizeof after);
    list(a, &t);
    CHECK_STR(after, before);
    /* What the XML parser says, and where, is its own and changes with its versions. */
    if (strncmp(d.message, "this is no XML: ", 16) == 0 && d.line > 0)
        text_fmt(&got, "%s: this is no XML: ...\n", d.code);
    else
        text_fmt(&got, "%u:%u %s: %s\nhint: %s\n", d.line, d.column, d.code, d.message, d.hint);
    CHECK(d.file == path && d.severity == SEV_ERROR && d.message[0] != '\0');
    compare("bad", name, text_cstr(&got));
    text_free(&got);
    anchors_free(a);
    free(text);
}

TEST(anchor_good_files)
{
    static char v[200][64];
    size_t n = vectors("good", v, ARRAY_LEN(v));
    CHECK(n >= 15);
    for (size_t i = 0; i < n; i++)
        good(v[i]);
}

TEST(anchor_bad_files)
{
    static char v[200][64];
    size_t n = vectors("bad", v, ARRAY_LEN(v));
    CHECK(n >= 40);
    for (size_t i = 0; i < n; i++)
        bad(v[i]);
}

/* --- The table --- */

/* The DS compiled in are those of the keys themselves (RFC 9718, IANA's keys of 2017 and 2024). */
TEST(anchor_builtin_is_of_the_keys)
{
    struct anchors *a = anchors_new(), *b = anchors_new();
    char x[2000], y[2000];
    struct text tx = text_of(x, sizeof x), ty = text_of(y, sizeof y);
    struct diag d = {0};
    size_t n;
    char *text = test_file("vectors/anchor/good/root.key", &n);
    REQUIRE(a != NULL && b != NULL && text != NULL);
    CHECK_EQ(anchors_add_builtin(a), ST_OK);
    CHECK_EQ(anchors_add_file(b, "root.key", bytes_of(text, n), 0, &d), ST_OK);
    list(a, &tx);
    list(b, &ty);
    CHECK_STR(x, y);
    CHECK(anchors_at(a, 0) != NULL && anchors_at(a, 0)->count == 2);
    CHECK(anchors_at(a, 1) == NULL);
    CHECK_EQ(anchors_add_builtin(a), ST_OK);
    CHECK_EQ(anchors_at(a, 0)->count, 2);
    anchors_free(a);
    anchors_free(b);
    free(text);
}

static const uint8_t *found(const struct anchors *a, const char *name)
{
    static struct name n;
    if (name_from(name, &n) != ST_OK)
        abort();
    const struct rrset *s = anchors_find(a, n.w);
    return s != NULL ? s->owner : NULL;
}

/* RFC 6840 section C.1: of several trust anchors the closest to the name counts. */
TEST(anchor_find_takes_the_deepest)
{
    struct anchors *a = anchors_new();
    struct diag d = {0};
    char buf[NAME_TEXT_MAX];
    REQUIRE(a != NULL);
    CHECK(anchors_find(a, name_root) == NULL);
    CHECK(anchors_at(a, 0) == NULL);
    const char *text =
        "Example.Org. DS 1 13 2 1111111111111111111111111111111111111111111111111111111111111111\n"
        "org. DS 1 13 2 1111111111111111111111111111111111111111111111111111111111111111\n";
    CHECK_EQ(add(a, text, WALL, &d), ST_OK);
    CHECK(found(a, ".") == NULL && found(a, "com.") == NULL && found(a, "forg.") == NULL);
    CHECK_STR(name_str(found(a, "org."), buf), "org.");
    CHECK_STR(name_str(found(a, "xexample.org."), buf), "org.");
    CHECK_STR(name_str(found(a, "EXAMPLE.ORG."), buf), "example.org.");
    CHECK_STR(name_str(found(a, "a.b.example.org."), buf), "example.org.");
    CHECK_EQ(anchors_add_builtin(a), ST_OK);
    CHECK_STR(name_str(found(a, "."), buf), ".");
    CHECK_STR(name_str(found(a, "com."), buf), ".");
    CHECK_STR(name_str(found(a, "a.org."), buf), "org.");
    anchors_free(a);
}

TEST(anchor_add_ds_checks)
{
    struct anchors *a = anchors_new();
    uint8_t ds[64] = {0, 1, 13, 2};
    REQUIRE(a != NULL);
    CHECK_EQ(anchors_add_ds(a, name_root, bytes_of(ds, 4)), ST_EFORMAT);
    CHECK_EQ(anchors_add_ds(a, name_root, bytes_of(ds, 35)), ST_EFORMAT);
    CHECK_EQ(anchors_add_ds(a, name_root, bytes_of(ds, 37)), ST_EFORMAT);
    ds[3] = 3;
    CHECK_EQ(anchors_add_ds(a, name_root, bytes_of(ds, 36)), ST_EUNSUPPORTED);
    ds[3] = 2;
    ds[2] = 253;
    CHECK_EQ(anchors_add_ds(a, name_root, bytes_of(ds, 36)), ST_EUNSUPPORTED);
    CHECK(anchors_at(a, 0) == NULL);
    ds[2] = 13;
    for (unsigned i = 0; i < LIMIT_DS_TRIED; i++) {
        ds[1] = (uint8_t)i;
        CHECK_EQ(anchors_add_ds(a, name_root, bytes_of(ds, 36)), ST_OK);
        CHECK_EQ(anchors_add_ds(a, name_root, bytes_of(ds, 36)), ST_OK);
    }
    ds[1] = 99;
    CHECK_EQ(anchors_add_ds(a, name_root, bytes_of(ds, 36)), ST_ELIMIT);
    CHECK_EQ(anchors_at(a, 0)->count, LIMIT_DS_TRIED);
    for (unsigned i = 1; i < LIMIT_ANCHORS; i++) {
        uint8_t zone[] = {2, (uint8_t)('a' + i / 26), (uint8_t)('a' + i % 26), 0};
        CHECK_EQ(anchors_add_ds(a, zone, bytes_of(ds, 36)), ST_OK);
    }
    CHECK_EQ(anchors_add_ds(a, (const uint8_t *)"\2zz", bytes_of(ds, 36)), ST_ELIMIT);
    CHECK(anchors_at(a, LIMIT_ANCHORS - 1) != NULL && anchors_at(a, LIMIT_ANCHORS) == NULL);
    anchors_free(a);
}

/* RFC 9718 section 2.1: from validFrom on, until validUntil. */
TEST(anchor_xml_follows_the_time)
{
    static const struct {
        uint64_t wall_s;
        enum status st;
        unsigned count;
    } v[] = {{1279151999, ST_ESYNTAX, 0}, {1279152000, ST_OK, 1}, {1485993599, ST_OK, 1},
             {1485993600, ST_OK, 2},      {1547164799, ST_OK, 2}, {1547164800, ST_OK, 1},
             {1721260800, ST_OK, 2},      {0, ST_ESYNTAX, 0},     {1ull << 40, ST_OK, 2}};
    size_t n;
    char *text = test_file("vectors/anchor/good/root-anchors.xml", &n);
    REQUIRE(text != NULL);
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct anchors *a = anchors_new();
        struct diag d = {0};
        REQUIRE(a != NULL);
        CHECK_EQ(anchors_add_file(a, "x", bytes_of(text, n), v[i].wall_s, &d), v[i].st);
        CHECK_EQ(anchors_at(a, 0) != NULL ? anchors_at(a, 0)->count : 0, v[i].count);
        anchors_free(a);
    }
    free(text);
}

/* A zone that has a DS already may have others passed over. */
TEST(anchor_files_add_up)
{
    struct anchors *a = anchors_new();
    struct diag d = {0};
    REQUIRE(a != NULL);
    CHECK_EQ(add(a, ". DS 1 8 99 00112233\n", WALL, &d), ST_ESYNTAX);
    CHECK_EQ(anchors_add_builtin(a), ST_OK);
    CHECK_EQ(add(a, ". DS 1 8 99 00112233\n", WALL, &d), ST_OK);
    CHECK_EQ(anchors_at(a, 0)->count, 2);
    CHECK_EQ(anchors_add_file(a, "x", bytes_str(". DS x"), WALL, NULL), ST_ESYNTAX);
    anchors_free(a);
}

/* A zone known only by algorithms that we have not is not believed, but no reason not to start. Not
 * so the root, and one whose key was revoked: there somebody must do something. */
TEST(anchors_of_other_algorithms_are_a_warning)
{
    static const char DSA[] = "dsa. DS 2854 3 1 46e4ffc6e9a4793b488954bd3f0cc6af0dfb201b\n";
    static const char RSA[] = "rsa. DS 1 5 1 46e4ffc6e9a4793b488954bd3f0cc6af0dfb201b\n";
    struct anchors *a = anchors_new();
    struct diag d = {0};
    char both[200];
    REQUIRE(a != NULL);
    snprintf(both, sizeof both, "%s%s", DSA, RSA);
    CHECK_EQ(add(a, both, WALL, &d), ST_OK);
    CHECK_EQ(d.severity, SEV_WARNING);
    CHECK_EQ(d.line, 1);
    CHECK_STR(d.code, "no-anchor");
    REQUIRE(anchors_at(a, 0) != NULL);
    CHECK(anchors_at(a, 0)->owner[1] == 'd');
    CHECK_EQ(anchors_at(a, 0)->count, 1);
    CHECK(!anchors_usable(anchors_at(a, 0)));
    CHECK(anchors_at(a, 1)->owner[1] == 'r');
    CHECK(anchors_usable(anchors_at(a, 1)));
    CHECK(anchors_at(a, 2) == NULL);
    anchors_free(a);
}

TEST(anchor_file_has_a_largest_size)
{
    struct anchors *a = anchors_new();
    struct diag d = {0};
    size_t n = LIMIT_ANCHOR_FILE + 1;
    char *p = malloc(n);
    REQUIRE(a != NULL && p != NULL);
    memset(p, '\n', n);
    memcpy(p, ". DS 1 13 1 0000000000000000000000000000000000000000\n", 53);
    CHECK_EQ(anchors_add_file(a, "x", bytes_of(p, n), WALL, &d), ST_ELIMIT);
    CHECK_STR(d.code, "file-too-large");
    CHECK_EQ(anchors_add_file(a, "x", bytes_of(p, n - 1), WALL, &d), ST_OK);
    anchors_free(a);
    free(p);
}
