/* Messages as received: good ones, and every way to be malformed. */
#include "base/codec.h"
#include "base/test.h"
#include "dns/msg.h"

static struct arena arena;
static uint8_t wire[65536];

static enum status parse_hex(const char *hex, struct msg *m)
{
    struct writer w = wr_of(wire, sizeof wire);
    char packed[4096];
    size_t n = 0;
    for (; *hex != '\0' && n < sizeof packed; hex++)
        if (*hex != ' ')
            packed[n++] = *hex;
    if (hex_parse(bytes_of(packed, n), &w) != ST_OK)
        return ST_ESYNTAX;
    arena_reset(&arena);
    if (arena.chunk_size == 0)
        arena_init(&arena, 4096, 1 << 20);
    struct query_view q;
    enum status st = msg_parse(wr_done(&w), &arena, m);
    /* The servers' short parser must agree with the whole one. */
    enum status qst = query_parse(wr_done(&w), &q);
    if ((st == ST_OK) != (qst == ST_OK))
        test_fail(__FILE__, __LINE__, "msg_parse %s, query_parse %s", status_text(st),
                  status_text(qst));
    return st;
}

#define HEAD(qd, an, ns, ar) "1234 8180 " qd an ns ar
#define QUESTION             " 03777777 00 0001 0001"

TEST(messages_parse)
{
    struct msg m;
    CHECK_EQ(parse_hex(HEAD("0001", "0001", "0000", "0001") QUESTION
                       " c00c 0001 0001 00000e10 0004 c0000201 00 0029 04d0 00008000 0000",
                       &m),
             ST_OK);
    CHECK_EQ(m.h.id, 0x1234);
    CHECK_EQ(m.rr_count, 1);
    CHECK(m.edns.present && m.edns.dnssec_ok);
    CHECK_EQ(m.edns.udp_size, 1232);
    struct rrset s;
    struct name www;
    REQUIRE(name_from("WWW", &www) == ST_OK);
    CHECK_EQ(msg_rrset(&m, &arena, SECTION_ANSWER, www.w, 1, &s), ST_OK);
    CHECK_EQ(s.ttl, 3600);
    CHECK_EQ(s.count, 1);
}

/* RFC 2181 sections 5 and 8: duplicates are one, the smallest TTL counts, a negative TTL is 0. */
TEST(rrsets_are_collected)
{
    struct msg m;
    struct rrset s;
    struct name www;
    REQUIRE(name_from("www", &www) == ST_OK);
    REQUIRE(parse_hex(HEAD("0001", "0003", "0000", "0000") QUESTION
                      " c00c 0001 0001 00000e10 0004 c0000201"
                      " c00c 0001 0001 00000010 0004 c0000201"
                      " c00c 0001 0001 00000020 0004 c0000202",
                      &m) == ST_OK);
    CHECK_EQ(msg_rrset(&m, &arena, SECTION_ANSWER, www.w, 1, &s), ST_OK);
    CHECK_EQ(s.count, 2);
    CHECK_EQ(s.ttl, 16);
    REQUIRE(parse_hex(HEAD("0001", "0001", "0000", "0000") QUESTION
                      " c00c 0001 0001 80000000 0004 c0000201",
                      &m) == ST_OK);
    CHECK_EQ(msg_rrset(&m, &arena, SECTION_ANSWER, www.w, 1, &s), ST_OK);
    CHECK_EQ(s.ttl, 0);
}

