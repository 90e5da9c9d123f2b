#include "dnssec/judge.h"

#include <stdlib.h>

/* --- Sets --- */

static const struct reply_set *find(const struct reply *r, unsigned section, const uint8_t *owner,
                                    uint16_t type)
{
    for (unsigned i = 0; i < r->n; i++)
        if (r->set[i].section == section && r->set[i].set.type == type &&
            name_equal(r->set[i].set.owner, owner))
            return &r->set[i];
    return NULL;
}

/* --- Judging --- */

struct judging {
    const struct judge *j;
    struct zone_keys *keys;
    const struct reply *r;
    struct rrset proof[LIMIT_PROOF_RECORDS];
    struct proofs proofs;
    struct trust_result spoiled; /* of a denial record that is no good */
    const struct rrset *spoiled_set;
    struct verdict *ret;
};

static void say(struct judging *g, enum trust t, enum trust_reason why, const uint8_t *owner,
                uint16_t type)
{
    g->ret->trust = t;
    g->ret->reason = why;
    name_copy(g->ret->owner.w, owner);
    g->ret->type = type;
}

/* Worse than what was said before? A chain of aliases is as good as its worst part. */
static bool worse(const struct judging *g, enum trust t)
{
    return t > g->ret->trust;
}

static enum status trust_set(struct judging *g, const struct reply_set *s, struct trust_result *ret)
{
    TRY(rrset_trust(g->keys, &s->set, &s->sigs, g->j->rules, g->j->budget, ret));
    g->r->set[s - g->r->set].judged = ret->trust == TRUST_SECURE;
    if (ret->trust != TRUST_SECURE && worse(g, ret->trust)) {
        say(g, ret->trust, ret->reason, s->set.owner, s->set.type);
        g->ret->by = *ret;
    }
    return ST_OK;
}

/* The denial records that are well signed; the others do not count, but the first of them may be
 * the reason why a proof fails. */
static enum status collect(struct judging *g)
{
    g->proofs = (struct proofs){zone_keys_name(g->keys), g->proof, 0, g->j->hasher, g->j->budget};
    for (unsigned i = 0; i < g->r->n && g->proofs.n < LIMIT_PROOF_RECORDS; i++) {
        const struct reply_set *s = &g->r->set[i];
        struct trust_result t;
        if (s->section != SECTION_AUTHORITY || (s->set.type != RR_NSEC && s->set.type != RR_NSEC3))
            continue;
        TRY(rrset_trust(g->keys, &s->set, &s->sigs, g->j->rules, g->j->budget, &t));
        if (t.trust == TRUST_SECURE && !t.wildcard) {
            if (g->j->seen != NULL)
                g->j->seen->proof[g->proofs.n] = s;
            g->r->set[i].judged = true;
            g->proof[g->proofs.n++] = s->set;
        } else if (g->spoiled_set == NULL && t.trust != TRUST_SECURE) {
            g->spoiled = t;
            g->spoiled_set = &s->set;
        }
    }
    if (g->j->seen != NULL)
        g->j->seen->n = g->proofs.n;
    return ST_OK;
}

/* What the outcome of a proof says of the answer. */
static void weigh(struct judging *g, enum proof p, const uint8_t *name, uint16_t type)
{
    switch (p) {
    case PROOF_HOLDS:
        return;
    case PROOF_OPT_OUT:
        if (worse(g, TRUST_INSECURE))
            say(g, TRUST_INSECURE, TRUST_OPT_OUT, name, type);
        return;
    case PROOF_ITERATIONS:
        if (worse(g, TRUST_INSECURE))
            say(g, TRUST_INSECURE, TRUST_ITERATIONS, name, type);
        return;
    case PROOF_LIMIT:
        say(g, TRUST_LIMIT, TRUST_TOO_MUCH, name, type);
        return;
    case PROOF_FAILS:
        break;
    }
    if (g->spoiled_set != NULL && g->spoiled.trust == TRUST_LIMIT) {
        say(g, TRUST_LIMIT, TRUST_TOO_MUCH, name, type); /* it could not be looked at */
        return;
    }
    if (!worse(g, TRUST_BOGUS))
        return;
    if (g->spoiled_set != NULL) {
        say(g, TRUST_BOGUS, g->spoiled.reason, g->spoiled_set->owner, g->spoiled_set->type);
        g->ret->by = g->spoiled;
    } else {
        say(g, TRUST_BOGUS, TRUST_NO_PROOF, name, type);
    }
}

