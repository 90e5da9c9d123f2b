/* Whether a reply may be believed (RFC 4035 section 5, RFC 6840): judged by the keys of the zone
 * that must have signed it, before anything of it is kept. A reply that fails is one server's, not
 * the zone's: others are asked before the answer is called bogus, and no server is held in
 * disregard for it. */
#include "resolver/machine.h"

#include "dns/rr_type.h"

void judge_begin(struct resolver *r, struct lookup *l, struct now now, struct judging_kit *ret)
{
    ret->rules = (struct trust_rules){.now = (uint32_t)now.wall_s,
                                      .skew = LIMIT_CLOCK_SKEW_S,
                                      .rsa_sha1 = r->opt->rsa_sha1,
                                      .memo = r->memo};
    ret->seen.n = 0;
    ret->judge = (struct judge){&ret->rules, r->hasher, &l->job->budget, &ret->seen};
}

bool reply_sets(const struct resolver *r, const struct lookup *l, const struct msg *m,
                struct arena *a, struct reply *ret)
{
    bool any = false;
    ret->n = 0;
    for (unsigned i = 0; i < m->rr_count && !any; i++)
        any = m->rr[i].type == RR_RRSIG && m->rr[i].section != SECTION_ADDITIONAL;
    if (!any && (l->flags & LOOKUP_CHECK) == 0)
        return true;
    return reply_of(m, &r->key, a, ret) == ST_OK;
}

void note_bogus(struct lookup *l, struct now now, const struct verdict *v, const uint8_t *zone,
                const struct cut_address *a, const char *words, const char *more)
{
    char buf[WORDS_MAX];
    struct text t = text_of(buf, sizeof buf);
    if (words != NULL)
        text_str(&t, words);
    else
        verdict_words(v, zone, now, &t);
    text_str(&t, more);
    text_end_cut(&t);
    struct trace_detail d = {.name = v->owner.w, .type = v->type, .zone = zone, .text = buf};
    if (a != NULL)
        d.address = a->addr;
    note(l, now, (enum reason)(WHY_BOGUS_OK + (unsigned)v->reason), &d);
}

void bogus_keep(struct lookup *l, const struct verdict *v, const uint8_t *zone)
{
    if (l->has_bad)
        return;
    l->has_bad = true;
    l->bad = *v;
    name_copy(l->bad_zone.w, zone);
}

static void bogus_end(struct resolver *r, struct lookup *l, struct now now)
{
    lookup_fail(r, l, "the answer cannot be validated", now);
}

void bogus_try_next(struct resolver *r, struct lookup *l, const struct verdict *v,
                    struct cut_address *a, struct now now)
{
    if (a != NULL)
        a->bad = true;
    l->phase = PHASE_ASK;
    if (v->trust == TRUST_LIMIT || ++l->bogus_tries >= LIMIT_BOGUS_TRIES)
        lookup_fail(r, l, "the answer cannot be validated", now);
}

/* --- The zone that must have signed it --- */

static const uint8_t *first_signer(const struct lookup *l, const struct reply_set *s)
{
    struct rdata_iter it = rdata_iter(&s->sigs);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct rrsig v;
        if (rrsig_read(rd, &v) && v.covered == s->set.type && name_in(v.signer, l->cut.zone.w) &&
            name_in(s->set.owner, v.signer))
            return v.signer;
    }
    return NULL;
}

/* The zone asked, or one below it that its servers have too: as the signatures say, or the SOA. */
static const uint8_t *signing_zone(const struct lookup *l)
{
    const uint8_t *zone = l->cut.zone.w;
    for (unsigned i = 0; i < l->reply.n; i++) {
        const struct reply_set *s = &l->reply.set[i];
        const uint8_t *z = NULL;
        if (s->section == SECTION_ANSWER && name_equal(s->set.owner, l->asked.w))
            z = first_signer(l, s);
        else if (s->section == SECTION_AUTHORITY && s->set.type == RR_SOA &&
                 name_in(l->asked.w, s->set.owner) && name_in(s->set.owner, zone))
            z = s->set.owner;
        if (z == NULL)
            continue;
        /* DS is the parent's to say (RFC 4035 section 3.1.4.1). */
        return l->asked_type == RR_DS && name_equal(z, l->asked.w) ? zone : z;
    }
    return zone;
}

