#include "base/hash.h"
#include "base/test.h"
#include "dns/encode.h"
#include "dns/rdata.h"
#include <stdio.h>

static struct name nm(const char *s)
{
    struct name n = {{0}};
    if (name_from(s, &n) != ST_OK)
        test_fail(__FILE__, __LINE__, "bad name %s", s);
    return n;
}

/* Packs presentation RDATA into buf. */
static struct rrset set_of(const struct name *owner, uint16_t type, uint8_t *buf, size_t cap,
                           const char *const *lines, unsigned n)
{
    struct writer w = wr_of(buf, cap);
    for (unsigned i = 0; i < n; i++) {
        uint8_t *len = wr_room(&w, 2);
        if (rdata_parse_line(type, bytes_str(lines[i]), name_root, &w, NULL) != ST_OK || !wr_ok(&w))
            test_fail(__FILE__, __LINE__, "bad RDATA %s", lines[i]);
        put_be16(len, (uint16_t)(w.p - len - 2));
    }
    return (struct rrset){owner->w, type, CLASS_IN, 300, (uint16_t)n, (uint32_t)wr_len(&w), buf};
}

/* RFC 1035 section 4.1.4; a pointer into the question costs no search. */
TEST(names_compress)
{
    uint8_t buf[512], rd[256];
    struct encode e;
    struct name q = nm("www.Example.org."), other = nm("mail.example.ORG.");
    struct rrset mx = set_of(&q, RR_MX, rd, sizeof rd,
                             (const char *[]){"10 mail.example.org.", "20 a.example.org."}, 2);
    encode_begin(&e, buf, sizeof buf, 7, MSG_QR);
    CHECK_EQ(encode_question(&e, q.w, RR_MX, CLASS_IN), ST_OK);
    CHECK_EQ(encode_rrset(&e, SECTION_ANSWER, &mx, 1), ST_OK);
    uint8_t rd2[32];
    struct rrset a = set_of(&other, RR_A, rd2, sizeof rd2, (const char *[]){"192.0.2.1"}, 1);
    CHECK_EQ(encode_rrset(&e, SECTION_ADDITIONAL, &a, 0), ST_OK);
    size_t n = encode_finish(&e);
    /* question 12+17+4; MX records 12+2+2+1+1+2 and 12+2+2+4+1+2; A record with a pointer 16 */
    CHECK_EQ(n, 33 + (12 + 2 + 2 + 2) + (12 + 2 + 5 + 2) + 16);
    struct arena ar;
    arena_init(&ar, 4096, 0);
    struct msg m;
    CHECK_EQ(msg_parse(bytes_of(buf, n), &ar, &m), ST_OK);
    CHECK_EQ(m.rr_count, 3);
    struct rrset back;
    CHECK_EQ(msg_rrset(&m, &ar, SECTION_ANSWER, q.w, RR_MX, &back), ST_OK);
    CHECK_EQ(back.count, 2);
    CHECK_EQ(get_be16(back.rdata + 2), 20); /* rotated */
    CHECK_EQ(msg_rrset(&m, &ar, SECTION_ADDITIONAL, other.w, RR_A, &back), ST_OK);
    CHECK_EQ(msg_rrset(&m, &ar, SECTION_ADDITIONAL, q.w, RR_A, &back), ST_ENOTFOUND);
    arena_free(&ar);
}

/* RFC 3597 section 4: names in RDATA of newer types are never compressed. */
TEST(new_types_do_not_compress)
{
    uint8_t buf[512], rd[256];
    struct encode e;
    struct name q = nm("x.example.org.");
    struct rrset srv =
        set_of(&q, RR_SRV, rd, sizeof rd, (const char *[]){"1 2 3 x.example.org."}, 1);
    encode_begin(&e, buf, sizeof buf, 7, MSG_QR);
    CHECK_EQ(encode_question(&e, q.w, RR_SRV, CLASS_IN), ST_OK);
    CHECK_EQ(encode_rrset(&e, SECTION_ANSWER, &srv, 0), ST_OK);
    CHECK_EQ(encode_finish(&e), 12 + 15 + 4 + 12 + 6 + 15);
}

