#include "dnssec/verify_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *code;
    enum severity severity;
    const char *hint;
} codes[] = {
#define VERIFY(NAME, code, sev, hint) {code, SEV_##sev, hint},
#include "dnssec/verify.def"
#undef VERIFY
};

/* --- Findings --- */

void verify_fail(struct verifier *v, enum status st)
{
    int none = ST_OK;
    atomic_compare_exchange_strong(&v->failed, &none, (int)st);
}

static void hold(struct verifier *v, struct verify_lane *l, struct verify_held h, const char *fmt,
                 va_list ap)
{
    char message[400];
    l->sum.errors += h.severity == SEV_ERROR;
    l->sum.warnings += h.severity == SEV_WARNING;
    if (atomic_fetch_add(&v->told, 1) >= LIMIT_FINDINGS) {
        l->sum.untold++;
        return;
    }
    if (l->held_n == l->held_cap) {
        uint32_t cap = l->held_cap ? l->held_cap * 2 : 16;
        struct verify_held *p = realloc(l->held, cap * sizeof *p);
        if (p == NULL) {
            verify_fail(v, ST_ENOMEM);
            return;
        }
        l->held = p;
        l->held_cap = cap;
    }
    vsnprintf(message, sizeof message, fmt, ap);
    h.message = strdup(message);
    if (h.message == NULL)
        verify_fail(v, ST_ENOMEM);
    else
        l->held[l->held_n++] = h;
}

void verify_tell(struct verifier *v, struct verify_lane *l, enum verify_code code, uint32_t rank,
                 uint16_t type, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    hold(v, l,
         (struct verify_held){.rank = rank,
                              .type = type,
                              .code = (uint8_t)code,
                              .severity = (uint8_t)codes[code].severity},
         fmt, ap);
    va_end(ap);
}

void verify_tell_as(struct verifier *v, struct verify_lane *l, enum severity severity,
                    enum verify_code code, uint32_t rank, uint16_t type, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    hold(v, l,
         (struct verify_held){
             .rank = rank, .type = type, .code = (uint8_t)code, .severity = (uint8_t)severity},
         fmt, ap);
    va_end(ap);
}

/* By name, then by kind: the same in every run, whichever thread found what. */
static int held_order(const void *a, const void *b)
{
    const struct verify_held *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->code != y->code)
        return x->code < y->code ? -1 : 1;
    return strcmp(x->message, y->message);
}

static enum status tell_all(struct verifier *v, zone_finding_fn *fn, void *ctx)
{
    size_t n = 0;
    for (unsigned i = 0; i < v->lanes; i++)
        n += v->lane[i].held_n;
    struct verify_held *all = malloc((n + 1) * sizeof *all);
    if (all == NULL)
        return ST_ENOMEM;
    n = 0;
    for (unsigned i = 0; i < v->lanes; i++) {
        if (v->lane[i].held_n > 0)
            memcpy(all + n, v->lane[i].held, v->lane[i].held_n * sizeof *all);
        n += v->lane[i].held_n;
    }
    qsort(all, n, sizeof *all, held_order);
    for (size_t i = 0; fn != NULL && i < n; i++) {
        uint8_t owner[LIMIT_NAME];
        const char *hint = codes[all[i].code].hint;
        struct zone_finding f = {.severity = (enum severity)all[i].severity,
                                 .code = codes[all[i].code].code,
                                 .owner = owner,
                                 .type = all[i].type,
                                 .hint = hint[0] != '\0' ? hint : NULL};
        zone_node_name(v->z, zone_node_at(v->z, all[i].rank), owner);
        snprintf(f.message, sizeof f.message, "%s", all[i].message);
        fn(ctx, &f);
    }
    free(all);
    return ST_OK;
}

/* --- Lanes --- */

static void digest_check(struct verifier *v, struct verify_lane *l)
{
    l->sum.zonemd = zonemd_verify(v->z);
    switch (l->sum.zonemd) {
    case ZONEMD_MISMATCH:
        verify_tell(v, l, VERIFY_ZONEMD_WRONG, 0, RR_ZONEMD, "the zone does not match its digest");
        break;
    case ZONEMD_SERIAL:
        verify_tell(v, l, VERIFY_ZONEMD_OLD, 0, RR_ZONEMD,
                    "the serial of the digest is not that of the SOA, %u", zone_serial(v->z));
        break;
    case ZONEMD_UNSUPPORTED:
        verify_tell(v, l, VERIFY_ZONEMD_UNKNOWN, 0, RR_ZONEMD,
                    "no ZONEMD record is of a known scheme and hash");
        break;
    case ZONEMD_NONE:
    case ZONEMD_MATCH:
        break;
    }
}

static void run_lane(void *arg, unsigned lane)
{
    struct verifier *v = arg;
    struct verify_lane *l = &v->lane[lane];
    const struct zone_verify_options *o = v->opt;
    uint32_t chunks = (v->names + VERIFY_CHUNK - 1) / VERIFY_CHUNK + v->digest;
    for (uint32_t i;
         atomic_load(&v->failed) == ST_OK && (i = atomic_fetch_add(&v->next, 1)) < chunks;) {
        if (v->digest && i == 0) { /* takes longest: first */
            digest_check(v, l);
            continue;
        }
        uint32_t from = (i - v->digest) * VERIFY_CHUNK;
        v->work(v, l, from, MIN(from + VERIFY_CHUNK, v->names));
        if (lane == 0 && o->progress != NULL)
            o->progress(o->progress_ctx, MIN(from + VERIFY_CHUNK, v->names), v->names);
    }
}

