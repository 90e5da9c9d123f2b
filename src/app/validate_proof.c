/* What each denial record of a reply says of a name, and in words. Whether a proof holds is decided
 * in dnssec/proof.c; this finds the records that it hangs on, for people to see. */
#include "app/validate.h"

#include "base/codec.h"
#include "dns/rr_type.h"

#include <string.h>

enum { PARTS_MAX = 32, HASH_SHOWN = 8, OPT_OUT = 1 };

/* A record that is well signed. */
struct denial {
    struct rrset set;
    bool hashed;
    struct nsec nsec;
    struct nsec3 nsec3;
    uint8_t owner[NSEC3_HASH];
};

struct finder {
    struct denial d[LIMIT_PROOF_RECORDS];
    unsigned n;
    const uint8_t *zone;
    struct nsec3_hasher *hasher;
    struct budget *budget;
    struct proof_part *part;
    unsigned parts;
};

static bool read_denial(const struct reply_set *s, struct denial *ret)
{
    struct rdata_iter it = rdata_iter(&s->set);
    struct bytes rd;
    ret->set = s->set;
    ret->hashed = s->set.type == RR_NSEC3;
    if (!rdata_iter_next(&it, &rd))
        return false;
    if (!ret->hashed)
        return s->set.type == RR_NSEC && nsec_read(rd, &ret->nsec);
    return nsec3_read(rd, &ret->nsec3) && ret->nsec3.next.n == NSEC3_HASH &&
           nsec3_owner_hash(s->set.owner, ret->owner);
}

static void add(struct finder *f, const struct denial *d, enum proof_role role, const uint8_t *of)
{
    if (f->parts == PARTS_MAX)
        return;
    struct proof_part *p = &f->part[f->parts++];
    *p = (struct proof_part){role, d->set, {{0}}, d->hashed && (d->nsec3.flags & OPT_OUT)};
    name_copy(p->of.w, of);
}

static bool wildcard_of(const uint8_t *encloser, struct name *ret)
{
    return name_prepend(bytes_str("*"), encloser, ret) == ST_OK;
}

/* --- NSEC --- */

static bool lies_between(const struct finder *f, const struct denial *d, const uint8_t *name)
{
    return name_compare(d->set.owner, name) < 0 &&
           (name_compare(name, d->nsec.next) < 0 || name_equal(d->nsec.next, f->zone));
}

static const struct denial *plain_about(const struct finder *f, const uint8_t *name, bool *at)
{
    for (unsigned i = 0; i < f->n; i++) {
        *at = name_equal(f->d[i].set.owner, name);
        if (!f->d[i].hashed && (*at || lies_between(f, &f->d[i], name)))
            return &f->d[i];
    }
    return NULL;
}

static void find_plain(struct finder *f, const uint8_t *name)
{
    bool at;
    struct name wild;
    const struct denial *d = plain_about(f, name, &at);
    if (d == NULL)
        return;
    if (at || name_in(d->nsec.next, name)) {
        add(f, d, at ? PROOF_AT : PROOF_EMPTY, name);
        return;
    }
    add(f, d, PROOF_COVERS, name);
    unsigned a = name_common(name, d->set.owner), b = name_common(name, d->nsec.next);
    if (!wildcard_of(name_skip(name, name_labels(name) - MAX(a, b)), &wild))
        return;
    d = plain_about(f, wild.w, &at);
    if (d != NULL)
        add(f, d, at ? PROOF_WILD_AT : PROOF_WILD_COVERS, wild.w);
}

/* --- NSEC3 --- */

static bool hash_between(const struct denial *d, const uint8_t *hash)
{
    const uint8_t *next = d->nsec3.next.p;
    bool after = memcmp(hash, d->owner, NSEC3_HASH) > 0,
         before = memcmp(hash, next, NSEC3_HASH) < 0;
    return memcmp(d->owner, next, NSEC3_HASH) < 0 ? after && before : after || before;
}

static const struct denial *hashed_about(const struct finder *f, const uint8_t *name, bool *at)
{
    uint8_t hash[NSEC3_HASH];
    const struct denial *first = NULL;
    for (unsigned i = 0; i < f->n && first == NULL; i++)
        first = f->d[i].hashed ? &f->d[i] : NULL;
    if (first == NULL || first->nsec3.iterations > LIMIT_NSEC3_ITERATIONS ||
        !budget_take(f->budget, BUDGET_HASHES, 1u + first->nsec3.iterations) ||
        nsec3_hash(f->hasher, name, first->nsec3.salt, first->nsec3.iterations, hash) != ST_OK)
        return NULL;
    const struct denial *covers = NULL;
    for (unsigned i = 0; i < f->n; i++) {
        const struct denial *d = &f->d[i];
        if (!d->hashed)
            continue;
        *at = memcmp(d->owner, hash, NSEC3_HASH) == 0;
        if (*at)
            return d;
        if (hash_between(d, hash))
            covers = d;
    }
    return covers;
}

