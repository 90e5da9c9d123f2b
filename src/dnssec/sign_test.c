#include "dnssec/dnskey.h"
#include "dnssec/nsec3.h"
#include "dnssec/rrsig.h"
#include "dnssec/sign.h"
#include "dnssec/testlib.h"
#include "zone/zonemd.h"

enum { NOW = 1700000000 };

/* A zone, two keys of it, and how it is signed. */
struct bench {
    struct zone *in, *out;
    struct sign_key key[2];
    uint8_t dnskey[2][DNSKEY_RDATA_MAX];
    struct sign_plan plan;
    struct sign_stats stats;
    struct diag d;
};

/* Records as lines "OWNER TTL TYPE RDATA". */
static struct zone *zone_of(const char *origin, const char *lines)
{
    struct name o, owner;
    struct zone *z = NULL;
    struct diag d = {0};
    if (name_from(origin, &o) != ST_OK)
        abort();
    struct zone_builder *b = zone_builder_new(o.w);
    for (const char *p = lines, *end; *p != '\0'; p = end + 1) {
        char line[512], name[256], type[32];
        unsigned ttl;
        int at = 0;
        uint8_t rd[1024];
        uint16_t code;
        struct writer w = wr_of(rd, sizeof rd);
        end = strchr(p, '\n');
        snprintf(line, sizeof line, "%.*s", (int)(end - p), p);
        if (sscanf(line, "%255s %u %31s %n", name, &ttl, type, &at) < 3 ||
            name_parse(bytes_str(name), o.w, &owner) != ST_OK ||
            !rr_type_parse(bytes_str(type), &code) ||
            rdata_parse_line(code, bytes_str(line + at), o.w, &w, &d) != ST_OK ||
            zone_builder_add(b, owner.w, code, ttl, wr_done(&w)) != ST_OK) {
            fprintf(stderr, "# bad line: %s: %s\n", line, d.message);
            abort();
        }
    }
    if (zone_builder_finish(b, &z, &d) != ST_OK) {
        fprintf(stderr, "# %s\n", d.message);
        abort();
    }
    zone_builder_free(b);
    return z;
}

static void give_key(struct bench *t, unsigned i, uint16_t flags, uint8_t seed)
{
    uint8_t secret[32];
    memset(secret, seed, sizeof secret);
    struct sign_key *k = &t->key[i];
    struct writer w = wr_of(t->dnskey[i], DNSKEY_RDATA_MAX);
    if (sec_key_from_secret(SEC_ED25519, bytes_of(secret, 32), &k->key) != ST_OK ||
        dnskey_write(k->key, flags, &w) != ST_OK)
        abort();
    k->dnskey = wr_done(&w);
    k->tag = dnskey_tag(k->dnskey);
    k->algorithm = SEC_ED25519;
    k->publish = true;
    t->plan.key = t->key;
    t->plan.keys = MAX(t->plan.keys, i + 1);
}

static void begin(struct bench *t, const char *lines)
{
    *t = (struct bench){0};
    t->in = zone_of("example.", lines);
    t->plan.policy = sign_policy_default();
    t->plan.now = NOW;
    t->plan.serial = 7;
    give_key(t, 0, 257, 1);
    t->key[0].sign_keys = t->key[0].sign_zone = t->key[0].cds = true;
}

static enum status sign(struct bench *t)
{
    zone_drop(t->out);
    t->out = NULL;
    t->d = (struct diag){0};
    return zone_sign(t->in, &t->plan, NULL, &t->out, &t->stats, &t->d);
}

static void end(struct bench *t)
{
    zone_drop(t->in);
    zone_drop(t->out);
    sec_key_free(t->key[0].key);
    sec_key_free(t->key[1].key);
}

static const struct zone_node *node_of(const struct zone *z, const char *name)
{
    struct name n;
    return name_from(name, &n) == ST_OK ? zone_node_of(z, n.w) : NULL;
}

