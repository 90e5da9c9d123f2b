/* Zones with one thing broken each: the verifier says what. */
#include "dnssec/verify_faults.h"

static const struct {
    const char *what;
    unsigned in; /* bits of enum variant */
    void (*how)(struct bench *t);
    const char *code;
    enum severity severity;
} cases[] = {
    {"an expired signature", 7, expired, "rrsig-expired", SEV_ERROR},
    {"a signature of the future", 7, not_yet, "rrsig-not-yet-valid", SEV_ERROR},
    {"a validity that ends before it begins", 7, backwards, "rrsig-times", SEV_ERROR},
    {"another signer's name", 7, other_signer, "rrsig-signer", SEV_ERROR},
    {"no signature", 7, no_sig, "rrsig-missing", SEV_ERROR},
    {"no signature of SOA", 7, no_soa_sig, "rrsig-missing", SEV_ERROR},
    {"no signature of the keys", 7, no_key_sig, "rrsig-missing", SEV_ERROR},
    {"no signature of an NSEC", 1, no_denial_sig, "rrsig-missing", SEV_ERROR},
    {"no signature of an NSEC3", 6, no_nsec3_sig, "rrsig-missing", SEV_ERROR},
    {"no signature of a DS", 7, no_ds_sig, "rrsig-missing", SEV_ERROR},
    {"changed data", 7, other_data, "rrsig-bogus", SEV_ERROR},
    {"a record too much", 7, other_rr, "rrsig-bogus", SEV_ERROR},
    {"a record too few", 7, lost_rr, "rrsig-bogus", SEV_ERROR},
    {"a changed signature", 7, other_bytes, "rrsig-bogus", SEV_ERROR},
    {"a signature cut short", 7, cut_short, "rrsig-bogus", SEV_ERROR},
    {"too few labels", 7, other_labels, "rrsig-labels", SEV_ERROR},
    {"a wildcard counted as label", 7, wildcard_labels, "rrsig-labels", SEV_ERROR},
    {"another TTL", 7, other_ttl, "rrsig-original-ttl", SEV_ERROR},
    {"another key tag", 7, other_tag, "rrsig-unknown-key", SEV_ERROR},
    {"a signature of nothing", 7, lost_set, "rrsig-covers-nothing", SEV_ERROR},
    {"NS of a delegation signed", 7, signed_ns, "rrsig-at-delegation", SEV_ERROR},
    {"glue signed", 7, signed_glue, "rrsig-below-cut", SEV_ERROR},
    {"an algorithm that signs nothing", 7, new_algorithm, "rrsig-algorithm-missing", SEV_ERROR},
    {"no DNSKEY", 7, unsigned_keys, "no-dnskey", SEV_ERROR},
    {"a DNSKEY that is gone", 7, lost_zsk, "rrsig-unknown-key", SEV_ERROR},
    {"a revoked key that signs", 7, revoked_zsk, "rrsig-revoked-key", SEV_ERROR},
    {"a revoked key that does not sign itself", 7, revoked_zsk, "revoked-not-self-signed",
     SEV_ERROR},
    {"a key without the zone flag", 7, no_zone_key, "rrsig-not-zone-key", SEV_ERROR},
    {"a key of another protocol", 7, other_protocol, "dnskey-protocol", SEV_ERROR},
    {"a malformed key", 7, short_key, "dnskey-malformed", SEV_ERROR},
    {"a key of an unknown algorithm", 7, unknown_algorithm, "dnskey-unsupported", SEV_WARNING},
    {"an unknown algorithm that signs nothing", 7, unknown_algorithm, "rrsig-algorithm-missing",
     SEV_ERROR},
    {"keys that are signed by the zone-signing key only", 7, zsk_signs_keys, "no-sep-signature",
     SEV_ERROR},
    {"a trust anchor of no key", 7, wrong_anchor, "anchor-mismatch", SEV_ERROR},
    {"a trust anchor of a key that does not sign keys", 7, anchor_zsk, "anchor-not-signing",
     SEV_ERROR},
    {"an algorithm of the trust anchors missing", 7, anchor_two, "anchor-algorithm", SEV_ERROR},
    {"DS where no delegation is", 7, ds_elsewhere, "ds-not-at-delegation", SEV_ERROR},
    {"no denial at all", 7, lost_chain, "no-denial", SEV_ERROR},
    {"an NSEC that is gone", 1, lost_nsec, "nsec-missing", SEV_ERROR},
    {"two NSEC at a name", 1, two_nsec, "nsec-multiple", SEV_ERROR},
    {"an NSEC that skips a name", 1, nsec_short, "nsec-next", SEV_ERROR},
    {"an NSEC circle that does not close", 1, nsec_open, "nsec-next", SEV_ERROR},
    {"a type too much in an NSEC", 1, nsec_more, "nsec-bitmap", SEV_ERROR},
    {"a type too few in an NSEC", 1, nsec_less, "nsec-bitmap", SEV_ERROR},
    {"glue in the NSEC of a delegation", 1, nsec_glue_bit, "nsec-bitmap", SEV_ERROR},
    {"an NSEC at no name", 1, nsec_nowhere, "nsec-extra", SEV_ERROR},
    {"an NSEC at glue", 1, nsec_glue, "nsec-extra", SEV_ERROR},
    {"an NSEC with another TTL", 1, nsec_ttl, "nsec-ttl", SEV_WARNING},
    {"a new name without NSEC", 1, new_name, "nsec-missing", SEV_ERROR},
    {"a new name that is skipped", 1, new_name, "nsec-next", SEV_ERROR},
    {"a name that is gone", 1, lost_name, "nsec-extra", SEV_ERROR},
    {"a new name without NSEC3", 6, new_name, "nsec3-missing", SEV_ERROR},
    {"a name that is gone, of NSEC3", 6, lost_name, "nsec3-extra", SEV_ERROR},
    {"no NSEC3PARAM", 6, lost_param, "nsec3param-missing", SEV_ERROR},
    {"another NSEC3PARAM", 6, other_param, "nsec3-chain-missing", SEV_ERROR},
    {"NSEC3PARAM with flags", 6, param_flags, "nsec3param-flags", SEV_WARNING},
    {"two NSEC3PARAM", 6, two_params, "nsec3param-multiple", SEV_WARNING},
    {"iterations", 6, some_iterations, "nsec3-iterations", SEV_WARNING},
    {"too many iterations", 6, many_iterations, "nsec3-iterations-high", SEV_ERROR},
    {"an NSEC3 of other parameters", 6, one_iteration, "nsec3-parameters", SEV_ERROR},
    {"an NSEC3 that is gone", 6, lost_nsec3, "nsec3-missing", SEV_ERROR},
    {"an NSEC3 of an empty non-terminal that is gone", 6, lost_empty, "nsec3-missing", SEV_ERROR},
    {"an insecure delegation left out", 2, lost_insecure, "nsec3-opt-out", SEV_ERROR},
    {"a secure delegation left out", 6, lost_secure, "nsec3-missing", SEV_ERROR},
    {"a wrong next hash", 6, nsec3_next, "nsec3-next", SEV_ERROR},
    {"a gap in the chain", 6, lost_nsec3, "nsec3-next", SEV_ERROR},
    {"a type too much in an NSEC3", 6, nsec3_more, "nsec3-bitmap", SEV_ERROR},
    {"a type at an empty non-terminal", 6, nsec3_empty_bits, "nsec3-bitmap", SEV_ERROR},
    {"an NSEC3 with another TTL", 6, nsec3_ttl, "nsec3-ttl", SEV_WARNING},
    {"an NSEC3 with unknown flags", 6, nsec3_flags, "nsec3-flags", SEV_ERROR},
    {"two NSEC3 of a name", 6, nsec3_two, "nsec3-multiple", SEV_ERROR},
    {"an NSEC3 of no name", 6, nsec3_nowhere, "nsec3-extra", SEV_ERROR},
    {"an NSEC3 whose owner is no hash", 6, nsec3_bad_owner, "nsec3-owner", SEV_ERROR},
    {"left out without opt-out", 4, no_opt_out, "nsec3-opt-out", SEV_ERROR},
    {"a wrong digest of the zone", 7, zonemd_wrong, "zonemd-mismatch", SEV_ERROR},
    {"a digest of another serial", 7, zonemd_old, "zonemd-serial", SEV_ERROR},
    {"a digest of unknown kind", 7, zonemd_unknown, "zonemd-unsupported", SEV_WARNING},
    {"a CDS of no key", 7, cds_wrong, "cds-unknown-key", SEV_WARNING},
    {"a CDNSKEY of no key", 7, cdnskey_wrong, "cdnskey-unknown-key", SEV_WARNING},
    {"CDS and CDNSKEY that differ", 7, cds_wrong, "cds-cdnskey-differ", SEV_WARNING},
    {"a CDS that asks to delete beside others", 7, cds_delete, "cds-delete-and-others",
     SEV_WARNING},
};

