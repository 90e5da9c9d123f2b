/* The table of trust anchors, and what a file must be like to get into it. */
#include "base/codec.h"
#include "dnssec/anchor_impl.h"
#include "dnssec/dnskey.h"

#include <stdio.h>
#include <stdlib.h>

struct anchor_set {
    struct name zone; /* lower case */
    struct rrset set;
    const uint8_t *passed_at; /* while a file is read: the first anchor that was passed over */
    const char *passed_why;
    uint8_t spare[4 + DS_DIGEST_MAX]; /* the first one that is not supported */
    uint8_t spare_n;
    uint8_t rdata[LIMIT_DS_TRIED * (2 + 4 + DS_DIGEST_MAX)];
};

struct anchors {
    unsigned n;
    struct anchor_set *set[LIMIT_ANCHORS];
};

/* A zone with anchors that are all so cannot be checked, and so is not believed. */
static const char unsupported[] = "its algorithm or its digest is not supported here";

struct anchors *anchors_new(void)
{
    return calloc(1, sizeof(struct anchors));
}

void anchors_free(struct anchors *a)
{
    if (a == NULL)
        return;
    for (unsigned i = 0; i < a->n; i++)
        free(a->set[i]);
    free(a);
}

const struct rrset *anchors_at(const struct anchors *a, unsigned i)
{
    return i < a->n ? &a->set[i]->set : NULL;
}

const struct rrset *anchors_find(const struct anchors *a, const uint8_t *name)
{
    const struct rrset *best = NULL;
    unsigned best_labels = 0;
    for (unsigned i = 0; i < a->n; i++) {
        const struct anchor_set *s = a->set[i];
        unsigned labels = name_labels(s->zone.w);
        if ((best == NULL || labels > best_labels) && name_in(name, s->zone.w)) {
            best = &s->set;
            best_labels = labels;
        }
    }
    return best;
}

/* --- Adding --- */

static struct anchor_set *set_own(struct anchor_set *s)
{
    s->set.owner = s->zone.w;
    s->set.rdata = s->rdata;
    return s;
}

/* The zone's set, made if there is none. */
static enum status set_of(struct anchors *a, const uint8_t *zone, struct anchor_set **ret)
{
    for (unsigned i = 0; i < a->n; i++)
        if (name_equal(a->set[i]->zone.w, zone)) {
            *ret = a->set[i];
            return ST_OK;
        }
    if (a->n == LIMIT_ANCHORS)
        return ST_ELIMIT;
    struct anchor_set *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ST_ENOMEM;
    name_lower(s->zone.w, zone);
    s->set = (struct rrset){.type = RR_DS, .rclass = CLASS_IN, .ttl = LIMIT_KEYRING_MAX_S};
    *ret = a->set[a->n++] = set_own(s);
    return ST_OK;
}

/* Whether a digest of this type has a length known here. */
static size_t digest_length(uint8_t digest_type)
{
    return digest_type == DS_SHA1     ? 20
           : digest_type == DS_SHA256 ? 32
           : digest_type == DS_SHA384 ? 48
                                      : 0;
}

enum status anchor_ds_check(struct bytes rdata)
{
    struct ds ds;
    if (!ds_read(rdata, &ds))
        return ST_EFORMAT;
    if (!sec_algorithm_known(ds.algorithm) || digest_length(ds.digest_type) == 0)
        return ST_EUNSUPPORTED;
    return ds.digest.n == digest_length(ds.digest_type) ? ST_OK : ST_EFORMAT;
}

