/* What a reply leads to: an answer kept and given, the next zone down, another server, or the same
 * again over TCP or without EDNS. */
#include "resolver/machine.h"

/* More than a question may have checks (LIMIT_QUERY_SIGNATURES): only what is pushed out of the
 * memory of checks comes to this. */
enum { PAUSES_MANY = 40 };

static uint32_t ttl_clamp(const struct resolver *r, uint32_t ttl)
{
    return MIN(MAX(ttl, r->opt->ttl_min_s), r->opt->ttl_max_s);
}

/* A set made from a wildcard is the wildcard's, too: kept for the other names that it stands for.
 */
static void store_wildcard(struct lookup *l, const struct rrset *set, const struct cache_with *w,
                           struct now now)
{
    struct rrset copy = *set, sigs = w->more[0];
    struct cache_with own = {
        .trust = CACHE_SECURE, .more = &sigs, .more_count = 1, .epoch = w->epoch};
    struct rdata_iter it = rdata_iter(&sigs);
    struct rrsig s;
    struct name wild;
    unsigned n = name_labels(set->owner), labels = n;
    /* One of the signatures was checked; another one must not say what it was made from. */
    for (struct bytes rd; sigs.type == RR_RRSIG && rdata_iter_next(&it, &rd);) {
        if (!rrsig_read(rd, &s) || s.labels >= n || (labels != n && labels != s.labels))
            return;
        labels = s.labels;
    }
    if (labels == n ||
        name_prepend(bytes_str("*"), name_skip(set->owner, n - labels), &wild) != ST_OK)
        return;
    copy.owner = sigs.owner = wild.w;
    cache_put(l->job->cache, &copy, RANK_NONAUTH_ANSWER, &own, now);
}

/* What goes with a set is told with the set's TTL (RFC 4034 section 3). */
static void same_ttl(struct rrset *more, unsigned n, uint32_t ttl)
{
    for (unsigned i = 0; i < n; i++)
        more[i].ttl = ttl;
}

/* Keeps a set of the answer, and puts it into the result with what belongs to it. */
static void store(struct resolver *r, struct lookup *l, struct rrset *set, bool aa, struct now now)
{
    struct rrset more[CACHE_MORE_SETS];
    struct cache_with w;
    uint32_t ttl = ttl_clamp(r, set->ttl);
    with_reply(l, set, false, &ttl, now, &w, more);
    negative_bound(r, l, &ttl, now);
    set->ttl = ttl;
    same_ttl(more, w.more_count, set->ttl);
    cache_put(l->job->cache, set, aa ? RANK_ANSWER : RANK_NONAUTH_ANSWER, &w, now);
    if (w.trust == CACHE_SECURE && w.more_count > 1)
        store_wildcard(l, set, &w, now);
    lookup_answer(l, set, NULL);
    (void)lookup_keep(l, more, w.more_count, false);
    lookup_trust(l, l->part, l->part_reason);
    struct trace_detail d = {.name = set->owner, .type = set->type, .value = set->ttl};
    note(l, now, WHY_CACHE_STORE, &d);
}

/* Keeps the aliases and goes to the name where they lead; false if the lookup is over, or goes on
 * with what is known here: then nothing more of the reply counts. */
static bool follow_aliases(struct resolver *r, struct lookup *l, struct reading *rd, bool aa,
                           struct now now)
{
    for (unsigned i = 0; i < rd->chain; i++) {
        struct rrset *s = &rd->alias[i];
        if (s->type == RR_DNAME) {
            store(r, l, s, aa, now);
            lookup_dname(r, l, s, now);
            i++; /* the CNAME behind it is made from it, and not kept */
        } else {
            store(r, l, s, aa, now);
            lookup_alias(r, l, s->rdata + 2, now);
        }
        if (l->phase == PHASE_DONE || (r->opt->local != NULL && local_lookup(r, l, now)))
            return false;
    }
    return true;
}

static void found(struct resolver *r, struct lookup *l, const struct msg *m, struct reading *rd,
                  struct now now)
{
    bool aa = (m->h.flags & MSG_AA) != 0;
    struct trace_detail d = {.name = rd->set.owner, .type = rd->set.type};
    if (!follow_aliases(r, l, rd, aa, now))
        return;
    if (rebinds(r, &rd->set, &d.address)) {
        note(l, now, WHY_REBINDING, &d);
        lookup_fail(r, l, "its address is private", now);
        return;
    }
    store(r, l, &rd->set, aa, now);
    if (l->asked_type == RR_NS && name_is_root(l->at) && name_is_root(l->cut.zone.w) &&
        !l->cut.forward)
        prime_store(r, l, m, now);
    lookup_end(r, l, WHY_ANSWERED, RCODE_NOERROR, "from the zone's server", now);
}

