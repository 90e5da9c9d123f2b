/* Key sets: what every key does at every moment of its life, the text form, key files. */
#include "base/codec.h"
#include "base/test.h"
#include "base/when.h"
#include "dnssec/keyset.h"
#include "dnssec/testlib.h"
#include "dnssec/verify.h"

#include <stdio.h>
#include <stdlib.h>

enum { HOUR = 3600, DAY = 24 * HOUR };
enum { T0 = 1800000000 };

static struct sign_policy policy(uint8_t algorithm, bool split)
{
    struct sign_policy p = sign_policy_default();
    p.algorithm = algorithm;
    p.rsa_bits = 1024;
    p.split = split;
    p.dnskey_ttl_s = HOUR;
    p.propagation_s = 600;
    p.ds_ttl_s = DAY;
    p.zone_ttl_s = 2 * DAY;
    return p;
}

/* What a key does, as letters: P in the DNSKEY set, K signs it, Z signs the zone, C in CDS. */
static const char *does(const struct zone_key *k, uint64_t now, char buf[8])
{
    snprintf(buf, 8, "%s%s%s%s", key_in_zone(k, now) ? "P" : "", key_signs_keys(k, now) ? "K" : "",
             key_signs_zone(k, now) ? "Z" : "", key_wants_ds(k, now) ? "C" : "");
    return buf;
}

struct step {
    int64_t at; /* seconds after T0 */
    const char *does[4];
    enum key_state state[4];
};

static void check_steps(const struct keyset *s, const struct step *step, size_t n, int line)
{
    char buf[8];
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < s->n; k++) {
            uint64_t now = T0 + (uint64_t)step[i].at;
            does(&s->key[k], now, buf);
            enum key_state st = key_state_at(&s->key[k], now);
            if (strcmp(buf, step[i].does[k]) != 0 || st != step[i].state[k])
                test_fail(__FILE__, line, "at %lld key %u does \"%s\" (%s), expected \"%s\" (%s)",
                          (long long)step[i].at, k, buf, key_state_name(st), step[i].does[k],
                          key_state_name(step[i].state[k]));
        }
}

#define STEPS(s, ...)                                                                              \
    do {                                                                                           \
        const struct step steps_[] = {__VA_ARGS__};                                                \
        check_steps(s, steps_, ARRAY_LEN(steps_), __LINE__);                                       \
    } while (0)

#define GEN KEY_STATE_GENERATED
#define PUB KEY_STATE_PUBLISHED
#define RDY KEY_STATE_READY
#define ACT KEY_STATE_ACTIVE
#define RET KEY_STATE_RETIRED
#define REM KEY_STATE_REMOVED

static void begin(struct keyset *s, const struct sign_policy *p)
{
    struct name zone;
    bool made;
    CHECK(name_from("Example.ORG.", &zone) == ST_OK);
    keyset_init(s, zone.w);
    CHECK(keyset_begin(s, p, T0, &made) == ST_OK && made);
    CHECK(keyset_begin(s, p, T0, &made) == ST_OK && !made);
}

static struct zone_key *roll(struct keyset *s, enum key_role role, const struct sign_policy *p,
                             uint64_t now)
{
    struct diag d = {0};
    struct zone_key *k = NULL;
    if (keyset_roll(s, role, p, now, &k, &d) != ST_OK)
        test_fail(__FILE__, __LINE__, "roll: %s", d.message);
    return k;
}

TEST(first_keys_are_in_use_at_once)
{
    static struct keyset s;
    struct sign_policy p = policy(SEC_ED25519, false);
    begin(&s, &p);
    CHECK_EQ(s.n, 1);
    CHECK_EQ(s.key[0].flags, 257);
    STEPS(&s, {-1, {""}, {GEN}}, {0, {"PKZC"}, {RDY}}, {1000 * DAY, {"PKZC"}, {RDY}});
    CHECK_EQ(keyset_next_change(&s, T0), 0);
    struct diag d = {0};
    CHECK(keyset_ds_seen(&s, s.key[0].tag, &p, T0 + DAY, &d) == ST_OK);
    CHECK(keyset_ds_seen(&s, s.key[0].tag, &p, T0 + 2 * DAY, &d) == ST_OK);
    CHECK_EQ(s.key[0].at[KEY_DS_SEEN], T0 + DAY);
    STEPS(&s, {DAY - 1, {"PKZC"}, {RDY}}, {DAY, {"PKZC"}, {ACT}});
    keyset_free(&s);
    p = policy(SEC_ED25519, true);
    begin(&s, &p);
    CHECK_EQ(s.n, 2);
    STEPS(&s, {0, {"PKC", "PZ"}, {RDY, ACT}});
    CHECK_EQ(s.key[1].flags, 256);
    keyset_free(&s);
}

