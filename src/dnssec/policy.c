#include "dnssec/policy.h"

#include "crypto/key.h"

enum { HOUR = 3600, DAY = 24 * HOUR };

/* Two weeks of validity and a week to notice that nothing is signed any more (RFC 6781 section
 * 4.4.2); ECDSA P-256 as RFC 9904 recommends. */
struct sign_policy sign_policy_default(void)
{
    return (struct sign_policy){
        .algorithm = SEC_ECDSAP256SHA256,
        .rsa_bits = 2048,
        .denial = DENIAL_NSEC,
        .serial = SERIAL_INCREMENT,
        .cds = CDS_ALWAYS,
        .validity_s = 14 * DAY,
        .refresh_s = 7 * DAY,
        .jitter_s = DAY,
        .backdate_s = HOUR,
        .dnskey_ttl_s = HOUR,
        .propagation_s = HOUR,
        .ds_ttl_s = DAY,
        .zone_ttl_s = DAY,
    };
}
