/* RDATA of every type from the wire: what is accepted must print, read back to the same bytes in
 * both forms, and have a stable canonical form. The first two bytes choose the type: a small number
 * is the n-th of the table. */
#include "dns/rdata.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SPACE = 70000 };
static uint8_t a[SPACE], b[SPACE];

static uint16_t choose(uint16_t n)
{
    uint16_t type = 0;
    if (n >= 128)
        return n;
    for (unsigned i = 0; i <= n; i++) {
        uint16_t next = rr_type_next(type);
        if (next == 0)
            break;
        type = next;
    }
    return type;
}

static void read_back(uint16_t type, struct bytes rd, struct text *t)
{
    struct writer w = wr_of(b, sizeof b);
    struct diag d = {0};
    enum status st = rdata_parse_line(type, bytes_of(text_cstr(t), t->n), name_root, &w, &d);
    ASSERT(st == ST_OK && bytes_equal(wr_done(&w), rd));
}

static void check_valid(uint16_t type, struct bytes rd)
{
    struct text t = text_heap(1 << 20);
    rdata_text(type, rd, &t);
    ASSERT(!t.cut);
    read_back(type, rd, &t);
    text_clear(&t);
    rdata_text_generic(rd, &t);
    read_back(type, rd, &t);
    text_clear(&t);
    struct json j = json_of(&t, false);
    rdata_json(type, rd, &j);
    ASSERT(j.depth == 0 && t.p[0] == '{' && t.p[t.n - 1] == '}');
    text_free(&t);
    struct writer w = wr_of(b, sizeof b), again = wr_of(a, sizeof a);
    ASSERT(rdata_canonical(type, rd, &w) == ST_OK);
    ASSERT(rdata_check(type, wr_done(&w)) == ST_OK);
    ASSERT(rdata_compare(type, rd, wr_done(&w)) == 0);
    ASSERT(rdata_canonical(type, wr_done(&w), &again) == ST_OK);
    ASSERT(bytes_equal(wr_done(&w), wr_done(&again)));
    struct rdata_name n[RDATA_NAMES_MAX];
    unsigned count = rdata_names(type, rd, n);
    for (unsigned i = 0; i < count; i++) {
        size_t len;
        ASSERT(n[i].off < rd.n);
        ASSERT(name_scan(bytes_of(rd.p + n[i].off, rd.n - n[i].off), &len) == ST_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t copy[SPACE];
    if (size < 2)
        return 0;
    uint16_t type = choose(get_be16(data));
    struct bytes rd = {data + 2, size - 2};
    if (rdata_check(type, rd) == ST_OK)
        check_valid(type, rd);
    /* Again as part of a message, with names before it that pointers may reach. */
    if (size < 14)
        return 0;
    size_t off = 12 + data[2] % (size - 11);
    struct writer w = wr_of(copy, sizeof copy);
    if (rdata_from_wire(type, bytes_of(data, size), off, size - off, &w) != ST_OK) {
        ASSERT(wr_len(&w) == 0);
        return 0;
    }
    ASSERT(rdata_check(type, wr_done(&w)) == ST_OK);
    check_valid(type, wr_done(&w));
    return 0;
}
