#include "dnssec/nsec3.h"

#include "base/codec.h"
#include "base/limits.h"
#include "dnssec/proof.h"
#include "dnssec/testlib.h"

/* RFC 5155 appendix A: salt aabbccdd, 12 iterations. */
TEST(nsec3_hashes_of_rfc5155)
{
    static const char *const t[][2] = {
        {"example.", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"},
        {"a.example.", "35mthgpgcu1qg68fab165klnsnk3dpvl"},
        {"ai.example.", "gjeqe526plbf1g8mklp59enfd789njgi"},
        {"ns1.example.", "2t7b4g4vsa5smi47k61mv5bv1a22bojr"},
        {"ns2.example.", "q04jkcevqvmu85r014c7dkba38o0ji5r"},
        {"w.example.", "k8udemvp1j2f7eg6jebps17vp3n8i58h"},
        {"*.w.example.", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"},
        {"X.W.example.", "b4um86eghhds6nea196smvmlo4ors995"},
        {"y.w.example.", "ji6neoaepv8b5o6k4ev33abha8ht9fgc"},
        {"x.y.w.example.", "2vptu5timamqttgl4luu9kg21e0aor3s"},
        {"xx.example.", "t644ebqk9bibcna874givr6joj62mlhv"},
    };
    static const uint8_t salt[] = {0xaa, 0xbb, 0xcc, 0xdd};
    struct nsec3_hasher *h = nsec3_hasher_new();
    REQUIRE(h != NULL);
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct name n, owner, want;
        uint8_t hash[NSEC3_HASH], back[NSEC3_HASH];
        char text[100];
        REQUIRE(name_from(t[i][0], &n) == ST_OK);
        CHECK(nsec3_hash(h, n.w, bytes_of(salt, 4), 12, hash) == ST_OK);
        snprintf(text, sizeof text, "%s.example.", t[i][1]);
        REQUIRE(name_from(text, &want) == ST_OK && name_from("example.", &n) == ST_OK);
        CHECK(nsec3_owner(hash, n.w, &owner) == ST_OK && name_equal(owner.w, want.w));
        CHECK(nsec3_owner_hash(owner.w, back) && memcmp(back, hash, NSEC3_HASH) == 0);
    }
    nsec3_hasher_free(h);
}

/* RFC 4034 section 4.3: alfa.example.com. NSEC host.example.com. (A MX RRSIG NSEC TYPE1234) */
TEST(bitmap_of_rfc4034)
{
    static const uint16_t types[] = {1, 15, 46, 47, 1234};
    static const uint8_t want[37] = {0, 6, 0x40, 0x01, 0, 0, 0, 0x03, 4, 0x1b, [36] = 0x20};
    uint8_t buf[100];
    struct writer w = wr_of(buf, sizeof buf);
    REQUIRE(bitmap_write(types, ARRAY_LEN(types), &w) == ST_OK);
    CHECK(bytes_equal(wr_done(&w), bytes_of(want, sizeof want)));
    for (unsigned t = 0; t < 65536; t++) {
        bool in = t == 1 || t == 15 || t == 46 || t == 47 || t == 1234;
        CHECK(bitmap_has(wr_done(&w), (uint16_t)t) == in);
    }
    struct test_set s;
    struct nsec n;
    test_set_make(&s, "alfa.example.com.", RR_NSEC, 86400,
                  "host.example.com. A MX RRSIG NSEC TYPE1234");
    REQUIRE(nsec_read(test_set_first(&s), &n));
    CHECK(bytes_equal(n.bitmap, wr_done(&w)));
    CHECK_EQ(n.next[0], 4);
    CHECK(!bitmap_has(bytes_of(want, 3), 1)); /* cut short */
}

TEST(nsec3_views)
{
    struct test_set s;
    struct nsec3 n;
    test_set_make(
        &s, "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example.", RR_NSEC3, 300,
        "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG");
    struct bytes rd = test_set_first(&s);
    REQUIRE(nsec3_read(rd, &n));
    CHECK_EQ(n.algorithm, 1);
    CHECK_EQ(n.flags, 1);
    CHECK_EQ(n.iterations, 12);
    CHECK_EQ(n.salt.n, 4);
    CHECK_EQ(n.next.n, NSEC3_HASH);
    CHECK(bitmap_has(n.bitmap, RR_DNSKEY) && !bitmap_has(n.bitmap, RR_A));
    for (size_t i = 0; i < 5 + 4 + 1 + 20; i++)
        CHECK(!nsec3_read(bytes_of(rd.p, i), &n));
}

/* RFC 9276 section 3.2, RFC 5155 section 8: more iterations than are taken make an answer insecure
 * only where the records match or cover its name; a record of another name downgrades nothing, and
 * a salt that costs more than the budget has ends in that. */
TEST(nsec3_many_iterations_must_fit)
{
    static const struct {
        const char *owner, *types, *name;
        bool ds;
        enum proof want;
    } v[] = {{"cut.example.", "NS", "cut.example.", true, PROOF_ITERATIONS},
             {"cut.example.", "NS", "signed.example.", true, PROOF_FAILS},
             {"cut.example.", "NS DS", "cut.example.", true, PROOF_FAILS},
             {"www.example.", "A", "www.example.", false, PROOF_ITERATIONS},
             {"www.example.", "AAAA", "www.example.", false, PROOF_FAILS},
             {"www.example.", "A", "ftp.example.", false, PROOF_FAILS}};
    struct nsec3_hasher *h = nsec3_hasher_new();
    REQUIRE(h != NULL);
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct test_set s;
        struct budget budget = {.spent = {0}};
        struct name zone, n, owner;
        uint8_t hash[NSEC3_HASH], next[NSEC3_HASH];
        char buf[64], rdata[128], who[NAME_TEXT_MAX];
        struct text t = text_of(buf, sizeof buf);
        REQUIRE(name_from("example.", &zone) == ST_OK && name_from(v[i].owner, &n) == ST_OK);
        REQUIRE(nsec3_hash(h, n.w, bytes_of(NULL, 0), 500, hash) == ST_OK);
        REQUIRE(nsec3_owner(hash, zone.w, &owner) == ST_OK);
        memcpy(next, hash, sizeof next); /* a span that covers nothing: to the hash after it */
        for (size_t k = sizeof next; k-- > 0 && ++next[k] == 0;)
            ;
        base32hex_text(bytes_of(next, sizeof next), &t);
        text_end_cut(&t);
        snprintf(rdata, sizeof rdata, "1 0 500 - %s %s", buf, v[i].types);
        name_str(owner.w, who);
        test_set_make(&s, who, RR_NSEC3, 300, rdata);
        struct proofs p = {zone.w, &s.set, 1, h, &budget};
        REQUIRE(name_from(v[i].name, &n) == ST_OK);
        enum proof got = v[i].ds ? proof_unsigned(&p, n.w) : proof_no_type(&p, n.w, RR_AAAA);
        test_point(got == v[i].want, "%zu: %d", i, (int)got);
        CHECK_EQ(budget.spent[BUDGET_HASHES], 0);
        budget.spent[BUDGET_LONG_HASHES] = LIMIT_QUERY_LONG_HASHES;
        CHECK_EQ(v[i].ds ? proof_unsigned(&p, n.w) : proof_no_type(&p, n.w, RR_AAAA), PROOF_LIMIT);
    }
    nsec3_hasher_free(h);
}

