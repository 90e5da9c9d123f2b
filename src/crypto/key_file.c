/* Private keys as text, in the form that BIND's tools brought up and all others read. */
#include "base/codec.h"
#include "crypto/key_impl.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <string.h>

enum { LINES_MAX = 64, PART_MAX = 600 };

static const struct {
    const char *word;
    enum rsa_part part;
} rsa_fields[] = {{"Modulus", RSA_N},    {"PublicExponent", RSA_E}, {"PrivateExponent", RSA_D},
                  {"Prime1", RSA_P},     {"Prime2", RSA_Q},         {"Exponent1", RSA_DP},
                  {"Exponent2", RSA_DQ}, {"Coefficient", RSA_QI}};

/* Timing and such, which is not the key's business. */
static const char *const passed[] = {
    "Created",     "Publish",      "Activate",     "Revoke",       "Inactive", "Delete",
    "DSPublish",   "SyncPublish",  "SyncDelete",   "DSRemoved",    "Label",    "Engine",
    "Predecessor", "Successor",    "Lifetime",     "KSK",          "ZSK",      "GoalState",
    "Generated",   "DNSKEYChange", "ZRRSIGChange", "KRRSIGChange", "DSChange", "DSDelete",
    "DSState",     "DNSKEYState",  "ZRRSIGState",  "KRRSIGState"};

struct reading {
    const struct algorithm *alg;
    uint8_t buf[RSA_PARTS][PART_MAX];
    struct bytes part[RSA_PARTS];
    uint8_t secret_buf[PART_MAX];
    struct bytes secret;
    bool version;
    struct diag *d;
    uint32_t line;
};

static enum status bad(struct reading *r, enum status st, const char *hint, const char *message)
{
    if (r->d != NULL) {
        diag_set(r->d, SEV_ERROR, "bad-key-file", hint, "%s", message);
        r->d->line = r->line;
    }
    return st;
}

static bool is(struct bytes b, const char *word)
{
    return b.n == strlen(word) && memcmp(b.p, word, b.n) == 0;
}

