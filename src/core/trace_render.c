/* The trace as a timeline, as JSON and as a sequence diagram. The words come from reasons.def. */
#include "core/trace_render.h"

#include "dns/codes.h"
#include "dns/rr_type.h"

static void put_name(const uint8_t *n, const char *unknown, struct text *out)
{
    if (n != NULL)
        name_text(n, out);
    else
        text_str(out, unknown);
}

/* One {field} of a template; false if the field is none of ours. */
static bool put_field(const struct trace_detail *d, const struct trace_event *e, struct bytes field,
                      struct text *out)
{
    char buf[24];
    if (bytes_equal(field, bytes_str("name")))
        put_name(d->name, "the name", out);
    else if (bytes_equal(field, bytes_str("zone")))
        put_name(d->zone, "the zone", out);
    else if (bytes_equal(field, bytes_str("server")))
        put_name(d->server, "the server", out);
    else if (bytes_equal(field, bytes_str("type")))
        text_str(out, rr_type_str(d->type, buf));
    else if (bytes_equal(field, bytes_str("rcode")))
        text_str(out, rcode_str(d->rcode, buf));
    else if (bytes_equal(field, bytes_str("value")))
        text_uint(out, e->value);
    else if (bytes_equal(field, bytes_str("text")))
        text_str(out, d->text ? d->text : "no details");
    else if (bytes_equal(field, bytes_str("more")))
        text_str(out, d->text ? d->text : "");
    else if (bytes_equal(field, bytes_str("address")) && d->address.family == ADDR_NONE)
        text_str(out, "the server");
    else if (bytes_equal(field, bytes_str("address")))
        netaddr_text(&d->address, out);
    else
        return false;
    return true;
}

void trace_sentence(const struct trace *t, const struct trace_event *e, struct text *out)
{
    const struct trace_detail *d = trace_detail_of(t, e);
    const char *s = reason_sentence((enum reason)e->reason);
    for (const char *p; (p = strchr(s, '{')) != NULL;) {
        const char *close = strchr(p, '}');
        if (close == NULL)
            break;
        text_bytes(out, s, (size_t)(p - s));
        if (!put_field(d, e, bytes_of(p + 1, (size_t)(close - p - 1)), out))
            text_bytes(out, p, (size_t)(close + 1 - p));
        s = close + 1;
    }
    text_str(out, s);
}

static const char *const marks[] = {
    [REASON_STEP] = "    ",  [REASON_SEND] = "--> ",    [REASON_REPLY] = "<-- ",
    [REASON_CACHE] = "  . ", [REASON_PROBLEM] = "  ! ", [REASON_VERDICT] = "=== "};
static const char *const colours[] = {
    [REASON_STEP] = "\033[2m",     [REASON_SEND] = "\033[36m",    [REASON_REPLY] = "\033[32m",
    [REASON_CACHE] = "\033[2;35m", [REASON_PROBLEM] = "\033[31m", [REASON_VERDICT] = "\033[1m"};
static const char *const kinds[] = {
    [REASON_STEP] = "step",   [REASON_SEND] = "send",       [REASON_REPLY] = "reply",
    [REASON_CACHE] = "cache", [REASON_PROBLEM] = "problem", [REASON_VERDICT] = "verdict"};

static void put_ms(uint32_t us, struct text *out)
{
    text_fmt(out, "%u.%u ms", us / 1000, us / 100 % 10);
}

static void spent_line(const struct trace *t, struct text *out)
{
    bool any = false;
    for (int i = 0; i < BUDGET_ITEMS; i++) {
        if (t->spent.spent[i] == 0)
            continue;
        text_fmt(out, "%s%u of %u %s", any ? ", " : "", t->spent.spent[i],
                 budget_limit((enum budget_item)i), budget_words((enum budget_item)i));
        any = true;
    }
    if (!any)
        text_str(out, "nothing: no packet was sent");
}

