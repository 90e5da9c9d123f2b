/* What a scenario expects, compared with what happened. */
#include "dns/print.h"
#include "dns/rdata.h"
#include "sim/player_state.h"

#include <stdio.h>

/* The answer, parsed into the player's arena; false (told) if there is none. */
static bool parsed(struct player *p, const struct step *s, struct msg *m)
{
    arena_reset(&p->arena);
    if (p->wire_n == 0) {
        player_differs(p, s, "there was no answer");
        return false;
    }
    enum status st = msg_parse(bytes_of(p->wire, p->wire_n), &p->arena, m);
    if (st != ST_OK)
        player_differs(p, s, "the answer cannot be parsed: %s", status_text(st));
    return st == ST_OK;
}

static bool same_record(const struct msg *m, const struct rr_view *v,
                        const struct scenario_rr *want)
{
    struct name owner;
    uint8_t rdata[65535];
    struct writer w = wr_of(rdata, sizeof rdata);
    return v->type == want->type && (want->any_ttl || v->ttl == want->ttl) &&
           msg_owner(m, v, &owner) == ST_OK && name_equal(owner.w, want->owner.w) &&
           rdata_from_wire(v->type, m->wire, v->rdata_off, v->rdata_len, &w) == ST_OK &&
           rdata_compare(v->type, wr_done(&w), bytes_of(want->rdata, want->rdata_n)) == 0;
}

/* What the section holds, for the message of a difference. */
static void section_words(const struct msg *m, unsigned section, struct text *t)
{
    static uint8_t rdata[65535];
    for (unsigned i = 0; i < m->rr_count; i++) {
        struct name owner;
        struct writer w = wr_of(rdata, sizeof rdata);
        const struct rr_view *v = &m->rr[i];
        if (v->section != section || msg_owner(m, v, &owner) != ST_OK ||
            rdata_from_wire(v->type, m->wire, v->rdata_off, v->rdata_len, &w) != ST_OK)
            continue;
        text_str(t, t->n ? "; " : "");
        rr_text(owner.w, v->ttl, v->rclass, v->type, wr_done(&w), t);
    }
    if (t->n == 0)
        text_str(t, "nothing");
}

static void check_record(struct player *p, const struct step *s, unsigned section)
{
    struct msg m;
    char buf[300];
    struct text t = text_of(buf, sizeof buf);
    if (!parsed(p, s, &m))
        return;
    for (unsigned i = 0; i < m.rr_count; i++)
        if (m.rr[i].section == section && s->rr != NULL && same_record(&m, &m.rr[i], s->rr)) {
            if (s->negate)
                player_differs(p, s, "this is in the section");
            return;
        }
    if (s->negate)
        return;
    if (s->none) {
        unsigned n = 0;
        for (unsigned i = 0; i < m.rr_count; i++)
            n += m.rr[i].section == section;
        if (n == 0)
            return;
    }
    section_words(&m, section, &t);
    player_differs(p, s, "this is not in the section, which has: %s", buf);
}

/* Signatures count only where they were asked for. */
static bool counts(const struct msg *m, const struct rr_view *v)
{
    return v->section == SECTION_ANSWER && (v->type != RR_RRSIG || m->q.type == RR_RRSIG);
}

/* A run of answer lines lists the whole section: the last of them counts. */
static void check_answer_count(struct player *p, const struct step *s)
{
    struct msg m;
    unsigned listed = 0, got = 0;
    size_t at = (size_t)(s - p->sc->step);
    if (s->none || (at + 1 < p->sc->step_count && p->sc->step[at + 1].kind == STEP_ANSWER))
        return;
    for (size_t i = at + 1; i-- > 0 && p->sc->step[i].kind == STEP_ANSWER;)
        listed++;
    if (p->wire_n == 0 || !parsed(p, s, &m))
        return;
    for (unsigned i = 0; i < m.rr_count; i++)
        got += counts(&m, &m.rr[i]);
    if (got != listed) {
        char buf[300];
        struct text t = text_of(buf, sizeof buf);
        section_words(&m, SECTION_ANSWER, &t);
        player_differs(p, s, "the answer has %u records, %u are listed: %s", got, listed, buf);
    }
}

