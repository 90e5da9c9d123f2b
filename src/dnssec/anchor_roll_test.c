/* RFC 5011: every row of its state table, the times, and what an attacker or a wrong clock might
 * want of it. How to read the keys and states: anchor_roll_testlib.h. */
#include "dnssec/anchor_roll_testlib.h"

/* --- The table of RFC 5011 section 4 --- */

/* Configured keys are VALID; until they are seen only their DS is known. */
TEST(roll_configured)
{
    struct keys *k = begin("a");
    CHECK_STR(states(k), "aV");
    configure(k, "b", T0);
    CHECK_STR(states(k), "aV dbV");
    CHECK(event_met(k, ROLL_EVENT_CONFIGURED));
    CHECK_EQ(see(k, "az/a", T0 + DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aV dbM");
    CHECK_EQ(see(k, "abz/b", T0 + 2 * DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aV bV");
    end(k);
}

/* Two DS of one key are one key when it is seen; what cannot be used here is passed over. */
TEST(roll_configured_twice)
{
    struct keys *k = begin("a");
    struct test_set ds;
    uint8_t buf[DNSKEY_RDATA_MAX], rd[4 + DS_DIGEST_MAX];
    struct now now = {(T0 - k->boot_s) * 1000000, T0};
    test_set_make(&ds, "example.org.", RR_DS, 3600, "1 15 99 00112233");
    for (unsigned type = DS_SHA1; type <= DS_SHA384; type++) {
        struct writer w = wr_of(rd, sizeof rd);
        if (ds_write((uint8_t)type, zone, dnskey(k, 'b', buf), &w) == ST_OK)
            add_raw(&ds, wr_done(&w));
    }
    CHECK_EQ(ds.set.count, 4);
    CHECK_EQ(anchor_roll_configure(&k->r, &ds.set, now, &k->ret), ST_OK);
    CHECK_STR(states(k), "aV dbV dbV dbV");
    days(k, "az/a", 1, 1);
    CHECK_STR(states(k), "aV dbM dbM dbM");
    restart(k, T0 + DAY);
    days(k, "abz/a", 2, 2);
    CHECK_STR(states(k), "aV bV");
    CHECK_EQ(anchor_roll_configure(&k->r, &ds.set, now, &k->ret), ST_OK);
    CHECK_STR(states(k), "aV bV");
    CHECK(!k->ret.save);
    end(k);
}

/* Start, NewKey: AddPend. Only keys with the SEP flag that are not revoked. */
TEST(roll_start_new_key)
{
    struct keys *k = begin("a");
    CHECK_EQ(see(k, "abyzC/a", T0 + DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aV bP");
    CHECK(event_met(k, ROLL_EVENT_NEW_KEY));
    CHECK_EQ(k->ret.n, 1);
    CHECK_EQ(k->r.key[1].hold_s, ROLL_HOLD_S);
    end(k);
}

/* AddPend, KeyRem: Start; then NewKey begins anew (section 2.2). */
TEST(roll_addpend_key_rem)
{
    struct keys *k = begin("a");
    days(k, "abz/a", 1, 30);
    CHECK_STR(states(k), "aV bP");
    CHECK_EQ(k->r.key[1].held_s, 29 * DAY);
    CHECK_EQ(see(k, "az/a", T0 + 30 * DAY + HOUR), ROLL_SEEN);
    CHECK_STR(states(k), "aV");
    CHECK(event_met(k, ROLL_EVENT_KEY_REM));
    days(k, "abz/a", 31, 60);
    CHECK_STR(states(k), "aV bP");
    days(k, "abz/a", 61, 61);
    CHECK_STR(states(k), "aV bV");
    end(k);
}

/* AddPend, AddTime: Valid, with the first set after the hold-down time, not at a moment. */
TEST(roll_addpend_add_time)
{
    struct keys *k = begin("a");
    days(k, "abz/a", 1, 30);
    CHECK_EQ(see(k, "abz/a", T0 + 31 * DAY - 1), ROLL_SEEN);
    CHECK_STR(states(k), "aV bP");
    CHECK_EQ(see(k, "abz/b", T0 + 31 * DAY), ROLL_NOT_SIGNED); /* its own word does not count */
    CHECK_STR(states(k), "aV bP");
    CHECK_EQ(see(k, "abz/a", T0 + 31 * DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aV bV");
    CHECK(event_met(k, ROLL_EVENT_ADD_TIME));
    CHECK_EQ(see(k, "abz/b", T0 + 32 * DAY), ROLL_SEEN); /* now it does */
    end(k);
}

/* Valid, KeyRem: Missing; Missing, KeyPres: Valid. A missing key stays trusted. */
TEST(roll_valid_missing)
{
    struct keys *k = begin("ab");
    CHECK_EQ(see(k, "bz/b", T0 + DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aM bV");
    CHECK_EQ(see(k, "bz/b", T0 + 900 * DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aM bV");
    CHECK_EQ(see(k, "abz/a", T0 + 901 * DAY), ROLL_SEEN); /* it vouches while it is missing */
    CHECK_STR(states(k), "aV bV");
    CHECK(event_met(k, ROLL_EVENT_KEY_PRES));
    end(k);
}

/* Valid, RevBit: Revoked; Missing, RevBit: Revoked. */
TEST(roll_rev_bit)
{
    struct keys *k = begin("abc");
    CHECK_EQ(see(k, "Abz/Ab", T0 + DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aR bV cM");
    CHECK(event_met(k, ROLL_EVENT_REV_BIT));
    CHECK_EQ(see(k, "bCz/bC", T0 + 2 * DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aR bV cR");
    end(k);
}

/* Revoked, RemTime: Removed, when it has been gone for 30 days (section 2.4.2). */
TEST(roll_rem_time)
{
    struct keys *k = begin("ab");
    CHECK_EQ(see(k, "Abz/Ab", T0 + DAY), ROLL_SEEN);
    days(k, "Abz/bA", 2, 40);
    CHECK_STR(states(k), "aR bV");
    days(k, "bz/b", 41, 60);
    days(k, "abz/b", 61, 61); /* comes back: counted anew, and not trusted for it */
    days(k, "bz/b", 62, 91);
    CHECK_STR(states(k), "aR bV");
    CHECK_EQ(k->r.key[0].held_s, 29 * DAY);
    days(k, "bz/b", 92, 92);
    CHECK_STR(states(k), "aX bV");
    CHECK(event_met(k, ROLL_EVENT_REM_TIME));
    /* Removed: it is not taken again (section 4.2). */
    days(k, "abz/b", 93, 130);
    CHECK_STR(states(k), "aX bV");
    end(k);
}

/* --- Revocation (section 2.1) --- */

/* It must be signed by the revoked key itself. */
TEST(roll_revocation_is_self_signed)
{
    struct keys *k = begin("ab");
    CHECK_EQ(see(k, "Abz/b", T0 + DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aM bV");                       /* the key itself is not in the set */
    CHECK_EQ(see(k, "Abz/ba", T0 + 2 * DAY), ROLL_SEEN); /* nor by its tag before */
    CHECK_STR(states(k), "aM bV");
    end(k);
}

/* It counts whoever else signed the set; nothing else of such a set does. */
TEST(roll_revocation_alone)
{
    struct keys *k = begin("ab");
    CHECK_EQ(see(k, "Ac/A", T0 + DAY), ROLL_STRANGERS);
    CHECK(k->ret.save && k->ret.alarm);
    CHECK_STR(states(k), "aR bV");
    CHECK_EQ(k->r.checked_s, T0);
    /* And the revoked key vouches for nothing. */
    CHECK_EQ(see(k, "abcz/a", T0 + 2 * DAY), ROLL_NOT_SIGNED);
    CHECK_EQ(see(k, "Abcz/A", T0 + 2 * DAY), ROLL_NOT_SIGNED);
    CHECK_STR(states(k), "aR bV");
    configure(k, "a", T0 + 3 * DAY); /* for ever */
    CHECK_STR(states(k), "aR bV");
    end(k);
}

/* A revocation recorded long ago, with a signature that has expired, is none. */
TEST(roll_revocation_in_time)
{
    struct keys *k = begin("ab");
    make_set(k, "Abz/Ab", T0 + DAY);
    give_set(k, T0 + 22 * DAY);
    CHECK_EQ(k->ret.outcome, ROLL_EXPIRED);
    CHECK_STR(states(k), "aV bV");
    end(k);
}

/* Known by its DS only: that of the key before. */
TEST(roll_revocation_of_a_ds)
{
    struct keys *k = begin("a");
    configure(k, "b", T0);
    CHECK_EQ(see(k, "aBz/aB", T0 + DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aV bR");
    restart(k, T0 + DAY);
    CHECK_STR(states(k), "aV bR");
    end(k);
}

/* A key that waits and shows the flag is not the key any more: KeyRem (section 4.1). */
TEST(roll_revocation_while_waiting)
{
    struct keys *k = begin("a");
    days(k, "abz/a", 1, 5);
    CHECK_EQ(see(k, "aBz/aB", T0 + 6 * DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aV");
    end(k);
}

/* Section 2.2: when all that vouched for a waiting key are revoked, its time begins anew. */
TEST(roll_vouchers_revoked)
{
    struct keys *k = begin("ab");
    days(k, "abcz/a", 1, 20);
    CHECK_EQ(see(k, "abcdz/ab", T0 + 21 * DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aV bV cP dP");
    restart(k, T0 + 21 * DAY);
    CHECK_EQ(see(k, "Abcdz/Ab", T0 + 22 * DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aR bV dP cP");
    CHECK(event_met(k, ROLL_EVENT_NO_VOUCHER) && event_met(k, ROLL_EVENT_NEW_KEY));
    CHECK_EQ(k->r.key[3].held_s, 0);
    CHECK_EQ(k->r.key[2].held_s, DAY);
    CHECK_EQ(k->r.key[2].by, 2);
    restart(k, T0 + 22 * DAY);
    end(k);
}

/* Section 5: with all keys revoked the trust point is gone; never without a word. */
TEST(roll_all_revoked)
{
    struct keys *k = begin("a");
    struct anchors *a = anchors_new();
    REQUIRE(a != NULL);
    CHECK_EQ(anchor_roll_ds(&k->r, a), ST_OK);
    CHECK_EQ(see(k, "Abz/A", T0 + DAY), ROLL_ALL_REVOKED);
    CHECK(k->ret.alarm && k->ret.save);
    CHECK_STR(states(k), "aR");
    CHECK_EQ(anchor_roll_ds(&k->r, a), ST_ENOTFOUND);
    restart(k, T0 + DAY);
    CHECK_EQ(see(k, "bz/b", T0 + 2 * DAY), ROLL_ALL_REVOKED);
    CHECK(k->ret.alarm);
    k->set.set.count = 0;
    give_set(k, T0 + 2 * DAY);
    CHECK_EQ(k->ret.outcome, ROLL_ALL_REVOKED);
    CHECK(roll_outcome_act(ROLL_ALL_REVOKED)[0] != '\0');
    configure(k, "b", T0 + 3 * DAY); /* the operator mends it */
    CHECK(!k->ret.alarm);
    CHECK_EQ(see(k, "bz/b", T0 + 3 * DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aR bV");
    anchors_free(a);
    end(k);
}

/* --- Which sets count --- */

TEST(roll_sets_that_do_not_count)
{
    struct keys *k = begin("ab");
    uint64_t t = T0 + DAY;
    CHECK_EQ(see(k, "abcz/", t), ROLL_NOT_SIGNED);
    CHECK_EQ(see(k, "abcz/z", t), ROLL_NOT_SIGNED);
    CHECK_EQ(see(k, "abcz/c", t), ROLL_NOT_SIGNED);
    CHECK_EQ(see(k, "cz/ca", t), ROLL_STRANGERS); /* a signs, but is not in the set */
    CHECK(k->ret.alarm);
    make_set(k, "abcz/a", t);
    k->set.rdata[k->set.set.rdata_size - 1] ^= 1;
    give_set(k, t);
    CHECK_EQ(k->ret.outcome, ROLL_BAD_SIGNATURE);
    make_set(k, "abcz/a", t);
    give_set(k, t + 30 * DAY);
    CHECK_EQ(k->ret.outcome, ROLL_EXPIRED);
    make_set(k, "abcz/a", t + 30 * DAY);
    give_set(k, t);
    CHECK_EQ(k->ret.outcome, ROLL_NOT_YET);
    make_set(k, "abcz/a", t);
    k->set.set.owner = name_root;
    give_set(k, t);
    CHECK_EQ(k->ret.outcome, ROLL_MALFORMED);
    make_set(k, "/", t);
    give_set(k, t);
    CHECK_EQ(k->ret.outcome, ROLL_MALFORMED);
    CHECK_STR(states(k), "aV bV");
    CHECK(!k->ret.save);
    CHECK_EQ(k->r.checked_s, T0);
    /* One bad signature among them does no harm. */
    make_set(k, "abcz/ab", t);
    k->sigs.rdata[70] ^= 1;
    give_set(k, t);
    CHECK_EQ(k->ret.outcome, ROLL_SEEN);
    CHECK_STR(states(k), "aV bV cP");
    CHECK_EQ(k->r.key[2].by, 2);
    end(k);
}

/* RRSIG fields that are not those of the set (RFC 4035 section 5.3.1). */
TEST(roll_signature_fields)
{
    static const struct {
        unsigned off;
        enum roll_outcome o;
    } v[] = {
        {2 + 1, ROLL_NOT_SIGNED},      /* type covered */
        {2 + 2, ROLL_NOT_SIGNED},      /* algorithm */
        {2 + 3, ROLL_NOT_SIGNED},      /* labels */
        {2 + 7, ROLL_BAD_SIGNATURE},   /* original TTL */
        {2 + 16, ROLL_NOT_SIGNED},     /* tag */
        {2 + 18 + 1, ROLL_NOT_SIGNED}, /* signer */
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct keys *k = begin("a");
        make_set(k, "az/a", T0 + DAY);
        k->sigs.rdata[v[i].off] ^= 1;
        give_set(k, T0 + DAY);
        if (k->ret.outcome != v[i].o)
            test_fail(__FILE__, __LINE__, "byte %u: %s", v[i].off,
                      roll_outcome_word(k->ret.outcome));
        end(k);
    }
}

/* A set from before, replayed: it does not stop a new key, nor bring an old one back. */
TEST(roll_replay)
{
    struct keys *k = begin("a");
    struct keys old;
    make_set(k, "az/a", T0 + 10 * DAY);
    old = *k;
    old.set.set.owner = old.sigs.set.owner = zone;
    old.set.set.rdata = old.set.rdata;
    old.sigs.set.rdata = old.sigs.rdata;
    days(k, "abz/a", 11, 20);
    CHECK_STR(states(k), "aV bP");
    old.r = k->r;
    give_set(&old, T0 + 21 * DAY);
    CHECK_EQ(old.ret.outcome, ROLL_OLD);
    CHECK(!old.ret.save && !old.ret.alarm);
    CHECK_EQ(old.r.key[1].held_s, 9 * DAY);
    k->r = old.r;
    restart(k, T0 + 21 * DAY); /* remembered over a restart */
    old.r = k->r;
    old.boot_s = k->boot_s;
    give_set(&old, T0 + 21 * DAY);
    CHECK_EQ(old.ret.outcome, ROLL_OLD);
    k->r = old.r;
    days(k, "abz/a", 21, 41);
    CHECK_STR(states(k), "aV bV");
    end(k);
}

/* The same set may be seen again and again, as long as it is the newest. */
TEST(roll_same_set_again)
{
    struct keys *k = begin("a");
    make_set(k, "abz/a", T0 + DAY);
    for (unsigned d = 1; d < 20; d++) {
        give_set(k, T0 + d * DAY);
        CHECK_EQ(k->ret.outcome, ROLL_SEEN);
    }
    CHECK_EQ(k->r.key[1].held_s, 18 * DAY);
    end(k);
}

/* --- Times --- */

/* Section 2.4.1: 30 days, or the TTL of the first set with the key if that is longer. */
TEST(roll_hold_down_by_ttl)
{
    struct keys *k = begin("a");
    k->ttl = 45 * DAY;
    days(k, "abz/a", 1, 1);
    k->ttl = TTL;
    days(k, "abz/a", 2, 45);
    CHECK_STR(states(k), "aV bP");
    restart(k, T0 + 45 * DAY);
    days(k, "abz/a", 46, 46);
    CHECK_STR(states(k), "aV bV");
    end(k);
}

/* Section 2.3: queryInterval and retryTime. */
TEST(roll_when_to_ask)
{
    static const struct {
        uint32_t ttl, left_s, query, retry;
    } v[] = {{2 * DAY, 20 * DAY, DAY, 17280},      {2 * DAY, DAY, 12 * HOUR, 8640},
             {60, 20 * DAY, HOUR, HOUR},           {100 * DAY, 100 * DAY, 15 * DAY, DAY},
             {100 * DAY, 8 * DAY, 4 * DAY, 69120}, {UINT32_MAX, 20 * DAY, HOUR, HOUR}};
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct keys *k = begin("a");
        struct now now = {0, T0 + DAY};
        k->ttl = v[i].ttl;
        k->after_s = v[i].left_s;
        CHECK_EQ(see(k, "az/a", T0 + DAY), ROLL_SEEN);
        CHECK_EQ(k->ret.ask_after_s, v[i].query);
        CHECK_EQ(k->r.next_s, T0 + DAY + v[i].query);
        now.mono_us = (T0 + DAY - k->boot_s) * 1000000;
        CHECK_EQ(anchor_roll_due_s(&k->r, now), v[i].query);
        CHECK_EQ(see(k, "az/", T0 + DAY + 1), ROLL_NOT_SIGNED);
        CHECK_EQ(k->ret.ask_after_s, v[i].retry);
        CHECK_EQ(anchor_roll_failed(&k->r, now), v[i].retry);
        CHECK_EQ(anchor_roll_due_s(&k->r, now), v[i].retry);
        end(k);
    }
    struct anchor_roll r;
    struct now now = {5000000, T0};
    anchor_roll_init(&r, zone);
    CHECK_EQ(anchor_roll_due_s(&r, now), 0);
    CHECK_EQ(anchor_roll_failed(&r, now), HOUR);
    CHECK_EQ(anchor_roll_due_s(&r, now), HOUR);
    now.wall_s -= 400 * DAY; /* the clock is set back: the other one goes on */
    now.mono_us += 600 * 1000000ull;
    CHECK_EQ(anchor_roll_due_s(&r, now), HOUR - 600);
    r.next_mono_s = 0; /* of another run: at most what section 2.3 allows */
    CHECK_EQ(anchor_roll_due_s(&r, now), 15 * DAY);
    now.wall_s += 4000 * DAY;
    CHECK_EQ(anchor_roll_due_s(&r, now), 0);
}

/* A wall clock that is set ahead while the program runs wins nothing. */
TEST(roll_clock_jumps_ahead)
{
    struct keys *k = begin("a");
    k->after_s = 4000 * DAY;
    days(k, "abz/a", 1, 5);
    CHECK_EQ(k->r.key[1].held_s, 4 * DAY);
    make_set(k, "abz/a", T0 + 6 * DAY);
    k->boot_s += 1000 * DAY; /* one day by the clock since boot, 1001 by the wall clock */
    give_set(k, T0 + 1006 * DAY);
    CHECK_EQ(k->ret.outcome, ROLL_SEEN);
    CHECK_EQ(k->r.key[1].held_s, 5 * DAY);
    CHECK_STR(states(k), "aV bP");
    k->boot_s -= 1000 * DAY; /* and back: that step counts nothing */
    give_set(k, T0 + 7 * DAY);
    CHECK_EQ(k->r.key[1].held_s, 5 * DAY);
    give_set(k, T0 + 8 * DAY);
    CHECK_EQ(k->r.key[1].held_s, 6 * DAY);
    end(k);
}

/* Between two runs there is only the wall clock: a step counts 15 days at most. */
TEST(roll_clock_jumps_ahead_between_runs)
{
    struct keys *k = begin("a");
    k->after_s = 4000 * DAY;
    days(k, "abz/a", 1, 5);
    restart(k, T0 + 1000 * DAY);
    CHECK_EQ(see(k, "abz/a", T0 + 1000 * DAY), ROLL_SEEN);
    CHECK_STR(states(k), "aV bP");
    CHECK_EQ(k->r.key[1].held_s, 19 * DAY);
    end(k);
}

/* A clock that is far off accepts no set, so nothing moves; when it is right, all goes on. */
TEST(roll_clock_far_off)
{
    struct keys *k = begin("a");
    days(k, "abz/a", 1, 20);
    make_set(k, "az/a", T0 + 21 * DAY);
    give_set(k, T0 + 5000 * DAY);
    CHECK_EQ(k->ret.outcome, ROLL_EXPIRED);
    k->boot_s = 0;
    give_set(k, 1000);
    CHECK_EQ(k->ret.outcome, ROLL_NOT_YET);
    CHECK(strstr(roll_outcome_act(k->ret.outcome), "clock") != NULL);
    CHECK_STR(states(k), "aV bP");
    k->boot_s = T0 - 1000;
    days(k, "abz/a", 21, 31);
    CHECK_STR(states(k), "aV bV");
    make_set(k, "az/a", T0);
    give_set(k, UINT64_MAX / 2000000);
    restart(k, T0);
    end(k);
}

/* Clocks may differ by LIMIT_CLOCK_SKEW_S at both ends of a signature's validity. */
TEST(roll_clock_skew)
{
    struct keys *k = begin("a");
    k->before_s = 0;
    k->after_s = DAY;
    make_set(k, "az/a", T0 + 5 * DAY);
    give_set(k, T0 + 5 * DAY - LIMIT_CLOCK_SKEW_S - 1);
    CHECK_EQ(k->ret.outcome, ROLL_NOT_YET);
    give_set(k, T0 + 5 * DAY - LIMIT_CLOCK_SKEW_S);
    CHECK_EQ(k->ret.outcome, ROLL_SEEN);
    give_set(k, T0 + 6 * DAY + LIMIT_CLOCK_SKEW_S);
    CHECK_EQ(k->ret.outcome, ROLL_SEEN);
    CHECK_EQ(k->ret.ask_after_s, HOUR);
    give_set(k, T0 + 6 * DAY + LIMIT_CLOCK_SKEW_S + 1);
    CHECK_EQ(k->ret.outcome, ROLL_EXPIRED);
    end(k);
}

/* The same steps, with a restart before each or none: the same states. */
TEST(roll_restarts_change_nothing)
{
    struct keys *a = begin("a"), *b = begin("a");
    for (unsigned d = 1; d < 45; d++) {
        const char *set = d < 3 ? "az/a" : d < 40 ? "abz/a" : "Abz/Ab";
        CHECK_EQ(see(a, set, T0 + d * DAY), ROLL_SEEN);
        restart(b, T0 + d * DAY);
        CHECK_EQ(see(b, set, T0 + d * DAY), ROLL_SEEN);
        char one[300];
        snprintf(one, sizeof one, "%s", states(a));
        CHECK_STR(states(b), one);
    }
    CHECK_STR(states(a), "aR bV");
    end(a);
    end(b);
}

/* --- Many keys --- */

TEST(roll_many_keys)
{
    struct keys *k = begin("a");
    days(k, "abcdefghijklmnopz/a", 1, 1);
    CHECK_EQ(k->r.n, LIMIT_ROLL_KEYS);
    CHECK(!k->ret.full);
    days(k, "abcdefghijklmnopz/a", 2, 31);
    CHECK(k->ret.full && k->ret.alarm); /* eight may be trusted */
    CHECK_STR(states(k), "aV bV cV dV eV fV gV hV iP jP kP lP mP nP oP pP");
    restart(k, T0 + 31 * DAY);
    struct anchors *a = anchors_new();
    REQUIRE(a != NULL);
    CHECK_EQ(anchor_roll_ds(&k->r, a), ST_OK);
    CHECK_EQ(anchors_at(a, 0)->count, LIMIT_DS_TRIED);
    /* Keys that were taken out without being revoked make room, the longest missing first. */
    days(k, "acdefghiz/a", 32, 61);
    CHECK(k->ret.full);
    CHECK_STR(states(k), "aV bM cV dV eV fV gV hV iP");
    days(k, "acdefghiz/a", 62, 62);
    CHECK_STR(states(k), "aV cV dV eV fV gV hV iV");
    CHECK(!k->ret.full && event_met(k, ROLL_EVENT_ROOM));
    anchors_free(a);
    end(k);
}

/* Of two the one that has been missing longer; never one that is back. */
TEST(roll_room)
{
    struct keys *k = begin("abcdefgh");
    days(k, "abdefghz/a", 1, 9);
    days(k, "adefghz/a", 10, 19);
    days(k, "adefghiz/a", 20, 50);
    CHECK_STR(states(k), "aV bM dV eV fV gV hV iV");
    end(k);
    k = begin("a");
    k->ttl = 100 * DAY;
    days(k, "aiz/a", 1, 1);
    k->ttl = TTL;
    days(k, "abcdefghiz/a", 2, 32);
    CHECK_STR(states(k), "aV iP bV cV dV eV fV gV hV");
    days(k, "abdefghiz/a", 33, 100);
    CHECK_STR(states(k), "aV iP bV cM dV eV fV gV hV");
    days(k, "abcdefghiz/a", 101, 101);
    CHECK_STR(states(k), "aV iP bV cV dV eV fV gV hV");
    CHECK(k->ret.full);
    end(k);
}

TEST(roll_more_keys_than_places)
{
    struct keys *k = begin("abcdefgh");
    days(k, "Abcdefghz/Ab", 1, 1);
    days(k, "bcdefghz/b", 2, 40);
    CHECK_STR(states(k), "aX bV cV dV eV fV gV hV");
    days(k, "bcdefghijklmnopz/b", 41, 41);
    CHECK_EQ(k->r.n, 16);
    CHECK(!k->ret.full);
    days(k, "bcdefghijklmnopqz/b", 42, 42); /* the removed one makes room */
    CHECK_STR(states(k), "bV cV dV eV fV gV hV iP jP kP lP mP nP oP pP qP");
    CHECK_EQ(k->r.key[15].by, 1);
    days(k, "bcdefghijklmnopqrz/b", 43, 43);
    CHECK(k->ret.full && k->ret.alarm);
    restart(k, T0 + 43 * DAY);
    end(k);
}

TEST(roll_too_many_records)
{
    struct keys *k = begin("a");
    uint8_t buf[DNSKEY_RDATA_MAX];
    make_set(k, "az/a", T0 + DAY);
    while (k->set.set.count <= LIMIT_ZONE_KEYS)
        add_raw(&k->set, dnskey(k, 'z', buf));
    give_set(k, T0 + DAY);
    CHECK_EQ(k->ret.outcome, ROLL_MALFORMED);
    /* Signatures that all would have to be tried (KeyTrap, CVE-2023-50387). */
    struct test_set good;
    make_set(k, "az/a", T0 + DAY);
    good = k->sigs;
    k->sigs.rdata[k->sigs.set.rdata_size - 1] ^= 1;
    for (unsigned i = 1; i < LIMIT_KEYS_OF_A_TAG; i++) {
        struct bytes rd = test_set_first(&k->sigs);
        add_raw(&k->sigs, rd);
    }
    const uint8_t *first = good.rdata;
    add_raw(&k->sigs, rdata_next(&first));
    give_set(k, T0 + DAY);
    CHECK_EQ(k->ret.outcome, ROLL_TOO_MUCH);
    CHECK_EQ(k->r.checked_s, T0);
    end(k);
}

TEST(roll_configure_limits)
{
    struct keys *k = begin("abcdefgh");
    struct test_set ds;
    struct now now = {1, T0};
    test_set_make(&ds, "example.org.", RR_DS, 3600, "1 8 99 00112233");
    struct anchor_roll before = k->r;
    CHECK_EQ(anchor_roll_configure(&k->r, &ds.set, now, &k->ret), ST_OK);
    CHECK_EQ(k->r.n, 8);
    test_set_make(&ds, "example.org.", RR_DS, 3600,
                  "1 8 2 1111111111111111111111111111111111111111111111111111111111111111");
    CHECK_EQ(anchor_roll_configure(&k->r, &ds.set, now, &k->ret), ST_ELIMIT);
    CHECK(memcmp(&before, &k->r, sizeof before) == 0);
    end(k);
}

/* --- At random, against a plain account of what was seen --- */

TEST(roll_random)
{
    unsigned accepted = 0, revoked = 0;
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct keys *k = begin("a");
        struct prng p = {seed};
        uint64_t since[8] = {0}, t = T0;
        bool gone[8] = {false}, valid[8] = {true};
        for (unsigned step = 0; step < 60; step++) {
            char set[20], *q = set;
            t += HOUR + prng_below(&p, 4 * DAY);
            *q++ = 'a';
            for (unsigned i = 1; i < 8; i++) {
                bool there = since[i] != 0 ? prng_below(&p, 60) > 0 : prng_below(&p, 20) == 0;
                if (valid[i] && !gone[i] && prng_below(&p, 30) == 0) {
                    gone[i] = true;
                    revoked++;
                }
                if (there && !gone[i] && since[i] == 0)
                    since[i] = t;
                if (!there && !valid[i])
                    since[i] = 0;
                if (there && !valid[i] && !gone[i] && t - since[i] >= ROLL_HOLD_S) {
                    valid[i] = true;
                    accepted++;
                }
                if (there || gone[i])
                    *q++ = (char)((gone[i] ? 'A' : 'a') + (int)i);
            }
            *q = '\0';
            size_t n = strlen(set);
            set[n] = '/';
            set[n + 1] = 'a';
            set[n + 2] = '\0';
            for (unsigned i = 1, m = (unsigned)n + 2; i < 8; i++)
                if (gone[i]) {
                    set[m++] = (char)('A' + (int)i);
                    set[m] = '\0';
                }
            CHECK_EQ(see(k, set, t), ROLL_SEEN);
            for (unsigned i = 0; i < k->r.n; i++) {
                unsigned c = 0;
                while (c < 8 && tag_of(k, (char)('a' + (int)c)) != k->r.key[i].tag)
                    c++;
                REQUIRE(c < 8);
                bool is = k->r.key[i].state == ROLL_VALID || k->r.key[i].state == ROLL_MISSING;
                if (is != (valid[c] && !gone[c]))
                    test_fail(__FILE__, __LINE__, "seed %u step %u key %c: %s", seed, step,
                              'a' + (int)c, states(k));
            }
        }
        end(k);
    }
    CHECK(accepted > 50 && revoked > 10);
}
