/* "Why?" over DNS: whoever may ask gets told, in one paragraph, how this resolver finds a name now.
 *
 *     dig @resolver CH TXT www.example.com.A.explain.banyan
 *
 * The name is resolved with a trace and an empty cache of its own, so that what is said is true at
 * this moment, and nothing of other clients is seen or logged. */
#include "core/trace_render.h"
#include "resolver/machine.h"

enum { EDE_OTHER = 0, EDE_PROHIBITED = 18, PARAGRAPH_MAX = 6000, STRING_MAX = 255 };

static const uint8_t below[] = {7, 'e', 'x', 'p', 'l', 'a', 'i', 'n',
                                6, 'b', 'a', 'n', 'y', 'a', 'n', 0};

bool resolver_explains(const uint8_t *name)
{
    unsigned labels = (unsigned)name_labels(name);
    return labels > 2 && name_equal(name_skip(name, labels - 2), below);
}

bool why_asked(const struct question *ask)
{
    return ask->type == RR_TXT && resolver_explains(ask->name.w);
}

static bool may_explain(const struct resolver *r, const struct request *rq)
{
    for (size_t i = 0; i < r->opt->explain_count; i++)
        if (netprefix_covers(&r->opt->explain[i], &rq->client))
            return true;
    return rq->transport == TRANSPORT_LOCAL;
}

static enum stage_result refuse(struct query *q, unsigned rcode, int ede, const char *why)
{
    (void)query_error(q, rcode, ede);
    q->reply.ede_text = bytes_str(why);
    return STAGE_DONE;
}

/* NAME.TYPE.explain.banyan. */
static bool read_question(const struct question *ask, struct name *ret, uint16_t *ret_type)
{
    const uint8_t *type = name_skip(ask->name.w, ask->labels - 3u);
    size_t n = (size_t)(type - ask->name.w);
    memcpy(ret->w, ask->name.w, n);
    ret->w[n] = 0;
    return rr_type_parse(bytes_of(type + 1, type[0]), ret_type) && *ret_type != 0 &&
           (rr_type_flags(*ret_type) & RRF_META) == 0;
}

enum stage_result why_begin(struct query *q)
{
    struct resolver *r = q->role;
    const struct resolve_task task = {.cold = true, .armed = true};
    struct name name;
    uint16_t type;
    if (!may_explain(r, q->rq))
        return refuse(q, RCODE_REFUSED, EDE_PROHIBITED,
                      "explanations are for resolver.explain-clients");
    if (!read_question(&q->in.q, &name, &type))
        return refuse(q, RCODE_FORMERR, EDE_OTHER,
                      "ask for NAME.TYPE.explain.banyan, e.g. www.example.com.A.explain.banyan");
    if (r->explains >= LIMIT_EXPLANATIONS || q->rq->wire.n > LIMIT_WAITING_QUERY)
        return refuse(q, RCODE_SERVFAIL, EDE_OTHER, "others are being explained, try again");
    struct client *c = client_new(r, q->rq);
    struct job *j = c != NULL ? job_new(r, q->rq->now, &task) : NULL;
    unsigned flags = validating(r) && type != RR_RRSIG ? LOOKUP_CHECK : 0;
    struct lookup *l = j != NULL ? lookup_get(r, j, name.w, type, flags, NULL, q->rq->now) : NULL;
    if (l == NULL) {
        if (j != NULL)
            job_drop(j);
        if (c != NULL)
            client_free(r, c);
        return refuse(q, RCODE_SERVFAIL, EDE_OTHER, "out of memory");
    }
    c->explain = true;
    r->explains++;
    c->lookup = l;
    c->asked_us = q->rq->now.mono_us;
    lookup_wait(l, &c->wait);
    return STAGE_WAIT;
}

struct bytes culprit_words(const struct culprit *c, struct now now, char *buf, size_t cap)
{
    struct trace t;
    struct text out = text_of(buf, cap);
    char code[24];
    uint32_t i = 0;
    if (c->why >= WHY_BOGUS_OK && c->text[0] != '\0')
        return bytes_str(c->text);
    trace_init(&t, now, true);
    struct trace_detail d = {.type = c->type,
                             .rcode = c->rcode,
                             .value = c->value,
                             .address = c->address,
                             .name = c->has_name ? c->name.w : NULL,
                             .zone = c->has_zone ? c->zone.w : NULL,
                             .text = c->text[0] != '\0' ? c->text : NULL};
    if (c->why == WHY_REPLY_RCODE)
        d.text = rcode_str(c->rcode, code);
    trace_add(&t, now, (enum reason)c->why, 0, 0, &d);
    const struct trace_event *e = trace_next(&t, &i);
    if (e != NULL)
        trace_sentence(&t, e, &out);
    text_end_cut(&out);
    trace_free(&t);
    return bytes_of(buf, out.n);
}

/* Words as the strings of a TXT record, broken between them. */
static struct bytes strings_of(struct bytes words, struct arena *a)
{
    uint8_t *out = arena_alloc_bytes(a, 2 + words.n + words.n / (STRING_MAX / 2) + 2), *p = out + 2;
    if (out == NULL)
        return bytes_of(NULL, 0);
    for (size_t at = 0; at < words.n || at == 0;) {
        size_t n = MIN(words.n - at, (size_t)STRING_MAX);
        for (size_t k = n; at + n < words.n && k > STRING_MAX / 2; k--)
            if (words.p[at + k - 1] == ' ') {
                n = k;
                break;
            }
        *p++ = (uint8_t)n;
        if (n > 0)
            memcpy(p, words.p + at, n);
        p += n;
        at += n;
        if (n == 0)
            break;
    }
    put_be16(out, (uint16_t)(p - out - 2));
    return bytes_of(out, (size_t)(p - out));
}

void why_fill(struct query *q, const struct lookup *l)
{
    struct resolver *r = q->role;
    arena_reset(&r->scratch);
    char *buf = arena_alloc(&r->scratch, PARAGRAPH_MAX);
    if (buf == NULL) {
        (void)query_error(q, RCODE_SERVFAIL, QUERY_NO_EDE);
        return;
    }
    struct text t = text_of(buf, PARAGRAPH_MAX);
    trace_explain(&l->job->trace, &t);
    text_end_cut(&t);
    while (t.n > 0 && (t.p[t.n - 1] == '\n' || t.p[t.n - 1] == ' '))
        t.n--;
    for (size_t i = 0; i < t.n; i++)
        if (t.p[i] == '\n')
            t.p[i] = ' ';
    struct bytes rd = strings_of(bytes_of(t.p, t.n), &r->scratch);
    if (rd.n == 0) {
        (void)query_error(q, RCODE_SERVFAIL, QUERY_NO_EDE);
        return;
    }
    struct rrset set = {.owner = q->in.q.name.w,
                        .type = RR_TXT,
                        .rclass = CLASS_CH,
                        .count = 1,
                        .rdata_size = (uint32_t)rd.n,
                        .rdata = rd.p};
    answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false, &set);
    q->shape = SHAPE_ANSWER;
}
