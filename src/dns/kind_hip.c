/* HIP (RFC 8005 section 5): lengths stand before the algorithm, so the record is one field. */
#include "base/codec.h"
#include "dns/rr_table.h"

static enum status hip_check(const struct field *f, struct rdview *v)
{
    (void)f;
    if (view_left(v) < 4)
        return ST_ESHORT;
    size_t hit = v->p[0], key = get_be16(v->p + 2);
    if (hit == 0 || key == 0)
        return ST_EFORMAT;
    if (view_left(v) < 4 + hit + key)
        return ST_ESHORT;
    for (v->p += 4 + hit + key; v->p < v->end;) {
        size_t n;
        TRY(name_scan(bytes_of(v->p, view_left(v)), &n));
        v->p += n;
    }
    return ST_OK;
}

/* One token decoded; its size must be 1 to max. */
static enum status hip_part(struct rdparse *ps, const char *what, size_t max,
                            enum status (*decode)(struct bytes, struct writer *), size_t *ret_n)
{
    const struct token *t = parse_next(ps, what);
    uint8_t *mark = wr_mark(ps->out);
    if (t == NULL)
        return ST_ESHORT;
    if (decode(t->text, ps->out) == ST_ESYNTAX)
        return parse_fail(ps, t, ST_ESYNTAX, "%s has wrong characters or a wrong length", what);
    TRY(parse_done(ps));
    *ret_n = (size_t)(wr_mark(ps->out) - mark);
    if (*ret_n == 0 || *ret_n > max)
        return parse_fail(ps, t, ST_ERANGE, "%s is empty or too long", what);
    return ST_OK;
}

static enum status hip_parse(const struct field *f, struct rdparse *ps)
{
    uint64_t algorithm;
    size_t hit, key;
    TRY(parse_number(ps, f->key, 255, &algorithm));
    uint8_t *head = wr_room(ps->out, 4);
    if (head == NULL)
        return parse_done(ps);
    TRY(hip_part(ps, "host identity tag", 255, hex_parse, &hit));
    TRY(hip_part(ps, "public key", 65535, base64_parse, &key));
    head[0] = (uint8_t)hit;
    head[1] = (uint8_t)algorithm;
    put_be16(head + 2, (uint16_t)key);
    while (parse_more(ps))
        TRY(parse_name(ps, &ps->tok[ps->i++]));
    return ST_OK;
}

static void hip_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    size_t hit = v->p[0], key = get_be16(v->p + 2);
    text_uint(out, v->p[1]);
    text_char(out, ' ');
    hex_text(bytes_of(v->p + 4, hit), out);
    text_char(out, ' ');
    base64_text(bytes_of(v->p + 4 + hit, key), out);
    for (v->p += 4 + hit + key; v->p < v->end; v->p += name_len(v->p)) {
        text_char(out, ' ');
        name_text(v->p, out);
    }
}

static void hip_json(const struct field *f, struct rdview *v, struct json *out)
{
    (void)f;
    struct text t = text_heap(2 * 65536);
    size_t hit = v->p[0], key = get_be16(v->p + 2);
    json_uint(out, v->p[1]);
    hex_text(bytes_of(v->p + 4, hit), &t);
    json_kv_str(out, "hit", text_cstr(&t));
    text_clear(&t);
    base64_text(bytes_of(v->p + 4 + hit, key), &t);
    json_kv_str(out, "public_key", text_cstr(&t));
    text_free(&t);
    json_key(out, "servers");
    json_array(out);
    for (v->p += 4 + hit + key; v->p < v->end; v->p += name_len(v->p)) {
        char buf[NAME_TEXT_MAX];
        json_str(out, name_str(v->p, buf));
    }
    json_array_end(out);
}

const struct kind kind_hip = {.check = hip_check,
                              .parse = hip_parse,
                              .usage = "ALGORITHM HIT(hex) KEY(base64) [SERVER ...]",
                              .print = hip_print,
                              .json = hip_json,
                              .flags = KF_REST};
