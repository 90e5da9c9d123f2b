/* The one function that says which records of a reply may be believed (RFC 2181 section 5.4.1, RFC
 * 5452 section 6; Kaminsky 2008, MaginotDNS, CVE-2025-40778). A server is believed about its zone,
 * and there only about what was asked: whatever else stands in the message is not looked at. */
#include "resolver/machine.h"

/* True if ns names owner as a server. */
static bool is_server(const struct rrset *ns, const uint8_t *owner)
{
    struct rdata_iter it = rdata_iter(ns);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (name_equal(rd.p, owner))
            return true;
    return false;
}

bool bailiwick_allows(const struct bailiwick *b, unsigned section, const uint8_t *owner,
                      uint16_t type)
{
    if (!name_in(owner, b->zone))
        return false;
    switch (section) {
    case SECTION_ANSWER: /* the name itself, or a DNAME strictly above it (RFC 6672) */
        if (type == RR_DNAME && name_in(b->name, owner))
            return true;
        return name_equal(owner, b->name);
    case SECTION_AUTHORITY: /* the zone's SOA, or a zone cut on the way down to the name */
        if (type == RR_NS && name_equal(owner, b->zone))
            return false;
        return (type == RR_SOA || type == RR_NS) && name_in(b->name, owner);
    case SECTION_ADDITIONAL: /* addresses of the servers that the referral names */
        return (type == RR_A || type == RR_AAAA) && b->ns != NULL && is_server(b->ns, owner);
    default:
        return false;
    }
}
