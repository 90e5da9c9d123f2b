/* The state of a trust point as a file: what it is, the zone and its times, a line for each key.
 *
 *     ; banyan trust anchors, version 1
 *     ; zone=. checked=TIME newest=TIME next=TIME retry=17280
 *     . DNSKEY 257 3 8 AwEAAaz/... ;;state=2 [VALID] tag=20326 since=TIME seen=TIME
 *     . DNSKEY 257 3 8 AwEAAa96... ;;state=1 [ADDPEND] tag=38696 since=TIME seen=TIME ...
 *     ; end of 2 keys
 *
 * A key that waits goes on with held=86400 of=2592000, the seconds that it was and must be in every
 * set, and by=1, the numbers of the keys in the file that vouch for it. TIME is as in RFC 3339, or
 * "-".
 *
 * Every line is written in one way only: what was read of a line is written again and must be the
 * same. So nothing is taken for what it is not, and the last line tells of a file that was cut. */
#include "base/codec.h"
#include "base/when.h"
#include "dns/rdata.h"
#include "dnssec/anchor_impl.h"
#include "dnssec/anchor_roll.h"

#include <stdio.h>

enum { FORMAT = 1, WORDS_MAX = 24, LINE_MAX = NAME_TEXT_MAX + 4096 };

static const char head[] = "; banyan trust anchors, version ";

static const struct {
    const char *word;
    bool held, by;
} shape[ROLL_STATES] = {[ROLL_ADDPEND] = {"ADDPEND", true, true},
                        [ROLL_VALID] = {"VALID", false, false},
                        [ROLL_MISSING] = {"MISSING", false, false},
                        [ROLL_REVOKED] = {"REVOKED", true, false},
                        [ROLL_REMOVED] = {"REMOVED", false, false}};

/* --- Writing --- */

static void put_time(const char *word, uint64_t s, struct text *out)
{
    text_fmt(out, " %s=", word);
    if (s == 0)
        text_char(out, '-');
    else
        when_text(s, out);
}

static void put_zone(const struct anchor_roll *r, struct text *out)
{
    char zone[NAME_TEXT_MAX];
    text_fmt(out, "; zone=%s", name_str(r->zone.w, zone));
    put_time("checked", r->checked_s, out);
    put_time("newest", r->newest_s, out);
    put_time("next", r->next_s, out);
    text_fmt(out, " retry=%u\n", r->retry_s);
}

static void put_key(const struct anchor_roll *r, const struct roll_key *k, struct text *out)
{
    char zone[NAME_TEXT_MAX];
    text_fmt(out, "%s %s ", name_str(r->zone.w, zone), k->is_ds ? "DS" : "DNSKEY");
    rdata_text(k->is_ds ? RR_DS : RR_DNSKEY, bytes_of(k->rdata, k->n), out);
    text_fmt(out, " ;;state=%d [%s] tag=%u", k->state, shape[k->state].word, k->tag);
    put_time("since", k->since_s, out);
    put_time("seen", k->seen_s, out);
    if (shape[k->state].held)
        text_fmt(out, " held=%u", k->held_s);
    if (shape[k->state].by) {
        const char *comma = "";
        text_fmt(out, " of=%u by=", k->hold_s);
        for (unsigned i = 0; i < r->n; i++)
            if (k->by >> i & 1) {
                text_fmt(out, "%s%u", comma, i + 1);
                comma = ",";
            }
    }
    text_char(out, '\n');
}

enum status anchor_roll_text(const struct anchor_roll *r, struct text *out)
{
    text_fmt(out, "%s%d\n", head, FORMAT);
    put_zone(r, out);
    for (unsigned i = 0; i < r->n; i++)
        put_key(r, &r->key[i], out);
    text_fmt(out, "; end of %u keys\n", r->n);
    return out->cut ? ST_ENOMEM : ST_OK;
}

/* --- Reading --- */

struct parse {
    struct anchor_roll *r;
    struct anchor_file at; /* for telling */
    struct bytes left;
    struct bytes line; /* without its newline */
    struct token word[WORDS_MAX];
    unsigned n;
};

