#include "base/codec.h"

static const char hex_digits[] = "0123456789ABCDEF";
static const char b64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b32_digits[] = "0123456789abcdefghijklmnopqrstuv";

void hex_text(struct bytes b, struct text *out)
{
    for (size_t i = 0; i < b.n; i++) {
        char c[2] = {hex_digits[b.p[i] >> 4], hex_digits[b.p[i] & 15]};
        text_bytes(out, c, 2);
    }
}

void base64_text(struct bytes b, struct text *out)
{
    for (size_t i = 0; i < b.n; i += 3) {
        size_t left = b.n - i;
        uint32_t v = (uint32_t)b.p[i] << 16 | (left > 1 ? (uint32_t)b.p[i + 1] << 8 : 0) |
                     (left > 2 ? b.p[i + 2] : 0u);
        char c[4] = {b64_digits[v >> 18], b64_digits[v >> 12 & 63],
                     left > 1 ? b64_digits[v >> 6 & 63] : '=', left > 2 ? b64_digits[v & 63] : '='};
        text_bytes(out, c, 4);
    }
}

void base32hex_text(struct bytes b, struct text *out)
{
    uint32_t acc = 0;
    int bits = 0;
    for (size_t i = 0; i < b.n; i++) {
        acc = acc << 8 | b.p[i];
        for (bits += 8; bits >= 5; bits -= 5)
            text_char(out, b32_digits[acc >> (bits - 5) & 31]);
    }
    if (bits > 0)
        text_char(out, b32_digits[acc << (5 - bits) & 31]);
}

/* Values of digits by table: signed zones are mostly base64, and a chain of comparisons a character
 * was the largest part of reading them. -1: no digit. */
static const int8_t b64_values[256] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62, -1, -1, -1, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1, -1, 0,  1,  2,  3,  4,  5,  6,
    7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1,
    -1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
    49, 50, 51, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
static const int8_t hex_values[256] = {
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  -1, -1, -1, -1, -1, -1, -1, 10, 11, 12, 13, 14, 15, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, 10, 11, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
    -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};

static int b32_value(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'v' ? c - 'a' + 10
           : c >= 'A' && c <= 'V' ? c - 'A' + 10
                                  : -1;
}

enum status hex_parse(struct bytes t, struct writer *out)
{
    if (t.n % 2 != 0)
        return ST_ESYNTAX;
    uint8_t *to = wr_room(out, t.n / 2), *mark = to;
    if (to == NULL)
        return ST_ENOSPACE;
    for (size_t i = 0; i < t.n; i += 2) {
        int v = hex_values[t.p[i]] * 16 | hex_values[t.p[i + 1]];
        if (v < 0) {
            wr_rollback(out, mark);
            return ST_ESYNTAX;
        }
        *to++ = (uint8_t)v;
    }
    return ST_OK;
}

/* The last four characters, which may end in padding. */
static enum status base64_last(const uint8_t *p, struct writer *out)
{
    int pad = p[3] != '=' ? 0 : p[2] != '=' ? 1 : 2;
    uint32_t v = 0;
    for (int k = 0; k < 4; k++) {
        int d = k >= 4 - pad ? 0 : b64_values[p[k]];
        if (d < 0)
            return ST_ESYNTAX;
        v = v << 6 | (uint32_t)d;
    }
    if ((pad == 2 && (v & 0xffff)) || (pad == 1 && (v & 0xff)))
        return ST_ESYNTAX;
    uint8_t b[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    wr_bytes(out, b, (size_t)(3 - pad));
    return wr_ok(out) ? ST_OK : ST_ENOSPACE;
}

enum status base64_parse(struct bytes t, struct writer *out)
{
    if (t.n % 4 != 0)
        return ST_ESYNTAX;
    if (t.n == 0)
        return ST_OK;
    uint8_t *to = wr_room(out, (t.n / 4 - 1) * 3), *mark = to;
    if (to == NULL)
        return ST_ENOSPACE;
    const uint8_t *p = t.p, *end = t.p + t.n - 4;
    for (; p < end; p += 4, to += 3) {
        int a = b64_values[p[0]], b = b64_values[p[1]], c = b64_values[p[2]], d = b64_values[p[3]];
        if ((a | b | c | d) < 0) {
            wr_rollback(out, mark);
            return ST_ESYNTAX;
        }
        uint32_t v = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | (uint32_t)d;
        to[0] = (uint8_t)(v >> 16);
        to[1] = (uint8_t)(v >> 8);
        to[2] = (uint8_t)v;
    }
    return base64_last(end, out);
}

enum status base32hex_parse(struct bytes t, struct writer *out)
{
    uint32_t acc = 0;
    int bits = 0;
    if (t.n % 8 == 1 || t.n % 8 == 3 || t.n % 8 == 6)
        return ST_ESYNTAX;
    for (size_t i = 0; i < t.n; i++) {
        int d = b32_value(t.p[i]);
        if (d < 0)
            return ST_ESYNTAX;
        acc = acc << 5 | (uint32_t)d;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            wr_u8(out, (uint8_t)(acc >> bits));
        }
    }
    if (acc & ((1u << bits) - 1))
        return ST_ESYNTAX;
    return wr_ok(out) ? ST_OK : ST_ENOSPACE;
}
