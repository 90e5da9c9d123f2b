/* What a reply says, and which of its records may be believed. */
#include "resolver/machine.h"

#include <stdio.h>

/* THE bailiwick rule: a server that was asked about a zone may speak of names in that zone, and of
 * nothing else (RFC 5452 section 6; Kashpureff, Kaminsky, MaginotDNS). Everything taken from a
 * reply passes here. */
static bool believable(const struct lookup *l, const uint8_t *owner)
{
    return name_in(owner, l->cut.zone.w);
}

struct reply {
    struct resolver *r;
    struct lookup *l;
    const struct msg *m;
    struct now now;
    struct netaddr from;
    uint32_t rtt_us;
    bool aa;
};

static struct trace_detail detail(const struct reply *p)
{
    return (struct trace_detail){.address = p->from,
                                 .rtt_us = p->rtt_us,
                                 .zone = p->l->cut.zone.w,
                                 .name = p->l->asked.w,
                                 .type = p->l->asked_type};
}

static void reply_note(const struct reply *p, enum reason why, struct trace_detail d)
{
    note(p->l, p->now, why, &d);
}

/* The server is of no use for this zone: on to the next. */
static void next_server(const struct reply *p, unsigned address)
{
    p->l->cut.address[address].bad = true;
    p->l->phase = PHASE_ASK;
    lookup_ready(p->r, p->l);
}

static void keep(const struct reply *p, struct rrset *set, enum cache_rank rank)
{
    set->ttl = MAX(MIN(set->ttl, p->r->opt->ttl_max_s), p->r->opt->ttl_min_s);
    if (p->l->job->cold)
        return;
    cache_put(p->r->cache, set, rank, p->now);
    if (p->l->depth == 0 && p->l->job->trace.armed)
        reply_note(p, WHY_CACHE_STORE,
                   (struct trace_detail){.name = set->owner, .type = set->type, .value = set->ttl});
}

/* An RRset of the answer section that may be believed, into the lookup's arena. */
static bool answer_get(const struct reply *p, const uint8_t *name, uint16_t type, struct rrset *ret)
{
    if (!believable(p->l, name))
        return false;
    enum status st = msg_rrset(p->m, &p->l->arena, SECTION_ANSWER, name, type, ret);
    return st == ST_OK && ret->rclass == CLASS_IN;
}

/* A CNAME from `name`, or one made from a DNAME above it (RFC 6672 section 2.2: ours, not the
 * server's). Appends to the answer; *ret_target is the next name. */
static enum status alias_get(const struct reply *p, const uint8_t *name, struct name *ret_target)
{
    struct rrset set;
    enum cache_rank rank = p->aa ? RANK_ANSWER : RANK_NONAUTH_ANSWER;
    for (const uint8_t *up = name; !name_is_root(up) && name_labels(up) > p->l->cut.labels;
         up = name_parent(up)) {
        if (!answer_get(p, name_parent(up), RR_DNAME, &set))
            continue;
        const uint8_t *target = set.rdata + 2;
        unsigned cut = name_labels(set.owner);
        enum status st = name_replace_suffix(name, cut, target, ret_target);
        keep(p, &set, rank);
        if (!lookup_answer(p->l, &set))
            return ST_ELIMIT;
        if (st != ST_OK)
            return ST_ENAME; /* YXDOMAIN */
        size_t n = name_len(ret_target->w);
        uint8_t *rd = arena_alloc_bytes(&p->l->arena, 2 + n);
        const uint8_t *owner = arena_dup(&p->l->arena, name, name_len(name));
        if (rd == NULL || owner == NULL)
            return ST_ENOMEM;
        put_be16(rd, (uint16_t)n);
        memcpy(rd + 2, ret_target->w, n);
        struct rrset made = {owner, RR_CNAME, CLASS_IN, set.ttl, 1, (uint32_t)(2 + n), rd};
        keep(p, &made, rank);
        return lookup_answer(p->l, &made) ? ST_OK : ST_ELIMIT;
    }
    if (!answer_get(p, name, RR_CNAME, &set))
        return ST_ENOTFOUND;
    if (set.count != 1)
        return ST_EFORMAT; /* RFC 2181 section 10.1 */
    keep(p, &set, rank);
    name_copy(ret_target->w, set.rdata + 2);
    return lookup_answer(p->l, &set) ? ST_OK : ST_ELIMIT;
}