static struct bytes trimmed(struct bytes b)
{
    while (b.n > 0 && (b.p[0] == ' ' || b.p[0] == '\t')) {
        b.p++;
        b.n--;
    }
    while (b.n > 0 && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t' || b.p[b.n - 1] == '\r'))
        b.n--;
    return b;
}

static enum status read_number(struct reading *r, struct bytes text, uint8_t buf[PART_MAX],
                               struct bytes *ret)
{
    struct writer w = wr_of(buf, PART_MAX);
    if (ret->n > 0)
        return bad(r, ST_ESYNTAX, NULL, "the field is there twice");
    if (text.n == 0 || base64_parse(text, &w) != ST_OK)
        return bad(r, ST_ESYNTAX, "the file may have been cut or edited", "not base64");
    *ret = wr_done(&w);
    return ST_OK;
}

static enum status read_algorithm(struct reading *r, struct bytes v)
{
    size_t n = 0;
    uint8_t number;
    while (n < v.n && v.p[n] != ' ')
        n++;
    if (!sec_algorithm_parse(bytes_of(v.p, n), &number))
        return bad(r, ST_EUNSUPPORTED, "known are 8, 10, 13, 14, 15 and 16",
                   "keys of this algorithm are not supported");
    if (!sec_algorithm_signs(number))
        return bad(r, ST_EUNSUPPORTED, "8, 10, 13, 14, 15 and 16 are; 13 is the usual one",
                   "this algorithm is no longer to be signed with (RFC 9905)");
    r->alg = algorithm_find(number);
    return ST_OK;
}

static enum status read_field(struct reading *r, struct bytes key, struct bytes v)
{
    if (is(key, "Private-key-format")) {
        if (!is(v, "v1.2") && !is(v, "v1.3"))
            return bad(r, ST_EUNSUPPORTED, NULL, "the format is neither v1.2 nor v1.3");
        r->version = true;
        return ST_OK;
    }
    if (!r->version)
        return bad(r, ST_ESYNTAX, "it begins with \"Private-key-format: v1.3\"",
                   "this is no private-key file");
    if (is(key, "Algorithm"))
        return read_algorithm(r, v);
    if (is(key, "PrivateKey"))
        return read_number(r, v, r->secret_buf, &r->secret);
    for (size_t i = 0; i < ARRAY_LEN(rsa_fields); i++)
        if (is(key, rsa_fields[i].word))
            return read_number(r, v, r->buf[rsa_fields[i].part], &r->part[rsa_fields[i].part]);
    for (size_t i = 0; i < ARRAY_LEN(passed); i++)
        if (is(key, passed[i]))
            return ST_OK;
    return bad(r, ST_ESYNTAX, NULL, "unknown field");
}

static enum status read_line(struct reading *r, struct bytes line)
{
    line = trimmed(line);
    if (line.n == 0 || line.p[0] == ';' || line.p[0] == '#')
        return ST_OK;
    const uint8_t *colon = memchr(line.p, ':', line.n);
    if (colon == NULL)
        return bad(r, ST_ESYNTAX, "lines have the form \"Field: value\"", "there is no colon");
    size_t n = (size_t)(colon - line.p);
    return read_field(r, bytes_of(line.p, n), trimmed(bytes_of(colon + 1, line.n - n - 1)));
}

static enum status read_all(struct reading *r, struct bytes file)
{
    while (file.n > 0) {
        const uint8_t *end = memchr(file.p, '\n', file.n);
        size_t n = end != NULL ? (size_t)(end - file.p) : file.n;
        if (++r->line > LINES_MAX)
            return bad(r, ST_ELIMIT, NULL, "too many lines for a private key");
        TRY(read_line(r, bytes_of(file.p, n)));
        n += end != NULL;
        file = bytes_of(file.p + n, file.n - n);
    }
    r->line = 0;
    if (r->alg == NULL)
        return bad(r, ST_ESYNTAX, NULL,
                   r->version ? "there is no Algorithm field" : "the private-key file is empty");
    return ST_OK;
}

static enum status make(struct reading *r, struct sec_key **ret)
{
    enum status st;
    if (r->alg->kind == KIND_RSA) {
        for (size_t i = 0; i < ARRAY_LEN(rsa_fields); i++)
            if (r->part[rsa_fields[i].part].n == 0) {
                if (r->d != NULL)
                    diag_set(r->d, SEV_ERROR, "bad-key-file", "the file may have been cut",
                             "the field %s is missing", rsa_fields[i].word);
                return ST_EFORMAT;
            }
        st = key_from_rsa(r->alg, r->part, ret);
    } else {
        if (r->secret.n == 0)
            return bad(r, ST_EFORMAT, "the file may have been cut",
                       "the field PrivateKey is missing");
        st = sec_key_from_secret(r->alg->number, r->secret, ret);
    }
    return st == ST_OK ? st : bad(r, st, NULL, "the numbers in it are no key of its algorithm");
}

enum status sec_key_private(struct bytes file, struct sec_key **ret, struct diag *d)
{
    struct reading r = {.d = d};
    enum status st = read_all(&r, file);
    if (st == ST_OK)
        st = make(&r, ret);
    OPENSSL_cleanse(r.buf, sizeof r.buf);
    OPENSSL_cleanse(r.secret_buf, sizeof r.secret_buf);
    return st;
}

/* A number of a key as big-endian bytes, of `size` bytes or (0) as many as it takes. */
static enum status write_number(const struct sec_key *k, const char *word, const char *param,
                                size_t size, struct text *out)
{
    uint8_t buf[PART_MAX];
    BIGNUM *v = NULL;
    int n = -1;
    if (EVP_PKEY_get_bn_param(k->pkey, param, &v) == 1 && BN_num_bytes(v) <= PART_MAX)
        n = size > 0 ? BN_bn2binpad(v, buf, (int)size) : BN_bn2bin(v, buf);
    BN_clear_free(v);
    if (n > 0) {
        text_fmt(out, "%s: ", word);
        base64_text(bytes_of(buf, (size_t)n), out);
        text_char(out, '\n');
    }
    OPENSSL_cleanse(buf, sizeof buf);
    return n > 0 ? ST_OK : ST_EUNSUPPORTED;
}

enum status sec_key_private_text(const struct sec_key *k, struct text *out)
{
    if (!k->is_private)
        return ST_EUNSUPPORTED;
    text_fmt(out, "Private-key-format: v1.3\nAlgorithm: %u (%s)\n", k->alg->number, k->alg->name);
    if (k->alg->kind == KIND_EC)
        return write_number(k, "PrivateKey", OSSL_PKEY_PARAM_PRIV_KEY, algorithm_bytes(k->alg),
                            out);
    if (k->alg->kind == KIND_RSA) {
        for (size_t i = 0; i < ARRAY_LEN(rsa_fields); i++)
            TRY(write_number(k, rsa_fields[i].word, rsa_part_param(rsa_fields[i].part), 0, out));
        return ST_OK;
    }
    uint8_t seed[64];
    size_t n = sizeof seed;
    if (EVP_PKEY_get_raw_private_key(k->pkey, seed, &n) != 1)
        return ST_EUNSUPPORTED;
    text_str(out, "PrivateKey: ");
    base64_text(bytes_of(seed, n), out);
    text_char(out, '\n');
    OPENSSL_cleanse(seed, sizeof seed);
    return out->cut ? ST_ENOMEM : ST_OK;
}
