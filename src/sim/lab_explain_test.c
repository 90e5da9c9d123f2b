/* Each fault of a signer in the lab, in words: what the client is told in the EDE, and what `banyan
 * explain` says has to be done, and by whom. */
#include "sim/lab_testlib.h"

struct wanted {
    const char *word;
    const char *says; /* in the EDE's text */
    const char *act;  /* in the explanation */
};

#define SIGN_AGAIN  "the operator of example.org. has to sign it again"
#define MEND_SIGNER "the operator of example.org. has to mend its signer"
#define MEND_CHAIN  "the operator of example.org. has to mend the chain of NSEC or NSEC3 records"
#define SIGN_IT     "the operator of example.org. has to sign it; if others see signatures"
#define RIGHT_DS                                                                                   \
    "the owner of example.org. has to give its registrar the DS of a key that the zone publishes"
#define LESS_WORK "the operator of example.org. has to use fewer keys and signatures"

static const struct wanted wanted[] = {
    {"algorithm-roll-half", "the signature of example.org. DNSKEY by key", SIGN_IT},
    {"all-sigs-missing", "www.example.org. A is missing, though example.org. is signed", SIGN_IT},
    {"data-changed", "www.example.org. A by key 48081 (ED25519) does not fit the data", SIGN_AGAIN},
    {"dnskey-expired", "the signature of example.org. DNSKEY by key 48081 (ED25519) expired 10 d",
     SIGN_AGAIN},
    {"dnskey-sig-missing", "the signature of example.org. DNSKEY is missing", SIGN_IT},
    {"ds-for-unsigned", "publishes no keys, though its parent says that it is signed",
     "the owner of example.org. has to sign the zone, or to have its registrar remove the DS"},
    {"ds-wrong-digest",
     "publishes the key that its parent's DS names, but the DS's digest does not fit",
     "the owner of example.org. has to give its registrar a DS made anew from that key"},
    {"ds-wrong-tag", "the parent's DS names key 48082, the zone publishes 48081", RIGHT_DS},
    {"insecure-no-proof", "org. does not prove that there is no example.org. DS",
     "the operator of org. has to mend the chain"},
    {"key-no-zone-bit", "by a key that is not marked as a zone's key",
     "the operator of example.org. has to set the ZONE flag of its key"},
    {"key-wrong-protocol", "by a key of another protocol than DNSSEC",
     "the operator of example.org. has to set the protocol field"},
    {"key-unknown-algorithm",
     "the zone example.org. is signed only with algorithm 200, not supported here: the answer is "
     "served unvalidated",
     "only the operator of example.org. can change that: sign with algorithm 13"},
    {"ds-unknown-digest",
     "the DS of the zone example.org. has only digest type 200, not supported here: the answer is "
     "served unvalidated",
     "only the owner of example.org. can change that: give the registrar a DS with digest type 2"},
    {"nsec3-iterations", "the zone example.org. has 500 NSEC3 iterations",
     "only the operator of example.org. can change that: sign it with 0 NSEC3 iterations"},
    {"keytrap", "takes more work to check than one question may cost", LESS_WORK},
    {"ksk-missing", "the parent's DS names key 48081, the zone publishes 8973", RIGHT_DS},
    {"ksk-revoked", "publishes none of the keys that the DS at its parent names", RIGHT_DS},
    {"ksk-roll-wrong",
     "the parent's DS names key 54321, the zone publishes 48081: the DS at the "
     "registrar is old",
     RIGHT_DS},
    {"nsec-expired", "mail.example.org. NSEC by key 48081 (ED25519) expired 10 d ago", SIGN_AGAIN},
    {"nsec-missing", "example.org. does not prove that there is no nowhere.example.org. A",
     MEND_CHAIN},
    {"nsec-sig-missing", "mail.example.org. NSEC is missing", SIGN_IT},
    {"nsec-wrong-next", "does not prove that there is no nowhere.example.org. A", MEND_CHAIN},
    {"nsec-wrong-nodata", "does not prove that there is no www.example.org. MX", MEND_CHAIN},
    {"nsec3-no-encloser", "does not prove that there is no nowhere.example.org. A", MEND_CHAIN},
    {"nsec3-unknown-hash", "does not prove that there is no nowhere.example.org. A", MEND_CHAIN},
    {"sig-corrupt", "does not fit the data", SIGN_AGAIN},
    {"sig-expired", "expired 10 d ago, on 2025-12-22T00:00:00Z", SIGN_AGAIN},
    {"sig-inverted", "ends before it begins", MEND_SIGNER},
    {"sig-labels-large", "claims more labels than the name has", MEND_SIGNER},
    {"sig-labels-small", "example.org. does not prove that there is no www.example.org. A",
     MEND_CHAIN},
    {"sig-missing", "www.example.org. A is missing, though example.org. is signed", SIGN_IT},
    {"sig-not-yet-valid", ", on 2026-01-11T00:00:00Z",
     "the operator of example.org. has to set the signer's clock and sign again"},
    {"sig-ttl-raised", "does not fit the data", SIGN_AGAIN},
    {"sig-wrong-signer", "is by another zone",
     "the operator of example.org. has to sign with the zone's own keys"},
    {"sig-wrong-tag", "by key 48082 (ED25519) is by a key that the zone does not publish",
     "the operator of example.org. has to publish the key again"},
    {"soa-sig-missing", "the signature of example.org. SOA is missing", SIGN_IT},
    {"wildcard-no-proof", "wildcard.org. does not prove that there is no x.wildcard.org. A",
     "the operator of wildcard.org. has to mend the chain"},
    {"zone-expired", "example.org. DNSKEY by key 48081 (ED25519) expired", SIGN_AGAIN},
    {"zsk-missing", "by a key that the zone does not publish",
     "the operator of example.org. has to publish the key again"},
};

