/* How `banyan query` shows a reply: a verdict first, then the records in columns, then who said so.
 */
#include "app/query.h"
#include "app/validate.h"
#include "base/codec.h"
#include "dns/print.h"
#include "dns/rdata.h"
#include "dns/rr_type.h"

/* RDATA may grow when its names are decompressed. */
enum { RDATA_BUF = LIMIT_MESSAGE + 4 * LIMIT_NAME, OWNER_MAX = 40, TTL_MAX = 16 };

#define BOLD  "\033[1m"
#define GREEN "\033[32m"
#define RED   "\033[31m"
#define AMBER "\033[33m"
#define DIM   "\033[2m"
#define RESET "\033[0m"

static void paint(const struct query_shown *s, const char *code, struct text *out)
{
    if (s->colour)
        text_str(out, code);
}

/* --- The verdict --- */

static unsigned count_in(const struct msg *m, unsigned section, uint16_t type)
{
    unsigned n = 0;
    for (unsigned i = 0; i < m->rr_count; i++)
        n += m->rr[i].section == section && (type == 0 || m->rr[i].type == type);
    return n;
}

static const struct {
    unsigned rcode;
    const char *words;
} rcode_words[] = {
    {RCODE_FORMERR, "the server could not read the question"},
    {RCODE_SERVFAIL, "the server failed"},
    {RCODE_NXDOMAIN, "there is no such name"},
    {RCODE_NOTIMP, "the server does not do this kind of question"},
    {RCODE_REFUSED, "the server refuses to answer this"},
    {RCODE_NOTAUTH, "the server is not responsible for this zone"},
    {RCODE_BADVERS, "the server does not speak this EDNS version"},
    {RCODE_BADCOOKIE, "the server wants a cookie of its own"},
};

static const char *words_of(unsigned rcode)
{
    for (size_t i = 0; i < ARRAY_LEN(rcode_words); i++)
        if (rcode_words[i].rcode == rcode)
            return rcode_words[i].words;
    return "an error";
}

/* The zone a referral leads to: the owner of the first NS of the authority section. */
static bool referral(const struct msg *m, struct name *ret)
{
    if ((m->h.flags & MSG_AA) || count_in(m, SECTION_AUTHORITY, RR_SOA) > 0)
        return false;
    for (unsigned i = 0; i < m->rr_count; i++)
        if (m->rr[i].section == SECTION_AUTHORITY && m->rr[i].type == RR_NS)
            return msg_owner(m, &m->rr[i], ret) == ST_OK;
    return false;
}

/* Signatures and proofs are for the chain to tell of, unless they are wanted. */
static bool hidden(const struct query_shown *s, uint16_t type)
{
    return s->validation != NULL && !s->q->dnssec && type != s->q->type && s->q->type != RR_ANY &&
           (type == RR_RRSIG || type == RR_NSEC || type == RR_NSEC3);
}

static unsigned shown_in(const struct query_shown *s, const struct msg *m, unsigned section)
{
    unsigned n = 0;
    for (unsigned i = 0; i < m->rr_count; i++)
        n += m->rr[i].section == section && !hidden(s, m->rr[i].type);
    return n;
}

static void noerror_words(const struct query_shown *s, const struct msg *m, struct text *out)
{
    unsigned n = shown_in(s, m, SECTION_ANSWER);
    char buf[24];
    struct name zone;
    if (msg_opcode(m->h.flags) != OPCODE_QUERY) {
        text_str(out, "done");
    } else if (n > 0) {
        text_fmt(out, "%u record%s", n, n == 1 ? "" : "s");
        if (count_in(m, SECTION_ANSWER, s->q->type) == 0 && s->q->type != RR_ANY)
            text_fmt(out, ", but none of type %s", rr_type_str(s->q->type, buf));
    } else if (referral(m, &zone)) {
        text_str(out, "ask the servers of ");
        name_text(zone.w, out);
    } else {
        text_fmt(out, "the name is there, but has no %s record", rr_type_str(s->q->type, buf));
    }
}

