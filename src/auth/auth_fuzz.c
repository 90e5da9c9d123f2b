/* Any packet against a fixed set of zones: the answer can be parsed, echoes ID and question, keeps
 * to the size allowed, and there is one exactly when there should be. The first byte chooses the
 * transport and whether the rest is the packet itself or a recipe for a question about names that
 * exist. */
#include "auth/testlib.h"
#include "base/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char zone_example[] =
    "@ 60 SOA ns host 1 2 3 4 30\n@ 60 NS ns\n@ 60 MX 5 mail\nns 60 A 192.0.2.1\nns 60 AAAA ::1\n"
    "mail 60 A 192.0.2.2\nwww 60 CNAME mail\na 60 CNAME b\nb 60 CNAME a\n* 60 TXT \"w\"\n"
    "*.a.ent 60 CNAME www.second.\nold 60 DNAME new\nwww.new 60 A 192.0.2.3\nloop 60 DNAME a.loop\n"
    "sub 60 NS ns.sub\nsub 60 NS ns\nns.sub 60 A 192.0.2.4\nsub 60 DS 1 13 2 "
    "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF\n"
    "repeat 80 big 60 A 192.0.2.%\nrepeat 50 glue 60 NS n%.glue\nrepeat 50 n%.glue 60 AAAA ::%\n"
    "repeat 30 mx 60 MX % mail\n_s._udp 60 SRV 1 1 1 mail\nsvc 60 HTTPS 1 . alpn=h2\nsvc 60 A "
    "192.0.2.5\n"
    "al 60 HTTPS 0 svc\nout 60 CNAME x.elsewhere.\nroot 60 DNAME .\n";
static const char zone_second[] = "@ 60 SOA ns host 1 2 3 4 30\n@ 60 NS ns\nns 60 A 192.0.2.1\n"
                                  "www 60 CNAME www.old.example.\n* 60 DNAME example.\n";

/* Signed zones, as far as an answer looks at it; some proofs are missing. */
static const char zone_nsec[] =
    "@ 60 SOA ns host 1 2 3 4 30\n@ 60 NS ns\n@ 60 DNSKEY 257 3 13 AQIDBA==\n"
    "@ 60 RRSIG SOA 13 1 60 20300101000000 20240101000000 1 nsec. AQID\n@ 30 NSEC *.a NS\n"
    "*.a 60 CNAME www.b\n*.a 60 NSEC *.ent.b CNAME\n*.ent.b 60 A 192.0.2.1\n"
    "*.ent.b 60 NSEC new A\n*.b 60 CNAME x.a\nnew 60 DNAME b\nx.new 60 A 192.0.2.1\n"
    "new 60 NSEC sub DNAME\nsub 60 NS ns.sub\nns.sub 60 A 192.0.2.1\nout 60 CNAME x.y.nsec3.\n";
static const char zone_nsec3[] =
    "@ 60 SOA ns host 1 2 3 4 30\n@ 60 NS ns\n@ 60 DNSKEY 257 3 13 AQIDBA==\n"
    "@ 60 RRSIG SOA 13 1 60 20300101000000 20240101000000 1 nsec3. AQID\n"
    "@ 0 NSEC3PARAM 1 0 1 AABB\n*.a 60 CNAME www.a.ent\n* 60 CNAME x.a\nsub.b 60 NS ns.sub\n"
    "35jtmrqeffgoh561ojgvun7v8epbqv8b 30 NSEC3 1 1 1 AABB 57S4D7L5NJD3V8J7M1KMFE5VR6B4NCO9 A\n"
    "57s4d7l5njd3v8j7m1kmfe5vr6b4nco9 30 NSEC3 1 1 1 AABB 35JTMRQEFFGOH561OJGVUN7V8EPBQV8B NS\n";

static struct lab *lab;

static void start(void)
{
    lab = lab_new();
    lab->opt.cookie_key = (struct hash_key){1, 2};
    lab->opt.version = lab->opt.hostname = lab->opt.identity = "fuzz";
    ASSERT(lab_text(lab, "example.", zone_example) && lab_text(lab, "second.", zone_second));
    ASSERT(lab_text(lab, "new.example.",
                    "@ 60 SOA ns host 1 2 3 4 5\n@ 60 NS ns\nwww 60 A 192.0.2.9\n"));
    ASSERT(lab_text(lab, "nsec.", zone_nsec) && lab_text(lab, "nsec3.", zone_nsec3));
    ASSERT(lab_start(lab));
}

