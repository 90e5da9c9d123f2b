#include "crypto/digest.h"

#include "base/test.h"

/* FIPS 180-4's own examples: the digests of "abc". */
TEST(digests_of_abc)
{
    static const struct {
        enum digest_kind kind;
        uint8_t first[4];
        size_t size;
    } t[] = {{DIGEST_SHA1, {0xa9, 0x99, 0x3e, 0x36}, 20},
             {DIGEST_SHA256, {0xba, 0x78, 0x16, 0xbf}, 32},
             {DIGEST_SHA384, {0xcb, 0x00, 0x75, 0x3f}, 48},
             {DIGEST_SHA512, {0xdd, 0xaf, 0x35, 0xa1}, 64}};
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        uint8_t once[DIGEST_MAX], parts[DIGEST_MAX], again[DIGEST_MAX];
        CHECK_EQ(digest_size(t[i].kind), t[i].size);
        REQUIRE(digest_once(t[i].kind, bytes_str("abc"), once) == ST_OK);
        CHECK(memcmp(once, t[i].first, 4) == 0);
        struct digest *d = digest_new(t[i].kind);
        REQUIRE(d != NULL);
        digest_update(d, bytes_str("a"));
        digest_update(d, bytes_str(""));
        digest_update(d, bytes_str("bc"));
        CHECK(digest_final(d, parts) == ST_OK);
        digest_update(d, bytes_str("abc"));
        CHECK(digest_final(d, again) == ST_OK);
        CHECK(memcmp(once, parts, t[i].size) == 0 && memcmp(once, again, t[i].size) == 0);
        digest_free(d);
    }
}
