/* The option table as data, for this folder and its tests. */
#ifndef BANYAN_CONFIG_SCHEMA_H
#define BANYAN_CONFIG_SCHEMA_H

#include "config/config.h"

enum option_type {
    OPT_SECTION,
    OPT_ITEMS,
    OPT_BOOL,
    OPT_UINT,
    OPT_SIZE,
    OPT_MSEC,
    OPT_SEC,
    OPT_WORD,
    OPT_STRING,
    OPT_PATH,
    OPT_NAME,
    OPT_HEX128,
    OPT_ADDRESSES,
    OPT_HOSTS,
    OPT_PREFIXES,
    OPT_NAMES,
    OPT_RECORDS, /* lines of a master file, checked */
    OPT_PATHS,
};

enum option_reload { RELOAD_LIVE, RELOAD_RESTART };

struct option {
    const char *path;
    enum option_type type;
    size_t offset;    /* of the value in struct config, or in the item */
    size_t item_size; /* ITEMS */
    uint64_t min, max;
    const char *def;   /* as text; NULL: unset; option_required: must be given */
    const char *words; /* WORD: choices; others: unit or NULL */
    enum option_reload reload;
    const char *since, *help, *paragraph;
};

extern const struct option option_table[];
extern const size_t option_count;
extern const char option_required[];

/* Any list of the configuration, as it lies in memory. */
struct option_list {
    void *v;
    size_t n;
};

/* The row of exactly this path, or NULL. */
const struct option *option_find(const char *path, size_t n);
/* True if row `o` is a direct member of `parent` ("" for the top). */
bool option_below(const struct option *o, const char *parent);
/* Its last word. */
const char *option_word(const struct option *o);
bool option_is_list(const struct option *o);
/* Words for messages and manuals: "a number from 1 to 5". */
void option_type_text(const struct option *o, struct text *out);
/* Item i of choices separated by '|'; false past the end. */
bool option_choice(const struct option *o, unsigned i, struct bytes *ret);

/* Reads one scalar into the value at `at` (lists: appends). base_dir: folder for relative paths, ""
 * for none. *why gets the complaint. */
struct value_reader {
    struct arena *arena;
    const char *base_dir;
    struct text *why;
};
bool value_read(const struct value_reader *vr, const struct option *o, const char *text, size_t n,
                void *at);
/* Writes it as it would stand in the file; i: which element of a list. */
void value_text(const struct option *o, const void *at, size_t i, struct text *out);
bool value_unset(const struct option *o, const void *at);
bool value_equal(const struct option *o, const void *a, const void *b);
/* Puts the default into `at`. */
bool value_default(const struct value_reader *vr, const struct option *o, void *at);
/* A new element of a list of items, zeroed; NULL when memory is out. */
void *list_grow(struct arena *a, struct option_list *l, size_t item_size);

#endif