/* How many valid signatures of a set there are; -1: a wrong one among them. */
static int signatures(const struct bench *t, const char *name, uint16_t type)
{
    struct name owner;
    struct rrset set, sigs;
    struct sig_buffer b = {0};
    int n = 0;
    const struct zone_node *node = node_of(t->out, name);
    if (name_from(name, &owner) != ST_OK || node == NULL ||
        !zone_rrset(t->out, node, type, owner.w, &set) ||
        !zone_rrsig(t->out, node, type, owner.w, &sigs))
        return 0;
    struct rdata_iter it = rdata_iter(&sigs);
    for (struct bytes rd; rdata_iter_next(&it, &rd);) {
        struct rrsig s;
        bool good = false;
        for (unsigned i = 0; rrsig_read(rd, &s) && i < t->plan.keys; i++)
            good |= s.tag == t->key[i].tag && rrsig_verify(t->key[i].key, &set, &s, &b) == ST_OK &&
                    rrsig_time(&s, (uint32_t)t->plan.now) == RRSIG_VALID;
        n = good && n >= 0 ? n + 1 : -1;
    }
    sig_buffer_free(&b);
    return sigs.ttl == set.ttl ? n : -1;
}

/* Types of a name's NSEC as text, after the next name; "" if there is none. */
static const char *nsec_of(const struct bench *t, const char *name)
{
    static char buf[1024];
    struct text out = text_of(buf, sizeof buf);
    struct rrset set;
    const struct zone_node *n = node_of(t->out, name);
    buf[0] = '\0';
    if (n != NULL && zone_rrset(t->out, n, RR_NSEC, name_root, &set)) {
        const uint8_t *p = set.rdata;
        rdata_text(RR_NSEC, rdata_next(&p), &out);
    }
    return buf;
}

static const char zone_text[] = "@ 3600 SOA ns1 host 1 7200 3600 1209600 300\n"
                                "@ 3600 NS ns1\n"
                                "ns1 3600 A 192.0.2.1\n"
                                "*.wild 60 TXT x\n"
                                "a.b.ent 3600 A 192.0.2.3\n"
                                "sub 3600 NS ns.sub\n"
                                "sub 3600 A 192.0.2.9\n"
                                "ns.sub 3600 A 192.0.2.4\n"
                                "sec 3600 NS ns1\n"
                                "sec 3600 DS 1 13 2 00112233445566778899aabbccddeeff"
                                "00112233445566778899aabbccddeeff\n"
                                "lone.un 3600 NS ns1\n"
                                "dn 3600 DNAME other.test.\n"
                                "below.dn 3600 A 192.0.2.5\n";

/* RFC 4035 section 2.2, 2.3: what is signed, and what the NSEC records say. */
TEST(nsec_zone)
{
    struct bench t;
    begin(&t, zone_text);
    REQUIRE(sign(&t) == ST_OK);
    CHECK_EQ(zone_serial(t.out), 7);
    CHECK(zone_is_signed(t.out));
    CHECK_EQ(signatures(&t, "example.", RR_SOA), 1);
    CHECK_EQ(signatures(&t, "example.", RR_DNSKEY), 1);
    CHECK_EQ(signatures(&t, "example.", RR_CDS), 1);
    CHECK_EQ(signatures(&t, "example.", RR_CDNSKEY), 1);
    CHECK_EQ(signatures(&t, "*.wild.example.", RR_TXT), 1);
    CHECK_EQ(signatures(&t, "sec.example.", RR_DS), 1);
    CHECK_EQ(signatures(&t, "sub.example.", RR_NSEC), 1);
    CHECK_EQ(signatures(&t, "sub.example.", RR_NS), 0);
    CHECK_EQ(signatures(&t, "sub.example.", RR_A), 0);
    CHECK_EQ(signatures(&t, "ns.sub.example.", RR_A), 0);
    CHECK_EQ(signatures(&t, "below.dn.example.", RR_A), 0);
    CHECK_STR(nsec_of(&t, "example."), "dn.example. NS SOA RRSIG NSEC DNSKEY CDS CDNSKEY");
    CHECK_STR(nsec_of(&t, "dn.example."), "a.b.ent.example. DNAME RRSIG NSEC");
    CHECK_STR(nsec_of(&t, "sub.example."), "lone.un.example. NS RRSIG NSEC");
    CHECK_STR(nsec_of(&t, "sec.example."), "sub.example. NS DS RRSIG NSEC");
    CHECK_STR(nsec_of(&t, "*.wild.example."), "example. TXT RRSIG NSEC");
    CHECK_STR(nsec_of(&t, "b.ent.example."), "");
    CHECK_STR(nsec_of(&t, "ns.sub.example."), "");
    CHECK_STR(nsec_of(&t, "below.dn.example."), "");
    CHECK_EQ(t.stats.made, 18);
    CHECK_EQ(t.stats.denials, 8);
    end(&t);
}

