#include "base/test.h"
#include "dns/record.h"
#include "dns/rr_type.h"
#include "resolver/local_data.h"

#include <stdio.h>
#include <stdlib.h>

static struct local_data *fresh(void)
{
    static const struct hash_key key = {3, 4};
    return local_data_new(&key);
}

static struct name nm(const char *s)
{
    struct name n = {{0}};
    if (name_from(s, &n) != ST_OK)
        test_fail(__FILE__, __LINE__, "bad name %s", s);
    return n;
}

static enum status add(struct local_data *d, const char *line)
{
    uint8_t room[1024];
    struct writer w = wr_of(room, sizeof room);
    struct record_line r;
    struct diag diag;
    if (record_parse(bytes_str(line), &w, &r, &diag) != ST_OK)
        test_fail(__FILE__, __LINE__, "%s: %s", line, diag.message);
    return local_data_add(d, r.owner.w, r.type, r.ttl, r.rdata);
}

static enum local_says says(struct local_data *d, const char *name, uint16_t type)
{
    struct local_answer a;
    struct name n = nm(name);
    enum local_says s = local_data_find(d, n.w, type, &a);
    CHECK(s == a.says);
    CHECK(s == LOCAL_NOTHING || local_ends_may(local_data_ends(d), n.w, name_len(n.w)));
    return s;
}

static void heard(void *ctx, const struct diag *d)
{
    struct diag *last = ctx;
    *last = *d;
}

/* What each kind of zone says of a name with records, one without, and one above a name that has.
 */
TEST(local_zones_by_kind)
{
    static const struct {
        enum local_kind kind;
        enum local_says apex, other, above;
    } rows[] = {
        {LOCAL_TRANSPARENT, LOCAL_NOTHING, LOCAL_NOTHING, LOCAL_NOTHING},
        {LOCAL_STATIC, LOCAL_SAYS_NODATA, LOCAL_SAYS_NXDOMAIN, LOCAL_SAYS_NODATA},
        {LOCAL_NODATA, LOCAL_SAYS_NODATA, LOCAL_SAYS_NODATA, LOCAL_SAYS_NODATA},
        {LOCAL_NXDOMAIN, LOCAL_SAYS_NXDOMAIN, LOCAL_SAYS_NXDOMAIN, LOCAL_SAYS_NXDOMAIN},
        {LOCAL_REFUSE, LOCAL_SAYS_REFUSED, LOCAL_SAYS_REFUSED, LOCAL_SAYS_REFUSED},
        {LOCAL_LOCALHOST, LOCAL_DATA, LOCAL_DATA, LOCAL_DATA},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct local_data *d = fresh();
        CHECK_EQ(local_data_zone(d, nm("Corp.Example.").w, rows[i].kind), ST_OK);
        CHECK_EQ(local_data_zone(d, nm("corp.example.").w, LOCAL_STATIC), ST_EEXIST);
        CHECK_EQ(add(d, "x.a.corp.example. 60 A 192.0.2.1"), ST_OK);
        CHECK_EQ(says(d, "X.a.corp.EXAMPLE.", RR_A), LOCAL_DATA);
        CHECK_EQ(says(d, "x.a.corp.example.", RR_AAAA), LOCAL_SAYS_NODATA);
        CHECK_EQ(says(d, "corp.example.", RR_A), rows[i].apex);
        CHECK_EQ(says(d, "b.corp.example.", RR_A), rows[i].other);
        CHECK_EQ(says(d, "b.x.a.corp.example.", RR_A), rows[i].other);
        CHECK_EQ(says(d, "a.corp.example.", RR_A), rows[i].above);
        CHECK_EQ(says(d, "corp.example.", RR_DS), LOCAL_NOTHING); /* the parent's */
        CHECK_EQ(says(d, "example.", RR_A), LOCAL_NOTHING);
        CHECK_EQ(says(d, "xcorp.example.", RR_A), LOCAL_NOTHING);
        local_data_free(d);
    }
}

