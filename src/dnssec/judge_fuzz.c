/* Any reply can be judged, within the budget, and none that is not signed with the key is secure:
 * every set that carries weight must have a signature that verifies, which no mutation makes. */
#include "dnssec/dnskey.h"
#include "dnssec/judge.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1700000000 };

struct fixed {
    struct sec_key *key;
    struct zone_keys *keys;
    struct nsec3_hasher *hasher;
    struct name zone;
};

/* Keys of "example.", trusted by way of a DS of our own making. */
static void make(struct fixed *f)
{
    static uint8_t dnskey[2 + DNSKEY_RDATA_MAX], ds[2 + 64], sig[2 + RRSIG_RDATA_MAX];
    const uint8_t secret[32] = {11};
    struct sig_buffer b = {0};
    struct budget budget = {0};
    struct trust_result res;
    struct trust_rules rules = {.now = NOW};
    struct writer k = wr_of(dnskey + 2, sizeof dnskey - 2), d = wr_of(ds + 2, sizeof ds - 2),
                  s = wr_of(sig + 2, sizeof sig - 2);
    if (name_from("example.", &f->zone) != ST_OK ||
        sec_key_from_secret(SEC_ED25519, bytes_of(secret, 32), &f->key) != ST_OK ||
        dnskey_write(f->key, 257, &k) != ST_OK ||
        ds_write(DS_SHA256, f->zone.w, wr_done(&k), &d) != ST_OK)
        abort();
    put_be16(dnskey, (uint16_t)wr_len(&k));
    put_be16(ds, (uint16_t)wr_len(&d));
    struct rrset set = {f->zone.w, RR_DNSKEY, CLASS_IN, 300, 1, (uint32_t)wr_len(&k) + 2, dnskey};
    struct rrset parent = {f->zone.w, RR_DS, CLASS_IN, 300, 1, (uint32_t)wr_len(&d) + 2, ds};
    struct rrsig head = {.inception = NOW - 100,
                         .expiration = NOW + 100,
                         .tag = dnskey_tag(wr_done(&k)),
                         .signer = f->zone.w};
    if (rrsig_make(f->key, &set, &head, &b, &s) != ST_OK)
        abort();
    put_be16(sig, (uint16_t)wr_len(&s));
    struct rrset sigs = {f->zone.w, RR_RRSIG, CLASS_IN, 300, 1, (uint32_t)wr_len(&s) + 2, sig};
    if (zone_keys_trust(&set, &sigs, &parent, &rules, &budget, &res, &f->keys) != ST_OK ||
        res.trust != TRUST_SECURE)
        abort();
    f->hasher = nsec3_hasher_new();
    sig_buffer_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixed f;
    if (f.keys == NULL)
        make(&f);
    struct arena a;
    struct msg m;
    struct reply r;
    struct verdict v;
    struct name room;
    const uint8_t *next;
    struct budget budget = {0};
    struct trust_rules rules = {.now = NOW};
    struct judge j = {&rules, f.hasher, &budget};
    arena_init(&a, 16384, 1 << 20);
    if (msg_parse(bytes_of(data, size), &a, &m) == ST_OK && m.has_question &&
        reply_of(&m, &(struct hash_key){1, 2}, &a, &r) == ST_OK &&
        reply_judge(&j, f.keys, &r, &v, &room, &next) == ST_OK) {
        if (v.trust == TRUST_SECURE || budget.spent[BUDGET_SIGNATURES] > LIMIT_QUERY_SIGNATURES ||
            budget.spent[BUDGET_HASHES] > LIMIT_QUERY_HASHES)
            abort();
        struct chain *c =
            chain_new(&(struct rrset){name_root, RR_DS, CLASS_IN, 1, 0, 0, NULL}, r.name);
        if (c != NULL && chain_feed(c, &j, &r) == ST_OK && chain_verdict(c).trust == TRUST_SECURE)
            abort();
        chain_free(c);
    }
    arena_free(&a);
    return 0;
}
