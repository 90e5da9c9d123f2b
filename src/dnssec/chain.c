/* From a trust anchor down to a zone's keys: DNSKEY of the anchor's zone, then label by label the
 * DS below it, or the proof that there is none. */
#include "dnssec/judge.h"

#include <stdlib.h>
#include <string.h>

enum chain_state { CHAIN_DNSKEY, CHAIN_DS, CHAIN_DONE };

struct chain {
    enum chain_state state;
    struct name target, zone, below; /* below: whose DS is asked for */
    struct zone_keys *keys;          /* of zone, once they are trusted */
    bool below_anchor;               /* ds is a parent's, not the anchor */
    struct rrset ds;                 /* of zone; RDATA in ds_bytes */
    uint8_t *ds_bytes;
    struct verdict verdict;
};

static bool keep_ds(struct chain *c, const struct rrset *ds, const uint8_t *zone)
{
    uint8_t *p = malloc(ds->rdata_size + 1);
    if (p == NULL)
        return false;
    if (ds->rdata_size > 0)
        memcpy(p, ds->rdata, ds->rdata_size);
    free(c->ds_bytes);
    c->ds_bytes = p;
    name_copy(c->zone.w, zone);
    c->ds = *ds;
    c->ds.owner = c->zone.w;
    c->ds.rdata = p;
    return true;
}

struct chain *chain_new(const struct rrset *anchor, const uint8_t *target)
{
    struct chain *c = calloc(1, sizeof *c);
    if (c == NULL || !keep_ds(c, anchor, anchor->owner)) {
        free(c);
        return NULL;
    }
    name_copy(c->target.w, target);
    return c;
}

void chain_free(struct chain *c)
{
    if (c == NULL)
        return;
    zone_keys_free(c->keys);
    free(c->ds_bytes);
    free(c);
}

bool chain_next(const struct chain *c, struct chain_ask *ret)
{
    if (c->state == CHAIN_DONE)
        return false;
    *ret = c->state == CHAIN_DNSKEY ? (struct chain_ask){c->zone.w, RR_DNSKEY, c->zone.w}
                                    : (struct chain_ask){c->below.w, RR_DS, c->zone.w};
    return true;
}

static void end(struct chain *c, enum trust t, enum trust_reason why, const uint8_t *owner,
                uint16_t type)
{
    c->state = CHAIN_DONE;
    c->verdict.trust = t;
    c->verdict.reason = why;
    name_copy(c->verdict.owner.w, owner);
    c->verdict.type = type;
}

/* The next name to look for a delegation at: one label longer than `from` on the way to the target.
 */
static void go_on(struct chain *c, const uint8_t *from)
{
    unsigned have = name_labels(from), all = name_labels(c->target.w);
    if (have >= all) {
        end(c, TRUST_SECURE, TRUST_OK, c->zone.w, RR_DNSKEY);
        return;
    }
    struct name next;
    name_copy(next.w, name_skip(c->target.w, all - have - 1));
    c->below = next;
    c->state = CHAIN_DS;
}

static enum status feed_dnskey(struct chain *c, const struct judge *j, const struct reply *r)
{
    struct trust_result t;
    const struct reply_set *s = NULL;
    static const struct rrset none = {.type = RR_RRSIG};
    struct rrset empty = {.owner = c->zone.w, .type = RR_DNSKEY, .rclass = CLASS_IN};
    for (unsigned i = 0; r != NULL && i < r->n && s == NULL; i++)
        if (r->set[i].section == SECTION_ANSWER && r->set[i].set.type == RR_DNSKEY &&
            name_equal(r->set[i].set.owner, c->zone.w))
            s = &r->set[i];
    if (r == NULL) {
        end(c, TRUST_BOGUS, TRUST_NO_REPLY, c->zone.w, RR_DNSKEY);
        return ST_OK;
    }
    TRY(zone_keys_trust(s != NULL ? &s->set : &empty, s != NULL ? &s->sigs : &none, &c->ds,
                        j->rules, j->budget, &t, &c->keys));
    c->verdict.by = t;
    if (t.trust == TRUST_SECURE)
        go_on(c, c->zone.w);
    else
        end(c, t.trust, c->below_anchor ? t.reason : trust_reason_of_anchor(t.reason), c->zone.w,
            RR_DNSKEY);
    return ST_OK;
}

