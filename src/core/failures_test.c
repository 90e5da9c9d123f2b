#include "core/failures.h"

#include "base/test.h"
#include "core/latency.h"
#include "core/trace_render.h"
#include "dns/codes.h"
#include "dns/rr_type.h"

#include <stdio.h>

static const struct hash_key key = {1, 2};
static const struct now start = {.mono_us = 5000000, .wall_s = 1700000000};

static struct incident_news news(struct name *n, const char *text, enum reason why)
{
    CHECK(name_from(text, n) == ST_OK);
    return (struct incident_news){.name = n->w,
                                  .type = RR_A,
                                  .rcode = RCODE_SERVFAIL,
                                  .why = (uint16_t)why,
                                  .ede = (int16_t)reason_ede(why),
                                  .took_us = 1500,
                                  .client = netaddr_v4((const uint8_t[]){192, 0, 2, 77}, 4000)};
}

TEST(failures_are_counted_and_the_oldest_go)
{
    struct failures *f = failures_new(&key);
    struct incident_list l = {.n = 0};
    struct incident_filter all = {.last = 3};
    struct name n;
    REQUIRE(f != NULL);
    for (int i = 0; i < LIMIT_FAILURES + 10; i++) {
        char text[32];
        snprintf(text, sizeof text, "n%d.example", i);
        struct incident_news w = news(&n, text, WHY_TIMEOUT);
        failures_add(f, &w, (struct now){.wall_s = start.wall_s + (unsigned)i});
    }
    struct incident_news again = news(&n, "N1009.Example", WHY_CACHE_FAILURE);
    failures_add(f, &again, (struct now){.wall_s = start.wall_s + 5000});
    REQUIRE(failures_read(f, &all, &l));
    CHECK_EQ(l.n, LIMIT_FAILURES);
    incidents_sort(&l, &all, false);
    REQUIRE(l.n == 3);
    CHECK_EQ(l.v[0].count, 2);
    CHECK_EQ(l.v[0].what->why, WHY_TIMEOUT);
    CHECK_EQ(l.v[0].client.addr.a[3], 0); /* its network, not the client */
    CHECK_EQ(l.v[0].client.bits, 24);
    CHECK_EQ(l.v[1].last_s, start.wall_s + 1008);
    struct incident *kept = incident_keep(l.v[1].what);
    incidents_free(&l);
    struct incident_filter name = {.name = again.name};
    REQUIRE(failures_read(f, &name, &l));
    CHECK_EQ(l.n, 1);
    incidents_free(&l);
    REQUIRE(name_from("example", &n) == ST_OK);
    struct incident_filter below = {.name = n.w, .below = true, .reason = "time"},
                           none = {.name = n.w, .below = true, .reason = "dnssec"};
    REQUIRE(failures_read(f, &below, &l) && failures_read(f, &none, &l));
    CHECK_EQ(l.n, LIMIT_FAILURES);
    incidents_free(&l);
    failures_free(f);
    CHECK_EQ(kept->type, RR_A); /* a reader has it still */
    incident_drop(kept);
}

TEST(a_failure_is_explained_afterwards)
{
    struct failures *f = failures_new(&key);
    struct incident_list l = {.n = 0};
    struct trace t;
    struct name n, zone;
    REQUIRE(f != NULL && name_from("broken.example", &zone) == ST_OK);
    struct incident_news w = news(&n, "www.broken.example", WHY_REPLY_LAME);
    struct upstream_waits waits = {.n = 0};
    struct netaddr server = netaddr_v4((const uint8_t[]){192, 0, 2, 1}, 53);
    struct trace_detail d = {.zone = zone.w, .address = server, .rcode = RCODE_REFUSED};
    trace_init(&t, start, false);
    for (int i = 0; i < 3 * LIMIT_TRACE_RING; i++)
        trace_add(&t, start, WHY_SEND_UDP, 0, 0, &d); /* no trouble: nothing is kept of it */
    trace_add(&t, start, WHY_REPLY_LAME, 0, 0, &d);
    waits_add(&waits, &server, 1400, false);
    waits_add(&waits, &server, 100, true);
    w.trace = &t;
    w.waits = &waits;
    failures_add(f, &w, start);
    trace_free(&t);
    REQUIRE(failures_read(f, &(struct incident_filter){.last = 0}, &l) && l.n == 1);
    CHECK_EQ(l.v[0].what->steps, 1);
    struct text out = text_heap(1 << 16);
    failures_paragraphs(&l, &out);
    CHECK_STR(
        text_cstr(&out),
        "www.broken.example. A could not be answered (SERVFAIL). The reason: 192.0.2.1 is listed "
        "as a server of broken.example., but does not serve it (lame; it answers REFUSED). This is "
        "for the operator "
        "of broken.example. to mend. Either the server at 192.0.2.1 must be configured to serve "
        "broken.example., or it must be taken out of the zone's NS records (here and at the "
        "parent).\n  Last at 2023-11-14T22:13:20Z for a client in 192.0.2.0/24; the answer was "
        "given after 1.5 ms, waiting for 192.0.2.1 1.5 ms (2 asked, 1 without reply).\n");
    text_clear(&out);
    failures_table(&l, &out);
    CHECK(strstr(text_cstr(&out), "reply-lame: 192.0.2.1 is listed") != NULL);
    text_clear(&out);
    struct json j = json_of(&out, false);
    incidents_json(&l, &j);
    CHECK(strstr(text_cstr(&out), "\"ede\":22") != NULL);
    CHECK(strstr(text_cstr(&out), "\"without_reply\":1") != NULL);
    text_free(&out);
    incidents_free(&l);
    failures_free(f);
}

