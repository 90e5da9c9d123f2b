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

static int hex_value(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static int b64_value(uint8_t c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

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
    for (size_t i = 0; i < t.n; i += 2) {
        int hi = hex_value(t.p[i]), lo = hex_value(t.p[i + 1]);
        if (hi < 0 || lo < 0)
            return ST_ESYNTAX;
        wr_u8(out, (uint8_t)(hi << 4 | lo));
    }
    return wr_ok(out) ? ST_OK : ST_ENOSPACE;
}

enum status base64_parse(struct bytes t, struct writer *out)
{
    if (t.n % 4 != 0)
        return ST_ESYNTAX;
    for (size_t i = 0; i < t.n; i += 4) {
        bool last = i + 4 == t.n;
        int pad = last && t.p[i + 3] == '=' ? (t.p[i + 2] == '=' ? 2 : 1) : 0;
        uint32_t v = 0;
        for (int k = 0; k < 4; k++) {
            int d = k >= 4 - pad ? 0 : b64_value(t.p[i + (size_t)k]);
            if (d < 0)
                return ST_ESYNTAX;
            v = v << 6 | (uint32_t)d;
        }
        if ((pad == 2 && (v & 0xffff)) || (pad == 1 && (v & 0xff)))
            return ST_ESYNTAX;
        uint8_t b[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        wr_bytes(out, b, (size_t)(3 - pad));
    }
    return wr_ok(out) ? ST_OK : ST_ENOSPACE;
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
