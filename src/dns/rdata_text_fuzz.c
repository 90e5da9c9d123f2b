/* RDATA of every type from text: what is read must be valid, print, and read back to the same
 * bytes. The first byte chooses the type by its place in the table. */
#include "dns/rdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SPACE = 70000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t a[SPACE], b[SPACE];
    static const uint8_t origin[] = {7, 'E', 'x', 'a', 'm', 'p', 'l', 'e', 0};
    struct diag d = {0};
    uint16_t type = 0;
    if (size < 1)
        return 0;
    for (unsigned i = 0; i <= data[0] && (type == 0 || rr_type_next(type) != 0); i++)
        type = rr_type_next(type);
    if (data[0] > 200)
        type = 65280; /* an unknown one */
    struct writer w = wr_of(a, sizeof a);
    struct bytes line = {data + 1, size - 1};
    if (rdata_parse_line(type, line, origin, &w, &d) != ST_OK) {
        ASSERT(wr_len(&w) == 0 && d.message[0] != '\0');
        return 0;
    }
    struct bytes rd = wr_done(&w);
    ASSERT(rdata_check(type, rd) == ST_OK);
    struct text t = text_heap(1 << 20);
    rdata_text(type, rd, &t);
    ASSERT(!t.cut);
    struct writer again = wr_of(b, sizeof b);
    enum status st = rdata_parse_line(type, bytes_of(text_cstr(&t), t.n), name_root, &again, &d);
    ASSERT(st == ST_OK && bytes_equal(wr_done(&again), rd));
    text_free(&t);
    return 0;
}
