/* Answers signed when they are asked for: every RRset verifies, every denial holds. */
#include "auth/state.h"
#include "auth/testlib.h"
#include "base/test.h"
#include "dnssec/dnskey.h"
#include "dnssec/nsec3.h"
#include "dnssec/online.h"
#include "dnssec/rrsig.h"

enum { WALL = 1559731985, EDNS_DO = 0x8000, EDNS_CO = 0x4000 };

static const char text[] = "@ 3600 SOA ns1 host 1 7200 3600 1209600 300\n"
                           "@ 3600 NS ns1\n"
                           "ns1 3600 A 192.0.2.1\n"
                           "ns1 3600 AAAA 2001:db8::1\n"
                           "*.wild 60 TXT x\n"
                           "a.b.ent 3600 A 192.0.2.3\n"
                           "al 300 CNAME ns1\n"
                           "sub 3600 NS ns.sub\n"
                           "ns.sub 3600 A 192.0.2.4\n"
                           "sec 3600 NS ns1\n"
                           "sec 3600 DS 1 13 2 00112233445566778899aabbccddeeff"
                           "00112233445566778899aabbccddeeff\n"
                           "dn 3600 DNAME ent.example.\n";

struct signing {
    struct lab *lab;
    struct sec_key *key;
    struct arena arena;
    struct msg m;
};

/* The zone, with its apex made and its signer attached. */
static bool signing_begin(struct signing *s)
{
    uint8_t secret[32] = {7}, dnskey[DNSKEY_RDATA_MAX];
    struct writer w = wr_of(dnskey, sizeof dnskey);
    struct sign_key k = {.algorithm = SEC_ED25519,
                         .publish = true,
                         .sign_keys = true,
                         .sign_zone = true,
                         .cds = true};
    struct zone *z = NULL;
    struct online_zone *oz = NULL;
    struct sign_stats stats;
    struct diag d = {0};
    *s = (struct signing){.lab = lab_new()};
    arena_init(&s->arena, 65536, 0);
    if (!lab_text(s->lab, "example.", text) ||
        sec_key_from_secret(SEC_ED25519, bytes_of(secret, 32), &s->key) != ST_OK ||
        dnskey_write(s->key, 257, &w) != ST_OK)
        return false;
    k.key = s->key;
    k.dnskey = wr_done(&w);
    k.tag = dnskey_tag(k.dnskey);
    struct sign_plan plan = {
        .key = &k, .keys = 1, .policy = sign_policy_default(), .now = WALL, .serial = 5};
    plan.policy.denial = DENIAL_COMPACT;
    struct zone *in = s->lab->zone[0];
    if (zone_sign(in, &plan, NULL, &z, &stats, &d) != ST_OK ||
        online_zone_new(zone_origin(z), &plan, &oz) != ST_OK)
        return false;
    zone_attach(z, oz, online_zone_free);
    zone_drop(in);
    s->lab->zone[0] = z;
    return lab_start(s->lab);
}

static void signing_end(struct signing *s)
{
    sec_key_free(s->key);
    arena_free(&s->arena);
    lab_free(s->lab);
}

