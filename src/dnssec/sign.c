#include "base/when.h"
#include "dnssec/sign_impl.h"

#include <stdlib.h>
#include <string.h>

/* --- Lanes --- */

static void run_lane(void *arg, unsigned lane)
{
    struct signer *s = arg;
    for (uint32_t i;
         atomic_load(&s->failed) == ST_OK && (i = atomic_fetch_add(&s->next, 1)) < s->chunks;) {
        enum status st = s->work(s, &s->lane[lane], i);
        int none = ST_OK;
        if (st != ST_OK)
            atomic_compare_exchange_strong(&s->failed, &none, (int)st);
    }
}

enum status sign_run(struct signer *s, const struct sign_jobs *jobs,
                     enum status (*work)(struct signer *s, struct lane *l, uint32_t chunk),
                     uint32_t chunks)
{
    s->work = work;
    s->chunks = chunks;
    atomic_store(&s->next, 0);
    if (jobs == NULL || s->lanes < 2 || chunks < 2)
        run_lane(s, 0);
    else
        jobs->run(jobs->ctx, MIN(s->lanes, chunks), run_lane, s);
    return (enum status)atomic_load(&s->failed);
}

static enum status lane_open(struct signer *s, struct lane *l)
{
    l->types = malloc(SIGN_TYPES * sizeof *l->types);
    if (l->types == NULL)
        return ST_ENOMEM;
    if (sign_nsec3(s) && (l->hasher = nsec3_hasher_new()) == NULL)
        return ST_ENOMEM;
    for (unsigned i = 0; i < s->plan->keys; i++)
        if (s->plan->key[i].key != NULL && (l->key[i] = sec_key_share(s->plan->key[i].key)) == NULL)
            return ST_ENOMEM;
    return ST_OK;
}

static enum status lanes_open(struct signer *s, const struct sign_jobs *jobs)
{
    s->lanes = jobs != NULL ? MIN(MAX(jobs->lanes, 1u), (unsigned)SIGN_LANES) : 1;
    s->lane = calloc(s->lanes, sizeof *s->lane);
    if (s->lane == NULL)
        return ST_ENOMEM;
    for (unsigned i = 0; i < s->lanes; i++)
        TRY(lane_open(s, &s->lane[i]));
    return ST_OK;
}

static void chunks_free(struct chunk *c, uint32_t n)
{
    for (uint32_t i = 0; c != NULL && i < n; i++)
        free(c[i].p);
    free(c);
}

static void signer_free(struct signer *s)
{
    for (unsigned i = 0; s->lane != NULL && i < s->lanes; i++) {
        for (unsigned k = 0; k < SIGN_KEYS; k++)
            sec_key_free(s->lane[i].key[k]);
        sig_buffer_free(&s->lane[i].buffer);
        nsec3_hasher_free(s->lane[i].hasher);
        free(s->lane[i].types);
        free(s->lane[i].order);
    }
    free(s->lane);
    for (unsigned i = 0; i < APEX_SETS; i++)
        free(s->apex[i].bytes);
    chunks_free(s->of_names, s->name_chunks);
    chunks_free(s->of_links, s->link_chunks);
    free(s->kind);
    free(s->chain);
}

/* --- The signed zone --- */

