#include "sim/scenario.h"

#include "dns/msg.h"
#include "dns/rdata.h"
#include "sim/lines.h"
#include "sim/scenario_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const char *const step_words[] = {
#define STEP(name, word, help) word,
#include "sim/steps.def"
#undef STEP
};

enum budget_item scenario_budget(const char *word)
{
    static const char *const words[] = {
#define BUDGET(name, limit, words) #name,
        BUDGET_TABLE(BUDGET)
#undef BUDGET
    };
    unsigned i = 0;
    while (i < BUDGET_ITEMS && strcasecmp(words[i], word) != 0)
        i++;
    return (enum budget_item)i;
}

enum status scn_error(struct parse *p, const char *fmt, ...)
{
    char what[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    diag_set(p->d, SEV_ERROR, "scenario", NULL, "%s", what);
    p->d->file = p->file;
    p->d->line = p->line;
    p->d->column = 1;
    size_t n = MIN(p->whole.n, sizeof p->d->source - 1);
    for (size_t i = 0; i < n; i++)
        p->d->source[i] =
            (char)(p->whole.p[i] < 0x20 || p->whole.p[i] == 0x7f ? ' ' : p->whole.p[i]);
    p->d->source[n] = '\0';
    return ST_ESYNTAX;
}

enum status scn_name(struct parse *p, struct bytes *line, const uint8_t *origin, struct name *ret)
{
    struct bytes w;
    if (!word_next(line, &w))
        return scn_error(p, "a name is missing");
    if (name_parse(w, origin, ret) != ST_OK)
        return scn_error(p, "not a domain name");
    return ST_OK;
}

enum status scn_type(struct parse *p, struct bytes *line, uint16_t *ret)
{
    struct bytes w;
    if (!word_next(line, &w) || !rr_type_parse(w, ret))
        return scn_error(p, "an RR type is expected");
    return ST_OK;
}

enum status scn_rr(struct parse *p, struct bytes *line, struct scenario_rr **ret)
{
    struct bytes w;
    uint64_t ttl = 0;
    struct scenario_rr *rr = arena_zalloc(&p->sc->arena, sizeof *rr);
    struct diag d = {0};
    if (rr == NULL)
        return ST_ENOMEM;
    *ret = rr;
    TRY(scn_name(p, line, NULL, &rr->owner));
    if (!word_next(line, &w) || (!word_is(w, "*") && !word_uint(w, UINT32_MAX, &ttl)))
        return scn_error(p, "a TTL (or *) is expected after the owner name");
    rr->any_ttl = word_is(w, "*");
    rr->ttl = (uint32_t)ttl;
    TRY(scn_type(p, line, &rr->type));
    struct writer wr = wr_of(rr->rdata, sizeof rr->rdata);
    if (rdata_parse_line(rr->type, line_rest(*line), NULL, &wr, &d) != ST_OK)
        return scn_error(p, "the record's data: %s", d.message);
    rr->rdata_n = (uint16_t)wr_len(&wr);
    *line = (struct bytes){0};
    return ST_OK;
}

enum status scn_end(struct parse *p, struct bytes line)
{
    line = line_rest(line);
    if (line.n > 0)
        return scn_error(p, "\"%.*s\" is not expected here", (int)MIN(line.n, 60u),
                         (const char *)line.p);
    return ST_OK;
}

enum status scn_time(struct parse *p, struct bytes *line, int64_t *ret_us)
{
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000}, {"min", 60000000}, {"h", 3600000000}};
    struct bytes w;
    uint64_t v;
    bool minus;
    if (!word_next(line, &w))
        return scn_error(p, "a time is missing");
    minus = w.n > 0 && w.p[0] == '-';
    if (w.n > 0 && (w.p[0] == '-' || w.p[0] == '+'))
        w = bytes_of(w.p + 1, w.n - 1);
    if (!word_uint(w, 1000000000, &v) || !word_next(line, &w))
        return scn_error(p, "write a time as 90 s");
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (word_is(w, units[i].unit)) {
            if ((int64_t)v > (int64_t)400 * 86400 * 1000000 / units[i].us)
                return scn_error(p, "longer than a year");
            *ret_us = (minus ? -1 : 1) * (int64_t)v * units[i].us;
            return ST_OK;
        }
    }
    return scn_error(p, "a unit of time is us, ms, s, min or h");
}

