/* One plain paragraph about a resolution: what happened, whose fault it is, what to do. */
#include "core/trace_render.h"

#include "dns/codes.h"
#include "dns/rr_type.h"

/* Who has to act when a resolution failed for a reason, and how. Reasons without a row blame
 * nobody. */
static const struct {
    const char *whose; /* {zone} and {address} are filled in */
    const char *advice;
} blame[WHY_COUNT] = {
    [WHY_REPLY_LAME] = {"the operator of {zone}",
                        "Either the server at {address} must be configured to serve {zone}, or it "
                        "must be taken out of "
                        "the zone's NS records (here and at the parent)."},
    [WHY_REPLY_UPWARD] =
        {"the operator of {zone}",
         "Either the server at {address} must be configured to serve {zone}, or it must be taken "
         "out of the zone's NS records (here and at the parent)."},
    [WHY_REPLY_MALFORMED] =
        {"the operator of the server {address}",
         "Its replies break the protocol; its software or a middlebox before it needs mending."},
    [WHY_REPLY_RCODE] =
        {"the operator of the server {address}",
         "Nothing is wrong with this resolver or its network: the server was "
         "reached. Its own log will say why it answers so; often a zone failed to load or "
         "expired there, or it "
         "refuses strangers."},
    [WHY_TIMEOUT] = {"the operator of the server {address} or of the network between",
                     "Check that this is still its address, that the server runs and that UDP and "
                     "TCP port 53 reach it: `banyan query @{address} {zone} SOA`."},
    [WHY_TIMEOUT_TCP] =
        {"the operator of the server {address} or of the network between",
         "TCP port 53 must be open too (RFC 7766), and firewalls often let UDP alone pass: "
         "`banyan query +tcp @{address} {zone} SOA`."},
    [WHY_STRANGE_REPLIES] =
        {"the operator of the server {address} or of the network between",
         "Something there answers, but not what was asked: broken software, a middlebox that "
         "changes packets, or somebody who forges replies. The packets that come from {address} "
         "show which."},
    [WHY_UNREACHABLE] = {"the operator of the server {address} or of the network between",
                         "The server has to be started there, or its address corrected where the "
                         "zone is delegated, "
                         "or a firewall opened: `banyan query @{address} {zone} SOA`."},
    [WHY_ALIAS_LOOP] = {"the owner of the aliases",
                        "One of the CNAME records must point somewhere else."},
    [WHY_ALIAS_TOO_LONG] = {"the owner of the aliases", "Shorten the chain of CNAME records."},
    [WHY_SERVERS_UNKNOWN] =
        {"the operator of {zone}",
         "The NS records at its parent name servers that cannot be found: give the registrar names "
         "that have addresses (and with names inside the zone those addresses, too: glue)."},
    [WHY_SERVER_LOOP] =
        {"the operators of the zones named",
         "Two zones need each other to find their servers: one of them needs glue at its parent or "
         "a server elsewhere."},
    [WHY_SERVERS_FAILED] = {"the operator of {zone}",
                            "Ask each of its servers by hand: `banyan query @SERVER {zone} SOA`."},
    [WHY_BUDGET_SPENT] =
        {"the operator of the zone asked",
         "Answering took more work than one question may cost: the delegation is far too "
         "complicated, or made to waste work."},
    [WHY_DEADLINE] = {"the servers asked, or the network",
                      "They are too slow or silent; try again, then look at the trace."},
    [WHY_REFUSED_CLIENT] = {"this resolver's configuration",
                            "Add the client's network to resolver.allow."},
    [WHY_GAVE_UP] = {"the operators of the servers asked or of the network between",
                     "They answered later than a client waits (resolver.patience), or not at all: "
                     "`banyan ctl slow` shows which."},
    [WHY_OVERLOADED] = {"this resolver's operator",
                        "More questions waited for answers than may (resolver.max-clients): one "
                        "client that floods, or servers that are silent; `banyan ctl failures` "
                        "shows for what."},
    [WHY_CACHE_FAILURE] =
        {"the servers asked before",
         "The same question failed moments ago and is not asked again yet (RFC 9520): `banyan ctl "
         "failures NAME` tells what to do, `banyan ctl trace --cold NAME` sees it fail afresh."},
#define TRUST_REASON(name, word, ede, text, act) [WHY_BOGUS_##name] = {NULL, act},
#include "core/trust_reasons.def"
#undef TRUST_REASON
};

