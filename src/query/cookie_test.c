#include "query/cookie.h"

#include "base/codec.h"
#include "base/test.h"

static struct bytes hex(const char *text, uint8_t *buf, size_t cap)
{
    struct writer w = wr_of(buf, cap);
    if (hex_parse(bytes_str(text), &w) != ST_OK)
        test_fail(__FILE__, __LINE__, "bad hex %s", text);
    return wr_done(&w);
}

static struct hash_key key_of(const char *secret)
{
    uint8_t b[16] = {0};
    (void)hex(secret, b, sizeof b);
    return cookie_key(b);
}

static struct netaddr addr_of(const char *text)
{
    struct netaddr a = {0};
    CHECK_EQ(netaddr_parse(bytes_str(text), &a), ST_OK);
    return a;
}

struct vector {
    const char *section, *secret, *client, *request, *reply;
    uint32_t at_s;
    bool good;
};

/* RFC 9018 appendix A. */
static const struct vector vectors[] = {
    {"A.1", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100", "2464c4abcf10c957",
     "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985, false},
    {"A.2", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100",
     "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
     "2464c4abcf10c957010000005cf7a871d4a564a1442aca77", 1559734385, true},
    {"A.3", "e5e973e5a6b2a43f48e7dc849e37bfcf", "203.0.113.203",
     "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
     "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e", 1559734700, false},
    {"A.4", "445536bcd2513298075a5d379663c962", "2001:db8:220:1:59de:d0f4:8769:82b8",
     "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
     "22681ab97d52c298010000005cf7c609a6bb79d16625507a", 1559741961, false},
};

TEST(cookie_matches_the_vectors_of_rfc_9018)
{
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct vector *v = &vectors[i];
        uint8_t req[40], want[40], made[COOKIE_SIZE];
        struct bytes r = hex(v->request, req, sizeof req), w = hex(v->reply, want, sizeof want);
        struct hash_key k = key_of(v->secret);
        struct netaddr a = addr_of(v->client);
        cookie_make(&k, r.p, &a, v->at_s, made);
        test_point(bytes_equal(bytes_of(made, sizeof made), w), "RFC 9018 %s: the cookie made",
                   v->section);
        test_point(cookie_check(&k, w, &a, v->at_s), "RFC 9018 %s: is taken again", v->section);
        if (v->good)
            test_point(cookie_check(&k, r, &a, v->at_s), "RFC 9018 %s: the one sent is good",
                       v->section);
    }
}

/* RFC 9018 appendix A.3: reserved bytes that are not zero are part of the hash. */
TEST(cookie_takes_reserved_bytes_as_they_come)
{
    uint8_t b[40];
    struct bytes c = hex("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", b, sizeof b);
    struct hash_key k = key_of("e5e973e5a6b2a43f48e7dc849e37bfcf");
    struct netaddr a = addr_of("203.0.113.203");
    CHECK(cookie_check(&k, c, &a, 0x5cf78f71));
    b[9] = 0;
    CHECK(!cookie_check(&k, c, &a, 0x5cf78f71));
}

/* RFC 9018 appendix A.4: the secret before is still taken. */
TEST(cookie_of_the_old_secret)
{
    uint8_t b[40];
    struct bytes c = hex("22681ab97d52c298010000005cf7c57926556bd0934c72f8", b, sizeof b);
    struct hash_key old = key_of("dd3bdf9344b678b185a6f5cb60fca715");
    struct hash_key now = key_of("445536bcd2513298075a5d379663c962");
    struct netaddr a = addr_of("2001:db8:220:1:59de:d0f4:8769:82b8");
    CHECK(cookie_check(&old, c, &a, 1559741961));
    CHECK(!cookie_check(&now, c, &a, 1559741961));
}

/* RFC 9018 section 4.3. */
TEST(cookie_ages)
{
    uint8_t c[COOKIE_SIZE];
    struct hash_key k = {1, 2};
    struct netaddr a = addr_of("192.0.2.1"), b = addr_of("192.0.2.2");
    cookie_make(&k, (const uint8_t *)"clientcl", &a, 1000000, c);
    struct bytes all = bytes_of(c, sizeof c);
    CHECK(cookie_check(&k, all, &a, 1000000 + COOKIE_OLD));
    CHECK(!cookie_check(&k, all, &a, 1000001 + COOKIE_OLD));
    CHECK(cookie_check(&k, all, &a, 1000000 - COOKIE_FUTURE));
    CHECK(!cookie_check(&k, all, &a, 999999 - COOKIE_FUTURE));
    CHECK(!cookie_check(&k, all, &b, 1000000));
    CHECK(!cookie_check(&k, bytes_of(c, 23), &a, 1000000));
    CHECK_EQ(cookie_age(all, 1000007), 7);
    c[8] = 2;
    CHECK(!cookie_check(&k, all, &a, 1000000));
    /* Serial arithmetic: the clock of 32 bits may wrap. */
    cookie_make(&k, (const uint8_t *)"clientcl", &a, 0xfffffff0u, c);
    CHECK(cookie_check(&k, all, &a, 100));
}
