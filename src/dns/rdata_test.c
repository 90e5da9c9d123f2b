#include "base/test.h"
#include "dns/rdata.h"

#include <stdlib.h>

struct buf {
    uint8_t b[4096];
    struct bytes rd;
};

static enum status parse(uint16_t type, const char *line, struct buf *ret)
{
    struct writer w = wr_of(ret->b, sizeof ret->b);
    struct name origin;
    struct diag d = {0};
    if (name_from("example.", &origin) != ST_OK)
        return ST_ENAME;
    enum status st = rdata_parse_line(type, bytes_str(line), origin.w, &w, &d);
    ret->rd = wr_done(&w);
    return st;
}

static void check_text(uint16_t type, const char *line, const char *want)
{
    struct buf b;
    char out[4096];
    struct text t = text_of(out, sizeof out);
    enum status st = parse(type, line, &b);
    if (st != ST_OK) {
        test_fail(__FILE__, __LINE__, "\"%s\": %s", line, status_text(st));
        return;
    }
    rdata_text(type, b.rd, &t);
    CHECK_STR(out, want);
}

TEST(rdata_prints_what_it_read)
{
    check_text(RR_A, "192.0.2.1", "192.0.2.1");
    check_text(RR_SOA, "ns root.example. 7 1h 15m 1w 1d",
               "ns.example. root.example. 7 3600 900 604800 86400");
    check_text(RR_TXT, "a \"b c\" \\\"d\\009", "\"a\" \"b c\" \"\\\"d\\009\"");
    check_text(RR_NSEC, "@ A TYPE65000 NSEC", "example. A NSEC TYPE65000");
    check_text(RR_NSEC3, "1 0 0 - 2vptu5timamqttgl4luu9kg21e0aor3s",
               "1 0 0 - 2vptu5timamqttgl4luu9kg21e0aor3s");
    check_text(RR_MX, "( 10\tmail ) ; the first", "10 mail.example.");
    check_text(RR_TXT, "a\"b;c\"d\\;e;f", "\"a\" \"b;c\" \"d;e\"");
    check_text(65400, "\\# 3 01 020 3", "\\# 3 010203");
    check_text(RR_A, "\\# 4 C0000201", "192.0.2.1");
}

/* RFC 3597 section 4: pointers are followed in the types of RFC 1035 and a few more, in no others.
 */
TEST(rdata_decompresses_where_it_may)
{
    uint8_t msg[64] = {0}, out[512];
    static const uint8_t name[] = {3, 'o', 'r', 'g', 0}, mx[] = {0, 5, 1, 'a', 0xc0, 12};
    memcpy(msg + 12, name, sizeof name);
    memcpy(msg + 20, mx, sizeof mx);
    struct bytes m = {msg, 26};
    struct writer w = wr_of(out, sizeof out);
    REQUIRE(rdata_from_wire(RR_MX, m, 20, 6, &w) == ST_OK);
    CHECK_EQ(wr_len(&w), 2 + 7);
    CHECK(rdata_from_wire(RR_KX, m, 20, 6, &w) != ST_OK);
    CHECK(rdata_from_wire(RR_MX, m, 20, 5, &w) == ST_ESHORT);
    CHECK(rdata_from_wire(RR_MX, m, 20, 7, &w) == ST_ESHORT);
    CHECK_EQ(wr_len(&w), 2 + 7);
    msg[26] = 1;
    m.n = 27;
    CHECK(rdata_from_wire(RR_MX, m, 20, 7, &w) == ST_ETRAIL);
    msg[25] = 24; /* not backwards of where the name begins */
    CHECK(rdata_from_wire(RR_MX, m, 20, 6, &w) == ST_EPOINTER);
}

/* RFC 4034 section 6.2 as amended by RFC 6840 section 5.1: RRSIG's signer yes, NSEC's next name no.
 */
