#include "app/validate.h"

#include "dns/rr_type.h"
#include "resolver/machine.h"

#include <stdio.h>

/* A question that was asked, and what came. */
struct asked {
    struct name name;
    uint16_t type;
    bool good; /* there is a reply that says something */
    bool no_edns;
    struct reply reply;
    const char *trouble;
};

struct walker {
    const struct validate_source *source;
    const struct anchors *anchors;
    struct validation *out;
    struct trust_rules rules;
    struct nsec3_hasher *hasher;
    struct asked *asked;
    unsigned n;
    const char *trouble; /* of the last question without a reply */
};

/* Each step has a budget of its own: somebody waits for this answer, and may wait longer than a
 * resolver lets one question work. What it cost is told. */
static void count_cost(struct walker *w, const struct budget *b)
{
    w->out->signatures += b->spent[BUDGET_SIGNATURES];
}

/* What a walk to a zone has found. */
struct ground {
    enum trust trust;
    struct verdict why;
    struct name blame;
    struct zone_keys *keys; /* secure: to be freed */
};

/* --- Questions --- */

/* What an error says of itself (RFC 8914). */
static const char *error_words(const struct msg *m, unsigned rcode, struct arena *a)
{
    char buf[24], words[512];
    struct text out = text_of(words, sizeof words);
    uint16_t code;
    struct bytes data;
    size_t off = 0;
    text_fmt(&out, "the reply is %s", rcode_str(rcode, buf));
    while (edns_option_next(m->edns.options, &off, &code, &data)) {
        if (code != EDNS_EDE)
            continue;
        text_str(&out, ", ");
        edns_option_text(code, data, &out);
    }
    const char *kept = arena_strdup(a, words);
    return kept != NULL ? kept : "the reply is an error";
}

/* NULL, or why a reply is of no use. */
static const char *no_sense(const struct walker *w, struct asked *q, struct bytes wire)
{
    struct arena *a = &w->out->arena;
    struct msg m;
    const uint8_t *copy = arena_dup(a, wire.p, wire.n);
    if (copy == NULL)
        return "out of memory";
    wire.p = copy;
    if (q == w->asked)
        w->out->wire = wire;
    if (msg_parse(wire, a, &m) != ST_OK)
        return "the reply cannot be read";
    q->no_edns = !m.edns.present;
    unsigned rcode = msg_rcode(&m);
    if (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN)
        return error_words(&m, rcode, a);
    if (!m.has_question || reply_of(&m, &(struct hash_key){0}, a, &q->reply) != ST_OK)
        return "the reply holds records that cannot be read";
    return NULL;
}

static const struct asked *ask(struct walker *w, const uint8_t *name, uint16_t type)
{
    char why[256];
    struct text t = text_of(why, sizeof why);
    struct bytes wire;
    for (unsigned i = 0; i < w->n; i++)
        if (w->asked[i].type == type && name_equal(w->asked[i].name.w, name)) {
            w->trouble = w->asked[i].trouble;
            return &w->asked[i];
        }
    if (w->n == VALIDATE_QUESTIONS) {
        w->trouble = "more questions than one answer may cost";
        return NULL;
    }
    struct asked *q = &w->asked[w->n++];
    *q = (struct asked){.type = type};
    name_copy(q->name.w, name);
    why[0] = 0;
    if (w->source->ask(w->source->ctx, name, type, &wire, &t)) {
        q->trouble = no_sense(w, q, wire);
    } else {
        q->trouble = arena_strdup(&w->out->arena, why);
        if (q->trouble == NULL)
            q->trouble = "no reply";
    }
    q->good = q->trouble == NULL;
    w->trouble = q->trouble;
    w->out->questions = w->n;
    return q;
}

/* --- Links --- */

static struct chain_link *add_link(struct walker *w, enum link_kind kind, const uint8_t *name,
                                   const uint8_t *zone)
{
    struct validation *v = w->out;
    static struct chain_link spare; /* what does not fit is not shown */
    struct chain_link *l = v->links < VALIDATE_LINKS ? &v->link[v->links++] : &spare;
    *l = (struct chain_link){.kind = kind};
    name_copy(l->name.w, name);
    name_copy(l->zone.w, zone);
    return l;
}

/* The link of the chain at a name, if an earlier walk came through here. */
static struct chain_link *known_link(const struct walker *w, const uint8_t *name)
{
    for (unsigned i = 0; i < w->out->links; i++) {
        struct chain_link *l = &w->out->link[i];
        if (l->kind <= LINK_NO_DS && name_equal(l->name.w, name))
            return l;
    }
    return NULL;
}

