/* The scripts of a scenario: servers that answer otherwise than their zones say. */
#include "dns/msg.h"
#include "sim/lines.h"
#include "sim/scenario_parse.h"

/* script SERVER NAME|*|*.NAME TYPE|* [udp|tcp] [times N] */
enum status scn_script(struct parse *p, struct bytes line)
{
    struct bytes w;
    uint64_t times;
    if (p->sc->script_count == SCENARIO_SCRIPTS)
        return scn_error(p, "too many scripts");
    struct script *s = &p->sc->script[p->sc->script_count];
    *s = (struct script){.transport = -1};
    TRY(scn_name(p, &line, NULL, &s->server));
    if (topology_find(&p->sc->world->topology, s->server.w) == NULL)
        return scn_error(p, "there is no server of this name");
    if (!word_next(&line, &w))
        return scn_error(p, "a name (or *) is missing");
    s->any_name = word_is(w, "*");
    if (!s->any_name && w.n > 2 && w.p[0] == '*' && w.p[1] == '.') {
        s->below = true;
        w = bytes_of(w.p + 2, w.n - 2);
    }
    if (!s->any_name && name_parse(w, NULL, &s->name) != ST_OK)
        return scn_error(p, "not a domain name");
    if (!word_next(&line, &w) || (!word_is(w, "*") && !rr_type_parse(w, &s->type)))
        return scn_error(p, "an RR type (or *) is expected");
    while (word_next(&line, &w)) {
        if (word_is(w, "udp") || word_is(w, "tcp")) {
            s->transport = word_is(w, "tcp") ? TRANSPORT_TCP : TRANSPORT_UDP;
        } else if (word_is(w, "times") && word_next(&line, &w) && word_uint(w, 1000, &times)) {
            s->times = (unsigned)times;
        } else {
            return scn_error(p, "known here: udp, tcp, times N");
        }
    }
    p->script = s;
    p->sc->script_count++;
    return ST_OK;
}

static enum status read_script_flags(struct parse *p, struct bytes line)
{
    static const struct {
        const char *word;
        uint16_t flag;
    } flags[] = {{"aa", MSG_AA}, {"tc", MSG_TC}, {"ra", MSG_RA}, {"ad", MSG_AD}, {"cd", MSG_CD}};
    struct bytes w;
    while (word_next(&line, &w)) {
        size_t i = 0;
        while (i < ARRAY_LEN(flags) && !word_is(w, flags[i].word))
            i++;
        if (i < ARRAY_LEN(flags))
            p->script->flags |= flags[i].flag;
        else if (word_is(w, "no-qr"))
            p->script->no_qr = true;
        else if (word_is(w, "no-edns"))
            p->script->no_opt = true;
        else
            return scn_error(p, "flags are aa, tc, ra, ad, cd, no-qr and no-edns");
    }
    return ST_OK;
}

/* replay NAME|* TYPE|* [from SERVER] [answer] [authority] [additional] [as NAME]
 * [only|without TYPE...] */
static enum status read_replay(struct parse *p, struct bytes line)
{
    static const char *const sections[] = {"", "answer", "authority", "additional"};
    struct script *s = p->script;
    struct bytes w;
    bool all = true;
    if (s->replay_count == SCENARIO_REPLAYS)
        return scn_error(p, "too many replays");
    struct replay *y = &s->replay[s->replay_count];
    *y = (struct replay){.server = s->server};
    if (!word_next(&line, &w) ||
        !((y->same_name = word_is(w, "*")) || name_parse(w, NULL, &y->name) == ST_OK) ||
        !word_next(&line, &w) || (!word_is(w, "*") && !rr_type_parse(w, &y->type)))
        return scn_error(p, "write: replay NAME TYPE (or *)");
    while (word_next(&line, &w)) {
        unsigned k = 1;
        while (k < ARRAY_LEN(sections) && !word_is(w, sections[k]))
            k++;
        if (k < ARRAY_LEN(sections)) {
            y->section[k] = true;
            all = false;
        } else if (word_is(w, "from")) {
            TRY(scn_name(p, &line, NULL, &y->server));
            if (topology_find(&p->sc->world->topology, y->server.w) == NULL)
                return scn_error(p, "there is no server of this name");
        } else if (word_is(w, "as")) {
            TRY(scn_name(p, &line, NULL, &y->as));
            y->renamed = true;
        } else if (word_is(w, "only") || word_is(w, "without")) {
            y->only = word_is(w, "only");
            while (word_next(&line, &w))
                if (y->type_count == SCENARIO_REPLAY_TYPES ||
                    !rr_type_parse(w, &y->types[y->type_count++]))
                    return scn_error(p, "up to %d types are expected", SCENARIO_REPLAY_TYPES);
        } else {
            return scn_error(
                p, "known here: from SERVER, sections, as NAME, only TYPE..., without TYPE...");
        }
    }
    for (unsigned k = 1; k < 4; k++)
        y->section[k] |= all;
    s->replay_count++;
    return ST_OK;
}

enum status scn_script_line(struct parse *p, struct bytes word, struct bytes line)
{
    static const char *const sections[] = {"answer", "authority", "additional"};
    struct script *s = p->script;
    if (word_is(word, "silent")) {
        s->silent = true;
        return scn_end(p, line);
    }
    if (word_is(word, "flags"))
        return read_script_flags(p, line);
    if (word_is(word, "rcode")) {
        struct bytes w;
        if (!word_next(&line, &w) || !rcode_parse(w, &s->rcode))
            return scn_error(p, "not an RCODE (upper case)");
        s->has_rcode = true;
        return scn_end(p, line);
    }
    if (word_is(word, "replay"))
        return read_replay(p, line);
    for (unsigned i = 0; i < ARRAY_LEN(sections); i++) {
        if (!word_is(word, sections[i]))
            continue;
        if (s->rr_count == SCENARIO_SCRIPT_RRS)
            return scn_error(p, "too many records");
        s->section[s->rr_count] = (uint8_t)(SECTION_ANSWER + i);
        return scn_rr(p, &line, &s->rr[s->rr_count++]);
    }
    return scn_error(
        p, "known in a script: flags, rcode, silent, replay, answer, authority, additional");
}
