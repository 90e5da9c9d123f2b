/* Questions and answers as data: every file of scenarios/auth is a set of zones and what a server
 * that holds them must answer. The format is described in scenarios/auth/README.md. */
#include "auth/testlib.h"
#include "base/codec.h"
#include "base/test.h"

#include <dirent.h>

enum { CASE_RRS = 2400 };

struct expected_rr {
    struct lab_record *rr;
    uint8_t section;
    bool found;
};

struct vector_case {
    char name[200];
    /* asked */
    uint8_t wire[LIMIT_MESSAGE];
    size_t wire_n;
    enum transport transport;
    /* expected */
    bool drop;
    bool opt; /* an OPT is expected */
    bool bad; /* the case itself cannot be read */
    uint16_t rcode, flags;
    int ede;
    bool any_order_of[4]; /* the section is not compared */
    uint32_t min_size, max_size;
    bool is_signed; /* signatures are not listed but counted */
    uint32_t signatures;
    struct expected_rr want[CASE_RRS];
    size_t want_n;
    struct bytes option[8]; /* "code hex" as text: must be in the answer's OPT */
    size_t option_n;
};

static void case_begin(struct vector_case *c, struct bytes name)
{
    for (size_t i = 0; i < c->want_n; i++)
        free(c->want[i].rr);
    memset(c, 0, sizeof *c);
    snprintf(c->name, sizeof c->name, "%.*s", (int)name.n, (const char *)name.p);
    c->ede = -1;
    c->max_size = LIMIT_MESSAGE;
}

static uint16_t flag_bit(struct bytes w)
{
    static const struct {
        const char *word;
        uint16_t bit;
    } flags[] = {{"qr", MSG_QR}, {"aa", MSG_AA}, {"tc", MSG_TC}, {"rd", MSG_RD},
                 {"ra", MSG_RA}, {"z", MSG_Z},   {"ad", MSG_AD}, {"cd", MSG_CD}};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (lab_is(w, flags[i].word))
            return flags[i].bit;
    return 0;
}

static bool word_value(struct bytes w, const char *key, struct bytes *ret)
{
    size_t n = strlen(key);
    if (w.n <= n || memcmp(w.p, key, n) != 0 || w.p[n] != '=')
        return false;
    *ret = bytes_of(w.p + n + 1, w.n - n - 1);
    return true;
}

/* ask NAME TYPE words */
static void case_ask(struct vector_case *c, struct bytes line)
{
    struct name name;
    uint16_t type, rclass = CLASS_IN, flags = 0;
    uint8_t options[600];
    struct writer w = wr_of(options, sizeof options);
    struct edns_out opt = {.udp_size = 1232};
    struct bytes n = lab_word(&line), t = lab_word(&line), v;
    c->bad = name_parse(n, name_root, &name) != ST_OK || !rr_type_parse(t, &type);
    for (struct bytes word = lab_word(&line); word.n > 0; word = lab_word(&line)) {
        uint16_t bit = flag_bit(word);
        if (bit != 0) {
            flags |= bit;
        } else if (lab_is(word, "tcp")) {
            c->transport = TRANSPORT_TCP;
        } else if (lab_is(word, "edns")) {
            opt.present = true;
        } else if (lab_is(word, "do")) {
            opt.present = opt.dnssec_ok = true;
        } else if (word_value(word, "size", &v)) {
            opt.present = true;
            opt.udp_size = (uint16_t)lab_number(v);
        } else if (word_value(word, "version", &v)) {
            opt.present = true;
            opt.version = (uint8_t)lab_number(v);
        } else if (word_value(word, "opcode", &v)) {
            flags |= (uint16_t)(lab_number(v) << 11);
        } else if (word_value(word, "class", &v)) {
            c->bad |= !rr_class_parse(v, &rclass);
        } else if (word_value(word, "option", &v)) { /* option=CODE:HEX */
            uint8_t data[300];
            struct writer hex = wr_of(data, sizeof data);
            uint16_t code = (uint16_t)lab_number(v);
            while (v.n > 0 && *v.p != ':')
                v = bytes_of(v.p + 1, v.n - 1);
            if (v.n > 1)
                c->bad |= hex_parse(bytes_of(v.p + 1, v.n - 1), &hex) != ST_OK;
            opt.present = true;
            edns_put(&w, code, wr_done(&hex));
        } else {
            c->bad = true;
        }
    }
    opt.options = wr_done(&w);
    c->opt = opt.present;
    if (!c->bad)
        c->wire_n =
            encode_query(c->wire, sizeof c->wire, 0x4242, flags, name.w, type, rclass, &opt);
}

