/* RFC 1034 section 4.3.2, steps 2 to 5, with wildcards (RFC 4592), DNAME (RFC 6672) and minimal ANY
 * (RFC 8482): from the question to RRsets in the answer and authority sections. */
#include "auth/state.h"

enum {
    EDE_NOT_AUTHORITATIVE = 20,
    READY_OPT = 11 + QUERY_OPTIONS_MAX, /* the most that comes behind the sections */
};

const uint8_t *auth_suffix(const uint8_t *name, unsigned labels)
{
    return name_skip(name, name_labels(name) - labels);
}

/* True if signatures of this zone are made when they are asked for. */
static bool can_sign(struct query *q, const struct zone *z)
{
    struct auth *au = auth_of(q);
    if (LIKELY(zone_attached(z) == NULL))
        return false;
    if (au->online == NULL)
        au->online = online_new();
    return au->online != NULL;
}

bool auth_enter(struct query *q, const uint8_t *name)
{
    /* DS belongs to the parent's side of a cut (RFC 4035 section 3.1.4.1). */
    zone_path(name, &q->path);
    const struct zone *z = zone_table_find_path(auth_of(q)->table, &q->path, q->in.q.type == RR_DS);
    if (z == NULL)
        return false;
    q->zone = z;
    q->name = name;
    q->dnssec = q->in.edns.dnssec_ok && (zone_is_signed(z) || can_sign(q, z));
    return true;
}

void auth_sign(struct query *q, const struct zone_node *n)
{
    struct answer *a = &q->answer;
    if (LIKELY(!q->dnssec))
        return;
    const struct answer_item *of = &a->item[a->n - 1];
    if (zone_node_hidden(n) ||
        (zone_node_cut(n) && of->set.type != RR_DS && of->set.type != RR_NSEC))
        return;
    if (UNLIKELY(zone_attached(q->zone) != NULL)) {
        auth_sign_online(q);
        return;
    }
    struct answer_item *it =
        answer_add(a, (enum msg_section)of->section, ANSWER_SIGNATURE, of->may);
    if (it == NULL)
        return;
    if (zone_rrsig(q->zone, n, of->set.type, of->set.owner, &it->set))
        it->set.ttl = of->set.ttl;
    else
        answer_undo(a);
}

void auth_sign_online(struct query *q)
{
    struct auth *au = auth_of(q);
    struct answer *a = &q->answer;
    const struct answer_item *of = &a->item[a->n - 1];
    struct answer_item *it =
        answer_add(a, (enum msg_section)of->section, ANSWER_SIGNATURE, of->may);
    if (it == NULL ||
        online_sign(au->online, zone_attached(q->zone), &of->set, q->rq->now.wall_s, &it->set))
        return;
    answer_undo(a);
    a->overflow = true;
}

bool auth_add(struct query *q, const struct zone_node *n, uint16_t type, const uint8_t *owner,
              enum msg_section s, enum answer_why why, bool may)
{
    struct answer_item *it = answer_add(&q->answer, s, why, may);
    if (UNLIKELY(it == NULL))
        return false;
    if (!zone_rrset(q->zone, n, type, owner, &it->set)) {
        answer_undo(&q->answer);
        return false;
    }
    it->wildcard = q->found.match == ZONE_WILDCARD && s == SECTION_ANSWER;
    auth_sign(q, n);
    return true;
}

/* The record of a multi-address answer to begin with. */
static uint16_t rotate(struct auth *a, const struct rrset *set)
{
    if (set->count < 2 || (set->type != RR_A && set->type != RR_AAAA))
        return 0;
    switch (a->opt->rotation) {
    case ROTATE_FIXED:
        break;
    case ROTATE_CYCLIC:
        return (uint16_t)(a->turn++ % set->count);
    case ROTATE_RANDOM:
        return (uint16_t)prng_below(&a->shuffle, set->count);
    }
    return 0;
}

/* SOA into authority, so that resolvers can keep the negative answer (RFC 2308 section 3). */
static void negative(struct query *q, enum shape shape)
{
    q->shape = (uint8_t)shape;
    /* After aliases too, the RCODE is that of the last name (RFC 6604 section 3). */
    q->reply.rcode = shape == SHAPE_NXDOMAIN ? RCODE_NXDOMAIN : RCODE_NOERROR;
    struct answer_item *it = answer_add(&q->answer, SECTION_AUTHORITY, ANSWER_NEGATIVE, false);
    if (it == NULL)
        return;
    it->set = *zone_negative_soa(q->zone);
    /* The same name inside the question, to which the encoder points without a search. */
    it->set.owner = auth_suffix(q->name, zone_node_labels(zone_apex(q->zone)));
    auth_sign(q, zone_apex(q->zone));
}

