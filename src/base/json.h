/* Writes JSON (RFC 8259) into a text, one value after another; commas and quoting are its business.
 *
 * Strings are bytes: what is not valid UTF-8 is written as U+00XX, so output is always valid JSON.
 */
#ifndef BANYAN_BASE_JSON_H
#define BANYAN_BASE_JSON_H

#include "base/text.h"

/* The JSON library that reads (control/flat.c) exports functions of these names: ours are linked
 * under others, so that neither is taken for the other. */
#define json_object banyan_json_object
#define json_array  banyan_json_array
#define json_null   banyan_json_null

enum { JSON_DEPTH_MAX = 32 };

struct json {
    struct text *out;
    int depth;
    bool pretty;                /* line breaks and two spaces a level */
    bool comma[JSON_DEPTH_MAX]; /* a value was written at this level */
    bool keyed;                 /* a key was just written */
};

struct json json_of(struct text *out, bool pretty);
void json_object(struct json *j);
void json_object_end(struct json *j);
void json_array(struct json *j);
void json_array_end(struct json *j);
/* Names the next value inside an object. */
void json_key(struct json *j, const char *key);
void json_bytes(struct json *j, struct bytes s);
void json_str(struct json *j, const char *s);
void json_fmt(struct json *j, const char *fmt, ...) PRINTF_LIKE(2, 3);
void json_uint(struct json *j, uint64_t v);
void json_int(struct json *j, int64_t v);
void json_double(struct json *j, double v, int decimals);
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
/* key and value at once. */
void json_kv_str(struct json *j, const char *key, const char *s);
void json_kv_uint(struct json *j, const char *key, uint64_t v);
void json_kv_bool(struct json *j, const char *key, bool v);

#endif
