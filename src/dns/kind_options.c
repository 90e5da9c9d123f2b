/* The options of OPT (RFC 6891 section 6.1.2) as bare RDATA: only that their lengths add up. What
 * they mean is the business of dns/edns.h; OPT is never in a zone and has no presentation form. */
#include "base/codec.h"
#include "dns/rr_table.h"

static enum status options_check(const struct field *f, struct rdview *v)
{
    (void)f;
    while (v->p < v->end) {
        if (view_left(v) < 4 || view_left(v) - 4 < get_be16(v->p + 2))
            return ST_ESHORT;
        v->p += 4 + get_be16(v->p + 2);
    }
    return ST_OK;
}

static void options_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    hex_text(bytes_of(v->p, view_left(v)), out);
    v->p = v->end;
}

static void options_json(const struct field *f, struct rdview *v, struct json *out)
{
    (void)f;
    json_array(out);
    for (; v->p < v->end; v->p += 4 + get_be16(v->p + 2)) {
        struct text t = text_heap(2 * 65536);
        hex_text(bytes_of(v->p + 4, get_be16(v->p + 2)), &t);
        json_object(out);
        json_kv_uint(out, "code", get_be16(v->p));
        json_kv_str(out, "data", text_cstr(&t));
        json_object_end(out);
        text_free(&t);
    }
    json_array_end(out);
}

const struct kind kind_options = {
    .check = options_check, .print = options_print, .json = options_json, .flags = KF_REST};
