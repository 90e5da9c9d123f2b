/* From a trust anchor down to the zone whose keys must have signed a reply (RFC 4035 section 5): at
 * each cut the DS set above it, which mostly came with the referral, and the keys below it.
 *
 * What is found is kept in the keyring and the cache, so a walk that was cut short by a limit goes
 * on where it stopped when the next question comes. */
#include "resolver/machine.h"

#include "dns/rdata.h"
#include "dns/rr_type.h"

void walk_end(struct lookup *l)
{
    zone_trust_drop(l->walk.at);
    l->walk.at = NULL;
}

static void stand_at(struct lookup *l, struct zone_trust *t)
{
    walk_end(l);
    l->walk.at = t;
    l->walk.asked = false;
    if (t != NULL)
        l->walk.labels = (uint8_t)name_labels(t->zone.w);
}

/* What is known of a zone without its keys; remembered for ttl_s. */
static bool settle(struct resolver *r, struct lookup *l, const uint8_t *zone, enum trust trust,
                   enum trust_reason reason, uint32_t ttl_s, struct now now)
{
    struct verdict v = {.trust = trust, .reason = reason, .type = RR_DS};
    name_copy(v.owner.w, zone);
    struct zone_trust *t = keyring_put(l->job->keyring, zone, &v, NULL, ttl_s, now);
    if (t == NULL) {
        lookup_overload(r, l, "out of memory", now);
        return false;
    }
    stand_at(l, t);
    return true;
}

/* What ran out is this question's, and says nothing for others. */
static bool is_spent(const struct lookup *l)
{
    return l->starved || l->job->budget.exhausted != 0;
}

/* The verdict of a lookup that was to bring keys or DS, for the zone and all below it. */
static bool settle_bad(struct resolver *r, struct lookup *l, const uint8_t *zone,
                       const uint8_t *blame, const struct verdict *v, uint32_t ttl_s,
                       struct now now)
{
    /* What ran out of one question's budget is no verdict on the zone. */
    if (v->trust == TRUST_LIMIT || is_spent(l))
        ttl_s = 0;
    struct zone_trust *t = keyring_put(l->job->keyring, zone, v, NULL, ttl_s, now);
    if (t == NULL) {
        lookup_overload(r, l, "out of memory", now);
        return false;
    }
    name_copy(t->blame.w, blame);
    /* What was said of another zone, or of a name above, is not what is wrong here. */
    const struct culprit *k = &l->job->culprit;
    if (k->why >= WHY_BOGUS_OK && k->has_zone && name_equal(k->zone.w, blame))
        zone_trust_say(t, k->text);
    stand_at(l, t);
    return true;
}

/* Nobody could tell, or it would have cost too much: no memory of it where that is our own doing.
 */
static bool settle_unknown(struct resolver *r, struct lookup *l, const uint8_t *zone, uint16_t type,
                           struct now now)
{
    bool spent = is_spent(l);
    struct verdict v = {
        .trust = TRUST_BOGUS, .reason = spent ? TRUST_TOO_MUCH : TRUST_NO_REPLY, .type = type};
    name_copy(v.owner.w, zone);
    return settle_bad(r, l, zone, zone, &v, LIMIT_FAILURE_S, now);
}

const struct negative_anchor *negative_anchor(const struct resolver *r, const uint8_t *name,
                                              struct now now)
{
    for (size_t i = 0; i < r->opt->negative_count; i++)
        if (name_in(name, r->opt->negative[i].name.w) && now.wall_s < r->opt->negative[i].until_s)
            return &r->opt->negative[i];
    return NULL;
}

void negative_bound(const struct resolver *r, const struct lookup *l, uint32_t *ttl, struct now now)
{
    if (l->part_reason != TRUST_NEGATIVE_ANCHOR || l->walk.at == NULL)
        return;
    const struct negative_anchor *n = negative_anchor(r, l->walk.at->zone.w, now);
    *ttl = n == NULL ? 0 : (uint32_t)MIN(*ttl, n->until_s - now.wall_s);
}

