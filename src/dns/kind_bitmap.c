/* Field kinds that are sets of types: the windows of NSEC, NSEC3 and CSYNC (RFC 4034
 * section 4.1.2), and the flat map of NXT (RFC 2535 section 5.2). */
#include "dns/rr_table.h"

/* Windows ascend, are 1 to 32 bytes long and do not end in a zero byte. No window at all is
 * allowed: an NSEC3 of an empty non-terminal has none. */
static enum status bitmap_check(const struct field *f, struct rdview *v)
{
    (void)f;
    int last = -1;
    while (v->p < v->end) {
        if (view_left(v) < 3)
            return ST_ESHORT;
        unsigned n = v->p[1];
        if (v->p[0] <= last || n < 1 || n > 32)
            return ST_EFORMAT;
        if (view_left(v) < 2 + n)
            return ST_ESHORT;
        if (v->p[1 + n] == 0)
            return ST_EFORMAT;
        last = v->p[0];
        v->p += 2 + n;
    }
    return ST_OK;
}

/* A set of all types: 8 KiB, only its used windows are ever touched. */
struct type_set {
    uint8_t used[256]; /* bytes used of a window, 0: none */
    uint8_t bits[256][32];
};

static void type_set_add(struct type_set *s, uint16_t type)
{
    unsigned w = type >> 8, at = (type & 255) / 8;
    if (s->used[w] == 0)
        memset(s->bits[w], 0, 32);
    s->used[w] = (uint8_t)MAX(s->used[w], at + 1);
    s->bits[w][at] |= (uint8_t)(0x80 >> (type & 7));
}

static enum status bitmap_parse(const struct field *f, struct rdparse *ps)
{
    struct type_set s;
    unsigned high = 0; /* windows that may be in use */
    memset(s.used, 0, sizeof s.used);
    for (; parse_more(ps); ps->i++) {
        const struct token *t = &ps->tok[ps->i];
        uint16_t type;
        if (!rr_type_parse(t->text, &type))
            return parse_fail(ps, t, ST_EUNKNOWN, "%s: \"%.*s\" is not a type", f->key,
                              (int)MIN(t->text.n, (size_t)60), (const char *)t->text.p);
        type_set_add(&s, type);
        high = MAX(high, (unsigned)(type >> 8) + 1);
    }
    for (unsigned w = 0; w < high; w++) {
        if (s.used[w] == 0)
            continue;
        wr_u8(ps->out, (uint8_t)w);
        wr_u8(ps->out, s.used[w]);
        wr_bytes(ps->out, s.bits[w], s.used[w]);
    }
    return parse_done(ps);
}

/* Calls fn for each type in a map of n bytes whose first bit is type `base`. */
static void each_type(const uint8_t *map, size_t n, unsigned base, void (*fn)(void *, uint16_t),
                      void *ctx)
{
    for (size_t i = 0; i < n; i++)
        for (unsigned b = 0; b < 8; b++)
            if (map[i] & (0x80 >> b))
                fn(ctx, (uint16_t)(base + i * 8 + b));
}

struct type_list {
    struct text *out;
    bool any;
};

static void add_text(void *ctx, uint16_t type)
{
    struct type_list *l = ctx;
    if (l->any)
        text_char(l->out, ' ');
    l->any = true;
    rr_type_text(type, l->out);
}

static void add_json(void *ctx, uint16_t type)
{
    char buf[24];
    json_str(ctx, rr_type_str(type, buf));
}

static void each_window(struct rdview *v, void (*fn)(void *, uint16_t), void *ctx)
{
    for (; v->p < v->end; v->p += 2 + v->p[1])
        each_type(v->p + 2, v->p[1], (unsigned)v->p[0] << 8, fn, ctx);
}

static void bitmap_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    struct type_list l = {out, false};
    each_window(v, add_text, &l);
}

static void bitmap_json(const struct field *f, struct rdview *v, struct json *out)
{
    (void)f;
    json_array(out);
    each_window(v, add_json, out);
    json_array_end(out);
}

const struct kind kind_bitmap = {.check = bitmap_check,
                                 .parse = bitmap_parse,
                                 .usage = "[TYPE ...]",
                                 .print = bitmap_print,
                                 .json = bitmap_json,
                                 .flags = KF_REST};

/* Types 1 to 127 in 16 bytes at most. A set first bit means another format, which was never
 * defined; trailing zero bytes are odd, but no more. */
static enum status nxt_map_check(const struct field *f, struct rdview *v)
{
    (void)f;
    size_t n = view_left(v);
    if (n > 0 && (v->p[0] & 0x80)) {
        v->odd = true;
    } else {
        if (n > 16)
            return ST_ETRAIL;
        v->odd |= n > 0 && v->p[n - 1] == 0;
    }
    v->p = v->end;
    return ST_OK;
}

static enum status nxt_map_parse(const struct field *f, struct rdparse *ps)
{
    uint8_t map[16] = {0};
    size_t used = 0;
    for (; parse_more(ps); ps->i++) {
        const struct token *t = &ps->tok[ps->i];
        uint16_t type;
        if (!rr_type_parse(t->text, &type) || type == 0 || type > 127)
            return parse_fail(ps, t, ST_EUNKNOWN, "%s: \"%.*s\" is not a type below 128", f->key,
                              (int)MIN(t->text.n, (size_t)60), (const char *)t->text.p);
        map[type / 8] |= (uint8_t)(0x80 >> type % 8);
        used = MAX(used, (size_t)type / 8 + 1);
    }
    wr_bytes(ps->out, map, used);
    return parse_done(ps);
}

static void nxt_map_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    struct type_list l = {out, false};
    each_type(v->p, view_left(v), 0, add_text, &l);
    v->p = v->end;
}

static void nxt_map_json(const struct field *f, struct rdview *v, struct json *out)
{
    (void)f;
    json_array(out);
    each_type(v->p, view_left(v), 0, add_json, out);
    json_array_end(out);
    v->p = v->end;
}

const struct kind kind_nxt_map = {.check = nxt_map_check,
                                  .parse = nxt_map_parse,
                                  .usage = "[TYPE ...]",
                                  .print = nxt_map_print,
                                  .json = nxt_map_json,
                                  .flags = KF_REST};