/* A trust anchor that stands between a zone and a name below it: its keys count, whoever answers
 * for the name (RFC 4035 section 4.4). NULL: there is none. */
static const uint8_t *anchor_between(const struct resolver *r, const uint8_t *zone,
                                     const uint8_t *name)
{
    const struct rrset *a = anchors_find(r->opt->anchors, name);
    return a != NULL && name_labels(a->owner) > name_labels(zone) ? a->owner : NULL;
}

static const uint8_t *anchored_zone(const struct resolver *r, const struct lookup *l)
{
    bool ds = l->asked_type == RR_DS && !name_is_root(l->asked.w);
    const uint8_t *zone = signing_zone(l);
    const uint8_t *anchor = anchor_between(r, zone, ds ? name_parent(l->asked.w) : l->asked.w);
    return anchor != NULL ? anchor : zone;
}

/* --- The verdict --- */

bool reply_keep(struct resolver *r, struct lookup *l, const struct msg *m,
                const struct cut_address *a, struct now now)
{
    const uint8_t *copy =
        l->pending.p != NULL ? l->pending.p : arena_dup(&l->arena, m->wire.p, m->wire.n);
    if (copy == NULL) {
        lookup_overload(r, l, "out of memory", now);
        return false;
    }
    l->pending = bytes_of(copy, m->wire.n);
    l->pending_address = (uint8_t)(a - l->cut.address);
    return true;
}

/* Keeps the reply until the keys are here. */
static bool wait_for_keys(struct resolver *r, struct lookup *l, const struct msg *m,
                          const struct cut_address *a, struct now now)
{
    if (reply_keep(r, l, m, a, now))
        l->phase = PHASE_TRUST;
    return false;
}

static void keep_part(struct lookup *l, enum cache_trust part, enum trust_reason why)
{
    l->part = part;
    l->part_reason = (uint16_t)why;
}

static void note_part(struct resolver *r, struct lookup *l, const struct verdict *v,
                      const uint8_t *zone, struct now now)
{
    char buf[WORDS_MAX];
    struct text t = text_of(buf, sizeof buf);
    bool secure = l->part == CACHE_SECURE;
    struct insecure i;
    if (!l->job->trace.armed)
        return;
    buf[0] = 0;
    if (!secure && trust_reason_ede(v->reason) != 0) {
        const struct insecure_where w = {r, l->job->cache, zone, &l->reply};
        insecure_find(&w, l->asked.w, l->asked_type, v->reason, now, &i);
        insecure_words(&i, &t);
        zone = i.zone;
    } else if (!secure) {
        verdict_words(v, zone, now, &t);
    } else if (v->by.tag != 0) {
        text_str(&t, "signed by ");
        name_text(zone, &t);
        text_str(&t, " with ");
        signature_words(&v->by, now, &t);
    } else {
        text_str(&t, "proved by signed denial records of ");
        name_text(zone, &t);
    }
    text_end_cut(&t);
    struct trace_detail d = {.name = l->asked.w,
                             .type = l->asked_type,
                             .zone = zone,
                             .value = (uint32_t)v->reason,
                             .text = buf};
    note(l, now, secure ? WHY_SECURE : WHY_INSECURE, &d);
}

/* Leaves of a reading the aliases that lead to `name`: what stands there is another zone's to sign,
 * or was not judged, and is asked for on its own. */
static void stop_at(struct reading *rd, const uint8_t *name)
{
    unsigned n = 0;
    while (n < rd->chain && !name_equal(rd->alias[n].owner, name))
        n++;
    /* The CNAME of a DNAME: that is part of what is left out. */
    if (n > 0 && n < rd->chain && rd->alias[n - 1].type == RR_DNAME)
        n--;
    if (n == 0)
        return;
    rd->kind = KIND_ALIAS;
    rd->chain = n;
    rd->end = rd->alias[n - 1].rdata + 2;
}

