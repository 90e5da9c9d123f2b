/* A private-key file is a key, whose text reads back, or an error that was told; any bytes are a
 * public key or none. */
#include "crypto/key.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sec_key *k = NULL;
    struct diag d = {0};
    if (size > 8192)
        return 0;
    if (sec_key_private(bytes_of(data, size), &k, &d) == ST_OK) {
        struct text t = text_heap(16384);
        struct sec_key *again = NULL;
        if (sec_key_private_text(k, &t) != ST_OK ||
            sec_key_private(bytes_of(t.p, t.n), &again, NULL) != ST_OK)
            abort();
        sec_key_free(again);
        text_free(&t);
    } else if (d.message[0] == '\0') {
        abort();
    }
    sec_key_free(k);
    k = NULL;
    if (size > 1 && sec_key_public(data[0], bytes_of(data + 1, size - 1), &k) == ST_OK) {
        uint8_t out[PUBLIC_KEY_MAX];
        struct writer w = wr_of(out, sizeof out);
        if (sec_key_public_write(k, &w) != ST_OK)
            abort();
        enum status st = sec_verify(k, bytes_of(data, size), bytes_of(data, MIN(size, (size_t)64)));
        (void)st;
    }
    sec_key_free(k);
    return 0;
}
