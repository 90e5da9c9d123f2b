/* What the tests of RFC 5011 share: keys that are letters, sets of them signed by some, and the
 * states that they come to, in short words.
 *
 * Keys a to q have the SEP flag, y and z have not; a capital is the same key with the REVOKE flag.
 * "ab/a" is the set of a and b, signed by a. A state reads "aV bP": a VALID, b ADDPEND; M MISSING,
 * R REVOKED, X REMOVED, and d in front of a key known by its DS only. */
#ifndef BANYAN_DNSSEC_ANCHOR_ROLL_TESTLIB_H
#define BANYAN_DNSSEC_ANCHOR_ROLL_TESTLIB_H

#include "dnssec/anchor_roll.h"

#include "base/hash.h"
#include "dnssec/rrsig.h"
#include "dnssec/testlib.h"

enum { HOUR = 3600, DAY = 86400, TTL = 2 * DAY };
#define T0 UINT64_C(1767225600)

static const uint8_t zone[] = "\7example\3org";

struct keys {
    struct sec_key *key[26];
    struct anchor_roll r;
    struct roll_report ret;
    struct test_set set, sigs;
    struct sig_buffer buffer;
    uint64_t boot_s; /* wall clock at which the clock since boot was 0 */
    /* Of the signatures to come. */
    uint32_t ttl, before_s, after_s;
};

static inline unsigned letter(char c)
{
    return (unsigned)((c | 32) - 'a');
}

static inline struct bytes dnskey(struct keys *k, char c, uint8_t *buf)
{
    uint16_t flags = (c | 32) >= 'y' ? 256 : 257;
    unsigned i = letter(c);
    struct writer w = wr_of(buf, DNSKEY_RDATA_MAX);
    uint8_t secret[32] = {(uint8_t)(i + 1), 5};
    if (k->key[i] == NULL &&
        sec_key_from_secret(SEC_ED25519, bytes_of(secret, 32), &k->key[i]) != ST_OK)
        abort();
    if (c < 'a')
        flags |= DNSKEY_REVOKE;
    if (dnskey_write(k->key[i], flags, &w) != ST_OK)
        abort();
    return wr_done(&w);
}

static inline uint16_t tag_of(struct keys *k, char c)
{
    uint8_t buf[DNSKEY_RDATA_MAX];
    return dnskey_tag(dnskey(k, c, buf));
}

static inline void add_raw(struct test_set *t, struct bytes rd)
{
    struct writer w = wr_of(t->rdata, sizeof t->rdata);
    w.p += t->set.rdata_size;
    wr_u16(&w, (uint16_t)rd.n);
    wr_bytes(&w, rd.p, rd.n);
    if (!wr_ok(&w))
        abort();
    t->set.rdata_size = (uint32_t)wr_len(&w);
    t->set.count++;
}

static inline void make_set(struct keys *k, const char *text, uint64_t wall_s)
{
    uint8_t buf[DNSKEY_RDATA_MAX], sig[RRSIG_RDATA_MAX];
    test_set_begin(&k->set, "example.org.", RR_DNSKEY, k->ttl);
    test_set_begin(&k->sigs, "example.org.", RR_RRSIG, k->ttl);
    for (; *text != '\0' && *text != '/'; text++)
        add_raw(&k->set, dnskey(k, *text, buf));
    for (text += *text == '/'; *text != '\0'; text++) {
        struct writer w = wr_of(sig, sizeof sig);
        struct rrsig head = {.inception = (uint32_t)(wall_s - k->before_s),
                             .expiration = (uint32_t)(wall_s + k->after_s),
                             .tag = tag_of(k, *text),
                             .signer = zone};
        if (rrsig_make(k->key[letter(*text)], &k->set.set, &head, &k->buffer, &w) != ST_OK)
            abort();
        add_raw(&k->sigs, wr_done(&w));
    }
}

static inline void give_set(struct keys *k, uint64_t wall_s)
{
    struct now now = {(wall_s - k->boot_s) * 1000000, wall_s};
    CHECK_EQ(anchor_roll_see(&k->r, &k->set.set, &k->sigs.set, now, &k->ret), ST_OK);
    CHECK(k->ret.ask_after_s >= HOUR && k->ret.ask_after_s <= 15 * DAY);
    CHECK_EQ(anchor_roll_due_s(&k->r, now), k->ret.ask_after_s);
    for (unsigned i = 0; i < k->ret.n; i++)
        CHECK(k->ret.save && k->ret.change[i].from != k->ret.change[i].to);
}

