/* Any text is either a configuration, which then can be dumped and read again to the same, or an
 * error that was told. */
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libfyaml 0.7.12 loses a buffer of 4 KiB on some malformed quoted strings. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

static bool include_read(void *ctx, const char *path, struct bytes *ret, struct diag *d)
{
    (void)path;
    (void)d;
    *ret = *(const struct bytes *)ctx; /* a file that includes itself */
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    struct config_files files = {&text, include_read};
    struct diag_sink sink = {0};
    struct config *c = NULL, *again = NULL;
    if (size > 65536)
        return 0;
    enum status st = config_parse("fuzz.yaml", text, &files, &sink, &c);
    ASSERT((st == ST_OK) == (c != NULL));
    ASSERT(st == ST_OK || st == ST_ENOMEM || sink.errors > 0);
    if (st != ST_OK)
        return 0;
    struct text dump = text_heap(4 << 20), diff = text_heap(1 << 20);
    config_dump(c, true, &dump);
    st = config_parse("fuzz.yaml", bytes_of(dump.p, dump.n), NULL, &sink, &again);
    ASSERT(st == ST_OK);
    ASSERT(config_diff(c, again, c, &diff) == 0 && diff.n == 0);
    text_free(&dump);
    text_free(&diff);
    config_free(c);
    config_free(again);
    return 0;
}
