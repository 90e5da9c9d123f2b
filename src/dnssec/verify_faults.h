/* Signed zones in memory and what can be wrong with them, one function each; for verify_test.c. */
#ifndef BANYAN_DNSSEC_VERIFY_FAULTS_H
#define BANYAN_DNSSEC_VERIFY_FAULTS_H

#include "dnssec/dnskey.h"
#include "dnssec/nsec3.h"
#include "dnssec/rrsig.h"
#include "dnssec/sign.h"
#include "dnssec/verify_testlib.h"

enum { NOW = 1700000000, KSK = 0, ZSK = 1, KEYS = 3 };

static const char plain[] = "@ SOA ns hostmaster 1 3600 600 86400 600\n"
                            "@ NS ns\n"
                            "@ MX 10 mail\n"
                            "ns A 192.0.2.1\n"
                            "mail AAAA 2001:db8::1\n"
                            "www A 192.0.2.2\n"
                            "www A 192.0.2.3\n"
                            "www TXT \"x\"\n"
                            "*.wild TXT \"any\"\n"
                            "a.empty.deep TXT \"x\"\n"
                            "alias CNAME www\n"
                            "dn DNAME other.example.\n"
                            "secure NS ns.secure\n"
                            "secure DS 1 13 2 "
                            "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
                            "ns.secure A 192.0.2.4\n"
                            "insecure NS ns.insecure\n"
                            "insecure NS ns.other.example.\n"
                            "ns.insecure A 192.0.2.5\n"
                            "x.lonely NS ns.other.example.\n";

enum variant { WITH_NSEC, WITH_NSEC3, WITH_OPT_OUT, VARIANTS };

struct bench {
    struct name origin;
    struct recs r;
    struct sec_key *key[KEYS];
    uint8_t dnskey[KEYS][DNSKEY_RDATA_MAX];
    struct bytes rdata[KEYS];
    struct sig_buffer buffer;
    struct told told;
    struct zone_verify_options opt;
    struct zone_verify_result res;
    struct test_set anchor;
};

static void make_key(struct bench *t, unsigned i, uint16_t flags, uint8_t algorithm)
{
    uint8_t secret[32];
    memset(secret, (int)(i + 1), sizeof secret);
    struct writer w = wr_of(t->dnskey[i], DNSKEY_RDATA_MAX);
    if (sec_key_from_secret(algorithm, bytes_of(secret, 32), &t->key[i]) != ST_OK ||
        dnskey_write(t->key[i], flags, &w) != ST_OK)
        abort();
    t->rdata[i] = wr_done(&w);
}

/* The RDATA of one line of text. */
static struct bytes parse(struct bench *t, uint16_t type, const char *text)
{
    static uint8_t rd[4096];
    struct writer w = wr_of(rd, sizeof rd);
    struct diag d = {0};
    if (rdata_parse_line(type, bytes_str(text), t->origin.w, &w, &d) != ST_OK) {
        fprintf(stderr, "# %s: %s\n", text, d.message);
        abort();
    }
    return wr_done(&w);
}

static struct rec *add(struct bench *t, const char *owner, uint16_t type, const char *text)
{
    struct name n;
    if (name_parse(bytes_str(owner), t->origin.w, &n) != ST_OK)
        abort();
    return recs_add(&t->r, n.w, type, 3600, parse(t, type, text));
}

