/* The pipeline that every answer goes through: struct query, the stages, the tables that order
 * them.
 *
 * A role is a table of stages. A stage reads what earlier stages gave, writes the members that are
 * its own, and says NEXT, DONE, DROP or WAIT; the index into the table never goes back. Stages put
 * references to RRsets, each with a section and a reason, into the answer; `encode` alone writes
 * bytes, so truncation, section order and sizes are decided in one place. */
#ifndef BANYAN_QUERY_QUERY_H
#define BANYAN_QUERY_QUERY_H

#include "base/hash.h"
#include "dns/encode.h"
#include "dns/msg.h"
#include "query/request.h"
#include "zone/zone.h"

/* What the shared stages need to know about the server; part of a configuration snapshot, borrowed.
 */
struct query_options {
    uint16_t udp_size;   /* largest UDP answer, and the size told to clients (RFC 9715) */
    bool recursion;      /* sets RA */
    bool cookies;        /* RFC 7873: answer COOKIE options */
    bool require_cookie; /* UDP: BADCOOKIE for a client that shows a wrong or no server cookie */
    struct hash_key key; /* server secret (RFC 9018 section 4.4), equal on all workers */
    bool has_old;
    struct hash_key old;   /* the one before: its cookies are still taken (RFC 9018 section 5) */
    struct bytes nsid;     /* RFC 5001; n 0: none */
    uint32_t keepalive_ms; /* TCP idle time told to clients (RFC 7828); 0: none */
    struct bytes report_agent; /* name of who wants to hear of failures (RFC 9567); n 0: nobody */
};

/* --- the answer ------------------------------------------------------------------------------ */

/* Why a record is in the answer. */
enum answer_why {
    ANSWER_DATA,       /* it was asked for */
    ANSWER_ALIAS,      /* CNAME or DNAME on the way to it */
    ANSWER_SYNTHESIS,  /* CNAME made from a DNAME (RFC 6672 section 3.1) */
    ANSWER_NEGATIVE,   /* SOA of a negative answer (RFC 2308 section 3) */
    ANSWER_REFERRAL,   /* NS (or DS) of a zone cut */
    ANSWER_GLUE,       /* address of a server inside the zone referred to (RFC 9471 section 2.1) */
    ANSWER_SIBLING,    /* address of another server in our zone (RFC 9471 section 2.2) */
    ANSWER_ADDITIONAL, /* address or the like of a name in the answer */
    ANSWER_SIGNATURE,  /* RRSIG of the item before it */
    ANSWER_PROOF,      /* NSEC or NSEC3 */
};

struct answer_item {
    struct rrset set; /* borrows owner and RDATA */
    uint8_t section;  /* enum msg_section, not QUESTION */
    uint8_t why;      /* enum answer_why */
    uint8_t may;      /* if it does not fit it is left out without TC */
    uint8_t wildcard; /* expanded from one: the proof stage has to say so */
    uint16_t first;   /* record to begin with (rotation) */
};

enum {
    /* RRsets in one answer. 65,535 bytes hold at most 1,074 servers of a zone with an A and an AAAA
     * RRset for each; memory past what is used is never touched. */
    ANSWER_ITEMS = 2200,
    /* CNAMEs that a DNAME made: one for each step of a chain. */
    ANSWER_SYNTHESES = LIMIT_CHAIN,
};

/* A CNAME RRset made up for one answer. */
struct synthesis {
    uint8_t rdata[2 + LIMIT_NAME]; /* packed: length, then the target */
};

struct answer {
    uint16_t n;
    uint8_t syntheses;
    bool overflow; /* an item that must not be left out found no room: TC */
    struct answer_item item[ANSWER_ITEMS];
    struct synthesis synthesis[ANSWER_SYNTHESES];
};

/* A new item to be filled in place (set first of all), or NULL when the answer is full. All members
 * but `set` are filled from the arguments. Take it back with answer_undo() if there is no such
 * RRset. */
struct answer_item *answer_add(struct answer *a, enum msg_section s, enum answer_why why, bool may);
static inline void answer_undo(struct answer *a)
{
    a->n--;
}
/* Adds a copy of a view. */
void answer_put(struct answer *a, enum msg_section s, enum answer_why why, bool may,
                const struct rrset *set);
