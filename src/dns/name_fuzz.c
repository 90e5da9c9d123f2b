/* Names from the wire and from text: whatever is accepted must print and parse back to itself. */
#include "dns/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct name a, b;
    char buf[NAME_TEXT_MAX];
    size_t next;
    if (size > 0 && name_unpack(bytes_of(data, size), data[0], &a, &next) == ST_OK) {
        ASSERT(next <= size && name_check(bytes_of(a.w, name_len(a.w))) == ST_OK);
        ASSERT(name_from(name_str(a.w, buf), &b) == ST_OK && name_equal(a.w, b.w));
    }
    if (name_parse(bytes_of(data, size), name_root, &a) == ST_OK) {
        ASSERT(name_from(name_str(a.w, buf), &b) == ST_OK);
        ASSERT(name_compare(a.w, b.w) == 0 && memcmp(a.w, b.w, name_len(a.w)) == 0);
    }
    return 0;
}
