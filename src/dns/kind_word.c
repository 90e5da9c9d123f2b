/* Field kinds that are numbers with registered names: types, DNSSEC algorithms, certificate types,
 * RCODEs, DSYNC schemes, IP protocols. Either is read; what is printed is what the RFC of the
 * record shows. */
#include "dns/rr_table.h"

struct word {
    const char *name;
    uint16_t value;
};

static const char *word_of(const struct word *w, size_t n, unsigned value)
{
    for (size_t i = 0; i < n; i++)
        if (w[i].value == value)
            return w[i].name;
    return NULL;
}

/* The value of the next token: a word of the list or a number that fits the field. */
static enum status word_parse(const struct field *f, struct rdparse *ps, const struct word *w,
                              size_t n)
{
    const struct token *t = parse_next(ps, f->key);
    uint64_t v = 0;
    if (t == NULL)
        return ST_ESHORT;
    bool known = number_of(t->text, f->size == 1 ? 255 : 65535, &v);
    for (size_t i = 0; i < n && !known; i++) {
        if (word_equal(t->text, w[i].name)) {
            v = w[i].value;
            known = true;
        }
    }
    if (!known)
        return parse_fail(ps, t, ST_EUNKNOWN, "%s is \"%.*s\", neither a known word nor a number",
                          f->key, (int)MIN(t->text.n, (size_t)60), (const char *)t->text.p);
    if (f->size == 1)
        wr_u8(ps->out, (uint8_t)v);
    else
        wr_u16(ps->out, (uint16_t)v);
    return parse_done(ps);
}

static unsigned take_value(const struct field *f, struct rdview *v)
{
    unsigned n = f->size == 1 ? v->p[0] : get_be16(v->p);
    v->p += f->size;
    return n;
}

static void word_print(const struct field *f, struct rdview *v, const struct word *w, size_t n,
                       struct text *out)
{
    unsigned value = take_value(f, v);
    const char *name = word_of(w, n, value);
    if (name != NULL)
        text_str(out, name);
    else
        text_uint(out, value);
}

static void value_print(const struct field *f, struct rdview *v, struct text *out)
{
    text_uint(out, take_value(f, v));
}

/* A type: mnemonic or TYPEn, never a bare number (RFC 3597 section 5). */
static enum status type_parse(const struct field *f, struct rdparse *ps)
{
    uint16_t type;
    const struct token *t = parse_next(ps, f->key);
    if (t == NULL)
        return ST_ESHORT;
    if (!rr_type_parse(t->text, &type))
        return parse_fail(ps, t, ST_EUNKNOWN, "%s is \"%.*s\", which is not a type", f->key,
                          (int)MIN(t->text.n, (size_t)60), (const char *)t->text.p);
    wr_u16(ps->out, type);
    return parse_done(ps);
}

static void type_print(const struct field *f, struct rdview *v, struct text *out)
{
    rr_type_text((uint16_t)take_value(f, v), out);
}

const struct kind kind_type = {.parse = type_parse, .print = type_print};

/* IANA "DNS Security Algorithm Numbers". */
static const struct word algorithms[] = {{"DELETE", 0},
                                         {"RSAMD5", 1},
                                         {"DH", 2},
                                         {"DSA", 3},
                                         {"ECC", 4},
                                         {"RSASHA1", 5},
                                         {"DSA-NSEC3-SHA1", 6},
                                         {"NSEC3DSA", 6},
                                         {"RSASHA1-NSEC3-SHA1", 7},
                                         {"NSEC3RSASHA1", 7},
                                         {"RSASHA256", 8},
                                         {"RSASHA512", 10},
                                         {"ECC-GOST", 12},
                                         {"ECDSAP256SHA256", 13},
                                         {"ECDSAP384SHA384", 14},
                                         {"ED25519", 15},
                                         {"ED448", 16},
                                         {"SM2SM3", 17},
                                         {"ECC-GOST12", 23},
                                         {"INDIRECT", 252},
                                         {"PRIVATEDNS", 253},
                                         {"PRIVATEOID", 254}};

static enum status algorithm_parse(const struct field *f, struct rdparse *ps)
{
    return word_parse(f, ps, algorithms, ARRAY_LEN(algorithms));
}

/* Printed as a number, as all peers do. */
const struct kind kind_algorithm = {
    .parse = algorithm_parse, .print = value_print, .flags = KF_NUMBER};

/* RFC 4398 section 2.1. */
static const struct word cert_types[] = {{"PKIX", 1},  {"SPKI", 2}, {"PGP", 3},    {"IPKIX", 4},
                                         {"ISPKI", 5}, {"IPGP", 6}, {"ACPKIX", 7}, {"IACPKIX", 8},
                                         {"URI", 253}, {"OID", 254}};

static enum status cert_type_parse(const struct field *f, struct rdparse *ps)
{
    return word_parse(f, ps, cert_types, ARRAY_LEN(cert_types));
}

static void cert_type_print(const struct field *f, struct rdview *v, struct text *out)
{
    word_print(f, v, cert_types, ARRAY_LEN(cert_types), out);
}

const struct kind kind_cert_type = {.parse = cert_type_parse, .print = cert_type_print};

/* The error of TSIG and TKEY: 16 is BADSIG here (RFC 8945 section 3), not BADVERS. */
static const struct word errors[] = {
    {"NOERROR", 0},  {"FORMERR", 1},  {"SERVFAIL", 2}, {"NXDOMAIN", 3}, {"NOTIMP", 4},
    {"REFUSED", 5},  {"YXDOMAIN", 6}, {"YXRRSET", 7},  {"NXRRSET", 8},  {"NOTAUTH", 9},
    {"NOTZONE", 10}, {"BADSIG", 16},  {"BADKEY", 17},  {"BADTIME", 18}, {"BADMODE", 19},
    {"BADNAME", 20}, {"BADALG", 21},  {"BADTRUNC", 22}};

static enum status rcode16_parse(const struct field *f, struct rdparse *ps)
{
    return word_parse(f, ps, errors, ARRAY_LEN(errors));
}

static void rcode16_print(const struct field *f, struct rdview *v, struct text *out)
{
    word_print(f, v, errors, ARRAY_LEN(errors), out);
}

const struct kind kind_rcode16 = {.parse = rcode16_parse, .print = rcode16_print};

/* RFC 9859 section 2.3. */
static const struct word dsync_schemes[] = {{"NOTIFY", 1}};

static enum status dsync_scheme_parse(const struct field *f, struct rdparse *ps)
{
    return word_parse(f, ps, dsync_schemes, ARRAY_LEN(dsync_schemes));
}

static void dsync_scheme_print(const struct field *f, struct rdview *v, struct text *out)
{
    word_print(f, v, dsync_schemes, ARRAY_LEN(dsync_schemes), out);
}

const struct kind kind_dsync_scheme = {.parse = dsync_scheme_parse, .print = dsync_scheme_print};

static const struct word protocols[] = {{"ICMP", 1}, {"TCP", 6}, {"UDP", 17}};

static enum status protocol_parse(const struct field *f, struct rdparse *ps)
{
    return word_parse(f, ps, protocols, ARRAY_LEN(protocols));
}

const struct kind kind_protocol = {
    .parse = protocol_parse, .print = value_print, .flags = KF_NUMBER};
