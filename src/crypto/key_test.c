#include "base/codec.h"
#include "base/test.h"
#include "crypto/key.h"

#include <stdlib.h>

static const uint8_t signing[] = {8, 10, 13, 14, 15, 16};

static struct sec_key *made(uint8_t algorithm)
{
    struct sec_key *k = NULL;
    return sec_key_generate(algorithm, 1024, &k) == ST_OK ? k : NULL;
}

/* What a key signs, its public half read from a DNSKEY verifies; nothing else does. */
TEST(keys_sign_and_verify)
{
    struct bytes data = bytes_str("the data that is signed"), other = bytes_str("other data");
    for (size_t i = 0; i < sizeof signing; i++) {
        uint8_t pub[PUBLIC_KEY_MAX], sig[SIGNATURE_MAX];
        struct writer w = wr_of(pub, sizeof pub);
        struct sec_key *k = made(signing[i]), *p = NULL;
        size_t n = 0;
        REQUIRE(k != NULL);
        CHECK_EQ(sec_key_algorithm(k), signing[i]);
        CHECK(sec_key_is_private(k));
        REQUIRE(sec_key_public_write(k, &w) == ST_OK);
        REQUIRE(sec_key_public(signing[i], wr_done(&w), &p) == ST_OK);
        CHECK(!sec_key_is_private(p));
        CHECK(sec_sign(p, data, sig, &n) == ST_EUNSUPPORTED);
        for (int again = 0; again < 3; again++) {
            REQUIRE(sec_sign(k, data, sig, &n) == ST_OK);
            CHECK_EQ(n, sec_signature_size(k));
            CHECK(sec_verify(p, data, bytes_of(sig, n)) == ST_OK);
            CHECK(sec_verify(p, other, bytes_of(sig, n)) == ST_EFORMAT);
            CHECK(sec_verify(k, data, bytes_of(sig, n)) == ST_OK);
            CHECK(sec_verify(p, data, bytes_of(sig, n - 1)) == ST_EFORMAT);
            for (size_t b = 0; b < n; b += 7) {
                sig[b] ^= 0x10;
                CHECK(sec_verify(p, data, bytes_of(sig, n)) == ST_EFORMAT);
                sig[b] ^= 0x10;
            }
        }
        struct sec_key *s = sec_key_share(k);
        REQUIRE(s != NULL);
        sec_key_free(k);
        CHECK(sec_sign(s, data, sig, &n) == ST_OK &&
              sec_verify(p, data, bytes_of(sig, n)) == ST_OK);
        sec_key_free(s);
        sec_key_free(p);
    }
}

TEST(private_keys_read_back_from_their_text)
{
    struct bytes data = bytes_str("x");
    for (size_t i = 0; i < sizeof signing; i++) {
        uint8_t a[PUBLIC_KEY_MAX], b[PUBLIC_KEY_MAX], sig[SIGNATURE_MAX];
        struct writer wa = wr_of(a, sizeof a), wb = wr_of(b, sizeof b);
        struct text t = text_heap(8192);
        struct diag d = {0};
        struct sec_key *k = made(signing[i]), *again = NULL;
        size_t n;
        REQUIRE(k != NULL && sec_key_private_text(k, &t) == ST_OK);
        REQUIRE(sec_key_private(bytes_of(t.p, t.n), &again, &d) == ST_OK);
        CHECK(sec_key_public_write(k, &wa) == ST_OK && sec_key_public_write(again, &wb) == ST_OK);
        CHECK(wr_len(&wa) == wr_len(&wb) && memcmp(a, b, wr_len(&wa)) == 0);
        CHECK(sec_sign(again, data, sig, &n) == ST_OK);
        CHECK(sec_verify(k, data, bytes_of(sig, n)) == ST_OK);
        /* Cut anywhere, it is an error and not another key. */
        for (size_t cut = 0; cut + 8 < t.n; cut += 3) {
            struct sec_key *bad = NULL;
            d = (struct diag){0};
            CHECK(sec_key_private(bytes_of(t.p, cut), &bad, &d) != ST_OK && bad == NULL);
            CHECK(d.message[0] != '\0');
        }
        sec_key_free(k);
        sec_key_free(again);
        text_free(&t);
    }
}

/* RFC 8080 section 6.1: the private key gives this public key. */
TEST(ed25519_key_of_rfc8080)
{
    static const char file[] = "Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\n"
                               "PrivateKey: ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=\n";
    struct sec_key *k = NULL;
    uint8_t pub[PUBLIC_KEY_MAX];
    struct writer w = wr_of(pub, sizeof pub);
    char buf[100];
    struct text t = text_of(buf, sizeof buf);
    REQUIRE(sec_key_private(bytes_str(file), &k, NULL) == ST_OK);
    REQUIRE(sec_key_public_write(k, &w) == ST_OK);
    base64_text(wr_done(&w), &t);
    CHECK_STR(text_cstr(&t), "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=");
    CHECK_EQ(sec_key_bits(k), 256);
    sec_key_free(k);
}

/* RFC 6605 section 6.1. */
TEST(ecdsa_key_of_rfc6605)
{
    static const char file[] =
        "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\n"
        "PrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=\nCreated: 20100624072212\n";
    struct sec_key *k = NULL;
    uint8_t pub[PUBLIC_KEY_MAX];
    struct writer w = wr_of(pub, sizeof pub);
    char buf[100];
    struct text t = text_of(buf, sizeof buf);
    REQUIRE(sec_key_private(bytes_str(file), &k, NULL) == ST_OK);
    REQUIRE(sec_key_public_write(k, &w) == ST_OK);
    base64_text(wr_done(&w), &t);
    CHECK_STR(text_cstr(&t), "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+"
                             "e+MAnLr+Wi9xMWyQLc8NAA==");
    sec_key_free(k);
}

