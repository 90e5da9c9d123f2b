/* banyan keys list, status, ds, dnskey: what there is, in words. */
#include "app/cmd_keys.h"

#include "base/when.h"
#include "dns/rr_type.h"
#include "zone/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_MAX = 256 << 20 };

static const struct {
    const char *word, *phrase; /* of a moment ahead; NULL: nothing changes then */
} moments[KEY_MOMENTS] = {
    [KEY_CREATED] = {"created", NULL},
    [KEY_PUBLISH] = {"publish", "published from"},
    [KEY_ACTIVE] = {"active", "signs from"},
    [KEY_SYNC] = {"sync", "its DS is wanted from"},
    [KEY_DS_SEEN] = {"ds-seen", NULL},
    [KEY_UNSYNC] = {"unsync", "its DS is wanted until"},
    [KEY_RETIRE] = {"retire", "signs the zone until"},
    [KEY_REMOVE] = {"remove", "leaves the zone at"},
};

/* "2026-11-24 03:10" */
static void minute_text(uint64_t t, struct text *out)
{
    char buf[32];
    struct text w = text_of(buf, sizeof buf);
    when_text(t, &w);
    buf[10] = ' ';
    buf[16] = '\0';
    text_str(out, buf);
}

/* The moment that comes next; KEY_MOMENTS: none is known. */
static int next_moment(const struct zone_key *k, uint64_t now)
{
    static const enum key_moment order[] = {KEY_REMOVE,  KEY_RETIRE, KEY_ACTIVE,
                                            KEY_PUBLISH, KEY_SYNC,   KEY_UNSYNC};
    int best = KEY_MOMENTS;
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (k->at[order[i]] > now && (best == KEY_MOMENTS || k->at[order[i]] < k->at[best]))
            best = (int)order[i];
    if (best == KEY_RETIRE && k->role == KEY_KSK)
        best = KEY_UNSYNC;
    return best;
}

static void next_words(const struct zone_key *k, uint64_t now, struct text *out)
{
    int m = next_moment(k, now);
    enum key_state st = key_state_at(k, now);
    if (m != KEY_MOMENTS && k->at[m] != 0) {
        text_fmt(out, "%s ", moments[m].phrase);
        minute_text(k->at[m], out);
        text_str(out, " UTC, in ");
        when_length(k->at[m] - now, out);
    } else if (st == KEY_STATE_READY) {
        text_str(out, "waits for its DS to be seen at the parent");
    } else if (st == KEY_STATE_RETIRED && k->at[KEY_REMOVE] == 0) {
        text_str(out, "waits for the DS of its successor");
    } else if (st == KEY_STATE_GENERATED) {
        text_str(out, "kept for the next roll");
    } else if (k->secret.n == 0) {
        text_str(out, "another signer's");
    } else {
        text_str(out, "-");
    }
}

/* --- JSON --- */

static void json_key_object(struct json *j, const struct zone_key *k, uint64_t now)
{
    char buf[200];
    struct text t = text_of(buf, sizeof buf);
    json_object(j);
    json_kv_uint(j, "tag", k->tag);
    json_kv_str(j, "role", key_role_name(k->role));
    json_kv_uint(j, "algorithm", k->algorithm);
    const char *name = sec_algorithm_name(k->algorithm);
    json_kv_str(j, "mnemonic", name != NULL ? name : "");
    json_kv_uint(j, "bits", k->bits);
    json_kv_uint(j, "flags", k->flags);
    json_kv_bool(j, "private", k->secret.n > 0);
    json_kv_str(j, "state", key_state_name(key_state_at(k, now)));
    json_kv_bool(j, "published", key_in_zone(k, now));
    json_kv_bool(j, "signs_keys", key_signs_keys(k, now));
    json_kv_bool(j, "signs_zone", key_signs_zone(k, now));
    json_kv_bool(j, "cds", key_wants_ds(k, now));
    next_words(k, now, &t);
    json_kv_str(j, "next", text_cstr(&t));
    json_key(j, "moments");
    json_object(j);
    for (int m = 0; m < KEY_MOMENTS; m++) {
        if (k->at[m] == 0)
            continue;
        text_clear(&t);
        when_text(k->at[m], &t);
        json_kv_str(j, moments[m].word, text_cstr(&t));
    }
    json_object_end(j);
    json_object_end(j);
}

static void json_set(struct json *j, const struct keyset *s, uint64_t now)
{
    char zone[NAME_TEXT_MAX];
    json_object(j);
    json_kv_str(j, "zone", name_str(s->zone.w, zone));
    json_key(j, "keys");
    json_array(j);
    for (unsigned i = 0; i < s->n; i++)
        json_key_object(j, &s->key[i], now);
    json_array_end(j);
    json_object_end(j);
}

/* --- list --- */

struct listing {
    struct keys_cmd *c;
    struct name *zone;
    size_t n, cap;
    struct text out;
    struct json json;
};

