/* The state file of RFC 5011: what is written is read the same, and nothing else is read. */
#include "dnssec/anchor_roll_testlib.h"

/* Every kind of line; written twice the same. */
static void full_state(struct keys *k)
{
    days(k, "abcdz/abc", 1, 1);
    days(k, "bcdCz/bC", 2, 2);
    days(k, "bdez/b", 3, 3);
    configure(k, "m", T0 + 3 * DAY);
}

TEST(roll_text_round_trip)
{
    struct keys *k = begin("abc");
    full_state(k);
    CHECK_STR(states(k), "aM bV cR dP eP dmV");
    restart(k, T0 + 4 * DAY);
    CHECK_STR(states(k), "aM bV cR dP eP dmV");
    struct text t = text_heap(ROLL_TEXT_MAX);
    struct anchors *a = anchors_new(), *b = anchors_new();
    struct diag d = {0};
    REQUIRE(a != NULL && b != NULL);
    CHECK_EQ(anchor_roll_text(&k->r, &t), ST_OK);
    CHECK(strstr(text_cstr(&t), " of=2592000 by=1,2\n") != NULL);
    CHECK(strstr(text_cstr(&t), ";;state=4 [REVOKED] tag=") != NULL);
    /* As a file of trust anchors it says the same. */
    CHECK_EQ(anchor_roll_ds(&k->r, a), ST_OK);
    CHECK_EQ(anchors_add_file(b, "state", bytes_of(t.p, t.n), T0, &d), ST_OK);
    const struct rrset *x = anchors_at(a, 0), *y = anchors_at(b, 0);
    REQUIRE(x != NULL && y != NULL);
    CHECK_EQ(x->count, 3);
    CHECK(bytes_equal(bytes_of(x->rdata, x->rdata_size), bytes_of(y->rdata, y->rdata_size)));
    anchors_free(a);
    anchors_free(b);
    text_free(&t);
    end(k);
}

/* Cut anywhere, or with any byte changed: refused with its place, or read as what then stands
 * there. */
TEST(roll_text_damaged)
{
    struct keys *k = begin("abc");
    struct text t = text_heap(ROLL_TEXT_MAX);
    unsigned other = 0;
    full_state(k);
    CHECK_EQ(anchor_roll_text(&k->r, &t), ST_OK);
    for (size_t i = 0; i < t.n; i++) {
        struct anchor_roll r;
        struct diag d = {0};
        CHECK_EQ(anchor_roll_parse(&r, "f", bytes_of(t.p, i), &d), ST_ESYNTAX);
        CHECK(d.line > 0 && d.column > 0 && d.message[0] != '\0' && r.n == 0);
        for (unsigned m = 0; m < 3; m++) {
            char was = t.p[i];
            t.p[i] = (char)(m == 0 ? '1' : m == 1 ? ' ' : was ^ 1);
            d = (struct diag){0};
            struct text again = text_heap(ROLL_TEXT_MAX);
            if (anchor_roll_parse(&r, "f", bytes_of(t.p, t.n), &d) != ST_OK) {
                CHECK(d.line > 0 && d.column > 0 && d.message[0] != '\0' && r.n == 0);
            } else {
                other += was != t.p[i];
                CHECK_EQ(anchor_roll_text(&r, &again), ST_OK);
                CHECK_STR(text_cstr(&again), text_cstr(&t));
            }
            text_free(&again);
            t.p[i] = was;
        }
    }
    CHECK(other > 0 && other < 600); /* digits of times and numbers */
    text_free(&t);
    end(k);
}