/* raw [tcp] hex bytes: a packet as it is; its answer may have an OPT or not ("opt" in expect). */
static void case_raw(struct vector_case *c, struct bytes line)
{
    struct writer w = wr_of(c->wire, sizeof c->wire);
    for (struct bytes word = lab_word(&line); word.n > 0; word = lab_word(&line)) {
        if (lab_is(word, "tcp"))
            c->transport = TRANSPORT_TCP;
        else
            c->bad |= hex_parse(word, &w) != ST_OK;
    }
    c->wire_n = wr_len(&w);
}

/* expect RCODE words */
static void case_expect(struct vector_case *c, struct bytes line)
{
    struct bytes word = lab_word(&line), v;
    if (lab_is(word, "drop"))
        c->drop = true;
    else
        c->bad |= !rcode_parse(word, &c->rcode);
    for (word = lab_word(&line); word.n > 0; word = lab_word(&line)) {
        if (flag_bit(word) != 0)
            c->flags |= flag_bit(word);
        else if (lab_is(word, "opt"))
            c->opt = true;
        else if (lab_is(word, "noopt"))
            c->opt = false;
        else if (word_value(word, "ede", &v))
            c->ede = (int)lab_number(v);
        else if (word_value(word, "max", &v))
            c->max_size = lab_number(v);
        else if (word_value(word, "min", &v))
            c->min_size = lab_number(v);
        else if (word_value(word, "signed", &v)) {
            c->is_signed = true;
            c->signatures = lab_number(v);
        } else if (word_value(word, "skip", &v))
            c->any_order_of[v.p[0] == 'a' && v.n == 6 ? SECTION_ANSWER
                            : v.n == 9                ? SECTION_AUTHORITY
                                                      : SECTION_ADDITIONAL] = true;
        else if (word_value(word, "option", &v) && c->option_n < ARRAY_LEN(c->option))
            c->option[c->option_n++] = v;
        else
            c->bad = true;
    }
}

static void case_want(struct vector_case *c, unsigned section, struct bytes line)
{
    struct bytes rest = line;
    uint32_t times = 1;
    if (lab_is(lab_word(&rest), "repeat")) {
        times = lab_number(lab_word(&rest));
        line = rest;
    }
    for (uint32_t i = 1; i <= times && c->want_n < CASE_RRS; i++) {
        char buf[2000];
        struct text t = text_of(buf, sizeof buf);
        for (size_t k = 0; k < line.n; k++) {
            if (times > 1 && line.p[k] == '%')
                text_uint(&t, i);
            else
                text_char(&t, (char)line.p[k]);
        }
        struct expected_rr *w = &c->want[c->want_n++];
        w->rr = malloc(sizeof *w->rr);
        w->section = (uint8_t)section;
        w->found = false;
        c->bad |= w->rr == NULL || !lab_record(bytes_of(t.p, t.n), name_root, w->rr);
    }
}

static bool rr_matches(const struct msg *m, const struct rr_view *rr, const struct lab_record *want,
                       uint16_t rclass)
{
    static uint8_t got[LIMIT_MESSAGE];
    struct writer w = wr_of(got, sizeof got);
    struct name owner;
    return rr->type == want->type && rr->ttl == want->ttl && rr->rclass == rclass &&
           msg_owner(m, rr, &owner) == ST_OK && name_equal(owner.w, want->owner.w) &&
           rdata_from_wire(rr->type, m->wire, rr->rdata_off, rr->rdata_len, &w) == ST_OK &&
           rdata_compare(rr->type, wr_done(&w), bytes_of(want->rdata, want->rdata_n)) == 0;
}