/* A signed zone as records. */
static void begin(struct bench *t, enum variant how)
{
    struct sign_key key[2] = {{.publish = true, .sign_keys = true},
                              {.publish = true, .sign_zone = true}};
    struct sign_plan plan = {
        .key = key, .keys = 2, .policy = sign_policy_default(), .now = NOW, .serial = 1};
    struct sign_stats stats;
    struct diag d = {0};
    struct zone *in, *out = NULL;
    memset(t, 0, sizeof *t);
    if (name_from("example.", &t->origin) != ST_OK)
        abort();
    for (const char *p = plain; *p != '\0'; p = strchr(p, '\n') + 1) {
        char line[256], owner[64], type[16];
        int at = 0;
        uint16_t code;
        snprintf(line, sizeof line, "%.*s", (int)(strchr(p, '\n') - p), p);
        if (sscanf(line, "%63s %15s %n", owner, type, &at) < 2 ||
            !rr_type_parse(bytes_str(type), &code))
            abort();
        add(t, owner, code, line + at);
    }
    in = recs_zone(&t->r, t->origin.w);
    recs_free(&t->r);
    for (unsigned i = 0; i < KEYS; i++) {
        make_key(t, i, i == KSK ? 257 : 256, i == 2 ? SEC_ECDSAP256SHA256 : SEC_ED25519);
        if (i == 2)
            continue;
        key[i].key = t->key[i];
        key[i].dnskey = t->rdata[i];
        key[i].tag = dnskey_tag(t->rdata[i]);
        key[i].algorithm = SEC_ED25519;
    }
    key[KSK].cds = true;
    plan.policy.denial = how == WITH_NSEC ? DENIAL_NSEC : DENIAL_NSEC3;
    plan.policy.opt_out = how == WITH_OPT_OUT;
    plan.policy.cds = CDS_ALWAYS;
    plan.policy.zonemd = false;
    if (in == NULL || zone_sign(in, &plan, NULL, &out, &stats, &d) != ST_OK) {
        fprintf(stderr, "# not signed: %s\n", d.message);
        abort();
    }
    recs_of(&t->r, out);
    zone_drop(in);
    zone_drop(out);
    t->opt.now = NOW;
}

static void end(struct bench *t)
{
    recs_free(&t->r);
    sig_buffer_free(&t->buffer);
    for (unsigned i = 0; i < KEYS; i++)
        sec_key_free(t->key[i]);
}

static void judge(struct bench *t)
{
    struct zone *z = recs_zone(&t->r, t->origin.w);
    t->told.n = 0;
    memset(&t->res, 0, sizeof t->res);
    if (z == NULL || zone_verify(z, &t->opt, told_add, &t->told, &t->res) != ST_OK)
        abort();
    zone_drop(z);
}

/* --- Changes --- */

static bool is(const struct rec *x, const uint8_t *owner, uint16_t type)
{
    return x->rd != NULL && x->type == type && name_equal(x->owner.w, owner);
}

/* An NSEC3 by the name it is of. */
static const uint8_t *hashed(struct bench *t, const char *owner)
{
    static struct name n;
    struct nsec3_hasher *h = nsec3_hasher_new();
    uint8_t hash[NSEC3_HASH];
    if (h == NULL || name_parse(bytes_str(owner), t->origin.w, &n) != ST_OK ||
        nsec3_hash(h, n.w, bytes_of(NULL, 0), 0, hash) != ST_OK ||
        nsec3_owner(hash, t->origin.w, &n) != ST_OK)
        abort();
    nsec3_hasher_free(h);
    return n.w;
}

static const uint8_t *name_of(struct bench *t, const char *owner)
{
    static struct name n;
    if (name_parse(bytes_str(owner), t->origin.w, &n) != ST_OK)
        abort();
    return n.w;
}

static struct rec *find(struct bench *t, const uint8_t *owner, uint16_t type)
{
    for (size_t i = 0; i < t->r.n; i++)
        if (is(&t->r.v[i], owner, type))
            return &t->r.v[i];
    fprintf(stderr, "# no record of type %u\n", type);
    abort();
}

static struct rec *find_sig(struct bench *t, const uint8_t *owner, uint16_t covered)
{
    for (size_t i = 0; i < t->r.n; i++)
        if (is(&t->r.v[i], owner, RR_RRSIG) && get_be16(t->r.v[i].rd) == covered)
            return &t->r.v[i];
    abort();
}

static void drop(struct rec *x)
{
    free(x->rd);
    x->rd = NULL;
}

static void drop_all(struct bench *t, const uint8_t *owner, uint16_t type)
{
    for (size_t i = 0; i < t->r.n; i++)
        if (is(&t->r.v[i], owner, type))
            drop(&t->r.v[i]);
}

static void drop_sigs(struct bench *t, const uint8_t *owner, uint16_t covered)
{
    for (size_t i = 0; i < t->r.n; i++)
        if (is(&t->r.v[i], owner, RR_RRSIG) && get_be16(t->r.v[i].rd) == covered)
            drop(&t->r.v[i]);
}

