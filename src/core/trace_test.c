#include "base/test.h"
#include "core/trace_render.h"
#include "dns/codes.h"
#include "dns/rr_type.h"

static struct now at(uint64_t us)
{
    return (struct now){.mono_us = 1000000 + us, .wall_s = 1700000000};
}

static void sample(struct trace *t, bool armed, struct name *www, struct name *org)
{
    struct netaddr root = netaddr_v4((const uint8_t[]){198, 41, 0, 4}, 53);
    trace_init(t, at(0), armed);
    trace_add(t, at(0), WHY_QUERY_BEGIN, 0, 0,
              &(struct trace_detail){.name = www->w, .type = RR_A});
    trace_add(
        t, at(100), WHY_SEND_UDP, 0, 0,
        &(struct trace_detail){.name = www->w, .type = RR_A, .zone = name_root, .address = root});
    trace_add(t, at(12300), WHY_REPLY_REFERRAL, 0, 0,
              &(struct trace_detail){
                  .zone = org->w, .address = root, .rtt_us = 12200, .text = "6 servers; x"});
}

TEST(trace_timeline_reads)
{
    struct trace t;
    struct name www, org;
    REQUIRE(name_from("www.example.org", &www) == ST_OK && name_from("org", &org) == ST_OK);
    sample(&t, true, &www, &org);
    trace_add(&t, at(15000), WHY_ANSWERED, 0, 0,
              &(struct trace_detail){.value = 1, .text = "192.0.2.1"});
    t.total_us = 15000;
    CHECK(budget_take(&t.spent, BUDGET_PACKETS, 2));
    struct text out = text_heap(100000);
    trace_timeline(&t, false, &out);
    CHECK_STR(text_cstr(&out),
              "     0.0 ms      the client asks for www.example.org. A\n"
              "     0.1 ms  --> ask 198.41.0.4 over UDP: www.example.org. A\n"
              "    12.3 ms  <-- 198.41.0.4 refers to the servers of org.: 6 servers; x (12.2 ms)\n"
              "    15.0 ms  === the answer: 192.0.2.1\n"
              "result: NOERROR in 15.0 ms; spent: 2 of 100 upstream packets\n");
    text_clear(&out);
    trace_mermaid(&t, &out);
    CHECK(strstr(text_cstr(&out), "    R->>S0: ask 198.41.0.4") != NULL);
    CHECK(strstr(text_cstr(&out), "6 servers, x") != NULL);
    text_clear(&out);
    trace_explain(&t, &out);
    CHECK_STR(text_cstr(&out),
              "www.example.org. A has the answer 192.0.2.1. It took 1 upstream query and 15.0 "
              "ms. Nothing is wrong.\n");
    text_free(&out);
    trace_free(&t);
}

TEST(explain_names_the_party_at_fault)
{
    struct trace t;
    struct name www, org;
    REQUIRE(name_from("www.example.org", &www) == ST_OK && name_from("org", &org) == ST_OK);
    sample(&t, true, &www, &org);
    struct netaddr a = netaddr_v4((const uint8_t[]){192, 0, 2, 53}, 53);
    trace_add(&t, at(20000), WHY_REPLY_LAME, 0, 0,
              &(struct trace_detail){.zone = org.w, .address = a});
    trace_add(&t, at(21000), WHY_SERVERS_FAILED, 0, 0, &(struct trace_detail){.zone = org.w});
    t.rcode = RCODE_SERVFAIL;
    struct text out = text_heap(100000);
    trace_explain(&t, &out);
    CHECK(strstr(text_cstr(&out), "could not be answered (SERVFAIL)") != NULL);
    CHECK(strstr(text_cstr(&out), "does not serve it (lame; it answers ") != NULL);
    CHECK(strstr(text_cstr(&out), "for the operator of org. to mend") != NULL);
    text_clear(&out);
    struct json j = json_of(&out, false);
    trace_json(&t, &j);
    CHECK(strstr(text_cstr(&out), "\"explanation\"") != NULL);
    const char *trouble = strstr(text_cstr(&out), "\"trouble\"");
    CHECK(trouble != NULL && strstr(trouble, "\"reply-lame\"") != NULL);
    text_free(&out);
    trace_free(&t);
}

