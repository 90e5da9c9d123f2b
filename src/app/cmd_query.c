/* banyan query: asks a server, with dig's habits. Words are read in any order, as dig does: what
 * stands before the first name goes for all questions, what stands behind a name for that one. */
#include "app/cmd_query.h"

#include "app/lab.h"
#include "app/opts.h"
#include "app/query.h"
#include "dns/encode.h"
#include "dns/print.h"
#include "dns/rr_type.h"
#include "io/clock.h"
#include "io/files.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { RC_OK = 0, RC_USAGE = 2, RC_NO_REPLY = 9, RC_INTERNAL = 10 };
enum { QUERIES_MAX = 10000, WORDS_MAX = 64, RESOLV_CONF_MAX = 1 << 16, OUT_MAX = 1 << 26 };

/* Words are taken one by one, so the table here is for --help and for finding near words. */
static const struct opt table[] = {
    {"--name", 'q', "NAME", "the name, if it looks like something else", NULL, NULL, NULL, 0, 0},
    {"--type", 't', "TYPE", "the record type (A)", NULL, NULL, NULL, 0, 0},
    {"--class", 'c', "CLASS", "the class (IN)", NULL, NULL, NULL, 0, 0},
    {"--reverse", 'x', "ADDRESS", "the name that belongs to an address", NULL, NULL, NULL, 0, 0},
    {"--port", 'p', "PORT", "the server's port (53)", NULL, NULL, NULL, 0, 0},
    {"--bind", 'b', "ADDRESS[#PORT]", "ask from this address", NULL, NULL, NULL, 0, 0},
    {"--file", 'f', "FILE", "a question on each line; - is standard input", NULL, NULL, NULL, 0, 0},
    {"--ipv4", '4', NULL, "reach servers over IPv4 only", NULL, NULL, NULL, 0, 0},
    {"--ipv6", '6', NULL, "reach servers over IPv6 only", NULL, NULL, NULL, 0, 0},
    {"--json", 'j', NULL, "replies as JSON (RFC 8427 in spirit)", NULL, NULL, NULL, 0, 0},
    {"--hex", 0, NULL, "the reply's bytes as hexadecimal digits", NULL, NULL, NULL, 0, 0},
    {"--raw", 0, NULL, "the reply's bytes as they are", NULL, NULL, NULL, 0, 0},
    {"--anchor", 0, "FILE", "validate with these trust anchors (+anchor=FILE)", NULL, NULL, NULL, 0,
     0},
    {"--lab", 0, NULL, "validate from the root of the running lab", NULL, NULL, NULL, 0, 0},
    {"--hints", 0, "FILE", "validate from these root servers", NULL, NULL, NULL, 0, 0},
    {"--color", 0, "WHEN", "always, never, or auto: on a terminal", NULL, NULL, NULL, 0, 0},
};

struct session {
    struct query *q;
    size_t n;
    struct query first; /* what goes for all */
    bool colour;
    struct random_pool random;
};

static bool complain(const char *what, const char *word, const char *hint)
{
    fprintf(stderr, "banyan query: %s '%s'\n", what, word);
    if (hint != NULL)
        fprintf(stderr, "    hint: %s\n", hint);
    return false;
}

/* --- Words --- */

static struct query *current(struct session *s)
{
    return s->n > 0 ? &s->q[s->n - 1] : &s->first;
}

static bool add_name(struct session *s, const struct name *n)
{
    if (s->n == QUERIES_MAX)
        return complain("too many questions at", "", NULL);
    struct query *grown = realloc(s->q, (s->n + 1) * sizeof *s->q);
    if (grown == NULL)
        return complain("out of memory", "", NULL);
    s->q = grown;
    s->q[s->n] = s->first;
    s->q[s->n].name = *n;
    s->q[s->n].named = true;
    s->n++;
    return true;
}

static bool take_name(struct session *s, const char *word)
{
    struct name n;
    if (name_from(word, &n) != ST_OK)
        return complain("not a domain name:", word, NULL);
    return add_name(s, &n);
}