/* The DS set of the reply, if it answers with one. */
static const struct rrset *ds_of(const struct chain *c, const struct reply *r)
{
    for (unsigned i = 0; i < r->n; i++)
        if (r->set[i].section == SECTION_ANSWER && r->set[i].set.type == RR_DS &&
            name_equal(r->set[i].set.owner, c->below.w))
            return &r->set[i].set;
    return NULL;
}

enum status reply_shows_cut(const struct judge *j, struct zone_keys *keys, const struct reply *r,
                            const uint8_t *name, bool *ret)
{
    struct rrset set[LIMIT_PROOF_RECORDS];
    struct proofs p = {zone_keys_name(keys), set, 0, j->hasher, j->budget};
    for (unsigned i = 0; i < r->n && p.n < LIMIT_PROOF_RECORDS; i++) {
        const struct reply_set *s = &r->set[i];
        struct trust_result t;
        if (s->set.type != RR_NSEC && s->set.type != RR_NSEC3)
            continue;
        TRY(rrset_trust(keys, &s->set, &s->sigs, j->rules, j->budget, &t));
        if (t.trust == TRUST_SECURE && !t.wildcard)
            set[p.n++] = s->set;
    }
    enum proof cut = proof_unsigned(&p, name);
    *ret = cut == PROOF_HOLDS || cut == PROOF_OPT_OUT;
    return ST_OK;
}

static enum status feed_ds(struct chain *c, const struct judge *j, const struct reply *r)
{
    struct name room;
    const uint8_t *next;
    bool cut;
    if (r == NULL) {
        end(c, TRUST_BOGUS, TRUST_NO_REPLY, c->below.w, RR_DS);
        return ST_OK;
    }
    struct verdict v;
    TRY(reply_judge(j, c->keys, r, &v, &room, &next));
    if (v.trust != TRUST_SECURE) {
        c->verdict = v;
        c->state = CHAIN_DONE;
        if (v.trust == TRUST_INSECURE && v.reason == TRUST_OPT_OUT)
            c->verdict.reason = TRUST_UNSIGNED;
        return ST_OK;
    }
    const struct rrset *ds = ds_of(c, r);
    if (ds != NULL) {
        zone_keys_free(c->keys);
        c->keys = NULL;
        c->state = CHAIN_DNSKEY;
        c->below_anchor = true;
        struct name zone = c->below;
        return keep_ds(c, ds, zone.w) ? ST_OK : ST_ENOMEM;
    }
    if (r->rcode == RCODE_NXDOMAIN) { /* nothing below it either (RFC 8020) */
        end(c, TRUST_SECURE, TRUST_OK, c->zone.w, RR_DNSKEY);
        return ST_OK;
    }
    TRY(reply_shows_cut(j, c->keys, r, c->below.w, &cut));
    if (cut)
        end(c, TRUST_INSECURE, TRUST_UNSIGNED, c->below.w, RR_DS);
    else
        go_on(c, c->below.w);
    return ST_OK;
}

enum status chain_feed(struct chain *c, const struct judge *j, const struct reply *r)
{
    return c->state == CHAIN_DNSKEY ? feed_dnskey(c, j, r) : feed_ds(c, j, r);
}

struct verdict chain_verdict(const struct chain *c)
{
    return c->verdict;
}

struct zone_keys *chain_keys(const struct chain *c)
{
    return c->keys;
}

struct zone_keys *chain_take_keys(struct chain *c)
{
    struct zone_keys *k = c->keys;
    c->keys = NULL;
    return k;
}
