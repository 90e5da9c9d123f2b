/* An IPv4 or IPv6 address with a port, and an address prefix: no sockets here. */
#ifndef BANYAN_BASE_NETADDR_H
#define BANYAN_BASE_NETADDR_H

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

struct netaddr {
    uint8_t family; /* enum addr_family */
    uint16_t port;  /* host order; 0 where it does not matter */
    uint32_t scope; /* IPv6 interface index for link-local addresses, else 0 */
    uint8_t a[16];  /* network order; the first 4 for IPv4, the rest zero */
};

struct netprefix {
    struct netaddr addr;
    uint8_t bits;
};

enum { NETADDR_TEXT_MAX = 64 };

static inline size_t netaddr_size(const struct netaddr *a)
{
    return a->family == ADDR_V4 ? 4 : a->family == ADDR_V6 ? 16 : 0;
}

struct netaddr netaddr_v4(const uint8_t a[4], uint16_t port);
struct netaddr netaddr_v6(const uint8_t a[16], uint16_t port);
/* IPv4 dotted quad, exactly four decimal octets without leading zeros; IPv6 per RFC 4291. The whole
 * text must be the address. */
enum status netaddr_parse(struct bytes text, struct netaddr *ret) MUST_USE;
/* "192.0.2.1", "192.0.2.1:53", "192.0.2.1@53", "2001:db8::1", "[2001:db8::1]:53", "2001:db8::1@53".
 */
enum status netaddr_parse_port(struct bytes text, uint16_t default_port,
                               struct netaddr *ret) MUST_USE;
/* "192.0.2.0/24"; an address alone is a full-length prefix. ST_ESEMANTIC: bits set past the prefix.
 */
enum status netprefix_parse(struct bytes text, struct netprefix *ret) MUST_USE;
/* Address without port; IPv6 in the form of RFC 5952. */
void netaddr_text(const struct netaddr *a, struct text *out);
/* "192.0.2.1:53" or "[2001:db8::1]:53". */
void netaddr_text_port(const struct netaddr *a, struct text *out);
/* Address and port the same. */
bool netaddr_equal(const struct netaddr *a, const struct netaddr *b);
/* Address the same, whatever the port. */
bool netaddr_same_host(const struct netaddr *a, const struct netaddr *b);
bool netprefix_covers(const struct netprefix *p, const struct netaddr *a);
bool netaddr_is_loopback(const struct netaddr *a);

#endif