static const char *const variant_word[] = {"NSEC", "NSEC3", "opt-out"};

TEST(every_fault_of_a_zone_has_its_finding)
{
    static struct bench t;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (unsigned how = 0; how < VARIANTS; how++) {
            if (!(cases[i].in >> how & 1))
                continue;
            begin(&t, (enum variant)how);
            cases[i].how(&t);
            judge(&t);
            bool found = false;
            for (size_t k = 0; k < t.told.n; k++)
                found |= strcmp(t.told.v[k].code, cases[i].code) == 0 &&
                         t.told.v[k].severity == cases[i].severity;
            test_point(found, "%s (%s): %s", cases[i].what, variant_word[how], cases[i].code);
            for (size_t k = 0; !found && k < t.told.n; k++)
                printf("# %s\n", t.told.v[k].code);
            if (cases[i].severity == SEV_ERROR)
                CHECK(t.res.errors > 0);
            end(&t);
        }
}

TEST(what_our_signer_makes_is_good)
{
    static struct bench t;
    for (unsigned how = 0; how < VARIANTS; how++) {
        begin(&t, (enum variant)how);
        for (int anchored = 0; anchored < 3; anchored++) {
            t.opt.ds = t.opt.dnskey = NULL;
            if (anchored > 0)
                anchor_on(&t, KSK, anchored == 1);
            judge(&t);
            CHECK_EQ(t.res.errors, 0);
            CHECK_EQ(t.res.warnings, 0);
            CHECK_EQ(t.told.n, 0);
            CHECK_EQ(t.res.keys, 2);
            CHECK_EQ(t.res.signatures, t.res.rrsets);
        }
        CHECK(t.res.denial == (how == WITH_NSEC      ? VERIFY_DENIAL_NSEC
                               : how == WITH_OPT_OUT ? VERIFY_DENIAL_OPT_OUT
                                                     : VERIFY_DENIAL_NSEC3));
        end(&t);
    }
}