static void verdict(const struct query_shown *s, const struct msg *m, struct text *out)
{
    char buf[24];
    unsigned rcode = msg_rcode(m);
    bool fine = rcode == RCODE_NOERROR, none = fine && count_in(m, SECTION_ANSWER, 0) == 0;
    text_str(out, ";; ");
    paint(s, BOLD, out);
    if (m->has_question) {
        name_text(m->q.name.w, out);
        text_fmt(out, " %s", rr_type_str(m->q.type, buf));
    } else {
        text_str(out, "(no question)");
    }
    text_str(out, ": ");
    bool bad = s->validation != NULL && s->validation->trust > TRUST_INSECURE;
    paint(s, bad ? RED : none || rcode == RCODE_NXDOMAIN ? AMBER : fine ? GREEN : RED, out);
    text_str(out, rcode_str(rcode, buf));
    paint(s, RESET, out);
    text_str(out, ", ");
    if (fine)
        noerror_words(s, m, out);
    else
        text_str(out, words_of(rcode));
    if (m->h.flags & MSG_AA)
        text_str(out, ", authoritative");
    if (s->validation != NULL)
        text_fmt(out, ", %s", validation_word(s->validation));
    else if (m->h.flags & MSG_AD)
        text_str(out, ", validated");
    if (m->h.flags & MSG_TC)
        text_str(out, ", cut short (TC)");
    text_char(out, '\n');
}

static void comments(const struct query_shown *s, const struct msg *m, struct text *out)
{
    char buf[24];
    uint16_t code;
    struct bytes data;
    size_t off = 0;
    verdict(s, m, out);
    text_fmt(out, ";; id %u, %s, flags: ", m->h.id, opcode_str(msg_opcode(m->h.flags), buf));
    msg_flags_text(m->h.flags, out);
    text_fmt(out, "; question %u, answer %u, authority %u, additional %u\n", m->h.count[0],
             m->h.count[1], m->h.count[2], m->h.count[3]);
    if (m->edns.present)
        text_fmt(out, ";; EDNS version %u, flags:%s, udp %u\n", m->edns.version,
                 m->edns.dnssec_ok ? " do" : "", m->edns.udp_size);
    while (edns_option_next(m->edns.options, &off, &code, &data)) {
        text_str(out, ";;   ");
        paint(s, code == EDNS_EDE ? RED : "", out);
        edns_option_text(code, data, out);
        paint(s, code == EDNS_EDE ? RESET : "", out);
        text_char(out, '\n');
    }
    if (m->trailing > 0)
        text_fmt(out, ";; warning: %zu bytes behind the message\n", m->trailing);
}

/* --- Records in columns --- */

