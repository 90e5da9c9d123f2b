/* Key sets as text, and key files: damage is refused or harmless, what is read is written the same.
 *
 * First byte "0": the rest is a text without its checksum line; "1": with it; else: a private-key
 * file for the key of vectors/keys, its times among it. */
#include "base/codec.h"
#include "crypto/digest.h"
#include "dnssec/keyset.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_back(struct bytes text)
{
    static struct keyset s, again;
    struct diag d = {0};
    struct text t = text_heap(KEYSET_TEXT_MAX + 1);
    struct sign_key v[KEYSET_KEYS];
    unsigned n;
    if (keyset_parse(&s, text, &d) != ST_OK) {
        text_free(&t);
        return;
    }
    if (keyset_text(&s, &t) != ST_OK || !bytes_equal(text, bytes_of(t.p, t.n)) ||
        keyset_parse(&again, bytes_of(t.p, t.n), &d) != ST_OK)
        abort();
    uint64_t now = 0;
    for (unsigned i = 0; i < 4 * KEYSET_KEYS * KEY_MOMENTS; i++) {
        if (s.n <= 4 && keyset_sign_keys(&s, NULL, now, v, &n, &d) == ST_OK)
            sign_keys_free(v, n);
        uint64_t next = keyset_next_change(&s, now);
        if (next == 0)
            break;
        if (next <= now)
            abort();
        now = next;
    }
    struct sign_policy p = sign_policy_default();
    struct zone_key *k;
    p.algorithm = SEC_ED25519;
    enum status st = keyset_roll(&s, KEY_CSK, &p, now / 2, &k, &d);
    for (unsigned i = 0; i < s.n; i++) {
        st = keyset_ds_seen(&s, s.key[i].tag, &p, now, &d);
        st = keyset_retire(&s, s.key[i].tag, &p, now, i & 1, &d);
    }
    (void)st;
    keyset_free(&again);
    keyset_free(&s);
    text_free(&t);
}

static void import(struct bytes file)
{
    static struct keyset s;
    static const uint8_t zone[] = "\7example\3org";
    struct diag d = {0};
    struct zone_key *k;
    struct sec_key *pair;
    uint8_t rdata[DNSKEY_RDATA_MAX];
    struct writer w = wr_of(rdata, sizeof rdata);
    if (sec_key_private(file, &pair, &d) != ST_OK)
        return;
    keyset_init(&s, zone);
    if (dnskey_write(pair, 257, &w) != ST_OK ||
        keyset_import(&s, wr_done(&w), file, 1, &k, &d) != ST_OK)
        abort();
    sec_key_free(pair);
    keyset_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes in = bytes_of(data + 1, size - 1);
    if (data[0] == '0') {
        uint8_t md[DIGEST_MAX];
        struct text t = text_heap(KEYSET_TEXT_MAX * 2);
        text_bytes(&t, in.p, in.n);
        if (digest_once(DIGEST_SHA256, in, md) != ST_OK)
            abort();
        text_str(&t, "sha256 ");
        hex_text(bytes_of(md, 32), &t);
        text_char(&t, '\n');
        if (!t.cut)
            read_back(bytes_of(t.p, t.n));
        text_free(&t);
    } else if (data[0] == '1') {
        read_back(in);
    } else {
        import(in);
    }
    return 0;
}
