/* Message digests. The algorithms are fetched from the crypto library once per process: fetching at
 * every use costs several times the hash of a short message. */
#ifndef BANYAN_CRYPTO_DIGEST_H
#define BANYAN_CRYPTO_DIGEST_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/status.h"

enum digest_kind { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_KINDS };
enum { DIGEST_MAX = 64 };

struct digest;

/* Bytes of a digest. */
size_t digest_size(enum digest_kind k);
/* A hash that is fed piece by piece; NULL when memory is out or the library lacks the algorithm. */
struct digest *digest_new(enum digest_kind k) MUST_USE;
void digest_free(struct digest *d);
void digest_update(struct digest *d, struct bytes b);
/* Writes digest_size() bytes and begins anew. ST_EUNSUPPORTED if any step failed. */
enum status digest_final(struct digest *d, uint8_t ret[DIGEST_MAX]) MUST_USE;
/* All at once. */
enum status digest_once(enum digest_kind k, struct bytes b, uint8_t ret[DIGEST_MAX]) MUST_USE;

#endif