static void find_hashed(struct finder *f, const uint8_t *name)
{
    unsigned all = name_labels(name), zone = name_labels(f->zone);
    bool at = false;
    struct name wild;
    const struct denial *d = hashed_about(f, name, &at), *below = d;
    if (d != NULL && at) {
        add(f, d, PROOF_AT, name);
        return;
    }
    for (unsigned labels = all; labels-- > zone;) {
        const uint8_t *above = name_skip(name, all - labels);
        d = hashed_about(f, above, &at);
        if (d != NULL && at) {
            add(f, d, PROOF_ENCLOSER, above);
            if (below != NULL)
                add(f, below, PROOF_COVERS, name_skip(name, all - labels - 1));
            if (wildcard_of(above, &wild) && (d = hashed_about(f, wild.w, &at)) != NULL)
                add(f, d, at ? PROOF_WILD_AT : PROOF_WILD_COVERS, wild.w);
            return;
        }
        below = d;
    }
    /* The answer of a wildcard comes without its closest encloser (RFC 5155 section 7.2.6). */
    d = hashed_about(f, name, &at);
    if (d != NULL)
        add(f, d, PROOF_COVERS, name);
}

unsigned proof_parts(const struct judge *j, struct zone_keys *keys, const struct reply *r,
                     const uint8_t *name, struct arena *a, const struct proof_part **ret,
                     struct trust_result *by)
{
    struct finder *f = arena_zalloc(a, sizeof *f);
    *by = (struct trust_result){0};
    *ret = NULL;
    if (f == NULL || (f->part = arena_alloc(a, PARTS_MAX * sizeof *f->part)) == NULL)
        return 0;
    f->zone = zone_keys_name(keys);
    f->hasher = j->hasher;
    f->budget = j->budget;
    bool hashed = false;
    for (unsigned i = 0; i < r->n && f->n < LIMIT_PROOF_RECORDS; i++) {
        const struct reply_set *s = &r->set[i];
        struct trust_result t;
        if (s->section != SECTION_AUTHORITY || !read_denial(s, &f->d[f->n]) ||
            rrset_trust(keys, &s->set, &s->sigs, j->rules, j->budget, &t) != ST_OK ||
            t.trust != TRUST_SECURE)
            continue;
        if (f->n++ == 0)
            *by = t;
        hashed |= s->set.type == RR_NSEC3;
    }
    find_plain(f, name);
    if (hashed && name_in(name, f->zone))
        find_hashed(f, name);
    *ret = f->part;
    return f->parts;
}

/* --- In words --- */

/* "A, AAAA, no MX": what there is, without what every name has. */
static void types_text(struct bytes bitmap, uint16_t missing, struct text *out)
{
    char buf[24];
    unsigned n = 0;
    for (unsigned type = 1; type < 65536; type++) {
        if (type == RR_RRSIG || type == RR_NSEC || !bitmap_has(bitmap, (uint16_t)type))
            continue;
        text_fmt(out, "%s%s", n++ > 0 ? ", " : "", rr_type_str((uint16_t)type, buf));
    }
    if (missing != 0 && !bitmap_has(bitmap, missing))
        text_fmt(out, "%sno %s", n > 0 ? ", but " : "", rr_type_str(missing, buf));
    else if (n == 0)
        text_str(out, "nothing");
}

static void hash_text(struct bytes hash, struct text *out)
{
    char buf[64];
    struct text t = text_of(buf, sizeof buf);
    base32hex_text(hash, &t);
    text_bytes(out, buf, MIN(t.n, (size_t)HASH_SHOWN));
    text_str(out, "..");
}

static void span_text(const struct denial *d, bool both, struct text *out)
{
    text_str(out, d->hashed ? "NSEC3 " : "NSEC ");
    if (d->hashed)
        hash_text(bytes_of(d->owner, NSEC3_HASH), out);
    else
        name_text(d->set.owner, out);
    if (!both)
        return;
    text_str(out, " -> ");
    if (d->hashed)
        hash_text(d->nsec3.next, out);
    else
        name_text(d->nsec.next, out);
}

void proof_text(const struct proof_part *p, uint16_t type, struct text *out)
{
    struct reply_set s = {.set = p->set};
    struct denial d;
    if (!read_denial(&s, &d))
        return;
    bool at = p->role == PROOF_AT || p->role == PROOF_WILD_AT;
    span_text(&d, !at && p->role != PROOF_ENCLOSER, out);
    switch (p->role) {
    case PROOF_AT:
    case PROOF_WILD_AT:
        if (d.hashed) {
            text_str(out, " is that of ");
            name_text(p->of.w, out);
        }
        text_str(out, p->role == PROOF_AT ? ": there is " : ": the wildcard has ");
        types_text(d.hashed ? d.nsec3.bitmap : d.nsec.bitmap, type, out);
        break;
    case PROOF_ENCLOSER:
        text_str(out, " matches the closest encloser ");
        name_text(p->of.w, out);
        break;
    case PROOF_EMPTY:
        text_str(out, ": ");
        name_text(p->of.w, out);
        text_str(out, " has no records, only names below it");
        break;
    case PROOF_COVERS:
    case PROOF_WILD_COVERS:
        text_str(out, " covers ");
        name_text(p->of.w, out);
        if (p->opt_out)
            text_str(out, " (opt-out)");
        break;
    }
}
