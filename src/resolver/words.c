/* Verdicts in plain words: what is wrong with whose signature, and since when. */
#include "resolver/machine.h"

#include "base/when.h"
#include "crypto/key.h"
#include "dnssec/dnskey.h"

/* Times in signatures are 32 bits, near now (RFC 4034 section 3.1.5). */
static uint64_t full_time(uint32_t time, struct now now)
{
    return now.wall_s + (uint64_t)(int64_t)(int32_t)(time - (uint32_t)now.wall_s);
}

static void key_words(uint16_t tag, uint8_t algorithm, struct text *t)
{
    text_fmt(t, "key %u", tag);
    if (algorithm != 0) {
        const char *name = sec_algorithm_name(algorithm);
        if (name != NULL)
            text_fmt(t, " (%s)", name);
        else
            text_fmt(t, " (algorithm %u)", algorithm);
    }
}

void signature_words(const struct trust_result *by, struct now now, struct text *t)
{
    key_words(by->tag, by->algorithm, t);
    if (by->expiration == 0 && by->inception == 0)
        return;
    int32_t left = (int32_t)(by->expiration - (uint32_t)now.wall_s);
    text_str(t, ", signature valid for ");
    when_length(left > 0 ? (uint64_t)left : 0, t);
    text_str(t, " more");
}

static void time_words(uint32_t time, struct now now, struct text *t)
{
    when_text(full_time(time, now), t);
}

static void set_words(const struct verdict *v, struct text *t)
{
    name_text(v->owner.w, t);
    text_char(t, ' ');
    rr_type_text(v->type, t);
}

static void time_is_wrong(const struct verdict *v, const uint8_t *zone, struct now now,
                          struct text *t)
{
    bool early = v->reason == TRUST_NOT_YET;
    uint32_t wall = (uint32_t)now.wall_s;
    text_str(t, "the signature of ");
    set_words(v, t);
    text_str(t, " by ");
    key_words(v->by.tag, v->by.algorithm, t);
    text_str(t, early ? " becomes valid only in " : " expired ");
    when_length(early ? v->by.inception - wall : wall - v->by.expiration, t);
    text_str(t, early ? ", on " : " ago, on ");
    time_words(early ? v->by.inception : v->by.expiration, now, t);
    if (zone == NULL || !name_is_root(zone))
        return;
    /* The root is signed well: then it is not the root that is wrong. */
    text_str(t, "; the clock of this machine says ");
    time_words(wall, now, t);
    text_str(t, ": that is probably wrong");
}

void verdict_words(const struct verdict *v, const uint8_t *zone, struct now now, struct text *t)
{
    switch (v->reason) {
    case TRUST_EXPIRED:
    case TRUST_NOT_YET:
        time_is_wrong(v, zone, now, t);
        return;
    case TRUST_BAD_SIGNATURE:
    case TRUST_NEVER:
    case TRUST_LABELS:
    case TRUST_NO_KEY:
    case TRUST_WRONG_SIGNER:
    case TRUST_NO_SIGNATURE:
    case TRUST_NO_ZONE_KEY:
    case TRUST_PROTOCOL:
    case TRUST_REVOKED:
        text_str(t, "the signature of ");
        set_words(v, t);
        if (v->by.tag != 0) {
            text_str(t, " by ");
            key_words(v->by.tag, v->by.algorithm, t);
        }
        text_fmt(t, " %s", trust_reason_text(v->reason));
        if (v->reason == TRUST_NO_SIGNATURE && zone != NULL) {
            text_str(t, ", though ");
            name_text(zone, t);
            text_str(t, " is signed");
        }
        return;
    case TRUST_NO_PROOF:
        name_text(zone != NULL ? zone : v->owner.w, t);
        text_str(t, " does not prove that there is no ");
        set_words(v, t);
        return;
    case TRUST_OPT_OUT:
        /* Of a delegation, or of a name about which the zone asked is silent. */
        text_str(t, zone == NULL || name_equal(zone, v->owner.w) ? "the parent of " : "the zone ");
        name_text(zone != NULL ? zone : v->owner.w, t);
        text_str(t, " leaves unsigned delegations out of what it proves (NSEC3 with opt-out, RFC "
                    "5155), so ");
        name_text(v->owner.w, t);
        text_str(t, " counts as not signed");
        return;
    default:
        text_str(t, "the zone ");
        name_text(zone != NULL ? zone : v->owner.w, t);
        text_fmt(t, " %s", trust_reason_text(v->reason));
        if (v->reason == TRUST_NO_REPLY) {
            text_str(t, " for ");
            set_words(v, t);
        }
        if (v->by.tag != 0) {
            text_str(t, " (");
            key_words(v->by.tag, v->by.algorithm, t);
            text_char(t, ')');
        }
        return;
    }
}

