/* The control protocol: what `banyan ctl` and a running server say to one another over a Unix
 * socket.
 *
 * A request is one line with a JSON object: {"command":"flush","name":"example.org","below":true}
 * A reply is one line with a JSON object and then a payload of the size it names:
 *   {"ok":true,"size":1234}            payload: text, or JSON when the request had "json":true
 *   {"ok":false,"error":"...","hint":"...","size":0}
 * A connection carries any number of requests, one after another. No sockets here: io/ drives both
 * ends. */
#ifndef BANYAN_CONTROL_CONTROL_H
#define BANYAN_CONTROL_CONTROL_H

#include "base/diag.h"
#include "base/netaddr.h"
#include "dns/name.h"

enum control_command {
#define COMMAND(name, word, args, help) CONTROL_##name,
#include "control/commands.def"
#undef COMMAND
    CONTROL_COUNT
};

enum control_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_MERMAID, FORMAT_EXPLAIN, FORMAT_COUNT };

struct control_request {
    enum control_command command;
    bool has_command;
    bool json;     /* JSON instead of text; TRACE has `format` */
    bool has_name; /* RELOAD, FLUSH, TRACE, FAILURES, SLOW, SERVERS */
    struct name name;
    uint16_t type;              /* FLUSH (0: all types), TRACE (A by default) */
    bool below;                 /* FLUSH, FAILURES, SLOW: everything below too */
    bool all;                   /* FLUSH: everything */
    bool cold;                  /* TRACE */
    bool colour;                /* TRACE, text */
    enum control_format format; /* TRACE */
    char level[16];             /* LOG_LEVEL */
    char reason[32];            /* FAILURES: how the reason's word begins */
    uint32_t last;              /* FAILURES, SLOW, SERVERS: so many rows; 0: all */
    uint32_t over_ms;           /* SLOW */
    bool hour;                  /* SLOW: of the last hour */
    struct netaddr address;     /* SERVERS; family NONE: any */
};

const char *control_word(enum control_command c);
const char *control_args(enum control_command c);
const char *control_help(enum control_command c);
/* False if there is none. */
bool control_from_word(const char *word, enum control_command *ret);
/* The command nearest to a mistyped word, or NULL. */
const char *control_nearest(const char *word);
bool control_format_from(const char *word, enum control_format *ret);

/* Reads one request line (without its line break). ST_ESYNTAX, ST_EUNKNOWN or ST_ESEMANTIC with *d
 * filled. */
enum status control_parse(struct bytes line, struct control_request *ret, struct diag *d) MUST_USE;
/* Writes the line of a request, with its line break. */
void control_write(const struct control_request *rq, struct text *out);

/* The first line of a reply. error NULL: success. */
void control_reply_header(const char *error, const char *hint, size_t size, struct text *out);

struct control_reply {
    bool ok;
    size_t size; /* of the payload that follows */
    char error[512], hint[256];
};

/* Reads that line. ST_ESYNTAX. */
enum status control_reply_parse(struct bytes line, struct control_reply *ret) MUST_USE;

/* One counter for `stats`. */
struct control_stat {
    const char *section, *name, *help;
    uint64_t value;
};

/* All counters: as a table or as {"section":{"name":value}}; rows of one section stand together. */
void control_stats_text(const struct control_stat *v, size_t n, struct text *out);
void control_stats_json(const struct control_stat *v, size_t n, struct text *out);

#endif
