/* One answer, validated here: its chain of trust link by link, from the anchor down to the data.
 *
 * Who asks the questions does not matter: a resolver in this process, or a server somewhere. Every
 * signature is checked here, so that a server that takes signatures out can be told from a zone
 * that is broken. */
#ifndef BANYAN_APP_VALIDATE_H
#define BANYAN_APP_VALIDATE_H

#include "base/json.h"
#include "core/env.h"
#include "dnssec/anchor.h"
#include "dnssec/judge.h"

enum {
    VALIDATE_LINKS = 192,     /* a chain of one label a zone, and aliases, is shorter */
    VALIDATE_QUESTIONS = 256, /* at most, for one answer */
    VALIDATE_WORDS = 1024,
    VALIDATE_BYTES = 64 << 20
};

/* Where the replies come from. */
struct validate_source {
    void *ctx;
    /* Asks for signatures too and for no judgement. *ret is borrowed until the next question.
     * False: there is no reply, and *why says in words why. */
    bool (*ask)(void *ctx, const uint8_t *name, uint16_t type, struct bytes *ret, struct text *why);
};

/* What a denial record says of a name. */
enum proof_role {
    PROOF_AT,         /* it is the record of the name: which types there are */
    PROOF_COVERS,     /* the name lies between two that follow each other: it does not exist */
    PROOF_EMPTY,      /* the same, but a name below it exists */
    PROOF_ENCLOSER,   /* it is the record of the closest name above that exists */
    PROOF_WILD_AT,    /* as PROOF_AT of the wildcard that could stand for the name */
    PROOF_WILD_COVERS /* there is no such wildcard */
};

struct proof_part {
    enum proof_role role;
    struct rrset set; /* NSEC or NSEC3, of one record */
    struct name of;
    bool opt_out; /* unsigned delegations may lie there all the same (RFC 5155 section 6) */
};

enum link_kind {
    LINK_ANCHOR, /* a zone whose keys a trust anchor names */
    LINK_ZONE,   /* a zone whose keys the DS at its parent names */
    LINK_NO_CUT, /* the name is no zone of its own */
    LINK_NO_DS,  /* a delegation without DS: the chain ends */
    LINK_DATA,   /* an RRset of the answer */
    LINK_DENIAL  /* there is no such name, or no such type */
};

/* A link of the chain. Unless `broken`, it holds. */
struct chain_link {
    enum link_kind kind;
    struct name name, zone;  /* zone: whose keys signed it */
    uint16_t type;           /* of data and denials */
    bool no_name;            /* denial: the name does not exist (NXDOMAIN) */
    bool plain;              /* data: not signed, as it should be, below the end of the chain */
    bool broken;             /* here the validation fails */
    struct trust_result by;  /* the signature over it; tag 0: none */
    struct rrset ds, dnskey; /* of zones; count 0: none */
    struct trust_result keys_by;
    bool has_target; /* an alias */
    struct name target;
    const struct proof_part *proof;
    unsigned proofs;
};

struct validation {
    enum trust trust;
    struct verdict verdict;       /* the worst of the answer */
    uint32_t iterations;          /* of NSEC3, where there are too many */
    struct name blame;            /* the zone whose data it is about */
    bool silent;                  /* no verdict, since a question that matters found no reply */
    bool stripped;                /* not even the anchor's zone comes with signatures */
    char trouble[VALIDATE_WORDS]; /* why there is no reply; else "" */
    struct now now;
    struct bytes wire; /* the reply to the question itself; empty: there is none */
    unsigned questions;
    uint32_t signatures; /* units of BUDGET_SIGNATURES that checking it cost */
    struct chain_link *link;
    unsigned links;
    struct arena arena; /* all lives here */
};

/* Validates. Anything but ST_OK (ST_ENOMEM) is no verdict; *ret is to be freed in any case. */
enum status validate(const struct validate_source *s, const struct anchors *anchors,
                     const uint8_t *name, uint16_t type, struct now now,
                     struct validation *ret) MUST_USE;
void validation_free(struct validation *v);

/* The well signed denial records of a reply that speak of a name, in *ret out of the arena; how
 * many. *by: the signature of the first. (validate_proof.c) */
unsigned proof_parts(const struct judge *j, struct zone_keys *keys, const struct reply *r,
                     const uint8_t *name, struct arena *a, const struct proof_part **ret,
                     struct trust_result *by);

/* "secure", "insecure", "bogus", or "undecided": there is no verdict. */
const char *validation_word(const struct validation *v);
/* Why, in one sentence without its end; and who must do what ("" if nothing is to be done).
 * (validate_view.c) */
void validation_why(const struct validation *v, struct text *out);
void validation_act(const struct validation *v, struct text *out);
/* A record of a proof in words: "NSEC a.org. -> c.org. covers b.org." */
void proof_text(const struct proof_part *p, uint16_t type, struct text *out);
/* The signature that ends first of those the answer hangs on; NULL: none. */
const struct chain_link *validation_first_end(const struct validation *v, uint32_t *ret_expires);
/* The chain, a line a link, and the verdict. server: "" if it was resolved here. */
void validation_text(const struct validation *v, const char *server, bool colour, struct text *out);
/* The same as one JSON object. (validate_json.c) */
void validation_json(const struct validation *v, struct json *j);

#endif
