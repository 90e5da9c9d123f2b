#include "base/when.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

struct moment {
    uint64_t year, month, day, hour, minute, second;
};

/* Days since 1970 and back, in the Gregorian calendar: counted in years that begin in March, so
 * that the odd day stands at the end. */
static uint64_t days_of(const struct moment *m)
{
    uint64_t y = m->year - (m->month <= 2), era = y / 400, yoe = y - era * 400;
    uint64_t doy = (153 * (m->month > 2 ? m->month - 3 : m->month + 9) + 2) / 5 + m->day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static struct moment moment_of(uint64_t s)
{
    uint64_t z = s / DAY + 719468, era = z / 146097, doe = z % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    struct moment m = {.day = doy - (153 * mp + 2) / 5 + 1,
                       .month = mp < 10 ? mp + 3 : mp - 9,
                       .hour = s % DAY / HOUR,
                       .minute = s % HOUR / MINUTE,
                       .second = s % MINUTE};
    m.year = yoe + era * 400 + (m.month <= 2);
    return m;
}

static bool digits(struct bytes *t, size_t n, uint64_t *ret)
{
    if (t->n < n)
        return false;
    *ret = 0;
    for (size_t i = 0; i < n; i++) {
        if (t->p[i] < '0' || t->p[i] > '9')
            return false;
        *ret = *ret * 10 + (uint64_t)(t->p[i] - '0');
    }
    *t = bytes_of(t->p + n, t->n - n);
    return true;
}

static bool letter(struct bytes *t, const char *any)
{
    for (; t->n > 0 && *any != '\0'; any++)
        if (t->p[0] == (uint8_t)*any) {
            *t = bytes_of(t->p + 1, t->n - 1);
            return true;
        }
    return false;
}

static bool seconds_of(const struct moment *m, int64_t offset, uint64_t *ret)
{
    static const uint8_t length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = m->year % 4 == 0 && (m->year % 100 != 0 || m->year % 400 == 0);
    if (m->year < 1970 || m->year > 9999 || m->month < 1 || m->month > 12 || m->day < 1 ||
        m->day > length[m->month - 1] + (uint64_t)(leap && m->month == 2) || m->hour > 23 ||
        m->minute > 59 || m->second > 60)
        return false;
    int64_t s = (int64_t)(days_of(m) * DAY + m->hour * HOUR + m->minute * MINUTE + m->second);
    *ret = (uint64_t)(s - offset);
    return s >= offset;
}

/* "Z", "+02:00" or nothing. */
static bool zone_of(struct bytes t, int64_t *ret)
{
    uint64_t h, m;
    *ret = 0;
    if (t.n == 0 || (t.n == 1 && letter(&t, "Zz")))
        return true;
    bool minus = t.p[0] == '-';
    if (!letter(&t, "+-") || !digits(&t, 2, &h) || !letter(&t, ":") || !digits(&t, 2, &m) ||
        t.n > 0 || h > 23 || m > 59)
        return false;
    *ret = (int64_t)(h * HOUR + m * MINUTE) * (minus ? -1 : 1);
    return true;
}

bool when_parse(struct bytes text, uint64_t *ret)
{
    struct moment m = {0};
    struct bytes t = text;
    int64_t offset;
    if (text.n > 0 && text.n <= 11 && digits(&t, text.n, ret))
        return true;
    t = text;
    if (text.n == 14 && digits(&t, 4, &m.year))
        return digits(&t, 2, &m.month) && digits(&t, 2, &m.day) && digits(&t, 2, &m.hour) &&
               digits(&t, 2, &m.minute) && digits(&t, 2, &m.second) && seconds_of(&m, 0, ret);
    t = text;
    if (!digits(&t, 4, &m.year) || !letter(&t, "-") || !digits(&t, 2, &m.month) ||
        !letter(&t, "-") || !digits(&t, 2, &m.day))
        return false;
    if (t.n == 0)
        return seconds_of(&m, 0, ret);
    if (!letter(&t, "Tt ") || !digits(&t, 2, &m.hour) || !letter(&t, ":") ||
        !digits(&t, 2, &m.minute))
        return false;
    if (letter(&t, ":") && !digits(&t, 2, &m.second))
        return false;
    return zone_of(t, &offset) && seconds_of(&m, offset, ret);
}

void when_text(uint64_t seconds, struct text *out)
{
    struct moment m = moment_of(seconds);
    text_fmt(out, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)m.year, (unsigned)m.month,
             (unsigned)m.day, (unsigned)m.hour, (unsigned)m.minute, (unsigned)m.second);
}

void when_digits(uint64_t seconds, struct text *out)
{
    struct moment m = moment_of(seconds);
    text_fmt(out, "%04u%02u%02u%02u%02u%02u", (unsigned)m.year, (unsigned)m.month, (unsigned)m.day,
             (unsigned)m.hour, (unsigned)m.minute, (unsigned)m.second);
}

uint32_t when_date(uint64_t seconds)
{
    struct moment m = moment_of(seconds);
    return (uint32_t)((m.year * 100 + m.month) * 100 + m.day);
}

void when_length(uint64_t s, struct text *out)
{
    static const struct {
        uint64_t size;
        const char *word;
    } unit[] = {{DAY, "d"}, {HOUR, "h"}, {MINUTE, "min"}, {1, "s"}};
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(unit) && s < unit[i].size)
        i++;
    text_fmt(out, "%llu %s", (unsigned long long)(s / unit[i].size), unit[i].word);
    uint64_t rest = i + 1 < ARRAY_LEN(unit) ? s % unit[i].size / unit[i + 1].size : 0;
    if (rest > 0)
        text_fmt(out, " %llu %s", (unsigned long long)rest, unit[i + 1].word);
}
