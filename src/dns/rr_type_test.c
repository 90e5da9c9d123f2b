#include "base/test.h"
#include "dns/rr_table.h"
#include "dns/rrset.h"

static const struct {
    uint16_t code;
    const char *name;
} rows[] = {
#define RR(name, code, ...) {code, #name},
#include "dns/rr_types.def"
#undef RR
};

TEST(rr_table_codes_ascend)
{
    for (size_t i = 1; i < ARRAY_LEN(rows); i++)
        CHECK(rows[i - 1].code < rows[i].code);
}

/* What a line of rr_types.def must keep to. */
TEST(rr_table_rows_are_sound)
{
    for (uint16_t t = rr_type_next(0); t != 0; t = rr_type_next(t)) {
        const struct rr_info *r = rr_find(t);
        REQUIRE(r != NULL);
        unsigned n = 0;
        for (const struct field *f = r->field; f->kind != NULL; f++, n++) {
            bool last = f[1].kind == NULL;
            if ((f->kind->flags & KF_REST) && !last)
                test_fail(__FILE__, __LINE__, "%s: %s takes the rest but is not last", r->name,
                          f->key);
            if (f->kind->check == NULL && f->size == 0)
                test_fail(__FILE__, __LINE__, "%s: %s has neither size nor check", r->name, f->key);
            if (f->kind->print == NULL)
                test_fail(__FILE__, __LINE__, "%s: %s cannot be printed", r->name, f->key);
            /* RFC 3597 section 4: only the types of RFC 1035 are compressed when sent. */
            if ((f->kind->flags & KF_NAME) && (f->arg & NF_C) &&
                (t > RR_TXT || !(f->arg & NF_D) || strcmp(r->reference, "RFC 1035") != 0))
                test_fail(__FILE__, __LINE__, "%s: %s must not be compressed", r->name, f->key);
        }
        CHECK(n >= 1 && n <= RR_FIELDS_MAX);
        CHECK(r->reference[0] != '\0');
    }
}

static bool listed(const uint16_t *list, size_t n, uint16_t type)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == type)
            return true;
    return false;
}

/* The three lists of types with names that the RFCs give, against the table. */
TEST(rr_table_names_follow_the_rfcs)
{
    /* RFC 3597 section 4: compressed when sent. */
    static const uint16_t compressed[] = {RR_NS, RR_MD, RR_MF,  RR_CNAME, RR_SOA, RR_MB,
                                          RR_MG, RR_MR, RR_PTR, RR_MINFO, RR_MX};
    /* RFC 3597 section 4: decompressed too; DNAME as senders before RFC 6672 compressed it. */
    static const uint16_t decompressed[] = {RR_RP,  RR_AFSDB, RR_RT,    RR_SIG,  RR_PX,
                                            RR_NXT, RR_SRV,   RR_NAPTR, RR_DNAME};
    /* RFC 4034 section 6.2 without NSEC, which RFC 6840 section 5.1 takes out; those above besides.
     */
    static const uint16_t lower[] = {RR_KX, RR_A6, RR_RRSIG};
    for (uint16_t t = rr_type_next(0); t != 0; t = rr_type_next(t)) {
        bool c = listed(compressed, ARRAY_LEN(compressed), t);
        bool d = c || listed(decompressed, ARRAY_LEN(decompressed), t);
        bool l = d || listed(lower, ARRAY_LEN(lower), t);
        for (const struct field *f = rr_find(t)->field; f->kind != NULL; f++) {
            bool name = (f->kind->flags & KF_NAME) != 0;
            bool lowers = f->kind->lower != NULL || (name && (f->arg & NF_L));
            if (name && (c != !!(f->arg & NF_C) || d != !!(f->arg & NF_D)))
                test_fail(__FILE__, __LINE__, "compression of %s %s", rr_find(t)->name, f->key);
            if ((name || lowers) && l != lowers)
                test_fail(__FILE__, __LINE__, "lower case of %s %s", rr_find(t)->name, f->key);
        }
    }
}

TEST(rr_type_names)
{
    char buf[24];
    uint16_t t;
    unsigned n = 0;
    for (uint16_t code = rr_type_next(0); code != 0; code = rr_type_next(code), n++) {
        CHECK(rr_type_parse(bytes_str(rr_type_str(code, buf)), &t) && t == code);
        for (char *c = buf; *c; c++)
            *c = (char)ascii_lower((uint8_t)*c);
        CHECK(rr_type_parse(bytes_str(buf), &t) && t == code);
        buf[strlen(buf) - 1] ^= 1; /* some other word: whatever it means, not this type */
        CHECK(!rr_type_parse(bytes_str(buf), &t) || t != code);
    }
    CHECK_EQ(n, ARRAY_LEN(rows));
    CHECK_STR(rr_type_str(RR_NSAP_PTR, buf), "NSAP-PTR");
    CHECK_STR(rr_type_str(65534, buf), "TYPE65534");
    CHECK(rr_type_parse(bytes_str("nsec3param"), &t) && t == RR_NSEC3PARAM);
    CHECK(rr_type_parse(bytes_str("type1"), &t) && t == RR_A);
    CHECK(rr_type_parse(bytes_str("TYPE0"), &t) && t == 0);
    CHECK(rr_type_parse(bytes_str("TYPE65535"), &t) && t == 65535);
    static const char *const bad[] = {
        "",   "TYPE",       "TYPE65536",   "TYPE-1", "TYPE1x",      "NSEC3PARAN",
        "AA", "TYPE000001", "NSEC3PARAM ", "A.",     "OPENPGPKEYX", "NSAP_PTR"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (rr_type_parse(bytes_str(bad[i]), &t))
            test_fail(__FILE__, __LINE__, "\"%s\" was taken for a type", bad[i]);
    CHECK(!rr_type_known(54) && !rr_type_known(32770) && !rr_type_known(65535));
    CHECK_EQ(rr_type_flags(54), 0);
    CHECK(rr_type_flags(RR_DS) & RRF_PARENT);
    CHECK(rr_type_has_names(RR_NS) && !rr_type_has_names(RR_DS) && !rr_type_has_names(999));
    CHECK_STR(rr_type_reference(RR_HTTPS), "RFC 9460");
}

TEST(rr_class_names)
{
    uint16_t c;
    char buf[24];
    struct text t = text_of(buf, sizeof buf);
    CHECK(rr_class_parse(bytes_str("in"), &c) && c == CLASS_IN);
    CHECK(rr_class_parse(bytes_str("class300"), &c) && c == 300);
    CHECK(!rr_class_parse(bytes_str("INN"), &c) && !rr_class_parse(bytes_str("CLASS70000"), &c));
    rr_class_text(CLASS_NONE, &t);
    text_char(&t, ' ');
    rr_class_text(1234, &t);
    CHECK_STR(buf, "NONE CLASS1234");
}
