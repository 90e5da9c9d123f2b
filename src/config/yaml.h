/* YAML text to a small tree whose nodes know their place: the only file that knows the YAML
 * library.
 *
 * The subset that a configuration needs: mappings, sequences, plain and quoted scalars. Anchors,
 * aliases, tags and several documents are refused, so a file means what it shows and cannot blow
 * up. */
#ifndef BANYAN_CONFIG_YAML_H
#define BANYAN_CONFIG_YAML_H

#include "base/arena.h"
#include "base/diag.h"

enum yaml_kind { YAML_SCALAR, YAML_MAP, YAML_SEQ };

struct yaml_node {
    enum yaml_kind kind;
    bool quoted;            /* SCALAR: in quotes, so never null */
    uint32_t line, column;  /* 1-based */
    const char *text;       /* SCALAR: NUL-terminated, no NUL inside */
    size_t size;            /* SCALAR: its length */
    struct yaml_node *key;  /* member of a MAP: its key */
    struct yaml_node *next; /* next sibling */
    struct yaml_node *child;
};

/* A file being read: what diagnostics need. */
struct yaml_source {
    const char *file;
    struct bytes text;
};

/* Parses one document; *ret is NULL for an empty one. All in the arena. Every syntax error went to
 * sink: ST_ESYNTAX; ST_ELIMIT when the text is too big or nested too deep; ST_ENOMEM. */
enum status yaml_parse(const struct yaml_source *src, struct arena *a, struct diag_sink *sink,
                       struct yaml_node **ret) MUST_USE;
/* True for an absent value: nothing, ~ or null. */
bool yaml_is_null(const struct yaml_node *n);
/* Puts file, line, column and the source line into d. */
void yaml_place(const struct yaml_source *src, uint32_t line, uint32_t column, struct diag *d);

#endif
