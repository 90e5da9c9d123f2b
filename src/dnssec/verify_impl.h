/* The inside of the verifier. verify.c says what happens in which order and keeps the findings;
 * verify_keys.c looks at the keys and trust anchors, verify_sets.c at signatures, verify_chain.c at
 * NSEC and NSEC3. */
#ifndef BANYAN_DNSSEC_VERIFY_IMPL_H
#define BANYAN_DNSSEC_VERIFY_IMPL_H

#include "dnssec/dnskey.h"
#include "dnssec/nsec3.h"
#include "dnssec/rrsig.h"
#include "dnssec/verify.h"

#include <stdatomic.h>

enum { VERIFY_LANES = 64, VERIFY_CHUNK = 512, VERIFY_TYPES = 65536, BITMAP_MAX = 256 * 34 };

enum verify_code {
#define VERIFY(NAME, ...) VERIFY_##NAME,
#include "dnssec/verify.def"
#undef VERIFY
    VERIFY_CODES
};

/* What a name of the zone is to the verifier, and what it was found to have: one byte by rank. */
enum verify_name {
    NAME_NOTHING,  /* nothing but records of denial, or an empty non-terminal */
    NAME_HIDDEN,   /* below a cut or a DNAME */
    NAME_DATA,     /* authoritative */
    NAME_SECURE,   /* a delegation with DS */
    NAME_INSECURE, /* a delegation without */
    NAME_KIND = 7, /* mask */

    NAME_ENT = 1 << 3,     /* an empty non-terminal */
    NAME_ENT_OPT = 1 << 4, /* one above insecure delegations only */
    NAME_NSEC3 = 1 << 5,   /* owns an NSEC3 of the chain */
    NAME_NSEC = 1 << 6,    /* owns an NSEC */
    NAME_OPT_OUT = 1 << 7, /* its NSEC3 has the opt-out flag */
};

struct verify_key {
    struct bytes rdata;
    struct dnskey k;
    struct sec_key *key; /* NULL: cannot be used */
    bool unknown;        /* of an algorithm that is not known here */
    bool zone;           /* may sign the zone */
    bool revoked;
    bool signs_keys; /* a good signature over the DNSKEY set was found */
};

/* A finding that waits to be told. */
struct verify_held {
    uint32_t rank;
    uint16_t type;
    uint8_t code, severity;
    char *message;
};

/* What one thread works with. */
struct verify_lane {
    struct sec_key *key[LIMIT_ZONE_KEYS];
    struct sig_buffer buffer;
    struct nsec3_hasher *hasher;
    uint16_t *types; /* VERIFY_TYPES */
    unsigned type_count;
    uint8_t bitmap[BITMAP_MAX];
    uint8_t owner[LIMIT_NAME]; /* of the name at hand */
    struct zone_verify_result sum;
    struct verify_held *held;
    uint32_t held_n, held_cap;
};

struct verifier {
    const struct zone *z;
    const struct zone_verify_options *opt;
    struct verify_key key[LIMIT_ZONE_KEYS];
    unsigned keys;
    bool needed[256];      /* algorithms that sign everything */
    uint8_t *name;         /* by rank */
    _Atomic uint8_t *used; /* by rank: an NSEC3 whose name was found */
    uint32_t names;
    bool nsec, nsec3; /* chains to verify */
    bool hashed;      /* names are hashed and compared with the chain */
    struct zone_nsec3_param param;
    struct rrset params; /* NSEC3PARAM; count 0: none */
    _Atomic bool stray;  /* there is an NSEC3 without NSEC3PARAM */
    uint32_t denial_ttl;
    struct verify_lane *lane;
    unsigned lanes;
    void (*work)(struct verifier *v, struct verify_lane *l, uint32_t from, uint32_t end);
    bool digest; /* the work begins with that of ZONEMD */
    _Atomic uint32_t next;
    _Atomic uint32_t told;
    _Atomic int failed; /* enum status of the first failure */
};

/* Keeps a finding about the name of a rank; severity is that of verify.def, or lower. */
void verify_tell(struct verifier *v, struct verify_lane *l, enum verify_code code, uint32_t rank,
                 uint16_t type, const char *fmt, ...) PRINTF_LIKE(6, 7);
void verify_tell_as(struct verifier *v, struct verify_lane *l, enum severity severity,
                    enum verify_code code, uint32_t rank, uint16_t type, const char *fmt, ...)
    PRINTF_LIKE(7, 8);
void verify_fail(struct verifier *v, enum status st);

static inline enum verify_name verify_kind(const struct verifier *v, uint32_t rank)
{
    return (enum verify_name)(v->name[rank] & NAME_KIND);
}

/* --- verify_keys.c --- */

/* Reads the DNSKEY set; false if there is nothing to verify with. */
bool verify_keys_read(struct verifier *v, struct verify_lane *l);
/* Once signatures are verified: do the keys follow from the trust anchors? CDS, CDNSKEY. */
void verify_keys_judge(struct verifier *v, struct verify_lane *l);

/* --- verify_sets.c --- */

/* The signatures of all sets of a name. */
void verify_sets(struct verifier *v, struct verify_lane *l, const struct zone_node *n);

/* --- verify_chain.c --- */

/* What is this name? */
uint8_t verify_name_of(const struct verifier *v, const struct zone_node *n);
/* Which chains there are. */
void verify_chain_begin(struct verifier *v, struct verify_lane *l);
/* Names between others; once all names are known. */
void verify_find_empty(struct verifier *v);
/* The denial records at a name, and those about it. */
void verify_denial(struct verifier *v, struct verify_lane *l, const struct zone_node *n);
/* NSEC3 that belong to no name; no denial at all. */
void verify_extra(struct verifier *v, struct verify_lane *l);

#endif
