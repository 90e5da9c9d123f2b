/* How a zone is to be signed, as its owner configured it. Times in seconds. */
#ifndef BANYAN_DNSSEC_POLICY_H
#define BANYAN_DNSSEC_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum sign_denial { DENIAL_NSEC, DENIAL_NSEC3, DENIAL_COMPACT /* online, RFC 9824 */ };
enum sign_serial { SERIAL_INCREMENT, SERIAL_UNIXTIME, SERIAL_DATE, SERIAL_KEEP };
enum sign_cds { CDS_NEVER, CDS_ALWAYS, CDS_DELETE };

struct sign_policy {
    uint8_t algorithm; /* of keys made from now on */
    uint32_t rsa_bits;
    bool split;          /* a KSK and a ZSK; else one key for both (CSK) */
    uint32_t denial;     /* enum sign_denial */
    bool opt_out;        /* RFC 5155 section 6; only with NSEC3 */
    uint32_t serial;     /* enum sign_serial */
    uint32_t cds;        /* enum sign_cds */
    bool zonemd;         /* RFC 8976 */
    uint32_t validity_s; /* from now to the expiration of a new signature */
    uint32_t refresh_s;  /* a signature with less left is made anew */
    uint32_t jitter_s;   /* expirations are spread over so much before the end of validity_s */
    uint32_t backdate_s; /* inception lies so long before now (RFC 6781 section 4.4.2) */
    uint32_t dnskey_ttl_s;
    uint32_t propagation_s; /* until every server of the zone has a change */
    uint32_t ds_ttl_s;      /* of the DS in the parent */
    uint32_t zone_ttl_s;    /* the largest TTL of the zone: caches keep signatures so long */
};

/* The policy called "auto". */
struct sign_policy sign_policy_default(void);

#endif