static bool take_type(struct session *s, const char *word, bool must)
{
    struct query *q = current(s);
    uint16_t type;
    if (!rr_type_parse(bytes_str(word), &type)) {
        if (must)
            complain("there is no RR type", word, "`TYPE65534` asks for any type by number");
        return false;
    }
    q->type = type;
    q->typed = true;
    return true;
}

/* 192.0.2.1 or 192.0.2 to 2.0.192.in-addr.arpa (RFC 1035 section 3.5), IPv6 to ip6.arpa (RFC 3596
 * section 2.5). */
static bool take_reverse(struct session *s, const char *word)
{
    char buf[160];
    struct text t = text_of(buf, sizeof buf);
    struct netaddr a;
    if (netaddr_parse(bytes_str(word), &a) == ST_OK && a.family == ADDR_V6) {
        for (int i = 15; i >= 0; i--)
            text_fmt(&t, "%x.%x.", a.a[i] & 15u, a.a[i] >> 4);
        text_str(&t, "ip6.arpa.");
    } else {
        unsigned part[4], n = 0;
        const char *p = word;
        while (n < 4 && *p >= '0' && *p <= '9') {
            char *end;
            unsigned long v = strtoul(p, &end, 10);
            if (v > 255)
                break;
            part[n++] = (unsigned)v;
            p = *end == '.' ? end + 1 : end;
        }
        if (n == 0 || *p != '\0')
            return complain("not an address:", word, NULL);
        while (n > 0)
            text_fmt(&t, "%u.", part[--n]);
        text_str(&t, "in-addr.arpa.");
    }
    if (!take_name(s, buf))
        return false;
    if (!current(s)->typed)
        current(s)->type = RR_PTR;
    return true;
}

static bool take_server(struct session *s, const char *word)
{
    struct query *q = current(s);
    if (strlen(word) >= sizeof q->server || *word == '\0')
        return complain("not a server:", word, NULL);
    snprintf(q->server, sizeof q->server, "%s", word);
    return true;
}

static bool take_port(struct session *s, const char *word)
{
    char *end;
    unsigned long v = strtoul(word, &end, 10);
    if (*word < '0' || *word > '9' || *end != '\0' || v == 0 || v > 65535)
        return complain("not a port:", word, "1 to 65535");
    current(s)->port = (uint32_t)v;
    return true;
}

static bool take_from(struct session *s, const char *word)
{
    char buf[NETADDR_TEXT_MAX];
    snprintf(buf, sizeof buf, "%s", word);
    char *hash = strchr(buf, '#');
    if (hash != NULL)
        *hash = '@';
    if (netaddr_parse_port(bytes_str(buf), 0, &current(s)->from) != ST_OK)
        return complain("not an address:", word, "as in -b 192.0.2.7 or -b 192.0.2.7#5353");
    return true;
}

static bool take_words(struct session *s, char **word, size_t n, int depth);

/* A file of questions, a line each; # and ; begin remarks. */
static bool take_file(struct session *s, const char *path, int depth)
{
    struct diag d = {0};
    char *text, *line_end, *word[WORDS_MAX];
    size_t n;
    if (depth > 0)
        return complain("a file of questions inside another:", path, NULL);
    if (file_read_whole(path, 1 << 24, &text, &n, &d) != ST_OK)
        return complain("cannot read", path, d.message);
    bool fine = true;
    struct query first = s->first;
    for (char *line = text; fine && line < text + n; line = line_end + 1) {
        line_end = strchr(line, '\n');
        if (line_end == NULL)
            line_end = text + n;
        *line_end = '\0';
        size_t count = 0, before = s->n;
        char *save = NULL;
        for (char *w = strtok_r(line, " \t\r", &save); w != NULL && *w != '#' && *w != ';';
             w = strtok_r(NULL, " \t\r", &save))
            if (count < WORDS_MAX)
                word[count++] = w;
        /* A line's words go for its own question, wherever they stand in it. */
        struct session one = {.q = s->q, .n = 0, .first = first};
        one.q = NULL;
        fine = take_words(&one, word, count, depth + 1);
        for (size_t i = 0; fine && i < one.n; i++) {
            fine = add_name(s, &one.q[i].name);
            if (fine)
                s->q[before + i] = one.q[i];
        }
        free(one.q);
    }
    free(text);
    return fine;
}

