/* One value of each type: read from text with bounds, written back, compared. */
#include "base/codec.h"
#include "config/schema.h"
#include "dns/record.h"

#include <stdio.h>

/* A decimal number at the start of text; false if there is none or it is too big. */
static bool number_read(const char *text, size_t n, uint64_t *ret, size_t *ret_used)
{
    uint64_t v = 0;
    size_t i = 0;
    for (; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
        unsigned d = (unsigned)(text[i] - '0');
        if (v > (UINT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *ret = v;
    *ret_used = i;
    return i > 0;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit units_none[] = {{"", 1}, {NULL, 0}};
static const struct unit units_size[] = {{"", 1},          {"k", 1 << 10},   {"K", 1 << 10},
                                         {"KiB", 1 << 10}, {"M", 1 << 20},   {"MiB", 1 << 20},
                                         {"G", 1 << 30},   {"GiB", 1 << 30}, {NULL, 0}};
static const struct unit units_msec[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
static const struct unit units_sec[] = {{"", 1},      {"s", 1},      {"m", 60}, {"h", 3600},
                                        {"d", 86400}, {"w", 604800}, {NULL, 0}};

static const struct unit *units_of(const struct option *o)
{
    return o->type == OPT_SIZE   ? units_size
           : o->type == OPT_MSEC ? units_msec
           : o->type == OPT_SEC  ? units_sec
                                 : units_none;
}

static bool uint_read(const struct value_reader *vr, const struct option *o, const char *text,
                      size_t n, uint64_t *ret)
{
    uint64_t v;
    size_t used;
    const struct unit *u = units_of(o);
    if (number_read(text, n, &v, &used)) {
        /* Nothing is nothing in every unit. */
        while (u->name != NULL && !(v == 0 && used == n) &&
               (strlen(u->name) != n - used || memcmp(u->name, text + used, n - used) != 0))
            u++;
        if (u->name != NULL && v <= UINT64_MAX / u->factor) {
            v *= u->factor;
            if (v >= o->min && v <= o->max) {
                *ret = v;
                return true;
            }
        }
    }
    text_str(vr->why, "must be ");
    option_type_text(o, vr->why);
    return false;
}

static bool bool_read(const struct value_reader *vr, const char *text, bool *ret)
{
    static const char *const yes[] = {"yes", "true", "on"}, *const no[] = {"no", "false", "off"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *ret = strcmp(text, yes[i]) == 0;
            return true;
        }
    }
    text_str(vr->why, "must be yes or no");
    return false;
}

static bool word_read(const struct value_reader *vr, const struct option *o, const char *text,
                      size_t n, uint32_t *ret)
{
    struct bytes w;
    for (unsigned i = 0; option_choice(o, i, &w); i++) {
        if (w.n == n && memcmp(w.p, text, n) == 0) {
            *ret = i;
            return true;
        }
    }
    /* Where yes and no are among the words, what else a switch may be called is, too: some were
     * switches before. */
    static const struct {
        const char *said, *meant;
    } same[] = {{"true", "yes"}, {"on", "yes"}, {"false", "no"}, {"off", "no"}};
    for (size_t k = 0; k < ARRAY_LEN(same); k++) {
        if (strlen(same[k].said) != n || memcmp(same[k].said, text, n) != 0)
            continue;
        for (unsigned i = 0; option_choice(o, i, &w); i++)
            if (bytes_equal(w, bytes_str(same[k].meant))) {
                *ret = i;
                return true;
            }
    }
    text_str(vr->why, "must be ");
    option_type_text(o, vr->why);
    return false;
}

static bool string_read(const struct value_reader *vr, const struct option *o, const char *text,
                        size_t n, const char **ret)
{
    bool relative = o->type == OPT_PATH && n > 0 && text[0] != '/' && vr->base_dir[0] != '\0';
    size_t dir = relative ? strlen(vr->base_dir) + 1 : 0;
    if (n < o->min || n > o->max || (dir > 0 && n + dir > 4095)) {
        text_fmt(vr->why, "must be %s of %llu to %llu bytes",
                 o->type == OPT_PATH ? "a path" : "text", (unsigned long long)o->min,
                 (unsigned long long)o->max);
        return false;
    }
    char *s = arena_alloc_bytes(vr->arena, dir + n + 1);
    if (s == NULL)
        return false;
    if (dir > 0) {
        memcpy(s, vr->base_dir, dir - 1);
        s[dir - 1] = '/';
    }
    memcpy(s + dir, text, n);
    s[dir + n] = '\0';
    *ret = s;
    return true;
}

static bool name_read(const struct value_reader *vr, const char *text, size_t n,
                      const uint8_t **ret)
{
    struct name name;
    if (name_parse(bytes_of(text, n), name_root, &name) != ST_OK) {
        text_str(vr->why, "is not a domain name");
        return false;
    }
    name_lower_inplace(name.w);
    *ret = arena_dup(vr->arena, name.w, name_len(name.w));
    return *ret != NULL;
}

void *list_grow(struct arena *a, struct option_list *l, size_t item_size)
{
    if (l->n == 0 || (l->n & (l->n - 1)) == 0) { /* powers of two: room is used up */
        void *v = arena_zalloc(a, (l->n ? 2 * l->n : 1) * item_size);
        if (v == NULL)
            return NULL;
        if (l->n > 0)
            memcpy(v, l->v, l->n * item_size);
        l->v = v;
    }
    return (char *)l->v + l->n++ * item_size;
}

static bool element_read(const struct value_reader *vr, const struct option *o, const char *text,
                         size_t n, void *at)
{
    struct option_list *l = at;
    if (l->n >= o->max) {
        text_fmt(vr->why, "has more than %llu elements", (unsigned long long)o->max);
        return false;
    }
    if (o->type == OPT_PREFIXES) {
        struct netprefix p;
        enum status st = netprefix_parse(bytes_of(text, n), &p);
        struct netprefix *slot = st == ST_OK ? list_grow(vr->arena, l, sizeof p) : NULL;
        if (slot != NULL)
            *slot = p;
        else if (st == ST_ESEMANTIC)
            text_str(vr->why, "has bits set past its length");
        else
            text_str(vr->why, "is not an address prefix such as 192.0.2.0/24");
        return slot != NULL;
    }
    struct netaddr addr;
    uint16_t port = o->type == OPT_ADDRESSES ? 53 : 0;
    bool ok = netaddr_parse_port(bytes_of(text, n), port, &addr) == ST_OK &&
              (addr.port != 0 || o->type == OPT_HOSTS);
    struct netaddr *slot = ok ? list_grow(vr->arena, l, sizeof addr) : NULL;
    if (slot != NULL)
        *slot = addr;
    else
        text_fmt(vr->why, "is not an address such as 192.0.2.1@53 or 2001:db8::1%s",
                 o->type == OPT_ADDRESSES ? "@53" : "");
    return slot != NULL;
}

/* What a record is wrong by, in words that go on from the option's name. */
static bool record_read(const struct value_reader *vr, const char *text, size_t n)
{
    uint8_t *room = arena_alloc_bytes(vr->arena, LIMIT_MESSAGE);
    struct writer w = wr_of(room, room != NULL ? LIMIT_MESSAGE : 0);
    struct record_line r;
    struct diag d = {0};
    bool ok = room != NULL && record_parse(bytes_of(text, n), &w, &r, &d) == ST_OK;
    if (room != NULL)
        arena_shrink(vr->arena, room, LIMIT_MESSAGE, 0);
    if (!ok)
        text_fmt(vr->why, "is no record: %s (at its character %u)", d.message, d.column);
    return ok;
}

static bool text_element_read(const struct value_reader *vr, const struct option *o,
                              const char *text, size_t n, void *at)
{
    struct option_list *l = at;
    const void *value = NULL;
    const struct option path = {.type = OPT_PATH, .min = 1, .max = 4095};
    const struct option line = {.type = OPT_STRING, .min = 1, .max = LIMIT_MESSAGE};
    bool ok;
    if (l->n >= o->max) {
        text_fmt(vr->why, "has more than %llu elements", (unsigned long long)o->max);
        return false;
    }
    if (o->type == OPT_NAMES)
        ok = name_read(vr, text, n, (const uint8_t **)&value);
    else if (o->type == OPT_PATHS)
        ok = string_read(vr, &path, text, n, (const char **)&value);
    else
        ok = record_read(vr, text, n) && string_read(vr, &line, text, n, (const char **)&value);
    const void **slot = ok ? list_grow(vr->arena, l, sizeof value) : NULL;
    if (slot != NULL)
        *slot = value;
    return slot != NULL;
}

static bool secret_read(const struct value_reader *vr, const char *text, size_t n,
                        struct config_secret *ret)
{
    struct writer w = wr_of(ret->key, sizeof ret->key);
    if (n != 32 || hex_parse(bytes_of(text, n), &w) != ST_OK) {
        text_str(vr->why, "must be 32 hexadecimal digits");
        return false;
    }
    ret->set = true;
    return true;
}

bool value_read(const struct value_reader *vr, const struct option *o, const char *text, size_t n,
                void *at)
{
    uint64_t v = 0;
    switch (o->type) {
    case OPT_BOOL:
        return bool_read(vr, text, at);
    case OPT_UINT:
    case OPT_MSEC:
    case OPT_SEC:
        if (!uint_read(vr, o, text, n, &v))
            return false;
        *(uint32_t *)at = (uint32_t)v;
        return true;
    case OPT_SIZE:
        return uint_read(vr, o, text, n, at);
    case OPT_WORD:
        return word_read(vr, o, text, n, at);
    case OPT_STRING:
    case OPT_PATH:
        return string_read(vr, o, text, n, at);
    case OPT_NAME:
        return name_read(vr, text, n, at);
    case OPT_HEX128:
        return secret_read(vr, text, n, at);
    case OPT_NAMES:
    case OPT_RECORDS:
    case OPT_PATHS:
        return text_element_read(vr, o, text, n, at);
    case OPT_ADDRESSES:
    case OPT_HOSTS:
    case OPT_PREFIXES:
        return element_read(vr, o, text, n, at);
    case OPT_SECTION:
    case OPT_ITEMS:
        break;
    }
    return false;
}

bool value_default(const struct value_reader *vr, const struct option *o, void *at)
{
    const char *p = o->def;
    if (p == NULL || p == option_required)
        return true;
    if (!option_is_list(o))
        return value_read(vr, o, p, strlen(p), at);
    while (*p != '\0') {
        size_t n = strcspn(p, ",");
        if (!value_read(vr, o, p, n, at))
            return false;
        p += n;
        p += strspn(p, ", ");
    }
    return true;
}

bool value_unset(const struct option *o, const void *at)
{
    switch (o->type) {
    case OPT_STRING:
    case OPT_PATH:
    case OPT_NAME:
        return *(const char *const *)at == NULL;
    case OPT_HEX128:
        return !((const struct config_secret *)at)->set;
    case OPT_ADDRESSES:
    case OPT_HOSTS:
    case OPT_PREFIXES:
    case OPT_NAMES:
    case OPT_RECORDS:
    case OPT_PATHS:
        return ((const struct option_list *)at)->n == 0 && o->def == NULL;
    default:
        return false;
    }
}

/* In the largest unit that divides it. */
static void unit_text(uint64_t v, const struct unit *u, struct text *out)
{
    const struct unit *best = u;
    for (; u->name != NULL; u++)
        if (u->factor > best->factor && v > 0 && v % u->factor == 0)
            best = u;
    text_fmt(out, "%llu%s", (unsigned long long)(v / best->factor), best->name);
}

/* Double-quoted YAML, which is also JSON. */
static void quoted_text(const char *s, struct text *out)
{
    struct json j = json_of(out, false);
    json_str(&j, s);
}

static void element_text(const struct option *o, const void *at, size_t i, struct text *out)
{
    const struct option_list *l = at;
    if (o->type == OPT_PREFIXES) {
        const struct netprefix *p = (const struct netprefix *)l->v + i;
        text_char(out, '"');
        netaddr_text(&p->addr, out);
        text_fmt(out, "/%u\"", p->bits);
        return;
    }
    if (o->type == OPT_NAMES) {
        char name[NAME_TEXT_MAX];
        quoted_text(name_str(((const uint8_t *const *)l->v)[i], name), out);
        return;
    }
    if (o->type == OPT_RECORDS || o->type == OPT_PATHS) {
        quoted_text(((const char *const *)l->v)[i], out);
        return;
    }
    const struct netaddr *a = (const struct netaddr *)l->v + i;
    text_char(out, '"');
    netaddr_text(a, out);
    if (a->port != 0)
        text_fmt(out, "@%u", a->port);
    text_char(out, '"');
}

void value_text(const struct option *o, const void *at, size_t i, struct text *out)
{
    struct bytes w;
    char name[NAME_TEXT_MAX];
    if (value_unset(o, at)) {
        text_str(out, "null");
        return;
    }
    switch (o->type) {
    case OPT_BOOL:
        text_str(out, *(const bool *)at ? "yes" : "no");
        break;
    case OPT_UINT:
        text_uint(out, *(const uint32_t *)at);
        break;
    case OPT_SIZE:
        unit_text(*(const uint64_t *)at, units_size, out);
        break;
    case OPT_MSEC:
        unit_text(*(const uint32_t *)at, units_msec, out);
        break;
    case OPT_SEC:
        unit_text(*(const uint32_t *)at, units_sec + 1, out);
        break;
    case OPT_WORD:
        if (option_choice(o, *(const uint32_t *)at, &w))
            text_bytes(out, w.p, w.n);
        break;
    case OPT_STRING:
    case OPT_PATH:
        quoted_text(*(const char *const *)at, out);
        break;
    case OPT_NAME:
        quoted_text(name_str(*(const uint8_t *const *)at, name), out);
        break;
    case OPT_HEX128:
        text_char(out, '"');
        hex_text(bytes_of(((const struct config_secret *)at)->key, 16), out);
        text_char(out, '"');
        break;
    case OPT_ADDRESSES:
    case OPT_HOSTS:
    case OPT_PREFIXES:
    case OPT_NAMES:
    case OPT_RECORDS:
    case OPT_PATHS:
        element_text(o, at, i, out);
        break;
    case OPT_SECTION:
    case OPT_ITEMS:
        break;
    }
}

bool value_equal(const struct option *o, const void *a, const void *b)
{
    if (option_is_list(o)) {
        const struct option_list *x = a, *y = b;
        if (x->n != y->n)
            return false;
    }
    size_t n = option_is_list(o) ? ((const struct option_list *)a)->n : 1;
    struct text ta = text_heap(65536), tb = text_heap(65536);
    bool same = true;
    for (size_t i = 0; i < n && same; i++) {
        text_clear(&ta);
        text_clear(&tb);
        value_text(o, a, i, &ta);
        value_text(o, b, i, &tb);
        same = strcmp(text_cstr(&ta), text_cstr(&tb)) == 0;
    }
    text_free(&ta);
    text_free(&tb);
    return same;
}
