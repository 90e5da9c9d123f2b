/* Records and messages for people (dig's layout) and for programs (JSON in the spirit of RFC 8427).
 */
#include "dns/print.h"

#include "dns/rdata.h"

void rr_text(const uint8_t *owner, uint32_t ttl, uint16_t rclass, uint16_t type, struct bytes rdata,
             struct text *out)
{
    name_text(owner, out);
    text_char(out, ' ');
    text_uint(out, ttl);
    text_char(out, ' ');
    rr_class_text(rclass, out);
    text_char(out, ' ');
    rr_type_text(type, out);
    text_char(out, ' ');
    rdata_text(type, rdata, out);
}

void rrset_text(const struct rrset *set, struct text *out)
{
    struct rdata_iter it = rdata_iter(set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        rr_text(set->owner, set->ttl, set->rclass, set->type, rd, out);
        text_char(out, '\n');
    }
}

void rr_json(const uint8_t *owner, uint32_t ttl, uint16_t rclass, uint16_t type, struct bytes rdata,
             struct json *out)
{
    char buf[NAME_TEXT_MAX];
    struct text c = text_of(buf, sizeof buf);
    json_object(out);
    json_kv_str(out, "name", name_str(owner, buf));
    json_kv_str(out, "type", rr_type_str(type, buf));
    json_kv_uint(out, "ttl", ttl);
    text_clear(&c);
    rr_class_text(rclass, &c);
    json_kv_str(out, "class", buf);
    json_key(out, "data");
    rdata_json(type, rdata, out);
    struct text t = text_heap(1 << 20);
    rdata_text(type, rdata, &t);
    json_kv_str(out, "rdata", text_cstr(&t));
    text_free(&t);
    json_object_end(out);
}

static const struct {
    uint16_t bit;
    const char *name;
} flag_names[] = {{MSG_QR, "qr"}, {MSG_AA, "aa"}, {MSG_TC, "tc"}, {MSG_RD, "rd"},
                  {MSG_RA, "ra"}, {MSG_Z, "z"},   {MSG_AD, "ad"}, {MSG_CD, "cd"}};

void msg_flags_text(uint16_t flags, struct text *out)
{
    bool any = false;
    for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
        if (flags & flag_names[i].bit) {
            text_fmt(out, "%s%s", any ? " " : "", flag_names[i].name);
            any = true;
        }
}

/* The RDATA of a record of a message, uncompressed into buf; empty if it cannot be read. */
static bool view_rdata(const struct msg *m, const struct rr_view *rr, uint8_t *buf, size_t cap,
                       struct bytes *ret)
{
    struct writer w = wr_of(buf, cap);
    if (rdata_from_wire(rr->type, m->wire, rr->rdata_off, rr->rdata_len, &w) != ST_OK || !wr_ok(&w))
        return false;
    *ret = wr_done(&w);
    return true;
}

/* RDATA may grow when its names are decompressed, by at most a name for each pointer. */
enum { RDATA_BUF = LIMIT_MESSAGE + 4 * LIMIT_NAME };

static void view_text(const struct msg *m, const struct rr_view *rr, uint8_t *buf, struct text *out)
{
    struct name owner;
    struct bytes rd;
    if (msg_owner(m, rr, &owner) != ST_OK) {
        text_str(out, ";; a record whose owner name is malformed\n");
        return;
    }
    if (!view_rdata(m, rr, buf, RDATA_BUF, &rd)) {
        text_str(out, ";; malformed RDATA: ");
        name_text(owner.w, out);
        text_fmt(out, " %u ", rr->ttl);
        rr_class_text(rr->rclass, out);
        text_char(out, ' ');
        rr_type_text(rr->type, out);
        text_char(out, ' ');
        rdata_text_generic(bytes_of(m->wire.p + rr->rdata_off, rr->rdata_len), out);
    } else {
        size_t from = out->n;
        name_text(owner.w, out);
        text_pad(out, from, 24);
        text_uint(out, rr->ttl);
        text_pad(out, from, 32);
        rr_class_text(rr->rclass, out);
        text_pad(out, from, 36);
        rr_type_text(rr->type, out);
        text_pad(out, from, 44);
        rdata_text(rr->type, rd, out);
    }
    text_char(out, '\n');
}