/* RFC 4035 section 5.3.3: one good signature is enough; RFC 6781 section 4.1.4: signatures may come
 * before their key. */
TEST(a_bad_signature_beside_a_good_one_is_a_warning)
{
    static struct bench t;
    begin(&t, WITH_NSEC);
    struct rrsig h = {.inception = NOW - 9000, .expiration = NOW - 8000, .signer = t.origin.w};
    sign_as(&t, name_of(&t, "www"), RR_A, ZSK, &h);
    judge(&t);
    CHECK_EQ(t.res.errors, 0);
    CHECK_EQ(t.res.warnings, 1);
    CHECK(told_has(&t.told, "rrsig-expired"));
    end(&t);
    begin(&t, WITH_NSEC);
    sign_as(&t, name_of(&t, "www"), RR_A, 2, NULL);
    judge(&t);
    CHECK_EQ(t.res.errors, 0);
    CHECK(told_has(&t.told, "rrsig-unknown-key"));
    end(&t);
    begin(&t, WITH_NSEC); /* no signer makes such, so it is wrong in any company */
    sign_as(&t, name_of(&t, "www"), RR_A, ZSK, NULL);
    find_sig(&t, name_of(&t, "www"), RR_A)->rd[3]--;
    judge(&t);
    CHECK_EQ(t.res.errors, 1);
    CHECK(told_has(&t.told, "rrsig-labels"));
    end(&t);
}

/* RFC 5011 section 2.1: a revoked key signs the DNSKEY set and nothing follows from it. */
TEST(a_revoked_key_may_sign_the_keys)
{
    static struct bench t;
    begin(&t, WITH_NSEC);
    uint8_t rd[DNSKEY_RDATA_MAX];
    memcpy(rd, t.rdata[2].p, t.rdata[2].n);
    rd[1] = 0x81;
    t.rdata[2] = bytes_of(rd, t.rdata[2].n);
    recs_add(&t.r, t.origin.w, RR_DNSKEY, 3600, t.rdata[2]);
    sign_again(&t, t.origin.w, RR_DNSKEY);
    judge(&t);
    CHECK(told_has(&t.told, "revoked-not-self-signed"));
    CHECK_EQ(t.res.errors, 1);
    sign_as(&t, t.origin.w, RR_DNSKEY, 2, NULL);
    judge(&t);
    CHECK_EQ(t.told.n, 0);
    end(&t);
}

static void in_order(void *ctx, unsigned lanes, void (*fn)(void *arg, unsigned lane), void *arg)
{
    (void)ctx;
    for (unsigned i = lanes; i-- > 0;)
        fn(arg, i);
}

/* Findings are the same and in the same order however the work is divided. */
TEST(lanes_find_the_same)
{
    static struct bench t;
    static struct told one;
    struct sign_jobs jobs = {.lanes = 3, .run = in_order};
    begin(&t, WITH_NSEC);
    for (unsigned i = 0; i < 3000; i++) {
        char owner[32];
        snprintf(owner, sizeof owner, "n%u", i);
        add(&t, owner, RR_A, "192.0.2.1");
    }
    judge(&t);
    CHECK(t.res.errors > 6000);
    memcpy(&one, &t.told, sizeof one);
    t.opt.jobs = &jobs;
    judge(&t);
    CHECK_EQ(one.n, t.told.n);
    for (size_t i = 0; i < one.n; i++)
        CHECK(strcmp(one.v[i].code, t.told.v[i].code) == 0 &&
              name_equal(one.v[i].owner.w, t.told.v[i].owner.w));
    end(&t);
}