/* RFC 2308 section 5: kept for the smaller of the SOA's TTL and its MINIMUM; without an SOA not at
 * all. part: it is the part asked for that does not exist, and so nothing below it. */
static void denied(struct resolver *r, struct lookup *l, struct reading *rd, bool aa, bool part,
                   struct now now)
{
    bool nx = rd->kind == KIND_NXDOMAIN;
    if (!follow_aliases(r, l, rd, aa, now))
        return;
    struct rrset *soa = &rd->soa, more[CACHE_MORE_SETS];
    struct cache_with w;
    uint32_t most = soa->count == 1 ? UINT32_MAX : LIMIT_FAILURE_S;
    with_reply(l, soa, true, &most, now, &w, more);
    negative_bound(r, l, &most, now);
    if (soa->count == 1) {
        uint32_t minimum = get_be32(soa->rdata + soa->rdata_size - 4);
        uint32_t ttl = MAX(MIN(soa->ttl, minimum), r->opt->negative_ttl_min_s);
        soa->ttl = MIN(MIN(ttl, most), MIN(r->opt->negative_ttl_max_s, r->opt->ttl_max_s));
        same_ttl(more, w.more_count, soa->ttl);
        cache_put_negative(l->job->cache, nx ? CACHE_NXDOMAIN : CACHE_NODATA,
                           part ? l->asked.w : l->at, part ? l->asked_type : l->type, CLASS_IN,
                           soa->ttl, soa, 0, &w, now);
        l->soa = *soa;
        if (w.more_count > 0)
            aggressive_keep_soa(r, l, soa, &more[0], now);
    } else {
        same_ttl(more, w.more_count, most);
    }
    (void)lookup_keep(l, more, w.more_count, true);
    lookup_trust(l, l->part, l->part_reason);
    if (nx)
        lookup_end(r, l, WHY_ANSWERED_NXDOMAIN, RCODE_NXDOMAIN, NULL, now);
    else
        lookup_end(r, l, WHY_ANSWERED_NODATA, RCODE_NOERROR, NULL, now);
}

/* Keeps a referral and makes it the zone to ask. */
static void refer(struct resolver *r, struct lookup *l, const struct msg *m, struct rrset *ns,
                  struct now now)
{
    static const uint16_t types[] = {RR_A, RR_AAAA};
    struct cut *c = &l->cut;
    struct cache *cache = l->job->cache;
    struct name parent = c->zone, child;
    if (++l->referrals > LIMIT_REFERRALS) {
        struct trace_detail d = {.text = "too many referrals", .zone = c->zone.w};
        note(l, now, WHY_BUDGET_SPENT, &d);
        lookup_fail(r, l, "referrals without an end", now);
        return;
    }
    name_copy(child.w, ns->owner);
    referral_keep(r, l, m, child.w, ns->ttl, now);
    struct bailiwick b = {.zone = parent.w, .name = ns->owner, .ns = ns};
    /* Not longer than the delegation above it: see delegation.c. */
    uint64_t left_s = c->dies_us > now.mono_us ? (c->dies_us - now.mono_us) / 1000000 : 0;
    ns->ttl = (uint32_t)MIN(MIN(ns->ttl, r->opt->ttl_max_s), left_s);
    ns->rclass = CACHE_CLASS_CUT;
    cache_put(cache, ns, RANK_REFERRAL, NULL, now);
    cut_begin(c, ns->owner, MIN(c->dies_us, now.mono_us + (uint64_t)ns->ttl * 1000000));
    cut_servers(c, ns);
    for (unsigned k = 0; k < c->servers; k++)
        for (unsigned t = 0; t < 2; t++) {
            struct rrset set;
            const uint8_t *name = c->server[k].name.w;
            bool inside = bailiwick_allows(&b, SECTION_ADDITIONAL, name, types[t]);
            if ((!inside && r->opt->harden_glue) ||
                msg_rrset(m, &l->arena, SECTION_ADDITIONAL, name, types[t], &set) != ST_OK)
                continue;
            cut_add(r, c, k, &set);
            if (!inside)
                continue;
            set.ttl = MIN(set.ttl, ns->ttl);
            set.rclass = CACHE_CLASS_CUT;
            cache_put(cache, &set, RANK_GLUE, NULL, now);
        }
    cut_addresses_cached(r, l, now);
    l->full = false;
    l->shown = 0;
    l->phase = PHASE_ASK;
}

