/* The part of a scenario that describes its Internet: servers, zones, delegations, options. */
#include "crypto/key.h"
#include "sim/lines.h"
#include "sim/scenario_parse.h"

#include <stdio.h>
#include <stdlib.h>

enum { ZONE_TEXT_MAX = 1 << 20 };

/* server NAME ADDRESS... [delay N ms] [fault WORD]... */
static enum status read_server(struct parse *p, struct bytes line)
{
    struct name n;
    struct bytes w;
    TRY(scn_name(p, &line, NULL, &n));
    if (topology_find(&p->sc->world->topology, n.w) != NULL)
        return scn_error(p, "this server stands here twice");
    struct topo_server *s = topology_add(&p->sc->world->topology, n.w);
    if (s == NULL)
        return scn_error(p, "too many servers");
    s->delay_us = 10000;
    while (word_next(&line, &w)) {
        uint64_t ms;
        if (word_is(w, "delay")) {
            struct bytes unit;
            if (!word_next(&line, &w) || !word_uint(w, 60000, &ms) || !word_next(&line, &unit) ||
                !word_is(unit, "ms"))
                return scn_error(p, "write: delay 20 ms");
            s->delay_us = (uint32_t)ms * 1000;
        } else if (word_is(w, "fault")) {
            if (!word_next(&line, &w) || s->fault_count == TOPO_FAULTS ||
                !fault_parse(w, &s->fault[s->fault_count]))
                return scn_error(p, "no such fault");
            s->fault_count++;
        } else if (s->addr_count < TOPO_ADDRESSES &&
                   netaddr_parse(w, &s->addr[s->addr_count]) == ST_OK) {
            s->addr_count++;
        } else {
            return scn_error(p, "not an address: \"%.*s\"", (int)MIN(w.n, 60u), (const char *)w.p);
        }
    }
    return s->addr_count ? ST_OK : scn_error(p, "the server has no address");
}

/* forward ZONE ADDRESS... [fallback], stub ZONE ADDRESS... */
static enum status read_route(struct parse *p, struct bytes line, bool stub)
{
    struct scenario *sc = p->sc;
    struct bytes w;
    if (sc->route_count == SCENARIO_ROUTES)
        return scn_error(p, "more than %d zones of that kind", SCENARIO_ROUTES);
    struct scenario_route *t = &sc->route[sc->route_count++];
    *t = (struct scenario_route){.stub = stub};
    TRY(scn_name(p, &line, NULL, &t->zone));
    while (word_next(&line, &w)) {
        if (!stub && word_is(w, "fallback"))
            t->fallback = true;
        else if (t->address_count == SCENARIO_ROUTES ||
                 netaddr_parse(w, &t->address[t->address_count++]) != ST_OK)
            return scn_error(p, "not an address, or too many: \"%.*s\"", (int)MIN(w.n, 60u),
                             (const char *)w.p);
    }
    return t->address_count > 0 ? ST_OK : scn_error(p, "to which addresses?");
}

/* signed [nsec|nsec3|opt-out] [algorithm WORD] [split] */
static enum status read_signed(struct parse *p, struct bytes *line, const struct name *origin)
{
    struct topology *t = &p->sc->world->topology;
    struct bytes w;
    if (t->zone_count == TOPO_ZONES)
        return scn_error(p, "too many zones");
    struct topo_zone *z = &t->zone[t->zone_count++];
    *z = (struct topo_zone){.signing = {TOPO_NSEC, SEC_ED25519, false}};
    name_lower(z->name.w, origin->w);
    while (word_next(line, &w)) {
        if (word_is(w, "nsec"))
            z->signing.dnssec = TOPO_NSEC;
        else if (word_is(w, "nsec3"))
            z->signing.dnssec = TOPO_NSEC3;
        else if (word_is(w, "opt-out"))
            z->signing.dnssec = TOPO_OPT_OUT;
        else if (word_is(w, "split"))
            z->signing.split = true;
        else if (!word_is(w, "algorithm") || !word_next(line, &w) ||
                 !sec_algorithm_parse(w, &z->signing.algorithm) ||
                 !sec_algorithm_signs(z->signing.algorithm))
            return scn_error(p, "signed goes with nsec, nsec3, opt-out, split, algorithm WORD");
    }
    return ST_OK;
}