static void put(struct rec *x, struct bytes rd)
{
    uint8_t *p = bytes_copy(rd);
    free(x->rd);
    x->rd = p;
    x->n = (uint16_t)rd.n;
}

/* Signs a set with a key; *head may be NULL. */
static void sign_as(struct bench *t, const uint8_t *name, uint16_t type, unsigned key,
                    const struct rrsig *head)
{
    static uint8_t rd[1 << 16], sig[RRSIG_RDATA_MAX];
    struct name owner;
    struct rrsig h = {.inception = NOW - 3600, .expiration = NOW + 86400, .signer = t->origin.w};
    struct writer w = wr_of(rd, sizeof rd), s = wr_of(sig, sizeof sig);
    struct rrset set = {.owner = owner.w, .type = type, .rclass = CLASS_IN, .rdata = rd};
    name_copy(owner.w, name);
    if (head != NULL)
        h = *head;
    h.tag = dnskey_tag(t->rdata[key]);
    for (size_t i = 0; i < t->r.n; i++)
        if (is(&t->r.v[i], owner.w, type)) {
            wr_u16(&w, t->r.v[i].n);
            wr_bytes(&w, t->r.v[i].rd, t->r.v[i].n);
            set.count++;
            set.ttl = t->r.v[i].ttl;
        }
    set.rdata_size = (uint32_t)wr_len(&w);
    if (set.count == 0 || rrsig_make(t->key[key], &set, &h, &t->buffer, &s) != ST_OK)
        abort();
    recs_add(&t->r, owner.w, RR_RRSIG, set.ttl, wr_done(&s));
}

static void sign_again(struct bench *t, const uint8_t *name, uint16_t type)
{
    struct name owner;
    name_copy(owner.w, name);
    drop_sigs(t, owner.w, type);
    sign_as(t, owner.w, type, type == RR_DNSKEY || type == RR_CDS || type == RR_CDNSKEY ? KSK : ZSK,
            NULL);
}

/* Other types in a bitmap of NSEC or NSEC3, which is signed again. */
static void set_bitmap(struct bench *t, const uint8_t *name, uint16_t type, const uint16_t *types,
                       size_t n)
{
    uint8_t rd[1024];
    struct name owner;
    name_copy(owner.w, name);
    struct rec *x = find(t, owner.w, type);
    struct nsec a;
    struct nsec3 b;
    struct writer w = wr_of(rd, sizeof rd);
    if (!(type == RR_NSEC ? nsec_read(bytes_of(x->rd, x->n), &a)
                          : nsec3_read(bytes_of(x->rd, x->n), &b)))
        abort();
    wr_bytes(&w, x->rd, x->n - (type == RR_NSEC ? a.bitmap.n : b.bitmap.n));
    if (bitmap_write(types, n, &w) != ST_OK)
        abort();
    put(x, wr_done(&w));
    sign_again(t, owner.w, type);
}

/* --- What can be wrong --- */

static void expired(struct bench *t)
{
    struct rrsig h = {.inception = NOW - 9000, .expiration = NOW - 8000, .signer = t->origin.w};
    drop_sigs(t, name_of(t, "www"), RR_A);
    sign_as(t, name_of(t, "www"), RR_A, ZSK, &h);
}

static void not_yet(struct bench *t)
{
    struct rrsig h = {.inception = NOW + 8000, .expiration = NOW + 9000, .signer = t->origin.w};
    drop_sigs(t, name_of(t, "www"), RR_A);
    sign_as(t, name_of(t, "www"), RR_A, ZSK, &h);
}

static void backwards(struct bench *t)
{
    struct rrsig h = {.inception = NOW + 8000, .expiration = NOW - 9000, .signer = t->origin.w};
    drop_sigs(t, name_of(t, "www"), RR_A);
    sign_as(t, name_of(t, "www"), RR_A, ZSK, &h);
}

static void other_signer(struct bench *t)
{
    struct name other;
    name_copy(other.w, name_of(t, "www"));
    struct rrsig h = {.inception = NOW - 10, .expiration = NOW + 9000, .signer = other.w};
    drop_sigs(t, name_of(t, "www"), RR_A);
    sign_as(t, name_of(t, "www"), RR_A, ZSK, &h);
}