/* What in a line is wrong is told at its place. */
TEST(roll_text_bad)
{
    static const struct {
        const char *find, *put;
        unsigned line;
        const char *words;
    } v[] = {
        {"version 1", "version 2", 1, "another version"},
        {"version 1", "version 1 ", 1, "does not begin"},
        {"version 1", "version 01", 1, "another version"},
        {"zone=example", "zone=Example", 2, "not as it was written"},
        {"zone=", "zone=.", 2, "zone= with its value"},
        {"checked=2026", "checked=2O26", 2, "checked= with its value"},
        {"retry=", "retry=-", 2, "retry= with its value"},
        {"retry=17280", "retry=3599", 2, "from 3600"},
        {"retry=17280", "retry=86401", 2, "from 3600"},
        {"newest=2026", "newest=2027", 2, "later than checked="},
        {"example.org. DNSKEY", "example.net. DNSKEY", 3, "a key of the zone"},
        {"DNSKEY 257", "TXT 257", 3, "DNSKEY or DS"},
        {"DNSKEY 257", "DNSKEY 385", 3, "none that may sign"},
        {"DNSKEY 257", "DNSKEY 1", 3, "none that may sign"},
        {"257 3 15", "257 3 99", 3, "cannot be used"},
        {"257 3 15", "257 3 13", 3, "cannot be used"},
        {"state=3 [MISSING]", "state=2 [MISSING]", 3, "not as it was written"},
        {"state=3 [MISSING]", "state=0 [START]", 3, "not kept"},
        {"state=3 [MISSING]", "state=6 [MISSING]", 3, "not kept"},
        {"tag=", "tag=1", 3, "not as it was written"},
        {"since=", "since= ", 3, "since= with its value"},
        {" seen=", "  seen=", 3, "seen= with its value"},
        {"of=2592000", "of=2591999", 6, "at least 30 days"},
        {"held=172800", "held=2592001", 6, "at least 30 days"},
        {"held=172800", "held=4294967296", 6, "held= with its value"},
        {"by=1,2,3", "by=", 6, "by= with its value"},
        {"by=1,2,3", "by=1,,3", 6, "by= with its value"},
        {"by=1,2,3", "by=2,1", 6, "not as it was written"},
        {"by=1,2,3", "by=17", 6, "by= with its value"},
        {"by=1,2,3", "by=1,2,9", 6, "not as it was written"},
        {"by=1,2,3", "by=1,2,4", 6, "not trusted"},
        {"; end of 6", "; end of 5", 9, "not as it was written"},
        {"keys\n", "keys\n\n", 10, "follows the end"},
    };
    struct keys *k = begin("abc");
    struct text t = text_heap(ROLL_TEXT_MAX);
    days(k, "abcdz/abc", 1, 1);
    days(k, "bcdCz/bC", 2, 2);
    days(k, "bdez/b", 3, 3);
    configure(k, "m", T0 + 3 * DAY);
    for (unsigned i = 0; i < k->r.n; i++)
        if (k->r.key[i].state == ROLL_ADDPEND && k->r.key[i].held_s > 0)
            k->r.key[i].by = 7;
    k->r.key[2].state = ROLL_VALID; /* so that all three may vouch */
    k->r.key[2].held_s = 0;
    CHECK_EQ(anchor_roll_text(&k->r, &t), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct text bad = text_heap(ROLL_TEXT_MAX);
        struct anchor_roll r;
        struct diag d = {0};
        const char *at = strstr(text_cstr(&t), v[i].find);
        if (at == NULL) {
            test_fail(__FILE__, __LINE__, "no \"%s\" in\n%s", v[i].find, text_cstr(&t));
            continue;
        }
        text_bytes(&bad, t.p, (size_t)(at - t.p));
        text_str(&bad, v[i].put);
        text_str(&bad, at + strlen(v[i].find));
        enum status st = anchor_roll_parse(&r, "f", bytes_of(bad.p, bad.n), &d);
        if (st == ST_OK || d.line != v[i].line || strstr(d.message, v[i].words) == NULL)
            test_fail(__FILE__, __LINE__, "%s for %s: status %d, %u:%u %s", v[i].put, v[i].find, st,
                      d.line, d.column, d.message);
        CHECK(r.n == 0 && d.column > 0);
        CHECK_EQ(st, strcmp(v[i].words, "another version") == 0 ? ST_EUNSUPPORTED : ST_ESYNTAX);
        text_free(&bad);
    }
    text_free(&t);
    end(k);
}