/* --- Answers that are served though nobody has validated them --- */

enum { LISTED = 4 };

static void listed(unsigned *seen, unsigned *n, uint8_t value, bool digest, struct text *t)
{
    const char *name = digest ? NULL : sec_algorithm_name(value);
    for (unsigned i = 0; i < *n; i++)
        if (seen[i] == value)
            return;
    if (*n == LISTED)
        return;
    text_fmt(t, "%s%u", *n > 0 ? ", " : " ", value);
    if (name != NULL || (digest && (value == DS_SHA1 || value == DS_SHA256 || value == DS_SHA384)))
        text_fmt(t, " (%s)",
                 !digest              ? name
                 : value == DS_SHA1   ? "SHA-1"
                 : value == DS_SHA256 ? "SHA-256"
                                      : "SHA-384");
    seen[(*n)++] = value;
}

/* What a DS set is made with that is not supported here. */
static void ds_words(const struct rrset *ds, bool digest, struct text *t)
{
    unsigned seen[LISTED], n = 0;
    struct rdata_iter it = rdata_iter(ds);
    struct ds d;
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (ds_read(rd, &d))
            listed(seen, &n, digest ? d.digest_type : d.algorithm, digest, t);
}

/* The one reason that whoever runs the resolver can do something about (RFC 9905). */
static bool only_rsa_sha1(const struct rrset *ds)
{
    struct rdata_iter it = rdata_iter(ds);
    struct ds d;
    bool any = false;
    for (struct bytes rd; rdata_iter_next(&it, &rd); any = true)
        if (!ds_read(rd, &d) ||
            (d.algorithm != SEC_RSASHA1 && d.algorithm != SEC_RSASHA1_NSEC3_SHA1))
            return false;
    return any;
}

static void zone_words(const struct insecure *i, struct text *t)
{
    text_str(t, i->unsure ? "the zone with " : "the zone ");
    name_text(i->zone, t);
}

void insecure_words(const struct insecure *i, struct text *t)
{
    switch (i->reason) {
    case TRUST_ALGORITHM:
        zone_words(i, t);
        text_str(t, " is signed only with algorithm");
        if (i->ds != NULL)
            ds_words(i->ds, false, t);
        else
            text_str(t, "s");
        text_str(t, i->ds != NULL && only_rsa_sha1(i->ds)
                        ? ", which is switched off here (resolver.rsa-sha1)"
                        : ", not supported here");
        break;
    case TRUST_DIGEST:
        text_str(t, "the DS of ");
        zone_words(i, t);
        text_str(t, " has only digest type");
        if (i->ds != NULL)
            ds_words(i->ds, true, t);
        else
            text_str(t, "s");
        text_str(t, ", not supported here");
        break;
    case TRUST_ITERATIONS:
        zone_words(i, t);
        if (i->iterations > 0)
            text_fmt(t, " has %u NSEC3 iterations", i->iterations);
        else
            text_str(t, " has more NSEC3 iterations than are taken here");
        text_fmt(t, " (at most %d are checked, RFC 9276)", LIMIT_NSEC3_ITERATIONS);
        break;
    case TRUST_NEGATIVE_ANCHOR:
        text_str(t, "validation of ");
        name_text(i->zone, t);
        text_str(t, " is switched off by this resolver's operator");
        if (i->until_s != 0 && i->until_s != UINT64_MAX) {
            text_str(t, " until ");
            when_text(i->until_s, t);
        }
        text_str(t, " (negative trust anchor, RFC 7646)");
        break;
    default:
        text_str(t, "the zone ");
        name_text(i->zone, t);
        text_fmt(t, " %s", trust_reason_text(i->reason));
    }
    text_str(t, ": the answer is served unvalidated");
}

