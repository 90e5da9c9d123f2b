#include "control/control.h"

#include "base/json.h"
#include "base/limits.h"
#include "control/flat.h"
#include "dns/rr_type.h"

static const struct {
    const char *word, *args, *help;
} commands[] = {
#define COMMAND(name, word, args, help) {word, args, help},
#include "control/commands.def"
#undef COMMAND
};

static const char *const formats[] = {"text", "json", "mermaid", "explain"};
_Static_assert(ARRAY_LEN(formats) == FORMAT_COUNT, "a word for every format");

const char *control_word(enum control_command c)
{
    return commands[c].word;
}

const char *control_args(enum control_command c)
{
    return commands[c].args;
}

const char *control_help(enum control_command c)
{
    return commands[c].help;
}

bool control_from_word(const char *word, enum control_command *ret)
{
    for (size_t i = 0; i < CONTROL_COUNT; i++) {
        if (strcmp(commands[i].word, word) == 0) {
            *ret = (enum control_command)i;
            return true;
        }
    }
    return false;
}

const char *control_nearest(const char *word)
{
    const char *words[CONTROL_COUNT];
    for (size_t i = 0; i < CONTROL_COUNT; i++)
        words[i] = commands[i].word;
    return nearest_word(word, words, CONTROL_COUNT);
}

bool control_format_from(const char *word, enum control_format *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (strcmp(formats[i], word) == 0) {
            *ret = (enum control_format)i;
            return true;
        }
    }
    return false;
}

/* Letters, digits and '-', and room for all of them. */
static bool take_word(const struct flat_value *v, char *to, size_t cap)
{
    struct text t = text_of(to, cap);
    text_str(&t, v->text);
    return v->kind == FLAT_STRING && t.n > 0 && !t.cut &&
           strspn(v->text, "abcdefghijklmnopqrstuvwxyz0123456789-") == t.n;
}

static bool take_number(const struct flat_value *v, uint32_t *ret)
{
    *ret = (uint32_t)MIN(v->number, (uint64_t)UINT32_MAX);
    return v->kind == FLAT_NUMBER && v->number <= UINT32_MAX;
}

/* Members that choose among rows; -1: it is none of them. */
static int take_choice(const char *key, const struct flat_value *v, struct control_request *rq)
{
    if (strcmp(key, "reason") == 0)
        return take_word(v, rq->reason, sizeof rq->reason);
    if (strcmp(key, "last") == 0)
        return take_number(v, &rq->last);
    if (strcmp(key, "over-ms") == 0)
        return take_number(v, &rq->over_ms);
    if (strcmp(key, "hour") == 0) {
        rq->hour = v->truth;
        return v->kind == FLAT_BOOL;
    }
    if (strcmp(key, "address") == 0)
        return v->kind == FLAT_STRING && netaddr_parse(bytes_str(v->text), &rq->address) == ST_OK;
    return -1;
}

static bool take_bool(const struct flat_value *v, bool *ret)
{
    *ret = v->truth;
    return v->kind == FLAT_BOOL;
}

/* One member of the request; false with *d filled. */
static bool take_member(const char *key, const struct flat_value *v, struct control_request *rq,
                        struct diag *d)
{
    static const char *const keys[] = {"command", "json", "name",    "type",   "below",
                                       "all",     "cold", "colour",  "format", "level",
                                       "reason",  "last", "over-ms", "hour",   "address"};
    struct bytes s = bytes_str(v->text);
    bool text = v->kind == FLAT_STRING, ok = true;
    int choice = take_choice(key, v, rq);
    if (choice >= 0) {
        ok = choice > 0;
    } else if (strcmp(key, "command") == 0) {
        ok = text && control_from_word(v->text, &rq->command);
        if (!ok) {
            const char *near = control_nearest(v->text);
            diag_set(d, SEV_ERROR, "request", near, "unknown command '%.40s'", v->text);
            return false;
        }
        rq->has_command = true;
    } else if (strcmp(key, "json") == 0) {
        ok = take_bool(v, &rq->json);
    } else if (strcmp(key, "below") == 0) {
        ok = take_bool(v, &rq->below);
    } else if (strcmp(key, "all") == 0) {
        ok = take_bool(v, &rq->all);
    } else if (strcmp(key, "cold") == 0) {
        ok = take_bool(v, &rq->cold);
    } else if (strcmp(key, "colour") == 0) {
        ok = take_bool(v, &rq->colour);
    } else if (strcmp(key, "name") == 0) {
        ok = rq->has_name = text && name_parse(s, name_root, &rq->name) == ST_OK;
    } else if (strcmp(key, "type") == 0) {
        ok = text && rr_type_parse(s, &rq->type);
    } else if (strcmp(key, "format") == 0) {
        ok = text && control_format_from(v->text, &rq->format);
    } else if (strcmp(key, "level") == 0) {
        ok = take_word(v, rq->level, sizeof rq->level);
    } else {
        const char *near = nearest_word(key, keys, ARRAY_LEN(keys));
        diag_set(d, SEV_ERROR, "request", near, "unknown member '%.40s' in the request", key);
        return false;
    }
    if (!ok)
        diag_set(d, SEV_ERROR, "request", NULL, "'%s' has no proper value", key);
    return ok;
}

/* What a command cannot do without. */
static enum status check_request(const struct control_request *rq, struct diag *d)
{
    const char *missing = NULL;
    if (!rq->has_command) {
        diag_set(d, SEV_ERROR, "request", NULL, "the request names no command");
        return ST_ESEMANTIC;
    }
    if (rq->command == CONTROL_FLUSH && !rq->has_name && !rq->all)
        missing = "a name, or 'all'";
    if (rq->command == CONTROL_TRACE && !rq->has_name)
        missing = "a name";
    if (rq->command == CONTROL_LOG_LEVEL && rq->level[0] == '\0')
        missing = "a level";
    if (missing == NULL)
        return ST_OK;
    diag_set(d, SEV_ERROR, "request", NULL, "%s needs %s", control_word(rq->command), missing);
    return ST_ESEMANTIC;
}