static char explanation[4000];

static void explain(void *ctx, struct bytes answer, const struct trace *trace)
{
    struct text t = text_of(explanation, sizeof explanation);
    (void)ctx;
    (void)answer;
    trace_explain(trace, &t);
}

static void try_fault(const struct wanted *w)
{
    struct recipe r;
    struct diag d = {0};
    struct breakage b = {0};
    char dir[1200];
    struct name name;
    uint16_t type;
    static struct lab l;
    snprintf(dir, sizeof dir, "%s/lab", test_source_dir());
    snprintf(b.word, sizeof b.word, "%s", w->word);
    if (recipe_load(&files, dir, w->word, &r, &d) != ST_OK ||
        name_from(r.target, &b.target) != ST_OK || name_from(r.qname, &name) != ST_OK ||
        !rr_type_parse(bytes_str(r.qtype), &type) || !lab_open(&l, &b, 1)) {
        test_point(false, "%s: the lab does not open", w->word);
        return;
    }
    bool got = ask(&l, r.qname, type, 0);
    test_point(got && strstr(l.ede_text, w->says) != NULL, "%s: the client is told: %s", w->word,
               l.ede_text);
    struct resolve_task task = {.name = name.w,
                                .type = type,
                                .rclass = CLASS_IN,
                                .cold = true,
                                .armed = true,
                                .done = explain};
    explanation[0] = '\0';
    got = resolver_resolve(sim_resolver(l.sim), &task, sim_now(l.sim)) == ST_OK;
    sim_kick(l.sim);
    sim_run_until(l.sim, sim_now(l.sim).mono_us + ANSWER_US);
    test_point(got && strstr(explanation, w->says) != NULL && strstr(explanation, w->act) != NULL &&
                   strstr(explanation, "Nothing is wrong") == NULL,
               "%s: explained: %s", w->word, explanation);
    lab_close(&l);
}

/* Issue: the sentence of each fault, and who must act. */
TEST(lab_explain_faults)
{
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        try_fault(&wanted[i]);
}

