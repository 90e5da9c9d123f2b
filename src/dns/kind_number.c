/* Field kinds that are numbers: plain ones, periods of time (1h30m) and points in time. */
#include "dns/rr_table.h"

static uint64_t take_number(const struct field *f, struct rdview *v)
{
    uint64_t n = 0;
    for (size_t i = 0; i < f->size; i++)
        n = n << 8 | v->p[i];
    v->p += f->size;
    return n;
}

static enum status put_number(const struct field *f, struct rdparse *ps, uint64_t n)
{
    uint8_t *p = wr_room(ps->out, f->size);
    if (p != NULL)
        for (size_t i = f->size; i-- > 0; n >>= 8)
            p[i] = (uint8_t)n;
    return parse_done(ps);
}

static enum status number_parse(const struct field *f, struct rdparse *ps)
{
    uint64_t n, max = f->size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * f->size) - 1;
    TRY(parse_number(ps, f->key, max, &n));
    return put_number(f, ps, n);
}

static void number_print(const struct field *f, struct rdview *v, struct text *out)
{
    text_uint(out, take_number(f, v));
}

const struct kind kind_u8 = {.parse = number_parse, .print = number_print, .flags = KF_NUMBER};
const struct kind kind_u16 = {.parse = number_parse, .print = number_print, .flags = KF_NUMBER};
const struct kind kind_u32 = {.parse = number_parse, .print = number_print, .flags = KF_NUMBER};
const struct kind kind_u48 = {.parse = number_parse, .print = number_print, .flags = KF_NUMBER};
/* In JSON a string: readers keep only 53 bits of a number (RFC 8259 section 6). */
const struct kind kind_u64 = {.parse = number_parse, .print = number_print};

/* Seconds, or numbers with units: 1w2d3h4m5s, in any order and case. */
static bool period_of(struct bytes t, uint64_t *ret)
{
    uint64_t sum = 0, n = 0;
    bool digits = false;
    if (number_of(t, UINT32_MAX, ret))
        return true;
    for (size_t i = 0; i < t.n; i++) {
        uint8_t c = ascii_lower(t.p[i]);
        if (c >= '0' && c <= '9') {
            n = n * 10 + (unsigned)(c - '0');
            digits = true;
        } else {
            unsigned unit = c == 's'   ? 1
                            : c == 'm' ? 60
                            : c == 'h' ? 3600
                            : c == 'd' ? 86400
                            : c == 'w' ? 604800
                                       : 0;
            if (unit == 0 || !digits)
                return false;
            sum += n * unit;
            n = 0;
            digits = false;
        }
        if (n > UINT32_MAX || sum > UINT32_MAX)
            return false;
    }
    *ret = sum;
    return t.n > 0 && !digits;
}

static enum status period_parse(const struct field *f, struct rdparse *ps)
{
    uint64_t n;
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    if (!period_of(t->text, &n))
        return parse_fail(ps, t, ST_ESYNTAX,
                          "%s is \"%.*s\", not a number of seconds or like 1h30m", f->key,
                          (int)MIN(t->text.n, (size_t)60), (const char *)t->text.p);
    return put_number(f, ps, n);
}

const struct kind kind_period = {.parse = period_parse, .print = number_print, .flags = KF_NUMBER};

/* Days since 1970-01-01 of a date of the Gregorian calendar, and back: years counted from March, so
 * that the leap day is the last of a year. */
static uint64_t days_of(unsigned y, unsigned m, unsigned d)
{
    y -= m <= 2;
    unsigned era = y / 400, yoe = y % 400, doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
    return (uint64_t)era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void date_of(uint64_t days, unsigned *y, unsigned *m, unsigned *d)
{
    uint64_t z = days + 719468, era = z / 146097;
    unsigned doe = (unsigned)(z % 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = (unsigned)(yoe + era * 400) + (*m <= 2);
}

/* YYYYMMDDHHmmSS, UTC. Dates past 2106 wrap (RFC 4034 section 3.1.5: serial arithmetic), by one
 * turn at most, so that a typing error in the year does not go unnoticed. */
static bool date_parse(struct bytes t, uint64_t *ret)
{
    unsigned v[6], at = 0;
    static const uint8_t width[6] = {4, 2, 2, 2, 2, 2};
    static const uint8_t month_days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int k = 0; k < 6; k++) {
        v[k] = 0;
        for (int i = 0; i < width[k]; i++, at++) {
            unsigned c = (unsigned)(t.p[at] - '0');
            if (c > 9)
                return false;
            v[k] = v[k] * 10 + c;
        }
    }
    if (v[0] < 1970 || v[1] < 1 || v[1] > 12)
        return false;
    bool leap = v[0] % 4 == 0 && (v[0] % 100 != 0 || v[0] % 400 == 0);
    if (v[2] < 1 || v[2] > month_days[v[1]] + (v[1] == 2 && leap ? 1u : 0u) || v[3] > 23 ||
        v[4] > 59 || v[5] > 59)
        return false;
    uint64_t s = days_of(v[0], v[1], v[2]) * 86400 + v[3] * 3600 + v[4] * 60 + v[5];
    *ret = s & UINT32_MAX;
    return s >> 33 == 0;
}

/* RFC 4034 section 3.2: a date of 14 digits or seconds of at most 10. */
static enum status time_parse(const struct field *f, struct rdparse *ps)
{
    uint64_t n;
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    if (t->text.n == 14 ? !date_parse(t->text, &n) : !number_of(t->text, UINT32_MAX, &n))
        return parse_fail(ps, t, ST_ESYNTAX,
                          "%s is \"%.*s\", not a time as YYYYMMDDHHmmSS or seconds", f->key,
                          (int)MIN(t->text.n, (size_t)60), (const char *)t->text.p);
    return put_number(f, ps, n);
}

static void time_print(const struct field *f, struct rdview *v, struct text *out)
{
    uint64_t n = take_number(f, v);
    unsigned s = (unsigned)(n % 86400), part[6];
    date_of(n / 86400, &part[0], &part[1], &part[2]);
    part[3] = s / 3600;
    part[4] = s / 60 % 60;
    part[5] = s % 60;
    char c[14];
    size_t at = 14;
    for (int k = 5; k >= 0; k--)
        for (int i = k == 0 ? 4 : 2; i > 0; i--, part[k] /= 10)
            c[--at] = (char)('0' + part[k] % 10);
    text_bytes(out, c, sizeof c);
}

const struct kind kind_time = {.parse = time_parse, .print = time_print};