/* One line after the other, as somebody might write them by hand. */
TEST(roll_text_lines)
{
    static const char first[] = "; banyan trust anchors, version 1\n"
                                "; zone=a. checked=- newest=- next=- retry=0\n";
    static const char times[] = "since=2026-01-01T00:00:00Z seen=-\n";
    static const char key[] = "a. DNSKEY 257 3 15 Q+cHYThmaoAmcmBadRv31xXENeMy5Hy7nPiC6NCXEEk= "
                              ";;state=2 [VALID] tag=57863 ";
    static const char ds[] = "a. DS 1 8 1 1111111111111111111111111111111111111111 ;;state=";
    struct text t = text_heap(ROLL_TEXT_MAX);
    struct anchor_roll r;
    struct diag d = {0};
    text_fmt(&t, "%s%s%s%s2 [VALID] tag=1 %s; end of 2 keys\n", first, key, times, ds, times);
    CHECK_EQ(anchor_roll_parse(&r, "f", bytes_of(t.p, t.n), &d), ST_OK);
    CHECK(r.n == 2 && r.key[1].is_ds);
    text_clear(&t);
    text_fmt(&t, "%s%s%s%s%s; end of 2 keys\n", first, key, times, key, times);
    CHECK_EQ(anchor_roll_parse(&r, "f", bytes_of(t.p, t.n), &d), ST_ESYNTAX);
    CHECK(d.line == 4 && strstr(d.message, "twice") != NULL);
    text_clear(&t);
    text_fmt(&t, "%s%s5 [REMOVED] tag=1 %s; end of 1 keys\n", first, ds, times);
    CHECK_EQ(anchor_roll_parse(&r, "f", bytes_of(t.p, t.n), &d), ST_ESYNTAX);
    CHECK(d.line == 3 && strstr(d.message, "not kept") != NULL);
    text_clear(&t);
    text_fmt(&t, "%sa. DS 1 8 9 11 ;;state=2 [VALID] tag=1 %s; end of 1 keys\n", first, times);
    CHECK_EQ(anchor_roll_parse(&r, "f", bytes_of(t.p, t.n), &d), ST_ESYNTAX);
    CHECK(d.line == 3 && d.column == 7 && strstr(d.message, "cannot be used") != NULL);
    text_clear(&t);
    text_fmt(&t, "%s%s%sa. DNSKEY 257 3 15\n; end of 2 keys\n", first, key, times);
    CHECK_EQ(anchor_roll_parse(&r, "f", bytes_of(t.p, t.n), &d), ST_ESYNTAX);
    CHECK(d.line == 4 && strstr(d.message, "cut short") != NULL);
    text_clear(&t);
    text_str(&t, first);
    for (unsigned i = 1; i <= LIMIT_ROLL_KEYS + 1; i++)
        text_fmt(&t, "a. DS %u%s tag=%u %s", i,
                 " 8 1 1111111111111111111111111111111111111111 ;;state=2 [VALID]", i, times);
    text_fmt(&t, "; end of %d keys\n", LIMIT_ROLL_KEYS + 1);
    CHECK_EQ(anchor_roll_parse(&r, "f", bytes_of(t.p, t.n), &d), ST_ESYNTAX);
    CHECK(d.line == 3 + LIMIT_ROLL_KEYS && strstr(d.message, "more keys") != NULL);
    text_free(&t);
}

/* More than can be used are refused, as is a file too large. */
TEST(roll_text_limits)
{
    struct keys *k = begin("abcdefgh");
    struct text t = text_heap(ROLL_TEXT_MAX);
    struct anchor_roll r;
    struct diag d = {0};
    days(k, "abcdefghijklmnopz/a", 1, 1);
    k->r.key[8].state = ROLL_VALID;
    CHECK_EQ(anchor_roll_text(&k->r, &t), ST_OK);
    CHECK(t.n < ROLL_TEXT_MAX / 2);
    CHECK_EQ(anchor_roll_parse(&r, "f", bytes_of(t.p, t.n), &d), ST_ESYNTAX);
    CHECK_EQ(d.line, 11);
    char *big = calloc(1, ROLL_TEXT_MAX + 1);
    REQUIRE(big != NULL);
    CHECK_EQ(anchor_roll_parse(&r, "f", bytes_of(big, ROLL_TEXT_MAX + 1), &d), ST_ESYNTAX);
    CHECK(strstr(d.message, "too large") != NULL);
    free(big);
    text_free(&t);
    end(k);
}

