/* The inside of keys; private to crypto/. */
#ifndef BANYAN_CRYPTO_KEY_IMPL_H
#define BANYAN_CRYPTO_KEY_IMPL_H

#include "crypto/digest.h"
#include "crypto/key.h"

#include <openssl/evp.h>

enum key_kind { KIND_RSA, KIND_EC, KIND_ED };

struct algorithm {
    uint8_t number;
    const char *name;
    enum key_kind kind;
    int digest;     /* enum digest_kind; -1: the algorithm hashes by itself */
    uint16_t bytes; /* of a signature; 0: as many as the modulus has */
    bool signs;
};

struct sec_key {
    const struct algorithm *alg;
    EVP_PKEY *pkey;
    bool is_private;
    /* Made when first needed. */
    struct digest *digest;
    EVP_PKEY_CTX *sign, *verify;     /* RSA, EC */
    EVP_MD_CTX *ed_sign, *ed_verify; /* ED */
};

/* RSA keys: RFC 3110 knows exponents of any length; those beyond 64 bits only cost time. */
enum { RSA_BITS_MIN = 512, RSA_BITS_MAX = 4096, RSA_EXPONENT_BYTES = 8 };

/* digest.c: the library's handle of a digest, fetched once; NULL if it lacks it. */
const EVP_MD *digest_algorithm(enum digest_kind k);
const struct algorithm *algorithm_find(uint8_t number);
/* Bytes of a coordinate or scalar of an EC algorithm: 32 or 48; of an ED public key: 32 or 57. */
size_t algorithm_bytes(const struct algorithm *a);
/* Takes pkey over, also on failure. ST_ENOMEM. */
enum status key_wrap(const struct algorithm *a, EVP_PKEY *pkey, bool is_private,
                     struct sec_key **ret) MUST_USE;
/* RSA from numbers as big-endian bytes, in the order of rsa_part; n 0: not given. All of them, or
 * only modulus and public exponent. ST_EFORMAT. */
enum rsa_part { RSA_N, RSA_E, RSA_D, RSA_P, RSA_Q, RSA_DP, RSA_DQ, RSA_QI, RSA_PARTS };
enum status key_from_rsa(const struct algorithm *a, const struct bytes part[RSA_PARTS],
                         struct sec_key **ret) MUST_USE;
/* Name of a part as a parameter of the crypto library. */
const char *rsa_part_param(enum rsa_part p);

#endif
