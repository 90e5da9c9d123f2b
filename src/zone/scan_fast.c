/* The commonest words of a big zone without the general machinery: names without escapes,
 * addresses, NS and the like, DS. Whatever looks odd is left to dns/, which also has the say about
 * errors; a fuzz target proves that both give the same. */
#include "zone/scan_impl.h"

size_t scan_fast_name(struct bytes t, const uint8_t *origin, size_t origin_len,
                      uint8_t ret[LIMIT_NAME])
{
    size_t n = t.n, label = 0;
    if (n == 0 || n > LIMIT_NAME - 2)
        return 0;
    if (t.p[0] == '@' && n == 1) {
        memcpy(ret, origin, origin_len);
        return origin_len;
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t c = t.p[i];
        if (c == '.') {
            size_t len = i - label;
            if (len == 0 || len > LIMIT_LABEL)
                return 0;
            ret[label] = (uint8_t)len;
            label = i + 1;
        } else if (c == '\\') {
            return 0;
        } else {
            ret[i + 1] = c;
        }
    }
    if (label == n) { /* absolute */
        ret[n] = 0;
        return n + 1;
    }
    if (n - label > LIMIT_LABEL || n + 1 + origin_len > LIMIT_NAME)
        return 0;
    ret[label] = (uint8_t)(n - label);
    memcpy(ret + n + 1, origin, origin_len);
    return n + 1 + origin_len;
}

static bool fast_a(struct bytes t, uint8_t *out)
{
    size_t i = 0;
    for (unsigned k = 0; k < 4; k++) {
        unsigned v = 0, digits = 0;
        for (; i < t.n && t.p[i] >= '0' && t.p[i] <= '9' && digits < 4; i++, digits++)
            v = v * 10 + (unsigned)(t.p[i] - '0');
        if (digits == 0 || digits > 3 || v > 255 || (digits > 1 && t.p[i - digits] == '0'))
            return false;
        out[k] = (uint8_t)v;
        if (k < 3 && (i >= t.n || t.p[i++] != '.'))
            return false;
    }
    return i == t.n;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Groups of hex with at most one "::"; no dotted quad. */
static bool fast_aaaa(struct bytes t, uint8_t *out)
{
    uint16_t group[8];
    int n = 0, gap = -1;
    size_t i = 0;
    if (t.n >= 2 && t.p[0] == ':' && t.p[1] == ':') {
        gap = 0;
        i = 2;
    }
    while (i < t.n) {
        unsigned v = 0, digits = 0;
        for (int h; i < t.n && (h = hex_digit(t.p[i])) >= 0 && digits < 5; i++, digits++)
            v = v << 4 | (unsigned)h;
        if (digits == 0 || digits > 4 || n == 8)
            return false;
        group[n++] = (uint16_t)v;
        if (i == t.n)
            break;
        if (t.p[i++] != ':' || i == t.n)
            return false;
        if (t.p[i] == ':') {
            if (gap >= 0)
                return false;
            gap = n;
            i++;
        }
    }
    if (gap < 0 ? n != 8 : n > 7)
        return false;
    memset(out, 0, 16);
    for (int k = 0; k < n; k++)
        put_be16(out + 2 * (gap >= 0 && k >= gap ? k + 8 - n : k), group[k]);
    return true;
}

static bool number(struct bytes t, uint32_t max, uint32_t *ret)
{
    uint32_t v = 0;
    if (t.n == 0 || t.n > 5)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] < '0' || t.p[i] > '9')
            return false;
        v = v * 10 + (uint32_t)(t.p[i] - '0');
    }
    *ret = v;
    return v <= max;
}

/* Key tag, algorithm number, digest type 2 (32 bytes, RFC 4509) in one word of hex. */
static bool fast_ds(const struct token *tok, size_t n, uint8_t *out)
{
    uint32_t tag, algorithm, digest;
    if (n != 4 || !number(tok[0].text, UINT16_MAX, &tag) ||
        !number(tok[1].text, UINT8_MAX, &algorithm) || !number(tok[2].text, UINT8_MAX, &digest) ||
        digest != 2 || tok[3].text.n != 64)
        return false;
    put_be16(out, (uint16_t)tag);
    out[2] = (uint8_t)algorithm;
    out[3] = (uint8_t)digest;
    for (size_t i = 0; i < 32; i++) {
        int hi = hex_digit(tok[3].text.p[2 * i]), lo = hex_digit(tok[3].text.p[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        out[4 + i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

bool scan_fast_rdata(struct zone_scan *s, uint16_t type, const struct token *tok, size_t n,
                     size_t *ret_len)
{
    if (n == 0 || tok[0].quoted)
        return false;
    switch (type) {
    case RR_NS:
    case RR_CNAME:
    case RR_PTR:
        *ret_len = n == 1 ? scan_fast_name(tok[0].text, s->origin.w, s->origin_len, s->rdata) : 0;
        return *ret_len > 0;
    case RR_A:
        *ret_len = 4;
        return n == 1 && fast_a(tok[0].text, s->rdata);
    case RR_AAAA:
        *ret_len = 16;
        return n == 1 && fast_aaaa(tok[0].text, s->rdata);
    case RR_DS:
        *ret_len = 36;
        return fast_ds(tok, n, s->rdata);
    default:
        return false;
    }
}
