/* `banyan lab list`: the servers of the lab, and its zones with how they are signed. */
#include "app/lab.h"

#include "crypto/key.h"

#include <stdio.h>

/* How a zone stands in DNSSEC when nothing is broken. */
static const char *zone_state(const struct topology *t, const uint8_t *zone)
{
    struct name at;
    if (topology_signing(t, zone).dnssec == TOPO_UNSIGNED)
        return "insecure";
    name_copy(at.w, zone);
    while (!name_is_root(at.w)) {
        struct name up;
        if (!topology_zone_of(t, name_parent(at.w), &up) ||
            topology_signing(t, up.w).dnssec == TOPO_UNSIGNED)
            return "island"; /* signed, but nobody above vouches for it */
        at = up;
    }
    return "secure";
}

static bool first_mention(const struct topology *t, unsigned server, const uint8_t *zone)
{
    for (unsigned i = 0; i < server; i++)
        if (topo_serves(&t->server[i], zone))
            return false;
    return true;
}

static void each_zone(const struct topology *t,
                      void (*fn)(void *ctx, const struct topology *t, const uint8_t *zone),
                      void *ctx)
{
    for (unsigned i = 0; i < t->server_count; i++)
        for (unsigned k = 0; k < t->server[i].zone_count; k++)
            if (first_mention(t, i, t->server[i].zones[k]->w))
                fn(ctx, t, t->server[i].zones[k]->w);
}

static void zone_json(void *ctx, const struct topology *t, const uint8_t *zone)
{
    struct topo_signing s = topology_signing(t, zone);
    struct json *j = ctx;
    char name[NAME_TEXT_MAX];
    json_object(j);
    json_kv_str(j, "name", name_str(zone, name));
    json_kv_str(j, "dnssec", topo_dnssec_word(s.dnssec));
    json_kv_str(j, "state", zone_state(t, zone));
    if (s.dnssec != TOPO_UNSIGNED) {
        json_kv_uint(j, "algorithm", s.algorithm);
        json_kv_str(j, "keys", s.split ? "split" : "single");
    }
    json_object_end(j);
}

static void zone_line(void *ctx, const struct topology *t, const uint8_t *zone)
{
    struct topo_signing s = topology_signing(t, zone);
    char name[NAME_TEXT_MAX];
    (void)ctx;
    printf("%-28s %-9s", name_str(zone, name), zone_state(t, zone));
    if (s.dnssec != TOPO_UNSIGNED)
        printf(" %-13s %s%s", topo_dnssec_word(s.dnssec), sec_algorithm_name(s.algorithm),
               s.split ? ", KSK and ZSK" : "");
    putchar('\n');
}

static void list_json(const struct topology *t)
{
    struct text out = text_heap(1 << 22);
    struct json j = json_of(&out, true);
    char name[NAME_TEXT_MAX];
    json_object(&j);
    json_key(&j, "servers");
    json_array(&j);
    for (unsigned i = 0; i < t->server_count; i++) {
        const struct topo_server *s = &t->server[i];
        json_object(&j);
        json_kv_str(&j, "name", name_str(s->name.w, name));
        json_key(&j, "addresses");
        json_array(&j);
        for (unsigned k = 0; k <= s->addr_count; k++) {
            struct text a = text_heap(200);
            netaddr_text(k < s->addr_count ? &s->addr[k] : &s->loopback, &a);
            json_str(&j, text_cstr(&a));
            text_free(&a);
        }
        json_array_end(&j);
        json_kv_uint(&j, "delay_ms", s->delay_us / 1000);
        json_key(&j, "zones");
        json_array(&j);
        for (unsigned k = 0; k < s->zone_count; k++)
            json_str(&j, name_str(s->zones[k]->w, name));
        json_array_end(&j);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_key(&j, "zones");
    json_array(&j);
    each_zone(t, zone_json, &j);
    json_array_end(&j);
    json_object_end(&j);
    puts(text_cstr(&out));
    text_free(&out);
}

int lab_list(const struct lab_options *opt)
{
    char data[LAB_PATH], name[NAME_TEXT_MAX];
    struct diag d = {0};
    struct diag_sink sink = lab_sink();
    struct topology t;
    if (!lab_data_dir(opt->data, data, &d)) {
        diag_emit(&sink, &d);
        return 1;
    }
    if (lab_topology(data, &t) != ST_OK)
        return 1;
    if (opt->json)
        list_json(&t);
    for (unsigned i = 0; i < t.server_count && !opt->json; i++) {
        const struct topo_server *s = &t.server[i];
        struct text a = text_heap(200);
        netaddr_text(&s->loopback, &a);
        printf("%-28s %-13s %4u ms ", name_str(s->name.w, name), text_cstr(&a), s->delay_us / 1000);
        for (unsigned k = 0; k < s->fault_count; k++)
            printf(" [%s]", fault_word(s->fault[k]));
        for (unsigned k = 0; k < s->zone_count; k++)
            printf(" %s", name_str(s->zones[k]->w, name));
        putchar('\n');
        text_free(&a);
    }
    if (!opt->json) {
        putchar('\n');
        each_zone(&t, zone_line, NULL);
    }
    topology_free(&t);
    return 0;
}