/* RFC 6781 section 4.1.1.1, RFC 7583 section 3.2.1 */
TEST(a_zsk_is_published_before_it_signs)
{
    static struct keyset s;
    struct sign_policy p = policy(SEC_ED25519, true);
    struct diag d = {0};
    struct zone_key *k;
    begin(&s, &p);
    REQUIRE((k = roll(&s, KEY_ZSK, &p, T0)) != NULL);
    const int64_t known = HOUR + 600, gone = known + 2 * DAY + 600;
    STEPS(&s, {0, {"PKC", "PZ", "P"}, {RDY, ACT, PUB}},
          {known - 1, {"PKC", "PZ", "P"}, {RDY, ACT, PUB}},
          {known, {"PKC", "P", "PZ"}, {RDY, RET, ACT}},
          {gone - 1, {"PKC", "P", "PZ"}, {RDY, RET, ACT}},
          {gone, {"PKC", "", "PZ"}, {RDY, REM, ACT}});
    CHECK_EQ(keyset_next_change(&s, T0), T0 + known);
    CHECK_EQ(keyset_next_change(&s, T0 + (uint64_t)known), T0 + gone);
    CHECK_EQ(keyset_next_change(&s, T0 + (uint64_t)gone), 0);
    CHECK(keyset_roll(&s, KEY_ZSK, &p, T0 + HOUR, &k, &d) == ST_EEXIST);
    CHECK(keyset_roll(&s, KEY_ZSK, &p, T0 + (uint64_t)gone - 1, &k, &d) == ST_EEXIST);
    CHECK(keyset_roll(&s, KEY_CSK, &p, T0 + (uint64_t)gone, &k, &d) == ST_ENOTFOUND);
    CHECK(keyset_roll(&s, KEY_ZSK, &p, T0 + (uint64_t)gone, &k, &d) == ST_OK);
    /* A KSK rolls beside it. */
    CHECK(keyset_roll(&s, KEY_KSK, &p, T0 + (uint64_t)gone, &k, &d) == ST_OK);
    CHECK_EQ(s.n, 5);
    keyset_free(&s);
}

/* RFC 6781 section 4.1.2, RFC 7583 section 3.3.1 */
TEST(a_ksk_waits_for_its_ds)
{
    static struct keyset s;
    struct sign_policy p = policy(SEC_ED25519, true);
    struct diag d = {0};
    begin(&s, &p);
    struct zone_key *k = roll(&s, KEY_KSK, &p, T0);
    REQUIRE(k != NULL);
    const int64_t known = HOUR + 600;
    STEPS(&s, {0, {"PKC", "PZ", "PK"}, {RDY, ACT, PUB}},
          {known - 1, {"PKC", "PZ", "PK"}, {RDY, ACT, PUB}},
          {known, {"PK", "PZ", "PKC"}, {RET, ACT, RDY}},
          {900 * DAY, {"PK", "PZ", "PKC"}, {RET, ACT, RDY}});
    CHECK(keyset_ds_seen(&s, k->tag, &p, T0 + known - 1, &d) == ST_ESEMANTIC);
    CHECK(keyset_ds_seen(&s, s.key[0].tag, &p, T0 + known, &d) == ST_ESEMANTIC);
    CHECK(keyset_ds_seen(&s, s.key[1].tag, &p, T0 + known, &d) == ST_ESEMANTIC);
    CHECK(keyset_ds_seen(&s, (uint16_t)(k->tag ^ 1), &p, T0 + known, &d) == ST_ENOTFOUND);
    const int64_t seen = 5 * DAY, gone = seen + DAY + 600;
    CHECK(keyset_ds_seen(&s, k->tag, &p, T0 + seen, &d) == ST_OK);
    STEPS(&s, {seen, {"PK", "PZ", "PKC"}, {RET, ACT, ACT}},
          {gone - 1, {"PK", "PZ", "PKC"}, {RET, ACT, ACT}},
          {gone, {"", "PZ", "PKC"}, {REM, ACT, ACT}});
    keyset_free(&s);
}

TEST(a_csk_is_swapped_in_the_zone_and_then_at_the_parent)
{
    static struct keyset s;
    struct sign_policy p = policy(SEC_ED25519, false);
    struct diag d = {0};
    begin(&s, &p);
    struct zone_key *k = roll(&s, KEY_CSK, &p, T0);
    REQUIRE(k != NULL);
    const int64_t known = HOUR + 600;
    STEPS(&s, {0, {"PKZC", "PK"}, {RDY, PUB}}, {known - 1, {"PKZC", "PK"}, {RDY, PUB}},
          {known, {"PK", "PKZC"}, {RET, RDY}}, {900 * DAY, {"PK", "PKZC"}, {RET, RDY}});
    CHECK(keyset_roll(&s, KEY_CSK, &p, T0 + 900 * (uint64_t)DAY, &k, &d) == ST_EEXIST);
    /* Seen at once: the old key's signatures live longer than its DS. */
    CHECK(keyset_ds_seen(&s, k->tag, &p, T0 + known, &d) == ST_OK);
    const int64_t gone = known + 2 * DAY + 600;
    STEPS(&s, {gone - 1, {"PK", "PKZC"}, {RET, ACT}}, {gone, {"", "PKZC"}, {REM, ACT}});
    CHECK(keyset_roll(&s, KEY_CSK, &p, T0 + (uint64_t)gone, &k, &d) == ST_OK);
    keyset_free(&s);
}

