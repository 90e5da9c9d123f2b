#include "resolver/hints.h"

#include "dns/rr_type.h"

static const struct {
    const char *name, *v4, *v6;
} builtin[] = {
#define ROOT_SERVER(name, v4, v6) {name, v4, v6},
#include "resolver/root_servers.def"
#undef ROOT_SERVER
};

size_t root_hints_builtin(struct root_hint *ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(builtin); i++) {
        const char *texts[] = {builtin[i].v4, builtin[i].v6};
        for (size_t k = 0; k < ARRAY_LEN(texts) && n < max; k++)
            if (name_from(builtin[i].name, &ret[n].server) == ST_OK &&
                netaddr_parse(bytes_str(texts[k]), &ret[n].address) == ST_OK)
                n++;
    }
    return n;
}

enum { HINT_WORDS = 6, HINT_SERVERS = 32 };

/* The words of the line at *p, comments left out; moves *p to the next line. */
static size_t split_line(const uint8_t **p, const uint8_t *end, struct bytes word[HINT_WORDS])
{
    size_t n = 0;
    const uint8_t *s = *p;
    while (s < end && *s != '\n' && *s != ';') {
        const uint8_t *w = s;
        while (s<end && * s> ' ' && *s != ';')
            s++;
        if (s > w && n < HINT_WORDS)
            word[n++] = bytes_of(w, (size_t)(s - w));
        if (s < end && *s != '\n' && *s != ';')
            s++;
    }
    while (s < end && *s != '\n')
        s++;
    *p = s < end ? s + 1 : s;
    return n;
}

static bool is_number(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] < '0' || b.p[i] > '9')
            return false;
    return b.n > 0;
}

struct hints_reader {
    struct name listed[HINT_SERVERS]; /* named by NS records of the root */
    size_t listed_n;
    struct root_hint *out;
    size_t n, max;
};

/* One record: owner, type and RDATA words. */
static enum status read_record(struct hints_reader *h, const uint8_t *owner, uint16_t type,
                               struct bytes rdata)
{
    if (type == RR_NS && name_is_root(owner)) {
        if (h->listed_n == HINT_SERVERS)
            return ST_ELIMIT;
        TRY(name_parse(rdata, NULL, &h->listed[h->listed_n]));
        h->listed_n++;
        return ST_OK;
    }
    if (type != RR_A && type != RR_AAAA)
        return ST_OK;
    struct netaddr a;
    TRY(netaddr_parse(rdata, &a));
    if (a.family != (type == RR_A ? ADDR_V4 : ADDR_V6))
        return ST_ESYNTAX;
    if (h->n == h->max)
        return ST_ELIMIT;
    name_copy(h->out[h->n].server.w, owner);
    h->out[h->n++].address = a;
    return ST_OK;
}

static enum status read_line(struct hints_reader *h, const struct bytes *word, size_t n)
{
    struct name owner;
    uint16_t type, rclass;
    size_t i = 1;
    TRY(name_parse(word[0], NULL, &owner));
    while (i < n && (is_number(word[i]) || rr_class_parse(word[i], &rclass)))
        i++;
    if (i + 2 != n || !rr_type_parse(word[i], &type))
        return ST_ESYNTAX;
    return read_record(h, owner.w, type, word[i + 1]);
}

/* Addresses of names that no NS record lists are no hints. */
static size_t keep_listed(struct hints_reader *h)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->n; i++)
        for (size_t k = 0; k < h->listed_n; k++)
            if (name_equal(h->out[i].server.w, h->listed[k].w)) {
                h->out[kept++] = h->out[i];
                break;
            }
    return kept;
}

enum status root_hints_read(struct bytes text, struct root_hint *ret, size_t max, size_t *ret_n,
                            struct diag *d)
{
    struct hints_reader h = {.out = ret, .max = max};
    struct bytes word[HINT_WORDS];
    const uint8_t *p = text.p, *end = text.p + text.n;
    for (uint32_t line = 1; p < end; line++) {
        size_t n = split_line(&p, end, word);
        enum status st = n == 0 ? ST_OK : read_line(&h, word, n);
        if (st != ST_OK) {
            if (d != NULL) {
                diag_set(d, SEV_ERROR, "bad-hint",
                         "a line reads: a.root-servers.net. 3600000 A 198.41.0.4",
                         "this line of the root hints cannot be read: %s", status_text(st));
                d->line = line;
                d->column = 1;
            }
            return st;
        }
    }
    *ret_n = keep_listed(&h);
    if (*ret_n > 0)
        return ST_OK;
    if (d != NULL)
        diag_set(d, SEV_ERROR, "no-hints", NULL,
                 "there is no address of a root server in the root hints");
    return ST_ENOTFOUND;
}