static void fill(const char *s, const struct trace_detail *d, struct text *out)
{
    for (const char *p; (p = strchr(s, '{')) != NULL;) {
        text_bytes(out, s, (size_t)(p - s));
        /* In a command a name is wanted, in a sentence a word. */
        bool command = strncmp(p + 6, " SOA", 4) == 0;
        if (strncmp(p, "{zone}", 6) == 0 && d->zone != NULL && name_is_root(d->zone) && !command)
            text_str(out, "the root");
        else if (strncmp(p, "{zone}", 6) == 0 && d->zone != NULL)
            name_text(d->zone, out);
        else if (strncmp(p, "{zone}", 6) == 0)
            text_str(out, "the zone");
        else if (d->address.family != ADDR_NONE)
            netaddr_text(&d->address, out);
        else
            text_str(out, "the server");
        s = strchr(p, '}') + 1;
    }
    text_str(out, s);
}

/* Ends a sentence; a name may stand at its end. */
static void full_stop(struct text *out)
{
    if (out->n == 0 || out->p[out->n - 1] != '.')
        text_char(out, '.');
}

struct summary {
    const struct trace_event *first, *verdict;
    unsigned sent, problems, cache_hits;
};

static struct summary summarise(const struct trace *t)
{
    struct summary s = {0};
    const struct trace_event *e;
    for (uint32_t i = 0; (e = trace_next(t, &i)) != NULL;) {
        enum reason_kind kind = reason_kind((enum reason)e->reason);
        if (e->reason == WHY_QUERY_BEGIN && s.first == NULL)
            s.first = e;
        if (kind == REASON_VERDICT && e->depth == 0)
            s.verdict = e;
        s.sent += kind == REASON_SEND;
        s.problems += kind == REASON_PROBLEM;
        s.cache_hits += e->reason == WHY_CACHE_HIT || e->reason == WHY_CACHE_NEGATIVE;
    }
    return s;
}

static void put_question(const struct trace *t, const struct summary *s, struct text *out)
{
    char buf[24];
    const struct trace_detail *d = s->first ? trace_detail_of(t, s->first) : NULL;
    if (d != NULL && d->name != NULL) {
        name_text(d->name, out);
        text_fmt(out, " %s", rr_type_str(d->type, buf));
    } else {
        text_str(out, "The question");
    }
}

static void put_work(const struct trace *t, const struct summary *s, struct text *out)
{
    if (s->sent == 0)
        text_str(out, " It came from the cache; no server was asked.");
    else
        text_fmt(out, " It took %u upstream quer%s and %u.%u ms.", s->sent,
                 s->sent == 1 ? "y" : "ies", t->total_us / 1000, t->total_us / 100 % 10);
}

/* What went wrong on the way although the query ended well: worth a word to the operator. */
static void put_troubles(const struct trace *t, bool said, struct text *out)
{
    const struct trace_event *e = trace_culprit(t);
    if (e == NULL) {
        text_str(out, said ? "" : " Nothing is wrong.");
        return;
    }
    text_str(out, " On the way something went wrong that did no harm this time: ");
    trace_sentence(t, e, out);
    const struct trace_detail *d = trace_detail_of(t, e);
    if (e->reason >= WHY_BOGUS_OK && d->address.family != ADDR_NONE) {
        /* Others of its servers did better: so it is this one. */
        text_str(out, " (sent by ");
        netaddr_text(&d->address, out);
        text_str(out,
                 "; another server sent what is good: that one has to be brought up to date, or "
                 "what stands before it mended)");
    }
    text_char(out, '.');
}

/* Whether it was validated, by the last that was said about it; and where somebody could change
 * that, who and how. True: that was said. */
static bool put_trust(const struct trace *t, struct text *out)
{
    const struct trace_event *e, *last = NULL;
    for (uint32_t i = 0; (e = trace_next(t, &i)) != NULL;)
        if ((e->reason == WHY_SECURE || e->reason == WHY_INSECURE) && e->depth == 0 &&
            (last == NULL || last->reason != WHY_INSECURE))
            last = e;
    if (last == NULL)
        return false;
    const struct trace_detail *d = trace_detail_of(t, last);
    const char *words = d->text;
    text_fmt(out,
             last->reason == WHY_SECURE ? " It is secure (DNSSEC): %s"
                                        : " It is not protected by DNSSEC: %s",
             words != NULL ? words : "so the zone says");
    full_stop(out);
    unsigned why = WHY_BOGUS_OK + last->value;
    if (last->reason == WHY_SECURE || why >= WHY_COUNT || reason_ede((enum reason)why) == 0)
        return false;
    text_str(out, " What can be done: ");
    fill(blame[why].advice, d, out);
    text_char(out, '.');
    return true;
}

