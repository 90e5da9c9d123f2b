/* Signatures: every authoritative RRset has a good one of every algorithm of the DNSKEY set, and
 * nothing else has any (RFC 4035 section 2.2, RFC 6840 section 5.11). */
#include "base/when.h"
#include "dnssec/verify_impl.h"

#include <stdio.h>
#include <string.h>

/* Beside an enum verify_code. */
enum { WELL = -1, UNVERIFIED = -2 };

/* One RRset under scrutiny. */
struct scrutiny {
    const struct rrset *set;
    uint32_t rank;
    char what[24];         /* its type */
    uint8_t good[256 / 8]; /* algorithms with a good signature */
    uint8_t told[256 / 8]; /* algorithms of which something was told */
};

static void bit_set(uint8_t *bits, uint8_t i)
{
    bits[i / 8] |= (uint8_t)(1u << i % 8);
}

static bool bit_has(const uint8_t *bits, uint8_t i)
{
    return bits[i / 8] >> i % 8 & 1;
}

/* Seconds since 1970 nearest to now (RFC 4034 section 3.1.5). */
static uint64_t moment(uint64_t now, uint32_t serial)
{
    return now + (uint64_t)(int64_t)(int32_t)(serial - (uint32_t)now);
}

/* What the fields alone say: WELL or an enum verify_code. */
static int judge_fields(const struct verifier *v, const struct rrset *set, const struct rrsig *s)
{
    if (!name_equal(s->signer, zone_origin(v->z)))
        return VERIFY_RRSIG_SIGNER;
    if (s->labels != name_labels(set->owner) - name_is_wildcard(set->owner))
        return VERIFY_RRSIG_LABELS;
    switch (rrsig_time(s, (uint32_t)v->opt->now)) {
    case RRSIG_EXPIRED:
        return VERIFY_RRSIG_EXPIRED;
    case RRSIG_NOT_YET:
        return VERIFY_RRSIG_EARLY;
    case RRSIG_NEVER:
        return VERIFY_RRSIG_TIMES;
    case RRSIG_VALID:
        break;
    }
    return s->original_ttl == set->ttl ? WELL : VERIFY_RRSIG_TTL;
}

/* Tries the keys of this tag. *ret_zone: the key is one that may sign the zone. */
static int judge_key(struct verifier *v, struct verify_lane *l, const struct rrset *set,
                     const struct rrsig *s, bool *ret_zone)
{
    int res = VERIFY_RRSIG_KEY;
    for (unsigned i = 0; i < v->keys; i++) {
        struct verify_key *k = &v->key[i];
        if (k->k.tag != s->tag || k->k.algorithm != s->algorithm)
            continue;
        *ret_zone = k->zone;
        if (!k->zone && !k->revoked) {
            res = VERIFY_RRSIG_NOT_ZONE;
            continue;
        }
        if (k->revoked && set->type != RR_DNSKEY) {
            res = VERIFY_RRSIG_REVOKED;
            continue;
        }
        if (k->unknown)
            return UNVERIFIED;
        res = VERIFY_RRSIG_BOGUS;
        if (k->key == NULL)
            continue;
        enum status st = rrsig_verify(l->key[i], set, s, &l->buffer);
        if (st == ST_ENOMEM)
            verify_fail(v, st);
        if (st != ST_OK)
            continue;
        if (set->type == RR_DNSKEY)
            k->signs_keys = true;
        return WELL;
    }
    return res;
}

