/* Checks between options, with the places that list elements came from. */
#ifndef BANYAN_CONFIG_CHECK_H
#define BANYAN_CONFIG_CHECK_H

#include "config/schema.h"
#include "config/yaml.h"

struct place {
    const struct option *list;
    size_t index;
    const struct yaml_source *src;
    uint32_t line, column;
};

struct places {
    struct arena *arena;
    struct option_list list; /* of struct place */
};

/* Remembers where element `index` of a list stands; without memory it is forgotten. */
void place_add(struct places *p, const struct option *list, size_t index,
               const struct yaml_source *src, uint32_t line, uint32_t column);
/* config_check with places; places may be NULL. */
enum status config_check_at(const struct config *c, const char *file, const struct places *places,
                            struct diag_sink *sink) MUST_USE;

#endif
