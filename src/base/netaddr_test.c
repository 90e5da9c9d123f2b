#include "base/netaddr.h"
#include "base/test.h"

static const char *reprint(const char *in)
{
    static char buf[NETADDR_TEXT_MAX];
    struct netaddr a;
    struct text t = text_of(buf, sizeof buf);
    if (netaddr_parse(bytes_str(in), &a) != ST_OK)
        return "bad";
    netaddr_text(&a, &t);
    return buf;
}

/* RFC 5952 section 4 and RFC 4291 section 2.2 */
TEST(addresses_print_canonically)
{
    CHECK_STR(reprint("192.0.2.1"), "192.0.2.1");
    CHECK_STR(reprint("2001:0DB8:0:0:0:0:0:1"), "2001:db8::1");
    CHECK_STR(reprint("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");
    CHECK_STR(reprint("2001:0:0:1:0:0:0:1"), "2001:0:0:1::1");
    CHECK_STR(reprint("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
    CHECK_STR(reprint("::"), "::");
    CHECK_STR(reprint("::1"), "::1");
    CHECK_STR(reprint("1::"), "1::");
    CHECK_STR(reprint("::ffff:192.0.2.1"), "::ffff:192.0.2.1");
    CHECK_STR(reprint("1:2:3:4:5:6:7:8"), "1:2:3:4:5:6:7:8");
    CHECK_STR(reprint("1:2:3:4:5:6:1.2.3.4"), "1:2:3:4:5:6:102:304");
}

TEST(bad_addresses_are_refused)
{
    static const char *const bad[] = {
        "",    "1.2.3",   "1.2.3.4.5", "01.2.3.4",          "256.1.1.1",         "1.2.3.4 ",
        ":",   ":::",     "1::2::3",   "1:2:3:4:5",         "12345::",           "1:",
        "g::", "::1.2.3", ":1::",      "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8:9"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (strcmp(reprint(bad[i]), "bad") != 0)
            test_fail(__FILE__, __LINE__, "\"%s\" was accepted", bad[i]);
}

TEST(ports_and_prefixes)
{
    struct netaddr a;
    CHECK_EQ(netaddr_parse_port(bytes_str("127.0.0.1:5353"), 53, &a), ST_OK);
    CHECK_EQ(a.port, 5353);
    CHECK_EQ(netaddr_parse_port(bytes_str("[::1]:99"), 53, &a), ST_OK);
    CHECK_EQ(a.port, 99);
    CHECK_EQ(netaddr_parse_port(bytes_str("::1"), 53, &a), ST_OK);
    CHECK_EQ(a.port, 53);
    CHECK_EQ(netaddr_parse_port(bytes_str("::1@54"), 53, &a), ST_OK);
    CHECK_EQ(a.port, 54);
    CHECK(netaddr_parse_port(bytes_str("1.2.3.4:70000"), 53, &a) != ST_OK);
    struct netprefix p;
    CHECK_EQ(netprefix_parse(bytes_str("192.0.2.128/25"), &p), ST_OK);
    CHECK_EQ(netaddr_parse(bytes_str("192.0.2.127"), &a), ST_OK);
    CHECK(!netprefix_covers(&p, &a));
    CHECK_EQ(netaddr_parse(bytes_str("192.0.2.200"), &a), ST_OK);
    CHECK(netprefix_covers(&p, &a));
    CHECK_EQ(netprefix_parse(bytes_str("192.0.2.1/24"), &p), ST_ESEMANTIC);
    CHECK(netprefix_parse(bytes_str("192.0.2.0/33"), &p) != ST_OK);
    CHECK_EQ(netprefix_parse(bytes_str("0.0.0.0/0"), &p), ST_OK);
    CHECK(netprefix_covers(&p, &a));
}
