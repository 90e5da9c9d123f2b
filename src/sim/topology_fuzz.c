/* topology.yaml, recipes and lists of faults: any bytes are read or refused. */
#include "sim/internet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libfyaml 0.7.12 loses a buffer on some malformed quoted strings. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

static void ignore(void *ctx, const struct diag *d)
{
    (void)ctx;
    (void)d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct topology t;
    struct recipe r;
    struct breakage b[4];
    unsigned n;
    struct diag d;
    struct diag_sink sink = {.emit = ignore};
    enum status st = topology_init(&t);
    if (st == ST_OK)
        st = topology_parse(&t, bytes_of(data, size), "fuzz", &sink);
    topology_free(&t);
    st = recipe_parse(&r, bytes_of(data, size), "fuzz", &d);
    st = breakages_parse(bytes_of(data, size), b, 4, &n, &d);
    (void)st;
    return 0;
}
