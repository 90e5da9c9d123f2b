/* banyan query +validate: where the replies come from, and what is shown. What they prove is
 * decided in validate.c. */
#include "app/from_root.h"
#include "app/query.h"
#include "app/validate.h"
#include "dns/rr_type.h"
#include "io/local.h"

#include <stdio.h>
#include <string.h>

enum { RC_OK = 0, RC_BOGUS = 1, RC_USAGE = 2, RC_NO_REPLY = 9, RC_INTERNAL = 10 };
enum { LOCAL_MS = 20000, SHOWN_MAX = 1 << 26, PARSE_MAX = 1 << 22 };

struct asking {
    const struct query *q;
    /* A server's: */
    struct random_pool *random;
    struct netaddr server[SERVERS_MAX];
    size_t servers, at; /* at: the one that answers */
    struct client_reply first;
    uint8_t sent[LIMIT_MESSAGE];
    size_t sent_n; /* 0: nothing was asked yet */
    /* Resolved here: */
    struct local *local;
    uint16_t rcode;
    uint8_t buf[LIMIT_MESSAGE];
    size_t n;
};

static int complain(const char *what, const char *hint)
{
    fprintf(stderr, "banyan query: +validate: %s\n    hint: %s\n", what, hint);
    return RC_USAGE;
}

/* --- A server's replies --- */

static void failure_text(const struct query *q, const struct netaddr *server,
                         const struct client_reply *r, enum status st, struct text *why)
{
    netaddr_text_port(server, why);
    if (st == ST_ETIMEOUT)
        text_fmt(why, " did not reply within %u ms, %u tries%s", q->timeout_ms, MAX(r->tries, 1u),
                 r->tcp ? ", over TCP" : "");
    else if (st == ST_EIO)
        text_fmt(why, "%s: %s", r->tcp ? ", over TCP" : "", strerror(r->err));
    else
        text_fmt(why, ": %s", status_text(st));
}

static bool ask_server(void *ctx, const uint8_t *name, uint16_t type, struct bytes *ret,
                       struct text *why)
{
    struct asking *a = ctx;
    struct query q = *a->q;
    uint8_t own[LIMIT_MESSAGE], *query = a->sent_n == 0 ? a->sent : own;
    struct client_reply reply = {0};
    name_copy(q.name.w, name);
    q.type = type;
    q.dnssec = q.cd = q.edns = true;
    size_t n = query_build(a->random, &q, query, LIMIT_MESSAGE);
    if (n == 0) {
        text_str(why, "the question does not fit into a message");
        return false;
    }
    enum status st = ST_EIO;
    for (; a->at < a->servers; a->at++) {
        const struct client_call c = {.server = a->server[a->at],
                                      .from = q.from,
                                      .tcp = q.tcp || n > LIMIT_UDP_PLAIN,
                                      .timeout_ms = q.timeout_ms,
                                      .tries = q.tries};
        st = client_ask(&c, bytes_of(query, n), a->buf, &reply);
        if (st == ST_OK || a->at + 1 == a->servers)
            break;
    }
    if (a->sent_n == 0) {
        a->sent_n = n;
        a->first = reply;
    }
    if (st != ST_OK)
        failure_text(&q, &a->server[a->at], &reply, st, why);
    *ret = reply.wire;
    return st == ST_OK;
}

/* --- Resolved here --- */

static void keep_reply(void *ctx, struct bytes answer, const struct trace *trace)
{
    struct asking *a = ctx;
    a->rcode = trace->rcode;
    a->n = MIN(answer.n, sizeof a->buf);
    if (a->n > 0)
        memcpy(a->buf, answer.p, a->n);
}

/* The resolver validates for itself, so that it turns to other servers of a zone when one of them
 * sends what is no good. Only if none is left, what there is is fetched unchecked, to say where it
 * breaks. */
static bool ask_here(void *ctx, const uint8_t *name, uint16_t type, struct bytes *ret,
                     struct text *why)
{
    struct asking *a = ctx;
    struct resolve_task task = {.name = name,
                                .type = type,
                                .rclass = CLASS_IN,
                                .dnssec = true,
                                .done = keep_reply,
                                .ctx = a};
    a->n = 0;
    a->rcode = RCODE_SERVFAIL;
    enum status st = local_run(a->local, &task, LOCAL_MS);
    if (st == ST_OK && a->rcode == RCODE_SERVFAIL) {
        task.unchecked = task.cold = true; /* cold: the failure is remembered */
        a->n = 0;
        st = local_run(a->local, &task, LOCAL_MS);
    }
    if (st != ST_OK || a->n == 0)
        text_str(why, st == ST_ETIMEOUT ? "it could not be resolved in time"
                                        : "it could not be resolved");
    *ret = bytes_of(a->buf, a->n);
    return st == ST_OK && a->n > 0;
}

/* --- What is shown --- */

static int exit_status(const struct validation *v)
{
    if (v->silent)
        return RC_NO_REPLY;
    return v->trust <= TRUST_INSECURE ? RC_OK : RC_BOGUS;
}

/* Data for programs: what cannot be believed is not among it. */
static void show_brief_failure(const struct validation *v)
{
    char words[VALIDATE_WORDS];
    struct text t = text_of(words, sizeof words);
    words[0] = 0;
    validation_why(v, &t);
    fprintf(stderr, "banyan query: %s: %s\n", validation_word(v), words);
}

