/* Tests of the bottom layer: arena, readers and writers, text, JSON, hashes, heap, codecs. */
#include "base/arena.h"
#include "base/codec.h"
#include "base/diag.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/reader.h"
#include "base/test.h"

TEST(arena_keeps_its_cap)
{
    struct arena a;
    arena_init(&a, 1024, 4096);
    CHECK(arena_alloc(&a, 8000) == NULL);
    int n = 0;
    while (arena_alloc(&a, 500) != NULL && n < 100)
        n++;
    CHECK(n >= 4 && n <= 8);
    arena_reset(&a);
    CHECK(arena_alloc(&a, 500) != NULL);
    CHECK(((uintptr_t)arena_alloc(&a, 3) & 15) == 0);
    arena_free(&a);
    CHECK_EQ(a.total, 0);
}

TEST(reader_fails_for_good)
{
    struct reader r = rd_of(bytes_of("\x01\x02\x03", 3));
    CHECK_EQ(rd_u16(&r), 0x0102);
    CHECK_EQ(rd_u16(&r), 0);
    CHECK(!rd_ok(&r));
    CHECK_EQ(rd_u8(&r), 0);
    CHECK_EQ(rd_left(&r), 0);
}

TEST(writer_rolls_back)
{
    uint8_t buf[4];
    struct writer w = wr_of(buf, sizeof buf);
    wr_u16(&w, 7);
    uint8_t *mark = wr_mark(&w);
    wr_u32(&w, 1);
    CHECK(!wr_ok(&w));
    wr_rollback(&w, mark);
    wr_u16(&w, 9);
    CHECK(wr_ok(&w));
    CHECK_EQ(wr_len(&w), 4);
}

TEST(text_is_bounded)
{
    char buf[8];
    struct text t = text_of(buf, sizeof buf);
    text_str(&t, "0123456789");
    CHECK(t.cut);
    CHECK_STR(text_cstr(&t), "0123456");
    struct text h = text_heap(1000);
    for (int i = 0; i < 99; i++)
        text_fmt(&h, "%09d.", i);
    CHECK(!h.cut);
    CHECK_EQ(h.n, 990);
    text_str(&h, "0123456789");
    CHECK(h.cut);
    CHECK_EQ(h.n, 999);
    text_free(&h);
}

/* RFC 8914 section 2: UTF-8, so no half characters; and no half words. */
TEST(text_is_cut_at_a_word)
{
    static const struct {
        const char *text, *want;
        size_t max;
    } v[] = {
        {"the zone is old", "the zone is old", 15},
        {"the zone is old", "the zone is...", 14},
        {"the zone, which is old", "the zone...", 13},
        {"abcdefghijkl", "abcdefg...", 10},
        {"abcdef\xc3\xa9\xc3\xa9\xc3\xa9", "abcdef...", 10},
        {"abcdef\xc3\xa9\xc3\xa9\xc3\xa9", "abcdef\xc3\xa9...", 11},
        {"abc", "...", 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        char buf[64];
        size_t n = strlen(v[i].text), keep = text_shorten(v[i].text, n, v[i].max);
        struct text b = text_of(buf, sizeof buf);
        text_bytes(&b, v[i].text, keep);
        text_str(&b, keep < n ? "..." : "");
        CHECK_STR(buf, v[i].want);
    }
    char small[20];
    struct text t = text_of(small, sizeof small);
    text_str(&t, "the signature of example.org. has expired");
    text_end_cut(&t);
    CHECK_STR(text_cstr(&t), "the signature...");
}

TEST(json_is_valid)
{
    struct text t = text_heap(1000);
    struct json j = json_of(&t, false);
    json_object(&j);
    json_kv_str(&j, "a", "x\"\\\n\x01\xff\xc3\xa9");
    json_key(&j, "b");
    json_array(&j);
    json_uint(&j, 1);
    json_bool(&j, true);
    json_array_end(&j);
    json_object_end(&j);
    CHECK_STR(text_cstr(&t), "{\"a\":\"x\\\"\\\\\\n\\u0001\\u00ff\xc3\xa9\",\"b\":[1,true]}");
    text_free(&t);
}

/* Published vectors of SipHash-2-4: key 00..0f, message 00, 01, .. of n bytes. */
TEST(siphash_vectors)
{
    static const struct {
        size_t n;
        uint64_t h;
        struct hash_key h128;
    } v[] = {{0, 0x726fdb47dd0e0e31u, {0xe6a825ba047f81a3u, 0x930255c71472f66du}},
             {3, 0x85676696d7fb7e2du, {0x4ea967520cb6709cu, 0x51ed8529b0b6335fu}},
             {8, 0x93f5f5799a932462u, {0x61f55862baa9623bu, 0xb49714f364e2830fu}},
             {9, 0x9e0082df0ba9e4b0u, {0xabbad90a06994426u, 0xed716dbb028b7fc4u}},
             {15, 0xa129ca6149be45e5u, {0x11a8b03399e99354u, 0xd9c3cf970fec087eu}}};
    uint8_t m[15];
    for (uint8_t i = 0; i < 15; i++)
        m[i] = i;
    struct hash_key k = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        struct hash_key h = siphash24_128(&k, m, v[i].n);
        CHECK(siphash24(&k, m, v[i].n) == v[i].h);
        CHECK(h.k0 == v[i].h128.k0 && h.k1 == v[i].h128.k1);
    }
    CHECK(siphash13(&k, m, 15) != siphash13(&k, m, 14));
    CHECK(siphash13_128(&k, m, 15).k1 != siphash13_128(&k, m, 14).k1);
}