static void no_sig(struct bench *t)
{
    drop_sigs(t, name_of(t, "www"), RR_A);
}

static void no_soa_sig(struct bench *t)
{
    drop_sigs(t, t->origin.w, RR_SOA);
}

static void no_key_sig(struct bench *t)
{
    drop_sigs(t, t->origin.w, RR_DNSKEY);
}

static void no_denial_sig(struct bench *t)
{
    drop_sigs(t, name_of(t, "www"), RR_NSEC);
}

static void no_nsec3_sig(struct bench *t)
{
    drop_sigs(t, hashed(t, "www"), RR_NSEC3);
}

static void no_ds_sig(struct bench *t)
{
    drop_sigs(t, name_of(t, "secure"), RR_DS);
}

static void other_data(struct bench *t)
{
    find(t, name_of(t, "www"), RR_A)->rd[3] ^= 1;
}

static void other_rr(struct bench *t)
{
    add(t, "www", RR_A, "192.0.2.99");
}

static void lost_rr(struct bench *t)
{
    drop(find(t, name_of(t, "www"), RR_A));
}

static void other_bytes(struct bench *t)
{
    struct rec *x = find_sig(t, name_of(t, "www"), RR_TXT);
    x->rd[x->n - 1] ^= 0x40;
}

static void other_labels(struct bench *t)
{
    find_sig(t, name_of(t, "www"), RR_TXT)->rd[3]--;
}

static void wildcard_labels(struct bench *t)
{
    find_sig(t, name_of(t, "*.wild"), RR_TXT)->rd[3]++;
}

static void other_ttl(struct bench *t)
{
    find(t, name_of(t, "www"), RR_TXT)->ttl = 60;
}

static void other_tag(struct bench *t)
{
    find_sig(t, name_of(t, "www"), RR_TXT)->rd[17] ^= 1;
}

static void cut_short(struct bench *t)
{
    find_sig(t, name_of(t, "www"), RR_TXT)->n -= 5;
}

static void lost_set(struct bench *t)
{
    drop(find(t, name_of(t, "www"), RR_TXT));
}

static void signed_ns(struct bench *t)
{
    sign_as(t, name_of(t, "secure"), RR_NS, ZSK, NULL);
}

static void signed_glue(struct bench *t)
{
    sign_as(t, name_of(t, "ns.secure"), RR_A, ZSK, NULL);
}

static void new_algorithm(struct bench *t)
{
    recs_add(&t->r, t->origin.w, RR_DNSKEY, 3600, t->rdata[2]);
    sign_again(t, t->origin.w, RR_DNSKEY);
}

static void unsigned_keys(struct bench *t)
{
    drop_all(t, t->origin.w, RR_DNSKEY);
}

static void lost_zsk(struct bench *t)
{
    for (size_t i = 0; i < t->r.n; i++)
        if (is(&t->r.v[i], t->origin.w, RR_DNSKEY) &&
            bytes_equal(bytes_of(t->r.v[i].rd, t->r.v[i].n), t->rdata[ZSK]))
            drop(&t->r.v[i]);
    sign_again(t, t->origin.w, RR_DNSKEY);
}

/* Changes the head of the zone-signing key; tags of its signatures are made to fit. */
static void change_zsk(struct bench *t, unsigned at, uint8_t with)
{
    for (size_t i = 0; i < t->r.n; i++)
        if (is(&t->r.v[i], t->origin.w, RR_DNSKEY) &&
            bytes_equal(bytes_of(t->r.v[i].rd, t->r.v[i].n), t->rdata[ZSK])) {
            uint16_t old = dnskey_tag(t->rdata[ZSK]);
            t->r.v[i].rd[at] = with;
            uint16_t tag = dnskey_tag(bytes_of(t->r.v[i].rd, t->r.v[i].n));
            for (size_t k = 0; k < t->r.n; k++)
                if (t->r.v[k].type == RR_RRSIG && t->r.v[k].rd != NULL &&
                    get_be16(t->r.v[k].rd + 16) == old)
                    put_be16(t->r.v[k].rd + 16, tag);
            break;
        }
    sign_again(t, t->origin.w, RR_DNSKEY);
}

static void revoked_zsk(struct bench *t)
{
    change_zsk(t, 1, 0x80);
}

