/* The aggressive cache against the truth: random signed zones, the denial records of their negative
 * answers, and every answer from the cache looked up in the zone itself. */
#include "cache/denial.h"
#include "dnssec/dnskey.h"
#include "dnssec/online.h"
#include "dnssec/proof.h"
#include "dnssec/rrsig.h"
#include "dnssec/sign.h"
#include "dnssec/testlib.h"
#include "zone/denial.h"

enum { WALL = 1700000000, TTL = 300, FED_MAX = 512, NAMES = 400 };

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

static struct prng env_rng = {11};
static const struct env env = {&env_rng, seeded};
static const struct now now = {.mono_us = 5000000, .wall_s = WALL};

struct bench {
    struct prng r;
    struct zone *z;
    struct sec_key *key;
    uint8_t dnskey[DNSKEY_RDATA_MAX];
    struct sign_key sk;
    struct sign_plan plan;
    struct online_zone *oz;
    struct online *online;
    struct denial_cache *d;
    struct nsec3_hasher *hasher;
    struct arena arena, fed_arena;
    struct rrset fed[FED_MAX]; /* all that was put in */
    unsigned fed_n;
    unsigned kinds[4], asked;
};

static const char *const words[] = {"a", "b", "*", "c", "ns", "x", "zz", "\\000", "\\001m"};

static uint16_t type_of(const char *word)
{
    uint16_t t = 0;
    if (!rr_type_parse(bytes_str(word), &t))
        abort();
    return t;
}

static void add(struct zone_builder *zb, const uint8_t *owner, const char *type, const char *rdata)
{
    uint8_t rd[512];
    struct writer w = wr_of(rd, sizeof rd);
    struct diag d = {0};
    if (rdata_parse_line(type_of(type), bytes_str(rdata), name_root, &w, &d) != ST_OK ||
        zone_builder_add(zb, owner, type_of(type), TTL, wr_done(&w)) != ST_OK)
        abort();
}

/* Some labels before a zone's name. */
static void random_name(struct prng *r, const uint8_t *zone, unsigned labels, struct name *ret)
{
    struct name longer, label;
    name_copy(ret->w, zone);
    while (labels-- > 0)
        if (name_from(words[prng_below(r, ARRAY_LEN(words))], &label) == ST_OK &&
            name_prepend(bytes_of(label.w + 1, label.w[0]), ret->w, &longer) == ST_OK)
            name_copy(ret->w, longer.w);
}

/* Data, wildcards, deep names and so empty non-terminals, delegations with and without DS, DNAME,
 * CNAME. A name gets one kind; what the builder does not take is left out. */
static struct zone *random_zone(struct prng *r, const uint8_t *origin)
{
    static const char ds[] = "1 13 2 00112233445566778899aabbccddeeff"
                             "00112233445566778899aabbccddeeff";
    struct zone *z = NULL;
    struct diag d = {0};
    struct name seen[32], n;
    struct zone_builder *zb = zone_builder_new(origin);
    unsigned count = 3 + (unsigned)prng_below(r, 14), names = 0;
    add(zb, origin, "SOA", "ns.other. host.other. 1 7200 3600 1209600 300");
    add(zb, origin, "NS", "ns.other.");
    for (unsigned i = 0; i < count; i++) {
        bool again = false;
        random_name(r, origin, 1 + (unsigned)prng_below(r, 3), &n);
        for (unsigned k = 0; k < names; k++)
            again |= name_equal(seen[k].w, n.w);
        if (again)
            continue;
        seen[names++] = n;
        /* NS and DNAME at a wildcard mean nothing that could be relied on (RFC 4592 s. 4). */
        switch (name_is_wildcard(n.w) ? 3 + prng_below(r, 3) : prng_below(r, 8)) {
        case 0:
            add(zb, n.w, "NS", "ns.other.");
            if (prng_below(r, 2) == 0)
                add(zb, n.w, "DS", ds);
            break;
        case 1:
            add(zb, n.w, "DNAME", "elsewhere.");
            break;
        case 3:
            add(zb, n.w, "CNAME", "elsewhere.");
            break;
        case 4:
            add(zb, n.w, "TXT", "x");
            break;
        default:
            add(zb, n.w, "A", "192.0.2.1");
        }
    }
    if (zone_builder_finish(zb, &z, &d) != ST_OK) {
        fprintf(stderr, "# %s\n", d.message);
        abort();
    }
    zone_builder_free(zb);
    return z;
}

