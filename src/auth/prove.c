/* What a validator needs besides the signatures that stand beside each RRset (RFC 4035
 * section 3.1.3 and 3.1.4). */
#include "auth/state.h"

enum stage_result auth_prove(struct query *q)
{
    if (LIKELY(!q->dnssec))
        return STAGE_NEXT;
    const struct zone_node *n = q->found.node;
    switch ((enum shape)q->shape) {
    case SHAPE_REFERRAL: {
        const uint8_t *cut = auth_suffix(q->name, q->found.node_labels);
        if (!auth_add(q, n, RR_DS, cut, SECTION_AUTHORITY, ANSWER_REFERRAL, false))
            (void)auth_add(q, n, RR_NSEC, cut, SECTION_AUTHORITY, ANSWER_PROOF, false);
        break;
    }
    case SHAPE_NODATA:
        if (q->found.match == ZONE_EXACT || q->found.match == ZONE_DELEGATION)
            (void)auth_add(q, n, RR_NSEC, q->name, SECTION_AUTHORITY, ANSWER_PROOF, false);
        break;
    case SHAPE_NXDOMAIN:
    case SHAPE_ANSWER:
    case SHAPE_ALIAS:
    case SHAPE_NONE:
        break;
    }
    return STAGE_NEXT;
}