static void explained_at(struct lab *l, const char *name, const char *says, const char *act)
{
    struct name n;
    REQUIRE(name_from(name, &n) == ST_OK);
    struct resolve_task task = {.name = n.w,
                                .type = RR_A,
                                .rclass = CLASS_IN,
                                .cold = true,
                                .armed = true,
                                .done = explain};
    explanation[0] = '\0';
    CHECK(resolver_resolve(sim_resolver(l->sim), &task, sim_now(l->sim)) == ST_OK);
    sim_kick(l->sim);
    sim_run_until(l->sim, sim_now(l->sim).mono_us + ANSWER_US);
    test_point(strstr(explanation, says) != NULL && strstr(explanation, act) != NULL, "%s: %s",
               name, explanation);
}

/* One of two servers has stayed behind: nothing failed, but it is said which. */
TEST(lab_explain_which_server)
{
    static struct lab l;
    struct breakage b = {.word = "stale-secondary"};
    REQUIRE(name_from("www.example.org", &b.target) == ST_OK && lab_open(&l, &b, 1));
    bool told = false;
    for (int i = 0; i < 8 && !told; i++) { /* which of the two is asked first is chance */
        struct name n;
        REQUIRE(name_from("www.example.org", &n) == ST_OK);
        struct resolve_task task = {.name = n.w,
                                    .type = RR_A,
                                    .rclass = CLASS_IN,
                                    .cold = true,
                                    .armed = true,
                                    .done = explain};
        explanation[0] = '\0';
        CHECK(resolver_resolve(sim_resolver(l.sim), &task, sim_now(l.sim)) == ST_OK);
        sim_kick(l.sim);
        sim_run_until(l.sim, sim_now(l.sim).mono_us + ANSWER_US);
        told = strstr(explanation, "did no harm") != NULL;
    }
    test_point(told && strstr(explanation, "(sent by ") != NULL &&
                   strstr(explanation, "that one has to be brought up to date") != NULL,
               "stale-secondary: %s", explanation);
    lab_close(&l);
}

/* The clock of this machine is wrong: it says so, and nobody else is to blame; once it is right all
 * is well within half a minute. */
TEST(lab_explain_clock)
{
    static struct lab l;
    static const int64_t wrong[] = {-400 * 86400ll, 400 * 86400ll};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        REQUIRE(lab_open(&l, NULL, 0));
        sim_step_wall(l.sim, wrong[i]);
        REQUIRE(ask(&l, "www.example.org", RR_A, 0));
        CHECK_EQ(msg_rcode(&l.m), RCODE_SERVFAIL);
        CHECK_EQ(l.m.edns.ede_code, wrong[i] < 0 ? 8 : 7);
        test_point(strstr(l.ede_text, "the clock of this machine says 20") != NULL, "EDE: %s",
                   l.ede_text);
        explained_at(&l, "www.example.com", "that is probably wrong",
                     "whoever runs this machine has to set its clock");
        sim_step_wall(l.sim, -wrong[i]);
        sim_run_until(l.sim, sim_now(l.sim).mono_us + (LIMIT_BOGUS_S + 1) * 1000000ull);
        REQUIRE(ask(&l, "www.example.org", RR_A, 0));
        CHECK(msg_rcode(&l.m) == RCODE_NOERROR && has_ad(&l));
        lab_close(&l);
    }
}

enum { SOON_US = 10000 };

struct outage {
    const char *word, *target, *name;
    uint16_t type;
    const char *says; /* in the EDE's text, where there is one, and in the explanation */
    const char *act;  /* in the explanation */
};

/* Faults of servers and delegations: which server of which zone, what it did, and what mends that.
 */