static void referral(struct query *q)
{
    const uint8_t *cut = auth_suffix(q->name, q->found.node_labels);
    q->shape = SHAPE_REFERRAL;
    struct answer_item *it = answer_add(&q->answer, SECTION_AUTHORITY, ANSWER_REFERRAL, false);
    if (it != NULL && !zone_rrset(q->zone, q->found.node, RR_NS, cut, &it->set))
        answer_undo(&q->answer);
}

/* QTYPE *: one RRset over UDP, the smallest (RFC 8482 section 4.1), because it is there that ANY
 * amplifies; all over TCP. QTYPE RRSIG: the same, of the signatures alone. */
static bool any(struct query *q, const struct zone_node *n, uint16_t type)
{
    struct answer *a = &q->answer;
    bool minimal = auth_of(q)->opt->minimal_any && q->rq->transport == TRANSPORT_UDP, found = false;
    uint32_t cursor = 0;
    struct rrset set, best = {.count = 0};
    while (!a->overflow && zone_rrset_next(q->zone, n, q->name, &cursor, &set)) {
        bool signature = set.type == RR_RRSIG;
        if (type == RR_RRSIG && !signature)
            continue;
        found = true;
        if (!minimal) {
            answer_put(a, SECTION_ANSWER, ANSWER_DATA, false, &set);
            if (q->dnssec && zone_attached(q->zone) != NULL)
                auth_sign(q, n);
        } else if (best.count == 0 ||
                   (!signature && (best.type == RR_NSEC || best.type == RR_RRSIG)) ||
                   (type == RR_ANY && !signature && set.type != RR_NSEC &&
                    set.rdata_size < best.rdata_size))
            best = set; /* rather data than its NSEC, rather NSEC than a signature */
    }
    if (minimal && found) {
        answer_put(a, SECTION_ANSWER, ANSWER_DATA, false, &best);
        if (best.type != RR_RRSIG)
            auth_sign(q, n);
    }
    return found;
}

/* An answer from a wildcard has to show that the name itself does not exist. */
static void expanded(struct query *q)
{
    if (UNLIKELY(q->dnssec) && q->found.match == ZONE_WILDCARD)
        auth_prove_expansion(q);
}

/* Answers from a node that is the name's own, or the wildcard that stands for it. Returns the name
 * to go on with if it is an alias, else NULL. */
static const uint8_t *from_node(struct query *q, const struct zone_node *n)
{
    uint16_t type = q->in.q.type;
    struct answer *a = &q->answer;
    if (UNLIKELY(type == RR_NSEC || type == RR_RRSIG) && auth_answer_nsec(q, n)) {
        q->shape = SHAPE_ANSWER;
        return NULL;
    }
    struct answer_item *it = answer_add(a, SECTION_ANSWER, ANSWER_DATA, false);
    if (UNLIKELY(it == NULL))
        return NULL;
    if (LIKELY(type != RR_ANY && type != RR_RRSIG) &&
        zone_rrset(q->zone, n, type, q->name, &it->set)) {
        it->wildcard = q->found.match == ZONE_WILDCARD;
        it->first = rotate(auth_of(q), &it->set);
        auth_sign(q, n);
        expanded(q);
        q->shape = SHAPE_ANSWER;
        return NULL;
    }
    answer_undo(a);
    if (UNLIKELY(type == RR_ANY || type == RR_RRSIG) && any(q, n, type)) {
        expanded(q);
        q->shape = SHAPE_ANSWER;
        return NULL;
    }
    /* What may stand beside a CNAME is asked of the name itself (RFC 4034 sections 3 and 4). */
    if ((rr_type_flags(type) & RRF_DNSSEC) != 0 ||
        !auth_add(q, n, RR_CNAME, q->name, SECTION_ANSWER, ANSWER_ALIAS, false)) {
        negative(q, SHAPE_NODATA);
        return NULL;
    }
    q->shape = SHAPE_ALIAS;
    expanded(q);
    for (unsigned i = a->n; i-- > 0;)
        if (a->item[i].set.type == RR_CNAME)
            return a->item[i].set.rdata + 2;
    return NULL;
}

/* RFC 6672 section 3.2: the DNAME, a CNAME made from it, and on with its target. */
static const uint8_t *from_dname(struct query *q)
{
    const uint8_t *owner = auth_suffix(q->name, q->found.node_labels);
    struct answer *a = &q->answer;
    struct rrset set;
    struct name target;
    if (!zone_rrset(q->zone, q->found.node, RR_DNAME, owner, &set))
        return NULL;
    if (!answer_has(a, owner, RR_DNAME)) {
        answer_put(a, SECTION_ANSWER, ANSWER_ALIAS, false, &set);
        auth_sign(q, q->found.node);
    }
    q->shape = SHAPE_ALIAS;
    if (name_replace_suffix(q->name, q->found.node_labels, set.rdata + 2, &target) != ST_OK) {
        q->reply.rcode = RCODE_YXDOMAIN;
        return NULL;
    }
    const uint8_t *next = answer_synthesise(a, q->name, target.w, set.ttl);
    if (q->in.q.type == RR_CNAME || q->in.q.type == RR_ANY) {
        q->shape = SHAPE_ANSWER;
        return NULL;
    }
    return next;
}