TEST(local_zone_that_redirects)
{
    struct local_data *d = fresh();
    struct local_answer a;
    CHECK_EQ(local_data_zone(d, nm("ads.example.").w, LOCAL_REDIRECT), ST_OK);
    CHECK_EQ(add(d, "ads.example. 60 A 192.0.2.9"), ST_OK);
    CHECK_EQ(says(d, "a.b.ads.example.", RR_A), LOCAL_DATA);
    CHECK_EQ(says(d, "a.b.ads.example.", RR_AAAA), LOCAL_SAYS_NODATA);
    struct name n = nm("q.ads.example.");
    CHECK_EQ(local_data_find(d, n.w, RR_A, &a), LOCAL_DATA);
    CHECK(a.set.owner == n.w);
    local_data_free(d);
}

/* The longest zone counts, a name's own records before all. */
TEST(local_zones_inside_each_other)
{
    struct local_data *d = fresh();
    CHECK_EQ(local_data_zone(d, nm("example.").w, LOCAL_NXDOMAIN), ST_OK);
    CHECK_EQ(local_data_zone(d, nm("good.example.").w, LOCAL_TRANSPARENT), ST_OK);
    CHECK_EQ(says(d, "bad.example.", RR_A), LOCAL_SAYS_NXDOMAIN);
    CHECK_EQ(says(d, "www.good.example.", RR_A), LOCAL_NOTHING);
    CHECK_EQ(local_data_zone(d, name_root, LOCAL_REFUSE), ST_OK);
    CHECK_EQ(says(d, "other.", RR_A), LOCAL_SAYS_REFUSED);
    CHECK_EQ(says(d, ".", RR_NS), LOCAL_SAYS_REFUSED);
    CHECK_EQ(says(d, "www.good.example.", RR_A), LOCAL_NOTHING);
    local_data_free(d);
}

TEST(local_records)
{
    struct local_data *d = fresh();
    struct local_answer a;
    CHECK_EQ(add(d, "www.example. 300 A 192.0.2.1"), ST_OK);
    CHECK_EQ(add(d, "www.example. 60 A 192.0.2.2"), ST_OK);
    CHECK_EQ(add(d, "www.example. 60 A 192.0.2.2"), ST_OK); /* twice is once */
    CHECK_EQ(add(d, "www.example. CNAME other.example."), ST_ESEMANTIC);
    CHECK_EQ(add(d, "alias.example. CNAME www.example."), ST_OK);
    CHECK_EQ(add(d, "alias.example. CNAME more.example."), ST_ESEMANTIC);
    CHECK_EQ(add(d, "alias.example. A 192.0.2.1"), ST_ESEMANTIC);
    CHECK_EQ(local_data_find(d, nm("www.example.").w, RR_A, &a), LOCAL_DATA);
    CHECK_EQ(a.set.count, 2);
    CHECK_EQ(a.set.ttl, 60); /* RFC 2181 section 5.2 */
    CHECK_EQ(says(d, "alias.example.", RR_A), LOCAL_ALIAS);
    CHECK_EQ(says(d, "alias.example.", RR_CNAME), LOCAL_DATA);
    CHECK_EQ(says(d, "www.example.", RR_ANY), LOCAL_DATA);
    CHECK_EQ(says(d, "www.example.", RR_DS), LOCAL_NOTHING);
    CHECK_EQ(says(d, "example.", RR_A), LOCAL_NOTHING);
    CHECK_EQ(says(d, "a.www.example.", RR_A), LOCAL_NOTHING);
    CHECK(!local_ends_may(local_data_ends(d), nm("www.example.com.").w, 17));
    CHECK_EQ(local_data_counts(d).names, 2);
    CHECK_EQ(local_data_counts(d).records, 3);
    local_data_free(d);
}