/* Did all root servers fail? Whatever one of them did, it is not the one to blame: all of them do
 * not fail at once, but a network that closes port 53 or answers in their place makes it look so.
 */
static bool roots_failed(const struct trace *t)
{
    const struct trace_event *e;
    for (uint32_t i = 0; (e = trace_next(t, &i)) != NULL;)
        if (e->reason == WHY_SERVERS_FAILED && e->depth == 0 &&
            trace_detail_of(t, e)->zone != NULL && *trace_detail_of(t, e)->zone == 0)
            return true;
    return false;
}

/* The root's own data failed: the root is signed well, so it is something here. */
static const char *root_advice(enum reason why)
{
    switch (why) {
    case WHY_BOGUS_EXPIRED:
    case WHY_BOGUS_NOT_YET:
        return "whoever runs this machine has to set its clock; the resolver goes on by itself "
               "once it is right";
    case WHY_BOGUS_NO_SIGNATURE:
    case WHY_BOGUS_NO_PROOF:
    case WHY_BOGUS_BAD_SIGNATURE:
    case WHY_BOGUS_ANCHOR_NO_DNSKEY:
        return "something in this network answers in the place of the root servers or takes "
               "signatures out of answers (a captive portal, a firewall, a router's DNS proxy): "
               "whoever runs the network has to let DNS through as it is";
    default:
        return NULL;
    }
}

static void explain_bogus(const struct trace *t, const struct trace_event *e, struct text *out)
{
    const struct trace_detail *d = trace_detail_of(t, e);
    bool root = d->zone != NULL && *d->zone == 0;
    const char *act = root ? root_advice((enum reason)e->reason) : NULL;
    if (act == NULL && e->reason == WHY_BOGUS_NO_SIGNATURE && d->text != NULL &&
        strstr(d->text, WORDS_NO_EDNS) != NULL)
        act = "the operator of {zone} has to see to it that its servers, and what stands before "
              "them, take EDNS (RFC 6891): `banyan query +dnssec @SERVER {zone} SOA`";
    text_str(out, " It failed validation (DNSSEC): ");
    trace_sentence(t, e, out);
    text_str(out, ". What has to be done: ");
    fill(act != NULL ? act : blame[e->reason].advice, d, out);
    text_str(out, ".");
}

/* Whether the event is trouble that a server of the zone made. */
static bool is_servers(const struct trace *t, const struct trace_event *e, const uint8_t *zone)
{
    const struct trace_detail *d = trace_detail_of(t, e);
    bool trouble = reason_kind((enum reason)e->reason) == REASON_PROBLEM &&
                   reason_ede((enum reason)e->reason) >= 0;
    return (trouble || e->reason == WHY_REPLY_RCODE) && d->address.family != ADDR_NONE &&
           d->zone != NULL && name_equal(d->zone, zone);
}

/* The zone's other servers, where the one in *e is not alone to blame: each once, with what was
 * last seen of it. */
static void put_others(const struct trace *t, const struct trace_event *e, struct text *out)
{
    enum { OTHERS_MAX = 4 };
    const struct trace_event *seen[OTHERS_MAX], *x;
    const struct trace_detail *d = trace_detail_of(t, e);
    unsigned n = 0;
    if (d->zone == NULL || d->address.family == ADDR_NONE)
        return;
    for (uint32_t i = 0; (x = trace_next(t, &i)) != NULL;) {
        const struct netaddr *a = &trace_detail_of(t, x)->address;
        unsigned k = 0;
        if (!is_servers(t, x, d->zone) || netaddr_same_host(a, &d->address))
            continue;
        while (k < n && !netaddr_same_host(&trace_detail_of(t, seen[k])->address, a))
            k++;
        if (k < OTHERS_MAX)
            seen[k] = x;
        n = MAX(n, MIN(k + 1, (unsigned)OTHERS_MAX));
    }
    for (unsigned k = 0; k < n; k++) {
        text_str(out, k == 0 ? " The other servers of " : "; ");
        if (k == 0) {
            name_text(d->zone, out);
            text_str(out, " did no better: ");
        }
        trace_sentence(t, seen[k], out);
    }
    if (n > 0)
        full_stop(out);
}

