#include "dnssec/dnskey.h"
#include "dnssec/rrsig.h"
#include "dnssec/testlib.h"

/* Examples of the RFCs: key, DS and one signed record each. */
static const struct {
    const char *zone, *dnskey, *ds, *owner;
    uint16_t type;
    const char *rdata, *rrsig, *secret;
} examples[] = {
    /* RFC 8080 section 6.1 */
    {"example.com.", "257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
     "3613 15 2 3aa5ab37efce57f737fc1627013fee07bdf241bd10f3b1964ab55c78e79a304b", "example.com.",
     RR_MX, "10 mail.example.com.",
     "MX 15 2 3600 1440021600 1438207200 3613 example.com. "
     "oL9krJun7xfBOIWcGHi7mag5/hdZrKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg==",
     "Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\n"
     "PrivateKey: ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=\n"},
    /* RFC 6605 section 6.1 */
    {"example.net.",
     "257 3 13 "
     "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==",
     "55648 13 2 b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17",
     "www.example.net.", RR_A, "192.0.2.1",
     "A 13 3 3600 20100909100439 20100812100439 55648 example.net. "
     "qx6wLYqmh+l9oCKTN6qIc+bw6ya+KJ8oMz0YP107epXAyGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw==",
     NULL},
};

TEST(signatures_of_the_rfcs)
{
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct test_set key, ds, set, sig;
        struct sig_buffer b = {0};
        struct sec_key *pub = NULL, *pair = NULL;
        struct rrsig s;
        struct ds d;
        test_set_make(&key, examples[i].zone, RR_DNSKEY, 3600, examples[i].dnskey);
        test_set_make(&ds, examples[i].zone, RR_DS, 3600, examples[i].ds);
        test_set_make(&set, examples[i].owner, examples[i].type, 3600, examples[i].rdata);
        test_set_make(&sig, examples[i].owner, RR_RRSIG, 3600, examples[i].rrsig);
        REQUIRE(dnskey_open(test_set_first(&key), &pub) == ST_OK);
        REQUIRE(ds_read(test_set_first(&ds), &d) && rrsig_read(test_set_first(&sig), &s));
        CHECK(ds_matches(&d, key.owner.w, test_set_first(&key)));
        CHECK_EQ(dnskey_tag(test_set_first(&key)), s.tag);
        CHECK(rrsig_verify(pub, &set.set, &s, &b) == ST_OK);
        if (examples[i].secret != NULL) {
            uint8_t out[RRSIG_RDATA_MAX];
            struct writer w = wr_of(out, sizeof out);
            REQUIRE(sec_key_private(bytes_str(examples[i].secret), &pair, NULL) == ST_OK);
            CHECK(rrsig_make(pair, &set.set, &s, &b, &w) == ST_OK);
            CHECK(bytes_equal(wr_done(&w), test_set_first(&sig)));
        }
        set.set.ttl = 7; /* the original TTL counts, not the one that was received */
        CHECK(rrsig_verify(pub, &set.set, &s, &b) == ST_OK);
        set.rdata[3] ^= 1;
        CHECK(rrsig_verify(pub, &set.set, &s, &b) == ST_EFORMAT);
        sec_key_free(pub);
        sec_key_free(pair);
        sig_buffer_free(&b);
    }
}

/* RFC 4034 section 5.4: the DS of a key with digest 1; appendix B: its tag. */
TEST(ds_of_rfc4034)
{
    struct test_set key, ds;
    struct ds d;
    test_set_make(&key, "dskey.example.com.", RR_DNSKEY, 86400,
                  "256 3 5 AQOeiiR0GOMYkDshWoSKz9XzfwJr1AYtsmx3TGkJaNXVbfi/2pHm822aJ5iI9BMzNXxeYCmZ"
                  "DRD99WYwYqUSdjMmmAphXdvxegXd/M5+X7OrzKBaMbCVdFLUUh6DhweJBjEVv5f2wwjM9XzcnOf+EPb"
                  "tG9DMBmADjFDc2w/rljwvFw==");
    test_set_make(&ds, "dskey.example.com.", RR_DS, 86400,
                  "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118");
    CHECK_EQ(dnskey_tag(test_set_first(&key)), 60485);
    REQUIRE(ds_read(test_set_first(&ds), &d));
    CHECK(ds_matches(&d, key.owner.w, test_set_first(&key)));
    struct name upper;
    REQUIRE(name_from("DSKEY.Example.COM.", &upper) == ST_OK);
    CHECK(ds_matches(&d, upper.w, test_set_first(&key)));
    d.tag++;
    CHECK(!ds_matches(&d, key.owner.w, test_set_first(&key)));
}