TEST(malformed_messages_are_refused)
{
    static const struct {
        enum status st;
        const char *hex, *why;
    } bad[] = {
        {ST_ESHORT, "1234 8180 0000 0000 0000 00", "11 bytes"},
        {ST_ESHORT, HEAD("0001", "0000", "0000", "0000"), "no question"},
        {ST_ESHORT, HEAD("0001", "0000", "0000", "0000") " 0377", "label cut"},
        {ST_ESHORT, HEAD("0001", "0000", "0000", "0000") " 03777777 00 0001 00", "class cut"},
        {ST_EPOINTER, HEAD("0001", "0000", "0000", "0000") " c00c 0001 0001",
         "question points to itself"},
        {ST_ENAME, HEAD("0001", "0000", "0000", "0000") " 41 0001 0001", "label type 01"},
        {ST_ENAME, HEAD("0001", "0000", "0000", "0000") " 80 0001 0001", "label type 10"},
        {ST_EFORMAT, HEAD("0002", "0000", "0000", "0000") QUESTION QUESTION,
         "RFC 9619: two questions"},
        {ST_ESHORT, HEAD("0001", "0001", "0000", "0000") QUESTION, "counted record missing"},
        {ST_ESHORT,
         HEAD("0001", "0001", "0000", "0000") QUESTION " c00c 0001 0001 00000e10 0005 c0000201",
         "RDATA cut"},
        {ST_ESHORT,
         HEAD("0001", "ffff", "ffff", "ffff") QUESTION " c00c 0001 0001 00000e10 0004 c0000201",
         "counts lie"},
        {ST_EFORMAT,
         HEAD("0001", "0000", "0000", "0002") QUESTION
         " 00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000",
         "RFC 6891 6.1.1: two OPT"},
        {ST_EFORMAT, HEAD("0001", "0001", "0000", "0000") QUESTION " 00 0029 04d0 00000000 0000",
         "OPT in the answer"},
        {ST_EFORMAT,
         HEAD("0001", "0000", "0000", "0001") QUESTION " 0161 00 0029 04d0 00000000 0000",
         "OPT with an owner"},
        {ST_EFORMAT,
         HEAD("0001", "0000", "0000", "0001") QUESTION " 00 0029 04d0 00000000 0005 000a 0003 aa",
         "option overruns"},
        {ST_EFORMAT,
         HEAD("0001", "0000", "0000", "0001") QUESTION
         " 00 0029 04d0 00000000 0007 000a 0003 aabbcc",
         "RFC 7873: cookie of 3 bytes"},
        {ST_EFORMAT,
         HEAD("0001", "0000", "0000", "0001") QUESTION
         " 00 0029 04d0 00000000 0018 000a 0008 0102030405060708 000a 0008 0102030405060708",
         "two cookies"},
        {ST_EFORMAT,
         HEAD("0001", "0000", "0000", "0001") QUESTION
         " 00 0029 04d0 00000000 0009 0008 0005 0001 19 00 c0",
         "RFC 7871: ECS too short for /25"},
        {ST_EFORMAT,
         HEAD("0001", "0000", "0000", "0001") QUESTION
         " 00 0029 04d0 00000000 0009 0008 0005 0001 04 00 ff",
         "RFC 7871: ECS bits past the prefix"},
        {ST_EFORMAT,
         HEAD("0001", "0000", "0000", "0001") QUESTION " 00 0029 04d0 00000000 0005 000b 0001 00",
         "RFC 7828: keepalive of one byte"},
    };
    struct msg m;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        enum status st = parse_hex(bad[i].hex, &m);
        if (st != bad[i].st)
            test_fail(__FILE__, __LINE__, "%s: %s, expected %s", bad[i].why, status_text(st),
                      status_text(bad[i].st));
    }
}

/* LIMIT_RRSET_RECORDS bounds the quadratic search for duplicates. */
TEST(huge_rrsets_are_bounded)
{
    size_t n = 0;
    static const uint8_t head[] = {0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};
    memcpy(wire, head, sizeof head);
    n = sizeof head;
    unsigned count = 0;
    while (n + 16 < 65000) {
        uint8_t rr[16] = {0xc0,          12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, (uint8_t)(count >> 8),
                          (uint8_t)count};
        memcpy(wire + n, rr, 16);
        n += 16;
        count++;
    }
    put_be16(wire + 6, (uint16_t)count);
    struct arena a;
    struct msg m;
    struct rrset s;
    struct name owner;
    arena_init(&a, 4096, 1 << 22);
    REQUIRE(name_from("a", &owner) == ST_OK);
    REQUIRE(msg_parse(bytes_of(wire, n), &a, &m) == ST_OK);
    CHECK_EQ(msg_rrset(&m, &a, SECTION_ANSWER, owner.w, 1, &s), ST_ELIMIT);
    arena_free(&a);
}

TEST(codes_have_names)
{
    char buf[24];
    uint16_t v;
    CHECK_STR(rcode_str(3, buf), "NXDOMAIN");
    CHECK_STR(rcode_str(99, buf), "RCODE99");
    CHECK_STR(opcode_str(9, buf), "OPCODE9");
    CHECK_STR(ede_str(18), "Prohibited");
    CHECK(rcode_parse(bytes_str("servfail"), &v) && v == 2);
    CHECK(opcode_parse(bytes_str("OPCODE15"), &v) && v == 15);
    CHECK(!opcode_parse(bytes_str("16"), &v));
    CHECK(!rcode_parse(bytes_str("NOPE"), &v));
}