/* The same at the first name outside a zone, or below a trust anchor further down. */
static void stop_outside(const struct resolver *r, struct reading *rd, const uint8_t *zone)
{
    for (unsigned i = 0; i < rd->chain; i++) {
        const struct rrset *s = &rd->alias[i];
        if (s->type == RR_CNAME &&
            (!name_in(s->rdata + 2, zone) || anchor_between(r, zone, s->rdata + 2) != NULL)) {
            stop_at(rd, i + 1 < rd->chain ? rd->alias[i + 1].owner : s->rdata + 2);
            return;
        }
    }
}

/* The reply without what comes after its first `n` aliases. */
static struct reply only_aliases(const struct lookup *l, const struct reading *rd, unsigned n,
                                 struct reply_set *room)
{
    struct reply ret = l->reply;
    ret.set = room;
    ret.n = 0;
    for (unsigned i = 0; i < l->reply.n; i++) {
        const struct reply_set *s = &l->reply.set[i];
        bool keep =
            s->section == SECTION_AUTHORITY && (s->set.type == RR_NSEC || s->set.type == RR_NSEC3);
        for (unsigned k = 0; k < n && !keep; k++)
            keep = s->section == SECTION_ANSWER && s->set.type == rd->alias[k].type &&
                   name_equal(s->set.owner, rd->alias[k].owner);
        if (keep)
            room[ret.n++] = *s;
    }
    return ret;
}

static bool was_judged(const struct lookup *l, unsigned section, const struct rrset *set)
{
    for (unsigned i = 0; i < l->reply.n; i++) {
        const struct reply_set *s = &l->reply.set[i];
        if (s->judged && s->section == section && s->set.type == set->type &&
            name_equal(s->set.owner, set->owner))
            return true;
    }
    return false;
}

/* Whether all that is going to be kept was judged: a reply can be made so that it is read in one
 * way and judged in another (a second DNAME, for one). An SOA that was not goes by the board. */
static bool all_judged(const struct lookup *l, struct reading *rd, const uint8_t *last,
                       const uint8_t *next)
{
    /* An alias was judged that the reading does not know, or a denial of another name. */
    if (next != NULL && (rd->kind != KIND_ALIAS || !name_equal(rd->end, next)))
        return false;
    if ((rd->kind == KIND_NXDOMAIN || rd->kind == KIND_NODATA) &&
        (last == NULL || !name_equal(rd->end, last)))
        return false;
    for (unsigned i = 0; i < rd->chain; i++) {
        if (!was_judged(l, SECTION_ANSWER, &rd->alias[i]))
            return false;
        i += rd->alias[i].type == RR_DNAME; /* the CNAME behind it is made from it */
    }
    if (rd->soa.count > 0 && !was_judged(l, SECTION_AUTHORITY, &rd->soa))
        rd->soa.count = 0;
    return rd->kind != KIND_ANSWER || was_judged(l, SECTION_ANSWER, &rd->set);
}

/* The aliases before the name at fault may be good, and the rest another zone's: goes on with them
 * if so. */
static bool good_aliases(struct resolver *r, struct lookup *l, struct reading *rd,
                         const struct verdict *bad, struct now now)
{
    struct judging_kit kit;
    struct verdict v;
    struct name room;
    const uint8_t *next;
    unsigned n = 0;
    while (n < rd->chain && !name_equal(rd->alias[n].owner, bad->owner.w))
        n++;
    /* A CNAME made from a DNAME stands behind it and is not signed itself. */
    if (n == 0 || n == rd->chain || (rd->alias[n - 1].type == RR_DNAME && n < 2)) {
        if (rd->chain == 0 || !name_equal(rd->end, bad->owner.w))
            return false;
        n = rd->chain;
    }
    struct reply_set *sets = arena_alloc(&r->scratch, l->reply.n * sizeof *sets);
    if (sets == NULL)
        return false;
    struct reply part = only_aliases(l, rd, n, sets);
    judge_begin(r, l, now, &kit);
    if (reply_judge(&kit.judge, l->walk.at->keys, &part, &v, &room, &next) != ST_OK ||
        (v.trust != TRUST_SECURE && v.trust != TRUST_INSECURE) || next == NULL ||
        !name_equal(next, bad->owner.w))
        return false;
    keep_part(l, v.trust == TRUST_SECURE ? CACHE_SECURE : CACHE_INSECURE, v.reason);
    note_part(r, l, &v, l->walk.at->zone.w, now);
    stop_at(rd, bad->owner.w);
    l->reply = part;
    return true;
}