/* zone ORIGIN SERVER... [ttl N] [negative N] [signed ...]: SOA and NS are made. */
static enum status read_zone(struct parse *p, struct bytes line)
{
    struct world *w = p->sc->world;
    struct name origin, ns;
    struct bytes word, names;
    uint64_t ttl = 3600, negative = 300;
    char text[NAME_TEXT_MAX];
    unsigned servers = 0;
    TRY(scn_name(p, &line, NULL, &origin));
    names = line;
    if (w->zone_count == WORLD_ZONES)
        return scn_error(p, "too many zones");
    for (unsigned i = 0; i < w->zone_count; i++)
        if (name_equal(w->zone[i].origin.w, origin.w))
            return scn_error(p, "this zone stands here twice");
    struct world_zone *z = &w->zone[w->zone_count++];
    name_lower(z->origin.w, origin.w);
    z->text = text_heap(ZONE_TEXT_MAX);
    p->zone = z;
    while (word_next(&line, &word)) {
        if (word_is(word, "signed"))
            TRY(read_signed(p, &line, &origin));
        else if ((word_is(word, "ttl") &&
                  !(word_next(&line, &word) && word_uint(word, INT32_MAX, &ttl))) ||
                 (word_is(word, "negative") &&
                  !(word_next(&line, &word) && word_uint(word, INT32_MAX, &negative))))
            return scn_error(p, "a number of seconds is expected");
    }
    text_fmt(&z->text, "$ORIGIN %s\n$TTL %u\n@ SOA ns. host. 1 7200 3600 1209600 %u\n",
             name_str(origin.w, text), (unsigned)ttl, (unsigned)negative);
    while (word_next(&names, &word) && !word_is(word, "signed")) {
        if (word_is(word, "ttl") || word_is(word, "negative")) {
            (void)word_next(&names, &word);
            continue;
        }
        struct topo_server *s =
            name_parse(word, NULL, &ns) == ST_OK ? topology_find(&w->topology, ns.w) : NULL;
        if (s == NULL || topology_serve(&w->topology, s, origin.w) != ST_OK)
            return scn_error(p, "there is no server of this name (servers stand before zones)");
        text_fmt(&z->text, "@ NS %s\n", name_str(ns.w, text));
        servers++;
    }
    return servers ? ST_OK : scn_error(p, "a zone needs a server");
}

static void put_addresses(struct text *t, const struct topo_server *s)
{
    char owner[NAME_TEXT_MAX];
    for (unsigned i = 0; i < s->addr_count; i++) {
        text_fmt(t, "%s %s ", name_str(s->name.w, owner),
                 s->addr[i].family == ADDR_V4 ? "A" : "AAAA");
        netaddr_text(&s->addr[i], t);
        text_char(t, '\n');
    }
}

/* delegate CHILD SERVER... [glue|no-glue]: NS, and the addresses of the servers below the child;
 * with `glue` of all servers below the parent, with `no-glue` of none. */
static enum status read_delegate(struct parse *p, struct bytes line)
{
    struct name child, ns;
    struct bytes word, names;
    bool all = false, none = false;
    char a[NAME_TEXT_MAX], b[NAME_TEXT_MAX];
    struct text *t = &p->zone->text;
    TRY(scn_name(p, &line, p->zone->origin.w, &child));
    for (names = line; word_next(&line, &word);) {
        all |= word_is(word, "glue");
        none |= word_is(word, "no-glue");
    }
    while (word_next(&names, &word)) {
        if (word_is(word, "glue") || word_is(word, "no-glue"))
            continue;
        if (name_parse(word, NULL, &ns) != ST_OK)
            return scn_error(p, "not a domain name");
        const struct topo_server *s = topology_find(&p->sc->world->topology, ns.w);
        text_fmt(t, "%s NS %s\n", name_str(child.w, a), name_str(ns.w, b));
        if (s != NULL && !none && name_in(ns.w, all ? p->zone->origin.w : child.w))
            put_addresses(t, s);
    }
    return ST_OK;
}

static enum status read_zone_line(struct parse *p, struct bytes word, struct bytes line)
{
    if (word_is(word, "delegate"))
        return read_delegate(p, line);
    /* A record, as in a master file; sim/ reads it when the scenario is played. */
    struct bytes record = line_rest(p->whole);
    text_bytes(&p->zone->text, record.p, record.n);
    text_char(&p->zone->text, '\n');
    return ST_OK;
}

/* option WORD VALUE */
static enum status read_option(struct parse *p, struct bytes line)
{
    struct scenario *sc = p->sc;
    struct bytes w;
    uint64_t v;
    if (sc->option_count == SCENARIO_OPTIONS)
        return scn_error(p, "too many options");
    if (!word_next(&line, &w) || w.n >= sizeof sc->option[0].word)
        return scn_error(p, "an option's name is missing");
    memcpy(sc->option[sc->option_count].word, w.p, w.n);
    sc->option[sc->option_count].word[w.n] = '\0';
    if (!word_next(&line, &w))
        return scn_error(p, "an option's value is missing");
    if (word_is(w, "on") || word_is(w, "off"))
        v = word_is(w, "on");
    else if (!word_uint(w, UINT32_MAX, &v))
        return scn_error(p, "an option's value is on, off or a number");
    sc->option[sc->option_count].value = v;
    sc->option[sc->option_count++].line = p->line;
    return scn_end(p, line);
}