static bool collect(void *ctx, const uint8_t *zone)
{
    struct listing *l = ctx;
    if (l->n == l->cap) {
        size_t cap = l->cap * 2 + 64;
        struct name *p = realloc(l->zone, cap * sizeof *p);
        if (p == NULL)
            return false;
        l->zone = p;
        l->cap = cap;
    }
    name_copy(l->zone[l->n++].w, zone);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return name_compare(((const struct name *)a)->w, ((const struct name *)b)->w);
}

static void list_set(struct listing *l, const struct keyset *s)
{
    char zone[NAME_TEXT_MAX];
    uint64_t now = l->c->now;
    if (l->c->json) {
        json_set(&l->json, s, now);
        return;
    }
    for (unsigned i = 0; i < s->n; i++) {
        const struct zone_key *k = &s->key[i];
        const char *name = sec_algorithm_name(k->algorithm);
        text_fmt(&l->out, "%-24s %-4s  %-15s  %5u  %-9s  ", name_str(s->zone.w, zone),
                 key_role_name(k->role), name != NULL ? name : "?", k->tag,
                 key_state_name(key_state_at(k, now)));
        next_words(k, now, &l->out);
        text_char(&l->out, '\n');
    }
}

static int list_zones(struct listing *l)
{
    struct keys_cmd *c = l->c;
    int rc = KEYS_FINE;
    l->json = json_of(&l->out, true);
    if (c->json)
        json_array(&l->json);
    else
        text_fmt(&l->out, "%-24s %-4s  %-15s  %5s  %-9s  %s\n", "ZONE", "ROLE", "ALGORITHM", "TAG",
                 "STATE", "NEXT");
    for (size_t i = 0; i < l->n; i++) {
        struct diag *d = &c->d;
        if (key_store_get(c->ks, l->zone[i].w, &c->set, d) != ST_OK) {
            rc = keys_complain(c);
            continue;
        }
        list_set(l, &c->set);
        keyset_free(&c->set);
    }
    if (c->json)
        json_array_end(&l->json);
    return rc;
}

int keys_list(struct keys_cmd *c)
{
    struct listing l = {.c = c, .out = text_heap(OUT_MAX)};
    int rc = KEYS_FAILED;
    if (c->zone_text[0] != '\0') {
        if (keys_read(c) && collect(&l, c->zone.w))
            rc = KEYS_FINE;
        keyset_free(&c->set);
    } else if (key_store_list(c->ks, collect, &l, &c->d) == ST_OK) {
        rc = KEYS_FINE;
    } else {
        (void)keys_complain(c);
    }
    if (rc == KEYS_FINE) {
        if (l.n > 0)
            qsort(l.zone, l.n, sizeof *l.zone, by_name);
        rc = list_zones(&l);
        fputs(text_cstr(&l.out), stdout);
        if (c->json)
            putchar('\n');
    }
    free(l.zone);
    text_free(&l.out);
    return rc;
}

/* --- ds, dnskey --- */

static bool ds_record(const struct keys_cmd *c, const struct zone_key *k, struct text *out)
{
    uint8_t rdata[4 + DS_DIGEST_MAX];
    struct writer w = wr_of(rdata, sizeof rdata);
    if (ds_write((uint8_t)c->digest, c->zone.w, k->dnskey, &w) != ST_OK)
        return false;
    zone_print_record(c->zone.w, RR_DS, c->policy.ds_ttl_s, wr_done(&w), out);
    return true;
}

int keys_ds(struct keys_cmd *c)
{
    uint16_t tag = 0;
    struct text t = text_heap(1 << 16);
    unsigned n = 0;
    if (c->n > 0 && !keys_tag(c, c->arg[0], &tag))
        return keys_complain(c);
    if (!keys_read(c))
        return KEYS_FAILED;
    for (unsigned i = 0; i < c->set.n; i++) {
        const struct zone_key *k = &c->set.key[i];
        if (c->n > 0 ? k->tag != tag : !key_wants_ds(k, c->now))
            continue;
        n += ds_record(c, k, &t);
        text_char(&t, '\n');
    }
    fputs(text_cstr(&t), stdout);
    text_free(&t);
    if (n > 0)
        return KEYS_FINE;
    diag_set(&c->d, SEV_ERROR, "no-ds", "`banyan keys status` tells more; a TAG names a key",
             c->n > 0 ? "there is no such key" : "no key is to have a DS at the parent now");
    return keys_complain(c);
}

int keys_dnskey(struct keys_cmd *c)
{
    struct text t = text_heap(1 << 20);
    if (!keys_read(c))
        return KEYS_FAILED;
    for (unsigned i = 0; i < c->set.n; i++) {
        if (!key_in_zone(&c->set.key[i], c->now))
            continue;
        zone_print_record(c->zone.w, RR_DNSKEY, c->policy.dnskey_ttl_s, c->set.key[i].dnskey, &t);
        text_char(&t, '\n');
    }
    fputs(text_cstr(&t), stdout);
    text_free(&t);
    return KEYS_FINE;
}

/* --- status --- */

