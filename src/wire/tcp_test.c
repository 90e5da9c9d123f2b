#include "wire/tcp.h"

#include "base/hash.h"
#include "base/test.h"

#include <stdlib.h>

static uint8_t fill(size_t message, size_t i)
{
    return (uint8_t)(message * 31 + i * 7);
}

static size_t put_message(uint8_t *p, size_t number, size_t n)
{
    put_be16(p, (uint16_t)n);
    for (size_t i = 0; i < n; i++)
        p[2 + i] = fill(number, i);
    return 2 + n;
}

static bool is_message(struct bytes b, size_t number, size_t n)
{
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] != fill(number, i))
            return false;
    return b.n == n;
}

/* RFC 7766 section 8: a message may come in any pieces; here one byte at a time. */
TEST(tcp_in_takes_single_bytes)
{
    uint8_t wire[64];
    size_t n = put_message(wire, 1, 40);
    struct tcp_in t;
    struct bytes msg;
    tcp_in_init(&t, LIMIT_MESSAGE);
    for (size_t i = 0; i < n; i++) {
        CHECK_EQ(tcp_in_next(&t, &msg), ST_ESHORT);
        CHECK_EQ(tcp_in_partial(&t), i > 0);
        size_t used;
        REQUIRE(tcp_in_feed(&t, bytes_of(wire + i, 1), &used) == ST_OK && used == 1);
    }
    REQUIRE(tcp_in_next(&t, &msg) == ST_OK);
    CHECK(is_message(msg, 1, 40));
    CHECK_EQ(tcp_in_next(&t, &msg), ST_ESHORT);
    CHECK(!tcp_in_partial(&t));
    tcp_in_free(&t);
}

/* RFC 7766 section 6.2.1.1: several queries may stand in one segment. */
TEST(tcp_in_takes_pipelined_messages)
{
    uint8_t *wire = malloc(200000);
    size_t n = 0, count = 60;
    for (size_t i = 0; i < count; i++)
        n += put_message(wire + n, i, 12 + i * i);
    struct tcp_in t;
    struct bytes msg;
    tcp_in_init(&t, LIMIT_MESSAGE);
    size_t at = 0, got = 0;
    for (int guard = 0; got < count && guard < 1000; guard++) {
        size_t used;
        REQUIRE(tcp_in_feed(&t, bytes_of(wire + at, n - at), &used) == ST_OK);
        at += used;
        while (tcp_in_next(&t, &msg) == ST_OK) {
            CHECK(is_message(msg, got, 12 + got * got));
            got++;
        }
    }
    CHECK_EQ(got, count);
    CHECK_EQ(t.messages, count);
    tcp_in_free(&t);
    free(wire);
}

TEST(tcp_in_takes_the_longest_message_and_gives_memory_back)
{
    uint8_t *wire = malloc(TCP_IN_MAX);
    size_t n = put_message(wire, 3, LIMIT_MESSAGE), at = 0;
    struct tcp_in t;
    struct bytes msg;
    enum status st = ST_ESHORT;
    tcp_in_init(&t, LIMIT_MESSAGE);
    for (int guard = 0; st == ST_ESHORT && guard < 200; guard++) {
        size_t used;
        REQUIRE(tcp_in_feed(&t, bytes_of(wire + at, MIN(n - at, 1000)), &used) == ST_OK);
        at += used;
        st = tcp_in_next(&t, &msg);
    }
    REQUIRE(st == ST_OK);
    CHECK(is_message(msg, 3, LIMIT_MESSAGE));
    CHECK(t.cap <= TCP_IN_MAX);
    CHECK_EQ(tcp_in_next(&t, &msg), ST_ESHORT);
    CHECK_EQ(t.cap, 0);
    tcp_in_free(&t);
    free(wire);
}

