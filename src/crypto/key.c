/* Keys: read from DNSKEY, made, shared, written. */
#include "crypto/key_impl.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

static const char *ed_name(const struct algorithm *a)
{
    return a->number == SEC_ED25519 ? "ED25519" : "ED448";
}

static const char *ec_group(const struct algorithm *a)
{
    return a->number == SEC_ECDSAP256SHA256 ? "P-256" : "P-384";
}

enum status key_wrap(const struct algorithm *a, EVP_PKEY *pkey, bool is_private,
                     struct sec_key **ret)
{
    struct sec_key *k = pkey != NULL ? calloc(1, sizeof *k) : NULL;
    if (k == NULL) {
        EVP_PKEY_free(pkey);
        return ST_ENOMEM;
    }
    *k = (struct sec_key){.alg = a, .pkey = pkey, .is_private = is_private};
    *ret = k;
    return ST_OK;
}

struct sec_key *sec_key_share(const struct sec_key *k)
{
    struct sec_key *other;
    if (EVP_PKEY_up_ref(k->pkey) != 1)
        return NULL;
    return key_wrap(k->alg, k->pkey, k->is_private, &other) == ST_OK ? other : NULL;
}

void sec_key_free(struct sec_key *k)
{
    if (k == NULL)
        return;
    digest_free(k->digest);
    EVP_PKEY_CTX_free(k->sign);
    EVP_PKEY_CTX_free(k->verify);
    EVP_MD_CTX_free(k->ed_sign);
    EVP_MD_CTX_free(k->ed_verify);
    EVP_PKEY_free(k->pkey);
    free(k);
}

/* Makes a key of the parameters; takes bld over. */
static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *bld, int selection)
{
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, selection, params) != 1)
        pkey = NULL;
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_BLD_free(bld);
    return pkey;
}

/* --- RSA --- */