bool insecure_nsec3(const struct rrset *set, struct insecure *ret)
{
    struct rdata_iter it = rdata_iter(set);
    struct nsec3 v;
    struct bytes rd;
    if (set->type != RR_NSEC3 || name_is_root(set->owner) || !rdata_iter_next(&it, &rd) ||
        !nsec3_read(rd, &v) || v.iterations <= LIMIT_NSEC3_ITERATIONS)
        return false;
    ret->zone = name_parent(set->owner);
    ret->iterations = v.iterations;
    ret->unsure = false;
    return true;
}

void insecure_find(const struct insecure_where *w, const uint8_t *name, uint16_t type,
                   enum trust_reason why, struct now now, struct insecure *ret)
{
    struct resolver *r = w->r;
    struct cache_entry *e = arena_alloc(&r->scratch, sizeof *e);
    *ret = (struct insecure){
        .reason = why, .zone = w->zone != NULL ? w->zone : name, .unsure = w->zone == NULL};
    if (why == TRUST_NEGATIVE_ANCHOR) {
        const struct negative_anchor *n = negative_anchor(r, name, now);
        if (n != NULL)
            ret->zone = n->name.w;
        ret->until_s = n != NULL ? n->until_s : 0;
        ret->unsure = n == NULL;
        return;
    }
    for (unsigned i = 0; w->reply != NULL && why == TRUST_ITERATIONS && i < w->reply->n; i++)
        if (insecure_nsec3(&w->reply->set[i].set, ret))
            return;
    if (e == NULL)
        return;
    if (why == TRUST_ITERATIONS &&
        cache_get_more(w->cache, name, type, CLASS_IN, now, &r->scratch, e) != CACHE_NONE)
        for (unsigned i = 0; i < e->more_count; i++)
            if (insecure_nsec3(&e->more[i], ret))
                return;
    for (const uint8_t *n = name; why == TRUST_ALGORITHM || why == TRUST_DIGEST;
         n = name_parent(n)) {
        if (cache_get(w->cache, n, RR_DS, CLASS_IN, now, &r->scratch, e) == CACHE_RRSET &&
            e->trust == CACHE_SECURE) {
            struct rrset *ds = arena_alloc(&r->scratch, sizeof *ds);
            if (ds != NULL)
                *ds = e->set;
            ret->zone = n;
            ret->ds = ds;
            ret->unsure = false;
            return;
        }
        if (name_is_root(n) || name_equal(n, ret->zone == name ? name_root : ret->zone))
            return;
    }
}

void note_insecure(struct resolver *r, struct lookup *l, enum trust_reason why, struct now now)
{
    const struct insecure_where w = {.r = r, .cache = l->job->cache};
    struct insecure i;
    char buf[WORDS_MAX];
    struct text t = text_of(buf, sizeof buf);
    if (!l->job->trace.armed)
        return;
    insecure_find(&w, l->at, l->type, why, now, &i);
    insecure_words(&i, &t);
    text_end_cut(&t);
    struct trace_detail d = {
        .name = l->at, .type = l->type, .zone = i.zone, .value = (uint32_t)why, .text = buf};
    note(l, now, WHY_INSECURE, &d);
}