static void show(const struct msg *m)
{
    static const char *const names[] = {"question", "answer", "authority", "additional"};
    for (unsigned i = 0; i < m->rr_count; i++) {
        static uint8_t got[LIMIT_MESSAGE];
        char buf[3000];
        struct text t = text_of(buf, sizeof buf);
        struct writer w = wr_of(got, sizeof got);
        struct name owner;
        const struct rr_view *rr = &m->rr[i];
        if (msg_owner(m, rr, &owner) != ST_OK ||
            rdata_from_wire(rr->type, m->wire, rr->rdata_off, rr->rdata_len, &w) != ST_OK)
            continue;
        name_text(owner.w, &t);
        text_fmt(&t, " %u ", rr->ttl);
        rr_type_text(rr->type, &t);
        text_char(&t, ' ');
        rdata_text(rr->type, wr_done(&w), &t);
        printf("#   %s %s\n", names[rr->section], text_cstr(&t));
    }
}

/* Does a signature stand beside an expected RRset that it covers? */
static bool signs_expected(const struct vector_case *c, const struct msg *m,
                           const struct rr_view *rr)
{
    struct name owner;
    if (rr->type != RR_RRSIG || rr->rdata_len < 2 || msg_owner(m, rr, &owner) != ST_OK)
        return false;
    for (size_t k = 0; k < c->want_n; k++)
        if (c->want[k].section == rr->section && c->want[k].rr->ttl == rr->ttl &&
            c->want[k].rr->type == get_be16(m->wire.p + rr->rdata_off) &&
            name_equal(c->want[k].rr->owner.w, owner.w))
            return true;
    return false;
}

/* NULL if the records are the ones expected, else what differs. */
static const char *compare_records(struct vector_case *c, const struct msg *m)
{
    uint16_t rclass = m->has_question && m->q.rclass == CLASS_CH ? CLASS_CH : CLASS_IN;
    uint32_t signatures = 0;
    for (unsigned i = 0; i < m->rr_count; i++) {
        const struct rr_view *rr = &m->rr[i];
        if (c->is_signed && signs_expected(c, m, rr)) {
            signatures++;
            continue;
        }
        bool known = c->any_order_of[rr->section];
        for (size_t k = 0; k < c->want_n && !known; k++)
            if (c->want[k].section == rr->section && !c->want[k].found &&
                rr_matches(m, rr, c->want[k].rr, rclass))
                known = c->want[k].found = true;
        if (!known)
            return "a record that is not expected";
    }
    for (size_t k = 0; k < c->want_n; k++)
        if (!c->want[k].found)
            return "a record is missing";
    return signatures == c->signatures ? NULL : "number of signatures";
}

static const char *compare_options(const struct vector_case *c, const struct msg *m)
{
    uint16_t code;
    struct bytes data;
    for (size_t i = 0; i < c->option_n; i++) { /* CODE:HEX, hex may be a prefix ending in "*" */
        struct bytes v = c->option[i];
        uint8_t want[300];
        struct writer w = wr_of(want, sizeof want);
        uint16_t wanted = (uint16_t)lab_number(v);
        while (v.n > 0 && *v.p != ':')
            v = bytes_of(v.p + 1, v.n - 1);
        v = v.n > 0 ? bytes_of(v.p + 1, v.n - 1) : v;
        bool prefix = v.n > 0 && v.p[v.n - 1] == '*', found = false;
        if (hex_parse(bytes_of(v.p, v.n - prefix), &w) != ST_OK)
            return "bad hex";
        size_t off = 0, n = wr_len(&w);
        while (edns_option_next(m->edns.options, &off, &code, &data))
            if (code == wanted && (prefix ? data.n > n : data.n == n))
                found |= memcmp(data.p, want, n) == 0;
        if (!found)
            return "an EDNS option is missing";
    }
    size_t off = 0;
    while (edns_option_next(m->edns.options, &off, &code, &data)) {
        bool known = code == EDNS_EDE && c->ede >= 0;
        for (size_t i = 0; i < c->option_n; i++)
            known |= lab_number(c->option[i]) == code;
        if (!known)
            return "an EDNS option that is not expected";
    }
    return NULL;
}

