/* Signing and verifying. */
#include "crypto/key_impl.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

enum { DER_MAX = 128 };

/* What has failed leaves notes in the library's queue of errors; nobody reads them there. */
static enum status failed(enum status st)
{
    ERR_clear_error();
    return st;
}

/* The digest of data into md. */
static enum status hash(struct sec_key *k, struct bytes data, uint8_t md[DIGEST_MAX])
{
    if (k->digest == NULL)
        k->digest = digest_new((enum digest_kind)k->alg->digest);
    if (k->digest == NULL)
        return ST_ENOMEM;
    digest_update(k->digest, data);
    return digest_final(k->digest, md);
}

/* RFC 5702 section 3.1: PKCS #1 v1.5. */
static bool set_padding(const struct sec_key *k, EVP_PKEY_CTX *ctx)
{
    return k->alg->kind != KIND_RSA ||
           (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
            EVP_PKEY_CTX_set_signature_md(ctx,
                                          digest_algorithm((enum digest_kind)k->alg->digest)) == 1);
}

static EVP_PKEY_CTX *context(struct sec_key *k, EVP_PKEY_CTX **ctx, int (*init)(EVP_PKEY_CTX *))
{
    if (*ctx != NULL)
        return *ctx;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
    if (c == NULL || init(c) != 1 || !set_padding(k, c)) {
        EVP_PKEY_CTX_free(c);
        return NULL;
    }
    return *ctx = c;
}

/* RFC 6605 section 4: r and s one after the other, each as long as the field. */
static bool ec_from_der(const uint8_t *der, size_t n, uint8_t *sig, size_t half)
{
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &der, (long)n);
    bool ok = s != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, (int)half) > 0 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + half, (int)half) > 0;
    ECDSA_SIG_free(s);
    return ok;
}

/* One number of a signature as a DER INTEGER; returns its length. */
static size_t der_integer(uint8_t *out, const uint8_t *v, size_t n)
{
    while (n > 1 && v[0] == 0) {
        v++;
        n--;
    }
    size_t pad = v[0] >> 7;
    out[0] = 2;
    out[1] = (uint8_t)(n + pad);
    out[2] = 0;
    memcpy(out + 2 + pad, v, n);
    return 2 + pad + n;
}

static size_t ec_to_der(uint8_t der[DER_MAX], const uint8_t *sig, size_t half)
{
    size_t n = der_integer(der + 2, sig, half);
    n += der_integer(der + 2 + n, sig + half, half);
    der[0] = 0x30;
    der[1] = (uint8_t)n; /* at most 2 * 51, so one byte */
    return 2 + n;
}

static enum status ed_sign(struct sec_key *k, struct bytes data, uint8_t *sig, size_t *ret_n)
{
    if (k->ed_sign == NULL) {
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        if (c == NULL || EVP_DigestSignInit_ex(c, NULL, NULL, NULL, NULL, k->pkey, NULL) != 1) {
            EVP_MD_CTX_free(c);
            return failed(ST_ENOMEM);
        }
        k->ed_sign = c;
    }
    *ret_n = k->alg->bytes;
    return EVP_DigestSign(k->ed_sign, sig, ret_n, data.p, data.n) == 1 ? ST_OK
                                                                       : failed(ST_EUNSUPPORTED);
}

enum status sec_sign(struct sec_key *k, struct bytes data, uint8_t sig[SIGNATURE_MAX],
                     size_t *ret_n)
{
    uint8_t md[DIGEST_MAX], der[DER_MAX];
    if (!k->is_private || !k->alg->signs)
        return ST_EUNSUPPORTED;
    if (k->alg->kind == KIND_ED)
        return ed_sign(k, data, sig, ret_n);
    TRY(hash(k, data, md));
    if (context(k, &k->sign, EVP_PKEY_sign_init) == NULL)
        return failed(ST_ENOMEM);
    bool ec = k->alg->kind == KIND_EC;
    size_t n = ec ? sizeof der : SIGNATURE_MAX;
    if (EVP_PKEY_sign(k->sign, ec ? der : sig, &n, md,
                      digest_size((enum digest_kind)k->alg->digest)) != 1)
        return failed(ST_EUNSUPPORTED);
    if (ec && !ec_from_der(der, n, sig, k->alg->bytes / 2u))
        return failed(ST_EFORMAT);
    *ret_n = ec ? k->alg->bytes : n;
    return ST_OK;
}

static enum status ed_verify(struct sec_key *k, struct bytes data, struct bytes sig)
{
    if (k->ed_verify == NULL) {
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        if (c == NULL || EVP_DigestVerifyInit_ex(c, NULL, NULL, NULL, NULL, k->pkey, NULL) != 1) {
            EVP_MD_CTX_free(c);
            return failed(ST_ENOMEM);
        }
        k->ed_verify = c;
    }
    return EVP_DigestVerify(k->ed_verify, sig.p, sig.n, data.p, data.n) == 1 ? ST_OK
                                                                             : failed(ST_EFORMAT);
}

enum status sec_verify(struct sec_key *k, struct bytes data, struct bytes sig)
{
    uint8_t md[DIGEST_MAX], der[DER_MAX];
    if (sig.n != sec_signature_size(k))
        return ST_EFORMAT;
    if (k->alg->kind == KIND_ED)
        return ed_verify(k, data, sig);
    TRY(hash(k, data, md));
    if (context(k, &k->verify, EVP_PKEY_verify_init) == NULL)
        return failed(ST_ENOMEM);
    if (k->alg->kind == KIND_EC)
        sig = bytes_of(der, ec_to_der(der, sig.p, sig.n / 2));
    return EVP_PKEY_verify(k->verify, sig.p, sig.n, md,
                           digest_size((enum digest_kind)k->alg->digest)) == 1
               ? ST_OK
               : failed(ST_EFORMAT);
}
