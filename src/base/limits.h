/* Every limit in one place, each with the RFC or the attack it answers. Where the peers differ, the
 * reason for our choice stands beside it. (docs/limits.md is printed from here.) */
#ifndef BANYAN_BASE_LIMITS_H
#define BANYAN_BASE_LIMITS_H

enum {
    /* RFC 1035 section 2.3.4 */
    LIMIT_LABEL = 63,
    LIMIT_NAME = 255,
    LIMIT_LABELS = 128, /* 127 one-byte labels and the root fit in 255 bytes */
    LIMIT_MESSAGE = 65535,
    LIMIT_UDP_PLAIN = 512,

    /* Pointers followed while reading one name. A name has at most 127 labels, and a compressor
     * that shares suffixes needs one pointer; chains longer than this are an attack on the parser
     * (c-ares and PowerDNS, 2026). Unbound allows 256. */
    LIMIT_POINTERS = 64,

    /* RFC 9715 / DNS flag day 2020: the UDP payload that crosses any path unfragmented. All peers
       agree. */
    LIMIT_EDNS_UDP = 1232,
    /* EDNS options in one message; floods of options were CVE-2026-41292 and -42944. */
    LIMIT_EDNS_OPTIONS = 32,

    /* Records in one parsed message, over all sections: 65,535 bytes hold at most 5,957 of them. */
    LIMIT_MESSAGE_RRS = 6000,

    /* Records of one RRset in a received message; more makes the reply malformed. BIND takes 100,
     * PowerDNS 256 (CVE-2024-11187: work grows with the square); honest sets of 300 addresses have
     * been seen. */
    LIMIT_RRSET_RECORDS = 512,
    /* Name suffixes remembered while a message is written; names past it go uncompressed. */
    LIMIT_COMPRESS_NAMES = 96,

    /* CNAME and DNAME steps in one answer: the peers allow 10 to 13. */
    LIMIT_CHAIN = 11,

    /* The budget of one client query (core/budget.h). Packets: Unbound 200 in all, BIND 200 (50 a
     * step), PowerDNS 50, Knot Resolver 100 iterations; a deep cold name with four unrelated server
     * domains needs about 30, so 100 leaves room and keeps an attacker's amplification below 100
     * (NXNSAttack, CAMP). */
    LIMIT_QUERY_PACKETS = 100,
    /* PowerDNS 100,000; one TCP answer may be 65,535 bytes, and an honest chain may need two. */
    LIMIT_QUERY_BYTES = 300000,
    /* Sub-queries (server addresses, later DS and DNSKEY) of one client query: Unbound 20 DS/NS
       finds. */
    LIMIT_QUERY_SUBQUERIES = 32,
    /* Names of servers that turn out to have no address, for one client query (NXNSAttack; CAMP):
     * then no further ones are looked up. Unbound and Knot Resolver 5, PowerDNS 10. */
    LIMIT_QUERY_NO_ADDRESS = 6,
    /* Referrals one below the other for one name: an attacker's servers may go on for as many as it
     * has labels. Reverse names of IPv6, the deepest of honest ones, have about eight. Knot
     * Resolver stops at 100, Unbound at 130. */
    LIMIT_REFERRALS = 24,
    /* Depth of sub-queries below sub-queries: BIND 7, PowerDNS 16, Unbound 4. */
    LIMIT_QUERY_DEPTH = 6,
    /* KeyTrap, CVE-2023-50387: PowerDNS 30, Knot Resolver 32, BIND 16. */
    LIMIT_QUERY_SIGNATURES = 32,
    /* CVE-2023-50868: PowerDNS 600. */
    LIMIT_QUERY_HASHES = 600,
    /* SHA-1 blocks for NSEC3 with more iterations than are taken, which make an answer insecure
     * only if they really match or cover its name (RFC 9276 section 3.2, RFC 5155 section 8): four
     * names with a short salt and the 2500 that RFC 5155 section 10.3 allowed. */
    LIMIT_QUERY_LONG_HASHES = 10004,
    /* Time for one client query, ms: BIND and Knot Resolver 10 s, PowerDNS 7 s; stub resolvers give
     * up after 5 s a try, so past 8 s nobody listens. */
    LIMIT_QUERY_MS = 8000,
    /* Name servers of a delegation that are looked at, and addresses of one of them (NXNSAttack,
     * NRDelegation): BIND 13 and 6, PowerDNS 13, Unbound 20. */
    LIMIT_DELEGATION_SERVERS = 13,
    LIMIT_SERVER_ADDRESSES = 6,
    /* Tries of one address and of all addresses of one zone before the question has failed; a
     * sub-query, for which there is often another server, gives up earlier. */
    LIMIT_ADDRESS_TRIES = 4,
    LIMIT_ADDRESS_TRIES_CHILD = 2,
    LIMIT_ZONE_TRIES = 16,
    /* RFC 9156 section 2.3: MAX_MINIMISE_COUNT and MINIMISE_ONE_LAB. */
    LIMIT_MINIMISE = 10,
    LIMIT_MINIMISE_ONE_LABEL = 4,
    /* Replies that almost match, after which the question is asked over TCP (off-path forgery).
     * PowerDNS 1; more, because a server's late duplicate answer is no attack. */
    LIMIT_MISMATCHES = 3,
    /* Clients that wait for one question, questions and upstream exchanges in flight: on one worker
     * (DNSBomb, CVE-2024-33655: answers collected for one moment). */
    LIMIT_WAITERS = 1000,
    LIMIT_LOOKUPS = 8192,
    /* Percent of the kernel's buffer that queries may fill, unread at a UDP socket; then those that
     * the cache does not answer are turned away until the socket is empty, or the buffer would run
     * over and lose every kind alike. A quarter of it may be what was read already. */
    LIMIT_BEHIND_PERCENT = 50,
    /* Questions in the second half of an answer's time that make it popular: it is fetched anew. */
    LIMIT_PREFETCH_POPULAR = 4,
    LIMIT_EXCHANGES = 4096,
    /* Questions that one UDP socket, on one random port, asks the same server, and milliseconds for
     * which it may; and sockets that a worker keeps for that (RFC 5452 section 9.2: a port must
     * stay hard to find out; SAD DNS tries some 1,000 ports a second). Peers open one for each. */
    LIMIT_SOCKET_USES = 32,
    LIMIT_SOCKET_LIFE_MS = 5000,
    LIMIT_SOCKETS_IDLE = 512,
    /* One client (IPv6: one /64) has at most one place in so many of those where clients wait
     * (option resolver.max-clients); programs on this machine may have all. Unbound's wait-limit is
     * 1,000 of a table of about as many: one client whose names nobody answers would fill it for
     * all. */
    LIMIT_CLIENT_SHARE = 4,
    /* Bytes of a query that has to wait: it is kept as it came, and over TCP 65,535 bytes of
     * padding may come with it. Sensible padding goes to 128 bytes (RFC 8467). */
    LIMIT_WAITING_QUERY = 4096,
    /* Upstream addresses remembered with their round-trip times; a power of two. */
    LIMIT_SERVERS_KNOWN = 8192,
    /* Scratch memory of one question in flight: room for the largest message and its parts. */
    LIMIT_LOOKUP_BYTES = 262144,
    /* Milliseconds for which a reload takes only what workers leave of the processors. A server
     * that is flooded without end still has to get its new zones. */
    LIMIT_RELOAD_IDLE_MS = 30000,
    /* Seconds that a failure is remembered: RFC 9520 section 3.2 says at least 1, at most 300. */
    LIMIT_FAILURE_S = 5,