static enum status bad(const struct parse *p, const uint8_t *at, const char *what)
{
    return anchor_tell(
        &p->at, at, "bad-state-file",
        "restore it from a copy, or remove it: the configured anchors are taken then", "%s", what);
}

static enum status next_line(struct parse *p)
{
    const uint8_t *end = p->left.n > 0 ? memchr(p->left.p, '\n', p->left.n) : NULL;
    if (end == NULL)
        return bad(p, p->left.p + p->left.n, "the file is cut short");
    p->line = bytes_of(p->left.p, (size_t)(end - p->left.p));
    p->left = bytes_of(end + 1, p->left.n - p->line.n - 1);
    p->n = 0;
    const uint8_t *q = p->line.p;
    while (q < end && p->n < WORDS_MAX) {
        const uint8_t *from = q;
        while (q < end && *q != ' ')
            q++;
        p->word[p->n] = (struct token){
            .text = bytes_of(from, (size_t)(q - from)), .line = p->n + 1, .column = 1};
        p->n++;
        q += q < end;
    }
    return ST_OK;
}

/* What was understood of the line is written again: the first byte that is not the same is wrong.
 */
static enum status check_line(const struct parse *p, const struct text *again)
{
    size_t i = 0;
    if (again->cut)
        return bad(p, p->line.p, "the line is too long");
    while (i < p->line.n && i < again->n && p->line.p[i] == (uint8_t)again->p[i])
        i++;
    if (i == p->line.n && i + 1 == again->n)
        return ST_OK;
    return bad(p, p->line.p + i, "this is not as it was written");
}

/* The value of the word "key=value" at place i, or n 0. */
static struct bytes value(const struct parse *p, unsigned i, const char *key)
{
    size_t n = strlen(key);
    struct bytes t = i < p->n ? p->word[i].text : bytes_of(NULL, 0);
    if (t.n <= n + 1 || memcmp(t.p, key, n) != 0 || t.p[n] != '=')
        return bytes_of(NULL, 0);
    return bytes_of(t.p + n + 1, t.n - n - 1);
}

static enum status wanted(const struct parse *p, unsigned i, const char *key)
{
    char what[60];
    snprintf(what, sizeof what, "%s= with its value is expected here", key);
    return bad(p, i < p->n ? p->word[i].text.p : p->line.p + p->line.n, what);
}

static enum status get_time(const struct parse *p, unsigned i, const char *key, uint64_t *ret)
{
    struct bytes v = value(p, i, key);
    *ret = 0;
    if (v.n == 1 && v.p[0] == '-')
        return ST_OK;
    return v.n > 0 && when_parse(v, ret) ? ST_OK : wanted(p, i, key);
}

