/* Key sets as text: what the key store keeps.
 *
 *     banyan-keys 1
 *     zone example.org.
 *     key csk 256                      role and bits
 *     created 2026-11-24T03:10:00Z     a line for each moment that is known, in their order
 *     dnskey AQED...                   RDATA, base64
 *     secret UHJp...                   private-key file, base64; not for a public half alone
 *     sha256 ...                       over all lines before
 *
 * There is one way only to write a set, so a text that is read is written again the same. */
#include "base/codec.h"
#include "base/when.h"
#include "crypto/digest.h"
#include "dnssec/keyset_impl.h"

#include <stdlib.h>
#include <string.h>

enum { DIGEST_LINE = 7 + 64 + 1, FORMAT = 1 };

static const char head[] = "banyan-keys ";

static const char *const moment_words[KEY_MOMENTS] = {
#define MOMENT(NAME, word, help) word,
#include "dnssec/key_moments.def"
#undef MOMENT
};

static enum status digest_line(struct bytes body, char ret[DIGEST_LINE + 1])
{
    uint8_t md[DIGEST_MAX];
    struct text t = text_of(ret, DIGEST_LINE + 1);
    TRY(digest_once(DIGEST_SHA256, body, md));
    text_str(&t, "sha256 ");
    hex_text(bytes_of(md, digest_size(DIGEST_SHA256)), &t);
    text_char(&t, '\n');
    return ST_OK;
}

static void key_write(const struct zone_key *k, struct text *out)
{
    text_fmt(out, "key %s %u\n", key_role_name(k->role), k->bits);
    for (int m = 0; m < KEY_MOMENTS; m++) {
        if (k->at[m] == 0)
            continue;
        text_fmt(out, "%s ", moment_words[m]);
        when_text(k->at[m], out);
        text_char(out, '\n');
    }
    text_str(out, "dnskey ");
    base64_text(k->dnskey, out);
    text_char(out, '\n');
    if (k->secret.n == 0)
        return;
    text_str(out, "secret ");
    base64_text(k->secret, out);
    text_char(out, '\n');
}

enum status keyset_text(const struct keyset *s, struct text *out)
{
    char zone[NAME_TEXT_MAX], line[DIGEST_LINE + 1];
    size_t from = out->n;
    text_fmt(out, "%s%u\nzone %s\n", head, FORMAT, name_str(s->zone.w, zone));
    for (unsigned i = 0; i < s->n; i++)
        key_write(&s->key[i], out);
    if (out->cut)
        return ST_ENOMEM;
    TRY(digest_line(bytes_of(out->p + from, out->n - from), line));
    text_str(out, line);
    return out->cut ? ST_ENOMEM : ST_OK;
}

/* --- Reading --- */

struct parse {
    struct bytes left;
    uint32_t line;
    struct diag *d;
    uint8_t *buf; /* KEYSET_SECRET_MAX, for base64 */
};

static enum status bad(struct parse *p, const char *message)
{
    if (p->line > 0)
        diag_set(p->d, SEV_ERROR, "bad-key-set", NULL, "line %u: %s", p->line, message);
    else
        diag_set(p->d, SEV_ERROR, "bad-key-set", NULL, "%s", message);
    return ST_EFORMAT;
}

/* The next line is "WORD value": takes it. */
static bool take(struct parse *p, const char *word, struct bytes *ret)
{
    size_t n = strlen(word);
    const uint8_t *end = p->left.n > 0 ? memchr(p->left.p, '\n', p->left.n) : NULL;
    if (end == NULL || p->left.n <= n || memcmp(p->left.p, word, n) != 0 || p->left.p[n] != ' ')
        return false;
    const uint8_t *value = p->left.p + n + 1;
    *ret = bytes_of(value, (size_t)(end - value));
    p->left = bytes_of(end + 1, p->left.n - (size_t)(end + 1 - p->left.p));
    p->line++;
    return true;
}

static bool number(struct bytes t, uint32_t max, uint32_t *ret)
{
    uint32_t v = 0;
    if (t.n == 0 || t.n > 6 || (t.n > 1 && t.p[0] == '0'))
        return false;
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] < '0' || t.p[i] > '9')
            return false;
        v = v * 10 + (uint32_t)(t.p[i] - '0');
    }
    *ret = v;
    return v <= max;
}