static enum status add_set(struct zone_builder *b, const struct rrset *set)
{
    struct rdata_iter it = rdata_iter(set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        TRY(zone_builder_add(b, set->owner, set->type, set->ttl, rd));
    return ST_OK;
}

/* The names of a chunk with what they had and what was made for them; then the chunk is freed. */
static enum status add_names(struct signer *s, struct zone_builder *b, uint32_t chunk)
{
    struct chunk none = {0}, *c = s->of_names != NULL ? &s->of_names[chunk] : &none;
    struct made_head h;
    struct bytes rd;
    size_t at = 0;
    uint32_t end = MIN((chunk + 1) * SIGN_CHUNK, s->names);
    bool more = chunk_next(c, &at, &h, &rd);
    for (uint32_t r = chunk * SIGN_CHUNK; r < end; r++) {
        uint8_t owner[LIMIT_NAME];
        struct set_cursor cursor = {0};
        struct rrset set;
        const struct zone_node *n = zone_node_at(s->in, r);
        zone_node_name(s->in, n, owner);
        while (sign_next_set(s, n, owner, &cursor, &set))
            TRY(add_set(b, &set));
        for (; more && h.name == r; more = chunk_next(c, &at, &h, &rd))
            TRY(zone_builder_add(b, owner, h.type, h.ttl, rd));
    }
    free(c->p);
    *c = (struct chunk){0};
    return ST_OK;
}

static enum status add_links(struct signer *s, struct zone_builder *b, uint32_t chunk)
{
    struct chunk *c = &s->of_links[chunk];
    struct made_head h;
    struct bytes rd;
    struct name owner;
    uint32_t last = UINT32_MAX;
    for (size_t at = 0; chunk_next(c, &at, &h, &rd);) {
        if (h.name != last)
            TRY(nsec3_owner(s->chain[h.name].hash, zone_origin(s->in), &owner));
        last = h.name;
        TRY(zone_builder_add(b, owner.w, h.type, h.ttl, rd));
    }
    free(c->p);
    *c = (struct chunk){0};
    return ST_OK;
}

static enum status build(struct signer *s, struct zone **ret)
{
    struct zone_builder *b = zone_builder_new(zone_origin(s->in));
    enum status st = b != NULL ? ST_OK : ST_ENOMEM;
    for (uint32_t i = 0; st == ST_OK && i < chunk_count(s->names); i++)
        st = add_names(s, b, i);
    for (uint32_t i = 0; st == ST_OK && i < s->link_chunks; i++)
        st = add_links(s, b, i);
    if (st == ST_OK)
        st = zone_builder_finish(b, ret, s->d);
    zone_builder_free(b);
    return st;
}

static void sum_stats(const struct signer *s, struct sign_stats *ret)
{
    *ret = (struct sign_stats){0};
    for (unsigned i = 0; i < s->lanes; i++) {
        const struct sign_stats *l = &s->lane[i].stats;
        ret->made += l->made;
        ret->kept += l->kept;
        ret->denials += l->denials;
        if (l->expires != 0 && (ret->expires == 0 || l->expires < ret->expires))
            ret->expires = l->expires;
    }
    ret->due = ret->expires - MIN(ret->expires, (uint64_t)s->plan->policy.refresh_s);
}

static enum status sign_all(struct signer *s, const struct sign_jobs *jobs, struct zone **ret)
{
    TRY(lanes_open(s, jobs));
    TRY(apex_make(s));
    if (s->plan->policy.denial == DENIAL_COMPACT)
        return build(s, ret);
    TRY(chain_make(s, jobs));
    s->of_names = calloc(chunk_count(s->names), sizeof *s->of_names);
    if (s->of_names == NULL)
        return ST_ENOMEM;
    s->name_chunks = chunk_count(s->names);
    TRY(sign_run(s, jobs, sign_names, s->name_chunks));
    if (sign_nsec3(s)) {
        s->of_links = calloc(chunk_count(s->links), sizeof *s->of_links);
        if (s->of_links == NULL)
            return ST_ENOMEM;
        s->link_chunks = chunk_count(s->links);
        TRY(sign_run(s, jobs, sign_links, s->link_chunks));
    }
    TRY(build(s, ret));
    if (!s->plan->policy.zonemd)
        return ST_OK;
    enum status st = zonemd_put(s, *ret);
    if (st != ST_OK)
        zone_drop(*ret);
    return st;
}

enum status zone_sign(const struct zone *in, const struct sign_plan *plan,
                      const struct sign_jobs *jobs, struct zone **ret, struct sign_stats *stats,
                      struct diag *d)
{
    struct signer *s = calloc(1, sizeof *s);
    struct zone *z = NULL;
    if (s == NULL)
        return ST_ENOMEM;
    s->in = in;
    s->plan = plan;
    s->d = d;
    s->names = (uint32_t)zone_stats(in).names;
    s->denial_ttl = zone_negative_soa(in)->ttl;
    enum status st = sign_all(s, jobs, &z);
    if (st == ST_OK) {
        *ret = z;
        sum_stats(s, stats);
    }
    signer_free(s);
    free(s);
    return st;
}

/* --- Serial numbers --- */

uint32_t sign_serial_next(const struct sign_policy *p, uint32_t source, uint32_t last, uint64_t now)
{
    uint32_t want = source;
    if (p->serial == SERIAL_KEEP)
        return source;
    if (p->serial == SERIAL_UNIXTIME)
        want = (uint32_t)now;
    if (p->serial == SERIAL_DATE)
        want = when_date(now) * 100; /* RFC 1912 section 2.2: YYYYMMDDnn */
    if (last == 0)
        return want != 0 ? want : 1;
    /* RFC 1982 section 3.2: newer is what lies ahead by less than half the circle. */
    uint32_t next = (int32_t)(want - last) > 0 ? want : last + 1;
    return next != 0 ? next : 1;
}