static const char *compare(struct vector_case *c, struct bytes reply, const struct msg *m)
{
    const uint16_t bits = MSG_AA | MSG_TC | MSG_RD | MSG_RA | MSG_Z | MSG_AD | MSG_CD;
    uint16_t asked = get_be16(c->wire + 2);
    if (m->trailing > 0)
        return "bytes behind the last record";
    if (m->h.id != get_be16(c->wire) || !(m->h.flags & MSG_QR))
        return "ID or QR";
    if (msg_opcode(m->h.flags) != msg_opcode(asked))
        return "opcode";
    if (msg_rcode(m) != c->rcode)
        return "RCODE";
    if ((m->h.flags & bits) != c->flags)
        return "flags";
    if (m->edns.present != c->opt)
        return "OPT";
    if (m->edns.present &&
        (m->edns.version != 0 || m->edns.udp_size != LIMIT_EDNS_UDP || m->edns.z != 0))
        return "content of OPT";
    if (reply.n > c->max_size || reply.n < c->min_size)
        return "size";
    if ((m->edns.has_ede ? m->edns.ede_code : -1) != c->ede)
        return "EDE";
    /* The question comes back byte for byte. */
    if (m->has_question && memcmp(reply.p + MSG_HEADER, c->wire + MSG_HEADER, m->q.len + 4u) != 0)
        return "question";
    const char *what = compare_options(c, m);
    return what != NULL ? what : compare_records(c, m);
}

static void case_run(struct vector_case *c, struct lab *l, const char *file)
{
    if (c->name[0] == '\0')
        return;
    struct bytes reply;
    const char *what = NULL;
    struct arena a;
    struct msg m = {0};
    arena_init(&a, 65536, 0);
    uint8_t *exact = malloc(c->wire_n); /* so that the sanitizer sees reads past the end */
    if (exact == NULL)
        abort();
    memcpy(exact, c->wire, c->wire_n);
    enum outcome o = lab_feed(l, bytes_of(exact, c->wire_n), c->transport,
                              c->transport == TRANSPORT_TCP ? LIMIT_MESSAGE : 4096, &reply);
    if (c->bad)
        what = "the case cannot be read";
    else if (c->drop != (o == OUTCOME_DROP))
        what = "outcome";
    else if (o == OUTCOME_ANSWER && msg_parse(reply, &a, &m) != ST_OK)
        what = "the answer cannot be parsed";
    else if (o == OUTCOME_ANSWER)
        what = compare(c, reply, &m);
    test_point(what == NULL, "%s: %s", file, c->name);
    if (what != NULL) {
        printf("# differs: %s; flags %04x rcode %u size %zu edns %d ede %d\n", what, m.h.flags,
               m.wire.n > 0 ? msg_rcode(&m) : 0, reply.n, m.edns.present,
               m.edns.has_ede ? m.edns.ede_code : -1);
        show(&m);
    }
    free(exact);
    arena_free(&a);
    c->name[0] = '\0';
}

/* Words of the "server" line: options of the role. Strings are kept in the file's text. */
static void server_options(struct lab *l, struct bytes line, char *store, size_t cap)
{
    struct text t = text_of(store, cap);
    for (struct bytes w = lab_word(&line); w.n > 0; w = lab_word(&line)) {
        struct bytes v;
        const char **slot = word_value(w, "version", &v)    ? &l->opt.version
                            : word_value(w, "hostname", &v) ? &l->opt.hostname
                            : word_value(w, "identity", &v) ? &l->opt.identity
                                                            : NULL;
        if (slot != NULL) {
            *slot = store + t.n;
            text_bytes(&t, v.p, v.n);
            text_bytes(&t, "", 1);
        } else if (lab_is(w, "full-any")) {
            l->opt.minimal_any = false;
        } else if (lab_is(w, "no-cookies")) {
            l->opt.cookies = false;
        } else if (lab_is(w, "require-cookie")) {
            l->opt.require_cookie = true;
        } else if (lab_is(w, "cyclic")) {
            l->opt.rotation = ROTATE_CYCLIC;
        } else {
            test_fail(__FILE__, __LINE__, "unknown server option %.*s", (int)w.n,
                      (const char *)w.p);
        }
    }
}