static void begin(struct bench *b, uint64_t seed, uint32_t denial)
{
    static const uint8_t salt[] = {1, 2, 3};
    const uint8_t secret[32] = {9};
    struct writer w = wr_of(b->dnskey, sizeof b->dnskey);
    struct name origin;
    struct sign_stats stats;
    struct diag d = {0};
    memset(b, 0, sizeof *b);
    b->r.s = seed;
    arena_init(&b->arena, 1 << 14, 0);
    arena_init(&b->fed_arena, 1 << 16, 0);
    b->hasher = nsec3_hasher_new();
    b->d = denial_new(1 << 20, &env);
    b->sk = (struct sign_key){
        .algorithm = SEC_ED25519, .publish = true, .sign_keys = true, .sign_zone = true};
    b->plan = (struct sign_plan){
        .key = &b->sk, .keys = 1, .policy = sign_policy_default(), .now = WALL, .serial = 5};
    b->plan.policy.denial = denial;
    if (denial == DENIAL_NSEC3 && seed % 3 == 0) {
        b->plan.salt = bytes_of(salt, sizeof salt);
        b->plan.iterations = (uint16_t)(seed % 4);
    }
    if (name_from(seed % 5 == 0 ? "." : "Example.", &origin) != ST_OK ||
        sec_key_from_secret(SEC_ED25519, bytes_of(secret, 32), &b->key) != ST_OK ||
        dnskey_write(b->key, 257, &w) != ST_OK)
        abort();
    b->sk.key = b->key;
    b->sk.dnskey = wr_done(&w);
    b->sk.tag = dnskey_tag(b->sk.dnskey);
    struct zone *in = random_zone(&b->r, origin.w);
    if (zone_sign(in, &b->plan, NULL, &b->z, &stats, &d) != ST_OK)
        abort();
    zone_drop(in);
    if (denial == DENIAL_COMPACT &&
        (online_zone_new(zone_origin(b->z), &b->plan, &b->oz) != ST_OK ||
         (b->online = online_new()) == NULL))
        abort();
}

static void end(struct bench *b)
{
    denial_free(b->d);
    zone_drop(b->z);
    sec_key_free(b->key);
    nsec3_hasher_free(b->hasher);
    if (b->oz != NULL)
        online_zone_free(b->oz);
    if (b->online != NULL)
        online_free(b->online);
    arena_free(&b->arena);
    arena_free(&b->fed_arena);
}

/* --- Answers of a server --- */

static void feed_set(struct bench *b, const struct rrset *set, const struct rrset *sigs)
{
    denial_put(b->d, zone_origin(b->z), set, sigs, TTL, now);
    for (unsigned i = 0; i < b->fed_n; i++)
        if (b->fed[i].type == set->type && name_equal(b->fed[i].owner, set->owner))
            return;
    if (b->fed_n == FED_MAX)
        abort();
    struct rrset *f = &b->fed[b->fed_n++];
    *f = *set;
    f->owner = arena_dup(&b->fed_arena, set->owner, name_len(set->owner));
    f->rdata = arena_dup(&b->fed_arena, set->rdata, set->rdata_size);
}

static void feed(struct bench *b, const struct zone_node *n, uint16_t type)
{
    uint8_t owner[LIMIT_NAME];
    struct rrset set, sigs;
    if (n == NULL)
        return;
    zone_node_name(b->z, n, owner);
    if (zone_rrset(b->z, n, type, owner, &set) && zone_rrsig(b->z, n, type, owner, &sigs))
        feed_set(b, &set, &sigs);
}