    /* Flushes noted in the cache's file between two times that it is written; one more, and nothing
     * of it is used. */
    LIMIT_CACHE_FILE_FLUSHES = 4096,

    /* Trace of one query: events kept always (16 bytes each, a 1 KiB ring), and when armed. */
    LIMIT_TRACE_RING = 64,
    LIMIT_TRACE_EVENTS = 2048,
    LIMIT_TRACE_BYTES = 262144,
    /* Troubles of a query of which names, addresses and words are kept even when nobody traces it
     * (in 4 KiB or two), so that a failure can be explained afterwards. */
    LIMIT_TRACE_TROUBLES = 24,
    LIMIT_TRACE_TROUBLE_BYTES = 8192,
    /* Failures that a worker remembers (`banyan ctl failures`), and slowest answers, since the
     * start and of each quarter of an hour; bytes of one of them with its trace. 3 MiB a worker at
     * the very worst, some 600 KiB as a rule, and nothing before the first failure. */
    LIMIT_FAILURES = 1000,
    LIMIT_SLOW_ANSWERS = 50,
    LIMIT_INCIDENT_BYTES = 2048,

    /* Master files. One entry (a record with its parentheses) as text: 65,535 bytes of RDATA as
     * \DDD escapes take 262,140; more is a mistake or an attack on memory. */
    LIMIT_ZONE_ENTRY = 1 << 20,
    LIMIT_ZONE_TOKENS = 1 << 16,
    /* $INCLUDE inside $INCLUDE; a file that includes itself is refused at once. */
    LIMIT_INCLUDE_DEPTH = 8,
    /* Records of one $GENERATE: a line must not become a denial of service. BIND has no limit. */
    LIMIT_GENERATE = 1 << 20,
    /* Findings of a zone check that are kept to be told with their line; more are only counted. */
    LIMIT_FINDINGS = 1 << 16,

    /* Configuration. 64 MiB and four million nodes hold 500,000 zones; the depth is what the schema
     * needs and some; includes nest as $INCLUDE does. After so many errors nobody reads on. */
    LIMIT_CONFIG_SIZE = 64 << 20,
    LIMIT_CONFIG_NODES = 4000000,
    LIMIT_CONFIG_DEPTH = 12,
    LIMIT_CONFIG_INCLUDES = 8,
    /* Files in all: two includes of itself would otherwise be 2^8 readings. */
    LIMIT_CONFIG_FILES = 64,
    LIMIT_CONFIG_ERRORS = 200,

    /* Answers that may wait for a TCP client to read them: two of the largest and their length
     * fields; past that the server stops reading from it (RFC 7766 section 6.2.1.1; slow readers).
     */
    LIMIT_TCP_PENDING = 131080,

