/* One question of `banyan query` and how to show its answer; shared by its three files. */
#ifndef BANYAN_APP_QUERY_H
#define BANYAN_APP_QUERY_H

#include "base/netaddr.h"
#include "dns/msg.h"
#include "io/client.h"
#include "io/clock.h"

enum { SERVERS_MAX = 8, QUERY_OPTIONS_MAX = 4096, SERVER_TEXT_MAX = 256, QUERY_PATH_MAX = 512 };

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
    bool validate, lab; /* check every signature here; from the running lab's root */
    char anchor[QUERY_PATH_MAX], hints[QUERY_PATH_MAX]; /* files; "": the usual ones */
};

void query_defaults(struct query *q);
/* A +word, without the plus. False: it has been told on standard error. */
bool query_plus(struct query *q, const char *word);
/* Help on all of them, for --help. */
void query_plus_help(struct text *out);

/* The addresses to ask, 0 with a complaint on standard error; and the message to send, 0 if it does
 * not fit. */
size_t query_servers(const struct query *q, struct netaddr ret[SERVERS_MAX]);
size_t query_build(struct random_pool *random, const struct query *q, uint8_t *buf, size_t cap);
/* Asks with +validate and shows the answer with its chain of trust; returns the exit status.
 * (cmd_query_validate.c) */
int query_validate(const struct query *q, struct random_pool *random, bool colour);

struct validation;

/* Shows a reply. `sent` and `server` are what was asked and whom (NULL: resolved here). */
struct query_shown {
    const struct query *q;
    const struct netaddr *server;
    const struct client_reply *reply;
    struct bytes sent;
    bool colour;
    const struct validation *validation; /* NULL: not validated here */
};
/* ST_OK, or why the message could not be read. */
enum status query_show(const struct query_shown *s, struct arena *a, struct text *out) MUST_USE;
/* No reply: words, or JSON if that was asked for. */
void query_show_failure(const struct query_shown *s, enum status why, struct text *out);

#endif
