/* The zones of an Internet of ours, signed in memory when it is opened.
 *
 * Keys are not kept anywhere: they follow from the zone's name and the role (a SHA-256 of both is
 * the secret), so every process and every run has the same ones. RSA keys cannot be made that way:
 * they are the fixed files keys/rsa-1.private (KSK and single key) and keys/rsa-2.private (ZSK) of
 * the lab's folder, one pair for all zones. All of it is test material that anybody can read. */
#ifndef BANYAN_SIM_SIGNING_H
#define BANYAN_SIM_SIGNING_H

#include "base/diag.h"
#include "dnssec/dnskey.h"
#include "dnssec/sign.h"
#include "sim/topology.h"
#include "zone/load.h"

enum { SIGNING_KEYS = 2, SIGNING_VALIDITY_S = 30 * 86400, DS_TTL_S = 86400 };

/* Where keys come from. */
struct sim_signing_source {
    const struct file_source *files;
    const char *dir; /* holds keys/ */
    bool repeatable; /* Ed25519 in the place of ECDSA, whose signatures differ every time */
};

/* What one zone is signed with. */
struct sim_signing {
    struct topo_signing how;
    uint16_t iterations; /* of NSEC3 */
    uint8_t salt_n;      /* bytes of its salt */
    bool zonemd;
    struct sign_key key[SIGNING_KEYS]; /* the first one signs the keys */
    unsigned keys;                     /* 0: the zone is not signed */
    uint8_t dnskey[SIGNING_KEYS][DNSKEY_RDATA_MAX];
};

/* Makes the keys of a zone, which is signed as s->how says. ST_EUNSUPPORTED, ST_EIO and others with
 * *d filled. sim_signing_free() also after a failure. */
enum status sim_signing_open(struct sim_signing *s, const struct sim_signing_source *src,
                             const uint8_t *zone, struct diag *d) MUST_USE;
/* A key that follows from the zone's name and a number, as others do, but that signs nothing:
 * appends its public half as it stands in a DNSKEY. ST_EUNSUPPORTED for RSA. */
enum status sim_signing_spare(uint8_t algorithm, const uint8_t *zone, unsigned number,
                              struct writer *out) MUST_USE;
void sim_signing_free(struct sim_signing *s);
/* Signs a zone: signatures begin an hour before now_s and are good for SIGNING_VALIDITY_S. */
enum status sim_signing_apply(const struct sim_signing *s, const struct zone *z, uint64_t now_s,
                              struct zone **ret, struct diag *d) MUST_USE;
/* The DNSKEY of the root's KSK: appends its RDATA. ST_ENOTFOUND if the root is not signed. */
enum status sim_signing_anchor(const struct topology *t, const struct sim_signing_source *src,
                               struct writer *out, struct diag *d) MUST_USE;

#endif
