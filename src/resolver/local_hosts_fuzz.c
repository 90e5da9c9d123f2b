/* Files in the form of /etc/hosts: what was read is found again. */
#include "dns/rr_type.h"
#include "resolver/local_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void heard(void *ctx, const struct diag *d)
{
    (void)ctx;
    ASSERT(d->line > 0 && d->column > 0 && d->message[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hash_key key = {1, 2};
    struct local_data *d = local_data_new(&key);
    struct diag_sink sink = {heard, NULL, 0, 0};
    struct local_answer a;
    struct name n;
    if (d == NULL || local_data_special(d, NULL, 0) != ST_OK)
        return 0;
    enum status st = local_data_hosts(d, "hosts", bytes_of(data, size), &sink);
    ASSERT(st == ST_OK || st == ST_ENOMEM || sink.errors > 0);
    size_t end = 0; /* the last line's first name */
    for (size_t i = 0; i + 1 < size; i++)
        if (data[i] == ' ')
            end = i + 1;
    if (st == ST_OK && end > 0 &&
        name_parse(bytes_of(data + end, size - end), name_root, &n) == ST_OK)
        (void)local_data_find(d, n.w, RR_A, &a);
    local_data_free(d);
    return 0;
}
