/* Denial of existence with NSEC (RFC 4035 section 3.1.3). */
#include "auth/deny.h"

static void nsec_type(struct query *q, const struct zone_node *n)
{
    (void)deny_put(q, zone_nsec_of(q->zone, n), RR_NSEC);
}

/* RFC 4035 section 3.1.3.3. */
static void nsec_expansion(struct query *q)
{
    const uint8_t *next = auth_suffix(q->name, q->found.encloser_labels + 1u);
    (void)deny_put(q, zone_nsec_before(q->zone, q->found.encloser, next), RR_NSEC);
}

/* RFC 4035 section 3.1.3.2. */
static void nsec_name(struct query *q)
{
    static const uint8_t star[2] = {1, '*'};
    nsec_expansion(q);
    (void)deny_put(q, zone_nsec_before(q->zone, q->found.encloser, star), RR_NSEC);
}

/* RFC 4035 section 3.1.3.4. */
static void nsec_wild_type(struct query *q)
{
    nsec_expansion(q);
    nsec_type(q, q->found.node);
}

const struct deny_kind deny_nsec = {nsec_type, nsec_name, nsec_expansion, nsec_wild_type};
