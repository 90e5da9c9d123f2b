/* Parsing a scenario, shared by its two files; private to them. */
#ifndef BANYAN_SIM_SCENARIO_PARSE_H
#define BANYAN_SIM_SCENARIO_PARSE_H

#include "sim/scenario.h"

struct parse {
    struct scenario *sc;
    struct diag *d;
    const char *file;
    uint32_t line;
    struct bytes whole;      /* the line being read */
    struct world_zone *zone; /* indented lines belong to this zone, */
    struct script *script;   /* or to this script, */
    struct text *recipe;     /* or to this recipe */
    bool asked;
};

enum status scn_error(struct parse *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum status scn_name(struct parse *p, struct bytes *line, const uint8_t *origin,
                     struct name *ret) MUST_USE;
/* A word, shorter than cap. */
enum status scn_word(struct parse *p, struct bytes *line, char *ret, size_t cap) MUST_USE;
/* "90 s", "200 ms", "-2 h": microseconds. */
enum status scn_time(struct parse *p, struct bytes *line, int64_t *ret_us) MUST_USE;
enum status scn_type(struct parse *p, struct bytes *line, uint16_t *ret) MUST_USE;
/* OWNER TTL TYPE RDATA, the TTL maybe "*"; the record is in the arena. */
enum status scn_rr(struct parse *p, struct bytes *line, struct scenario_rr **ret) MUST_USE;
/* Nothing may be left on the line. */
enum status scn_end(struct parse *p, struct bytes line) MUST_USE;
/* What follows `script`, and a line below it. */
enum status scn_script(struct parse *p, struct bytes line) MUST_USE;
enum status scn_script_line(struct parse *p, struct bytes word, struct bytes line) MUST_USE;
/* broken, recipe, anchor, negative-anchor, agent; *ret_known false if the word is none of these. */
enum status scn_trust(struct parse *p, struct bytes word, struct bytes line,
                      bool *ret_known) MUST_USE;
/* local-zone, local-data, hosts, special, copy; likewise. */
enum status scn_local(struct parse *p, struct bytes word, struct bytes line,
                      bool *ret_known) MUST_USE;
/* A line of steps.def; *ret_known false if its first word is none of them. */
enum status scn_step(struct parse *p, struct bytes word, struct bytes *line,
                     bool *ret_known) MUST_USE;

#endif