/* RFC 6781 section 4.1.4: signatures first and last. */
TEST(a_new_algorithm_signs_before_its_key_is_seen)
{
    static struct keyset s;
    struct sign_policy p = policy(SEC_ED25519, false);
    struct diag d = {0};
    begin(&s, &p);
    p.algorithm = SEC_ECDSAP256SHA256;
    struct zone_key *k = roll(&s, KEY_CSK, &p, T0);
    REQUIRE(k != NULL && k->algorithm == SEC_ECDSAP256SHA256);
    const int64_t publish = 2 * DAY + 600, sync = publish + HOUR + 600, seen = 9 * DAY,
                  remove = seen + DAY + 600, end = remove + HOUR + 600;
    STEPS(&s, {0, {"PKZC", "Z"}, {RDY, PUB}}, {publish - 1, {"PKZC", "Z"}, {RDY, PUB}},
          {publish, {"PKZC", "PKZ"}, {RDY, PUB}}, {sync - 1, {"PKZC", "PKZ"}, {RDY, PUB}},
          {sync, {"PKZ", "PKZC"}, {RET, RDY}}, {900 * DAY, {"PKZ", "PKZC"}, {RET, RDY}});
    CHECK(keyset_ds_seen(&s, k->tag, &p, T0 + seen, &d) == ST_OK);
    STEPS(&s, {seen, {"PKZ", "PKZC"}, {RET, ACT}}, {remove - 1, {"PKZ", "PKZC"}, {RET, ACT}},
          {remove, {"Z", "PKZC"}, {RET, ACT}}, {end - 1, {"Z", "PKZC"}, {RET, ACT}},
          {end, {"", "PKZC"}, {REM, ACT}});
    keyset_free(&s);
}

TEST(a_new_algorithm_takes_ksk_and_zsk_together)
{
    static struct keyset s;
    struct sign_policy p = policy(SEC_ED25519, true);
    struct diag d = {0};
    struct zone_key *k;
    begin(&s, &p);
    p.algorithm = SEC_ECDSAP256SHA256;
    REQUIRE((k = roll(&s, KEY_ZSK, &p, T0)) != NULL);
    CHECK_EQ(k->role, KEY_KSK);
    REQUIRE(s.n == 4);
    const int64_t publish = 2 * DAY + 600, sync = publish + HOUR + 600, seen = 9 * DAY,
                  remove = seen + DAY + 600, end = remove + HOUR + 600;
    STEPS(&s, {0, {"PKC", "PZ", "Z", ""}, {RDY, ACT, PUB, GEN}},
          {publish - 1, {"PKC", "PZ", "Z", ""}, {RDY, ACT, PUB, GEN}},
          {publish, {"PKC", "PZ", "PZ", "PK"}, {RDY, ACT, ACT, PUB}},
          {sync, {"PK", "PZ", "PZ", "PKC"}, {RET, ACT, ACT, RDY}});
    CHECK(keyset_ds_seen(&s, k->tag, &p, T0 + seen, &d) == ST_OK);
    STEPS(&s, {remove - 1, {"PK", "PZ", "PZ", "PKC"}, {RET, ACT, ACT, ACT}},
          {remove, {"", "Z", "PZ", "PKC"}, {REM, RET, ACT, ACT}},
          {end, {"", "", "PZ", "PKC"}, {REM, REM, ACT, ACT}});
    keyset_free(&s);
}

/* At every second of any roll: a key signs the DNSKEY set and one the zone, every algorithm of the
 * DNSKEY set signs both (RFC 4035 section 2.2), some key with a DS in CDS stands in the set. */