static bool take_class(struct session *s, const char *word)
{
    if (rr_class_parse(bytes_str(word), &current(s)->rclass))
        return true;
    return complain("there is no class", word, "IN, CH, HS, ANY, NONE or CLASS with a number");
}

static bool take_colour(struct session *s, const char *word)
{
    if (strcmp(word, "always") != 0 && strcmp(word, "never") != 0 && strcmp(word, "auto") != 0)
        return complain("--color takes always, never or auto, not", word, NULL);
    s->colour = strcmp(word, "always") == 0 || (strcmp(word, "auto") == 0 && term_colour());
    return true;
}

/* A file that only validation needs, so that it is wanted. */
static bool take_path(struct query *q, char *to, const char *path)
{
    if (strlen(path) >= QUERY_PATH_MAX)
        return complain("this path is too long:", path, NULL);
    snprintf(to, QUERY_PATH_MAX, "%s", path);
    q->validate = true;
    return true;
}

static bool take_option(struct session *s, const struct opt *o, const char *value, int depth)
{
    struct query *q = current(s);
    switch (o->letter) {
    case 'q':
        return take_name(s, value);
    case 't':
        return take_type(s, value, true);
    case 'c':
        return take_class(s, value);
    case 'x':
        return take_reverse(s, value);
    case 'p':
        return take_port(s, value);
    case 'b':
        return take_from(s, value);
    case 'f':
        return take_file(s, value, depth);
    case '4':
    case '6':
        q->family = o->letter == '4' ? ADDR_V4 : ADDR_V6;
        return true;
    case 'j':
        q->json = true;
        return true;
    default:
        if (strcmp(o->name, "--color") == 0)
            return take_colour(s, value);
        if (strcmp(o->name, "--anchor") == 0)
            return take_path(q, q->anchor, value);
        if (strcmp(o->name, "--hints") == 0)
            return take_path(q, q->hints, value);
        if (strcmp(o->name, "--lab") == 0)
            q->validate = q->lab = true;
        q->hex = q->hex || strcmp(o->name, "--hex") == 0;
        q->raw = q->raw || strcmp(o->name, "--raw") == 0;
        return true;
    }
}

/* The option of a word: "-p", "-p5353", "--port", "--port=5353". *ret_value: what stands with it.
 */
static const struct opt *find_option(const char *word, const char **ret_value)
{
    *ret_value = NULL;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct opt *o = &table[i];
        size_t n = strlen(o->name);
        if (strncmp(word, o->name, n) == 0 && (word[n] == '\0' || word[n] == '=')) {
            *ret_value = word[n] == '=' ? word + n + 1 : NULL;
            return o;
        }
        if (word[1] == o->letter && o->letter != 0 && (word[2] == '\0' || o->arg != NULL)) {
            *ret_value = word[2] != '\0' ? word + 2 : NULL;
            return o;
        }
    }
    return NULL;
}

static bool unknown_option(const char *word)
{
    const char *names[ARRAY_LEN(table)];
    char hint[64];
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        names[i] = table[i].name;
    const char *near = nearest_word(word, names, ARRAY_LEN(names));
    snprintf(hint, sizeof hint, "did you mean %s", near ? near : "");
    return complain("there is no option", word, near ? hint : "see banyan query --help");
}

static bool take_word(struct session *s, const char *word)
{
    uint16_t rclass;
    if (word[0] == '@')
        return take_server(s, word + 1);
    if (word[0] == '+')
        return query_plus(current(s), word + 1);
    if (take_type(s, word, false))
        return true;
    if (rr_class_parse(bytes_str(word), &rclass)) {
        current(s)->rclass = rclass;
        return true;
    }
    return take_name(s, word);
}

