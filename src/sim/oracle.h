/* Knows the right answer because it sees every zone at once.
 *
 * Written from the RFCs and from nothing else: no code of auth/ or resolver/, no lookup of zone/
 * (records are copied out into plain lists). Slow and simple on purpose. */
#ifndef BANYAN_SIM_ORACLE_H
#define BANYAN_SIM_ORACLE_H

#include "base/arena.h"
#include "dns/msg.h"
#include "sim/internet.h"

enum { ORACLE_STEPS = 24 };

struct oracle;

/* How a question ends. */
enum oracle_end {
    END_POSITIVE,
    END_NODATA,
    END_NXDOMAIN,
    END_YXDOMAIN, /* a DNAME made the name too long (RFC 6672 section 2.2) */
    END_LOOP,     /* aliases in a circle, or more than a resolver follows */
    END_BROKEN,   /* a delegation that leads nowhere, or a zone that nobody can reach */
};

struct oracle_set {
    struct rrset set;  /* packed RDATA in the caller's arena */
    uint64_t until_us; /* when this version went out of service; UINT64_MAX: it has not */
    bool synthesised;  /* the CNAME of a DNAME */
};

struct oracle_answer {
    enum oracle_end end;
    struct oracle_set set[ORACLE_STEPS]; /* the answer section, aliases first */
    unsigned set_count;
    struct name soa; /* negative: the zone that says so */
    uint32_t negative_ttl_s;
    uint64_t negative_until_us;
    bool suspect; /* a fault stands somewhere on the path: SERVFAIL is excused */
};

/* Borrows the topology and in's hosts; copies the records. NULL when memory is out. */
struct oracle *oracle_new(const struct internet *in) MUST_USE;
void oracle_free(struct oracle *o);
/* A zone was replaced at `now_us`: the old version stays right until its TTLs have run out. */
enum status oracle_update(struct oracle *o, const struct zone *z, uint64_t now_us) MUST_USE;
/* Zones it holds, old versions counted too. */
unsigned oracle_zones(const struct oracle *o);
/* The right answer, with every zone in its newest version (age 0) or, where it has one, in the
 * version before (age 1). */
void oracle_ask(struct oracle *o, const uint8_t *qname, uint16_t qtype, unsigned age,
                struct arena *a, struct oracle_answer *ret);
/* Judges a response. True if it is right; else *why says what is wrong. `excused` is set for a
 * SERVFAIL that a fault explains. */
struct oracle_case {
    const uint8_t *qname;
    uint16_t qtype;
    uint64_t now_us;
    bool lossy; /* the network itself loses packets: any SERVFAIL is excused */
};
bool oracle_judge(struct oracle *o, const struct oracle_case *c, const struct msg *m,
                  struct arena *a, bool *ret_excused, struct text *why);

#endif