TEST(all_servers_at_fault_are_named)
{
    struct trace t;
    struct name zone, www;
    struct netaddr a = netaddr_v4((const uint8_t[]){192, 0, 2, 1}, 53),
                   b = netaddr_v4((const uint8_t[]){192, 0, 2, 2}, 53);
    REQUIRE(name_from("gone.example", &zone) == ST_OK &&
            name_from("www.gone.example", &www) == ST_OK);
    struct trace_detail q = {.name = www.w, .type = RR_A},
                        x = {.zone = zone.w, .address = a, .value = 376},
                        y = {.zone = zone.w, .address = b, .value = 752};
    trace_init(&t, start, true);
    trace_add(&t, start, WHY_QUERY_BEGIN, 0, 0, &q);
    trace_add(&t, start, WHY_TIMEOUT, 0, 0, &x);
    trace_add(&t, start, WHY_TIMEOUT, 0, 0, &x);
    trace_add(&t, start, WHY_TIMEOUT, 0, 0, &y);
    t.rcode = RCODE_SERVFAIL;
    struct text out = text_heap(1 << 16);
    trace_explain(&t, &out);
    CHECK(strstr(text_cstr(&out),
                 "The reason: no reply from 192.0.2.2, a server of gone.example., within 752 ms. "
                 "The other "
                 "servers of gone.example. did no better: no reply from "
                 "192.0.2.1, a server of gone.example., within 376 ms. This is for") != NULL);
    text_free(&out);
    trace_free(&t);
}

/* What happens again with other words is told as it is now; out of the cache it comes without. */
TEST(a_failure_that_changes_is_told_anew)
{
    static const char *const words[] = {"old", "new", "out of the cache"};
    struct failures *f = failures_new(&key);
    struct upstream_waits waits = {.n = 0};
    struct incident_list l = {.n = 0};
    struct name n;
    REQUIRE(f != NULL);
    struct incident_news w = news(&n, "x.example", WHY_REPLY_RCODE);
    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        struct trace t;
        trace_init(&t, start, false);
        trace_add(&t, start, WHY_REPLY_RCODE, 0, 0, &(struct trace_detail){.text = words[i]});
        w.trace = &t;
        w.waits = i < 2 ? &waits : NULL;
        failures_add(f, &w, start);
        trace_free(&t);
    }
    REQUIRE(failures_read(f, &(struct incident_filter){.last = 0}, &l) && l.n == 1);
    CHECK(l.v[0].count == 3 && l.v[0].what->steps == 1);
    CHECK_STR(l.v[0].what->step[0].detail.text, "new");
    incidents_free(&l);
    failures_free(f);
}

