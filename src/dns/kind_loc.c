/* LOC (RFC 1876): a place on Earth. Angles are thousandths of a second from 2^31, the altitude is
 * in centimetres from 100 km below the spheroid, and sizes are one digit and a power of ten of
 * centimetres. */
#include "dns/rr_table.h"

enum { LOC_SIZE = 16, LOC_CM_MAX = 9 };

static const uint32_t loc_zero = 0x80000000u;
static const uint32_t degree = 3600000;

static bool size_valid(uint8_t b)
{
    return b >> 4 <= LOC_CM_MAX && (b & 15) <= LOC_CM_MAX;
}

static uint32_t distance(uint32_t angle)
{
    return angle >= loc_zero ? angle - loc_zero : loc_zero - angle;
}

static enum status loc_check(const struct field *f, struct rdview *v)
{
    (void)f;
    const uint8_t *p = v->p;
    if (view_left(v) < 1)
        return ST_ESHORT;
    if (p[0] != 0) { /* RFC 1876 section 2: another version has another format */
        v->odd = true;
        v->p = v->end;
        return ST_OK;
    }
    if (view_left(v) < LOC_SIZE)
        return ST_ESHORT;
    for (int i = 1; i < 4; i++) {
        if (!size_valid(p[i]))
            return ST_EFORMAT;
        v->odd |= p[i] >> 4 == 0 && p[i] != 0; /* zero times ten to something */
    }
    if (distance(get_be32(p + 4)) > 90 * degree || distance(get_be32(p + 8)) > 180 * degree)
        return ST_EFORMAT;
    v->p += LOC_SIZE;
    return ST_OK;
}

/* A decimal number times 10^places; at most `places` digits after the point; an "m" may follow. */
static bool decimal_of(struct bytes t, unsigned places, bool metres, int64_t *ret)
{
    size_t i = 0, digits = 0;
    int64_t n = 0;
    bool negative = t.n > 0 && t.p[0] == '-';
    if (t.n > 0 && (t.p[0] == '-' || t.p[0] == '+'))
        i++;
    for (; i < t.n && t.p[i] >= '0' && t.p[i] <= '9' && digits < 12; i++, digits++)
        n = n * 10 + (t.p[i] - '0');
    if (i < t.n && t.p[i] == '.') {
        for (i++; i < t.n && t.p[i] >= '0' && t.p[i] <= '9' && places > 0; i++, digits++, places--)
            n = n * 10 + (t.p[i] - '0');
    }
    for (; places > 0; places--)
        n *= 10;
    if (metres && i < t.n && ascii_lower(t.p[i]) == 'm')
        i++;
    *ret = negative ? -n : n;
    return i == t.n && digits > 0;
}

/* d [m [s]] and one of the two letters. */
static enum status angle_parse(struct rdparse *ps, const char *what, char plus, char minus,
                               uint32_t max, uint32_t *ret)
{
    static const uint32_t unit[3] = {3600000, 60000, 1};
    uint32_t sum = 0;
    for (int k = 0; k < 4; k++) {
        const struct token *t = parse_next(ps, what);
        int64_t n;
        if (t == NULL)
            return ST_ESHORT;
        char c = t->text.n == 1 ? (char)(t->text.p[0] & ~0x20) : 0;
        if (k > 0 && (c == plus || c == minus)) {
            if (sum > max)
                return parse_fail(ps, t, ST_ERANGE, "%s is too large", what);
            *ret = c == plus ? loc_zero + sum : loc_zero - sum;
            return ST_OK;
        }
        if (k == 3 || !decimal_of(t->text, k == 2 ? 3 : 0, false, &n) || n < 0 ||
            n >= (k == 0   ? 181
                  : k == 1 ? 60
                           : 60000))
            return parse_fail(ps, t, ST_ESYNTAX, "%s is not degrees [minutes [seconds]] %c or %c",
                              what, plus, minus);
        sum += (uint32_t)n * unit[k];
    }
    return ST_ESYNTAX;
}