static enum status add(struct anchors *a, const uint8_t *zone, struct bytes rdata)
{
    struct anchor_set *s;
    TRY(set_of(a, zone, &s));
    struct rdata_iter it = rdata_iter(&s->set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (bytes_equal(rd, rdata))
            return ST_OK;
    if (s->set.count == LIMIT_DS_TRIED)
        return ST_ELIMIT;
    struct writer w = wr_of(s->rdata, sizeof s->rdata);
    w.p += s->set.rdata_size;
    wr_u16(&w, (uint16_t)rdata.n);
    wr_bytes(&w, rdata.p, rdata.n);
    ASSERT(wr_ok(&w));
    s->set.rdata_size = (uint32_t)wr_len(&w);
    s->set.count++;
    return ST_OK;
}

enum status anchors_add_ds(struct anchors *a, const uint8_t *zone, struct bytes rdata)
{
    TRY(anchor_ds_check(rdata));
    return add(a, zone, rdata);
}

enum status anchors_add_unusable(struct anchors *a, const uint8_t *zone, struct bytes rdata)
{
    return rdata.n > 4 && rdata.n <= 4 + DS_DIGEST_MAX ? add(a, zone, rdata) : ST_EFORMAT;
}

bool anchors_usable(const struct rrset *set)
{
    struct rdata_iter it = rdata_iter(set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (anchor_ds_check(rd) == ST_OK)
            return true;
    return false;
}

enum status anchors_add_builtin(struct anchors *a)
{
    static const struct {
        uint16_t tag;
        uint8_t algorithm, digest_type;
        const char *digest;
    } root[] = {
#define ROOT_ANCHOR(tag, algorithm, digest_type, digest) {tag, algorithm, digest_type, digest},
#include "dnssec/root_anchors.def"
#undef ROOT_ANCHOR
    };
    for (size_t i = 0; i < ARRAY_LEN(root); i++) {
        uint8_t buf[4 + DS_DIGEST_MAX];
        struct writer w = wr_of(buf, sizeof buf);
        wr_u16(&w, root[i].tag);
        wr_u8(&w, root[i].algorithm);
        wr_u8(&w, root[i].digest_type);
        TRY(hex_parse(bytes_str(root[i].digest), &w));
        TRY(anchors_add_ds(a, name_root, wr_done(&w)));
    }
    return ST_OK;
}

/* --- Files --- */

/* Line, column and the line itself, without what would harm a terminal. */
static void put_place(const struct anchor_file *f, const uint8_t *at, struct diag *d)
{
    const uint8_t *p = f->text.p, *end = p + f->text.n, *start = p;
    size_t n = 0;
    d->file = f->name;
    if (at == NULL)
        return;
    d->line = 1;
    for (; p < at; p++)
        if (*p == '\n') {
            d->line++;
            start = p + 1;
        }
    d->column = (uint32_t)(at - start) + 1;
    for (p = start; p < end && *p != '\n' && *p != '\r' && n + 1 < sizeof d->source; p++)
        d->source[n++] = *p == '\t' ? '\t' : *p < 0x20 || *p == 0x7f ? '?' : (char)*p;
    d->source[n] = '\0';
}

enum status anchor_tell(const struct anchor_file *f, const uint8_t *at, const char *code,
                        const char *hint, const char *fmt, ...)
{
    char message[sizeof f->d->message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    *f->d = (struct diag){0};
    diag_set(f->d, SEV_ERROR, code, hint, "%s", message);
    put_place(f, at, f->d);
    return ST_ESYNTAX;
}

static enum status too_many(const struct anchor_file *f, const uint8_t *at, const uint8_t *zone)
{
    char buf[NAME_TEXT_MAX];
    (void)anchor_tell(
        f, at, "too-many-anchors", NULL,
        "%.200s is one trust anchor too many: at most %d for one zone, %d zones in all",
        name_str(zone, buf), LIMIT_DS_TRIED, LIMIT_ANCHORS);
    return ST_ELIMIT;
}

enum status anchor_pass(struct anchor_file *f, const uint8_t *zone, const uint8_t *at,
                        const char *why)
{
    struct anchor_set *s;
    enum status st = set_of(f->to, zone, &s);
    f->met++;
    if (st == ST_ELIMIT)
        return too_many(f, at, zone);
    if (st == ST_OK &&
        (s->passed_at == NULL || (s->passed_why == unsupported && why != unsupported))) {
        s->passed_at = at;
        s->passed_why = why;
    }
    return st;
}

/* One that nobody here can check: that there is one is remembered. */
static enum status pass_ds(struct anchor_file *f, const uint8_t *zone, struct bytes rdata,
                           const uint8_t *at)
{
    struct anchor_set *s;
    TRY(anchor_pass(f, zone, at, unsupported));
    TRY(set_of(f->to, zone, &s));
    if (s->spare_n == 0 && rdata.n <= sizeof s->spare) {
        memcpy(s->spare, rdata.p, rdata.n);
        s->spare_n = (uint8_t)rdata.n;
    }
    return ST_OK;
}

static enum status take_ds(struct anchor_file *f, const uint8_t *zone, struct bytes rdata,
                           const uint8_t *at)
{
    enum status st = anchors_add_ds(f->to, zone, rdata);
    if (st == ST_EUNSUPPORTED)
        return pass_ds(f, zone, rdata, at);
    if (st == ST_EFORMAT)
        return anchor_tell(f, at, "bad-anchor", "a digest has 20, 32 or 48 bytes (types 1, 2, 4)",
                           "this DS cannot be read");
    f->met++;
    return st == ST_ELIMIT ? too_many(f, at, zone) : st;
}

static enum status take_dnskey(struct anchor_file *f, const uint8_t *zone, struct bytes rdata,
                               const uint8_t *at)
{
    uint8_t buf[4 + DS_DIGEST_MAX];
    struct writer w = wr_of(buf, sizeof buf);
    struct sec_key *key;
    struct dnskey k;
    if (!dnskey_read(rdata, &k) || k.protocol != 3 || (k.flags & DNSKEY_ZONE) == 0)
        return anchor_tell(f, at, "no-zone-key",
                           "the flags of a zone's key are 256 or 257, its protocol is 3",
                           "this DNSKEY is none that may sign a zone (RFC 4034 section 2.1)");
    if (k.flags & DNSKEY_REVOKE)
        return anchor_pass(f, zone, at, "its key is revoked");
    enum status st = dnskey_open(rdata, &key);
    if (st == ST_EUNSUPPORTED) {
        TRY(ds_write(DS_SHA256, zone, rdata, &w));
        return pass_ds(f, zone, wr_done(&w), at);
    }
    if (st == ST_EFORMAT)
        return anchor_tell(f, at, "bad-key", "was the line cut or changed when it was copied?",
                           "the public key of this DNSKEY is malformed");
    TRY(st);
    sec_key_free(key);
    TRY(ds_write(DS_SHA256, zone, rdata, &w));
    return take_ds(f, zone, wr_done(&w), at);
}

enum status anchor_take(struct anchor_file *f, const uint8_t *zone, uint16_t type,
                        struct bytes rdata, const uint8_t *at)
{
    char buf[24];
    if (type == RR_DS)
        return take_ds(f, zone, rdata, at);
    if (type == RR_DNSKEY)
        return take_dnskey(f, zone, rdata, at);
    return anchor_tell(f, at, "not-an-anchor", "trust anchors are DS or DNSKEY records",
                       "a record of type %s is no trust anchor", rr_type_str(type, buf));
}

/* Every zone must have a DS that can be used; but one below the root that only has anchors of
 * other algorithms does not keep the server from starting: nothing of that zone is believed, which
 * is worth a warning. */
static enum status check_whole(const struct anchor_file *f)
{
    char buf[NAME_TEXT_MAX];
    if (f->met == 0)
        return anchor_tell(f, NULL, "no-anchor",
                           "put DS or DNSKEY records there, trust-anchors as in BIND's "
                           "configuration, or IANA's root-anchors.xml",
                           "there is no trust anchor in the file");
    for (unsigned i = f->to->n; i-- > 0;) {
        struct anchor_set *s = f->to->set[i];
        if (s->set.count > 0)
            continue;
        bool goes = s->passed_why == unsupported && !name_is_root(s->zone.w) && s->spare_n > 0;
        enum status st = anchor_tell(
            f, s->passed_at, "no-anchor",
            goes ? "questions for names in the zone end in SERVFAIL: get its present keys"
                 : "the zone could not be validated at all: get its present keys",
            "no trust anchor of %.200s counts: %s", name_str(s->zone.w, buf), s->passed_why);
        if (!goes)
            return st;
        f->d->severity = SEV_WARNING;
        TRY(anchors_add_unusable(f->to, s->zone.w, bytes_of(s->spare, s->spare_n)));
    }
    return ST_OK;
}

static struct anchors *copy(const struct anchors *a)
{
    struct anchors *c = anchors_new();
    for (unsigned i = 0; c != NULL && i < a->n; i++) {
        struct anchor_set *s = malloc(sizeof *s);
        if (s == NULL) {
            anchors_free(c);
            return NULL;
        }
        *s = *a->set[i];
        s->passed_at = NULL;
        s->spare_n = 0;
        c->set[c->n++] = set_own(s);
    }
    return c;
}

static enum status read_any(struct anchor_file *f)
{
    if (f->text.n > LIMIT_ANCHOR_FILE) {
        (void)anchor_tell(f, NULL, "file-too-large", "is this the right file?",
                          "a file of trust anchors has at most %d bytes, this one %zu",
                          LIMIT_ANCHOR_FILE, f->text.n);
        return ST_ELIMIT;
    }
    const uint8_t *p = f->text.p, *end = p + f->text.n;
    while (p < end && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
        p++;
    if (p < end && *p == '<')
        return anchor_read_xml(f);
    if (anchor_is_bind(bytes_of(p, (size_t)(end - p))))
        return anchor_read_bind(f);
    return anchor_read_master(f);
}

enum status anchors_add_file(struct anchors *a, const char *file, struct bytes text,
                             uint64_t wall_s, struct diag *d)
{
    struct diag unheard;
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        text = bytes_of(text.p + 3, text.n - 3);
    struct anchor_file f = {
        .to = copy(a), .name = file, .text = text, .wall_s = wall_s, .d = d != NULL ? d : &unheard};
    enum status st = f.to != NULL ? read_any(&f) : ST_ENOMEM;
    if (st == ST_OK)
        st = check_whole(&f);
    if (st == ST_OK) {
        struct anchors old = *a;
        *a = *f.to;
        *f.to = old;
    } else if (st == ST_ENOMEM) {
        (void)anchor_tell(&f, NULL, "no-memory", NULL, "the file cannot be read: %s",
                          status_text(st));
    }
    anchors_free(f.to);
    return st;
}
