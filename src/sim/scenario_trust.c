/* What a scenario says of DNSSEC: what is broken in signed zones, and which keys are trusted. */
#include "sim/lines.h"
#include "sim/scenario_parse.h"

#include <stdio.h>

enum { RECIPE_TEXT_MAX = 16384 };

/* broken WORD TARGET: a recipe of lab/faults */
static enum status read_broken(struct parse *p, struct bytes *line, const char *word)
{
    struct scenario *sc = p->sc;
    if (sc->broken_count == SCENARIO_BROKEN)
        return scn_error(p, "more than %d recipes", SCENARIO_BROKEN);
    struct breakage *b = &sc->broken[sc->broken_count];
    if (word != NULL)
        snprintf(b->word, sizeof b->word, "%s", word);
    else
        TRY(scn_word(p, line, b->word, sizeof b->word));
    TRY(scn_name(p, line, NULL, &b->target));
    sc->broken_count++;
    return ST_OK;
}

/* recipe TARGET, and its lines below */
static enum status read_recipe(struct parse *p, struct bytes *line)
{
    struct scenario *sc = p->sc;
    char word[RECIPE_WORD];
    if (sc->recipe_count == SCENARIO_RECIPES)
        return scn_error(p, "more than %d recipes", SCENARIO_RECIPES);
    snprintf(word, sizeof word, SCENARIO_RECIPE_WORD, sc->recipe_count);
    TRY(read_broken(p, line, word));
    p->recipe = &sc->recipe[sc->recipe_count++];
    *p->recipe = text_heap(RECIPE_TEXT_MAX);
    text_str(p->recipe, "help in a scenario\nexpect ok\n");
    return ST_OK;
}

/* anchor none|wrong|altered|NAME */
static enum status read_anchor(struct parse *p, struct bytes *line)
{
    struct scenario *sc = p->sc;
    struct bytes peek = *line, w;
    if (word_next(&peek, &w) &&
        (word_is(w, "none") || word_is(w, "wrong") || word_is(w, "altered"))) {
        *line = peek;
        *(word_is(w, "none")    ? &sc->anchor_none
          : word_is(w, "wrong") ? &sc->anchor_wrong
                                : &sc->anchor_altered) = true;
        return ST_OK;
    }
    if (sc->anchor_count == SCENARIO_ANCHORS)
        return scn_error(p, "more than %d anchors", SCENARIO_ANCHORS);
    return scn_name(p, line, NULL, &sc->anchor[sc->anchor_count++]);
}

/* negative-anchor NAME [TIME] */
static enum status read_negative(struct parse *p, struct bytes *line)
{
    struct scenario *sc = p->sc;
    int64_t us;
    if (sc->negative_count == SCENARIO_ANCHORS)
        return scn_error(p, "more than %d negative anchors", SCENARIO_ANCHORS);
    TRY(scn_name(p, line, NULL, &sc->negative[sc->negative_count].name));
    uint64_t *for_s = &sc->negative[sc->negative_count++].for_s;
    *for_s = UINT64_MAX;
    if (line_rest(*line).n == 0)
        return ST_OK;
    TRY(scn_time(p, line, &us));
    *for_s = us > 0 ? (uint64_t)us / 1000000 : 0;
    return ST_OK;
}

/* agent SERVER NAME */
static enum status read_agent(struct parse *p, struct bytes *line)
{
    struct scenario *sc = p->sc;
    if (sc->agent_count == SCENARIO_ANCHORS)
        return scn_error(p, "more than %d agents", SCENARIO_ANCHORS);
    TRY(scn_name(p, line, NULL, &sc->agent[sc->agent_count].server));
    TRY(scn_name(p, line, NULL, &sc->agent[sc->agent_count].agent));
    if (topology_find(&sc->world->topology, sc->agent[sc->agent_count].server.w) == NULL)
        return scn_error(p, "there is no server of this name");
    sc->agent_count++;
    return ST_OK;
}

enum status scn_trust(struct parse *p, struct bytes word, struct bytes line, bool *ret_known)
{
    *ret_known = true;
    if (word_is(word, "broken"))
        TRY(read_broken(p, &line, NULL));
    else if (word_is(word, "recipe"))
        TRY(read_recipe(p, &line));
    else if (word_is(word, "anchor"))
        TRY(read_anchor(p, &line));
    else if (word_is(word, "negative-anchor"))
        TRY(read_negative(p, &line));
    else if (word_is(word, "agent"))
        TRY(read_agent(p, &line));
    else
        *ret_known = false;
    return *ret_known ? scn_end(p, line) : ST_OK;
}
