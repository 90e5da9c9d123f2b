/* Aggressive use of denial records (RFC 8198): what was proved once answers questions that were
 * never asked, so that a flood of random names ends here and not at the zone's servers. */
#include "resolver/machine.h"

static struct denial_cache *denials(const struct resolver *r, const struct lookup *l)
{
    return r->opt->aggressive && validating(r) ? cache_denial(l->job->cache) : NULL;
}

/* Denials have no trust of their own: those that were checked by older rules must not stay. Asked
 * after they are in: a change of rules empties the store itself, before that or behind it. */
static void keep_current(struct lookup *l, struct denial_cache *d)
{
    if (cache_epoch(l->job->cache) != l->job->epoch)
        denial_flush_all(d);
}

void aggressive_keep(struct resolver *r, struct lookup *l, const struct judge_seen *seen,
                     struct now now)
{
    struct denial_cache *d = denials(r, l);
    if (d == NULL || cache_epoch(l->job->cache) != l->job->epoch)
        return;
    for (unsigned i = 0; i < seen->n; i++) {
        const struct reply_set *s = seen->proof[i];
        uint32_t ttl = MIN(s->set.ttl, MIN(r->opt->negative_ttl_max_s, r->opt->ttl_max_s));
        sigs_bound(&s->sigs, &ttl, now);
        denial_put(d, l->walk.at->zone.w, &s->set, &s->sigs, ttl, now);
    }
    keep_current(l, d);
}

void aggressive_keep_soa(struct resolver *r, struct lookup *l, const struct rrset *soa,
                         const struct rrset *sigs, struct now now)
{
    struct denial_cache *d = denials(r, l);
    if (d == NULL || l->part != CACHE_SECURE || l->walk.at == NULL || sigs->count == 0 ||
        cache_epoch(l->job->cache) != l->job->epoch)
        return;
    denial_put_soa(d, l->walk.at->zone.w, soa, sigs, soa->ttl, now);
    keep_current(l, d);
}

static void put_proofs(struct lookup *l, struct denial_found *f)
{
    struct rrset more[2 * DENIAL_PROOFS];
    for (unsigned i = 0; i < f->proofs; i++) {
        more[2 * i] = f->proof[i].set;
        more[2 * i + 1] = f->proof[i].sigs;
        more[2 * i].ttl = more[2 * i + 1].ttl = f->ttl_s;
    }
    lookup_with(l, more, 2 * f->proofs, false);
}

/* Whether the denial of DS shows an unsigned delegation, which for a chain of trust is another
 * thing than a name without a cut. */
static bool shows_cut(struct resolver *r, struct lookup *l, const struct denial_found *f)
{
    struct rrset set[DENIAL_PROOFS];
    struct proofs p = {f->zone.w, set, f->proofs, r->hasher, &l->job->budget};
    for (unsigned i = 0; i < f->proofs; i++)
        set[i] = f->proof[i].set;
    return l->type == RR_DS && proof_unsigned(&p, l->at) == PROOF_HOLDS;
}

/* The records of a wildcard, for the name that it stands for (RFC 8198 section 5.3). */
static bool from_wildcard(struct resolver *r, struct lookup *l, struct denial_found *f,
                          struct now now)
{
    struct cache_entry e;
    bool alias = false;
    struct cache *c = l->job->cache;
    if (cache_get_more(c, f->wildcard.w, l->type, CLASS_IN, now, &l->arena, &e) != CACHE_RRSET) {
        alias = l->type != RR_CNAME;
        if (!alias ||
            cache_get_more(c, f->wildcard.w, RR_CNAME, CLASS_IN, now, &l->arena, &e) != CACHE_RRSET)
            return false;
    }
    if (e.trust != CACHE_SECURE || e.more_count == 0 || e.more[0].type != RR_RRSIG)
        return false;
    struct rrset set = e.set, sigs = e.more[0];
    set.owner = sigs.owner = l->at;
    set.ttl = sigs.ttl = MIN(e.ttl_s, f->ttl_s);
    lookup_answer(l, &set, &sigs);
    put_proofs(l, f);
    if (alias)
        lookup_alias(r, l, set.rdata + 2, now);
    else
        lookup_end(r, l, WHY_ANSWERED, RCODE_NOERROR, "from a wildcard in the cache", now);
    return true;
}

bool aggressive_answer(struct resolver *r, struct lookup *l, struct now now)
{
    struct denial_cache *d = denials(r, l);
    struct denial_found f;
    if (d == NULL || ((l->flags & LOOKUP_CHECK) == 0 && l->depth == 0))
        return false;
    enum denial_kind kind =
        denial_find(d, NULL, l->at, l->type, r->hasher, &l->job->budget, now, &l->arena, &f);
    /* What a zone above says of names whose questions go elsewhere is not asked for. */
    if (kind == DENIAL_NONE || name_labels(f.zone.w) < route_labels(r, l))
        return false;
    struct trace_detail t = {.name = l->at, .type = l->type, .zone = f.zone.w, .value = f.ttl_s};
    if (kind == DENIAL_WILDCARD) {
        if (!from_wildcard(r, l, &f, now))
            return false;
        note(l, now, WHY_DENIED_BY_CACHE, &t);
        r->count.aggressive++;
        return true;
    }
    note(l, now, WHY_DENIED_BY_CACHE, &t);
    r->count.aggressive++;
    l->soa = f.soa.set;
    l->soa.ttl = f.ttl_s;
    struct rrset sigs = f.soa.sigs;
    sigs.ttl = f.ttl_s;
    lookup_with(l, &sigs, 1, true);
    put_proofs(l, &f);
    l->shows_cut = kind == DENIAL_NODATA && shows_cut(r, l, &f);
    if (kind == DENIAL_NXDOMAIN)
        lookup_end(r, l, WHY_ANSWERED_NXDOMAIN, RCODE_NXDOMAIN, NULL, now);
    else
        lookup_end(r, l, WHY_ANSWERED_NODATA, RCODE_NOERROR, NULL, now);
    return true;
}
