/* Questions that no zone answers: other classes, types that are not data, the server's own names.
 */
#include "auth/state.h"

enum {
    EDE_INVALID_QUERY_TYPE = 30,
    EDE_NOT_SUPPORTED = 21,
    TYPE_NXNAME = 128,
    TYPE_DATA_END = 127
};

/* The types that are not data (RFC 6895 section 3.1: OPT and 128 to 255). */
static enum stage_result meta_type(struct query *q, uint16_t type)
{
    switch (type) {
    case RR_ANY:
        return STAGE_NEXT;
    case RR_AXFR: /* over UDP too: RFC 5936 section 4.2 leaves the RCODE open */
    case RR_IXFR:
        return query_error(q, RCODE_REFUSED, QUERY_NO_EDE);
    case RR_MAILA: /* obsolete since RFC 1035 and RFC 973 */
    case RR_MAILB:
        return query_error(q, RCODE_NOTIMP, QUERY_NO_EDE);
    case TYPE_NXNAME: /* RFC 9824 section 4 */
        return query_error(q, RCODE_FORMERR, EDE_INVALID_QUERY_TYPE);
    case RR_OPT:
    case RR_TSIG:
    case RR_TKEY:
        return query_error(q, RCODE_FORMERR, QUERY_NO_EDE);
    default: /* unassigned: like any type we have no data of (RFC 3597 section 2) */
        return STAGE_NEXT;
    }
}

/* RFC 4892, and the names that BIND's users know. */
static const struct {
    const char *name; /* as on the wire, without the root label, which the string's end is */
    size_t option;    /* of struct auth_options */
} chaos_names[] = {
    {"\7version\4bind", offsetof(struct auth_options, version)},
    {"\7version\6server", offsetof(struct auth_options, version)},
    {"\10hostname\4bind", offsetof(struct auth_options, hostname)},
    {"\2id\6server", offsetof(struct auth_options, identity)},
};

static const char *chaos_text(const struct auth_options *opt, const uint8_t *name)
{
    for (size_t i = 0; i < ARRAY_LEN(chaos_names); i++)
        if (name_equal((const uint8_t *)chaos_names[i].name, name))
            return *(const char *const *)(const void *)((const char *)opt + chaos_names[i].option);
    return NULL;
}

static enum stage_result chaos(struct query *q)
{
    const struct question *ask = &q->in.q;
    const char *text = chaos_text(auth_of(q)->opt, ask->name.w);
    if (text == NULL || (ask->type != RR_TXT && ask->type != RR_ANY))
        return query_error(q, RCODE_REFUSED, QUERY_NO_EDE);
    struct bytes b = bytes_str(text);
    struct synthesis *s = &q->answer.synthesis[0];
    b.n = MIN(b.n, sizeof s->rdata - 3);
    put_be16(s->rdata, (uint16_t)(b.n + 1));
    s->rdata[2] = (uint8_t)b.n;
    memcpy(s->rdata + 3, b.p, b.n);
    struct rrset set = {.owner = ask->name.w,
                        .type = RR_TXT,
                        .rclass = CLASS_CH,
                        .ttl = 0,
                        .count = 1,
                        .rdata_size = (uint32_t)(b.n + 3),
                        .rdata = s->rdata};
    answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false, &set);
    q->reply.flags |= MSG_AA;
    q->shape = SHAPE_ANSWER;
    return STAGE_DONE;
}

enum stage_result auth_local(struct query *q)
{
    const struct question *ask = &q->in.q;
    if (UNLIKELY(q->in.has_tsig)) /* RFC 8945 section 5.2.1: no key of ours */
        return query_error(q, RCODE_NOTAUTH, QUERY_NO_EDE);
    if (UNLIKELY(ask->rclass != CLASS_IN)) {
        if (ask->rclass == CLASS_CH)
            return chaos(q);
        if (ask->rclass != CLASS_ANY)
            return query_error(q, RCODE_REFUSED, QUERY_NO_EDE);
        q->any_class = true;
    }
    uint16_t type = ask->type;
    if (UNLIKELY((type > TYPE_DATA_END && type < 256) || type == RR_OPT))
        return meta_type(q, type);
    return STAGE_NEXT;
}
