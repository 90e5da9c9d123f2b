/* A stream cut into pieces at will: every message given out is exactly the bytes between its length
 * field and the next, and memory stays bounded. */
#include "wire/tcp.h"

#include "base/attr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte is the size of the pieces; the rest is the stream. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t piece = data[0] % 61 + 1, at = 1, expect = 1;
    struct tcp_in t;
    struct tcp_out echo;
    tcp_in_init(&t, data[0] & 0x80 ? 4096 : LIMIT_MESSAGE);
    tcp_out_init(&echo, 0);
    enum status st = ST_ESHORT;
    while (at < size && st == ST_ESHORT) {
        size_t used;
        struct bytes msg;
        ASSERT(tcp_in_feed(&t, bytes_of(data + at, MIN(piece, size - at)), &used) == ST_OK);
        ASSERT(used > 0);
        at += used;
        while ((st = tcp_in_next(&t, &msg)) == ST_OK) {
            ASSERT(msg.n == get_be16(data + expect) && expect + 2 + msg.n <= at);
            ASSERT(memcmp(msg.p, data + expect + 2, msg.n) == 0);
            expect += 2 + msg.n;
            if (tcp_out_add(&echo, msg) == ST_OK)
                tcp_out_sent(&echo, MIN(tcp_out_pending(&echo).n, piece));
        }
        ASSERT(t.cap <= TCP_IN_MAX && echo.cap <= TCP_OUT_MAX);
    }
    /* The same through a buffer of the driver's, with what is left of each piece kept. */
    struct tcp_in kept;
    tcp_in_init(&kept, t.max_message);
    size_t again = 1;
    enum status st2 = ST_ESHORT;
    for (size_t i = 1; i < at && st2 == ST_ESHORT; i += piece) {
        struct bytes msg, b = bytes_of(data + i, MIN(piece, at - i));
        if (!tcp_in_partial(&kept))
            while ((st2 = tcp_split(&b, kept.max_message, &msg)) == ST_OK)
                again += 2 + msg.n;
        if (st2 == ST_ESHORT)
            ASSERT(tcp_in_keep(&kept, b) == ST_OK);
        while (st2 == ST_ESHORT && (st2 = tcp_in_next(&kept, &msg)) == ST_OK) {
            ASSERT(memcmp(msg.p, data + again + 2, msg.n) == 0);
            again += 2 + msg.n;
            st2 = ST_ESHORT;
        }
    }
    ASSERT(again == expect && st2 == st);
    tcp_in_free(&kept);
    tcp_in_free(&t);
    tcp_out_free(&echo);
    return 0;
}
