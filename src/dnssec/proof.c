#include "dnssec/proof.h"

#include <string.h>

enum { TYPE_NXNAME = 128, FLAG_OPT_OUT = 1 };

static bool first(const struct rrset *s, struct bytes *ret)
{
    struct rdata_iter it = rdata_iter(s);
    return rdata_iter_next(&it, ret);
}

static bool nsec_at(const struct proofs *p, unsigned i, struct nsec *ret)
{
    struct bytes rd;
    return p->set[i].type == RR_NSEC && first(&p->set[i], &rd) && nsec_read(rd, ret) &&
           name_in(p->set[i].owner, p->zone) && name_in(ret->next, p->zone);
}

/* A delegation's or DNAME's record, which says nothing of names below it (RFC 6840 section 4.1). */
static bool hides_below(struct bytes bitmap)
{
    return (bitmap_has(bitmap, RR_NS) && !bitmap_has(bitmap, RR_SOA)) ||
           bitmap_has(bitmap, RR_DNAME);
}

/* --- NSEC --- */

/* The span of an NSEC holds the name: between owner and next, or behind the last owner. */
static bool nsec_covers(const struct proofs *p, unsigned i, const struct nsec *v,
                        const uint8_t *name)
{
    const uint8_t *owner = p->set[i].owner;
    if (name_compare(owner, name) >= 0)
        return false;
    if (name_in(name, owner) && hides_below(v->bitmap))
        return false;
    return name_compare(name, v->next) < 0 || name_equal(v->next, p->zone);
}

/* An NSEC that covers the name. *ret_encloser: labels of the closest name that is known to exist
 * above it. A name that the next one is below of exists, as an empty non-terminal. */
static bool nsec_cover(const struct proofs *p, const uint8_t *name, unsigned *ret_encloser)
{
    for (unsigned i = 0; i < p->n; i++) {
        struct nsec v;
        if (!nsec_at(p, i, &v) || !nsec_covers(p, i, &v, name) || name_in(v.next, name))
            continue;
        unsigned a = name_common(name, p->set[i].owner), b = name_common(name, v.next);
        *ret_encloser = MAX(a, b);
        return true;
    }
    return false;
}

static bool nsec_match(const struct proofs *p, const uint8_t *name, struct nsec *ret)
{
    for (unsigned i = 0; i < p->n; i++)
        if (nsec_at(p, i, ret) && name_equal(p->set[i].owner, name))
            return true;
    return false;
}

/* The bitmap of a name that exists denies a type. DS is spoken of by the parent's record, all else
 * by the child's own (RFC 4035 section 5.2, RFC 6840 section 4.1, 4.3). */
static bool denies(struct bytes bitmap, uint16_t type, bool root)
{
    if (bitmap_has(bitmap, type) || bitmap_has(bitmap, RR_CNAME))
        return false;
    bool cut = bitmap_has(bitmap, RR_NS) && !bitmap_has(bitmap, RR_SOA);
    if (type == RR_DS)
        return !bitmap_has(bitmap, RR_SOA) || root;
    return !cut;
}

/* "*" before the last `labels` labels of a name; false if that is too long. */
static bool wildcard_of(const uint8_t *name, unsigned labels, struct name *ret)
{
    return name_prepend(bytes_str("*"), name_skip(name, name_labels(name) - labels), ret) == ST_OK;
}

static bool nsec_no_name(const struct proofs *p, const uint8_t *name)
{
    unsigned labels, ignored;
    struct name wild;
    struct nsec v;
    /* RFC 9824 section 3.1: the name itself says so. */
    if (nsec_match(p, name, &v))
        return bitmap_has(v.bitmap, TYPE_NXNAME);
    return nsec_cover(p, name, &labels) && wildcard_of(name, labels, &wild) &&
           nsec_cover(p, wild.w, &ignored);
}

/* The name is an empty non-terminal: an NSEC covers it whose next name lies below. */
static bool nsec_empty(const struct proofs *p, const uint8_t *name)
{
    for (unsigned i = 0; i < p->n; i++) {
        struct nsec v;
        if (nsec_at(p, i, &v) && nsec_covers(p, i, &v, name) && name_in(v.next, name))
            return true;
    }
    return false;
}