TEST(a_zone_is_signed_at_every_moment_of_a_roll)
{
    static const uint8_t from_to[][2] = {{15, 15}, {15, 13}, {13, 15}, {13, 16}, {14, 14}, {15, 8}};
    static struct keyset s;
    for (size_t i = 0; i < ARRAY_LEN(from_to) * 2; i++) {
        bool split = i & 1;
        struct sign_policy p = policy(from_to[i / 2][0], split);
        struct diag d = {0};
        begin(&s, &p);
        p.algorithm = from_to[i / 2][1];
        struct zone_key *k = roll(&s, split ? KEY_KSK : KEY_CSK, &p, T0);
        REQUIRE(k != NULL);
        uint16_t tag = k->tag;
        for (uint64_t now = T0; now < T0 + 20 * DAY; now += 300) {
            bool in[32] = {0}, keys[32] = {0}, zone[32] = {0}, any = false, cds = false;
            if (now == T0 + 6 * DAY)
                CHECK(keyset_ds_seen(&s, tag, &p, now, &d) == ST_OK);
            for (unsigned j = 0; j < s.n; j++) {
                const struct zone_key *z = &s.key[j];
                in[z->algorithm] |= key_in_zone(z, now);
                keys[z->algorithm] |= key_signs_keys(z, now);
                zone[z->algorithm] |= key_signs_zone(z, now);
                cds |= key_wants_ds(z, now) && key_signs_keys(z, now);
            }
            for (unsigned a = 0; a < 32; a++) {
                any |= in[a];
                if (in[a] && !(keys[a] && zone[a]))
                    test_fail(__FILE__, __LINE__, "%zu: algorithm %u is half signed at +%llu", i, a,
                              (unsigned long long)(now - T0));
            }
            if (!any || !cds)
                test_fail(__FILE__, __LINE__, "%zu: no key, or none for the parent, at +%llu", i,
                          (unsigned long long)(now - T0));
        }
        keyset_free(&s);
    }
}

TEST(a_key_without_plan_is_taken_for_a_roll)
{
    static struct keyset s;
    struct sign_policy p = policy(SEC_ED25519, false);
    struct zone_key *ready, *k;
    begin(&s, &p);
    REQUIRE(keyset_generate(&s, KEY_CSK, SEC_ED25519, 0, T0, &ready) == ST_OK);
    STEPS(&s, {DAY, {"PKZC", ""}, {RDY, GEN}});
    uint16_t tag = ready->tag;
    REQUIRE((k = roll(&s, KEY_CSK, &p, T0)) != NULL);
    CHECK_EQ(k->tag, tag);
    CHECK_EQ(s.n, 2);
    keyset_free(&s);
}

TEST(the_last_key_is_not_retired)
{
    static struct keyset s;
    struct sign_policy p = policy(SEC_ED25519, true);
    struct diag d = {0};
    begin(&s, &p);
    CHECK(keyset_retire(&s, s.key[0].tag, &p, T0, false, &d) == ST_ESEMANTIC);
    CHECK(keyset_retire(&s, s.key[1].tag, &p, T0, false, &d) == ST_ESEMANTIC);
    CHECK(strstr(d.message, "last that signs the zone") != NULL);
    struct zone_key *k = roll(&s, KEY_ZSK, &p, T0);
    REQUIRE(k != NULL);
    /* The new one does not sign yet. */
    CHECK(keyset_retire(&s, s.key[1].tag, &p, T0 + 1, false, &d) == ST_ESEMANTIC);
    CHECK(keyset_retire(&s, s.key[1].tag, &p, T0 + 2 * HOUR, false, &d) == ST_OK);
    CHECK(keyset_delete(&s, s.key[1].tag, T0 + 2 * HOUR, false, &d) == ST_ESEMANTIC);
    CHECK(keyset_delete(&s, s.key[1].tag, T0 + 9 * DAY, false, &d) == ST_OK);
    CHECK_EQ(s.n, 2);
    CHECK(keyset_retire(&s, s.key[1].tag, &p, T0 + 9 * DAY, true, &d) == ST_OK);
    STEPS(&s, {9 * DAY, {"PKC", "P"}, {RDY, RET}}, {12 * DAY, {"PKC", ""}, {RDY, REM}});
    keyset_free(&s);
}

/* Two CSKs of different algorithms: the signatures of the one that goes outlive its DNSKEY. */
TEST(the_last_key_of_an_algorithm_is_retired_in_order)
{
    static struct keyset s;
    struct sign_policy p = policy(SEC_ED25519, false);
    struct diag d = {0};
    struct zone_key *k;
    begin(&s, &p);
    REQUIRE(keyset_generate(&s, KEY_CSK, SEC_ECDSAP256SHA256, 0, T0, &k) == ST_OK);
    k->at[KEY_PUBLISH] = k->at[KEY_ACTIVE] = k->at[KEY_SYNC] = T0;
    CHECK(keyset_retire(&s, s.key[0].tag, &p, T0, false, &d) == ST_ESEMANTIC);
    CHECK(strstr(d.message, "DS") != NULL);
    CHECK(keyset_ds_seen(&s, k->tag, &p, T0, &d) == ST_OK);
    CHECK(keyset_retire(&s, s.key[0].tag, &p, T0, false, &d) == ST_OK);
    const int64_t remove = DAY + 600, end = remove + HOUR + 600;
    STEPS(&s, {0, {"PKZ", "PKZC"}, {RET, ACT}}, {remove - 1, {"PKZ", "PKZC"}, {RET, ACT}},
          {remove, {"Z", "PKZC"}, {RET, ACT}}, {end, {"", "PKZC"}, {REM, ACT}});
    keyset_free(&s);
}

