/* Root hints text. */
#include "resolver/hints.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct root_hint h[4];
    struct diag d = {0};
    size_t n = 0;
    if (root_hints_read(bytes_of(data, size), h, ARRAY_LEN(h), &n, &d) == ST_OK)
        ASSERT(n > 0 && n <= ARRAY_LEN(h));
    return 0;
}
