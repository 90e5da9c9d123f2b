#include "control/control.h"

#include "base/limits.h"
#include "base/test.h"
#include "control/flat.h"
#include "dns/rr_type.h"

static enum status parse(const char *line, struct control_request *rq)
{
    struct diag d = {0};
    enum status st = control_parse(bytes_str(line), rq, &d);
    CHECK((st == ST_OK) == (d.message[0] == '\0'));
    return st;
}

TEST(control_requests_are_read)
{
    struct control_request rq;
    REQUIRE(parse("{\"command\":\"status\"}", &rq) == ST_OK);
    CHECK(rq.command == CONTROL_STATUS && !rq.json);
    REQUIRE(parse(" { \"json\" : true , \"command\":\"stats\" } ", &rq) == ST_OK);
    CHECK(rq.command == CONTROL_STATS && rq.json);
    REQUIRE(parse("{\"command\":\"flush\",\"name\":\"example.org\",\"below\":true}", &rq) == ST_OK);
    CHECK(rq.has_name && rq.below && rq.type == 0);
    REQUIRE(parse("{\"command\":\"trace\",\"name\":\"a\\u002eb\",\"format\":\"mermaid\"}", &rq) ==
            ST_OK);
    CHECK(rq.type == RR_A && rq.format == FORMAT_MERMAID);
    CHECK_EQ(name_labels(rq.name.w), 2);
}

TEST(control_bad_requests_are_refused)
{
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "[]",
        "null",
        "{\"command\":\"status\"",
        "{\"command\":\"status\"} x",
        "{\"command\":\"status\",}",
        "{\"command\":\"status\" \"json\":true}",
        "{\"command\":\"staus\"}",
        "{\"command\":true}",
        "{\"command\":\"status\",\"jsn\":true}",
        "{\"command\":\"status\",\"json\":1}",
        "{\"command\":\"status\",\"json\":\"true\"}",
        "{\"command\":\"flush\"}",
        "{\"command\":\"flush\",\"name\":\"a..b\"}",
        "{\"command\":\"trace\"}",
        "{\"command\":\"trace\",\"name\":\"a\",\"type\":\"NOSUCH\"}",
        "{\"command\":\"trace\",\"name\":\"a\",\"format\":\"xml\"}",
        "{\"command\":\"log-level\"}",
        "{\"command\":\"log-level\",\"level\":\"a very long level indeed\"}",
        "{\"command\":\"sta\ntus\"}",
        "{\"command\":\"\\x\"}",
        "{\"command\":\"\\u00\"}",
        "{\"command\":\"\\ud800\"}",
        "{\"command\":\"\\udc00\"}",
        "{\"command\":\"\\u0000\"}",
        "{\"command\":01}",
        "{\"command\":-1}",
        "{\"command\":1.5}",
        "{\"command\":{}}",
        "{\"command\":\"failures\",\"last\":\"3\"}",
        "{\"command\":\"failures\",\"last\":4294967296}",
        "{\"command\":\"failures\",\"reason\":\"\"}",
        "{\"command\":\"failures\",\"reason\":\"no such words\"}",
        "{\"command\":\"slow\",\"hour\":1}",
        "{\"command\":\"servers\",\"address\":\"192.0.2\"}",
        "{\"command\":[\"status\"]}",
    };
    struct control_request rq;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        test_point(parse(bad[i], &rq) != ST_OK, "bad request %zu is refused", i);
}

TEST(control_requests_survive_the_wire)
{
    for (int i = 0; i < CONTROL_COUNT; i++) {
        struct control_request rq = {.command = (enum control_command)i,
                                     .has_name = true,
                                     .type = RR_MX,
                                     .cold = true,
                                     .format = FORMAT_EXPLAIN,
                                     .level = "debug",
                                     .reason = "dnssec-expired",
                                     .last = 17,
                                     .over_ms = 1900,
                                     .hour = true,
                                     .address = netaddr_v4((const uint8_t[]){192, 0, 2, 1}, 0)};
        struct control_request back;
        struct text t = text_heap(4096);
        CHECK(name_from("a\\.b.\\200.example", &rq.name) == ST_OK);
        control_write(&rq, &t);
        REQUIRE(control_parse(bytes_of(t.p, t.n - 1), &back, &(struct diag){0}) == ST_OK);
        CHECK(back.command == rq.command && back.type == RR_MX && back.cold &&
              back.format == FORMAT_EXPLAIN);
        CHECK(name_equal(back.name.w, rq.name.w));
        CHECK_STR(back.level, "debug");
        CHECK_STR(back.reason, "dnssec-expired");
        CHECK(back.last == 17 && back.over_ms == 1900 && back.hour);
        CHECK(netaddr_equal(&back.address, &rq.address));
        text_free(&t);
    }
}

TEST(control_reply_headers)
{
    struct text t = text_heap(4096);
    struct control_reply r;
    control_reply_header("it \"broke\"\n", "so what", 12, &t);
    REQUIRE(control_reply_parse(bytes_of(t.p, t.n - 1), &r) == ST_OK);
    CHECK(!r.ok && r.size == 12);
    CHECK_STR(r.error, "it \"broke\"\n");
    CHECK_STR(r.hint, "so what");
    CHECK(control_reply_parse(bytes_str("{\"ok\":true}"), &r) != ST_OK);
    CHECK(control_reply_parse(bytes_str("{\"ok\":true,\"size\":99999999999}"), &r) != ST_OK);
    text_free(&t);
}

TEST(control_every_command_has_words)
{
    for (int i = 0; i < CONTROL_COUNT; i++) {
        enum control_command c;
        CHECK(control_from_word(control_word((enum control_command)i), &c) && (int)c == i);
        CHECK(control_help((enum control_command)i)[0] != '\0');
    }
    CHECK_STR(control_nearest("relod"), "reload");
}

TEST(control_flat_objects_have_bounds)
{
    struct text t = text_heap(1 << 20);
    struct flat f;
    struct flat_value v;
    char key[FLAT_TEXT];
    text_str(&t, "{");
    for (int i = 0; i < 100; i++)
        text_fmt(&t, "%s\"k%d\":1", i ? "," : "", i);
    text_str(&t, "}");
    REQUIRE(flat_begin(&f, bytes_of(t.p, t.n)) == ST_OK);
    enum status st;
    unsigned n = 0;
    while ((st = flat_next(&f, key, &v)) == ST_OK)
        n++;
    CHECK(st == ST_ELIMIT && n == FLAT_MEMBERS);
    flat_end(&f);
    text_clear(&t);
    text_str(&t, "{\"");
    for (int i = 0; i < 3000; i++)
        text_char(&t, 'x');
    text_str(&t, "\":1}");
    REQUIRE(flat_begin(&f, bytes_of(t.p, t.n)) == ST_OK);
    CHECK(flat_next(&f, key, &v) == ST_ELIMIT);
    flat_end(&f);
    text_free(&t);
}

TEST(control_stats_have_two_forms)
{
    const struct control_stat v[] = {
        {"a", "x", "help x", 1}, {"a", "y", "help y", 2}, {"b", "z", "help z", 3}};
    struct text t = text_heap(4096);
    control_stats_text(v, 3, &t);
    CHECK(strstr(text_cstr(&t), "help y") != NULL);
    text_clear(&t);
    control_stats_json(v, 3, &t);
    CHECK_STR(
        text_cstr(&t),
        "{\n  \"a\": {\n    \"x\": 1,\n    \"y\": 2\n  },\n  \"b\": {\n    \"z\": 3\n  }\n}\n");
    text_free(&t);
}