/* The zone's own signatures are on what a reply says of a name, or denies: no other zone, further
 * down on the same servers, has spoken. */
static bool zone_speaks(const struct lookup *l, const uint8_t *zone, const uint8_t *name)
{
    for (unsigned i = 0; i < l->reply.n; i++) {
        const struct reply_set *s = &l->reply.set[i];
        uint16_t type = s->set.type;
        struct rdata_iter it = rdata_iter(&s->sigs);
        struct rrsig v;
        bool denial = s->section == SECTION_AUTHORITY &&
                      (type == RR_SOA || type == RR_NSEC || type == RR_NSEC3);
        bool answer = s->section == SECTION_ANSWER && name_equal(s->set.owner, name);
        if (!denial && !answer)
            continue;
        for (struct bytes rd; rdata_iter_next(&it, &rd);)
            if (rrsig_read(rd, &v) && v.covered == type && name_equal(v.signer, zone))
                return true;
    }
    return false;
}

/* No signature, or another zone's: a zone further down may be on the same servers. */
static bool deepen(struct resolver *r, struct lookup *l, const struct verdict *v, struct now now)
{
    const uint8_t *to = v->owner.w;
    if (l->deepened || (v->reason != TRUST_NO_SIGNATURE && v->reason != TRUST_WRONG_SIGNER &&
                        v->reason != TRUST_NO_PROOF))
        return false;
    bool denial = v->type == RR_NSEC || v->type == RR_NSEC3 || v->type == RR_SOA;
    if ((denial || v->reason == TRUST_NO_PROOF) && zone_speaks(l, l->walk.at->zone.w, v->owner.w))
        return false;
    if (denial)
        to = l->asked.w;
    if (l->asked_type == RR_DS && name_equal(to, l->asked.w) && !name_is_root(to))
        to = name_parent(to);
    const uint8_t *zone = l->walk.at->zone.w;
    if (!name_in(to, zone) || name_labels(to) <= MAX(name_labels(zone), (unsigned)l->walk.labels))
        return false;
    struct name target;
    name_copy(target.w, to);
    l->deepened = true;
    l->first = *v;
    name_copy(l->first_zone.w, zone);
    walk_begin(r, l, target.w, now);
    return true;
}

const char *plain_words(const struct verdict *v, const struct cut_address *a)
{
    return v->reason == TRUST_NO_SIGNATURE && a->plain
               ? " (the server, or something before it, " WORDS_NO_EDNS ", without which there "
                 "are no signatures)"
               : "";
}

bool edns_once_more(struct resolver *r, struct lookup *l, const struct verdict *v,
                    struct cut_address *a, struct now now)
{
    if (v->reason != TRUST_NO_SIGNATURE || !a->plain || a->edns_again)
        return false;
    servers_edns_again(r->servers, &a->addr, now);
    a->no_edns = false;
    a->edns_again = true;
    l->phase = PHASE_ASK;
    return true;
}

/* The reply is no good. */
static bool refuse(struct resolver *r, struct lookup *l, const struct verdict *v,
                   struct cut_address *a, struct now now)
{
    note_bogus(l, now, v, l->walk.at->zone.w, a, NULL, plain_words(v, a));
    bogus_keep(l, v, l->walk.at->zone.w);
    l->pending = (struct bytes){NULL, 0};
    l->walked = false;
    if (edns_once_more(r, l, v, a, now))
        return false;
    bogus_try_next(r, l, v, a, now);
    return false;
}

static struct verdict unjudged(const struct lookup *l)
{
    struct verdict v = {.trust = TRUST_BOGUS, .reason = TRUST_NO_SIGNATURE, .type = l->asked_type};
    name_copy(v.owner.w, l->asked.w);
    return v;
}

