/* IANA's root-anchors.xml (RFC 9718 section 2.1), read by libxml2 as a stream of elements.
 *
 * No tree is built, nothing is fetched, and a document type declaration is refused before an entity
 * of it could be expanded. Elements that are not known are passed over, as RFC 7958's readers
 * passed over what RFC 9718 added. */
#include "base/when.h"
#include "dns/rdata.h"
#include "dnssec/anchor_impl.h"
#include "dnssec/dnskey.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <stdlib.h>

enum { DEPTH_MAX = 16, TEXT_MAX = 8192 };

enum field {
    FIELD_ZONE,
    FIELD_TAG,
    FIELD_ALGORITHM,
    FIELD_DIGEST_TYPE,
    FIELD_DIGEST,
    FIELD_PUBLIC_KEY,
    FIELD_FLAGS,
    FIELDS
};

static const char *const field_names[FIELDS] = {"Zone",   "KeyTag",    "Algorithm", "DigestType",
                                                "Digest", "PublicKey", "Flags"};

/* The text of an element. */
struct value {
    const uint8_t *at; /* its start tag; NULL: not met */
    size_t n;
    char p[TEXT_MAX];
};

struct xml {
    struct anchor_file *f;
    xmlParserCtxtPtr parser;
    enum status st;
    unsigned depth;
    enum field open; /* of the element whose text is being read; FIELDS: none */
    bool in_digest, out_of_date;
    const uint8_t *digest_at;
    const char *when; /* why the KeyDigest does not count now */
    struct name zone;
    struct value value[FIELDS];
};

static const char hint_form[] = "the form is that of IANA's root-anchors.xml (RFC 9718)";

static void stop(struct xml *x, enum status st)
{
    if (x->st == ST_OK)
        x->st = st;
    xmlStopParser(x->parser);
}

/* The start of the tag that the parser has just read. */
static const uint8_t *here(const struct xml *x)
{
    long used = xmlByteConsumed(x->parser);
    const uint8_t *p = x->f->text.p;
    size_t n = used < 0 ? 0 : MIN((size_t)used, x->f->text.n - 1);
    while (n > 0 && p[n] != '<')
        n--;
    return p + n;
}

/* --- A KeyDigest --- */

static struct bytes text_of_field(const struct xml *x, enum field i)
{
    const uint8_t *p = (const uint8_t *)x->value[i].p;
    size_t n = x->value[i].n;
    while (n > 0 && p[n - 1] <= ' ')
        n--;
    while (n > 0 && p[0] <= ' ') {
        p++;
        n--;
    }
    return bytes_of(p, n);
}

/* Puts the words of a field at the end of the tokens. */
static void add_tokens(const struct xml *x, enum field i, struct token *tok, size_t max, size_t *n)
{
    struct bytes t = text_of_field(x, i);
    const uint8_t *p = t.p, *end = p + t.n;
    while (p < end && *n < max) {
        const uint8_t *from = p;
        while (p<end && * p> ' ')
            p++;
        /* The line stands for the field: see where an error is told. */
        tok[(*n)++] = (struct token){
            .text = bytes_of(from, (size_t)(p - from)), .line = (uint32_t)i + 1, .column = 1};
        while (p < end && *p <= ' ')
            p++;
    }
}

static enum status parse(const struct xml *x, uint16_t type, const enum field *fields, size_t count,
                         struct writer *out)
{
    struct token tok[256];
    size_t n = 0;
    struct diag d = {0};
    for (size_t i = 0; i < count; i++) {
        size_t before = n;
        add_tokens(x, fields[i], tok, ARRAY_LEN(tok), &n);
        if (n == before || (n - before > 1 && i + 1 < count))
            return anchor_tell(x->f, x->value[fields[i]].at, "bad-xml", hint_form,
                               "%s: one value is expected", field_names[fields[i]]);
    }
    enum status st = rdata_parse(type, tok, n, name_root, out, &d);
    if (st == ST_OK || st == ST_ENOMEM)
        return st;
    enum field i = d.line > 0 && d.line <= FIELDS ? (enum field)(d.line - 1) : fields[count - 1];
    return anchor_tell(x->f, x->value[i].at, d.code, hint_form, "%s", d.message);
}