static const struct reply_set *set_at(const struct reply *r, unsigned section, const uint8_t *name,
                                      uint16_t type)
{
    for (unsigned i = 0; r != NULL && i < r->n; i++)
        if (r->set[i].section == section && r->set[i].set.type == type &&
            name_equal(r->set[i].set.owner, name))
            return &r->set[i];
    return NULL;
}

/* For what is shown only: whose signature it is. The verdicts have their own budget. */
static struct trust_result signature_of(const struct walker *w, struct zone_keys *keys,
                                        const struct reply_set *s)
{
    struct budget b = {0};
    struct trust_result t;
    if (keys == NULL || rrset_trust(keys, &s->set, &s->sigs, &w->rules, &b, &t) != ST_OK)
        return (struct trust_result){0};
    return t;
}

static void show_proof(const struct walker *w, struct zone_keys *keys, const struct reply *r,
                       const uint8_t *name, struct chain_link *l)
{
    struct budget b = {0};
    const struct judge j = {.rules = &w->rules, .hasher = w->hasher, .budget = &b};
    struct trust_result by;
    if (keys == NULL)
        return;
    l->proofs = proof_parts(&j, keys, r, name, &w->out->arena, &l->proof, &by);
    if (l->by.tag == 0 && l->proofs > 0)
        l->by = by;
}

/* --- From the anchor to a zone --- */

/* A step of the walk while the keys of the zone above still stand. NULL: it is shown already. */
static struct chain_link *begin_step(struct walker *w, const struct chain *c,
                                     const struct chain_ask *q, const struct reply *r,
                                     const struct rrset *anchor)
{
    struct chain_link *l = known_link(w, q->name);
    if (q->type == RR_DNSKEY) {
        const struct reply_set *s = set_at(r, SECTION_ANSWER, q->name, RR_DNSKEY);
        if (l != NULL && (l->kind == LINK_ANCHOR || l->dnskey.count > 0))
            return NULL;
        if (l == NULL) {
            l = add_link(w, LINK_ANCHOR, q->name, q->name);
            l->ds = *anchor;
        }
        if (s != NULL)
            l->dnskey = s->set;
        return l;
    }
    if (l != NULL)
        return NULL;
    const struct reply_set *s = set_at(r, SECTION_ANSWER, q->name, RR_DS);
    l = add_link(w, s != NULL ? LINK_ZONE : LINK_NO_CUT, q->name, q->zone);
    l->type = RR_DS;
    if (s != NULL) {
        l->ds = s->set;
        l->by = signature_of(w, chain_keys(c), s);
    } else if (r != NULL) {
        l->no_name = r->rcode == RCODE_NXDOMAIN;
        show_proof(w, chain_keys(c), r, q->name, l);
    }
    return l;
}

static enum status walk(struct walker *w, const uint8_t *target, struct ground *ret)
{
    const struct rrset *anchor = anchors_find(w->anchors, target);
    *ret = (struct ground){.trust = TRUST_INSECURE};
    if (anchor == NULL) {
        ret->why = (struct verdict){.trust = TRUST_INSECURE, .reason = TRUST_NO_ANCHOR};
        name_copy(ret->why.owner.w, target);
        name_copy(ret->blame.w, target);
        return ST_OK;
    }
    struct chain *c = chain_new(anchor, target);
    struct chain_ask q;
    enum status st = c != NULL ? ST_OK : ST_ENOMEM;
    while (st == ST_OK && chain_next(c, &q)) {
        struct budget b = {0};
        const struct judge j = {.rules = &w->rules, .hasher = w->hasher, .budget = &b};
        const struct asked *a = ask(w, q.name, q.type);
        const struct reply *r = a != NULL && a->good ? &a->reply : NULL;
        struct chain_ask more;
        struct chain_link *l = begin_step(w, c, &q, r, anchor);
        name_copy(ret->blame.w, q.zone);
        st = chain_feed(c, &j, r);
        count_cost(w, &b);
        bool ended = st == ST_OK && !chain_next(c, &more);
        struct verdict v = chain_verdict(c);
        if (ended && v.trust == TRUST_INSECURE && l != NULL && q.type == RR_DS)
            l->kind = LINK_NO_DS;
        if (l != NULL) {
            l->broken = ended && v.trust != TRUST_SECURE && v.trust != TRUST_INSECURE;
            if (l->kind <= LINK_ZONE && q.type == RR_DNSKEY)
                l->keys_by = v.by;
        }
    }
    if (st == ST_OK) {
        ret->why = chain_verdict(c);
        /* As the resolver: an anchor is no parent's DS. */
        if (ret->why.trust == TRUST_INSECURE && !anchors_usable(anchor)) {
            ret->why.trust = ret->why.by.trust = TRUST_BOGUS;
            ret->why.reason = ret->why.by.reason = TRUST_ANCHOR_UNUSABLE;
        }
        ret->trust = ret->why.trust;
        if (ret->trust == TRUST_SECURE)
            ret->keys = chain_take_keys(c);
        if (ret->why.reason == TRUST_UNSIGNED) {
            ret->blame = ret->why.owner;
            ret->why.by = (struct trust_result){0};
        }
    }
    chain_free(c);
    return st;
}

