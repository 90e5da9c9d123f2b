/* Denial of existence with NSEC3, opt-out included (RFC 5155 section 7.2). Iterations are those the
 * signer chose; that many of them are unwise (RFC 9276) is for validators to say. */
#include "auth/deny.h"

/* The NSEC3 of a name, or else the one that covers it. */
static const struct zone_node *nsec3_of(struct query *q, const uint8_t *name, bool *ret_equal)
{
    struct zone_nsec3_param p;
    struct auth *au = auth_of(q);
    uint8_t hash[NSEC3_HASH];
    *ret_equal = false;
    if (au->hasher == NULL)
        au->hasher = nsec3_hasher_new();
    if (au->hasher == NULL || !zone_nsec3_param(q->zone, &p) ||
        nsec3_hash(au->hasher, name, p.salt, p.iterations, hash) != ST_OK)
        return NULL;
    return zone_nsec3_find(q->zone, hash, ret_equal);
}

static void put(struct query *q, const uint8_t *name)
{
    bool equal;
    (void)deny_put(q, nsec3_of(q, name, &equal), RR_NSEC3);
}

/* The closest provable encloser (sections 6 and 7.2.1): the last `labels` labels of the name, or
 * fewer where opt-out left the NSEC3 of an empty non-terminal out; and that the name one label
 * longer does not exist. Returns its number of labels. */
static unsigned enclose(struct query *q, unsigned labels)
{
    unsigned apex = zone_node_labels(zone_apex(q->zone));
    for (;; labels--) {
        bool equal;
        const struct zone_node *n = nsec3_of(q, auth_suffix(q->name, labels), &equal);
        if (equal)
            (void)deny_put(q, n, RR_NSEC3);
        if (equal || labels <= apex)
            break;
    }
    put(q, auth_suffix(q->name, labels + 1));
    return labels;
}

/* Sections 7.2.3 and 7.2.4; at a cut 7.2.7. */
static void nsec3_type(struct query *q, const struct zone_node *n)
{
    unsigned labels = zone_node_labels(n), apex = zone_node_labels(zone_apex(q->zone));
    bool equal;
    const struct zone_node *at = nsec3_of(q, auth_suffix(q->name, labels), &equal);
    if (equal)
        (void)deny_put(q, at, RR_NSEC3);
    else if (labels > apex) /* opt-out */
        (void)enclose(q, labels - 1);
}

/* The wildcard below the last `labels` labels of the name. */
static void put_wildcard(struct query *q, unsigned labels)
{
    struct name wild;
    if (name_prepend(bytes_str("*"), auth_suffix(q->name, labels), &wild) == ST_OK)
        put(q, wild.w);
}

/* Section 7.2.2. */
static void nsec3_name(struct query *q)
{
    put_wildcard(q, enclose(q, q->found.encloser_labels));
}

/* Section 7.2.6. */
static void nsec3_expansion(struct query *q)
{
    put(q, auth_suffix(q->name, q->found.encloser_labels + 1u));
}

/* Section 7.2.5. */
static void nsec3_wild_type(struct query *q)
{
    put_wildcard(q, enclose(q, q->found.encloser_labels));
}

const struct deny_kind deny_nsec3 = {nsec3_type, nsec3_name, nsec3_expansion, nsec3_wild_type};