/* load NAME FILE: a zone whose lines stand in a file of vectors/zone-signed. */
static void load_zone(struct lab *l, struct bytes line)
{
    char name[300], path[300];
    struct bytes n = lab_word(&line), f = lab_word(&line);
    snprintf(name, sizeof name, "%.*s", (int)n.n, (const char *)n.p);
    snprintf(path, sizeof path, "vectors/zone-signed/%.*s", (int)f.n, (const char *)f.p);
    char *text = test_file(path, NULL);
    CHECK(text != NULL && lab_text(l, name, text));
    free(text);
}

static void run_line(struct vector_case *c, struct lab *l, const char *file, struct bytes line,
                     char *store, size_t cap)
{
    static const char *const sections[] = {"question", "answer", "authority", "additional"};
    struct bytes rest = line, key = lab_word(&rest);
    if (key.n == 0 || key.p[0] == '#')
        return;
    if (l->building != NULL) {
        if (lab_is(key, "end"))
            CHECK(lab_zone_end(l));
        else
            CHECK(lab_add(l, line));
        return;
    }
    if (lab_is(key, "server")) {
        server_options(l, rest, store, cap);
    } else if (lab_is(key, "zone")) {
        char name[1024];
        struct bytes w = lab_word(&rest);
        snprintf(name, sizeof name, "%.*s", (int)w.n, (const char *)w.p);
        lab_zone(l, name);
    } else if (lab_is(key, "load")) {
        load_zone(l, rest);
    } else if (lab_is(key, "case")) {
        if (l->auth == NULL && !lab_start(l))
            abort();
        case_run(c, l, file);
        case_begin(c, rest);
    } else if (lab_is(key, "ask")) {
        case_ask(c, rest);
    } else if (lab_is(key, "raw")) {
        case_raw(c, rest);
    } else if (lab_is(key, "expect")) {
        case_expect(c, rest);
    } else {
        for (unsigned s = 1; s < 4; s++)
            if (lab_is(key, sections[s])) {
                case_want(c, s, rest);
                return;
            }
        test_fail(__FILE__, __LINE__, "%s: unknown line %.*s", file, (int)line.n,
                  (const char *)line.p);
    }
}

static void run_file(const char *file)
{
    char path[600], store[500];
    snprintf(path, sizeof path, "scenarios/auth/%s", file);
    char *text = test_file(path, NULL);
    struct vector_case *c = calloc(1, sizeof *c);
    if (text == NULL || c == NULL)
        abort();
    struct lab *l = lab_new();
    l->opt.cookie_key = (struct hash_key){1, 2};
    for (char *p = text; *p != '\0';) {
        size_t n = strcspn(p, "\n");
        run_line(c, l, file, bytes_of(p, n), store, sizeof store);
        p += n + (p[n] == '\n');
    }
    case_run(c, l, file);
    case_begin(c, bytes_of("", 0));
    lab_free(l);
    free(c);
    free(text);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

TEST(auth_answers_as_the_scenarios_say)
{
    char dir[1000];
    struct dirent **list;
    snprintf(dir, sizeof dir, "%s/scenarios/auth", test_source_dir());
    int n = scandir(dir, &list, NULL, by_name);
    REQUIRE(n > 0);
    unsigned files = 0;
    for (int i = 0; i < n; i++) {
        size_t len = strlen(list[i]->d_name);
        if (len > 4 && strcmp(list[i]->d_name + len - 4, ".txt") == 0) {
            run_file(list[i]->d_name);
            files++;
        }
        free(list[i]);
    }
    free(list);
    CHECK(files >= 10);
}