const char *rsa_part_param(enum rsa_part p)
{
    static const char *const names[RSA_PARTS] = {
        OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    return names[p];
}

/* a * b mod m, or with m NULL the product, is `want` mod m. */
static bool product_is(const BIGNUM *a, const BIGNUM *b, const BIGNUM *m, const BIGNUM *want,
                       BN_CTX *ctx)
{
    BIGNUM *x = BN_new(), *y = BN_new();
    bool ok = x != NULL && y != NULL && BN_mul(x, a, b, ctx) == 1 && BN_copy(y, want) != NULL &&
              (m == NULL || (BN_nnmod(x, x, m, ctx) == 1 && BN_nnmod(y, y, m, ctx) == 1)) &&
              BN_cmp(x, y) == 0;
    BN_clear_free(x);
    BN_clear_free(y);
    return ok;
}

/* d is of the prime p: e * d is 1 mod p - 1, and so is dp, its short form. */
static bool prime_fits(BIGNUM *const bn[RSA_PARTS], enum rsa_part p, enum rsa_part dp, BN_CTX *ctx)
{
    BIGNUM *less = BN_dup(bn[p]);
    bool ok = less != NULL && BN_sub_word(less, 1) == 1 && !BN_is_zero(less) &&
              product_is(bn[RSA_E], bn[RSA_D], less, BN_value_one(), ctx) &&
              product_is(bn[RSA_D], BN_value_one(), less, bn[dp], ctx);
    BN_clear_free(less);
    return ok;
}

/* The parts of a private key belong together: the library would sign, slowly or wrongly, with parts
 * that do not. */
static bool rsa_consistent(BIGNUM *const bn[RSA_PARTS])
{
    BN_CTX *ctx = BN_CTX_new();
    bool ok = ctx != NULL && product_is(bn[RSA_P], bn[RSA_Q], NULL, bn[RSA_N], ctx) &&
              prime_fits(bn, RSA_P, RSA_DP, ctx) && prime_fits(bn, RSA_Q, RSA_DQ, ctx) &&
              product_is(bn[RSA_Q], bn[RSA_QI], bn[RSA_P], BN_value_one(), ctx);
    BN_CTX_free(ctx);
    return ok;
}

enum status key_from_rsa(const struct algorithm *a, const struct bytes part[RSA_PARTS],
                         struct sec_key **ret)
{
    BIGNUM *bn[RSA_PARTS] = {0};
    bool is_private = part[RSA_D].n > 0, ok = true;
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    for (int i = 0; i < RSA_PARTS && bld != NULL; i++) {
        if (part[i].n == 0) {
            ok = ok && i > RSA_E && !is_private;
            continue;
        }
        bn[i] = part[i].n <= PUBLIC_KEY_MAX ? BN_bin2bn(part[i].p, (int)part[i].n, NULL) : NULL;
        ok = ok && bn[i] != NULL && OSSL_PARAM_BLD_push_BN(bld, rsa_part_param(i), bn[i]) == 1;
    }
    ok = ok && bld != NULL && BN_num_bits(bn[RSA_N]) >= RSA_BITS_MIN &&
         BN_num_bits(bn[RSA_N]) <= RSA_BITS_MAX && BN_is_odd(bn[RSA_N]) && BN_is_odd(bn[RSA_E]) &&
         !BN_is_one(bn[RSA_E]) && BN_num_bytes(bn[RSA_E]) <= RSA_EXPONENT_BYTES &&
         (!is_private || rsa_consistent(bn));
    EVP_PKEY *pkey = NULL;
    if (ok)
        pkey = from_params("RSA", bld, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
    else
        OSSL_PARAM_BLD_free(bld);
    for (int i = 0; i < RSA_PARTS; i++)
        BN_clear_free(bn[i]);
    return pkey != NULL ? key_wrap(a, pkey, is_private, ret) : ST_EFORMAT;
}

/* RFC 3110 section 2: length of the exponent in one byte, or 0 and two bytes; exponent; modulus. */
static enum status rsa_public(const struct algorithm *a, struct bytes b, struct sec_key **ret)
{
    size_t head = 1, e = b.n > 0 ? b.p[0] : 0;
    if (b.n > 3 && e == 0) {
        e = get_be16(b.p + 1);
        head = 3;
    }
    if (e == 0 || b.n < head + e + 1)
        return ST_EFORMAT;
    struct bytes part[RSA_PARTS] = {
        [RSA_E] = {b.p + head, e}, [RSA_N] = {b.p + head + e, b.n - head - e}};
    return key_from_rsa(a, part, ret);
}

static enum status rsa_write(const struct sec_key *k, struct writer *out)
{
    BIGNUM *n = NULL, *e = NULL;
    bool ok = EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
              EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1;
    if (ok) {
        size_t el = (size_t)BN_num_bytes(e), nl = (size_t)BN_num_bytes(n);
        wr_u8(out, (uint8_t)el);
        uint8_t *p = wr_room(out, el + nl);
        ok = p != NULL && BN_bn2bin(e, p) >= 0 && BN_bn2bin(n, p + el) >= 0;
    }
    BN_free(n);
    BN_free(e);
    return ok ? ST_OK : ST_ENOSPACE;
}

/* --- Elliptic curves --- */

static EVP_PKEY *ec_key(const struct algorithm *a, const uint8_t *point, const BIGNUM *secret)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    if (bld == NULL)
        return NULL;
    if (OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, ec_group(a), 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         1 + 2 * algorithm_bytes(a)) != 1 ||
        (secret != NULL && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, secret) != 1)) {
        OSSL_PARAM_BLD_free(bld);
        return NULL;
    }
    return from_params("EC", bld, secret != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
}

/* RFC 6605 section 4: the two coordinates. */
static enum status ec_public(const struct algorithm *a, struct bytes b, struct sec_key **ret)
{
    uint8_t point[1 + 2 * 48] = {POINT_CONVERSION_UNCOMPRESSED};
    if (b.n != 2 * algorithm_bytes(a))
        return ST_EFORMAT;
    memcpy(point + 1, b.p, b.n);
    EVP_PKEY *pkey = ec_key(a, point, NULL);
    return pkey != NULL ? key_wrap(a, pkey, false, ret) : ST_EFORMAT;
}