static void no_zone_key(struct bench *t)
{
    change_zsk(t, 0, 0);
}

static void other_protocol(struct bench *t)
{
    change_zsk(t, 2, 4);
}

static void short_key(struct bench *t)
{
    uint8_t rd[20] = {1, 0, 3, SEC_ED25519, 1, 2, 3};
    recs_add(&t->r, t->origin.w, RR_DNSKEY, 3600, bytes_of(rd, sizeof rd));
    sign_again(t, t->origin.w, RR_DNSKEY);
}

static void unknown_algorithm(struct bench *t)
{
    uint8_t rd[40] = {1, 0, 3, 200, 1, 2, 3};
    recs_add(&t->r, t->origin.w, RR_DNSKEY, 3600, bytes_of(rd, sizeof rd));
    sign_again(t, t->origin.w, RR_DNSKEY);
}

static void zsk_signs_keys(struct bench *t)
{
    drop_sigs(t, t->origin.w, RR_DNSKEY);
    sign_as(t, t->origin.w, RR_DNSKEY, ZSK, NULL);
}

static void wrong_anchor(struct bench *t)
{
    test_set_make(&t->anchor, "example.", RR_DS, 3600,
                  "1 15 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D");
    t->opt.ds = &t->anchor.set;
}

/* The DS of a key, or its DNSKEY, as trust anchor. */
static void anchor_on(struct bench *t, unsigned key, bool ds)
{
    uint8_t rd[DNSKEY_RDATA_MAX];
    struct writer w = wr_of(rd, sizeof rd);
    test_set_begin(&t->anchor, "example.", ds ? RR_DS : RR_DNSKEY, 3600);
    if (!ds)
        wr_bytes(&w, t->rdata[key].p, t->rdata[key].n);
    else if (ds_write(DS_SHA256, t->origin.w, t->rdata[key], &w) != ST_OK)
        abort();
    put_be16(t->anchor.rdata, (uint16_t)wr_len(&w));
    memcpy(t->anchor.rdata + 2, rd, wr_len(&w));
    t->anchor.set.count = 1;
    t->anchor.set.rdata_size = (uint32_t)wr_len(&w) + 2;
    *(ds ? &t->opt.ds : &t->opt.dnskey) = &t->anchor.set;
}

static void anchor_zsk(struct bench *t)
{
    anchor_on(t, ZSK, true);
}

static void anchor_two(struct bench *t)
{
    anchor_on(t, KSK, true);
    test_set_add(&t->anchor,
                 "7 13 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D");
}

static void ds_elsewhere(struct bench *t)
{
    add(t, "www", RR_DS, "1 13 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D");
    sign_again(t, name_of(t, "www"), RR_DS);
}

static void lost_nsec(struct bench *t)
{
    drop_all(t, name_of(t, "www"), RR_NSEC);
    drop_sigs(t, name_of(t, "www"), RR_NSEC);
}

static void lost_chain(struct bench *t)
{
    for (size_t i = 0; i < t->r.n; i++) {
        struct rec *x = &t->r.v[i];
        uint16_t of = x->rd == NULL ? 0 : x->type == RR_RRSIG ? get_be16(x->rd) : x->type;
        if (of == RR_NSEC || of == RR_NSEC3 || of == RR_NSEC3PARAM)
            drop(x);
    }
}

static void two_nsec(struct bench *t)
{
    add(t, "www", RR_NSEC, "zzz A TXT RRSIG NSEC")->ttl = 600;
    sign_again(t, name_of(t, "www"), RR_NSEC);
}

static void nsec_short(struct bench *t)
{
    put(find(t, name_of(t, "mail"), RR_NSEC), parse(t, RR_NSEC, "www AAAA RRSIG NSEC"));
    sign_again(t, name_of(t, "mail"), RR_NSEC);
}

static void nsec_open(struct bench *t)
{
    put(find(t, name_of(t, "www"), RR_NSEC), parse(t, RR_NSEC, "zzz A TXT RRSIG NSEC"));
    sign_again(t, name_of(t, "www"), RR_NSEC);
}

static void nsec_more(struct bench *t)
{
    static const uint16_t types[] = {RR_A, RR_TXT, RR_AAAA, RR_RRSIG, RR_NSEC};
    set_bitmap(t, name_of(t, "www"), RR_NSEC, types, 5);
}

