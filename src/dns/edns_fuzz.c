/* EDNS options: parsing and printing of any bytes; what was printed as JSON is of bounded size. */
#include "base/attr.h"
#include "dns/edns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes options = bytes_of(data, size), d;
    struct edns e = {0};
    uint16_t code;
    size_t off = 0;
    if (size > UINT16_MAX)
        return 0;
    enum status st = edns_parse(1232, 0x8000, options, &e);
    struct text t = text_heap(1 << 24);
    while (edns_option_next(options, &off, &code, &d)) {
        text_clear(&t);
        edns_option_text(code, d, &t);
        ASSERT(t.n > 0 && !t.cut);
        for (size_t i = 0; i < t.n; i++)
            ASSERT((uint8_t)t.p[i] >= ' ' &&
                   (uint8_t)t.p[i] < 0x7f); /* nothing steers a terminal */
        text_clear(&t);
        struct json j = json_of(&t, false);
        edns_option_json(code, d, &j);
        ASSERT(t.n > 0 && !t.cut);
    }
    if (st == ST_OK && e.has_ecs) {
        uint8_t buf[32];
        struct writer w = wr_of(buf, sizeof buf);
        edns_put_ecs(&w, &e.ecs);
        struct edns f = {0};
        ASSERT(edns_parse(1232, 0, wr_done(&w), &f) == ST_OK);
        ASSERT(memcmp(&f.ecs, &e.ecs, sizeof f.ecs) == 0);
    }
    text_clear(&t);
    struct edns_ecs ecs;
    if (edns_ecs_parse(options, &ecs) == ST_OK)
        ASSERT(ecs.family == 1 || ecs.family == 2);
    text_free(&t);
    return 0;
}