TEST(a_full_set_forgets_the_key_removed_first)
{
    static struct keyset s;
    struct name zone;
    struct zone_key *k;
    CHECK(name_from("x.", &zone) == ST_OK);
    keyset_init(&s, zone.w);
    for (unsigned i = 0; i < KEYSET_KEYS; i++)
        REQUIRE(keyset_generate(&s, KEY_ZSK, SEC_ED25519, 0, T0, &k) == ST_OK);
    CHECK(keyset_generate(&s, KEY_ZSK, SEC_ED25519, 0, T0, &k) == ST_ELIMIT);
    s.key[3].at[KEY_REMOVE] = T0 - 5;
    s.key[9].at[KEY_REMOVE] = T0 - 9;
    uint16_t kept = s.key[3].tag, gone = s.key[9].tag;
    CHECK(keyset_generate(&s, KEY_ZSK, SEC_ED25519, 0, T0, &k) == ST_OK);
    CHECK_EQ(s.n, KEYSET_KEYS);
    CHECK(keyset_find(&s, kept) != NULL);
    CHECK(keyset_find(&s, gone) == NULL);
    keyset_free(&s);
}

TEST(the_signer_gets_opened_keys)
{
    static struct keyset s;
    struct sign_key v[KEYSET_KEYS];
    unsigned n = 0;
    struct sign_policy p = policy(SEC_ED25519, true);
    struct diag d = {0};
    begin(&s, &p);
    REQUIRE(roll(&s, KEY_ZSK, &p, T0) != NULL);
    REQUIRE(keyset_sign_keys(&s, &p, T0, v, &n, &d) == ST_OK);
    CHECK_EQ(n, 3);
    CHECK(v[0].key != NULL && v[0].publish && v[0].sign_keys && !v[0].sign_zone && v[0].cds);
    CHECK(v[1].key != NULL && v[1].publish && !v[1].sign_keys && v[1].sign_zone && !v[1].cds);
    CHECK(v[2].key == NULL && v[2].publish && !v[2].sign_keys && !v[2].sign_zone);
    sign_keys_free(v, n);
    p.cds = CDS_NEVER;
    REQUIRE(keyset_sign_keys(&s, &p, T0, v, &n, &d) == ST_OK);
    CHECK(!v[0].cds);
    sign_keys_free(v, n);
    s.key[1].secret = s.key[0].secret; /* halves that do not belong together */
    CHECK(keyset_sign_keys(&s, &p, T0, v, &n, &d) == ST_EFORMAT);
    CHECK(strstr(d.message, "cannot be used") != NULL);
    s.key[1].secret = bytes_str("nonsense");
    CHECK(keyset_sign_keys(&s, &p, T0, v, &n, &d) != ST_OK);
    s.key[1].secret = (struct bytes){0};
    keyset_free(&s);
}

/* The server was off: the new key was not published when the plan said so. */
TEST(a_plan_waits_for_who_carries_it_out)
{
    static struct keyset s;
    struct sign_policy p = policy(SEC_ED25519, true);
    begin(&s, &p);
    REQUIRE(roll(&s, KEY_ZSK, &p, T0 + DAY) != NULL);
    CHECK(!keyset_put_off(&s, 0, T0 + 9 * DAY, 600));
    CHECK(!keyset_put_off(&s, T0, T0 + DAY - 1, 600));
    CHECK(!keyset_put_off(&s, T0, T0 + DAY + 600, 600));
    const int64_t late = 5 * DAY, known = late + HOUR + 600, gone = known + 2 * DAY + 600;
    CHECK(keyset_put_off(&s, T0, T0 + late, 600));
    STEPS(&s, {late - 1, {"PKC", "PZ", ""}, {RDY, ACT, GEN}},
          {late, {"PKC", "PZ", "P"}, {RDY, ACT, PUB}},
          {known - 1, {"PKC", "PZ", "P"}, {RDY, ACT, PUB}},
          {known, {"PKC", "P", "PZ"}, {RDY, RET, ACT}}, {gone, {"PKC", "", "PZ"}, {RDY, REM, ACT}});
    /* It was published in time, and the change of signers is late. */
    CHECK(!keyset_put_off(&s, T0 + late, T0 + known, 600));
    CHECK(keyset_put_off(&s, T0 + late, T0 + known + DAY, 600));
    STEPS(&s, {known + DAY - 1, {"PKC", "PZ", "P"}, {RDY, ACT, PUB}},
          {known + DAY, {"PKC", "P", "PZ"}, {RDY, RET, ACT}},
          {gone + DAY - 1, {"PKC", "P", "PZ"}, {RDY, RET, ACT}},
          {gone + DAY, {"PKC", "", "PZ"}, {RDY, REM, ACT}});
    keyset_free(&s);
}