static void explain_failure(const struct trace *t, const struct summary *s, struct text *out)
{
    char rcode[24];
    const struct trace_event *e = trace_culprit(t);
    put_question(t, s, out);
    if (e != NULL && e->reason == WHY_GAVE_UP)
        text_str(out, " was not answered in time.");
    else
        text_fmt(out, " could not be answered (%s).", rcode_str(t->rcode, rcode));
    if (e == NULL) {
        text_str(out, " The trace does not say why.");
        return;
    }
    if (e->reason >= WHY_BOGUS_OK) {
        explain_bogus(t, e, out);
        return;
    }
    text_str(out, " The reason: ");
    if (roots_failed(t)) {
        text_str(out, "no root server gave a usable answer; the last thing seen: ");
        trace_sentence(t, e, out);
        text_str(out, ". This is for whoever runs the network of this resolver to mend. UDP and "
                      "TCP port 53 must be open outwards, and nothing may answer in the place of "
                      "the servers asked; if root hints are configured, check them: `banyan query "
                      "@198.41.0.4 . NS` shows who answers.");
        return;
    }
    trace_sentence(t, e, out);
    full_stop(out);
    put_others(t, e, out);
    if (blame[e->reason].whose != NULL) {
        text_str(out, " This is for ");
        fill(blame[e->reason].whose, trace_detail_of(t, e), out);
        text_str(out, " to mend. ");
        fill(blame[e->reason].advice, trace_detail_of(t, e), out);
    }
}

/* What is not there, and whose word that is: behind an alias it is not the name that was asked for.
 */
static void put_denial(const struct trace *t, struct text *out)
{
    const struct trace_event *e;
    const uint8_t *alias = NULL, *zone = NULL;
    bool gone = t->rcode == RCODE_NXDOMAIN;
    for (uint32_t i = 0; (e = trace_next(t, &i)) != NULL;) {
        const struct trace_detail *d = trace_detail_of(t, e);
        if (e->depth == 0 && e->reason == WHY_ALIAS_FOLLOWED)
            alias = d->name;
        if (e->depth == 0 && (e->reason == WHY_REPLY_NXDOMAIN || e->reason == WHY_REPLY_NODATA))
            zone = d->zone;
    }
    text_str(out, " has no answer");
    if (alias != NULL) {
        text_str(out, ": it is an alias, and the name that it leads to, ");
        name_text(alias, out);
        text_str(out, gone ? ", does not exist" : ", has no record of this type");
    } else {
        text_str(out, gone ? " because the name does not exist"
                           : ": the name exists, but has no record of this type");
    }
    const struct trace_detail d = {.zone = zone};
    fill(zone != NULL ? "; that is what {zone} says, not a failure."
                      : "; that is what its zone says, not a failure.",
         &d, out);
    if (gone && alias != NULL)
        text_str(out, " Either that name has to be added, or the alias has to lead elsewhere.");
    else if (gone && zone != NULL && name_is_root(zone))
        text_str(out, " There is no such top-level domain: perhaps it is misspelt.");
    else if (gone)
        fill(zone != NULL ? " If it should exist, the operator of {zone} has to add it."
                          : " If it should exist, the owner of the zone has to add it.",
             &d, out);
}

void trace_explain(const struct trace *t, struct text *out)
{
    struct summary s = summarise(t);
    if (t->rcode != RCODE_NOERROR && t->rcode != RCODE_NXDOMAIN) {
        explain_failure(t, &s, out);
        text_char(out, '\n');
        return;
    }
    put_question(t, &s, out);
    if (t->rcode == RCODE_NXDOMAIN ||
        (s.verdict != NULL && s.verdict->reason == WHY_ANSWERED_NODATA)) {
        put_denial(t, out);
    } else if (s.verdict != NULL && trace_detail_of(t, s.verdict)->text != NULL) {
        text_fmt(out, " has the answer %s", trace_detail_of(t, s.verdict)->text);
        full_stop(out);
    } else {
        text_str(out, " was answered.");
    }
    put_work(t, &s, out);
    put_troubles(t, put_trust(t, out), out);
    text_char(out, '\n');
}