static bool take_words(struct session *s, char **word, size_t n, int depth)
{
    for (size_t i = 0; i < n; i++) {
        const char *w = word[i], *value;
        if (w[0] != '-' || w[1] == '\0') {
            if (!take_word(s, w))
                return false;
            continue;
        }
        const struct opt *o = find_option(w, &value);
        if (o == NULL)
            return unknown_option(w);
        if (o->arg == NULL && value != NULL)
            return complain("this option takes no value:", w, NULL);
        if (o->arg != NULL && value == NULL && ++i < n)
            value = word[i];
        if (o->arg != NULL && value == NULL)
            return complain("a value is missing behind", w, o->help);
        if (!take_option(s, o, value, depth))
            return false;
    }
    return true;
}

/* --- Whom to ask --- */

static bool wanted(const struct query *q, const struct netaddr *a)
{
    return (q->family == 0 || a->family == q->family) &&
           (q->from.family == ADDR_NONE || a->family == q->from.family);
}

static size_t resolv_conf(const struct query *q, uint16_t port, struct netaddr ret[SERVERS_MAX])
{
    struct diag d = {0};
    char *text, *save = NULL;
    size_t n, found = 0;
    if (file_read_whole("/etc/resolv.conf", RESOLV_CONF_MAX, &text, &n, &d) == ST_OK) {
        for (char *l = strtok_r(text, "\n", &save); l && found < 3;
             l = strtok_r(NULL, "\n", &save)) {
            char *word = NULL, *key = strtok_r(l, " \t\r", &word);
            char *value = key ? strtok_r(NULL, " \t\r", &word) : NULL;
            if (value != NULL && strcmp(key, "nameserver") == 0 &&
                netaddr_parse(bytes_str(value), &ret[found]) == ST_OK && wanted(q, &ret[found])) {
                ret[found].port = port;
                found++;
            }
        }
        free(text);
    }
    if (found == 0) { /* resolv.conf(5): the machine itself */
        ret[0] = netaddr_v4((const uint8_t[]){127, 0, 0, 1}, port);
        found = 1;
    }
    return found;
}

/* A server given by name, through the system's resolver. */
static size_t look_up(const struct query *q, const char *host, uint16_t port,
                      struct netaddr ret[SERVERS_MAX])
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *list = NULL;
    size_t n = 0;
    int rc = getaddrinfo(host, NULL, &hints, &list);
    if (rc != 0) {
        fprintf(stderr, "banyan query: server '%s': %s\n", host, gai_strerror(rc));
        return 0;
    }
    for (struct addrinfo *i = list; i != NULL && n < SERVERS_MAX; i = i->ai_next) {
        if (i->ai_family == AF_INET)
            ret[n] = netaddr_v4(
                (const uint8_t *)&((struct sockaddr_in *)(void *)i->ai_addr)->sin_addr, port);
        else if (i->ai_family == AF_INET6)
            ret[n] = netaddr_v6(
                (const uint8_t *)&((struct sockaddr_in6 *)(void *)i->ai_addr)->sin6_addr, port);
        else
            continue;
        n += wanted(q, &ret[n]);
    }
    freeaddrinfo(list);
    if (n == 0)
        complain("this server has no address of the family wanted:", host, NULL);
    return n;
}

size_t query_servers(const struct query *q, struct netaddr ret[SERVERS_MAX])
{
    uint16_t port = (uint16_t)(q->port != 0 ? q->port : 53);
    char host[SERVER_TEXT_MAX];
    if (q->server[0] == '\0')
        return resolv_conf(q, port, ret);
    struct lab_state lab;
    if (strcmp(q->server, "lab") == 0 && lab_find(&lab)) {
        ret[0] = lab.resolver;
        return 1;
    }
    if (netaddr_parse_port(bytes_str(q->server), port, &ret[0]) == ST_OK) {
        if (wanted(q, &ret[0]))
            return 1;
        complain("this server is not of the family wanted:", q->server, NULL);
        return 0;
    }
    snprintf(host, sizeof host, "%s", q->server);
    char *colon = strchr(host, ':');
    if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        char *end;
        unsigned long v = strtoul(colon + 1, &end, 10);
        if (*end != '\0' || v == 0 || v > 65535) {
            complain("not a server:", q->server, NULL);
            return 0;
        }
        port = (uint16_t)v;
        *colon = '\0';
    }
    return look_up(q, host, port, ret);
}

