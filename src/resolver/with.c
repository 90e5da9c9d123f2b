/* What is kept in the cache and sent to clients beside an answer: its signatures, and the denial
 * records that it needs (RFC 4035 sections 3.2.1 and 4.5). */
#include "resolver/machine.h"

#include "dns/encode.h"

struct rrset reply_sigs(struct lookup *l, unsigned section, const uint8_t *owner, uint16_t type)
{
    for (unsigned i = 0; i < l->reply.n; i++) {
        const struct reply_set *s = &l->reply.set[i];
        if (s->section == section && s->set.type == type && name_equal(s->set.owner, owner))
            return s->sigs;
    }
    return (struct rrset){.type = RR_RRSIG, .owner = owner, .rclass = CLASS_IN};
}

void sigs_bound(const struct rrset *sigs, uint32_t *ttl, struct now now)
{
    bool valid = false;
    struct rdata_iter it = rdata_iter(sigs);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct rrsig s;
        if (!rrsig_read(rd, &s) || rrsig_time(&s, (uint32_t)now.wall_s) != RRSIG_VALID)
            continue;
        valid = true;
        *ttl = MIN(*ttl, s.original_ttl);
        *ttl = MIN(*ttl, s.expiration - (uint32_t)now.wall_s);
    }
    if (!valid) /* taken only because clocks differ: not kept past its time */
        *ttl = MIN(*ttl, (uint32_t)LIMIT_FAILURE_S);
}

/* Made from a wildcard: then the proof that the name itself does not exist belongs to it. */
static bool expanded(const struct rrset *set, const struct rrset *sigs)
{
    struct rdata_iter it = rdata_iter(sigs);
    unsigned labels = name_labels(set->owner) - name_is_wildcard(set->owner);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct rrsig s;
        if (rrsig_read(rd, &s) && s.labels < labels)
            return true;
    }
    return false;
}

void with_reply(struct lookup *l, const struct rrset *set, bool denial, uint32_t *ttl,
                struct now now, struct cache_with *w, struct rrset *more)
{
    bool proofs = denial;
    /* What opt-out leaves open is shown by records that were checked, too. */
    bool checked = l->part == CACHE_SECURE || l->part_reason == TRUST_OPT_OUT;
    *w = (struct cache_with){.trust = l->part,
                             .more = more,
                             .reason = l->part_reason,
                             .cut = l->shows_cut && denial,
                             .epoch = l->job->epoch};
    if (set->count > 0) {
        struct rrset sigs =
            reply_sigs(l, denial ? SECTION_AUTHORITY : SECTION_ANSWER, set->owner, set->type);
        if (sigs.count > 0) {
            more[w->more_count++] = sigs;
            if (checked)
                sigs_bound(&sigs, ttl, now);
            proofs |= expanded(set, &sigs);
        }
    }
    for (unsigned i = 0; proofs && i < l->reply.n; i++) {
        const struct reply_set *s = &l->reply.set[i];
        if (s->section != SECTION_AUTHORITY ||
            (s->set.type != RR_NSEC && s->set.type != RR_NSEC3) ||
            w->more_count + 2 > CACHE_MORE_SETS || (checked && !s->judged))
            continue;
        struct rrset sigs = s->sigs;
        if (sigs.count == 0)
            continue;
        more[w->more_count++] = s->set;
        more[w->more_count++] = sigs;
        *ttl = MIN(*ttl, s->set.ttl);
        if (checked)
            sigs_bound(&sigs, ttl, now);
    }
}

static bool has_proof(const struct lookup *l, const struct rrset *set)
{
    for (unsigned i = 0; i < l->proofs; i++)
        if (l->proof[i].type == set->type && name_equal(l->proof[i].owner, set->owner))
            return true;
    return false;
}

