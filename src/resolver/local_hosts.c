/* Files in the form of /etc/hosts (hosts(5)): an address and the names that it has. */
#include "base/limits.h"
#include "base/netaddr.h"
#include "dns/rr_type.h"
#include "resolver/local_data.h"

enum { HOSTS_TTL_S = 3600 };

struct hosts {
    struct local_data *d;
    const char *file;
    struct diag_sink *sink;
    struct bytes line;
    uint32_t number, errors;
};

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line; n 0 at its end or at #. */
static struct bytes word_at(const struct hosts *h, size_t *at)
{
    while (*at < h->line.n && blank(h->line.p[*at]))
        ++*at;
    size_t from = *at;
    while (*at < h->line.n && !blank(h->line.p[*at]) && h->line.p[*at] != '#')
        ++*at;
    return bytes_of(h->line.p + from, *at - from);
}

static void complain(struct hosts *h, struct bytes word, const char *what)
{
    struct diag d = {.file = h->file, .line = h->number};
    if (h->errors++ >= LIMIT_CONFIG_ERRORS)
        return;
    diag_set(&d, SEV_ERROR, "bad-hosts-line", "a line reads: 192.0.2.1 www.example.org www", "%s",
             what);
    d.column = (uint32_t)(word.p - h->line.p) + 1;
    size_t n = MIN(h->line.n, sizeof d.source - 1);
    for (size_t i = 0; i < n; i++)
        d.source[i] = h->line.p[i] < ' ' || h->line.p[i] == 127 ? ' ' : (char)h->line.p[i];
    diag_emit(h->sink, &d);
}

/* 1.2.0.192.in-addr.arpa (RFC 1035 section 3.5), or the nibbles below ip6.arpa (RFC 3596 section
 * 2.5). */
static enum status reverse(const struct netaddr *a, struct name *ret)
{
    char buf[80];
    struct text t = text_of(buf, sizeof buf);
    if (a->family == ADDR_V4)
        text_fmt(&t, "%u.%u.%u.%u.in-addr.arpa.", a->a[3], a->a[2], a->a[1], a->a[0]);
    for (unsigned i = 16; a->family == ADDR_V6 && i-- > 0;)
        text_fmt(&t, "%x.%x.", a->a[i] & 15, a->a[i] >> 4);
    if (a->family == ADDR_V6)
        text_str(&t, "ip6.arpa.");
    return name_from(text_cstr(&t), ret);
}

static bool is_nowhere(const struct netaddr *a)
{
    static const uint8_t zero[16];
    return memcmp(a->a, zero, a->family == ADDR_V4 ? 4 : 16) == 0;
}

/* The first name that an address stands with is the one that it is known by. */
static enum status add_reverse(struct local_data *d, const struct netaddr *a, const uint8_t *name)
{
    struct name ptr;
    struct local_answer was;
    TRY(reverse(a, &ptr));
    if (local_data_find(d, ptr.w, RR_PTR, &was) != LOCAL_NOTHING && was.says == LOCAL_DATA)
        return ST_OK;
    return local_data_add(d, ptr.w, RR_PTR, HOSTS_TTL_S, bytes_of(name, name_len(name)));
}

static enum status read_line(struct hosts *h)
{
    struct netaddr a;
    struct name n;
    size_t at = 0;
    struct bytes w = word_at(h, &at), addr = w;
    if (w.n == 0)
        return ST_OK;
    const uint8_t *scope = memchr(w.p, '%', w.n); /* fe80::1%lo0 means something on one link only */
    if (scope != NULL)
        w.n = (size_t)(scope - w.p);
    if (netaddr_parse(w, &a) != ST_OK) {
        complain(h, w, "this is no address");
        return ST_OK;
    }
    unsigned names = 0;
    for (; (w = word_at(h, &at)).n > 0; names++) {
        if (scope != NULL)
            continue;
        if (name_parse(w, name_root, &n) != ST_OK || name_is_root(n.w)) {
            complain(h, w, "this is no name of a host");
            continue;
        }
        bool v4 = a.family == ADDR_V4;
        enum status st =
            local_data_add(h->d, n.w, v4 ? RR_A : RR_AAAA, HOSTS_TTL_S, bytes_of(a.a, v4 ? 4 : 16));
        if (st == ST_ESEMANTIC || st == ST_ELIMIT) {
            complain(h, w,
                     st == ST_ELIMIT ? "this name has too many addresses"
                                     : "this name is an alias: it has no addresses of its own");
            continue;
        }
        TRY(st);
        if (names == 0 && !is_nowhere(&a))
            TRY(add_reverse(h->d, &a, n.w));
    }
    if (names == 0)
        complain(h, addr, "no name follows the address");
    return ST_OK;
}

enum status local_data_hosts(struct local_data *d, const char *file, struct bytes text,
                             struct diag_sink *sink)
{
    struct hosts h = {.d = d, .file = file, .sink = sink};
    while (text.n > 0) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        h.line = bytes_of(text.p, end != NULL ? (size_t)(end - text.p) : text.n);
        h.number++;
        TRY(read_line(&h));
        size_t used = h.line.n + (end != NULL);
        text = bytes_of(text.p + used, text.n - used);
    }
    return h.errors == 0 ? ST_OK : ST_ESYNTAX;
}
