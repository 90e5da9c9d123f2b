#include "base/when.h"

#include "base/test.h"

TEST(moments_are_read)
{
    static const struct {
        const char *text;
        uint64_t want; /* 0: refused */
    } t[] = {
        {"2020-10-22T00:00:00Z", 1603324800},
        {"2020-10-22 00:00", 1603324800},
        {"2020-10-22", 1603324800},
        {"20201022000000", 1603324800},
        {"1603324800", 1603324800},
        {"2020-10-22T02:00:00+02:00", 1603324800},
        {"2020-10-21T19:30:00-04:30", 1603324800},
        {"2000-02-29T23:59:59Z", 951868799},
        {"2100-02-29", 0},
        {"2019-02-29", 0},
        {"2020-13-01", 0},
        {"2020-00-01", 0},
        {"2020-10-22T24:00:00Z", 0},
        {"2020-10-22T00:00:00X", 0},
        {"2020-10-22T00", 0},
        {"1969-12-31T23:59:59Z", 0},
        {"1970-01-01T00:30:00+01:00", 0},
        {"", 0},
        {"tomorrow", 0},
        {"2020102200000x", 0},
        {"2020-10-22T00:00:00+2:00", 0},
        {"9999-12-31T23:59:59Z", 253402300799},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        uint64_t got = 0;
        bool ok = when_parse(bytes_str(t[i].text), &got);
        if (ok != (t[i].want != 0) || (ok && got != t[i].want))
            test_fail(__FILE__, __LINE__, "%s: %llu", t[i].text, (unsigned long long)got);
    }
}

TEST(moments_are_written)
{
    char buf[64];
    for (uint64_t s = 0; s < 253402300800u; s += 86399 * 97) {
        struct text t = text_of(buf, sizeof buf);
        uint64_t back = 0;
        when_text(s, &t);
        CHECK(when_parse(bytes_of(t.p, t.n), &back) && back == s);
        t = text_of(buf, sizeof buf);
        when_digits(s, &t);
        CHECK(when_parse(bytes_of(t.p, t.n), &back) && back == s);
    }
    CHECK_EQ(when_date(1603324800), 20201022);
    struct text t = text_of(buf, sizeof buf);
    when_length(3 * 86400 + 4 * 3600 + 5, &t);
    CHECK_STR(text_cstr(&t), "3 d 4 h");
    t = text_of(buf, sizeof buf);
    when_length(59, &t);
    CHECK_STR(text_cstr(&t), "59 s");
}
