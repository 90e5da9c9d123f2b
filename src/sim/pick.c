#include "sim/pick.h"

#include "dns/rdata.h"

enum status pick_records(struct encode *e, const struct msg *m, const struct pick *how)
{
    uint8_t rdata[LIMIT_MESSAGE];
    for (unsigned i = 0; i < m->rr_count; i++) {
        const struct rr_view *rr = &m->rr[i];
        struct name owner;
        struct writer w = wr_of(rdata, sizeof rdata);
        if (!how->keep(how->ctx, rr))
            continue;
        TRY(msg_owner(m, rr, &owner));
        TRY(rdata_from_wire(rr->type, m->wire, rr->rdata_off, rr->rdata_len, &w));
        bool rename = (how->everywhere || rr->section == SECTION_ANSWER) && how->from != NULL &&
                      name_equal(owner.w, how->from);
        TRY(encode_rr(e, (enum msg_section)rr->section, rename ? how->to : owner.w, rr->type,
                      rr->rclass, rr->ttl, wr_done(&w)));
    }
    return ST_OK;
}