/* RFC 2308 section 3: the SOA of a negative answer, in the zone asked and above the name. */
static bool soa_get(const struct reply *p, const uint8_t *name, struct rrset *ret,
                    uint32_t *ret_ttl)
{
    for (unsigned i = 0; i < p->m->rr_count; i++) {
        const struct rr_view *rr = &p->m->rr[i];
        struct name owner;
        if (rr->section != SECTION_AUTHORITY || rr->type != RR_SOA ||
            msg_owner(p->m, rr, &owner) != ST_OK)
            continue;
        if (!believable(p->l, owner.w) || !name_in(name, owner.w) ||
            msg_rrset(p->m, &p->l->arena, SECTION_AUTHORITY, owner.w, RR_SOA, ret) != ST_OK)
            continue;
        struct bytes rd = {ret->rdata + 2, get_be16(ret->rdata)};
        uint32_t minimum = get_be32(rd.p + rd.n - 4);
        *ret_ttl = MIN(MIN(ret->ttl, minimum), p->r->opt->negative_ttl_max_s); /* section 5 */
        ret->ttl = *ret_ttl;
        return true;
    }
    return false;
}

/* The name (where aliases in this reply led) does not exist, or has no such type. */
static void negative(const struct reply *p, const uint8_t *name, bool nxdomain)
{
    struct lookup *l = p->l;
    struct rrset soa = {.count = 0};
    uint32_t ttl = 0;
    bool has_soa = soa_get(p, name, &soa, &ttl);
    if (!l->job->cold && has_soa)
        cache_put_negative(p->r->cache, nxdomain ? CACHE_NXDOMAIN : CACHE_NODATA, name, l->type,
                           CLASS_IN, ttl, &soa, 0, p->now);
    l->soa = soa;
    struct trace_detail d = detail(p);
    d.name = name;
    d.type = l->type;
    reply_note(p, nxdomain ? WHY_REPLY_NXDOMAIN : WHY_REPLY_NODATA, d);
    const uint8_t *copy = arena_dup(&l->arena, name, name_len(name));
    l->at = copy != NULL ? copy : l->at;
    lookup_end(p->r, l, nxdomain ? WHY_ANSWERED_NXDOMAIN : WHY_ANSWERED_NODATA,
               nxdomain ? RCODE_NXDOMAIN : RCODE_NOERROR, p->now);
}

/* The NS RRset of a referral: owned by a name below the zone asked and above (or at) the name in
 * question. Also tells of NS records that lead nowhere. */
static bool referral_get(const struct reply *p, struct rrset *ret, struct name *ret_other)
{
    ret_other->w[0] = 0;
    bool other = false;
    for (unsigned i = 0; i < p->m->rr_count; i++) {
        const struct rr_view *rr = &p->m->rr[i];
        struct name owner;
        if (rr->section != SECTION_AUTHORITY || rr->type != RR_NS ||
            msg_owner(p->m, rr, &owner) != ST_OK)
            continue;
        bool deeper = name_labels(owner.w) > p->l->cut.labels;
        bool ds_itself = p->l->type == RR_DS && name_equal(owner.w, p->l->at);
        if (deeper && !ds_itself && believable(p->l, owner.w) && name_in(p->l->asked.w, owner.w) &&
            msg_rrset(p->m, &p->r->scratch, SECTION_AUTHORITY, owner.w, RR_NS, ret) == ST_OK)
            return true;
        if (!other) {
            *ret_other = owner;
            other = true;
        }
    }
    return false;
}

static void referral(const struct reply *p, const struct rrset *ns)
{
    struct trace_detail d = detail(p);
    char words[64];
    snprintf(words, sizeof words, "%u name server%s", ns->count, ns->count == 1 ? "" : "s");
    d.zone = ns->owner;
    d.text = words;
    reply_note(p, WHY_REPLY_REFERRAL, d);
    p->l->full = false;
    p->l->phase = PHASE_ASK;
    (void)cut_referral(p->r, p->l, p->m, ns, p->now);
    lookup_ready(p->r, p->l);
}

