/* A name server of the simulated Internet: our own authoritative machine over the zones this server
 * has, at a distance, with whatever is wrong with it.
 *
 * Pure: a query goes in, the packets that come back, each with its delay, go out. The simulator
 * puts them into virtual time, the lab's server process into real time. */
#ifndef BANYAN_SIM_HOST_H
#define BANYAN_SIM_HOST_H

#include "auth/auth.h"
#include "base/arena.h"
#include "base/hash.h"
#include "sim/fault.h"

enum { HOST_ADDRESSES = 8, HOST_FAULTS = 16, HOST_PACKETS = 8 };

struct host_fault {
    enum fault fault;
    bool scoped;
    struct name zone; /* scoped: only questions for names in this zone */
};

/* A server that answers out of its own script, in scenarios: returns false to let the zones answer.
 */
struct host_script {
    void *ctx;
    bool (*ask)(void *ctx, const struct request *rq, size_t *ret_n);
};

struct host {
    struct name name;
    struct netaddr addr[HOST_ADDRESSES]; /* port 0 */
    unsigned addr_count;
    uint32_t delay_us;
    struct zone_table *table; /* owned */
    struct auth *auth;        /* owned */
    struct auth_options options;
    struct host_fault fault[HOST_FAULTS];
    unsigned fault_count;
    struct host_script script;
    uint64_t asked; /* queries received */
};

struct host_packet {
    uint64_t delay_us; /* from the arrival of the query */
    struct netaddr from;
    struct bytes wire;
    bool unreachable; /* not a packet: an ICMP error or a TCP reset */
};

struct host_out {
    struct host_packet packet[HOST_PACKETS];
    unsigned n; /* 0: silence */
};

/* Makes the machine over `table`, which the host owns from then on (also on failure). Name,
 * addresses and delay are filled by the caller. ST_ENOMEM. */
enum status host_open(struct host *h, struct zone_table *table, const struct env *env) MUST_USE;
void host_close(struct host *h);
/* Serves z in the place of the zone of the same name. ST_ENOMEM. */
enum status host_replace(struct host *h, struct zone *z) MUST_USE;
/* Adds a fault; zone NULL: for everything the server does. ST_ELIMIT. */
enum status host_break(struct host *h, enum fault f, const uint8_t *zone) MUST_USE;
/* True if the server has the fault for questions about qname. */
bool host_has(const struct host *h, enum fault f, const uint8_t *qname);
/* True if it has a fault for qname that may make a resolution fail. */
bool host_faulty(const struct host *h, const uint8_t *qname);
/* One query. rq->out is used as scratch; packets are in the arena. */
void host_ask(struct host *h, struct request *rq, struct prng *rnd, struct arena *a,
              struct host_out *out);

#endif
