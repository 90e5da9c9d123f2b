/* State files of RFC 5011: what is read is written again the same, can be used as it stands, and
 * survives observations of anything.
 *
 * The input is a state file, then, behind the line that ends it, one byte for each observation:
 * which of three keys stand in the set, which of them signed it, how much time has passed. */
#include "dns/rr_type.h"
#include "dnssec/anchor_roll.h"
#include "dnssec/rrsig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS = 3, BODY = KEYS * (2 + DNSKEY_RDATA_MAX), SIGS = KEYS * (2 + RRSIG_RDATA_MAX) };

static struct sec_key *key_at(unsigned i)
{
    static struct sec_key *key[KEYS];
    uint8_t secret[32] = {(uint8_t)(i + 1), 5};
    if (key[i] == NULL &&
        sec_key_from_secret(SEC_ED25519, bytes_of(secret, sizeof secret), &key[i]) != ST_OK)
        abort();
    return key[i];
}

static void add(struct rrset *set, struct writer *w, struct bytes rd)
{
    wr_u16(w, (uint16_t)rd.n);
    wr_bytes(w, rd.p, rd.n);
    if (!wr_ok(w))
        abort();
    set->rdata_size = (uint32_t)wr_len(w);
    set->count++;
}

static void sign(struct rrset *sigs, struct writer *w, const struct rrset *set, unsigned i,
                 uint16_t tag, uint64_t now)
{
    static struct sig_buffer buffer;
    uint8_t rd[RRSIG_RDATA_MAX];
    struct writer out = wr_of(rd, sizeof rd);
    struct rrsig head = {.inception = (uint32_t)now - 3600,
                         .expiration = (uint32_t)now + 86400 * 20,
                         .tag = tag,
                         .signer = set->owner};
    if (rrsig_make(key_at(i), set, &head, &buffer, &out) != ST_OK)
        abort();
    add(sigs, w, wr_done(&out));
}

/* Bits 0 to 2: keys in the set; 3, 4: who is revoked; 5, 6: who signs; 7: a long time passes. */
static void observe(struct anchor_roll *r, uint8_t byte, struct now *now)
{
    uint8_t body[BODY], sig[SIGS];
    uint16_t tag[KEYS] = {0};
    struct writer w = wr_of(body, sizeof body), v = wr_of(sig, sizeof sig);
    struct rrset set = {r->zone.w, RR_DNSKEY, CLASS_IN, 3600, 0, 0, body};
    struct rrset sigs = {r->zone.w, RR_RRSIG, CLASS_IN, 3600, 0, 0, sig};
    struct roll_report ret;
    uint64_t step = byte & 0x80 ? 10 * 86400 : 3600;
    now->wall_s += step;
    now->mono_us += step * 1000000;
    for (unsigned i = 0; i < KEYS; i++) {
        uint8_t rd[DNSKEY_RDATA_MAX];
        struct writer k = wr_of(rd, sizeof rd);
        uint16_t flags = (byte >> 3 & 3) == i + 1 ? 257 | DNSKEY_REVOKE : 257;
        if ((byte >> i & 1) == 0)
            continue;
        if (dnskey_write(key_at(i), flags, &k) != ST_OK)
            abort();
        tag[i] = dnskey_tag(wr_done(&k));
        add(&set, &w, wr_done(&k));
    }
    for (unsigned i = 0; i < KEYS; i++)
        if (tag[i] != 0 && (byte >> 5 & 3) != i + 1)
            sign(&sigs, &v, &set, i, tag[i], now->wall_s);
    if (anchor_roll_see(r, &set, &sigs, *now, &ret) != ST_OK)
        abort();
    if (ret.ask_after_s < 3600 || anchor_roll_due_s(r, *now) > 15 * 86400)
        abort();
}

static void check(const struct anchor_roll *r, struct bytes want)
{
    struct text t = text_heap(ROLL_TEXT_MAX);
    struct anchor_roll again;
    struct diag d = {0};
    if (anchor_roll_text(r, &t) != ST_OK ||
        anchor_roll_parse(&again, "again", bytes_of(t.p, t.n), &d) != ST_OK)
        abort();
    if (want.n > 0 && !bytes_equal(want, bytes_of(t.p, t.n)))
        abort();
    text_free(&t);
    struct anchors *a = anchors_new();
    enum status st = a != NULL ? anchor_roll_ds(r, a) : ST_ENOMEM;
    if (st != ST_OK && st != ST_ENOTFOUND)
        abort();
    anchors_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char mark[] = " keys\n";
    struct anchor_roll r;
    struct diag d = {0};
    const uint8_t *end = size > 0 ? memmem(data, size, mark, sizeof mark - 1) : NULL;
    size_t n = end != NULL ? (size_t)(end - data) + sizeof mark - 1 : size;
    if (anchor_roll_parse(&r, "state", bytes_of(data, n), &d) != ST_OK) {
        if (r.n != 0 || d.message[0] == '\0' || (d.line > 0) != (d.column > 0))
            abort();
        return 0;
    }
    check(&r, bytes_of(data, n));
    struct now now = {UINT64_C(1000000000), MAX(r.checked_s, UINT64_C(1767225600))};
    for (size_t i = n; i < size && i < n + 40; i++) {
        observe(&r, data[i], &now);
        check(&r, bytes_of(NULL, 0));
    }
    return 0;
}
