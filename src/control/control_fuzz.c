/* A line from a stranger: a request that can be written and read again to the same, a reply header,
 * or refused. */
#include "control/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct control_request rq, again;
    struct control_reply reply;
    struct diag d = {0};
    if (control_parse(bytes_of(data, size), &rq, &d) == ST_OK) {
        struct text t = text_heap(65536);
        control_write(&rq, &t);
        enum status st = control_parse(bytes_of(t.p, t.n - 1), &again, &d);
        ASSERT(st == ST_OK && again.command == rq.command && again.type == rq.type &&
               again.format == rq.format && again.all == rq.all && again.cold == rq.cold);
        ASSERT(!rq.has_name || name_equal(rq.name.w, again.name.w));
        text_free(&t);
    } else {
        ASSERT(d.message[0] != '\0');
    }
    if (control_reply_parse(bytes_of(data, size), &reply) != ST_OK)
        return 0;
    return 0;
}