/* --- The answer --- */

static bool dname_above(const struct rrset *s, const uint8_t *name)
{
    return s->type == RR_DNAME && name_in(name, s->owner) && !name_equal(name, s->owner);
}

/* What a reply says of one name: its sets, DNAMEs above it, and every denial. False: nothing of the
 * answer section is about it. */
static bool part_of(const struct reply *r, const uint8_t *name, uint16_t type,
                    struct reply_set *room, struct reply *ret)
{
    bool any = false;
    *ret = *r;
    ret->name = name;
    ret->type = type;
    ret->set = room;
    ret->n = 0;
    for (unsigned i = 0; i < r->n; i++) {
        const struct reply_set *s = &r->set[i];
        bool mine = s->section == SECTION_ANSWER &&
                    (name_equal(s->set.owner, name) || dname_above(&s->set, name));
        if (mine || s->section == SECTION_AUTHORITY)
            room[ret->n++] = *s;
        any |= mine;
    }
    return any;
}

/* The set of the answer that decides what happens to the name. */
static const struct reply_set *deciding(const struct reply *r)
{
    const struct reply_set *found = NULL;
    for (unsigned i = 0; i < r->n; i++)
        if (r->set[i].section == SECTION_ANSWER && dname_above(&r->set[i].set, r->name))
            return &r->set[i];
    found = set_at(r, SECTION_ANSWER, r->name, r->type);
    return found != NULL ? found : set_at(r, SECTION_ANSWER, r->name, RR_CNAME);
}

/* Where an alias leads; false: it is none, or leads nowhere. */
static bool alias_of(const struct reply *r, const struct reply_set *s, struct name *ret)
{
    if (s == NULL || (s->set.type == r->type && !dname_above(&s->set, r->name)))
        return false;
    if (s->set.type == RR_CNAME) {
        name_copy(ret->w, s->set.rdata + 2);
        return true;
    }
    return name_replace_suffix(r->name, name_labels(s->set.owner), s->set.rdata + 2, ret) == ST_OK;
}

/* A DS is its parent's to sign (RFC 4035 section 3.1.4.1). */
static const uint8_t *deepest(const uint8_t *name, uint16_t type)
{
    return type == RR_DS && !name_is_root(name) ? name_parent(name) : name;
}

/* The zone that must have signed it, as the signatures or the SOA claim; if they claim nothing that
 * can be, all the way down. */
static const uint8_t *claimed(const struct reply *r, const struct reply_set *s)
{
    const uint8_t *most = deepest(r->name, r->type);
    for (unsigned i = 0; i < r->n; i++) {
        const struct reply_set *t = &r->set[i];
        if (s != NULL ? t != s : t->set.type != RR_SOA || t->section != SECTION_AUTHORITY)
            continue;
        if (s == NULL) {
            if (name_in(most, t->set.owner))
                return t->set.owner;
            continue;
        }
        struct rdata_iter it = rdata_iter(&t->sigs);
        struct rrsig v;
        for (struct bytes rd; rdata_iter_next(&it, &rd);)
            if (rrsig_read(rd, &v) && v.covered == t->set.type && name_in(t->set.owner, v.signer) &&
                name_in(most, v.signer))
                return v.signer;
    }
    return most;
}

static void settle(struct walker *w, const struct reply *r, const struct verdict *v,
                   const uint8_t *blame)
{
    struct validation *o = w->out;
    if (v->trust <= o->trust)
        return;
    o->trust = v->trust;
    o->verdict = *v;
    name_copy(o->blame.w, blame);
    o->silent = v->reason == TRUST_NO_REPLY;
    struct insecure hashed = {.reason = v->reason};
    for (unsigned i = 0; r != NULL && v->reason == TRUST_ITERATIONS && i < r->n; i++)
        if (insecure_nsec3(&r->set[i].set, &hashed))
            o->iterations = hashed.iterations;
    if (o->silent && w->trouble != NULL)
        snprintf(o->trouble, sizeof o->trouble, "%s", w->trouble);
}