static struct zone *small_zone(void)
{
    struct test_set soa, ns;
    struct zone *z = NULL;
    struct diag d = {0};
    test_set_make(&soa, "example.org.", RR_SOA, 3600, "ns.example.net. h.example.org. 1 2 3 4 5");
    test_set_make(&ns, "example.org.", RR_NS, 3600, "ns.example.net.");
    struct zone_builder *b = zone_builder_new(soa.owner.w);
    if (zone_builder_add(b, soa.owner.w, RR_SOA, 3600, test_set_first(&soa)) != ST_OK ||
        zone_builder_add(b, ns.owner.w, RR_NS, 3600, test_set_first(&ns)) != ST_OK ||
        zone_builder_finish(b, &z, &d) != ST_OK)
        abort();
    zone_builder_free(b);
    return z;
}

static void finding(void *ctx, const struct zone_finding *f)
{
    (void)ctx;
    if (f->severity == SEV_ERROR)
        test_fail(__FILE__, __LINE__, "%s: %s", f->code, f->message);
}

static void sign_at(const struct keyset *s, const struct sign_policy *p, const struct zone *in,
                    struct zone **old, uint64_t now)
{
    struct sign_key v[KEYSET_KEYS];
    unsigned n = 0;
    struct diag d = {0};
    struct sign_stats stats;
    struct zone *out = NULL;
    enum status st = keyset_sign_keys(s, p, now, v, &n, &d);
    if (st == ST_OK) {
        struct sign_plan plan = {
            .key = v, .keys = n, .policy = *p, .now = now, .serial = 7, .old = *old};
        st = zone_sign(in, &plan, NULL, &out, &stats, &d);
        sign_keys_free(v, n);
    }
    if (st != ST_OK)
        test_fail(__FILE__, __LINE__, "+%llu: %s", (unsigned long long)(now - T0), d.message);
    if (out != NULL) {
        struct zone_verify_options o = {.now = now};
        struct zone_verify_result r = {0};
        CHECK(zone_verify(out, &o, finding, NULL, &r) == ST_OK);
        CHECK_EQ(r.errors, 0);
    }
    zone_drop(*old);
    *old = out;
}

/* The signer, which refuses half signed algorithms, takes the keys at every change of a roll. */
TEST(the_signer_signs_through_every_roll)
{
    static const uint8_t to[] = {SEC_ED25519, SEC_ECDSAP256SHA256};
    static struct keyset s;
    struct zone *in = small_zone();
    for (size_t i = 0; i < ARRAY_LEN(to) * 2; i++) {
        struct sign_policy p = policy(SEC_ED25519, i & 1);
        struct diag d = {0};
        struct zone *old = NULL;
        begin(&s, &p);
        sign_at(&s, &p, in, &old, T0);
        p.algorithm = to[i / 2];
        struct zone_key *k = roll(&s, i & 1 ? KEY_KSK : KEY_CSK, &p, T0);
        REQUIRE(k != NULL);
        uint16_t tag = k->tag;
        unsigned changes = 0;
        for (uint64_t now = T0, next; (next = keyset_next_change(&s, now)) != 0; now = next) {
            sign_at(&s, &p, in, &old, next - 1);
            sign_at(&s, &p, in, &old, next);
            if (keyset_next_change(&s, next) == 0 && keyset_find(&s, tag)->at[KEY_DS_SEEN] == 0)
                CHECK(keyset_ds_seen(&s, tag, &p, next + HOUR, &d) == ST_OK);
            changes++;
        }
        CHECK(changes >= 2);
        CHECK_EQ(key_state_at(&s.key[0], T0 + 100 * (uint64_t)DAY), KEY_STATE_REMOVED);
        zone_drop(old);
        keyset_free(&s);
    }
    zone_drop(in);
}

/* --- Text --- */

static bool same_set(const struct keyset *a, const struct keyset *b)
{
    bool same = a->n == b->n && name_equal(a->zone.w, b->zone.w);
    for (unsigned i = 0; same && i < a->n; i++) {
        const struct zone_key *x = &a->key[i], *y = &b->key[i];
        same = x->role == y->role && x->flags == y->flags && x->algorithm == y->algorithm &&
               x->tag == y->tag && x->bits == y->bits && bytes_equal(x->dnskey, y->dnskey) &&
               bytes_equal(x->secret, y->secret) && memcmp(x->at, y->at, sizeof x->at) == 0;
    }
    return same;
}