/* RFC 6303, RFC 6761 and others. */
TEST(local_special_names)
{
    static const struct {
        const char *name;
        uint16_t type;
        enum local_says says;
    } rows[] = {
        {"localhost.", RR_A, LOCAL_DATA},
        {"a.localhost.", RR_AAAA, LOCAL_DATA},
        {"localhost.", RR_MX, LOCAL_SAYS_NODATA},
        {"x.invalid.", RR_A, LOCAL_SAYS_NXDOMAIN},
        {"x.test.", RR_A, LOCAL_SAYS_NXDOMAIN},
        {"printer.local.", RR_A, LOCAL_SAYS_NXDOMAIN},
        {"x.onion.", RR_A, LOCAL_SAYS_NXDOMAIN},
        {"x.alt.", RR_A, LOCAL_SAYS_NXDOMAIN},
        {"home.arpa.", RR_SOA, LOCAL_DATA},
        {"home.arpa.", RR_DS, LOCAL_NOTHING},
        {"x.home.arpa.", RR_A, LOCAL_SAYS_NXDOMAIN},
        {"1.0.0.10.in-addr.arpa.", RR_PTR, LOCAL_SAYS_NXDOMAIN},
        {"10.in-addr.arpa.", RR_NS, LOCAL_DATA},
        {"10.in-addr.arpa.", RR_PTR, LOCAL_SAYS_NODATA},
        {"1.0.0.127.in-addr.arpa.", RR_PTR, LOCAL_DATA},
        {"0.0.127.in-addr.arpa.", RR_PTR, LOCAL_SAYS_NODATA},
        {"2.0.0.127.in-addr.arpa.", RR_PTR, LOCAL_SAYS_NXDOMAIN},
        {"1.31.172.in-addr.arpa.", RR_PTR, LOCAL_SAYS_NXDOMAIN},
        {"1.32.172.in-addr.arpa.", RR_PTR, LOCAL_NOTHING},
        {"1.15.172.in-addr.arpa.", RR_PTR, LOCAL_NOTHING},
        {"1.127.100.in-addr.arpa.", RR_PTR, LOCAL_SAYS_NXDOMAIN},
        {"1.128.100.in-addr.arpa.", RR_PTR, LOCAL_NOTHING},
        {"1.d.f.ip6.arpa.", RR_PTR, LOCAL_SAYS_NXDOMAIN},
        {"1.c.f.ip6.arpa.", RR_PTR, LOCAL_NOTHING},
        {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.", RR_PTR,
         LOCAL_DATA},
        {"arpa.", RR_NS, LOCAL_NOTHING},
        {"in-addr.arpa.", RR_NS, LOCAL_NOTHING},
        {"localhost.example.", RR_A, LOCAL_NOTHING},
        {"tests.", RR_A, LOCAL_NOTHING},
    };
    struct local_data *d = fresh();
    const struct name test = nm("test.");
    const uint8_t *except[] = {test.w};
    CHECK_EQ(local_data_special(d, NULL, 0), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum local_says s = says(d, rows[i].name, rows[i].type);
        test_point(s == rows[i].says, "%s: %d, wanted %d", rows[i].name, (int)s, (int)rows[i].says);
    }
    CHECK_EQ(local_data_counts(d).names, 0);
    CHECK(local_data_counts(d).special > 100);
    local_data_free(d);
    d = fresh();
    CHECK_EQ(local_data_zone(d, nm("local.").w, LOCAL_TRANSPARENT), ST_OK);
    CHECK_EQ(add(d, "nas.home.arpa. A 10.0.0.7"), ST_OK);
    CHECK_EQ(local_data_special(d, except, 1), ST_OK);
    CHECK_EQ(says(d, "x.test.", RR_A), LOCAL_NOTHING);
    CHECK_EQ(says(d, "x.local.", RR_A), LOCAL_NOTHING);
    CHECK_EQ(says(d, "nas.home.arpa.", RR_A), LOCAL_DATA);
    CHECK_EQ(says(d, "tv.home.arpa.", RR_A), LOCAL_SAYS_NXDOMAIN);
    CHECK(local_special_known(test.w) && !local_special_known(nm("com.").w));
    local_data_free(d);
}