TEST(tcp_in_refuses_impossible_lengths)
{
    struct tcp_in t;
    struct bytes msg;
    size_t used;
    tcp_in_init(&t, LIMIT_MESSAGE);
    REQUIRE(tcp_in_feed(&t, bytes_of("\0\0", 2), &used) == ST_OK);
    CHECK_EQ(tcp_in_next(&t, &msg), ST_EFORMAT);
    tcp_in_free(&t);
    tcp_in_init(&t, LIMIT_MESSAGE);
    REQUIRE(tcp_in_feed(&t, bytes_of("\0\x0b", 2), &used) == ST_OK);
    CHECK_EQ(tcp_in_next(&t, &msg), ST_EFORMAT);
    tcp_in_free(&t);
    tcp_in_init(&t, 512);
    REQUIRE(tcp_in_feed(&t, bytes_of("\x02\x01", 2), &used) == ST_OK);
    CHECK_EQ(tcp_in_next(&t, &msg), ST_ELIMIT);
    tcp_in_free(&t);
}

/* A caller that asks for room with whole messages still inside loses none. */
TEST(tcp_in_room_keeps_unread_messages)
{
    uint8_t wire[4000];
    size_t n = put_message(wire, 0, 1000);
    n += put_message(wire + n, 1, 1044);
    struct tcp_in t;
    struct bytes msg;
    tcp_in_init(&t, LIMIT_MESSAGE);
    size_t used, room;
    REQUIRE(tcp_in_feed(&t, bytes_of(wire, n), &used) == ST_OK);
    CHECK_EQ(used, TCP_IN_START);
    REQUIRE(tcp_in_room(&t, &room) != NULL);
    CHECK(room >= 1);
    CHECK(tcp_in_next(&t, &msg) == ST_OK && is_message(msg, 0, 1000));
    CHECK(tcp_in_next(&t, &msg) == ST_OK && is_message(msg, 1, 1044));
    tcp_in_free(&t);
}

TEST(tcp_out_survives_partial_writes)
{
    struct tcp_out t;
    uint8_t body[700], got[100000];
    size_t got_n = 0, next = 0;
    tcp_out_init(&t, 0);
    for (int turn = 0; turn < 100; turn++) {
        for (size_t i = 0; i < sizeof body; i++)
            body[i] = fill(next, i);
        REQUIRE(tcp_out_add(&t, bytes_of(body, sizeof body)) == ST_OK);
        next++;
        struct bytes b = tcp_out_pending(&t);
        size_t n = MIN(b.n, (size_t)(turn * 13 % 900));
        memcpy(got + got_n, b.p, n);
        got_n += n;
        tcp_out_sent(&t, n);
    }
    struct bytes b = tcp_out_pending(&t);
    memcpy(got + got_n, b.p, b.n);
    got_n += b.n;
    tcp_out_sent(&t, b.n);
    CHECK_EQ(tcp_out_pending(&t).n, 0);
    CHECK_EQ(got_n, 100 * 702);
    for (size_t i = 0; i < 100; i++) {
        CHECK_EQ(get_be16(got + i * 702), 700);
        CHECK(is_message(bytes_of(got + i * 702 + 2, 700), i, 700));
    }
    CHECK(t.cap <= TCP_IN_START);
    tcp_out_free(&t);
}

/* A client that never reads cannot make the server keep more than the limit. */
TEST(tcp_out_is_bounded)
{
    static uint8_t big[LIMIT_MESSAGE + 1];
    struct tcp_out t;
    tcp_out_init(&t, 0);
    CHECK_EQ(tcp_out_add(&t, bytes_of(big, sizeof big)), ST_ERANGE);
    CHECK_EQ(tcp_out_add(&t, bytes_of(big, LIMIT_MESSAGE)), ST_OK);
    CHECK_EQ(tcp_out_add(&t, bytes_of(big, LIMIT_MESSAGE)), ST_OK);
    CHECK(!tcp_out_fits(&t, 12));
    CHECK_EQ(tcp_out_add(&t, bytes_of(big, 12)), ST_ELIMIT);
    tcp_out_sent(&t, 70000);
    CHECK_EQ(tcp_out_add(&t, bytes_of(big, 12)), ST_OK);
    CHECK(t.cap <= TCP_OUT_MAX);
    tcp_out_free(&t);
}

