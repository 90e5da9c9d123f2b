/* Any master file that makes a zone can be verified. */
#include "dnssec/verify_testlib.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct told told;
    struct zone *z = zone_of_text((const char *)data, size);
    struct zone_verify_options opt = {.now = 1750000000};
    struct zone_verify_result r;
    told.n = 0;
    if (z != NULL && zone_verify(z, &opt, told_add, &told, &r) == ST_OK) {
        size_t errors = 0;
        for (size_t i = 0; i < told.n; i++)
            errors += told.v[i].severity == SEV_ERROR;
        if (told.n < ARRAY_LEN(told.v) && errors != r.errors)
            abort();
    }
    zone_drop(z);
    return 0;
}
