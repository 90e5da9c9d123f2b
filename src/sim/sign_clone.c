#include "sim/sign_clone.h"

#include "crypto/digest.h"
#include "dnssec/rrsig.h"
#include "sim/lines.h"
#include "sim/signing.h"

enum {
    RDATA_ROOM = 4 + 3 + CLONE_RSA_EXPONENT_MAX + CLONE_RSA_BITS_MAX / 8 + 18 + LIMIT_NAME,
    DAY_S = 86400,
    SEEDS = 400, /* keys that are tried until one can be given the tag: one in eight can */
    FLAGS_USED = DNSKEY_ZONE | DNSKEY_REVOKE | DNSKEY_SEP
};

bool clone_how_parse(struct bytes text, struct clone_how *ret)
{
    struct bytes w;
    uint64_t count, bits = 0, exponent = 0;
    *ret = (struct clone_how){0};
    if (!word_next(&text, &w) || !word_uint(w, CLONES_MAX, &count))
        return false;
    ret->count = (unsigned)count;
    if (!word_next(&text, &w))
        return true;
    ret->expired = word_is(w, "expired");
    if (!ret->expired &&
        (!word_is(w, "rsa") || !word_next(&text, &w) || !word_uint(w, CLONE_RSA_BITS_MAX, &bits) ||
         bits < 512 || bits % 16 != 0 || !word_next(&text, &w) ||
         !word_uint(w, CLONE_RSA_EXPONENT_MAX, &exponent) || exponent == 0))
        return false;
    ret->rsa_bits = (unsigned)bits;
    ret->rsa_exponent = (unsigned)exponent;
    return !word_next(&text, &w);
}

/* Bytes that look random and are the same in every run. */
static enum status scatter(const uint8_t *zone, unsigned index, uint8_t *p, size_t n)
{
    uint8_t seed[LIMIT_NAME + 8], md[DIGEST_MAX];
    size_t len = name_lower(seed, zone);
    put_be32(seed + len, index);
    for (size_t at = 0; at < n; at += 32) {
        put_be32(seed + len + 4, (uint32_t)at);
        TRY(digest_once(DIGEST_SHA256, bytes_of(seed, len + 8), md));
        memcpy(p + at, md, MIN(n - at, (size_t)32));
    }
    return ST_OK;
}

/* --- Keys --- */

/* Gives RDATA a tag by what stands in its 16-bit word at `off`, but for the bits of `keep`. The tag
 * is a sum with carry (RFC 4034 appendix B), so one of three values does it. */
static bool fit_tag(uint8_t *rd, size_t n, size_t off, uint16_t keep, uint16_t tag)
{
    uint16_t was = get_be16(rd + off), miss = (uint16_t)(tag - dnskey_tag(bytes_of(rd, n)));
    for (int carry = -1; carry <= 1; carry++) {
        uint16_t v = (uint16_t)(was + miss + carry);
        put_be16(rd + off, v);
        if ((v & keep) == (was & keep) && dnskey_tag(bytes_of(rd, n)) == tag)
            return true;
    }
    put_be16(rd + off, was);
    return false;
}

/* A public key of RSA that nobody has the private half of, but which costs what another costs. */
static enum status rsa_key(const uint8_t *zone, unsigned index, uint16_t flags, uint16_t tag,
                           const struct clone_how *how, struct writer *out)
{
    uint8_t e = (uint8_t)how->rsa_exponent;
    uint8_t *rd = wr_mark(out);
    wr_u16(out, flags);
    wr_u8(out, 3);
    wr_u8(out, SEC_RSASHA256);
    wr_u8(out, e);
    uint8_t *p = wr_room(out, e + how->rsa_bits / 8u);
    if (p == NULL)
        return ST_ENOSPACE;
    TRY(scatter(zone, index, p, e + how->rsa_bits / 8u));
    size_t n = (size_t)(out->p - rd), word = 4 + 1 + (size_t)e + 32;
    p[0] = e == 1 ? 3 : p[0] | 0x80;
    p[e - 1] |= 1;
    if (e == 3)
        memcpy(p, "\1\0\1", 3);
    p[e] |= 0x80;
    out->p[-1] |= 1;
    return fit_tag(rd, n, word & ~(size_t)1, 0, tag) ? ST_OK : ST_EUNSUPPORTED;
}

