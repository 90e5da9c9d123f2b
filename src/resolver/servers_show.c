/* What is known of other name servers, for people and programs; of all workers together. */
#include "resolver/machine.h"

#include "base/when.h"
#include "dns/rdata.h"

#include <stdlib.h>

enum { COL_RTT = 40, COL_ANSWERS = 52, COL_LOST = 64, COL_SILENT = 74 };

static bool add(struct server_list *l, const struct server_row *row)
{
    if (l->n == l->cap) {
        size_t cap = l->cap > 0 ? l->cap * 2 : 64;
        struct server_row *v = realloc(l->v, cap * sizeof *v);
        if (v == NULL)
            return false;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = *row;
    return true;
}

static struct server_row row_of(const struct resolver *r, const struct netaddr *a, struct now now)
{
    struct server_row row;
    if (!servers_row(r->servers, a, r->opt->timeout_ms, now, &row))
        row = (struct server_row){.addr = *a, .timeout_ms = r->opt->timeout_ms};
    return row;
}

/* The addresses of one name that are in the cache as data, or as glue. */
static bool add_name(struct resolver *r, const uint8_t *name, struct now now,
                     struct server_list *to)
{
    static const uint16_t types[] = {RR_A, RR_AAAA};
    for (size_t k = 0; k < ARRAY_LEN(types); k++) {
        struct cache_entry e;
        if (cache_get(r->cache, name, types[k], CLASS_IN, now, &r->scratch, &e) != CACHE_RRSET &&
            cache_get(r->cache, name, types[k], CACHE_CLASS_CUT, now, &r->scratch, &e) !=
                CACHE_RRSET)
            continue;
        struct rdata_iter it = rdata_iter(&e.set);
        for (struct bytes rd; rdata_iter_next(&it, &rd);) {
            struct netaddr a = types[k] == RR_A ? netaddr_v4(rd.p, 0) : netaddr_v6(rd.p, 0);
            struct server_row row = row_of(r, &a, now);
            if (!add(to, &row))
                return false;
        }
    }
    return true;
}

/* The servers of a zone: those in its NS set, or those that the configuration names. */
static bool add_zone(struct resolver *r, const uint8_t *zone, struct now now,
                     struct server_list *to)
{
    struct cache_entry e;
    for (size_t i = 0; i < r->opt->route_count; i++) {
        const struct route *t = &r->opt->route[i];
        for (size_t k = 0; name_equal(t->zone.w, zone) && k < t->address_count; k++) {
            struct server_row row = row_of(r, &t->address[k], now);
            if (!add(to, &row))
                return false;
        }
    }
    arena_reset(&r->scratch);
    if (cache_get(r->cache, zone, RR_NS, CACHE_CLASS_CUT, now, &r->scratch, &e) != CACHE_RRSET &&
        cache_get(r->cache, zone, RR_NS, CLASS_IN, now, &r->scratch, &e) != CACHE_RRSET)
        return true;
    struct rdata_iter it = rdata_iter(&e.set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (!add_name(r, rd.p, now, to))
            return false;
    return true;
}

bool resolver_servers(struct resolver *r, const uint8_t *zone, const struct netaddr *only,
                      struct now now, struct server_list *to)
{
    struct server_row row;
    if (zone != NULL)
        return add_zone(r, zone, now, to);
    if (only->family != ADDR_NONE) {
        row = row_of(r, only, now);
        return add(to, &row);
    }
    for (uint32_t i = 0; servers_next(r->servers, &i, r->opt->timeout_ms, now, &row);)
        if (!add(to, &row))
            return false;
    return true;
}

static int by_address(const void *a, const void *b)
{
    const struct server_row *x = a, *y = b;
    return x->addr.family != y->addr.family ? x->addr.family - y->addr.family
                                            : memcmp(x->addr.a, y->addr.a, sizeof x->addr.a);
}

/* What several workers know of one server: the latest news, and the sums. */
static void merge(struct server_row *x, const struct server_row *y)
{
    uint32_t answers = x->answers + y->answers, lost = x->lost + y->lost;
    if (y->answers + y->lost > 0 && (x->answers + x->lost == 0 || y->idle_s < x->idle_s))
        *x = *y;
    x->answers = answers;
    x->lost = lost;
}

static int most_trouble_first(const void *a, const void *b)
{
    const struct server_row *x = a, *y = b;
    if (x->lost != y->lost)
        return x->lost < y->lost ? 1 : -1;
    return (x->answers < y->answers) - (x->answers > y->answers);
}

void servers_sort(struct server_list *l, uint32_t last)
{
    size_t n = 0;
    if (l->n > 1)
        qsort(l->v, l->n, sizeof l->v[0], by_address);
    for (size_t i = 0; i < l->n; i++) {
        if (n > 0 && by_address(&l->v[n - 1], &l->v[i]) == 0)
            merge(&l->v[n - 1], &l->v[i]);
        else
            l->v[n++] = l->v[i];
    }
    l->n = n;
    if (l->n > 1)
        qsort(l->v, l->n, sizeof l->v[0], most_trouble_first);
    if (last > 0 && l->n > last)
        l->n = last;
}

void servers_list_free(struct server_list *l)
{
    free(l->v);
    *l = (struct server_list){.n = 0};
}

static void remark(const char *what, uint32_t for_s, struct text *out)
{
    if (for_s == 0)
        return;
    text_fmt(out, "; %s for ", what);
    when_length(for_s, out);
}

void servers_table(const struct server_list *l, struct text *out)
{
    static const char head[] = "server                                  round trip  answers     "
                               "no reply  remarks\n";
    if (l->n == 0) {
        text_str(out, "no such server is known: it was not asked lately\n");
        return;
    }
    text_str(out, head);
    for (size_t i = 0; i < l->n; i++) {
        const struct server_row *s = &l->v[i];
        size_t from = out->n;
        netaddr_text(&s->addr, out);
        text_pad(out, from, COL_RTT);
        if (s->srtt_us > 0)
            text_fmt(out, "%u.%u ms", s->srtt_us / 1000, s->srtt_us / 100 % 10);
        else
            text_char(out, '-');
        text_pad(out, from, COL_ANSWERS);
        text_uint(out, s->answers);
        text_pad(out, from, COL_LOST);
        text_uint(out, s->lost);
        text_pad(out, from, COL_SILENT);
        if (s->answers + s->lost == 0)
            text_str(out, "not asked yet");
        else
            text_fmt(out, "%s", s->silent > 0 ? "silent" : "answers");
        if (s->silent > 0)
            text_fmt(out, " to the last %u, waited for %u ms", s->silent, s->timeout_ms);
        remark("asked after others", s->avoided_s, out);
        remark("without EDNS", s->no_edns_s, out);
        remark("without mixed case", s->no_case_s, out);
        remark("without cookies", s->no_cookie_s, out);
        text_str(out, s->cookie ? "; cookie\n" : "\n");
    }
}

void servers_json(const struct server_list *l, struct json *j)
{
    json_array(j);
    for (size_t i = 0; i < l->n; i++) {
        const struct server_row *s = &l->v[i];
        char a[NETADDR_TEXT_MAX];
        struct text t = text_of(a, sizeof a);
        netaddr_text(&s->addr, &t);
        json_object(j);
        json_kv_str(j, "address", a);
        json_kv_uint(j, "srtt_us", s->srtt_us);
        json_kv_uint(j, "timeout_ms", s->timeout_ms);
        json_kv_uint(j, "answers", s->answers);
        json_kv_uint(j, "without_reply", s->lost);
        json_kv_uint(j, "silent_in_a_row", s->silent);
        json_kv_uint(j, "avoided_s", s->avoided_s);
        json_kv_uint(j, "no_edns_s", s->no_edns_s);
        json_kv_uint(j, "no_case_s", s->no_case_s);
        json_kv_uint(j, "no_cookie_s", s->no_cookie_s);
        json_kv_bool(j, "cookie", s->cookie);
        json_kv_uint(j, "idle_s", s->idle_s);
        json_object_end(j);
    }
    json_array_end(j);
}
