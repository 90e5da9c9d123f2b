/* The root key trust anchor sentinel (RFC 8509): two names in any signed zone tell a user whether
 * the resolver trusts a key of the root. */
#include "resolver/machine.h"

#include "dnssec/dnskey.h"

enum { TAG_DIGITS = 5 };

static bool is_anchor(const struct resolver *r, uint32_t tag)
{
    const struct rrset *root = anchors_find(r->opt->anchors, name_root);
    struct ds d;
    if (root == NULL)
        return false;
    struct rdata_iter it = rdata_iter(root);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (ds_read(rd, &d) && d.tag == tag)
            return true;
    return false;
}

/* Section 2: the label is exactly so long; the tag has five digits, leading zeros counted. */
static bool label_is(const uint8_t *name, const char *word, uint32_t *ret_tag)
{
    struct name lower;
    size_t n = strlen(word);
    if (name[0] != n + TAG_DIGITS)
        return false;
    name_lower(lower.w, name);
    *ret_tag = 0;
    for (unsigned i = 0; i < TAG_DIGITS; i++) {
        uint8_t c = lower.w[1 + n + i];
        if (c < '0' || c > '9')
            return false;
        *ret_tag = *ret_tag * 10 + (uint32_t)(c - '0');
    }
    return memcmp(lower.w + 1, word, n) == 0;
}

bool sentinel_fails(const struct resolver *r, const uint8_t *name, uint16_t type)
{
    uint32_t tag;
    /* Section 3.1: A and AAAA only. */
    if ((type != RR_A && type != RR_AAAA) || (name[0] != 29 && name[0] != 30))
        return false;
    if (label_is(name, "root-key-sentinel-is-ta-", &tag))
        return !is_anchor(r, tag);
    if (label_is(name, "root-key-sentinel-not-ta-", &tag))
        return is_anchor(r, tag);
    return false;
}