static void nsec_less(struct bench *t)
{
    static const uint16_t types[] = {RR_A, RR_RRSIG, RR_NSEC};
    set_bitmap(t, name_of(t, "www"), RR_NSEC, types, 3);
}

static void nsec_glue_bit(struct bench *t)
{
    add(t, "secure", RR_A, "192.0.2.77"); /* glue at the cut itself: no bit (RFC 4035 s. 2.3) */
    static const uint16_t types[] = {RR_A, RR_NS, RR_DS, RR_RRSIG, RR_NSEC};
    set_bitmap(t, name_of(t, "secure"), RR_NSEC, types, 5);
}

static void nsec_nowhere(struct bench *t)
{
    add(t, "extra", RR_NSEC, "insecure RRSIG NSEC")->ttl = 600;
    sign_again(t, name_of(t, "extra"), RR_NSEC);
}

static void nsec_glue(struct bench *t)
{
    add(t, "ns.secure", RR_NSEC, "www A RRSIG NSEC")->ttl = 600;
}

static void nsec_ttl(struct bench *t)
{
    find(t, name_of(t, "www"), RR_NSEC)->ttl = 30;
    sign_again(t, name_of(t, "www"), RR_NSEC);
}

static void new_name(struct bench *t)
{
    add(t, "new", RR_TXT, "x");
    sign_again(t, name_of(t, "new"), RR_TXT);
}

static void lost_name(struct bench *t)
{
    drop_all(t, name_of(t, "mail"), RR_AAAA);
    drop_sigs(t, name_of(t, "mail"), RR_AAAA);
}

static void lost_param(struct bench *t)
{
    drop_all(t, t->origin.w, RR_NSEC3PARAM);
    drop_sigs(t, t->origin.w, RR_NSEC3PARAM);
}

static void other_param(struct bench *t)
{
    put(find(t, t->origin.w, RR_NSEC3PARAM), parse(t, RR_NSEC3PARAM, "1 0 0 aabb"));
    sign_again(t, t->origin.w, RR_NSEC3PARAM);
}

static void param_flags(struct bench *t)
{
    put(find(t, t->origin.w, RR_NSEC3PARAM), parse(t, RR_NSEC3PARAM, "1 1 0 -"));
    sign_again(t, t->origin.w, RR_NSEC3PARAM);
}

static void two_params(struct bench *t)
{
    add(t, "@", RR_NSEC3PARAM, "1 0 5 -")->ttl = find(t, t->origin.w, RR_NSEC3PARAM)->ttl;
    sign_again(t, t->origin.w, RR_NSEC3PARAM);
}

/* Iterations of the whole chain, whose hashes are then no longer right. */
static void iterate(struct bench *t, uint16_t n)
{
    for (size_t i = 0; i < t->r.n; i++) {
        struct rec *x = &t->r.v[i];
        if (x->rd != NULL && (x->type == RR_NSEC3 || x->type == RR_NSEC3PARAM))
            put_be16(x->rd + 2, n);
    }
}

static void some_iterations(struct bench *t)
{
    iterate(t, 1);
}

static void many_iterations(struct bench *t)
{
    iterate(t, LIMIT_NSEC3_ITERATIONS + 1);
}

static void one_iteration(struct bench *t)
{
    find(t, hashed(t, "www"), RR_NSEC3)->rd[3] = 1;
}

static void lost_nsec3(struct bench *t)
{
    drop_all(t, hashed(t, "www"), RR_NSEC3);
    drop_sigs(t, hashed(t, "www"), RR_NSEC3);
}

static void lost_empty(struct bench *t)
{
    drop_all(t, hashed(t, "empty.deep"), RR_NSEC3);
    drop_sigs(t, hashed(t, "empty.deep"), RR_NSEC3);
}

static void lost_insecure(struct bench *t)
{
    drop_all(t, hashed(t, "insecure"), RR_NSEC3);
    drop_sigs(t, hashed(t, "insecure"), RR_NSEC3);
}

static void nsec3_next(struct bench *t)
{
    struct rec *x = find(t, hashed(t, "www"), RR_NSEC3);
    x->rd[10] ^= 1;
    sign_again(t, hashed(t, "www"), RR_NSEC3);
}