static bool nsec_no_type(const struct proofs *p, const uint8_t *name, uint16_t type)
{
    unsigned labels;
    struct name wild;
    struct nsec v;
    if (nsec_match(p, name, &v))
        return denies(v.bitmap, type, name_is_root(name)) && !bitmap_has(v.bitmap, TYPE_NXNAME);
    if (nsec_empty(p, name))
        return true;
    if (!nsec_cover(p, name, &labels) || !wildcard_of(name, labels, &wild))
        return false;
    return nsec_match(p, wild.w, &v) ? denies(v.bitmap, type, false) : nsec_empty(p, wild.w);
}

/* --- NSEC3 --- */

struct nsec3_at {
    uint8_t owner[NSEC3_HASH];
    struct nsec3 v;
};

/* An NSEC3 of the zone whose kind is known (RFC 5155 section 8.1, 8.2). */
static bool nsec3_at(const struct proofs *p, unsigned i, struct nsec3_at *ret)
{
    struct bytes rd;
    const struct rrset *s = &p->set[i];
    return s->type == RR_NSEC3 && first(s, &rd) && nsec3_read(rd, &ret->v) &&
           ret->v.algorithm == NSEC3_SHA1 && ret->v.flags <= FLAG_OPT_OUT &&
           ret->v.next.n == NSEC3_HASH && nsec3_owner_hash(s->owner, ret->owner) &&
           name_equal(name_parent(s->owner), p->zone);
}

/* The parameters all records of the answer must share (RFC 5155 section 8.2): those of the first.
 */
static bool nsec3_first(const struct proofs *p, struct nsec3_at *ret)
{
    for (unsigned i = 0; i < p->n; i++)
        if (nsec3_at(p, i, ret))
            return true;
    return false;
}

enum found { FOUND_NONE, FOUND_MATCH, FOUND_COVER, FOUND_LIMIT };

static bool between(const uint8_t *owner, const uint8_t *hash, const uint8_t *next)
{
    bool after = memcmp(hash, owner, NSEC3_HASH) > 0, before = memcmp(hash, next, NSEC3_HASH) < 0;
    return memcmp(owner, next, NSEC3_HASH) < 0 ? after && before : after || before;
}

static bool too_many(const struct nsec3 *param)
{
    return param->iterations > LIMIT_NSEC3_ITERATIONS;
}

/* Hashes with more iterations than are taken have a budget of their own, for they only tell whether
 * the answer is insecure; it counts the blocks of SHA-1, of which a long salt needs more. */
static bool pay(const struct proofs *p, const struct nsec3 *param)
{
    uint32_t hashes = 1u + param->iterations, blocks = 1 + (NSEC3_HASH + param->salt.n + 8) / 64;
    return too_many(param) ? budget_take(p->budget, BUDGET_LONG_HASHES, hashes * blocks)
                           : budget_take(p->budget, BUDGET_HASHES, hashes);
}

/* The NSEC3 that matches a name, else one that covers it. */
static enum found nsec3_find(const struct proofs *p, const struct nsec3 *param, const uint8_t *name,
                             struct nsec3 *ret)
{
    uint8_t hash[NSEC3_HASH];
    enum found found = FOUND_NONE;
    if (!pay(p, param) ||
        nsec3_hash(p->hasher, name, param->salt, param->iterations, hash) != ST_OK)
        return FOUND_LIMIT;
    for (unsigned i = 0; i < p->n && found != FOUND_MATCH; i++) {
        struct nsec3_at at;
        if (!nsec3_at(p, i, &at) || at.v.iterations != param->iterations ||
            !bytes_equal(at.v.salt, param->salt))
            continue;
        if (memcmp(at.owner, hash, NSEC3_HASH) == 0) {
            found = FOUND_MATCH;
            *ret = at.v;
        } else if (found == FOUND_NONE && between(at.owner, hash, at.v.next.p)) {
            found = FOUND_COVER;
            *ret = at.v;
        }
    }
    return found;
}

/* The closest encloser proof (RFC 5155 section 8.3): the longest ancestor that exists, and the name
 * one label longer that does not. */
struct enclosing {
    unsigned labels; /* of the closest encloser */
    bool opt_out;    /* of the span that covers the next closer name */
};