static void opt_text(const struct edns *e, struct text *out)
{
    text_fmt(out, ";; OPT PSEUDOSECTION:\n; EDNS: version: %u, flags:%s; udp: %u\n", e->version,
             e->dnssec_ok ? " do" : "", e->udp_size);
    size_t off = 0;
    uint16_t code;
    struct bytes data;
    while (edns_option_next(e->options, &off, &code, &data)) {
        text_str(out, "; ");
        edns_option_text(code, data, out);
        text_char(out, '\n');
    }
}

static const char *const section_names[] = {"QUESTION", "ANSWER", "AUTHORITY", "ADDITIONAL"};

void msg_text(const struct msg *m, struct text *out)
{
    static _Thread_local uint8_t buf[RDATA_BUF];
    char a[24], b[24];
    text_fmt(out, ";; ->>HEADER<<- opcode: %s, status: %s, id: %u\n",
             opcode_str(msg_opcode(m->h.flags), a), rcode_str(msg_rcode(m), b), m->h.id);
    text_str(out, ";; flags: ");
    msg_flags_text(m->h.flags, out);
    text_fmt(out, "; QUERY: %u, ANSWER: %u, AUTHORITY: %u, ADDITIONAL: %u\n\n", m->h.count[0],
             m->h.count[1], m->h.count[2], m->h.count[3]);
    if (m->edns.present)
        opt_text(&m->edns, out);
    if (m->has_question) {
        text_str(out, ";; QUESTION SECTION:\n;");
        name_text(m->q.name.w, out);
        text_char(out, ' ');
        rr_class_text(m->q.rclass, out);
        text_char(out, ' ');
        rr_type_text(m->q.type, out);
        text_char(out, '\n');
    }
    unsigned last = SECTION_QUESTION;
    for (unsigned i = 0; i < m->rr_count; i++) {
        if (m->rr[i].section != last) {
            last = m->rr[i].section;
            text_fmt(out, "\n;; %s SECTION:\n", section_names[last]);
        }
        view_text(m, &m->rr[i], buf, out);
    }
}

static void view_json(const struct msg *m, const struct rr_view *rr, uint8_t *buf, struct json *out)
{
    struct name owner;
    struct bytes rd;
    if (msg_owner(m, rr, &owner) != ST_OK || !view_rdata(m, rr, buf, RDATA_BUF, &rd)) {
        json_object(out);
        json_kv_bool(out, "malformed", true);
        json_object_end(out);
        return;
    }
    rr_json(owner.w, rr->ttl, rr->rclass, rr->type, rd, out);
}

static void section_json(const struct msg *m, unsigned section, const char *key, struct json *out)
{
    static _Thread_local uint8_t buf[RDATA_BUF];
    json_key(out, key);
    json_array(out);
    for (unsigned i = 0; i < m->rr_count; i++)
        if (m->rr[i].section == section)
            view_json(m, &m->rr[i], buf, out);
    json_array_end(out);
}

static void edns_json(const struct edns *e, struct json *out)
{
    json_key(out, "edns");
    json_object(out);
    json_kv_uint(out, "version", e->version);
    json_kv_uint(out, "udp_size", e->udp_size);
    json_kv_bool(out, "do", e->dnssec_ok);
    json_key(out, "options");
    json_array(out);
    size_t off = 0;
    uint16_t code;
    struct bytes data;
    while (edns_option_next(e->options, &off, &code, &data))
        edns_option_json(code, data, out);
    json_array_end(out);
    json_object_end(out);
}

void msg_json(const struct msg *m, struct json *out)
{
    char buf[NAME_TEXT_MAX];
    json_object(out);
    json_kv_uint(out, "id", m->h.id);
    json_kv_str(out, "opcode", opcode_str(msg_opcode(m->h.flags), buf));
    json_kv_str(out, "rcode", rcode_str(msg_rcode(m), buf));
    for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
        json_kv_bool(out, flag_names[i].name, (m->h.flags & flag_names[i].bit) != 0);
    if (m->has_question) {
        json_key(out, "question");
        json_object(out);
        json_kv_str(out, "name", name_str(m->q.name.w, buf));
        json_kv_str(out, "type", rr_type_str(m->q.type, buf));
        struct text c = text_of(buf, sizeof buf);
        rr_class_text(m->q.rclass, &c);
        json_kv_str(out, "class", buf);
        json_object_end(out);
    }
    section_json(m, SECTION_ANSWER, "answer", out);
    section_json(m, SECTION_AUTHORITY, "authority", out);
    section_json(m, SECTION_ADDITIONAL, "additional", out);
    if (m->edns.present)
        edns_json(&m->edns, out);
    json_object_end(out);
}
