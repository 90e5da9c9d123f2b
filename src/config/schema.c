#include "config/schema.h"

const char option_required[] = "required";

#define REQUIRED option_required
#define LIVE     RELOAD_LIVE
#define RESTART  RELOAD_RESTART
#define SECTION(path, help)                                                                        \
    {path, OPT_SECTION, 0, 0, 0, 0, NULL, NULL, RELOAD_LIVE, "0.1", help, ""},
#define OPTION(path, type, strct, member, min, max, def, words, reload, since, help, paragraph)    \
    {path, OPT_##type, offsetof(strct, member), 0, min, max, def, words, reload, since,            \
     help, paragraph},
#define ITEMS(path, strct, member, item, max, reload, since, help, paragraph)                      \
    {path, OPT_ITEMS, offsetof(strct, member), sizeof(item), 0, max, NULL, NULL, reload, since,    \
     help, paragraph},
const struct option option_table[] = {
#include "config/schema.def"
};
#undef REQUIRED
#undef LIVE
#undef RESTART

const size_t option_count = ARRAY_LEN(option_table);
_Static_assert(ARRAY_LEN(option_table) <= CONFIG_ROWS_MAX, "raise CONFIG_ROWS_MAX");

const struct option *option_find(const char *path, size_t n)
{
    for (size_t i = 0; i < option_count; i++)
        if (strlen(option_table[i].path) == n && memcmp(option_table[i].path, path, n) == 0)
            return &option_table[i];
    return NULL;
}

const char *option_word(const struct option *o)
{
    const char *dot = strrchr(o->path, '.');
    return dot ? dot + 1 : o->path;
}

bool option_below(const struct option *o, const char *parent)
{
    const char *dot = strrchr(o->path, '.');
    size_t n = dot ? (size_t)(dot - o->path) : 0;
    return strlen(parent) == n && memcmp(o->path, parent, n) == 0;
}

bool option_is_list(const struct option *o)
{
    return o->type == OPT_ADDRESSES || o->type == OPT_HOSTS || o->type == OPT_PREFIXES ||
           o->type == OPT_NAMES || o->type == OPT_RECORDS || o->type == OPT_PATHS;
}

bool option_choice(const struct option *o, unsigned i, struct bytes *ret)
{
    const char *p = o->words;
    for (; p != NULL && i > 0; i--) {
        p = strchr(p, '|');
        p = p ? p + 1 : NULL;
    }
    if (p == NULL)
        return false;
    *ret = bytes_of(p, strcspn(p, "|"));
    return true;
}

static void range_text(const struct option *o, const char *unit, struct text *out)
{
    text_fmt(out, " from %llu%s to %llu%s", (unsigned long long)o->min, unit,
             (unsigned long long)o->max, unit);
}

void option_type_text(const struct option *o, struct text *out)
{
    struct bytes w;
    switch (o->type) {
    case OPT_SECTION:
        text_str(out, "a section");
        break;
    case OPT_ITEMS:
        text_str(out, "a list");
        break;
    case OPT_BOOL:
        text_str(out, "yes or no");
        break;
    case OPT_UINT:
        text_str(out, "a number");
        range_text(o, "", out);
        break;
    case OPT_SIZE:
        text_str(out, "a number of bytes, with k, M or G if wanted,");
        range_text(o, "", out);
        break;
    case OPT_MSEC:
        text_str(out, "a time such as 500ms, 10s or 2m,");
        range_text(o, "ms", out);
        break;
    case OPT_SEC:
        text_str(out, "a time such as 30s, 10m, 6h or 1d,");
        range_text(o, "s", out);
        break;
    case OPT_WORD:
        text_str(out, "one of");
        for (unsigned i = 0; option_choice(o, i, &w); i++)
            text_fmt(out, "%s %.*s", i ? "," : "", (int)w.n, (const char *)w.p);
        break;
    case OPT_STRING:
    case OPT_PATH:
        text_fmt(out, "%s of at most %llu bytes", o->type == OPT_PATH ? "a path" : "text",
                 (unsigned long long)o->max);
        break;
    case OPT_NAME:
        text_str(out, "a domain name");
        break;
    case OPT_HEX128:
        text_str(out, "32 hexadecimal digits");
        break;
    case OPT_ADDRESSES:
        text_str(out, "a list of addresses with ports, such as 192.0.2.1@53");
        break;
    case OPT_HOSTS:
        text_str(out, "a list of addresses, such as 192.0.2.1");
        break;
    case OPT_PREFIXES:
        text_str(out, "a list of prefixes, such as 192.0.2.0/24");
        break;
    case OPT_NAMES:
        text_str(out, "a list of domain names");
        break;
    case OPT_RECORDS:
        text_str(out, "a list of records, such as \"www.example.org. 300 A 192.0.2.1\"");
        break;
    case OPT_PATHS:
        text_str(out, "a list of paths");
        break;
    }
}
