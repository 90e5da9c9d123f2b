/* One signature over one RRset: made and verified (RFC 4034 sections 3 and 6, RFC 4035
 * section 5.3).
 */
#ifndef BANYAN_DNSSEC_RRSIG_H
#define BANYAN_DNSSEC_RRSIG_H

#include "crypto/key.h"
#include "dns/rrset.h"

struct rrsig {
    uint16_t covered;
    uint8_t algorithm, labels;
    uint32_t original_ttl, expiration, inception; /* times: serial arithmetic (RFC 4034 s. 3.1.5) */
    uint16_t tag;
    const uint8_t *signer; /* borrowed */
    struct bytes signature;
};

enum { RRSIG_RDATA_MAX = 18 + LIMIT_NAME + SIGNATURE_MAX };

/* A view of RRSIG RDATA; false if it is malformed. */
bool rrsig_read(struct bytes rdata, struct rrsig *ret);
/* Where the time stands to a signature's validity period. */
enum rrsig_time {
    RRSIG_VALID,
    RRSIG_EXPIRED,
    RRSIG_NOT_YET,
    RRSIG_NEVER /* ends before it begins */
};
enum rrsig_time rrsig_time(const struct rrsig *s, uint32_t now);

/* Memory for the bytes that are signed; one per thread, reused, freed by sig_buffer_free(). */
struct sig_buffer {
    uint8_t *p;
    size_t cap;
    const uint8_t **order;
    size_t order_cap;
};
void sig_buffer_free(struct sig_buffer *b);

/* The bytes that a signature with this head covers: RRSIG RDATA without the signature, then every
 * record in canonical form and order, duplicates once (RFC 4034 section 3.1.8.1). A set whose owner
 * has more labels than `labels` is taken as expanded from a wildcard (section 3.1.3). *ret is
 * borrowed from b. ST_ENOMEM; ST_EFORMAT: more labels in the head than in the owner. */
enum status rrsig_data(const struct rrset *set, const struct rrsig *head, struct sig_buffer *b,
                       struct bytes *ret) MUST_USE;
/* Signs a set: head gives everything but covered, algorithm, labels, original_ttl and signature.
 * Appends the RRSIG's RDATA to out. */
enum status rrsig_make(struct sec_key *key, const struct rrset *set, const struct rrsig *head,
                       struct sig_buffer *b, struct writer *out) MUST_USE;
/* ST_OK only if `sig` is a correct signature of the set by the key; whether it is valid now, by the
 * right signer, of the right type is the caller's to check. ST_EFORMAT: it is not. */
enum status rrsig_verify(struct sec_key *key, const struct rrset *set, const struct rrsig *sig,
                         struct sig_buffer *b) MUST_USE;

#endif