/* What is shown of the answer, judged or not. */
static void show_answer(struct walker *w, const struct reply *r, const struct reply_set *s,
                        const struct ground *g, const struct verdict *v)
{
    const uint8_t *zone = g->keys != NULL ? zone_keys_name(g->keys) : g->blame.w;
    struct chain_link *l =
        add_link(w, s != NULL ? LINK_DATA : LINK_DENIAL, s != NULL ? s->set.owner : r->name, zone);
    l->type = s != NULL ? s->set.type : r->type;
    l->no_name = s == NULL && r->rcode == RCODE_NXDOMAIN;
    l->plain = g->keys == NULL;
    l->has_target = alias_of(r, s, &l->target);
    if (g->keys != NULL) {
        if (s != NULL)
            l->by = signature_of(w, g->keys, s);
        if (s == NULL)
            show_proof(w, g->keys, r, r->name, l);
        else if (l->by.wildcard) /* the next closer name must not exist */
            show_proof(w, g->keys, r,
                       name_skip(l->name.w, name_labels(l->name.w) - l->by.labels - 1u), l);
    }
    l->broken = v->trust == TRUST_BOGUS || v->trust == TRUST_LIMIT;
}

static enum status judge_by(struct walker *w, const struct reply *r, struct zone_keys *keys,
                            struct verdict *ret)
{
    struct budget b = {0};
    const struct judge j = {.rules = &w->rules, .hasher = w->hasher, .budget = &b};
    struct name room;
    const uint8_t *next;
    enum status st = reply_judge(&j, keys, r, ret, &room, &next);
    count_cost(w, &b);
    return st;
}

/* A zone further down than the signatures say may be on the same servers: then its keys count, or
 * that it is not signed. */
static enum status deepen(struct walker *w, const struct reply *r, struct ground *g,
                          struct verdict *v)
{
    const uint8_t *most = deepest(r->name, r->type);
    unsigned shown = w->out->links;
    struct ground below;
    struct verdict again;
    if (v->trust != TRUST_BOGUS ||
        (v->reason != TRUST_NO_SIGNATURE && v->reason != TRUST_WRONG_SIGNER &&
         v->reason != TRUST_NO_PROOF && v->reason != TRUST_NO_KEY))
        return ST_OK;
    TRY(walk(w, most, &below));
    bool better = below.trust == TRUST_INSECURE;
    again = below.why;
    enum status st = ST_OK;
    if (below.trust == TRUST_SECURE &&
        !name_equal(zone_keys_name(below.keys), zone_keys_name(g->keys))) {
        st = judge_by(w, r, below.keys, &again);
        better = true;
    }
    if (st != ST_OK || !better) {
        zone_keys_free(below.keys);
        w->out->links = shown;
        return st;
    }
    zone_keys_free(g->keys);
    *g = below;
    *v = again;
    return ST_OK;
}

/* One name of the answer. *ret_next: where an alias leads. */
static enum status one_name(struct walker *w, const struct reply *r, bool *ret_more,
                            struct name *ret_next)
{
    const struct reply_set *s = deciding(r);
    struct ground g;
    *ret_more = alias_of(r, s, ret_next);
    TRY(walk(w, claimed(r, s), &g));
    struct verdict v = g.why;
    enum status st = ST_OK;
    if (g.trust == TRUST_SECURE) {
        st = judge_by(w, r, g.keys, &v);
        if (st == ST_OK)
            st = deepen(w, r, &g, &v);
        if (st == ST_OK)
            show_answer(w, r, s, &g, &v);
    } else if (g.trust == TRUST_INSECURE) {
        show_answer(w, r, s, &g, &v);
    }
    if (st == ST_OK)
        settle(w, r, &v, g.keys != NULL ? zone_keys_name(g.keys) : g.blame.w);
    zone_keys_free(g.keys);
    return st;
}

/* ANY: each set on its own (RFC 8482 leaves it to the server which ones there are). Those that come
 * without signatures are asked for once more, by their own type: a resolver may have put the answer
 * together from what it had. */
