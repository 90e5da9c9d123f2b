#include "base/json.h"

struct json json_of(struct text *out, bool pretty)
{
    return (struct json){.out = out, .pretty = pretty};
}

static void newline(struct json *j)
{
    if (!j->pretty)
        return;
    text_char(j->out, '\n');
    for (int i = 0; i < j->depth; i++)
        text_str(j->out, "  ");
}

/* What stands before any value: a comma after an earlier one, a line break, nothing after a key. */
static void lead(struct json *j)
{
    if (j->keyed) {
        j->keyed = false;
        return;
    }
    if (j->depth > 0) {
        if (j->comma[j->depth])
            text_char(j->out, ',');
        j->comma[j->depth] = true;
        newline(j);
    }
}

static void open_with(struct json *j, char c)
{
    lead(j);
    text_char(j->out, c);
    ASSERT(j->depth + 1 < JSON_DEPTH_MAX);
    j->comma[++j->depth] = false;
}

static void close_with(struct json *j, char c)
{
    ASSERT(j->depth > 0);
    bool any = j->comma[j->depth--];
    if (any)
        newline(j);
    text_char(j->out, c);
}

void json_object(struct json *j)
{
    open_with(j, '{');
}

void json_object_end(struct json *j)
{
    close_with(j, '}');
}

void json_array(struct json *j)
{
    open_with(j, '[');
}

void json_array_end(struct json *j)
{
    close_with(j, ']');
}

/* Length of the valid UTF-8 sequence at p, or 0 (RFC 3629). */
static size_t utf8_len(const uint8_t *p, size_t n)
{
    uint8_t c = p[0];
    size_t len = c < 0x80                ? 1
                 : c >= 0xc2 && c < 0xe0 ? 2
                 : c >= 0xe0 && c < 0xf0 ? 3
                 : c >= 0xf0 && c < 0xf5 ? 4
                                         : 0;
    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
        (c == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

static void quoted(struct text *t, const uint8_t *p, size_t n)
{
    text_char(t, '"');
    for (size_t i = 0; i < n;) {
        uint8_t c = p[i];
        size_t len = utf8_len(p + i, n - i);
        if (c == '"' || c == '\\') {
            text_char(t, '\\');
            text_char(t, (char)c);
        } else if (c == '\n') {
            text_str(t, "\\n");
        } else if (c == '\t') {
            text_str(t, "\\t");
        } else if (c < 0x20 || c == 0x7f || len == 0) {
            text_fmt(t, "\\u%04x", c);
            len = 1;
        } else {
            text_bytes(t, p + i, len);
        }
        i += len;
    }
    text_char(t, '"');
}

void json_key(struct json *j, const char *key)
{
    lead(j);
    quoted(j->out, (const uint8_t *)key, strlen(key));
    text_char(j->out, ':');
    if (j->pretty)
        text_char(j->out, ' ');
    j->keyed = true;
}

void json_bytes(struct json *j, struct bytes s)
{
    lead(j);
    quoted(j->out, s.p, s.n);
}

void json_str(struct json *j, const char *s)
{
    if (s == NULL)
        json_null(j);
    else
        json_bytes(j, bytes_str(s));
}

void json_fmt(struct json *j, const char *fmt, ...)
{
    struct text t = text_heap(1 << 16);
    va_list ap;
    va_start(ap, fmt);
    text_vfmt(&t, fmt, ap);
    va_end(ap);
    json_str(j, text_cstr(&t));
    text_free(&t);
}

void json_uint(struct json *j, uint64_t v)
{
    lead(j);
    text_uint(j->out, v);
}

void json_int(struct json *j, int64_t v)
{
    lead(j);
    text_fmt(j->out, "%lld", (long long)v);
}

void json_double(struct json *j, double v, int decimals)
{
    lead(j);
    if (v != v || v > 1e300 || v < -1e300)
        text_str(j->out, "null");
    else
        text_fmt(j->out, "%.*f", decimals, v);
}

void json_bool(struct json *j, bool v)
{
    lead(j);
    text_str(j->out, v ? "true" : "false");
}

void json_null(struct json *j)
{
    lead(j);
    text_str(j->out, "null");
}

void json_kv_str(struct json *j, const char *key, const char *s)
{
    json_key(j, key);
    json_str(j, s);
}

void json_kv_uint(struct json *j, const char *key, uint64_t v)
{
    json_key(j, key);
    json_uint(j, v);
}

void json_kv_bool(struct json *j, const char *key, bool v)
{
    json_key(j, key);
    json_bool(j, v);
}