static bool number(struct bytes t, uint32_t *ret)
{
    uint64_t v = 0;
    if (t.n == 0 || t.n > 10)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        if (t.p[i] < '0' || t.p[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(t.p[i] - '0');
    }
    *ret = (uint32_t)v;
    return v <= UINT32_MAX;
}

static enum status get_number(const struct parse *p, unsigned i, const char *key, uint32_t *ret)
{
    return number(value(p, i, key), ret) ? ST_OK : wanted(p, i, key);
}

static enum status read_head(struct parse *p)
{
    uint32_t format;
    TRY(next_line(p));
    size_t n = sizeof head - 1;
    if (p->line.n <= n || memcmp(p->line.p, head, n) != 0 ||
        !number(bytes_of(p->line.p + n, p->line.n - n), &format) || format == 0)
        return bad(p, p->line.p, "it does not begin with \"; banyan trust anchors, version 1\"");
    if (format == FORMAT && p->line.n == n + 1)
        return ST_OK;
    (void)anchor_tell(&p->at, p->line.p + n, "newer-state-file", "use the newer version",
                      "it was written by another version (format %u, this one knows %d)", format,
                      FORMAT);
    return ST_EUNSUPPORTED;
}

static enum status read_zone(struct parse *p)
{
    char buf[LINE_MAX];
    struct text again = text_of(buf, sizeof buf);
    struct name zone;
    struct anchor_roll *r = p->r;
    TRY(next_line(p));
    struct bytes v = value(p, 1, "zone");
    if (v.n == 0 || name_parse(v, NULL, &zone) != ST_OK)
        return wanted(p, 1, "zone");
    name_lower(r->zone.w, zone.w);
    TRY(get_time(p, 2, "checked", &r->checked_s));
    TRY(get_time(p, 3, "newest", &r->newest_s));
    TRY(get_time(p, 4, "next", &r->next_s));
    TRY(get_number(p, 5, "retry", &r->retry_s));
    if (r->retry_s != 0 && (r->retry_s < ROLL_RETRY_MIN_S || r->retry_s > ROLL_RETRY_MAX_S))
        return bad(p, p->word[5].text.p, "retry= is from 3600 to 86400");
    if (r->newest_s > r->checked_s + LIMIT_CLOCK_SKEW_S) /* else no set would ever count again */
        return bad(p, p->word[3].text.p, "newest= is later than checked=");
    put_zone(r, &again);
    return check_line(p, &again);
}

/* The words from the state on; they begin at place i. */
static enum status read_state(struct parse *p, unsigned i, struct roll_key *k)
{
    uint32_t v;
    TRY(get_number(p, i, ";;state", &v));
    if (v >= ROLL_STATES || shape[v].word == NULL ||
        (k->is_ds && v != ROLL_VALID && v != ROLL_MISSING))
        return bad(p, p->word[i].text.p, "a key is not kept in this state");
    k->state = (enum roll_state)v;
    TRY(get_time(p, i + 3, "since", &k->since_s));
    TRY(get_time(p, i + 4, "seen", &k->seen_s));
    if (shape[v].held)
        TRY(get_number(p, i + 5, "held", &k->held_s));
    if (!shape[v].by)
        return ST_OK;
    TRY(get_number(p, i + 6, "of", &k->hold_s));
    if (k->hold_s < ROLL_HOLD_S || k->held_s > k->hold_s)
        return bad(p, p->word[i + 6].text.p, "of= is at least 30 days and not below held=");
    struct bytes by = value(p, i + 7, "by");
    while (by.n > 0) {
        const uint8_t *comma = memchr(by.p, ',', by.n);
        size_t n = comma != NULL ? (size_t)(comma - by.p) : by.n;
        if (!number(bytes_of(by.p, n), &v) || v == 0 || v > LIMIT_ROLL_KEYS)
            return wanted(p, i + 7, "by");
        k->by |= UINT32_C(1) << (v - 1);
        by = bytes_of(by.p + n + (comma != NULL), by.n - n - (comma != NULL));
    }
    return k->by != 0 ? ST_OK : wanted(p, i + 7, "by");
}

static enum status read_rdata(struct parse *p, unsigned words, struct roll_key *k)
{
    struct diag d = {0};
    struct writer w = wr_of(k->rdata, sizeof k->rdata);
    struct dnskey v;
    struct ds ds;
    struct sec_key *key;
    enum status st =
        rdata_parse(k->is_ds ? RR_DS : RR_DNSKEY, p->word + 2, words, name_root, &w, &d);
    if (st == ST_ENOMEM)
        return st;
    if (st != ST_OK)
        return bad(p, p->word[d.line > 0 && d.line <= p->n ? d.line - 1 : 1].text.p, d.message);
    struct bytes rdata = wr_done(&w);
    k->n = (uint16_t)rdata.n;
    if (k->is_ds) {
        if (anchor_ds_check(rdata) != ST_OK || !ds_read(rdata, &ds))
            return bad(p, p->word[2].text.p, "this DS cannot be used here");
        k->tag = ds.tag;
        k->algorithm = ds.algorithm;
        return ST_OK;
    }
    if (!dnskey_read(rdata, &v) || !dnskey_is_zone_key(&v))
        return bad(p, p->word[2].text.p, "this DNSKEY is none that may sign a zone");
    st = dnskey_open(rdata, &key);
    if (st == ST_ENOMEM)
        return st;
    if (st != ST_OK)
        return bad(p, p->word[2].text.p, "this DNSKEY cannot be used here");
    sec_key_free(key);
    k->tag = v.tag;
    k->algorithm = v.algorithm;
    return ST_OK;
}

static enum status read_key(struct parse *p)
{
    struct anchor_roll *r = p->r;
    struct name zone;
    if (r->n == LIMIT_ROLL_KEYS)
        return bad(p, p->line.p, "more keys than are kept");
    struct roll_key *k = &r->key[r->n];
    *k = (struct roll_key){0};
    if (name_parse(p->word[0].text, NULL, &zone) != ST_OK || !name_equal(zone.w, r->zone.w))
        return bad(p, p->line.p, "a key of the zone is expected here");
    struct bytes type = p->n > 1 ? p->word[1].text : bytes_of(NULL, 0);
    k->is_ds = bytes_equal(type, bytes_str("DS"));
    if (!k->is_ds && !bytes_equal(type, bytes_str("DNSKEY")))
        return bad(p, p->n > 1 ? type.p : p->line.p, "DNSKEY or DS is expected here");
    if (p->n < 7)
        return bad(p, p->line.p + p->line.n, "the line is cut short");
    TRY(read_rdata(p, 4, k));
    TRY(read_state(p, 6, k));
    for (unsigned i = 0; i < r->n; i++)
        if (bytes_equal(bytes_of(r->key[i].rdata, r->key[i].n), bytes_of(k->rdata, k->n)))
            return bad(p, p->line.p, "the same key stands there twice");
    r->n++;
    return ST_OK;
}

/* Now that all keys are known, every line must be as it is written. */
static enum status check_keys(struct parse *p, struct bytes lines)
{
    unsigned trusted = 0;
    p->left = lines;
    for (unsigned i = 0; i < p->r->n; i++) {
        char buf[LINE_MAX];
        struct text again = text_of(buf, sizeof buf);
        const struct roll_key *k = &p->r->key[i];
        TRY(next_line(p));
        put_key(p->r, k, &again);
        TRY(check_line(p, &again));
        trusted += k->state == ROLL_VALID || k->state == ROLL_MISSING;
        if (trusted > LIMIT_DS_TRIED)
            return bad(p, p->line.p, "more trusted keys than are tried");
        for (unsigned j = 0; j < LIMIT_ROLL_KEYS; j++)
            if ((k->by >> j & 1) != 0 && p->r->key[j].state != ROLL_VALID &&
                p->r->key[j].state != ROLL_MISSING)
                return bad(p, p->word[p->n - 1].text.p, "by= names a key that is not trusted");
    }
    return ST_OK;
}

static enum status read_all(struct parse *p)
{
    char buf[40];
    TRY(read_head(p));
    TRY(read_zone(p));
    struct bytes lines = p->left;
    for (;;) {
        TRY(next_line(p));
        if (p->line.n > 0 && p->line.p[0] == ';')
            break;
        TRY(read_key(p));
    }
    struct text end = text_of(buf, sizeof buf);
    text_fmt(&end, "; end of %u keys\n", p->r->n);
    TRY(check_line(p, &end));
    if (p->left.n > 0)
        return bad(p, p->left.p, "something follows the end");
    return check_keys(p, lines);
}

enum status anchor_roll_parse(struct anchor_roll *r, const char *file, struct bytes text,
                              struct diag *d)
{
    struct diag unheard;
    struct parse p = {
        .r = r, .at = {.name = file, .text = text, .d = d != NULL ? d : &unheard}, .left = text};
    anchor_roll_init(r, name_root);
    enum status st = text.n > ROLL_TEXT_MAX ? bad(&p, NULL, "the file is too large") : read_all(&p);
    if (st != ST_OK)
        anchor_roll_init(r, name_root);
    return st;
}
