/* Scenario files: any bytes are read or refused with a place; what is read also plays, if it is
 * small. */
#include "sim/player.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *ctx, const struct diag *d)
{
    (void)ctx;
    (void)d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scenario sc;
    struct diag d;
    struct diag_sink sink = {.emit = ignore};
    if (scenario_parse(&sc, bytes_of(data, size), "fuzz", &d) == ST_OK && sc.step_count <= 12 &&
        size < 2000) {
        enum status st = scenario_play(&sc, "fuzz", &sink, NULL);
        (void)st;
    }
    scenario_free(&sc);
    return 0;
}