/* Finds what the answer to this question depends on; false if that is more than a key can say. */
static bool ready_key_of(struct query *q, struct ready_key *k)
{
    const struct zone_found *f = &q->found;
    uint16_t type = q->in.q.type;
    unsigned labels = q->path.labels; /* of what the answer is about */
    if (type == RR_ANY || type == RR_RRSIG || type == RR_NSEC || q->any_class ||
        auth_of(q)->opt->rotation != ROTATE_FIXED || (q->dnssec && zone_attached(q->zone) != NULL))
        return false;
    *k = (struct ready_key){.zone = q->zone, .node = f->node, .type = type};
    switch (f->match) {
    case ZONE_EXACT:
        break;
    case ZONE_WILDCARD:
        if (q->dnssec)
            return false; /* it says that the name itself does not exist */
        labels = f->node_labels - 1u;
        break;
    case ZONE_DELEGATION:
        if (type == RR_DS)
            return false;
        labels = f->node_labels;
        k->type = 0;
        break;
    case ZONE_NXDOMAIN:
        if (q->dnssec)
            return false;
        k->node = zone_apex(q->zone);
        labels = zone_node_labels(k->node);
        k->type = 0;
        break;
    case ZONE_DNAME:
    case ZONE_OUTSIDE:
        return false;
    }
    k->kind = (uint8_t)((unsigned)f->match << 1 | q->dnssec);
    if (labels < q->path.labels)
        k->lead = labels == 0 ? (uint8_t)(q->path.len - 1) : q->path.at[q->path.labels - labels];
    return true;
}

/* An answer like this one was written before. */
static bool answer_ready(struct query *q)
{
    struct auth *a = auth_of(q);
    if (a->ready == NULL || !ready_key_of(q, &a->key))
        return false;
    const struct ready *r = ready_find(a->ready, &a->key, &q->keep);
    size_t rest = q->opt_out ? READY_OPT : 0;
    if (r == NULL || q->in.question_end + r->size + rest > q->limit)
        return false;
    q->ready = r;
    q->lead = a->key.lead;
    q->shape = r->shape;
    q->reply.rcode = r->rcode;
    q->reply.flags = r->flags;
    return true;
}

/* One name. Returns the next one if it is an alias. */
static const uint8_t *step(struct query *q)
{
    switch (q->found.match) {
    case ZONE_EXACT:
    case ZONE_WILDCARD:
        return from_node(q, q->found.node);
    case ZONE_NXDOMAIN:
        if (UNLIKELY(q->in.q.type == RR_NSEC || q->in.q.type == RR_RRSIG) &&
            auth_answer_nsec(q, NULL))
            q->shape = SHAPE_ANSWER;
        else
            negative(q, SHAPE_NXDOMAIN);
        return NULL;
    case ZONE_DELEGATION:
        if (q->found.at_cut && q->in.q.type == RR_DS)
            return from_node(q, q->found.node);
        referral(q);
        return NULL;
    case ZONE_DNAME:
        return from_dname(q);
    case ZONE_OUTSIDE:
        break; /* auth_enter() chose a zone that holds the name */
    }
    return NULL;
}

enum stage_result auth_find(struct query *q)
{
    auth_of(q)->proofs = 0;
    if (UNLIKELY(auth_of(q)->online != NULL))
        online_begin(auth_of(q)->online);
    /* The name as it stands in the packet: the encoder points to it without a search. */
    if (UNLIKELY(!auth_enter(q, q->rq->wire.p + MSG_HEADER)))
        return query_error(q, RCODE_REFUSED, EDE_NOT_AUTHORITATIVE);
    return STAGE_NEXT;
}

enum stage_result auth_answer(struct query *q)
{
    const uint8_t *next;
    zone_find_path(q->zone, &q->path, &q->found);
    if (answer_ready(q))
        return STAGE_DONE;
    while (UNLIKELY((next = step(q)) != NULL)) {
        /* A circle, a target that is not ours, or too many: the answer ends with the last alias,
         * and the asker goes on by itself. */
        if (answer_has(&q->answer, next, RR_CNAME) || ++q->steps >= LIMIT_CHAIN ||
            !auth_enter(q, next))
            break;
        zone_find_path(q->zone, &q->path, &q->found);
    }
    /* AA speaks of the first owner name in the answer (RFC 1035 section 4.1.1): a referral at once
     * is not ours to speak of, one behind an alias is. Class * never is (RFC 1035 section 6.2). */
    if ((q->shape != SHAPE_REFERRAL || q->answer.item[0].section == SECTION_ANSWER) &&
        !q->any_class)
        q->reply.flags |= MSG_AA;
    return STAGE_NEXT;
}