/* An encloser that exists and a name one label longer that does not. */
static enum proof enclosed(unsigned labels, const struct nsec3 *encloser, const struct nsec3 *cover,
                           struct enclosing *ret)
{
    *ret = (struct enclosing){labels, cover->flags & FLAG_OPT_OUT};
    return hides_below(encloser->bitmap) ? PROOF_FAILS : PROOF_HOLDS;
}

/* Looks from the zone downwards and from the name upwards in turn, for below a name that does not
 * exist nothing does: so a question with a hundred labels below what exists, which costs an
 * attacker nothing (CVE-2023-50868), costs two hashes more, and one below a deep name does, too. */
static enum proof nsec3_enclose(const struct proofs *p, const struct nsec3 *param,
                                const uint8_t *name, struct enclosing *ret)
{
    unsigned all = name_labels(name), low = name_labels(p->zone), high = all;
    struct nsec3 v, above = {0}, below = {0}; /* at low - 1 and at high + 1 */
    enum found up = FOUND_NONE, down = FOUND_NONE;
    while (low <= high) {
        enum found f = nsec3_find(p, param, name_skip(name, all - low), &v);
        if (f == FOUND_LIMIT)
            return PROOF_LIMIT;
        if (f == FOUND_COVER && up == FOUND_MATCH)
            return enclosed(low - 1, &above, &v, ret);
        up = f;
        if (f != FOUND_NONE)
            above = v;
        if (low++ == high)
            break;
        f = nsec3_find(p, param, name_skip(name, all - high), &v);
        if (f == FOUND_LIMIT)
            return PROOF_LIMIT;
        if (f == FOUND_MATCH)
            return down == FOUND_COVER ? enclosed(high, &v, &below, ret) : PROOF_FAILS;
        down = f;
        if (f != FOUND_NONE)
            below = v;
        high--;
    }
    return up == FOUND_MATCH && down == FOUND_COVER ? enclosed(low - 1, &above, &below, ret)
                                                    : PROOF_FAILS;
}

static enum proof nsec3_no_name(const struct proofs *p, const struct nsec3 *param,
                                const uint8_t *name)
{
    struct enclosing e;
    struct name wild;
    struct nsec3 v;
    enum proof r = nsec3_enclose(p, param, name, &e);
    if (r != PROOF_HOLDS)
        return r;
    if (!wildcard_of(name, e.labels, &wild))
        return PROOF_FAILS;
    enum found f = nsec3_find(p, param, wild.w, &v);
    if (f != FOUND_COVER)
        return f == FOUND_LIMIT ? PROOF_LIMIT : PROOF_FAILS;
    return e.opt_out ? PROOF_OPT_OUT : PROOF_HOLDS;
}

/* Sections 8.5 to 8.7. */
static enum proof nsec3_no_type(const struct proofs *p, const struct nsec3 *param,
                                const uint8_t *name, uint16_t type)
{
    struct enclosing e;
    struct name wild;
    struct nsec3 v;
    enum found f = nsec3_find(p, param, name, &v);
    if (f == FOUND_LIMIT)
        return PROOF_LIMIT;
    if (f == FOUND_MATCH)
        return denies(v.bitmap, type, name_is_root(name)) ? PROOF_HOLDS : PROOF_FAILS;
    enum proof r = nsec3_enclose(p, param, name, &e);
    if (r != PROOF_HOLDS)
        return r;
    if (type == RR_DS && e.opt_out)
        return PROOF_OPT_OUT;
    if (!wildcard_of(name, e.labels, &wild))
        return PROOF_FAILS;
    f = nsec3_find(p, param, wild.w, &v);
    if (f == FOUND_LIMIT)
        return PROOF_LIMIT;
    /* The name may be an empty non-terminal that opt-out left out (RFC 5155 section 7.1). */
    if (e.opt_out)
        return PROOF_OPT_OUT;
    return f == FOUND_MATCH && denies(v.bitmap, type, false) ? PROOF_HOLDS : PROOF_FAILS;
}

/* --- Both --- */

/* What records with too many iterations prove makes the answer insecure, no more; what they do not
 * prove they do not make so either: a record of another name, replayed, downgrades nothing (RFC
 * 9276 section 3.2). */