/* "3", "<= 10", ">= 1"; a time where is_time. */
static enum status parse_number(struct parse *p, struct bytes *line, struct step *s, bool is_time)
{
    struct bytes peek = *line, w;
    uint64_t v;
    if (!word_next(&peek, &w))
        return scn_error(p, "a number is missing");
    if (word_is(w, "<=") || word_is(w, ">=")) {
        s->compare = w.p[0] == '<' ? COMPARE_AT_MOST : COMPARE_AT_LEAST;
        *line = peek;
    }
    if (is_time)
        return scn_time(p, line, &s->value);
    if (!word_next(line, &w) || !word_uint(w, 1000000, &v))
        return scn_error(p, "a number is expected");
    s->value = (int64_t)v;
    return ST_OK;
}

enum status scn_word(struct parse *p, struct bytes *line, char *ret, size_t cap)
{
    struct bytes w;
    if (!word_next(line, &w) || w.n >= cap)
        return scn_error(p, "a word is missing (or too long)");
    memcpy(ret, w.p, w.n);
    ret[w.n] = '\0';
    return ST_OK;
}

static enum status parse_ask(struct parse *p, struct bytes *line, struct step *s)
{
    struct bytes peek = *line, w;
    s->value = 1;
    if (word_next(&peek, &w) && w.n > 1 && w.p[0] == '@') {
        if (name_parse(bytes_of(w.p + 1, w.n - 1), NULL, &s->server) != ST_OK)
            return scn_error(p, "not a server's name after @");
        s->direct = true;
        *line = peek;
    }
    TRY(scn_name(p, line, NULL, &s->name));
    TRY(scn_type(p, line, &s->type));
    while (word_next(line, &w)) {
        if (word_is(w, "tcp"))
            s->tcp = true;
        else if (word_is(w, "no-edns"))
            s->no_edns = true;
        else if (word_is(w, "do"))
            s->dnssec_ok = true;
        else if (word_is(w, "no-rd"))
            s->no_rd = true;
        else if (word_is(w, "cd"))
            s->cd = true;
        else if (word_is(w, "ad"))
            s->ad = true;
        else if (word_is(w, "cold"))
            s->cold = true;
        else if (word_is(w, "numbered"))
            s->numbered = true;
        else if (word_is(w, "mixed"))
            s->mixed = true;
        else if (word_is(w, "spread"))
            s->spread = true;
        else if (word_is(w, "some"))
            s->some = true;
        else if (word_is(w, "times"))
            TRY(parse_number(p, line, s, false));
        else if (!word_is(w, "from") || !word_next(line, &w) ||
                 netaddr_parse(w, &s->client) != ST_OK)
            return scn_error(
                p, "known here: tcp, no-edns, do, ad, cd, no-rd, cold, times N, numbered, mixed, "
                   "spread, some, from ADDRESS");
    }
    if (s->value < 1 || s->value > 5000 || (s->kind == STEP_TRACE && (s->direct || s->value > 1)))
        return scn_error(p, "times is 1 to 5000, and only for ask");
    return ST_OK;
}

static enum status parse_expect(struct parse *p, struct bytes *line, struct step *s)
{
    struct bytes w;
    uint16_t rcode;
    if (!word_next(line, &w))
        return scn_error(p, "expect what?");
    s->none = word_is(w, "silence");
    if (!s->none) {
        char up[32];
        size_t n = MIN(w.n, sizeof up);
        for (size_t i = 0; i < n; i++)
            up[i] = (char)(w.p[i] >= 'a' && w.p[i] <= 'z' ? w.p[i] - 32 : w.p[i]);
        if (!rcode_parse(bytes_of(up, n), &rcode))
            return scn_error(p, "not an RCODE");
        s->value = rcode;
    }
    return ST_OK;
}

static enum status parse_target(struct parse *p, struct bytes *line, struct step *s)
{
    struct bytes peek = *line, w;
    s->any_name =
        (s->kind == STEP_BREAK || s->kind == STEP_FIX) && word_next(&peek, &w) && word_is(w, "*");
    if (s->any_name) {
        *line = peek;
        return ST_OK;
    }
    TRY(scn_name(p, line, NULL, &s->server));
    if (topology_find(&p->sc->world->topology, s->server.w) == NULL)
        return scn_error(p, "there is no server of this name");
    return ST_OK;
}

/* What is left of the line, to be contained in a text. */
static void keep_part(struct bytes *line, struct step *s)
{
    struct bytes rest = line_rest(*line);
    size_t n = MIN(rest.n, sizeof s->part - 1);
    memcpy(s->part, rest.p, n);
    s->part[n] = '\0';
    *line = (struct bytes){0};
}

static enum status parse_ede(struct parse *p, struct bytes *line, struct step *s)
{
    struct bytes peek = *line, w;
    s->none = word_next(&peek, &w) && word_is(w, "none");
    if (s->none) {
        *line = peek;
        return ST_OK;
    }
    TRY(parse_number(p, line, s, false));
    keep_part(line, s);
    return ST_OK;
}

