#include "zone/print.h"

#include "dns/rdata.h"
#include "zone/rdata_order.h"

#include <stdlib.h>

enum { OWNER_COL_MAX = 32, TTL_SLOTS = 64 };

/* The owner as the file shall have it: relative to the origin, "@" for the apex. */
static void owner_text(const struct zone *z, const uint8_t *owner, struct text *out)
{
    uint8_t rel[LIMIT_NAME];
    unsigned below = name_labels(owner) - name_labels(zone_origin(z));
    size_t n = (size_t)(name_skip(owner, below) - owner);
    if (n == 0) {
        text_char(out, '@');
        return;
    }
    memcpy(rel, owner, n);
    rel[n] = 0;
    char buf[NAME_TEXT_MAX];
    name_str(rel, buf);
    text_bytes(out, buf, strlen(buf) - 1); /* without the final dot */
}

/* Chooses the $TTL and the columns in one walk. */
static void survey(struct zone_print *p)
{
    struct {
        uint32_t ttl;
        uint64_t count;
    } seen[TTL_SLOTS] = {{0}};
    size_t owner = 1, type = 1;
    uint8_t name[LIMIT_NAME];
    char buf[NAME_TEXT_MAX], word[24];
    uint64_t best = 0;
    for (const struct zone_node *n = NULL; (n = zone_next(p->z, n)) != NULL;) {
        uint32_t cursor = 0;
        struct rrset s;
        if (zone_node_empty(n))
            continue;
        zone_node_name(p->z, n, name);
        struct text t = text_of(buf, sizeof buf);
        owner_text(p->z, name, &t);
        if (t.n <= OWNER_COL_MAX)
            owner = MAX(owner, t.n);
        while (zone_rrset_next(p->z, n, name, &cursor, &s)) {
            unsigned at = (unsigned)((s.ttl * 2654435761u) >> 26);
            if (seen[at].count == 0)
                seen[at].ttl = s.ttl;
            if (seen[at].ttl == s.ttl && (seen[at].count += s.count) > best) {
                best = seen[at].count;
                p->ttl = s.ttl;
            }
            type = MAX(type, strlen(rr_type_str(s.type, word)));
        }
    }
    p->type_col = owner + 1;
    p->rdata_col = type + 1;
}

void zone_print_begin(struct zone_print *p, const struct zone *z)
{
    *p = (struct zone_print){.z = z};
    survey(p);
}

void zone_print_end(struct zone_print *p)
{
    free(p->order);
    p->order = NULL;
    p->order_cap = 0;
}

static void set_print(struct zone_print *p, const struct rrset *s, struct text *out)
{
    if (s->count > p->order_cap) {
        const uint8_t **v = realloc(p->order, s->count * sizeof *v);
        if (v == NULL) {
            out->cut = true;
            return;
        }
        p->order = v;
        p->order_cap = s->count;
    }
    rdata_order(s, p->order);
    for (unsigned i = 0; i < s->count; i++) {
        size_t from = out->n;
        owner_text(p->z, s->owner, out);
        text_pad(out, from, p->type_col);
        if (s->ttl != p->ttl)
            text_fmt(out, "%-10u ", s->ttl);
        else
            text_str(out, "           ");
        from = out->n;
        rr_type_text(s->type, out);
        text_pad(out, from, p->rdata_col);
        const uint8_t *rd = p->order[i];
        rdata_text(s->type, rdata_next(&rd), out);
        text_char(out, '\n');
    }
}

/* The set and the signatures over it. */
static void signed_print(struct zone_print *p, const struct zone_node *n, const struct rrset *s,
                         struct text *out)
{
    struct rrset sig;
    set_print(p, s, out);
    if (s->type != RR_RRSIG && zone_rrsig(p->z, n, s->type, s->owner, &sig))
        set_print(p, &sig, out);
}

bool zone_print_next(struct zone_print *p, struct text *out)
{
    uint8_t name[LIMIT_NAME];
    struct rrset s, other;
    if (p->at == NULL) {
        text_str(out, "$ORIGIN ");
        name_text(zone_origin(p->z), out);
        text_fmt(out, "\n$TTL %u\n", p->ttl);
    }
    const struct zone_node *n = p->at = zone_next(p->z, p->at);
    if (n == NULL)
        return false;
    zone_node_name(p->z, n, name);
    bool apex = n == zone_apex(p->z);
    if (apex && zone_rrset(p->z, n, RR_SOA, name, &s))
        signed_print(p, n, &s, out);
    for (uint32_t cursor = 0; zone_rrset_next(p->z, n, name, &cursor, &s);) {
        if (s.type == RR_RRSIG) {
            uint16_t covers = get_be16(s.rdata + 2);
            if (covers == RR_RRSIG || !zone_rrset(p->z, n, covers, name, &other))
                set_print(p, &s, out); /* over nothing that is here */
        } else if (!(apex && s.type == RR_SOA)) {
            signed_print(p, n, &s, out);
        }
    }
    return true;
}

void zone_print_record(const uint8_t *owner, uint16_t type, uint32_t ttl, struct bytes rdata,
                       struct text *out)
{
    name_text(owner, out);
    text_fmt(out, " %u IN ", ttl);
    rr_type_text(type, out);
    text_char(out, ' ');
    rdata_text(type, rdata, out);
}
