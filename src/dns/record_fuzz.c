/* A record as a line of text: what is read is valid, and is read again from its own text. */
#include "dns/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t room[65535];
    struct writer w = wr_of(room, sizeof room);
    struct record_line r;
    struct diag d = {0};
    if (record_parse(bytes_of(data, size), &w, &r, &d) != ST_OK) {
        ASSERT(d.message[0] != '\0');
        return 0;
    }
    ASSERT(rdata_check(r.type, r.rdata) == ST_OK && r.ttl <= INT32_MAX);
    return 0;
}