static bool has_nsec3(const struct bench *t, const char *name, const char *types, bool *ret_opt_out)
{
    struct name n, owner;
    uint8_t hash[NSEC3_HASH];
    struct nsec3_hasher *h = nsec3_hasher_new();
    struct rrset set;
    bool found = name_from(name, &n) == ST_OK &&
                 nsec3_hash(h, n.w, (struct bytes){0}, 0, hash) == ST_OK &&
                 nsec3_owner(hash, zone_origin(t->out), &owner) == ST_OK;
    nsec3_hasher_free(h);
    const struct zone_node *node = found ? zone_node_of(t->out, owner.w) : NULL;
    if (node == NULL || !zone_rrset(t->out, node, RR_NSEC3, owner.w, &set))
        return false;
    char text[1024];
    struct text out = text_of(text, sizeof text);
    const uint8_t *p = set.rdata;
    struct bytes rd = rdata_next(&p);
    struct nsec3 v;
    rdata_text(RR_NSEC3, rd, &out);
    const char *bits = text; /* 1 0 0 - HASH TYPES */
    for (int i = 0; i < 5 && bits != NULL; i++)
        bits = strchr(bits, ' ') != NULL ? strchr(bits, ' ') + 1 : "";
    if (strcmp(bits, types) != 0)
        test_fail(__FILE__, __LINE__, "%s: \"%s\"", name, bits);
    *ret_opt_out = nsec3_read(rd, &v) && (v.flags & 1);
    char name_text[NAME_TEXT_MAX];
    return signatures(t, name_str(owner.w, name_text), RR_NSEC3) == 1;
}

/* RFC 5155 section 7.1, RFC 9276. */
TEST(nsec3_zone)
{
    struct bench t;
    bool out;
    begin(&t, zone_text);
    t.plan.policy.denial = DENIAL_NSEC3;
    REQUIRE(sign(&t) == ST_OK);
    CHECK(has_nsec3(&t, "example.", "NS SOA RRSIG DNSKEY NSEC3PARAM CDS CDNSKEY", &out) && !out);
    CHECK(has_nsec3(&t, "sub.example.", "NS", &out));
    CHECK(has_nsec3(&t, "sec.example.", "NS DS RRSIG", &out));
    CHECK(has_nsec3(&t, "b.ent.example.", "", &out));
    CHECK(has_nsec3(&t, "ent.example.", "", &out));
    CHECK(has_nsec3(&t, "un.example.", "", &out));
    CHECK(has_nsec3(&t, "*.wild.example.", "TXT RRSIG", &out));
    CHECK_EQ(t.stats.denials, 12);
    CHECK_EQ(signatures(&t, "example.", RR_NSEC3PARAM), 1);
    t.plan.policy.opt_out = true;
    REQUIRE(sign(&t) == ST_OK);
    CHECK(has_nsec3(&t, "sec.example.", "NS DS RRSIG", &out) && out);
    CHECK_EQ(t.stats.denials, 10); /* without sub and lone.un */
    CHECK(has_nsec3(&t, "un.example.", "", &out));
    end(&t);
}

