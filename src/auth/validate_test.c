/* The two halves of DNSSEC against each other: whatever our signer signed and our server answered,
 * our validator's rules accept, for every kind of question; and they accept nothing else. */
#include "auth/state.h"
#include "auth/testlib.h"
#include "base/test.h"
#include "dnssec/dnskey.h"
#include "dnssec/proof.h"
#include "dnssec/trust.h"

enum { WALL = 1559731985, PROOFS_MAX = 16 };

struct bench {
    struct lab *lab;
    struct sec_key *key;
    uint8_t dnskey[DNSKEY_RDATA_MAX], ds[2 + 4 + DS_DIGEST_MAX];
    struct rrset ds_set;
    struct zone_keys *keys;
    struct nsec3_hasher *hasher;
    struct budget budget;
    struct arena arena;
    struct msg m;
    struct rrset proof[PROOFS_MAX];
    struct proofs proofs;
    unsigned asked, denied;
};

static const struct trust_rules rules = {.now = WALL};

static const char *const words[] = {"a", "b", "*", "c", "ns", "x", "zz", "-"};

/* A zone of random names: data, wildcards, deep names, delegations with and without DS. */
static void random_zone(struct prng *r, struct text *out)
{
    text_str(out, "@ 3600 SOA ns host 1 7200 3600 1209600 300\n@ 3600 NS ns.other.\n");
    unsigned n = 3 + (unsigned)prng_below(r, 14);
    for (unsigned i = 0; i < n; i++) {
        char name[64];
        struct text t = text_of(name, sizeof name);
        unsigned labels = 1 + (unsigned)prng_below(r, 3);
        for (unsigned k = 0; k < labels; k++)
            text_fmt(&t, "%s%s", k > 0 ? "." : "", words[prng_below(r, ARRAY_LEN(words))]);
        /* NS at a wildcard means nothing that could be relied on (RFC 4592 section 4.2). */
        switch (name[0] == '*' ? 1 : prng_below(r, 5)) {
        case 0:
            text_fmt(out, "%s 300 NS ns.other.\n", name);
            if (prng_below(r, 2) == 0)
                text_fmt(out,
                         "%s 300 DS 1 13 2 00112233445566778899aabbccddeeff"
                         "00112233445566778899aabbccddeeff\n",
                         name);
            break;
        case 1:
            text_fmt(out, "%s 300 TXT x\n", name);
            break;
        default:
            text_fmt(out, "%s 300 A 192.0.2.1\n", name);
        }
    }
}

static void give_ds(struct bench *b, const uint8_t *zone, struct bytes dnskey)
{
    struct writer w = wr_of(b->ds, sizeof b->ds);
    wr_u16(&w, 36);
    if (ds_write(DS_SHA256, zone, dnskey, &w) != ST_OK)
        abort();
    b->ds_set = (struct rrset){zone, RR_DS, CLASS_IN, 300, 1, (uint32_t)wr_len(&w), b->ds};
}

/* Signs the zone of the text and starts a server over it. */
static bool begin(struct bench *b, const char *text, uint32_t denial, bool opt_out)
{
    const uint8_t secret[32] = {5};
    struct writer w = wr_of(b->dnskey, sizeof b->dnskey);
    struct sign_key k = {
        .algorithm = SEC_ED25519, .publish = true, .sign_keys = true, .sign_zone = true};
    struct sign_plan plan = {
        .key = &k, .keys = 1, .policy = sign_policy_default(), .now = WALL, .serial = 5};
    struct zone *z = NULL;
    struct online_zone *oz;
    struct sign_stats stats;
    struct diag d = {0};
    *b = (struct bench){.lab = lab_new(), .hasher = nsec3_hasher_new()};
    arena_init(&b->arena, 1 << 20, 0);
    if (!lab_text(b->lab, "example.", text) ||
        sec_key_from_secret(SEC_ED25519, bytes_of(secret, 32), &b->key) != ST_OK ||
        dnskey_write(b->key, 257, &w) != ST_OK)
        return false;
    k.key = b->key;
    k.dnskey = wr_done(&w);
    k.tag = dnskey_tag(k.dnskey);
    plan.policy.denial = denial;
    plan.policy.opt_out = opt_out;
    struct zone *in = b->lab->zone[0];
    if (zone_sign(in, &plan, NULL, &z, &stats, &d) != ST_OK)
        return false;
    if (denial == DENIAL_COMPACT) {
        if (online_zone_new(zone_origin(z), &plan, &oz) != ST_OK)
            return false;
        zone_attach(z, oz, online_zone_free);
    }
    zone_drop(in);
    b->lab->zone[0] = z;
    give_ds(b, zone_origin(z), k.dnskey);
    return lab_start(b->lab);
}

