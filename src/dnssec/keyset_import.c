/* Key files of BIND's tools, which all others read: in and out. */
#include "base/codec.h"
#include "base/when.h"
#include "dnssec/keyset_impl.h"

#include <stdlib.h>
#include <string.h>

/* Fields of a private-key file. Removal from the parent (SyncDelete) is not taken over: there it is
 * said of keys that stay. */
static const struct {
    const char *word;
    enum key_moment moment;
    bool in;
} fields[] = {{"Created", KEY_CREATED, true},    {"Publish", KEY_PUBLISH, true},
              {"Activate", KEY_ACTIVE, true},    {"Inactive", KEY_RETIRE, true},
              {"Delete", KEY_REMOVE, true},      {"SyncPublish", KEY_SYNC, true},
              {"SyncDelete", KEY_UNSYNC, false}, {"DSPublish", KEY_DS_SEEN, true}};

static void read_time(struct zone_key *k, struct bytes line)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        size_t n = strlen(fields[i].word);
        if (!fields[i].in || line.n < n + 2 || memcmp(line.p, fields[i].word, n) != 0 ||
            line.p[n] != ':')
            continue;
        struct bytes v = bytes_of(line.p + n + 1, line.n - n - 1);
        while (v.n > 0 && (v.p[0] == ' ' || v.p[0] == '\t'))
            v = bytes_of(v.p + 1, v.n - 1);
        uint64_t t;
        if (v.n >= 14 && when_parse(bytes_of(v.p, 14), &t))
            k->at[fields[i].moment] = t;
    }
}

static void read_times(struct zone_key *k, struct bytes file)
{
    while (file.n > 0) {
        const uint8_t *end = memchr(file.p, '\n', file.n);
        size_t n = end != NULL ? (size_t)(end - file.p) : file.n;
        read_time(k, bytes_of(file.p, n));
        n += end != NULL;
        file = bytes_of(file.p + n, file.n - n);
    }
}

/* Opens the private half, and writes it anew without what does not belong to the key. */
static enum status take_secret(struct bytes dnskey, struct bytes secret, struct text *ret,
                               unsigned *ret_bits, struct diag *d)
{
    uint8_t rdata[DNSKEY_RDATA_MAX];
    struct writer w = wr_of(rdata, sizeof rdata);
    struct sec_key *pair;
    TRY(sec_key_private(secret, &pair, d));
    *ret_bits = sec_key_bits(pair);
    enum status st = dnskey_write(pair, get_be16(dnskey.p), &w);
    if (st == ST_OK && !bytes_equal(wr_done(&w), dnskey)) {
        diag_set(d, SEV_ERROR, "halves-differ", "were the files mixed up?",
                 "the private half does not belong to the public half (key %u)",
                 dnskey_tag(dnskey));
        st = ST_EFORMAT;
    }
    if (st == ST_OK)
        st = sec_key_private_text(pair, ret);
    if (st == ST_OK && ret->cut)
        st = ST_ELIMIT;
    sec_key_free(pair);
    return st;
}

static enum status check_public(struct keyset *s, struct bytes rdata, unsigned *ret_bits,
                                struct diag *d)
{
    struct dnskey v;
    struct sec_key *k;
    if (!dnskey_read(rdata, &v) || !dnskey_is_zone_key(&v)) {
        diag_set(d, SEV_ERROR, "no-zone-key", NULL,
                 "this DNSKEY is not to sign a zone: its flags want 256 or 257, its protocol 3");
        return ST_EFORMAT;
    }
    enum status st = dnskey_open(rdata, &k);
    if (st != ST_OK) {
        diag_set(d, SEV_ERROR, "bad-public-key", NULL, "key %u of algorithm %u: %s", v.tag,
                 v.algorithm,
                 st == ST_EUNSUPPORTED ? "the algorithm is not supported"
                                       : "its public half is malformed");
        return st;
    }
    *ret_bits = sec_key_bits(k);
    sec_key_free(k);
    struct zone_key *have = keyset_find(s, v.tag);
    if (have != NULL) {
        diag_set(d, SEV_ERROR, "key-exists", NULL,
                 bytes_equal(have->dnskey, rdata) ? "key %u is there already"
                                                  : "another key with the tag %u is there",
                 v.tag);
        return ST_EEXIST;
    }
    return ST_OK;
}