static void feed_soa(struct bench *b)
{
    struct rrset set, sigs;
    const uint8_t *o = zone_origin(b->z);
    if (b->online != NULL)
        online_begin(b->online);
    if (!zone_rrset(b->z, zone_apex(b->z), RR_SOA, o, &set) ||
        !(b->online != NULL ? online_sign(b->online, b->oz, &set, WALL, &sigs)
                            : zone_rrsig(b->z, zone_apex(b->z), RR_SOA, o, &sigs)))
        abort();
    denial_put_soa(b->d, o, &set, &sigs, TTL, now);
}

/* The NSEC3 at or before the hash of a name. */
static void feed_hash(struct bench *b, const uint8_t *name)
{
    uint8_t hash[NSEC3_HASH];
    bool equal;
    if (nsec3_hash(b->hasher, name, b->plan.salt, b->plan.iterations, hash) == ST_OK)
        feed(b, zone_nsec3_find(b->z, hash, &equal), RR_NSEC3);
}

/* RFC 4035 section 3.1.3, RFC 5155 section 7.2: the records of the answer to a question. */
static void feed_answer(struct bench *b, const uint8_t *name, uint16_t type)
{
    struct zone_found f;
    struct rrset set;
    struct name wild;
    bool nsec3 = b->plan.policy.denial == DENIAL_NSEC3;
    zone_find(b->z, name, &f);
    if (f.match == ZONE_DNAME || f.match == ZONE_OUTSIDE)
        return;
    unsigned all = name_labels(name);
    bool data = f.node != NULL && (zone_rrset(b->z, f.node, type, name, &set) ||
                                   zone_rrset(b->z, f.node, RR_CNAME, name, &set));
    if (f.match == ZONE_EXACT || f.match == ZONE_DELEGATION) {
        if (data && f.match == ZONE_EXACT)
            return;
        if (nsec3)
            feed_hash(b, name_skip(name, all - f.node_labels));
        else
            feed(b, zone_nsec_of(b->z, f.node), RR_NSEC);
        return;
    }
    const uint8_t *closer = name_skip(name, all - f.encloser_labels - 1u);
    if (nsec3) {
        feed_hash(b, closer);
        feed_hash(b, name_parent(closer));
        if (!data && name_prepend(bytes_str("*"), name_parent(closer), &wild) == ST_OK)
            feed_hash(b, wild.w);
        return;
    }
    feed(b, zone_nsec_before(b->z, f.encloser, closer), RR_NSEC);
    if (f.match == ZONE_WILDCARD && !data)
        feed(b, zone_nsec_of(b->z, f.node), RR_NSEC);
    else if (f.match == ZONE_NXDOMAIN)
        feed(b, zone_nsec_before(b->z, f.encloser, (const uint8_t *)"\1*"), RR_NSEC);
}

/* RFC 9824: the record is made for the name. */
static void feed_compact(struct bench *b, const uint8_t *name)
{
    uint16_t types[64] = {RR_NSEC, RR_RRSIG};
    size_t n = 2;
    uint32_t cursor = 0;
    struct zone_found f;
    struct rrset set, sigs;
    zone_find(b->z, name, &f);
    if (f.match == ZONE_DNAME || (f.match == ZONE_DELEGATION && !f.at_cut))
        return;
    if (f.node == NULL)
        types[n++] = RR_NXNAME;
    else
        while (zone_rrset_next(b->z, f.node, name, &cursor, &set) && n < ARRAY_LEN(types))
            if (set.type != RR_RRSIG && set.type != RR_NSEC)
                types[n++] = set.type;
    online_begin(b->online);
    if (online_nsec(b->online, b->oz, name, types, n, TTL, &set) &&
        online_sign(b->online, b->oz, &set, WALL, &sigs))
        feed_set(b, &set, &sigs);
}

/* --- The truth --- */