static void end(struct bench *b)
{
    zone_keys_free(b->keys);
    nsec3_hasher_free(b->hasher);
    sec_key_free(b->key);
    arena_free(&b->arena);
    lab_free(b->lab);
}

static bool ask(struct bench *b, const uint8_t *name, uint16_t type)
{
    static const uint8_t head[] = {0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    uint8_t wire[512];
    struct writer w = wr_of(wire, sizeof wire);
    struct bytes reply;
    wr_bytes(&w, head, sizeof head);
    wr_bytes(&w, name, name_len(name));
    wr_u16(&w, type);
    wr_u16(&w, CLASS_IN);
    wr_u8(&w, 0);
    wr_u16(&w, RR_OPT);
    wr_u16(&w, 4096);
    wr_u32(&w, 0x8000);
    wr_u16(&w, 0);
    arena_reset(&b->arena);
    b->budget = (struct budget){0};
    b->proofs = (struct proofs){.zone = zone_origin(b->lab->zone[0]),
                                .set = b->proof,
                                .hasher = b->hasher,
                                .budget = &b->budget};
    b->asked++;
    return lab_feed(b->lab, wr_done(&w), TRANSPORT_TCP, LIMIT_MESSAGE, &reply) == OUTCOME_ANSWER &&
           msg_parse(reply, &b->arena, &b->m) == ST_OK;
}

/* The set of a record of the message and the signatures beside it. */
static bool set_of(struct bench *b, const struct rr_view *rr, struct rrset *set, struct rrset *sigs)
{
    struct name owner;
    *sigs = (struct rrset){.type = RR_RRSIG};
    if (msg_owner(&b->m, rr, &owner) != ST_OK ||
        msg_rrset(&b->m, &b->arena, rr->section, owner.w, rr->type, set) != ST_OK)
        return false;
    if (msg_rrset(&b->m, &b->arena, rr->section, owner.w, RR_RRSIG, sigs) != ST_OK)
        *sigs = (struct rrset){.type = RR_RRSIG};
    return true;
}

static bool trust_keys(struct bench *b)
{
    struct trust_result res;
    struct rrset set, sigs;
    if (!ask(b, zone_origin(b->lab->zone[0]), RR_DNSKEY) || b->m.rr_count == 0 ||
        !set_of(b, &b->m.rr[0], &set, &sigs) || set.type != RR_DNSKEY)
        return false;
    return zone_keys_trust(&set, &sigs, &b->ds_set, &rules, &b->budget, &res, &b->keys) == ST_OK &&
           res.trust == TRUST_SECURE;
}

/* Checks every signature of the answer; denial records go into b->proof. *ret_wild: labels of the
 * wildcard that the answer came from, or -1. */
static bool check_signatures(struct bench *b, int *ret_wild)
{
    *ret_wild = -1;
    for (unsigned i = 0; i < b->m.rr_count; i++) {
        const struct rr_view *rr = &b->m.rr[i];
        struct rrset set, sigs;
        struct trust_result res;
        bool again =
            i > 0 && b->m.rr[i - 1].type == rr->type && b->m.rr[i - 1].owner_off == rr->owner_off;
        if (rr->section == SECTION_ADDITIONAL || rr->type == RR_RRSIG || again)
            continue;
        if (!set_of(b, rr, &set, &sigs))
            return false;
        if (rr->type == RR_NS && rr->section == SECTION_AUTHORITY)
            continue; /* the parent does not sign it */
        if (rrset_trust(b->keys, &set, &sigs, &rules, &b->budget, &res) != ST_OK ||
            res.trust != TRUST_SECURE)
            return false;
        if (res.wildcard && rr->section == SECTION_ANSWER)
            *ret_wild = res.labels;
        if ((rr->type == RR_NSEC || rr->type == RR_NSEC3) && !res.wildcard &&
            rr->section == SECTION_AUTHORITY && b->proofs.n < PROOFS_MAX)
            b->proof[b->proofs.n++] = set;
    }
    return true;
}

static bool section_has(const struct bench *b, unsigned section, uint16_t type)
{
    for (unsigned i = 0; i < b->m.rr_count; i++)
        if (b->m.rr[i].section == section && b->m.rr[i].type == type)
            return true;
    return false;
}

static bool fine(enum proof p, bool opt_out)
{
    return p == PROOF_HOLDS || (opt_out && p == PROOF_OPT_OUT);
}

/* With one record taken away, how many of the proofs still hold that did not need it. */
static unsigned without_one(struct bench *b, const uint8_t *name, uint16_t type, bool no_name)
{
    unsigned n = b->proofs.n, hold = 0;
    for (unsigned out = 0; out < n; out++) {
        struct rrset kept = b->proof[out];
        b->proof[out] = b->proof[n - 1];
        b->proofs.n = n - 1;
        enum proof p =
            no_name ? proof_no_name(&b->proofs, name) : proof_no_type(&b->proofs, name, type);
        hold += p == PROOF_HOLDS;
        b->proof[out] = kept;
        b->proofs.n = n;
    }
    return hold;
}

/* What is wrong with the answer to a question, or NULL. */
static const char *judge(struct bench *b, const uint8_t *name, uint16_t type, bool opt_out,
                         bool compact)
{
    struct zone_found f;
    struct rrset set;
    int wild;
    const struct zone *z = b->lab->zone[0];
    zone_find(z, name, &f);
    if (!ask(b, name, type) || !check_signatures(b, &wild))
        return "a signature";
    const struct proofs *p = &b->proofs;
    if (f.match == ZONE_DELEGATION && !(f.at_cut && type == RR_DS)) {
        const uint8_t *cut = auth_suffix(name, f.node_labels);
        bool ds = section_has(b, SECTION_AUTHORITY, RR_DS);
        if (ds != zone_rrset(z, f.node, RR_DS, cut, &set))
            return "DS of a referral";
        return ds == fine(proof_unsigned(p, cut), opt_out) ? "proof of a referral" : NULL;
    }
    if (f.match == ZONE_NXDOMAIN) {
        b->denied++;
        if (!fine(proof_no_name(p, name), opt_out))
            return "no proof that the name does not exist";
        if (fine(proof_no_type(p, name, type), opt_out && type == RR_DS) && !opt_out)
            return "a proof that it exists";
        return without_one(b, name, type, true) > 0 && !compact ? "a proof with one record left out"
                                                                : NULL;
    }
    if (zone_rrset(z, f.node, type, name, &set)) {
        if ((f.match == ZONE_WILDCARD) != (wild >= 0) && !compact)
            return "wildcard";
        if (wild >= 0 && !fine(proof_expansion(p, name, (unsigned)wild), opt_out))
            return "no proof for a wildcard";
        return section_has(b, SECTION_ANSWER, type) ? NULL : "no answer";
    }
    b->denied++;
    if (!fine(proof_no_type(p, name, type), opt_out))
        return "no proof that the type does not exist";
    if (proof_no_name(p, name) == PROOF_HOLDS)
        return "a proof that the name does not exist";
    return without_one(b, name, type, false) > 0 ? "a NODATA proof with one record left out" : NULL;
}

static void try_zone(uint64_t seed, uint32_t denial, bool opt_out)
{
    static const uint16_t types[] = {RR_A, RR_TXT, RR_DS, RR_MX};
    char text[4096];
    struct bench b;
    struct prng r = {seed};
    struct text t = text_of(text, sizeof text);
    random_zone(&r, &t);
    if (!begin(&b, text, denial, opt_out) || !trust_keys(&b)) {
        test_fail(__FILE__, __LINE__, "seed %llu: no keys", (unsigned long long)seed);
        end(&b);
        return;
    }
    for (unsigned i = 0; i < 60; i++) {
        struct name n, m;
        char shown[NAME_TEXT_MAX];
        name_copy(n.w, zone_origin(b.lab->zone[0]));
        for (uint64_t k = prng_below(&r, 4); k > 0; k--)
            if (name_prepend(bytes_str(words[prng_below(&r, ARRAY_LEN(words))]), n.w, &m) == ST_OK)
                name_copy(n.w, m.w);
        uint16_t type = types[prng_below(&r, ARRAY_LEN(types))];
        if (type == RR_DS && name_equal(n.w, zone_origin(b.lab->zone[0])))
            type = RR_A; /* the parent's to say */
        const char *wrong = judge(&b, n.w, type, opt_out, denial == DENIAL_COMPACT);
        if (wrong != NULL)
            test_fail(__FILE__, __LINE__, "seed %llu denial %u: %s %u: %s",
                      (unsigned long long)seed, denial, name_str(n.w, shown), type, wrong);
    }
    CHECK(b.asked > 50);
    end(&b);
}

TEST(validate_nsec_zones)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        try_zone(seed, DENIAL_NSEC, false);
}

TEST(validate_nsec3_zones)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        try_zone(seed, DENIAL_NSEC3, false);
}

TEST(validate_opt_out_zones)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        try_zone(seed, DENIAL_NSEC3, true);
}

TEST(validate_compact_zones)
{
    for (uint64_t seed = 1; seed <= 40; seed++)
        try_zone(seed, DENIAL_COMPACT, false);
}