/* The flags have thirteen bits that mean nothing (RFC 4034 section 2.1.1): they make the tag fit.
 */
static enum status curve_key(const uint8_t *zone, unsigned *seed, const struct dnskey *like,
                             struct writer *out)
{
    uint8_t *mark = wr_mark(out);
    for (unsigned i = 0; i < SEEDS; i++) {
        wr_rollback(out, mark);
        wr_u16(out, like->flags);
        wr_u8(out, 3);
        wr_u8(out, like->algorithm);
        TRY(sim_signing_spare(like->algorithm, zone, (*seed)++, out));
        if (fit_tag(mark, (size_t)(out->p - mark), 0, FLAGS_USED, like->tag))
            return ST_OK;
    }
    return ST_EUNSUPPORTED;
}

static enum status clone_key(const struct record *r, const uint8_t *zone, unsigned i,
                             unsigned *seed, const struct clone_how *how, struct writer *out)
{
    static const struct clone_how usual = {.rsa_bits = 2048, .rsa_exponent = 3};
    struct dnskey k;
    if (!dnskey_read(r->rdata, &k))
        return ST_EUNSUPPORTED;
    if (how->rsa_bits > 0 || k.algorithm == SEC_RSASHA256)
        return rsa_key(zone, i, k.flags, k.tag, how->rsa_bits > 0 ? how : &usual, out);
    return curve_key(zone, seed, &k, out);
}

/* --- DS, RRSIG --- */

static enum status clone_ds(const struct record *r, unsigned i, struct writer *out)
{
    uint8_t *p = wr_mark(out);
    wr_bytes(out, r->rdata.p, r->rdata.n);
    if (r->rdata.n < 4 + 8)
        return ST_EUNSUPPORTED;
    p[4] = 0;
    put_be32(p + 8, get_be32(p + 8) ^ (i + 1));
    return ST_OK;
}

static enum status clone_sig(const struct record *r, const uint8_t *zone, unsigned i,
                             const struct clone_how *how, uint64_t now_s, struct writer *out)
{
    struct rrsig s;
    if (!rrsig_read(r->rdata, &s) || s.signature.n < 16)
        return ST_EUNSUPPORTED;
    uint8_t *p = wr_mark(out);
    size_t head = r->rdata.n - s.signature.n, n = s.signature.n;
    wr_bytes(out, r->rdata.p, head);
    if (how->rsa_bits > 0) {
        p[2] = SEC_RSASHA256;
        n = how->rsa_bits / 8;
        uint8_t *sig = wr_room(out, n);
        if (sig == NULL)
            return ST_ENOSPACE;
        TRY(scatter(zone, i, sig, n));
    } else {
        wr_bytes(out, s.signature.p, n);
    }
    if (how->expired) {
        put_be32(p + 8, (uint32_t)(now_s - 10 * DAY_S));
        put_be32(p + 12, (uint32_t)(now_s - 40 * DAY_S));
    }
    /* Small numbers, in the range of every algorithm: it takes the whole check to find them wrong.
     */
    p[head] = 0;
    put_be32(p + head + 8, get_be32(p + head + 8) ^ (i + 1));
    return ST_OK;
}

enum status records_clone(struct records *list, const struct record *original,
                          const struct clone_how *how, uint64_t now_s)
{
    const struct record r = *original; /* the list may move */
    size_t at = (size_t)(original - list->v);
    uint8_t buf[RDATA_ROOM];
    unsigned seed = 0;
    for (unsigned i = 0; i < how->count; i++) {
        struct writer out = wr_of(buf, sizeof buf);
        enum status st = ST_EUNSUPPORTED;
        if (r.type == RR_DNSKEY)
            st = clone_key(&r, list->origin.w, i, &seed, how, &out);
        else if (r.type == RR_DS)
            st = clone_ds(&r, i, &out);
        else if (r.type == RR_RRSIG)
            st = clone_sig(&r, list->origin.w, i, how, now_s, &out);
        TRY(st);
        if (!wr_ok(&out))
            return ST_ENOSPACE;
        TRY(records_add(list, r.owner.w, r.type, r.ttl, wr_done(&out)));
    }
    /* The original behind them: zones are served in this order. */
    list->v[at].gone = true;
    return records_add(list, r.owner.w, r.type, r.ttl, r.rdata);
}