static bool ask(struct signing *s, const char *name, uint16_t type, uint16_t z, enum transport t)
{
    uint8_t wire[512];
    struct writer w = wr_of(wire, sizeof wire);
    struct name n;
    struct bytes reply;
    if (name_from(name, &n) != ST_OK)
        return false;
    static const uint8_t head[] = {0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    wr_bytes(&w, head, sizeof head);
    wr_bytes(&w, n.w, name_len(n.w));
    wr_u16(&w, type);
    wr_u16(&w, CLASS_IN);
    wr_u8(&w, 0);
    wr_u16(&w, RR_OPT);
    wr_u16(&w, 4096);
    wr_u32(&w, z);
    wr_u16(&w, 0);
    arena_reset(&s->arena);
    return lab_feed(s->lab, wr_done(&w), t, LIMIT_MESSAGE, &reply) == OUTCOME_ANSWER &&
           msg_parse(reply, &s->arena, &s->m) == ST_OK;
}

/* Every RRset in answer and authority but delegations and made-up CNAMEs has a good signature. */
static bool all_signed(struct signing *s)
{
    struct sig_buffer b = {0};
    bool good = true;
    for (unsigned i = 0; i < s->m.rr_count && good; i++) {
        const struct rr_view *rr = &s->m.rr[i];
        struct name owner;
        struct rrset set, sigs;
        struct rrsig sig;
        if (rr->section == SECTION_ADDITIONAL || rr->type == RR_RRSIG || rr->type == RR_NS ||
            msg_owner(&s->m, rr, &owner) != ST_OK)
            continue;
        bool made_up = rr->type == RR_CNAME && i > 0 && s->m.rr[0].type == RR_DNAME;
        if (made_up)
            continue;
        if (msg_rrset(&s->m, &s->arena, rr->section, owner.w, rr->type, &set) != ST_OK ||
            msg_rrset(&s->m, &s->arena, rr->section, owner.w, RR_RRSIG, &sigs) != ST_OK)
            good = false;
        bool one = false;
        struct rdata_iter it = rdata_iter(&sigs);
        for (struct bytes rd; good && rdata_iter_next(&it, &rd);)
            one |= rrsig_read(rd, &sig) && sig.covered == set.type &&
                   rrsig_time(&sig, WALL) == RRSIG_VALID &&
                   rrsig_verify(s->key, &set, &sig, &b) == ST_OK;
        good = good && one;
    }
    sig_buffer_free(&b);
    return good;
}

static bool section_has(struct signing *s, unsigned section, const char *owner, uint16_t type,
                        struct rrset *ret)
{
    struct name n;
    return name_from(owner, &n) == ST_OK &&
           msg_rrset(&s->m, &s->arena, section, n.w, type, ret) == ST_OK;
}

/* The types of the NSEC of a name in a section, as text. */
static const char *nsec_types(struct signing *s, unsigned section, const char *owner)
{
    static char buf[512];
    struct rrset set;
    struct text t = text_of(buf, sizeof buf);
    if (!section_has(s, section, owner, RR_NSEC, &set))
        return "none";
    const uint8_t *p = set.rdata;
    rdata_text(RR_NSEC, rdata_next(&p), &t);
    const char *space = strchr(buf, ' ');
    return space != NULL ? space + 1 : "";
}

/* RFC 9824 section 3: what each kind of answer has. */
TEST(online_compact_denial)
{
    struct signing s;
    struct rrset set;
    REQUIRE(signing_begin(&s));
    REQUIRE(ask(&s, "NS1.example.", RR_A, EDNS_DO, TRANSPORT_UDP));
    CHECK(all_signed(&s) && section_has(&s, 1, "ns1.example.", RR_A, &set));
    REQUIRE(ask(&s, "example.", RR_DNSKEY, EDNS_DO, TRANSPORT_UDP));
    CHECK(all_signed(&s) && section_has(&s, 1, "example.", RR_DNSKEY, &set));
    /* NODATA */
    REQUIRE(ask(&s, "ns1.example.", RR_MX, EDNS_DO, TRANSPORT_UDP));
    CHECK(all_signed(&s) && msg_rcode(&s.m) == RCODE_NOERROR);
    CHECK_STR(nsec_types(&s, 2, "ns1.example."), "A AAAA RRSIG NSEC");
    CHECK(section_has(&s, 2, "example.", RR_SOA, &set));
    /* empty non-terminal */
    REQUIRE(ask(&s, "b.ent.example.", RR_A, EDNS_DO, TRANSPORT_UDP));
    CHECK_STR(nsec_types(&s, 2, "b.ent.example."), "RRSIG NSEC");
    /* no such name: NOERROR with NXNAME; NXDOMAIN to those who know better, or who do not ask for
     * DNSSEC */
    REQUIRE(ask(&s, "No.example.", RR_A, EDNS_DO, TRANSPORT_UDP));
    CHECK(all_signed(&s) && msg_rcode(&s.m) == RCODE_NOERROR);
    CHECK_STR(nsec_types(&s, 2, "no.example."), "RRSIG NSEC NXNAME");
    REQUIRE(ask(&s, "no.example.", RR_A, EDNS_DO | EDNS_CO, TRANSPORT_UDP));
    CHECK(all_signed(&s) && msg_rcode(&s.m) == RCODE_NXDOMAIN);
    CHECK_STR(nsec_types(&s, 2, "no.example."), "RRSIG NSEC NXNAME");
    REQUIRE(ask(&s, "no.example.", RR_A, 0, TRANSPORT_UDP));
    CHECK(msg_rcode(&s.m) == RCODE_NXDOMAIN);
    CHECK_STR(nsec_types(&s, 2, "no.example."), "none");
    /* wildcards: like names that exist */
    REQUIRE(ask(&s, "q.wild.example.", RR_TXT, EDNS_DO, TRANSPORT_UDP));
    CHECK(all_signed(&s) && section_has(&s, 1, "q.wild.example.", RR_TXT, &set));
    CHECK_STR(nsec_types(&s, 2, "q.wild.example."), "none");
    REQUIRE(ask(&s, "q.wild.example.", RR_A, EDNS_DO, TRANSPORT_UDP));
    CHECK(all_signed(&s));
    CHECK_STR(nsec_types(&s, 2, "q.wild.example."), "TXT RRSIG NSEC");
    signing_end(&s);
}

/* RFC 9824 section 3.4, RFC 4035 section 3.1.4. */
TEST(online_referrals_and_aliases)
{
    struct signing s;
    struct rrset set;
    REQUIRE(signing_begin(&s));
    REQUIRE(ask(&s, "www.sub.example.", RR_A, EDNS_DO, TRANSPORT_UDP));
    CHECK(all_signed(&s));
    CHECK_STR(nsec_types(&s, 2, "sub.example."), "NS RRSIG NSEC");
    REQUIRE(ask(&s, "www.sec.example.", RR_A, EDNS_DO, TRANSPORT_UDP));
    CHECK(all_signed(&s) && section_has(&s, 2, "sec.example.", RR_DS, &set));
    CHECK_STR(nsec_types(&s, 2, "sec.example."), "none");
    REQUIRE(ask(&s, "sub.example.", RR_DS, EDNS_DO, TRANSPORT_UDP));
    CHECK(all_signed(&s));
    CHECK_STR(nsec_types(&s, 2, "sub.example."), "NS RRSIG NSEC");
    REQUIRE(ask(&s, "al.example.", RR_A, EDNS_DO, TRANSPORT_UDP));
    CHECK(all_signed(&s) && section_has(&s, 1, "ns1.example.", RR_A, &set));
    REQUIRE(ask(&s, "a.b.dn.example.", RR_A, EDNS_DO, TRANSPORT_UDP));
    CHECK(all_signed(&s) && section_has(&s, 1, "a.b.ent.example.", RR_A, &set));
    signing_end(&s);
}

/* What an NSEC says of a name is what later questions are answered with. */
TEST(online_bitmaps_agree_with_answers)
{
    static const char *const names[] = {"example.",        "ns1.example.",    "b.ent.example.",
                                        "no.example.",     "al.example.",     "dn.example.",
                                        "x.wild.example.", "a.b.ent.example."};
    struct signing s;
    REQUIRE(signing_begin(&s));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct rrset nsec, set;
        struct nsec v;
        uint8_t bitmap[512];
        if (!ask(&s, names[i], 65280, EDNS_DO, TRANSPORT_UDP) ||
            !section_has(&s, 2, names[i], RR_NSEC, &nsec)) {
            /* an alias answers for every other type */
            REQUIRE(strcmp(names[i], "al.example.") == 0);
            REQUIRE(ask(&s, names[i], RR_NSEC, EDNS_DO, TRANSPORT_UDP));
            REQUIRE(section_has(&s, 1, names[i], RR_NSEC, &nsec));
        }
        const uint8_t *p = nsec.rdata;
        REQUIRE(nsec_read(rdata_next(&p), &v) && v.bitmap.n <= sizeof bitmap);
        memcpy(bitmap, v.bitmap.p, v.bitmap.n);
        struct bytes bits = bytes_of(bitmap, v.bitmap.n);
        for (uint16_t type = 1; type < 128; type++) {
            if ((rr_type_flags(type) & RRF_META) != 0)
                continue;
            REQUIRE(ask(&s, names[i], type, EDNS_DO, TRANSPORT_UDP));
            bool there = section_has(&s, 1, names[i], type, &set);
            if (there != bitmap_has(bits, type))
                test_fail(__FILE__, __LINE__, "%s type %u", names[i], type);
            CHECK(type == RR_RRSIG || all_signed(&s));
        }
    }
    signing_end(&s);
}

