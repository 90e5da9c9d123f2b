#include "dnssec/rrsig.h"

#include "dns/rdata.h"
#include "zone/rdata_order.h"

#include <stdlib.h>
#include <string.h>

bool rrsig_read(struct bytes rdata, struct rrsig *ret)
{
    size_t n;
    if (rdata.n < 19 || name_scan(bytes_of(rdata.p + 18, rdata.n - 18), &n) != ST_OK)
        return false;
    const uint8_t *p = rdata.p;
    *ret = (struct rrsig){.covered = get_be16(p),
                          .algorithm = p[2],
                          .labels = p[3],
                          .original_ttl = get_be32(p + 4),
                          .expiration = get_be32(p + 8),
                          .inception = get_be32(p + 12),
                          .tag = get_be16(p + 16),
                          .signer = p + 18,
                          .signature = bytes_of(p + 18 + n, rdata.n - 18 - n)};
    return true;
}

/* Serial number arithmetic (RFC 1982), as RFC 4034 section 3.1.5 wants it. */
static bool before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

enum rrsig_time rrsig_time(const struct rrsig *s, uint32_t now)
{
    if (before(s->expiration, s->inception))
        return RRSIG_NEVER;
    if (before(now, s->inception))
        return RRSIG_NOT_YET;
    return before(s->expiration, now) ? RRSIG_EXPIRED : RRSIG_VALID;
}

void sig_buffer_free(struct sig_buffer *b)
{
    free(b->p);
    free(b->order);
    *b = (struct sig_buffer){0};
}

static enum status reserve(struct sig_buffer *b, size_t bytes, size_t records)
{
    if (b->cap < bytes) {
        size_t cap = MAX(bytes, (size_t)4096);
        uint8_t *p = realloc(b->p, cap);
        if (p == NULL)
            return ST_ENOMEM;
        b->p = p;
        b->cap = cap;
    }
    if (b->order_cap < records) {
        size_t cap = MAX(records, (size_t)64);
        const uint8_t **v = realloc(b->order, cap * sizeof *v);
        if (v == NULL)
            return ST_ENOMEM;
        b->order = v;
        b->order_cap = cap;
    }
    return ST_OK;
}

static void write_head(const struct rrsig *s, struct writer *w)
{
    uint8_t low[LIMIT_NAME];
    wr_u16(w, s->covered);
    wr_u8(w, s->algorithm);
    wr_u8(w, s->labels);
    wr_u32(w, s->original_ttl);
    wr_u32(w, s->expiration);
    wr_u32(w, s->inception);
    wr_u16(w, s->tag);
    wr_bytes(w, low, name_lower(low, s->signer));
}

/* The owner as it was signed: in lower case, with "*" for the labels a wildcard stood for. */
static size_t signed_owner(const uint8_t *owner, unsigned labels, uint8_t ret[LIMIT_NAME])
{
    unsigned have = name_labels(owner);
    if (have == labels)
        return name_lower(ret, owner);
    ret[0] = 1;
    ret[1] = '*';
    return 2 + name_lower(ret + 2, name_skip(owner, have - labels));
}

enum status rrsig_data(const struct rrset *set, const struct rrsig *head, struct sig_buffer *b,
                       struct bytes *ret)
{
    uint8_t owner[LIMIT_NAME + 2];
    if (head->labels > name_labels(set->owner))
        return ST_EFORMAT;
    size_t n = signed_owner(set->owner, head->labels, owner);
    TRY(reserve(b, 18 + LIMIT_NAME + set->count * (n + 8) + set->rdata_size, set->count));
    struct writer w = wr_of(b->p, b->cap);
    write_head(head, &w);
    rdata_order(set, b->order);
    for (size_t i = 0; i < set->count; i++) {
        const uint8_t *p = b->order[i];
        struct bytes rd = rdata_next(&p);
        if (i > 0) {
            const uint8_t *q = b->order[i - 1];
            if (rdata_compare(set->type, rdata_next(&q), rd) == 0)
                continue;
        }
        wr_bytes(&w, owner, n);
        wr_u16(&w, set->type);
        wr_u16(&w, set->rclass);
        wr_u32(&w, head->original_ttl);
        uint8_t *length = wr_room(&w, 2);
        TRY(rdata_canonical(set->type, rd, &w));
        put_be16(length, (uint16_t)(w.p - length - 2));
    }
    *ret = wr_done(&w);
    return wr_ok(&w) ? ST_OK : ST_ENOSPACE;
}

enum status rrsig_make(struct sec_key *key, const struct rrset *set, const struct rrsig *head,
                       struct sig_buffer *b, struct writer *out)
{
    struct rrsig s = *head;
    struct bytes data;
    uint8_t sig[SIGNATURE_MAX];
    size_t n;
    s.covered = set->type;
    s.algorithm = sec_key_algorithm(key);
    s.labels = (uint8_t)(name_labels(set->owner) - name_is_wildcard(set->owner));
    s.original_ttl = set->ttl;
    TRY(rrsig_data(set, &s, b, &data));
    TRY(sec_sign(key, data, sig, &n));
    write_head(&s, out);
    wr_bytes(out, sig, n);
    return wr_ok(out) ? ST_OK : ST_ENOSPACE;
}

enum status rrsig_verify(struct sec_key *key, const struct rrset *set, const struct rrsig *sig,
                         struct sig_buffer *b)
{
    struct bytes data;
    if (sig->covered != set->type || sig->algorithm != sec_key_algorithm(key))
        return ST_EFORMAT;
    TRY(rrsig_data(set, sig, b, &data));
    return sec_verify(key, data, sig->signature);
}
