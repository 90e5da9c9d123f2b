/* The encoder: RRsets made from the input go into a message of limited size; what comes back are
 * exactly the sets that it accepted, whole, and the limit holds. */
#include "base/attr.h"
#include "dns/encode.h"
#include "dns/rdata.h"

enum { SETS = 48, ARENA = 1 << 20, CHUNK = 1 << 14, LABEL_KINDS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *p;
    size_t n;
};

static unsigned take(struct input *in)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

/* Names from few labels, in two cases, so that many suffixes are shared. */
static size_t make_name(struct input *in, uint8_t out[LIMIT_NAME])
{
    static const char *const labels[LABEL_KINDS] = {"a",   "A",   "example", "EXAMPLE",
                                                    "com", "COM", "b",       ""};
    unsigned count = take(in) % 9;
    size_t n = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned pick = take(in);
        const char *l = labels[pick % LABEL_KINDS];
        size_t len = *l != '\0' ? strlen(l) : 1 + pick / LABEL_KINDS;
        if (n + 1 + len + 1 > LIMIT_NAME)
            break;
        out[n++] = (uint8_t)len;
        if (*l != '\0')
            memcpy(out + n, l, len);
        else
            memset(out + n, (int)pick, len);
        n += len;
    }
    out[n++] = 0;
    return n;
}

static const uint16_t types[] = {RR_A,  RR_AAAA,  RR_NS,  RR_CNAME, RR_MX,    RR_SOA,
                                 RR_RP, RR_MINFO, RR_PTR, RR_SRV,   RR_DNAME, 65280};

static void make_rdata(struct input *in, uint16_t type, struct writer *w)
{
    uint8_t n[LIMIT_NAME], fixed[20];
    memset(fixed, (int)take(in), sizeof fixed);
    unsigned names = type == RR_SOA || type == RR_RP || type == RR_MINFO ? 2 : 1;
    if (type == RR_A || type == RR_AAAA) {
        wr_bytes(w, fixed, type == RR_A ? 4 : 16);
        return;
    }
    if (type == 65280) {
        wr_bytes(w, fixed, take(in) % 20);
        return;
    }
    if (type == RR_MX || type == RR_SRV)
        wr_bytes(w, fixed, type == RR_MX ? 2 : 6);
    for (unsigned i = 0; i < names; i++) {
        size_t len = make_name(in, n);
        wr_bytes(w, n, len);
    }
    if (type == RR_SOA)
        wr_bytes(w, fixed, 20);
}

static struct rrset make_set(struct input *in, struct arena *a)
{
    uint8_t owner[LIMIT_NAME], buf[4096];
    struct writer w = wr_of(buf, sizeof buf);
    size_t len = make_name(in, owner);
    struct rrset s = {
        .type = types[take(in) % ARRAY_LEN(types)], .rclass = CLASS_IN, .ttl = take(in)};
    unsigned count = 1 + take(in) % 5;
    for (unsigned i = 0; i < count; i++) {
        uint8_t *mark = wr_mark(&w);
        wr_u16(&w, 0);
        make_rdata(in, s.type, &w);
        put_be16(mark, (uint16_t)(w.p - mark - 2));
        ASSERT(rdata_check(s.type, bytes_of(mark + 2, (size_t)(w.p - mark - 2))) == ST_OK);
    }
    s.count = (uint16_t)count;
    s.rdata_size = (uint32_t)wr_len(&w);
    s.rdata = arena_dup(a, buf, wr_len(&w));
    s.owner = arena_dup(a, owner, len);
    ASSERT(s.rdata != NULL && s.owner != NULL);
    return s;
}

static void check_record(const struct msg *m, const struct rr_view *rr, const struct rrset *s,
                         struct bytes rd)
{
    static uint8_t buf[LIMIT_MESSAGE];
    struct writer w = wr_of(buf, sizeof buf);
    struct name owner;
    ASSERT(msg_owner(m, rr, &owner) == ST_OK && name_equal(owner.w, s->owner));
    ASSERT(rr->type == s->type && rr->ttl == s->ttl);
    ASSERT(rdata_from_wire(rr->type, m->wire, rr->rdata_off, rr->rdata_len, &w) == ST_OK);
    ASSERT(rdata_compare(rr->type, wr_done(&w), rd) == 0);
}

static void check(struct bytes wire, struct arena *a, const struct rrset *sets,
                  const uint8_t *first, unsigned n)
{
    struct msg m;
    unsigned k = 0;
    ASSERT(msg_parse(wire, a, &m) == ST_OK && m.trailing == 0);
    for (unsigned i = 0; i < n; i++)
        for (unsigned r = 0; r < sets[i].count; r++) {
            const uint8_t *p = sets[i].rdata;
            struct bytes rd = {0};
            for (unsigned skip = 0; skip <= (first[i] + r) % sets[i].count; skip++)
                rd = rdata_next(&p);
            ASSERT(k < m.rr_count);
            check_record(&m, &m.rr[k++], &sets[i], rd);
        }
    ASSERT(k == m.rr_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[LIMIT_MESSAGE];
    struct input in = {data, size};
    static struct arena arena;
    struct arena *a = &arena;
    arena_init(a, CHUNK, ARENA);
    struct rrset sets[SETS];
    uint8_t first[SETS], qname[LIMIT_NAME];
    struct encode e;
    unsigned n = 0;
    size_t limit = 300 + 256 * take(&in), reserve = take(&in) % 64;
    struct edns_out opt = {
        .present = true, .udp_size = 1232, .pad_block = (uint16_t)(take(&in) % 200)};
    limit = MIN(limit, sizeof out);
    encode_begin(&e, out, limit, 7, MSG_QR);
    encode_reserve(&e, encode_opt_size(&opt) + reserve % 8);
    size_t qlen = make_name(&in, qname);
    if (encode_question(&e, qname, RR_A, CLASS_IN) == ST_OK && qlen < 250)
        for (unsigned i = 0; i < SETS && in.n > 0; i++) {
            struct rrset s = make_set(&in, a);
            unsigned turn = take(&in);
            size_t before = wr_len(&e.w);
            if (encode_rrset(&e, SECTION_ANSWER, &s, turn) == ST_OK) {
                first[n] = (uint8_t)turn;
                sets[n++] = s;
            } else {
                ASSERT(wr_len(&e.w) == before);
            }
        }
    ASSERT(encode_opt(&e, &opt) == ST_OK);
    size_t len = encode_finish(&e);
    ASSERT(len <= limit);
    check(bytes_of(out, len), a, sets, first, n);
    arena_free(a);
    return 0;
}