/* Sees a set that was signed an hour ago. */
static inline enum roll_outcome see(struct keys *k, const char *text, uint64_t wall_s)
{
    make_set(k, text, wall_s);
    give_set(k, wall_s);
    return k->ret.outcome;
}

static inline const char *states(struct keys *k)
{
    static char buf[300];
    struct text t = text_of(buf, sizeof buf);
    for (unsigned i = 0; i < k->r.n; i++) {
        const struct roll_key *x = &k->r.key[i];
        char c = 'a';
        while (c < 'z' && tag_of(k, c) != x->tag)
            c++;
        text_fmt(&t, "%s%s%c%c", i > 0 ? " " : "", x->is_ds ? "d" : "", c, "SPVMRX"[x->state]);
    }
    return text_cstr(&t);
}

static inline void configure(struct keys *k, const char *text, uint64_t wall_s)
{
    struct test_set ds;
    struct now now = {(wall_s - k->boot_s) * 1000000, wall_s};
    test_set_begin(&ds, "example.org.", RR_DS, 3600);
    for (; *text != '\0'; text++) {
        uint8_t buf[DNSKEY_RDATA_MAX], rd[4 + DS_DIGEST_MAX];
        struct writer w = wr_of(rd, sizeof rd);
        if (ds_write(DS_SHA256, zone, dnskey(k, *text, buf), &w) != ST_OK)
            abort();
        add_raw(&ds, wr_done(&w));
    }
    CHECK_EQ(anchor_roll_configure(&k->r, &ds.set, now, &k->ret), ST_OK);
}

/* A trust point whose anchors are the DS of these keys; they have been seen at T0. */
static inline struct keys *begin(const char *text)
{
    struct keys *k = calloc(1, sizeof *k);
    char set[60];
    if (k == NULL)
        abort();
    k->boot_s = T0 - 1000;
    k->ttl = TTL;
    k->before_s = HOUR;
    k->after_s = 20 * DAY;
    anchor_roll_init(&k->r, zone);
    configure(k, text, T0);
    snprintf(set, sizeof set, "%sz/%s", text, text);
    CHECK_EQ(see(k, set, T0), ROLL_SEEN);
    return k;
}

static inline void end(struct keys *k)
{
    for (unsigned i = 0; i < ARRAY_LEN(k->key); i++)
        sec_key_free(k->key[i]);
    sig_buffer_free(&k->buffer);
    free(k);
}

/* The set each day, from one day to another. */
static inline void days(struct keys *k, const char *text, unsigned from, unsigned to)
{
    for (unsigned d = from; d <= to; d++)
        CHECK_EQ(see(k, text, T0 + (uint64_t)d * DAY), ROLL_SEEN);
}

/* Another run of the program goes on from the state file, on a machine that was started at wall_s.
 */
static inline void restart(struct keys *k, uint64_t wall_s)
{
    struct text t = text_heap(ROLL_TEXT_MAX), again = text_heap(ROLL_TEXT_MAX);
    struct diag d = {0};
    struct anchor_roll r;
    CHECK_EQ(anchor_roll_text(&k->r, &t), ST_OK);
    CHECK_EQ(anchor_roll_parse(&r, "state", bytes_of(t.p, t.n), &d), ST_OK);
    if (d.message[0] != '\0')
        test_fail(__FILE__, __LINE__, "%u:%u: %s\n%s", d.line, d.column, d.message, d.source);
    CHECK_EQ(anchor_roll_text(&r, &again), ST_OK);
    CHECK_STR(text_cstr(&again), text_cstr(&t));
    k->r = r;
    k->boot_s = wall_s - 10;
    text_free(&t);
    text_free(&again);
}

static inline bool event_met(const struct keys *k, enum roll_event e)
{
    for (unsigned i = 0; i < k->ret.n; i++)
        if (k->ret.change[i].event == e)
            return true;
    return false;
}

#endif
