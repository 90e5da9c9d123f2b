/* Files of trust anchors: what is refused leaves no trace and is told with its place, what is read
 * can be written as DS records and is read again the same. */
#include "dns/rdata.h"
#include "dns/rr_type.h"
#include "dnssec/anchor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void list(const struct anchors *a, struct text *out)
{
    char buf[NAME_TEXT_MAX];
    const struct rrset *s;
    text_str(out,
             "; a first line, since a name that begins with # would look like a comment of BIND\n");
    for (unsigned i = 0; (s = anchors_at(a, i)) != NULL; i++) {
        if (s->count == 0 || anchors_find(a, s->owner) != s)
            abort();
        struct rdata_iter it = rdata_iter(s);
        for (struct bytes rd; rdata_iter_next(&it, &rd);) {
            text_fmt(out, "%s DS ", name_str(s->owner, buf));
            rdata_text(RR_DS, rd, out);
            text_char(out, '\n');
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { WALL = 1767225600 };
    struct anchors *a = anchors_new(), *b = anchors_new();
    struct text one = text_heap(1 << 20), two = text_heap(1 << 20);
    struct diag d = {0};
    if (a == NULL || b == NULL)
        abort();
    if (anchors_add_file(a, "file", bytes_of(data, size), WALL, &d) != ST_OK) {
        if (anchors_at(a, 0) != NULL || d.message[0] == '\0' || d.code[0] == '\0' ||
            d.file == NULL || (d.line > 0) != (d.column > 0))
            abort();
    } else {
        list(a, &one);
        if (anchors_at(a, 0) == NULL || one.cut ||
            anchors_add_file(b, "list", bytes_of(one.p, one.n), 0, &d) != ST_OK)
            abort();
        list(b, &two);
        if (!bytes_equal(bytes_of(one.p, one.n), bytes_of(two.p, two.n)))
            abort();
    }
    anchors_free(a);
    anchors_free(b);
    text_free(&one);
    text_free(&two);
    return 0;
}
