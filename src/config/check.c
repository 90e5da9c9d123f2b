#include "config/check.h"

#include "base/when.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void place_add(struct places *p, const struct option *list, size_t index,
               const struct yaml_source *src, uint32_t line, uint32_t column)
{
    struct place *slot = list_grow(p->arena, &p->list, sizeof *slot);
    if (slot != NULL)
        *slot = (struct place){list, index, src, line, column};
}

struct check {
    const struct config *c;
    const char *file;
    const struct places *places;
    struct diag_sink *sink;
};

static void say(struct check *k, enum severity sev, const char *path, size_t index,
                const char *hint, const char *what)
{
    struct diag d = {.file = k->file};
    diag_set(&d, sev, "check", hint, "%s", what);
    const struct place *v = k->places ? k->places->list.v : NULL;
    for (size_t i = 0; k->places != NULL && path != NULL && i < k->places->list.n; i++)
        if (v[i].index == index && strcmp(v[i].list->path, path) == 0)
            yaml_place(v[i].src, v[i].line, v[i].column, &d);
    diag_emit(k->sink, &d);
}

static int zone_order(const void *a, const void *b)
{
    const struct config_zone *const *x = a, *const *y = b;
    int c = name_compare((*x)->name, (*y)->name);
    return c != 0 ? c : *x < *y ? -1 : *x > *y;
}

static void check_zones(struct check *k)
{
    size_t n = k->c->zones.n;
    const struct config_zone **v = n > 1 ? malloc(n * sizeof *v) : NULL;
    if (v == NULL)
        return;
    for (size_t i = 0; i < n; i++)
        v[i] = &k->c->zones.v[i];
    qsort(v, n, sizeof *v, zone_order);
    for (size_t i = 1; i < n; i++) {
        char name[NAME_TEXT_MAX], what[NAME_TEXT_MAX + 64];
        if (!name_equal(v[i - 1]->name, v[i]->name))
            continue;
        struct text t = text_of(what, sizeof what);
        text_fmt(&t, "zone %s stands here twice", name_str(v[i]->name, name));
        say(k, SEV_ERROR, "zones", (size_t)(v[i] - k->c->zones.v), NULL, what);
    }
    free(v);
}

static void check_signing(struct check *k, const char *list, size_t index, const char *word)
{
    const char *words[66] = {"off", "auto"};
    char what[160], hint[128];
    if (word == NULL || strcmp(word, "off") == 0 || strcmp(word, "auto") == 0 ||
        config_policy_find(k->c, word))
        return;
    size_t n = 2;
    for (size_t i = 0; i < k->c->dnssec.policies.n && n < ARRAY_LEN(words); i++)
        if (k->c->dnssec.policies.v[i].name != NULL)
            words[n++] = k->c->dnssec.policies.v[i].name;
    const char *near = nearest_word(word, words, n);
    snprintf(what, sizeof what, "there is no DNSSEC policy named '%s'", word);
    snprintf(hint, sizeof hint, "%s%s",
             near != NULL ? "did you mean " : "off, auto, or a name under dnssec.policies",
             near != NULL ? near : "");
    say(k, SEV_ERROR, list, index, hint, what);
}

static void check_policy(struct check *k, size_t index)
{
    const struct config_policy *p = &k->c->dnssec.policies.v[index];
    if (p->name == NULL)
        return;
    for (size_t i = 0; i < index; i++)
        if (k->c->dnssec.policies.v[i].name != NULL &&
            strcmp(k->c->dnssec.policies.v[i].name, p->name) == 0)
            say(k, SEV_ERROR, "dnssec.policies", index, NULL, "this policy stands here twice");
    if (strcmp(p->name, "off") == 0)
        say(k, SEV_ERROR, "dnssec.policies", index, NULL, "a policy cannot be named off");
    if (p->validity_s < (uint64_t)p->refresh_s + p->jitter_s)
        say(k, SEV_ERROR, "dnssec.policies", index, NULL,
            "validity must be longer than refresh and jitter together");
    if (p->opt_out && p->denial != CONFIG_DENIAL_NSEC3)
        say(k, SEV_ERROR, "dnssec.policies", index, "denial: nsec3", "opt-out needs NSEC3");
    if (p->zonemd && p->denial == CONFIG_DENIAL_COMPACT)
        say(k, SEV_ERROR, "dnssec.policies", index, NULL,
            "there is no digest over a zone whose signatures are made when asked for");
}

static void check_dnssec(struct check *k)
{
    for (size_t i = 0; i < k->c->dnssec.policies.n; i++)
        check_policy(k, i);
    for (size_t i = 0; i < k->c->zones.n; i++)
        check_signing(k, "zones", i, k->c->zones.v[i].dnssec);
    check_signing(k, NULL, 0, k->c->zones_dir_dnssec);
}