/* A set of the answer, and where it came from a wildcard the proof that it had to. */
static enum status judge_set(struct judging *g, const struct reply_set *s)
{
    struct trust_result t;
    TRY(trust_set(g, s, &t));
    if (t.trust == TRUST_SECURE) {
        if (g->ret->type == 0) {
            say(g, TRUST_SECURE, TRUST_OK, s->set.owner, s->set.type);
            g->ret->by = t;
        }
        if (t.wildcard)
            weigh(g, proof_expansion(&g->proofs, s->set.owner, t.labels), s->set.owner,
                  s->set.type);
    }
    return ST_OK;
}

static enum status judge_nothing(struct judging *g, const uint8_t *name)
{
    const struct reply *r = g->r;
    const struct reply_set *soa = find(r, SECTION_AUTHORITY, zone_keys_name(g->keys), RR_SOA);
    struct trust_result t;
    if (g->ret->type == 0)
        say(g, TRUST_SECURE, TRUST_OK, name, r->type);
    if (soa != NULL)
        TRY(trust_set(g, soa, &t));
    if (sig_memo_waits(g->j->rules->memo)) /* no hashes for what has to be looked at again */
        return ST_OK;
    enum proof how = r->rcode == RCODE_NXDOMAIN       ? proof_no_name(&g->proofs, name)
                     : proof_nxname(&g->proofs, name) ? PROOF_HOLDS
                                                      : proof_no_type(&g->proofs, name, r->type);
    weigh(g, how, name, r->type);
    return ST_OK;
}

/* The DNAME of an ancestor in the answer. */
static const struct reply_set *dname_above(const struct reply *r, const uint8_t *name)
{
    for (unsigned i = 0; i < r->n; i++) {
        const struct rrset *s = &r->set[i].set;
        if (r->set[i].section == SECTION_ANSWER && s->type == RR_DNAME && name_in(name, s->owner) &&
            !name_equal(name, s->owner))
            return &r->set[i];
    }
    return NULL;
}

/* One name: its data, an alias, or nothing. *next: where it goes on; NULL: it ends. */
static enum status judge_name(struct judging *g, const uint8_t *name, struct name *room,
                              const uint8_t **next)
{
    const struct reply *r = g->r;
    const struct reply_set *s = find(r, SECTION_ANSWER, name, r->type);
    *next = NULL;
    /* Nothing stands below a DNAME but the CNAME that it makes, which is not signed (RFC 6672
     * section 5.3.1), though it may be what was asked for. */
    const struct reply_set *above = dname_above(r, name);
    if (s != NULL && above == NULL)
        return judge_set(g, s);
    if ((s = above) != NULL) {
        struct name to;
        TRY(judge_set(g, s));
        if (name_replace_suffix(name, name_labels(s->set.owner), s->set.rdata + 2, &to) == ST_OK) {
            name_copy(room->w, to.w);
            *next = room->w;
        }
        return ST_OK;
    }
    if ((s = find(r, SECTION_ANSWER, name, RR_CNAME)) != NULL) {
        TRY(judge_set(g, s));
        *next = s->set.rdata + 2;
        return ST_OK;
    }
    return judge_nothing(g, name);
}

enum status reply_judge(const struct judge *j, struct zone_keys *keys, const struct reply *r,
                        struct verdict *ret, struct name *room, const uint8_t **ret_next)
{
    struct judging *g = calloc(1, sizeof *g);
    if (g == NULL)
        return ST_ENOMEM;
    *g = (struct judging){.j = j, .keys = keys, .r = r, .ret = ret};
    *ret = (struct verdict){.trust = TRUST_SECURE, .reason = TRUST_OK};
    *ret_next = NULL;
    enum status st = collect(g);
    const uint8_t *name = r->name;
    if (st == ST_OK && sig_memo_waits(j->rules->memo)) {
        say(g, TRUST_LIMIT, TRUST_TOO_MUCH, r->name, r->type);
        name = NULL;
    }
    for (unsigned step = 0; st == ST_OK && name != NULL && step < LIMIT_CHAIN; step++) {
        const uint8_t *next;
        ret->last = name;
        st = judge_name(g, name, room, &next);
        name = next;
        /* Another zone's part of the answer is for its own keys to judge, and what the reply does
         * not go on with is for another question. */
        if (next == NULL || !name_in(next, zone_keys_name(keys)) ||
            (find(r, SECTION_ANSWER, next, r->type) == NULL &&
             find(r, SECTION_ANSWER, next, RR_CNAME) == NULL && dname_above(r, next) == NULL))
            break;
    }
    *ret_next = name;
    free(g);
    return st;
}