/* The public key, where it is given, must be that of the digest. */
static enum status check_key(const struct xml *x, struct bytes rdata)
{
    uint8_t buf[TEXT_MAX];
    struct writer w = wr_of(buf, sizeof buf);
    struct ds ds;
    char text[16];
    struct text protocol = text_of(text, sizeof text);
    const struct value *key = &x->value[FIELD_PUBLIC_KEY], *flags = &x->value[FIELD_FLAGS];
    if (key->at == NULL && flags->at == NULL)
        return ST_OK;
    if (key->at == NULL || flags->at == NULL)
        return anchor_tell(x->f, x->digest_at, "bad-xml", hint_form,
                           "PublicKey and Flags stand together or not at all");
    struct token tok[256];
    size_t n = 0;
    struct diag d = {0};
    text_char(&protocol, '3');
    add_tokens(x, FIELD_FLAGS, tok, 1, &n);
    tok[n++] = (struct token){.text = bytes_of(protocol.p, protocol.n)};
    add_tokens(x, FIELD_ALGORITHM, tok, n + 1, &n);
    add_tokens(x, FIELD_PUBLIC_KEY, tok, ARRAY_LEN(tok), &n);
    enum status st = rdata_parse(RR_DNSKEY, tok, n, name_root, &w, &d);
    if (st == ST_ENOMEM)
        return st;
    if (st != ST_OK)
        return anchor_tell(x->f, key->at, d.code, hint_form, "%s", d.message);
    if (!ds_read(rdata, &ds) || !ds_matches(&ds, x->zone.w, wr_done(&w)))
        return anchor_tell(x->f, key->at, "key-and-digest", "was the file changed?",
                           "the PublicKey is not the one that KeyTag and Digest name");
    return ST_OK;
}

static enum status digest_done(struct xml *x)
{
    static const enum field ds[] = {FIELD_TAG, FIELD_ALGORITHM, FIELD_DIGEST_TYPE, FIELD_DIGEST};
    uint8_t buf[TEXT_MAX];
    struct writer w = wr_of(buf, sizeof buf);
    struct ds view;
    for (size_t i = 0; i < ARRAY_LEN(ds); i++)
        if (x->value[ds[i]].at == NULL)
            return anchor_tell(x->f, x->digest_at, "bad-xml", hint_form, "a KeyDigest without %s",
                               field_names[ds[i]]);
    if (x->value[FIELD_ZONE].at == NULL)
        return anchor_tell(x->f, x->digest_at, "bad-xml", hint_form,
                           "a KeyDigest before the Zone is named");
    TRY(parse(x, RR_DS, ds, ARRAY_LEN(ds), &w));
    if (x->when != NULL)
        return anchor_pass(x->f, x->zone.w, x->digest_at, x->when);
    if (ds_read(wr_done(&w), &view) && view.digest_type <= DS_SHA384 && view.digest_type != 3)
        TRY(check_key(x, wr_done(&w)));
    return anchor_take(x->f, x->zone.w, RR_DS, wr_done(&w), x->digest_at);
}

/* --- What the parser tells --- */

static bool is(const xmlChar *a, const char *b)
{
    return strcmp((const char *)a, b) == 0;
}

/* validFrom and validUntil (RFC 9718 section 2.1.1): the key counts from the one until the other.
 */
static enum status read_validity(struct xml *x, int count, const xmlChar **attr)
{
    bool from_met = false;
    x->when = NULL;
    for (int i = 0; i < count; i++, attr += 5) {
        uint64_t at;
        bool from = is(attr[0], "validFrom");
        if (!from && !is(attr[0], "validUntil"))
            continue;
        from_met |= from;
        if (!when_parse(bytes_of(attr[3], (size_t)(attr[4] - attr[3])), &at))
            return anchor_tell(x->f, x->digest_at, "bad-time",
                               "a time reads 2017-02-02T00:00:00+00:00 (RFC 3339)",
                               "the %s of this KeyDigest is no time", (const char *)attr[0]);
        if (from && x->f->wall_s < at)
            x->when = "it is not valid yet (is the clock of this machine right?)";
        if (!from && x->f->wall_s >= at)
            x->when = "it is not valid any more (is there a newer file?)";
    }
    return from_met ? ST_OK
                    : anchor_tell(x->f, x->digest_at, "bad-xml", hint_form,
                                  "a KeyDigest without validFrom");
}

static enum status open_element(struct xml *x, const xmlChar *name, int count, const xmlChar **attr)
{
    const uint8_t *at = here(x);
    if (x->depth > DEPTH_MAX)
        return anchor_tell(x->f, at, "bad-xml", hint_form, "elements nest deeper than %d",
                           DEPTH_MAX);
    if (x->depth == 1 && !is(name, "TrustAnchor"))
        return anchor_tell(x->f, at, "bad-xml", hint_form,
                           "the document is no TrustAnchor, but %.40s", (const char *)name);
    if (x->depth == 2 && is(name, "KeyDigest")) {
        x->in_digest = true;
        x->digest_at = at;
        for (int i = FIELD_TAG; i < FIELDS; i++)
            x->value[i].at = NULL;
        return read_validity(x, count, attr);
    }
    bool zone = x->depth == 2 && is(name, field_names[FIELD_ZONE]);
    for (int i = FIELD_ZONE; i < FIELDS; i++) {
        if (!(zone ? i == FIELD_ZONE : x->depth == 3 && x->in_digest && i != FIELD_ZONE) ||
            !is(name, field_names[i]))
            continue;
        if (x->value[i].at != NULL)
            return anchor_tell(x->f, at, "bad-xml", hint_form, "%s stands here twice",
                               field_names[i]);
        x->value[i].at = at;
        x->value[i].n = 0;
        x->open = (enum field)i;
    }
    return ST_OK;
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int namespaces, const xmlChar **ns, int count, int defaulted,
                     const xmlChar **attr)
{
    struct xml *x = ctx;
    (void)prefix, (void)uri, (void)namespaces, (void)ns, (void)defaulted;
    if (x->st != ST_OK)
        return;
    x->depth++;
    enum status st = x->open == FIELDS ? open_element(x, name, count, attr)
                                       : anchor_tell(x->f, here(x), "bad-xml", hint_form,
                                                     "%.40s stands inside %s", (const char *)name,
                                                     field_names[x->open]);
    if (st != ST_OK)
        stop(x, st);
}