enum status control_parse(struct bytes line, struct control_request *ret, struct diag *d)
{
    struct flat f;
    struct flat_value v;
    char key[FLAT_TEXT];
    memset(ret, 0, sizeof *ret);
    if (line.n > LIMIT_CONTROL_LINE) {
        diag_set(d, SEV_ERROR, "request", NULL, "the request is too long");
        return ST_ELIMIT;
    }
    enum status st = flat_begin(&f, line);
    while (st == ST_OK && (st = flat_next(&f, key, &v)) == ST_OK)
        if (!take_member(key, &v, ret, d)) {
            flat_end(&f);
            return ST_EUNKNOWN;
        }
    flat_end(&f);
    if (st != ST_ENOTFOUND) {
        diag_set(d, SEV_ERROR, "request", "send one JSON object a line", "this is no request: %s",
                 status_text(st));
        return st;
    }
    if (ret->type == 0 && ret->command == CONTROL_TRACE)
        ret->type = RR_A;
    return check_request(ret, d);
}

void control_write(const struct control_request *rq, struct text *out)
{
    struct json j = json_of(out, false);
    char name[NAME_TEXT_MAX];
    json_object(&j);
    json_kv_str(&j, "command", control_word(rq->command));
    if (rq->json)
        json_kv_bool(&j, "json", true);
    if (rq->has_name)
        json_kv_str(&j, "name", name_str(rq->name.w, name));
    if (rq->type != 0) {
        char type[32];
        struct text t = text_of(type, sizeof type);
        rr_type_text(rq->type, &t);
        json_kv_str(&j, "type", type);
    }
    if (rq->below)
        json_kv_bool(&j, "below", true);
    if (rq->all)
        json_kv_bool(&j, "all", true);
    if (rq->cold)
        json_kv_bool(&j, "cold", true);
    if (rq->colour)
        json_kv_bool(&j, "colour", true);
    if (rq->format != FORMAT_TEXT)
        json_kv_str(&j, "format", formats[rq->format]);
    if (rq->level[0] != '\0')
        json_kv_str(&j, "level", rq->level);
    if (rq->reason[0] != '\0')
        json_kv_str(&j, "reason", rq->reason);
    if (rq->last > 0)
        json_kv_uint(&j, "last", rq->last);
    if (rq->over_ms > 0)
        json_kv_uint(&j, "over-ms", rq->over_ms);
    if (rq->hour)
        json_kv_bool(&j, "hour", true);
    if (rq->address.family != ADDR_NONE) {
        char a[NETADDR_TEXT_MAX];
        struct text t = text_of(a, sizeof a);
        netaddr_text(&rq->address, &t);
        json_kv_str(&j, "address", a);
    }
    json_object_end(&j);
    text_char(out, '\n');
}

void control_reply_header(const char *error, const char *hint, size_t size, struct text *out)
{
    struct json j = json_of(out, false);
    json_object(&j);
    json_kv_bool(&j, "ok", error == NULL);
    if (error != NULL)
        json_kv_str(&j, "error", error);
    if (hint != NULL && hint[0] != '\0')
        json_kv_str(&j, "hint", hint);
    json_kv_uint(&j, "size", size);
    json_object_end(&j);
    text_char(out, '\n');
}

enum status control_reply_parse(struct bytes line, struct control_reply *ret)
{
    struct flat f;
    struct flat_value v;
    char key[FLAT_TEXT];
    bool sized = false;
    memset(ret, 0, sizeof *ret);
    TRY(flat_begin(&f, line));
    enum status st;
    while ((st = flat_next(&f, key, &v)) == ST_OK) {
        bool error = strcmp(key, "error") == 0;
        if (strcmp(key, "ok") == 0) {
            ret->ok = v.truth;
        } else if (error || strcmp(key, "hint") == 0) {
            struct text t = text_of(error ? ret->error : ret->hint,
                                    error ? sizeof ret->error : sizeof ret->hint);
            text_str(&t, v.text);
        } else if (strcmp(key, "size") == 0 && v.kind == FLAT_NUMBER) {
            sized = v.number <= LIMIT_CONTROL_REPLY;
            ret->size = sized ? (size_t)v.number : 0;
        }
    }
    flat_end(&f);
    return st == ST_ENOTFOUND && sized ? ST_OK : ST_ESYNTAX;
}

void control_stats_text(const struct control_stat *v, size_t n, struct text *out)
{
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(v[i].section, v[i - 1].section) != 0)
            text_fmt(out, "%s%s\n", i ? "\n" : "", v[i].section);
        size_t from = out->n;
        text_fmt(out, "  %s", v[i].name);
        text_pad(out, from, 24);
        text_fmt(out, "%14llu  %s\n", (unsigned long long)v[i].value, v[i].help);
    }
}

void control_stats_json(const struct control_stat *v, size_t n, struct text *out)
{
    struct json j = json_of(out, true);
    json_object(&j);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(v[i].section, v[i - 1].section) != 0) {
            json_key(&j, v[i].section);
            json_object(&j);
        }
        json_kv_uint(&j, v[i].name, v[i].value);
        if (i + 1 == n || strcmp(v[i].section, v[i + 1].section) != 0)
            json_object_end(&j);
    }
    json_object_end(&j);
    text_char(out, '\n');
}
