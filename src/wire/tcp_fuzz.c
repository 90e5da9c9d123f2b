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
    tcp_in_free(&t);
    tcp_out_free(&echo);
    return 0;
}