/* RFC 6781 section 3.1: a key for the keys, another for the zone. */
TEST(split_keys)
{
    struct bench t;
    begin(&t, zone_text);
    t.key[0].sign_zone = false;
    give_key(&t, 1, 256, 2);
    t.key[1].sign_zone = true;
    REQUIRE(sign(&t) == ST_OK);
    CHECK_EQ(signatures(&t, "example.", RR_DNSKEY), 1);
    CHECK_EQ(signatures(&t, "example.", RR_SOA), 1);
    t.key[0].sign_zone = true; /* both */
    REQUIRE(sign(&t) == ST_OK);
    CHECK_EQ(signatures(&t, "example.", RR_SOA), 2);
    CHECK_EQ(signatures(&t, "example.", RR_DNSKEY), 1);
    end(&t);
}

static void expect_error(struct bench *t, const char *code)
{
    CHECK(sign(t) == ST_ESEMANTIC && t->out == NULL);
    CHECK_STR(t->d.code, code);
}

TEST(keys_that_cannot_sign_a_zone)
{
    struct bench t;
    begin(&t, zone_text);
    t.key[0].sign_zone = false;
    expect_error(&t, "no-signing-key");
    t.key[0].sign_zone = true;
    t.key[0].sign_keys = false;
    expect_error(&t, "algorithm-without-signatures");
    t.key[0].sign_keys = true;
    struct sec_key *k = t.key[0].key;
    t.key[0].key = NULL;
    expect_error(&t, "no-private-key");
    t.key[0].key = k;
    end(&t);
    /* Another signer's key of another algorithm (RFC 8901 section 4). */
    begin(&t, "@ 3600 SOA ns1 host 1 7200 3600 1209600 300\n@ 3600 NS ns1.other.\n"
              "@ 3600 DNSKEY 256 3 13 "
              "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+"
              "e+MAnLr+Wi9xMWyQLc8NAA==\n");
    expect_error(&t, "algorithm-without-signatures");
    end(&t);
}

/* RFC 8901: another signer's keys of the same algorithm stay; ours do not gather when a zone that
 * was signed here is signed again. */
TEST(other_signers_keys_stay)
{
    struct bench t;
    struct rrset set;
    begin(&t, "@ 3600 SOA ns1 host 1 7200 3600 1209600 300\n@ 3600 NS ns1.other.\n"
              "@ 3600 DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=\n");
    REQUIRE(sign(&t) == ST_OK);
    CHECK(zone_rrset(t.out, zone_apex(t.out), RR_DNSKEY, zone_origin(t.out), &set) &&
          set.count == 2);
    struct rrset theirs[THEIR_SETS] = {0};
    struct zone *unsigned_zone = t.in;
    REQUIRE(zone_rrset(unsigned_zone, zone_apex(unsigned_zone), RR_DNSKEY, name_root,
                       &theirs[THEIR_DNSKEY]));
    sec_key_free(t.key[0].key);
    give_key(&t, 0, 257, 9); /* the key was replaced */
    t.in = zone_take(t.out);
    t.plan.theirs = theirs;
    REQUIRE(sign(&t) == ST_OK);
    CHECK(zone_rrset(t.out, zone_apex(t.out), RR_DNSKEY, zone_origin(t.out), &set) &&
          set.count == 2);
    CHECK(zone_rrset(t.out, zone_apex(t.out), RR_CDS, zone_origin(t.out), &set) && set.count == 1);
    CHECK_EQ(signatures(&t, "example.", RR_DNSKEY), 1);
    CHECK_EQ(signatures(&t, "ns1.example.", RR_NSEC), 0);
    zone_drop(unsigned_zone);
    end(&t);
}