void trace_timeline(const struct trace *t, bool colour, struct text *out)
{
    const struct trace_event *e;
    for (uint32_t i = 0; (e = trace_next(t, &i)) != NULL;) {
        enum reason_kind kind = reason_kind((enum reason)e->reason);
        const struct trace_detail *d = trace_detail_of(t, e);
        char when[32];
        struct text w = text_of(when, sizeof when);
        put_ms(e->at_us, &w);
        text_fmt(out, "%11s  ", when);
        for (unsigned k = 0; k < e->depth; k++)
            text_str(out, colour ? "\033[2m|\033[0m   " : "|   ");
        if (colour)
            text_str(out, colours[kind]);
        text_str(out, marks[kind]);
        trace_sentence(t, e, out);
        if (d->rtt_us > 0) {
            text_str(out, " (");
            put_ms(d->rtt_us, out);
            text_char(out, ')');
        }
        if (colour)
            text_str(out, "\033[0m");
        text_char(out, '\n');
    }
    if (t->cut)
        text_str(out, "             (the trace reached its limit: later events are missing)\n");
    char rcode[24];
    text_fmt(out, "result: %s in ", rcode_str(t->rcode, rcode));
    put_ms(t->total_us, out);
    text_str(out, "; spent: ");
    spent_line(t, out);
    text_char(out, '\n');
}

static void json_name(struct json *out, const char *key, const uint8_t *n)
{
    char buf[NAME_TEXT_MAX];
    if (n != NULL)
        json_kv_str(out, key, name_str(n, buf));
}

static void event_json(const struct trace *t, const struct trace_event *e, struct json *out)
{
    const struct trace_detail *d = trace_detail_of(t, e);
    char buf[NETADDR_TEXT_MAX];
    json_object(out);
    json_kv_uint(out, "at_us", e->at_us);
    json_kv_str(out, "reason", reason_word((enum reason)e->reason));
    json_kv_str(out, "kind", kinds[reason_kind((enum reason)e->reason)]);
    json_kv_uint(out, "query", e->query);
    json_kv_uint(out, "depth", e->depth);
    json_name(out, "name", d->name);
    if (d->type != 0)
        json_kv_str(out, "type", rr_type_str(d->type, buf));
    json_name(out, "zone", d->zone);
    json_name(out, "server", d->server);
    if (d->address.family != ADDR_NONE) {
        struct text a = text_of(buf, sizeof buf);
        netaddr_text_port(&d->address, &a);
        json_kv_str(out, "address", buf);
    }
    if (d->rtt_us > 0)
        json_kv_uint(out, "rtt_us", d->rtt_us);
    if (e->value > 0)
        json_kv_uint(out, "value", e->value);
    if (d->text != NULL)
        json_kv_str(out, "detail", d->text);
    struct text s = text_heap(8192);
    trace_sentence(t, e, &s);
    json_kv_str(out, "text", text_cstr(&s));
    text_free(&s);
    json_object_end(out);
}

/* The paragraph for people, and what it goes by for programs. */
static void conclusion_json(const struct trace *t, struct json *out)
{
    const struct trace_event *e = trace_culprit(t);
    struct text words = text_heap(65536);
    trace_explain(t, &words);
    while (words.n > 0 && words.p[words.n - 1] == '\n')
        words.p[--words.n] = '\0';
    json_kv_str(out, "explanation", text_cstr(&words));
    text_free(&words);
    if (e == NULL)
        return;
    json_key(out, "trouble");
    event_json(t, e, out);
}