/* An optional size in metres; digits past the first are lost (RFC 1876 section 2). */
static enum status size_parse(struct rdparse *ps, const char *what, uint8_t *ret)
{
    if (!parse_more(ps))
        return ST_OK;
    const struct token *t = parse_next(ps, what);
    int64_t cm;
    if (!decimal_of(t->text, 2, true, &cm) || cm < 0 || cm > 9000000000)
        return parse_fail(ps, t, ST_ESYNTAX, "%s is not a size in metres", what);
    uint8_t e = 0;
    for (; cm > 9; cm /= 10)
        e++;
    *ret = (uint8_t)(cm << 4 | e);
    return ST_OK;
}

static enum status loc_parse(const struct field *f, struct rdparse *ps)
{
    (void)f;
    uint8_t size[3] = {0x12, 0x16, 0x13}; /* RFC 1876 section 3: 1 m, 10 km, 10 m */
    uint32_t lat, lon;
    int64_t alt;
    TRY(angle_parse(ps, "latitude", 'N', 'S', 90 * degree, &lat));
    TRY(angle_parse(ps, "longitude", 'E', 'W', 180 * degree, &lon));
    const struct token *t = parse_next(ps, "altitude");
    if (t == NULL)
        return ST_ESHORT;
    if (!decimal_of(t->text, 2, true, &alt) || alt < -10000000 || alt > 4284967295)
        return parse_fail(ps, t, ST_ESYNTAX,
                          "altitude is not metres from -100000.00 to 42849672.95");
    TRY(size_parse(ps, "size", &size[0]));
    TRY(size_parse(ps, "horizontal precision", &size[1]));
    TRY(size_parse(ps, "vertical precision", &size[2]));
    wr_u8(ps->out, 0);
    wr_bytes(ps->out, size, 3);
    wr_u32(ps->out, lat);
    wr_u32(ps->out, lon);
    wr_u32(ps->out, (uint32_t)(alt + 10000000));
    return parse_done(ps);
}

static void angle_print(uint32_t angle, char plus, char minus, struct text *out)
{
    uint32_t n = distance(angle);
    text_fmt(out, "%u %u %u.%03u %c", n / degree, n / 60000 % 60, n / 1000 % 60, n % 1000,
             angle >= loc_zero ? plus : minus);
}

static void size_print(uint8_t b, struct text *out)
{
    uint64_t cm = b >> 4;
    for (int e = b & 15; e > 0; e--)
        cm *= 10;
    if (cm % 100 != 0)
        text_fmt(out, " %llu.%02llum", (unsigned long long)cm / 100, (unsigned long long)cm % 100);
    else
        text_fmt(out, " %llum", (unsigned long long)cm / 100);
}

static void loc_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    const uint8_t *p = v->p;
    angle_print(get_be32(p + 4), 'N', 'S', out);
    text_char(out, ' ');
    angle_print(get_be32(p + 8), 'E', 'W', out);
    int64_t alt = (int64_t)get_be32(p + 12) - 10000000;
    uint64_t cm = (uint64_t)(alt < 0 ? -alt : alt);
    text_fmt(out, " %s%llu.%02llum", alt < 0 ? "-" : "", (unsigned long long)cm / 100,
             (unsigned long long)cm % 100);
    for (int i = 1; i < 4; i++)
        size_print(p[i], out);
    v->p += LOC_SIZE;
}

static void loc_json(const struct field *f, struct rdview *v, struct json *out)
{
    if (v->p[0] != 0) {
        json_null(out);
        v->p = v->end;
        return;
    }
    const uint8_t *p = v->p;
    struct text t = text_heap(512);
    loc_print(f, v, &t);
    json_str(out, text_cstr(&t));
    text_free(&t);
    json_key(out, "latitude");
    json_double(out, ((double)get_be32(p + 4) - loc_zero) / degree, 7);
    json_key(out, "longitude");
    json_double(out, ((double)get_be32(p + 8) - loc_zero) / degree, 7);
    json_key(out, "altitude");
    json_double(out, ((double)get_be32(p + 12) - 10000000) / 100, 2);
}

const struct kind kind_loc = {
    .check = loc_check,
    .parse = loc_parse,
    .usage = "DEG [MIN [SEC]] N|S DEG [MIN [SEC]] E|W ALTITUDE[m] [SIZE[m] [HPREC[m] [VPREC[m]]]]",
    .print = loc_print,
    .json = loc_json};
