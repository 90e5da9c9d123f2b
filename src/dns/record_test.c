#include "base/test.h"
#include "dns/record.h"

static enum status read_line(const char *text, struct record_line *ret, struct diag *d)
{
    static uint8_t room[4096];
    struct writer w = wr_of(room, sizeof room);
    *d = (struct diag){0};
    return record_parse(bytes_str(text), &w, ret, d);
}

TEST(record_lines_are_read)
{
    static const struct {
        const char *text;
        uint16_t type;
        uint32_t ttl;
        size_t n;
    } good[] = {
        {"www.example.org. 300 A 192.0.2.1", RR_A, 300, 4},
        {"www.example.org IN 1h30m A 192.0.2.1", RR_A, 5400, 4},
        {"www.example.org 2w IN AAAA 2001:db8::1", RR_AAAA, 1209600, 16},
        {"x CNAME www.example.org", RR_CNAME, RECORD_TTL, 17},
        {"a\\.b. TXT \"with ; inside\" more ; a comment", RR_TXT, RECORD_TTL, 19},
        {"\tx. 0 TYPE65400 \\# 2 abcd ", 65400, 0, 2},
        {". NS a.", RR_NS, RECORD_TTL, 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct record_line r;
        struct diag d;
        enum status st = read_line(good[i].text, &r, &d);
        test_point(st == ST_OK && r.type == good[i].type && r.ttl == good[i].ttl &&
                       r.rdata.n == good[i].n,
                   "%s (%s %s)", good[i].text, status_text(st), d.message);
    }
}

TEST(record_lines_that_are_wrong)
{
    static const struct {
        const char *text;
        unsigned column;
    } bad[] = {
        {"", 1},
        {"  ", 3},
        {"www.example.org.", 17},
        {"a..b A 192.0.2.1", 1},
        {"x 300", 6},
        {"x CH A 1.2.3.4", 3},
        {"x A 192.0.2", 5},
        {"x NOSUCH 1", 3},
        {"x OPT", 3},
        {"x ANY a", 3},
        {"x A", 4},
        {"x 99999999999 A 1.2.3.4", 3},
        {"x 1h1 1h A 1.2.3.4", 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct record_line r;
        struct diag d;
        enum status st = read_line(bad[i].text, &r, &d);
        test_point(st != ST_OK && d.message[0] != '\0' && d.column == bad[i].column,
                   "refused: %s (%s at %u)", bad[i].text, d.message, d.column);
    }
}
