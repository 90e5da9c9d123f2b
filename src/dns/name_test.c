#include "base/test.h"
#include "dns/name.h"

static const char *reprint(const char *in)
{
    static char buf[NAME_TEXT_MAX];
    struct name n;
    return name_from(in, &n) == ST_OK ? name_str(n.w, buf) : "bad";
}

/* RFC 1035 section 5.1, RFC 4343 section 2.1 */
TEST(names_parse_and_print)
{
    CHECK_STR(reprint("example.org"), "example.org.");
    CHECK_STR(reprint("."), ".");
    CHECK_STR(reprint("a\\.b.c."), "a\\.b.c.");
    CHECK_STR(reprint("\\065\\032\\000.x."), "A\\032\\000.x.");
    CHECK_STR(reprint("\\(x\\).y"), "\\(x\\).y.");
    CHECK_STR(reprint("a..b"), "bad");
    CHECK_STR(reprint(".a"), "bad");
    CHECK_STR(reprint(""), "bad");
    CHECK_STR(reprint("a\\"), "bad");
    CHECK_STR(reprint("a\\25"), "bad");
    CHECK_STR(reprint("a\\256"), "bad");
    char label64[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.x.";
    CHECK_STR(reprint(label64), "bad");
    CHECK_STR(reprint(label64 + 1), label64 + 1);
}

/* RFC 4343 section 2.1: A to Z only, whatever bytes stand beside them. */
TEST(names_are_lowered_byte_by_byte)
{
    uint8_t n[2 + 63 + 2], out[sizeof n];
    for (unsigned first = 0; first < 256; first++)
        for (unsigned len = 1; len <= 63; len += 7) {
            n[0] = (uint8_t)len;
            for (unsigned i = 0; i < len; i++)
                n[1 + i] = (uint8_t)(first + i);
            n[1 + len] = 0;
            CHECK_EQ(name_lower(out, n), len + 2);
            for (unsigned i = 0; i < len + 2; i++)
                CHECK_EQ(out[i], n[i] >= 'A' && n[i] <= 'Z' && i > 0 ? n[i] + 32 : n[i]);
        }
}

TEST(names_have_255_bytes)
{
    char t[600] = "";
    for (int i = 0; i < 127; i++)
        strcat(t, "a.");
    struct name n;
    CHECK_EQ(name_from(t, &n), ST_OK);
    CHECK_EQ(name_len(n.w), 255);
    CHECK_EQ(name_labels(n.w), 127);
    strcat(t, "a.");
    CHECK_EQ(name_from(t, &n), ST_ENAME);
    t[strlen(t) - 1] = '\0';
    CHECK_EQ(name_from(t, &n), ST_ENAME);
    t[strlen(t) - 2] = '\0';
    CHECK_EQ(name_from(t, &n), ST_OK);
    CHECK_EQ(name_len(n.w), 255);
}

TEST(relative_names_get_the_origin)
{
    struct name o, n;
    char buf[NAME_TEXT_MAX];
    REQUIRE(name_from("example.org.", &o) == ST_OK);
    CHECK_EQ(name_parse(bytes_str("www"), o.w, &n), ST_OK);
    CHECK_STR(name_str(n.w, buf), "www.example.org.");
    CHECK_EQ(name_parse(bytes_str("@"), o.w, &n), ST_OK);
    CHECK_STR(name_str(n.w, buf), "example.org.");
    CHECK_EQ(name_parse(bytes_str("\\@"), o.w, &n), ST_OK);
    CHECK_STR(name_str(n.w, buf), "\\@.example.org.");
}

/* The example of RFC 4034 section 6.1. */
TEST(canonical_order)
{
    static const char *const in_order[] = {
        "example.",         "a.example.",      "yljkjljk.a.example.",
        "Z.a.example.",     "zABC.a.EXAMPLE.", "z.example.",
        "\\001.z.example.", "*.z.example.",    "\\200.z.example."};
    for (size_t i = 0; i < ARRAY_LEN(in_order); i++)
        for (size_t j = 0; j < ARRAY_LEN(in_order); j++) {
            struct name a, b;
            REQUIRE(name_from(in_order[i], &a) == ST_OK && name_from(in_order[j], &b) == ST_OK);
            CHECK_EQ(name_compare(a.w, b.w), (i > j) - (i < j));
            CHECK_EQ(name_equal(a.w, b.w), i == j);
        }
}

TEST(ancestors)
{
    struct name a, b, r;
    char buf[NAME_TEXT_MAX];
    REQUIRE(name_from("www.Example.ORG.", &a) == ST_OK && name_from("example.org.", &b) == ST_OK);
    CHECK(name_in(a.w, b.w));
    CHECK(!name_in(b.w, a.w));
    CHECK(name_in(a.w, name_root));
    CHECK_EQ(name_common(a.w, b.w), 2);
    REQUIRE(name_from("xexample.org.", &a) == ST_OK);
    CHECK(!name_in(a.w, b.w));
    CHECK_EQ(name_common(a.w, b.w), 1);
    REQUIRE(name_from("a.b.old.", &a) == ST_OK && name_from("new.example.", &b) == ST_OK);
    CHECK_EQ(name_replace_suffix(a.w, 1, b.w, &r), ST_OK);
    CHECK_STR(name_str(r.w, buf), "a.b.new.example.");
}

/* RFC 1035 section 4.1.4: pointers to a prior occurrence only. */
TEST(compressed_names)
{
    static const uint8_t msg[] = {0,  0,    0,   0,    0,   0,    0, 0,    0,    0,  0,
                                  0,  3,    'o', 'r',  'g', 0,    1, 'a',  0xc0, 12, 0xc0,
                                  17, 0xc0, 23,  0xc0, 27,  0x40, 0, 0xc0, 2};
    struct bytes m = bytes_of(msg, sizeof msg);
    struct name n;
    size_t next;
    char buf[NAME_TEXT_MAX];
    CHECK_EQ(name_unpack(m, 17, &n, &next), ST_OK);
    CHECK_EQ(next, 21);
    CHECK_STR(name_str(n.w, buf), "a.org.");
    CHECK_EQ(name_unpack(m, 21, &n, &next), ST_OK);
    CHECK_EQ(next, 23);
    CHECK_EQ(name_unpack(m, 23, &n, &next), ST_EPOINTER); /* to itself */
    CHECK_EQ(name_unpack(m, 25, &n, &next), ST_EPOINTER); /* forwards */
    CHECK_EQ(name_unpack(m, 27, &n, &next), ST_ENAME);    /* label type 01 */
    CHECK_EQ(name_unpack(m, 29, &n, &next), ST_EPOINTER); /* into the header */
    CHECK_EQ(name_unpack(m, sizeof msg, &n, &next), ST_ESHORT);
    CHECK_EQ(name_unpack(bytes_of(msg, 15), 12, &n, &next), ST_ESHORT);
}