TEST(failures_of_several_workers_are_joined)
{
    struct failures *f[2] = {failures_new(&key), failures_new(&key)};
    struct incident_filter all = {.last = 0};
    struct incident_list l = {.n = 0};
    struct name n;
    REQUIRE(f[0] != NULL && f[1] != NULL);
    struct incident_news w = news(&n, "x.example", WHY_TIMEOUT);
    failures_add(f[0], &w, start);
    w.why = WHY_CACHE_FAILURE;
    failures_add(f[1], &w, (struct now){.wall_s = start.wall_s + 2});
    w.type = RR_MX;
    failures_add(f[1], &w, start);
    REQUIRE(failures_read(f[1], &all, &l) && failures_read(f[0], &all, &l) && l.n == 3);
    incidents_sort(&l, &all, false);
    REQUIRE(l.n == 2);
    CHECK(l.v[0].what->why == WHY_TIMEOUT && l.v[0].count == 2);
    CHECK(l.v[0].first_s == start.wall_s && l.v[0].last_s == start.wall_s + 2);
    CHECK(l.v[1].what->type == RR_MX && l.v[1].count == 1);
    incidents_free(&l);
    failures_free(f[0]);
    failures_free(f[1]);
}

TEST(an_incident_has_bounds)
{
    struct failures *f = failures_new(&key);
    struct incident_list l = {.n = 0};
    struct trace t;
    struct name n;
    char words[400];
    REQUIRE(f != NULL);
    struct incident_news w = news(&n, "x.example", WHY_TIMEOUT);
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    trace_init(&t, start, false);
    for (unsigned i = 0; i < 200; i++)
        trace_add(&t, start, WHY_REPLY_MALFORMED, 0, 0,
                  &(struct trace_detail){.text = words, .value = i});
    CHECK(t.arena.total <= LIMIT_TRACE_TROUBLE_BYTES);
    CHECK_EQ(t.n, LIMIT_TRACE_TROUBLES);
    w.trace = &t;
    failures_add(f, &w, start);
    trace_free(&t);
    REQUIRE(failures_read(f, &(struct incident_filter){.last = 0}, &l) && l.n == 1);
    CHECK(l.v[0].what->steps <= LIMIT_INCIDENT_BYTES / 100);
    incidents_free(&l);
    failures_free(f);
}

TEST(slow_answers_are_the_slowest)
{
    struct slow_answers *s = slow_new();
    struct incident_list l = {.n = 0};
    struct name n;
    struct now now = start;
    REQUIRE(s != NULL);
    for (uint32_t i = 0; i < 4 * LIMIT_SLOW_ANSWERS; i++) {
        struct incident_news w = news(&n, "slow.example", WHY_ANSWERED);
        w.took_us = (i * 7919 % 1000 + 1) * 1000;
        if (slow_wants(s, w.took_us, now))
            slow_add(s, &w, now);
    }
    struct incident_filter want = {.last = 10, .hour = true};
    REQUIRE(slow_read(s, &want, now, &l));
    CHECK_EQ(l.n, LIMIT_SLOW_ANSWERS);
    incidents_sort(&l, &want, true);
    REQUIRE(l.n == 10);
    for (size_t i = 1; i < l.n; i++)
        CHECK(l.v[i - 1].what->took_us >= l.v[i].what->took_us);
    CHECK(!slow_wants(s, 1000, now));
    incidents_free(&l);
    now.wall_s += 3700; /* an hour later they are only among those since the start */
    REQUIRE(slow_read(s, &want, now, &l));
    CHECK_EQ(l.n, 0);
    want.hour = false;
    want.over_ms = 1001;
    REQUIRE(slow_read(s, &want, now, &l) && l.n == 0);
    want.over_ms = 0;
    REQUIRE(slow_read(s, &want, now, &l) && l.n == LIMIT_SLOW_ANSWERS);
    CHECK(slow_wants(s, 1000, now)); /* a new quarter */
    incidents_free(&l);
    slow_free(s);
}

TEST(latency_percentiles)
{
    struct latency l = {{0}};
    CHECK_EQ(latency_within(&l, 0, 500000), 0);
    latency_count(&l, 10000, 90);
    latency_count(&l, 800000, 10);
    CHECK(latency_within(&l, 0, 500000) >= 10000 && latency_within(&l, 0, 500000) < 11250);
    CHECK(latency_within(&l, 0, 990000) >= 800000 && latency_within(&l, 0, 990000) < 900000);
    CHECK_EQ(latency_within(&l, 900, 500000), 0); /* most were there at once */
    for (uint64_t us = 0; us < 30000000; us += us / 3 + 1) {
        struct latency one = {{0}};
        latency_count(&one, (uint32_t)us, 1);
        uint64_t got = latency_within(&one, 0, 500000);
        CHECK(got >= us && got <= us + us / 8);
    }
}