static void check_listen(struct check *k)
{
    const struct config_addrs *l = &k->c->server.listen;
    for (size_t i = 0; i < l->n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (!netaddr_equal(&l->v[i], &l->v[j]))
                continue;
            char what[128];
            struct text t = text_of(what, sizeof what);
            text_str(&t, "server.listen has ");
            netaddr_text_port(&l->v[i], &t);
            text_str(&t, " twice");
            say(k, SEV_ERROR, NULL, 0, NULL, what);
        }
    }
}

/* Does anybody at all get in? */
static bool allows_all(const struct config_prefixes *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].bits == 0)
            return true;
    return false;
}

static void check_negative(struct check *k, size_t i)
{
    static const char list[] = "resolver.negative-trust-anchors";
    uint64_t until;
    const struct config_negative *n = &k->c->resolver.negative_trust_anchors.v[i];
    if (n->until == NULL)
        say(k, SEV_WARNING, list, i, "give `until`",
            "a negative trust anchor without an end is forgotten, and the zone never checked "
            "again");
    else if (!when_parse(bytes_str(n->until), &until))
        say(k, SEV_ERROR, list, i, "write it as 2026-12-01T12:00:00Z", "until is no point in time");
}

static void check_resolver(struct check *k)
{
    const struct config *c = k->c;
    bool zones = c->zones.n > 0 || c->zones_dir != NULL;
    if (!c->resolver.ipv4 && !c->resolver.ipv6)
        say(k, SEV_ERROR, NULL, 0, NULL,
            "resolver.ipv4 and resolver.ipv6 are both off: no server could be asked");
    if (c->resolver.ttl_min_s > c->resolver.ttl_max_s)
        say(k, SEV_ERROR, NULL, 0, NULL, "resolver.ttl-min is larger than resolver.ttl-max");
    if (c->resolver.negative_ttl_min_s > c->resolver.negative_ttl_max_s)
        say(k, SEV_ERROR, NULL, 0, NULL,
            "resolver.negative-ttl-min is larger than resolver.negative-ttl-max");
    if (c->resolver.outgoing.n == 2 &&
        c->resolver.outgoing.v[0].family == c->resolver.outgoing.v[1].family)
        say(k, SEV_ERROR, NULL, 0, NULL,
            "resolver.outgoing may have one IPv4 and one IPv6 address, not two of a kind");
    for (size_t i = 0; i < c->resolver.outgoing.n; i++)
        if (c->resolver.outgoing.v[i].port != 0)
            say(k, SEV_ERROR, NULL, 0, NULL,
                "resolver.outgoing takes no port: each query leaves from a random one");
    for (size_t i = 0; i < c->resolver.negative_trust_anchors.n; i++)
        check_negative(k, i);
    if (c->resolver.root_hints != NULL && c->resolver.hints.n > 0)
        say(k, SEV_ERROR, NULL, 0, NULL, "give resolver.root-hints or resolver.hints, not both");
    if (allows_all(&c->resolver.allow) && zones && !c->resolver.open_with_zones)
        say(k, SEV_ERROR, NULL, 0,
            "list your own networks in resolver.allow, run two servers, or set "
            "resolver.open-with-zones",
            "zones and a resolver open to everybody may not share their addresses");
    else if (allows_all(&c->resolver.allow))
        say(k, SEV_WARNING, NULL, 0, "list your own networks in resolver.allow",
            "the resolver is open to everybody: it will be used for attacks on others");
}

enum status config_check_at(const struct config *c, const char *file, const struct places *places,
                            struct diag_sink *sink)
{
    struct check k = {c, file, places, sink};
    uint32_t before = sink->errors;
    check_listen(&k);
    check_zones(&k);
    check_dnssec(&k);
    if (c->resolver.enabled)
        check_resolver(&k);
    else if (c->zones.n == 0 && c->zones_dir == NULL)
        say(&k, SEV_WARNING, NULL, 0, "add `zones`, or `resolver: {enabled: yes}`",
            "there are no zones and no resolver: every query will be refused");
    if (c->tcp.max_per_client > c->tcp.max_connections &&
        c->set[option_find("tcp.max-per-client", 18) - option_table])
        say(&k, SEV_WARNING, NULL, 0, NULL,
            "tcp.max-per-client is larger than tcp.max-connections");
    if (c->server.cookie_secret.set && !c->server.cookies)
        say(&k, SEV_WARNING, NULL, 0, NULL,
            "server.cookie-secret is set, but server.cookies is off");
    if (c->server.group != NULL && c->server.user == NULL)
        say(&k, SEV_ERROR, NULL, 0, NULL, "server.group needs server.user");
    return sink->errors == before ? ST_OK : ST_ESEMANTIC;
}

enum status config_check(const struct config *c, const char *file, struct diag_sink *sink)
{
    return config_check_at(c, file, NULL, sink);
}
