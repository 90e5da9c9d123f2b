/* Any records may be offered and anything asked, at any time: the cache stays within its budget,
 * and what it answers the validator's rules take from the records that it gives. The input is a
 * program: a byte says what to do, the following ones with what. */
#include "cache/denial_testlib.h"
#include "dnssec/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 24 << 10, STEPS = 400 };

struct program {
    const uint8_t *p, *end;
    struct now now;
    struct denial_cache *d;
    struct nsec3_hasher *hasher;
    struct arena arena;
};

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

static uint8_t next(struct program *g)
{
    return g->p < g->end ? *g->p++ : 0;
}

/* One of a few zones, one in the other. */
static const uint8_t *zone_of(struct program *g)
{
    static const uint8_t *const zones[] = {(const uint8_t *)"", (const uint8_t *)"\4test",
                                           (const uint8_t *)"\1z\4test",
                                           (const uint8_t *)"\7example"};
    return zones[next(g) % 4];
}

/* A name by two bits a label, mostly in the zone; or any that the input spells out. */
static void name_of(struct program *g, const uint8_t *zone, struct name *ret)
{
    static const char *const label[] = {"a", "z", "*", "b"};
    uint8_t how = next(g);
    size_t n;
    if (how == 0xff && name_scan(bytes_of(g->p, (size_t)(g->end - g->p)), &n) == ST_OK) {
        g->p += name_copy(ret->w, g->p);
        return;
    }
    name_copy(ret->w, how == 0xfe ? zone_of(g) : zone);
    for (unsigned k = how & 3; k > 0; k--, how = (uint8_t)(how >> 2)) {
        struct name longer;
        if (name_prepend(bytes_str(label[how >> 2 & 3]), ret->w, &longer) == ST_OK)
            *ret = longer;
    }
}

static void types_of(struct program *g, uint16_t ret[9])
{
    static const uint16_t t[] = {RR_A,  RR_NS,    RR_CNAME, RR_SOA,   RR_DNAME,
                                 RR_DS, RR_RRSIG, RR_NSEC,  RR_NXNAME};
    unsigned bits = next(g), n = 0;
    for (unsigned i = 0; i < ARRAY_LEN(t) && n < 8; i++)
        if ((i >= 6 && i < 8 && bits != 0xff) || bits >> (i == 8 ? 6 : i) & 1)
            ret[n++] = t[i];
    ret[n] = 0;
}

static void how_of(struct program *g, struct made_how *ret)
{
    uint8_t how = next(g);
    *ret = (struct made_how){.salt = how & 1 ? "s" : NULL, .iterations = how >> 1 & 3};
    if (how >= 0xf0) {
        ret->flags = how & 3;
        ret->signer = how & 4 ? zone_of(g) : NULL;
        ret->labels_plus = how & 8 ? next(g) : 0;
    }
}

static void put(struct program *g, bool nsec3)
{
    static struct made m;
    struct made_how how;
    struct name owner, after;
    uint16_t types[9];
    uint8_t hash[2][NSEC3_HASH];
    const uint8_t *zone = zone_of(g);
    how_of(g, &how);
    name_of(g, zone, &owner);
    name_of(g, zone, &after);
    types_of(g, types);
    if (nsec3) {
        struct bytes salt = bytes_str(how.salt != NULL ? how.salt : "");
        if (name_len(zone) > 200 ||
            nsec3_hash(g->hasher, owner.w, salt, how.iterations, hash[0]) != ST_OK ||
            nsec3_hash(g->hasher, after.w, salt, how.iterations, hash[1]) != ST_OK)
            return;
        made_nsec3(&m, zone, hash[0], hash[1], types, &how);
    } else {
        made_nsec(&m, zone, owner.w, after.w, types, &how);
    }
    uint8_t harm = next(g);
    if (harm >= 0xf0) /* a byte of RDATA, which stays as long as it says */
        m.rdata[2 + next(g) % (m.set.rdata_size - 2)] ^= (uint8_t)(1 + next(g));
    denial_put(g->d, zone, &m.set, &m.sigs, harm, g->now);
}

/* The validator's rules take what was answered. */
static bool holds(struct program *g, const struct denial_found *f, const uint8_t *name,
                  uint16_t type)
{
    struct budget budget = {0};
    struct rrset set[DENIAL_PROOFS];
    struct proofs p = {f->zone.w, set, f->proofs, g->hasher, &budget};
    for (unsigned i = 0; i < f->proofs; i++) {
        set[i] = f->proof[i].set;
        if (f->proof[i].sigs.count == 0 || set[i].ttl < f->ttl_s)
            return false;
    }
    if (f->proofs == 0 || f->ttl_s == 0 || f->ttl_s > 255 || !name_in(name, f->zone.w))
        return false;
    switch (f->kind) {
    case DENIAL_NXDOMAIN:
        return proof_no_name(&p, name) == PROOF_HOLDS;
    case DENIAL_NODATA:
        return proof_no_type(&p, name, type) == PROOF_HOLDS;
    default:
        return proof_expansion(&p, name, name_labels(f->wildcard.w) - 1) == PROOF_HOLDS;
    }
}

static void find(struct program *g)
{
    static const uint16_t types[] = {RR_A, RR_DS, RR_ANY, RR_CNAME, RR_NS, RR_MX, RR_NXNAME};
    struct denial_found f;
    struct name name;
    struct budget budget = {0};
    const uint8_t *zone = zone_of(g);
    name_of(g, zone, &name);
    uint8_t how = next(g);
    uint16_t type = types[(how >> 1) % ARRAY_LEN(types)];
    arena_reset(&g->arena);
    if (denial_find(g->d, how & 1 ? zone : NULL, name.w, type, g->hasher, &budget, g->now,
                    &g->arena, &f) != DENIAL_NONE &&
        !holds(g, &f, name.w, type))
        abort();
    if (budget.spent[BUDGET_HASHES] > LIMIT_DENIAL_HASHES)
        abort();
}

static void step(struct program *g)
{
    static struct made m;
    const uint8_t *zone;
    switch (next(g) % 8) {
    case 0:
        zone = zone_of(g);
        made_soa(&m, zone, 200, &(struct made_how){.salt = NULL});
        denial_put_soa(g->d, zone, &m.set, &m.sigs, next(g), g->now);
        break;
    case 1:
        g->now.mono_us += next(g) * 1000000u;
        g->now.wall_s += next(g);
        break;
    case 2:
        denial_flush_zone(g->d, zone_of(g));
        break;
    case 3:
        put(g, true);
        break;
    case 4:
    case 5:
        put(g, false);
        break;
    default:
        find(g);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prng r = {1};
    struct env env = {&r, seeded};
    static struct nsec3_hasher *hasher;
    if (hasher == NULL && (hasher = nsec3_hasher_new()) == NULL)
        abort();
    struct program g = {.p = data,
                        .end = data + size,
                        .now = {.mono_us = 1000000, .wall_s = 1700000000},
                        .d = denial_new(MAX_BYTES, &env),
                        .hasher = hasher};
    arena_init(&g.arena, 8192, 1 << 16);
    for (unsigned i = 0; i < STEPS && g.p < g.end; i++)
        step(&g);
    struct denial_stats s = denial_stats(g.d);
    if (s.bytes > MAX_BYTES)
        abort();
    denial_flush_all(g.d);
    s = denial_stats(g.d);
    if (s.records != 0 || s.zones != 0)
        abort();
    denial_free(g.d);
    arena_free(&g.arena);
    return 0;
}
