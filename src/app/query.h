/* One question of `banyan query` and how to show its answer; shared by its three files. */
#ifndef BANYAN_APP_QUERY_H
#define BANYAN_APP_QUERY_H

#include "base/netaddr.h"
#include "dns/msg.h"
#include "io/client.h"

enum { SERVERS_MAX = 8, QUERY_OPTIONS_MAX = 4096, SERVER_TEXT_MAX = 256 };

struct query {
    struct name name;
    uint16_t type, rclass;
    bool named, typed; /* given by the user */
    uint8_t family;    /* -4, -6; 0: both */
    char server[SERVER_TEXT_MAX];
    uint32_t port; /* 0: not given */
    struct netaddr from;
    bool tcp, ignore, rd, cd, ad, aa, tc, z, ra; /* of the query */
    bool brief, json, hex, raw;                  /* form of the output */
    bool show_query, question, answer, authority, additional, comments, stats, cmd;
    bool identify, multiline, show_ttl, show_class, ttl_units, crypto, search;
    bool edns, dnssec, nsid, expire, keepalive, zoneversion, cookie;
    uint8_t edns_version;
    uint16_t edns_flags, bufsize, pad_block;
    uint8_t option[QUERY_OPTIONS_MAX]; /* raw EDNS options of +ednsopt, +subnet, +cookie= */
    uint16_t option_n;
    uint16_t opcode;
    uint32_t timeout_ms, tries;
};

void query_defaults(struct query *q);
/* A +word, without the plus. False: it has been told on standard error. */
bool query_plus(struct query *q, const char *word);
/* Help on all of them, for --help. */
void query_plus_help(struct text *out);

/* Shows a reply. `sent` and `server` are what was asked and whom. */
struct query_shown {
    const struct query *q;
    const struct netaddr *server;
    const struct client_reply *reply;
    struct bytes sent;
    bool colour;
};
/* ST_OK, or why the message could not be read. */
enum status query_show(const struct query_shown *s, struct arena *a, struct text *out) MUST_USE;
/* No reply: words, or JSON if that was asked for. */
void query_show_failure(const struct query_shown *s, enum status why, struct text *out);

#endif