TEST(bad_private_keys_are_told)
{
    static const struct {
        const char *text, *message;
        uint32_t line;
        enum status st;
    } t[] = {
        {"", "the private-key file is empty", 0, ST_ESYNTAX},
        {"nonsense\n", "there is no colon", 1, ST_ESYNTAX},
        {"Algorithm: 13\n", "this is no private-key file", 1, ST_ESYNTAX},
        {"Private-key-format: v9\n", "the format is neither v1.2 nor v1.3", 1, ST_EUNSUPPORTED},
        {"Private-key-format: v1.3\n", "there is no Algorithm field", 0, ST_ESYNTAX},
        {"Private-key-format: v1.3\nAlgorithm: 12 (X)\n",
         "keys of this algorithm are not supported", 2, ST_EUNSUPPORTED},
        {"Private-key-format: v1.3\nAlgorithm: 5 (RSASHA1)\n",
         "this algorithm is no longer to be signed with (RFC 9905)", 2, ST_EUNSUPPORTED},
        {"Private-key-format: v1.3\nAlgorithm: 13 (X)\nPrivateKey: ?\n", "not base64", 3,
         ST_ESYNTAX},
        {"Private-key-format: v1.3\nAlgorithm: 13 (X)\nPrivateKey: AAAA\nPrivateKey: AAAA\n",
         "the field is there twice", 4, ST_ESYNTAX},
        {"Private-key-format: v1.3\nAlgorithm: 13 (X)\nPrivateKey: AAAA\n",
         "the numbers in it are no key of its algorithm", 0, ST_EFORMAT},
        {"Private-key-format: v1.3\nAlgorithm: 15\n", "the field PrivateKey is missing", 0,
         ST_EFORMAT},
        {"Private-key-format: v1.3\nAlgorithm: 8\nModulus: AQAB\n",
         "the field PublicExponent is missing", 0, ST_EFORMAT},
        {"Private-key-format: v1.3\nPrivatKey: AAAA\n", "unknown field", 2, ST_ESYNTAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct sec_key *k = NULL;
        struct diag d = {0};
        CHECK_EQ(sec_key_private(bytes_str(t[i].text), &k, &d), t[i].st);
        CHECK(k == NULL);
        CHECK_STR(d.message, t[i].message);
        CHECK_EQ(d.line, t[i].line);
        CHECK_EQ(sec_key_private(bytes_str(t[i].text), &k, NULL), t[i].st);
    }
}

/* RFC 3110, RFC 6605: what is no public key of its algorithm. */
TEST(bad_public_keys_are_refused)
{
    static const uint8_t zero[PUBLIC_KEY_MAX + 100] = {0};
    uint8_t rsa[4 + 600];
    struct sec_key *k = NULL;
    for (size_t n = 0; n < 200; n++)
        for (uint8_t a = 5; a <= 14; a++)
            CHECK(sec_key_public(a, bytes_of(zero, n), &k) != ST_OK);
    CHECK(sec_key_public(15, bytes_of(zero, 31), &k) == ST_EFORMAT);
    CHECK(sec_key_public(16, bytes_of(zero, 58), &k) == ST_EFORMAT);
    CHECK(sec_key_public(12, bytes_of(zero, 64), &k) == ST_EUNSUPPORTED);
    memset(rsa, 0xff, sizeof rsa);
    /* An exponent of eight bytes is taken, of nine not; a modulus of 511 or 4097 bits is not. */
    static const struct {
        size_t exponent, modulus;
        uint8_t first;
        bool ok;
    } t[] = {{1, 64, 0xff, true},  {8, 64, 0xff, true},  {9, 64, 0xff, false},
             {1, 64, 0x7f, false}, {1, 512, 0xff, true}, {1, 513, 0x01, false},
             {1, 63, 0xff, false}, {1, 0, 0xff, false},  {200, 64, 0xff, false}};
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        rsa[0] = (uint8_t)t[i].exponent;
        memset(rsa + 1, 0xff, sizeof rsa - 1);
        rsa[1 + t[i].exponent] = t[i].first;
        k = NULL;
        enum status st = sec_key_public(8, bytes_of(rsa, 1 + t[i].exponent + t[i].modulus), &k);
        CHECK_EQ(st == ST_OK, t[i].ok);
        sec_key_free(k);
    }
}

TEST(algorithms_have_names)
{
    uint8_t a = 0, n = 0;
    while ((a = sec_algorithm_next(a)) != 0) {
        uint8_t back = 0;
        CHECK(sec_algorithm_known(a) && sec_algorithm_name(a) != NULL);
        CHECK(sec_algorithm_parse(bytes_str(sec_algorithm_name(a)), &back) && back == a);
        n++;
    }
    CHECK_EQ(n, 8);
    CHECK(sec_algorithm_parse(bytes_str("ecdsap256sha256"), &a) && a == 13);
    CHECK(sec_algorithm_parse(bytes_str("15"), &a) && a == 15);
    CHECK(!sec_algorithm_parse(bytes_str("ED2551"), &a));
    CHECK(!sec_algorithm_parse(bytes_str("269"), &a));
    CHECK(!sec_algorithm_parse(bytes_str(""), &a));
    CHECK(!sec_algorithm_signs(5) && !sec_algorithm_signs(7) && sec_algorithm_signs(13));
}