bool lookup_keep(struct lookup *l, const struct rrset *more, unsigned n, bool denial)
{
    struct rrset copy[CACHE_MORE_SETS];
    for (unsigned i = 0; i < n; i++) {
        copy[i] = more[i];
        copy[i].owner = arena_dup(&l->arena, more[i].owner, name_len(more[i].owner));
        copy[i].rdata = arena_dup(&l->arena, more[i].rdata, more[i].rdata_size);
        if (copy[i].owner == NULL || copy[i].rdata == NULL)
            return false;
    }
    lookup_with(l, copy, n, denial);
    return true;
}

void lookup_with(struct lookup *l, const struct rrset *more, unsigned n, bool denial)
{
    unsigned i = 0;
    if (!denial && n > 0 && more[0].type == RR_RRSIG && l->answers > 0)
        l->answer_sigs[l->answers - 1] = more[i++];
    else if (denial && n > 0 && more[0].type == RR_RRSIG && l->proofs < PROOFS_MAX)
        l->proof[l->proofs++] = more[i++]; /* of the SOA */
    for (; i + 1 < n && l->proofs + 2 <= PROOFS_MAX; i += 2) {
        if (has_proof(l, &more[i]))
            continue;
        l->proof[l->proofs++] = more[i];
        l->proof[l->proofs++] = more[i + 1];
    }
}

/* --- Referrals --- */

static bool is_denial(const struct reply_set *s)
{
    return s->section == SECTION_AUTHORITY && (s->set.type == RR_NSEC || s->set.type == RR_NSEC3);
}

static void put(struct encode *e, enum msg_section to, const struct reply_set *s)
{
    if (encode_rrset(e, to, &s->set, 0) != ST_OK ||
        (s->sigs.count > 0 && encode_rrset(e, to, &s->sigs, 0) != ST_OK))
        e->flags |= MSG_TC;
}

void referral_keep(struct resolver *r, struct lookup *l, const struct msg *m, const uint8_t *zone,
                   uint32_t ttl_s, struct now now)
{
    struct encode *e = &r->query.enc;
    const struct reply_set *ds = NULL;
    struct reply reply;
    bool any = false;
    /* m lives in the same arena: nothing is taken back. */
    if (!validating(r) || !reply_sets(r, l, m, &r->scratch, &reply))
        return;
    for (unsigned i = 0; i < reply.n; i++) {
        const struct reply_set *s = &reply.set[i];
        any |= is_denial(s) && s->sigs.count > 0;
        if (s->section == SECTION_AUTHORITY && s->set.type == RR_DS && s->sigs.count > 0 &&
            name_equal(s->set.owner, zone))
            ds = s;
    }
    if (!any && ds == NULL)
        return;
    uint8_t *buf = r->reply_buf;
    encode_begin(e, buf + 2, LIMIT_REFERRAL, 0, MSG_QR | MSG_AA);
    if (encode_question(e, zone, RR_DS, CLASS_IN) != ST_OK)
        return;
    /* No longer than any of it may be kept, however long the servers' names may be. */
    for (unsigned i = 0; i < reply.n; i++) {
        const struct reply_set *s = &reply.set[i];
        if (ds != NULL ? s != ds : !is_denial(s))
            continue;
        put(e, ds != NULL ? SECTION_ANSWER : SECTION_AUTHORITY, s);
        ttl_s = MIN(ttl_s, MIN(s->set.ttl, s->sigs.count > 0 ? s->sigs.ttl : UINT32_MAX));
    }
    ttl_s = MIN(ttl_s, r->opt->ttl_max_s);
    bool whole = (e->flags & MSG_TC) == 0;
    size_t n = encode_finish(e);
    if (!whole)
        return;
    put_be16(buf, (uint16_t)n);
    struct rrset kept = {.owner = zone,
                         .type = RR_DS,
                         .rclass = CACHE_CLASS_CUT,
                         .ttl = ttl_s,
                         .count = 1,
                         .rdata_size = (uint32_t)(2 + n),
                         .rdata = buf};
    cache_put(l->job->cache, &kept, RANK_REFERRAL, NULL, now);
}
