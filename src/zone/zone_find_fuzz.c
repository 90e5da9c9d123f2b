/* Small zones made of few labels, so that every shape comes up, against the naive search of
 * testlib.h. */
#include "zone/testlib.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A name of up to five labels out of a handful, from one or two bytes; below the origin mostly. */
static const uint8_t *take_name(const uint8_t **p, const uint8_t *end, const uint8_t *origin,
                                struct name *ret)
{
    static const char *const labels[] = {"*", "a", "b", "A", "ab", "\0", "_x", "*a"};
    static const uint8_t sizes[] = {1, 1, 1, 1, 2, 1, 2, 2};
    unsigned n = *p < end ? *(*p)++ % 6 : 0;
    name_copy(ret->w, n == 5 && *p < end && **p == 0 ? name_root : origin);
    for (unsigned i = 0; i < n && *p < end; i++) {
        unsigned k = *(*p)++ % ARRAY_LEN(labels);
        struct name up = *ret;
        if (name_prepend(bytes_of(labels[k], sizes[k]), up.w, ret) != ST_OK)
            *ret = up;
    }
    return ret->w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t types[] = {RR_A, RR_TXT, RR_NS, RR_DNAME, RR_CNAME, RR_A, RR_MX, RR_NS};
    static const uint8_t origins[3][6] = {{0}, {1, 'z', 0}, {1, 'a', 1, 'b', 0}};
    static struct oracle o;
    const uint8_t *p = data, *end = data + size;
    struct zone_builder *b;
    struct zone *z;
    struct name n;
    if (size < 2 || size > 600)
        return 0;
    const uint8_t *origin = origins[*p++ % 3];
    unsigned records = *p++ % 24;
    oracle_begin(&o, &b, origin);
    for (unsigned i = 0; i < records && p < end; i++) {
        uint16_t type = types[*p++ % 8];
        oracle_add(&o, b, take_name(&p, end, origin, &n), type);
    }
    enum status st = zone_builder_finish(b, &z, NULL);
    ASSERT(st == ST_OK);
    zone_builder_free(b);
    while (p < end)
        ASSERT(oracle_differs(&o, z, take_name(&p, end, origin, &n)) == NULL);
    for (size_t i = 0; i < o.n; i++)
        ASSERT(oracle_differs(&o, z, o.rr[i].owner.w) == NULL);
    zone_drop(z);
    return 0;
}
