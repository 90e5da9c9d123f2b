/* Whatever zone there is: signed it verifies, signed again nothing is made anew, changed and signed
 * on top of the old it verifies too. */
#include "dns/rdata.h"
#include "dnssec/dnskey.h"
#include "dnssec/sign.h"
#include "dnssec/verify.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1700000000 };

struct input {
    const uint8_t *p, *end;
};

static unsigned byte(struct input *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

/* A name below the origin, of labels that often repeat. */
static void name_from_input(struct input *in, const uint8_t *origin, struct name *ret)
{
    static const char *const words[] = {"a", "b", "*", "A", "ns", "\001", "zz", "-", "_x", "\377"};
    unsigned labels = byte(in) % 5;
    struct name n;
    name_copy(ret->w, origin);
    for (unsigned i = 0; i < labels; i++) {
        const char *w = words[byte(in) % ARRAY_LEN(words)];
        if (name_prepend(bytes_str(w), ret->w, &n) == ST_OK)
            name_copy(ret->w, n.w);
    }
}

static void add_record(struct zone_builder *b, struct input *in, const uint8_t *origin)
{
    static const uint16_t types[] = {RR_A,     RR_NS,  RR_DS,  RR_TXT,       RR_CNAME, RR_DNAME,
                                     RR_MX,    RR_NS,  RR_DS,  65280,        RR_RRSIG, RR_NSEC,
                                     RR_NSEC3, RR_CDS, RR_LOC, RR_NSEC3PARAM};
    static const uint8_t ds[36] = {1, 2, 13, 2}, text[] = {1, 't'}, a[] = {192, 0, 2, 1};
    struct name owner, target;
    uint8_t rd[600];
    struct writer w = wr_of(rd, sizeof rd);
    name_from_input(in, origin, &owner);
    name_from_input(in, origin, &target);
    uint16_t type = types[byte(in) % ARRAY_LEN(types)];
    switch (type) {
    case RR_A:
        wr_bytes(&w, a, 4);
        break;
    case RR_DS:
        wr_bytes(&w, ds, sizeof ds);
        break;
    case RR_MX:
        wr_u16(&w, (uint16_t)byte(in));
        wr_bytes(&w, target.w, name_len(target.w));
        break;
    case RR_NS:
    case RR_CNAME:
    case RR_DNAME:
        wr_bytes(&w, target.w, name_len(target.w));
        break;
    case RR_TXT:
        wr_bytes(&w, text, 2);
        break;
    default: {
        size_t n = byte(in);
        wr_bytes(&w, in->p, MIN(n, (size_t)(in->end - in->p)));
        if (rdata_check(type, wr_done(&w)) != ST_OK)
            return;
    }
    }
    enum status st = zone_builder_add(b, owner.w, type, 60 + byte(in), wr_done(&w));
    (void)st; /* what is refused is not in the zone */
}

static struct zone *make_zone(struct input in, const uint8_t *origin, bool more)
{
    static const uint8_t soa[] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0,
                                  0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 200};
    static const uint8_t ns[] = {2, 'n', 's', 4, 't', 'e', 's', 't', 0};
    struct zone_builder *b = zone_builder_new(origin);
    struct zone *z = NULL;
    if (b == NULL || zone_builder_add(b, origin, RR_SOA, 300, bytes_of(soa, sizeof soa)) != ST_OK ||
        zone_builder_add(b, origin, RR_NS, 300, bytes_of(ns, sizeof ns)) != ST_OK)
        abort();
    for (int i = 0; i < 100 && in.p < in.end; i++)
        add_record(b, &in, origin);
    if (more) {
        static const uint8_t extra[] = {1, 'm', 0xff, 0xff};
        struct input x = {extra, extra + sizeof extra};
        add_record(b, &x, origin);
    }
    if (zone_builder_finish(b, &z, NULL) != ST_OK)
        z = NULL;
    zone_builder_free(b);
    return z;
}

/* A DS that is no delegation's is the owner's mistake, not the signer's. */
static void tell(void *ctx, const struct zone_finding *f)
{
    char name[NAME_TEXT_MAX];
    unsigned *errors = ctx;
    if (f->severity != SEV_ERROR || strcmp(f->code, "ds-not-at-delegation") == 0)
        return;
    ++*errors;
    fprintf(stderr, "%s %s: %s\n", f->code, name_str(f->owner, name), f->message);
}

static void check(const struct zone *z, const char *what)
{
    struct zone_verify_options opt = {.now = NOW};
    struct zone_verify_result res;
    unsigned errors = 0;
    if (zone_verify(z, &opt, tell, &errors, &res) != ST_OK || errors > 0) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* Signs in, on top of old, which is dropped; the result verifies. */
static struct zone *signed_zone(const struct zone *in, struct sign_plan *plan, struct zone *old,
                                struct sign_stats *stats, const char *what)
{
    struct zone *z = NULL;
    struct diag d = {0};
    plan->old = old;
    if (zone_sign(in, plan, NULL, &z, stats, &d) != ST_OK) {
        fprintf(stderr, "%s: %s\n", what, d.message);
        abort();
    }
    zone_drop(old);
    check(z, what);
    return z;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sec_key *sec;
    static uint8_t dnskey[DNSKEY_RDATA_MAX];
    static const uint8_t example[] = {7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0};
    struct input in = {data, data + size};
    struct writer w = wr_of(dnskey, sizeof dnskey);
    const uint8_t secret[32] = {3};
    if (sec == NULL && sec_key_from_secret(SEC_ED25519, bytes_of(secret, 32), &sec) != ST_OK)
        abort();
    if (dnskey_write(sec, 257, &w) != ST_OK)
        abort();
    struct sign_key key = {sec,  wr_done(&w), dnskey_tag(wr_done(&w)), SEC_ED25519, true, true,
                           true, true};
    struct sign_plan plan = {
        .key = &key, .keys = 1, .policy = sign_policy_default(), .now = NOW, .serial = 9};
    unsigned how = byte(&in);
    plan.policy.denial = how & 1 ? DENIAL_NSEC3 : DENIAL_NSEC;
    plan.policy.opt_out = (how & 3) == 3;
    plan.policy.zonemd = how & 4;
    const uint8_t *origin = how & 8 ? name_root : example;
    struct zone *zone = make_zone(in, origin, false), *other = make_zone(in, origin, true);
    struct sign_stats stats;
    if (zone != NULL) {
        struct zone *z = signed_zone(zone, &plan, NULL, &stats, "signed");
        z = signed_zone(zone, &plan, z, &stats, "signed again");
        if (stats.made > 2 * plan.policy.zonemd)
            abort();
        if (other != NULL)
            z = signed_zone(other, &plan, z, &stats, "changed");
        struct zone *same = zone_take(z);
        z = signed_zone(same, &plan, z, &stats, "signed from a signed one");
        zone_drop(same);
        zone_drop(z);
    }
    zone_drop(zone);
    zone_drop(other);
    return 0;
}