static enum status parse_spent(struct parse *p, struct bytes *line, struct step *s)
{
    TRY(scn_word(p, line, s->word, sizeof s->word));
    if (scenario_budget(s->word) == BUDGET_ITEMS)
        return scn_error(p, "one can spend packets, bytes, subqueries, chain, signatures, hashes");
    return parse_number(p, line, s, false);
}

/* NAME|* TYPE */
static enum status parse_set(struct parse *p, struct bytes *line, struct step *s)
{
    struct bytes peek = *line, w;
    s->any_name = word_next(&peek, &w) && word_is(w, "*");
    if (s->any_name)
        *line = peek;
    else
        TRY(scn_name(p, line, NULL, &s->name));
    return scn_type(p, line, &s->type);
}

static enum status parse_step_rest(struct parse *p, struct bytes *line, struct step *s)
{
    enum fault f;
    switch (s->kind) {
    case STEP_ASK:
    case STEP_TRACE:
        return parse_ask(p, line, s);
    case STEP_WAIT:
    case STEP_CLOCK:
        return scn_time(p, line, &s->value);
    case STEP_BREAK:
        TRY(scn_word(p, line, s->word, sizeof s->word));
        if (!fault_parse(bytes_str(s->word), &f))
            return scn_error(p, "no fault is called \"%s\"", s->word);
        return parse_target(p, line, s);
    case STEP_FIX:
        return parse_target(p, line, s);
    case STEP_FLUSH:
    case STEP_RESTART:
        return ST_OK;
    case STEP_EXPECT:
        return parse_expect(p, line, s);
    case STEP_ANSWER: {
        struct bytes peek = *line, w;
        s->none = word_next(&peek, &w) && word_is(w, "none");
        if (s->none)
            *line = peek;
        return s->none ? ST_OK : scn_rr(p, line, &s->rr);
    }
    case STEP_REPLACE:
    case STEP_AUTHORITY:
    case STEP_ADDITIONAL:
        return scn_rr(p, line, &s->rr);
    case STEP_FLAGS:
    case STEP_REASON:
        return scn_word(p, line, s->word, sizeof s->word);
    case STEP_SENT_TO:
        TRY(parse_target(p, line, s));
        return parse_number(p, line, s, false);
    case STEP_TOOK:
        return parse_number(p, line, s, true);
    case STEP_RECORDS:
    case STEP_ANSWERS:
    case STEP_SENT:
    case STEP_SENT_TCP:
        return parse_number(p, line, s, false);
    case STEP_EDE:
        return parse_ede(p, line, s);
    case STEP_SPENT:
        return parse_spent(p, line, s);
    case STEP_SAYS:
        keep_part(line, s);
        return s->part[0] != '\0' ? ST_OK : scn_error(p, "says what?");
    case STEP_HOSTILE:
        keep_part(line, s);
        return s->part[0] != '\0' ? ST_OK : scn_error(p, "what is this attack called?");
    case STEP_SIGN:
        return scn_name(p, line, NULL, &s->name);
    case STEP_SIGNATURE:
    case STEP_PROOF:
        return parse_set(p, line, s);
    case STEP_COUNT:
        break;
    }
    return ST_ESYNTAX;
}

enum status scn_step(struct parse *p, struct bytes word, struct bytes *line, bool *ret_known)
{
    struct step s = {.line = p->line};
    *ret_known = true;
    if (word_is(word, "not")) {
        s.negate = true;
        if (!word_next(line, &word))
            return scn_error(p, "not what?");
    }
    unsigned k = 0;
    while (k < STEP_COUNT && !word_is(word, step_words[k]))
        k++;
    if (k == STEP_COUNT) {
        *ret_known = false;
        return ST_OK;
    }
    s.kind = (enum step_kind)k;
    if (p->sc->step_count == SCENARIO_STEPS)
        return scn_error(p, "more than %d steps", SCENARIO_STEPS);
    if (s.kind >= STEP_EXPECT && !p->asked)
        return scn_error(p, "nothing was asked yet");
    if (s.negate && s.kind != STEP_REASON && s.kind != STEP_FLAGS && s.kind != STEP_SIGNATURE &&
        s.kind != STEP_PROOF && s.kind != STEP_SAYS && s.kind != STEP_AUTHORITY &&
        s.kind != STEP_ADDITIONAL)
        return scn_error(p, "\"not\" does not go with this");
    p->asked |= s.kind == STEP_ASK || s.kind == STEP_TRACE;
    TRY(parse_step_rest(p, line, &s));
    p->sc->step[p->sc->step_count++] = s;
    return ST_OK;
}