static void tell_bad(struct verifier *v, struct verify_lane *l, const struct scrutiny *c,
                     const struct rrsig *s, int code)
{
    char owner[NAME_TEXT_MAX], signer[NAME_TEXT_MAX], length[64] = "";
    struct text t = text_of(length, sizeof length);
    enum severity sev = SEV_ERROR;
    uint64_t now = v->opt->now;
    name_str(l->owner, owner);
    /* Validators need but one (RFC 4035 section 5.3.3); what no signer makes is wrong all the same.
     */
    if (bit_has(c->good, s->algorithm) &&
        (code == VERIFY_RRSIG_EXPIRED || code == VERIFY_RRSIG_EARLY || code == VERIFY_RRSIG_KEY))
        sev = SEV_WARNING;
    if (code == VERIFY_RRSIG_KEY && !v->needed[s->algorithm])
        sev = SEV_WARNING; /* signatures come before their key (RFC 6781 section 4.1.4) */
#define BAD(fmt, ...)                                                                              \
    verify_tell_as(v, l, sev, (enum verify_code)code, c->rank, c->set->type,                       \
                   "the signature of %.160s %s by key %u " fmt, owner, c->what, s->tag,            \
                   __VA_ARGS__)
    switch (code) {
    case VERIFY_RRSIG_EXPIRED:
        when_length(now - moment(now, s->expiration), &t);
        BAD("expired %s ago", text_cstr(&t));
        break;
    case VERIFY_RRSIG_EARLY:
        when_length(moment(now, s->inception) - now, &t);
        BAD("is not valid for another %s", text_cstr(&t));
        break;
    case VERIFY_RRSIG_TIMES:
        BAD("%s", "ends before it begins");
        break;
    case VERIFY_RRSIG_SIGNER:
        BAD("says that %.100s signs", name_str(s->signer, signer));
        break;
    case VERIFY_RRSIG_LABELS:
        BAD("counts %u labels instead of %u", s->labels,
            name_labels(l->owner) - name_is_wildcard(l->owner));
        break;
    case VERIFY_RRSIG_TTL:
        BAD("is of the TTL %u, but the TTL is %u", s->original_ttl, c->set->ttl);
        break;
    case VERIFY_RRSIG_KEY:
        BAD("is of no key in the zone (algorithm %u)", s->algorithm);
        break;
    case VERIFY_RRSIG_REVOKED:
        BAD("%s", "is of a revoked key");
        break;
    case VERIFY_RRSIG_NOT_ZONE:
        BAD("%s", "is of a key that is no zone key");
        break;
    default:
        BAD("%s", "is wrong");
    }
#undef BAD
}

/* The algorithms that have no good signature, and of which nothing was said. */
static void tell_missing(struct verifier *v, struct verify_lane *l, const struct scrutiny *c,
                         bool none)
{
    char owner[NAME_TEXT_MAX];
    name_str(l->owner, owner);
    if (none) {
        verify_tell(v, l, VERIFY_RRSIG_MISSING, c->rank, c->set->type, "%.200s %s has no signature",
                    owner, c->what);
        return;
    }
    for (unsigned a = 0; a < 256; a++) {
        const char *name = sec_algorithm_name((uint8_t)a);
        if (v->needed[a] && !bit_has(c->good, (uint8_t)a) && !bit_has(c->told, (uint8_t)a))
            verify_tell(v, l, VERIFY_RRSIG_ALGORITHM, c->rank, c->set->type,
                        "%.200s %s has no signature of algorithm %u%s%s", owner, c->what, a,
                        name != NULL ? ", " : "", name != NULL ? name : "");
    }
}

static void verify_set(struct verifier *v, struct verify_lane *l, const struct rrset *set,
                       const struct rrset *sigs, uint32_t rank)
{
    struct scrutiny c = {.set = set, .rank = rank};
    int judged[LIMIT_ZONE_SIGNATURES];
    unsigned i = 0;
    rr_type_str(set->type, c.what);
    l->sum.rrsets++;
    struct rdata_iter it = rdata_iter(sigs);
    for (struct bytes rd; i < LIMIT_ZONE_SIGNATURES && rdata_iter_next(&it, &rd); i++) {
        struct rrsig s;
        bool zone = false;
        if (!rrsig_read(rd, &s)) {
            judged[i] = VERIFY_RRSIG_BOGUS;
            continue;
        }
        judged[i] = judge_fields(v, set, &s);
        if (judged[i] == WELL)
            judged[i] = judge_key(v, l, set, &s, &zone);
        if (judged[i] == WELL || judged[i] == UNVERIFIED) {
            uint64_t expires = moment(v->opt->now, s.expiration);
            *(judged[i] == WELL ? &l->sum.signatures : &l->sum.unknown) += 1;
            if (l->sum.expires == 0 || expires < l->sum.expires)
                l->sum.expires = expires;
            if (zone)
                bit_set(c.good, s.algorithm);
        } else {
            bit_set(c.told, s.algorithm);
        }
    }
    it = rdata_iter(sigs);
    i = 0;
    for (struct bytes rd; i < LIMIT_ZONE_SIGNATURES && rdata_iter_next(&it, &rd); i++) {
        struct rrsig s;
        if (judged[i] >= 0 && rrsig_read(rd, &s))
            tell_bad(v, l, &c, &s, judged[i]);
    }
    if (sigs->count > LIMIT_ZONE_SIGNATURES)
        verify_tell(v, l, VERIFY_RRSIG_MANY, rank, set->type,
                    "%s has %u signatures; %d are looked at", c.what, sigs->count,
                    LIMIT_ZONE_SIGNATURES);
    tell_missing(v, l, &c, sigs->count == 0);
}