static void json_nothing(const struct query *q, const struct validation *v, struct text *out)
{
    char buf[NAME_TEXT_MAX];
    struct json j = json_of(out, true);
    json_object(&j);
    json_key(&j, "query");
    json_object(&j);
    json_kv_str(&j, "type", rr_type_str(q->type, buf));
    json_kv_str(&j, "name", name_str(q->name.w, buf));
    json_object_end(&j);
    json_key(&j, "validation");
    validation_json(v, &j);
    json_object_end(&j);
    text_char(out, '\n');
}

static void show(struct asking *a, const struct validation *v, uint64_t elapsed_us, bool colour)
{
    const struct query *q = a->q;
    const struct netaddr *server = a->local == NULL ? &a->server[a->at] : NULL;
    char who[NETADDR_TEXT_MAX + 8];
    struct text out = text_heap(SHOWN_MAX), t = text_of(who, sizeof who);
    struct arena arena;
    who[0] = 0;
    if (server != NULL)
        netaddr_text_port(server, &t);
    struct client_reply reply = a->first;
    reply.wire = v->wire;
    if (server == NULL)
        reply.elapsed_us = elapsed_us;
    const struct query_shown shown = {q, server, &reply, bytes_of(a->sent, a->sent_n), colour, v};
    bool told = false;
    arena_init(&arena, 1 << 16, PARSE_MAX);
    if (q->brief && v->trust > TRUST_INSECURE)
        show_brief_failure(v);
    else if (v->wire.n > 0)
        told = query_show(&shown, &arena, &out) == ST_OK;
    if (q->json && !told && !q->brief)
        json_nothing(q, v, &out);
    if (!q->json && !q->brief) {
        if (told)
            text_char(&out, '\n');
        validation_text(v, who, colour, &out);
    }
    fwrite(text_cstr(&out), 1, out.n, stdout);
    fflush(stdout);
    arena_free(&arena);
    text_free(&out);
}

/* --- The whole --- */

static int can_be(const struct query *q)
{
    if (q->rclass != CLASS_IN)
        return complain("only class IN is signed", "leave the class out");
    if (q->opcode != OPCODE_QUERY)
        return complain("only answers to ordinary queries are signed", "leave +opcode out");
    if (q->hex || q->raw)
        return complain("--hex and --raw show bytes, not what they prove",
                        "--json gives the message and the chain as data");
    if (q->type == RR_RRSIG || q->type == RR_SIG)
        return complain("signatures are not signed themselves",
                        "ask for the type that they cover, with +dnssec to see them");
    if ((rr_type_flags(q->type) & (RRF_META | RRF_QTYPE)) && q->type != RR_ANY)
        return complain("this type is no data of a zone", "A, AAAA, MX, TXT ... or ANY");
    return 0;
}

static int run(struct asking *a, const struct anchors *anchors, bool colour)
{
    const struct validate_source source = {a, a->local != NULL ? ask_here : ask_server};
    struct validation v;
    struct now begin = now_read();
    if (anchors == NULL)
        return complain("there is no trust anchor to begin with",
                        "--anchor FILE names the keys of the root that is asked");
    enum status st = validate(&source, anchors, a->q->name.w, a->q->type, begin, &v);
    int rc = RC_INTERNAL;
    if (st == ST_OK) {
        show(a, &v, now_read().mono_us - begin.mono_us, colour);
        rc = exit_status(&v);
    } else {
        fprintf(stderr, "banyan query: %s\n", status_text(st));
    }
    validation_free(&v);
    return rc;
}

static int run_server(struct asking *a, const struct from_root_wish *wish, bool colour)
{
    struct lab_state lab;
    struct anchors *anchors = NULL;
    a->servers = query_servers(a->q, a->server);
    if (a->servers == 0)
        return RC_INTERNAL;
    bool of_lab = lab_find(&lab) && (wish->lab || strcmp(a->q->server, "lab") == 0 ||
                                     netaddr_equal(&a->server[0], &lab.resolver));
    if (wish->lab && !of_lab)
        return complain("no lab is running", "start it with: banyan lab up");
    int rc = from_root_anchors(wish, of_lab ? &lab : NULL, &anchors);
    if (rc == 0)
        rc = run(a, anchors, colour);
    anchors_free(anchors);
    return rc;
}

static int run_here(struct asking *a, const struct from_root_wish *wish, bool colour)
{
    static struct from_root from;
    int rc = from_root_open(wish, &from);
    if (rc == 0) {
        struct resolver_options *o = &from.options;
        o->ipv4 = o->ipv4 && a->q->family != ADDR_V6;
        o->ipv6 = o->ipv6 && a->q->family != ADDR_V4;
        if (a->q->port != 0)
            o->upstream_port = (uint16_t)a->q->port;
        o->outgoing = &a->q->from;
        o->outgoing_count = a->q->from.family != ADDR_NONE;
        a->local = local_new(o);
        rc = a->local != NULL ? run(a, from.anchors, colour) : RC_INTERNAL;
        local_free(a->local);
    }
    from_root_close(&from);
    return rc;
}

int query_validate(const struct query *q, struct random_pool *random, bool colour)
{
    static struct asking a;
    const struct from_root_wish wish = {.command = "query",
                                        .lab = q->lab,
                                        .hints = q->hints[0] ? q->hints : NULL,
                                        .anchor = q->anchor[0] ? q->anchor : NULL};
    int rc = can_be(q);
    if (rc != 0)
        return rc;
    a = (struct asking){.q = q, .random = random};
    return q->server[0] != '\0' ? run_server(&a, &wish, colour) : run_here(&a, &wish, colour);
}