/* A step further down the name inside the same zone (RFC 9156 section 2.3). */
static void show_more(struct lookup *l)
{
    unsigned n = name_labels(l->at), left = n > l->shown ? n - l->shown : 1, step = 1;
    if (l->minimised > LIMIT_MINIMISE_ONE_LABEL && l->minimised < LIMIT_MINIMISE)
        step = (left + LIMIT_MINIMISE - l->minimised - 1u) / (LIMIT_MINIMISE - l->minimised);
    l->shown = (uint8_t)(l->shown + MAX(step, 1u));
    l->cut.tries = 0;
    for (unsigned i = 0; i < l->cut.addresses; i++)
        l->cut.address[i].tries = 0;
}

/* The minimised question brought an error: maybe only because it was minimised. */
static void show_all(struct lookup *l, struct now now)
{
    struct trace_detail d = {.text = "asking for the whole name", .zone = l->cut.zone.w};
    l->full = true;
    note(l, now, WHY_RETRY, &d);
}

enum reason reply_reason(const struct reading *rd)
{
    switch (rd->kind) {
    case KIND_ANSWER:
        return WHY_REPLY_ANSWER;
    case KIND_ALIAS:
        return WHY_REPLY_CNAME;
    case KIND_NXDOMAIN:
        return WHY_REPLY_NXDOMAIN;
    case KIND_NODATA:
        return WHY_REPLY_NODATA;
    case KIND_REFERRAL:
        return WHY_REPLY_REFERRAL;
    case KIND_LAME:
        return WHY_REPLY_LAME;
    case KIND_UPWARD:
        return WHY_REPLY_UPWARD;
    case KIND_RCODE:
        return WHY_REPLY_RCODE;
    case KIND_MALFORMED:
        break;
    }
    return WHY_REPLY_MALFORMED;
}

static void note_reply(struct lookup *l, const struct exchange *x, const struct msg *m,
                       const struct reading *rd, struct now now)
{
    char buf[NAME_TEXT_MAX + 32];
    struct text t = text_of(buf, sizeof buf);
    struct trace_detail d = {.name = l->asked.w,
                             .type = l->asked_type,
                             .zone = l->cut.zone.w,
                             .address = x->to,
                             .rcode = (uint16_t)msg_rcode(m),
                             .rtt_us = (uint32_t)(now.mono_us - x->sent_us),
                             .text = buf};
    buf[0] = 0;
    if (rd->kind == KIND_UPWARD) {
        name_text(rd->ns.owner, &t);
    } else if (!l->job->trace.armed) {
        d.text = rd->text;
    } else if (rd->kind == KIND_ALIAS) {
        name_text(rd->end, &t);
    } else if (rd->kind == KIND_ANSWER) {
        text_fmt(&t, "%u record%s", rd->set.count, rd->set.count == 1 ? "" : "s");
    } else if (rd->kind == KIND_REFERRAL) {
        text_fmt(&t, "%u server%s", rd->ns.count, rd->ns.count == 1 ? "" : "s");
        d.zone = rd->ns.owner;
    } else {
        d.text = rd->text;
    }
    if ((rd->kind == KIND_NXDOMAIN || rd->kind == KIND_NODATA) && rd->soa.count == 1)
        d.zone = rd->soa.owner; /* it may be below the one that the server was asked for */
    note(l, now, reply_reason(rd), &d);
    if (rd->kind == KIND_RCODE && l->job->culprit.why != WHY_REPLY_RCODE) {
        /* Not a PROBLEM by kind, but what an answer fails by. */
        l->job->culprit = (struct culprit){
            .why = WHY_REPLY_RCODE, .rcode = d.rcode, .address = x->to, .has_zone = true};
        name_copy(l->job->culprit.zone.w, l->cut.zone.w);
    }
}

/* True if the reply is one that is kept or given to somebody, and so has to be judged. */
static bool is_final(const struct reading *rd)
{
    return rd->kind == KIND_ANSWER || rd->kind == KIND_ALIAS || rd->kind == KIND_NXDOMAIN ||
           rd->kind == KIND_NODATA;
}