/* --- What is to be signed --- */

static void misplaced(struct verifier *v, struct verify_lane *l, const struct zone_node *n,
                      uint16_t type)
{
    char owner[NAME_TEXT_MAX], what[24];
    enum verify_name kind = verify_kind(v, zone_node_rank(n));
    uint32_t rank = zone_node_rank(n);
    name_str(l->owner, owner);
    rr_type_str(type, what);
    if (kind == NAME_HIDDEN)
        verify_tell(v, l, VERIFY_RRSIG_BELOW, rank, RR_RRSIG,
                    "%.200s %s has a signature, but lies below a delegation or DNAME", owner, what);
    else
        verify_tell(v, l, VERIFY_RRSIG_AT_CUT, rank, RR_RRSIG,
                    "%.200s %s has a signature, but belongs to the delegated zone", owner, what);
}

/* True if the zone is authoritative for a set of this type at a name of this kind. */
static bool authoritative(enum verify_name kind, uint16_t type)
{
    if (kind == NAME_SECURE || kind == NAME_INSECURE)
        return type == RR_DS || type == RR_NSEC || type == RR_NSEC3;
    return kind != NAME_HIDDEN;
}

static void check_ds(struct verifier *v, struct verify_lane *l, const struct zone_node *n)
{
    char owner[NAME_TEXT_MAX];
    if (!zone_node_cut(n))
        verify_tell(v, l, VERIFY_DS_PLACE, zone_node_rank(n), RR_DS,
                    "%.200s has DS, but is no delegation", name_str(l->owner, owner));
}

/* Signatures without what they cover. */
static void check_orphan(struct verifier *v, struct verify_lane *l, const struct zone_node *n,
                         uint16_t covered)
{
    char owner[NAME_TEXT_MAX], what[24];
    struct rrset set;
    if (covered != RR_RRSIG && zone_rrset(v->z, n, covered, l->owner, &set))
        return;
    verify_tell(v, l, VERIFY_RRSIG_ORPHAN, zone_node_rank(n), RR_RRSIG,
                "%.200s has a signature of %s, which is not there", name_str(l->owner, owner),
                rr_type_str(covered, what));
}

void verify_sets(struct verifier *v, struct verify_lane *l, const struct zone_node *n)
{
    uint32_t cursor = 0, rank = zone_node_rank(n);
    enum verify_name kind = verify_kind(v, rank);
    struct rrset set, sigs;
    while (zone_rrset_next(v->z, n, l->owner, &cursor, &set)) {
        if (set.type == RR_RRSIG) {
            uint16_t covered = get_be16(set.rdata + 2);
            if (kind == NAME_HIDDEN || !authoritative(kind, covered))
                misplaced(v, l, n, covered);
            else
                check_orphan(v, l, n, covered);
            continue;
        }
        if (!authoritative(kind, set.type))
            continue;
        if (set.type == RR_DS)
            check_ds(v, l, n);
        if (!zone_rrsig(v->z, n, set.type, l->owner, &sigs))
            sigs = (struct rrset){0};
        verify_set(v, l, &set, &sigs, rank);
    }
}