static enum status zone_done(struct xml *x)
{
    if (name_parse(text_of_field(x, FIELD_ZONE), NULL, &x->zone) == ST_OK)
        return ST_OK;
    return anchor_tell(x->f, x->value[FIELD_ZONE].at, "bad-name", hint_form,
                       "the Zone is no domain name");
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct xml *x = ctx;
    enum status st = ST_OK;
    (void)name, (void)prefix, (void)uri;
    if (x->st != ST_OK)
        return;
    if (x->open == FIELD_ZONE)
        st = zone_done(x);
    else if (x->depth == 2 && x->in_digest) {
        st = digest_done(x);
        x->in_digest = false;
    }
    x->open = FIELDS;
    x->depth--;
    if (st != ST_OK)
        stop(x, st);
}

static void on_text(void *ctx, const xmlChar *p, int n)
{
    struct xml *x = ctx;
    if (x->st != ST_OK || x->open == FIELDS)
        return;
    struct value *v = &x->value[x->open];
    if ((size_t)n > sizeof v->p - v->n) {
        stop(x, anchor_tell(x->f, v->at, "bad-xml", hint_form, "%s is longer than %zu bytes",
                            field_names[x->open], sizeof v->p));
        return;
    }
    memcpy(v->p + v->n, p, (size_t)n);
    v->n += (size_t)n;
}

static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *id, const xmlChar *system)
{
    struct xml *x = ctx;
    (void)name, (void)id, (void)system;
    if (x->st == ST_OK)
        stop(x, anchor_tell(x->f, here(x), "xml-doctype", hint_form,
                            "a document type declaration is not read"));
}

#if LIBXML_VERSION < 21200
static void on_error(void *ctx, xmlErrorPtr e)
#else
static void on_error(void *ctx, const xmlError *e)
#endif
{
    struct xml *x = ctx;
    char message[120];
    size_t n = 0;
    if (x->st != ST_OK || e->level < XML_ERR_ERROR)
        return;
    if (e->code == XML_ERR_NO_MEMORY) {
        stop(x, ST_ENOMEM);
        return;
    }
    for (const char *p = e->message; p != NULL && *p != '\0' && n + 1 < sizeof message; p++)
        if (*p != '\n')
            message[n++] = *p < 0x20 || *p == 0x7f ? '?' : *p;
    message[n] = '\0';
    x->st = anchor_tell(x->f, NULL, "bad-xml", hint_form, "this is no XML: %s", message);
    x->f->d->line = e->line > 0 ? (uint32_t)e->line : 0;
    x->f->d->column = e->int2 > 0 ? (uint32_t)e->int2 : 0;
    xmlStopParser(x->parser);
}

/* --- The document --- */

static enum status run(struct xml *x)
{
    struct bytes t = x->f->text;
    if (xmlParseChunk(x->parser, (const char *)t.p, (int)t.n, 1) != 0 && x->st == ST_OK)
        return anchor_tell(x->f, NULL, "bad-xml", hint_form, "this is no XML");
    return x->st;
}

enum status anchor_read_xml(struct anchor_file *f)
{
    xmlSAXHandler sax = {.initialized = XML_SAX2_MAGIC,
                         .startElementNs = on_start,
                         .endElementNs = on_end,
                         .characters = on_text,
                         .cdataBlock = on_text,
                         .internalSubset = on_doctype,
                         .serror = on_error};
    if (memchr(f->text.p, '\0', f->text.n) != NULL)
        return anchor_tell(f, memchr(f->text.p, '\0', f->text.n), "nul-byte",
                           "the file must be in UTF-8", "a NUL byte");
    struct xml *x = calloc(1, sizeof *x);
    if (x == NULL)
        return ST_ENOMEM;
    x->f = f;
    x->open = FIELDS;
    x->parser = xmlCreatePushParserCtxt(&sax, x, NULL, 0, NULL);
    enum status st = ST_ENOMEM;
    if (x->parser != NULL) {
        xmlCtxtUseOptions(x->parser, XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_IGNORE_ENC);
        /* Whatever the document says of itself: UTF-8, so that bytes of it are places in it. */
        if (xmlSwitchEncoding(x->parser, XML_CHAR_ENCODING_UTF8) == 0)
            st = run(x);
        xmlFreeDoc(x->parser->myDoc);
        xmlFreeParserCtxt(x->parser);
    }
    free(x);
    return st;
}
