/* The additional section: glue that a referral needs (RFC 9471), and addresses that spare the asker
 * a question (RFC 1034 section 4.3.2 step 6). */
#include "auth/state.h"
#include "dns/rdata.h"

enum {
    /* Names whose addresses are added to a positive answer: a courtesy, which a large RRset must
     * not turn into work (CVE-2024-11187). */
    EXTRA_NAMES = 13,
};

static const uint16_t address_types[] = {RR_A, RR_AAAA};

/* Addresses of one server of a referral. */
static void glue(struct query *q, const uint8_t *server, bool inside)
{
    const struct zone_node *n = zone_node_of(q->zone, server);
    if (n == NULL)
        return;
    /* RFC 9471 section 3.1: without these the zone referred to cannot be reached: TC if they do not
     * fit. */
    enum answer_why why = inside ? ANSWER_GLUE : ANSWER_SIBLING;
    for (size_t i = 0; i < ARRAY_LEN(address_types); i++) {
        struct answer_item *it = answer_add(&q->answer, SECTION_ADDITIONAL, why, !inside);
        if (it == NULL)
            return;
        if (!zone_rrset(q->zone, n, address_types[i], server, &it->set))
            answer_undo(&q->answer);
        else if (!zone_node_hidden(n) && !zone_node_cut(n))
            auth_sign(q, n);
    }
}

/* Servers inside the zone referred to first: what must not be left out comes before what may. */
static void referral_glue(struct query *q, const struct rrset *set)
{
    const struct rrset ns = *set;
    for (int inside = 1; inside >= 0; inside--) {
        struct rdata_iter it = rdata_iter(&ns);
        for (struct bytes rd; rdata_iter_next(&it, &rd);)
            if (name_in(rd.p, ns.owner) == (inside == 1))
                glue(q, rd.p, inside == 1);
    }
}

/* Addresses (and for SVCB the next link) of a name in an answer. Only what the zone says with
 * authority: no glue, but for NS, where the answer would be of no use without. */
static void address(struct query *q, const struct rrset *of, const uint8_t *name)
{
    const struct zone_node *n = zone_node_of(q->zone, name);
    if (n == NULL || ((zone_node_hidden(n) || zone_node_cut(n)) && of->type != RR_NS))
        return;
    for (size_t i = 0; i < ARRAY_LEN(address_types); i++)
        if (!answer_has(&q->answer, name, address_types[i]))
            (void)auth_add(q, n, address_types[i], name, SECTION_ADDITIONAL, ANSWER_ADDITIONAL,
                           true);
    if ((of->type == RR_SVCB || of->type == RR_HTTPS) && !answer_has(&q->answer, name, of->type))
        (void)auth_add(q, n, of->type, name, SECTION_ADDITIONAL, ANSWER_ADDITIONAL, true);
}

static void addresses(struct query *q, const struct rrset *set)
{
    unsigned names = 0;
    struct rdata_iter it = rdata_iter(set);
    for (struct bytes rd; names < EXTRA_NAMES && rdata_iter_next(&it, &rd);) {
        struct rdata_name at[RDATA_NAMES_MAX];
        unsigned n = rdata_names(set->type, rd, at);
        for (unsigned i = 0; i < n; i++) {
            if (!at[i].additional)
                continue;
            const uint8_t *name = rd.p + at[i].off;
            /* RFC 9460 section 2.5: "." stands for the owner in ServiceMode, for nothing in
             * AliasMode. */
            if (name_is_root(name) && (set->type == RR_SVCB || set->type == RR_HTTPS)) {
                if (get_be16(rd.p) == 0)
                    continue;
                name = set->owner;
            }
            address(q, set, name);
            names++;
        }
    }
}

enum stage_result auth_extra(struct query *q)
{
    struct answer *a = &q->answer;
    if (q->shape == SHAPE_REFERRAL) {
        for (unsigned i = 0; i < a->n; i++)
            if (a->item[i].why == ANSWER_REFERRAL && a->item[i].set.type == RR_NS)
                referral_glue(q, &a->item[i].set);
        return STAGE_NEXT;
    }
    if (q->shape != SHAPE_ANSWER)
        return STAGE_NEXT;
    unsigned n = a->n; /* what is added below has no additions of its own */
    for (unsigned i = 0; i < n; i++) {
        const struct answer_item *it = &a->item[i];
        if (it->why != ANSWER_DATA)
            continue;
        switch (it->set.type) {
        case RR_A: /* most answers: nothing to look for */
        case RR_AAAA:
        case RR_TXT:
            break;
        default: {
            struct rrset set = it->set;
            if (rr_type_has_names(set.type))
                addresses(q, &set);
        }
        }
    }
    return STAGE_NEXT;
}
