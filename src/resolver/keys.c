/* A zone's DNSKEY set, checked by the DS set above it (RFC 4035 section 5.2): what a KEYS lookup is
 * for. Several servers may be asked before the zone is called bogus. */
#include "resolver/machine.h"

#include "dnssec/dnskey.h"

static const struct rrset no_sigs = {.type = RR_RRSIG};

/* "key 12345 (ECDSAP256SHA256), ...; the zone publishes keys 1, 2" */
static void published_words(const struct rrset *dnskey, struct text *t)
{
    struct rdata_iter it = rdata_iter(dnskey);
    struct dnskey k;
    unsigned n = 0;
    for (struct bytes rd; n < 8 && rdata_iter_next(&it, &rd);)
        if (dnskey_read(rd, &k))
            text_fmt(t, "%s%u%s", n++ > 0 ? ", " : "", k.tag,
                     k.flags & DNSKEY_REVOKE ? " (revoked)" : "");
}

/* What makes a roll gone wrong plain: the keys on both sides of the cut, and whose turn it is. */
static void mismatch_words(enum trust_reason why, const struct rrset *ds,
                           const struct rrset *dnskey, struct text *t)
{
    bool anchor = why == TRUST_NO_ANCHOR_KEY || why == TRUST_ANCHOR_MISMATCH;
    bool tags = why == TRUST_DS_MISMATCH || why == TRUST_ANCHOR_MISMATCH; /* they agree */
    struct rdata_iter it = rdata_iter(ds);
    struct ds d;
    unsigned n = 0;
    text_str(t, tags     ? ": key "
                : anchor ? ": the anchor names key "
                         : ": the parent's DS names key ");
    for (struct bytes rd; n < 8 && rdata_iter_next(&it, &rd);)
        if (ds_read(rd, &d))
            text_fmt(t, "%s%u", n++ > 0 ? ", " : "", d.tag);
    if (!tags) {
        text_str(t, ", the zone publishes ");
        published_words(dnskey, t);
    }
    text_str(t, anchor ? ": the anchor is old or another network's, or something answers in the "
                         "place of the zone's servers"
                : tags ? ": the DS at the registrar was mistyped, or made from another key"
                       : ": the DS at the registrar is old, or the key was taken out too early");
}

static void keys_known(struct resolver *r, struct lookup *l, const struct verdict *v,
                       struct zone_keys *keys, uint32_t ttl_s, struct now now)
{
    uint32_t ttl = MIN(MAX(ttl_s, (uint32_t)LIMIT_KEYRING_MIN_S), (uint32_t)LIMIT_KEYRING_MAX_S);
    (void)r;
    zone_trust_drop(keyring_put(l->job->keyring, l->name.w, v, keys, ttl, now));
}

/* Whether the DS set still names one of the keys: after a roll those of before are of no use. */
static bool still_named(const struct rrset *ds, const struct rrset *dnskey)
{
    struct ds d;
    unsigned tried = 0;
    struct rdata_iter it = rdata_iter(ds);
    for (struct bytes rd; tried < LIMIT_DS_TRIED && rdata_iter_next(&it, &rd);) {
        struct rdata_iter keys = rdata_iter(dnskey);
        struct dnskey k;
        if (!ds_read(rd, &d))
            continue;
        tried++;
        for (struct bytes key; rdata_iter_next(&keys, &key);)
            if (dnskey_read(key, &k) && k.tag == d.tag && k.algorithm == d.algorithm &&
                ds_matches(&d, dnskey->owner, key))
                return true;
    }
    return false;
}

bool keys_cached(struct resolver *r, struct lookup *l, struct now now)
{
    struct cache_entry e;
    struct verdict v = {.trust = TRUST_SECURE};
    if (cache_get(l->job->cache, l->name.w, RR_DNSKEY, CLASS_IN, now, &l->arena, &e) !=
            CACHE_RRSET ||
        e.trust != CACHE_SECURE || e.rank != RANK_LOCAL || !still_named(&l->ds, &e.set))
        return false;
    struct zone_keys *keys = zone_keys_of(&e.set);
    if (keys == NULL)
        return false;
    struct trace_detail d = {.zone = l->name.w, .text = "they were checked before"};
    note(l, now, WHY_CHAIN_KEYS, &d);
    keys_known(r, l, &v, keys, MIN(e.ttl_s, l->ds.ttl), now);
    lookup_end(r, l, WHY_ANSWERED, RCODE_NOERROR, "from the cache", now);
    return true;
}