    /* Control socket: a request is a short line; a reply is the list of zones at most. */
    LIMIT_CONTROL_LINE = 65536,
    LIMIT_CONTROL_REPLY = 256 << 20,
    LIMIT_CONTROL_CLIENTS = 32,

    /* Signatures a worker remembers of those it made when they were asked for; a multiple of four.
     * About 200 bytes each. Questions for random names push each other out, not what is asked for
     * often. */
    LIMIT_ONLINE_SIGNATURES = 16384,
    /* NSEC3 iterations of a zone signed elsewhere with which its denials are still served: the most
     * that RFC 5155 section 10.3 allowed, for keys of 4096 bits. Each costs a hash for each of
     * three names of an answer (CVE-2023-50868); RFC 9276 wants none. */
    LIMIT_NSEC3_ITERATIONS_SERVED = 2500,

    /* DNSKEY records of a zone that is verified, and signatures of one RRset there (KeyTrap,
     * CVE-2023-50387: keys times signatures). */
    LIMIT_ZONE_KEYS = 64,
    LIMIT_ZONE_SIGNATURES = 32,
    /* Iterations of NSEC3 of which nothing is checked: RFC 5155 section 10.3 allowed no more. */
    LIMIT_NSEC3_ITERATIONS_MOST = 2500,
    /* Iterations of NSEC3 above which validators give up (RFC 9276 section 3.2, CVE-2023-50868). */
    LIMIT_NSEC3_ITERATIONS = 50,

    /* Address space of the key store: two kilobytes a zone make it 500,000 zones. LMDB wants it
     * named before; the file grows only as it is filled. */
    LIMIT_KEY_STORE_BYTES = 1 << 30,

    /* Validation (KeyTrap, CVE-2023-50387): what is tried of one set. Honest zones have one key for
     * each tag and at most four signatures of a set, in the middle of a change of algorithm and
     * key. PowerDNS takes 2 keys of a tag, Unbound 8 signatures. */
    LIMIT_KEYS_OF_A_TAG = 3,
    LIMIT_SIGNATURES_OF_A_SET = 8,
    LIMIT_DS_TRIED = 8,
    /* RRsets of a reply that is judged, and denial records in it: an honest one has three of them
     * for the last name and one for each alias made by a wildcard. */
    LIMIT_REPLY_SETS = 256,
    LIMIT_PROOF_RECORDS = 16,

    /* Zones whose keys a worker remembers, or that they have none, and the bytes that they may
     * take: about 6 KB for two keys, 1 KB for none, and 140 KB for the 64 of a zone that means no
     * good. */
    LIMIT_KEYRING = 2048,
    LIMIT_KEYRING_BYTES = 8 << 20,
    /* Seconds that a zone's keys are kept at most, and at least (a TTL of 0 must not make a worker
     * check the chain for each answer). */
    LIMIT_KEYRING_MAX_S = 3600,
    LIMIT_KEYRING_MIN_S = 5,
    /* Seconds for which an answer that failed validation fails again without being asked for (RFC
     * 4035 section 4.7): Unbound 60. Less, because who mends a zone looks at once. */
    LIMIT_BOGUS_S = 30,
    /* Signatures that a worker checks before others have their turn (units of
     * LIMIT_QUERY_SIGNATURES): a hostile answer of 32 would keep everybody waiting for 2 ms. With 2
     * the hits of a worker under attack have a p99 of 2.1 times the usual one, with 1 of 1.5 times.
     * Unbound suspends after 8. */
    LIMIT_TURN_SIGNATURES = 1,
    /* Servers that are asked before an answer that cannot be validated is called bogus. */
    LIMIT_BOGUS_TRIES = 3,
    /* Seconds that clocks may differ at both ends of a signature's validity: signers date inception
     * back by an hour for the same reason. */
    LIMIT_CLOCK_SKEW_S = 300,

    /* Zones with trust anchors, and bytes of a file that holds them. IANA's root-anchors.xml has
     * some 2,000; more than this is another file. */
    LIMIT_ANCHORS = 64,
    LIMIT_ANCHOR_FILE = 1 << 18,
    /* Keys followed for one trust point (RFC 5011 section 2.4.3: at least 5), forgotten ones
     * included. */
    LIMIT_ROLL_KEYS = 16,
    /* Bytes of what a referral says of the keys below it (DS or denial records with signatures):
     * NSEC3 with three RSA signatures of 4096 bits is 2,000. */
    LIMIT_REFERRAL = 4096,
    /* NSEC3 hashes that a search for denials already known may take (RFC 8198), iterations counted:
     * PowerDNS 150. And never more than leaves half of LIMIT_QUERY_HASHES for validation. */
    LIMIT_DENIAL_HASHES = 150,
    /* Explanations over DNS under way at once, on one worker: each has a cache of its own. */
    LIMIT_EXPLANATIONS = 4,
    /* Error reports of one worker in a second (RFC 9567 section 6: dampening). */
    LIMIT_REPORTS_S = 10,
};

#endif