TEST(text_reads_back_and_damage_is_noticed)
{
    static struct keyset s, back;
    struct sign_policy p = policy(SEC_RSASHA256, true);
    struct text t = text_heap(KEYSET_TEXT_MAX);
    struct diag d = {0};
    begin(&s, &p);
    REQUIRE(roll(&s, KEY_KSK, &p, T0) != NULL);
    REQUIRE(keyset_text(&s, &t) == ST_OK);
    REQUIRE(keyset_parse(&back, bytes_of(t.p, t.n), &d) == ST_OK);
    CHECK(same_set(&s, &back));
    keyset_free(&back);
    for (size_t i = 0; i < t.n; i++) { /* every byte */
        t.p[i] ^= 1;
        CHECK(keyset_parse(&back, bytes_of(t.p, t.n), &d) != ST_OK);
        t.p[i] ^= 1;
    }
    for (size_t n = 0; n < t.n; n += 7) {
        CHECK(keyset_parse(&back, bytes_of(t.p, n), &d) != ST_OK);
        CHECK(d.message[0] != '\0');
    }
    explicit_bzero(t.p, t.n);
    text_free(&t);
    keyset_free(&s);
}

/* --- Key files --- */

static enum status import_files(struct keyset *s, const char *stem, const char *private,
                                struct zone_key **ret, struct diag *d)
{
    char path[200];
    uint8_t rdata[DNSKEY_RDATA_MAX];
    struct writer w = wr_of(rdata, sizeof rdata);
    snprintf(path, sizeof path, "vectors/keys/%s.key", stem);
    size_t n, sn = 0;
    char *pub = test_file(path, &n), *secret = NULL;
    if (private != NULL) {
        snprintf(path, sizeof path, "vectors/keys/%s.private", private);
        secret = test_file(path, &sn);
    }
    enum status st = ST_EIO;
    char *at = pub != NULL ? strstr(pub, "DNSKEY ") : NULL;
    if (at != NULL && (private == NULL || secret != NULL)) {
        at[strcspn(at, "\n")] = '\0';
        unsigned flags = 0, protocol = 0, algorithm = 0;
        int used = 0;
        CHECK_EQ(sscanf(at, "DNSKEY %u %u %u %n", &flags, &protocol, &algorithm, &used), 3);
        wr_u16(&w, (uint16_t)flags);
        wr_u8(&w, (uint8_t)protocol);
        wr_u8(&w, (uint8_t)algorithm);
        char *out = at += used;
        for (const char *p = at; *p != '\0'; p++)
            if (*p != ' ')
                *out++ = *p;
        CHECK(base64_parse(bytes_of(at, (size_t)(out - at)), &w) == ST_OK);
        st = keyset_import(s, wr_done(&w), bytes_of(secret, sn), T0, ret, d);
    }
    free(pub);
    free(secret);
    return st;
}

static const struct {
    const char *stem;
    uint16_t flags, tag, bits;
    uint8_t algorithm;
    enum key_role role;
} known_keys[] = {
    {"Kexample.org.+008+54406", 256, 54406, 2048, 8, KEY_ZSK},
    {"Kexample.org.+008+34211", 257, 34211, 2048, 8, KEY_KSK},
    {"Kexample.org.+010+36597", 256, 36597, 1024, 10, KEY_ZSK},
    {"Kexample.org.+013+48556", 256, 48556, 256, 13, KEY_ZSK},
    {"Kexample.org.+013+61662", 257, 61662, 256, 13, KEY_KSK},
    {"Kexample.org.+014+52583", 257, 52583, 384, 14, KEY_CSK},
    {"Kexample.org.+015+30334", 257, 30334, 256, 15, KEY_CSK},
    {"Kexample.org.+016+61963", 256, 61963, 456, 16, KEY_ZSK},
    {"Kexample.org.+016+49767", 257, 49767, 456, 16, KEY_KSK},
};

