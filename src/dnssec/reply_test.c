#include "dns/encode.h"
#include "dnssec/judge.h"
#include "dnssec/testlib.h"

/* RFC 4035 section 3.1.1: signatures stand in the section of what they cover. One among the
 * additional records still goes to the set of the answer, one in the authority section does not. */
TEST(signatures_find_their_set)
{
    static const struct {
        enum msg_section at;
        const char *owner;
        unsigned sigs;
    } v[] = {{SECTION_ANSWER, "www.example.", 1},
             {SECTION_ADDITIONAL, "www.example.", 1},
             {SECTION_ADDITIONAL, "ns.example.", 0},
             {SECTION_AUTHORITY, "www.example.", 0}};
    static const char sig[] = "A 13 2 3600 20300101000000 20200101000000 1 example. AAAA";
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        static struct encode e;
        uint8_t buf[512];
        struct test_set a, s;
        struct arena arena;
        struct msg m;
        struct reply r;
        test_set_make(&a, "www.example.", RR_A, 3600, "192.0.2.1");
        test_set_make(&s, v[i].owner, RR_RRSIG, 3600, sig);
        arena_init(&arena, 4096, 1 << 20);
        encode_begin(&e, buf, sizeof buf, 1, MSG_QR);
        REQUIRE(encode_question(&e, a.set.owner, RR_A, CLASS_IN) == ST_OK);
        REQUIRE(encode_rrset(&e, SECTION_ANSWER, &a.set, 0) == ST_OK);
        REQUIRE(encode_rrset(&e, v[i].at, &s.set, 0) == ST_OK);
        REQUIRE(msg_parse(bytes_of(buf, encode_finish(&e)), &arena, &m) == ST_OK);
        REQUIRE(reply_of(&m, &(struct hash_key){1, 2}, &arena, &r) == ST_OK);
        REQUIRE(r.n == 1);
        CHECK_EQ(r.set[0].set.count, 1);
        CHECK_EQ(r.set[0].sigs.count, v[i].sigs);
        arena_free(&arena);
    }
}