/* ANY over TCP has a signature for everything; asked again nothing is signed again. */
TEST(online_any_and_the_cache)
{
    struct signing s;
    struct rrset set;
    REQUIRE(signing_begin(&s));
    REQUIRE(ask(&s, "example.", RR_ANY, EDNS_DO, TRANSPORT_TCP));
    CHECK(all_signed(&s) && section_has(&s, 1, "example.", RR_SOA, &set) &&
          section_has(&s, 1, "example.", RR_CDS, &set));
    struct online_stats before = online_stats(s.lab->auth->online);
    REQUIRE(ask(&s, "EXAMPLE.", RR_ANY, EDNS_DO, TRANSPORT_TCP));
    struct online_stats after = online_stats(s.lab->auth->online);
    CHECK_EQ(after.made, before.made);
    CHECK(after.kept > before.kept);
    CHECK(all_signed(&s));
    /* A flood of random names leaves what is asked for often. */
    for (int i = 0; i < 3000; i++) {
        char name[64];
        snprintf(name, sizeof name, "random-%d.example.", i);
        REQUIRE(ask(&s, name, RR_A, EDNS_DO, TRANSPORT_UDP));
        REQUIRE(ask(&s, "ns1.example.", RR_A, EDNS_DO, TRANSPORT_UDP));
    }
    struct online_stats flood = online_stats(s.lab->auth->online);
    CHECK(flood.made - after.made >= 3000 && flood.made - after.made <= 3010);
    signing_end(&s);
}