/* RFC 5155 section 10.3: more than was ever allowed is insecure, and costs no hash. */
TEST(nsec3_hopeless_iterations)
{
    struct nsec3_hasher *h = nsec3_hasher_new();
    REQUIRE(h != NULL);
    for (unsigned i = 0; i < 2; i++) {
        struct test_set s;
        struct budget budget = {.spent = {0}};
        struct name zone, n;
        char rdata[128];
        snprintf(rdata, sizeof rdata, "1 0 %u - 00000000000000000000000000000001 A",
                 LIMIT_NSEC3_ITERATIONS_MOST + i);
        REQUIRE(name_from("example.", &zone) == ST_OK && name_from("www.example.", &n) == ST_OK);
        test_set_make(&s, "00000000000000000000000000000000.example.", RR_NSEC3, 300, rdata);
        struct proofs p = {zone.w, &s.set, 1, h, &budget};
        enum proof want = i == 0 ? PROOF_FAILS : PROOF_ITERATIONS;
        CHECK_EQ(proof_no_name(&p, n.w), want);
        CHECK_EQ(proof_expansion(&p, n.w, 1), want);
        CHECK_EQ(budget.spent[BUDGET_LONG_HASHES] == 0, i == 1);
        budget.spent[BUDGET_LONG_HASHES] = 0;
        CHECK_EQ(proof_no_type(&p, n.w, RR_A), want);
        budget.spent[BUDGET_LONG_HASHES] = 0;
        CHECK_EQ(proof_unsigned(&p, n.w), want);
    }
    nsec3_hasher_free(h);
}