/* The answer to (., NS) is the list of root servers (RFC 9609 section 3.3). */
static void primed(const struct reply *p, const struct rrset *ns)
{
    if (!name_is_root(ns->owner) || ns->type != RR_NS || p->l->cut.labels != 0 || p->l->job->cold)
        return;
    p->r->primed_until_us = p->now.mono_us + (uint64_t)ns->ttl * 1000000;
    (void)cut_referral(p->r, p->l, p->m, ns, p->now);
}

static void answered(const struct reply *p, const struct rrset *set)
{
    struct trace_detail d = detail(p);
    char words[64];
    snprintf(words, sizeof words, "%u record%s, TTL %u s", set->count, set->count == 1 ? "" : "s",
             set->ttl);
    d.text = words;
    d.name = set->owner;
    reply_note(p, WHY_REPLY_ANSWER, d);
    struct rrset kept = *set;
    keep(p, &kept, p->aa ? RANK_ANSWER : RANK_NONAUTH_ANSWER);
    primed(p, &kept);
    p->l->at = kept.owner;
    if (!lookup_answer(p->l, &kept)) {
        lookup_end(p->r, p->l, WHY_ALIAS_TOO_LONG, RCODE_SERVFAIL, p->now);
        return;
    }
    lookup_end(p->r, p->l, WHY_ANSWERED, RCODE_NOERROR, p->now);
}

/* Follows aliases inside the reply. True when the lookup has ended or goes on. */
static bool take_answer(const struct reply *p, struct name *ret_last, bool *ret_moved)
{
    struct lookup *l = p->l;
    struct name name = l->asked;
    *ret_moved = false;
    for (unsigned step = 0; step <= LIMIT_CHAIN; step++) {
        struct rrset set;
        struct name target;
        if (answer_get(p, name.w, l->type, &set)) {
            *ret_last = name;
            answered(p, &set);
            return true;
        }
        enum status st = l->type == RR_CNAME ? ST_ENOTFOUND : alias_get(p, name.w, &target);
        if (st == ST_ENOTFOUND)
            break;
        if (st == ST_ENAME) { /* RFC 6672 section 2.2: the name would be too long */
            lookup_end(p->r, l, WHY_ANSWERED, RCODE_YXDOMAIN, p->now);
            return true;
        }
        if (st != ST_OK) {
            lookup_end(p->r, l, WHY_FAILED, RCODE_SERVFAIL, p->now);
            return true;
        }
        char words[NAME_TEXT_MAX];
        struct trace_detail d = detail(p);
        d.name = name.w;
        d.text = name_str(target.w, words);
        reply_note(p, WHY_REPLY_CNAME, d);
        for (unsigned i = 0; i + 1 < l->answers; i++)
            if (l->answer[i].type == RR_CNAME && name_equal(l->answer[i].owner, target.w)) {
                lookup_alias(p->r, l, target.w, p->now); /* ends it: a loop */
                return true;
            }
        name = target;
        *ret_moved = true;
    }
    *ret_last = name;
    return false;
}

/* The reply to a shortened question: the name goes on below, or ends here (RFC 9156 section 2.3).
 */
static void minimised_reply(const struct reply *p)
{
    struct lookup *l = p->l;
    unsigned rcode = msg_rcode(p->m);
    struct trace_detail d = detail(p);
    struct rrset set;
    if (rcode == RCODE_NXDOMAIN) {
        /* By RFC 8020 nothing is below, but servers that get this wrong are still found (RFC 9156
         * section 2.3): the whole name decides. */
        reply_note(p, WHY_REPLY_NXDOMAIN, d);
        l->full = true;
    } else if (answer_get(p, l->asked.w, RR_CNAME, &set) || answer_get(p, l->asked.w, RR_A, &set)) {
        d.text = "the name exists";
        reply_note(p, WHY_REPLY_ANSWER, d);
    } else {
        reply_note(p, WHY_REPLY_NODATA, d);
    }
    for (const uint8_t *up = l->asked.w; !l->full; up = name_parent(up)) {
        if (answer_get(p, up, RR_DNAME, &set))
            l->full = true; /* whatever is below is elsewhere */
        if (name_is_root(up) || name_labels(up) <= l->cut.labels)
            break;
    }
    minimise_next(l);
    for (unsigned i = 0; i < l->cut.addresses; i++)
        l->cut.address[i].tries = 0;
    l->phase = PHASE_ASK;
    lookup_ready(p->r, l);
}