static bool signatures_hold(const struct bench *b, const struct denial_record *r)
{
    struct sig_buffer buf = {0};
    struct rdata_iter it = rdata_iter(&r->sigs);
    bool good = r->sigs.count == 1;
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct rrsig s;
        good = good && rrsig_read(rd, &s) && rrsig_verify(b->key, &r->set, &s, &buf) == ST_OK;
    }
    sig_buffer_free(&buf);
    return good;
}

/* What is wrong with an answer from the cache by the zone itself, or NULL. */
static const char *lie(const struct bench *b, const uint8_t *name, uint16_t type,
                       const struct denial_found *f)
{
    struct zone_found z;
    struct rrset set;
    zone_find(b->z, name, &z);
    bool parents = z.match == ZONE_DELEGATION && z.at_cut && type == RR_DS;
    if ((z.match == ZONE_DELEGATION && !parents) || z.match == ZONE_DNAME ||
        z.match == ZONE_OUTSIDE)
        return "it is not the zone's to say";
    if (type == RR_DS && name_equal(name, zone_origin(b->z)) && !name_is_root(name))
        return "DS of the apex";
    bool data = z.node != NULL && (zone_rrset(b->z, z.node, type, name, &set) ||
                                   (zone_rrset(b->z, z.node, RR_CNAME, name, &set) && !parents));
    switch (f->kind) {
    case DENIAL_NXDOMAIN:
        return z.match == ZONE_NXDOMAIN ? NULL : "the name exists";
    case DENIAL_NODATA:
        return z.node == NULL ? "the name does not exist" : data ? "the type exists" : NULL;
    default:
        if (z.match != ZONE_WILDCARD && z.match != ZONE_NXDOMAIN)
            return "the name exists itself";
        if (name_labels(f->wildcard.w) != z.encloser_labels + 1u ||
            !name_is_wildcard(f->wildcard.w) || !name_in(name, name_parent(f->wildcard.w)))
            return "another wildcard";
        return NULL;
    }
}

/* What the validator makes of the records. */
static enum denial_kind verdict(const struct bench *b, const struct rrset *set, unsigned n,
                                const uint8_t *name, uint16_t type, unsigned encloser)
{
    struct budget budget = {0};
    struct proofs p = {zone_origin(b->z), set, n, b->hasher, &budget};
    if (type == RR_DS && name_equal(name, p.zone) && !name_is_root(name))
        return DENIAL_NONE;
    if (proof_no_name(&p, name) == PROOF_HOLDS)
        return DENIAL_NXDOMAIN;
    if (proof_no_type(&p, name, type) == PROOF_HOLDS)
        return DENIAL_NODATA;
    return encloser < name_labels(name) && proof_expansion(&p, name, encloser) == PROOF_HOLDS
               ? DENIAL_WILDCARD
               : DENIAL_NONE;
}

static const char *check(struct bench *b, const uint8_t *name, uint16_t type)
{
    struct denial_found f;
    struct zone_found z;
    struct rrset set[DENIAL_PROOFS];
    struct budget budget = {0};
    arena_reset(&b->arena);
    zone_find(b->z, name, &z);
    enum denial_kind kind = denial_find(b->d, b->asked++ % 2 ? zone_origin(b->z) : NULL, name, type,
                                        b->hasher, &budget, now, &b->arena, &f);
    enum denial_kind want = verdict(b, b->fed, b->fed_n, name, type, z.encloser_labels);
    if (budget.spent[BUDGET_HASHES] > LIMIT_DENIAL_HASHES)
        return "too many hashes";
    b->kinds[kind]++;
    /* A wildcard's answer needs the closest encloser, which with NSEC3 may not be known. */
    if (kind != want &&
        !(kind == DENIAL_NONE && want == DENIAL_WILDCARD && b->plan.policy.denial == DENIAL_NSEC3))
        return kind == DENIAL_NONE ? "not found" : "the validator says otherwise";
    if (kind == DENIAL_NONE)
        return NULL;
    if (f.proofs == 0 || f.proofs > 3 || f.ttl_s != TTL || !name_equal(f.zone.w, zone_origin(b->z)))
        return "what was given";
    bool verify = b->asked % 32 == 0; /* most of the time goes there */
    if (verify && !signatures_hold(b, &f.soa))
        return "the SOA's signature";
    for (unsigned i = 0; i < f.proofs; i++) {
        set[i] = f.proof[i].set;
        if (verify && !signatures_hold(b, &f.proof[i]))
            return "a signature";
    }
    if (verdict(b, set, f.proofs, name, type, z.encloser_labels) != kind)
        return "the proofs that were given are not enough";
    return lie(b, name, type, &f);
}

