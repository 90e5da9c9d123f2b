/* The field kind of domain names. */
#include "dns/rr_table.h"

static enum status name_field_check(const struct field *f, struct rdview *v)
{
    (void)f;
    size_t n;
    TRY(name_scan(bytes_of(v->p, view_left(v)), &n));
    v->p += n;
    return ST_OK;
}

static enum status name_field_parse(const struct field *f, struct rdparse *ps)
{
    const struct token *t = parse_next(ps, f->key);
    return t != NULL ? parse_name(ps, t) : ST_ESHORT;
}

static void name_field_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    name_text(v->p, out);
    v->p += name_len(v->p);
}

const struct kind kind_name = {.check = name_field_check,
                               .parse = name_field_parse,
                               .print = name_field_print,
                               .flags = KF_NAME};
