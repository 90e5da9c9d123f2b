/* Zones that others signed, the real root zone of 2020-10-20 among them: good as they are, and no
 * byte of what is signed can be changed unseen. */
#include "base/hash.h"
#include "dnssec/verify_testlib.h"

enum {
    AT = 1603324800 /* 2020-10-22T00:00:00Z */,
    ROUNDS = 36,
    EDITS = 12,
    SIZE_MAX_ROOT = 8 << 20
};

static struct zone *root_zone(void)
{
    char command[1024];
    char *text = malloc(SIZE_MAX_ROOT);
    snprintf(command, sizeof command, "xz -dc '%s/vectors/root/root-2020101902.signed.zone.xz'",
             test_source_dir());
    FILE *f = popen(command, "r");
    size_t n = f != NULL && text != NULL ? fread(text, 1, SIZE_MAX_ROOT, f) : 0;
    if (f != NULL)
        pclose(f);
    struct zone *z = n > 0 ? zone_of_text(text, n) : NULL;
    free(text);
    return z;
}

/* The DS lines of vectors/root/anchors.ds. */
static void anchors(struct test_set *ds)
{
    char *text = test_file("vectors/root/anchors.ds", NULL);
    test_set_begin(ds, ".", RR_DS, 3600);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strstr(line, " DS ") != NULL)
            test_set_add(ds, strstr(line, " DS ") + 4);
    free(text);
}

static uint64_t errors_at(const struct zone *z, const struct rrset *ds, uint64_t now,
                          struct told *told)
{
    struct zone_verify_options opt = {.now = now, .ds = ds};
    struct zone_verify_result r;
    told->n = 0;
    return zone_verify(z, &opt, told_add, told, &r) == ST_OK ? r.errors : UINT64_MAX;
}

TEST(the_root_zone_is_good_in_its_time)
{
    static struct told told;
    static struct test_set ds, wrong;
    struct zone *z = root_zone();
    struct zone_verify_result r;
    REQUIRE(z != NULL);
    anchors(&ds);
    CHECK_EQ(ds.set.count, 2);
    struct zone_verify_options opt = {.now = AT, .ds = &ds.set};
    CHECK(zone_verify(z, &opt, told_add, &told, &r) == ST_OK);
    CHECK_EQ(r.errors, 0);
    CHECK_EQ(told.n, 0);
    CHECK_EQ(r.rrsets, 2884);
    CHECK_EQ(r.signatures, 2884);
    CHECK_EQ(r.denials, 1509);
    CHECK_EQ(r.keys, 2);
    CHECK(r.denial == VERIFY_DENIAL_NSEC && r.zonemd == ZONEMD_NONE);
    CHECK_EQ(r.expires, 1604188800); /* the DNSKEY set's: 2020-11-01 */
    /* before and after */
    CHECK(errors_at(z, &ds.set, 1603000000, &told) > 0 && told_has(&told, "rrsig-not-yet-valid"));
    CHECK(errors_at(z, &ds.set, 1604200000, &told) > 0 && told_has(&told, "rrsig-expired"));
    /* another trust anchor */
    test_set_make(&wrong, ".", RR_DS, 3600,
                  "20326 8 2 E16D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D");
    CHECK_EQ(errors_at(z, &wrong.set, AT, &told), 1);
    CHECK(told_has(&told, "anchor-mismatch"));
    zone_drop(z);
}

/* --- Changes --- */

static bool is_signed(const struct recs *r, const struct zone *z, size_t i)
{
    const struct rec *x = &r->v[i];
    const struct zone_node *n = zone_node_of(z, x->owner.w);
    struct rrset sig;
    return n != NULL && (x->type == RR_RRSIG || zone_rrsig(z, n, x->type, x->owner.w, &sig));
}

/* Changes one byte of a record's canonical form: of its RDATA, TTL or owner. False if that cannot
 * be, or changes nothing. */
static bool change(struct rec *x, struct prng *rng)
{
    uint8_t flip = (uint8_t)(1 + prng_below(rng, 255));
    uint64_t what = prng_below(rng, 10);
    if (what == 0 && x->type != RR_RRSIG) { /* of a signature the TTL is not signed */
        /* less: of an RRset whose TTLs differ the smallest counts (RFC 2181 section 5.2) */
        x->ttl = (uint32_t)prng_below(rng, x->ttl);
        return true;
    }
    if (what == 1 && x->owner.w[0] > 1) {
        uint8_t *c = &x->owner.w[1 + prng_below(rng, x->owner.w[0])];
        if (*c < 'a' || *c > 'z')
            return false;
        *c = *c == 'q' ? 'x' : 'q';
        return true;
    }
    uint8_t before[4096], after[4096];
    struct writer b = wr_of(before, sizeof before), a = wr_of(after, sizeof after);
    if (rdata_canonical(x->type, bytes_of(x->rd, x->n), &b) != ST_OK)
        return false;
    uint8_t *at = &x->rd[prng_below(rng, x->n)];
    *at ^= flip;
    if (rdata_check(x->type, bytes_of(x->rd, x->n)) == ST_OK &&
        rdata_canonical(x->type, bytes_of(x->rd, x->n), &a) == ST_OK &&
        !bytes_equal(wr_done(&b), wr_done(&a)))
        return true;
    *at ^= flip;
    return false;
}

struct edit {
    size_t at;
    struct rec saved;
};