static void keys_good(struct resolver *r, struct lookup *l, struct rrset *dnskey,
                      const struct rrset *sigs, const struct trust_result *t,
                      struct zone_keys *keys, struct now now)
{
    char buf[WORDS_MAX];
    struct text words = text_of(buf, sizeof buf);
    struct verdict v = {.trust = TRUST_SECURE, .by = *t};
    struct cache_with w = {
        .trust = CACHE_SECURE, .more = sigs, .more_count = 1, .epoch = l->job->epoch};
    buf[0] = 0;
    if (l->job->trace.armed) {
        text_str(&words, "the DS names ");
        signature_words(t, now, &words);
        text_str(&words, "; published: ");
        published_words(dnskey, &words);
    }
    struct trace_detail d = {.zone = l->name.w, .text = buf};
    note(l, now, WHY_CHAIN_KEYS, &d);
    dnskey->ttl = MIN(MIN(dnskey->ttl, t->ttl), r->opt->ttl_max_s);
    /* What was only signed by a key of the zone, and not by one that its DS names, ranks lower. */
    cache_put(l->job->cache, dnskey, RANK_LOCAL, &w, now);
    keys_known(r, l, &v, keys, MIN(dnskey->ttl, l->ds.ttl), now);
    lookup_end(r, l, WHY_ANSWERED, RCODE_NOERROR, "the keys are good", now);
}

void keys_take(struct resolver *r, struct lookup *l, const struct msg *m, const struct reading *rd,
               struct cut_address *a, struct now now)
{
    struct judging_kit kit;
    struct trust_result t;
    struct zone_keys *keys;
    bool have = rd->kind == KIND_ANSWER && rd->chain == 0;
    struct rrset dnskey = {.owner = l->name.w, .type = RR_DNSKEY, .rclass = CLASS_IN};
    struct rrset sigs = no_sigs;
    if (have) {
        dnskey = rd->set;
        sigs = reply_sigs(l, SECTION_ANSWER, dnskey.owner, RR_DNSKEY);
    }
    judge_begin(r, l, now, &kit);
    if (zone_keys_trust(&dnskey, &sigs, &l->ds, &kit.rules, &l->job->budget, &t, &keys) != ST_OK) {
        lookup_overload(r, l, "out of memory", now);
        return;
    }
    if (sig_memo_put_off(r->memo) && t.trust == TRUST_LIMIT) {
        if (reply_keep(r, l, m, a, now)) {
            l->phase = PHASE_TURN;
            lookup_later(r, l);
        }
        return;
    }
    l->pending = (struct bytes){NULL, 0};
    if (t.trust == TRUST_SECURE) {
        keys_good(r, l, &dnskey, &sigs, &t, keys, now);
        return;
    }
    const struct rrset *anchor = anchors_find(r->opt->anchors, l->name.w);
    struct verdict v = {.trust = t.trust, .reason = t.reason, .by = t, .type = RR_DNSKEY};
    if (anchor != NULL && name_equal(anchor->owner, l->name.w))
        v.reason = trust_reason_of_anchor(v.reason);
    char buf[WORDS_MAX];
    struct text words = text_of(buf, sizeof buf);
    buf[0] = 0;
    name_copy(v.owner.w, l->name.w);
    if (t.reason == TRUST_NO_DS_KEY || t.reason == TRUST_DS_MISMATCH) {
        v.by = (struct trust_result){0}; /* the tags are named below */
        mismatch_words(v.reason, &l->ds, &dnskey, &words);
    }
    note_bogus(l, now, &v, l->name.w, a, NULL, buf[0] != '\0' ? buf : plain_words(&v, a));
    bogus_keep(l, &v, l->name.w);
    if (edns_once_more(r, l, &v, a, now))
        return;
    bogus_try_next(r, l, &v, a, now);
}