static void run(struct verifier *v, void (*work)(struct verifier *v, struct verify_lane *l,
                                                 uint32_t from, uint32_t end))
{
    v->work = work;
    atomic_store(&v->next, 0);
    if (v->opt->jobs == NULL || v->lanes < 2 || v->names <= VERIFY_CHUNK)
        run_lane(v, 0);
    else
        v->opt->jobs->run(v->opt->jobs->ctx, v->lanes, run_lane, v);
}

static enum status lanes_open(struct verifier *v)
{
    const struct sign_jobs *jobs = v->opt->jobs;
    v->lanes = jobs != NULL ? MIN(MAX(jobs->lanes, 1u), (unsigned)VERIFY_LANES) : 1;
    v->lane = calloc(v->lanes, sizeof *v->lane);
    if (v->lane == NULL)
        return ST_ENOMEM;
    for (unsigned i = 0; i < v->lanes; i++) {
        v->lane[i].types = malloc(VERIFY_TYPES * sizeof *v->lane[i].types);
        v->lane[i].hasher = nsec3_hasher_new();
        if (v->lane[i].types == NULL || v->lane[i].hasher == NULL)
            return ST_ENOMEM;
    }
    v->name = calloc(v->names, 1);
    v->used = calloc(v->names, 1);
    return v->name != NULL && v->used != NULL ? ST_OK : ST_ENOMEM;
}

static enum status keys_share(struct verifier *v)
{
    for (unsigned i = 0; i < v->lanes; i++)
        for (unsigned k = 0; k < v->keys; k++)
            if (v->key[k].key != NULL && (v->lane[i].key[k] = sec_key_share(v->key[k].key)) == NULL)
                return ST_ENOMEM;
    return ST_OK;
}

static void verifier_free(struct verifier *v)
{
    for (unsigned i = 0; v->lane != NULL && i < v->lanes; i++) {
        struct verify_lane *l = &v->lane[i];
        for (unsigned k = 0; k < v->keys; k++)
            sec_key_free(l->key[k]);
        for (uint32_t k = 0; k < l->held_n; k++)
            free(l->held[k].message);
        free(l->held);
        sig_buffer_free(&l->buffer);
        nsec3_hasher_free(l->hasher);
        free(l->types);
    }
    for (unsigned k = 0; k < v->keys; k++)
        sec_key_free(v->key[k].key);
    free(v->lane);
    free(v->name);
    free((void *)v->used);
    free(v);
}

/* --- The whole --- */

static void find_names(struct verifier *v, struct verify_lane *l, uint32_t from, uint32_t end)
{
    (void)l;
    for (uint32_t r = from; r < end; r++)
        v->name[r] = verify_name_of(v, zone_node_at(v->z, r));
}

static void check_names(struct verifier *v, struct verify_lane *l, uint32_t from, uint32_t end)
{
    for (uint32_t r = from; r < end; r++) {
        const struct zone_node *n = zone_node_at(v->z, r);
        zone_node_name(v->z, n, l->owner);
        verify_sets(v, l, n);
        verify_denial(v, l, n);
    }
}

static void sum(const struct verifier *v, struct zone_verify_result *ret)
{
    *ret = (struct zone_verify_result){.keys = v->keys};
    bool opt_out = false;
    for (unsigned i = 0; i < v->lanes; i++) {
        const struct zone_verify_result *s = &v->lane[i].sum;
        ret->errors += s->errors;
        ret->warnings += s->warnings;
        ret->untold += s->untold;
        ret->rrsets += s->rrsets;
        ret->signatures += s->signatures;
        ret->unknown += s->unknown;
        ret->denials += s->denials;
        if (s->expires != 0 && (ret->expires == 0 || s->expires < ret->expires))
            ret->expires = s->expires;
        if (s->zonemd != ZONEMD_NONE)
            ret->zonemd = s->zonemd;
    }
    for (uint32_t r = 0; r < v->names; r++)
        opt_out |= (v->name[r] & NAME_OPT_OUT) != 0;
    ret->denial = v->nsec && v->nsec3 ? VERIFY_DENIAL_BOTH
                  : v->nsec           ? VERIFY_DENIAL_NSEC
                  : !v->nsec3         ? VERIFY_DENIAL_NONE
                  : opt_out           ? VERIFY_DENIAL_OPT_OUT
                                      : VERIFY_DENIAL_NSEC3;
}

static enum status verify_all(struct verifier *v)
{
    TRY(lanes_open(v));
    struct verify_lane *l = &v->lane[0];
    v->digest = false;
    if (!verify_keys_read(v, l)) {
        digest_check(v, l);
        return (enum status)atomic_load(&v->failed);
    }
    TRY(keys_share(v));
    verify_chain_begin(v, l);
    run(v, find_names);
    verify_find_empty(v);
    v->digest = true;
    run(v, check_names);
    verify_extra(v, l);
    verify_keys_judge(v, l);
    return (enum status)atomic_load(&v->failed);
}

enum status zone_verify(const struct zone *z, const struct zone_verify_options *opt,
                        zone_finding_fn *fn, void *ctx, struct zone_verify_result *ret)
{
    struct verifier *v = calloc(1, sizeof *v);
    if (v == NULL)
        return ST_ENOMEM;
    v->z = z;
    v->opt = opt;
    v->names = (uint32_t)zone_stats(z).names;
    v->denial_ttl = zone_negative_soa(z)->ttl;
    enum status st = verify_all(v);
    if (st == ST_OK)
        st = tell_all(v, fn, ctx);
    if (st == ST_OK)
        sum(v, ret);
    verifier_free(v);
    return st;
}
