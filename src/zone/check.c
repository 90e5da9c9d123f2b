/* The checks: one walk over the snapshot; per type a function, per name a few more. */
#include "zone/check.h"

#include "dns/rdata.h"
#include "zone/load_impl.h"
#include "zone/zonemd.h"

#include <stdio.h>
#include <stdlib.h>

enum check {
#define CHECK(name, ...) CHECK_##name,
#include "zone/check.def"
#undef CHECK
    CHECK_COUNT
};

static const struct {
    const char *code;
    enum severity severity;
    const char *hint;
} checks[] = {
#define CHECK(name, code, sev, hint) {code, SEV_##sev, hint},
#include "zone/check.def"
#undef CHECK
};

struct checker {
    const struct zone *z;
    const struct zone_check_options *opt;
    zone_finding_fn *fn;
    void *ctx;
    uint32_t many[CHECK_COUNT]; /* of findings that are told once, with their number */
    struct zone_finding first[CHECK_COUNT];
    struct name first_owner[CHECK_COUNT];
    uint8_t *used; /* by rank in canonical order: an NS names this host */
    const struct zone_node *node;
    uint8_t owner[LIMIT_NAME];
};

/* What is true of a whole signed zone would be told for each of its names. */
static bool told_once(enum check what)
{
    return what == CHECK_RRSIG_EXPIRED || what == CHECK_RRSIG_EARLY || what == CHECK_RRSIG_ORPHAN ||
           what == CHECK_UNSIGNED || what == CHECK_TTL_LONG;
}

static void found(struct checker *c, enum check what, uint16_t type, unsigned nth, const char *fmt,
                  ...) PRINTF_LIKE(5, 6);

static void found(struct checker *c, enum check what, uint16_t type, unsigned nth, const char *fmt,
                  ...)
{
    const char *hint = checks[what].hint;
    struct zone_finding f = {.severity = checks[what].severity,
                             .code = checks[what].code,
                             .owner = c->owner,
                             .type = type,
                             .nth = nth,
                             .hint = hint[0] != '\0' ? hint : NULL};
    char name[NAME_TEXT_MAX];
    int n = snprintf(f.message, sizeof f.message, "%.200s: ", name_str(c->owner, name));
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f.message + n, sizeof f.message - (size_t)n, fmt, ap);
    va_end(ap);
    if (!told_once(what)) {
        c->fn(c->ctx, &f);
    } else if (c->many[what]++ == 0) {
        c->first[what] = f;
        name_copy(c->first_owner[what].w, c->owner);
        c->first[what].owner = c->first_owner[what].w;
    }
}

/* Tells of the first of each kind that comes by the thousand, and how many more there are. */
static void told_rest(struct checker *c)
{
    for (unsigned i = 0; i < CHECK_COUNT; i++) {
        struct zone_finding *f = &c->first[i];
        size_t n = strlen(f->message);
        if (c->many[i] == 0)
            continue;
        if (c->many[i] > 1)
            snprintf(f->message + n, sizeof f->message - n, " (and %u more like it)",
                     c->many[i] - 1);
        c->fn(c->ctx, f);
    }
}

/* --- Names --- */

