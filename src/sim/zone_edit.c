#include "sim/zone_edit.h"

#include "dns/rdata.h"
#include "sim/lines.h"
#include "zone/builder.h"

enum status zone_edit_parse(bool add, struct bytes text, struct zone_edit *ret, struct diag *d)
{
    struct bytes w;
    uint64_t ttl = 0;
    ret->add = add;
    ret->type = 0;
    diag_set(d, SEV_ERROR, "edit", NULL, add ? "write: NAME TTL TYPE RDATA" : "write: NAME TYPE");
    if (!word_next(&text, &w))
        return ST_ESYNTAX;
    TRY(name_parse(w, NULL, &ret->owner));
    if (!word_next(&text, &w) || (add && (!word_uint(w, INT32_MAX, &ttl) || !word_next(&text, &w))))
        return ST_ESYNTAX;
    ret->ttl = (uint32_t)ttl;
    if (!(!add && word_is(w, "*")) && !rr_type_parse(w, &ret->type))
        return ST_ESYNTAX;
    if (!add)
        return ST_OK;
    struct writer wr = wr_of(ret->rdata, sizeof ret->rdata);
    TRY(rdata_parse_line(ret->type, line_rest(text), NULL, &wr, d));
    ret->rdata_n = (uint16_t)wr_len(&wr);
    return ST_OK;
}

static bool dropped(const uint8_t *owner, uint16_t type, const struct zone_edit *edit, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!edit[i].add && (edit[i].type == 0 || edit[i].type == type) &&
            name_equal(edit[i].owner.w, owner))
            return true;
    return false;
}

/* The server of the topology that has this address record's address, or NULL. */
static const struct topo_server *address_of(const struct topology *t, uint16_t type,
                                            struct bytes rd)
{
    unsigned family = type == RR_A ? ADDR_V4 : ADDR_V6;
    if ((type != RR_A && type != RR_AAAA) || rd.n != (type == RR_A ? 4u : 16u))
        return NULL;
    for (unsigned i = 0; i < t->server_count; i++) {
        const struct topo_server *s = &t->server[i];
        for (unsigned k = 0; k < s->addr_count; k++)
            if (s->addr[k].family == family && memcmp(s->addr[k].a, rd.p, rd.n) == 0 &&
                s->loopback.family != ADDR_NONE)
                return s;
    }
    return NULL;
}

static enum status copy_set(struct zone_builder *b, const struct rrset *set,
                            const struct topology *loopback)
{
    struct rdata_iter it = rdata_iter(set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        const struct topo_server *s = loopback ? address_of(loopback, set->type, rd) : NULL;
        if (s != NULL && (set->type == RR_AAAA) != (s->loopback.family == ADDR_V6))
            continue;
        if (s != NULL)
            rd = bytes_of(s->loopback.a, netaddr_size(&s->loopback));
        TRY(zone_builder_add(b, set->owner, set->type, set->ttl, rd));
    }
    return ST_OK;
}

static enum status fill(struct zone_builder *b, const struct zone *z,
                        const struct topology *loopback, const struct zone_edit *edit, unsigned n)
{
    struct rrset set;
    for (const struct zone_node *node = zone_next(z, NULL); node != NULL;
         node = zone_next(z, node)) {
        uint8_t owner[LIMIT_NAME];
        uint32_t cursor = 0;
        zone_node_name(z, node, owner);
        while (zone_rrset_next(z, node, owner, &cursor, &set))
            if (!dropped(owner, set.type, edit, n))
                TRY(copy_set(b, &set, loopback));
    }
    for (unsigned i = 0; i < n; i++) {
        uint8_t packed[2 + sizeof edit->rdata];
        if (!edit[i].add)
            continue;
        put_be16(packed, edit[i].rdata_n);
        memcpy(packed + 2, edit[i].rdata, edit[i].rdata_n);
        struct rrset one = {.owner = edit[i].owner.w,
                            .type = edit[i].type,
                            .rclass = CLASS_IN,
                            .ttl = edit[i].ttl,
                            .count = 1,
                            .rdata_size = 2u + edit[i].rdata_n,
                            .rdata = packed};
        TRY(copy_set(b, &one, loopback)); /* its address is turned like any other */
    }
    return ST_OK;
}

enum status zone_edited(const struct zone *z, const struct topology *loopback,
                        const struct zone_edit *edit, unsigned n, struct zone **ret, struct diag *d)
{
    struct zone_builder *b = zone_builder_new(zone_origin(z));
    if (b == NULL)
        return ST_ENOMEM;
    diag_set(d, SEV_ERROR, "edit", NULL, "the changed zone cannot be built");
    enum status st = fill(b, z, loopback, edit, n);
    if (st == ST_OK)
        st = zone_builder_finish(b, ret, d);
    zone_builder_free(b);
    return st;
}