static void ttl_text(uint32_t ttl, bool units, struct text *out)
{
    static const struct {
        uint32_t seconds;
        char letter;
    } unit[] = {{604800, 'w'}, {86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    if (!units || ttl == 0) {
        text_uint(out, ttl);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(unit); i++) {
        if (ttl >= unit[i].seconds)
            text_fmt(out, "%u%c", ttl / unit[i].seconds, unit[i].letter);
        ttl %= unit[i].seconds;
    }
}

static bool rdata_of(const struct msg *m, const struct rr_view *rr, struct bytes *ret)
{
    static uint8_t buf[RDATA_BUF];
    struct writer w = wr_of(buf, sizeof buf);
    if (rdata_from_wire(rr->type, m->wire, rr->rdata_off, rr->rdata_len, &w) != ST_OK || !wr_ok(&w))
        return false;
    *ret = wr_done(&w);
    return true;
}

static void soa_text(struct bytes rd, struct text *out)
{
    static const char *const label[] = {"serial", "refresh", "retry", "expire", "minimum"};
    const uint8_t *n = rd.p + name_len(rd.p), *p = n + name_len(n);
    name_text(rd.p, out);
    text_char(out, ' ');
    name_text(n, out);
    text_str(out, " (\n");
    for (unsigned i = 0; i < ARRAY_LEN(label); i++) {
        size_t from = out->n;
        text_pad(out, from, 16);
        text_uint(out, get_be32(p + 4 * i));
        text_pad(out, from, 28);
        text_fmt(out, "; %s", label[i]);
        if (i > 0) {
            text_str(out, " (");
            ttl_text(get_be32(p + 4 * i), true, out);
            text_char(out, ')');
        }
        text_char(out, '\n');
    }
    text_str(out, "                )");
}

static void data_text(const struct query *q, uint16_t type, struct bytes rd, struct text *out)
{
    if (q->multiline && type == RR_SOA)
        soa_text(rd, out);
    else
        rdata_text(type, rd, out);
}

struct columns {
    size_t owner, ttl, type;
};

static struct columns measure(const struct query_shown *s, const struct msg *m)
{
    const struct query *q = s->q;
    struct columns c = {0};
    char buf[NAME_TEXT_MAX];
    struct name n;
    for (unsigned i = 0; i < m->rr_count; i++) {
        struct text t = text_of(buf, sizeof buf);
        if (hidden(s, m->rr[i].type) || msg_owner(m, &m->rr[i], &n) != ST_OK)
            continue;
        name_text(n.w, &t);
        c.owner = MAX(c.owner, MIN(t.n, (size_t)OWNER_MAX));
        text_clear(&t);
        ttl_text(m->rr[i].ttl, q->ttl_units, &t);
        c.ttl = MAX(c.ttl, t.n);
        c.type = MAX(c.type, strlen(rr_type_str(m->rr[i].type, buf)));
    }
    return c;
}

static void record(const struct query_shown *s, const struct msg *m, const struct rr_view *rr,
                   const struct columns *c, struct text *out)
{
    struct name owner;
    struct bytes rd;
    char buf[24];
    size_t from = out->n, col = c->owner + 2;
    if (msg_owner(m, rr, &owner) != ST_OK) {
        text_str(out, ";; a record whose owner name is malformed\n");
        return;
    }
    bool good = rdata_of(m, rr, &rd);
    if (!good)
        text_str(out, ";; malformed: ");
    name_text(owner.w, out);
    text_pad(out, from, col);
    if (s->q->show_ttl) {
        ttl_text(rr->ttl, s->q->ttl_units, out);
        text_pad(out, from, col += c->ttl + 2);
    }
    if (s->q->show_class) {
        rr_class_text(rr->rclass, out);
        text_pad(out, from, col += 4);
    }
    text_str(out, rr_type_str(rr->type, buf));
    text_pad(out, from, col += c->type + 2);
    if (good)
        data_text(s->q, rr->type, rd, out);
    else
        rdata_text_generic(bytes_of(m->wire.p + rr->rdata_off, rr->rdata_len), out);
    text_char(out, '\n');
}

static void sections(const struct query_shown *s, const struct msg *m, struct text *out)
{
    static const char *const title[] = {"question", "answer", "authority", "additional"};
    const bool shown[] = {s->q->question, s->q->answer, s->q->authority, s->q->additional};
    struct columns c = measure(s, m);
    char buf[24];
    if (shown[0] && m->has_question) {
        text_str(out, "\n;; question\n;");
        name_text(m->q.name.w, out);
        text_char(out, ' ');
        rr_class_text(m->q.rclass, out);
        text_fmt(out, " %s\n", rr_type_str(m->q.type, buf));
    }
    for (unsigned sec = SECTION_ANSWER; sec <= SECTION_ADDITIONAL; sec++) {
        if (!shown[sec] || shown_in(s, m, sec) == 0)
            continue;
        if (s->q->comments)
            text_fmt(out, "\n%s;; %s%s\n", s->colour ? DIM : "", title[sec],
                     s->colour ? RESET : "");
        for (unsigned i = 0; i < m->rr_count; i++)
            if (m->rr[i].section == sec && !hidden(s, m->rr[i].type))
                record(s, m, &m->rr[i], &c, out);
    }
}

static const char *protocol(const struct client_reply *r)
{
    return r->tcp ? "TCP" : "UDP";
}

static void stats(const struct query_shown *s, const struct msg *m, struct text *out)
{
    const struct client_reply *r = s->reply;
    text_str(out, s->q->comments || m->rr_count > 0 ? "\n" : "");
    paint(s, DIM, out);
    if (s->server == NULL) {
        text_fmt(out, ";; resolved here, from the root down, in %llu ms (%u questions)",
                 (unsigned long long)r->elapsed_us / 1000, s->validation->questions);
        paint(s, RESET, out);
        text_char(out, '\n');
        return;
    }
    text_str(out, ";; from ");
    netaddr_text_port(s->server, out);
    text_fmt(out, " over %s%s in %llu.%llu ms, %zu bytes (asked with %zu)", protocol(r),
             r->was_truncated ? ", since the answer was too big for UDP," : "",
             (unsigned long long)r->elapsed_us / 1000, (unsigned long long)r->elapsed_us / 100 % 10,
             r->wire.n, s->sent.n);
    if (r->tries > 1)
        text_fmt(out, ", %u tries", r->tries);
    if (r->ignored > 0)
        text_fmt(out, ", %u wrong repl%s ignored", r->ignored, r->ignored == 1 ? "y" : "ies");
    paint(s, RESET, out);
    text_char(out, '\n');
}

static void show_brief(const struct query_shown *s, const struct msg *m, struct text *out)
{
    for (unsigned i = 0; i < m->rr_count; i++) {
        struct bytes rd;
        if (m->rr[i].section != SECTION_ANSWER || hidden(s, m->rr[i].type) ||
            !rdata_of(m, &m->rr[i], &rd))
            continue;
        data_text(s->q, m->rr[i].type, rd, out);
        if (s->q->identify && s->server != NULL) {
            text_str(out, " from server ");
            netaddr_text(s->server, out);
            text_fmt(out, " in %llu ms.", (unsigned long long)s->reply->elapsed_us / 1000);
        }
        text_char(out, '\n');
    }
}

/* --- JSON --- */

static void json_head(const struct query_shown *s, struct json *j)
{
    char buf[NAME_TEXT_MAX];
    struct text t = text_of(buf, sizeof buf);
    json_object(j);
    json_key(j, "query");
    json_object(j);
    json_kv_str(j, "type", rr_type_str(s->q->type, buf));
    json_kv_str(j, "name", name_str(s->q->name.w, buf));
    json_object_end(j);
    if (s->server == NULL)
        return;
    netaddr_text(s->server, &t);
    json_kv_str(j, "server", buf);
    json_kv_uint(j, "port", s->server->port);
}

static void show_json(const struct query_shown *s, const struct msg *m, struct text *out)
{
    struct json j = json_of(out, true);
    const struct client_reply *r = s->reply;
    json_head(s, &j);
    if (s->server != NULL)
        json_kv_str(&j, "protocol", protocol(r));
    json_key(&j, "time_ms");
    json_double(&j, (double)r->elapsed_us / 1000, 3);
    json_kv_uint(&j, "size", r->wire.n);
    json_kv_uint(&j, "tries", r->tries);
    json_kv_uint(&j, "ignored", r->ignored);
    json_key(&j, "message");
    msg_json(m, &j);
    if (s->validation != NULL) {
        json_key(&j, "validation");
        validation_json(s->validation, &j);
    }
    json_object_end(&j);
    text_char(out, '\n');
}

void query_show_failure(const struct query_shown *s, enum status why, struct text *out)
{
    const struct client_reply *r = s->reply;
    char words[200], buf[NAME_TEXT_MAX];
    struct text t = text_of(words, sizeof words);
    if (why == ST_ETIMEOUT)
        text_fmt(&t, "no reply from the server within %u ms, %u tries%s", s->q->timeout_ms,
                 MAX(r->tries, 1u), r->tcp ? ", over TCP" : "");
    else if (why == ST_EIO)
        text_fmt(&t, "%s%s", r->tcp ? "over TCP: " : "", strerror(r->err));
    else
        text_str(&t, status_text(why));
    if (r->ignored > 0)
        text_fmt(&t, "; %u packets were no reply to this question", r->ignored);
    if (s->q->json) {
        struct json j = json_of(out, true);
        json_head(s, &j);
        json_kv_str(&j, "error", words);
        json_object_end(&j);
    } else {
        paint(s, RED, out);
        text_fmt(out, ";; %s %s @", name_str(s->q->name.w, buf), "was not answered by");
        netaddr_text_port(s->server, out);
        text_fmt(out, ": %s", words);
        paint(s, RESET, out);
    }
    text_char(out, '\n');
}

enum status query_show(const struct query_shown *s, struct arena *a, struct text *out)
{
    struct msg m;
    if (s->q->hex) {
        hex_text(s->reply->wire, out);
        text_char(out, '\n');
        return ST_OK;
    }
    if (s->q->raw) {
        text_bytes(out, s->reply->wire.p, s->reply->wire.n);
        return ST_OK;
    }
    TRY(msg_parse(s->reply->wire, a, &m));
    if (s->q->json) {
        show_json(s, &m, out);
        return ST_OK;
    }
    if (s->q->brief) {
        show_brief(s, &m, out);
        return ST_OK;
    }
    if (s->q->comments)
        comments(s, &m, out);
    sections(s, &m, out);
    if (s->q->stats)
        stats(s, &m, out);
    return ST_OK;
}