/* A query from a recipe: bytes choose labels, type, class, EDNS. */
static size_t cook(const uint8_t *p, size_t n, uint8_t *buf, size_t cap)
{
    static const char *const labels[] = {"example",
                                         "second",
                                         "ns",
                                         "www",
                                         "a",
                                         "b",
                                         "*",
                                         "ent",
                                         "old",
                                         "new",
                                         "sub",
                                         "big",
                                         "glue",
                                         "loop",
                                         "mail",
                                         "mx",
                                         "_udp",
                                         "_s",
                                         "svc",
                                         "al",
                                         "out",
                                         "root",
                                         "zz",
                                         "n7",
                                         "nsec",
                                         "nsec3",
                                         "nsec",
                                         "nsec3",
                                         "57s4d7l5njd3v8j7m1kmfe5vr6b4nco9"};
    static const uint16_t types[] = {1,  2,  5,  6,  15, 16,  28,  33,  39,  43, 46,
                                     47, 50, 51, 64, 65, 255, 252, 251, 254, 41, 0};
    struct name name = {{0}}, longer;
    struct reader r = rd_of(bytes_of(p, n));
    unsigned count = rd_u8(&r) % 7;
    for (unsigned i = 0; i < count; i++)
        if (name_prepend(bytes_str(labels[rd_u8(&r) % ARRAY_LEN(labels)]), name.w, &longer) ==
            ST_OK)
            name = longer;
    uint16_t type = types[rd_u8(&r) % ARRAY_LEN(types)], flags = rd_u16(&r) & 0x07ff;
    uint8_t how = rd_u8(&r);
    static const uint16_t sizes[] = {0, 512, 600, 1232, 4096, 65535};
    struct edns_out opt = {
        .present = how & 1, .dnssec_ok = how & 2, .udp_size = sizes[how / 4 % ARRAY_LEN(sizes)]};
    static const uint16_t classes[] = {1, 1, 1, 1, 1, 255, 3, 254};
    uint16_t rclass = classes[rd_u8(&r) & 7];
    uint8_t options[256];
    struct writer w = wr_of(options, sizeof options);
    for (unsigned i = rd_u8(&r) % 4; i > 0; i--) {
        uint16_t code = rd_u8(&r) % 20;
        size_t len = rd_u8(&r) % 40u;
        len = MIN(len, rd_left(&r));
        edns_put(&w, code, rd_bytes(&r, len));
    }
    opt.options = wr_done(&w);
    return encode_query(buf, cap, 0x1234, flags, name.w, type, rclass, &opt);
}

static void check(struct bytes wire, enum transport t)
{
    struct query_view q;
    struct bytes reply;
    bool parsed = wire.n >= MSG_HEADER && query_parse(wire, &q) == ST_OK;
    enum outcome o = lab_feed(lab, wire, t, t == TRANSPORT_TCP ? LIMIT_MESSAGE : 4096, &reply);
    if (wire.n < MSG_HEADER || (get_be16(wire.p + 2) & MSG_QR) != 0) {
        ASSERT(o == OUTCOME_DROP);
        return;
    }
    struct arena a;
    struct msg m;
    arena_init(&a, 1 << 16, 0);
    ASSERT(o == OUTCOME_ANSWER && msg_parse(reply, &a, &m) == ST_OK && m.trailing == 0);
    ASSERT(m.h.id == get_be16(wire.p) && (m.h.flags & MSG_QR) != 0);
    ASSERT(msg_opcode(m.h.flags) == msg_opcode(get_be16(wire.p + 2)));
    ASSERT((m.h.flags & (MSG_RA | MSG_Z | MSG_AD | MSG_CD)) == 0);
    if (t == TRANSPORT_UDP) {
        size_t limit =
            parsed && q.edns.present ? MAX(512u, MIN(q.edns.udp_size, LIMIT_EDNS_UDP)) : 512u;
        ASSERT(reply.n <= limit);
    }
    if (parsed && q.has_question) {
        ASSERT(m.has_question);
        ASSERT(memcmp(reply.p + MSG_HEADER, wire.p + MSG_HEADER, q.question_end - MSG_HEADER) == 0);
        ASSERT(m.edns.present == q.edns.present);
    }
    for (unsigned i = 0; i < m.rr_count; i++) {
        static uint8_t rdata[LIMIT_MESSAGE];
        struct writer w = wr_of(rdata, sizeof rdata);
        ASSERT(rdata_from_wire(m.rr[i].type, m.wire, m.rr[i].rdata_off, m.rr[i].rdata_len, &w) ==
               ST_OK);
    }
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (lab == NULL)
        start();
    if (size < 1 || size > LIMIT_MESSAGE)
        return 0;
    enum transport t = data[0] & 1 ? TRANSPORT_TCP : TRANSPORT_UDP;
    if (data[0] & 2) {
        uint8_t buf[1024];
        size_t n = cook(data + 1, size - 1, buf, sizeof buf);
        check(bytes_of(buf, n), t);
    } else {
        check(bytes_of(data + 1, size - 1), t);
    }
    return 0;
}