static enum status read_moments(struct parse *p, struct zone_key *k)
{
    struct bytes v;
    for (int m = 0; m < KEY_MOMENTS; m++) {
        char again[32];
        struct text t = text_of(again, sizeof again);
        if (!take(p, moment_words[m], &v))
            continue;
        if (!when_parse(v, &k->at[m]) || k->at[m] == 0)
            return bad(p, "no point in time");
        when_text(k->at[m], &t);
        if (!bytes_equal(v, bytes_of(t.p, t.n)))
            return bad(p, "no point in time of the form 2026-01-31T12:00:00Z");
    }
    return ST_OK;
}

static enum status read_key(struct parse *p, struct keyset *s, struct bytes v)
{
    uint8_t rdata[DNSKEY_RDATA_MAX];
    struct writer pub = wr_of(rdata, sizeof rdata), sec = wr_of(p->buf, KEYSET_SECRET_MAX);
    struct zone_key *k;
    uint32_t bits;
    if (s->n == KEYSET_KEYS)
        return bad(p, "too many keys");
    k = &s->key[s->n];
    memset(k, 0, sizeof *k);
    const char *name = NULL;
    if (v.n >= 5 && v.p[3] == ' ' && key_role_parse(bytes_of(v.p, 3), &k->role))
        name = key_role_name(k->role);
    if (name == NULL || memcmp(v.p, name, 3) != 0 ||
        !number(bytes_of(v.p + 4, v.n - 4), UINT16_MAX, &bits))
        return bad(p, "not the role and the size of a key");
    k->bits = (uint16_t)bits;
    TRY(read_moments(p, k));
    if (!take(p, "dnskey", &v) || base64_parse(v, &pub) != ST_OK)
        return bad(p, "no DNSKEY in base64");
    if (take(p, "secret", &v) && (v.n == 0 || base64_parse(v, &sec) != ST_OK))
        return bad(p, "no private key in base64");
    enum status st = keyset_fill(s, k, wr_done(&pub), wr_done(&sec));
    if (st == ST_EFORMAT)
        return bad(p, "the DNSKEY is none of a zone's key");
    TRY(st);
    if (k->bits != bits)
        return bad(p, "the size of the key is not right");
    if (keyset_find(s, k->tag) != NULL)
        return bad(p, "two keys have the same tag");
    s->n++;
    return ST_OK;
}

/* Splits off the last line, which must be the digest of the rest. */
static enum status check_digest(struct parse *p)
{
    char line[DIGEST_LINE + 1];
    if (p->left.n > KEYSET_TEXT_MAX)
        return bad(p, "too long");
    if (p->left.n < sizeof head + DIGEST_LINE)
        return bad(p, "cut short");
    struct bytes body = bytes_of(p->left.p, p->left.n - DIGEST_LINE);
    TRY(digest_line(body, line));
    if (memcmp(body.p + body.n, line, DIGEST_LINE) != 0)
        return bad(p, "its checksum is wrong: it was damaged");
    p->left = body;
    return ST_OK;
}

static enum status read_set(struct parse *p, struct keyset *s)
{
    struct bytes v;
    struct name zone;
    uint32_t format;
    char again[NAME_TEXT_MAX];
    TRY(check_digest(p));
    if (!take(p, "banyan-keys", &v) || !number(v, 999999, &format) || format == 0)
        return bad(p, "it does not begin with \"banyan-keys 1\"");
    if (format != FORMAT) {
        diag_set(p->d, SEV_ERROR, "newer-key-set", "use the newer version",
                 "it was written by another version (format %u, this one knows %u)", format,
                 FORMAT);
        return ST_EUNSUPPORTED;
    }
    if (!take(p, "zone", &v) || name_parse(v, NULL, &zone) != ST_OK)
        return bad(p, "no name of a zone");
    name_lower(s->zone.w, zone.w);
    if (!bytes_equal(v, bytes_str(name_str(s->zone.w, again))))
        return bad(p, "the zone's name is not in its one form");
    while (take(p, "key", &v))
        TRY(read_key(p, s, v));
    return p->left.n == 0 ? ST_OK : bad(p, "a line that is not understood follows");
}

enum status keyset_parse(struct keyset *s, struct bytes text, struct diag *d)
{
    struct diag unheard;
    struct parse p = {.left = text, .d = d != NULL ? d : &unheard};
    keyset_init(s, name_root);
    p.buf = malloc(KEYSET_SECRET_MAX);
    if (p.buf == NULL)
        return ST_ENOMEM;
    enum status st = read_set(&p, s);
    if (st != ST_OK)
        keyset_free(s);
    explicit_bzero(p.buf, KEYSET_SECRET_MAX);
    free(p.buf);
    return st;
}