TEST(rrsets_are_whole_or_absent)
{
    uint8_t buf[600], rd[2000];
    struct encode e;
    struct name q = nm("big.example."), o = nm("other.test.");
    const char *lines[60];
    char text[60][16];
    for (int i = 0; i < 60; i++) {
        snprintf(text[i], sizeof text[i], "192.0.2.%d", i);
        lines[i] = text[i];
    }
    struct rrset big = set_of(&q, RR_A, rd, sizeof rd, lines, 60);
    encode_begin(&e, buf, 512, 7, MSG_QR);
    CHECK_EQ(encode_question(&e, q.w, RR_A, CLASS_IN), ST_OK);
    encode_reserve(&e, 11);
    size_t before = wr_len(&e.w);
    CHECK_EQ(encode_rrset(&e, SECTION_ANSWER, &big, 0), ST_ENOSPACE);
    CHECK_EQ(wr_len(&e.w), before);
    CHECK_EQ(e.count[SECTION_ANSWER], 0);
    uint8_t rd2[600];
    struct rrset ns =
        set_of(&o, RR_NS, rd2, sizeof rd2, (const char *[]){"a.b.other.test.", "b.other.test."}, 2);
    CHECK_EQ(encode_rrset(&e, SECTION_AUTHORITY, &ns, 0), ST_OK);
    CHECK_EQ(encode_opt(&e, &(struct edns_out){.present = true, .udp_size = 1232}), ST_OK);
    size_t n = encode_finish(&e);
    struct arena ar;
    arena_init(&ar, 4096, 0);
    struct msg m;
    CHECK_EQ(msg_parse(bytes_of(buf, n), &ar, &m), ST_OK);
    CHECK_EQ(m.rr_count, 2);
    CHECK(m.edns.present);
    CHECK_EQ(m.edns.udp_size, 1232);
    arena_free(&ar);
}

/* RFC 8467 section 4.1: queries padded to a multiple of 128. */
TEST(padding_fills_the_block)
{
    uint8_t buf[512];
    struct name q = nm("www.example.org.");
    struct edns_out o = {.present = true, .udp_size = 1232, .pad_block = 128};
    CHECK_EQ(encode_query(buf, sizeof buf, 1, MSG_RD, q.w, RR_A, CLASS_IN, &o), 128);
    CHECK_EQ(encode_query(buf, 40, 1, MSG_RD, q.w, RR_A, CLASS_IN, &o), 0);
}

/* Random names over few labels: whatever is written reads back the same, wherever it was cut. */
TEST(random_messages_read_back)
{
    struct prng r = {42};
    static const char *const words[] = {"a",       "bb",  "example", "org",
                                        "EXAMPLE", "Org", "x-y",     "www"};
    for (int round = 0; round < 300; round++) {
        uint8_t buf[700];
        struct encode e;
        struct name owner[20];
        encode_begin(&e, buf, 100 + prng_below(&r, 600), 1, MSG_QR);
        struct name q = nm("www.example.org.");
        REQUIRE(encode_question(&e, q.w, RR_A, CLASS_IN) == ST_OK);
        unsigned put = 0, ok_owner[20];
        for (unsigned i = 0; i < 20; i++) {
            char t[200] = "";
            for (unsigned k = 0, n = 1 + (unsigned)prng_below(&r, 5); k < n; k++) {
                strncat(t, words[prng_below(&r, ARRAY_LEN(words))], 20);
                strncat(t, ".", 2);
            }
            owner[i] = nm(t);
            uint8_t rd[300];
            struct rrset ns = {owner[i].w, RR_NS, CLASS_IN, 5, 1, 0, rd};
            struct writer w = wr_of(rd, sizeof rd);
            const struct name *target = &owner[prng_below(&r, i + 1)];
            wr_u16(&w, (uint16_t)name_len(target->w));
            wr_bytes(&w, target->w, name_len(target->w));
            ns.rdata_size = (uint32_t)wr_len(&w);
            if (encode_rrset(&e, SECTION_ANSWER, &ns, 0) == ST_OK)
                ok_owner[put++] = i;
        }
        size_t n = encode_finish(&e);
        struct arena ar;
        arena_init(&ar, 4096, 0);
        struct msg m;
        REQUIRE(msg_parse(bytes_of(buf, n), &ar, &m) == ST_OK);
        CHECK_EQ(m.rr_count, put);
        for (unsigned i = 0; i < put && i < m.rr_count; i++) {
            struct name back;
            CHECK_EQ(msg_owner(&m, &m.rr[i], &back), ST_OK);
            CHECK(name_equal(back.w, owner[ok_owner[i]].w));
        }
        arena_free(&ar);
    }
}