static const uint16_t types[] = {RR_A, RR_TXT, RR_DS, RR_MX, RR_CNAME, RR_NS, RR_DNAME};

static void random_question(struct bench *b, struct name *n, uint16_t *type)
{
    random_name(&b->r, zone_origin(b->z), (unsigned)prng_below(&b->r, 5), n);
    *type = types[prng_below(&b->r, ARRAY_LEN(types))];
}

static void ask_many(struct bench *b, uint64_t seed, unsigned questions)
{
    char shown[NAME_TEXT_MAX];
    for (unsigned i = 0; i < questions; i++) {
        struct name n;
        uint16_t type;
        random_question(b, &n, &type);
        const char *wrong = check(b, n.w, type);
        if (wrong != NULL)
            test_fail(__FILE__, __LINE__, "seed %llu denial %u: %s %u: %s",
                      (unsigned long long)seed, b->plan.policy.denial, name_str(n.w, shown), type,
                      wrong);
    }
}

static void try_zone(uint64_t seed, uint32_t denial, unsigned kinds[4])
{
    static struct bench b;
    begin(&b, seed, denial);
    uint16_t type;
    struct name n;
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 4; i++) {
            random_question(&b, &n, &type);
            if (denial == DENIAL_COMPACT)
                feed_compact(&b, n.w);
            else
                feed_answer(&b, n.w, type);
        }
        feed_soa(&b);
        ask_many(&b, seed, NAMES);
    }
    /* Any of the zone's records, in any order. */
    for (const struct zone_node *node = NULL;
         denial != DENIAL_COMPACT && (node = zone_next(b.z, node)) != NULL;)
        if (prng_below(&b.r, 2) == 0)
            feed(&b, node, denial == DENIAL_NSEC3 ? RR_NSEC3 : RR_NSEC);
    ask_many(&b, seed, NAMES);
    for (unsigned k = 0; k < 4; k++)
        kinds[k] += b.kinds[k];
    CHECK_EQ(denial_stats(b.d).records, b.fed_n + 1);
    end(&b);
}

static void try_zones(uint32_t denial, uint64_t zones)
{
    unsigned kinds[4] = {0};
    for (uint64_t seed = 1; seed <= zones; seed++)
        try_zone(seed, denial, kinds);
    printf("# none %u, NXDOMAIN %u, NODATA %u, wildcard %u\n", kinds[DENIAL_NONE],
           kinds[DENIAL_NXDOMAIN], kinds[DENIAL_NODATA], kinds[DENIAL_WILDCARD]);
    CHECK(kinds[DENIAL_NONE] > 0 && kinds[DENIAL_NXDOMAIN] > 100 && kinds[DENIAL_NODATA] > 100);
    CHECK(kinds[DENIAL_WILDCARD] > 0 || denial == DENIAL_COMPACT);
}

/* RFC 8198 section 5.1, 5.3 */
TEST(denial_nsec_zones)
{
    try_zones(DENIAL_NSEC, 60);
}

/* RFC 8198 section 5.2, 5.3 */
TEST(denial_nsec3_zones)
{
    try_zones(DENIAL_NSEC3, 60);
}

/* RFC 9824 */
TEST(denial_compact_zones)
{
    try_zones(DENIAL_COMPACT, 30);
}