void walk_begin(struct resolver *r, struct lookup *l, const uint8_t *target, struct now now)
{
    struct walk *w = &l->walk;
    if (!l->job->cold && r->flushes != cache_flushes(r->cache)) {
        r->flushes = cache_flushes(r->cache);
        keyring_flush(r->keyring);
    }
    const struct rrset *anchor = anchors_find(r->opt->anchors, target);
    const struct negative_anchor *n = negative_anchor(r, target, now);
    if (n == NULL) /* one for a name inside a zone */
        n = negative_anchor(r, l->asked.w, now);
    struct zone_trust *t = keyring_above(l->job->keyring, target, now);
    stand_at(l, NULL);
    name_copy(w->target.w, target);
    w->labels = w->ds_asked = w->referral_bad = w->hint = 0;
    /* RFC 7646 section 3: an anchor further down goes before. */
    if (n != NULL && (anchor == NULL || name_labels(n->name.w) >= name_labels(anchor->owner))) {
        zone_trust_drop(t);
        (void)settle(r, l, n->name.w, TRUST_INSECURE, TRUST_NEGATIVE_ANCHOR, 0, now);
        return;
    }
    if (anchor == NULL) {
        zone_trust_drop(t);
        (void)settle(r, l, name_root, TRUST_INSECURE, TRUST_NO_ANCHOR, 0, now);
        return;
    }
    if (t != NULL && name_labels(t->zone.w) >= name_labels(anchor->owner)) {
        stand_at(l, t);
        return;
    }
    zone_trust_drop(t);
    name_copy(w->zone.w, anchor->owner);
    w->ds = *anchor;
    w->ds.ttl = LIMIT_KEYRING_MAX_S;
    struct trace_detail d = {.zone = anchor->owner, .text = "it is a trust anchor"};
    note(l, now, WHY_CHAIN_ANCHOR, &d);
}

bool walk_settled(const struct walk *w)
{
    if (w->at == NULL)
        return false;
    return w->at->trust != TRUST_SECURE || w->labels >= name_labels(w->target.w);
}

/* The keys of w->zone, which w->ds vouches for. False: the lookup waits or has ended. */
static bool need_keys(struct resolver *r, struct lookup *l, struct now now)
{
    static const struct rrset no_sigs = {.type = RR_RRSIG};
    struct walk *w = &l->walk;
    struct zone_trust *t = keyring_get(l->job->keyring, w->zone.w, now);
    struct rrset none = {.owner = w->zone.w, .type = RR_DNSKEY, .rclass = CLASS_IN};
    struct trust_result res;
    struct zone_keys *keys;
    struct judging_kit kit;
    if (t != NULL) {
        stand_at(l, t);
        return true;
    }
    if (w->asked)
        return settle_unknown(r, l, w->zone.w, RR_DNSKEY, now);
    /* Nobody here could check what the DS names: no reason to ask (RFC 4035 section 5.2). */
    judge_begin(r, l, now, &kit);
    if (zone_keys_trust(&none, &no_sigs, &w->ds, &kit.rules, &l->job->budget, &res, &keys) != ST_OK)
        return settle_unknown(r, l, w->zone.w, RR_DNSKEY, now);
    if (res.trust == TRUST_INSECURE) {
        struct verdict v = {
            .trust = TRUST_INSECURE, .reason = res.reason, .by = res, .type = RR_DNSKEY};
        /* Whoever gave an anchor wants the zone checked: a parent's word is not. */
        const struct rrset *anchor = anchors_find(r->opt->anchors, w->zone.w);
        if (anchor != NULL && anchor->rdata == w->ds.rdata) {
            v.trust = v.by.trust = TRUST_BOGUS;
            v.reason = v.by.reason = TRUST_ANCHOR_UNUSABLE;
        }
        name_copy(v.owner.w, w->zone.w);
        return settle_bad(r, l, w->zone.w, w->zone.w, &v,
                          MIN(w->ds.ttl, (uint32_t)LIMIT_KEYRING_MAX_S), now);
    }
    w->asked = true;
    struct trace_detail d = {.name = w->zone.w, .type = RR_DNSKEY, .zone = w->zone.w};
    note(l, now, WHY_KEYS_NEEDED, &d);
    if (!lookup_child(r, l, w->zone.w, RR_DNSKEY, LOOKUP_KEYS, CHILD_OF_WALK, now))
        return settle_unknown(r, l, w->zone.w, RR_DNSKEY, now);
    struct lookup *c = l->child;
    if (c->ds.count == 0) {
        c->ds = w->ds;
        c->ds.owner = c->name.w;
        c->ds.rdata = arena_dup(&c->arena, w->ds.rdata, w->ds.rdata_size);
        if (c->ds.rdata == NULL)
            lookup_overload(r, c, "out of memory", now);
    }
    return false;
}