/* --- One question --- */

size_t query_build(struct random_pool *random, const struct query *q, uint8_t *buf, size_t cap)
{
    uint8_t options[QUERY_OPTIONS_MAX + 64], cookie[8];
    struct writer w = wr_of(options, sizeof options);
    uint16_t id, flags = (uint16_t)(q->opcode << 11);
    random_fill(random, &id, sizeof id);
    flags |= (uint16_t)((q->rd ? MSG_RD : 0) | (q->cd ? MSG_CD : 0) | (q->ad ? MSG_AD : 0) |
                        (q->aa ? MSG_AA : 0) | (q->z ? MSG_Z : 0) | (q->tc ? MSG_TC : 0) |
                        (q->ra ? MSG_RA : 0));
    if (q->nsid)
        edns_put(&w, EDNS_NSID, bytes_of(NULL, 0));
    if (q->expire)
        edns_put(&w, EDNS_EXPIRE, bytes_of(NULL, 0));
    if (q->zoneversion)
        edns_put(&w, EDNS_ZONEVERSION, bytes_of(NULL, 0));
    if (q->keepalive)
        edns_put(&w, EDNS_KEEPALIVE, bytes_of(NULL, 0));
    if (q->cookie) {
        random_fill(random, cookie, sizeof cookie);
        edns_put(&w, EDNS_COOKIE, bytes_of(cookie, sizeof cookie));
    }
    wr_bytes(&w, q->option, q->option_n);
    struct edns_out o = {.present = q->edns,
                         .udp_size = q->bufsize,
                         .dnssec_ok = q->dnssec || (q->edns_flags & 0x8000),
                         .version = q->edns_version,
                         .options = wr_done(&w),
                         .pad_block = q->pad_block};
    size_t n = encode_query(buf, cap, id, flags, q->name.w, q->type, q->rclass, &o);
    /* Flag bits other than DO have no place in edns_out: nobody but a tester sends them. The OPT
     * stands last, its flags 4 bytes before the end of its fixed part. */
    if (n > 0 && q->edns && q->edns_flags != 0 && q->pad_block == 0)
        put_be16(buf + n - wr_len(&w) - 4, (uint16_t)(q->edns_flags | (q->dnssec ? 0x8000 : 0)));
    return n;
}

static void show_sent(const struct query_shown *s, struct arena *a, struct text *out)
{
    struct msg m;
    if (msg_parse(s->sent, a, &m) != ST_OK)
        return;
    text_str(out, ";; sending:\n");
    msg_text(&m, out);
    text_char(out, '\n');
}

static int report(const struct query_shown *s, enum status st)
{
    struct arena a;
    struct text out = text_heap(OUT_MAX);
    int rc = RC_OK;
    arena_init(&a, 1 << 16, 1 << 22);
    if (s->q->show_query && !s->q->json && !s->q->brief)
        show_sent(s, &a, &out);
    if (st != ST_OK) {
        query_show_failure(s, st, &out);
        rc = RC_NO_REPLY;
    } else {
        st = query_show(s, &a, &out);
        if (st != ST_OK) {
            query_show_failure(s, st, &out);
            rc = RC_INTERNAL;
        }
    }
    fwrite(text_cstr(&out), 1, out.n, stdout);
    fflush(stdout);
    text_free(&out);
    arena_free(&a);
    return rc;
}

