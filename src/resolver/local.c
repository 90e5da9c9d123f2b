/* What is answered without asking anybody: the server's own names (RFC 4892), types that are no
 * data, special names (RFC 6761, RFC 7686). */
#include "resolver/machine.h"

enum { EDE_INVALID_QUERY_TYPE = 30, TYPE_NXNAME = 128, TYPE_DATA_END = 127, LOCAL_TTL_S = 10800 };

static struct rrset one_record(const uint8_t *owner, uint16_t type, uint16_t rclass, uint32_t ttl,
                               const uint8_t *packed)
{
    return (struct rrset){.owner = owner,
                          .type = type,
                          .rclass = rclass,
                          .ttl = ttl,
                          .count = 1,
                          .rdata_size = 2u + get_be16(packed),
                          .rdata = packed};
}

static enum stage_result chaos(struct query *q)
{
    static const struct {
        const char *name; /* as on the wire, without the root label, which the string's end is */
        bool version;
    } names[] = {{"\7version\4bind", true},
                 {"\7version\6server", true},
                 {"\10hostname\4bind", false},
                 {"\2id\6server", false}};
    const struct resolver *r = q->role;
    const struct question *ask = &q->in.q;
    const char *text = NULL;
    if (why_asked(ask))
        return why_begin(q);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (name_equal((const uint8_t *)names[i].name, ask->name.w))
            text = names[i].version ? "Banyan " BANYAN_VERSION : r->opt->identity;
    if (text == NULL || (ask->type != RR_TXT && ask->type != RR_ANY))
        return query_error(q, RCODE_REFUSED, QUERY_NO_EDE);
    struct bytes b = bytes_str(text);
    uint8_t *rd = q->answer.synthesis[0].rdata;
    b.n = MIN(b.n, (size_t)LIMIT_NAME - 1);
    put_be16(rd, (uint16_t)(b.n + 1));
    rd[2] = (uint8_t)b.n;
    memcpy(rd + 3, b.p, b.n);
    struct rrset set = one_record(ask->name.w, RR_TXT, CLASS_CH, 0, rd);
    answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false, &set);
    q->shape = SHAPE_ANSWER;
    return STAGE_DONE;
}

/* RFC 6895 section 3.1: 0, OPT and 128 to 255 are not data. */
static enum stage_result meta_type(struct query *q, uint16_t type)
{
    switch (type) {
    case RR_ANY:
        return STAGE_NEXT;
    case RR_AXFR:
    case RR_IXFR:
        return query_error(q, RCODE_REFUSED, QUERY_NO_EDE);
    case RR_MAILA:
    case RR_MAILB:
        return query_error(q, RCODE_NOTIMP, QUERY_NO_EDE);
    case TYPE_NXNAME: /* RFC 9824 section 4 */
        return query_error(q, RCODE_FORMERR, EDE_INVALID_QUERY_TYPE);
    case 0:
    case RR_OPT:
    case RR_TSIG:
    case RR_TKEY:
        return query_error(q, RCODE_FORMERR, QUERY_NO_EDE);
    default:
        return STAGE_NEXT;
    }
}

static enum stage_result denied(struct query *q, const uint8_t *zone, unsigned rcode)
{
    /* localhost. nobody.invalid. 1 3600 1200 604800 10800 */
    static const uint8_t soa[] = {0,   47,  9,   108, 111, 99,  97,  108, 104, 111, 115, 116, 0,
                                  6,   110, 111, 98,  111, 100, 121, 7,   105, 110, 118, 97,  108,
                                  105, 100, 0,   0,   0,   0,   1,   0,   0,   14,  16,  0,   0,
                                  4,   176, 0,   9,   58,  128, 0,   0,   42,  48};
    struct rrset set = one_record(zone, RR_SOA, CLASS_IN, LOCAL_TTL_S, soa);
    answer_put(&q->answer, SECTION_AUTHORITY, ANSWER_NEGATIVE, false, &set);
    q->reply.rcode = (uint16_t)rcode;
    q->shape = rcode == RCODE_NXDOMAIN ? SHAPE_NXDOMAIN : SHAPE_NODATA;
    return STAGE_DONE;
}

static enum stage_result localhost(struct query *q, const uint8_t *zone)
{
    static const uint8_t v4[] = {0, 4, 127, 0, 0, 1};
    static const uint8_t v6[] = {0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const struct question *ask = &q->in.q;
    if (ask->type != RR_A && ask->type != RR_AAAA)
        return denied(q, zone, RCODE_NOERROR);
    struct rrset set =
        one_record(ask->name.w, ask->type, CLASS_IN, LOCAL_TTL_S, ask->type == RR_A ? v4 : v6);
    answer_put(&q->answer, SECTION_ANSWER, ANSWER_DATA, false, &set);
    q->shape = SHAPE_ANSWER;
    return STAGE_DONE;
}

enum stage_result local_stage(struct query *q)
{
    const struct question *ask = &q->in.q;
    uint16_t type = ask->type;
    if (UNLIKELY(q->in.has_tsig)) /* RFC 8945 section 5.2.1: no key of ours */
        return query_error(q, RCODE_NOTAUTH, QUERY_NO_EDE);
    if (UNLIKELY(ask->rclass != CLASS_IN))
        return ask->rclass == CLASS_CH ? chaos(q) : query_error(q, RCODE_REFUSED, QUERY_NO_EDE);
    if (UNLIKELY((type > TYPE_DATA_END && type < 256) || type == RR_OPT || type == 0)) {
        enum stage_result s = meta_type(q, type);
        if (s != STAGE_NEXT)
            return s;
    }
    if (ask->labels == 0)
        return STAGE_NEXT;
    const uint8_t *top = name_skip(ask->name.w, ask->labels - 1u);
    switch (top[0]) {
    case 9: /* RFC 6761 section 6.3 */
        if (name_equal(top, (const uint8_t *)"\11localhost"))
            return localhost(q, top);
        break;
    case 7: /* RFC 6761 section 6.4 */
        if (name_equal(top, (const uint8_t *)"\7invalid"))
            return denied(q, top, RCODE_NXDOMAIN);
        break;
    case 5: /* RFC 7686 section 2 */
        if (name_equal(top, (const uint8_t *)"\5onion"))
            return denied(q, top, RCODE_NXDOMAIN);
        break;
    default:
        break;
    }
    return STAGE_NEXT;
}