/* Makes several changes at different names; the verifier must speak of each. */
static unsigned round_of(struct recs *r, const struct zone *z, const struct rrset *ds, uint64_t now,
                         struct prng *rng, unsigned *unseen)
{
    static struct told told;
    struct edit edit[EDITS];
    unsigned n = 0;
    for (unsigned tries = 0; n < EDITS && tries < 1000; tries++) {
        size_t i = (size_t)prng_below(rng, r->n);
        struct rec *x = &r->v[i];
        bool again = x->type == RR_DNSKEY; /* of a key nothing would be left */
        for (unsigned k = 0; k < n; k++)
            again |= name_equal(edit[k].saved.owner.w, x->owner.w);
        if (again || !is_signed(r, z, i))
            continue;
        edit[n] = (struct edit){i, *x};
        edit[n].saved.rd = bytes_copy(bytes_of(x->rd, x->n));
        if (change(x, rng))
            n++;
        else
            free(edit[n].saved.rd);
    }
    struct zone *broken = recs_zone(r, zone_origin(z));
    if (broken != NULL)
        errors_at(broken, ds, now, &told);
    for (unsigned k = 0; k < n; k++) {
        struct rec *x = &r->v[edit[k].at];
        if (broken != NULL && !told_at(&told, edit[k].saved.owner.w) &&
            !told_at(&told, x->owner.w)) {
            char name[NAME_TEXT_MAX];
            test_fail(__FILE__, __LINE__, "a change of %s type %u was not seen",
                      name_str(edit[k].saved.owner.w, name), x->type);
            ++*unseen;
        }
        free(x->rd);
        *x = edit[k].saved;
    }
    zone_drop(broken);
    return broken != NULL ? n : 0;
}

TEST(no_byte_of_the_root_zone_changes_unseen)
{
    static struct test_set ds;
    struct prng rng = {4711};
    struct recs r;
    unsigned changes = 0, unseen = 0;
    struct zone *z = root_zone();
    REQUIRE(z != NULL);
    anchors(&ds);
    recs_of(&r, z);
    for (unsigned i = 0; i < ROUNDS; i++)
        changes += round_of(&r, z, &ds.set, AT, &rng, &unseen);
    CHECK(changes >= 300);
    CHECK_EQ(unseen, 0);
    recs_free(&r);
    zone_drop(z);
}

TEST(a_changed_key_of_the_root_zone_is_seen)
{
    static struct told told;
    static struct test_set ds;
    struct prng rng = {1};
    struct recs r;
    struct zone *z = root_zone();
    REQUIRE(z != NULL);
    anchors(&ds);
    recs_of(&r, z);
    for (size_t i = 0; i < r.n; i++)
        for (unsigned k = 0; r.v[i].type == RR_DNSKEY && k < 6; k++) {
            size_t at = k < 4 ? k : (size_t)prng_below(&rng, r.v[i].n);
            r.v[i].rd[at] ^= 0x10;
            struct zone *broken = recs_zone(&r, name_root);
            CHECK(broken == NULL || errors_at(broken, &ds.set, AT, &told) > 0);
            zone_drop(broken);
            r.v[i].rd[at] ^= 0x10;
        }
    recs_free(&r);
    zone_drop(z);
}

/* RFC 4034 section 6.2: owners are signed in lower case; RFC 6840 section 5.1: so are the names in
 * NS, SOA and the like, but not the next name of NSEC. */
TEST(letter_case_is_not_signed)
{
    static struct told told;
    static struct test_set ds;
    struct recs r;
    struct zone *z = root_zone();
    REQUIRE(z != NULL);
    anchors(&ds);
    recs_of(&r, z);
    for (size_t i = 0; i < r.n; i++) {
        struct rec *x = &r.v[i];
        for (size_t k = 1; k <= x->owner.w[0]; k += 2)
            if (x->owner.w[k] >= 'a' && x->owner.w[k] <= 'z')
                x->owner.w[k] ^= 0x20;
    }
    struct zone *upper = recs_zone(&r, name_root);
    REQUIRE(upper != NULL);
    CHECK_EQ(errors_at(upper, &ds.set, AT, &told), 0);
    zone_drop(upper);
    recs_free(&r);
    zone_drop(z);
}

/* Every algorithm (8, 10, 13, 14, 15, 16) by other signers. */
TEST(zones_that_others_signed_are_good)
{
    static const char *const files[] = {"zone-signed/nsec.test",
                                        "zone-signed/nsec3.test",
                                        "zone-signed/optout.test",
                                        "zone-signed/salted.test",
                                        "zone-verify/rsasha256.nsec.bind",
                                        "zone-verify/rsasha512.nsec3.bind",
                                        "zone-verify/ecdsap256sha256.optout.bind",
                                        "zone-verify/ecdsap384sha384.nsec.bind",
                                        "zone-verify/ed25519.nsec3.bind",
                                        "zone-verify/ed448.optout.bind",
                                        "zone-verify/ecdsap256sha256.ldns",
                                        "zone-verify/rsasha512.ldns",
                                        "zone-verify/ed448.ldns"};
    static struct told told;
    struct prng rng = {42};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[100];
        size_t n = 0;
        struct recs r;
        unsigned unseen = 0;
        snprintf(path, sizeof path, "vectors/%s.zone", files[i]);
        char *text = test_file(path, &n);
        struct zone *z = text != NULL ? zone_of_text(text, n) : NULL;
        free(text);
        REQUIRE(z != NULL);
        test_point(errors_at(z, NULL, 1750000000, &told) == 0, "%s is good", path);
        recs_of(&r, z);
        for (unsigned k = 0; k < 10; k++)
            round_of(&r, z, NULL, 1750000000, &rng, &unseen);
        test_point(unseen == 0, "%s cannot be changed unseen", path);
        recs_free(&r);
        zone_drop(z);
    }
}