static int ask(struct session *s, const struct query *q)
{
    static uint8_t query[LIMIT_MESSAGE], buf[LIMIT_MESSAGE];
    struct netaddr server[SERVERS_MAX];
    struct client_reply reply = {0};
    size_t servers = query_servers(q, server), n = query_build(&s->random, q, query, sizeof query);
    if (servers == 0)
        return RC_INTERNAL;
    if (n == 0)
        return complain("the question does not fit into a message:", "", NULL), RC_INTERNAL;
    enum status st = ST_EIO;
    size_t i = 0;
    for (; i < servers; i++) {
        struct client_call c = {.server = server[i],
                                .from = q->from,
                                .tcp = q->tcp || n > LIMIT_UDP_PLAIN,
                                .keep_truncated = q->ignore,
                                .timeout_ms = q->timeout_ms,
                                .tries = q->tries};
        st = client_ask(&c, bytes_of(query, n), buf, &reply);
        if (st == ST_OK || i + 1 == servers)
            break;
    }
    struct query_shown shown = {q, &server[i], &reply, bytes_of(query, n), s->colour, NULL};
    return report(&shown, st);
}

static void print_help(void)
{
    struct text t = text_heap(1 << 16);
    query_plus_help(&t);
    const struct opt_command c = {
        "banyan query",
        "[@SERVER[:PORT]] NAME [TYPE] [CLASS] [+WORD...] [OPTIONS]",
        "Asks a DNS server and shows what it says. Words may come in any order; those before the\n"
        "first name go for all questions, those behind a name for that one. Without @SERVER the\n"
        "servers of /etc/resolv.conf are asked.\n\n"
        "With +validate every signature is checked here, and the chain of trust is shown: from "
        "the\n"
        "trust anchor through the keys of each zone down to the data, or the proof that there is\n"
        "none; if it breaks, at which link, why, and who has to act. Without @SERVER this process\n"
        "asks the zones' own servers, from the root down. With @SERVER everything is asked of "
        "that\n"
        "server, with checking disabled (CD): a server that takes signatures out is told from a\n"
        "zone that is broken. --anchor, --hints and --lab imply +validate. RRSIG, NSEC and NSEC3\n"
        "records are shown with +dnssec only; +short shows data that may be believed, or "
        "nothing.\n\n"
        "Exit status: 0 there was a reply (whatever it says); with +validate: it is secure or\n"
        "insecure; 1 it is bogus, or takes too much work to check; 2 wrong usage; 9 no reply, "
        "with\n"
        "+validate also to a question that the chain needs; 10 an error here.",
        NULL,
        table,
        ARRAY_LEN(table)};
    opts_help(&c);
    printf("\nwords with a plus:\n%s", text_cstr(&t));
    fputs("\nexamples:\n"
          "  banyan query example.org                      the address, from the usual server\n"
          "  banyan query @192.0.2.53 example.org MX       one server, one type\n"
          "  banyan query @lab www.example.org             the resolver of the running lab\n"
          "  banyan query @::1:5353 -x 192.0.2.7 +short    a reverse name, only the data\n"
          "  banyan query example.org SOA +norec +nsid +dnssec\n"
          "  banyan query example.org MX +validate         check it from the root, show the chain\n"
          "  banyan query @9.9.9.9 example.org +validate   does that resolver pass signatures on?\n"
          "  banyan query --lab nowhere.example.org        the proof that it is not there, in the "
          "lab\n"
          "  banyan query --json example.org AAAA example.net TXT\n",
          stdout);
    text_free(&t);
}

int cmd_query(int argc, char **argv)
{
    struct session s = {.colour = term_colour()};
    query_defaults(&s.first);
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help();
            return RC_OK;
        }
    int rc = RC_USAGE;
    bool fine = take_words(&s, argv + 1, (size_t)(argc - 1), 0);
    if (fine && s.n == 0) { /* as dig: the root's name servers */
        if (!s.first.typed)
            s.first.type = RR_NS;
        fine = add_name(&s, &(struct name){{0}});
    }
    if (fine)
        rc = RC_OK;
    for (size_t i = 0; fine && i < s.n; i++) {
        if (i > 0 && !s.q[i].brief && !s.q[i].json && !s.q[i].raw && !s.q[i].hex)
            putchar('\n');
        int one = s.q[i].validate ? query_validate(&s.q[i], &s.random, s.colour) : ask(&s, &s.q[i]);
        rc = MAX(rc, one);
    }
    free(s.q);
    return rc;
}
