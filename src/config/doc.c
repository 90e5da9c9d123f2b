/* Manual, explanation and JSON Schema, derived from the option table. */
#include "config/schema.h"

static void explain_option(const struct option *o, struct text *out)
{
    text_fmt(out, "%s: %s\n", o->path, o->help);
    text_str(out, "  value:   ");
    option_type_text(o, out);
    if (o->type != OPT_SECTION && o->type != OPT_ITEMS)
        text_fmt(out, "\n  default: %s",
                 o->def == NULL              ? "(unset)"
                 : o->def == option_required ? "(must be given)"
                                             : o->def);
    if (o->type != OPT_SECTION)
        text_fmt(out, "\n  changes: %s\n  since:   %s",
                 o->reload == RELOAD_LIVE ? "with a reload" : "with a new start", o->since);
    text_char(out, '\n');
    if (o->paragraph[0] != '\0')
        text_fmt(out, "\n%s\n", o->paragraph);
}

bool config_explain(const char *path, struct text *out, const char **ret_nearest)
{
    const struct option *o = option_find(path, strlen(path));
    char item[80];
    struct text t = text_of(item, sizeof item);
    text_fmt(&t, "%s[]", path);
    const char *words[CONFIG_ROWS_MAX];
    size_t n = 0;
    *ret_nearest = NULL;
    if (o != NULL)
        explain_option(o, out);
    else if (path[0] != '\0') {
        for (size_t i = 0; i < option_count; i++)
            words[n++] = option_table[i].path;
        *ret_nearest = nearest_word(path, words, n);
        for (size_t i = 0; i < option_count && *ret_nearest == NULL; i++)
            if (strcmp(option_word(&option_table[i]), path) == 0)
                *ret_nearest = option_table[i].path;
        return false;
    }
    if (o == NULL || o->type == OPT_SECTION || o->type == OPT_ITEMS) {
        text_str(out, o ? "\n" : "");
        for (size_t i = 0; i < option_count; i++) {
            const struct option *f = &option_table[i];
            if (!option_below(f, path) && !option_below(f, item))
                continue;
            size_t from = out->n;
            text_fmt(out, "  %s", f->path);
            text_pad(out, from, 30);
            text_fmt(out, "%s\n", f->help);
        }
    }
    return true;
}

static void schema_type(const struct option *o, struct json *j)
{
    struct bytes w;
    json_key(j, "type");
    if (option_is_list(o)) {
        json_array(j);
        json_str(j, "array");
        json_str(j, "string");
        json_array_end(j);
        json_key(j, "items");
        json_object(j);
        json_kv_str(j, "type", "string");
        json_object_end(j);
        json_kv_uint(j, "maxItems", o->max);
        return;
    }
    switch (o->type) {
    case OPT_BOOL:
        json_array(j);
        json_str(j, "boolean");
        json_str(j, "string"); /* YAML 1.2 reads yes and no as strings */
        json_array_end(j);
        json_key(j, "enum");
        json_array(j);
        json_bool(j, true);
        json_bool(j, false);
        static const char *const words[] = {"yes", "no", "on", "off"};
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            json_str(j, words[i]);
        json_array_end(j);
        break;
    case OPT_UINT:
        json_str(j, "integer");
        json_kv_uint(j, "minimum", o->min);
        json_kv_uint(j, "maximum", o->max);
        break;
    case OPT_SIZE:
    case OPT_SEC:
    case OPT_MSEC:
        json_array(j);
        json_str(j, "integer");
        json_str(j, "string");
        json_array_end(j);
        json_kv_str(j, "pattern",
                    o->type == OPT_SIZE  ? "^[0-9]+(k|K|KiB|M|MiB|G|GiB)?$"
                    : o->type == OPT_SEC ? "^[0-9]+(s|m|h|d|w)?$"
                                         : "^(0|[0-9]+(ms|s|m|h))$");
        break;
    case OPT_WORD:
        json_str(j, "string");
        json_key(j, "enum");
        json_array(j);
        for (unsigned i = 0; option_choice(o, i, &w); i++)
            json_bytes(j, w);
        json_array_end(j);
        break;
    case OPT_HEX128:
        json_str(j, "string");
        json_kv_str(j, "pattern", "^[0-9A-Fa-f]{32}$");
        break;
    default:
        json_str(j, "string");
        if (o->type == OPT_STRING || o->type == OPT_PATH)
            json_kv_uint(j, "maxLength", o->max);
    }
}