static struct sec_key *fixed_key(void)
{
    static const uint8_t secret[32] = "a secret of thirty-two bytes ...";
    struct sec_key *k;
    return sec_key_from_secret(SEC_ED25519, bytes_of(secret, 32), &k) == ST_OK ? k : NULL;
}

static enum status sign(struct sec_key *k, const struct rrset *set, struct rrsig *ret,
                        uint8_t buf[RRSIG_RDATA_MAX])
{
    struct name zone;
    struct sig_buffer b = {0};
    struct writer w = wr_of(buf, RRSIG_RDATA_MAX);
    TRY(name_from("Example.", &zone));
    struct rrsig head = {.expiration = 2000, .inception = 1000, .tag = 7, .signer = zone.w};
    enum status st = rrsig_make(k, set, &head, &b, &w);
    sig_buffer_free(&b);
    return st == ST_OK && !rrsig_read(wr_done(&w), ret) ? ST_EFORMAT : st;
}

/* RFC 4034 section 6: case of owner and of names in RDATA, order and duplicates make no difference.
 */
TEST(canonical_form)
{
    struct test_set a, c;
    struct rrsig s;
    uint8_t buf[RRSIG_RDATA_MAX];
    struct sig_buffer b = {0};
    struct sec_key *k = fixed_key();
    REQUIRE(k != NULL);
    test_set_make(&a, "www.example.", RR_MX, 300, "10 mail.example.");
    test_set_add(&a, "5 backup.example.");
    test_set_make(&c, "WWW.Example.", RR_MX, 300, "5 BACKUP.example.");
    test_set_add(&c, "10 Mail.EXAMPLE.");
    test_set_add(&c, "5 backup.example.");
    REQUIRE(sign(k, &a.set, &s, buf) == ST_OK);
    CHECK(rrsig_verify(k, &c.set, &s, &b) == ST_OK);
    CHECK_EQ(s.labels, 2);
    CHECK_EQ(s.signer[1], 'e');
    sig_buffer_free(&b);
    sec_key_free(k);
}

/* RFC 4034 section 3.1.3: what a wildcard's signature covers. */
TEST(wildcards)
{
    struct test_set wild, x, deep;
    struct rrsig s;
    uint8_t buf[RRSIG_RDATA_MAX];
    struct sig_buffer b = {0};
    struct sec_key *k = fixed_key();
    REQUIRE(k != NULL);
    test_set_make(&wild, "*.w.example.", RR_A, 300, "192.0.2.1");
    test_set_make(&x, "x.w.example.", RR_A, 300, "192.0.2.1");
    test_set_make(&deep, "a.b.C.w.example.", RR_A, 300, "192.0.2.1");
    REQUIRE(sign(k, &wild.set, &s, buf) == ST_OK);
    CHECK_EQ(s.labels, 2);
    CHECK(rrsig_verify(k, &wild.set, &s, &b) == ST_OK);
    CHECK(rrsig_verify(k, &x.set, &s, &b) == ST_OK);
    CHECK(rrsig_verify(k, &deep.set, &s, &b) == ST_OK);
    s.labels = 3; /* not what was signed */
    CHECK(rrsig_verify(k, &x.set, &s, &b) == ST_EFORMAT);
    s.labels = 4; /* more than the owner has */
    CHECK(rrsig_verify(k, &x.set, &s, &b) == ST_EFORMAT);
    sig_buffer_free(&b);
    sec_key_free(k);
}

/* RFC 4034 section 3.1.5: times are serial numbers. */
TEST(validity_period)
{
    struct rrsig s = {.inception = 1000, .expiration = 2000};
    CHECK_EQ(rrsig_time(&s, 999), RRSIG_NOT_YET);
    CHECK_EQ(rrsig_time(&s, 1000), RRSIG_VALID);
    CHECK_EQ(rrsig_time(&s, 2000), RRSIG_VALID);
    CHECK_EQ(rrsig_time(&s, 2001), RRSIG_EXPIRED);
    s = (struct rrsig){.inception = 2000, .expiration = 1000};
    CHECK_EQ(rrsig_time(&s, 1500), RRSIG_NEVER);
    s = (struct rrsig){.inception = 0xfffffff0u, .expiration = 100}; /* over the year 2106 */
    CHECK_EQ(rrsig_time(&s, 50), RRSIG_VALID);
    CHECK_EQ(rrsig_time(&s, 0xffffff00u), RRSIG_NOT_YET);
}

TEST(malformed_rrsig)
{
    struct test_set sig;
    struct rrsig s;
    test_set_make(&sig, "example.", RR_RRSIG, 300, "A 13 1 300 2000 1000 7 example. AAAA");
    struct bytes rd = test_set_first(&sig);
    for (size_t n = 0; n < 18 + 9; n++)
        CHECK(!rrsig_read(bytes_of(rd.p, n), &s));
    CHECK(rrsig_read(rd, &s) && s.signature.n == 3);
}
