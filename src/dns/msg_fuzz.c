/* Messages: parse, walk every record, write it all again, parse that: the same records come back.
 */
#include "base/attr.h"
#include "dns/encode.h"
#include "dns/print.h"
#include "dns/rdata.h"

enum { ARENA = 1 << 20, CHUNK = 1 << 14 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[LIMIT_MESSAGE], stored[2][2 * LIMIT_MESSAGE];

static bool stored_rdata(const struct msg *m, const struct rr_view *rr, uint8_t *buf,
                         struct bytes *ret)
{
    struct writer w = wr_of(buf, 2 * LIMIT_MESSAGE);
    if (rdata_from_wire(rr->type, m->wire, rr->rdata_off, rr->rdata_len, &w) != ST_OK || !wr_ok(&w))
        return false;
    *ret = wr_done(&w);
    return ret->n <= UINT16_MAX;
}

/* Every record of b is the next good one of a. */
static void compare(const struct msg *a, const struct msg *b)
{
    unsigned k = 0;
    for (unsigned i = 0; i < a->rr_count; i++) {
        const struct rr_view *x = &a->rr[i], *y = &b->rr[k];
        struct name nx, ny;
        struct bytes dx, dy;
        if (msg_owner(a, x, &nx) != ST_OK || !stored_rdata(a, x, stored[0], &dx))
            continue;
        ASSERT(k++ < b->rr_count);
        ASSERT(msg_owner(b, y, &ny) == ST_OK && name_equal(nx.w, ny.w));
        ASSERT(stored_rdata(b, y, stored[1], &dy) && rdata_compare(x->type, dx, dy) == 0);
        ASSERT(x->type == y->type && x->rclass == y->rclass && x->ttl == y->ttl);
        ASSERT(x->section == y->section);
    }
    ASSERT(k == b->rr_count);
}

static bool again(const struct msg *m, struct encode *e)
{
    encode_begin(e, out, sizeof out, m->h.id, m->h.flags);
    if (m->has_question && encode_question(e, m->q.name.w, m->q.type, m->q.rclass) != ST_OK)
        return false;
    for (unsigned i = 0; i < m->rr_count; i++) {
        const struct rr_view *rr = &m->rr[i];
        struct name n;
        struct bytes rd;
        if (msg_owner(m, rr, &n) != ST_OK || !stored_rdata(m, rr, stored[0], &rd))
            continue;
        if (encode_rr(e, rr->section, n.w, rr->type, rr->rclass, rr->ttl, rd) != ST_OK)
            return false; /* a record that grew in decompression may not fit again */
    }
    return true;
}

static void print(const struct msg *m)
{
    struct text t = text_heap(1 << 24);
    msg_text(m, &t);
    text_clear(&t);
    struct json j = json_of(&t, false);
    msg_json(m, &j);
    text_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes wire = bytes_of(data, size);
    struct query_view q;
    static struct arena arena;
    struct arena *a = &arena;
    arena_init(a, CHUNK, ARENA);
    struct msg m, back;
    struct encode e;
    enum status quick = query_parse(wire, &q), whole = msg_parse(wire, a, &m);
    if (size <= LIMIT_MESSAGE && whole == ST_OK)
        ASSERT(quick == ST_OK && q.has_question == m.has_question && q.has_tsig == m.has_tsig);
    if (whole == ST_OK) {
        print(&m);
        if (again(&m, &e)) {
            ASSERT(msg_parse(bytes_of(out, encode_finish(&e)), a, &back) == ST_OK);
            compare(&m, &back);
        }
    }
    arena_free(a);
    return 0;
}