TEST(heap_orders)
{
    struct heap h;
    struct heap_node n[50] = {0};
    struct prng r = {1};
    heap_init(&h, 50);
    for (int i = 0; i < 50; i++)
        CHECK_EQ(heap_set(&h, &n[i], prng_below(&r, 1000)), ST_OK);
    struct heap_node extra = {0};
    CHECK_EQ(heap_set(&h, &extra, 1), ST_ELIMIT);
    for (int i = 0; i < 50; i += 3)
        heap_remove(&h, &n[i]);
    for (int i = 1; i < 50; i += 3)
        CHECK_EQ(heap_set(&h, &n[i], prng_below(&r, 1000)), ST_OK);
    uint64_t last = 0;
    int count = 0;
    for (struct heap_node *t; (t = heap_top(&h)) != NULL; count++) {
        CHECK(t->key >= last);
        last = t->key;
        heap_remove(&h, t);
    }
    CHECK_EQ(count, 33);
    heap_free(&h);
}

/* RFC 4648 section 10 */
TEST(codecs)
{
    static const char *const b64[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                      "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    static const char *const b32[] = {"",        "co",       "cpng",      "cpnmu",
                                      "cpnmuog", "cpnmuoj1", "cpnmuoj1e8"};
    for (size_t n = 0; n <= 6; n++) {
        char buf[64];
        uint8_t raw[64];
        struct text t = text_of(buf, sizeof buf);
        base64_text(bytes_of("foobar", n), &t);
        CHECK_STR(buf, b64[n]);
        struct writer w = wr_of(raw, sizeof raw);
        CHECK_EQ(base64_parse(bytes_str(buf), &w), ST_OK);
        CHECK(bytes_equal(wr_done(&w), bytes_of("foobar", n)));
        text_clear(&t);
        base32hex_text(bytes_of("foobar", n), &t);
        CHECK_STR(buf, b32[n]);
        w = wr_of(raw, sizeof raw);
        CHECK_EQ(base32hex_parse(bytes_str(buf), &w), ST_OK);
        CHECK(bytes_equal(wr_done(&w), bytes_of("foobar", n)));
    }
    uint8_t raw[8];
    struct writer w = wr_of(raw, sizeof raw);
    CHECK_EQ(base64_parse(bytes_str("Zh=="), &w), ST_ESYNTAX);
    CHECK_EQ(base64_parse(bytes_str("Z==="), &w), ST_ESYNTAX);
    CHECK_EQ(hex_parse(bytes_str("0g"), &w), ST_ESYNTAX);
    CHECK_EQ(hex_parse(bytes_str("0"), &w), ST_ESYNTAX);
    CHECK_EQ(hex_parse(bytes_str("0a0B"), &w), ST_OK);
}

TEST(nearest_word_suggests)
{
    static const char *const words[] = {"listen", "zones", "cookie-secret"};
    CHECK_STR(nearest_word("lisen", words, 3), "listen");
    CHECK_STR(nearest_word("cookie_secret", words, 3), "cookie-secret");
    CHECK(nearest_word("banana", words, 3) == NULL);
}
