#include "dnssec/online.h"

#include "dnssec/testlib.h"

static struct name successor(const struct name *n)
{
    struct name s;
    name_successor(n->w, name_root, &s);
    return s;
}

/* RFC 4471 section 3.1.2. */
TEST(successors)
{
    struct name n, want;
    REQUIRE(name_from("a.example.", &n) == ST_OK && name_from("\\000.a.example.", &want) == ST_OK);
    CHECK(name_equal(successor(&n).w, want.w));
    REQUIRE(name_from(".", &n) == ST_OK && name_from("\\000.", &want) == ST_OK);
    CHECK(name_equal(successor(&n).w, want.w));
}

/* Of names as long as names can be, the successor is valid, larger, and there is nothing between
 * (but names below, which would be too long). */
TEST(successors_of_long_names)
{
    struct prng r = {1};
    for (int round = 0; round < 20000; round++) {
        struct name n;
        size_t at = 0, total = 250 + prng_below(&r, 6);
        while (at + 2 < total) {
            size_t len = 1 + prng_below(&r, 63);
            len = MIN(len, total - at - 2);
            n.w[at++] = (uint8_t)len;
            for (size_t i = 0; i < len; i++)
                n.w[at++] = prng_below(&r, 3) == 0 ? 0xff : (uint8_t)('@' + prng_below(&r, 3));
        }
        n.w[at] = 0;
        struct name s = successor(&n);
        size_t len;
        REQUIRE(name_scan(bytes_of(s.w, LIMIT_NAME), &len) == ST_OK);
        bool last = true; /* nothing can follow */
        for (const uint8_t *p = n.w; *p != 0; p += 1 + *p)
            for (unsigned i = 1; i <= *p; i++)
                last = last && p[i] == 0xff;
        CHECK(name_is_root(s.w) ? last : name_compare(n.w, s.w) < 0);
    }
}
