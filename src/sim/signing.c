#include "sim/signing.h"

#include "crypto/digest.h"
#include "dnssec/dnskey.h"
#include "sim/internet.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_FILE_MAX = 16384 };

static enum status rsa_key(const struct sim_signing_source *src, bool zsk, struct sec_key **ret,
                           struct diag *d)
{
    char path[4096];
    size_t n;
    snprintf(path, sizeof path, "%s/keys/rsa-%d.private", src->dir, zsk ? 2 : 1);
    char *text = src->files ? file_read(src->files, path, KEY_FILE_MAX, &n, d) : NULL;
    if (text == NULL)
        return ST_EIO;
    enum status st = sec_key_private(bytes_of(text, n), ret, d);
    free(text);
    return st;
}

/* The secret of a key: SHA-256 over the zone's name in lower case and the role; as often again as
 * the algorithm needs bytes. */
static enum status derived_key(uint8_t algorithm, const uint8_t *zone, uint32_t role,
                               struct sec_key **ret)
{
    static const uint8_t sizes[] = {[SEC_ECDSAP256SHA256] = 32,
                                    [SEC_ECDSAP384SHA384] = 48,
                                    [SEC_ED25519] = 32,
                                    [SEC_ED448] = 57};
    uint8_t seed[LIMIT_NAME + 6], secret[2 * DIGEST_MAX];
    if (algorithm >= ARRAY_LEN(sizes) || sizes[algorithm] == 0)
        return ST_EUNSUPPORTED;
    size_t n = name_lower(seed, zone);
    seed[n++] = (uint8_t)role;
    if (role > UINT8_MAX) {
        put_be32(seed + n, role);
        n += 4;
    }
    ASSERT(n < sizeof seed);
    for (size_t have = 0; have < sizes[algorithm]; have += digest_size(DIGEST_SHA256)) {
        seed[n] = (uint8_t)have;
        TRY(digest_once(DIGEST_SHA256, bytes_of(seed, n + 1), secret + have));
    }
    secret[0] &= 0x7f; /* a scalar must be less than the group's order */
    return sec_key_from_secret(algorithm, bytes_of(secret, sizes[algorithm]), ret);
}

static enum status add_key(struct sim_signing *s, const struct sim_signing_source *src,
                           const uint8_t *zone, bool zsk, struct diag *d)
{
    struct sign_key *k = &s->key[s->keys];
    uint8_t algorithm = s->how.algorithm;
    if (src->repeatable && (algorithm == SEC_ECDSAP256SHA256 || algorithm == SEC_ECDSAP384SHA384))
        algorithm = SEC_ED25519;
    *k = (struct sign_key){.algorithm = algorithm,
                           .publish = true,
                           .sign_keys = !zsk,
                           .sign_zone = zsk || !s->how.split,
                           .cds = !zsk && !name_is_root(zone)};
    if (algorithm == SEC_RSASHA256)
        TRY(rsa_key(src, zsk, &k->key, d));
    else
        TRY(derived_key(algorithm, zone, zsk ? 'z' : 'k', &k->key));
    struct writer w = wr_of(s->dnskey[s->keys], sizeof s->dnskey[s->keys]);
    s->keys++;
    TRY(dnskey_write(k->key, (uint16_t)(DNSKEY_ZONE | (zsk ? 0 : DNSKEY_SEP)), &w));
    k->dnskey = bytes_of(s->dnskey[s->keys - 1], wr_len(&w));
    k->tag = dnskey_tag(k->dnskey);
    return ST_OK;
}

enum status sim_signing_open(struct sim_signing *s, const struct sim_signing_source *src,
                             const uint8_t *zone, struct diag *d)
{
    s->keys = 0;
    if (s->how.dnssec == TOPO_UNSIGNED)
        return ST_OK;
    TRY(add_key(s, src, zone, false, d));
    return s->how.split ? add_key(s, src, zone, true, d) : ST_OK;
}

enum status sim_signing_spare(uint8_t algorithm, const uint8_t *zone, unsigned number,
                              struct writer *out)
{
    struct sec_key *k;
    TRY(derived_key(algorithm, zone, (uint32_t)number + 256, &k));
    enum status st = sec_key_public_write(k, out);
    sec_key_free(k);
    return st;
}

void sim_signing_free(struct sim_signing *s)
{
    for (unsigned i = 0; i < s->keys; i++)
        sec_key_free(s->key[i].key);
    s->keys = 0;
}

enum status sim_signing_apply(const struct sim_signing *s, const struct zone *z, uint64_t now_s,
                              struct zone **ret, struct diag *d)
{
    struct sign_plan plan = {.key = s->key,
                             .keys = s->keys,
                             .policy = sign_policy_default(),
                             .now = now_s,
                             .serial = zone_serial(z),
                             .iterations = s->iterations};
    struct sign_stats stats;
    uint8_t salt[UINT8_MAX];
    memset(salt, 0xa5, sizeof salt);
    plan.salt = bytes_of(salt, s->salt_n);
    plan.policy.denial = s->how.dnssec == TOPO_NSEC ? DENIAL_NSEC : DENIAL_NSEC3;
    plan.policy.opt_out = s->how.dnssec == TOPO_OPT_OUT;
    plan.policy.zonemd = s->zonemd;
    plan.policy.serial = SERIAL_KEEP;
    plan.policy.cds = name_is_root(zone_origin(z)) ? CDS_NEVER : CDS_ALWAYS;
    plan.policy.validity_s = SIGNING_VALIDITY_S;
    return zone_sign(z, &plan, NULL, ret, &stats, d);
}

enum status sim_signing_anchor(const struct topology *t, const struct sim_signing_source *src,
                               struct writer *out, struct diag *d)
{
    struct sim_signing s = {.how = topology_signing(t, name_root)};
    enum status st = sim_signing_open(&s, src, name_root, d);
    if (st == ST_OK && s.keys == 0)
        st = ST_ENOTFOUND;
    if (st == ST_OK)
        wr_bytes(out, s.key[0].dnskey.p, s.key[0].dnskey.n);
    sim_signing_free(&s);
    return st;
}
