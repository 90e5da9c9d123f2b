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
    struct script *script;   /* or to this script */
    bool asked;
};

enum status scn_error(struct parse *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum status scn_name(struct parse *p, struct bytes *line, const uint8_t *origin,
                     struct name *ret) MUST_USE;
enum status scn_type(struct parse *p, struct bytes *line, uint16_t *ret) MUST_USE;
/* OWNER TTL TYPE RDATA, the TTL maybe "*"; the record is in the arena. */
enum status scn_rr(struct parse *p, struct bytes *line, struct scenario_rr **ret) MUST_USE;
/* Nothing may be left on the line. */
enum status scn_end(struct parse *p, struct bytes line) MUST_USE;
/* A line of steps.def; *ret_known false if its first word is none of them. */
enum status scn_step(struct parse *p, struct bytes word, struct bytes *line,
                     bool *ret_known) MUST_USE;

#endif