static enum proof weakened(const struct nsec3 *param, enum proof p)
{
    return too_many(param) && (p == PROOF_HOLDS || p == PROOF_OPT_OUT) ? PROOF_ITERATIONS : p;
}

/* More than RFC 5155 section 10.3 ever allowed: not even looked at, and insecure. */
static bool hopeless(const struct nsec3 *param)
{
    return param->iterations > LIMIT_NSEC3_ITERATIONS_MOST;
}

bool proof_nxname(const struct proofs *p, const uint8_t *name)
{
    struct nsec v;
    return nsec_match(p, name, &v) && bitmap_has(v.bitmap, TYPE_NXNAME);
}

enum proof proof_no_name(const struct proofs *p, const uint8_t *name)
{
    struct nsec3_at at;
    if (!name_in(name, p->zone))
        return PROOF_FAILS;
    if (nsec_no_name(p, name))
        return PROOF_HOLDS;
    if (!nsec3_first(p, &at))
        return PROOF_FAILS;
    return hopeless(&at.v) ? PROOF_ITERATIONS : weakened(&at.v, nsec3_no_name(p, &at.v, name));
}

enum proof proof_no_type(const struct proofs *p, const uint8_t *name, uint16_t type)
{
    struct nsec3_at at;
    if (!name_in(name, p->zone))
        return PROOF_FAILS;
    if (nsec_no_type(p, name, type))
        return PROOF_HOLDS;
    if (!nsec3_first(p, &at))
        return PROOF_FAILS;
    return hopeless(&at.v) ? PROOF_ITERATIONS
                           : weakened(&at.v, nsec3_no_type(p, &at.v, name, type));
}

enum proof proof_expansion(const struct proofs *p, const uint8_t *name, unsigned labels)
{
    struct nsec3_at at;
    struct nsec3 v;
    unsigned encloser, all = name_labels(name);
    if (!name_in(name, p->zone) || labels >= all)
        return PROOF_FAILS;
    /* The closest encloser is the wildcard's parent: nothing between exists. */
    const uint8_t *next_closer = name_skip(name, all - labels - 1);
    if (nsec_cover(p, name, &encloser))
        return encloser == labels ? PROOF_HOLDS : PROOF_FAILS;
    if (!nsec3_first(p, &at))
        return PROOF_FAILS;
    if (hopeless(&at.v))
        return PROOF_ITERATIONS;
    enum found f = nsec3_find(p, &at.v, next_closer, &v);
    if (f != FOUND_COVER)
        return f == FOUND_LIMIT ? PROOF_LIMIT : PROOF_FAILS;
    return weakened(&at.v, v.flags & FLAG_OPT_OUT ? PROOF_OPT_OUT : PROOF_HOLDS);
}

static bool is_unsigned_cut(struct bytes bitmap)
{
    return bitmap_has(bitmap, RR_NS) && !bitmap_has(bitmap, RR_DS) && !bitmap_has(bitmap, RR_SOA);
}

enum proof proof_unsigned(const struct proofs *p, const uint8_t *name)
{
    struct nsec nsec;
    struct nsec3_at at;
    struct nsec3 v;
    struct enclosing e;
    if (!name_in(name, p->zone) || name_equal(name, p->zone))
        return PROOF_FAILS;
    if (nsec_match(p, name, &nsec))
        return is_unsigned_cut(nsec.bitmap) ? PROOF_HOLDS : PROOF_FAILS;
    if (!nsec3_first(p, &at))
        return PROOF_FAILS;
    if (hopeless(&at.v))
        return PROOF_ITERATIONS;
    enum found f = nsec3_find(p, &at.v, name, &v);
    if (f == FOUND_MATCH)
        return is_unsigned_cut(v.bitmap) ? weakened(&at.v, PROOF_HOLDS) : PROOF_FAILS;
    if (f == FOUND_LIMIT)
        return PROOF_LIMIT;
    enum proof why = nsec3_enclose(p, &at.v, name, &e);
    if (why != PROOF_HOLDS)
        return why;
    return e.opt_out ? weakened(&at.v, PROOF_OPT_OUT) : PROOF_FAILS;
}