static void useless(const struct reply *p, unsigned address, const struct name *other, bool has_ns)
{
    struct trace_detail d = detail(p);
    char words[NAME_TEXT_MAX];
    if (has_ns) {
        d.text = name_str(other->w, words);
        reply_note(p, WHY_REPLY_UPWARD, d);
    } else {
        reply_note(p, WHY_REPLY_LAME, d);
    }
    next_server(p, address);
}

static bool has_authority_ns(const struct msg *m)
{
    for (unsigned i = 0; i < m->rr_count; i++)
        if (m->rr[i].section == SECTION_AUTHORITY && m->rr[i].type == RR_NS)
            return true;
    return false;
}

static bool has_answers(const struct msg *m)
{
    return m->rr_count > 0 && m->rr[0].section == SECTION_ANSWER;
}

static void classify(const struct reply *p, unsigned address)
{
    struct lookup *l = p->l;
    bool nxdomain = msg_rcode(p->m) == RCODE_NXDOMAIN;
    struct rrset ns, soa;
    struct name other, last = l->asked;
    bool moved = false;
    uint32_t ttl;
    bool shortened = !l->full;
    if (!shortened && has_answers(p->m) && take_answer(p, &last, &moved))
        return;
    if (!nxdomain && !moved && referral_get(p, &ns, &other)) {
        referral(p, &ns);
        return;
    }
    bool soa_here = soa_get(p, last.w, &soa, &ttl);
    if (moved) {
        /* The end of a chain is believed only where the same zone speaks of it. */
        if (soa_here && believable(l, last.w) && (nxdomain || p->aa))
            negative(p, last.w, nxdomain);
        else
            lookup_alias(p->r, l, last.w, p->now);
        if (l->phase != PHASE_DONE)
            lookup_ready(p->r, l);
        return;
    }
    if (!nxdomain && !p->aa && !soa_here && !(shortened && has_answers(p->m))) {
        useless(p, address, &other, has_authority_ns(p->m));
        return;
    }
    if (shortened)
        minimised_reply(p);
    else
        negative(p, last.w, nxdomain);
}

void reply_truncated(struct resolver *r, struct exchange *x, struct now now)
{
    struct lookup *l = x->lookup;
    unsigned address = x->address;
    note(l, now, WHY_REPLY_TRUNCATED,
         &(struct trace_detail){.address = x->to, .rtt_us = (uint32_t)(now.mono_us - x->sent_us)});
    exchange_end(r, x, true);
    exchange_send(r, l, address, TRANSPORT_TCP, now);
}

static void without_edns(const struct reply *p, unsigned address)
{
    reply_note(p, WHY_REPLY_NO_EDNS, detail(p));
    servers_no_edns(p->r->servers, &p->from, p->now);
    exchange_send(p->r, p->l, address, TRANSPORT_UDP, p->now);
}

void reply_handle(struct resolver *r, struct exchange *x, const struct msg *m, struct now now)
{
    struct reply p = {.r = r,
                      .l = x->lookup,
                      .m = m,
                      .now = now,
                      .from = x->to,
                      .rtt_us = (uint32_t)MAX(now.mono_us - x->sent_us, (uint64_t)1),
                      .aa = (m->h.flags & MSG_AA) != 0};
    unsigned rcode = msg_rcode(m), address = x->address;
    bool edns = x->edns;
    if ((m->h.flags & MSG_TC) != 0 && x->transport == TRANSPORT_UDP) {
        reply_truncated(r, x, now);
        return;
    }
    exchange_end(r, x, true);
    if (edns && (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP || rcode == RCODE_BADVERS)) {
        without_edns(&p, address);
        return;
    }
    if (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN && rcode != RCODE_YXDOMAIN) {
        struct trace_detail d = detail(&p);
        char buf[24];
        d.rcode = (uint16_t)rcode;
        d.text = rcode_str(rcode, buf);
        reply_note(&p, WHY_REPLY_RCODE, d);
        next_server(&p, address);
        return;
    }
    classify(&p, address);
}
