/* What a resolver answers by itself: records and zones of the configuration, host files, and names
 * with a special meaning (special.def). Built once, then never changed; shared by all workers. */
#ifndef BANYAN_RESOLVER_LOCAL_DATA_H
#define BANYAN_RESOLVER_LOCAL_DATA_H

#include "base/diag.h"
#include "base/hash.h"
#include "dns/rrset.h"

/* What is said of names in a local zone that have no records of their own here, in the words of
 * resolver.local-zones[].kind. */
enum local_kind {
    LOCAL_TRANSPARENT, /* resolved as if there were no zone; a name with records here has no others
                        */
    LOCAL_STATIC,      /* the zone is all there is: NXDOMAIN or no data */
    LOCAL_REDIRECT,    /* all names have the zone's own records */
    LOCAL_NODATA,      /* they exist and have nothing */
    LOCAL_NXDOMAIN,    /* they do not exist */
    LOCAL_REFUSE,      /* REFUSED */
    LOCAL_LOCALHOST,   /* loopback addresses (RFC 6761 section 6.3) */
};

struct local_data;

/* NULL: no memory. key: so that nobody can choose names that share a place in the table. */
struct local_data *local_data_new(const struct hash_key *key) MUST_USE;
void local_data_free(struct local_data *d);
/* A zone; one of the same name that is special gives way to it. ST_EEXIST, ST_ENOMEM. */
enum status local_data_zone(struct local_data *d, const uint8_t *name,
                            enum local_kind kind) MUST_USE;
/* All zones of special.def but those that are named in `except`, or are there already. */
enum status local_data_special(struct local_data *d, const uint8_t *const *except,
                               size_t except_count) MUST_USE;
/* Whether special.def has this zone. */
bool local_special_known(const uint8_t *name);
/* A record; what is there twice counts once. ST_ESEMANTIC: an alias and other data at one name, or
 * two aliases; ST_ELIMIT: more than LIMIT_RRSET_RECORDS of a type, ST_ENOMEM. */
enum status local_data_add(struct local_data *d, const uint8_t *owner, uint16_t type, uint32_t ttl,
                           struct bytes rdata) MUST_USE;
/* The lines of a file in the form of /etc/hosts: an address and its names. Each name gets the
 * address, and each address (but 0.0.0.0 and ::, which stand for "nowhere") a PTR record to the
 * first name that it stands with. Words after # are no part of it. Bad lines go to sink with line
 * and column; then ST_ESYNTAX. `file` is for messages. */
enum status local_data_hosts(struct local_data *d, const char *file, struct bytes text,
                             struct diag_sink *sink) MUST_USE;

struct local_counts {
    size_t names, records, zones, special;
};
struct local_counts local_data_counts(const struct local_data *d);

enum local_says {
    LOCAL_NOTHING, /* others are to be asked */
    LOCAL_DATA,
    LOCAL_ALIAS, /* a CNAME, and the question was for another type */
    LOCAL_SAYS_NODATA,
    LOCAL_SAYS_NXDOMAIN,
    LOCAL_SAYS_REFUSED,
};
struct local_answer {
    enum local_says says;
    bool blocked;      /* the configuration wants it so, not the meaning of the name */
    struct rrset set;  /* DATA, ALIAS; owner is the name asked */
    const uint8_t *at; /* the zone with special meaning, or NULL: routes below it go before */
    struct rrset soa;  /* NODATA, NXDOMAIN; its owner is inside the name asked */
};
/* What is said of a name. Everything in *ret is borrowed from d and name. ANY gets the first type.
 */
enum local_says local_data_find(const struct local_data *d, const uint8_t *name, uint16_t type,
                                struct local_answer *ret);
/* By the last two bytes in front of the root of names of which something may be said: 32 words, one
 * for each of the first byte's values modulo 32, with a bit for each of the second's. */
const uint32_t *local_data_ends(const struct local_data *d);
/* False: it is certain that nothing is said of the name. len: its bytes. */
static inline bool local_ends_may(const uint32_t *ends, const uint8_t *name, size_t len)
{
    return len < 3 || (ends[name[len - 3] & 31] >> (name[len - 2] & 31) & 1) != 0;
}

#endif