/* Only what changed is signed again, and what would expire too soon. */
TEST(signatures_are_kept)
{
    struct bench t;
    for (int nsec3 = 0; nsec3 < 2; nsec3++) {
        begin(&t, zone_text);
        t.plan.policy.denial = nsec3 ? DENIAL_NSEC3 : DENIAL_NSEC;
        REQUIRE(sign(&t) == ST_OK);
        uint64_t all = t.stats.made;
        struct zone *first = zone_take(t.out);
        t.plan.old = first;
        REQUIRE(sign(&t) == ST_OK);
        CHECK_EQ(t.stats.made, 0);
        CHECK_EQ(t.stats.kept, all);
        t.plan.serial = 8;
        REQUIRE(sign(&t) == ST_OK);
        CHECK_EQ(t.stats.made, 1); /* the SOA */
        char more[2048];
        snprintf(more, sizeof more, "%snew 300 A 192.0.2.77\n", zone_text);
        zone_drop(t.in);
        t.in = zone_of("example.", more);
        REQUIRE(sign(&t) == ST_OK);
        CHECK_EQ(t.stats.made, 4); /* SOA, the new set, its NSEC and that of the name before */
        CHECK_EQ(signatures(&t, "new.example.", RR_A), 1);
        /* The first to expire is due when refresh is left, and then no signature is too old. */
        t.plan.now = t.stats.due;
        REQUIRE(sign(&t) == ST_OK);
        CHECK(t.stats.made > 0 && t.stats.kept > 0);
        CHECK(t.stats.due > t.plan.now);
        t.plan.now += 2 * 86400;
        REQUIRE(sign(&t) == ST_OK);
        CHECK_EQ(t.stats.kept, 0);
        /* A clock that was set back far: signatures from the future are not kept. */
        struct zone *late = zone_take(t.out);
        t.plan.old = late;
        t.plan.now = NOW - 30 * 86400;
        REQUIRE(sign(&t) == ST_OK);
        CHECK_EQ(t.stats.kept, 0);
        zone_drop(late);
        zone_drop(first);
        end(&t);
    }
}

/* The order in which a file has the records of a set makes no difference. */
TEST(signatures_are_kept_whatever_the_order)
{
    static const char head[] =
        "@ 3600 SOA ns1 host 1 7200 3600 1209600 300\n@ 3600 NS ns1.other.\n";
    char a[512], b[512];
    struct bench t;
    snprintf(a, sizeof a, "%sm 60 MX 20 x.\nm 60 MX 10 y.\nm 60 TXT b\nm 60 TXT a\n", head);
    snprintf(b, sizeof b, "%sm 60 MX 10 y.\nm 60 MX 20 x.\nm 60 TXT a\nm 60 TXT b\n", head);
    begin(&t, a);
    REQUIRE(sign(&t) == ST_OK);
    struct zone *first = zone_take(t.out);
    zone_drop(t.in);
    t.in = zone_of("example.", b);
    t.plan.old = first;
    REQUIRE(sign(&t) == ST_OK);
    CHECK_EQ(t.stats.made, 0);
    CHECK_EQ(signatures(&t, "m.example.", RR_MX), 1);
    CHECK_EQ(signatures(&t, "m.example.", RR_TXT), 1);
    zone_drop(t.in);
    snprintf(b, sizeof b, "%sm 60 MX 10 y.\nm 60 MX 20 z.\nm 60 TXT a\nm 60 TXT b\n", head);
    t.in = zone_of("example.", b);
    REQUIRE(sign(&t) == ST_OK);
    CHECK_EQ(t.stats.made, 1);
    zone_drop(first);
    end(&t);
}

/* RFC 8976: the digest is right, and signed. */
TEST(zonemd_is_made)
{
    struct bench t;
    begin(&t, zone_text);
    t.plan.policy.zonemd = true;
    REQUIRE(sign(&t) == ST_OK);
    CHECK_EQ(zonemd_verify(t.out), ZONEMD_MATCH);
    CHECK_EQ(signatures(&t, "example.", RR_ZONEMD), 1);
    CHECK(strstr(nsec_of(&t, "example."), "ZONEMD") != NULL);
    /* Signed again without, an old digest does not stay. */
    zone_drop(t.in);
    t.in = zone_take(t.out);
    t.plan.policy.zonemd = false;
    REQUIRE(sign(&t) == ST_OK);
    CHECK_EQ(zonemd_verify(t.out), ZONEMD_NONE);
    end(&t);
}