TEST(key_files_of_bind_are_read)
{
    static struct keyset s, again;
    struct name zone;
    CHECK(name_from("example.org.", &zone) == ST_OK);
    keyset_init(&s, zone.w);
    for (size_t i = 0; i < ARRAY_LEN(known_keys); i++) {
        struct zone_key *k = NULL;
        struct diag d = {0};
        enum status st = import_files(&s, known_keys[i].stem, known_keys[i].stem, &k, &d);
        if (st != ST_OK) {
            test_fail(__FILE__, __LINE__, "%s: %s", known_keys[i].stem, d.message);
            continue;
        }
        CHECK_EQ(k->tag, known_keys[i].tag);
        CHECK_EQ(k->flags, known_keys[i].flags);
        CHECK_EQ(k->algorithm, known_keys[i].algorithm);
        CHECK_EQ(k->bits, known_keys[i].bits);
        CHECK_EQ(k->role, known_keys[i].role);
        CHECK(import_files(&s, known_keys[i].stem, known_keys[i].stem, &k, &d) == ST_EEXIST);
        struct text t = text_heap(1 << 16), stem = text_heap(1024);
        key_file_stem(&s, k, &stem);
        CHECK_STR(text_cstr(&stem), known_keys[i].stem);
        key_private_file(k, &t);
        keyset_init(&again, zone.w);
        struct zone_key *o;
        CHECK(keyset_import(&again, k->dnskey, bytes_of(t.p, t.n), T0, &o, &d) == ST_OK);
        CHECK(memcmp(o->at, k->at, sizeof o->at) == 0);
        CHECK(bytes_equal(o->secret, k->secret));
        keyset_free(&again);
        text_free(&t);
        text_free(&stem);
    }
    keyset_free(&s);
}

TEST(times_of_key_files_are_taken_over)
{
    static struct keyset s;
    struct name zone;
    struct zone_key *k;
    struct diag d = {0};
    uint64_t t;
    CHECK(name_from("example.org.", &zone) == ST_OK);
    keyset_init(&s, zone.w);
    REQUIRE(import_files(&s, "Kexample.org.+013+timed", "Kexample.org.+013+timed", &k, &d) ==
            ST_OK);
    CHECK(when_parse(bytes_str("20260110000000"), &t) && k->at[KEY_PUBLISH] == t);
    CHECK(when_parse(bytes_str("20260111000000"), &t) && k->at[KEY_ACTIVE] == t);
    CHECK(when_parse(bytes_str("20300101000000"), &t) && k->at[KEY_RETIRE] == t);
    CHECK(when_parse(bytes_str("20300201000000"), &t) && k->at[KEY_REMOVE] == t);
    CHECK_EQ(k->at[KEY_UNSYNC], 0);
    keyset_free(&s);
}

#define K8  "Kexample.org.+008+54406"
#define K13 "Kexample.org.+013+48556"

TEST(bad_key_files_are_refused_in_words)
{
    static struct keyset s;
    static const struct {
        const char *key, *private, *words;
    } bad[] = {
        {"bad-protocol", NULL, "its protocol 3"},
        {"bad-flags", NULL, "its flags want 256 or 257"},
        {"bad-revoked", NULL, "not to sign a zone"},
        {"bad-algorithm", NULL, "the algorithm is not supported"},
        {"bad-point", NULL, "malformed"},
        {K8, "bad-cut", "is missing"},
        {K8, "bad-swapped", "no key of its algorithm"},
        {K8, K13, "does not belong"},
        {K13, "Kexample.org.+013+61662", "does not belong"},
        {K13, "bad-empty", "is empty"},
        {K13, "bad-noversion", "no private-key file"},
        {K13, "bad-version", "neither v1.2 nor v1.3"},
        {K13, "bad-base64", "not base64"},
        {K13, "bad-short", "no key of its algorithm"},
        {K13, "bad-zero", "no key of its algorithm"},
        {K13, "bad-twice", "twice"},
        {K13, "bad-sha1", "no longer to be signed with"},
        {K13, "bad-binary", "not base64"},
        {K13, "bad-lines", "too many lines"},
    };
    struct name zone;
    CHECK(name_from("example.org.", &zone) == ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct zone_key *k;
        keyset_init(&s, zone.w);
        struct diag d = {0};
        enum status st = import_files(&s, bad[i].key, bad[i].private, &k, &d);
        test_point(
            st != ST_OK && st != ST_EIO && strstr(d.message, bad[i].words) != NULL && s.n == 0,
            "%s and %s: %s", bad[i].key, bad[i].private ? bad[i].private : "nothing", d.message);
        keyset_free(&s);
    }
}

TEST(public_halves_are_published_only)
{
    static struct keyset s;
    struct name zone;
    struct zone_key *k;
    struct diag d = {0};
    struct sign_policy p = policy(SEC_ED25519, false);
    bool made;
    CHECK(name_from("example.org.", &zone) == ST_OK);
    keyset_init(&s, zone.w);
    REQUIRE(import_files(&s, known_keys[0].stem, NULL, &k, &d) == ST_OK);
    STEPS(&s, {-1, {""}, {GEN}}, {0, {"P"}, {PUB}}, {900 * DAY, {"P"}, {PUB}});
    CHECK(keyset_begin(&s, &p, T0, &made) == ST_OK && made);
    /* The other signer's key (RFC 8901) is no part of our rolls. */
    REQUIRE(roll(&s, KEY_CSK, &p, T0) != NULL);
    CHECK_EQ(s.key[0].at[KEY_RETIRE], 0);
    keyset_free(&s);
}
