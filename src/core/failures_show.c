/* Failures and slow answers for people and programs. */
#include "core/failures.h"

#include "base/when.h"
#include "core/trace_render.h"
#include "dns/codes.h"
#include "dns/rr_type.h"

/* Where a column ends, counted from the line's beginning. */
enum {
    COL_NAME = 22,
    COL_CLIENT = 60,
    COL_RESULT = 82,
    COL_TIME = 92,
    COL_COUNT = 104,
    COL_WHY = 112
};

static void put_ms(uint64_t us, struct text *out)
{
    text_fmt(out, "%llu.%llu ms", (unsigned long long)(us / 1000),
             (unsigned long long)(us / 100 % 10));
}

static void put_client(const struct netprefix *p, struct text *out)
{
    if (p->addr.family == ADDR_NONE) {
        text_char(out, '-');
        return;
    }
    netaddr_text(&p->addr, out);
    text_fmt(out, "/%u", p->bits);
}

/* What the trace says of the reason, or what the reason itself says. */
static void put_cause(const struct incident *i, struct text *out)
{
    struct trace t;
    incident_trace(i, &t);
    const struct trace_event *e = trace_culprit(&t);
    if (e != NULL)
        trace_sentence(&t, e, out);
    else if (i->steps > 0 && i->step[i->steps - 1].detail.text != NULL)
        text_str(out, i->step[i->steps - 1].detail.text);
    else
        text_str(out, reason_word((enum reason)i->why));
    trace_free(&t);
}

static void put_question(const struct incident_seen *s, size_t from, struct text *out)
{
    char type[24];
    when_text(s->last_s, out);
    text_pad(out, from, COL_NAME);
    name_text(s->what->name, out);
    text_fmt(out, " %s", rr_type_str(s->what->type, type));
    text_pad(out, from, COL_CLIENT);
    put_client(&s->client, out);
    text_pad(out, from, COL_RESULT);
}

static void head(const char *const *word, struct text *out)
{
    static const size_t col[] = {COL_NAME, COL_CLIENT, COL_RESULT, COL_TIME, COL_COUNT, COL_WHY};
    size_t from = out->n;
    for (size_t i = 0; word[i] != NULL; i++) {
        text_str(out, word[i]);
        if (word[i + 1] != NULL)
            text_pad(out, from, col[i]);
    }
    text_char(out, '\n');
}

/* What every row begins with; returns where it stands in the text. */
static size_t row_begin(const struct incident_seen *s, struct text *out)
{
    char rcode[24];
    size_t from = out->n;
    put_question(s, from, out);
    text_str(out, rcode_str(s->what->rcode, rcode));
    text_pad(out, from, COL_TIME);
    put_ms(s->what->took_us, out);
    text_pad(out, from, COL_COUNT);
    return from;
}

void failures_table(const struct incident_list *l, struct text *out)
{
    static const char *const words[] = {"last",  "question", "client", "answer",
                                        "after", "times",    "why",    NULL};
    if (l->n == 0) {
        text_str(out, "no such failure is known\n");
        return;
    }
    head(words, out);
    for (size_t i = 0; i < l->n; i++) {
        const struct incident_seen *s = &l->v[i];
        size_t from = row_begin(s, out);
        text_uint(out, s->count);
        text_pad(out, from, COL_WHY);
        text_fmt(out, "%s: ", reason_word((enum reason)s->what->why));
        put_cause(s->what, out);
        text_char(out, '\n');
    }
    text_str(out, "\n`banyan ctl failures NAME` tells what has to be done, and by whom.\n");
}

static void put_waits(const struct upstream_waits *w, struct text *out)
{
    for (unsigned k = 0; k < w->n; k++) {
        const struct upstream_wait *x = &w->v[k];
        text_str(out, k > 0 ? ", " : "");
        netaddr_text(&x->to, out);
        text_char(out, ' ');
        put_ms(x->us, out);
        if (x->asked > 1 || x->lost > 0)
            text_fmt(out, " (%u asked, %u without reply)", x->asked, x->lost);
    }
}

void slow_table(const struct incident_list *l, struct text *out)
{
    static const char *const words[] = {"when",  "question",   "client", "answer",
                                        "after", "waited for", NULL};
    if (l->n == 0) {
        text_str(out, "no such answer is known\n");
        return;
    }
    head(words, out);
    for (size_t i = 0; i < l->n; i++) {
        const struct incident_seen *s = &l->v[i];
        (void)row_begin(s, out);
        put_waits(&s->what->waits, out);
        text_char(out, '\n');
    }
}