static void keep_line(char *dst, size_t cap, struct bytes line)
{
    line = line_rest(line);
    size_t n = MIN(line.n, cap - 1);
    memcpy(dst, line.p, n);
    dst[n] = '\0';
}

/* A line of a recipe (lab/faults), read when the scenario is played. */
static enum status read_recipe_line(struct parse *p)
{
    struct bytes line = line_rest(p->whole);
    text_bytes(p->recipe, line.p, line.n);
    text_char(p->recipe, '\n');
    return ST_OK;
}

static enum status read_line(struct parse *p)
{
    struct bytes line = p->whole, word;
    bool indented = line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'), known;
    if (!word_next(&line, &word))
        return ST_OK;
    if (indented && p->zone != NULL)
        return read_zone_line(p, word, line);
    if (indented && p->script != NULL)
        return scn_script_line(p, word, line);
    if (indented && p->recipe != NULL)
        return read_recipe_line(p);
    if (!indented) {
        p->zone = NULL;
        p->script = NULL;
        p->recipe = NULL;
    }
    if (word_is(word, "about"))
        keep_line(p->sc->about, sizeof p->sc->about, line);
    else if (word_is(word, "rfc"))
        keep_line(p->sc->rfc, sizeof p->sc->rfc, line);
    else if (word_is(word, "server"))
        return read_server(p, line);
    else if (word_is(word, "zone"))
        return read_zone(p, line);
    else if (word_is(word, "forward") || word_is(word, "stub"))
        return read_route(p, line, word_is(word, "stub"));
    else if (word_is(word, "script"))
        return scn_script(p, line);
    else if (word_is(word, "option"))
        return read_option(p, line);
    else {
        TRY(scn_trust(p, word, line, &known));
        if (known)
            return ST_OK;
        TRY(scn_local(p, word, line, &known));
        if (known)
            return ST_OK;
        TRY(scn_step(p, word, &line, &known));
        if (!known)
            return scn_error(p, "a line cannot begin with \"%.*s\"", (int)MIN(word.n, 60u),
                             (const char *)word.p);
        return scn_end(p, line);
    }
    return ST_OK;
}

/* Each server's own address records, in the deepest zone that holds its name. */
static void put_own_addresses(struct world *w)
{
    for (unsigned i = 0; i < w->topology.server_count; i++) {
        const struct topo_server *s = &w->topology.server[i];
        struct world_zone *best = NULL;
        for (unsigned k = 0; k < w->zone_count; k++)
            if (name_in(s->name.w, w->zone[k].origin.w) &&
                (best == NULL || name_labels(w->zone[k].origin.w) > name_labels(best->origin.w)))
                best = &w->zone[k];
        if (best != NULL)
            put_addresses(&best->text, s);
    }
}

enum status scenario_parse(struct scenario *sc, struct bytes text, const char *file, struct diag *d)
{
    struct parse p = {.sc = sc, .d = d, .file = file};
    *sc = (struct scenario){0};
    *d = (struct diag){0};
    arena_init(&sc->arena, 65536, 64u << 20);
    sc->step = arena_alloc(&sc->arena, SCENARIO_STEPS * sizeof *sc->step);
    sc->script = arena_alloc(&sc->arena, SCENARIO_SCRIPTS * sizeof *sc->script);
    sc->world = calloc(1, sizeof *sc->world);
    if (sc->step == NULL || sc->script == NULL || sc->world == NULL)
        return ST_ENOMEM;
    TRY(world_empty(sc->world));
    while (line_next(&text, &p.whole)) {
        p.line++;
        TRY(read_line(&p));
    }
    p.whole = (struct bytes){0};
    if (sc->about[0] == '\0' || sc->rfc[0] == '\0')
        return scn_error(&p, "a scenario says what it is: about ... and rfc ...");
    put_own_addresses(sc->world);
    return ST_OK;
}

void scenario_free(struct scenario *sc)
{
    for (unsigned i = 0; i < sc->recipe_count; i++)
        text_free(&sc->recipe[i]);
    local_data_free(sc->local);
    if (sc->world != NULL)
        world_free(sc->world);
    free(sc->world);
    arena_free(&sc->arena);
    *sc = (struct scenario){0};
}