static void nsec3_more(struct bench *t)
{
    static const uint16_t types[] = {RR_A, RR_TXT, RR_AAAA, RR_RRSIG};
    set_bitmap(t, hashed(t, "www"), RR_NSEC3, types, 4);
}

static void nsec3_empty_bits(struct bench *t)
{
    static const uint16_t types[] = {RR_RRSIG};
    set_bitmap(t, hashed(t, "deep"), RR_NSEC3, types, 1);
}

static void nsec3_ttl(struct bench *t)
{
    find(t, hashed(t, "www"), RR_NSEC3)->ttl = 30;
    sign_again(t, hashed(t, "www"), RR_NSEC3);
}

static void nsec3_flags(struct bench *t)
{
    find(t, hashed(t, "www"), RR_NSEC3)->rd[1] |= 2;
    sign_again(t, hashed(t, "www"), RR_NSEC3);
}

static void nsec3_two(struct bench *t)
{
    struct rec *x = find(t, hashed(t, "www"), RR_NSEC3);
    uint8_t rd[512];
    struct name owner;
    uint16_t n = x->n;
    memcpy(rd, x->rd, n);
    rd[10] ^= 1;
    name_copy(owner.w, x->owner.w);
    uint32_t ttl = x->ttl;
    recs_add(&t->r, owner.w, RR_NSEC3, ttl, bytes_of(rd, n));
    sign_again(t, owner.w, RR_NSEC3);
}

static void nsec3_nowhere(struct bench *t)
{
    struct rec *x = find(t, hashed(t, "www"), RR_NSEC3);
    uint8_t rd[512];
    struct name owner;
    uint16_t n = x->n;
    uint32_t ttl = x->ttl;
    memcpy(rd, x->rd, n);
    name_copy(owner.w, hashed(t, "nowhere"));
    recs_add(&t->r, owner.w, RR_NSEC3, ttl, bytes_of(rd, n));
    sign_again(t, owner.w, RR_NSEC3);
}

static void nsec3_bad_owner(struct bench *t)
{
    struct rec *x = find(t, hashed(t, "www"), RR_NSEC3);
    uint8_t rd[512];
    uint16_t n = x->n;
    uint32_t ttl = x->ttl;
    memcpy(rd, x->rd, n);
    recs_add(&t->r, name_of(t, "nohash"), RR_NSEC3, ttl, bytes_of(rd, n));
}

static void no_opt_out(struct bench *t)
{
    for (size_t i = 0; i < t->r.n; i++)
        if (t->r.v[i].rd != NULL && t->r.v[i].type == RR_NSEC3)
            t->r.v[i].rd[1] = 0;
}

static void lost_secure(struct bench *t)
{
    drop_all(t, hashed(t, "secure"), RR_NSEC3);
    drop_sigs(t, hashed(t, "secure"), RR_NSEC3);
}

static void zonemd_wrong(struct bench *t)
{
    char text[200] = "1 1 1 ";
    memset(text + 6, 'a', 96);
    add(t, "@", RR_ZONEMD, text);
    sign_again(t, t->origin.w, RR_ZONEMD);
}

static void zonemd_old(struct bench *t)
{
    char text[200] = "7 1 1 ";
    memset(text + 6, 'a', 96);
    add(t, "@", RR_ZONEMD, text);
    sign_again(t, t->origin.w, RR_ZONEMD);
}

static void zonemd_unknown(struct bench *t)
{
    add(t, "@", RR_ZONEMD, "1 1 240 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    sign_again(t, t->origin.w, RR_ZONEMD);
}

static void cds_wrong(struct bench *t)
{
    find(t, t->origin.w, RR_CDS)->rd[20] ^= 1;
    sign_again(t, t->origin.w, RR_CDS);
}

static void cdnskey_wrong(struct bench *t)
{
    find(t, t->origin.w, RR_CDNSKEY)->rd[20] ^= 1;
    sign_again(t, t->origin.w, RR_CDNSKEY);
}

static void cds_delete(struct bench *t)
{
    add(t, "@", RR_CDS, "0 0 0 00");
    sign_again(t, t->origin.w, RR_CDS);
}

#endif
