/* What a validator needs besides the signatures that stand beside each RRset: DS of a referral, and
 * proof of all that an answer says is not there (RFC 4035 section 3.1.3 and 3.1.4, RFC 5155
 * section 7.2). Of zones signed beforehand, what the signer left out is left out here. */
#include "auth/deny.h"

static const struct deny_kind *kind_of(const struct query *q)
{
    struct zone_nsec3_param p;
    if (zone_attached(q->zone) != NULL)
        return &deny_compact;
    return zone_nsec3_param(q->zone, &p) ? &deny_nsec3 : &deny_nsec;
}

void auth_prove_expansion(struct query *q)
{
    kind_of(q)->expansion(q);
}

bool deny_put(struct query *q, const struct zone_node *n, uint16_t type)
{
    struct auth *au = auth_of(q);
    struct answer *a = &q->answer;
    struct rrset set;
    if (n == NULL || !zone_rrset(q->zone, n, type, zone_origin(q->zone), &set))
        return false;
    for (unsigned i = 0; i < a->n; i++) /* RDATA of these types is never shared by two names */
        if (a->item[i].why == ANSWER_PROOF && a->item[i].set.rdata == set.rdata)
            return true;
    if (au->proofs == AUTH_PROOFS) {
        a->overflow = true;
        return false;
    }
    struct name *owner = &au->proof[au->proofs++];
    zone_node_name(q->zone, n, owner->w);
    set.owner = owner->w;
    answer_put(a, SECTION_AUTHORITY, ANSWER_PROOF, false, &set);
    if (!a->overflow)
        auth_sign(q, n);
    return true;
}

enum stage_result auth_prove(struct query *q)
{
    if (LIKELY(!q->dnssec))
        return STAGE_NEXT;
    const struct zone_node *n = q->found.node;
    switch ((enum shape)q->shape) {
    case SHAPE_REFERRAL: {
        const uint8_t *cut = auth_suffix(q->name, q->found.node_labels);
        if (!auth_add(q, n, RR_DS, cut, SECTION_AUTHORITY, ANSWER_REFERRAL, false))
            kind_of(q)->type(q, n);
        break;
    }
    case SHAPE_NODATA:
        if (q->found.match == ZONE_WILDCARD)
            kind_of(q)->wild_type(q);
        else
            kind_of(q)->type(q, n);
        break;
    case SHAPE_NXDOMAIN:
        kind_of(q)->name(q);
        break;
    case SHAPE_ANSWER: /* from a wildcard: proved where it was found */
    case SHAPE_ALIAS:
    case SHAPE_NONE:
        break;
    }
    return STAGE_NEXT;
}