/* Does what the verdict of a whole reply calls for. */
static bool act_on(struct resolver *r, struct lookup *l, const struct msg *m, struct reading *rd,
                   struct judging_kit *kit, struct verdict *v, const uint8_t *next,
                   struct cut_address *a, struct now now)
{
    const struct zone_trust *t = l->walk.at;
    bool good = v->trust == TRUST_SECURE || v->trust == TRUST_INSECURE;
    const uint8_t *last = v->last;
    if (good) {
        keep_part(l, v->trust == TRUST_SECURE ? CACHE_SECURE : CACHE_INSECURE, v->reason);
        note_part(r, l, v, t->zone.w, now);
        if (v->trust == TRUST_SECURE)
            aggressive_keep(r, l, &kit->seen, now);
        if (l->asked_type == RR_DS && rd->kind == KIND_NODATA && rd->chain == 0 &&
            reply_shows_cut(&kit->judge, t->keys, &l->reply, l->asked.w, &l->shows_cut) != ST_OK)
            l->shows_cut = false;
        if (next != NULL)
            stop_at(rd, next);
    } else if (v->trust == TRUST_BOGUS) {
        good = good_aliases(r, l, rd, v, now);
        next = NULL; /* it has looked at that itself */
    }
    if (good && all_judged(l, rd, last, next))
        return true;
    if (good) {
        *v = unjudged(l);
    } else if (v->trust == TRUST_BOGUS && deepen(r, l, v, now)) {
        if (l->phase == PHASE_DONE)
            return false;
        l->walked = false;
        return wait_for_keys(r, l, m, a, now);
    }
    return refuse(r, l, v, a, now);
}

/* By the keys that the walk has found. */
static bool judge(struct resolver *r, struct lookup *l, const struct msg *m, struct reading *rd,
                  struct cut_address *a, struct now now)
{
    struct judging_kit kit;
    struct verdict v;
    struct name room;
    const uint8_t *next;
    judge_begin(r, l, now, &kit);
    if (reply_judge(&kit.judge, l->walk.at->keys, &l->reply, &v, &room, &next) != ST_OK) {
        lookup_overload(r, l, "out of memory", now);
        return false;
    }
    if (sig_memo_put_off(r->memo) && v.trust == TRUST_LIMIT) {
        if (reply_keep(r, l, m, a, now)) {
            l->phase = PHASE_TURN;
            lookup_later(r, l);
        }
        return false;
    }
    /* What is looked at once more below was checked already. */
    int32_t left = sig_memo_left(r->memo);
    sig_memo_turn(r->memo, INT32_MAX);
    bool go_on = act_on(r, l, m, rd, &kit, &v, next, a, now);
    sig_memo_turn(r->memo, left);
    return go_on;
}

bool reply_valid(struct resolver *r, struct lookup *l, const struct msg *m, struct reading *rd,
                 struct cut_address *a, struct now now)
{
    keep_part(l, CACHE_UNCHECKED, TRUST_OK);
    l->shows_cut = false;
    if (!reply_sets(r, l, m, &r->scratch, &l->reply)) {
        struct trace_detail d = {
            .address = a->addr, .zone = l->cut.zone.w, .text = "records that cannot be read"};
        note(l, now, WHY_REPLY_MALFORMED, &d);
        a->bad = true;
        return false;
    }
    if ((l->flags & LOOKUP_CHECK) == 0)
        return true;
    if (!l->walked) {
        l->deepened = false;
        walk_begin(r, l, anchored_zone(r, l), now);
        if (l->phase == PHASE_DONE)
            return false;
        if (!walk_settled(&l->walk))
            return wait_for_keys(r, l, m, a, now);
    }
    const struct zone_trust *t = l->walk.at;
    struct verdict v;
    struct name zone;
    if (t->trust == TRUST_SECURE)
        return judge(r, l, m, rd, a, now);
    if (t->trust == TRUST_INSECURE) {
        keep_part(l, CACHE_INSECURE, t->why.reason);
        note_part(r, l, &t->why, t->zone.w, now);
        stop_outside(r, rd, t->zone.w);
        return true;
    }
    /* The search for a zone further down told nothing: what was wrong before is wrong. */
    if (l->deepened) {
        name_copy(zone.w, l->first_zone.w);
        v = l->first;
    } else {
        v = t->why;
        name_copy(zone.w, t->blame.w);
    }
    note_bogus(l, now, &v, zone.w, NULL, l->deepened ? NULL : t->words, "");
    bogus_keep(l, &v, zone.w);
    l->pending = (struct bytes){NULL, 0};
    l->walked = false;
    if (l->deepened)
        bogus_try_next(r, l, &v, a, now);
    else
        bogus_end(r, l, now);
    return false;
}