/* --- The real root --- */

static void lines(struct test_set *set, uint16_t type, const char *word)
{
    char *text = test_file("vectors/anchor/root-dnskey-2020", NULL);
    test_set_begin(set, ".", type, 172800);
    if (text == NULL)
        abort();
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (line[0] == '.' && strstr(line, word) != NULL)
            test_set_add(set, strstr(line, word) + strlen(word));
    free(text);
}

/* The root's set of 2020 by the anchors of today: KSK-2017 is there and signs, KSK-2024 is still to
 * come; its signature is valid for three weeks. */
TEST(roll_real_root)
{
    enum { AT = 1603324800 }; /* 2020-10-22 */
    struct test_set set, sigs;
    struct anchors *a = anchors_new(), *b = anchors_new();
    struct anchor_roll r;
    struct roll_report ret;
    struct now now = {1000000, AT};
    REQUIRE(a != NULL && b != NULL);
    lines(&set, RR_DNSKEY, "\tDNSKEY\t");
    lines(&sigs, RR_RRSIG, "\tRRSIG\t");
    CHECK_EQ(set.set.count, 2);
    CHECK_EQ(anchors_add_builtin(a), ST_OK);
    anchor_roll_init(&r, name_root);
    CHECK_EQ(anchor_roll_configure(&r, anchors_at(a, 0), now, &ret), ST_OK);
    CHECK_EQ(ret.n, 2);
    CHECK_EQ(anchor_roll_see(&r, &set.set, &sigs.set, now, &ret), ST_OK);
    CHECK_EQ(ret.outcome, ROLL_SEEN);
    CHECK_EQ(r.n, 2);
    CHECK(r.key[0].tag == 20326 && r.key[0].state == ROLL_VALID && !r.key[0].is_ds);
    CHECK(r.key[1].tag == 38696 && r.key[1].state == ROLL_MISSING && r.key[1].is_ds);
    CHECK_EQ(r.newest_s, 1602374400); /* 2020-10-11 */
    CHECK_EQ(ret.ask_after_s, 86400); /* half the TTL */
    CHECK_EQ(r.retry_s, 17280);
    CHECK_EQ(anchor_roll_ds(&r, b), ST_OK);
    const struct rrset *x = anchors_at(a, 0), *y = anchors_at(b, 0);
    CHECK(bytes_equal(bytes_of(x->rdata, x->rdata_size), bytes_of(y->rdata, y->rdata_size)));
    now.wall_s += 11 * 86400;
    CHECK_EQ(anchor_roll_see(&r, &set.set, &sigs.set, now, &ret), ST_OK);
    CHECK_EQ(ret.outcome, ROLL_EXPIRED);
    anchors_free(a);
    anchors_free(b);
}

/* What is said of each change can be read in a log. */
TEST(roll_change_words)
{
    struct keys *k = begin("a");
    char buf[300];
    struct text t = text_of(buf, sizeof buf);
    days(k, "abz/a", 1, 1);
    roll_change_text(zone, &k->ret.change[0], &t);
    char want[300];
    snprintf(want, sizeof want,
             "key %u (ED25519) of example.org. is new: it must stand in every set until it is "
             "trusted (RFC 5011: NewKey, START to ADDPEND)",
             tag_of(k, 'b'));
    CHECK_STR(text_cstr(&t), want);
    for (int o = 0; o <= ROLL_ALL_REVOKED; o++)
        CHECK(roll_outcome_word((enum roll_outcome)o)[0] != '\0' &&
              roll_outcome_text((enum roll_outcome)o)[0] != '\0');
    CHECK_STR(roll_state_name(ROLL_REMOVED), "REMOVED");
    end(k);
}