void trace_json(const struct trace *t, struct json *out)
{
    const struct trace_event *e;
    char rcode[24];
    json_object(out);
    json_kv_str(out, "rcode", rcode_str(t->rcode, rcode));
    json_kv_uint(out, "total_us", t->total_us);
    json_kv_bool(out, "complete", !t->cut && t->armed);
    conclusion_json(t, out);
    json_key(out, "budget");
    json_object(out);
    for (int i = 0; i < BUDGET_ITEMS; i++) {
        json_key(out, budget_words((enum budget_item)i));
        json_object(out);
        json_kv_uint(out, "spent", t->spent.spent[i]);
        json_kv_uint(out, "limit", budget_limit((enum budget_item)i));
        json_object_end(out);
    }
    json_object_end(out);
    json_key(out, "events");
    json_array(out);
    for (uint32_t i = 0; (e = trace_next(t, &i)) != NULL;)
        event_json(t, e, out);
    json_array_end(out);
    json_object_end(out);
}

/* Mermaid ends a message at a line feed and reads ";" and "#" as its own. */
static void mermaid_text(const char *s, struct text *out)
{
    for (; *s != '\0'; s++) {
        if (*s == ';' || *s == '#' || *s == '\n' || (unsigned char)*s < 0x20)
            text_char(out, ',');
        else
            text_char(out, *s);
    }
}

enum { MERMAID_SERVERS = 40 };

struct participants {
    struct netaddr addr[MERMAID_SERVERS];
    unsigned n;
};

static unsigned participant(struct participants *p, const struct netaddr *a)
{
    for (unsigned i = 0; i < p->n; i++)
        if (netaddr_same_host(&p->addr[i], a))
            return i;
    if (p->n == MERMAID_SERVERS)
        return MERMAID_SERVERS - 1;
    p->addr[p->n] = *a;
    return p->n++;
}

static void mermaid_participants(const struct trace *t, struct participants *p, struct text *out)
{
    const struct trace_event *e;
    text_str(out, "sequenceDiagram\n    participant C as client\n    participant R as resolver\n");
    for (uint32_t i = 0; (e = trace_next(t, &i)) != NULL;) {
        const struct trace_detail *d = trace_detail_of(t, e);
        unsigned before = p->n;
        if (reason_kind((enum reason)e->reason) != REASON_SEND || d->address.family == ADDR_NONE)
            continue;
        unsigned k = participant(p, &d->address);
        if (p->n == before)
            continue;
        text_fmt(out, "    participant S%u as ", k);
        if (d->server != NULL) {
            name_text(d->server, out);
            text_str(out, "<br/>");
        }
        netaddr_text(&d->address, out);
        if (d->zone != NULL) {
            text_str(out, "<br/>zone ");
            name_text(d->zone, out);
        }
        text_char(out, '\n');
    }
}

void trace_mermaid(const struct trace *t, struct text *out)
{
    struct participants p = {.n = 0};
    const struct trace_event *e;
    mermaid_participants(t, &p, out);
    for (uint32_t i = 0; (e = trace_next(t, &i)) != NULL;) {
        const struct trace_detail *d = trace_detail_of(t, e);
        enum reason_kind kind = reason_kind((enum reason)e->reason);
        struct text s = text_heap(8192);
        trace_sentence(t, e, &s);
        bool server = d->address.family != ADDR_NONE && p.n > 0;
        if (e->reason == WHY_QUERY_BEGIN && e->depth == 0)
            text_str(out, "    C->>R: ");
        else if (kind == REASON_SEND && server)
            text_fmt(out, "    R->>S%u: ", participant(&p, &d->address));
        else if (kind == REASON_REPLY && server)
            text_fmt(out, "    S%u-->>R: ", participant(&p, &d->address));
        else if (kind == REASON_PROBLEM && server)
            text_fmt(out, "    S%u--xR: ", participant(&p, &d->address));
        else if (kind == REASON_VERDICT && e->depth == 0)
            text_str(out, "    R-->>C: ");
        else
            text_str(out, "    Note over R: ");
        mermaid_text(text_cstr(&s), out);
        if (d->rtt_us > 0)
            text_fmt(out, " (%u.%u ms)", d->rtt_us / 1000, d->rtt_us / 100 % 10);
        text_char(out, '\n');
        text_free(&s);
    }
}