/* Letters, digits and inner hyphens (RFC 952, RFC 1123 section 2.1). */
static bool hostname_ok(const uint8_t *n)
{
    for (; *n != 0; n += 1 + *n) {
        if (n[1] == '-' || n[*n] == '-')
            return false;
        for (unsigned i = 1; i <= *n; i++) {
            uint8_t l = ascii_lower(n[i]);
            if (!((l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '-'))
                return false;
        }
    }
    return true;
}

/* "192.0.2.1.": no top-level domain is a number. */
static bool looks_like_address(const uint8_t *n)
{
    unsigned labels = name_labels(n), numbers = 0;
    for (; *n != 0; n += 1 + *n) {
        bool digits = true;
        for (unsigned i = 1; i <= *n; i++)
            digits = digits && n[i] >= '0' && n[i] <= '9';
        numbers += digits;
    }
    return labels >= 4 && numbers >= 4;
}

/* ns1.example.org.example.org.: the origin twice. */
static bool dot_missing(const struct checker *c, const uint8_t *n)
{
    const uint8_t *o = zone_origin(c->z);
    unsigned ol = name_labels(o), nl = name_labels(n);
    if (ol < 2 || nl < 2 * ol || !name_in(n, o))
        return false;
    struct name cut;
    uint8_t *p = cut.w;
    const uint8_t *q = n;
    for (unsigned i = 0; i < nl - ol; i++, q += 1 + *q) {
        memcpy(p, q, 1u + *q);
        p += 1 + *q;
    }
    *p = 0;
    return name_in(cut.w, o);
}

static bool has_type(const struct checker *c, const struct zone_node *n, uint16_t type)
{
    struct rrset s;
    return n != NULL && zone_rrset(c->z, n, type, name_root, &s);
}

static bool has_address(const struct checker *c, const struct zone_node *n)
{
    return has_type(c, n, RR_A) || has_type(c, n, RR_AAAA);
}

/* --- Targets of NS, MX, SRV --- */

/* What holds of any name that must be a host; false if there is no more to say about it. */
static bool host_target(struct checker *c, uint16_t type, unsigned nth, const uint8_t *target,
                        enum check alias, struct zone_found *ret)
{
    char t[24], name[NAME_TEXT_MAX];
    rr_type_str(type, t);
    if (looks_like_address(target)) {
        found(c, CHECK_TARGET_ADDRESS, type, nth, "%s names %.120s", t, name_str(target, name));
        return false;
    }
    if (!hostname_ok(target))
        found(c, CHECK_TARGET_HOSTNAME, type, nth, "%s names %.120s, which is no host name", t,
              name_str(target, name));
    if (dot_missing(c, target))
        found(c, CHECK_DOT_MISSING, type, nth, "%s names %.120s", t, name_str(target, name));
    zone_find(c->z, target, ret);
    if ((ret->match == ZONE_EXACT || ret->match == ZONE_WILDCARD) &&
        has_type(c, ret->node, RR_CNAME)) {
        found(c, alias, type, nth, "%s names %.120s, which is a CNAME", t, name_str(target, name));
        return false;
    }
    return ret->match != ZONE_OUTSIDE && ret->match != ZONE_DNAME;
}

static void check_ns(struct checker *c, const struct rrset *s)
{
    bool apex = c->node == zone_apex(c->z);
    unsigned nth = 0;
    struct bytes rd;
    char name[NAME_TEXT_MAX];
    if (apex && s->count == 1)
        found(c, CHECK_NS_SINGLE, RR_NS, 1, "the zone has only one name server");
    if (!apex && name_is_wildcard(c->owner))
        found(c, CHECK_WILDCARD_NS, RR_NS, 1, "NS at a wildcard");
    if (zone_node_hidden(c->node))
        return;
    for (struct rdata_iter it = rdata_iter(s); rdata_iter_next(&it, &rd);) {
        struct zone_found f;
        nth++;
        if (!host_target(c, RR_NS, nth, rd.p, CHECK_NS_CNAME, &f))
            continue;
        const struct zone_node *n = zone_node_of(c->z, rd.p);
        bool addressed = n != NULL && has_address(c, n);
        if (f.match == ZONE_WILDCARD)
            addressed = has_address(c, f.node);
        if (addressed)
            continue;
        name_str(rd.p, name);
        if (f.match != ZONE_DELEGATION)
            found(c, CHECK_NS_NO_ADDRESS, RR_NS, nth, "name server %.150s has no address here",
                  name);
        else if (!apex && f.node == c->node)
            found(c, CHECK_NS_MISSING_GLUE, RR_NS, nth, "name server %.150s has no glue", name);
        else
            found(c, CHECK_NS_SIBLING_GLUE, RR_NS, nth,
                  "name server %.150s, below another delegation, has no glue", name);
    }
}

static void host_needs_address(struct checker *c, uint16_t type, unsigned nth,
                               const uint8_t *target, enum check alias)
{
    struct zone_found f;
    char name[NAME_TEXT_MAX], t[24];
    if (!host_target(c, type, nth, target, alias, &f) || f.match == ZONE_DELEGATION)
        return;
    if (f.match == ZONE_NXDOMAIN || !has_address(c, f.node))
        found(c, CHECK_NO_ADDRESS, type, nth, "%s names %.150s, which has no address",
              rr_type_str(type, t), name_str(target, name));
}

static void check_mx(struct checker *c, const struct rrset *s)
{
    unsigned nth = 0;
    struct bytes rd;
    for (struct rdata_iter it = rdata_iter(s); rdata_iter_next(&it, &rd);) {
        nth++;
        if (!name_is_root(rd.p + 2))
            host_needs_address(c, RR_MX, nth, rd.p + 2, CHECK_MX_CNAME);
        else if (s->count > 1)
            found(c, CHECK_NULL_MX, RR_MX, nth, "a null MX beside %u other MX records",
                  s->count - 1u);
    }
}

static void check_srv(struct checker *c, const struct rrset *s)
{
    unsigned nth = 0;
    struct bytes rd;
    for (struct rdata_iter it = rdata_iter(s); rdata_iter_next(&it, &rd);)
        if (++nth != 0 &&
            !name_is_root(rd.p + 6)) /* ".": the service is not offered here (RFC 2782) */
            host_needs_address(c, RR_SRV, nth, rd.p + 6, CHECK_SRV_CNAME);
}

/* --- Aliases --- */

static void check_cname(struct checker *c, const struct rrset *s)
{
    uint8_t at[LIMIT_NAME];
    char name[NAME_TEXT_MAX];
    const uint8_t *target = s->rdata + 2;
    if (dot_missing(c, target))
        found(c, CHECK_DOT_MISSING, RR_CNAME, 1, "CNAME to %.200s", name_str(target, name));
    name_copy(at, target);
    for (unsigned step = 0; step <= 4 * LIMIT_CHAIN; step++) {
        struct zone_found f;
        struct rrset next;
        if (name_equal(at, c->owner)) {
            found(c, CHECK_CNAME_LOOP, RR_CNAME, 1,
                  "this CNAME leads back to itself after %u steps", step + 1);
            return;
        }
        zone_find(c->z, at, &f);
        if (f.match == ZONE_NXDOMAIN) {
            found(c, CHECK_CNAME_DANGLING, RR_CNAME, 1,
                  "the CNAME leads to %.200s, which does not exist", name_str(at, name));
            return;
        }
        if ((f.match != ZONE_EXACT && f.match != ZONE_WILDCARD) ||
            !zone_rrset(c->z, f.node, RR_CNAME, at, &next))
            return;
        name_copy(at, next.rdata + 2);
    }
}

static void check_dname(struct checker *c, const struct rrset *s)
{
    char name[NAME_TEXT_MAX];
    const uint8_t *target = s->rdata + 2;
    if (name_is_wildcard(c->owner))
        found(c, CHECK_WILDCARD_DNAME, RR_DNAME, 1, "DNAME at a wildcard");
    if (name_in(target, c->owner))
        found(c, CHECK_DNAME_LOOP, RR_DNAME, 1, "DNAME to %.200s", name_str(target, name));
    if (dot_missing(c, target))
        found(c, CHECK_DOT_MISSING, RR_DNAME, 1, "DNAME to %.200s", name_str(target, name));
}

/* --- The others --- */

static void check_soa(struct checker *c, const struct rrset *s)
{
    const uint8_t *mailbox = s->rdata + 2 + name_len(s->rdata + 2);
    const uint8_t *p = mailbox + name_len(mailbox);
    uint32_t serial = get_be32(p), refresh = get_be32(p + 4), retry = get_be32(p + 8),
             expire = get_be32(p + 12), minimum = get_be32(p + 16);
    char name[NAME_TEXT_MAX];
    if (serial == 0)
        found(c, CHECK_SOA_SERIAL, RR_SOA, 1, "the serial is 0");
    if (retry >= refresh)
        found(c, CHECK_SOA_RETRY, RR_SOA, 1, "retry (%u s) is not shorter than refresh (%u s)",
              retry, refresh);
    if ((uint64_t)expire <= (uint64_t)refresh + retry)
        found(c, CHECK_SOA_EXPIRE, RR_SOA, 1,
              "expire (%u s) is not longer than refresh and retry together", expire);
    if (minimum > 86400)
        found(c, CHECK_SOA_MINIMUM, RR_SOA, 1, "negative answers are kept for %u s", minimum);
    for (unsigned i = 1; i <= mailbox[0]; i++)
        if (mailbox[i] == '@') {
            found(c, CHECK_SOA_MAILBOX, RR_SOA, 1, "the mailbox %.150s has an @ in it",
                  name_str(mailbox, name));
            break;
        }
    if (dot_missing(c, s->rdata + 2) || dot_missing(c, mailbox))
        found(c, CHECK_DOT_MISSING, RR_SOA, 1, "a name in the SOA ends with the origin twice");
}

static void check_address(struct checker *c, const struct rrset *s)
{
    const uint8_t *n = c->owner;
    if (name_is_wildcard(n))
        n = name_parent(n);
    if (!hostname_ok(n))
        found(c, CHECK_OWNER_HOSTNAME, s->type, 1, "an address at a name that is no host name");
}

static void check_txt(struct checker *c, const struct rrset *s)
{
    unsigned spf = 0, dmarc = 0, nth = 0;
    struct bytes rd;
    bool dmarc_owner = c->owner[0] == 6 && memcmp(c->owner + 1, "_dmarc", 6) == 0;
    for (struct rdata_iter it = rdata_iter(s); rdata_iter_next(&it, &rd);) {
        nth++;
        if (rd.n >= 7 && rd.p[0] >= 6 && memcmp(rd.p + 1, "v=spf1", 6) == 0 &&
            (rd.p[0] == 6 || rd.p[7] == ' ') && ++spf == 2)
            found(c, CHECK_SPF_MANY, RR_TXT, nth, "more than one SPF record");
        if (dmarc_owner && rd.n >= 9 && memcmp(rd.p + 1, "v=DMARC1", 8) == 0 && ++dmarc == 2)
            found(c, CHECK_DMARC_MANY, RR_TXT, nth, "more than one DMARC record");
    }
}

static void check_ds(struct checker *c, const struct rrset *s)
{
    (void)s;
    if (c->node == zone_apex(c->z))
        found(c, CHECK_DS_APEX, RR_DS, 1, "DS at the zone's own apex");
    else if (!zone_node_cut(c->node))
        found(c, CHECK_DS_NO_NS, RR_DS, 1, "DS without NS");
}

static void check_nsec3param(struct checker *c, const struct rrset *s)
{
    struct bytes rd;
    for (struct rdata_iter it = rdata_iter(s); rdata_iter_next(&it, &rd);) {
        if (rd.n < 5)
            continue;
        if (get_be16(rd.p + 2) > 0)
            found(c, CHECK_NSEC3_ITERATIONS, s->type, 1, "NSEC3 with %u extra iterations",
                  get_be16(rd.p + 2));
        if (rd.p[4] > 0)
            found(c, CHECK_NSEC3_SALT, s->type, 1, "NSEC3 with a salt of %u bytes", rd.p[4]);
    }
}

static void check_svcb(struct checker *c, const struct rrset *s)
{
    struct bytes rd;
    unsigned alias = 0;
    for (struct rdata_iter it = rdata_iter(s); rdata_iter_next(&it, &rd);)
        alias += get_be16(rd.p) == 0;
    if (alias > 0 && alias < s->count)
        found(c, CHECK_SVCB_ALIAS, s->type, 1, "AliasMode beside ServiceMode records");
}

static void check_rrsig(struct checker *c, const struct rrset *s)
{
    struct bytes rd;
    uint16_t covers = get_be16(s->rdata + 2);
    char t[24];
    rr_type_str(covers, t);
    if (!has_type(c, c->node, covers))
        found(c, CHECK_RRSIG_ORPHAN, RR_RRSIG, 1, "an RRSIG over %s, which is not here", t);
    if (c->opt->now == 0)
        return;
    for (struct rdata_iter it = rdata_iter(s); rdata_iter_next(&it, &rd);) {
        /* Times in serial number arithmetic: RFC 4034 section 3.1.5. */
        if ((int32_t)(get_be32(rd.p + 8) - c->opt->now) < 0)
            found(c, CHECK_RRSIG_EXPIRED, RR_RRSIG, 1, "the signature over %s has expired", t);
        else if ((int32_t)(c->opt->now - get_be32(rd.p + 12)) < 0)
            found(c, CHECK_RRSIG_EARLY, RR_RRSIG, 1, "the signature over %s is not valid yet", t);
    }
}

static const struct {
    uint16_t type;
    void (*run)(struct checker *, const struct rrset *);
} by_type[] = {{RR_A, check_address},    {RR_NS, check_ns},       {RR_CNAME, check_cname},
               {RR_SOA, check_soa},      {RR_MX, check_mx},       {RR_TXT, check_txt},
               {RR_AAAA, check_address}, {RR_SRV, check_srv},     {RR_DNAME, check_dname},
               {RR_DS, check_ds},        {RR_RRSIG, check_rrsig}, {RR_NSEC3PARAM, check_nsec3param},
               {RR_SVCB, check_svcb},    {RR_HTTPS, check_svcb}};

/* --- The walk --- */

/* Data that is in the file but not in the zone as it is served. True if the set is such. */
static bool check_occluded(struct checker *c, const struct rrset *s, bool below_dname)
{
    char t[24];
    bool address = s->type == RR_A || s->type == RR_AAAA;
    bool denial = s->type == RR_NSEC || s->type == RR_NSEC3 || s->type == RR_RRSIG;
    rr_type_str(s->type, t);
    if (zone_node_hidden(c->node)) {
        if (below_dname)
            found(c, CHECK_BELOW_DNAME, s->type, 1, "%s below a DNAME", t);
        else if (!address && !denial)
            found(c, CHECK_OCCLUDED, s->type, 1, "%s below a delegation", t);
        else if (address && c->used != NULL && !(c->used[zone_node_rank(c->node)]))
            found(c, CHECK_GLUE_UNUSED, s->type, 1,
                  "an address below a delegation that no NS record names");
        return true;
    }
    if (zone_node_cut(c->node) && !address && !denial && s->type != RR_NS && s->type != RR_DS) {
        found(c, CHECK_OCCLUDED_AT_CUT, s->type, 1, "%s at a delegation", t);
        return true;
    }
    return false;
}

static void check_set(struct checker *c, const struct rrset *s, bool below_dname)
{
    char t[24];
    if (s->type == RR_RRSIG && !zone_node_hidden(c->node)) {
        check_rrsig(c, s);
        return;
    }
    if (check_occluded(c, s, below_dname))
        return;
    rr_type_str(s->type, t);
    if (rr_type_flags(s->type) & RRF_OBSOLETE)
        found(c, CHECK_OBSOLETE, s->type, 1, "type %s is obsolete", t);
    if (s->ttl > 30 * 86400)
        found(c, CHECK_TTL_LONG, s->type, 1, "a TTL of %u days", s->ttl / 86400);
    if (s->rdata_size + 10u * s->count > LIMIT_MESSAGE - 300)
        found(c, CHECK_SIZE, s->type, 1, "the %s RRset is larger than any message", t);
    struct rrset sig;
    bool delegation = zone_node_cut(c->node) && s->type != RR_DS && s->type != RR_NSEC;
    if (zone_is_signed(c->z) && !delegation && !zone_rrsig(c->z, c->node, s->type, c->owner, &sig))
        found(c, CHECK_UNSIGNED, s->type, 1, "the %s RRset has no signature in a signed zone", t);
    for (size_t i = 0; i < ARRAY_LEN(by_type); i++)
        if (by_type[i].type == s->type)
            by_type[i].run(c, s);
}

static void check_node(struct checker *c)
{
    struct rrset s;
    if (zone_node_empty(c->node))
        return;
    bool below_dname = false;
    if (zone_node_hidden(c->node))
        for (const struct zone_node *up = zone_node_parent(c->z, c->node);
             up != NULL && !zone_node_cut(up); up = zone_node_parent(c->z, up))
            below_dname |= has_type(c, up, RR_DNAME);
    if (dot_missing(c, c->owner))
        found(c, CHECK_DOT_MISSING, 0, 1, "the name ends with the origin twice");
    for (uint32_t cursor = 0; zone_rrset_next(c->z, c->node, c->owner, &cursor, &s);)
        check_set(c, &s, below_dname);
}

static void check_digest(struct checker *c)
{
    name_copy(c->owner, zone_origin(c->z));
    switch (zonemd_verify(c->z)) {
    case ZONEMD_MISMATCH:
        found(c, CHECK_ZONEMD_WRONG, RR_ZONEMD, 1, "the zone does not match its ZONEMD digest");
        break;
    case ZONEMD_SERIAL:
        found(c, CHECK_ZONEMD_OLD, RR_ZONEMD, 1, "the ZONEMD serial is not that of the SOA");
        break;
    case ZONEMD_UNSUPPORTED:
        found(c, CHECK_ZONEMD_UNKNOWN, RR_ZONEMD, 1, "no ZONEMD record of a known scheme and hash");
        break;
    case ZONEMD_NONE:
    case ZONEMD_MATCH:
        break;
    }
}

/* Marks the hosts that NS records name. */
static void mark_used(struct checker *c)
{
    struct rrset s;
    struct bytes rd;
    c->used = calloc(zone_stats(c->z).names, 1);
    if (c->used == NULL)
        return;
    for (const struct zone_node *n = NULL; (n = zone_next(c->z, n)) != NULL;)
        if (zone_rrset(c->z, n, RR_NS, name_root, &s))
            for (struct rdata_iter it = rdata_iter(&s); rdata_iter_next(&it, &rd);) {
                const struct zone_node *t = zone_node_of(c->z, rd.p);
                if (t != NULL)
                    c->used[zone_node_rank(t)] = 1;
            }
}

void zone_check(const struct zone *z, const struct zone_check_options *opt, zone_finding_fn *fn,
                void *ctx)
{
    struct checker *c = calloc(1, sizeof *c);
    if (c == NULL)
        return;
    c->z = z;
    c->opt = opt;
    c->fn = fn;
    c->ctx = ctx;
    mark_used(c);
    while ((c->node = zone_next(z, c->node)) != NULL) {
        zone_node_name(z, c->node, c->owner);
        check_node(c);
    }
    told_rest(c);
    check_digest(c);
    free(c->used);
    free(c);
}

enum status zone_check_file(const struct file_source *fs, const char *path,
                            const struct zone_load_options *load,
                            const struct zone_check_options *opt, struct diag_sink *sink,
                            struct zone **ret)
{
    uint32_t before = sink->errors;
    struct zone_places *places = zone_places_new();
    struct zone *z = NULL;
    if (places == NULL)
        return ST_ENOMEM;
    enum status st = zone_load_places(fs, path, load, sink, places, zone_places_add, &z);
    if (st == ST_OK)
        zone_check(z, opt, zone_places_add, places);
    zone_places_emit(places, fs, path, load, sink);
    zone_places_free(places);
    if (st == ST_OK && sink->errors > before)
        st = ST_ESEMANTIC;
    if (ret != NULL)
        *ret = z;
    else
        zone_drop(z);
    return st;
}
