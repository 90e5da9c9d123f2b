/* RDATA as presentation text (RFC 1035 section 5.1, RFC 3597 section 5) and as JSON. */
#include "base/codec.h"
#include "dns/rdata.h"
#include "dns/rr_table.h"

void escaped_text(struct bytes s, struct text *out)
{
    size_t plain = 0; /* start of the run that needs no escape */
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool escape = c == '"' || c == '\\';
        if (!escape && c >= 0x20 && c < 0x7f)
            continue;
        if (i > plain)
            text_bytes(out, s.p + plain, i - plain);
        plain = i + 1;
        char e[4] = {'\\', escape ? (char)c : (char)('0' + c / 100), (char)('0' + c / 10 % 10),
                     (char)('0' + c % 10)};
        text_bytes(out, e, escape ? 2 : 4);
    }
    if (s.n > plain)
        text_bytes(out, s.p + plain, s.n - plain);
}

void quoted_text(struct bytes s, struct text *out)
{
    text_char(out, '"');
    escaped_text(s, out);
    text_char(out, '"');
}

void rdata_text_generic(struct bytes rd, struct text *out)
{
    text_bytes(out, "\\# ", 3);
    text_uint(out, rd.n);
    if (rd.n > 0) {
        text_char(out, ' ');
        hex_text(rd, out);
    }
}

void rdata_text(uint16_t type, struct bytes rd, struct text *out)
{
    if (!rdata_has_text(type, rd)) {
        rdata_text_generic(rd, out);
        return;
    }
    struct rdview v = {rd.p, rd.p, rd.p + rd.n, false};
    const struct field *first = rr_find(type)->field;
    for (const struct field *f = first; f->kind != NULL; f++) {
        if (f != first)
            text_char(out, ' ');
        size_t before = out->n;
        f->kind->print(f, &v, out);
        if (f != first && out->n == before && !out->cut) { /* an empty last field: no blank */
            out->n--;
            out->p[out->n] = '\0';
        }
    }
}

static void field_json(const struct field *f, struct rdview *v, struct json *out)
{
    json_key(out, f->key);
    if (f->kind->json != NULL) {
        f->kind->json(f, v, out);
        return;
    }
    if (f->kind->flags & KF_NUMBER) {
        uint64_t n = 0;
        for (size_t i = 0; i < f->size; i++)
            n = n << 8 | v->p[i];
        v->p += f->size;
        json_uint(out, n);
        return;
    }
    struct text t = text_heap(4 * 65536);
    f->kind->print(f, v, &t);
    json_bytes(out, bytes_of(text_cstr(&t), t.n));
    text_free(&t);
}

void rdata_json(uint16_t type, struct bytes rd, struct json *out)
{
    json_object(out);
    if (rdata_check(type, rd) == ST_OK && rr_type_known(type)) {
        struct rdview v = {rd.p, rd.p, rd.p + rd.n, false};
        for (const struct field *f = rr_find(type)->field; f->kind != NULL; f++)
            field_json(f, &v, out);
    } else {
        struct text t = text_heap(2 * 65536);
        hex_text(rd, &t);
        json_key(out, "data");
        json_bytes(out, bytes_of(text_cstr(&t), t.n));
        text_free(&t);
    }
    json_object_end(out);
}
