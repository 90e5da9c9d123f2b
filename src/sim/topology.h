/* Which servers an Internet of ours has: read from YAML (lab/topology.yaml explains the format), or
 * made up by the simulator. */
#ifndef BANYAN_SIM_TOPOLOGY_H
#define BANYAN_SIM_TOPOLOGY_H

#include "base/arena.h"
#include "base/diag.h"
#include "base/netaddr.h"
#include "dns/name.h"
#include "sim/fault.h"

enum {
    TOPO_SERVERS = 512,
    TOPO_SERVER_ZONES = 128,
    TOPO_ADDRESSES = 4,
    TOPO_FAULTS = 8,
    TOPO_ZONES = 1024 /* zones with particulars of their own */
};

enum topo_dnssec { TOPO_UNSIGNED, TOPO_NSEC, TOPO_NSEC3, TOPO_OPT_OUT /* NSEC3 with opt-out */ };

/* How a zone is signed. */
struct topo_signing {
    enum topo_dnssec dnssec;
    uint8_t algorithm; /* of all its keys */
    bool split;        /* a KSK and a ZSK; else one key for both */
};

struct topo_zone {
    struct name name;
    struct topo_signing signing;
};

struct topo_server {
    struct name name;
    struct netaddr addr[TOPO_ADDRESSES];
    unsigned addr_count;
    struct netaddr loopback; /* family ADDR_NONE: not in the form without privileges */
    uint32_t delay_us;
    const struct name **zones; /* zone names, in the topology's arena */
    unsigned zone_count;
    enum fault fault[TOPO_FAULTS];
    unsigned fault_count;
};

struct topology {
    struct arena arena;
    struct topo_server *server; /* in the arena; TOPO_SERVERS long */
    unsigned server_count;
    struct topo_signing signing; /* of zones that are not in `zone` */
    struct topo_zone *zone;      /* in the arena; TOPO_ZONES long */
    unsigned zone_count;
};

/* Room for TOPO_SERVERS servers; ST_ENOMEM. */
enum status topology_init(struct topology *t) MUST_USE;
void topology_free(struct topology *t);
/* A new zeroed server, or NULL at the limit. */
struct topo_server *topology_add(struct topology *t, const uint8_t *name) MUST_USE;
/* Says that s serves zone. ST_ELIMIT, ST_ENOMEM. */
enum status topology_serve(struct topology *t, struct topo_server *s, const uint8_t *zone) MUST_USE;
struct topo_server *topology_find(const struct topology *t, const uint8_t *name);
/* True if the server is listed for exactly this zone. */
bool topo_serves(const struct topo_server *s, const uint8_t *zone);
/* How a zone is signed. */
struct topo_signing topology_signing(const struct topology *t, const uint8_t *zone);
/* "auto" (which is NSEC), "nsec", "nsec3", "nsec3-opt-out", "off". */
bool topo_dnssec_parse(const char *word, enum topo_dnssec *ret);
const char *topo_dnssec_word(enum topo_dnssec v);
/* The nearest word to a misspelt one, or NULL. */
const char *topo_dnssec_nearest(const char *word);

/* Reads YAML text; t has been topology_init'ed. Every error goes to sink with line and column; then
 * ST_ESYNTAX. `file` is only for messages. */
enum status topology_parse(struct topology *t, struct bytes text, const char *file,
                           struct diag_sink *sink) MUST_USE;

#endif