/* A DS set that is trusted: its keys come next. */
static bool have_ds(struct resolver *r, struct lookup *l, const uint8_t *zone,
                    const struct rrset *ds, struct now now)
{
    struct walk *w = &l->walk;
    char buf[WORDS_MAX];
    struct text t = text_of(buf, sizeof buf);
    buf[0] = 0;
    struct rrset copy = *ds;
    copy.rdata = arena_dup(&l->arena, ds->rdata, ds->rdata_size);
    if (copy.rdata == NULL) {
        lookup_overload(r, l, "out of memory", now);
        return false;
    }
    if (l->job->trace.armed) {
        struct rdata_iter it = rdata_iter(ds);
        unsigned n = 0;
        for (struct bytes rd; n < 4 && rdata_iter_next(&it, &rd); n++) {
            text_str(&t, n > 0 ? ", DS " : "DS ");
            rdata_text(RR_DS, rd, &t);
        }
    }
    struct trace_detail d = {.zone = w->at->zone.w, .name = zone, .text = buf};
    note(l, now, WHY_CHAIN_DS, &d);
    name_copy(w->zone.w, zone);
    copy.owner = w->zone.w;
    w->ds = copy;
    w->ds_asked = w->referral_bad = 0;
    stand_at(l, NULL);
    return true;
}

static bool not_signed(struct resolver *r, struct lookup *l, const uint8_t *zone,
                       enum trust_reason why, uint32_t ttl_s, struct now now)
{
    char buf[WORDS_MAX];
    struct text t = text_of(buf, sizeof buf);
    buf[0] = 0;
    if (l->job->trace.armed) {
        name_text(l->walk.at->zone.w, &t);
        text_str(&t, why == TRUST_OPT_OUT
                         ? " leaves unsigned delegations out of what it proves (opt-out), so "
                         : " proves that it has no DS for ");
        name_text(zone, &t);
        text_str(&t, why == TRUST_OPT_OUT ? " counts as not signed"
                                          : ": from there on nothing can be validated");
    }
    struct trace_detail d = {.zone = l->walk.at->zone.w, .name = zone, .text = buf};
    note(l, now, WHY_CHAIN_INSECURE, &d);
    return settle(r, l, zone, TRUST_INSECURE, why, MIN(ttl_s, (uint32_t)LIMIT_KEYRING_MAX_S), now);
}

static bool no_cut(struct lookup *l, const uint8_t *name, unsigned labels, struct now now)
{
    struct trace_detail d = {.zone = l->walk.at->zone.w, .name = name};
    note(l, now, WHY_CHAIN_NO_CUT, &d);
    l->walk.labels = (uint8_t)labels;
    return true;
}

/* What the cache knows of DS at a name, checked; *ret: true if that settles the step. */
static bool from_cache(struct resolver *r, struct lookup *l, const uint8_t *name, unsigned labels,
                       bool *ret, struct now now)
{
    struct cache_entry e;
    enum cache_kind kind = cache_get(l->job->cache, name, RR_DS, CLASS_IN, now, &r->scratch, &e);
    if (kind == CACHE_NONE || kind == CACHE_FAILURE || e.trust == CACHE_UNCHECKED)
        return false;
    if (e.trust == CACHE_INSECURE)
        *ret = not_signed(r, l, name, TRUST_OPT_OUT, e.ttl_s, now);
    else if (kind == CACHE_RRSET)
        *ret = have_ds(r, l, name, &e.set, now);
    else if (kind == CACHE_NODATA && e.cut)
        *ret = not_signed(r, l, name, TRUST_UNSIGNED, e.ttl_s, now);
    else /* RFC 8020: nothing below a name that does not exist */
        *ret = no_cut(l, name, kind == CACHE_NXDOMAIN ? LIMIT_LABELS : labels, now);
    return true;
}