static enum status ec_secret(const struct algorithm *a, struct bytes secret, struct sec_key **ret)
{
    uint8_t point[1 + 2 * 48];
    size_t n = algorithm_bytes(a);
    EVP_PKEY *pkey = NULL;
    EC_GROUP *g = EC_GROUP_new_by_curve_name(n == 32 ? NID_X9_62_prime256v1 : NID_secp384r1);
    EC_POINT *p = g != NULL ? EC_POINT_new(g) : NULL;
    BIGNUM *s = BN_secure_new();
    if (p != NULL && s != NULL && secret.n == n && BN_bin2bn(secret.p, (int)n, s) != NULL &&
        !BN_is_zero(s) && BN_cmp(s, EC_GROUP_get0_order(g)) < 0 &&
        EC_POINT_mul(g, p, s, NULL, NULL, NULL) == 1 &&
        EC_POINT_point2oct(g, p, POINT_CONVERSION_UNCOMPRESSED, point, 1 + 2 * n, NULL) ==
            1 + 2 * n)
        pkey = ec_key(a, point, s);
    EC_POINT_free(p);
    EC_GROUP_free(g);
    BN_clear_free(s);
    return pkey != NULL ? key_wrap(a, pkey, true, ret) : ST_EFORMAT;
}

static enum status ec_write(const struct sec_key *k, struct writer *out)
{
    uint8_t point[1 + 2 * 48];
    size_t n = 0;
    if (EVP_PKEY_get_octet_string_param(k->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point,
                                        &n) != 1 ||
        n != 1 + 2 * algorithm_bytes(k->alg))
        return ST_EFORMAT;
    wr_bytes(out, point + 1, n - 1);
    return wr_ok(out) ? ST_OK : ST_ENOSPACE;
}

/* --- Edwards curves --- */

static enum status ed_write(const struct sec_key *k, struct writer *out)
{
    size_t n = algorithm_bytes(k->alg);
    uint8_t *p = wr_room(out, n);
    return p != NULL && EVP_PKEY_get_raw_public_key(k->pkey, p, &n) == 1 ? ST_OK : ST_ENOSPACE;
}

/* --- All --- */

enum status sec_key_public(uint8_t algorithm, struct bytes b, struct sec_key **ret)
{
    const struct algorithm *a = algorithm_find(algorithm);
    if (a == NULL)
        return ST_EUNSUPPORTED;
    if (a->kind == KIND_RSA)
        return rsa_public(a, b, ret);
    if (a->kind == KIND_EC)
        return ec_public(a, b, ret);
    if (b.n != algorithm_bytes(a))
        return ST_EFORMAT;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, ed_name(a), NULL, b.p, b.n);
    return pkey != NULL ? key_wrap(a, pkey, false, ret) : ST_EFORMAT;
}

enum status sec_key_from_secret(uint8_t algorithm, struct bytes secret, struct sec_key **ret)
{
    const struct algorithm *a = algorithm_find(algorithm);
    if (a == NULL || a->kind == KIND_RSA)
        return ST_EUNSUPPORTED;
    if (a->kind == KIND_EC)
        return ec_secret(a, secret, ret);
    if (secret.n != algorithm_bytes(a))
        return ST_EFORMAT;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key_ex(NULL, ed_name(a), NULL, secret.p, secret.n);
    return pkey != NULL ? key_wrap(a, pkey, true, ret) : ST_EFORMAT;
}

enum status sec_key_generate(uint8_t algorithm, unsigned bits, struct sec_key **ret)
{
    const struct algorithm *a = algorithm_find(algorithm);
    EVP_PKEY *pkey;
    if (a == NULL || !a->signs)
        return ST_EUNSUPPORTED;
    bits = bits == 0 ? 2048 : bits;
    if (a->kind == KIND_RSA) {
        if (bits < 1024 || bits > RSA_BITS_MAX)
            return ST_ERANGE;
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
    } else if (a->kind == KIND_EC) {
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", ec_group(a));
    } else {
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, ed_name(a));
    }
    return key_wrap(a, pkey, true, ret);
}

uint8_t sec_key_algorithm(const struct sec_key *k)
{
    return k->alg->number;
}

unsigned sec_key_bits(const struct sec_key *k)
{
    return (unsigned)EVP_PKEY_get_bits(k->pkey);
}

bool sec_key_is_private(const struct sec_key *k)
{
    return k->is_private;
}

enum status sec_key_public_write(const struct sec_key *k, struct writer *out)
{
    uint8_t *mark = wr_mark(out);
    enum status st = k->alg->kind == KIND_RSA  ? rsa_write(k, out)
                     : k->alg->kind == KIND_EC ? ec_write(k, out)
                                               : ed_write(k, out);
    if (st != ST_OK)
        wr_rollback(out, mark);
    return st;
}

size_t sec_signature_size(const struct sec_key *k)
{
    return k->alg->bytes != 0 ? k->alg->bytes : (sec_key_bits(k) + 7) / 8;
}