static void check_number(struct player *p, const struct step *s, uint64_t got, const char *what)
{
    static const char *const words[] = {"exactly", "at most", "at least"};
    uint64_t want = (uint64_t)s->value;
    bool ok = s->compare == COMPARE_EQUAL     ? got == want
              : s->compare == COMPARE_AT_MOST ? got <= want
                                              : got >= want;
    if (!ok)
        player_differs(p, s, "%s: %llu, expected %s %llu", what, (unsigned long long)got,
                       words[s->compare], (unsigned long long)want);
}

static void check_flag(struct player *p, const struct step *s)
{
    static const struct {
        const char *word;
        uint16_t flag;
    } flags[] = {{"aa", MSG_AA}, {"tc", MSG_TC}, {"rd", MSG_RD},
                 {"ra", MSG_RA}, {"ad", MSG_AD}, {"cd", MSG_CD}};
    struct msg m;
    if (!parsed(p, s, &m))
        return;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (strcmp(flags[i].word, s->word) != 0)
            continue;
        if (!!(m.h.flags & flags[i].flag) == s->negate)
            player_differs(p, s, "flag %s is %s", s->word, s->negate ? "set" : "not set");
        return;
    }
    player_differs(p, s, "there is no flag %s", s->word);
}

static void check_reason(struct player *p, const struct step *s)
{
    char buf[300];
    struct text t = text_of(buf, sizeof buf);
    for (unsigned i = 0; i < WHY_COUNT; i++) {
        if (strcmp(reason_word((enum reason)i), s->word) == 0) {
            if (p->reason[i] != s->negate)
                return;
            for (unsigned k = 0; k < WHY_COUNT; k++)
                if (p->reason[k])
                    text_fmt(&t, " %s", reason_word((enum reason)k));
            player_differs(p, s, "reason %s %s the trace, which has:%s", s->word,
                           s->negate ? "stands in" : "is not in", buf);
            return;
        }
    }
    player_differs(p, s, "there is no reason \"%s\"", s->word);
}

static void check_rcode(struct player *p, const struct step *s)
{
    struct msg m;
    char a[24], b[24];
    if (s->none) {
        if (p->wire_n > 0)
            player_differs(p, s, "there was an answer");
        return;
    }
    if (parsed(p, s, &m) && msg_rcode(&m) != (unsigned)s->value)
        player_differs(p, s, "RCODE %s, expected %s", rcode_str(msg_rcode(&m), a),
                       rcode_str((unsigned)s->value, b));
}

static void check_ede(struct player *p, const struct step *s)
{
    struct msg m;
    if (!parsed(p, s, &m))
        return;
    char text[500];
    snprintf(text, sizeof text, "%.*s", m.edns.has_ede ? (int)m.edns.ede_text.n : 0,
             (const char *)m.edns.ede_text.p);
    if (m.edns.has_ede == s->none || (!s->none && m.edns.ede_code != (uint16_t)s->value))
        player_differs(p, s, "the Extended DNS Error is %d (%s), expected %lld",
                       m.edns.has_ede ? m.edns.ede_code : -1, text,
                       s->none ? -1 : (long long)s->value);
    else if (strstr(text, s->part) == NULL)
        player_differs(p, s, "the text of the Extended DNS Error is \"%s\"", text);
}

static void check_spent(struct player *p, const struct step *s)
{
    char what[100];
    enum budget_item item = scenario_budget(s->word);
    if (!p->traced || item == BUDGET_ITEMS) {
        player_differs(p, s, "what was spent is known only after trace");
        return;
    }
    snprintf(what, sizeof what, "%s spent", budget_words(item));
    check_number(p, s, p->spent.spent[item], what);
}