TEST(hosts_file_is_read)
{
    static const char text[] = "# comment\n127.0.0.1 localhost\r\n\n"
                               "192.0.2.1\twww.example.org  www # ours\n"
                               "2001:db8::1 www.example.org\n192.0.2.1 other.example.org\n"
                               "fe80::1%lo0 localhost\n0.0.0.0 ads.example.\n:: ads.example.";
    struct local_data *d = fresh();
    struct diag last = {0};
    struct diag_sink sink = {heard, &last, 0, 0};
    struct local_answer a;
    CHECK_EQ(local_data_hosts(d, "hosts", bytes_str(text), &sink), ST_OK);
    CHECK_EQ(says(d, "www.example.org.", RR_A), LOCAL_DATA);
    CHECK_EQ(says(d, "www.example.org.", RR_AAAA), LOCAL_DATA);
    CHECK_EQ(says(d, "www.", RR_A), LOCAL_DATA);
    CHECK_EQ(says(d, "ads.example.", RR_AAAA), LOCAL_DATA);
    CHECK_EQ(says(d, "ads.example.", RR_MX), LOCAL_SAYS_NODATA);
    REQUIRE(local_data_find(d, nm("1.2.0.192.in-addr.arpa.").w, RR_PTR, &a) == LOCAL_DATA);
    CHECK_EQ(a.set.count, 1);
    CHECK(name_equal(a.set.rdata + 2, nm("www.example.org.").w));
    CHECK_EQ(says(d, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
                  RR_PTR),
             LOCAL_DATA);
    CHECK_EQ(says(d, "0.0.0.0.in-addr.arpa.", RR_PTR), LOCAL_NOTHING);
    CHECK_EQ(says(d, "localhost.", RR_AAAA), LOCAL_SAYS_NODATA);
    local_data_free(d);
}

/* The lines of vectors/hosts/bad: LINE COLUMN, and behind a bar the file with \n for a new line. */
TEST(hosts_files_that_are_bad)
{
    size_t size;
    char *text = test_file("vectors/hosts/bad.txt", &size);
    REQUIRE(text != NULL);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned at_line, at_column;
        char *bar = strchr(line, '|'), file[1024];
        size_t n = 0;
        if (line[0] == ';' || bar == NULL || sscanf(line, "%u %u", &at_line, &at_column) != 2)
            continue;
        for (const char *p = bar + 1; *p != '\0' && n + 1 < sizeof file; p++)
            file[n++] = p[0] == '\\' && p[1] == 'n' ? (p++, '\n') : *p;
        struct local_data *d = fresh();
        struct diag last = {0};
        struct diag_sink sink = {heard, &last, 0, 0};
        enum status st = local_data_hosts(d, "hosts", bytes_of(file, n), &sink);
        test_point(st == ST_ESYNTAX && sink.errors == 1 && last.line == at_line &&
                       last.column == at_column,
                   "%s (%s: %u error(s), the last at %u:%u)", bar + 1, last.message, sink.errors,
                   last.line, last.column);
        local_data_free(d);
    }
    free(text);
}

/* Errors are told up to a number, and a good file of this size is no matter. */
TEST(hosts_file_of_a_hundred_thousand_lines)
{
    struct text t = text_heap(16 << 20);
    struct diag last = {0};
    struct diag_sink sink = {heard, &last, 0, 0};
    for (unsigned i = 0; i < 100000; i++)
        text_fmt(&t, "10.%u.%u.%u host-%u.example.org h%u\n", i >> 16, i >> 8 & 255, i & 255, i, i);
    struct local_data *d = fresh();
    CHECK_EQ(local_data_hosts(d, "hosts", bytes_of(t.p, t.n), &sink), ST_OK);
    CHECK_EQ(local_data_counts(d).names, 300000);
    CHECK_EQ(says(d, "host-99999.example.org.", RR_A), LOCAL_DATA);
    CHECK_EQ(says(d, "159.134.1.10.in-addr.arpa.", RR_PTR), LOCAL_DATA);
    CHECK_EQ(says(d, "host-100000.example.org.", RR_A), LOCAL_NOTHING);
    local_data_free(d);
    text_clear(&t);
    for (unsigned i = 0; i < 1000; i++)
        text_str(&t, "x y\n");
    d = fresh();
    CHECK_EQ(local_data_hosts(d, "hosts", bytes_of(t.p, t.n), &sink), ST_ESYNTAX);
    CHECK_EQ(sink.errors, LIMIT_CONFIG_ERRORS);
    local_data_free(d);
    text_free(&t);
}