static enum status any_sets(struct walker *w, const struct reply *r, bool *ret_any)
{
    struct reply_set *room = arena_alloc(&w->out->arena, LIMIT_REPLY_SETS * sizeof *room);
    struct name next;
    bool more;
    *ret_any = false;
    if (room == NULL)
        return ST_ENOMEM;
    for (unsigned i = 0; i < r->n; i++) {
        const struct reply_set *s = &r->set[i];
        struct reply one = *r, own;
        if (s->section != SECTION_ANSWER || !name_equal(s->set.owner, r->name))
            continue;
        one.type = s->set.type;
        *ret_any = true;
        if (s->sigs.count == 0) {
            const struct asked *a = ask(w, r->name, one.type);
            if (a != NULL && a->good && part_of(&a->reply, r->name, one.type, room, &own))
                one = own;
        }
        TRY(one_name(w, &one, &more, &next));
    }
    return ST_OK;
}

static void no_verdict(struct walker *w, enum trust_reason why, const uint8_t *name, uint16_t type)
{
    struct verdict v = {.trust = TRUST_LIMIT, .reason = why, .type = type};
    name_copy(v.owner.w, name);
    settle(w, NULL, &v, name);
}

/* Follows the answer from name to name, each judged by the keys of its own zone. */
static enum status follow(struct walker *w, const uint8_t *first, uint16_t type)
{
    struct name name, next;
    const struct asked *a = NULL;
    struct reply_set *room = arena_alloc(&w->out->arena, LIMIT_REPLY_SETS * sizeof *room);
    struct reply r;
    bool any, more = true;
    if (room == NULL)
        return ST_ENOMEM;
    name_copy(name.w, first);
    for (unsigned step = 0; more; step++) {
        if (step > LIMIT_CHAIN) {
            w->trouble = NULL;
            no_verdict(w, TRUST_TOO_MUCH, name.w, type);
            return ST_OK;
        }
        if (a == NULL || !part_of(&a->reply, name.w, type, room, &r)) {
            a = ask(w, name.w, type);
            if (a == NULL || !a->good) {
                no_verdict(w, TRUST_NO_REPLY, name.w, type);
                return ST_OK;
            }
            part_of(&a->reply, name.w, type, room, &r);
        }
        if (type == RR_ANY) {
            TRY(any_sets(w, &r, &any));
            if (any)
                return ST_OK;
        }
        TRY(one_name(w, &r, &more, &next));
        if (w->out->trust >= TRUST_BOGUS)
            return ST_OK;
        name = next;
    }
    return ST_OK;
}

/* Not even the zone of the anchor comes with signatures: then it is not the zones. */
static bool is_stripped(const struct walker *w)
{
    for (unsigned i = 0; i < w->n; i++) {
        const struct asked *a = &w->asked[i];
        const struct rrset *anchor = anchors_find(w->anchors, a->name.w);
        if (a->type != RR_DNSKEY || !a->good || anchor == NULL ||
            !name_equal(anchor->owner, a->name.w))
            continue;
        const struct reply_set *s = set_at(&a->reply, SECTION_ANSWER, a->name.w, RR_DNSKEY);
        if (a->no_edns || s == NULL || s->sigs.count == 0)
            return true;
    }
    return false;
}

enum status validate(const struct validate_source *s, const struct anchors *anchors,
                     const uint8_t *name, uint16_t type, struct now now, struct validation *ret)
{
    *ret = (struct validation){.trust = TRUST_SECURE, .now = now};
    arena_init(&ret->arena, 1 << 18, VALIDATE_BYTES);
    /* No signature is checked, or counted, twice. Nobody else sees it: the key need not be secret.
     */
    struct sig_memo *memo = sig_memo_new(&(struct hash_key){1, 2});
    struct walker w = {
        .source = s,
        .anchors = anchors,
        .out = ret,
        .rules = {.now = (uint32_t)now.wall_s, .skew = LIMIT_CLOCK_SKEW_S, .memo = memo},
        .hasher = nsec3_hasher_new()};
    w.asked = arena_zalloc(&ret->arena, VALIDATE_QUESTIONS * sizeof *w.asked);
    ret->link = arena_alloc(&ret->arena, VALIDATE_LINKS * sizeof *ret->link);
    enum status st = ST_ENOMEM;
    if (w.asked != NULL && ret->link != NULL && w.hasher != NULL)
        st = follow(&w, name, type);
    ret->stripped = st == ST_OK && is_stripped(&w);
    nsec3_hasher_free(w.hasher);
    sig_memo_free(memo);
    return st;
}

void validation_free(struct validation *v)
{
    arena_free(&v->arena);
}