TEST(rdata_canonical_form)
{
    struct buf a, b;
    uint8_t out[512];
    struct writer w = wr_of(out, sizeof out);
    REQUIRE(parse(RR_MX, "5 MAIL.Example.", &a) == ST_OK &&
            parse(RR_MX, "5 mail.example.", &b) == ST_OK);
    REQUIRE(rdata_canonical(RR_MX, a.rd, &w) == ST_OK);
    CHECK(bytes_equal(wr_done(&w), b.rd));
    CHECK_EQ(rdata_compare(RR_MX, a.rd, b.rd), 0);
    REQUIRE(parse(RR_MX, "4 z.", &b) == ST_OK);
    CHECK_EQ(rdata_compare(RR_MX, a.rd, b.rd), 1);
    REQUIRE(parse(RR_NSEC, "A.Example. A", &a) == ST_OK);
    w = wr_of(out, sizeof out);
    REQUIRE(rdata_canonical(RR_NSEC, a.rd, &w) == ST_OK);
    CHECK(bytes_equal(wr_done(&w), a.rd));
    REQUIRE(parse(RR_RRSIG, "A 8 2 300 20300101000000 20200101000000 7 EXAMPLE. AAAA", &a) ==
            ST_OK);
    w = wr_of(out, sizeof out);
    REQUIRE(rdata_canonical(RR_RRSIG, a.rd, &w) == ST_OK);
    CHECK_EQ(out[19], 'e');
}

TEST(rdata_names_for_the_encoder)
{
    struct buf b;
    struct rdata_name n[RDATA_NAMES_MAX];
    REQUIRE(parse(RR_SOA, "ns root 1 2 3 4 5", &b) == ST_OK);
    CHECK_EQ(rdata_names(RR_SOA, b.rd, n), 2);
    CHECK(n[0].off == 0 && n[0].compress && !n[0].additional && n[1].off == 12);
    REQUIRE(parse(RR_SRV, "1 2 3 host", &b) == ST_OK);
    CHECK_EQ(rdata_names(RR_SRV, b.rd, n), 1);
    CHECK(n[0].off == 6 && !n[0].compress && n[0].additional);
    CHECK_EQ(rdata_names(RR_TXT, b.rd, n), 0);
}

TEST(rdata_errors_say_where)
{
    uint8_t out[64];
    struct writer w = wr_of(out, sizeof out);
    struct diag d = {0};
    CHECK(rdata_parse_line(RR_MX, bytes_str("ten mail."), NULL, &w, &d) == ST_ESYNTAX);
    CHECK_EQ(d.column, 1);
    CHECK_STR(d.hint, "write: MX preference exchange");
    CHECK_STR(d.message, "MX: preference is \"ten\", not a number from 0 to 65535");
    CHECK(rdata_parse_line(RR_MX, bytes_str("10"), NULL, &w, &d) == ST_ESHORT);
    CHECK_EQ(d.column, 3);
    CHECK(rdata_parse_line(RR_A, bytes_str("192.0.2.1 x"), NULL, &w, &d) == ST_ETRAIL);
    CHECK_EQ(d.column, 11);
    CHECK_EQ(wr_len(&w), 0);
}

/* RFC 9460 section 2.1: a value may be quoted; a scanner may hand it over with its key or as a
 * word. */
TEST(svcb_values_in_quotes)
{
    static const struct token apart[] = {{.text = {(const uint8_t *)"1", 1}},
                                         {.text = {(const uint8_t *)".", 1}},
                                         {.text = {(const uint8_t *)"alpn=", 5}},
                                         {.text = {(const uint8_t *)"h2,h3", 5}, .quoted = true},
                                         {.text = {(const uint8_t *)"port=53", 7}}};
    uint8_t out[64];
    char buf[100];
    struct writer w = wr_of(out, sizeof out);
    struct text t = text_of(buf, sizeof buf);
    REQUIRE(rdata_parse(RR_SVCB, apart, ARRAY_LEN(apart), NULL, &w, NULL) == ST_OK);
    rdata_text(RR_SVCB, wr_done(&w), &t);
    CHECK_STR(buf, "1 . alpn=\"h2,h3\" port=53");
    check_text(RR_HTTPS, "1 . port=53 alpn=\"h2,h3\"", "1 . alpn=\"h2,h3\" port=53");
    check_text(RR_HTTPS, "1 . alpn=h2,h3 port=\"53\"", "1 . alpn=\"h2,h3\" port=53");
}