/* Both halves back to back over random pieces. */
TEST(tcp_halves_agree)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct prng r = {seed};
        struct tcp_in in;
        struct tcp_out out;
        tcp_in_init(&in, LIMIT_MESSAGE);
        tcp_out_init(&out, 0);
        static uint8_t body[LIMIT_MESSAGE];
        size_t sent = 0, got = 0, sizes[64];
        for (int turn = 0; turn < 4000 && got < 40; turn++) {
            size_t n = 12 + prng_below(&r, sent % 7 == 0 ? 60000 : 300);
            if (sent < 40 && tcp_out_fits(&out, n)) {
                for (size_t i = 0; i < n; i++)
                    body[i] = fill(sent, i);
                sizes[sent] = n;
                REQUIRE(tcp_out_add(&out, bytes_of(body, n)) == ST_OK);
                sent++;
            }
            struct bytes b = tcp_out_pending(&out), msg;
            size_t used, piece = 1 + prng_below(&r, 9000);
            b.n = MIN(b.n, piece);
            REQUIRE(tcp_in_feed(&in, b, &used) == ST_OK);
            tcp_out_sent(&out, used);
            while (tcp_in_next(&in, &msg) == ST_OK) {
                CHECK(is_message(msg, got, sizes[got]));
                got++;
            }
        }
        CHECK_EQ(got, 40);
        tcp_in_free(&in);
        tcp_out_free(&out);
    }
}

/* A driver that reads into a buffer of its own takes messages there and keeps only the rest. */
TEST(tcp_split_and_keep_agree_with_the_stream)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct prng r = {seed};
        static uint8_t wire[200000];
        size_t sizes[64], n = 0, got = 0;
        for (size_t i = 0; i < 40; i++) {
            sizes[i] = 12 + prng_below(&r, i % 9 == 0 ? 30000 : 300);
            n += put_message(wire + n, i, sizes[i]);
        }
        struct tcp_in in;
        tcp_in_init(&in, LIMIT_MESSAGE);
        for (size_t at = 0; at < n;) {
            size_t piece = 1 + prng_below(&r, 5000);
            struct bytes msg, b = bytes_of(wire + at, MIN(piece, n - at));
            at += b.n;
            if (!tcp_in_partial(&in))
                while (tcp_split(&b, LIMIT_MESSAGE, &msg) == ST_OK)
                    CHECK(is_message(msg, got, sizes[got]) && ++got);
            REQUIRE(tcp_in_keep(&in, b) == ST_OK);
            while (tcp_in_next(&in, &msg) == ST_OK)
                CHECK(is_message(msg, got, sizes[got]) && ++got);
        }
        CHECK_EQ(got, 40);
        CHECK(!tcp_in_partial(&in));
        tcp_in_free(&in);
    }
    uint8_t small[] = {0, 11, 0}, large[] = {2, 0};
    struct bytes msg, b = bytes_of(small, sizeof small);
    CHECK_EQ(tcp_split(&b, 512, &msg), ST_EFORMAT);
    CHECK_EQ(b.n, sizeof small);
    b = bytes_of(large, sizeof large);
    CHECK_EQ(tcp_split(&b, 511, &msg), ST_ELIMIT);
    CHECK_EQ(tcp_split(&b, 512, &msg), ST_ESHORT);
    b.n = 1;
    CHECK_EQ(tcp_split(&b, 512, &msg), ST_ESHORT);
}

/* Bytes that were framed elsewhere wait under the same bound. */
TEST(tcp_out_keeps_what_was_not_taken)
{
    static uint8_t big[TCP_OUT_MAX];
    struct tcp_out t;
    tcp_out_init(&t, 0);
    REQUIRE(tcp_out_keep(&t, bytes_of(big, 5)) == ST_OK);
    REQUIRE(tcp_out_add(&t, bytes_of(big, 3)) == ST_OK);
    CHECK_EQ(tcp_out_pending(&t).n, 10);
    CHECK_EQ(tcp_out_keep(&t, bytes_of(big, TCP_OUT_MAX - 9)), ST_ELIMIT);
    CHECK_EQ(tcp_out_keep(&t, bytes_of(big, TCP_OUT_MAX - 10)), ST_OK);
    CHECK_EQ(tcp_out_pending(&t).n, TCP_OUT_MAX);
    tcp_out_free(&t);
}