/* A zone between, on the same servers, so that no referral to it was seen: its keys first. */
static bool signed_below(struct lookup *l, const struct reply *reply, const uint8_t *name,
                         unsigned labels, bool *ret)
{
    struct walk *w = &l->walk;
    struct rrsig s;
    for (unsigned i = 0; i < reply->n; i++) {
        struct rdata_iter it = rdata_iter(&reply->set[i].sigs);
        struct bytes rd;
        if (!rdata_iter_next(&it, &rd) || !rrsig_read(rd, &s) || !name_in(name, s.signer))
            continue;
        unsigned signer = name_labels(s.signer);
        if (signer <= w->labels || signer >= labels)
            return false;
        w->hint = (uint8_t)signer;
        *ret = true;
        return true;
    }
    return false;
}

/* The referral to a zone, kept as it came, judged by the keys of the zone above. */
static bool from_referral(struct resolver *r, struct lookup *l, const uint8_t *name,
                          unsigned labels, bool *ret, struct now now)
{
    struct cache_entry e;
    struct msg m;
    struct reply reply;
    struct judging_kit kit;
    struct verdict v;
    struct name room;
    const uint8_t *next;
    bool cut = false;
    if (l->walk.referral_bad == labels || labels == 0 ||
        cache_get(l->job->cache, name, RR_DS, CACHE_CLASS_CUT, now, &r->scratch, &e) != CACHE_RRSET)
        return false;
    judge_begin(r, l, now, &kit);
    struct zone_keys *keys = l->walk.at->keys;
    if (msg_parse(bytes_of(e.set.rdata + 2, get_be16(e.set.rdata)), &r->scratch, &m) != ST_OK ||
        reply_of(&m, &r->key, &r->scratch, &reply) != ST_OK)
        return false;
    if (signed_below(l, &reply, name, labels, ret))
        return true;
    if (reply_judge(&kit.judge, keys, &reply, &v, &room, &next) != ST_OK)
        return false;
    if (sig_memo_put_off(r->memo) && v.trust == TRUST_LIMIT) {
        lookup_later(r, l); /* in PHASE_TRUST: the walk goes on with this step */
        *ret = false;
        return true;
    }
    l->walk.referral_bad = (uint8_t)labels;
    if ((v.trust != TRUST_SECURE && v.trust != TRUST_INSECURE))
        return false;
    uint32_t ttl = e.ttl_s;
    for (unsigned i = 0; i < reply.n; i++) {
        ttl = MIN(ttl, reply.set[i].set.ttl);
        sigs_bound(&reply.set[i].sigs, &ttl, now);
    }
    const struct reply_set *ds = reply.n > 0 && reply.set[0].set.type == RR_DS ? reply.set : NULL;
    if (ds != NULL) {
        struct rrset set = ds->set;
        struct cache_with w = {
            .trust = CACHE_SECURE, .more = &ds->sigs, .more_count = 1, .epoch = l->job->epoch};
        set.ttl = MIN(ttl, MAX(v.by.ttl, 1u));
        cache_put(l->job->cache, &set, RANK_AUTHORITY, &w, now);
        *ret = have_ds(r, l, name, &set, now);
        return true;
    }
    if (v.trust == TRUST_INSECURE) {
        *ret = not_signed(r, l, name, TRUST_OPT_OUT, ttl, now);
        return true;
    }
    /* What is looked at once more was checked already. */
    int32_t left = sig_memo_left(r->memo);
    sig_memo_turn(r->memo, INT32_MAX);
    enum status st = reply_shows_cut(&kit.judge, keys, &reply, name, &cut);
    sig_memo_turn(r->memo, left);
    if (st != ST_OK || !cut)
        return false;
    *ret = not_signed(r, l, name, TRUST_UNSIGNED, ttl, now);
    return true;
}

