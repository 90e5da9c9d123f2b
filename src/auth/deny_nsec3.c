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

static unsigned apex_labels(const struct query *q)
{
    return zone_node_labels(zone_apex(q->zone));
}

/* The NSEC3 of the last `labels` labels of the name, or the one that covers them. */
static const struct zone_node *nsec3_at(struct query *q, unsigned labels, bool *ret_equal)
{
    bool apex = labels == apex_labels(q);
    const struct zone_node *n = apex ? zone_nsec3_kept(q->zone, NSEC3_OF_APEX, ret_equal) : NULL;
    if (n == NULL && (n = nsec3_of(q, auth_suffix(q->name, labels), ret_equal)) != NULL && apex)
        zone_nsec3_keep(q->zone, NSEC3_OF_APEX, n, *ret_equal);
    return n;
}

/* The closest provable encloser (sections 6 and 7.2.1): the last `labels` labels of the name, or
 * fewer where opt-out left the NSEC3 of an empty non-terminal out; and that the name one label
 * longer does not exist. longer: what covers that, if it is known already. Returns the encloser's
 * number of labels. */
static unsigned enclose(struct query *q, unsigned labels, const struct zone_node *longer)
{
    unsigned apex = apex_labels(q);
    bool equal;
    if (longer == NULL)
        longer = nsec3_at(q, labels + 1, &equal);
    for (;; labels--) {
        const struct zone_node *n = nsec3_at(q, labels, &equal);
        if (equal)
            (void)deny_put(q, n, RR_NSEC3);
        if (equal || labels <= apex)
            break;
        longer = n;
    }
    (void)deny_put(q, longer, RR_NSEC3);
    return labels;
}

/* Sections 7.2.3 and 7.2.4; at a cut 7.2.7. */
static void nsec3_type(struct query *q, const struct zone_node *n)
{
    unsigned labels = zone_node_labels(n);
    bool equal;
    const struct zone_node *at = nsec3_at(q, labels, &equal);
    if (equal)
        (void)deny_put(q, at, RR_NSEC3);
    else if (labels > apex_labels(q)) /* opt-out */
        (void)enclose(q, labels - 1, at);
}

/* The wildcard below the last `labels` labels of the name. */
static void put_wildcard(struct query *q, unsigned labels)
{
    struct name wild;
    bool equal;
    const struct zone_node *n = NULL;
    if (labels == apex_labels(q))
        n = zone_nsec3_kept(q->zone, NSEC3_OF_APEX_WILDCARD, &equal);
    if (n == NULL && name_prepend(bytes_str("*"), auth_suffix(q->name, labels), &wild) == ST_OK) {
        n = nsec3_of(q, wild.w, &equal);
        if (n != NULL && labels == apex_labels(q))
            zone_nsec3_keep(q->zone, NSEC3_OF_APEX_WILDCARD, n, equal);
    }
    (void)deny_put(q, n, RR_NSEC3);
}

/* Section 7.2.2. */
static void nsec3_name(struct query *q)
{
    put_wildcard(q, enclose(q, q->found.encloser_labels, NULL));
}

/* Section 7.2.6. */
static void nsec3_expansion(struct query *q)
{
    bool equal;
    (void)deny_put(q, nsec3_at(q, q->found.encloser_labels + 1u, &equal), RR_NSEC3);
}

/* Section 7.2.5. */
static void nsec3_wild_type(struct query *q)
{
    put_wildcard(q, enclose(q, q->found.encloser_labels, NULL));
}

const struct deny_kind deny_nsec3 = {nsec3_type, nsec3_name, nsec3_expansion, nsec3_wild_type};