static void check_says(struct player *p, const struct step *s)
{
    if (!p->traced)
        player_differs(p, s, "words are known only after trace");
    else if ((strstr(text_cstr(&p->timeline), s->part) != NULL) == s->negate)
        player_differs(p, s, s->negate ? "the trace says that" : "the trace does not say that");
}

/* The type that a signature in a message covers; 0 if the record is none. */
static uint16_t covered(const struct msg *m, const struct rr_view *v)
{
    return v->type == RR_RRSIG && v->rdata_len > 18 ? get_be16(m->wire.p + v->rdata_off) : 0;
}

/* A record set in a section, and a signature over it of the same TTL (RFC 4034 section 3). */
static void check_set(struct player *p, const struct step *s, unsigned section)
{
    struct msg m;
    bool found = false;
    char buf[300];
    struct text t = text_of(buf, sizeof buf);
    if (!parsed(p, s, &m))
        return;
    for (unsigned i = 0; i < m.rr_count; i++) {
        struct name owner, by;
        if (m.rr[i].section != section || m.rr[i].type != s->type ||
            msg_owner(&m, &m.rr[i], &owner) != ST_OK ||
            (!s->any_name && !name_equal(owner.w, s->name.w)))
            continue;
        for (unsigned k = 0; k < m.rr_count; k++)
            found |= m.rr[k].section == section && covered(&m, &m.rr[k]) == s->type &&
                     m.rr[k].ttl == m.rr[i].ttl && msg_owner(&m, &m.rr[k], &by) == ST_OK &&
                     name_equal(owner.w, by.w);
    }
    if (found != s->negate)
        return;
    section_words(&m, section, &t);
    player_differs(p, s, "%s: the section has %s", s->negate ? "it is there" : "it is not there",
                   buf);
}

void player_check(struct player *p, const struct step *s)
{
    struct msg m;
    unsigned n = 0;
    switch (s->kind) {
    case STEP_EXPECT:
        check_rcode(p, s);
        break;
    case STEP_ANSWER:
        check_record(p, s, SECTION_ANSWER);
        check_answer_count(p, s);
        break;
    case STEP_RECORDS:
        if (!parsed(p, s, &m))
            break;
        for (unsigned i = 0; i < m.rr_count; i++)
            n += counts(&m, &m.rr[i]);
        check_number(p, s, n, "records in the answer");
        break;
    case STEP_AUTHORITY:
        check_record(p, s, SECTION_AUTHORITY);
        break;
    case STEP_ADDITIONAL:
        check_record(p, s, SECTION_ADDITIONAL);
        break;
    case STEP_FLAGS:
        check_flag(p, s);
        break;
    case STEP_SENT:
        check_number(p, s, p->sent, "upstream packets");
        break;
    case STEP_SENT_TCP:
        check_number(p, s, p->sent_tcp, "upstream queries over TCP");
        break;
    case STEP_SENT_TO:
        for (unsigned i = 0; i < p->internet.host_count; i++)
            if (name_equal(p->internet.host[i].name.w, s->server.w))
                n = p->sent_to[i];
        check_number(p, s, n, "packets to the server");
        break;
    case STEP_ANSWERS:
        check_number(p, s, p->answers, "answers");
        break;
    case STEP_TOOK:
        check_number(p, s, p->took_us, "microseconds until the answer");
        break;
    case STEP_REASON:
        check_reason(p, s);
        break;
    case STEP_EDE:
        check_ede(p, s);
        break;
    case STEP_SPENT:
        check_spent(p, s);
        break;
    case STEP_SAYS:
        check_says(p, s);
        break;
    case STEP_HOSTILE:
        player_cost(p, s);
        break;
    case STEP_SIGNATURE:
        check_set(p, s, SECTION_ANSWER);
        break;
    case STEP_PROOF:
        check_set(p, s, SECTION_AUTHORITY);
        break;
    default:
        break;
    }
}