/* Port 53 closed or intercepted: no operator of a root server can help. */
TEST(explain_does_not_blame_the_root)
{
    struct trace t;
    struct name www, org;
    REQUIRE(name_from("www.example.org", &www) == ST_OK && name_from("org", &org) == ST_OK);
    sample(&t, true, &www, &org);
    struct netaddr a = netaddr_v4((const uint8_t[]){198, 41, 0, 4}, 53);
    trace_add(&t, at(20000), WHY_TIMEOUT, 0, 0,
              &(struct trace_detail){.zone = name_root, .address = a});
    trace_add(&t, at(21000), WHY_SERVERS_FAILED, 0, 0, &(struct trace_detail){.zone = name_root});
    t.rcode = RCODE_SERVFAIL;
    struct text out = text_heap(100000);
    trace_explain(&t, &out);
    CHECK(strstr(text_cstr(&out), "no root server gave a usable answer") != NULL);
    CHECK(strstr(text_cstr(&out), "198.41.0.4") != NULL);
    CHECK(strstr(text_cstr(&out), "This is for whoever runs the network") != NULL);
    CHECK(strstr(text_cstr(&out), "for the operator") == NULL);
    text_free(&out);
    trace_free(&t);
}

TEST(unarmed_trace_keeps_the_last_events)
{
    struct trace t;
    trace_init(&t, at(0), false);
    for (unsigned i = 0; i < 100; i++)
        trace_add(&t, at(i), i == 99 ? WHY_TIMEOUT : WHY_RETRY, 0, 0,
                  &(struct trace_detail){.value = i});
    uint32_t i = 0, n = 0, last = 0;
    for (const struct trace_event *e; (e = trace_next(&t, &i)) != NULL; n++)
        last = e->value;
    CHECK_EQ(n, LIMIT_TRACE_RING);
    CHECK_EQ(last, 99);
    REQUIRE(trace_culprit(&t) != NULL);
    CHECK_EQ(trace_culprit(&t)->reason, WHY_TIMEOUT);
    trace_free(&t);
}

TEST(armed_trace_is_bounded)
{
    struct trace t;
    struct name n;
    REQUIRE(name_from("a.very.long.name.that.takes.room.example.", &n) == ST_OK);
    trace_init(&t, at(0), true);
    for (unsigned i = 0; i < 10000; i++)
        trace_add(&t, at(i), WHY_RETRY, 0, 0,
                  &(struct trace_detail){.name = n.w, .text = "some words"});
    CHECK(t.cut);
    CHECK_EQ(t.n, LIMIT_TRACE_EVENTS);
    CHECK(t.arena.total <= LIMIT_TRACE_BYTES);
    trace_free(&t);
}

TEST(budget_never_passes_its_limit)
{
    struct budget b = {0};
    uint32_t limit = budget_limit(BUDGET_PACKETS);
    CHECK(budget_take(&b, BUDGET_PACKETS, limit - 1));
    CHECK(!budget_take(&b, BUDGET_PACKETS, 2));
    CHECK_EQ(b.exhausted, 1 + BUDGET_PACKETS);
    CHECK(budget_take(&b, BUDGET_PACKETS, 1));
    CHECK(!budget_take(&b, BUDGET_PACKETS, 1));
    CHECK(!budget_take(&b, BUDGET_BYTES, UINT32_MAX));
    CHECK_EQ(b.spent[BUDGET_PACKETS], limit);
}

TEST(every_reason_is_whole)
{
    for (int r = 0; r < WHY_COUNT; r++) {
        CHECK(reason_word((enum reason)r)[0] != '\0');
        CHECK(reason_sentence((enum reason)r)[0] != '\0');
        for (int k = 0; k < r; k++)
            CHECK(strcmp(reason_word((enum reason)r), reason_word((enum reason)k)) != 0);
    }
}

/* The last words may be a name, which ends in a dot itself. */
TEST(explain_ends_sentences_once)
{
    struct trace t;
    struct name www, org;
    struct text out = text_heap(100000);
    REQUIRE(name_from("www.example.org", &www) == ST_OK && name_from("org", &org) == ST_OK);
    sample(&t, true, &www, &org);
    trace_add(&t, at(14000), WHY_SECURE, 0, 0,
              &(struct trace_detail){.name = www.w, .type = RR_A, .text = "proved by org."});
    trace_add(&t, at(15000), WHY_ANSWERED, 0, 0,
              &(struct trace_detail){.value = 1, .text = "192.0.2.1"});
    trace_explain(&t, &out);
    CHECK(strstr(text_cstr(&out), "proved by org. Nothing is wrong.") != NULL);
    text_free(&out);
    trace_free(&t);
}
