/* What a scenario says of what the resolver knows by itself: local zones and records, names with a
 * special meaning, zones of which it has a copy. */
#include "dns/record.h"
#include "sim/lines.h"
#include "sim/scenario_parse.h"

#include <stdlib.h>

enum { RDATA_MAX = 4096 };

static enum status begin(struct parse *p)
{
    static const struct hash_key key = {11, 12};
    if (p->sc->local == NULL)
        p->sc->local = local_data_new(&key);
    return p->sc->local != NULL ? ST_OK : ST_ENOMEM;
}

/* local-zone ZONE KIND */
static enum status read_zone(struct parse *p, struct bytes *line)
{
    static const char *const kinds[] = {"transparent", "static",   "redirect",
                                        "nodata",      "nxdomain", "refuse"};
    struct name zone;
    struct bytes w = {NULL, 0};
    TRY(scn_name(p, line, NULL, &zone));
    (void)word_next(line, &w);
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        if (w.n > 0 && word_is(w, kinds[i])) {
            enum status st = local_data_zone(p->sc->local, zone.w, (enum local_kind)i);
            return st == ST_EEXIST ? scn_error(p, "this local zone stands here twice") : st;
        }
    return scn_error(p, "transparent, static, redirect, nodata, nxdomain or refuse?");
}

/* local-data RECORD */
static enum status read_data(struct parse *p, struct bytes *line)
{
    uint8_t room[RDATA_MAX];
    struct writer w = wr_of(room, sizeof room);
    struct record_line r;
    struct diag d = {0};
    if (record_parse(line_rest(*line), &w, &r, &d) != ST_OK)
        return scn_error(p, "%s", d.message);
    line->n = 0;
    enum status st = local_data_add(p->sc->local, r.owner.w, r.type, r.ttl, r.rdata);
    return st == ST_ESEMANTIC || st == ST_ELIMIT ? scn_error(p, "it does not go with the others")
                                                 : st;
}

static void heard(void *ctx, const struct diag *d)
{
    *(struct diag *)ctx = *d;
}

/* hosts ADDRESS NAME... */
static enum status read_hosts(struct parse *p, struct bytes *line)
{
    struct diag d = {0};
    struct diag_sink sink = {heard, &d, 0, 0};
    enum status st = local_data_hosts(p->sc->local, p->file, line_rest(*line), &sink);
    line->n = 0;
    return st == ST_ESYNTAX ? scn_error(p, "%s", d.message) : st;
}

/* special [except NAME...] */
static enum status read_special(struct parse *p, struct bytes *line)
{
    struct name name[SCENARIO_ANCHORS];
    const uint8_t *except[SCENARIO_ANCHORS];
    struct bytes w;
    unsigned n = 0;
    if (word_next(line, &w) && !word_is(w, "except"))
        return scn_error(p, "special goes with except");
    while (line_rest(*line).n > 0) {
        if (n == SCENARIO_ANCHORS)
            return scn_error(p, "too many names");
        TRY(scn_name(p, line, NULL, &name[n]));
        except[n] = name[n].w;
        if (!local_special_known(except[n++]))
            return scn_error(p, "this name has no special meaning");
    }
    return local_data_special(p->sc->local, except, n);
}

/* copy ZONE */
static enum status read_copy(struct parse *p, struct bytes *line)
{
    if (p->sc->copy_count == SCENARIO_ROUTES)
        return scn_error(p, "too many copies");
    return scn_name(p, line, NULL, &p->sc->copy[p->sc->copy_count++]);
}

enum status scn_local(struct parse *p, struct bytes word, struct bytes line, bool *ret_known)
{
    static const struct {
        const char *word;
        enum status (*read)(struct parse *p, struct bytes *line);
    } kinds[] = {{"local-zone", read_zone},
                 {"local-data", read_data},
                 {"hosts", read_hosts},
                 {"special", read_special},
                 {"copy", read_copy}};
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!word_is(word, kinds[i].word))
            continue;
        *ret_known = true;
        TRY(begin(p));
        TRY(kinds[i].read(p, &line));
        return scn_end(p, line);
    }
    *ret_known = false;
    return ST_OK;
}
