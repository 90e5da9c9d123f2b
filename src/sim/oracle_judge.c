/* Comparing a response with what the oracle knows. */
#include "dns/print.h"
#include "dns/rdata.h"
#include "sim/oracle.h"

static const char *const end_words[] = {"an answer", "NODATA",        "NXDOMAIN",
                                        "YXDOMAIN",  "an alias loop", "a broken delegation"};

static bool same_rdata(const struct rrset *a, const struct rrset *b)
{
    if (a->count != b->count)
        return false;
    struct rdata_iter ia = rdata_iter(a);
    for (struct bytes ra; rdata_iter_next(&ia, &ra);) {
        struct rdata_iter ib = rdata_iter(b);
        bool found = false;
        for (struct bytes rb; !found && rdata_iter_next(&ib, &rb);)
            found = rdata_compare(a->type, ra, rb) == 0;
        if (!found)
            return false;
    }
    return true;
}

/* The most TTL that a resolver may still give for data that was right until `until_us`. */
static uint64_t ttl_allowed(uint32_t ttl_s, uint64_t until_us, uint64_t now_us)
{
    if (until_us == UINT64_MAX || now_us <= until_us)
        return ttl_s;
    uint64_t gone = (now_us - until_us) / 1000000;
    return gone > ttl_s ? 0 : ttl_s - gone;
}

static bool judge_set(const struct oracle_case *c, const struct oracle_set *want,
                      const struct msg *m, struct arena *a, struct text *why)
{
    struct rrset got;
    char type[24];
    if (msg_rrset(m, a, SECTION_ANSWER, want->set.owner, want->set.type, &got) != ST_OK) {
        text_str(why, "missing from the answer: ");
        rrset_text(&want->set, why);
        return false;
    }
    if (!same_rdata(&want->set, &got)) {
        text_fmt(why, "wrong data of %s: expected ", rr_type_str(want->set.type, type));
        rrset_text(&want->set, why);
        text_str(why, " but got ");
        rrset_text(&got, why);
        return false;
    }
    uint64_t allowed = ttl_allowed(want->set.ttl, want->until_us, c->now_us);
    if (got.ttl > allowed || (want->until_us < c->now_us && allowed == 0)) {
        text_fmt(why, "TTL %u of %s is above the %llu allowed", got.ttl,
                 rr_type_str(want->set.type, type), (unsigned long long)allowed);
        return false;
    }
    return true;
}

/* The SOA that every negative answer carries (RFC 2308 section 3). */
static bool judge_negative(const struct oracle_case *c, const struct oracle_answer *want,
                           const struct msg *m, struct arena *a, struct text *why)
{
    struct rrset soa;
    char buf[NAME_TEXT_MAX];
    if (msg_rrset(m, a, SECTION_AUTHORITY, want->soa.w, RR_SOA, &soa) != ST_OK) {
        text_fmt(why, "no SOA of %s with the negative answer", name_str(want->soa.w, buf));
        return false;
    }
    uint64_t allowed = ttl_allowed(want->negative_ttl_s, want->negative_until_us, c->now_us);
    if (soa.ttl > allowed) {
        text_fmt(why, "negative TTL %u is above the %llu allowed", soa.ttl,
                 (unsigned long long)allowed);
        return false;
    }
    return true;
}

static unsigned answer_records(const struct msg *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < m->rr_count; i++)
        n += m->rr[i].section == SECTION_ANSWER && m->rr[i].type != RR_RRSIG;
    return n;
}

static bool judge_one(const struct oracle_case *c, const struct oracle_answer *want,
                      const struct msg *m, struct arena *a, struct text *why)
{
    static const unsigned rcodes[] = {RCODE_NOERROR, RCODE_NOERROR, RCODE_NXDOMAIN, RCODE_YXDOMAIN};
    char buf[24];
    if (want->end > END_YXDOMAIN || msg_rcode(m) != rcodes[want->end]) {
        text_fmt(why, "expected %s, got %s", end_words[want->end], rcode_str(msg_rcode(m), buf));
        return false;
    }
    unsigned records = 0;
    for (unsigned i = 0; i < want->set_count; i++) {
        if (!judge_set(c, &want->set[i], m, a, why))
            return false;
        records += want->set[i].set.count;
    }
    if (answer_records(m) != records) {
        text_fmt(why, "%u records in the answer, expected %u", answer_records(m), records);
        return false;
    }
    if (want->end == END_NODATA || want->end == END_NXDOMAIN)
        return judge_negative(c, want, m, a, why);
    return true;
}

static bool judge_header(const struct oracle_case *c, const struct msg *m, struct text *why)
{
    if (!(m->h.flags & MSG_QR) || !(m->h.flags & MSG_RA) || !m->has_question ||
        !name_equal(m->q.name.w, c->qname) || m->q.type != c->qtype || m->trailing > 0) {
        text_str(why, "the header or the question of the response is wrong");
        return false;
    }
    if (m->h.flags & MSG_AA) {
        text_str(why, "a recursive answer claims authority (AA)");
        return false;
    }
    return true;
}

bool oracle_judge(struct oracle *o, const struct oracle_case *c, const struct msg *m,
                  struct arena *a, bool *ret_excused, struct text *why)
{
    bool suspect = c->lossy;
    *ret_excused = false;
    if (!judge_header(c, m, why))
        return false;
    for (unsigned age = 0; age < 2; age++) {
        struct oracle_answer want;
        oracle_ask(o, c->qname, c->qtype, age, a, &want);
        char other_words[200]; /* what the newest version says is told, not the one before */
        struct text other = text_of(other_words, sizeof other_words);
        if (msg_rcode(m) != RCODE_SERVFAIL && judge_one(c, &want, m, a, age == 0 ? why : &other))
            return true;
        suspect |= want.suspect || want.end == END_LOOP || want.end == END_BROKEN;
    }
    if (msg_rcode(m) == RCODE_SERVFAIL && suspect) {
        *ret_excused = true;
        return true;
    }
    if (msg_rcode(m) == RCODE_SERVFAIL)
        text_clear(why), text_str(why, "SERVFAIL, but no fault stands on the path");
    return false;
}