static void check_json(uint16_t type, const char *line, const char *want)
{
    struct buf b;
    struct text t = text_heap(4096);
    struct json j = json_of(&t, false);
    if (parse(type, line, &b) == ST_OK)
        rdata_json(type, b.rd, &j);
    CHECK_STR(text_cstr(&t), want);
    text_free(&t);
}

TEST(rdata_as_json)
{
    check_json(RR_MX, "10 mx", "{\"preference\":10,\"exchange\":\"mx.example.\"}");
    check_json(RR_TXT, "a \"b\\\"\"", "{\"strings\":[\"a\",\"b\\\"\"]}");
    check_json(RR_HTTPS, "1 . alpn=h2,h3 port=53 ipv4hint=192.0.2.1 key9999=x",
               "{\"priority\":1,\"target\":\".\",\"params\":{\"alpn\":[\"h2\",\"h3\"],\"port\":53,"
               "\"ipv4hint\":[\"192.0.2.1\"],\"key9999\":\"x\"}}");
    check_json(RR_NSEC3PARAM, "1 0 5 AB",
               "{\"hash\":1,\"flags\":0,\"iterations\":5,\"salt\":\"AB\"}");
    check_json(
        RR_AMTRELAY, "10 1 1 192.0.2.1",
        "{\"precedence\":10,\"type\":1,\"discovery_optional\":true,\"relay\":\"192.0.2.1\"}");
    check_json(RR_CSYNC, "1 3 A NS", "{\"serial\":1,\"flags\":3,\"types\":[\"A\",\"NS\"]}");
    check_json(65000, "\\# 2 ABCD", "{\"data\":\"ABCD\"}");
}

/* The longest list of words that a record can be. */
TEST(rdata_of_very_many_words)
{
    uint8_t *a = calloc(1, 65535), *b = malloc(65535);
    struct text t = text_heap(1 << 20);
    REQUIRE(a != NULL && b != NULL);
    struct writer w = wr_of(b, 65535);
    REQUIRE(rdata_check(RR_TXT, bytes_of(a, 65535)) == ST_OK);
    rdata_text(RR_TXT, bytes_of(a, 65535), &t);
    CHECK(rdata_parse_line(RR_TXT, bytes_of(t.p, t.n), NULL, &w, NULL) == ST_OK);
    CHECK(bytes_equal(wr_done(&w), bytes_of(a, 65535)));
    CHECK(rdata_check(RR_TXT, bytes_of(a, 65536)) == ST_ERANGE);
    text_free(&t);
    free(a);
    free(b);
}

/* Contradictions stay on the wire, are not read from a zone, and print in generic form. */
TEST(rdata_odd_forms)
{
    static const uint8_t no_alpn[] = {0, 1, 0, 0, 2, 0, 0};
    struct bytes rd = {no_alpn, sizeof no_alpn};
    CHECK(rdata_check(RR_SVCB, rd) == ST_OK && !rdata_has_text(RR_SVCB, rd));
    CHECK(!rdata_has_text(RR_NULL, rd) && !rdata_has_text(65000, rd));
    CHECK(rdata_has_text(RR_TXT, bytes_of("\1a", 2)));
}

TEST(rdata_needs_room)
{
    uint8_t out[16];
    struct diag d = {0};
    for (size_t cap = 0; cap < 16; cap++) {
        struct writer w = wr_of(out, cap);
        CHECK(rdata_parse_line(RR_MX, bytes_str("10 mail.example."), NULL, &w, &d) == ST_ENOSPACE);
        CHECK_EQ(wr_len(&w), 0);
        CHECK(rdata_parse_line(RR_SVCB, bytes_str("1 a. alpn=h2,h3 port=1"), NULL, &w, &d) ==
              ST_ENOSPACE);
        CHECK(rdata_parse_line(RR_CAA, bytes_str("0 issue \"an.example\""), NULL, &w, &d) ==
              ST_ENOSPACE);
        CHECK_EQ(wr_len(&w), 0);
    }
}