/* RFC 8078 section 4. */
TEST(cds_deletion)
{
    struct bench t;
    struct rrset set;
    begin(&t, zone_text);
    t.plan.policy.cds = CDS_DELETE;
    REQUIRE(sign(&t) == ST_OK);
    REQUIRE(zone_rrset(t.out, zone_apex(t.out), RR_CDS, zone_origin(t.out), &set));
    CHECK(set.count == 1 && set.rdata_size == 7 && memcmp(set.rdata, "\0\5\0\0\0\0\0", 7) == 0);
    t.plan.policy.cds = CDS_NEVER;
    REQUIRE(sign(&t) == ST_OK);
    CHECK(!zone_rrset(t.out, zone_apex(t.out), RR_CDS, zone_origin(t.out), &set));
    end(&t);
}

/* Expirations are spread over the jitter and never beyond the validity. */
TEST(expirations_are_spread)
{
    struct bench t;
    char lines[64 * 1024];
    struct text x = text_of(lines, sizeof lines);
    text_str(&x, "@ 3600 SOA ns1 host 1 7200 3600 1209600 300\n@ 3600 NS ns1.other.\n");
    for (int i = 0; i < 500; i++)
        text_fmt(&x, "h%d 60 A 192.0.2.1\n", i);
    begin(&t, text_cstr(&x));
    REQUIRE(sign(&t) == ST_OK);
    const struct sign_policy *p = &t.plan.policy;
    uint32_t hours[24] = {0};
    for (const struct zone_node *n = NULL; (n = zone_next(t.out, n)) != NULL;) {
        struct rrset set;
        uint32_t cursor = 0;
        while (zone_rrset_next(t.out, n, name_root, &cursor, &set)) {
            struct rrsig s;
            const uint8_t *q = set.rdata;
            if (set.type != RR_RRSIG || !rrsig_read(rdata_next(&q), &s))
                continue;
            uint32_t before = NOW + p->validity_s - s.expiration;
            CHECK(before < p->jitter_s);
            hours[before / 3600 % 24]++;
            CHECK_EQ(s.inception, NOW - p->backdate_s);
        }
    }
    for (int i = 0; i < 24; i++)
        CHECK(hours[i] > 15 && hours[i] < 90);
    end(&t);
}

/* RFC 1982: what secondaries take as newer. */
TEST(serial_numbers)
{
    struct sign_policy p = sign_policy_default();
    CHECK_EQ(sign_serial_next(&p, 5, 0, NOW), 5);
    CHECK_EQ(sign_serial_next(&p, 6, 5, NOW), 6);
    CHECK_EQ(sign_serial_next(&p, 5, 5, NOW), 6);
    CHECK_EQ(sign_serial_next(&p, 5, 9, NOW), 10);
    CHECK_EQ(sign_serial_next(&p, 0, 0, NOW), 1);
    CHECK_EQ(sign_serial_next(&p, 5, 0xffffffff, NOW), 5);          /* over the end of the circle */
    CHECK_EQ(sign_serial_next(&p, 0xfffffff0, 0xffffffff, NOW), 1); /* 0 is left out */
    p.serial = SERIAL_UNIXTIME;
    CHECK_EQ(sign_serial_next(&p, 5, 9, NOW), NOW);
    CHECK_EQ(sign_serial_next(&p, 5, NOW, NOW), NOW + 1);
    p.serial = SERIAL_DATE;
    CHECK_EQ(sign_serial_next(&p, 5, 9, NOW), 2023111400);
    CHECK_EQ(sign_serial_next(&p, 5, 2023111400, NOW), 2023111401);
    p.serial = SERIAL_KEEP;
    CHECK_EQ(sign_serial_next(&p, 5, 9, NOW), 5);
}