static enum key_role guess_role(const struct keyset *s, uint16_t flags, uint8_t algorithm)
{
    if ((flags & DNSKEY_SEP) == 0)
        return KEY_ZSK;
    for (unsigned i = 0; i < s->n; i++)
        if (s->key[i].role == KEY_ZSK && s->key[i].algorithm == algorithm)
            return KEY_KSK;
    return KEY_CSK;
}

static void set_times(struct zone_key *k, struct bytes file, uint64_t now)
{
    read_times(k, file);
    if (k->at[KEY_CREATED] == 0 || k->at[KEY_CREATED] > now)
        k->at[KEY_CREATED] = now;
    if (file.n == 0) {
        k->at[KEY_PUBLISH] = now;
        return;
    }
    if (k->at[KEY_PUBLISH] == 0 && k->at[KEY_ACTIVE] == 0)
        k->at[KEY_PUBLISH] = k->at[KEY_ACTIVE] = now;
    if (k->at[KEY_PUBLISH] == 0)
        k->at[KEY_PUBLISH] = k->at[KEY_ACTIVE];
    if (k->role != KEY_ZSK && k->at[KEY_SYNC] == 0 && k->at[KEY_ACTIVE] != 0)
        k->at[KEY_SYNC] = MAX(k->at[KEY_PUBLISH], k->at[KEY_ACTIVE]);
}

enum status keyset_import(struct keyset *s, struct bytes dnskey, struct bytes secret, uint64_t now,
                          struct zone_key **ret, struct diag *d)
{
    char buf[KEYSET_SECRET_MAX];
    struct text t = text_of(buf, sizeof buf);
    struct zone_key *k;
    unsigned bits;
    TRY(check_public(s, dnskey, &bits, d));
    enum status st = secret.n > 0 ? take_secret(dnskey, secret, &t, &bits, d) : ST_OK;
    if (st == ST_OK && (st = keyset_room(s, now, &k)) == ST_OK) {
        k->bits = (uint16_t)bits;
        st = keyset_fill(s, k, dnskey, bytes_of(t.p, t.n));
        if (st == ST_OK) {
            s->n--; /* it is no key of the set when its role is guessed */
            k->role = guess_role(s, k->flags, k->algorithm);
            s->n++;
            set_times(k, secret, now);
            *ret = k;
        } else {
            s->n--;
        }
    }
    explicit_bzero(buf, sizeof buf);
    if (st == ST_ELIMIT && s->n == KEYSET_KEYS)
        diag_set(d, SEV_ERROR, "too-many-keys", "delete keys that were removed",
                 "a zone has at most %d keys", KEYSET_KEYS);
    return st;
}

/* --- Out --- */

void key_file_stem(const struct keyset *s, const struct zone_key *k, struct text *out)
{
    char zone[NAME_TEXT_MAX];
    text_fmt(out, "K%s+%03u+%05u", name_str(s->zone.w, zone), k->algorithm, k->tag);
}

void key_public_file(const struct keyset *s, const struct zone_key *k, uint32_t ttl,
                     struct text *out)
{
    char zone[NAME_TEXT_MAX];
    text_fmt(out, "; This is a %s-signing key, keyid %u, for %s\n",
             k->flags & DNSKEY_SEP ? "key" : "zone", k->tag, name_str(s->zone.w, zone));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (k->at[fields[i].moment] == 0 || fields[i].moment == KEY_DS_SEEN)
            continue;
        text_fmt(out, "; %s: ", fields[i].word);
        when_digits(k->at[fields[i].moment], out);
        text_str(out, " (");
        when_text(k->at[fields[i].moment], out);
        text_str(out, ")\n");
    }
    text_fmt(out, "%s %u IN DNSKEY %u %u %u ", name_str(s->zone.w, zone), ttl, k->flags, 3,
             k->algorithm);
    base64_text(bytes_of(k->dnskey.p + 4, k->dnskey.n - 4), out);
    text_char(out, '\n');
}

void key_private_file(const struct zone_key *k, struct text *out)
{
    text_bytes(out, k->secret.p, k->secret.n);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (k->at[fields[i].moment] == 0)
            continue;
        text_fmt(out, "%s: ", fields[i].word);
        when_digits(k->at[fields[i].moment], out);
        text_char(out, '\n');
    }
}