/* The next name to look for a cut at: one that is known to be, else one label further down. */
static const uint8_t *next_name(struct resolver *r, struct lookup *l, unsigned *ret_labels,
                                struct now now)
{
    struct walk *w = &l->walk;
    struct cache_entry e;
    unsigned all = name_labels(w->target.w);
    if (w->hint > w->labels && w->hint <= all) {
        *ret_labels = w->hint;
        return name_skip(w->target.w, all - w->hint);
    }
    for (unsigned n = w->labels + 1u; n <= all; n++) {
        const uint8_t *name = name_skip(w->target.w, all - n);
        if (w->referral_bad == n || w->ds_asked == n ||
            cache_get(l->job->cache, name, RR_DS, CACHE_CLASS_CUT, now, &r->scratch, &e) !=
                CACHE_NONE ||
            (cache_get(l->job->cache, name, RR_DS, CLASS_IN, now, &r->scratch, &e) != CACHE_NONE &&
             e.trust != CACHE_UNCHECKED)) {
            *ret_labels = n;
            return name;
        }
    }
    *ret_labels = w->labels + 1u;
    return name_skip(w->target.w, all - w->labels - 1u);
}

/* One cut further down. */
static bool step_down(struct resolver *r, struct lookup *l, struct now now)
{
    struct walk *w = &l->walk;
    unsigned labels;
    bool ret;
    arena_reset(&r->scratch);
    const uint8_t *name = next_name(r, l, &labels, now);
    struct zone_trust *t = keyring_get(l->job->keyring, name, now);
    if (t != NULL) {
        stand_at(l, t);
        return true;
    }
    if (from_cache(r, l, name, labels, &ret, now) || from_referral(r, l, name, labels, &ret, now))
        return ret;
    if (w->ds_asked == labels)
        return settle_unknown(r, l, name, RR_DS, now);
    w->ds_asked = (uint8_t)labels;
    struct trace_detail d = {.name = name, .type = RR_DS, .zone = w->at->zone.w};
    note(l, now, WHY_KEYS_NEEDED, &d);
    if (lookup_child(r, l, name, RR_DS, LOOKUP_CHECK, CHILD_OF_WALK, now))
        return false;
    return settle_unknown(r, l, name, RR_DS, now);
}

bool walk_on(struct resolver *r, struct lookup *l, struct now now)
{
    for (unsigned i = 0; i < 2 * LIMIT_LABELS + 4; i++) {
        if (l->phase == PHASE_DONE)
            return false;
        if (walk_settled(&l->walk))
            return true;
        if (!(l->walk.at == NULL ? need_keys(r, l, now) : step_down(r, l, now)))
            return false;
    }
    return settle_unknown(r, l, l->walk.target.w, RR_DS, now);
}

/* What a lookup for DS brought; it stands in the cache too, but that may be small. */
static void ds_done(struct resolver *r, struct lookup *l, const struct lookup *c, struct now now)
{
    const uint8_t *name = c->name.w;
    unsigned labels = name_labels(name);
    uint32_t ttl = c->soa.count > 0 ? c->soa.ttl : (uint32_t)LIMIT_FAILURE_S;
    const struct rrset *last = c->answers > 0 ? &c->answer[c->answers - 1] : NULL;
    if (c->rcode == RCODE_SERVFAIL) {
        if (c->has_bad)
            (void)settle_bad(r, l, name, c->bad_zone.w, &c->bad, LIMIT_BOGUS_S, now);
        else
            (void)settle_unknown(r, l, name, RR_DS, now);
    } else if (last != NULL && !(last->type == RR_DS && name_equal(last->owner, name))) {
        (void)no_cut(l, name, labels, now); /* an alias is no delegation */
    } else if (c->trust == CACHE_INSECURE) {
        (void)not_signed(r, l, name, TRUST_OPT_OUT, ttl, now);
    } else if (last != NULL) {
        (void)have_ds(r, l, name, last, now);
    } else if (c->why == WHY_ANSWERED_NXDOMAIN) {
        (void)no_cut(l, name, LIMIT_LABELS, now);
    } else if (c->shows_cut) {
        (void)not_signed(r, l, name, TRUST_UNSIGNED, ttl, now);
    } else {
        (void)no_cut(l, name, labels, now);
    }
}

void walk_child_done(struct resolver *r, struct lookup *parent, const struct lookup *c,
                     struct now now)
{
    parent->phase = PHASE_TRUST;
    if (parent->child_type == RR_DS && parent->walk.at != NULL)
        ds_done(r, parent, c, now);
    else if (parent->child_type == RR_DNSKEY && c->rcode == RCODE_SERVFAIL && c->has_bad)
        (void)settle_bad(r, parent, c->name.w, c->bad_zone.w, &c->bad, LIMIT_BOGUS_S, now);
}
