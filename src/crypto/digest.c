#include "crypto/key_impl.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>

static const struct {
    const char *name;
    size_t size;
} kinds[DIGEST_KINDS] = {[DIGEST_SHA1] = {"SHA1", 20},
                         [DIGEST_SHA256] = {"SHA2-256", 32},
                         [DIGEST_SHA384] = {"SHA2-384", 48},
                         [DIGEST_SHA512] = {"SHA2-512", 64}};

struct digest {
    EVP_MD_CTX *ctx;
    const EVP_MD *md;
    bool failed;
};

/* The algorithm, fetched by whoever asks first; a second fetcher at the same moment gives its copy
 * back. */
const EVP_MD *digest_algorithm(enum digest_kind k)
{
    static _Atomic(EVP_MD *) fetched[DIGEST_KINDS];
    EVP_MD *md = atomic_load_explicit(&fetched[k], memory_order_acquire);
    if (md != NULL)
        return md;
    EVP_MD *mine = EVP_MD_fetch(NULL, kinds[k].name, NULL);
    if (mine != NULL && !atomic_compare_exchange_strong(&fetched[k], &md, mine)) {
        EVP_MD_free(mine);
        return md;
    }
    return mine;
}

size_t digest_size(enum digest_kind k)
{
    return kinds[k].size;
}

struct digest *digest_new(enum digest_kind k)
{
    struct digest *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->md = digest_algorithm(k);
    d->ctx = d->md != NULL ? EVP_MD_CTX_new() : NULL;
    if (d->ctx == NULL || EVP_DigestInit_ex2(d->ctx, d->md, NULL) != 1) {
        digest_free(d);
        return NULL;
    }
    return d;
}

void digest_free(struct digest *d)
{
    if (d == NULL)
        return;
    EVP_MD_CTX_free(d->ctx);
    free(d);
}

void digest_update(struct digest *d, struct bytes b)
{
    d->failed |= b.n > 0 && EVP_DigestUpdate(d->ctx, b.p, b.n) != 1;
}

enum status digest_final(struct digest *d, uint8_t ret[DIGEST_MAX])
{
    bool ok = !d->failed && EVP_DigestFinal_ex(d->ctx, ret, NULL) == 1;
    d->failed = EVP_DigestInit_ex2(d->ctx, d->md, NULL) != 1;
    return ok ? ST_OK : ST_EUNSUPPORTED;
}

enum status digest_once(enum digest_kind k, struct bytes b, uint8_t ret[DIGEST_MAX])
{
    struct digest *d = digest_new(k);
    if (d == NULL)
        return ST_ENOMEM;
    digest_update(d, b);
    enum status st = digest_final(d, ret);
    digest_free(d);
    return st;
}
