#include "control/flat.h"

#include <jansson.h>

enum status flat_begin(struct flat *f, struct bytes line)
{
    json_error_t e;
    *f = (struct flat){0};
    json_t *object = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, &e);
    if (!json_is_object(object)) {
        json_decref(object);
        return ST_ESYNTAX;
    }
    f->object = object;
    f->member = json_object_iter(object);
    return ST_OK;
}

static enum status copy(char dst[FLAT_TEXT], const char *src)
{
    size_t n = strlen(src);
    if (n >= FLAT_TEXT)
        return ST_ELIMIT;
    memcpy(dst, src, n + 1);
    return ST_OK;
}

enum status flat_next(struct flat *f, char key[FLAT_TEXT], struct flat_value *ret)
{
    if (f->member == NULL)
        return ST_ENOTFOUND;
    if (f->members++ == FLAT_MEMBERS)
        return ST_ELIMIT;
    const json_t *v = json_object_iter_value(f->member);
    TRY(copy(key, json_object_iter_key(f->member)));
    f->member = json_object_iter_next(f->object, f->member);
    ret->text[0] = '\0';
    ret->number = 0;
    ret->truth = json_is_true(v);
    if (json_is_boolean(v)) {
        ret->kind = FLAT_BOOL;
    } else if (json_is_null(v)) {
        ret->kind = FLAT_NULL;
    } else if (json_is_string(v)) {
        ret->kind = FLAT_STRING;
        return copy(ret->text, json_string_value(v));
    } else if (json_is_integer(v) && json_integer_value(v) >= 0) {
        ret->kind = FLAT_NUMBER;
        ret->number = (uint64_t)json_integer_value(v);
    } else {
        return ST_ESYNTAX;
    }
    return ST_OK;
}

void flat_end(struct flat *f)
{
    json_decref(f->object);
    *f = (struct flat){0};
}
