/* Compact denial of existence (RFC 9824): one NSEC for the very name that was asked for, made and
 * signed on the spot. */
#include "auth/deny.h"

enum { TYPE_NXNAME = 128, EDNS_Z_CO = 0x4000, TYPES_MAX = 4096 };

/* Adds the NSEC of q->name with these types. */
static void put(struct query *q, enum msg_section s, enum answer_why why, uint16_t *types, size_t n)
{
    struct auth *au = auth_of(q);
    struct answer_item *it = answer_add(&q->answer, s, why, false);
    if (it == NULL)
        return;
    if (!online_nsec(au->online, zone_attached(q->zone), q->name, types, n,
                     zone_negative_soa(q->zone)->ttl, &it->set)) {
        answer_undo(&q->answer);
        q->answer.overflow = true;
        return;
    }
    auth_sign_online(q);
}

/* The types a node (NULL: none) has, with those that this proof adds to each name; at a cut those
 * of the parent only (RFC 4035 section 2.3). */
static size_t types_of(const struct query *q, const struct zone_node *n, uint16_t types[TYPES_MAX])
{
    struct rrset set;
    uint32_t cursor = 0;
    size_t count = 0;
    if (n == NULL)
        types[count++] = TYPE_NXNAME;
    while (n != NULL && count < TYPES_MAX - 2 &&
           zone_rrset_next(q->zone, n, q->name, &cursor, &set))
        if (!zone_node_cut(n) || set.type == RR_NS || set.type == RR_DS)
            types[count++] = set.type;
    types[count++] = RR_RRSIG;
    types[count++] = RR_NSEC;
    return count;
}

/* Section 3.2, and 3.4 for an unsigned delegation. */
static void compact_type(struct query *q, const struct zone_node *n)
{
    uint16_t types[TYPES_MAX];
    size_t count = types_of(q, n, types);
    const uint8_t *name = q->name;
    if (zone_node_cut(n)) /* a referral speaks of the cut */
        q->name = auth_suffix(name, zone_node_labels(n));
    put(q, SECTION_AUTHORITY, ANSWER_PROOF, types, count);
    q->name = name;
}

/* Section 3.1: the name exists and has nothing; section 5.1: a client that says it knows what that
 * means is told NXDOMAIN. */
static void compact_name(struct query *q)
{
    uint16_t types[TYPES_MAX];
    if ((q->in.edns.z & EDNS_Z_CO) == 0)
        q->reply.rcode = RCODE_NOERROR;
    put(q, SECTION_AUTHORITY, ANSWER_PROOF, types, types_of(q, NULL, types));
}

/* Section 3.3: a name that a wildcard stands for is as good as one that exists. */
static void compact_expansion(struct query *q)
{
    (void)q;
}

static void compact_wild_type(struct query *q)
{
    compact_type(q, q->found.node);
}

const struct deny_kind deny_compact = {compact_type, compact_name, compact_expansion,
                                       compact_wild_type};

bool auth_answer_nsec(struct query *q, const struct zone_node *n)
{
    uint16_t types[TYPES_MAX];
    if (!q->dnssec || zone_attached(q->zone) == NULL)
        return false;
    struct answer *a = &q->answer;
    unsigned before = a->n;
    put(q, SECTION_ANSWER, ANSWER_DATA, types, types_of(q, n, types));
    if (q->in.q.type == RR_RRSIG && a->n == before + 2) { /* the signature alone */
        a->item[before] = a->item[before + 1];
        a->n--;
    }
    return true;
}