static void status_key(const struct keys_cmd *c, const struct zone_key *k, struct text *out)
{
    static const char *const past[KEY_MOMENTS] = {"created",         "published", "signs since",
                                                  "DS wanted since", "DS seen",   "DS wanted until",
                                                  "retired",         "removed"};
    static const char *const ahead[KEY_MOMENTS] = {
        "created", "published from",  "signs from", "DS wanted from",
        "DS seen", "DS wanted until", "retires",    "removed"};
    bool keys = key_signs_keys(k, c->now), zone = key_signs_zone(k, c->now);
    const char *name = sec_algorithm_name(k->algorithm);
    char caps[4] = "";
    for (int i = 0; i < 3; i++)
        caps[i] = (char)(key_role_name(k->role)[i] - 32);
    text_fmt(out, "\nkey %u: %s, %s (%u bits), %s%s\n", k->tag, caps, name != NULL ? name : "?",
             k->bits, key_state_name(key_state_at(k, c->now)),
             k->secret.n == 0 ? ", public half only" : "");
    text_fmt(out, "    %-16s %s%s%s%s\n", "signs", keys ? "the DNSKEY, CDS and CDNSKEY sets" : "",
             keys && zone ? ", " : "", zone ? "all other data" : "",
             keys || zone ? "" : "nothing now");
    for (int m = 0; m < KEY_MOMENTS; m++) {
        if (k->at[m] == 0)
            continue;
        bool before = k->at[m] > c->now;
        text_fmt(out, "    %-16s ", before ? ahead[m] : past[m]);
        minute_text(k->at[m], out);
        text_str(out, before ? " UTC, in " : " UTC, ");
        when_length(before ? k->at[m] - c->now : c->now - k->at[m], out);
        text_str(out, before ? "\n" : " ago\n");
    }
}

/* The keys whose DS the parent is to drop when that of k comes. */
static void old_tags(const struct keys_cmd *c, struct text *out)
{
    const char *word = ", and no longer the one of key ";
    for (unsigned i = 0; i < c->set.n; i++) {
        const struct zone_key *k = &c->set.key[i];
        if (k->role == KEY_ZSK || k->at[KEY_UNSYNC] == 0 || k->at[KEY_REMOVE] != 0)
            continue;
        text_fmt(out, "%s%u", word, k->tag);
        word = ", ";
    }
}

static bool advice_key(const struct keys_cmd *c, const struct zone_key *k, struct text *out)
{
    uint64_t sync = k->at[KEY_SYNC];
    if (k->role == KEY_ZSK || sync == 0 || k->at[KEY_DS_SEEN] != 0 || k->at[KEY_UNSYNC] != 0 ||
        k->at[KEY_RETIRE] != 0)
        return false;
    if (sync > c->now) {
        text_fmt(out, "Nothing before ");
        minute_text(sync, out);
        text_fmt(out, " UTC: then the DS of key %u goes to the parent.\n", k->tag);
        return true;
    }
    text_str(out, "Give this DS to the registrar (or let the parent read CDS):\n\n    ");
    if (!ds_record(c, k, out))
        return false;
    text_str(out, "\n\nWhen the parent publishes it");
    old_tags(c, out);
    text_fmt(out, ", say:\n\n    banyan keys ds-seen %s %u\n", c->zone_text, k->tag);
    return true;
}

static void advice(const struct keys_cmd *c, struct text *out)
{
    bool any = false, zone = false, keys = false, plan = false;
    char next[64];
    struct text t = text_of(next, sizeof next);
    text_str(out, "\nWhat to do:\n");
    for (unsigned i = 0; i < c->set.n; i++) {
        const struct zone_key *k = &c->set.key[i];
        any |= advice_key(c, k, out);
        zone |= key_signs_zone(k, c->now);
        keys |= key_signs_keys(k, c->now);
        plan |= k->at[KEY_ACTIVE] > c->now;
    }
    if (!zone || !keys) {
        text_fmt(out, "No key signs %s%s\n", zone ? "the DNSKEY set" : "the zone",
                 plan ? " yet." : ": make one with `banyan keys generate`.");
        any = true;
    }
    uint64_t change = keyset_next_change(&c->set, c->now);
    if (!any)
        text_str(out, "Nothing.");
    if (!any && change != 0) {
        minute_text(change, &t);
        text_fmt(out, " The next change comes by itself at %s UTC.", next);
    }
    if (!any)
        text_char(out, '\n');
}

int keys_status(struct keys_cmd *c)
{
    struct text t = text_heap(1 << 20);
    if (!keys_read(c))
        return KEYS_FAILED;
    if (c->json) {
        struct json j = json_of(&t, true);
        json_set(&j, &c->set, c->now);
        text_char(&t, '\n');
    } else {
        text_fmt(&t, "zone %s\n", c->zone_text);
        for (unsigned i = 0; i < c->set.n; i++)
            status_key(c, &c->set.key[i], &t);
        advice(c, &t);
    }
    fputs(text_cstr(&t), stdout);
    text_free(&t);
    return KEYS_FINE;
}
