/* The inside of the authoritative role; private to auth/. */
#ifndef BANYAN_AUTH_STATE_H
#define BANYAN_AUTH_STATE_H

#include "auth/auth.h"
#include "auth/ready.h"
#include "dnssec/nsec3.h"
#include "dnssec/online.h"
#include "query/query.h"

/* NSEC and NSEC3 of one answer: one for each alias from a wildcard, three for the last name. */
enum { AUTH_PROOFS = LIMIT_CHAIN + 4 };

struct auth {
    const struct zone_table *table;
    const struct auth_options *opt;
    struct query_options shared; /* what the stages of query/ need of opt */
    const struct env *env;
    uint32_t turn;       /* of cyclic rotation */
    struct prng shuffle; /* of random rotation: need not be secret */
    struct auth_counters count;
    bool large;                  /* zones are more than the processor's caches hold */
    struct online *online;       /* NULL until a zone needs it */
    struct nsec3_hasher *hasher; /* likewise */
    struct ready_table *ready;   /* NULL: every answer is made anew */
    struct ready_key key;        /* of the answer to be kept, where query.keep */
    uint32_t proofs;             /* names used of proof, in this answer */
    struct name proof[AUTH_PROOFS];
    struct query query; /* large: last */
};

extern const struct role auth_role;

static inline struct auth *auth_of(const struct query *q)
{
    return q->role;
}

/* What is asked of the server itself or is no ordinary question: classes, meta types, CHAOS. */
enum stage_result auth_local(struct query *q);
/* The zone of the question (RFC 1034 section 4.3.2 step 2). */
enum stage_result auth_find(struct query *q);
/* Answer and authority (step 3), following aliases inside our zones. */
enum stage_result auth_answer(struct query *q);
/* DS of a referral, and denial of existence. */
enum stage_result auth_prove(struct query *q);
/* The additional section. */
enum stage_result auth_extra(struct query *q);
enum stage_result auth_account(struct query *q);

/* Puts the zone of a name into q. False if none of ours holds it. */
bool auth_enter(struct query *q, const uint8_t *name);
/* Proves that the name found by a wildcard does not exist itself. Only when q->dnssec. */
void auth_prove_expansion(struct query *q);
/* Adds the RRSIGs over the item just added, if the client wants them and there are any. They share
 * its TTL (RFC 4034 section 3). What the parent does not speak for has none (RFC 4035
 * section 2.2). */
void auth_sign(struct query *q, const struct zone_node *n);
/* The same for zones whose signatures are made when they are asked for. */
void auth_sign_online(struct query *q);
/* In such a zone, NSEC and RRSIG of any name are answers too: true if one was given. n NULL: the
 * name does not exist. */
bool auth_answer_nsec(struct query *q, const struct zone_node *n);
/* Adds an RRset of a node, with its signatures; false if there is none. */
bool auth_add(struct query *q, const struct zone_node *n, uint16_t type, const uint8_t *owner,
              enum msg_section s, enum answer_why why, bool may);
/* The last `labels` labels of a name that has at least so many. */
const uint8_t *auth_suffix(const uint8_t *name, unsigned labels);

#endif
