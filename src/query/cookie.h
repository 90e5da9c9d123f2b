/* DNS cookies that all servers of an anycast group can check (RFC 7873, RFC 9018). */
#ifndef BANYAN_QUERY_COOKIE_H
#define BANYAN_QUERY_COOKIE_H

#include "base/hash.h"
#include "base/netaddr.h"
#include "dns/edns.h"

enum {
    COOKIE_CLIENT_SIZE = 8,
    COOKIE_SIZE = 24, /* client cookie and our 16-byte server cookie */
    /* RFC 9018 section 4.3, seconds. */
    COOKIE_OLD = 3600,
    COOKIE_FUTURE = 300,
    COOKIE_RENEW = 1800,
};

/* The key for SipHash from 16 bytes of secret as RFC 9018 and the peers' configurations write it.
 */
struct hash_key cookie_key(const uint8_t secret[16]);
/* Writes client cookie and server cookie for a client at this address and time. */
void cookie_make(const struct hash_key *key, const uint8_t client[COOKIE_CLIENT_SIZE],
                 const struct netaddr *addr, uint32_t now_s, uint8_t ret[COOKIE_SIZE]);
/* True if the whole cookie (client and server part) was made with this key for this client and its
 * time is neither too old nor too far ahead. */
bool cookie_check(const struct hash_key *key, struct bytes cookie, const struct netaddr *addr,
                  uint32_t now_s);
/* Seconds since a cookie of ours was made, by its own word. */
int32_t cookie_age(struct bytes cookie, uint32_t now_s);

#endif