static void schema_members(const char *parent, struct json *j);

static void schema_option(const struct option *o, struct json *j)
{
    char item[80];
    struct text t = text_of(item, sizeof item);
    text_fmt(&t, "%s[]", o->path);
    json_key(j, option_word(o));
    json_object(j);
    json_kv_str(j, "description", o->help);
    if (o->type == OPT_SECTION) {
        schema_members(o->path, j);
    } else if (o->type == OPT_ITEMS) {
        json_kv_str(j, "type", "array");
        json_key(j, "items");
        json_object(j);
        schema_members(item, j);
        json_object_end(j);
    } else {
        schema_type(o, j);
        if (o->def != NULL && o->def != option_required && !option_is_list(o))
            json_kv_str(j, "$comment", o->def);
    }
    json_object_end(j);
}

static void schema_members(const char *parent, struct json *j)
{
    unsigned required = 0;
    json_kv_str(j, "type", "object");
    json_kv_bool(j, "additionalProperties", false);
    json_key(j, "properties");
    json_object(j);
    for (size_t i = 0; i < option_count; i++) {
        if (!option_below(&option_table[i], parent))
            continue;
        schema_option(&option_table[i], j);
        required += option_table[i].def == option_required;
    }
    if (parent[0] == '\0') {
        json_key(j, "include");
        json_object(j);
        json_kv_str(j, "description", "more files to read, a path or a list of paths");
        json_object_end(j);
    }
    json_object_end(j);
    if (required == 0)
        return;
    json_key(j, "required");
    json_array(j);
    for (size_t i = 0; i < option_count; i++)
        if (option_below(&option_table[i], parent) && option_table[i].def == option_required)
            json_str(j, option_word(&option_table[i]));
    json_array_end(j);
}

void config_json_schema(struct text *out)
{
    struct json j = json_of(out, true);
    json_object(&j);
    json_kv_str(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_kv_str(&j, "title", "Banyan configuration");
    schema_members("", &j);
    json_object_end(&j);
    text_char(out, '\n');
}

/* Text with what roff would take for its own put out of harm's way. */
static void roff_text(const char *s, struct text *out)
{
    for (bool start = true; *s != '\0'; s++, start = false) {
        if (start && (*s == '.' || *s == '\''))
            text_str(out, "\\&");
        if (*s == '\\')
            text_str(out, "\\e");
        else if (*s == '-')
            text_str(out, "\\-");
        else
            text_char(out, *s);
    }
}

static void man_option(const struct option *o, struct text *out)
{
    struct text type = text_heap(4096);
    if (o->type == OPT_SECTION) {
        text_str(out, ".SS ");
        roff_text(o->path, out);
        text_char(out, '\n');
        roff_text(o->help, out);
        text_char(out, '\n');
        return;
    }
    option_type_text(o, &type);
    text_str(out, ".TP\n.B ");
    roff_text(o->path, out);
    text_char(out, '\n');
    roff_text(o->help, out);
    text_str(out, ".\n.br\nValue: ");
    roff_text(text_cstr(&type), out);
    if (o->type != OPT_ITEMS) {
        text_str(out, ". Default: ");
        roff_text(o->def == NULL              ? "unset"
                  : o->def == option_required ? "none, must be given"
                                              : o->def,
                  out);
    }
    text_fmt(out, ". Changed by %s.\n", o->reload == RELOAD_LIVE ? "a reload" : "a new start only");
    if (o->paragraph[0] != '\0') {
        text_str(out, ".br\n");
        roff_text(o->paragraph, out);
        text_char(out, '\n');
    }
    text_free(&type);
}

void config_man(struct text *out)
{
    text_str(out,
             ".TH BANYAN.CONF 5\n.SH NAME\nbanyan.conf \\- configuration of banyand\n"
             ".SH DESCRIPTION\nA YAML file of sections and options. Anchors, tags and several "
             "documents are not used. An option that is not known is an error.\n.PP\n"
             "A relative path is taken from the folder of the file it stands in.\n"
             ".B include\nat the top names more files; each option may be set in one of them only, "
             "lists of zones are joined.\n.PP\n"
             "If zones and a resolver are configured together, names in the zones are answered "
             "from their files and all others are resolved.\n.SH OPTIONS\n");
    for (size_t i = 0; i < option_count; i++)
        man_option(&option_table[i], out);
    text_str(out, ".SH SEE ALSO\n.BR banyand (8),\n.BR banyan (1)\n");
}
