/* How much of the name a server gets to see (RFC 9156): one label more than the zone it is known to
 * serve. Servers that stumble over that are asked for the whole name (the relaxed way of section
 * 4). */
#include "resolver/machine.h"

void minimise(const struct resolver *r, struct lookup *l)
{
    unsigned n = name_labels(l->at);
    l->asked_type = l->type;
    name_copy(l->asked.w, l->at);
    if (!r->opt->minimise || l->cut.forward || l->full || l->minimised >= LIMIT_MINIMISE)
        return;
    /* Keys and DS between a zone and a name that its servers were asked for: nothing to hide. */
    if (l->told > 0 && l->cut.labels + 1u >= l->told)
        return;
    if (l->shown <= l->cut.labels)
        l->shown = (uint8_t)(l->cut.labels + 1);
    if (l->shown >= n)
        return;
    name_copy(l->asked.w, name_skip(l->at, n - l->shown));
    /* Section 2.1: the type that stands out least; but the servers of the root and of top-level
     * domains get little else than such questions, and with NS they tell a zone that they serve
     * themselves, too, from a name. */
    l->asked_type = l->cut.labels <= 1 || r->opt->minimise_ns ? RR_NS : RR_A;
}
