#include "dns/record.h"

#include "dns/rrset.h"

/* The next word; n 0 at the end. */
static struct bytes word_at(struct bytes text, size_t *at)
{
    while (*at < text.n && (text.p[*at] == ' ' || text.p[*at] == '\t'))
        ++*at;
    size_t from = *at;
    while (*at < text.n && text.p[*at] != ' ' && text.p[*at] != '\t')
        *at += text.p[*at] == '\\' && *at + 1 < text.n ? 2 : 1;
    return bytes_of(text.p + from, *at - from);
}

/* 3600, 1h30m, 2W; false: it is no TTL, or more than RFC 2181 section 8 allows. */
static bool ttl_read(struct bytes w, uint32_t *ret)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    uint64_t all = 0;
    size_t i = 0;
    while (i < w.n) {
        uint64_t v = 0, factor = 1;
        size_t from = i;
        for (; i < w.n && w.p[i] >= '0' && w.p[i] <= '9' && v <= INT32_MAX; i++)
            v = v * 10 + (unsigned)(w.p[i] - '0');
        if (i == from)
            return false;
        if (i < w.n) {
            size_t k = 0;
            while (k < ARRAY_LEN(units) && units[k].unit != (w.p[i] | 0x20))
                k++;
            if (k == ARRAY_LEN(units))
                return false;
            factor = units[k].seconds;
            i++;
        }
        all += v * factor;
        if (all > INT32_MAX)
            return false;
    }
    *ret = (uint32_t)all;
    return w.n > 0;
}

static enum status wrong(struct diag *d, enum status st, size_t at, const char *what)
{
    if (d != NULL) {
        diag_set(d, SEV_ERROR, "bad-record", "write it as: www.example.org. 300 A 192.0.2.1", "%s",
                 what);
        d->column = (uint32_t)at + 1;
    }
    return st;
}

enum status record_parse(struct bytes text, struct writer *rdata, struct record_line *ret,
                         struct diag *d)
{
    size_t at = 0, from = wr_len(rdata);
    uint16_t rclass;
    bool has_ttl = false, has_class = false;
    struct bytes w = word_at(text, &at);
    if (w.n == 0)
        return wrong(d, ST_ESYNTAX, at, "a record is expected");
    if (name_parse(w, name_root, &ret->owner) != ST_OK)
        return wrong(d, ST_ENAME, at - w.n, "the record's owner is not a domain name");
    ret->ttl = RECORD_TTL;
    for (;;) {
        w = word_at(text, &at);
        if (!has_ttl && ttl_read(w, &ret->ttl))
            has_ttl = true;
        else if (!has_class && rr_class_parse(w, &rclass)) {
            has_class = true;
            if (rclass != CLASS_IN)
                return wrong(d, ST_ESYNTAX, at - w.n, "only records of class IN are known here");
        } else {
            break;
        }
    }
    if (!rr_type_parse(w, &ret->type) || (rr_type_flags(ret->type) & (RRF_META | RRF_QTYPE)) != 0)
        return wrong(d, ST_ESYNTAX, at - w.n,
                     w.n == 0 ? "the record has no type" : "this is no type of a record");
    struct bytes rest = bytes_of(text.p + at, text.n - at);
    enum status st = rdata_parse_line(ret->type, rest, name_root, rdata, d);
    if (st != ST_OK) {
        if (d != NULL)
            d->column = (uint32_t)at + MAX(d->column, 1u);
        return st;
    }
    ret->rdata = bytes_of(rdata->base + from, wr_len(rdata) - from);
    return ST_OK;
}
