#include "sim/lines.h"

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

bool line_next(struct bytes *text, struct bytes *ret)
{
    if (text->n == 0)
        return false;
    size_t n = 0, end = 0;
    bool quoted = false, comment = false;
    for (; n < text->n && text->p[n] != '\n'; n++) {
        uint8_t c = text->p[n];
        if (c == '"')
            quoted = !quoted;
        if (c == '#' && !quoted && (n == 0 || blank(text->p[n - 1])))
            comment = true;
        if (!comment)
            end = n + 1;
    }
    *ret = bytes_of(text->p, end);
    while (ret->n > 0 && blank(ret->p[ret->n - 1]))
        ret->n--;
    n += n < text->n;
    *text = bytes_of(text->p + n, text->n - n);
    return true;
}

struct bytes line_rest(struct bytes line)
{
    while (line.n > 0 && blank(line.p[0]))
        line = bytes_of(line.p + 1, line.n - 1);
    return line;
}

bool word_next(struct bytes *line, struct bytes *ret)
{
    *line = line_rest(*line);
    if (line->n == 0)
        return false;
    size_t n = 0;
    if (line->p[0] == '"') {
        for (n = 1; n < line->n && line->p[n] != '"'; n++)
            ;
        *ret = bytes_of(line->p + 1, n - 1);
        n += n < line->n;
    } else {
        while (n < line->n && !blank(line->p[n]))
            n++;
        *ret = bytes_of(line->p, n);
    }
    *line = bytes_of(line->p + n, line->n - n);
    return true;
}

bool word_is(struct bytes word, const char *s)
{
    return bytes_equal(word, bytes_str(s));
}

bool word_uint(struct bytes word, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;
    if (word.n == 0 || word.n > 19)
        return false;
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] < '0' || word.p[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(word.p[i] - '0');
    }
    *ret = v;
    return v <= max;
}