/* True if the answer holds an RRset of this owner and type in any section. */
bool answer_has(const struct answer *a, const uint8_t *owner, uint16_t type);
/* Adds the CNAME owner -> target that RFC 6672 section 3.1 wants; both are borrowed or copied
 * (owner borrowed, target copied). Returns the name inside the copy, which lives as long as the
 * answer; NULL when there were LIMIT_CHAIN of them. */
const uint8_t *answer_synthesise(struct answer *a, const uint8_t *owner, const uint8_t *target,
                                 uint32_t ttl);

/* --- the query ------------------------------------------------------------------------------- */

/* The sections of an answer as they were written, to be written again (auth/ready.h). */
enum { READY_BYTES = 1000, READY_POINTERS = 40 };
struct ready {
    uint16_t rcode, flags; /* of reply */
    uint8_t shape;         /* enum shape */
    uint8_t lead;          /* bytes of the question's name that the answer was not about */
    bool whole;            /* what points to the question's name means all of it */
    uint8_t pointers;
    uint16_t count[3], size;
    uint16_t at[READY_POINTERS]; /* where in `data` compression pointers stand */
    uint8_t data[READY_BYTES];
};

enum cookie_state {
    COOKIE_NONE,    /* no COOKIE option, or cookies are off */
    COOKIE_CLIENT,  /* a client cookie only */
    COOKIE_INVALID, /* a server cookie that is not ours or too old */
    COOKIE_GOOD,    /* the client has proved its address */
};

enum {
    QUERY_NO_EDE = -1,
    QUERY_COOKIE = 24,
    /* Our EDNS options, as far as they fit in with the longest question. */
    QUERY_OPTIONS_MAX = 440,
    QUERY_NSID_MAX = 128,
};

/* One query on its way. Fixed size; members are grouped by the stage that writes them and are const
 * after it, but `reply`, which every stage up to encode may set. Large parts stand last; nothing
 * is cleared that is not used. One object a worker serves all its queries in turn: a role that
 * WAITs keeps what it needs (the request's wire bytes are enough to begin again) in a state of its
 * own, and for the late answer runs query_begin, stage_parse, stage_edns and its second table. */
struct query {
    /* driver: query_begin() */
    struct request *rq;
    const struct query_options *opt;
    const struct env *env;
    void *role;  /* the role's object: struct auth, struct resolver */
    uint16_t at; /* next stage */

    /* any stage before encode */
    struct {
        uint16_t rcode; /* 12 bits */
        uint16_t flags; /* AA, AD, CD, TC; QR, opcode, RD and RA are encode's */
        int16_t ede;    /* info code for the client (RFC 8914), or QUERY_NO_EDE */
        struct bytes ede_text;
        bool no_question; /* the question is not echoed, even if there was one */
    } reply;

    /* edns */
    uint8_t cookie_state; /* enum cookie_state */
    bool opt_out;         /* an OPT goes into the answer */
    uint32_t limit;       /* the most bytes the answer may take */

    /* find */
    const struct zone *zone; /* in which the (current) name lies; NULL: none of ours */
    const uint8_t *name;     /* the name looked up: the question's, or where aliases led */
    struct zone_path path;   /* the same, made ready for lookups */
    bool dnssec;             /* the client wants DNSSEC records and the zone has them */
    struct zone_found found;

    /* answer: if ready is set, it stands for what is in `answer`, behind a question of this lead */
    const struct ready *ready;
    uint8_t lead;
    bool keep;         /* the sections are to be kept: where their pointers stand is noted */
    uint8_t steps;     /* aliases followed */
    uint8_t shape;     /* enum shape: of what the last name turned out to be */
    uint8_t any_class; /* QCLASS * (255) */

    /* encode */
    size_t size; /* of the response */
    bool truncated;
    bool left_out;         /* what may be left out was */
    uint32_t sections_end; /* where OPT begins */

    /* parse */
    struct query_view in;
    /* edns */
    uint8_t cookie[QUERY_COOKIE]; /* to be sent, if cookie_state is not NONE */
    /* answer, prove, extra */
    struct answer answer;
    /* encode */
    uint8_t options[QUERY_OPTIONS_MAX];
    struct encode enc;
    struct encode_pointers pointers; /* where `keep` */
};