static void paragraph(const struct incident_seen *s, struct text *out)
{
    struct trace t;
    incident_trace(s->what, &t);
    trace_explain(&t, out);
    trace_free(&t);
    text_str(out, "  Last at ");
    when_text(s->last_s, out);
    if (s->client.addr.family != ADDR_NONE) {
        text_str(out, " for a client in ");
        put_client(&s->client, out);
    }
    if (s->count > 1) {
        text_fmt(out, ", %llu times since ", (unsigned long long)s->count);
        when_text(s->first_s, out);
    }
    text_str(out, "; the answer was given after ");
    put_ms(s->what->took_us, out);
    if (s->what->waits.n > 0) {
        text_str(out, ", waiting for ");
        put_waits(&s->what->waits, out);
    }
    text_str(out, ".\n");
}

void failures_paragraphs(const struct incident_list *l, struct text *out)
{
    if (l->n == 0)
        text_str(out, "no such failure is known\n");
    for (size_t i = 0; i < l->n; i++) {
        if (i > 0)
            text_char(out, '\n');
        paragraph(&l->v[i], out);
    }
}

static void json_steps(const struct incident *i, struct json *j)
{
    struct trace t;
    const struct trace_event *e;
    struct text s = text_heap(8192);
    incident_trace(i, &t);
    json_key(j, "trace");
    json_array(j);
    for (uint32_t k = 0; (e = trace_next(&t, &k)) != NULL;) {
        const struct trace_detail *d = trace_detail_of(&t, e);
        char name[NAME_TEXT_MAX];
        json_object(j);
        json_kv_uint(j, "at_us", e->at_us);
        json_kv_str(j, "reason", reason_word((enum reason)e->reason));
        json_kv_uint(j, "depth", e->depth);
        if (d->zone != NULL)
            json_kv_str(j, "zone", name_str(d->zone, name));
        if (d->address.family != ADDR_NONE) {
            text_clear(&s);
            netaddr_text(&d->address, &s);
            json_kv_str(j, "address", text_cstr(&s));
        }
        text_clear(&s);
        trace_sentence(&t, e, &s);
        json_kv_str(j, "text", text_cstr(&s));
        json_object_end(j);
    }
    json_array_end(j);
    json_kv_bool(j, "trace_cut", i->cut);
    text_clear(&s);
    if (i->rcode != RCODE_NOERROR && i->rcode != RCODE_NXDOMAIN) {
        trace_explain(&t, &s);
        s.n -= s.n > 0; /* its line break */
        json_key(j, "explain");
        json_bytes(j, bytes_of(s.p, s.n));
    }
    text_free(&s);
    trace_free(&t);
}

static void json_waits(const struct upstream_waits *w, struct json *j)
{
    json_key(j, "upstream");
    json_array(j);
    for (unsigned k = 0; k < w->n; k++) {
        char a[NETADDR_TEXT_MAX];
        struct text t = text_of(a, sizeof a);
        netaddr_text(&w->v[k].to, &t);
        json_object(j);
        json_kv_str(j, "address", a);
        json_kv_uint(j, "waited_us", w->v[k].us);
        json_kv_uint(j, "asked", w->v[k].asked);
        json_kv_uint(j, "without_reply", w->v[k].lost);
        json_object_end(j);
    }
    json_array_end(j);
}

void incidents_json(const struct incident_list *l, struct json *j)
{
    char buf[NAME_TEXT_MAX];
    json_array(j);
    for (size_t i = 0; i < l->n; i++) {
        const struct incident_seen *s = &l->v[i];
        const struct incident *x = s->what;
        json_object(j);
        json_kv_uint(j, "first", s->first_s);
        json_kv_uint(j, "last", s->last_s);
        json_kv_uint(j, "count", s->count);
        json_kv_str(j, "name", name_str(x->name, buf));
        json_kv_str(j, "type", rr_type_str(x->type, buf));
        if (s->client.addr.family != ADDR_NONE) {
            struct text t = text_of(buf, sizeof buf);
            put_client(&s->client, &t);
            json_kv_str(j, "client", buf);
        }
        json_kv_str(j, "rcode", rcode_str(x->rcode, buf));
        json_kv_uint(j, "took_us", x->took_us);
        json_kv_str(j, "reason", reason_word((enum reason)x->why));
        if (x->ede >= 0)
            json_kv_uint(j, "ede", (uint64_t)x->ede);
        json_waits(&x->waits, j);
        json_steps(x, j);
        json_object_end(j);
    }
    json_array_end(j);
}
