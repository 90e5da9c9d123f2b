/* Every limit in one place, each with the RFC or the attack it answers. Where the peers differ, the
 * reason for our choice stands beside it. (The table in docs/limits.md is printed from here.) */
#ifndef BANYAN_BASE_LIMITS_H
#define BANYAN_BASE_LIMITS_H

enum {
    /* RFC 1035 section 2.3.4 */
    LIMIT_LABEL = 63,
    LIMIT_NAME = 255,
    LIMIT_LABELS = 128, /* 127 one-byte labels and the root fit in 255 bytes */
    LIMIT_MESSAGE = 65535,
    LIMIT_UDP_PLAIN = 512,

    /* Pointers followed while reading one name. A name has at most 127 labels, and a compressor that
     * shares suffixes needs one pointer; chains longer than this are an attack on the parser (c-ares
     * and PowerDNS, 2026). Unbound allows 256. */
    LIMIT_POINTERS = 64,

    /* RFC 9715 / DNS flag day 2020: the UDP payload that crosses any path unfragmented. All peers agree. */
    LIMIT_EDNS_UDP = 1232,
    /* EDNS options in one message; floods of options were CVE-2026-41292 and -42944. */
    LIMIT_EDNS_OPTIONS = 32,

    /* Records in one parsed message, over all sections: 65,535 bytes hold at most 5,957 of them. */
    LIMIT_MESSAGE_RRS = 6000,

    /* CNAME and DNAME steps in one answer: the peers allow 10 to 13. */
    LIMIT_CHAIN = 11,
};

#endif