/* How a query ended, for proofs and counters. */
enum shape {
    SHAPE_NONE, /* an error, or nothing found out yet */
    SHAPE_ANSWER,
    SHAPE_NODATA,
    SHAPE_NXDOMAIN,
    SHAPE_REFERRAL,
    SHAPE_ALIAS, /* a chain of aliases that leads out of our zones, round, or too far */
};

/* --- stages ---------------------------------------------------------------------------------- */

enum stage_result {
    STAGE_NEXT, /* on to the next stage */
    STAGE_DONE, /* the reply is settled: on to the next stage that is marked `always` */
    STAGE_DROP, /* no answer at all */
    STAGE_WAIT, /* the role will answer later; it has kept what it needs */
};

/* What stages give one another: groups of members of struct query. */
enum query_part {
    PART_REQUEST = 1 << 0,  /* rq, opt, env, role: given by the driver */
    PART_QUESTION = 1 << 1, /* in */
    PART_EDNS = 1 << 2,     /* cookie_state, opt_out, limit */
    PART_CLIENT = 1 << 3,   /* the client may ask (access control, rate limits) */
    PART_NORMAL = 1 << 4,   /* an ordinary question: class IN or *, not a meta type */
    PART_ZONE = 1 << 5,     /* zone, name */
    PART_ANSWER = 1 << 6,   /* answer, shape */
    PART_PROOF = 1 << 7,    /* signatures and denial of existence */
    PART_EXTRA = 1 << 8,    /* additional section */
    PART_WIRE = 1 << 9,     /* rq->out, size */
    PART_ACCOUNT = 1 << 10, /* counted */
};

struct stage {
    const char *name;
    enum stage_result (*run)(struct query *q);
    uint32_t needs, gives; /* enum query_part bits */
    bool always; /* runs also after a DONE; then it needs only what `always` stages give */
};

/* A role: its stages in order. The first one is always run. */
struct role {
    const char *name;
    const struct stage *stage;
    unsigned n;
    uint32_t given; /* what the driver gives before the first stage */
};

/* Makes a query ready for its first stage; borrows all for as long as it runs. */
void query_begin(struct query *q, struct request *rq, const struct query_options *opt,
                 const struct env *env, void *role);
/* Runs stages from q->at on. After OUTCOME_LATER the query stands behind the stage that said WAIT,
 * and may be run on from there as long as nobody else used q. */
enum outcome query_run(struct query *q, const struct role *role, size_t *ret_n);
/* Proves a table: every need is given by an earlier stage, needs of `always` stages by earlier
 * `always` stages (the first stage counts as one). Returns the name of the first stage that is
 * wrong, or NULL. */
const char *role_check(const struct role *role);

/* Settles the reply with an error and goes on with the `always` stages: return it from a stage.
 * Drops what was in the answer. ede: info code or QUERY_NO_EDE. */
enum stage_result query_error(struct query *q, unsigned rcode, int ede);

/* Reads header, question and EDNS. Drops what deserves no answer: fewer than 12 bytes, and
 * responses (QR set). FORMERR for anything malformed and for QDCOUNT other than 1 (RFC 9619), but
 * for an empty question with a COOKIE option (RFC 7873 section 5.4); NOTIMP for opcodes other than
 * QUERY. */
enum stage_result stage_parse(struct query *q);
/* EDNS version and sizes (RFC 6891 section 6), cookies (RFC 7873, RFC 9018). `always`: it also
 * decides how large an error may be and whether it carries OPT. */
enum stage_result stage_edns(struct query *q);
/* Writes the response into rq->out and its length into q->size. */
enum stage_result stage_encode(struct query *q);

#define STAGE_PARSE                                                                                \
    {                                                                                              \
        "parse", stage_parse, PART_REQUEST, PART_QUESTION, true                                    \
    }
#define STAGE_EDNS                                                                                 \
    {                                                                                              \
        "edns", stage_edns, PART_QUESTION, PART_EDNS, true                                         \
    }
#define STAGE_ENCODE                                                                               \
    {                                                                                              \
        "encode", stage_encode, PART_QUESTION | PART_EDNS, PART_WIRE, true                         \
    }

#endif