void reply_take(struct resolver *r, struct lookup *l, const struct msg *m, struct reading *rd,
                struct cut_address *a, struct now now)
{
    bool aa = (m->h.flags & MSG_AA) != 0, part = is_minimised(l);
    /* RFC 9156 section 3: strictly, that a part of it does not exist is the answer. */
    bool nothing_below = part && rd->kind == KIND_NXDOMAIN && rd->chain == 0 &&
                         rd->soa.count == 1 && r->opt->minimise_strict;
    if (part && rd->kind != KIND_REFERRAL && !nothing_below) {
        if (rd->kind == KIND_ANSWER || rd->kind == KIND_NODATA)
            show_more(l);
        else
            show_all(l, now);
        return;
    }
    if (is_final(rd) && !reply_valid(r, l, m, rd, a, now))
        return;
    l->walked = false;
    if (is_final(rd) && (l->flags & LOOKUP_KEYS) != 0) {
        keys_take(r, l, m, rd, a, now);
        return;
    }
    l->pending = (struct bytes){NULL, 0};
    l->pauses = 0;
    if (is_final(rd)) { /* another server's reply was bad: that is over */
        l->has_bad = false;
        l->bogus_tries = 0;
    }
    switch (rd->kind) {
    case KIND_ANSWER:
        found(r, l, m, rd, now);
        break;
    case KIND_ALIAS:
        if (follow_aliases(r, l, rd, aa, now))
            l->phase = PHASE_CACHE;
        break;
    case KIND_NXDOMAIN:
    case KIND_NODATA:
        denied(r, l, rd, aa, part, now);
        break;
    case KIND_REFERRAL:
        refer(r, l, m, &rd->ns, now);
        break;
    case KIND_LAME:
    case KIND_UPWARD:
    case KIND_RCODE:
    case KIND_MALFORMED:
        a->bad = true;
        a->weak = rd->weak;
        break;
    }
}

/* True if the reply is about how to ask, and the same server is asked again. */
static bool ask_again(struct lookup *l, const struct exchange *x, const struct msg *m,
                      struct cut_address *a, struct now now)
{
    unsigned rcode = msg_rcode(m);
    struct trace_detail d = {.address = x->to, .zone = l->cut.zone.w, .rcode = (uint16_t)rcode};
    if (x->edns && !m->edns.present && (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP)) {
        note(l, now, WHY_REPLY_NO_EDNS, &d); /* RFC 6891 section 7 */
        a->no_edns = true;
    } else if (rcode == RCODE_BADCOOKIE && x->cookie > 0 && x->transport == TRANSPORT_UDP) {
        note(l, now, WHY_REPLY_BAD_COOKIE, &d); /* RFC 7873 section 5.3: once, then over TCP */
        a->tcp = a->cookie_again;
        a->cookie_again = true;
    } else if ((m->h.flags & MSG_TC) != 0 && x->transport == TRANSPORT_UDP) {
        note(l, now, WHY_REPLY_TRUNCATED, &d);
        a->tcp = a->truncated = true;
    } else {
        return false;
    }
    a->tries--;
    l->cut.tries--;
    return true;
}

void reply_follow(struct resolver *r, struct lookup *l, struct exchange *x, struct msg *m,
                  struct now now)
{
    struct cut_address *a = &l->cut.address[x->address];
    struct reading *rd = &r->reading;
    l->phase = PHASE_ASK;
    if (m == NULL) {
        struct trace_detail d = {.address = x->to, .zone = l->cut.zone.w, .text = "broken message"};
        note(l, now, WHY_REPLY_MALFORMED, &d);
        a->bad = true;
    } else if (ask_again(l, x, m, a, now)) {
        unsigned i = x->address;
        exchange_end(r, x);
        exchange_send(r, l, i, now);
        return;
    } else {
        /* The cure helped, so the illness was real. */
        if (a->no_edns && !x->edns && msg_rcode(m) != RCODE_FORMERR)
            servers_no_edns(r->servers, &x->to, now);
        classify(l, m, rd);
        report_agent(l, m);
        note_reply(l, x, m, rd, now);
        reply_take(r, l, m, rd, a, now);
    }
    if (l->phase == PHASE_DONE)
        return; /* the lookup and its exchange are gone */
    exchange_end(r, x);
    lookup_ready(r, l);
}

void reply_resume(struct resolver *r, struct lookup *l, struct now now)
{
    struct msg m;
    struct reading *rd = &r->reading;
    /* It always gets on, even if what it has checked is pushed out of the memory. */
    if (l->phase == PHASE_TURN && l->pauses > PAUSES_MANY && sig_memo_left(r->memo) > 0)
        sig_memo_turn(r->memo, sig_memo_left(r->memo) + l->pauses - PAUSES_MANY);
    l->walked = true;
    l->phase = PHASE_ASK;
    arena_reset(&r->scratch);
    if (msg_parse(l->pending, &r->scratch, &m) !=
        ST_OK) { /* for want of memory: it was read once */
        lookup_overload(r, l, "out of memory", now);
        return;
    }
    classify(l, &m, rd);
    reply_take(r, l, &m, rd, &l->cut.address[l->pending_address], now);
}