static const struct outage outages[] = {
    {"dead", "example.co.uk", "www.example.co.uk", RR_A, ", a server of example.co.uk., within ",
     "Check that this is still its address, that the server runs"},
    {"unreachable", "example.co.uk", "www.example.co.uk", RR_A, "cannot be reached: nobody listens",
     "The server has to be started there, or its address corrected"},
    {"lame", "example.co.uk", "www.example.co.uk", RR_A,
     "is listed as a server of example.co.uk., but does not serve it (lame; it answers REFUSED)",
     "must be configured to serve example.co.uk., or it must be taken out"},
    {"upward", "example.co.uk", "www.example.co.uk", RR_A, "refers back upwards to .: it does not",
     "must be configured to serve example.co.uk."},
    {"servfail", "example.co.uk", "www.example.co.uk", RR_A,
     ", a server of example.co.uk., answers SERVFAIL", "Its own log will say why"},
    {"garbage", "example.co.uk", "www.example.co.uk", RR_A,
     "sent a reply that cannot be read: broken message", "Its replies break the protocol"},
    {"wrong-id", "example.co.uk", "www.example.co.uk", RR_A,
     "but for some that do not match the question and were ignored",
     "Something there answers, but not what was asked"},
    {"mute-tcp", "big.net", "huge.big.net", RR_TXT, "over UDP it says that the answer does not fit",
     "TCP port 53 must be open too (RFC 7766)"},
    {"refuse-tcp", "big.net", "huge.big.net", RR_TXT,
     "it refuses TCP connections; over UDP it says that the answer", "or a firewall opened"},
    {"wrong-ns", "example.co.uk", "www.example.co.uk", RR_A,
     "ns1.no-such-hoster.com. does not exist", "give the registrar names that have addresses"},
    {"no-glue", "example.co.uk", "www.example.co.uk", RR_A,
     "ns1.example.co.uk. is inside the zone, and the parent gives no address of it (glue)",
     "with names inside the zone those addresses, too: glue"},
    {"no-edns", "example.co.uk", "www.example.co.uk", RR_A,
     "does not take EDNS, without which there are no signatures",
     "the operator of example.co.uk. has to see to it that its servers"},
    {"alias-loop", "www.example.co.uk", "www.example.co.uk", RR_A,
     "go round in a circle at www.example.co.uk.",
     "One of the CNAME records must point somewhere else"},
    {"dangling-alias", "www.example.co.uk", "www.example.co.uk", RR_A, "",
     "the name that it leads to, gone.cdn-provider.net., does not exist; that is what "
     "cdn-provider.net. says"},
    {"no-delegation", "example.co.uk", "www.example.co.uk", RR_A, "",
     "that is what co.uk. says, not a failure"},
};

static void try_outage(const struct outage *w)
{
    struct breakage b = {0};
    struct name name;
    static struct lab l;
    snprintf(b.word, sizeof b.word, "%s", w->word);
    if (name_from(w->target, &b.target) != ST_OK || name_from(w->name, &name) != ST_OK ||
        !lab_open(&l, &b, 1)) {
        test_point(false, "%s: the lab does not open", w->word);
        return;
    }
    bool got = ask_by(&l, w->name, w->type, 0, SOON_US);
    test_point(got && strstr(l.ede_text, w->says) != NULL, "%s: the client is told: %s", w->word,
               l.ede_text);
    if (got && msg_rcode(&l.m) == RCODE_SERVFAIL && l.m.edns.ede_code != 10) {
        /* Whoever asks again is told the same: stub resolvers give up before the first answer. */
        got = ask_by(&l, w->name, w->type, 0, SOON_US);
        test_point(got && l.m.edns.ede_code == 13 && strstr(l.ede_text, w->says) != NULL,
                   "%s: and told again: %u %s", w->word, l.m.edns.ede_code, l.ede_text);
    }
    struct resolve_task task = {.name = name.w,
                                .type = w->type,
                                .rclass = CLASS_IN,
                                .cold = true,
                                .armed = true,
                                .done = explain};
    explanation[0] = '\0';
    got = resolver_resolve(sim_resolver(l.sim), &task, sim_now(l.sim)) == ST_OK;
    sim_kick(l.sim);
    sim_run_until(l.sim, sim_now(l.sim).mono_us + ANSWER_US);
    test_point(got && strstr(explanation, w->says) != NULL && strstr(explanation, w->act) != NULL,
               "%s: explained: %s", w->word, explanation);
    lab_close(&l);
}

TEST(lab_explain_outages)
{
    for (size_t i = 0; i < ARRAY_LEN(outages); i++)
        try_outage(&outages[i]);
}
